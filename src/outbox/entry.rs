//! One entry: a transaction's deltas and where it stands on its way to the server.

use crate::causal::stamp::{Stamp, Time};
use crate::ids::{EntryId, Seq, Version};
use crate::protocol::message::{Delta, Mutation};
use crate::sorted::SortedMap;

/// Where an entry stands. There is no other state, and none is left in silence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Not sent yet.
    Queued,
    /// Sent, or about to be, as this seq; no verdict yet.
    Sent(Seq),
    /// Accepted as this version; stays until a pull has brought that version. The seq is 0 if it
    /// was another replica's.
    Accepted(Seq, Version),
    /// Refused by the server. Kept with its content until retried or discarded.
    Rejected(Reason),
    /// Could not be delivered. Kept likewise; its seq, if it has one, is owed to the server as
    /// void.
    Quarantined(Reason, Option<Seq>),
}

/// Why an entry was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The code.
    pub code: String,
    /// What happened and what to do.
    pub message: String,
}

/// A transaction on its way to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number in this store, in the order of writing.
    pub id: EntryId,
    /// Whose write it is; none as long as no server has said.
    pub subject: Option<String>,
    /// The schema it was written under.
    pub schema_version: u32,
    /// When it was written, by the corrected clock.
    pub created_ms: u64,
    /// The named mutator, if it was one.
    pub mutation: Option<Mutation>,
    /// Where it stands.
    pub state: State,
    /// What it writes.
    pub deltas: Vec<Delta>,
}

impl State {
    /// The word for it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sent(_) => "sent",
            Self::Accepted(..) => "accepted",
            Self::Rejected(_) => "rejected",
            Self::Quarantined(..) => "quarantined",
        }
    }

    /// Its seq on the server, if it has one that still means something.
    pub fn seq(&self) -> Option<Seq> {
        match self {
            Self::Accepted(Seq(0), _) => None,
            Self::Sent(seq) | Self::Accepted(seq, _) | Self::Quarantined(_, Some(seq)) => {
                Some(*seq)
            }
            _ => None,
        }
    }

    /// Why it was refused, if it was.
    pub fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Rejected(reason) | Self::Quarantined(reason, _) => Some(reason),
            _ => None,
        }
    }

    /// Whether the entry's deltas lie over the base.
    pub fn is_overlaid(&self) -> bool {
        matches!(self, Self::Queued | Self::Sent(_) | Self::Accepted(..))
    }
}

impl Entry {
    /// Gives every delta a new stamp, in order, and follows the stamps that later writes saw.
    /// `issue` takes the time that the stamp must be larger than. The seed stamp stays.
    pub fn restamp(
        &mut self,
        renamed: &mut SortedMap<Stamp, Stamp>,
        issue: &mut dyn FnMut(Time) -> Stamp,
    ) {
        for delta in &mut self.deltas {
            let mut latest = Time(0);
            for write in &mut delta.paths {
                let Some(saw) = &mut write.saw else {
                    continue;
                };
                if !crate::planted::is("engine_restamp_skips_saw") {
                    *saw = renamed.get(saw).copied().unwrap_or(*saw);
                }
                latest = latest.max(saw.time);
            }
            if delta.stamp != Stamp::SEED {
                delta.stamp = *renamed.get_or_insert_with(delta.stamp, || issue(latest));
            }
        }
    }
}
