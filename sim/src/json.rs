//! Short ways to build and read the messages of `docs/PAGE.md`.

use holm::doc::json;
use holm::doc::value::Value;

/// An object.
pub fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    Value::map(
        members
            .into_iter()
            .map(|(name, value)| (name.into(), value))
            .collect(),
    )
}

/// A string.
pub fn text(text: impl AsRef<str>) -> Value {
    Value::text(text.as_ref())
}

/// A whole number.
pub fn whole(number: u64) -> Value {
    Value::int(number as i64)
}

/// The object with one more member.
pub fn with(value: Value, name: &str, member: Value) -> Value {
    let Value::Map(mut members) = value else {
        return value;
    };
    members.push((name.into(), member));
    Value::map(members)
}

/// The member that is a string, or nothing.
pub fn text_of<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or("")
}

/// The member that is a whole number, or 0.
pub fn whole_of(value: &Value, name: &str) -> u64 {
    value.get(name).and_then(Value::as_u64).unwrap_or(0)
}

/// The member that is a list, or nothing.
pub fn list_of<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_list).unwrap_or_default()
}

/// A value as JSON.
pub fn to_bytes(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    json::write(&mut out, value);
    out
}

/// JSON that an engine wrote.
pub fn from_bytes(bytes: &[u8]) -> Value {
    json::read(bytes).expect("an engine writes valid JSON")
}

/// The id of a row.
pub fn row_id(row: &Value) -> &str {
    row.as_list()
        .and_then(<[Value]>::first)
        .and_then(Value::as_str)
        .unwrap_or("")
}

/// A column of a row; 0 is the id.
pub fn column(row: &Value, at: usize) -> &Value {
    row.as_list()
        .and_then(|row| row.get(at))
        .unwrap_or(&Value::Null)
}
