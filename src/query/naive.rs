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
        Condition::IsNull { field } => value(collection, row, field) == Value::Null,
        Condition::And(args) => args.iter().all(|arg| holds(arg, collection, row)),
        Condition::Or(args) => args.iter().any(|arg| holds(arg, collection, row)),
        Condition::Not(arg) => !holds(arg, collection, row),
    }
}
