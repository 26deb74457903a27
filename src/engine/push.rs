//! Sending the outbox: entries get their seq, durably, before they are sent; large ones go in
//! parts.

use super::database::Database;
use super::out::Step;
use super::transaction::Transaction;
use super::verdict::Moves;
use crate::causal::stamp::Time;
use crate::error::Error;
use crate::ids::Seq;
use crate::limits::{BATCH_BYTES, CLOCK_AHEAD_MS};
use crate::outbox::entry::{Entry, Reason, State};
use crate::planted;
use crate::protocol::codec::delta_bytes;
use crate::protocol::message::{ClientMessage, Delta, Part, Push, Pushed, Refusal};
use crate::sorted::SortedMap;
use crate::store::Batch;

/// How often a transaction may fail alone before it is quarantined.
const FAILURES_MAX: u32 = 3;

/// What is new, so that seqs begin at 1.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Anew {
    /// The server has lost what it had, or some of it.
    Epoch,
    /// We are another replica; what was accepted is known to the server.
    Replica,
}

impl Database {
    /// The client has all verdicts up to here.
    pub fn confirmed(&self) -> Seq {
        let mut first = None;
        for entry in self.outbox.iter() {
            if let State::Sent(seq) | State::Quarantined(_, Some(seq)) = entry.state {
                first = Some(first.map_or(seq, |first: Seq| first.min(seq)));
            }
        }
        Seq(first.unwrap_or(self.counters.next_seq).0 - 1)
    }

    /// Sends the next transactions that have no verdict, unless a push is under way.
    pub fn send_push(&mut self, step: &mut Step<'_>) -> Result<(), Error> {
        if self
            .link
            .as_ref()
            .is_none_or(|link| !link.in_flight.is_empty())
        {
            return Ok(());
        }
        self.number_queued(step)?;
        let transactions = self.due_transactions();
        let Some(link) = &mut self.link else {
            return Ok(());
        };
        for pushed in &transactions {
            link.in_flight.push(pushed.seq);
        }
        let push = Push {
            replica: self.replica,
            term: self.store.term(),
            confirmed: self.confirmed(),
            transactions,
        };
        self.send(&ClientMessage::Push(push), step.out);
        Ok(())
    }

    /// Gives seqs to as many queued entries as go into this push.
    fn number_queued(&mut self, step: &mut Step<'_>) -> Result<(), Error> {
        let most = self.link.as_ref().map_or(0, |link| link.push_max);
        let (mut bytes, mut count) = (0, 0);
        let mut moves = Moves::default();
        let mut next_seq = self.counters.next_seq;
        for entry in self.outbox.iter() {
            match entry.state {
                State::Sent(_) => {}
                State::Queued => {
                    let state = State::Sent(next_seq);
                    next_seq = next_seq.next();
                    moves.push(entry, state);
                }
                _ => continue,
            }
            bytes += size_of(entry);
            count += 1;
            if bytes >= BATCH_BYTES || count >= most {
                break;
            }
        }
        if moves.entries.is_empty() {
            return Ok(());
        }
        let before = std::mem::replace(&mut self.counters.next_seq, next_seq);
        let result = self.commit_moves(step, &moves, Batch::new());
        if result.is_err() {
            self.counters.next_seq = before;
        }
        result
    }

    /// Transactions with a seq and no verdict, by seq, as many as fit a frame; or one part of the
    /// first.
    fn due_transactions(&self) -> Vec<Pushed> {
        let Some(link) = &self.link else {
            return Vec::new();
        };
        let due = self.outbox.by_seq().filter(|entry| is_due(&entry.state));
        let mut transactions = Vec::new();
        let mut bytes = 0;
        for entry in due.take(link.push_max) {
            let size = size_of(entry);
            if size > BATCH_BYTES && transactions.is_empty() && !owes_void(&entry.state) {
                return vec![part_of(entry, link.part)];
            }
            bytes += size;
            if bytes > BATCH_BYTES && !transactions.is_empty() {
                break;
            }
            transactions.push(pushed(entry, entry.deltas.clone(), None));
        }
        transactions
    }

    /// A batch failed as a whole: send fewer; and if one alone keeps failing, put it aside with its
    /// content. Says whether there is another way to try.
    pub fn suspect_batch(&mut self, step: &mut Step<'_>, refusal: &Refusal) -> Result<bool, Error> {
        let Some(link) = &mut self.link else {
            return Ok(false);
        };
        let suspects = std::mem::take(&mut link.in_flight);
        let [seq] = suspects.as_slice() else {
            if !planted::is("engine_batch_not_halved") {
                link.push_max = (suspects.len() / 2).max(1);
            }
            return Ok(!suspects.is_empty());
        };
        link.failures += 1;
        if link.failures < FAILURES_MAX {
            return Ok(true);
        }
        link.failures = 0;
        let entry = self
            .outbox
            .sent_as(*seq)
            .filter(|entry| !owes_void(&entry.state));
        let Some(entry) = entry else { return Ok(false) };
        let state = State::Quarantined(Reason::new(&refusal.code, &refusal.message), Some(*seq));
        let mut moves = Moves::default();
        moves.push(entry, state);
        self.commit_moves(step, &moves, Batch::new()).map(|()| true)
    }

