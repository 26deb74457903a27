//! The engine: one function of input and event to effects.
//!
//! It never awaits, reads a clock, draws randomness or logs; `Disk` is the one port that it calls.
//! An engine serves one database: closed, being opened, or open.

mod answers;
mod check;
mod database;
mod exchange;
mod export;
mod index;
#[cfg(feature = "inspect")]
pub mod inspect;
mod link;
pub mod list;
pub mod message;
mod open;
mod out;
mod outbox_row;
mod plan;
mod pull;
mod push;
mod replica;
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
use crate::limits::{HEAD_WAIT_MS, REST_MS};
use crate::planted;
use crate::platform::disk::{Disk, DiskError, When};
use crate::protocol::refusal::TERM_FENCED;
use crate::store::{Sizes, StoreError};
use crate::sync::session;
use database::{Database, Waiting};
use exchange::Told;
use open::{OpenRequest, Opening, Progress};
use out::{Asker, EMPTY, Out, Step, member_text, notice, reply};
use request::text_of;

/// Attempts to open a database again for writes that could not be saved.
const REOPENINGS_MAX: u32 = 3;

/// The engine of one database.
#[derive(Default)]
pub struct Engine {
    sizes: Sizes,
    phase: Phase,
    /// Requests that came before the database was open.
    early: Vec<(Asker, Value)>,
    /// The database is closed only to be opened again.
    has_lock: bool,
    /// Somebody else may have the lock by now: it is asked for like at first.
    is_fenced: bool,
    /// How often that was done without a write being saved since.
    reopenings: u32,
    /// Requests that wrote in vain so often that they are not tried again, each with the reason.
    refused: Vec<(Asker, StoreError)>,
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

    /// An engine whose store grows to other sizes.
    pub fn with_sizes(sizes: Sizes) -> Self {
        Self {
            sizes,
            ..Self::default()
        }
    }

    /// Takes one event and says what is to be done.
    pub fn step(&mut self, input: &Input, event: Event, disk: &mut dyn Disk) -> Vec<Effect> {
        let mut out = Out::default();
        let mut step = Step {
            input,
            disk,
            out: &mut out,
        };
        self.take(&mut step, event);
        self.end_step(&mut step);
        out.finish()
    }

    fn take(&mut self, step: &mut Step<'_>, event: Event) {
        match event {
            Event::Request { tab, bytes } => self.on_message(step, tab, &bytes),
            Event::Broadcast { bytes } => self.on_broadcast(&bytes, step.out),
            Event::LockLost => self.on_lock_lost(step.out),
            Event::Flushed { ticket, result } => self.on_flushed(step, ticket, result),
            Event::Connected { connection } => {
                if let Some(database) = self.on_connection(connection) {
                    database.on_connected(step);
                }
            }
            Event::Frame { connection, text } => {
                if let Some(database) = self.on_connection(connection) {
                    database.take_frame(step, &text);
                }
            }
            Event::Disconnected { connection, reason } => {
                if let Some(database) = self.on_connection(connection) {
                    database.drive(step, Told::Lost(&reason));
                    database.answer_wanted(step.out);
                }
            }
            Event::Tick => self.on_tick(step),
            Event::LockGranted => {
                if let Phase::Opening(opening) = &mut self.phase {
                    opening.on_lock(step.out);
                }
            }
            Event::Listed {
                files,
                kind,
                survival,
            } => {
                if let Phase::Opening(opening) = &mut self.phase {
                    let progress = opening.on_listed(step, files, (kind, survival));
                    self.advance(step, progress);
                }
            }
            Event::FileReady { name, result } => match &mut self.phase {
                Phase::Opening(opening) => {
                    let progress = opening.on_file(step, result);
                    self.advance(step, progress);
                }
                Phase::Open(database) => database.store.file_ready(step.disk, &name, result),
                Phase::Closed => {}
            },
        }
    }

    fn on_message(&mut self, step: &mut Step<'_>, tab: TabId, bytes: &[u8]) {
        let mut message = message::read(bytes);
        let Some(Value::List(requests)) = message.get_mut("requests") else {
            return;
        };
        for request in requests {
            let number = request.get("number").and_then(Value::as_u64).unwrap_or(0);
            let asker = Asker {
                tab,
                number: RequestNumber(number),
            };
            self.on_request(step, asker, request);
        }
    }

