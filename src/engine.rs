//! The engine: one function of input and event to effects.
//!
//! It never awaits, reads a clock, draws randomness or logs; `Disk` is the one port that it calls.
//! An engine serves one database: closed, being opened, or open.

mod answers;
mod database;
mod exchange;
mod export;
mod link;
mod open;
mod out;
mod outbox_row;
mod pull;
mod push;
mod request;
mod status;
mod transaction;
mod verdict;
mod write;

use crate::doc::json;
use crate::doc::value::Value;
use crate::effect::Effect;
use crate::error::{Error, Problem};
use crate::event::{Event, Input};
use crate::ids::{Commit, RequestNumber, TabId, Ticket};
use crate::platform::disk::{Disk, DiskError};
use database::{Database, Waiting};
use exchange::random_of;
use open::{OpenRequest, Opening, Progress};
use out::{Out, reply};
use write::Asker;

/// The engine of one database.
#[derive(Default)]
pub struct Engine {
    phase: Phase,
    /// Requests that came before the database was open.
    early: Vec<(Asker, Value)>,
}

#[derive(Default)]
enum Phase {
    #[default]
    Closed,
    Opening(Box<Opening>),
    Open(Box<Database>),
}

impl Engine {
    /// An engine with nothing open.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one event and says what is to be done.
    pub fn step(&mut self, input: &Input, event: Event, disk: &mut dyn Disk) -> Vec<Effect> {
        let mut out = Out::default();
        match event {
            Event::Request { tab, bytes } => self.on_message(input, disk, &mut out, tab, &bytes),
            Event::Broadcast { bytes } => self.on_broadcast(&bytes, &mut out),
            Event::LockLost => self.on_lock_lost(&mut out),
            Event::Flushed { ticket, result } => {
                self.on_flushed(disk, &mut out, ticket, result);
            }
            Event::Connected { .. } | Event::Frame { .. } | Event::Disconnected { .. } => {
                self.on_transport(input, disk, &mut out, event);
            }
            Event::Tick => self.on_tick(input, disk, &mut out),
            Event::LockGranted | Event::Listed { .. } | Event::FileReady { .. } => {
                self.on_opening(input, disk, &mut out, event);
            }
        }
        self.end_step(input, &mut out);
        out.finish()
    }

    fn on_message(
        &mut self,
        input: &Input,
        disk: &mut dyn Disk,
        out: &mut Out,
        tab: TabId,
        bytes: &[u8],
    ) {
        let message = json::read(bytes).unwrap_or_default();
        for request in message
            .get("requests")
            .and_then(Value::as_list)
            .unwrap_or_default()
        {
            let number = request.get("number").and_then(Value::as_u64).unwrap_or(0);
            let asker = Asker {
                tab,
                number: RequestNumber(number),
            };
            self.on_request(input, disk, out, asker, request);
        }
    }

    fn on_request(
        &mut self,
        input: &Input,
        disk: &mut dyn Disk,
        out: &mut Out,
        asker: Asker,
        request: &Value,
    ) {
        match (request.get("kind").and_then(Value::as_str), &mut self.phase) {
            (Some("open"), _) => self.on_open(input, out, asker, request),
            (Some("close"), _) => self.on_close(out, asker),
            (_, Phase::Open(database)) => database.take_request(input, disk, out, asker, request),
            (_, Phase::Opening(_)) => self.early.push((asker, request.clone())),
            (_, Phase::Closed) => refuse(out, asker, Error::from(Problem::NotOpen)),
        }
    }

    fn on_open(&mut self, input: &Input, out: &mut Out, asker: Asker, request: &Value) {
        let request = match OpenRequest::from_value(asker.tab, asker.number, request) {
            Ok(request) => request,
            Err(error) => return refuse(out, asker, error),
        };
        match &mut self.phase {
            Phase::Closed => self.phase = Phase::Opening(Opening::begin(request, input, out)),
            Phase::Open(database)
                if database.name == request.name && database.schema_hash == request.schema_hash =>
            {
                database.answer_open(asker.tab, asker.number, out);
            }
            _ => {
                let problem = "with another name or schema, or it is being opened".into();
                refuse(
                    out,
                    asker,
                    Error::from(Problem::OpenedOtherwise { problem }),
                );
            }
        }
    }

