//! Runs many seeds on a few threads, a whole seed on one thread, and keeps what each came to.

use crate::trace::Lines;
use crate::world::{self, Failure, Outcome};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
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
    only_copies: bool,
}

impl Seeds {
    /// So many from a first one.
    pub fn count(start: u64, count: u64) -> Self {
        Self {
            start,
            count,
            until: None,
            only_copies: false,
        }
    }

    /// From a first one, as long as there is time.
    pub fn until(start: u64, until: Instant) -> Self {
        Self {
            start,
            count: u64::MAX - start,
            until: Some(until),
            only_copies: false,
        }
    }

    /// Of these only those in whose worlds disks are copied.
    pub fn with_copies(self) -> Self {
        Self {
            only_copies: true,
            ..self
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

/// Runs seeds as shipped, and tells of each that is done.
pub fn run_all(seeds: Seeds, tell: impl Fn(&[Ran]) + Sync) -> Vec<Ran> {
    let next = AtomicU64::new(0);
    let ran = Mutex::new(Vec::new());
    on_threads(|| {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if at >= seeds.count || seeds.is_over() {
                break;
            }
            let seed = seeds.start + at;
            if seeds.only_copies && world::plan(seed).copies.is_none() {
                continue;
            }
            let one = run_one(seed, Lines::Hidden);
            let mut ran = ran.lock().expect("no thread panics while it holds this");
            ran.push(one);
            tell(&ran);
        }
    });
    let mut ran = ran
        .into_inner()
        .expect("no thread panics while it holds this");
    ran.sort_by_key(|one| one.seed);
    ran
}
