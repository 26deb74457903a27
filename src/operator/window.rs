//! Window: the first rows of an order, as a list.
//!
//! ```text
//! window(z)    = the first `limit` rows of z by key
//! apply(delta) = window(I(z) + delta) as a change of the list window(I(z))
//! ```
//!
//! State: the rows of the list by key (`shown`) and those after its end (`rest`), from which it is
//! refilled. Every key of `shown` is below every key of `rest`, and `rest` is empty unless `shown`
//! is full. Only this file sees `rest`. A row is found by its key, which holds its id: never by
//! reference and never by a scan.
//!
//! Where rows can be read in order, those behind a key (`bound`) are not here: what happens to them
//! changes nothing, and once `shown` is short the next ones are asked for.

use super::Operator;
use super::order::{self, Entry, Order};
use super::rest::Rest;
use crate::doc::row::Row;
use crate::zset::{Weight, ZSet};
use std::rc::Rc;

/// Rows behind the end of a list that are read once it was short, beside half as many as it has.
const MARGIN: usize = 16;

/// What a commit did to a list. Positions ascend in each member.
#[derive(Clone, Debug, Default)]
pub struct ListDelta {
    /// Rows that left their place, by position in the old list. One that came elsewhere is in
    /// `came` too.
    pub gone: Vec<(usize, Rc<Row>)>,
    /// Rows that took a place, by position in the new list.
    pub came: Vec<(usize, Rc<Row>)>,
    /// Rows that changed where they are, by position in the new list: before and after.
    pub changed: Vec<(usize, Rc<Row>, Rc<Row>)>,
}

/// Rows that were read for a query.
#[derive(Debug, Default)]
pub struct Found {
    /// All that match, or the first of them in the query's order, up to some row; and maybe others
    /// that do not match.
    pub rows: Vec<Rc<Row>>,
    /// Whether those that match are all here.
    pub is_all: bool,
    /// Whether the first could be read without the others.
    pub is_ordered: bool,
}

/// The ordered list of a query.
#[derive(Clone, Debug)]
pub struct Window {
    order: Order,
    limit: usize,
    shown: Vec<Entry>,
    rest: Rest,
    /// The last key up to which all rows are here; none if all are.
    bound: Option<Box<[u8]>>,
    /// Whether rows that are given up can be read again.
    is_ordered: bool,
}

/// A commit's delta, sorted by what is to be done.
#[derive(Default)]
struct Work {
    /// Positions in `shown` of rows that leave their place.
    leaving: Vec<usize>,
    /// Rows that enter `shown`, by key.
    entering: Vec<Entry>,
    /// Rows of `shown` that changed in place: key and row before.
    replaced: Vec<(Box<[u8]>, Rc<Row>)>,
}

impl Window {
    /// A list without rows. No limit shows all.
    pub fn new(order: Order, limit: Option<usize>) -> Self {
        Self {
            order,
            limit: limit.unwrap_or(usize::MAX),
            shown: Vec::new(),
            rest: Rest::default(),
            // Nothing is known yet.
            bound: Some(Box::default()),
            is_ordered: false,
        }
    }

    /// How many rows to read, so that the list is full, and stays so for a while if it changes:
    /// many never do.
    pub fn wanted(&self) -> usize {
        let is_new = self.bound.as_ref().is_some_and(|bound| bound.is_empty());
        let margin = if is_new { 0 } else { self.limit / 2 + MARGIN };
        self.limit.saturating_add(margin)
    }

    /// Whether there may be rows to fill the end of the list with, which are not here.
    pub fn is_short(&self) -> bool {
        self.bound.is_some() && self.shown.len() < self.limit
    }

    /// Takes in the first rows, of which those up to the bound are known already, while the list is
    /// short. Gives what has come, as a [`ListDelta`] does.
    pub fn feed(&mut self, found: &Found) -> Vec<(usize, Rc<Row>)> {
        let entries = found.rows.iter().map(|row| self.order.entry(row));
        let mut entries = order::sorted(entries.collect());
        let known = entries.partition_point(|entry| !self.is_beyond(&entry.key));
        let last = entries.last().map(|last| last.key.clone());
        self.rest = Rest::from_sorted(entries.split_off(known));
        if found.is_all || last.is_some() {
            self.bound = last.filter(|_| !found.is_all);
        }
        self.is_ordered = found.is_ordered;
        let mut out = ListDelta::default();
        self.refill(&mut out);
        self.trim();
        out.came
    }

