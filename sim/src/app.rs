//! What a page does: a scripted app that writes, reads, and does what users do, in a seeded order.

pub mod write;

use crate::dice::Dice;
use crate::json::{column, object, row_id, text, text_of, whole, whole_of, with};
use crate::page::{Answer, Page, Stage};
use crate::plan::Plan;
use crate::queries;
use holm::doc::value::Value;

/// The live query of the outbox, which every page has.
pub const OUTBOX_LIST: u64 = 1;
/// The live query of all films.
pub const FILMS_LIST: u64 = 2;
/// The live query of all solos.
pub const SOLOS_LIST: u64 = 3;
/// Most live queries besides.
const QUERIES_MAX: usize = 5;

/// An open transaction.
struct Open {
    /// The request that began it.
    number: u64,
    token: String,
    steps_left: u64,
    /// Whether an answer is awaited.
    is_waiting: bool,
    has_begun: bool,
}

/// The app of one device. It outlives its page.
pub struct App {
    device: usize,
    dice: Dice,
    writes: u64,
    open: Option<Open>,
    is_online: bool,
    larges: u64,
    /// Whether the user has left and gives no token.
    pub is_signed_out: bool,
}

impl App {
    /// The app of a device.
    pub fn new(device: usize, dice: Dice) -> Self {
        Self {
            device,
            dice,
            writes: 0,
            open: None,
            is_online: true,
            larges: 0,
            is_signed_out: false,
        }
    }

    /// The worker is gone, and with it the open transaction.
    pub fn forget(&mut self) {
        self.open = None;
    }

    /// A new page: it shows the outbox and two lists, and seeds what every device seeds.
    pub fn greet(&mut self, page: &mut Page) {
        self.forget();
        for from in ["$outbox", "films", "solos"] {
            page.subscribe(object([("from", text(from))]));
        }
        let token = format!("seed{}", self.next_token());
        let ops = Value::List(write::seeds(self.device));
        page.ask(
            "write",
            object([("ops", ops), ("mutation", mutation(&token))]),
        );
    }

    /// Does one thing.
    pub fn act(&mut self, page: &mut Page, plan: &Plan) {
        if self.dice.chance(plan.repeated) {
            // What follows another write comes after it.
            let writes = page.pending.iter().filter(|(_, asked)| {
                let follows = asked.get("previous").and_then(Value::as_u64).is_some();
                text_of(asked, "kind") == "write" && !follows
            });
            let writes: Vec<u64> = writes.map(|(number, _)| *number).collect();
            if !writes.is_empty() {
                page.repeat(*self.dice.pick(&writes));
            }
        }
        if self.open.is_some() && self.dice.chance(60) {
            return self.step(page, plan);
        }
        match self.dice.weigh(&[120, 16, 20, 12, 6, 16, 8, 4, 2, 2, 1]) {
            0 => self.write(page, plan),
            1 => self.begin(page),
            2 => self.change_queries(page),
            3 => {
                let query = queries::random(&mut self.dice);
                page.ask("get", object([("query", query)]));
            }
            4 => {
                page.ask("sync", object([]));
            }
            5 => self.tend_outbox(page),
            6 => self.blunder(page),
            7 => {
                self.is_online = !self.is_online || self.dice.chance(60);
                self.tell_network(page);
            }
            8 => {
                self.is_signed_out = !self.is_signed_out && self.dice.chance(30);
                if self.is_signed_out {
                    page.ask("token", object([("token", Value::Null)]));
                }
            }
            9 => {
                page.ask("export", object([("after", Value::Null)]));
            }
            _ if page.stage == Stage::Ready => page.close(),
            _ => {}
        }
    }

    /// The network is there for good, and the user is signed in.
    pub fn calm(&mut self, page: &mut Page) {
        (self.is_online, self.is_signed_out) = (true, false);
        self.tell_network(page);
        if let Some(open) = self.open.take() {
            page.ask("abort", object([("transaction", whole(open.number))]));
        }
        page.ask("sync", object([]));
    }

    fn tell_network(&mut self, page: &mut Page) {
        let online = Value::Bool(self.is_online);
        page.ask(
            "network",
            object([("online", online), ("visible", Value::Bool(true))]),
        );
    }

    /// Takes an answer in.
    pub fn hear(&mut self, answer: &Answer) {
        let Some(open) = &mut self.open else { return };
        let request = &answer.request;
        let number = whole_of(request, "number");
        let is_begin = number == open.number;
        if !is_begin && whole_of(request, "transaction") != open.number {
            return;
        }
        open.is_waiting = false;
        open.has_begun |= is_begin;
        if answer.result.is_err() {
            self.open = None;
        }
    }

