//! Workloads over the shipped engine, natively and in memory. Answers are checked before a time is
//! printed.
//!
//! `cargo run --release -p holm-bench -- [documents]` prints one JSON line per workload. It
//! measures the engine alone: no browser, no storage but memory, no network. Figures of browsers
//! and rivals are to come beside it.

mod device;
mod issues;

use device::Device;
use std::time::{Duration, Instant};

/// Every document.
const ALL: &str = r#"{"from":"issues"}"#;
/// Updates that are timed one by one.
const UPDATES: usize = 200;

fn main() {
    let documents = std::env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(10_000);
    let mut device = Device::open();
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
    print("W2 insert", documents, &[took.as_secs_f64() * 1e3]);
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
    print("W7 get all", documents, &times);
}

/// One live window of fifty; each update moves a document into it.
fn live(device: &mut Device, documents: usize) {
    let query = r#"{"from":"issues","where":{"op":"and","args":[
        {"op":"=","field":"status","value":"open"},{"op":">=","field":"priority","value":2}]},
        "orderBy":[["updatedAt","desc"]],"limit":50}"#;
    let began = Instant::now();
    let mut list = device.subscribe(query);
    print(
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
    print("W4 update", documents, &times);
}

fn print(name: &str, documents: usize, times_ms: &[f64]) {
    let mut sorted = times_ms.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |share: f64| {
        sorted
            .get((sorted.len() as f64 * share) as usize)
            .copied()
            .unwrap_or(0.0)
    };
    println!(
        "{{\"workload\":\"{name}\",\"documents\":{documents},\"runs\":{},\
         \"p50_ms\":{:.3},\"p95_ms\":{:.3}}}",
        sorted.len(),
        at(0.5),
        at(0.95)
    );
}
