//! The end of the log that is being written: `docs/FORMAT.md` section 5.
//!
//! Knows which bytes are written and which are flushed. It must not know keys or values.

use super::error::{StoreError, StoreProblem};
use super::group::{self, HEADER_BYTES, Kind, PREAMBLE_BYTES};
use super::manifest::{Link, Manifest};
use super::name::LogName;
use super::reserve::{Reserve, Room};
use crate::ids::{Commit, FileId};
use crate::platform::disk::{Disk, DiskError};

/// A place in the log and the last commit before it.
#[derive(Clone, Copy, Default)]
struct Point {
    offset: u64,
    commit: Commit,
}

/// The only writer of a log.
pub(super) struct Writer {
    name: LogName,
    file: FileId,
    end: Point,
    flushed: Point,
    /// What the flush that was asked for covers.
    under_way: Option<Point>,
    /// The commits that no flush is known to have covered, and their groups.
    unflushed: Vec<(Commit, Vec<u8>)>,
    /// A write was taken back since the last flush was asked for.
    is_cut: bool,
    /// Where the first group ends that says the head was flushed.
    proof: Option<u64>,
    /// Why nothing may be written any more.
    problem: Option<String>,
    /// Room for when there is none.
    pub reserve: Reserve,
}

impl Writer {
    /// Writes preamble and head. `last` and `durable` are the last commits there are and that are
    /// known to be flushed, `entries` what the head carries.
    pub fn begin(
        disk: &mut dyn Disk,
        (name, file): (LogName, FileId),
        (last, durable): (Commit, Commit),
        (manifest, entries): (&Manifest, &[u8]),
        (reserve, room): (Reserve, Room),
    ) -> Result<Self, StoreError> {
        if disk.size(file)? > 0 {
            return Err(StoreProblem::TermTaken {
                file: name.to_text(),
            }
            .into());
        }
        let mut bytes = group::preamble(group::LOG_MAGIC);
        bytes.extend_from_slice(&group::start_group());
        manifest.encode(name, &mut bytes);
        bytes.extend_from_slice(entries);
        let head = bytes.get_mut(PREAMBLE_BYTES..).unwrap_or_default();
        group::seal(head, name.log, PREAMBLE_BYTES as u64, (Kind::Head, last, 0))?;
        let flushed = Point {
            offset: 0,
            commit: durable,
        };
        let mut writer = Self {
            name,
            file,
            end: Point::default(),
            flushed,
            under_way: None,
            unflushed: Vec::new(),
            is_cut: false,
            proof: None,
            problem: None,
            reserve,
        };
        writer.write(disk, &bytes, room)?;
        writer.end.commit = last;
        Ok(writer)
    }

    /// The log's name.
    pub fn name(&self) -> LogName {
        self.name
    }

    /// The log up to where it is flushed, for another to build on, and the entries beyond.
    pub fn link(&self) -> (Link, Vec<u8>) {
        let link = Link {
            name: self.name,
            length: self.flushed.offset,
        };
        let mut entries = Vec::new();
        for (_, group) in &self.unflushed {
            entries.extend_from_slice(group.get(HEADER_BYTES..).unwrap_or_default());
        }
        (link, entries)
    }

    /// Number of the last commit written.
    pub fn last(&self) -> Commit {
        self.end.commit
    }

    /// Number of the last commit that is known to be flushed.
    pub fn durable(&self) -> Commit {
        self.flushed.commit
    }

    /// Length of the log.
    pub fn bytes(&self) -> u64 {
        self.end.offset
    }

    /// Whether the head was flushed.
    pub fn is_begun(&self) -> bool {
        self.flushed.offset > 0
    }

    /// Whether nothing was written yet but a head, which is not flushed.
    pub fn is_head_only(&self) -> bool {
        !self.is_begun() && self.unflushed.is_empty()
    }

    /// Whether another log may build on this one: its head was flushed, and nothing failed since.
    pub fn may_be_followed(&self) -> bool {
        self.is_begun() && self.problem.is_none()
    }

    /// Why nothing may be written any more, if so.
    pub fn problem(&self) -> Option<StoreError> {
        let problem = self.problem.clone();
        problem.map(|problem| StoreProblem::Poisoned { problem }.into())
    }

    /// Whether the log itself proves, durably, that its head was flushed.
    pub fn is_proven(&self) -> bool {
        self.proof.is_some_and(|proof| proof <= self.flushed.offset)
    }

    /// Whether everything up to an offset is flushed, and that is proven.
    pub fn is_flushed(&self, offset: u64) -> bool {
        self.is_proven() && offset <= self.flushed.offset
    }

