//! How work is shared: jobs by number on a few threads, as long as there is time.

use super::fault::{Blame, Fault, Tally};
use super::recorder::ENDLESS;
use crate::crew::panic_words;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Most threads: a small machine has to go on working.
const THREADS_MAX: usize = 2;

/// How much is to be done, and with what planted.
pub struct Work {
    /// Nothing is begun after this.
    pub until: Instant,
    /// Added to every seed: so long runs see other cases each time.
    pub start: u64,
    /// The planted bug that is switched on; empty for none.
    pub bug: String,
    /// Whether the first fault ends it.
    pub stops_early: bool,
    /// One fault was found.
    pub has_failed: AtomicBool,
}

impl Work {
    /// Work until then, from this seed on.
    pub fn until(until: Instant, start: u64) -> Self {
        Self {
            until,
            start,
            bug: String::new(),
            stops_early: false,
            has_failed: AtomicBool::new(false),
        }
    }

    /// With a planted bug, until it is caught.
    pub fn hunting(self, bug: &str) -> Self {
        Self {
            bug: bug.into(),
            stops_early: true,
            ..self
        }
    }

    /// The same, for at most so many seconds from now.
    pub fn within(&self, seconds: u64) -> Self {
        Self {
            until: self
                .until
                .min(Instant::now() + Duration::from_secs(seconds)),
            start: self.start,
            bug: self.bug.clone(),
            stops_early: self.stops_early,
            has_failed: AtomicBool::new(false),
        }
    }

    /// The seed of a job.
    pub fn seed(&self, job: u64) -> u64 {
        self.start.wrapping_mul(1_000_003).wrapping_add(job)
    }

    /// A fault was found.
    pub fn fail(&self) {
        self.has_failed.store(true, Ordering::Relaxed);
    }

    /// Whether nothing more is to be begun.
    pub fn is_over(&self) -> bool {
        Instant::now() >= self.until
            || (self.stops_early && self.has_failed.load(Ordering::Relaxed))
    }

    /// Does jobs 0, 1, 2, ... on a few threads, until the time is over or a job says that there is
    /// none left.
    pub fn share(&self, job: impl Fn(u64) -> Option<Tally> + Sync) -> Tally {
        let next = AtomicU64::new(0);
        let total = Mutex::new(Tally::default());
        let labour = || {
            crate::planted::choose(&self.bug);
            while !self.is_over() {
                let Some(tally) = job(next.fetch_add(1, Ordering::Relaxed)) else {
                    break;
                };
                if tally.failed() > 0 {
                    self.fail();
                }
                let mut total = total.lock().unwrap_or_else(PoisonError::into_inner);
                total.absorb(tally);
            }
            crate::planted::choose("");
        };
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            for _ in 0..threads.min(THREADS_MAX) {
                scope.spawn(labour);
            }
        });
        total.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs one case. A panic is a fault like others.
pub fn caught<T>(case: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(case)).unwrap_or_else(|_| {
        let words = panic_words();
        let is_endless = words.contains(ENDLESS);
        let blame = if is_endless {
            Blame::Hang
        } else {
            Blame::Panic
        };
        Err(Fault::new(blame, words))
    })
}
