//! What the command prints: progress, failures with the command that runs them again, figures, and
//! a last line that can be counted.

use crate::crew::Ran;
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

/// How many seeds are between two lines of progress.
const EVERY: usize = 50;

/// Tells how far a run is.
pub fn progress(ran: &[Ran], elapsed: Duration) {
    if ran.len().is_multiple_of(EVERY) {
        let failed = ran
            .iter()
            .filter(|one| one.outcome.failure.is_some())
            .count();
        println!(
            "{} seeds, {failed} failed, {} s",
            ran.len(),
            elapsed.as_secs()
        );
    }
}

/// Most failures that are printed.
const SHOWN_MAX: usize = 15;

fn print_failure(ran: &Ran) {
    let Some(failure) = &ran.outcome.failure else {
        return;
    };
    println!(
        "seed {}: {} at {} ms: {}",
        ran.seed, failure.checker, failure.at_ms, failure.problem
    );
    println!(
        "  rerun: cargo run --profile sweep -p holm-sim -- run --seed {} --trace",
        ran.seed
    );
}

/// Prints the end of a run.
pub fn finish(ran: &[Ran], elapsed: Duration) -> ExitCode {
    let mut tally: BTreeMap<&str, u64> = BTreeMap::new();
    for (name, count) in ran.iter().flat_map(|one| &one.outcome.tally) {
        *tally.entry(name).or_default() += count;
    }
    let events = || ran.iter().map(|one| one.outcome.events);
    let (all, most) = (events().sum::<u64>(), events().max().unwrap_or(0));
    println!("events: {all}, {most} in the busiest world");
    for (name, count) in tally {
        println!("{name}: {count}");
    }
    if let [one] = ran {
        println!("trace hash: {:016x}", one.outcome.hash);
    }
    if elapsed > Duration::ZERO {
        let seconds = elapsed.as_secs_f64();
        println!(
            "{:.1} s, {:.1} seeds/s",
            seconds,
            ran.len() as f64 / seconds
        );
    }
    let broken = || ran.iter().filter(|one| one.outcome.failure.is_some());
    broken().take(SHOWN_MAX).for_each(print_failure);
    let failed = broken().count();
    counted(ran.len() - failed, failed)
}

/// The last line, as that of `cargo test`.
pub fn counted(passed: usize, failed: usize) -> ExitCode {
    let word = if failed == 0 { "ok" } else { "FAILED" };
    println!("test result: {word}. {passed} passed; {failed} failed");
    ExitCode::from(u8::from(failed > 0))
}
