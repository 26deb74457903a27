//! Queries and requests of the page, and frames of the server, as a whole engine takes them.

use super::Target;
use super::documents::{JSON_WORDS, schema};
use super::messages::{Space, lines};
use holm::doc::json;
use holm::driver::{Driver, Ports};
use holm::engine::message;
use holm::event::Event;
use holm::ids::TabId;
use holm::platform::inbox::Inbox;
use holm::platform::memory::{
    Air, LockTable, LoopbackTransport, ManualClock, MemoryChannel, MemoryDisk, MemoryFiles,
    MemoryLocks, Posts, SeededEntropy, Time,
};
use holm::query::ast::Query;
use holm::query::check::CheckedQuery;
use std::cell::RefCell;

const QUERIES: &str = include_str!("../../../samples/queries.ndjson");
/// The first line opens the database.
const SESSION: &str = include_str!("../../../samples/session.ndjson");
const FRAMES: &str = include_str!("../../../../docs/vectors/server.ndjson");

const WORDS: &[&str] = &[
    "\"kind\":",
    "\"number\":",
    "\"open\"",
    "\"write\"",
    "\"begin\"",
    "\"commit\"",
    "\"get\"",
    "\"subscribe\"",
    "\"sync\"",
    "\"export\"",
    "\"close\"",
    "\"films\"",
    "\"notes\"",
    "\"$outbox\"",
    "\"ops\":",
    "\"query\":",
    "\"where\":",
    "\"and\"",
    "\"or\"",
    "\"in\"",
    "\"is null\"",
    "\"limit\":",
    "null",
    "true",
    "-1",
    "9007199254740992",
    "1.5",
    "{}",
    "[]",
    "\"\"",
    "\n",
    "<",
];

/// What is fed.
pub const TARGETS: &[Target] = &[
    Target {
        name: "query",
        samples: || lines(QUERIES),
        words: JSON_WORDS,
        feed: feed_query,
        is_slow: false,
    },
    Target {
        name: "requests",
        samples: || vec![session(&[])],
        words: WORDS,
        feed: feed_session,
        is_slow: true,
    },
    Target {
        name: "messages",
        samples: || {
            let values = SESSION
                .lines()
                .skip(1)
                .take(3)
                .map(|line| json::read(line.as_bytes()));
            values.flatten().map(message::write).collect()
        },
        words: &[
            "ops",
            "write",
            "films",
            "requests",
            "\u{0}",
            "\u{6}",
            "\u{7}\u{1}",
            "\u{8}\u{2}",
        ],
        feed: feed_message,
        is_slow: true,
    },
    Target {
        name: "frames",
        samples: || vec![session(&FRAMES.lines().collect::<Vec<_>>())],
        words: WORDS,
        feed: feed_session,
        is_slow: true,
    },
];

fn feed_query(bytes: &[u8]) -> bool {
    let Ok(value) = json::read(bytes) else {
        return false;
    };
    let read = CheckedQuery::read(&value, &schema());
    // What is valid means to the oracle what it says.
    let query = Query::from_value(&value);
    assert!(read.is_err() || query.is_some(), "{value:?}");
    if let Some(query) = query {
        assert_eq!(Query::from_value(&query.to_value()).as_ref(), Some(&query));
        let again = CheckedQuery::read(&query.to_value(), &schema());
        assert!(read.is_err() || read == again, "{query:?}");
    }
    read.is_ok()
}

/// Requests, a line each; a line that begins with `<` is a frame of the server.
fn session(frames: &[&str]) -> Vec<u8> {
    let (_, requests) = SESSION.split_once('\n').unwrap_or_default();
    let mut text = requests.trim_end().to_string();
    for frame in frames {
        text.push_str("\n<");
        text.push_str(frame);
    }
    text.into_bytes()
}

/// An engine that is open, synchronised and alone.
fn driver(inbox: &Inbox, posts: &Posts, time: &Time) -> Driver {
    let space = RefCell::new(Space::default());
    let serve = Box::new(move |frame: &str| vec![space.borrow_mut().answer(frame.as_bytes()).0]);
    let ports = Ports {
        files: Box::new(MemoryFiles::new(MemoryDisk::default(), inbox.clone())),
        clock: Box::new(ManualClock::new(time.clone(), inbox.clone())),
        entropy: Box::new(SeededEntropy::new(1)),
        transport: Box::new(LoopbackTransport::new(inbox.clone(), serve)),
        channel: Box::new(MemoryChannel::new(
            posts.clone(),
            Air::default(),
            inbox.clone(),
        )),
        locks: Box::new(MemoryLocks::new(LockTable::default(), inbox.clone())),
    };
    Driver::new(ports, inbox.clone())
}

/// Feeds a session, whose opening is not fed.
fn feed_session(bytes: &[u8]) -> bool {
    feed_events(bytes.split(|byte| *byte == b'\n').map(event_of)) > 2
}

/// Feeds bytes as a message, and then asks something.
fn feed_message(bytes: &[u8]) -> bool {
    let bytes = bytes.to_vec();
    let fed = Event::Request {
        tab: TabId(1),
        bytes,
    };
    let last = SESSION.lines().last().unwrap_or_default().as_bytes();
    feed_events([fed, event_of(last)].into_iter()) > 2
}

/// A frame of the server, or a message of the page.
fn event_of(line: &[u8]) -> Event {
    match line.split_first() {
        Some((b'<', frame)) => Event::Frame {
            connection: 1,
            text: String::from_utf8_lossy(frame).into_owned(),
        },
        _ => Event::Request {
            tab: TabId(1),
            bytes: json::read(line).map_or(Vec::new(), message::write),
        },
    }
}

/// Opens a database and feeds it these. Says how many requests were answered well.
fn feed_events(events: impl Iterator<Item = Event>) -> usize {
    let (inbox, posts, time) = (
        Inbox::default(),
        Posts::default(),
        Time::new(1_735_000_000_000),
    );
    let mut driver = driver(&inbox, &posts, &time);
    let first = SESSION.lines().next().unwrap_or_default().as_bytes();
    let mut replies = 0;
    for event in [event_of(first)].into_iter().chain(events) {
        inbox.push(event);
        driver.run();
        time.advance(50);
        driver.run();
        for (_, bytes) in posts.take() {
            let notices = message::notices(&bytes);
            replies += notices.iter().filter(|all| all.get("ok").is_some()).count();
        }
    }
    time.advance(120_000);
    driver.run();
    replies
}
