//! A transaction before its commit: operations become deltas, and documents take their new state,
//! in a place of their own.
//!
//! Nothing here touches the store or the outbox; a transaction that fails is simply dropped.

use super::operation::{Action, Operation};
use crate::causal::hlc::Hlc;
use crate::causal::stamp::{Stamp, Time};
use crate::doc::dictionary::{Dictionary, PathId};
use crate::doc::path::{DocumentKey, Path};
use crate::doc::schema::{Collection, Schema};
use crate::doc::value::Value;
use crate::error::{Error, Problem};
use crate::ids::{Life, ReplicaId, Version};
use crate::limits::{DOCUMENT_BYTES_MAX, TRANSACTION_BYTES_MAX};
use crate::merge::record::{Columns, StoredDocument};
use crate::merge::register::Register;
use crate::protocol::codec::{delta_bytes, write_bytes};
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
    pub documents: SortedMap<DocumentKey, StagedDocument>,
    /// What goes into the outbox.
    pub deltas: Vec<Delta>,
    bytes: usize,
}

impl Staging {
    /// Adds an operation. `load` reads the visible document as of now. On an error the staging is
    /// as it was before or must be dropped; nothing else has changed.
    pub fn apply(
        &mut self,
        scope: &mut Scope<'_>,
        operation: &Operation,
        load: &mut dyn FnMut(&DocumentKey) -> Result<StoredDocument, Error>,
    ) -> Result<(), Error> {
        let key = &operation.key;
        let mut staged = if let Some(staged) = self.documents.remove(key) {
            staged
        } else {
            let before = load(key)?;
            let (collection, after) = (operation.collection, before.clone());
            StagedDocument {
                collection,
                before,
                after,
            }
        };
        let delta = delta_of(scope, operation, &staged.after);
        if let Ok(Some(delta)) = &delta {
            self.add(scope, &mut staged, delta);
        }
        self.documents.insert(key.clone(), staged);
        delta?;
        self.check_sizes(scope.dictionary, key)
    }

    /// Applies a delta to its staged document, and keeps what of it syncs.
    fn add(&mut self, scope: &mut Scope<'_>, staged: &mut StagedDocument, delta: &Delta) {
        let collection = scope.schema.at(staged.collection);
        staged
            .after
            .apply(delta, Version(0), &mut |path| scope.dictionary.intern(path));
        if let Some(synced) = synced_part(collection, delta) {
            self.bytes += delta_bytes(&synced);
            self.deltas.push(synced);
        }
    }

    /// A document is measured as the server does, so that what is taken here is not refused there
    /// for its size.
    fn check_sizes(&self, dictionary: &Dictionary, key: &DocumentKey) -> Result<(), Error> {
        let staged = self.documents.get(key).expect("it was just staged");
        let size = |(path, register): (&PathId, &Register)| {
            let path = dictionary.path(*path).expect("staged paths have numbers");
            write_bytes(path, &register.value)
        };
        let bytes = staged.after.registers.iter().map(size).sum();
        if bytes > DOCUMENT_BYTES_MAX {
            let (collection, id) = (key.collection.clone(), key.id.clone());
            return Err(Error::from(Problem::DocumentTooLarge {
                collection,
                id,
                bytes,
            }));
        }
        if self.bytes > TRANSACTION_BYTES_MAX {
            return Err(Error::from(Problem::TransactionTooLarge {
                bytes: self.bytes,
            }));
        }
        Ok(())
    }
}

