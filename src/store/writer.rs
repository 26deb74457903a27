//! The end of the log that is being written: `docs/FORMAT.md` section 5.
//!
//! Knows which bytes are written and which are flushed. It must not know keys or values.

use super::error::StoreError;
use super::group::{self, Kind, PREAMBLE_BYTES};
use super::name::LogId;
use crate::ids::{Commit, FileId, Ticket};
use crate::platform::disk::{Disk, DiskError};

/// A place in the log and the last commit before it.
#[derive(Clone, Copy, Default)]
struct Point {
    offset: u64,
    commit: Commit,
}

/// The only writer of a log.
pub(super) struct Writer {
    log: LogId,
    file: FileId,
    end: Point,
    flushed: Point,
    /// The flush that was asked for, and what it covers.
    under_way: Option<(Ticket, Point)>,
    flushes: u64,
    /// A write was taken back since the last flush was asked for.
    is_cut: bool,
    /// Where the first group ends that says the head was flushed.
    proof: Option<u64>,
    /// Why nothing may be written any more.
    problem: Option<String>,
}

impl Writer {
    /// Writes preamble and head.
    pub fn begin(
        disk: &mut dyn Disk,
        file: FileId,
        log: LogId,
        last: Commit,
        payload: &[u8],
    ) -> Result<Self, StoreError> {
        let mut bytes = Vec::from(group::preamble());
        bytes.extend_from_slice(&group::start_group());
        bytes.extend_from_slice(payload);
        let head = bytes.get_mut(PREAMBLE_BYTES..).unwrap_or_default();
        group::seal(head, log, PREAMBLE_BYTES as u64, (Kind::Head, last, 0))?;
        let mut writer = Self {
            log,
            file,
            end: Point::default(),
            flushed: Point::default(),
            under_way: None,
            flushes: 0,
            is_cut: false,
            proof: None,
            problem: None,
        };
        writer.write(disk, &bytes)?;
        writer.end.commit = last;
        Ok(writer)
    }

    /// The log.
    pub fn log(&self) -> LogId {
        self.log
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

    /// Whether the log itself proves, durably, that its head was flushed.
    pub fn is_proven(&self) -> bool {
        self.proof.is_some_and(|proof| proof <= self.flushed.offset)
    }

    /// Writes a commit's group, whose header is still to be filled in.
    pub fn commit(&mut self, disk: &mut dyn Disk, group: Vec<u8>) -> Result<Commit, StoreError> {
        let commit = self.end.commit.next();
        self.append(disk, group, Kind::Commit, commit)?;
        self.end.commit = commit;
        Ok(commit)
    }

    /// What to flush, if there is something and no flush is under way.
    pub fn flush_wanted(&mut self) -> Option<(FileId, Ticket)> {
        let is_dirty = self.end.offset > self.flushed.offset || self.is_cut;
        if !is_dirty || self.under_way.is_some() || self.problem.is_some() {
            return None;
        }
        self.flushes += 1;
        let ticket = Ticket(self.log.term.0.wrapping_shl(32) | self.flushes);
        self.under_way = Some((ticket, self.end));
        self.is_cut = false;
        Some((self.file, ticket))
    }

    /// Takes the answer to a flush. One that this writer did not ask for is ignored.
    pub fn flushed(
        &mut self,
        disk: &mut dyn Disk,
        ticket: Ticket,
        result: Result<(), DiskError>,
    ) -> Result<Commit, StoreError> {
        if let Some((_, point)) = self.under_way.take_if(|(asked, _)| *asked == ticket) {
            if let Err(error) = result
                && !crate::planted::is("store_poison_forgotten")
            {
                return Err(self.poison(&error));
            }
            self.flushed = point;
            if self.proof.is_none() && self.problem.is_none() {
                // Without space there is no mark; then the first commit that finds space is the
                // proof.
                let _ = self.append(disk, group::start_group(), Kind::Mark, self.end.commit);
            }
        }
        Ok(self.flushed.commit)
    }

    fn append(
        &mut self,
        disk: &mut dyn Disk,
        mut group: Vec<u8>,
        kind: Kind,
        commit: Commit,
    ) -> Result<(), StoreError> {
        if let Some(problem) = &self.problem {
            return Err(StoreError::Poisoned {
                problem: problem.clone(),
            });
        }
        let flushed = self.flushed.offset;
        group::seal(
            &mut group,
            self.log,
            self.end.offset,
            (kind, commit, flushed),
        )?;
        self.write(disk, &group)?;
        if flushed > 0 && self.proof.is_none() {
            self.proof = Some(self.end.offset);
        }
        Ok(())
    }

    /// One write at the end, whole or taken back. Browsers at their quota report too few bytes, or
    /// absurdly many.
    fn write(&mut self, disk: &mut dyn Disk, bytes: &[u8]) -> Result<(), StoreError> {
        let error = match disk.write(self.file, self.end.offset, bytes) {
            Ok(count) if count == bytes.len() || crate::planted::is("store_count_unchecked") => {
                self.end.offset += bytes.len() as u64;
                return Ok(());
            }
            Ok(_) => StoreError::Full,
            Err(error) => error.into(),
        };
        self.is_cut = true;
        match disk.truncate(self.file, self.end.offset) {
            Ok(()) => Err(error),
            Err(error) => Err(self.poison(&error)),
        }
    }

    fn poison(&mut self, error: &DiskError) -> StoreError {
        let problem = match error {
            DiskError::Full => "the storage is full",
            DiskError::Busy => "the file is held by another",
            DiskError::NotFound => "the file is gone",
            DiskError::Failed(problem) => problem,
        };
        self.problem = Some(problem.to_string());
        StoreError::Poisoned {
            problem: problem.to_string(),
        }
    }
}
