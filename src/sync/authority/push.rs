//! `push` (`docs/PROTOCOL.md` section 6): every seq gets one verdict and has effect once.

use super::apply::{DISCARDED_BYTES_MAX, Documents, rejected, too_large};
use super::hello::{forgettable, forgotten};
use super::key::Key;
use super::record::{Replica, Space, Staged, damaged};
use super::rows::Rows;
use super::{Context, Decided, Decision, Wanted};
use crate::ids::{ReplicaId, Seq, Version};
use crate::limits::{CLOCK_AHEAD_MS, TRANSACTION_BYTES_MAX};
use crate::planted;
use crate::protocol::codec::{decode_deltas, decode_verdict, encode_deltas, encode_verdict};
use crate::protocol::message::{
    Delta, Outcome, Part, Push, Pushed, Refusal, ServerMessage, Verdict, Verdicts,
};
use crate::protocol::refusal::{CLOCK_AHEAD, NEEDS_HELLO, OUT_OF_ORDER, RETRY_LATER, VOID};
use std::collections::BTreeMap;

pub fn ask(context: &Context, push: &Push, wanted: &mut Wanted<'_>) -> Decided<()> {
    let is_known = wanted.has_row(Key::space()) & wanted.has_row(Key::replica(push.replica));
    if !is_known {
        return Ok(());
    }
    let replica = Replica::admitted(push.replica, context, wanted.rows)?;
    wanted.has(forgettable(
        push.replica,
        push.confirmed.min(replica.last_seq),
    ));
    for pushed in &push.transactions {
        if pushed.seq <= replica.last_seq {
            wanted.has_row(Key::verdict(push.replica, pushed.seq));
        }
        ask_documents(&pushed.deltas, wanted);
    }
    ask_staged(push, &replica, wanted)
}

fn ask_documents(deltas: &[Delta], wanted: &mut Wanted<'_>) {
    for delta in deltas {
        wanted.has_row(Key::document(&delta.key));
    }
}

/// The stored parts are read only for the batch that brings the last one.
fn ask_staged(push: &Push, replica: &Replica, wanted: &mut Wanted<'_>) -> Decided<()> {
    let due = replica.last_seq.next();
    let is_last = |pushed: &Pushed| {
        pushed.seq == due && pushed.part.is_some_and(|part| part.index + 1 == part.count)
    };
    let Some(staged) = &replica.staged else {
        return Ok(());
    };
    if !push.transactions.iter().any(is_last) {
        return Ok(());
    }
    for index in 0..staged.next {
        let key = Key::part(push.replica, due, index);
        if wanted.has_row(key.clone()) {
            let row = wanted.rows.get(&key).ok_or_else(|| damaged("part"))?;
            ask_documents(&decode_deltas(row)?, wanted);
        }
    }
    Ok(())
}

pub fn decide(context: &Context, push: &Push, rows: &Rows) -> Decided<Decision> {
    let replica = Replica::admitted(push.replica, context, rows)?;
    replica.check_term(push.term)?;
    if push.term > replica.term {
        return Err(Refusal::new(NEEDS_HELLO, "this term has not said hello"));
    }
    let mut batch = Batch {
        context,
        rows,
        id: push.replica,
        space: Space::read(context, rows)?,
        before: replica.clone(),
        replica,
        documents: Documents::new(rows),
        writes: BTreeMap::new(),
        reply: Verdicts {
            time_ms: context.time_ms,
            ..Verdicts::default()
        },
        reply_bytes: 0,
    };
    batch.confirm(push.confirmed);
    batch.settle_all(&push.transactions)?;
    Ok(batch.finish())
}

/// A push while it is decided. Later transactions see what earlier ones wrote.
struct Batch<'a> {
    context: &'a Context,
    rows: &'a Rows,
    id: ReplicaId,
    space: Space,
    /// The replica's row as it is stored.
    before: Replica,
    replica: Replica,
    documents: Documents<'a>,
    writes: BTreeMap<Key, Option<Vec<u8>>>,
    reply: Verdicts,
    reply_bytes: usize,
}

/// Why a batch stops before a transaction; none if that is settled.
type Stop = Option<Refusal>;

/// The bytes of deltas in a row of them, without the brackets and commas between, as clients count.
fn deltas_bytes(row: &[u8], deltas: &[Delta]) -> usize {
    row.len().saturating_sub(deltas.len() + 1)
}

