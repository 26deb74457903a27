//! What a store refuses, and why.

use crate::platform::disk::DiskError;
use std::ops::Deref;
use std::rc::Rc;

/// Why the store did not do what was asked; behind a pointer, which is cheap to pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreError(Rc<StoreProblem>);

impl Deref for StoreError {
    type Target = StoreProblem;

    fn deref(&self) -> &StoreProblem {
        &self.0
    }
}

impl StoreError {
    /// Whether the store must be opened again.
    pub fn is_poisoned(&self) -> bool {
        matches!(**self, StoreProblem::Poisoned { .. })
    }

    /// Whether what is on the disk is not what was written.
    pub fn is_damage(&self) -> bool {
        matches!(**self, StoreProblem::Damaged { .. })
    }
}

impl From<StoreProblem> for StoreError {
    #[inline(never)]
    fn from(problem: StoreProblem) -> Self {
        Self(Rc::new(problem))
    }
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreProblem {
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
    #[inline(never)]
    fn from(error: DiskError) -> Self {
        Self::from(match error {
            DiskError::Full => StoreProblem::Full,
            other => StoreProblem::Disk(other),
        })
    }
}
