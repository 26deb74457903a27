//! Secondary indexes: for every document an entry under its indexed values, written in the record
//! that writes the document.
//!
//! An index that is new, or whose fields are no longer what they were, is built a slice at a time
//! between requests, and is not read before every document has its entry. Writes keep entries up to
//! date from the first, so building and writing need not wait for each other.

use super::database::{Database, row_of, stored};
use super::out::Step;
use crate::doc::codec::{Items, write_varint};
use crate::doc::key;
use crate::doc::row::Row;
use crate::doc::schema::{Collection, Schema};
use crate::error::Error;
use crate::operator::window::Found;
use crate::planted;
use crate::platform::disk::Disk;
use crate::query::access::{Access, Form, Ordered, Range, access, ordered, push_value};
use crate::query::check::CheckedQuery;
use crate::query::evaluate::Rows;
use crate::store::{Batch, Direction, Room};
use crate::txn::table;
use std::ops::ControlFlow;
use std::rc::Rc;
use xxhash_rust::xxh64::xxh64;

/// Documents that a slice of building looks at, and entries that one of removing takes.
const SLICE: usize = 250;
/// Bytes of documents after which a slice of building ends.
const SLICE_BYTES: usize = 256 << 10;
/// How many documents are read in order in the time in which one is found by its id.
const SCANNED_PER_FOUND: u64 = 4;
/// Keys that are read at once where few rows may be enough.
const READ_AT_ONCE: usize = 64;

/// An index and what it is over.
#[derive(Debug)]
struct Index {
    /// Tells indexes apart, and changes with whatever decides what their entries are.
    id: u64,
    collection: usize,
    fields: Vec<usize>,
    /// Up to which key documents have their entries; none once all have.
    built_to: Option<Vec<u8>>,
    /// The schema has it no longer; its entries go.
    is_gone: bool,
}

/// Bytes that the record has for each index.
pub(super) const RECORD_BYTES: u64 = 9;

/// The indexes of a database.
#[derive(Debug, Default)]
pub struct Indexes {
    all: Vec<Index>,
    /// A slice could not be written. Tried again after the next commit.
    pub is_blocked: bool,
}

impl Index {
    /// The key of a document's entry: index, values, id.
    fn key(&self, id: &[u8], values: &[&[u8]]) -> Vec<u8> {
        let mut key = self.prefix();
        for field in &self.fields {
            let value = values.get(*field);
            push_value(&mut key, value.expect("there is a value for each field"));
        }
        key.extend_from_slice(id);
        key
    }

    fn prefix(&self) -> Vec<u8> {
        table::numbered(table::INDEX, self.id)
    }

    fn is_ready(&self) -> bool {
        self.built_to.is_none()
    }
}

impl Indexes {
    /// What the schema asks for, as far as the record of the last opening has it: per index its id
    /// and whether it is ready.
    pub fn new(schema: &Schema, record: &[u8]) -> Self {
        let mut this = Self::default();
        for (position, collection) in schema.collections.iter().enumerate() {
            for fields in &collection.indexes {
                this.all.push(Index {
                    id: id_of(collection, fields),
                    collection: position,
                    fields: fields.clone(),
                    built_to: Some(Vec::new()),
                    is_gone: false,
                });
            }
        }
        let mut items = Items::new(record);
        let mut left = record.len() as u64 / RECORD_BYTES;
        while items.has_more(&mut left) {
            let id = items.take(8).try_into().map_or(0, u64::from_le_bytes);
            let is_ready = items.byte() == 1;
            match this.all.iter_mut().find(|index| index.id == id) {
                Some(index) if is_ready => index.built_to = None,
                Some(_) => {}
                None => this.all.push(Index {
                    id,
                    collection: usize::MAX,
                    fields: Vec::new(),
                    built_to: Some(Vec::new()),
                    is_gone: true,
                }),
            }
        }
        this
    }

