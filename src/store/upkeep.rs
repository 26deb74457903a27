//! What keeps a store small in memory and quick to open: memtables become runs, and runs become
//! larger runs, a slice at a time between requests.
//!
//! A full memtable is frozen when a file for the next log is there: the new log begins with what
//! the database is made of, and later commits go to it. The frozen memtable is written to a run.
//! When the run is flushed, a manifest names it and the logs before this one are no longer needed.

use super::builder::RunBuilder;
use super::cache::Reader;
use super::error::StoreError;
use super::job::{Deletes, Inputs, Job, runs_to_merge};
use super::manifest::{Link, Manifest};
use super::memtable::Memtable;
use super::merged::Merged;
use super::name::{LogId, LogName};
use super::reserve::{self, Room};
use super::run::{End, Run, RunId};
use super::writer::Writer;
use super::{Flushing, Sizes, Store};
use crate::ids::{Commit, FileId};
use crate::platform::disk::{Disk, DiskError};
use std::rc::Rc;

/// Whoever writes this part of a memtable from one pause to the next is not held up by merging.
const PART_MUCH: usize = 32;

/// Files that were asked for ahead of need, work under way, and what may be removed later.
#[derive(Default)]
pub(super) struct Upkeep {
    /// Names of files that were asked for.
    asked: Vec<String>,
    spare_log: Option<(LogName, FileId)>,
    spare_run: Option<(RunId, FileId)>,
    runs_named: u64,
    /// The last commit in the frozen memtable.
    frozen_to: Commit,
    /// At most one writes the frozen memtable; the others make a run of several each, those begun
    /// later of newer and smaller ones.
    jobs: Vec<Job>,
    /// Something failed. Tried again after the next commit.
    is_blocked: bool,
    /// Nothing is written for now: the memtable need not be full to become a run.
    is_resting: bool,
    gone: Vec<Gone>,
    /// Bytes in the memtable at the last pause.
    bytes_seen: usize,
}

/// A file that may be removed when the log is flushed up to this offset, and no snapshot has it.
struct Gone {
    offset: u64,
    name: String,
    run: Option<Rc<Run>>,
}

impl Upkeep {
    /// The run to be flushed, if any: all of it, or else a part.
    pub fn flush_wanted(&self) -> Option<(FileId, Flushing)> {
        if let Some(job) = self.jobs.iter().find(|job| job.is_written) {
            return Some((job.file, Flushing::Run(job.file)));
        }
        let job = self.jobs.iter().find(|job| job.has_part())?;
        Some((job.file, Flushing::Part(job.file)))
    }

    /// A commit was made: what failed is tried again.
    pub fn unblock(&mut self) {
        self.is_blocked = false;
        self.is_resting = false;
    }

    /// The job that is to write next: the frozen memtable's, since commits wait for it, then the
    /// smallest, since reads do.
    fn writing(&mut self) -> Option<&mut Job> {
        let jobs = self.jobs.iter_mut().filter(|job| !job.is_written);
        jobs.max_by_key(|job| job.inputs == Inputs::Frozen)
    }

    /// Takes the files that nothing needs once `writer` has flushed what it has.
    pub fn take_gone(&mut self, writer: &Writer) -> Vec<String> {
        let mut names = Vec::new();
        self.gone.retain_mut(|gone| {
            let is_read = gone
                .run
                .as_ref()
                .is_some_and(|run| Rc::strong_count(run) > 1);
            let stays = is_read && !crate::planted::is("store_snapshot_unpinned")
                || !writer.is_flushed(gone.offset)
                    && !crate::planted::is("store_inputs_removed_early");
            if !stays {
                names.push(std::mem::take(&mut gone.name));
            }
            stays
        });
        names
    }
}

/// From this part of a memtable on it is written to a run when nothing else is to be done.
const REST_SHARE: usize = 4;
/// The filter of a memtable takes this part of it: about ten bits for a key of a small document.
const FILTER_SHARE: usize = 32;

