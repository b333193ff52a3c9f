//! Whom a ticket corresponds with, and the clock of what each of them was promised (P21).
//!
//! One row a ticket and address: the reporter's (`''` where nobody can write to them) and those of
//! all who are or were participants. Addresses are in lower case.

use super::{Maybe, Result, Tx, instant, micros};
use jiff::Timestamp;
use rusqlite::{Connection, Row};
use serde::{Deserialize, Serialize};

/// One correspondent of one ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correspondent {
    pub id: i64,
    pub ticket_id: i64,
    /// In lower case; empty: a reporter to whom nobody can write.
    pub address: String,
    /// The ticket by whose number they know it: after a merge their own.
    pub known_as: i64,
    /// Last human message to them.
    pub answered_at: Option<Timestamp>,
    pub clock: Option<Clock>,
    /// Of the clock that runs, or that ran last.
    pub clock_from: Option<Timestamp>,
    /// Deadlines stay to be shown after the clock has ended.
    pub remind_at: Option<Timestamp>,
    pub due_at: Option<Timestamp>,
    pub escalate_at: Option<Timestamp>,
    pub escalated_at: Option<Timestamp>,
}

/// A running clock of a promise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    /// Receipt of the first unanswered mail.
    pub from: Timestamp,
    pub remind_at: Timestamp,
    pub due_at: Timestamp,
    pub escalate_at: Timestamp,
    /// Rungs of the ladder fired so far.
    pub rung: u32,
    pub next_rung_at: Timestamp,
}

const COLUMNS: &str = "id, ticket_id, address, known_as, answered_at, clock_from, remind_at, due_at, escalate_at, \
                       escalated_at, rung, next_rung_at";

fn read_row(row: &Row) -> rusqlite::Result<Correspondent> {
    let at = |index: usize| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(index)?.map(instant));
    let (remind_at, due_at, escalate_at) = (at(6)?, at(7)?, at(8)?);
    let clock = match (at(5)?, remind_at, due_at, escalate_at, at(11)?) {
        (Some(from), Some(remind_at), Some(due_at), Some(escalate_at), Some(next_rung_at)) => {
            Some(Clock { from, remind_at, due_at, escalate_at, rung: row.get(10)?, next_rung_at })
        }
        _ => None,
    };
    Ok(Correspondent {
        id: row.get(0)?,
        ticket_id: row.get(1)?,
        address: row.get(2)?,
        known_as: row.get(3)?,
        answered_at: at(4)?,
        clock,
        clock_from: at(5)?,
        remind_at,
        due_at,
        escalate_at,
        escalated_at: at(9)?,
    })
}

/// Makes sure that an address has a row; gives it.
pub fn ensure(tx: &Tx, ticket: i64, address: &str) -> Result<Correspondent> {
    tx.prepare_cached("INSERT OR IGNORE INTO correspondent (ticket_id, address, known_as) VALUES (?1, ?2, ?1)")?
        .execute((ticket, address))?;
    Ok(tx
        .prepare_cached(&format!("SELECT {COLUMNS} FROM correspondent WHERE ticket_id = ?1 AND address = ?2"))?
        .query_row((ticket, address), read_row)?)
}

/// The row of an address.
pub fn get(c: &Connection, ticket: i64, address: &str) -> Result<Option<Correspondent>> {
    c.prepare_cached(&format!("SELECT {COLUMNS} FROM correspondent WHERE ticket_id = ?1 AND address = ?2"))?
        .query_row((ticket, address), read_row)
        .maybe()
}

/// All of a ticket, in the order in which they came.
pub fn of_ticket(c: &Connection, ticket: i64) -> Result<Vec<Correspondent>> {
    rows(c, "WHERE ticket_id = ?1 ORDER BY id", [ticket])
}

/// Those whose clock runs.
pub fn running(c: &Connection) -> Result<Vec<Correspondent>> {
    rows(c, "WHERE next_rung_at IS NOT NULL ORDER BY due_at, id", [])
}

/// Those whose next rung is due, the oldest first.
pub fn rungs_due(c: &Connection, now: Timestamp, limit: usize) -> Result<Vec<Correspondent>> {
    rows(c, "WHERE next_rung_at <= ?1 ORDER BY next_rung_at, id LIMIT ?2", (micros(now), limit as i64))
}

