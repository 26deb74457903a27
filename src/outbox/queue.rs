//! The outbox in memory: entries in the order of writing, and which of them lie over which document.
//!
//! It mirrors what the store holds; whoever changes an entry writes it to the store in the same record.

use super::entry::{Entry, Reason, State};
use crate::doc::path::DocumentKey;
use crate::ids::{EntryId, Seq, Version};
use crate::protocol::message::Delta;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use crate::sorted::SortedMap;

/// All entries.
#[derive(Clone, Debug, Default)]
pub struct Outbox {
    entries: SortedMap<EntryId, Entry>,
    overlaid: HashMap<DocumentKey, Vec<(EntryId, usize)>, FixedState>,
    by_seq: SortedMap<Seq, EntryId>,
    counts: Counts,
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
    /// Adds an entry, or puts a changed one in the place of the one with its id.
    pub fn put(&mut self, entry: Entry) {
        self.remove(entry.id);
        if entry.state.is_overlaid() {
            for (nth, delta) in entry.deltas.iter().enumerate() {
                let over = self.overlaid.entry(delta.key.clone()).or_default();
                if let Err(at) = over.binary_search(&(entry.id, nth)) {
                    over.insert(at, (entry.id, nth));
                }
            }
        }
        if let Some(seq) = entry.state.seq() {
            self.by_seq.insert(seq, entry.id);
        }
        *self.counts.of(&entry.state) += 1;
        self.entries.insert(entry.id, entry);
    }

    /// Takes an entry out.
    pub fn remove(&mut self, id: EntryId) -> Option<Entry> {
        let entry = self.entries.remove(&id)?;
        if let Some(seq) = entry.state.seq() {
            self.by_seq.remove(&seq);
        }
        *self.counts.of(&entry.state) -= 1;
        for delta in &entry.deltas {
            if let Some(over) = self.overlaid.get_mut(&delta.key) {
                over.retain(|(other, _)| *other != id);
                if over.is_empty() {
                    self.overlaid.remove(&delta.key);
                }
            }
        }
        Some(entry)
    }

    /// The entry with this id.
    pub fn get(&self, id: EntryId) -> Option<&Entry> {
        self.entries.get(&id)
    }

    /// All entries in the order of writing.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// The entries that have a seq, in its order.
    pub fn by_seq(&self) -> impl Iterator<Item = &Entry> {
        self.by_seq.values().filter_map(|id| self.entries.get(id))
    }

    /// The deltas that lie over a document, in the order of writing.
    pub fn over(&self, key: &DocumentKey) -> impl Iterator<Item = &Delta> {
        let over = self.overlaid.get(key).map(Vec::as_slice).unwrap_or_default();
        over.iter().filter_map(|(id, nth)| self.entries.get(id)?.deltas.get(*nth))
    }

    /// Whether any entry lies over a document.
    pub fn is_over(&self, key: &DocumentKey) -> bool {
        self.overlaid.contains_key(key)
    }

    /// The entry that was sent as this seq.
    pub fn sent_as(&self, seq: Seq) -> Option<&Entry> {
        self.by_seq.get(&seq).and_then(|id| self.entries.get(id))
    }

    /// Entries that a pull up to `checkpoint` has brought back.
    pub fn covered(&self, checkpoint: Version) -> Vec<EntryId> {
        let is_covered = |entry: &&Entry| match entry.state {
            State::Accepted(_, version) => version <= checkpoint,
            _ => false,
        };
        self.entries.values().filter(is_covered).map(|entry| entry.id).collect()
    }

    /// How many entries are in each state.
    pub fn counts(&self) -> Counts {
        self.counts
    }
}

impl Counts {
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
        Self { code: code.into(), message: message.into() }
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
        outbox.over(&DocumentKey::new("films", document)).map(|delta| delta.life.0).collect()
    }

    #[test]
    fn entries_lie_over_their_documents_until_they_are_refused_or_gone() {
        let mut outbox = Outbox::default();
        outbox.put(entry(1, "a", State::Queued));
        outbox.put(entry(2, "a", State::Sent(Seq(1))));
        outbox.put(entry(3, "b", State::Accepted(Seq(2), Version(7))));
        assert_eq!((over(&outbox, "a"), over(&outbox, "b")), (vec![1, 2], vec![3]));
        outbox.put(entry(1, "a", State::Rejected(Reason::new("exists", ""))));
        assert_eq!(over(&outbox, "a"), [2]);
        outbox.remove(EntryId(2));
        assert!(!outbox.is_over(&DocumentKey::new("films", "a")));
        assert_eq!(outbox.covered(Version(6)), []);
        assert_eq!(outbox.covered(Version(7)), [EntryId(3)]);
        assert_eq!(outbox.sent_as(Seq(2)).map(|entry| entry.id), Some(EntryId(3)));
        assert_eq!(outbox.sent_as(Seq(1)), None);
        assert_eq!(outbox.counts(), Counts { accepted: 1, rejected: 1, ..Counts::default() });
    }
}
