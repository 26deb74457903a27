//! A device for tests: the shipped driver and engine over the in-memory ports, and a page that
//! speaks its messages.

use holm::doc::json;
use holm::doc::value::Value;
use holm::driver::{Driver, Ports};
use holm::engine::message;
use holm::event::Event;
use holm::ids::TabId;
use holm::platform::clock::Clock;
use holm::platform::inbox::Inbox;
use holm::platform::memory::{
    Air, LockTable, LoopbackTransport, ManualClock, MemoryChannel, MemoryLocks, NowhereTransport,
    Posts, SeededEntropy, Time,
};
use holm::platform::torn::TornDisk;
use holm::protocol::codec::{decode_client, encode_server};
use holm::protocol::message::{ClientMessage, Refusal, ServerMessage};
use holm::protocol::refusal::BAD_FRAME;
use holm::sync::authority::{self, Context, Key};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

/// 2026-01-01, so that times look like times.
pub const NOW_MS: u64 = 1_767_225_600_000;

/// A server in memory: one space, one subject.
#[derive(Clone, Default)]
pub struct Server {
    rows: Rc<RefCell<BTreeMap<Key, Vec<u8>>>>,
    epoch: Rc<RefCell<u32>>,
    pub frames: Rc<RefCell<u32>>,
    pub longest: Rc<RefCell<usize>>,
    /// To so many pushes to come, which are decided all the same, the answer is `bad_frame`.
    pub spoilt: Rc<Cell<u32>>,
}

impl Server {
    fn serve(&self, frame: &str) -> Vec<String> {
        *self.frames.borrow_mut() += 1;
        let mut longest = self.longest.borrow_mut();
        *longest = frame.len().max(*longest);
        let message = match decode_client(frame.as_bytes()) {
            Ok(message) => message,
            Err(refusal) => return vec![encode_server(&ServerMessage::Refused(refusal))],
        };
        let context = Context {
            subject: "ann".into(),
            time_ms: NOW_MS,
            fresh_epoch: format!("epoch-{}", self.epoch.borrow()),
            session: None,
        };
        let mut rows = self.rows.borrow_mut();
        let decision = authority::run(&context, &message, |need| {
            Ok::<_, ()>(need.read_from(&rows))
        });
        let decision = decision.expect("reading memory does not fail");
        for (key, row) in decision.writes {
            match row {
                Some(row) => rows.insert(key, row),
                None => rows.remove(&key),
            };
        }
        let is_push = matches!(message, ClientMessage::Push(_));
        if is_push && self.spoilt.get() > 0 {
            self.spoilt.set(self.spoilt.get() - 1);
            let refusal = Refusal::new(BAD_FRAME, "something before the server does not like it");
            return vec![encode_server(&ServerMessage::Refused(refusal))];
        }
        vec![encode_server(&decision.reply)]
    }

    /// Loses everything and begins a new epoch, as a server that is set up anew.
    pub fn reset(&self) {
        self.rows.borrow_mut().clear();
        *self.epoch.borrow_mut() += 1;
    }
}

/// What lasts beyond a device's process.
#[derive(Clone, Default)]
pub struct Machine {
    pub disk: TornDisk,
    pub locks: LockTable,
    pub air: Air,
}

impl Machine {
    /// Flips a bit of the log where this text stands.
    pub fn damage(&self, text: &str) {
        for name in self.disk.names("test") {
            let mut content = self.disk.content("test", &name).unwrap();
            let at = content
                .windows(text.len())
                .position(|window| window == text.as_bytes());
            if let Some(at) = at {
                content[at] ^= 1;
                self.disk.set_content("test", &name, content);
            }
        }
    }
}

/// A clock whose alarms go off when time passes and not before, if `waits`: so requests come
/// between slices of work.
struct Alarm {
    clock: ManualClock,
    waits: Rc<Cell<bool>>,
}

impl Clock for Alarm {
    fn wall_ms(&mut self) -> u64 {
        self.clock.wall_ms()
    }

    fn monotonic_ms(&mut self) -> u64 {
        self.clock.monotonic_ms()
    }

    fn wake_at(&mut self, monotonic_ms: u64) {
        let soonest = self.clock.monotonic_ms() + u64::from(self.waits.get());
        self.clock.wake_at(monotonic_ms.max(soonest));
    }
}

/// A page and its engine.
pub struct Device {
    driver: Driver,
    inbox: Inbox,
    posts: Posts,
    pub time: Time,
    /// Whether work waits for time to pass.
    pub waits: Rc<Cell<bool>>,
    tab: TabId,
    /// What `open` is asked with.
    pub schema: String,
    next_number: u64,
    /// Notices that came and were not replies, oldest first.
    pub notices: Vec<Value>,
    /// The messages that came last, each with its notices.
    pub messages: Vec<Vec<Value>>,
    replies: BTreeMap<u64, Value>,
}

