//! The closed list of codes (`docs/PROTOCOL.md` sections 6 and 9) and how a refusal is made from
//! one.

use super::message::Refusal;

/// Not JSON, or not a message of this protocol.
pub const BAD_FRAME: &str = "bad_frame";
/// A kind that the receiver does not know.
pub const UNKNOWN_KIND: &str = "unknown_kind";
/// Over the announced limit.
pub const FRAME_TOO_LARGE: &str = "frame_too_large";
/// Token missing, unknown or expired.
pub const NEEDS_AUTH: &str = "needs_auth";
/// The subject may not use the space.
pub const FORBIDDEN: &str = "forbidden";
/// The replica belongs to another subject.
pub const WRONG_SUBJECT: &str = "wrong_subject";
/// The store is a copy, or was rolled back.
pub const REPLICA_CONFLICT: &str = "replica_conflict";
/// A newer leader of the replica exists.
pub const TERM_FENCED: &str = "term_fenced";
/// No common version of the protocol.
pub const PROTOCOL_UNSUPPORTED: &str = "protocol_unsupported";
/// A message before the `hello` it needs.
pub const NEEDS_HELLO: &str = "needs_hello";
/// The server is busy.
pub const RETRY_LATER: &str = "retry_later";
/// The server failed.
pub const INTERNAL: &str = "internal";
/// Why a batch stopped: a seq or a part is missing before this one.
pub const OUT_OF_ORDER: &str = "out_of_order";
/// Why a batch stopped: a stamp is too far ahead of the server's time.
pub const CLOCK_AHEAD: &str = "clock_ahead";
/// Verdict: an insert met a living document.
pub const EXISTS: &str = "exists";
/// Verdict: a document would be over the limit.
pub const DOCUMENT_TOO_LARGE: &str = "document_too_large";
/// Verdict: the transaction is over the limit.
pub const TRANSACTION_TOO_LARGE: &str = "transaction_too_large";
/// Verdict: a delta contradicts itself.
pub const BAD_DELTA: &str = "bad_delta";
/// Verdict: what the transaction was written over is no longer so.
pub const CONFLICT: &str = "conflict";

/// Verdict: the seq was consumed without its transaction, by one who gave that up.
pub const VOID: &str = "void";

/// The codes after which the same message may pass later.
const RETRYABLE: [&str; 6] = [
    NEEDS_AUTH,
    NEEDS_HELLO,
    RETRY_LATER,
    INTERNAL,
    OUT_OF_ORDER,
    CLOCK_AHEAD,
];

impl Refusal {
    /// A refusal with one of the codes of this file, which also says whether it may pass later.
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        let is_retryable = RETRYABLE.contains(&code);
        Self {
            code: code.into(),
            message: message.into(),
            is_retryable,
        }
    }
}
