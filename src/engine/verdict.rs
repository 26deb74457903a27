//! What becomes of outbox entries: accepted, refused, retried, discarded. Each move is one record,
//! and is shown.

use super::database::Database;
use super::out::{Out, Step, member_text, member_whole, notice, write_name};
use crate::doc::codec::write_value;
use crate::doc::path::{DocumentKey, Path};
use crate::doc::row::Change;
use crate::doc::value::Value;
use crate::error::Error;
use crate::ids::{Life, Seq};
use crate::merge::record;
use crate::outbox::codec;
use crate::outbox::entry::{Entry, Reason, State};
use crate::planted;
use crate::platform::disk::Disk;
use crate::protocol::message::{Outcome, Verdict};
use crate::sorted::Blocks;
use crate::store::Batch;
use crate::txn::table;

/// Bases that moves change, by their keys in the store.
pub type Bases = Blocks<record::StoredDocument>;

/// A change of the outbox that is being put together with what it does to documents.
#[derive(Default)]
pub struct Moves {
    /// Each entry as it was and as it will be; none if it goes.
    pub entries: Vec<(Entry, Option<Entry>)>,
    /// For entries that are accepted, what of them the server did not apply.
    pub discarded: Vec<(Seq, Value)>,
}

impl Moves {
    /// Adds the move of an entry to another state.
    pub fn push(&mut self, before: &Entry, state: State) {
        let mut after = before.clone();
        after.state = state;
        self.entries.push((before.clone(), Some(after)));
    }

    /// The move of one entry, which goes.
    pub fn removal(before: Entry) -> Self {
        let mut moves = Self::default();
        moves.entries.push((before, None));
        moves
    }
}

impl Database {
    /// Commits moves of entries, and shows documents without those that no longer lie over them.
    pub fn commit_moves(
        &mut self,
        step: &mut Step<'_>,
        moves: &Moves,
        mut batch: Batch,
    ) -> Result<(), Error> {
        self.install(moves, Way::Forward);
        let mut changes = Vec::new();
        let put = self.put_moves(step.disk, moves, &mut batch, &mut changes);
        self.end_moves(step, moves, put.map(|()| batch), &changes)
    }

    /// Commits what installed moves come to and shows it; or takes the moves back.
    pub fn end_moves(
        &mut self,
        step: &mut Step<'_>,
        moves: &Moves,
        put: Result<Batch, Error>,
        changes: &[Change],
    ) -> Result<(), Error> {
        match put.and_then(|batch| self.commit(step.disk, batch)) {
            Ok(commit) => {
                self.publish(step, commit, changes);
                self.tell_moves(moves, step.out);
                Ok(())
            }
            Err(error) => {
                self.install(moves, Way::Back);
                Err(error)
            }
        }
    }

    /// Puts the entries in memory as the moves say, or back as they were.
    pub fn install(&mut self, moves: &Moves, way: Way) {
        for (before, after) in &moves.entries {
            match (way, after) {
                (Way::Forward, Some(after)) => self.outbox.put(after.clone()),
                (Way::Forward, None) => drop(self.outbox.remove(before.id)),
                (Way::Back, _) => self.outbox.put(before.clone()),
            }
        }
    }

    /// Writes moved entries and the documents that look different without them. The moves are
    /// installed already.
    fn put_moves(
        &mut self,
        disk: &mut dyn Disk,
        moves: &Moves,
        batch: &mut Batch,
        changes: &mut Vec<Change>,
    ) -> Result<(), Error> {
        self.put_entries(moves, batch, changes);
        let mut bases = Bases::default();
        for (before, after) in &moves.entries {
            let stays = after.as_ref().is_some_and(|after| {
                after.state.is_overlaid() == before.state.is_overlaid()
                    && after.deltas == before.deltas
            });
            if !stays && !planted::is("engine_refused_still_shown") {
                self.add_bases(disk, before, &mut bases)?;
            }
        }
        self.put_rebased(disk, &bases, batch, changes)
    }

    /// Adds the bases of the documents that an entry lies over.
    pub fn add_bases(
        &self,
        disk: &mut dyn Disk,
        entry: &Entry,
        bases: &mut Bases,
    ) -> Result<(), Error> {
        for delta in &entry.deltas {
            let place = table::document(table::BASE, &delta.key);
            self.add_base(disk, &delta.key, &place, bases)?;
        }
        Ok(())
    }

    /// Adds the base of a document, if it is not there yet.
    pub fn add_base(
        &self,
        disk: &mut dyn Disk,
        key: &DocumentKey,
        place: &[u8],
        bases: &mut Bases,
    ) -> Result<(), Error> {
        if bases.get(place).is_none() {
            bases.insert(place.to_vec(), self.base(disk, key)?);
        }
        Ok(())
    }

    /// Writes the entries of moves; adds what that is to `$outbox`.
    pub fn put_entries(&self, moves: &Moves, batch: &mut Batch, changes: &mut Vec<Change>) {
        for (before, after) in &moves.entries {
            match after {
                Some(_)
                    if planted::is("engine_verdict_not_stored") && is_settled(after.as_ref()) => {}
                Some(after) => batch.put(table::entry(after.id), codec::encode(after)),
                None => batch.delete(table::entry(before.id)),
            }
            changes.extend(self.outbox_change(Some(before), after.as_ref()));
        }
    }

