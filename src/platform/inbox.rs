//! The queue into which ports push what has completed, and from which the driver takes the next
//! event.

use crate::event::Event;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

/// A shared queue of events. Clones share it.
#[derive(Clone, Default)]
pub struct Inbox {
    events: Rc<RefCell<VecDeque<Event>>>,
}

impl Inbox {
    /// Adds an event at the end.
    pub fn push(&self, event: Event) {
        self.events.borrow_mut().push_back(event);
    }

    /// Takes the oldest event.
    pub fn pop(&self) -> Option<Event> {
        self.events.borrow_mut().pop_front()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.events.borrow().is_empty()
    }
}