    /// Writes a commit's group, whose header is still to be filled in.
    pub fn commit(
        &mut self,
        disk: &mut dyn Disk,
        mut group: Vec<u8>,
        room: Room,
    ) -> Result<Commit, StoreError> {
        let commit = self.end.commit.next();
        self.append(disk, &mut group, (Kind::Commit, commit), room)?;
        self.end.commit = commit;
        self.unflushed.push((commit, group));
        Ok(commit)
    }

    /// Writes what the database is made of from here on.
    pub fn write_manifest(
        &mut self,
        disk: &mut dyn Disk,
        manifest: &Manifest,
    ) -> Result<(), StoreError> {
        let mut group = group::start_group();
        manifest.encode(self.name, &mut group);
        let kind = (Kind::Manifest, self.end.commit);
        self.append(disk, &mut group, kind, Room::Reserve)
    }

    /// What to flush, if there is something; then a flush is under way.
    pub fn flush_wanted(&mut self) -> Option<FileId> {
        let is_dirty = self.end.offset > self.flushed.offset || self.is_cut;
        if !is_dirty || self.problem.is_some() {
            return None;
        }
        self.under_way = Some(self.end);
        self.is_cut = false;
        Some(self.file)
    }

    /// Takes the answer to the flush.
    pub fn flushed(
        &mut self,
        disk: &mut dyn Disk,
        result: Result<(), DiskError>,
    ) -> Result<(), StoreError> {
        let Some(point) = self.under_way.take() else {
            return Ok(());
        };
        if let Err(error) = result
            && !crate::planted::is("store_poison_forgotten")
        {
            return Err(self.poison(&error));
        }
        self.unflushed.retain(|(commit, _)| *commit > point.commit);
        let is_news =
            point.offset > self.flushed.offset || crate::planted::is("store_mark_tried_for_ever");
        self.flushed = point;
        if is_news && self.proof.is_none() && self.problem.is_none() {
            // Without space there is no mark; then the first group that finds space is the proof.
            // A mark that was cut off again is no news: else it would be tried for ever.
            let kind = (Kind::Mark, self.end.commit);
            let _ = self.append(disk, &mut group::start_group(), kind, Room::Reserve);
        }
        Ok(())
    }

    fn append(
        &mut self,
        disk: &mut dyn Disk,
        group: &mut [u8],
        (kind, commit): (Kind, Commit),
        room: Room,
    ) -> Result<(), StoreError> {
        if let Some(problem) = self.problem() {
            return Err(problem);
        }
        let flushed = self.flushed.offset;
        let (log, offset) = (self.name.log, self.end.offset);
        group::seal(group, log, offset, (kind, commit, flushed))?;
        self.write(disk, group, room)?;
        if flushed > 0 && self.proof.is_none() {
            self.proof = Some(self.end.offset);
        }
        Ok(())
    }

    /// One write at the end, whole or taken back. Browsers at their quota report too few bytes, or
    /// absurdly many.
    ///
    /// Where there is no room the reserve is given up, if it may be. That may not help before the
    /// files are opened again: some browsers count for a file what it had since it was opened.
    fn write(&mut self, disk: &mut dyn Disk, bytes: &[u8], room: Room) -> Result<(), StoreError> {
        let may_take_all = room == Room::Reserve || crate::planted::is("store_reserve_for_all");
        let mut given = 0;
        while may_take_all || self.reserve.hold(disk) {
            let error = match disk.write(self.file, self.end.offset, bytes) {
                Ok(count)
                    if count == bytes.len() || crate::planted::is("store_count_unchecked") =>
                {
                    self.end.offset += bytes.len() as u64;
                    self.reserve.is_full &= may_take_all;
                    return Ok(());
                }
                Ok(_) => DiskError::Full,
                Err(error) => error,
            };
            self.is_cut = true;
            if let Err(error) = disk.truncate(self.file, self.end.offset) {
                return Err(self.poison(&error));
            }
            if !matches!(error, DiskError::Full) {
                return Err(error.into());
            }
            if !may_take_all || crate::planted::is("store_reserve_kept") {
                break;
            }
            if given > bytes.len() as u64 {
                return Err(self.poison(&error));
            }
            given = self.reserve.give_up(disk);
            if given == 0 {
                break;
            }
        }
        self.reserve.is_full = true;
        Err(StoreProblem::Full.into())
    }

    fn poison(&mut self, error: &DiskError) -> StoreError {
        let problem = match error {
            DiskError::Full => "the storage is full",
            DiskError::Busy => "the file is held by another",
            DiskError::NotFound => "the file is gone",
            DiskError::Failed(problem) => problem,
        };
        self.problem = Some(problem.to_string());
        StoreProblem::Poisoned {
            problem: problem.to_string(),
        }
        .into()
    }
}
