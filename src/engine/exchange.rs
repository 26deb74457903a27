//! The exchange with the server: performs what the session decides, and takes in what the server
//! sends.

use super::database::{Database, Waiting};
use super::link::{Link, PUSH_MAX};
use super::out::{Out, reply, write_whole};
use super::pull::{SHAPE, is_stale};
use crate::effect::Effect;
use crate::error::{Error, Problem};
use crate::event::Input;
use crate::ids::{Commit, RequestNumber, TabId};
use crate::limits::PAGE_DOCUMENTS_MAX;
use crate::outbox::entry::State;
use crate::planted;
use crate::platform::disk::Disk;
use crate::protocol::codec::{decode_server, encode_client};
use crate::protocol::message::{
    ClientMessage, Hello, Pull, Refusal, ServerMessage, ShapePull, Verdicts, Welcome,
};
use crate::store::Batch;
use crate::sync::session::{Do, Phase, Session, Work};
use crate::txn::table;

/// Most lives that are remembered as possibly seen by the server.
const LIVES_MAX: usize = 16;

impl Database {
    /// Asks the session and performs what it decides.
    pub fn drive(
        &mut self,
        input: &Input,
        disk: &mut dyn Disk,
        out: &mut Out,
        decide: impl FnOnce(&mut Session, Work) -> Vec<Do>,
    ) {
        let work = self.work();
        let Some(link) = &mut self.link else { return };
        let dos = decide(&mut link.session, work);
        self.perform_all(input, disk, out, &dos);
    }

    // Apart from `drive`, which is compiled anew for each thing that happens.
    fn perform_all(&mut self, input: &Input, disk: &mut dyn Disk, out: &mut Out, dos: &[Do]) {
        for each in dos {
            self.perform(input, disk, out, each);
        }
    }

    /// What there is to do with the server.
    pub fn work(&self) -> Work {
        let counts = self.outbox.counts();
        let owes_void = |state: &State| matches!(state, State::Quarantined(_, Some(_)));
        let has_void = counts.quarantined > 0 && self.outbox.iter().any(|e| owes_void(&e.state));
        Work {
            has_unsettled: counts.queued + counts.sent > 0 || has_void,
            has_uncovered: counts.accepted > 0,
            checkpoint: self
                .link
                .as_ref()
                .map_or_else(Default::default, |l| l.bearing.checkpoint),
        }
    }

    fn perform(&mut self, input: &Input, disk: &mut dyn Disk, out: &mut Out, each: &Do) {
        let Some(link) = &mut self.link else { return };
        let done = match each {
            Do::Connect(connection) => {
                out.push(Effect::Connect {
                    connection: *connection,
                    url: link.url.clone(),
                });
                Ok(())
            }
            Do::Disconnect => {
                link.in_flight.clear();
                out.push(Effect::Disconnect);
                Ok(())
            }
            Do::AskToken => {
                for tab in &self.pages {
                    out.post(*tab, b"{\"kind\":\"token\"}");
                }
                Ok(())
            }
            Do::Hello => self.send_hello(disk, out),
            Do::Pull => {
                self.send_pull(out);
                Ok(())
            }
            Do::Push => self.send_push(disk, out),
            Do::Beat => {
                let cursor = link.bearing.cursor.clone();
                self.send(&ClientMessage::Beat { cursor }, out);
                Ok(())
            }
        };
        if let Err(error) = done {
            self.fail_exchange(input, disk, out, &error);
        }
    }