    /// Everything that has no verdict from whom it is sent to now starts again; refused entries
    /// keep their content.
    pub fn requeue(&mut self, step: &mut Step<'_>, batch: Batch, anew: Anew) -> Result<(), Error> {
        let mut moves = Moves::default();
        for entry in self.outbox.iter() {
            let state = match &entry.state {
                State::Accepted(_, version)
                    if anew == Anew::Replica && !planted::is("engine_copy_resends_accepted") =>
                {
                    State::Accepted(Seq(0), *version)
                }
                State::Sent(_) if planted::is("engine_copy_drops_sent") => {
                    moves.entries.push((entry.clone(), None));
                    continue;
                }
                State::Sent(_) | State::Accepted(..) => State::Queued,
                State::Quarantined(reason, Some(_)) => State::Quarantined(reason.clone(), None),
                _ => continue,
            };
            moves.push(entry, state);
        }
        let first = if planted::is("engine_copy_keeps_its_seqs") {
            self.counters.next_seq
        } else {
            Seq(1)
        };
        let before = std::mem::replace(&mut self.counters.next_seq, first);
        let result = self.commit_moves(step, &moves, batch);
        if result.is_err() {
            self.counters.next_seq = before;
        }
        result
    }

    /// The clock was ahead: gives new stamps, by the corrected clock and in order, to all that has
    /// no verdict. They come after those of what was accepted, which may be ahead too.
    pub fn restamp(&mut self, step: &mut Step<'_>) -> Result<(), Error> {
        // Open transactions hold stamps of before.
        self.transactions
            .values_mut()
            .for_each(Transaction::disturb);
        for entry in self.outbox.iter() {
            let is_accepted = matches!(entry.state, State::Accepted(..));
            if is_accepted && !planted::is("engine_restamp_before_accepted") {
                let stamps = entry.deltas.iter().map(|delta| delta.stamp.time);
                stamps.for_each(|time| self.clock.observe(time));
            }
        }
        self.clock.rewind(step.input.wall_ms);
        let latest = Time::from_ms(self.clock.corrected_ms(step.input.wall_ms) + CLOCK_AHEAD_MS);
        let mut renamed = SortedMap::new();
        let mut moves = Moves::default();
        for entry in self.outbox.iter() {
            if !matches!(entry.state, State::Queued | State::Sent(_)) {
                continue;
            }
            let mut after = entry.clone();
            let (clock, replica) = (&mut self.clock, self.replica);
            after.restamp(&mut renamed, &mut |overwritten| {
                // A stamp that the server would refuse is of a write that was discarded before it
                // was sent.
                let is_known =
                    overwritten <= latest || planted::is("engine_restamp_follows_unsent");
                let known = if is_known { overwritten } else { Time(0) };
                clock.issue(step.input.wall_ms, replica, known)
            });
            moves.entries.push((entry.clone(), Some(after)));
        }
        self.commit_moves(step, &moves, Batch::new())
    }
}

/// Bytes that an entry takes in a push.
fn size_of(entry: &Entry) -> usize {
    entry.deltas.iter().map(delta_bytes).sum()
}

fn is_due(state: &State) -> bool {
    matches!(state, State::Sent(_)) || owes_void(state)
}

fn owes_void(state: &State) -> bool {
    matches!(state, State::Quarantined(_, Some(_)))
}

fn pushed(entry: &Entry, deltas: Vec<Delta>, part: Option<Part>) -> Pushed {
    let is_void = owes_void(&entry.state);
    Pushed {
        seq: entry.state.seq().expect("entries that are due have a seq"),
        schema_version: entry.schema_version,
        mutation: entry.mutation.clone(),
        part,
        is_void,
        deltas: if is_void { Vec::new() } else { deltas },
    }
}

/// One part of an entry that is larger than a frame: the one that the server awaits, else the
/// first.
fn part_of(entry: &Entry, awaited: Option<(Seq, u32)>) -> Pushed {
    let mut parts: Vec<Vec<Delta>> = vec![Vec::new()];
    let mut bytes = 0;
    for delta in &entry.deltas {
        let size = delta_bytes(delta);
        if bytes > 0 && bytes + size > BATCH_BYTES {
            parts.push(Vec::new());
            bytes = 0;
        }
        bytes += size;
        if let Some(part) = parts.last_mut() {
            part.push(delta.clone());
        }
    }
    let count = parts.len() as u32;
    let index = match awaited {
        Some((seq, index)) if Some(seq) == entry.state.seq() && index < count => index,
        _ => 0,
    };
    let deltas = parts.get_mut(index as usize).map(std::mem::take);
    pushed(
        entry,
        deltas.unwrap_or_default(),
        Some(Part { index, count }),
    )
}
