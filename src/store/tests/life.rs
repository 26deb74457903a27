//! A database's life on a `TornDisk`, beside a model that knows what every commit left.

use crate::event::Event;
use crate::ids::{Commit, FileId};
use crate::platform::disk::{Access, DiskError, Files, When};
use crate::platform::inbox::Inbox;
use crate::platform::memory::SeededEntropy;
use crate::platform::torn::{TornDisk, TornFiles};
use crate::store::{Batch, Direction, Recovery, Report, Sizes, Store, StoreError, StoreProblem};
use std::collections::BTreeMap;
use std::ops::ControlFlow;

pub const DATABASE: &str = "db";
/// So small that a few commits fill a memtable, a block, a slice.
pub const SMALL: Sizes = Sizes {
    memtable_bytes: 1_500,
    block_bytes: 200,
    slice_bytes: 300,
    cache_bytes: 2_000,
    reserve_bytes: 1_200,
};
/// More steps than any opening has.
pub const WHOLE: usize = 1_000;

pub type Pairs = BTreeMap<Vec<u8>, Vec<u8>>;

/// One process that has the database open.
pub struct Session {
    pub files: TornFiles,
    pub inbox: Inbox,
    pub store: Store,
    pub report: Report,
}

/// What became of an attempt to open.
pub enum Opened {
    Whole(Session),
    /// It was stopped in between.
    Stopped,
    Damaged(Session),
    Failed(StoreError),
}

/// Opens the database as the engine does, for at most `steps` steps.
pub fn open(disk: &TornDisk, steps: usize) -> Opened {
    match try_open(disk, steps) {
        Ok(opened) => opened,
        Err(error) => Opened::Failed(error),
    }
}

fn is_of_the_disk(error: &StoreError) -> bool {
    matches!(**error, StoreProblem::Full | StoreProblem::Disk(_)) || error.is_poisoned()
}

/// Reads the database; makes nothing.
pub fn read(disk: &TornDisk) -> Result<(TornFiles, Inbox, Recovery), StoreError> {
    let inbox = Inbox::default();
    let mut files = disk.files(inbox.clone());
    files.list(DATABASE, Access::Alone);
    let Some(Event::Listed { files: listed, .. }) = inbox.pop() else {
        panic!("no answer")
    };
    let recovery = Recovery::read(&mut files, &listed?, SMALL)?;
    Ok((files, inbox, recovery))
}

/// Makes the file of the new term's log.
fn make(files: &mut TornFiles, inbox: &Inbox, recovery: &Recovery) -> Result<FileId, StoreError> {
    files.make(&recovery.file_to_make().expect("there is no damage"));
    match inbox.pop() {
        Some(Event::FileReady { result, .. }) => Ok(result?),
        _ => panic!("no answer"),
    }
}

/// Begins the new term's log.
pub fn begin(
    files: &mut TornFiles,
    inbox: &Inbox,
    recovery: &mut Recovery,
) -> Result<Store, StoreError> {
    let file = make(files, inbox, recovery)?;
    recovery.begin(files, file)
}

fn try_open(disk: &TornDisk, mut steps: usize) -> Result<Opened, StoreError> {
    let mut step = || {
        steps = steps.saturating_sub(1);
        steps == 0
    };
    let inbox = Inbox::default();
    let mut files = disk.files(inbox.clone());
    files.list(DATABASE, Access::Alone);
    let Some(Event::Listed { files: listed, .. }) = inbox.pop() else {
        panic!("no answer")
    };
    let mut recovery = Recovery::read(&mut files, &listed?, SMALL)?;
    let report = recovery.report().clone();
    if let Some(error) = recovery.damage() {
        let store = recovery.read_only(error);
        return Ok(Opened::Damaged(Session {
            files,
            inbox,
            store,
            report,
        }));
    }
    if step() {
        return Ok(Opened::Stopped);
    }
    let file = make(&mut files, &inbox, &recovery)?;
    if step() {
        return Ok(Opened::Stopped);
    }
    let store = recovery.begin(&mut files, file)?;
    let mut session = Session {
        files,
        inbox,
        store,
        report,
    };
    for name in session.store.obsolete() {
        session.files.remove(&name);
    }
    while !step() {
        if !session.flush()? {
            for name in session.store.obsolete() {
                if step() {
                    return Ok(Opened::Stopped);
                }
                session.files.remove(&name);
            }
            assert!(session.store.is_open());
            return Ok(Opened::Whole(session));
        }
    }
    Ok(Opened::Stopped)
}

