//! The shipped driver and engine over memory, spoken to as a page does.

use crate::native::{Calls, NativeFiles};
use crate::server::Server;
use holm::doc::json;
use holm::doc::value::Value;
use holm::driver::{Driver, Ports};
use holm::engine::message;
use holm::event::Event;
use holm::ids::TabId;
use holm::platform::clock::Clock;
use holm::platform::disk::Files;
use holm::platform::inbox::Inbox;
use holm::platform::memory::{
    Air, LockTable, LoopbackTransport, ManualClock, MemoryChannel, MemoryDisk, MemoryFiles,
    MemoryLocks, NowhereTransport, Posts, SeededEntropy, Time,
};
use holm::platform::transport::Transport;
use std::path::PathBuf;

const TAB: TabId = TabId(1);
/// The name of its database.
pub const DATABASE: &str = "bench";
/// After so many requests a page says which answers have arrived.
const CONFIRMED_EVERY: u64 = 32;

/// Where a database is and with whom it synchronises.
#[derive(Clone, Default)]
pub struct Setup {
    /// As a page sends it.
    pub schema: String,
    /// Where its files are; none are in memory.
    pub folder: Option<PathBuf>,
    /// What its files were asked for.
    pub calls: Calls,
    /// None: what is written waits for one for ever, unless it is local.
    pub server: Option<Server>,
}

impl Setup {
    fn files(&self, inbox: Inbox) -> Box<dyn Files> {
        match self.folder.clone() {
            None => Box::new(MemoryFiles::new(MemoryDisk::default(), inbox)),
            Some(folder) => Box::new(NativeFiles::new(folder, self.calls.clone(), inbox)),
        }
    }

    fn transport(&self, time: &Time, inbox: Inbox) -> Box<dyn Transport> {
        let (Some(server), time) = (self.server.clone(), time.clone()) else {
            return Box::new(NowhereTransport::new(inbox));
        };
        let mut clock = ManualClock::new(time, inbox.clone());
        let serve = move |frame: &str| server.serve(frame, clock.wall_ms());
        Box::new(LoopbackTransport::new(inbox, Box::new(serve)))
    }
}

/// A page and its engine.
pub struct Device {
    driver: Driver,
    inbox: Inbox,
    posts: Posts,
    time: Time,
    number: u64,
    patches: Vec<Value>,
    /// Rows of an answer that has not come to its end.
    parts: Vec<Value>,
}

impl Device {
    /// An open database.
    pub fn open(setup: &Setup) -> Self {
        let (inbox, posts) = (Inbox::default(), Posts::default());
        let time = Time::new(1_800_000_000_000);
        let ports = Ports {
            files: setup.files(inbox.clone()),
            clock: Box::new(ManualClock::new(time.clone(), inbox.clone())),
            entropy: Box::new(SeededEntropy::new(1)),
            transport: setup.transport(&time, inbox.clone()),
            channel: Box::new(MemoryChannel::new(
                posts.clone(),
                Air::default(),
                inbox.clone(),
            )),
            locks: Box::new(MemoryLocks::new(LockTable::default(), inbox.clone())),
        };
        let mut device = Self {
            driver: Driver::new(ports, inbox.clone()),
            inbox,
            posts,
            time,
            number: 0,
            patches: Vec::new(),
            parts: Vec::new(),
        };
        let sync = match setup.server {
            Some(_) => r#","sync":{"url":"http://server","space":"bench"}"#,
            None => "",
        };
        device.ask(&format!(
            r#""kind":"open","name":"{DATABASE}","schema":{},"durability":"strict"{sync}"#,
            setup.schema
        ));
        device
    }

    /// Sends a request and gives the notices that came, undecoded.
    fn send(&mut self, body: &str) -> Vec<Vec<u8>> {
        self.number += 1;
        let text = format!(
            r#"{{"tab":1,"requests":[{{"number":{},{body}}}]}}"#,
            self.number
        );
        self.inbox.push(Event::Request {
            tab: TAB,
            bytes: message::write(json::read(text.as_bytes()).expect("it is JSON")),
        });
        self.driver.run();
        self.posts
            .take()
            .into_iter()
            .map(|(_, bytes)| bytes)
            .collect()
    }

    /// Sends a request and gives its answer. Patches that come beside it are kept.
    fn ask(&mut self, body: &str) -> Value {
        let posts = self.send(body);
        self.take(posts)
    }

    /// Lets everything happen that is due. Gives the answer that came, if one did.
    fn take_notices(&mut self) -> Value {
        self.driver.run();
        let posts = self.posts.take();
        self.take(posts.into_iter().map(|(_, bytes)| bytes).collect())
    }

