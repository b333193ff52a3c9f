//! Copies of the whole store: a backup while mail arrives, a restore, the store under a new key.
//!
//! A copy is written under another name, proven, made durable, and only then given its name: a process
//! that dies on the way leaves what was there before. Hostile data: files that an operator hands in.
//! Failure: `StoreError`; the unfinished copy is removed.
//! Known gap: the blocks of a file that was replaced stay on the disk until they are used again.

use super::{
    MIGRATIONS, Result, Store, StoreError, Tx, audit, connect, for_us_alone, give_to_owner_of_folder, history, instant,
    lock, micros, migrate,
};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The raw key of a store; None: it is not encrypted.
pub type Key = Option<Zeroizing<String>>;

/// What a copy holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    pub tickets: i64,
    /// Lines of the history.
    pub rows: i64,
    /// When the last of them was written.
    pub until: Timestamp,
}

/// `vigie.db` -> `vigie.db.part`.
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Writes one consistent view of the store into a new file under the same key; writers go on meanwhile.
/// Nothing is ever overwritten.
pub fn backup(store: &Store, file: &Path) -> Result<Held> {
    let there = || StoreError::File(file.to_owned(), ErrorKind::AlreadyExists.into());
    if file.symlink_metadata().is_ok() {
        return Err(there());
    }
    let part = beside(file, ".part");
    let written = (|| {
        let from = connect(&store.path, store.key.as_ref(), OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        copy(&from, &part, store.key.as_ref())?;
        let held = prove(&part, store.key.as_ref())?;
        // A link takes no other file's place.
        match std::fs::hard_link(&part, file) {
            Ok(()) => std::fs::remove_file(&part),
            Err(e) if e.kind() == ErrorKind::AlreadyExists => return Err(there()),
            Err(_) if file.symlink_metadata().is_ok() => return Err(there()),
            // A disk without links, such as a stick.
            Err(_) => std::fs::rename(&part, file),
        }
        .and_then(|()| sync_folder(file))
        .map_err(|e| StoreError::File(file.to_owned(), e))?;
        Ok(held)
    })();
    if written.is_err() {
        let _ = std::fs::remove_file(&part);
    }
    written
}

/// Every page, as of one instant, into a new file that is whole without a log beside it.
fn copy(from: &Connection, to: &Path, key: Option<&Zeroizing<String>>) -> Result<()> {
    make(to)?;
    let mut into = connect(to, key, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let step = Backup::new(from, &mut into)?.step(-1)?;
    if step != StepResult::Done {
        return Err(StoreError::Damaged("the copy could not be finished".to_owned()));
    }
    finish(into, to)
}

/// A new file for us alone; what a killed process left under this name goes.
fn make(path: &Path) -> Result<()> {
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let _ = std::fs::remove_file(beside(path, suffix));
    }
    let made = for_us_alone().create_new(true).open(path).and_then(|file| give_to_owner_of_folder(&file, path));
    made.map_err(|e| StoreError::File(path.to_owned(), e))
}

/// One file, on the disk.
fn finish(connection: Connection, path: &Path) -> Result<()> {
    connection.pragma_update(None, "journal_mode", "DELETE")?;
    connection.close().map_err(|(_, e)| e)?;
    let synced = File::open(path).and_then(|file| file.sync_all()).and_then(|()| sync_folder(path));
    synced.map_err(|e| StoreError::File(path.to_owned(), e))
}

fn sync_folder(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// Opens a copy with its key and holds all of it against itself.
fn prove(path: &Path, key: Option<&Zeroizing<String>>) -> Result<Held> {
    let copy = connect(path, key, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    integrity(&copy)?;
    whole_history(&copy)?;
    held(&copy)
}

fn integrity(c: &Connection) -> Result<()> {
    let answer: String = c.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if answer == "ok" { Ok(()) } else { Err(StoreError::Damaged(answer)) }
}

fn whole_history(c: &Connection) -> Result<()> {
    match audit::verify(c)?.faults.first() {
        None => Ok(()),
        Some(fault) => Err(StoreError::Damaged(format!("{}: {}", fault.place, fault.words))),
    }
}

fn held(c: &Connection) -> Result<Held> {
    let tickets = c.query_row("SELECT count(*) FROM ticket", [], |row| row.get(0))?;
    let until: Option<i64> = c.query_row("SELECT max(at) FROM history", [], |row| row.get(0))?;
    Ok(Held { tickets, rows: audit::head(c)?.rows, until: instant(until.unwrap_or(0)) })
}

/// Whether the file at `path` opens with a key.
pub fn opens(path: &Path, key: Option<&Zeroizing<String>>) -> bool {
    path.exists() && connect(path, key, OpenFlags::SQLITE_OPEN_READ_ONLY).is_ok()
}

/// What a restore is asked to do.
pub struct Restore<'a> {
    pub file: &'a Path,
    pub store: &'a Path,
    pub key: Key,
    /// A store that is there is kept aside.
    pub replace: bool,
    pub who: &'a str,
    pub zone: &'a TimeZone,
    pub now: Timestamp,
}

/// What a restore did.
#[derive(Debug, Clone)]
pub struct Restored {
    pub held: Held,
    /// Where the store is that was there before.
    pub aside: Option<PathBuf>,
    /// So many ticket numbers were left out.
    pub skipped: u32,
    /// So much that was still to be sent is held.
    pub blocked: usize,
}

/// Numbers left out for each day, begun, since the backup: more than a team opens.
const NUMBERS_A_DAY: i64 = 1000;
/// And never more than this.
const NUMBERS_MOST: i64 = 100_000;

/// Takes the place of the store with a backup. `point` is passed between the steps.
pub fn restore(restore: &Restore, point: &dyn Fn(&str)) -> Result<Restored> {
    let Restore { file, store, key, replace, .. } = restore;
    let _lock = lock(store)?;
    let there = store.symlink_metadata().is_ok();
    if there && !replace {
        return Err(StoreError::File(store.to_path_buf(), ErrorKind::AlreadyExists.into()));
    }
    let part = beside(store, ".restore");
    let written = (|| {
        let from = connect(file, key.as_ref(), OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        integrity(&from)?;
        let version: u32 = from.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if version == 0 {
            return Err(StoreError::Damaged("it holds no store of vigie".to_owned()));
        }
        copy(&from, &part, key.as_ref())?;
        point("restore.copied");
        let mut into = connect(&part, key.as_ref(), OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        migrate(file, &mut into, point)?;
        whole_history(&into)?;
        let held = held(&into)?;
        let (skipped, blocked) = {
            let tx = Tx(into.transaction_with_behavior(TransactionBehavior::Immediate)?);
            let marked = mark(&tx, restore, &held)?;
            tx.0.commit()?;
            marked
        };
        finish(into, &part)?;
        point("restore.marked");
        Ok((held, skipped, blocked))
    })();
    let (held, skipped, blocked) = match written {
        Ok(done) => done,
        Err(error) => {
            let _ = std::fs::remove_file(&part);
            return Err(error);
        }
    };
    let swapped = (|| {
        let aside = if there { Some(keep_aside(store, key.as_ref(), restore.now)?) } else { None };
        point("restore.aside");
        std::fs::rename(&part, store)?;
        sync_folder(store)?;
        Ok(aside)
    })();
    let aside = swapped.map_err(|e| StoreError::File(store.to_path_buf(), e))?;
    Ok(Restored { held, aside, skipped, blocked })
}

/// Gives the store that is there a second name, its log of writes with it.
fn keep_aside(store: &Path, key: Option<&Zeroizing<String>>, now: Timestamp) -> std::io::Result<PathBuf> {
    // Closing it empties the log into it, where it opens at all.
    if let Ok(old) = connect(store, key, OpenFlags::SQLITE_OPEN_READ_WRITE) {
        let _ = old.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    }
    let name = format!(".before-restore-{}", now.strftime("%Y%m%dT%H%M%SZ"));
    // A restore that was cut short in the same second has left one.
    let mut names = std::iter::once(name.clone()).chain((2..100).map(|nth| format!("{name}-{nth}")));
    let aside = loop {
        let Some(name) = names.next() else { return Err(ErrorKind::AlreadyExists.into()) };
        let aside = beside(store, &name);
        match std::fs::hard_link(store, &aside) {
            Ok(()) => break aside,
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
            Err(e) => return Err(e),
        }
    };
    for suffix in ["-wal", "-shm"] {
        match std::fs::rename(beside(store, suffix), beside(&aside, suffix)) {
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(e),
            _ => {}
        }
    }
    Ok(aside)
}

/// What happened after the backup is not known: no number may be given twice, nothing sent twice, and
/// filed mail is looked for again.
fn mark(tx: &Tx, restore: &Restore, held: &Held) -> Result<(u32, usize)> {
    let now = restore.now;
    let days = now.duration_since(held.until).as_secs().max(0) / 86_400 + 1;
    let skipped = (days * NUMBERS_A_DAY).min(NUMBERS_MOST);
    let year = |at: Timestamp| at.to_zoned(restore.zone.clone()).year();
    for year in year(held.until).min(year(now)).max(year(now) - 10)..=year(now) {
        tx.execute(
            "INSERT INTO counter (year, last) VALUES (?1, ?2) ON CONFLICT (year) DO UPDATE SET last = last + ?2",
            (year, skipped),
        )?;
    }
    let blocked = tx.execute(
        "UPDATE outbox SET state = 'blocked', last_error = 'held after restore: it may have left already' \
         WHERE state IN ('queued', 'sealed', 'sending', 'unsure')",
        [],
    )?;
    tx.execute("UPDATE page SET next_at = NULL WHERE next_at IS NOT NULL", [])?;
    tx.execute(
        "INSERT OR REPLACE INTO look_again (mailbox, since) SELECT DISTINCT mailbox, ?1 FROM cursor WHERE role = 'inbox'",
        [micros(held.until - SignedDuration::from_hours(30 * 24))],
    )?;
    super::settings::set_restored_at(tx, now)?;
    let what = format!(
        "restored from a backup that ends at {}; {skipped} ticket numbers are left out, {blocked} outgoing held",
        held.until.strftime("%Y-%m-%dT%H:%M:%SZ")
    );
    history::add(tx, None, now, restore.who, &what)?;
    Ok((u32::try_from(skipped).unwrap_or(u32::MAX), blocked))
}

/// Writes the store under another key into a file beside it, proven; gives that file. The caller holds
/// nothing open.
pub fn under_key(store: &Path, key: &Key, new: &Zeroizing<String>) -> Result<Rekeyed> {
    let lock = lock(store)?;
    let fresh = beside(store, ".rekey");
    let written = (|| {
        let from = connect(store, key.as_ref(), OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        integrity(&from)?;
        let version: u32 = from.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if version as usize > MIGRATIONS.len() {
            return Err(StoreError::Newer(store.to_owned(), version as usize, MIGRATIONS.len()));
        }
        make(&fresh)?;
        let key = Zeroizing::new(format!("x'{}'", new.as_str()));
        from.execute("ATTACH DATABASE ?1 AS fresh KEY ?2", (fresh.to_string_lossy(), key.as_str()))?;
        from.query_row("SELECT sqlcipher_export('fresh')", [], |_| Ok(()))?;
        from.pragma_update(Some("fresh"), "user_version", version)?;
        from.execute_batch("DETACH DATABASE fresh")?;
        // Closing it empties the log of writes into it and removes it.
        from.close().map_err(|(_, e)| e)?;
        let into = connect(&fresh, Some(new), OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        integrity(&into)?;
        // An older schema has no salts yet: its history is proven once it is brought up to date.
        if version as usize == MIGRATIONS.len() {
            whole_history(&into)?;
        }
        finish(into, &fresh)
    })();
    match written {
        Ok(()) => Ok(Rekeyed { store: store.to_owned(), fresh, _lock: lock }),
        Err(error) => {
            let _ = std::fs::remove_file(&fresh);
            Err(error)
        }
    }
}

/// A store under its new key, not yet in its place. Nobody else opens the store meanwhile.
pub struct Rekeyed {
    store: PathBuf,
    fresh: PathBuf,
    _lock: File,
}

impl Rekeyed {
    /// Takes the old store's place; the lock lasts as long as what is given back.
    pub fn swap(self) -> Result<Rekeyed> {
        let swapped = std::fs::rename(&self.fresh, &self.store).and_then(|()| sync_folder(&self.store));
        swapped.map_err(|e| StoreError::File(self.store.clone(), e))?;
        Ok(self)
    }
}
