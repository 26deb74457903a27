//! What a database is made of at one place of its log: the logs before it and the runs
//! (`docs/FORMAT.md` section 4).

use super::batch::{push_varint, read_varint};
use super::name::{LogId, LogName};
use super::run::RunRecord;
use crate::ids::Term;

/// An earlier log that a log builds on, up to a length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub name: LogName,
    pub length: u64,
}

/// The logs to be read before this one, the oldest first, and the runs, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Manifest {
    pub links: Vec<Link>,
    pub runs: Vec<RunRecord>,
}

impl Manifest {
    /// Appends it as the payload of a group of the log `name`.
    pub fn encode(&self, name: LogName, into: &mut Vec<u8>) {
        push_name(into, name);
        push_varint(into, self.links.len() as u64);
        for link in &self.links {
            push_name(into, link.name);
            push_varint(into, link.length);
        }
        push_varint(into, self.runs.len() as u64);
        for run in &self.runs {
            run.encode(into);
        }
    }

    /// Takes what `encode` wrote from a payload, if it is of this log.
    pub fn decode(name: LogName, payload: &mut &[u8]) -> Option<Self> {
        if read_name(payload)? != name {
            return None;
        }
        let mut manifest = Self::default();
        for _ in 0..read_varint(payload)? {
            manifest.links.push(Link {
                name: read_name(payload)?,
                length: read_varint(payload)?,
            });
        }
        for _ in 0..read_varint(payload)? {
            manifest.runs.push(RunRecord::decode(payload)?);
        }
        Some(manifest)
    }
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

#[cfg(test)]
mod tests {
    use super::super::run::{Extent, RunId};
    use super::*;
    use crate::ids::Commit;

    #[test]
    fn a_manifest_round_trips_for_its_log_alone() {
        let log = LogId {
            term: Term(5),
            part: 2,
        };
        let name = LogName {
            log,
            base: Some(LogId { part: 1, ..log }),
        };
        let manifest = Manifest {
            links: vec![Link { name, length: 900 }],
            runs: vec![RunRecord {
                id: RunId {
                    term: Term(4),
                    number: 300,
                },
                bytes: 1 << 40,
                entries: 12,
                commits: (Commit(5), Commit(500)),
                root: Extent {
                    offset: 1 << 33,
                    length: 77,
                },
            }],
        };
        let mut bytes = Vec::new();
        manifest.encode(name, &mut bytes);
        assert_eq!(Manifest::decode(name, &mut &*bytes), Some(manifest));
        let other = LogName { base: None, ..name };
        assert_eq!(Manifest::decode(other, &mut &*bytes), None);
        for length in 0..bytes.len() {
            assert_eq!(Manifest::decode(name, &mut &bytes[..length]), None);
        }
    }
}
