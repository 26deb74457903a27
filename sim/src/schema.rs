//! The world's schema. Each collection is there for some checker.
//!
//! - `films`: edited by everybody, in every way; `note` never leaves the device.
//! - `marks`: most transactions insert one of their own, never touched again: it says whether the
//!   transaction is there.
//! - `duets`: two fields, each written by one device only: so what it must be in the end is known.
//! - `solos`: inserted, changed, deleted and inserted again by one device only.
//! - `pairs`: two documents that one device always writes together, in one transaction.
//! - `notes`: never leaves the device.

use crate::json::{object, text, with};
use holm::doc::value::Value;

/// All collections, in the order of the schema.
pub const COLLECTIONS: [&str; 6] = ["duets", "films", "marks", "notes", "pairs", "solos"];
/// Those that are synchronised.
pub const SYNCED: [&str; 5] = ["duets", "films", "marks", "pairs", "solos"];
/// The column of `films.note`, which stays on the device.
pub const NOTE_COLUMN: usize = 6;

fn field(name: &str, kind: &str) -> Value {
    object([("name", text(name)), ("kind", text(kind))])
}

fn nullable(value: Value) -> Value {
    with(value, "nullable", Value::Bool(true))
}

fn default(value: Value, default: Value) -> Value {
    with(value, "default", default)
}

fn collection(fields: Vec<Value>) -> Value {
    object([
        ("fields", Value::List(fields)),
        ("indexes", Value::List(Vec::new())),
    ])
}

/// The schema as a page sends it.
pub fn schema() -> Value {
    let genres = crate::queries::GENRES.iter().map(text).collect();
    let films = vec![
        field("title", "string"),
        nullable(with(field("year", "int"), "index", Value::Bool(true))),
        nullable(field("rating", "float")),
        with(
            default(field("genre", "enum"), text("drama")),
            "values",
            Value::List(genres),
        ),
        default(field("watched", "bool"), Value::Bool(false)),
        nullable(with(field("note", "string"), "local", Value::Bool(true))),
        nullable(field("extra", "json")),
    ];
    let local = with(
        collection(vec![field("text", "string")]),
        "local",
        Value::Bool(true),
    );
    let two = |a, b| {
        collection(vec![
            default(field(a, "string"), text("")),
            default(field(b, "string"), text("")),
        ])
    };
    let collections = object([
        ("duets", two("left", "right")),
        ("films", collection(films)),
        ("marks", collection(vec![field("body", "string")])),
        ("notes", local),
        ("pairs", collection(vec![field("value", "string")])),
        ("solos", two("first", "second")),
    ]);
    object([("version", Value::int(1)), ("collections", collections)])
}

/// The fields of a collection, in the order of its columns after the id.
pub fn fields_of(collection: &str) -> &'static [&'static str] {
    match collection {
        "duets" => &["left", "right"],
        "films" => &[
            "title", "year", "rating", "genre", "watched", "note", "extra",
        ],
        "marks" => &["body"],
        "notes" => &["text"],
        "pairs" => &["value"],
        _ => &["first", "second"],
    }
}
