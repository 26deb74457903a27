//! An open database: everything the engine holds of it between steps, and how rows are read.

use super::answers::Answers;
use super::index::Indexes;
use super::link::Link;
use super::list::{PATCH_MEMBERS, write_patch};
use super::out::{Asker, Step, member_whole, notice};
use super::plan::Stored;
use crate::causal::hlc::Hlc;
use crate::causal::stamp::Time;
use crate::doc::codec::{Items, write_varint};
use crate::doc::dictionary::Dictionary;
use crate::doc::path::DocumentKey;
use crate::doc::row::{Change, Row};
use crate::doc::schema::Schema;
use crate::error::{Error, Problem};
use crate::ids::{Commit, EntryId, ReplicaId, Seq, TabId};
use crate::merge::record::{self, Columns, StoredDocument};
use crate::outbox::codec;
use crate::outbox::entry::Entry;
use crate::outbox::queue::{Counts, Outbox};
use crate::planted;
use crate::platform::disk::{Disk, DiskError, Survival};
use crate::query::access::Range;
use crate::query::evaluate::Rows;
use crate::query::live::LiveQueries;
use crate::sorted::SortedMap;
use crate::store::{Batch, Direction, Store, StoreError, StoreProblem};
use crate::text::{decimal, filled};
use crate::txn::operation::Operation;
use crate::txn::overlay;
use crate::txn::staging::{Scope, Staging};
use crate::txn::table;
use std::borrow::Cow;
use std::ops::ControlFlow;
use std::rc::Rc;

use super::transaction::Transaction;

/// What waits until a commit is durable.
#[derive(Clone, Debug, PartialEq)]
pub enum Waiting {
    /// The answer to a request that wrote.
    Answer(Asker, Vec<u8>),
    /// A frame for the connection with this number.
    Frame(u64, String),
    /// The answer to `open`.
    Opened(Asker),
}

/// Counters that outlive the process, written with every commit that moves one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counters {
    /// The id of the next outbox entry.
    pub next_entry: EntryId,
    /// The seq of the next transaction that is sent.
    pub next_seq: Seq,
}

/// What is known of the storage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StorageState {
    /// `opfs`, `memory`, ...
    pub kind: &'static str,
    /// What outlives the process.
    pub survival: Survival,
    /// `ok`, `damaged` or `failed`.
    pub state: &'static str,
    /// What is wrong.
    pub problem: Option<String>,
    /// Bytes of torn tail that recovery cut.
    pub cut_bytes: u64,
}

/// An open database.
pub struct Database {
    /// Its name.
    pub name: String,
    /// Its schema, with `$outbox` at the end.
    pub schema: Schema,
    /// Tells schemas apart.
    pub schema_hash: u64,
    /// Columns by position of the collection.
    pub columns: Vec<Columns>,
    /// Path numbers.
    pub dictionary: Dictionary,
    /// Everything stored.
    pub store: Store,
    /// Issues stamps.
    pub clock: Hlc,
    /// Who we are.
    pub replica: ReplicaId,
    /// Local writes on their way.
    pub outbox: Outbox,
    /// See [`Counters`].
    pub counters: Counters,
    /// Secondary indexes.
    pub indexes: Indexes,
    /// Live queries.
    pub live: LiveQueries,
    /// Open transactions by the request that began them.
    pub transactions: SortedMap<Asker, Transaction>,
    /// Answers until confirmed.
    pub answers: Answers,
    /// What waits for a flush, by commit.
    pub waiting: Vec<(Commit, Waiting)>,
    /// Whether `saved` waits for the flush.
    pub is_strict: bool,
    /// The tab that wrote an entry, as long as this engine lives.
    pub writers: SortedMap<EntryId, TabId>,
    /// The link to the server, if there is to be one.
    pub link: Option<Box<Link>>,
    /// What is known of the storage.
    pub storage: StorageState,
    /// Pages that are told of the status.
    pub pages: Vec<TabId>,
    /// The status as last told.
    pub told_status: Vec<u8>,
    /// The alarm that is set.
    pub alarm_ms: Option<u64>,
    /// Whether it is for work that can be done at once.
    pub is_woken_for_work: bool,
    /// The request `close` that waits until all is saved.
    pub closing: Option<Asker>,
    /// Until when the head of a new log may stay unflushed, if nothing else is to be flushed.
    pub head_until_ms: u64,
    /// The last commit when something was in memory that may become a run, and until when to see
    /// whether others follow.
    pub rest: Option<(Commit, u64)>,
    /// How often it was opened again without a write being saved since.
    pub reopenings: u32,
    /// Requests that wrote in vain so often that they are not tried again, each with the reason.
    pub refused: Vec<(Asker, StoreError)>,
    /// Something failed, and opening again would not help.
    pub is_given_up: bool,
}