/// The delta of an operation over the document as it is; none if it writes nothing.
fn delta_of(
    scope: &mut Scope<'_>,
    operation: &Operation,
    document: &StoredDocument,
) -> Result<Option<Delta>, Error> {
    let is_alive = document.is_alive();
    let (collection, id) = (operation.key.collection.clone(), operation.key.id.clone());
    match operation.action {
        Action::Insert if is_alive => Err(Error::from(Problem::Exists { collection, id })),
        Action::Update | Action::Delete if !is_alive => {
            Err(Error::from(Problem::NotFound { collection, id }))
        }
        Action::Seed if document.existence.life.0 > 0 => Ok(None),
        Action::Insert | Action::Seed => insertion(scope, operation, document).map(Some),
        Action::Upsert if !is_alive => insertion(scope, operation, document).map(Some),
        Action::Update | Action::Upsert => Ok(Some(update(scope, operation, document))),
        Action::Delete => {
            let stamp = issue(scope, document.existence.stamp.time);
            let life = document.existence.life.next();
            let saw = Some(document.existence.stamp);
            let existence = existence(life, saw);
            let key = operation.key.clone();
            Ok(Some(Delta {
                key,
                life,
                stamp,
                upsert: false,
                paths: vec![existence],
            }))
        }
    }
}

/// A new life with all its fields.
fn insertion(
    scope: &mut Scope<'_>,
    operation: &Operation,
    document: &StoredDocument,
) -> Result<Delta, Error> {
    let collection = scope.schema.at(operation.collection);
    let previous = document.existence;
    let life = previous.life.next();
    let saw = (previous.life > Life(0)).then_some(previous.stamp);
    let mut paths = vec![existence(life, saw)];
    let mut given = operation.fields.iter().peekable();
    for (at, field) in collection.fields.iter().enumerate() {
        let value = match given.next_if(|(position, _)| *position == at) {
            Some((_, value)) => value.clone(),
            None if field.default.is_some() || field.is_nullable => field.absent(),
            None => {
                return Err(Error::from(Problem::MissingField {
                    collection: collection.name.clone(),
                    field: field.name.clone(),
                    expected: field.expected(),
                }));
            }
        };
        paths.push(PathWrite {
            path: Path::field(&field.name),
            value,
            saw: None,
            stamp: None,
        });
    }
    let stamp = match operation.action {
        Action::Seed => Stamp::SEED,
        _ => issue(scope, previous.stamp.time),
    };
    let upsert = operation.action != Action::Insert;
    Ok(Delta {
        key: operation.key.clone(),
        life,
        stamp,
        upsert,
        paths,
    })
}

/// New values for fields of the current life.
fn update(scope: &mut Scope<'_>, operation: &Operation, document: &StoredDocument) -> Delta {
    let collection = scope.schema.at(operation.collection);
    let columns = scope
        .columns
        .get(operation.collection)
        .expect("columns are made for all");
    let mut latest = Time(0);
    let mut paths = Vec::with_capacity(operation.fields.len());
    for (at, value) in &operation.fields {
        let saw = document
            .registers
            .get(&columns.path(*at))
            .map(|register| register.stamp);
        latest = latest.max(saw.map_or(Time(0), |saw| saw.time));
        let field = collection
            .fields
            .get(*at)
            .expect("positions come from the schema");
        let path = Path::field(&field.name);
        paths.push(PathWrite {
            path,
            value: value.clone(),
            saw,
            stamp: None,
        });
    }
    let stamp = issue(scope, latest);
    let upsert = operation.action == Action::Upsert;
    Delta {
        key: operation.key.clone(),
        life: document.existence.life,
        stamp,
        upsert,
        paths,
    }
}

fn issue(scope: &mut Scope<'_>, overwritten: Time) -> Stamp {
    scope.clock.issue(scope.wall_ms, scope.replica, overwritten)
}

fn existence(life: Life, saw: Option<Stamp>) -> PathWrite {
    let value = Value::int(life.0 as i64);
    PathWrite {
        path: Path::existence(),
        value,
        saw,
        stamp: None,
    }
}

/// What of a delta leaves the device; none if nothing does.
fn synced_part(collection: &Collection, delta: &Delta) -> Option<Delta> {
    let is_local = |write: &&PathWrite| {
        collection
            .fields
            .iter()
            .any(|f| f.is_local && write.path.as_field() == Some(&f.name))
    };
    if collection.is_local {
        return None;
    }
    let paths: Vec<_> = delta
        .paths
        .iter()
        .filter(|write| !is_local(write))
        .cloned()
        .collect();
    (!paths.is_empty()).then(|| Delta {
        paths,
        ..delta.clone()
    })
}
