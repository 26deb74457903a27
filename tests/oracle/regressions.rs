//! Bugs of other live query engines, each a test under its number in the list of known ones.

use crate::page::{Page, plain};
use holm::doc::json;
use holm::doc::row::{Change, Row};
use holm::doc::schema::Schema;
use holm::doc::value::{Number, Value};
use holm::ids::{SubscriptionId, TabId};
use holm::query::ast::Query;
use holm::query::check::CheckedQuery;
use holm::query::live::LiveQueries;
use holm::query::naive;
use holm::query::patch::Patch;
use std::collections::BTreeMap;
use std::rc::Rc;

const SCHEMA: &str = r#"{"version":1,"collections":{"films":{"fields":[
    {"name":"title","kind":"string"},
    {"name":"rating","kind":"float","nullable":true},
    {"name":"year","kind":"int"}]}}}"#;

type Film = (&'static str, &'static str, Option<f64>, i64);

fn row((id, title, rating, year): Film) -> Row {
    let rating = rating.map_or(Value::Null, |rating| {
        Value::Number(Number::new(rating).unwrap())
    });
    Row::of(id, &[Value::text(title), rating, Value::int(year)])
}

/// Films that differ in their rating only.
fn rated(ratings: &[(&'static str, f64)]) -> Vec<Film> {
    ratings
        .iter()
        .map(|(id, rating)| (*id, "t", Some(*rating), 2000))
        .collect()
}

/// A live query over films and the page that shows it.
struct Listener {
    schema: Schema,
    query: Query,
    rows: BTreeMap<String, Rc<Row>>,
    live: LiveQueries,
    page: Page,
}

fn check(schema: &Schema, query: &str) -> (Query, CheckedQuery) {
    let query = Query::from_value(&json::read(query.as_bytes()).unwrap()).unwrap();
    let checked = CheckedQuery::read(&query.to_value(), schema).unwrap();
    (query, checked)
}

fn listen(query: &str, films: &[Film]) -> Listener {
    let schema = Schema::from_value(&json::read(SCHEMA.as_bytes()).unwrap()).unwrap();
    let (query, checked) = check(&schema, query);
    let rows: Vec<Rc<Row>> = films.iter().map(|film| Rc::new(row(*film))).collect();
    let mut live = LiveQueries::default();
    let shown = live
        .subscribe(TabId(1), SubscriptionId(1), checked, &mut rows.clone())
        .unwrap();
    let rows = rows
        .into_iter()
        .map(|row| (row.id_text().to_string(), row))
        .collect();
    Listener {
        schema,
        query,
        rows,
        live,
        page: Page::show(&shown),
    }
}

impl Listener {
    /// One commit that writes films and deletes others. Checks the list against the naive answer.
    fn commit(&mut self, films: &[Film], deleted: &[&str]) -> Option<Rc<Patch>> {
        let mut changes = Vec::new();
        for id in deleted {
            let old = self.rows.remove(*id);
            changes.push(Change {
                collection: 0,
                old,
                new: None,
            });
        }
        for film in films {
            let new = Rc::new(row(*film));
            let old = self.rows.insert(new.id_text().to_string(), Rc::clone(&new));
            // What leaves is equal to what came, and not the same object.
            let old = old.map(|old| Rc::new(Row::clone(&old)));
            changes.push(Change {
                collection: 0,
                old,
                new: Some(new),
            });
        }
        let patch = self
            .live
            .apply(&changes, &mut Vec::new())
            .pop()
            .map(|heard| heard.2);
        if let Some(patch) = &patch {
            self.page.apply(patch);
        }
        let expected = naive::evaluate(&self.query, &self.schema, self.rows.values());
        assert_eq!(
            self.page.list,
            expected.iter().map(|row| plain(row)).collect::<Vec<_>>()
        );
        patch
    }

    fn ids(&self) -> String {
        let id = |row: &Value| row.as_list().unwrap()[0].as_str().unwrap().to_string();
        self.page.list.iter().map(id).collect()
    }
}

const LOWEST_TWO: &str = r#"{"from":"films","orderBy":[["rating","asc"]],"limit":2}"#;

#[test]
fn q1_an_edit_of_the_bound_row_neither_keeps_it_nor_exceeds_the_limit() {
    let mut films = listen(LOWEST_TWO, &rated(&[("a", 1.), ("b", 2.), ("c", 3.)]));
    films.commit(&rated(&[("b", 9.)]), &[]);
    assert_eq!(films.ids(), "ac");
    films.commit(&rated(&[("c", 2.)]), &[]);
    films.commit(&rated(&[("c", 0.)]), &[]);
    assert_eq!(films.ids(), "ca");
}

#[test]
fn q5_ranges_and_orders_compare_by_code_point() {
    let query = r#"{"from":"films","where":{"op":">","field":"title","value":"\uff61"},
        "orderBy":[["title","asc"]]}"#;
    let mut films = listen(query, &[]);
    // By UTF-16 units the second is smaller than the first.
    films.commit(
        &[("a", "\u{ff61}", None, 1), ("b", "\u{1f600}", None, 1)],
        &[],
    );
    films.commit(&[("c", "\u{ff62}", None, 1)], &[]);
    assert_eq!(films.ids(), "cb");
}

#[test]
fn q9_zero_has_one_sign_and_nan_is_no_number() {
    let zero = r#"{"from":"films","where":{"op":"=","field":"rating","value":-0.0},
        "orderBy":[["rating","desc"]]}"#;
    let mut films = listen(zero, &rated(&[("b", 0.), ("a", -0.)]));
    assert_eq!(films.ids(), "ab");
    films.commit(&rated(&[("c", -0.)]), &["a"]);
    assert_eq!(films.ids(), "bc");
    assert!(Number::new(f64::NAN).is_none() && json::read(b"NaN").is_err());
}

