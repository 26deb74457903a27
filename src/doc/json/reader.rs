//! One JSON text into a value, tags left as they stand.

use super::{NotJson, float};
use crate::doc::value::{Number, Value};
use crate::limits::DEPTH_MAX;

/// Members that a map has room for at first.
const MEMBERS: usize = 16;
/// Whole numbers of fewer digits are floats exactly.
const EXACT_DIGITS: usize = 16;
/// How deep a text may nest: a value at its deepest, in a frame.
const NESTING_MAX: usize = DEPTH_MAX + 32;

/// The value, and whether any map in it has a member `$`.
pub fn read(bytes: &[u8]) -> Result<(Value, bool), NotJson> {
    let text = std::str::from_utf8(bytes).map_err(|error| NotJson {
        problem: "not UTF-8",
        at: error.valid_up_to(),
    })?;
    let mut reader = Reader {
        text,
        at: 0,
        depth: 0,
        is_tagged: false,
        items: Vec::new(),
        wrong: None,
    };
    let value = reader.value();
    reader.peek();
    if reader.at < text.len() {
        reader.refuse("trailing characters");
    }
    match reader.wrong {
        None => Ok((value, reader.is_tagged)),
        Some(wrong) => Err(wrong),
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    is_tagged: bool,
    /// Of the lists that are being read, so that each takes no more room than its items.
    items: Vec<Value>,
    /// What is wrong first. Once something is, the reader is at the end of the text, so that
    /// whoever is reading finds nothing more and comes back.
    wrong: Option<NotJson>,
}

impl Reader<'_> {
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

    fn value(&mut self) -> Value {
        match self.peek() {
            b'"' => Value::String(self.string()),
            b'{' => self.nested(Self::map),
            b'[' => self.nested(Self::list),
            b'-' | b'0'..=b'9' => self.number(),
            _ => self.word(),
        }
    }

    fn word(&mut self) -> Value {
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
        value
    }

    /// What `read` makes of the inside of brackets.
    fn nested(&mut self, read: fn(&mut Self) -> Value) -> Value {
        if self.depth == NESTING_MAX {
            self.refuse("nested too deep");
            return Value::Null;
        }
        self.at += 1;
        self.depth += 1;
        let value = read(self);
        self.depth -= 1;
        value
    }

    fn list(&mut self) -> Value {
        let begin = self.items.len();
        let mut has_more = !self.skip(b']');
        while has_more {
            let item = self.value();
            self.items.push(item);
            has_more = self.goes_on(b']');
        }
        Value::List(self.items.split_off(begin))
    }

    fn map(&mut self) -> Value {
        let mut members = Vec::with_capacity(MEMBERS);
        let mut has_more = !self.skip(b'}');
        while has_more {
            if self.peek() != b'"' {
                self.refuse("a name is missing");
            }
            let name = self.string();
            if !self.skip(b':') {
                self.refuse("a colon is missing");
            }
            self.is_tagged |= name == "$";
            members.push((name, self.value()));
            has_more = self.goes_on(b'}');
        }
        Value::map(members)
    }

    /// Goes past a comma, or past the bracket that ends what is being read.
    fn goes_on(&mut self, end: u8) -> bool {
        let goes_on = self.skip(b',');
        if !goes_on && !self.skip(end) {
            self.refuse("a comma or the closing bracket is missing");
        }
        goes_on
    }

    fn string(&mut self) -> String {
        let mut out = String::new();
        self.at += 1;
        loop {
            let start = self.at;
            let rest = self.text.as_bytes().get(start..).unwrap_or_default();
            let is_special = |byte: &u8| *byte < b' ' || matches!(byte, b'"' | b'\\');
            self.at += rest.iter().position(is_special).unwrap_or(rest.len());
            let part = self.text.get(start..self.at).unwrap_or("");
            if out.is_empty() {
                // Most have no other part: no more room than it takes.
                out = part.into();
            } else {
                out.push_str(part);
            }
            match self.here() {
                b'\\' => out.push(self.escape()),
                b'"' => {
                    self.at += 1;
                    return out;
                }
                _ => {
                    self.refuse(if self.at < self.text.len() {
                        "a control character in a string"
                    } else {
                        "a string has no end"
                    });
                    return out;
                }
            }
        }
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

    fn number(&mut self) -> Value {
        let start = self.at;
        let is_negative = self.skip(b'-');
        let first = self.here();
        let (count, whole) = self.digits();
        let mut is_number = count == 1 || (count > 1 && first != b'0');
        if is_number && count < EXACT_DIGITS && !matches!(self.here(), b'.' | b'e' | b'E') {
            let whole = whole as i64;
            return Value::int(if is_negative { -whole } else { whole });
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
        Value::Number(number.unwrap_or_default())
    }
}
