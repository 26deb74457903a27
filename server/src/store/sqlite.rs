//! A store in one SQLite file, used by one process.
//!
//! Every message is one transaction. The log is synchronised with each of them (`synchronous =
//! FULL`): a verdict must not be forgotten by a power cut after a client has let go of what it
//! answered.

use super::{Store, StoreError};
use holm::protocol::message::ClientMessage;
use holm::sync::authority::{Context, Decision, Found, Key, Need, run};
use rusqlite::{
    Connection, ErrorCode, OptionalExtension, Transaction, TransactionBehavior, params,
};
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

/// What a file of this version says of itself.
const FORMAT: i64 = 1;

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS spaces (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
    CREATE TABLE IF NOT EXISTS rows (
        space INTEGER NOT NULL, key BLOB NOT NULL, row BLOB NOT NULL, PRIMARY KEY (space, key)
    ) WITHOUT ROWID;
";

/// An open file.
#[derive(Debug)]
pub struct SqliteStore {
    connection: Connection,
    /// Held while the file is open, so that a second server finds out at once.
    _lock: Option<File>,
}

impl SqliteStore {
    /// Opens the file, or makes it.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let lock = lock(path)?;
        let connection = Connection::open(path).map_err(|error| {
            StoreError::Failed(format!("cannot open {}: {error}", path.display()))
        })?;
        prepare(&connection).map_err(|error| match error {
            StoreError::Failed(message) => {
                StoreError::Failed(format!("cannot use {}: {message}", path.display()))
            }
            other => other,
        })?;
        Ok(Self {
            connection,
            _lock: Some(lock),
        })
    }
}

/// SQLite would let two processes share the file; pokes would not reach from one to the other.
fn lock(path: &Path) -> Result<File, StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push("-lock");
    let name = PathBuf::from(name);
    let failed = |error: std::io::Error| {
        StoreError::Failed(format!("cannot lock {}: {error}", name.display()))
    };
    let file = File::options()
        .create(true)
        .append(true)
        .open(&name)
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse(format!(
            "{} is in use by another holm-server: stop that one, or give --data another file",
            path.display()
        ))),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

fn prepare(connection: &Connection) -> Result<(), StoreError> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    let format: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if format > FORMAT {
        let message = format!("it was written by a newer server (format {format})");
        return Err(StoreError::Failed(message));
    }
    connection.execute_batch(TABLES)?;
    connection.pragma_update(None, "user_version", FORMAT)?;
    Ok(())
}

impl Store for SqliteStore {
    fn handle(
        &mut self,
        space: &str,
        context: &Context,
        message: &ClientMessage,
    ) -> Result<Decision, StoreError> {
        let behavior = TransactionBehavior::Immediate;
        let transaction = self.connection.transaction_with_behavior(behavior)?;
        let id = space_id(&transaction, space)?;
        let decision = run(context, message, |need| match id {
            Some(id) => read(&transaction, id, need),
            None => Ok(Vec::new()),
        })?;
        if decision.writes.is_empty() {
            return Ok(decision);
        }
        let id = match id {
            Some(id) => id,
            None => make_space(&transaction, space)?,
        };
        for (key, row) in &decision.writes {
            write(&transaction, id, key, row.as_deref())?;
        }
        transaction.commit()?;
        Ok(decision)
    }
}

fn space_id(transaction: &Transaction<'_>, space: &str) -> Result<Option<i64>, StoreError> {
    let mut query = transaction.prepare_cached("SELECT id FROM spaces WHERE name = ?1")?;
    Ok(query.query_row([space], |row| row.get(0)).optional()?)
}

fn make_space(transaction: &Transaction<'_>, space: &str) -> Result<i64, StoreError> {
    transaction.execute("INSERT INTO spaces (name) VALUES (?1)", [space])?;
    Ok(transaction.last_insert_rowid())
}

