//! `Clock`: the wall clock, a clock that only goes forward, and one alarm.

/// Time in milliseconds.
pub trait Clock {
    /// Milliseconds since 1970 as the device believes. May jump.
    fn wall_ms(&mut self) -> u64;

    /// Milliseconds since some start. Never goes back.
    fn monotonic_ms(&mut self) -> u64;

    /// Pushes `Event::Tick` once, at or after `monotonic_ms`. Replaces the alarm set before.
    fn wake_at(&mut self, monotonic_ms: u64);
}
