//! Live results against the naive evaluator, after every commit of random histories.
//!
//! `cargo test --features oracle --test oracle`. `HOLM_SEED` reruns one case, `HOLM_CASES` sets how
//! many there are. With `--features oracle,planted` each planted bug of the query layers must be
//! caught by the same run.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

#[path = "oracle/metamorphic.rs"]
mod metamorphic;
#[path = "oracle/page.rs"]
mod page;
#[cfg(feature = "planted")]
#[path = "oracle/planted.rs"]
mod planted;
#[path = "oracle/regressions.rs"]
mod regressions;
#[path = "oracle/rng.rs"]
mod rng;
#[path = "oracle/session.rs"]
mod session;
#[path = "oracle/world.rs"]
mod world;

use session::Tally;

/// Cases of one run.
const CASES: u64 = 150;

fn from_environment(name: &str) -> Option<u64> {
    #[expect(clippy::disallowed_methods, reason = "how a person reruns a case")]
    let text = std::env::var(name).ok()?;
    text.parse().ok()
}

#[test]
fn every_live_list_equals_the_naive_answer_after_every_commit() {
    let mut tally = Tally::default();
    let one = from_environment("HOLM_SEED").map(|seed| seed..seed + 1);
    let cases = one
        .clone()
        .unwrap_or(0..from_environment("HOLM_CASES").unwrap_or(CASES));
    for seed in cases {
        let result = std::panic::catch_unwind(|| session::run(seed));
        match result {
            Ok(case) => tally.add(&case),
            Err(panic) => {
                println!("rerun: HOLM_SEED={seed} cargo test --features oracle --test oracle");
                std::panic::resume_unwind(panic);
            }
        }
    }
    println!("{}", tally.report());
    if one.is_none() {
        assert!(
            tally.comparisons >= 5_000,
            "too few comparisons to mean something"
        );
        assert!(
            tally.nontrivial * 10 >= tally.comparisons * 3,
            "too many trivial comparisons"
        );
        assert!(tally.moves > 0 && tally.updates > 0 && tally.refills > 0 && tally.shared > 0);
    }
}