    /// Closes once what was written is saved: no answer to a write is left out.
    fn on_close(&mut self, out: &mut Out, asker: Asker) {
        match &mut self.phase {
            Phase::Open(database) if database.is_saving() => database.closing = Some(asker),
            _ => self.close(out, asker),
        }
    }

    fn close(&mut self, out: &mut Out, asker: Asker) {
        self.fail_early(out);
        match std::mem::take(&mut self.phase) {
            Phase::Open(database) => {
                for (tab, number) in database.link.into_iter().flat_map(|link| link.wanted) {
                    refuse(out, Asker { tab, number }, Error::from(Problem::NotOpen));
                }
            }
            Phase::Opening(opening) => {
                let asker = Asker {
                    tab: opening.request.tab,
                    number: opening.request.number,
                };
                refuse(out, asker, Error::from(Problem::NotOpen));
            }
            Phase::Closed => {}
        }
        for effect in [Effect::Disconnect, Effect::CloseFiles, Effect::ReleaseLock] {
            out.push(effect);
        }
        out.post(asker.tab, &reply(asker.number, &Ok(b"{}".to_vec())));
    }

    fn on_broadcast(&mut self, bytes: &[u8], out: &mut Out) {
        let message = json::read(bytes).unwrap_or_default();
        let kind = message.get("kind").and_then(Value::as_str);
        match (kind, &mut self.phase) {
            (Some("who"), Phase::Open(_)) => out.push(open::here()),
            (Some("who"), Phase::Opening(opening)) if opening.has_lock() => out.push(open::here()),
            (Some("here"), Phase::Opening(opening)) => opening.on_taken(),
            _ => {}
        }
    }

    /// Somebody took the lock: nothing may be written or shown from here on.
    fn on_lock_lost(&mut self, out: &mut Out) {
        if let Phase::Open(database) = std::mem::take(&mut self.phase) {
            for tab in &database.pages {
                let message = "Another tab took the database over. Reload this page.";
                let notice = Value::map(vec![
                    ("kind".into(), Value::text("fatal")),
                    ("message".into(), Value::text(message)),
                ]);
                json::write(out.notice(*tab), &notice);
            }
            out.push(Effect::Disconnect);
            out.push(Effect::CloseFiles);
        }
        self.fail_early(out);
    }

    fn on_flushed(
        &mut self,
        disk: &mut dyn Disk,
        out: &mut Out,
        ticket: Ticket,
        result: Result<(), DiskError>,
    ) {
        let Phase::Open(database) = &mut self.phase else {
            return;
        };
        match database.store.flushed(disk, ticket, result) {
            Ok(durable) => database.release_durable(durable, out),
            Err(error) => database.fail_waiting(&database::storage_error(error), out),
        }
        for name in database.store.obsolete() {
            out.push(Effect::RemoveFile { name });
        }
        if let Some(asker) = database.closing.filter(|_| !database.is_saving()) {
            self.close(out, asker);
        }
    }

    fn on_transport(&mut self, input: &Input, disk: &mut dyn Disk, out: &mut Out, event: Event) {
        let Phase::Open(database) = &mut self.phase else {
            return;
        };
        let Some(current) = database.link.as_ref().map(|link| link.session.connection()) else {
            return;
        };
        let now = input.monotonic_ms;
        match event {
            Event::Connected { connection } if connection == current => {
                database.drive(input, disk, out, |session, _| session.on_connected(now));
            }
            Event::Frame { connection, text } if connection == current => {
                database.take_frame(input, disk, out, &text);
            }
            Event::Disconnected { connection, reason } if connection == current => {
                let random = random_of(input);
                database.drive(input, disk, out, |session, _| {
                    session.on_lost(&reason, now, random)
                });
                database.answer_wanted(out);
            }
            _ => {}
        }
    }

    fn on_tick(&mut self, input: &Input, disk: &mut dyn Disk, out: &mut Out) {
        match std::mem::take(&mut self.phase) {
            Phase::Opening(opening) => {
                let progress = opening.on_tick(input, out);
                self.advance(input, disk, out, progress);
            }
            Phase::Open(mut database) => {
                let (now, random) = (input.monotonic_ms, random_of(input));
                database.live.sweep(now);
                database.drive(input, disk, out, |session, _| session.on_tick(now, random));
                database.answer_wanted(out);
                self.phase = Phase::Open(database);
            }
            Phase::Closed => {}
        }
    }

