//! Patterns of `like`, `prefix` and `contains`: text in which some places stand for other text.
//!
//! Case counts, and characters are code points: `_` stands for one of them, whatever it looks like.
//! Nothing is normalised. Must not know columns.

/// Any text, also none. No byte of UTF-8.
const ANY: u8 = 0xff;
/// One code point. No byte of UTF-8.
const ONE: u8 = 0xfe;

/// A pattern. Equal ones match the same texts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pattern {
    /// UTF-8 between marks. No mark for any text follows another.
    bytes: Vec<u8>,
}

impl Pattern {
    /// Matches what begins with `text`.
    pub fn prefix(text: &str) -> Self {
        Self::of(&[text.as_bytes(), &[ANY]])
    }

    /// Matches what has `text` in it.
    pub fn contains(text: &str) -> Self {
        Self::of(&[&[ANY], text.as_bytes(), &[ANY]])
    }

    fn of(parts: &[&[u8]]) -> Self {
        let mut bytes = parts.concat();
        bytes.dedup_by(|next, last| [*next, *last] == [ANY; 2]);
        Self { bytes }
    }

    /// Reads a pattern in which `%` stands for any text and `_` for one code point. Behind `\` any
    /// character stands for itself; none if there is no character.
    pub fn like(text: &str) -> Option<Self> {
        let mut bytes = Vec::with_capacity(text.len());
        let mut is_escaped = false;
        for byte in text.bytes() {
            let mark = match byte {
                b'%' => ANY,
                b'_' => ONE,
                _ => byte,
            };
            let is_escape = byte == b'\\' && !is_escaped;
            if !is_escape {
                bytes.push(if is_escaped { byte } else { mark });
            }
            is_escaped = is_escape;
        }
        (!is_escaped).then(|| Self::of(&[&bytes]))
    }

    /// The text, if it is the only one that matches.
    pub fn only(&self) -> Option<&str> {
        let start = self.start();
        (start.len() == self.bytes.len()).then_some(start)
    }

    /// What every text begins with that matches.
    pub fn start(&self) -> &str {
        let is_mark = |byte: &u8| *byte >= ONE;
        let end = self.bytes.iter().position(is_mark);
        let start = self.bytes.get(..end.unwrap_or(self.bytes.len()));
        start
            .and_then(|start| str::from_utf8(start).ok())
            .unwrap_or_default()
    }

    /// Whether a text matches, all of it.
    pub fn matches(&self, text: &str) -> bool {
        let (mut text, mut left) = (text.as_bytes(), self.bytes.as_slice());
        // Where the last mark for any text stands: what is behind it, and the text it may begin at.
        let mut again: Option<(&[u8], &[u8])> = None;
        loop {
            match (left.split_first(), text.split_first()) {
                (Some((&ANY, behind)), _) => {
                    left = behind;
                    again = Some((behind, text));
                    continue;
                }
                (Some((&ONE, behind)), Some(_)) => {
                    left = behind;
                    text = after_one(text);
                    continue;
                }
                (Some((wanted, behind)), Some((byte, rest))) if wanted == byte => {
                    left = behind;
                    text = rest;
                    continue;
                }
                (None, None) => return true,
                _ => {}
            }
            // That mark stands for one code point more.
            let Some((behind, from)) = again.filter(|(_, from)| !from.is_empty()) else {
                return false;
            };
            (left, text) = (behind, after_one(from));
            again = Some((left, text));
        }
    }
}

/// What is left of a text without its first code point.
fn after_one(text: &[u8]) -> &[u8] {
    if crate::planted::is("query_like_one_byte") {
        return text.get(1..).unwrap_or_default();
    }
    let is_first = |byte: &u8| byte & 0xc0 != 0x80;
    let next = text.iter().skip(1).position(is_first);
    next.and_then(|at| text.get(at + 1..)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn like(pattern: &str, text: &str) -> bool {
        Pattern::like(pattern).unwrap().matches(text)
    }

    #[test]
    fn marks_stand_for_text_and_escapes_for_themselves() {
        assert!(like("a%c_", "abbc\u{1f600}"));
        assert!(!like("a%c_", "abbc") && !like("_", "e\u{301}") && like("__", "e\u{301}"));
        assert!(like("%", "") && !like("_", "") && like("", ""));
        assert!(like(r"50\%", "50%") && !like(r"50\%", "500") && like(r"\\\_", r"\_"));
        assert!(like("%ab%ab", "aabab") && !like("%ab%abb", "abab") && !like("A", "a"));
        assert_eq!(Pattern::like("\\"), None);
    }

    #[test]
    fn what_means_the_same_is_equal() {
        assert_eq!(Pattern::like("a%%"), Some(Pattern::prefix("a")));
        assert_eq!(Pattern::like("%a%"), Some(Pattern::contains("a")));
        assert_eq!(Pattern::contains(""), Pattern::prefix(""));
        assert_eq!(Pattern::like("x_y").unwrap().start(), "x");
        assert_eq!(Pattern::like(r"\_y").unwrap().only(), Some("_y"));
        assert_eq!(Pattern::prefix("y").only(), None);
    }

    /// One character after the other, with every length tried.
    fn naive(pattern: &[char], text: &[char]) -> bool {
        match pattern {
            [] => text.is_empty(),
            ['%', rest @ ..] => (0..=text.len()).any(|at| naive(rest, &text[at..])),
            ['_', rest @ ..] => !text.is_empty() && naive(rest, &text[1..]),
            [first, rest @ ..] => text.first() == Some(first) && naive(rest, &text[1..]),
        }
    }

    proptest! {
        #[test]
        fn a_text_matches_as_it_does_tried_out(
            pattern in "[ab\u{e4}\u{1f600}%_]{0,8}",
            text in "[ab\u{e4}\u{1f600}]{0,8}",
        ) {
            let of = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(like(&pattern, &text), naive(&of(&pattern), &of(&text)));
            let start = Pattern::like(&pattern).unwrap().start().to_owned();
            prop_assert!(!like(&pattern, &text) || text.starts_with(&start));
        }
    }
}
