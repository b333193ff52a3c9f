//! The store: one SQLite file, encrypted at rest if it has a key. The only folder with SQL.
//!
//! One writer (BEGIN IMMEDIATE), read-only readers, WAL, synchronous=FULL. All work is
//! synchronous closures: nothing can be awaited inside a transaction (law 10). Whoever opens
//! the store holds an exclusive lock beside it; a second one is refused. What root makes in
//! another user's folder is given to that user, so that the daemon can open it.
//!
//! Hostile data: texts of mails, bound as parameters only. Failure: `StoreError`, in words
//! for the operator; nothing is half written.

pub mod attachments;
pub mod audit;
pub mod certs;
pub mod content;
pub mod copies;
pub mod correspondents;
pub mod duty;
pub mod feeds;
pub mod figures;
pub mod history;
pub mod identities;
pub mod merges;
pub mod messages;
pub mod orders;
pub mod outbox;
pub mod purge;
pub mod rechecks;
pub mod search;
pub mod settings;
pub mod signatures;
pub mod spool;
pub mod status;
pub mod tickets;
pub mod unreachable;

use jiff::Timestamp;
pub use rusqlite::Connection;
use rusqlite::{OpenFlags, Transaction, TransactionBehavior};
use std::fs::File;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;
use zeroize::Zeroizing;

/// Numbered migrations, in order. A merged one is never edited.
const MIGRATIONS: &[&str] = &[
    include_str!("schema/0001_first.sql"),
    include_str!("schema/0002_correspondents.sql"),
    include_str!("schema/0003_duty.sql"),
    include_str!("schema/0004_answers.sql"),
    include_str!("schema/0005_content.sql"),
    include_str!("schema/0006_feeds.sql"),
    include_str!("schema/0007_search.sql"),
    include_str!("schema/0008_files.sql"),
    include_str!("schema/0009_vault.sql"),
];

/// Another connection holds what is asked for well below this long.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why the store cannot be used, in words for the operator.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{0} is in use by another vigie process; stop it, or talk to it through its socket")]
    InUse(PathBuf),
    #[error("{0} does not open with this key; check [store] key_file")]
    Key(PathBuf),
    #[error("{0} was written by a newer vigie (schema {1}, this one knows {2}); use the newer program")]
    Newer(PathBuf, usize, usize),
    #[error("{0} does not exist; run `vigie init`, or start the daemon once")]
    Missing(PathBuf),
    #[error("the disk that holds the store is full; make room")]
    Full,
    #[error("the store is damaged ({0}); stop, keep the file, and restore a backup")]
    Damaged(String),
    #[error("{0}: {1}")]
    File(PathBuf, std::io::Error),
    #[error("the store failed: {0}")]
    Sql(rusqlite::Error),
}

impl StoreError {
    /// Whether the store itself is at fault, whatever it was asked to keep: full, busy, unreadable. The
    /// same work may succeed later.
    pub fn is_passing(&self) -> bool {
        use rusqlite::ErrorCode::{
            CannotOpen, DatabaseBusy, DatabaseLocked, FileLockingProtocolFailed, OperationInterrupted, OutOfMemory,
            PermissionDenied, ReadOnly, SystemIoFailure,
        };
        match self {
            StoreError::Sql(error) => matches!(
                error.sqlite_error_code(),
                Some(
                    CannotOpen
                        | DatabaseBusy
                        | DatabaseLocked
                        | FileLockingProtocolFailed
                        | OperationInterrupted
                        | OutOfMemory
                        | PermissionDenied
                        | ReadOnly
                        | SystemIoFailure
                )
            ),
            _ => true,
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{DatabaseCorrupt, DiskFull, NotADatabase};
        match error.sqlite_error_code() {
            Some(DiskFull) => StoreError::Full,
            Some(DatabaseCorrupt | NotADatabase) => StoreError::Damaged(error.to_string()),
            _ => StoreError::Sql(error),
        }
    }
}

/// Result of work in the store.
pub type Result<T> = std::result::Result<T, StoreError>;

/// An open store, and the lock on it.
pub struct Store {
    path: PathBuf,
    key: Option<Zeroizing<String>>,
    // Closed in this order: the writer goes last and leaves one file, without a log beside it.
    readers: Mutex<Vec<Connection>>,
    writer: Mutex<Connection>,
    _lock: File,
}

/// A write transaction: it can be had from `Store::write` alone, and cannot await.
pub struct Tx<'a>(Transaction<'a>);

impl<'a> Deref for Tx<'a> {
    type Target = Transaction<'a>;
    fn deref(&self) -> &Transaction<'a> {
        &self.0
    }
}

impl Store {
    /// Opens or creates the store at `path` under the exclusive lock and brings its schema up
    /// to date. `key`: 64 hex digits, the raw SQLCipher key.
    pub fn open(path: &Path, key: Option<Zeroizing<String>>) -> Result<Store> {
        Store::open_passing(path, key, &|_| {})
    }

