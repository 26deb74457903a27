//! Deltas and transactions as JSON (`docs/PROTOCOL.md` sections 4 and 6), and how many bytes they
//! take.

use super::read::{self, Members, Read, wrong};
use super::verdict::read_key;
use super::write::{self, Object};
use crate::causal::stamp::Stamp;
use crate::doc::json;
use crate::doc::path::Path;
use crate::doc::value::Value;
use crate::ids::{Life, Seq};
use crate::limits::DEPTH_MAX;
use crate::protocol::message::{Delta, Mutation, Part, PathWrite, Pushed};
use crate::sorted::SortedSet;

/// What a path costs beside its own text and its value's, in the size of a document: its stamps and
/// punctuation. So no document, however many small paths it has, is larger on the wire than it was
/// counted.
pub const PATH_OVERHEAD_BYTES: usize = 96;

/// Most parts of a transaction.
const PARTS_MAX: u32 = 1_024;

/// What a path and its value add to the size of a document (`docs/PROTOCOL.md` section 4).
pub fn write_bytes(path: &Path, value: &Value) -> usize {
    let mut out = Vec::new();
    write_path(&mut out, path);
    json::write(&mut out, value);
    out.len() + PATH_OVERHEAD_BYTES
}

/// How many bytes a delta takes in a frame.
pub fn delta_bytes(delta: &Delta) -> usize {
    let mut out = Vec::new();
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
pub fn decode_deltas(bytes: &[u8]) -> Read<Vec<Delta>> {
    let value = json::read(bytes).map_err(|error| wrong("deltas", error.problem))?;
    read::list("deltas", value, read_delta)
}

pub fn write_delta(out: &mut Vec<u8>, delta: &Delta) {
    let mut object = Object::begin(out);
    object.text("collection", &delta.key.collection);
    object.text("id", &delta.key.id);
    object.whole("life", delta.life.0);
    object.text("stamp", &delta.stamp.to_text());
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
    write::text_or_null(out, write.saw.map(Stamp::to_text).as_deref());
    if let Some(stamp) = write.stamp {
        out.push(b',');
        json::write_text(out, &stamp.to_text());
    }
    out.push(b']');
}

pub fn write_path(out: &mut Vec<u8>, path: &Path) {
    write::list(out, &path.0, |out, segment| json::write_text(out, segment));
}

pub fn read_delta(value: Value) -> Read<Delta> {
    let mut members = Members::of("a delta", value)?;
    let delta = Delta {
        key: read_key(members.take("collection"), members.take("id"))?,
        life: Life(members.whole("life")?),
        stamp: read::stamp("stamp", &members.take("stamp"))?,
        upsert: members.flag("upsert")?,
        paths: members.list("paths", read_path_write)?,
    };
    let mut seen = SortedSet::new();
    if delta.life == Life(0) {
        return Err(wrong("life", "at least 1"));
    }
    if !delta.paths.iter().all(|write| seen.insert(&write.path)) {
        return Err(wrong("paths", "each path once"));
    }
    Ok(delta)
}

fn read_path_write(value: Value) -> Read<PathWrite> {
    let Value::List(mut items) = value else {
        return Err(wrong(
            "a path",
            "[path, value, saw] or [path, value, saw, stamp]",
        ));
    };
    if items.len() < 3 {
        return Err(wrong(
            "a path",
            "[path, value, saw] or [path, value, saw, stamp]",
        ));
    }
    let stamp = items
        .get(3)
        .map_or(Ok(None), |stamp| read::stamp_or_none("stamp", stamp))?;
    items.truncate(3);
    let [path, value, saw] = read::tuple("a path", Value::List(items))?;
    let path = read_path(path)?;
    if path.is_existence() && value.as_u64().is_none_or(|life| life == 0) {
        return Err(wrong(
            "the existence's value",
            "a life, a whole number from 1",
        ));
    }
    check_depth("a path's value", &value)?;
    Ok(PathWrite {
        path,
        value,
        saw: read::stamp_or_none("saw", &saw)?,
        stamp,
    })
}

pub fn read_path(value: Value) -> Read<Path> {
    let segments = read::list("path", value, |segment| read::text("segment", segment))?;
    if segments.len() > DEPTH_MAX {
        return Err(wrong("path", &format!("at most {DEPTH_MAX} segments")));
    }
    Ok(Path(segments))
}

fn check_depth(name: &str, value: &Value) -> Read<()> {
    if value.depth() > DEPTH_MAX {
        return Err(wrong(
            name,
            &format!("a value nested at most {DEPTH_MAX} deep"),
        ));
    }
    Ok(())
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
            write::write_whole(out, u64::from(*number));
        });
    }
    if pushed.is_void {
        object.value("void", &Value::Bool(true));
    } else {
        object.list("deltas", &pushed.deltas, write_delta);
    }
    object.end();
}

pub fn read_pushed(value: Value) -> Read<Pushed> {
    let mut members = Members::of("a transaction", value)?;
    let is_void = members.flag("void")?;
    let pushed = Pushed {
        seq: Seq(members.whole("seq")?),
        schema_version: members.small("schemaVersion")?,
        mutation: members.object_or_none("mutation", read_mutation)?,
        part: read_part(members.take("part"))?,
        is_void,
        deltas: if is_void {
            Vec::new()
        } else {
            members.list("deltas", read_delta)?
        },
    };
    if pushed.seq == Seq(0) {
        return Err(wrong("seq", "at least 1"));
    }
    if is_void && pushed.part.is_some() {
        return Err(wrong("void", "no part beside it"));
    }
    Ok(pushed)
}

fn read_mutation(mut members: Members) -> Read<Mutation> {
    let args = members.take("args");
    check_depth("args", &args)?;
    let name = read::name("name", members.take("name"))?;
    Ok(Mutation { name, args })
}

fn read_part(value: Value) -> Read<Option<Part>> {
    if value.is_null() {
        return Ok(None);
    }
    let [index, count] = read::tuple("part", value)?;
    let (index, count) = (read::small("part", &index)?, read::small("part", &count)?);
    if !(2..=PARTS_MAX).contains(&count) || index >= count {
        return Err(wrong(
            "part",
            &format!("[index, count] with 2 to {PARTS_MAX} parts"),
        ));
    }
    Ok(Some(Part { index, count }))
}
