//! A query held against the schema: names become columns, operands fit their fields, and queries
//! that obviously mean the same become equal, so that they share one circuit.
//!
//! Column 0 is the id, column n is field n-1. Must not know rows' storage or who asks.

use super::ast::{Condition, Query, bad};
use crate::doc::codec::binary;
use crate::doc::row::{Change, Row};
use crate::doc::schema::{Collection, Field, Kind, Schema};
use crate::doc::value::Value;
use crate::error::{Error, Problem};
use crate::limits::DEPTH_MAX;
use crate::operator::order::Order;
use crate::operator::predicate::Predicate;

/// A query that can be answered. Equal ones have equal answers: every member counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CheckedQuery {
    /// Position of the collection in the schema.
    pub collection: usize,
    /// What its rows hold.
    pub predicate: Predicate,
    /// The order of the list.
    pub order: Order,
    /// The most rows.
    pub limit: Option<usize>,
}

impl CheckedQuery {
    /// Checks a query. The error names the place in the query and the nearest name.
    pub fn new(query: &Query, schema: &Schema) -> Result<Self, Error> {
        let position = schema
            .position(&query.from)
            .map_err(|error| at("from", error))?;
        let collection = schema.at(position);
        let predicate = match &query.condition {
            Some(condition) => check_condition("where", condition, collection)?,
            None => Predicate::always(),
        };
        let mut columns = Vec::with_capacity(query.order_by.len());
        for (at, (field, direction)) in query.order_by.iter().enumerate() {
            let (column, _) = find(&format!("orderBy[{at}]"), field, collection)?;
            columns.push((column, *direction));
        }
        // A limit beyond the address space limits nothing.
        let limit = query.limit.and_then(|limit| usize::try_from(limit).ok());
        Ok(Self {
            collection: position,
            predicate,
            order: Order::new(columns),
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

fn at(place: &str, error: Error) -> Error {
    Error::from(Problem::InQuery {
        place: place.into(),
        error,
    })
}

/// The column of a field, and the field; none for the id.
fn find<'a>(
    place: &str,
    name: &str,
    collection: &'a Collection,
) -> Result<(usize, Option<&'a Field>), Error> {
    if name == "id" {
        return Ok((0, None));
    }
    let position = collection
        .position(name)
        .map_err(|error| at(place, error))?;
    Ok((position + 1, collection.fields.get(position)))
}

fn check_condition(
    place: &str,
    condition: &Condition,
    collection: &Collection,
) -> Result<Predicate, Error> {
    let in_field = |name: &str| find(&format!("{place}.field"), name, collection);
    match condition {
        Condition::Compare {
            field,
            relation,
            value,
        } => {
            let (column, field) = in_field(field)?;
            check_operand(&format!("{place}.value"), collection, field, value)?;
            let (relation, operand) = (*relation, binary(value));
            Ok(Predicate::Compare {
                column,
                relation,
                operand,
            })
        }
        Condition::In { field, values } => {
            let (column, field) = in_field(field)?;
            for (position, value) in values.iter().enumerate() {
                check_operand(
                    &format!("{place}.values[{position}]"),
                    collection,
                    field,
                    value,
                )?;
            }
            let operands = values.iter().map(binary).collect();
            Ok(Predicate::one_of(column, operands))
        }
        Condition::IsNull { field } => Ok(Predicate::IsNull {
            column: in_field(field)?.0,
        }),
        Condition::And(args) => check_all(place, args, collection).map(Predicate::all),
        Condition::Or(args) => check_all(place, args, collection).map(Predicate::any),
        Condition::Not(arg) => {
            check_condition(&format!("{place}.arg"), arg, collection).map(Predicate::negated)
        }
    }
}

fn check_all(
    place: &str,
    args: &[Condition],
    collection: &Collection,
) -> Result<Vec<Predicate>, Error> {
    let checked = args
        .iter()
        .enumerate()
        .map(|(at, arg)| check_condition(&format!("{place}.args[{at}]"), arg, collection));
    checked.collect()
}

/// Refuses an operand that the field could never hold, and null, with which no comparison is true.
fn check_operand(
    place: &str,
    collection: &Collection,
    field: Option<&Field>,
    value: &Value,
) -> Result<(), Error> {
    if value.is_null() {
        return Err(bad(
            place,
            "a comparison with null is never true; use {\"op\": \"is null\", \"field\": ...}",
        ));
    }
    let fits = match field.map(|field| &field.kind) {
        None => matches!(value, Value::String(_)),
        // A bound between two whole numbers is a bound all the same.
        Some(Kind::Int | Kind::Float | Kind::Timestamp) => matches!(value, Value::Number(_)),
        Some(kind) => kind.takes(&binary(value)) && value.depth() <= DEPTH_MAX,
    };
    if fits {
        return Ok(());
    }
    let (name, kind) = field.map_or(("id", &Kind::String), |field| (&field.name, &field.kind));
    Err(at(
        place,
        collection.bad_value(name, kind.expected(), value),
    ))
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
        let query = Query::from_value(&json::read(text.as_bytes()).unwrap())?;
        CheckedQuery::new(&query, &schema())
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
            query.predicate,
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
}
