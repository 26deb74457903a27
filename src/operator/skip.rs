//! Skip: a list without its first rows.
//!
//! ```text
//! skip(list)   = the rows of the list from `offset` on
//! apply(delta) = what the change of the list does to these
//! ```
//!
//! It keeps nothing: the list says which rows have come over the edge. A change before the edge
//! moves as many rows over it as have come or gone there; only these are looked at.

use super::window::{ListDelta, Window};
use crate::doc::row::Row;
use crate::zset::sort::sorted;
use std::ops::Range;
use std::rc::Rc;

/// What a change of a list, which had so many rows before, does to the list from `offset` on.
pub fn skip(mut delta: ListDelta, offset: usize, before: usize, list: &Window) -> ListDelta {
    let after = list.rows().len();
    // Rows before the edge that stay in the list, then and now: the same ones, up to the fewer.
    let was = before.min(offset) - count_before(&delta.gone, offset);
    let is = after.min(offset) - count_before(&delta.came, offset);
    let moved = if crate::planted::is("query_skip_moves_nothing") {
        0
    } else {
        is.abs_diff(was)
    };
    let placed = |at: usize| Some((at, Rc::clone(list.row(at)?)));
    if is > was {
        let from = others(&delta.gone, offset..before).take(moved);
        let mut now: Vec<_> = others(&delta.came, 0..after.min(offset))
            .rev()
            .take(moved)
            .collect();
        now.reverse();
        let left = from.zip(now);
        let left: Vec<_> = left
            .filter_map(|(from, now)| Some((from, placed(now)?.1)))
            .collect();
        delta.gone.extend(left);
        delta.gone = sorted(delta.gone, |a, b| a.0.cmp(&b.0));
    } else {
        let came = others(&delta.came, offset..after).take(moved);
        let came: Vec<_> = came.filter_map(placed).collect();
        // They are news as a whole.
        let is_old = |at: usize| came.iter().all(|entered| entered.0 != at);
        delta.changed.retain(|(at, ..)| is_old(*at));
        delta.came.extend(came);
        delta.came = sorted(delta.came, |a, b| a.0.cmp(&b.0));
    }
    let kept = |(at, row): (usize, Rc<Row>)| Some((at.checked_sub(offset)?, row));
    ListDelta {
        gone: delta.gone.into_iter().filter_map(kept).collect(),
        came: delta.came.into_iter().filter_map(kept).collect(),
        changed: delta
            .changed
            .into_iter()
            .filter_map(|(at, old, new)| Some((at.checked_sub(offset)?, old, new)))
            .collect(),
    }
}

/// How many of some rows are before a place.
fn count_before(rows: &[(usize, Rc<Row>)], place: usize) -> usize {
    rows.partition_point(|(at, _)| *at < place)
}

/// The places of a list that none of some rows has.
fn others(
    rows: &[(usize, Rc<Row>)],
    places: Range<usize>,
) -> impl DoubleEndedIterator<Item = usize> {
    places.filter(|place| rows.binary_search_by(|(at, _)| at.cmp(place)).is_err())
}
