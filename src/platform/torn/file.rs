//! One file of a `TornDisk`: what is durable, what was changed since, and what a crash makes of it.

use crate::platform::memory::SeededEntropy;

/// A change that was not flushed.
#[derive(Clone)]
pub(super) enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Cut { length: usize },
}

/// Where a write is torn when every likely mistake is to be met: after its first byte, a preamble,
/// a header.
const TEARS: [usize; 3] = [1, 16, 40];

/// A file that may not be there, or not for ever.
#[derive(Clone, Default)]
pub(super) struct File {
    /// What a crash leaves at least; `None` if not even that the file exists.
    pub(super) durable: Option<Vec<u8>>,
    pub(super) changes: Vec<Change>,
    /// What reads see; `None` when it was removed.
    pub(super) now: Option<Vec<u8>>,
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

impl Change {
    /// Appends what a crash may make of it in a file with this content: first nothing of it, last
    /// all of it.
    pub fn fates(&self, content: &[u8], random: &mut SeededEntropy, into: &mut Vec<Vec<u8>>) {
        into.push(content.to_vec());
        let mut add = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut content = content.to_vec();
            change(&mut content);
            into.push(content);
        };
        match self {
            Self::Cut { length } => add(&|content| content.resize(*length, 0)),
            Self::Write { offset, bytes } => {
                let (offset, end) = (*offset, offset + bytes.len());
                add(&|content| lengthen(content, end));
                let garbage = random.draw() as u8;
                add(&|content| {
                    let length = content.len();
                    content.resize(length.max(end), garbage);
                });
                let halves = [bytes.len() / 2, bytes.len().saturating_sub(1)];
                for tear in TEARS.into_iter().chain(halves) {
                    let torn = bytes.get(..tear).filter(|torn| !torn.is_empty());
                    if let Some(torn) = torn {
                        add(&|content| put(content, offset, torn));
                    }
                }
                let sectors = random.clone();
                random.draw();
                add(&|content| put_sectors(content, offset, bytes, &mut sectors.clone()));
                add(&|content| put(content, offset, bytes));
            }
        }
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
