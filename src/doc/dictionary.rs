//! Numbers for paths, so that stored documents do not repeat names. Numbers are for ever; the
//! dictionary only grows.

use super::codec::{Items, write_bytes, write_varint};
use super::path::Path;
use crate::sorted::SortedMap;
use crate::text::decimal;

/// A path's number in this store's dictionary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PathId(pub u32);

/// Most numbers whose paths may be lost.
pub const LOST_MAX: u64 = 1_024;

/// Paths and their numbers.
#[derive(Clone, Debug, Default)]
pub struct Dictionary {
    paths: Vec<Path>,
    ids: SortedMap<Path, PathId>,
    unsaved: usize,
    name_bytes: usize,
}

impl Dictionary {
    /// The number of a path, which it gets now if it has none.
    pub fn intern(&mut self, path: &Path) -> PathId {
        if let Some(id) = self.ids.get(path) {
            return *id;
        }
        let id = PathId(self.paths.len() as u32);
        self.push(path.clone());
        self.ids.insert(path.clone(), id);
        id
    }

    /// How many numbers there are, and how many bytes the names of their paths take.
    pub fn size(&self) -> (usize, usize) {
        (self.paths.len(), self.name_bytes)
    }

    fn push(&mut self, path: Path) {
        self.name_bytes += path.0.iter().map(String::len).sum::<usize>();
        self.paths.push(path);
    }

    /// The number of a path that may have none.
    pub fn id(&self, path: &Path) -> Option<PathId> {
        self.ids.get(path).copied()
    }

    /// The path with this number.
    pub fn path(&self, id: PathId) -> Option<&Path> {
        self.paths.get(id.0 as usize)
    }

    /// What is not stored yet: numbers and encoded paths. They go into the next record; then
    /// `saved`.
    pub fn unsaved(&self) -> impl Iterator<Item = (PathId, Vec<u8>)> {
        let paths = self.paths.iter().enumerate().skip(self.unsaved);
        paths.map(|(at, path)| (PathId(at as u32), encode(path)))
    }

    /// The record that holds all paths is written.
    pub fn saved(&mut self) {
        self.unsaved = self.paths.len();
    }

    /// Takes a stored path back in. Paths come in the order of their numbers.
    pub fn load(&mut self, number: u64, bytes: &[u8]) -> Option<()> {
        let path = decode(bytes)?;
        self.skip_to(number);
        self.intern(&path);
        self.saved();
        Some(())
    }

    /// Gives no path a number below this one any more. Those that have lost theirs are named by it,
    /// so that what a document has there is never taken for another field's.
    pub fn skip_to(&mut self, number: u64) {
        while (self.paths.len() as u64) < number.min(LOST_MAX) {
            let name = ["?", &decimal(self.paths.len() as u64)].concat();
            self.push(Path::field(&name));
        }
    }
}

fn encode(path: &Path) -> Vec<u8> {
    let mut out = Vec::new();
    write_path(&mut out, path);
    out
}

fn decode(bytes: &[u8]) -> Option<Path> {
    let mut items = Items::new(bytes);
    let path = read_path(&mut items);
    items.check(path)
}

/// Writes a path: how many segments, and each.
pub fn write_path(out: &mut Vec<u8>, path: &Path) {
    write_varint(out, path.0.len() as u64);
    for segment in path.0.iter() {
        write_bytes(out, segment.as_bytes());
    }
}

/// Reads what `write_path` wrote.
pub fn read_path(items: &mut Items<'_>) -> Path {
    let mut segments = Vec::new();
    let mut left = items.varint();
    while items.has_more(&mut left) {
        segments.push(items.text().into());
    }
    Path(segments.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_paths_come_back_with_their_numbers() {
        let mut dictionary = Dictionary::default();
        let title = dictionary.intern(&Path::field("title"));
        let deep = dictionary.intern(&Path(vec!["votes".into(), "x".into()].into()));
        assert_eq!(dictionary.intern(&Path::field("title")), title);
        let stored: Vec<_> = dictionary.unsaved().map(|(_, bytes)| bytes).collect();
        dictionary.saved();
        assert_eq!(dictionary.unsaved().count(), 0);
        let mut loaded = Dictionary::default();
        for (number, bytes) in stored.iter().enumerate() {
            loaded.load(number as u64, bytes).unwrap();
        }
        assert_eq!(loaded.id(&Path::field("title")), Some(title));
        assert_eq!(loaded.path(deep), dictionary.path(deep));
        let mut damaged = Dictionary::default();
        damaged.load(1, &stored[1]).unwrap();
        assert_eq!(damaged.id(&Path::field("title")), None);
        assert_eq!(damaged.path(title), Some(&Path::field("?0")));
        assert_eq!(damaged.path(deep), dictionary.path(deep));
        damaged.load(u64::MAX, &stored[0]).unwrap();
    }
}
