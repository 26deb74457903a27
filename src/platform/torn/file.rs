//! One file of a `TornDisk`: what is durable, what was changed since, and what a crash makes of it.

use crate::platform::memory::SeededEntropy;

/// A change that was not flushed.
#[derive(Clone)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Cut { length: usize },
}

/// A file that may not be there, or not for ever.
#[derive(Clone, Default)]
pub(super) struct File {
    /// What a crash leaves at least; `None` if not even that the file exists.
    durable: Option<Vec<u8>>,
    changes: Vec<Change>,
    /// What reads see; `None` when it was removed.
    now: Option<Vec<u8>>,
}

impl File {
    pub fn durable(content: Vec<u8>) -> Self {
        Self {
            durable: Some(content.clone()),
            changes: Vec::new(),
            now: Some(content),
        }
    }

    pub fn is_there(&self) -> bool {
        self.now.is_some()
    }

    pub fn content(&self) -> Option<&Vec<u8>> {
        self.now.as_ref()
    }

    /// Makes it, empty. What was removed before under this name may still come back.
    pub fn make(&mut self) {
        self.now = Some(Vec::new());
        self.changes.push(Change::Cut { length: 0 });
    }

    pub fn remove(&mut self) {
        self.now = None;
    }

    pub fn write(&mut self, offset: usize, bytes: &[u8]) {
        if let Some(now) = &mut self.now {
            put(now, offset, bytes);
            self.changes.push(Change::Write {
                offset,
                bytes: bytes.to_vec(),
            });
        }
    }

    pub fn cut(&mut self, length: usize) {
        if let Some(now) = &mut self.now {
            now.resize(length, 0);
            self.changes.push(Change::Cut { length });
        }
    }

    pub fn flush(&mut self) {
        self.durable.clone_from(&self.now);
        self.changes.clear();
    }

    /// A crash. Returns whether there is a file afterwards.
    pub fn settle(&mut self, random: &mut SeededEntropy) -> bool {
        let is_lost = self.durable.is_none() && random.below(3) == 0;
        let is_removed = self.now.is_none() && random.below(2) == 0;
        let mut content = self.durable.take().unwrap_or_default();
        let mood = random.below(4);
        for change in std::mem::take(&mut self.changes) {
            match mood {
                0 => survive(&mut content, &change, 1, random),
                1 => {}
                _ => {
                    let fate = random.below(5);
                    survive(&mut content, &change, fate, random);
                }
            }
        }
        *self = Self::durable(content);
        !is_lost && !is_removed
    }
}

/// Lets a change survive as `fate` has it: 0 not at all, 1 whole, else in part.
fn survive(content: &mut Vec<u8>, change: &Change, fate: usize, random: &mut SeededEntropy) {
    match change {
        _ if fate == 0 => {}
        Change::Cut { length } => content.resize(*length, 0),
        Change::Write { offset, bytes } => match fate {
            1 => put(content, *offset, bytes),
            2 => put(
                content,
                *offset,
                bytes.get(..random.below(bytes.len())).unwrap_or_default(),
            ),
            3 => put_sectors(content, *offset, bytes, random),
            _ => lengthen(content, *offset + random.below(bytes.len() + 1)),
        },
    }
}

/// Any subset of the sectors, while the length is that of all.
fn put_sectors(content: &mut Vec<u8>, offset: usize, bytes: &[u8], random: &mut SeededEntropy) {
    let sector = 8 << random.below(7);
    lengthen(content, offset + bytes.len());
    for (number, chunk) in bytes.chunks(sector).enumerate() {
        if random.below(2) == 0 {
            put(content, offset + number * sector, chunk);
        }
    }
}

fn put(content: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    lengthen(content, offset + bytes.len());
    for (to, byte) in content.iter_mut().skip(offset).zip(bytes) {
        *to = *byte;
    }
}

fn lengthen(content: &mut Vec<u8>, length: usize) {
    if content.len() < length {
        content.resize(length, 0);
    }
}
