//! Synchronisation: the two ends of the delta protocol (`docs/PROTOCOL.md`).

pub mod authority;
pub mod session;
