//! A circuit: a query compiled to operators, with its answer kept up to date.
//!
//! `filter -> window`. A commit's changes are pushed one by one and take effect together in
//! [`Circuit::finish`]. The cost of a commit is that of its changes, not of the collection; nothing
//! is evaluated again. Must not know tabs, other circuits or where rows are stored.

use super::check::CheckedQuery;
use super::evaluate::Rows;
use super::patch::Patch;
use crate::doc::row::{Change, Row};
use crate::error::Error;
use crate::operator::Operator;
use crate::operator::filter::Filter;
use crate::operator::window::Window;
use crate::zset::ZSet;
use std::rc::Rc;

/// The operators of one query and the delta that waits for the end of the commit.
#[derive(Clone, Debug)]
pub struct Circuit {
    collection: usize,
    filter: Filter,
    window: Window,
    pending: ZSet,
}

impl Circuit {
    /// Compiles the query and takes in the rows as they are.
    pub fn new(query: &CheckedQuery, rows: &mut dyn Rows) -> Result<Self, Error> {
        let mut matching = Vec::new();
        rows.scan(query, &mut |row| {
            if query.matches(row) {
                matching.push(Rc::clone(row));
            }
        })?;
        Ok(Self {
            collection: query.collection,
            filter: Filter::new(query.predicate.clone()),
            window: Window::new(query.order.clone(), query.limit, &matching),
            pending: ZSet::default(),
        })
    }

    /// The answer as of the last commit.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &Rc<Row>> {
        self.window.rows()
    }

    /// Notes a change of the commit under way. Changes of other collections mean nothing here.
    pub fn push(&mut self, change: &Change) {
        if change.collection == self.collection {
            self.pending.push_change(change);
        }
    }

    /// Ends the commit: what its changes did to the answer, if anything.
    pub fn finish(&mut self) -> Option<Patch> {
        let delta = self.filter.apply(std::mem::take(&mut self.pending));
        if delta.is_empty() {
            return None;
        }
        Patch::new(self.window.apply(delta))
    }

    /// A whole commit.
    pub fn apply(&mut self, changes: &[Change]) -> Option<Patch> {
        for change in changes {
            self.push(change);
        }
        self.finish()
    }
}
