//! What a store refuses, and why.

use crate::platform::disk::DiskError;

/// Why the store did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no space. Nothing was changed.
    Full,
    /// The batch does not fit a group. Nothing was changed.
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// A flush failed, or a failed write could not be taken back. The store must be opened again.
    Poisoned {
        /// In the platform's words.
        problem: String,
    },
    /// What is on the disk is not what was written. The store is open for reading only.
    Damaged {
        /// The file.
        file: String,
        /// Where in it, in bytes.
        offset: u64,
        /// What was found.
        problem: &'static str,
    },
    /// A newer release wrote this database. Nothing was changed.
    NewerFormat {
        /// The file that says so.
        file: String,
        /// Its version.
        version: u32,
    },
    /// The file to be begun has content: somebody else took this term. Read again.
    TermTaken {
        /// The file.
        file: String,
    },
    /// A call on a file failed. Nothing was changed.
    Disk(DiskError),
}

impl From<DiskError> for StoreError {
    fn from(error: DiskError) -> Self {
        match error {
            DiskError::Full => Self::Full,
            other => Self::Disk(other),
        }
    }
}