impl Store {
    /// Files to be made ahead of need. Each is named once; the answer is for
    /// [`Store::file_ready`].
    pub fn files_wanted(&mut self) -> Vec<String> {
        let mut names = Vec::new();
        let begun = self.writer().filter(|writer| writer.is_begun());
        let Some(writer) = begun else {
            return names;
        };
        let name = writer.name();
        if writer.reserve.file.is_none() && self.sizes.reserve_bytes > 0 {
            names.push(reserve::NAME.to_string());
        }
        let upkeep = &self.upkeep;
        let is_near = upkeep.is_resting || self.memtable.bytes() * 2 >= self.sizes.memtable_bytes;
        if upkeep.spare_log.is_none() && is_near {
            names.push(next_log(name).to_text());
        }
        if upkeep.spare_run.is_none() && self.next_inputs().is_some() {
            names.push(self.next_run(name.log).to_text());
        }
        names.retain(|name| !self.upkeep.asked.contains(name) && !self.upkeep.is_blocked);
        self.upkeep.asked.extend_from_slice(&names);
        names
    }

    /// A file that was wanted is there, empty, or could not be made.
    pub fn file_ready(
        &mut self,
        disk: &mut dyn Disk,
        name: &str,
        result: Result<FileId, DiskError>,
    ) {
        if name == reserve::NAME {
            if let (Ok(file), Some(writer)) = (result, self.writer_mut()) {
                writer.reserve.file = Some(file);
                writer.reserve.hold(disk);
            }
            // Asked for only once.
            return;
        }
        let upkeep = &mut self.upkeep;
        upkeep.asked.retain(|asked| asked != name);
        let run = RunId::from_text(name);
        // A name whose file could not be made is not tried again.
        upkeep.runs_named += u64::from(run.is_some());
        match (result, run, LogName::from_text(name)) {
            (Ok(file), Some(run), _) => upkeep.spare_run = Some((run, file)),
            (Ok(file), _, Some(log)) => upkeep.spare_log = Some((log, file)),
            _ => upkeep.is_blocked = true,
        }
    }

    /// Whether there is something for [`Store::work`] to do now.
    pub fn work_wanted(&self) -> bool {
        let upkeep = &self.upkeep;
        let is_writing = upkeep.jobs.iter().any(|job| !job.is_written);
        let may_begin = upkeep.spare_run.is_some() && self.next_inputs().is_some();
        !upkeep.is_blocked && !self.is_damaged && (self.may_freeze() || may_begin || is_writing)
    }

    /// Does a slice of work in a pause between requests. While much is written only what commits
    /// wait for is done: merging makes reads quicker, and the more there is to merge at a time the
    /// fewer times a byte is written.
    pub fn work_in_pause(&mut self, disk: &mut dyn Disk) {
        let bytes = self.memtable.bytes();
        let seen = std::mem::replace(&mut self.upkeep.bytes_seen, bytes);
        let is_quiet = bytes.abs_diff(seen) < self.sizes.memtable_bytes / PART_MUCH;
        if is_quiet || self.frozen.is_some() || self.may_freeze() {
            self.work(disk);
        }
    }

    /// Does a slice of work. What fails is left as it was, and tried again after the next commit.
    pub fn work(&mut self, disk: &mut dyn Disk) {
        if self.work_wanted() && self.try_work(disk).is_err() {
            self.upkeep.is_blocked = true;
        }
    }

    /// Takes the answer to the flush of a part of a job's run.
    pub(super) fn part_flushed(
        &mut self,
        disk: &mut dyn Disk,
        file: FileId,
        result: Result<(), DiskError>,
    ) {
        if result.is_err() || crate::planted::is("store_part_taken_for_whole") {
            return self.run_flushed(disk, file, result);
        }
        let mut jobs = self.upkeep.jobs.iter_mut();
        if let Some(job) = jobs.find(|job| job.file == file) {
            job.unflushed = 0;
        }
    }

    /// Takes the answer to the flush of a job's run: the run takes the place of its inputs.
    pub(super) fn run_flushed(
        &mut self,
        disk: &mut dyn Disk,
        file: FileId,
        result: Result<(), DiskError>,
    ) {
        let jobs = &mut self.upkeep.jobs;
        let Some(at) = jobs.iter().position(|job| job.file == file) else {
            return;
        };
        let job = jobs.remove(at);
        let done = match result {
            Ok(()) => self.install(disk, &job),
            Err(error) => Err(error.into()),
        };
        if done.is_err() {
            // What was flushed at the second attempt may still not be there: another file, then.
            self.give_up(&job);
        }
    }

