//! What a server sends, as JSON: written by servers, read by clients.

use super::delta::{read_delta, write_delta};
use super::read::{self, Members, Read};
use super::verdict::{read_key, read_verdict, write_verdict};
use super::write::{self, Object};
use crate::doc::json;
use crate::doc::path::DocumentKey;
use crate::doc::value::Value;
use crate::ids::{Seq, Version};
use crate::protocol::message::{Limits, Page, Refusal, ServerMessage, Verdicts, Welcome};
use crate::protocol::refusal::UNKNOWN_KIND;

/// Writes a message as one JSON text.
pub fn encode_server(message: &ServerMessage) -> String {
    let mut out = Vec::new();
    match message {
        ServerMessage::Welcome(welcome) => write_welcome(&mut out, welcome),
        ServerMessage::Verdicts(verdicts) => write_verdicts(&mut out, verdicts),
        ServerMessage::Page(page) => write_page(&mut out, page),
        ServerMessage::Poke { version } => {
            let mut object = Object::message(&mut out, "poke");
            object.whole("version", version.0);
            object.end();
        }
        ServerMessage::Beat { version, time_ms } => {
            let mut object = Object::message(&mut out, "beat");
            object.whole("version", version.0);
            object.whole("time", *time_ms);
            object.end();
        }
        ServerMessage::Refused(refusal) => {
            let mut object = Object::message(&mut out, "error");
            write_refusal(&mut object, refusal);
            Object::begin(object.name("details")).end();
            object.end();
        }
    }
    write::to_text(out)
}

fn write_refusal(object: &mut Object<'_>, refusal: &Refusal) {
    object.text("code", &refusal.code);
    object.text("message", &refusal.message);
    object.value("retryable", &Value::Bool(refusal.is_retryable));
}

fn write_welcome(out: &mut Vec<u8>, welcome: &Welcome) {
    let mut object = Object::message(out, "welcome");
    object.whole("protocol", u64::from(welcome.protocol));
    object.text("epoch", &welcome.epoch);
    object.text("subject", &welcome.subject);
    object.whole("time", welcome.time_ms);
    object.whole("version", welcome.version.0);
    object.whole("lastSeq", welcome.last_seq.0);
    let mut limits = Object::begin(object.name("limits"));
    limits.whole("frameBytes", welcome.limits.frame_bytes);
    limits.whole("documentBytes", welcome.limits.document_bytes);
    limits.whole("transactionBytes", welcome.limits.transaction_bytes);
    limits.whole("depth", welcome.limits.depth);
    limits.end();
    object.list("capabilities", &welcome.capabilities, |out, name| {
        json::write_text(out, name);
    });
    object.end();
}

fn write_verdicts(out: &mut Vec<u8>, verdicts: &Verdicts) {
    let mut object = Object::message(out, "verdicts");
    object.list("verdicts", &verdicts.verdicts, write_verdict);
    object.list("notProcessed", &verdicts.not_processed, |out, seq| {
        write::write_whole(out, seq.0);
    });
    object.whole("expected", verdicts.expected.0);
    if let Some((seq, next)) = verdicts.awaited_part {
        let mut inner = Object::begin(object.name("parts"));
        inner.whole("seq", seq.0);
        inner.whole("next", u64::from(next));
        inner.end();
    }
    if let Some(reason) = &verdicts.reason {
        let mut inner = Object::begin(object.name("reason"));
        write_refusal(&mut inner, reason);
        inner.end();
    }
    object.whole("time", verdicts.time_ms);
    object.end();
}

fn write_page(out: &mut Vec<u8>, page: &Page) {
    let mut object = Object::message(out, "page");
    object.list("deltas", &page.deltas, write_delta);
    object.list("left", &page.left, |out, (shape, key)| {
        write::list(out, &[shape, &key.collection, &key.id], |out, text| {
            json::write_text(out, text);
        });
    });
    let mut cursors = Object::begin(object.name("cursors"));
    for (shape, cursor) in &page.cursors {
        cursors.text(shape, cursor);
    }
    cursors.end();
    object.whole("checkpoint", page.checkpoint.0);
    object.list("verdicts", &page.verdicts, write_verdict);
    object.value("more", &Value::Bool(page.has_more));
    object.list("reset", &page.reset, |out, shape| {
        json::write_text(out, shape);
    });
    object.end();
}

