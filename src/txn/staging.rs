//! A transaction before its commit: operations become deltas, and documents take their new state,
//! in a place of their own.
//!
//! Nothing here touches the store or the outbox; a transaction that fails is simply dropped.

use super::operation::{Action, Operation};
use crate::causal::hlc::Hlc;
use crate::causal::stamp::{Stamp, Time};
use crate::doc::dictionary::{Dictionary, PathId};
use crate::doc::path::{DocumentKey, Path};
use crate::doc::schema::Schema;
use crate::doc::value::Value;
use crate::error::{Error, Problem};
use crate::ids::{Life, ReplicaId, Version};
use crate::limits::{DOCUMENT_BYTES_MAX, TRANSACTION_BYTES_MAX};
use crate::merge::record::{Columns, StoredDocument};
use crate::protocol::codec::{delta_bytes, delta_bytes_most, document_bytes, document_bytes_most};
use crate::protocol::message::{Delta, PathWrite};
use crate::sorted::SortedMap;

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

/// A document that the transaction has written.
#[derive(Clone, Debug)]
pub struct StagedDocument {
    /// Position of its collection.
    pub collection: usize,
    /// As it was visible before.
    pub before: StoredDocument,
    /// As it will be.
    pub after: StoredDocument,
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
    /// Adds an operation. `load` reads the visible document as of now. On an error the staging is
    /// as it was before or must be dropped; nothing else has changed.
    pub fn apply(
        &mut self,
        scope: &mut Scope<'_>,
        operation: &mut Operation,
        load: &mut dyn FnMut(&DocumentKey) -> Result<StoredDocument, Error>,
    ) -> Result<(), Error> {
        let key = &operation.key;
        let mut staged = if let Some(staged) = self.documents.remove(key) {
            staged
        } else {
            let before = load(key)?;
            let (collection, after) = (operation.collection, before.clone());
            Box::new(StagedDocument {
                collection,
                before,
                after,
            })
        };
        let staging = match delta_of(scope, operation, &staged.after) {
            Ok(Some(delta)) => {
                self.add(scope, &mut staged, delta);
                self.check_sizes(scope.dictionary, &operation.key, &staged)
            }
            delta => delta.map(|_| ()),
        };
        self.documents
            .insert(std::mem::take(&mut operation.key), staged);
        staging
    }

    /// Applies a delta to its staged document, and keeps what of it syncs.
    fn add(&mut self, scope: &mut Scope<'_>, staged: &mut StagedDocument, mut delta: Delta) {
        let collection = scope.schema.at(staged.collection);
        let columns = scope.columns.get(staged.collection);
        let columns = columns.expect("columns are made for all");
        // A new document has its fields in order, with paths from the dictionary.
        let mut field = 0;
        staged.after.apply(&delta, Version(0), &mut |path| {
            let number = columns.path(field);
            field += 1;
            match scope.dictionary.path(number) {
                Some(own) if own.is_same(path) => number,
                _ => scope.dictionary.intern(path),
            }
        });
        if collection.is_local {
            return;
        }
        for field in &collection.fields {
            if field.is_local {
                delta
                    .paths
                    .retain(|write| write.path.as_field() != Some(&field.name));
            }
        }
        if !delta.paths.is_empty() {
            self.bytes_most += delta_bytes_most(&delta);
            self.deltas.push(delta);
        }
    }

