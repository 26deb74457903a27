//! Nothing that a page is told goes back in time, as long as its engine lives: the checkpoint, the
//! revision of live results, and what became of an entry.

use super::Checker;
use crate::fact::{End, Fact, Place};
use crate::json::{text_of, whole_of};
use holm::doc::value::Value;
use holm::protocol::message::ServerMessage;
use holm::protocol::refusal::REPLICA_CONFLICT;
use std::collections::BTreeMap;

/// See the head of the file.
#[derive(Default)]
pub struct Monotonic {
    checkpoints: BTreeMap<Place, u64>,
    revisions: BTreeMap<Place, u64>,
    entries: BTreeMap<(Place, u64), usize>,
}

/// The position of `sent` in [`STEPS`].
const SENT: usize = 1;
const STEPS: [&str; 4] = ["queued", "sent", "accepted", "rejected"];

fn grow<K: Ord + std::fmt::Debug>(
    known: &mut BTreeMap<K, u64>,
    key: K,
    to: u64,
    what: &str,
) -> Result<(), String> {
    let problem = format!("the {what} of {key:?} went back");
    let last = known.entry(key).or_default();
    if to < *last {
        return Err(format!("{problem} from {last} to {to}"));
    }
    *last = to;
    Ok(())
}

impl Monotonic {
    fn posted(&mut self, place: Place, notice: &Value) -> Result<(), String> {
        match text_of(notice, "kind") {
            "status" => {
                let sync = notice.get("status").and_then(|status| status.get("sync"));
                let version = sync
                    .and_then(|sync| sync.get("version"))
                    .and_then(Value::as_u64);
                version.map_or(Ok(()), |to| {
                    grow(&mut self.checkpoints, place, to, "checkpoint")
                })
            }
            "patch" | "result" => grow(
                &mut self.revisions,
                place,
                whole_of(notice, "revision"),
                "revision",
            ),
            "entry" => {
                let state = text_of(notice, "state");
                let Some(step) = STEPS.iter().position(|step| *step == state) else {
                    return Ok(());
                };
                let last = self
                    .entries
                    .entry((place, whole_of(notice, "entry")))
                    .or_default();
                if step < *last {
                    return Err(format!("an entry went back to {state}: {notice:?}"));
                }
                *last = step;
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl Checker for Monotonic {
    fn name(&self) -> &'static str {
        "monotonic reads"
    }

    fn see(&mut self, fact: &Fact<'_>) -> Result<(), String> {
        match fact {
            Fact::Posted { place, notice, .. } => self.posted(*place, notice),
            // What was sent is to be sent again under another name.
            Fact::Decided {
                place,
                reply: ServerMessage::Refused(refusal),
                ..
            } if refusal.code == REPLICA_CONFLICT => {
                let own = self.entries.range_mut((*place, 0)..=(*place, u64::MAX));
                let sent = own.filter(|(_, step)| **step == SENT);
                sent.for_each(|(_, step)| *step = 0);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn finish(&mut self, _: &End) -> Result<(), String> {
        Ok(())
    }
}
