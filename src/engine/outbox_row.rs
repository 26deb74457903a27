//! An outbox entry as a row of the collection `$outbox`.

use crate::doc::row::Row;
use crate::doc::value::Value;
use crate::outbox::entry::{Entry, State};
use crate::protocol::message::Delta;
use crate::text::padded;

/// The row; its columns are those that the schema gives `$outbox`.
pub fn row(entry: &Entry) -> Row {
    let reason = entry.state.reason();
    let seq = match entry.state {
        State::Quarantined(..) => None,
        _ => entry.state.seq(),
    };
    let (mut documents, mut operations) = (Vec::new(), Vec::new());
    for delta in &entry.deltas {
        documents.push(Value::List(vec![
            Value::text(&delta.key.collection),
            Value::text(&delta.key.id),
        ]));
        operations.push(operation(delta));
    }
    let values = [
        Value::text(entry.state.name()),
        seq.map_or(Value::Null, |seq| Value::int(seq.0 as i64)),
        text(entry.mutation.as_ref().map(|mutation| &mutation.name)),
        text(reason.map(|reason| &reason.code)),
        text(reason.map(|reason| &reason.message)),
        Value::int(entry.created_ms as i64),
        Value::List(documents),
        Value::List(operations),
    ];
    Row::of(&padded(entry.id.0, 16), &values)
}

fn text(text: Option<&String>) -> Value {
    text.map_or(Value::Null, |text| Value::text(text))
}

/// What the delta writes, in the words of the page: the content that a refused write must not lose.
fn operation(delta: &Delta) -> Value {
    let mut begins = false;
    let mut fields = Vec::new();
    for write in &delta.paths {
        begins |= write.path.is_existence();
        if let Some(field) = write.path.as_field() {
            fields.push((field.to_string(), write.value.clone()));
        }
    }
    let op = match (begins, delta.life.is_alive()) {
        (true, true) => "insert",
        (true, false) => "delete",
        _ => "update",
    };
    document(&delta.key.collection, &delta.key.id, fields, Some(op))
}

/// A document in the words of the page, and what is done to it.
pub fn document(
    collection: &str,
    id: &str,
    fields: Vec<(String, Value)>,
    op: Option<&str>,
) -> Value {
    let mut members = vec![
        ("collection".into(), Value::text(collection)),
        ("fields".into(), Value::map(fields)),
        ("id".into(), Value::text(id)),
    ];
    if let Some(op) = op {
        members.push(("op".into(), Value::text(op)));
    }
    Value::Map(members)
}
