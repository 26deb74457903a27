//! The canaries of the sweeps: each planted bug of the store is switched on, and the ordinary
//! sweeps, which are not told which, must catch it.

use crate::report;
use std::process::ExitCode;

/// Bugs that the sweeps must catch. What a missing file and a lost manifest show is left to the
/// suites of the store.
#[cfg(feature = "planted")]
const BUGS: [&str; 16] = [
    "store_block_unchecked",
    "store_checksum_unchecked",
    "store_count_unchecked",
    "store_deletes_dropped_early",
    "store_flushed_mark_ignored",
    "store_inputs_removed_early",
    "store_link_length_ignored",
    "store_mark_tried_for_ever",
    "store_obsolete_too_early",
    "store_oldest_wins",
    "store_poison_forgotten",
    "store_reserve_for_all",
    "store_reserve_kept",
    "store_run_before_flush",
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

/// Hunts every bug of the list until one sweep has caught it, or one bug with every sweep.
#[cfg(feature = "planted")]
pub fn hunt(only: Option<&str>) -> ExitCode {
    let (mut caught, mut missed) = (0, 0);
    let first_only = only.is_none();
    for bug in only.map_or(BUGS.to_vec(), |only| vec![only]) {
        let found = super::hunt(bug, first_only);
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
