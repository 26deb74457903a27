//! Every request that writes is answered once: its answer is kept until the page confirms it, and
//! given again.

use super::out::{Asker, is_refusal};
use crate::doc::codec::binary;
use crate::doc::json;
use crate::ids::{RequestNumber, TabId};
use crate::sorted::{Blocks, SortedMap};
use crate::txn::table;
use std::ops::ControlFlow;

/// What is known of a request that came before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// Never seen.
    New,
    /// Under way; its answer will come.
    Pending,
    /// Answered with this notice.
    Answered(Vec<u8>),
    /// Confirmed and forgotten.
    Confirmed,
}

/// Requests and what was answered.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    confirmed: SortedMap<TabId, RequestNumber>,
    /// Answers by their keys in the store, in a map of the store's type, so that one copy of its
    /// code serves both; none while pending.
    notices: Blocks<Option<Vec<u8>>>,
}

impl Answers {
    /// What is known of a request. A new one is pending from now on.
    pub fn begin(&mut self, asker: Asker) -> Known {
        let confirmed = self.confirmed.get(&asker.tab).copied();
        if asker.number <= confirmed.unwrap_or_default() {
            return Known::Confirmed;
        }
        match self.notices.get(&table::answer(asker.tab, asker.number)) {
            Some(None) => Known::Pending,
            Some(Some(notice)) => Known::Answered(notice.clone()),
            None => {
                self.set(asker, None);
                Known::New
            }
        }
    }

    /// Whether a request was answered with an error, as far as that is kept.
    pub fn is_refused(&self, asker: Asker) -> bool {
        let key = table::answer(asker.tab, asker.number);
        let notice = self.notices.get(&key).and_then(Option::as_ref);
        notice.is_some_and(|notice| is_refusal(notice))
    }

    /// Keeps an answer.
    pub fn keep(&mut self, asker: Asker, notice: Vec<u8>) {
        self.set(asker, Some(notice));
    }

    fn set(&mut self, asker: Asker, notice: Option<Vec<u8>>) {
        let key = table::answer(asker.tab, asker.number);
        self.notices.insert(key, notice);
    }

    /// The page has every answer up to `up_to`; returns the numbers forgotten.
    pub fn confirm(&mut self, tab: TabId, up_to: RequestNumber) -> Vec<RequestNumber> {
        let confirmed = self.confirmed.get(&tab).copied().unwrap_or_default();
        self.confirmed.insert(tab, confirmed.max(up_to));
        let from = table::answer(tab, RequestNumber(0));
        let to = table::answer(tab, up_to.next());
        let mut gone = Vec::new();
        self.notices.scan(&from, &to, &mut |key, _| {
            gone.extend(table::answer_key(key).map(|(_, number)| number));
            ControlFlow::Continue(())
        });
        for number in &gone {
            self.notices.remove(&table::answer(tab, *number));
        }
        gone
    }
}

/// The notice that a store has for an answer: early ones are JSON.
pub fn from_store(value: &[u8]) -> Vec<u8> {
    json::read(value).map_or_else(|_| value.to_vec(), |notice| binary(&notice))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::message::to_page;
    use crate::engine::out::{EMPTY, reply};

    #[test]
    fn an_answer_of_an_earlier_release_is_the_same_notice() {
        let early = br#"{"kind":"reply","number":7,"ok":{}}"#;
        let notice = from_store(early);
        let reply = reply(RequestNumber(7), Ok(EMPTY));
        let texts = [&notice, &reply].map(|notice| json::read(&to_page(notice)));
        assert_eq!(texts[0], texts[1]);
        assert_eq!(from_store(&reply), reply);
    }

    #[test]
    fn a_request_is_new_once() {
        let (mut answers, tab, number) = (Answers::default(), TabId(1), RequestNumber(1));
        let one = Asker { tab, number };
        let other = Asker {
            tab: TabId(2),
            number,
        };
        assert_eq!(answers.begin(one), Known::New);
        assert_eq!(answers.begin(one), Known::Pending);
        assert!(!answers.is_refused(one));
        answers.keep(one, b"x".to_vec());
        assert_eq!(answers.begin(one), Known::Answered(b"x".to_vec()));
        assert_eq!(answers.begin(other), Known::New);
        assert_eq!(answers.confirm(tab, number), [number]);
        assert_eq!(answers.begin(one), Known::Confirmed);
    }
}
