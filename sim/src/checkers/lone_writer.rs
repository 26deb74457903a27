//! What only one device writes is in the end what that device's accepted writes, one after the
//! other, make of it.
//!
//! So no edit of one field is undone by an edit of another, a later write beats an earlier one of
//! the same device whatever its clock did, and what is deleted or inserted again is so everywhere.

use super::Checker;
use super::ledger::{Ledger, Write};
use super::verdicts::Accepted;
use crate::app::write::SEEDED;
use crate::fact::{End, Fact, Rows};
use crate::json::{column, row_id, text_of};
use holm::doc::value::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Collections that are judged, with their fields, in order. Each field, or document, has one
/// writer.
const JUDGED: [(&str, &[&str]); 3] = [
    ("duets", &["left", "right"]),
    ("pairs", &["value"]),
    ("solos", &["first", "second"]),
];

type Documents = BTreeMap<(String, String), BTreeMap<String, String>>;

/// See the head of the file.
#[derive(Default)]
pub struct LoneWriter {
    ledger: Ledger,
    accepted: Accepted,
}

fn carry_out(documents: &mut Documents, op: &Value) {
    let at = (
        text_of(op, "collection").to_string(),
        text_of(op, "id").to_string(),
    );
    let given = match op.get("fields") {
        Some(Value::Map(fields)) => fields.clone(),
        _ => Vec::new(),
    };
    let given = given
        .into_iter()
        .map(|(name, value)| (name, value.as_str().unwrap_or("").into()));
    match text_of(op, "op") {
        "insert" => {
            documents.insert(at, given.collect());
        }
        "upsert" => documents.entry(at).or_default().extend(given),
        "seed" => {
            documents.entry(at).or_default();
        }
        "update" if at.0 == "duets" => documents.entry(at).or_default().extend(given),
        "update" => {
            if let Some(document) = documents.get_mut(&at) {
                document.extend(given);
            }
        }
        _ => {
            documents.remove(&at);
        }
    }
}

impl LoneWriter {
    /// Whether the order in which the server accepted it says nothing of what it makes of its
    /// documents. So it is if it was tried again later. Of a store that was copied, also if one
    /// life threw it away, was refused it, or gave it stamps of its own; or if its writer has
    /// forgotten it and went on without it.
    fn is_untold(&self, name: &str, write: &Write) -> bool {
        let Some(held) = self.ledger.at_home(name) else {
            return true;
        };
        let is_unlike =
            self.accepted.unlike.contains(name) || self.accepted.rejected.contains(name);
        let is_untold = write.was_tended || write.is_split || is_unlike;
        held.is_retried || (write.is_copied && is_untold)
    }

    /// What the documents must be, and which cannot be told because of such a write to them.
    fn expected(&self) -> (Documents, BTreeSet<String>) {
        let mut accepted: Vec<(&String, &u64)> = self.accepted.names.iter().collect();
        accepted.sort_by_key(|(_, version)| **version);
        let (mut documents, mut untold) = (Documents::new(), BTreeSet::new());
        for (name, _) in accepted {
            let Some(write) = self.ledger.writes.get(name) else {
                continue;
            };
            let is_untold = self.is_untold(name, write);
            let discarded = self
                .accepted
                .discarded
                .get(name)
                .map(Vec::as_slice)
                .unwrap_or_default();
            for op in &write.ops {
                let is_its = |other: &&Value| other.get("id") == op.get("id");
                let is_one_of_many = write.ops.iter().filter(is_its).count() > 1;
                let id = text_of(op, "id");
                let is_discarded = discarded.iter().any(|(key, _)| key.id == id);
                if is_untold || (is_discarded && is_one_of_many) {
                    untold.insert(id.to_string());
                }
                if !is_discarded {
                    carry_out(&mut documents, op);
                }
            }
        }
        (documents, untold)
    }

    fn judge(&self, device: usize, rows: &Rows) -> Result<(), String> {
        let (documents, untold) = self.expected();
        for (collection, fields) in JUDGED {
            let rows = rows.get(collection).map(Vec::as_slice).unwrap_or_default();
            let ids = rows.iter().map(|row| row_id(row).to_string());
            let known = documents
                .keys()
                .filter(|(of, _)| of == collection)
                .map(|(_, id)| id.clone());
            let all: BTreeSet<String> = ids.chain(known).filter(|id| id != SEEDED).collect();
            for id in all.difference(&untold) {
                let document = documents.get(&(collection.to_string(), id.clone()));
                let row = rows.iter().find(|row| row_id(row) == id);
                let shown = row.map(|row| {
                    (1..=fields.len())
                        .map(|at| column(row, at).as_str().unwrap_or(""))
                        .collect()
                });
                let wanted: Option<Vec<&str>> = document.map(|document| {
                    let value = |name: &&str| document.get(*name).map_or("", String::as_str);
                    fields.iter().map(value).collect()
                });
                let is_seeded = collection == "duets" && document.is_none();
                if shown != wanted && !is_seeded {
                    return Err(format!(
                        "device {device}: {collection}/{id} is {shown:?}; \
                         its writer made it {wanted:?}"
                    ));
                }
            }
        }
        Ok(())
    }
}

impl Checker for LoneWriter {
    fn name(&self) -> &'static str {
        "lone writer"
    }

    fn see(&mut self, fact: &Fact<'_>) -> Result<(), String> {
        self.ledger.see(fact);
        self.accepted.see(fact);
        Ok(())
    }

    fn finish(&mut self, end: &End) -> Result<(), String> {
        end.views
            .iter()
            .enumerate()
            .try_for_each(|(device, rows)| self.judge(device, rows))
    }
}
