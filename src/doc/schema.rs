//! The schema: collections, their fields, and what each field takes.
//!
//! Made from the JSON of `docs/PAGE.md`. Checks values at the door; must not know how they are
//! stored or merged.

use super::codec::{BYTES, FALSE, FLOAT, INT, Items, LIST, NULL, STRING, TRUE, binary};
use super::json;
use super::value::Value;
use crate::error::{Error, Problem, nearest};
use crate::limits::DEPTH_MAX;
use crate::text::filled;
use xxhash_rust::xxh64::xxh64;

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
    /// Whether it never leaves the device.
    pub is_local: bool,
    /// Changes with whatever is declared of it.
    pub definition: u64,
}

/// A collection of documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collection {
    /// Its name.
    pub name: String,
    /// Its fields, in the order declared; a row has the id before them.
    pub fields: Vec<Field>,
    /// Indexes, by position of their fields.
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

    /// Whether the collection at a position is that of the outbox.
    pub fn is_outbox(&self, position: usize) -> bool {
        self.at(position).name == OUTBOX
    }

    /// The collection at a position.
    pub fn at(&self, position: usize) -> &Collection {
        self.collections
            .get(position)
            .expect("positions come from `position`")
    }

    /// Reads the JSON form. Adds the collection `$outbox` at the end.
    pub fn from_value(value: &Value) -> Result<Self, Error> {
        let mut wrong = Wrong(None);
        let version = value.get("version").and_then(Value::as_u64);
        let version = version.and_then(|version| u32::try_from(version).ok());
        if version.is_none() {
            wrong.note("version", "it must be a whole number from 0");
        }
        let mut schema = Self {
            version: version.unwrap_or(0),
            collections: Vec::new(),
        };
        if let Some(Value::Map(members)) = value.get("collections") {
            for (name, collection) in members {
                let collection = read_collection(name, collection, &mut wrong);
                schema.collections.push(collection);
            }
        } else {
            wrong.note("collections", "it must be an object");
        }
        schema.check_refs(&mut wrong);
        schema.collections.push(outbox());
        match wrong.0 {
            None => Ok(schema),
            Some(error) => Err(error),
        }
    }

    fn check_refs(&self, wrong: &mut Wrong) {
        for collection in &self.collections {
            for field in &collection.fields {
                if let Kind::Ref(to) = &field.kind
                    && self.position(to).is_err()
                {
                    wrong.note(
                        &filled("{}.{}", &[&collection.name, &field.name]),
                        &filled("it refers to a collection `{}` that is not there", &[to]),
                    );
                }
            }
        }
    }
}

