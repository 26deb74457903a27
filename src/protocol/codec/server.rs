//! What a server sends, as JSON: written by servers, read by clients.

use super::client::read_name;
use super::delta::{read_delta, write_delta};
use super::read::{self, Members, Problem};
use super::verdict::{read_key, read_verdict, write_verdict};
use super::write::{self, Object};
use crate::doc::json;
use crate::doc::path::DocumentKey;
use crate::doc::value::Value;
use crate::ids::{Seq, Version};
use crate::protocol::message::{Limits, Page, Refusal, ServerMessage, Verdicts, Welcome};
use crate::protocol::refusal::UNKNOWN_KIND;
use crate::text;

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
    text::written(out)
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
        text::write_whole(out, seq.0);
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
    let problem = Problem::default();
    let mut members = Members::of_frame(bytes, &problem);
    let kind = members.text("kind");
    let message = match kind.as_str() {
        "welcome" => ServerMessage::Welcome(read_welcome(members)),
        "verdicts" => ServerMessage::Verdicts(read_verdicts(members)),
        "page" => ServerMessage::Page(read_page(members)),
        "poke" => ServerMessage::Poke {
            version: read_version(&mut members),
        },
        "beat" => ServerMessage::Beat {
            version: read_version(&mut members),
            time_ms: members.whole("time"),
        },
        "error" => ServerMessage::Refused(read_refusal(members)),
        _ => {
            let unknown = || Refusal::new(UNKNOWN_KIND, "kind: not one that a server sends");
            return Err(problem.refusal().unwrap_or_else(unknown));
        }
    };
    problem.within(&kind);
    problem.check(message)
}

fn read_version(members: &mut Members<'_>) -> Version {
    Version(members.whole("version"))
}

fn read_refusal(mut members: Members<'_>) -> Refusal {
    Refusal {
        code: members.text("code"),
        message: members.text("message"),
        is_retryable: members.flag("retryable"),
    }
}

fn read_welcome(mut members: Members<'_>) -> Welcome {
    Welcome {
        protocol: members.small("protocol"),
        epoch: members.text("epoch"),
        subject: members.text("subject"),
        time_ms: members.whole("time"),
        version: read_version(&mut members),
        last_seq: Seq(members.whole("lastSeq")),
        limits: members.object("limits", read_limits),
        capabilities: members.list_or_empty("capabilities", read_name),
    }
}

fn read_limits(mut members: Members<'_>) -> Limits {
    Limits {
        frame_bytes: members.whole("frameBytes"),
        document_bytes: members.whole("documentBytes"),
        transaction_bytes: members.whole("transactionBytes"),
        depth: members.whole("depth"),
    }
}

fn read_verdicts(mut members: Members<'_>) -> Verdicts {
    Verdicts {
        verdicts: members.list("verdicts", read_verdict),
        not_processed: members.list_or_empty("notProcessed", |value, problem| {
            Seq(read::whole("a seq", &value, problem))
        }),
        expected: Seq(members.whole("expected")),
        awaited_part: members.object_or_none("parts", read_awaited_part),
        reason: members.object_or_none("reason", read_refusal),
        time_ms: members.whole("time"),
    }
}

fn read_awaited_part(mut members: Members<'_>) -> (Seq, u32) {
    (Seq(members.whole("seq")), members.small("next"))
}

fn read_left(value: Value, problem: &Problem) -> (String, DocumentKey) {
    let mut items = read::tuple("what left", value, problem, 3);
    (
        read::text("shape", read::next(&mut items), problem),
        read_key(read::next(&mut items), read::next(&mut items), problem),
    )
}

fn read_page(mut members: Members<'_>) -> Page {
    Page {
        cursors: read_cursors(members.take("cursors"), members.problem),
        deltas: members.list("deltas", read_delta),
        left: members.list_or_empty("left", read_left),
        checkpoint: Version(members.whole("checkpoint")),
        verdicts: members.list_or_empty("verdicts", read_verdict),
        has_more: members.flag("more"),
        reset: members.list_or_empty("reset", |shape, problem| {
            read::text("a shape", shape, problem)
        }),
    }
}

fn read_cursors(value: Value, problem: &Problem) -> Vec<(String, String)> {
    let mut cursors = Vec::new();
    for (shape, cursor) in Members::of("cursors", value, problem).rest() {
        let cursor = read::text(&["cursors.", &shape].concat(), cursor, problem);
        cursors.push((shape, cursor));
    }
    cursors
}
