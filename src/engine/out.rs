//! What a step gives out: effects in order, and for each page one message with all its notices.

use crate::doc::json::{self, write_text};
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
    notices: SortedMap<TabId, Vec<u8>>,
}

impl Out {
    /// Adds an effect.
    #[inline(never)]
    pub fn push(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    /// Begins a notice to a page; the caller writes one JSON object.
    pub fn notice(&mut self, tab: TabId) -> &mut Vec<u8> {
        let message = self.notices.get_or_default(tab);
        message.extend_from_slice(if message.is_empty() {
            b"{\"messages\":["
        } else {
            b","
        });
        message
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
        for (tab, mut bytes) in self.notices {
            bytes.extend_from_slice(b"]}");
            self.effects.push(Effect::Post { tab, bytes });
        }
        self.effects
    }
}

/// The notice that answers a request. `ok` is the JSON of the answer.
pub fn reply(number: RequestNumber, result: Result<&[u8], &Error>) -> Vec<u8> {
    let mut out = b"{\"kind\":\"reply\"".to_vec();
    member_whole(&mut out, "number", number.0);
    match result {
        Ok(ok) => {
            write_member(&mut out, "ok");
            out.extend_from_slice(ok);
        }
        Err(error) => {
            write_member(&mut out, "error");
            write_error(&mut out, error);
        }
    }
    out.push(b'}');
    out
}

/// Whether what `reply` gave is an error.
pub fn is_refusal(notice: &[u8]) -> bool {
    json::read(notice).is_ok_and(|notice| notice.get("error").is_some())
}

/// Writes a whole number.
pub fn write_whole(out: &mut Vec<u8>, number: u64) {
    json::write(out, &Value::int(number as i64));
}

/// Writes `"name":` and a whole number, after a comma where one is due.
pub fn member_whole(out: &mut Vec<u8>, name: &str, number: u64) {
    write_member(out, name);
    write_whole(out, number);
}

/// Writes `"name":` and a text or null, after a comma where one is due.
pub fn member_text(out: &mut Vec<u8>, name: &str, text: Option<&str>) {
    write_member(out, name);
    match text {
        Some(text) => write_text(out, text),
        None => out.extend_from_slice(b"null"),
    }
}

/// Writes `"name":` and a value, after a comma where one is due.
pub fn member_value(out: &mut Vec<u8>, name: &str, value: &Value) {
    write_member(out, name);
    json::write(out, value);
}

/// Writes `"name":`, after a comma where one is due.
pub fn write_member(out: &mut Vec<u8>, name: &str) {
    if !out.ends_with(b"{") {
        out.push(b',');
    }
    write_text(out, name);
    out.push(b':');
}

fn write_error(out: &mut Vec<u8>, error: &Error) {
    out.push(b'{');
    member_text(out, "code", Some(error.code()));
    let mut details = Vec::new();
    for (name, fact) in error.details() {
        details.push((name.into(), Value::String(fact)));
    }
    member_value(out, "details", &Value::map(details));
    member_text(out, "message", Some(&error.message()));
    member_value(out, "retryable", &Value::Bool(error.is_retryable()));
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Problem;

    #[test]
    fn notices_of_one_page_go_in_one_message() {
        let mut out = Out::default();
        out.post(TabId(7), &reply(RequestNumber(1), Ok(b"{}")));
        out.post(
            TabId(7),
            &reply(RequestNumber(2), Err(&Error::from(Problem::NotOpen))),
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
        let message = json::read(bytes).unwrap();
        let notices = message.get("messages").and_then(Value::as_list).unwrap();
        assert_eq!(notices[0].get("number"), Some(&Value::int(1)));
        assert_eq!(
            notices[1].get("error").unwrap().get("code"),
            Some(&Value::text("not_open"))
        );
    }
}