impl Database {
    /// The record of the visible document; no bytes if it never was.
    pub fn visible(&self, disk: &mut dyn Disk, key: &DocumentKey) -> Result<Vec<u8>, Error> {
        visible(&self.store, disk, key)
    }

    /// What the server is known to have of a document: the base record, which is there as long as
    /// anything lies over the document, else what is visible.
    pub fn base(&self, disk: &mut dyn Disk, key: &DocumentKey) -> Result<StoredDocument, Error> {
        let base = stored(&self.store, disk, &table::document(table::BASE, key))?;
        record::read(&match base {
            Some(base) => base,
            None => self.visible(disk, key)?,
        })
    }

    /// The change that replacing one record of a document by another is to queries, if anybody is
    /// to see it. What it is to indexes goes into the batch.
    pub fn change(
        &self,
        batch: &mut Batch,
        (collection, id): (usize, &str),
        before: &[u8],
        after: &[u8],
    ) -> Result<Option<Change>, Error> {
        let old = self.values_of(collection, before)?;
        let new = self.values_of(collection, after)?;
        let document = (collection, id);
        self.indexes
            .put(batch, document, old.as_deref(), new.as_deref());
        let is_in_transaction =
            !self.transactions.is_empty() && !planted::is("engine_transaction_blind");
        if old == new || !(is_in_transaction || self.live.watches(collection)) {
            return Ok(None);
        }
        let old = row_of(id.as_bytes(), old.as_deref())?;
        let new = row_of(id.as_bytes(), new.as_deref())?;
        Ok(Some(Change {
            collection,
            old,
            new,
        }))
    }

