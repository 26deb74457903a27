//! The compact binary form of values and of stored documents. Lengths and counts are LEB128
//! varints.
//!
//! A value is a tag byte and its content: null 0, false 1, true 2, whole number 3 (zigzag varint),
//! float 4 (8 bytes, little-endian), string 5 and bytes 6 (length, bytes), list 7 (count, values),
//! map 8 (count, name and value each). Reading never panics, whatever the bytes; a damaged value is
//! `None`.

use super::value::{Number, Value};
use crate::causal::stamp::{Stamp, Time};
use crate::ids::Token;
use crate::limits::DEPTH_MAX;

/// Appends a varint.
pub fn write_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Appends a length and the bytes.
pub fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    write_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Appends a stamp: eighteen bytes that sort as stamps do.
pub fn write_stamp(out: &mut Vec<u8>, stamp: Stamp) {
    out.extend_from_slice(&stamp.time.0.to_be_bytes());
    out.extend_from_slice(&stamp.replica.0);
}

/// Appends a value.
pub fn write_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => out.push(0),
        Value::Bool(bool) => out.push(1 + u8::from(*bool)),
        Value::Number(number) => write_number(out, *number),
        Value::String(text) => {
            out.push(5);
            write_bytes(out, text.as_bytes());
        }
        Value::Bytes(bytes) => {
            out.push(6);
            write_bytes(out, bytes);
        }
        Value::List(list) => {
            out.push(7);
            write_varint(out, list.len() as u64);
            for item in list {
                write_value(out, item);
            }
        }
        Value::Map(members) => {
            out.push(8);
            write_varint(out, members.len() as u64);
            for (name, member) in members {
                write_bytes(out, name.as_bytes());
                write_value(out, member);
            }
        }
    }
}

fn write_number(out: &mut Vec<u8>, number: Number) {
    if let Some(int) = number.as_int() {
        out.push(3);
        write_varint(out, ((int << 1) ^ (int >> 63)) as u64);
    } else {
        out.push(4);
        out.extend_from_slice(&number.get().to_le_bytes());
    }
}

/// Takes encoded things off the front of a slice.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads from the beginning of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Whether nothing is left.
    pub fn is_done(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next byte.
    pub fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    /// The next `count` bytes.
    pub fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    /// A varint.
    pub fn varint(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    /// A length and that many bytes.
    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.varint()?).ok()?;
        self.take(length)
    }

    /// A string.
    pub fn text(&mut self) -> Option<&'a str> {
        str::from_utf8(self.bytes()?).ok()
    }

    /// A stamp.
    pub fn stamp(&mut self) -> Option<Stamp> {
        let time = u64::from_be_bytes(self.take(8)?.try_into().ok()?);
        let replica = Token(self.take(10)?.try_into().ok()?);
        Some(Stamp {
            time: Time(time),
            replica,
        })
    }

    /// A value.
    pub fn value(&mut self) -> Option<Value> {
        self.nested(0)
    }

    fn nested(&mut self, depth: usize) -> Option<Value> {
        if depth > DEPTH_MAX + 1 {
            return None;
        }
        let value = match self.byte()? {
            0 => Value::Null,
            1 => Value::Bool(false),
            2 => Value::Bool(true),
            3 => {
                let zigzag = self.varint()?;
                Value::int((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64))
            }
            4 => {
                let float = f64::from_le_bytes(self.take(8)?.try_into().ok()?);
                Value::Number(Number::new(float)?)
            }
            5 => Value::text(self.text()?),
            6 => Value::Bytes(self.bytes()?.to_vec()),
            7 => {
                let count = self.varint()?;
                let mut list = Vec::new();
                for _ in 0..count {
                    list.push(self.nested(depth + 1)?);
                }
                Value::List(list)
            }
            8 => {
                let count = self.varint()?;
                let mut members = Vec::new();
                for _ in 0..count {
                    members.push((self.text()?.into(), self.nested(depth + 1)?));
                }
                Value::map(members)
            }
            _ => return None,
        };
        Some(value)
    }

    /// Passes over a value. Needs no stack, however deep it nests.
    pub fn skip_value(&mut self) -> Option<()> {
        // How many values, and how many names before values, are still to come at each open level.
        let mut open: Vec<(u64, bool)> = vec![(1, false)];
        while let Some((left, is_named)) = open.pop() {
            if left == 0 {
                continue;
            }
            open.push((left - 1, is_named));
            if is_named {
                self.bytes()?;
            }
            match self.byte()? {
                0..=2 => {}
                3 => _ = self.varint()?,
                4 => _ = self.take(8)?,
                5 | 6 => _ = self.bytes()?,
                7 => open.push((self.varint()?, false)),
                8 => open.push((self.varint()?, true)),
                _ => return None,
            }
        }
        Some(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(crate) fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            (-(1_i64 << 53) + 1..1_i64 << 53).prop_map(Value::int),
            any::<f64>().prop_filter_map("finite", |f| Number::new(f).map(Value::Number)),
            "[^\u{0}]{0,12}".prop_map(Value::String),
            proptest::collection::vec(any::<u8>(), 0..12).prop_map(Value::Bytes),
        ];
        leaf.prop_recursive(3, 24, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::List),
                proptest::collection::vec(("[^\u{0}]{0,6}", inner), 0..6).prop_map(Value::map),
            ]
        })
    }

    proptest! {
        #[test]
        fn values_round_trip_in_binary_and_json(value in any_value()) {
            let mut bytes = Vec::new();
            write_value(&mut bytes, &value);
            let mut reader = Reader::new(&bytes);
            let read = reader.value();
            prop_assert_eq!(read.as_ref(), Some(&value));
            prop_assert!(reader.is_done());
            let mut skipping = Reader::new(&bytes);
            prop_assert!(skipping.skip_value().is_some() && skipping.is_done());
            let text = crate::doc::json::to_text(&value);
            prop_assert_eq!(crate::doc::json::read(text.as_bytes()), Ok(value));
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..64),
        ) {
            let _ = Reader::new(&bytes).value();
            let _ = Reader::new(&bytes).skip_value();
        }

        #[test]
        fn varints_round_trip(number: u64) {
            let mut bytes = Vec::new();
            write_varint(&mut bytes, number);
            prop_assert_eq!(Reader::new(&bytes).varint(), Some(number));
        }
    }
}
