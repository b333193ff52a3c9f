//! HAND-OVER 3: what we owe, and the one outcome of each intent.
//!
//! queued -> sealed (final octets stored once) -> sending (attempt counted before dialling)
//! -> sent | failed | unsure | blocked. `unsure` is tried once more with the same octets; that it
//! was so once is counted, so that not even a process that dies again tries a third time.

use super::{Maybe, Result, Tx, instant, micros};
use crate::rules::intent::{Intent, OutKind};
use crate::rules::ticket::words;
use jiff::Timestamp;
use rusqlite::{Connection, Row};
use std::collections::BTreeSet;

words! {
    /// Where an intent stands.
    OutState {
        Queued = "queued",
        Sealed = "sealed",
        Sending = "sending",
        Unsure = "unsure",
        Sent = "sent",
        Failed = "failed",
        /// The gate refused it.
        Blocked = "blocked",
        Dropped = "dropped",
    }
}

/// One row of the outbox.
#[derive(Debug, Clone)]
pub struct Out {
    pub id: i64,
    pub kind: OutKind,
    pub ticket_id: Option<i64>,
    pub slot: String,
    /// An address, or `command:NAME`.
    pub to: String,
    pub intent: Intent,
    pub created_at: Timestamp,
    pub state: OutState,
    pub attempts: u32,
    pub next_try_at: Timestamp,
    pub message_id: Option<String>,
    pub last_error: Option<String>,
    /// Tries of which nobody knows whether they arrived.
    pub unsure: u32,
}

const COLUMNS: &str = "id, kind, ticket_id, slot, to_addr, intent, created_at, state, attempts, next_try_at, \
                       message_id, last_error, unsure";

fn read_row(row: &Row) -> rusqlite::Result<Out> {
    let intent: String = row.get(5)?;
    let intent: Intent = serde_json::from_str(&intent)
        .map_err(|e| rusqlite::Error::FromSqlConversionFailure(5, rusqlite::types::Type::Text, Box::new(e)))?;
    let state: String = row.get(7)?;
    Ok(Out {
        id: row.get(0)?,
        kind: intent.kind(),
        ticket_id: row.get(2)?,
        slot: row.get(3)?,
        to: row.get(4)?,
        intent,
        created_at: instant(row.get(6)?),
        state: OutState::from_word(&state).unwrap_or(OutState::Failed),
        attempts: row.get(8)?,
        next_try_at: instant(row.get(9)?),
        message_id: row.get(10)?,
        last_error: row.get(11)?,
        unsure: row.get(12)?,
    })
}

/// Owes something: once per (kind, slot), however often it is asked.
pub fn owe(
    tx: &Tx,
    ticket: Option<i64>,
    slot: &str,
    to: &str,
    intent: &Intent,
    not_before: Timestamp,
    now: Timestamp,
) -> Result<bool> {
    let json = serde_json::to_string(intent).unwrap_or_default();
    let inserted = tx
        .prepare_cached(
            "INSERT INTO outbox (kind, ticket_id, slot, to_addr, intent, created_at, next_try_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING",
        )?
        .execute((intent.kind().word(), ticket, slot, to, json, micros(now), micros(not_before)))?;
    Ok(inserted == 1)
}

/// Holds what was just owed under a slot until a person releases it.
pub fn hold(tx: &Tx, kind: OutKind, slot: &str, why: &str) -> Result<()> {
    tx.execute(
        "UPDATE outbox SET state = 'blocked', last_error = ?3 WHERE kind = ?1 AND slot = ?2 AND state = 'queued'",
        (kind.word(), slot, why),
    )?;
    Ok(())
}

/// Whether everything owed under a slot, to whomever, can still say more: none of it is sealed yet.
pub fn is_unsealed(c: &Connection, kind: OutKind, slot: &str) -> Result<bool> {
    // The analyst's name follows behind a `-`; the next character after that is `.`.
    let sealed = c
        .prepare_cached("SELECT 1 FROM outbox WHERE kind = ?1 AND slot >= ?2 AND slot < ?3 AND state <> 'queued'")?
        .exists((kind.word(), format!("{slot}-"), format!("{slot}.")))?;
    Ok(!sealed)
}

/// Whether something is owed under exactly this slot, or was.
pub fn is_owed(c: &Connection, kind: OutKind, slot: &str) -> Result<bool> {
    Ok(c.prepare_cached("SELECT 1 FROM outbox WHERE kind = ?1 AND slot = ?2")?.exists((kind.word(), slot))?)
}

/// One row.
pub fn get(c: &Connection, id: i64) -> Result<Option<Out>> {
    c.prepare_cached(&format!("SELECT {COLUMNS} FROM outbox WHERE id = ?1"))?.query_row([id], read_row).maybe()
}

