//! An outbox entry as a row of the collection `$outbox`.

use crate::doc::row::Row;
use crate::doc::value::Value;
use crate::outbox::entry::{Entry, State};
use crate::protocol::message::Delta;

/// The row; its columns are those that the schema gives `$outbox`.
pub fn row(entry: &Entry) -> Row {
    let text = |text: Option<&str>| text.map_or(Value::Null, Value::text);
    let reason = entry.state.reason();
    let seq = match entry.state {
        State::Quarantined(..) => None,
        _ => entry.state.seq(),
    };
    Row {
        id: format!("{:016}", entry.id.0),
        values: vec![
            Value::text(entry.state.name()),
            seq.map_or(Value::Null, |seq| Value::int(seq.0 as i64)),
            text(
                entry
                    .mutation
                    .as_ref()
                    .map(|mutation| mutation.name.as_str()),
            ),
            text(reason.map(|reason| reason.code.as_str())),
            text(reason.map(|reason| reason.message.as_str())),
            Value::int(entry.created_ms as i64),
            Value::List(entry.deltas.iter().map(document).collect()),
            Value::List(entry.deltas.iter().map(operation).collect()),
        ],
    }
}

fn document(delta: &Delta) -> Value {
    Value::List(vec![
        Value::text(&delta.key.collection),
        Value::text(&delta.key.id),
    ])
}

/// What the delta writes, in the words of the page: the content that a refused write must not lose.
fn operation(delta: &Delta) -> Value {
    let begins = delta.paths.iter().any(|write| write.path.is_existence());
    let op = match (begins, delta.life.is_alive()) {
        (true, true) => "insert",
        (true, false) => "delete",
        _ => "update",
    };
    let fields = delta
        .paths
        .iter()
        .filter_map(|write| Some((write.path.as_field()?.to_string(), write.value.clone())));
    Value::map(vec![
        ("op".into(), Value::text(op)),
        ("collection".into(), Value::text(&delta.key.collection)),
        ("id".into(), Value::text(&delta.key.id)),
        ("fields".into(), Value::map(fields.collect())),
    ])
}
