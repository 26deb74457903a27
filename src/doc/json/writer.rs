//! Values into JSON text.

use super::{base64, float};
use crate::doc::value::{Number, Value};

const HEX: &[u8; 16] = b"0123456789abcdef";

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
            base64::write(out, bytes);
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

/// How many bytes a value takes as JSON at most. Quick, since nothing is written.
pub fn most(value: &Value) -> usize {
    // Also what is around a map or bytes, and a comma.
    const AROUND: usize = 32;
    let inside = match value {
        Value::String(text) => text_most(text),
        Value::Bytes(bytes) => bytes.len() * 2,
        Value::List(items) => items.iter().map(most).sum(),
        Value::Map(members) => {
            let member = |(name, value): &(String, Value)| text_most(name) + most(value);
            members.iter().map(member).sum()
        }
        _ => 0,
    };
    AROUND + inside
}

/// As [`most`], for a string and a sign after it: a byte may become six.
pub fn text_most(text: &str) -> usize {
    text.len() * 6 + 3
}

/// A value as JSON text.
pub fn to_text(value: &Value) -> String {
    let mut out = Vec::new();
    write(&mut out, value);
    written(out)
}

/// What was written, as text.
pub fn written(out: Vec<u8>) -> String {
    String::from_utf8(out).expect("JSON is written from strings")
}

fn write_list(out: &mut Vec<u8>, list: &[Value]) {
    out.push(b'[');
    for item in list {
        write_comma(out);
        write(out, item);
    }
    out.push(b']');
}

fn write_members(out: &mut Vec<u8>, members: &[(String, Value)]) {
    out.push(b'{');
    for (name, value) in members {
        write_name(out, name);
        write(out, value);
    }
    out.push(b'}');
}

/// Writes a comma, unless what comes next is the first in its brackets.
pub fn write_comma(out: &mut Vec<u8>) {
    if !matches!(out.last(), Some(b'[' | b'{')) {
        out.push(b',');
    }
}

/// Writes the name of a member; its value must come next.
pub fn write_name(out: &mut Vec<u8>, name: &str) {
    write_comma(out);
    write_text(out, name);
    out.push(b':');
}

/// Writes a string with its quotes.
pub fn write_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(at) = rest
        .iter()
        .position(|byte| *byte < b' ' || matches!(byte, b'"' | b'\\'))
    {
        let (plain, special) = rest.split_at(at);
        out.extend_from_slice(plain);
        if let [byte, after @ ..] = special {
            write_escape(out, *byte);
            rest = after;
        }
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

fn write_escape(out: &mut Vec<u8>, byte: u8) {
    let short = match byte {
        8 => b'b',
        b'\t' => b't',
        b'\n' => b'n',
        12 => b'f',
        b'\r' => b'r',
        b'"' | b'\\' => byte,
        control => {
            let last = HEX.get(usize::from(control & 15)).copied();
            out.extend_from_slice(b"\\u00");
            out.push(b'0' + (control >> 4));
            out.push(last.unwrap_or(b'0'));
            return;
        }
    };
    out.push(b'\\');
    out.push(short);
}

fn write_number(out: &mut Vec<u8>, number: Number) {
    if number.get() < 0.0 {
        out.push(b'-');
    }
    match number.as_int() {
        Some(int) => write_whole(out, int.unsigned_abs()),
        None => float::write(out, number.get().abs()),
    }
}

/// Writes a whole number.
pub fn write_whole(out: &mut Vec<u8>, mut whole: u64) {
    let start = out.len();
    loop {
        out.push(b'0' + (whole % 10) as u8);
        whole /= 10;
        if whole == 0 {
            break;
        }
    }
    if let Some(digits) = out.get_mut(start..) {
        digits.reverse();
    }
}
