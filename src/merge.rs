//! Merging: one rule for every replica and every server.
//!
//! Per path the larger stamp wins, and equal stamps are broken by the larger value. So merging is
//! commutative, associative and idempotent: replicas that have seen the same deltas are equal,
//! whatever the order.

pub mod document;
pub mod existence;
pub mod record;
pub mod register;
