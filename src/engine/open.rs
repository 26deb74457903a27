//! Opening a database: the lock, the files, the log of a new term, and what the store holds.
//!
//! The lock is waited for as long as a dying worker of the same page may need; then the page is
//! told who has it.

use super::answers::{Answers, from_store};
use super::database::{Counters, Database, StorageState, damaged};
use super::index::Indexes;
use super::link::{Bearing, Link};
use super::out::{Asker, Out, Step};
use super::request::bad;
use crate::causal::hlc::Hlc;
use crate::doc::dictionary::{Dictionary, LOST_MAX};
use crate::doc::json;
use crate::doc::schema::Schema;
use crate::doc::value::Value;
use crate::effect::Effect;
use crate::error::{Error, Problem};
use crate::ids::{Commit, EntryId, FileId, Seq, Token};
use crate::limits::OPEN_WAIT_MS;
use crate::merge::record::Columns;
use crate::outbox::queue::{Counts, Outbox};
use crate::platform::disk::{Access, Disk, DiskError, Survival};
use crate::query::live::LiveQueries;
use crate::sorted::{Blocks, SortedMap};
use crate::store::{Batch, Direction, Recovery, Sizes, Store, StoreError, StoreProblem};
use crate::txn::table;
use std::ops::ControlFlow;
use xxhash_rust::xxh64::xxh64;

/// How long to wait before files that are busy are tried again, in milliseconds.
const BUSY_MS: u64 = 50;

/// The reserve of databases whose files are in memory.
const RESERVE_IN_MEMORY_BYTES: u64 = 64 << 10;

/// What the page asked for.
#[derive(Debug)]
pub struct OpenRequest {
    /// Who asked.
    pub asker: Asker,
    /// The database's name.
    pub name: String,
    /// Its schema, as read.
    pub schema: Schema,
    /// Tells schemas apart.
    pub schema_hash: u64,
    /// Where to synchronise: address and space.
    pub sync: Option<(String, String)>,
    /// Whether `saved` waits for the flush.
    pub is_strict: bool,
}

impl OpenRequest {
    /// Reads the request's members.
    pub fn from_value(asker: Asker, value: &Value) -> Result<Self, Error> {
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(String::from);
        let name = text(value.get("name")).filter(|name| !name.is_empty());
        let sync = match value.get("sync") {
            None | Some(Value::Null) => None,
            Some(sync) => match (text(sync.get("url")), text(sync.get("space"))) {
                (Some(url), Some(space)) => Some((url, space)),
                _ => return Err(bad(&["sync needs a url and a space"])),
            },
        };
        let schema = value.get("schema").unwrap_or(&Value::Null);
        Ok(Self {
            asker,
            name: name.ok_or_else(|| bad(&["open needs a name"]))?,
            schema: Schema::from_value(schema)?,
            schema_hash: xxh64(json::to_text(schema).as_bytes(), 0),
            sync,
            is_strict: text(value.get("durability")).as_deref() != Some("relaxed"),
        })
    }
}

/// How far opening has come.
enum Stage {
    /// Waits for the lock; whether another tab has said that it has it.
    Locking { is_taken: bool },
    /// Waits for the files, or to try again to get them.
    Listing { is_waiting: bool },
    /// Waits for the new term's log.
    Making(Box<Recovery>),
}

/// A database that is being opened.
pub struct Opening {
    /// What the page asked for.
    pub request: OpenRequest,
    sizes: Sizes,
    stage: Stage,
    deadline_ms: u64,
    storage: StorageState,
    /// The files were closed to be opened again.
    is_second: bool,
    access: Access,
}

/// What came of a step of opening: the database, once it is open; the answer is still to be given.
pub type Progress = Result<Option<Box<Database>>, Error>;

