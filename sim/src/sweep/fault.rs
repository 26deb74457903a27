//! What a sweep finds, and what it counts.

use std::collections::BTreeMap;
use std::fmt;

/// What kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Blame {
    /// A commit that was acknowledged is missing.
    Lost,
    /// What is there is not what any commit left.
    Half,
    /// A failure that nobody was told of.
    Silent,
    /// Something was served that was never written, or is out of date.
    Wrong,
    /// A panic.
    Panic,
    /// It does not end.
    Hang,
    /// More memory than the input can ask for.
    Memory,
    /// Another promise was broken.
    Other,
}

/// Something that must not be.
#[derive(Clone, Debug)]
pub struct Fault {
    /// What kind.
    pub blame: Blame,
    /// In words.
    pub problem: String,
    /// How to see it again.
    pub place: String,
}

impl Fault {
    /// A fault, wherever it is.
    pub fn new(blame: Blame, problem: impl Into<String>) -> Self {
        Self {
            blame,
            problem: problem.into(),
            place: String::new(),
        }
    }

    /// Says where it is, from the inside out.
    pub fn at(mut self, place: impl fmt::Display) -> Self {
        let gap = if self.place.is_empty() { "" } else { ", " };
        self.place = format!("{place}{gap}{}", self.place);
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (blame, place, problem) = (self.blame, &self.place, &self.problem);
        write!(out, "{blame:?} at {place}: {problem:.300}")
    }
}

/// Most faults that are kept: one is enough to fail.
const KEPT_MAX: usize = 20;

/// What was tried and what came of it.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Cases.
    pub attempted: u64,
    /// Cases by what they were.
    pub counts: BTreeMap<&'static str, u64>,
    /// How many were faults, by kind.
    pub blames: BTreeMap<Blame, u64>,
    /// The first of them.
    pub faults: Vec<Fault>,
}

impl Tally {
    /// One more of these.
    pub fn count(&mut self, what: &'static str) {
        self.add(what, 1);
    }

    /// So many more of these.
    pub fn add(&mut self, what: &'static str, more: u64) {
        *self.counts.entry(what).or_default() += more;
    }

    /// One more case, and what it came to.
    pub fn judge(&mut self, result: Result<(), Fault>) {
        self.attempted += 1;
        if let Err(fault) = result {
            self.blame(fault);
        }
    }

    /// A fault in a case that is counted elsewhere.
    pub fn blame(&mut self, fault: Fault) {
        *self.blames.entry(fault.blame).or_default() += 1;
        if self.faults.len() < KEPT_MAX {
            self.faults.push(fault);
        }
    }

    /// Faults of a kind.
    pub fn of(&self, blame: Blame) -> u64 {
        self.blames.get(&blame).copied().unwrap_or(0)
    }

    /// All faults.
    pub fn failed(&self) -> u64 {
        self.blames.values().sum()
    }

    /// Adds another one.
    pub fn absorb(&mut self, other: Self) {
        self.attempted += other.attempted;
        for (what, count) in other.counts {
            self.add(what, count);
        }
        for (blame, count) in other.blames {
            *self.blames.entry(blame).or_default() += count;
        }
        self.faults.extend(other.faults);
        self.faults.truncate(KEPT_MAX);
    }
}
