//! Whether the history was altered or cut, and whether mails and attachments are what they were.
//!
//! The chain alone proves that no line was changed by somebody who did not compute all later ones anew;
//! a signed head that lies elsewhere proves the rest. Hostile data: whoever could write the file.
//! Failure: the store's; what is wrong is no failure but a `Fault`.
//! Known gaps: what was extracted from a mail (texts, indicators) is not proven, its octets are.

use super::history::{link, read_proof, salted};
use super::{Maybe, Result, Tx, instant, micros};
use jiff::Timestamp;
use rusqlite::Connection;
use sha2::{Digest, Sha256};

/// Where the history stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// How many lines there are.
    pub rows: i64,
    /// The chain at the last of them; empty where there is none.
    pub chain: String,
}

/// Something that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// `history 12`, `raw 3`, `attachment 4`, `message 5`.
    pub place: String,
    pub words: String,
}

/// What was looked at, and what is wrong.
#[derive(Debug, Clone)]
pub struct Found {
    pub head: Head,
    pub mails: u64,
    pub attachments: u64,
    pub faults: Vec<Fault>,
}

/// So many faults are told; one is enough to know.
const MOST: usize = 100;

/// Where the history stands.
pub fn head(c: &Connection) -> Result<Head> {
    let last = c.query_row("SELECT id, chain FROM history ORDER BY id DESC LIMIT 1", [], |row| {
        Ok(Head { rows: row.get(0)?, chain: row.get(1)? })
    });
    Ok(last.maybe()?.unwrap_or(Head { rows: 0, chain: String::new() }))
}

/// The chain at a line; None: there is no such line.
pub fn chain_at(c: &Connection, row: i64) -> Result<Option<String>> {
    c.query_row("SELECT chain FROM history WHERE id = ?1", [row], |row| row.get(0)).maybe()
}

/// Computes everything anew.
pub fn verify(c: &Connection) -> Result<Found> {
    let mut faults = Vec::new();
    chain(c, &mut faults)?;
    let mails = octets(c, "raw", &mut faults)?;
    let attachments = octets(c, "attachment", &mut faults)?;
    if faults.is_empty() {
        references(c, &mut faults)?;
    }
    faults.truncate(MOST);
    Ok(Found { head: head(c)?, mails, attachments, faults })
}

fn tell(faults: &mut Vec<Fault>, place: String, words: &str) {
    faults.push(Fault { place, words: words.to_owned() });
}

/// Every line on top of the one before it, numbered without a gap, and what lines prove of octets.
fn chain(c: &Connection, faults: &mut Vec<Fault>) -> Result<()> {
    let mut rows = c.prepare("SELECT id, ticket_id, at, who, what, chain FROM history ORDER BY id")?;
    let mut rows = rows.query([])?;
    let (mut before, mut expected) = (String::new(), 1);
    while let Some(row) = rows.next()? {
        if faults.len() >= MOST {
            return Ok(());
        }
        let (id, ticket): (i64, Option<i64>) = (row.get(0)?, row.get(1)?);
        let place = || format!("history {id}");
        if id != expected {
            tell(faults, place(), &format!("line {expected} is missing before it"));
        }
        // No ticket and ticket 0 are the same to the hash.
        if ticket.is_some_and(|ticket| ticket < 1) {
            tell(faults, place(), "it names a ticket that cannot be");
        }
        let (who, what, written): (String, String, String) = (row.get(3)?, row.get(4)?, row.get(5)?);
        if link(&before, ticket, row.get(2)?, &who, &what) != written {
            tell(faults, place(), "it, or the chain at it, was altered");
        }
        if let Some((message, hash)) = read_proof(&what) {
            prove(c, message, hash, faults)?;
        }
        (before, expected) = (written, id + 1);
    }
    let given: Option<i64> =
        c.query_row("SELECT seq FROM sqlite_sequence WHERE name = 'history'", [], |row| row.get(0)).maybe()?;
    if given.unwrap_or(0) != expected - 1 {
        tell(faults, format!("history {}", expected - 1), "lines behind it were cut off");
    }
    Ok(())
}

