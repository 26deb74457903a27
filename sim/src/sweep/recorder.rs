//! Files on a torn disk that keep a copy of the disk at every boundary: after each write, cut,
//! flush, making and removal.

use super::account::Account;
use holm::ids::{FileId, Ticket};
use holm::platform::disk::{Access, Disk, DiskError, Files, Survival, When};
use holm::platform::inbox::Inbox;
use holm::platform::torn::{TornDisk, TornFiles};
use std::cell::RefCell;
use std::rc::Rc;

/// A disk at a boundary, and what was known then.
pub struct Point {
    /// A copy that nothing else writes to.
    pub disk: TornDisk,
    /// What a crash here may leave, and what it must.
    pub account: Account,
}

/// Where boundaries are kept. Clones share it.
#[derive(Clone, Default)]
pub struct Notes {
    /// What the harness knows now.
    pub account: Rc<RefCell<Account>>,
    points: Option<Rc<RefCell<Vec<Point>>>>,
}

impl Notes {
    /// Notes that keep no boundaries.
    pub fn without_points(account: Account) -> Self {
        Self {
            account: Rc::new(RefCell::new(account)),
            points: None,
        }
    }

    /// Notes that keep them all.
    pub fn with_points(account: Account) -> Self {
        Self {
            points: Some(Rc::default()),
            ..Self::without_points(account)
        }
    }

    /// Takes the boundaries there were so far.
    pub fn take_points(&self) -> Vec<Point> {
        let points = self.points.as_ref();
        points.map(|points| points.take()).unwrap_or_default()
    }

    fn note(&self, disk: &TornDisk) {
        if let Some(points) = &self.points {
            points.borrow_mut().push(Point {
                disk: disk.fork(),
                account: self.account.borrow().clone(),
            });
        }
    }
}

/// More calls than any process makes: whoever makes more does not end.
const CALLS_MAX: u64 = 5_000_000;

/// The port.
pub struct Recorder {
    files: TornFiles,
    disk: TornDisk,
    notes: Notes,
    /// Calls of everybody on this disk at which this process has made too many.
    calls_end: u64,
}

impl Recorder {
    /// Opens the disk for one more process.
    pub fn new(disk: &TornDisk, inbox: Inbox, notes: &Notes) -> Self {
        Self {
            files: disk.files(inbox),
            disk: disk.clone(),
            notes: notes.clone(),
            calls_end: disk.calls() + CALLS_MAX,
        }
    }

    /// After every call that changes something.
    fn note(&self) {
        assert!(self.disk.calls() < self.calls_end, "{ENDLESS}");
        self.notes.note(&self.disk);
    }
}

/// The words of the panic of a process that does not end.
pub const ENDLESS: &str = "the calls on the disk do not end";

impl Disk for Recorder {
    fn read(&mut self, file: FileId, offset: u64, into: &mut [u8]) -> Result<usize, DiskError> {
        self.files.read(file, offset, into)
    }

    fn write(&mut self, file: FileId, offset: u64, bytes: &[u8]) -> Result<usize, DiskError> {
        let result = self.files.write(file, offset, bytes);
        self.note();
        result
    }

    fn truncate(&mut self, file: FileId, length: u64) -> Result<(), DiskError> {
        let result = self.files.truncate(file, length);
        self.note();
        result
    }

    fn size(&mut self, file: FileId) -> Result<u64, DiskError> {
        self.files.size(file)
    }
}

impl Files for Recorder {
    fn list(&mut self, name: &str, access: Access) {
        self.files.list(name, access);
    }

    fn make(&mut self, name: &str) {
        self.files.make(name);
        self.note();
    }

    fn remove(&mut self, name: &str) {
        self.files.remove(name);
        self.note();
    }

    fn flush(&mut self, file: FileId, ticket: Ticket, when: When) {
        self.files.flush(file, ticket, when);
        self.note();
    }

    fn close(&mut self) {
        self.files.close();
    }

    fn kind(&self) -> &'static str {
        self.files.kind()
    }

    fn survives(&self) -> Survival {
        self.files.survives()
    }
}
