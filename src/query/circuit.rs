//! A circuit: a query compiled to operators, with its answer kept up to date.
//!
//! `filter -> window -> skip`. A commit's changes are pushed one by one and take effect together in
//! [`Circuit::finish`]. The cost of a commit is that of its changes, not of the collection; nothing
//! is evaluated again. Must not know tabs, other circuits or where rows are stored.

use super::check::CheckedQuery;
use super::evaluate::Rows;
use super::patch::Patch;
use crate::doc::row::{Change, Row};
use crate::error::Error;
use crate::operator::Operator;
use crate::operator::filter::Filter;
use crate::operator::skip::skip;
use crate::operator::window::{Found, Window};
use crate::zset::ZSet;
use std::rc::Rc;

/// The operators of one query and the delta that waits for the end of the commit.
#[derive(Clone, Debug)]
pub struct Circuit {
    query: Rc<CheckedQuery>,
    filter: Filter,
    window: Window,
    pending: ZSet,
}

impl Circuit {
    /// Compiles the query and takes in the rows as they are.
    pub fn new(query: Rc<CheckedQuery>, rows: &mut dyn Rows) -> Result<Self, Error> {
        let mut window = Window::new(query.order.clone(), query.reach());
        window.feed(&read(&query, &window, rows)?);
        Ok(Self {
            filter: Filter::new(Rc::clone(&query.predicate)),
            window,
            pending: ZSet::default(),
            query,
        })
    }

    /// The answer as of the last commit.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &Rc<Row>> {
        self.window.rows().skip(self.query.offset)
    }

    /// Notes a change of the commit under way. Changes of other collections mean nothing here.
    pub fn push(&mut self, change: &Change) {
        if change.collection == self.query.collection {
            self.pending.push_change(change);
        }
    }

    /// Ends the commit: what its changes did to the answer, if anything. `rows` are as of its end,
    /// and are read where rows have left and those behind them are not known.
    pub fn finish(&mut self, rows: &mut dyn Rows) -> Option<Patch> {
        let delta = self.filter.apply(std::mem::take(&mut self.pending));
        if delta.is_empty() {
            return None;
        }
        let before = self.window.rows().len();
        let mut delta = self.window.apply(delta);
        // What cannot be read is told by the store; it is tried again after the next commit.
        if self.window.is_short()
            && !crate::planted::is("query_window_not_fed")
            && let Ok(found) = read(&self.query, &self.window, rows)
        {
            delta.came.extend(self.window.feed(&found));
        }
        if self.query.offset > 0 {
            delta = skip(delta, self.query.offset, before, &self.window);
        }
        Patch::new(delta)
    }

    /// A whole commit.
    pub fn apply(&mut self, changes: &[Change], rows: &mut dyn Rows) -> Option<Patch> {
        for change in changes {
            self.push(change);
        }
        self.finish(rows)
    }
}

/// Reads the rows that a window wants.
fn read(query: &CheckedQuery, window: &Window, rows: &mut dyn Rows) -> Result<Found, Error> {
    let mut found = rows.read(query, window.wanted())?;
    found.rows.retain(|row| query.matches(row));
    Ok(found)
}
