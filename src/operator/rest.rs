//! The rows behind the end of a list, by key.
//!
//! There may be a hundred thousand, and they come and go in any order. They lie in sorted blocks of
//! a bounded size, so that a change moves one block; that takes less code than a B-tree.

use super::order::Entry;

/// Rows of a block when it is divided.
const BLOCK_MAX: usize = 512;
/// Blocks that are left where rows can be read again.
const BLOCKS_KEPT: usize = 3;

/// Entries by key, each key once. No block is empty, and each is before the next one.
#[derive(Clone, Debug, Default)]
pub struct Rest {
    blocks: Vec<Vec<Entry>>,
}

impl Rest {
    /// These entries, which are in order.
    pub fn from_sorted(entries: Vec<Entry>) -> Self {
        let mut blocks: Vec<Vec<Entry>> = Vec::with_capacity(entries.len() / BLOCK_MAX * 2 + 1);
        for entry in entries {
            match blocks.last_mut() {
                Some(block) if block.len() < BLOCK_MAX / 2 => block.push(entry),
                _ => blocks.push(vec![entry]),
            }
        }
        Self { blocks }
    }

    /// The first entry.
    pub fn first(&self) -> Option<&Entry> {
        self.blocks.first().and_then(|block| block.first())
    }

    /// Where there are many, gives up the last ones, and says which is the last one left.
    pub fn trim(&mut self) -> Option<Box<[u8]>> {
        if self.blocks.len() <= BLOCKS_KEPT {
            return None;
        }
        self.blocks.truncate(BLOCKS_KEPT);
        let last = self.blocks.last().and_then(|block| block.last());
        last.map(|last| last.key.clone())
    }

    /// Takes the first entry out.
    pub fn take_first(&mut self) -> Option<Entry> {
        (!self.blocks.is_empty()).then(|| self.take(0, 0))
    }

    /// Puts an entry in; says whether its key was there, in which case it is replaced.
    pub fn put(&mut self, entry: Entry) -> bool {
        let at = self.block_of(&entry.key);
        let Some(block) = self.blocks.get_mut(at) else {
            self.blocks.push(vec![entry]);
            return false;
        };
        match place(block, &entry.key) {
            Ok(found) => {
                if let Some(old) = block.get_mut(found) {
                    *old = entry;
                }
                true
            }
            Err(free) => {
                block.insert(free, entry);
                if block.len() > BLOCK_MAX {
                    let second = block.split_off(BLOCK_MAX / 2);
                    self.blocks.insert(at + 1, second);
                }
                false
            }
        }
    }

    /// Takes a key out; says whether it was there.
    pub fn remove(&mut self, key: &[u8]) -> bool {
        let at = self.block_of(key);
        let found = self.blocks.get(at).and_then(|block| place(block, key).ok());
        if let Some(found) = found {
            self.take(at, found);
        }
        found.is_some()
    }

    /// The last block that begins at or before this key, else the first.
    fn block_of(&self, key: &[u8]) -> usize {
        let begins = |block: &Vec<Entry>| block.first().is_some_and(|first| *first.key <= *key);
        self.blocks.partition_point(begins).saturating_sub(1)
    }

    fn take(&mut self, at: usize, place: usize) -> Entry {
        let block = self.blocks.get_mut(at).expect("the block was found");
        let entry = block.remove(place);
        if block.is_empty() {
            self.blocks.remove(at);
        }
        entry
    }
}

/// For tests.
#[cfg(test)]
impl Rest {
    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.blocks.iter().map(Vec::len).sum()
    }
}

fn place(block: &[Entry], key: &[u8]) -> Result<usize, usize> {
    block.binary_search_by(|entry| entry.key.as_ref().cmp(key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doc::row::Row;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::rc::Rc;

    fn entry(key: u16, version: u8) -> Entry {
        let row = Rc::new(Row::of(&version.to_string(), &[]));
        Entry {
            key: Box::new(key.to_be_bytes()),
            row,
        }
    }

    fn config() -> ProptestConfig {
        ProptestConfig {
            failure_persistence: None,
            cases: 64,
            ..ProptestConfig::default()
        }
    }

    proptest! {
        #![proptest_config(config())]

        #[test]
        fn it_is_a_map(
            begun in proptest::collection::btree_set(0_u16..4000, 0..1500),
            steps in proptest::collection::vec((0_u8..4, 0_u16..4000), 0..3000),
        ) {
            let mut model: BTreeMap<u16, u8> = begun.iter().map(|key| (*key, 0)).collect();
            let mut rest = Rest::from_sorted(begun.iter().map(|key| entry(*key, 0)).collect());
            for (step, key) in steps {
                match step {
                    0 => {
                        let was_there = model.remove(&key).is_some();
                        prop_assert_eq!(rest.remove(&key.to_be_bytes()), was_there);
                    }
                    1 => {
                        let first = rest.take_first().map(|entry| entry.key);
                        let expected = model.pop_first().map(|pair| pair.0.to_be_bytes().into());
                        prop_assert_eq!(first, expected);
                    }
                    _ => {
                        let was_there = model.insert(key, step).is_some();
                        prop_assert_eq!(rest.put(entry(key, step)), was_there);
                    }
                }
                let first = model.keys().next().map(|key| key.to_be_bytes().into());
                prop_assert_eq!(rest.first().map(|entry| entry.key.clone()), first);
                let is_sound = |block: &Vec<Entry>| (1..=BLOCK_MAX).contains(&block.len());
                prop_assert!(rest.blocks.iter().all(is_sound));
            }
            let pair = |entry: &Entry| (entry.key.to_vec(), entry.row.id().to_vec());
            let left = rest.blocks.iter().flatten().map(pair);
            let pair = |(key, step): (&u16, &u8)| {
                (key.to_be_bytes().to_vec(), step.to_string().into_bytes())
            };
            let expected = model.iter().map(pair);
            prop_assert!(left.eq(expected));
        }
    }
}
