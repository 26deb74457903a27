//! Calls that fail, space that runs out, flushes that fail.

use super::life::{DATABASE, Life, Session, WHOLE, planned, read};
use crate::event::Event;
use crate::ids::{Commit, FileId};
use crate::platform::disk::Files;
use crate::platform::torn::{Failing, Shortage};
use crate::store::{Batch, Report, StoreProblem};

/// One life in which the `nth` call on the disk fails.
fn life_with_failure(nth: u64, failing: Failing, crashing: bool) -> u64 {
    let mut life = Life::new(nth);
    life.disk.fail(nth, failing);
    for action in "OcfccfKOcfcKOccfc".chars() {
        if life.session.is_none() {
            assert!(life.open(WHOLE));
        }
        let result = match action {
            'c' => life.commit(),
            'f' => life.flush(),
            'K' => {
                life.kill();
                Ok(())
            }
            _ => Ok(()),
        };
        match result {
            Ok(()) => {}
            Err(error) if error.is_poisoned() => {
                assert!(life.commit().is_err_and(|error| error.is_poisoned()));
                life.disk.heal();
                assert!(life.commit().is_err_and(|error| error.is_poisoned()));
                life.kill();
            }
            Err(error) => assert_eq!(*error, StoreProblem::Disk(planned())),
        }
    }
    life.disk.heal();
    let calls = life.disk.calls();
    if crashing {
        life.crash();
    } else {
        life.kill();
    }
    assert!(life.open(WHOLE));
    life.commit().expect("it goes on");
    calls
}

/// Every call of a life fails once, alone or with all after it.
pub fn fail_every_call() {
    for failing in [Failing::Once, Failing::Onwards] {
        for crashing in [true, false] {
            let mut nth = 1;
            while nth <= life_with_failure(nth, failing, crashing) {
                nth += 1;
            }
            assert!(nth > 30, "a life has more calls than {nth}");
        }
    }
}

/// Space runs out at every byte of a commit, and comes back.
pub fn run_out_of_space() {
    for shortage in [Shortage::Short, Shortage::Absurd, Shortage::Refusal] {
        for room in 0..120 {
            let mut life = Life::new(room);
            assert!(life.open(WHOLE));
            life.commit().expect("there is space");
            life.disk
                .set_quota(Some((life.disk.used() + room, shortage)));
            let used = life.disk.used();
            let refused = (0..100).find_map(|_| {
                let before = life.disk.used();
                let error = life.commit().err()?;
                assert_eq!(life.disk.used(), before, "what did not fit was taken back");
                Some(error)
            });
            assert_eq!(refused, Some(StoreProblem::Full.into()));
            assert!(life.disk.used() <= used + room);
            life.flush()
                .expect("what was written before can be flushed");
            assert_eq!(life.acknowledged, life.states.len() - 1);
            life.disk.set_quota(None);
            life.commit().expect("there is space again");
            life.flush().expect("nothing fails");
            life.crash();
            assert!(life.open(WHOLE));
        }
    }
}

#[test]
fn any_call_may_fail_and_nothing_is_lost_in_silence() {
    fail_every_call();
}

#[test]
fn a_commit_that_does_not_fit_changes_nothing() {
    run_out_of_space();
}

#[test]
fn without_space_for_its_mark_an_opening_comes_to_rest() {
    for room in 0..300 {
        let mut life = Life::new(room);
        assert!(life.open(WHOLE));
        life.commit().expect("there is space");
        life.flush().expect("nothing fails");
        life.kill();
        let quota = Some((life.disk.used() + room, Shortage::Short));
        life.disk.set_quota(quota);
        assert!(life.open(WHOLE), "room {room}: it flushes for ever");
    }
}

