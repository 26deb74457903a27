//! Indexes: the same answers with them as without, whatever was written, while they are built and
//! after the schema has changed.

use crate::device::{Device, Machine, Server};
use holm::doc::json;
use holm::doc::value::Value;
use holm::platform::memory::SeededEntropy;

/// A schema of films with these fields indexed, and these compound indexes.
fn schema(indexed: &[&str], compound: &str) -> String {
    let field = |name: &str, rest: &str| {
        let index = indexed.contains(&name);
        format!(r#"{{"name":"{name}","index":{index},{rest}}}"#)
    };
    let fields = [
        field("title", r#""kind":"string""#),
        field("year", r#""kind":"int","nullable":true"#),
        field("rating", r#""kind":"float","nullable":true"#),
        field("genre", r#""kind":"string","default":"drama""#),
        field("seen", r#""kind":"bool","default":false,"local":true"#),
    ];
    let fields = fields.join(",");
    let films = format!(r#"{{"fields":[{fields}],"indexes":[{compound}]}}"#);
    format!(r#"{{"version":1,"collections":{{"films":{films}}}}}"#)
}

fn open(machine: &Machine, tab: u64, schema: &str, server: Option<&Server>) -> Device {
    let mut device = Device::new(machine, tab, server);
    device.schema = schema.into();
    device.waits.set(true);
    device.ask_open(server.is_some()).expect("it opens");
    device
}

fn pick<'a>(random: &mut SeededEntropy, from: &[&'a str]) -> &'a str {
    from[random.below(from.len())]
}

/// Writes of a transaction; some are refused, which is the same with and without indexes.
fn operations(random: &mut SeededEntropy) -> String {
    let mut ops = Vec::new();
    for _ in 0..=random.below(3) {
        let id = random.below(60);
        let year = pick(random, &["null", "1970", "1971", "-3", "1972"]);
        let rating = pick(random, &["null", "0.5", "7", "7.25"]);
        let genre = pick(random, &["drama", "dram", "horror", ""]);
        let fields = match random.below(4) {
            0 => format!(r#""year":{year}"#),
            1 => format!(r#""seen":{},"rating":{rating}"#, random.below(2) == 0),
            _ => format!(r#""title":"t","year":{year},"rating":{rating},"genre":"{genre}""#),
        };
        let op = pick(random, &["insert", "upsert", "upsert", "update", "delete"]);
        let fields = if op == "delete" {
            String::new()
        } else {
            fields
        };
        ops.push(format!(
            r#"{{"op":"{op}","collection":"films","id":"f{id}","fields":{{{fields}}}}}"#
        ));
    }
    ops.join(",")
}

fn condition(random: &mut SeededEntropy) -> String {
    let relation = pick(random, &["=", "=", "!=", "<", "<=", ">", ">="]);
    match random.below(7) {
        0 => format!(
            r#"{{"op":"{relation}","field":"year","value":{}}}"#,
            1969 + random.below(4)
        ),
        1 => format!(
            r#"{{"op":"{relation}","field":"genre","value":"dram{}"}}"#,
            ["a", ""][random.below(2)]
        ),
        2 => format!(
            r#"{{"op":"{relation}","field":"rating","value":{}}}"#,
            ["0.5", "7"][random.below(2)]
        ),
        3 => r#"{"op":"in","field":"genre","values":["horror","drama",""]}"#.into(),
        4 => format!(
            r#"{{"op":"is null","field":"{}"}}"#,
            ["year", "rating"][random.below(2)]
        ),
        5 => format!(
            r#"{{"op":"{relation}","field":"id","value":"f{}"}}"#,
            random.below(60)
        ),
        _ => format!(
            r#"{{"op":"=","field":"seen","value":{}}}"#,
            random.below(2) == 0
        ),
    }
}

fn query(random: &mut SeededEntropy) -> String {
    let mut parts: Vec<_> = (0..=random.below(3)).map(|_| condition(random)).collect();
    let place = match parts.len() {
        1 => parts.remove(0),
        _ => format!(
            r#"{{"op":"{}","args":[{}]}}"#,
            ["and", "and", "or"][random.below(3)],
            parts.join(",")
        ),
    };
    let limit = ["", r#","limit":3"#][random.below(2)];
    format!(r#"{{"from":"films","where":{place},"orderBy":[["rating","desc"]]{limit}}}"#)
}

/// How many answers had some rows, but not all.
fn compare(random: &mut SeededEntropy, indexed: &mut Device, plain: &mut Device) -> usize {
    let all = plain.rows(r#"{"from":"films"}"#).len();
    let mut telling = 0;
    for _ in 0..6 {
        let query = query(random);
        let (with, without) = (indexed.rows(&query), plain.rows(&query));
        assert_eq!(with, without, "{query}");
        telling += usize::from(!with.is_empty() && with.len() < all);
    }
    telling
}

fn indexing(device: &mut Device) -> u64 {
    let status = device.take_notices("status").pop();
    let status = status.expect("the status was told");
    let storage = status
        .get("status")
        .and_then(|status| status.get("storage"));
    let indexing = storage.and_then(|storage| storage.get("indexing"));
    indexing.and_then(Value::as_u64).expect("it is a number")
}

/// What checking everything stored gives: records, and those that are not as they must be.
fn checked(device: &mut Device) -> (u64, u64) {
    let (mut from, mut sum) = (String::new(), (0, 0));
    loop {
        let ok = device.ask(&format!(r#""kind":"check","from":"{from}""#));
        let ok = ok.expect("everything can be read");
        let number = |name: &str| ok.get(name).and_then(Value::as_u64).expect("it is there");
        sum = (sum.0 + number("checked"), sum.1 + number("faults"));
        match ok.get("next").and_then(Value::as_str) {
            Some(next) => from = next.into(),
            None => return sum,
        }
    }
}

const COMPOUND: &str = r#"["genre","year"],["year","rating","genre"]"#;

/// Schemas that a database is opened with one after the other.
fn schemas() -> [String; 4] {
    [
        schema(&["year"], ""),
        schema(&["year", "genre", "seen"], COMPOUND),
        schema(&["rating"], COMPOUND),
        schema(&[], ""),
    ]
}

#[test]
fn answers_are_the_same_with_indexes_as_without() {
    let mut telling = 0;
    for seed in 0..12 {
        let mut random = SeededEntropy::new(seed);
        let (one, other) = (Machine::default(), Machine::default());
        let mut plain = open(&other, 1, &schema(&[], ""), None);
        for (opening, schema) in schemas().iter().enumerate() {
            let mut indexed = open(&one, opening as u64 + 1, schema, None);
            for step in 0..40 {
                let ops = operations(&mut random);
                let (with, without) = (indexed.write(&ops), plain.write(&ops));
                assert_eq!(with.is_ok(), without.is_ok(), "{ops}");
                if step % 5 == 0 {
                    indexed.advance(1);
                }
                telling += compare(&mut random, &mut indexed, &mut plain);
            }
            let (records, faults) = checked(&mut indexed);
            assert!(records > 10 && faults == 0, "{faults} of {records}");
        }
    }
    assert!(telling > 4_000, "only {telling} telling answers");
}

#[test]
fn a_new_database_has_its_indexes_at_once() {
    let machine = Machine::default();
    for tab in 1..=2 {
        let mut device = open(&machine, tab, &schema(&["year"], ""), None);
        assert_eq!(indexing(&mut device), 0);
        let fields = r#"{"title":"t","year":3}"#;
        let op = r#"{"op":"insert","collection":"films""#;
        let op = format!(r#"{op},"id":"{tab}","fields":{fields}}}"#);
        device.write(&op).expect("it is new");
        let query = r#"{"from":"films","where":{"op":"=","field":"year","value":3}}"#;
        assert_eq!(device.rows(query).len(), tab as usize);
        assert_eq!(checked(&mut device).1, 0, "nothing is wrong");
    }
}

#[test]
fn an_index_is_built_between_requests_and_told_of() {
    let machine = Machine::default();
    let mut before = open(&machine, 1, &schema(&[], ""), None);
    for from in (0..2_000).step_by(200) {
        let insert = |id| {
            let fields = format!(r#"{{"title":"t","year":{}}}"#, id % 7);
            format!(r#"{{"op":"insert","collection":"films","id":"{id:04}","fields":{fields}}}"#)
        };
        let ops: Vec<String> = (from..from + 200).map(insert).collect();
        before.write(&ops.join(",")).expect("they are new");
    }
    drop(before);
    let mut device = open(&machine, 2, &schema(&["year"], ""), None);
    assert_eq!(indexing(&mut device), 1, "it takes several slices");
    let query = r#"{"from":"films","where":{"op":"=","field":"year","value":3}}"#;
    assert_eq!(
        device.rows(query).len(),
        286,
        "it is not needed for answers"
    );
    // What is written in between is in the index, whichever part of it is built already.
    for id in ["0003", "1999"] {
        let delete = format!(r#"{{"op":"delete","collection":"films","id":"{id}"}}"#);
        device.write(&delete).expect("it is there");
    }
    for _ in 0..30 {
        device.advance(1);
    }
    assert_eq!(indexing(&mut device), 0);
    assert_eq!(device.rows(query).len(), 285);
    drop(device);
    let mut again = open(&machine, 3, &schema(&["year"], ""), None);
    assert_eq!(indexing(&mut again), 0, "it is built once");
    assert_eq!(again.rows(query).len(), 285);
}

#[test]
fn pulled_documents_are_in_the_index() {
    let server = Server::default();
    let schema = schema(&["year"], COMPOUND);
    let (one, other) = (Machine::default(), Machine::default());
    let mut writer = open(&one, 1, &schema, Some(&server));
    let mut reader = open(&other, 2, &schema, Some(&server));
    for _ in 0..5 {
        reader.advance(1);
    }
    assert_eq!(indexing(&mut reader), 0);
    let of = |year: u32| {
        format!(r#"{{"from":"films","where":{{"op":"=","field":"year","value":{year}}}}}"#)
    };
    let film = |op: &str, year: u32| {
        let fields = format!(r#"{{"title":"Alien","year":{year}}}"#);
        format!(r#"{{"op":"{op}","collection":"films","id":"a","fields":{fields}}}"#)
    };
    writer.write(&film("insert", 1979)).expect("it is new");
    writer.sync().expect("there is a server");
    reader.sync().expect("there is a server");
    let expected = json::read(br#"["a","Alien",1979,null,"drama",false]"#).expect("it is JSON");
    assert_eq!(reader.rows(&of(1979)), [expected]);
    writer.write(&film("update", 1980)).expect("it is there");
    writer.sync().expect("there is a server");
    reader.sync().expect("there is a server");
    assert_eq!(
        (reader.rows(&of(1979)).len(), reader.rows(&of(1980)).len()),
        (0, 1)
    );
    assert_eq!(checked(&mut reader).1, 0);
}

/// A document without its entry, as a bug would leave it.
#[cfg(feature = "planted")]
#[test]
fn a_check_finds_what_an_index_lacks_and_it_is_built_anew() {
    let server = Server::default();
    let schema = schema(&["year"], "");
    let (one, other) = (Machine::default(), Machine::default());
    let mut writer = open(&one, 1, &schema, Some(&server));
    let mut reader = open(&other, 2, &schema, Some(&server));
    reader.advance(1);
    let film = r#"{"op":"insert","collection":"films","id":"a","fields":{"title":"A","year":7}}"#;
    writer.write(film).expect("it is new");
    writer.sync().expect("there is a server");
    holm::planted::choose("index_rebased_not_indexed");
    reader.sync().expect("there is a server");
    holm::planted::choose("");
    let query = r#"{"from":"films","where":{"op":"=","field":"year","value":7}}"#;
    assert_eq!(reader.rows(query).len(), 0, "the entry is missing");
    assert_eq!(checked(&mut reader).1, 1);
    reader.advance(1);
    assert_eq!(reader.rows(query).len(), 1);
    assert_eq!(checked(&mut reader).1, 0);
}

/// Bugs that these tests must catch (`docs/PLANTED.md`).
#[cfg(feature = "planted")]
#[test]
fn every_planted_bug_is_caught() {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    let suites: [fn(); 3] = [
        answers_are_the_same_with_indexes_as_without,
        an_index_is_built_between_requests_and_told_of,
        pulled_documents_are_in_the_index,
    ];
    for bug in [
        "index_end_left_out",
        "index_read_unready",
        "index_rebased_not_indexed",
    ] {
        holm::planted::choose(bug);
        let mut suites = suites.iter();
        let is_caught = suites.any(|suite| catch_unwind(AssertUnwindSafe(suite)).is_err());
        holm::planted::choose("");
        assert!(is_caught, "{bug}");
    }
}
