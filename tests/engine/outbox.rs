//! The outbox of a database that was opened again: counted at once, read when it is needed.

use crate::device::{Device, Machine, Server};
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

/// Bugs that these tests must catch (`docs/PLANTED.md`).
#[cfg(feature = "planted")]
#[test]
fn every_planted_bug_of_late_reading_is_caught() {
    for bug in ["engine_entries_not_counted", "engine_base_overwritten"] {
        holm::planted::choose(bug);
        let run = entries_that_nobody_has_read_are_counted_and_lie_over_their_documents;
        let is_caught = std::panic::catch_unwind(run).is_err();
        holm::planted::choose("");
        assert!(is_caught, "{bug}");
    }
}