    fn try_work(&mut self, disk: &mut dyn Disk) -> Result<(), StoreError> {
        if self.may_freeze() {
            return self.freeze(disk);
        }
        self.begin_job(disk)?;
        let Some(job) = self.upkeep.writing() else {
            return Ok(());
        };
        let mut reader = Reader {
            disk,
            cache: &self.cache,
            skips: false,
            read_ahead: None,
        };
        match job.slice(&mut reader, self.sizes.slice_bytes) {
            Ok(bytes) => {
                self.run_bytes_written += bytes;
                let file = job.file;
                if job.is_written && crate::planted::is("store_run_before_flush") {
                    self.run_flushed(disk, file, Ok(()));
                }
                Ok(())
            }
            Err(error) => {
                let file = job.file;
                self.run_flushed(disk, file, Err(DiskError::Full));
                Err(error)
            }
        }
    }

    pub(super) fn may_freeze(&self) -> bool {
        self.writer().is_some_and(Writer::may_be_followed)
            && self.frozen.is_none()
            && self.flushing.is_none()
            && self.upkeep.spare_log.is_some()
            && (self.upkeep.is_resting || self.memtable.bytes() >= self.sizes.memtable_bytes)
    }

    /// Whether a rest would be of use: so much is in memory that the next opening would take long
    /// to read it from the log.
    pub fn may_rest(&self) -> bool {
        let is_much = self.memtable.bytes() >= self.sizes.memtable_bytes / REST_SHARE;
        let upkeep = &self.upkeep;
        is_much && self.writer().is_some() && !upkeep.is_resting && !upkeep.is_blocked
    }

    /// Nothing was written for a while: what is in memory becomes a run, until the next commit.
    pub fn rest(&mut self) {
        self.upkeep.is_resting = true;
    }

    /// Begins the next log, which builds on this one, and freezes the memtable.
    fn freeze(&mut self, disk: &mut dyn Disk) -> Result<(), StoreError> {
        let Some(writer) = self.writer() else {
            return Ok(());
        };
        let reserve = writer.reserve;
        let (link, carried) = writer.link();
        let commits = (writer.last(), writer.durable());
        let mut manifest = manifest(&self.links, &self.runs);
        manifest.links.push(link);
        let Some(log) = self.upkeep.spare_log else {
            return Ok(());
        };
        let head = (&manifest, &carried[..]);
        let next = Writer::begin(disk, log, commits, head, (reserve, Room::Free))?;
        self.upkeep.spare_log = None;
        self.upkeep.is_resting = false;
        self.set_writer(next);
        self.links = manifest.links;
        // The head of the new log names what those offsets of the old one did.
        for gone in &mut self.upkeep.gone {
            gone.offset = 1;
        }
        let empty = Memtable::with_filter(self.sizes.memtable_bytes / FILTER_SHARE);
        self.frozen = Some(std::mem::replace(&mut self.memtable, empty));
        self.upkeep.frozen_to = commits.0;
        Ok(())
    }

    /// What is to become a run next.
    fn next_inputs(&self) -> Option<Inputs> {
        let jobs = &self.upkeep.jobs;
        if self.frozen.is_some() && !jobs.iter().any(|job| job.inputs == Inputs::Frozen) {
            return Some(Inputs::Frozen);
        }
        // What is newer than all that is being merged may be merged meanwhile.
        let is_merging = |run: &Run| jobs.iter().any(|job| job.inputs.holds(run.record.id));
        let free = self.runs.iter().take_while(|run| !is_merging(run));
        let bytes: Vec<u64> = free.map(|run| run.record.bytes).collect();
        let count = runs_to_merge(&bytes)?;
        let newest = self.runs.iter().take(count);
        Some(Inputs::Runs(newest.map(|run| run.record.id).collect()))
    }

