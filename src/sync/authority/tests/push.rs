//! Section 6: verdicts, order, parts, limits.

use super::*;
use crate::limits::{CLOCK_AHEAD_MS, DOCUMENT_BYTES_MAX, TRANSACTION_BYTES_MAX};
use crate::protocol::codec::delta_bytes;
use crate::protocol::message::Part;

fn void(seq: u64) -> Pushed {
    Pushed {
        is_void: true,
        ..transaction(seq, vec![])
    }
}

fn part(seq: u64, index: u32, count: u32, deltas: Vec<Delta>) -> Pushed {
    Pushed {
        part: Some(Part { index, count }),
        ..transaction(seq, deltas)
    }
}

fn reason(verdicts: &Verdicts) -> &str {
    verdicts
        .reason
        .as_ref()
        .map_or("", |reason| reason.code.as_str())
}

fn discarded(verdicts: &Verdicts) -> Vec<(String, Path)> {
    let Some(Outcome::Accepted { discarded, .. }) = verdicts.verdicts.last().map(|v| &v.outcome)
    else {
        panic!("expected an accepted transaction, got {verdicts:?}");
    };
    discarded
        .iter()
        .map(|(key, path)| (key.id.clone(), path.clone()))
        .collect()
}

#[test]
fn transactions_get_versions_in_order_and_move_the_space() {
    let mut server = Server::with(&[replica(1)]);
    let both = vec![
        transaction(1, vec![insert("1", 5)]),
        transaction(2, vec![insert("2", 6)]),
    ];
    let verdicts = server.push(both);
    assert_eq!(codes(&verdicts), [(1, "accepted"), (2, "accepted")]);
    let version = |at: usize| match &verdicts.verdicts[at].outcome {
        Outcome::Accepted { version, .. } => version.0,
        Outcome::Rejected { .. } => 0,
    };
    assert_eq!((version(0), version(1)), (1, 2));
    assert_eq!(
        (verdicts.expected, server.last_poke),
        (Seq(3), Some(Version(2)))
    );
}

#[test]
fn the_same_seq_again_gets_the_same_verdict_and_no_effect() {
    let mut server = Server::with(&[replica(1)]);
    let first = vec![transaction(1, vec![insert("1", 5)])];
    let again = vec![transaction(1, vec![insert("other", 9)])];
    let verdicts = server.push(first).verdicts;
    let before = server.space.clone();
    assert_eq!(server.push(again).verdicts, verdicts);
    assert_eq!((server.space, server.last_poke), (before, None));
}

#[test]
fn a_batch_that_holds_a_seq_twice_settles_it_once() {
    let mut server = Server::with(&[replica(1)]);
    let one = transaction(1, vec![insert("1", 5)]);
    let verdicts = server.push(vec![one.clone(), one]);
    assert_eq!(codes(&verdicts), [(1, "accepted")]);
    assert_eq!(server.pull(None, 10).checkpoint, Version(1));
}

#[test]
fn rejections_are_kept_as_acceptances_are() {
    let mut server = Server::with(&[replica(1)]);
    server.push(vec![transaction(1, vec![insert("1", 5)])]);
    let taken = || vec![transaction(2, vec![insert("1", 6)])];
    let verdicts = server.push(taken());
    assert_eq!(codes(&verdicts), [(2, "exists")]);
    assert_eq!(server.push(taken()).verdicts, verdicts.verdicts);
}

#[test]
fn verdicts_are_forgotten_once_confirmed_and_not_before() {
    let mut server = Server::with(&[replica(1)]);
    let batch = || {
        (1..4)
            .map(|seq| transaction(seq, vec![insert(&seq.to_string(), 5)]))
            .collect::<Vec<_>>()
    };
    server.push(batch());
    assert_eq!(server.pull(None, 10).verdicts.len(), 3);
    let repeated = server.push_as(replica(1), Seq(2), batch());
    assert_eq!(codes(&repeated), [(3, "accepted")]);
    let seqs: Vec<_> = server
        .pull(None, 10)
        .verdicts
        .iter()
        .map(|v| v.seq.0)
        .collect();
    assert_eq!(seqs, [3]);
    let mut again = hello(replica(1));
    (again.next_seq, again.confirmed) = (Seq(4), Seq(9));
    server.hello(again);
    assert_eq!(server.pull(None, 10).verdicts, vec![]);
    let verdict_rows = server.space.keys().filter(|key| key.0[0] == 3).count();
    assert_eq!(verdict_rows, 0);
}

