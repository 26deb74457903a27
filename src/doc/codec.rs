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
use crate::limits::{INT_MAX, NESTING_MAX};
use crate::planted;
use std::borrow::Cow;
use std::cmp::Ordering;

/// Items that a list gets room for at once.
const ROOM_MAX: u64 = 1_024;

/// Tag of null.
pub const NULL: u8 = 0;
/// Tag of false.
pub const FALSE: u8 = 1;
/// Tag of true.
pub const TRUE: u8 = 2;
/// Tag of a whole number.
pub const INT: u8 = 3;
/// Tag of any other number.
pub const FLOAT: u8 = 4;
/// Tag of a string.
pub const STRING: u8 = 5;
/// Tag of bytes.
pub const BYTES: u8 = 6;
/// Tag of a list.
pub const LIST: u8 = 7;
/// Tag of a map.
pub const MAP: u8 = 8;

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

/// The binary form of a value.
pub fn binary(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    write_value(&mut out, value);
    out
}

/// How two values compare, of which each is in its canonical binary form.
pub fn compare(a: &[u8], b: &[u8]) -> Ordering {
    let (mut first, mut second) = (Items::new(a), Items::new(b));
    if (first.byte(), second.byte()) == (STRING, STRING) {
        return first.bytes().cmp(second.bytes());
    }
    Items::new(a).value().cmp(&Items::new(b).value())
}

/// Appends a value.
pub fn write_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => out.push(NULL),
        Value::Bool(bool) => out.push(FALSE + u8::from(*bool)),
        Value::Number(number) => write_number(out, *number),
        Value::String(text) => {
            out.push(STRING);
            write_bytes(out, text.as_bytes());
        }
        Value::Bytes(bytes) => {
            out.push(BYTES);
            write_bytes(out, bytes);
        }
        Value::List(list) => {
            out.push(LIST);
            write_varint(out, list.len() as u64);
            for item in list {
                write_value(out, item);
            }
        }
        Value::Map(members) => {
            out.push(MAP);
            write_varint(out, members.len() as u64);
            for (name, member) in members {
                write_bytes(out, name.as_bytes());
                write_value(out, member);
            }
        }
    }
}

/// Appends a number, by itself.
pub fn write_number(out: &mut Vec<u8>, number: Number) {
    if let Some(int) = number.as_int() {
        write_int(out, int);
    } else {
        out.push(FLOAT);
        out.extend_from_slice(&number.get().to_le_bytes());
    }
}

