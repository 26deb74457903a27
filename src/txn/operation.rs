//! Operations as the page sends them (`docs/PAGE.md`), checked against the schema.

use crate::doc::path::DocumentKey;
use crate::doc::schema::{Collection, OUTBOX, Schema};
use crate::doc::value::{Value, take_member};
use crate::error::{Error, Problem};
use crate::limits::ID_BYTES_MAX;

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A new document; refused if it is there.
    Insert,
    /// A new document, or new values for the one that is there.
    Upsert,
    /// New values for a document that is there.
    Update,
    /// Takes the document away.
    Delete,
    /// A new document with the seed stamp; nothing if one was ever there.
    Seed,
}

/// One operation on one document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// What it does.
    pub action: Action,
    /// Position of the collection.
    pub collection: usize,
    /// The document.
    pub key: DocumentKey,
    /// Field positions and their values, by position.
    pub fields: Vec<(usize, Value)>,
}

impl Operation {
    /// Reads one and checks it against the schema. Takes what it keeps out of the value.
    pub fn from_value(schema: &Schema, value: &mut Value) -> Result<Self, Error> {
        let action = match value.get("op").and_then(Value::as_str).unwrap_or("") {
            "insert" => Action::Insert,
            "upsert" => Action::Upsert,
            "update" => Action::Update,
            "delete" => Action::Delete,
            "seed" => Action::Seed,
            other => return Err(bad_request(&format!("there is no operation `{other}`"))),
        };
        let name = value
            .get("collection")
            .and_then(Value::as_str)
            .unwrap_or("");
        if name == OUTBOX {
            return Err(bad_request(
                "the outbox is not written to; use retry and discard",
            ));
        }
        let position = schema.position(name)?;
        let collection = schema.at(position);
        let id = read_id(collection, value.get_mut("id"))?;
        let fields = match value.get_mut("fields") {
            Some(Value::Map(members)) => read_fields(collection, members)?,
            None if action == Action::Delete => Vec::new(),
            _ => return Err(bad_request("an operation has no object `fields`")),
        };
        let key = DocumentKey {
            collection: collection.name.clone(),
            id,
        };
        Ok(Self {
            action,
            collection: position,
            key,
            fields,
        })
    }
}

fn bad_request(problem: &str) -> Error {
    Error::from(Problem::BadRequest {
        problem: problem.into(),
    })
}

fn read_id(collection: &Collection, id: Option<&mut Value>) -> Result<String, Error> {
    match id {
        Some(Value::String(id)) if !id.is_empty() && id.len() <= ID_BYTES_MAX => {
            Ok(std::mem::take(id))
        }
        other => Err(Error::from(Problem::BadValue {
            collection: collection.name.clone(),
            field: "id".into(),
            found: other.map_or("missing value", |id| id.type_name()).into(),
            expected: "a string of 1 to 512 bytes".into(),
        })),
    }
}

fn read_fields(
    collection: &Collection,
    members: &mut [(String, Value)],
) -> Result<Vec<(usize, Value)>, Error> {
    for (name, value) in &*members {
        let at = collection.position(name)?;
        let field = collection
            .fields
            .get(at)
            .expect("positions come from `position`");
        collection.check(field, value)?;
    }
    let mut fields = Vec::new();
    for (at, field) in collection.fields.iter().enumerate() {
        if let Some(value) = take_member(members, &field.name) {
            fields.push((at, value));
        }
    }
    Ok(fields)
}
