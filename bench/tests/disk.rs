//! What lies on disk: compacted, with an empty outbox and three indexes, at most 1.3 bytes for each
//! byte of the documents as JSON; and what is written until then.

use holm_bench::device::{DATABASE, Device, Setup};
use holm_bench::folder::Folder;
use holm_bench::issues::{self, INDEXES, Kind};
use holm_bench::scan::Reading;
use holm_bench::server::Server;
use std::io::Write;

const DOCUMENTS: usize = 20_000;
const BATCH: usize = 500;
/// After so many batches a device is brought in step.
const SYNCED_EVERY: usize = 4;
const BYTES_PER_BYTE_MAX: f64 = 1.3;
/// Most that is written to runs for a byte of the user's.
const AMPLIFICATION_MAX: f64 = 10.0;

/// Past the capture of what passing tests print: these are figures.
fn tell(line: &str) {
    let told = writeln!(std::io::stderr(), "{line}");
    told.expect("somebody listens");
}

/// A database in files.
struct Filled {
    what: &'static str,
    folder: Folder,
    setup: Setup,
    device: Device,
}

impl Filled {
    fn new(what: &'static str, kind: Kind, server: Option<Server>) -> Self {
        let folder = Folder::new(what);
        let setup = Setup {
            schema: issues::schema(kind, INDEXES),
            folder: Some(folder.path().to_owned()),
            server,
            ..Setup::default()
        };
        let device = Device::open(&setup);
        let mut filled = Self {
            what,
            folder,
            setup,
            device,
        };
        filled.write(issues::insert);
        filled
    }

    /// Writes once to each document.
    fn write(&mut self, make: impl Fn(usize) -> String) {
        for (nth, from) in (0..DOCUMENTS).step_by(BATCH).enumerate() {
            let ops: Vec<String> = (from..from + BATCH).map(&make).collect();
            self.device.write(&ops.join(","));
            if self.setup.server.is_some() && (nth + 1).is_multiple_of(SYNCED_EVERY) {
                self.device.sync();
            }
        }
    }

    /// Closes it, tells what it takes, and gives the bytes on disk for each byte of JSON.
    fn bytes_per_byte(mut self) -> f64 {
        let what = self.what;
        let outbox = self.device.ids(r#"{"from":"$outbox"}"#);
        assert_eq!(outbox.len(), 0, "it is empty");
        assert_eq!(self.device.export(), DOCUMENTS);
        drop(self.device);
        let json: usize = (0..DOCUMENTS).map(|nth| issues::document(nth).len()).sum();
        let of_json = |bytes: u64| bytes as f64 / json as f64;
        let (bytes, written) = (self.folder.bytes(DATABASE), self.setup.calls.so_far());
        let (each, of_each) = (bytes as usize / DOCUMENTS, json / DOCUMENTS);
        tell(&format!(
            "{what}: {each} bytes on disk for a document of {of_each} bytes of JSON"
        ));
        let bytes = of_json(bytes);
        let [all, runs] = [written.bytes_written, written.run_bytes_written].map(of_json);
        tell(&format!(
            "{what}: for each byte of JSON {bytes:.2} on disk, {all:.2} written, {runs:.2} to runs"
        ));
        let mut store = Reading::open(self.folder.path(), self.setup.calls.clone());
        for (table, pairs, bytes) in store.tables() {
            tell(&format!(
                "{what}: table {table}: {pairs} pairs, {bytes} bytes"
            ));
        }
        assert!(runs <= AMPLIFICATION_MAX);
        bytes
    }
}

#[test]
fn documents_of_this_device_take_little_more_than_their_json() {
    let bytes = Filled::new("local", Kind::Local, None).bytes_per_byte();
    assert!(bytes <= BYTES_PER_BYTE_MAX, "{bytes:.2}");
}

#[test]
fn documents_that_the_server_has_take_little_more_than_their_json() {
    let filled = Filled::new("synchronised", Kind::Sent, Some(Server::default()));
    let bytes = filled.bytes_per_byte();
    assert!(bytes <= BYTES_PER_BYTE_MAX, "{bytes:.2}");
}

/// What was replaced stays until its run is merged, which is when half as much is newer.
#[test]
fn documents_that_were_changed_take_at_most_twice_as_much() {
    let mut filled = Filled::new("changed", Kind::Local, None);
    for round in 0..3 {
        filled.write(|nth| issues::update(nth, round));
    }
    let bytes = filled.bytes_per_byte();
    assert!(bytes <= 2.0 * BYTES_PER_BYTE_MAX, "{bytes:.2}");
}
