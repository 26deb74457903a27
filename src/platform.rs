//! The six ports: everything the engine's world can do to it, and it to the world.
//!
//! One trait per file. No trait here has async functions: what completes later pushes an
//! [`Event`](crate::event::Event) into the [`Inbox`](inbox::Inbox). Nothing in this layer knows
//! what the engine is for.

pub mod channel;
pub mod clock;
pub mod disk;
pub mod entropy;
pub mod inbox;
pub mod locks;
pub mod memory;
pub mod suite;
pub mod torn;
pub mod transport;
