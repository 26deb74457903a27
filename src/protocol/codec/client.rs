//! What a client sends, as JSON: written by clients, read by servers.

use super::delta::{read_pushed, write_pushed};
use super::read::{self, Members, Read, wrong};
use super::write::{self, Object};
use crate::doc::json;
use crate::doc::value::Value;
use crate::ids::{Seq, Term};
use crate::protocol::message::{ClientMessage, Hello, Pull, Push, Refusal, ShapePull};
use crate::protocol::refusal::UNKNOWN_KIND;

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
    write::to_text(out)
}

fn write_hello(out: &mut Vec<u8>, hello: &Hello) {
    let mut object = Object::message(out, "hello");
    let protocol = [hello.protocol.0, hello.protocol.1];
    object.list("protocol", &protocol, |out, number| {
        write::write_whole(out, u64::from(*number));
    });
    object.text("replica", &hello.replica.to_text());
    object.whole("term", hello.term.0);
    object.text("life", &hello.life.to_text());
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
    object.text("replica", &push.replica.to_text());
    object.whole("term", push.term.0);
    object.whole("confirmed", push.confirmed.0);
    object.list("transactions", &push.transactions, write_pushed);
    object.end();
}

fn write_pull(out: &mut Vec<u8>, pull: &Pull) {
    let mut object = Object::message(out, "pull");
    object.text("replica", &pull.replica.to_text());
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
    let mut members = Members::of_frame(bytes)?;
    let kind = members.text("kind")?;
    let message = match kind.as_str() {
        "hello" => read_hello(members).map(ClientMessage::Hello),
        "push" => read_push(members).map(ClientMessage::Push),
        "pull" => read_pull(members).map(ClientMessage::Pull),
        "beat" => members
            .text_or_none("cursor")
            .map(|cursor| ClientMessage::Beat { cursor }),
        _ => {
            return Err(Refusal::new(
                UNKNOWN_KIND,
                "kind: expected hello, push, pull or beat",
            ));
        }
    };
    message.map_err(|refusal| refusal.within(&kind))
}

fn read_hello(mut members: Members) -> Read<Hello> {
    let [low, high] = read::tuple("protocol", members.take("protocol"))?;
    Ok(Hello {
        protocol: (
            read::small("protocol", &low)?,
            read::small("protocol", &high)?,
        ),
        replica: members.token("replica")?,
        term: Term(members.whole("term")?),
        life: members.token("life")?,
        previous_lives: members.list("previousLives", |life| read::token("a life", &life))?,
        next_seq: Seq(members.whole("nextSeq")?),
        confirmed: Seq(members.whole("confirmed")?),
        schema_version: members.small("schemaVersion")?,
        capabilities: members.list_or_empty("capabilities", |name| read::text("a name", name))?,
        token: members.text_or_none("token")?,
    })
}

fn read_push(mut members: Members) -> Read<Push> {
    Ok(Push {
        replica: members.token("replica")?,
        term: Term(members.whole("term")?),
        confirmed: Seq(members.whole("confirmed")?),
        transactions: members.list("transactions", read_pushed)?,
    })
}

fn read_pull(mut members: Members) -> Read<Pull> {
    let pull = Pull {
        replica: members.token("replica")?,
        shapes: members.list("shapes", read_shape)?,
        limit: members.small("limit")?,
    };
    if pull.limit == 0 {
        return Err(wrong("limit", "at least 1"));
    }
    Ok(pull)
}

fn read_shape(value: Value) -> Read<ShapePull> {
    let mut members = Members::of("a shape", value)?;
    let id = read::name("id", members.take("id"))?;
    // The page names shapes as members of an object, where a dollar sign has a meaning of its own.
    if id == "$" {
        return Err(wrong("id", "a name other than $"));
    }
    Ok(ShapePull {
        id,
        cursor: members.text_or_none("cursor")?,
    })
}
