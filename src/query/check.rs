//! Reading a query (`docs/PAGE.md`) and holding it against the schema, in one pass: names become
//! columns, operands fit their fields, and queries that obviously mean the same become equal, so
//! that they share one circuit.
//!
//! Refused, with the place in the query such as `where.args[1].field`, is what is malformed, what
//! does not fit the schema and what is larger than the limits. Column 0 is the id, column n is
//! field n-1. Must not know rows' storage or who asks.

use crate::doc::codec::{NULL, binary};
use crate::doc::key::Direction;
use crate::doc::row::{Change, Row};
use crate::doc::schema::{Collection, Field, Kind, Schema};
use crate::doc::value::Value;
use crate::error::{Error, Problem};
use crate::limits::{DEPTH_MAX, QUERY_DEPTH_MAX, QUERY_NODES_MAX, QUERY_VALUES_MAX};
use crate::operator::order::Order;
use crate::operator::pattern::Pattern;
use crate::operator::predicate::{Predicate, Relation};
use crate::text::{decimal, filled};
use std::rc::Rc;

/// A query that can be answered. Equal ones have equal answers: every member counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CheckedQuery {
    /// Position of the collection in the schema.
    pub collection: usize,
    /// What its rows hold.
    pub predicate: Rc<Predicate>,
    /// The order of the list.
    pub order: Order,
    /// So many rows at the beginning are left out.
    pub offset: usize,
    /// The most rows.
    pub limit: Option<usize>,
}

/// Relations by the names that queries have for them.
pub(super) const RELATIONS: [(&str, Relation); 6] = [
    ("=", Relation::Equal),
    ("!=", Relation::NotEqual),
    ("<", Relation::Less),
    ("<=", Relation::LessOrEqual),
    (">", Relation::Greater),
    (">=", Relation::GreaterOrEqual),
];

/// Makes a pattern of an operand; none if it is malformed.
type Making = fn(&str) -> Option<Pattern>;

/// Conditions on texts, by the names that queries have for them.
const TEXTS: [(&str, Making); 3] = [
    ("prefix", |text| Some(Pattern::prefix(text))),
    ("contains", |text| Some(Pattern::contains(text))),
    ("like", Pattern::like),
];

impl CheckedQuery {
    /// Reads a query. The error names the place in it and the nearest name.
    pub fn read(query: &Value, schema: &Schema) -> Result<Self, Error> {
        let from = query.get("from").and_then(Value::as_str);
        let from = from.ok_or_else(|| bad("from", "it must name a collection"))?;
        let collection = schema.position(from).map_err(|error| at("from", error))?;
        let mut reader = Reader {
            collection: schema.at(collection),
            nodes: 0,
        };
        let mut predicate = match present(query, "where") {
            Some(condition) => reader.condition("where", condition, 1)?,
            None => Predicate::always(),
        };
        let columns = match present(query, "orderBy") {
            Some(keys) => reader.order(keys)?,
            None => Vec::new(),
        };
        if let Some(values) = present(query, "after") {
            let after = reader.after(values, &columns)?;
            predicate = Predicate::all(vec![predicate, after]);
        }
        Ok(Self {
            collection,
            predicate: predicate.into(),
            order: Order::new(columns),
            offset: whole(query, "offset")?.unwrap_or(0),
            limit: whole(query, "limit")?,
        })
    }

    /// How many of the rows that match decide the answer, from the first on. None is all.
    pub fn reach(&self) -> Option<usize> {
        self.limit.map(|limit| limit.saturating_add(self.offset))
    }

    /// Whether a row of the collection holds the condition.
    pub fn matches(&self, row: &Row) -> bool {
        self.predicate.holds(row)
    }

    /// Whether a change may alter the answer. A transaction that read the answer conflicts with
    /// such a change.
    pub fn can_match(&self, change: &Change) -> bool {
        let either = [&change.old, &change.new];
        change.collection == self.collection
            && either.into_iter().flatten().any(|row| self.matches(row))
    }
}

/// A member that is absent or null is not given.
fn present<'a>(query: &'a Value, name: &str) -> Option<&'a Value> {
    query.get(name).filter(|value| !value.is_null())
}

/// A number of rows. One beyond the address space is as good as the largest.
fn whole(query: &Value, name: &str) -> Result<Option<usize>, Error> {
    let Some(value) = present(query, name) else {
        return Ok(None);
    };
    let number = value.as_u64();
    let number = number.ok_or_else(|| bad(name, "it must be a whole number from 0"))?;
    Ok(Some(usize::try_from(number).unwrap_or(usize::MAX)))
}

fn bad(place: &str, problem: &str) -> Error {
    Error::from(Problem::BadQuery {
        place: place.into(),
        problem: problem.into(),
    })
}

fn at(place: &str, error: Error) -> Error {
    Error::from(Problem::InQuery {
        place: place.into(),
        error,
    })
}

/// Reads what names fields of a collection, and counts conditions.
struct Reader<'a> {
    collection: &'a Collection,
    nodes: usize,
}