    fn on_request(&mut self, step: &mut Step<'_>, asker: Asker, request: &mut Value) {
        let done = match (text_of(request, "kind"), &mut self.phase) {
            ("open", _) => self.on_open(step, asker, request),
            ("close", _) => {
                self.on_close(step.out, asker);
                Ok(())
            }
            (_, Phase::Open(database)) => {
                database.take_request(step, asker, request);
                Ok(())
            }
            (_, Phase::Opening(_)) => {
                self.early.push((asker, std::mem::take(request)));
                Ok(())
            }
            // Asked for again once the database is open again.
            (_, Phase::Closed) if self.has_lock => Ok(()),
            (_, Phase::Closed) => Err(Error::from(Problem::NotOpen)),
        };
        if let Err(error) = done {
            step.out.answer(asker, Err(&error));
        }
    }

    fn on_open(&mut self, step: &mut Step<'_>, asker: Asker, request: &Value) -> Result<(), Error> {
        let request = OpenRequest::from_value(asker, request)?;
        match &mut self.phase {
            Phase::Closed => {
                let mut opening = Opening::begin(request, self.sizes, step);
                if self.has_lock && !std::mem::take(&mut self.is_fenced) {
                    opening.on_lock(step.out);
                } else {
                    opening.ask_lock(step.out);
                }
                self.phase = Phase::Opening(opening);
            }
            Phase::Open(database)
                if database.name == request.name && database.schema_hash == request.schema_hash =>
            {
                database.answer_open(asker, step.out);
            }
            _ => {
                let problem = "with another name or schema, or it is being opened".into();
                return Err(Error::from(Problem::OpenedOtherwise { problem }));
            }
        }
        Ok(())
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
        match &mut self.phase {
            Phase::Open(database) => {
                if let Some(link) = &database.link {
                    link.wanted.iter().for_each(|asker| refuse(out, *asker));
                }
            }
            Phase::Opening(opening) => refuse(out, opening.request.asker),
            Phase::Closed => {}
        }
        self.phase = Phase::Closed;
        self.has_lock = false;
        self.reopenings = 0;
        out.push(Effect::Disconnect);
        out.push(Effect::CloseFiles);
        out.push(Effect::ReleaseLock);
        out.answer(asker, Ok(EMPTY));
    }

    fn on_broadcast(&mut self, bytes: &[u8], out: &mut Out) {
        let message = json::read(bytes).unwrap_or_default();
        match (text_of(&message, "kind"), &mut self.phase) {
            ("who", Phase::Open(_)) => out.push(open::here()),
            ("who", Phase::Opening(opening)) if opening.has_lock() => out.push(open::here()),
            ("here", Phase::Opening(opening)) => opening.on_taken(),
            _ => {}
        }
    }

    /// Somebody took the lock: nothing may be written or shown from here on.
    fn on_lock_lost(&mut self, out: &mut Out) {
        if let Phase::Open(database) = &self.phase {
            for tab in &database.pages {
                let mut notice = notice("fatal", 1);
                let message = "Another tab took the database over. Reload this page.";
                member_text(&mut notice, "message", Some(message));
                out.post(*tab, &notice);
            }
            out.push(Effect::Disconnect);
        }
        if let Phase::Opening(opening) = &self.phase {
            let error = Error::from(Problem::DatabaseInUse);
            out.answer(opening.request.asker, Err(&error));
        }
        out.push(Effect::CloseFiles);
        self.phase = Phase::Closed;
        self.has_lock = false;
        self.fail_early(out);
    }

    fn on_flushed(&mut self, step: &mut Step<'_>, ticket: Ticket, result: Result<(), DiskError>) {
        let Phase::Open(database) = &mut self.phase else {
            return;
        };
        if result == Err(DiskError::Busy) {
            // Somebody else has the files. To open them again would take them back.
            database.reopenings = u32::MAX;
        }
        // What failed is looked at when the step ends.
        if let Ok(durable) = database.store.flushed(step.disk, ticket, result) {
            database.release_durable(durable, step.out);
        }
        for name in database.store.obsolete() {
            step.out.push(Effect::RemoveFile { name });
        }
        if let Some(asker) = database.closing.filter(|_| !database.is_saving()) {
            self.close(step.out, asker);
        }
    }

    /// The open database, if this is its connection now.
    fn on_connection(&mut self, connection: u64) -> Option<&mut Database> {
        match &mut self.phase {
            Phase::Open(database) if database.is_connection(connection) => Some(database),
            _ => None,
        }
    }