    /// Writes documents anew over these bases.
    pub fn put_rebased(
        &mut self,
        disk: &mut dyn Disk,
        bases: &Bases,
        batch: &mut Batch,
        changes: &mut Vec<Change>,
    ) -> Result<(), Error> {
        let mut entries = Batch::new();
        for (place, base) in bases.iter() {
            let key = table::document_key(place).expect("it was made from a document's key");
            let shown = self.visible(disk, &key)?;
            changes.extend(self.put_document((batch, &mut entries), &key, base, &shown)?);
        }
        if !planted::is("index_rebased_not_indexed") {
            batch.append(entries);
        }
        Ok(())
    }

    /// Writes a document anew over this base: what is visible, and the base record if entries still
    /// lie over it.
    fn put_document(
        &mut self,
        (batch, entries): (&mut Batch, &mut Batch),
        key: &DocumentKey,
        base: &record::StoredDocument,
        shown: &[u8],
    ) -> Result<Option<Change>, Error> {
        let document = self.joined(key, base, &record::read(shown)?);
        let after = record::encode(&document);
        let mut change = None;
        if let Ok(collection) = self.schema.position(&key.collection) {
            change = self.change(entries, (collection, &key.id), shown, &after)?;
        }
        let place = table::document(table::VISIBLE, key);
        match document.existence.life {
            Life(0) => batch.delete(place),
            _ => batch.put(place, after),
        }
        let place = table::document(table::BASE, key);
        match (self.outbox.is_over(key), base.existence.life) {
            (false, _) => batch.delete(place),
            (true, Life(0)) => batch.put(place, Vec::new()),
            (true, _) => batch.put(place, record::encode(base)),
        }
        Ok(change)
    }

    /// What verdicts do to the entries they are for. A verdict for no entry is one that was known.
    pub fn moves_of(&self, verdicts: &[Verdict]) -> Moves {
        let mut moves = Moves::default();
        for Verdict { seq, outcome } in verdicts {
            let Some(before) = self.outbox.sent_as(*seq) else {
                continue;
            };
            let state = match (&before.state, outcome) {
                (State::Quarantined(reason, Some(_)), _)
                    if planted::is("engine_accepted_stays_quarantined") =>
                {
                    State::Quarantined(reason.clone(), None)
                }
                // Also of one that was given up when it was there already: its seq was not new.
                (
                    State::Sent(seq) | State::Quarantined(_, Some(seq)),
                    Outcome::Accepted { version, .. },
                ) => State::Accepted(*seq, *version),
                (State::Sent(_), Outcome::Rejected { code, message }) => {
                    State::Rejected(Reason::new(code, message))
                }
                (State::Quarantined(reason, Some(_)), _) => {
                    State::Quarantined(reason.clone(), None)
                }
                _ => continue,
            };
            if let Outcome::Accepted { discarded, .. } = outcome
                && !discarded.is_empty()
            {
                moves.discarded.push((*seq, discarded_value(discarded)));
            }
            moves.push(before, state);
        }
        moves
    }

    /// Tells the tabs that wrote the entries, or all if that was before the engine was started.
    pub fn tell_moves(&mut self, moves: &Moves, out: &mut Out) {
        for (before, after) in &moves.entries {
            let writer = self.writers.get(&before.id).copied();
            let tabs = writer.map_or_else(|| self.pages.clone(), |tab| vec![tab]);
            let name = match (after, &before.state) {
                (Some(after), _) if after.state.name() == before.state.name() => continue,
                (Some(after), _) => after.state.name(),
                (None, State::Accepted(..)) => continue,
                (None, _) => "discarded",
            };
            let reason = after.as_ref().and_then(|after| after.state.reason());
            let seq = before.state.seq();
            let lost = moves.discarded.iter().find(|(of, _)| Some(*of) == seq);
            let members = 2 + 2 * u64::from(reason.is_some()) + u64::from(lost.is_some());
            let mut notice = notice("entry", members);
            member_whole(&mut notice, "entry", before.id.0);
            member_text(&mut notice, "state", Some(name));
            if let Some(reason) = reason {
                member_text(&mut notice, "code", Some(&reason.code));
                member_text(&mut notice, "message", Some(&reason.message));
            }
            if let Some((_, lost)) = lost {
                write_name(&mut notice, "discarded");
                write_value(&mut notice, lost);
            }
            for tab in tabs {
                out.post(tab, &notice);
            }
            if after.is_none() {
                self.writers.remove(&before.id);
            }
        }
    }
}

/// Whether the entry has a verdict.
fn is_settled(entry: Option<&Entry>) -> bool {
    entry.is_some_and(|entry| matches!(entry.state, State::Accepted(..) | State::Rejected(_)))
}

/// Which way moves are put in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// As they say.
    Forward,
    /// As it was before.
    Back,
}

fn discarded_value(lost: &[(DocumentKey, Path)]) -> Value {
    let mut items = Vec::new();
    for (key, path) in lost {
        let mut segments = Vec::new();
        for segment in path.0.iter() {
            segments.push(Value::text(segment));
        }
        items.push(Value::List(vec![
            Value::text(&key.collection),
            Value::text(&key.id),
            Value::List(segments),
        ]));
    }
    Value::List(items)
}
