//! Writing one run out of a memtable or of other runs, a slice at a time.

use super::builder::RunBuilder;
use super::cache::Reader;
use super::error::{StoreError, StoreProblem};
use super::merged::Merged;
use super::run::{Run, RunId, RunRecord};
use crate::ids::FileId;
use std::rc::Rc;

/// A run is flushed each time so many slices of it are written: requests wait for a flush.
const FLUSH_SLICES: u32 = 8;

/// Entries that a slice takes at most: small ones take longer than their bytes tell, and deletes
/// that are dropped have none.
pub(super) const ENTRIES_MAX: usize = 1_024;

/// Runs whose first entry is found in a slice: each takes some reads.
const RUNS_OPENED: usize = 3;

/// What becomes a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Inputs {
    /// The frozen memtable.
    Frozen,
    /// These runs, which follow each other.
    Runs(Vec<RunId>),
}

impl Inputs {
    /// Whether a run is among them.
    pub fn holds(&self, run: RunId) -> bool {
        matches!(self, Self::Runs(runs) if runs.contains(&run))
    }
}

/// A run that is being written.
pub(super) struct Job {
    pub inputs: Inputs,
    pub id: RunId,
    pub file: FileId,
    source: Merged,
    /// Runs that are still to be added to the source, the newest first.
    unopened: Vec<Rc<Run>>,
    builder: RunBuilder,
    /// Nothing older than the inputs exists, so that a delete has nothing to hide.
    drops_deletes: bool,
    /// Whether all is written.
    pub is_written: bool,
    /// Slices written since it was last flushed.
    pub unflushed: u32,
    /// What came of it, once all is written; none if nothing was left.
    pub run: Option<RunRecord>,
}

impl Job {
    /// Begins a run in an empty file.
    pub fn new(
        inputs: Inputs,
        (id, file): (RunId, FileId),
        (source, unopened): (Merged, Vec<Rc<Run>>),
        builder: RunBuilder,
        deletes: Deletes,
    ) -> Self {
        Self {
            inputs,
            id,
            file,
            source,
            unopened,
            builder,
            drops_deletes: deletes == Deletes::Dropped,
            is_written: false,
            unflushed: 0,
            run: None,
        }
    }

    /// Whether so much was written that a flush at the end alone would take long.
    pub fn has_part(&self) -> bool {
        self.unflushed >= FLUSH_SLICES
    }

    /// Writes about `bytes` more, or less where that is too many entries. Returns how many were
    /// written.
    pub fn slice(&mut self, reader: &mut Reader, bytes: usize) -> Result<u64, StoreError> {
        if !self.unopened.is_empty() {
            return self.open_some(reader).map(|()| 0);
        }
        let mut entries = 0;
        while self.builder.pending() < bytes && entries < ENTRIES_MAX {
            entries += 1;
            match self.source.entry() {
                Some((_, None)) if self.drops_deletes => {}
                Some((key, value)) => self.builder.add(key, value),
                None => {
                    self.run = self.builder.finish();
                    self.is_written = true;
                    break;
                }
            }
            self.source.advance(reader)?;
        }
        let (offset, pending) = self.builder.take();
        match reader.disk.write(self.file, offset, &pending)? {
            count if count == pending.len() => {
                self.unflushed += 1;
                Ok(count as u64)
            }
            _ => Err(StoreProblem::Full.into()),
        }
    }

    /// Adds the oldest of the runs that are left.
    fn open_some(&mut self, reader: &mut Reader) -> Result<(), StoreError> {
        for _ in 0..RUNS_OPENED {
            let Some(run) = self.unopened.pop() else {
                break;
            };
            self.source.add(&run, self.unopened.len(), reader, &[])?;
        }
        Ok(())
    }
}

/// What happens to deletes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Deletes {
    Kept,
    Dropped,
}

/// How many of the newest runs to make one of, given the bytes of each; `None` while there are few.
///
/// A run is taken in as long as it is at most twice what is newer. So sizes grow from run to run,
/// there are about as many as doublings of the data, and a byte is written about once for each.
pub(super) fn runs_to_merge(bytes: &[u64]) -> Option<usize> {
    const FEW: usize = 4;
    let mut sum = 0;
    let count = bytes
        .iter()
        .take_while(|bytes| {
            let is_taken = sum == 0 || **bytes <= sum * 2;
            sum += **bytes;
            is_taken
        })
        .count();
    (bytes.len() >= FEW && count > 1).then_some(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs and bytes written to runs after as many flushes of one byte.
    fn grown(flushes: u64) -> (Vec<u64>, u64) {
        let (mut runs, mut written) = (Vec::new(), 0);
        for _ in 0..flushes {
            runs.insert(0, 1);
            written += 1;
            while let Some(count) = runs_to_merge(&runs) {
                let merged: u64 = runs.drain(..count).sum();
                written += merged;
                runs.insert(0, merged);
            }
        }
        (runs, written)
    }

    #[test]
    fn runs_stay_few_and_bytes_are_not_written_often() {
        for flushes in [10, 100, 1_000] {
            let (runs, written) = grown(flushes);
            assert!(runs.len() <= 12, "{flushes}: {runs:?}");
            // The log is the tenth time.
            assert!(written <= flushes * 9, "{flushes}: {written}");
        }
    }
}
