//! A store beside a map, over many memtables, runs, merges and openings.

use super::life::{DATABASE, Opened, Pairs, SMALL, Session, WHOLE, open};
use crate::platform::memory::SeededEntropy;
use crate::platform::torn::TornDisk;
use crate::store::{Batch, Direction, Snapshot};
use std::ops::ControlFlow;

/// Keys that share beginnings, of all lengths.
fn key(random: &mut SeededEntropy) -> Vec<u8> {
    let number = random.below(700) as u32;
    let text = format!("{:b}", number * 37);
    text.into_bytes()
}

fn change(random: &mut SeededEntropy, session: &mut Session, model: &mut Pairs) {
    let mut batch = Batch::new();
    for _ in 0..=random.below(8) {
        let key = key(random);
        if random.below(3) == 0 {
            model.remove(&key);
            batch.delete(key);
        } else {
            let value = vec![random.draw() as u8; random.below(90)];
            model.insert(key.clone(), value.clone());
            batch.put(key, value);
        }
    }
    session.commit(batch).expect("there is space");
}

fn scan(session: &mut Session, from: &[u8], to: &[u8], direction: Direction) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let visit = &mut |key: &[u8], value: &[u8]| {
        found.push([key, b"=", value].concat());
        ControlFlow::Continue(())
    };
    let scanned = session
        .store
        .scan(&mut session.files, from, to, direction, visit);
    scanned.expect("it can be read");
    found
}

fn compare(random: &mut SeededEntropy, session: &mut Session, model: &Pairs) {
    let one = key(random);
    let found = session.store.get(&mut session.files, &one);
    let found = found.expect("it can be read").map(|value| value.to_vec());
    assert_eq!(found.as_ref(), model.get(&one), "{one:?}");
    let (a, b) = (key(random), key(random));
    let (from, to) = if a < b { (a, b) } else { (b, a) };
    let within = model.range(from.clone()..to.clone());
    let mut expected: Vec<Vec<u8>> = within
        .map(|(key, value)| [key.as_slice(), b"=", value].concat())
        .collect();
    assert_eq!(scan(session, &from, &to, Direction::Forward), expected);
    let about = session.store.estimate(&mut session.files, &from, &to);
    let about = about.expect("it can be read") as usize;
    // Blocks of 200 bytes hold a dozen entries, and each run may be wrong by one at either end.
    let most = expected.len() * 4 + 24 * (1 + session.store.counts().runs);
    assert!(about <= most, "{about} of {}", expected.len());
    let runs = session.store.counts().runs;
    assert!(
        about + 24 * runs >= expected.len(),
        "{about} of {}",
        expected.len()
    );
    expected.reverse();
    assert_eq!(scan(session, &from, &to, Direction::Backward), expected);
}

/// What a long reader holds, and what it must see.
type Held = Vec<(Snapshot, Pairs)>;
const HELD_MAX: usize = 4;

/// Takes snapshots, reads part of one, drops one.
fn hold(random: &mut SeededEntropy, session: &mut Session, model: &Pairs, held: &mut Held) {
    if held.len() < HELD_MAX && random.below(20) == 0 {
        held.push((session.store.snapshot(), model.clone()));
    }
    if held.is_empty() {
        return;
    }
    let at = random.below(held.len());
    let (snapshot, expected) = &held[at];
    let (from, direction) = match random.below(2) {
        0 => (key(random), Direction::Forward),
        _ => (Vec::new(), Direction::Backward),
    };
    let mut found = Pairs::new();
    let visit = &mut |key: &[u8], value: &[u8]| {
        found.insert(key.to_vec(), value.to_vec());
        ControlFlow::Continue(())
    };
    let (store, files) = (&session.store, &mut session.files);
    let scanned = store.scan_snapshot(files, snapshot, &from, b"~", direction, visit);
    scanned.expect("it can be read");
    assert!(found.iter().eq(expected.range(from..)), "a snapshot stays");
    if random.below(40) == 0 {
        held.swap_remove(at);
    }
}

