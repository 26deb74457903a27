//! Records of the engine: whether they decode, and what they are as JSON.

use clap::ValueEnum;
use holm::doc::codec::Items;
use holm::doc::dictionary::{Dictionary, PathId, read_path};
use holm::doc::json;
use holm::doc::value::Value;
use holm::engine::inspect::{document, outbox_document, single};
use holm::engine::message;
use holm::ids::{EntryId, push_hex};
use holm::merge::record::{self, StoredDocument};
use holm::outbox::codec;
use holm::txn::table;
use std::collections::BTreeMap;

/// Which records are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Wanted {
    /// Living documents as they are visible, as `db.export()` gives them.
    Documents,
    /// What the server is known to have, where queued writes lie over it.
    Base,
    /// Outbox entries, as `db.export()` gives them.
    Outbox,
    /// Every record of every table, with stamps, also of deleted documents.
    All,
}

/// The tables and their names.
pub const TABLES: [(u8, &str); 8] = [
    (table::VISIBLE, "documents"),
    (table::BASE, "base"),
    (table::OUTBOX, "outbox"),
    (table::STAGED, "staged"),
    (table::DICTIONARY, "dictionary"),
    (table::ANSWERS, "answers"),
    (table::INDEX, "index"),
    (table::META, "single"),
];

/// The name of the table that a key is in.
pub fn table_of(key: &[u8]) -> &'static str {
    let name = |(table, name): &(u8, &'static str)| (key.first() == Some(table)).then_some(*name);
    TABLES.iter().find_map(name).unwrap_or("unknown")
}

/// What is wrong with a record, if anything is. A delete is right wherever its key is.
pub fn fault_of(key: &[u8], value: Option<&[u8]>) -> Option<&'static str> {
    if table_of(key) == "unknown" {
        return Some("a key is of no table");
    }
    let value = value?;
    decode(key, value)
        .is_none()
        .then_some("a record does not decode")
}

fn decode(key: &[u8], value: &[u8]) -> Option<()> {
    match *key.first()? {
        table::VISIBLE => stored(key, value).map(drop),
        table::BASE if value.is_empty() => table::document_key(key).map(drop),
        table::BASE => stored(key, value).map(drop),
        table::OUTBOX => codec::decode(EntryId(table::number(key)?), value).map(drop),
        table::STAGED => {
            table::number(key)?;
            json::read(value).ok().map(drop)
        }
        table::DICTIONARY => {
            table::number(key)?;
            Dictionary::default().load(0, value)
        }
        table::ANSWERS => table::answer_key(key).map(drop),
        table::INDEX => IndexEntry::read(key, value).map(drop),
        _ => match key.get(1..)? {
            name @ (b"replica" | b"counters" | b"indexes" | b"link") => {
                single(name, value).map(drop)
            }
            _ => Some(()),
        },
    }
}

fn stored(key: &[u8], value: &[u8]) -> Option<StoredDocument> {
    table::document_key(key)?;
    record::decode(value)
}

/// An entry of an index.
pub struct IndexEntry<'a> {
    /// The index's number.
    pub index: u64,
    /// The encoded values, each cut where it is long.
    pub values: &'a [u8],
    /// The document's id.
    pub id: &'a str,
}

impl<'a> IndexEntry<'a> {
    /// Reads one. None if it is not one.
    pub fn read(key: &'a [u8], value: &[u8]) -> Option<Self> {
        let mut items = Items::new(value);
        let length = items.varint();
        let length = items.check(usize::try_from(length).ok()?)?;
        let (head, rest) = key.split_at_checked(9)?;
        let (values, id) = rest.split_at_checked(rest.len().checked_sub(length)?)?;
        Some(Self {
            index: table::number(head)?,
            values,
            id: str::from_utf8(id).ok()?,
        })
    }
}

/// The names of fields by the numbers that documents have for them.
#[derive(Default)]
pub struct Names {
    paths: BTreeMap<u32, String>,
    /// Numbers that documents have and the dictionary has not.
    pub missing: BTreeMap<u32, u64>,
}

impl Names {
    /// Takes a record of the dictionary. The number is in the key, so that a record that is lost
    /// does not give its number to another name.
    pub fn load(&mut self, key: &[u8], value: &[u8]) {
        let mut items = Items::new(value);
        let path = read_path(&mut items);
        if let (Some(number), Some(path)) = (table::number(key), items.check(path)) {
            self.paths.insert(number as u32, path.0.join("."));
        }
    }

    /// The name for a number; one that begins with `?` where it is not known.
    pub fn name(&mut self, path: PathId) -> String {
        if let Some(name) = self.paths.get(&path.0) {
            return name.clone();
        }
        *self.missing.entry(path.0).or_default() += 1;
        format!("?{}", path.0)
    }

