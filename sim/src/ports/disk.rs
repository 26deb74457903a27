//! A torn disk whose completions take time: so a crash can come between a write, its flush, and the
//! news of the flush.

use super::{Wish, Wishes};
use holm::ids::{FileId, Ticket};
use holm::platform::disk::{Access, Disk, DiskError, Files, Survival, When};
use holm::platform::inbox::Inbox;
use holm::platform::torn::TornFiles;
use std::cell::RefCell;
use std::rc::Rc;

/// The port.
pub struct SlowFiles {
    inner: Rc<RefCell<TornFiles>>,
    /// Where the torn disk says what has completed.
    completions: Inbox,
    wishes: Wishes,
}

impl SlowFiles {
    /// Slows down `inner`, whose events come in `completions`.
    pub fn new(inner: Rc<RefCell<TornFiles>>, completions: Inbox, wishes: Wishes) -> Self {
        Self {
            inner,
            completions,
            wishes,
        }
    }

    fn pass_on(&self) {
        while let Some(event) = self.completions.pop() {
            self.wishes.add(Wish::Completed(event));
        }
    }
}

impl Disk for SlowFiles {
    fn read(&mut self, file: FileId, offset: u64, into: &mut [u8]) -> Result<usize, DiskError> {
        self.inner.borrow_mut().read(file, offset, into)
    }

    fn write(&mut self, file: FileId, offset: u64, bytes: &[u8]) -> Result<usize, DiskError> {
        self.inner.borrow_mut().write(file, offset, bytes)
    }

    fn truncate(&mut self, file: FileId, length: u64) -> Result<(), DiskError> {
        self.inner.borrow_mut().truncate(file, length)
    }

    fn size(&mut self, file: FileId) -> Result<u64, DiskError> {
        self.inner.borrow_mut().size(file)
    }
}

impl Files for SlowFiles {
    fn list(&mut self, name: &str, access: Access) {
        self.inner.borrow_mut().list(name, access);
        self.pass_on();
    }

    fn make(&mut self, name: &str) {
        self.inner.borrow_mut().make(name);
        self.pass_on();
    }

    fn remove(&mut self, name: &str) {
        self.inner.borrow_mut().remove(name);
    }

    fn flush(&mut self, file: FileId, ticket: Ticket, _when: When) {
        self.wishes.add(Wish::Flush(file, ticket));
    }

    fn close(&mut self) {
        self.inner.borrow_mut().close();
    }

    fn kind(&self) -> &'static str {
        self.inner.borrow().kind()
    }

    fn survives(&self) -> Survival {
        self.inner.borrow().survives()
    }
}
