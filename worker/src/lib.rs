//! The engine over browser APIs, as a WebAssembly module. The only Rust that may name a browser
//! API.
//!
//! `host` is what JavaScript sees. Every other file wraps one API as one port, and knows neither
//! the engine nor what the bytes that pass through it mean.

mod arrivals;
mod clock;
mod entropy;
#[cfg(feature = "testing")]
mod fatal;
mod handle;
mod host;
mod locks;
mod page;
#[cfg(feature = "testing")]
mod reader;
mod socket;
mod storage;
mod tabs;
#[cfg(feature = "testing")]
mod testing;
mod thrown;

pub use host::Host;
