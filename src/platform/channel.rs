//! `TabChannel`: messages to this worker's own page and to the other tabs of the origin.

use crate::ids::TabId;

/// Delivers bytes; in order per receiver; may lose what goes to other tabs.
pub trait TabChannel {
    /// Sends to the page with this number.
    fn post(&mut self, tab: TabId, bytes: Vec<u8>);

    /// Joins the channel of database `name`, on which `broadcast` speaks and `Event::Broadcast`
    /// listens.
    fn join(&mut self, name: &str);

    /// Sends to every other tab on the channel.
    fn broadcast(&mut self, bytes: &[u8]);
}
