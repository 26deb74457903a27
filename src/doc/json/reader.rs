//! One JSON text into a value, tags left as they stand.

use super::{NotJson, float};
use crate::doc::value::{Number, Value};
use crate::limits::DEPTH_MAX;

/// How deep a text may nest: a value at its deepest, in a frame.
const NESTING_MAX: usize = DEPTH_MAX + 32;

type Read<T> = Result<T, NotJson>;

/// The value, and whether any map in it has a member `$`.
pub fn read(bytes: &[u8]) -> Read<(Value, bool)> {
    let text = std::str::from_utf8(bytes).map_err(|error| NotJson {
        problem: "not UTF-8",
        at: error.valid_up_to(),
    })?;
    let mut reader = Reader {
        text,
        at: 0,
        depth: 0,
        is_tagged: false,
    };
    let value = reader.value()?;
    match reader.peek() {
        None => Ok((value, reader.is_tagged)),
        Some(_) => reader.refuse("trailing characters"),
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    is_tagged: bool,
}

impl Reader<'_> {
    fn refuse<T>(&self, problem: &'static str) -> Read<T> {
        Err(NotJson {
            problem,
            at: self.at,
        })
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

    fn value(&mut self) -> Read<Value> {
        match self.peek() {
            Some(b'"') => self.string().map(Value::String),
            Some(b'{') => self.nested(Self::map),
            Some(b'[') => self.nested(Self::list),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(_) => self.word(),
            None => self.refuse("a value is missing"),
        }
    }

    fn word(&mut self) -> Read<Value> {
        let words = [
            ("null", Value::Null),
            ("true", Value::Bool(true)),
            ("false", Value::Bool(false)),
        ];
        let rest = self.text.get(self.at..).unwrap_or("");
        for (word, value) in words {
            if rest.starts_with(word) {
                self.at += word.len();
                return Ok(value);
            }
        }
        self.refuse("not a value")
    }

    /// What `read` makes of the inside of brackets.
    fn nested(&mut self, read: fn(&mut Self) -> Read<Value>) -> Read<Value> {
        if self.depth == NESTING_MAX {
            return self.refuse("nested too deep");
        }
        self.at += 1;
        self.depth += 1;
        let value = read(self);
        self.depth -= 1;
        value
    }

    fn list(&mut self) -> Read<Value> {
        let mut list = Vec::new();
        if !self.skip(b']') {
            loop {
                list.push(self.value()?);
                if !self.goes_on(b']')? {
                    break;
                }
            }
        }
        Ok(Value::List(list))
    }

    fn map(&mut self) -> Read<Value> {
        let mut members = Vec::new();
        if !self.skip(b'}') {
            loop {
                if self.peek() != Some(b'"') {
                    return self.refuse("a name is missing");
                }
                let name = self.string()?;
                if !self.skip(b':') {
                    return self.refuse("a colon is missing");
                }
                self.is_tagged |= name == "$";
                members.push((name, self.value()?));
                if !self.goes_on(b'}')? {
                    break;
                }
            }
        }
        Ok(Value::map(members))
    }

    /// Goes past a comma, or past the bracket that ends what is being read.
    fn goes_on(&mut self, end: u8) -> Read<bool> {
        if self.skip(b',') {
            return Ok(true);
        }
        if self.skip(end) {
            Ok(false)
        } else {
            self.refuse("a comma or the closing bracket is missing")
        }
    }

    fn string(&mut self) -> Read<String> {
        let mut out = String::new();
        self.at += 1;
        loop {
            let start = self.at;
            while self
                .here()
                .is_some_and(|byte| byte >= b' ' && byte != b'"' && byte != b'\\')
            {
                self.at += 1;
            }
            out.push_str(self.text.get(start..self.at).unwrap_or(""));
            match self.here() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => out.push(self.escape()?),
                Some(_) => return self.refuse("a control character in a string"),
                None => return self.refuse("a string has no end"),
            }
        }
    }

    fn escape(&mut self) -> Read<char> {
        self.at += 1;
        let short = match self.here() {
            Some(byte @ (b'"' | b'\\' | b'/')) => byte,
            Some(b'b') => 8,
            Some(b't') => b'\t',
            Some(b'n') => b'\n',
            Some(b'f') => 12,
            Some(b'r') => b'\r',
            Some(b'u') => return self.unicode(),
            _ => return self.refuse("an unknown escape"),
        };
        self.at += 1;
        Ok(short.into())
    }

    fn unicode(&mut self) -> Read<char> {
        let mut code = self.unit()?;
        if code & 0xfc00 == 0xd800 && self.here() == Some(b'\\') {
            self.at += 1;
            let low = self.unit()?.wrapping_sub(0xdc00);
            // Not a second half: a code that is no character, so that it is refused.
            code = if low < 0x400 {
                0x10000 + ((code & 0x3ff) << 10) + low
            } else {
                code
            };
        }
        match char::from_u32(code) {
            None => self.refuse("half a character"),
            Some('\0') => self.refuse("U+0000 in a string"),
            Some(char) => Ok(char),
        }
    }

    /// `u` and four hexadecimal digits.
    fn unit(&mut self) -> Read<u32> {
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
            return self.refuse("an escape needs four hexadecimal digits");
        }
        self.at += 5;
        Ok(unit)
    }

    /// Goes past digits, and says how many.
    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.here().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        self.at - start
    }

    fn number(&mut self) -> Read<Value> {
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
        if !is_number {
            return self.refuse("not a number");
        }
        let text = self.text.as_bytes().get(start..self.at).unwrap_or_default();
        match float::read(text).and_then(Number::new) {
            Some(number) => Ok(Value::Number(number)),
            None => self.refuse("a number is out of range"),
        }
    }
}
