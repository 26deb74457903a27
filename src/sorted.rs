//! Maps and sets as sorted vectors.
//!
//! A B-tree costs about six kilobytes of WebAssembly for each pair of types; a sorted vector costs
//! some hundred bytes and is faster where maps are small or grow at their end, which is what the
//! engine's are. Inserting in the middle moves what comes after, so what grows large in any order
//! is [`Blocks`].

mod blocks;

pub use blocks::{Blocks, Pair, Place, compare};

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::ops::{Bound, RangeBounds};

/// Where the place is that `order` calls equal, or else where it would be: what is before it is
/// less. Looks at the end first. One copy of it serves all types.
pub fn search(length: usize, order: &mut dyn FnMut(usize) -> Ordering) -> Result<usize, usize> {
    let (mut from, mut to, mut at) = (0, length, length.saturating_sub(1));
    while from < to {
        match order(at) {
            Ordering::Less => from = at + 1,
            Ordering::Equal => return Ok(at),
            Ordering::Greater => to = at,
        }
        at = from + (to - from) / 2;
    }
    Err(from)
}

/// Pairs in the order of their keys, each key once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SortedMap<K, V> {
    pairs: Vec<(K, V)>,
}

impl<K, V> Default for SortedMap<K, V> {
    fn default() -> Self {
        Self { pairs: Vec::new() }
    }
}

impl<K: Ord, V> SortedMap<K, V> {
    /// An empty map.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many pairs there are.
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    fn find<Q: Ord + ?Sized>(&self, key: &Q) -> Result<usize, usize>
    where
        K: Borrow<Q>,
    {
        search(self.pairs.len(), &mut |at| {
            self.pairs
                .get(at)
                .map_or(Ordering::Greater, |pair| pair.0.borrow().cmp(key))
        })
    }

    /// The value of a key.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let at = self.find(key).ok()?;
        self.pairs.get(at).map(|pair| &pair.1)
    }

    /// The value of a key, to be changed.
    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let at = self.find(key).ok()?;
        self.pairs.get_mut(at).map(|pair| &mut pair.1)
    }

    /// Whether the key is there.
    pub fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.find(key).is_ok()
    }

    /// Gives a key this value; returns the one it had.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.find(&key) {
            Ok(at) => {
                let place = self.pairs.get_mut(at).expect("it was found there");
                Some(std::mem::replace(&mut place.1, value))
            }
            Err(at) => {
                self.put(at, key, value);
                None
            }
        }
    }

    /// Kept apart, so that there is one copy of it for each type.
    #[inline(never)]
    fn put(&mut self, at: usize, key: K, value: V) {
        self.pairs.insert(at, (key, value));
    }

    /// The value of a key, which is made if there is none.
    pub fn get_or_insert_with(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        self.pair_or_insert_with(key, |_| make()).1
    }

    /// The pair of a key, whose value is made if there is none.
    pub fn pair_or_insert_with(&mut self, key: K, make: impl FnOnce(&K) -> V) -> (&K, &mut V) {
        let at = match self.find(&key) {
            Ok(at) => at,
            Err(at) => {
                let value = make(&key);
                self.put(at, key, value);
                at
            }
        };
        let pair = self.pairs.get_mut(at).expect("it was found or put there");
        (&pair.0, &mut pair.1)
    }

    /// The value of a key, which is the default one if there is none.
    pub fn get_or_default(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        self.get_or_insert_with(key, V::default)
    }

    /// Takes a key out; returns its value.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let at = self.find(key).ok()?;
        Some(self.pairs.remove(at).1)
    }

    /// Pairs in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> + ExactSizeIterator {
        self.pairs.iter().map(|(key, value)| (key, value))
    }

    /// Pairs in order, the values to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        self.pairs.iter_mut().map(|(key, value)| (&*key, value))
    }

    /// Keys in order.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &K> {
        self.pairs.iter().map(|pair| &pair.0)
    }

    /// Values in the order of their keys.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &V> {
        self.pairs.iter().map(|pair| &pair.1)
    }

    /// Values in the order of their keys, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.pairs.iter_mut().map(|pair| &mut pair.1)
    }

    /// Pairs whose keys lie in a range.
    pub fn range(&self, range: impl RangeBounds<K>) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        let place = |key: &K| self.find(key);
        let from = match range.start_bound() {
            Bound::Included(key) => place(key).unwrap_or_else(|at| at),
            Bound::Excluded(key) => place(key).map_or_else(|at| at, |at| at + 1),
            Bound::Unbounded => 0,
        };
        let to = match range.end_bound() {
            Bound::Included(key) => place(key).map_or_else(|at| at, |at| at + 1),
            Bound::Excluded(key) => place(key).unwrap_or_else(|at| at),
            Bound::Unbounded => self.pairs.len(),
        };
        let pairs = self.pairs.get(from..to).unwrap_or_default();
        pairs.iter().map(|(key, value)| (key, value))
    }

    /// Keeps the pairs of which this holds.
    pub fn retain(&mut self, mut holds: impl FnMut(&K, &V) -> bool) {
        self.pairs.retain(|(key, value)| holds(key, value));
    }

    /// Makes room for so many more pairs.
    pub fn reserve(&mut self, more: usize) {
        self.pairs.reserve(more);
    }

    /// Takes everything out.
    pub fn clear(&mut self) {
        self.pairs.clear();
    }

    /// Takes out the pairs from `key` on.
    pub fn split_off(&mut self, key: &K) -> Self {
        let at = self.find(key).unwrap_or_else(|at| at);
        Self {
            pairs: self.pairs.split_off(at),
        }
    }
}

