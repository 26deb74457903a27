//! A document as merging sees it: its existence, and a register per path of the current life.
//!
//! `K` names paths: a client uses numbers from its dictionary, a server the paths themselves.

use super::existence::Existence;
use super::register::Register;
use crate::doc::path::Path;
use crate::doc::value::Value;
use crate::ids::{Life, Version};
use crate::protocol::message::Delta;
use crate::sorted::SortedMap;

/// The merged state of one document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document<K> {
    /// Whether it is there.
    pub existence: Existence,
    /// The registers of the current life; none when it is deleted.
    pub registers: SortedMap<K, Register>,
}

impl<K> Default for Document<K> {
    fn default() -> Self {
        Self {
            existence: Existence::default(),
            registers: SortedMap::default(),
        }
    }
}

/// What applying a delta did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Whether anything changed.
    pub has_changed: bool,
    /// Paths that belong to another life than the document's.
    pub discarded: Vec<Path>,
}

impl<K: Ord> Document<K> {
    /// Whether the document is there.
    pub fn is_alive(&self) -> bool {
        self.existence.life.is_alive()
    }

    /// Joins a delta in, as of the server's `version` (0 for writes that are not the server's yet).
    /// Existence goes first, wherever it stands in the delta.
    pub fn apply(
        &mut self,
        delta: &Delta,
        version: Version,
        name: &mut dyn FnMut(&Path) -> K,
    ) -> Applied {
        let mut applied = Applied::default();
        for write in delta.paths.iter().filter(|write| write.path.is_existence()) {
            let life = Life(write.value.as_u64().unwrap_or(0));
            let stamp = write.stamp.unwrap_or(delta.stamp);
            applied.has_changed |= self.apply_existence(Existence {
                life,
                stamp,
                version,
            });
        }
        let is_current = self.is_alive() && delta.life == self.existence.life;
        if self.registers.is_empty() {
            self.registers.reserve(delta.paths.len());
        }
        for write in delta
            .paths
            .iter()
            .filter(|write| !write.path.is_existence())
        {
            if !is_current {
                applied.discarded.push(write.path.clone());
                continue;
            }
            let stamp = write.stamp.unwrap_or(delta.stamp);
            let register = Register {
                value: write.value.clone(),
                stamp,
                version,
            };
            applied.has_changed |= self.apply_register(name(&write.path), register);
        }
        applied
    }

    fn apply_existence(&mut self, write: Existence) -> bool {
        if !self.existence.loses_to(write.life, write.stamp) {
            return false;
        }
        if write.life > self.existence.life {
            self.registers.clear();
        }
        self.existence = write;
        true
    }

    fn apply_register(&mut self, key: K, write: Register) -> bool {
        let current = self.registers.get(&key);
        let wins = current.is_none_or(|current| current.loses_to(&write.value, write.stamp));
        if wins {
            self.registers.insert(key, write);
        }
        wins
    }

    /// The value at a path of the current life.
    pub fn value(&self, key: &K) -> Option<&Value> {
        self.registers.get(key).map(|register| &register.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::causal::stamp::{Stamp, Time};
    use crate::doc::path::DocumentKey;
    use crate::ids::Token;
    use crate::protocol::message::PathWrite;
    use proptest::prelude::*;

    fn stamp(time: u64) -> Stamp {
        Stamp {
            time: Time(time),
            replica: Token([1; 10]),
        }
    }

    fn write(path: Path, value: Value) -> PathWrite {
        PathWrite {
            path,
            value,
            saw: None,
            stamp: None,
        }
    }

    prop_compose! {
        fn any_delta()(
            life in 1_u64..4, time in 0_u64..6, with_existence: bool,
            fields in proptest::collection::vec((0_u8..3, 0_i64..3), 0..4),
        ) -> Delta {
            let mut paths: Vec<_> = fields
                .into_iter()
                .map(|(field, value)| {
                    write(Path::field(["a", "b", "c"][usize::from(field)]), Value::int(value))
                })
                .collect();
            if with_existence {
                paths.push(write(Path::existence(), Value::int(life as i64)));
            }
            let key = DocumentKey::new("films", "1");
            Delta { key, life: Life(life), stamp: stamp(time), upsert: true, paths }
        }
    }

    fn merged(deltas: &[&Delta]) -> Document<Path> {
        let mut document = Document::default();
        for delta in deltas {
            document.apply(delta, Version(0), &mut Clone::clone);
        }
        document
    }

    /// A delta that begins a life carries its fields; one that does not is for a life that has
    /// begun. Both hold in life, because an update is written over the document it saw. Here
    /// the first insert of each life comes first.
    fn begun() -> Vec<Delta> {
        (1..4)
            .map(|life| Delta {
                key: DocumentKey::new("films", "1"),
                life: Life(life),
                stamp: stamp(0),
                upsert: true,
                paths: vec![write(Path::existence(), Value::int(life as i64))],
            })
            .collect()
    }

    proptest! {
        #[test]
        fn applying_twice_changes_nothing(a in any_delta(), b in any_delta()) {
            let once = merged(&[&a, &b]);
            let mut twice = once.clone();
            prop_assert!(!twice.apply(&b, Version(0), &mut Clone::clone).has_changed);
            prop_assert_eq!(once, twice);
        }

        #[test]
        fn order_does_not_matter_within_begun_lives(
            a in any_delta(), b in any_delta(), c in any_delta(), life in 0_usize..3,
        ) {
            let begun = begun();
            let first = &begun[life];
            let all = [
                merged(&[first, &a, &b, &c]),
                merged(&[first, &c, &b, &a]),
                merged(&[first, &b, &c, &a]),
            ];
            // Updates of a life that only a later delta begins are discarded or kept by the
            // authority's order; here compare what is left when all have the life they belong to.
            if [&a, &b, &c].iter().all(|delta| {
                delta.life.0 == life as u64 + 1
            }) {
                prop_assert_eq!(&all[0], &all[1]);
                prop_assert_eq!(&all[0], &all[2]);
            }
        }
    }

    #[test]
    fn an_update_of_a_deleted_life_is_discarded() {
        let mut document = merged(&begun().iter().take(2).collect::<Vec<_>>());
        let mut late = begun().remove(0);
        late.paths = vec![write(Path::field("title"), Value::text("late"))];
        late.stamp = stamp(9);
        let applied = document.apply(&late, Version(0), &mut Clone::clone);
        assert_eq!(applied.discarded, vec![Path::field("title")]);
        assert!(!applied.has_changed && document.registers.is_empty());
    }

    #[test]
    fn a_new_life_forgets_the_old_ones_paths() {
        let mut first = begun().remove(0);
        first
            .paths
            .push(write(Path::field("title"), Value::text("old")));
        let mut third = begun().remove(2);
        third
            .paths
            .push(write(Path::field("year"), Value::int(1979)));
        let document = merged(&[&first, &third]);
        assert_eq!(document.value(&Path::field("title")), None);
        assert_eq!(
            document.value(&Path::field("year")),
            Some(&Value::int(1979))
        );
    }
}
