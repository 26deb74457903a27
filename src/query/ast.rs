//! A query as data: what a page sends, by names, not yet checked against a schema.
//!
//! Its JSON form is that of `docs/PAGE.md`. Reading refuses what is malformed with the place in the
//! query, such as `where.args[1].field`, and what is larger than the limits. Must not know schemas
//! or rows.

use crate::doc::key::Direction;
use crate::doc::value::Value;
use crate::error::{Error, Problem};
use crate::limits::{QUERY_DEPTH_MAX, QUERY_NODES_MAX, QUERY_VALUES_MAX};
use crate::operator::predicate::Relation;

/// A query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// The collection.
    pub from: String,
    /// What its rows must hold, if anything.
    pub condition: Option<Condition>,
    /// Fields from the most to the least significant.
    pub order_by: Vec<(String, Direction)>,
    /// The most rows.
    pub limit: Option<u64>,
}

/// A condition on one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// A field against a value.
    Compare {
        /// The field.
        field: String,
        /// How they relate.
        relation: Relation,
        /// The value.
        value: Value,
    },
    /// A field equals one of some values.
    In {
        /// The field.
        field: String,
        /// The values.
        values: Vec<Value>,
    },
    /// A field is null.
    IsNull {
        /// The field.
        field: String,
    },
    /// All hold.
    And(Vec<Condition>),
    /// At least one holds.
    Or(Vec<Condition>),
    /// It does not hold.
    Not(Box<Condition>),
}

const RELATIONS: [(&str, Relation); 6] = [
    ("=", Relation::Equal),
    ("!=", Relation::NotEqual),
    ("<", Relation::Less),
    ("<=", Relation::LessOrEqual),
    (">", Relation::Greater),
    (">=", Relation::GreaterOrEqual),
];

impl Query {
    /// Every row of a collection, by id.
    pub fn all(from: &str) -> Self {
        Self {
            from: from.into(),
            condition: None,
            order_by: Vec::new(),
            limit: None,
        }
    }

    /// Reads the JSON form.
    pub fn from_value(value: &Value) -> Result<Self, Error> {
        let from = value.get("from").and_then(Value::as_str);
        let from = from.ok_or_else(|| bad("from", "it must name a collection"))?;
        let condition = present(value.get("where"));
        let condition = condition.map(|value| Reader::default().condition("where", value, 1));
        let limit = present(value.get("limit")).map(|limit| {
            let count = limit.as_u64();
            count.ok_or_else(|| bad("limit", "it must be a whole number from 0"))
        });
        Ok(Self {
            from: from.into(),
            condition: condition.transpose()?,
            order_by: read_order(present(value.get("orderBy")))?,
            limit: limit.transpose()?,
        })
    }

    /// The JSON form.
    pub fn to_value(&self) -> Value {
        let mut members = vec![("from".into(), Value::text(&self.from))];
        if let Some(condition) = &self.condition {
            members.push(("where".into(), condition.to_value()));
        }
        if !self.order_by.is_empty() {
            let keys = self.order_by.iter().map(|(field, direction)| {
                Value::List(vec![
                    Value::text(field),
                    Value::text(direction_name(*direction)),
                ])
            });
            members.push(("orderBy".into(), Value::List(keys.collect())));
        }
        if let Some(limit) = self.limit {
            members.push(("limit".into(), Value::int(limit.cast_signed())));
        }
        Value::map(members)
    }
}

impl Condition {
    /// The JSON form.
    pub fn to_value(&self) -> Value {
        let (op, members) = match self {
            Self::Compare {
                field,
                relation,
                value,
            } => {
                let op = RELATIONS.iter().find(|known| known.1 == *relation);
                let op = op.map_or("", |known| known.0);
                (
                    op,
                    vec![("field", Value::text(field)), ("value", value.clone())],
                )
            }
            Self::In { field, values } => (
                "in",
                vec![
                    ("field", Value::text(field)),
                    ("values", Value::List(values.clone())),
                ],
            ),
            Self::IsNull { field } => ("is null", vec![("field", Value::text(field))]),
            Self::And(args) => ("and", vec![("args", list(args))]),
            Self::Or(args) => ("or", vec![("args", list(args))]),
            Self::Not(arg) => ("not", vec![("arg", arg.to_value())]),
        };
        let members = members.into_iter().chain([("op", Value::text(op))]);
        Value::map(members.map(|(name, value)| (name.into(), value)).collect())
    }
}

