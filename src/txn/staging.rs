//! A transaction before its commit: operations become deltas, and documents take their new state,
//! in a place of their own.
//!
//! Nothing here touches the store or the outbox; a transaction that fails is simply dropped.

use super::operation::{Action, Operation};
use crate::causal::hlc::Hlc;
use crate::causal::stamp::{Stamp, Time};
use crate::doc::codec::Items;
use crate::doc::dictionary::{Dictionary, PathId};
use crate::doc::path::{DocumentKey, Path};
use crate::doc::schema::{Collection, Schema};
use crate::doc::value::Value;
use crate::error::{Error, Problem};
use crate::ids::{Life, ReplicaId, Version};
use crate::limits::{DOCUMENT_BYTES_MAX, TRANSACTION_BYTES_MAX};
use crate::merge::existence::Existence;
use crate::merge::record::{self, Columns};
use crate::protocol::codec::{PATH_OVERHEAD_BYTES, delta_bytes, delta_bytes_most, document_bytes};
use crate::protocol::message::{Delta, PathWrite};
use crate::sorted::SortedMap;

/// Bytes that a record has room for at first.
const RECORD_BYTES: usize = 512;
/// A byte of a record may become so many of the JSON by which a server measures: empty bytes take
/// two, and twenty-one.
const MOST_PER_BYTE: usize = 11;

/// What staging needs of the database.
pub struct Scope<'a> {
    /// The schema.
    pub schema: &'a Schema,
    /// Columns by position of the collection.
    pub columns: &'a [Columns],
    /// Path numbers.
    pub dictionary: &'a mut Dictionary,
    /// Issues stamps.
    pub clock: &'a mut Hlc,
    /// The device's time.
    pub wall_ms: u64,
    /// Who writes.
    pub replica: ReplicaId,
}

/// A document that the transaction has written, as records; no bytes where it never was.
#[derive(Clone, Debug)]
pub struct StagedDocument {
    /// Position of its collection.
    pub collection: usize,
    /// As it was visible before.
    pub before: Vec<u8>,
    /// As it will be.
    pub after: Vec<u8>,
}

/// The operations of a transaction so far.
#[derive(Clone, Debug, Default)]
pub struct Staging {
    /// Documents written.
    pub documents: SortedMap<DocumentKey, Box<StagedDocument>>,
    /// What goes into the outbox.
    pub deltas: Vec<Delta>,
    /// How many bytes they take at most.
    bytes_most: usize,
}

impl Staging {
    /// Adds an operation. `load` reads the record of the visible document as of now. On an error
    /// the staging must be dropped; nothing else has changed.
    pub fn apply(
        &mut self,
        scope: &mut Scope<'_>,
        mut operation: Operation<'_>,
        load: &mut dyn FnMut(&DocumentKey) -> Result<Vec<u8>, Error>,
    ) -> Result<(), Error> {
        let mut loaded = Ok(());
        let key = std::mem::take(&mut operation.key);
        let (key, staged) = self.documents.pair_or_insert_with(key, |key| {
            let before = load(key).unwrap_or_else(|error| {
                loaded = Err(error);
                Vec::new()
            });
            let (collection, after) = (operation.collection, before.clone());
            Box::new(StagedDocument {
                collection,
                before,
                after,
            })
        });
        loaded?;
        let delta = write(scope, key, &operation, &mut staged.after)?;
        self.keep(delta)
    }

    /// Keeps what syncs.
    fn keep(&mut self, delta: Option<Delta>) -> Result<(), Error> {
        let Some(delta) = delta.filter(|delta| !delta.paths.is_empty()) else {
            return Ok(());
        };
        self.bytes_most += delta_bytes_most(&delta);
        self.deltas.push(delta);
        if self.bytes_most > TRANSACTION_BYTES_MAX {
            let bytes = self.deltas.iter().map(delta_bytes).sum();
            if bytes > TRANSACTION_BYTES_MAX {
                return Err(Error::from(Problem::TransactionTooLarge { bytes }));
            }
            self.bytes_most = bytes;
        }
        Ok(())
    }
}