impl Opening {
    /// Begins, before there is a lock.
    pub fn begin(request: OpenRequest, sizes: Sizes, step: &mut Step<'_>) -> Box<Self> {
        step.out.push(Effect::Join {
            database: request.name.clone(),
        });
        let deadline_ms = step.input.monotonic_ms + OPEN_WAIT_MS;
        step.out.push(Effect::WakeAt {
            monotonic_ms: deadline_ms,
        });
        let storage = StorageState {
            state: "ok",
            ..StorageState::default()
        };
        let stage = Stage::Locking { is_taken: false };
        Box::new(Self {
            request,
            sizes,
            stage,
            deadline_ms,
            storage,
            is_second: false,
            access: Access::Alone,
        })
    }

    /// Asks for the lock, and whether another tab has it.
    pub fn ask_lock(&mut self, out: &mut Out) {
        out.push(Effect::RequestLock {
            database: self.request.name.clone(),
        });
        out.push(Effect::Broadcast {
            bytes: b"{\"kind\":\"who\"}".to_vec(),
        });
    }

    /// Another tab says that it has the lock.
    pub fn on_taken(&mut self) {
        if let Stage::Locking { is_taken } = &mut self.stage {
            *is_taken = true;
        }
    }

    /// Whether the lock is ours.
    pub fn has_lock(&self) -> bool {
        !matches!(self.stage, Stage::Locking { .. })
    }

    /// The lock is ours. Those who asked before it was, and wait for it, are told.
    pub fn on_lock(&mut self, out: &mut Out) {
        if let Stage::Locking { .. } = self.stage {
            out.push(here());
            self.list(out);
        }
    }

    fn list(&mut self, out: &mut Out) {
        self.stage = Stage::Listing { is_waiting: false };
        out.push(Effect::ListFiles {
            database: self.request.name.clone(),
            access: self.access,
        });
    }

    /// Opens the files again in a while, which closes them first.
    fn list_later(&mut self, step: &mut Step<'_>) -> Option<Box<Database>> {
        self.stage = Stage::Listing { is_waiting: true };
        step.out.push(Effect::WakeAt {
            monotonic_ms: step.input.monotonic_ms + BUSY_MS,
        });
        None
    }

    /// Time has passed.
    pub fn on_tick(&mut self, step: &mut Step<'_>) -> Progress {
        let is_late = step.input.monotonic_ms >= self.deadline_ms;
        match self.stage {
            Stage::Locking { is_taken: true } if is_late => Err(Problem::DatabaseInUse.into()),
            Stage::Locking { .. } if is_late => Err(Problem::StorageBusy.into()),
            Stage::Listing { is_waiting: true } => {
                self.list(step.out);
                Ok(None)
            }
            _ => Ok(None),
        }
    }

