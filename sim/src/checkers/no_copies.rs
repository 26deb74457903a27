//! Nobody copies a store in these worlds, so none is ever taken for a copy: what `hello` says of
//! lives and seqs is what the store durably knows.

use super::Checker;
use crate::fact::{End, Fact};
use holm::protocol::message::ServerMessage;
use holm::protocol::refusal::REPLICA_CONFLICT;

/// See the head of the file.
pub struct NoCopies;

impl Checker for NoCopies {
    fn name(&self) -> &'static str {
        "no copies"
    }

    fn see(&mut self, fact: &Fact<'_>) -> Result<(), String> {
        match fact {
            Fact::Decided {
                message,
                reply: ServerMessage::Refused(refusal),
            } if refusal.code == REPLICA_CONFLICT => Err(format!(
                "taken for a copy, though there are none: {message:?}"
            )),
            _ => Ok(()),
        }
    }

    fn finish(&mut self, _: &End) -> Result<(), String> {
        Ok(())
    }
}