/// Random changes, looks, upkeep and openings: at any moment the process ends and another one goes
/// on, also while a run is being written or waits to be flushed.
pub fn follow_a_map(seeds: std::ops::Range<u64>) {
    let mut cut_off = 0;
    for seed in seeds {
        let mut random = SeededEntropy::new(seed);
        let (disk, mut model) = (TornDisk::new(), Pairs::new());
        let mut merged = 0;
        let (mut session, mut held) = (opened(&disk), Held::new());
        for _ in 0..900 {
            change(&mut random, &mut session, &mut model);
            compare(&mut random, &mut session, &model);
            hold(&mut random, &mut session, &model, &mut held);
            for _ in 0..random.below(4) {
                session.turn().expect("nothing fails");
            }
            if random.below(60) == 0 {
                while random.below(2) == 0 && session.turn().expect("nothing fails") {}
                merged += session.store.counts().run_bytes_written;
                cut_off += u32::from(session.store.work_wanted());
                held.clear();
                drop(session);
                session = opened(&disk);
                assert!(session.pairs() == model, "seed {seed}");
            }
        }
        held.clear();
        while session.turn().expect("nothing fails") {}
        assert!(session.pairs() == model, "seed {seed}");
        let names = disk.names(DATABASE);
        let files = names.iter().filter(|name| name.starts_with("run-"));
        let files_max = session.store.counts().runs + 1;
        assert!(files.count() <= files_max, "a file that nobody reads stays");
        merged += session.store.counts().run_bytes_written;
        assert!(merged > 200_000, "{merged} bytes of runs are too few");
    }
    assert!(cut_off > 0, "no process ended at work");
}

fn opened(disk: &TornDisk) -> Session {
    match open(disk, WHOLE) {
        Opened::Whole(session) => session,
        _ => panic!("it opens"),
    }
}

#[test]
fn a_store_is_a_map_whatever_lies_where() {
    follow_a_map(0..6);
}

#[test]
fn runs_stay_few_however_fast_is_written() {
    let disk = TornDisk::new();
    let Opened::Whole(mut session) = open(&disk, WHOLE) else {
        panic!("it opens")
    };
    let (mut most, mut written, mut heaviest) = (0, 0, 0);
    for number in 0..4_000_u32 {
        let mut batch = Batch::new();
        let key = number.wrapping_mul(2_654_435_761).to_be_bytes();
        batch.put(key.to_vec(), vec![7; 500]);
        session.commit(batch).expect("there is space");
        written += 504;
        session.turn().expect("nothing fails");
        most = most.max(session.store.counts().runs);
        heaviest = heaviest.max(session.store.memtable.bytes());
    }
    let amplification = session.store.counts().run_bytes_written as f64 / f64::from(written);
    assert!(most <= 20, "{most} runs");
    let memtables = heaviest / SMALL.memtable_bytes;
    assert!(memtables < 4, "{heaviest} bytes in memory");
    assert!(
        amplification < 9.0,
        "each byte was written {amplification} times"
    );
}

/// Calls on the disk that opening takes after so many commits that are all in runs.
fn calls_to_open(commits: u32) -> (u64, u64) {
    let disk = TornDisk::new();
    let Opened::Whole(mut session) = open(&disk, WHOLE) else {
        panic!("it opens")
    };
    for number in 0..commits {
        let mut batch = Batch::new();
        batch.put(number.to_be_bytes().to_vec(), vec![7; 200]);
        session.commit(batch).expect("there is space");
        while session.turn().expect("nothing fails") {}
    }
    drop(session);
    let before = disk.calls();
    assert!(matches!(open(&disk, WHOLE), Opened::Whole(_)));
    (disk.calls() - before, disk.used())
}

#[test]
fn opening_reads_no_more_of_a_large_store_than_of_a_small_one() {
    let (few, small) = calls_to_open(40);
    let (many, large) = calls_to_open(4_000);
    assert!(large > 50 * small, "{small} and {large} bytes");
    assert!(
        many <= few + 20,
        "{few} calls for {small} bytes, {many} for {large}"
    );
}
