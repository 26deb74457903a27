//! The outbox in memory: entries in the order of writing, and which of them lie over which
//! document.
//!
//! It mirrors what the store holds; whoever changes an entry writes it to the store in the same
//! record. It is read from the store when somebody needs to know more than how many entries there
//! are: neither opening nor writing does.

use super::entry::{Entry, Reason, State};
use crate::doc::path::DocumentKey;
use crate::ids::{EntryId, Seq, Version};
use crate::protocol::message::Delta;
use crate::sorted::{Blocks, SortedMap};
use std::ops::ControlFlow;

/// All entries.
#[derive(Clone, Debug, Default)]
pub struct Outbox {
    entries: SortedMap<EntryId, Entry>,
    /// A key for each delta that lies over a document: see `over_key`. A map of the same type as
    /// the store's, so that one copy of its code serves both; it has no values.
    overlaid: Blocks<Option<Vec<u8>>>,
    by_seq: SortedMap<Seq, EntryId>,
    counts: Counts,
    /// The entries are in the store only.
    is_unread: bool,
    /// Somebody is to be told of its changes.
    pub is_watched: bool,
}

/// How many entries are in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Not sent yet.
    pub queued: usize,
    /// Sent, without a verdict.
    pub sent: usize,
    /// Accepted, not yet pulled.
    pub accepted: usize,
    /// Refused.
    pub rejected: usize,
    /// Not deliverable.
    pub quarantined: usize,
}

impl Outbox {
    /// One that is still to be read.
    pub fn unread(counts: Counts) -> Self {
        Self {
            counts,
            is_unread: true,
            ..Self::default()
        }
    }

    /// Whether it is still to be read.
    pub fn is_unread(&self) -> bool {
        self.is_unread
    }

    /// Adds an entry, or puts a changed one in the place of the one with its id. One that is still
    /// to be read takes new entries only.
    pub fn put(&mut self, entry: Entry) {
        if self.is_unread {
            self.counts.queued += 1;
            return;
        }
        self.remove(entry.id);
        if entry.state.is_overlaid() {
            for (nth, delta) in entry.deltas.iter().enumerate() {
                self.overlaid
                    .insert(over_key(&delta.key, entry.id, nth), None);
            }
        }
        if let Some(seq) = entry.state.seq() {
            self.by_seq.insert(seq, entry.id);
        }
        *self.counts.of(&entry.state) += 1;
        self.entries.insert(entry.id, entry);
    }

    /// Takes back what was put just now, as new.
    pub fn take_back(&mut self, id: EntryId) {
        if self.is_unread {
            self.counts.queued -= 1;
        } else {
            self.remove(id);
        }
    }

    /// Takes an entry out.
    pub fn remove(&mut self, id: EntryId) -> Option<Entry> {
        debug_assert!(!self.is_unread, "it is read before entries change");
        let entry = self.entries.remove(&id)?;
        if let Some(seq) = entry.state.seq() {
            self.by_seq.remove(&seq);
        }
        *self.counts.of(&entry.state) -= 1;
        for (nth, delta) in entry.deltas.iter().enumerate() {
            self.overlaid.remove(&over_key(&delta.key, id, nth));
        }
        Some(entry)
    }

    /// The entry with this id.
    pub fn get(&self, id: EntryId) -> Option<&Entry> {
        debug_assert!(!self.is_unread, "it is read before it is searched");
        self.entries.get(&id)
    }

