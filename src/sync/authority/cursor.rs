//! Cursors: opaque to clients, here the epoch, the version the client's base equals, and, between
//! the pages of one pull, how far in the changes after it the pages have come.

use super::record::Space;
use crate::ids::{Version, push_hex, read_hex};

/// A position in a space's log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// What the client has shown is the space as of this version.
    pub base: Version,
    /// The last change that a page told of since.
    pub position: Option<Vec<u8>>,
}

impl Cursor {
    /// `epoch.base` or `epoch.base.position`, the position in hexadecimal digits.
    pub fn to_text(&self, space: &Space) -> String {
        let mut text = format!("{}.{}", space.epoch, self.base);
        if let Some(position) = &self.position {
            text.push('.');
            push_hex(&mut text, position);
        }
        text
    }

    /// None if it is malformed, of another epoch, or of a version that this log has not reached.
    pub fn from_text(text: &str, space: &Space) -> Option<Self> {
        let rest = text.strip_prefix(&space.epoch)?.strip_prefix('.')?;
        let (base, position) = match rest.split_once('.') {
            Some((base, position)) => (base, Some(read_position(position)?)),
            None => (rest, None),
        };
        let base = Version(base.parse().ok()?);
        (base <= space.version).then_some(Self { base, position })
    }
}

fn read_position(digits: &str) -> Option<Vec<u8>> {
    let mut bytes = vec![0; digits.len() / 2];
    read_hex(digits.as_bytes(), &mut bytes)?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips_within_its_epoch_and_log() {
        let space = Space {
            epoch: "ab.c".into(),
            version: Version(9),
        };
        for position in [None, Some(vec![]), Some(vec![0, 1, 254])] {
            let cursor = Cursor {
                base: Version(7),
                position,
            };
            assert_eq!(
                Cursor::from_text(&cursor.to_text(&space), &space),
                Some(cursor)
            );
        }
        for text in [
            "",
            "ab.c",
            "ab.c.",
            "ab.c.x",
            "ab.c.10",
            "ab.c.7.0",
            "ab.d.7",
            "ab.c.7.0g",
        ] {
            assert_eq!(Cursor::from_text(text, &space), None, "{text}");
        }
    }
}
