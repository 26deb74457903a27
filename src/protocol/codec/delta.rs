//! Deltas and transactions as JSON (`docs/PROTOCOL.md` sections 4 and 6), and how many bytes they
//! take.

use super::read::{self, Members, Problem};
use super::verdict::read_key;
use super::write::{self, Object};
use crate::causal::stamp::Stamp;
use crate::doc::json;
use crate::doc::path::Path;
use crate::doc::value::Value;
use crate::ids::{Life, Seq};
use crate::limits::DEPTH_MAX;
use crate::protocol::message::{Delta, Mutation, Part, PathWrite, Pushed, Refusal};
use crate::sorted::SortedSet;
use crate::text::{self, decimal, filled};

/// What a path costs beside its own text and its value's, in the size of a document: its stamps and
/// punctuation. So no document, however many small paths it has, is larger on the wire than it was
/// counted.
pub const PATH_OVERHEAD_BYTES: usize = 96;

/// What a delta takes at most beside its key and its paths.
const DELTA_OVERHEAD_BYTES: usize = 256;
/// Room for most of what is written only to be measured.
const SCRATCH_BYTES: usize = 1 << 10;
/// Most parts of a transaction.
const PARTS_MAX: u32 = 1_024;

/// The size of a document with these paths and values (`docs/PROTOCOL.md` section 4).
pub fn document_bytes<'a>(writes: impl Iterator<Item = (&'a Path, &'a Value)>) -> usize {
    let mut out = Vec::with_capacity(SCRATCH_BYTES);
    let mut overhead = 0;
    for (path, value) in writes {
        write_path(&mut out, path);
        json::write(&mut out, value);
        overhead += PATH_OVERHEAD_BYTES;
    }
    out.len() + overhead
}

/// What [`document_bytes`] is at most. Quick, since nothing is written.
pub fn document_bytes_most<'a>(writes: &mut dyn Iterator<Item = (&'a Path, &'a Value)>) -> usize {
    let most = writes.map(|(path, value)| {
        let segments = path.0.iter().map(|segment| json::text_most(segment));
        PATH_OVERHEAD_BYTES + segments.sum::<usize>() + json::most(value)
    });
    most.sum()
}

/// What [`delta_bytes`] is at most.
pub fn delta_bytes_most(delta: &Delta) -> usize {
    let mut writes = delta.paths.iter().map(|write| (&write.path, &write.value));
    let key = json::text_most(&delta.key.collection) + json::text_most(&delta.key.id);
    DELTA_OVERHEAD_BYTES + key + document_bytes_most(&mut writes)
}

/// How many bytes a delta takes in a frame.
pub fn delta_bytes(delta: &Delta) -> usize {
    let mut out = Vec::with_capacity(SCRATCH_BYTES);
    write_delta(&mut out, delta);
    out.len()
}

/// How many bytes a transaction, or a part of one, takes in a frame.
pub fn pushed_bytes(pushed: &Pushed) -> usize {
    let mut out = Vec::new();
    write_pushed(&mut out, pushed);
    out.len()
}

/// The deltas of a part as one JSON text, as an authority keeps it until the other parts are there.
pub fn encode_deltas(deltas: &[Delta]) -> Vec<u8> {
    let mut out = Vec::new();
    write::list(&mut out, deltas, write_delta);
    out
}

/// Reads what `encode_deltas` wrote.
pub fn decode_deltas(bytes: &[u8]) -> Result<Vec<Delta>, Refusal> {
    let problem = Problem::default();
    let value = json::read(bytes).unwrap_or_else(|error| {
        problem.wrong("deltas", &error.to_text());
        Value::Null
    });
    problem.check(read::list("deltas", value, &problem, read_delta))
}

pub fn write_delta(out: &mut Vec<u8>, delta: &Delta) {
    let mut object = Object::begin(out);
    object.text("collection", &delta.key.collection);
    object.text("id", &delta.key.id);
    object.whole("life", delta.life.0);
    write_stamp(object.name("stamp"), delta.stamp);
    if delta.upsert {
        object.value("upsert", &Value::Bool(true));
    }
    object.list("paths", &delta.paths, write_path_write);
    object.end();
}

fn write_path_write(out: &mut Vec<u8>, write: &PathWrite) {
    out.push(b'[');
    write_path(out, &write.path);
    out.push(b',');
    json::write(out, &write.value);
    out.push(b',');
    match write.saw {
        Some(saw) => write_stamp(out, saw),
        None => json::write(out, &Value::Null),
    }
    if let Some(stamp) = write.stamp {
        out.push(b',');
        write_stamp(out, stamp);
    }
    out.push(b']');
}

fn write_stamp(out: &mut Vec<u8>, stamp: Stamp) {
    json::write_text(out, &stamp.to_text());
}

