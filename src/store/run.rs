//! A run: a sorted file that is never changed (`docs/FORMAT.md` section 8), as it is read.
//!
//! Three levels of blocks: the root, whose entries lead to indexes; an index, whose entries lead to
//! leaves and carry their filters; leaves. An entry that leads to a block is under the block's
//! first key.

use super::batch::{push_varint, read_varint};
use super::block::{self, Block, CHECK_BYTES};
use super::cache::{AHEAD, ReadAhead, Reader};
use super::error::{StoreError, StoreProblem};
use super::filter;
use super::name;
use crate::ids::{Commit, FileId, Term};
use crate::platform::disk::Disk;
use crate::text::padded;
use std::rc::Rc;

/// Longest footer: eight varints, the check, the length.
const FOOTER_BYTES_MAX: usize = 8 * 10 + CHECK_BYTES + 1;

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
        [
            "run-",
            &padded(self.term.0, 10),
            "-",
            &padded(self.number, 6),
        ]
        .concat()
    }

    /// Reads what `to_text` wrote, and nothing else.
    pub fn from_text(text: &str) -> Option<Self> {
        let [term, number, ..] = name::numbers(text);
        let id = Self {
            term: Term(term?),
            number: number?,
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
    /// Length of the file without its footer.
    pub bytes: u64,
    /// Puts and deletes in it.
    pub entries: u64,
    /// The first and the last of the commits that it is made of.
    pub commits: (Commit, Commit),
    /// Where it is read from.
    pub root: Extent,
}

impl RunRecord {
    /// Appends it.
    pub fn encode(&self, into: &mut Vec<u8>) {
        let (first, last) = self.commits;
        let length = u64::from(self.root.length);
        for number in [self.id.term.0, self.id.number, self.bytes, self.entries] {
            push_varint(into, number);
        }
        for number in [first.0, last.0, self.root.offset, length] {
            push_varint(into, number);
        }
    }

    /// Takes what `encode` appended.
    pub fn decode(from: &mut &[u8]) -> Option<Self> {
        let id = RunId {
            term: Term(read_varint(from)?),
            number: read_varint(from)?,
        };
        Some(Self {
            id,
            bytes: read_varint(from)?,
            entries: read_varint(from)?,
            commits: (Commit(read_varint(from)?), Commit(read_varint(from)?)),
            root: Extent {
                offset: read_varint(from)?,
                length: u32::try_from(read_varint(from)?).ok()?,
            },
        })
    }

    /// The end of the run's file, which tells the same as the manifest does, for when there is no
    /// good manifest.
    pub fn footer(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.encode(&mut bytes);
        let length = u8::try_from(bytes.len()).expect("it is a few numbers");
        let check = block::check(self.id, self.bytes, &bytes);
        bytes.extend_from_slice(&check.to_le_bytes());
        bytes.push(length);
        bytes
    }

    /// What the footer of a run's file says; nothing if the run was never finished.
    pub fn from_footer(disk: &mut dyn Disk, id: RunId, file: FileId) -> Option<Self> {
        let size = disk.size(file).ok()?;
        let mut bytes = vec![0; FOOTER_BYTES_MAX];
        let begin = size.saturating_sub(bytes.len() as u64);
        let count = disk.read(file, begin, &mut bytes).ok()?;
        let (length, rest) = bytes.get(..count)?.split_last()?;
        let (rest, check) = rest.split_at_checked(rest.len().checked_sub(CHECK_BYTES)?)?;
        let from = rest.len().checked_sub(usize::from(*length))?;
        let record = rest.get(from..)?;
        let is_good = check == block::check(id, begin + from as u64, record).to_le_bytes();
        is_good.then(|| Self::decode(&mut &*record)).flatten()
    }

    /// Whether a commit is among those that it is made of.
    pub fn holds(&self, commit: Commit) -> bool {
        (self.commits.0..=self.commits.1).contains(&commit)
    }
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
    /// Of all its keys, where the run was a memtable since the store was opened, so that what is
    /// looked for in vain is not looked for in each of many small runs; else empty.
    pub filter: Vec<u8>,
}

impl Run {
    /// One that was found.
    pub fn new(record: RunRecord, file: FileId) -> Self {
        let filter = Vec::new();
        Self {
            record,
            file,
            filter,
        }
    }

    /// What the run says of a key.
    pub fn get(&self, reader: &mut Reader, key: &[u8], hash: u64) -> Result<Found, StoreError> {
        if !filter::may_hold(&self.filter, hash) {
            return Ok(Found::Nothing);
        }
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

    /// About how many entries come before a key: to the block, as if all were of the same size.
    pub fn rank(&self, reader: &mut Reader, key: &[u8]) -> Result<u64, StoreError> {
        let root = reader.block(self, self.record.root)?;
        let at_root = root.place(key);
        let index = self.read_below(reader, (&root, at_root))?;
        let (before, all) = (
            at_root * index.len() + index.place(key),
            root.len() * index.len(),
        );
        Ok(self.record.entries * before as u64 / all.max(1) as u64)
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

    /// Reads the block below an entry. Below a block that was passed over there is none either.
    fn read_below(
        &self,
        reader: &mut Reader,
        (above, at): (&Block, usize),
    ) -> Result<Rc<Block>, StoreError> {
        if above.len() == 0 {
            return Ok(Rc::default());
        }
        reader.block(self, self.below(above, at)?.0)
    }

    fn below<'a>(&self, block: &'a Block, at: usize) -> Result<(Extent, &'a [u8]), StoreError> {
        let decoded = block.value(at).and_then(Extent::decode);
        decoded.ok_or_else(|| self.damaged(self.record.root.offset))
    }

    /// Damage at an offset.
    pub fn damaged(&self, offset: u64) -> StoreError {
        StoreProblem::Damaged {
            file: self.record.id.to_text(),
            offset,
            problem: "a block is not as it was written",
        }
        .into()
    }
}

/// A place among the entries of a run, on its way through them.
pub(super) struct Cursor {
    run: Rc<Run>,
    /// Root, index and leaf, each with the place in it.
    path: [(Rc<Block>, usize); 3],
    read_ahead: Option<Box<ReadAhead>>,
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
        let at_root = root.place(key);
        let index = run.read_below(reader, (&root, at_root))?;
        let at_index = index.place(key);
        let leaf = run.read_below(reader, (&index, at_index))?;
        let at_leaf = leaf.find(key).unwrap_or_else(|free| free);
        let is_past = at_leaf == leaf.len();
        let mut cursor = Self {
            run: run.clone(),
            path: [(root, at_root), (index, at_index), (leaf, at_leaf)],
            read_ahead: None,
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
        while let Some(level) = (0..3).rev().find(|level| self.can_move(*level, end)) {
            let at = &mut self.path.get_mut(level).expect("there are three levels").1;
            *at = if end == End::First { *at + 1 } else { *at - 1 };
            if level == 1 {
                let before = if end == End::First { 0 } else { AHEAD };
                self.read_ahead.get_or_insert_default().before = before;
            }
            self.descend(reader, level, end)?;
            let [_, _, (leaf, _)] = &self.path;
            if leaf.len() > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Enters the blocks below a level.
    fn descend(&mut self, reader: &mut Reader, from: usize, end: End) -> Result<(), StoreError> {
        for level in from..2 {
            let (above, at) = self.path.get(level).expect("there are three levels");
            let mut reader = Reader {
                disk: reader.disk,
                read_ahead: self.read_ahead.as_deref_mut(),
                ..*reader
            };
            let block = self.run.read_below(&mut reader, (above, *at))?;
            let at = match end {
                End::First => 0,
                End::Last => block.len().saturating_sub(1),
            };
            let below = self.path.get_mut(level + 1);
            *below.expect("there are three levels") = (block, at);
        }
        Ok(())
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
