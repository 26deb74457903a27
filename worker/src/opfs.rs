//! `Files` over OPFS sync access handles, which exist only in dedicated workers.
//!
//! A database is a folder, `holm/<database>`, and all its files are held open. Reads, writes and
//! flushes are synchronous; opening, making and removing are done one after the other in the order
//! they were asked for.

mod file;
mod folder;

pub use folder::Folder;

use crate::arrivals::Arrivals;
use crate::thrown;
use file::OpfsFile;
use holm::event::Event;
use holm::ids::{FileId, Ticket};
use holm::platform::disk::{Disk, DiskError, Files};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;

/// The kind of storage that events and status name.
pub const KIND: &str = "opfs";

/// The files of one database.
pub struct OpfsFiles {
    shared: Rc<Shared>,
}

/// What the port and its pending work both touch. No borrow is held over an await or an event.
struct Shared {
    arrivals: Arrivals,
    folder: RefCell<Option<Folder>>,
    /// Few, so that they are searched through.
    open: RefCell<Vec<Open>>,
    files_opened: Cell<u32>,
    jobs: RefCell<VecDeque<Job>>,
    is_working: Cell<bool>,
    /// Counts the calls of `close`: what was begun before the last one must not leave a file open.
    closings: Cell<u64>,
}

struct Open {
    id: FileId,
    name: String,
    file: OpfsFile,
}

enum Job {
    List { database: String, closings: u64 },
    Make { name: String, closings: u64 },
    Remove { name: String },
}

impl OpfsFiles {
    /// Nothing open yet.
    pub fn new(arrivals: Arrivals) -> Self {
        let shared = Shared {
            arrivals,
            folder: RefCell::default(),
            open: RefCell::default(),
            files_opened: Cell::default(),
            jobs: RefCell::default(),
            is_working: Cell::default(),
            closings: Cell::default(),
        };
        Self {
            shared: Rc::new(shared),
        }
    }

    fn with_file<T>(
        &self,
        file: FileId,
        call: impl FnOnce(&OpfsFile) -> Result<T, DiskError>,
    ) -> Result<T, DiskError> {
        let open = self.shared.open.borrow();
        let open = open.iter().find(|open| open.id == file);
        open.ok_or(DiskError::NotFound)
            .and_then(|open| call(&open.file))
    }
}

impl Disk for OpfsFiles {
    fn read(&mut self, file: FileId, offset: u64, into: &mut [u8]) -> Result<usize, DiskError> {
        self.with_file(file, |file| file.read(offset, into))
    }

    fn write(&mut self, file: FileId, offset: u64, bytes: &[u8]) -> Result<usize, DiskError> {
        self.with_file(file, |file| file.write(offset, bytes))
    }

    fn truncate(&mut self, file: FileId, length: u64) -> Result<(), DiskError> {
        self.with_file(file, |file| file.truncate(length))
    }

    fn size(&mut self, file: FileId) -> Result<u64, DiskError> {
        self.with_file(file, OpfsFile::size)
    }
}

impl Files for OpfsFiles {
    fn list(&mut self, name: &str) {
        self.close();
        let closings = self.shared.closings.get();
        Shared::ask(
            &self.shared,
            Job::List {
                database: name.into(),
                closings,
            },
        );
    }

    fn make(&mut self, name: &str) {
        let closings = self.shared.closings.get();
        Shared::ask(
            &self.shared,
            Job::Make {
                name: name.into(),
                closings,
            },
        );
    }

    fn remove(&mut self, name: &str) {
        self.shared
            .open
            .borrow_mut()
            .retain(|open| open.name != name);
        Shared::ask(&self.shared, Job::Remove { name: name.into() });
    }

    fn flush(&mut self, file: FileId, ticket: Ticket) {
        let result = self.with_file(file, OpfsFile::flush);
        self.shared
            .arrivals
            .arrive(Event::Flushed { ticket, result });
    }

    fn close(&mut self) {
        self.shared.closings.set(self.shared.closings.get() + 1);
        self.shared.open.borrow_mut().clear();
    }

    fn kind(&self) -> &'static str {
        KIND
    }

    fn is_durable(&self) -> bool {
        true
    }
}

impl Drop for OpfsFiles {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    fn ask(shared: &Rc<Self>, job: Job) {
        shared.jobs.borrow_mut().push_back(job);
        if !shared.is_working.replace(true) {
            let shared = shared.clone();
            spawn_local(async move { shared.work().await });
        }
    }

    async fn work(&self) {
        loop {
            // Bound first: the queue may not stay borrowed while the job runs.
            let job = self.jobs.borrow_mut().pop_front();
            match job {
                Some(Job::List { database, closings }) => self.list(&database, closings).await,
                Some(Job::Make { name, closings }) => self.make(name, closings).await,
                Some(Job::Remove { name }) => self.remove(&name).await,
                None => break,
            }
        }
        self.is_working.set(false);
    }

    async fn list(&self, database: &str, closings: u64) {
        let opened = match Folder::open(database).await {
            Ok(folder) => {
                self.folder.replace(Some(folder.clone()));
                folder.open_files().await
            }
            Err(error) => Err(error),
        };
        if self.closings.get() == closings {
            let keep = |files: Vec<_>| files.into_iter().map(|(name, file)| self.keep(name, file));
            let files = opened.map(|files| keep(files).collect());
            self.arrivals.arrive(Event::Listed {
                files,
                kind: KIND,
                is_durable: true,
            });
        }
    }

    async fn make(&self, name: String, closings: u64) {
        let folder = self.folder.borrow().clone();
        let made = match folder {
            Some(folder) => folder.make(&name).await,
            None => Err(DiskError::NotFound),
        };
        if self.closings.get() == closings {
            let result = made.map(|file| self.keep(name.clone(), file).1);
            self.arrivals.arrive(Event::FileReady { name, result });
        }
    }

    /// Nobody waits for this. A file that cannot be removed now is listed again at the next
    /// opening.
    async fn remove(&self, name: &str) {
        let folder = self.folder.borrow().clone();
        if let Some(folder) = folder {
            let _gone = folder.remove(name).await;
        }
    }

    fn keep(&self, name: String, file: OpfsFile) -> (String, FileId) {
        let id = FileId(self.files_opened.get());
        self.files_opened.set(id.0 + 1);
        self.open.borrow_mut().push(Open {
            id,
            name: name.clone(),
            file,
        });
        (name, id)
    }
}

/// What a browser threw, as the port puts it.
fn disk_error(thrown: &JsValue) -> DiskError {
    match thrown::name_of(thrown).as_str() {
        "QuotaExceededError" => DiskError::Full,
        "NoModificationAllowedError" => DiskError::Busy,
        "NotFoundError" => DiskError::NotFound,
        _ => DiskError::Failed(thrown::describe(thrown)),
    }
}
