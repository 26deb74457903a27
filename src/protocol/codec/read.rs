//! Taking a JSON value apart, member by member, with an error that names the member.

use crate::causal::stamp::Stamp;
use crate::doc::json;
use crate::doc::value::Value;
use crate::ids::Token;
use crate::limits::ID_BYTES_MAX;
use crate::protocol::message::Refusal;
use crate::protocol::refusal::BAD_FRAME;

/// What every reading gives.
pub type Read<T> = Result<T, Refusal>;

/// A refusal that says what a member should have been.
pub fn wrong(name: &str, expected: &str) -> Refusal {
    Refusal::new(BAD_FRAME, format!("{name}: expected {expected}"))
}

/// The members of an object that have not been taken yet.
pub struct Members(Vec<(String, Value)>);

impl Members {
    /// Reads a frame, which is one object.
    pub fn of_frame(bytes: &[u8]) -> Read<Self> {
        let value = json::read(bytes).map_err(|error| {
            Refusal::new(BAD_FRAME, format!("the frame is not valid JSON: {error}"))
        })?;
        Self::of("the frame", value)
    }

    /// Takes an object apart.
    pub fn of(name: &str, value: Value) -> Read<Self> {
        if let Value::Map(members) = value {
            Ok(Self(members))
        } else {
            Err(wrong(name, "an object"))
        }
    }

    /// The member, or null where it is absent.
    pub fn take(&mut self, name: &str) -> Value {
        let found = self
            .0
            .binary_search_by(|member| member.0.as_str().cmp(name));
        let member = found.ok().and_then(|at| self.0.get_mut(at));
        member
            .map(|member| std::mem::take(&mut member.1))
            .unwrap_or_default()
    }

    /// A string that must be there.
    pub fn text(&mut self, name: &str) -> Read<String> {
        text(name, self.take(name))
    }

    /// A string, or none where it is null or absent.
    pub fn text_or_none(&mut self, name: &str) -> Read<Option<String>> {
        match self.take(name) {
            Value::Null => Ok(None),
            value => text(name, value).map(Some),
        }
    }

    /// A whole number that must be there.
    pub fn whole(&mut self, name: &str) -> Read<u64> {
        whole(name, &self.take(name))
    }

    /// A whole number within 32 bits.
    pub fn small(&mut self, name: &str) -> Read<u32> {
        small(name, &self.take(name))
    }

    /// True or false; false where it is null or absent.
    pub fn flag(&mut self, name: &str) -> Read<bool> {
        match self.take(name) {
            Value::Null => Ok(false),
            Value::Bool(flag) => Ok(flag),
            _ => Err(wrong(name, "true or false")),
        }
    }

    /// A token: twenty hexadecimal digits.
    pub fn token(&mut self, name: &str) -> Read<Token> {
        token(name, &self.take(name))
    }

    /// The items of a list that must be there, each read by `item`.
    pub fn list<T>(&mut self, name: &str, item: impl Fn(Value) -> Read<T>) -> Read<Vec<T>> {
        list(name, self.take(name), item)
    }

    /// The items of a list; none where it is null or absent.
    pub fn list_or_empty<T>(
        &mut self,
        name: &str,
        item: impl Fn(Value) -> Read<T>,
    ) -> Read<Vec<T>> {
        match self.take(name) {
            Value::Null => Ok(Vec::new()),
            value => list(name, value, item),
        }
    }

    /// What `read` makes of an object that must be there.
    pub fn object<T>(&mut self, name: &str, read: impl Fn(Self) -> Read<T>) -> Read<T> {
        object(name, self.take(name), read)
    }

    /// What `read` makes of an object, or none where it is null or absent.
    pub fn object_or_none<T>(
        &mut self,
        name: &str,
        read: impl Fn(Self) -> Read<T>,
    ) -> Read<Option<T>> {
        match self.take(name) {
            Value::Null => Ok(None),
            value => object(name, value, read).map(Some),
        }
    }

    /// Every member that is left.
    pub fn rest(self) -> Vec<(String, Value)> {
        self.0
    }
}

/// What `read` makes of an object.
fn object<T>(name: &str, value: Value, read: impl Fn(Members) -> Read<T>) -> Read<T> {
    read(Members::of(name, value)?).map_err(|refusal| refusal.within(name))
}

/// The items of a list, each read by `item`.
pub fn list<T>(name: &str, value: Value, item: impl Fn(Value) -> Read<T>) -> Read<Vec<T>> {
    let Value::List(items) = value else {
        return Err(wrong(name, "a list"));
    };
    let read = |(at, value)| item(value).map_err(|refusal| refusal.at(at).within(name));
    items.into_iter().enumerate().map(read).collect()
}

/// A list of at least `N` items, as its first `N`; what follows them is ignored.
pub fn tuple<const N: usize>(name: &str, value: Value) -> Read<[Value; N]> {
    let Value::List(mut items) = value else {
        return Err(wrong(name, "a list"));
    };
    items.truncate(N);
    items
        .try_into()
        .map_err(|_| wrong(name, &format!("a list of {N}")))
}

/// A string.
pub fn text(name: &str, value: Value) -> Read<String> {
    if let Value::String(text) = value {
        Ok(text)
    } else {
        Err(wrong(name, "a string"))
    }
}

/// A string that names something: neither empty nor longer than an id may be.
pub fn name(name: &str, value: Value) -> Read<String> {
    let text = text(name, value)?;
    if text.is_empty() || text.len() > ID_BYTES_MAX {
        return Err(wrong(name, &format!("1 to {ID_BYTES_MAX} bytes of UTF-8")));
    }
    Ok(text)
}

/// A whole number that is not negative, within 2^53.
pub fn whole(name: &str, value: &Value) -> Read<u64> {
    value
        .as_u64()
        .ok_or_else(|| wrong(name, "a whole number from 0 to 2^53 - 1"))
}

/// A whole number within 32 bits.
pub fn small(name: &str, value: &Value) -> Read<u32> {
    let small = value.as_u64().and_then(|whole| u32::try_from(whole).ok());
    small.ok_or_else(|| wrong(name, "a whole number from 0 to 2^32 - 1"))
}

/// A token: twenty hexadecimal digits.
pub fn token(name: &str, value: &Value) -> Read<Token> {
    let token = value.as_str().and_then(Token::from_text);
    token.ok_or_else(|| wrong(name, "20 lower-case hexadecimal digits"))
}

/// A stamp's text.
pub fn stamp(name: &str, value: &Value) -> Read<Stamp> {
    let stamp = value.as_str().and_then(Stamp::from_text);
    stamp.ok_or_else(|| wrong(name, "a stamp: 16 hexadecimal digits, a hyphen, 20 more"))
}

/// A stamp's text, or none for null.
pub fn stamp_or_none(name: &str, value: &Value) -> Read<Option<Stamp>> {
    if value.is_null() {
        Ok(None)
    } else {
        stamp(name, value).map(Some)
    }
}
