//! `Files` over the storage of JavaScript, on whatever rung of the ladder a database is.
//!
//! `js/storage.ts` opens, makes and removes files, each a promise; what it opened is read and
//! written here, at once. All files of a database are held open. A flush is done by the handle on
//! OPFS, at once or in another turn, and later by JavaScript on IndexedDB.

use crate::arrivals::Arrivals;
use crate::handle::{Handle, disk_error};
use gloo_timers::callback::Timeout;
use holm::event::Event;
use holm::ids::{FileId, Ticket};
use holm::platform::disk::{Access, Disk, DiskError, Files, Survival, When};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use web_sys::FileSystemSyncAccessHandle;

#[wasm_bindgen]
extern "C" {
    /// `js/platform.ts`. What is asked for is done in order; `told` is called once, with what was
    /// opened, or with what the browser threw.
    #[wasm_bindgen(typescript_type = "Storage")]
    pub type Storage;
    #[wasm_bindgen(method, getter)]
    fn kind(this: &Storage) -> String;
    #[wasm_bindgen(method)]
    fn list(this: &Storage, database: &str, around: bool, told: &JsValue);
    #[wasm_bindgen(method)]
    fn make(this: &Storage, name: &str, told: &JsValue);
    #[wasm_bindgen(method)]
    fn remove(this: &Storage, name: &str);
    #[wasm_bindgen(method)]
    fn flush(this: &Storage, told: &JsValue);

    type Opened;
    #[wasm_bindgen(method, getter)]
    fn name(this: &Opened) -> String;
    #[wasm_bindgen(method, getter)]
    fn handle(this: &Opened) -> FileSystemSyncAccessHandle;
}

/// The files of one database.
pub struct StorageFiles {
    shared: Rc<Shared>,
}

/// What the port and its pending work both touch. No borrow is held over an event.
struct Shared {
    storage: Storage,
    arrivals: Arrivals,
    /// Few, so that they are searched through.
    open: RefCell<Vec<Open>>,
    files_opened: Cell<u32>,
    /// Counts the calls of `close`: what was begun before the last one must not leave a file open.
    closings: Cell<u64>,
}

struct Open {
    id: FileId,
    name: String,
    file: Handle,
}

impl StorageFiles {
    /// Nothing open yet.
    pub fn new(storage: Storage, arrivals: Arrivals) -> Self {
        let shared = Shared {
            storage,
            arrivals,
            open: RefCell::default(),
            files_opened: Cell::default(),
            closings: Cell::default(),
        };
        Self {
            shared: Rc::new(shared),
        }
    }
}

type Outcome = Result<Vec<(String, FileId)>, DiskError>;

impl Disk for StorageFiles {
    fn read(&mut self, file: FileId, offset: u64, into: &mut [u8]) -> Result<usize, DiskError> {
        self.shared.with_file(file, |file| file.read(offset, into))
    }

    fn write(&mut self, file: FileId, offset: u64, bytes: &[u8]) -> Result<usize, DiskError> {
        self.shared
            .with_file(file, |file| file.write(offset, bytes))
    }

    fn truncate(&mut self, file: FileId, length: u64) -> Result<(), DiskError> {
        self.shared.with_file(file, |file| file.truncate(length))
    }

    fn size(&mut self, file: FileId) -> Result<u64, DiskError> {
        self.shared.with_file(file, Handle::size)
    }
}

impl Files for StorageFiles {
    fn list(&mut self, name: &str, access: Access) {
        self.close();
        let shared = self.shared.clone();
        let told = self.shared.told(Box::new(move |files| Event::Listed {
            files,
            kind: shared.kind(),
            survival: survival(shared.kind()),
        }));
        let around = access == Access::Around;
        self.shared.storage.list(name, around, &told);
    }

