//! Operations as the page sends them (`docs/PAGE.md`), checked against the schema.

use crate::doc::path::DocumentKey;
use crate::doc::schema::{Collection, OUTBOX, Schema};
use crate::doc::value::Value;
use crate::error::{Error, Problem};
use crate::limits::ID_BYTES_MAX;

const NO_FIELD: &str = "a field needs a position of its own and a value";

/// The parts of an operation: places in a list, and names in an object.
const PARTS: [(usize, &str); 4] = [(0, "op"), (1, "collection"), (2, "id"), (3, "fields")];

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
    /// Reads one, an object or a list of its parts, and checks it against the schema. Takes what it
    /// keeps out of the value.
    pub fn from_value(schema: &Schema, value: &mut Value) -> Result<Self, Error> {
        let [op, name, id, fields] = PARTS.map(|(at, name)| {
            let part = match &mut *value {
                Value::List(parts) => parts.get_mut(at),
                object => object.get_mut(name),
            };
            part.map(std::mem::take).unwrap_or_default()
        });
        let action = match op.as_str().unwrap_or("") {
            "insert" => Action::Insert,
            "upsert" => Action::Upsert,
            "update" => Action::Update,
            "delete" => Action::Delete,
            "seed" => Action::Seed,
            other => return Err(bad_request(&format!("there is no operation `{other}`"))),
        };
        let name = name.as_str().unwrap_or("");
        if name == OUTBOX {
            return Err(bad_request(
                "the outbox is not written to; use retry and discard",
            ));
        }
        let position = schema.position(name)?;
        let collection = schema.at(position);
        let id = read_id(collection, id)?;
        let fields = match fields {
            Value::Map(mut members) => {
                read_fields(collection, &mut positions(collection, &mut members)?)?
            }
            Value::List(mut given) => read_fields(collection, &mut given)?,
            Value::Null if action == Action::Delete => Vec::new(),
            _ => return Err(bad_request("an operation has no `fields`")),
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

fn read_id(collection: &Collection, id: Value) -> Result<String, Error> {
    match id {
        Value::String(id) if !id.is_empty() && id.len() <= ID_BYTES_MAX => Ok(id),
        other => Err(Error::from(Problem::BadValue {
            collection: collection.name.clone(),
            field: "id".into(),
            found: other.type_name().into(),
            expected: "a string of 1 to 512 bytes".into(),
        })),
    }
}

/// Fields by their positions in the schema, each followed by its value.
fn read_fields(collection: &Collection, given: &mut [Value]) -> Result<Vec<(usize, Value)>, Error> {
    let mut fields: Vec<(usize, Value)> = Vec::with_capacity(given.len() / 2);
    for pair in given.chunks_mut(2) {
        let [at, value] = pair else {
            return Err(bad_request(NO_FIELD));
        };
        let at = at.as_u64().map_or(usize::MAX, |at| at as usize);
        let is_new = fields.iter().all(|(other, _)| *other != at);
        let field = collection.fields.get(at).filter(|_| is_new);
        let field = field.ok_or_else(|| bad_request(NO_FIELD))?;
        collection.check(field, value)?;
        fields.push((at, std::mem::take(value)));
    }
    Ok(fields)
}

/// Fields by their names, as `read_fields` takes them.
fn positions(
    collection: &Collection,
    members: &mut [(String, Value)],
) -> Result<Vec<Value>, Error> {
    let mut given = Vec::new();
    for (name, value) in members {
        let at = collection.position(name)?;
        given.push(Value::int(at as i64));
        given.push(std::mem::take(value));
    }
    Ok(given)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doc::json;

    const SCHEMA: &str = r#"{"version":1,"collections":{"films":{"fields":[
        {"name":"title","kind":"string"},{"name":"year","kind":"int"},
        {"name":"tags","kind":"list","item":{"kind":"string"}}]}}}"#;

    fn read(fields: &str) -> Result<Operation, Error> {
        let schema = json::read(SCHEMA.as_bytes()).unwrap();
        let schema = Schema::from_value(&schema).unwrap();
        let text = format!(r#"{{"op":"update","collection":"films","id":"a","fields":{fields}}}"#);
        Operation::from_value(&schema, &mut json::read(text.as_bytes()).unwrap())
    }

    #[test]
    fn fields_by_position_are_those_by_name() {
        for (by_name, by_position) in [
            ("{}", "[]"),
            (r#"{"year":7}"#, "[1,7]"),
            (r#"{"tags":["x"],"title":"A"}"#, r#"[2,["x"],0,"A"]"#),
        ] {
            assert_eq!(read(by_name), read(by_position), "{by_name}");
            assert!(read(by_name).is_ok(), "{by_name}");
        }
    }

    #[test]
    fn a_list_of_its_parts_is_an_operation() {
        let schema = json::read(SCHEMA.as_bytes()).unwrap();
        let schema = Schema::from_value(&schema).unwrap();
        let read =
            |text: &str| Operation::from_value(&schema, &mut json::read(text.as_bytes()).unwrap());
        for (object, list) in [
            (
                r#"{"op":"insert","collection":"films","id":"a","fields":[1,7]}"#,
                r#"["insert","films","a",[1,7]]"#,
            ),
            (
                r#"{"op":"delete","collection":"films","id":"a"}"#,
                r#"["delete","films","a"]"#,
            ),
        ] {
            assert_eq!(read(object), read(list), "{list}");
            assert!(read(list).is_ok(), "{list}");
        }
        for (bad, code) in [
            ("[]", "bad_request"),
            (r#"["insert"]"#, "unknown_collection"),
            (r#"["insert","films"]"#, "bad_value"),
            (r#"["insert","films","a"]"#, "bad_request"),
            (r#"["update","films",7,[]]"#, "bad_value"),
            ("7", "bad_request"),
        ] {
            assert_eq!(read(bad).unwrap_err().code(), code, "{bad}");
        }
    }

    #[test]
    fn fields_without_a_position_of_their_own_are_refused() {
        for bad in [
            "[1]",
            "[1,7,0]",
            "[3,7]",
            "[-1,7]",
            "[\"year\",7]",
            "[1,7,1,8]",
            "7",
        ] {
            assert_eq!(read(bad).unwrap_err().code(), "bad_request", "{bad}");
        }
        assert_eq!(read(r#"[1,"x"]"#).unwrap_err().code(), "bad_value");
        assert_eq!(read(r#"{"yaer":7}"#).unwrap_err().code(), "unknown_field");
    }
}
