//! Time that every replica agrees to order by: the hybrid logical clock and its stamps.

pub mod hlc;
pub mod stamp;