/// Whether the octets of a message are those of which the history has the hash.
fn prove(c: &Connection, message: i64, hash: &str, faults: &mut Vec<Fault>) -> Result<()> {
    let kept: Option<(Option<i64>, bool)> = c
        .prepare_cached("SELECT raw_id, purged_at IS NOT NULL FROM message JOIN ticket ON ticket.id = ticket_id WHERE message.id = ?1")?
        .query_row([message], |row| Ok((row.get(0)?, row.get(1)?)))
        .maybe()?;
    let place = format!("message {message}");
    match kept {
        Some((None, true)) => {}
        Some((Some(raw), _)) => {
            if salted(c, raw)?.as_deref() != Some(hash) && !was_sealed_anew(c, message, hash)? {
                tell(faults, place, "its octets are not those that the history has the hash of");
            }
        }
        Some((None, false)) => tell(faults, place, "its octets are gone, and the ticket was not purged"),
        None => tell(faults, place, "it is gone"),
    }
    Ok(())
}

/// Whether a later line gives this message another hash: a mail of ours that was sealed anew.
fn was_sealed_anew(c: &Connection, message: i64, hash: &str) -> Result<bool> {
    let last: Option<String> = c
        .prepare_cached("SELECT what FROM history WHERE what GLOB ?1 ORDER BY id DESC LIMIT 1")?
        .query_row([format!("message {message} is kept, salted SHA-256 *")], |row| row.get(0))
        .maybe()?;
    Ok(last.as_deref().and_then(read_proof).is_some_and(|(_, last)| last != hash))
}

/// Every row of a table with octets, against its own hash and size; gives how many there are.
fn octets(c: &Connection, table: &str, faults: &mut Vec<Fault>) -> Result<u64> {
    let mut rows = c.prepare(&format!("SELECT id, sha256, size, bytes FROM {table} ORDER BY id"))?;
    let mut rows = rows.query([])?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        count += 1;
        let (id, sha256, size): (i64, String, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let octets = row.get_ref(3)?.as_blob().unwrap_or_default();
        let hash: String = Sha256::digest(octets).iter().map(|b| format!("{b:02x}")).collect();
        if hash != sha256 || octets.len() as i64 != size {
            tell(faults, format!("{table} {id}"), "its octets do not have its SHA-256 and size");
        }
    }
    Ok(count)
}

/// Rows that name rows that are not there.
fn references(c: &Connection, faults: &mut Vec<Fault>) -> Result<()> {
    let mut rows = c.prepare("PRAGMA foreign_key_check")?;
    let found = rows
        .query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, Option<i64>>(1)?, row.get::<_, String>(2)?)))?;
    for broken in found.take(MOST) {
        let (table, row, parent) = broken?;
        let row = row.map_or_else(String::new, |row| format!(" {row}"));
        tell(faults, format!("{table}{row}"), &format!("it names a row of {parent} that is not there"));
    }
    Ok(())
}

/// A head that was signed and told.
#[derive(Debug, Clone)]
pub struct SignedHead {
    pub id: i64,
    pub at: Timestamp,
    pub head: Head,
    /// Cleartext-signed.
    pub signed: String,
}

/// Keeps a signed head; gives its row.
pub fn keep_head(tx: &Tx, head: &Head, signed: &str, now: Timestamp) -> Result<i64> {
    tx.execute(
        "INSERT INTO signed_head (at, rows, head, signed) VALUES (?1, ?2, ?3, ?4)",
        (micros(now), head.rows, &head.chain, signed),
    )?;
    Ok(tx.last_insert_rowid())
}

const SIGNED: &str = "SELECT id, at, rows, head, signed FROM signed_head";

fn read_signed(row: &rusqlite::Row) -> rusqlite::Result<SignedHead> {
    let head = Head { rows: row.get(2)?, chain: row.get(3)? };
    Ok(SignedHead { id: row.get(0)?, at: instant(row.get(1)?), head, signed: row.get(4)? })
}

/// All signed heads, oldest first.
pub fn signed_heads(c: &Connection) -> Result<Vec<SignedHead>> {
    let mut rows = c.prepare(&format!("{SIGNED} ORDER BY id"))?;
    let found = rows.query_map([], read_signed)?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// One signed head.
pub fn signed_head(c: &Connection, id: i64) -> Result<Option<SignedHead>> {
    c.query_row(&format!("{SIGNED} WHERE id = ?1"), [id], read_signed).maybe()
}

/// The last signed head.
pub fn last_signed(c: &Connection) -> Result<Option<SignedHead>> {
    c.query_row(&format!("{SIGNED} ORDER BY id DESC LIMIT 1"), [], read_signed).maybe()
}
