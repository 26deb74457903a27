//! The canaries: each planted bug of `docs/PLANTED.md` that concerns the world is switched on, and
//! the ordinary run, which is not told which, must catch it.

#[cfg(feature = "planted")]
use crate::crew;
use crate::report;
#[cfg(feature = "planted")]
use crate::trace::Lines;
#[cfg(feature = "planted")]
use crate::world::{self, Failure};
use std::process::ExitCode;
#[cfg(feature = "planted")]
use std::sync::atomic::{AtomicUsize, Ordering};

/// Seeds that a bug may need: the budget of an ordinary run.
#[cfg(feature = "planted")]
const BUDGET: u64 = 300;

/// Bugs that this suite must catch.
#[cfg(feature = "planted")]
const BUGS: [&str; 21] = [
    "engine_answer_before_flush",
    "engine_batch_not_halved",
    "engine_clock_ignores_others",
    "engine_covered_kept",
    "engine_cursor_in_own_record",
    "engine_discard_before_flush",
    "engine_entry_in_second_record",
    "engine_frame_before_flush",
    "engine_get_misses_commits",
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

/// Hunts every bug of the list, or one by its name, which may be any. Each bug has a thread of its
/// own.
#[cfg(feature = "planted")]
pub fn hunt(only: Option<&str>) -> ExitCode {
    let all = || BUGS.into_iter().chain(BUGS_OF_COPIES).collect();
    let bugs: Vec<&str> = only.map_or_else(all, |only| vec![only]);
    // The seeds of an ordinary run, those first whose worlds are quickly over.
    let mut seeds: Vec<u64> = (1..=BUDGET).collect();
    seeds.sort_by_key(|seed| world::plan(*seed).acts());
    let next = AtomicUsize::new(0);
    let (caught, missed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    crew::on_threads(|| {
        while let Some(bug) = bugs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let (is_caught, line) = hunt_one(bug, &seeds);
            let count = if is_caught { &caught } else { &missed };
            count.fetch_add(1, Ordering::Relaxed);
            println!("{bug:40} {line}");
        }
    });
    report::counted(caught.into_inner(), missed.into_inner())
}

/// Whether a bug was caught, and what is to be said of it.
#[cfg(feature = "planted")]
fn hunt_one(bug: &str, seeds: &[u64]) -> (bool, String) {
    // Only those that can fail at all.
    let needs_copies = BUGS_OF_COPIES.contains(&bug);
    let can_fail = |seed: &u64| !needs_copies || world::plan(*seed).copies.is_some();
    let mut tried = seeds.iter().copied().filter(can_fail);
    let found = tried.find_map(|seed| Some((seed, failure(seed, bug)?)));
    let Some((seed, found)) = found else {
        return (false, format!("NOT CAUGHT in {BUDGET} seeds"));
    };
    // What is found then is not the bug.
    if failure(seed, "").is_some() {
        return (false, format!("seed {seed:3}  fails without it too"));
    }
    let (checker, problem) = (found.checker, found.problem);
    (true, format!("seed {seed:3}  {checker:18} {problem:.100}"))
}

#[cfg(feature = "planted")]
fn failure(seed: u64, bug: &str) -> Option<Failure> {
    choose(bug);
    let ran = crew::run_one(seed, Lines::Hidden);
    choose("");
    ran.outcome.failure
}
