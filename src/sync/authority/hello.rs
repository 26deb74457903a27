//! `hello` and `beat` (`docs/PROTOCOL.md` sections 5 and 7).

use super::key::{Key, verdicts_between};
use super::record::{Replica, Space};
use super::rows::{Need, Rows};
use super::{Context, Decided, Decision, Wanted};
use crate::ids::{ReplicaId, Seq, Token};
use crate::limits::{DEPTH_MAX, DOCUMENT_BYTES_MAX, FRAME_BYTES_MAX, TRANSACTION_BYTES_MAX};
use crate::protocol::message::{Hello, Limits, Refusal, ServerMessage, Welcome};
use crate::protocol::refusal::{PROTOCOL_UNSUPPORTED, REPLICA_CONFLICT};

/// The version of the protocol that is spoken here.
const PROTOCOL: u32 = 1;

/// Most confirmed verdicts that are removed at once; the rest goes with the messages that follow.
const FORGOTTEN_MAX: usize = 5_000;

/// Verdicts that may be removed once `confirmed` is known.
pub fn forgettable(replica: ReplicaId, confirmed: Seq) -> Need {
    verdicts_between(replica, Seq(0), confirmed, FORGOTTEN_MAX)
}

/// The keys that `forgettable` found.
pub fn forgotten(replica: ReplicaId, confirmed: Seq, rows: &Rows) -> impl Iterator<Item = Key> {
    rows.scan(&forgettable(replica, confirmed))
        .iter()
        .map(|(key, _)| key.clone())
}

pub fn ask(hello: &Hello, wanted: &mut Wanted<'_>) -> Decided<()> {
    wanted.has_row(Key::space());
    if wanted.has_row(Key::replica(hello.replica))
        && let Some(row) = Replica::read(hello.replica, wanted.rows)?
    {
        wanted.has(forgettable(
            hello.replica,
            hello.confirmed.min(row.last_seq),
        ));
    }
    Ok(())
}

pub fn decide(context: &Context, hello: &Hello, rows: &Rows) -> Decided<Decision> {
    let (low, high) = hello.protocol;
    if !(low..=high).contains(&PROTOCOL) {
        let message = format!("this server speaks version {PROTOCOL}, the client {low} to {high}");
        return Err(Refusal::new(PROTOCOL_UNSUPPORTED, message));
    }
    let space = Space::read(context, rows)?;
    let known = Replica::read(hello.replica, rows)?;
    let mut writes = Vec::new();
    if rows.get(&Key::space()).is_none() {
        writes.push((Key::space(), Some(space.to_row())));
    }
    let replica = if let Some(known) = &known {
        check_identity(context, hello, known)?;
        let confirmed = hello.confirmed.min(known.last_seq);
        let keys = forgotten(hello.replica, confirmed, rows);
        writes.extend(keys.map(|key| (key, None)));
        let confirmed = confirmed.max(known.confirmed);
        Replica {
            term: hello.term,
            confirmed,
            staged: known.staged.clone(),
            last_seq: known.last_seq,
            previous_lives: previous_lives(hello, known),
            ..begin(context, hello)
        }
    } else {
        begin(context, hello)
    };
    if known.as_ref() != Some(&replica) {
        writes.push((Key::replica(hello.replica), Some(replica.to_row())));
    }
    let reply = ServerMessage::Welcome(welcome(context, &space, &replica));
    Ok(Decision {
        writes,
        reply,
        poke: None,
    })
}

/// The row of a replica that the space sees for the first time. In a new epoch every replica is new
/// again.
fn begin(context: &Context, hello: &Hello) -> Replica {
    Replica {
        subject: context.subject.clone(),
        life: hello.life,
        previous_lives: hello.previous_lives.clone(),
        term: hello.term,
        last_seq: Seq(0),
        confirmed: Seq(0),
        staged: None,
    }
}

/// Once it was welcomed, a life names none before it; those that it named at first still count.
fn previous_lives(hello: &Hello, known: &Replica) -> Vec<Token> {
    if hello.life == known.life {
        known.previous_lives.clone()
    } else {
        hello.previous_lives.clone()
    }
}

/// A leader that was only replaced is one of the lives before its successor's; it must not be told
/// that its store is a copy. A copy is none of them, whatever its term.
fn check_identity(context: &Context, hello: &Hello, known: &Replica) -> Decided<()> {
    known.check_subject(context)?;
    let is_same = known.life == hello.life;
    let is_known = is_same || hello.previous_lives.contains(&known.life);
    if is_known || known.previous_lives.contains(&hello.life) {
        known.check_term(hello.term)?;
    }
    if !is_known && !crate::planted::is("authority_life_unchecked") {
        let message = "another copy of this store has been here: use a new replica";
        return Err(Refusal::new(REPLICA_CONFLICT, message));
    }
    // A `hello` that something on the way sent twice is older than the pushes in between.
    let is_repeated = context.session == Some((hello.replica, hello.term)) && is_same;
    if let (Some(message), false) = (rollback(hello, known), is_repeated) {
        let message = format!("the store was rolled back: {message}");
        return Err(Refusal::new(REPLICA_CONFLICT, message));
    }
    Ok(())
}

/// What the store has forgotten. Verdicts that were confirmed are not kept: one that does not know
/// them any more would wait for them for ever.
fn rollback(hello: &Hello, known: &Replica) -> Option<String> {
    let (next, last) = (hello.next_seq, known.last_seq);
    if next <= last {
        return Some(format!("seq {next} is not above the last, {last}"));
    }
    let (now, before) = (hello.confirmed, known.confirmed);
    let is_forgotten = now < before && !crate::planted::is("authority_confirmed_unchecked");
    is_forgotten.then(|| format!("it has confirmed the verdicts up to {now}, and {before} before"))
}

fn welcome(context: &Context, space: &Space, replica: &Replica) -> Welcome {
    Welcome {
        protocol: PROTOCOL,
        epoch: space.epoch.clone(),
        subject: context.subject.clone(),
        time_ms: context.time_ms,
        version: space.version,
        last_seq: replica.last_seq,
        limits: Limits {
            frame_bytes: FRAME_BYTES_MAX as u64,
            document_bytes: DOCUMENT_BYTES_MAX as u64,
            transaction_bytes: TRANSACTION_BYTES_MAX as u64,
            depth: DEPTH_MAX as u64,
        },
        capabilities: vec!["whole_space".into()],
    }
}

pub fn ask_beat(context: &Context, wanted: &mut Wanted<'_>) {
    wanted.has_row(Key::space());
    if let Some((replica, _)) = context.session {
        wanted.has_row(Key::replica(replica));
    }
}

pub fn decide_beat(context: &Context, rows: &Rows) -> Decided<Decision> {
    if let Some((replica, _)) = context.session {
        Replica::admitted(replica, context, rows)?;
    }
    let version = Space::read(context, rows)?.version;
    let reply = ServerMessage::Beat {
        version,
        time_ms: context.time_ms,
    };
    Ok(Decision::answer(reply))
}
