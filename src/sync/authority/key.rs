//! The keys of a space's rows: bytes whose order is the order they are scanned in.
//!
//! | first byte | then | row |
//! |---|---|---|
//! | 1 | | the space: epoch, version |
//! | 2 | replica | a replica: subject, life, term, last seq, confirmed, staged parts |
//! | 3 | replica, seq | a verdict that is not confirmed |
//! | 4 | replica, seq, index | a part of a transaction that waits for the others |
//! | 5 | collection, 0, id | a document |
//! | 6 | version, collection, 0, id | says that the document last changed in this version |

use super::rows::Need;
use crate::doc::path::DocumentKey;
use crate::ids::{ReplicaId, Seq, Version};

/// A key within a space.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub Vec<u8>);

impl Key {
    pub(super) fn space() -> Self {
        Self(vec![1])
    }

    pub(super) fn replica(replica: ReplicaId) -> Self {
        Self::begin(2, &replica.0)
    }

    pub(super) fn verdict(replica: ReplicaId, seq: Seq) -> Self {
        Self::begin(3, &replica.0).and(&seq.0.to_be_bytes())
    }

    pub(super) fn part(replica: ReplicaId, seq: Seq, index: u32) -> Self {
        Self::begin(4, &replica.0)
            .and(&seq.0.to_be_bytes())
            .and(&index.to_be_bytes())
    }

    pub(super) fn document(document: &DocumentKey) -> Self {
        Self::begin(5, &[]).and_document(document)
    }

    pub(super) fn change(version: Version, document: &DocumentKey) -> Self {
        Self::begin(6, &version.0.to_be_bytes()).and_document(document)
    }

    /// The document that a change row speaks of.
    pub(super) fn changed_document(&self) -> Option<DocumentKey> {
        let (_, name) = self.0.split_at_checked(9)?;
        let (collection, id) = str::from_utf8(name).ok()?.split_once('\0')?;
        Some(DocumentKey::new(collection, id))
    }

    fn begin(first: u8, rest: &[u8]) -> Self {
        Self(vec![first]).and(rest)
    }

    fn and(mut self, more: &[u8]) -> Self {
        self.0.extend_from_slice(more);
        self
    }

    /// Names hold no U+0000, so the one between them keeps any two documents apart and in order.
    fn and_document(self, document: &DocumentKey) -> Self {
        self.and(document.collection.as_bytes())
            .and(&[0])
            .and(document.id.as_bytes())
    }
}

/// The verdicts of a replica from one seq to another, both included.
pub fn verdicts_between(replica: ReplicaId, first: Seq, last: Seq, limit: usize) -> Need {
    let (from, to) = (
        Key::verdict(replica, first),
        Key::verdict(replica, last.next()),
    );
    Need::Scan { from, to, limit }
}

/// The change rows later than a version, and later than a row that was scanned before, if there is
/// one.
pub fn changes_after(base: Version, last: Option<&[u8]>, limit: usize) -> Need {
    let from = match last {
        Some(last) => Key::begin(6, last).and(&[0]),
        None => Key::begin(6, &base.next().0.to_be_bytes()),
    };
    Need::Scan {
        from,
        to: Key(vec![7]),
        limit,
    }
}

/// What of a change row's key a cursor remembers.
pub fn change_position(key: &Key) -> &[u8] {
    key.0.get(1..).unwrap_or_default()
}
