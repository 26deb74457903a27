//! One log as it was found: which groups are good, and what is known to have been flushed.
//!
//! Judges a single file by `docs/FORMAT.md` sections 3 and 6. What logs mean to each other is
//! recovery's.

use super::batch::{VisitEntry, read_entries};
use super::error::{StoreError, StoreProblem};
use super::group::{self, HEADER_BYTES, Header, Kind, PREAMBLE_BYTES, Preamble};
use super::manifest::Manifest;
use super::name::LogName;
use crate::ids::{Commit, FileId};
use crate::platform::disk::{Disk, DiskError};

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
    /// What the database is made of by the last group that says so; `None` without a good head.
    pub manifest: Option<Manifest>,
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
            manifest: None,
            flushed: 0,
        };
        match group::read_preamble(&log.bytes) {
            Preamble::Good => log.follow(),
            Preamble::Newer(version) => {
                return Err(StoreProblem::NewerFormat {
                    file: name.to_text(),
                    version,
                }
                .into());
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
        let mut payload = self.payload(group);
        if matches!(group.header.kind, Kind::Head | Kind::Manifest) {
            Manifest::decode(self.name, &mut payload)?;
        }
        read_entries(payload, visit)
    }

    /// A group is good, so that its payload is there and was checked.
    fn payload(&self, group: &Group) -> &[u8] {
        let payload = group.offset + HEADER_BYTES..group.end();
        self.bytes.get(payload).unwrap_or_default()
    }

    /// Takes groups from the start until one is bad.
    fn follow(&mut self) {
        let mut offset = PREAMBLE_BYTES;
        while let Some(group) = self.group_at(offset) {
            let header = &group.header;
            let is_begun = self.manifest.is_some();
            let fits = match header.kind {
                Kind::Head => !is_begun,
                Kind::Commit => is_begun && header.commit == self.last().next(),
                Kind::Mark | Kind::Manifest => is_begun && header.commit == self.last(),
            };
            if !fits {
                break;
            }
            if matches!(header.kind, Kind::Head | Kind::Manifest) {
                match self.manifest_in(&group) {
                    None => break,
                    manifest => self.manifest = manifest,
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

    fn manifest_in(&self, group: &Group) -> Option<Manifest> {
        Manifest::decode(self.name, &mut self.payload(group))
    }

    fn group_at(&self, offset: usize) -> Option<Group> {
        let header = group::read_header(self.name.log, &self.bytes, offset)?;
        group::read_payload(&header, &self.bytes, offset)?;
        Some(Group { offset, header })
    }
}

fn read_file(disk: &mut dyn Disk, file: FileId, length: u64) -> Result<Vec<u8>, StoreError> {
    let size = disk.size(file)?.min(length);
    let Ok(size) = usize::try_from(size) else {
        return Err(StoreProblem::TooLarge { bytes: usize::MAX }.into());
    };
    let mut bytes = vec![0; size];
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        let count = disk.read(file, filled as u64, rest)?;
        if count > rest.len() {
            return Err(StoreProblem::Disk(DiskError::Failed("a read out of range".into())).into());
        }
        if count == 0 {
            break;
        }
        filled += count;
    }
    bytes.truncate(filled);
    Ok(bytes)
}
