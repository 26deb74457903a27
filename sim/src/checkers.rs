//! The checkers: each knows one promise, and judges by what went through the doors alone.

mod answered_once;
mod convergence;
mod copies;
mod durability;
mod exactly_once;
mod identity;
mod ledger;
mod live;
mod lone_writer;
mod monotonic;
mod no_silence;
mod own_writes;
mod saw;
mod seeds;
mod verdicts;
mod whole;

use crate::fact::{End, Fact};

/// Something that keeps an eye on one promise.
pub trait Checker {
    /// The promise.
    fn name(&self) -> &'static str;

    /// Takes a fact in. The error says how it breaks the promise.
    fn see(&mut self, fact: &Fact<'_>) -> Result<(), String>;

    /// Judges the end.
    fn finish(&mut self, end: &End) -> Result<(), String>;
}

/// One of each.
pub fn all() -> Vec<Box<dyn Checker>> {
    vec![
        Box::new(answered_once::AnsweredOnce::default()),
        Box::new(convergence::Convergence),
        Box::new(copies::Copies::default()),
        Box::new(durability::Durability::default()),
        Box::new(exactly_once::ExactlyOnce::default()),
        Box::new(identity::Identity::default()),
        Box::new(live::Live::default()),
        Box::new(lone_writer::LoneWriter::default()),
        Box::new(monotonic::Monotonic::default()),
        Box::new(no_silence::NoSilence::default()),
        Box::new(own_writes::OwnWrites::default()),
        Box::new(saw::Saw::default()),
        Box::new(seeds::Seeds::default()),
        Box::new(whole::Whole),
    ]
}
