//! What was put and deleted since the newest run, in memory.

use super::merged::Memory;
use std::rc::Rc;

/// Puts and deletes by key.
#[derive(Default)]
pub(super) struct Memtable {
    pairs: Rc<Memory>,
    bytes: usize,
}

impl Memtable {
    /// Puts a value, or a delete.
    pub fn put(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) {
        self.bytes += key.len() + value.as_ref().map_or(0, Vec::len);
        self.pairs_mut().insert(key, value);
    }

    /// Takes a key out as if it had never been put.
    pub fn forget(&mut self, key: &[u8]) {
        self.bytes += key.len();
        self.pairs_mut().remove(key);
    }

    /// What is here of a key: nothing, or its value, or that it was deleted.
    pub fn get(&self, key: &[u8]) -> Option<&Option<Vec<u8>>> {
        self.pairs.get(key)
    }

    /// Bytes put since it was empty: those of the log, about.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// For reading.
    pub fn shared(&self) -> &Rc<Memory> {
        &self.pairs
    }

    /// Empties it. What was in it will not change any more.
    pub fn freeze(&mut self) -> Rc<Memory> {
        std::mem::take(self).pairs
    }

    /// What a snapshot has is copied before it is changed.
    fn pairs_mut(&mut self) -> &mut Memory {
        if Rc::strong_count(&self.pairs) > 1 {
            self.pairs = Rc::new(Memory::clone(&self.pairs));
        }
        Rc::get_mut(&mut self.pairs).expect("nobody else has it now")
    }
}
