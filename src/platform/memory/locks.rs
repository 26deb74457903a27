//! Locks among those who share a table.

use crate::event::Event;
use crate::platform::inbox::Inbox;
use crate::platform::locks::Locks;
use crate::sorted::SortedMap;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

/// Who holds and who waits. Clones share it.
#[derive(Clone, Default)]
pub struct LockTable {
    table: Rc<RefCell<Table>>,
}

#[derive(Default)]
struct Table {
    /// The first in a queue holds the lock.
    queues: SortedMap<String, VecDeque<(u64, Inbox)>>,
    holders: u64,
}

impl LockTable {
    /// Takes the lock away from its holder, as another tab may; the next in the queue has it.
    pub fn steal(&self, name: &str) {
        let holder = match self
            .table
            .borrow()
            .queues
            .get(name)
            .and_then(VecDeque::front)
        {
            Some((holder, inbox)) => {
                inbox.push(Event::LockLost);
                *holder
            }
            None => return,
        };
        self.leave(name, holder);
    }

    fn enter(&self, name: &str, holder: u64, inbox: Inbox) {
        let mut table = self.table.borrow_mut();
        let queue = table.queues.get_or_default(name.to_string());
        if queue.is_empty() {
            inbox.push(Event::LockGranted);
        }
        queue.push_back((holder, inbox));
    }

    fn leave(&self, name: &str, holder: u64) {
        let mut table = self.table.borrow_mut();
        let Some(queue) = table.queues.get_mut(name) else {
            return;
        };
        let held = queue.front().is_some_and(|(first, _)| *first == holder);
        queue.retain(|(waiting, _)| *waiting != holder);
        if held && let Some((_, inbox)) = queue.front() {
            inbox.push(Event::LockGranted);
        }
    }
}

/// One tab's way to the locks of a table. The lock ends with it.
pub struct MemoryLocks {
    table: LockTable,
    inbox: Inbox,
    asked: Option<(String, u64)>,
}

impl MemoryLocks {
    /// One that holds nothing.
    pub fn new(table: LockTable, inbox: Inbox) -> Self {
        Self {
            table,
            inbox,
            asked: None,
        }
    }
}

impl Locks for MemoryLocks {
    fn request(&mut self, name: &str) {
        self.release();
        let holder = {
            let mut table = self.table.table.borrow_mut();
            table.holders += 1;
            table.holders
        };
        self.asked = Some((name.to_string(), holder));
        self.table.enter(name, holder, self.inbox.clone());
    }

    fn release(&mut self) {
        if let Some((name, holder)) = self.asked.take() {
            self.table.leave(&name, holder);
        }
    }
}

impl Drop for MemoryLocks {
    fn drop(&mut self) {
        self.release();
    }
}
