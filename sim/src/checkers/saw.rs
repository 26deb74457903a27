//! What a write claims to have seen is something that was there: a stamp that got a verdict, or the
//! seed's.
//!
//! Judged where a field has one writer. A writer who threw one of these writes away, or had it
//! refused before the server, may have seen what the server never did; it is not judged from then
//! on.

use super::Checker;
use super::ledger::Ledger;
use super::verdicts::verdicts_of;
use crate::fact::{End, Fact};
use crate::json::text_of;
use holm::causal::stamp::Stamp;
use holm::ids::ReplicaId;
use holm::protocol::message::{ClientMessage, Delta};
use std::collections::{BTreeMap, BTreeSet};

/// See the head of the file.
#[derive(Default)]
pub struct Saw {
    ledger: Ledger,
    devices: BTreeMap<ReplicaId, usize>,
    stamps: BTreeSet<Stamp>,
}

impl Saw {
    fn is_judged(&self, replica: ReplicaId) -> bool {
        let Some(device) = self.devices.get(&replica) else {
            return false;
        };
        !self.ledger.writes.values().any(|write| {
            let is_own = write.device == *device;
            let is_duet = write
                .ops
                .iter()
                .any(|op| text_of(op, "collection") == "duets");
            let is_poison = write.ops.iter().any(|op| {
                op.get("fields")
                    .is_some_and(|fields| text_of(fields, "body") == "poison")
            });
            is_own && is_duet && (write.is_discarded() || write.is_retried || is_poison)
        })
    }

    fn judge(&mut self, replica: ReplicaId, delta: &Delta) -> Result<(), String> {
        if delta.key.collection != "duets" {
            return Ok(());
        }
        let judged = self.is_judged(replica);
        for write in delta
            .paths
            .iter()
            .filter(|write| !write.path.is_existence())
        {
            let is_known = write
                .saw
                .is_none_or(|saw| saw == Stamp::SEED || self.stamps.contains(&saw));
            if judged && !is_known {
                return Err(format!(
                    "a write saw what never was: {write:?} of {:?}",
                    delta.key
                ));
            }
            self.stamps.insert(write.stamp.unwrap_or(delta.stamp));
        }
        Ok(())
    }
}

impl Checker for Saw {
    fn name(&self) -> &'static str {
        "what a write saw"
    }

    fn see(&mut self, fact: &Fact<'_>) -> Result<(), String> {
        self.ledger.see(fact);
        if let Fact::Posted { place, notice, .. } = fact
            && let Some(replica) = notice.get("ok").and_then(|ok| ok.get("replica"))
            && let Some(replica) = replica.as_str().and_then(ReplicaId::from_text)
        {
            self.devices.insert(replica, place.device);
        }
        let Fact::Decided {
            message: ClientMessage::Push(push),
            ..
        } = fact
        else {
            return Ok(());
        };
        // A part of a large transaction has no verdict of its own.
        let parts = push
            .transactions
            .iter()
            .filter(|pushed| pushed.part.is_some());
        self.stamps
            .extend(parts.flat_map(|part| &part.deltas).map(|delta| delta.stamp));
        for told in verdicts_of(fact) {
            let pushed = push
                .transactions
                .iter()
                .find(|pushed| pushed.seq == told.seq);
            for delta in pushed.into_iter().flat_map(|pushed| &pushed.deltas) {
                self.judge(push.replica, delta)?;
            }
        }
        Ok(())
    }

    fn finish(&mut self, _: &End) -> Result<(), String> {
        Ok(())
    }
}
