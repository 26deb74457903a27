//! `holm-server`: the reference server of the delta protocol (`docs/PROTOCOL.md`).
//!
//! It carries messages between sockets and the authority of the engine crate, and rows between the
//! authority and a store. It holds no rule of the protocol itself.

pub mod auth;
pub mod config;
mod host;
mod live;
mod origin;
mod pokes;
mod routes;
mod serve;
pub mod store;

pub use config::Config;
pub use serve::{Server, StartError};
