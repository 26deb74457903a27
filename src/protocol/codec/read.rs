//! Taking a JSON value apart, member by member, with a problem that names the member.
//!
//! A reading that fails notes the first problem and goes on with an empty value; whoever began
//! checks once, at the end. So no reader has a way out of its middle, which keeps clients small.

use crate::causal::stamp::Stamp;
use crate::doc::json;
use crate::doc::value::{Value, take_member};
use crate::ids::Token;
use crate::limits::ID_BYTES_MAX;
use crate::protocol::message::Refusal;
use crate::protocol::refusal::BAD_FRAME;
use crate::text::{decimal, filled};
use std::cell::{Cell, RefCell};
use std::vec::IntoIter;

/// What was wrong first, if anything was.
#[derive(Default)]
pub struct Problem {
    is_found: Cell<bool>,
    message: RefCell<String>,
}

impl Problem {
    /// Notes what is wrong, unless something was before.
    pub fn note(&self, parts: &[&str]) {
        if !self.is_found.replace(true) {
            self.message.replace(parts.concat());
        }
    }

    /// Notes what a member should have been.
    pub fn wrong(&self, name: &str, expected: &str) {
        self.note(&[name, ": expected ", expected]);
    }

    /// Whether anything is wrong.
    pub fn is_found(&self) -> bool {
        self.is_found.get()
    }

    /// Writes the place that the problem is in before it, if there is one.
    pub fn within(&self, place: &str) {
        if self.is_found() {
            let mut message = self.message.borrow_mut();
            *message = [place, ".", &message].concat();
        }
    }

    /// What was read, or the refusal if anything is wrong.
    pub fn check<T>(&self, read: T) -> Result<T, Refusal> {
        match self.refusal() {
            None => Ok(read),
            Some(refusal) => Err(refusal),
        }
    }

    /// The refusal if anything is wrong.
    pub fn refusal(&self) -> Option<Refusal> {
        self.is_found()
            .then(|| Refusal::new(BAD_FRAME, self.message.take()))
    }
}

/// The members of an object that have not been taken yet.
pub struct Members<'a> {
    members: Vec<(String, Value)>,
    /// Where what is wrong is noted.
    pub problem: &'a Problem,
}

impl<'a> Members<'a> {
    /// Reads a frame, which is one object.
    pub fn of_frame(bytes: &[u8], problem: &'a Problem) -> Self {
        let value = json::read(bytes).unwrap_or_else(|error| {
            problem.note(&["the frame is not valid JSON: ", &error.to_text()]);
            Value::Null
        });
        Self::of("the frame", value, problem)
    }

    /// Takes an object apart.
    pub fn of(name: &str, value: Value, problem: &'a Problem) -> Self {
        let members = if let Value::Map(members) = value {
            members
        } else {
            problem.wrong(name, "an object");
            Vec::new()
        };
        Self { members, problem }
    }

    /// The member, or null where it is absent.
    pub fn take(&mut self, name: &str) -> Value {
        take_member(&mut self.members, name).unwrap_or_default()
    }

    /// A string that must be there.
    pub fn text(&mut self, name: &str) -> String {
        text(name, self.take(name), self.problem)
    }

    /// A string, or none where it is null or absent.
    pub fn text_or_none(&mut self, name: &str) -> Option<String> {
        match self.take(name) {
            Value::Null => None,
            value => Some(text(name, value, self.problem)),
        }
    }

    /// A whole number that must be there.
    pub fn whole(&mut self, name: &str) -> u64 {
        whole(name, &self.take(name), self.problem)
    }

    /// A whole number within 32 bits.
    pub fn small(&mut self, name: &str) -> u32 {
        small(name, &self.take(name), self.problem)
    }

    /// True or false; false where it is null or absent.
    pub fn flag(&mut self, name: &str) -> bool {
        match self.take(name) {
            Value::Null => false,
            Value::Bool(flag) => flag,
            _ => {
                self.problem.wrong(name, "true or false");
                false
            }
        }
    }

    /// A token: twenty hexadecimal digits.
    pub fn token(&mut self, name: &str) -> Token {
        token(name, &self.take(name), self.problem)
    }

    /// The items of a list that must be there, each read by `item`.
    pub fn list<T>(&mut self, name: &str, item: ReadItem<T>) -> Vec<T> {
        list(name, self.take(name), self.problem, item)
    }

    /// The items of a list; none where it is null or absent.
    pub fn list_or_empty<T>(&mut self, name: &str, item: ReadItem<T>) -> Vec<T> {
        list(name, self.take_list(name), self.problem, item)
    }

    fn take_list(&mut self, name: &str) -> Value {
        match self.take(name) {
            Value::Null => Value::List(Vec::new()),
            value => value,
        }
    }