    /// An app that tries again at once what could not be delivered.
    pub fn hear_of_entry(&mut self, page: &mut Page, notice: &Value) {
        if text_of(notice, "state") == "quarantined" && self.dice.chance(40) {
            let entry = whole(whole_of(notice, "entry"));
            page.ask("retry", object([("entry", entry)]));
        }
    }

    fn next_token(&mut self) -> String {
        self.writes += 1;
        format!("w{}-{}", self.device, self.writes)
    }

    fn write(&mut self, page: &mut Page, plan: &Plan) {
        let token = self.next_token();
        let ops = self.operations(page, plan, &token);
        // Every third follows the last one, if that is not answered yet.
        let last = page.last_write().filter(|_| self.writes.is_multiple_of(3));
        page.ask(
            "write",
            object([
                ("ops", Value::List(ops)),
                ("mutation", mutation(&token)),
                ("previous", last.map_or(Value::Null, whole)),
            ]),
        );
    }

    fn begin(&mut self, page: &mut Page) {
        if self.open.is_some() {
            return;
        }
        let number = page.ask("begin", object([]));
        let (token, steps_left) = (self.next_token(), self.dice.between(1, 4));
        self.open = Some(Open {
            number,
            token,
            steps_left,
            is_waiting: true,
            has_begun: false,
        });
    }

    /// Goes on with the open transaction.
    fn step(&mut self, page: &mut Page, plan: &Plan) {
        let Some(open) = &mut self.open else { return };
        if open.is_waiting || !open.has_begun {
            return;
        }
        let transaction = object([("transaction", whole(open.number))]);
        if open.steps_left == 0 {
            let mutation = mutation(&open.token);
            self.open = None;
            match self.dice.chance(85) {
                true => page.ask("commit", with(transaction, "mutation", mutation)),
                false => page.ask("abort", transaction),
            };
            return;
        }
        open.steps_left -= 1;
        open.is_waiting = true;
        if self.dice.chance(40) {
            let query = queries::random(&mut self.dice);
            page.ask("tx_get", with(transaction, "query", query));
        } else {
            let is_last = open.steps_left == 0;
            let token = open.token.clone();
            let mark = if is_last {
                token.clone()
            } else {
                format!("{token}.{}", open.steps_left)
            };
            let ops = self.operations(page, plan, &mark);
            page.ask("tx_write", with(transaction, "ops", Value::List(ops)));
        }
    }

    fn change_queries(&mut self, page: &mut Page) {
        let own: Vec<u64> = page
            .subscriptions
            .keys()
            .copied()
            .filter(|id| *id > SOLOS_LIST)
            .collect();
        if own.len() >= QUERIES_MAX || (!own.is_empty() && self.dice.chance(30)) {
            page.unsubscribe(*self.dice.pick(&own));
        } else {
            page.subscribe(queries::random(&mut self.dice));
        }
    }

    /// Tries again or throws away what was refused; now and then throws away what is still to be
    /// sent.
    fn tend_outbox(&mut self, page: &mut Page) {
        let rows = page.rows(OUTBOX_LIST);
        let in_state = |states: &[&str]| -> Vec<u64> {
            let rows = rows.iter().filter(|row| {
                column(row, 1)
                    .as_str()
                    .is_some_and(|state| states.contains(&state))
            });
            rows.filter_map(|row| row_id(row).parse().ok()).collect()
        };
        let refused = in_state(&["rejected", "quarantined"]);
        let queued = in_state(&["queued"]);
        let kind = *self.dice.pick(&["retry", "discard", "discard"]);
        if !refused.is_empty() {
            page.ask(kind, object([("entry", whole(*self.dice.pick(&refused)))]));
        } else if !queued.is_empty() && self.dice.chance(20) {
            page.ask(
                "discard",
                object([("entry", whole(*self.dice.pick(&queued)))]),
            );
        }
    }

    /// Asks for what must be refused.
    fn blunder(&mut self, page: &mut Page) {
        let op = |collection: &str, fields: Value| {
            object([
                ("op", text("upsert")),
                ("collection", text(collection)),
                ("id", text("blunder")),
                ("fields", fields),
            ])
        };
        let bad = match self.dice.below(5) {
            0 => op("nowhere", object([])),
            1 => op("films", object([("title", whole(5))])),
            2 => op(
                "films",
                object([("title", text("t")), ("nothing", whole(5))]),
            ),
            3 => op("marks", object([("body", text("x".repeat(300 << 10)))])),
            _ => op("films", object([("year", Value::int(1970))])),
        };
        let good = op("solos", object([("first", text("never"))]));
        let token = self.next_token();
        let ops = Value::List(vec![good, bad]);
        page.ask(
            "write",
            object([("ops", ops), ("mutation", mutation(&token))]),
        );
    }
}

fn mutation(token: &str) -> Value {
    object([("name", text(token)), ("args", Value::List(Vec::new()))])
}
