//! A predicate over one row: what a filter keeps.
//!
//! There is no third truth value. A comparison with null is false; `!=` is the negation of `=`, so
//! it is true for null. Values compare by their one total order. Equal meanings are brought to
//! equal form only where that is obvious, so that equal queries are found equal. Must not know
//! field names or kinds.

use super::order::Order;
use super::pattern::Pattern;
use crate::doc::codec::{Items, NULL, compare};
use crate::doc::row::Row;
use crate::zset::sort;
use std::cmp::Ordering;

/// How a comparison relates a column to its operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Relation {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// A condition on the columns of a row: 0 is the id, n is field n-1.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(test, derive(Clone))]
pub enum Predicate {
    /// The column stands in this relation to the operand, which is not null.
    Compare {
        /// The column.
        column: usize,
        /// The relation.
        relation: Relation,
        /// What it is compared with, in its binary form.
        operand: Vec<u8>,
    },
    /// The column equals one of the operands, which are sorted.
    In {
        /// The column.
        column: usize,
        /// What it may equal, in the binary form.
        operands: Vec<Vec<u8>>,
    },
    /// The column is null.
    IsNull {
        /// The column.
        column: usize,
    },
    /// The column is a text that matches.
    Like {
        /// The column.
        column: usize,
        /// What it matches.
        pattern: Pattern,
    },
    /// The column is a list, and one of its items equals the operand.
    Has {
        /// The column.
        column: usize,
        /// The item, in its binary form.
        operand: Vec<u8>,
    },
    /// The row comes after a place in an order.
    After {
        /// The order.
        order: Order,
        /// The place: as much of a row as the order needs.
        place: Row,
    },
    /// All hold; true if there are none.
    And(Vec<Predicate>),
    /// One holds; false if there are none.
    Or(Vec<Predicate>),
    /// It does not hold.
    Not(Box<Predicate>),
}

