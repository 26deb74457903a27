//! Writes the golden files of a format version: small databases that every later release must
//! read, and beside each what is in it.
//!
//! They are written once for each version of the format and never again: what a release reads must
//! not be what the same release has just written. Everything follows from seeds.

use crate::dice::Dice;
use crate::sweep::account::Account;
use crate::sweep::life::Life;
use crate::sweep::process::{DATABASE, Opened, open};
use crate::sweep::recorder::Notes;
use holm::doc::json;
use holm::doc::value::Value;
use holm::driver::{Driver, Ports};
use holm::engine::message;
use holm::event::Event;
use holm::ids::{EntryId, Seq, TabId, Version};
use holm::outbox::codec;
use holm::outbox::entry::{Reason, State};
use holm::platform::inbox::Inbox;
use holm::platform::memory::{
    Air, LockTable, ManualClock, MemoryChannel, MemoryLocks, NowhereTransport, Posts,
    SeededEntropy, Time,
};
use holm::platform::torn::{Image, TornDisk};
use holm::store::Batch;
use holm::txn::table;
use std::fmt::Write;
use std::fs;
use std::io;
use std::path::Path;

/// Databases of pairs: name, and the life that makes it.
const STORES: [(&str, &str); 3] = [
    ("log-only", "OcfcfcfK"),
    ("runs", "OcccsccccscccccscccscfcfK"),
    ("chain", "OcfcfKOcfcKOccfcfK"),
];
/// Requests that make a database of documents: the first line opens it. Queries, one a line.
const VALUES: &str = include_str!("../samples/values.ndjson");
const VALUES_QUERIES: [&str; 3] = [
    r#"{"from":"films"}"#,
    r#"{"from":"notes"}"#,
    r#"{"from":"films","where":{"op":">=","field":"rating","value":7}}"#,
];
const OUTBOX: &str = include_str!("../samples/outbox.ndjson");
const OUTBOX_QUERIES: [&str; 2] = [r#"{"from":"$outbox"}"#, r#"{"from":"films"}"#];

/// What is said of a write that was refused.
const REFUSED: &str = "exists";

/// Writes them all into folders of a folder that is not there yet.
pub fn write(folder: &Path) -> io::Result<()> {
    fs::create_dir(folder)?;
    for (name, script) in STORES {
        let (image, listing) = store(script);
        write_one(&folder.join(name), &image, "expected.txt", &listing)?;
    }
    let (disk, listing) = documents(VALUES, &VALUES_QUERIES, |_| {});
    let image = disk.image(DATABASE);
    write_one(&folder.join("values"), &image, "expected.ndjson", &listing)?;
    let (disk, listing) = documents(OUTBOX, &OUTBOX_QUERIES, move_entries);
    let image = disk.image(DATABASE);
    write_one(&folder.join("outbox"), &image, "expected.ndjson", &listing)
}

fn write_one(folder: &Path, image: &Image, name: &str, listing: &str) -> io::Result<()> {
    fs::create_dir(folder)?;
    for (file, content) in image {
        fs::write(folder.join(file), content)?;
    }
    fs::write(folder.join(name), listing)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a text takes everything");
        text
    })
}

/// A database of pairs, and a line for each: key and value in hexadecimal digits.
fn store(script: &str) -> (Image, String) {
    let notes = Notes::without_points(Account::default());
    let mut life = Life::new(TornDisk::new(), notes, Dice::new(1));
    life.run(script).expect("nothing fails");
    let account = life.notes.account.borrow();
    let pairs = account.newest().pairs.iter();
    let lines = pairs.map(|(key, value)| format!("{} {}\n", hex(key), hex(value)));
    (life.disk.image(DATABASE), lines.collect())
}

/// A database of documents that was closed, and the answers to queries, a line each.
fn documents(requests: &str, queries: &[&str], change: fn(&TornDisk)) -> (TornDisk, String) {
    let disk = TornDisk::new();
    run(&disk, requests);
    change(&disk);
    let open = requests.lines().next().unwrap_or_default();
    let mut listing = format!("{open}\n");
    // Answers come from a copy: a look begins another log.
    let copy = disk.fork();
    for query in queries {
        let ask = r#""requests":[{"number":1000,"kind":"get","query":"#;
        let answers = run(&copy, &format!("{open}\n{{\"tab\":1,{ask}{query}}}]}}"));
        let rows = answers
            .iter()
            .find_map(|answer| answer.get("ok")?.get("rows"));
        let rows = rows.expect("the query is answered");
        writeln!(
            listing,
            r#"{{"query":{query},"rows":{}}}"#,
            json::to_text(rows)
        )
        .expect("a text takes everything");
    }
    (disk, listing)
}

/// Runs requests, a line each, and gives the replies.
fn run(disk: &TornDisk, requests: &str) -> Vec<Value> {
    let inbox = Inbox::default();
    let (posts, time) = (Posts::default(), Time::new(1_767_225_600_000));
    let channel = MemoryChannel::new(posts.clone(), Air::default(), inbox.clone());
    let ports = Ports {
        files: Box::new(disk.files(inbox.clone())),
        clock: Box::new(ManualClock::new(time.clone(), inbox.clone())),
        entropy: Box::new(SeededEntropy::new(disk.calls())),
        transport: Box::new(NowhereTransport::new(inbox.clone())),
        channel: Box::new(channel),
        locks: Box::new(MemoryLocks::new(LockTable::default(), inbox.clone())),
    };
    let mut driver = Driver::new(ports, inbox.clone());
    let mut replies = Vec::new();
    for line in requests.lines() {
        inbox.push(Event::Request {
            tab: TabId(1),
            bytes: message::write(json::read(line.as_bytes()).expect("it is JSON")),
        });
        for _ in 0..20 {
            driver.run();
            time.advance(10);
        }
        for (_, bytes) in posts.take() {
            replies.extend(message::notices(&bytes));
        }
    }
    let refused = replies.iter().find(|reply| reply.get("error").is_some());
    assert!(refused.is_none(), "{refused:?}");
    replies
}

/// Moves all entries but the first on, as a server's answers would: one is sent, one accepted, one
/// rejected, one quarantined.
fn move_entries(disk: &TornDisk) {
    let Opened::Whole(mut process) = open(disk, &Notes::default()) else {
        panic!("it was closed well")
    };
    let reason = Reason {
        code: REFUSED.into(),
        message: "The document is there already.".into(),
    };
    let states = [
        State::Accepted(Seq(1), Version(1)),
        State::Sent(Seq(2)),
        State::Rejected(reason.clone()),
        State::Quarantined(reason, None),
    ];
    let pairs = process.pairs().expect("it can be read");
    let mut batch = Batch::new();
    for (at, state) in states.into_iter().enumerate() {
        let id = EntryId(at as u64 + 2);
        let key = table::entry(id);
        let stored = pairs.get(&key).expect("the entry was written");
        let mut entry = codec::decode(id, stored).expect("it was encoded");
        entry.state = state;
        batch.put(key, codec::encode(&entry));
    }
    process.commit(batch).expect("there is space");
    process.settle().expect("it rests").expect("nothing fails");
}
