//! The rows of a space and of a replica, and their bytes.

use super::key::Key;
use super::rows::Rows;
use super::{Context, Decided};
use crate::doc::codec::{Reader, write_bytes, write_varint};
use crate::ids::{ReplicaId, Seq, Term, Token, Version};
use crate::protocol::message::Refusal;
use crate::protocol::refusal::{INTERNAL, NEEDS_HELLO, TERM_FENCED, WRONG_SUBJECT};

/// A refusal for a row that is not what this version wrote.
pub fn damaged(what: &str) -> Refusal {
    Refusal::new(
        INTERNAL,
        format!("the stored {what} cannot be read: the database is damaged"),
    )
}

/// The state of a space's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Space {
    pub epoch: String,
    pub version: Version,
}

impl Space {
    /// The space; as new, if it has never been used.
    pub fn read(context: &Context, rows: &Rows) -> Decided<Self> {
        let Some(row) = rows.get(&Key::space()) else {
            return Ok(Self {
                epoch: context.fresh_epoch.clone(),
                version: Version(0),
            });
        };
        let mut reader = Reader::new(row);
        let read = |reader: &mut Reader<'_>| {
            let epoch = reader.text()?.into();
            Some(Self {
                epoch,
                version: Version(reader.varint()?),
            })
        };
        read(&mut reader).ok_or_else(|| damaged("space"))
    }

    pub fn to_row(&self) -> Vec<u8> {
        let mut row = Vec::new();
        write_bytes(&mut row, self.epoch.as_bytes());
        write_varint(&mut row, self.version.0);
        row
    }
}

/// The parts of the transaction that is due next, as far as they have come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Staged {
    pub count: u32,
    /// The part that is due; all before it are stored.
    pub next: u32,
    /// Bytes of the deltas stored.
    pub bytes: usize,
}

/// What is remembered of a replica, for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replica {
    pub subject: String,
    /// The life of its last `hello`.
    pub life: Token,
    /// The lives that it said went before.
    pub previous_lives: Vec<Token>,
    /// The largest term it has shown.
    pub term: Term,
    /// The largest seq that has a verdict.
    pub last_seq: Seq,
    /// Verdicts up to here are not needed any more.
    pub confirmed: Seq,
    pub staged: Option<Staged>,
}

impl Replica {
    /// The replica's row; none if the space has never seen it.
    pub fn read(replica: ReplicaId, rows: &Rows) -> Decided<Option<Self>> {
        let Some(row) = rows.get(&Key::replica(replica)) else {
            return Ok(None);
        };
        let read = Self::from_row(&mut Reader::new(row));
        read.map(Some).ok_or_else(|| damaged("replica"))
    }

    /// The row of a replica that may speak: it said `hello`, as this subject, on this connection.
    pub fn admitted(replica: ReplicaId, context: &Context, rows: &Rows) -> Decided<Self> {
        if context
            .session
            .is_some_and(|(welcomed, _)| welcomed != replica)
        {
            return Err(Refusal::new(
                NEEDS_HELLO,
                "this connection said hello for another replica",
            ));
        }
        let Some(row) = Self::read(replica, rows)? else {
            return Err(Refusal::new(
                NEEDS_HELLO,
                "this space does not know the replica: say hello",
            ));
        };
        row.check_subject(context)?;
        if let Some((_, term)) = context.session {
            row.check_term(term)?;
        }
        Ok(row)
    }

    pub fn check_subject(&self, context: &Context) -> Decided<()> {
        if self.subject == context.subject {
            return Ok(());
        }
        Err(Refusal::new(
            WRONG_SUBJECT,
            "the replica belongs to another subject: use a new one",
        ))
    }

    pub fn check_term(&self, term: Term) -> Decided<()> {
        if term >= self.term || crate::planted::is("authority_term_unchecked") {
            return Ok(());
        }
        let message = format!(
            "term {term} is over: a leader with term {} has been here",
            self.term
        );
        Err(Refusal::new(TERM_FENCED, message))
    }

    fn from_row(reader: &mut Reader<'_>) -> Option<Self> {
        let subject = reader.text()?.into();
        let life = Token(reader.take(10)?.try_into().ok()?);
        let (term, last_seq) = (Term(reader.varint()?), Seq(reader.varint()?));
        let confirmed = Seq(reader.varint()?);
        let staged = match reader.byte()? {
            0 => None,
            _ => Some(Staged {
                count: reader.varint()? as u32,
                next: reader.varint()? as u32,
                bytes: reader.varint()? as usize,
            }),
        };
        let mut previous_lives = Vec::new();
        while !reader.is_done() {
            previous_lives.push(Token(reader.take(10)?.try_into().ok()?));
        }
        Some(Self {
            subject,
            life,
            previous_lives,
            term,
            last_seq,
            confirmed,
            staged,
        })
    }

    pub fn to_row(&self) -> Vec<u8> {
        let mut row = Vec::new();
        write_bytes(&mut row, self.subject.as_bytes());
        row.extend_from_slice(&self.life.0);
        for number in [self.term.0, self.last_seq.0, self.confirmed.0] {
            write_varint(&mut row, number);
        }
        row.push(u8::from(self.staged.is_some()));
        if let Some(staged) = &self.staged {
            for number in [
                u64::from(staged.count),
                u64::from(staged.next),
                staged.bytes as u64,
            ] {
                write_varint(&mut row, number);
            }
        }
        for life in &self.previous_lives {
            row.extend_from_slice(&life.0);
        }
        row
    }
}