#[test]
fn q10_rows_that_tie_at_the_edge_are_not_skipped() {
    let same: Vec<Film> = rated(&[("a", 1.), ("b", 1.), ("c", 1.), ("d", 1.), ("e", 1.)]);
    let mut films = listen(LOWEST_TWO, &same);
    for (deleted, left) in [("a", "bc"), ("c", "bd"), ("b", "de"), ("e", "d")] {
        films.commit(&[], &[deleted]);
        assert_eq!(films.ids(), left);
    }
}

#[test]
fn q11_rows_are_known_by_their_id_not_by_reference() {
    let mut films = listen(LOWEST_TWO, &rated(&[("a", 1.), ("b", 2.), ("c", 3.)]));
    for rating in [5., 1., 6., 2.] {
        films.commit(&rated(&[("a", rating)]), &[]);
        assert_eq!(films.ids().len(), 2);
    }
}

#[test]
fn q12_a_condition_with_a_limit_fills_the_list_and_stops_when_rows_run_out() {
    let query = r#"{"from":"films","where":{"op":"=","field":"title","value":"t"},"limit":2}"#;
    let other = [
        ("a", "x", None, 1),
        ("b", "x", None, 1),
        ("c", "x", None, 1),
    ];
    let mut films = listen(
        query,
        &[&other[..], &rated(&[("d", 1.), ("e", 1.), ("f", 1.)])].concat(),
    );
    assert_eq!(films.ids(), "de");
    films.commit(&[], &["d", "e"]);
    assert_eq!(films.ids(), "f");
    films.commit(&[], &["f"]);
    assert_eq!(films.ids(), "");
    films.commit(&[("c", "t", None, 1)], &[]);
    assert_eq!(films.ids(), "c");
}

#[test]
fn q13_a_delete_on_a_partial_descending_page_shows() {
    let query = r#"{"from":"films","orderBy":[["rating","desc"]],"limit":5}"#;
    let mut films = listen(query, &rated(&[("a", 1.), ("b", 2.), ("c", 3.)]));
    films.commit(&[], &["b"]);
    assert_eq!(films.ids(), "ca");
}

#[test]
fn q14_a_change_of_order_alone_moves_the_row() {
    let query = r#"{"from":"films","orderBy":[["year","asc"]]}"#;
    let mut films = listen(
        query,
        &[
            ("a", "t", None, 1),
            ("b", "t", None, 2),
            ("c", "t", None, 3),
        ],
    );
    let patch = films.commit(&[("a", "t", None, 9)], &[]).unwrap();
    assert_eq!(
        (patch.moves.as_slice(), films.ids().as_str()),
        (&[(0, 2)][..], "bca")
    );
    let patch = films.commit(&[("c", "t", None, 4)], &[]).unwrap();
    assert_eq!((patch.moves.len(), patch.updates.len()), (0, 1));
}

