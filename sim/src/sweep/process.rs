//! One process that has the store open: opens it as the engine does, and does what the driver does
//! between requests.

use super::account::{Pairs, hash_of};
use super::fault::{Blame, Fault};
use super::recorder::{Notes, Recorder};
use holm::event::Event;
use holm::platform::disk::{Access, DiskError, Files, When};
use holm::platform::inbox::Inbox;
use holm::platform::torn::TornDisk;
use holm::store::{Batch, Direction, Recovery, Report, Sizes, Store, StoreError, StoreProblem};
use std::ops::ControlFlow;

/// Name of the database in all sweeps.
pub const DATABASE: &str = "db";
/// So small that a few commits fill a memtable, a block, a slice.
pub const SMALL: Sizes = Sizes {
    memtable_bytes: 1_200,
    block_bytes: 160,
    slice_bytes: 400,
    cache_bytes: 2_000,
    reserve_bytes: 3_000,
};
/// More turns than anything takes.
const TURNS_MAX: usize = 2_000;

/// An open store.
pub struct Process {
    files: Recorder,
    inbox: Inbox,
    /// The store.
    pub store: Store,
    /// What was found at opening.
    pub report: Report,
}

/// What became of an attempt to open.
pub enum Opened {
    /// It can be written to.
    Whole(Box<Process>),
    /// There is damage: it can only be read.
    Damaged(Box<Process>),
    /// It was refused.
    Failed(StoreError),
}

/// Opens the store on this disk.
pub fn open(disk: &TornDisk, notes: &Notes) -> Opened {
    try_open(disk, notes).unwrap_or_else(Opened::Failed)
}

/// What no store may say: the flushes of its opening do not end.
pub fn never_opens() -> StoreError {
    unanswered("an opening that only flushes")
}

fn try_open(disk: &TornDisk, notes: &Notes) -> Result<Opened, StoreError> {
    let inbox = Inbox::default();
    let mut files = Recorder::new(disk, inbox.clone(), notes);
    files.list(DATABASE, Access::Alone);
    let Some(Event::Listed { files: listed, .. }) = inbox.pop() else {
        return Err(unanswered("list"));
    };
    let mut recovery = Recovery::read(&mut files, &listed?, SMALL)?;
    let report = recovery.report().clone();
    let process = |files, store| {
        Box::new(Process {
            files,
            inbox: inbox.clone(),
            store,
            report,
        })
    };
    if let Some(error) = recovery.damage() {
        let store = recovery.read_only(error);
        return Ok(Opened::Damaged(process(files, store)));
    }
    let Some(name) = recovery.file_to_make() else {
        return Err(unanswered("file_to_make"));
    };
    files.make(&name);
    let Some(Event::FileReady { result, .. }) = inbox.pop() else {
        return Err(unanswered("make"));
    };
    let store = recovery.begin(&mut files, result?)?;
    let mut process = process(files, store);
    let mut flushes = 0;
    while process.flush()? {
        process.clean();
        flushes += 1;
        if flushes > TURNS_MAX {
            return Err(never_opens());
        }
    }
    process.clean();
    if process.store.is_open() {
        Ok(Opened::Whole(process))
    } else {
        Err(unanswered("open"))
    }
}

/// A promise of the harness's own ports, or of the store's steps, that was not kept.
fn unanswered(what: &str) -> StoreError {
    StoreProblem::Disk(DiskError::Failed(format!("{what} was never answered"))).into()
}

impl Process {
    /// Commits, and says how far it is durable.
    pub fn commit(&mut self, batch: Batch) -> Result<usize, StoreError> {
        let commit = self.store.commit(&mut self.files, batch)?;
        Ok(commit.0 as usize)
    }

    /// Flushes if something is to be flushed, and says whether it was.
    pub fn flush(&mut self) -> Result<bool, StoreError> {
        let Some((file, ticket)) = self.store.flush_wanted() else {
            return Ok(false);
        };
        self.files.flush(file, ticket, When::Now);
        let Some(Event::Flushed { ticket, result }) = self.inbox.pop() else {
            return Err(unanswered("flush"));
        };
        self.store.flushed(&mut self.files, ticket, result)?;
        Ok(true)
    }

    /// What comes between requests: wanted files are made, a slice of work is done, a flush if one
    /// is wanted, and what is obsolete goes. Says whether there was anything.
    pub fn turn(&mut self) -> Result<bool, StoreError> {
        let wanted = self.store.files_wanted();
        for name in &wanted {
            self.files.make(name);
            let Some(Event::FileReady { result, .. }) = self.inbox.pop() else {
                return Err(unanswered("make"));
            };
            self.store.file_ready(&mut self.files, name, result);
        }
        let is_working = self.work();
        let is_flushing = self.flush()?;
        self.clean();
        Ok(is_flushing || is_working || !wanted.is_empty())
    }

    /// A slice of work, if there is any.
    pub fn work(&mut self) -> bool {
        let is_wanted = self.store.work_wanted();
        self.store.work_in_pause(&mut self.files);
        is_wanted
    }

    /// Turns until there is nothing to do.
    pub fn settle(&mut self) -> Result<Result<(), StoreError>, Fault> {
        for _ in 0..TURNS_MAX {
            match self.turn() {
                Ok(true) => {}
                Ok(false) => return Ok(Ok(())),
                Err(error) => return Ok(Err(error)),
            }
        }
        let problem = format!("not at rest after {TURNS_MAX} turns");
        Err(Fault::new(Blame::Hang, problem))
    }

    /// Number of the last commit.
    pub fn last(&self) -> usize {
        self.store.last().0 as usize
    }

    /// How far it is durable.
    pub fn durable(&self) -> usize {
        self.store.durable().0 as usize
    }

    /// All pairs, as a scan finds them.
    pub fn pairs(&mut self) -> Result<Pairs, StoreError> {
        self.scan(Direction::Forward)
    }

    /// All pairs, as a scan finds them, in this direction.
    pub fn scan(&mut self, direction: Direction) -> Result<Pairs, StoreError> {
        let mut pairs = Pairs::new();
        let visit = &mut |key: &[u8], value: &[u8]| {
            pairs.insert(key.to_vec(), value.to_vec());
            ControlFlow::Continue(())
        };
        let (from, to) = (&[][..], &[0xff; 9][..]);
        self.store
            .scan(&mut self.files, from, to, direction, visit)?;
        Ok(pairs)
    }

    /// The hash of all pairs, which scans both ways and single reads must agree on.
    pub fn hash(&mut self) -> Result<Result<u64, StoreError>, Fault> {
        let both = (
            self.scan(Direction::Forward),
            self.scan(Direction::Backward),
        );
        let (pairs, backward) = match both {
            (Ok(pairs), Ok(backward)) => (pairs, backward),
            (Err(error), _) | (_, Err(error)) => return Ok(Err(error)),
        };
        if pairs != backward {
            return Err(Fault::new(Blame::Half, "scans in both directions differ"));
        }
        for key in (b'a'..=b'n').map(|key| vec![key]) {
            match self.store.get(&mut self.files, &key) {
                Err(error) => return Ok(Err(error)),
                Ok(value) if value.as_deref() == pairs.get(&key).map(Vec::as_slice) => {}
                Ok(_) => return Err(Fault::new(Blame::Half, "a read and a scan differ")),
            }
        }
        Ok(Ok(hash_of(&pairs)))
    }

    fn clean(&mut self) {
        for name in self.store.obsolete() {
            self.files.remove(&name);
        }
    }
}
