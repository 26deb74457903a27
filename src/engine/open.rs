//! Opening a database: the lock, the files, the log of a new term, and what the store holds.
//!
//! The lock is waited for as long as a dying worker of the same page may need; then the page is
//! told who has it.

use super::answers::Answers;
use super::database::{Counters, Database, StorageState, damaged, storage_error};
use super::link::{Bearing, Link};
use super::out::Out;
use crate::causal::hlc::Hlc;
use crate::doc::dictionary::Dictionary;
use crate::doc::json;
use crate::doc::schema::Schema;
use crate::doc::value::Value;
use crate::effect::Effect;
use crate::error::{Error, Problem};
use crate::event::Input;
use crate::ids::{EntryId, FileId, RequestNumber, Seq, TabId, Token};
use crate::limits::OPEN_WAIT_MS;
use crate::merge::record::Columns;
use crate::outbox::codec;
use crate::outbox::queue::Outbox;
use crate::platform::disk::{Disk, DiskError};
use crate::query::live::LiveQueries;
use crate::sorted::SortedMap;
use crate::store::{Batch, Direction, Recovery, Store, StoreError};
use crate::txn::table;
use std::collections::VecDeque;
use std::ops::ControlFlow;
use xxhash_rust::xxh64::xxh64;

/// How long to wait before files that are busy are tried again, in milliseconds.
const BUSY_MS: u64 = 50;

