//! One JSON text into the binary form of its value, tags left as they stand.

use super::{NotJson, float};
use crate::doc::codec::{self, Items, LIST, MAP, STRING};
use crate::doc::value::{Number, Value};
use crate::limits::NESTING_MAX;
use std::ops::Range;

/// Whole numbers of fewer digits are floats exactly.
const EXACT_DIGITS: usize = 16;

/// The value's bytes, and whether any map in it has a member `$`.
pub fn read(bytes: &[u8]) -> Result<(Vec<u8>, bool), NotJson> {
    let text = std::str::from_utf8(bytes).map_err(|error| NotJson {
        problem: "not UTF-8",
        at: error.valid_up_to(),
    })?;
    let mut reader = Reader {
        text,
        at: 0,
        depth: 0,
        out: Vec::with_capacity(text.len()),
        is_tagged: false,
        wrong: None,
    };
    reader.value();
    reader.peek();
    if reader.at < text.len() {
        reader.refuse("trailing characters");
    }
    match reader.wrong {
        None => Ok((reader.out, reader.is_tagged)),
        Some(wrong) => Err(wrong),
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    out: Vec<u8>,
    is_tagged: bool,
    /// What is wrong first. Once something is, the reader is at the end of the text, so that
    /// whoever is reading finds nothing more and comes back.
    wrong: Option<NotJson>,
}

impl<'a> Reader<'a> {
    #[inline(never)]
    fn refuse(&mut self, problem: &'static str) {
        let at = self.at;
        self.wrong.get_or_insert(NotJson { problem, at });
        self.at = self.text.len();
    }

    /// The byte here; 0 at the end.
    fn here(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }

    /// The first byte that is no white space, and goes there.
    fn peek(&mut self) -> u8 {
        while let b' ' | b'\t' | b'\n' | b'\r' = self.here() {
            self.at += 1;
        }
        self.here()
    }

    /// Goes past this byte if it is the next one after white space.
    fn skip(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == byte;
        self.at += usize::from(is_next);
        is_next
    }

    fn value(&mut self) {
        match self.peek() {
            b'"' => {
                self.out.push(STRING);
                self.string();
            }
            b'{' => self.nested(MAP),
            b'[' => self.nested(LIST),
            b'-' | b'0'..=b'9' => self.number(),
            _ => self.word(),
        }
    }

    fn word(&mut self) {
        let rest = self.text.get(self.at..).unwrap_or("");
        let (word, value) = match rest.as_bytes().first() {
            Some(b'n') => ("null", Value::Null),
            Some(b't') => ("true", Value::Bool(true)),
            _ => ("false", Value::Bool(false)),
        };
        if rest.starts_with(word) {
            self.at += word.len();
        } else {
            self.refuse(if rest.is_empty() {
                "a value is missing"
            } else {
                "not a value"
            });
        }
        codec::write_value(&mut self.out, &value);
    }

    /// A list or a map, by its tag.
    fn nested(&mut self, tag: u8) {
        if self.depth == NESTING_MAX {
            return self.refuse("nested too deep");
        }
        self.at += 1;
        self.depth += 1;
        let start = self.out.len();
        // How many there are comes after the tag: in one byte, if that is enough.
        self.out.extend_from_slice(&[tag, 0]);
        let is_map = tag == MAP;
        let end = if is_map { b'}' } else { b']' };
        let (mut count, mut last, mut are_sorted) = (0, 0..0, true);
        let mut has_more = !self.skip(end);
        while has_more {
            if is_map {
                let name = self.name();
                let (before, this) = (self.out.get(last), self.out.get(name.clone()));
                are_sorted &= count == 0 || before < this;
                last = name;
            }
            self.value();
            count += 1;
            has_more = self.goes_on(end);
        }
        self.depth -= 1;
        self.write_count(start + 1, count);
        if !are_sorted {
            let map = self.out.split_off(start);
            codec::write_value(&mut self.out, &Items::new(&map).value());
        }
    }

    /// The name of a member and its colon. Says where the name is written.
    fn name(&mut self) -> Range<usize> {
        if self.peek() != b'"' {
            self.refuse("a name is missing");
        }
        let length = self.string();
        if !self.skip(b':') {
            self.refuse("a colon is missing");
        }
        let name = self.out.len() - length..self.out.len();
        let text = self.out.get(name.clone());
        self.is_tagged |= text == Some(b"$");
        name
    }

    /// Writes how many there are in the byte that was left for it.
    fn write_count(&mut self, at: usize, count: usize) {
        if let (Some(place), 0..0x80) = (self.out.get_mut(at), count) {
            *place = count as u8;
        } else {
            let rest = self.out.split_off(at);
            codec::write_varint(&mut self.out, count as u64);
            self.out
                .extend_from_slice(rest.get(1..).unwrap_or_default());
        }
    }

    /// Goes past a comma, or past the bracket that ends what is being read.
    fn goes_on(&mut self, end: u8) -> bool {
        let goes_on = self.skip(b',');
        if !goes_on && !self.skip(end) {
            self.refuse("a comma or the closing bracket is missing");
        }
        goes_on
    }

    /// What comes up to a quote, an escape, or what may not be in a string.
    fn plain(&mut self) -> &'a str {
        let start = self.at;
        let rest = self.text.as_bytes().get(start..).unwrap_or_default();
        let is_special = |byte: &u8| *byte < b' ' || matches!(byte, b'"' | b'\\');
        self.at += rest.iter().position(is_special).unwrap_or(rest.len());
        self.text.get(start..self.at).unwrap_or("")
    }

    /// Writes a string's length and its bytes. Says how many these are.
    fn string(&mut self) -> usize {
        self.at += 1;
        let part = self.plain();
        // Most have no other part.
        let mut whole = String::new();
        while self.here() != b'"' {
            if whole.is_empty() {
                whole.push_str(part);
            }
            if self.here() != b'\\' {
                self.refuse(if self.at < self.text.len() {
                    "a control character in a string"
                } else {
                    "a string has no end"
                });
                return 0;
            }
            whole.push(self.escape());
            whole.push_str(self.plain());
        }
        self.at += 1;
        let text = if whole.is_empty() { part } else { &whole };
        codec::write_bytes(&mut self.out, text.as_bytes());
        text.len()
    }

    fn escape(&mut self) -> char {
        self.at += 1;
        let short = match self.here() {
            byte @ (b'"' | b'\\' | b'/') => byte,
            b'b' => 8,
            b't' => b'\t',
            b'n' => b'\n',
            b'f' => 12,
            b'r' => b'\r',
            b'u' => return self.unicode(),
            _ => {
                self.refuse("an unknown escape");
                return '\0';
            }
        };
        self.at += 1;
        short.into()
    }

    fn unicode(&mut self) -> char {
        let mut code = self.unit();
        if code & 0xfc00 == 0xd800 && self.here() == b'\\' {
            self.at += 1;
            let low = self.unit().wrapping_sub(0xdc00);
            // Not a second half: a code that is no character, so that it is refused.
            code = if low < 0x400 {
                0x10000 + ((code & 0x3ff) << 10) + low
            } else {
                code
            };
        }
        let char = char::from_u32(code);
        if char.is_none() {
            self.refuse("half a character");
        }
        if code == 0 {
            self.refuse("U+0000 in a string");
        }
        char.unwrap_or_default()
    }

    /// `u` and four hexadecimal digits.
    fn unit(&mut self) -> u32 {
        let digits = self
            .text
            .as_bytes()
            .get(self.at..self.at + 5)
            .unwrap_or_default();
        let mut unit = 0;
        let is_unit = matches!(digits, [b'u', hex @ ..] if hex.iter().all(|digit| {
            let digit = char::from(*digit).to_digit(16);
            unit = unit << 4 | digit.unwrap_or(0);
            digit.is_some()
        }));
        if !is_unit {
            self.refuse("an escape needs four hexadecimal digits");
            return 0;
        }
        self.at += 5;
        unit
    }

    /// Goes past digits. Says how many, and what the number is if there are not too many.
    fn digits(&mut self) -> (usize, u64) {
        let (start, mut number) = (self.at, 0_u64);
        loop {
            let digit = self.here().wrapping_sub(b'0');
            if digit > 9 {
                return (self.at - start, number);
            }
            number = number.wrapping_mul(10).wrapping_add(u64::from(digit));
            self.at += 1;
        }
    }

    fn number(&mut self) {
        let start = self.at;
        let is_negative = self.skip(b'-');
        let first = self.here();
        let (count, whole) = self.digits();
        let mut is_number = count == 1 || (count > 1 && first != b'0');
        if is_number && count < EXACT_DIGITS && !matches!(self.here(), b'.' | b'e' | b'E') {
            let whole = whole as i64;
            return codec::write_int(&mut self.out, if is_negative { -whole } else { whole });
        }
        if self.here() == b'.' {
            self.at += 1;
            is_number &= self.digits().0 > 0;
        }
        if let b'e' | b'E' = self.here() {
            self.at += 1;
            self.at += usize::from(matches!(self.here(), b'+' | b'-'));
            is_number &= self.digits().0 > 0;
        }
        let end = self.at;
        if !is_number {
            self.refuse("not a number");
        }
        let text = self.text.as_bytes().get(start..end).unwrap_or_default();
        let number = float::read(text).and_then(Number::new);
        if number.is_none() {
            self.refuse("a number is out of range");
        }
        codec::write_number(&mut self.out, number.unwrap_or_default());
    }
}
