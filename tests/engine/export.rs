//! Taking documents out and putting them into another device, as the client does it.

use super::device::{Device, Machine, Server, code};
use holm::doc::json;
use holm::doc::value::Value;
use std::fmt::Write as _;

/// All lines of an export, in slices; and what was counted before.
fn export(device: &mut Device) -> (Vec<Value>, u64) {
    let (mut lines, mut slices) = (Vec::new(), 0);
    let mut count = 0;
    for is_counted in [true, false] {
        let mut after = "null".to_string();
        loop {
            let member = if is_counted { r#","count":true"# } else { "" };
            let ok = device
                .ask(&format!(r#""kind":"export","after":{after}{member}"#))
                .unwrap();
            count += ok.get("count").and_then(Value::as_u64).unwrap();
            let some = ok.get("lines").and_then(Value::as_list).unwrap();
            assert!(
                !is_counted || some.is_empty(),
                "what is counted is not given"
            );
            lines.extend_from_slice(some);
            slices += usize::from(!is_counted);
            let Some(next) = ok.get("next").and_then(Value::as_str) else {
                break;
            };
            after = format!("\"{next}\"");
        }
    }
    assert!(slices > 2, "the export is cut into slices");
    let read = |line: &Value| json::read(line.as_str().unwrap().as_bytes()).unwrap();
    (lines.iter().map(read).collect(), count)
}

fn is_document(line: &Value) -> bool {
    line.get("collection").and_then(Value::as_str) != Some("$outbox")
}

/// The line as an operation of an import.
fn upsert(line: &Value) -> String {
    let mut op = r#"{"op":"upsert""#.to_string();
    for name in ["collection", "id", "fields"] {
        let member = json::to_text(line.get(name).unwrap());
        write!(op, r#","{name}":{member}"#).unwrap();
    }
    op + "}"
}

/// Many documents of every kind of value, some of them changed and deleted again.
fn fill(device: &mut Device) {
    for batch in 0..12 {
        let mut ops = Vec::new();
        for n in 0..100 {
            let id = batch * 100 + n;
            let text = "\u{3c0}\\\"\\n".repeat(100 + n % 7);
            ops.push(format!(
                r#"{{"op":"insert","collection":"films","id":"f{id}","fields":{{
                "title":"{text}{id}",
                "rating":{rating},"genre":"Comedy","poster":{{"$":"bytes","v":"AAEC"}},
                "extra":{{"$":"map","v":{{"$":[null,true,{id}]}}}},"seen":true}}}}"#,
                rating = if n % 2 == 0 { "null" } else { "1.5e-7" },
            ));
        }
        ops.push(format!(
            r#"{{"op":"insert","collection":"notes","id":"n{batch}","fields":{{"text":""}}}}"#
        ));
        device.write(&ops.join(",")).unwrap();
    }
    let update = r#"{"op":"update","collection":"films","id":"f7","fields":{"poster":null}}"#;
    let delete = r#"{"op":"delete","collection":"films","id":"f8"}"#;
    device.write(&format!("{update},{delete}")).unwrap();
}

