//! How a query is read: by which index, or from the collection itself, in which order, and why.
//!
//! Of the parts of indexes that a query needs the one is read that takes least, by estimates from
//! the blocks of runs. Where few rows are enough and a part has them in the query's order, it is
//! read until there are as many (`docs/decisions/0029-first-rows-are-read-in-order.md`).

use super::database::{Database, row_of};
use super::index::Index;
use crate::doc::key;
use crate::doc::row::Row;
use crate::error::Error;
use crate::operator::window::Found;
use crate::planted;
use crate::platform::disk::Disk;
use crate::query::access::{Access, Form, Ordered, Range, access, ordered};
use crate::query::check::CheckedQuery;
use crate::query::evaluate::Rows;
use crate::query::router;
use crate::store::Direction;
use crate::text::{decimal, filled};
use std::rc::Rc;

/// How many documents are read in order in the time in which one is found by its id.
const SCANNED_PER_FOUND: u64 = 4;
/// Keys that are read at once where few rows may be enough.
const READ_AT_ONCE: usize = 64;

/// A way to read a query.
struct Plan<'a> {
    /// None is the collection itself.
    index: Option<&'a Index>,
    /// What keys there begin with.
    columns: Vec<usize>,
    part: Access,
    /// About how many keys there are in the part.
    count: u64,
    /// How the part has the rows in the query's order.
    order: Option<Ordered>,
}

impl Plan<'_> {
    /// How long it takes to read all, in rows read in order; of what costs the same the part that
    /// serves most of the query is first.
    fn rank_of_all(&self) -> (u64, usize) {
        let each = match self.index {
            None => 1,
            // Only the order would be of use.
            Some(_) if self.part.weight == 0 => return (u64::MAX, 0),
            Some(_) => SCANNED_PER_FOUND,
        };
        (self.count * each, usize::MAX - self.part.weight)
    }

    /// How long it takes to read `enough` in the query's order, where `least` match of all.
    fn in_order(&self, enough: u64, least: u64) -> Option<u64> {
        let count = enough.saturating_mul(self.count) / least.max(1);
        let cost = count.min(self.count) * SCANNED_PER_FOUND;
        (self.order.is_some() && enough != usize::MAX as u64).then_some(cost)
    }
}

/// How a query is read, of all the ways there are.
struct Choice<'a> {
    plans: Vec<Plan<'a>>,
    /// Which of them is best for reading all that matches.
    whole: usize,
    /// Whether one has rows in the query's order.
    is_ordered: bool,
    /// Which of them is read in that order, and how long that may take.
    first: Option<(usize, u64)>,
}

impl<'a> Choice<'a> {
    fn whole(&self) -> &Plan<'a> {
        let whole = self.plans.get(self.whole);
        whole.expect("the collection itself can be read")
    }

    fn first(&self) -> Option<(&Plan<'a>, &Ordered, u64)> {
        let (at, most) = self.first?;
        let plan = self.plans.get(at)?;
        Some((plan, plan.order.as_ref()?, most))
    }
}

/// The rows of a database as of its last commit.
pub struct Stored<'a> {
    /// What reads them.
    pub database: &'a Database,
    /// Its files.
    pub disk: &'a mut dyn Disk,
}

impl Rows for Stored<'_> {
    fn read(&mut self, query: &CheckedQuery, enough: usize) -> Result<Found, Error> {
        self.database.rows_for(self.disk, query, enough)
    }
}

