//! A write whose answer was let out is there ever after: in the outbox, or at the server and shown,
//! or thrown away by its user. What is shown of it stays shown, unless the server refused it.
//!
//! That is so in every life of a store that was copied, for what was answered before. A device
//! whose disk is put back to an earlier one has what it had then. What it wrote later is gone with
//! the disk, unless the server has accepted it: then every device shows it in the end.
//!
//! The expected state is kept here, outside, from what went through the page's door.

use super::Checker;
use super::ledger::{Ledger, Said};
use super::verdicts::Accepted;
use crate::fact::{End, Fact, Place, Rows};
use crate::json::{column, row_id, text_of};
use std::collections::{BTreeMap, BTreeSet};

/// See the head of the file.
#[derive(Default)]
pub struct Durability {
    ledger: Ledger,
    accepted: Accepted,
    /// Local notes: what each document may show, from the last saved write on.
    notes: BTreeMap<(usize, String), Vec<(String, String)>>,
}

impl Durability {
    fn judge(&mut self, device: usize, rows: &Rows) -> Result<(), String> {
        let empty = Vec::new();
        let outbox = rows.get("$outbox").unwrap_or(&empty);
        let state_of = |row| column(row, 1).as_str().unwrap_or("");
        let mut states = BTreeMap::new();
        for row in outbox {
            let name = column(row, 3).as_str().unwrap_or("");
            states.insert(name, state_of(row));
        }
        let marks: BTreeSet<&str> = rows
            .get("marks")
            .unwrap_or(&empty)
            .iter()
            .map(row_id)
            .collect();
        for (name, write, held) in self.ledger.of(device) {
            if held.is_gone && states.contains_key(name.as_str()) {
                return Err(format!(
                    "device {device} has thrown {name} away, and it is there again"
                ));
            }
            if !matches!(held.said, Said::Saved(entry) if entry > 0) || held.is_discarded() {
                continue;
            }
            let state = states.get(name.as_str()).copied();
            if state.is_none() && !self.accepted.names.contains_key(name) {
                return Err(format!("device {device} has saved {name} and has lost it"));
            }
            let is_refused = matches!(state, Some("rejected" | "quarantined"));
            let gone = write.marks().find(|mark| !marks.contains(mark));
            if let (Some(mark), false) = (gone, is_refused) {
                return Err(format!(
                    "device {device} has saved {name} ({state:?}) and does not show {mark}"
                ));
            }
        }
        self.judge_notes(device, rows)
    }

    /// What the server accepted is shown by every device in the end, also if the disk that it was
    /// written on was put back to an earlier one.
    fn judge_accepted(&self, end: &End) -> Result<(), String> {
        let shown = |rows: &Rows| {
            let marks = rows.get("marks").into_iter().flatten();
            marks.map(|row| row_id(row).to_string()).collect()
        };
        let shown: Vec<BTreeSet<String>> = end.views.iter().map(shown).collect();
        for name in self.accepted.names.keys() {
            let marks = self.ledger.writes.get(name).into_iter();
            for mark in marks.flat_map(|write| write.marks()) {
                if let Some(device) = shown.iter().position(|ids| !ids.contains(mark)) {
                    return Err(format!(
                        "{name} was accepted, and device {device} does not show {mark}"
                    ));
                }
            }
        }
        Ok(())
    }

    /// Notes have one writer and no server: each shows its last saved text, or one written after.
    fn judge_notes(&mut self, device: usize, rows: &Rows) -> Result<(), String> {
        self.notes.clear();
        let mut own: Vec<_> = self.ledger.of(device).collect();
        own.sort_by_key(|(_, write, _)| write.order);
        for (_, write, held) in own {
            for op in write
                .ops
                .iter()
                .filter(|op| text_of(op, "collection") == "notes")
            {
                let texts = self
                    .notes
                    .entry((device, text_of(op, "id").into()))
                    .or_default();
                let text = op
                    .get("fields")
                    .map_or("", |fields| text_of(fields, "text"));
                match held.said {
                    Said::Saved(_) => *texts = vec![(text.into(), "saved".into())],
                    Said::Refused(_) if !held.is_doubtful => {}
                    _ => texts.push((text.into(), "perhaps".into())),
                }
            }
        }
        let notes = rows.get("notes").map(Vec::as_slice).unwrap_or_default();
        for ((_, id), texts) in &self.notes {
            let shown = notes
                .iter()
                .find(|row| row_id(row) == id)
                .map(|row| column(row, 1));
            let shown = shown.and_then(|text| text.as_str());
            let is_saved = texts.iter().any(|(_, how)| how == "saved");
            let is_expected = shown.map_or(!is_saved, |shown| {
                texts.iter().any(|(text, _)| text == shown)
            });
            if !is_expected {
                return Err(format!(
                    "device {device} shows note {id} as {shown:?}, not one of {texts:?}"
                ));
            }
        }
        Ok(())
    }
}

impl Checker for Durability {
    fn name(&self) -> &'static str {
        "durability"
    }

    fn see(&mut self, fact: &Fact<'_>) -> Result<(), String> {
        self.ledger.see(fact);
        self.accepted.see(fact);
        match fact {
            Fact::Shown {
                place: Place { device, .. },
                rows,
            } => self.judge(*device, rows),
            _ => Ok(()),
        }
    }

    fn finish(&mut self, end: &End) -> Result<(), String> {
        let views = end
            .views
            .iter()
            .enumerate()
            .chain(end.reopened.iter().enumerate());
        views
            .into_iter()
            .try_for_each(|(device, rows)| self.judge(device, rows))?;
        self.judge_accepted(end)
    }
}
