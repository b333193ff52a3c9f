//! Who cannot be reached: addresses to which mail of a ticket came back.

use super::{Maybe, Result, Tx, instant, micros};
use jiff::Timestamp;
use rusqlite::Connection;

/// Notes that mail to an address came back; gives whether that is new.
pub fn note(tx: &Tx, ticket: i64, address: &str, at: Timestamp) -> Result<bool> {
    Ok(tx
        .prepare_cached("INSERT OR IGNORE INTO unreachable (ticket_id, address, at) VALUES (?1, ?2, ?3)")?
        .execute((ticket, address.to_lowercase(), micros(at)))?
        == 1)
}

/// The address has written since; gives whether it was unreachable.
pub fn clear(tx: &Tx, ticket: i64, address: &str) -> Result<bool> {
    Ok(tx
        .prepare_cached("DELETE FROM unreachable WHERE ticket_id = ?1 AND address = ?2")?
        .execute((ticket, address.to_lowercase()))?
        == 1)
}

/// Since when an address cannot be reached.
pub fn since(c: &Connection, ticket: i64, address: &str) -> Result<Option<Timestamp>> {
    let at: Option<i64> = c
        .prepare_cached("SELECT at FROM unreachable WHERE ticket_id = ?1 AND address = ?2")?
        .query_row((ticket, address.to_lowercase()), |row| row.get(0))
        .maybe()?;
    Ok(at.map(instant))
}
