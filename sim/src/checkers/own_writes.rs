//! A page sees its own writes at once, whatever the clocks of others say.

use super::Checker;
use super::ledger::Ledger;
use crate::fact::{End, Fact, Place, Rows};
use crate::json::{column, list_of, row_id, text_of, whole_of};
use crate::schema::fields_of;
use holm::doc::value::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A document that was just written: the fields that it must have; none if it must be gone.
type Written = BTreeMap<(String, String), Option<BTreeMap<String, Value>>>;

/// See the head of the file.
#[derive(Default)]
pub struct OwnWrites {
    ledger: Ledger,
    /// Requests that were refused.
    refused: BTreeSet<(u64, u64)>,
    /// How often each was sent.
    sent: BTreeMap<(u64, u64), u64>,
    /// What a message has just written, on this worker.
    taken: Option<(Place, Written)>,
}

fn place_of(op: &Value) -> (String, String) {
    let [collection, id] = ["collection", "id"].map(|name| text_of(op, name).to_string());
    (collection, id)
}

fn carry_out(written: &mut Written, op: &Value) {
    let at = place_of(op);
    let given: BTreeMap<String, Value> = match op.get("fields") {
        Some(Value::Map(fields)) => fields.iter().cloned().collect(),
        _ => BTreeMap::new(),
    };
    match text_of(op, "op") {
        "insert" => drop(written.insert(at, Some(given))),
        "update" | "upsert" => {
            let document = written.entry(at).or_default().get_or_insert_default();
            document.extend(given);
        }
        "delete" => drop(written.insert(at, None)),
        _ => {}
    }
}

impl OwnWrites {
    fn took(&mut self, place: Place, tab: u64, message: &Value) {
        let mut written = Written::new();
        for request in list_of(message, "requests") {
            let at = (tab, whole_of(request, "number"));
            let is_write = matches!(text_of(request, "kind"), "write" | "commit");
            let is_first = self.sent.get(&at) == Some(&1);
            if !is_write || self.refused.contains(&at) {
                continue;
            }
            let name = request
                .get("mutation")
                .map_or("", |mutation| text_of(mutation, "name"));
            let Some(write) = self.ledger.writes.get(name) else {
                continue;
            };
            for op in &write.ops {
                if is_first {
                    carry_out(&mut written, op);
                } else {
                    // Sent again: it may have been taken long before, or only now.
                    written.remove(&place_of(op));
                }
            }
        }
        self.taken = Some((place, written));
    }

    fn judge(place: Place, written: &Written, rows: &Rows) -> Result<(), String> {
        for ((collection, id), document) in written {
            let row = rows
                .get(collection)
                .into_iter()
                .flatten()
                .find(|row| row_id(row) == id);
            let is_as_written = match (row, document) {
                (None, None) => true,
                (Some(row), Some(fields)) => fields.iter().all(|(name, value)| {
                    let at = fields_of(collection).iter().position(|field| field == name);
                    at.is_some_and(|at| column(row, at + 1) == value)
                }),
                _ => false,
            };
            if !is_as_written {
                let at = format!("device {}: {collection}/{id}", place.device);
                return Err(format!(
                    "{at} was just written as {document:?} and is shown as {row:?}"
                ));
            }
        }
        Ok(())
    }
}

impl Checker for OwnWrites {
    fn name(&self) -> &'static str {
        "own writes"
    }

    fn see(&mut self, fact: &Fact<'_>) -> Result<(), String> {
        self.ledger.see(fact);
        match fact {
            Fact::Asked { tab, request, .. } => {
                *self
                    .sent
                    .entry((*tab, whole_of(request, "number")))
                    .or_default() += 1;
            }
            Fact::Posted { tab, notice, .. } if notice.get("error").is_some() => {
                self.refused.insert((*tab, whole_of(notice, "number")));
            }
            Fact::Took {
                place,
                tab,
                message,
            } => self.took(*place, *tab, message),
            Fact::Shown { place, rows } => {
                let taken = self.taken.take().filter(|(at, _)| at == place);
                return taken.map_or(Ok(()), |(_, written)| Self::judge(*place, &written, rows));
            }
            _ => self.taken = None,
        }
        Ok(())
    }

    fn finish(&mut self, _: &End) -> Result<(), String> {
        Ok(())
    }
}