#[test]
pub fn a_gap_stops_the_batch_and_consumes_nothing() {
    let mut server = Server::with(&[replica(1)]);
    let batch = vec![
        transaction(1, vec![insert("1", 5)]),
        transaction(3, vec![insert("3", 5)]),
        transaction(4, vec![insert("4", 5)]),
    ];
    let verdicts = server.push(batch);
    assert_eq!(codes(&verdicts), [(1, "accepted")]);
    assert_eq!(
        (reason(&verdicts), verdicts.expected),
        ("out_of_order", Seq(2))
    );
    assert_eq!(verdicts.not_processed, [Seq(3), Seq(4)]);
    assert_eq!(server.pull(None, 10).deltas.len(), 1);
}

#[test]
pub fn a_void_seq_is_consumed_without_effect() {
    let mut server = Server::with(&[replica(1)]);
    assert_eq!(codes(&server.push(vec![void(1)])), [(1, "void")]);
    assert_eq!(server.last_poke, None);
    let late = server.push(vec![transaction(1, vec![insert("1", 5)])]);
    assert_eq!(codes(&late), [(1, "void")]);
    assert_eq!(server.pull(None, 10).deltas, vec![]);
}

#[test]
fn a_void_of_a_seq_that_was_settled_gets_its_verdict() {
    let mut server = Server::with(&[replica(1)]);
    server.push(vec![transaction(1, vec![insert("1", 5)])]);
    let taken = server.push(vec![transaction(2, vec![insert("1", 6)])]);
    assert_eq!(server.push(vec![void(2)]).verdicts, taken.verdicts);
}

#[test]
pub fn a_transaction_is_whole_or_not_at_all() {
    let mut server = Server::with(&[replica(1)]);
    server.push(vec![transaction(1, vec![insert("2", 5)])]);
    let before = server.pull(None, 10).deltas;
    let half = transaction(2, vec![insert("1", 6), insert("2", 6), insert("3", 6)]);
    assert_eq!(codes(&server.push(vec![half])), [(2, "exists")]);
    assert_eq!(server.pull(None, 10).deltas, before);
}

#[test]
fn an_insert_meets_a_living_document_only_as_an_upsert_or_as_itself() {
    let mut server = Server::with(&[replica(1)]);
    server.push(vec![transaction(1, vec![insert("1", 5)])]);
    let upsert = Delta {
        upsert: true,
        ..insert("1", 7)
    };
    let mut next = insert("1", 8);
    next.life = Life(3);
    next.paths[0] = PathWrite {
        saw: Some(stamp(7)),
        ..existence(3)
    };
    let mut blind = insert("1", 9);
    blind.life = Life(5);
    blind.paths[0] = existence(5);
    let cases = [
        (insert("1", 6), "exists"),
        (insert("1", 5), "accepted"),
        (upsert, "accepted"),
        (next, "accepted"),
        (blind, "exists"),
    ];
    for (seq, (delta, expected)) in (2..).zip(cases) {
        let verdicts = server.push(vec![transaction(seq, vec![delta])]);
        assert_eq!(codes(&verdicts), [(seq, expected)]);
    }
}

#[test]
fn later_transactions_of_a_batch_see_earlier_ones() {
    let mut server = Server::with(&[replica(1)]);
    let end = delta("1", 2, 6, vec![existence(2)]);
    let again = delta("1", 3, 7, vec![existence(3), set("title", "again")]);
    let batch = vec![
        transaction(1, vec![insert("1", 5)]),
        transaction(2, vec![insert("1", 6)]),
        transaction(3, vec![end]),
        transaction(4, vec![again]),
    ];
    let verdicts = server.push(batch);
    assert_eq!(
        codes(&verdicts),
        [
            (1, "accepted"),
            (2, "exists"),
            (3, "accepted"),
            (4, "accepted")
        ]
    );
    let page = server.pull(None, 10);
    assert_eq!((page.deltas.len(), page.deltas[0].life), (1, Life(3)));
    let change_rows = server.space.keys().filter(|key| key.0[0] == 6).count();
    assert_eq!(change_rows, 1);
}