    fn is_beyond(&self, key: &[u8]) -> bool {
        let bound = self.bound.as_ref();
        let bound = bound.filter(|_| !crate::planted::is("query_window_takes_from_beyond"));
        bound.is_some_and(|bound| **bound < *key)
    }

    /// Gives up rows that can be read again when they are needed.
    fn trim(&mut self) {
        if self.is_ordered
            && let Some(last) = self.rest.trim()
        {
            self.bound = Some(last);
        }
    }

    /// The rows of the list.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &Rc<Row>> {
        self.shown.iter().map(|entry| &entry.row)
    }

    /// The row at a place of the list.
    pub fn row(&self, at: usize) -> Option<&Rc<Row>> {
        self.shown.get(at).map(|entry| &entry.row)
    }

    /// Takes a document's rows before and after out of the delta and does what needs no place in
    /// the list.
    fn sort_out(&mut self, work: &mut Work, old: Option<&Rc<Row>>, new: Option<&Rc<Row>>) {
        let old = old.map(|row| self.order.entry(row));
        let new = new.map(|row| self.order.entry(row));
        let old = old.filter(|entry| !self.is_beyond(&entry.key));
        let new = new.filter(|entry| !self.is_beyond(&entry.key));
        match (old, new) {
            (Some(old), Some(new)) if old.key == new.key => self.replace(work, old, new),
            (old, new) => {
                if let Some(old) = old {
                    self.take_out(work, &old);
                }
                work.entering.extend(new);
            }
        }
    }

    fn place(&self, key: &[u8]) -> Result<usize, usize> {
        self.shown
            .binary_search_by(|entry| entry.key.as_ref().cmp(key))
    }

    fn replace(&mut self, work: &mut Work, old: Entry, new: Entry) {
        let place = self.place(&old.key).ok();
        if let Some(entry) = place.and_then(|at| self.shown.get_mut(at)) {
            *entry = new;
            work.replaced.push((old.key, old.row));
        } else {
            assert!(
                self.rest.put(new),
                "a row that changes was there: {:?}",
                old.row.value(0)
            );
        }
    }

    fn take_out(&mut self, work: &mut Work, old: &Entry) {
        if let Ok(at) = self.place(&old.key) {
            work.leaving.push(at);
        } else {
            assert!(
                self.rest.remove(&old.key),
                "a row that leaves was there: {:?}",
                old.row.value(0)
            );
        }
    }

    /// Keeps in `entering` what belongs before the rows of `rest`, and puts the others there.
    fn divide(&mut self, entering: Vec<Entry>) -> Vec<Entry> {
        let mut kept = Vec::with_capacity(entering.len());
        for entry in entering {
            match self.rest.first() {
                Some(first) if first.key <= entry.key => self.put_behind(entry),
                _ => kept.push(entry),
            }
        }
        order::sorted(kept)
    }

    fn put_behind(&mut self, entry: Entry) {
        let was_there = self.rest.put(entry);
        assert!(!was_there, "a row enters once");
    }

    /// Writes `shown` anew from the first place that changes.
    fn rebuild(&mut self, leaving: &[usize], entering: Vec<Entry>) -> ListDelta {
        let mut out = ListDelta::default();
        let first_entering = entering.first().map(|entry| self.place(&entry.key));
        let first_entering = first_entering.map(|place| place.unwrap_or_else(|at| at));
        let Some(first) = leaving
            .first()
            .copied()
            .into_iter()
            .chain(first_entering)
            .min()
        else {
            return out;
        };
        let tail = self.shown.split_off(first);
        let mut leaving = leaving.iter().peekable();
        let mut entering = entering.into_iter().peekable();
        for (at, entry) in (first..).zip(tail) {
            if leaving.next_if(|leaves| **leaves == at).is_some() {
                out.gone.push((at, entry.row));
                continue;
            }
            while let Some(earlier) = entering.next_if(|enters| enters.key <= entry.key) {
                assert!(earlier.key != entry.key, "a row enters once");
                self.append(&mut out, earlier);
            }
            if self.shown.len() < self.limit {
                self.shown.push(entry);
            } else {
                if !crate::planted::is("query_window_never_leaves") {
                    out.gone.push((at, Rc::clone(&entry.row)));
                }
                self.put_behind(entry);
            }
        }
        for entry in entering {
            self.append(&mut out, entry);
        }
        out
    }

    /// Puts an entering row at the end of `shown`, or behind it if it is full.
    fn append(&mut self, out: &mut ListDelta, entry: Entry) {
        if self.shown.len() >= self.limit {
            return self.put_behind(entry);
        }
        out.came.push((self.shown.len(), Rc::clone(&entry.row)));
        self.shown.push(entry);
    }

    /// Fills the end of the list from the rows behind it.
    fn refill(&mut self, out: &mut ListDelta) {
        while self.shown.len() < self.limit
            && let Some(entry) = self.rest.take_first()
        {
            self.append(out, entry);
        }
    }

    /// Where the replaced rows are now. One that was pushed out of the list is no longer news.
    fn locate(&self, replaced: Vec<(Box<[u8]>, Rc<Row>)>) -> Vec<(usize, Rc<Row>, Rc<Row>)> {
        let mut changed = Vec::with_capacity(replaced.len());
        for (key, old) in replaced {
            if let Ok(at) = self.place(&key)
                && let Some(entry) = self.shown.get(at)
            {
                changed.push((at, old, Rc::clone(&entry.row)));
            }
        }
        crate::zset::sort::sorted(changed, |a, b| a.0.cmp(&b.0))
    }
}

