//! A document as the authority stores it: the merged state, and what each standing write saw.

use super::Decided;
use super::key::Key;
use super::record::damaged;
use super::rows::Rows;
use crate::causal::stamp::Stamp;
use crate::doc::codec::{Reader, write_bytes, write_stamp, write_value, write_varint};
use crate::doc::path::{DocumentKey, Path};
use crate::doc::value::Value;
use crate::ids::{Life, Version};
use crate::merge::document::Document;
use crate::merge::existence::Existence;
use crate::merge::register::Register;
use crate::protocol::codec::document_bytes;
use crate::protocol::message::{Delta, PathWrite};
use std::collections::BTreeMap;

/// The first byte of a document's row.
const FORMAT: u8 = 1;

/// The merged state of a document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    pub merged: Document<Path>,
    /// The stamp that a path's standing write replaced, where it replaced one.
    saws: BTreeMap<Path, Stamp>,
}

impl Stored {
    /// The document's row; one that has never been, if there is none.
    pub fn read(key: &DocumentKey, rows: &Rows) -> Decided<Self> {
        let Some(row) = rows.get(&Key::document(key)) else {
            return Ok(Self::default());
        };
        Self::from_row(row).ok_or_else(|| damaged("document"))
    }

    /// The version in which the document last changed; 0 if it has never been.
    pub fn version(&self) -> Version {
        let registers = self
            .merged
            .registers
            .values()
            .map(|register| register.version);
        registers.fold(self.merged.existence.version, Ord::max)
    }

    /// The size of the document (`docs/PROTOCOL.md` section 4).
    pub fn size(&self) -> usize {
        let registers = self.merged.registers.iter();
        document_bytes(registers.map(|(path, register)| (path, &register.value)))
    }

    /// Joins a delta in as of `version`. Gives the paths that were not applied, because they are of
    /// another life.
    pub fn apply(&mut self, delta: &Delta, version: Version) -> Vec<Path> {
        let life = self.merged.existence.life;
        let mut discarded = self
            .merged
            .apply(delta, version, &mut Path::clone)
            .discarded;
        if self.merged.existence.life > life {
            self.saws.clear();
        }
        for write in &delta.paths {
            let stamp = write.stamp.unwrap_or(delta.stamp);
            if self.stands(&write.path, stamp, version) {
                self.note_saw(write);
            } else if write.path.is_existence() && delta.life < life {
                discarded.push(Path::existence());
            }
        }
        discarded
    }

    /// Whether the write of this path with this stamp was applied in this version.
    fn stands(&self, path: &Path, stamp: Stamp, version: Version) -> bool {
        let current = if path.is_existence() {
            Some((self.merged.existence.stamp, self.merged.existence.version))
        } else {
            self.merged
                .registers
                .get(path)
                .map(|register| (register.stamp, register.version))
        };
        current == Some((stamp, version))
    }

    fn note_saw(&mut self, write: &PathWrite) {
        match write.saw {
            Some(saw) => self.saws.insert(write.path.clone(), saw),
            None => self.saws.remove(&write.path),
        };
    }

    /// The paths that changed after `base`, as a delta; none if there are none.
    pub fn delta_since(&self, key: &DocumentKey, base: Version) -> Option<Delta> {
        let existence = self.merged.existence;
        let life = existence.life;
        let begins = (existence.version > base).then(|| {
            self.path_write(
                Path::existence(),
                Value::int(life.0.cast_signed()),
                existence.stamp,
            )
        });
        let registers = self.merged.registers.iter();
        let changed = registers
            .filter(|(_, register)| register.version > base)
            .map(|(path, r)| self.path_write(path.clone(), r.value.clone(), r.stamp));
        let mut paths: Vec<_> = begins.into_iter().chain(changed).collect();
        let stamp = take_commonest_stamp(&mut paths)?;
        Some(Delta {
            key: key.clone(),
            life,
            stamp,
            upsert: false,
            paths,
        })
    }

    fn path_write(&self, path: Path, value: Value, stamp: Stamp) -> PathWrite {
        let saw = self.saws.get(&path).copied();
        PathWrite {
            path,
            value,
            saw,
            stamp: Some(stamp),
        }
    }

    fn from_row(row: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(row);
        if reader.byte()? != FORMAT {
            return None;
        }
        let mut stored = Self::default();
        let life = Life(reader.varint()?);
        let (version, stamp) = stored.read_head(&Path::existence(), &mut reader)?;
        stored.merged.existence = Existence {
            life,
            stamp,
            version,
        };
        while !reader.is_done() {
            let path = read_path(&mut reader)?;
            let (version, stamp) = stored.read_head(&path, &mut reader)?;
            let register = Register {
                value: reader.value()?,
                stamp,
                version,
            };
            stored.merged.registers.insert(path, register);
        }
        Some(stored)
    }

    fn read_head(&mut self, path: &Path, reader: &mut Reader<'_>) -> Option<(Version, Stamp)> {
        let version = Version(reader.varint()?);
        let stamp = reader.stamp()?;
        if reader.byte()? == 1 {
            self.saws.insert(path.clone(), reader.stamp()?);
        }
        Some((version, stamp))
    }