impl Session {
    /// What comes between requests: wanted files are made, a slice of work is done, a flush if one
    /// is wanted, and what is obsolete goes. Returns whether there was anything.
    pub fn turn(&mut self) -> Result<bool, StoreError> {
        let wanted = self.store.files_wanted();
        for name in &wanted {
            self.make(name);
        }
        let is_working = self.store.work_wanted();
        self.store.work_in_pause(&mut self.files);
        let is_flushing = self.flush()?;
        for name in self.store.obsolete() {
            self.files.remove(&name);
        }
        Ok(is_flushing || is_working || !wanted.is_empty())
    }

    /// Makes a file that was wanted.
    pub fn make(&mut self, name: &str) {
        self.files.make(name);
        let Some(Event::FileReady { result, .. }) = self.inbox.pop() else {
            panic!("no answer")
        };
        self.store.file_ready(&mut self.files, name, result);
    }

    /// Flushes, if there is something to flush.
    pub fn flush(&mut self) -> Result<bool, StoreError> {
        let Some((file, ticket)) = self.store.flush_wanted() else {
            return Ok(false);
        };
        assert_eq!(self.store.flush_wanted(), None, "one flush at a time");
        self.files.flush(file, ticket, When::Now);
        let Some(Event::Flushed { ticket, result }) = self.inbox.pop() else {
            panic!("no answer")
        };
        self.store.flushed(&mut self.files, ticket, result)?;
        Ok(true)
    }

    pub fn commit(&mut self, batch: Batch) -> Result<Commit, StoreError> {
        self.store.commit(&mut self.files, batch)
    }

    pub fn put(&mut self, key: &str, value: &str) -> Commit {
        let mut batch = Batch::new();
        batch.put(key.into(), value.into());
        self.commit(batch).expect("there is space")
    }

    pub fn get(&mut self, key: &str) -> Option<String> {
        let value = self
            .store
            .get(&mut self.files, key.as_bytes())
            .expect("it can be read");
        value.map(|value| String::from_utf8_lossy(&value).into_owned())
    }

    pub fn pairs(&mut self) -> Pairs {
        let mut pairs = Pairs::new();
        let all = (&[][..], &[0xff; 9][..]);
        let visit = &mut |key: &[u8], value: &[u8]| {
            pairs.insert(key.to_vec(), value.to_vec());
            ControlFlow::Continue(())
        };
        let scanned = self
            .store
            .scan(&mut self.files, all.0, all.1, Direction::Forward, visit);
        scanned.expect("it can be read");
        pairs
    }
}

/// A database and the model of it.
pub struct Life {
    pub disk: TornDisk,
    pub session: Option<Session>,
    /// What there was after each commit, from none.
    pub states: Vec<Pairs>,
    /// Commits that somebody was told are durable.
    pub acknowledged: usize,
    pub random: SeededEntropy,
}

impl Life {
    pub fn new(seed: u64) -> Self {
        Self {
            disk: TornDisk::new(),
            session: None,
            states: vec![Pairs::new()],
            acknowledged: 0,
            random: SeededEntropy::new(seed),
        }
    }

    /// A copy whose processes are all dead. The machine goes on.
    pub fn fork(&self, seed: u64) -> Self {
        Self {
            disk: self.disk.fork(),
            session: None,
            states: self.states.clone(),
            acknowledged: self.acknowledged,
            random: SeededEntropy::new(seed),
        }
    }

