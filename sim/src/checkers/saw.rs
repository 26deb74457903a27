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
use holm::protocol::message::{ClientMessage, Delta};
use std::collections::BTreeSet;

/// See the head of the file.
#[derive(Default)]
pub struct Saw {
    ledger: Ledger,
    stamps: BTreeSet<Stamp>,
}

impl Saw {
    fn is_judged(&self, device: usize) -> bool {
        !self.ledger.of(device).any(|(_, write, held)| {
            let is_tended = held.is_discarded() || held.is_retried;
            let is_doubtful = is_tended || (write.is_copied && write.was_tended);
            let is_duet = write
                .ops
                .iter()
                .any(|op| text_of(op, "collection") == "duets");
            let is_poison = write.ops.iter().any(|op| {
                op.get("fields")
                    .is_some_and(|fields| text_of(fields, "body") == "poison")
            });
            is_duet && (is_doubtful || is_poison)
        })
    }

    fn judge(&mut self, device: usize, delta: &Delta) -> Result<(), String> {
        if delta.key.collection != "duets" {
            return Ok(());
        }
        let judged = self.is_judged(device);
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
        let Fact::Decided {
            place,
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
            for delta in &told.pushed.deltas {
                self.judge(place.device, delta)?;
            }
        }
        Ok(())
    }

    fn finish(&mut self, _: &End) -> Result<(), String> {
        Ok(())
    }
}
