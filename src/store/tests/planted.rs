//! Each planted bug of the store is caught by one of its suites.

use super::{crash, damage, faults, model, reserve};
use crate::planted;
use std::panic::{AssertUnwindSafe, catch_unwind};

const BUGS: [&str; 19] = [
    "store_base_ignored",
    "store_block_unchecked",
    "store_checksum_unchecked",
    "store_count_unchecked",
    "store_deletes_dropped_early",
    "store_filter_incomplete",
    "store_flushed_mark_ignored",
    "store_link_length_ignored",
    "store_obsolete_too_early",
    "store_oldest_wins",
    "store_part_taken_for_whole",
    "store_poison_forgotten",
    "store_reserve_for_all",
    "store_reserve_kept",
    "store_run_before_flush",
    "store_snapshot_unpinned",
    "store_stale_run_salvaged",
    "store_torn_tail_kept",
    "store_unflushed_tail_linked",
];

const SUITES: [(&str, fn()); 12] = [
    ("random lives", || crash::random_lives(0..60)),
    ("crash everywhere", crash::crash_everywhere),
    ("crash while opening", || crash::crash_while_opening(2)),
    ("fail every call", faults::fail_every_call),
    ("run out of space", faults::run_out_of_space),
    ("the reserve", reserve::write_what_frees_room),
    ("flip every byte", damage::flip_every_byte),
    ("lose the head", damage::lose_the_head),
    ("rot in runs", damage::rot_in_runs),
    ("bad blocks", damage::bad_blocks_hide_only_themselves),
    ("lose the manifest", damage::runs_outlive_their_manifest),
    ("follow a map", || model::follow_a_map(0..1)),
];

/// Each of these bugs is on in this thread only.
fn hunt(bugs: &[&str]) {
    let mut missed = Vec::new();
    for bug in bugs {
        planted::choose(bug);
        let mut suites = SUITES.iter();
        let caught = suites.find(|(_, suite)| catch_unwind(AssertUnwindSafe(suite)).is_err());
        println!("{bug}: {}", caught.map_or("nobody", |(name, _)| *name));
        if caught.is_none() {
            missed.push(bug);
        }
    }
    planted::choose("");
    assert_eq!(missed, Vec::<&&str>::new());
}

// Two tests, which run beside each other.

#[test]
fn every_planted_bug_is_caught() {
    hunt(&BUGS[..BUGS.len() / 2]);
}

#[test]
fn every_other_planted_bug_is_caught() {
    hunt(&BUGS[BUGS.len() / 2..]);
}
