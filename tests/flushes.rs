//! Flushes that come late, or fail.
//!
//! `relaxed` promises that what is saved outlives the tab. So where only what was flushed does, the
//! answer waits for the flush all the same.

#![allow(clippy::unwrap_used, missing_docs)]

use holm::effect::Effect;
use holm::engine::Engine;
use holm::event::{Event, Input};
use holm::ids::TabId;
use holm::platform::disk::{DiskError, Files, Survival};
use holm::platform::inbox::Inbox;
use holm::platform::memory::{MemoryDisk, MemoryFiles};

const SCHEMA: &str = r#"{"version":1,"collections":{"notes":{"fields":[
    {"name":"text","kind":"string"}]}}}"#;

const WRITE: &str = r#""kind":"write","ops":[
    {"op":"insert","collection":"notes","id":"a","fields":{"text":"x"}}]"#;

fn open(durability: &str) -> String {
    format!(r#""kind":"open","name":"test","durability":"{durability}","schema":{SCHEMA}"#)
}

/// An engine and its files; flushes are left to the test.
struct Rig {
    engine: Engine,
    inbox: Inbox,
    files: MemoryFiles,
    survival: Survival,
    flushes: Vec<Effect>,
    posts: Vec<String>,
}

impl Rig {
    fn new(survival: Survival) -> Self {
        let inbox = Inbox::default();
        Self {
            engine: Engine::new(),
            files: MemoryFiles::new(MemoryDisk::default(), inbox.clone()),
            inbox,
            survival,
            flushes: Vec::new(),
            posts: Vec::new(),
        }
    }

    fn request(&mut self, number: u32, body: &str) {
        let text = format!(r#"{{"tab":1,"requests":[{{"number":{number},{body}}}]}}"#);
        self.inbox.push(Event::Request {
            tab: TabId(1),
            bytes: text.into_bytes(),
        });
        self.run();
    }

    fn run(&mut self) {
        while let Some(mut event) = self.inbox.pop() {
            if let Event::Listed { survival, .. } = &mut event {
                *survival = self.survival;
            }
            let effects = self.engine.step(&Input::default(), event, &mut self.files);
            for effect in effects {
                self.perform(effect);
            }
        }
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::RequestLock { .. } => self.inbox.push(Event::LockGranted),
            Effect::ListFiles { database } => self.files.list(&database),
            Effect::MakeFile { name } => self.files.make(&name),
            Effect::Flush { .. } => self.flushes.push(effect),
            Effect::Post { bytes, .. } => self.posts.push(String::from_utf8(bytes).unwrap()),
            _ => {}
        }
    }

    fn flush(&mut self, result: &Result<(), DiskError>) {
        while let Some(Effect::Flush { ticket, .. }) = self.flushes.pop() {
            let result = result.clone();
            self.inbox.push(Event::Flushed { ticket, result });
            self.run();
        }
    }

    fn is_answered(&self, number: u32) -> bool {
        let reply = format!(r#""kind":"reply","number":{number},"ok""#);
        self.posts.iter().any(|post| post.contains(&reply))
    }
}

/// Whether a relaxed write is answered before it is flushed, and after.
fn answered(survival: Survival) -> (bool, bool) {
    let mut rig = Rig::new(survival);
    rig.request(1, &open("relaxed"));
    rig.flush(&Ok(()));
    assert!(rig.is_answered(1), "{:?}", rig.posts);
    rig.request(2, WRITE);
    let before = rig.is_answered(2);
    rig.flush(&Ok(()));
    (before, rig.is_answered(2))
}

#[test]
fn a_relaxed_write_is_saved_when_it_outlives_the_tab() {
    assert_eq!(answered(Survival::Written), (true, true));
    assert_eq!(answered(Survival::Flushed), (false, true));
    // Nothing outlives it in memory, and waiting would not help.
    assert_eq!(answered(Survival::Nothing), (true, true));
}

#[test]
fn a_database_whose_first_flush_fails_opens_for_reading() {
    let mut rig = Rig::new(Survival::Flushed);
    rig.request(1, &open("strict"));
    rig.flush(&Err(DiskError::Full));
    assert!(rig.is_answered(1), "{:?}", rig.posts);
    let told = rig.posts.last().unwrap();
    assert!(told.contains(r#""state":"failed""#), "{told}");
    rig.request(2, r#""kind":"get","query":{"from":"notes"}"#);
    assert!(rig.is_answered(2));
    rig.request(3, WRITE);
    let told = rig.posts.last().unwrap();
    assert!(told.contains("storage_failed"), "{told}");
}