/// Reads one JSON text. The refusal is `bad_frame` or `unknown_kind`.
pub fn decode_server(bytes: &[u8]) -> Result<ServerMessage, Refusal> {
    let mut members = Members::of_frame(bytes)?;
    let kind = members.text("kind")?;
    let message = match kind.as_str() {
        "welcome" => read_welcome(members).map(ServerMessage::Welcome),
        "verdicts" => read_verdicts(members).map(ServerMessage::Verdicts),
        "page" => read_page(members).map(ServerMessage::Page),
        "poke" => read_version(&mut members).map(|version| ServerMessage::Poke { version }),
        "beat" => read_beat(members),
        "error" => read_refusal(members).map(ServerMessage::Refused),
        _ => {
            return Err(Refusal::new(
                UNKNOWN_KIND,
                "kind: not one that a server sends",
            ));
        }
    };
    message.map_err(|refusal| refusal.within(&kind))
}

fn read_version(members: &mut Members) -> Read<Version> {
    members.whole("version").map(Version)
}

fn read_beat(mut members: Members) -> Read<ServerMessage> {
    let version = read_version(&mut members)?;
    Ok(ServerMessage::Beat {
        version,
        time_ms: members.whole("time")?,
    })
}

fn read_refusal(mut members: Members) -> Read<Refusal> {
    Ok(Refusal {
        code: members.text("code")?,
        message: members.text("message")?,
        is_retryable: members.flag("retryable")?,
    })
}

fn read_welcome(mut members: Members) -> Read<Welcome> {
    Ok(Welcome {
        protocol: members.small("protocol")?,
        epoch: members.text("epoch")?,
        subject: members.text("subject")?,
        time_ms: members.whole("time")?,
        version: read_version(&mut members)?,
        last_seq: Seq(members.whole("lastSeq")?),
        limits: members.object("limits", read_limits)?,
        capabilities: members.list_or_empty("capabilities", |name| read::text("a name", name))?,
    })
}

fn read_limits(mut members: Members) -> Read<Limits> {
    Ok(Limits {
        frame_bytes: members.whole("frameBytes")?,
        document_bytes: members.whole("documentBytes")?,
        transaction_bytes: members.whole("transactionBytes")?,
        depth: members.whole("depth")?,
    })
}

fn read_verdicts(mut members: Members) -> Read<Verdicts> {
    let seq = |value: Value| read::whole("a seq", &value).map(Seq);
    Ok(Verdicts {
        verdicts: members.list("verdicts", read_verdict)?,
        not_processed: members.list_or_empty("notProcessed", seq)?,
        expected: Seq(members.whole("expected")?),
        awaited_part: members.object_or_none("parts", read_awaited_part)?,
        reason: members.object_or_none("reason", read_refusal)?,
        time_ms: members.whole("time")?,
    })
}

fn read_awaited_part(mut members: Members) -> Read<(Seq, u32)> {
    Ok((Seq(members.whole("seq")?), members.small("next")?))
}

fn read_left(value: Value) -> Read<(String, DocumentKey)> {
    let [shape, collection, id] = read::tuple("what left", value)?;
    Ok((read::text("shape", shape)?, read_key(collection, id)?))
}

fn read_page(mut members: Members) -> Read<Page> {
    let cursors = Members::of("cursors", members.take("cursors"))?.rest();
    let read_cursor = |(shape, cursor): (String, Value)| -> Read<(String, String)> {
        let cursor = read::text(&shape, cursor).map_err(|refusal| refusal.within("cursors"))?;
        Ok((shape, cursor))
    };
    Ok(Page {
        deltas: members.list("deltas", read_delta)?,
        left: members.list_or_empty("left", read_left)?,
        cursors: cursors.into_iter().map(read_cursor).collect::<Read<_>>()?,
        checkpoint: Version(members.whole("checkpoint")?),
        verdicts: members.list_or_empty("verdicts", read_verdict)?,
        has_more: members.flag("more")?,
        reset: members.list_or_empty("reset", |shape| read::text("a shape", shape))?,
    })
}
