//! A device: its disk, its clock, its page and app, and the worker that runs the shipped engine in
//! the shipped driver.

use crate::app::App;
use crate::dice::Dice;
use crate::fact::Place;
use crate::page::Page;
use crate::plan::{BEGIN_MS, Skew};
use crate::ports::{Hands, Wish, Wishes, ports};
use holm::driver::Driver;
use holm::engine::Engine;
use holm::event::Event;
use holm::ids::{FileId, Ticket};
use holm::platform::disk::{Files, When};
use holm::platform::inbox::Inbox;
use holm::platform::memory::{LockTable, SeededEntropy};
use holm::platform::torn::{TornDisk, TornFiles};
use holm::store::Sizes;
use std::cell::RefCell;
use std::rc::Rc;

/// So small that every world makes runs and merges them.
const SIZES: Sizes = Sizes {
    memtable_bytes: 12_000,
    block_bytes: 500,
    slice_bytes: 2_000,
    cache_bytes: 20_000,
    reserve_bytes: 400,
};

/// A worker.
pub struct Process {
    /// Its number on its device.
    pub number: u64,
    /// The alarm that counts; one set before does not ring.
    pub alarm: u64,
    /// The connection it has.
    pub wire: Option<u64>,
    /// When the last message between page and worker arrives, each way.
    pub last_ms: (u64, u64),
    driver: Driver,
    inbox: Inbox,
    files: Rc<RefCell<TornFiles>>,
    completions: Inbox,
    wishes: Wishes,
    hands: Hands,
    began_ms: u64,
}

/// See the head of the file.
pub struct Device {
    /// Its position.
    pub index: usize,
    /// Whose it is: a copy is its original's user's.
    pub user: usize,
    /// What it stores.
    pub disk: TornDisk,
    /// How its clock goes.
    pub skew: Skew,
    /// Its page.
    pub page: Page,
    /// The page's app.
    pub app: App,
    /// The token its user has.
    pub token: u64,
    /// Until when it has no network.
    pub partition_until_ms: u64,
    /// Its worker.
    pub process: Option<Process>,
    /// Workers that do nothing any more but still hold the lock.
    pub dying: Vec<Process>,
    locks: LockTable,
    processes: u64,
    dice: Dice,
}

impl Device {
    /// A device on which the database was never opened.
    pub fn new(index: usize, skew: Skew, page: Page, mut dice: Dice) -> Self {
        Self {
            index,
            user: index,
            disk: TornDisk::new(),
            skew,
            page,
            app: App::new(index, dice.fork()),
            token: 1,
            partition_until_ms: 0,
            process: None,
            dying: Vec::new(),
            locks: LockTable::default(),
            processes: 0,
            dice,
        }
    }

    /// Starts a worker.
    pub fn start(&mut self, now_ms: u64) {
        self.processes += 1;
        let (inbox, completions) = (Inbox::default(), Inbox::default());
        let (wishes, hands) = (Wishes::default(), Hands::default());
        let files = Rc::new(RefCell::new(self.disk.files(completions.clone())));
        let entropy = Box::new(SeededEntropy::new(self.dice.draw()));
        let locks = (self.locks.clone(), inbox.clone());
        let ports = ports(
            files.clone(),
            completions.clone(),
            &wishes,
            hands.clone(),
            entropy,
            locks,
        );
        self.process = Some(Process {
            number: self.processes,
            alarm: 0,
            wire: None,
            last_ms: (0, 0),
            driver: Driver::with_engine(Engine::with_sizes(SIZES), ports, inbox.clone()),
            inbox,
            files,
            completions,
            wishes,
            hands,
            began_ms: now_ms,
        });
    }

    /// Where its worker is.
    pub fn place(&self) -> Place {
        Place {
            device: self.index,
            process: self.processes,
        }
    }

    /// Its worker, if it is this one.
    pub fn current(&mut self, number: u64) -> Option<&mut Process> {
        self.process
            .as_mut()
            .filter(|process| process.number == number)
    }

    /// What its wall clock shows.
    pub fn wall_ms(&self, now_ms: u64) -> u64 {
        let drift = now_ms as i64 * self.skew.drift_ppm / 1_000_000;
        (BEGIN_MS + now_ms).saturating_add_signed(self.skew.ahead_ms + drift)
    }

    /// Lets the worker take what waits for it. Gives what it wishes.
    pub fn run(&mut self, now_ms: u64) -> Vec<Wish> {
        let wall_ms = self.wall_ms(now_ms);
        let Some(process) = &mut self.process else {
            return Vec::new();
        };
        process.hands.wall_ms.set(wall_ms);
        process.hands.monotonic_ms.set(now_ms - process.began_ms);
        process.driver.run();
        process.wishes.take()
    }
}

impl Process {
    /// Puts an event into the worker's inbox.
    pub fn give(&self, event: Event) {
        self.inbox.push(event);
    }

    /// Flushes. Gives the event that says so, for later.
    pub fn flush(&self, file: FileId, ticket: Ticket) -> Option<Event> {
        self.files.borrow_mut().flush(file, ticket, When::Now);
        self.completions.pop()
    }

    /// The true time of a moment on the worker's monotonic clock.
    pub fn true_ms(&self, monotonic_ms: u64) -> u64 {
        self.began_ms + monotonic_ms
    }
}
