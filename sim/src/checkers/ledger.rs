//! What pages have written, by the name that each transaction carries, and what each device has of
//! it: what every checker of writes starts from.
//!
//! A device that begins as a copy has what its original had when it was copied. One that is put
//! back to a copy of itself has that and no more: what it wrote later is held against it no longer,
//! whatever its pages were told. Whether the server has accepted that in the meantime, and then
//! shows it, is for others to say.

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
    /// Whether it was on a disk that was copied, and the copy came into use.
    pub is_copied: bool,
    /// Whether that was before its page knew that it was saved: then one life may have it from the
    /// copy, and the other carry it out anew.
    pub is_split: bool,
    /// Whether any user that has it asked to throw it away, or tried it again.
    pub was_tended: bool,
}

/// What a device has of a transaction.
#[derive(Clone, Debug)]
pub struct Held {
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
    /// Whether it was asked for more than once.
    is_repeated: bool,
}

/// See the head of the file.
#[derive(Default)]
pub struct Ledger {
    /// By name.
    pub writes: BTreeMap<String, Write>,
    /// By device and name.
    held: BTreeMap<(usize, String), Held>,
    /// What devices had when they were copied, by the number of the copy.
    copies: BTreeMap<u64, Vec<(String, Held)>>,
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
            Fact::Copied { place, copy } => self.copied(place.device, *copy),
            Fact::Placed { place, copy } => self.placed(place.device, *copy),
            Fact::Shown { place, rows } => {
                for row in rows.get("$outbox").into_iter().flatten() {
                    self.note_entry(place.device, row);
                }
            }
            _ => {}
        }
    }

    /// What a device has, in the order of writing.
    pub fn of(&self, device: usize) -> impl Iterator<Item = (&String, &Write, &Held)> {
        let all = (device, String::new())..(device + 1, String::new());
        let held = self.held.range(all);
        held.filter_map(|((_, name), held)| Some((name, self.writes.get(name)?, held)))
    }

    /// What the device that wrote it has of it; none if its disk was put back to an earlier one.
    pub fn at_home(&self, name: &str) -> Option<&Held> {
        let home = self.writes.get(name)?.device;
        self.held.get(&(home, name.into()))
    }

    fn copied(&mut self, device: usize, copy: u64) {
        let held = self
            .of(device)
            .map(|(name, _, held)| (name.clone(), held.clone()));
        let held = held.collect();
        self.copies.insert(copy, held);
    }

    fn placed(&mut self, device: usize, copy: u64) {
        self.held.retain(|(of, _), _| *of != device);
        self.entries.retain(|(of, _), _| *of != device);
        for (name, held) in self.copies.get(&copy).into_iter().flatten() {
            if let Some(write) = self.writes.get_mut(name) {
                write.is_copied = true;
                write.is_split |= held.said == Said::Nothing || held.is_doubtful;
            }
            self.held.insert((device, name.clone()), held.clone());
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
                self.mark(place, entry, |held| held.discards += 1);
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
        let (device, order) = (place.device, self.count);
        self.writes.entry(name.clone()).or_insert(Write {
            device,
            order,
            ops,
            is_copied: false,
            is_split: false,
            was_tended: false,
        });
        let held = self.held.entry((device, name));
        held.and_modify(|held| held.is_repeated = true)
            .or_insert(Held {
                said: Said::Nothing,
                discards: 0,
                is_gone: false,
                is_retried: false,
                is_doubtful: false,
                is_repeated: false,
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
                let Some(held) = self.held.get_mut(&(place.device, name)) else {
                    return;
                };
                held.said = match error {
                    None => Said::Saved(entry),
                    Some(code) => {
                        // An opening that failed refuses all, also what was saved before it.
                        let is_not_read = code == "not_open" && held.is_repeated;
                        held.is_doubtful |= code == "storage_failed" || is_not_read;
                        Said::Refused(code)
                    }
                };
            }
            (Name::Retry(entry), None) => self.mark(place, entry, |held| held.is_retried = true),
            (Name::Discard(entry), None) => self.mark(place, entry, |held| held.is_gone = true),
            (Name::Discard(entry), Some(code)) if code != "storage_failed" => {
                self.mark(place, entry, |held| {
                    held.discards = held.discards.saturating_sub(1)
                });
            }
            _ => {}
        }
    }

    fn mark(&mut self, place: Place, entry: u64, mark: impl FnOnce(&mut Held)) {
        let Some(name) = self.entries.get(&(place.device, entry)) else {
            return;
        };
        if let Some(write) = self.writes.get_mut(name) {
            write.was_tended = true;
        }
        if let Some(held) = self.held.get_mut(&(place.device, name.clone())) {
            mark(held);
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

impl Held {
    /// Whether the user threw its entry away, or asked to.
    pub fn is_discarded(&self) -> bool {
        self.discards > 0
    }
}

impl Write {
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
