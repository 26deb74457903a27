//! What a client sends, as JSON: written by clients, read by servers.

use super::delta::{read_pushed, write_pushed};
use super::read::{self, Members, Problem};
use super::write::Object;
use crate::doc::json;
use crate::doc::value::Value;
use crate::ids::{Seq, Term};
use crate::protocol::message::{ClientMessage, Hello, Pull, Push, Refusal, ShapePull};
use crate::protocol::refusal::UNKNOWN_KIND;
use crate::text;

/// Writes a message as one JSON text.
pub fn encode_client(message: &ClientMessage) -> String {
    let mut out = Vec::new();
    match message {
        ClientMessage::Hello(hello) => write_hello(&mut out, hello),
        ClientMessage::Push(push) => write_push(&mut out, push),
        ClientMessage::Pull(pull) => write_pull(&mut out, pull),
        ClientMessage::Beat { cursor } => {
            let mut object = Object::message(&mut out, "beat");
            object.text_or_null("cursor", cursor.as_deref());
            object.end();
        }
    }
    text::written(out)
}

fn write_hello(out: &mut Vec<u8>, hello: &Hello) {
    let mut object = Object::message(out, "hello");
    let protocol = [hello.protocol.0, hello.protocol.1];
    object.list("protocol", &protocol, |out, number| {
        text::write_whole(out, u64::from(*number));
    });
    object.token("replica", hello.replica);
    object.whole("term", hello.term.0);
    object.token("life", hello.life);
    object.list("previousLives", &hello.previous_lives, |out, life| {
        json::write_text(out, &life.to_text());
    });
    object.whole("nextSeq", hello.next_seq.0);
    object.whole("confirmed", hello.confirmed.0);
    object.whole("schemaVersion", u64::from(hello.schema_version));
    object.list("capabilities", &hello.capabilities, |out, name| {
        json::write_text(out, name);
    });
    if let Some(token) = &hello.token {
        object.text("token", token);
    }
    object.end();
}

fn write_push(out: &mut Vec<u8>, push: &Push) {
    let mut object = Object::message(out, "push");
    object.token("replica", push.replica);
    object.whole("term", push.term.0);
    object.whole("confirmed", push.confirmed.0);
    object.list("transactions", &push.transactions, write_pushed);
    object.end();
}

fn write_pull(out: &mut Vec<u8>, pull: &Pull) {
    let mut object = Object::message(out, "pull");
    object.token("replica", pull.replica);
    object.whole("confirmed", pull.confirmed.0);
    object.list("shapes", &pull.shapes, |out, shape| {
        let mut inner = Object::begin(out);
        inner.text("id", &shape.id);
        inner.text_or_null("cursor", shape.cursor.as_deref());
        inner.end();
    });
    object.whole("limit", u64::from(pull.limit));
    object.end();
}

/// Reads one JSON text. The refusal is `bad_frame` or `unknown_kind`.
pub fn decode_client(bytes: &[u8]) -> Result<ClientMessage, Refusal> {
    let problem = Problem::default();
    let mut members = Members::of_frame(bytes, &problem);
    let kind = members.text("kind");
    let message = match kind.as_str() {
        "hello" => ClientMessage::Hello(read_hello(members)),
        "push" => ClientMessage::Push(read_push(members)),
        "pull" => ClientMessage::Pull(read_pull(members)),
        "beat" => ClientMessage::Beat {
            cursor: members.text_or_none("cursor"),
        },
        _ => {
            let expected = "kind: expected hello, push, pull or beat";
            let unknown = || Refusal::new(UNKNOWN_KIND, expected);
            return Err(problem.refusal().unwrap_or_else(unknown));
        }
    };
    problem.within(&kind);
    problem.check(message)
}

fn read_hello(mut members: Members<'_>) -> Hello {
    let problem = members.problem;
    let mut range = read::tuple("protocol", members.take("protocol"), problem, 2);
    Hello {
        protocol: (
            read::small("protocol", &read::next(&mut range), problem),
            read::small("protocol", &read::next(&mut range), problem),
        ),
        replica: members.token("replica"),
        term: Term(members.whole("term")),
        life: members.token("life"),
        previous_lives: members.list("previousLives", |life, problem| {
            read::token("a life", &life, problem)
        }),
        next_seq: Seq(members.whole("nextSeq")),
        confirmed: Seq(members.whole("confirmed")),
        schema_version: members.small("schemaVersion"),
        capabilities: members.list_or_empty("capabilities", read_name),
        token: members.text_or_none("token"),
    }
}

/// The name of a capability.
pub fn read_name(value: Value, problem: &Problem) -> String {
    read::text("a name", value, problem)
}

fn read_push(mut members: Members<'_>) -> Push {
    Push {
        replica: members.token("replica"),
        term: Term(members.whole("term")),
        confirmed: Seq(members.whole("confirmed")),
        transactions: members.list("transactions", read_pushed),
    }
}

fn read_pull(mut members: Members<'_>) -> Pull {
    let pull = Pull {
        replica: members.token("replica"),
        confirmed: Seq(members.whole("confirmed")),
        shapes: members.list("shapes", read_shape),
        limit: members.small("limit"),
    };
    if pull.limit == 0 {
        members.problem.wrong("limit", "at least 1");
    }
    pull
}

fn read_shape(value: Value, problem: &Problem) -> ShapePull {
    let mut members = Members::of("a shape", value, problem);
    let id = read::name("id", members.take("id"), problem);
    // The page names shapes as members of an object, where a dollar sign has a meaning of its own.
    if id == "$" {
        problem.wrong("id", "a name other than $");
    }
    ShapePull {
        id,
        cursor: members.text_or_none("cursor"),
    }
}
