//! Records of the engine in readable form, for `holm-inspect`. Not in the client.

pub use super::outbox_row::document;

use super::database::Counters;
use super::index::RECORD_BYTES;
use super::link::Bearing;
use super::outbox_row::row;
use crate::doc::codec::Items;
use crate::doc::schema::{OUTBOX, Schema};
use crate::doc::value::Value;
use crate::ids::Token;
use crate::outbox::entry::Entry;

/// An outbox entry as `export` gives it: a document of `$outbox`.
pub fn outbox_document(entry: &Entry) -> Value {
    let empty = Value::map(vec![
        ("version".into(), Value::int(0)),
        ("collections".into(), Value::map(Vec::new())),
    ]);
    let schema = Schema::from_value(&empty).expect("a schema may be empty");
    let fields = schema.collections.last().map(|outbox| &outbox.fields);
    let row = row(entry);
    let names = fields.into_iter().flatten().map(|field| field.name.clone());
    document(
        OUTBOX,
        row.id_text(),
        names.zip(row.values()).collect(),
        None,
    )
}

/// A single record by its name. `None` if it does not decode, or is not known.
pub fn single(name: &[u8], bytes: &[u8]) -> Option<Value> {
    match name {
        b"replica" => Some(Value::String(Token(bytes.try_into().ok()?).to_text())),
        b"counters" => {
            let (counters, clock, _) = Counters::decode(bytes)?;
            let members = [
                ("nextEntry", Value::int(counters.next_entry.0 as i64)),
                ("nextSeq", Value::int(counters.next_seq.0 as i64)),
                ("lastTimeMs", Value::int(clock.last().ms() as i64)),
            ];
            Some(map(members.into()))
        }
        b"indexes" => {
            let indexes = indexes(bytes)?.into_iter().map(|(id, is_ready)| {
                let members = vec![
                    ("id", Value::String(format!("{id:016x}"))),
                    ("ready", Value::Bool(is_ready)),
                ];
                map(members)
            });
            Some(Value::List(indexes.collect()))
        }
        b"link" => Bearing::decode(bytes).map(|bearing| link(&bearing)),
        _ => None,
    }
}

/// The record of indexes: the number of each, and whether it is ready.
pub fn indexes(bytes: &[u8]) -> Option<Vec<(u64, bool)>> {
    let mut items = Items::new(bytes);
    let mut found = Vec::new();
    for _ in 0..bytes.len() as u64 / RECORD_BYTES {
        let id = u64::from_le_bytes(items.take(8).try_into().ok()?);
        found.push((id, items.byte() == 1));
    }
    items.check(found)
}

fn link(bearing: &Bearing) -> Value {
    let text = |text: &Option<String>| text.as_deref().map_or(Value::Null, Value::text);
    let lives = bearing
        .lives
        .iter()
        .map(|life| Value::String(life.to_text()));
    map(vec![
        ("space", Value::text(&bearing.home)),
        ("subject", text(&bearing.subject)),
        ("epoch", text(&bearing.epoch)),
        ("cursor", text(&bearing.cursor)),
        ("checkpoint", Value::int(bearing.checkpoint.0 as i64)),
        ("pulled", Value::Bool(bearing.is_pulled)),
        ("staged", Value::int(bearing.staged as i64)),
        ("stagedCursor", text(&bearing.staged_cursor)),
        ("resetting", Value::Bool(bearing.is_resetting)),
        ("lives", Value::List(lives.collect())),
    ])
}

fn map(members: Vec<(&str, Value)>) -> Value {
    let members = members.into_iter();
    Value::map(members.map(|(name, value)| (name.into(), value)).collect())
}
