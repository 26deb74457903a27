//! The error that a page gets: a stable code, a message (what happened, likely cause, next step)
//! and facts.

use crate::text::{decimal, filled};
use std::rc::Rc;

/// What went wrong, for the page. Codes are listed in `docs/ERRORS.md`.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// A value does not fit its field.
    BadValue {
        /// The collection.
        collection: String,
        /// The field, with the place inside it where that helps.
        field: String,
        /// Type of the value.
        found: String,
        /// What the field takes.
        expected: String,
    },
    /// A required field has no value.
    MissingField {
        /// The collection.
        collection: String,
        /// The field.
        field: String,
        /// What the field takes.
        expected: String,
    },
    /// The schema has no such collection.
    UnknownCollection {
        /// The name.
        collection: String,
        /// A name like it.
        nearest: Option<String>,
    },
    /// The collection has no such field.
    UnknownField {
        /// The collection.
        collection: String,
        /// The name.
        field: String,
        /// A name like it.
        nearest: Option<String>,
    },
    /// The query has an operator that does not exist.
    UnknownOperator {
        /// What was given.
        operator: String,
        /// Where in the query.
        place: String,
    },
    /// The query is not well-formed.
    BadQuery {
        /// Where in the query.
        place: String,
        /// What is wrong there.
        problem: String,
    },
    /// A part of a query is refused.
    InQuery {
        /// Where in the query.
        place: String,
        /// What is wrong there.
        error: Error,
    },
    /// The schema is not well-formed.
    SchemaInvalid {
        /// Where in the schema.
        place: String,
        /// What is wrong there.
        problem: String,
    },
    /// A document with this id is there already.
    Exists {
        /// The collection.
        collection: String,
        /// The id.
        id: String,
    },
    /// There is no document with this id.
    NotFound {
        /// The collection.
        collection: String,
        /// The id.
        id: String,
    },
    /// The encoded document is larger than the limit.
    DocumentTooLarge {
        /// The collection.
        collection: String,
        /// The id.
        id: String,
        /// Its size in bytes.
        bytes: usize,
    },
    /// The transaction is larger than the limit.
    TransactionTooLarge {
        /// Its size in bytes.
        bytes: usize,
    },
    /// Something that the transaction read has changed since.
    TransactionConflict,
    /// There is no open transaction with this number.
    NoTransaction,
    /// There is no outbox entry with this number in a state that allows the request.
    NoEntry {
        /// The number.
        entry: u64,
    },
    /// Another tab has the database.
    DatabaseInUse,
    /// The lock or a file is held by something that does not answer.
    StorageBusy,
    /// The storage where the database lived was emptied.
    StorageGone,
    /// The storage is full.
    StorageFull,
    /// The store is damaged and was opened for reading only.
    StorageDamaged {
        /// What was found where.
        problem: String,
    },
    /// A call on a file failed.
    StorageFailed {
        /// In the platform's words.
        problem: String,
    },
    /// The request is not one of `docs/PAGE.md`.
    BadRequest {
        /// What is wrong with it.
        problem: String,
    },
    /// The database is not open.
    NotOpen,
    /// The database is open with another schema or name.
    OpenedOtherwise {
        /// What differs.
        problem: String,
    },
    /// The server refused, or cannot be reached; its code.
    Sync {
        /// The code.
        code: String,
        /// The message.
        message: String,
        /// Whether it may pass.
        retryable: bool,
    },
}

/// A problem, behind a pointer: errors pass through many hands, and a pointer is cheap to pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(Rc<Problem>);

impl From<Problem> for Error {
    #[inline(never)]
    fn from(problem: Problem) -> Self {
        Self(Rc::new(problem))
    }
}

impl std::ops::Deref for Error {
    type Target = Problem;

    fn deref(&self) -> &Problem {
        &self.0
    }
}

