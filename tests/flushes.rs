//! Flushes that come late, or fail; and files that somebody else still has.
//!
//! `relaxed` promises that what is saved outlives the tab. So where only what was flushed does, the
//! answer waits for the flush all the same.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

use holm::doc::json;
use holm::doc::value::Value;
use holm::effect::Effect;
use holm::engine::Engine;
use holm::engine::message;
use holm::event::{Event, Input};
use holm::ids::TabId;
use holm::platform::disk::{DiskError, Files, Survival, When};
use holm::platform::inbox::Inbox;
use holm::platform::torn::{TornDisk, TornFiles};
use holm::store::Sizes;

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
    /// Somebody else has the lock.
    is_locked: bool,
    now_ms: u64,
    /// How often the clock was set.
    alarms: u32,
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
            is_locked: false,
            now_ms: 0,
            alarms: 0,
        }
    }

    /// A rig whose database is open.
    fn opened(survival: Survival) -> Self {
        let mut rig = Self::new(survival);
        rig.request(1, &open("strict"));
        rig.flush(&Ok(()));
        rig
    }

    fn request(&mut self, number: u32, body: &str) {
        let text = format!(r#"{{"tab":1,"requests":[{{"number":{number},{body}}}]}}"#);
        self.inbox.push(Event::Request {
            tab: TabId(1),
            bytes: message::write(json::read(text.as_bytes()).unwrap()),
        });
        self.run();
    }

    fn run(&mut self) {
        while let Some(mut event) = self.inbox.pop() {
            if let Event::Listed { survival, .. } = &mut event {
                *survival = self.survival;
            }
            let input = Input {
                monotonic_ms: self.now_ms,
                ..Input::default()
            };
            let effects = self.engine.step(&input, event, &mut self.files);
            for effect in effects {
                self.perform(effect);
            }
        }
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::RequestLock { .. } => {
                self.locks += 1;
                if !self.is_locked {
                    self.inbox.push(Event::LockGranted);
                }
            }
            Effect::ListFiles { database, access } => self.files.list(&database, access),
            Effect::MakeFile { name } => self.files.make(&name),
            Effect::CloseFiles => self.files.close(),
            Effect::Flush { .. } => self.flushes.push(effect),
            Effect::WakeAt { .. } => self.alarms += 1,
            Effect::Post { bytes, .. } => {
                let notices = Value::List(message::notices(&bytes));
                self.posts.push(json::to_text(&notices));
            }
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

    /// Another worker, with what is in the files.
    fn restart(&mut self) {
        self.files.close();
        self.engine = Engine::new();
        self.flushes.clear();
        self.posts.clear();
    }

    fn tick(&mut self) {
        self.inbox.push(Event::Tick);
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

    fn is_refused(&self, number: u32, code: &str) -> bool {
        let (code, reply) = (
            format!(r#"{{"error":{{"code":"{code}""#),
            format!(r#""kind":"reply","number":{number}}}"#),
        );
        let is_it = |post: &String| post.contains(&code) && post.contains(&reply);
        self.posts.iter().any(is_it)
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
    for attempt in 1..=4 {
        rig.request(attempt, &open("strict"));
        rig.flush(&Err(DiskError::Full));
        assert!(rig.is_reopening(), "{:?}", rig.posts);
    }
    rig.request(7, &open("strict"));
    rig.flush(&Err(DiskError::Full));
    assert!(rig.is_answered(7), "{:?}", rig.posts);
    let told = rig.posts.last().unwrap();
    assert!(told.contains(r#""state":"failed""#), "{told}");
    rig.request(5, r#""kind":"get","query":{"from":"notes"}"#);
    assert!(rig.is_answered(5));
    rig.request(6, WRITE);
    let told = rig.posts.last().unwrap();
    assert!(told.contains("storage_failed"), "{told}");
}

/// A rig whose database was written to and is open again in another worker, where nothing is
/// flushed yet.
fn reopened() -> Rig {
    let mut rig = Rig::opened(Survival::Flushed);
    rig.request(2, WRITE);
    rig.flush(&Ok(()));
    rig.restart();
    rig.request(1, &open("strict"));
    assert!(rig.is_answered(1), "{:?}", rig.posts);
    rig
}

#[test]
fn what_is_read_comes_before_the_flush_of_an_opening() {
    let mut rig = reopened();
    rig.request(3, r#""kind":"get","query":{"from":"notes"}"#);
    assert!(rig.posts.last().unwrap().contains(r#"[["a","x"]]"#));
    assert!(rig.flushes.is_empty());
    rig.now_ms = 999;
    rig.tick();
    assert!(rig.flushes.is_empty());
    rig.now_ms = 1_000;
    rig.tick();
    rig.flush_once(&Ok(()));
}

#[test]
fn a_write_brings_the_flush_of_an_opening() {
    let mut rig = reopened();
    rig.request(3, &WRITE.replace("\"a\"", "\"b\""));
    assert!(!rig.is_answered(3), "{:?}", rig.posts);
    rig.flush_once(&Ok(()));
    assert!(rig.is_answered(3), "{:?}", rig.posts);
}

#[test]
fn a_late_flush_of_an_opening_that_fails_is_followed_by_another_opening() {
    let mut rig = reopened();
    rig.now_ms = 1_000;
    rig.tick();
    rig.flush_once(&Err(DiskError::Full));
    assert!(rig.is_reopening(), "{:?}", rig.posts);
    rig.request(4, &open("strict"));
    assert!(!rig.is_answered(4), "now it waits: {:?}", rig.posts);
    rig.flush(&Ok(()));
    assert!(rig.is_answered(4), "{:?}", rig.posts);
}

#[test]
fn a_write_that_is_found_in_a_log_is_answered_after_a_flush() {
    let mut rig = Rig::opened(Survival::Flushed);
    rig.request(2, WRITE);
    rig.restart();
    rig.request(1, &open("strict"));
    rig.request(2, WRITE);
    assert!(!rig.is_answered(2), "{:?}", rig.posts);
    rig.flush_once(&Ok(()));
    assert!(rig.is_answered(2), "{:?}", rig.posts);
}

/// A clock that is set again starts anew: requests without pause must not do so, or there would
/// never be time for runs.
#[test]
fn requests_without_pause_do_not_put_off_the_work_of_the_store() {
    let mut rig = Rig::opened(Survival::Written);
    let text = "x".repeat(100_000);
    let write = |rig: &mut Rig, number: u32| {
        let write = WRITE.replace("\"a\"", &format!("\"w{number}\""));
        rig.now_ms += 1;
        rig.request(number, &write.replace("\"x\"", &format!("\"{text}\"")));
        rig.flush(&Ok(()));
    };
    for number in 10..50 {
        write(&mut rig, number);
    }
    // Each time there is work anew, and not with each write while there is.
    assert!((1..10).contains(&rig.alarms), "{}", rig.alarms);
    let alarms = rig.alarms;
    rig.tick();
    assert!(rig.alarms > alarms, "it has more");
}

#[cfg(feature = "planted")]
#[test]
fn every_planted_bug_is_caught() {
    let suites: [(&str, fn()); 3] = [
        (
            "engine_found_before_flush",
            a_write_that_is_found_in_a_log_is_answered_after_a_flush,
        ),
        (
            "engine_work_put_off",
            requests_without_pause_do_not_put_off_the_work_of_the_store,
        ),
        (
            "engine_upkeep_flushed_at_once",
            a_flush_that_nobody_waits_for_leaves_a_turn_to_others,
        ),
    ];
    for (bug, suite) in suites {
        holm::planted::choose(bug);
        let is_caught = std::panic::catch_unwind(suite).is_err();
        holm::planted::choose("");
        assert!(is_caught, "{bug}");
    }
}

/// A rig in which the flush of the write with number 2 fails so many times and what was written is
/// gone; the page opens again and asks again each time.
fn failed(times: u32) -> Rig {
    let mut rig = Rig::opened(Survival::Flushed);
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
    let mut rig = Rig::opened(Survival::Flushed);
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
    rig.request(2, WRITE);
    assert!(rig.is_refused(2, "storage_failed"), "{:?}", rig.posts);
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
    let mut rig = Rig::opened(Survival::Flushed);
    rig.request(2, WRITE);
    rig.flush_once(&Err(DiskError::Full));
    let posts = rig.posts.len();
    rig.request(3, r#""kind":"get","query":{"from":"notes"}"#);
    assert_eq!(rig.posts.len(), posts, "{:?}", rig.posts);
    assert!(rig.locks == 1, "the lock is kept");
}

#[test]
fn no_write_is_called_saved_where_no_flush_has_succeeded() {
    let mut rig = Rig::opened(Survival::Written);
    rig.request(2, WRITE);
    rig.flush_once(&Err(DiskError::Full));
    for attempt in 10..13 {
        assert!(rig.is_reopening(), "{:?}", rig.posts);
        rig.request(attempt, &open("strict"));
        rig.flush(&Err(DiskError::Full));
    }
    rig.request(20, &open("strict"));
    rig.flush(&Err(DiskError::Full));
    assert!(rig.is_answered(20), "{:?}", rig.posts);
    // It is in the log that was read, which nobody could make durable.
    rig.request(2, WRITE);
    assert!(!rig.is_answered(2), "{:?}", rig.posts);
    assert!(rig.posts.last().unwrap().contains("storage_failed"));
}

#[test]
fn reopening_ends_also_where_only_later_flushes_fail() {
    let mut rig = Rig::new(Survival::Written);
    for number in 1.. {
        rig.request(number, &open("strict"));
        rig.flush_once(&Ok(()));
        rig.flush_once(&Err(DiskError::Full));
        if !rig.is_reopening() {
            break;
        }
        assert!(number < 10, "it goes on for ever");
    }
}

#[test]
fn writes_that_every_opening_saves_are_never_refused() {
    let mut rig = Rig::opened(Survival::Written);
    for attempt in 0..8 {
        let write = WRITE.replace("\"a\"", &format!("\"w{attempt}\""));
        rig.request(10 + attempt, &write);
        rig.flush_once(&Err(DiskError::Full));
        assert!(rig.is_reopening(), "{:?}", rig.posts);
        rig.request(100 + attempt, &open("strict"));
        rig.flush(&Ok(()));
        rig.request(10 + attempt, &write);
        assert!(rig.is_answered(10 + attempt), "{:?}", rig.posts);
    }
}

#[test]
fn pages_are_told_of_entries_that_are_older_than_the_engine() {
    let mut rig = Rig::opened(Survival::Written);
    rig.request(2, WRITE);
    rig.flush_once(&Err(DiskError::Full));
    rig.request(3, &open("strict"));
    rig.flush(&Ok(()));
    rig.request(2, WRITE);
    rig.request(4, r#""kind":"discard","entry":1"#);
    rig.flush(&Ok(()));
    let is_told =
        |post: &String| post.contains(r#"[{"entry":1,"#) && post.contains(r#""kind":"entry""#);
    assert!(rig.posts.iter().any(is_told), "{:?}", rig.posts);
}

/// Runs that fill up quickly.
const SMALL: Sizes = Sizes {
    memtable_bytes: 2_000,
    block_bytes: 300,
    slice_bytes: 100_000,
    cache_bytes: 0,
    reserve_bytes: 400,
};

#[test]
fn writers_are_told_and_a_database_closes_where_damage_came_before_a_failed_flush() {
    let mut rig = Rig::new(Survival::Written);
    rig.engine = Engine::with_sizes(SMALL);
    rig.request(1, &open("strict"));
    rig.flush(&Ok(()));
    for number in 2..60 {
        rig.request(number, &WRITE.replace("\"a\"", &format!("\"w{number}\"")));
        for _ in 0..4 {
            rig.tick();
            rig.flush(&Ok(()));
        }
    }
    rig.request(100, WRITE);
    for (name, mut content) in rig.contents() {
        if name.starts_with("run") {
            content[16..].iter_mut().for_each(|byte| *byte ^= 0x55);
            rig.disk.set_content("test", &name, content);
        }
    }
    rig.request(101, r#""kind":"get","query":{"from":"notes"}"#);
    rig.flush_once(&Err(DiskError::Full));
    assert!(rig.is_refused(100, "storage_failed"), "{:?}", rig.posts);
    rig.request(102, r#""kind":"close""#);
    assert!(rig.is_answered(102), "{:?}", rig.posts);
}

#[test]
fn an_opening_that_loses_the_lock_is_answered() {
    let mut rig = Rig::new(Survival::Written);
    rig.is_locked = true;
    rig.request(1, &open("strict"));
    rig.inbox.push(Event::LockLost);
    rig.run();
    assert!(
        rig.posts.last().unwrap().contains("database_in_use"),
        "{:?}",
        rig.posts
    );
}

#[test]
fn a_memtable_becomes_a_run_also_while_a_flush_is_always_under_way() {
    let mut rig = Rig::new(Survival::Flushed);
    rig.engine = Engine::with_sizes(SMALL);
    rig.request(1, &open("strict"));
    rig.flush(&Ok(()));
    let write = WRITE.replace("insert", "upsert");
    rig.request(2, &write);
    for number in 3..300 {
        rig.request(number, &write);
        rig.tick();
        rig.flush_once(&Ok(()));
        rig.tick();
    }
    let mut names = rig.contents().into_iter().map(|(name, _)| name);
    assert!(names.any(|name| name.starts_with("run")));
}

#[test]
fn a_flush_that_nobody_waits_for_leaves_a_turn_to_others() {
    let mut rig = Rig::new(Survival::Written);
    rig.engine = Engine::with_sizes(SMALL);
    rig.request(1, &open("strict"));
    rig.flush(&Ok(()));
    let write = WRITE.replace("insert", "upsert");
    let mut were_later = 0;
    for number in 2..60 {
        rig.request(number, &write);
        let when = rig.flushes.iter().map(when_of).next_back();
        assert_eq!(when, Some(When::Now), "a write waits for its flush");
        rig.flush_once(&Ok(()));
        for _ in 0..4 {
            were_later += rig
                .flushes
                .iter()
                .map(when_of)
                .filter(|when| *when == When::Later)
                .count();
            rig.flush(&Ok(()));
            rig.tick();
        }
        rig.flush(&Ok(()));
    }
    assert!(were_later > 5, "runs are flushed later: {were_later}");
}

fn when_of(effect: &Effect) -> When {
    match effect {
        Effect::Flush { when, .. } => *when,
        other => panic!("no flush: {other:?}"),
    }
}

#[test]
fn files_that_a_frozen_tab_still_has_are_read_around_after_a_wait() {
    let mut rig = Rig::opened(Survival::Written);
    rig.request(2, WRITE);
    rig.flush(&Ok(()));
    rig.disk.hold();
    rig.restart();
    let held = rig.contents();
    rig.request(1, &open("strict"));
    for now_ms in [50, 1_000, 1_999] {
        rig.now_ms = now_ms;
        rig.tick();
        assert_eq!(rig.posts, [""; 0], "who dies in time is waited for");
    }
    rig.now_ms = 2_000;
    rig.tick();
    assert!(rig.is_answered(1), "{:?}", rig.posts);
    rig.request(3, &WRITE.replace("\"a\"", "\"b\""));
    rig.flush(&Ok(()));
    assert!(rig.is_answered(3), "{:?}", rig.posts);
    let contents = rig.contents();
    let is_whole = held.iter().all(|file| contents.contains(file));
    assert!(is_whole, "nothing of it is touched");

    rig.disk.let_go();
    rig.restart();
    rig.now_ms += 1;
    rig.request(1, &open("strict"));
    rig.request(4, r#""kind":"get","query":{"from":"notes"}"#);
    let rows = rig.posts.last().unwrap();
    assert!(rows.contains(r#"[["a","x"],["b","x"]]"#), "{rows}");
}
