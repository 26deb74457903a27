//! Workloads over the shipped engine, natively. Answers are checked before a time is printed.
//!
//! `cargo run --release -p holm-bench -- [documents]` prints one JSON line per workload. It
//! measures the engine alone: no browser, no storage but memory, no network.
//!
//! `cargo run --release -p holm-bench -- --documents N` fills a database in files, flushed, and
//! prints what opening, reading, memory and disk are with so many documents.

mod live;
mod stored;

use peak_alloc::PeakAlloc;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// A name and numbers as a line of JSON.
fn print(name: &str, documents: usize, facts: &[(&str, f64)]) {
    let facts: String = facts
        .iter()
        .map(|(name, number)| format!(",\"{name}\":{number:.3}"))
        .collect();
    println!("{{\"workload\":\"{name}\",\"documents\":{documents}{facts}}}");
}

/// A name and the times of its runs as a line of JSON.
fn print_times(name: &str, documents: usize, times_ms: &[f64]) {
    let mut sorted = times_ms.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let place = (sorted.len() as f64 * share) as usize;
        sorted.get(place).copied().unwrap_or(0.0)
    };
    let facts = [
        ("runs", sorted.len() as f64),
        ("p50_ms", at(0.5)),
        ("p95_ms", at(0.95)),
    ];
    print(name, documents, &facts);
}

/// The number in this place of the command line.
fn number(place: usize) -> Option<usize> {
    std::env::args().nth(place)?.parse().ok()
}

fn main() {
    if std::env::args().nth(1).as_deref() == Some("--documents") {
        stored::run(number(2).expect("--documents is followed by a number"));
    } else {
        live::run(number(1).unwrap_or(10_000));
    }
}
