//! The reserve: a file of zeros that is cut where the disk is full, so that what frees room, or
//! only records what has happened, can still be written (`docs/FORMAT.md` section 5).
//!
//! What is in it means nothing: it may be of any length, torn or gone. It must not know what is
//! written in its place.

use crate::ids::FileId;
use crate::platform::disk::{Disk, DiskError};

/// The name of the file.
pub(super) const NAME: &str = "reserve";
/// What is written of it at once.
static PART: [u8; 64 << 10] = [0; 64 << 10];

/// Which room on the disk a batch may take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Room {
    /// What is free while the reserve is held.
    Free,
    /// The reserve too.
    #[default]
    Reserve,
}

/// What is known of it.
#[derive(Clone, Copy, Default)]
pub(super) struct Reserve {
    /// None until it is made.
    pub file: Option<FileId>,
    /// How long it is to be.
    pub bytes: u64,
    /// Whether it is known to be that long.
    pub is_held: bool,
    /// There was no room for the last write, or only that of the reserve.
    pub is_full: bool,
}

impl Reserve {
    /// Makes it as long as it is to be, if it is there. Says whether there was room; what fitted
    /// stays.
    pub fn hold(&mut self, disk: &mut dyn Disk) -> bool {
        let Some(file) = self.file.filter(|_| !self.is_held) else {
            return true;
        };
        let part = PART.get(..self.bytes as usize).unwrap_or(&PART);
        // A file that fails is no reason to refuse what can be written.
        let mut length = disk.size(file).unwrap_or(self.bytes);
        while length < self.bytes {
            match disk.write(file, length, part) {
                Ok(count) if count == part.len() => length += count as u64,
                Ok(_) | Err(DiskError::Full) => return false,
                Err(_) => return true,
            }
        }
        self.is_held = true;
        true
    }

    /// Gives up what there is of it, and says how many bytes that was.
    pub fn give_up(&mut self, disk: &mut dyn Disk) -> u64 {
        self.is_held = false;
        let Some(file) = self.file else { return 0 };
        let length = disk.size(file).unwrap_or(0);
        if disk.truncate(file, 0).is_ok() {
            length
        } else {
            0
        }
    }
}
