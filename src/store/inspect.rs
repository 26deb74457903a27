//! What lies in the files of a store, file by file, for `holm-inspect`.
//!
//! Judges one file at a time, by `docs/FORMAT.md` sections 3 and 8, and looks at all of it. What
//! files mean to each other is recovery's. Not in the client.

use super::block::{Block, CHECK_BYTES};
use super::error::StoreError;
use super::filter;
use super::group::{Kind, PREAMBLE_BYTES, RUN_MAGIC, preamble};
use super::log::{Group, Log};
use super::name::{LogId, LogName};
use super::run::{Extent, RunId, RunRecord};
use crate::ids::{Commit, FileId, Term};
use crate::platform::disk::Disk;

/// What is called with each entry: where the group or block that has it begins, its key, and its
/// value if it is a put.
pub type VisitRecord<'a> = dyn FnMut(u64, &[u8], Option<&[u8]>) + 'a;

/// A place that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where it begins, in bytes.
    pub offset: u64,
    /// What is wrong.
    pub problem: &'static str,
}

/// What a log is made of.
#[derive(Clone, Debug)]
pub struct LogContent {
    /// The term of its leader.
    pub term: Term,
    /// Its number within the term.
    pub part: u32,
    /// The newest log that was known to be durable when it was made.
    pub base: Option<(Term, u32)>,
    /// Length of the file in bytes.
    pub bytes: u64,
    /// Whether its head is good. Without one no group is.
    pub has_head: bool,
    /// Good groups from the start: heads, commits, marks, manifests.
    pub groups: [u64; 4],
    /// The first and the last of the commits in it.
    pub commits: Option<(Commit, Commit)>,
    /// The last commit before the first bad place.
    pub last: Commit,
    /// Where the good groups end.
    pub end: u64,
    /// Up to where it is known to have been flushed.
    pub flushed: u64,
    /// By its last manifest, the earlier logs to be read, the oldest first, and their lengths.
    pub links: Vec<(String, u64)>,
    /// By its last manifest, the runs, the newest first.
    pub runs: Vec<ListedRun>,
    /// Good groups behind the first bad place.
    pub stray: u64,
    /// Places without a good group: from where and how long.
    pub gaps: Vec<(u64, u64)>,
    /// Groups that check out and do not hold what they should.
    pub faults: Vec<Fault>,
}

/// A run that a manifest names.
#[derive(Clone, Copy, Debug)]
pub struct ListedRun(RunRecord);

impl ListedRun {
    /// The name of its file.
    pub fn name(self) -> String {
        self.0.id.to_text()
    }
}

/// What a run is made of.
#[derive(Clone, Debug, Default)]
pub struct RunContent {
    /// The term of the leader that wrote it.
    pub term: Term,
    /// Its number within the term.
    pub number: u64,
    /// Length of the file in bytes.
    pub bytes: u64,
    /// Whether its footer checks out, or a manifest names it. If not, it was never finished, and
    /// nothing of it can be read.
    pub is_finished: bool,
    /// Puts and deletes in it, by what it says of itself.
    pub entries: u64,
    /// The first and the last of the commits that it is made of.
    pub commits: (Commit, Commit),
    /// Good blocks.
    pub blocks: u64,
    /// What is not as it was written.
    pub faults: Vec<Fault>,
}

/// Whether a file's name is that of a log or a run.
pub fn is_of_store(name: &str) -> bool {
    LogName::from_text(name).is_some() || RunId::from_text(name).is_some()
}

/// Reads a log to its end and visits every entry of its good groups. `None` if the file is not
/// named as a log.
pub fn log(
    disk: &mut dyn Disk,
    (name, file): (&str, FileId),
    visit: &mut VisitRecord,
) -> Option<Result<LogContent, StoreError>> {
    let name = LogName::from_text(name)?;
    Some(Log::read(disk, (name, file), u64::MAX).map(|log| content_of(&log, visit)))
}

fn content_of(log: &Log, visit: &mut VisitRecord) -> LogContent {
    let pair = |id: LogId| (id.term, id.part);
    let manifest = log.manifest.clone();
    let has_head = manifest.is_some();
    let manifest = manifest.unwrap_or_default();
    let links = manifest.links.iter();
    let mut content = LogContent {
        term: log.name.log.term,
        part: log.name.log.part,
        base: log.name.base.map(pair),
        bytes: log.size() as u64,
        has_head,
        groups: [0; 4],
        commits: None,
        last: log.last(),
        end: log.end() as u64,
        flushed: log.flushed as u64,
        links: links
            .map(|link| (link.name.to_text(), link.length))
            .collect(),
        runs: manifest.runs.into_iter().map(ListedRun).collect(),
        stray: log.stray.len() as u64,
        gaps: gaps(log),
        faults: Vec::new(),
    };
    for group in &log.groups {
        content.count(log, group, visit);
    }
    for group in &log.stray {
        let offset = group.offset as u64;
        log.entries(group, &mut |key, value| visit(offset, key, value));
    }
    content
}

impl LogContent {
    fn count(&mut self, log: &Log, group: &Group, visit: &mut VisitRecord) {
        let kind = group.header.kind;
        if let Some(count) = self.groups.get_mut(kind as usize - 1) {
            *count += 1;
        }
        if kind == Kind::Commit {
            let commit = group.header.commit;
            let (first, _) = self.commits.unwrap_or((commit, commit));
            self.commits = Some((first, commit));
        }
        let offset = group.offset as u64;
        let read = log.entries(group, &mut |key, value| visit(offset, key, value));
        if read.is_none() {
            self.faults.push(Fault {
                offset,
                problem: "a group does not hold entries",
            });
        }
    }
}

