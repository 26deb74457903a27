//! What happens to the engine: the only ways in.

use crate::ids::{FileId, TabId, Ticket};
use crate::platform::disk::{DiskError, Survival};

/// This step's times and random bytes, taken by the driver. The engine has no others.
#[derive(Clone, Copy, Debug, Default)]
pub struct Input {
    /// Milliseconds since 1970 by the device's clock.
    pub wall_ms: u64,
    /// Milliseconds on the clock that never goes back.
    pub monotonic_ms: u64,
    /// Fresh random bytes.
    pub random: [u8; 32],
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A page sent a message (`docs/PAGE.md`).
    Request {
        /// The page.
        tab: TabId,
        /// UTF-8 JSON.
        bytes: Vec<u8>,
    },
    /// Another tab spoke on the channel.
    Broadcast {
        /// UTF-8 JSON.
        bytes: Vec<u8>,
    },
    /// The lock is ours.
    LockGranted,
    /// The lock was taken away.
    LockLost,
    /// The files of the database are open.
    Listed {
        /// Names and handles, or why they could not be opened.
        files: Result<Vec<(String, FileId)>, DiskError>,
        /// What kind of storage this is.
        kind: &'static str,
        /// What outlives the process.
        survival: Survival,
    },
    /// A file that was asked for is there, empty, or could not be made.
    FileReady {
        /// Its name.
        name: String,
        /// Its handle.
        result: Result<FileId, DiskError>,
    },
    /// A flush ended.
    Flushed {
        /// Which one.
        ticket: Ticket,
        /// Whether what was written before it is durable.
        result: Result<(), DiskError>,
    },
    /// The connection is open.
    Connected {
        /// Its number.
        connection: u64,
    },
    /// The server sent a frame.
    Frame {
        /// The connection it came on.
        connection: u64,
        /// The frame.
        text: String,
    },
    /// The connection ended or could not be made.
    Disconnected {
        /// Its number.
        connection: u64,
        /// In the platform's words.
        reason: String,
    },
    /// The alarm went off.
    Tick,
}
