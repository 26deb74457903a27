//! Opening: reads what is on the disk, says what was found, and begins the log of a new term.
//!
//! The rules are those of `docs/FORMAT.md` sections 2, 4 and 6. It reads at once, within a step;
//! the file in between is made by the caller. It changes nothing that it reads.

use super::batch::push_entry;
use super::cache::Reader;
use super::error::{StoreError, StoreProblem};
use super::log::{Group, Log};
use super::manifest::{Link, Manifest};
use super::memtable::Memtable;
use super::merged::{Memory, Merged};
use super::name::{LogId, LogName, term_of};
use super::reserve::{self, Reserve, Room};
use super::run::{End, Run, RunId, RunRecord};
use super::upkeep;
use super::writer::Writer;
use super::{End as StoreEnd, Sizes, Store};
use crate::ids::{Commit, FileId, Term};
use crate::platform::disk::Disk;
use crate::sorted::SortedMap;
use std::cell::RefCell;
use std::rc::Rc;

/// Most logs that a new one builds on.
const LINKS_MAX: usize = 4;
/// Bytes of earlier logs that are always tolerated.
const LINKED_BYTES_FREE: u64 = 16 << 10;
/// How many times the live bytes of the memtable earlier logs may hold beside that.
const LINKED_BYTES_FACTOR: u64 = 3;

/// What was found that should not be there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What the end of a log had that was never finished. It was never durable, and is not read.
    pub torn: Vec<Torn>,
    /// What is not as it was written. If there is any, the store is open for reading only.
    pub damage: Vec<Damage>,
    /// Files that are not the store's.
    pub unknown: Vec<String>,
}

/// An unfinished end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Torn {
    /// The file.
    pub file: String,
    /// Its length in bytes.
    pub bytes: u64,
}

/// Something that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub file: String,
    /// Where in it, in bytes.
    pub offset: u64,
    /// What was found.
    pub problem: &'static str,
}

/// A database as it was read, before anything is written.
pub struct Recovery {
    sizes: Sizes,
    memtable: Memtable,
    runs: Vec<Rc<Run>>,
    last: Commit,
    logs: SortedMap<LogName, FileId>,
    run_files: Vec<(RunId, FileId)>,
    reserve: Option<FileId>,
    term: Term,
    base: Option<LogId>,
    links: Vec<Link>,
    /// Links that are given up for a head that carries everything, if there is room for it.
    links_given_up: Vec<Link>,
    /// Keys whose state the links do not hold. A map of the memtable's type, so that one copy of
    /// its code serves both; it has no values.
    carried: Memory,
    /// What the last good manifest said, and the term that it is of.
    listed: (Term, Vec<RunRecord>),
    /// There is damage: what can be read is put together, nothing will be written.
    is_salvaging: bool,
    /// The runs that are known to have been finished.
    finished: Vec<Rc<Run>>,
    report: Report,
}

impl Recovery {
    /// Reads the database from its open files.
    pub fn read(
        disk: &mut dyn Disk,
        files: &[(String, FileId)],
        sizes: Sizes,
    ) -> Result<Self, StoreError> {
        let mut this = Self::sort(files, sizes);
        this.gather(disk)?;
        if this.is_damaged() {
            let listed = this.listed;
            this = Self::sort(files, sizes);
            this.listed = listed;
            this.find_runs(disk);
            this.gather(disk)?;
        }
        this.shorten();
        Ok(this)
    }

    /// Finds what the database is made of, and reads its logs.
    fn gather(&mut self, disk: &mut dyn Disk) -> Result<(), StoreError> {
        let mut heads_lost = Vec::new();
        for (name, file) in self.logs.clone().into_iter().rev() {
            let log = Log::read(disk, (name, file), u64::MAX)?;
            if let Some(manifest) = log.manifest.clone() {
                self.follow(disk, &log, manifest)?;
                break;
            }
            self.judge_headless(&log);
            heads_lost.push(log);
        }
        for log in heads_lost.iter().rev() {
            self.apply_stray(log);
        }
        Ok(())
    }

