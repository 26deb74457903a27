//! The outbox: of a database that was opened again, counted at once and read when it is needed; of
//! what was given up, what the server has is accepted.

use crate::device::{Device, Machine, NOW_MS, Server};
use crate::{film, pair, update};
use holm::doc::value::Value;

/// How many entries the answer to `open` tells of.
fn queued(opened: &Value) -> Option<u64> {
    opened.get("status")?.get("outbox")?.get("queued")?.as_u64()
}

/// Opens without a server, and without looking at the outbox.
fn reopen(machine: &Machine, tab: u64) -> (Device, Option<u64>) {
    let mut device = Device::new(machine, tab, None);
    let opened = device.ask_open(false).unwrap();
    (device, queued(&opened))
}

fn entries_that_nobody_has_read_are_counted_and_lie_over_their_documents() {
    let machine = Machine::default();
    let mut ann = Device::open(&machine, 1, None);
    ann.write(&film("a", "Alien")).unwrap();
    ann.write(&film("b", "Brazil")).unwrap();
    drop(ann);
    let (mut ann, count) = reopen(&machine, 2);
    assert_eq!(count, Some(2));
    ann.write(&update("a", r#""title":"Aliens""#)).unwrap();
    drop(ann);
    let (mut ann, count) = reopen(&machine, 3);
    assert_eq!(count, Some(3));
    assert_eq!(ann.outbox(), ["queued"; 3]);
    for entry in [3, 1] {
        ann.ask(&format!(r#""kind":"discard","entry":{entry}"#))
            .unwrap();
    }
    assert_eq!(ann.titles(), [pair("b", "Brazil")]);
    drop(ann);
    let (mut ann, count) = reopen(&machine, 4);
    assert_eq!(count, Some(1));
    ann.ask(r#""kind":"discard","entry":2"#).unwrap();
    assert_eq!(ann.titles(), []);
}

#[test]
fn an_outbox_that_is_read_late_is_whole() {
    entries_that_nobody_has_read_are_counted_and_lie_over_their_documents();
}

#[test]
fn entries_are_sent_that_nobody_has_read() {
    let server = Server::default();
    let machine = Machine::default();
    let mut ann = Device::open(&machine, 1, None);
    ann.write(&film("a", "Alien")).unwrap();
    drop(ann);
    let mut ann = Device::open(&machine, 1, Some(&server));
    ann.write(&film("b", "Brazil")).unwrap();
    ann.sync().unwrap();
    assert_eq!(ann.outbox(), [] as [String; 0]);
    let mut bob = Device::open(&Machine::default(), 2, Some(&server));
    bob.sync().unwrap();
    assert_eq!(bob.titles(), [pair("a", "Alien"), pair("b", "Brazil")]);
}

fn a_write_that_was_given_up_and_was_there_already_is_accepted() {
    let server = Server::default();
    let mut ann = Device::open(&Machine::default(), 1, Some(&server));
    ann.sync().unwrap();
    server.spoilt.set(3);
    ann.write(&film("a", "Alien")).unwrap();
    for _ in 0..20 {
        ann.advance(500);
    }
    let states: Vec<_> = ann.take_notices("entry").iter().map(state_of).collect();
    assert!(states.contains(&"quarantined".to_string()), "{states:?}");
    assert_eq!(states.last().map(String::as_str), Some("accepted"));
    ann.sync().unwrap();
    assert_eq!(ann.outbox(), [] as [String; 0]);
    assert_eq!(ann.titles(), [pair("a", "Alien")]);
}

fn a_later_write_is_later_also_when_the_clock_is_put_right() {
    let server = Server::default();
    let machine = Machine::default();
    let mut ann = Device::open(&machine, 1, None);
    ann.write(&film("a", "Alien")).unwrap();
    // As far ahead as the server takes; then much farther.
    ann.time.set_wall_ms(NOW_MS + 20_000);
    ann.write(&update("a", r#""title":"Aliens""#)).unwrap();
    ann.time.set_wall_ms(NOW_MS + 1_000_000_000);
    ann.write(&update("a", r#""title":"Alien 3""#)).unwrap();
    ann.write(&update("a", r#""title":"Alien 4""#)).unwrap();
    // What the last one saw is never sent.
    ann.ask(r#""kind":"discard","entry":3"#).unwrap();
    drop(ann);
    let mut ann = Device::open(&machine, 2, Some(&server));
    ann.sync().unwrap();
    assert_eq!(ann.outbox(), [] as [String; 0]);
    assert_eq!(ann.titles(), [pair("a", "Alien 4")]);
}

#[test]
fn what_is_stamped_anew_comes_after_what_was_accepted() {
    a_later_write_is_later_also_when_the_clock_is_put_right();
}

fn a_later_write_is_later_than_what_was_accepted_in_an_earlier_life() {
    let server = Server::default();
    let machine = Machine::default();
    let mut ann = Device::open(&machine, 1, Some(&server));
    ann.write(&film("a", "Alien")).unwrap();
    ann.time.set_wall_ms(NOW_MS + 20_000);
    ann.write(&update("a", r#""title":"Aliens""#)).unwrap();
    ann.sync().unwrap();
    assert_eq!(ann.outbox(), [] as [String; 0]);
    drop(ann);
    let mut ann = Device::open(&machine, 2, None);
    ann.time.set_wall_ms(NOW_MS + 1_000_000_000);
    ann.write(&update("a", r#""title":"Alien 3""#)).unwrap();
    ann.write(&update("a", r#""title":"Alien 4""#)).unwrap();
    ann.ask(r#""kind":"discard","entry":3"#).unwrap();
    drop(ann);
    let mut ann = Device::open(&machine, 3, Some(&server));
    ann.sync().unwrap();
    assert_eq!(ann.outbox(), [] as [String; 0]);
    assert_eq!(ann.titles(), [pair("a", "Alien 4")]);
}

#[test]
fn what_was_accepted_is_known_in_later_lives() {
    a_later_write_is_later_than_what_was_accepted_in_an_earlier_life();
}

fn state_of(notice: &Value) -> String {
    let state = notice.get("state").and_then(Value::as_str);
    state.expect("it has one").to_string()
}

#[test]
fn what_was_accepted_is_not_offered_to_be_sent_again() {
    a_write_that_was_given_up_and_was_there_already_is_accepted();
}

/// Bugs that these tests must catch (`docs/PLANTED.md`).
#[cfg(feature = "planted")]
#[test]
fn every_planted_bug_of_the_outbox_is_caught() {
    let late = entries_that_nobody_has_read_are_counted_and_lie_over_their_documents;
    let bugs: [(&str, fn()); 5] = [
        ("engine_entries_not_counted", late),
        ("engine_base_overwritten", late),
        (
            "engine_accepted_stays_quarantined",
            a_write_that_was_given_up_and_was_there_already_is_accepted,
        ),
        (
            "engine_restamp_before_accepted",
            a_later_write_is_later_also_when_the_clock_is_put_right,
        ),
        (
            "engine_observed_not_stored",
            a_later_write_is_later_than_what_was_accepted_in_an_earlier_life,
        ),
    ];
    for (bug, run) in bugs {
        holm::planted::choose(bug);
        let is_caught = std::panic::catch_unwind(run).is_err();
        holm::planted::choose("");
        assert!(is_caught, "{bug}");
    }
}

#[test]
fn rows_that_the_page_has_are_sent_again_after_a_commit_and_the_outbox_always() {
    let machine = Machine::default();
    let mut device = Device::open(&machine, 1, None);
    device.write(&film("a", "Alien")).unwrap();
    let get = |device: &mut Device, from: &str, since: u64| {
        let query = format!(r#""kind":"get","query":{{"from":"{from}"}},"since":{since}"#);
        device.ask(&query).unwrap()
    };
    let revision = |answer: &Value| answer.get("revision").and_then(Value::as_u64).unwrap();
    let first = get(&mut device, "films", 0);
    let since = revision(&first);
    assert!(since > 0 && first.get("rows").is_some());
    let again = get(&mut device, "films", since);
    assert!(again.get("rows").is_none() && again.get("revision").is_none());
    assert!(get(&mut device, "$outbox", since).get("rows").is_some());
    device.write(&film("b", "Brazil")).unwrap();
    let next = get(&mut device, "films", since);
    assert!(revision(&next) > since && next.get("rows").is_some());
}
