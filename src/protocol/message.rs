//! The messages of the delta protocol as types. `docs/PROTOCOL.md` is the specification; sections
//! are named here.

use crate::causal::stamp::Stamp;
use crate::doc::path::{DocumentKey, Path};
use crate::doc::value::Value;
use crate::ids::{Life, ReplicaId, Seq, Term, Token, Version};

/// One path's new value (section 4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathWrite {
    /// The path. The empty one is existence, whose value is the life.
    pub path: Path,
    /// The value.
    pub value: Value,
    /// The stamp that this write replaced.
    pub saw: Option<Stamp>,
    /// Where it differs from the delta's.
    pub stamp: Option<Stamp>,
}

/// The changed paths of one document (section 4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delta {
    /// The document.
    pub key: DocumentKey,
    /// The life that paths other than existence belong to.
    pub life: Life,
    /// Stamp of every path that has none of its own.
    pub stamp: Stamp,
    /// Whether its insert may meet a living document.
    pub upsert: bool,
    /// The paths.
    pub paths: Vec<PathWrite>,
}

/// A named mutator's call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mutation {
    /// Its name.
    pub name: String,
    /// Its arguments.
    pub args: Value,
}

/// A part of a transaction that is larger than a frame (section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// From 0.
    pub index: u32,
    /// How many there are, at least 2.
    pub count: u32,
}

/// A transaction, or a part of one, as pushed (section 6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// Its number.
    pub seq: Seq,
    /// The schema it was written under.
    pub schema_version: u32,
    /// The named mutator, if it was one.
    pub mutation: Option<Mutation>,
    /// Which part this is.
    pub part: Option<Part>,
    /// Whether it only consumes its seq.
    pub is_void: bool,
    /// What it writes.
    pub deltas: Vec<Delta>,
}

/// Section 5.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// Lowest and highest protocol version the client speaks.
    pub protocol: (u32, u32),
    /// The client's identity.
    pub replica: ReplicaId,
    /// The leader's fencing token.
    pub term: Term,
    /// Token of this opening of the store.
    pub life: Token,
    /// Lives under which the authority may last have seen the replica.
    pub previous_lives: Vec<Token>,
    /// The seq that the next new transaction will have.
    pub next_seq: Seq,
    /// The client has all verdicts up to here.
    pub confirmed: Seq,
    /// The client's schema.
    pub schema_version: u32,
    /// What the client can beyond the first level.
    pub capabilities: Vec<String>,
    /// Bearer token, over WebSocket.
    pub token: Option<String>,
}

/// What the server announces it enforces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest frame.
    pub frame_bytes: u64,
    /// Largest document.
    pub document_bytes: u64,
    /// Largest transaction over all parts.
    pub transaction_bytes: u64,
    /// Deepest value.
    pub depth: u64,
}

/// The answer to `hello` (section 5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// The protocol version chosen.
    pub protocol: u32,
    /// Incarnation of the space's log.
    pub epoch: String,
    /// Who the token speaks for.
    pub subject: String,
    /// The server's time, in ms since 1970.
    pub time_ms: u64,
    /// The space's version.
    pub version: Version,
    /// The largest seq of this replica that has a verdict.
    pub last_seq: Seq,
    /// What is enforced.
    pub limits: Limits,
    /// What the server can beyond the first level.
    pub capabilities: Vec<String>,
}

/// Section 6.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push {
    /// The client's identity.
    pub replica: ReplicaId,
    /// The leader's fencing token.
    pub term: Term,
    /// The client has all verdicts up to here, durably.
    pub confirmed: Seq,
    /// In order of seq.
    pub transactions: Vec<Pushed>,
}

/// What became of a transaction (section 6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was applied as this version, but for the paths that were discarded.
    Accepted {
        /// The space's version with it.
        version: Version,
        /// Paths of another life, or of an absent document.
        discarded: Vec<(DocumentKey, Path)>,
    },
    /// It was refused and had no effect.
    Rejected {
        /// The code.
        code: String,
        /// What happened and what to do.
        message: String,
    },
}

/// The outcome of the transaction with this seq.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Its number.
    pub seq: Seq,
    /// What became of it.
    pub outcome: Outcome,
}

/// Why a batch stopped, or a message was refused (section 9).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The code.
    pub code: String,
    /// What happened and what to do.
    pub message: String,
    /// Whether it may pass.
    pub is_retryable: bool,
}

/// The answer to `push` (section 6).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdicts {
    /// One per transaction that is settled.
    pub verdicts: Vec<Verdict>,
    /// Those not looked at because the batch stopped.
    pub not_processed: Vec<Seq>,
    /// The seq that is due next.
    pub expected: Seq,
    /// A transaction in parts that waits for this part.
    pub awaited_part: Option<(Seq, u32)>,
    /// Why the batch stopped, if it did.
    pub reason: Option<Refusal>,
    /// The server's time, in ms since 1970.
    pub time_ms: u64,
}

/// One shape that is pulled (section 7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShapePull {
    /// The client's name for it.
    pub id: String,
    /// Where the last page of it ended; none to begin.
    pub cursor: Option<String>,
}

/// Section 7.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pull {
    /// The client's identity.
    pub replica: ReplicaId,
    /// The client has the verdicts up to here.
    pub confirmed: Seq,
    /// What to bring up to date.
    pub shapes: Vec<ShapePull>,
    /// Most documents in the page.
    pub limit: u32,
}

/// The answer to `pull` (section 7).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Paths changed since the cursors.
    pub deltas: Vec<Delta>,
    /// Documents that are no longer in the shape named.
    pub left: Vec<(String, DocumentKey)>,
    /// Shape and its new cursor.
    pub cursors: Vec<(String, String)>,
    /// With the last page: the version that the client's base now equals.
    pub checkpoint: Version,
    /// Verdicts not yet confirmed.
    pub verdicts: Vec<Verdict>,
    /// Whether pages follow.
    pub has_more: bool,
    /// Shapes that begin again.
    pub reset: Vec<String>,
}

/// What a client sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientMessage {
    /// Section 5.
    Hello(Hello),
    /// Section 6.
    Push(Push),
    /// Section 7.
    Pull(Pull),
    /// Still there; the cursor of the whole space, if there is one.
    Beat {
        /// The last cursor.
        cursor: Option<String>,
    },
}

/// What a server sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerMessage {
    /// Section 5.
    Welcome(Welcome),
    /// Section 6.
    Verdicts(Verdicts),
    /// Section 7.
    Page(Page),
    /// The space has moved to this version.
    Poke {
        /// The version.
        version: Version,
    },
    /// Still there.
    Beat {
        /// The space's version.
        version: Version,
        /// The server's time, in ms since 1970.
        time_ms: u64,
    },
    /// Section 9.
    Refused(Refusal),
}