fn read(transaction: &Transaction<'_>, id: i64, need: &Need) -> Result<Vec<Found>, StoreError> {
    match need {
        Need::Get(key) => {
            let sql = "SELECT row FROM rows WHERE space = ?1 AND key = ?2";
            let mut query = transaction.prepare_cached(sql)?;
            let row = query
                .query_row(params![id, key.0], |row| row.get(0))
                .optional()?;
            Ok(row.map(|row| (key.clone(), row)).into_iter().collect())
        }
        Need::Scan { from, to, limit } => {
            let sql = "SELECT key, row FROM rows WHERE space = ?1 AND key >= ?2 AND key < ?3 \
                ORDER BY key LIMIT ?4";
            let mut query = transaction.prepare_cached(sql)?;
            let limit = i64::try_from(*limit).unwrap_or(i64::MAX);
            let rows = query.query_map(params![id, from.0, to.0, limit], |row| {
                Ok((Key(row.get(0)?), row.get(1)?))
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        }
    }
}

fn write(
    transaction: &Transaction<'_>,
    id: i64,
    key: &Key,
    row: Option<&[u8]>,
) -> Result<(), StoreError> {
    if let Some(row) = row {
        let sql = "INSERT INTO rows (space, key, row) VALUES (?1, ?2, ?3) \
            ON CONFLICT (space, key) DO UPDATE SET row = excluded.row";
        transaction
            .prepare_cached(sql)?
            .execute(params![id, key.0, row])?;
    } else {
        let sql = "DELETE FROM rows WHERE space = ?1 AND key = ?2";
        transaction
            .prepare_cached(sql)?
            .execute(params![id, key.0])?;
    }
    Ok(())
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::DiskFull) => {
                Self::Busy(error.to_string())
            }
            _ => Self::Failed(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::suite;

    #[test]
    fn a_sqlite_file_is_a_store_and_keeps_what_it_was_given() {
        let folder = suite::Folder::new("sqlite-suite");
        let path = folder.path().join("holm.sqlite");
        suite::check(&mut SqliteStore::open(&path).unwrap());
        suite::check_kept(&mut SqliteStore::open(&path).unwrap());
    }

    #[test]
    fn a_file_in_use_is_said_to_be() {
        let folder = suite::Folder::new("sqlite-in-use");
        let path = folder.path().join("holm.sqlite");
        let first = SqliteStore::open(&path).unwrap();
        let second = SqliteStore::open(&path).unwrap_err();
        assert!(matches!(second, StoreError::InUse(_)) && second.to_string().contains("in use"));
        drop(first);
        assert!(SqliteStore::open(&path).is_ok());
    }

    #[test]
    fn a_file_that_is_no_database_is_refused() {
        let folder = suite::Folder::new("sqlite-garbage");
        let path = folder.path().join("holm.sqlite");
        std::fs::write(&path, vec![7; 5_000]).unwrap();
        assert!(matches!(
            SqliteStore::open(&path),
            Err(StoreError::Failed(_))
        ));
    }

    #[test]
    fn a_file_of_a_newer_server_is_refused() {
        let folder = suite::Folder::new("sqlite-newer");
        let path = folder.path().join("holm.sqlite");
        drop(SqliteStore::open(&path).unwrap());
        let connection = Connection::open(&path).unwrap();
        connection
            .pragma_update(None, "user_version", FORMAT + 1)
            .unwrap();
        drop(connection);
        assert!(
            SqliteStore::open(&path)
                .unwrap_err()
                .to_string()
                .contains("newer")
        );
    }

    #[test]
    fn a_write_that_fails_leaves_everything_as_it_was() {
        let folder = suite::Folder::new("sqlite-atomic");
        let path = folder.path().join("holm.sqlite");
        let mut store = SqliteStore::open(&path).unwrap();
        suite::welcome(&mut store, "films");
        // The third document cannot be written; the two before it must not stay.
        let trap = "CREATE TRIGGER trap BEFORE INSERT ON rows WHEN instr(new.key, X'0033') > 0
            BEGIN SELECT RAISE(ABORT, 'trap'); END";
        store.connection.execute_batch(trap).unwrap();
        let before = suite::count(&store.connection);
        let push = suite::push(1, &["1", "2", "3"]);
        assert!(store.handle("films", &suite::context(), &push).is_err());
        assert_eq!(suite::count(&store.connection), before);
        store.connection.execute_batch("DROP TRIGGER trap").unwrap();
        assert!(store.handle("films", &suite::context(), &push).is_ok());
        assert!(suite::count(&store.connection) > before);
    }
}
