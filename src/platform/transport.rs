//! `Transport`: one connection to a server that carries text frames.

/// At most one connection at a time. Its events are `Connected`, `Frame` and `Disconnected`, each
/// with the connection's number, so that what comes late from an old connection is told apart.
pub trait Transport {
    /// Begins to connect. Ends the connection there was.
    fn connect(&mut self, connection: u64, url: &str);

    /// Sends a frame on the open connection; silently nothing if there is none (a `Disconnected`
    /// says so).
    fn send(&mut self, frame: &str);

    /// Ends the connection, if there is one. No event follows.
    fn disconnect(&mut self);
}
