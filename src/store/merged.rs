//! Several sorted sources read as one: of equal keys the newest counts.

use super::cache::Reader;
use super::error::StoreError;
use super::run::{Cursor, End, Run};
use crate::sorted::{Blocks, Place};
use std::rc::Rc;

/// Puts and deletes that are not in a run yet.
pub(super) type Memory = Blocks<Option<Vec<u8>>>;

/// A place in a source.
enum Source {
    Memory { of: Rc<Memory>, place: Place },
    Run(Cursor),
}

impl Source {
    fn entry(&self) -> (&[u8], Option<&[u8]>) {
        match self {
            Self::Memory { of, place } => {
                let (key, value) = of.at(*place).expect("it is a place of a pair");
                (key, value.as_deref())
            }
            Self::Run(cursor) => cursor.entry(),
        }
    }

    fn advance(&mut self, reader: &mut Reader, end: End) -> Result<bool, StoreError> {
        match self {
            Self::Memory { of, place } => {
                let moved = match end {
                    End::First => of.after(*place),
                    End::Last => of.before(*place),
                };
                *place = moved.unwrap_or(*place);
                Ok(moved.is_some())
            }
            Self::Run(cursor) => cursor.advance(reader, end),
        }
    }
}

/// The sources, the newest first, each at its next entry. Those that have none left
/// are gone.
pub(super) struct Merged {
    sources: Vec<Source>,
    end: End,
    /// The newest source with the next key.
    next: usize,
    /// The key that was passed last: one buffer for all.
    past: Vec<u8>,
}

impl Merged {
    /// From the first key at or after `from`, or with `End::Last` down from the last key before it.
    pub fn seek(
        memories: &[Rc<Memory>],
        runs: &[Rc<Run>],
        reader: &mut Reader,
        from: &[u8],
        end: End,
    ) -> Result<Self, StoreError> {
        let mut sources = Vec::new();
        for memory in memories {
            let place = match end {
                End::First => memory.first_from(from),
                End::Last => memory.last_before(from),
            };
            let of = Rc::clone(memory);
            sources.extend(place.map(|place| Source::Memory { of, place }));
        }
        for run in runs {
            sources.extend(Cursor::seek(run, reader, from, end)?.map(Source::Run));
        }
        let mut merged = Self {
            sources,
            end,
            next: 0,
            past: Vec::new(),
        };
        merged.choose();
        Ok(merged)
    }

    /// The next entry.
    pub fn entry(&self) -> Option<(&[u8], Option<&[u8]>)> {
        self.sources.get(self.next).map(Source::entry)
    }

    /// Goes on, past every entry with that key.
    pub fn advance(&mut self, reader: &mut Reader) -> Result<(), StoreError> {
        let mut past = std::mem::take(&mut self.past);
        past.clear();
        past.extend_from_slice(self.entry().map_or(&[], |entry| entry.0));
        for at in (0..self.sources.len()).rev() {
            let source = self.sources.get_mut(at).expect("it was counted");
            if source.entry().0 == past && !source.advance(reader, self.end)? {
                self.sources.remove(at);
            }
        }
        self.past = past;
        self.choose();
        Ok(())
    }

    fn choose(&mut self) {
        let mut best: Option<(usize, &[u8])> = None;
        for (at, source) in self.sources.iter().enumerate() {
            let key = source.entry().0;
            let is_better = best.is_none_or(|(_, best)| match self.end {
                _ if crate::planted::is("store_oldest_wins") && key == best => true,
                End::First => key < best,
                End::Last => key > best,
            });
            if is_better {
                best = Some((at, key));
            }
        }
        self.next = best.map_or(0, |(at, _)| at);
    }
}