fn outbox() -> Collection {
    let declared = [
        ("state", "string"),
        ("seq", "int"),
        ("mutation", "string"),
        ("code", "string"),
        ("message", "string"),
        ("createdAt", "timestamp"),
        ("documents", "json"),
        ("operations", "json"),
    ];
    let mut fields = Vec::new();
    for (name, kind) in declared {
        fields.push(Field {
            name: name.into(),
            kind: read_scalar(kind).unwrap_or(Kind::Json),
            is_nullable: true,
            default: None,
            definition: 0,
            is_local: true,
        });
    }
    Collection {
        name: OUTBOX.into(),
        fields,
        indexes: Vec::new(),
        is_local: true,
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

    /// Whether writes of a field leave the device.
    pub fn syncs(&self, field: usize) -> bool {
        let field = self.fields.get(field);
        !self.is_local && field.is_some_and(|field| !field.is_local)
    }

    /// Refuses a value, in its binary form, that does not fit the field.
    pub fn check(&self, field: &Field, value: &[u8]) -> Result<(), Error> {
        // What nests so deep has more bytes.
        let is_deep = || value.len() > DEPTH_MAX && Items::new(value).value().depth() > DEPTH_MAX;
        if field.fits(value) && !(field.may_nest() && is_deep()) {
            return Ok(());
        }
        Err(self.bad_value(&field.name, field.expected(), &Items::new(value).value()))
    }

    /// What is told of a value that does not fit.
    pub fn bad_value(&self, field: &str, expected: String, value: &Value) -> Error {
        Error::from(Problem::BadValue {
            collection: self.name.clone(),
            field: field.to_string(),
            found: describe(value),
            expected,
        })
    }
}

impl Field {
    /// In words, what the field takes.
    pub fn expected(&self) -> String {
        let kind = self.kind.expected();
        if self.is_nullable {
            filled("{} or null", &[&kind])
        } else {
            kind
        }
    }

    /// Whether the field may hold a value, which comes in its binary form.
    pub fn fits(&self, value: &[u8]) -> bool {
        self.kind.takes(value) || (self.is_nullable && value.first() == Some(&NULL))
    }

    fn may_nest(&self) -> bool {
        matches!(self.kind, Kind::Json | Kind::List(_))
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
    /// Whether a value other than a permitted null fits. It comes in its binary form.
    pub fn takes(&self, value: &[u8]) -> bool {
        let mut items = Items::new(value);
        let tag = items.byte();
        match self {
            Self::String | Self::Ref(_) => tag == STRING,
            Self::Int | Self::Timestamp => tag == INT,
            Self::Float => matches!(tag, INT | FLOAT),
            Self::Bool => matches!(tag, FALSE | TRUE),
            Self::Bytes => tag == BYTES,
            Self::Json => true,
            Self::Enum(values) => {
                tag == STRING && {
                    let text = items.text();
                    values.iter().any(|value| value == text)
                }
            }
            Self::List(item) => {
                let mut fits = tag == LIST;
                let mut left = items.varint();
                while fits && items.has_more(&mut left) {
                    fits = item.takes(items.raw_value());
                }
                fits
            }
        }
    }

    /// In words, what the kind takes.
    pub fn expected(&self) -> String {
        let words = match self {
            Self::String => "a string",
            Self::Int => "a whole number within 2^53",
            Self::Float => "a finite number",
            Self::Bool => "a boolean",
            Self::Timestamp => "a time in whole milliseconds",
            Self::Bytes => "bytes",
            Self::Json => "a JSON value at most 64 deep",
            Self::Enum(values) => return one_of(values),
            Self::Ref(to) => return filled("an id of {} (a string)", &[to]),
            Self::List(item) => return filled("a list, each item {}", &[&item.expected()]),
        };
        words.into()
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
        Value::String(text) if text.len() <= 40 => filled("string \"{}\"", &[text]),
        Value::Number(_) => filled("{} {}", &[value.type_name(), &json::to_text(value)]),
        _ => value.type_name().into(),
    }
}

fn one_of(values: &[String]) -> String {
    let mut text = String::from("one of ");
    for (at, value) in values.iter().enumerate() {
        if at > 0 {
            text.push_str(", ");
        }
        text.push_str(value);
    }
    text
}

/// What is wrong with a schema first. Reading goes on with something empty.
struct Wrong(Option<Error>);

impl Wrong {
    fn note(&mut self, place: &str, problem: &str) {
        self.0.get_or_insert_with(|| {
            Error::from(Problem::SchemaInvalid {
                place: place.into(),
                problem: problem.into(),
            })
        });
    }
}

fn is_flag(value: &Value, name: &str) -> bool {
    value.get(name).and_then(Value::as_bool).unwrap_or(false)
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or("")
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    let list = value.get(name).and_then(Value::as_list);
    list.unwrap_or_default()
}

fn read_collection(name: &str, value: &Value, wrong: &mut Wrong) -> Collection {
    if name.is_empty() || name.starts_with('$') {
        wrong.note(
            name,
            "a collection's name is not empty and does not begin with $",
        );
    }
    if !matches!(value.get("fields"), Some(Value::List(_))) {
        wrong.note(name, "its fields must be a list");
    }
    let mut collection = Collection {
        name: name.into(),
        fields: Vec::new(),
        indexes: Vec::new(),
        is_local: is_flag(value, "local"),
    };
    for (position, field) in list(value, "fields").iter().enumerate() {
        collection.fields.push(read_field(name, field, wrong));
        if is_flag(field, "index") {
            collection.indexes.push(vec![position]);
        }
    }
    for index in list(value, "indexes") {
        let mut positions = Vec::new();
        for field in index.as_list().unwrap_or_default() {
            match collection.position(field.as_str().unwrap_or("")) {
                Ok(position) => positions.push(position),
                Err(error) => _ = wrong.0.get_or_insert(error),
            }
        }
        if !positions.is_empty() && !collection.indexes.contains(&positions) {
            collection.indexes.push(positions);
        }
    }
    collection
}

fn read_field(collection: &str, value: &Value, wrong: &mut Wrong) -> Field {
    let name = text(value, "name");
    let place = filled("{}.{}", &[collection, name]);
    if name.is_empty() || name == "id" || name.starts_with('$') {
        wrong.note(
            &place,
            "a field's name is not empty, not id, and does not begin with $",
        );
    }
    let field = Field {
        name: name.into(),
        kind: read_kind(&place, value, wrong),
        is_nullable: is_flag(value, "nullable"),
        default: value.get("default").cloned(),
        is_local: is_flag(value, "local"),
        definition: xxh64(json::to_text(value).as_bytes(), 0),
    };
    if let Some(default) = &field.default
        && !field.fits(&binary(default))
    {
        wrong.note(
            &place,
            &filled("its default must be {}", &[&field.expected()]),
        );
    }
    field
}

fn read_kind(place: &str, value: &Value, wrong: &mut Wrong) -> Kind {
    let name = text(value, "kind");
    match name {
        "enum" => {
            let mut values = Vec::new();
            let mut are_texts = true;
            for value in list(value, "values") {
                are_texts &= value.as_str().is_some();
                values.push(value.as_str().unwrap_or("").into());
            }
            if values.is_empty() || !are_texts {
                wrong.note(place, "an enum needs a list of strings");
            }
            Kind::Enum(values)
        }
        "ref" => {
            if !matches!(value.get("collection"), Some(Value::String(_))) {
                wrong.note(place, "a ref names a collection");
            }
            Kind::Ref(text(value, "collection").into())
        }
        "list" => {
            let item = value.get("item");
            if item.is_none() {
                wrong.note(place, "a list says what its items are");
            }
            let item = item.map(|item| read_kind(place, item, wrong));
            Kind::List(Box::new(item.unwrap_or(Kind::Json)))
        }
        _ => read_scalar(name).unwrap_or_else(|| {
            wrong.note(place, &filled("there is no kind `{}`", &[name]));
            Kind::Json
        }),
    }
}

fn read_scalar(name: &str) -> Option<Kind> {
    Some(match name {
        "string" => Kind::String,
        "int" => Kind::Int,
        "float" => Kind::Float,
        "bool" => Kind::Bool,
        "timestamp" => Kind::Timestamp,
        "bytes" => Kind::Bytes,
        "json" => Kind::Json,
        _ => return None,
    })
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
        assert_eq!(films.indexes, [vec![1], vec![2, 1]]);
        assert_eq!(schema.at(1).name, OUTBOX);
    }

    #[test]
    fn a_wrong_value_is_named_with_its_type_and_what_was_expected() {
        let schema = films();
        let films = schema.at(0);
        let error = films
            .check(&films.fields[1], &binary(&Value::text("nine")))
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
        assert!(films.check(&films.fields[1], &binary(&Value::Null)).is_ok());
        assert!(
            films
                .check(&films.fields[0], &binary(&Value::Null))
                .is_err()
        );
        assert!(
            films
                .check(&films.fields[2], &binary(&Value::text("Horror")))
                .is_err()
        );
        let list = Value::List(vec![Value::text("a"), Value::int(1)]);
        assert!(films.check(&films.fields[3], &binary(&list)).is_err());
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
