//! Sweeps: the store and the decoders taken through every case of a kind, or as many as there is
//! time for. Crashes at every boundary, failures of every call, flips of every bit, and bytes that
//! nobody wrote.
//!
//! The harness keeps its own account of what was acknowledged. Everything follows from seeds.

pub mod account;
pub mod crash;
pub mod engine;
pub mod fail;
pub mod fault;
pub mod flip;
pub mod fuzz;
pub mod life;
pub mod memory;
pub mod planted;
pub mod process;
pub mod recorder;
pub mod work;

use crate::report;
use fault::{Blame, Tally};
use std::process::ExitCode;
use std::time::{Duration, Instant};
use work::Work;

/// Time for all sweeps in the ordinary tests: several times what they need.
pub const SECONDS: u64 = 240;

/// How far the sweeps go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// As far as the ordinary tests do. Less than the floor is a failure.
    Enough,
    /// As long as there is time.
    Endless,
}

/// What is asked of the sweeps.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    /// Time for all of them.
    pub seconds: u64,
    /// The seed from which they go on.
    pub start: u64,
    /// How far they go.
    pub extent: Extent,
}

/// One of the sweeps.
struct Part {
    name: &'static str,
    /// Its share of the time, in hundredths.
    share: u64,
    /// What is counted, and how many there must be.
    floor: (&'static str, u64),
    go: fn(&Work, Extent) -> Tally,
}

const PARTS: [Part; 5] = [
    Part {
        name: "crash",
        share: 40,
        floor: ("distinct images", crash::FLOOR),
        go: |work, extent| match extent {
            Extent::Enough => crash::run(work, crash::ENOUGH),
            Extent::Endless => crash::run(work, u64::MAX),
        },
    },
    Part {
        name: "fail",
        share: 15,
        floor: ("cases", fail::FLOOR),
        go: |work, extent| match extent {
            Extent::Enough => fail::run(work, 1),
            Extent::Endless => fail::run(work, u64::MAX),
        },
    },
    Part {
        name: "engine",
        share: 15,
        floor: ("cases", engine::FLOOR),
        go: |work, extent| match extent {
            Extent::Enough => engine::run(work, 1),
            Extent::Endless => engine::run(work, u64::MAX),
        },
    },
    Part {
        name: "flip",
        share: 25,
        floor: ("flips", flip::FLOOR),
        go: |work, extent| match extent {
            Extent::Enough => flip::run(work, flip::Larger::Enough),
            Extent::Endless => flip::run(work, flip::Larger::Endless),
        },
    },
    Part {
        name: "fuzz",
        share: 20,
        floor: ("inputs", fuzz::FLOOR),
        go: |work, extent| match extent {
            Extent::Enough => fuzz::run(&work.within(fuzz::SECONDS)),
            Extent::Endless => fuzz::run(work),
        },
    },
];

/// Runs all sweeps, or one by its name.
pub fn run(order: &Order, only: Option<&str>) -> ExitCode {
    let parts = PARTS
        .iter()
        .filter(|part| only.is_none_or(|only| only == part.name));
    let parts: Vec<&Part> = parts.collect();
    let shares: u64 = parts.iter().map(|part| part.share).sum();
    let (mut passed, mut failed) = (0, usize::from(parts.is_empty()));
    for part in parts {
        let begin = Instant::now();
        let box_ms = order.seconds * 1_000 * part.share / shares.max(1);
        let work = Work::until(begin + Duration::from_millis(box_ms), order.start);
        let tally = (part.go)(&work, order.extent);
        if report_part(part, order.extent, &tally, begin.elapsed()) {
            passed += 1;
        } else {
            failed += 1;
        }
    }
    report::counted(passed, failed)
}

/// Runs the sweeps of the store with a planted bug, each until it has caught it, and gives what
/// each found first. All of them, or until one has caught it.
#[cfg(feature = "planted")]
pub(crate) fn hunt(bug: &str, until_caught: bool) -> Vec<(&'static str, fault::Fault)> {
    let mut found = Vec::new();
    // The quickest first.
    for name in ["fail", "crash", "flip", "engine"] {
        let part = PARTS.iter().find(|part| part.name == name);
        let part = part.expect("there is a sweep of that name");
        let until = Instant::now() + Duration::from_secs(SECONDS * part.share / 100);
        let work = Work::until(until, 0).hunting(bug);
        let first = (part.go)(&work, Extent::Enough).faults.into_iter().next();
        found.extend(first.map(|fault| (name, fault)));
        if until_caught && !found.is_empty() {
            break;
        }
    }
    found
}

/// Prints what a sweep came to, and says whether it passed.
fn report_part(part: &Part, extent: Extent, tally: &Tally, elapsed: Duration) -> bool {
    let seconds = elapsed.as_secs_f64();
    let (attempted, failed) = (tally.attempted, tally.failed());
    let passed = attempted.saturating_sub(failed);
    let rate = attempted as f64 / seconds;
    let name = part.name;
    println!("{name}: attempted: {attempted}");
    println!("{name}: passed: {passed}");
    for (what, count) in &tally.counts {
        println!("{name}: {what}: {count}");
    }
    let blames = [
        Blame::Lost,
        Blame::Half,
        Blame::Silent,
        Blame::Wrong,
        Blame::Panic,
        Blame::Hang,
    ];
    let words: Vec<String> = blames
        .into_iter()
        .chain([Blame::Memory, Blame::Other])
        .map(|blame| format!("{blame:?} {}", tally.of(blame)))
        .collect();
    println!("{name}: faults: {}", words.join(", "));
    println!("{name}: {seconds:.1} s, {rate:.0} a second");
    for fault in &tally.faults {
        println!("{name}: {fault}");
    }
    let (counted, floor) = part.floor;
    let reached = tally.counts.get(counted).copied().unwrap_or(0);
    let is_low = extent == Extent::Enough && reached < floor;
    if is_low {
        println!("{name}: {reached} {counted} are fewer than {floor}");
    }
    failed == 0 && !is_low
}
