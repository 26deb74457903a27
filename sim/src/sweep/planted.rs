//! The canaries of the sweeps: each planted bug of the store is switched on, and the ordinary
//! sweeps, which are not told which, must catch it.

use crate::report;
use std::process::ExitCode;

/// Bugs that the sweeps must catch.
#[cfg(feature = "planted")]
const BUGS: [&str; 14] = [
    "store_base_ignored",
    "store_block_unchecked",
    "store_checksum_unchecked",
    "store_count_unchecked",
    "store_deletes_dropped_early",
    "store_flushed_mark_ignored",
    "store_link_length_ignored",
    "store_obsolete_too_early",
    "store_oldest_wins",
    "store_poison_forgotten",
    "store_run_before_flush",
    "store_stale_run_salvaged",
    "store_torn_tail_kept",
    "store_unflushed_tail_linked",
];

/// Says how to build it with them.
#[cfg(not(feature = "planted"))]
pub fn hunt(_only: Option<&str>) -> ExitCode {
    println!(
        "built without planted bugs: \
         cargo run --profile sweep -p holm-sim --features planted -- sweep-planted"
    );
    report::counted(0, 1)
}

/// Hunts every bug of the list, or one by its name.
#[cfg(feature = "planted")]
pub fn hunt(only: Option<&str>) -> ExitCode {
    let (mut caught, mut missed) = (0, 0);
    for bug in BUGS
        .iter()
        .filter(|bug| only.is_none_or(|only| only == **bug))
    {
        let found = super::hunt(bug);
        for (part, fault) in &found {
            println!("{bug:32} {part:6} {:?}: {:.90}", fault.blame, fault.problem);
        }
        if found.is_empty() {
            missed += 1;
            println!("{bug:32} NOT CAUGHT");
        } else {
            caught += 1;
        }
    }
    report::counted(caught, missed)
}