#[test]
fn q15_a_list_without_limit_moves_rows_too() {
    let query = r#"{"from":"films","orderBy":[["rating","desc"],["title","asc"]]}"#;
    let mut films = listen(query, &rated(&[("a", 1.), ("b", 2.), ("c", 3.), ("d", 4.)]));
    let patch = films.commit(&rated(&[("a", 9.)]), &[]).unwrap();
    assert_eq!(
        (patch.moves.as_slice(), films.ids().as_str()),
        (&[(3, 0)][..], "adcb")
    );
    assert!(patch.removes.is_empty() && patch.inserts.is_empty());
}

#[test]
fn q18_every_column_of_an_order_counts_in_its_own_direction() {
    let query =
        r#"{"from":"films","orderBy":[["rating","desc"],["year","asc"],["id","desc"]],"limit":4}"#;
    let mut films = listen(query, &[("a", "t", Some(1.), 5), ("b", "t", None, 1)]);
    films.commit(
        &[
            ("c", "t", Some(1.), 4),
            ("d", "t", Some(1.), 5),
            ("e", "t", Some(0.), 9),
        ],
        &[],
    );
    assert_eq!(films.ids(), "cdae");
}

#[test]
fn q20_deletes_under_a_limit_take_effect_and_rewriting_a_row_is_no_second_one() {
    let mut films = listen(LOWEST_TWO, &rated(&[("a", 1.), ("b", 2.), ("c", 3.)]));
    films.commit(&[], &["c"]);
    films.commit(&[], &["a"]);
    assert_eq!(films.ids(), "b");
    let patch = films.commit(&rated(&[("b", 1.)]), &["b"]).unwrap();
    assert_eq!(
        (
            patch.inserts.len(),
            patch.removes.len(),
            patch.updates.len()
        ),
        (0, 0, 1)
    );
    assert!(films.commit(&rated(&[("b", 1.)]), &["b"]).is_none());
}

#[test]
fn q23_a_row_that_enters_the_first_n_displaces_one() {
    let query = r#"{"from":"films","orderBy":[["rating","desc"]],"limit":2}"#;
    let mut films = listen(query, &rated(&[("a", 1.), ("b", 2.)]));
    for (id, rating, shown) in [("c", 3., "cb"), ("d", 4., "dc"), ("e", 0., "dc")] {
        films.commit(&rated(&[(id, rating)]), &[]);
        assert_eq!(films.ids(), shown);
    }
}

#[test]
fn q24_queries_that_differ_anywhere_do_not_share_a_result() {
    let mut films = listen(r#"{"from":"films"}"#, &rated(&[("a", 1.)]));
    let queries = [
        r#"{"from":"films","limit":1}"#,
        r#"{"from":"films","limit":2}"#,
        r#"{"from":"films","orderBy":[["rating","asc"]]}"#,
        r#"{"from":"films","orderBy":[["rating","desc"]]}"#,
        r#"{"from":"films","orderBy":[["rating","asc"],["year","asc"]]}"#,
        r#"{"from":"films","where":{"op":"=","field":"year","value":1}}"#,
        r#"{"from":"films","where":{"op":"=","field":"year","value":2}}"#,
        r#"{"from":"films","where":{"op":"in","field":"year","values":[1,2]}}"#,
        r#"{"from":"films","where":{"op":"in","field":"rating","values":[1,2]}}"#,
        r#"{"from":"films","where":{"op":"is null","field":"year"}}"#,
        r#"{"from":"$outbox"}"#,
    ];
    for (number, query) in queries.iter().enumerate() {
        let (_, checked) = check(&films.schema, query);
        let subscription = SubscriptionId(number as u64 + 2);
        films
            .live
            .subscribe(TabId(1), subscription, checked, &mut Vec::new())
            .unwrap();
    }
    assert_eq!(films.live.circuits(), queries.len() + 1);
}

#[test]
fn q25_several_conditions_meet() {
    let query = r#"{"from":"films","where":{"op":"and","args":[
        {"op":"=","field":"title","value":"t"},{"op":">=","field":"rating","value":2},
        {"op":"=","field":"year","value":2000}]}}"#;
    let mut films = listen(query, &rated(&[("a", 1.), ("b", 2.)]));
    films.commit(
        &[
            ("c", "t", Some(3.), 1999),
            ("d", "u", Some(3.), 2000),
            ("e", "t", Some(3.), 2000),
        ],
        &[],
    );
    assert_eq!(films.ids(), "be");
}
