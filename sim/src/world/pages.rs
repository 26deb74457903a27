//! Between pages and their workers: messages that take a moment, and what a page makes of them.

use super::{Happening, World, token_text};
use crate::fact::{Ending, Fact, Rows};
use crate::json::{from_bytes, list_of, object, text, text_of, to_bytes, whole, whole_of};
use crate::page::{Answer, Heard, Stage};
use crate::plan::Fault;
use crate::ports::Wish;
use crate::schema::COLLECTIONS;
use holm::doc::value::Value;
use holm::engine::message;
use holm::event::Event;
use holm::ids::{FileId, TabId, Ticket};

/// The tab whose requests only read, for checkers.
const PROBE: u64 = (1 << 53) - 1;

impl World {
    pub(super) fn act(&mut self, index: usize) {
        if self.is_calm {
            return;
        }
        let plan = self.plan.clone();
        let device = self.device(index);
        if device.page.stage == Stage::Ready || device.page.stage == Stage::Opening {
            device.app.act(&mut device.page, &plan);
        }
        self.flush_page(index);
        let wait_ms = self.dice.below(2 * plan.act_ms);
        self.agenda.put_in(wait_ms, Happening::Act(index));
    }

    /// Sends what the page has to say.
    pub(super) fn flush_page(&mut self, index: usize) {
        let now_ms = self.agenda.now_ms();
        let wait_ms = self.dice.below(3);
        let device = self.device(index);
        if device.process.is_none() {
            return;
        }
        let Some(message) = device.page.message() else {
            return;
        };
        let (place, tab) = (device.place(), device.page.tab);
        let Some(process) = &mut device.process else {
            return;
        };
        process.last_ms.0 = process.last_ms.0.max(now_ms + wait_ms);
        let (at_ms, process) = (process.last_ms.0, process.number);
        for request in list_of(&message, "requests") {
            self.tell(&Fact::Asked {
                place,
                tab,
                request,
            });
        }
        let bytes = to_bytes(&message);
        self.agenda.put(
            at_ms,
            Happening::ToWorker {
                device: index,
                process,
                tab,
                bytes,
            },
        );
    }

    pub(super) fn worker_hears(&mut self, device: usize, process: u64, tab: u64, bytes: Vec<u8>) {
        self.note(&format!("d{device}"), "asked", &bytes);
        if self.process(device, process).is_none() {
            return;
        }
        let message = from_bytes(&bytes);
        let event = Event::Request {
            tab: TabId(tab),
            bytes: message::write(message.clone()),
        };
        let is_shown = self.dice.chance(10);
        self.reach(device, process, event);
        if is_shown {
            let place = self.device(device).place();
            self.tell(&Fact::Took {
                place,
                tab,
                message: &message,
            });
            self.show(device);
        }
    }

    /// An event reaches a worker, if that lives.
    pub(super) fn reach(&mut self, device: usize, number: u64, event: Event) {
        let Some(process) = self.process(device, number) else {
            return;
        };
        if let Event::Frame { text, .. } = &event {
            let text = text.clone();
            process.give(event);
            self.note(&format!("d{device}"), "receives", text.as_bytes());
        } else {
            process.give(event);
        }
        self.run(device);
    }

    /// Lets a worker run, and grants or plans what it wishes.
    pub(super) fn run(&mut self, index: usize) {
        let now_ms = self.agenda.now_ms();
        let wishes = self.device(index).run(now_ms);
        let Some(number) = self
            .device(index)
            .process
            .as_ref()
            .map(|process| process.number)
        else {
            return;
        };
        let mut has_moved = false;
        for wish in wishes {
            has_moved |= self.grant(index, number, wish);
        }
        if has_moved && self.dice.chance(self.plan.compared) {
            self.show(index);
        }
    }

