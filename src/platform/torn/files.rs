//! One process's handles on a `TornDisk`.

use super::file::File;
use super::{Shortage, State, TornDisk};
use crate::event::Event;
use crate::ids::{FileId, Ticket};
use crate::platform::disk::{Access, Disk, DiskError, Files, Survival, When};
use crate::platform::inbox::Inbox;
use std::cell::RefMut;
use std::collections::BTreeMap;

/// The port.
pub struct TornFiles {
    disk: TornDisk,
    inbox: Inbox,
    life: u64,
    database: String,
    open: BTreeMap<FileId, String>,
    next: u32,
}

impl TornFiles {
    pub(super) fn new(disk: TornDisk, inbox: Inbox) -> Self {
        let database = String::new();
        Self {
            disk,
            inbox,
            life: 0,
            database,
            open: BTreeMap::new(),
            next: 1,
        }
    }

    /// Counts a call and lets it fail if that is planned.
    fn enter(&self) -> Result<(), DiskError> {
        let mut state = self.disk.state.borrow_mut();
        if state.is_failing() {
            return Err(DiskError::Failed("a planned failure".to_string()));
        }
        if state.life == self.life {
            Ok(())
        } else {
            Err(DiskError::NotFound)
        }
    }

    fn file(&self, file: FileId) -> Result<RefMut<'_, File>, DiskError> {
        let state = self.disk.state.borrow_mut();
        let name = self.open.get(&file).filter(|_| state.life == self.life);
        let key = (
            self.database.clone(),
            name.ok_or(DiskError::NotFound)?.clone(),
        );
        RefMut::filter_map(state, |state: &mut State| {
            state.files.get_mut(&key).filter(|file| file.is_there())
        })
        .map_err(|_| DiskError::NotFound)
    }

    /// Whether somebody else has the file.
    fn is_held(&self, name: &str) -> bool {
        let key = (self.database.clone(), name.to_string());
        self.disk.state.borrow().held.contains(&key)
    }

    /// As `file`, to be changed.
    fn own_file(&self, file: FileId) -> Result<RefMut<'_, File>, DiskError> {
        if self.open.get(&file).is_some_and(|name| self.is_held(name)) {
            return Err(DiskError::Busy);
        }
        self.file(file)
    }

    fn open(&mut self, name: &str) -> FileId {
        let id = FileId(self.next);
        self.next += 1;
        self.open.insert(id, name.to_string());
        id
    }

    fn open_all(&mut self, access: Access) -> Result<Vec<(String, FileId)>, DiskError> {
        self.enter()?;
        let names = self.disk.names(&self.database);
        if access == Access::Alone && names.iter().any(|name| self.is_held(name)) {
            return Err(DiskError::Busy);
        }
        Ok(names
            .into_iter()
            .map(|name| (name.clone(), self.open(&name)))
            .collect())
    }

    fn make_new(&mut self, name: &str) -> Result<FileId, DiskError> {
        self.enter()?;
        let mut state = self.disk.state.borrow_mut();
        let file = state
            .files
            .entry((self.database.clone(), name.to_string()))
            .or_default();
        if file.is_there() {
            return Err(DiskError::Failed(format!(
                "the file `{name}` is there already"
            )));
        }
        file.make();
        drop(state);
        Ok(self.open(name))
    }

    /// How many bytes of a write there is space for, and what happens if that is too few.
    fn space(&self, length: usize, end: usize, count: usize) -> (usize, Option<Shortage>) {
        let state = self.disk.state.borrow();
        let Some((quota, shortage)) = state.quota else {
            return (count, None);
        };
        let free = quota.saturating_sub(state.used()) as usize;
        let missing = end.saturating_sub(length).saturating_sub(free).min(count);
        (count - missing, (missing > 0).then_some(shortage))
    }
}

impl Disk for TornFiles {
    fn read(&mut self, file: FileId, offset: u64, into: &mut [u8]) -> Result<usize, DiskError> {
        self.enter()?;
        let file = self.file(file)?;
        let from = file
            .content()
            .and_then(|bytes| bytes.get(offset as usize..));
        let from = from.unwrap_or_default();
        for (to, byte) in into.iter_mut().zip(from) {
            *to = *byte;
        }
        Ok(from.len().min(into.len()))
    }

    fn write(&mut self, file: FileId, offset: u64, bytes: &[u8]) -> Result<usize, DiskError> {
        let offset = offset as usize;
        let failure = self.enter();
        let length = self.own_file(file)?.content().map_or(0, Vec::len);
        let (count, shortage) = match failure {
            Ok(()) => self.space(length, offset + bytes.len(), bytes.len()),
            Err(_) => (bytes.len() / 2, None),
        };
        if shortage == Some(Shortage::Refusal) {
            return Err(DiskError::Full);
        }
        self.file(file)?
            .write(offset, bytes.get(..count).unwrap_or_default());
        failure?;
        Ok(if shortage == Some(Shortage::Absurd) {
            4_294_967_288
        } else {
            count
        })
    }

    fn truncate(&mut self, file: FileId, length: u64) -> Result<(), DiskError> {
        self.enter()?;
        self.own_file(file)?.cut(length as usize);
        Ok(())
    }

    fn size(&mut self, file: FileId) -> Result<u64, DiskError> {
        self.enter()?;
        Ok(self.file(file)?.content().map_or(0, Vec::len) as u64)
    }
}

impl Files for TornFiles {
    fn list(&mut self, name: &str, access: Access) {
        self.close();
        self.life = self.disk.state.borrow().life;
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
        self.open.retain(|_, open| open != name);
        let is_done = self.enter().is_ok() && !self.is_held(name);
        let mut state = self.disk.state.borrow_mut();
        if is_done
            && let Some(file) = state
                .files
                .get_mut(&(self.database.clone(), name.to_string()))
        {
            file.remove();
        }
    }

    fn flush(&mut self, file: FileId, ticket: Ticket, _when: When) {
        let result = self
            .enter()
            .and_then(|()| self.file(file).map(|mut file| file.flush()));
        self.inbox.push(Event::Flushed { ticket, result });
    }

    fn close(&mut self) {
        self.open.clear();
    }

    fn kind(&self) -> &'static str {
        "torn"
    }

    fn survives(&self) -> Survival {
        Survival::Written
    }
}
