//! Smaller rules: reading, files that are not ours, newer formats, copies of logs inside documents,
//! growth.

use super::life::{DATABASE, Life, Opened, Session, WHOLE, open};
use crate::store::group;
use crate::store::{Batch, Direction, Room, StoreProblem};
use std::ops::ControlFlow;

#[test]
fn scans_are_half_open_go_both_ways_and_stop_when_told() {
    let mut life = Life::new(1);
    assert!(life.open(WHOLE));
    let session = life.session.as_mut().expect("it is open");
    for key in ["a", "b", "c", "d"] {
        session.put(key, key);
    }
    let mut scan = |from: &str, to: &str, direction, most: usize| {
        let mut seen = String::new();
        let visit = &mut |key: &[u8], _: &[u8]| {
            seen.push_str(&String::from_utf8_lossy(key));
            if seen.len() == most {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let (from, to) = (from.as_bytes(), to.as_bytes());
        session
            .store
            .scan(&mut session.files, from, to, direction, visit)
            .expect("it reads");
        seen
    };
    assert_eq!(scan("b", "d", Direction::Forward, 9), "bc");
    assert_eq!(scan("b", "d", Direction::Backward, 9), "cb");
    assert_eq!(scan("", "z", Direction::Backward, 2), "dc");
    assert_eq!(scan("", "z", Direction::Forward, 3), "abc");
    assert_eq!(scan("b", "b", Direction::Forward, 9), "");
    assert_eq!(scan("d", "b", Direction::Forward, 9), "");
}

#[test]
fn files_that_are_not_ours_are_left_alone_and_their_terms_count() {
    let mut life = Life::new(2);
    life.disk
        .set_content(DATABASE, "notes.txt", b"mine".to_vec());
    life.disk.set_content(
        DATABASE,
        "run-0000000041-0000",
        b"of another release".to_vec(),
    );
    assert!(life.open(WHOLE));
    let session = life.session.as_ref().expect("it is open");
    assert_eq!(session.store.term().0, 42);
    assert_eq!(session.report.unknown, ["notes.txt", "run-0000000041-0000"]);
    assert_eq!(
        life.disk.content(DATABASE, "notes.txt"),
        Some(b"mine".to_vec())
    );
}

#[test]
fn a_newer_format_is_refused_and_nothing_is_touched() {
    let mut life = Life::new(3);
    assert!(life.open(WHOLE));
    life.commit().expect("there is space");
    life.kill();
    let name = life.disk.names(DATABASE).pop().expect("there is a log");
    let mut content = life.disk.content(DATABASE, &name).expect("there is a log");
    content[8] = 2;
    let check = xxhash_rust::xxh64::xxh64(&content[..12], 0) as u32;
    content[12..16].copy_from_slice(&check.to_le_bytes());
    life.disk.set_content(DATABASE, &name, content.clone());
    let Opened::Failed(error) = open(&life.disk, WHOLE) else {
        panic!("it is newer")
    };
    assert_eq!(
        error,
        StoreProblem::NewerFormat {
            file: name.clone(),
            version: group::VERSION + 1
        }
        .into()
    );
    assert_eq!(life.disk.names(DATABASE), std::slice::from_ref(&name));
    assert_eq!(life.disk.content(DATABASE, &name), Some(content));
}

#[test]
fn a_log_inside_a_document_is_not_taken_for_groups() {
    let mut life = Life::new(4);
    assert!(life.open(WHOLE));
    for _ in 0..4 {
        life.commit().expect("there is space");
        life.flush().expect("nothing fails");
    }
    let name = life.disk.names(DATABASE).pop().expect("there is a log");
    let copy = life.disk.content(DATABASE, &name).expect("there is a log");
    let before = life.disk.used() as usize;
    let session = life.session.as_mut().expect("it is open");
    let mut batch = Batch::new();
    batch.put(b"backup".to_vec(), copy);
    session.commit(batch).expect("there is space");
    let mut content = life.disk.content(DATABASE, &name).expect("there is a log");
    content[before] ^= 1;
    life.disk.set_content(DATABASE, &name, content);
    life.kill();
    assert!(
        life.open(WHOLE),
        "the tail is torn, and nothing in it claims anything"
    );
    let session = life.session.as_ref().expect("it is open");
    assert_eq!(session.report.torn.len(), 1);
}

#[test]
fn openings_and_churn_do_not_pile_up_files_or_bytes() {
    let mut life = Life::new(5);
    for _ in 0..30 {
        assert!(life.open(WHOLE));
        for _ in 0..20 {
            life.commit().expect("there is space");
        }
        life.flush().expect("nothing fails");
        let session = life.session.as_ref().expect("it is open");
        assert!(session.store.bytes() <= life.disk.used());
        assert!(life.disk.names(DATABASE).len() <= 6);
        life.kill();
    }
    assert!(
        life.disk.used() < 120_000,
        "{} bytes for 12 keys",
        life.disk.used()
    );
    assert!(
        life.disk.names(DATABASE).len() > 1,
        "and not every opening copies everything"
    );
}

#[test]
fn nothing_is_obsolete_before_its_replacement_is_durable() {
    let mut life = Life::new(6);
    for _ in 0..8 {
        assert!(life.open(WHOLE));
        life.commit().expect("there is space");
        life.kill();
    }
    for steps in 3..6 {
        let disk = life.disk.fork();
        let before = disk.names(DATABASE);
        assert!(matches!(open(&disk, steps), Opened::Stopped));
        assert!(
            before
                .iter()
                .all(|name| disk.names(DATABASE).contains(name)),
            "step {steps}"
        );
    }
}

#[test]
fn merging_waits_while_much_is_written_and_there_are_not_too_many_runs() {
    let mut life = Life::new(6);
    assert!(life.open(WHOLE));
    let session = life.session.as_mut().expect("it is open");
    let mut runs = Vec::new();
    for number in 0..600 {
        session.put(&format!("{number:04}"), &"x".repeat(50));
        session.turn().expect("nothing fails");
        runs.push(session.store.counts().runs);
    }
    let most = runs.iter().max().copied();
    assert!(most > Some(8) && most < Some(14), "{most:?} runs");
    while session.turn().expect("nothing fails") {}
    assert!(session.store.counts().runs < 4);
}

#[test]
fn what_adds_is_refused_before_memory_is_full_where_no_file_can_be_made() {
    let mut life = Life::new(9);
    assert!(life.open(WHOLE));
    let session = life.session.as_mut().expect("it is open");
    let write = |session: &mut Session, room| {
        let mut batch = Batch::new();
        batch.put(session.store.last().0.to_string().into(), vec![7; 1_000]);
        batch.room = room;
        let committed = session.commit(batch);
        session.flush().expect("nothing fails");
        committed
    };
    let mut asked = Vec::new();
    let refused = (0..1_000).find_map(|_| {
        asked.extend(session.store.files_wanted());
        write(session, Room::Free).err()
    });
    assert_eq!(refused, Some(StoreProblem::Full.into()));
    let kept = session.store.last().0;
    assert!((20..100).contains(&kept), "{kept} pairs of 1,000 bytes");
    write(session, Room::Reserve).expect("what only frees room is written");
    for name in asked {
        session.make(&name);
    }
    while session.turn().expect("nothing fails") {}
    write(session, Room::Free).expect("there is room again");
}

#[test]
fn a_scan_reads_several_leaves_in_one_call_and_a_get_only_what_it_needs() {
    let mut life = Life::new(7);
    assert!(life.open(WHOLE));
    let session = life.session.as_mut().expect("it is open");
    for number in 0..600 {
        session.put(&format!("{number:04}"), &"x".repeat(50));
        session.turn().expect("nothing fails");
    }
    while session.turn().expect("nothing fails") {}
    let mut read = |act: &mut dyn FnMut(&mut Session)| {
        session.store.forget_blocks();
        let (calls, blocks) = (life.disk.calls(), session.store.counts().blocks_read);
        act(session);
        let blocks = session.store.counts().blocks_read - blocks;
        (life.disk.calls() - calls, blocks)
    };
    for direction in [Direction::Forward, Direction::Backward] {
        let (calls, blocks) = read(&mut |session| {
            let mut count = 0;
            let visit = &mut |_: &[u8], _: &[u8]| {
                count += 1;
                ControlFlow::Continue(())
            };
            let (store, files) = (&session.store, &mut session.files);
            let scanned = store.scan(files, b"", b"9999", direction, visit);
            scanned.expect("it reads");
            assert_eq!(count, 600);
        });
        assert!(blocks > 150 && calls * 2 < blocks, "{calls} for {blocks}");
    }
    let (calls, blocks) = read(&mut |session| {
        assert!(session.get("0300").is_some());
    });
    assert!(calls == blocks && blocks < 10, "{calls} for {blocks}");
}

#[test]
fn what_is_not_there_is_not_looked_for_in_each_run_that_was_a_memtable() {
    let mut life = Life::new(8);
    assert!(life.open(WHOLE));
    let session = life.session.as_mut().expect("it is open");
    let mut keys = 0;
    while session.store.counts().runs < 8 {
        for _ in 0..10 {
            session.put(&keys.to_string(), &"x".repeat(50));
            keys += 1;
        }
        session.turn().expect("nothing fails");
    }
    let before = session.store.counts().blocks_read;
    for key in 10..110 {
        session.store.forget_blocks();
        assert_eq!(session.get(&format!("{key}x")), None);
    }
    let read = session.store.counts().blocks_read - before;
    assert!(read < 500, "{read} blocks of 8 runs for 100 keys");
    for key in 0..keys {
        assert!(session.get(&key.to_string()).is_some(), "{key}");
    }
}

#[test]
fn a_slice_ends_after_so_many_entries_however_small_they_are() {
    let mut life = Life::new(9);
    assert!(life.open(WHOLE));
    let session = life.session.as_mut().expect("it is open");
    session.store.sizes.slice_bytes = 1 << 20;
    let mut batch = Batch::new();
    for number in 0..8_000_u32 {
        batch.put(number.to_be_bytes().to_vec(), Vec::new());
    }
    session.commit(batch).expect("there is space");
    let mut turns = 0;
    while session.turn().expect("nothing fails") {
        turns += 1;
    }
    assert_eq!(session.store.counts().runs, 1);
    assert!(turns > 8, "{turns} turns for 8,000 entries");
    assert_eq!(session.pairs().len(), 8_000);
}

#[test]
fn a_merge_of_many_runs_is_begun_by_some_of_them_at_a_time() {
    let mut life = Life::new(10);
    assert!(life.open(WHOLE));
    let session = life.session.as_mut().expect("it is open");
    let mut number = 0_u32;
    // So much is written that merging waits.
    while session.store.counts().runs < 10 {
        session.put(&format!("{number:04}"), &"x".repeat(50));
        session.turn().expect("nothing fails");
        number += 1;
    }
    session.store.forget_blocks();
    let mut most = 0;
    loop {
        let before = session.store.counts().blocks_read;
        let goes_on = session.turn().expect("nothing fails");
        most = most.max(session.store.counts().blocks_read - before);
        if !goes_on {
            break;
        }
    }
    assert!(session.store.counts().runs < 4);
    // Of three runs their index, its index, and a leaf.
    assert!(most <= 9, "{most} blocks read between two requests");
    assert_eq!(session.pairs().len(), number as usize);
}
