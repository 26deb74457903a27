//! What the server has committed, by the name that each transaction carries, as its replies say.

use crate::fact::Fact;
use holm::doc::path::{DocumentKey, Path};
use holm::ids::{ReplicaId, Seq};
use holm::protocol::message::{ClientMessage, Delta, Outcome, Pushed, ServerMessage};
use std::collections::{BTreeMap, BTreeSet};

/// A transaction's verdict.
#[derive(Clone, Debug)]
pub struct Told<'a> {
    /// Who pushed it.
    pub replica: ReplicaId,
    /// As which seq.
    pub seq: Seq,
    /// Its name.
    pub name: String,
    /// What was pushed; of a large transaction the last part.
    pub pushed: &'a Pushed,
    /// Whether its seq was only consumed.
    pub is_void: bool,
    /// The verdict.
    pub outcome: Outcome,
}

/// The verdicts of a reply to a push.
pub fn verdicts_of<'a>(fact: &Fact<'a>) -> Vec<Told<'a>> {
    let Fact::Decided {
        message: ClientMessage::Push(push),
        reply: ServerMessage::Verdicts(reply),
        ..
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
            pushed,
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
    /// Those that were accepted more than once, not with the same deltas.
    pub unlike: BTreeSet<String>,
    /// Those that were rejected; perhaps only once, in one life of a copied store.
    pub rejected: BTreeSet<String>,
    /// What was first accepted.
    deltas: BTreeMap<String, Vec<Delta>>,
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
                    let deltas = &told.pushed.deltas;
                    let first = self.deltas.entry(told.name.clone());
                    if *first.or_insert_with(|| deltas.clone()) != *deltas {
                        self.unlike.insert(told.name.clone());
                    }
                    self.names.entry(told.name.clone()).or_insert(version.0);
                    self.discarded.entry(told.name).or_insert(discarded);
                }
                Outcome::Rejected { .. } => drop(self.rejected.insert(told.name)),
            }
        }
    }
}
