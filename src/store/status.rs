//! What each loop did last: for `status` and for the watchdog.

use super::{Result, Tx, instant, micros};
use jiff::Timestamp;
use rusqlite::Connection;

/// Not a loop: why the last reload of the config was refused. Gone once one is taken.
pub const CONFIG: &str = "config";

/// One loop's last turn.
#[derive(Debug, Clone)]
pub struct LoopStatus {
    pub name: String,
    pub last_run: Timestamp,
    pub last_ok: Option<Timestamp>,
    pub last_error: Option<String>,
}

/// Notes a turn and how it ended.
pub fn turned(tx: &Tx, name: &str, now: Timestamp, error: Option<&str>) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO loop_status (name, last_run, last_ok, last_error) VALUES (?1, ?2, CASE WHEN ?3 IS NULL THEN ?2 END, ?3) \
         ON CONFLICT (name) DO UPDATE SET last_run = ?2, last_ok = CASE WHEN ?3 IS NULL THEN ?2 ELSE last_ok END, last_error = ?3",
    )?
    .execute((name, micros(now), error))?;
    Ok(())
}

/// Every loop's last turn.
pub fn all(c: &Connection) -> Result<Vec<LoopStatus>> {
    let mut rows = c.prepare_cached("SELECT name, last_run, last_ok, last_error FROM loop_status ORDER BY name")?;
    let found = rows.query_map([], |row| {
        Ok(LoopStatus {
            name: row.get(0)?,
            last_run: instant(row.get(1)?),
            last_ok: row.get::<_, Option<i64>>(2)?.map(instant),
            last_error: row.get(3)?,
        })
    })?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// Forgets loops that the config no longer has.
pub fn keep_only(tx: &Tx, names: &[String]) -> Result<()> {
    for status in all(tx)? {
        if !names.contains(&status.name) {
            tx.execute("DELETE FROM loop_status WHERE name = ?1", [&status.name])?;
        }
    }
    Ok(())
}