#[test]
fn a_full_disk_refuses_to_begin_and_the_documents_can_still_be_read() {
    let mut life = Life::new(1);
    assert!(life.open(WHOLE));
    life.commit().expect("there is space");
    life.flush().expect("nothing fails");
    life.kill();
    life.disk
        .set_quota(Some((life.disk.used() + 20, Shortage::Short)));
    let (mut files, inbox, mut recovery) = read(&life.disk).expect("it reads");
    files.make(&recovery.file_to_make().expect("there is no damage"));
    let Some(Event::FileReady {
        result: Ok(file), ..
    }) = inbox.pop()
    else {
        panic!("no answer")
    };
    let refused = recovery
        .begin(&mut files, file)
        .err()
        .expect("there is no space");
    assert_eq!(refused, StoreProblem::Full.into());
    let store = recovery.read_only(refused);
    let mut session = Session {
        files,
        inbox,
        store,
        report: Report::default(),
    };
    assert!(session.store.is_open() && Some(&session.pairs()) == life.states.last());
    assert_eq!(session.commit(Batch::new()), Err(StoreProblem::Full.into()));
    life.disk.set_quota(None);
    assert!(life.open(WHOLE), "and nothing is damaged by the attempt");
}

/// A failed flush poisons: nothing is written any more, and what it covered is not called durable.
pub fn poison() {
    let mut life = Life::new(2);
    assert!(life.open(WHOLE));
    life.commit().expect("there is space");
    let session = life.session.as_mut().expect("it is open");
    let (_, ticket) = session.store.flush_wanted().expect("there is a commit");
    let flushed = session
        .store
        .flushed(&mut session.files, ticket, Err(planned()));
    assert!(flushed.is_err_and(|error| error.is_poisoned()));
    assert_eq!(session.store.durable(), Commit(0));
    assert_eq!(session.store.flush_wanted(), None);
    let length = life.disk.used();
    assert!(life.commit().is_err_and(|error| error.is_poisoned()));
    assert_eq!(life.disk.used(), length, "nothing was written");
    life.kill();
    assert!(life.open(WHOLE));
    life.commit().expect("the next opening may write");
}

#[test]
fn a_failed_flush_poisons() {
    poison();
}

#[test]
fn answers_to_flushes_of_another_opening_are_ignored() {
    let mut life = Life::new(3);
    assert!(life.open(WHOLE));
    life.commit().expect("there is space");
    let session = life.session.as_mut().expect("it is open");
    let (_, old) = session.store.flush_wanted().expect("there is a commit");
    life.kill();
    assert!(life.open(WHOLE));
    let session = life.session.as_mut().expect("it is open");
    let durable = session.store.durable();
    session.put("k", "v");
    let (_, new) = session.store.flush_wanted().expect("there is a commit");
    assert_ne!(old, new);
    assert_eq!(
        session
            .store
            .flushed(&mut session.files, old, Err(planned())),
        Ok(durable)
    );
    assert_eq!(
        session.store.flushed(&mut session.files, new, Ok(())),
        Ok(durable.next())
    );
}

#[test]
fn a_term_that_another_took_is_refused() {
    let mut life = Life::new(4);
    assert!(life.open(WHOLE));
    let name = life.disk.names(DATABASE).pop().expect("there is a log");
    let content = life.disk.content(DATABASE, &name).expect("there is a log");
    life.kill();
    let (mut files, _, mut recovery) = read(&life.disk).expect("it reads");
    let wanted = recovery.file_to_make().expect("there is no damage");
    let refused = recovery
        .begin(&mut files, FileId(1))
        .err()
        .expect("the file has content");
    assert_eq!(refused, StoreProblem::TermTaken { file: wanted }.into());
    assert_eq!(
        life.disk.content(DATABASE, &name),
        Some(content),
        "it was left alone"
    );
}

#[test]
fn an_empty_batch_is_no_commit() {
    let mut life = Life::new(5);
    assert!(life.open(WHOLE));
    let session = life.session.as_mut().expect("it is open");
    let last = session.put("k", "v");
    assert_eq!(session.commit(Batch::new()), Ok(last));
}