    /// The fields of a document.
    pub fn fields(&mut self, stored: &StoredDocument) -> Vec<(String, Value)> {
        let registers = stored.registers.iter();
        registers
            .map(|(path, register)| (self.name(*path), register.value.clone()))
            .collect()
    }
}

/// A living document as `db.export()` gives it.
pub fn exported(names: &mut Names, key: &[u8], value: &[u8]) -> Option<Value> {
    let stored = stored(key, value).filter(StoredDocument::is_alive)?;
    let key = table::document_key(key)?;
    let fields = names.fields(&stored);
    Some(document(&key.collection, &key.id, fields, None))
}

/// An outbox entry as `db.export()` gives it.
pub fn exported_entry(key: &[u8], value: &[u8]) -> Option<Value> {
    let entry = codec::decode(EntryId(table::number(key)?), value)?;
    Some(outbox_document(&entry))
}

/// Any record, in full.
pub fn described(names: &mut Names, key: &[u8], value: &[u8]) -> Value {
    let members = describe(names, key, value).unwrap_or_else(|| {
        vec![
            ("keyHex", Value::String(hex(key))),
            ("valueHex", Value::String(hex(value))),
        ]
    });
    let table = ("table", Value::text(table_of(key)));
    map(members.into_iter().chain([table]))
}

type Members = Vec<(&'static str, Value)>;

fn describe(names: &mut Names, key: &[u8], value: &[u8]) -> Option<Members> {
    let number = || table::number(key).map(|number| Value::int(number as i64));
    Some(match *key.first()? {
        table::VISIBLE | table::BASE => return describe_document(names, key, value),
        table::OUTBOX => vec![
            ("entry", number()?),
            ("value", exported_entry(key, value)?.get("fields")?.clone()),
        ],
        table::STAGED => vec![("page", number()?), ("value", json::read(value).ok()?)],
        table::DICTIONARY => {
            let mut items = Items::new(value);
            let path = read_path(&mut items);
            let path = items.check(path)?;
            let segments = path.0.iter().map(|segment| Value::text(segment)).collect();
            vec![("number", number()?), ("value", Value::List(segments))]
        }
        table::ANSWERS => {
            let (tab, request) = table::answer_key(key)?;
            // Early ones are JSON.
            let answer = json::read(value).unwrap_or_else(|_| message::read(value));
            vec![
                ("tab", Value::String(tab.0.to_string())),
                ("request", Value::int(request.0 as i64)),
                ("value", answer),
            ]
        }
        table::INDEX => describe_entry(&IndexEntry::read(key, value)?),
        table::META => {
            let name = key.get(1..)?;
            let read = single(name, value);
            vec![
                ("name", Value::text(str::from_utf8(name).ok()?)),
                (
                    "value",
                    read.unwrap_or_else(|| Value::Bytes(value.to_vec())),
                ),
            ]
        }
        _ => return None,
    })
}

fn describe_document(names: &mut Names, key: &[u8], value: &[u8]) -> Option<Members> {
    let document = table::document_key(key)?;
    let mut members = vec![
        ("collection", Value::String(document.collection)),
        ("id", Value::String(document.id)),
    ];
    // The server is known to have none.
    if value.is_empty() {
        members.push(("life", Value::int(0)));
        return Some(members);
    }
    let stored = record::decode(value)?;
    let fields = stored.registers.iter().map(|(path, register)| {
        let stamp = Value::String(register.stamp.to_text());
        let field = map([("value", register.value.clone()), ("stamp", stamp)]);
        (names.name(*path), field)
    });
    members.push(("fields", Value::map(fields.collect())));
    members.push(("life", Value::int(stored.existence.life.0 as i64)));
    members.push(("stamp", Value::String(stored.existence.stamp.to_text())));
    Some(members)
}

fn describe_entry(entry: &IndexEntry) -> Members {
    let mut values = Vec::new();
    let mut rest = entry.values;
    while let Some((value, after)) = holm::doc::key::decode(rest) {
        values.push(value);
        rest = after;
    }
    let mut members = vec![
        ("index", Value::String(format!("{:016x}", entry.index))),
        ("id", Value::text(entry.id)),
        ("values", Value::List(values)),
    ];
    if !rest.is_empty() {
        members.push(("restHex", Value::String(hex(rest))));
    }
    members
}

/// A map of these members.
pub fn map<'a>(members: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    let members = members.into_iter();
    Value::map(members.map(|(name, value)| (name.into(), value)).collect())
}

/// Two digits a byte.
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    push_hex(&mut text, bytes);
    text
}
