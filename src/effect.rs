//! What the engine wants done: the only ways out. The driver performs effects in order.

use crate::ids::{FileId, TabId, Ticket};
use crate::platform::disk::{Access, When};

/// Something to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Send a message to a page (`docs/PAGE.md`).
    Post {
        /// The page.
        tab: TabId,
        /// UTF-8 JSON.
        bytes: Vec<u8>,
    },
    /// Join the channel of a database.
    Join {
        /// The database.
        database: String,
    },
    /// Send to every other tab on the channel.
    Broadcast {
        /// UTF-8 JSON.
        bytes: Vec<u8>,
    },
    /// Queue for the lock of a database.
    RequestLock {
        /// The database.
        database: String,
    },
    /// Give the lock up or leave its queue.
    ReleaseLock,
    /// Open every file of a database.
    ListFiles {
        /// The database.
        database: String,
        /// What to do where somebody else has them.
        access: Access,
    },
    /// Make a file.
    MakeFile {
        /// Its name.
        name: String,
    },
    /// Remove a file.
    RemoveFile {
        /// Its name.
        name: String,
    },
    /// Make what was written to a file durable.
    Flush {
        /// The file.
        file: FileId,
        /// Names the answer.
        ticket: Ticket,
        /// Whether anybody waits for it.
        when: When,
    },
    /// Close all files.
    CloseFiles,
    /// Open a connection, ending the one there was.
    Connect {
        /// Names its events.
        connection: u64,
        /// `ws:` or `wss:` address.
        url: String,
    },
    /// Send a frame.
    Send {
        /// The frame.
        text: String,
    },
    /// End the connection.
    Disconnect,
    /// Push a tick at this time; replaces the alarm set before.
    WakeAt {
        /// On the monotonic clock.
        monotonic_ms: u64,
    },
}
