//! `Disk`: files that are read and written at once, and made durable later.
//!
//! The engine calls [`Disk`] within a step. The driver alone calls [`Files`], whose completions
//! arrive as events.

use crate::ids::{FileId, Ticket};

/// Why a call on a file failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DiskError {
    /// No space: the quota or the medium is full.
    Full,
    /// Somebody else holds the file. May pass.
    Busy,
    /// There is no such open file.
    NotFound,
    /// Anything else, in the platform's words.
    Failed(String),
}

/// What of a write outlives the process that made it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Survival {
    /// Nothing.
    #[default]
    Nothing,
    /// What was flushed.
    Flushed,
    /// Everything that was written; a flush makes it outlive the machine too.
    Written,
}

/// How files are opened that somebody else may have open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// For oneself alone: what another one has is busy.
    #[default]
    Alone,
    /// Around another one: what it has is opened for reading only, as it is now.
    Around,
}

/// When a flush is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// At once: somebody waits for it.
    Now,
    /// Where it holds up the thread, when others have had their turn.
    Later,
}

/// Synchronous access to open files. A write is visible to reads at once and durable only after a
/// flush.
pub trait Disk {
    /// Reads at `offset` into `into`; returns how many bytes there were (fewer at the end of the
    /// file).
    fn read(&mut self, file: FileId, offset: u64, into: &mut [u8]) -> Result<usize, DiskError>;

    /// Writes at `offset`, growing the file; returns how many bytes were taken. Fewer than given
    /// means full.
    fn write(&mut self, file: FileId, offset: u64, bytes: &[u8]) -> Result<usize, DiskError>;

    /// Cuts the file to `length` bytes.
    fn truncate(&mut self, file: FileId, length: u64) -> Result<(), DiskError>;

    /// Length of the file in bytes.
    fn size(&mut self, file: FileId) -> Result<u64, DiskError>;
}

/// What the driver does with files. Each call is answered by one event.
pub trait Files: Disk {
    /// Opens every file of database `name`, making its folder if need be. Answered by
    /// `Event::Listed`.
    fn list(&mut self, name: &str, access: Access);

    /// Makes and opens an empty file. Answered by `Event::FileReady`.
    fn make(&mut self, name: &str);

    /// Closes and removes a file; one that is not there is no error. Answered by nothing.
    fn remove(&mut self, name: &str);

    /// Makes all writes to `file` so far durable. Answered by `Event::Flushed`.
    fn flush(&mut self, file: FileId, ticket: Ticket, when: When);

    /// Closes every file. Answered by nothing.
    fn close(&mut self);

    /// What kind of storage this is: `opfs`, `memory`, ...
    fn kind(&self) -> &'static str;

    /// What outlives the process.
    fn survives(&self) -> Survival;
}
