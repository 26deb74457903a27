//! The client's session with the server: one state machine that decides what to send next and when
//! to wait.
//!
//! It is pure: it is told what happened and answers with [`Do`]. It must not know how frames are
//! made or where anything is stored.

use crate::ids::Version;
use crate::limits::{BACKOFF_MS, BEAT_MS};

/// Longest wait for an answer, in milliseconds.
const ANSWER_MS: u64 = 15_000;
/// Beats that may go unanswered.
const BEATS_MISSED_MAX: u32 = 2;

/// Where the session stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The device has no network, as the page says.
    Offline,
    /// A connection is being made, or waits for its token or welcome.
    Connecting,
    /// A pull is under way.
    Pulling,
    /// A push is under way.
    Pushing,
    /// Nothing is to be done.
    Idle,
    /// Waits before it tries again.
    Backoff {
        /// What went wrong.
        reason: String,
        /// On the monotonic clock.
        until_ms: u64,
    },
    /// The server does not take the token; waits for another.
    NeedsAuth,
    /// The server will not have this replica; nothing is sent. Ends with the database.
    Refused {
        /// The server's code.
        code: String,
        /// The server's words.
        message: String,
    },
}

/// What the session wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Do {
    /// Open a connection with this number.
    Connect(u64),
    /// End the connection.
    Disconnect,
    /// Ask the page for the token.
    AskToken,
    /// Send `hello`.
    Hello,
    /// Send `pull`.
    Pull,
    /// Send `push`.
    Push,
    /// Send `beat`.
    Beat,
}

/// What there is to do, as the database sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Entries without a verdict.
    pub has_unsettled: bool,
    /// Entries accepted but not yet pulled.
    pub has_uncovered: bool,
    /// The version of the base.
    pub checkpoint: Version,
}

/// The session.
#[derive(Clone, Debug)]
pub struct Session {
    phase: Phase,
    connection: u64,
    is_connected: bool,
    is_welcome: bool,
    has_token: bool,
    attempts: u32,
    auth_refusals: u32,
    server_version: Version,
    /// Where the base was when the pull under way was asked for by what the server had said.
    pulled_from: Option<Version>,
    beats_missed: u32,
    deadline_ms: Option<u64>,
}

impl Session {
    /// A session at rest.
    pub fn new() -> Self {
        Self {
            phase: Phase::Offline,
            connection: 0,
            is_connected: false,
            is_welcome: false,
            has_token: false,
            attempts: 0,
            auth_refusals: 0,
            server_version: Version(0),
            pulled_from: None,
            beats_missed: 0,
            deadline_ms: None,
        }
    }

    /// Where it stands.
    pub fn phase(&self) -> &Phase {
        &self.phase
    }

    /// The current connection's number; events of others are late.
    pub fn connection(&self) -> u64 {
        self.connection
    }

    /// When to call `on_tick`, on the monotonic clock.
    pub fn deadline_ms(&self) -> Option<u64> {
        match self.phase {
            Phase::Backoff { until_ms, .. } => Some(until_ms),
            _ => self.deadline_ms,
        }
    }

    /// The page says that there is a network.
    pub fn on_online(&mut self, now_ms: u64) -> Vec<Do> {
        match self.phase {
            Phase::Offline | Phase::Backoff { .. } => self.connect(now_ms),
            _ => Vec::new(),
        }
    }

    /// The page says that there is no network.
    pub fn on_offline(&mut self) -> Vec<Do> {
        match self.phase {
            Phase::Refused { .. } | Phase::Offline => Vec::new(),
            _ => {
                self.rest(Phase::Offline);
                vec![Do::Disconnect]
            }
        }
    }

    /// Somebody asked to synchronise now.
    pub fn on_wanted(&mut self, now_ms: u64) -> Vec<Do> {
        match self.phase {
            Phase::Backoff { .. } | Phase::Offline => self.connect(now_ms),
            Phase::Idle => self.pull(now_ms),
            Phase::NeedsAuth => vec![Do::AskToken],
            _ => Vec::new(),
        }
    }

    fn connect(&mut self, now_ms: u64) -> Vec<Do> {
        self.rest(Phase::Connecting);
        self.connection += 1;
        self.deadline_ms = Some(now_ms + ANSWER_MS);
        vec![Do::Connect(self.connection)]
    }

    fn rest(&mut self, phase: Phase) {
        self.phase = phase;
        self.is_connected = false;
        self.is_welcome = false;
        self.beats_missed = 0;
        self.deadline_ms = None;
    }