#[test]
fn what_is_taken_out_and_put_in_again_is_the_same() {
    let (one, other) = (Machine::default(), Machine::default());
    let server = Server::default();
    let mut from = Device::open(&one, 1, None);
    fill(&mut from);
    let (lines, count) = export(&mut from);
    assert_eq!(lines.len() as u64, count, "the outbox is counted too");
    let documents: Vec<&Value> = lines.iter().filter(|line| is_document(line)).collect();
    assert_eq!(documents.len(), 1_199 + 12);

    let mut to = Device::open(&other, 2, Some(&server));
    for batch in documents.chunks(90) {
        let ops: Vec<String> = batch.iter().map(|line| upsert(line)).collect();
        to.write(&ops.join(",")).unwrap();
    }
    let query = |collection: &str| format!(r#"{{"from":"{collection}"}}"#);
    for collection in ["films", "notes"] {
        let rows = to.rows(&query(collection));
        assert_eq!(rows, from.rows(&query(collection)), "{collection}");
    }
    let (again, _) = export(&mut to);
    let again: Vec<&Value> = again.iter().filter(|line| is_document(line)).collect();
    assert_eq!(again, documents);

    // They travel like any write; what is local stays.
    to.sync().unwrap();
    let third = Machine::default();
    let mut third = Device::open(&third, 3, Some(&server));
    third.sync().unwrap();
    assert_eq!(third.rows(&query("films")).len(), 1_199);
    assert_eq!(third.rows(&query("notes")).len(), 0);
}

#[test]
fn what_is_put_in_twice_is_there_once_and_others_stay() {
    let machine = Machine::default();
    let mut device = Device::open(&machine, 1, None);
    let line = r#"{"op":"upsert","collection":"films","id":"a","fields":{"title":"x"}}"#;
    let mine = r#"{"op":"insert","collection":"films","id":"a","fields":{"title":"y","rating":3}}"#;
    device.write(mine).unwrap();
    for _ in 0..2 {
        device.write(line).unwrap();
    }
    let rows = device.rows(r#"{"from":"films"}"#);
    let expected = br#"["a","x",3,"Drama",null,{},false]"#;
    assert_eq!(rows, [json::read(expected).unwrap()]);
}

/// The lines of an export that keeps its state, while `meanwhile` is done between its slices.
fn export_kept(device: &mut Device, mut meanwhile: impl FnMut(&mut Device, usize)) -> Vec<Value> {
    let transaction = device.send(r#""kind":"begin""#);
    let (mut lines, mut after) = (Vec::new(), "null".to_string());
    for slice in 0.. {
        let members = format!(r#""transaction":{transaction},"after":{after}"#);
        let ok = device
            .ask(&format!(r#""kind":"export",{members}"#))
            .unwrap();
        lines.extend_from_slice(ok.get("lines").and_then(Value::as_list).unwrap());
        let Some(next) = ok.get("next").and_then(Value::as_str) else {
            break;
        };
        after = format!("\"{next}\"");
        meanwhile(device, slice);
    }
    device
        .ask(&format!(r#""kind":"abort","transaction":{transaction}"#))
        .unwrap();
    lines
}

#[test]
fn an_export_shows_one_moment_whatever_is_written_meanwhile() {
    let machine = Machine::default();
    let mut device = Device::open(&machine, 1, None);
    fill(&mut device);
    let (before, _) = export(&mut device);
    let text = "x".repeat(100_000);
    let lines = export_kept(&mut device, |device, slice| {
        let update = |n| {
            format!(r#"{{"op":"update","collection":"films","id":"f{n}","fields":{{"rating":9}}}}"#)
        };
        let ops: Vec<String> = (100..1_200).step_by(7).map(update).collect();
        device.write(&ops.join(",")).unwrap();
        let delete = r#"{"op":"delete","collection":"notes","id":"n3"}"#;
        device.write(delete).unwrap_or_default();
        // Enough for runs to be made and merged.
        for n in 0..30 {
            let fields = format!(r#""id":"z{slice}-{n}","fields":{{"text":"{text}"}}"#);
            let insert = format!(r#"{{"op":"insert","collection":"notes",{fields}}}"#);
            device.write(&insert).unwrap();
        }
    });
    let read = |line: &Value| json::read(line.as_str().unwrap().as_bytes()).unwrap();
    let lines: Vec<Value> = lines.iter().map(read).collect();
    assert!(lines == before, "{} lines of {}", lines.len(), before.len());
    let (after, _) = export(&mut device);
    assert!(after != before, "the writes came through");
}

#[test]
fn an_export_whose_state_is_gone_says_so() {
    let machine = Machine::default();
    let mut device = Device::open(&machine, 1, None);
    fill(&mut device);
    let refused = device.ask(r#""kind":"export","transaction":77,"after":null"#);
    assert_eq!(code(refused), "no_transaction");
}
