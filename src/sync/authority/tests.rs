//! The rules of `docs/PROTOCOL.md`, each on an authority over a map in memory.

mod hello;
#[cfg(feature = "planted")]
mod planted;
mod property;
mod pull;
mod push;

use super::{Context, Decision, Key, run};
use crate::causal::stamp::{Stamp, Time};
use crate::doc::path::{DocumentKey, Path};
use crate::doc::value::Value;
use crate::ids::{Life, ReplicaId, Seq, Term, Token, Version};
use crate::protocol::message::{
    ClientMessage, Delta, Hello, Outcome, Page, PathWrite, Pull, Push, Pushed, ServerMessage,
    ShapePull, Verdicts,
};
use std::collections::BTreeMap;
use std::convert::Infallible;

/// A server's database: one space, and what changes between messages.
#[derive(Clone, Debug)]
struct Server {
    space: BTreeMap<Key, Vec<u8>>,
    time_ms: u64,
    subject: String,
    fresh_epoch: String,
    session: Option<(ReplicaId, Term)>,
    last_poke: Option<Version>,
}

impl Server {
    fn new() -> Self {
        Self {
            space: BTreeMap::new(),
            time_ms: 1_000_000,
            subject: "ann".into(),
            fresh_epoch: "e1".into(),
            session: None,
            last_poke: None,
        }
    }

    /// A server that has welcomed these replicas.
    fn with(replicas: &[ReplicaId]) -> Self {
        let mut server = Self::new();
        for replica in replicas {
            assert!(matches!(
                server.hello(hello(*replica)),
                ServerMessage::Welcome(_)
            ));
        }
        server
    }

    fn decide(&self, message: &ClientMessage) -> Decision {
        let context = Context {
            subject: self.subject.clone(),
            time_ms: self.time_ms,
            fresh_epoch: self.fresh_epoch.clone(),
            session: self.session,
        };
        let decision = run(&context, message, |need| {
            Ok::<_, Infallible>(need.read_from(&self.space))
        });
        decision.unwrap_or_else(|never| match never {})
    }

    fn handle(&mut self, message: &ClientMessage) -> ServerMessage {
        let decision = self.decide(message);
        for (key, row) in decision.writes {
            match row {
                Some(row) => self.space.insert(key, row),
                None => self.space.remove(&key),
            };
        }
        self.last_poke = decision.poke;
        decision.reply
    }

    fn hello(&mut self, hello: Hello) -> ServerMessage {
        self.handle(&ClientMessage::Hello(hello))
    }

    fn push(&mut self, transactions: Vec<Pushed>) -> Verdicts {
        self.push_as(replica(1), Seq(0), transactions)
    }

    fn push_as(&mut self, replica: ReplicaId, confirmed: Seq, pushed: Vec<Pushed>) -> Verdicts {
        let push = Push {
            replica,
            term: Term(1),
            confirmed,
            transactions: pushed,
        };
        match self.handle(&ClientMessage::Push(push)) {
            ServerMessage::Verdicts(verdicts) => verdicts,
            other => panic!("expected verdicts, got {other:?}"),
        }
    }

    fn pull(&mut self, cursor: Option<&str>, limit: u32) -> Page {
        self.pull_as(replica(1), Seq(0), cursor, limit)
    }

    fn pull_as(
        &mut self,
        replica: ReplicaId,
        confirmed: Seq,
        cursor: Option<&str>,
        limit: u32,
    ) -> Page {
        let shapes = vec![ShapePull {
            id: "all".into(),
            cursor: cursor.map(Into::into),
        }];
        match self.handle(&ClientMessage::Pull(Pull {
            replica,
            confirmed,
            shapes,
            limit,
        })) {
            ServerMessage::Page(page) => page,
            other => panic!("expected a page, got {other:?}"),
        }
    }
}

fn replica(number: u8) -> ReplicaId {
    Token([number; 10])
}

fn life_token(number: u8) -> Token {
    Token([100 + number; 10])
}

fn hello(replica: ReplicaId) -> Hello {
    Hello {
        protocol: (1, 1),
        replica,
        term: Term(1),
        life: life_token(1),
        previous_lives: vec![],
        next_seq: Seq(1),
        confirmed: Seq(0),
        schema_version: 1,
        capabilities: vec![],
        token: None,
    }
}

fn stamp(time: u64) -> Stamp {
    Stamp {
        time: Time(time),
        replica: replica(1),
    }
}

fn set(field: &str, value: impl Into<String>) -> PathWrite {
    let value = Value::String(value.into());
    PathWrite {
        path: Path::field(field),
        value,
        saw: None,
        stamp: None,
    }
}

fn delta(id: &str, life: u64, time: u64, paths: Vec<PathWrite>) -> Delta {
    let key = DocumentKey::new("films", id);
    Delta {
        key,
        life: Life(life),
        stamp: stamp(time),
        upsert: false,
        paths,
    }
}

fn existence(life: u64) -> PathWrite {
    let value = Value::int(life.cast_signed());
    PathWrite {
        path: Path::existence(),
        value,
        saw: None,
        stamp: None,
    }
}

/// Inserts film `id` with a title.
fn insert(id: &str, time: u64) -> Delta {
    delta(
        id,
        1,
        time,
        vec![existence(1), set("title", format!("film {id}"))],
    )
}

fn transaction(seq: u64, deltas: Vec<Delta>) -> Pushed {
    Pushed {
        seq: Seq(seq),
        schema_version: 1,
        mutation: None,
        part: None,
        is_void: false,
        deltas,
    }
}

fn code(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Accepted { .. } => "accepted",
        Outcome::Rejected { code, .. } => code,
    }
}

fn codes(verdicts: &Verdicts) -> Vec<(u64, &str)> {
    let verdicts = verdicts.verdicts.iter();
    verdicts
        .map(|verdict| (verdict.seq.0, code(&verdict.outcome)))
        .collect()
}

fn refusal(reply: &ServerMessage) -> &str {
    match reply {
        ServerMessage::Refused(refusal) => &refusal.code,
        _ => "not refused",
    }
}
