//! The schema: collections, their fields, and what each field takes.
//!
//! Made from the JSON of `docs/PAGE.md`. Checks values at the door; must not know how they are
//! stored or merged.

use super::json;
use super::value::Value;
use crate::error::{Error, Problem, nearest};
use crate::limits::{DEPTH_MAX, INT_MAX};

/// What a field takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Well-formed Unicode without U+0000.
    String,
    /// A whole number within +-(2^53-1).
    Int,
    /// A finite number.
    Float,
    /// True or false.
    Bool,
    /// Milliseconds since 1970, UTC, a whole number.
    Timestamp,
    /// Bytes.
    Bytes,
    /// One of these strings.
    Enum(Vec<String>),
    /// Any value.
    Json,
    /// The id of a document of this collection.
    Ref(String),
    /// Values of this kind, in order.
    List(Box<Kind>),
}

/// A field of a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// What it takes.
    pub kind: Kind,
    /// Whether it may be null.
    pub is_nullable: bool,
    /// Its value where none is given.
    pub default: Option<Value>,
    /// Whether an index over it is wanted.
    pub is_indexed: bool,
    /// Whether it never leaves the device.
    pub is_local: bool,
}

/// A collection of documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collection {
    /// Its name.
    pub name: String,
    /// Its fields, in the order declared; a row has the id before them.
    pub fields: Vec<Field>,
    /// Compound indexes, by position of their fields.
    pub indexes: Vec<Vec<usize>>,
    /// Whether its documents never leave the device.
    pub is_local: bool,
}

/// All collections.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schema {
    /// The app's number for it.
    pub version: u32,
    /// In the order declared.
    pub collections: Vec<Collection>,
}

/// The name of the collection through which the outbox is read.
pub const OUTBOX: &str = "$outbox";

impl Schema {
    /// The position of a collection.
    pub fn position(&self, name: &str) -> Result<usize, Error> {
        self.collections
            .iter()
            .position(|collection| collection.name == name)
            .ok_or_else(|| {
                Error::from(Problem::UnknownCollection {
                    collection: name.into(),
                    nearest: nearest(name, &mut self.collections.iter().map(|c| c.name.as_str())),
                })
            })
    }

    /// The collection at a position.
    pub fn at(&self, position: usize) -> &Collection {
        self.collections
            .get(position)
            .expect("positions come from `position`")
    }

    /// Reads the JSON form. Adds the collection `$outbox` at the end.
    pub fn from_value(value: &Value) -> Result<Self, Error> {
        let version = value
            .get("version")
            .and_then(Value::as_u64)
            .and_then(|version| u32::try_from(version).ok())
            .ok_or_else(|| invalid("version", "it must be a whole number from 0"))?;
        let Some(Value::Map(members)) = value.get("collections") else {
            return Err(invalid("collections", "it must be an object"));
        };
        let mut collections = Vec::with_capacity(members.len() + 1);
        for (name, collection) in members {
            collections.push(read_collection(name, collection)?);
        }
        let schema = Self {
            version,
            collections,
        };
        schema.check_refs()?;
        Ok(schema.with_outbox())
    }

    fn check_refs(&self) -> Result<(), Error> {
        for collection in &self.collections {
            for field in &collection.fields {
                if let Kind::Ref(to) = &field.kind {
                    self.position(to).map_err(|_| {
                        let place = format!("{}.{}", collection.name, field.name);
                        invalid(
                            &place,
                            &format!("it refers to a collection `{to}` that is not there"),
                        )
                    })?;
                }
            }
        }
        Ok(())
    }

    fn with_outbox(mut self) -> Self {
        let field = |name: &str, kind: Kind| Field {
            name: name.into(),
            kind,
            is_nullable: true,
            default: None,
            is_indexed: false,
            is_local: true,
        };
        self.collections.push(Collection {
            name: OUTBOX.into(),
            fields: vec![
                field("state", Kind::String),
                field("seq", Kind::Int),
                field("mutation", Kind::String),
                field("code", Kind::String),
                field("message", Kind::String),
                field("createdAt", Kind::Timestamp),
                field("documents", Kind::Json),
                field("operations", Kind::Json),
            ],
            indexes: Vec::new(),
            is_local: true,
        });
        self
    }
}

impl Collection {
    /// The position of a field.
    pub fn position(&self, name: &str) -> Result<usize, Error> {
        self.fields
            .iter()
            .position(|field| field.name == name)
            .ok_or_else(|| {
                Error::from(Problem::UnknownField {
                    collection: self.name.clone(),
                    field: name.into(),
                    nearest: nearest(name, &mut self.fields.iter().map(|f| f.name.as_str())),
                })
            })
    }

