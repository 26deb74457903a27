//! The decoders of values, keys, documents, schemas and outbox entries.

use super::Target;
use holm::causal::stamp::{Stamp, Time};
use holm::doc::codec::{Items, Reader, binary};
use holm::doc::dictionary::{Dictionary, PathId};
use holm::doc::json;
use holm::doc::key::{self, Direction};
use holm::doc::path::{DocumentKey, Path};
use holm::doc::schema::Schema;
use holm::doc::value::{Number, Value};
use holm::ids::{EntryId, Life, Seq, Token, Version};
use holm::merge::existence::Existence;
use holm::merge::record::{self, StoredDocument};
use holm::merge::register::Register;
use holm::outbox::codec as outbox;
use holm::outbox::entry::{Entry, Reason, State};
use holm::protocol::message::{Delta, Mutation, PathWrite};
use holm::txn::operation::Operation;

/// Words of JSON.
pub const JSON_WORDS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "null",
    "true",
    "false",
    "-0",
    "1e308",
    "1e-320",
    "1e999",
    "0.1",
    "\\u0000",
    "\\ud800",
    "\\udc00",
    "{\"$\":\"bytes\",\"v\":\"AP8=\"}",
    "{\"$\":\"map\",\"v\":{}}",
    "\"$\"",
    "9007199254740993",
    "\\\\",
    "\\\"",
    " ",
    "\n",
    "[[[[[[[[",
    "]]]]]]]]",
    "{\"a\":",
];

/// What is fed.
pub const TARGETS: &[Target] = &[
    Target {
        name: "JSON",
        samples: || {
            [
                r#"{"a":[1,-2.5e3,"x\n\u00e9",null,true,{"b":{}}]}"#,
                "[]",
                r#"{"$":"bytes","v":"AP8="}"#,
            ]
            .map(|text| text.as_bytes().to_vec())
            .into()
        },
        words: JSON_WORDS,
        feed: feed_json,
        is_slow: false,
    },
    Target {
        name: "value",
        samples: || values().iter().map(binary).collect(),
        words: &[],
        feed: feed_value,
        is_slow: false,
    },
    Target {
        name: "operations",
        samples: || vec![OPERATIONS.lines().flat_map(operation).collect()],
        words: &[
            "films",
            "update",
            "insert",
            "\u{0}",
            "\u{3}\u{2}",
            "\u{8}\u{0}",
        ],
        feed: feed_operations,
        is_slow: false,
    },
    Target {
        name: "key",
        samples: || values().iter().map(key::canonical).collect(),
        words: &[],
        feed: feed_key,
        is_slow: false,
    },
    Target {
        name: "document",
        samples: || vec![record::encode(&document())],
        words: &[],
        feed: feed_document,
        is_slow: false,
    },
    Target {
        name: "dictionary",
        samples: dictionary_samples,
        words: &[],
        feed: feed_dictionary,
        is_slow: false,
    },
    Target {
        name: "outbox entry",
        samples: || {
            states()
                .into_iter()
                .map(|state| outbox::encode(&entry(state)))
                .collect()
        },
        words: &[],
        feed: feed_entry,
        is_slow: false,
    },
    Target {
        name: "schema",
        samples: || vec![SCHEMA.as_bytes().to_vec()],
        words: &[
            "\"kind\"",
            "\"list\"",
            "\"item\"",
            "\"ref\"",
            "\"enum\"",
            "\"values\"",
            "\"default\"",
            "\"index\"",
            "\"nullable\"",
            "\"$x\"",
            "\"id\"",
            "[[\"title\",\"year\"]]",
            "null",
            "{}",
            "[]",
        ],
        feed: feed_schema,
        is_slow: false,
    },
    Target {
        name: "stamp",
        samples: || vec![stamp(3).to_text().into_bytes()],
        words: &["-", "0000", "ffff"],
        feed: feed_stamp,
        is_slow: false,
    },
];

const SCHEMA: &str = include_str!("../../../samples/schema.ndjson");

const OPERATIONS: &str = r#"["insert","films","a",[0,"A",1,8.5,3,["x","y"],7,{"a":[1,null],"b":{}}]]
["upsert","films","b",[0,"Brazil",5,{"$":"bytes","v":"AP8="}]]
["upsert","films","a",[2,"Comedy",4,"b",6,true]]
["update","films","a",[1,null,7,-3]]
["delete","films","a"]"#;

/// An operation of the samples in its binary form.
fn operation(line: &str) -> Vec<u8> {
    binary(&json::read(line.as_bytes()).expect("it is JSON"))
}

/// The schema of the samples.
pub fn schema() -> Schema {
    let value = json::read(SCHEMA.as_bytes()).expect("it is JSON");
    Schema::from_value(&value).expect("it is a schema")
}

fn values() -> Vec<Value> {
    let number = |number| Value::Number(Number::new(number).expect("it is finite"));
    let map = Value::map(vec![("a".into(), Value::int(1)), ("b".into(), Value::Null)]);
    vec![
        Value::Null,
        Value::Bool(true),
        number(-1.5e300),
        Value::text("text"),
        Value::Bytes(vec![0, 255, 0]),
        Value::List(vec![map.clone(), Value::text(""), number(0.0)]),
        map,
    ]
}

fn stamp(time: u64) -> Stamp {
    Stamp {
        time: Time(time << 40),
        replica: Token([7; 10]),
    }
}

