//! The stored form of a document: life, its stamp, and the registers by their dictionary numbers.
//!
//! Most paths of a document carry its stamp (they were inserted together), so a stamp is written
//! only where it differs: `varint life, stamp, varint count, count x (varint path * 2 + differs,
//! [stamp], value)`. A deleted document keeps its life and stamp and has no registers.

use super::document::Document;
use super::existence::Existence;
use super::register::Register;
use crate::causal::stamp::Stamp;
use crate::doc::codec::{Items, write_stamp, write_value, write_varint};
use crate::doc::dictionary::{Dictionary, PathId};
use crate::doc::path::Path;
use crate::doc::row::Row;
use crate::doc::schema::Collection;
use crate::doc::value::Value;
use crate::ids::{Life, Version};

/// A document whose paths are dictionary numbers.
pub type StoredDocument = Document<PathId>;

/// The bytes of a document.
pub fn encode(document: &StoredDocument) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    let Existence { life, stamp, .. } = document.existence;
    write_varint(&mut out, life.0);
    write_stamp(&mut out, stamp);
    write_varint(&mut out, document.registers.len() as u64);
    for (path, register) in &document.registers {
        let differs = register.stamp != stamp;
        write_varint(&mut out, u64::from(path.0) << 1 | u64::from(differs));
        if differs {
            write_stamp(&mut out, register.stamp);
        }
        write_value(&mut out, &register.value);
    }
    // It stays in memory for a while.
    out.shrink_to_fit();
    out
}

/// Reads a document back. None if the bytes are not one.
pub fn decode(bytes: &[u8]) -> Option<StoredDocument> {
    let mut items = Items::new(bytes);
    let mut document = Document::default();
    document.existence.life = Life(items.varint());
    document.existence.stamp = items.stamp();
    let mut left = items.varint();
    while items.has_more(&mut left) {
        let (path, stamp) = read_head(&mut items);
        let register = Register {
            value: items.value(),
            stamp: stamp.unwrap_or(document.existence.stamp),
            version: Version(0),
        };
        document.registers.insert(path, register);
    }
    items.check(document)
}

/// The path of a register, and its stamp where it differs.
fn read_head(items: &mut Items<'_>) -> (PathId, Option<Stamp>) {
    let head = items.varint();
    let stamp = (head & 1 == 1).then(|| items.stamp());
    (PathId((head >> 1) as u32), stamp)
}

/// Which column of a row each dictionary number is.
#[derive(Clone, Debug, Default)]
pub struct Columns {
    paths: Vec<PathId>,
    absent: Vec<Value>,
}

impl Columns {
    /// The columns of a collection, whose fields get numbers if they have none.
    pub fn of(collection: &Collection, dictionary: &mut Dictionary) -> Self {
        let mut columns = Self::default();
        for field in &collection.fields {
            let path = dictionary.intern(&Path::field(&field.name));
            columns.paths.push(path);
            columns.absent.push(field.absent());
        }
        columns
    }

    /// The dictionary number of a field.
    pub fn path(&self, field: usize) -> PathId {
        *self
            .paths
            .get(field)
            .expect("columns are made from the collection")
    }

    /// The row of a living document. A value that does not fit its field, which only another schema
    /// can have written, reads as if it were absent.
    pub fn row(&self, collection: &Collection, id: &str, mut document: StoredDocument) -> Row {
        let fields = collection.fields.iter().zip(&self.paths);
        let values = fields.zip(&self.absent).map(|((field, path), absent)| {
            match document.registers.get_mut(path) {
                Some(register) if field.fits(&register.value) => {
                    std::mem::take(&mut register.value)
                }
                _ => absent.clone(),
            }
        });
        Row {
            id: id.into(),
            values: values.collect(),
        }
    }

    /// The same from the stored bytes, without the rest of the document. No row if it is deleted;
    /// None if the bytes are not a document.
    pub fn read_row(&self, collection: &Collection, id: &str, bytes: &[u8]) -> Option<Option<Row>> {
        let mut items = Items::new(bytes);
        let life = Life(items.varint());
        items.stamp();
        let mut left = items.varint();
        if !life.is_alive() {
            return items.check(None);
        }
        let mut values = self.absent.clone();
        while items.has_more(&mut left) {
            let (path, _) = read_head(&mut items);
            let at = self.paths.iter().position(|own| *own == path);
            let Some(at) = at else {
                items.skip_value();
                continue;
            };
            let value = items.value();
            if let (Some(field), Some(place)) = (collection.fields.get(at), values.get_mut(at))
                && field.fits(&value)
            {
                *place = value;
            }
        }
        items.check(Some(Row {
            id: id.into(),
            values,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::causal::stamp::Time;
    use crate::ids::Token;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn documents_round_trip(
            life in 1_u64..9, time: u64,
            fields in proptest::collection::btree_map(
                0_u32..300, (crate::doc::codec::tests::any_value(), 0_u64..3), 0..8),
        ) {
            let stamp = |time| Stamp { time: Time(time), replica: Token([3; 10]) };
            let version = Version(0);
            let existence = Existence { life: Life(life), stamp: stamp(time), version };
            let registers = fields.into_iter().map(|(path, (value, plus))| {
                let stamp = stamp(time.wrapping_add(plus));
                (PathId(path), Register { value, stamp, version })
            });
            let document = Document { existence, registers: registers.collect() };
            prop_assert_eq!(decode(&encode(&document)), Some(document));
        }

        #[test]
        fn any_bytes_are_decoded_without_a_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..80),
        ) {
            let _ = decode(&bytes);
        }
    }
}
