//! What a folder holds: each file by itself, what the files are to each other, what is wrong, and
//! the store that can be read of it.

use crate::Failure;
use crate::folder::Folder;
use crate::record;
use holm::ids::FileId;
use holm::platform::disk::DiskError;
use holm::store::inspect::{self, ListedRun, LogContent, RunContent};
use holm::store::{Direction, Recovery, Sizes, Store, StoreError, StoreProblem, Torn};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::ControlFlow;

/// Something that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file and where in it, in bytes; or the record, if it may lie in several.
    pub place: (String, Option<u64>),
    /// What was found.
    pub what: String,
}

impl Problem {
    /// One at a byte of a file.
    pub fn at(file: &str, offset: u64, what: &str) -> Self {
        Self {
            place: (file.into(), Some(offset)),
            what: what.into(),
        }
    }

    /// One of a record as the store gives it.
    pub fn of(record: String, what: &str) -> Self {
        Self {
            place: (record, None),
            what: what.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            (file, Some(offset)) => write!(out, "{file} at byte {offset}: {}", self.what),
            (record, None) => write!(out, "{record}: {}", self.what),
        }
    }
}

/// What a file is to the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The log that says what the database is made of.
    Newest,
    /// A log that is read up to this length.
    Linked(u64),
    /// A run that is read.
    Read,
    /// What the database does not need, or never had.
    Spare,
}

/// A file and what is in it.
pub struct Held {
    /// Its name.
    pub name: String,
    /// What it is to the database.
    pub part: Part,
    /// What is in it.
    pub content: Content,
    /// Records that do not decode, by where their group or block begins.
    undecodable: Vec<(u64, &'static str)>,
}

/// What is in a file.
pub enum Content {
    /// A log.
    Log(LogContent),
    /// A run.
    Run(RunContent),
}

/// A folder that was looked at.
pub struct Survey {
    /// The files of the store.
    pub files: Vec<Held>,
    /// What is not as it was written, sorted.
    pub problems: Vec<Problem>,
    /// Ends that were never finished.
    pub torn: Vec<Torn>,
    /// The disk, and the store on it.
    pub folder: Folder,
    pub store: Store,
}

impl Survey {
    /// Reads every file of a folder.
    pub fn read(mut folder: Folder) -> Result<Self, Failure> {
        let mut files = Vec::new();
        for (name, file) in folder.names.clone() {
            files.extend(read_log(&mut folder, &name, file)?);
        }
        let listed = settle_logs(&mut files);
        for (name, file) in folder.names.clone() {
            files.extend(read_run(&mut folder, &name, file, &listed)?);
        }
        let names = folder.names.clone();
        let mut recovery =
            Recovery::read(&mut folder, &names, Sizes::default()).map_err(|error| said(&error))?;
        let report = recovery.report().clone();
        let damage = report.damage.iter();
        let mut problems: Vec<Problem> = damage
            .map(|damage| Problem::at(&damage.file, damage.offset, damage.problem))
            .collect();
        let known: BTreeSet<_> = problems
            .iter()
            .map(|problem| problem.place.clone())
            .collect();
        let found = files.iter().flat_map(problems_of);
        problems.extend(found.filter(|problem| !known.contains(&problem.place)));
        problems.sort();
        problems.dedup();
        let refusal =
            StoreProblem::Disk(DiskError::Failed("the folder is only read".into())).into();
        Ok(Self {
            files,
            problems,
            torn: report.torn,
            folder,
            store: recovery.read_only(refusal),
        })
    }

