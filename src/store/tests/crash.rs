//! Crashes at any place, also of the opening after a crash; and leaders that write on after they
//! were declared dead.

use super::life::{DATABASE, Life, Opened, Session, WHOLE, open};
use crate::store::Batch;

/// Random lives: commits, flushes, kills, crashes, openings that are stopped up to three times, and
/// zombies.
pub fn random_lives(seeds: std::ops::Range<u64>) {
    let (mut written, mut most) = (0, 0);
    for seed in seeds {
        let mut life = Life::new(seed);
        let mut zombie: Option<Session> = None;
        while !life.open(WHOLE) {}
        for _ in 0..100 {
            match life.random.below(20) {
                0..=6 => life.commit().expect("nothing fails"),
                7..=8 => life.flush().expect("nothing fails"),
                9..=16 => life.turn().expect("nothing fails"),
                17 => {
                    let old = life.session.take();
                    reopen(&mut life, false);
                    zombie = old;
                }
                18 => {
                    zombie = None;
                    life.crash();
                    reopen(&mut life, true);
                }
                _ => zombie.iter_mut().for_each(haunt),
            }
        }
        let counts = life.session.as_ref().expect("it is open").store.counts();
        written += counts.run_bytes_written;
        most = most.max(counts.runs);
        let files = life.disk.names(DATABASE).len();
        assert!(
            files < 30,
            "{files} files after a life: what is obsolete goes"
        );
    }
    assert!(
        written > 50_000 && most > 2,
        "{written} bytes, {most} runs: too little upkeep"
    );
}

/// Opens, after up to three attempts that stop somewhere.
fn reopen(life: &mut Life, with_crashes: bool) {
    for _ in 0..life.random.below(4) {
        let steps = 1 + life.random.below(8);
        life.open(steps);
        if with_crashes && life.random.below(3) > 0 {
            life.crash();
        } else {
            life.kill();
        }
    }
    assert!(life.open(WHOLE));
}

/// A leader that does not know it is dead writes and flushes.
fn haunt(zombie: &mut Session) {
    let mut batch = Batch::new();
    batch.put(b"a".to_vec(), b"boo".to_vec());
    let _ = zombie.commit(batch);
    let _ = zombie.flush();
    zombie.store.work(&mut zombie.files);
}

/// A short life of two openings; `stop` cuts it after that many actions.
fn short_life(stop: usize) -> Life {
    let mut life = Life::new(7);
    let script = "OccfcKOcfccKOfcfKOccfcc";
    for action in script.chars().take(stop) {
        match action {
            'O' => assert!(life.open(WHOLE)),
            'K' => life.kill(),
            'c' => life.commit().expect("nothing fails"),
            _ => life.flush().expect("nothing fails"),
        }
    }
    life
}

const SHORT_LIFE: usize = 23;

/// A crash after every action of a short life.
pub fn crash_everywhere() {
    for stop in 0..=SHORT_LIFE {
        let before = short_life(stop);
        for seed in 0..40 {
            let mut life = before.fork(seed);
            life.crash();
            assert!(life.open(WHOLE));
            life.commit().expect("it goes on");
            life.flush().expect("it goes on");
            life.crash();
            assert!(life.open(WHOLE));
        }
    }
}

/// A crash at every step of an opening, of the opening after it, and of the one after that.
pub fn crash_while_opening(depth: usize) {
    for stop in [0, 1, 4, 9, 14, SHORT_LIFE] {
        let before = short_life(stop);
        for seed in 0..3 {
            let mut life = before.fork(seed);
            life.crash();
            crash_deeper(&life, depth);
            crash_deeper(&before.fork(seed), depth);
        }
    }
}

fn crash_deeper(before: &Life, depth: usize) {
    let mut steps = 1;
    loop {
        let mut life = before.fork(steps as u64 * 31 + depth as u64);
        let is_whole = life.open(steps);
        life.crash();
        if depth > 1 {
            crash_deeper(&life, depth - 1);
        }
        assert!(life.open(WHOLE));
        if is_whole {
            return;
        }
        steps += 1;
    }
}

#[test]
fn whatever_crashes_nothing_acknowledged_is_lost_and_nothing_is_halved() {
    random_lives(0..120);
}

#[test]
fn a_crash_after_any_action_of_a_short_life() {
    crash_everywhere();
}

#[test]
fn a_crash_at_any_step_of_an_opening_three_deep() {
    crash_while_opening(3);
}

#[test]
fn a_leader_declared_dead_writes_into_nothing() {
    let life = short_life(4);
    let Opened::Whole(mut zombie) = open(&life.disk, WHOLE) else {
        panic!("it opens")
    };
    zombie.put("a", "mine");
    zombie.flush().expect("nothing fails");
    let Opened::Whole(mut leader) = open(&life.disk, WHOLE) else {
        panic!("it opens")
    };
    assert_eq!(leader.get("a").as_deref(), Some("mine"));
    leader.put("b", "leader");
    leader.flush().expect("nothing fails");
    zombie.put("a", "late");
    zombie.put("zombie", "late");
    zombie.flush().expect("its file is still there");
    let Opened::Whole(mut next) = open(&life.disk, WHOLE) else {
        panic!("it opens")
    };
    assert_eq!(next.get("a").as_deref(), Some("mine"));
    assert_eq!(next.get("b").as_deref(), Some("leader"));
    assert_eq!(next.get("zombie"), None);
    assert!(zombie.store.term() < leader.store.term() && leader.store.term() < next.store.term());
}

#[test]
fn a_database_that_was_never_finished_is_empty_however_often() {
    for seed in 0..200 {
        let mut life = Life::new(seed);
        for _ in 0..5 {
            let steps = 1 + life.random.below(4);
            life.open(steps);
            life.crash();
        }
        assert!(life.open(WHOLE));
    }
}