    /// Takes the runs that there are, since not everything could be read: those of the manifest,
    /// and others by what they say of themselves. One whose commits a finished one has all is of
    /// the past, or was never needed.
    fn find_runs(&mut self, disk: &mut dyn Disk) {
        self.is_salvaging = true;
        // The newest first; of those that end with the same commit the one with most.
        let mut found: Vec<Rc<Run>> = Vec::new();
        for (id, file) in self.run_files.clone() {
            let listed = self.listed.1.iter().find(|record| record.id == id);
            // What a leader wrote that did not know of its end is not of this database.
            let is_late = id.term < self.listed.0;
            let footer = || RunRecord::from_footer(disk, id, file).filter(|_| !is_late);
            let Some(record) = listed.copied().or_else(footer) else {
                continue;
            };
            let (first, last) = record.commits;
            let is_before = |run: &&Rc<Run>| {
                let (its_first, its_last) = run.record.commits;
                (its_last, first) > (last, its_first)
            };
            let at = found.iter().take_while(is_before).count();
            let run = Rc::new(Run::new(record, file));
            if listed.is_some() || is_whole(disk, &run) {
                self.finished.push(run.clone());
            }
            found.insert(at, run);
        }
        for run in found {
            let (first, last) = run.record.commits;
            let is_held = |other: &Rc<Run>| {
                let is_other = other.record.commits != (first, last);
                is_other && other.record.holds(first) && other.record.holds(last)
            };
            let is_stale = self.finished.iter().any(is_held);
            if !is_stale || crate::planted::is("store_stale_run_salvaged") {
                self.runs.push(run);
            }
        }
    }

    /// What was found that should not be there.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// The file to be made for the new term's log; none if there is damage.
    pub fn file_to_make(&self) -> Option<String> {
        (!self.is_damaged()).then(|| self.name().to_text())
    }

    /// The first damage that was found. Then the store can only be opened for reading.
    pub fn damage(&self) -> Option<StoreError> {
        let Damage {
            file,
            offset,
            problem,
        } = self.report.damage.first()?.clone();
        Some(
            StoreProblem::Damaged {
                file,
                offset,
                problem,
            }
            .into(),
        )
    }

    /// The store, for reading only. Every commit is refused with `refusal`. Nothing is left here.
    pub fn read_only(&mut self, refusal: StoreError) -> Store {
        let (last, term) = (self.last, self.term);
        self.store(StoreEnd::ReadOnly {
            last,
            term,
            refusal,
        })
    }

    /// Begins the new term's log in the empty `file` that was made for it, and gives the store,
    /// writable; then nothing is left here. Nothing of it may be called durable before its first
    /// flush. On an error what was read is still here, and may be opened for reading.
    pub fn begin(&mut self, disk: &mut dyn Disk, file: FileId) -> Result<Store, StoreError> {
        loop {
            match self.write_head(disk, file) {
                Err(error) if *error == StoreProblem::Full && !self.links_given_up.is_empty() => {
                    self.links = std::mem::take(&mut self.links_given_up);
                }
                Err(error) => return Err(error),
                Ok(writer) => {
                    let obsolete = self.obsolete();
                    let mut store = self.store(StoreEnd::Writable(Box::new(writer)));
                    store.obsolete = obsolete;
                    return Ok(store);
                }
            }
        }
    }

    fn store(&mut self, end: StoreEnd) -> Store {
        let memtable = std::mem::take(&mut self.memtable);
        let mut store = Store::new(self.sizes, memtable, std::mem::take(&mut self.runs), end);
        store.links = std::mem::take(&mut self.links);
        store.is_damaged = self.is_salvaging;
        store
    }

    fn sort(files: &[(String, FileId)], sizes: Sizes) -> Self {
        let mut logs = SortedMap::new();
        let mut run_files = Vec::new();
        let mut report = Report::default();
        let mut reserve = None;
        let mut term = Term(0);
        for (text, file) in files {
            term = term.max(term_of(text).unwrap_or_default());
            match (LogName::from_text(text), RunId::from_text(text)) {
                (Some(name), _) => drop(logs.insert(name, *file)),
                (_, Some(run)) => run_files.push((run, *file)),
                _ if text == reserve::NAME => reserve = Some(*file),
                _ => report.unknown.push(text.clone()),
            }
        }
        Self {
            sizes,
            memtable: Memtable::default(),
            runs: Vec::new(),
            last: Commit(0),
            logs,
            run_files,
            reserve,
            term: term.next(),
            base: None,
            links: Vec::new(),
            links_given_up: Vec::new(),
            carried: Memory::default(),
            listed: Default::default(),
            is_salvaging: false,
            finished: Vec::new(),
            report,
        }
    }

