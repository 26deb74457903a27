//! The six ports in memory: honest implementations, without faults.
//!
//! They are what Node and tests run on. Each completes at once, by an event in the inbox; none
//! loses, reorders or delays anything. What lasts as long as the process is shared by clones:
//! [`MemoryDisk`], [`LockTable`], [`Air`].

mod channel;
mod clock;
mod disk;
mod entropy;
mod locks;
mod transport;

pub use channel::{Air, MemoryChannel, Posts};
pub use clock::{ManualClock, Time};
pub use disk::{MemoryDisk, MemoryFiles};
pub use entropy::SeededEntropy;
pub use locks::{LockTable, MemoryLocks};
pub use transport::{LoopbackTransport, NowhereTransport, Serve};
