//! The seam to a database: rows in order, per space, and transactions.

pub mod memory;
pub mod sqlite;
#[cfg(test)]
mod suite;

use holm::protocol::message::ClientMessage;
use holm::sync::authority::{Context, Decision};
use std::fmt;

/// Keeps the rows of every space.
pub trait Store: Send {
    /// Reads what the authority needs for a message, lets it decide, and writes what it decided,
    /// all in one transaction that is durable when this returns. An error leaves everything as it
    /// was.
    fn handle(
        &mut self,
        space: &str,
        context: &Context,
        message: &ClientMessage,
    ) -> Result<Decision, StoreError>;
}

/// Why a store could not do it.
#[derive(Debug)]
#[non_exhaustive]
pub enum StoreError {
    /// Another process has the database.
    InUse(String),
    /// The database is busy; the same may work later.
    Busy(String),
    /// The database failed.
    Failed(String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse(message) | Self::Busy(message) | Self::Failed(message) => {
                out.write_str(message)
            }
        }
    }
}

impl std::error::Error for StoreError {}
