//! One log as it was found: which groups are good, and what is known to have been flushed.
//!
//! Judges a single file by `docs/FORMAT.md` sections 3 and 6. What logs mean to each other is
//! recovery's.

use super::batch::{VisitEntry, push_varint, read_entries, read_varint};
use super::error::StoreError;
use super::group::{self, HEADER_BYTES, Header, Kind, PREAMBLE_BYTES, Preamble};
use super::name::{LogId, LogName};
use crate::ids::{Commit, FileId, Term};
use crate::platform::disk::{Disk, DiskError};

/// An earlier log that a log builds on, up to a length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub name: LogName,
    pub length: u64,
}

/// A good group of a log.
#[derive(Clone, Copy)]
pub(super) struct Group {
    pub offset: usize,
    pub header: Header,
}

impl Group {
    pub fn end(&self) -> usize {
        self.offset + HEADER_BYTES + self.header.length as usize
    }
}

/// A log's content, judged.
pub(super) struct Log {
    pub name: LogName,
    bytes: Vec<u8>,
    /// The head and what follows it without a gap.
    pub groups: Vec<Group>,
    /// Good groups beyond the first bad place.
    pub stray: Vec<Group>,
    /// What the log builds on; `None` without a good head.
    pub links: Option<Vec<Link>>,
    /// The largest end of a flush that any good header tells of.
    pub flushed: usize,
}

impl Log {
    /// Reads and judges a file, at most `length` bytes of it.
    pub fn read(
        disk: &mut dyn Disk,
        (name, file): (LogName, FileId),
        length: u64,
    ) -> Result<Self, StoreError> {
        let bytes = read_file(disk, file, length)?;
        let mut log = Self {
            name,
            bytes,
            groups: Vec::new(),
            stray: Vec::new(),
            links: None,
            flushed: 0,
        };
        match group::read_preamble(&log.bytes) {
            Preamble::Good => log.follow(),
            Preamble::Newer(version) => {
                return Err(StoreError::NewerFormat {
                    file: name.to_text(),
                    version,
                });
            }
            Preamble::Bad => {}
        }
        log.search();
        if crate::planted::is("store_flushed_mark_ignored") {
            log.flushed = 0;
        }
        Ok(log)
    }

    /// Where the groups without a gap end: the first bad place, if the file goes on.
    pub fn end(&self) -> usize {
        self.groups.last().map_or(0, Group::end)
    }

    /// Length of what was read.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Number of the last commit before the first bad place.
    pub fn last(&self) -> Commit {
        self.groups
            .last()
            .map_or(Commit(0), |group| group.header.commit)
    }

    /// Calls `visit` for each entry of a group. `None` if they make no sense.
    pub fn entries(&self, group: &Group, visit: &mut VisitEntry) -> Option<()> {
        let mut payload = group::read_payload(&group.header, &self.bytes, group.offset)?;
        if group.header.kind == Kind::Head {
            read_links(self.name, &mut payload)?;
        }
        read_entries(payload, visit)
    }

    /// Takes groups from the start until one is bad.
    fn follow(&mut self) {
        let mut offset = PREAMBLE_BYTES;
        while let Some(group) = self.group_at(offset) {
            let header = &group.header;
            let fits = match (header.kind, &self.links) {
                (Kind::Head, None) => true,
                (Kind::Commit, Some(_)) => header.commit == self.last().next(),
                (Kind::Mark, Some(_)) => header.commit == self.last(),
                _ => false,
            };
            if !fits {
                break;
            }
            if header.kind == Kind::Head {
                let payload = group::read_payload(header, &self.bytes, offset);
                self.links = payload.and_then(|mut payload| read_links(self.name, &mut payload));
                if self.links.is_none() {
                    break;
                }
            }
            self.flushed = self.flushed.max(header.flushed as usize);
            offset = group.end();
            self.groups.push(group);
        }
    }

    /// Searches what is left for good headers: for what they say was flushed, and for their groups.
    fn search(&mut self) {
        let mut from = self.end();
        while let Some(offset) = group::find_group(&self.bytes, from) {
            from = offset + 1;
            if let Some(header) = group::read_header(self.name.log, &self.bytes, offset) {
                self.flushed = self.flushed.max(header.flushed as usize);
                from = offset + HEADER_BYTES;
            }
            if let Some(group) = self.group_at(offset) {
                from = group.end();
                self.stray.push(group);
            }
        }
    }

    fn group_at(&self, offset: usize) -> Option<Group> {
        let header = group::read_header(self.name.log, &self.bytes, offset)?;
        group::read_payload(&header, &self.bytes, offset)?;
        Some(Group { offset, header })
    }
}

/// Appends what a head's payload begins with: whose head it is, and its links.
pub(super) fn push_links(into: &mut Vec<u8>, name: LogName, links: &[Link]) {
    push_name(into, name);
    push_varint(into, links.len() as u64);
    for link in links {
        push_name(into, link.name);
        push_varint(into, link.length);
    }
}

/// Takes a head's links from its payload, if the head is this log's.
fn read_links(name: LogName, payload: &mut &[u8]) -> Option<Vec<Link>> {
    if read_name(payload)? != name {
        return None;
    }
    let count = read_varint(payload)?;
    let mut links = Vec::new();
    for _ in 0..count {
        links.push(Link {
            name: read_name(payload)?,
            length: read_varint(payload)?,
        });
    }
    Some(links)
}

fn push_name(into: &mut Vec<u8>, name: LogName) {
    for log in [Some(name.log), name.base] {
        push_varint(into, log.map_or(0, |log| log.term.0));
        push_varint(into, log.map_or(0, |log| u64::from(log.part)));
    }
}

fn read_name(payload: &mut &[u8]) -> Option<LogName> {
    let log = read_log_id(payload)?;
    let base = read_log_id(payload)?;
    Some(LogName {
        log,
        base: (base.term.0 > 0).then_some(base),
    })
}

fn read_log_id(payload: &mut &[u8]) -> Option<LogId> {
    let term = Term(read_varint(payload)?);
    Some(LogId {
        term,
        part: u32::try_from(read_varint(payload)?).ok()?,
    })
}

fn read_file(disk: &mut dyn Disk, file: FileId, length: u64) -> Result<Vec<u8>, StoreError> {
    let size = disk.size(file)?.min(length);
    let Ok(size) = usize::try_from(size) else {
        return Err(StoreError::TooLarge { bytes: usize::MAX });
    };
    let mut bytes = vec![0; size];
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        let count = disk.read(file, filled as u64, rest)?;
        if count > rest.len() {
            return Err(StoreError::Disk(DiskError::Failed(
                "a read out of range".into(),
            )));
        }
        if count == 0 {
            break;
        }
        filled += count;
    }
    bytes.truncate(filled);
    Ok(bytes)
}
