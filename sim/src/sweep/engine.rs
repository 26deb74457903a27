//! The fail-Nth sweep of the whole engine: a page writes, every call on the disk fails, once or
//! from then on, and so does one of what comes after it.
//!
//! The page does what `docs/PAGE.md` asks of it. Every write is answered, one that was answered
//! well is there in the end, whole, and nothing runs for ever.

use super::account::Account;
use super::fault::{Blame, Fault, Tally};
use super::process::SMALL;
use super::recorder::{Notes, Recorder};
use super::work::{Work, caught};
use crate::dice::Dice;
use holm::doc::json;
use holm::doc::value::Value;
use holm::driver::{Driver, Ports};
use holm::engine::Engine;
use holm::engine::message;
use holm::event::Event;
use holm::ids::TabId;
use holm::platform::inbox::Inbox;
use holm::platform::memory::{
    Air, LockTable, ManualClock, MemoryChannel, MemoryLocks, NowhereTransport, Posts,
    SeededEntropy, Time,
};
use holm::platform::torn::{Failing, TornDisk};
use std::collections::{BTreeMap, BTreeSet};

/// Cases of the ordinary tests; fewer are a failure.
pub const FLOOR: u64 = 1_000;

const OPEN: &str = r#""kind":"open","name":"db","durability":"strict","schema":{"version":1,
    "collections":{"films":{"fields":[{"name":"title","kind":"string","index":true}]}}}"#;
/// Writes in a life; after half of them the process starts anew.
const WRITES: u64 = 12;
/// Rounds in which everything comes to rest that does.
const ROUNDS: u32 = 60;
/// Calls among which the second failure is, about.
const NESTED_CALLS: u64 = 60;

/// One case.
#[derive(Clone, Copy, Debug)]
struct Case {
    nth: u64,
    failing: Failing,
    nested: Option<u64>,
    ends_in_crash: bool,
}

/// Takes all cases, as long as there is time; endlessly with other values.
pub fn run(work: &Work, rounds: u64) -> Tally {
    let mut tally = Tally::default();
    for round in 0..rounds {
        if work.is_over() {
            break;
        }
        let seed = work.seed(round);
        let quiet = Case {
            nth: u64::MAX >> 1,
            failing: Failing::Once,
            nested: None,
            ends_in_crash: true,
        };
        let calls = caught(|| live(quiet, seed, &mut Tally::default()));
        let cases = all_cases(calls.unwrap_or(400), seed);
        tally.absorb(work.share(|at| {
            let case = *cases.get(at as usize)?;
            let mut tally = Tally::default();
            let lived = caught(|| live(case, seed, &mut tally));
            let place = |fault: Fault| fault.at(format!("seed {seed} {case:?}"));
            tally.judge(lived.map(|_| ()).map_err(place));
            Some(tally)
        }));
    }
    tally.add("cases", tally.attempted);
    tally
}

fn all_cases(calls: u64, seed: u64) -> Vec<Case> {
    let mut dice = Dice::new(seed);
    let mut cases = Vec::new();
    for nth in 1..=calls {
        for failing in [Failing::Once, Failing::Onwards] {
            for nested in [None, Some(dice.between(1, NESTED_CALLS))] {
                for ends_in_crash in [true, false] {
                    cases.push(Case {
                        nth,
                        failing,
                        nested,
                        ends_in_crash,
                    });
                }
            }
        }
    }
    cases
}

/// What a page was told of its writes.
#[derive(Default)]
struct Told {
    saved: BTreeSet<u64>,
    refused: BTreeSet<u64>,
    reopenings: u64,
}

/// A page, its engine and its driver.
struct Page {
    driver: Driver,
    inbox: Inbox,
    posts: Posts,
    time: Time,
    /// No two pages have the same: an answer is kept by tab and number.
    tab: u64,
    next: u64,
    opening: u64,
    is_open: bool,
    has_failed: bool,
    /// Bodies of requests without an answer, and the write each is.
    unanswered: BTreeMap<u64, (String, u64)>,
    rows: Option<Value>,
}

impl Page {
    fn new(disk: &TornDisk, tab: u64) -> Self {
        let (inbox, posts) = (Inbox::default(), Posts::default());
        let time = Time::new(1_767_225_600_000 + tab * 1_000_000);
        let notes = Notes::without_points(Account::default());
        let channel = MemoryChannel::new(posts.clone(), Air::default(), inbox.clone());
        let ports = Ports {
            files: Box::new(Recorder::new(disk, inbox.clone(), &notes)),
            clock: Box::new(ManualClock::new(time.clone(), inbox.clone())),
            entropy: Box::new(SeededEntropy::new(tab)),
            transport: Box::new(NowhereTransport::new(inbox.clone())),
            channel: Box::new(channel),
            locks: Box::new(MemoryLocks::new(LockTable::default(), inbox.clone())),
        };
        let engine = Engine::with_sizes(SMALL);
        let mut page = Self {
            driver: Driver::with_engine(engine, ports, inbox.clone()),
            inbox,
            posts,
            time,
            tab,
            next: 1,
            opening: 0,
            is_open: false,
            has_failed: false,
            unanswered: BTreeMap::new(),
            rows: None,
        };
        page.open();
        page
    }

    fn open(&mut self) {
        self.is_open = false;
        self.opening = self.next;
        self.next += 1;
        self.send(self.opening, OPEN);
    }

