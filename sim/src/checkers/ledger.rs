//! What pages have written, by the name that each transaction carries: what every checker of writes
//! starts from.

use crate::app::OUTBOX_LIST;
use crate::fact::{Fact, Place};
use crate::json::{column, list_of, row_id, text_of, whole_of};
use holm::doc::value::Value;
use std::collections::BTreeMap;

/// What became of a request to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// No answer was let out yet.
    Nothing,
    /// Saved, as this outbox entry; 0 if it is not to be sent.
    Saved(u64),
    /// Refused, with this code.
    Refused(String),
}

/// A transaction of a page.
#[derive(Clone, Debug)]
pub struct Write {
    /// Which device wrote it.
    pub device: usize,
    /// How many came before it on its device.
    pub order: usize,
    /// Its operations.
    pub ops: Vec<Value>,
    /// What the page was told.
    pub said: Said,
    /// How often the user has asked, and not in vain, to throw its entry away.
    pub discards: u64,
    /// Whether the user was told that it is thrown away.
    pub is_gone: bool,
    /// Whether the user tried it again.
    pub is_retried: bool,
    /// Whether its device's disk failed since, so that an answer of refusal says nothing.
    pub is_doubtful: bool,
}

/// See the head of the file.
#[derive(Default)]
pub struct Ledger {
    /// By name.
    pub writes: BTreeMap<String, Write>,
    /// Operations of open transactions by tab and number.
    open: BTreeMap<(u64, u64), Vec<Value>>,
    /// Names by tab and request.
    requests: BTreeMap<(u64, u64), Name>,
    /// Names by device and entry.
    entries: BTreeMap<(usize, u64), String>,
    count: usize,
}

#[derive(Clone, Debug)]
enum Name {
    Write(String),
    Retry(u64),
    Discard(u64),
}

impl Ledger {
    /// Takes a fact in.
    pub fn see(&mut self, fact: &Fact<'_>) {
        match fact {
            Fact::Asked {
                place,
                tab,
                request,
            } => self.asked(*place, *tab, request),
            Fact::Posted { place, tab, notice } if text_of(notice, "kind") == "reply" => {
                self.answered(*place, *tab, notice);
            }
            Fact::Posted { place, notice, .. }
                if whole_of(notice, "subscription") == OUTBOX_LIST =>
            {
                let inserts = list_of(notice, "inserts")
                    .iter()
                    .filter_map(|insert| insert.as_list()?.get(1));
                for row in list_of(notice, "rows").iter().chain(inserts) {
                    self.note_entry(place.device, row);
                }
            }
            Fact::Shown { place, rows } => {
                for row in rows.get("$outbox").into_iter().flatten() {
                    self.note_entry(place.device, row);
                }
            }
            _ => {}
        }
    }

    fn asked(&mut self, place: Place, tab: u64, request: &Value) {
        let at = (tab, whole_of(request, "number"));
        let transaction = (tab, whole_of(request, "transaction"));
        match text_of(request, "kind") {
            "tx_write" => {
                let ops = list_of(request, "ops").to_vec();
                self.open.entry(transaction).or_default().extend(ops);
            }
            "write" => self.written(place, at, request, list_of(request, "ops").to_vec()),
            "commit" => {
                let ops = self.open.get(&transaction).cloned().unwrap_or_default();
                self.written(place, at, request, ops);
            }
            "retry" => {
                self.requests
                    .insert(at, Name::Retry(whole_of(request, "entry")));
            }
            "discard" => {
                let entry = whole_of(request, "entry");
                self.requests.insert(at, Name::Discard(entry));
                self.mark(place, entry, |write| write.discards += 1);
            }
            _ => {}
        }
    }

    fn written(&mut self, place: Place, at: (u64, u64), request: &Value, ops: Vec<Value>) {
        let Some(mutation) = request.get("mutation") else {
            return;
        };
        let name = text_of(mutation, "name").to_string();
        self.requests.insert(at, Name::Write(name.clone()));
        self.count += 1;
        self.writes.entry(name).or_insert(Write {
            device: place.device,
            order: self.count,
            ops,
            said: Said::Nothing,
            discards: 0,
            is_gone: false,
            is_retried: false,
            is_doubtful: false,
        });
    }

    fn answered(&mut self, place: Place, tab: u64, notice: &Value) {
        let Some(name) = self
            .requests
            .get(&(tab, whole_of(notice, "number")))
            .cloned()
        else {
            return;
        };
        let error = notice
            .get("error")
            .map(|error| text_of(error, "code").to_string());
        let entry = notice.get("ok").map_or(0, |ok| whole_of(ok, "entry"));
        match (name, error) {
            (Name::Write(name), error) => {
                let Some(write) = self.writes.get_mut(&name) else {
                    return;
                };
                write.said = match error {
                    None => Said::Saved(entry),
                    Some(code) => {
                        write.is_doubtful |= code == "storage_failed";
                        Said::Refused(code)
                    }
                };
            }
            (Name::Retry(entry), None) => self.mark(place, entry, |write| write.is_retried = true),
            (Name::Discard(entry), None) => self.mark(place, entry, |write| write.is_gone = true),
            (Name::Discard(entry), Some(code)) if code != "storage_failed" => {
                self.mark(place, entry, |write| {
                    write.discards = write.discards.saturating_sub(1)
                });
            }
            _ => {}
        }
    }

    fn mark(&mut self, place: Place, entry: u64, mark: impl FnOnce(&mut Write)) {
        let name = self.entries.get(&(place.device, entry));
        if let Some(write) = name.and_then(|name| self.writes.get_mut(name)) {
            mark(write);
        }
    }

    /// The outbox says which transaction an entry is.
    fn note_entry(&mut self, device: usize, row: &Value) {
        let (entry, name) = (row_id(row).parse(), column(row, 3).as_str());
        if let (Ok(entry), Some(name)) = (entry, name) {
            self.entries.insert((device, entry), name.into());
        }
    }
}

impl Write {
    /// Whether the user threw its entry away, or asked to.
    pub fn is_discarded(&self) -> bool {
        self.discards > 0
    }

    /// Ids of the marks that the transaction inserts.
    pub fn marks(&self) -> impl Iterator<Item = &str> {
        let marks = self
            .ops
            .iter()
            .filter(|op| text_of(op, "collection") == "marks");
        marks.map(|op| text_of(op, "id"))
    }

    /// Whether anything of it is to reach the server for sure. A seed is not, where the document is
    /// there already.
    pub fn is_synced(&self) -> bool {
        let leaves = |op: &Value| match (text_of(op, "op"), op.get("fields")) {
            ("update", Some(Value::Map(fields))) => fields.iter().any(|(name, _)| name != "note"),
            ("seed", _) => false,
            _ => text_of(op, "collection") != "notes",
        };
        self.ops.iter().any(leaves)
    }
}
