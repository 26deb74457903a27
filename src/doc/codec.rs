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

/// Takes encoded things off the front of a slice. What is damaged reads as zero or as empty, and so
/// does all that follows it; whoever reads asks once, at the end.
#[derive(Clone, Debug)]
pub struct Items<'a> {
    rest: &'a [u8],
    is_damaged: bool,
}

impl<'a> Items<'a> {
    /// Reads from the beginning of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            is_damaged: false,
        }
    }

    /// Notes that what is here is damaged.
    pub fn fail(&mut self) {
        self.rest = &[];
        self.is_damaged = true;
    }

    /// What was read, unless any of it is damaged.
    pub fn check<T>(&self, read: T) -> Option<T> {
        (!self.is_damaged).then_some(read)
    }

    /// Whether there is one more of what `left` counts.
    pub fn has_more(&self, left: &mut u64) -> bool {
        let has_more = *left > 0 && !self.is_damaged;
        *left = left.saturating_sub(1);
        has_more
    }

    /// The next byte.
    #[inline(never)]
    pub fn byte(&mut self) -> u8 {
        if let Some((first, rest)) = self.rest.split_first() {
            self.rest = rest;
            return *first;
        }
        self.fail();
        0
    }

    /// The next `count` bytes.
    #[inline(never)]
    pub fn take(&mut self, count: usize) -> &'a [u8] {
        if let Some((taken, rest)) = self.rest.split_at_checked(count) {
            self.rest = rest;
            return taken;
        }
        self.fail();
        &[]
    }

    /// A varint.
    #[inline(never)]
    pub fn varint(&mut self) -> u64 {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte();
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return number;
            }
        }
        self.fail();
        0
    }

    /// A length and that many bytes.
    pub fn bytes(&mut self) -> &'a [u8] {
        let length = usize::try_from(self.varint());
        self.take(length.unwrap_or(usize::MAX))
    }

    /// A string.
    #[inline(never)]
    pub fn text(&mut self) -> &'a str {
        let text = str::from_utf8(self.bytes());
        if text.is_err() {
            self.fail();
        }
        text.unwrap_or_default()
    }

    /// A stamp.
    #[inline(never)]
    pub fn stamp(&mut self) -> Stamp {
        let time = self.take(8).try_into().unwrap_or_default();
        let replica = self.take(10).try_into().unwrap_or_default();
        Stamp {
            time: Time(u64::from_be_bytes(time)),
            replica: Token(replica),
        }
    }

    /// A value.
    pub fn value(&mut self) -> Value {
        self.nested(0)
    }

    fn nested(&mut self, depth: usize) -> Value {
        if depth > DEPTH_MAX + 1 {
            self.fail();
        }
        match self.byte() {
            0 => Value::Null,
            1 => Value::Bool(false),
            2 => Value::Bool(true),
            3 => {
                let zigzag = self.varint();
                Value::int((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64))
            }
            4 => {
                let float = f64::from_le_bytes(self.take(8).try_into().unwrap_or_default());
                let number = Number::new(float);
                if number.is_none() {
                    self.fail();
                }
                Value::Number(number.unwrap_or_default())
            }
            5 => Value::text(self.text()),
            6 => Value::Bytes(self.bytes().to_vec()),
            7 => {
                let mut left = self.varint();
                let mut list = Vec::new();
                while self.has_more(&mut left) {
                    list.push(self.nested(depth + 1));
                }
                Value::List(list)
            }
            8 => {
                let mut left = self.varint();
                let mut members = Vec::new();
                while self.has_more(&mut left) {
                    members.push((self.text().into(), self.nested(depth + 1)));
                }
                Value::map(members)
            }
            _ => {
                self.fail();
                Value::Null
            }
        }
    }

    /// Passes over a value. Needs no stack, however deep it nests.
    pub fn skip_value(&mut self) {
        // How many values, and how many names before values, are still to come at each open level.
        let mut open: Vec<(u64, bool)> = vec![(1, false)];
        while let Some((left, is_named)) = open.pop() {
            if left == 0 || self.is_damaged {
                continue;
            }
            open.push((left - 1, is_named));
            if is_named {
                self.bytes();
            }
            match self.byte() {
                0..=2 => {}
                3 => _ = self.varint(),
                4 => _ = self.take(8),
                5 | 6 => _ = self.bytes(),
                7 => open.push((self.varint(), false)),
                8 => open.push((self.varint(), true)),
                _ => self.fail(),
            }
        }
    }
}

/// The same for whoever asks after each thing.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    items: Items<'a>,
}

impl<'a> Reader<'a> {
    /// Reads from the beginning of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self {
            items: Items::new(bytes),
        }
    }

    /// Whether nothing is left.
    pub fn is_done(&self) -> bool {
        self.items.rest.is_empty()
    }

    /// The next byte.
    pub fn byte(&mut self) -> Option<u8> {
        let byte = self.items.byte();
        self.items.check(byte)
    }

    /// The next `count` bytes.
    pub fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let bytes = self.items.take(count);
        self.items.check(bytes)
    }

    /// A varint.
    pub fn varint(&mut self) -> Option<u64> {
        let number = self.items.varint();
        self.items.check(number)
    }

    /// A string.
    pub fn text(&mut self) -> Option<&'a str> {
        let text = self.items.text();
        self.items.check(text)
    }

    /// A stamp.
    pub fn stamp(&mut self) -> Option<Stamp> {
        let stamp = self.items.stamp();
        self.items.check(stamp)
    }

    /// A value.
    pub fn value(&mut self) -> Option<Value> {
        let value = self.items.value();
        self.items.check(value)
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
            let mut skipping = Items::new(&bytes);
            skipping.skip_value();
            prop_assert!(skipping.check(()).is_some() && skipping.rest.is_empty());
            let text = crate::doc::json::to_text(&value);
            prop_assert_eq!(crate::doc::json::read(text.as_bytes()), Ok(value));
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..64),
        ) {
            let _ = Reader::new(&bytes).value();
            Items::new(&bytes).skip_value();
        }

        #[test]
        fn varints_round_trip(number: u64) {
            let mut bytes = Vec::new();
            write_varint(&mut bytes, number);
            prop_assert_eq!(Reader::new(&bytes).varint(), Some(number));
        }
    }
}
