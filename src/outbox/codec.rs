//! The stored form of an outbox entry.

use super::entry::{Entry, Reason, State};
use crate::doc::codec::{Items, write_bytes, write_stamp, write_value, write_varint};
use crate::doc::dictionary::{read_path, write_path};
use crate::doc::path::DocumentKey;
use crate::ids::{EntryId, Life, Seq, Version};
use crate::protocol::message::{Delta, Mutation, PathWrite};

/// The bytes of an entry. Its id is its key and not in them.
pub fn encode(entry: &Entry) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    write_state(&mut out, &entry.state);
    write_option(&mut out, entry.subject.as_deref());
    write_varint(&mut out, u64::from(entry.schema_version));
    write_varint(&mut out, entry.created_ms);
    write_option(
        &mut out,
        entry
            .mutation
            .as_ref()
            .map(|mutation| mutation.name.as_str()),
    );
    if let Some(mutation) = &entry.mutation {
        write_value(&mut out, &mutation.args);
    }
    write_varint(&mut out, entry.deltas.len() as u64);
    for delta in &entry.deltas {
        write_delta(&mut out, delta);
    }
    out
}

/// Reads an entry back. None if the bytes are not one.
pub fn decode(id: EntryId, bytes: &[u8]) -> Option<Entry> {
    let mut items = Items::new(bytes);
    let mut entry = Entry {
        id,
        state: read_state(&mut items),
        subject: read_option(&mut items),
        schema_version: items.varint() as u32,
        created_ms: items.varint(),
        mutation: read_option(&mut items).map(|name| Mutation {
            name,
            args: items.value(),
        }),
        deltas: Vec::new(),
    };
    let mut left = items.varint();
    while items.has_more(&mut left) {
        entry.deltas.push(read_delta(&mut items));
    }
    items.check(entry)
}

fn write_state(out: &mut Vec<u8>, state: &State) {
    match state {
        State::Queued => out.push(0),
        State::Sent(seq) => {
            out.push(1);
            write_varint(out, seq.0);
        }
        State::Accepted(seq, version) => {
            out.push(2);
            write_varint(out, seq.0);
            write_varint(out, version.0);
        }
        State::Rejected(reason) => {
            out.push(3);
            write_reason(out, reason);
        }
        State::Quarantined(reason, seq) => {
            out.push(4);
            write_reason(out, reason);
            write_varint(out, seq.map_or(0, |seq| seq.0));
        }
    }
}

fn read_state(items: &mut Items<'_>) -> State {
    match items.byte() {
        0 => State::Queued,
        1 => State::Sent(Seq(items.varint())),
        2 => State::Accepted(Seq(items.varint()), Version(items.varint())),
        3 => State::Rejected(read_reason(items)),
        4 => {
            let reason = read_reason(items);
            let seq = items.varint();
            State::Quarantined(reason, (seq > 0).then_some(Seq(seq)))
        }
        _ => {
            items.fail();
            State::Queued
        }
    }
}

fn write_reason(out: &mut Vec<u8>, reason: &Reason) {
    write_bytes(out, reason.code.as_bytes());
    write_bytes(out, reason.message.as_bytes());
}

fn read_reason(items: &mut Items<'_>) -> Reason {
    let code = items.text();
    Reason::new(code, items.text())
}

fn write_option(out: &mut Vec<u8>, text: Option<&str>) {
    out.push(u8::from(text.is_some()));
    if let Some(text) = text {
        write_bytes(out, text.as_bytes());
    }
}

fn read_option(items: &mut Items<'_>) -> Option<String> {
    match items.byte() {
        0 => None,
        1 => Some(items.text().into()),
        _ => {
            items.fail();
            None
        }
    }
}

fn write_delta(out: &mut Vec<u8>, delta: &Delta) {
    write_bytes(out, delta.key.collection.as_bytes());
    write_bytes(out, delta.key.id.as_bytes());
    write_varint(out, delta.life.0 << 1 | u64::from(delta.upsert));
    write_stamp(out, delta.stamp);
    write_varint(out, delta.paths.len() as u64);
    for write in &delta.paths {
        write_path(out, &write.path);
        out.push(u8::from(write.saw.is_some()) | u8::from(write.stamp.is_some()) << 1);
        if let Some(saw) = write.saw {
            write_stamp(out, saw);
        }
        if let Some(own) = write.stamp {
            write_stamp(out, own);
        }
        write_value(out, &write.value);
    }
}

fn read_delta(items: &mut Items<'_>) -> Delta {
    let collection = items.text();
    let key = DocumentKey::new(collection, items.text());
    let head = items.varint();
    let mut delta = Delta {
        key,
        life: Life(head >> 1),
        stamp: items.stamp(),
        upsert: head & 1 == 1,
        paths: Vec::new(),
    };
    let mut left = items.varint();
    while items.has_more(&mut left) {
        let path = read_path(items);
        let flags = items.byte();
        delta.paths.push(PathWrite {
            path,
            saw: (flags & 1 == 1).then(|| items.stamp()),
            stamp: (flags & 2 == 2).then(|| items.stamp()),
            value: items.value(),
        });
    }
    delta
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::causal::stamp::{Stamp, Time};
    use crate::doc::path::Path;
    use crate::doc::value::Value;
    use crate::ids::Token;
    use proptest::prelude::*;

    fn stamp(time: u64) -> Stamp {
        Stamp {
            time: Time(time),
            replica: Token([7; 10]),
        }
    }

    fn entry(state: State) -> Entry {
        let write = |name: &str, own| PathWrite {
            path: Path::field(name),
            value: Value::text("x"),
            saw: Some(stamp(1)),
            stamp: own,
        };
        Entry {
            id: EntryId(5),
            subject: Some("ann".into()),
            schema_version: 3,
            created_ms: 12,
            mutation: Some(Mutation {
                name: "close".into(),
                args: Value::List(vec![]),
            }),
            state,
            deltas: vec![Delta {
                key: DocumentKey::new("films", "1"),
                life: Life(1),
                stamp: stamp(2),
                upsert: true,
                paths: vec![write("a", None), write("b", Some(stamp(3)))],
            }],
        }
    }

    #[test]
    fn entries_round_trip_in_every_state() {
        let reason = Reason {
            code: "exists".into(),
            message: "there".into(),
        };
        for state in [
            State::Queued,
            State::Sent(Seq(4)),
            State::Accepted(Seq(4), Version(9)),
            State::Rejected(reason.clone()),
            State::Quarantined(reason.clone(), None),
            State::Quarantined(reason, Some(Seq(8))),
        ] {
            let entry = entry(state);
            assert_eq!(decode(entry.id, &encode(&entry)), Some(entry));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_decoded_without_a_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..80),
        ) {
            let _ = decode(EntryId(1), &bytes);
        }
    }
}
