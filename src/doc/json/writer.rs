//! Values into JSON text.

use super::{base64, float};
use crate::doc::codec::{BYTES, FALSE, FLOAT, INT, Items, LIST, MAP, STRING, TRUE, binary};
use crate::doc::value::Value;
use crate::text::{write_whole, written};

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Writes a value as JSON at the end of `out`.
pub fn write(out: &mut Vec<u8>, value: &Value) {
    write_binary(out, &mut Items::new(&binary(value)));
}

/// Takes a value in its binary form and writes it as JSON at the end of `out`.
pub fn write_binary(out: &mut Vec<u8>, items: &mut Items<'_>) {
    match items.byte() {
        FALSE => out.extend_from_slice(b"false"),
        TRUE => out.extend_from_slice(b"true"),
        INT => write_int(out, items.int()),
        FLOAT => write_float(out, items),
        STRING => write_utf8(out, items.bytes()),
        BYTES => {
            out.extend_from_slice(b"{\"$\":\"bytes\",\"v\":\"");
            base64::write(out, items.bytes());
            out.extend_from_slice(b"\"}");
        }
        LIST => write_list(out, items),
        MAP if has_tag(items.clone()) => {
            out.extend_from_slice(b"{\"$\":\"map\",\"v\":");
            write_map(out, items);
            out.push(b'}');
        }
        MAP => write_map(out, items),
        _ => out.extend_from_slice(b"null"),
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

fn write_list(out: &mut Vec<u8>, items: &mut Items<'_>) {
    out.push(b'[');
    let mut left = items.varint();
    while items.has_more(&mut left) {
        write_comma(out);
        write_binary(out, items);
    }
    out.push(b']');
}

fn write_map(out: &mut Vec<u8>, items: &mut Items<'_>) {
    out.push(b'{');
    let mut left = items.varint();
    while items.has_more(&mut left) {
        write_comma(out);
        write_utf8(out, items.bytes());
        out.push(b':');
        write_binary(out, items);
    }
    out.push(b'}');
}

/// Whether the map that comes next would read as something else.
fn has_tag(mut items: Items<'_>) -> bool {
    let mut left = items.varint();
    while items.has_more(&mut left) {
        if items.bytes() == b"$" {
            return true;
        }
        items.skip_value();
    }
    false
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
    write_utf8(out, text.as_bytes());
}

fn write_utf8(out: &mut Vec<u8>, mut rest: &[u8]) {
    out.push(b'"');
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

fn write_int(out: &mut Vec<u8>, int: i64) {
    if int < 0 {
        out.push(b'-');
    }
    write_whole(out, int.unsigned_abs());
}

fn write_float(out: &mut Vec<u8>, items: &mut Items<'_>) {
    let float = f64::from_le_bytes(items.take(8).try_into().unwrap_or_default());
    if float < 0.0 {
        out.push(b'-');
    }
    float::write(out, float.abs());
}