impl Operator for Window {
    type Output = ListDelta;

    fn apply(&mut self, delta: ZSet) -> ListDelta {
        let mut work = Work::default();
        let delta = delta.consolidate();
        for versions in delta.entries().chunk_by(|a, b| a.0.id() == b.0.id()) {
            let (old, new) = (version(versions, -1), version(versions, 1));
            let known = usize::from(old.is_some()) + usize::from(new.is_some());
            assert!(
                known == versions.len(),
                "a document has at most one row at a time"
            );
            self.sort_out(&mut work, old, new);
        }
        let leaving = crate::zset::sort::sorted(work.leaving, Ord::cmp);
        let entering = self.divide(work.entering);
        let mut out = self.rebuild(&leaving, entering);
        if !crate::planted::is("query_window_no_refill") {
            self.refill(&mut out);
        }
        out.changed = self.locate(work.replaced);
        self.trim();
        out
    }
}

/// The row of this weight among a document's versions.
fn version(versions: &[(Rc<Row>, Weight)], weight: Weight) -> Option<&Rc<Row>> {
    versions
        .iter()
        .find(|version| version.1 == weight)
        .map(|version| &version.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doc::key::Direction;
    use crate::doc::value::Value;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn row(id: u8, value: i64) -> Rc<Row> {
        let id = char::from(b'a' + id).to_string();
        Rc::new(Row::of(&id, &[Value::int(value)]))
    }

    /// The window of these rows; with `some` of so many first ones.
    fn window(order: &Order, limit: Option<usize>, rows: &[Rc<Row>], some: usize) -> Window {
        let mut window = Window::new(order.clone(), limit);
        feed(&mut window, rows, some);
        window
    }

    fn feed(window: &mut Window, rows: &[Rc<Row>], some: usize) -> Vec<(usize, Rc<Row>)> {
        let entries = rows.iter().map(|row| window.order.entry(row));
        let mut rows: Vec<_> = order::sorted(entries.collect())
            .into_iter()
            .map(|entry| entry.row)
            .collect();
        let all = rows.len();
        rows.truncate(some);
        let is_all = rows.len() == all;
        window.feed(&Found {
            rows,
            is_all,
            is_ordered: true,
        })
    }

    fn list(window: &Window) -> Vec<Rc<Row>> {
        window.rows().cloned().collect()
    }

    /// The list change, done to the old list.
    fn followed(old: &[Rc<Row>], delta: &ListDelta) -> Vec<Rc<Row>> {
        let left = |at: &usize| delta.gone.iter().all(|gone| gone.0 != *at);
        let mut list: Vec<_> = (0..old.len())
            .filter(left)
            .map(|at| Rc::clone(&old[at]))
            .collect();
        for (at, row) in &delta.came {
            list.insert(*at, Rc::clone(row));
        }
        for (at, before, after) in &delta.changed {
            assert_eq!(&list[*at], before);
            list[*at] = Rc::clone(after);
        }
        list
    }

    /// Each step gives some documents a new value or takes them away.
    type History = Vec<Vec<(u8, Option<i64>)>>;

    fn histories() -> impl Strategy<Value = History> {
        let write = (0_u8..8, proptest::option::weighted(0.7, 0_i64..4));
        proptest::collection::vec(proptest::collection::vec(write, 1..6), 1..12)
    }

    fn config() -> ProptestConfig {
        ProptestConfig {
            failure_persistence: None,
            ..ProptestConfig::default()
        }
    }

    proptest! {
        #![proptest_config(config())]

        #[test]
        fn it_is_the_difference_of_the_whole_lists(
            history in histories(), limit in proptest::option::of(0_usize..6), down: bool,
            margin in 0_usize..9,
        ) {
            let direction = if down { Direction::Descending } else { Direction::Ascending };
            let order = Order::new([(1, direction)]);
            let mut state: BTreeMap<u8, Rc<Row>> = BTreeMap::new();
            let some = limit.map_or(usize::MAX, |limit| limit + margin);
            let mut shown = window(&order, limit, &[], some);
            for step in history {
                let mut weights = Vec::new();
                for (id, value) in step {
                    let new = value.map(|value| row(id, value));
                    let old = match &new {
                        Some(new) => state.insert(id, Rc::clone(new)),
                        None => state.remove(&id),
                    };
                    weights.extend(old.map(|row| (row, -1)));
                    weights.extend(new.map(|row| (row, 1)));
                }
                let before = list(&shown);
                let mut delta = shown.apply(weights.into_iter().collect());
                let rows: Vec<_> = state.values().cloned().collect();
                if shown.is_short() {
                    delta.came.extend(feed(&mut shown, &rows, some));
                }
                prop_assert!(!shown.is_short());
                prop_assert_eq!(followed(&before, &delta), list(&shown));
                let anew = window(&order, limit, &rows, usize::MAX);
                prop_assert_eq!(list(&shown), list(&anew));
            }
        }
    }

    #[test]
    fn what_can_be_read_again_is_not_kept_for_ever() {
        let number = |nth: i64| Rc::new(Row::of(&nth.to_string(), &[Value::int(nth)]));
        let order = Order::new([(1, Direction::Ascending)]);
        let mut window = window(&order, Some(10), &[], 50);
        for nth in (0..10_000).rev() {
            window.apply(ZSet::from_iter([(number(nth), 1)]));
        }
        assert_eq!(list(&window), (0..10).map(number).collect::<Vec<_>>());
        assert!(
            window.rest.len() < 2_000,
            "{} rows are kept",
            window.rest.len()
        );
        let rows: Vec<_> = (0..10_000).map(number).collect();
        for (first, row) in rows.iter().enumerate().take(3_000) {
            window.apply(ZSet::from_iter([(Rc::clone(row), -1)]));
            if window.is_short() {
                feed(&mut window, &rows[first + 1..], 50);
            }
            assert_eq!(list(&window), rows[first + 1..first + 11]);
        }
    }

    #[test]
    #[should_panic(expected = "a row that leaves was there")]
    fn a_row_that_was_never_there_cannot_leave() {
        let mut window = window(&Order::default(), Some(2), &[row(0, 0)], 9);
        window.apply(ZSet::from_iter([(row(1, 0), -1)]));
    }

    #[test]
    #[should_panic(expected = "a row enters once")]
    fn a_row_cannot_enter_twice() {
        let mut window = window(&Order::default(), None, &[row(0, 0)], 9);
        window.apply(ZSet::from_iter([(row(0, 0), 1)]));
    }

    #[test]
    #[should_panic(expected = "at most one row at a time")]
    fn a_weight_above_one_is_refused() {
        let mut window = window(&Order::default(), None, &[], 9);
        window.apply(ZSet::from_iter([(row(0, 0), 1), (row(0, 0), 1)]));
    }
}
