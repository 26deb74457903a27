//! Secondary indexes: for every document an entry under its indexed values, written in the record
//! that writes the document.
//!
//! An index that is new, or whose fields are no longer what they were, is built a slice at a time
//! between requests, and is not read before every document has its entry. Writes keep entries up to
//! date from the first, so building and writing need not wait for each other.

use super::database::{Database, storage_error};
use super::out::Step;
use crate::doc::codec::{Items, write_bytes, write_varint};
use crate::doc::key;
use crate::doc::row::{Change, Row};
use crate::doc::schema::{Collection, Schema};
use crate::error::Error;
use crate::planted;
use crate::platform::disk::Disk;
use crate::query::access::{Access, Form, access};
use crate::query::check::CheckedQuery;
use crate::store::{Batch, Direction};
use crate::txn::table;
use std::ops::ControlFlow;
use std::rc::Rc;
use xxhash_rust::xxh64::xxh64;

/// Documents that a slice of building looks at, and entries that one of removing takes.
const SLICE: usize = 250;

/// The key of an index entry and the id in it, or of a document and nothing.
type Found = (Vec<u8>, Vec<u8>);

/// An index and what it is over.
#[derive(Debug)]
struct Index {
    number: u64,
    /// Changes with whatever decides what its entries are.
    definition: u64,
    collection: usize,
    fields: Vec<usize>,
    /// Up to which key documents have their entries; none once all have.
    built_to: Option<Vec<u8>>,
    /// The schema has it no longer; its entries go.
    is_gone: bool,
}

/// The indexes of a database.
#[derive(Debug, Default)]
pub struct Indexes {
    all: Vec<Index>,
    /// A slice could not be written. Tried again after the next commit.
    pub is_blocked: bool,
}

impl Index {
    /// The key of a row's entry: number, values, id.
    fn key(&self, row: &Row) -> Vec<u8> {
        let mut key = self.prefix();
        for field in &self.fields {
            let value = row.values.get(*field);
            key::encode(&mut key, value.expect("a row has a value for each field"));
        }
        key.extend_from_slice(row.id.as_bytes());
        key
    }

    fn prefix(&self) -> Vec<u8> {
        table::numbered(table::INDEX, self.number)
    }

    fn is_ready(&self) -> bool {
        self.built_to.is_none() && !self.is_gone
    }
}

impl Indexes {
    /// What the schema asks for, as far as the record of the last opening has it.
    pub fn new(schema: &Schema, record: &[u8]) -> Self {
        let mut known = decode(record);
        let mut number = 0;
        for index in &known {
            number = number.max(index.number + 1);
        }
        let mut all = Vec::new();
        for (position, collection) in schema.collections.iter().enumerate() {
            for fields in &collection.indexes {
                let definition = definition(collection, fields);
                let same = known
                    .iter()
                    .position(|index| index.definition == definition);
                all.push(Index {
                    number,
                    definition,
                    collection: position,
                    fields: fields.clone(),
                    built_to: Some(Vec::new()),
                    is_gone: false,
                });
                let index = all.last_mut().expect("it was pushed");
                if let Some(same) = same.map(|at| known.swap_remove(at)) {
                    (index.number, index.built_to) = (same.number, same.built_to);
                } else {
                    number += 1;
                }
            }
        }
        for mut index in known {
            index.built_to = None;
            all.push(index);
        }
        Self {
            all,
            is_blocked: false,
        }
    }

    /// The record for the next opening.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        write_varint(&mut out, self.all.len() as u64);
        for index in &self.all {
            let is_building = u64::from(index.built_to.is_some());
            for number in [index.number, index.definition, is_building] {
                write_varint(&mut out, number);
            }
            write_bytes(&mut out, index.built_to.as_deref().unwrap_or_default());
        }
        out
    }

    /// Adds what the changes of a commit are to the entries.
    pub fn put(&self, batch: &mut Batch, changes: &[Change]) {
        for change in changes {
            for index in &self.all {
                if index.collection != change.collection {
                    continue;
                }
                let old = change.old.as_ref().map(|row| index.key(row));
                let new = change.new.as_ref().map(|row| index.key(row));
                if old == new {
                    continue;
                }
                if let Some(old) = old {
                    batch.delete(old);
                }
                if let (Some(new), Some(row)) = (new, &change.new) {
                    put_entry(batch, new, row);
                }
            }
        }
    }

    /// How many are being built.
    pub fn building(&self) -> usize {
        let is_building = |index: &&Index| index.built_to.is_some();
        self.all.iter().filter(is_building).count()
    }

    /// Whether there is a slice of work.
    pub fn work_wanted(&self) -> bool {
        !self.is_blocked && self.all.iter().any(|index| !index.is_ready())
    }

    /// The index that serves most of a query, if it serves more than `weight`, and the part of it
    /// that is needed.
    fn best(&self, query: &CheckedQuery, mut weight: usize) -> Option<(&Index, Access)> {
        let mut best = None;
        for index in &self.all {
            let may_be_read = index.is_ready() || planted::is("index_read_unready");
            if index.collection != query.collection || !may_be_read {
                continue;
            }
            let columns: Vec<usize> = index.fields.iter().map(|field| field + 1).collect();
            let found = access(&query.predicate, &columns, Form::Values, index.prefix());
            if let Some(found) = found.filter(|found| found.weight > weight) {
                weight = found.weight;
                best = Some((index, found));
            }
        }
        best
    }
}

/// The value says where in the key the id begins, from the end.
fn put_entry(batch: &mut Batch, key: Vec<u8>, row: &Row) {
    let mut value = Vec::new();
    write_varint(&mut value, row.id.len() as u64);
    batch.put(key, value);
}