fn list(args: &[Condition]) -> Value {
    Value::List(args.iter().map(Condition::to_value).collect())
}

/// A member that is absent or null is not given.
fn present(member: Option<&Value>) -> Option<&Value> {
    member.filter(|value| !value.is_null())
}

pub(super) fn bad(place: &str, problem: &str) -> Error {
    Error::from(Problem::BadQuery {
        place: place.into(),
        problem: problem.into(),
    })
}

fn direction_name(direction: Direction) -> &'static str {
    match direction {
        Direction::Ascending => "asc",
        Direction::Descending => "desc",
    }
}

fn read_order(keys: Option<&Value>) -> Result<Vec<(String, Direction)>, Error> {
    let Some(keys) = keys else {
        return Ok(Vec::new());
    };
    let keys = keys
        .as_list()
        .ok_or_else(|| bad("orderBy", "it must be a list of [field, direction]"))?;
    if keys.len() > QUERY_NODES_MAX {
        return Err(bad("orderBy", "it has more keys than the limit of 1000"));
    }
    let mut order = Vec::with_capacity(keys.len());
    for (at, key) in keys.iter().enumerate() {
        let key = match key.as_list() {
            Some([Value::String(field), Value::String(way)]) if way == "asc" => {
                (field, Direction::Ascending)
            }
            Some([Value::String(field), Value::String(way)]) if way == "desc" => {
                (field, Direction::Descending)
            }
            _ => {
                let place = format!("orderBy[{at}]");
                return Err(bad(
                    &place,
                    "it must be [field, \"asc\"] or [field, \"desc\"]",
                ));
            }
        };
        order.push((key.0.clone(), key.1));
    }
    Ok(order)
}

/// Reads conditions and counts them.
#[derive(Default)]
struct Reader {
    nodes: usize,
}

impl Reader {
    fn condition(&mut self, place: &str, value: &Value, depth: usize) -> Result<Condition, Error> {
        self.nodes += 1;
        if self.nodes > QUERY_NODES_MAX {
            return Err(bad(
                place,
                "the query has more conditions than the limit of 1000",
            ));
        }
        if depth > QUERY_DEPTH_MAX {
            return Err(bad(
                place,
                "conditions are nested deeper than the limit of 64",
            ));
        }
        if !matches!(value, Value::Map(_)) {
            return Err(bad(place, "it must be an object with a member `op`"));
        }
        let op = value.get("op").and_then(Value::as_str);
        let op = op.ok_or_else(|| bad(place, "it has no member `op`"))?;
        if let Some((_, relation)) = RELATIONS.iter().find(|known| known.0 == op) {
            return read_comparison(place, value, *relation);
        }
        match op {
            "in" => read_in(place, value),
            "is null" => Ok(Condition::IsNull {
                field: read_field(place, value)?,
            }),
            "and" => Ok(Condition::And(self.args(place, value, depth)?)),
            "or" => Ok(Condition::Or(self.args(place, value, depth)?)),
            "not" => {
                let place = format!("{place}.arg");
                let arg = value.get("arg").unwrap_or(&Value::Null);
                Ok(Condition::Not(Box::new(self.condition(
                    &place,
                    arg,
                    depth + 1,
                )?)))
            }
            _ => Err(Error::from(Problem::UnknownOperator {
                operator: op.into(),
                place: format!("{place}.op"),
            })),
        }
    }

    fn args(&mut self, place: &str, value: &Value, depth: usize) -> Result<Vec<Condition>, Error> {
        let args = value.get("args").and_then(Value::as_list);
        let args =
            args.ok_or_else(|| bad(&format!("{place}.args"), "it must be a list of conditions"))?;
        let read = args
            .iter()
            .enumerate()
            .map(|(at, arg)| self.condition(&format!("{place}.args[{at}]"), arg, depth + 1));
        read.collect()
    }
}

fn read_field(place: &str, value: &Value) -> Result<String, Error> {
    let field = value.get("field").and_then(Value::as_str);
    field
        .map(String::from)
        .ok_or_else(|| bad(&format!("{place}.field"), "it must name a field"))
}

fn read_comparison(place: &str, value: &Value, relation: Relation) -> Result<Condition, Error> {
    let field = read_field(place, value)?;
    let operand = value
        .get("value")
        .ok_or_else(|| bad(&format!("{place}.value"), "it is missing"))?;
    Ok(Condition::Compare {
        field,
        relation,
        value: operand.clone(),
    })
}

