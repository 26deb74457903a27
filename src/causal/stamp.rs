//! A stamp: the time of a write and the replica that made it. Its text sorts as the stamp does.

use crate::ids::{ReplicaId, Token, push_hex, read_hex};
use std::cmp::Ordering;
use std::fmt;

/// 48 bits of milliseconds since 1970 and 16 bits of counter, as one number, so that the counter
/// carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub u64);

impl Time {
    /// The first time of a millisecond.
    pub fn from_ms(ms: u64) -> Self {
        Self(ms.min((1 << 48) - 1) << 16)
    }

    /// The millisecond.
    pub fn ms(self) -> u64 {
        self.0 >> 16
    }
}

/// A time and a replica. The default is the seed stamp, smaller than all others.
#[derive(Clone, Copy, Debug, Default, Eq)]
pub struct Stamp {
    /// When.
    pub time: Time,
    /// Who.
    pub replica: ReplicaId,
}

impl Ord for Stamp {
    #[inline(never)]
    fn cmp(&self, other: &Self) -> Ordering {
        let times = self.time.cmp(&other.time);
        times.then_with(|| self.replica.cmp(&other.replica))
    }
}

impl PartialEq for Stamp {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl PartialOrd for Stamp {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Stamp {
    /// The stamp of seeded documents: it never beats an edit.
    pub const SEED: Self = Self {
        time: Time(0),
        replica: Token([0; 10]),
    };

    /// Sixteen digits, a hyphen, twenty digits.
    pub fn to_text(self) -> String {
        let mut text = String::with_capacity(37);
        push_hex(&mut text, &self.time.0.to_be_bytes());
        text.push('-');
        push_hex(&mut text, &self.replica.0);
        text
    }

    /// Reads what `to_text` wrote.
    pub fn from_text(text: &str) -> Option<Self> {
        let (time, replica) = text.split_at_checked(16)?;
        let replica = replica.strip_prefix('-')?;
        let mut bytes = [0; 8];
        read_hex(time.as_bytes(), &mut bytes)?;
        Some(Self {
            time: Time(u64::from_be_bytes(bytes)),
            replica: Token::from_text(replica)?,
        })
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.to_text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn text_round_trips_and_sorts_like_the_stamp(
            a: (u64, [u8; 10]), b: (u64, [u8; 10]),
        ) {
            let a = Stamp { time: Time(a.0), replica: Token(a.1) };
            let b = Stamp { time: Time(b.0), replica: Token(b.1) };
            prop_assert_eq!(Stamp::from_text(&a.to_text()), Some(a));
            prop_assert_eq!(a.cmp(&b), a.to_text().cmp(&b.to_text()));
        }
    }
}
