//! A channel that collects what is posted to pages, and carries what is broadcast to those who
//! share the air.

use crate::event::Event;
use crate::ids::TabId;
use crate::platform::channel::TabChannel;
use crate::platform::inbox::Inbox;
use crate::sorted::SortedMap;
use std::cell::RefCell;
use std::rc::Rc;

/// A page, and what was posted to it.
type Post = (TabId, Vec<u8>);

/// What was posted and not yet taken, oldest first. Clones share it.
#[derive(Clone, Default)]
pub struct Posts {
    posts: Rc<RefCell<Vec<Post>>>,
}

impl Posts {
    /// Takes everything that was posted.
    pub fn take(&self) -> Vec<Post> {
        self.posts.take()
    }
}

/// What broadcasts travel through. Clones share it.
#[derive(Clone, Default)]
pub struct Air {
    listeners: Rc<RefCell<Listeners>>,
}

#[derive(Default)]
struct Listeners {
    by_number: SortedMap<u64, (String, Inbox)>,
    last: u64,
}

/// One worker's end.
pub struct MemoryChannel {
    posts: Posts,
    air: Air,
    inbox: Inbox,
    number: Option<u64>,
}

impl MemoryChannel {
    /// One that has joined nothing.
    pub fn new(posts: Posts, air: Air, inbox: Inbox) -> Self {
        Self {
            posts,
            air,
            inbox,
            number: None,
        }
    }

    fn leave(&mut self) {
        if let Some(number) = self.number.take() {
            self.air.listeners.borrow_mut().by_number.remove(&number);
        }
    }
}

impl TabChannel for MemoryChannel {
    fn post(&mut self, tab: TabId, bytes: Vec<u8>) {
        self.posts.posts.borrow_mut().push((tab, bytes));
    }

    fn join(&mut self, name: &str) {
        self.leave();
        let mut listeners = self.air.listeners.borrow_mut();
        listeners.last += 1;
        let number = listeners.last;
        listeners
            .by_number
            .insert(number, (name.to_string(), self.inbox.clone()));
        self.number = Some(number);
    }

    fn broadcast(&mut self, bytes: &[u8]) {
        let listeners = self.air.listeners.borrow();
        let own = self
            .number
            .and_then(|number| listeners.by_number.get(&number));
        let Some((channel, _)) = own else { return };
        for (number, (name, inbox)) in &listeners.by_number {
            if name == channel && Some(*number) != self.number {
                inbox.push(Event::Broadcast {
                    bytes: bytes.to_vec(),
                });
            }
        }
    }
}

impl Drop for MemoryChannel {
    fn drop(&mut self) {
        self.leave();
    }
}