/// The schema of the tests.
pub const SCHEMA: &str = r#"{"version":1,"collections":{
    "films":{"fields":[
        {"name":"title","kind":"string"},
        {"name":"rating","kind":"float","nullable":true,"index":true},
        {"name":"genre","kind":"enum","values":["Drama","Comedy"],"default":"Drama"},
        {"name":"poster","kind":"bytes","nullable":true},
        {"name":"extra","kind":"json","default":{}},
        {"name":"seen","kind":"bool","default":false,"local":true}]},
    "notes":{"local":true,"fields":[{"name":"text","kind":"string"}]}}}"#;

impl Device {
    /// A device on this machine, with files of its own kind and this server, or none.
    pub fn new(machine: &Machine, tab: u64, server: Option<&Server>) -> Self {
        let inbox = Inbox::default();
        let files = Box::new(machine.disk.files(inbox.clone()));
        let (mail, time) = (Posts::default(), Time::new(NOW_MS));
        let transport: Box<dyn holm::platform::transport::Transport> = match server.cloned() {
            None => Box::new(NowhereTransport::new(inbox.clone())),
            Some(server) => {
                let serve = Box::new(move |frame: &str| server.serve(frame));
                Box::new(LoopbackTransport::new(inbox.clone(), serve))
            }
        };
        let waits = Rc::new(Cell::new(false));
        let ports = Ports {
            files,
            clock: Box::new(Alarm {
                clock: ManualClock::new(time.clone(), inbox.clone()),
                waits: waits.clone(),
            }),
            entropy: Box::new(SeededEntropy::new(tab)),
            transport,
            channel: Box::new(MemoryChannel::new(
                mail.clone(),
                machine.air.clone(),
                inbox.clone(),
            )),
            locks: Box::new(MemoryLocks::new(machine.locks.clone(), inbox.clone())),
        };
        let driver = Driver::new(ports, inbox.clone());
        let (notices, replies) = (Vec::new(), BTreeMap::new());
        Self {
            driver,
            inbox,
            posts: mail,
            time,
            waits,
            tab: TabId(tab),
            schema: SCHEMA.into(),
            next_number: 1,
            notices,
            messages: Vec::new(),
            replies,
        }
    }

    /// An open device; panics if opening is refused.
    pub fn open(machine: &Machine, tab: u64, server: Option<&Server>) -> Self {
        let mut device = Self::new(machine, tab, server);
        device
            .ask_open(server.is_some())
            .expect("the database opens");
        device
    }

