//! The codec of the delta protocol against `docs/vectors/`, and its laws on random messages and
//! random bytes.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use holm::causal::stamp::{Stamp, Time};
use holm::doc::json;
use holm::doc::key::canonical;
use holm::doc::path::{DocumentKey, Path};
use holm::doc::value::{Number, Value};
use holm::ids::{Life, Seq, Term, Token, Version, push_hex};
use holm::protocol::codec::{
    decode_client, decode_deltas, decode_server, decode_verdict, delta_bytes, delta_bytes_most,
    document_bytes, document_bytes_most, encode_client, encode_deltas, encode_server,
    encode_verdict, pushed_bytes,
};
use holm::protocol::message::{
    ClientMessage, Delta, Hello, Limits, Mutation, Outcome, Page, Part, PathWrite, Pull, Push,
    Pushed, Refusal, ServerMessage, ShapePull, Verdict, Verdicts, Welcome,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

fn lines(name: &str) -> Vec<String> {
    let path = format!("{}/docs/vectors/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let lines: Vec<_> = text.lines().map(str::to_owned).collect();
    assert!(!lines.is_empty(), "{path} is empty");
    lines
}

#[test]
fn frames_of_clients_are_read_and_written_back() {
    for line in lines("client.ndjson") {
        let message =
            decode_client(line.as_bytes()).unwrap_or_else(|r| panic!("{}: {line}", r.message));
        assert_eq!(encode_client(&message), line);
    }
}

#[test]
fn frames_of_servers_are_read_and_written_back() {
    for line in lines("server.ndjson") {
        let message =
            decode_server(line.as_bytes()).unwrap_or_else(|r| panic!("{}: {line}", r.message));
        assert_eq!(encode_server(&message), line);
    }
}

#[test]
fn frames_that_are_not_valid_are_refused_and_the_message_names_the_member() {
    for line in lines("refused.ndjson") {
        let row = json::read(line.as_bytes()).unwrap();
        let member = |name| row.get(name).and_then(Value::as_str).unwrap();
        let frame = member("frame").as_bytes();
        let refusal = match member("from") {
            "client" => decode_client(frame).err(),
            _ => decode_server(frame).err(),
        };
        let refusal = refusal.unwrap_or_else(|| panic!("not refused: {line}"));
        assert_eq!(refusal.code, member("code"), "{line}");
        assert!(
            refusal.message.contains(member("says")),
            "{}: {line}",
            refusal.message
        );
        assert!(!refusal.is_retryable);
    }
}

#[test]
fn canonical_bytes_are_those_of_the_vectors() {
    for line in lines("canonical.ndjson") {
        let row = json::read(line.as_bytes()).unwrap();
        let bytes = canonical(row.get("value").unwrap());
        let mut digits = String::new();
        push_hex(&mut digits, &bytes);
        assert_eq!(
            Some(digits.as_str()),
            row.get("bytes").and_then(Value::as_str),
            "{line}"
        );
    }
}

#[test]
fn members_that_are_not_known_are_ignored() {
    let frame = br#"{"kind":"poke","version":3,"future":{"a":[1]},"x":null}"#;
    assert_eq!(
        decode_server(frame),
        Ok(ServerMessage::Poke {
            version: Version(3)
        })
    );
}

fn any_token() -> impl Strategy<Value = Token> {
    any::<[u8; 10]>().prop_map(Token)
}

fn any_stamp() -> impl Strategy<Value = Stamp> {
    let stamp = (any::<u64>(), any_token());
    stamp.prop_map(|(time, replica)| Stamp {
        time: Time(time),
        replica,
    })
}

fn any_text() -> impl Strategy<Value = String> {
    "[^\u{0}]{0,8}"
}

fn any_name() -> impl Strategy<Value = String> {
    "[^\u{0}]{1,8}"
}

fn any_whole() -> impl Strategy<Value = u64> {
    prop_oneof![0..9_u64, 0..1_u64 << 53]
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<f64>().prop_filter_map("finite", |float| Number::new(float).map(Value::Number)),
        any_text().prop_map(Value::String),
        vec(any::<u8>(), 0..9).prop_map(Value::Bytes),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        let name = prop_oneof![any_text(), Just("$".to_owned())];
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::List),
            vec((name, inner), 0..4).prop_map(Value::map),
        ]
    })
}