    /// The format, the life, its head, and for every register its path, head and value. A head is
    /// the version, the stamp, and 0, or 1 and the stamp that the write saw.
    pub fn to_row(&self) -> Vec<u8> {
        let existence = &self.merged.existence;
        let mut row = vec![FORMAT];
        write_varint(&mut row, existence.life.0);
        self.write_head(
            &mut row,
            &Path::existence(),
            existence.version,
            existence.stamp,
        );
        for (path, register) in &self.merged.registers {
            write_path(&mut row, path);
            self.write_head(&mut row, path, register.version, register.stamp);
            write_value(&mut row, &register.value);
        }
        row
    }

    fn write_head(&self, row: &mut Vec<u8>, path: &Path, version: Version, stamp: Stamp) {
        write_varint(row, version.0);
        write_stamp(row, stamp);
        let saw = self.saws.get(path);
        row.push(u8::from(saw.is_some()));
        if let Some(saw) = saw {
            write_stamp(row, *saw);
        }
    }
}

fn write_path(row: &mut Vec<u8>, path: &Path) {
    write_varint(row, path.0.len() as u64);
    for segment in path.0.iter() {
        write_bytes(row, segment.as_bytes());
    }
}

fn read_path(reader: &mut Reader<'_>) -> Option<Path> {
    let mut segments = Vec::new();
    for _ in 0..reader.varint()? {
        segments.push(reader.text()?.into());
    }
    Some(Path(segments.into()))
}

/// Takes the stamp that most paths have off those paths; none if there are no paths.
fn take_commonest_stamp(paths: &mut [PathWrite]) -> Option<Stamp> {
    let mut counts: BTreeMap<Stamp, usize> = BTreeMap::new();
    for stamp in paths.iter().filter_map(|write| write.stamp) {
        *counts.entry(stamp).or_default() += 1;
    }
    let (stamp, _) = counts.into_iter().max_by_key(|(_, count)| *count)?;
    for write in paths {
        write.stamp = write.stamp.filter(|own| *own != stamp);
    }
    Some(stamp)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::causal::stamp::Time;
    use crate::ids::Token;

    fn stamp(time: u64) -> Stamp {
        Stamp {
            time: Time(time),
            replica: Token([1; 10]),
        }
    }

    fn delta(life: u64, time: u64, paths: Vec<PathWrite>) -> Delta {
        let key = DocumentKey::new("films", "1");
        Delta {
            key,
            life: Life(life),
            stamp: stamp(time),
            upsert: false,
            paths,
        }
    }

    fn write(path: Path, value: Value, saw: Option<u64>) -> PathWrite {
        PathWrite {
            path,
            value,
            saw: saw.map(stamp),
            stamp: None,
        }
    }

    fn edited() -> Stored {
        let mut stored = Stored::default();
        let begin = vec![
            write(Path::existence(), Value::int(1), None),
            write(Path::field("a"), Value::text("x"), None),
            write(Path::field("b"), Value::Bytes(vec![0, 255]), None),
        ];
        assert!(stored.apply(&delta(1, 5, begin), Version(1)).is_empty());
        let edit = vec![write(Path::field("a"), Value::text("y"), Some(5))];
        assert!(stored.apply(&delta(1, 6, edit), Version(2)).is_empty());
        stored
    }

    #[test]
    fn rows_round_trip() {
        let stored = edited();
        assert_eq!(Stored::from_row(&stored.to_row()), Some(stored.clone()));
        assert_eq!(stored.version(), Version(2));
        let row = stored.to_row();
        assert!(
            (1..row.len())
                .filter(|end| Stored::from_row(&row[..*end]).is_some())
                .count()
                < 3
        );
    }

    #[test]
    fn only_what_changed_since_is_told_with_what_it_saw() {
        let stored = edited();
        let key = DocumentKey::new("films", "1");
        let recent = stored.delta_since(&key, Version(1)).unwrap();
        let edit = vec![write(Path::field("a"), Value::text("y"), Some(5))];
        assert_eq!(recent, delta(1, 6, edit));
        let all = stored.delta_since(&key, Version(0)).unwrap();
        assert_eq!((all.paths.len(), all.stamp), (3, stamp(5)));
        assert_eq!(all.paths[1].stamp, Some(stamp(6)));
        assert_eq!(stored.delta_since(&key, Version(2)), None);
    }

    #[test]
    fn a_new_life_forgets_what_the_old_ones_writes_saw() {
        let mut stored = edited();
        let end = vec![write(Path::existence(), Value::int(2), Some(5))];
        stored.apply(&delta(2, 7, end), Version(3));
        assert_eq!(stored.saws.len(), 1);
        assert_eq!((stored.version(), stored.size()), (Version(3), 0));
    }

    #[test]
    fn an_end_of_an_earlier_life_is_listed_as_discarded() {
        let mut stored = edited();
        let begin = vec![write(Path::existence(), Value::int(3), None)];
        stored.apply(&delta(3, 7, begin), Version(3));
        let late = vec![write(Path::existence(), Value::int(2), Some(5))];
        assert_eq!(
            stored.apply(&delta(2, 9, late), Version(4)),
            vec![Path::existence()]
        );
        assert_eq!(stored.version(), Version(3));
    }
}