    /// The files are open, or could not be opened.
    pub fn on_listed(
        &mut self,
        step: &mut Step<'_>,
        files: Result<Vec<(String, FileId)>, DiskError>,
        storage: (&'static str, Survival),
    ) -> Progress {
        (self.storage.kind, self.storage.survival) = storage;
        self.sizes.reserve_bytes = match storage.1 {
            Survival::Nothing => 0,
            Survival::Flushed => RESERVE_IN_MEMORY_BYTES,
            Survival::Written => self.sizes.reserve_bytes,
        };
        let files = match files {
            Ok(files) => files,
            Err(DiskError::Busy) if step.input.monotonic_ms < self.deadline_ms => {
                return Ok(self.list_later(step));
            }
            // The lock is ours: who still has them is a tab that is frozen, or dies slowly.
            Err(DiskError::Busy) if self.access == Access::Alone => {
                self.access = Access::Around;
                self.list(step.out);
                return Ok(None);
            }
            Err(DiskError::NotFound) => return Err(Problem::StorageGone.into()),
            Err(error) => return Err(StoreError::from(error).into()),
        };
        let recovery = Recovery::read(step.disk, &files, self.sizes)?;
        let recovery = Box::new(recovery);
        self.storage.cut_bytes = recovery.report().torn.iter().map(|torn| torn.bytes).sum();
        if let Some(name) = recovery.file_to_make() {
            step.out.push(Effect::MakeFile { name });
            self.stage = Stage::Making(recovery);
            return Ok(None);
        }
        let refusal = recovery.damage();
        let refusal = refusal.unwrap_or(StoreProblem::Disk(DiskError::NotFound).into());
        self.open_read_only(step, recovery, refusal)
    }

    /// The new term's log is there, or could not be made.
    pub fn on_file(&mut self, step: &mut Step<'_>, result: Result<FileId, DiskError>) -> Progress {
        if !matches!(self.stage, Stage::Making(_)) {
            return Ok(None);
        }
        let stage = std::mem::replace(&mut self.stage, Stage::Listing { is_waiting: false });
        let Stage::Making(mut recovery) = stage else {
            return Ok(None);
        };
        let file = match result {
            Ok(file) => file,
            Err(error) => return self.open_read_only(step, recovery, error.into()),
        };
        match recovery.begin(step.disk, file) {
            Ok(store) => self.load(step, store),
            // What was given up is free only once its file is closed.
            Err(error) if error.is_poisoned() && !self.is_second => {
                self.is_second = true;
                Ok(self.list_later(step))
            }
            Err(error) => self.open_read_only(step, recovery, error),
        }
    }

    /// What can be read is shown; nothing can be written.
    fn open_read_only(
        &mut self,
        step: &mut Step<'_>,
        mut recovery: Box<Recovery>,
        refusal: StoreError,
    ) -> Progress {
        let is_damage = refusal.is_damage();
        self.storage.state = if is_damage { "damaged" } else { "failed" };
        self.storage.problem = Some(Error::from(refusal.clone()).message());
        self.load(step, recovery.read_only(refusal))
    }

    fn load(&mut self, step: &mut Step<'_>, store: Store) -> Progress {
        let (replica, rest) = step.input.random.split_at(10);
        let (replica, life) = (token_of(replica), token_of(rest));
        let mut database = self.database(replica, store);
        let is_settled = match database.load(step.disk) {
            Err(_) if database.note_damage() => database.load(step.disk)?,
            loaded => loaded?,
        };
        let is_writable = database.storage.state == "ok";
        let bearing = database.store.get(step.disk, &table::meta("link"));
        let bearing = match bearing? {
            Some(bytes) => Some(Bearing::decode(&bytes).ok_or_else(undecodable)?),
            None => None,
        };
        if let Some((url, space)) = &self.request.sync {
            database.link = Some(Box::new(Link::new(
                live_url(url, space),
                space,
                life,
                bearing,
            )));
        }
        if is_writable && !is_settled {
            database.settle(step.disk);
        }
        Ok(Some(database))
    }

    fn database(&mut self, replica: Token, store: Store) -> Box<Database> {
        let request = &mut self.request;
        Box::new(Database {
            name: request.name.clone(),
            schema: std::mem::take(&mut request.schema),
            schema_hash: request.schema_hash,
            columns: Vec::new(),
            dictionary: Dictionary::default(),
            store,
            clock: Hlc::default(),
            replica,
            outbox: Outbox::unread(Counts::default()),
            counters: Counters {
                next_entry: EntryId(1),
                next_seq: Seq(1),
            },
            indexes: Indexes::default(),
            live: LiveQueries::default(),
            transactions: SortedMap::new(),
            answers: Answers::default(),
            waiting: Vec::new(),
            // What is only written would not outlive the tab here, which `relaxed` promises too.
            is_strict: request.is_strict || self.storage.survival == Survival::Flushed,
            writers: SortedMap::new(),
            link: None,
            storage: std::mem::take(&mut self.storage),
            pages: vec![request.asker.tab],
            told_status: Vec::new(),
            alarm_ms: None,
            is_woken_for_work: false,
            closing: None,
            head_until_ms: 0,
            rest: None,
            reopenings: 0,
            refused: Vec::new(),
            is_given_up: false,
        })
    }
}

impl Database {
    /// Writes down who we are and which indexes are kept. With it the first record of a new
    /// database is durable before `open` is answered. Without it nothing may be written: entries of
    /// an index that is no longer kept would not be what they are taken for.
    fn settle(&mut self, disk: &mut dyn Disk) {
        let mut batch = Batch::new();
        batch.put(table::meta("replica"), self.replica.0.to_vec());
        batch.put(table::meta("indexes"), self.indexes.encode(None));
        if let Err(error) = self.write(disk, batch) {
            self.store.make_read_only(error.clone());
            self.storage.state = "failed";
            self.storage.problem = Some(Error::from(error).message());
        }
    }

