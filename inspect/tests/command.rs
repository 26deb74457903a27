//! The command over folders that the engine wrote: whole, torn, damaged, and not a database.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, dead_code)]

#[path = "../../tests/engine/device.rs"]
mod device;

use device::{Device, Machine, Server};
use holm::event::Event;
use holm::ids::EntryId;
use holm::platform::disk::{Access, Files};
use holm::platform::inbox::Inbox;
use holm::store::{Batch, Direction, Recovery, Sizes};
use holm::txn::table;
use std::fs;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::Command;

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("holm-inspect-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    /// What a device has written, as files.
    fn of(name: &str, machine: &Machine) -> Self {
        let folder = Self::new(name);
        for file in machine.disk.names("test") {
            let content = machine.disk.content("test", &file).unwrap();
            fs::write(folder.0.join(file), content).unwrap();
        }
        folder
    }

    fn names(&self, start: &str) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| name.starts_with(start)).collect();
        names.sort();
        names
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut content = fs::read(self.0.join(name)).unwrap();
        change(&mut content);
        fs::write(self.0.join(name), content).unwrap();
    }

    /// Names, contents and times of change.
    fn state(&self) -> Vec<(String, Vec<u8>, std::time::SystemTime)> {
        let state = self.names("").into_iter().map(|name| {
            let path = self.0.join(&name);
            let changed = fs::metadata(&path).unwrap().modified().unwrap();
            (name, fs::read(path).unwrap(), changed)
        });
        state.collect()
    }

    /// Runs the command; gives the exit code, stdout and stderr. It must change nothing.
    fn run(&self, command: &str, rest: &[&str]) -> (i32, String, String) {
        let before = self.state();
        let ended = self.start(command, rest);
        assert!(before == self.state(), "{command} changed the folder");
        ended
    }

    fn start(&self, command: &str, rest: &[&str]) -> (i32, String, String) {
        let mut process = Command::new(env!("CARGO_BIN_EXE_holm-inspect"));
        let output = process.arg(command).arg(&self.0).args(rest).output();
        let output = output.unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let code = output.status.code().unwrap();
        (code, text(output.stdout), text(output.stderr))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn film(id: usize, title: &str) -> String {
    let rating = id % 10;
    let fields = format!(r#"{{"title":"{title}","rating":{rating}}}"#);
    format!(r#"{{"op":"insert","collection":"films","id":"{id:05}","fields":{fields}}}"#)
}

/// A device with some films, one of them deleted, and a queued outbox.
fn written(machine: &Machine, films: usize) -> Device {
    let mut device = Device::open(machine, 1, None);
    for id in 0..films {
        device.write(&film(id, &format!("film {id}"))).unwrap();
    }
    let update =
        r#"{"op":"update","collection":"films","id":"00001","fields":{"title":"changed"}}"#;
    device.write(update).unwrap();
    let delete = r#"{"op":"delete","collection":"films","id":"00002"}"#;
    device.write(delete).unwrap();
    device
}

/// So much that a part of it is in runs.
fn large(machine: &Machine) -> Device {
    let mut device = Device::open(machine, 1, None);
    let filler = "x".repeat(2_000);
    for some in 0..60 {
        let films: Vec<String> = (0..50)
            .map(|film_id| film(some * 50 + film_id, &format!("film {filler}")))
            .collect();
        device.write(&films.join(",")).unwrap();
        device.advance(10);
    }
    for _ in 0..200 {
        device.advance(10);
    }
    device
}

/// What the engine itself exports, in the order in which it does.
fn exported(device: &mut Device) -> Vec<String> {
    let (mut after, mut lines) = ("null".to_string(), Vec::new());
    while after != "done" {
        let ask = format!(r#""kind":"export","after":{after}"#);
        let ok = device.ask(&ask).unwrap();
        let some = ok.get("lines").and_then(|lines| lines.as_list()).unwrap();
        lines.extend(some.iter().map(|line| line.as_str().unwrap().to_string()));
        let next = ok.get("next").and_then(|next| next.as_str());
        after = next.map_or("done".into(), |next| format!("\"{next}\""));
    }
    lines
}

#[test]
fn a_dump_is_what_the_engine_exports() {
    let machine = Machine::default();
    let mut device = written(&machine, 20);
    let folder = Folder::of("dump", &machine);
    let (code, documents, errors) = folder.run("dump", &[]);
    assert_eq!((code, errors.as_str()), (0, ""));
    let (code, outbox, _) = folder.run("dump", &["--table", "outbox"]);
    assert_eq!(code, 0);
    let lines: Vec<&str> = documents.lines().chain(outbox.lines()).collect();
    assert_eq!(lines, exported(&mut device));
    assert_eq!(lines.len(), 19 + 22);
    let (_, notes, _) = folder.run("dump", &["--collection", "notes"]);
    assert_eq!(notes, "");
}

#[test]
fn a_dump_of_all_says_stamps_deletes_bases_indexes_and_single_records() {
    let machine = Machine::default();
    let server = Server::default();
    let mut device = Device::open(&machine, 1, Some(&server));
    device.write(&film(1, "Alien")).unwrap();
    device.sync().unwrap();
    device
        .ask(r#""kind":"network","online":false,"visible":true"#)
        .unwrap();
    let delete = r#"{"op":"delete","collection":"films","id":"00001"}"#;
    device.write(delete).unwrap();
    device.write(&film(2, "Aliens")).unwrap();
    let folder = Folder::of("all", &machine);
    assert_eq!(folder.run("check", &[]).0, 0);
    let (_, all, _) = folder.run("dump", &["--table", "all"]);
    for part in [
        r#""id":"00001","life":2"#,
        r#""index":""#,
        r#""name":"link","table":"single","value":{"#,
        r#""table":"base"#,
        r#""table":"dictionary""#,
        r#""table":"outbox""#,
    ] {
        assert!(all.contains(part), "{part} is not in\n{all}");
    }
    assert!(!all.contains("Hex"), "{all}");
    let (_, base, _) = folder.run("dump", &["--table", "base"]);
    assert!(base.contains("Alien") && base.contains(r#""id":"00002","life":0"#));
}

#[test]
fn a_list_says_what_there_is() {
    let machine = Machine::default();
    drop(written(&machine, 20));
    let folder = Folder::of("list", &machine);
    fs::write(folder.0.join("home-opfs-0"), "").unwrap();
    let (code, text, _) = folder.run("list", &[]);
    assert_eq!(code, 0);
    for part in [
        "the newest log",
        "home-opfs-0  where the database lives",
        "films  19 documents, 1 deleted",
        "queued  22",
        "19 entries, ready",
        r#""nextEntry":23"#,
        "replica",
        "no damage",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
}

#[test]
fn a_whole_database_is_whole_with_runs_too() {
    for (name, files) in [("small", 1), ("large", 3)] {
        let machine = Machine::default();
        let device = match name {
            "small" => written(&machine, 20),
            _ => large(&machine),
        };
        let folder = Folder::of(name, &machine);
        assert!(folder.names("").len() >= files);
        let (code, text, errors) = folder.run("check", &[]);
        assert_eq!((code, errors.as_str()), (0, ""), "{text}");
        drop(device);
    }
}

#[test]
fn a_torn_tail_is_told_and_is_no_damage() {
    let machine = Machine::default();
    drop(written(&machine, 20));
    let folder = Folder::of("torn", &machine);
    let log = folder.names("log-").pop().unwrap();
    folder.change(&log, |content| content.extend_from_slice(&[7; 99]));
    let (code, text, _) = folder.run("check", &[]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("99 bytes at the end"), "{text}");
    assert_eq!(folder.run("dump", &[]).0, 0);
    assert_eq!(folder.run("list", &[]).0, 0);
}

#[test]
fn every_flipped_byte_of_a_log_is_seen() {
    let machine = Machine::default();
    drop(written(&machine, 3));
    let folder = Folder::of("flips", &machine);
    let log = folder.names("log-").pop().unwrap();
    let length = fs::read(folder.0.join(&log)).unwrap().len();
    for at in (0..length).step_by(37) {
        folder.change(&log, |content| content[at] ^= 1);
        let (code, text, _) = folder.run("check", &[]);
        assert_ne!(code, 0, "byte {at}: {text}");
        folder.change(&log, |content| content[at] ^= 1);
    }
    assert_eq!(folder.run("check", &[]).0, 0);
}

#[test]
fn a_damaged_log_is_dumped_as_far_as_it_can_be_read() {
    let machine = Machine::default();
    drop(written(&machine, 20));
    machine.damage("film 7");
    let folder = Folder::of("damaged", &machine);
    let (code, text, _) = folder.run("check", &[]);
    assert_eq!(code, 2);
    assert!(
        text.contains("log-") && text.contains(" at byte "),
        "{text}"
    );
    let (code, documents, errors) = folder.run("dump", &[]);
    assert_eq!(code, 2);
    assert!(errors.contains(" at byte "), "{errors}");
    assert!(documents.contains("film 19") && documents.contains("changed"));
    assert_eq!(documents.lines().count(), 18);
    assert_eq!(folder.run("list", &[]).0, 2);
}

#[test]
fn every_damaged_block_of_a_run_is_named_and_the_rest_is_dumped() {
    let machine = Machine::default();
    drop(large(&machine));
    let folder = Folder::of("blocks", &machine);
    let documents = folder.run("dump", &[]).1.lines().count();
    let (_, text, _) = folder.run("list", &[]);
    let read = text.lines().find(|line| line.ends_with(", read")).unwrap();
    let run = read.trim().split(' ').next().unwrap().to_string();
    folder.change(&run, |content| {
        for at in [1_000, 200_000] {
            content[at] ^= 1;
        }
    });
    let (code, text, _) = folder.run("check", &[]);
    let named = text.lines().filter(|line| line.contains(&run)).count();
    assert_eq!((code, named), (2, 2), "{text}");
    let (code, left, errors) = folder.run("dump", &[]);
    assert_eq!(code, 2);
    assert_eq!(errors.lines().filter(|line| line.contains(&run)).count(), 2);
    let left = left.lines().count();
    assert!(left < documents && left > documents - 100, "{left}");
    folder.change(&run, |content| content.truncate(150_000));
    let (code, text, _) = folder.run("check", &[]);
    assert_eq!(code, 2, "{text}");
    assert_eq!(folder.run("dump", &[]).0, 2);
    fs::remove_file(folder.0.join(&run)).unwrap();
    let (code, text, _) = folder.run("check", &[]);
    assert_eq!(code, 2);
    assert!(text.contains("a run is gone or cut"), "{text}");
}

/// Writes into a database as its engine would not. `change` is given the keys and values of a
/// table.
fn tamper(machine: &Machine, at: u8, change: impl Fn(usize, &[u8], &[u8], &mut Batch)) {
    let inbox = Inbox::default();
    let mut disk = machine.disk.files(inbox.clone());
    disk.list("test", Access::Alone);
    let Some(Event::Listed { files, .. }) = inbox.pop() else {
        panic!("files are listed at once");
    };
    let mut recovery = Recovery::read(&mut disk, &files.unwrap(), Sizes::default()).unwrap();
    disk.make(&recovery.file_to_make().unwrap());
    let Some(Event::FileReady { result, .. }) = inbox.pop() else {
        panic!("a file is made at once");
    };
    let mut store = recovery.begin(&mut disk, result.unwrap()).ok().unwrap();
    let (mut batch, mut count) = (Batch::new(), 0);
    let mut visit = |key: &[u8], value: &[u8]| {
        change(count, key, value, &mut batch);
        count += 1;
        ControlFlow::Continue(())
    };
    let scanned = store.scan(&mut disk, &[at], &[at + 1], Direction::Forward, &mut visit);
    scanned.unwrap();
    store.commit(&mut disk, batch).unwrap();
}

#[test]
fn records_that_disagree_are_told_apart() {
    type Change = fn(usize, &[u8], &[u8], &mut Batch);
    let drop_first: Change = |at, key, _, batch| {
        if at == 0 {
            batch.delete(key.to_vec());
        }
    };
    let move_entry: Change = |at, key, value, batch| {
        if at == 0 {
            let mut other = key.to_vec();
            other[12] ^= 1;
            batch.delete(key.to_vec());
            batch.put(other, value.to_vec());
        }
    };
    let unkept: Change = |at, key, value, batch| {
        let mut other = key.to_vec();
        other[1] ^= 1;
        if at == 0 {
            batch.put(other, value.to_vec());
        }
    };
    let cut: Change = |at, key, value, batch| {
        if at == 3 {
            batch.put(key.to_vec(), value[..value.len() - 1].to_vec());
        }
    };
    let late: Change = |at, _, value, batch| {
        if at == 0 {
            batch.put(table::entry(EntryId(900)), value.to_vec());
        }
    };
    let cases: [(u8, Change, &str); 9] = [
        (table::INDEX, drop_first, "a document has no entry"),
        (table::VISIBLE, drop_first, "an entry leads to no document"),
        (
            table::INDEX,
            move_entry,
            "an entry does not say what its document does",
        ),
        (table::INDEX, unkept, "no such index is kept"),
        (table::VISIBLE, cut, "a record does not decode"),
        (table::BASE, drop_first, "has no base"),
        (table::DICTIONARY, drop_first, "dictionary 0: it is missing"),
        (table::OUTBOX, late, "its number is still to be given"),
        (table::META, drop_first, "still to be given"),
    ];
    for (at, change, told) in cases {
        let machine = Machine::default();
        drop(written(&machine, 20));
        tamper(&machine, at, |_, _, _, _| {});
        let folder = Folder::of("whole", &machine);
        assert_eq!(folder.run("check", &[]).0, 0, "{told}");
        tamper(&machine, at, change);
        let folder = Folder::of("disagree", &machine);
        let (code, text, _) = folder.run("check", &[]);
        assert_eq!(code, 2, "{told}: {text}");
        assert!(text.contains(told), "{told}: {text}");
        assert_ne!(folder.run("dump", &["--table", "all"]).1, "");
    }
}

#[test]
fn what_is_not_a_database_is_refused() {
    let folder = Folder::new("none");
    fs::create_dir(folder.0.join("db-films")).unwrap();
    let (code, _, errors) = folder.start("check", &[]);
    assert_eq!(code, 3);
    assert!(errors.contains("db-films"), "{errors}");
    let (code, _, _) = folder.start("polish", &[]);
    assert_eq!(code, 3);
}

#[test]
fn a_log_of_a_later_format_is_refused() {
    let machine = Machine::default();
    drop(written(&machine, 3));
    let folder = Folder::of("later", &machine);
    let log = folder.names("log-").pop().unwrap();
    folder.change(&log, |content| {
        content[8] = 2;
        let check = xxhash_rust::xxh64::xxh64(&content[..12], 0) as u32;
        content[12..16].copy_from_slice(&check.to_le_bytes());
    });
    let (code, _, errors) = folder.run("check", &[]);
    assert_eq!(code, 3);
    assert!(errors.contains("newer release"), "{errors}");
}

/// Stores of every version of the format. Some hold keys that are not an engine's.
#[test]
fn golden_files_are_read() {
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden");
    for (name, is_engines) in [
        ("log-only", false),
        ("chain", false),
        ("runs", false),
        ("outbox", true),
        ("values", true),
    ] {
        let folder = Folder::new(&format!("golden-{name}"));
        let from = PathBuf::from(golden).join("store-v1").join(name);
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), folder.0.join(entry.file_name())).unwrap();
        }
        let (code, text, _) = folder.run("check", &[]);
        if is_engines {
            assert_eq!(code, 0, "{name}: {text}");
            assert_ne!(folder.run("dump", &[]).1, "");
        }
        let lines = text.lines().filter(|line| line.starts_with("damaged"));
        for line in lines {
            let is_record = line.ends_with("no table") || line.ends_with("not decode");
            assert!(is_record, "{name}: {line}");
        }
    }
}
