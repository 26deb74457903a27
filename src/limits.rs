//! Every limit of the engine and the protocol, with its unit. The only place they are written.

/// Longest frame on the wire, in bytes.
pub const FRAME_BYTES_MAX: usize = 1 << 20;
/// Largest encoded document, in bytes.
pub const DOCUMENT_BYTES_MAX: usize = 256 << 10;
/// Largest transaction that syncs, in bytes of its deltas.
pub const TRANSACTION_BYTES_MAX: usize = 16 << 20;
/// Longest name and arguments of a named mutator, in bytes of JSON.
pub const MUTATION_BYTES_MAX: usize = 64 << 10;
/// Deepest nesting of a value.
pub const DEPTH_MAX: usize = 64;
/// Deepest nesting of what is read: a value at its deepest, in a frame.
pub const NESTING_MAX: usize = DEPTH_MAX + 32;
/// Largest whole number an `int` may hold; the smallest is its negative.
pub const INT_MAX: f64 = 9_007_199_254_740_991.0;
/// Longest document id, in bytes.
pub const ID_BYTES_MAX: usize = 512;
/// Bytes of deltas that a push or a pulled page aims at, leaving room for the frame's other
/// members.
pub const BATCH_BYTES: usize = 768 << 10;
/// Most documents in a pulled page.
pub const PAGE_DOCUMENTS_MAX: usize = 5_000;
/// How far ahead of the server's time a stamp may be, in milliseconds.
pub const CLOCK_AHEAD_MS: u64 = 60_000;
/// How long the flush of what an opening has written may wait for more, in milliseconds.
pub const HEAD_WAIT_MS: u64 = 1_000;
/// How long opening waits for a dying worker of the same page, in milliseconds.
pub const OPEN_WAIT_MS: u64 = 2_000;
/// Silence after which the client beats, in milliseconds.
pub const BEAT_MS: u64 = 25_000;
/// First and longest wait between attempts to connect, in milliseconds.
pub const BACKOFF_MS: (u64, u64) = (1_000, 60_000);
/// Most times a transaction is tried again after a conflict.
pub const CONFLICT_RETRIES_MAX: u32 = 5;
/// Deepest nesting of a query's conditions.
pub const QUERY_DEPTH_MAX: usize = 64;
/// Most conditions in a query.
pub const QUERY_NODES_MAX: usize = 1_000;
/// Most values in one `in`.
pub const QUERY_VALUES_MAX: usize = 10_000;
/// Most rows in one message to a page, which reads it in one task.
pub const MESSAGE_ROWS_MAX: usize = 1_000;
/// How long a live query's circuit is kept after its last subscriber, in milliseconds.
pub const CIRCUIT_KEPT_MS: u64 = 5_000;
/// So long after the last write what is in memory may be written to a run.
pub const REST_MS: u64 = 1_000;