#[test]
fn updates_of_absent_documents_and_other_lives_are_listed_as_discarded() {
    let mut server = Server::with(&[replica(1)]);
    let update = |life, time| delta("1", life, time, vec![set("title", "x")]);
    let title = || ("1".to_owned(), Path::field("title"));
    let absent = server.push(vec![transaction(1, vec![update(1, 5)])]);
    assert_eq!(discarded(&absent), [title()]);
    assert_eq!(server.pull(None, 10).deltas, vec![]);
    let end = delta("1", 2, 6, vec![existence(2)]);
    server.push(vec![
        transaction(2, vec![insert("1", 5)]),
        transaction(3, vec![end]),
    ]);
    let late = server.push(vec![transaction(4, vec![update(1, 9)])]);
    assert_eq!(discarded(&late), [title()]);
    let insert_again = server.push(vec![transaction(5, vec![insert("1", 10)])]);
    assert_eq!(
        discarded(&insert_again),
        [title(), ("1".to_owned(), Path::existence())]
    );
}

#[test]
fn a_delta_that_contradicts_itself_is_rejected() {
    let mut server = Server::with(&[replica(1)]);
    let mut other_life = insert("1", 5);
    other_life.life = Life(3);
    let dead = delta("1", 2, 5, vec![set("title", "x")]);
    let verdicts = server.push(vec![
        transaction(1, vec![other_life]),
        transaction(2, vec![dead]),
    ]);
    assert_eq!(codes(&verdicts), [(1, "bad_delta"), (2, "bad_delta")]);
}

#[test]
pub fn a_stamp_too_far_ahead_stops_the_batch_before_its_seq() {
    let mut server = Server::with(&[replica(1)]);
    let at = |ms: u64| Time::from_ms(ms).0;
    let edge = server.time_ms + CLOCK_AHEAD_MS;
    let mut hidden = insert("2", 5);
    hidden.paths[1].stamp = Some(stamp(at(edge + 1)));
    let verdicts = server.push(vec![
        transaction(1, vec![insert("1", at(edge))]),
        transaction(2, vec![hidden.clone()]),
        transaction(3, vec![insert("3", 5)]),
    ]);
    assert_eq!(codes(&verdicts), [(1, "accepted")]);
    assert_eq!(reason(&verdicts), "clock_ahead");
    assert!(
        verdicts
            .reason
            .as_ref()
            .is_some_and(|reason| reason.is_retryable)
    );
    assert_eq!(
        (verdicts.expected, verdicts.time_ms),
        (Seq(2), server.time_ms)
    );
    assert_eq!(verdicts.not_processed, [Seq(2), Seq(3)]);
    server.time_ms += 1;
    assert_eq!(
        codes(&server.push(vec![transaction(2, vec![hidden])])),
        [(2, "accepted")]
    );
}

#[test]
fn a_document_over_the_limit_is_rejected() {
    let mut server = Server::with(&[replica(1)]);
    let with_text = |id: &str, length: usize| {
        let mut delta = insert(id, 5);
        delta.paths.push(set("text", "x".repeat(length)));
        delta
    };
    let fits = server.push(vec![transaction(
        1,
        vec![with_text("1", DOCUMENT_BYTES_MAX - 400)],
    )]);
    assert_eq!(codes(&fits), [(1, "accepted")]);
    let more = delta("1", 1, 6, vec![set("more", "x".repeat(400))]);
    assert_eq!(
        codes(&server.push(vec![transaction(2, vec![more])])),
        [(2, "document_too_large")]
    );
    let less = delta(
        "1",
        1,
        6,
        vec![set("text", "x"), set("more", "x".repeat(400))],
    );
    assert_eq!(
        codes(&server.push(vec![transaction(3, vec![less])])),
        [(3, "accepted")]
    );
}

