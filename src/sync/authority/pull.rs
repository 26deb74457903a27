//! `pull` (`docs/PROTOCOL.md` section 7): pages of what changed after the client's base.
//!
//! The pages of one pull follow the change rows, in which a document stands once, at the version it
//! last changed in. A document that changes between two pages moves behind all that were sent and
//! is sent again, so the pages chase the head, and when they reach it they hold every path changed
//! after the base: the space as of that moment's version, never half a transaction.

use super::apply::DISCARDED_BYTES_MAX;
use super::cursor::Cursor;
use super::document::Stored;
use super::key::{Key, change_position, changes_after, verdicts_between};
use super::record::{Replica, Space, damaged};
use super::rows::{Found, Need, Rows};
use super::{Context, Decided, Decision, Wanted};
use crate::limits::{BATCH_BYTES, PAGE_DOCUMENTS_MAX};
use crate::planted;
use crate::protocol::codec::{decode_verdict, delta_bytes};
use crate::protocol::message::{Page, Pull, Refusal, ServerMessage, ShapePull, Verdict};
use crate::protocol::refusal::BAD_FRAME;

/// Most verdicts in a page.
const VERDICTS_MAX: usize = 1_000;

/// How many documents are read at a time; reading stops once a page is full.
const READ_AHEAD: usize = 64;

/// What a pull starts from.
struct Start<'a> {
    space: Space,
    shape: &'a ShapePull,
    cursor: Cursor,
    is_reset: bool,
    limit: usize,
    verdicts: Need,
    changes: Need,
}

/// Needs the rows of the space and the replica.
fn start<'a>(context: &Context, pull: &'a Pull, rows: &Rows) -> Decided<Start<'a>> {
    let replica = Replica::admitted(pull.replica, context, rows)?;
    let space = Space::read(context, rows)?;
    let [shape] = pull.shapes.as_slice() else {
        return Err(Refusal::new(
            BAD_FRAME,
            "pull.shapes: this server knows one, the whole space",
        ));
    };
    let known = shape
        .cursor
        .as_ref()
        .map(|text| Cursor::from_text(text, &space));
    let is_reset = known == Some(None);
    let cursor = known.flatten().unwrap_or_default();
    let limit = (pull.limit as usize).min(PAGE_DOCUMENTS_MAX);
    let confirmed = pull.confirmed.min(replica.last_seq);
    let first = replica.confirmed.max(confirmed).next();
    let verdicts = verdicts_between(pull.replica, first, replica.last_seq, VERDICTS_MAX);
    let changes = changes_after(cursor.base, cursor.position.as_deref(), limit + 1);
    Ok(Start {
        space,
        shape,
        cursor,
        is_reset,
        limit,
        verdicts,
        changes,
    })
}

pub fn ask(context: &Context, pull: &Pull, wanted: &mut Wanted<'_>) -> Decided<()> {
    let is_known = wanted.has_row(Key::space()) & wanted.has_row(Key::replica(pull.replica));
    if !is_known {
        return Ok(());
    }
    let start = start(context, pull, wanted.rows)?;
    let is_listed = wanted.has(start.verdicts) & wanted.has(start.changes.clone());
    if !is_listed {
        return Ok(());
    }
    let (mut bytes, mut asked) = (0, 0);
    for (key, _) in wanted.rows.scan(&start.changes).iter().take(start.limit) {
        let key = key.changed_document().ok_or_else(|| damaged("change"))?;
        let key = Key::document(&key);
        if wanted.has_row(key.clone()) {
            bytes += wanted.rows.get(&key).map_or(0, <[u8]>::len);
        } else {
            asked += 1;
        }
        if asked == READ_AHEAD || bytes >= BATCH_BYTES {
            break;
        }
    }
    Ok(())
}

pub fn decide(context: &Context, pull: &Pull, rows: &Rows) -> Decided<Decision> {
    let start = start(context, pull, rows)?;
    let changes = rows.scan(&start.changes);
    let mut page = Page {
        checkpoint: start.space.version,
        verdicts: read_verdicts(rows.scan(&start.verdicts))?,
        ..Page::default()
    };
    let taken = fill(&mut page, &start, changes, rows)?;
    page.has_more = taken < changes.len() && !planted::is("authority_page_ends_early");
    let cursor = if page.has_more {
        let last = changes.get(..taken).and_then(<[Found]>::last);
        let position = last.map(|(key, _)| change_position(key).to_vec());
        Cursor {
            base: start.cursor.base,
            position,
        }
    } else {
        Cursor {
            base: start.space.version,
            position: None,
        }
    };
    page.cursors
        .push((start.shape.id.clone(), cursor.to_text(&start.space)));
    if start.is_reset {
        page.reset.push(start.shape.id.clone());
    }
    Ok(Decision::answer(ServerMessage::Page(page)))
}

/// Puts deltas into the page until it is full or the rows that were read end. Gives how many
/// changes it took.
fn fill(page: &mut Page, start: &Start<'_>, changes: &[Found], rows: &Rows) -> Decided<usize> {
    let mut bytes = 0;
    for (taken, (key, _)) in changes.iter().take(start.limit).enumerate() {
        let key = key.changed_document().ok_or_else(|| damaged("change"))?;
        if !rows.is_answered(&Need::Get(Key::document(&key))) {
            return Ok(taken);
        }
        let document = Stored::read(&key, rows)?;
        let Some(delta) = document.delta_since(&key, start.cursor.base) else {
            continue;
        };
        bytes += delta_bytes(&delta) + 1;
        if bytes > BATCH_BYTES && taken > 0 {
            return Ok(taken);
        }
        page.deltas.push(delta);
    }
    Ok(changes.len().min(start.limit))
}

fn read_verdicts(found: &[Found]) -> Decided<Vec<Verdict>> {
    let mut verdicts = Vec::new();
    let mut bytes = 0;
    for (_, row) in found {
        bytes += row.len();
        if bytes > DISCARDED_BYTES_MAX && !verdicts.is_empty() {
            break;
        }
        verdicts.push(decode_verdict(row)?);
    }
    Ok(verdicts)
}
