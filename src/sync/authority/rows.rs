//! What the authority asks its host to read, and what the host has read so far.

use super::key::Key;
use std::collections::BTreeMap;

/// One row: its key and its bytes.
pub type Found = (Key, Vec<u8>);

/// Something to read from the space.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// One row.
    Get(Key),
    /// Rows in the order of their keys.
    Scan {
        /// The first key that belongs.
        from: Key,
        /// The first key after it that does not.
        to: Key,
        /// Most rows.
        limit: usize,
    },
}

impl Need {
    /// Reads it from a space that is held in memory.
    pub fn read_from(&self, space: &BTreeMap<Key, Vec<u8>>) -> Vec<Found> {
        let row = |(key, row): (&Key, &Vec<u8>)| (key.clone(), row.clone());
        match self {
            Self::Get(key) => space.get_key_value(key).map(row).into_iter().collect(),
            Self::Scan { from, to, .. } if from >= to => Vec::new(),
            Self::Scan { from, to, limit } => space.range(from..to).take(*limit).map(row).collect(),
        }
    }
}

/// The rows read so far, each under what asked for it.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    answers: BTreeMap<Need, Vec<Found>>,
}

impl Rows {
    /// Takes what was found for a need: no row or one for a `Get`, any number up to the limit for a
    /// `Scan`.
    pub fn answer(&mut self, need: Need, found: Vec<Found>) {
        self.answers.insert(need, found);
    }

    /// Whether the need has been answered.
    pub fn is_answered(&self, need: &Need) -> bool {
        self.answers.contains_key(need)
    }

    /// The bytes of a row that was asked for.
    pub(super) fn get(&self, key: &Key) -> Option<&[u8]> {
        let found = self.scan(&Need::Get(key.clone()));
        found.first().map(|(_, row)| row.as_slice())
    }

    /// What was found for a need.
    pub(super) fn scan(&self, need: &Need) -> &[Found] {
        self.answers
            .get(need)
            .expect("the host answers every need before it calls decide")
    }
}
