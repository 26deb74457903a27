//! The store: one ordered space of keys and values, durable through a log (`docs/FORMAT.md`).
//!
//! Promises: a commit is one group and one write, there whole or not at all; what a flush covered
//! is there after any crash; what is there is a prefix of what was committed; what is not as it was
//! written is reported, never served as if it were whole. It must not know what keys and values
//! mean, nor who waits for a flush.
//!
//! What was written last is in a memtable, and in the log; older pairs are in runs, files that are
//! sorted and never changed, of which blocks are read when they are needed. Upkeep moves pairs from
//! the one to the other, a slice at a time.
//!
//! Opening goes in steps, since a file is made outside of a step: [`Recovery::read`], then the file
//! named by [`Recovery::file_to_make`] is made, then [`Recovery::begin`], then a flush; when
//! [`Store::is_open`] says so, answers may be given.

mod batch;
mod block;
mod builder;
mod cache;
mod error;
mod filter;
mod group;
#[cfg(feature = "inspect")]
pub mod inspect;
mod job;
mod log;
mod manifest;
mod memtable;
mod merged;
mod name;
#[cfg(feature = "oracle")]
pub mod probe;
mod recovery;
mod reserve;
mod run;
mod snapshot;
mod upkeep;
mod writer;

#[cfg(test)]
mod tests;

pub use batch::Batch;
pub use error::{StoreError, StoreProblem};
pub use recovery::{Damage, Recovery, Report, Torn};
pub use reserve::Room;
pub use snapshot::Snapshot;

use crate::ids::{Commit, FileId, Term, Ticket};
use crate::platform::disk::{Disk, DiskError};
use cache::{Cache, Reader};
use manifest::Link;
use memtable::Memtable;
use merged::Merged;
use run::{End as RunEnd, Found, Run};
use std::borrow::Cow;
use std::cell::RefCell;
use std::ops::ControlFlow;
use std::rc::Rc;
use upkeep::Upkeep;
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

/// How large things grow, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// A memtable that is this large becomes a run.
    pub memtable_bytes: usize,
    /// A block of a run is ended when it has this many.
    pub block_bytes: usize,
    /// What is written of a run between two requests.
    pub slice_bytes: usize,
    /// Blocks that are kept in memory.
    pub cache_bytes: usize,
    /// Room on the disk that is kept for when it is full.
    pub reserve_bytes: u64,
}

/// From so many runs on whoever writes merges them, so that reads stay quick however fast is
/// written.
const RUNS_MANY: usize = 12;
/// What adds is refused while so many memtables' worth is in memory: no file can be made to go on
/// with, so that the disk is as good as full.
const MEMTABLES_MANY: usize = 32;
/// How often an entry is written to runs before it rests, about.
const TIMES_WRITTEN: usize = 8;

/// What a store has, and what it has done since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Runs there are.
    pub runs: usize,
    /// Bytes written to runs.
    pub run_bytes_written: u64,
    /// Blocks read from runs.
    pub blocks_read: u64,
}

/// An open store.
pub struct Store {
    sizes: Sizes,
    memtable: Memtable,
    /// A full memtable that is being written to a run.
    frozen: Option<Memtable>,
    /// The newest first.
    runs: Vec<Rc<Run>>,
    cache: RefCell<Cache>,
    /// The logs that the one being written builds on.
    links: Vec<Link>,
    end: End,
    upkeep: Upkeep,
    /// The flush under way.
    flushing: Option<(Ticket, Flushing)>,
    /// Whether the last one was of the log.
    was_log: bool,
    flushes: u64,
    /// Files that the first log of this opening does not need.
    obsolete: Vec<String>,
    run_bytes_written: u64,
    /// Nothing is written any more, and what cannot be read is passed over.
    is_damaged: bool,
}

/// Where commits go.
enum End {
    Writable(Box<Writer>),
    ReadOnly {
        last: Commit,
        term: Term,
        refusal: StoreError,
    },
}

/// What a flush is of.
#[derive(Clone, Copy)]
enum Flushing {
    Log,
    Run(FileId),
    /// Of a run of which more is to be written.
    Part(FileId),
}

impl Store {
    fn new(sizes: Sizes, memtable: Memtable, runs: Vec<Rc<Run>>, end: End) -> Self {
        Self {
            sizes,
            memtable,
            frozen: None,
            runs,
            cache: RefCell::new(Cache::new(sizes.cache_bytes)),
            links: Vec::new(),
            end,
            upkeep: Upkeep::default(),
            flushing: None,
            was_log: false,
            flushes: 0,
            obsolete: Vec::new(),
            run_bytes_written: 0,
            is_damaged: false,
        }
    }

    fn reader<'a>(&'a self, disk: &'a mut dyn Disk) -> Reader<'a> {
        Reader {
            disk,
            cache: &self.cache,
            skips: self.is_damaged,
            read_ahead: None,
        }
    }

    fn writer(&self) -> Option<&Writer> {
        match &self.end {
            End::Writable(writer) => Some(writer),
            End::ReadOnly { .. } => None,
        }
    }