impl Database {
    /// Rows that a query may need: by id, of an index, or all of its collection. `enough` of those
    /// that match, if they can be read in order.
    pub fn rows_for(
        &self,
        disk: &mut dyn Disk,
        query: &CheckedQuery,
        enough: usize,
    ) -> Result<Found, Error> {
        let collection = query.collection;
        let mut found = Found {
            is_all: true,
            ..Found::default()
        };
        // Of a damaged database entries may be missing whose documents can be read.
        if self.schema.is_outbox(collection) || self.store.is_damaged() {
            found.rows = self.rows(disk, collection)?;
            return Ok(found);
        }
        let choice = self.choose(disk, query, enough)?;
        let whole = choice.whole();
        found.is_ordered = choice.is_ordered;
        if let Some((plan, order, most)) = choice.first()
            && let Some(first) = self.read(disk, query, (plan, order), (enough, most))?
        {
            return Ok(first);
        }
        if whole.index.is_some() {
            let order = Ordered::default();
            let all = self.read(disk, query, (whole, &order), (usize::MAX, u64::MAX))?;
            found.rows = all.unwrap_or_default().rows;
            return Ok(found);
        }
        for range in &whole.part.ranges {
            self.add_rows(disk, collection, range, &mut found.rows)?;
        }
        Ok(found)
    }