    /// The record for the next opening, once the work on the index at `done` is over.
    pub fn encode(&self, done: Option<usize>) -> Vec<u8> {
        let mut out = Vec::new();
        for (at, index) in self.all.iter().enumerate() {
            let is_done = done == Some(at);
            if !(is_done && index.is_gone) {
                out.extend_from_slice(&index.id.to_le_bytes());
                out.push(u8::from(is_done || index.is_ready()));
            }
        }
        out
    }

    /// Adds what a change of a document's values is to its entries.
    pub fn put(
        &self,
        batch: &mut Batch,
        (collection, id): (usize, &str),
        old: Option<&[&[u8]]>,
        new: Option<&[&[u8]]>,
    ) {
        for index in &self.all {
            if index.collection != collection {
                continue;
            }
            let old = old.map(|values| index.key(id.as_bytes(), values));
            let new = new.map(|values| index.key(id.as_bytes(), values));
            if old == new {
                continue;
            }
            if let Some(old) = old {
                batch.delete(old);
            }
            if let Some(new) = new {
                put_entry(batch, new, id.len());
            }
        }
    }

    /// The entries that a document has in the indexes that are read.
    pub fn entries_of(&self, collection: usize, id: &[u8], values: &[&[u8]]) -> Vec<Vec<u8>> {
        let is_of = |index: &&Index| index.collection == collection && index.is_ready();
        self.all
            .iter()
            .filter(is_of)
            .map(|index| index.key(id, values))
            .collect()
    }

    /// The collection of the index that an entry is of, if the index is read.
    pub fn collection_of(&self, entry: &[u8]) -> Option<usize> {
        let id = table::number(entry.get(..9)?)?;
        let is_it = |index: &&Index| index.id == id && index.is_ready();
        self.all.iter().find(is_it).map(|index| index.collection)
    }

    /// Builds the indexes of a collection once more.
    pub fn build_anew(&mut self, collection: usize) {
        for index in &mut self.all {
            if index.collection == collection {
                index.built_to = Some(Vec::new());
            }
        }
    }

    /// There are no documents: nothing is to be built.
    pub fn are_ready(&mut self) {
        for index in &mut self.all {
            index.built_to = None;
        }
    }

    /// How many are being built.
    pub fn building(&self) -> usize {
        let is_building = |index: &&Index| !index.is_ready() && !index.is_gone;
        self.all.iter().filter(is_building).count()
    }

    /// Whether there is a slice of work.
    pub fn work_wanted(&self) -> bool {
        !self.is_blocked && self.all.iter().any(|index| !index.is_ready())
    }
}

/// The value says where in the key the id begins, from the end.
fn put_entry(batch: &mut Batch, key: Vec<u8>, id_bytes: usize) {
    let mut value = Vec::new();
    write_varint(&mut value, id_bytes as u64);
    batch.put(key, value);
}

/// A number for what decides the entries of an index: the collection, and of each field how its
/// column is read from a document.
fn id_of(collection: &Collection, fields: &[usize]) -> u64 {
    let mut sum = xxh64(collection.name.as_bytes(), 0);
    for field in fields {
        let field = collection.fields.get(*field);
        let definition = field.map_or(0, |field| field.definition);
        sum = xxh64(&definition.to_le_bytes(), sum);
    }
    sum
}

