//! Blocks of runs that were read, within a budget of bytes: who was used longest ago goes.

use super::block::Block;
use super::error::{StoreError, StoreProblem};
use super::run::{Extent, Run, RunId};
use crate::platform::disk::{Disk, DiskError};
use crate::sorted::search;
use std::cell::RefCell;
use std::rc::Rc;

/// How many more blocks are read at once for whoever goes through a run.
pub(super) const AHEAD: u64 = 3;

/// What was read and may be needed again: few hundred blocks.
#[derive(Default)]
pub(super) struct Cache {
    /// By offset and run.
    kept: Vec<Kept>,
    bytes: usize,
    budget: usize,
    uses: u64,
    /// Blocks that were read from the disk.
    pub reads: u64,
    /// The first block that was not as it was written.
    pub damage: Option<StoreError>,
}

struct Kept {
    run: RunId,
    offset: u64,
    block: Rc<Block>,
    used: u64,
}

impl Cache {
    /// An empty one that keeps at most `budget` bytes.
    pub fn new(budget: usize) -> Self {
        Self {
            budget,
            ..Self::default()
        }
    }

    /// Drops the blocks of runs that are gone.
    pub fn forget(&mut self, runs: &[RunId]) {
        self.kept.retain(|kept| !runs.contains(&kept.run));
        self.bytes = self.kept.iter().map(|kept| kept.block.weight()).sum();
    }

    /// Drops all blocks.
    pub fn clear(&mut self) {
        self.kept.clear();
        self.bytes = 0;
    }

    fn find(&self, run: RunId, offset: u64) -> Result<usize, usize> {
        search(self.kept.len(), &mut |at| {
            let kept = self.kept.get(at).map(|kept| (kept.offset, kept.run));
            kept.cmp(&Some((offset, run)))
        })
    }

    fn get(&mut self, run: RunId, offset: u64) -> Option<Rc<Block>> {
        self.uses += 1;
        let at = self.find(run, offset).ok()?;
        let kept = self.kept.get_mut(at)?;
        kept.used = self.uses;
        Some(kept.block.clone())
    }

    fn keep(&mut self, run: RunId, offset: u64, block: Rc<Block>) {
        self.reads += 1;
        self.bytes += block.weight();
        let kept = Kept {
            run,
            offset,
            block,
            used: self.uses,
        };
        let at = self.find(run, offset).unwrap_or_else(|free| free);
        self.kept.insert(at, kept);
        while self.bytes > self.budget {
            let oldest =
                (0..self.kept.len()).min_by_key(|at| self.kept.get(*at).map(|kept| kept.used));
            let Some(oldest) = oldest else { return };
            self.bytes -= self.kept.remove(oldest).block.weight();
        }
    }
}

/// Reads blocks, through a cache.
pub(super) struct Reader<'a> {
    pub disk: &'a mut dyn Disk,
    pub cache: &'a RefCell<Cache>,
    /// Whether a block that cannot be read is passed over as if it were empty.
    pub skips: bool,
    /// Of the run that is being read, where one is gone through.
    pub read_ahead: Option<&'a mut ReadAhead>,
}

impl Reader<'_> {
    /// A block of a run.
    pub fn block(&mut self, run: &Run, extent: Extent) -> Result<Rc<Block>, StoreError> {
        let id = run.record.id;
        if let Some(block) = self.cache.borrow_mut().get(id, extent.offset) {
            return Ok(block);
        }
        let read = self.read(run, extent);
        let mut cache = self.cache.borrow_mut();
        let error = match read {
            Ok(Some(block)) => {
                let block = Rc::new(block);
                cache.keep(id, extent.offset, block.clone());
                return Ok(block);
            }
            Ok(None) => cache.damage.insert(run.damaged(extent.offset)).clone(),
            Err(error) => error,
        };
        if self.skips {
            return Ok(Rc::default());
        }
        Err(error)
    }

    fn read(&mut self, run: &Run, extent: Extent) -> Result<Option<Block>, StoreError> {
        let Extent { offset, length } = extent;
        let length = u64::from(length);
        let bytes = match &mut self.read_ahead {
            None => read_at(self.disk, run, offset, length)?,
            Some(read) => {
                let end = read.from + read.bytes.len() as u64;
                if offset < read.from || offset.saturating_add(length) > end {
                    let from = offset.saturating_sub(length * read.before);
                    read.bytes = read_at(self.disk, run, from, length * (AHEAD + 1))?;
                    read.from = from;
                }
                let rest = read.bytes.get((offset - read.from) as usize..);
                let rest = rest.unwrap_or_default();
                rest.get(..length as usize).unwrap_or(rest).to_vec()
            }
        };
        Ok(Block::read(run.record.id, offset, bytes))
    }
}

/// Bytes of a run's file. What leads out of the run is no block, and no reason to ask for memory.
fn read_at(
    disk: &mut dyn Disk,
    run: &Run,
    offset: u64,
    length: u64,
) -> Result<Vec<u8>, StoreError> {
    let rest = run.record.bytes.saturating_sub(offset);
    let mut bytes = vec![0; rest.min(length) as usize];
    let count = disk.read(run.file, offset, &mut bytes)?;
    if count > bytes.len() {
        let problem = "a read out of range".into();
        return Err(StoreProblem::Disk(DiskError::Failed(problem)).into());
    }
    bytes.truncate(count);
    Ok(bytes)
}

/// Bytes of a run that were read beyond a block, for whoever goes through it.
#[derive(Default)]
pub(super) struct ReadAhead {
    /// How many blocks are read before the one that is asked for; the others come after it.
    pub before: u64,
    from: u64,
    bytes: Vec<u8>,
}

#[cfg(test)]
mod tests {
    use super::super::run::RunRecord;
    use super::*;
    use crate::ids::{Commit, FileId, Term};

    /// A disk of zeros that notes how much is asked for.
    struct Zeros(usize);

    impl Disk for Zeros {
        fn read(&mut self, _: FileId, _: u64, into: &mut [u8]) -> Result<usize, DiskError> {
            self.0 = self.0.max(into.len());
            Ok(into.len())
        }

        fn write(&mut self, _: FileId, _: u64, _: &[u8]) -> Result<usize, DiskError> {
            Err(DiskError::Full)
        }

        fn truncate(&mut self, _: FileId, _: u64) -> Result<(), DiskError> {
            Err(DiskError::Full)
        }

        fn size(&mut self, _: FileId) -> Result<u64, DiskError> {
            Ok(u64::MAX)
        }
    }

    #[test]
    fn a_block_that_leads_out_of_its_run_is_damage_and_asks_for_no_memory() {
        let extent = |offset| Extent {
            offset,
            length: u32::MAX,
        };
        let record = RunRecord {
            id: RunId {
                term: Term(1),
                number: 1,
            },
            bytes: 50,
            entries: 1,
            commits: (Commit(1), Commit(1)),
            root: extent(10),
        };
        let run = Run::new(record, FileId(1));
        let mut disk = Zeros(0);
        for offset in [10, 50, u64::MAX] {
            let cache = RefCell::new(Cache::new(100));
            let mut reader = Reader {
                disk: &mut disk,
                cache: &cache,
                skips: false,
                read_ahead: None,
            };
            let read = reader.block(&run, extent(offset));
            assert!(read.is_err_and(|error| error.is_damage()));
        }
        assert_eq!(disk.0, 40);
    }
}
