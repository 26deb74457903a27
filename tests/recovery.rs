//! What goes on after something unusual: an export in pieces, a wrong clock, signing out and in
//! again, closing in the middle of a write, lost names of fields. Most were found by the simulator.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, dead_code)]

#[path = "engine/device.rs"]
mod device;

use device::{Device, Machine, NOW_MS, Server};
use holm::doc::value::Value;

fn film(id: &str, title: &str) -> String {
    format!(r#"{{"op":"insert","collection":"films","id":"{id}","fields":{{"title":"{title}"}}}}"#)
}

fn retitle(id: &str, title: &str) -> String {
    format!(r#"{{"op":"update","collection":"films","id":"{id}","fields":{{"title":"{title}"}}}}"#)
}

#[test]
fn an_export_goes_on_where_it_stopped() {
    let machine = Machine::default();
    let mut device = Device::open(&machine, 1, None);
    let title = "x".repeat(200 << 10);
    for id in ["a", "b", "c", "d", "e"] {
        device.write(&film(id, &title)).unwrap();
    }
    let (mut after, mut ids, mut pieces) = ("null".to_string(), Vec::new(), 0);
    while after != "done" {
        let ok = device
            .ask(&format!(r#""kind":"export","after":{after}"#))
            .unwrap();
        let lines = ok.get("lines").and_then(Value::as_list).unwrap().iter();
        let lines = lines
            .filter_map(Value::as_str)
            .filter(|line| !line.contains("$outbox"));
        ids.extend(lines.map(|line| line.split(r#""id":""#).nth(1).unwrap()[..1].to_string()));
        let next = ok.get("next").and_then(Value::as_str);
        after = next.map_or("done".into(), |next| format!("\"{next}\""));
        pieces += 1;
    }
    assert_eq!(ids, ["a", "b", "c", "d", "e"]);
    assert!(pieces > 1, "it was one piece");
}

#[test]
fn a_write_discarded_unsent_with_a_wrong_clock_does_not_stop_those_that_saw_it() {
    let (machine, server) = (Machine::default(), Server::default());
    let mut device = Device::open(&machine, 1, Some(&server));
    device.write(&film("a", "Alien")).unwrap();
    device.sync().unwrap();
    device
        .ask(r#""kind":"network","online":false,"visible":true"#)
        .unwrap();
    device.time.set_wall_ms(NOW_MS + 365 * 86_400_000);
    let first = device.write(&retitle("a", "first")).unwrap();
    device.write(&retitle("a", "second")).unwrap();
    let entry = first.get("entry").and_then(Value::as_u64).unwrap();
    device
        .ask(&format!(r#""kind":"discard","entry":{entry}"#))
        .unwrap();
    device.time.set_wall_ms(NOW_MS + 365 * 86_400_000);
    device
        .ask(r#""kind":"network","online":true,"visible":true"#)
        .unwrap();
    device.sync().unwrap();
    assert_eq!(device.outbox(), Vec::<String>::new());
    assert_eq!(device.titles(), [("a".to_string(), "second".to_string())]);
}

#[test]
fn who_signs_out_and_in_again_is_synced_again() {
    let (machine, server) = (Machine::default(), Server::default());
    let mut device = Device::open(&machine, 1, Some(&server));
    device.sync().unwrap();
    device.ask(r#""kind":"token","token":null"#).unwrap();
    device.write(&film("a", "Alien")).unwrap();
    assert_eq!(device.outbox(), ["queued"]);
    device.ask(r#""kind":"token","token":"demo""#).unwrap();
    device.sync().unwrap();
    assert_eq!(device.outbox(), Vec::<String>::new());
}

#[test]
fn closing_in_the_middle_of_a_write_answers_the_write_first() {
    let machine = Machine::default();
    let mut device = Device::open(&machine, 1, None);
    let write = format!(r#""kind":"write","ops":[{}]"#, film("a", "Alien"));
    device.send_as(100, &format!(r#"{write}}},{{"number":101,"kind":"close""#));
    assert!(device.reply(100).unwrap().get("ok").is_some());
    assert!(device.reply(101).unwrap().get("ok").is_some());
    let mut again = Device::open(&machine, 2, None);
    assert_eq!(again.titles().len(), 1);
}

#[test]
fn a_damaged_database_gives_no_value_under_another_fields_name() {
    let machine = Machine::default();
    let mut device = Device::open(&machine, 1, None);
    device.write(&film("a", "Alien")).unwrap();
    device.ask(r#""kind":"close""#).unwrap();
    let mut device = Device::new(&machine, 2, None);
    let year = r#"{"name":"year","kind":"string","nullable":true},"#;
    let title = r#"{"name":"title""#;
    device.schema = device::SCHEMA.replace(title, &[year, title].concat());
    device.ask_open(false).unwrap();
    device.write(&film("b", "Brazil")).unwrap();
    device.ask(r#""kind":"close""#).unwrap();
    let schema = device.schema.clone();
    // The first record that names the field gives the numbers of the first schema's fields.
    let log = machine.disk.names("test").remove(0);
    let mut content = machine.disk.content("test", &log).unwrap();
    let at = content.windows(5).position(|window| window == b"title");
    content[at.unwrap()] ^= 1;
    machine.disk.set_content("test", &log, content);
    let mut device = Device::new(&machine, 3, None);
    device.schema = schema;
    device.ask_open(false).unwrap();
    let ok = device.ask(r#""kind":"export""#).unwrap();
    let lines = ok.get("lines").and_then(Value::as_list).unwrap().iter();
    let lines = lines.filter_map(Value::as_str);
    let lines: Vec<&str> = lines.filter(|line| !line.contains("$outbox")).collect();
    assert_eq!(lines.len(), 2);
    for (line, title) in lines.iter().zip(["Alien", "Brazil"]) {
        assert!(line.contains(&format!(r#""?0":"{title}""#)), "{line}");
        assert!(!line.contains(r#""title""#), "{line}");
    }
}
