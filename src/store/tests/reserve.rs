//! The reserve: what may be written where the disk is full, and what may not.

use super::life::{DATABASE, Life, SMALL, Session, WHOLE};
use crate::platform::torn::{Shortage, TornDisk};
use crate::store::{Batch, Room, StoreProblem};

const NAME: &str = "reserve";
const SHORTAGES: [Shortage; 3] = [Shortage::Short, Shortage::Absurd, Shortage::Refusal];

fn batch(room: Room, key: &str, value: Option<&str>) -> Batch {
    let mut batch = Batch::new();
    batch.room = room;
    match value {
        Some(value) => batch.put(key.into(), value.into()),
        None => batch.delete(key.into()),
    }
    batch
}

fn session(life: &mut Life) -> &mut Session {
    life.session.as_mut().expect("it is open")
}

fn settle(life: &mut Life) {
    for _ in 0..50 {
        session(life).turn().expect("nothing fails");
    }
}

fn length(disk: &TornDisk) -> u64 {
    disk.content(DATABASE, NAME)
        .map_or(0, |bytes| bytes.len() as u64)
}

/// An open database that has a reserve and some pairs, on a disk with this room left.
fn full(room: u64, shortage: Shortage) -> Life {
    let mut life = Life::new(room);
    assert!(life.open(WHOLE));
    settle(&mut life);
    for key in 0..10 {
        let batch = batch(Room::Free, &format!("k{key}"), Some("a value"));
        session(&mut life).commit(batch).expect("there is room");
    }
    settle(&mut life);
    assert_eq!(length(&life.disk), SMALL.reserve_bytes);
    let quota = Some((life.disk.used() + room, shortage));
    life.disk.set_quota(quota);
    while session(&mut life)
        .commit(batch(Room::Free, "filler", Some("more and more of it")))
        .is_ok()
    {}
    life
}

pub fn write_what_frees_room() {
    for (room, shortage) in (0..60).flat_map(|room| SHORTAGES.map(|shortage| (room, shortage))) {
        let mut life = full(room, shortage);
        let disk = life.disk.clone();
        let session = session(&mut life);
        assert!(session.store.is_full());
        let free = || batch(Room::Free, "k1", Some("another value, a longer one"));
        for key in ["k1", "k2", "k3"] {
            let deleted = session.commit(batch(Room::Reserve, key, None));
            deleted.expect("the reserve is there for it");
            assert_eq!(session.get(key), None);
            assert_eq!(session.commit(free()), Err(StoreProblem::Full.into()));
            assert!(session.store.is_full());
        }
        session.flush().expect("nothing fails");
        assert_eq!(session.get("k4").as_deref(), Some("a value"));
        disk.set_quota(None);
        session.commit(free()).expect("there is room again");
        assert!(!session.store.is_full());
        assert!(length(&disk) >= SMALL.reserve_bytes, "it is held again");
    }
}

#[test]
fn what_frees_room_is_written_where_nothing_else_is() {
    write_what_frees_room();
}

#[test]
fn a_full_disk_opens_and_is_emptied() {
    for shortage in SHORTAGES {
        let mut life = full(0, shortage);
        settle(&mut life);
        for key in ["k1", "k2"] {
            life.kill();
            let (mut files, inbox, mut recovery) = super::life::read(&life.disk).expect("it reads");
            assert_eq!(recovery.report(), &crate::store::Report::default());
            let store = super::life::begin(&mut files, &inbox, &mut recovery);
            let mut session = Session {
                files,
                inbox,
                store: store.expect("the reserve has room for the head"),
                report: crate::store::Report::default(),
            };
            while session.flush().expect("nothing fails") {}
            let deleted = session.commit(batch(Room::Reserve, key, None));
            deleted.expect("what is left of the reserve is there for it");
            while session.flush().expect("nothing fails") {}
            assert_eq!(session.get(key), None);
            assert_eq!(session.get("k4").as_deref(), Some("a value"));
            life.session = Some(session);
        }
    }
}

#[test]
fn what_is_in_a_reserve_means_nothing() {
    for content in [&b""[..], b"x", &[7; 300], &[0; 5_000]] {
        let mut life = full(0, Shortage::Short);
        life.disk.set_quota(None);
        life.kill();
        life.disk.set_content(DATABASE, NAME, content.to_vec());
        let (_, _, recovery) = super::life::read(&life.disk).expect("it reads");
        assert_eq!(recovery.report(), &crate::store::Report::default());
        let super::life::Opened::Whole(mut session) = super::life::open(&life.disk, WHOLE) else {
            panic!("it cannot be opened");
        };
        let put = session.commit(batch(Room::Free, "k1", Some("new")));
        put.expect("there is room");
        assert!(length(&life.disk) >= SMALL.reserve_bytes);
    }
}

#[test]
fn without_room_for_everything_a_head_keeps_its_links() {
    let mut life = Life::new(1);
    assert!(life.open(WHOLE));
    settle(&mut life);
    let value = "x".repeat(1_000);
    session(&mut life).put("large", &value);
    while session(&mut life).flush().expect("nothing fails") {}
    // Each opening adds a link, until a head would carry everything.
    for _ in 0..5 {
        life.kill();
        let super::life::Opened::Whole(session) = super::life::open(&life.disk, WHOLE) else {
            panic!("it cannot be opened");
        };
        life.session = Some(session);
    }
    let logs = life.disk.names(DATABASE).len();
    life.kill();
    life.disk
        .set_quota(Some((life.disk.used(), Shortage::Short)));
    let super::life::Opened::Whole(mut session) = super::life::open(&life.disk, WHOLE) else {
        panic!("it cannot be opened");
    };
    assert_eq!(session.get("large"), Some(value));
    assert_eq!(
        life.disk.names(DATABASE).len(),
        logs + 1,
        "none is given up"
    );
}