    fn send(&self, number: u64, body: &str) {
        let tab = self.tab;
        let text = format!(r#"{{"tab":{tab},"requests":[{{"number":{number},{body}}}]}}"#);
        self.inbox.push(Event::Request {
            tab: TabId(tab),
            bytes: message::write(json::read(text.as_bytes()).expect("it is JSON")),
        });
    }

    /// Sends a request; `write` is which of the writes it is, 0 for none.
    fn ask(&mut self, body: String, write: u64) {
        let number = self.next;
        self.next += 1;
        if self.is_open {
            self.send(number, &body);
        }
        self.unanswered.insert(number, (body, write));
    }

    /// Lets everything go on for as long as anything does.
    fn rest(&mut self, told: &mut Told) -> Result<(), Fault> {
        for _ in 0..ROUNDS {
            self.driver.run();
            for (_, bytes) in self.posts.take() {
                for notice in message::notices(&bytes) {
                    self.take(&notice, told)?;
                }
            }
            self.time.advance(20);
        }
        Ok(())
    }

    fn take(&mut self, message: &Value, told: &mut Told) -> Result<(), Fault> {
        match message.get("kind").and_then(Value::as_str) {
            Some("reopen") => {
                told.reopenings += 1;
                self.open();
            }
            Some("reply") => {
                let number = message.get("number").and_then(Value::as_u64).unwrap_or(0);
                let ok = message.get("ok");
                if number == self.opening {
                    self.on_opened(ok.is_some());
                    return Ok(());
                }
                let Some((_, write)) = self.unanswered.remove(&number) else {
                    let problem = format!("request {number} is answered twice");
                    return Err(Fault::new(Blame::Other, problem));
                };
                match ok {
                    Some(ok) if write == 0 => self.rows = ok.get("rows").cloned(),
                    Some(_) => drop(told.saved.insert(write)),
                    None => drop(told.refused.insert(write)),
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn on_opened(&mut self, is_open: bool) {
        self.is_open = is_open;
        self.has_failed = !is_open;
        for (number, (body, _)) in self.unanswered.iter().filter(|_| is_open) {
            self.send(*number, body);
        }
    }
}

/// A write of two documents, and of one that every write changes.
fn write(number: u64, dice: &mut Dice) -> String {
    let title = "x".repeat(dice.below(200) as usize);
    let op = |op: &str, id: &str, title: &str| {
        format!(
            r#"{{"op":"{op}","collection":"films","id":"{id}","fields":{{"title":"{title}"}}}}"#
        )
    };
    let ops = [
        op("insert", &format!("a{number}"), &title),
        op("upsert", "n", &number.to_string()),
        op("insert", &format!("b{number}"), &title),
    ];
    format!(r#""kind":"write","ops":[{}]"#, ops.join(","))
}

/// One life; says how many calls on the disk there were.
fn live(case: Case, seed: u64, tally: &mut Tally) -> Result<u64, Fault> {
    let disk = TornDisk::new();
    let mut dice = Dice::new(seed);
    let mut told = Told::default();
    disk.fail(case.nth, case.failing);
    let mut nested = case.nested;
    let mut page = Page::new(&disk, 1);
    for number in 1..=WRITES {
        page.rest(&mut told)?;
        if number == WRITES / 2 || page.has_failed {
            page = restart(&disk, &page, &mut nested, number);
            page.rest(&mut told)?;
        }
        page.ask(write(number, &mut dice), number);
    }
    page.rest(&mut told)?;
    let calls = disk.calls();
    disk.heal();
    page.rest(&mut told)?;
    if page.is_open && !page.unanswered.is_empty() {
        let problem = format!("writes {:?} are not answered", page.unanswered.keys());
        return Err(Fault::new(Blame::Silent, problem));
    }
    drop(page);
    if case.ends_in_crash {
        disk.crash(seed);
    }
    tally.add("writes saved", told.saved.len() as u64);
    tally.add("writes refused", told.refused.len() as u64);
    tally.add("reopenings", told.reopenings);
    look(&disk, &mut told, &mut dice)?;
    Ok(calls)
}

/// The page starts another engine. Where opening failed the disk is mended first, but for one call.
fn restart(disk: &TornDisk, page: &Page, nested: &mut Option<u64>, number: u64) -> Page {
    if page.has_failed {
        disk.heal();
        if let Some(nth) = nested.take() {
            disk.fail(nth, Failing::Once);
        }
    }
    Page::new(disk, number + 1)
}

/// What is there in the end, where nothing fails any more.
fn look(disk: &TornDisk, told: &mut Told, dice: &mut Dice) -> Result<(), Fault> {
    let mut page = Page::new(disk, 99);
    page.rest(told)?;
    let last = WRITES + 1;
    page.ask(write(last, dice), last);
    page.ask(r#""kind":"get","query":{"from":"films"}"#.into(), 0);
    page.rest(told)?;
    if !told.saved.contains(&last) {
        return Err(Fault::new(Blame::Other, "nothing can be written any more"));
    }
    let rows = page.rows.take().unwrap_or_default();
    let rows = rows.as_list().unwrap_or_default().iter();
    let texts = rows.filter_map(|row| match row.as_list()? {
        [id, title, ..] => Some((id.as_str()?, title.as_str()?)),
        _ => None,
    });
    let films: BTreeMap<&str, &str> = texts.collect();
    for number in 1..=last {
        let [a, b] = ["a", "b"].map(|of| films.contains_key(format!("{of}{number}").as_str()));
        if a != b {
            let problem = format!("half of write {number} is there");
            return Err(Fault::new(Blame::Half, problem));
        }
        if !a && told.saved.contains(&number) {
            let problem = format!("write {number} was saved and is not there");
            return Err(Fault::new(Blame::Lost, problem));
        }
    }
    match films.get("n") {
        Some(newest) if *newest == last.to_string() => Ok(()),
        other => Err(Fault::new(
            Blame::Wrong,
            format!("the newest write is {other:?}"),
        )),
    }
}
