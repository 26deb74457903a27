//! A store is taken for a copy only if it is one, or was copied: what `hello` says of lives and
//! seqs is what the store durably knows. One that has become a replica of its own stays that.

use super::Checker;
use crate::fact::{End, Fact, Place};
use holm::ids::{ReplicaId, Seq, Token};
use holm::protocol::message::{ClientMessage, Hello, ServerMessage};
use holm::protocol::refusal::REPLICA_CONFLICT;
use std::collections::{BTreeMap, BTreeSet};

/// See the head of the file.
#[derive(Default)]
pub struct Identity {
    /// What each device has called itself, in order.
    names: BTreeMap<usize, Vec<ReplicaId>>,
    /// The same, when it was copied, by the number of the copy.
    copies: BTreeMap<u64, Vec<ReplicaId>>,
    /// Replicas that more than one store may have.
    copied: BTreeSet<ReplicaId>,
    /// Devices that were copied, perhaps under a name that they have not told the server yet.
    unnamed: BTreeSet<usize>,
    /// The last worker of each device that knew another disk.
    ended: BTreeMap<usize, u64>,
    /// As whom each life has said `hello`: something on the way may bring it once more, late.
    lives: BTreeSet<(Token, ReplicaId)>,
    /// The largest seq that came from each replica.
    pushed: BTreeMap<ReplicaId, Seq>,
}

impl Identity {
    fn called(&mut self, place: Place, hello: &Hello) -> Result<(), String> {
        let replica = hello.replica;
        let is_repeated = !self.lives.insert((hello.life, replica));
        if is_repeated || self.ended.get(&place.device) >= Some(&place.process) {
            return Ok(());
        }
        let names = self.names.entry(place.device).or_default();
        if !names.contains(&replica) {
            names.push(replica);
            if self.unnamed.remove(&place.device) {
                self.copied.insert(replica);
            }
        }
        let last = names.last();
        if last == Some(&replica) {
            return Ok(());
        }
        Err(format!(
            "device {} calls itself {replica:?} again, after {last:?}",
            place.device
        ))
    }
}

impl Checker for Identity {
    fn name(&self) -> &'static str {
        "identity"
    }

    fn see(&mut self, fact: &Fact<'_>) -> Result<(), String> {
        match fact {
            Fact::Copied { place, copy } => {
                let names = self.names.entry(place.device).or_default();
                self.copied.extend(names.iter().copied());
                self.copies.insert(*copy, names.clone());
                self.unnamed.insert(place.device);
                Ok(())
            }
            Fact::Placed { place, copy } => {
                let names = self.copies.get(copy).cloned().unwrap_or_default();
                if names.is_empty() {
                    // As whom the copies know themselves shows when the first of them says so.
                    self.unnamed.insert(place.device);
                }
                self.names.insert(place.device, names);
                self.ended.insert(place.device, place.process);
                Ok(())
            }
            Fact::Decided {
                place,
                message: ClientMessage::Hello(hello),
                reply,
            } => {
                let is_repeated = self.lives.contains(&(hello.life, hello.replica));
                let is_late =
                    is_repeated && self.pushed.get(&hello.replica) >= Some(&hello.next_seq);
                self.called(*place, hello)?;
                let is_copied = is_late || self.copied.contains(&hello.replica);
                match reply {
                    ServerMessage::Refused(refusal)
                        if refusal.code == REPLICA_CONFLICT && !is_copied =>
                    {
                        Err(format!("taken for a copy, though it is none: {hello:?}"))
                    }
                    _ => Ok(()),
                }
            }
            Fact::Decided {
                message: ClientMessage::Push(push),
                ..
            } => {
                let last = push.transactions.iter().map(|pushed| pushed.seq).max();
                if let Some(last) = last {
                    let most = self.pushed.entry(push.replica).or_default();
                    *most = last.max(*most);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn finish(&mut self, _: &End) -> Result<(), String> {
        Ok(())
    }
}
