//! Which storage a host has: OPFS where that works, else memory. Chosen once, at the first listing.

use crate::arrivals::Arrivals;
use crate::opfs::{self, Folder, OpfsFiles};
use holm::event::Event;
use holm::ids::{FileId, Ticket};
use holm::platform::disk::{Disk, DiskError, Files};
use holm::platform::memory::{MemoryDisk, MemoryFiles};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use wasm_bindgen_futures::spawn_local;

/// Files on the best storage there is. Nothing is open before the first listing.
pub struct BestFiles {
    choice: Rc<Choice>,
}

struct Choice {
    arrivals: Arrivals,
    chosen: RefCell<Option<Box<dyn Files>>>,
    /// The database to be listed once a choice is made.
    wanted: RefCell<Option<String>>,
    is_choosing: Cell<bool>,
}

impl BestFiles {
    /// Nothing chosen yet.
    pub fn new(arrivals: Arrivals) -> Self {
        let choice = Choice {
            arrivals,
            chosen: RefCell::default(),
            wanted: RefCell::default(),
            is_choosing: Cell::default(),
        };
        Self {
            choice: Rc::new(choice),
        }
    }

    fn with_chosen<T>(&self, call: impl FnOnce(&mut dyn Files) -> T) -> Option<T> {
        self.choice
            .chosen
            .borrow_mut()
            .as_mut()
            .map(|files| call(&mut **files))
    }
}

impl Disk for BestFiles {
    fn read(&mut self, file: FileId, offset: u64, into: &mut [u8]) -> Result<usize, DiskError> {
        self.with_chosen(|files| files.read(file, offset, into))
            .ok_or(DiskError::NotFound)?
    }

    fn write(&mut self, file: FileId, offset: u64, bytes: &[u8]) -> Result<usize, DiskError> {
        self.with_chosen(|files| files.write(file, offset, bytes))
            .ok_or(DiskError::NotFound)?
    }

    fn truncate(&mut self, file: FileId, length: u64) -> Result<(), DiskError> {
        self.with_chosen(|files| files.truncate(file, length))
            .ok_or(DiskError::NotFound)?
    }

    fn size(&mut self, file: FileId) -> Result<u64, DiskError> {
        self.with_chosen(|files| files.size(file))
            .ok_or(DiskError::NotFound)?
    }
}

impl Files for BestFiles {
    fn list(&mut self, name: &str) {
        if self.with_chosen(|files| files.list(name)).is_some() {
            return;
        }
        self.choice.wanted.replace(Some(name.into()));
        if !self.choice.is_choosing.replace(true) {
            let choice = self.choice.clone();
            spawn_local(async move { choice.choose().await });
        }
    }

    fn make(&mut self, name: &str) {
        if self.with_chosen(|files| files.make(name)).is_none() {
            let result = Err(DiskError::NotFound);
            self.choice.arrivals.arrive(Event::FileReady {
                name: name.into(),
                result,
            });
        }
    }

    fn remove(&mut self, name: &str) {
        self.with_chosen(|files| files.remove(name));
    }

    fn flush(&mut self, file: FileId, ticket: Ticket) {
        if self
            .with_chosen(|files| files.flush(file, ticket))
            .is_none()
        {
            let result = Err(DiskError::NotFound);
            self.choice
                .arrivals
                .arrive(Event::Flushed { ticket, result });
        }
    }

    fn close(&mut self) {
        self.choice.wanted.replace(None);
        self.with_chosen(|files| files.close());
    }

    fn kind(&self) -> &'static str {
        self.with_chosen(|files| files.kind()).unwrap_or(opfs::KIND)
    }

    fn is_durable(&self) -> bool {
        self.with_chosen(|files| files.is_durable()).unwrap_or(true)
    }
}

impl Drop for BestFiles {
    fn drop(&mut self) {
        self.close();
    }
}

impl Choice {
    async fn choose(&self) {
        let wanted = self.wanted.borrow().clone();
        let best = match wanted {
            Some(name) => self.best_for(&name).await,
            None => Err(DiskError::NotFound),
        };
        self.is_choosing.set(false);
        // It may have been closed meanwhile: then nobody waits any more.
        let Some(name) = self.wanted.take() else {
            return;
        };
        match best {
            Ok(mut files) => {
                files.list(&name);
                self.chosen.replace(Some(files));
                self.arrivals.run();
            }
            Err(error) => {
                let failed = Event::Listed {
                    files: Err(error),
                    kind: opfs::KIND,
                    is_durable: true,
                };
                self.arrivals.arrive(failed);
            }
        }
    }

    /// Memory only where OPFS cannot be used at all. A store that is busy or full is still there:
    /// it is reported, since an empty one in its place would look like a loss.
    async fn best_for(&self, database: &str) -> Result<Box<dyn Files>, DiskError> {
        let works = Folder::is_supported().await
            && match Folder::open(database).await?.is_reliable().await {
                Ok(works) => works,
                Err(error @ (DiskError::Busy | DiskError::Full)) => return Err(error),
                Err(_) => false,
            };
        Ok(match works {
            true => Box::new(OpfsFiles::new(self.arrivals.clone())),
            false => {
                let inbox = self.arrivals.inbox().clone();
                Box::new(MemoryFiles::new(MemoryDisk::default(), inbox))
            }
        })
    }
}