    fn name(&self) -> LogName {
        LogName {
            log: LogId {
                term: self.term,
                part: 0,
            },
            base: self.base,
        }
    }

    fn is_damaged(&self) -> bool {
        !self.report.damage.is_empty()
    }

    /// A log without a good head was never finished, or is damaged.
    fn judge_headless(&mut self, log: &Log) {
        let id = log.name.log;
        let was_durable = log.flushed > 0 || self.logs.keys().any(|name| name.base == Some(id));
        let has_base = |base: LogId| {
            self.logs.keys().any(|name| name.log == base)
                || crate::planted::is("store_base_ignored")
        };
        if was_durable {
            self.add_damage(log.name.to_text(), 0, "the head of the log is damaged");
        } else if !log.name.base.is_none_or(has_base) {
            self.add_damage(
                log.name.to_text(),
                0,
                "the log has no good head, and the one before it is gone",
            );
        } else if log.size() > 0 {
            self.add_torn(log);
        }
    }

    /// Reads what `newest` builds on and itself, and plans what the next log builds on.
    fn follow(
        &mut self,
        disk: &mut dyn Disk,
        newest: &Log,
        manifest: Manifest,
    ) -> Result<(), StoreError> {
        for record in &manifest.runs {
            self.open_run(disk, *record)?;
        }
        self.listed = (newest.name.log.term, manifest.runs);
        self.links = manifest.links;
        for link in self.links.clone() {
            self.read_link(disk, link)?;
        }
        self.apply(newest, &newest.groups);
        if newest.flushed > newest.end() {
            self.add_damage(
                newest.name.to_text(),
                newest.end(),
                "a group that was flushed is damaged",
            );
            self.apply_stray(newest);
        } else if newest.size() > newest.end() {
            self.add_torn(newest);
            if crate::planted::is("store_torn_tail_kept") {
                self.apply(newest, &newest.stray);
            }
        }
        self.base = newest.name.base;
        let is_trusting = crate::planted::is("store_unflushed_tail_linked");
        let flushed = if is_trusting {
            newest.end()
        } else {
            newest.flushed
        };
        if flushed > 0 {
            self.base = Some(newest.name.log);
            self.links.push(Link {
                name: newest.name,
                length: flushed as u64,
            });
        }
        for group in newest.groups.iter().filter(|group| group.end() > flushed) {
            let carried = &mut self.carried;
            newest.entries(group, &mut |key, _| {
                carried.insert(key.to_vec(), None);
            });
        }
        Ok(())
    }

    /// A run is not read before it is needed; that it is there, and as long as it was, is seen now.
    fn open_run(&mut self, disk: &mut dyn Disk, record: RunRecord) -> Result<(), StoreError> {
        let mut files = self.run_files.iter();
        let file = files
            .find(|(id, _)| *id == record.id)
            .map(|(_, file)| *file);
        let found = match file {
            Some(file) => disk.size(file)?,
            None => 0,
        };
        if found < record.bytes {
            let problem = "a run is gone or cut";
            self.add_damage(record.id.to_text(), found as usize, problem);
        }
        let file = file.filter(|_| found >= record.bytes && !self.is_salvaging);
        self.runs
            .extend(file.map(|file| Rc::new(Run::new(record, file))));
        Ok(())
    }

    fn read_link(&mut self, disk: &mut dyn Disk, link: Link) -> Result<(), StoreError> {
        let Some(file) = self.logs.get(&link.name).copied() else {
            self.add_damage(
                link.name.to_text(),
                0,
                "a log that a later one builds on is gone",
            );
            return Ok(());
        };
        let is_greedy = crate::planted::is("store_link_length_ignored");
        let length = if is_greedy { u64::MAX } else { link.length };
        let log = Log::read(disk, (link.name, file), length)?;
        self.apply(&log, &log.groups);
        if (log.end() as u64) < link.length {
            self.add_damage(
                link.name.to_text(),
                log.end(),
                "a group that was flushed is damaged",
            );
            self.apply_stray(&log);
        }
        Ok(())
    }

