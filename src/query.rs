//! Queries: from data to a checked plan, to one answer or a live one.
//!
//! `check` reads what a page sends and holds it against the schema; `access` finds the part of an
//! index that it needs; `evaluate` answers once; `circuit` keeps an answer up to date from what
//! commits change; `live` holds all open queries and `router` finds those a commit can touch;
//! `patch` says to a page what happened to its list. `naive` is the oracle, of queries as `ast` has
//! them; both are compiled for tests only. Nothing here may know how rows are stored or who is on
//! the other end of a tab.

pub mod access;
#[cfg(any(test, feature = "oracle"))]
pub mod ast;
pub mod check;
pub mod circuit;
pub mod evaluate;
pub mod live;
#[cfg(any(test, feature = "oracle"))]
pub mod naive;
pub mod patch;
pub mod router;
