//! A database does not live in memory: with ten times as much data as blocks are cached, and more
//! files than memory, the heap stays within the cache and eight megabytes.
//!
//! A program of its own, since the heap is the whole process's.

use holm::store::{Direction, Sizes};
use holm_bench::device::{Device, Setup};
use holm_bench::folder::Folder;
use holm_bench::issues::{self, INDEXES, Kind};
use holm_bench::scan::Reading;
use peak_alloc::PeakAlloc;
use std::io::Write;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// Beside the cache.
const REST_BYTES: usize = 8_000_000;
/// Sentences of a body, so that a document has about 1,200 bytes.
const SENTENCES: usize = 17;
const BATCH: usize = 100;
/// Most that is written to runs for a byte of the user's.
const AMPLIFICATION_MAX: f64 = 10.0;

/// The heap at the beginning, which is the test's own.
struct Scale {
    zero: usize,
}

impl Scale {
    /// Does something and tells what the heap's peak was meanwhile, which must be within the bound.
    fn weigh<T>(&self, during: &str, act: impl FnOnce() -> T) -> T {
        HEAP.reset_peak_usage();
        let done = act();
        let peak = HEAP.peak_usage() - self.zero;
        tell(&format!("heap at most {} KiB while {during}", peak >> 10));
        let bound = Sizes::default().cache_bytes + REST_BYTES;
        assert!(peak <= bound, "{peak} bytes while {during}");
        done
    }

    fn now(&self) -> usize {
        HEAP.current_usage() - self.zero
    }
}

/// Past the capture of what passing tests print: these are figures.
fn tell(line: &str) {
    let told = writeln!(std::io::stderr(), "{line}");
    told.expect("somebody listens");
}

fn write(device: &mut Device, count: usize, make: impl Fn(usize) -> String) {
    for from in (0..count).step_by(BATCH) {
        let ops: Vec<String> = (from..count.min(from + BATCH)).map(&make).collect();
        device.write(&ops.join(","));
    }
}

/// What was written since it was last asked for, of logs and runs and of runs alone, must be few
/// bytes for each of these.
fn check_written(setup: &Setup, bytes: usize) {
    let written = setup.calls.take();
    let for_each = |count: u64| count as f64 / bytes as f64;
    let (all, runs) = (
        for_each(written.bytes_written),
        for_each(written.run_bytes_written),
    );
    tell(&format!(
        "{all:.2} bytes written for each of the user's, {runs:.2} of them to runs"
    ));
    assert!(runs <= AMPLIFICATION_MAX);
}

fn read_one_by_one(device: &mut Device, documents: usize) {
    for nth in 0..2_000 {
        let id = issues::id(nth * 7_919 % documents);
        let by_id = format!(r#"{{"op":"=","field":"id","value":"{id}"}}"#);
        let found = device.get(&format!(r#"{{"from":"issues","where":{by_id}}}"#));
        assert!(found.len() > 1_000, "{id} is there");
    }
}

#[test]
fn the_heap_stays_within_the_cache_and_eight_megabytes() {
    let folder = Folder::new("heap");
    let setup = Setup {
        schema: issues::schema(Kind::Local, INDEXES),
        folder: Some(folder.path().to_owned()),
        ..Setup::default()
    };
    let each = issues::document_long(0, SENTENCES).len();
    let documents = 10 * Sizes::default().cache_bytes / each;
    let scale = Scale {
        zero: HEAP.current_usage(),
    };
    let mut device = Device::open(&setup);
    let empty = scale.now() >> 10;
    tell(&format!("heap of an empty database: {empty} KiB"));
    setup.calls.take();
    scale.weigh("inserting", || {
        write(&mut device, documents, |nth| {
            issues::insert_long(nth, SENTENCES)
        });
    });
    tell(&format!("{documents} documents of {each} bytes of JSON"));
    check_written(&setup, documents * each);
    scale.weigh("updating", || {
        write(&mut device, documents / 10, |nth| {
            issues::update(nth * 7, nth)
        });
    });
    let exported = scale.weigh("exporting", || device.export());
    assert_eq!(exported, documents);
    scale.weigh("reading one by one", || {
        read_one_by_one(&mut device, documents);
    });
    drop(device);

    let device = scale.weigh("opening", || Device::open(&setup));
    let idle = scale.now();
    tell(&format!(
        "heap of an open, idle database: {} KiB",
        idle >> 10
    ));
    assert!(idle <= REST_BYTES);
    drop(device);
    let mut store = Reading::open(folder.path(), setup.calls.clone());
    let scan = |direction| scale.weigh("scanning", || store.scan(direction));
    let found: Vec<_> = [Direction::Forward, Direction::Backward].map(scan).into();
    assert_eq!(found.first(), found.last());
    drop(store);

    // Without a connection nobody asks what is in the outbox.
    let folder = Folder::new("heap-queued");
    let setup = Setup {
        schema: issues::schema(Kind::Sent, INDEXES),
        folder: Some(folder.path().to_owned()),
        ..Setup::default()
    };
    let mut device = Device::open(&setup);
    scale.weigh("queueing in a new database", || {
        write(&mut device, documents / 5, |nth| {
            issues::insert_long(nth, SENTENCES)
        });
    });
}
