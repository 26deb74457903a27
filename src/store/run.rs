//! A run: a sorted file that is never changed (`docs/FORMAT.md` section 8), as it is read.
//!
//! Three levels of blocks: the root, whose entries lead to indexes; an index, whose entries lead to
//! leaves and carry their filters; leaves. An entry that leads to a block is under the block's
//! first key.

use super::batch::{push_varint, read_varint};
use super::block::Block;
use super::cache::Reader;
use super::error::StoreError;
use super::filter;
use crate::ids::{FileId, Term};
use std::rc::Rc;

/// Which run: no two of a database have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunId {
    /// The term of the leader that wrote it.
    pub term: Term,
    /// Its number within the term.
    pub number: u64,
}

impl RunId {
    /// The name of the file.
    pub fn to_text(self) -> String {
        format!("run-{:010}-{:06}", self.term.0, self.number)
    }

    /// Reads what `to_text` wrote, and nothing else.
    pub fn from_text(text: &str) -> Option<Self> {
        let (term, number) = text.strip_prefix("run-")?.split_once('-')?;
        let id = Self {
            term: Term(term.parse().ok()?),
            number: number.parse().ok()?,
        };
        (id.to_text() == text).then_some(id)
    }
}

/// Where a block lies in its run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    pub offset: u64,
    pub length: u32,
}

impl Extent {
    /// The value of an entry that leads to this block.
    pub fn encode(self, filter: &[u8]) -> Vec<u8> {
        let mut value = Vec::with_capacity(filter.len() + 8);
        push_varint(&mut value, self.offset);
        push_varint(&mut value, u64::from(self.length));
        value.extend_from_slice(filter);
        value
    }

    /// Reads what `encode` wrote: the block, and its filter.
    pub fn decode(mut value: &[u8]) -> Option<(Self, &[u8])> {
        let offset = read_varint(&mut value)?;
        let length = u32::try_from(read_varint(&mut value)?).ok()?;
        Some((Self { offset, length }, value))
    }
}

/// What the manifest says of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RunRecord {
    pub id: RunId,
    /// Length of the file.
    pub bytes: u64,
    /// Puts and deletes in it.
    pub entries: u64,
    /// Where it is read from.
    pub root: Extent,
}

/// What a run says of a key.
pub(super) enum Found {
    /// It does not have it.
    Nothing,
    /// Its value, or none if it was deleted.
    Entry(Option<Vec<u8>>),
}

/// A run that can be read.
#[derive(Debug)]
pub(super) struct Run {
    pub record: RunRecord,
    pub file: FileId,
}

impl Run {
    /// What the run says of a key.
    pub fn get(&self, reader: &mut Reader, key: &[u8], hash: u64) -> Result<Found, StoreError> {
        let root = reader.block(self, self.record.root)?;
        let Some(index) = self.lead(&root, key)? else {
            return Ok(Found::Nothing);
        };
        let index = reader.block(self, index.0)?;
        let Some((leaf, filter)) = self.lead(&index, key)? else {
            return Ok(Found::Nothing);
        };
        if !filter::may_hold(filter, hash) {
            return Ok(Found::Nothing);
        }
        let leaf = reader.block(self, leaf)?;
        Ok(match leaf.find(key) {
            Err(_) => Found::Nothing,
            Ok(at) => Found::Entry(leaf.value(at).map(<[u8]>::to_vec)),
        })
    }

    /// The block below in which a key is, if it is anywhere.
    fn lead<'a>(
        &self,
        block: &'a Block,
        key: &[u8],
    ) -> Result<Option<(Extent, &'a [u8])>, StoreError> {
        let at = match block.find(key) {
            Ok(at) => at,
            Err(0) => return Ok(None),
            Err(free) => free - 1,
        };
        self.below(block, at).map(Some)
    }

    fn below<'a>(&self, block: &'a Block, at: usize) -> Result<(Extent, &'a [u8]), StoreError> {
        let decoded = block.value(at).and_then(Extent::decode);
        decoded.ok_or_else(|| self.damaged(self.record.root.offset))
    }

    /// Damage at an offset.
    pub fn damaged(&self, offset: u64) -> StoreError {
        StoreError::Damaged {
            file: self.record.id.to_text(),
            offset,
            problem: "a block is not as it was written",
        }
    }
}

/// A place among the entries of a run, on its way through them.
pub(super) struct Cursor {
    run: Rc<Run>,
    /// Root, index and leaf, each with the place in it.
    path: [(Rc<Block>, usize); 3],
}

/// Which end of a block is entered first.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    First,
    Last,
}

impl Cursor {
    /// The first entry at or after `key`, or with `End::Last` the last one before it. `None` if
    /// there is no such entry.
    pub fn seek(
        run: &Rc<Run>,
        reader: &mut Reader,
        key: &[u8],
        end: End,
    ) -> Result<Option<Self>, StoreError> {
        let root = reader.block(run, run.record.root)?;
        let place = |block: &Block| match block.find(key) {
            Ok(at) => at,
            Err(free) => free.saturating_sub(1),
        };
        let at_root = place(&root);
        let index = reader.block(run, run.below(&root, at_root)?.0)?;
        let at_index = place(&index);
        let leaf = reader.block(run, run.below(&index, at_index)?.0)?;
        let at_leaf = leaf.find(key).unwrap_or_else(|free| free);
        let is_past = at_leaf == leaf.len();
        let mut cursor = Self {
            run: run.clone(),
            path: [(root, at_root), (index, at_index), (leaf, at_leaf)],
        };
        let is_there = match end {
            End::First if is_past => {
                cursor.path[2].1 = at_leaf.saturating_sub(1);
                cursor.advance(reader, End::First)?
            }
            End::First => true,
            End::Last => cursor.advance(reader, End::Last)?,
        };
        Ok(is_there.then_some(cursor))
    }

    /// The entry.
    pub fn entry(&self) -> (&[u8], Option<&[u8]>) {
        let [_, _, (leaf, at)] = &self.path;
        (leaf.key(*at), leaf.value(*at))
    }

    /// Goes to the next entry, or with `End::Last` to the one before. Returns whether there is
    /// one.
    pub fn advance(&mut self, reader: &mut Reader, end: End) -> Result<bool, StoreError> {
        let Some(level) = (0..3).rev().find(|level| self.can_move(*level, end)) else {
            return Ok(false);
        };
        for (depth, (_, at)) in self.path.iter_mut().enumerate() {
            if depth == level {
                *at = if end == End::First { *at + 1 } else { *at - 1 };
            }
        }
        for level in level..2 {
            let (above, at) = self.path.get(level).expect("there are three levels");
            let (extent, _) = self.run.below(above, *at)?;
            let block = reader.block(&self.run, extent)?;
            let at = match end {
                End::First => 0,
                End::Last => block.len().saturating_sub(1),
            };
            *self
                .path
                .get_mut(level + 1)
                .expect("there are three levels") = (block, at);
        }
        Ok(true)
    }

    fn can_move(&self, level: usize, end: End) -> bool {
        let (block, at) = self.path.get(level).expect("there are three levels");
        match end {
            End::First => at + 1 < block.len(),
            End::Last => *at > 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_others_are_not_runs() {
        let id = RunId {
            term: Term(3),
            number: 12,
        };
        assert_eq!(id.to_text(), "run-0000000003-000012");
        assert_eq!(RunId::from_text(&id.to_text()), Some(id));
        for text in [
            "run-3-12",
            "run-0000000003",
            "run-0000000003-000012-1",
            "log-0-0",
        ] {
            assert_eq!(RunId::from_text(text), None, "{text}");
        }
    }
}
