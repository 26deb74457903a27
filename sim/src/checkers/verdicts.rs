//! What the server has committed, by the name that each transaction carries, as its replies say.

use crate::fact::Fact;
use holm::doc::path::{DocumentKey, Path};
use holm::ids::{ReplicaId, Seq};
use holm::protocol::message::{ClientMessage, Outcome, ServerMessage};
use std::collections::BTreeMap;

/// A transaction's verdict.
#[derive(Clone, Debug)]
pub struct Told {
    /// Who pushed it.
    pub replica: ReplicaId,
    /// As which seq.
    pub seq: Seq,
    /// Its name.
    pub name: String,
    /// Whether its seq was only consumed.
    pub is_void: bool,
    /// The verdict.
    pub outcome: Outcome,
}

/// The verdicts of a reply to a push.
pub fn verdicts_of(fact: &Fact<'_>) -> Vec<Told> {
    let Fact::Decided {
        message: ClientMessage::Push(push),
        reply: ServerMessage::Verdicts(reply),
    } = fact
    else {
        return Vec::new();
    };
    let told = reply.verdicts.iter().filter_map(|verdict| {
        let pushed = push
            .transactions
            .iter()
            .find(|pushed| pushed.seq == verdict.seq)?;
        Some(Told {
            replica: push.replica,
            seq: verdict.seq,
            name: pushed
                .mutation
                .as_ref()
                .map(|mutation| mutation.name.clone())
                .unwrap_or_default(),
            is_void: pushed.is_void,
            outcome: verdict.outcome.clone(),
        })
    });
    told.collect()
}

/// Which transactions the server has accepted.
#[derive(Default)]
pub struct Accepted {
    /// The version of each by its name.
    pub names: BTreeMap<String, u64>,
    /// What of each was not applied, because it was for another life.
    pub discarded: BTreeMap<String, Vec<(DocumentKey, Path)>>,
}

impl Accepted {
    /// Takes a fact in.
    pub fn see(&mut self, fact: &Fact<'_>) {
        for told in verdicts_of(fact)
            .into_iter()
            .filter(|told| !told.is_void && !told.name.is_empty())
        {
            match told.outcome {
                Outcome::Accepted { version, discarded } => {
                    self.names.entry(told.name.clone()).or_insert(version.0);
                    self.discarded.entry(told.name).or_insert(discarded);
                }
                Outcome::Rejected { .. } => {}
            }
        }
    }
}