fn any_path() -> impl Strategy<Value = Path> {
    vec(any_text(), 1..4).prop_map(|segments| Path(segments.into()))
}

fn any_key() -> impl Strategy<Value = DocumentKey> {
    (any_name(), any_name()).prop_map(|(collection, id)| DocumentKey { collection, id })
}

fn any_delta() -> impl Strategy<Value = Delta> {
    let write = (
        any_path(),
        any_value(),
        option::of(any_stamp()),
        option::of(any_stamp()),
    );
    let write = write.prop_map(|(path, value, saw, stamp)| PathWrite {
        path,
        value,
        saw,
        stamp,
    });
    let writes = vec(write, 0..4);
    let head = (
        any_key(),
        1..1_u64 << 53,
        any_stamp(),
        any::<bool>(),
        any::<bool>(),
    );
    (head, writes).prop_map(|((key, life, stamp, upsert, begins), mut paths)| {
        if begins {
            let value = Value::int(life.cast_signed());
            paths.push(PathWrite {
                path: Path::existence(),
                value,
                saw: None,
                stamp: None,
            });
        }
        paths.sort_by(|a, b| a.path.cmp(&b.path));
        paths.dedup_by(|a, b| a.path == b.path);
        Delta {
            key,
            life: Life(life),
            stamp,
            upsert,
            paths,
        }
    })
}

fn any_pushed() -> impl Strategy<Value = Pushed> {
    let mutation = (any_name(), any_value()).prop_map(|(name, args)| Mutation { name, args });
    let part = (0..9_u32, 2..1_024_u32).prop_filter_map("within", |(index, count)| {
        (index < count).then_some(Part { index, count })
    });
    let head = (1..1_u64 << 53, any::<u32>(), option::of(mutation));
    let deltas = vec(any_delta(), 0..3);
    (head, option::of(part), any::<bool>(), deltas).prop_map(
        |((seq, schema_version, mutation), part, is_void, deltas)| Pushed {
            seq: Seq(seq),
            schema_version,
            mutation,
            part: part.filter(|_| !is_void),
            is_void,
            deltas: if is_void { vec![] } else { deltas },
        },
    )
}

fn any_client_message() -> impl Strategy<Value = ClientMessage> {
    let hello = (
        (
            any::<(u32, u32)>(),
            any_token(),
            any_whole(),
            any_token(),
            vec(any_token(), 0..3),
        ),
        (
            any_whole(),
            any_whole(),
            any::<u32>(),
            vec(any_text(), 0..3),
            option::of(any_text()),
        ),
    );
    let hello = hello.prop_map(|((protocol, replica, term, life, previous_lives), rest)| {
        let (next_seq, confirmed, schema_version, capabilities, token) = rest;
        ClientMessage::Hello(Hello {
            protocol,
            replica,
            term: Term(term),
            life,
            previous_lives,
            next_seq: Seq(next_seq),
            confirmed: Seq(confirmed),
            schema_version,
            capabilities,
            token,
        })
    });
    let push = (
        any_token(),
        any_whole(),
        any_whole(),
        vec(any_pushed(), 0..3),
    );
    let push = push.prop_map(|(replica, term, confirmed, transactions)| {
        let (term, confirmed) = (Term(term), Seq(confirmed));
        ClientMessage::Push(Push {
            replica,
            term,
            confirmed,
            transactions,
        })
    });
    let shape = ("[a-z]{1,5}", option::of(any_text()));
    let shape = shape.prop_map(|(id, cursor)| ShapePull { id, cursor });
    let pull = (any_token(), any_whole(), vec(shape, 0..3), 1..u32::MAX);
    let pull = pull.prop_map(|(replica, confirmed, shapes, limit)| {
        ClientMessage::Pull(Pull {
            replica,
            confirmed: Seq(confirmed),
            shapes,
            limit,
        })
    });
    let beat = option::of(any_text()).prop_map(|cursor| ClientMessage::Beat { cursor });
    prop_oneof![hello, push, pull, beat]
}

