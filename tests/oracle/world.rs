//! Random schemas, rows that fit them, queries that are valid, and histories of commits.
//!
//! Values come from small pools, so that rows tie, operands hit and orders are decided late.

use crate::rng::Rng;
use holm::doc::json;
use holm::doc::key::Direction;
use holm::doc::row::{Change, Row};
use holm::doc::schema::{Field, Kind, Schema};
use holm::doc::value::{Number, Value};
use holm::error::Error;
use holm::operator::predicate::Relation;
use holm::operator::window::Found;
use holm::query::ast::{Condition, Query};
use holm::query::check::CheckedQuery;
use holm::query::evaluate::Rows;
use std::collections::BTreeMap;
use std::rc::Rc;

const KINDS: [&str; 10] = [
    r#""kind":"string""#,
    r#""kind":"int""#,
    r#""kind":"float""#,
    r#""kind":"bool""#,
    r#""kind":"timestamp""#,
    r#""kind":"bytes""#,
    r#""kind":"enum","values":["low","mid","high"]"#,
    r#""kind":"json""#,
    r#""kind":"ref","collection":"c0""#,
    r#""kind":"list","item":{"kind":"int"}"#,
];

const TEXTS: [&str; 7] = ["", "a", "ab", "b", "\u{ff61}", "\u{1f600}", "\u{1}"];

