//! First rows of an order: read from an index as far as they are wanted, and live while rows come
//! and go at the end of the list and behind it.

use crate::device::{Device, Machine};
use holm::doc::value::Value;
use holm::platform::memory::SeededEntropy;
use std::collections::{BTreeMap, BTreeSet};

/// A schema of films; `indexes` are compound ones.
fn schema(indexes: &str) -> String {
    let films = format!(
        r#"{{"local":true,"fields":[{},{},{}],"indexes":[{indexes}]}}"#,
        r#"{"name":"genre","kind":"string"}"#,
        r#"{"name":"year","kind":"int","nullable":true}"#,
        r#"{"name":"title","kind":"string"}"#,
    );
    format!(r#"{{"version":1,"collections":{{"films":{films}}}}}"#)
}

fn open(machine: &Machine, indexes: &str) -> Device {
    let mut device = Device::new(machine, 1, None);
    device.schema = schema(indexes);
    device.ask_open(false).expect("it opens");
    device
}

/// Live lists as a page has them, by subscription.
type Lists = BTreeMap<u64, Vec<Value>>;

fn members<'a>(notice: &'a Value, name: &str) -> &'a [Value] {
    let list = notice.get(name).and_then(Value::as_list);
    list.expect("a patch has all its members")
}

fn pair(value: &Value) -> (usize, &Value) {
    let [at, second] = value.as_list().expect("it is a pair") else {
        panic!("not a pair: {value:?}")
    };
    (at.as_u64().expect("a place") as usize, second)
}

/// Moves the lists by what has come.
fn hear(device: &mut Device, lists: &mut Lists) -> usize {
    let results = device.take_notices("result");
    let patches = device.take_notices("patch");
    let name = |notice: &Value| notice.get("subscription").and_then(Value::as_u64).unwrap();
    for result in results {
        lists.insert(name(&result), members(&result, "rows").to_vec());
    }
    let mut came = 0;
    for patch in &patches {
        let list = lists.get_mut(&name(patch)).expect("it has its result");
        let mut gone: Vec<usize> = Vec::new();
        gone.extend(
            members(patch, "removes")
                .iter()
                .map(|at| at.as_u64().unwrap() as usize),
        );
        let moves = members(patch, "moves").iter().map(pair);
        let mut placed = Vec::new();
        for (from, to) in moves {
            gone.push(from);
            placed.push((to.as_u64().unwrap() as usize, list[from].clone()));
        }
        let inserts = members(patch, "inserts").iter().map(pair);
        placed.extend(inserts.map(|(at, row)| (at, row.clone())));
        came += placed.len();
        gone.sort_unstable();
        for at in gone.into_iter().rev() {
            list.remove(at);
        }
        placed.sort_by_key(|(at, _)| *at);
        for (at, row) in placed {
            list.insert(at, row);
        }
        for (at, columns) in members(patch, "updates").iter().map(pair) {
            let Value::List(row) = &mut list[at] else {
                panic!("a row is a list")
            };
            for (column, value) in columns.as_list().unwrap().iter().map(pair) {
                row[column] = value.clone();
            }
        }
    }
    came
}

const INDEXES: &str = r#"["genre","year"],["year","title"],["title"]"#;

/// Lists whose rows an index has in order, or that at least look so.
const QUERIES: [&str; 21] = [
    r#""where":{"op":"=","field":"genre","value":"drama"},"orderBy":[["year","desc"]],"limit":7"#,
    r#""where":{"op":"=","field":"genre","value":"drama"},"limit":4,
        "orderBy":[["genre","desc"],["year","asc"]]"#,
    r#""orderBy":[["year","asc"],["title","asc"]],"limit":5"#,
    r#""orderBy":[["year","desc"],["title","asc"]],"limit":5"#,
    r#""orderBy":[["title","desc"]],"limit":6"#,
    r#""where":{"op":">","field":"year","value":4},"orderBy":[["year","asc"]],"limit":3"#,
    r#""where":{"op":"=","field":"title","value":"t2"},"orderBy":[["year","asc"]],"limit":3"#,
    r#""limit":8"#,
    r#""orderBy":[["id","desc"]],"limit":2"#,
    r#""where":{"op":"=","field":"genre","value":"drama"},"orderBy":[["year","desc"]],
        "after":[5,"f200"],"limit":4"#,
    r#""orderBy":[["year","asc"],["title","asc"]],"after":[null,"t2","f1"],"limit":5"#,
    r#""orderBy":[["year","desc"],["title","asc"]],"after":[3,"t2","f1"],"limit":5"#,
    r#""orderBy":[["title","asc"]],"after":["LONG4","f200"],"limit":6"#,
    r#""orderBy":[["title","desc"]],"after":["LONG4","f200"],"limit":6"#,
    r#""orderBy":[["genre","asc"],["year","asc"]],"after":["comedy",8,"f9"],"limit":6,
        "where":{"op":"in","field":"genre","values":["drama","comedy"]}"#,
    r#""after":["f30"],"limit":8"#,
    r#""orderBy":[["id","desc"]],"after":["f30","f30"],"offset":1,"limit":5"#,
    r#""where":{"op":"prefix","field":"title","value":"t1"},"orderBy":[["title","asc"]],
        "offset":2,"limit":5"#,
    r#""where":{"op":"like","field":"title","value":"LONG%"},"offset":3,"limit":9"#,
    r#""where":{"op":"prefix","field":"id","value":"f1"},"offset":3"#,
    r#""where":{"op":"between","field":"year","values":[3,5]},"orderBy":[["year","desc"]],
        "offset":4,"limit":4"#,
];