fn any_refusal() -> impl Strategy<Value = Refusal> {
    (any_text(), any_text(), any::<bool>()).prop_map(|(code, message, is_retryable)| Refusal {
        code,
        message,
        is_retryable,
    })
}

fn any_verdict() -> impl Strategy<Value = Verdict> {
    let accepted =
        (any_whole(), vec((any_key(), any_path()), 0..3)).prop_map(|(version, discarded)| {
            Outcome::Accepted {
                version: Version(version),
                discarded,
            }
        });
    let rejected = (any_text(), any_text());
    let rejected = rejected.prop_map(|(code, message)| Outcome::Rejected { code, message });
    (any_whole(), prop_oneof![accepted, rejected]).prop_map(|(seq, outcome)| Verdict {
        seq: Seq(seq),
        outcome,
    })
}

fn any_welcome() -> impl Strategy<Value = Welcome> {
    let limits = (any_whole(), any_whole(), any_whole(), any_whole());
    let head = (
        any::<u32>(),
        any_text(),
        any_text(),
        any_whole(),
        any_whole(),
        any_whole(),
    );
    (head, limits, vec(any_text(), 0..3)).prop_map(|(head, limits, capabilities)| {
        let (protocol, epoch, subject, time_ms, version, last_seq) = head;
        let (frame_bytes, document_bytes, transaction_bytes, depth) = limits;
        Welcome {
            protocol,
            epoch,
            subject,
            time_ms,
            version: Version(version),
            last_seq: Seq(last_seq),
            limits: Limits {
                frame_bytes,
                document_bytes,
                transaction_bytes,
                depth,
            },
            capabilities,
        }
    })
}

fn any_verdicts() -> impl Strategy<Value = Verdicts> {
    let rest = (
        any_whole(),
        option::of((any_whole(), any::<u32>())),
        any_whole(),
    );
    let lists = (
        vec(any_verdict(), 0..3),
        vec(any_whole().prop_map(Seq), 0..3),
    );
    (lists, rest, option::of(any_refusal())).prop_map(
        |((verdicts, not_processed), rest, reason)| {
            let (expected, awaited, time_ms) = rest;
            let awaited_part = awaited.map(|(seq, next)| (Seq(seq), next));
            Verdicts {
                verdicts,
                not_processed,
                expected: Seq(expected),
                awaited_part,
                reason,
                time_ms,
            }
        },
    )
}

fn any_page() -> impl Strategy<Value = Page> {
    let cursors = proptest::collection::btree_map("[a-z]{1,5}", any_text(), 0..3);
    let lists = (
        vec(any_delta(), 0..3),
        vec((any_text(), any_key()), 0..3),
        cursors,
    );
    let rest = (
        any_whole(),
        vec(any_verdict(), 0..3),
        any::<bool>(),
        vec(any_text(), 0..3),
    );
    (lists, rest).prop_map(
        |((deltas, left, cursors), (checkpoint, verdicts, has_more, reset))| {
            let (cursors, checkpoint) = (cursors.into_iter().collect(), Version(checkpoint));
            Page {
                deltas,
                left,
                cursors,
                checkpoint,
                verdicts,
                has_more,
                reset,
            }
        },
    )
}

