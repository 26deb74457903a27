//! A page's message (`docs/PAGE.md`): the binary form of a value (`doc::codec`), which is quicker
//! to read than JSON, and of which the most is stored as it is.

use crate::doc::codec::{Items, binary, write_value};
use crate::doc::value::Value;

/// Reads one. Null if it is none.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doc::json;

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
