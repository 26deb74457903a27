//! Taking documents out as NDJSON, also from a damaged store: what can be read is given, the rest
//! is passed over.

use super::database::{Database, storage_error};
use super::out::member_text;
use super::outbox_row::document;
use super::request::bad;
use crate::doc::json;
use crate::doc::path::Path;
use crate::doc::schema::OUTBOX;
use crate::doc::value::Value;
use crate::error::Error;
use crate::ids::{push_hex, read_hex};
use crate::merge::record;
use crate::platform::disk::Disk;
use crate::store::Direction;
use crate::txn::table;
use std::ops::ControlFlow;

/// Bytes of lines that one answer aims at.
const CHUNK_BYTES: usize = 256 << 10;

impl Database {
    /// Lines after the position `after`, and where to go on; none at the end. A line is
    /// `{"collection":...,"id":...,"fields":{...}}`; the outbox comes last, as documents of
    /// `$outbox`.
    pub fn export(
        &self,
        disk: &mut dyn Disk,
        after: Option<&str>,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let mut from = vec![table::VISIBLE];
        if let Some(after) = after {
            from.resize(1 + after.len() / 2, 0);
            let position = from.get_mut(1..).unwrap_or_default();
            read_hex(after.as_bytes(), position)
                .ok_or_else(|| bad(&["`after` is not a position"]))?;
            from.push(0);
        }
        *out = b"{\"lines\":[".to_vec();
        let mut next = None;
        let mut visit = |key: &[u8], value: &[u8]| {
            self.write_document(out, key, value);
            if out.len() < CHUNK_BYTES {
                return ControlFlow::Continue(());
            }
            // In digits: a key has a U+0000 in it, which no string of a message may have.
            let mut position = String::new();
            push_hex(&mut position, key.get(1..).unwrap_or_default());
            next = Some(position);
            ControlFlow::Break(())
        };
        let to = [table::VISIBLE + 1];
        self.store
            .scan(disk, &from, &to, Direction::Forward, &mut visit)
            .map_err(storage_error)?;
        if next.is_none() {
            self.write_outbox(out);
        }
        out.push(b']');
        member_text(out, "next", next.as_deref());
        out.push(b'}');
        Ok(())
    }

    fn write_document(&self, out: &mut Vec<u8>, key: &[u8], value: &[u8]) -> Option<()> {
        let key = table::document_key(key)?;
        let document = record::decode(value).filter(record::StoredDocument::is_alive)?;
        let mut fields = Vec::new();
        for (path, register) in &document.registers {
            if let Some(name) = self.dictionary.path(*path).and_then(Path::as_field) {
                fields.push((name.to_string(), register.value.clone()));
            }
        }
        write_line(out, &key.collection, &key.id, fields);
        Some(())
    }

    fn write_outbox(&self, out: &mut Vec<u8>) {
        let collection = self.schema.at(self.schema.collections.len() - 1);
        for entry in self.outbox.iter() {
            let row = super::outbox_row::row(entry);
            let mut fields = Vec::new();
            for (field, value) in collection.fields.iter().zip(&row.values) {
                fields.push((field.name.clone(), value.clone()));
            }
            write_line(out, OUTBOX, &row.id, fields);
        }
    }
}

fn write_line(out: &mut Vec<u8>, collection: &str, id: &str, fields: Vec<(String, Value)>) {
    let line = json::to_text(&document(collection, id, fields, None));
    if !out.ends_with(b"[") {
        out.push(b',');
    }
    json::write_text(out, &line);
}
