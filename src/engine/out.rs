//! What a step gives out: effects in order, and for each page one message with all its notices;
//! what is long goes in messages of its own, between those before it and those after it.

use super::message;
use crate::doc::codec::{MAP, NULL, STRING, write_bytes, write_int, write_value, write_varint};
use crate::doc::value::Value;
use crate::effect::Effect;
use crate::error::Error;
use crate::event::Input;
use crate::ids::{RequestNumber, TabId};
use crate::platform::disk::Disk;
use crate::sorted::SortedMap;

/// What every step has at hand.
pub struct Step<'a> {
    /// Times and randomness.
    pub input: &'a Input,
    /// The files.
    pub disk: &'a mut dyn Disk,
    /// What the step gives out.
    pub out: &'a mut Out,
}

/// Who asked: a page's request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asker {
    /// The page.
    pub tab: TabId,
    /// Its request.
    pub number: RequestNumber,
}

impl Asker {
    /// Another request of the same page.
    pub fn other(self, number: u64) -> Self {
        Self {
            tab: self.tab,
            number: RequestNumber(number),
        }
    }
}

/// Effects and notices of one step.
#[derive(Debug, Default)]
pub struct Out {
    effects: Vec<Effect>,
    /// The messages of each page, and the notices in each.
    messages: SortedMap<TabId, Vec<Vec<u8>>>,
}

impl Out {
    /// Adds an effect.
    #[inline(never)]
    pub fn push(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    /// Begins a notice to a page: the caller writes one value.
    pub fn notice(&mut self, tab: TabId) -> &mut Vec<u8> {
        let messages = self.messages.get_or_default(tab);
        if messages.is_empty() {
            messages.push(Vec::new());
        }
        let last = messages.len() - 1;
        messages.get_mut(last).expect("there is a message")
    }

    /// Ends the message under way: what comes next goes in another.
    pub fn cut(&mut self, tab: TabId) {
        if !self.notice(tab).is_empty() {
            self.messages.get_or_default(tab).push(Vec::new());
        }
    }

    /// Adds a notice that is written already.
    pub fn post(&mut self, tab: TabId, notice: &[u8]) {
        self.notice(tab).extend_from_slice(notice);
    }

    /// Answers a request.
    pub fn answer(&mut self, asker: Asker, result: Result<&[u8], &Error>) {
        self.post(asker.tab, &reply(asker.number, result));
    }

    /// All effects; the notices come last.
    pub fn finish(mut self) -> Vec<Effect> {
        for (tab, messages) in self.messages {
            for notices in messages.iter().filter(|notices| !notices.is_empty()) {
                let bytes = message::to_page(notices);
                self.effects.push(Effect::Post { tab, bytes });
            }
        }
        self.effects
    }
}

/// An answer that says nothing.
pub const EMPTY: &[u8] = &[MAP, 0];

/// The notice that answers a request. `ok` is the answer.
pub fn reply(number: RequestNumber, result: Result<&[u8], &Error>) -> Vec<u8> {
    let mut out = notice("reply", 2);
    member_whole(&mut out, "number", number.0);
    match result {
        Ok(ok) => {
            write_name(&mut out, "ok");
            out.extend_from_slice(ok);
        }
        Err(error) => {
            write_name(&mut out, "error");
            write_error(&mut out, error);
        }
    }
    out
}

/// Whether what `reply` gave is an error.
pub fn is_refusal(notice: &[u8]) -> bool {
    message::read(notice).get("error").is_some()
}

/// Begins a notice of a kind with so many members more.
pub fn notice(kind: &str, members: u64) -> Vec<u8> {
    let mut out = map(members + 1);
    member_text(&mut out, "kind", Some(kind));
    out
}

/// Begins a map with so many members.
pub fn map(members: u64) -> Vec<u8> {
    let mut out = Vec::new();
    write_head(&mut out, MAP, members);
    out
}

/// Begins a list or a map with so many values.
pub fn write_head(out: &mut Vec<u8>, tag: u8, count: u64) {
    out.push(tag);
    write_varint(out, count);
}

/// Writes a whole number.
pub fn write_whole(out: &mut Vec<u8>, number: u64) {
    write_int(out, number as i64);
}

/// Writes the name of a member, whose value follows.
pub fn write_name(out: &mut Vec<u8>, name: &str) {
    write_bytes(out, name.as_bytes());
}

/// Writes a member that is a whole number.
pub fn member_whole(out: &mut Vec<u8>, name: &str, number: u64) {
    write_name(out, name);
    write_whole(out, number);
}

/// Writes a member that is a text or null.
pub fn member_text(out: &mut Vec<u8>, name: &str, text: Option<&str>) {
    write_name(out, name);
    match text {
        Some(text) => write_text(out, text),
        None => out.push(NULL),
    }
}

/// Writes a text.
pub fn write_text(out: &mut Vec<u8>, text: &str) {
    out.push(STRING);
    write_bytes(out, text.as_bytes());
}

/// Writes a member.
pub fn member(out: &mut Vec<u8>, name: &str, value: &Value) {
    write_name(out, name);
    write_value(out, value);
}

fn write_error(out: &mut Vec<u8>, error: &Error) {
    write_head(out, MAP, 4);
    member_text(out, "code", Some(error.code()));
    write_name(out, "details");
    let details = error.details();
    write_head(out, MAP, details.len() as u64);
    for (name, fact) in details {
        member_text(out, name, Some(&fact));
    }
    member_text(out, "message", Some(&error.message()));
    member(out, "retryable", &Value::Bool(error.is_retryable()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Problem;

    #[test]
    fn notices_of_one_page_go_in_one_message() {
        let mut out = Out::default();
        out.post(TabId(7), &reply(RequestNumber(1), Ok(EMPTY)));
        out.answer(
            Asker {
                tab: TabId(7),
                number: RequestNumber(2),
            },
            Err(&Error::from(Problem::NotOpen)),
        );
        let effects = out.finish();
        let [
            Effect::Post {
                tab: TabId(7),
                bytes,
            },
        ] = effects.as_slice()
        else {
            panic!()
        };
        let notices = message::notices(bytes);
        assert_eq!(notices[0].get("number"), Some(&Value::int(1)));
        assert_eq!(
            notices[1].get("error").unwrap().get("code"),
            Some(&Value::text("not_open"))
        );
    }

    #[test]
    fn an_error_is_told_from_an_answer() {
        let error = Error::from(Problem::NotOpen);
        assert!(is_refusal(&reply(RequestNumber(1), Err(&error))));
        assert!(!is_refusal(&reply(RequestNumber(1), Ok(EMPTY))));
    }
}