    fn on_tick(&mut self, step: &mut Step<'_>) {
        match &mut self.phase {
            Phase::Opening(opening) => {
                let progress = opening.on_tick(step);
                self.advance(step, progress);
            }
            Phase::Open(database) => {
                if std::mem::take(&mut database.is_woken_for_work) {
                    database.alarm_ms = None;
                }
                database.rest_if_nobody_writes(step.input.monotonic_ms);
                if database.store.work_wanted() {
                    database.store.work_in_pause(step.disk);
                    database.alarm_ms = None;
                } else if database.indexes.work_wanted() {
                    database.work_on_indexes(step);
                    database.alarm_ms = None;
                }
                database.live.sweep(step.input.monotonic_ms);
                database.drive(step, Told::Tick);
                database.answer_wanted(step.out);
            }
            Phase::Closed => {}
        }
    }

    fn advance(&mut self, step: &mut Step<'_>, progress: Progress) {
        let Phase::Opening(opening) = &self.phase else {
            return;
        };
        let asker = opening.request.asker;
        match progress {
            Ok(None) => {}
            Err(error) => {
                step.out.push(Effect::CloseFiles);
                step.out.push(Effect::ReleaseLock);
                self.phase = Phase::Closed;
                self.has_lock = false;
                step.out.answer(asker, Err(&error));
                self.fail_early(step.out);
            }
            Ok(Some(mut database)) => {
                database.reopenings = self.reopenings;
                database.refused = std::mem::take(&mut self.refused);
                database.tell_status(step);
                if self.reopenings == 0 {
                    database.head_until_ms = step.input.monotonic_ms + HEAD_WAIT_MS;
                }
                if database.head_waits(step.input.monotonic_ms) {
                    database.answer_open(asker, step.out);
                } else {
                    let opened = Waiting::Opened(asker);
                    database.after(database.store.last(), opened, step.out);
                }
                database.drive(step, Told::Online);
                for (asker, request) in &mut std::mem::take(&mut self.early) {
                    database.take_request(step, *asker, request);
                }
                self.phase = Phase::Open(database);
            }
        }
    }

    fn fail_early(&mut self, out: &mut Out) {
        for (asker, _) in &self.early {
            refuse(out, *asker);
        }
        self.early.clear();
    }

    /// After a flush that failed, or a write that could not be taken back, what is in memory is
    /// perhaps not what is on the disk. It is dropped; the pages open the database again, and ask
    /// again for what was not answered. After some attempts in vain what waits is refused, unless
    /// the next opening finds it. If that does not help either, or there is damage, the database
    /// can be read.
    ///
    /// A leader that was ended by a higher term opens the database again too, if it gets the lock:
    /// then nobody else leads here, and the higher term is that of a copy.
    fn reopen_if_failed(&mut self, step: &mut Step<'_>) {
        let Phase::Open(database) = &mut self.phase else {
            return;
        };
        let Some(error) = database.problem() else {
            self.is_fenced = database.is_fenced();
            if self.is_fenced {
                self.reopen(step.out);
            }
            return;
        };
        if !database.may_reopen() {
            database.is_given_up = true;
            database.fail_waiting(&error.into(), step.out);
            if let Some(asker) = database.closing {
                self.close(step.out, asker);
            }
            return;
        }
        if database.reopenings == REOPENINGS_MAX {
            for (_, waiting) in &database.waiting {
                if let Waiting::Answer(asker, _) = waiting {
                    self.refused.push((*asker, error.clone()));
                }
            }
        }
        self.reopen(step.out);
    }

    /// Closes the database and lets its pages open it again.
    fn reopen(&mut self, out: &mut Out) {
        let Phase::Open(database) = &self.phase else {
            return;
        };
        self.reopenings = database.reopenings + 1;
        for tab in &database.pages {
            out.post(*tab, &notice("reopen", 0));
        }
        out.push(Effect::Disconnect);
        out.push(Effect::CloseFiles);
        self.phase = Phase::Closed;
        self.has_lock = true;
    }