    /// The connection is open.
    pub fn on_connected(&mut self, now_ms: u64) -> Vec<Do> {
        self.is_connected = true;
        self.deadline_ms = Some(now_ms + ANSWER_MS);
        if self.has_token {
            vec![Do::Hello]
        } else {
            vec![Do::AskToken]
        }
    }

    /// The page has no token.
    pub fn on_no_token(&mut self) -> Vec<Do> {
        self.has_token = false;
        match self.phase {
            Phase::Refused { .. } | Phase::Offline | Phase::Backoff { .. } => {}
            _ => {
                self.deadline_ms = None;
                self.is_welcome = false;
                self.phase = Phase::NeedsAuth;
            }
        }
        Vec::new()
    }

    /// The page gave a token.
    pub fn on_token(&mut self, now_ms: u64) -> Vec<Do> {
        self.has_token = true;
        match self.phase {
            Phase::NeedsAuth if !self.is_connected => self.connect(now_ms),
            Phase::NeedsAuth | Phase::Connecting if self.is_connected => {
                self.phase = Phase::Connecting;
                self.deadline_ms = Some(now_ms + ANSWER_MS);
                vec![Do::Hello]
            }
            _ => Vec::new(),
        }
    }

    /// The server took us in.
    pub fn on_welcome(&mut self, version: Version, now_ms: u64) -> Vec<Do> {
        self.is_welcome = true;
        self.auth_refusals = 0;
        // Not the larger one: the server may have been reset since.
        self.server_version = version;
        self.pull(now_ms)
    }

    fn pull(&mut self, now_ms: u64) -> Vec<Do> {
        self.phase = Phase::Pulling;
        self.pulled_from = None;
        self.deadline_ms = Some(now_ms + ANSWER_MS);
        vec![Do::Pull]
    }

    /// A page was staged, and more follow.
    pub fn on_staged(&mut self, now_ms: u64) -> Vec<Do> {
        self.pull(now_ms)
    }

    /// A pull or push came to its end, or a local write was made: what is next?
    pub fn next(&mut self, work: Work, now_ms: u64) -> Vec<Do> {
        if !self.is_welcome {
            return Vec::new();
        }
        if work.has_unsettled {
            self.phase = Phase::Pushing;
            self.pulled_from = None;
            self.deadline_ms = Some(now_ms + ANSWER_MS);
            return vec![Do::Push];
        }
        // A server that does not bring what it promised is not asked again before it says more.
        let is_stuck = self.pulled_from == Some(work.checkpoint);
        if (work.has_uncovered || self.server_version > work.checkpoint) && !is_stuck {
            let pull = self.pull(now_ms);
            self.pulled_from = Some(work.checkpoint);
            return pull;
        }
        self.pulled_from = None;
        self.attempts = 0;
        self.phase = Phase::Idle;
        self.deadline_ms = Some(now_ms + BEAT_MS);
        Vec::new()
    }

    /// The outbox has got an entry.
    pub fn on_write(&mut self, work: Work, now_ms: u64) -> Vec<Do> {
        if self.phase == Phase::Idle {
            self.next(work, now_ms)
        } else {
            Vec::new()
        }
    }

    /// The server says that the space is at this version.
    pub fn on_version(&mut self, version: Version, work: Work, now_ms: u64) -> Vec<Do> {
        self.beats_missed = 0;
        if version > self.server_version {
            self.server_version = version;
            self.pulled_from = None;
        }
        if self.phase == Phase::Idle {
            self.next(work, now_ms)
        } else {
            Vec::new()
        }
    }

    /// The connection ended, or the server did not keep to the protocol.
    pub fn on_lost(&mut self, reason: &str, now_ms: u64, random: u64) -> Vec<Do> {
        if matches!(
            self.phase,
            Phase::Refused { .. } | Phase::Offline | Phase::NeedsAuth
        ) {
            self.is_connected = false;
            self.is_welcome = false;
            self.deadline_ms = None;
            return Vec::new();
        }
        let (first, longest) = BACKOFF_MS;
        let cap = longest.min(first << self.attempts.min(16));
        self.attempts += 1;
        let until_ms = now_ms + 1 + random % cap;
        self.rest(Phase::Backoff {
            reason: reason.into(),
            until_ms,
        });
        vec![Do::Disconnect]
    }

