//! A map from bytes that may grow large in any order.
//!
//! Its pairs lie in sorted blocks of a bounded size, so that a change moves one block; that takes
//! less code than a B-tree or a hash table.

use super::search;
use std::cmp::Ordering;
use std::ops::ControlFlow;

/// Pairs of a block when it is divided.
const BLOCK_FULL: usize = 512;

/// A key and its value.
pub type Pair<V> = (Vec<u8>, V);

/// Pairs in the order of their keys, each key once. No block is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocks<V> {
    blocks: Vec<Vec<Pair<V>>>,
}

impl<V> Default for Blocks<V> {
    fn default() -> Self {
        Self { blocks: Vec::new() }
    }
}

impl<V> Blocks<V> {
    /// The value of a key.
    pub fn get(&self, key: &[u8]) -> Option<&V> {
        let (at, place) = self.find(key).ok()?;
        self.blocks.get(at)?.get(place).map(|pair| &pair.1)
    }

    /// The value of a key, to be changed.
    pub fn get_mut(&mut self, key: &[u8]) -> Option<&mut V> {
        let (at, place) = self.find(key).ok()?;
        self.blocks
            .get_mut(at)?
            .get_mut(place)
            .map(|pair| &mut pair.1)
    }

    /// Gives a key this value.
    pub fn insert(&mut self, key: Vec<u8>, value: V) {
        let (at, free) = match self.find(&key) {
            Ok((at, place)) => {
                let pair = self
                    .blocks
                    .get_mut(at)
                    .and_then(|block| block.get_mut(place));
                pair.expect("it was found there").1 = value;
                return;
            }
            Err(free) => free,
        };
        let Some(block) = self.blocks.get_mut(at) else {
            self.blocks.push(vec![(key, value)]);
            return;
        };
        block.insert(free, (key, value));
        if block.len() == BLOCK_FULL {
            // What grows at its end leaves full blocks behind.
            let is_last = free == BLOCK_FULL - 1;
            let second = block.split_off(if is_last { free } else { BLOCK_FULL / 2 });
            self.blocks.insert(at + 1, second);
        }
    }

    /// Takes a key out, if it is there.
    pub fn remove(&mut self, key: &[u8]) {
        if let Ok((at, place)) = self.find(key)
            && let Some(block) = self.blocks.get_mut(at)
        {
            block.remove(place);
            if block.is_empty() {
                self.blocks.remove(at);
            }
        }
    }

    /// All pairs in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Pair<V>> {
        self.blocks.iter().flatten()
    }

    /// Visits the pairs with `from <= key < to` in order, until told to stop.
    pub fn scan(
        &self,
        from: &[u8],
        to: &[u8],
        visit: &mut dyn FnMut(&[u8], &V) -> ControlFlow<()>,
    ) {
        let (mut at, mut place) = self.find(from).unwrap_or_else(|free| free);
        while let Some(block) = self.blocks.get(at) {
            for (key, value) in block.get(place..).unwrap_or_default() {
                if **key >= *to || visit(key, value).is_break() {
                    return;
                }
            }
            (at, place) = (at + 1, 0);
        }
    }

    /// The same from the largest key to the smallest.
    pub fn scan_back(
        &self,
        from: &[u8],
        to: &[u8],
        visit: &mut dyn FnMut(&[u8], &V) -> ControlFlow<()>,
    ) {
        let (at, mut end) = self.find(to).unwrap_or_else(|free| free);
        for block in self.blocks.iter().take(at + 1).rev() {
            for (key, value) in block.iter().take(end).rev() {
                if **key < *from || visit(key, value).is_break() {
                    return;
                }
            }
            end = usize::MAX;
        }
    }

    /// Block and place of a key, or where it would be.
    fn find(&self, key: &[u8]) -> Result<(usize, usize), (usize, usize)> {
        let begins = |block: &Vec<Pair<V>>| block.first().is_some_and(|first| *first.0 <= *key);
        let at = self.blocks.partition_point(begins).saturating_sub(1);
        let block = self.blocks.get(at).map(Vec::as_slice).unwrap_or_default();
        let order = &mut |place| {
            block
                .get(place)
                .map_or(Ordering::Greater, |pair: &Pair<V>| (*pair.0).cmp(key))
        };
        match search(block.len(), order) {
            Ok(place) => Ok((at, place)),
            Err(free) => Err((at, free)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    type Found = Vec<(Vec<u8>, u16)>;

    fn scanned(blocks: &Blocks<u16>, from: &[u8], to: &[u8]) -> (Found, Found) {
        let (mut forward, mut backward) = (Vec::new(), Vec::new());
        blocks.scan(from, to, &mut |key, value| {
            forward.push((key.to_vec(), *value));
            ControlFlow::Continue(())
        });
        blocks.scan_back(from, to, &mut |key, value| {
            backward.insert(0, (key.to_vec(), *value));
            ControlFlow::Continue(())
        });
        (forward, backward)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn blocks_are_a_map(
            begun in 0_u16..3_000,
            steps in proptest::collection::vec((0_u16..3_000, any::<bool>()), 0..2_000),
            bounds in proptest::collection::vec((0_u16..3_100, 0_u16..3_100), 8),
        ) {
            let (mut blocks, mut model) = (Blocks::default(), BTreeMap::new());
            for number in 0..begun {
                blocks.insert(number.to_be_bytes().to_vec(), number);
                model.insert(number.to_be_bytes().to_vec(), number);
            }
            for (nth, (number, puts)) in steps.into_iter().enumerate() {
                let key = number.to_be_bytes().to_vec();
                if puts {
                    blocks.insert(key.clone(), nth as u16);
                    model.insert(key.clone(), nth as u16);
                } else {
                    blocks.remove(&key);
                    model.remove(&key);
                }
                prop_assert_eq!(blocks.get(&key), model.get(&key));
                prop_assert_eq!(blocks.get_mut(&key), model.get_mut(&key));
            }
            prop_assert!(blocks.iter().map(|(key, value)| (key, value)).eq(model.iter()));
            for (from, to) in bounds.into_iter().map(|(a, b)| (a.min(b), a.max(b))) {
                let (from, to) = (from.to_be_bytes().to_vec(), to.to_be_bytes().to_vec());
                let expected: Found =
                    model.range(from.clone()..to.clone()).map(|(k, v)| (k.clone(), *v)).collect();
                let (forward, backward) = scanned(&blocks, &from, &to);
                prop_assert_eq!(&forward, &expected);
                prop_assert_eq!(&backward, &expected);
            }
        }
    }

    #[test]
    fn a_scan_stops_when_told() {
        let mut blocks = Blocks::default();
        for number in 0..2_000_u16 {
            blocks.insert(number.to_be_bytes().to_vec(), number);
        }
        let mut seen = Vec::new();
        let mut visit = |_: &[u8], number: &u16| {
            seen.push(*number);
            if seen.len() % 2 == 0 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        blocks.scan(&511_u16.to_be_bytes(), &[0xff], &mut visit);
        blocks.scan_back(&[], &512_u16.to_be_bytes(), &mut visit);
        assert_eq!(seen, [511, 512, 511, 510]);
    }
}
