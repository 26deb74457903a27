//! Operators: the nodes of a circuit. This page is their whole contract.
//!
//! An operator stands for a function `Q` from inputs to an output. It never sees the whole input:
//! per commit it is given the *delta* of its input, a Z-set, and answers with what that does to its
//! output:
//!
//! ```text
//! apply = D(Q(I(delta)))
//! I: the sum of all deltas so far, D: the difference from the answer before
//! ```
//!
//! - A delta holds the whole commit. So an operator may act on it at once and never shows a state
//!   between two commits.
//! - A linear operator (`Q(a + b) = Q(a) + Q(b)`) is its own incremental form and keeps nothing.
//!   Others keep exactly the state their file names.
//! - Weights of integrated inputs are 0 or 1. A row that leaves was there and one that enters was
//!   not: asserted, in release builds too, because a list that is silently wrong is worse than a
//!   stopped worker.
//! - The cost of `apply` depends on the delta and on what it moves, never on the size of the input.
//!
//! Operators know rows, columns by position and weights. They must not know queries as the page
//! writes them, stores, or who listens.

pub mod filter;
pub mod order;
pub mod pattern;
pub mod predicate;
mod rest;
pub mod skip;
pub mod window;

use crate::zset::ZSet;

/// A node of a circuit. The equation of each implementation stands at the head of its file.
pub trait Operator {
    /// What it makes of a delta.
    type Output;

    /// Takes the delta of one commit.
    fn apply(&mut self, delta: ZSet) -> Self::Output;
}
