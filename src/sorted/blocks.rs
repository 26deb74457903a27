//! A map from bytes that may grow large in any order.
//!
//! Its pairs lie in sorted blocks of a bounded size, so that a change moves one block; that takes
//! less code than a B-tree or a hash table.

use super::search;
use std::cmp::Ordering;
use std::ops::ControlFlow;

/// Pairs of a block when it is divided.
const BLOCK_FULL: usize = 128;

/// A key and its value.
pub type Pair<V> = (Vec<u8>, V);

/// Where a pair is. Void after any change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    block: usize,
    pair: usize,
}

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

    /// The pair at a place.
    pub fn at(&self, place: Place) -> Option<(&[u8], &V)> {
        let pair = self.blocks.get(place.block)?.get(place.pair)?;
        Some((&pair.0, &pair.1))
    }

    /// How many keys come before `key`.
    pub fn rank(&self, key: &[u8]) -> usize {
        let (at, place) = self.find(key).unwrap_or_else(|free| free);
        let before = self.blocks.iter().take(at);
        before.map(Vec::len).sum::<usize>() + place
    }

    /// The first place at or after `key`.
    pub fn first_from(&self, key: &[u8]) -> Option<Place> {
        let (block, pair) = self.find(key).unwrap_or_else(|free| free);
        let place = Place { block, pair };
        let is_there = self.at(place).is_some();
        is_there
            .then_some(place)
            .or_else(|| self.start_of(block + 1))
    }

    /// The last place before `key`.
    pub fn last_before(&self, key: &[u8]) -> Option<Place> {
        let (block, pair) = self.find(key).unwrap_or_else(|free| free);
        self.before(Place { block, pair })
    }

    /// The next place.
    pub fn after(&self, Place { block, pair }: Place) -> Option<Place> {
        let next = Place {
            block,
            pair: pair + 1,
        };
        let is_there = self.at(next).is_some();
        is_there
            .then_some(next)
            .or_else(|| self.start_of(block + 1))
    }

    /// The place before.
    pub fn before(&self, Place { block, pair }: Place) -> Option<Place> {
        if let Some(pair) = pair.checked_sub(1) {
            return Some(Place { block, pair });
        }
        let block = block.checked_sub(1)?;
        let pair = self.blocks.get(block)?.len().checked_sub(1)?;
        Some(Place { block, pair })
    }

    fn start_of(&self, block: usize) -> Option<Place> {
        let place = Place { block, pair: 0 };
        self.at(place).map(|_| place)
    }

    /// Visits the pairs with `from <= key < to` in order, until told to stop.
    pub fn scan(
        &self,
        from: &[u8],
        to: &[u8],
        visit: &mut dyn FnMut(&[u8], &V) -> ControlFlow<()>,
    ) {
        let mut next = self.first_from(from);
        while let Some((place, (key, value))) =
            next.and_then(|place| Some((place, self.at(place)?)))
        {
            if *key >= *to || visit(key, value).is_break() {
                return;
            }
            next = self.after(place);
        }
    }

    /// Block and place of a key, or where it would be.
    fn find(&self, key: &[u8]) -> Result<(usize, usize), (usize, usize)> {
        let begins = |block: &Vec<Pair<V>>| {
            let first = block.first();
            first.is_some_and(|first| compare(&first.0, key).is_le())
        };
        let at = self.blocks.partition_point(begins).saturating_sub(1);
        let block = self.blocks.get(at).map(Vec::as_slice).unwrap_or_default();
        let order = &mut |place| {
            block
                .get(place)
                .map_or(Ordering::Greater, |pair: &Pair<V>| compare(&pair.0, key))
        };
        match search(block.len(), order) {
            Ok(place) => Ok((at, place)),
            Err(free) => Err((at, free)),
        }
    }
}

/// As `cmp`, which in a small module takes one byte after the other: keys begin alike, and what is
/// alike is passed over in steps of eight.
pub fn compare(mut one: &[u8], mut other: &[u8]) -> Ordering {
    while let (Some((a, rest)), Some((b, other_rest))) =
        (one.split_first_chunk(), other.split_first_chunk())
    {
        let (a, b) = (u64::from_be_bytes(*a), u64::from_be_bytes(*b));
        if a != b {
            return a.cmp(&b);
        }
        (one, other) = (rest, other_rest);
    }
    one.cmp(other)
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
        let mut last = blocks.last_before(to);
        while let Some((place, (key, value))) = last.and_then(|at| Some((at, blocks.at(at)?))) {
            if key < from {
                break;
            }
            backward.insert(0, (key.to_vec(), *value));
            last = blocks.before(place);
        }
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

    proptest! {
        #[test]
        fn keys_compare_as_bytes(
            one in proptest::collection::vec(0_u8..2, 0..20),
            other in proptest::collection::vec(0_u8..2, 0..20),
        ) {
            prop_assert_eq!(compare(&one, &other), one.cmp(&other));
            let longer = [&one[..], &other[..]].concat();
            prop_assert_eq!(compare(&one, &longer), one.cmp(&longer));
            prop_assert_eq!(compare(&longer, &one), longer.cmp(&one));
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
        assert_eq!(seen, [511, 512]);
    }
}
