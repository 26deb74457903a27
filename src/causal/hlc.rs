//! The hybrid logical clock: stamps that grow, follow real time, and never fall behind what they
//! overwrite.
//!
//! After Kulkarni, Demirbas and others, "Logical Physical Clocks" (2014). The counter carries into
//! the milliseconds.

use super::stamp::{Stamp, Time};
use crate::ids::ReplicaId;
use crate::planted;

/// The clock of one replica.
#[derive(Clone, Debug, Default)]
pub struct Hlc {
    last: Time,
    observed: Time,
    offset_ms: i64,
}

impl Hlc {
    /// A clock that will issue times after `last`, and is never set back below `observed`.
    pub fn resume(last: Time, observed: Time) -> Self {
        Self {
            last,
            observed,
            offset_ms: 0,
        }
    }

    /// The largest time issued or observed.
    pub fn last(&self) -> Time {
        self.last
    }

    /// The largest time that others have: it was read, or accepted.
    pub fn observed(&self) -> Time {
        self.observed
    }

    /// The device's time corrected by what the server said.
    pub fn corrected_ms(&self, wall_ms: u64) -> u64 {
        wall_ms.saturating_add_signed(self.offset_ms)
    }

    /// Learns how far the device's clock is from the server's.
    pub fn correct(&mut self, wall_ms: u64, server_ms: u64) {
        self.offset_ms = server_ms as i64 - wall_ms as i64;
    }

    /// Forgets times that were issued ahead of the corrected clock, because what they stamped was
    /// refused and is stamped anew. Never falls behind what was observed.
    pub fn rewind(&mut self, wall_ms: u64) {
        let now = Time::from_ms(self.corrected_ms(wall_ms));
        self.last = self.last.min(now.max(self.observed));
    }

    /// A stamp larger than the last one issued and than `overwritten`.
    pub fn issue(&mut self, wall_ms: u64, replica: ReplicaId, overwritten: Time) -> Stamp {
        let now = Time::from_ms(self.corrected_ms(wall_ms));
        let overwritten = if planted::is("engine_clock_ignores_others") {
            Time(0)
        } else {
            overwritten
        };
        self.last = now.max(Time(self.last.0 + 1)).max(Time(overwritten.0 + 1));
        Stamp {
            time: self.last,
            replica,
        }
    }

    /// Takes note of a time that another replica issued.
    pub fn observe(&mut self, time: Time) {
        if planted::is("engine_clock_ignores_others") {
            return;
        }
        self.last = self.last.max(time);
        self.observed = self.observed.max(time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Token;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn stamps_grow_whatever_the_wall_clock_does(
            walls in proptest::collection::vec(0_u64..1 << 40, 1..50),
            overwritten in proptest::collection::vec(0_u64..1 << 50, 50),
        ) {
            let mut hlc = Hlc::default();
            let mut last = Time(0);
            for (wall, over) in walls.iter().zip(overwritten) {
                let stamp = hlc.issue(*wall, Token::default(), Time(over));
                prop_assert!(stamp.time > last && stamp.time.0 > over);
                last = stamp.time;
            }
        }

        #[test]
        fn after_a_receive_the_next_stamp_is_larger(
            wall in 0_u64..1 << 40, seen in 0_u64..1 << 60,
        ) {
            let mut hlc = Hlc::default();
            hlc.observe(Time(seen));
            prop_assert!(hlc.issue(wall, Token::default(), Time(0)).time.0 > seen);
        }
    }

    #[test]
    fn the_counter_carries_into_the_milliseconds() {
        let mut hlc = Hlc::resume(Time((5 << 16) + 0xffff), Time(0));
        assert_eq!(
            hlc.issue(5, Token::default(), Time(0)).time,
            Time::from_ms(6)
        );
    }

    #[test]
    fn a_rewound_clock_forgets_what_it_issued_but_not_what_it_observed() {
        let mut hlc = Hlc::default();
        hlc.issue(900_000, Token::default(), Time(0));
        hlc.observe(Time::from_ms(5_000));
        hlc.correct(900_000, 1_000);
        hlc.rewind(900_000);
        assert_eq!(
            hlc.issue(900_000, Token::default(), Time(0)).time.0,
            Time::from_ms(5_000).0 + 1
        );
    }

    #[test]
    fn a_corrected_clock_follows_the_server() {
        let mut hlc = Hlc::default();
        hlc.correct(1_000, 61_000);
        assert_eq!(
            hlc.issue(2_000, Token::default(), Time(0)).time,
            Time::from_ms(62_000)
        );
    }
}
