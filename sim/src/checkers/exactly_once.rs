//! Every transaction has effect at the server at most once: its seq has one verdict for ever, its
//! name is accepted under one seq only, and the space has as many versions as transactions were
//! accepted.

use super::Checker;
use super::verdicts::{Told, verdicts_of};
use crate::fact::{End, Fact};
use holm::ids::{ReplicaId, Seq};
use holm::protocol::message::Outcome;
use std::collections::BTreeMap;

/// See the head of the file.
#[derive(Default)]
pub struct ExactlyOnce {
    verdicts: BTreeMap<(ReplicaId, Seq), Outcome>,
    accepted: BTreeMap<(ReplicaId, String), Seq>,
    versions: BTreeMap<u64, (ReplicaId, Seq)>,
}

impl ExactlyOnce {
    fn judge(&mut self, told: Told<'_>) -> Result<(), String> {
        let at = (told.replica, told.seq);
        if let Some(first) = self.verdicts.get(&at)
            && *first != told.outcome
        {
            return Err(format!(
                "{at:?} has two verdicts: {first:?} and {:?}",
                told.outcome
            ));
        }
        self.verdicts.insert(at, told.outcome.clone());
        let Outcome::Accepted { version, .. } = told.outcome else {
            return Ok(());
        };
        if told.is_void {
            return Ok(());
        }
        let by = *self.versions.entry(version.0).or_insert(at);
        if by != at {
            return Err(format!("{by:?} and {at:?} are both version {version}"));
        }
        if told.name.is_empty() {
            return Ok(());
        }
        let first = *self
            .accepted
            .entry((told.replica, told.name.clone()))
            .or_insert(told.seq);
        if first != told.seq {
            return Err(format!(
                "{} was accepted as seq {first} and as {}",
                told.name, told.seq
            ));
        }
        Ok(())
    }
}

impl Checker for ExactlyOnce {
    fn name(&self) -> &'static str {
        "exactly once"
    }

    fn see(&mut self, fact: &Fact<'_>) -> Result<(), String> {
        verdicts_of(fact)
            .into_iter()
            .try_for_each(|told| self.judge(told))
    }

    fn finish(&mut self, end: &End) -> Result<(), String> {
        let count = self.versions.len() as u64;
        if count == end.version {
            return Ok(());
        }
        Err(format!(
            "{count} transactions were accepted, and the space is at version {}",
            end.version
        ))
    }
}
