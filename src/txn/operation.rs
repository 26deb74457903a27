//! Operations as the page sends them (`docs/PAGE.md`), checked against the schema.

use crate::doc::codec::{Items, LIST, MAP, NULL};
use crate::doc::path::DocumentKey;
use crate::doc::schema::{Collection, OUTBOX, Schema};
use crate::error::{Error, Problem};
use crate::limits::ID_BYTES_MAX;
use crate::text::filled;
use std::borrow::Cow;

const DAMAGED: &str = "a value of a field is damaged";
const NO_FIELD: &str = "a field needs a position of its own and a value";

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

/// By position of the field, its value in its binary form if one is given.
type Fields<'a> = Vec<Option<Cow<'a, [u8]>>>;

/// One operation on one document. Most of its values are bytes of the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation<'a> {
    /// What it does.
    pub action: Action,
    /// Position of the collection.
    pub collection: usize,
    /// The document.
    pub key: DocumentKey,
    /// The values that are given.
    pub fields: Fields<'a>,
}

impl<'a> Operation<'a> {
    /// Reads one, a list of its parts, and checks it against the schema.
    pub fn read(schema: &Schema, items: &mut Items<'a>) -> Result<Self, Error> {
        let mut left = if items.byte() == LIST {
            items.varint()
        } else {
            0
        };
        let action = read_action(next_text(items, &mut left))?;
        let collection = read_collection(schema, next_text(items, &mut left))?;
        let found = schema.at(collection);
        let mut id = Items::new(&[NULL]);
        if items.has_more(&mut left) {
            id = items.clone();
            items.skip_value();
        }
        let id = read_id(found, &mut id)?;
        let mut fields = None;
        if items.has_more(&mut left) {
            fields = read_fields(found, items)?;
        }
        while items.has_more(&mut left) {
            items.skip_value();
        }
        let key = DocumentKey {
            collection: found.name.clone(),
            id: id.into(),
        };
        if fields.is_none() && action != Action::Delete {
            return Err(bad_request("an operation has no `fields`"));
        }
        Ok(Self {
            action,
            collection,
            key,
            fields: fields.unwrap_or_default(),
        })
    }

    /// The value that is given for a field.
    pub fn value(&self, field: usize) -> Option<&[u8]> {
        self.fields.get(field)?.as_deref()
    }
}

fn bad_request(problem: &str) -> Error {
    Error::from(Problem::BadRequest {
        problem: problem.into(),
    })
}

/// The next part, if it is a string.
fn next_text<'a>(items: &mut Items<'a>, left: &mut u64) -> Option<&'a str> {
    items.has_more(left).then(|| items.string()).flatten()
}

fn read_action(op: Option<&str>) -> Result<Action, Error> {
    Ok(match op.unwrap_or("") {
        "insert" => Action::Insert,
        "upsert" => Action::Upsert,
        "update" => Action::Update,
        "delete" => Action::Delete,
        "seed" => Action::Seed,
        other => return Err(bad_request(&filled("there is no operation `{}`", &[other]))),
    })
}

fn read_collection(schema: &Schema, name: Option<&str>) -> Result<usize, Error> {
    match name.unwrap_or("") {
        OUTBOX => Err(bad_request(
            "the outbox is not written to; use retry and discard",
        )),
        name => schema.position(name),
    }
}

fn read_id<'a>(collection: &Collection, items: &mut Items<'a>) -> Result<&'a str, Error> {
    match items.clone().string() {
        Some(id) if !id.is_empty() && id.len() <= ID_BYTES_MAX => Ok(id),
        _ => Err(Error::from(Problem::BadValue {
            collection: collection.name.clone(),
            field: "id".into(),
            found: items.value().type_name().into(),
            expected: "a string of 1 to 512 bytes".into(),
        })),
    }
}

/// Values by the names of their fields, or a list of positions in the schema, each followed by its
/// value. None if it is null.
fn read_fields<'a>(
    collection: &Collection,
    items: &mut Items<'a>,
) -> Result<Option<Fields<'a>>, Error> {
    let tag = items.byte();
    match tag {
        MAP | LIST => {}
        NULL => return Ok(None),
        _ => return Err(bad_request("`fields` are an object or a list")),
    }
    let mut fields = vec![None; collection.fields.len()];
    let mut left = items.varint();
    while items.has_more(&mut left) {
        let at = if tag == MAP {
            collection.position(items.text())?
        } else {
            items.place()
        };
        let has_value = tag == MAP || items.has_more(&mut left);
        let place = fields.get_mut(at).filter(|place| place.is_none());
        let (Some(place), Some(field), true) = (place, collection.fields.get(at), has_value) else {
            return Err(bad_request(NO_FIELD));
        };
        let value = items.canonical();
        if items.check(()).is_none() {
            return Err(bad_request(DAMAGED));
        }
        collection.check(field, &value)?;
        *place = Some(value);
    }
    Ok(Some(fields))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doc::codec::binary;
    use crate::doc::json;

    const SCHEMA: &str = r#"{"version":1,"collections":{"films":{"fields":[
        {"name":"title","kind":"string"},{"name":"year","kind":"int"},
        {"name":"tags","kind":"list","item":{"kind":"string"}}]}}}"#;

    /// The operation, as it can be shown.
    fn read_text(text: &str) -> Result<String, Error> {
        let schema = json::read(SCHEMA.as_bytes()).unwrap();
        let schema = Schema::from_value(&schema).unwrap();
        let binary = binary(&json::read(text.as_bytes()).unwrap());
        let operation = Operation::read(&schema, &mut Items::new(&binary));
        operation.map(|operation| format!("{operation:?}"))
    }

    fn read(fields: &str) -> Result<String, Error> {
        read_text(&format!(r#"["update","films","a",{fields}]"#))
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
        for good in [
            r#"["insert","films","a",[1,7]]"#,
            r#"["delete","films","a"]"#,
            r#"["delete","films","a",null,7]"#,
        ] {
            assert!(read_text(good).is_ok(), "{good}");
        }
        for (bad, code) in [
            ("[]", "bad_request"),
            (r#"["insert"]"#, "unknown_collection"),
            (r#"["insert","films"]"#, "bad_value"),
            (r#"["insert","films","a"]"#, "bad_request"),
            (r#"["update","films",7,[]]"#, "bad_value"),
            ("7", "bad_request"),
        ] {
            assert_eq!(read_text(bad).unwrap_err().code(), code, "{bad}");
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
