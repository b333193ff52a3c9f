//! What happened: append-only rows, each chained to all before it (law 12).

use super::{Maybe, Result, Tx, instant, micros};
use jiff::Timestamp;
use rusqlite::Connection;
use sha2::{Digest, Sha256};

/// One line of the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub at: Timestamp,
    pub who: String,
    pub what: String,
}

/// The name under which the daemon itself acts.
pub const VIGIE: &str = "vigie";

/// Appends one line. `what` holds words of ours, numbers and hashes, never content of a mail.
pub fn add(tx: &Tx, ticket: Option<i64>, now: Timestamp, who: &str, what: &str) -> Result<()> {
    let before: String = tx
        .prepare_cached("SELECT chain FROM history ORDER BY id DESC LIMIT 1")?
        .query_row([], |row| row.get(0))
        .maybe()?
        .unwrap_or_default();
    let chain = link(&before, ticket, micros(now), who, what);
    tx.prepare_cached("INSERT INTO history (ticket_id, at, who, what, chain) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute((ticket, micros(now), who, what, chain))?;
    Ok(())
}

/// The hash of one line on top of the chain before it: every field length-prefixed, so that no
/// two different lines give the same octets.
pub(super) fn link(before: &str, ticket: Option<i64>, at: i64, who: &str, what: &str) -> String {
    let mut hash = Sha256::new();
    for field in [before, &ticket.unwrap_or(0).to_string(), &at.to_string(), who, what] {
        hash.update((field.len() as u64).to_be_bytes());
        hash.update(field);
    }
    hash.finalize().iter().map(|b| format!("{b:02x}")).collect()
}

/// So many messages are proven in one transaction: a store that grew before there were proofs catches up
/// by and by.
const PROVEN_AT_ONCE: i64 = 200;

/// Writes down with which octets new messages are kept, before the transaction ends: a salted hash, so
/// that it proves them while they are here and tells nothing once they are purged.
pub(super) fn prove(tx: &Tx) -> Result<()> {
    let messages: Vec<i64> = tx
        .prepare_cached("SELECT message_id FROM unproven ORDER BY message_id LIMIT ?1")?
        .query_map([PROVEN_AT_ONCE], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for message in messages {
        // The transaction that kept the message has written a line of its own: this one is of that time.
        let at: Option<i64> = tx.query_row("SELECT max(at) FROM history", [], |row| row.get(0))?;
        if let (Some((ticket, raw)), Some(at)) = (kept(tx, message)?, at) {
            tx.prepare_cached("INSERT OR IGNORE INTO raw_salt (raw_id) VALUES (?1)")?.execute([raw])?;
            if let Some(hash) = salted(tx, raw)? {
                add(tx, Some(ticket), instant(at), VIGIE, &proof(message, &hash))?;
            }
        }
        tx.prepare_cached("DELETE FROM unproven WHERE message_id = ?1")?.execute([message])?;
    }
    Ok(())
}

/// The ticket of a message and the row of its octets.
fn kept(c: &Connection, message: i64) -> Result<Option<(i64, i64)>> {
    c.prepare_cached("SELECT ticket_id, raw_id FROM message WHERE id = ?1 AND raw_id IS NOT NULL")?
        .query_row([message], |row| Ok((row.get(0)?, row.get(1)?)))
        .maybe()
}

/// The salted hash of kept octets; None where they, or their salt, are gone.
pub(super) fn salted(c: &Connection, raw: i64) -> Result<Option<String>> {
    c.prepare_cached("SELECT salt, bytes FROM raw_salt JOIN raw ON raw.id = raw_id WHERE raw_id = ?1")?
        .query_row([raw], |row| {
            let mut hash = Sha256::new();
            hash.update(row.get_ref(0)?.as_blob()?);
            hash.update(row.get_ref(1)?.as_blob()?);
            Ok(hash.finalize().iter().map(|b| format!("{b:02x}")).collect())
        })
        .maybe()
}

const PROOF: (&str, &str) = ("message ", " is kept, salted SHA-256 ");

fn proof(message: i64, hash: &str) -> String {
    format!("{}{message}{}{hash}", PROOF.0, PROOF.1)
}

/// Reads a line that `proof` wrote: the message and its hash.
pub(super) fn read_proof(what: &str) -> Option<(i64, &str)> {
    let (message, hash) = what.strip_prefix(PROOF.0)?.split_once(PROOF.1)?;
    Some((message.parse().ok()?, hash))
}

/// How many lines say exactly this; for "N more" of a group.
pub fn count(c: &Connection, what: &str) -> Result<usize> {
    let count: i64 =
        c.prepare_cached("SELECT count(*) FROM history WHERE what = ?1")?.query_row([what], |row| row.get(0))?;
    Ok(usize::try_from(count).unwrap_or_default())
}

/// The tickets whose history says exactly this at that instant, in that order.
pub fn tickets_of(c: &Connection, what: &str, at: Timestamp) -> Result<Vec<i64>> {
    let mut rows = c.prepare_cached(
        "SELECT ticket_id FROM history WHERE what = ?1 AND at = ?2 AND ticket_id IS NOT NULL ORDER BY id",
    )?;
    let found = rows.query_map((what, micros(at)), |row| row.get(0))?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// Whether a ticket came to rest since an instant: answered, solved, closed, rejected.
pub fn rested_since(c: &Connection, ticket: i64, since: Timestamp) -> Result<bool> {
    let mut rows = c.prepare_cached(
        "SELECT what FROM history WHERE ticket_id = ?1 AND at >= ?2 AND what LIKE 'state % -> %' ORDER BY id",
    )?;
    let found = rows.query_map((ticket, micros(since)), |row| row.get::<_, String>(0))?;
    for what in found {
        if what?.split_once(" -> ").is_some_and(|(_, to)| !to.starts_with("open") && !to.starts_with("new")) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// How often mail has reopened a ticket since an instant.
pub fn reopened_since(c: &Connection, ticket: i64, since: Timestamp) -> Result<u32> {
    Ok(c.prepare_cached(
        "SELECT count(*) FROM history WHERE ticket_id = ?1 AND at > ?2 AND who = ?3 \
         AND what IN ('state closed -> open', 'state rejected -> open', 'state resolved -> open')",
    )?
    .query_row((ticket, micros(since), VIGIE), |row| row.get(0))?)
}

/// The history of one ticket, oldest first.
pub fn of_ticket(c: &Connection, ticket: i64) -> Result<Vec<Event>> {
    let mut rows = c.prepare_cached("SELECT at, who, what FROM history WHERE ticket_id = ?1 ORDER BY id")?;
    let events =
        rows.query_map([ticket], |row| Ok(Event { at: instant(row.get(0)?), who: row.get(1)?, what: row.get(2)? }))?;
    Ok(events.collect::<rusqlite::Result<_>>()?)
}

/// A line of the history with its place in the chain.
#[derive(Debug, Clone)]
pub struct Link {
    pub id: i64,
    pub event: Event,
    /// The chain of the line before it, whatever ticket that one concerns; empty for the first.
    pub before: String,
    pub chain: String,
}

/// The history of one ticket with its hashes, oldest first.
pub fn links_of_ticket(c: &Connection, ticket: i64) -> Result<Vec<Link>> {
    let mut rows = c.prepare_cached(
        "SELECT id, at, who, what, chain, coalesce((SELECT chain FROM history AS earlier WHERE earlier.id < history.id \
         ORDER BY earlier.id DESC LIMIT 1), '') FROM history WHERE ticket_id = ?1 ORDER BY id",
    )?;
    let links = rows.query_map([ticket], |row| {
        let event = Event { at: instant(row.get(1)?), who: row.get(2)?, what: row.get(3)? };
        Ok(Link { id: row.get(0)?, event, chain: row.get(4)?, before: row.get(5)? })
    })?;
    Ok(links.collect::<rusqlite::Result<_>>()?)
}
