//! A database in files: what so many documents cost to write, open, read and keep.

use crate::{HEAP, print, print_times};
use holm::store::Direction;
use holm_bench::device::{DATABASE, Device, Setup};
use holm_bench::folder::Folder;
use holm_bench::issues::{self, INDEXES, Kind};
use holm_bench::scan::Reading;
use std::time::Instant;

/// Documents of a transaction.
const BATCH: usize = 500;
const OPENINGS: usize = 7;
const GETS: usize = 500;
/// Rows of an answer.
const LIMIT: usize = 50;

/// All of them, with so many documents.
pub fn run(documents: usize) {
    let folder = Folder::new("stored");
    let setup = Setup {
        schema: issues::schema(Kind::Local, INDEXES),
        folder: Some(folder.path().to_owned()),
        ..Setup::default()
    };
    let json: usize = (0..documents).map(|nth| issues::document(nth).len()).sum();
    write(&setup, documents, json as f64);
    keep(&folder, documents, json as f64);
    open(&setup, documents);
    get(&setup, documents);
    scan(&setup, documents);
}

fn ms_since(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1e3
}

fn mib(bytes: usize) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// Inserts in transactions of 500, each flushed, merging included.
fn write(setup: &Setup, documents: usize, json: f64) {
    let mut device = Device::open(setup);
    setup.calls.take();
    HEAP.reset_peak_usage();
    let mut took = 0.0;
    for from in (0..documents).step_by(BATCH) {
        let to = documents.min(from + BATCH);
        let ops: Vec<String> = (from..to).map(issues::insert).collect();
        let ops = ops.join(",");
        let began = Instant::now();
        device.write(&ops);
        took += ms_since(began);
    }
    let written = setup.calls.take();
    let facts = [
        ("all_ms", took),
        ("documents_per_second", documents as f64 / took * 1e3),
        (
            "written_per_byte_of_json",
            written.bytes_written as f64 / json,
        ),
        (
            "to_runs_per_byte_of_json",
            written.run_bytes_written as f64 / json,
        ),
        ("heap_peak_mib", mib(HEAP.peak_usage())),
    ];
    print("insert", documents, &facts);
}

/// What lies on disk when all work is done.
fn keep(folder: &Folder, documents: usize, json: f64) {
    let bytes = folder.bytes(DATABASE) as f64;
    let facts = [
        ("bytes_per_document", bytes / documents as f64),
        ("json_per_document", json / documents as f64),
        ("bytes_per_byte_of_json", bytes / json),
    ];
    print("disk", documents, &facts);
}

fn open(setup: &Setup, documents: usize) {
    let (mut times, mut heap) = (Vec::new(), 0);
    setup.calls.take();
    for _ in 0..OPENINGS {
        let before = HEAP.current_usage();
        let began = Instant::now();
        let device = Device::open(setup);
        times.push(ms_since(began));
        heap = HEAP.current_usage() - before;
        drop(device);
    }
    print_times("open", documents, &times);
    let counted = setup.calls.take();
    let each = |count: u64| count as f64 / OPENINGS as f64;
    let facts = [
        ("reads", each(counted.reads)),
        ("bytes_read", each(counted.bytes_read)),
        ("heap_open_and_idle_mib", mib(heap)),
    ];
    print("opening", documents, &facts);
}

/// Single documents by id, then fifty by an index, here and there.
fn get(setup: &Setup, documents: usize) {
    let mut device = Device::open(setup);
    let (mut by_id, mut by_index) = (Vec::new(), Vec::new());
    for round in 0..GETS {
        let nth = round * 7_919 % documents;
        let id = issues::id(nth);
        let query =
            format!(r#"{{"from":"issues","where":{{"op":"=","field":"id","value":"{id}"}}}}"#);
        let began = Instant::now();
        let bytes = device.get(&query);
        by_id.push(ms_since(began));
        assert!(bytes.len() > 200, "the document is there");
    }
    for person in 0..100 {
        let query = format!(
            r#"{{"from":"issues","where":{{"op":"=","field":"assigneeId","value":"u{person}"}},
            "limit":{LIMIT}}}"#
        );
        let began = Instant::now();
        let bytes = device.get(&query);
        by_index.push(ms_since(began));
        assert!(documents < 10_000 || bytes.len() > 1_000, "there are some");
    }
    print_times("get one by id", documents, &by_id);
    print_times("get fifty by an index", documents, &by_index);
    print(
        "heap with a full cache",
        documents,
        &[("heap_mib", mib(HEAP.current_usage()))],
    );
}

/// Every pair of the store, indexes included, both ways.
fn scan(setup: &Setup, documents: usize) {
    let folder = setup.folder.as_ref().expect("it is in files");
    let mut store = Reading::open(folder, setup.calls.clone());
    let mut found = Vec::new();
    for (name, direction) in [
        ("scan forward", Direction::Forward),
        ("scan backward", Direction::Backward),
    ] {
        HEAP.reset_peak_usage();
        let began = Instant::now();
        let (pairs, bytes) = store.scan(direction);
        let took = ms_since(began);
        let facts = [
            ("all_ms", took),
            ("pairs", pairs as f64),
            ("pairs_per_second", pairs as f64 / took * 1e3),
            ("heap_peak_mib", mib(HEAP.peak_usage())),
        ];
        print(name, documents, &facts);
        found.push((pairs, bytes));
    }
    assert_eq!(found.first(), found.last(), "both ways find the same");
    for (table, pairs, bytes) in store.tables() {
        let facts = [("pairs", pairs as f64), ("bytes", bytes as f64)];
        print(&format!("table {table}"), documents, &facts);
    }
}
