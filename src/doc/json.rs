//! Values as JSON text: for the wire and for the page. Bytes are tagged, and a map that has a
//! member `$` is wrapped.
//!
//! Reading refuses what is not JSON to the letter (RFC 8259), what has no place in a value,
//! and what nests too deep;
//! it says what is wrong and where. What was written reads as the same value.

mod base64;
mod float;
mod reader;
mod writer;

pub use writer::{to_text, write, write_list, write_text};

use super::value::Value;
use std::fmt;

/// Why a text is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotJson {
    /// What is wrong.
    pub problem: &'static str,
    /// Where, in bytes from the start.
    pub at: usize,
}

impl fmt::Display for NotJson {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} at byte {}", self.problem, self.at)
    }
}

/// Reads one JSON text.
pub fn read(bytes: &[u8]) -> Result<Value, NotJson> {
    let (mut value, is_tagged) = reader::read(bytes)?;
    if is_tagged {
        untag(&mut value).map_err(|problem| NotJson { problem, at: 0 })?;
    }
    Ok(value)
}

/// Turns every `{"$": kind, "v": ...}` into what it stands for.
fn untag(value: &mut Value) -> Result<(), &'static str> {
    match value {
        Value::List(list) => list.iter_mut().try_for_each(untag),
        Value::Map(members) => match take(members, "$") {
            None => untag_members(members),
            Some(kind) => {
                let content = take(members, "v").ok_or("a tagged value has no member v")?;
                *value = content_of(&kind, content)?;
                Ok(())
            }
        },
        _ => Ok(()),
    }
}

fn untag_members(members: &mut [(String, Value)]) -> Result<(), &'static str> {
    members
        .iter_mut()
        .try_for_each(|member| untag(&mut member.1))
}

fn take(members: &mut [(String, Value)], name: &str) -> Option<Value> {
    let member = members.iter_mut().find(|member| member.0 == name)?;
    Some(std::mem::take(&mut member.1))
}

fn content_of(kind: &Value, content: Value) -> Result<Value, &'static str> {
    match (kind.as_str(), content) {
        (Some("bytes"), Value::String(text)) => base64::read(&text)
            .map(Value::Bytes)
            .ok_or("bytes are not valid base64"),
        (Some("map"), Value::Map(mut members)) => {
            untag_members(&mut members)?;
            Ok(Value::Map(members))
        }
        _ => Err("a tagged value has an unknown kind"),
    }
}

#[cfg(test)]
mod tests;
