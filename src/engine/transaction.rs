//! An open transaction: its staging, and what it has read.

use crate::doc::row::Change;
use crate::doc::schema::Schema;
use crate::error::{Error, Problem};
use crate::query::check::CheckedQuery;
use crate::store::Snapshot;
use crate::txn::staging::Staging;
use std::rc::Rc;

/// Operations that are not committed yet. They are seen by nobody else.
#[derive(Default)]
pub struct Transaction {
    /// What it has written.
    pub staging: Staging,
    reads: Vec<CheckedQuery>,
    is_conflicted: bool,
    /// What an export within it goes on seeing, from its first slice on.
    pub snapshot: Option<Rc<Snapshot>>,
}

impl Transaction {
    /// Takes note of a query whose result the transaction has seen.
    pub fn reads(&mut self, query: CheckedQuery) {
        self.reads.push(query);
    }

    /// Takes note of a commit of somebody else: a conflict if it touches what this transaction has
    /// read or written.
    pub fn observe(&mut self, changes: &[Change], schema: &Schema) {
        self.is_conflicted |= changes.iter().any(|change| {
            self.has_written(change, schema)
                || self.reads.iter().any(|query| query.can_match(change))
        });
    }

    /// Takes note that what it has read or written carries other stamps now.
    pub fn disturb(&mut self) {
        self.is_conflicted = true;
    }

    fn has_written(&self, change: &Change, schema: &Schema) -> bool {
        let name = &schema.at(change.collection).name;
        let row = change.old.as_ref().or(change.new.as_ref());
        let is_same = |key: &crate::doc::path::DocumentKey| {
            row.is_some_and(|row| row.id() == key.id.as_bytes()) && *name == key.collection
        };
        self.staging.documents.keys().any(is_same)
    }

    /// Refuses to go on after a conflict.
    pub fn check(&self) -> Result<(), Error> {
        if self.is_conflicted {
            Err(Error::from(Problem::TransactionConflict))
        } else {
            Ok(())
        }
    }
}