pub fn write_path(out: &mut Vec<u8>, path: &Path) {
    write::list(out, &path.0, |out, segment| json::write_text(out, segment));
}

pub fn read_delta(value: Value, problem: &Problem) -> Delta {
    let mut members = Members::of("a delta", value, problem);
    let delta = Delta {
        key: read_key(members.take("collection"), members.take("id"), problem),
        life: Life(members.whole("life")),
        stamp: read::stamp("stamp", &members.take("stamp"), problem),
        upsert: members.flag("upsert"),
        paths: members.list("paths", read_path_write),
    };
    let mut seen = SortedSet::new();
    if delta.life == Life(0) {
        problem.wrong("life", "at least 1");
    }
    if !delta.paths.iter().all(|write| seen.insert(&write.path)) {
        problem.wrong("paths", "each path once");
    }
    delta
}

fn read_path_write(value: Value, problem: &Problem) -> PathWrite {
    let items = if let Value::List(items) = value {
        items
    } else {
        Vec::new()
    };
    if items.len() < 3 {
        problem.wrong("a path", "[path, value, saw] or [path, value, saw, stamp]");
    }
    let mut items = items.into_iter();
    let path = read::next(&mut items);
    let value = read::next(&mut items);
    let saw = read::next(&mut items);
    let stamp = read::stamp_or_none("stamp", &read::next(&mut items), problem);
    let path = read_path(path, problem);
    if path.is_existence() && value.as_u64().is_none_or(|life| life == 0) {
        problem.wrong("the existence's value", "a life, a whole number from 1");
    }
    check_depth("a path's value", &value, problem);
    let saw = read::stamp_or_none("saw", &saw, problem);
    PathWrite {
        path,
        value,
        saw,
        stamp,
    }
}

pub fn read_path(value: Value, problem: &Problem) -> Path {
    let segments = read::list("path", value, problem, |segment, problem| {
        read::text("segment", segment, problem)
    });
    if segments.len() > DEPTH_MAX {
        problem.wrong(
            "path",
            &filled("at most {} segments", &[&decimal(DEPTH_MAX as u64)]),
        );
    }
    Path(segments.into())
}

fn check_depth(name: &str, value: &Value, problem: &Problem) {
    if value.depth() > DEPTH_MAX {
        problem.wrong(
            name,
            &filled(
                "a value nested at most {} deep",
                &[&decimal(DEPTH_MAX as u64)],
            ),
        );
    }
}

pub fn write_pushed(out: &mut Vec<u8>, pushed: &Pushed) {
    let mut object = Object::begin(out);
    object.whole("seq", pushed.seq.0);
    object.whole("schemaVersion", u64::from(pushed.schema_version));
    if let Some(mutation) = &pushed.mutation {
        let mut inner = Object::begin(object.name("mutation"));
        inner.text("name", &mutation.name);
        inner.value("args", &mutation.args);
        inner.end();
    }
    if let Some(part) = pushed.part {
        object.list("part", &[part.index, part.count], |out, number| {
            text::write_whole(out, u64::from(*number));
        });
    }
    if pushed.is_void {
        object.value("void", &Value::Bool(true));
    } else {
        object.list("deltas", &pushed.deltas, write_delta);
    }
    object.end();
}

pub fn read_pushed(value: Value, problem: &Problem) -> Pushed {
    let mut members = Members::of("a transaction", value, problem);
    let is_void = members.flag("void");
    let pushed = Pushed {
        seq: Seq(members.whole("seq")),
        schema_version: members.small("schemaVersion"),
        mutation: members.object_or_none("mutation", read_mutation),
        part: read_part(members.take("part"), problem),
        is_void,
        deltas: if is_void {
            Vec::new()
        } else {
            members.list("deltas", read_delta)
        },
    };
    if pushed.seq == Seq(0) {
        problem.wrong("seq", "at least 1");
    }
    if is_void && pushed.part.is_some() {
        problem.wrong("void", "no part beside it");
    }
    pushed
}

fn read_mutation(mut members: Members<'_>) -> Mutation {
    let args = members.take("args");
    check_depth("args", &args, members.problem);
    let name = read::name("name", members.take("name"), members.problem);
    Mutation { name, args }
}

fn read_part(value: Value, problem: &Problem) -> Option<Part> {
    if value.is_null() {
        return None;
    }
    let mut items = read::tuple("part", value, problem, 2);
    let part = Part {
        index: read::small("part", &read::next(&mut items), problem),
        count: read::small("part", &read::next(&mut items), problem),
    };
    if !(2..=PARTS_MAX).contains(&part.count) || part.index >= part.count {
        problem.wrong(
            "part",
            &filled(
                "[index, count] with 2 to {} parts",
                &[&decimal(u64::from(PARTS_MAX))],
            ),
        );
    }
    Some(part)
}
