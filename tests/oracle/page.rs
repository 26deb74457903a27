//! A page as far as lists go: it reads the notices of results and patches and applies it as
//! `docs/PAGE.md` says. It knows rows only as lists of values.

use holm::doc::codec::MAP;
use holm::doc::row::Row;
use holm::doc::value::Value;
use holm::engine::list::{PATCH_MEMBERS, write_patch, write_rows};
use holm::engine::message;
use holm::query::patch::Patch;
use std::rc::Rc;

/// What the page shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    pub list: Vec<Value>,
}

/// A row as the page has it.
pub fn plain(row: &Row) -> Value {
    Value::List((0..row.columns()).map(|column| row.value(column)).collect())
}

/// The id of a row.
fn id(row: &Value) -> &str {
    row.as_list().unwrap()[0].as_str().unwrap()
}

fn members<'a>(message: &'a Value, name: &str) -> &'a [Value] {
    message
        .get(name)
        .and_then(Value::as_list)
        .expect("a patch has all its members")
}

/// The one notice of a message, as it is after it crossed to the page.
fn crossed(notice: &[u8]) -> Value {
    let [notice] = message::notices(&message::to_page(notice))
        .try_into()
        .expect("one notice");
    notice
}

fn position(value: &Value) -> usize {
    value.as_u64().expect("a position") as usize
}

fn pair(value: &Value) -> (&Value, &Value) {
    let [first, second] = value.as_list().unwrap() else {
        panic!("not a pair: {value:?}")
    };
    (first, second)
}

impl Page {
    /// Shows a result.
    pub fn show(rows: &[Rc<Row>]) -> Self {
        let mut bytes = vec![MAP, 1];
        write_rows(&mut bytes, rows);
        Self {
            list: members(&crossed(&bytes), "rows").to_vec(),
        }
    }

    /// Applies a patch and checks that it says no more than it must.
    pub fn apply(&mut self, patch: &Patch) {
        let mut bytes = vec![MAP, PATCH_MEMBERS as u8];
        write_patch(&mut bytes, patch);
        let message = crossed(&bytes);
        let removes: Vec<usize> = members(&message, "removes").iter().map(position).collect();
        let moves: Vec<(usize, usize)> = members(&message, "moves")
            .iter()
            .map(|step| (position(pair(step).0), position(pair(step).1)))
            .collect();
        let inserts = members(&message, "inserts").iter().map(pair);
        let inserts: Vec<(usize, Value)> = inserts
            .map(|(at, row)| (position(at), row.clone()))
            .collect();
        self.check(&removes, &moves, &inserts);
        let leaves = |at: &usize| removes.contains(at) || moves.iter().any(|step| step.0 == *at);
        let kept = (0..self.list.len()).filter(|at| !leaves(at));
        let mut list: Vec<Value> = kept.map(|at| self.list[at].clone()).collect();
        let mut put = inserts;
        put.extend(
            moves
                .iter()
                .map(|(from, to)| (*to, self.list[*from].clone())),
        );
        put.sort_by_key(|entry| entry.0);
        for (at, row) in put {
            list.insert(at, row);
        }
        for (at, columns) in members(&message, "updates").iter().map(pair) {
            let Value::List(row) = &mut list[position(at)] else {
                panic!("a row is a list")
            };
            for (column, value) in columns.as_list().unwrap().iter().map(pair) {
                let cell = &mut row[position(column)];
                assert_ne!(cell, value, "a column that did not change is in the patch");
                *cell = value.clone();
            }
        }
        self.list = list;
    }

    fn check(&self, removes: &[usize], moves: &[(usize, usize)], inserts: &[(usize, Value)]) {
        assert!(removes.is_sorted_by(|a, b| a < b), "removes ascend");
        assert!(moves.is_sorted_by(|a, b| a.0 < b.0), "moves ascend");
        assert!(inserts.is_sorted_by(|a, b| a.0 < b.0), "inserts ascend");
        for (_, row) in inserts {
            let is_old = self.list.iter().any(|old| id(old) == id(row));
            assert!(
                !is_old,
                "a row that was in the list moves: it is not inserted"
            );
        }
    }
}
