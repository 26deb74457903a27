//! A clock that stands still until it is set forward.

use crate::event::Event;
use crate::platform::clock::Clock;
use crate::platform::inbox::Inbox;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// The hands of a [`ManualClock`]: whoever holds them sets the time. Clones share it.
#[derive(Clone)]
pub struct Time {
    hands: Rc<Hands>,
}

struct Hands {
    wall_ms: Cell<u64>,
    monotonic_ms: Cell<u64>,
    alarm_ms: Cell<Option<u64>>,
    /// Of the clock made last.
    inbox: RefCell<Inbox>,
}

impl Time {
    /// A time whose monotonic clock begins at 0.
    pub fn new(wall_ms: u64) -> Self {
        let hands = Hands {
            wall_ms: Cell::new(wall_ms),
            monotonic_ms: Cell::new(0),
            alarm_ms: Cell::new(None),
            inbox: RefCell::default(),
        };
        Self {
            hands: Rc::new(hands),
        }
    }

    /// Lets time pass, and the alarm go off if it is due.
    pub fn advance(&self, ms: u64) {
        self.hands.wall_ms.set(self.hands.wall_ms.get() + ms);
        self.hands
            .monotonic_ms
            .set(self.hands.monotonic_ms.get() + ms);
        self.ring();
    }

    /// Sets the wall clock, forward or back. No time passes.
    pub fn set_wall_ms(&self, wall_ms: u64) {
        self.hands.wall_ms.set(wall_ms);
    }

    /// When the alarm goes off, on the monotonic clock, if it is set.
    pub fn alarm_ms(&self) -> Option<u64> {
        self.hands.alarm_ms.get()
    }

    fn ring(&self) {
        let now = self.hands.monotonic_ms.get();
        if self.hands.alarm_ms.get().is_some_and(|alarm| alarm <= now) {
            self.hands.alarm_ms.set(None);
            self.hands.inbox.borrow().push(Event::Tick);
        }
    }
}

/// The clock that shows a [`Time`].
pub struct ManualClock {
    time: Time,
}

impl ManualClock {
    /// Shows this time, and pushes its alarm into this inbox.
    pub fn new(time: Time, inbox: Inbox) -> Self {
        time.hands.inbox.replace(inbox);
        Self { time }
    }
}

impl Clock for ManualClock {
    fn wall_ms(&mut self) -> u64 {
        self.time.hands.wall_ms.get()
    }

    fn monotonic_ms(&mut self) -> u64 {
        self.time.hands.monotonic_ms.get()
    }

    fn wake_at(&mut self, monotonic_ms: u64) {
        self.time.hands.alarm_ms.set(Some(monotonic_ms));
        self.time.ring();
    }
}
