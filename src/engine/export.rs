//! Taking documents out as NDJSON, also from a damaged store: what can be read is given, the rest
//! is passed over.

use super::database::{Database, storage_error};
use crate::doc::json;
use crate::doc::schema::OUTBOX;
use crate::doc::value::Value;
use crate::error::{Error, Problem};
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
    ) -> Result<(Vec<String>, Option<String>), Error> {
        let mut from = vec![table::VISIBLE];
        if let Some(after) = after {
            let mut position = vec![0; after.len() / 2];
            let problem = || {
                Error::from(Problem::BadRequest {
                    problem: "`after` is not a position".into(),
                })
            };
            read_hex(after.as_bytes(), &mut position).ok_or_else(problem)?;
            from.extend(position);
            from.push(0);
        }
        let (mut lines, mut bytes, mut next) = (Vec::new(), 0, None);
        let mut visit = |key: &[u8], value: &[u8]| {
            if let Some(line) = self.line(key, value) {
                bytes += line.len();
                lines.push(line);
            }
            if bytes < CHUNK_BYTES {
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
            lines.extend(self.outbox_lines());
        }
        Ok((lines, next))
    }

    fn line(&self, key: &[u8], value: &[u8]) -> Option<String> {
        let key = table::document_key(key)?;
        let document = record::decode(value).filter(record::StoredDocument::is_alive)?;
        let fields = document.registers.iter().filter_map(|(path, register)| {
            let name = self.dictionary.path(*path)?.as_field()?;
            Some((name.to_string(), register.value.clone()))
        });
        Some(line(&key.collection, &key.id, fields.collect()))
    }

    fn outbox_lines(&self) -> impl Iterator<Item = String> {
        let collection = self.schema.at(self.schema.collections.len() - 1);
        self.outbox.iter().map(|entry| {
            let row = super::outbox_row::row(entry);
            let names = collection.fields.iter().map(|field| field.name.clone());
            line(OUTBOX, &row.id, names.zip(row.values).collect())
        })
    }
}

fn line(collection: &str, id: &str, fields: Vec<(String, Value)>) -> String {
    json::to_text(&Value::map(vec![
        ("collection".into(), Value::text(collection)),
        ("id".into(), Value::text(id)),
        ("fields".into(), Value::map(fields)),
    ]))
}
