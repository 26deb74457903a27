//! Verdicts as JSON (`docs/PROTOCOL.md` section 6); they stand in the answers to both push and
//! pull.

use super::delta::{read_path, write_path};
use super::read::{self, Members, Problem};
use super::write::Object;
use crate::doc::json;
use crate::doc::path::{DocumentKey, Path};
use crate::doc::value::Value;
use crate::ids::{Seq, Version};
use crate::protocol::message::{Outcome, Refusal, Verdict};

/// A verdict as one JSON text, as an authority keeps it.
pub fn encode_verdict(verdict: &Verdict) -> Vec<u8> {
    let mut out = Vec::new();
    write_verdict(&mut out, verdict);
    out
}

/// Reads what `encode_verdict` wrote.
pub fn decode_verdict(bytes: &[u8]) -> Result<Verdict, Refusal> {
    let problem = Problem::default();
    problem.check(read_members(Members::of_frame(bytes, &problem)))
}

/// How many bytes one of the paths that a verdict lists as discarded takes in a frame.
pub fn discarded_bytes(key: &DocumentKey, path: &Path) -> usize {
    let mut out = Vec::new();
    write_discarded(&mut out, key, path);
    out.len() + 1
}

pub fn write_verdict(out: &mut Vec<u8>, verdict: &Verdict) {
    let mut object = Object::begin(out);
    object.whole("seq", verdict.seq.0);
    match &verdict.outcome {
        Outcome::Accepted { version, discarded } => {
            let mut inner = Object::begin(object.name("accepted"));
            inner.whole("version", version.0);
            inner.list("discarded", discarded, |out, (key, path)| {
                write_discarded(out, key, path);
            });
            inner.end();
        }
        Outcome::Rejected { code, message } => {
            let mut inner = Object::begin(object.name("rejected"));
            inner.text("code", code);
            inner.text("message", message);
            inner.end();
        }
    }
    object.end();
}

fn write_discarded(out: &mut Vec<u8>, key: &DocumentKey, path: &Path) {
    out.push(b'[');
    json::write_text(out, &key.collection);
    out.push(b',');
    json::write_text(out, &key.id);
    out.push(b',');
    write_path(out, path);
    out.push(b']');
}

pub fn read_verdict(value: Value, problem: &Problem) -> Verdict {
    read_members(Members::of("a verdict", value, problem))
}

fn read_members(mut members: Members<'_>) -> Verdict {
    let seq = Seq(members.whole("seq"));
    let accepted = members.object_or_none("accepted", read_accepted);
    let rejected = members.object_or_none("rejected", read_rejected);
    let outcome = accepted.or(rejected).unwrap_or_else(|| {
        members
            .problem
            .wrong("a verdict", "a member accepted or rejected");
        Outcome::Accepted {
            version: Version(0),
            discarded: Vec::new(),
        }
    });
    Verdict { seq, outcome }
}

fn read_accepted(mut members: Members<'_>) -> Outcome {
    Outcome::Accepted {
        version: Version(members.whole("version")),
        discarded: members.list_or_empty("discarded", read_discarded),
    }
}

fn read_rejected(mut members: Members<'_>) -> Outcome {
    Outcome::Rejected {
        code: members.text("code"),
        message: members.text("message"),
    }
}

fn read_discarded(value: Value, problem: &Problem) -> (DocumentKey, Path) {
    let mut items = read::tuple("a discarded path", value, problem, 3);
    (
        read_key(read::next(&mut items), read::next(&mut items), problem),
        read_path(read::next(&mut items), problem),
    )
}

pub fn read_key(collection: Value, id: Value, problem: &Problem) -> DocumentKey {
    DocumentKey {
        collection: read::name("collection", collection, problem),
        id: read::name("id", id, problem),
    }
}