impl<'a> Reader<'a> {
    /// The place that a cursor names: a value for each key of the order, and the id.
    fn after(&self, values: &Value, columns: &[(usize, Direction)]) -> Result<Predicate, Error> {
        let values = values.as_list().and_then(<[Value]>::split_last);
        let values = values.filter(|(_, keys)| keys.len() == columns.len());
        let Some((id, keys)) = values else {
            let problem = "it must be a list: a value for each key of `orderBy`, and the id";
            return Err(bad("after", problem));
        };
        let place_of = |nth: usize| filled("after[{}]", &[&decimal(nth as u64)]);
        let mut cells = vec![None; self.collection.fields.len() + 1];
        let named = [(id, 0)].into_iter();
        let named = named.chain(keys.iter().zip(columns.iter().map(|(column, _)| *column)));
        for (nth, (value, column)) in (keys.len()..=keys.len()).chain(0..).zip(named) {
            let field = column.checked_sub(1);
            let field = field.and_then(|field| self.collection.fields.get(field));
            let cell = if value.is_null() && field.is_some() {
                vec![NULL]
            } else {
                self.operand(&place_of(nth), field, value)?
            };
            let known = cells
                .get_mut(column)
                .expect("columns are those of the collection");
            if known.as_ref().is_some_and(|known| *known != cell) {
                return Err(bad(&place_of(nth), "the field has another value before"));
            }
            *known = Some(cell);
        }
        let cell = |cell: &Option<Vec<u8>>| cell.clone().unwrap_or_else(|| vec![NULL]);
        let cells: Vec<_> = cells.iter().skip(1).map(cell).collect();
        let cells: Vec<&[u8]> = cells.iter().map(Vec::as_slice).collect();
        Ok(Predicate::After {
            order: Order::new(columns.iter().copied()),
            place: Row::new(id.as_str().unwrap_or_default(), &cells),
        })
    }

    fn order(&self, keys: &Value) -> Result<Vec<(usize, Direction)>, Error> {
        let keys = keys
            .as_list()
            .ok_or_else(|| bad("orderBy", "it must be a list of [field, direction]"))?;
        if keys.len() > QUERY_NODES_MAX {
            return Err(bad("orderBy", "it has more keys than the limit of 1000"));
        }
        let mut columns = Vec::with_capacity(keys.len());
        for (nth, key) in keys.iter().enumerate() {
            let place = filled("orderBy[{}]", &[&decimal(nth as u64)]);
            let texts = match key.as_list() {
                Some([field, way]) => field.as_str().zip(way.as_str()),
                _ => None,
            };
            let (field, direction) = match texts {
                Some((field, "asc")) => (field, Direction::Ascending),
                Some((field, "desc")) => (field, Direction::Descending),
                _ => {
                    let problem = "it must be [field, \"asc\"] or [field, \"desc\"]";
                    return Err(bad(&place, problem));
                }
            };
            columns.push((self.find(&place, field)?.0, direction));
        }
        Ok(columns)
    }

    fn condition(&mut self, place: &str, value: &Value, depth: usize) -> Result<Predicate, Error> {
        self.nodes += 1;
        let problem = if self.nodes > QUERY_NODES_MAX {
            "the query has more conditions than the limit of 1000"
        } else if depth > QUERY_DEPTH_MAX {
            "conditions are nested deeper than the limit of 64"
        } else if let Some(op) = value.get("op").and_then(Value::as_str) {
            return self.operation(op, place, value, depth);
        } else {
            "it must be an object with a member `op`"
        };
        Err(bad(place, problem))
    }

    fn operation(
        &mut self,
        op: &str,
        place: &str,
        value: &Value,
        depth: usize,
    ) -> Result<Predicate, Error> {
        if let Some((_, relation)) = RELATIONS.iter().find(|known| known.0 == op) {
            let (column, field) = self.field(place, value)?;
            let place = filled("{}.value", &[place]);
            let operand = value.get("value");
            let operand = operand.ok_or_else(|| bad(&place, "it is missing"))?;
            return Ok(Predicate::Compare {
                column,
                relation: *relation,
                operand: self.operand(&place, field, operand)?,
            });
        }
        if let Some((_, make)) = TEXTS.iter().find(|known| known.0 == op) {
            return self.text(*make, place, value);
        }
        match op {
            "in" => self.one_of(place, value),
            "not in" => self.one_of(place, value).map(Predicate::negated),
            "between" => self.between(place, value),
            "is null" => Ok(Predicate::IsNull {
                column: self.field(place, value)?.0,
            }),
            "and" => self.args(place, value, depth).map(Predicate::all),
            "or" => self.args(place, value, depth).map(Predicate::any),
            "not" => {
                let arg = value.get("arg").unwrap_or(&Value::Null);
                let arg = self.condition(&filled("{}.arg", &[place]), arg, depth + 1);
                arg.map(Predicate::negated)
            }
            _ => Err(Error::from(Problem::UnknownOperator {
                operator: op.into(),
                place: filled("{}.op", &[place]),
            })),
        }
    }

