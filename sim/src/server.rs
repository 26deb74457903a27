//! The server of the world: the shipped authority over a database whose transactions are durable
//! once committed.
//!
//! It is a host, as `holm-server` is one: it reads frames, checks tokens, runs the authority,
//! commits, replies.

use crate::plan::BEGIN_MS;
use holm::ids::{ReplicaId, Term, Version};
use holm::limits::FRAME_BYTES_MAX;
use holm::protocol::codec::{decode_client, encode_server};
use holm::protocol::message::{ClientMessage, Hello, Refusal, ServerMessage};
use holm::protocol::refusal::{BAD_FRAME, NEEDS_AUTH, NEEDS_HELLO};
use holm::sync::authority::{Context, Key, run};
use std::collections::BTreeMap;
use std::convert::Infallible;

/// What something before the server refuses for ever.
const POISON: &str = "\"poison\"";

/// What the server knows of a connection.
#[derive(Clone, Debug, Default)]
pub struct Guest {
    /// Who was welcomed on it, with which token.
    welcomed: Option<(String, String, (ReplicaId, Term))>,
}

impl Guest {
    /// Whether pokes go there.
    pub fn is_welcomed(&self) -> bool {
        self.welcomed.is_some()
    }
}

/// What the server makes of a frame.
pub struct Handled {
    /// The message, if it was one and the authority saw it, with the reply.
    pub seen: Option<(ClientMessage, ServerMessage)>,
    /// The frame to send back.
    pub reply: String,
    /// What the others are poked with.
    pub poke: Option<Version>,
}

/// The server.
pub struct Server {
    database: BTreeMap<Key, Vec<u8>>,
    /// Tokens that are valid, and whose they are.
    pub tokens: BTreeMap<String, String>,
    /// The space's version.
    pub version: Version,
    /// Most documents in a page.
    pub page_limit: u32,
}

fn refused(refusal: Refusal) -> Handled {
    answer(&ServerMessage::Refused(refusal))
}

impl Server {
    /// An empty one.
    pub fn new(page_limit: u32) -> Self {
        Self {
            database: BTreeMap::new(),
            tokens: BTreeMap::new(),
            version: Version(0),
            page_limit,
        }
    }

    /// Takes a frame of a connection.
    pub fn handle(&mut self, guest: &mut Guest, text: &str, now_ms: u64) -> Handled {
        assert!(
            text.len() <= FRAME_BYTES_MAX,
            "a client sent a frame of {} bytes",
            text.len()
        );
        let handled = self.answer(guest, text, now_ms);
        let bytes = handled.reply.len();
        assert!(bytes <= FRAME_BYTES_MAX, "the answer has {bytes} bytes");
        handled
    }

    fn answer(&mut self, guest: &mut Guest, text: &str, now_ms: u64) -> Handled {
        if text.contains(POISON) {
            let words = "something before the server does not like it";
            return refused(Refusal::new(BAD_FRAME, words));
        }
        let message = match decode_client(text.as_bytes()) {
            Ok(message) => message,
            Err(refusal) => return refused(refusal),
        };
        let asked = match &message {
            ClientMessage::Hello(hello) => self.door(guest, hello),
            _ => self.check(guest),
        };
        match asked {
            Ok((subject, session)) => self.commit(guest, message, subject, session, now_ms),
            Err(refusal) => refused(refusal),
        }
    }

    fn door(&self, guest: &mut Guest, hello: &Hello) -> Result<Asked, Refusal> {
        let before = guest.welcomed.take();
        let subject = hello
            .token
            .as_ref()
            .and_then(|token| self.tokens.get(token));
        let subject = subject.ok_or_else(|| Refusal::new(NEEDS_AUTH, "the token is not valid"))?;
        Ok((subject.clone(), before.map(|(.., session)| session)))
    }

    fn check(&self, guest: &Guest) -> Result<Asked, Refusal> {
        let Some((subject, token, session)) = &guest.welcomed else {
            return Err(Refusal::new(NEEDS_HELLO, "a connection begins with hello"));
        };
        if !self.tokens.contains_key(token) {
            return Err(Refusal::new(NEEDS_AUTH, "the token has expired"));
        }
        Ok((subject.clone(), Some(*session)))
    }

    /// One transaction of the database: reads, decides, writes.
    fn commit(
        &mut self,
        guest: &mut Guest,
        mut message: ClientMessage,
        subject: String,
        session: Option<(ReplicaId, Term)>,
        now_ms: u64,
    ) -> Handled {
        if let ClientMessage::Pull(pull) = &mut message {
            pull.limit = pull.limit.min(self.page_limit);
        }
        let context = Context {
            subject: subject.clone(),
            time_ms: BEGIN_MS + now_ms,
            fresh_epoch: "first".into(),
            session,
        };
        let decided = run(&context, &message, |need| {
            Ok::<_, Infallible>(need.read_from(&self.database))
        });
        let decision = decided.unwrap_or_else(|never| match never {});
        for (key, row) in decision.writes {
            match row {
                Some(row) => self.database.insert(key, row),
                None => self.database.remove(&key),
            };
        }
        self.version = self.version.max(decision.poke.unwrap_or_default());
        if let (ClientMessage::Hello(hello), ServerMessage::Welcome(_)) =
            (&message, &decision.reply)
        {
            let token = hello.token.clone().unwrap_or_default();
            guest.welcomed = Some((subject, token, (hello.replica, hello.term)));
        }
        let reply = encode_server(&decision.reply);
        Handled {
            seen: Some((message, decision.reply)),
            reply,
            poke: decision.poke,
        }
    }
}

/// A subject and what its connection was welcomed as.
type Asked = (String, Option<(ReplicaId, Term)>);

fn answer(reply: &ServerMessage) -> Handled {
    Handled {
        seen: None,
        reply: encode_server(reply),
        poke: None,
    }
}
