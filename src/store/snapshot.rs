//! The store as it was at some moment, for as long as somebody reads it.

use super::merged::Memory;
use super::run::Run;
use std::rc::Rc;

/// What a reader goes on seeing while others write. Memory that is written to meanwhile is copied
/// first, and the files of runs that were merged stay until the last snapshot with them is dropped.
pub struct Snapshot {
    /// The newest first, as are the runs, which are all older.
    pub(super) memories: Vec<Rc<Memory>>,
    pub(super) runs: Vec<Rc<Run>>,
}