    fn make(&mut self, name: &str) {
        let owned = name.to_owned();
        let told = self.shared.told(Box::new(move |opened| Event::FileReady {
            name: owned,
            result: opened.and_then(|mut opened| match opened.pop() {
                Some((_, id)) => Ok(id),
                None => Err(DiskError::NotFound),
            }),
        }));
        self.shared.storage.make(name, &told);
    }

    /// A file that cannot be removed now is listed again at the next opening.
    fn remove(&mut self, name: &str) {
        let mut open = self.shared.open.borrow_mut();
        open.retain(|open| open.name != name);
        self.shared.storage.remove(name);
    }

    fn flush(&mut self, file: FileId, ticket: Ticket, when: When) {
        let shared = self.shared.clone();
        match when {
            When::Now => shared.flush(file, ticket),
            When::Later => {
                Timeout::new(0, move || shared.flush(file, ticket)).forget();
            }
        }
    }

    fn close(&mut self) {
        self.shared.closings.set(self.shared.closings.get() + 1);
        self.shared.open.borrow_mut().clear();
    }

    fn kind(&self) -> &'static str {
        self.shared.kind()
    }

    fn survives(&self) -> Survival {
        survival(self.kind())
    }
}

impl Drop for StorageFiles {
    fn drop(&mut self) {
        self.close();
    }
}

/// What of a kind of storage outlives the process: the browser takes an OPFS write at once, and the
/// operating system that of a file; what is written on IndexedDB is in memory until it is flushed.
fn survival(kind: &str) -> Survival {
    match kind {
        "opfs" | "files" => Survival::Written,
        "indexeddb" => Survival::Flushed,
        _ => Survival::Nothing,
    }
}

impl Shared {
    fn with_file<T>(
        &self,
        file: FileId,
        call: impl FnOnce(&Handle) -> Result<T, DiskError>,
    ) -> Result<T, DiskError> {
        let open = self.open.borrow();
        let open = open.iter().find(|open| open.id == file);
        open.ok_or(DiskError::NotFound)
            .and_then(|open| call(&open.file))
    }

    /// A function to be told. The event that `then` makes goes out unless all was closed meanwhile.
    fn told(self: &Rc<Self>, then: Box<dyn FnOnce(Outcome) -> Event>) -> JsValue {
        let shared = self.clone();
        let closings = shared.closings.get();
        Closure::once_into_js(move |opened: Option<Vec<Opened>>, thrown: JsValue| {
            let own = |opened: Opened| (opened.name(), Handle::new(opened.handle()));
            let opened = opened.map(|opened| opened.into_iter().map(own).collect::<Vec<_>>());
            if shared.closings.get() == closings {
                let outcome = opened.ok_or_else(|| disk_error(&thrown));
                let kept = outcome.map(|files| shared.keep(files));
                shared.arrivals.arrive(then(kept));
            }
        })
    }

    fn flush(self: &Rc<Self>, file: FileId, ticket: Ticket) {
        let result = self.with_file(file, Handle::flush);
        if result.is_ok() && survival(self.kind()) == Survival::Flushed {
            let told = self.told(Box::new(move |flushed| Event::Flushed {
                ticket,
                result: flushed.map(|_| ()),
            }));
            self.storage.flush(&told);
        } else {
            self.arrivals.arrive(Event::Flushed { ticket, result });
        }
    }

    /// Of the database that was listed last.
    fn kind(&self) -> &'static str {
        match self.storage.kind().as_str() {
            "opfs" => "opfs",
            "indexeddb" => "indexeddb",
            "files" => "files",
            _ => "memory",
        }
    }

    fn keep(&self, files: Vec<(String, Handle)>) -> Vec<(String, FileId)> {
        let mut open = self.open.borrow_mut();
        let keep = |(name, file): (String, Handle)| {
            let id = FileId(self.files_opened.get());
            self.files_opened.set(id.0 + 1);
            open.push(Open {
                id,
                name: name.clone(),
                file,
            });
            (name, id)
        };
        files.into_iter().map(keep).collect()
    }
}