impl Problem {
    /// The stable code.
    pub fn code(&self) -> &str {
        match self {
            Self::BadValue { .. } => "bad_value",
            Self::MissingField { .. } => "missing_field",
            Self::UnknownCollection { .. } => "unknown_collection",
            Self::UnknownField { .. } => "unknown_field",
            Self::UnknownOperator { .. } => "unknown_operator",
            Self::BadQuery { .. } => "bad_query",
            Self::InQuery { error, .. } => error.code(),
            Self::SchemaInvalid { .. } => "schema_invalid",
            Self::Exists { .. } => "exists",
            Self::NotFound { .. } => "not_found",
            Self::DocumentTooLarge { .. } => "document_too_large",
            Self::TransactionTooLarge { .. } => "transaction_too_large",
            Self::TransactionConflict => "transaction_conflict",
            Self::NoTransaction => "no_transaction",
            Self::NoEntry { .. } => "no_entry",
            Self::DatabaseInUse => "database_in_use",
            Self::StorageBusy => "storage_busy",
            Self::StorageGone => "storage_gone",
            Self::StorageFull => "storage_full",
            Self::StorageDamaged { .. } => "storage_damaged",
            Self::StorageFailed { .. } => "storage_failed",
            Self::BadRequest { .. } => "bad_request",
            Self::NotOpen => "not_open",
            Self::OpenedOtherwise { .. } => "opened_otherwise",
            Self::Sync { code, .. } => code,
        }
    }

    /// Whether the same call may succeed later without a change.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::TransactionConflict | Self::StorageBusy | Self::DatabaseInUse => true,
            Self::Sync { retryable, .. } => *retryable,
            _ => false,
        }
    }

    /// What happened, the likely cause and the next step.
    pub fn message(&self) -> String {
        match self {
            Self::BadValue {
                collection,
                field,
                found,
                expected,
            } => filled(
                "{}.{} takes {}, but got a {}. Nothing was changed; \
                 give a value of that type.",
                &[collection, field, expected, found],
            ),
            Self::MissingField {
                collection,
                field,
                expected,
            } => filled(
                "{}.{} has no value and no default. It takes {}; \
                 give one, or make the field nullable.",
                &[collection, field, expected],
            ),
            Self::UnknownCollection {
                collection,
                nearest,
            } => unknown("the schema", "collection", collection, nearest.as_deref()),
            Self::UnknownField {
                collection,
                field,
                nearest,
            } => unknown(collection, "field", field, nearest.as_deref()),
            Self::UnknownOperator { operator, place } => filled(
                "{}: there is no operator `{}`. \
                 Use one of = != < <= > >= in and or not.",
                &[place, operator],
            ),
            Self::BadQuery { place, problem } => {
                filled("The query is not valid at {}: {}.", &[place, problem])
            }
            Self::InQuery { place, error } => {
                filled("At {} of the query: {}", &[place, &error.message()])
            }
            Self::SchemaInvalid { place, problem } => {
                filled("The schema is not valid at {}: {}.", &[place, problem])
            }
            Self::Exists { collection, id } => filled(
                "{} has a document with id `{}` already. Update it, or use an upsert.",
                &[collection, id],
            ),
            Self::NotFound { collection, id } => filled(
                "{} has no document with id `{}`. \
                 It may have been deleted; insert it first.",
                &[collection, id],
            ),
            _ => self.message_of_the_rest(),
        }
    }

    fn message_of_the_rest(&self) -> String {
        match self {
            Self::DocumentTooLarge {
                collection,
                id,
                bytes,
            } => filled(
                "{} `{}` takes {} bytes, over the limit of 262144. \
                 Nothing was changed; split the document.",
                &[collection, id, &decimal(*bytes as u64)],
            ),
            Self::TransactionTooLarge { bytes } => filled(
                "The transaction takes {} bytes, over the limit of 16777216. \
                 Nothing was changed; write in several transactions.",
                &[&decimal(*bytes as u64)],
            ),
            Self::NoEntry { entry } => filled(
                "The outbox has no entry {} that can be retried or discarded. \
                 It may have been sent or settled.",
                &[&decimal(*entry)],
            ),
            Self::StorageDamaged { problem } => filled(
                "The stored data is damaged: {}. It is open for reading only; \
                 take the documents out with export().",
                &[problem],
            ),
            Self::StorageFailed { problem } => filled(
                "The storage failed: {}. The write was not saved; try again or reload.",
                &[problem],
            ),
            Self::BadRequest { problem } => filled("The request is not valid: {}.", &[problem]),
            Self::OpenedOtherwise { problem } => {
                filled("The database is open already: {}.", &[problem])
            }
            Self::Sync { message, .. } => message.clone(),
            _ => self.fixed_message().to_string(),
        }
    }

    fn fixed_message(&self) -> &'static str {
        match self {
            Self::TransactionConflict => {
                "Something the transaction read has changed since. \
                 Nothing was changed; run it again."
            }
            Self::NoTransaction => {
                "This transaction or export is over, likely since the database was opened again. \
                 Run it again."
            }
            Self::DatabaseInUse => {
                "Another tab has this database open, and only one tab can. \
                 Close the other tab and reload."
            }
            Self::StorageBusy => {
                "The database is held by something that does not answer, \
                 likely a page that is closing. \
                 Wait a moment and reload; if it stays, close the other tabs of this site."
            }
            Self::StorageGone => {
                "The storage where this database was has been emptied, likely by the browser. \
                 To begin anew, call removeDatabase() and open it again."
            }
            Self::StorageFull => {
                "The storage is full. The write was not saved; \
                 free space or delete documents and try again."
            }
            Self::NotOpen => "The database is not open. It may have been closed; open it again.",
            _ => "Something failed.",
        }
    }

    /// The facts, by name.
    pub fn details(&self) -> Vec<(&'static str, String)> {
        if let Self::InQuery { place, error } = self {
            let mut details = error.details();
            details.push(("place", place.clone()));
            return details;
        }
        let mut details = Vec::new();
        let mut add = |name: &'static str, value: &str| details.push((name, value.to_string()));
        match self {
            Self::BadValue {
                collection,
                field,
                found,
                expected,
            } => {
                add("collection", collection);
                add("field", field);
                add("found", found);
                add("expected", expected);
            }
            Self::MissingField {
                collection,
                field,
                expected,
            } => {
                add("collection", collection);
                add("field", field);
                add("expected", expected);
            }
            Self::UnknownCollection {
                collection,
                nearest,
            } => {
                add("collection", collection);
                if let Some(nearest) = nearest {
                    add("nearest", nearest);
                }
            }
            Self::UnknownField {
                collection,
                field,
                nearest,
            } => {
                add("collection", collection);
                add("field", field);
                if let Some(nearest) = nearest {
                    add("nearest", nearest);
                }
            }
            Self::UnknownOperator { operator, place } => {
                add("operator", operator);
                add("place", place);
            }
            Self::BadQuery { place, .. } | Self::SchemaInvalid { place, .. } => add("place", place),
            Self::Exists { collection, id }
            | Self::NotFound { collection, id }
            | Self::DocumentTooLarge { collection, id, .. } => {
                add("collection", collection);
                add("id", id);
            }
            _ => {}
        }
        details
    }
}

