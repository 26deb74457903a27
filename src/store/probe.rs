//! The store's decoders one by one, for sweeps that feed them anything, and the checks that make
//! nonsense look whole. Test-only, as is the oracle.
//!
//! What decodes must encode again to something that decodes the same: that is asserted here, where
//! both halves can be seen. Each function says whether the bytes decoded.

use super::batch::{Batch, push_entry, read_entries};
use super::block::{self, Block, BlockBuilder, CHECK_BYTES};
use super::group::{self, HEADER_BYTES, PREAMBLE_BYTES, Preamble};
use super::manifest::{Link, Manifest};
use super::name::{LogId, LogName};
use super::run::{Extent, RunId, RunRecord};
use crate::ids::{Commit, Term};
use xxhash_rust::xxh64::xxh64;

const LOG: LogName = LogName {
    log: LogId {
        term: Term(7),
        part: 1,
    },
    base: Some(LogId {
        term: Term(6),
        part: 0,
    }),
};
const RUN: RunId = RunId {
    term: Term(7),
    number: 3,
};

/// A manifest, as a payload of some log.
pub fn manifest(bytes: &[u8]) -> bool {
    let Some(manifest) = Manifest::decode(LOG, &mut &*bytes) else {
        return false;
    };
    let mut again = Vec::new();
    manifest.encode(LOG, &mut again);
    assert_eq!(Manifest::decode(LOG, &mut &*again), Some(manifest));
    true
}

/// The payload of a manifest with some links and runs.
pub fn manifest_sample(links: u64, runs: u64) -> Vec<u8> {
    let link = |length| Link { name: LOG, length };
    let run = |number| RunRecord {
        id: RunId { number, ..RUN },
        bytes: number << 20,
        entries: 300,
        commits: (Commit(number), Commit(number + 1)),
        root: Extent {
            offset: number << 19,
            length: 77,
        },
    };
    let manifest = Manifest {
        links: (0..links).map(link).collect(),
        runs: (0..runs).map(run).collect(),
    };
    let mut bytes = Vec::new();
    manifest.encode(LOG, &mut bytes);
    bytes
}

/// The entries of a commit.
pub fn entries(bytes: &[u8]) -> bool {
    let read = |bytes: &[u8]| {
        let mut batch = Batch::new();
        let whole = read_entries(bytes, &mut |key, value| match value {
            Some(value) => batch.put(key.to_vec(), value.to_vec()),
            None => batch.delete(key.to_vec()),
        });
        whole.map(|()| batch)
    };
    let Some(batch) = read(bytes) else {
        return false;
    };
    let mut again = Vec::new();
    batch.encode(&mut again);
    assert_eq!(read(&again), Some(batch));
    true
}

/// The payload of a commit that puts and deletes.
pub fn entries_sample(count: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    for number in 0..count {
        let value = vec![number; usize::from(number) * 3];
        push_entry(
            &mut bytes,
            &[b'k', number],
            (number % 3 > 0).then_some(&value),
        );
    }
    bytes
}

/// What a manifest or a footer says of a run.
pub fn run_record(bytes: &[u8]) -> bool {
    let Some(record) = RunRecord::decode(&mut &*bytes) else {
        return false;
    };
    let mut again = Vec::new();
    record.encode(&mut again);
    assert_eq!(RunRecord::decode(&mut &*again), Some(record));
    true
}

/// The entries of a block, under a check that holds. Blocks that lead to others are of the same
/// form.
pub fn block(bytes: &[u8]) -> bool {
    let Some(block) = sealed_block(bytes.to_vec()) else {
        return false;
    };
    let keys: Vec<&[u8]> = (0..block.len()).map(|at| block.key(at)).collect();
    if !keys.is_sorted_by(|one, other| one < other) {
        return true;
    }
    let mut builder = BlockBuilder::default();
    for (at, key) in keys.iter().enumerate() {
        assert_eq!(block.find(key), Ok(at));
        if let Some(value) = block.value(at) {
            Extent::decode(value);
        }
        builder.add(key, block.value(at));
    }
    let (_, again) = builder.finish(RUN, 0);
    let again = Block::read(RUN, 0, again).expect("it was just built");
    assert_eq!(again.len(), block.len());
    for at in 0..block.len() {
        let entry = (block.key(at), block.value(at));
        assert_eq!((again.key(at), again.value(at)), entry);
    }
    true
}