    /// What every step ends with: files and a flush that are due, the status if it changed, the
    /// next alarm.
    fn end_step(&mut self, step: &mut Step<'_>) {
        self.reopen_if_failed(step);
        let Phase::Open(database) = &mut self.phase else {
            return;
        };
        database.note_damage();
        for name in database.store.files_wanted() {
            step.out.push(Effect::MakeFile { name });
        }
        if !database.head_waits(step.input.monotonic_ms)
            && let Some((file, ticket)) = database.store.flush_wanted()
        {
            let is_free = database.waiting.is_empty();
            let when = if is_free && !planted::is("engine_upkeep_flushed_at_once") {
                When::Later
            } else {
                When::Now
            };
            step.out.push(Effect::Flush { file, ticket, when });
        }
        database.tell_status(step);
        if let Some(monotonic_ms) = database.next_alarm(step.input.monotonic_ms) {
            step.out.push(Effect::WakeAt { monotonic_ms });
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
        let later = self
            .waiting
            .iter()
            .position(|(commit, _)| *commit > durable);
        let later = self.waiting.split_off(later.unwrap_or(self.waiting.len()));
        for (_, waiting) in std::mem::replace(&mut self.waiting, later) {
            if matches!(waiting, Waiting::Answer(..)) {
                self.reopenings = 0;
            }
            self.release(waiting, out);
        }
    }

    /// What has failed and was not dealt with yet.
    fn problem(&self) -> Option<StoreError> {
        self.store.problem().filter(|_| !self.is_given_up)
    }

    /// Whether another opening may help.
    fn may_reopen(&self) -> bool {
        self.reopenings <= REOPENINGS_MAX && !self.store.is_damaged()
    }

    /// Whether the server has seen a later leader, and another opening may show who that is.
    fn is_fenced(&self) -> bool {
        let phase = self.link.as_ref().map(|link| link.session.phase());
        matches!(phase, Some(session::Phase::Refused { code, .. }) if code == TERM_FENCED)
            && self.reopenings < REOPENINGS_MAX
            && self.closing.is_none()
            && !planted::is("engine_fenced_for_good")
    }

    /// Whether what failed will be asked for again.
    pub fn will_reopen(&self) -> bool {
        self.problem().is_some() && self.may_reopen()
    }

    /// A flush failed for good: nothing that waits for it will be durable, and every writer is
    /// told. What was there before can be read, also if the flush was that of the opening.
    fn fail_waiting(&mut self, error: &Error, out: &mut Out) {
        if !self.store.is_damaged() {
            self.storage.state = "failed";
            self.storage.problem = Some(error.message());
        }
        for (_, waiting) in std::mem::take(&mut self.waiting) {
            match waiting {
                Waiting::Answer(asker, _) => {
                    let notice = reply(asker.number, Err(error));
                    out.post(asker.tab, &notice);
                    self.answers.keep(asker, notice);
                }
                Waiting::Opened(asker) => self.answer_open(asker, out),
                Waiting::Frame(..) => {}
            }
        }
    }

    /// Whether the flush of what an opening has written may come later: nobody waits for it, and
    /// what is read meanwhile comes first. Nothing that was opened again waits.
    fn head_waits(&self, now_ms: u64) -> bool {
        let is_due = self.head_until_ms <= now_ms || self.closing.is_some();
        self.store.is_head_only() && self.waiting.is_empty() && !is_due
    }

    /// What is in memory becomes a run where nothing was written for a while, so that the next
    /// opening has little to read from the log.
    fn rest_if_nobody_writes(&mut self, now_ms: u64) {
        let Some((last, _)) = self.rest.take_if(|(_, until)| *until <= now_ms) else {
            return;
        };
        if last == self.store.last() || planted::is("engine_rests_while_written") {
            self.store.rest();
        }
    }

    /// When to be woken: at once if the store has work to do. Told anew only when it has changed:
    /// who sets a clock again puts off what it was set for, and requests may come without pause.
    fn next_alarm(&mut self, now_ms: u64) -> Option<u64> {
        let link = self.link.as_ref();
        let deadline = link.and_then(|link| link.session.deadline_ms());
        let has_work = self.store.work_wanted() || self.indexes.work_wanted();
        let was_set = std::mem::replace(&mut self.is_woken_for_work, has_work);
        if has_work && was_set && !planted::is("engine_work_put_off") {
            return None;
        }
        if self.rest.is_none() && self.store.may_rest() {
            self.rest = Some((self.store.last(), now_ms + REST_MS));
        }
        let alarm = if has_work {
            Some(now_ms)
        } else {
            let head = self.head_waits(now_ms).then_some(self.head_until_ms);
            let rest = self.rest.map(|(_, until)| until);
            [deadline, head, rest].into_iter().flatten().min()
        };
        if alarm == self.alarm_ms {
            return None;
        }
        self.alarm_ms = alarm;
        alarm
    }
}

/// The database is not open, or no longer.
fn refuse(out: &mut Out, asker: Asker) {
    out.answer(asker, Err(&Error::from(Problem::NotOpen)));
}
