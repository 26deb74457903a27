//! The in-memory ports and the torn disk keep every promise of the suites.

use super::*;
use crate::platform::clock::Clock;
use crate::platform::memory::{
    Air, LockTable, LoopbackTransport, ManualClock, MemoryChannel, MemoryDisk, MemoryFiles,
    MemoryLocks, NowhereTransport, Posts, SeededEntropy, Time,
};
use crate::platform::torn::TornDisk;
use crate::platform::transport::Transport;

#[test]
fn memory_files_conform() {
    let disk = MemoryDisk::default();
    run_at_once(files(&AtOnce, &mut |inbox| {
        Box::new(MemoryFiles::new(disk.clone(), inbox))
    }));
}

#[test]
fn the_torn_disk_conforms_while_nothing_is_planned() {
    let disk = TornDisk::new();
    run_at_once(files(&AtOnce, &mut |inbox| Box::new(disk.files(inbox))));
}

struct Passing(Time);

impl Turn for Passing {
    async fn turn(&self) {
        self.0.advance(1);
    }
}

#[test]
fn the_manual_clock_conforms() {
    let time = Time::new(1_700_000_000_000);
    run_at_once(clock(&Passing(time.clone()), &mut |inbox| {
        Box::new(ManualClock::new(time.clone(), inbox))
    }));
    time.set_wall_ms(5);
    assert_eq!(ManualClock::new(time, Inbox::default()).wall_ms(), 5);
}

#[test]
fn seeded_entropy_conforms_and_repeats() {
    entropy(&mut SeededEntropy::new(1));
    let (mut one, mut other) = (SeededEntropy::new(9), SeededEntropy::new(9));
    assert_eq!((one.draw(), one.below(7)), (other.draw(), other.below(7)));
    assert_ne!(SeededEntropy::new(9).draw(), SeededEntropy::new(10).draw());
}

#[test]
fn memory_locks_conform() {
    let table = LockTable::default();
    run_at_once(locks(&AtOnce, &mut |inbox| {
        Box::new(MemoryLocks::new(table.clone(), inbox))
    }));
}

#[test]
fn a_stolen_lock_is_lost_and_goes_to_who_waits() {
    use crate::platform::locks::Locks;
    let (table, one, two) = (LockTable::default(), Inbox::default(), Inbox::default());
    let mut holder = MemoryLocks::new(table.clone(), one.clone());
    let mut waiting = MemoryLocks::new(table.clone(), two.clone());
    holder.request("a");
    waiting.request("a");
    assert_eq!(one.pop(), Some(Event::LockGranted));
    table.steal("a");
    assert_eq!(
        (one.pop(), two.pop()),
        (Some(Event::LockLost), Some(Event::LockGranted))
    );
    holder.release();
    assert_eq!(two.pop(), None, "who lost it has nothing to give up");
    table.steal("never held");
}

#[test]
fn memory_channels_conform() {
    let (air, posts) = (Air::default(), Posts::default());
    run_at_once(channel(
        &AtOnce,
        &mut |inbox| Box::new(MemoryChannel::new(posts.clone(), air.clone(), inbox)),
        &mut || posts.take(),
    ));
}

#[test]
fn the_loopback_conforms() {
    run_at_once(transport(
        &AtOnce,
        &mut |inbox| {
            Box::new(LoopbackTransport::new(
                inbox,
                Box::new(|frame| vec![frame.into()]),
            ))
        },
        "ws://loopback",
        None,
    ));
}

#[test]
fn nowhere_is_never_reached() {
    let inbox = Inbox::default();
    let mut transport = NowhereTransport::new(inbox.clone());
    transport.connect(4, "ws://anywhere");
    assert!(matches!(
        inbox.pop(),
        Some(Event::Disconnected { connection: 4, .. })
    ));
    transport.send("nobody listens");
    transport.disconnect();
    assert!(inbox.is_empty());
}

#[test]
#[should_panic(expected = "did not arrive")]
fn a_clock_that_never_rings_fails_its_suite() {
    let time = Time::new(0);
    run_at_once(clock(&AtOnce, &mut |inbox| {
        Box::new(ManualClock::new(time.clone(), inbox))
    }));
}
