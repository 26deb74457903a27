//! The conformance suites of the ports: what every implementation must do, as functions that every
//! implementation calls.
//!
//! A suite takes a maker of the port and panics at the first promise that is broken. It is async
//! because a browser completes things later: [`Turn`] lets the outside go on while the suite waits
//! for an event. Nothing else here waits.

mod files;
mod rest;

pub use files::files;
pub use rest::{channel, clock, entropy, locks, transport};

use crate::event::Event;
use crate::platform::inbox::Inbox;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// Most turns that an event may take to arrive.
const TURNS_MAX: usize = 5_000;
/// Turns in which nothing must arrive.
const TURNS_QUIET: usize = 20;

/// The outside of a port under test.
pub trait Turn {
    /// Lets it go on for about a millisecond.
    fn turn(&self) -> impl Future<Output = ()>;
}

/// An outside where everything happens at once.
pub struct AtOnce;

impl Turn for AtOnce {
    async fn turn(&self) {}
}

/// Runs a suite whose outside never keeps it waiting.
pub fn run_at_once(suite: impl Future<Output = ()>) {
    let mut context = Context::from_waker(Waker::noop());
    let is_done = matches!(pin!(suite).poll(&mut context), Poll::Ready(()));
    assert!(is_done, "the suite waits for something outside");
}

/// The next event, however long it takes within reason.
async fn next(turn: &impl Turn, inbox: &Inbox) -> Event {
    for _ in 0..TURNS_MAX {
        if let Some(event) = inbox.pop() {
            return event;
        }
        turn.turn().await;
    }
    panic!("an event that was promised did not arrive");
}

/// Sees that no event arrives.
async fn quiet(turn: &impl Turn, inbox: &Inbox, why: &str) {
    for _ in 0..TURNS_QUIET {
        turn.turn().await;
        assert_eq!(inbox.pop(), None, "{why}");
    }
}

#[cfg(test)]
mod tests;
