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

#[test]
fn a_few_worlds_hold_every_promise_and_have_faults() {
    let mut tally: BTreeMap<&str, u64> = BTreeMap::new();
    for seed in 1..=10 {
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