    /// Begins the next job, if it can.
    fn begin_job(&mut self, disk: &mut dyn Disk) -> Result<(), StoreError> {
        let (Some(inputs), Some(run)) = (self.next_inputs(), self.upkeep.spare_run) else {
            return Ok(());
        };
        let (frozen, count) = match &inputs {
            Inputs::Frozen => (self.frozen.as_ref().map(Memtable::shared).cloned(), 0),
            Inputs::Runs(ids) => (None, ids.len()),
        };
        let (runs, older) = self.runs.split_at_checked(count).unwrap_or_default();
        let last = runs.first().map(|run| run.record.commits.1);
        let before = older.first().map(|run| run.record.commits.1);
        let commits = (
            before.unwrap_or_default().next(),
            last.unwrap_or(self.upkeep.frozen_to),
        );
        let deletes = if older.is_empty() || crate::planted::is("store_deletes_dropped_early") {
            Deletes::Dropped
        } else {
            Deletes::Kept
        };
        let frozen = frozen.as_slice();
        let source = Merged::seek(frozen, &[], &mut self.reader(disk), &[], End::First)?;
        let source = (source, runs.to_vec());
        let builder = RunBuilder::new(run.0, commits, self.sizes.block_bytes);
        let job = Job::new(inputs, run, source, builder, deletes);
        self.upkeep.jobs.push(job);
        self.upkeep.spare_run = None;
        Ok(())
    }

    /// Puts a finished run in the place of its inputs, in the manifest first.
    fn install(&mut self, disk: &mut dyn Disk, job: &Job) -> Result<(), StoreError> {
        let file = job.file;
        let record = job.run;
        let frozen = self.frozen.as_ref();
        let frozen = frozen.filter(|_| job.inputs == Inputs::Frozen);
        let filter = frozen.map_or_else(Vec::new, |frozen| frozen.filter.clone());
        let run = |record| Run {
            record,
            file,
            filter,
        };
        let mut made = record.map(run).map(Rc::new);
        let mut gone = Vec::new();
        let mut runs = Vec::new();
        let mut links = &self.links[..];
        let inputs: &[RunId] = match &job.inputs {
            Inputs::Frozen => {
                gone.extend(links.iter().map(|link| (link.name.to_text(), None)));
                links = &[];
                runs.extend(made.take());
                &[]
            }
            Inputs::Runs(ids) => ids,
        };
        for run in &self.runs {
            if inputs.contains(&run.record.id) {
                // The oldest first, so that what is left never shows what a newer one has changed.
                gone.insert(0, (run.record.id.to_text(), Some(run.clone())));
                runs.extend(made.take());
            } else {
                runs.push(run.clone());
            }
        }
        if record.is_none() {
            gone.push((job.id.to_text(), None));
        }
        let manifest = manifest(links, &runs);
        let Some(writer) = self.writer_mut() else {
            return Ok(());
        };
        writer.write_manifest(disk, &manifest)?;
        let offset = writer.bytes();
        for (name, run) in gone {
            self.upkeep.gone.push(Gone { offset, name, run });
        }
        self.cache.borrow_mut().forget(inputs);
        self.runs = runs;
        self.links = manifest.links;
        if job.inputs == Inputs::Frozen {
            self.frozen = None;
        }
        Ok(())
    }

    /// The file of a job that failed is of no use. It is removed, and another one will be made.
    fn give_up(&mut self, job: &Job) {
        self.upkeep.is_blocked = true;
        self.upkeep.gone.push(Gone {
            offset: 0,
            name: job.id.to_text(),
            run: None,
        });
    }

    fn next_run(&self, log: LogId) -> RunId {
        RunId {
            term: log.term,
            number: self.upkeep.runs_named,
        }
    }
}

/// What a database is made of, without the log that is being written.
pub(super) fn manifest(links: &[Link], runs: &[Rc<Run>]) -> Manifest {
    Manifest {
        links: links.to_vec(),
        runs: runs.iter().map(|run| run.record).collect(),
    }
}

/// The log after this one, in the same term.
fn next_log(name: LogName) -> LogName {
    let part = name.log.part + 1;
    LogName {
        log: LogId { part, ..name.log },
        base: Some(name.log),
    }
}

impl Default for Sizes {
    fn default() -> Self {
        Self {
            memtable_bytes: 2 << 20,
            block_bytes: 32 << 10,
            slice_bytes: 128 << 10,
            cache_bytes: 16 << 20,
            reserve_bytes: 1 << 20,
        }
    }
}
