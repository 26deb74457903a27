//! A store that becomes a replica of its own sends no write again that it knows to be accepted, and
//! sends the others as they were: under their own stamps, so that what the server has already is
//! the same write to it and has effect once.
//!
//! What a store knows durably is what it has confirmed to the server. A clock that the server has
//! put right gives new stamps to what was not accepted; then nothing is said of them.

use super::Checker;
use super::ledger::Ledger;
use super::verdicts::{Accepted, Told, verdicts_of};
use crate::fact::{End, Fact, Place};
use holm::ids::{ReplicaId, Seq};
use holm::protocol::message::{ClientMessage, Outcome, Push, ServerMessage};
use holm::protocol::refusal::CLOCK_AHEAD;
use std::collections::BTreeMap;

/// Up to which seq of each replica a store has confirmed the verdicts.
type Known = BTreeMap<ReplicaId, Seq>;

/// See the head of the file.
#[derive(Default)]
pub struct Copies {
    ledger: Ledger,
    accepted: Accepted,
    /// What every transaction was accepted as.
    seqs: BTreeMap<String, Vec<(ReplicaId, Seq)>>,
    /// By device.
    known: BTreeMap<usize, Known>,
    /// By the number of the copy.
    copies: BTreeMap<u64, Known>,
    /// The last worker of each device that knew another disk.
    ended: BTreeMap<usize, u64>,
    /// Whether the server has put any clock right.
    is_restamped: bool,
}

impl Copies {
    fn sent(&mut self, place: Place, message: &ClientMessage) -> Result<(), String> {
        if self.ended.get(&place.device) >= Some(&place.process) {
            return Ok(());
        }
        let (replica, confirmed) = match message {
            ClientMessage::Hello(hello) => (hello.replica, hello.confirmed),
            ClientMessage::Push(push) => (push.replica, push.confirmed),
            ClientMessage::Pull(pull) => (pull.replica, pull.confirmed),
            ClientMessage::Beat { .. } => return Ok(()),
        };
        let known = self.known.entry(place.device).or_default();
        let last = known.entry(replica).or_default();
        *last = confirmed.max(*last);
        match message {
            ClientMessage::Push(push) => self.pushed(place, push),
            _ => Ok(()),
        }
    }

    fn pushed(&self, place: Place, push: &Push) -> Result<(), String> {
        let known = self.known.get(&place.device);
        let is_known = |(replica, seq): &(ReplicaId, Seq)| {
            known.and_then(|known| known.get(replica)) >= Some(seq)
        };
        for pushed in push.transactions.iter().filter(|pushed| !pushed.is_void) {
            let name = pushed
                .mutation
                .as_ref()
                .map_or("", |mutation| &mutation.name);
            let seqs = self.seqs.get(name).into_iter().flatten();
            let others = seqs.filter(|at| **at != (push.replica, pushed.seq));
            if let Some(at) = others.into_iter().find(|at| is_known(at)) {
                let (device, now) = (place.device, (push.replica, pushed.seq));
                return Err(format!(
                    "device {device} knows that {name} was accepted as {at:?}, and sends it \
                     as {now:?}"
                ));
            }
        }
        Ok(())
    }

    fn judge(&mut self, told: &Told<'_>) -> Result<(), String> {
        let is_accepted = matches!(told.outcome, Outcome::Accepted { .. });
        if !is_accepted || told.is_void || told.name.is_empty() {
            return Ok(());
        }
        let seqs = self.seqs.entry(told.name.clone()).or_default();
        if !seqs.contains(&(told.replica, told.seq)) {
            seqs.push((told.replica, told.seq));
        }
        let write = self.ledger.writes.get(&told.name);
        let is_excused = write.is_none_or(|write| write.is_split || write.was_tended);
        let is_unlike = self.accepted.unlike.contains(&told.name);
        if is_unlike && !is_excused && !self.is_restamped && told.pushed.part.is_none() {
            return Err(format!(
                "{} was accepted again, not as it was: {:?}",
                told.name, told.pushed
            ));
        }
        Ok(())
    }
}

impl Checker for Copies {
    fn name(&self) -> &'static str {
        "copies"
    }

    fn see(&mut self, fact: &Fact<'_>) -> Result<(), String> {
        self.ledger.see(fact);
        self.accepted.see(fact);
        match fact {
            Fact::Copied { place, copy } => {
                let known = self.known.get(&place.device).cloned();
                self.copies.insert(*copy, known.unwrap_or_default());
            }
            Fact::Placed { place, copy } => {
                let known = self.copies.get(copy).cloned().unwrap_or_default();
                self.known.insert(place.device, known);
                self.ended.insert(place.device, place.process);
            }
            Fact::Decided {
                place,
                message,
                reply,
            } => {
                if let ServerMessage::Verdicts(verdicts) = reply {
                    let reason = verdicts.reason.as_ref();
                    self.is_restamped |= reason.is_some_and(|reason| reason.code == CLOCK_AHEAD);
                }
                self.sent(*place, message)?;
            }
            _ => {}
        }
        let told = verdicts_of(fact);
        told.iter().try_for_each(|told| self.judge(told))
    }

    fn finish(&mut self, _: &End) -> Result<(), String> {
        Ok(())
    }
}
