//! The canaries: each planted bug of `docs/PLANTED.md` that concerns the world is switched on, and
//! the ordinary run, which is not told which, must catch it.

#[cfg(feature = "planted")]
use crate::crew::{self, Seeds};
use crate::report;
#[cfg(feature = "planted")]
use crate::trace::Lines;
use std::process::ExitCode;
#[cfg(feature = "planted")]
use std::sync::atomic::{AtomicUsize, Ordering};

/// Seeds that a bug may need: the budget of an ordinary run.
#[cfg(feature = "planted")]
const BUDGET: u64 = 300;

/// Bugs that this suite must catch.
#[cfg(feature = "planted")]
const BUGS: [&str; 20] = [
    "engine_answer_before_flush",
    "engine_batch_not_halved",
    "engine_clock_ignores_others",
    "engine_covered_kept",
    "engine_cursor_in_own_record",
    "engine_discard_before_flush",
    "engine_entry_in_second_record",
    "engine_frame_before_flush",
    "engine_life_moved_on_failure",
    "engine_life_not_kept",
    "engine_owed_void_dropped",
    "engine_pages_shown_early",
    "engine_refused_still_shown",
    "engine_repeated_executed",
    "engine_restamp_follows_unsent",
    "engine_restamp_skips_saw",
    "engine_seq_not_stored",
    "engine_stale_page_taken",
    "engine_tie_first_wins",
    "engine_verdict_not_stored",
];

/// Others, which show only where disks are copied.
#[cfg(feature = "planted")]
const BUGS_OF_COPIES: [&str; 5] = [
    "engine_copy_drops_sent",
    "engine_copy_replica_not_stored",
    "engine_copy_resends_accepted",
    "engine_copy_restamped",
    "engine_fenced_for_good",
];

/// Switches a bug on in this thread.
#[cfg(feature = "planted")]
pub fn choose(bug: &str) {
    holm::planted::choose(bug);
}

/// Nothing is planted in this build.
#[cfg(not(feature = "planted"))]
pub fn choose(bug: &str) {
    assert!(bug.is_empty(), "this build has no planted bugs");
}

/// Says how to build it with them.
#[cfg(not(feature = "planted"))]
pub fn hunt(_only: Option<&str>) -> ExitCode {
    println!(
        "built without planted bugs: \
         cargo run --profile sweep -p holm-sim --features planted -- planted"
    );
    report::counted(0, 1)
}

/// Whether a seed fails although nothing is planted: what it finds then is not the bug.
#[cfg(feature = "planted")]
fn fails_anyway(seed: u64) -> bool {
    crew::run_one(seed, Lines::Hidden).outcome.failure.is_some()
}

/// Hunts every bug of the list, or one by its name, which may be any. Each bug has a thread, and
/// the seeds one after the other: nobody works on a seed when another has caught the bug.
#[cfg(feature = "planted")]
pub fn hunt(only: Option<&str>) -> ExitCode {
    let all = || BUGS.into_iter().chain(BUGS_OF_COPIES).collect();
    let bugs: Vec<&str> = only.map_or_else(all, |only| vec![only]);
    let next = AtomicUsize::new(0);
    let (caught, missed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    crew::on_threads(|| {
        while let Some(bug) = bugs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let (is_caught, line) = hunt_one(bug);
            let count = if is_caught { &caught } else { &missed };
            count.fetch_add(1, Ordering::Relaxed);
            println!("{line}");
        }
    });
    report::counted(caught.into_inner(), missed.into_inner())
}

/// Whether a bug was caught, and what is to be said of it.
#[cfg(feature = "planted")]
fn hunt_one(bug: &str) -> (bool, String) {
    // In whatever order they are taken, they are the seeds of an ordinary run, or those of them
    // that can fail at all.
    let mut seeds = Seeds::count(1, BUDGET)
        .stopping_early()
        .from_both_ends()
        .on_one_thread();
    if BUGS_OF_COPIES.contains(&bug) {
        seeds = seeds.with_copies();
    }
    let ran = crew::run_all(seeds, bug, |_| {});
    let first = ran
        .iter()
        .find_map(|one| Some((one.seed, one.outcome.failure.as_ref()?)));
    match first {
        Some((seed, _)) if fails_anyway(seed) => (
            false,
            format!("{bug:40} seed {seed:3}  fails without it too"),
        ),
        Some((seed, failure)) => {
            let (checker, problem) = (&failure.checker, &failure.problem);
            (
                true,
                format!("{bug:40} seed {seed:3}  {checker:18} {problem:.100}"),
            )
        }
        None => (false, format!("{bug:40} NOT CAUGHT in {BUDGET} seeds")),
    }
}
