//! Order-preserving bytes of values: comparing two encodings byte by byte compares the values.
//!
//! One tag byte, then the content:
//!
//! - null `00`, false `01`, true `02`;
//! - number `03`, then the 8 bytes of the 64-bit float, big-endian, with the sign bit flipped if
//!   the number is not negative and all bits flipped if it is;
//! - string `04`, its UTF-8, `00` (a string holds no U+0000, nor does the name of a map's member);
//! - bytes `05`, the bytes with each `00` written `00 ff`, then `00 00`;
//! - list `06`, per item `01` and the item's encoding, then `00`;
//! - map `07`, per member by ascending name `01`, the name's UTF-8, `00` and the value's encoding,
//!   then `00`.
//!
//! An encoding is never the beginning of another one, so encodings can be put one after the other:
//! the result orders like the list of values. A descending column is the same bytes with all bits
//! flipped. The encoding of a value is canonical: equal values have equal bytes, and no other bytes
//! are read back. These are also the canonical bytes of `docs/PROTOCOL.md` section 8. Must not know
//! what the bytes are used for.

use super::codec::{self, Items};
use super::value::{Number, Value};
use crate::limits::DEPTH_MAX;

/// Which way a column is sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// Smallest first.
    #[default]
    Ascending,
    /// Largest first.
    Descending,
}

const NULL: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
const NUMBER: u8 = 3;
const STRING: u8 = 4;
const BYTES: u8 = 5;
const LIST: u8 = 6;
const MAP: u8 = 7;

/// Ends a string, a list, a map; begins the end of bytes.
const END: u8 = 0;
/// Stands before each item of a list and member of a map, so that one more item is larger than the
/// end.
const MORE: u8 = 1;
/// After a `00` inside bytes: the byte itself, not the end.
const ESCAPED: u8 = 0xff;

const SIGN: u64 = 1 << 63;

/// Appends the ascending encoding of a value.
pub fn encode(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => out.push(NULL),
        Value::Bool(false) => out.push(FALSE),
        Value::Bool(true) => out.push(TRUE),
        Value::Number(number) => {
            out.push(NUMBER);
            out.extend_from_slice(&ordered_bits(*number).to_be_bytes());
        }
        Value::String(text) => {
            out.push(STRING);
            encode_text(out, text);
        }
        Value::Bytes(bytes) => encode_bytes(out, bytes),
        Value::List(items) => {
            out.push(LIST);
            for item in items {
                out.push(MORE);
                encode(out, item);
            }
            out.push(END);
        }
        Value::Map(members) => {
            out.push(MAP);
            for (name, value) in members {
                out.push(MORE);
                encode_text(out, name);
                encode(out, value);
            }
            out.push(END);
        }
    }
}

/// The same of a value in its binary form (`doc::codec`).
pub fn encode_binary(out: &mut Vec<u8>, binary: &[u8]) {
    let mut items = Items::new(binary);
    if items.byte() == codec::STRING {
        out.push(STRING);
        encode_text(out, items.text());
    } else {
        encode(out, &Items::new(binary).value());
    }
}

/// Appends the encoding of a column sorted this way. Its value is in its binary form.
pub fn encode_column(out: &mut Vec<u8>, binary: &[u8], direction: Direction) {
    let start = out.len();
    encode_binary(out, binary);
    if direction == Direction::Descending {
        out.iter_mut().skip(start).for_each(|byte| *byte = !*byte);
    }
}

/// The canonical bytes of a value.
pub fn canonical(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    encode(&mut out, value);
    out
}

/// Reads the value at the beginning of `bytes`, and returns it with the bytes after it. None if
/// there is none.
pub fn decode(bytes: &[u8]) -> Option<(Value, &[u8])> {
    decode_column(bytes, Direction::Ascending)
}

/// Reads a column that was written by [`encode_column`].
pub fn decode_column(bytes: &[u8], direction: Direction) -> Option<(Value, &[u8])> {
    let mask = if direction == Direction::Descending {
        0xff
    } else {
        0
    };
    let mut reader = Reader { bytes, mask };
    let value = reader.value(0)?;
    Some((value, reader.bytes))
}

fn ordered_bits(number: Number) -> u64 {
    let bits = number.get().to_bits();
    if bits & SIGN == 0 { bits | SIGN } else { !bits }
}

/// Appends what the encodings of all strings that begin so begin with.
pub fn encode_start(out: &mut Vec<u8>, start: &str) {
    out.push(STRING);
    out.extend_from_slice(start.as_bytes());
}

fn encode_text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
    out.push(END);
}

fn encode_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(BYTES);
    for byte in bytes {
        out.push(*byte);
        if *byte == END {
            out.push(ESCAPED);
        }
    }
    out.extend_from_slice(&[END, END]);
}

/// Takes bytes off the front, each flipped by the mask.
struct Reader<'a> {
    bytes: &'a [u8],
    mask: u8,
}