    /// Whether live results may have moved.
    fn grant(&mut self, device: usize, process: u64, wish: Wish) -> bool {
        match wish {
            Wish::Post(TabId(PROBE), _) => {}
            Wish::Post(TabId(tab), bytes) => return self.post(device, process, tab, bytes),
            Wish::Connect(connection) => self.connect(device, process, connection),
            Wish::Send(text) => self.send(device, process, text),
            Wish::Disconnect => self.hang_up(device, process),
            Wish::WakeAt(at) => {
                let Some(current) = self.process(device, process) else {
                    return false;
                };
                current.alarm += 1;
                let (alarm, at_ms) = (current.alarm, current.true_ms(at));
                self.agenda.put(
                    at_ms,
                    Happening::Alarm {
                        device,
                        process,
                        alarm,
                    },
                );
            }
            Wish::Completed(event) => {
                let wait_ms = self.dice.below(8);
                self.agenda.put_in(
                    wait_ms,
                    Happening::Reach {
                        device,
                        process,
                        event,
                    },
                );
            }
            Wish::Flush(file, ticket) => {
                let (low, high) = self.plan.flush_ms;
                let (before, after) = (self.dice.between(low, high), self.dice.between(low, high));
                let is_late = self.dice.chance(50);
                let (wait_ms, told_in_ms) = if is_late { (before, 0) } else { (0, after) };
                let flush = Happening::Flush {
                    device,
                    process,
                    file,
                    ticket,
                    told_in_ms,
                };
                self.agenda.put_in(wait_ms, flush);
            }
        }
        false
    }

    pub(super) fn flush(
        &mut self,
        device: usize,
        process: u64,
        (file, ticket): (FileId, Ticket),
        told_in_ms: u64,
    ) {
        let Some(current) = self.process(device, process) else {
            return;
        };
        if let Some(event) = current.flush(file, ticket) {
            self.note(
                &format!("d{device}"),
                "flushed",
                format!("{event:?}").as_bytes(),
            );
            self.agenda.put_in(
                told_in_ms,
                Happening::Reach {
                    device,
                    process,
                    event,
                },
            );
        }
    }

    fn post(&mut self, device: usize, number: u64, tab: u64, bytes: Vec<u8>) -> bool {
        let notices = Value::List(message::notices(&bytes));
        self.note(&format!("d{device}"), "posts", &to_bytes(&notices));
        let mut has_moved = false;
        let place = self.device(device).place();
        for notice in notices.as_list().unwrap_or_default() {
            has_moved |= matches!(text_of(notice, "kind"), "patch" | "result");
            self.tell(&Fact::Posted { place, tab, notice });
        }
        let at_ms = self.agenda.now_ms() + self.dice.below(3);
        let Some(process) = self.process(device, number) else {
            return false;
        };
        process.last_ms.1 = process.last_ms.1.max(at_ms);
        let at_ms = process.last_ms.1;
        self.agenda.put(
            at_ms,
            Happening::ToPage {
                device,
                process: number,
                bytes,
            },
        );
        has_moved
    }

    pub(super) fn page_hears(&mut self, index: usize, process: u64, bytes: &[u8]) {
        if self.process(index, process).is_none() {
            return;
        }
        let heard = self.device(index).page.hear(bytes);
        for each in heard {
            // What it hears may be the end of it.
            if self.process(index, process).is_none() {
                return;
            }
            match each {
                Heard::Answer(answer) => self.answered(index, process, &answer),
                Heard::Token => self.give_token(index),
                Heard::Entry(notice) => {
                    let device = self.device(index);
                    device.app.hear_of_entry(&mut device.page, &notice);
                }
                Heard::Ready if self.is_calm => {
                    let device = self.device(index);
                    device.app.calm(&mut device.page);
                }
                Heard::Ready => {}
                Heard::Nonsense(problem) => self.fail("page", problem),
            }
        }
        self.watch_storage(index, process);
        self.flush_page(index);
    }

    fn answered(&mut self, index: usize, process: u64, answer: &Answer) {
        let device = self.device(index);
        device.app.hear(answer);
        let is_closed = text_of(&answer.request, "kind") == "close";
        if is_closed && let Some(request) = device.page.pending.values().next() {
            let problem = format!("device {index} was closed without an answer to {request:?}");
            return self.fail("answered once", problem);
        }
        if is_closed {
            return self.crash(index, Ending::Page);
        }
        let Err(error) = &answer.result else {
            return self.perhaps_stop(index, answer);
        };
        let code = text_of(error, "code");
        if text_of(&answer.request, "kind") == "open" {
            match code {
                "storage_busy" | "storage_full" | "storage_failed" => {
                    let reload = Happening::Reload {
                        device: index,
                        process,
                    };
                    self.agenda.put_in(500, reload);
                }
                _ => self.fail("liveness", format!("device {index} cannot open: {error:?}")),
            }
        }
    }