/// Two collections of three to six fields.
pub fn schema(rng: &mut Rng) -> Schema {
    let mut collections = Vec::new();
    for number in 0..2 {
        let fields: Vec<String> = (0..3 + rng.below(4))
            .map(|at| {
                // Small whole numbers and texts are what most apps order by.
                let kind = if rng.chance(50) {
                    KINDS[rng.below(3)]
                } else {
                    *rng.pick(&KINDS)
                };
                format!(r#"{{"name":"f{at}",{kind},"nullable":{}}}"#, rng.chance(50))
            })
            .collect();
        collections.push(format!(
            r#""c{number}":{{"fields":[{}]}}"#,
            fields.join(",")
        ));
    }
    let text = format!(
        r#"{{"version":1,"collections":{{{}}}}}"#,
        collections.join(",")
    );
    Schema::from_value(&json::read(text.as_bytes()).unwrap()).unwrap()
}

fn text(rng: &mut Rng) -> Value {
    Value::text(TEXTS[rng.below(TEXTS.len())])
}

fn small(rng: &mut Rng, count: u8) -> Value {
    Value::int(i64::from(rng.below(usize::from(count)) as u8) - 2)
}

fn number(rng: &mut Rng) -> Value {
    let floats = [-1.5, -0.0, 0.0, 0.5, 1.0, 2.0, 1e300, -1e300, 5e-324];
    Value::Number(Number::new(*rng.pick(&floats)).unwrap())
}

fn of_kind(rng: &mut Rng, kind: &Kind) -> Value {
    match kind {
        Kind::String | Kind::Ref(_) => text(rng),
        Kind::Int | Kind::Timestamp => small(rng, 6),
        Kind::Float => number(rng),
        Kind::Bool => Value::Bool(rng.chance(50)),
        Kind::Bytes => Value::Bytes((0..rng.below(3)).map(|_| *rng.pick(&[0, 1, 255])).collect()),
        Kind::Enum(values) => Value::text(&values[rng.below(values.len())]),
        Kind::List(item) => Value::List((0..rng.below(3)).map(|_| of_kind(rng, item)).collect()),
        Kind::Json => match rng.below(7) {
            0 => Value::Null,
            1 => Value::Bool(rng.chance(50)),
            2 | 3 => number(rng),
            4 => text(rng),
            5 => Value::List(vec![small(rng, 2)]),
            _ => Value::map(vec![(["$", "a", "b"][rng.below(3)].into(), Value::Null)]),
        },
    }
}

fn of_field(rng: &mut Rng, field: &Field) -> Value {
    if field.is_nullable && rng.chance(25) {
        Value::Null
    } else {
        of_kind(rng, &field.kind)
    }
}

/// An id of one of thirty documents.
fn id(rng: &mut Rng) -> String {
    let text = TEXTS[1 + rng.below(TEXTS.len() - 1)];
    format!("{text}{}", rng.below(5))
}

/// A query of the first collection, valid under the schema.
pub fn query(rng: &mut Rng, schema: &Schema) -> Query {
    let fields = &schema.at(0).fields;
    let condition = rng.chance(75).then(|| condition(rng, fields, 3));
    let name = |rng: &mut Rng| match rng.below(fields.len() + 1) {
        0 => String::from("id"),
        field => fields[field - 1].name.clone(),
    };
    let directions = [Direction::Ascending, Direction::Descending];
    let order_by = (0..rng.below(4))
        .map(|_| (name(rng), *rng.pick(&directions)))
        .collect();
    let order_by: Vec<(String, Direction)> = order_by;
    let after = rng.chance(20).then(|| place(rng, fields, &order_by));
    let offset = if rng.chance(25) {
        rng.below(12) as u64
    } else {
        0
    };
    let limit = match rng.below(10) {
        0 => Some(0),
        1 => Some(u64::MAX >> 11),
        2..7 => Some(1 + rng.below(8) as u64),
        _ => None,
    };
    Query {
        from: "c0".into(),
        condition,
        order_by,
        after,
        offset,
        limit,
    }
}

/// Where a row may stand in an order: a value for each of its keys, and an id.
fn place(rng: &mut Rng, fields: &[Field], order_by: &[(String, Direction)]) -> Vec<Value> {
    let id = Value::String(id(rng));
    let values: Vec<Value> = fields.iter().map(|field| of_field(rng, field)).collect();
    let value = |name: &String| {
        let field = fields.iter().position(|field| field.name == *name);
        field.map_or(&id, |at| &values[at]).clone()
    };
    let mut place: Vec<Value> = order_by.iter().map(|(name, _)| value(name)).collect();
    place.push(id);
    place
}

const PATTERNS: [&str; 9] = ["%", "a%", "%b", "_", "a_", r"\_", "%a%", "ab", r"_\%%"];

/// A condition on a text, or whether a list has an item.
fn text_condition(rng: &mut Rng, field: Option<&Field>) -> Option<Condition> {
    let name = field.map_or("id".into(), |field| field.name.clone());
    let (op, value) = match field.map(|field| &field.kind) {
        Some(Kind::List(item)) => ("contains", of_kind(rng, item)),
        None | Some(Kind::String | Kind::Enum(_) | Kind::Ref(_) | Kind::Json) => {
            match rng.below(3) {
                0 => ("prefix", text(rng)),
                1 => ("contains", text(rng)),
                _ => ("like", Value::text(PATTERNS[rng.below(PATTERNS.len())])),
            }
        }
        _ => return None,
    };
    Some(Condition::Text {
        op: op.into(),
        field: name,
        value,
    })
}

fn operand(rng: &mut Rng, field: Option<&Field>) -> Value {
    let Some(field) = field else {
        return Value::String(id(rng));
    };
    loop {
        let value = of_kind(rng, &field.kind);
        if !value.is_null() {
            return value;
        }
    }
}

/// A condition at most so deep.
pub fn condition(rng: &mut Rng, fields: &[Field], depth: usize) -> Condition {
    let at = rng.below(fields.len() * 3 + 1);
    let field = (at > 0).then(|| &fields[at % fields.len()]);
    let name = field.map_or("id".into(), |field| field.name.clone());
    let args = |rng: &mut Rng| {
        (0..rng.below(3) + usize::from(rng.chance(90)))
            .map(|_| condition(rng, fields, depth - 1))
            .collect()
    };
    if rng.chance(15)
        && let Some(condition) = text_condition(rng, field)
    {
        return condition;
    }
    match rng.below(if depth > 1 { 12 } else { 7 }) {
        0 => Condition::IsNull { field: name },
        2 if rng.chance(50) => Condition::Between {
            field: name,
            from: operand(rng, field),
            to: operand(rng, field),
        },
        3 if rng.chance(30) => Condition::NotIn {
            field: name,
            values: (0..rng.below(4)).map(|_| operand(rng, field)).collect(),
        },
        1 => {
            let values = (0..rng.below(5)).map(|_| operand(rng, field)).collect();
            Condition::In {
                field: name,
                values,
            }
        }
        2..7 => {
            use Relation::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
            let relations = [
                Equal,
                Equal,
                NotEqual,
                Less,
                LessOrEqual,
                Greater,
                GreaterOrEqual,
            ];
            let (relation, value) = (*rng.pick(&relations), operand(rng, field));
            Condition::Compare {
                field: name,
                relation,
                value,
            }
        }
        7 | 8 => Condition::And(args(rng)),
        9 | 10 => Condition::Or(args(rng)),
        _ => Condition::Not(Box::new(condition(rng, fields, depth - 1))),
    }
}

/// The rows of all collections.
#[derive(Clone, Default)]
pub struct World {
    rows: BTreeMap<(usize, String), Rc<Row>>,
}

/// The rows as a store may have them: all, or the first ones in the order of the query.
pub struct Source<'a> {
    world: &'a World,
    /// How many are read beyond the limit; none if they have no order.
    margin: Option<usize>,
}

