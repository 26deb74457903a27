//! The engine as a page sees it: requests in, notices out, over the in-memory ports and the shipped
//! authority.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

#[path = "engine/binary.rs"]
mod binary;
#[path = "engine/copies.rs"]
mod copies;
#[path = "engine/device.rs"]
mod device;
#[path = "engine/export.rs"]
mod export;
#[path = "engine/full.rs"]
mod full;
#[path = "engine/indexes.rs"]
mod indexes;
#[path = "engine/large.rs"]
mod large;
#[path = "engine/ordered.rs"]
mod ordered;
#[path = "engine/outbox.rs"]
mod outbox;
#[path = "engine/rest.rs"]
mod rest;

use device::{Device, Machine, NOW_MS, Server, code};
use holm::doc::json;
use holm::doc::value::Value;

fn film(id: &str, title: &str) -> String {
    format!(r#"{{"op":"insert","collection":"films","id":"{id}","fields":{{"title":"{title}"}}}}"#)
}

fn update(id: &str, fields: &str) -> String {
    format!(r#"{{"op":"update","collection":"films","id":"{id}","fields":{{{fields}}}}}"#)
}

fn delete(id: &str) -> String {
    format!(r#"{{"op":"delete","collection":"films","id":"{id}"}}"#)
}

fn pair(id: &str, title: &str) -> (String, String) {
    (id.into(), title.into())
}

#[test]
fn a_write_is_there_after_the_device_starts_again() {
    let machine = Machine::default();
    let mut device = Device::open(&machine, 1, None);
    assert_eq!(
        device.write(&film("a", "Alien")).unwrap().get("entry"),
        Some(&Value::int(1))
    );
    device
        .write(&update("a", r#""rating":8.5,"seen":true"#))
        .unwrap();
    drop(device);
    let mut again = Device::open(&machine, 2, None);
    let rows = again.rows(r#"{"from":"films"}"#);
    let expected = r#"["a","Alien",8.5,"Drama",null,{},true]"#;
    assert_eq!(rows, [json::read(expected.as_bytes()).unwrap()]);
}

#[test]
fn bad_input_is_refused_with_its_place_and_changes_nothing() {
    let machine = Machine::default();
    let mut device = Device::open(&machine, 1, None);
    device.write(&film("a", "Alien")).unwrap();
    let long = "x".repeat(300 << 10);
    for (ops, expected) in [
        (
            r#"{"op":"insert","collection":"film","id":"b","fields":{}}"#.into(),
            "unknown_collection",
        ),
        (
            r#"{"op":"insert","collection":"films","id":"b","fields":{"titel":"x"}}"#.into(),
            "unknown_field",
        ),
        (
            r#"{"op":"insert","collection":"films","id":"b","fields":{"title":7}}"#.into(),
            "bad_value",
        ),
        (
            r#"{"op":"insert","collection":"films","id":"b","fields":{}}"#.into(),
            "missing_field",
        ),
        (
            r#"{"op":"insert","collection":"films","id":"","fields":{"title":"x"}}"#.into(),
            "bad_value",
        ),
        (film("a", "again"), "exists"),
        (update("zz", r#""title":"x""#), "not_found"),
        (delete("zz"), "not_found"),
        (film("b", &long), "document_too_large"),
        (
            format!("{},{}", film("b", "kept?"), film("a", "again")),
            "exists",
        ),
    ] {
        assert_eq!(
            code(device.write(&ops)),
            expected,
            "{}",
            &ops[..ops.len().min(90)]
        );
    }
    assert_eq!(device.titles(), [pair("a", "Alien")]);
    assert_eq!(device.outbox(), ["queued"]);
}

#[test]
fn a_transaction_over_the_limit_is_refused_whole() {
    let machine = Machine::default();
    let mut device = Device::open(&machine, 1, None);
    let body = "x".repeat(200 << 10);
    let ops: Vec<String> = (0..90).map(|n| film(&format!("f{n}"), &body)).collect();
    assert_eq!(code(device.write(&ops.join(","))), "transaction_too_large");
    assert_eq!(device.titles(), []);
}

#[test]
fn a_live_query_gets_its_result_first_and_then_patches() {
    let machine = Machine::default();
    let mut device = Device::open(&machine, 1, None);
    device.write(&film("a", "Alien")).unwrap();
    let query = r#"{"from":"films","orderBy":[["title","asc"]]}"#;
    device
        .ask(&format!(
            r#""kind":"subscribe","subscription":5,"query":{query}"#
        ))
        .unwrap();
    let [result] = device.take_notices("result").try_into().unwrap();
    assert_eq!(
        result.get("rows").and_then(Value::as_list).unwrap().len(),
        1
    );
    device.write(&film("b", "Aladdin")).unwrap();
    device.write(&update("b", r#""title":"Zorro""#)).unwrap();
    device.write(&delete("a")).unwrap();
    let patches = device.take_notices("patch");
    assert_eq!(patches.len(), 3);
    let count = |at: usize, part: &str| {
        patches[at]
            .get(part)
            .and_then(Value::as_list)
            .unwrap()
            .len()
    };
    assert_eq!(
        (count(0, "inserts"), count(1, "moves"), count(2, "removes")),
        (1, 1, 1)
    );
    device
        .ask(r#""kind":"unsubscribe","subscription":5"#)
        .unwrap();
    device.write(&film("c", "Casablanca")).unwrap();
    assert_eq!(device.take_notices("patch"), []);
}

#[test]
fn a_request_that_comes_again_is_answered_again_and_done_once() {
    let machine = Machine::default();
    let mut device = Device::open(&machine, 1, None);
    let body = format!(r#""kind":"write","ops":[{}]"#, film("a", "Alien"));
    device.send_as(77, &body);
    let first = device.reply(77).unwrap();
    device.send_as(77, &body);
    assert_eq!(device.reply(77), Some(first.clone()));
    drop(device);
    let mut again = Device::open(&machine, 1, None);
    again.send_as(77, &body);
    assert_eq!(again.reply(77), Some(first));
    assert_eq!(again.outbox().len(), 1);
    again.ask(r#""kind":"confirm","upTo":77"#).unwrap();
    again.send_as(77, &body);
    assert_eq!(again.reply(77), None);
}

#[test]
fn a_transaction_reads_its_own_writes_and_conflicts_with_others() {
    let machine = Machine::default();
    let mut device = Device::open(&machine, 1, None);
    device.write(&film("a", "Alien")).unwrap();
    let begin = device.send(r#""kind":"begin""#);
    let write = |ops: &str| format!(r#""kind":"tx_write","transaction":{begin},"ops":[{ops}]"#);
    let get = format!(r#""kind":"tx_get","transaction":{begin},"query":{{"from":"films"}}"#);
    device
        .ask(&write(&update("a", r#""title":"Aliens""#)))
        .unwrap();
    let rows = device.ask(&get).unwrap();
    let title = |rows: &Value| {
        rows.get("rows").unwrap().as_list().unwrap()[0]
            .as_list()
            .unwrap()[1]
            .clone()
    };
    assert_eq!(title(&rows), Value::text("Aliens"));
    assert_eq!(device.titles(), [pair("a", "Alien")]);
    device
        .ask(&format!(r#""kind":"commit","transaction":{begin}"#))
        .unwrap();
    assert_eq!(device.titles(), [pair("a", "Aliens")]);

    let begin = device.send(r#""kind":"begin""#);
    let query = r#"{"from":"films","where":{"op":"=","field":"title","value":"Zorro"}}"#;
    device
        .ask(&format!(
            r#""kind":"tx_get","transaction":{begin},"query":{query}"#
        ))
        .unwrap();
    device.write(&film("b", "Zorro")).unwrap();
    assert_eq!(
        code(device.ask(&format!(r#""kind":"commit","transaction":{begin}"#))),
        "transaction_conflict"
    );
}

#[test]
fn what_follows_a_write_that_was_refused_is_refused() {
    let machine = Machine::default();
    let mut device = Device::open(&machine, 1, None);
    let write = |device: &mut Device, ops: &str, previous: u64| {
        let body = format!(r#""kind":"write","ops":[{ops}],"previous":{previous}"#);
        let number = device.send(&body);
        let reply = device.reply(number).expect("it is answered");
        let code = reply.get("error").and_then(|error| error.get("code"));
        (number, code.and_then(Value::as_str).map(String::from))
    };
    let (first, code) = write(&mut device, &film("a", "Alien"), 0);
    assert_eq!(code, None);
    let (again, code) = write(&mut device, &film("a", "Alien"), first);
    assert_eq!(code.as_deref(), Some("exists"));
    let (next, code) = write(&mut device, &film("b", "Brazil"), again);
    assert_eq!(code.as_deref(), Some("bad_request"));
    let (_, code) = write(&mut device, &film("c", "Cube"), next);
    assert_eq!(code.as_deref(), Some("bad_request"));
    let (_, code) = write(&mut device, &film("d", "Dune"), first);
    assert_eq!(code, None);
    assert_eq!(device.titles(), [pair("a", "Alien"), pair("d", "Dune")]);
}

/// Bugs that these tests must catch (`docs/PLANTED.md`).
#[cfg(feature = "planted")]
#[test]
fn every_planted_bug_is_caught() {
    let transactions: fn() = a_transaction_reads_its_own_writes_and_conflicts_with_others;
    for (bug, test) in [
        ("engine_transaction_blind", transactions),
        (
            "engine_damaged_text_taken",
            binary::what_is_no_value_is_refused_and_changes_nothing,
        ),
        (
            "engine_previous_ignored",
            what_follows_a_write_that_was_refused_is_refused,
        ),
    ] {
        holm::planted::choose(bug);
        let is_caught = std::panic::catch_unwind(test).is_err();
        holm::planted::choose("");
        assert!(is_caught, "{bug}");
    }
}

#[test]
fn edits_of_two_fields_on_two_devices_are_both_kept() {
    let server = Server::default();
    let (one, two) = (Machine::default(), Machine::default());
    let mut ann = Device::open(&one, 1, Some(&server));
    ann.write(&film("a", "Alien")).unwrap();
    ann.sync().unwrap();
    let mut bob = Device::open(&two, 2, Some(&server));
    bob.sync().unwrap();
    assert_eq!(bob.titles(), [pair("a", "Alien")]);
    ann.write(&update("a", r#""title":"Aliens""#)).unwrap();
    bob.write(&update("a", r#""rating":9"#)).unwrap();
    for _ in 0..2 {
        ann.sync().unwrap();
        bob.sync().unwrap();
    }
    let rows = ann.rows(r#"{"from":"films"}"#);
    assert_eq!(rows, bob.rows(r#"{"from":"films"}"#));
    let row = rows[0].as_list().unwrap();
    assert_eq!((&row[1], &row[2]), (&Value::text("Aliens"), &Value::int(9)));
    assert_eq!((ann.outbox(), bob.outbox()), (vec![], vec![]));
}

#[test]
fn a_delete_beats_an_edit_and_a_new_life_beats_the_delete() {
    let server = Server::default();
    let (one, two) = (Machine::default(), Machine::default());
    let mut ann = Device::open(&one, 1, Some(&server));
    ann.write(&film("a", "Alien")).unwrap();
    ann.sync().unwrap();
    let mut bob = Device::open(&two, 2, Some(&server));
    bob.sync().unwrap();
    ann.write(&delete("a")).unwrap();
    ann.sync().unwrap();
    let edit = bob.write(&update("a", r#""title":"late""#)).unwrap();
    bob.sync().unwrap();
    assert_eq!(bob.titles(), []);
    let entries = bob.take_notices("entry");
    let accepted = entries
        .iter()
        .find(|notice| notice.get("discarded").is_some())
        .unwrap();
    assert_eq!(accepted.get("entry"), edit.get("entry"));
    bob.write(&film("a", "Aliens")).unwrap();
    bob.sync().unwrap();
    ann.sync().unwrap();
    assert_eq!(
        (ann.titles(), bob.titles()),
        (vec![pair("a", "Aliens")], vec![pair("a", "Aliens")])
    );
}

#[test]
fn a_refused_write_leaves_the_screen_and_stays_in_the_outbox_with_its_content() {
    let server = Server::default();
    let (one, two) = (Machine::default(), Machine::default());
    let mut ann = Device::open(&one, 1, Some(&server));
    ann.write(&film("a", "Ann's")).unwrap();
    ann.sync().unwrap();
    let mut bob = Device::open(&two, 2, None);
    bob.write(&film("a", "Bob's")).unwrap();
    bob.write(&film("b", "Other")).unwrap();
    drop(bob);
    let mut bob = Device::open(&two, 2, Some(&server));
    bob.sync().unwrap();
    assert_eq!(bob.titles(), [pair("a", "Ann's"), pair("b", "Other")]);
    let rows = bob.rows(r#"{"from":"$outbox"}"#);
    let row = rows[0].as_list().unwrap();
    assert_eq!(
        (rows.len(), &row[1], &row[4]),
        (1, &Value::text("rejected"), &Value::text("exists"))
    );
    let content = json::to_text(&row[8]);
    assert!(content.contains("Bob's"), "{content}");
    let entry = row[0].as_str().unwrap().trim_start_matches('0').to_string();
    bob.ask(&format!(r#""kind":"retry","entry":{entry}"#))
        .unwrap();
    bob.sync().unwrap();
    assert_eq!(bob.outbox(), ["rejected"]);
    let rows = bob.rows(r#"{"from":"$outbox"}"#);
    let entry = rows[0].as_list().unwrap()[0]
        .as_str()
        .unwrap()
        .trim_start_matches('0')
        .to_string();
    bob.ask(&format!(r#""kind":"discard","entry":{entry}"#))
        .unwrap();
    assert_eq!(bob.outbox(), [] as [String; 0]);
    assert_eq!(
        code(bob.ask(&format!(r#""kind":"discard","entry":{entry}"#))),
        "no_entry"
    );
}

#[test]
fn a_transaction_larger_than_a_frame_arrives_whole() {
    let server = Server::default();
    let (one, two) = (Machine::default(), Machine::default());
    let mut ann = Device::open(&one, 1, Some(&server));
    let body = "x".repeat(2_000);
    let ops: Vec<String> = (0..2_000)
        .map(|n| film(&format!("f{n:04}"), &body))
        .collect();
    ann.write(&ops.join(",")).unwrap();
    ann.sync().unwrap();
    assert_eq!(ann.outbox(), [] as [String; 0]);
    let mut bob = Device::open(&two, 2, Some(&server));
    bob.sync().unwrap();
    assert_eq!(bob.titles().len(), 2_000);
    assert!(*server.longest.borrow() <= 1 << 20);
}

#[test]
fn the_same_seed_on_two_devices_merges_and_never_beats_an_edit() {
    let server = Server::default();
    let (one, two) = (Machine::default(), Machine::default());
    let seed = r#"{"op":"seed","collection":"films","id":"s","fields":{"title":"Seed"}}"#;
    let mut ann = Device::open(&one, 1, None);
    ann.write(seed).unwrap();
    ann.write(&update("s", r#""title":"Edited""#)).unwrap();
    drop(ann);
    let mut ann = Device::open(&one, 1, Some(&server));
    ann.sync().unwrap();
    let mut bob = Device::open(&two, 2, None);
    bob.write(seed).unwrap();
    drop(bob);
    let mut bob = Device::open(&two, 2, Some(&server));
    bob.sync().unwrap();
    ann.sync().unwrap();
    assert_eq!(ann.titles(), [pair("s", "Edited")]);
    assert_eq!(bob.titles(), [pair("s", "Edited")]);
    assert_eq!(bob.outbox(), [] as [String; 0]);
}

#[test]
fn local_fields_and_collections_never_leave_and_are_kept() {
    let server = Server::default();
    let (one, two) = (Machine::default(), Machine::default());
    let mut ann = Device::open(&one, 1, Some(&server));
    ann.write(&film("a", "Alien")).unwrap();
    ann.write(&update("a", r#""seen":true"#)).unwrap();
    ann.write(r#"{"op":"insert","collection":"notes","id":"n","fields":{"text":"mine"}}"#)
        .unwrap();
    ann.sync().unwrap();
    ann.write(&update("a", r#""title":"Aliens""#)).unwrap();
    ann.sync().unwrap();
    assert_eq!(
        ann.rows(r#"{"from":"films"}"#)[0].as_list().unwrap()[6],
        Value::Bool(true)
    );
    assert_eq!(ann.rows(r#"{"from":"notes"}"#).len(), 1);
    let mut bob = Device::open(&two, 2, Some(&server));
    bob.sync().unwrap();
    assert_eq!(
        bob.rows(r#"{"from":"films"}"#)[0].as_list().unwrap()[6],
        Value::Bool(false)
    );
    assert_eq!(bob.rows(r#"{"from":"notes"}"#).len(), 0);
}

#[test]
fn a_device_whose_clock_is_a_year_ahead_stamps_anew_and_goes_on() {
    let server = Server::default();
    let (one, two) = (Machine::default(), Machine::default());
    let mut ann = Device::new(&one, 1, None);
    ann.time.set_wall_ms(NOW_MS + 365 * 86_400_000);
    ann.ask_open(false).unwrap();
    ann.write(&film("a", "Alien")).unwrap();
    ann.write(&update("a", r#""title":"Aliens""#)).unwrap();
    drop(ann);
    let mut ann = Device::new(&one, 1, Some(&server));
    ann.time.set_wall_ms(NOW_MS + 365 * 86_400_000);
    ann.ask_open(true).unwrap();
    ann.sync().unwrap();
    assert_eq!(ann.outbox(), [] as [String; 0]);
    let mut bob = Device::open(&two, 2, Some(&server));
    bob.sync().unwrap();
    bob.write(&update("a", r#""title":"Later""#)).unwrap();
    bob.sync().unwrap();
    ann.sync().unwrap();
    assert_eq!(ann.titles(), [pair("a", "Later")]);
}

#[test]
fn a_server_that_lost_everything_gets_it_from_the_outbox_and_the_rest_goes() {
    let server = Server::default();
    let one = Machine::default();
    let mut ann = Device::open(&one, 1, Some(&server));
    ann.write(&film("a", "Alien")).unwrap();
    ann.sync().unwrap();
    drop(ann);
    server.reset();
    let mut ann = Device::open(&one, 1, None);
    ann.write(&film("b", "Brazil")).unwrap();
    drop(ann);
    let mut ann = Device::open(&one, 1, Some(&server));
    ann.sync().unwrap();
    assert_eq!(ann.titles(), [pair("b", "Brazil")]);
    assert_eq!(ann.outbox(), [] as [String; 0]);
}

#[test]
fn a_second_tab_is_told_who_has_the_database() {
    let machine = Machine::default();
    let first = Device::open(&machine, 1, None);
    let mut second = Device::new(&machine, 2, None);
    let number = second.send(&format!(
        r#""kind":"open","name":"test","schema":{},"durability":"strict""#,
        device::SCHEMA
    ));
    let mut first = first;
    first.run();
    second.run();
    second.advance(1_900);
    assert_eq!(second.reply(number), None);
    second.advance(200);
    let reply = second.reply(number).unwrap();
    assert_eq!(
        reply.get("error").unwrap().get("code"),
        Some(&Value::text("database_in_use"))
    );
    drop(first);
    second.ask_open(false).unwrap();
}

#[test]
fn a_frame_that_is_no_message_is_refused_and_the_session_goes_on() {
    let server = Server::default();
    let machine = Machine::default();
    let mut ann = Device::open(&machine, 1, Some(&server));
    ann.sync().unwrap();
    ann.frame("{\"kind\":\"page\"");
    ann.frame("{\"kind\":\"nonsense\"}");
    let status = ann.take_notices("status").pop().unwrap();
    let reason = status
        .get("status")
        .unwrap()
        .get("sync")
        .unwrap()
        .get("reason")
        .unwrap()
        .clone();
    assert!(
        reason.as_str().unwrap().contains("unknown_kind"),
        "{reason:?}"
    );
    ann.write(&film("a", "Alien")).unwrap();
    ann.sync().unwrap();
    assert_eq!(ann.outbox(), [] as [String; 0]);
}

#[test]
fn a_damaged_store_opens_for_reading_and_its_documents_can_be_taken_out() {
    let machine = Machine::default();
    let mut device = Device::open(&machine, 1, None);
    for (id, title) in [("a", "Alien"), ("b", "Brazil"), ("c", "Casablanca")] {
        device.write(&film(id, title)).unwrap();
    }
    drop(device);
    machine.damage("Brazil");
    let mut device = Device::new(&machine, 2, None);
    let status = device.ask_open(false).unwrap();
    let storage = status
        .get("status")
        .unwrap()
        .get("storage")
        .unwrap()
        .clone();
    assert_eq!(storage.get("state"), Some(&Value::text("damaged")));
    assert_eq!(code(device.write(&film("d", "Dune"))), "storage_damaged");
    let ok = device.ask(r#""kind":"export","after":null"#).unwrap();
    let lines = json::to_text(ok.get("lines").unwrap());
    assert!(
        lines.contains("Alien") && !lines.contains("Brazil"),
        "{lines}"
    );
}

#[test]
fn names_like_proto_are_plain_data() {
    let machine = Machine::default();
    let mut device = Device::open(&machine, 1, None);
    let fields = r#""title":"x","extra":{"__proto__":{"polluted":1},"constructor":2,"$":"bytes"}"#;
    let fields = fields.replace(r#","$":"bytes""#, "");
    device
        .write(&format!(
            r#"{{"op":"insert","collection":"films","id":"__proto__","fields":{{{fields}}}}}"#
        ))
        .unwrap();
    let rows = device.rows(r#"{"from":"films"}"#);
    let row = rows[0].as_list().unwrap();
    assert_eq!(row[0], Value::text("__proto__"));
    assert_eq!(
        row[5].get("__proto__").unwrap().get("polluted"),
        Some(&Value::int(1))
    );
}
