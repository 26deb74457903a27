//! Builds a run from entries in the order of their keys: bytes to be written one after the other,
//! and at the end the record for the manifest.

use super::block::BlockBuilder;
use super::filter;
use super::group;
use super::run::{Extent, RunId, RunRecord};
use crate::ids::Commit;

/// Builds one run.
pub(super) struct RunBuilder {
    id: RunId,
    commits: (Commit, Commit),
    block_bytes: usize,
    /// Bytes of the file before `pending`.
    taken: u64,
    /// Built, and not yet taken to be written.
    pending: Vec<u8>,
    leaf: BlockBuilder,
    hashes: Vec<u64>,
    index: BlockBuilder,
    root: BlockBuilder,
    entries: u64,
}

impl RunBuilder {
    /// Begins with the preamble. `commits` are the first and the last that it is made of.
    pub fn new(id: RunId, commits: (Commit, Commit), block_bytes: usize) -> Self {
        Self {
            id,
            commits,
            block_bytes,
            taken: 0,
            pending: group::preamble(group::RUN_MAGIC),
            leaf: BlockBuilder::default(),
            hashes: Vec::new(),
            index: BlockBuilder::default(),
            root: BlockBuilder::default(),
            entries: 0,
        }
    }

    /// Adds an entry, whose key is greater than those before.
    pub fn add(&mut self, key: &[u8], value: Option<&[u8]>) {
        self.leaf.add(key, value);
        self.hashes.push(filter::hash(key));
        self.entries += 1;
        if self.leaf.len() >= self.block_bytes {
            self.end_leaf();
        }
    }

    /// Bytes that were built and not taken.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Takes what is to be written next, and where.
    pub fn take(&mut self) -> (u64, Vec<u8>) {
        let offset = self.taken;
        self.taken += self.pending.len() as u64;
        (offset, std::mem::take(&mut self.pending))
    }

    /// Ends the run: what is left is to be taken. `None` if there was no entry.
    pub fn finish(&mut self) -> Option<RunRecord> {
        self.end_leaf();
        self.end_index();
        if self.root.len() == 0 {
            return None;
        }
        let (_, root) = end_block(&mut self.root, self.id, self.taken, &mut self.pending);
        let record = RunRecord {
            id: self.id,
            bytes: self.taken + self.pending.len() as u64,
            entries: self.entries,
            commits: self.commits,
            root,
        };
        self.pending.extend_from_slice(&record.footer());
        Some(record)
    }

    fn end_leaf(&mut self) {
        if self.leaf.len() == 0 {
            return;
        }
        let (first, leaf) = end_block(&mut self.leaf, self.id, self.taken, &mut self.pending);
        let filter = filter::build(&self.hashes);
        self.hashes.clear();
        self.index.add(&first, Some(&leaf.encode(&filter)));
        if self.index.len() >= self.block_bytes {
            self.end_index();
        }
    }

    fn end_index(&mut self) {
        if self.index.len() > 0 {
            let (first, index) = end_block(&mut self.index, self.id, self.taken, &mut self.pending);
            self.root.add(&first, Some(&index.encode(&[])));
        }
    }
}

/// Appends a block. Returns its first key, and where it lies.
fn end_block(
    block: &mut BlockBuilder,
    id: RunId,
    taken: u64,
    pending: &mut Vec<u8>,
) -> (Vec<u8>, Extent) {
    let offset = taken + pending.len() as u64;
    let (first, bytes) = block.finish(id, offset);
    pending.extend_from_slice(&bytes);
    let length = u32::try_from(bytes.len()).expect("a block holds little more than a document");
    (first, Extent { offset, length })
}
