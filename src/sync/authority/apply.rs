//! Applying a transaction to documents: each whole or not at all (`docs/PROTOCOL.md` section 6).

use super::Decided;
use super::document::Stored;
use super::key::Key;
use super::rows::Rows;
use crate::doc::path::DocumentKey;
use crate::ids::Version;
use crate::limits::{DOCUMENT_BYTES_MAX, TRANSACTION_BYTES_MAX};
use crate::protocol::codec::discarded_bytes;
use crate::protocol::message::{Delta, Outcome};
use crate::protocol::refusal::{
    BAD_DELTA, CONFLICT, DOCUMENT_TOO_LARGE, EXISTS, TRANSACTION_TOO_LARGE,
};
use std::collections::BTreeMap;

/// Most bytes of a verdict's list of discarded paths, so that a verdict always fits in a frame
/// beside a page.
pub const DISCARDED_BYTES_MAX: usize = 128 << 10;

/// A document while a batch is applied.
struct Held {
    document: Stored,
    /// The version in which the stored row last changed; 0 if there is no row.
    stored: Version,
}

/// Documents as the transactions of a batch so far have left them.
pub struct Documents<'a> {
    rows: &'a Rows,
    held: BTreeMap<DocumentKey, Held>,
}

type Draft<'a> = BTreeMap<&'a DocumentKey, Stored>;

/// A rejection with one of the codes of section 6.
pub fn rejected(code: &str, message: impl Into<String>) -> Outcome {
    Outcome::Rejected {
        code: code.into(),
        message: message.into(),
    }
}

/// The rejection of a transaction that is too large.
pub fn too_large() -> Outcome {
    let message = format!("the transaction is over {TRANSACTION_BYTES_MAX} bytes: make it smaller");
    rejected(TRANSACTION_TOO_LARGE, message)
}

impl<'a> Documents<'a> {
    pub fn new(rows: &'a Rows) -> Self {
        Self {
            rows,
            held: BTreeMap::new(),
        }
    }

    /// Applies a transaction as of `version`, or rejects it without any effect.
    pub fn apply(&mut self, deltas: &[Delta], version: Version) -> Decided<Outcome> {
        let mut draft = Draft::new();
        let outcome = self.draft(&mut draft, deltas, version)?;
        let is_accepted = matches!(outcome, Outcome::Accepted { .. });
        if is_accepted || crate::planted::is("authority_half_applied") {
            for (key, document) in draft {
                let held = self.held.get_mut(key).expect("a drafted document is held");
                held.document = document;
            }
        }
        Ok(outcome)
    }

    fn draft<'d>(
        &mut self,
        draft: &mut Draft<'d>,
        deltas: &'d [Delta],
        version: Version,
    ) -> Decided<Outcome> {
        let mut discarded = Vec::new();
        for delta in deltas {
            if let Some(problem) = contradiction(delta) {
                let message = format!("{}: {problem}", name(&delta.key));
                return Ok(rejected(BAD_DELTA, message));
            }
            if !draft.contains_key(&delta.key) {
                draft.insert(&delta.key, self.current(&delta.key)?.clone());
            }
            let document = draft.get_mut(&delta.key).expect("it was just drafted");
            if is_taken(document, delta) && !crate::planted::is("authority_exists_unchecked") {
                let message = format!("{} is there already", name(&delta.key));
                return Ok(rejected(EXISTS, message));
            }
            let paths = document.apply(delta, version).into_iter();
            discarded.extend(paths.map(|path| (delta.key.clone(), path)));
        }
        if let Some((key, _)) = draft
            .iter()
            .find(|(_, held)| held.size() > DOCUMENT_BYTES_MAX)
        {
            let message = format!("{} would be over {DOCUMENT_BYTES_MAX} bytes", name(key));
            return Ok(rejected(DOCUMENT_TOO_LARGE, message));
        }
        let listed: usize = discarded
            .iter()
            .map(|(key, path)| discarded_bytes(key, path))
            .sum();
        if listed > DISCARDED_BYTES_MAX {
            let message = "so many of its documents are gone that they cannot be listed";
            return Ok(rejected(CONFLICT, message));
        }
        Ok(Outcome::Accepted { version, discarded })
    }

    fn current(&mut self, key: &DocumentKey) -> Decided<&Stored> {
        if !self.held.contains_key(key) {
            let document = Stored::read(key, self.rows)?;
            let stored = document.version();
            self.held.insert(key.clone(), Held { document, stored });
        }
        Ok(&self.held.get(key).expect("it was just put there").document)
    }

    /// The rows of the documents that have changed, and their moved change rows.
    pub fn into_writes(self) -> impl Iterator<Item = (Key, Option<Vec<u8>>)> {
        let changed = self
            .held
            .into_iter()
            .filter(|(_, held)| held.document.version() != held.stored);
        changed.flat_map(|(key, held)| {
            let mut version = held.document.version();
            let left = (held.stored > Version(0)).then(|| (Key::change(held.stored, &key), None));
            if left.is_some() && crate::planted::is("authority_change_not_moved") {
                version = held.stored;
            }
            let moved = (Key::change(version, &key), Some(Vec::new()));
            let row = (Key::document(&key), Some(held.document.to_row()));
            left.into_iter().chain([moved, row])
        })
    }
}

fn name(key: &DocumentKey) -> String {
    format!("document {} of {}", key.id, key.collection)
}

/// What in a delta contradicts the rest of it.
fn contradiction(delta: &Delta) -> Option<String> {
    let life = delta.life;
    match delta.paths.iter().find(|write| write.path.is_existence()) {
        Some(write) if write.value.as_u64() != Some(life.0) => Some(format!(
            "its paths are of life {life}, its existence of another"
        )),
        None if !life.is_alive() => {
            Some(format!("it writes to life {life}, which is a deleted one"))
        }
        _ => None,
    }
}

/// Whether the delta is an insert that meets a living document. It is none if the same write made
/// the document, or if it follows the life that it saw: then it deletes and inserts in one.
fn is_taken(document: &Stored, delta: &Delta) -> bool {
    let Some(write) = delta.paths.iter().find(|write| write.path.is_existence()) else {
        return false;
    };
    let existence = document.merged.existence;
    let is_insert = delta.life.is_alive() && !delta.upsert;
    let stamp = write.stamp.unwrap_or(delta.stamp);
    let is_same = (delta.life, stamp) == (existence.life, existence.stamp);
    let is_next = delta.life > existence.life && write.saw == Some(existence.stamp);
    is_insert && existence.life.is_alive() && !is_same && !is_next
}
