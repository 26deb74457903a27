//! Secondary indexes: for every document an entry under its indexed values, written in the record
//! that writes the document.
//!
//! An index that is new, or whose fields are no longer what they were, is built a slice at a time
//! between requests, and is not read before every document has its entry. Writes keep entries up to
//! date from the first, so building and writing need not wait for each other.

use super::database::{Database, stored};
use super::out::Step;
use crate::doc::codec::{Items, write_varint};
use crate::doc::schema::{Collection, Schema};
use crate::error::Error;
use crate::platform::disk::Disk;
use crate::query::access::{Range, push_value};
use crate::store::{Batch, Direction, Room};
use crate::txn::table;
use std::ops::ControlFlow;
use xxhash_rust::xxh64::xxh64;

/// Documents that a slice of building looks at, and entries that one of removing takes.
const SLICE: usize = 250;
/// Bytes of documents after which a slice of building ends.
const SLICE_BYTES: usize = 256 << 10;

/// An index and what it is over.
#[derive(Debug)]
pub(super) struct Index {
    /// Tells indexes apart, and changes with whatever decides what their entries are.
    id: u64,
    pub collection: usize,
    pub fields: Vec<usize>,
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
    pub(super) all: Vec<Index>,
    /// A slice could not be written. Tried again after the next commit.
    pub is_blocked: bool,
}

impl Index {
    /// The key of a document's entry: index, values, id.
    pub fn key(&self, id: &[u8], values: &[&[u8]]) -> Vec<u8> {
        let mut key = self.prefix();
        for field in &self.fields {
            let value = values.get(*field);
            push_value(&mut key, value.expect("there is a value for each field"));
        }
        key.extend_from_slice(id);
        key
    }

    pub fn prefix(&self) -> Vec<u8> {
        table::numbered(table::INDEX, self.id)
    }

    pub fn is_ready(&self) -> bool {
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

impl Database {
    pub fn prefix_of(&self, collection: usize) -> Vec<u8> {
        table::collection(table::VISIBLE, &self.schema.at(collection).name)
    }

    /// The record of a document; no bytes if there is none.
    pub fn record_at(
        &self,
        disk: &mut dyn Disk,
        visible: &[u8],
        id: &[u8],
    ) -> Result<Vec<u8>, Error> {
        let place = [visible, id].concat();
        Ok(stored(&self.store, disk, &place)?.unwrap_or_default())
    }

    /// Keys of a range, so many at most, each with the number in its value.
    pub fn keys(
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