    fn args(&mut self, place: &str, value: &Value, depth: usize) -> Result<Vec<Predicate>, Error> {
        let place = filled("{}.args", &[place]);
        let args = value.get("args").and_then(Value::as_list);
        let args = args.ok_or_else(|| bad(&place, "it must be a list of conditions"))?;
        let mut read = Vec::with_capacity(args.len());
        for (nth, arg) in args.iter().enumerate() {
            read.push(self.condition(
                &filled("{}[{}]", &[&place, &decimal(nth as u64)]),
                arg,
                depth + 1,
            )?);
        }
        Ok(read)
    }

    fn one_of(&self, place: &str, value: &Value) -> Result<Predicate, Error> {
        let (column, operands) = self.operands(place, value)?;
        Ok(Predicate::one_of(column, operands))
    }

    fn between(&self, place: &str, value: &Value) -> Result<Predicate, Error> {
        let (column, operands) = self.operands(place, value)?;
        let Ok([from, to]) = <[Vec<u8>; 2]>::try_from(operands) else {
            let place = filled("{}.values", &[place]);
            return Err(bad(&place, "it must be two values, the lower one first"));
        };
        let bound = |relation, operand| Predicate::Compare {
            column,
            relation,
            operand,
        };
        Ok(Predicate::all(vec![
            bound(Relation::GreaterOrEqual, from),
            bound(Relation::LessOrEqual, to),
        ]))
    }

    /// The column and the operands of a condition with several.
    fn operands(&self, place: &str, value: &Value) -> Result<(usize, Vec<Vec<u8>>), Error> {
        let (column, field) = self.field(place, value)?;
        let place = filled("{}.values", &[place]);
        let values = value.get("values").and_then(Value::as_list);
        let values = values.ok_or_else(|| bad(&place, "it must be a list"))?;
        if values.len() > QUERY_VALUES_MAX {
            return Err(bad(&place, "it has more values than the limit of 10000"));
        }
        let mut operands = Vec::with_capacity(values.len());
        for (nth, value) in values.iter().enumerate() {
            operands.push(self.operand(
                &filled("{}[{}]", &[&place, &decimal(nth as u64)]),
                field,
                value,
            )?);
        }
        Ok((column, operands))
    }

    /// A condition on a text, or whether a list has an item.
    fn text(&self, make: Making, place: &str, value: &Value) -> Result<Predicate, Error> {
        let (column, field) = self.field(place, value)?;
        let place = filled("{}.value", &[place]);
        let operand = value.get("value").unwrap_or(&Value::Null);
        if let Some(Kind::List(item)) = field.map(|field| &field.kind)
            && make("") == Some(Pattern::contains(""))
        {
            let operand = binary(operand);
            return if item.takes(&operand) {
                Ok(Predicate::Has { column, operand })
            } else {
                Err(bad(&place, "no item of the list can be that"))
            };
        }
        if !matches!(
            field.map(|field| &field.kind),
            None | Some(Kind::String | Kind::Enum(_) | Kind::Ref(_) | Kind::Json)
        ) {
            return Err(bad(&place, "only texts are held against a text"));
        }
        let text = operand.as_str();
        let text = text.ok_or_else(|| bad(&place, "it must be a text"))?;
        let pattern = make(text);
        let pattern = pattern.ok_or_else(|| bad(&place, "nothing follows its last `\\`"))?;
        Ok(match pattern.only() {
            Some(only) => Predicate::Compare {
                column,
                relation: Relation::Equal,
                operand: binary(&Value::text(only)),
            },
            None => Predicate::Like { column, pattern },
        })
    }

    /// The column and the field that a condition names.
    fn field(&self, place: &str, value: &Value) -> Result<(usize, Option<&'a Field>), Error> {
        let place = filled("{}.field", &[place]);
        let field = value.get("field").and_then(Value::as_str);
        self.find(
            &place,
            field.ok_or_else(|| bad(&place, "it must name a field"))?,
        )
    }

    /// The column of a field, and the field; none for the id.
    fn find(&self, place: &str, name: &str) -> Result<(usize, Option<&'a Field>), Error> {
        if name == "id" {
            return Ok((0, None));
        }
        let position = self.collection.position(name);
        let position = position.map_err(|error| at(place, error))?;
        Ok((position + 1, self.collection.fields.get(position)))
    }

    /// Refuses an operand that the field could never hold, and null, with which no comparison is
    /// true.
    fn operand(&self, place: &str, field: Option<&Field>, value: &Value) -> Result<Vec<u8>, Error> {
        if value.is_null() {
            return Err(bad(
                place,
                "a comparison with null is never true; use {\"op\": \"is null\", \"field\": ...}",
            ));
        }
        let operand = binary(value);
        let fits = match field.map(|field| &field.kind) {
            None => matches!(value, Value::String(_)),
            // A bound between two whole numbers is a bound all the same.
            Some(Kind::Int | Kind::Float | Kind::Timestamp) => matches!(value, Value::Number(_)),
            Some(kind) => kind.takes(&operand) && value.depth() <= DEPTH_MAX,
        };
        if fits {
            return Ok(operand);
        }
        let (name, kind) = field.map_or(("id", &Kind::String), |field| (&field.name, &field.kind));
        let error = self.collection.bad_value(name, kind.expected(), value);
        Err(at(place, error))
    }
}

#[cfg(test)]
mod tests;