    /// The values in a document's record; none if it is deleted or never was.
    pub fn values_of<'a>(
        &'a self,
        collection: usize,
        record: &'a [u8],
    ) -> Result<Option<Vec<&'a [u8]>>, Error> {
        let columns = self.columns.get(collection);
        let columns = columns.expect("columns are made for all");
        let values = columns.values(self.schema.at(collection), record);
        values.ok_or_else(record::undecodable)
    }

    /// All rows of a collection.
    pub fn rows(&self, disk: &mut dyn Disk, collection: usize) -> Result<Vec<Rc<Row>>, Error> {
        let mut rows = Vec::new();
        if self.schema.is_outbox(collection) {
            for entry in self.outbox.iter() {
                rows.push(Rc::new(super::outbox_row::row(entry)));
            }
            return Ok(rows);
        }
        let from = table::collection(table::VISIBLE, &self.schema.at(collection).name);
        let to = table::end_of(&from);
        self.add_rows(disk, collection, &(from, to), &mut rows)?;
        Ok(rows)
    }

    /// Adds the rows whose documents have keys in this range.
    pub fn add_rows(
        &self,
        disk: &mut dyn Disk,
        collection: usize,
        (from, to): &Range,
        rows: &mut Vec<Rc<Row>>,
    ) -> Result<(), Error> {
        let prefix = self.schema.at(collection).name.len() + 2;
        let mut outcome = Ok(());
        let mut visit = |key: &[u8], value: &[u8]| {
            let id = key.get(prefix..).unwrap_or_default();
            match self.read_row(collection, id, value) {
                Ok(row) => rows.extend(row),
                Err(error) => outcome = Err(error),
            }
            ControlFlow::Continue(())
        };
        self.store
            .scan(disk, from, to, Direction::Forward, &mut visit)?;
        outcome
    }

    /// The row in a document's record; none if it is deleted or never was.
    pub fn read_row(
        &self,
        collection: usize,
        id: &[u8],
        record: &[u8],
    ) -> Result<Option<Rc<Row>>, Error> {
        row_of(id, self.values_of(collection, record)?.as_deref())
    }

    /// Adds operations to a staging.
    pub fn stage(
        &mut self,
        step: &mut Step<'_>,
        staging: &mut Staging,
        operations: Vec<Operation<'_>>,
    ) -> Result<(), Error> {
        let store = &self.store;
        let mut load = |key: &DocumentKey| visible(store, step.disk, key);
        let mut scope = Scope {
            schema: &self.schema,
            columns: &self.columns,
            dictionary: &mut self.dictionary,
            clock: &mut self.clock,
            wall_ms: step.input.wall_ms,
            replica: self.replica,
        };
        for operation in operations {
            staging.apply(&mut scope, operation, &mut load)?;
        }
        Ok(())
    }

    /// What the app is to see of a document with this base, given what it sees now.
    pub fn joined(
        &mut self,
        key: &DocumentKey,
        base: &StoredDocument,
        shown: &StoredDocument,
    ) -> StoredDocument {
        let mut document = overlay::visible(base, key, &self.outbox, &mut self.dictionary);
        if let Ok(collection) = self.schema.position(&key.collection)
            && let Some(columns) = self.columns.get(collection)
        {
            overlay::carry_local(&mut document, shown, self.schema.at(collection), columns);
        }
        document
    }

    /// Writes a batch as one record, together with the dictionary and the counters. What is in
    /// memory has not moved when this fails, and must not have.
    pub fn commit(&mut self, disk: &mut dyn Disk, batch: Batch) -> Result<Commit, Error> {
        self.write(disk, batch).map_err(Error::from)
    }

    /// As [`Self::commit`], with the store's error.
    pub fn write(&mut self, disk: &mut dyn Disk, mut batch: Batch) -> Result<Commit, StoreError> {
        for (id, path) in self.dictionary.unsaved() {
            batch.put(table::numbered(table::DICTIONARY, u64::from(id.0)), path);
        }
        batch.put(
            table::meta("counters"),
            self.counters.encode(&self.clock, self.outbox.counts()),
        );
        let commit = self.store.commit(disk, batch)?;
        self.dictionary.saved();
        self.indexes.is_blocked = false;
        Ok(commit)
    }

    /// Looks whether a read has met damage. Then pages see it in the status, and from now on what
    /// cannot be read is passed over.
    pub fn note_damage(&mut self) -> bool {
        let damage = self.store.take_damage();
        let is_new = damage.is_some();
        if let Some(damage) = damage {
            self.storage.state = "damaged";
            self.storage.problem = Some(Error::from(damage).message());
        }
        is_new
    }

    /// Moves live queries and open transactions by what a commit changed, and tells the pages.
    pub fn publish(&mut self, step: &mut Step<'_>, commit: Commit, changes: &[Change]) {
        for transaction in self.transactions.values_mut() {
            transaction.observe(changes, &self.schema);
        }
        let patches = self.with_live(step.disk, |live, rows| live.apply(changes, rows));
        for (tab, subscription, patch) in patches {
            let mut notice = notice("patch", 2 + PATCH_MEMBERS);
            member_whole(&mut notice, "subscription", subscription.0);
            member_whole(&mut notice, "revision", commit.0);
            write_patch(&mut notice, &patch);
            step.out.post(tab, &notice);
        }
    }

    /// Does something with the live queries, which may read rows as of the last commit.
    pub fn with_live<T>(
        &mut self,
        disk: &mut dyn Disk,
        act: impl FnOnce(&mut LiveQueries, &mut dyn Rows) -> T,
    ) -> T {
        let mut live = std::mem::take(&mut self.live);
        let database = &*self;
        let result = act(&mut live, &mut Stored { database, disk });
        self.live = live;
        result
    }

    /// The change that an entry's move is to the collection `$outbox`, if anybody is to be told.
    pub fn outbox_change(&self, old: Option<&Entry>, new: Option<&Entry>) -> Option<Change> {
        let row = |entry: &Entry| Rc::new(super::outbox_row::row(entry));
        let collection = self.schema.collections.len() - 1;
        self.outbox.is_watched.then(|| Change {
            collection,
            old: old.map(row),
            new: new.map(row),
        })
    }

    /// Reads the outbox, unless that was done.
    pub fn read_outbox(&mut self, disk: &mut dyn Disk) -> Result<(), Error> {
        if !self.outbox.is_unread() {
            return Ok(());
        }
        let mut outbox = Outbox::default();
        let mut is_whole = true;
        let mut visit = |key: &[u8], value: &[u8]| {
            let id = table::number(key).map(EntryId);
            match id.and_then(|id| codec::decode(id, value)) {
                Some(entry) => outbox.put(entry),
                None => is_whole = false,
            }
            ControlFlow::Continue(())
        };
        let (from, to) = ([table::OUTBOX], [table::OUTBOX + 1]);
        self.store
            .scan(disk, &from, &to, Direction::Forward, &mut visit)?;
        if !is_whole {
            return Err(record::undecodable());
        }
        self.outbox = outbox;
        Ok(())
    }
}