    /// Refuses a value that does not fit the field.
    pub fn check(&self, field: &Field, value: &Value) -> Result<(), Error> {
        if field.fits(value) && value.depth() <= DEPTH_MAX {
            return Ok(());
        }
        Err(Error::from(Problem::BadValue {
            collection: self.name.clone(),
            field: field.name.clone(),
            found: describe(value),
            expected: field.expected(),
        }))
    }
}

impl Field {
    /// In words, what the field takes.
    pub fn expected(&self) -> String {
        let kind = self.kind.expected();
        if self.is_nullable {
            format!("{kind} or null")
        } else {
            kind
        }
    }

    /// Whether the field may hold a value.
    pub fn fits(&self, value: &Value) -> bool {
        self.kind.takes(value) || (self.is_nullable && value.is_null())
    }

    /// What the field reads as where it has no value: its default, null, or its kind's zero.
    pub fn absent(&self) -> Value {
        match (&self.default, self.is_nullable) {
            (Some(default), _) => default.clone(),
            (None, true) => Value::Null,
            (None, false) => self.kind.zero(),
        }
    }
}

impl Kind {
    /// Whether a value other than a permitted null fits.
    pub fn takes(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::String | Self::Ref(_), Value::String(_))
            | (Self::Float, Value::Number(_))
            | (Self::Bool, Value::Bool(_))
            | (Self::Bytes, Value::Bytes(_))
            | (Self::Json, _) => true,
            (Self::Int | Self::Timestamp, Value::Number(number)) => number
                .as_int()
                .is_some_and(|int| int.abs() as f64 <= INT_MAX),
            (Self::Enum(values), Value::String(text)) => values.contains(text),
            (Self::List(item), Value::List(list)) => list.iter().all(|value| item.takes(value)),
            _ => false,
        }
    }

    /// In words, what the kind takes.
    pub fn expected(&self) -> String {
        match self {
            Self::String => "a string".into(),
            Self::Int => "a whole number within 2^53".into(),
            Self::Float => "a finite number".into(),
            Self::Bool => "a boolean".into(),
            Self::Timestamp => "a time in whole milliseconds".into(),
            Self::Bytes => "bytes".into(),
            Self::Enum(values) => format!("one of {}", values.join(", ")),
            Self::Json => "a JSON value at most 64 deep".into(),
            Self::Ref(to) => format!("an id of {to} (a string)"),
            Self::List(item) => format!("a list, each item {}", item.expected()),
        }
    }

    fn zero(&self) -> Value {
        match self {
            Self::String | Self::Ref(_) => Value::text(""),
            Self::Int | Self::Float | Self::Timestamp => Value::int(0),
            Self::Bool => Value::Bool(false),
            Self::Bytes => Value::Bytes(Vec::new()),
            Self::Enum(values) => values
                .first()
                .map_or(Value::Null, |value| Value::text(value)),
            Self::Json => Value::Null,
            Self::List(_) => Value::List(Vec::new()),
        }
    }
}

fn describe(value: &Value) -> String {
    match value {
        Value::String(text) if text.chars().count() <= 40 => format!("string \"{text}\""),
        Value::Number(_) => format!("{} {}", value.type_name(), json::to_text(value)),
        _ => value.type_name().into(),
    }
}

fn invalid(place: &str, problem: &str) -> Error {
    Error::from(Problem::SchemaInvalid {
        place: place.into(),
        problem: problem.into(),
    })
}

fn is_flag(value: &Value, name: &str) -> bool {
    value.get(name).and_then(Value::as_bool).unwrap_or(false)
}

fn read_collection(name: &str, value: &Value) -> Result<Collection, Error> {
    if name.is_empty() || name.starts_with('$') {
        return Err(invalid(
            name,
            "a collection's name is not empty and does not begin with $",
        ));
    }
    let mut fields = Vec::new();
    let declared = value.get("fields").and_then(Value::as_list);
    for field in declared.ok_or_else(|| invalid(name, "its fields must be a list"))? {
        fields.push(read_field(name, field)?);
    }
    let mut collection = Collection {
        name: name.into(),
        fields,
        indexes: Vec::new(),
        is_local: is_flag(value, "local"),
    };
    for index in value
        .get("indexes")
        .and_then(Value::as_list)
        .unwrap_or_default()
    {
        let names = index.as_list().unwrap_or_default();
        let positions = names
            .iter()
            .map(|field| collection.position(field.as_str().unwrap_or("")));
        let positions = positions.collect::<Result<Vec<_>, _>>()?;
        collection.indexes.push(positions);
    }
    Ok(collection)
}

fn read_field(collection: &str, value: &Value) -> Result<Field, Error> {
    let name = value.get("name").and_then(Value::as_str).unwrap_or("");
    let place = format!("{collection}.{name}");
    if name.is_empty() || name == "id" || name.starts_with('$') {
        return Err(invalid(
            &place,
            "a field's name is not empty, not id, and does not begin with $",
        ));
    }
    let field = Field {
        name: name.into(),
        kind: read_kind(&place, value)?,
        is_nullable: is_flag(value, "nullable"),
        default: value.get("default").cloned(),
        is_indexed: is_flag(value, "index"),
        is_local: is_flag(value, "local"),
    };
    if let Some(default) = &field.default
        && !field.fits(default)
    {
        return Err(invalid(
            &place,
            &format!("its default must be {}", field.expected()),
        ));
    }
    Ok(field)
}