    /// What lies behind damage is of use where nothing is written any more.
    fn apply_stray(&mut self, log: &Log) {
        if self.is_salvaging {
            self.apply(log, &log.stray);
        }
    }

    fn apply(&mut self, log: &Log, groups: &[Group]) {
        let hides = !self.runs.is_empty();
        for group in groups {
            let commit = group.header.commit;
            if self.finished.iter().any(|run| run.record.holds(commit)) {
                continue;
            }
            let memtable = &mut self.memtable;
            let whole = log.entries(group, &mut |key, value| {
                if value.is_some() || hides {
                    memtable.put(key.to_vec(), value.map(<[u8]>::to_vec));
                } else {
                    memtable.forget(key);
                }
            });
            self.last = self.last.max(commit);
            if whole.is_none() {
                self.add_damage(
                    log.name.to_text(),
                    group.offset,
                    "a group does not hold entries",
                );
            }
        }
    }

    /// Gives the links up where a head that carries everything costs less.
    fn shorten(&mut self) {
        let bytes = |(key, value): (&Vec<u8>, &Option<Vec<u8>>)| {
            key.len() + value.as_ref().map_or(0, Vec::len)
        };
        let pairs = self.memtable.shared().iter();
        let live: usize = pairs.map(|(key, value)| bytes((key, value))).sum();
        let lengths = self.links.iter().map(|link| link.length);
        let linked = lengths.fold(0, u64::saturating_add);
        let tolerated = LINKED_BYTES_FREE + live as u64 * LINKED_BYTES_FACTOR;
        if self.links.len() > LINKS_MAX || linked > tolerated {
            self.links_given_up = std::mem::take(&mut self.links);
        }
    }

    fn write_head(&self, disk: &mut dyn Disk, file: FileId) -> Result<Writer, StoreError> {
        let mut entries = Vec::new();
        if self.links.is_empty() {
            for (key, value) in self.memtable.shared().iter() {
                push_entry(&mut entries, key, value.as_deref());
            }
        } else {
            for (key, _) in self.carried.iter() {
                let value = self.memtable.shared().get(key).and_then(Option::as_deref);
                push_entry(&mut entries, key, value);
            }
        }
        let manifest = upkeep::manifest(&self.links, &self.runs);
        let commits = (self.last, Commit(0));
        let head = (&manifest, &entries[..]);
        let reserve = Reserve {
            file: self.reserve,
            bytes: self.sizes.reserve_bytes,
            ..Reserve::default()
        };
        Writer::begin(
            disk,
            (self.name(), file),
            commits,
            head,
            (reserve, Room::Reserve),
        )
    }

    /// Logs that the new one does not build on.
    fn obsolete(&self) -> Vec<String> {
        let mut names = Vec::new();
        for name in self.logs.keys() {
            if !self.links.iter().any(|link| link.name == *name) {
                names.push(name.to_text());
            }
        }
        for (id, _) in &self.run_files {
            if !self.runs.iter().any(|run| run.record.id == *id) {
                names.push(id.to_text());
            }
        }
        names
    }

    fn add_damage(&mut self, file: String, offset: usize, problem: &'static str) {
        self.report.damage.push(Damage {
            file,
            offset: offset as u64,
            problem,
        });
    }

    fn add_torn(&mut self, log: &Log) {
        let bytes = (log.size() - log.end()) as u64;
        self.report.torn.push(Torn {
            file: log.name.to_text(),
            bytes,
        });
    }
}

/// Whether all blocks of a run are as they were written.
fn is_whole(disk: &mut dyn Disk, run: &Rc<Run>) -> bool {
    let cache = RefCell::default();
    let mut reader = Reader {
        disk,
        cache: &cache,
        skips: false,
        read_ahead: None,
    };
    let runs = std::slice::from_ref(run);
    let merged = Merged::seek(&[], runs, &mut reader, &[], End::First);
    let Ok(mut merged) = merged else { return false };
    while merged.entry().is_some() {
        if merged.advance(&mut reader).is_err() {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_any_length_are_given_up() {
        let mut recovery = Recovery::sort(&[], Sizes::default());
        let link = Link {
            name: recovery.name(),
            length: u64::MAX,
        };
        recovery.links = vec![link, link];
        recovery.shorten();
        assert_eq!(recovery.links, []);
    }
}
