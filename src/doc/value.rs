//! Values and their one total order.
//!
//! null < false < true < numbers < strings (by code point) < bytes < lists < maps. There is one
//! kind of number: a finite 64-bit float without -0, which holds every `int` and `timestamp`
//! exactly. What kind a field has is the schema's matter.

use crate::limits::INT_MAX;
use std::cmp::Ordering;

/// A number: finite, and never -0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Number(f64);

impl Number {
    /// Refuses NaN and the infinities; -0 becomes 0.
    pub fn new(number: f64) -> Option<Self> {
        number.is_finite().then_some(Self(number + 0.0))
    }

    /// The float.
    pub fn get(self) -> f64 {
        self.0
    }

    /// The number as a whole one, if it is one within the bounds of `int`.
    pub fn as_int(self) -> Option<i64> {
        let is_int = self.0 == trunc(self.0) && self.0.abs() <= INT_MAX;
        is_int.then_some(self.0 as i64)
    }
}

fn trunc(number: f64) -> f64 {
    if number.abs() < 4_503_599_627_370_496.0 {
        number as i64 as f64
    } else {
        number
    }
}

impl Eq for Number {}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        // Differs from `partial_cmp` only for NaN and -0.
        self.0.total_cmp(&other.0)
    }
}

/// A value of a field, or of a part of one. The derived order is the total order: variants stand in
/// it. What is equal follows from it, so that one comparison serves all operators.
#[expect(
    clippy::derive_ord_xor_partial_ord,
    reason = "the other order is this one"
)]
#[derive(Clone, Debug, Default, Eq, Ord)]
pub enum Value {
    /// No value.
    #[default]
    Null,
    /// False or true.
    Bool(bool),
    /// A number.
    Number(Number),
    /// Well-formed Unicode without U+0000.
    String(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Values in order.
    List(Vec<Value>),
    /// Named values, sorted by name, each name once.
    Map(Vec<(String, Value)>),
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Value {
    /// A whole number within the bounds of `int`.
    pub fn int(number: i64) -> Self {
        Self::Number(Number(number as f64))
    }

    /// A string.
    pub fn text(text: &str) -> Self {
        Self::String(text.into())
    }

    /// A map; sorts the names. A name given twice keeps its last value.
    pub fn map(members: Vec<(String, Value)>) -> Self {
        if members.is_sorted_by(|a, b| a.0 < b.0) {
            return Self::Map(members);
        }
        let mut sorted: Vec<(String, Value)> = Vec::with_capacity(members.len());
        for member in members {
            match place_of(&sorted, &member.0) {
                Ok(at) => _ = sorted.get_mut(at).map(|place| *place = member),
                Err(at) => sorted.insert(at, member),
            }
        }
        Self::Map(sorted)
    }

    /// The member of a map with this name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        let Self::Map(members) = self else {
            return None;
        };
        let at = place_of(members, name).ok()?;
        members.get(at).map(|member| &member.1)
    }

    /// The member of a map with this name, to be changed.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Value> {
        let Self::Map(members) = self else {
            return None;
        };
        let at = place_of(members, name).ok()?;
        members.get_mut(at).map(|member| &mut member.1)
    }

    /// The string, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self {
            Some(text)
        } else {
            None
        }
    }

    /// The whole number, if it is one that is not negative.
    pub fn as_u64(&self) -> Option<u64> {
        let Self::Number(number) = self else {
            return None;
        };
        number.as_int().and_then(|int| u64::try_from(int).ok())
    }

    /// The boolean, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(bool) = self {
            Some(*bool)
        } else {
            None
        }
    }

    /// The members of a list, if it is one.
    pub fn as_list(&self) -> Option<&[Value]> {
        if let Self::List(list) = self {
            Some(list)
        } else {
            None
        }
    }

    /// Whether it is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// What a message calls the type of this value.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Number(number) if number.as_int().is_some() => "whole number",
            Self::Number(_) => "number",
            Self::String(_) => "string",
            Self::Bytes(_) => "bytes",
            Self::List(_) => "list",
            Self::Map(_) => "object",
        }
    }

    /// How deep the value nests: 0 for a scalar. A map with a member `$` is wrapped on the wire and
    /// counts twice.
    pub fn depth(&self) -> usize {
        let mut deepest = 0;
        match self {
            Self::List(items) => {
                for item in items {
                    deepest = deepest.max(item.depth());
                }
                deepest + 1
            }
            Self::Map(members) => {
                for (_, member) in members {
                    deepest = deepest.max(member.depth());
                }
                deepest + 1 + usize::from(self.get("$").is_some())
            }
            _ => 0,
        }
    }
}

/// The place of a name among the members of a map, or where it would be.
#[inline(never)]
fn place_of(members: &[(String, Value)], name: &str) -> Result<usize, usize> {
    members.binary_search_by(|member| member.0.as_str().cmp(name))
}

/// Takes the member with this name out of those of a map, and leaves null there.
pub fn take_member(members: &mut [(String, Value)], name: &str) -> Option<Value> {
    let at = place_of(members, name).ok()?;
    members
        .get_mut(at)
        .map(|member| std::mem::take(&mut member.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_stand_in_their_order() {
        let half = Number::new(0.5).map(Value::Number).unwrap();
        let ordered = [
            Value::Null,
            Value::Bool(false),
            Value::Bool(true),
            Value::int(-3),
            half,
            Value::int(1),
            Value::text(""),
            Value::text("\u{ff61}"),
            Value::text("\u{1f600}"),
            Value::Bytes(vec![]),
            Value::List(vec![]),
            Value::List(vec![Value::Null]),
            Value::map(vec![]),
        ];
        assert!(ordered.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn numbers_are_finite_and_have_one_zero() {
        assert_eq!(Number::new(f64::NAN), None);
        assert_eq!(Number::new(f64::INFINITY), None);
        assert_eq!(
            Number::new(-0.0).unwrap().get().to_bits(),
            0.0_f64.to_bits()
        );
        assert_eq!(Number::new(1e300).unwrap().as_int(), None);
        assert_eq!(Number::new(-9.0).unwrap().as_int(), Some(-9));
    }

    #[test]
    fn a_map_keeps_the_last_of_equal_names() {
        let map = Value::map(vec![
            ("b".into(), Value::int(1)),
            ("a".into(), Value::int(2)),
            ("b".into(), Value::int(3)),
        ]);
        assert_eq!(map.get("b"), Some(&Value::int(3)));
        assert_eq!(map.get("a"), Some(&Value::int(2)));
        assert_eq!(map.get("c"), None);
    }
}
