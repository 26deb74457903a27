//! The server over HTTP and WebSocket, with real sockets and a real SQLite file.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

#[path = "server/http.rs"]
mod http;
#[path = "server/live.rs"]
mod live;
#[path = "server/support.rs"]
mod support;
