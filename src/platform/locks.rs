//! `Locks`: one exclusive lock per database name, shared by all tabs of the origin.

/// Exclusive locks that end with their holder.
pub trait Locks {
    /// Queues for the lock. Answered by `Event::LockGranted`, or `Event::LockLost` when it was
    /// taken away.
    fn request(&mut self, name: &str);

    /// Gives the lock up, or leaves the queue.
    fn release(&mut self);
}
