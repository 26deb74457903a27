//! A block: some entries in the order of their keys, as it lies in a run (`docs/FORMAT.md`
//! section 8) and as it is read.
//!
//! The same form serves leaves, whose values are the store's, and the blocks that lead to them.

use super::batch::{push_varint, read_varint};
use super::run::RunId;
use crate::sorted::compare;
use xxhash_rust::xxh64::xxh64;

/// Bytes of a block's check.
pub(super) const CHECK_BYTES: usize = 8;
/// What an entry takes in memory beside its bytes.
const SLOT_BYTES: usize = size_of::<Slot>();

/// Collects entries in the order of their keys.
#[derive(Default)]
pub(super) struct BlockBuilder {
    bytes: Vec<u8>,
    first: Vec<u8>,
    last: Vec<u8>,
}

impl BlockBuilder {
    /// Adds an entry, whose key is greater than those before.
    pub fn add(&mut self, key: &[u8], value: Option<&[u8]>) {
        let shared = shared_prefix(&self.last, key);
        if self.bytes.is_empty() {
            self.first = key.to_vec();
        }
        let rest = key.get(shared..).unwrap_or_default();
        push_varint(&mut self.bytes, shared as u64);
        push_varint(&mut self.bytes, rest.len() as u64);
        push_varint(
            &mut self.bytes,
            value.map_or(0, |value| value.len() as u64 + 1),
        );
        self.bytes.extend_from_slice(rest);
        self.bytes.extend_from_slice(value.unwrap_or_default());
        self.last.truncate(shared);
        self.last.extend_from_slice(rest);
    }

    /// Bytes so far.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Ends the block: its first key, and its bytes as they lie at `offset` of the run. The next
    /// entry begins another.
    pub fn finish(&mut self, run: RunId, offset: u64) -> (Vec<u8>, Vec<u8>) {
        let mut bytes = std::mem::take(&mut self.bytes);
        let check = check(run, offset, &bytes);
        bytes.extend_from_slice(&check.to_le_bytes());
        self.last.clear();
        (std::mem::take(&mut self.first), bytes)
    }
}

/// A block in memory, its keys whole. By default it is empty, as none is on a disk.
#[derive(Default)]
pub(super) struct Block {
    bytes: Vec<u8>,
    keys: Vec<u8>,
    slots: Vec<Slot>,
}

/// Where the key of an entry ends, and where its value lies. A delete has none: `from` is past
/// `to`.
struct Slot {
    key_end: u32,
    from: u32,
    to: u32,
}

impl Block {
    /// Reads a block as it was found at `offset` of a run. `None` if it is not what was written.
    pub fn read(run: RunId, offset: u64, mut bytes: Vec<u8>) -> Option<Self> {
        let length = bytes.len().checked_sub(CHECK_BYTES)?;
        let (payload, written) = bytes.split_at_checked(length)?;
        let is_good = written == check(run, offset, payload).to_le_bytes()
            || crate::planted::is("store_block_unchecked");
        let read = is_good.then(|| read_slots(payload))?;
        let (keys, slots) = read?;
        bytes.truncate(length);
        Some(Self { bytes, keys, slots })
    }

