//! Several sorted sources read as one: of equal keys the newest counts.

use super::cache::Reader;
use super::error::StoreError;
use super::run::{Cursor, End, Run};
use crate::sorted::{Blocks, Place, compare, search};
use std::cmp::Ordering;
use std::rc::Rc;

/// Puts and deletes that are not in a run yet.
pub(super) type Memory = Blocks<Option<Vec<u8>>>;

/// A place in a source.
struct Source {
    at: At,
    /// How many sources are newer.
    age: usize,
}

enum At {
    Memory { of: Rc<Memory>, place: Place },
    Run(Cursor),
}

impl Source {
    fn entry(&self) -> (&[u8], Option<&[u8]>) {
        match &self.at {
            At::Memory { of, place } => {
                let (key, value) = of.at(*place).expect("it is a place of a pair");
                (key, value.as_deref())
            }
            At::Run(cursor) => cursor.entry(),
        }
    }

    fn advance(&mut self, reader: &mut Reader, end: End) -> Result<bool, StoreError> {
        match &mut self.at {
            At::Memory { of, place } => {
                let moved = match end {
                    End::First => of.after(*place),
                    End::Last => of.before(*place),
                };
                *place = moved.unwrap_or(*place);
                Ok(moved.is_some())
            }
            At::Run(cursor) => cursor.advance(reader, end),
        }
    }
}

/// The sources that have an entry left, each at its next one. Whose comes first is the last.
pub(super) struct Merged {
    sources: Vec<Source>,
    end: End,
}

impl Merged {
    /// From the first key at or after `from`, or with `End::Last` down from the last key before it.
    /// Memories and runs are the newest first, and memories newer than runs.
    pub fn seek(
        memories: &[Rc<Memory>],
        runs: &[Rc<Run>],
        reader: &mut Reader,
        from: &[u8],
        end: End,
    ) -> Result<Self, StoreError> {
        let mut merged = Self {
            sources: Vec::new(),
            end,
        };
        for (age, memory) in memories.iter().enumerate() {
            let place = match end {
                End::First => memory.first_from(from),
                End::Last => memory.last_before(from),
            };
            if let Some(place) = place {
                let of = Rc::clone(memory);
                let at = At::Memory { of, place };
                merged.place(Source { at, age });
            }
        }
        for (age, run) in runs.iter().enumerate() {
            merged.add(run, memories.len() + age, reader, from)?;
        }
        Ok(merged)
    }

    /// Adds a run that so many sources are newer than.
    pub fn add(
        &mut self,
        run: &Rc<Run>,
        age: usize,
        reader: &mut Reader,
        from: &[u8],
    ) -> Result<(), StoreError> {
        if let Some(cursor) = Cursor::seek(run, reader, from, self.end)? {
            let at = At::Run(cursor);
            self.place(Source { at, age });
        }
        Ok(())
    }

    /// The next entry.
    pub fn entry(&self) -> Option<(&[u8], Option<&[u8]>)> {
        self.sources.last().map(Source::entry)
    }

    /// Goes on, past every entry with that key.
    pub fn advance(&mut self, reader: &mut Reader) -> Result<(), StoreError> {
        while let [.., other, next] = &self.sources[..]
            && other.entry().0 == next.entry().0
        {
            self.step(self.sources.len() - 2, reader)?;
        }
        self.step(self.sources.len().saturating_sub(1), reader)
    }

    /// Moves one source on, to where it belongs then.
    fn step(&mut self, at: usize, reader: &mut Reader) -> Result<(), StoreError> {
        if at >= self.sources.len() {
            return Ok(());
        }
        let mut source = self.sources.remove(at);
        let moved = source.advance(reader, self.end);
        if !matches!(moved, Ok(false)) {
            self.place(source);
        }
        moved.map(drop)
    }

    fn place(&mut self, source: Source) {
        let key = source.entry().0;
        let at = search(self.sources.len(), &mut |at| {
            let Some(other) = self.sources.get(at) else {
                return Ordering::Greater;
            };
            let by_key = match self.end {
                End::First => compare(key, other.entry().0),
                End::Last => compare(other.entry().0, key),
            };
            let by_age = source.age.cmp(&other.age);
            if crate::planted::is("store_oldest_wins") {
                return by_key.then(by_age.reverse());
            }
            by_key.then(by_age)
        });
        let at = at.unwrap_or_else(|free| free);
        self.sources.insert(at, source);
    }
}