impl Relation {
    fn admits(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::NotEqual => ordering.is_ne(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

impl Predicate {
    /// What every row holds.
    pub fn always() -> Self {
        Self::And(Vec::new())
    }

    /// Whether the row holds it.
    pub fn holds(&self, row: &Row) -> bool {
        match self {
            Self::Compare {
                column,
                relation,
                operand,
            } => match compare_cell(row, *column, operand) {
                Some(ordering) => relation.admits(ordering),
                None => *relation == Relation::NotEqual,
            },
            Self::In { column, operands } => operands
                .binary_search_by(|operand| {
                    compare_cell(row, *column, operand).map_or(Ordering::Less, Ordering::reverse)
                })
                .is_ok(),
            Self::IsNull { column } => row.cell(*column) == [NULL],
            Self::Like { column, pattern } => {
                let text = Items::new(row.cell(*column)).string();
                text.is_some_and(|text| pattern.matches(text))
            }
            Self::Has { column, operand } => Items::new(row.cell(*column))
                .list()
                .any(|item| compare(item, operand).is_eq()),
            Self::After { order, place } => {
                let ordering = order.compare(row, place);
                ordering.is_gt()
                    || (ordering.is_eq() && crate::planted::is("query_after_takes_place"))
            }
            Self::And(args) => args.iter().all(|arg| arg.holds(row)),
            Self::Or(args) => args.iter().any(|arg| arg.holds(row)),
            Self::Not(arg) => !arg.holds(row),
        }
    }

    /// One of these values, in any order.
    pub fn one_of(column: usize, operands: Vec<Vec<u8>>) -> Self {
        let mut operands = sort::sorted(operands, |a, b| compare(a, b));
        operands.dedup();
        match <[Vec<u8>; 1]>::try_from(operands) {
            Ok([operand]) => Self::Compare {
                column,
                relation: Relation::Equal,
                operand,
            },
            Err(operands) => Self::In { column, operands },
        }
    }

    /// All of these, in any order. An `and` inside an `and` is part of it.
    pub fn all(args: Vec<Self>) -> Self {
        Self::joined(args, Self::And, |arg| match arg {
            Self::And(inner) => inner,
            other => vec![other],
        })
    }

    /// One of these, in any order. An `or` inside an `or` is part of it.
    pub fn any(args: Vec<Self>) -> Self {
        Self::joined(args, Self::Or, |arg| match arg {
            Self::Or(inner) => inner,
            other => vec![other],
        })
    }

    fn joined(args: Vec<Self>, join: fn(Vec<Self>) -> Self, parts: fn(Self) -> Vec<Self>) -> Self {
        let mut flat = Vec::new();
        for arg in args {
            flat.append(&mut parts(arg));
        }
        Self::canonical(flat).unwrap_or_else(join)
    }

    /// The negation.
    pub fn negated(mut self) -> Self {
        match &mut self {
            Self::Compare { relation, .. } if *relation == Relation::Equal => {
                *relation = Relation::NotEqual;
            }
            Self::Compare { relation, .. } if *relation == Relation::NotEqual => {
                *relation = Relation::Equal;
            }
            Self::Not(inner) => return std::mem::replace(&mut **inner, Self::And(Vec::new())),
            // The other relations are not each other's negations: all are false for null.
            _ => return Self::Not(Box::new(self)),
        }
        self
    }

    /// The only member, or the members sorted, each once.
    fn canonical(args: Vec<Self>) -> Result<Self, Vec<Self>> {
        let mut args = sort::sorted(args, Ord::cmp);
        args.dedup();
        <[Self; 1]>::try_from(args).map(|[only]| only)
    }
}

/// The column's value against the operand; none if it is null.
fn compare_cell(row: &Row, column: usize, operand: &[u8]) -> Option<Ordering> {
    let cell = row.cell(column);
    if cell == [NULL] && !crate::planted::is("query_null_is_smallest") {
        return None;
    }
    Some(compare(cell, operand))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doc::codec::binary;
    use crate::doc::value::Value;

    fn row(value: Value) -> Row {
        Row::of("b", &[value])
    }

    fn one_of(column: usize, operands: &[Value]) -> Predicate {
        Predicate::one_of(column, operands.iter().map(binary).collect())
    }

    fn compared(column: usize, relation: Relation, operand: &Value) -> Predicate {
        Predicate::Compare {
            column,
            relation,
            operand: binary(operand),
        }
    }

    #[test]
    fn a_comparison_with_null_is_false_and_its_negation_true() {
        use Relation::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
        let null = row(Value::Null);
        for relation in [Equal, Less, LessOrEqual, Greater, GreaterOrEqual] {
            let predicate = compared(1, relation, &Value::int(1));
            assert!(!predicate.holds(&null));
            assert!(predicate.negated().holds(&null));
        }
        assert!(compared(1, NotEqual, &Value::int(1)).holds(&null));
        assert!(!one_of(1, &[Value::int(1), Value::int(2)]).holds(&null));
        assert!(Predicate::IsNull { column: 1 }.holds(&null));
        assert!(!Predicate::IsNull { column: 0 }.holds(&null));
    }

    #[test]
    fn the_id_is_compared_as_a_string() {
        let row = row(Value::Null);
        assert!(compared(0, Relation::Greater, &Value::text("a")).holds(&row));
        let ids = ["a", "b", "c"].map(Value::text);
        assert!(one_of(0, &ids).holds(&row));
    }

    #[test]
    fn one_of_finds_each_of_its_values_and_no_other() {
        let even: Vec<_> = (0..100).rev().map(|n| Value::int(n * 2)).collect();
        let even = one_of(1, &even);
        for number in 0..200 {
            assert_eq!(even.holds(&row(Value::int(number))), number % 2 == 0);
        }
    }

    #[test]
    fn obviously_equal_predicates_are_equal() {
        let a = || compared(1, Relation::Equal, &Value::int(1));
        let b = || compared(0, Relation::Less, &Value::text("x"));
        let nested = Predicate::all(vec![b(), Predicate::all(vec![a(), b()])]);
        assert_eq!(Predicate::all(vec![a(), b()]), nested);
        assert_eq!(Predicate::any(vec![a()]), a());
        assert_eq!(one_of(1, &[Value::int(1), Value::int(1)]), a());
        assert_eq!(b().negated().negated(), b());
        assert_eq!(
            a().negated(),
            compared(1, Relation::NotEqual, &Value::int(1))
        );
        assert_ne!(
            Predicate::all(vec![a(), b()]),
            Predicate::any(vec![a(), b()])
        );
    }

    #[test]
    fn an_empty_and_is_true_and_an_empty_or_false() {
        assert!(Predicate::all(vec![]).holds(&row(Value::Null)));
        assert!(!Predicate::any(vec![]).holds(&row(Value::Null)));
    }
}
