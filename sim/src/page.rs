//! A page: keeps the conversation of `docs/PAGE.md` with its worker, as `js/connection.ts` does,
//! and the lists of its live queries. What it asks for is decided by [`app`](crate::app).

pub mod list;

use crate::json::{list_of, object, text, text_of, whole, whole_of, with};
use holm::doc::value::Value;
use holm::engine::message;
use list::List;
use std::collections::BTreeMap;

/// Answers that may be unconfirmed before a `confirm` goes out.
const UNCONFIRMED_MAX: u64 = 32;

/// Whether a worker has the database open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// There is no worker, or it was not asked yet.
    Detached,
    /// It was asked.
    Opening,
    /// It is open.
    Ready,
    /// It was refused.
    Failed,
    /// It is being closed.
    Closing,
}

/// A live query.
pub struct Subscription {
    /// What was asked.
    pub query: Value,
    /// What is shown, once a result has come.
    pub list: Option<List>,
}

/// An answer, with what was asked.
pub struct Answer {
    /// The request.
    pub request: Value,
    /// The answer, or the error.
    pub result: Result<Value, Value>,
}

/// What a page has heard that its app must deal with.
pub enum Heard {
    /// An answer.
    Answer(Answer),
    /// What became of an entry.
    Entry(Value),
    /// The engine needs the token.
    Token,
    /// The database is open; whether it was open before on another worker.
    Ready,
    /// Something that the page cannot make sense of.
    Nonsense(String),
}

/// See the head of the file.
pub struct Page {
    /// Its number, drawn anew for each page.
    pub tab: u64,
    /// Whether its worker is ready.
    pub stage: Stage,
    /// Live queries.
    pub subscriptions: BTreeMap<u64, Subscription>,
    /// What the engine last said of itself.
    pub status: Value,
    /// Requests without an answer.
    pub pending: BTreeMap<u64, Value>,
    /// What this engine answered last with all of a collection, and the last commit in it.
    pub known: BTreeMap<String, (u64, Vec<Value>)>,
    opening: Value,
    queue: Vec<Value>,
    last_number: u64,
    last_subscription: u64,
    confirmed: u64,
}

impl Page {
    /// A page that will open a database with these members.
    pub fn new(tab: u64, opening: Value) -> Self {
        Self {
            tab,
            stage: Stage::Detached,
            subscriptions: BTreeMap::new(),
            status: Value::Null,
            pending: BTreeMap::new(),
            known: BTreeMap::new(),
            opening,
            queue: Vec::new(),
            last_number: 0,
            last_subscription: 0,
            confirmed: 0,
        }
    }

    /// Adds a request to the next message. Gives its number.
    pub fn ask(&mut self, kind: &str, members: Value) -> u64 {
        if self.stage == Stage::Closing {
            return 0;
        }
        self.last_number += 1;
        let number = self.last_number;
        let request = with(with(members, "number", whole(number)), "kind", text(kind));
        self.pending.insert(number, request.clone());
        if self.stage == Stage::Ready || kind == "open" {
            self.queue.push(request);
        }
        number
    }

    /// Sends a request that waits for its answer once more.
    pub fn repeat(&mut self, number: u64) {
        self.queue.extend(self.pending.get(&number).cloned());
    }

    /// Closes the database. Nothing more is asked after that.
    pub fn close(&mut self) {
        self.ask("close", object([]));
        self.stage = Stage::Closing;
    }

    /// Begins a live query.
    pub fn subscribe(&mut self, query: Value) {
        self.last_subscription += 1;
        let subscription = self.last_subscription;
        self.subscriptions.insert(
            subscription,
            Subscription {
                query: query.clone(),
                list: None,
            },
        );
        if self.stage == Stage::Ready {
            let members = object([("subscription", whole(subscription)), ("query", query)]);
            self.ask("subscribe", members);
        }
    }

    /// Ends a live query.
    pub fn unsubscribe(&mut self, subscription: u64) {
        if self.subscriptions.remove(&subscription).is_some() && self.stage == Stage::Ready {
            self.ask(
                "unsubscribe",
                object([("subscription", whole(subscription))]),
            );
        }
    }

    /// The last write that is not answered yet.
    pub fn last_write(&self) -> Option<u64> {
        let mut pending = self.pending.iter().rev();
        let last = pending.find(|(_, asked)| text_of(asked, "kind") == "write");
        last.map(|(number, _)| *number)
    }

