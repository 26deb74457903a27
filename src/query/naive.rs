//! The naive evaluator: the oracle of every live result. Compiled for tests only.
//!
//! It reads the query as the page wrote it and is as plain as can be: look at every row, sort all
//! that match by comparing their values, cut. It shares nothing with the engine's way but rows,
//! values and their order.

use super::ast::{Condition, Query};
use crate::doc::key::Direction;
use crate::doc::row::Row;
use crate::doc::schema::{Collection, Schema};
use crate::doc::value::Value;
use crate::operator::predicate::Relation;
use std::cmp::Ordering;
use std::rc::Rc;

/// The answer to a query that has been found valid, from all rows of its collection.
pub fn evaluate<'a>(
    query: &Query,
    schema: &Schema,
    rows: impl IntoIterator<Item = &'a Rc<Row>>,
) -> Vec<Rc<Row>> {
    let collection = schema
        .collections
        .iter()
        .find(|collection| collection.name == query.from);
    let collection = collection.expect("the query is valid");
    let holds = |row: &&Rc<Row>| match &query.condition {
        Some(condition) => holds(condition, collection, row),
        None => true,
    };
    let mut answer: Vec<Rc<Row>> = rows.into_iter().filter(holds).cloned().collect();
    answer.sort_by(|a, b| compare(query, collection, a, b));
    if let Some(after) = &query.after {
        answer.retain(|row| is_after(query, collection, row, after));
    }
    answer = answer.into_iter().skip(query.offset as usize).collect();
    answer.truncate(query.limit.map_or(usize::MAX, |limit| limit as usize));
    answer
}

fn compare(query: &Query, collection: &Collection, a: &Row, b: &Row) -> Ordering {
    for (field, direction) in &query.order_by {
        let ordering = value(collection, a, field).cmp(&value(collection, b, field));
        let ordering = if *direction == Direction::Descending {
            ordering.reverse()
        } else {
            ordering
        };
        if ordering != Ordering::Equal {
            return ordering;
        }
    }
    a.id().cmp(b.id())
}

/// Whether a row comes after a place, key by key.
fn is_after(query: &Query, collection: &Collection, row: &Row, place: &[Value]) -> bool {
    for ((field, direction), of_place) in query.order_by.iter().zip(place) {
        let value = value(collection, row, field);
        if value != *of_place {
            return (value > *of_place) == (*direction == Direction::Ascending);
        }
        // Nothing behind the id decides.
        if field == "id" {
            return false;
        }
    }
    place.last().is_some_and(|id| row.value(0) > *id)
}

/// A character at a time, every length tried.
fn is_like(pattern: &[char], text: &[char]) -> bool {
    let (first, behind) = match pattern {
        [] => return text.is_empty(),
        ['%', rest @ ..] => {
            return (0..=text.len())
                .any(|at| text.get(at..).is_some_and(|text| is_like(rest, text)));
        }
        ['_', rest @ ..] => (None, rest),
        ['\\', escaped, rest @ ..] => (Some(escaped), rest),
        [first, rest @ ..] => (Some(first), rest),
    };
    text.split_first().is_some_and(|(char, text)| {
        first.is_none_or(|first| first == char) && is_like(behind, text)
    })
}

fn holds_text(op: &str, value: &Value, operand: &Value) -> bool {
    if let (Value::List(items), "contains") = (value, op) {
        return items.contains(operand);
    }
    let (Some(text), Some(operand)) = (value.as_str(), operand.as_str()) else {
        return false;
    };
    match op {
        "prefix" => text.starts_with(operand),
        "contains" => text.contains(operand),
        _ => {
            let of = |text: &str| text.chars().collect::<Vec<_>>();
            is_like(&of(operand), &of(text))
        }
    }
}

fn value(collection: &Collection, row: &Row, field: &str) -> Value {
    if field == "id" {
        return row.value(0);
    }
    let mut fields = collection.fields.iter();
    let position = fields.position(|known| known.name == field);
    row.value(position.expect("the query is valid") + 1)
}

fn holds(condition: &Condition, collection: &Collection, row: &Row) -> bool {
    match condition {
        Condition::Compare {
            field,
            relation,
            value: operand,
        } => {
            let value = value(collection, row, field);
            let is_equal = value == *operand;
            match relation {
                Relation::Equal => value != Value::Null && is_equal,
                Relation::NotEqual => !(value != Value::Null && is_equal),
                Relation::Less => value != Value::Null && value < *operand,
                Relation::LessOrEqual => value != Value::Null && value <= *operand,
                Relation::Greater => value != Value::Null && value > *operand,
                Relation::GreaterOrEqual => value != Value::Null && value >= *operand,
            }
        }
        Condition::In { field, values } => {
            let value = value(collection, row, field);
            value != Value::Null && values.contains(&value)
        }
        Condition::NotIn { field, values } => {
            let value = value(collection, row, field);
            value == Value::Null || !values.contains(&value)
        }
        Condition::Between { field, from, to } => {
            let value = value(collection, row, field);
            value != Value::Null && *from <= value && value <= *to
        }
        Condition::Text {
            op,
            field,
            value: operand,
        } => holds_text(op, &value(collection, row, field), operand),
        Condition::IsNull { field } => value(collection, row, field) == Value::Null,
        Condition::And(args) => args.iter().all(|arg| holds(arg, collection, row)),
        Condition::Or(args) => args.iter().any(|arg| holds(arg, collection, row)),
        Condition::Not(arg) => !holds(arg, collection, row),
    }
}