    /// Visits the pairs of a table that can be read.
    pub fn scan(&mut self, table: u8, visit: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), Failure> {
        let mut from = vec![table];
        loop {
            let last = &mut from;
            let scanned = self.store.scan(
                &mut self.folder,
                &last.clone(),
                &[table.saturating_add(1)],
                Direction::Forward,
                &mut |key, value| {
                    last.clear();
                    last.extend_from_slice(key);
                    last.push(0);
                    visit(key, value);
                    ControlFlow::Continue(())
                },
            );
            match scanned {
                Ok(()) => return Ok(()),
                // From now on the store passes over what is damaged.
                Err(_) if self.store.take_damage().is_some() => {}
                Err(error) => return Err(said(&error).into()),
            }
        }
    }
}

fn read_log(folder: &mut Folder, name: &str, file: FileId) -> Result<Option<Held>, Failure> {
    let mut undecodable = Vec::new();
    let mut visit = |offset: u64, key: &[u8], value: Option<&[u8]>| {
        undecodable.extend(record::fault_of(key, value).map(|what| (offset, what)));
    };
    let log = inspect::log(folder, (name, file), &mut visit).transpose();
    Ok(log.map_err(|error| said(&error))?.map(|content| Held {
        name: name.into(),
        part: Part::Spare,
        content: Content::Log(content),
        undecodable,
    }))
}

fn read_run(
    folder: &mut Folder,
    name: &str,
    file: FileId,
    listed: &Option<BTreeMap<String, ListedRun>>,
) -> Result<Option<Held>, Failure> {
    let record = listed.as_ref().and_then(|listed| listed.get(name)).copied();
    let mut undecodable = Vec::new();
    let mut visit = |offset: u64, key: &[u8], value: Option<&[u8]>| {
        undecodable.extend(record::fault_of(key, value).map(|what| (offset, what)));
    };
    let run = inspect::run(folder, (name, file), record, &mut visit).transpose();
    Ok(run.map_err(|error| said(&error))?.map(|content| {
        // Where no log says which runs count, all that were finished may.
        let is_read = record.is_some() || listed.is_none() && content.is_finished;
        Held {
            name: name.into(),
            part: if is_read { Part::Read } else { Part::Spare },
            content: Content::Run(content),
            undecodable,
        }
    }))
}

/// Says what the logs are to each other, and gives the runs that count, if a log says so.
fn settle_logs(logs: &mut [Held]) -> Option<BTreeMap<String, ListedRun>> {
    let head = |held: &Held| match &held.content {
        Content::Log(log) if log.has_head => Some((log.term, log.part)),
        _ => None,
    };
    let newest = logs.iter().filter(|held| head(held).is_some());
    let newest = newest.max_by_key(|held| head(held))?.name.clone();
    let (mut links, mut runs) = (BTreeMap::new(), BTreeMap::new());
    for held in logs.iter().filter(|held| held.name == newest) {
        if let Content::Log(log) = &held.content {
            links.extend(log.links.iter().cloned());
            runs.extend(log.runs.iter().map(|run| (run.name(), *run)));
        }
    }
    for held in logs {
        if held.name == newest {
            held.part = Part::Newest;
        } else if let Some(length) = links.get(&held.name) {
            held.part = Part::Linked(*length);
        }
    }
    Some(runs)
}

/// What is wrong with the part of a file that counts.
fn problems_of(held: &Held) -> Vec<Problem> {
    let undecodable = held.undecodable.iter().copied();
    let (gaps, faults, limit) = match (&held.content, held.part) {
        (_, Part::Spare) => return Vec::new(),
        (Content::Log(log), Part::Linked(length)) => (&log.gaps[..], &log.faults, length),
        (Content::Log(log), _) => (&log.gaps[..], &log.faults, log.flushed.max(log.end)),
        (Content::Run(run), _) => (&[][..], &run.faults, u64::MAX),
    };
    let gaps = gaps.iter().map(|(from, _)| (*from, "a group is damaged"));
    let faults = faults.iter().map(|fault| (fault.offset, fault.problem));
    gaps.chain(faults)
        .chain(undecodable)
        .filter(|(offset, _)| *offset < limit)
        .map(|(offset, what)| Problem::at(&held.name, offset, what))
        .collect()
}

/// A store's refusal in words.
pub fn said(error: &StoreError) -> String {
    match &**error {
        StoreProblem::NewerFormat { file, version } => {
            format!("{file}: a newer release wrote this, in version {version} of the format")
        }
        StoreProblem::Disk(DiskError::Failed(problem)) => problem.clone(),
        StoreProblem::Damaged {
            file,
            offset,
            problem,
        } => format!("{file} at byte {offset}: {problem}"),
        other => format!("{other:?}"),
    }
}