    /// A worker is there: opens the database on it.
    pub fn attach(&mut self) {
        self.stage = Stage::Opening;
        self.known.clear();
        self.ask("open", self.opening.clone());
    }

    /// The worker is gone: what is unanswered and makes sense to the next one waits for it.
    pub fn detach(&mut self) {
        self.stage = Stage::Detached;
        self.known.clear();
        self.queue.clear();
        let is_kept = |request: &Value| {
            matches!(
                text_of(request, "kind"),
                "write" | "commit" | "get" | "retry" | "discard" | "sync" | "export"
            )
        };
        self.pending.retain(|_, request| is_kept(request));
        for subscription in self.subscriptions.values_mut() {
            subscription.list = None;
        }
    }

    /// The message to the worker, if there is something to say.
    pub fn message(&mut self) -> Option<Value> {
        if self.queue.is_empty() {
            return None;
        }
        let oldest = self
            .pending
            .keys()
            .next()
            .copied()
            .unwrap_or(self.last_number + 1);
        if self.stage == Stage::Ready && oldest > self.confirmed + UNCONFIRMED_MAX {
            self.confirmed = oldest - 1;
            self.ask("confirm", object([("upTo", whole(self.confirmed))]));
        }
        let requests = std::mem::take(&mut self.queue);
        Some(object([
            ("tab", whole(self.tab)),
            ("requests", Value::List(requests)),
        ]))
    }

    /// Takes a message of the worker in.
    pub fn hear(&mut self, bytes: &[u8]) -> Vec<Heard> {
        let mut heard = Vec::new();
        for notice in message::notices(bytes) {
            match text_of(&notice, "kind") {
                "reply" => self.take_reply(&notice, &mut heard),
                "result" | "patch" => heard.extend(self.take_rows(&notice)),
                "status" => self.status = notice.get("status").cloned().unwrap_or_default(),
                "token" => heard.push(Heard::Token),
                "reopen" => {
                    self.detach();
                    self.attach();
                }
                "entry" => heard.push(Heard::Entry(notice.clone())),
                other => heard.push(Heard::Nonsense(format!("a notice `{other}`"))),
            }
        }
        heard
    }

    fn take_reply(&mut self, notice: &Value, heard: &mut Vec<Heard>) {
        let Some(request) = self.pending.remove(&whole_of(notice, "number")) else {
            return;
        };
        let result = match notice.get("ok") {
            Some(ok) => Ok(ok.clone()),
            None => {
                // What follows it is not asked for again.
                let number = notice.get("number");
                self.pending
                    .retain(|_, request| request.get("previous") != number);
                Err(notice.get("error").cloned().unwrap_or_default())
            }
        };
        if text_of(&request, "kind") == "open" {
            match &result {
                Ok(ok) => {
                    self.status = ok.get("status").cloned().unwrap_or_default();
                    self.get_ready();
                    heard.push(Heard::Ready);
                }
                Err(_) => self.stage = Stage::Failed,
            }
        }
        heard.push(Heard::Answer(Answer { request, result }));
    }

    fn get_ready(&mut self) {
        self.stage = Stage::Ready;
        let left: Vec<_> = self.pending.values().cloned().collect();
        for (subscription, Subscription { query, .. }) in &self.subscriptions {
            self.last_number += 1;
            let members = object([
                ("subscription", whole(*subscription)),
                ("query", query.clone()),
                ("number", whole(self.last_number)),
                ("kind", text("subscribe")),
            ]);
            self.pending.insert(self.last_number, members.clone());
            self.queue.push(members);
        }
        self.queue.extend(left);
    }

    fn take_rows(&mut self, notice: &Value) -> Option<Heard> {
        let subscription = self
            .subscriptions
            .get_mut(&whole_of(notice, "subscription"))?;
        if text_of(notice, "kind") == "result" {
            subscription.list = Some(List::new(list_of(notice, "rows").to_vec()));
            return None;
        }
        let result = match &mut subscription.list {
            Some(list) => list.apply(notice),
            None => Ok(()),
        };
        result.err().map(Heard::Nonsense)
    }

    /// The rows of the live query that asks for this, as shown.
    pub fn rows(&self, subscription: u64) -> &[Value] {
        let list = self
            .subscriptions
            .get(&subscription)
            .and_then(|s| s.list.as_ref());
        list.map(|list| list.rows.as_slice()).unwrap_or_default()
    }
}