fn query(nth: usize) -> String {
    let members = QUERIES[nth].replace("LONG", &long());
    format!(r#"{{"from":"films",{members}}}"#)
}

/// More than a key of an index has of a value.
fn long() -> String {
    "x".repeat(300)
}

/// A transaction of some documents. Titles are alike beyond what a key of an index has of them.
fn operations(
    random: &mut SeededEntropy,
    there: &mut BTreeSet<usize>,
    (count, deletes): (usize, usize),
) -> String {
    let long = long();
    let ops = (0..count).map(|_| {
        let id = random.below(400);
        if random.below(100) < deletes {
            let last = there.range(..=id).next_back().or(there.first()).copied();
            let id = last.unwrap_or(id);
            if !there.remove(&id) {
                return String::new();
            }
            return format!(r#"{{"op":"delete","collection":"films","id":"f{id}"}}"#);
        }
        there.insert(id);
        let genre = ["drama", "comedy"][random.below(2)];
        let year = ["null", "1", "2", "3", "4", "5", "6", "7", "8", "9"][random.below(10)];
        let title = match random.below(3) {
            0 => format!("{long}{}", random.below(9)),
            _ => format!("t{}", random.below(40)),
        };
        let fields = format!(r#"{{"genre":"{genre}","year":{year},"title":"{title}"}}"#);
        format!(r#"{{"op":"upsert","collection":"films","id":"f{id}","fields":{fields}}}"#)
    });
    let ops: Vec<_> = ops.filter(|op| !op.is_empty()).collect();
    ops.join(",")
}

#[test]
fn first_rows_are_the_same_from_an_index_and_stay_so() {
    let mut came = 0;
    for seed in 0..4 {
        let mut random = SeededEntropy::new(seed);
        let (one, other) = (Machine::default(), Machine::default());
        let (mut indexed, mut plain) = (open(&one, INDEXES), open(&other, ""));
        let (mut lists, mut there) = (Lists::new(), BTreeSet::new());
        for step in 0..80 {
            // The collection grows at once, and shrinks for a while.
            let share = if step % 8 == 0 { (300, 3) } else { (50, 90) };
            let ops = operations(&mut random, &mut there, share);
            indexed.write(&ops).expect("it is written");
            plain.write(&ops).expect("it is written");
            if step < QUERIES.len() {
                let ask = format!(
                    r#""kind":"subscribe","subscription":{step},"query":{}"#,
                    query(step)
                );
                indexed.ask(&ask).expect("the query is good");
            }
            came += hear(&mut indexed, &mut lists);
            for nth in 0..QUERIES.len() {
                let expected = plain.rows(&query(nth));
                assert_eq!(indexed.rows(&query(nth)), expected, "get {}", query(nth));
                if let Some(list) = lists.get(&(nth as u64)) {
                    assert_eq!(*list, expected, "live {}, step {step}", query(nth));
                }
            }
        }
    }
    assert!(came > 3_000, "only {came} rows have come");
}

#[test]
fn a_query_explains_itself() {
    let machine = Machine::default();
    let mut device = open(&machine, INDEXES);
    let mut random = SeededEntropy::new(1);
    let ops = operations(&mut random, &mut BTreeSet::new(), (300, 0));
    device.write(&ops).expect("it is written");
    let mut explain = |query: &str| {
        let answer = device.ask(&format!(r#""kind":"explain","query":{query}"#));
        let answer = answer.expect("the query is good");
        let text = answer.get("text").and_then(Value::as_str);
        text.expect("there is a text").to_owned()
    };
    let films = |members: &str| format!(r#"{{"from":"films",{members}}}"#);
    for (members, lines) in [
        (
            QUERIES[0],
            [
                "films: the index (genre fixed, year), about ",
                "in order, until enough match",
                "routed by genre",
            ],
        ),
        (
            r#""where":{"op":"between","field":"year","values":[3,3]}"#,
            [
                "films: the index (year in a range, title), about ",
                "all, and sorts what matches",
                "visits every commit to films",
            ],
        ),
        (
            r#""where":{"op":"contains","field":"title","value":"x"}"#,
            [
                "films: documents (id), about ",
                "all, and sorts what matches",
                "visits every commit to films",
            ],
        ),
        (
            r#""where":{"op":"=","field":"id","value":"f7"}"#,
            [
                "films: documents (id fixed), about ",
                "all, and sorts what matches",
                "routed by id",
            ],
        ),
    ] {
        let text = explain(&films(members));
        assert_eq!(text.lines().count(), 3, "{text}");
        for (line, begin) in text.lines().zip(lines) {
            assert!(line.starts_with(begin), "{text}");
        }
    }
}

/// Bugs that these tests must catch (`docs/PLANTED.md`).
#[cfg(feature = "planted")]
#[test]
fn every_planted_bug_is_caught() {
    for bug in [
        "index_order_without_ties",
        "index_order_past_a_cut",
        "index_cursor_past_a_cut",
        "query_skip_moves_nothing",
        "query_window_not_fed",
        "query_window_takes_from_beyond",
    ] {
        holm::planted::choose(bug);
        let is_caught =
            std::panic::catch_unwind(first_rows_are_the_same_from_an_index_and_stay_so).is_err();
        holm::planted::choose("");
        assert!(is_caught, "{bug}");
    }
}
