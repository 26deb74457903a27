//! Files of the operating system, with every call counted.

use holm::event::Event;
use holm::ids::{FileId, Ticket};
use holm::platform::disk::{Access, Disk, DiskError, Files, Survival, When};
use holm::platform::inbox::Inbox;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::rc::Rc;

/// Calls and bytes since the beginning. Clones share it.
#[derive(Clone, Default)]
pub struct Calls {
    counted: Rc<Cell<Counted>>,
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counted {
    pub reads: u64,
    pub bytes_read: u64,
    pub writes: u64,
    pub bytes_written: u64,
    /// Those of them that went to runs, not to logs.
    pub run_bytes_written: u64,
}

impl Calls {
    /// So far.
    pub fn so_far(&self) -> Counted {
        self.counted.get()
    }

    /// Since it was last taken.
    pub fn take(&self) -> Counted {
        self.counted.take()
    }

    fn add(&self, change: impl FnOnce(&mut Counted)) {
        let mut counted = self.counted.get();
        change(&mut counted);
        self.counted.set(counted);
    }
}

/// Databases as folders in a folder.
pub struct NativeFiles {
    root: PathBuf,
    database: PathBuf,
    inbox: Inbox,
    calls: Calls,
    open: BTreeMap<FileId, (String, File)>,
    opened: u32,
}

impl NativeFiles {
    /// In this folder, which is made when it is needed; none open.
    pub fn new(root: PathBuf, calls: Calls, inbox: Inbox) -> Self {
        Self {
            database: root.clone(),
            root,
            inbox,
            calls,
            open: BTreeMap::new(),
            opened: 0,
        }
    }

    fn keep(&mut self, name: &str, file: File) -> FileId {
        self.opened += 1;
        let id = FileId(self.opened);
        self.open.insert(id, (name.to_owned(), file));
        id
    }

    fn file(&self, file: FileId) -> Result<&File, DiskError> {
        self.open
            .get(&file)
            .map(|(_, file)| file)
            .ok_or(DiskError::NotFound)
    }

    fn open_all(&mut self) -> io::Result<Vec<(String, FileId)>> {
        fs::create_dir_all(&self.database)?;
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.database)? {
            let entry = entry?;
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .open(entry.path())?;
            let name = entry.file_name().to_string_lossy().into_owned();
            found.push((name.clone(), self.keep(&name, file)));
        }
        Ok(found)
    }
}

/// In the engine's words.
fn told(error: &io::Error) -> DiskError {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => DiskError::Full,
        _ => DiskError::Failed(error.to_string()),
    }
}

/// Reads until there is no more or no more room.
fn read_at(mut file: &File, offset: u64, into: &mut [u8]) -> io::Result<usize> {
    file.seek(SeekFrom::Start(offset))?;
    let mut count = 0;
    while let Some(rest) = into.get_mut(count..).filter(|rest| !rest.is_empty()) {
        match file.read(rest)? {
            0 => break,
            more => count += more,
        }
    }
    Ok(count)
}

fn write_at(mut file: &File, offset: u64, bytes: &[u8]) -> io::Result<()> {
    file.seek(SeekFrom::Start(offset))?;
    file.write_all(bytes)
}

impl Disk for NativeFiles {
    fn read(&mut self, file: FileId, offset: u64, into: &mut [u8]) -> Result<usize, DiskError> {
        let read = read_at(self.file(file)?, offset, into).map_err(|error| told(&error))?;
        self.calls.add(|counted| {
            counted.reads += 1;
            counted.bytes_read += read as u64;
        });
        Ok(read)
    }

    fn write(&mut self, file: FileId, offset: u64, bytes: &[u8]) -> Result<usize, DiskError> {
        write_at(self.file(file)?, offset, bytes).map_err(|error| told(&error))?;
        let name = self.open.get(&file).map(|(name, _)| name.as_str());
        let is_run = name.is_some_and(|name| name.starts_with("run-"));
        self.calls.add(|counted| {
            counted.run_bytes_written += if is_run { bytes.len() as u64 } else { 0 };
            counted.writes += 1;
            counted.bytes_written += bytes.len() as u64;
        });
        Ok(bytes.len())
    }

    fn truncate(&mut self, file: FileId, length: u64) -> Result<(), DiskError> {
        let cut = self.file(file)?.set_len(length);
        cut.map_err(|error| told(&error))
    }

    fn size(&mut self, file: FileId) -> Result<u64, DiskError> {
        let facts = self.file(file)?.metadata().map_err(|error| told(&error))?;
        Ok(facts.len())
    }
}

impl Files for NativeFiles {
    fn list(&mut self, name: &str, _: Access) {
        self.close();
        self.database = self.root.join(name);
        let files = self.open_all().map_err(|error| told(&error));
        let (kind, survival) = (self.kind(), self.survives());
        self.inbox.push(Event::Listed {
            files,
            kind,
            survival,
        });
    }

    fn make(&mut self, name: &str) {
        let path = self.database.join(name);
        let made = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(path);
        let result = match made {
            Ok(file) => Ok(self.keep(name, file)),
            Err(error) => Err(told(&error)),
        };
        self.inbox.push(Event::FileReady {
            name: name.to_owned(),
            result,
        });
    }

    fn remove(&mut self, name: &str) {
        self.open.retain(|_, (open, _)| open != name);
        // One that is not there is no error; one that stays is found at the next opening.
        let _ = fs::remove_file(self.database.join(name));
    }

    fn flush(&mut self, file: FileId, ticket: Ticket, _when: When) {
        let flushed = self
            .file(file)
            .and_then(|file| file.sync_data().map_err(|error| told(&error)));
        self.inbox.push(Event::Flushed {
            ticket,
            result: flushed,
        });
    }

    fn close(&mut self) {
        self.open.clear();
    }

    fn kind(&self) -> &'static str {
        "files"
    }

    fn survives(&self) -> Survival {
        Survival::Written
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::Folder;
    use holm::platform::suite::{self, AtOnce};

    #[test]
    fn files_of_the_system_keep_the_promises_of_the_port() {
        let folder = Folder::new("suite");
        let make = &mut |inbox| -> Box<dyn Files> {
            let root = folder.path().to_owned();
            Box::new(NativeFiles::new(root, Calls::default(), inbox))
        };
        suite::run_at_once(suite::files(&AtOnce, make));
    }
}
