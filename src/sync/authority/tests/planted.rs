//! Every planted bug of the authority is caught by the rules' tests or by the property, none of
//! which knows which.

use super::property::{any_run, play};
use super::{hello, pull, push};
use crate::planted::choose;
use proptest::test_runner::{Config, TestRunner};
use std::panic::catch_unwind;

const BUGS: [&str; 13] = [
    "authority_change_not_moved",
    "authority_clock_unchecked",
    "authority_confirmed_unchecked",
    "authority_duplicate_applied",
    "authority_exists_unchecked",
    "authority_gap_accepted",
    "authority_half_applied",
    "authority_life_unchecked",
    "authority_page_ends_early",
    "authority_part_applied_early",
    "authority_term_unchecked",
    "authority_verdict_forgotten",
    "authority_void_accepted",
];

fn property() {
    let config = Config {
        cases: 100,
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new(config)
        .run(&any_run(), play)
        .expect("the property holds");
}

const SUITE: [fn(); 10] = [
    hello::a_copy_of_a_store_is_a_replica_conflict,
    hello::a_lower_term_is_fenced_before_its_life_is_looked_at,
    hello::a_store_that_has_forgotten_what_it_confirmed_is_a_replica_conflict,
    pull::a_document_that_changes_between_pages_is_sent_again,
    push::a_gap_stops_the_batch_and_consumes_nothing,
    push::a_stamp_too_far_ahead_stops_the_batch_before_its_seq,
    push::a_transaction_is_whole_or_not_at_all,
    push::a_void_seq_is_consumed_without_effect,
    push::parts_are_applied_with_the_last_one,
    property,
];

/// How many members of the suite fail.
fn failures() -> usize {
    SUITE
        .iter()
        .filter(|member| catch_unwind(**member).is_err())
        .count()
}

#[test]
fn every_planted_bug_of_the_authority_is_caught() {
    choose("");
    assert_eq!(failures(), 0, "nothing is planted");
    for bug in BUGS {
        choose(bug);
        let caught = failures();
        choose("");
        assert!(caught > 0, "{bug} was not caught");
        println!("{bug}: caught by {caught} of {}", SUITE.len());
    }
}

#[test]
fn the_property_alone_catches_what_concerns_effects() {
    for bug in [
        "authority_duplicate_applied",
        "authority_half_applied",
        "authority_page_ends_early",
    ] {
        choose(bug);
        let is_caught = catch_unwind(property).is_err();
        choose("");
        assert!(is_caught, "{bug}");
    }
}
