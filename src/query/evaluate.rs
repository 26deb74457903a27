//! One answer to a query: its rows in order, up to the limit.
//!
//! With a limit it holds at most twice that many rows, whatever the collection's size.

use super::check::CheckedQuery;
use crate::doc::row::Row;
use crate::error::Error;
use crate::operator::order::{Entry, sorted};
use crate::operator::window::Found;
use std::rc::Rc;

/// Where the rows of a collection come from.
pub trait Rows {
    /// Reads what a query may match. Of an answer in order `enough` rows do.
    fn read(&mut self, query: &CheckedQuery, enough: usize) -> Result<Found, Error>;
}

/// The rows of one collection, held in memory.
impl Rows for Vec<Rc<Row>> {
    fn read(&mut self, _: &CheckedQuery, _: usize) -> Result<Found, Error> {
        Ok(Found {
            rows: self.clone(),
            is_all: true,
            is_ordered: false,
        })
    }
}

/// Fewest rows that are gathered before the largest are thrown away.
const GATHERED_MIN: usize = 64;

/// The answer, of rows among which it is.
pub fn evaluate(query: &CheckedQuery, rows: &[Rc<Row>]) -> Vec<Rc<Row>> {
    let limit = query.reach().unwrap_or(usize::MAX);
    let mut best = Best {
        limit,
        entries: Vec::new(),
        bound: None,
    };
    let mut key = Vec::new();
    for row in rows.iter().filter(|row| query.matches(row)) {
        query.order.write_key(&mut key, row);
        best.offer(&key, row);
    }
    best.cut();
    let answer = best.entries.into_iter().skip(query.offset);
    answer.map(|entry| entry.row).collect()
}

/// The first rows of those offered.
struct Best {
    limit: usize,
    entries: Vec<Entry>,
    /// Once there are `limit` rows: the key that a row must be below.
    bound: Option<Box<[u8]>>,
}

impl Best {
    fn offer(&mut self, key: &[u8], row: &Rc<Row>) {
        if self
            .bound
            .as_ref()
            .is_some_and(|bound| key >= bound.as_ref())
        {
            return;
        }
        self.entries.push(Entry {
            key: key.into(),
            row: Rc::clone(row),
        });
        if self.entries.len() / 2 >= self.limit.max(GATHERED_MIN) {
            self.cut();
        }
    }

    fn cut(&mut self) {
        self.entries = sorted(std::mem::take(&mut self.entries));
        if self.entries.len() > self.limit {
            self.entries.truncate(self.limit);
            self.bound = self.entries.last().map(|last| last.key.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doc::key::Direction;
    use crate::doc::value::Value;
    use crate::operator::order::Order;
    use crate::operator::predicate::Predicate;

    #[test]
    fn the_first_rows_are_found_whatever_their_number() {
        let rows: Vec<_> = (0..1_000_i64)
            .map(|n| Rc::new(Row::of(&format!("{n:03}"), &[Value::int(n * 7 % 100)])))
            .collect();
        let mut expected = rows.clone();
        expected.sort_by_key(|row| (std::cmp::Reverse(row.values()), row.id().to_vec()));
        for limit in [
            Some(0),
            Some(1),
            Some(63),
            Some(64),
            Some(65),
            Some(999),
            Some(2_000),
            None,
        ] {
            let query = CheckedQuery {
                collection: 0,
                predicate: Predicate::always().into(),
                order: Order::new([(1, Direction::Descending)]),
                offset: 0,
                limit,
            };
            let found = evaluate(&query, &rows);
            assert_eq!(found, expected[..limit.unwrap_or(1_000).min(1_000)]);
        }
    }
}
