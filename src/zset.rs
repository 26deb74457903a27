//! Z-sets of rows: each row has a signed weight. A collection's state is one where every weight is
//! 1; what a commit changed is one where a row that went has -1 and a row that came has +1.
//!
//! They are a group: `+` is commutative and associative, the empty Z-set is its zero, `-` its
//! inverse. An operator that keeps these sums is *linear* and needs no state. Entries stand in any
//! order and a row may be there more than once until `consolidate` sums them up, which linear
//! operators need not wait for. Must not know where rows come from.

pub mod sort;

use crate::doc::row::{Change, Row};
use std::cmp::Ordering;
use std::ops::{Add, Neg};
use std::rc::Rc;

/// How often a row is there; negative where it goes.
pub type Weight = i64;

/// Rows with their weights.
#[derive(Clone, Debug, Default)]
pub struct ZSet {
    entries: Vec<(Rc<Row>, Weight)>,
}

/// The order of consolidated rows: all versions of a document are neighbours.
fn compare(a: &Rc<Row>, b: &Rc<Row>) -> Ordering {
    if Rc::ptr_eq(a, b) {
        return Ordering::Equal;
    }
    a.cmp(b)
}

impl ZSet {
    /// Adds a weight of a row.
    pub fn push(&mut self, row: Rc<Row>, weight: Weight) {
        self.entries.push((row, weight));
    }

    /// Adds what a change did: the old row goes, the new one comes.
    pub fn push_change(&mut self, change: &Change) {
        if let Some(old) = &change.old {
            self.push(Rc::clone(old), -1);
        }
        if let Some(new) = &change.new {
            self.push(Rc::clone(new), 1);
        }
    }

    /// Whether it has no entry. Only a consolidated one is then surely the zero or surely not.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The rows and weights.
    pub fn entries(&self) -> &[(Rc<Row>, Weight)] {
        &self.entries
    }

    /// Keeps the entries whose row holds a condition. Linear.
    #[must_use]
    pub fn filter(mut self, holds: &mut dyn FnMut(&Row) -> bool) -> Self {
        self.entries.retain(|entry| holds(&entry.0));
        self
    }

    /// The same Z-set in its one form: rows in one order, each once, no weight zero.
    #[must_use]
    pub fn consolidate(self) -> Self {
        let sorted = sort::sorted(self.entries, |a, b| compare(&a.0, &b.0));
        let mut entries: Vec<(Rc<Row>, Weight)> = Vec::with_capacity(sorted.len());
        for (row, weight) in sorted {
            match entries.last_mut() {
                Some(last) if compare(&last.0, &row).is_eq() => last.1 += weight,
                _ => entries.push((row, weight)),
            }
        }
        entries.retain(|entry| entry.1 != 0 || crate::planted::is("query_zset_keeps_zero"));
        Self { entries }
    }
}

/// The sum: weights of equal rows add up.
impl Add for ZSet {
    type Output = Self;

    fn add(mut self, other: Self) -> Self {
        self.entries.extend(other.entries);
        self
    }
}

/// The inverse: every weight negated.
impl Neg for ZSet {
    type Output = Self;

    fn neg(mut self) -> Self {
        for entry in &mut self.entries {
            entry.1 = -entry.1;
        }
        self
    }
}

/// From entries in any order.
impl FromIterator<(Rc<Row>, Weight)> for ZSet {
    fn from_iter<I: IntoIterator<Item = (Rc<Row>, Weight)>>(entries: I) -> Self {
        Self {
            entries: entries.into_iter().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doc::value::Value;
    use proptest::prelude::*;

    prop_compose! {
        fn any_zset()(
            entries in proptest::collection::vec((0_u8..4, 0_i64..3, -2_i64..3), 0..8),
        ) -> ZSet {
            entries.into_iter().map(|(id, value, weight)| {
                (Rc::new(Row::of(&id.to_string(), &[Value::int(value)])), weight)
            }).collect()
        }
    }

    /// The weights that count.
    fn sums(zset: &ZSet) -> Vec<(Rc<Row>, Weight)> {
        zset.clone().consolidate().entries().to_vec()
    }

    fn config() -> ProptestConfig {
        ProptestConfig {
            failure_persistence: None,
            ..ProptestConfig::default()
        }
    }

    proptest! {
        #![proptest_config(config())]

        #[test]
        fn they_are_a_commutative_group(a in any_zset(), b in any_zset(), c in any_zset()) {
            prop_assert_eq!(sums(&(a.clone() + b.clone())), sums(&(b.clone() + a.clone())));
            let left = (a.clone() + b.clone()).consolidate() + c.clone();
            prop_assert_eq!(sums(&left), sums(&(a.clone() + (b + c).consolidate())));
            prop_assert_eq!(sums(&(a.clone() + ZSet::default())), sums(&a));
            prop_assert!((a.clone() + -a).consolidate().is_empty());
        }

        #[test]
        fn consolidation_is_idempotent_and_leaves_no_zero(a in any_zset()) {
            let once = a.consolidate();
            prop_assert_eq!(sums(&once), once.entries());
            prop_assert!(once.entries().iter().all(|entry| entry.1 != 0));
            prop_assert!(once.entries().is_sorted_by(|a, b| compare(&a.0, &b.0).is_lt()));
        }

        #[test]
        fn filtering_is_linear(a in any_zset(), b in any_zset()) {
            let mut is_one = |row: &Row| row.values() == [Value::int(1)];
            let apart = a.clone().filter(&mut is_one) + b.clone().filter(&mut is_one);
            prop_assert_eq!(sums(&(a + b).filter(&mut is_one)), sums(&apart));
        }
    }
}