    fn take(&mut self, posts: Vec<Vec<u8>>) -> Value {
        let mut answer = Value::Null;
        for bytes in posts {
            for notice in &message::notices(&bytes) {
                match notice.get("kind").and_then(Value::as_str) {
                    Some("reply") => answer = accepted(notice),
                    Some("token") => drop(self.send(r#""kind":"token","token":"demo""#)),
                    Some("part") => self.parts.extend(rows_of(notice).iter().cloned()),
                    Some("patch" | "result") => self.patches.push(notice.clone()),
                    _ => {}
                }
            }
        }
        answer
    }

    /// Writes operations; they are saved when this returns.
    pub fn write(&mut self, ops: &str) {
        let answer = self.ask(&format!(r#""kind":"write","ops":[{ops}]"#));
        assert!(answer.get("entry").is_some(), "the write is saved");
        if self.number.is_multiple_of(CONFIRMED_EVERY) {
            let before = self.number;
            self.ask(&format!(r#""kind":"confirm","upTo":{before}"#));
        }
    }

    /// Synchronises until the server has everything and everything has come back.
    pub fn sync(&mut self) {
        let mut answer = self.ask(r#""kind":"sync""#);
        for _ in 0..10_000 {
            if answer != Value::Null {
                return;
            }
            self.time.advance(100);
            answer = self.take_notices();
        }
        panic!("it was never in step");
    }

    /// The bytes that answer a query, as the page gets them.
    pub fn get(&mut self, query: &str) -> Vec<u8> {
        let posts = self.send(&format!(r#""kind":"get","query":{query}"#));
        posts.concat()
    }

    /// Goes through all documents as an export does, in pieces. Gives how many there were.
    pub fn export(&mut self) -> usize {
        let (mut count, mut after) = (0, String::from("null"));
        loop {
            let answer = self.ask(&format!(r#""kind":"export","after":{after}"#));
            let lines = answer.get("lines").and_then(Value::as_list);
            count += lines.unwrap_or_default().len();
            match answer.get("next").and_then(Value::as_str) {
                Some(next) => after = format!(r#""{next}""#),
                None => return count,
            }
        }
    }

    /// The ids of a query's rows.
    pub fn ids(&mut self, query: &str) -> Vec<String> {
        let answer = self.ask(&format!(r#""kind":"get","query":{query}"#));
        self.ids_of(&answer)
    }

    /// Those of rows that came in parts first.
    fn ids_of(&mut self, last: &Value) -> Vec<String> {
        let mut rows = std::mem::take(&mut self.parts);
        rows.extend(rows_of(last).iter().cloned());
        ids(&rows)
    }

    /// Opens a live query and gives the ids of its first result.
    pub fn subscribe(&mut self, query: &str) -> Vec<String> {
        self.ask(&format!(
            r#""kind":"subscribe","subscription":1,"query":{query}"#
        ));
        let result = self.patches.pop().expect("the result comes first");
        self.ids_of(&result)
    }

    /// Moves a list of ids by the patches that have come, as `docs/PAGE.md` says.
    pub fn apply_patches(&mut self, list: &mut Vec<String>) {
        for patch in std::mem::take(&mut self.patches) {
            let part = |name: &str| patch.get(name).and_then(Value::as_list).unwrap_or_default();
            let place = |value: &Value, at: usize| {
                value
                    .as_list()
                    .and_then(|pair| pair.get(at))
                    .and_then(Value::as_u64)
                    .unwrap_or(0)
            };
            let mut gone: Vec<u64> = part("removes").iter().filter_map(Value::as_u64).collect();
            let mut came: Vec<(u64, String)> = Vec::new();
            for each in part("moves") {
                gone.push(place(each, 0));
                let id = list
                    .get(place(each, 0) as usize)
                    .expect("a move is of a row")
                    .clone();
                came.push((place(each, 1), id));
            }
            for each in part("inserts") {
                let row = each.as_list().and_then(|pair| pair.get(1)).cloned();
                came.extend(ids(row.as_slice()).pop().map(|id| (place(each, 0), id)));
            }
            gone.sort_unstable();
            for at in gone.into_iter().rev() {
                list.remove(at as usize);
            }
            came.sort();
            for (at, id) in came {
                list.insert(at as usize, id);
            }
        }
    }
}

fn accepted(reply: &Value) -> Value {
    let ok = reply.get("ok");
    ok.unwrap_or_else(|| panic!("it is refused: {reply:?}"))
        .clone()
}

fn rows_of(notice: &Value) -> &[Value] {
    let rows = notice.get("rows").and_then(Value::as_list);
    rows.unwrap_or_default()
}

fn ids(rows: &[Value]) -> Vec<String> {
    let id = |row: &Value| row.as_list()?.first()?.as_str().map(String::from);
    rows.iter().filter_map(id).collect()
}
