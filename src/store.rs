//! The store: one ordered space of keys and values, durable through a log (`docs/FORMAT.md`).
//!
//! Promises: a commit is one group and one write, there whole or not at all; what a flush covered
//! is there after any crash; what is there is a prefix of what was committed; what is not as it was
//! written is reported, never served as if it were whole. It must not know what keys and values
//! mean, nor who waits for a flush.
//!
//! In this form all pairs are in memory. Callers pass the disk to every read all the same, and take
//! a value as borrowed or owned, so that they need not change when the store keeps only a part in
//! memory.
//!
//! Opening goes in steps, since a file is made outside of a step: [`Recovery::read`], then the file
//! named by [`Recovery::file_to_make`] is made, then [`Recovery::begin`], then a flush; when
//! [`Store::is_open`] says so, answers may be given.

mod batch;
mod error;
mod group;
mod log;
mod name;
mod recovery;
mod writer;

#[cfg(test)]
mod tests;

pub use batch::Batch;
pub use error::StoreError;
pub use recovery::{Damage, Recovery, Refused, Report, Torn};

use crate::ids::{Commit, FileId, Term, Ticket};
use crate::platform::disk::{Disk, DiskError};
use crate::sorted::Blocks;
use std::borrow::Cow;
use std::ops::ControlFlow;
use writer::Writer;

/// Which way a scan goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the smallest key.
    Forward,
    /// From the largest key.
    Backward,
}

/// What a scan calls with each key and value.
pub type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'a;

/// An open store.
pub struct Store {
    pairs: Blocks<Vec<u8>>,
    end: End,
    obsolete: Vec<String>,
    linked_bytes: u64,
}

/// Where commits go.
enum End {
    Writable(Writer),
    ReadOnly {
        last: Commit,
        term: Term,
        refusal: StoreError,
    },
}

impl Store {
    fn writable(
        pairs: Blocks<Vec<u8>>,
        writer: Writer,
        obsolete: Vec<String>,
        linked_bytes: u64,
    ) -> Self {
        Self {
            pairs,
            end: End::Writable(writer),
            obsolete,
            linked_bytes,
        }
    }

    fn read_only(pairs: Blocks<Vec<u8>>, last: Commit, term: Term, refusal: StoreError) -> Self {
        let end = End::ReadOnly {
            last,
            term,
            refusal,
        };
        Self {
            pairs,
            end,
            obsolete: Vec::new(),
            linked_bytes: 0,
        }
    }

    /// The value of a key.
    pub fn get(
        &self,
        _disk: &mut dyn Disk,
        key: &[u8],
    ) -> Result<Option<Cow<'_, [u8]>>, StoreError> {
        Ok(self
            .pairs
            .get(key)
            .map(|value| Cow::Borrowed(value.as_slice())))
    }

    /// Visits the pairs with `from <= key < to` until told to stop.
    pub fn scan(
        &self,
        _disk: &mut dyn Disk,
        from: &[u8],
        to: &[u8],
        direction: Direction,
        visit: &mut Visit,
    ) -> Result<(), StoreError> {
        let mut visit = |key: &[u8], value: &Vec<u8>| visit(key, value);
        match direction {
            Direction::Forward => self.pairs.scan(from, to, &mut visit),
            Direction::Backward => self.pairs.scan_back(from, to, &mut visit),
        }
        Ok(())
    }

    /// Writes a batch, whole, and returns its number. It is durable when [`Store::durable`] has
    /// reached that number. On an error nothing has changed. An empty batch is no commit.
    pub fn commit(&mut self, disk: &mut dyn Disk, batch: Batch) -> Result<Commit, StoreError> {
        let writer = match &mut self.end {
            End::Writable(writer) => writer,
            End::ReadOnly { refusal, .. } => return Err(refusal.clone()),
        };
        if batch.is_empty() {
            return Ok(writer.last());
        }
        let mut group = group::start_group();
        batch.encode(&mut group);
        let commit = writer.commit(disk, group)?;
        for (key, value) in batch.entries {
            match value {
                Some(value) => self.pairs.insert(key, value),
                None => self.pairs.remove(&key),
            }
        }
        Ok(commit)
    }

    /// What to flush, if anything is unflushed and no flush is under way. Then one is, until
    /// [`Store::flushed`].
    pub fn flush_wanted(&mut self) -> Option<(FileId, Ticket)> {
        match &mut self.end {
            End::Writable(writer) => writer.flush_wanted(),
            End::ReadOnly { .. } => None,
        }
    }

    /// Takes the answer to a flush and returns up to where the store is durable. A failed flush
    /// poisons the store: every later commit is refused. A ticket that is not this store's is
    /// ignored.
    pub fn flushed(
        &mut self,
        disk: &mut dyn Disk,
        ticket: Ticket,
        result: Result<(), DiskError>,
    ) -> Result<Commit, StoreError> {
        match &mut self.end {
            End::Writable(writer) => writer.flushed(disk, ticket, result),
            End::ReadOnly { last, .. } => Ok(*last),
        }
    }

    /// Whether answers may be given: what was recovered is durable, or the store is for reading
    /// only.
    pub fn is_open(&self) -> bool {
        match &self.end {
            End::Writable(writer) => writer.is_begun(),
            End::ReadOnly { .. } => true,
        }
    }

    /// Files that may be removed. Names each once, when what replaces it is durable.
    pub fn obsolete(&mut self) -> Vec<String> {
        match &self.end {
            End::Writable(writer)
                if writer.is_proven() || crate::planted::is("store_obsolete_too_early") =>
            {
                std::mem::take(&mut self.obsolete)
            }
            _ => Vec::new(),
        }
    }

    /// The last commit that is durable; 0 before the first flush.
    pub fn durable(&self) -> Commit {
        match &self.end {
            End::Writable(writer) => writer.durable(),
            End::ReadOnly { last, .. } => *last,
        }
    }

    /// The last commit.
    pub fn last(&self) -> Commit {
        match &self.end {
            End::Writable(writer) => writer.last(),
            End::ReadOnly { last, .. } => *last,
        }
    }

    /// Bytes in the files that the store is made of.
    pub fn bytes(&self) -> u64 {
        match &self.end {
            End::Writable(writer) => self.linked_bytes + writer.bytes(),
            End::ReadOnly { .. } => 0,
        }
    }

    /// This opening's term.
    pub fn term(&self) -> Term {
        match &self.end {
            End::Writable(writer) => writer.log().term,
            End::ReadOnly { term, .. } => *term,
        }
    }
}
