//! Writing: operations become deltas over what is visible, and one commit holds everything of a
//! transaction.

pub mod operation;
pub mod overlay;
pub mod staging;
pub mod table;