    /// The server refused us or what we sent.
    pub fn on_refused(&mut self, code: &str, message: &str, now_ms: u64, random: u64) -> Vec<Do> {
        match code {
            "needs_auth" => {
                self.has_token = false;
                self.is_welcome = false;
                self.phase = Phase::NeedsAuth;
                self.deadline_ms = None;
                self.auth_refusals += 1;
                if self.auth_refusals == 1 {
                    return vec![Do::AskToken];
                }
                self.is_connected = false;
                vec![Do::Disconnect]
            }
            // It is about a `hello` that something on the way sent twice: this one was taken in.
            "replica_conflict" if self.is_welcome => Vec::new(),
            _ if Self::is_final(code) => {
                self.refuse(code, message);
                vec![Do::Disconnect]
            }
            _ => self.on_lost(code, now_ms, random),
        }
    }

    /// Whether the server has taken us in, on the connection of now.
    pub fn is_welcome(&self) -> bool {
        self.is_welcome
    }

    /// Whether a refusal with this code is of the replica, not of what was sent.
    pub fn is_final(code: &str) -> bool {
        let codes = [
            "replica_conflict",
            "wrong_subject",
            "forbidden",
            "term_fenced",
            "protocol_unsupported",
        ];
        codes.contains(&code)
    }

    /// Sends nothing from now on.
    pub fn refuse(&mut self, code: &str, message: &str) {
        self.rest(Phase::Refused {
            code: code.into(),
            message: message.into(),
        });
    }

    /// Time has passed.
    pub fn on_tick(&mut self, now_ms: u64, random: u64) -> Vec<Do> {
        if self.deadline_ms().is_none_or(|deadline| now_ms < deadline) {
            return Vec::new();
        }
        match self.phase {
            Phase::Backoff { .. } => self.connect(now_ms),
            Phase::Idle if self.beats_missed < BEATS_MISSED_MAX => {
                self.beats_missed += 1;
                self.deadline_ms = Some(now_ms + BEAT_MS);
                vec![Do::Beat]
            }
            _ => self.on_lost("the server did not answer", now_ms, random),
        }
    }
}

impl Default for Session {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn welcome(session: &mut Session) {
        assert_eq!(session.on_online(0), [Do::Connect(1)]);
        assert_eq!(session.on_connected(1), [Do::AskToken]);
        assert_eq!(session.on_token(2), [Do::Hello]);
        assert_eq!(session.on_welcome(Version(3), 3), [Do::Pull]);
    }

    #[test]
    fn a_deadline_of_a_session_that_waits_for_a_token_does_not_stay_behind() {
        let mut session = Session::new();
        session.on_online(0);
        session.on_no_token();
        assert_eq!(session.on_connected(1), [Do::AskToken]);
        let deadline = session.deadline_ms().unwrap();
        assert_eq!(session.on_tick(deadline, 0), []);
        assert_eq!(session.deadline_ms(), None);
    }

    #[test]
    fn a_session_pulls_then_pushes_then_pulls_what_it_pushed() {
        let mut session = Session::new();
        welcome(&mut session);
        let mut work = Work {
            has_unsettled: true,
            checkpoint: Version(3),
            ..Work::default()
        };
        assert_eq!(session.next(work, 4), [Do::Push]);
        work = Work {
            has_unsettled: false,
            has_uncovered: true,
            ..work
        };
        assert_eq!(session.next(work, 5), [Do::Pull]);
        work.has_uncovered = false;
        assert_eq!(session.next(work, 6), []);
        assert_eq!(session.phase(), &Phase::Idle);
        assert_eq!(session.on_version(Version(4), work, 7), [Do::Pull]);
    }

    #[test]
    fn a_server_that_does_not_bring_what_it_promised_is_not_asked_for_ever() {
        let mut session = Session::new();
        welcome(&mut session);
        let work = Work {
            checkpoint: Version(3),
            ..Work::default()
        };
        session.next(work, 4);
        assert_eq!(session.on_version(Version(9), work, 5), [Do::Pull]);
        assert_eq!(session.next(work, 6), []);
        assert_eq!(session.phase(), &Phase::Idle);
        let owed = Work {
            has_uncovered: true,
            ..work
        };
        assert_eq!(session.next(owed, 7), [Do::Pull]);
        assert_eq!(session.on_version(Version(10), owed, 8), []);
        assert_eq!(session.next(owed, 9), [Do::Pull], "it has said more");
        assert_eq!(session.next(owed, 10), []);
    }

