//! A simulated world around the shipped engine, driver and authority: one seed, all faults,
//! independent checkers.
//!
//! It holds nothing of what it tests: no queue, no merging, no protocol.

pub mod agenda;
pub mod app;
pub mod checkers;
pub mod crew;
pub mod device;
pub mod dice;
pub mod fact;
pub mod golden;
pub mod json;
pub mod page;
pub mod plan;
pub mod planted;
pub mod ports;
pub mod queries;
pub mod report;
pub mod schema;
pub mod server;
pub mod sweep;
pub mod trace;
pub mod world;
