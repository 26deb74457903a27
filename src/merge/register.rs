//! A register: the larger stamp wins; of equal stamps the larger value.

use crate::causal::stamp::Stamp;
use crate::doc::value::Value;
use crate::ids::Version;

/// A value, the stamp that wrote it, and the server's version that brought it (0 where it is not
/// the server's).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Register {
    /// The value.
    pub value: Value,
    /// The write's stamp.
    pub stamp: Stamp,
    /// The space's version that wrote it.
    pub version: Version,
}

impl Register {
    /// Whether a write of `value` at `stamp` replaces this one.
    pub fn loses_to(&self, value: &Value, stamp: Stamp) -> bool {
        if crate::planted::is("engine_tie_first_wins") {
            return stamp > self.stamp;
        }
        let stamps = stamp.cmp(&self.stamp);
        stamps.then_with(|| value.cmp(&self.value)).is_gt()
    }
}