    pub fn random_batch(&mut self) -> Batch {
        let mut batch = Batch::new();
        for _ in 0..=self.random.below(3) {
            let key = vec![b'a' + self.random.below(12) as u8];
            if self.random.below(4) == 0 {
                batch.delete(key);
            } else {
                let size = [3, 40, 700][self.random.below(3)];
                let value = (0..size).map(|_| self.random.draw() as u8).collect();
                batch.put(key, value);
            }
        }
        batch
    }

    /// Commits; a refusal must have changed nothing.
    pub fn commit(&mut self) -> Result<(), StoreError> {
        let batch = self.random_batch();
        let mut state = self.states.last().cloned().unwrap_or_default();
        for (key, value) in &batch.entries {
            match value {
                Some(value) => state.insert(key.clone(), value.clone()),
                None => state.remove(key),
            };
        }
        let session = self.session.as_mut().expect("the database is open");
        let commit = session.commit(batch);
        if commit.is_ok() {
            self.states.push(state);
        }
        assert_eq!(session.store.last().0 as usize, self.states.len() - 1);
        assert!(
            Some(&session.pairs()) == self.states.last(),
            "what is seen is what was committed"
        );
        commit.map(|_| ())
    }

    pub fn flush(&mut self) -> Result<(), StoreError> {
        let session = self.session.as_mut().expect("the database is open");
        let result = session.flush().map(|_| ());
        let durable = session.store.durable().0 as usize;
        assert!(durable >= self.acknowledged, "what is durable stays so");
        if result.is_ok() {
            self.acknowledged = durable;
        }
        result
    }

    /// What the driver does between requests.
    pub fn turn(&mut self) -> Result<(), StoreError> {
        let session = self.session.as_mut().expect("the database is open");
        let result = session.turn().map(|_| ());
        let durable = session.store.durable().0 as usize;
        assert!(durable >= self.acknowledged, "what is durable stays so");
        if result.is_ok() {
            self.acknowledged = durable;
        }
        let pairs = session.pairs();
        assert!(Some(&pairs) == self.states.last(), "work changes nothing");
        result
    }

    /// The process dies; the machine goes on.
    pub fn kill(&mut self) {
        self.session = None;
    }

    /// The machine crashes.
    pub fn crash(&mut self) {
        self.kill();
        let seed = self.random.draw();
        self.disk.crash(seed);
    }

    /// Opens and checks what is there. A failing disk is tried again once it is healed. Returns
    /// whether it is open.
    pub fn open(&mut self, steps: usize) -> bool {
        let opened = match open(&self.disk, steps) {
            Opened::Failed(error) if is_of_the_disk(&error) => {
                self.disk.heal();
                open(&self.disk, WHOLE)
            }
            opened => opened,
        };
        match opened {
            Opened::Whole(mut session) => {
                self.check(&mut session);
                self.session = Some(session);
                true
            }
            Opened::Stopped => false,
            Opened::Damaged(session) => panic!("no damage was done, but {:?}", session.report),
            Opened::Failed(error) => panic!("cannot be opened: {error:?}"),
        }
    }

    /// What is there is what some commit left, and none that was acknowledged is missing.
    fn check(&mut self, session: &mut Session) {
        let last = session.store.last().0 as usize;
        assert!(
            last >= self.acknowledged,
            "{last} of {} acknowledged",
            self.acknowledged
        );
        let expected = self
            .states
            .get(last)
            .expect("no commit that was never made");
        assert!(session.pairs() == *expected, "not what commit {last} left");
        assert_eq!(
            session.store.durable().0 as usize,
            last,
            "what is served is durable"
        );
        self.states.truncate(last + 1);
        self.acknowledged = last;
    }
}

pub fn planned() -> DiskError {
    DiskError::Failed("a planned failure".into())
}
