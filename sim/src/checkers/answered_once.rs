//! Every request is answered once by each engine that gets it, however often it was sent, and a
//! write that was sent to several engines is never answered first with success and then with
//! something else. No engine takes a write that follows one which it has refused.

use super::Checker;
use crate::fact::{End, Fact, Place};
use crate::json::{text_of, whole_of};
use holm::doc::value::Value;
use std::collections::BTreeMap;

/// See the head of the file.
#[derive(Default)]
pub struct AnsweredOnce {
    /// By tab and number: the kind, and how often it was sent to the worker it was last sent to.
    asked: BTreeMap<(u64, u64), (String, Place, u64)>,
    /// The write that a write follows.
    previous: BTreeMap<(u64, u64), (u64, u64)>,
    /// How often the same worker has answered, and with what.
    answers: BTreeMap<(u64, u64), (Place, u64, Value)>,
}

impl AnsweredOnce {
    fn answered(&mut self, place: Place, tab: u64, notice: &Value) -> Result<(), String> {
        let at = (tab, whole_of(notice, "number"));
        let Some((kind, _, sent)) = self.asked.get(&at) else {
            return Err(format!(
                "an answer to a request that was not made: {notice:?}"
            ));
        };
        let before = self.previous.get(&at).and_then(|of| self.answers.get(of));
        if let Some((by, _, answer)) = before
            && *by == place
            && answer.get("error").is_some()
            && notice.get("ok").is_some()
            && !self.answers.contains_key(&at)
        {
            return Err(format!(
                "{at:?} was taken after what it follows was refused"
            ));
        }
        let writes = matches!(kind.as_str(), "write" | "commit" | "retry" | "discard");
        let answer = self
            .answers
            .entry(at)
            .or_insert((place, 0, (*notice).clone()));
        if writes && answer.2.get("ok").is_some() && answer.2 != *notice {
            return Err(format!(
                "{kind} {at:?} was answered {:?} and then {notice:?}",
                answer.2
            ));
        }
        *answer = (
            place,
            if answer.0 == place { answer.1 + 1 } else { 1 },
            notice.clone(),
        );
        if answer.1 > if writes { *sent } else { 1 } {
            return Err(format!(
                "{kind} {at:?} was sent {sent} times and answered {}",
                answer.1
            ));
        }
        Ok(())
    }
}

impl Checker for AnsweredOnce {
    fn name(&self) -> &'static str {
        "answered once"
    }

    fn see(&mut self, fact: &Fact<'_>) -> Result<(), String> {
        match fact {
            Fact::Asked {
                place,
                tab,
                request,
            } => {
                let at = (*tab, whole_of(request, "number"));
                let kind = text_of(request, "kind").to_string();
                if let Some(previous) = request.get("previous").and_then(Value::as_u64) {
                    self.previous.insert(at, (*tab, previous));
                }
                let asked = self.asked.entry(at).or_insert((kind, *place, 0));
                let times = if asked.1 == *place { asked.2 } else { 0 };
                (asked.1, asked.2) = (*place, times + 1);
                Ok(())
            }
            Fact::Posted { place, tab, notice } if text_of(notice, "kind") == "reply" => {
                self.answered(*place, *tab, notice)
            }
            _ => Ok(()),
        }
    }

    /// That nothing is left unanswered is seen by the world, which does not come to rest before.
    fn finish(&mut self, _: &End) -> Result<(), String> {
        Ok(())
    }
}
