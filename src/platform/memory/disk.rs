//! Files in memory.

use crate::event::Event;
use crate::ids::{FileId, Ticket};
use crate::platform::disk::{Access, Disk, DiskError, Files, Survival, When};
use crate::platform::inbox::Inbox;
use crate::sorted::SortedMap;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// Files by database and name.
type ByName = SortedMap<(String, String), Rc<File>>;

/// What the files are on. Clones share it, so that a database outlives the one who opened it.
#[derive(Clone, Default)]
pub struct MemoryDisk {
    files: Rc<RefCell<ByName>>,
}

#[derive(Default)]
struct File {
    bytes: RefCell<Vec<u8>>,
    /// A file is open for one at a time, as in a browser.
    is_open: Cell<bool>,
}

/// The files of one opener.
pub struct MemoryFiles {
    disk: MemoryDisk,
    inbox: Inbox,
    database: String,
    open: SortedMap<FileId, Open>,
    next: u32,
}

struct Open {
    name: String,
    file: Rc<File>,
    /// Nobody else has it.
    is_own: bool,
}

impl MemoryFiles {
    /// Files on this disk, none of them open.
    pub fn new(disk: MemoryDisk, inbox: Inbox) -> Self {
        Self {
            disk,
            inbox,
            database: String::new(),
            open: SortedMap::new(),
            next: 1,
        }
    }

    fn open(&mut self, name: &str, file: Rc<File>) -> FileId {
        let is_own = !file.is_open.replace(true);
        let id = FileId(self.next);
        self.next += 1;
        let name = name.to_string();
        self.open.insert(id, Open { name, file, is_own });
        id
    }

    fn file(&self, file: FileId) -> Result<&File, DiskError> {
        let open = self.open.get(&file);
        open.map(|open| &*open.file).ok_or(DiskError::NotFound)
    }

    /// As `file`, to be changed.
    fn own_file(&self, file: FileId) -> Result<&File, DiskError> {
        match self.open.get(&file) {
            Some(Open { is_own: false, .. }) => Err(DiskError::Busy),
            _ => self.file(file),
        }
    }

    fn open_all(&mut self, access: Access) -> Result<Vec<(String, FileId)>, DiskError> {
        let mut found = Vec::new();
        for ((database, name), file) in self.disk.files.borrow().iter() {
            if *database == self.database {
                if access == Access::Alone && file.is_open.get() {
                    return Err(DiskError::Busy);
                }
                found.push((name.clone(), file.clone()));
            }
        }
        Ok(found
            .into_iter()
            .map(|(name, file)| (name.clone(), self.open(&name, file)))
            .collect())
    }

    fn make_new(&mut self, name: &str) -> Result<FileId, DiskError> {
        let key = (self.database.clone(), name.to_string());
        let file = Rc::<File>::default();
        if self.disk.files.borrow().contains_key(&key) {
            return Err(DiskError::Failed(format!(
                "the file `{name}` is there already"
            )));
        }
        self.disk.files.borrow_mut().insert(key, file.clone());
        Ok(self.open(name, file))
    }
}

impl Disk for MemoryFiles {
    fn read(&mut self, file: FileId, offset: u64, into: &mut [u8]) -> Result<usize, DiskError> {
        let bytes = self.file(file)?.bytes.borrow();
        let from = usize::try_from(offset)
            .ok()
            .and_then(|offset| bytes.get(offset..));
        let from = from.unwrap_or_default();
        let count = from.len().min(into.len());
        for (to, byte) in into.iter_mut().zip(from) {
            *to = *byte;
        }
        Ok(count)
    }

    fn write(&mut self, file: FileId, offset: u64, bytes: &[u8]) -> Result<usize, DiskError> {
        let mut content = self.own_file(file)?.bytes.borrow_mut();
        let offset = usize::try_from(offset).map_err(|_| DiskError::Full)?;
        let end = offset.checked_add(bytes.len()).ok_or(DiskError::Full)?;
        if content.len() < end {
            content.resize(end, 0);
        }
        if let Some(place) = content.get_mut(offset..end) {
            place.copy_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn truncate(&mut self, file: FileId, length: u64) -> Result<(), DiskError> {
        let length = usize::try_from(length).map_err(|_| DiskError::Full)?;
        self.own_file(file)?.bytes.borrow_mut().resize(length, 0);
        Ok(())
    }

    fn size(&mut self, file: FileId) -> Result<u64, DiskError> {
        Ok(self.file(file)?.bytes.borrow().len() as u64)
    }
}

impl Files for MemoryFiles {
    fn list(&mut self, name: &str, access: Access) {
        self.close();
        self.database = name.to_string();
        let files = self.open_all(access);
        let (kind, survival) = (self.kind(), self.survives());
        self.inbox.push(Event::Listed {
            files,
            kind,
            survival,
        });
    }

    fn make(&mut self, name: &str) {
        let result = self.make_new(name);
        self.inbox.push(Event::FileReady {
            name: name.to_string(),
            result,
        });
    }

    fn remove(&mut self, name: &str) {
        self.open.retain(|_, open| open.name != name);
        self.disk
            .files
            .borrow_mut()
            .remove(&(self.database.clone(), name.to_string()));
    }

    fn flush(&mut self, file: FileId, ticket: Ticket, _when: When) {
        let result = self.file(file).map(|_| ());
        self.inbox.push(Event::Flushed { ticket, result });
    }

    fn close(&mut self) {
        for (_, open) in std::mem::take(&mut self.open) {
            if open.is_own {
                open.file.is_open.set(false);
            }
        }
    }

    fn kind(&self) -> &'static str {
        "memory"
    }

    fn survives(&self) -> Survival {
        Survival::Nothing
    }
}

impl Drop for MemoryFiles {
    fn drop(&mut self) {
        self.close();
    }
}
