//! What a world promises of itself: it follows from its seed, things happen in it, and nothing in
//! it breaks.

use holm_sim::trace::Lines;
use holm_sim::world::{Outcome, run};
use std::collections::BTreeMap;

fn hidden(seed: u64) -> Outcome {
    run(seed, Lines::Hidden)
}

#[test]
fn the_same_seed_gives_the_same_trace_hash() {
    for seed in [3, 12] {
        let (first, second) = (hidden(seed), hidden(seed));
        assert_eq!(first.hash, second.hash, "seed {seed}");
        assert_eq!(
            (first.events, first.tally),
            (second.events, second.tally),
            "seed {seed}"
        );
    }
}

#[test]
fn another_seed_gives_another_world() {
    assert_ne!(hidden(3).hash, hidden(4).hash);
}

/// Worlds in which disks are copied, by what they have found.
#[test]
fn worlds_with_copies_that_once_failed_hold_every_promise() {
    for (seed, found) in [
        (2, "a leader that a copy had ended was refused for good"),
        (
            118,
            "a restored store waited for verdicts that were confirmed",
        ),
        (
            246,
            "a void was taken for the acceptance of what a restored store had sent",
        ),
        (
            172,
            "a cloned store waited for verdicts that were confirmed",
        ),
    ] {
        let outcome = hidden(seed);
        let copies = ["cloned machines", "restored backups"];
        assert!(copies.iter().any(|name| outcome.tally.contains_key(name)));
        assert!(outcome.failure.is_none(), "{found}: {:?}", outcome.failure);
    }
}

/// A replay was judged as if nothing in it had been sent before.
#[test]
fn a_world_that_once_failed_for_a_write_sent_again_holds() {
    let outcome = hidden(81);
    assert!(outcome.failure.is_none(), "{:?}", outcome.failure);
}

#[test]
fn a_few_worlds_hold_every_promise_and_have_faults() {
    let mut tally: BTreeMap<&str, u64> = BTreeMap::new();
    for seed in 11..=20 {
        let outcome = hidden(seed);
        assert!(
            outcome.failure.is_none(),
            "seed {seed}: {:?}",
            outcome.failure
        );
        for (name, count) in outcome.tally {
            *tally.entry(name).or_default() += count;
        }
    }
    for name in [
        "machine crashes",
        "partitions",
        "server crashes",
        "worker crashes",
    ] {
        assert!(
            tally.contains_key(name),
            "no {name} in ten worlds: {tally:?}"
        );
    }
}
