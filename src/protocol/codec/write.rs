//! Writing JSON objects and lists directly as bytes, without a tree in between.

use crate::doc::json;
use crate::doc::value::Value;
use crate::ids::Token;
use crate::text;

/// An object that is being written. Its brace is closed by `end`.
pub struct Object<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Object<'a> {
    /// Opens the brace.
    pub fn begin(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out }
    }

    /// Opens the brace of a message of this kind.
    pub fn message(out: &'a mut Vec<u8>, kind: &str) -> Self {
        let mut object = Self::begin(out);
        object.text("kind", kind);
        object
    }

    /// Writes a name; the value must be written to what this gives.
    pub fn name(&mut self, name: &str) -> &mut Vec<u8> {
        json::write_name(self.out, name);
        self.out
    }

    /// A string.
    pub fn text(&mut self, name: &str, text: &str) {
        json::write_text(self.name(name), text);
    }

    /// A string, or null.
    pub fn text_or_null(&mut self, name: &str, text: Option<&str>) {
        let out = self.name(name);
        text_or_null(out, text);
    }

    /// A token's text.
    pub fn token(&mut self, name: &str, token: Token) {
        self.text(name, &token.to_text());
    }

    /// A whole number.
    pub fn whole(&mut self, name: &str, whole: u64) {
        text::write_whole(self.name(name), whole);
    }

    /// Any value.
    pub fn value(&mut self, name: &str, value: &Value) {
        json::write(self.name(name), value);
    }

    /// A list, each item written by `item`.
    pub fn list<T>(&mut self, name: &str, items: &[T], item: fn(&mut Vec<u8>, &T)) {
        list(self.name(name), items, item);
    }

    /// Closes the brace.
    pub fn end(self) {
        self.out.push(b'}');
    }
}

/// A list, each item written by `item`.
pub fn list<T>(out: &mut Vec<u8>, items: &[T], item: fn(&mut Vec<u8>, &T)) {
    out.push(b'[');
    for value in items {
        json::write_comma(out);
        item(out, value);
    }
    out.push(b']');
}

/// A string, or null.
pub fn text_or_null(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => json::write_text(out, text),
        None => out.extend_from_slice(b"null"),
    }
}
