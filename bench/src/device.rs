//! The shipped driver and engine over memory, spoken to as a page does.

use crate::issues::SCHEMA;
use holm::doc::json;
use holm::doc::value::Value;
use holm::driver::{Driver, Ports};
use holm::event::Event;
use holm::ids::TabId;
use holm::platform::inbox::Inbox;
use holm::platform::memory::{
    Air, LockTable, ManualClock, MemoryChannel, MemoryDisk, MemoryFiles, MemoryLocks,
    NowhereTransport, Posts, SeededEntropy, Time,
};

const TAB: TabId = TabId(1);

/// A page and its engine.
pub struct Device {
    driver: Driver,
    inbox: Inbox,
    posts: Posts,
    number: u64,
    patches: Vec<Value>,
}

impl Device {
    /// An open, empty database.
    pub fn open() -> Self {
        let (inbox, posts) = (Inbox::default(), Posts::default());
        let ports = Ports {
            files: Box::new(MemoryFiles::new(MemoryDisk::default(), inbox.clone())),
            clock: Box::new(ManualClock::new(
                Time::new(1_800_000_000_000),
                inbox.clone(),
            )),
            entropy: Box::new(SeededEntropy::new(1)),
            transport: Box::new(NowhereTransport::new(inbox.clone())),
            channel: Box::new(MemoryChannel::new(
                posts.clone(),
                Air::default(),
                inbox.clone(),
            )),
            locks: Box::new(MemoryLocks::new(LockTable::default(), inbox.clone())),
        };
        let driver = Driver::new(ports, inbox.clone());
        let mut device = Self {
            driver,
            inbox,
            posts,
            number: 0,
            patches: Vec::new(),
        };
        device.ask(&format!(
            r#""kind":"open","name":"bench","schema":{SCHEMA},"durability":"strict""#
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
            bytes: text.into_bytes(),
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
        let mut answer = Value::Null;
        for bytes in self.send(body) {
            let message = json::read(&bytes).expect("notices are JSON");
            for notice in message
                .get("messages")
                .and_then(Value::as_list)
                .unwrap_or_default()
            {
                match notice.get("kind").and_then(Value::as_str) {
                    Some("reply") => answer = notice.get("ok").expect("it is not refused").clone(),
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
    }

    /// The bytes that answer a query, as the page gets them.
    pub fn get(&mut self, query: &str) -> Vec<u8> {
        let posts = self.send(&format!(r#""kind":"get","query":{query}"#));
        posts.concat()
    }

    /// The ids of a query's rows.
    pub fn ids(&mut self, query: &str) -> Vec<String> {
        let answer = self.ask(&format!(r#""kind":"get","query":{query}"#));
        ids(answer.get("rows"))
    }

    /// Opens a live query and gives the ids of its first result.
    pub fn subscribe(&mut self, query: &str) -> Vec<String> {
        self.ask(&format!(
            r#""kind":"subscribe","subscription":1,"query":{query}"#
        ));
        let result = self.patches.pop().expect("the result comes first");
        ids(result.get("rows"))
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
                came.extend(
                    ids(row.map(|row| Value::List(vec![row])).as_ref())
                        .pop()
                        .map(|id| (place(each, 0), id)),
                );
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

fn ids(rows: Option<&Value>) -> Vec<String> {
    let rows = rows.and_then(Value::as_list).unwrap_or_default();
    let id = |row: &Value| row.as_list()?.first()?.as_str().map(String::from);
    rows.iter().filter_map(id).collect()
}
