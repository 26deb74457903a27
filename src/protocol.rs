//! The delta protocol: its messages, their JSON, and the codes of refusals (`docs/PROTOCOL.md`).

pub mod codec;
pub mod message;
pub mod refusal;