/// What the page asked for.
#[derive(Debug)]
pub struct OpenRequest {
    /// The page.
    pub tab: TabId,
    /// Its request.
    pub number: RequestNumber,
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
    pub fn from_value(tab: TabId, number: RequestNumber, value: &Value) -> Result<Self, Error> {
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(String::from);
        let bad = |problem: &str| {
            Error::from(Problem::BadRequest {
                problem: problem.into(),
            })
        };
        let name = text(value.get("name")).filter(|name| !name.is_empty());
        let sync = match value.get("sync") {
            None | Some(Value::Null) => None,
            Some(sync) => match (text(sync.get("url")), text(sync.get("space"))) {
                (Some(url), Some(space)) => Some((url, space)),
                _ => return Err(bad("sync needs a url and a space")),
            },
        };
        let schema = value.get("schema").unwrap_or(&Value::Null);
        Ok(Self {
            tab,
            number,
            name: name.ok_or_else(|| bad("open needs a name"))?,
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
    stage: Stage,
    deadline_ms: u64,
    storage: StorageState,
}

/// What came of a step of opening.
pub enum Progress {
    /// Not there yet.
    Under(Box<Opening>),
    /// Open; the answer is still to be given.
    Open(Box<Database>, OpenRequest),
    /// Refused.
    Failed(OpenRequest, Error),
}

impl Opening {
    /// Begins: asks for the lock, and whether another tab has it.
    pub fn begin(request: OpenRequest, input: &Input, out: &mut Out) -> Box<Self> {
        out.push(Effect::Join {
            database: request.name.clone(),
        });
        out.push(Effect::RequestLock {
            database: request.name.clone(),
        });
        out.push(Effect::Broadcast {
            bytes: b"{\"kind\":\"who\"}".to_vec(),
        });
        let deadline_ms = input.monotonic_ms + OPEN_WAIT_MS;
        out.push(Effect::WakeAt {
            monotonic_ms: deadline_ms,
        });
        let storage = StorageState {
            state: "ok",
            ..StorageState::default()
        };
        let stage = Stage::Locking { is_taken: false };
        Box::new(Self {
            request,
            stage,
            deadline_ms,
            storage,
        })
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
            self.stage = Stage::Listing { is_waiting: false };
            out.push(here());
            out.push(Effect::ListFiles {
                database: self.request.name.clone(),
            });
        }
    }

    /// Time has passed.
    pub fn on_tick(mut self: Box<Self>, input: &Input, out: &mut Out) -> Progress {
        let is_late = input.monotonic_ms >= self.deadline_ms;
        match self.stage {
            Stage::Locking { is_taken } if is_late => {
                let error = if is_taken {
                    Error::from(Problem::DatabaseInUse)
                } else {
                    Error::from(Problem::StorageBusy)
                };
                return self.fail(error, out);
            }
            Stage::Listing { is_waiting: true } => {
                self.stage = Stage::Listing { is_waiting: false };
                out.push(Effect::ListFiles {
                    database: self.request.name.clone(),
                });
            }
            _ => {}
        }
        Progress::Under(self)
    }

    #[allow(clippy::boxed_local, reason = "every caller holds it behind a pointer")]
    fn fail(self: Box<Self>, error: Error, out: &mut Out) -> Progress {
        out.push(Effect::CloseFiles);
        out.push(Effect::ReleaseLock);
        Progress::Failed(self.request, error)
    }

    /// The files are open, or could not be opened.
    pub fn on_listed(
        mut self: Box<Self>,
        input: &Input,
        disk: &mut dyn Disk,
        out: &mut Out,
        files: Result<Vec<(String, FileId)>, DiskError>,
        storage: (&'static str, bool),
    ) -> Progress {
        (self.storage.kind, self.storage.is_durable) = storage;
        let files = match files {
            Ok(files) => files,
            Err(DiskError::Busy) if input.monotonic_ms < self.deadline_ms => {
                self.stage = Stage::Listing { is_waiting: true };
                out.push(Effect::WakeAt {
                    monotonic_ms: input.monotonic_ms + BUSY_MS,
                });
                return Progress::Under(self);
            }
            Err(error) => return self.fail(storage_error(error.into()), out),
        };
        let recovery = match Recovery::read(disk, &files) {
            Ok(recovery) => recovery,
            Err(error) => return self.fail(storage_error(error), out),
        };
        self.storage.cut_bytes = recovery.report().torn.iter().map(|torn| torn.bytes).sum();
        match (recovery.file_to_make(), recovery.damage()) {
            (Some(name), _) => {
                out.push(Effect::MakeFile { name });
                self.stage = Stage::Making(Box::new(recovery));
                Progress::Under(self)
            }
            (None, damage) => {
                let refusal = damage.unwrap_or(StoreError::Disk(DiskError::NotFound));
                self.open_read_only(input, disk, out, recovery, refusal)
            }
        }
    }

    /// The new term's log is there, or could not be made.
    pub fn on_file(
        mut self: Box<Self>,
        input: &Input,
        disk: &mut dyn Disk,
        out: &mut Out,
        result: Result<FileId, DiskError>,
    ) -> Progress {
        let recovery =
            match std::mem::replace(&mut self.stage, Stage::Listing { is_waiting: false }) {
                Stage::Making(recovery) => recovery,
                other => {
                    self.stage = other;
                    return Progress::Under(self);
                }
            };
        let file = match result {
            Ok(file) => file,
            Err(error) => return self.open_read_only(input, disk, out, *recovery, error.into()),
        };
        match recovery.begin(disk, file) {
            Ok(store) => self.load(input, disk, out, store),
            Err(refused) => self.open_read_only(input, disk, out, refused.recovery, refused.error),
        }
    }

    /// What can be read is shown; nothing can be written.
    fn open_read_only(
        mut self: Box<Self>,
        input: &Input,
        disk: &mut dyn Disk,
        out: &mut Out,
        recovery: Recovery,
        refusal: StoreError,
    ) -> Progress {
        self.storage.state = match refusal {
            StoreError::Damaged { .. } => "damaged",
            _ => "failed",
        };
        self.storage.problem = Some(storage_error(refusal.clone()).message());
        self.load(input, disk, out, recovery.into_read_only(refusal))
    }

    fn load(
        mut self: Box<Self>,
        input: &Input,
        disk: &mut dyn Disk,
        out: &mut Out,
        store: Store,
    ) -> Progress {
        let is_writable = self.storage.state == "ok";
        match Loaded::read(&store, disk) {
            Ok(loaded) => {
                let mut database = self.database(input, store, loaded);
                if is_writable && let Err(error) = database.settle(disk) {
                    return self.fail(error, out);
                }
                Progress::Open(Box::new(database), self.request)
            }
            Err(error) => self.fail(error, out),
        }
    }

    fn database(&mut self, input: &Input, store: Store, mut loaded: Loaded) -> Database {
        let request = &mut self.request;
        let [mut replica, mut life] = [Token::default(), Token::default()];
        replica
            .0
            .copy_from_slice(input.random.get(..10).expect("there are 32 bytes"));
        life.0
            .copy_from_slice(input.random.get(10..20).expect("there are 32 bytes"));
        let columns = request.schema.collections.iter();
        let columns = columns
            .map(|c| Columns::of(c, &mut loaded.dictionary))
            .collect();
        let link = request.sync.as_ref().map(|(url, space)| {
            Link::new(live_url(url, space), space, life, loaded.bearing.take())
        });
        Database {
            name: request.name.clone(),
            schema: std::mem::take(&mut request.schema),
            schema_hash: request.schema_hash,
            columns,
            dictionary: loaded.dictionary,
            store,
            clock: loaded.clock,
            replica: loaded.replica.unwrap_or(replica),
            outbox: loaded.outbox,
            counters: loaded.counters,
            live: LiveQueries::default(),
            transactions: SortedMap::new(),
            answers: loaded.answers,
            waiting: VecDeque::new(),
            is_strict: request.is_strict,
            writers: SortedMap::new(),
            link,
            storage: std::mem::take(&mut self.storage),
            pages: vec![request.tab],
            told_status: Vec::new(),
            alarm_ms: None,
            closing: None,
        }
    }
}

impl Database {
    /// Writes down who we are. With it the first record of a new database is durable before `open`
    /// is answered.
    fn settle(&mut self, disk: &mut dyn Disk) -> Result<(), Error> {
        let mut batch = Batch::new();
        batch.put(table::meta("replica"), self.replica.0.to_vec());
        self.commit(disk, batch).map(|_| ())
    }
}

/// Says to other tabs that the lock is held here.
pub fn here() -> Effect {
    Effect::Broadcast {
        bytes: b"{\"kind\":\"here\"}".to_vec(),
    }
}

/// The address of a space's live connection.
fn live_url(url: &str, space: &str) -> String {
    let url = url.trim_end_matches('/');
    // `https` becomes `wss` as `http` becomes `ws`.
    let (scheme, rest) = match url.strip_prefix("http") {
        Some(rest) => ("ws", rest),
        None => ("", url),
    };
    format!("{scheme}{rest}/v1/{space}/live")
}

/// What a store holds beside documents.
struct Loaded {
    dictionary: Dictionary,
    outbox: Outbox,
    answers: Answers,
    replica: Option<Token>,
    counters: Counters,
    clock: Hlc,
    bearing: Option<Bearing>,
}

impl Loaded {
    fn read(store: &Store, disk: &mut dyn Disk) -> Result<Self, Error> {
        let mut loaded = Self {
            dictionary: Dictionary::default(),
            outbox: Outbox::default(),
            answers: Answers::default(),
            replica: None,
            counters: Counters {
                next_entry: EntryId(1),
                next_seq: Seq(1),
            },
            clock: Hlc::default(),
            bearing: None,
        };
        let mut is_good = true;
        for table in [
            table::ANSWERS,
            table::META,
            table::DICTIONARY,
            table::OUTBOX,
        ] {
            let mut visit = |key: &[u8], value: &[u8]| {
                is_good &= loaded.take(key, value).is_some();
                ControlFlow::Continue(())
            };
            store
                .scan(disk, &[table], &[table + 1], Direction::Forward, &mut visit)
                .map_err(storage_error)?;
        }
        if is_good {
            Ok(loaded)
        } else {
            Err(damaged("a record of the engine does not decode"))
        }
    }

    fn take(&mut self, key: &[u8], value: &[u8]) -> Option<()> {
        match (key.first()?, key.get(1..)?) {
            (&table::DICTIONARY, _) => self.dictionary.load(value)?,
            (&table::OUTBOX, _) => {
                self.outbox
                    .put(codec::decode(EntryId(table::number(key)?), value)?);
            }
            (&table::ANSWERS, _) => {
                let (tab, number) = table::answer_key(key)?;
                self.answers.keep(tab, number, value.to_vec());
            }
            (_, b"replica") => self.replica = Some(Token(value.try_into().ok()?)),
            (_, b"counters") => {
                let (counters, last) = Counters::decode(value)?;
                self.counters = counters;
                self.clock = Hlc::resume(last);
            }
            (_, b"link") => self.bearing = Some(Bearing::decode(value)?),
            _ => {}
        }
        Some(())
    }
}