fn unknown(owner: &str, what: &str, name: &str, nearest: Option<&str>) -> String {
    let hint = nearest.map_or(String::new(), |nearest| {
        filled(" Did you mean `{}`?", &[nearest])
    });
    filled(
        "{} has no {} `{}`.{} Check the spelling, or add it to the schema.",
        &[owner, what, name, &hint],
    )
}

/// The candidate nearest to `name`, if one is near enough to be a slip of the pen.
pub fn nearest(name: &str, candidates: &mut dyn Iterator<Item = &str>) -> Option<String> {
    let mut within = (distance(name, "") / 3).max(1);
    let mut best: Option<&str> = None;
    for candidate in candidates {
        let distance = distance(name, candidate);
        if distance < within || (distance == within && best.is_none_or(|best| candidate < best)) {
            within = distance;
            best = Some(candidate);
        }
    }
    best.map(Into::into)
}

/// Levenshtein's distance, by characters.
fn distance(a: &str, b: &str) -> usize {
    let mut costs = vec![0];
    for _ in b.chars() {
        costs.push(costs.len());
    }
    for (row, from) in a.chars().enumerate() {
        let mut diagonal = row;
        let mut left = row + 1;
        for (cost, to) in costs.iter_mut().skip(1).zip(b.chars()) {
            let replaced = diagonal + usize::from(from != to);
            diagonal = *cost;
            left = replaced.min(left + 1).min(*cost + 1);
            *cost = left;
        }
        if let Some(first) = costs.first_mut() {
            *first = row + 1;
        }
    }
    costs.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_a_slip_away_or_none() {
        let names = ["title", "rating", "genre"];
        assert_eq!(nearest("titel", &mut names.into_iter()), None);
        assert_eq!(
            nearest("titl", &mut names.into_iter()),
            Some("title".into())
        );
        assert_eq!(
            nearest("genres", &mut names.into_iter()),
            Some("genre".into())
        );
        assert_eq!(nearest("zzz", &mut names.into_iter()), None);
    }

    #[test]
    fn distance_is_levenshteins() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", "abc"), 0);
    }
}
