//! Runs many seeds on a few threads, a whole seed on one thread, and keeps what each came to.

use crate::trace::Lines;
use crate::world::{self, Failure, Outcome};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

/// Most threads: a small machine has to go on working.
const THREADS_MAX: usize = 2;

/// A seed and what it came to.
#[derive(Clone, Debug)]
pub struct Ran {
    /// The seed.
    pub seed: u64,
    /// What it came to.
    pub outcome: Outcome,
}

/// Which seeds are to be run.
#[derive(Clone, Copy, Debug)]
pub struct Seeds {
    start: u64,
    count: u64,
    until: Option<Instant>,
    stops_early: bool,
    from_both_ends: bool,
    only_copies: bool,
    on_one_thread: bool,
}

impl Seeds {
    /// So many from a first one.
    pub fn count(start: u64, count: u64) -> Self {
        Self {
            start,
            count,
            until: None,
            stops_early: false,
            from_both_ends: false,
            only_copies: false,
            on_one_thread: false,
        }
    }

    /// From a first one, as long as there is time.
    pub fn until(start: u64, until: Instant) -> Self {
        Self {
            start,
            count: u64::MAX - start,
            until: Some(until),
            stops_early: false,
            from_both_ends: false,
            only_copies: false,
            on_one_thread: false,
        }
    }

    /// No more once one has failed.
    pub fn stopping_early(self) -> Self {
        Self {
            stops_early: true,
            ..self
        }
    }

    /// The first, the last, the second, and so on: what is rare at one end may not be at the other.
    pub fn from_both_ends(self) -> Self {
        Self {
            from_both_ends: true,
            ..self
        }
    }

    /// Of these only those in whose worlds disks are copied.
    pub fn with_copies(self) -> Self {
        Self {
            only_copies: true,
            ..self
        }
    }

    /// One after the other on this thread.
    pub fn on_one_thread(self) -> Self {
        Self {
            on_one_thread: true,
            ..self
        }
    }

    fn nth(&self, at: u64) -> u64 {
        match at / 2 {
            _ if !self.from_both_ends => self.start + at,
            half if at.is_multiple_of(2) => self.start + half,
            half => self.start + self.count - 1 - half,
        }
    }

    fn is_over(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() >= until)
    }
}

thread_local! {
    static PANIC: std::cell::RefCell<String> = const { std::cell::RefCell::new(String::new()) };
}

/// Keeps the words of a panic for the report, instead of printing them.
pub fn keep_panics() {
    std::panic::set_hook(Box::new(|info| {
        PANIC.with_borrow_mut(|words| *words = info.to_string());
    }));
}

/// The words of this thread's last panic.
pub fn panic_words() -> String {
    PANIC.with_borrow(String::clone)
}

/// Runs one seed. A panic is a failure like others.
pub fn run_one(seed: u64, lines: Lines) -> Ran {
    let run = AssertUnwindSafe(|| world::run(seed, lines));
    let outcome = catch_unwind(run).unwrap_or_else(|_| Outcome {
        hash: 0,
        events: 0,
        failure: Some(Failure {
            checker: "panic".into(),
            problem: panic_words(),
            at_ms: 0,
        }),
        tally: BTreeMap::new(),
    });
    Ran { seed, outcome }
}

/// Does the work on each of a few threads.
pub fn on_threads(work: impl Fn() + Sync) {
    let threads = std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(THREADS_MAX);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(&work);
        }
    });
}

/// Runs seeds with one planted bug chosen, or none, and tells of each that is done.
pub fn run_all(seeds: Seeds, bug: &str, tell: impl Fn(&[Ran]) + Sync) -> Vec<Ran> {
    let next = AtomicU64::new(0);
    let has_failed = AtomicBool::new(false);
    let ran = Mutex::new(Vec::new());
    let work = || {
        crate::planted::choose(bug);
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let is_enough = seeds.stops_early && has_failed.load(Ordering::Relaxed);
            if at >= seeds.count || seeds.is_over() || is_enough {
                break;
            }
            let seed = seeds.nth(at);
            if seeds.only_copies && !world::has_copies(seed) {
                continue;
            }
            let one = run_one(seed, Lines::Hidden);
            has_failed.fetch_or(one.outcome.failure.is_some(), Ordering::Relaxed);
            let mut ran = ran.lock().expect("no thread panics while it holds this");
            ran.push(one);
            tell(&ran);
        }
        crate::planted::choose("");
    };
    if seeds.on_one_thread {
        work();
    } else {
        on_threads(work);
    }
    let mut ran = ran
        .into_inner()
        .expect("no thread panics while it holds this");
    ran.sort_by_key(|one| one.seed);
    ran
}
