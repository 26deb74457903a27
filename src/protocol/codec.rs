//! Messages as JSON text (`docs/PROTOCOL.md`), hand-written over `doc::json`.
//!
//! A client links `encode_client` and `decode_server`, a server the other two; HTTP bodies and
//! WebSocket frames share them. Decoding never panics, ignores members it does not know, and says
//! which member is wrong. What a decoded message holds is well-formed: stamps, lives and tokens are
//! valid, whole numbers are within 2^53, values nest at most `DEPTH_MAX` deep, names are neither
//! empty nor too long, and a delta names a path once. What a message means is not known here.

mod client;
mod delta;
mod read;
mod server;
mod verdict;
mod write;

pub use client::{decode_client, encode_client};
pub use delta::{
    PATH_OVERHEAD_BYTES, decode_deltas, delta_bytes, delta_bytes_most, document_bytes,
    document_bytes_most, encode_deltas, pushed_bytes,
};
pub use server::{decode_server, encode_server};
pub use verdict::{decode_verdict, discarded_bytes, encode_verdict};
