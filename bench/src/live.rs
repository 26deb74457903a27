//! Writing, reading and a live query, in memory.

use crate::print_times;
use holm_bench::device::{Device, Setup};
use holm_bench::issues::{self, Kind};
use std::time::{Duration, Instant};

/// Every document.
const ALL: &str = r#"{"from":"issues"}"#;
/// Updates that are timed one by one.
const UPDATES: usize = 200;

/// All of them, with so many documents.
pub fn run(documents: usize) {
    let mut device = Device::open(&Setup {
        schema: issues::schema(Kind::Sent, ""),
        ..Setup::default()
    });
    insert(&mut device, documents);
    read_all(&mut device, documents);
    live(&mut device, documents);
}

/// Inserts in transactions of 500, until each is saved.
fn insert(device: &mut Device, documents: usize) {
    let mut took = Duration::ZERO;
    for from in (0..documents).step_by(500) {
        let to = documents.min(from + 500);
        let ops: Vec<String> = (from..to).map(issues::insert).collect();
        let ops = ops.join(",");
        let began = Instant::now();
        device.write(&ops);
        took += began.elapsed();
    }
    assert_eq!(device.ids(ALL).len(), documents, "all documents are there");
    print_times("W2 insert", documents, &[took.as_secs_f64() * 1e3]);
}

/// Reads every document as the bytes that go to the page.
fn read_all(device: &mut Device, documents: usize) {
    let mut times = Vec::new();
    for _ in 0..5 {
        let began = Instant::now();
        let bytes = device.get(ALL);
        times.push(began.elapsed().as_secs_f64() * 1e3);
        assert!(bytes.len() > documents * 200, "all documents are read");
    }
    print_times("W7 get all", documents, &times);
}

/// One live window of fifty; each update moves a document into it.
fn live(device: &mut Device, documents: usize) {
    let query = r#"{"from":"issues","where":{"op":"and","args":[
        {"op":"=","field":"status","value":"open"},{"op":">=","field":"priority","value":2}]},
        "orderBy":[["updatedAt","desc"]],"limit":50}"#;
    let began = Instant::now();
    let mut list = device.subscribe(query);
    print_times(
        "W4 subscribe",
        documents,
        &[began.elapsed().as_secs_f64() * 1e3],
    );
    let mut times = Vec::new();
    for nth in 0..UPDATES {
        let op = issues::update(nth * 7 % documents, nth);
        let began = Instant::now();
        device.write(&op);
        times.push(began.elapsed().as_secs_f64() * 1e3);
        device.apply_patches(&mut list);
        assert_eq!(
            list,
            device.ids(query),
            "the list moved by patches is the query's answer"
        );
    }
    print_times("W4 update", documents, &times);
}
