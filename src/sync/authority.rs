//! The authority: what a server does with a message, as two pure functions over rows
//! (`docs/PROTOCOL.md`).
//!
//! `needs` says which rows are still to be read, `decide` what to write and what to answer. It
//! keeps an ordered key-value map per space, of which it sees only the rows it asked for; it has no
//! clock, no randomness and no store. The host must do the reads, the decision and the writes of
//! one message inside one database transaction, so that decisions about a space happen one after
//! the other:
//!
//! ```
//! use holm::ids::{Seq, Term, Token};
//! use holm::protocol::message::{ClientMessage, Hello, ServerMessage};
//! use holm::sync::authority::{self, Context};
//! use std::collections::BTreeMap;
//!
//! let context = Context {
//!     subject: "ann".into(), time_ms: 1, fresh_epoch: "e1".into(), session: None,
//! };
//! let hello = ClientMessage::Hello(Hello {
//!     protocol: (1, 1), replica: Token([1; 10]), term: Term(1), life: Token([2; 10]),
//!     previous_lives: vec![], next_seq: Seq(1), confirmed: Seq(0), schema_version: 1,
//!     capabilities: vec![], token: None,
//! });
//! let mut space: BTreeMap<authority::Key, Vec<u8>> = BTreeMap::new();
//! let decision = authority::run(&context, &hello, |need| {
//!     Ok::<_, ()>(need.read_from(&space))
//! })?;
//! assert!(matches!(decision.reply, ServerMessage::Welcome(_)));
//! for (key, row) in decision.writes {
//!     match row {
//!         Some(row) => space.insert(key, row),
//!         None => space.remove(&key),
//!     };
//! }
//! # Ok::<_, ()>(())
//! ```

mod apply;
mod cursor;
mod document;
mod hello;
mod key;
mod pull;
mod push;
mod record;
mod rows;
#[cfg(test)]
mod tests;

pub use key::Key;
pub use rows::{Found, Need, Rows};

use crate::ids::{ReplicaId, Term, Version};
use crate::protocol::message::{ClientMessage, Refusal, ServerMessage};

/// What the host knows beside the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// Who the token speaks for.
    pub subject: String,
    /// The server's time, in milliseconds since 1970.
    pub time_ms: u64,
    /// A random text that becomes the epoch of a space that has never been used.
    pub fresh_epoch: String,
    /// The replica and term of the connection's last welcomed `hello`, where there is a
    /// connection.
    pub session: Option<(ReplicaId, Term)>,
}

/// What is to be done, all of it or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Rows to write, or to remove where there is none.
    pub writes: Vec<(Key, Option<Vec<u8>>)>,
    /// The answer.
    pub reply: ServerMessage,
    /// The space's new version, if it has moved: every other connection of the space gets a poke.
    pub poke: Option<Version>,
}

/// The rows that must be read before `decide` can be called, beyond those that `rows` holds. Ask
/// again after reading them, until there are none.
pub fn needs(context: &Context, message: &ClientMessage, rows: &Rows) -> Vec<Need> {
    let mut wanted = Wanted {
        rows,
        needs: Vec::new(),
    };
    // A row that cannot be read is reported by `decide`.
    let _ = match message {
        ClientMessage::Hello(hello) => hello::ask(hello, &mut wanted),
        ClientMessage::Push(push) => push::ask(context, push, &mut wanted),
        ClientMessage::Pull(pull) => pull::ask(context, pull, &mut wanted),
        ClientMessage::Beat { .. } => {
            hello::ask_beat(context, &mut wanted);
            Ok(())
        }
    };
    wanted.needs
}

/// What to write and to answer, given every row that `needs` asked for.
pub fn decide(context: &Context, message: &ClientMessage, rows: &Rows) -> Decision {
    let decision = match message {
        ClientMessage::Hello(hello) => hello::decide(context, hello, rows),
        ClientMessage::Push(push) => push::decide(context, push, rows),
        ClientMessage::Pull(pull) => pull::decide(context, pull, rows),
        ClientMessage::Beat { .. } => hello::decide_beat(context, rows),
    };
    decision.unwrap_or_else(|refusal| Decision::answer(ServerMessage::Refused(refusal)))
}

/// The whole of it for a host that reads at once: asks until nothing is needed, then decides.
pub fn run<E>(
    context: &Context,
    message: &ClientMessage,
    mut read: impl FnMut(&Need) -> Result<Vec<Found>, E>,
) -> Result<Decision, E> {
    let mut rows = Rows::default();
    loop {
        let needs = needs(context, message, &rows);
        if needs.is_empty() {
            return Ok(decide(context, message, &rows));
        }
        for need in needs {
            let found = read(&need)?;
            rows.answer(need, found);
        }
    }
}

impl Decision {
    /// An answer that changes nothing.
    fn answer(reply: ServerMessage) -> Self {
        Self {
            writes: Vec::new(),
            reply,
            poke: None,
        }
    }
}

/// Why a message is refused as a whole.
type Decided<T> = Result<T, Refusal>;

/// Collects what is needed and not there yet.
struct Wanted<'a> {
    rows: &'a Rows,
    needs: Vec<Need>,
}

impl Wanted<'_> {
    /// Whether the need has been answered; if not, it is asked for.
    fn has(&mut self, need: Need) -> bool {
        let is_answered = self.rows.is_answered(&need);
        if !is_answered {
            self.needs.push(need);
        }
        is_answered
    }

    /// `has` for one row.
    fn has_row(&mut self, key: Key) -> bool {
        self.has(Need::Get(key))
    }
}