    #[test]
    fn after_a_reset_the_old_version_of_the_space_means_nothing() {
        let mut session = Session::new();
        welcome(&mut session);
        session.on_version(Version(50), Work::default(), 4);
        session.on_lost("closed", 5, 0);
        session.on_online(6);
        session.on_connected(7);
        assert_eq!(session.on_welcome(Version(1), 8), [Do::Pull]);
        let work = Work {
            checkpoint: Version(1),
            ..Work::default()
        };
        assert_eq!(session.next(work, 9), []);
        assert_eq!(session.phase(), &Phase::Idle);
    }

    #[test]
    fn an_idle_session_beats_and_gives_up_after_two_silences() {
        let mut session = Session::new();
        welcome(&mut session);
        let work = Work {
            checkpoint: Version(3),
            ..Work::default()
        };
        session.next(work, 4);
        assert_eq!(session.on_tick(4 + BEAT_MS, 0), [Do::Beat]);
        assert_eq!(session.on_version(Version(3), work, 5 + BEAT_MS), []);
        for beat in [2, 3] {
            assert_eq!(session.on_tick(5 + beat * BEAT_MS + 5, 0), [Do::Beat]);
        }
        assert_eq!(session.on_tick(10 + 5 * BEAT_MS, 0), [Do::Disconnect]);
        assert!(matches!(session.phase(), Phase::Backoff { .. }));
    }

    #[test]
    fn waits_grow_to_a_minute_and_are_spread() {
        let mut session = Session::new();
        session.on_online(0);
        for attempt in 0..40_u64 {
            session.on_lost("x", 0, u64::MAX - attempt);
            let Phase::Backoff { until_ms, .. } = session.phase().clone() else {
                panic!()
            };
            assert!(until_ms <= 60_000 && until_ms <= 1_000 << attempt.min(10));
            assert_eq!(session.on_tick(until_ms, 0).len(), 1);
        }
    }

    #[test]
    fn a_hello_that_was_sent_twice_by_something_on_the_way_does_not_end_the_session() {
        let mut session = Session::new();
        welcome(&mut session);
        assert_eq!(
            session.on_refused("replica_conflict", "rolled back", 5, 0),
            []
        );
        assert_eq!(session.phase(), &Phase::Pulling);
    }

    #[test]
    fn a_refused_replica_sends_nothing_more() {
        let mut session = Session::new();
        session.on_online(0);
        assert_eq!(
            session.on_refused("replica_conflict", "copy", 5, 0),
            [Do::Disconnect]
        );
        assert_eq!(session.on_online(6), []);
        assert_eq!(session.on_wanted(7), []);
        assert_eq!(session.on_lost("closed", 8, 0), []);
    }

    #[test]
    fn a_new_token_goes_out_on_the_same_connection() {
        let mut session = Session::new();
        welcome(&mut session);
        assert_eq!(session.on_refused("needs_auth", "", 5, 0), [Do::AskToken]);
        assert_eq!(session.phase(), &Phase::NeedsAuth);
        assert_eq!(session.on_token(6), [Do::Hello]);
    }

    #[test]
    fn a_user_who_signs_out_and_in_again_is_synced_again() {
        let mut session = Session::new();
        welcome(&mut session);
        assert_eq!(session.on_no_token(), []);
        assert_eq!(
            session.next(
                Work {
                    has_unsettled: true,
                    ..Work::default()
                },
                6
            ),
            []
        );
        assert_eq!(session.on_wanted(7), [Do::AskToken]);
        assert_eq!(session.on_token(8), [Do::Hello]);
    }

    #[test]
    fn a_token_does_not_end_a_refusal_or_bring_the_network_back() {
        let mut session = Session::new();
        session.on_no_token();
        assert_eq!(session.phase(), &Phase::Offline);
        session.refuse("wrong_subject", "");
        session.on_no_token();
        assert_eq!(session.on_token(2), []);
        assert!(matches!(session.phase(), Phase::Refused { .. }));
    }

    #[test]
    fn a_token_that_is_refused_again_is_not_offered_for_ever() {
        let mut session = Session::new();
        welcome(&mut session);
        session.on_refused("needs_auth", "", 5, 0);
        session.on_token(6);
        assert_eq!(session.on_refused("needs_auth", "", 7, 0), [Do::Disconnect]);
        assert_eq!(session.on_tick(u64::MAX, 0), []);
        assert_eq!(session.on_wanted(8), [Do::AskToken]);
        assert_eq!(session.on_token(9), [Do::Connect(2)]);
    }
}