#[test]
pub fn parts_are_applied_with_the_last_one() {
    let mut server = Server::with(&[replica(1)]);
    let first = server.push(vec![part(1, 0, 3, vec![insert("1", 5)])]);
    assert_eq!(
        (codes(&first), first.awaited_part),
        (vec![], Some((Seq(1), 1)))
    );
    assert_eq!((first.expected, first.reason), (Seq(1), None));
    server.push(vec![part(1, 1, 3, vec![insert("2", 5)])]);
    assert_eq!(server.pull(None, 10).deltas, vec![]);
    let last = server.push(vec![
        part(1, 2, 3, vec![insert("3", 5)]),
        transaction(2, vec![]),
    ]);
    assert_eq!(codes(&last), [(1, "accepted"), (2, "accepted")]);
    assert_eq!(
        (last.awaited_part, server.pull(None, 10).deltas.len()),
        (None, 3)
    );
    assert!(server.space.keys().all(|key| key.0[0] != 4));
}

#[test]
fn all_parts_in_one_batch_are_one_transaction() {
    let mut server = Server::with(&[replica(1)]);
    let parts = (0..3)
        .map(|at| part(1, at, 3, vec![insert(&at.to_string(), 5)]))
        .collect();
    assert_eq!(codes(&server.push(parts)), [(1, "accepted")]);
    let page = server.pull(None, 10);
    assert_eq!((page.deltas.len(), page.checkpoint), (3, Version(1)));
    assert!(server.space.keys().all(|key| key.0[0] != 4));
}

#[test]
fn a_repeated_part_has_no_effect_and_a_missing_one_is_awaited() {
    let mut server = Server::with(&[replica(1)]);
    let out_of_thin_air = server.push(vec![part(1, 1, 3, vec![insert("2", 5)])]);
    assert_eq!(reason(&out_of_thin_air), "out_of_order");
    assert_eq!(out_of_thin_air.awaited_part, Some((Seq(1), 0)));
    server.push(vec![part(1, 0, 3, vec![insert("1", 5)])]);
    server.push(vec![part(1, 1, 3, vec![insert("2", 5)])]);
    server.push(vec![part(1, 1, 3, vec![insert("2", 5)])]);
    let last = || part(1, 2, 3, vec![insert("3", 5)]);
    assert_eq!(codes(&server.push(vec![last()])), [(1, "accepted")]);
    assert_eq!(codes(&server.push(vec![last()])), [(1, "accepted")]);
    assert_eq!(server.pull(None, 10).deltas.len(), 3);
}

#[test]
fn a_part_that_skips_one_stops_the_batch() {
    let mut server = Server::with(&[replica(1)]);
    server.push(vec![part(1, 0, 3, vec![insert("1", 5)])]);
    let skipping = server.push(vec![
        part(1, 2, 3, vec![insert("3", 5)]),
        transaction(2, vec![]),
    ]);
    assert_eq!(
        (reason(&skipping), skipping.awaited_part),
        ("out_of_order", Some((Seq(1), 1)))
    );
    assert_eq!(skipping.not_processed, [Seq(1), Seq(2)]);
}

#[test]
fn part_zero_begins_again() {
    let mut server = Server::with(&[replica(1)]);
    server.push(vec![
        part(1, 0, 3, vec![insert("1", 5)]),
        part(1, 1, 3, vec![insert("2", 5)]),
    ]);
    server.push(vec![part(1, 0, 2, vec![insert("4", 5)])]);
    assert_eq!(
        codes(&server.push(vec![part(1, 1, 2, vec![insert("5", 5)])])),
        [(1, "accepted")]
    );
    let ids: Vec<_> = server
        .pull(None, 10)
        .deltas
        .into_iter()
        .map(|delta| delta.key.id)
        .collect();
    assert_eq!(ids, ["4", "5"]);
    assert!(server.space.keys().all(|key| key.0[0] != 4));
}