    /// A promise is worth most when the machine stops as soon as it was given.
    fn perhaps_stop(&mut self, index: usize, answer: &Answer) {
        let percent = match text_of(&answer.request, "kind") {
            "retry" | "discard" => 10,
            "write" | "commit" => 1,
            _ => 0,
        };
        if !self.is_calm && self.risks(Fault::MachineCrash) && self.dice.chance(percent) {
            self.count("machine crashes after an answer");
            self.crash(index, Ending::Machine);
        }
    }

    /// A page whose storage has failed is reloaded by its user; damage there must never be.
    fn watch_storage(&mut self, index: usize, process: u64) {
        let status = self.device(index).page.status.clone();
        let Some(storage) = status.get("storage") else {
            return;
        };
        match text_of(storage, "state") {
            "damaged" => self.fail("durability", format!("device {index}: {storage:?}")),
            "failed" => {
                let wait_ms = self.dice.between(50, 1_500);
                self.agenda.put_in(
                    wait_ms,
                    Happening::Reload {
                        device: index,
                        process,
                    },
                );
            }
            _ => {}
        }
    }

    /// The page answers with its user's token: mostly the valid one.
    fn give_token(&mut self, index: usize) {
        let is_stale = !self.is_calm && self.dice.chance(10);
        let is_calm = self.is_calm;
        let device = self.device(index);
        let serial = if is_stale {
            device.token.saturating_sub(1)
        } else {
            device.token
        };
        let token = match device.app.is_signed_out && !is_calm {
            true => Value::Null,
            false => text(token_text(index, serial)),
        };
        device.page.ask("token", object([("token", token)]));
    }

    /// Reads everything that an engine shows, and shows it to the checkers.
    pub(super) fn show(&mut self, index: usize) {
        if self.device(index).page.stage != Stage::Ready {
            return;
        }
        if let Some(rows) = self.read_all(index) {
            let place = self.device(index).place();
            self.count("times everything was compared");
            self.tell(&Fact::Shown { place, rows: &rows });
        }
    }

    /// All rows of all collections, if the database is open.
    pub(super) fn read_all(&mut self, index: usize) -> Option<Rows> {
        let names = || COLLECTIONS.into_iter().chain(["$outbox"]);
        let first = self.probes;
        let mut known = std::mem::take(&mut self.device(index).page.known);
        let requests = names().zip(first..).map(|(name, number)| {
            let query = object([("from", text(name))]);
            let since = known.get(name).map(|known| whole(known.0));
            object([
                ("number", whole(number)),
                ("kind", text("get")),
                ("query", query),
                ("since", since.unwrap_or_default()),
            ])
        });
        let requests: Vec<_> = requests.collect();
        self.probes += requests.len() as u64;
        let message = object([("tab", whole(PROBE)), ("requests", Value::List(requests))]);
        let device = self.device(index);
        let number = device.process.as_ref()?.number;
        device.process.as_ref()?.give(Event::Request {
            tab: TabId(PROBE),
            bytes: message::write(message),
        });
        let now_ms = self.agenda.now_ms();
        let mut rows = Rows::new();
        for wish in self.device(index).run(now_ms) {
            let Wish::Post(TabId(PROBE), bytes) = wish else {
                self.grant(index, number, wish);
                continue;
            };
            for notice in &message::notices(&bytes) {
                let at = whole_of(notice, "number").checked_sub(first)? as usize;
                let (name, ok) = (names().nth(at)?, notice.get("ok")?);
                if ok.get("rows").is_some() {
                    let found = list_of(ok, "rows").to_vec();
                    known.insert(name.into(), (whole_of(ok, "revision"), found));
                }
                rows.insert(name.into(), known.get(name)?.1.clone());
            }
        }
        self.device(index).page.known = known;
        (rows.len() == names().count()).then_some(rows)
    }
}
