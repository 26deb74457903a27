//! Taking documents out as NDJSON, or counting them before, also from a damaged store: what can be
//! read is given, the rest is passed over.

use super::database::Database;
use super::out::{map, member_text, member_whole, write_head, write_name, write_text};
use super::outbox_row::document;
use super::request::bad;
use crate::doc::codec::LIST;
use crate::doc::json;
use crate::doc::path::Path;
use crate::doc::schema::OUTBOX;
use crate::doc::value::Value;
use crate::error::Error;
use crate::ids::{EntryId, push_hex, read_hex};
use crate::merge::record::{self, StoredDocument};
use crate::outbox::codec;
use crate::platform::disk::Disk;
use crate::store::{Direction, Snapshot};
use crate::txn::table;
use std::ops::ControlFlow;

/// Bytes of lines that one answer aims at.
const CHUNK_BYTES: usize = 256 << 10;
/// Documents that are counted for one answer.
const COUNTED_MAX: u64 = 20_000;

impl Database {
    /// Lines after the position `after` of the request, and where to go on; none at the end. A line
    /// is `{"collection":...,"id":...,"fields":{...}}`; the outbox comes last, as documents of
    /// `$outbox`. Where the request has `count`, the lines are only counted.
    pub fn export(
        &self,
        disk: &mut dyn Disk,
        snapshot: &Snapshot,
        request: &Value,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let is_counted = request.get("count").is_some();
        let (mut count, mut next) = (0, None);
        let mut from = Vec::new();
        if let Some(after) = request.get("after").and_then(Value::as_str) {
            from.resize(after.len() / 2, 0);
            read_hex(after.as_bytes(), &mut from)
                .ok_or_else(|| bad(&["`after` is not a position"]))?;
            from.push(0);
        }
        let mut lines = Vec::new();
        let mut written = 0;
        for &table in &[table::VISIBLE, table::OUTBOX] {
            let mut visit = |key: &[u8], value: &[u8]| {
                if !is_counted {
                    written += u64::from(self.write_record(&mut lines, key, value).is_some());
                } else if table == table::OUTBOX || living(value).is_some() {
                    count += 1;
                }
                if lines.len() < CHUNK_BYTES && count < COUNTED_MAX {
                    return ControlFlow::Continue(());
                }
                // In digits: a key has a U+0000 in it, which no string of a message may have.
                push_hex(next.insert(String::new()), key);
                ControlFlow::Break(())
            };
            let (begin, to) = ([table], [table + 1]);
            let from = begin.as_slice().max(&from);
            self.store
                .scan_snapshot(disk, snapshot, from, &to, Direction::Forward, &mut visit)?;
            if next.is_some() {
                break;
            }
        }
        *out = map(3);
        write_name(out, "lines");
        write_head(out, LIST, written);
        out.append(&mut lines);
        member_whole(out, "count", count);
        member_text(out, "next", next.as_deref());
        Ok(())
    }

    fn write_record(&self, out: &mut Vec<u8>, key: &[u8], value: &[u8]) -> Option<()> {
        let mut fields = Vec::new();
        let mut add = |name: &str, value: &Value| fields.push((name.to_string(), value.clone()));
        if key.first() == Some(&table::OUTBOX) {
            let entry = codec::decode(table::number(key).map(EntryId)?, value)?;
            let row = super::outbox_row::row(&entry);
            let collection = self.schema.collections.last()?;
            for (field, value) in collection.fields.iter().zip(&row.values()) {
                add(&field.name, value);
            }
            write_line(out, OUTBOX, row.id_text(), fields);
            return Some(());
        }
        let key = table::document_key(key)?;
        for (path, register) in &living(value)?.registers {
            if let Some(name) = self.dictionary.path(*path).and_then(Path::as_field) {
                add(name, &register.value);
            }
        }
        write_line(out, &key.collection, &key.id, fields);
        Some(())
    }
}

fn living(record: &[u8]) -> Option<StoredDocument> {
    record::decode(record).filter(StoredDocument::is_alive)
}

fn write_line(out: &mut Vec<u8>, collection: &str, id: &str, fields: Vec<(String, Value)>) {
    let line = json::to_text(&document(collection, id, fields, None));
    write_text(out, &line);
}