/// Writes an operation to the document. Returns what syncs of it, which may have no paths.
fn write(
    scope: &mut Scope<'_>,
    key: &DocumentKey,
    operation: &Operation<'_>,
    document: &mut Vec<u8>,
) -> Result<Option<Delta>, Error> {
    let previous = record::existence(document);
    let is_alive = previous.life.is_alive();
    let refused = || (key.collection.clone(), key.id.clone());
    let changes_life = match operation.action {
        Action::Insert if is_alive => {
            let (collection, id) = refused();
            return Err(Error::from(Problem::Exists { collection, id }));
        }
        Action::Update | Action::Delete if !is_alive => {
            let (collection, id) = refused();
            return Err(Error::from(Problem::NotFound { collection, id }));
        }
        Action::Seed if previous.life.0 > 0 => return Ok(None),
        Action::Insert | Action::Seed | Action::Delete => true,
        Action::Upsert => !is_alive,
        Action::Update => false,
    };
    let delta = if changes_life {
        begin_life(scope, key, operation, previous, document)?
    } else {
        Some(set_fields(scope, key, operation, previous, document)?)
    };
    check_size(scope.dictionary, key, document)?;
    Ok(delta)
}

/// A document is measured as the server does, so that what is taken here is not refused there for
/// its size; exactly only where it may be too large.
fn check_size(dictionary: &Dictionary, key: &DocumentKey, document: &[u8]) -> Result<(), Error> {
    if document.len() * MOST_PER_BYTE + path_bytes_most(dictionary) <= DOCUMENT_BYTES_MAX {
        return Ok(());
    }
    let document = record::read(document)?;
    let writes = document.registers.iter().map(|(path, register)| {
        let path = dictionary.path(*path);
        (path.expect("staged paths have numbers"), &register.value)
    });
    let bytes = document_bytes(writes);
    if bytes <= DOCUMENT_BYTES_MAX {
        return Ok(());
    }
    let (collection, id) = (key.collection.clone(), key.id.clone());
    Err(Error::from(Problem::DocumentTooLarge {
        collection,
        id,
        bytes,
    }))
}

/// What the paths of a document can add to its size, which has each of them once.
fn path_bytes_most(dictionary: &Dictionary) -> usize {
    let (count, bytes) = dictionary.size();
    count * (PATH_OVERHEAD_BYTES + 3) + bytes * 6
}

/// Begins the next life of a document, or ends the one it has.
fn begin_life(
    scope: &mut Scope<'_>,
    key: &DocumentKey,
    operation: &Operation<'_>,
    previous: Existence,
    document: &mut Vec<u8>,
) -> Result<Option<Delta>, Error> {
    let collection = scope.schema.at(operation.collection);
    let is_there = operation.action != Action::Delete;
    if is_there {
        check_whole(collection, operation)?;
    }
    let mut stamp = Stamp::SEED;
    if operation.action != Action::Seed {
        let latest = previous.stamp.time;
        stamp = scope.clock.issue(scope.wall_ms, scope.replica, latest);
    }
    let existence = Existence {
        life: previous.life.next(),
        stamp,
        version: Version(0),
    };
    *document = new_record(scope, operation, existence);
    if collection.is_local {
        return Ok(None);
    }
    let mut delta = delta(key, operation, existence);
    delta.stamp = stamp;
    let saw = (previous.life > Life(0)).then_some(previous.stamp);
    let life = Value::int(delta.life.0 as i64);
    delta.paths.reserve_exact(collection.fields.len() + 1);
    delta.paths.push(path_write(&Path::existence(), life, saw));
    for at in 0..collection.fields.len() {
        if is_there && collection.syncs(at) {
            let absent = || columns_of(scope, operation.collection).absent(at);
            let value = Items::new(operation.value(at).unwrap_or_else(absent)).value();
            let (_, path) = path_of(scope, operation.collection, at);
            delta.paths.push(path_write(path, value, None));
        }
    }
    Ok(Some(delta))
}

/// Refuses a document without a value for a field that needs one.
fn check_whole(collection: &Collection, operation: &Operation<'_>) -> Result<(), Error> {
    for (field, given) in collection.fields.iter().zip(&operation.fields) {
        if given.is_none() && field.default.is_none() && !field.is_nullable {
            return Err(Error::from(Problem::MissingField {
                collection: collection.name.clone(),
                field: field.name.clone(),
                expected: field.expected(),
            }));
        }
    }
    Ok(())
}

