//! Values as JSON text: for the wire and for the page. Bytes are tagged, and a map that has a member `$` is wrapped.
//!
//! Reading goes through serde_json with a hand-written visitor, so that one instantiation of the parser serves all.

use super::value::{Number, Value};
use crate::limits::DEPTH_MAX;
use base64ct::{Base64, Encoding};
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use std::cell::Cell;
use std::fmt;

/// Reads one JSON text. The error says what is wrong and where.
pub fn read(bytes: &[u8]) -> Result<Value, String> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let is_tagged = Cell::new(false);
    let root = Nested { depth: 0, is_tagged: &is_tagged };
    let value = root.deserialize(&mut reader).map_err(|error| error.to_string())?;
    reader.end().map_err(|error| error.to_string())?;
    if is_tagged.get() { Ok(untag(value)?) } else { Ok(value) }
}

/// Reads a value so many levels down, and takes note whether any map has a member `$`.
#[derive(Clone, Copy)]
struct Nested<'a> {
    depth: usize,
    is_tagged: &'a Cell<bool>,
}

impl<'de> DeserializeSeed<'de> for Nested<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Nested<'_> {
    type Value = Value;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, bool: bool) -> Result<Value, E> {
        Ok(Value::Bool(bool))
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Value, E> {
        self.visit_f64(number as f64)
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Value, E> {
        self.visit_f64(number as f64)
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Value, E> {
        Number::new(number).map(Value::Number).ok_or_else(|| E::custom("a number is out of range"))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Value, E> {
        self.visit_string(text.into())
    }

    fn visit_string<E: serde::de::Error>(self, text: String) -> Result<Value, E> {
        if text.contains('\0') {
            return Err(E::custom("a string contains U+0000"));
        }
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut members = Vec::new();
        while let Some(name) = entries.next_key::<String>()? {
            if name.contains('\0') {
                return Err(A::Error::custom("a name contains U+0000"));
            }
            if name == "$" {
                self.is_tagged.set(true);
            }
            members.push((name, entries.next_value_seed(inner)?));
        }
        Ok(Value::map(members))
    }
}

impl Nested<'_> {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth < DEPTH_MAX + 32 {
            Ok(Self { depth: self.depth + 1, ..self })
        } else {
            Err(E::custom("nested too deep"))
        }
    }
}

/// Turns every `{"$": kind, "v": ...}` into what it stands for.
fn untag(value: Value) -> Result<Value, &'static str> {
    match value {
        Value::List(list) => list.into_iter().map(untag).collect::<Result<_, _>>().map(Value::List),
        Value::Map(members) => untag_map(Value::Map(members)),
        scalar => Ok(scalar),
    }
}

fn untag_map(map: Value) -> Result<Value, &'static str> {
    let content = match map.get("$") {
        None => &map,
        Some(_) => map.get("v").ok_or("a tagged value has no member v")?,
    };
    match (map.get("$").and_then(Value::as_str), content) {
        (Some("bytes"), Value::String(text)) => {
            Base64::decode_vec(text).map(Value::Bytes).map_err(|_| "bytes are not valid base64")
        }
        (Some("map"), Value::Map(members)) => untag_members(members),
        (None, Value::Map(members)) if map.get("$").is_none() => untag_members(members),
        _ => Err("a tagged value has an unknown kind"),
    }
}

fn untag_members(members: &[(String, Value)]) -> Result<Value, &'static str> {
    let members = members.iter().map(|(name, value)| Ok((name.clone(), untag(value.clone())?)));
    members.collect::<Result<_, _>>().map(Value::Map)
}

/// Writes a value as JSON at the end of `out`.
pub fn write(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => write_number(out, *number),
        Value::String(text) => write_text(out, text),
        Value::Bytes(bytes) => {
            out.extend_from_slice(b"{\"$\":\"bytes\",\"v\":\"");
            out.extend_from_slice(Base64::encode_string(bytes).as_bytes());
            out.extend_from_slice(b"\"}");
        }
        Value::List(list) => write_list(out, list),
        Value::Map(members) if value.get("$").is_some() => {
            out.extend_from_slice(b"{\"$\":\"map\",\"v\":");
            write_members(out, members);
            out.push(b'}');
        }
        Value::Map(members) => write_members(out, members),
    }
}

/// A value as JSON text.
pub fn to_text(value: &Value) -> String {
    let mut out = Vec::new();
    write(&mut out, value);
    String::from_utf8(out).expect("JSON is written from strings")
}

/// Writes values as a JSON array.
pub fn write_list<'a>(out: &mut Vec<u8>, list: impl IntoIterator<Item = &'a Value>) {
    out.push(b'[');
    for (at, item) in list.into_iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write(out, item);
    }
    out.push(b']');
}

fn write_members(out: &mut Vec<u8>, members: &[(String, Value)]) {
    out.push(b'{');
    for (at, (name, value)) in members.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write_text(out, name);
        out.push(b':');
        write(out, value);
    }
    out.push(b'}');
}

/// Writes a string with its quotes.
pub fn write_text(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(&mut *out, text).expect("writing to memory does not fail");
}

fn write_number(out: &mut Vec<u8>, number: Number) {
    let written = match number.as_int() {
        Some(int) => serde_json::to_writer(&mut *out, &int),
        None => serde_json::to_writer(&mut *out, &number.get()),
    };
    written.expect("writing to memory does not fail");
}
