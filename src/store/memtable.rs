//! What was put and deleted since the newest run, in memory.

use super::filter;
use super::merged::Memory;
use std::rc::Rc;

/// Puts and deletes by key.
#[derive(Default)]
pub(super) struct Memtable {
    pairs: Rc<Memory>,
    bytes: usize,
    /// Of all keys that were put, also that of the run it becomes; empty if none is made.
    pub filter: Vec<u8>,
}

impl Memtable {
    /// An empty one with a filter of so many bytes.
    pub fn with_filter(bytes: usize) -> Self {
        Self {
            filter: vec![0; bytes],
            ..Self::default()
        }
    }

    /// Puts a value, or a delete.
    pub fn put(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) {
        if !self.filter.is_empty() && !crate::planted::is("store_filter_incomplete") {
            filter::add(&mut self.filter, filter::hash(&key));
        }
        self.bytes += key.len() + value.as_ref().map_or(0, Vec::len);
        self.pairs_mut().insert(key, value);
    }

    /// Takes a key out as if it had never been put.
    pub fn forget(&mut self, key: &[u8]) {
        self.bytes += key.len();
        self.pairs_mut().remove(key);
    }

    /// What is here of a key with this hash: nothing, or its value, or that it was deleted.
    pub fn get(&self, key: &[u8], hash: u64) -> Option<&Option<Vec<u8>>> {
        let may_be_here = filter::may_hold(&self.filter, hash);
        may_be_here.then(|| self.pairs.get(key)).flatten()
    }

    /// Bytes put since it was empty: those of the log, about.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// For reading.
    pub fn shared(&self) -> &Rc<Memory> {
        &self.pairs
    }

    /// What a snapshot has is copied before it is changed.
    fn pairs_mut(&mut self) -> &mut Memory {
        if Rc::strong_count(&self.pairs) > 1 {
            self.pairs = Rc::new(Memory::clone(&self.pairs));
        }
        Rc::get_mut(&mut self.pairs).expect("nobody else has it now")
    }
}
