//! `TornDisk`: files that lose, tear and refuse what a real disk may.
//!
//! Written, unsynced bytes are kept apart from durable ones. A crash keeps any subset of what is
//! unsynced: whole writes, beginnings, scattered sectors, or a longer file without the content; a
//! file that was never flushed may be gone, and a removed one may be back. Calls can be made to
//! fail by number, and space to run out. Everything follows from seeds. For tests and the
//! simulator; it must not know what is stored.
//!
//! Unlike in a browser, several openers may hold the same file: so a leader that was declared dead
//! can write on. Files that another one holds are those of [`TornDisk::hold`].

mod file;
mod files;
mod images;

pub use files::TornFiles;
pub use images::Image;

use crate::platform::inbox::Inbox;
use crate::platform::memory::SeededEntropy;
use file::File;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// The disk. Clones share it; [`TornDisk::fork`] copies it.
#[derive(Clone, Default)]
pub struct TornDisk {
    state: Rc<RefCell<State>>,
}

#[derive(Clone, Default)]
struct State {
    /// By database and name.
    files: BTreeMap<(String, String), File>,
    /// One more per crash; handles from before are void.
    life: u64,
    calls: u64,
    failing: Option<(u64, Failing)>,
    quota: Option<(u64, Shortage)>,
    /// Files that somebody else has, by database and name.
    held: BTreeSet<(String, String)>,
}

/// How many calls fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failing {
    /// This one.
    Once,
    /// This one and all after it.
    Onwards,
}

/// What a write does that finds too little space, as seen in browsers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shortage {
    /// Takes what fits and says how much that was.
    Short,
    /// Takes what fits and returns -8 as an unsigned number.
    Absurd,
    /// Takes nothing and says it is full.
    Refusal,
}

impl TornDisk {
    /// An empty disk without faults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens it for one more process.
    pub fn files(&self, inbox: Inbox) -> TornFiles {
        TornFiles::new(self.clone(), inbox)
    }

    /// A copy that goes its own way.
    pub fn fork(&self) -> Self {
        Self {
            state: Rc::new(RefCell::new(self.state.borrow().clone())),
        }
    }

    /// The machine crashes: every handle is void, unsynced changes survive in part, planned
    /// failures are over.
    pub fn crash(&self, seed: u64) {
        let mut random = SeededEntropy::new(seed);
        let mut state = self.state.borrow_mut();
        state.life += 1;
        state.failing = None;
        state.held.clear();
        state.files.retain(|_, file| file.settle(&mut random));
    }

    /// Plans that the `nth` call from now fails, counting from 1. A write that fails has taken half
    /// of its bytes.
    pub fn fail(&self, nth: u64, failing: Failing) {
        let mut state = self.state.borrow_mut();
        state.failing = Some((state.calls + nth, failing));
    }

    /// Lets all files together hold this many bytes, or any number.
    pub fn set_quota(&self, quota: Option<(u64, Shortage)>) {
        self.state.borrow_mut().quota = quota;
    }

    /// Somebody else has the files that there are now, who neither reads nor writes.
    pub fn hold(&self) {
        let mut state = self.state.borrow_mut();
        state.held = state.files.keys().cloned().collect();
    }

    /// Nobody else has a file any more.
    pub fn let_go(&self) {
        self.state.borrow_mut().held.clear();
    }

    /// No planned failure, no quota, nothing held.
    pub fn heal(&self) {
        let mut state = self.state.borrow_mut();
        state.held.clear();
        state.failing = None;
        state.quota = None;
    }

    /// How many calls there were on it.
    pub fn calls(&self) -> u64 {
        self.state.borrow().calls
    }

    /// Bytes in all files.
    pub fn used(&self) -> u64 {
        self.state.borrow().used()
    }

    /// Names of a database's files, in order.
    pub fn names(&self, database: &str) -> Vec<String> {
        let state = self.state.borrow();
        let own = state
            .files
            .iter()
            .filter(|((owner, _), file)| owner == database && file.is_there());
        own.map(|((_, name), _)| name.clone()).collect()
    }

    /// What a read would find in a file, if it is there.
    pub fn content(&self, database: &str, name: &str) -> Option<Vec<u8>> {
        let key = (database.to_string(), name.to_string());
        self.state.borrow().files.get(&key)?.content().cloned()
    }

    /// Changes a file behind everybody's back, durably: bit rot, a lost block, a copy from
    /// elsewhere.
    pub fn set_content(&self, database: &str, name: &str, content: Vec<u8>) {
        let key = (database.to_string(), name.to_string());
        self.state
            .borrow_mut()
            .files
            .insert(key, File::durable(content));
    }
}

impl State {
    /// Counts a call and says whether it is to fail.
    fn is_failing(&mut self) -> bool {
        self.calls += 1;
        match self.failing {
            Some((nth, Failing::Once)) => self.calls == nth,
            Some((nth, Failing::Onwards)) => self.calls >= nth,
            None => false,
        }
    }

    fn used(&self) -> u64 {
        let lengths = self.files.values().filter_map(File::content).map(Vec::len);
        lengths.sum::<usize>() as u64
    }
}

#[cfg(test)]
mod tests;