fn rows(c: &Connection, clause: &str, parameters: impl rusqlite::Params) -> Result<Vec<Correspondent>> {
    let mut rows = c.prepare_cached(&format!("SELECT {COLUMNS} FROM correspondent {clause}"))?;
    let found = rows.query_map(parameters, read_row)?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// When the next rung is due.
pub fn next_rung(c: &Connection) -> Result<Option<Timestamp>> {
    let next: Option<i64> = c.query_row("SELECT min(next_rung_at) FROM correspondent", [], |row| row.get(0))?;
    Ok(next.map(instant))
}

/// In how many tickets a promise is broken: due, and nobody has answered.
pub fn broken_promises(c: &Connection, now: Timestamp) -> Result<u64> {
    let count: i64 = c.query_row(
        "SELECT count(DISTINCT ticket_id) FROM correspondent WHERE next_rung_at IS NOT NULL AND due_at <= ?1",
        [micros(now)],
        |row| row.get(0),
    )?;
    Ok(count.unsigned_abs())
}

/// Starts or replaces a clock.
pub fn set_clock(tx: &Tx, id: i64, clock: &Clock) -> Result<()> {
    tx.prepare_cached(
        "UPDATE correspondent SET clock_from = ?2, remind_at = ?3, due_at = ?4, escalate_at = ?5, rung = ?6, \
         next_rung_at = ?7 WHERE id = ?1",
    )?
    .execute((
        id,
        micros(clock.from),
        micros(clock.remind_at),
        micros(clock.due_at),
        micros(clock.escalate_at),
        clock.rung,
        micros(clock.next_rung_at),
    ))?;
    Ok(())
}

/// Ends a clock. The deadlines stay to be shown.
pub fn stop_clock(tx: &Tx, id: i64) -> Result<()> {
    tx.prepare_cached("UPDATE correspondent SET rung = 0, next_rung_at = NULL WHERE id = ?1")?.execute([id])?;
    Ok(())
}

/// Ends every clock of a ticket; gives how many ran.
pub fn stop_clocks(tx: &Tx, ticket: i64) -> Result<usize> {
    Ok(tx.execute(
        "UPDATE correspondent SET rung = 0, next_rung_at = NULL \
         WHERE ticket_id = ?1 AND next_rung_at IS NOT NULL",
        [ticket],
    )?)
}

/// Notes that a human's message has reached them.
pub fn set_answered(tx: &Tx, id: i64, at: Option<Timestamp>) -> Result<()> {
    tx.execute("UPDATE correspondent SET answered_at = ?2 WHERE id = ?1", (id, at.map(micros)))?;
    Ok(())
}

/// Notes the first escalation.
pub fn set_escalated(tx: &Tx, id: i64, at: Timestamp) -> Result<()> {
    tx.execute("UPDATE correspondent SET escalated_at = coalesce(escalated_at, ?2) WHERE id = ?1", (id, micros(at)))?;
    Ok(())
}

/// Notes that an answer to a mail is promised.
pub fn set_owed(tx: &Tx, message: i64) -> Result<()> {
    tx.prepare_cached("UPDATE message SET owed = 1 WHERE id = ?1")?.execute([message])?;
    Ok(())
}

/// Whether an answer to a mail is promised still.
pub fn is_owed(c: &Connection, message: i64) -> Result<bool> {
    Ok(c.query_row("SELECT owed FROM message WHERE id = ?1", [message], |row| row.get(0)).maybe()?.unwrap_or(false))
}

/// No answer is owed any more to what a correspondent wrote until an instant.
pub fn settle(tx: &Tx, ticket: i64, address: &str, until: Timestamp) -> Result<()> {
    tx.prepare_cached(
        "UPDATE message SET owed = 0 WHERE ticket_id = ?1 AND correspondent = ?2 AND owed AND received_at <= ?3",
    )?
    .execute((ticket, address, micros(until)))?;
    Ok(())
}

/// Receipt of the first mail of theirs to which an answer is owed.
pub fn first_owed(c: &Connection, ticket: i64, address: &str) -> Result<Option<Timestamp>> {
    let first: Option<i64> = c
        .prepare_cached("SELECT min(received_at) FROM message WHERE ticket_id = ?1 AND correspondent = ?2 AND owed")?
        .query_row((ticket, address), |row| row.get(0))?;
    Ok(first.map(instant))
}

/// One mail of a correspondent's thread.
#[derive(Debug, Clone)]
pub struct InThread {
    pub message: i64,
    pub message_id: String,
    /// From them; else ours to them.
    pub theirs: bool,
}

/// What a correspondent wrote into a ticket and what was written to them before a message, oldest
/// first: nothing of anybody else.
pub fn thread(c: &Connection, ticket: i64, address: &str, before: i64) -> Result<Vec<InThread>> {
    let mut rows = c.prepare_cached(
        "SELECT id, message_id, direction = 'in' FROM message WHERE ticket_id = ?1 AND id < ?3 AND message_id IS NOT NULL \
         AND CASE direction WHEN 'in' THEN correspondent = ?2 WHEN 'note' THEN 0 ELSE EXISTS \
         (SELECT 1 FROM json_each(to_addrs) WHERE lower(value) = ?2) OR EXISTS \
         (SELECT 1 FROM json_each(cc_addrs) WHERE lower(value) = ?2) END ORDER BY id",
    )?;
    let found = rows.query_map((ticket, address, before), |row| {
        Ok(InThread { message: row.get(0)?, message_id: row.get(1)?, theirs: row.get(2)? })
    })?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// Notes whose mail a message is.
pub fn set_author(tx: &Tx, message: i64, address: &str) -> Result<()> {
    tx.prepare_cached("UPDATE message SET correspondent = ?2 WHERE id = ?1")?.execute((message, address))?;
    Ok(())
}

/// Whose mail a message is; None of what did not come from a correspondent.
pub fn author(c: &Connection, message: i64) -> Result<Option<String>> {
    Ok(c.prepare_cached("SELECT correspondent FROM message WHERE id = ?1")?
        .query_row([message], |row| row.get(0))
        .maybe()?
        .flatten())
}
