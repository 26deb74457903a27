//! One JSON text into a value, tags left as they stand.

use super::{NotJson, float};
use crate::doc::value::{Number, Value};
use crate::limits::DEPTH_MAX;

/// Members that a map has room for at first.
const MEMBERS: usize = 16;
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
        wrong: None,
    };
    let value = reader.value();
    if reader.peek().is_some() {
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

    /// The byte here; none at the end.
    fn here(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The first byte that is no white space, and goes there.
    fn peek(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.here() {
            self.at += 1;
        }
        self.here()
    }

    /// Goes past this byte if it is the next one after white space.
    fn skip(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn value(&mut self) -> Value {
        match self.peek() {
            Some(b'"') => Value::String(self.string()),
            Some(b'{') => self.nested(Self::map),
            Some(b'[') => self.nested(Self::list),
            Some(b'-' | b'0'..=b'9') => self.number(),
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
        let mut list = Vec::new();
        let mut has_more = !self.skip(b']');
        while has_more {
            list.push(self.value());
            has_more = self.goes_on(b']');
        }
        Value::List(list)
    }

    fn map(&mut self) -> Value {
        let mut members = Vec::with_capacity(MEMBERS);
        let mut has_more = !self.skip(b'}');
        while has_more {
            if self.peek() != Some(b'"') {
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
            out.push_str(self.text.get(start..self.at).unwrap_or(""));
            match self.here() {
                Some(b'\\') => out.push(self.escape()),
                Some(b'"') => {
                    self.at += 1;
                    return out;
                }
                other => {
                    self.refuse(if other.is_some() {
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
            Some(byte @ (b'"' | b'\\' | b'/')) => byte,
            Some(b'b') => 8,
            Some(b't') => b'\t',
            Some(b'n') => b'\n',
            Some(b'f') => 12,
            Some(b'r') => b'\r',
            Some(b'u') => return self.unicode(),
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
        if code & 0xfc00 == 0xd800 && self.here() == Some(b'\\') {
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

    /// Goes past digits, and says how many.
    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.here().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        self.at - start
    }

    fn number(&mut self) -> Value {
        let start = self.at;
        self.at += usize::from(self.here() == Some(b'-'));
        let first = self.here();
        let whole = self.digits();
        let mut is_number = whole == 1 || (whole > 1 && first != Some(b'0'));
        if self.here() == Some(b'.') {
            self.at += 1;
            is_number &= self.digits() > 0;
        }
        if let Some(b'e' | b'E') = self.here() {
            self.at += 1;
            self.at += usize::from(matches!(self.here(), Some(b'+' | b'-')));
            is_number &= self.digits() > 0;
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
