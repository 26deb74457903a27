//! Queries that are read, those that are refused, and with which place.

use super::*;
use crate::doc::json;

fn schema() -> Schema {
    let text = r#"{"version":1,"collections":{"films":{"fields":[
        {"name":"title","kind":"string"},
        {"name":"year","kind":"int","nullable":true},
        {"name":"genre","kind":"enum","values":["Drama","Comedy"]},
        {"name":"tags","kind":"list","item":{"kind":"string"}},
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
    let query =
        check(r#"{"from":"films","where":{"op":">=","field":"year","value":1979.5},"limit":3}"#);
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
    let error = check(r#"{"from":"films","orderBy":[["id","asc"],["yeer","asc"]]}"#).unwrap_err();
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

/// Queries, each with the place of its fault.
const MALFORMED: &[(&str, &str)] = &[
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
    (r#"{"from":"films","offset":-1}"#, "offset"),
    (r#"{"from":"films","after":"x"}"#, "after"),
    (r#"{"from":"films","after":[]}"#, "after"),
    (
        r#"{"from":"films","orderBy":[["year","asc"]],"after":["a"]}"#,
        "after",
    ),
    (r#"{"from":"films","after":[null]}"#, "after[0]"),
    (
        r#"{"from":"films","orderBy":[["year","asc"],["year","asc"]],"after":[1,2,"a"]}"#,
        "after[1]",
    ),
    (
        r#"{"from":"films","orderBy":[["id","asc"]],"after":["a","b"]}"#,
        "after[0]",
    ),
    (
        r#"{"from":"films","where":{"op":"between","field":"year","values":[1]}}"#,
        "where.values",
    ),
    (
        r#"{"from":"films","where":{"op":"prefix","field":"year","value":"1"}}"#,
        "where.value",
    ),
    (
        r#"{"from":"films","where":{"op":"contains","field":"title","value":1}}"#,
        "where.value",
    ),
    (
        r#"{"from":"films","where":{"op":"contains","field":"tags","value":1}}"#,
        "where.value",
    ),
    (
        r#"{"from":"films","where":{"op":"like","field":"title","value":"a\\"}}"#,
        "where.value",
    ),
];

#[test]
fn what_is_malformed_is_refused_with_its_place() {
    for (text, place) in MALFORMED {
        let error = check(text).unwrap_err();
        assert_eq!(
            (error.code(), error.details()),
            ("bad_query", vec![("place", (*place).into())]),
            "{text}"
        );
    }
    let error = check(r#"{"from":"films","where":{"op":"not","arg":{"op":"=="}}}"#).unwrap_err();
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

#[test]
fn what_says_the_same_in_other_words_is_equal() {
    for (one, other) in [
        (
            r#"{"op":"between","field":"year","values":[1,2]}"#,
            r#"{"op":"and","args":[{"op":"<=","field":"year","value":2},
                {"op":">=","field":"year","value":1}]}"#,
        ),
        (
            r#"{"op":"not in","field":"year","values":[1]}"#,
            r#"{"op":"!=","field":"year","value":1}"#,
        ),
        (
            r#"{"op":"like","field":"id","value":"a%"}"#,
            r#"{"op":"prefix","field":"id","value":"a"}"#,
        ),
        (
            r#"{"op":"like","field":"title","value":"100\\%"}"#,
            r#"{"op":"=","field":"title","value":"100%"}"#,
        ),
    ] {
        assert_eq!(with_where(one).unwrap(), with_where(other).unwrap());
    }
}

#[test]
fn a_cursor_is_held_against_the_order() {
    let query = |after: &str| {
        let order = r#"[["year","desc"],["genre","asc"]]"#;
        check(&format!(
            r#"{{"from":"films","orderBy":{order},"after":{after}}}"#
        ))
    };
    assert!(query(r#"[null,"Drama","a"]"#).is_ok());
    for (after, place) in [
        (r#"["x","Drama","a"]"#, "after[0]"),
        (r#"[1,"Horror","a"]"#, "after[1]"),
        (r#"[1,"Drama",7]"#, "after[2]"),
    ] {
        let error = query(after).unwrap_err();
        assert_eq!(error.code(), "bad_value", "{after}");
        assert!(error.details().contains(&("place", place.into())));
    }
}