fn read_kind(place: &str, value: &Value) -> Result<Kind, Error> {
    let kind = match value.get("kind").and_then(Value::as_str).unwrap_or("") {
        "string" => Kind::String,
        "int" => Kind::Int,
        "float" => Kind::Float,
        "bool" => Kind::Bool,
        "timestamp" => Kind::Timestamp,
        "bytes" => Kind::Bytes,
        "json" => Kind::Json,
        "enum" => {
            let values = value
                .get("values")
                .and_then(Value::as_list)
                .unwrap_or_default();
            let names = values.iter().map(|value| value.as_str().map(String::from));
            match names.collect::<Option<Vec<_>>>() {
                Some(names) if !names.is_empty() => Kind::Enum(names),
                _ => return Err(invalid(place, "an enum needs a list of strings")),
            }
        }
        "ref" => match value.get("collection").and_then(Value::as_str) {
            Some(to) => Kind::Ref(to.into()),
            None => return Err(invalid(place, "a ref names a collection")),
        },
        "list" => match value.get("item") {
            Some(item) => Kind::List(Box::new(read_kind(place, item)?)),
            None => return Err(invalid(place, "a list says what its items are")),
        },
        other => return Err(invalid(place, &format!("there is no kind `{other}`"))),
    };
    Ok(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn films() -> Schema {
        let text = r#"{"version":1,"collections":{"films":{"fields":[
            {"name":"title","kind":"string"},
            {"name":"rating","kind":"float","nullable":true,"index":true},
            {"name":"genre","kind":"enum","values":["Drama","Comedy"],"default":"Drama"},
            {"name":"tags","kind":"list","item":{"kind":"string"}}],
            "indexes":[["genre","rating"]]}}}"#;
        Schema::from_value(&json::read(text.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn a_schema_reads_its_json() {
        let schema = films();
        let films = schema.at(schema.position("films").unwrap());
        assert_eq!(films.fields.len(), 4);
        assert_eq!(films.indexes, [[2, 1]]);
        assert_eq!(schema.at(1).name, OUTBOX);
    }

    #[test]
    fn a_wrong_value_is_named_with_its_type_and_what_was_expected() {
        let schema = films();
        let films = schema.at(0);
        let error = films
            .check(&films.fields[1], &Value::text("nine"))
            .unwrap_err();
        assert_eq!(error.code(), "bad_value");
        assert_eq!(
            error.details(),
            [
                ("collection", "films".into()),
                ("field", "rating".into()),
                ("found", "string \"nine\"".into()),
                ("expected", "a finite number or null".into()),
            ]
        );
        assert!(films.check(&films.fields[1], &Value::Null).is_ok());
        assert!(films.check(&films.fields[0], &Value::Null).is_err());
        assert!(
            films
                .check(&films.fields[2], &Value::text("Horror"))
                .is_err()
        );
        let list = Value::List(vec![Value::text("a"), Value::int(1)]);
        assert!(films.check(&films.fields[3], &list).is_err());
    }

    #[test]
    fn an_unknown_name_says_which_is_nearest() {
        let schema = films();
        let error = schema.at(0).position("titl").unwrap_err();
        assert_eq!(error.code(), "unknown_field");
        assert!(error.message().contains("Did you mean `title`?"));
        assert_eq!(
            schema.position("film").unwrap_err().code(),
            "unknown_collection"
        );
    }

    #[test]
    fn bad_schemas_are_refused_with_the_place() {
        for (text, place) in [
            (r#"{"collections":{}}"#, "version"),
            (r#"{"version":1}"#, "collections"),
            (
                r#"{"version":1,"collections":{"a":{"fields":[
                    {"name":"x","kind":"int","default":"1"}]}}}"#,
                "a.x",
            ),
            (
                r#"{"version":1,"collections":{"a":{"fields":[{"name":"id","kind":"int"}]}}}"#,
                "a.id",
            ),
            (
                r#"{"version":1,"collections":{"a":{"fields":[
                    {"name":"x","kind":"ref","collection":"b"}]}}}"#,
                "a.x",
            ),
            (
                r#"{"version":1,"collections":{"a":{"fields":[{"name":"x","kind":"what"}]}}}"#,
                "a.x",
            ),
        ] {
            let error = Schema::from_value(&json::read(text.as_bytes()).unwrap()).unwrap_err();
            assert_eq!(error.code(), "schema_invalid");
            assert_eq!(error.details(), [("place", place.into())]);
        }
    }
}