    fn on_opening(&mut self, input: &Input, disk: &mut dyn Disk, out: &mut Out, event: Event) {
        let mut opening = match std::mem::take(&mut self.phase) {
            Phase::Opening(opening) => opening,
            other => {
                self.phase = other;
                return;
            }
        };
        let progress = match event {
            Event::LockGranted => {
                opening.on_lock(out);
                Progress::Under(opening)
            }
            Event::Listed {
                files,
                kind,
                is_durable,
            } => opening.on_listed(input, disk, out, files, (kind, is_durable)),
            Event::FileReady { result, .. } => opening.on_file(input, disk, out, result),
            _ => Progress::Under(opening),
        };
        self.advance(input, disk, out, progress);
    }

    fn advance(&mut self, input: &Input, disk: &mut dyn Disk, out: &mut Out, progress: Progress) {
        match progress {
            Progress::Under(opening) => self.phase = Phase::Opening(opening),
            Progress::Failed(request, error) => {
                let asker = Asker {
                    tab: request.tab,
                    number: request.number,
                };
                refuse(out, asker, error);
                self.fail_early(out);
            }
            Progress::Open(mut database, request) => {
                database.tell_status(input, out);
                let opened = Waiting::Opened(request.tab, request.number);
                database.after(database.store.last(), opened, out);
                let now = input.monotonic_ms;
                database.drive(input, disk, out, |session, _| session.on_online(now));
                for (asker, request) in std::mem::take(&mut self.early) {
                    database.take_request(input, disk, out, asker, &request);
                }
                self.phase = Phase::Open(database);
            }
        }
    }

    fn fail_early(&mut self, out: &mut Out) {
        for (asker, _) in std::mem::take(&mut self.early) {
            refuse(out, asker, Error::from(Problem::NotOpen));
        }
    }

    /// What every step ends with: a flush if one is due, the status if it changed, the next alarm.
    fn end_step(&mut self, input: &Input, out: &mut Out) {
        let Phase::Open(database) = &mut self.phase else {
            return;
        };
        if let Some((file, ticket)) = database.store.flush_wanted() {
            out.push(Effect::Flush { file, ticket });
        }
        database.tell_status(input, out);
        if let Some(monotonic_ms) = database.next_alarm() {
            out.push(Effect::WakeAt { monotonic_ms });
        }
    }
}

impl Database {
    /// Whether an answer waits for a flush that is still to come.
    fn is_saving(&self) -> bool {
        self.waiting
            .iter()
            .any(|(_, waiting)| matches!(waiting, Waiting::Answer(..)))
    }

    fn release_durable(&mut self, durable: Commit, out: &mut Out) {
        while self
            .waiting
            .front()
            .is_some_and(|(commit, _)| *commit <= durable)
        {
            let (_, waiting) = self.waiting.pop_front().expect("there is a front");
            self.release(waiting, out);
        }
    }

    /// A flush failed: nothing that waits for it will be durable, and every writer is told.
    fn fail_waiting(&mut self, error: &Error, out: &mut Out) {
        self.storage.state = "failed";
        self.storage.problem = Some(error.message());
        for (_, waiting) in std::mem::take(&mut self.waiting) {
            match waiting {
                Waiting::Answer(tab, number, _) | Waiting::Opened(tab, number) => {
                    let notice = reply(number, &Err(error.clone()));
                    out.post(tab, &notice);
                    self.answers.keep(tab, number, notice);
                }
                Waiting::Frame(..) => {}
            }
        }
    }

    /// When to be woken. Told anew only when it has changed.
    fn next_alarm(&mut self) -> Option<u64> {
        let alarm = self
            .link
            .as_ref()
            .and_then(|link| link.session.deadline_ms());
        if alarm == self.alarm_ms {
            return None;
        }
        self.alarm_ms = alarm;
        alarm
    }
}

fn refuse(out: &mut Out, asker: Asker, error: Error) {
    out.post(asker.tab, &reply(asker.number, &Err(error)));
}