impl<K, V> IntoIterator for SortedMap<K, V> {
    type Item = (K, V);
    type IntoIter = std::vec::IntoIter<(K, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.pairs.into_iter()
    }
}

impl<'a, K, V> IntoIterator for &'a SortedMap<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = std::iter::Map<std::slice::Iter<'a, (K, V)>, fn(&'a (K, V)) -> Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.pairs.iter().map(|(key, value)| (key, value))
    }
}

impl<'a, K, V> IntoIterator for &'a mut SortedMap<K, V> {
    type Item = (&'a K, &'a mut V);
    type IntoIter =
        std::iter::Map<std::slice::IterMut<'a, (K, V)>, fn(&'a mut (K, V)) -> Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.pairs.iter_mut().map(|(key, value)| (&*key, value))
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for SortedMap<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut map = Self::new();
        for (key, value) in pairs {
            map.insert(key, value);
        }
        map
    }
}

/// Keys in order, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SortedSet<K> {
    keys: SortedMap<K, ()>,
}

impl<K> Default for SortedSet<K> {
    fn default() -> Self {
        Self {
            keys: SortedMap::default(),
        }
    }
}

impl<K: Ord> SortedSet<K> {
    /// An empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Puts a key in; says whether it was not there.
    pub fn insert(&mut self, key: K) -> bool {
        self.keys.insert(key, ()).is_none()
    }

    /// Takes a key out; says whether it was there.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.keys.remove(key).is_some()
    }

    /// Whether the key is there.
    pub fn contains<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.keys.contains_key(key)
    }

    /// Keys in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &K> {
        self.keys.keys()
    }
}

impl<K: Ord> Extend<K> for SortedSet<K> {
    fn extend<I: IntoIterator<Item = K>>(&mut self, keys: I) {
        for key in keys {
            self.insert(key);
        }
    }
}

impl<K> IntoIterator for SortedSet<K> {
    type Item = K;
    type IntoIter = std::iter::Map<std::vec::IntoIter<(K, ())>, fn((K, ())) -> K>;

    fn into_iter(self) -> Self::IntoIter {
        self.keys.into_iter().map(|(key, ())| key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn it_is_a_b_tree_to_whoever_looks(
            steps in proptest::collection::vec((any::<bool>(), 0_u8..20, any::<u8>()), 0..80),
            from in 0_u8..20, to in 0_u8..20,
        ) {
            let (mut map, mut model) = (SortedMap::new(), BTreeMap::new());
            for (puts, key, value) in steps {
                if puts {
                    prop_assert_eq!(map.insert(key, value), model.insert(key, value));
                } else {
                    prop_assert_eq!(map.remove(&key), model.remove(&key));
                }
                prop_assert_eq!(map.get(&key), model.get(&key));
            }
            let (from, to) = (from.min(to), from.max(to));
            prop_assert!(map.iter().eq(model.iter()));
            prop_assert!(map.range(from..to).eq(model.range(from..to)));
            prop_assert!(map.range(from..=to).rev().eq(model.range(from..=to).rev()));
            prop_assert!(map.split_off(&from).into_iter().eq(model.split_off(&from)));
            prop_assert!(map.into_iter().eq(model));
        }
    }
}
