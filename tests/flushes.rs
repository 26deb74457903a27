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
use holm::platform::torn::{TornDisk, TornFiles};

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
    disk: TornDisk,
    files: TornFiles,
    survival: Survival,
    flushes: Vec<Effect>,
    posts: Vec<String>,
    /// How often the lock was asked for.
    locks: u32,
}

impl Rig {
    fn new(survival: Survival) -> Self {
        let (inbox, disk) = (Inbox::default(), TornDisk::new());
        Self {
            engine: Engine::new(),
            files: disk.files(inbox.clone()),
            disk,
            inbox,
            survival,
            flushes: Vec::new(),
            posts: Vec::new(),
            locks: 0,
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
            Effect::RequestLock { .. } => {
                self.locks += 1;
                self.inbox.push(Event::LockGranted);
            }
            Effect::ListFiles { database } => self.files.list(&database),
            Effect::MakeFile { name } => self.files.make(&name),
            Effect::CloseFiles => self.files.close(),
            Effect::Flush { .. } => self.flushes.push(effect),
            Effect::Post { bytes, .. } => self.posts.push(String::from_utf8(bytes).unwrap()),
            _ => {}
        }
    }

    /// Answers the flush that is asked for.
    fn flush_once(&mut self, result: &Result<(), DiskError>) {
        let Some(Effect::Flush { ticket, .. }) = self.flushes.pop() else {
            panic!("no flush is asked for")
        };
        let result = result.clone();
        self.inbox.push(Event::Flushed { ticket, result });
        self.run();
    }

    /// What is in the files.
    fn contents(&self) -> Vec<(String, Vec<u8>)> {
        let names = self.disk.names("test").into_iter();
        names
            .map(|name| (name.clone(), self.disk.content("test", &name).unwrap()))
            .collect()
    }

    /// Whether the page was just told to open again.
    fn is_reopening(&self) -> bool {
        let last = self.posts.last().unwrap();
        last.contains(r#""kind":"reopen""#)
    }

    fn flush(&mut self, result: &Result<(), DiskError>) {
        while !self.flushes.is_empty() {
            self.flush_once(result);
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
fn a_database_whose_first_flush_fails_again_and_again_opens_for_reading() {
    let mut rig = Rig::new(Survival::Flushed);
    for attempt in 1..=3 {
        rig.request(attempt, &open("strict"));
        rig.flush(&Err(DiskError::Full));
        assert!(rig.is_reopening(), "{:?}", rig.posts);
    }
    rig.request(4, &open("strict"));
    rig.flush(&Err(DiskError::Full));
    assert!(rig.is_answered(4), "{:?}", rig.posts);
    let told = rig.posts.last().unwrap();
    assert!(told.contains(r#""state":"failed""#), "{told}");
    rig.request(5, r#""kind":"get","query":{"from":"notes"}"#);
    assert!(rig.is_answered(5));
    rig.request(6, WRITE);
    let told = rig.posts.last().unwrap();
    assert!(told.contains("storage_failed"), "{told}");
}

/// A rig in which the flush of the write with number 2 fails so many times and what was written is
/// gone; the page opens again and asks again each time.
fn failed(times: u32) -> Rig {
    let mut rig = Rig::new(Survival::Flushed);
    rig.request(1, &open("strict"));
    rig.flush(&Ok(()));
    for attempt in 0..times {
        let before = rig.contents();
        rig.request(2, WRITE);
        rig.flush_once(&Err(DiskError::Full));
        assert!(rig.is_reopening(), "{:?}", rig.posts);
        for (name, content) in before {
            rig.disk.set_content("test", &name, content);
        }
        rig.request(100 + attempt, &open("strict"));
        rig.flush(&Ok(()));
        assert!(rig.is_answered(100 + attempt), "{:?}", rig.posts);
    }
    rig
}

#[test]
fn a_write_whose_flush_failed_is_asked_for_again_and_saved() {
    let mut rig = failed(3);
    assert!(!rig.posts.iter().any(|post| post.contains("storage_failed")));
    rig.request(2, WRITE);
    rig.flush(&Ok(()));
    assert!(rig.is_answered(2), "{:?}", rig.posts);
    rig.request(3, r#""kind":"get","query":{"from":"notes"}"#);
    assert!(rig.posts.last().unwrap().contains(r#"[["a","x"]]"#));
}

#[test]
fn a_write_that_is_there_in_spite_of_a_failed_flush_is_answered_and_not_done_twice() {
    let mut rig = Rig::new(Survival::Flushed);
    rig.request(1, &open("strict"));
    rig.flush(&Ok(()));
    rig.request(2, WRITE);
    rig.flush_once(&Err(DiskError::Full));
    rig.request(3, &open("strict"));
    assert!(!rig.is_answered(3), "it is not flushed: {:?}", rig.posts);
    rig.flush(&Ok(()));
    rig.request(2, WRITE);
    assert!(rig.is_answered(2), "{:?}", rig.posts);
    rig.request(4, r#""kind":"get","query":{"from":"$outbox"}"#);
    let outbox = rig.posts.last().unwrap();
    assert_eq!(outbox.matches("queued").count(), 1, "{outbox}");
}

#[test]
fn a_write_that_can_never_be_flushed_is_refused_and_the_database_goes_on() {
    let mut rig = failed(4);
    let refusal = r#""kind":"reply","number":2,"error":{"code":"storage_failed""#;
    assert!(
        rig.posts.iter().any(|post| post.contains(refusal)),
        "{:?}",
        rig.posts
    );
    rig.request(3, r#""kind":"get","query":{"from":"notes"}"#);
    assert!(
        rig.posts.last().unwrap().contains(r#""rows":[]"#),
        "{:?}",
        rig.posts
    );
    rig.request(4, &WRITE.replace("\"a\"", "\"b\""));
    rig.flush(&Ok(()));
    assert!(rig.is_answered(4), "{:?}", rig.posts);
}

#[test]
fn requests_that_cross_the_news_of_a_failed_flush_wait_for_the_next_opening() {
    let mut rig = Rig::new(Survival::Flushed);
    rig.request(1, &open("strict"));
    rig.flush(&Ok(()));
    rig.request(2, WRITE);
    rig.flush_once(&Err(DiskError::Full));
    let posts = rig.posts.len();
    rig.request(3, r#""kind":"get","query":{"from":"notes"}"#);
    assert_eq!(rig.posts.len(), posts, "{:?}", rig.posts);
    assert!(rig.locks == 1, "the lock is kept");
}