/// What lies between good groups.
fn gaps(log: &Log) -> Vec<(u64, u64)> {
    let mut gaps = Vec::new();
    let mut from = log.end();
    let ends = log.stray.iter().map(|group| (group.offset, group.end()));
    for (begin, end) in ends.chain([(log.size(), log.size())]) {
        if begin > from {
            gaps.push((from as u64, (begin - from) as u64));
        }
        from = end;
    }
    gaps
}

/// Reads every block of a run, and visits every entry of the good ones. `None` if the file is not
/// named as a run. What a manifest says of the run goes before what it says itself.
pub fn run(
    disk: &mut dyn Disk,
    (name, file): (&str, FileId),
    listed: Option<ListedRun>,
    visit: &mut VisitRecord,
) -> Option<Result<RunContent, StoreError>> {
    let id = RunId::from_text(name)?;
    let bytes = match disk.size(file) {
        Ok(bytes) => bytes,
        Err(error) => return Some(Err(error.into())),
    };
    let footer = RunRecord::from_footer(disk, id, file);
    let record = listed.map(|listed| listed.0).or(footer);
    let mut walk = Walk {
        disk,
        file,
        id,
        content: RunContent {
            term: id.term,
            number: id.number,
            bytes,
            is_finished: record.is_some(),
            ..RunContent::default()
        },
        last: None,
        entries: 0,
        bytes: PREAMBLE_BYTES as u64,
        visit,
    };
    if let Some(record) = record {
        walk.check(&record, footer);
    }
    Some(Ok(walk.content))
}

/// On the way through the blocks of a run.
struct Walk<'a, 'b> {
    disk: &'a mut dyn Disk,
    file: FileId,
    id: RunId,
    content: RunContent,
    /// The last key of the leaves so far.
    last: Option<Vec<u8>>,
    entries: u64,
    bytes: u64,
    visit: &'a mut VisitRecord<'b>,
}

impl Walk<'_, '_> {
    fn check(&mut self, record: &RunRecord, footer: Option<RunRecord>) {
        self.content.entries = record.entries;
        self.content.commits = record.commits;
        let mut begin = [0; PREAMBLE_BYTES];
        let count = self.disk.read(self.file, 0, &mut begin);
        if count != Ok(PREAMBLE_BYTES) || preamble(RUN_MAGIC) != begin {
            self.fault(0, "the preamble of the run is not as it was written");
        }
        if footer != Some(*record) {
            self.fault(
                record.bytes,
                "the footer of the run is not as it was written",
            );
        }
        self.block(record.root, record.bytes, 0, None);
        // Below a bad block neither can be counted.
        if self.content.faults.is_empty() {
            if self.entries != record.entries {
                self.fault(record.bytes, "the run has another number of entries");
            }
            if self.bytes != record.bytes {
                self.fault(PREAMBLE_BYTES as u64, "blocks do not fill the run");
            }
        }
    }

    fn fault(&mut self, offset: u64, problem: &'static str) {
        self.content.faults.push(Fault { offset, problem });
    }

    /// Checks a block and what is below it. `level` is 0 for the root and 2 for leaves; `lead` is
    /// the entry above.
    fn block(&mut self, extent: Extent, limit: u64, level: u32, lead: Option<(&[u8], &[u8])>) {
        let Some(block) = self.read(extent, limit) else {
            self.fault(extent.offset, "a block is not as it was written");
            return;
        };
        self.content.blocks += 1;
        self.bytes += u64::from(extent.length);
        if lead.is_some_and(|(key, _)| key != block.key(0)) {
            self.fault(
                extent.offset,
                "a block begins with another key than leads to it",
            );
        }
        if level == 2 {
            let filter = lead.map_or(&[][..], |(_, filter)| filter);
            self.leaf(&block, extent.offset, filter);
            return;
        }
        for at in 0..block.len() {
            match block.value(at).and_then(Extent::decode) {
                Some((below, filter)) => {
                    self.block(below, limit, level + 1, Some((block.key(at), filter)));
                }
                None => self.fault(extent.offset, "an entry does not lead to a block"),
            }
        }
    }

    fn read(&mut self, extent: Extent, limit: u64) -> Option<Block> {
        let end = extent.offset.checked_add(extent.length.into())?;
        if end > limit.min(self.content.bytes) || (extent.length as usize) < CHECK_BYTES {
            return None;
        }
        let mut bytes = vec![0; extent.length as usize];
        let count = self.disk.read(self.file, extent.offset, &mut bytes).ok()?;
        bytes.truncate(count);
        Block::read(self.id, extent.offset, bytes)
    }

    fn leaf(&mut self, block: &Block, offset: u64, filter: &[u8]) {
        for at in 0..block.len() {
            let key = block.key(at);
            if self.last.as_deref().is_some_and(|last| last >= key) {
                self.fault(offset, "keys do not increase");
            }
            if !filter::may_hold(filter, filter::hash(key)) {
                self.fault(offset, "the filter rules out a key of its leaf");
            }
            self.last = Some(key.to_vec());
            self.entries += 1;
            (self.visit)(offset, key, block.value(at));
        }
    }
}