#[test]
fn a_void_forgets_the_parts_that_have_come() {
    let mut server = Server::with(&[replica(1)]);
    server.push(vec![part(1, 0, 2, vec![insert("1", 5)])]);
    assert_eq!(codes(&server.push(vec![void(1)])), [(1, "void")]);
    assert!(server.space.keys().all(|key| key.0[0] != 4));
    assert_eq!(
        codes(&server.push(vec![transaction(2, vec![])])),
        [(2, "accepted")]
    );
}

#[test]
fn a_transaction_over_the_limit_is_rejected_with_the_part_that_exceeds_it() {
    let mut server = Server::with(&[replica(1)]);
    let heavy = |at: usize| delta(&at.to_string(), 1, 5, vec![set("t", "x".repeat(250_000))]);
    let count = (TRANSACTION_BYTES_MAX / 750_000 + 2) as u32;
    let mut verdicts = Verdicts::default();
    for index in 0..count {
        let deltas = (0..3).map(|at| heavy(at + index as usize * 3)).collect();
        verdicts = server.push(vec![part(1, index, count, deltas)]);
    }
    assert_eq!(codes(&verdicts), [(1, "transaction_too_large")]);
    assert!(server.space.keys().all(|key| key.0[0] != 4));
}

#[test]
fn an_answer_that_is_full_leaves_the_rest_for_later() {
    let mut server = Server::with(&[replica(1)]);
    let id = "x".repeat(500);
    let fields = |time| {
        (0..200)
            .map(|at| set(&format!("f{at}"), ""))
            .collect::<Vec<_>>()
            .into_iter()
            .map(move |write| PathWrite {
                stamp: Some(stamp(time)),
                ..write
            })
            .collect::<Vec<_>>()
    };
    let batch: Vec<_> = (1..4)
        .map(|seq| transaction(seq, vec![delta(&id, 1, seq, fields(seq))]))
        .collect();
    let verdicts = server.push(batch.clone());
    assert_eq!(codes(&verdicts), [(1, "accepted"), (2, "accepted")]);
    assert_eq!(
        (reason(&verdicts), verdicts.expected),
        ("retry_later", Seq(3))
    );
    assert_eq!(codes(&server.push(batch[2..].to_vec())), [(3, "accepted")]);
}

#[test]
fn a_list_of_discarded_paths_that_fits_no_frame_is_a_conflict() {
    let mut server = Server::with(&[replica(1)]);
    let id = "x".repeat(500);
    let fields = (0..300).map(|at| set(&format!("f{at}"), "")).collect();
    let verdicts = server.push(vec![transaction(1, vec![delta(&id, 1, 5, fields)])]);
    assert_eq!(codes(&verdicts), [(1, "conflict")]);
}

#[test]
fn a_transaction_is_counted_as_the_sum_of_its_deltas() {
    let (bytes, count) = (TRANSACTION_BYTES_MAX, 17);
    let mut heavy: Vec<_> = (10..10 + count)
        .map(|id| delta(&id.to_string(), 2, 5, vec![existence(2)]))
        .collect();
    // Writes to a deleted life are discarded, so that only the transaction's size matters.
    for delta in &mut heavy {
        delta.paths.push(set("t", ""));
    }
    let empty: usize = heavy.iter().map(delta_bytes).sum();
    let each = (bytes - empty) / count;
    for delta in &mut heavy {
        delta.paths[1] = set("t", "x".repeat(each));
    }
    let rest = bytes - heavy.iter().map(delta_bytes).sum::<usize>();
    heavy[0].paths[1] = set("t", "x".repeat(each + rest));
    for (seq, more, expected) in [(1, 0, "accepted"), (2, 1, "transaction_too_large")] {
        heavy[0].paths[1] = set("t", "x".repeat(each + rest + more));
        let mut server = Server::with(&[replica(1)]);
        let parts = (0..)
            .zip(heavy.clone())
            .map(|(at, one)| part(1, at, count as u32, vec![one]));
        let verdicts = server.push(parts.collect());
        assert_eq!(codes(&verdicts), [(1, expected)], "case {seq}");
    }
}