    /// What it takes in memory, the room that was left over included.
    pub fn weight(&self) -> usize {
        self.bytes.capacity() + self.keys.capacity() + self.slots.capacity() * SLOT_BYTES
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// The key of an entry; empty past the end.
    pub fn key(&self, at: usize) -> &[u8] {
        let end_of = |at: usize| self.slots.get(at).map_or(0, |slot| slot.key_end as usize);
        let from = at.checked_sub(1).map_or(0, end_of);
        self.keys.get(from..end_of(at)).unwrap_or_default()
    }

    /// The value of an entry; `None` for a delete.
    pub fn value(&self, at: usize) -> Option<&[u8]> {
        let slot = self.slots.get(at)?;
        self.bytes.get(slot.from as usize..slot.to as usize)
    }

    /// The place of a key, or where it would be.
    pub fn find(&self, key: &[u8]) -> Result<usize, usize> {
        let (mut from, mut to) = (0, self.slots.len());
        while from < to {
            let middle = from + (to - from) / 2;
            match compare(self.key(middle), key) {
                std::cmp::Ordering::Less => from = middle + 1,
                std::cmp::Ordering::Equal => return Ok(middle),
                std::cmp::Ordering::Greater => to = middle,
            }
        }
        Err(from)
    }

    /// The last entry at or before a key, or the first one.
    pub fn place(&self, key: &[u8]) -> usize {
        self.find(key).unwrap_or_else(|free| free.saturating_sub(1))
    }
}

fn read_slots(payload: &[u8]) -> Option<(Vec<u8>, Vec<Slot>)> {
    let (mut keys, mut slots) = (Vec::new(), Vec::new());
    let mut begin = 0;
    let mut rest = payload;
    while !rest.is_empty() {
        let shared = usize::try_from(read_varint(&mut rest)?).ok()?;
        let key_rest = usize::try_from(read_varint(&mut rest)?).ok()?;
        let value = usize::try_from(read_varint(&mut rest)?).ok()?;
        let last = begin..keys.len();
        begin = keys.len();
        if shared > last.len() {
            return None;
        }
        keys.extend_from_within(last.start..last.start + shared);
        let (key, after) = rest.split_at_checked(key_rest)?;
        keys.extend_from_slice(key);
        let from = payload.len() - after.len();
        let length = value.saturating_sub(1);
        rest = after.get(length..)?;
        slots.push(Slot {
            key_end: u32::try_from(keys.len()).ok()?,
            from: u32::try_from(from).ok()? + u32::from(value == 0),
            to: u32::try_from(from + length).ok()?,
        });
    }
    Some((keys, slots))
}

/// Covers where the block lies, so that a block in another place is never taken for it.
pub(super) fn check(run: RunId, offset: u64, payload: &[u8]) -> u64 {
    let place = run.term.0 ^ run.number.rotate_left(40) ^ offset.rotate_left(20);
    xxh64(payload, place)
}

fn shared_prefix(one: &[u8], other: &[u8]) -> usize {
    let (words, others) = (one.as_chunks::<8>().0, other.as_chunks::<8>().0);
    let words = words.iter().zip(others).take_while(|(a, b)| a == b);
    let whole = words.count() * 8;
    let rest = one.iter().skip(whole).zip(other.iter().skip(whole));
    whole + rest.take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Term;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const RUN: RunId = RunId {
        term: Term(3),
        number: 7,
    };

    fn built(entries: &BTreeMap<Vec<u8>, Option<Vec<u8>>>) -> Vec<u8> {
        let mut builder = BlockBuilder::default();
        for (key, value) in entries {
            builder.add(key, value.as_deref());
        }
        let (first, bytes) = builder.finish(RUN, 4096);
        assert_eq!(Some(&first), entries.keys().next());
        assert_eq!(builder.len(), 0);
        bytes
    }

    proptest! {
        #[test]
        fn a_block_is_read_as_it_was_built(
            entries in proptest::collection::btree_map(
                proptest::collection::vec(0_u8..4, 0..9),
                proptest::option::of(proptest::collection::vec(any::<u8>(), 0..300)),
                1..80,
            ),
            probes in proptest::collection::vec(proptest::collection::vec(0_u8..5, 0..9), 20),
        ) {
            let block = Block::read(RUN, 4096, built(&entries)).expect("it was not changed");
            prop_assert_eq!(block.len(), entries.len());
            for (at, (key, value)) in entries.iter().enumerate() {
                prop_assert_eq!(block.key(at), key.as_slice());
                prop_assert_eq!(block.value(at), value.as_deref());
                prop_assert_eq!(block.find(key), Ok(at));
            }
            for probe in probes.iter().filter(|probe| !entries.contains_key(*probe)) {
                let before = entries.range(..probe.clone()).count();
                prop_assert_eq!(block.find(probe), Err(before));
            }
        }
    }

    #[test]
    fn a_changed_a_cut_and_a_misplaced_block_are_refused() {
        let entries = [(b"a".to_vec(), Some(b"1".to_vec())), (b"ab".to_vec(), None)];
        let good = built(&entries.into());
        for bit in 0..good.len() * 8 {
            let mut bytes = good.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(Block::read(RUN, 4096, bytes).is_none(), "bit {bit}");
        }
        for length in 0..good.len() {
            assert!(Block::read(RUN, 4096, good[..length].to_vec()).is_none());
        }
        assert!(Block::read(RUN, 8192, good.clone()).is_none());
        let other = RunId { number: 8, ..RUN };
        assert!(Block::read(other, 4096, good).is_none());
    }

    #[test]
    fn nonsense_that_checks_out_is_refused() {
        for payload in [
            [1, 1, 0, 9].as_slice(),
            &[0, 9, 0, 1],
            &[0, 1, 9, 1],
            &[0, 0x80],
        ] {
            let mut bytes = payload.to_vec();
            bytes.extend_from_slice(&check(RUN, 0, payload).to_le_bytes());
            assert!(Block::read(RUN, 0, bytes).is_none(), "{payload:?}");
        }
    }
}
