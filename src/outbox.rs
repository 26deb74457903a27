//! The outbox: every local write that the server has not yet taken over, until it is accepted or
//! visibly refused.

pub mod codec;
pub mod entry;
pub mod queue;
