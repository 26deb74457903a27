//! Newtypes for every id and counter that could be swapped for another.
//!
//! They hold values and texts only; they must not know what the things they name do.

use std::fmt;

macro_rules! counter {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        impl $name {
            /// The next one.
            pub fn next(self) -> Self {
                Self(self.0 + 1)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(out)
            }
        }
    };
}

counter!(
    /// A page's random number, below 2^53.
    TabId
);
counter!(
    /// Number of a request within its tab, from 1.
    RequestNumber
);
counter!(
    /// The fencing token: one more for each leader of a store.
    Term
);
counter!(
    /// Number of a commit within the store. Grows for ever.
    Commit
);
counter!(
    /// Number of an outbox entry within the store, in the order of writing. Never sent.
    EntryId
);
counter!(
    /// Number of a pushed transaction within (replica, epoch), from 1, without gaps.
    Seq
);
counter!(
    /// The server's version of a space: one more per accepted transaction.
    Version
);
counter!(
    /// A life of a document: odd is alive, even is deleted, 0 has never been.
    Life
);
counter!(
    /// Names a flush that was asked for.
    Ticket
);
counter!(
    /// Number of a live query's subscription within its tab.
    SubscriptionId
);

impl Life {
    /// Whether a document in this life is there.
    pub fn is_alive(self) -> bool {
        self.0 % 2 == 1
    }
}

/// A file that is open on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u32);

/// Ten random bytes: a replica's identity, or the token of one opening of a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub [u8; 10]);

/// One persistent database identity.
pub type ReplicaId = Token;

const HEX: &[u8; 16] = b"0123456789abcdef";

impl Token {
    /// Twenty hexadecimal digits; sorts like the bytes.
    pub fn to_text(self) -> String {
        let mut text = String::with_capacity(20);
        push_hex(&mut text, &self.0);
        text
    }

    /// Reads the twenty digits that `to_text` wrote.
    pub fn from_text(text: &str) -> Option<Self> {
        let mut bytes = [0; 10];
        read_hex(text.as_bytes(), &mut bytes)?;
        Some(Self(bytes))
    }
}

impl fmt::Display for Token {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.to_text())
    }
}

/// Appends two hexadecimal digits per byte.
pub fn push_hex(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        for nibble in [byte >> 4, byte & 15] {
            let digit = HEX.get(usize::from(nibble)).expect("a nibble is below 16");
            text.push(char::from(*digit));
        }
    }
}

/// Fills `into` from exactly twice as many lower-case hexadecimal digits.
pub fn read_hex(digits: &[u8], into: &mut [u8]) -> Option<()> {
    if digits.len() != into.len() * 2 {
        return None;
    }
    for (byte, pair) in into.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = nibble(*high)? << 4 | nibble(*low)?;
    }
    Some(())
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_text_round_trips() {
        let token = Token([0, 1, 2, 250, 251, 252, 253, 254, 255, 16]);
        assert_eq!(token.to_text(), "000102fafbfcfdfeff10");
        assert_eq!(Token::from_text(&token.to_text()), Some(token));
    }

    #[test]
    fn bad_token_text_is_refused() {
        for text in ["", "00", "000102fafbfcfdfeff1g", "000102FAFBFCFDFEFF10"] {
            assert_eq!(Token::from_text(text), None, "{text}");
        }
    }
}
