//! Messages between a page and the engine (`docs/PAGE.md`).
//!
//! A page's is one value in its binary form (`doc::codec`). The engine has its notices in that form
//! too, but they cross as JSON: every browser has a fast parser for it.

use crate::doc::codec::{Items, binary, write_value};
use crate::doc::json;
use crate::doc::value::Value;

/// Reads a page's message, or any one value. Null if it is none.
pub fn read(bytes: &[u8]) -> Value {
    let mut items = Items::new(bytes);
    let message = items.value();
    items.check(message).unwrap_or_default()
}

/// The message that this describes: its `ops` may be a list, and an operation there an object with
/// the members `op`, `collection`, `id` and `fields`.
///
/// ```
/// let message = holm::doc::json::read(br#"{"tab":1,"requests":[{"number":1,"kind":"get"}]}"#);
/// assert_eq!(holm::engine::message::write(message?)[0], holm::doc::codec::MAP);
/// # Ok::<(), holm::doc::json::NotJson>(())
/// ```
pub fn write(mut message: Value) -> Vec<u8> {
    if let Some(Value::List(requests)) = message.get_mut("requests") {
        for ops in requests.iter_mut().filter_map(|all| all.get_mut("ops")) {
            if let Value::List(operations) = ops {
                let mut bytes = Vec::new();
                for operation in operations {
                    write_value(&mut bytes, &in_parts(operation));
                }
                *ops = Value::Bytes(bytes);
            }
        }
    }
    binary(&message)
}

fn in_parts(operation: &Value) -> Value {
    if !matches!(operation, Value::Map(_)) {
        return operation.clone();
    }
    let part = |name| operation.get(name).cloned().unwrap_or_default();
    Value::List(["op", "collection", "id", "fields"].map(part).into())
}

/// The engine's message with these notices, which are one after the other.
pub fn to_page(notices: &[u8]) -> Vec<u8> {
    let mut out = b"{\"messages\":[".to_vec();
    let mut items = Items::new(notices);
    while !items.is_done() {
        json::write_comma(&mut out);
        json::write_binary(&mut out, &mut items);
    }
    out.extend_from_slice(b"]}");
    out
}

/// The notices in a message of the engine, for tests and tools. Panics where it is none.
pub fn notices(message: &[u8]) -> Vec<Value> {
    let mut message = json::read(message).expect("it is JSON");
    let Some(Value::List(notices)) = message.get_mut("messages").map(std::mem::take) else {
        panic!("a message has notices")
    };
    notices
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_reads_as_it_was_written() {
        let text = br#"{"requests":[{"kind":"get","number":1}],"tab":5}"#;
        let message = json::read(text).unwrap();
        assert_eq!(read(&write(message.clone())), message);
    }

    #[test]
    fn operations_are_one_after_the_other() {
        let text = br#"{"requests":[{"ops":[{"id":"a"},7]},{"ops":[]},{"ops":"x"}]}"#;
        let message = read(&write(json::read(text).unwrap()));
        let requests = message.get("requests").and_then(Value::as_list).unwrap();
        let ops: Vec<_> = requests.iter().map(|request| request.get("ops")).collect();
        let one = binary(&json::read(br#"[null,null,"a",null]"#).unwrap());
        let both = Value::Bytes([one, binary(&Value::int(7))].concat());
        let [none, text] = [Value::Bytes(Vec::new()), Value::text("x")];
        assert_eq!(ops, [Some(&both), Some(&none), Some(&text)]);
    }

    #[test]
    fn what_is_damaged_is_no_message() {
        let message = json::read(br#"{"requests":[{"ops":[["delete","a"]]}]}"#).unwrap();
        let bytes = write(message);
        for length in 0..bytes.len() {
            assert_eq!(read(&bytes[..length]), Value::Null, "{length}");
        }
    }
}
