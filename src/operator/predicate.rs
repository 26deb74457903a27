//! A predicate over one row: what a filter keeps.
//!
//! There is no third truth value. A comparison with null is false; `!=` is the negation of `=`, so
//! it is true for null. Values compare by their one total order. Equal meanings are brought to
//! equal form only where that is obvious, so that equal queries are found equal. Must not know
//! field names or kinds.

use crate::doc::row::Row;
use crate::doc::value::Value;
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
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Predicate {
    /// The column stands in this relation to the operand, which is not null.
    Compare {
        /// The column.
        column: usize,
        /// The relation.
        relation: Relation,
        /// What it is compared with.
        operand: Value,
    },
    /// The column equals one of the operands, which are sorted.
    In {
        /// The column.
        column: usize,
        /// What it may equal.
        operands: Vec<Value>,
    },
    /// The column is null.
    IsNull {
        /// The column.
        column: usize,
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
            } => match compare(row, *column, operand) {
                Some(ordering) => relation.admits(ordering),
                None => *relation == Relation::NotEqual,
            },
            Self::In { column, operands } => operands
                .binary_search_by(|operand| {
                    compare(row, *column, operand).map_or(Ordering::Less, Ordering::reverse)
                })
                .is_ok(),
            Self::IsNull { column } => is_null(row, *column),
            Self::And(args) => args.iter().all(|arg| arg.holds(row)),
            Self::Or(args) => args.iter().any(|arg| arg.holds(row)),
            Self::Not(arg) => !arg.holds(row),
        }
    }

    /// One of these values, in any order.
    pub fn one_of(column: usize, operands: Vec<Value>) -> Self {
        let mut operands = sort::sorted(operands, Ord::cmp);
        operands.dedup();
        match <[Value; 1]>::try_from(operands) {
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
fn compare(row: &Row, column: usize, operand: &Value) -> Option<Ordering> {
    let Some(field) = column.checked_sub(1) else {
        return operand.as_str().map(|id| row.id.as_str().cmp(id));
    };
    let value = row.values.get(field)?;
    if value.is_null() && !crate::planted::is("query_null_is_smallest") {
        return None;
    }
    Some(value.cmp(operand))
}

fn is_null(row: &Row, column: usize) -> bool {
    column
        .checked_sub(1)
        .is_some_and(|field| row.values.get(field).is_none_or(Value::is_null))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(value: Value) -> Row {
        Row {
            id: "b".into(),
            values: vec![value],
        }
    }

    fn compared(column: usize, relation: Relation, operand: Value) -> Predicate {
        Predicate::Compare {
            column,
            relation,
            operand,
        }
    }

    #[test]
    fn a_comparison_with_null_is_false_and_its_negation_true() {
        use Relation::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
        let null = row(Value::Null);
        for relation in [Equal, Less, LessOrEqual, Greater, GreaterOrEqual] {
            let predicate = compared(1, relation, Value::int(1));
            assert!(!predicate.holds(&null));
            assert!(predicate.negated().holds(&null));
        }
        assert!(compared(1, NotEqual, Value::int(1)).holds(&null));
        assert!(!Predicate::one_of(1, vec![Value::int(1), Value::int(2)]).holds(&null));
        assert!(Predicate::IsNull { column: 1 }.holds(&null));
        assert!(!Predicate::IsNull { column: 0 }.holds(&null));
    }

    #[test]
    fn the_id_is_compared_as_a_string() {
        let row = row(Value::Null);
        assert!(compared(0, Relation::Greater, Value::text("a")).holds(&row));
        let ids = ["a", "b", "c"].map(Value::text);
        assert!(Predicate::one_of(0, ids.to_vec()).holds(&row));
    }

    #[test]
    fn one_of_finds_each_of_its_values_and_no_other() {
        let even = Predicate::one_of(1, (0..100).rev().map(|n| Value::int(n * 2)).collect());
        for number in 0..200 {
            assert_eq!(even.holds(&row(Value::int(number))), number % 2 == 0);
        }
    }

    #[test]
    fn obviously_equal_predicates_are_equal() {
        let a = || compared(1, Relation::Equal, Value::int(1));
        let b = || compared(0, Relation::Less, Value::text("x"));
        let nested = Predicate::all(vec![b(), Predicate::all(vec![a(), b()])]);
        assert_eq!(Predicate::all(vec![a(), b()]), nested);
        assert_eq!(Predicate::any(vec![a()]), a());
        assert_eq!(
            Predicate::one_of(1, vec![Value::int(1), Value::int(1)]),
            a()
        );
        assert_eq!(b().negated().negated(), b());
        assert_eq!(
            a().negated(),
            compared(1, Relation::NotEqual, Value::int(1))
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