/// Rows that are due, pages first, then by age.
pub fn due(c: &Connection, now: Timestamp, limit: usize) -> Result<Vec<Out>> {
    let mut rows = c.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM outbox WHERE state IN ('queued', 'sealed', 'sending', 'unsure') AND next_try_at <= ?1 \
         ORDER BY CASE kind WHEN 'page' THEN 0 WHEN 'alert' THEN 1 WHEN 'escalation' THEN 1 ELSE 2 END, next_try_at, id LIMIT ?2"
    ))?;
    let found = rows.query_map((micros(now), limit as i64), read_row)?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// When the next row becomes due, those that are `busy` aside.
pub fn next_due(c: &Connection, busy: &BTreeSet<i64>) -> Result<Option<Timestamp>> {
    let mut rows = c.prepare_cached(
        "SELECT id, next_try_at FROM outbox WHERE state IN ('queued', 'sealed', 'sending', 'unsure') \
         ORDER BY next_try_at LIMIT ?1",
    )?;
    let found = rows.query_map([busy.len() as i64 + 1], |row| Ok((row.get(0)?, instant(row.get(1)?))))?;
    let found: Vec<(i64, Timestamp)> = found.collect::<rusqlite::Result<_>>()?;
    Ok(found.into_iter().find(|(id, _)| !busy.contains(id)).map(|(_, at)| at))
}