    /// As `open`; passes `point` within each step of a migration.
    pub fn open_passing(path: &Path, key: Option<Zeroizing<String>>, point: &dyn Fn(&str)) -> Result<Store> {
        let lock = lock(path)?;
        if !path.exists() {
            // SQLite takes the mode of the file for its log too.
            let made = for_us_alone().create_new(true).open(path).and_then(|file| give_to_owner_of_folder(&file, path));
            made.map_err(|e| StoreError::File(path.to_owned(), e))?;
        }
        let mut writer = connect(path, key.as_ref(), OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        writer.pragma_update(None, "journal_mode", "WAL")?;
        writer.pragma_update(None, "synchronous", "FULL")?;
        migrate(path, &mut writer, point)?;
        Ok(Store {
            path: path.to_owned(),
            key,
            writer: Mutex::new(writer),
            readers: Mutex::new(Vec::new()),
            _lock: lock,
        })
    }

    /// Reads from one consistent view.
    pub fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let pooled = held(&self.readers).pop();
        let reader = match pooled {
            Some(reader) => reader,
            None => connect(&self.path, self.key.as_ref(), OpenFlags::SQLITE_OPEN_READ_ONLY)?,
        };
        let outcome = reader.unchecked_transaction().map_err(StoreError::from).and_then(|view| work(&view));
        held(&self.readers).push(reader);
        outcome
    }

    /// Runs one write transaction: all of it is kept, or nothing where `work` fails.
    pub fn write<T>(&self, work: impl FnOnce(&Tx) -> Result<T>) -> Result<T> {
        self.change(work)
    }

    /// As `write`, for work that may also refuse: nothing is kept where it does.
    pub fn change<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce(&Tx) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let mut writer = held(&self.writer);
        let tx = Tx(writer.transaction_with_behavior(TransactionBehavior::Immediate).map_err(StoreError::from)?);
        let outcome = work(&tx)?;
        history::prove(&tx)?;
        search::refresh(&tx)?;
        tx.0.commit().map_err(StoreError::from)?;
        Ok(outcome)
    }

    /// Empties the log of writes into the file, so that neither holds what was removed. Waits for readers,
    /// without keeping writers from what those may wait for; gives whether it is done.
    pub fn shed_log(&self) -> Result<bool> {
        for _ in 0..40 {
            let busy = {
                let writer = held(&self.writer);
                writer.busy_timeout(Duration::from_millis(50))?;
                let busy = writer.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0));
                writer.busy_timeout(PATIENCE)?;
                busy?
            };
            if !busy {
                return Ok(true);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(false)
    }

    /// Whether the file is whole; for `check`.
    pub fn quick_check(&self) -> Result<()> {
        self.read(|c| {
            let answer: String = c.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
            if answer == "ok" { Ok(()) } else { Err(StoreError::Damaged(answer)) }
        })
    }
}

/// A closure that panicked inside a transaction has rolled it back: the connection is sound.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn lock(path: &Path) -> Result<File> {
    let lock_path = path.with_extension("lock");
    let file = for_us_alone()
        .create(true)
        .truncate(false)
        .open(&lock_path)
        .and_then(|file| give_to_owner_of_folder(&file, &lock_path).map(|()| file))
        .map_err(|e| StoreError::File(lock_path.clone(), e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(StoreError::InUse(path.to_owned())),
        Err(std::fs::TryLockError::Error(e)) => Err(StoreError::File(lock_path, e)),
    }
}

/// What is filed is confidential (P14): nobody but the owner reads the file, from its first moment.
fn for_us_alone() -> std::fs::OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = File::options();
    options.write(true).mode(0o600);
    options
}

/// A file of root's in a folder of the daemon's user would shut the daemon out. SQLite itself does
/// the same for the files that it makes beside the store.
fn give_to_owner_of_folder(file: &File, path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let (made, folder) = (file.metadata()?, folder.metadata()?);
    if made.uid() == 0 && folder.uid() != 0 { fchown(file, Some(folder.uid()), Some(folder.gid())) } else { Ok(()) }
}

fn connect(path: &Path, key: Option<&Zeroizing<String>>, flags: OpenFlags) -> Result<Connection> {
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    if let Some(key) = key {
        // A key that does not fit is told by us: SQLCipher would write to stderr by itself.
        let _ = connection.execute_batch("PRAGMA cipher_log = off; PRAGMA cipher_log_level = NONE");
        // The key pragma must come first. It is a raw key: no passphrase stretching at each connection.
        let pragma = Zeroizing::new(format!("PRAGMA key = \"x'{}'\"", key.as_str()));
        connection.execute_batch(&pragma)?;
    }
    connection.busy_timeout(PATIENCE)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.set_prepared_statement_cache_capacity(64);
    // The first read tells whether the key fits.
    match connection.query_row("SELECT count(*) FROM sqlite_master", [], |_| Ok(())) {
        Ok(()) => Ok(connection),
        Err(e) if e.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) => {
            Err(StoreError::Key(path.to_owned()))
        }
        Err(e) => Err(e.into()),
    }
}

/// The schema that this program writes.
pub fn schema() -> usize {
    MIGRATIONS.len()
}

fn migrate(path: &Path, connection: &mut Connection, point: &dyn Fn(&str)) -> Result<()> {
    let version: u32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let version = version as usize;
    if version > MIGRATIONS.len() {
        return Err(StoreError::Newer(path.to_owned(), version, MIGRATIONS.len()));
    }
    for (done, migration) in MIGRATIONS.iter().enumerate().skip(version) {
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        tx.execute_batch(migration)?;
        tx.pragma_update(None, "user_version", done as u32 + 1)?;
        point(&format!("migrate.{}", done + 1));
        tx.commit()?;
    }
    Ok(())
}

/// An instant as it stands in a row: microseconds since 1970.
pub(crate) fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

/// Reads an instant from a row.
pub(crate) fn instant(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Whether the row was there, instead of an error.
pub(crate) trait Maybe<T> {
    fn maybe(self) -> Result<Option<T>>;
}

impl<T> Maybe<T> for rusqlite::Result<T> {
    fn maybe(self) -> Result<Option<T>> {
        match self {
            Ok(value) => Ok(Some(value)),
            Err(rusqlite::Error::QueryReturnedNoRows) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
