//! How correspondents were found to be who they say, and the codes mailed to find out (P6).
//!
//! Failure: the store's.

use super::{Maybe, Result, Tx, instant, micros};
use jiff::Timestamp;
use rusqlite::{Connection, Row};

/// One proof of who a correspondent is.
#[derive(Debug, Clone)]
pub struct Identity {
    /// In lower case.
    pub address: String,
    /// `mail-back`, `call-back`, `in-person`.
    pub method: String,
    pub at: Timestamp,
    /// Who asked, or vouches.
    pub who: String,
    pub note: Option<String>,
    /// The key that signed the reply of a mail-back.
    pub signer: Option<String>,
}

/// A code that was mailed; of the code itself there is only a hash.
#[derive(Debug, Clone)]
pub struct Challenge {
    pub id: i64,
    pub ticket_id: i64,
    pub address: String,
    pub asked_by: String,
    pub expires_at: Timestamp,
    pub used: bool,
}

/// Keeps one proof.
pub fn add(tx: &Tx, ticket: i64, identity: &Identity) -> Result<()> {
    let Identity { address, method, at, who, note, signer } = identity;
    tx.execute(
        "INSERT INTO identity (ticket_id, address, method, at, who, note, signer) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        (ticket, address, method, micros(*at), who, note, signer),
    )?;
    Ok(())
}

/// All of a ticket, in the order in which they were found.
pub fn of_ticket(c: &Connection, ticket: i64) -> Result<Vec<Identity>> {
    let read = |row: &Row| {
        Ok(Identity {
            address: row.get(0)?,
            method: row.get(1)?,
            at: instant(row.get(2)?),
            who: row.get(3)?,
            note: row.get(4)?,
            signer: row.get(5)?,
        })
    };
    let mut rows = c.prepare_cached(
        "SELECT address, method, at, who, note, signer FROM identity WHERE ticket_id = ?1 ORDER BY id",
    )?;
    let found = rows.query_map([ticket], read)?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// Notes that a code is mailed; gives its id.
pub fn challenge(
    tx: &Tx,
    ticket: i64,
    address: &str,
    hash: &str,
    by: &str,
    (now, expires_at): (Timestamp, Timestamp),
) -> Result<i64> {
    tx.execute(
        "INSERT INTO challenge (ticket_id, address, token_hash, asked_by, created_at, expires_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        (ticket, address, hash, by, micros(now), micros(expires_at)),
    )?;
    Ok(tx.last_insert_rowid())
}

/// The one with this hash.
pub fn of_hash(c: &Connection, hash: &str) -> Result<Option<Challenge>> {
    c.prepare_cached(
        "SELECT id, ticket_id, address, asked_by, expires_at, used_at IS NOT NULL FROM challenge WHERE token_hash = ?1",
    )?
    .query_row([hash], |row| {
        Ok(Challenge {
            id: row.get(0)?,
            ticket_id: row.get(1)?,
            address: row.get(2)?,
            asked_by: row.get(3)?,
            expires_at: instant(row.get(4)?),
            used: row.get(5)?,
        })
    })
    .maybe()
}

/// Notes that a code has proven what it can.
pub fn use_up(tx: &Tx, id: i64, now: Timestamp) -> Result<()> {
    tx.execute("UPDATE challenge SET used_at = ?2 WHERE id = ?1 AND used_at IS NULL", (id, micros(now)))?;
    Ok(())
}
