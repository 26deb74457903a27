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

pub use writer::{
    most, text_most, to_text, write, write_binary, write_comma, write_name, write_text,
};

use super::codec::Items;
use super::value::{Value, take_member};
use crate::text::{decimal, filled};

/// Why a text is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotJson {
    /// What is wrong.
    pub problem: &'static str,
    /// Where, in bytes from the start.
    pub at: usize,
}

impl NotJson {
    /// In words.
    pub fn to_text(self) -> String {
        filled("{} at byte {}", &[self.problem, &decimal(self.at as u64)])
    }
}

/// Reads one JSON text.
pub fn read(bytes: &[u8]) -> Result<Value, NotJson> {
    let (binary, is_tagged) = reader::read(bytes)?;
    let mut value = Items::new(&binary).value();
    let mut problem = None;
    if is_tagged {
        untag(&mut value, &mut problem);
    }
    match problem {
        None => Ok(value),
        Some(problem) => Err(NotJson { problem, at: 0 }),
    }
}

/// Turns every `{"$": kind, "v": ...}` into what it stands for. Notes what is wrong first.
fn untag(value: &mut Value, problem: &mut Option<&'static str>) {
    match value {
        Value::List(list) => {
            for item in list {
                untag(item, problem);
            }
        }
        Value::Map(members) => match take_member(members, "$") {
            None => untag_members(members, problem),
            Some(kind) => *value = content_of(&kind, take_member(members, "v"), problem),
        },
        _ => {}
    }
}

fn untag_members(members: &mut [(String, Value)], problem: &mut Option<&'static str>) {
    for member in members {
        untag(&mut member.1, problem);
    }
}

fn content_of(kind: &Value, content: Option<Value>, problem: &mut Option<&'static str>) -> Value {
    let wrong = match (kind.as_str(), content) {
        (_, None) => "a tagged value has no member v",
        (Some("bytes"), Some(Value::String(text))) => match base64::read(&text) {
            Some(bytes) => return Value::Bytes(bytes),
            None => "bytes are not valid base64",
        },
        (Some("map"), Some(Value::Map(mut members))) => {
            untag_members(&mut members, problem);
            return Value::Map(members);
        }
        _ => "a tagged value has an unknown kind",
    };
    problem.get_or_insert(wrong);
    Value::Null
}

#[cfg(test)]
mod tests;
