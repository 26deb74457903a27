//! The torn disk does tear, lose, refuse and fail; else no test on it means anything.

use super::*;
use crate::event::Event;
use crate::ids::{FileId, Ticket};
use crate::platform::disk::{Access, Disk, DiskError, Files, When};
use std::collections::BTreeSet;

const FILE: FileId = FileId(1);

fn written(flushed: &[u8], unsynced: &[u8]) -> (TornDisk, TornFiles) {
    let disk = TornDisk::new();
    let mut files = disk.files(Inbox::default());
    files.list("db", Access::Alone);
    files.make("f");
    if !flushed.is_empty() {
        assert_eq!(files.write(FILE, 0, flushed), Ok(flushed.len()));
        files.flush(FILE, Ticket(1), When::Now);
    }
    let offset = flushed.len() as u64;
    assert_eq!(files.write(FILE, offset, unsynced), Ok(unsynced.len()));
    (disk, files)
}

#[test]
fn a_crash_keeps_what_was_flushed_and_tears_the_rest_in_every_way() {
    let mut fates = BTreeSet::new();
    for seed in 0..400 {
        let (disk, _) = written(b"kept", &[7; 64]);
        disk.crash(seed);
        let content = disk.content("db", "f").expect("it was flushed");
        assert!(content.starts_with(b"kept"), "seed {seed}");
        let tail = &content[4..];
        let sevens: u8 = tail.iter().map(|byte| byte / 7).sum();
        let has_gap = tail.windows(2).any(|pair| pair == [0, 7]);
        fates.insert(match (tail.len(), sevens) {
            (0, _) => "lost",
            (64, 64) => "whole",
            (_, 0) => "longer without content",
            _ if has_gap => "scattered",
            _ => "beginning",
        });
    }
    assert_eq!(fates.len(), 5, "{fates:?}");
}

#[test]
fn making_and_removing_may_not_survive_a_crash() {
    let (mut gone, mut back) = (0, 0);
    for seed in 0..100 {
        let (disk, _) = written(b"", b"x");
        disk.crash(seed);
        gone += usize::from(disk.content("db", "f").is_none());
        let (disk, mut files) = written(b"x", b"");
        files.remove("f");
        assert_eq!(disk.content("db", "f"), None);
        disk.crash(seed);
        back += usize::from(disk.content("db", "f").is_some());
    }
    let is_some_times = |count| (1..100).contains(&count);
    assert!(is_some_times(gone) && is_some_times(back), "{gone} {back}");
}

#[test]
fn handles_are_void_after_a_crash() {
    let (disk, mut files) = written(b"x", b"");
    disk.crash(1);
    assert_eq!(files.write(FILE, 0, b"y"), Err(DiskError::NotFound));
    assert_eq!(disk.content("db", "f"), Some(b"x".to_vec()));
}

#[test]
fn planned_failures_come_when_planned() {
    let (disk, mut files) = written(b"x", b"");
    disk.fail(2, Failing::Once);
    assert_eq!(files.size(FILE), Ok(1));
    assert!(files.write(FILE, 1, b"abcd").is_err());
    assert_eq!(
        disk.content("db", "f"),
        Some(b"xab".to_vec()),
        "half of it was taken"
    );
    assert_eq!(files.size(FILE), Ok(3));
    disk.fail(1, Failing::Onwards);
    assert!(files.size(FILE).is_err() && files.size(FILE).is_err());
    disk.heal();
    assert_eq!(files.size(FILE), Ok(3));
}

#[test]
fn space_runs_out_in_each_way() {
    for (shortage, result) in [
        (Shortage::Short, Ok(2)),
        (Shortage::Absurd, Ok(4_294_967_288)),
        (Shortage::Refusal, Err(DiskError::Full)),
    ] {
        let (disk, mut files) = written(b"xyz", b"");
        disk.set_quota(Some((5, shortage)));
        assert_eq!(files.write(FILE, 3, b"cdef"), result);
        assert_eq!(files.write(FILE, 0, b"XY"), Ok(2), "nothing grows");
    }
}

#[test]
fn a_flush_that_fails_is_answered_so_and_keeps_nothing() {
    let inbox = Inbox::default();
    let disk = TornDisk::new();
    let mut files = disk.files(inbox.clone());
    files.list("db", Access::Alone);
    files.make("f");
    while inbox.pop().is_some() {}
    disk.fail(1, Failing::Once);
    files.flush(FILE, Ticket(3), When::Now);
    assert!(matches!(
        inbox.pop(),
        Some(Event::Flushed { result: Err(_), .. })
    ));
    let is_lost = |seed| {
        let disk = disk.fork();
        disk.crash(seed);
        disk.names("db").is_empty()
    };
    assert!((0..50).any(is_lost));
}
