//! Names of log files: `docs/FORMAT.md` section 2.

use crate::ids::Term;
use crate::text::padded;

/// Digits of which every number fits 64 bits.
const DIGITS_MAX: usize = 19;

/// Which log: the larger is the newer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogId {
    /// The term of its leader.
    pub term: Term,
    /// Its number within the term.
    pub part: u32,
}

/// What a log's name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogName {
    /// The log.
    pub log: LogId,
    /// The newest log known to be durable when this one was made.
    pub base: Option<LogId>,
}

impl LogName {
    /// The name of the file.
    pub fn to_text(self) -> String {
        let base = self.base.unwrap_or(LogId {
            term: Term(0),
            part: 0,
        });
        let mut text = "log".to_string();
        for id in [self.log, base] {
            text.push('-');
            text.push_str(&padded(id.term.0, 10));
            text.push('-');
            text.push_str(&padded(u64::from(id.part), 4));
        }
        text
    }

    /// Reads what `to_text` wrote, and nothing else.
    pub fn from_text(text: &str) -> Option<Self> {
        let [term, part, base_term, base_part] = numbers(text);
        let log = LogId {
            term: Term(term?),
            part: part? as u32,
        };
        let base = LogId {
            term: Term(base_term?),
            part: base_part? as u32,
        };
        let name = Self {
            log,
            base: (base.term.0 > 0).then_some(base),
        };
        (log.term.0 > 0 && name.to_text() == text).then_some(name)
    }
}

/// The term in a file's name, whatever the file is.
pub fn term_of(text: &str) -> Option<Term> {
    let [term, ..] = numbers(text);
    term.map(Term)
}

/// The numbers of a file's name, which stand behind its first word.
pub(super) fn numbers(text: &str) -> [Option<u64>; 4] {
    let mut numbers = [None; 4];
    let mut rest = numbers.iter_mut();
    let (mut number, mut digits) = (&mut None, 0);
    for byte in text.bytes() {
        digits += 1;
        let digit = u64::from(byte.wrapping_sub(b'0'));
        *number = match *number {
            _ if byte == b'-' => {
                let Some(next) = rest.next() else { break };
                (number, digits) = (next, 0);
                None
            }
            Some(before) if digit < 10 && digits <= DIGITS_MAX => Some(before * 10 + digit),
            None if digit < 10 && digits == 1 => Some(digit),
            _ => None,
        };
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_sort_by_term_then_part() {
        let log = LogId {
            term: Term(3),
            part: 1,
        };
        let base = Some(LogId {
            term: Term(2),
            part: 0,
        });
        let name = LogName { log, base };
        assert_eq!(name.to_text(), "log-0000000003-0001-0000000002-0000");
        assert_eq!(LogName::from_text(&name.to_text()), Some(name));
        let first = LogName {
            log: LogId {
                term: Term(2),
                part: 9,
            },
            base: None,
        };
        assert_eq!(LogName::from_text(&first.to_text()), Some(first));
        assert!(first < name);
        let far = LogName {
            log: LogId {
                term: Term(123_456_789_012),
                part: 12_345,
            },
            base,
        };
        assert_eq!(LogName::from_text(&far.to_text()), Some(far));
    }

    #[test]
    fn other_names_are_not_logs() {
        for text in [
            "",
            "log",
            "log-3-1-2-0",
            "log-0000000003-0001",
            "log-0000000003-0001-0000000002-0000-",
            "log-0000000003-0001-0000000002-0000 (copy)",
            "log-+000000003-0001-0000000002-0000",
            "log-0000000000-0000-0000000000-0000",
            "log-0000000003-0001-0000000000-0001",
            "run-0000000003-0001-0000000002-0000",
        ] {
            assert_eq!(LogName::from_text(text), None, "{text}");
        }
        assert_eq!(term_of("run-0000000007-x"), Some(Term(7)));
        assert_eq!(term_of("notes"), None);
    }
}