fn is_too_large(deltas: &[Delta]) -> bool {
    deltas_bytes(&encode_deltas(deltas), deltas) > TRANSACTION_BYTES_MAX
}

impl Batch<'_> {
    fn due(&self) -> Seq {
        self.replica.last_seq.next()
    }

    /// Removes the verdicts that the client has.
    fn confirm(&mut self, confirmed: Seq) {
        let confirmed = confirmed.min(self.replica.last_seq);
        self.replica.confirmed = self.replica.confirmed.max(confirmed);
        for key in forgotten(self.id, confirmed, self.rows) {
            self.writes.insert(key, None);
        }
    }

    fn settle_all(&mut self, transactions: &[Pushed]) -> Decided<()> {
        for (at, pushed) in transactions.iter().enumerate() {
            let Some(reason) = self.settle(pushed)? else {
                continue;
            };
            let rest = transactions.iter().skip(at).map(|pushed| pushed.seq);
            let mut rest: Vec<_> = rest.filter(|seq| *seq > self.replica.last_seq).collect();
            rest.sort_unstable();
            rest.dedup();
            self.reply.not_processed = rest;
            self.reply.reason = Some(reason);
            break;
        }
        Ok(())
    }

    fn settle(&mut self, pushed: &Pushed) -> Decided<Stop> {
        if self.reply_bytes > DISCARDED_BYTES_MAX {
            let message = "the answer is full: send the rest again";
            return Ok(Some(Refusal::new(RETRY_LATER, message)));
        }
        if pushed.seq < self.due() && !planted::is("authority_duplicate_applied") {
            self.repeat(pushed.seq)?;
            return Ok(None);
        }
        let reason = self.untimely(pushed);
        if reason.is_some() {
            return Ok(reason);
        }
        if let Some(part) = pushed.part {
            return self.settle_part(pushed, part);
        }
        self.unstage();
        let outcome = if pushed.is_void {
            self.void()
        } else if is_too_large(&pushed.deltas) {
            too_large()
        } else {
            self.apply(&pushed.deltas)?
        };
        self.record(Verdict {
            seq: pushed.seq,
            outcome,
        });
        Ok(None)
    }

    /// The verdict of a seq that is only consumed. It is no acceptance: a copy of the store may
    /// still hold the transaction under this seq, and is to learn that it had no effect.
    fn void(&self) -> Outcome {
        if planted::is("authority_void_accepted") {
            return Outcome::Accepted {
                version: self.space.version,
                discarded: Vec::new(),
            };
        }
        let message = "the transaction was given up before it had a verdict";
        rejected(VOID, message)
    }

    /// Why a transaction cannot be settled now and may be later.
    fn untimely(&self, pushed: &Pushed) -> Stop {
        let due = self.due();
        if pushed.seq > due && !planted::is("authority_gap_accepted") {
            let message = format!("seq {} leaves a gap: {due} is due", pushed.seq);
            return Some(Refusal::new(OUT_OF_ORDER, message));
        }
        if self.is_ahead(&pushed.deltas) && !planted::is("authority_clock_unchecked") {
            let message = "a stamp is too far ahead of the server's time";
            return Some(Refusal::new(CLOCK_AHEAD, message));
        }
        None
    }

    /// Answers a seq that has a verdict with that verdict. One that was confirmed needs no answer.
    fn repeat(&mut self, seq: Seq) -> Decided<()> {
        if self.reply.verdicts.iter().any(|verdict| verdict.seq == seq) {
            return Ok(());
        }
        if let Some(row) = self.row(&Key::verdict(self.id, seq)) {
            let verdict = decode_verdict(row)?;
            self.reply_bytes += row.len();
            self.reply.verdicts.push(verdict);
        }
        Ok(())
    }

    /// A row as this batch has left it.
    fn row(&self, key: &Key) -> Option<&[u8]> {
        match self.writes.get(key) {
            Some(row) => row.as_deref(),
            None => self.rows.get(key),
        }
    }

    fn is_ahead(&self, deltas: &[Delta]) -> bool {
        let latest_ms = self.context.time_ms.saturating_add(CLOCK_AHEAD_MS);
        let own = |delta: &Delta| delta.paths.iter().filter_map(|write| write.stamp).max();
        deltas.iter().any(|delta| {
            own(delta)
                .max(Some(delta.stamp))
                .is_some_and(|stamp| stamp.time.ms() > latest_ms)
        })
    }

    fn settle_part(&mut self, pushed: &Pushed, part: Part) -> Decided<Stop> {
        if part.index == 0 {
            self.unstage();
            self.replica.staged = Some(Staged {
                count: part.count,
                next: 0,
                bytes: 0,
            });
        }
        let staged = self
            .replica
            .staged
            .as_mut()
            .filter(|staged| staged.count == part.count);
        let Some(staged) = staged else {
            return Ok(Some(self.await_part(0)));
        };
        if part.index < staged.next {
            return Ok(None);
        }
        if part.index > staged.next {
            let next = staged.next;
            return Ok(Some(self.await_part(next)));
        }
        let row = encode_deltas(&pushed.deltas);
        staged.bytes += deltas_bytes(&row, &pushed.deltas);
        if staged.bytes > TRANSACTION_BYTES_MAX {
            self.unstage();
            self.record(Verdict {
                seq: pushed.seq,
                outcome: too_large(),
            });
        } else if part.index + 1 < part.count && !planted::is("authority_part_applied_early") {
            staged.next += 1;
            self.writes
                .insert(Key::part(self.id, pushed.seq, part.index), Some(row));
        } else {
            let mut deltas = self.staged_deltas()?;
            deltas.extend_from_slice(&pushed.deltas);
            self.unstage();
            let outcome = self.apply(&deltas)?;
            self.record(Verdict {
                seq: pushed.seq,
                outcome,
            });
        }
        Ok(None)
    }

    fn await_part(&mut self, next: u32) -> Refusal {
        self.reply.awaited_part = Some((self.due(), next));
        let message = format!("part {next} of seq {} is due", self.due());
        Refusal::new(OUT_OF_ORDER, message)
    }

    /// The deltas of the stored parts of the transaction that is due.
    fn staged_deltas(&self) -> Decided<Vec<Delta>> {
        let mut deltas = Vec::new();
        for key in self.staged_keys() {
            let row = self.row(&key).ok_or_else(|| damaged("part"))?;
            deltas.append(&mut decode_deltas(row)?);
        }
        Ok(deltas)
    }

    fn staged_keys(&self) -> Vec<Key> {
        let count = self.replica.staged.as_ref().map_or(0, |staged| staged.next);
        (0..count)
            .map(|index| Key::part(self.id, self.due(), index))
            .collect()
    }

    /// Forgets the stored parts.
    fn unstage(&mut self) {
        for key in self.staged_keys() {
            self.writes.insert(key, None);
        }
        self.replica.staged = None;
    }

    fn apply(&mut self, deltas: &[Delta]) -> Decided<Outcome> {
        let version = self.space.version.next();
        let outcome = self.documents.apply(deltas, version)?;
        if matches!(outcome, Outcome::Accepted { .. }) {
            self.space.version = version;
        }
        Ok(outcome)
    }

    /// Consumes the seq: the verdict is kept until it is confirmed.
    fn record(&mut self, verdict: Verdict) {
        let row = encode_verdict(&verdict);
        self.reply_bytes += row.len();
        if !planted::is("authority_verdict_forgotten") {
            self.writes
                .insert(Key::verdict(self.id, verdict.seq), Some(row));
        }
        self.replica.last_seq = self.replica.last_seq.max(verdict.seq);
        self.reply.verdicts.push(verdict);
    }

    fn finish(mut self) -> Decision {
        let has_moved = self.documents_moved();
        self.reply.expected = self.due();
        if self.reply.awaited_part.is_none() {
            let staged = self.replica.staged.as_ref();
            self.reply.awaited_part = staged.map(|staged| (self.due(), staged.next));
        }
        if self.replica != self.before {
            self.writes
                .insert(Key::replica(self.id), Some(self.replica.to_row()));
        }
        if has_moved.is_some() {
            self.writes.insert(Key::space(), Some(self.space.to_row()));
        }
        self.writes.extend(self.documents.into_writes());
        Decision {
            writes: self.writes.into_iter().collect(),
            reply: ServerMessage::Verdicts(self.reply),
            poke: has_moved,
        }
    }

    /// The space's version, if this batch has moved it.
    fn documents_moved(&self) -> Option<Version> {
        let before = Space::read(self.context, self.rows).ok()?.version;
        (self.space.version > before).then_some(self.space.version)
    }
}