impl Reader<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(first ^ self.mask)
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        if depth > DEPTH_MAX + 32 {
            return None;
        }
        Some(match self.byte()? {
            NULL => Value::Null,
            FALSE => Value::Bool(false),
            TRUE => Value::Bool(true),
            NUMBER => Value::Number(self.number()?),
            STRING => Value::String(self.text()?),
            BYTES => Value::Bytes(self.escaped()?),
            LIST => {
                let mut items = Vec::new();
                while self.has_more()? {
                    items.push(self.value(depth + 1)?);
                }
                Value::List(items)
            }
            MAP => Value::Map(self.members(depth + 1)?),
            _ => return None,
        })
    }

    fn has_more(&mut self) -> Option<bool> {
        match self.byte()? {
            MORE => Some(true),
            END => Some(false),
            _ => None,
        }
    }

    fn number(&mut self) -> Option<Number> {
        let mut ordered = 0_u64;
        for _ in 0..8 {
            ordered = ordered << 8 | u64::from(self.byte()?);
        }
        let bits = if ordered & SIGN == 0 {
            !ordered
        } else {
            ordered & !SIGN
        };
        // -0 and the numbers that are not finite have no encoding.
        Number::new(f64::from_bits(bits)).filter(|number| number.get().to_bits() == bits)
    }

    fn text(&mut self) -> Option<String> {
        let mut bytes = Vec::new();
        loop {
            match self.byte()? {
                END => return String::from_utf8(bytes).ok(),
                byte => bytes.push(byte),
            }
        }
    }

    fn escaped(&mut self) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        loop {
            let byte = self.byte()?;
            if byte == END {
                match self.byte()? {
                    END => return Some(bytes),
                    ESCAPED => {}
                    _ => return None,
                }
            }
            bytes.push(byte);
        }
    }

    fn members(&mut self, depth: usize) -> Option<Vec<(String, Value)>> {
        let mut members: Vec<(String, Value)> = Vec::new();
        while self.has_more()? {
            let name = self.text()?;
            if members.last().is_some_and(|last| last.0 >= name) {
                return None;
            }
            members.push((name, self.value(depth)?));
        }
        Some(members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_value() -> impl Strategy<Value = Value> {
        let text = prop_oneof!["[a-c\u{ff61}\u{1f600}\u{1}]{0,3}", "[^\u{0}]{0,8}"];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            (-3_i64..3).prop_map(Value::int),
            any::<f64>().prop_filter_map("finite", |n| Number::new(n).map(Value::Number)),
            text.prop_map(Value::String),
            proptest::collection::vec(prop_oneof![Just(0), Just(1), Just(255), any::<u8>()], 0..4)
                .prop_map(Value::Bytes),
        ];
        leaf.prop_recursive(3, 12, 3, |inner| {
            let member = ("[a-b]{0,2}", inner.clone());
            prop_oneof![
                proptest::collection::vec(inner, 0..3).prop_map(Value::List),
                proptest::collection::vec(member, 0..3).prop_map(Value::map),
            ]
        })
    }

    fn column(value: &Value, direction: Direction) -> Vec<u8> {
        let mut out = Vec::new();
        encode_column(&mut out, &codec::binary(value), direction);
        out
    }

    fn config() -> ProptestConfig {
        ProptestConfig {
            failure_persistence: None,
            ..ProptestConfig::with_cases(2_000)
        }
    }

    proptest! {
        #![proptest_config(config())]

        #[test]
        fn bytes_order_as_the_values_do(a in any_value(), b in any_value()) {
            prop_assert_eq!(canonical(&a).cmp(&canonical(&b)), a.cmp(&b));
            let [down_a, down_b] = [&a, &b].map(|value| column(value, Direction::Descending));
            prop_assert_eq!(down_a.cmp(&down_b), b.cmp(&a));
        }

        #[test]
        fn several_columns_order_as_the_list_of_them(
            a in proptest::collection::vec(any_value(), 2),
            b in proptest::collection::vec(any_value(), 2),
        ) {
            let joined = |values: &[Value]| values.iter().flat_map(canonical).collect::<Vec<_>>();
            prop_assert_eq!(joined(&a).cmp(&joined(&b)), a.cmp(&b));
        }

        #[test]
        fn what_was_written_is_read_back(value in any_value(), rest in any::<[u8; 2]>()) {
            for direction in [Direction::Ascending, Direction::Descending] {
                let mut bytes = column(&value, direction);
                bytes.extend_from_slice(&rest);
                prop_assert_eq!(decode_column(&bytes, direction), Some((value.clone(), &rest[..])));
            }
        }

        #[test]
        fn any_bytes_are_refused_or_canonical(bytes in proptest::collection::vec(0_u8..9, 0..24)) {
            if let Some((value, rest)) = decode(&bytes) {
                prop_assert_eq!(canonical(&value), &bytes[..bytes.len() - rest.len()]);
            }
        }
    }

    #[test]
    fn the_table_holds() {
        let encodings = [
            (Value::Null, "00"),
            (Value::Bool(false), "01"),
            (Value::Bool(true), "02"),
            (Value::int(1), "03bff0000000000000"),
            (Value::int(-1), "03400fffffffffffff"),
            (Value::text("a\u{e9}"), "0461c3a900"),
            (Value::Bytes(vec![0, 7]), "0500ff070000"),
            (
                Value::List(vec![Value::Null, Value::List(vec![])]),
                "06010001060000",
            ),
            (
                Value::map(vec![("a".into(), Value::Bool(true))]),
                "070161000200",
            ),
        ];
        for (value, expected) in encodings {
            let mut text = String::new();
            crate::ids::push_hex(&mut text, &canonical(&value));
            assert_eq!(text, expected);
        }
    }

    #[test]
    fn bytes_that_nothing_encodes_are_refused() {
        let minus_zero: &[u8] = &[3, 0x7f, 255, 255, 255, 255, 255, 255, 255];
        let unsorted: &[u8] = &[7, 1, b'b', 0, 0, 1, b'a', 0, 0, 0];
        for bytes in [
            minus_zero,
            unsorted,
            &[8],
            &[],
            &[3, 1],
            &[4, 0xff, 0],
            &[6, 2],
        ] {
            assert_eq!(decode(bytes), None);
        }
        assert_eq!(decode(&[&[6, 1].repeat(5_000)[..], &[0]].concat()), None);
    }
}
