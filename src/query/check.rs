//! Reading a query (`docs/PAGE.md`) and holding it against the schema, in one pass: names become
//! columns, operands fit their fields, and queries that obviously mean the same become equal, so
//! that they share one circuit.
//!
//! Refused, with the place in the query such as `where.args[1].field`, is what is malformed, what
//! does not fit the schema and what is larger than the limits. Column 0 is the id, column n is
//! field n-1. Must not know rows' storage or who asks.

use crate::doc::codec::binary;
use crate::doc::key::Direction;
use crate::doc::row::{Change, Row};
use crate::doc::schema::{Collection, Field, Kind, Schema};
use crate::doc::value::Value;
use crate::error::{Error, Problem};
use crate::limits::{DEPTH_MAX, QUERY_DEPTH_MAX, QUERY_NODES_MAX, QUERY_VALUES_MAX};
use crate::operator::order::Order;
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
        let predicate = match present(query, "where") {
            Some(condition) => reader.condition("where", condition, 1)?,
            None => Predicate::always(),
        };
        let order = match present(query, "orderBy") {
            Some(keys) => reader.order(keys)?,
            None => Order::default(),
        };
        let limit = match present(query, "limit").map(Value::as_u64) {
            Some(None) => return Err(bad("limit", "it must be a whole number from 0")),
            // A limit beyond the address space limits nothing.
            limit => limit
                .flatten()
                .and_then(|limit| usize::try_from(limit).ok()),
        };
        Ok(Self {
            collection,
            predicate: predicate.into(),
            order,
            limit,
        })
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
    fn order(&self, keys: &Value) -> Result<Order, Error> {
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
        Ok(Order::new(columns))
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
        match op {
            "in" => self.one_of(place, value),
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
        Ok(Predicate::one_of(column, operands))
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
mod tests {
    use super::*;
    use crate::doc::json;

    fn schema() -> Schema {
        let text = r#"{"version":1,"collections":{"films":{"fields":[
            {"name":"title","kind":"string"},
            {"name":"year","kind":"int","nullable":true},
            {"name":"genre","kind":"enum","values":["Drama","Comedy"]},
            {"name":"extra","kind":"json"}]}}}"#;
        Schema::from_value(&json::read(text.as_bytes()).unwrap()).unwrap()
    }

    fn check(text: &str) -> Result<CheckedQuery, Error> {
        CheckedQuery::read(&json::read(text.as_bytes()).unwrap(), &schema())
    }

    fn with_where(condition: &str) -> Result<CheckedQuery, Error> {
        check(&format!(r#"{{"from":"films","where":{condition}}}"#))
    }

    #[test]
    fn names_become_columns() {
        let query = check(
            r#"{"from":"films","where":{"op":">=","field":"year","value":1979.5},"limit":3}"#,
        );
        let query = query.unwrap();
        assert_eq!((query.collection, query.limit), (0, Some(3)));
        assert!(matches!(
            *query.predicate,
            Predicate::Compare { column: 2, .. }
        ));
        assert_eq!(
            check(r#"{"from":"$outbox","where":{"op":"=","field":"state","value":"sent"}}"#)
                .unwrap()
                .collection,
            1
        );
    }

    #[test]
    fn unknown_names_are_refused_with_place_and_nearest() {
        let error = check(r#"{"from":"film"}"#).unwrap_err();
        assert_eq!(error.code(), "unknown_collection");
        assert!(error.details().contains(&("place", "from".into())));
        let condition = r#"{"op":"and","args":[{"op":"is null","field":"id"},
            {"op":"not","arg":{"op":"=","field":"titl","value":"x"}}]}"#;
        let error = with_where(condition).unwrap_err();
        assert_eq!(error.code(), "unknown_field");
        assert!(error.details().contains(&("nearest", "title".into())));
        assert!(
            error
                .details()
                .contains(&("place", "where.args[1].arg.field".into()))
        );
        let error =
            check(r#"{"from":"films","orderBy":[["id","asc"],["yeer","asc"]]}"#).unwrap_err();
        assert!(error.details().contains(&("place", "orderBy[1]".into())));
        assert!(error.message().contains("Did you mean `year`?"));
    }

    #[test]
    fn operands_must_fit_their_fields() {
        for (condition, place, expected) in [
            (
                r#"{"op":"=","field":"title","value":7}"#,
                "where.value",
                "a string",
            ),
            (
                r#"{"op":"<","field":"year","value":"x"}"#,
                "where.value",
                "a whole number within 2^53",
            ),
            (
                r#"{"op":"=","field":"genre","value":"Horror"}"#,
                "where.value",
                "one of Drama, Comedy",
            ),
            (
                r#"{"op":"in","field":"id","values":["a",2]}"#,
                "where.values[1]",
                "a string",
            ),
        ] {
            let error = with_where(condition).unwrap_err();
            assert_eq!(error.code(), "bad_value", "{condition}");
            assert!(error.details().contains(&("place", place.into())));
            assert!(error.details().contains(&("expected", expected.into())));
        }
        assert!(with_where(r#"{"op":"<","field":"extra","value":[1,{"a":true}]}"#).is_ok());
    }

    #[test]
    fn a_null_operand_is_refused_and_says_what_to_use() {
        for condition in [
            r#"{"op":"=","field":"year","value":null}"#,
            r#"{"op":"!=","field":"extra","value":null}"#,
            r#"{"op":"in","field":"year","values":[1,null]}"#,
        ] {
            let error = with_where(condition).unwrap_err();
            assert_eq!(error.code(), "bad_query");
            assert!(error.message().contains("is null"));
        }
    }

    #[test]
    fn queries_that_obviously_mean_the_same_are_equal_and_others_are_not() {
        let query = |limit: u64, order: &str| {
            let condition = r#"{"op":"and","args":[{"op":"in","field":"year","values":[2,1]},
                {"op":"=","field":"title","value":"a"}]}"#;
            let head = format!(r#"{{"from":"films","limit":{limit},"orderBy":[{order}]"#);
            check(&format!(r#"{head},"where":{condition}}}"#)).unwrap()
        };
        let same = check(
            r#"{"from":"films","limit":2,"where":{"op":"and","args":[
            {"op":"=","field":"title","value":"a"},{"op":"in","field":"year","values":[1,2,2]}]}}"#,
        );
        assert_eq!(query(2, ""), same.unwrap());
        assert_ne!(query(2, ""), query(1, ""));
        assert_ne!(
            query(2, r#"["year","asc"]"#),
            query(2, r#"["year","desc"]"#)
        );
    }

    #[test]
    fn what_is_malformed_is_refused_with_its_place() {
        for (text, place) in [
            (r"{}", "from"),
            (r#"{"from":"films","limit":-1}"#, "limit"),
            (r#"{"from":"films","limit":1.5}"#, "limit"),
            (r#"{"from":"films","orderBy":"b"}"#, "orderBy"),
            (
                r#"{"from":"films","orderBy":[["id","asc"],["id","up"]]}"#,
                "orderBy[1]",
            ),
            (r#"{"from":"films","where":[]}"#, "where"),
            (r#"{"from":"films","where":{"op":"and"}}"#, "where.args"),
            (r#"{"from":"films","where":{"op":"not"}}"#, "where.arg"),
            (
                r#"{"from":"films","where":{"op":"=","field":"id"}}"#,
                "where.value",
            ),
            (
                r#"{"from":"films","where":{"op":"or","args":[{"op":"=","value":1}]}}"#,
                "where.args[0].field",
            ),
            (
                r#"{"from":"films","where":{"op":"in","field":"id","values":1}}"#,
                "where.values",
            ),
        ] {
            let error = check(text).unwrap_err();
            assert_eq!(
                (error.code(), error.details()),
                ("bad_query", vec![("place", place.into())]),
                "{text}"
            );
        }
        let error =
            check(r#"{"from":"films","where":{"op":"not","arg":{"op":"=="}}}"#).unwrap_err();
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
        let is_null = r#"{"op":"is null","field":"id"}"#;
        let deep = |depth: usize| {
            let open = r#"{"op":"not","arg":"#.repeat(depth - 1);
            format!("{open}{is_null}{}", "}".repeat(depth - 1))
        };
        let list = |item: &str, count: usize| vec![item; count].join(",");
        let wide = |count| format!(r#"{{"op":"and","args":[{}]}}"#, list(is_null, count - 1));
        let many = |count| {
            let values = list("1", count);
            format!(r#"{{"op":"in","field":"year","values":[{values}]}}"#)
        };
        for (fits, too_large) in [
            (deep(QUERY_DEPTH_MAX), deep(QUERY_DEPTH_MAX + 1)),
            (wide(QUERY_NODES_MAX), wide(QUERY_NODES_MAX + 1)),
            (many(QUERY_VALUES_MAX), many(QUERY_VALUES_MAX + 1)),
        ] {
            assert!(with_where(&fits).is_ok());
            assert_eq!(with_where(&too_large).unwrap_err().code(), "bad_query");
        }
    }
}