    /// The best of all ways to read a query, of which `enough` rows do.
    fn choose(
        &self,
        disk: &mut dyn Disk,
        query: &CheckedQuery,
        enough: usize,
    ) -> Result<Choice<'_>, Error> {
        let mut plans = vec![self.plan(disk, query, None)?];
        for index in &self.indexes.all {
            let may_be_read = index.is_ready() || planted::is("index_read_unready");
            if index.collection == query.collection && may_be_read {
                plans.push(self.plan(disk, query, Some(index))?);
            }
        }
        let numbered = || plans.iter().enumerate();
        let whole = numbered().min_by_key(|(_, plan)| plan.rank_of_all());
        let (whole, most) = whole.map_or((0, 0), |(at, plan)| (at, plan.rank_of_all().0));
        let least = plans.iter().map(|plan| plan.count).min().unwrap_or(0);
        let costs = numbered().filter_map(|(at, plan)| {
            let cost = plan.in_order(enough as u64, least)?;
            // To read the same part to its end takes no longer, however few were counted in it.
            let most = if at == whole { u64::MAX } else { most };
            Some((cost, at, most))
        });
        let first = costs.min_by_key(|found| found.0);
        Ok(Choice {
            whole,
            is_ordered: first.is_some(),
            first: first
                .filter(|(cost, _, most)| cost < most)
                .map(|(_, at, most)| (at, most)),
            plans,
        })
    }

    /// Says in three lines how a query is read, how its rows come into order, and which commits its
    /// live form is asked about.
    pub fn explain(&self, disk: &mut dyn Disk, query: &CheckedQuery) -> Result<String, Error> {
        let collection = self.schema.at(query.collection);
        let name = |column: usize| match column.checked_sub(1) {
            None => "id",
            Some(field) => collection.fields.get(field).map_or("", |field| &field.name),
        };
        let choice = self.choose(disk, query, query.reach().unwrap_or(usize::MAX))?;
        let (plan, order) = match choice.first() {
            Some((plan, ..)) => (plan, "in order, until enough match"),
            None => (choice.whole(), "all, and sorts what matches"),
        };
        let mut columns = String::new();
        for (nth, column) in plan.columns.iter().enumerate() {
            columns += if nth > 0 { ", " } else { "" };
            columns += name(*column);
            columns += match plan.part.weight.saturating_sub(2 * nth) {
                0 => "",
                1 => " in a range",
                _ => " fixed",
            };
        }
        let way = match plan.index {
            Some(_) => "the index",
            None => "documents",
        };
        let (from, count) = (collection.name.as_str(), decimal(plan.count));
        let (route, by) = match router::constant(query) {
            Some(column) => ("routed by ", name(column)),
            None => ("visits every commit to ", from),
        };
        let parts = [from, way, &columns, &count, order, route, by];
        Ok(filled("{}: {} ({}), about {}\n{}\n{}{}", &parts))
    }

    /// Reads rows as a plan has them until enough match, and those that are the same in the order.
    /// None if that takes longer than to read as many in any order as `most` says.
    fn read(
        &self,
        disk: &mut dyn Disk,
        query: &CheckedQuery,
        (plan, order): (&Plan<'_>, &Ordered),
        (enough, most): (usize, u64),
    ) -> Result<Option<Found>, Error> {
        let mut found = Found {
            is_ordered: true,
            ..Found::default()
        };
        let (mut left, mut last) = (most / SCANNED_PER_FOUND, Vec::new());
        let mut ranges = plan.part.ranges.clone();
        let direction = match order.direction {
            key::Direction::Ascending => Direction::Forward,
            key::Direction::Descending => Direction::Backward,
        };
        if direction == Direction::Backward {
            ranges.reverse();
        }
        for mut range in ranges {
            loop {
                let keys = self.keys(disk, &range, READ_AT_ONCE, direction)?;
                for (key, id_bytes) in &keys {
                    if left == 0 {
                        return Ok(None);
                    }
                    left -= 1;
                    let place = (key.as_slice(), *id_bytes);
                    let row = self.row_at(disk, query.collection, plan.index, place)?;
                    let Some(row) = row.filter(|row| query.matches(row)) else {
                        continue;
                    };
                    let group = order.group(&row);
                    let is_other = group != last || planted::is("index_order_without_ties");
                    if found.rows.len() >= enough && is_other {
                        return Ok(Some(found));
                    }
                    last = group;
                    found.rows.push(row);
                }
                match keys.into_iter().nth(READ_AT_ONCE - 1) {
                    None => break,
                    Some((key, _)) if direction == Direction::Backward => range.1 = key,
                    Some((mut key, _)) => {
                        key.push(0);
                        range.0 = key;
                    }
                }
            }
        }
        found.is_all = true;
        Ok(Some(found))
    }

    /// The row of a key, of an index or of the collection itself.
    fn row_at(
        &self,
        disk: &mut dyn Disk,
        collection: usize,
        index: Option<&Index>,
        (key, id_bytes): (&[u8], usize),
    ) -> Result<Option<Rc<Row>>, Error> {
        let prefix = self.prefix_of(collection);
        let Some(index) = index else {
            let id = key.get(prefix.len()..).unwrap_or_default();
            return self.read_row(collection, id, &self.record_at(disk, &prefix, id)?);
        };
        let (id, record) = self.record_of_entry(disk, collection, key, id_bytes)?;
        // An entry that damage has left behind is of no document, or of one that lies elsewhere.
        let values = self.values_of(collection, &record)?;
        let is_of = |values: &Vec<&[u8]>| index.key(id, values) == key;
        row_of(id, values.filter(is_of).as_deref())
    }

    /// The id in an entry, and the record of its document; no bytes if there is none.
    pub fn record_of_entry<'a>(
        &self,
        disk: &mut dyn Disk,
        collection: usize,
        entry: &'a [u8],
        id_bytes: usize,
    ) -> Result<(&'a [u8], Vec<u8>), Error> {
        let id = entry.len().checked_sub(id_bytes);
        let id = id.and_then(|at| entry.get(at..)).unwrap_or_default();
        let record = self.record_at(disk, &self.prefix_of(collection), id)?;
        Ok((id, record))
    }

    /// How a query is read from an index, or from the collection itself.
    fn plan<'a>(
        &self,
        disk: &mut dyn Disk,
        query: &CheckedQuery,
        index: Option<&'a Index>,
    ) -> Result<Plan<'a>, Error> {
        let fields = index.map_or(&[][..], |index| &index.fields);
        let mut columns: Vec<usize> = fields.iter().map(|field| field + 1).collect();
        let part = match index {
            None => {
                columns.push(0);
                let visible = self.prefix_of(query.collection);
                access(&query.predicate, &columns, Form::Id, visible)
            }
            Some(index) => access(&query.predicate, &columns, Form::Values, index.prefix()),
        };
        Ok(Plan {
            count: self.count(disk, &part.ranges)?,
            order: ordered(&query.predicate, &columns, &query.order),
            index,
            columns,
            part,
        })
    }

    /// About how many entries there are in some ranges.
    fn count(&self, disk: &mut dyn Disk, ranges: &[Range]) -> Result<u64, Error> {
        let mut count = 0;
        for (from, to) in ranges {
            count += self.store.estimate(disk, from, to)?;
        }
        Ok(count)
    }
}