/// A number for what decides the entries of an index: the collection, and of each field how its
/// column is read from a document.
fn definition(collection: &Collection, fields: &[usize]) -> u64 {
    let mut sum = xxh64(collection.name.as_bytes(), 0);
    for field in fields {
        let field = collection.fields.get(*field);
        let definition = field.map_or(0, |field| field.definition);
        sum = xxh64(&definition.to_le_bytes(), sum);
    }
    sum
}

/// What `encode` wrote, as if the schema had none of it. What does not decode is built anew.
fn decode(record: &[u8]) -> Vec<Index> {
    let mut items = Items::new(record);
    let mut left = items.varint();
    let mut all = Vec::new();
    while items.has_more(&mut left) {
        let (number, definition) = (items.varint(), items.varint());
        let is_building = items.varint() == 1;
        let built_to = items.bytes().to_vec();
        all.push(Index {
            number,
            definition,
            collection: usize::MAX,
            fields: Vec::new(),
            built_to: is_building.then_some(built_to),
            is_gone: true,
        });
    }
    items.check(all).unwrap_or_default()
}

impl Database {
    /// Rows that a query may need: by id, of an index, or all of its collection.
    pub fn rows_for(
        &self,
        disk: &mut dyn Disk,
        query: &CheckedQuery,
    ) -> Result<Vec<Rc<Row>>, Error> {
        let collection = query.collection;
        // Of a damaged database entries may be missing whose documents can be read.
        if self.schema.is_outbox(collection) || self.storage.state == "damaged" {
            return self.rows(disk, collection);
        }
        let visible = table::collection(table::VISIBLE, &self.schema.at(collection).name);
        let by_id = access(&query.predicate, &[0], Form::Id, visible.clone());
        let weight = by_id.as_ref().map_or(0, |part| part.weight);
        let mut rows = Vec::new();
        if let Some((index, part)) = self.indexes.best(query, weight) {
            for (from, to) in &part.ranges {
                for (entry, id) in self.keys(disk, from, to, usize::MAX)? {
                    let row = self.row_at(disk, collection, &visible, &id)?;
                    // An entry that damage has left behind is of no row, or of one that lies
                    // elsewhere.
                    rows.extend(row.filter(|row| index.key(row) == entry));
                }
            }
            return Ok(rows);
        }
        let Some(part) = by_id else {
            return self.rows(disk, collection);
        };
        for range in &part.ranges {
            self.add_rows(disk, collection, range, &mut rows)?;
        }
        Ok(rows)
    }

    fn row_at(
        &self,
        disk: &mut dyn Disk,
        collection: usize,
        visible: &[u8],
        id: &[u8],
    ) -> Result<Option<Rc<Row>>, Error> {
        let mut place = visible.to_vec();
        place.extend_from_slice(id);
        match self.store.get(disk, &place).map_err(storage_error)? {
            Some(record) => self.read_row(collection, id, &record),
            None => Ok(None),
        }
    }

    /// Keys of a range, so many at most.
    fn keys(
        &self,
        disk: &mut dyn Disk,
        from: &[u8],
        to: &[u8],
        most: usize,
    ) -> Result<Vec<Found>, Error> {
        let mut keys = Vec::new();
        let mut visit = |key: &[u8], value: &[u8]| {
            let id_bytes = Items::new(value).varint() as usize;
            let id = key.len().checked_sub(id_bytes).and_then(|at| key.get(at..));
            keys.push((key.to_vec(), id.unwrap_or_default().to_vec()));
            if keys.len() < most {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        };
        let scanned = self
            .store
            .scan(disk, from, to, Direction::Forward, &mut visit);
        scanned.map_err(storage_error)?;
        Ok(keys)
    }

    /// Does a slice of building or removing. If it cannot be written nothing is lost: the documents
    /// are there, and queries go without the index.
    pub fn work_on_indexes(&mut self, step: &mut Step<'_>) {
        let at = self.indexes.all.iter().position(|index| !index.is_ready());
        let Some(mut index) = at.map(|at| self.indexes.all.swap_remove(at)) else {
            return;
        };
        let mut batch = Batch::new();
        let before = index.built_to.clone();
        let outcome = self.slice(step.disk, &mut index, &mut batch);
        let is_over = index.is_gone && matches!(outcome, Ok(true));
        if !is_over {
            self.indexes.all.push(index);
        }
        batch.put(table::meta("indexes"), self.indexes.encode());
        let written = outcome.and_then(|_| self.commit(step.disk, batch));
        if written.is_err() {
            self.indexes.is_blocked = true;
            if let Some(index) = self.indexes.all.last_mut().filter(|_| !is_over) {
                index.built_to = before;
            }
        }
    }

    /// Puts or deletes the next entries. Gives whether they are the last ones.
    fn slice(
        &self,
        disk: &mut dyn Disk,
        index: &mut Index,
        batch: &mut Batch,
    ) -> Result<bool, Error> {
        let mut from = index.prefix();
        if !index.is_gone {
            let name = &self.schema.at(index.collection).name;
            from = table::collection(table::VISIBLE, name);
        }
        let (visible, to) = (from.clone(), table::end_of(&from));
        if let Some(place) = index.built_to.take().filter(|place| !place.is_empty()) {
            from = place;
        }
        let keys = self.keys(disk, &from, &to, SLICE)?;
        let is_last = keys.len() < SLICE;
        for (key, _) in keys {
            if index.is_gone {
                batch.delete(key);
                continue;
            }
            let id = key.get(visible.len()..).unwrap_or_default();
            if let Some(row) = self.row_at(disk, index.collection, &visible, id)? {
                put_entry(batch, index.key(&row), &row);
            }
            if !is_last {
                index.built_to = Some([&key[..], &[0]].concat());
            }
        }
        Ok(is_last)
    }
}
