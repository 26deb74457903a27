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
use crate::merge::existence::Existence;
use crate::merge::record::{Columns, StoredDocument};
use crate::merge::register::Register;
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
        let staging = match write(scope, operation, &mut staged.after) {
            Ok(Some(delta)) => {
                self.keep(delta);
                self.check_sizes(scope.dictionary, &operation.key, &staged)
            }
            nothing => nothing.map(|_| ()),
        };
        self.documents
            .insert(std::mem::take(&mut operation.key), staged);
        staging
    }

    /// Keeps what syncs.
    fn keep(&mut self, delta: Delta) {
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

/// Writes an operation to the document. Returns what syncs of it, which may have no paths; none if
/// the operation writes nothing.
fn write(
    scope: &mut Scope<'_>,
    operation: &mut Operation,
    document: &mut StoredDocument,
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
    if changes_life {
        begin_life(scope, operation, document, &mut delta)?;
    } else {
        set_fields(scope, operation, document, &mut delta);
    }
    Ok(Some(delta))
}

/// Begins the next life of a document, or ends the one it has.
fn begin_life(
    scope: &mut Scope<'_>,
    operation: &mut Operation,
    document: &mut StoredDocument,
    delta: &mut Delta,
) -> Result<(), Error> {
    let mut registers = match operation.action {
        Action::Delete => SortedMap::new(),
        _ => all_fields(scope, operation)?,
    };
    let previous = document.existence;
    if operation.action != Action::Seed {
        let latest = previous.stamp.time;
        delta.stamp = scope.clock.issue(scope.wall_ms, scope.replica, latest);
    }
    for register in registers.values_mut() {
        register.stamp = delta.stamp;
    }
    delta.life = previous.life.next();
    document.registers = registers;
    document.existence = Existence {
        life: delta.life,
        stamp: delta.stamp,
        version: Version(0),
    };
    let collection = scope.schema.at(operation.collection);
    if collection.is_local {
        return Ok(());
    }
    delta.paths.reserve_exact(document.registers.len() + 1);
    let saw = (previous.life > Life(0)).then_some(previous.stamp);
    let life = Value::int(delta.life.0 as i64);
    delta.paths.push(path_write(&Path::existence(), life, saw));
    for at in 0..collection.fields.len() {
        let (number, path) = path_of(scope, operation.collection, at);
        if let Some(value) = document.value(&number)
            && collection.syncs(at)
        {
            delta.paths.push(path_write(path, value.clone(), None));
        }
    }
    Ok(())
}

/// Registers for all fields of a new life, without its stamp.
fn all_fields(
    scope: &Scope<'_>,
    operation: &mut Operation,
) -> Result<SortedMap<PathId, Register>, Error> {
    let collection = scope.schema.at(operation.collection);
    let mut registers = SortedMap::new();
    registers.reserve(collection.fields.len());
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
        let (number, _) = path_of(scope, operation.collection, at);
        let register = Register {
            value,
            stamp: Stamp::SEED,
            version: Version(0),
        };
        registers.insert(number, register);
    }
    Ok(registers)
}

/// Gives fields of the current life new values.
fn set_fields(
    scope: &mut Scope<'_>,
    operation: &mut Operation,
    document: &mut StoredDocument,
    delta: &mut Delta,
) {
    let mut latest = Time(0);
    for (at, value) in &mut operation.fields {
        let (number, path) = path_of(scope, operation.collection, *at);
        let register = document.registers.get(&number);
        let saw = register.map(|register| register.stamp);
        latest = latest.max(saw.map_or(Time(0), |saw| saw.time));
        delta
            .paths
            .push(path_write(path, std::mem::take(value), saw));
    }
    delta.stamp = scope.clock.issue(scope.wall_ms, scope.replica, latest);
    document.apply(delta, Version(0), &mut |path| scope.dictionary.intern(path));
    let collection = scope.schema.at(operation.collection);
    let fields = operation.fields.iter();
    let mut syncs = fields.map(|(at, _)| collection.syncs(*at));
    delta.paths.retain(|_| syncs.next() == Some(true));
}

/// The path of a field, and its number.
fn path_of<'a>(scope: &'a Scope<'_>, collection: usize, field: usize) -> (PathId, &'a Path) {
    let columns = scope.columns.get(collection);
    let number = columns.expect("columns are made for all").path(field);
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
