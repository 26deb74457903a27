//! Checking a database: that everything stored can be read, and that documents and the entries of
//! indexes say the same. A slice at a time, each telling where the next one begins.

use super::database::Database;
use super::out::{map, member_text, member_whole};
use super::request::bad;
use crate::doc::codec::Items;
use crate::error::Error;
use crate::ids::{EntryId, push_hex, read_hex};
use crate::merge::record;
use crate::outbox::codec;
use crate::platform::disk::Disk;
use crate::store::Direction;
use crate::txn::table;
use std::ops::ControlFlow;

/// Bytes of keys and values that a slice looks at.
const SLICE_BYTES: usize = 256 << 10;

impl Database {
    /// Checks what comes from the key `from` on, which is in hexadecimal digits. An index that does
    /// not say what its documents do is built anew.
    pub fn check(
        &mut self,
        disk: &mut dyn Disk,
        from: &str,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        if from.is_empty() {
            self.store.forget_blocks();
        }
        let mut key = vec![0; from.len() / 2];
        read_hex(from.as_bytes(), &mut key).ok_or_else(|| bad(&["`from` is not a position"]))?;
        let (mut pairs, mut bytes) = (Vec::new(), 0);
        let mut visit = |key: &[u8], value: &[u8]| {
            bytes += key.len() + value.len();
            pairs.push((key.to_vec(), value.to_vec()));
            if bytes < SLICE_BYTES {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        };
        let scanned = self
            .store
            .scan(disk, &key, &[0xff], Direction::Forward, &mut visit);
        scanned?;
        let mut faults = 0;
        for (key, value) in &pairs {
            faults += u64::from(!self.is_good(disk, key, value)?);
        }
        *out = map(3);
        member_whole(out, "checked", pairs.len() as u64);
        member_whole(out, "faults", faults);
        let next = pairs.last().map(|(last, _)| {
            let mut next = String::new();
            push_hex(&mut next, last);
            next.push_str("00");
            next
        });
        member_text(out, "next", next.as_deref());
        Ok(())
    }

    /// Whether a pair decodes and agrees with those that belong to it.
    fn is_good(&mut self, disk: &mut dyn Disk, key: &[u8], value: &[u8]) -> Result<bool, Error> {
        match key.first() {
            Some(&table::BASE) => Ok(value.is_empty() || record::decode(value).is_some()),
            Some(&table::VISIBLE) => self.is_indexed(disk, key, value),
            Some(&table::INDEX) => self.is_of_document(disk, key, value),
            Some(&table::OUTBOX) => Ok(codec::decode(EntryId(0), value).is_some()),
            // What the engine needs of the rest was read when the database was opened.
            _ => Ok(true),
        }
    }

    /// Whether a document decodes and has its entries.
    fn is_indexed(&mut self, disk: &mut dyn Disk, key: &[u8], value: &[u8]) -> Result<bool, Error> {
        let Some(document) = table::document_key(key) else {
            return Ok(false);
        };
        let Ok(collection) = self.schema.position(&document.collection) else {
            return Ok(true);
        };
        let id = document.id.as_bytes();
        let Ok(values) = self.values_of(collection, value) else {
            return Ok(false);
        };
        let Some(values) = values else {
            return Ok(true);
        };
        let is_whole = values.iter().all(|value| {
            let mut items = Items::new(value);
            let value = items.value();
            items.check(value).is_some()
        });
        for entry in self.indexes.entries_of(collection, id, &values) {
            let found = self.store.get(disk, &entry)?;
            if found.is_none() {
                self.indexes.build_anew(collection);
                return Ok(false);
            }
        }
        Ok(is_whole)
    }

    /// Whether an entry of an index is one of the document that it leads to.
    fn is_of_document(
        &mut self,
        disk: &mut dyn Disk,
        key: &[u8],
        value: &[u8],
    ) -> Result<bool, Error> {
        let Some(collection) = self.indexes.collection_of(key) else {
            return Ok(true);
        };
        let id_bytes = Items::new(value).varint() as usize;
        let (id, record) = self.record_of_entry(disk, collection, key, id_bytes)?;
        let Some(values) = self.values_of(collection, &record)? else {
            return Ok(false);
        };
        let entries = self.indexes.entries_of(collection, id, &values);
        Ok(entries.iter().any(|entry| entry == key))
    }
}
