//! Relations between answers that hold whatever the right answers are.

use crate::page::Page;
use crate::rng::Rng;
use crate::world::{self, World};
use holm::doc::row::{Change, Row};
use holm::doc::schema::Schema;
use holm::query::ast::{Condition, Query};
use holm::query::check::CheckedQuery;
use holm::query::circuit::Circuit;
use std::rc::Rc;

const CASES: u64 = 120;

/// A schema, a query and a history that began before and goes on after.
struct Case {
    schema: Schema,
    query: Query,
    before: Vec<Rc<Row>>,
    commits: Vec<Vec<Change>>,
    after: Vec<Rc<Row>>,
}

fn cases() -> impl Iterator<Item = Case> {
    (0..CASES).map(|seed| {
        let rng = &mut Rng(seed ^ 0xabcd);
        let schema = world::schema(rng);
        let query = world::query(rng, &schema);
        let mut world = World::default();
        world.commit(rng, &schema);
        let before = world.rows(0);
        let commits = (0..6).map(|_| world.commit(rng, &schema)).collect();
        Case {
            schema,
            query,
            before,
            commits,
            after: world.rows(0),
        }
    })
}

impl Case {
    fn circuit(&self, query: &Query, rows: &[Rc<Row>]) -> Circuit {
        let checked = CheckedQuery::read(&query.to_value(), &self.schema).unwrap();
        Circuit::new(Rc::new(checked), &mut rows.to_vec()).unwrap()
    }

    /// The list after the whole history.
    fn live(&self, query: &Query) -> Vec<Rc<Row>> {
        let mut circuit = self.circuit(query, &self.before);
        for commit in &self.commits {
            circuit.apply(commit, &mut Vec::new());
        }
        circuit.rows().cloned().collect()
    }

    fn with(&self, condition: Option<Condition>) -> Query {
        Query {
            condition,
            after: None,
            offset: 0,
            limit: None,
            ..self.query.clone()
        }
    }
}

#[test]
fn a_limit_is_a_prefix_of_the_next_and_a_large_one_is_none() {
    for case in cases() {
        let limited = |limit| {
            case.live(&Query {
                limit,
                ..case.query.clone()
            })
        };
        let all = limited(None);
        assert_eq!(limited(Some(1_000_000)), all);
        for limit in 0..6 {
            let (shorter, longer) = (limited(Some(limit)), limited(Some(limit + 1)));
            assert!(longer.starts_with(&shorter) && all.starts_with(&longer));
        }
    }
}

#[test]
fn pages_by_offset_and_by_cursor_are_the_whole_list() {
    for (case, size) in cases().zip((1..5).cycle()) {
        let query = |after, offset, limit| Query {
            after,
            offset,
            limit,
            ..case.query.clone()
        };
        let all = case.live(&query(None, 0, None));
        let (mut by_offset, mut by_cursor) = (Vec::new(), Vec::new());
        let (mut offset, mut after) = (0, None);
        for page in all.chunks(size) {
            by_offset.extend(case.live(&query(None, offset, Some(size as u64))));
            by_cursor.extend(case.live(&query(after, 0, Some(size as u64))));
            offset += size as u64;
            let fields = &case.schema.at(0).fields;
            let column = |name: &str| fields.iter().position(|field| field.name == name);
            let last = page.last().unwrap();
            let keys = case.query.order_by.iter().map(|key| &key.0);
            let keys = keys.map(|name| last.value(column(name).map_or(0, |at| at + 1)));
            after = Some(keys.chain([last.value(0)]).collect());
        }
        assert_eq!(by_offset, all);
        assert_eq!(by_cursor, all);
        assert!(case.live(&query(after, 0, None)).is_empty());
    }
}

#[test]
fn subscribing_late_is_subscribing_early() {
    for case in cases() {
        let late = case.circuit(&case.query, &case.after);
        assert_eq!(
            case.live(&case.query),
            late.rows().cloned().collect::<Vec<_>>()
        );
    }
}

#[test]
fn one_commit_of_all_changes_ends_as_one_commit_for_each() {
    for case in cases() {
        let changes: Vec<Change> = case.commits.iter().flatten().cloned().collect();
        let shown: Vec<_> = case
            .circuit(&case.query, &case.before)
            .rows()
            .cloned()
            .collect();
        let (mut at_once, mut singly) = (Page::show(&shown), Page::show(&shown));
        let mut circuit = case.circuit(&case.query, &case.before);
        if let Some(patch) = circuit.apply(&changes, &mut Vec::new()) {
            at_once.apply(&patch);
        }
        let mut circuit = case.circuit(&case.query, &case.before);
        for change in &changes {
            let patch = circuit.apply(std::slice::from_ref(change), &mut Vec::new());
            if let Some(patch) = patch {
                singly.apply(&patch);
            }
        }
        assert_eq!(at_once, singly);
        assert_eq!(at_once, Page::show(&case.live(&case.query)));
    }
}

#[test]
fn a_condition_and_its_negation_divide_the_collection() {
    for case in cases() {
        let Some(condition) = case.query.condition.clone() else {
            continue;
        };
        let holds = case.live(&case.with(Some(condition.clone())));
        let fails = case.live(&case.with(Some(Condition::Not(Box::new(condition)))));
        let mut both = [holds, fails].concat();
        let mut all = case.live(&case.with(None));
        both.sort_by(|a, b| a.id().cmp(b.id()));
        all.sort_by(|a, b| a.id().cmp(b.id()));
        assert_eq!(both, all);
    }
}

#[test]
fn said_twice_or_the_other_way_round_is_the_same_query() {
    for (case, seed) in cases().zip(0..) {
        let rng = &mut Rng(seed);
        let fields = &case.schema.at(0).fields;
        let [a, b] = [(); 2].map(|()| world::condition(rng, fields, 2));
        let checked = |args: [&Condition; 3]| {
            let condition = Condition::And(args.map(Clone::clone).into());
            CheckedQuery::read(&case.with(Some(condition)).to_value(), &case.schema).unwrap()
        };
        assert_eq!(checked([&a, &b, &a]), checked([&b, &a, &b]));
        let both = Condition::And(vec![a.clone(), b.clone()]);
        let nested = Condition::And(vec![both, a.clone()]);
        let apart = case.live(&case.with(Some(a)));
        let together = case.live(&case.with(Some(nested)));
        assert!(together.iter().all(|row| apart.contains(row)));
    }
}
