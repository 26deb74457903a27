//! The exchange with the server: performs what the session decides, and takes in what the server
//! sends.

use super::database::{Database, Waiting};
use super::link::{Bearing, PUSH_MAX};
use super::out::{Asker, Out, Step, map, member_whole, notice};
use super::pull::{SHAPE, is_stale};
use super::push::Anew;
use crate::effect::Effect;
use crate::error::{Error, Problem};
use crate::event::Input;
use crate::ids::{Commit, Version};
use crate::limits::PAGE_DOCUMENTS_MAX;
use crate::outbox::entry::State;
use crate::planted;
use crate::protocol::codec::{decode_server, encode_client};
use crate::protocol::message::{
    ClientMessage, Hello, Pull, Refusal, ServerMessage, ShapePull, Verdicts, Welcome,
};
use crate::protocol::refusal::REPLICA_CONFLICT;
use crate::store::Batch;
use crate::sync::session::{Do, Phase, Session, Work};

/// Most lives that are remembered as possibly seen by the server.
const LIVES_MAX: usize = 16;

/// What the session is told.
#[derive(Clone, Copy)]
pub enum Told<'a> {
    /// There is a network.
    Online,
    /// There is none.
    Offline,
    /// Somebody asked to synchronise now.
    Wanted,
    /// The connection is open.
    Connected,
    /// The page gave a token.
    Token,
    /// The page has no token.
    NoToken,
    /// The server, whose space is at this version, took us in.
    Welcome(Version),
    /// A page was staged, and more follow.
    Staged,
    /// A pull or push came to its end.
    Done,
    /// The outbox has got an entry.
    Written,
    /// The space is at this version.
    At(Version),
    /// The connection ended, or what was exchanged was not as it must be.
    Lost(&'a str),
    /// The server refused us or what we sent.
    Refused(&'a Refusal),
    /// Time has passed.
    Tick,
}

impl Database {
    /// Tells the session something and performs what it decides.
    pub fn drive(&mut self, step: &mut Step<'_>, told: Told<'_>) {
        let work = self.work();
        let Some(link) = &mut self.link else { return };
        let session = &mut link.session;
        let (now, random) = (step.input.monotonic_ms, random_of(step.input));
        let dos = match told {
            Told::Online => session.on_online(now),
            Told::Offline => session.on_offline(),
            Told::Wanted => session.on_wanted(now),
            Told::Connected => session.on_connected(now),
            Told::Token => session.on_token(now),
            Told::NoToken => session.on_no_token(),
            Told::Welcome(version) => session.on_welcome(version, now),
            Told::Staged => session.on_staged(now),
            Told::Done => session.next(work, now),
            Told::Written => session.on_write(work, now),
            Told::At(version) => session.on_version(version, work, now),
            Told::Lost(reason) => session.on_lost(reason, now, random),
            Told::Refused(Refusal { code, message, .. }) => {
                session.on_refused(code, message, now, random)
            }
            Told::Tick => session.on_tick(now, random),
        };
        for each in &dos {
            if let Err(error) = self.perform(step, each) {
                self.fail_exchange(step, &error);
            }
        }
    }

    /// The connection is open. From here on the outbox is needed.
    pub fn on_connected(&mut self, step: &mut Step<'_>) {
        match self.read_outbox(step.disk) {
            Ok(()) => self.drive(step, Told::Connected),
            Err(error) => self.fail_exchange(step, &error),
        }
    }

    /// What there is to do with the server. Voids that are owed are seen once there is a
    /// connection.
    pub fn work(&self) -> Work {
        let counts = self.outbox.counts();
        let owes_void = |state: &State| matches!(state, State::Quarantined(_, Some(_)));
        let has_void = counts.quarantined > 0
            && !self.outbox.is_unread()
            && self.outbox.iter().any(|e| owes_void(&e.state));
        Work {
            has_unsettled: counts.queued + counts.sent > 0 || has_void,
            has_uncovered: counts.accepted > 0,
            checkpoint: self
                .link
                .as_ref()
                .map_or_else(Default::default, |l| l.bearing.checkpoint),
        }
    }

    fn perform(&mut self, step: &mut Step<'_>, each: &Do) -> Result<(), Error> {
        let Some(link) = &mut self.link else {
            return Ok(());
        };
        match each {
            Do::Connect(connection) => {
                let (connection, url) = (*connection, link.url.clone());
                step.out.push(Effect::Connect { connection, url });
            }
            Do::Disconnect => {
                link.in_flight.clear();
                step.out.push(Effect::Disconnect);
            }
            Do::AskToken => {
                for tab in &self.pages {
                    step.out.post(*tab, &notice("token", 0));
                }
            }
            Do::Hello => return self.send_hello(step),
            Do::Pull => self.send_pull(step.out),
            Do::Push => return self.send_push(step),
            Do::Beat => {
                let cursor = link.bearing.cursor.clone();
                self.send(&ClientMessage::Beat { cursor }, step.out);
            }
        }
        Ok(())
    }

    /// A frame could not be made or taken in, because the store refused: wait, and try again.
    fn fail_exchange(&mut self, step: &mut Step<'_>, error: &Error) {
        if let Some(link) = &mut self.link {
            link.problem = Some(error.message());
        }
        self.drive(step, Told::Lost(error.code()));
    }

    /// Sends a frame once everything written so far is durable.
    pub fn send(&mut self, message: &ClientMessage, out: &mut Out) {
        let Some(link) = &self.link else { return };
        let frame = Waiting::Frame(link.session.connection(), encode_client(message));
        if planted::is("engine_frame_before_flush") {
            return self.release(frame, out);
        }
        self.after(self.store.last(), frame, out);
    }

    /// Lets something out when a commit is durable.
    pub fn after(&mut self, commit: Commit, waiting: Waiting, out: &mut Out) {
        if self.store.durable() >= commit && self.waiting.is_empty() {
            self.release(waiting, out);
        } else {
            self.waiting.push((commit, waiting));
        }
    }

    /// Whether this is the connection now, not one that has ended.
    pub fn is_connection(&self, connection: u64) -> bool {
        self.link
            .as_ref()
            .is_some_and(|link| link.session.connection() == connection)
    }

    /// `hello` goes out only when the store durably knows that this life may have been seen.
    fn send_hello(&mut self, step: &mut Step<'_>) -> Result<(), Error> {
        let Some(link) = &mut self.link else {
            return Ok(());
        };
        let (life, bearing) = (link.life, &mut link.bearing);
        if !bearing.lives.contains(&life) && !planted::is("engine_life_not_kept") {
            let before = bearing.encode();
            bearing.lives.push(life);
            let excess = bearing.lives.len().saturating_sub(LIVES_MAX);
            // The first is the one that a welcome acknowledged; it is the likeliest and stays.
            bearing.lives.drain(1..=excess);
            let mut batch = Batch::new();
            bearing.put(&mut batch);
            if let Err(error) = self.commit(step.disk, batch) {
                if !planted::is("engine_life_moved_on_failure") {
                    self.turn_back(&before);
                }
                return Err(error);
            }
        }
        let Some(link) = &self.link else {
            return Ok(());
        };
        let mut previous_lives = Vec::new();
        for other in &link.bearing.lives {
            if *other != life {
                previous_lives.push(*other);
            }
        }
        let hello = Hello {
            protocol: (1, 1),
            replica: self.replica,
            term: self.store.term(),
            life,
            previous_lives,
            next_seq: self.counters.next_seq,
            confirmed: self.confirmed(),
            schema_version: self.schema.version,
            capabilities: Vec::new(),
            token: link.token.clone(),
        };
        self.send(&ClientMessage::Hello(hello), step.out);
        Ok(())
    }

    /// Gives the link the bearing back that was encoded before a commit that failed.
    pub fn turn_back(&mut self, before: &[u8]) {
        if let (Some(link), Some(bearing)) = (&mut self.link, Bearing::decode(before)) {
            link.bearing = bearing;
        }
    }

    fn send_pull(&mut self, out: &mut Out) {
        let Some(link) = &self.link else { return };
        let bearing = &link.bearing;
        let cursor = if bearing.staged > 0 {
            &bearing.staged_cursor
        } else {
            &bearing.cursor
        };
        let pull = Pull {
            replica: self.replica,
            confirmed: self.confirmed(),
            shapes: vec![ShapePull {
                id: SHAPE.into(),
                cursor: cursor.clone(),
            }],
            limit: PAGE_DOCUMENTS_MAX as u32,
        };
        self.send(&ClientMessage::Pull(pull), out);
    }

    /// Takes a frame in. One that is not valid is refused, shown in the status, and the session
    /// goes on.
    pub fn take_frame(&mut self, step: &mut Step<'_>, text: &str) {
        match decode_server(text.as_bytes()) {
            Ok(message) => {
                if let Err(error) = self.take_message(step, &message, text) {
                    self.fail_exchange(step, &error);
                }
                self.answer_wanted(step.out);
            }
            Err(refusal) => {
                if let Some(link) = &mut self.link {
                    link.problem = Some(explain(&refusal.code, &refusal.message));
                }
            }
        }
    }

    fn take_message(
        &mut self,
        step: &mut Step<'_>,
        message: &ServerMessage,
        text: &str,
    ) -> Result<(), Error> {
        let told = match message {
            ServerMessage::Welcome(welcome) => return self.take_welcome(step, welcome),
            ServerMessage::Verdicts(verdicts) => return self.take_verdicts(step, verdicts),
            ServerMessage::Refused(refusal) => {
                self.take_refusal(step, refusal);
                return Ok(());
            }
            ServerMessage::Page(page) if self.link.as_ref().is_some_and(|l| is_stale(l, page)) => {
                return Ok(());
            }
            ServerMessage::Page(page) => {
                self.take_page(step, page, text)?;
                if page.has_more {
                    Told::Staged
                } else {
                    Told::Done
                }
            }
            ServerMessage::Poke { version } | ServerMessage::Beat { version, .. } => {
                Told::At(*version)
            }
        };
        self.drive(step, told);
        Ok(())
    }

    fn take_welcome(&mut self, step: &mut Step<'_>, welcome: &Welcome) -> Result<(), Error> {
        let Some(link) = &mut self.link else {
            return Ok(());
        };
        let owner = link.bearing.subject.as_ref();
        if owner.is_some_and(|owner| *owner != welcome.subject) {
            let message = "This database belongs to another user. Sign in as that user, or open \
                           another database; nothing was sent.";
            let refusal = Refusal {
                code: "wrong_subject".into(),
                message: message.into(),
                is_retryable: false,
            };
            self.take_refusal(step, &refusal);
            return Ok(());
        }
        link.problem = None;
        link.is_renewed = false;
        link.pages.clear();
        self.clock.correct(step.input.wall_ms, welcome.time_ms);
        self.settle_in(step, welcome)?;
        self.drive(step, Told::Welcome(welcome.version));
        Ok(())
    }

    /// Writes down what the welcome says: whose we are, that this life was seen, and a new epoch.
    fn settle_in(&mut self, step: &mut Step<'_>, welcome: &Welcome) -> Result<(), Error> {
        let Some(link) = &mut self.link else {
            return Ok(());
        };
        let bearing = &mut link.bearing;
        let before = bearing.encode();
        bearing.subject = Some(welcome.subject.clone());
        bearing.lives = vec![link.life];
        let is_new_epoch = bearing.epoch.as_ref() != Some(&welcome.epoch);
        if is_new_epoch {
            bearing.restart(&welcome.epoch);
        }
        if bearing.encode() == before {
            return Ok(());
        }
        let mut batch = Batch::new();
        bearing.put(&mut batch);
        let result = if is_new_epoch {
            self.requeue(step, batch, Anew::Epoch)
        } else {
            self.commit(step.disk, batch).map(|_| ())
        };
        if result.is_err() {
            self.turn_back(&before);
        }
        result
    }

    fn take_verdicts(&mut self, step: &mut Step<'_>, verdicts: &Verdicts) -> Result<(), Error> {
        let moves = self.moves_of(&verdicts.verdicts);
        if !moves.entries.is_empty() {
            self.commit_moves(step, &moves, Batch::new())?;
        }
        let Some(link) = &mut self.link else {
            return Ok(());
        };
        let mut told = verdicts.not_processed.clone();
        for verdict in &verdicts.verdicts {
            told.push(verdict.seq);
        }
        if !told.is_empty() && !told.iter().any(|seq| link.in_flight.contains(seq)) {
            // Of a push that was answered before: something on the way sends frames twice.
            return Ok(());
        }
        link.in_flight.clear();
        link.part = verdicts.awaited_part;
        if !verdicts.verdicts.is_empty() {
            link.failures = 0;
            link.push_max = (link.push_max * 2).min(PUSH_MAX);
        }
        let has_moved = !verdicts.verdicts.is_empty() || verdicts.awaited_part.is_some();
        let told = match &verdicts.reason {
            None if has_moved => Told::Done,
            None => Told::Lost("the server gave no verdict"),
            Some(reason) if reason.code == "clock_ahead" => {
                self.clock.correct(step.input.wall_ms, verdicts.time_ms);
                self.restamp(step)?;
                Told::Done
            }
            Some(reason) => Told::Lost(&reason.code),
        };
        self.drive(step, told);
        Ok(())
    }

    fn take_refusal(&mut self, step: &mut Step<'_>, refusal: &Refusal) {
        let Some(link) = &mut self.link else { return };
        if refusal.code == REPLICA_CONFLICT
            && !link.is_renewed
            && !link.session.is_welcome()
            && !planted::is("engine_copy_not_renewed")
        {
            if let Err(error) = self.renew_replica(step) {
                self.fail_exchange(step, &error);
            }
            return;
        }
        link.problem = Some(explain(&refusal.code, &refusal.message));
        let is_of_batch = !refusal.is_retryable && !Session::is_final(&refusal.code);
        if is_of_batch && *link.session.phase() == Phase::Pushing {
            match self.suspect_batch(step, refusal) {
                Ok(false) => {}
                Ok(true) => return self.drive(step, Told::Done),
                Err(error) => return self.fail_exchange(step, &error),
            }
        }
        self.drive(step, Told::Refused(refusal));
        self.answer_wanted(step.out);
    }

    /// A request `sync`: answered when the session has come to rest, one way or the other.
    pub fn want_sync(&mut self, step: &mut Step<'_>, asker: Asker) -> Result<(), Error> {
        let Some(link) = &mut self.link else {
            return Err(not_synced(
                "off",
                "This database was opened without `sync`.",
            ));
        };
        link.wanted.push(asker);
        if let Phase::Refused { .. } = link.session.phase() {
            self.answer_wanted(step.out);
        } else {
            self.drive(step, Told::Wanted);
        }
        Ok(())
    }

    /// Answers the requests `sync` once there is an answer.
    pub fn answer_wanted(&mut self, out: &mut Out) {
        // Asked for again once the database is open again.
        if self.is_fenced() {
            return;
        }
        let Some(link) = &mut self.link else { return };
        let (code, message) = match link.session.phase() {
            Phase::Idle => ("", ""),
            Phase::Backoff { reason, .. } => ("offline", reason.as_str()),
            Phase::Offline => ("offline", "The device has no network."),
            Phase::NeedsAuth => ("needs_auth", "The server does not take the token."),
            Phase::Refused { code, message } => (code.as_str(), message.as_str()),
            Phase::Connecting | Phase::Pulling | Phase::Pushing => return,
        };
        for asker in &link.wanted {
            if code.is_empty() {
                let mut ok = map(1);
                member_whole(&mut ok, "version", link.bearing.checkpoint.0);
                out.answer(*asker, Ok(&ok));
            } else {
                out.answer(*asker, Err(&not_synced(code, message)));
            }
        }
        link.wanted.clear();
    }
}

/// A code and what it means, for the status.
pub fn explain(code: &str, message: &str) -> String {
    [code, ": ", message].concat()
}

/// Random bits for spreading waits.
fn random_of(input: &Input) -> u64 {
    let last = input.random.last_chunk().expect("there are 32 bytes");
    u64::from_le_bytes(*last)
}

fn not_synced(code: &str, message: &str) -> Error {
    Error::from(Problem::Sync {
        code: code.into(),
        message: message.into(),
        retryable: true,
    })
}