    fn writer_mut(&mut self) -> Option<&mut Writer> {
        match &mut self.end {
            End::Writable(writer) => Some(writer),
            End::ReadOnly { .. } => None,
        }
    }

    fn set_writer(&mut self, writer: Writer) {
        self.end = End::Writable(Box::new(writer));
    }

    /// The value of a key.
    pub fn get(
        &self,
        disk: &mut dyn Disk,
        key: &[u8],
    ) -> Result<Option<Cow<'_, [u8]>>, StoreError> {
        let hash = filter::hash(key);
        for memtable in [Some(&self.memtable), self.frozen.as_ref()] {
            if let Some(value) = memtable.and_then(|memtable| memtable.get(key, hash)) {
                return Ok(value.as_deref().map(Cow::Borrowed));
            }
        }
        let mut reader = self.reader(disk);
        for run in &self.runs {
            if let Found::Entry(value) = run.get(&mut reader, key, hash)? {
                return Ok(value.map(Cow::Owned));
            }
        }
        Ok(None)
    }

    /// What there is now, for as long as it is kept.
    pub fn snapshot(&self) -> Snapshot {
        let memtables = [Some(&self.memtable), self.frozen.as_ref()];
        let memories = memtables.into_iter().flatten().map(Memtable::shared);
        Snapshot {
            memories: memories.cloned().collect(),
            runs: self.runs.clone(),
        }
    }

    /// Visits the pairs with `from <= key < to` until told to stop.
    pub fn scan(
        &self,
        disk: &mut dyn Disk,
        from: &[u8],
        to: &[u8],
        direction: Direction,
        visit: &mut Visit,
    ) -> Result<(), StoreError> {
        self.scan_snapshot(disk, &self.snapshot(), from, to, direction, visit)
    }

    /// Visits the pairs that there were when a snapshot was taken.
    pub fn scan_snapshot(
        &self,
        disk: &mut dyn Disk,
        snapshot: &Snapshot,
        from: &[u8],
        to: &[u8],
        direction: Direction,
        visit: &mut Visit,
    ) -> Result<(), StoreError> {
        let mut reader = self.reader(disk);
        let (begin, end) = match direction {
            Direction::Forward => (from, RunEnd::First),
            Direction::Backward => (to, RunEnd::Last),
        };
        let Snapshot { memories, runs } = snapshot;
        let mut merged = Merged::seek(memories, runs, &mut reader, begin, end)?;
        while let Some((key, value)) = merged.entry() {
            let is_within = match direction {
                Direction::Forward => key < to,
                Direction::Backward => key >= from,
            };
            if !is_within || value.is_some_and(|value| visit(key, value).is_break()) {
                break;
            }
            merged.advance(&mut reader)?;
        }
        Ok(())
    }

    /// About how many puts and deletes there are with `from <= key < to`: exact in memory, to the
    /// block in runs.
    pub fn estimate(&self, disk: &mut dyn Disk, from: &[u8], to: &[u8]) -> Result<u64, StoreError> {
        let mut reader = self.reader(disk);
        let mut count = 0;
        for memtable in [Some(&self.memtable), self.frozen.as_ref()] {
            let memory = memtable.map(Memtable::shared);
            count += memory.map_or(0, |memory| {
                memory.rank(to).saturating_sub(memory.rank(from))
            }) as u64;
        }
        for run in &self.runs {
            let before = run.rank(&mut reader, from)?;
            count += run.rank(&mut reader, to)?.saturating_sub(before);
        }
        Ok(count)
    }

    /// Writes a batch, whole, and returns its number. It is durable when [`Store::durable`] has
    /// reached that number. On an error nothing has changed. An empty batch is no commit. Where the
    /// disk is full, what the batch may take of the reserve is given up for it.
    pub fn commit(&mut self, disk: &mut dyn Disk, batch: Batch) -> Result<Commit, StoreError> {
        if let Some(damage) = &self.cache.borrow().damage {
            return Err(damage.clone());
        }
        let writer = match &mut self.end {
            End::Writable(writer) => writer,
            End::ReadOnly { refusal, .. } => return Err(refusal.clone()),
        };
        if batch.is_empty() {
            return Ok(writer.last());
        }
        let is_much = self.memtable.bytes() >= MEMTABLES_MANY * self.sizes.memtable_bytes;
        if is_much && batch.room == Room::Free {
            self.upkeep.unblock();
            return Err(StoreProblem::Full.into());
        }
        let mut group = group::start_group();
        batch.encode(&mut group);
        let commit = writer.commit(disk, group, batch.room)?;
        let entries = batch.entries.len();
        let hides = self.frozen.is_some() || !self.runs.is_empty();
        let before = self.memtable.bytes();
        for (key, value) in batch.entries {
            if value.is_some() || hides {
                self.memtable.put(key, value);
            } else {
                self.memtable.forget(&key);
            }
        }
        self.upkeep.unblock();
        self.keep_up(disk, entries, self.memtable.bytes().saturating_sub(before));
        Ok(commit)
    }

    /// Whoever writes faster than runs are made and merged does as much of that work as what was
    /// written will need.
    fn keep_up(&mut self, disk: &mut dyn Disk, entries: usize, bytes: usize) {
        let slices = 4
            + TIMES_WRITTEN * bytes / self.sizes.slice_bytes
            + TIMES_WRITTEN * entries / job::ENTRIES_MAX;
        for _ in 0..slices {
            let is_much = self.memtable.bytes() > 2 * self.sizes.memtable_bytes;
            if !(is_much || self.runs.len() >= RUNS_MANY) || !self.work_wanted() {
                break;
            }
            self.work(disk);
        }
    }

    /// What to flush, if anything is unflushed and no flush is under way. Then one is, until
    /// [`Store::flushed`].
    pub fn flush_wanted(&mut self) -> Option<(FileId, Ticket)> {
        if self.flushing.is_some() {
            return None;
        }
        let run = self.upkeep.flush_wanted();
        // In turn, so that neither waits for ever. A part can wait.
        let run_first = self.was_log && matches!(run, Some((_, Flushing::Run(_))));
        let log = self.writer_mut().filter(|_| !run_first);
        let log = log.and_then(Writer::flush_wanted);
        let (file, what) = log.map(|log| (log, Flushing::Log)).or(run)?;
        self.was_log = matches!(what, Flushing::Log);
        self.flushes += 1;
        let ticket = Ticket(self.term().0.wrapping_shl(32) | self.flushes);
        self.flushing = Some((ticket, what));
        Some((file, ticket))
    }

    /// Takes the answer to a flush and returns up to where the store is durable. A failed flush of
    /// the log poisons the store: every later commit is refused. A ticket that is not this store's
    /// is ignored.
    pub fn flushed(
        &mut self,
        disk: &mut dyn Disk,
        ticket: Ticket,
        result: Result<(), DiskError>,
    ) -> Result<Commit, StoreError> {
        let flushed = self.flushing.take_if(|(asked, _)| *asked == ticket);
        match flushed.map(|(_, what)| what) {
            Some(Flushing::Run(file)) => self.run_flushed(disk, file, result),
            Some(Flushing::Part(file)) => self.part_flushed(disk, file, result),
            Some(Flushing::Log) => {
                if let Some(writer) = self.writer_mut() {
                    writer.flushed(disk, result)?;
                }
                // While others write without pause there is always a flush under way but here.
                if self.may_freeze() {
                    self.work(disk);
                }
            }
            None => {}
        }
        Ok(self.durable())
    }

    /// Refuses every commit from now on.
    pub fn make_read_only(&mut self, refusal: StoreError) {
        self.end = End::ReadOnly {
            last: self.last(),
            term: self.term(),
            refusal,
        };
    }

    /// The damage that a read has met since it was last asked for. From then on nothing is written,
    /// and reads pass over what is not as it was written, so that the rest can be taken out: a pair
    /// may then be missing, or one that an older run has may come in its place.
    pub fn take_damage(&mut self) -> Option<StoreError> {
        let damage = self.cache.borrow().damage.clone();
        let is_new = damage.is_some() && !self.is_damaged;
        self.is_damaged |= is_new;
        damage.filter(|_| is_new)
    }

    /// What has failed, if nothing may be written any more because of it. Opened again from its
    /// files the store can be written to.
    pub fn problem(&self) -> Option<StoreError> {
        self.writer().and_then(Writer::problem)
    }

    /// Whether damage was met, at opening or since.
    pub fn is_damaged(&self) -> bool {
        self.is_damaged
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
        let Self {
            end: End::Writable(writer),
            upkeep,
            obsolete,
            ..
        } = self
        else {
            return Vec::new();
        };
        let mut names = upkeep.take_gone(writer);
        if writer.is_proven() || crate::planted::is("store_obsolete_too_early") {
            names.append(obsolete);
        }
        names
    }

    /// Whether there was no room for the last write, or only that of the reserve.
    pub fn is_full(&self) -> bool {
        self.writer().is_some_and(|writer| writer.reserve.is_full)
    }

    /// Whether nothing was committed since the opening, and no flush has succeeded.
    pub fn is_head_only(&self) -> bool {
        self.writer().is_some_and(Writer::is_head_only)
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
        let links: u64 = self.links.iter().map(|link| link.length).sum();
        let runs: u64 = self.runs.iter().map(|run| run.record.bytes).sum();
        self.writer()
            .map_or(0, |writer| links + runs + writer.bytes())
    }

    /// Reads every block from the disk again when it is next needed.
    pub fn forget_blocks(&mut self) {
        self.cache.get_mut().clear();
    }

    /// What it has and has done.
    pub fn counts(&self) -> Counts {
        Counts {
            runs: self.runs.len(),
            run_bytes_written: self.run_bytes_written,
            blocks_read: self.cache.borrow().reads,
        }
    }

    /// This opening's term.
    pub fn term(&self) -> Term {
        match &self.end {
            End::Writable(writer) => writer.name().log.term,
            End::ReadOnly { term, .. } => *term,
        }
    }
}