/// The record of a new life: its values as they came, and what fields without one read as. One that
/// has ended has none.
fn new_record(scope: &Scope<'_>, operation: &Operation<'_>, existence: Existence) -> Vec<u8> {
    let columns = columns_of(scope, operation.collection);
    let mut count = scope.schema.at(operation.collection).fields.len();
    if !existence.life.is_alive() {
        count = 0;
    }
    let mut out = Vec::with_capacity(RECORD_BYTES);
    record::write_head(&mut out, existence, count);
    for at in 0..count {
        record::write_path(&mut out, columns.path(at), None);
        let value = operation.value(at);
        out.extend_from_slice(value.unwrap_or_else(|| columns.absent(at)));
    }
    // It stays in memory for a while.
    out.shrink_to_fit();
    out
}

/// Gives fields of the current life new values.
fn set_fields(
    scope: &mut Scope<'_>,
    key: &DocumentKey,
    operation: &Operation<'_>,
    previous: Existence,
    record: &mut Vec<u8>,
) -> Result<Delta, Error> {
    let mut document = record::read(record)?;
    let mut delta = delta(key, operation, previous);
    let mut latest = Time(0);
    let mut syncs = Vec::new();
    for (at, value) in operation.fields.iter().enumerate() {
        let Some(value) = value else {
            continue;
        };
        syncs.push(scope.schema.at(operation.collection).syncs(at));
        let (number, path) = path_of(scope, operation.collection, at);
        let register = document.registers.get(&number);
        let saw = register.map(|register| register.stamp);
        latest = latest.max(saw.map_or(Time(0), |saw| saw.time));
        delta
            .paths
            .push(path_write(path, Items::new(value).value(), saw));
    }
    delta.stamp = scope.clock.issue(scope.wall_ms, scope.replica, latest);
    document.apply(&delta, Version(0), &mut |path| {
        scope.dictionary.intern(path)
    });
    *record = record::encode(&document);
    let mut syncs = syncs.into_iter();
    delta.paths.retain(|_| syncs.next() == Some(true));
    Ok(delta)
}

/// What an operation on a life of a document is to others, without its paths and its stamp.
fn delta(key: &DocumentKey, operation: &Operation<'_>, existence: Existence) -> Delta {
    Delta {
        key: key.clone(),
        life: existence.life,
        stamp: Stamp::SEED,
        upsert: matches!(operation.action, Action::Upsert | Action::Seed),
        paths: Vec::new(),
    }
}

fn columns_of<'a>(scope: &'a Scope<'_>, collection: usize) -> &'a Columns {
    let columns = scope.columns.get(collection);
    columns.expect("columns are made for all")
}

/// The path of a field, and its number.
fn path_of<'a>(scope: &'a Scope<'_>, collection: usize, field: usize) -> (PathId, &'a Path) {
    let number = columns_of(scope, collection).path(field);
    let path = scope.dictionary.path(number);
    (number, path.expect("columns have numbers of paths"))
}

fn path_write(path: &Path, value: Value, saw: Option<Stamp>) -> PathWrite {
    PathWrite {
        path: path.clone(),
        value,
        saw,
        stamp: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doc::codec::tests::any_value;
    use crate::merge::register::Register;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_document_is_larger_than_its_record_tells(
            fields in proptest::collection::vec(("[^\u{0}]{1,9}", any_value()), 0..6),
        ) {
            let mut dictionary = Dictionary::default();
            let mut document = record::StoredDocument::default();
            for (name, value) in fields {
                let path = dictionary.intern(&Path::field(&name));
                let (stamp, version) = (Stamp::SEED, Version(0));
                document.registers.insert(path, Register { value, stamp, version });
            }
            let writes = document.registers.iter().map(|(path, register)| {
                (dictionary.path(*path).expect("it has a number"), &register.value)
            });
            let bytes = document_bytes(writes);
            let record = record::encode(&document);
            let most = record.len() * MOST_PER_BYTE + path_bytes_most(&dictionary);
            prop_assert!(bytes <= most, "{bytes} of at most {most}");
        }
    }
}