fn any_server_message() -> impl Strategy<Value = ServerMessage> {
    let version = || any_whole().prop_map(Version);
    let beat = (version(), any_whole());
    prop_oneof![
        any_welcome().prop_map(ServerMessage::Welcome),
        any_verdicts().prop_map(ServerMessage::Verdicts),
        any_page().prop_map(ServerMessage::Page),
        version().prop_map(|version| ServerMessage::Poke { version }),
        beat.prop_map(|(version, time_ms)| ServerMessage::Beat { version, time_ms }),
        any_refusal().prop_map(ServerMessage::Refused),
    ]
}

proptest! {
    #[test]
    fn messages_of_clients_round_trip(message in any_client_message()) {
        let text = encode_client(&message);
        prop_assert_eq!(decode_client(text.as_bytes()), Ok(message), "{}", text);
    }

    #[test]
    fn messages_of_servers_round_trip(message in any_server_message()) {
        let text = encode_server(&message);
        prop_assert_eq!(decode_server(text.as_bytes()), Ok(message), "{}", text);
    }

    #[test]
    fn what_an_authority_keeps_round_trips(
        deltas in vec(any_delta(), 0..4), verdict in any_verdict(),
    ) {
        prop_assert_eq!(decode_deltas(&encode_deltas(&deltas)), Ok(deltas));
        prop_assert_eq!(decode_verdict(&encode_verdict(&verdict)), Ok(verdict));
    }

    #[test]
    fn sizes_are_what_is_written(pushed in vec(any_pushed(), 0..4)) {
        let push = |transactions| {
            let (replica, term, confirmed) = (Token([0; 10]), Term(0), Seq(0));
            ClientMessage::Push(Push { replica, term, confirmed, transactions })
        };
        let empty = encode_client(&push(vec![])).len();
        let commas = pushed.len().saturating_sub(1);
        let sum: usize = pushed.iter().map(pushed_bytes).sum();
        prop_assert_eq!(encode_client(&push(pushed.clone())).len(), empty + commas + sum);
        for one in &pushed {
            let deltas: usize = one.deltas.iter().map(delta_bytes).sum();
            let commas = one.deltas.len().saturating_sub(1);
            prop_assert_eq!(encode_deltas(&one.deltas).len(), 2 + commas + deltas);
        }
    }

    #[test]
    fn sizes_are_at_most_what_is_said_without_writing(deltas in vec(any_delta(), 0..4)) {
        for delta in &deltas {
            prop_assert!(delta_bytes(delta) <= delta_bytes_most(delta));
            let writes = || delta.paths.iter().map(|write| (&write.path, &write.value));
            prop_assert!(document_bytes(writes()) <= document_bytes_most(&mut writes()));
        }
    }

    #[test]
    fn any_bytes_are_refused_or_read_without_a_panic(bytes in vec(any::<u8>(), 0..200)) {
        let _ = (decode_client(&bytes), decode_server(&bytes));
    }

    /// Bytes near valid ones reach deeper than random ones.
    #[test]
    fn damaged_frames_are_refused_or_read_without_a_panic(
        which in any::<prop::sample::Index>(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..6),
    ) {
        let frames = [lines("client.ndjson"), lines("server.ndjson")].concat();
        let mut bytes = which.get(&frames).clone().into_bytes();
        for (at, byte, how) in damage {
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => _ = bytes.remove(at),
            }
        }
        let refusals = [decode_client(&bytes).err(), decode_server(&bytes).err()];
        for refusal in refusals.into_iter().flatten() {
            prop_assert!(["bad_frame", "unknown_kind"].contains(&refusal.code.as_str()));
        }
    }
}

#[test]
fn nesting_without_end_is_refused_and_does_not_overflow_the_stack() {
    for open in ["[", "{\"a\":", "{\"$\":\"map\",\"v\":{\"a\":"] {
        let frame = format!("{{\"kind\":\"beat\",\"x\":{}", open.repeat(100_000));
        assert_eq!(
            decode_client(frame.as_bytes()).unwrap_err().code,
            "bad_frame"
        );
    }
}