    /// All entries in the order of writing.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        debug_assert!(!self.is_unread, "it is read before it is looked through");
        self.entries.values()
    }

    /// The entries that have a seq, in its order.
    pub fn by_seq(&self) -> impl Iterator<Item = &Entry> {
        self.by_seq.values().filter_map(|id| self.entries.get(id))
    }

    /// The deltas that lie over a document, in the order of writing.
    pub fn over(&self, key: &DocumentKey) -> Vec<&Delta> {
        debug_assert!(!self.is_unread, "it is read before it is joined");
        let mut over = Vec::new();
        let to = over_key(key, EntryId(u64::MAX), usize::MAX);
        self.overlaid
            .scan(&over_key(key, EntryId(0), 0), &to, &mut |key, _| {
                over.extend(self.at(key));
                ControlFlow::Continue(())
            });
        over
    }

    /// The delta that a key of `overlaid` stands for.
    fn at(&self, key: &[u8]) -> Option<&Delta> {
        let (rest, nth) = key.split_last_chunk()?;
        let id = EntryId(u64::from_be_bytes(*rest.last_chunk()?));
        self.entries
            .get(&id)?
            .deltas
            .get(u32::from_be_bytes(*nth) as usize)
    }

    /// Whether any entry lies over a document.
    pub fn is_over(&self, key: &DocumentKey) -> bool {
        !self.over(key).is_empty()
    }

    /// The entry that was sent as this seq.
    pub fn sent_as(&self, seq: Seq) -> Option<&Entry> {
        self.by_seq.get(&seq).and_then(|id| self.entries.get(id))
    }

    /// Entries that a pull up to `checkpoint` has brought back.
    pub fn covered(&self, checkpoint: Version) -> Vec<EntryId> {
        let mut covered = Vec::new();
        for entry in self.entries.values() {
            if let State::Accepted(_, version) = entry.state
                && version <= checkpoint
            {
                covered.push(entry.id);
            }
        }
        covered
    }

    /// How many entries are in each state.
    pub fn counts(&self) -> Counts {
        self.counts
    }
}

/// Sorts by document, then in the order of writing. Neither names nor ids contain U+0000.
fn over_key(key: &DocumentKey, id: EntryId, nth: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(key.collection.len() + key.id.len() + 14);
    for name in [&key.collection, &key.id] {
        bytes.extend_from_slice(name.as_bytes());
        bytes.push(0);
    }
    bytes.extend_from_slice(&id.0.to_be_bytes());
    bytes.extend_from_slice(&(nth as u32).to_be_bytes());
    bytes
}

impl Counts {
    /// Each of them, in the order in which they are stored.
    pub fn all(&mut self) -> [&mut usize; 5] {
        [
            &mut self.queued,
            &mut self.sent,
            &mut self.accepted,
            &mut self.rejected,
            &mut self.quarantined,
        ]
    }

    fn of(&mut self, state: &State) -> &mut usize {
        match state {
            State::Queued => &mut self.queued,
            State::Sent(_) => &mut self.sent,
            State::Accepted(..) => &mut self.accepted,
            State::Rejected(_) => &mut self.rejected,
            State::Quarantined(..) => &mut self.quarantined,
        }
    }
}

impl Reason {
    /// A code and a message.
    pub fn new(code: &str, message: &str) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::causal::stamp::Stamp;
    use crate::ids::Life;

    fn entry(id: u64, document: &str, state: State) -> Entry {
        Entry {
            id: EntryId(id),
            subject: None,
            schema_version: 1,
            created_ms: 0,
            mutation: None,
            state,
            deltas: vec![Delta {
                key: DocumentKey::new("films", document),
                life: Life(id),
                stamp: Stamp::SEED,
                upsert: false,
                paths: Vec::new(),
            }],
        }
    }

    fn over(outbox: &Outbox, document: &str) -> Vec<u64> {
        let over = outbox.over(&DocumentKey::new("films", document));
        over.iter().map(|delta| delta.life.0).collect()
    }

    #[test]
    fn entries_lie_over_their_documents_until_they_are_refused_or_gone() {
        let mut outbox = Outbox::default();
        outbox.put(entry(1, "a", State::Queued));
        outbox.put(entry(2, "a", State::Sent(Seq(1))));
        outbox.put(entry(3, "b", State::Accepted(Seq(2), Version(7))));
        assert_eq!(
            (over(&outbox, "a"), over(&outbox, "b")),
            (vec![1, 2], vec![3])
        );
        outbox.put(entry(1, "a", State::Rejected(Reason::new("exists", ""))));
        assert_eq!(over(&outbox, "a"), [2]);
        outbox.remove(EntryId(2));
        assert!(!outbox.is_over(&DocumentKey::new("films", "a")));
        assert_eq!(outbox.covered(Version(6)), []);
        assert_eq!(outbox.covered(Version(7)), [EntryId(3)]);
        assert_eq!(
            outbox.sent_as(Seq(2)).map(|entry| entry.id),
            Some(EntryId(3))
        );
        assert_eq!(outbox.sent_as(Seq(1)), None);
        assert_eq!(
            outbox.counts(),
            Counts {
                accepted: 1,
                rejected: 1,
                ..Counts::default()
            }
        );
    }
}
