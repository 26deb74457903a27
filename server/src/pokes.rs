//! Tells the live connections of a space that it has moved.

use holm::ids::Version;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use tokio::sync::broadcast::{self, error::RecvError, error::TryRecvError};

/// How many pokes a connection may be behind before it is only told the latest.
const BEHIND_MAX: usize = 64;

/// Numbers a live connection. 0 stands for requests over HTTP.
pub type ConnectionId = u64;

/// That a push on a connection has moved a space.
#[derive(Clone, Copy, Debug)]
struct Moved {
    by: ConnectionId,
    version: Version,
}

/// Every space that has live connections.
#[derive(Debug, Default)]
pub struct Pokes {
    spaces: Mutex<HashMap<String, broadcast::Sender<Moved>>>,
}

impl Pokes {
    /// Begins to listen to a space.
    pub fn listen(&self, space: &str, as_connection: ConnectionId) -> Listener {
        let mut spaces = self.spaces.lock().unwrap_or_else(PoisonError::into_inner);
        spaces.retain(|name, sender| name == space || sender.receiver_count() > 0);
        let sender = spaces
            .entry(space.into())
            .or_insert_with(|| broadcast::channel(BEHIND_MAX).0);
        Listener {
            own: as_connection,
            receiver: sender.subscribe(),
        }
    }

    /// Tells every listener of the space but the one that moved it.
    pub fn poke(&self, space: &str, by: ConnectionId, version: Version) {
        let spaces = self.spaces.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = spaces.get(space) {
            // An error only says that nobody listens.
            let _ = sender.send(Moved { by, version });
        }
    }
}

/// One connection's ear.
#[derive(Debug)]
pub struct Listener {
    own: ConnectionId,
    receiver: broadcast::Receiver<Moved>,
}

impl Listener {
    /// Waits until another connection has moved the space; gives the latest version. Hints that
    /// pile up become one, but none is lost: after the last of them there is always one that is at
    /// least as late. Cancel safe.
    pub async fn next(&mut self) -> Version {
        loop {
            let mut latest = match self.receiver.recv().await {
                Ok(moved) => self.foreign(moved),
                // Of those missed, some may have been another's; the one that follows is as late as
                // all of them.
                Err(RecvError::Lagged(_)) => Some(Version(0)),
                Err(RecvError::Closed) => std::future::pending().await,
            };
            loop {
                match self.receiver.try_recv() {
                    Ok(moved) if latest.is_some() => latest = latest.max(Some(moved.version)),
                    Ok(moved) => latest = self.foreign(moved),
                    Err(TryRecvError::Lagged(_)) => latest = latest.max(Some(Version(0))),
                    Err(TryRecvError::Empty | TryRecvError::Closed) => break,
                }
            }
            if let Some(version) = latest {
                return version;
            }
        }
    }

    fn foreign(&self, moved: Moved) -> Option<Version> {
        (moved.by != self.own).then_some(moved.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    async fn hears(listener: &mut Listener) -> Option<Version> {
        tokio::time::timeout(Duration::from_millis(20), listener.next())
            .await
            .ok()
    }

    #[tokio::test]
    async fn others_hear_and_the_one_that_moved_it_does_not() {
        let pokes = Pokes::default();
        let (mut one, mut two) = (pokes.listen("films", 1), pokes.listen("films", 2));
        let mut elsewhere = pokes.listen("books", 3);
        pokes.poke("films", 1, Version(5));
        assert_eq!(hears(&mut two).await, Some(Version(5)));
        assert_eq!(hears(&mut one).await, None);
        assert_eq!(hears(&mut elsewhere).await, None);
    }

    #[tokio::test]
    async fn hints_that_pile_up_become_the_latest() {
        let pokes = Pokes::default();
        let mut one = pokes.listen("films", 1);
        for version in 1..10 {
            pokes.poke("films", 2 - version % 2, Version(version));
        }
        assert_eq!(hears(&mut one).await, Some(Version(9)));
        assert_eq!(hears(&mut one).await, None);
    }

    #[tokio::test]
    async fn a_listener_far_behind_still_hears_the_latest() {
        let pokes = Pokes::default();
        let mut one = pokes.listen("films", 1);
        for version in 1..1_000 {
            pokes.poke("films", 2, Version(version));
        }
        assert_eq!(hears(&mut one).await, Some(Version(999)));
    }
}
