//! What the app sees: the base joined with the queued deltas, by the one rule of merging.

use crate::doc::dictionary::Dictionary;
use crate::doc::path::DocumentKey;
use crate::doc::schema::Collection;
use crate::ids::Version;
use crate::merge::record::{Columns, StoredDocument};
use crate::outbox::queue::Outbox;

/// The base with every overlaid entry of the outbox joined in, in the order of writing.
pub fn visible(
    base: &StoredDocument,
    key: &DocumentKey,
    outbox: &Outbox,
    dictionary: &mut Dictionary,
) -> StoredDocument {
    let mut document = base.clone();
    for delta in outbox.over(key) {
        document.apply(delta, Version(0), &mut |path| dictionary.intern(path));
    }
    document
}

/// Keeps the fields that never leave the device, which no base holds, from the document as it was
/// shown.
pub fn carry_local(
    document: &mut StoredDocument,
    shown: &StoredDocument,
    collection: &Collection,
    columns: &Columns,
) {
    if document.existence.life != shown.existence.life {
        return;
    }
    for (at, _) in collection
        .fields
        .iter()
        .enumerate()
        .filter(|(_, field)| field.is_local)
    {
        let path = columns.path(at);
        if let Some(register) = shown.registers.get(&path) {
            document.registers.insert(path, register.clone());
        }
    }
}