    /// A frame could not be made or taken in, because the store refused: wait, and try again.
    fn fail_exchange(&mut self, input: &Input, disk: &mut dyn Disk, out: &mut Out, error: &Error) {
        if let Some(link) = &mut self.link {
            link.problem = Some(error.message());
        }
        let random = random_of(input);
        self.drive(input, disk, out, |session, _| {
            session.on_lost(error.code(), input.monotonic_ms, random)
        });
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
            self.waiting.push_back((commit, waiting));
        }
    }

    /// Sends a frame, unless its connection has ended meanwhile.
    pub fn send_now(&mut self, connection: u64, text: String, out: &mut Out) {
        let current = self.link.as_ref().map(|link| link.session.connection());
        if current == Some(connection) {
            out.push(Effect::Send { text });
        }
    }

    /// `hello` goes out only when the store durably knows that this life may have been seen.
    fn send_hello(&mut self, disk: &mut dyn Disk, out: &mut Out) -> Result<(), Error> {
        let Some(Link { life, bearing, .. }) = &mut self.link else {
            return Ok(());
        };
        let life = *life;
        if !bearing.lives.contains(&life) && !planted::is("engine_life_not_kept") {
            let before = bearing.lives.clone();
            bearing.lives.push(life);
            let excess = bearing.lives.len().saturating_sub(LIVES_MAX);
            // The first is the one that a welcome acknowledged; it is the likeliest and stays.
            bearing.lives.drain(1..=excess);
            let mut batch = Batch::new();
            batch.put(table::meta("link"), bearing.encode());
            if let Err(error) = self.commit(disk, batch) {
                if let Some(link) = &mut self.link
                    && !planted::is("engine_life_moved_on_failure")
                {
                    link.bearing.lives = before;
                }
                return Err(error);
            }
        }
        let Some(Link { bearing, token, .. }) = &self.link else {
            return Ok(());
        };
        let hello = Hello {
            protocol: (1, 1),
            replica: self.replica,
            term: self.store.term(),
            life,
            previous_lives: bearing
                .lives
                .iter()
                .copied()
                .filter(|other| *other != life)
                .collect(),
            next_seq: self.counters.next_seq,
            confirmed: self.confirmed(),
            schema_version: self.schema.version,
            capabilities: Vec::new(),
            token: token.clone(),
        };
        self.send(&ClientMessage::Hello(hello), out);
        Ok(())
    }

    fn send_pull(&mut self, out: &mut Out) {
        let Some(Link { bearing, .. }) = &self.link else {
            return;
        };
        let cursor = if bearing.staged > 0 {
            &bearing.staged_cursor
        } else {
            &bearing.cursor
        };
        let pull = Pull {
            replica: self.replica,
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
    pub fn take_frame(&mut self, input: &Input, disk: &mut dyn Disk, out: &mut Out, text: &str) {
        let message = match decode_server(text.as_bytes()) {
            Ok(message) => message,
            Err(refusal) => {
                if let Some(link) = &mut self.link {
                    link.problem = Some(format!("{}: {}", refusal.code, refusal.message));
                }
                return;
            }
        };
        let now = input.monotonic_ms;
        let taken = match message {
            ServerMessage::Welcome(welcome) => self.take_welcome(input, disk, out, &welcome),
            ServerMessage::Page(page) if self.link.as_ref().is_some_and(|l| is_stale(l, &page)) => {
                Ok(())
            }
            ServerMessage::Page(page) => {
                let has_more = page.has_more;
                self.take_page(disk, out, &page, text).map(|()| {
                    self.drive(input, disk, out, |session, work| {
                        if has_more {
                            session.on_staged(now)
                        } else {
                            session.next(work, now)
                        }
                    });
                })
            }
            ServerMessage::Verdicts(verdicts) => self.take_verdicts(input, disk, out, &verdicts),
            ServerMessage::Poke { version } | ServerMessage::Beat { version, .. } => {
                self.drive(input, disk, out, |session, work| {
                    session.on_version(version, work, now)
                });
                Ok(())
            }
            ServerMessage::Refused(refusal) => {
                self.take_refusal(input, disk, out, &refusal);
                Ok(())
            }
        };
        if let Err(error) = taken {
            self.fail_exchange(input, disk, out, &error);
        }
        self.answer_wanted(out);
    }

    fn take_welcome(
        &mut self,
        input: &Input,
        disk: &mut dyn Disk,
        out: &mut Out,
        welcome: &Welcome,
    ) -> Result<(), Error> {
        let Some(link) = &mut self.link else {
            return Ok(());
        };
        let is_other = link
            .bearing
            .subject
            .as_ref()
            .is_some_and(|own| *own != welcome.subject);
        if is_other {
            let message = "This database belongs to another user. Sign in as that user, or open \
                           another database; nothing was sent.";
            let refusal = Refusal {
                code: "wrong_subject".into(),
                message: message.into(),
                is_retryable: false,
            };
            self.take_refusal(input, disk, out, &refusal);
            return Ok(());
        }
        link.problem = None;
        link.pages.clear();
        self.clock.correct(input.wall_ms, welcome.time_ms);
        self.settle_in(disk, out, welcome)?;
        let (version, now) = (welcome.version, input.monotonic_ms);
        self.drive(input, disk, out, |session, _| {
            session.on_welcome(version, now)
        });
        Ok(())
    }

    /// Writes down what the welcome says: whose we are, that this life was seen, and a new epoch.
    fn settle_in(
        &mut self,
        disk: &mut dyn Disk,
        out: &mut Out,
        welcome: &Welcome,
    ) -> Result<(), Error> {
        let Some(link) = &mut self.link else {
            return Ok(());
        };
        let before = link.bearing.clone();
        let bearing = &mut link.bearing;
        bearing.subject = Some(welcome.subject.clone());
        bearing.lives = vec![link.life];
        let is_new_epoch = bearing.epoch.as_ref() != Some(&welcome.epoch);
        if is_new_epoch {
            bearing.restart(&welcome.epoch);
        }
        if *bearing == before {
            return Ok(());
        }
        let mut batch = Batch::new();
        batch.put(table::meta("link"), bearing.encode());
        let result = if is_new_epoch {
            self.requeue(disk, out, batch)
        } else {
            self.commit(disk, batch).map(|_| ())
        };
        if let (Err(_), Some(link)) = (&result, &mut self.link) {
            link.bearing = before;
        }
        result
    }

    fn take_verdicts(
        &mut self,
        input: &Input,
        disk: &mut dyn Disk,
        out: &mut Out,
        verdicts: &Verdicts,
    ) -> Result<(), Error> {
        let moves = self.moves_of(&verdicts.verdicts);
        if !moves.entries.is_empty() {
            self.commit_moves(disk, out, &moves, Batch::new())?;
        }
        let Some(link) = &mut self.link else {
            return Ok(());
        };
        let settled = verdicts.verdicts.iter().map(|verdict| verdict.seq);
        let mut told = settled
            .chain(verdicts.not_processed.iter().copied())
            .peekable();
        if told.peek().is_some() && !told.any(|seq| link.in_flight.contains(&seq)) {
            // Of a push that was answered before: something on the way sends frames twice.
            return Ok(());
        }
        link.in_flight.clear();
        link.part = verdicts.awaited_part;
        if !verdicts.verdicts.is_empty() {
            link.failures = 0;
            link.push_max = (link.push_max * 2).min(PUSH_MAX);
        }
        let now = input.monotonic_ms;
        let has_moved = !verdicts.verdicts.is_empty() || verdicts.awaited_part.is_some();
        match &verdicts.reason {
            None if has_moved => {}
            None => {
                let random = random_of(input);
                self.drive(input, disk, out, |session, _| {
                    session.on_lost("the server gave no verdict", now, random)
                });
                return Ok(());
            }
            Some(reason) if reason.code == "clock_ahead" => {
                self.clock.correct(input.wall_ms, verdicts.time_ms);
                self.restamp(input, disk, out)?;
            }
            Some(reason) => {
                let (code, random) = (reason.code.clone(), random_of(input));
                self.drive(input, disk, out, |session, _| {
                    session.on_lost(&code, now, random)
                });
                return Ok(());
            }
        }
        self.drive(input, disk, out, |session, work| session.next(work, now));
        Ok(())
    }

    fn take_refusal(
        &mut self,
        input: &Input,
        disk: &mut dyn Disk,
        out: &mut Out,
        refusal: &Refusal,
    ) {
        let (now, random) = (input.monotonic_ms, random_of(input));
        let Some(link) = &mut self.link else { return };
        link.problem = Some(format!("{}: {}", refusal.code, refusal.message));
        let is_of_batch = !refusal.is_retryable && !Session::is_final(&refusal.code);
        if is_of_batch && *link.session.phase() == Phase::Pushing {
            match self.suspect_batch(disk, out, refusal) {
                Ok(false) => {}
                Ok(true) => {
                    return self.drive(input, disk, out, |session, work| session.next(work, now));
                }
                Err(error) => return self.fail_exchange(input, disk, out, &error),
            }
        }
        self.drive(input, disk, out, |session, _| {
            session.on_refused(&refusal.code, &refusal.message, now, random)
        });
        self.answer_wanted(out);
    }

    /// A request `sync`: answered when the session has come to rest, one way or the other.
    pub fn want_sync(
        &mut self,
        input: &Input,
        disk: &mut dyn Disk,
        out: &mut Out,
        asker: (TabId, RequestNumber),
    ) -> Result<(), Error> {
        let Some(link) = &mut self.link else {
            return Err(not_synced(
                "off",
                "This database was opened without `sync`.",
            ));
        };
        link.wanted.push(asker);
        if let Phase::Refused { .. } = link.session.phase() {
            self.answer_wanted(out);
            return Ok(());
        }
        self.drive(input, disk, out, |session, _| {
            session.on_wanted(input.monotonic_ms)
        });
        Ok(())
    }

    /// Answers the requests `sync` once there is an answer.
    pub fn answer_wanted(&mut self, out: &mut Out) {
        let Some(link) = &mut self.link else { return };
        let result = match link.session.phase() {
            Phase::Idle => {
                let mut ok = b"{\"version\":".to_vec();
                write_whole(&mut ok, link.bearing.checkpoint.0);
                ok.push(b'}');
                Ok(ok)
            }
            Phase::Backoff { reason, .. } => Err(not_synced("offline", reason)),
            Phase::Offline => Err(not_synced("offline", "The device has no network.")),
            Phase::NeedsAuth => Err(not_synced(
                "needs_auth",
                "The server does not take the token.",
            )),
            Phase::Refused { code, message } => Err(not_synced(code, message)),
            Phase::Connecting | Phase::Pulling | Phase::Pushing => return,
        };
        for (tab, number) in link.wanted.drain(..) {
            out.post(tab, &reply(number, &result));
        }
    }
}

/// Random bits for spreading waits.
pub fn random_of(input: &Input) -> u64 {
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
