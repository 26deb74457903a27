//! What is to happen, in order of time; at one time in the order it was put there.

use std::collections::BTreeMap;

/// Things to come.
pub struct Agenda<T> {
    now_ms: u64,
    entries: BTreeMap<(u64, u64), T>,
    last: u64,
}

impl<T> Agenda<T> {
    /// Nothing, at time 0.
    pub fn new() -> Self {
        Self {
            now_ms: 0,
            entries: BTreeMap::new(),
            last: 0,
        }
    }

    /// The time.
    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// Lets something happen at a time; now, if that has passed.
    pub fn put(&mut self, at_ms: u64, thing: T) {
        self.last += 1;
        self.entries
            .insert((at_ms.max(self.now_ms), self.last), thing);
    }

    /// Lets something happen after a while.
    pub fn put_in(&mut self, wait_ms: u64, thing: T) {
        self.put(self.now_ms + wait_ms, thing);
    }

    /// The next thing; time moves there.
    pub fn take(&mut self) -> Option<T> {
        let ((at_ms, _), thing) = self.entries.pop_first()?;
        self.now_ms = at_ms;
        Some(thing)
    }

    /// When the next thing happens.
    pub fn next_ms(&self) -> Option<u64> {
        self.entries.keys().next().map(|(at_ms, _)| *at_ms)
    }

    /// Takes out what is not to happen after all.
    pub fn retain(&mut self, mut keep: impl FnMut(u64, &mut T) -> bool) {
        self.entries.retain(|(at_ms, _), thing| keep(*at_ms, thing));
    }

    /// Everything to come.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.entries.values()
    }
}

impl<T> Default for Agenda<T> {
    fn default() -> Self {
        Self::new()
    }
}