impl<'a> Source<'a> {
    pub fn new(world: &'a World, rng: &mut Rng) -> Self {
        let margin = rng.chance(70).then(|| rng.below(4));
        Self { world, margin }
    }
}

impl Rows for Source<'_> {
    fn read(&mut self, query: &CheckedQuery, _: usize) -> Result<Found, Error> {
        let mut rows = self.world.rows(query.collection);
        let (mut is_all, is_ordered) = (true, self.margin.is_some());
        if let (Some(limit), Some(margin)) = (query.reach(), self.margin) {
            rows.sort_by_key(|row| query.order.entry(row).key);
            let mut matching = rows.iter().enumerate().filter(|row| query.matches(row.1));
            let end = matching.nth(limit + margin).map(|(at, _)| at);
            is_all = end.is_none();
            rows.truncate(end.unwrap_or(rows.len()));
        }
        Ok(Found {
            rows,
            is_all,
            is_ordered,
        })
    }
}

impl World {
    /// The rows of one collection.
    pub fn rows(&self, collection: usize) -> Vec<Rc<Row>> {
        let of_it = self.rows.iter().filter(|entry| entry.0.0 == collection);
        of_it.map(|entry| Rc::clone(entry.1)).collect()
    }

    /// Writes one document: a new row, or none.
    pub fn write(&mut self, collection: usize, id: String, new: Option<Row>) -> Change {
        let new = new.map(Rc::new);
        let old = match &new {
            Some(new) => self.rows.insert((collection, id), Rc::clone(new)),
            None => self.rows.remove(&(collection, id)),
        };
        Change {
            collection,
            old,
            new,
        }
    }

    /// One to twenty changes; a document may be in several of them.
    pub fn commit(&mut self, rng: &mut Rng, schema: &Schema) -> Vec<Change> {
        let count = if rng.chance(50) {
            1 + rng.below(3)
        } else {
            1 + rng.below(20)
        };
        let mut changes = Vec::with_capacity(count);
        for _ in 0..count {
            let collection = usize::from(rng.chance(10));
            let id = id(rng);
            let old = self.rows.get(&(collection, id.clone())).cloned();
            let fields = &schema.at(collection).fields;
            let new = match old {
                Some(_) if rng.chance(25) => None,
                // A delete and an insert of one document in one commit.
                Some(_) if rng.chance(10) => {
                    changes.push(self.write(collection, id.clone(), None));
                    Some(fields.iter().map(|field| of_field(rng, field)).collect())
                }
                Some(old) => {
                    let mut values = old.values();
                    for _ in 0..=rng.below(2) {
                        let at = rng.below(fields.len());
                        values[at] = of_field(rng, &fields[at]);
                    }
                    Some(values)
                }
                None => Some(fields.iter().map(|field| of_field(rng, field)).collect()),
            };
            let new = new.map(|values| Row::of(&id, &values));
            changes.push(self.write(collection, id, new));
        }
        changes
    }
}
