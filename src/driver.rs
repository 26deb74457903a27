//! The one loop that owns the ports: takes an event, steps the engine, performs the effects.
//!
//! The same driver runs in a tab, in Node, natively and in the simulator. It decides nothing.

use crate::effect::Effect;
use crate::engine::Engine;
use crate::event::Input;
use crate::ids::{FileId, Ticket};
use crate::platform::channel::TabChannel;
use crate::platform::clock::Clock;
use crate::platform::disk::{Files, When};
use crate::platform::entropy::Entropy;
use crate::platform::inbox::Inbox;
use crate::platform::locks::Locks;
use crate::platform::transport::Transport;

/// One of each port.
pub struct Ports {
    /// Storage.
    pub files: Box<dyn Files>,
    /// Times.
    pub clock: Box<dyn Clock>,
    /// Randomness.
    pub entropy: Box<dyn Entropy>,
    /// The connection to the server.
    pub transport: Box<dyn Transport>,
    /// Messages to pages and tabs.
    pub channel: Box<dyn TabChannel>,
    /// Locks among tabs.
    pub locks: Box<dyn Locks>,
}

/// An engine and its ports.
pub struct Driver {
    engine: Engine,
    ports: Ports,
    inbox: Inbox,
    flush: Option<(FileId, Ticket, When)>,
}

impl Driver {
    /// A driver at rest. `inbox` is the one its ports push into.
    pub fn new(ports: Ports, inbox: Inbox) -> Self {
        Self::with_engine(Engine::new(), ports, inbox)
    }

    /// A driver of this engine.
    pub fn with_engine(engine: Engine, ports: Ports, inbox: Inbox) -> Self {
        Self {
            engine,
            ports,
            inbox,
            flush: None,
        }
    }

    /// Steps until the inbox is empty. Flushes wait until then, so that one flush covers all that
    /// was written.
    pub fn run(&mut self) {
        loop {
            while let Some(event) = self.inbox.pop() {
                let input = self.input();
                let effects = self.engine.step(&input, event, &mut *self.ports.files);
                for effect in effects {
                    self.perform(effect);
                }
            }
            match self.flush.take() {
                Some((file, ticket, when)) => self.ports.files.flush(file, ticket, when),
                None => return,
            }
        }
    }

    /// The ports, for whoever made them.
    pub fn ports_mut(&mut self) -> &mut Ports {
        &mut self.ports
    }

    fn input(&mut self) -> Input {
        let mut random = [0; 32];
        self.ports.entropy.fill(&mut random);
        Input {
            wall_ms: self.ports.clock.wall_ms(),
            monotonic_ms: self.ports.clock.monotonic_ms(),
            random,
        }
    }

    fn perform(&mut self, effect: Effect) {
        let ports = &mut self.ports;
        match effect {
            Effect::Post { tab, bytes } => ports.channel.post(tab, bytes),
            Effect::Join { database } => ports.channel.join(&database),
            Effect::Broadcast { bytes } => ports.channel.broadcast(&bytes),
            Effect::RequestLock { database } => ports.locks.request(&database),
            Effect::ReleaseLock => ports.locks.release(),
            Effect::ListFiles { database, access } => ports.files.list(&database, access),
            Effect::MakeFile { name } => ports.files.make(&name),
            Effect::RemoveFile { name } => ports.files.remove(&name),
            Effect::Flush { file, ticket, when } => {
                let waiting = self.flush.replace((file, ticket, when));
                assert!(waiting.is_none(), "the store asks for one flush at a time");
            }
            Effect::CloseFiles => {
                self.flush = None;
                ports.files.close();
            }
            Effect::Connect { connection, url } => ports.transport.connect(connection, &url),
            Effect::Send { text } => ports.transport.send(&text),
            Effect::Disconnect => ports.transport.disconnect(),
            Effect::WakeAt { monotonic_ms } => ports.clock.wake_at(monotonic_ms),
        }
    }
}