/// The entries of a block, without a check.
pub fn block_sample(count: u8) -> Vec<u8> {
    let mut builder = BlockBuilder::default();
    for number in 0..count {
        let value = vec![number; usize::from(number)];
        let key = [b"key".as_slice(), &[number / 16, number % 16]].concat();
        builder.add(&key, (number % 4 > 0).then_some(&value));
    }
    let (_, mut bytes) = builder.finish(RUN, 0);
    bytes.truncate(bytes.len() - CHECK_BYTES);
    bytes
}

fn sealed_block(mut bytes: Vec<u8>) -> Option<Block> {
    let check = block::check(RUN, 0, &bytes);
    bytes.extend_from_slice(&check.to_le_bytes());
    Block::read(RUN, 0, bytes)
}

/// The preamble of a log. True if it is one that this release reads.
pub fn preamble(bytes: &[u8]) -> bool {
    matches!(group::read_preamble(bytes), Preamble::Good)
}

/// Makes every check in a log hold, whatever the rest of it is: of the preamble, and of groups for
/// as long as their lengths lead from one to the next.
pub fn seal_log(name: &str, bytes: &mut [u8]) {
    let Some(name) = LogName::from_text(name) else {
        return;
    };
    if let Some((fields, check)) = bytes.split_at_mut_checked(PREAMBLE_BYTES - 4) {
        let sum = xxh64(fields, 0) as u32;
        let check = check.iter_mut().zip(sum.to_le_bytes());
        check.for_each(|(to, byte)| *to = byte);
    }
    let mut offset = PREAMBLE_BYTES;
    while let Some(group) = bytes
        .get_mut(offset..)
        .filter(|rest| rest.len() >= HEADER_BYTES)
    {
        let length = group::length_of(group).min(group.len() - HEADER_BYTES);
        let group = group.get_mut(..HEADER_BYTES + length).unwrap_or_default();
        group::reseal(group, name.log, offset as u64);
        offset += HEADER_BYTES + length;
    }
}

/// Where the blocks of a run lie, from its footer down: offset and length without the check.
pub fn blocks_of(name: &str, bytes: &[u8]) -> Vec<(usize, usize)> {
    let (Some(id), Some((length, rest))) = (RunId::from_text(name), bytes.split_last()) else {
        return Vec::new();
    };
    let record = rest.len().checked_sub(CHECK_BYTES + usize::from(*length));
    let record = record.and_then(|from| RunRecord::decode(&mut rest.get(from..)?));
    let mut found = Vec::new();
    let mut level: Vec<Extent> = record.iter().map(|record| record.root).collect();
    for _ in 0..3 {
        let mut below = Vec::new();
        for extent in level {
            let (from, length) = (extent.offset as usize, extent.length as usize);
            let bytes = bytes.get(from..from + length).unwrap_or_default();
            found.push((from, length.saturating_sub(CHECK_BYTES)));
            let block = Block::read(id, extent.offset, bytes.to_vec()).unwrap_or_default();
            let leads = (0..block.len()).filter_map(|at| Extent::decode(block.value(at)?));
            below.extend(leads.map(|(extent, _)| extent));
        }
        level = below;
    }
    found
}

/// Makes the check of a block hold.
pub fn seal_block(name: &str, bytes: &mut [u8], (from, length): (usize, usize)) {
    let (Some(id), Some(block)) = (RunId::from_text(name), bytes.get_mut(from..)) else {
        return;
    };
    if let Some((payload, check)) = block.split_at_mut_checked(length) {
        let sum = block::check(id, from as u64, payload).to_le_bytes();
        check.iter_mut().zip(sum).for_each(|(to, byte)| *to = byte);
    }
}