fn document() -> StoredDocument {
    let mut document = StoredDocument {
        existence: Existence {
            life: Life(1),
            stamp: stamp(1),
            version: Version(0),
        },
        ..StoredDocument::default()
    };
    for (at, value) in values().into_iter().enumerate() {
        let register = Register {
            value,
            stamp: stamp(1 + at as u64 % 2),
            version: Version(0),
        };
        document.registers.insert(PathId(at as u32), register);
    }
    document
}

fn states() -> Vec<State> {
    let reason = || Reason {
        code: "bad".into(),
        message: "it is".into(),
    };
    vec![
        State::Queued,
        State::Sent(Seq(3)),
        State::Accepted(Seq(3), Version(9)),
        State::Rejected(reason()),
        State::Quarantined(reason(), Some(Seq(5))),
    ]
}

fn entry(state: State) -> Entry {
    let write = PathWrite {
        path: Path::field("title"),
        value: Value::text("Alien"),
        saw: Some(stamp(1)),
        stamp: Some(stamp(2)),
    };
    let delta = Delta {
        key: DocumentKey::new("films", "a"),
        life: Life(1),
        stamp: stamp(2),
        upsert: true,
        paths: vec![write],
    };
    Entry {
        id: EntryId(1),
        state,
        subject: Some("ann".into()),
        schema_version: 2,
        created_ms: 1_700_000_000_000,
        mutation: Some(Mutation {
            name: "close".into(),
            args: Value::int(3),
        }),
        deltas: vec![delta],
    }
}

fn feed_json(bytes: &[u8]) -> bool {
    let Ok(value) = json::read(bytes) else {
        return false;
    };
    let text = json::to_text(&value);
    assert_eq!(json::read(text.as_bytes()).as_ref(), Ok(&value), "{text}");
    true
}

fn feed_value(bytes: &[u8]) -> bool {
    let mut items = Items::new(bytes);
    let canonical = items.canonical();
    let mut reader = Reader::new(bytes);
    let Some(value) = reader.value() else {
        assert_eq!(items.check(()), None);
        return false;
    };
    let again = binary(&value);
    assert_eq!(Reader::new(&again).value().as_ref(), Some(&value));
    assert_eq!(Reader::new(&canonical).value(), Some(value));
    assert_eq!(
        (items.check(()), items.is_done()),
        (Some(()), reader.is_done())
    );
    true
}

/// What a page writes, one operation after the other.
fn feed_operations(bytes: &[u8]) -> bool {
    let schema = schema();
    let mut items = Items::new(bytes);
    while !items.is_done() {
        let Ok(operation) = Operation::read(&schema, &mut items) else {
            return false;
        };
        for value in (0..operation.fields.len()).filter_map(|at| operation.value(at)) {
            // Stored as it is, so it has to be readable.
            let mut reader = Reader::new(value);
            assert!(reader.value().is_some() && reader.is_done(), "{value:?}");
        }
    }
    items.check(()).is_some()
}

fn feed_key(bytes: &[u8]) -> bool {
    for direction in [Direction::Ascending, Direction::Descending] {
        let Some((value, rest)) = key::decode_column(bytes, direction) else {
            continue;
        };
        let mut again = Vec::new();
        key::encode_column(&mut again, &binary(&value), direction);
        // Canonical: no other bytes are read.
        assert_eq!(Some(again.as_slice()), bytes.strip_suffix(rest));
    }
    key::decode(bytes).is_some()
}

fn feed_document(bytes: &[u8]) -> bool {
    let schema = schema();
    let collection = schema.at(0);
    let columns = record::Columns::of(collection, &mut Dictionary::default());
    let values = columns.values(collection, bytes);
    let Some(document) = record::decode(bytes) else {
        return false;
    };
    let again = record::encode(&document);
    assert_eq!(record::decode(&again).as_ref(), Some(&document));
    // What decodes as a document has values, and those written as the engine does are readable.
    let values = values.expect("a document has values");
    assert_eq!(values.is_some(), document.is_alive());
    if again == bytes {
        for value in values.into_iter().flatten() {
            let mut reader = Reader::new(value);
            assert!(reader.value().is_some() && reader.is_done(), "{value:?}");
        }
    }
    true
}

fn dictionary_samples() -> Vec<Vec<u8>> {
    let mut dictionary = Dictionary::default();
    for name in ["title", "rating"] {
        dictionary.intern(&Path::field(name));
    }
    let records = dictionary.unsaved().map(|(_, bytes)| bytes);
    records.take(1).collect()
}

fn feed_dictionary(bytes: &[u8]) -> bool {
    let mut dictionary = Dictionary::default();
    if dictionary.load(0, bytes).is_none() {
        return false;
    }
    let path = dictionary.path(PathId(0)).expect("it was loaded");
    assert_eq!(dictionary.id(path), Some(PathId(0)));
    true
}

fn feed_entry(bytes: &[u8]) -> bool {
    let Some(entry) = outbox::decode(EntryId(1), bytes) else {
        return false;
    };
    let again = outbox::encode(&entry);
    assert_eq!(outbox::decode(EntryId(1), &again), Some(entry));
    true
}

fn feed_schema(bytes: &[u8]) -> bool {
    let Ok(value) = json::read(bytes) else {
        return false;
    };
    let Ok(schema) = Schema::from_value(&value) else {
        return false;
    };
    for collection in &schema.collections {
        for field in &collection.fields {
            collection.check(field, &binary(&field.absent())).ok();
        }
    }
    true
}

fn feed_stamp(bytes: &[u8]) -> bool {
    let Some(stamp) = std::str::from_utf8(bytes).ok().and_then(Stamp::from_text) else {
        return false;
    };
    assert_eq!(stamp.to_text().as_bytes(), bytes);
    true
}
