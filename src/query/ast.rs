//! A query as data, by names: how tests make queries, and what the oracle answers. Compiled for
//! tests only; a page's query is read by `check`.
//!
//! Its JSON form is that of `docs/PAGE.md`. Must not know schemas or rows.

use super::check::RELATIONS;
use crate::doc::key::Direction;
use crate::doc::value::Value;
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
    /// Rows come after this place: a value for each field of the order, and the id.
    pub after: Option<Vec<Value>>,
    /// So many rows at the beginning are left out.
    pub offset: u64,
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
    /// It does not, or is null.
    NotIn {
        /// The field.
        field: String,
        /// The values.
        values: Vec<Value>,
    },
    /// A field is from one value to another.
    Between {
        /// The field.
        field: String,
        /// The lowest.
        from: Value,
        /// The highest.
        to: Value,
    },
    /// `prefix`, `contains` or `like`.
    Text {
        /// Which of them.
        op: String,
        /// The field.
        field: String,
        /// What it is held against.
        value: Value,
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

impl Query {
    /// Every row of a collection, by id.
    pub fn all(from: &str) -> Self {
        Self {
            from: from.into(),
            condition: None,
            order_by: Vec::new(),
            after: None,
            offset: 0,
            limit: None,
        }
    }

    /// Reads the JSON form of a query that is valid.
    pub fn from_value(value: &Value) -> Option<Self> {
        let mut query = Self::all(value.get("from")?.as_str()?);
        query.condition = match value.get("where") {
            None | Some(Value::Null) => None,
            Some(condition) => Some(Condition::from_value(condition)?),
        };
        for key in value
            .get("orderBy")
            .and_then(Value::as_list)
            .unwrap_or_default()
        {
            let [field, way] = key.as_list()? else {
                return None;
            };
            let direction = match way.as_str()? {
                "asc" => Direction::Ascending,
                _ => Direction::Descending,
            };
            query.order_by.push((field.as_str()?.into(), direction));
        }
        query.after = value
            .get("after")
            .and_then(Value::as_list)
            .map(<[Value]>::to_vec);
        query.offset = value.get("offset").and_then(Value::as_u64).unwrap_or(0);
        query.limit = value.get("limit").and_then(Value::as_u64);
        Some(query)
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
        if let Some(after) = &self.after {
            members.push(("after".into(), Value::List(after.clone())));
        }
        if self.offset > 0 {
            members.push(("offset".into(), Value::int(self.offset.cast_signed())));
        }
        if let Some(limit) = self.limit {
            members.push(("limit".into(), Value::int(limit.cast_signed())));
        }
        Value::map(members)
    }
}

impl Condition {
    /// Reads the JSON form of a condition that is valid.
    pub fn from_value(value: &Value) -> Option<Self> {
        let args = || -> Option<Vec<Self>> {
            let args = value.get("args")?.as_list()?;
            args.iter().map(Self::from_value).collect()
        };
        let field = || Some(value.get("field")?.as_str()?.to_string());
        let values = || Some(value.get("values")?.as_list()?.to_vec());
        let op = value.get("op")?.as_str()?;
        Some(match op {
            "in" => Self::In {
                field: field()?,
                values: values()?,
            },
            "not in" => Self::NotIn {
                field: field()?,
                values: values()?,
            },
            "between" => {
                let [from, to] = <[Value; 2]>::try_from(values()?).ok()?;
                Self::Between {
                    field: field()?,
                    from,
                    to,
                }
            }
            "prefix" | "contains" | "like" => Self::Text {
                op: op.into(),
                field: field()?,
                value: value.get("value")?.clone(),
            },
            "is null" => Self::IsNull { field: field()? },
            "and" => Self::And(args()?),
            "or" => Self::Or(args()?),
            "not" => Self::Not(Box::new(Self::from_value(value.get("arg")?)?)),
            _ => Self::Compare {
                field: field()?,
                relation: RELATIONS.iter().find(|known| known.0 == op)?.1,
                value: value.get("value")?.clone(),
            },
        })
    }

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
            Self::NotIn { field, values } => (
                "not in",
                vec![
                    ("field", Value::text(field)),
                    ("values", Value::List(values.clone())),
                ],
            ),
            Self::Between { field, from, to } => (
                "between",
                vec![
                    ("field", Value::text(field)),
                    ("values", Value::List(vec![from.clone(), to.clone()])),
                ],
            ),
            Self::Text { op, field, value } => (
                op.as_str(),
                vec![("field", Value::text(field)), ("value", value.clone())],
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

fn direction_name(direction: Direction) -> &'static str {
    match direction {
        Direction::Ascending => "asc",
        Direction::Descending => "desc",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doc::json;

    fn read(text: &str) -> Option<Query> {
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
}
