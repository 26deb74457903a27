//! The ports of a simulated worker: every call becomes a wish, which the world grants in its own
//! time, or never.

mod disk;

pub use disk::SlowFiles;

use holm::driver::Ports;
use holm::event::Event;
use holm::ids::{FileId, TabId, Ticket};
use holm::platform::channel::TabChannel;
use holm::platform::clock::Clock;
use holm::platform::entropy::Entropy;
use holm::platform::inbox::Inbox;
use holm::platform::memory::{LockTable, MemoryLocks};
use holm::platform::torn::TornFiles;
use holm::platform::transport::Transport;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// What a worker wants of the world.
#[derive(Debug)]
pub enum Wish {
    /// A message for a page.
    Post(TabId, Vec<u8>),
    /// A connection.
    Connect(u64),
    /// A frame on the connection.
    Send(String),
    /// No connection.
    Disconnect,
    /// A tick at this time of the worker's monotonic clock.
    WakeAt(u64),
    /// Something of the disk has completed.
    Completed(Event),
    /// A flush.
    Flush(FileId, Ticket),
}

/// What one worker wished and nobody has taken. Clones share it.
#[derive(Clone, Default)]
pub struct Wishes(Rc<RefCell<Vec<Wish>>>);

impl Wishes {
    /// Adds one.
    pub fn add(&self, wish: Wish) {
        self.0.borrow_mut().push(wish);
    }

    /// Takes all, oldest first.
    pub fn take(&self) -> Vec<Wish> {
        self.0.take()
    }
}

/// What a worker's clock shows. Clones share it.
#[derive(Clone, Default)]
pub struct Hands {
    /// Milliseconds since 1970, as the device believes.
    pub wall_ms: Rc<Cell<u64>>,
    /// Milliseconds since the worker began.
    pub monotonic_ms: Rc<Cell<u64>>,
}

/// Makes the six ports of a worker.
pub fn ports(
    files: Rc<RefCell<TornFiles>>,
    completions: Inbox,
    wishes: &Wishes,
    hands: Hands,
    entropy: Box<dyn Entropy>,
    locks: (LockTable, Inbox),
) -> Ports {
    Ports {
        files: Box::new(SlowFiles::new(files, completions, wishes.clone())),
        clock: Box::new(SkewedClock {
            hands,
            wishes: wishes.clone(),
        }),
        entropy,
        transport: Box::new(Wire(wishes.clone())),
        channel: Box::new(PostOnly(wishes.clone())),
        locks: Box::new(MemoryLocks::new(locks.0, locks.1)),
    }
}

/// A clock that shows what the world lets it show.
struct SkewedClock {
    hands: Hands,
    wishes: Wishes,
}

impl Clock for SkewedClock {
    fn wall_ms(&mut self) -> u64 {
        self.hands.wall_ms.get()
    }

    fn monotonic_ms(&mut self) -> u64 {
        self.hands.monotonic_ms.get()
    }

    fn wake_at(&mut self, monotonic_ms: u64) {
        self.wishes.add(Wish::WakeAt(monotonic_ms));
    }
}

/// The network as the world has it.
struct Wire(Wishes);

impl Transport for Wire {
    fn connect(&mut self, connection: u64, _url: &str) {
        self.0.add(Wish::Connect(connection));
    }

    fn send(&mut self, frame: &str) {
        self.0.add(Wish::Send(frame.into()));
    }

    fn disconnect(&mut self) {
        self.0.add(Wish::Disconnect);
    }
}

/// A channel to the worker's own page; no other tab listens.
struct PostOnly(Wishes);

impl TabChannel for PostOnly {
    fn post(&mut self, tab: TabId, bytes: Vec<u8>) {
        self.0.add(Wish::Post(tab, bytes));
    }

    fn join(&mut self, _name: &str) {}

    fn broadcast(&mut self, _bytes: &[u8]) {}
}