    /// Asks to open and gives the answer.
    pub fn ask_open(&mut self, is_synced: bool) -> Result<Value, Value> {
        let sync = if is_synced {
            r#","sync":{"url":"http://server","space":"films"}"#
        } else {
            ""
        };
        let (kind, schema) = (r#""kind":"open","name":"test""#, &self.schema);
        let body = format!(r#"{kind},"durability":"strict","schema":{schema}{sync}"#);
        let number = self.send(&body);
        for _ in 0..50 {
            if let Some(reply) = self.replies.remove(&number) {
                return result(&reply);
            }
            self.advance(100);
        }
        panic!("open was never answered");
    }

    /// Sends a request and gives its number.
    pub fn send(&mut self, body: &str) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        self.send_as(number, body);
        number
    }

    /// Sends a request with a number of its own.
    pub fn send_as(&mut self, number: u64, body: &str) {
        let tab = self.tab.0;
        let text = format!(r#"{{"tab":{tab},"requests":[{{"number":{number},{body}}}]}}"#);
        self.send_message(json::read(text.as_bytes()).expect("it is JSON"));
    }

    fn send_message(&mut self, message: Value) {
        self.inbox.push(Event::Request {
            tab: self.tab,
            bytes: message::write(message),
        });
        self.run();
    }

    /// Sends a request and gives its answer, which must have come.
    pub fn ask(&mut self, body: &str) -> Result<Value, Value> {
        self.come_back()?;
        let number = self.send(body);
        if self.come_back()? && !self.replies.contains_key(&number) {
            self.send_as(number, body);
        }
        let reply = self
            .reply(number)
            .unwrap_or_else(|| panic!("no answer to {body}"));
        result(&reply)
    }

    /// Opens the database again if the engine asks for that, and says whether it did.
    fn come_back(&mut self) -> Result<bool, Value> {
        let is_asked = !self.take_notices("reopen").is_empty();
        if is_asked {
            self.ask_open(true)?;
        }
        Ok(is_asked)
    }

    /// The reply to a request, if it has come.
    pub fn reply(&mut self, number: u64) -> Option<Value> {
        self.replies.remove(&number)
    }

    /// Writes operations and gives the answer.
    pub fn write(&mut self, ops: &str) -> Result<Value, Value> {
        self.ask(&format!(r#""kind":"write","ops":[{ops}]"#))
    }

    /// Writes operations in their binary form and gives the answer.
    pub fn write_binary(&mut self, ops: &[u8]) -> Result<Value, Value> {
        let number = self.next_number;
        self.next_number += 1;
        let request = Value::map(vec![
            ("kind".into(), Value::text("write")),
            ("number".into(), Value::int(number as i64)),
            ("ops".into(), Value::Bytes(ops.to_vec())),
        ]);
        let requests = Value::List(vec![request]);
        self.send_message(Value::map(vec![("requests".into(), requests)]));
        result(&self.reply(number).expect("it is answered"))
    }

    /// Ids and titles of all films, in the order of their ids.
    pub fn titles(&mut self) -> Vec<(String, String)> {
        let rows = self.rows(r#"{"from":"films"}"#);
        let text =
            |row: &Value, at: usize| row.as_list().unwrap()[at].as_str().unwrap().to_string();
        rows.iter()
            .map(|row| (text(row, 0), text(row, 1)))
            .collect()
    }

    /// The rows of a query.
    pub fn rows(&mut self, query: &str) -> Vec<Value> {
        let ok = self
            .ask(&format!(r#""kind":"get","query":{query}"#))
            .expect("the query is good");
        self.with_parts(&ok)
    }

    /// The rows of an answer or a result, with those that came in parts before it.
    pub fn with_parts(&mut self, last: &Value) -> Vec<Value> {
        let mut rows = Vec::new();
        let parts = self.take_notices("part");
        for notice in parts.iter().chain([last]) {
            let from = notice.get("from").and_then(Value::as_u64);
            assert_eq!(from, Some(rows.len() as u64), "parts come in their order");
            let more = notice.get("rows").and_then(Value::as_list);
            rows.extend_from_slice(more.expect("rows are a list"));
        }
        rows
    }

    /// States of the outbox entries.
    pub fn outbox(&mut self) -> Vec<String> {
        let rows = self.rows(r#"{"from":"$outbox"}"#);
        rows.iter()
            .map(|row| row.as_list().unwrap()[1].as_str().unwrap().to_string())
            .collect()
    }

    /// Synchronises until the session rests.
    pub fn sync(&mut self) -> Result<Value, Value> {
        self.come_back()?;
        let number = self.send(r#""kind":"sync""#);
        for _ in 0..200 {
            if self.come_back()? {
                return self.sync();
            }
            if let Some(reply) = self.replies.remove(&number) {
                return result(&reply);
            }
            self.advance(500);
        }
        panic!("sync was never answered");
    }

    /// Lets time pass.
    pub fn advance(&mut self, ms: u64) {
        self.time.advance(ms);
        self.run();
    }

    /// Delivers everything; answers the engine's wish for a token.
    pub fn run(&mut self) {
        self.driver.run();
        let posts = self.posts.take();
        let notices = posts.iter().map(|(_, bytes)| message::notices(bytes));
        self.messages = notices.collect();
        for notice in self.messages.concat() {
            self.take(notice);
        }
    }

    fn take(&mut self, notice: Value) {
        match notice.get("kind").and_then(Value::as_str) {
            Some("reply") => {
                let number = notice.get("number").and_then(Value::as_u64).unwrap();
                let before = self.replies.insert(number, notice);
                assert!(before.is_none(), "request {number} was answered twice");
            }
            Some("token") => {
                self.send(r#""kind":"token","token":"demo""#);
            }
            _ => self.notices.push(notice),
        }
    }

    /// A frame from the server, as if it had sent it.
    pub fn frame(&mut self, text: &str) {
        self.late_frame(text);
        self.run();
    }

    /// A frame that waits until the engine runs again.
    pub fn late_frame(&mut self, text: &str) {
        self.inbox.push(Event::Frame {
            connection: 1,
            text: text.into(),
        });
    }

    /// Takes the notices of a kind that have come.
    pub fn take_notices(&mut self, kind: &str) -> Vec<Value> {
        let is_it = |notice: &Value| notice.get("kind").and_then(Value::as_str) == Some(kind);
        let (taken, rest) = std::mem::take(&mut self.notices)
            .into_iter()
            .partition(is_it);
        self.notices = rest;
        taken
    }
}

fn result(reply: &Value) -> Result<Value, Value> {
    match reply.get("ok") {
        Some(ok) => Ok(ok.clone()),
        None => Err(reply
            .get("error")
            .expect("a reply is ok or an error")
            .clone()),
    }
}

/// The code of an error.
pub fn code(result: Result<Value, Value>) -> String {
    result
        .expect_err("it is refused")
        .get("code")
        .and_then(Value::as_str)
        .unwrap()
        .to_string()
}
