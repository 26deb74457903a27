//! A connection to nowhere, and one to a function in the same process.

use crate::event::Event;
use crate::platform::inbox::Inbox;
use crate::platform::transport::Transport;

/// Every connection fails: there is no network.
pub struct NowhereTransport {
    inbox: Inbox,
}

impl NowhereTransport {
    /// Reports its failures into this inbox.
    pub fn new(inbox: Inbox) -> Self {
        Self { inbox }
    }
}

impl Transport for NowhereTransport {
    fn connect(&mut self, connection: u64, _url: &str) {
        self.inbox.push(Event::Disconnected {
            connection,
            reason: "no network".to_string(),
        });
    }

    fn send(&mut self, _frame: &str) {}

    fn disconnect(&mut self) {}
}

/// A server as a function: takes a frame, gives the frames that answer it.
pub type Serve = Box<dyn FnMut(&str) -> Vec<String>>;

/// Every connection succeeds, and every frame is answered at once by a function.
pub struct LoopbackTransport {
    inbox: Inbox,
    serve: Serve,
    connection: Option<u64>,
}

impl LoopbackTransport {
    /// Answers by `serve`.
    pub fn new(inbox: Inbox, serve: Serve) -> Self {
        Self {
            inbox,
            serve,
            connection: None,
        }
    }
}

impl Transport for LoopbackTransport {
    fn connect(&mut self, connection: u64, _url: &str) {
        self.connection = Some(connection);
        self.inbox.push(Event::Connected { connection });
    }

    fn send(&mut self, frame: &str) {
        let Some(connection) = self.connection else {
            return;
        };
        for text in (self.serve)(frame) {
            self.inbox.push(Event::Frame { connection, text });
        }
    }

    fn disconnect(&mut self) {
        self.connection = None;
    }
}
