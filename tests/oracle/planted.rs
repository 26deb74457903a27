//! Each planted bug of the query layers is caught by the ordinary run, which is not told which.

use crate::session;

/// As listed in `docs/PLANTED.md`.
const BUGS: [&str; 13] = [
    "query_zset_keeps_zero",
    "query_null_is_smallest",
    "query_order_one_direction",
    "query_window_no_refill",
    "query_window_never_leaves",
    "query_window_not_fed",
    "query_window_takes_from_beyond",
    "query_after_takes_place",
    "query_like_one_byte",
    "query_skip_moves_nothing",
    "query_patch_drops_null",
    "query_router_skips_old",
    "query_live_first_subscriber_only",
];

/// The seed that catches the bug.
fn caught_by(bug: &str) -> Option<u64> {
    holm::planted::choose(bug);
    let found =
        (0..crate::CASES).find(|seed| std::panic::catch_unwind(|| session::run(*seed)).is_err());
    holm::planted::choose("");
    found
}

#[test]
fn every_planted_bug_is_caught() {
    assert_eq!(caught_by(""), None, "without a bug nothing is caught");
    for bug in BUGS {
        let seed = caught_by(bug).unwrap_or_else(|| panic!("{bug} is not caught"));
        println!("{bug}: caught by case {seed}");
    }
}