    /// A document is measured as the server does, so that what is taken here is not refused there
    /// for its size; exactly only where it may be too large.
    fn check_sizes(
        &mut self,
        dictionary: &Dictionary,
        key: &DocumentKey,
        staged: &StagedDocument,
    ) -> Result<(), Error> {
        let writes = || {
            let registers = staged.after.registers.iter();
            registers.map(|(path, register)| {
                let path = dictionary.path(*path);
                (path.expect("staged paths have numbers"), &register.value)
            })
        };
        if document_bytes_most(&mut writes()) > DOCUMENT_BYTES_MAX {
            let bytes = document_bytes(writes());
            if bytes > DOCUMENT_BYTES_MAX {
                let (collection, id) = (key.collection.clone(), key.id.clone());
                return Err(Error::from(Problem::DocumentTooLarge {
                    collection,
                    id,
                    bytes,
                }));
            }
        }
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

/// The delta of an operation over the document as it is; none if it writes nothing.
fn delta_of(
    scope: &mut Scope<'_>,
    operation: &mut Operation,
    document: &StoredDocument,
) -> Result<Option<Delta>, Error> {
    let (is_alive, previous) = (document.is_alive(), document.existence);
    let (collection, id) = (operation.key.collection.clone(), operation.key.id.clone());
    let changes_life = match operation.action {
        Action::Insert if is_alive => {
            return Err(Error::from(Problem::Exists { collection, id }));
        }
        Action::Update | Action::Delete if !is_alive => {
            return Err(Error::from(Problem::NotFound { collection, id }));
        }
        Action::Seed if previous.life.0 > 0 => return Ok(None),
        Action::Insert | Action::Seed | Action::Delete => true,
        Action::Upsert => !is_alive,
        Action::Update => false,
    };
    let mut delta = Delta {
        key: DocumentKey { collection, id },
        life: previous.life,
        stamp: Stamp::SEED,
        upsert: matches!(operation.action, Action::Upsert | Action::Seed),
        paths: Vec::new(),
    };
    let mut latest = Time(0);
    if changes_life {
        delta.life = previous.life.next();
        latest = previous.stamp.time;
        delta.paths.push(PathWrite {
            path: Path::existence(),
            value: Value::int(delta.life.0 as i64),
            saw: (previous.life > Life(0)).then_some(previous.stamp),
            stamp: None,
        });
    }
    match (operation.action, changes_life) {
        (Action::Delete, _) => {}
        (_, true) => add_all_fields(scope, operation, &mut delta.paths)?,
        (_, false) => latest = add_fields(scope, operation, document, &mut delta.paths),
    }
    if operation.action != Action::Seed {
        delta.stamp = scope.clock.issue(scope.wall_ms, scope.replica, latest);
    }
    Ok(Some(delta))
}

/// All fields of a new life.
fn add_all_fields(
    scope: &Scope<'_>,
    operation: &mut Operation,
    paths: &mut Vec<PathWrite>,
) -> Result<(), Error> {
    let collection = scope.schema.at(operation.collection);
    for (at, field) in collection.fields.iter().enumerate() {
        let given = operation.fields.iter_mut().find(|(place, _)| *place == at);
        let value = match given {
            Some((_, value)) => std::mem::take(value),
            None if field.default.is_some() || field.is_nullable => field.absent(),
            None => {
                return Err(Error::from(Problem::MissingField {
                    collection: collection.name.clone(),
                    field: field.name.clone(),
                    expected: field.expected(),
                }));
            }
        };
        let (_, path) = path_of(scope, operation.collection, at);
        paths.push(write(path, value, None));
    }
    Ok(())
}

/// New values for fields of the current life. Returns the latest time that they replace.
fn add_fields(
    scope: &Scope<'_>,
    operation: &mut Operation,
    document: &StoredDocument,
    paths: &mut Vec<PathWrite>,
) -> Time {
    let mut latest = Time(0);
    for (at, value) in &mut operation.fields {
        let (number, path) = path_of(scope, operation.collection, *at);
        let register = document.registers.get(&number);
        let saw = register.map(|register| register.stamp);
        latest = latest.max(saw.map_or(Time(0), |saw| saw.time));
        paths.push(write(path, std::mem::take(value), saw));
    }
    latest
}

/// The path of a field, and its number.
fn path_of<'a>(scope: &'a Scope<'_>, collection: usize, field: usize) -> (PathId, &'a Path) {
    let columns = scope.columns.get(collection);
    let number = columns.expect("columns are made for all").path(field);
    let path = scope.dictionary.path(number);
    (number, path.expect("columns have numbers of paths"))
}

fn write(path: &Path, value: Value, saw: Option<Stamp>) -> PathWrite {
    PathWrite {
        path: path.clone(),
        value,
        saw,
        stamp: None,
    }
}