/// Appends a whole number within the bounds of `int`.
pub fn write_int(out: &mut Vec<u8>, int: i64) {
    out.push(INT);
    write_varint(out, ((int << 1) ^ (int >> 63)) as u64);
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

    /// Whether nothing is left, or what is here is damaged.
    pub fn is_done(&self) -> bool {
        self.rest.is_empty()
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
        if let [byte @ 0..0x80, rest @ ..] = self.rest {
            self.rest = rest;
            return u64::from(*byte);
        }
        let (mut number, mut shift) = (0_u64, 0);
        loop {
            let byte = self.byte();
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return number;
            }
            shift += 7;
            if shift > 63 {
                self.fail();
                return 0;
            }
        }
    }

    /// A whole number, after its tag.
    pub fn int(&mut self) -> i64 {
        let zigzag = self.varint();
        (zigzag >> 1) as i64 ^ -((zigzag & 1) as i64)
    }

    /// A length and that many bytes.
    pub fn bytes(&mut self) -> &'a [u8] {
        let length = usize::try_from(self.varint());
        self.take(length.unwrap_or(usize::MAX))
    }

    /// A string, which has no U+0000.
    #[inline(never)]
    pub fn text(&mut self) -> &'a str {
        if let Ok(text) = str::from_utf8(self.bytes())
            && !text.as_bytes().contains(&0)
        {
            return text;
        }
        self.fail();
        ""
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
        if depth > NESTING_MAX {
            self.fail();
        }
        match self.byte() {
            NULL => Value::Null,
            FALSE => Value::Bool(false),
            TRUE => Value::Bool(true),
            INT => Value::int(self.int()),
            FLOAT => {
                let float = f64::from_le_bytes(self.take(8).try_into().unwrap_or_default());
                let number = Number::new(float);
                if number.is_none() {
                    self.fail();
                }
                Value::Number(number.unwrap_or_default())
            }
            STRING => Value::text(self.text()),
            BYTES => Value::Bytes(self.bytes().to_vec()),
            LIST => {
                let mut left = self.varint();
                let mut list = Vec::with_capacity(self.room_for(left));
                while self.has_more(&mut left) {
                    list.push(self.nested(depth + 1));
                }
                Value::List(list)
            }
            MAP => {
                let mut left = self.varint();
                let mut members = Vec::with_capacity(self.room_for(left));
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

    /// How many to make room for where there should be so many: a count that is damaged may be any.
    fn room_for(&self, count: u64) -> usize {
        self.rest.len().min(count.min(ROOM_MAX) as usize)
    }

    /// A whole number that is a place in a list; a place that no list has for any other value.
    pub fn place(&mut self) -> usize {
        if let [INT, zigzag @ 0..0x80, rest @ ..] = self.rest
            && zigzag & 1 == 0
        {
            self.rest = rest;
            return usize::from(zigzag >> 1);
        }
        let place = self.value().as_u64();
        place.map_or(usize::MAX, |place| place as usize)
    }

    /// A string, where a value is one; passes over any other value.
    pub fn string(&mut self) -> Option<&'a str> {
        if let [STRING, rest @ ..] = self.rest {
            self.rest = rest;
            return Some(self.text());
        }
        self.skip_value();
        None
    }

    /// The items of a list, where a value is one; passes over any other value.
    pub fn list(mut self) -> impl Iterator<Item = &'a [u8]> {
        let mut left = 0;
        if let [LIST, rest @ ..] = self.rest {
            self.rest = rest;
            left = self.varint();
        }
        std::iter::from_fn(move || self.has_more(&mut left).then(|| self.raw_value()))
    }

    /// A value as [`write_value`] writes it: these bytes, if they are so already.
    pub fn canonical(&mut self) -> Cow<'a, [u8]> {
        let mut passing = self.clone();
        if passing.pass_plain(true) {
            let length = self.rest.len() - passing.rest.len();
            return Cow::Borrowed(self.take(length));
        }
        Cow::Owned(binary(&self.value()))
    }

    /// The bytes of a value.
    pub fn raw_value(&mut self) -> &'a [u8] {
        let from = self.rest;
        self.skip_value();
        let end = from.len() - self.rest.len();
        from.get(..end).unwrap_or_default()
    }

    /// Passes over a value. Needs no stack, however deep it nests.
    pub fn skip_value(&mut self) {
        let Some(mut inner) = self.skip_head() else {
            return;
        };
        // How many values are still to come, and whether each has a name before it: here, and at
        // the levels above.
        let mut above = Vec::new();
        loop {
            while inner.0 == 0 || self.is_damaged {
                match above.pop() {
                    Some(level) => inner = level,
                    None => return,
                }
            }
            inner.0 -= 1;
            if inner.1 {
                self.bytes();
            }
            if let Some(level) = self.skip_head() {
                above.push(std::mem::replace(&mut inner, level));
            }
        }
    }

    /// Passes over a value if it is quick to tell that it is canonical: over most scalars and,
    /// where that is asked for, over a list of them.
    fn pass_plain(&mut self, takes_lists: bool) -> bool {
        let mut passes = true;
        match self.byte() {
            NULL..=TRUE => {}
            INT => passes = self.varint() >> 1 < INT_MAX as u64,
            STRING if planted::is("engine_damaged_text_taken") => _ = self.bytes(),
            STRING => _ = self.text(),
            BYTES => _ = self.bytes(),
            LIST if takes_lists => {
                let mut left = self.varint();
                while passes && self.has_more(&mut left) {
                    passes = self.pass_plain(false);
                }
            }
            _ => passes = false,
        }
        passes && !self.is_damaged
    }

    /// Passes over a scalar, or over the head of a list or a map: then says how many values it has,
    /// and whether each has a name before it.
    fn skip_head(&mut self) -> Option<(u64, bool)> {
        match self.byte() {
            NULL..=TRUE => {}
            INT => _ = self.varint(),
            FLOAT => _ = self.take(8),
            STRING | BYTES => _ = self.bytes(),
            tag @ (LIST | MAP) => return Some((self.varint(), tag == MAP)),
            _ => self.fail(),
        }
        None
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
        self.items.is_done()
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
        fn binary_forms_compare_as_values_do(a in any_value(), b in any_value()) {
            prop_assert_eq!(compare(&binary(&a), &binary(&b)), a.cmp(&b));
            prop_assert_eq!(compare(&binary(&a), &binary(&a)), Ordering::Equal);
            prop_assert_eq!(binary(&a) == binary(&b), a == b);
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