fn read_in(place: &str, value: &Value) -> Result<Condition, Error> {
    let field = read_field(place, value)?;
    let place = format!("{place}.values");
    let values = value.get("values").and_then(Value::as_list);
    let values = values.ok_or_else(|| bad(&place, "it must be a list"))?;
    if values.len() > QUERY_VALUES_MAX {
        return Err(bad(&place, "it has more values than the limit of 10000"));
    }
    Ok(Condition::In {
        field,
        values: values.to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doc::json;

    fn read(text: &str) -> Result<Query, Error> {
        Query::from_value(&json::read(text.as_bytes()).unwrap())
    }

    #[test]
    fn the_json_form_round_trips() {
        let text = r#"{"from":"films","limit":5,"orderBy":[["rating","desc"],["id","asc"]],
            "where":{"args":[
            {"field":"genre","op":"in","values":["Drama",null]},
            {"arg":{"field":"rating","op":"is null"},"op":"not"},
            {"args":[{"field":"year","op":"!=","value":1979},
            {"field":"id","op":">=","value":"b"}],"op":"or"}
            ],"op":"and"}}"#;
        let query = read(text).unwrap();
        assert_eq!(query.limit, Some(5));
        assert_eq!(query.order_by[0], ("rating".into(), Direction::Descending));
        assert_eq!(Query::from_value(&query.to_value()).unwrap(), query);
        let compact: String = text.lines().map(str::trim_start).collect();
        assert_eq!(json::to_text(&query.to_value()), compact);
        assert_eq!(
            read(r#"{"from":"a","where":null,"limit":null}"#).unwrap(),
            Query::all("a")
        );
    }

    #[test]
    fn what_is_malformed_is_refused_with_its_place() {
        for (text, place) in [
            (r"{}", "from"),
            (r#"{"from":"a","limit":-1}"#, "limit"),
            (r#"{"from":"a","limit":1.5}"#, "limit"),
            (r#"{"from":"a","orderBy":"b"}"#, "orderBy"),
            (
                r#"{"from":"a","orderBy":[["b","asc"],["b","up"]]}"#,
                "orderBy[1]",
            ),
            (r#"{"from":"a","where":[]}"#, "where"),
            (r#"{"from":"a","where":{"op":"and"}}"#, "where.args"),
            (r#"{"from":"a","where":{"op":"not"}}"#, "where.arg"),
            (
                r#"{"from":"a","where":{"op":"=","field":"b"}}"#,
                "where.value",
            ),
            (
                r#"{"from":"a","where":{"op":"or","args":[{"op":"=","value":1}]}}"#,
                "where.args[0].field",
            ),
            (
                r#"{"from":"a","where":{"op":"in","field":"b","values":1}}"#,
                "where.values",
            ),
        ] {
            let error = read(text).unwrap_err();
            assert_eq!(
                (error.code(), error.details()),
                ("bad_query", vec![("place", place.into())]),
                "{text}"
            );
        }
        let error = read(r#"{"from":"a","where":{"op":"not","arg":{"op":"=="}}}"#).unwrap_err();
        assert_eq!(
            error,
            Error::from(Problem::UnknownOperator {
                operator: "==".into(),
                place: "where.arg.op".into()
            })
        );
    }

    #[test]
    fn limits_hold() {
        let is_null = || Condition::IsNull { field: "b".into() };
        let with = |condition| Query {
            condition: Some(condition),
            ..Query::all("a")
        };
        let deep = |depth| (1..depth).fold(is_null(), |inner, _| Condition::Not(Box::new(inner)));
        let wide = |count| Condition::And((1..count).map(|_| is_null()).collect());
        let many = |count| Condition::In {
            field: "b".into(),
            values: vec![Value::int(1); count],
        };
        for (fits, too_large) in [
            (deep(QUERY_DEPTH_MAX), deep(QUERY_DEPTH_MAX + 1)),
            (wide(QUERY_NODES_MAX), wide(QUERY_NODES_MAX + 1)),
            (many(QUERY_VALUES_MAX), many(QUERY_VALUES_MAX + 1)),
        ] {
            assert_eq!(
                Query::from_value(&with(fits.clone()).to_value()),
                Ok(with(fits))
            );
            let error = Query::from_value(&with(too_large).to_value()).unwrap_err();
            assert_eq!(error.code(), "bad_query");
        }
    }
}