    /// What `read` makes of an object that must be there.
    pub fn object<T>(&mut self, name: &str, read: fn(Members<'_>) -> T) -> T {
        object(name, self.take(name), self.problem, read)
    }

    /// What `read` makes of an object, or none where it is null or absent.
    pub fn object_or_none<T>(&mut self, name: &str, read: fn(Members<'_>) -> T) -> Option<T> {
        match self.take(name) {
            Value::Null => None,
            value => Some(object(name, value, self.problem, read)),
        }
    }

    /// Every member that is left.
    pub fn rest(self) -> Vec<(String, Value)> {
        self.members
    }
}

/// Reads one item of a list.
pub type ReadItem<T> = fn(Value, &Problem) -> T;

/// What `read` makes of an object.
fn object<T>(name: &str, value: Value, problem: &Problem, read: fn(Members<'_>) -> T) -> T {
    let was_found = problem.is_found();
    let read = read(Members::of(name, value, problem));
    if !was_found {
        problem.within(name);
    }
    read
}

/// The items of a list, each read by `item`, up to the first that is wrong.
pub fn list<T>(name: &str, value: Value, problem: &Problem, item: ReadItem<T>) -> Vec<T> {
    let mut list = Vec::new();
    each(name, value, problem, &mut |value| {
        list.push(item(value, problem));
    });
    list
}

/// Gives each item of a list to `take`, up to the first that is wrong. One copy of it serves all
/// types.
fn each(name: &str, value: Value, problem: &Problem, take: &mut dyn FnMut(Value)) {
    for (at, value) in items(name, value, problem).into_iter().enumerate() {
        take(value);
        if problem.is_found() {
            problem.within(&filled("{}[{}]", &[name, &decimal(at as u64)]));
            break;
        }
    }
}

/// The items of a list; none once anything is wrong.
fn items(name: &str, value: Value, problem: &Problem) -> Vec<Value> {
    match value {
        Value::List(items) if !problem.is_found() => items,
        _ => {
            problem.wrong(name, "a list");
            Vec::new()
        }
    }
}

/// A list of at least `least` items, to be taken one by one with `next`; what follows them is
/// ignored.
pub fn tuple(name: &str, value: Value, problem: &Problem, least: usize) -> IntoIter<Value> {
    let items = items(name, value, problem);
    if items.len() < least {
        let expected = if least == 2 {
            "a list of 2"
        } else {
            "a list of 3"
        };
        problem.wrong(name, expected);
    }
    items.into_iter()
}

/// The next item; null where there is none.
#[inline(never)]
pub fn next(items: &mut IntoIter<Value>) -> Value {
    items.next().unwrap_or_default()
}

/// A string.
pub fn text(name: &str, value: Value, problem: &Problem) -> String {
    if let Value::String(text) = value {
        text
    } else {
        problem.wrong(name, "a string");
        String::new()
    }
}

/// A string that names something: neither empty nor longer than an id may be.
pub fn name(name: &str, value: Value, problem: &Problem) -> String {
    let text = text(name, value, problem);
    if text.is_empty() || text.len() > ID_BYTES_MAX {
        problem.wrong(
            name,
            &filled("1 to {} bytes of UTF-8", &[&decimal(ID_BYTES_MAX as u64)]),
        );
    }
    text
}

/// A whole number that is not negative, within 2^53.
pub fn whole(name: &str, value: &Value, problem: &Problem) -> u64 {
    let whole = value.as_u64();
    if whole.is_none() {
        problem.wrong(name, "a whole number from 0 to 2^53 - 1");
    }
    whole.unwrap_or_default()
}

/// A whole number within 32 bits.
pub fn small(name: &str, value: &Value, problem: &Problem) -> u32 {
    let small = value.as_u64().and_then(|whole| u32::try_from(whole).ok());
    if small.is_none() {
        problem.wrong(name, "a whole number from 0 to 2^32 - 1");
    }
    small.unwrap_or_default()
}

/// A token: twenty hexadecimal digits.
pub fn token(name: &str, value: &Value, problem: &Problem) -> Token {
    let token = value.as_str().and_then(Token::from_text);
    if token.is_none() {
        problem.wrong(name, "20 lower-case hexadecimal digits");
    }
    token.unwrap_or_default()
}

/// A stamp's text.
pub fn stamp(name: &str, value: &Value, problem: &Problem) -> Stamp {
    let stamp = value.as_str().and_then(Stamp::from_text);
    if stamp.is_none() {
        problem.wrong(name, "a stamp: 16 hexadecimal digits, a hyphen, 20 more");
    }
    stamp.unwrap_or_default()
}

/// A stamp's text, or none for null.
pub fn stamp_or_none(name: &str, value: &Value, problem: &Problem) -> Option<Stamp> {
    (!value.is_null()).then(|| stamp(name, value, problem))
}
