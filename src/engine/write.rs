//! Committing local writes: rows, base, outbox entry, answer and counters in one record; then live
//! queries move.

use super::database::{Database, Waiting};
use super::out::{Asker, Out, Step, map, member_text, member_whole, reply};
use crate::doc::path::DocumentKey;
use crate::effect::Effect;
use crate::error::{Error, Problem};
use crate::event::Input;
use crate::ids::Life;
use crate::limits::TRANSACTION_BYTES_MAX;
use crate::merge::record;
use crate::outbox::codec;
use crate::outbox::entry::{Entry, State};
use crate::planted;
use crate::platform::disk::Disk;
use crate::protocol::message::Mutation;
use crate::store::{Batch, Room};
use crate::txn::staging::{StagedDocument, Staging};
use crate::txn::table;

impl Database {
    /// Commits a staging. Nothing has changed when this fails.
    pub fn commit_staging(
        &mut self,
        step: &mut Step<'_>,
        asker: Asker,
        mut staging: Staging,
        mutation: Option<Mutation>,
    ) -> Result<(), Error> {
        let mut batch = Batch::new();
        let mut entries = Batch::new();
        let mut changes = Vec::new();
        for (key, staged) in &mut staging.documents {
            if record::existence(&staged.after).life.is_alive() {
                batch.room = Room::Free;
            }
            let document = (staged.collection, key.id.as_str());
            let change = self.change(&mut entries, document, &staged.before, &staged.after)?;
            changes.extend(change);
            self.put_staged(step.disk, &mut batch, key, staged)?;
        }
        if batch.bytes() > TRANSACTION_BYTES_MAX {
            return Err(Error::from(Problem::TransactionTooLarge {
                bytes: batch.bytes(),
            }));
        }
        batch.append(entries);
        let entry = self.entry(step.input, staging, mutation);
        let notice = reply(asker.number, Ok(&written(entry.as_ref())));
        batch.put(table::answer(asker.tab, asker.number), notice.clone());
        if let Some(entry) = &entry {
            if !planted::is("engine_entry_in_second_record") {
                batch.put(table::entry(entry.id), codec::encode(entry));
            }
            changes.extend(self.outbox_change(None, Some(entry)));
            self.counters.next_entry = entry.id.next();
        }
        let queued = entry.as_ref().map(|entry| entry.id);
        let mut second = Batch::new();
        if let Some(entry) = entry {
            if planted::is("engine_entry_in_second_record") {
                second.put(table::entry(entry.id), codec::encode(&entry));
            }
            self.outbox.put(entry);
        }
        let commit = match self.commit(step.disk, batch) {
            Ok(commit) => commit,
            Err(error) => {
                if let Some(id) = queued {
                    self.counters.next_entry = id;
                    self.outbox.take_back(id);
                }
                return Err(error);
            }
        };
        if !second.is_empty() {
            self.commit(step.disk, second)?;
        }
        if let Some(id) = queued {
            self.writers.insert(id, asker.tab);
        }
        self.publish(step, commit, &changes);
        let waiting = Waiting::Answer(asker, notice);
        if self.is_strict && !planted::is("engine_answer_before_flush") {
            self.waiting.push((commit, waiting));
        } else {
            self.release(waiting, step.out);
        }
        Ok(())
    }

    /// The records of a staged document: what is visible, and the base if a first queued write
    /// comes to lie over it.
    fn put_staged(
        &self,
        disk: &mut dyn Disk,
        batch: &mut Batch,
        key: &DocumentKey,
        staged: &mut StagedDocument,
    ) -> Result<(), Error> {
        let after = std::mem::take(&mut staged.after);
        batch.put(table::document(table::VISIBLE, key), after);
        if self.schema.at(staged.collection).is_local {
            return Ok(());
        }
        // A document has a base exactly as long as an entry lies over it. That of a document which
        // was never there is empty in any case.
        let place = table::document(table::BASE, key);
        if record::existence(&staged.before).life == Life(0) {
            batch.put(place, Vec::new());
            return Ok(());
        }
        let base = self.store.get(disk, &place)?;
        if base.is_none() || planted::is("engine_base_overwritten") {
            batch.put(place, std::mem::take(&mut staged.before));
        }
        Ok(())
    }

    fn entry(&self, input: &Input, staging: Staging, mutation: Option<Mutation>) -> Option<Entry> {
        let subject = self
            .link
            .as_ref()
            .and_then(|link| link.bearing.subject.clone());
        if staging.deltas.is_empty() {
            return None;
        }
        Some(Entry {
            id: self.counters.next_entry,
            subject,
            schema_version: self.schema.version,
            created_ms: self.clock.corrected_ms(input.wall_ms),
            mutation,
            state: State::Queued,
            deltas: staging.deltas,
        })
    }

    /// Lets out what waited for a flush.
    pub fn release(&mut self, waiting: Waiting, out: &mut Out) {
        match waiting {
            Waiting::Answer(asker, notice) => {
                out.post(asker.tab, &notice);
                self.answers.keep(asker, notice);
            }
            Waiting::Frame(connection, text) => {
                if self.is_connection(connection) {
                    out.push(Effect::Send { text });
                }
            }
            Waiting::Opened(asker) => self.answer_open(asker, out),
        }
    }
}

/// The answer to a write: the outbox entry it became, if it is to be sent.
fn written(entry: Option<&Entry>) -> Vec<u8> {
    let mut ok = map(1);
    match entry {
        Some(entry) => member_whole(&mut ok, "entry", entry.id.0),
        None => member_text(&mut ok, "entry", None),
    }
    ok
}
