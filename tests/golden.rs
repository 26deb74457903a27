//! Golden files: databases that an earlier release wrote, of every version of the format. Each is
//! read for ever, and written to like any other.
//!
//! They are written once, by `cargo run -p holm-sim -- golden FOLDER`.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, dead_code)]

#[path = "engine/device.rs"]
mod device;

use device::{Device, Machine};
use holm::doc::json;
use holm::event::Event;
use holm::platform::disk::{Access, Files};
use holm::platform::inbox::Inbox;
use holm::platform::torn::TornDisk;
use holm::store::{Batch, Direction, Recovery, Sizes, Store};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::ops::ControlFlow;
use std::path::PathBuf;

const DATABASE: &str = "test";

fn folders() -> Vec<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let inside = |path: PathBuf| {
        fs::read_dir(path)
            .unwrap()
            .map(|entry| entry.unwrap().path())
    };
    let mut folders: Vec<PathBuf> = inside(root).flat_map(inside).collect();
    folders.sort();
    folders
}

/// A disk with the files of a folder, and what is said to be in them.
fn disk_of(folder: &PathBuf) -> (TornDisk, BTreeMap<String, String>) {
    let (disk, mut listings) = (TornDisk::new(), BTreeMap::new());
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if name.starts_with("expected") {
            listings.insert(name.to_string(), fs::read_to_string(&path).unwrap());
        } else {
            disk.set_content(DATABASE, name, fs::read(&path).unwrap());
        }
    }
    assert!(
        !disk.names(DATABASE).is_empty(),
        "{} has no files",
        folder.display()
    );
    (disk, listings)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// All pairs of the store on this disk, after one more was put if it is given.
fn pairs(disk: &TornDisk, put: Option<(&[u8], &[u8])>) -> String {
    let inbox = Inbox::default();
    let mut files = disk.files(inbox.clone());
    files.list(DATABASE, Access::Alone);
    let Some(Event::Listed { files: listed, .. }) = inbox.pop() else {
        panic!("no answer")
    };
    let mut recovery = Recovery::read(&mut files, &listed.unwrap(), Sizes::default()).unwrap();
    assert_eq!(recovery.report(), &holm::store::Report::default());
    files.make(&recovery.file_to_make().unwrap());
    let Some(Event::FileReady { result, .. }) = inbox.pop() else {
        panic!("no answer")
    };
    let begun = recovery.begin(&mut files, result.unwrap());
    let mut store: Store = begun.unwrap_or_else(|error| panic!("{error:?}"));
    if let Some((key, value)) = put {
        let mut batch = Batch::new();
        batch.put(key.to_vec(), value.to_vec());
        store.commit(&mut files, batch).unwrap();
    }
    let mut listing = String::new();
    let visit = &mut |key: &[u8], value: &[u8]| {
        writeln!(listing, "{} {}", hex(key), hex(value)).unwrap();
        ControlFlow::Continue(())
    };
    let (from, to) = (&[][..], &[0xff; 9][..]);
    store
        .scan(&mut files, from, to, Direction::Forward, visit)
        .unwrap();
    listing
}

#[test]
fn stores_of_every_version_are_read_pair_by_pair_and_written_to() {
    let mut read = 0;
    for folder in folders() {
        let (disk, listings) = disk_of(&folder);
        let Some(expected) = listings.get("expected.txt") else {
            continue;
        };
        assert_eq!(&pairs(&disk, None), expected, "{}", folder.display());
        let more = pairs(&disk, Some((&[0xfe], b"new")));
        assert_eq!(
            more,
            format!("{expected}fe 6e6577\n"),
            "{}",
            folder.display()
        );
        assert_eq!(
            pairs(&disk, None),
            more,
            "{} after another opening",
            folder.display()
        );
        read += 1;
    }
    assert!(read >= 3, "only {read} stores");
}

#[test]
fn documents_and_outboxes_of_every_version_are_read_row_by_row() {
    let mut rows_read = 0;
    for folder in folders() {
        let (disk, listings) = disk_of(&folder);
        let Some(expected) = listings.get("expected.ndjson") else {
            continue;
        };
        let mut lines = expected
            .lines()
            .map(|line| json::read(line.as_bytes()).unwrap());
        let open = lines.next().unwrap();
        let request = &open.get("requests").unwrap().as_list().unwrap()[0];
        let machine = Machine {
            disk,
            ..Machine::default()
        };
        let mut device = Device::new(&machine, 1, None);
        device.schema = json::to_text(request.get("schema").unwrap());
        device.ask_open(false).unwrap();
        for line in lines {
            let query = json::to_text(line.get("query").unwrap());
            let rows = line.get("rows").unwrap().as_list().unwrap();
            assert_eq!(device.rows(&query), rows, "{} {query}", folder.display());
            rows_read += rows.len();
        }
    }
    assert!(rows_read >= 15, "only {rows_read} rows");
}
