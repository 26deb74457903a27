//! Every request that writes is answered once: its answer is kept until the page confirms it, and
//! given again.

use crate::ids::{RequestNumber, TabId};
use crate::sorted::SortedMap;

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

/// Requests by tab, and what was answered.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    tabs: SortedMap<TabId, Tab>,
}

#[derive(Clone, Debug, Default)]
struct Tab {
    confirmed: RequestNumber,
    requests: SortedMap<RequestNumber, Option<Vec<u8>>>,
}

impl Answers {
    /// What is known of a request. A new one is pending from now on.
    pub fn begin(&mut self, tab: TabId, number: RequestNumber) -> Known {
        let tab = self.tabs.get_or_default(tab);
        if number <= tab.confirmed {
            return Known::Confirmed;
        }
        match tab.requests.get(&number) {
            Some(Some(answer)) => Known::Answered(answer.clone()),
            Some(None) => Known::Pending,
            None => {
                tab.requests.insert(number, None);
                Known::New
            }
        }
    }

    /// Keeps an answer.
    pub fn keep(&mut self, tab: TabId, number: RequestNumber, answer: Vec<u8>) {
        self.tabs
            .get_or_default(tab)
            .requests
            .insert(number, Some(answer));
    }

    /// The page has every answer up to `up_to`; returns the numbers forgotten.
    pub fn confirm(&mut self, tab: TabId, up_to: RequestNumber) -> Vec<RequestNumber> {
        let tab = self.tabs.get_or_default(tab);
        tab.confirmed = tab.confirmed.max(up_to);
        let rest = tab.requests.split_off(&up_to.next());
        let gone = std::mem::replace(&mut tab.requests, rest);
        gone.into_iter().map(|(number, _)| number).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_new_once() {
        let (mut answers, tab, one) = (Answers::default(), TabId(1), RequestNumber(1));
        assert_eq!(answers.begin(tab, one), Known::New);
        assert_eq!(answers.begin(tab, one), Known::Pending);
        answers.keep(tab, one, b"x".to_vec());
        assert_eq!(answers.begin(tab, one), Known::Answered(b"x".to_vec()));
        assert_eq!(answers.begin(TabId(2), one), Known::New);
        assert_eq!(answers.confirm(tab, one), [one]);
        assert_eq!(answers.begin(tab, one), Known::Confirmed);
    }
}
