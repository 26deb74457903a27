//! The trace of a run: a hash of every byte that went in or out of an engine or the server, and the
//! lines, if wanted.

use std::fmt::Display;
use xxhash_rust::xxh64::Xxh64;

/// Longest part of a line that is printed.
const SHOWN_MAX: usize = 400;

/// Whether lines are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lines {
    /// Only hashed.
    Hidden,
    /// Printed as they come.
    Printed,
}

/// See the head of the file.
pub struct Trace {
    hash: Xxh64,
    lines: Lines,
    count: u64,
}

impl Trace {
    /// An empty trace.
    pub fn new(lines: Lines) -> Self {
        Self {
            hash: Xxh64::new(0),
            lines,
            count: 0,
        }
    }

    /// Takes note of something.
    pub fn note(&mut self, at_ms: u64, who: impl Display, what: &str, content: &[u8]) {
        let head = format!("{at_ms} {who} {what} ");
        self.hash.update(head.as_bytes());
        self.hash.update(content);
        self.hash.update(b"\n");
        self.count += 1;
        if self.lines == Lines::Printed {
            let text = String::from_utf8_lossy(content);
            let shown: String = text.chars().take(SHOWN_MAX).collect();
            println!("{head}{shown}");
        }
    }

    /// The hash of everything so far.
    pub fn hash(&self) -> u64 {
        self.hash.digest()
    }

    /// How many things were noted.
    pub fn count(&self) -> u64 {
        self.count
    }
}