impl Counters {
    /// The stored form, with the clock's times and how many entries the outbox has.
    pub fn encode(self, clock: &Hlc, mut entries: Counts) -> Vec<u8> {
        let mut out = Vec::with_capacity(32);
        let next_seq = if planted::is("engine_seq_not_stored") {
            1
        } else {
            self.next_seq.0
        };
        for number in [self.next_entry.0, next_seq, clock.last().0] {
            write_varint(&mut out, number);
        }
        if planted::is("engine_entries_not_counted") {
            entries = Counts::default();
        }
        for count in entries.all() {
            write_varint(&mut out, *count as u64);
        }
        if !planted::is("engine_observed_not_stored") {
            write_varint(&mut out, clock.observed().0);
        }
        out
    }

    /// Reads what `encode` wrote. Early records say nothing of entries, or of what was observed.
    pub fn decode(bytes: &[u8]) -> Option<(Self, Hlc, Option<Counts>)> {
        let mut items = Items::new(bytes);
        let counters = Self {
            next_entry: EntryId(items.varint()),
            next_seq: Seq(items.varint()),
        };
        let last = Time(items.varint());
        items.check(())?;
        let mut entries = Counts::default();
        for count in entries.all() {
            *count = items.varint() as usize;
        }
        let entries = items.check(entries);
        let observed = Time(items.varint());
        let observed = items.check(observed).unwrap_or_default();
        Some((counters, Hlc::resume(last, observed), entries))
    }
}

/// The row of a document with these values; none without them.
pub fn row_of(id: &[u8], values: Option<&[&[u8]]>) -> Result<Option<Rc<Row>>, Error> {
    let Some(values) = values else {
        return Ok(None);
    };
    let id = str::from_utf8(id).map_err(|_| record::undecodable())?;
    Ok(Some(Rc::new(Row::new(id, values))))
}

fn visible(store: &Store, disk: &mut dyn Disk, key: &DocumentKey) -> Result<Vec<u8>, Error> {
    let record = stored(store, disk, &table::document(table::VISIBLE, key))?;
    Ok(record.unwrap_or_default())
}

/// What the store has in a place.
pub fn stored(store: &Store, disk: &mut dyn Disk, place: &[u8]) -> Result<Option<Vec<u8>>, Error> {
    let found = store.get(disk, place)?;
    Ok(found.map(Cow::into_owned))
}

/// What a failing store is to the page.
impl From<StoreError> for Error {
    #[inline(never)]
    fn from(error: StoreError) -> Self {
        let problem = match &*error {
            StoreProblem::Full => return Error::from(Problem::StorageFull),
            StoreProblem::TooLarge { bytes } => {
                return Error::from(Problem::TransactionTooLarge { bytes: *bytes });
            }
            StoreProblem::Damaged {
                file,
                offset,
                problem,
            } => {
                return damaged(&filled(
                    "{} ({} at byte {})",
                    &[problem, file, &decimal(*offset)],
                ));
            }
            StoreProblem::Disk(DiskError::Busy) => return Error::from(Problem::StorageBusy),
            StoreProblem::Disk(DiskError::Failed(problem)) | StoreProblem::Poisoned { problem } => {
                problem.clone()
            }
            StoreProblem::NewerFormat { file, version } => filled(
                "{} has format {}, of a newer release",
                &[file, &decimal(u64::from(*version))],
            ),
            StoreProblem::TermTaken { file } => filled("{} was begun by somebody else", &[file]),
            StoreProblem::Disk(_) => "a file is gone".into(),
        };
        Error::from(Problem::StorageFailed { problem })
    }
}

/// A damaged store.
pub fn damaged(problem: &str) -> Error {
    Error::from(Problem::StorageDamaged {
        problem: problem.into(),
    })
}