    /// Reads what the store holds beside documents and the link. Gives whether it says who we are
    /// and which indexes are kept.
    fn load(&mut self, disk: &mut dyn Disk) -> Result<bool, Error> {
        // Answers, single records, dictionary: they are in this order by their keys.
        let mut records = Blocks::default();
        for table in [table::ANSWERS, table::META, table::DICTIONARY] {
            let mut visit = |key: &[u8], value: &[u8]| {
                records.insert(key.to_vec(), Some(value.to_vec()));
                ControlFlow::Continue(())
            };
            self.store
                .scan(disk, &[table], &[table + 1], Direction::Forward, &mut visit)?;
        }
        for (key, value) in records.iter() {
            let value = value.as_deref().unwrap_or_default();
            self.load_record(key, value).ok_or_else(undecodable)?;
        }
        let record_of = |name| records.get(&table::meta(name)[..])?.as_deref();
        let mut entries = None;
        if let Some(record) = record_of("counters") {
            let read = Counters::decode(record).ok_or_else(undecodable)?;
            (self.counters, self.clock, entries) = read;
        }
        self.outbox = Outbox::unread(entries.unwrap_or_default());
        // Early records do not say how many entries there are.
        let is_uncounted = entries.is_none() && self.store.last() > Commit(0);
        if is_uncounted || self.store.is_damaged() {
            self.read_outbox(disk)?;
        }
        if self.store.is_damaged() {
            // The numbers of paths that are lost are those of other fields.
            self.dictionary.skip_to(LOST_MAX);
        }
        for collection in &self.schema.collections {
            let columns = Columns::of(collection, &mut self.dictionary);
            self.columns.push(columns);
        }
        let record = record_of("indexes");
        self.indexes = Indexes::new(&self.schema, record.unwrap_or_default());
        if self.store.last() == Commit(0) && !self.store.is_damaged() {
            self.indexes.are_ready();
        }
        Ok(record == Some(&self.indexes.encode(None)))
    }

    fn load_record(&mut self, key: &[u8], value: &[u8]) -> Option<()> {
        match (key.first()?, key.get(1..)?) {
            (&table::DICTIONARY, _) => self.dictionary.load(table::number(key)?, value)?,
            (&table::ANSWERS, _) => {
                let (tab, number) = table::answer_key(key)?;
                self.answers.keep(Asker { tab, number }, from_store(value));
            }
            (_, b"replica") => self.replica = Token(value.try_into().ok()?),
            _ => {}
        }
        Some(())
    }
}

fn undecodable() -> Error {
    damaged("a record of the engine does not decode")
}

/// Says to other tabs that the lock is held here.
pub fn here() -> Effect {
    Effect::Broadcast {
        bytes: b"{\"kind\":\"here\"}".to_vec(),
    }
}

/// A token of the first bytes of these random ones.
fn token_of(random: &[u8]) -> Token {
    Token(*random.first_chunk().expect("an input has enough of them"))
}

/// The address of a space's live connection.
fn live_url(url: &str, space: &str) -> String {
    let mut url = url;
    while let Some(rest) = url.strip_suffix("/") {
        url = rest;
    }
    // `https` becomes `wss` as `http` becomes `ws`.
    let (scheme, rest) = match url.strip_prefix("http") {
        Some(rest) => ("ws", rest),
        None => ("", url),
    };
    [scheme, rest, "/v1/", space, "/live"].concat()
}