/// A way to read a query.
struct Plan<'a> {
    /// None is the collection itself.
    index: Option<&'a Index>,
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
    fn in_order(&self, enough: u64, least: u64) -> Option<(u64, &Self, &Ordered)> {
        let order = self.order.as_ref()?;
        let count = enough.saturating_mul(self.count) / least.max(1);
        let cost = count.min(self.count) * SCANNED_PER_FOUND;
        (enough != usize::MAX as u64).then_some((cost, self, order))
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
        let mut plans = vec![self.plan(disk, query, None)?];
        for index in &self.indexes.all {
            let may_be_read = index.is_ready() || planted::is("index_read_unready");
            if index.collection == collection && may_be_read {
                plans.push(self.plan(disk, query, Some(index))?);
            }
        }
        let whole = plans.iter().min_by_key(|plan| plan.rank_of_all());
        let whole = whole.expect("the collection itself can be read");
        let most = whole.rank_of_all().0;
        let least = plans.iter().map(|plan| plan.count).min().unwrap_or(0);
        let in_order = plans
            .iter()
            .filter_map(|plan| plan.in_order(enough as u64, least));
        if let Some((cost, plan, order)) = in_order.min_by_key(|plan| plan.0) {
            found.is_ordered = true;
            // To read the same part to its end takes no longer, however few were counted in it.
            let is_same = std::ptr::eq(plan, whole);
            let most = if is_same { u64::MAX } else { most };
            if cost < most
                && let Some(first) = self.read(disk, query, (plan, order), (enough, most))?
            {
                return Ok(first);
            }
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

    fn prefix_of(&self, collection: usize) -> Vec<u8> {
        table::collection(table::VISIBLE, &self.schema.at(collection).name)
    }

    /// The record of a document; no bytes if there is none.
    fn record_at(&self, disk: &mut dyn Disk, visible: &[u8], id: &[u8]) -> Result<Vec<u8>, Error> {
        let place = [visible, id].concat();
        Ok(stored(&self.store, disk, &place)?.unwrap_or_default())
    }

    /// Keys of a range, so many at most, each with the number in its value.
    fn keys(
        &self,
        disk: &mut dyn Disk,
        (from, to): &Range,
        most: usize,
        direction: Direction,
    ) -> Result<Vec<(Vec<u8>, usize)>, Error> {
        let mut keys = Vec::new();
        let mut visit = |key: &[u8], value: &[u8]| {
            keys.push((key.to_vec(), Items::new(value).varint() as usize));
            if keys.len() < most {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        };
        self.store.scan(disk, from, to, direction, &mut visit)?;
        Ok(keys)
    }

    /// Does a slice of building or removing. If it cannot be written nothing is lost: the documents
    /// are there, and queries go without the index.
    pub fn work_on_indexes(&mut self, step: &mut Step<'_>) {
        let all = &self.indexes.all;
        let Some(at) = all.iter().position(|index| !index.is_ready()) else {
            return;
        };
        let mut batch = Batch::new();
        let index = all.get(at).expect("it was found there");
        let mut outcome = self.slice(step.disk, index, &mut batch);
        if let Ok(place) = &outcome {
            if place.is_none() {
                batch.put(table::meta("indexes"), self.indexes.encode(Some(at)));
            }
            if !index.is_gone {
                batch.room = Room::Free;
            }
            if let Err(error) = self.commit(step.disk, batch) {
                outcome = Err(error);
            }
        }
        let index = self.indexes.all.get_mut(at).expect("it was found there");
        match outcome {
            Ok(None) if index.is_gone => drop(self.indexes.all.swap_remove(at)),
            Ok(place) => index.built_to = place,
            Err(_) => self.indexes.is_blocked = true,
        }
    }

    /// Puts or deletes the next entries. Gives where to go on, none at the end.
    fn slice(
        &self,
        disk: &mut dyn Disk,
        index: &Index,
        batch: &mut Batch,
    ) -> Result<Option<Vec<u8>>, Error> {
        let prefix = if index.is_gone {
            index.prefix()
        } else {
            self.prefix_of(index.collection)
        };
        let place = index.built_to.as_deref().unwrap_or_default();
        let from = if place.is_empty() { &prefix } else { place };
        let range = (from.to_vec(), table::end_of(&prefix));
        let keys = self.keys(disk, &range, SLICE, Direction::Forward)?;
        let mut bytes = 0;
        for (at, (key, _)) in keys.iter().enumerate() {
            if index.is_gone {
                batch.delete(key.clone());
            } else {
                let id = key.get(prefix.len()..).unwrap_or_default();
                let record = self.record_at(disk, &prefix, id)?;
                if let Some(values) = self.values_of(index.collection, &record)? {
                    put_entry(batch, index.key(id, &values), id.len());
                }
                bytes += record.len();
            }
            if at + 1 == SLICE || bytes > SLICE_BYTES {
                return Ok(Some([key, &[0][..]].concat()));
            }
        }
        Ok(None)
    }
}
