//! What the driver makes of the engine's effects.

#![allow(clippy::unwrap_used, missing_docs)]

use holm::driver::{Driver, Ports};
use holm::engine::Engine;
use holm::event::Event;
use holm::ids::{FileId, TabId, Ticket};
use holm::platform::clock::Clock;
use holm::platform::disk::{Access, Disk, DiskError, Files, Survival, When};
use holm::platform::inbox::Inbox;
use holm::platform::memory::{
    Air, LockTable, ManualClock, MemoryChannel, MemoryLocks, NowhereTransport, Posts,
    SeededEntropy, Time,
};
use holm::platform::torn::{TornDisk, TornFiles};
use holm::store::Sizes;
use std::cell::RefCell;
use std::rc::Rc;

const OPEN: &str = r#""kind":"open","name":"test","durability":"strict","schema":{
    "version":1,"collections":{"notes":{"local":true,"fields":[
        {"name":"text","kind":"string"}]}}}"#;
const SIZES: Sizes = Sizes {
    memtable_bytes: 4_000,
    block_bytes: 500,
    slice_bytes: 500,
    cache_bytes: 100_000,
    reserve_bytes: 0,
};

/// Keeps the flushes for later until they are asked for.
struct Patient {
    files: TornFiles,
    later: Rc<RefCell<Vec<(FileId, Ticket)>>>,
}

impl Disk for Patient {
    fn read(&mut self, file: FileId, offset: u64, into: &mut [u8]) -> Result<usize, DiskError> {
        self.files.read(file, offset, into)
    }

    fn write(&mut self, file: FileId, offset: u64, bytes: &[u8]) -> Result<usize, DiskError> {
        self.files.write(file, offset, bytes)
    }

    fn truncate(&mut self, file: FileId, length: u64) -> Result<(), DiskError> {
        self.files.truncate(file, length)
    }

    fn size(&mut self, file: FileId) -> Result<u64, DiskError> {
        self.files.size(file)
    }
}

impl Files for Patient {
    fn list(&mut self, name: &str, access: Access) {
        self.files.list(name, access);
    }

    fn make(&mut self, name: &str) {
        self.files.make(name);
    }

    fn remove(&mut self, name: &str) {
        self.files.remove(name);
    }

    fn flush(&mut self, file: FileId, ticket: Ticket, when: When) {
        match when {
            When::Now => self.files.flush(file, ticket, when),
            When::Later => self.later.borrow_mut().push((file, ticket)),
        }
    }

    fn close(&mut self) {
        self.files.close();
    }

    fn kind(&self) -> &'static str {
        self.files.kind()
    }

    fn survives(&self) -> Survival {
        self.files.survives()
    }
}

/// A clock whose alarms go off when time passes, and not before.
struct Later(ManualClock);

impl Clock for Later {
    fn wall_ms(&mut self) -> u64 {
        self.0.wall_ms()
    }

    fn monotonic_ms(&mut self) -> u64 {
        self.0.monotonic_ms()
    }

    fn wake_at(&mut self, monotonic_ms: u64) {
        let soonest = self.0.monotonic_ms() + 1;
        self.0.wake_at(monotonic_ms.max(soonest));
    }
}

#[test]
fn a_flush_that_nobody_waits_for_is_left_for_later() {
    let inbox = Inbox::default();
    let (mail, time) = (Posts::default(), Time::new(1_000));
    let later = Rc::new(RefCell::new(Vec::new()));
    let files = Patient {
        files: TornDisk::new().files(inbox.clone()),
        later: later.clone(),
    };
    let ports = Ports {
        files: Box::new(files),
        clock: Box::new(Later(ManualClock::new(time.clone(), inbox.clone()))),
        entropy: Box::new(SeededEntropy::new(1)),
        transport: Box::new(NowhereTransport::new(inbox.clone())),
        channel: Box::new(MemoryChannel::new(
            mail.clone(),
            Air::default(),
            inbox.clone(),
        )),
        locks: Box::new(MemoryLocks::new(LockTable::default(), inbox.clone())),
    };
    let mut driver = Driver::with_engine(Engine::with_sizes(SIZES), ports, inbox.clone());
    // Gives whether it was answered at once, and how many flushes came later.
    let mut ask = |number: u64, body: &str| {
        let text = format!(r#"{{"tab":1,"requests":[{{"number":{number},{body}}}]}}"#);
        let (tab, bytes) = (TabId(1), text.into_bytes());
        inbox.push(Event::Request { tab, bytes });
        driver.run();
        let posted = mail.take();
        let is_saved = posted
            .iter()
            .any(|(_, bytes)| String::from_utf8_lossy(bytes).contains(r#""ok":{"entry""#));
        let mut count = 0;
        loop {
            while let Some((file, ticket)) = later.take().pop() {
                driver.ports_mut().files.flush(file, ticket, When::Now);
                driver.run();
                count += 1;
            }
            time.advance(1);
            if inbox.is_empty() {
                return (is_saved, count);
            }
            driver.run();
        }
    };
    ask(1, OPEN);
    let mut were_later = 0;
    for number in 2..60 {
        let text = "x".repeat(900);
        let op = r#""op":"insert","collection":"notes""#;
        let write = format!(
            r#""kind":"write","ops":[{{{op},"id":"{number}","fields":{{"text":"{text}"}}}}]"#
        );
        let (is_saved, count) = ask(number, &write);
        assert!(is_saved, "a write is flushed at once: {number}");
        were_later += count;
    }
    assert!(were_later > 5, "runs were flushed later: {were_later}");
}