/// How many rows wait although they were tried, and what stopped the one tried last.
pub fn in_trouble(c: &Connection) -> Result<Option<(u64, String)>> {
    let found: (i64, Option<String>) = c.query_row(
        "SELECT count(*), (SELECT last_error FROM outbox WHERE state IN ('queued', 'sealed', 'unsure') \
         AND last_error IS NOT NULL ORDER BY next_try_at DESC LIMIT 1) \
         FROM outbox WHERE state IN ('queued', 'sealed', 'unsure') AND last_error IS NOT NULL",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    Ok(found.1.map(|error| (found.0.unsigned_abs(), error)))
}

/// How many rows should have left before an instant and have not, and what stopped the latest.
/// What only waits for its time, or behind a cap, is none of them.
pub fn overdue(c: &Connection, before: Timestamp) -> Result<(u64, Option<String>)> {
    let (count, error): (i64, Option<String>) = c.query_row(
        "SELECT count(*), max(last_error) FROM outbox WHERE state IN ('queued', 'sealed', 'sending', 'unsure') \
         AND (next_try_at < ?1 OR (last_error IS NOT NULL AND created_at < ?1))",
        [micros(before)],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    Ok((count.unsigned_abs(), error))
}

/// Rows that lists show: everything but what was sent or dropped; `all` shows these too.
pub fn list(c: &Connection, all: bool) -> Result<Vec<Out>> {
    let mut rows = c.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM outbox WHERE ?1 OR state NOT IN ('sent', 'dropped') ORDER BY id"
    ))?;
    let found = rows.query_map([all], read_row)?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// Keeps the final octets, once: every later try sends these.
pub fn seal(tx: &Tx, id: i64, message_id: &str, octets: &[u8]) -> Result<()> {
    tx.execute(
        "UPDATE outbox SET state = 'sealed', message_id = ?2, sealed = ?3 WHERE id = ?1 AND state = 'queued'",
        (id, message_id, octets),
    )?;
    Ok(())
}

/// The final octets.
pub fn sealed(c: &Connection, id: i64) -> Result<Option<Vec<u8>>> {
    Ok(c.query_row("SELECT sealed FROM outbox WHERE id = ?1", [id], |row| row.get(0)).maybe()?.flatten())
}

/// Counts the attempt before it is made (law 3). A row found `sending` later means that the
/// process died while it talked to the server: it is treated as unsure. None: the row is no longer
/// to be sent, a person has dropped it meanwhile.
pub fn count_attempt(tx: &Tx, id: i64) -> Result<Option<u32>> {
    tx.prepare_cached(
        "UPDATE outbox SET state = 'sending', attempts = attempts + 1 \
         WHERE id = ?1 AND state IN ('queued', 'sealed', 'unsure') RETURNING attempts",
    )?
    .query_row([id], |row| row.get(0))
    .maybe()
}

/// Counts a try of which nobody knows whether it arrived; gives how many by now.
pub fn count_unsure(tx: &Tx, id: i64) -> Result<u32> {
    Ok(tx
        .prepare_cached("UPDATE outbox SET unsure = unsure + 1 WHERE id = ?1 RETURNING unsure")?
        .query_row([id], |row| row.get(0))?)
}

/// Takes the code of a mail-back out of a row that was accepted: from here on there is its hash alone.
pub fn forget_code(tx: &Tx, id: i64) -> Result<()> {
    tx.execute("UPDATE outbox SET sealed = NULL, intent = json_set(intent, '$.code', '') WHERE id = ?1", [id])?;
    Ok(())
}

/// The one outcome, or another try later. What a person has dropped stays dropped.
pub fn settle(
    tx: &Tx,
    id: i64,
    state: OutState,
    next_try_at: Timestamp,
    error: Option<&str>,
    now: Timestamp,
) -> Result<()> {
    let done = matches!(state, OutState::Sent | OutState::Failed | OutState::Blocked | OutState::Dropped);
    tx.prepare_cached(
        "UPDATE outbox SET state = ?2, next_try_at = ?3, last_error = ?4, done_at = ?5 \
         WHERE id = ?1 AND state <> 'dropped'",
    )?
    .execute((id, state.word(), micros(next_try_at), error, done.then(|| micros(now))))?;
    Ok(())
}

/// Makes a row due now, by a person's decision, who takes upon themselves what is unsure. A failed or
/// blocked one that was never sealed is sealed anew.
pub fn retry(tx: &Tx, id: i64, now: Timestamp) -> Result<bool> {
    Ok(tx.execute(
        "UPDATE outbox SET next_try_at = ?2, attempts = 0, unsure = 0, \
         state = CASE WHEN sealed IS NULL THEN 'queued' ELSE 'sealed' END \
         WHERE id = ?1 AND state NOT IN ('sent', 'dropped', 'sending')",
        (id, micros(now)),
    )? == 1)
}

/// Lets what waits for being sealed be tried now: a key that was missing is there.
pub fn wake_unsealed(tx: &Tx, now: Timestamp) -> Result<()> {
    tx.execute(
        "UPDATE outbox SET next_try_at = ?1 WHERE state = 'queued' AND last_error IS NOT NULL AND next_try_at > ?1",
        [micros(now)],
    )?;
    Ok(())
}

/// When acknowledgements left or will leave since an instant, oldest first, for the caps: to this
/// address, to this domain, or all. `like` is a pattern for the address in lower case.
pub fn acknowledgements_since(c: &Connection, since: Timestamp, like: &str) -> Result<Vec<Timestamp>> {
    let mut rows = c.prepare_cached(
        "SELECT max(created_at, CASE WHEN attempts = 0 THEN next_try_at ELSE created_at END) FROM outbox \
         WHERE kind = 'acknowledgement' AND state <> 'dropped' AND (created_at >= ?1 OR next_try_at >= ?1) \
         AND lower(to_addr) LIKE ?2 ESCAPE '\\' ORDER BY 1",
    )?;
    let found = rows.query_map((micros(since), like), |row| row.get(0).map(instant))?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// When alerts about single tickets were raised since an instant, oldest first; for the
/// grouping of storms.
pub fn alerts_since(c: &Connection, since: Timestamp) -> Result<Vec<Timestamp>> {
    let mut rows = c.prepare_cached(
        "SELECT DISTINCT created_at, ticket_id FROM outbox WHERE kind = 'alert' AND slot LIKE 'alert-%' AND ticket_id IS NOT NULL AND created_at >= ?1 ORDER BY 1",
    )?;
    let found = rows.query_map([micros(since)], |row| row.get(0).map(instant))?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// The ticket to which a mail of ours with this Message-ID belongs.
pub fn ticket_of_message_id(c: &Connection, message_id: &str) -> Result<Option<i64>> {
    Ok(c.prepare_cached("SELECT ticket_id FROM outbox WHERE message_id = ?1")?
        .query_row([message_id], |row| row.get(0))
        .maybe()?
        .flatten())
}

/// The row of the mail with this Message-ID.
pub fn of_message_id(c: &Connection, message_id: &str) -> Result<Option<Out>> {
    c.prepare_cached(&format!("SELECT {COLUMNS} FROM outbox WHERE message_id = ?1"))?
        .query_row([message_id], read_row)
        .maybe()
}

/// Whether a mail with this Message-ID is ours.
pub fn is_ours(c: &Connection, message_id: &str) -> Result<bool> {
    Ok(c.prepare_cached("SELECT 1 FROM outbox WHERE message_id = ?1")?.exists([message_id])?)
}

/// Rows in a state that wants a person, by state.
pub fn depth(c: &Connection) -> Result<Vec<(OutState, u64)>> {
    let mut rows =
        c.prepare_cached("SELECT state, count(*) FROM outbox WHERE state NOT IN ('sent', 'dropped') GROUP BY state")?;
    let found = rows.query_map([], |row| {
        let word: String = row.get(0)?;
        Ok((OutState::from_word(&word).unwrap_or(OutState::Failed), row.get::<_, i64>(1)?.unsigned_abs()))
    })?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}
