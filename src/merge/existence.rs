//! Existence: a life number, odd alive, even deleted. The larger life wins, then the larger stamp.

use crate::causal::stamp::Stamp;
use crate::ids::{Life, Version};

/// Whether a document is there, since which write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Existence {
    /// The current life. 0: the document has never been.
    pub life: Life,
    /// The stamp of the write that began the life.
    pub stamp: Stamp,
    /// The space's version that wrote it.
    pub version: Version,
}

impl Existence {
    /// Whether a write of `life` at `stamp` replaces this one.
    pub fn loses_to(&self, life: Life, stamp: Stamp) -> bool {
        life.cmp(&self.life).then(stamp.cmp(&self.stamp)).is_gt()
    }
}
