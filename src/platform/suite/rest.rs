//! The suites of the ports without files.

use super::{Turn, next, quiet};
use crate::event::Event;
use crate::ids::TabId;
use crate::platform::channel::TabChannel;
use crate::platform::clock::Clock;
use crate::platform::entropy::Entropy;
use crate::platform::inbox::Inbox;
use crate::platform::locks::Locks;
use crate::platform::transport::Transport;

/// Every promise of the `clock` module. A turn lets about a millisecond pass.
pub async fn clock(turn: &impl Turn, make: &mut dyn FnMut(Inbox) -> Box<dyn Clock>) {
    let inbox = Inbox::default();
    let mut clock = make(inbox.clone());
    assert!(
        clock.wall_ms() < 1 << 48,
        "the wall clock shows milliseconds since 1970"
    );
    let start = clock.monotonic_ms();
    clock.wake_at(start + 5);
    assert_eq!(next(turn, &inbox).await, Event::Tick);
    assert!(
        clock.monotonic_ms() >= start + 5,
        "the alarm is never early"
    );
    quiet(turn, &inbox, "an alarm goes off once").await;

    let start = clock.monotonic_ms();
    clock.wake_at(start + 3);
    clock.wake_at(start + 30);
    assert_eq!(next(turn, &inbox).await, Event::Tick);
    assert!(
        clock.monotonic_ms() >= start + 30,
        "an alarm replaces the one before"
    );
    quiet(turn, &inbox, "and the one before does not go off").await;

    clock.wake_at(0);
    assert_eq!(
        next(turn, &inbox).await,
        Event::Tick,
        "an alarm in the past goes off"
    );
    let mut last = clock.monotonic_ms();
    for _ in 0..20 {
        turn.turn().await;
        let now = clock.monotonic_ms();
        assert!(now >= last, "the monotonic clock never goes back");
        last = now;
    }
}

/// Every promise of the `entropy` module that can be seen from outside.
pub fn entropy(entropy: &mut dyn Entropy) {
    entropy.fill(&mut []);
    for length in [1, 7, 8, 9, 32] {
        let (mut one, mut other) = (vec![0; length + 16], vec![0; length + 16]);
        entropy.fill(&mut one);
        entropy.fill(&mut other);
        assert_ne!(one, other, "two draws of {} bytes differ", length + 16);
    }
    let mut large = vec![0; 200_000];
    entropy.fill(&mut large);
    let tail = large.split_off(150_000);
    for byte in 0..=u8::MAX {
        assert!(
            tail.contains(&byte),
            "every byte occurs, also at the end of a large draw"
        );
    }
}

/// Every promise of the `locks` module. `make` makes tabs of one origin.
pub async fn locks(turn: &impl Turn, make: &mut dyn FnMut(Inbox) -> Box<dyn Locks>) {
    let [one, two, three] = [Inbox::default(), Inbox::default(), Inbox::default()];
    let mut holder = make(one.clone());
    let mut second = make(two.clone());
    let mut third = make(three.clone());
    holder.request("suite-a");
    assert_eq!(next(turn, &one).await, Event::LockGranted);
    second.request("suite-a");
    quiet(turn, &two, "a lock is granted to one").await;
    third.request("suite-b");
    assert_eq!(
        next(turn, &three).await,
        Event::LockGranted,
        "names do not meet"
    );
    third.release();
    third.request("suite-a");
    quiet(turn, &three, "a third waits too").await;

    second.release();
    holder.release();
    assert_eq!(
        next(turn, &three).await,
        Event::LockGranted,
        "who waits is next"
    );
    quiet(turn, &two, "who left the queue is granted nothing").await;
    quiet(turn, &one, "giving up is no loss").await;

    second.request("suite-a");
    quiet(turn, &two, "the lock is held").await;
    drop(third);
    assert_eq!(
        next(turn, &two).await,
        Event::LockGranted,
        "a lock ends with its holder"
    );
    second.release();
    holder.request("suite-a");
    assert_eq!(
        next(turn, &one).await,
        Event::LockGranted,
        "and may be had again"
    );
    holder.release();
}

/// Every promise of the `channel` module. `make` makes workers of one origin; `posted` takes what
/// went to the page of the worker made last.
pub async fn channel(
    turn: &impl Turn,
    make: &mut dyn FnMut(Inbox) -> Box<dyn TabChannel>,
    posted: &mut dyn FnMut() -> Vec<(TabId, Vec<u8>)>,
) {
    let [one, two, three] = [Inbox::default(), Inbox::default(), Inbox::default()];
    let mut first = make(one.clone());
    let mut second = make(two.clone());
    let mut third = make(three.clone());
    first.broadcast(b"too early");
    first.join("suite-a");
    second.join("suite-a");
    third.join("suite-b");
    for text in ["1", "2", "3"] {
        first.broadcast(text.as_bytes());
    }
    for text in ["1", "2", "3"] {
        let bytes = text.as_bytes().to_vec();
        assert_eq!(
            next(turn, &two).await,
            Event::Broadcast { bytes },
            "in order, to the others"
        );
    }
    second.broadcast(b"back");
    let bytes = b"back".to_vec();
    assert_eq!(
        next(turn, &one).await,
        Event::Broadcast { bytes },
        "and not to oneself"
    );
    quiet(turn, &three, "channels with other names are apart").await;

    third.post(TabId(5), b"a".to_vec());
    third.post(TabId(5), b"b".to_vec());
    let mut seen = Vec::new();
    for _ in 0..super::TURNS_MAX {
        seen.append(&mut posted());
        if seen.len() >= 2 {
            break;
        }
        turn.turn().await;
    }
    assert_eq!(
        seen,
        [(TabId(5), b"a".to_vec()), (TabId(5), b"b".to_vec())],
        "posts are in order"
    );
    quiet(turn, &two, "a post is no broadcast").await;
}

/// Every promise of the `transport` module. The server at `url` answers each frame with itself; at
/// `nowhere` there is none.
pub async fn transport(
    turn: &impl Turn,
    make: &mut dyn FnMut(Inbox) -> Box<dyn Transport>,
    url: &str,
    nowhere: Option<&str>,
) {
    let inbox = Inbox::default();
    let mut transport = make(inbox.clone());
    transport.send("nobody listens");
    transport.connect(1, url);
    assert_eq!(next(turn, &inbox).await, Event::Connected { connection: 1 });
    for text in ["one", "two", "\u{e9}\u{1f600}"] {
        transport.send(text);
    }
    for text in ["one", "two", "\u{e9}\u{1f600}"] {
        let text = text.to_string();
        assert_eq!(
            next(turn, &inbox).await,
            Event::Frame {
                connection: 1,
                text
            },
            "in order"
        );
    }
    transport.connect(2, url);
    assert_eq!(
        next(turn, &inbox).await,
        Event::Connected { connection: 2 },
        "and no word of 1"
    );
    transport.send("three");
    let text = "three".to_string();
    assert_eq!(
        next(turn, &inbox).await,
        Event::Frame {
            connection: 2,
            text
        }
    );
    transport.disconnect();
    transport.send("nobody listens");
    quiet(turn, &inbox, "after disconnect nothing comes").await;

    let Some(nowhere) = nowhere else { return };
    transport.connect(3, nowhere);
    match next(turn, &inbox).await {
        Event::Disconnected { connection: 3, .. } => {}
        other => panic!("a connection to nowhere is Disconnected, not {other:?}"),
    }
    quiet(turn, &inbox, "a connection ends once").await;
}
