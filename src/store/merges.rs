//! Tickets merged, split and linked: which messages and marks move, and what undoing a merge needs.
//!
//! Failure: the store's.

use super::correspondents::Correspondent;
use super::{Maybe, Result, Tx, instant, micros};
use crate::rules::ticket::{Kind, LinkKind, Priority, State};
use jiff::Timestamp;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

/// What a merge changed, so that it can be undone exactly.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Before {
    /// State of the merged ticket.
    pub state: State,
    /// Its messages.
    pub messages: Vec<i64>,
    /// The newest message of all at that time.
    pub newest_message: i64,
    /// Rows of its correspondents that moved.
    pub moved: Vec<Correspondent>,
    /// Its correspondents who corresponded in the other ticket as well.
    pub combined: Vec<Combined>,
    /// What the other ticket was given.
    pub participants: Vec<String>,
    pub links: Vec<(i64, String)>,
    pub received_via: Vec<String>,
    pub labels: Vec<String>,
    /// How the other ticket stood before and after.
    pub standing: Standing,
    pub raised: Standing,
}

/// One address in both tickets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Combined {
    /// In the merged ticket, before.
    pub merged: Correspondent,
    /// In the other one, before and after.
    pub kept: Correspondent,
    pub together: Correspondent,
}

/// What a merge may raise in the ticket that stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    pub state: State,
    pub kind: Kind,
    pub priority: Priority,
    pub reported_urgent: bool,
    pub urgent_unprotected: bool,
    pub tlp: Option<String>,
    pub received_encrypted: bool,
    pub automatic: bool,
    pub suspected_spam: bool,
    pub consent: Option<String>,
    pub follow_up_at: Option<i64>,
    pub follow_up_told: bool,
}

/// A merge that has not been undone.
#[derive(Debug, Clone)]
pub struct Merge {
    pub id: i64,
    pub ticket_id: i64,
    pub into_id: i64,
    pub at: Timestamp,
    pub before: Before,
}

/// How a ticket stands.
pub fn standing(c: &Connection, ticket: i64) -> Result<Standing> {
    Ok(c.query_row(
        "SELECT state, kind, priority, reported_urgent, urgent_unprotected, tlp, received_encrypted, automatic, \
         suspected_spam, consent, follow_up_at, follow_up_told FROM ticket WHERE id = ?1",
        [ticket],
        |row| {
            let word = |index: usize| row.get::<_, String>(index);
            Ok(Standing {
                state: State::from_word(&word(0)?).unwrap_or(State::New),
                kind: Kind::from_word(&word(1)?).unwrap_or(Kind::Incident),
                priority: Priority::from_word(&word(2)?).unwrap_or(Priority::Normal),
                reported_urgent: row.get(3)?,
                urgent_unprotected: row.get(4)?,
                tlp: row.get(5)?,
                received_encrypted: row.get(6)?,
                automatic: row.get(7)?,
                suspected_spam: row.get(8)?,
                consent: row.get(9)?,
                follow_up_at: row.get(10)?,
                follow_up_told: row.get(11)?,
            })
        },
    )?)
}

/// Lets a ticket stand so.
pub fn set_standing(tx: &Tx, ticket: i64, standing: &Standing) -> Result<()> {
    tx.execute(
        "UPDATE ticket SET state = ?2, kind = ?3, priority = ?4, reported_urgent = ?5, urgent_unprotected = ?6, tlp = ?7, \
         received_encrypted = ?8, automatic = ?9, suspected_spam = ?10, consent = ?11, follow_up_at = ?12, \
         follow_up_told = ?13 WHERE id = ?1",
        rusqlite::params![
            ticket,
            standing.state.word(),
            standing.kind.word(),
            standing.priority.word(),
            standing.reported_urgent,
            standing.urgent_unprotected,
            standing.tlp,
            standing.received_encrypted,
            standing.automatic,
            standing.suspected_spam,
            standing.consent,
            standing.follow_up_at,
            standing.follow_up_told,
        ],
    )?;
    Ok(())
}

/// Moves messages, with the spool rows of their mails, into a ticket.
pub fn move_messages(tx: &Tx, messages: &[i64], to: i64) -> Result<()> {
    let mut message_row = tx.prepare_cached("UPDATE message SET ticket_id = ?2 WHERE id = ?1")?;
    let mut spool_row = tx.prepare_cached("UPDATE spool SET ticket_id = ?2 WHERE message_id = ?1")?;
    for message in messages {
        message_row.execute((message, to))?;
        spool_row.execute((message, to))?;
    }
    Ok(())
}

/// The newest message of all.
pub fn newest_message(c: &Connection) -> Result<i64> {
    Ok(c.query_row("SELECT coalesce(max(id), 0) FROM message", [], |row| row.get(0))?)
}

/// Moves a correspondent into another ticket; by which number they know it is said with it.
pub fn move_correspondent(tx: &Tx, id: i64, ticket: i64, known_as: i64) -> Result<()> {
    tx.execute("UPDATE correspondent SET ticket_id = ?2, known_as = ?3 WHERE id = ?1", (id, ticket, known_as))?;
    Ok(())
}

/// Lets a correspondent's row be as it was, but for its ticket and the number they know.
pub fn set_correspondent(tx: &Tx, was: &Correspondent) -> Result<()> {
    let at = |at: Option<Timestamp>| at.map(micros);
    let clock = was.clock.as_ref();
    tx.execute(
        "UPDATE correspondent SET answered_at = ?2, clock_from = ?3, remind_at = ?4, due_at = ?5, escalate_at = ?6, \
         escalated_at = ?7, rung = ?8, next_rung_at = ?9 WHERE id = ?1",
        rusqlite::params![
            was.id,
            at(was.answered_at),
            at(clock.map(|clock| clock.from).or(was.clock_from)),
            at(was.remind_at),
            at(was.due_at),
            at(was.escalate_at),
            at(was.escalated_at),
            clock.map_or(0, |clock| clock.rung),
            at(clock.map(|clock| clock.next_rung_at)),
        ],
    )?;
    Ok(())
}

/// Notes a merge.
pub fn insert(tx: &Tx, ticket: i64, into: i64, before: &Before, now: Timestamp) -> Result<()> {
    let json = serde_json::to_string(before).unwrap_or_default();
    tx.execute(
        "INSERT INTO merge (ticket_id, into_id, at, before) VALUES (?1, ?2, ?3, ?4)",
        (ticket, into, micros(now), json),
    )?;
    Ok(())
}

/// The standing merge of a ticket. None: it is not merged, or not by an analyst.
pub fn of_ticket(c: &Connection, ticket: i64) -> Result<Option<Merge>> {
    Ok(some(c, "ticket_id = ?1", ticket)?.pop())
}

/// The standing merges into a ticket, oldest first.
pub fn into_ticket(c: &Connection, into: i64) -> Result<Vec<Merge>> {
    some(c, "into_id = ?1", into)
}

fn some(c: &Connection, condition: &str, id: i64) -> Result<Vec<Merge>> {
    let mut rows = c.prepare_cached(&format!(
        "SELECT id, ticket_id, into_id, at, before FROM merge WHERE {condition} AND undone_at IS NULL ORDER BY id"
    ))?;
    let found = rows.query_map([id], |row| {
        let json: String = row.get(4)?;
        let before = serde_json::from_str(&json)
            .map_err(|e| rusqlite::Error::FromSqlConversionFailure(4, rusqlite::types::Type::Text, Box::new(e)))?;
        Ok(Merge { id: row.get(0)?, ticket_id: row.get(1)?, into_id: row.get(2)?, at: instant(row.get(3)?), before })
    })?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// Notes that a merge was undone.
pub fn undone(tx: &Tx, id: i64, now: Timestamp) -> Result<()> {
    tx.execute("UPDATE merge SET undone_at = ?2 WHERE id = ?1", (id, micros(now)))?;
    Ok(())
}

/// Links of a ticket by row: (other ticket, kind).
pub fn links(c: &Connection, ticket: i64) -> Result<Vec<(i64, LinkKind)>> {
    let mut rows = c.prepare_cached("SELECT to_id, kind FROM link WHERE ticket_id = ?1 ORDER BY 1, 2")?;
    let found = rows.query_map([ticket], |row| {
        let word: String = row.get(1)?;
        Ok((row.get(0)?, LinkKind::from_word(&word).unwrap_or(LinkKind::Related)))
    })?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// Takes a link away; gives whether there was one.
pub fn remove_link(tx: &Tx, ticket: i64, to: i64, kind: LinkKind) -> Result<bool> {
    let removed =
        tx.execute("DELETE FROM link WHERE ticket_id = ?1 AND to_id = ?2 AND kind = ?3", (ticket, to, kind.word()))?;
    Ok(removed == 1)
}

/// Takes a mailbox away again from those through which a ticket's mail came.
pub fn remove_received_via(tx: &Tx, ticket: i64, mailbox: &str) -> Result<()> {
    tx.execute("DELETE FROM received_via WHERE ticket_id = ?1 AND mailbox = ?2", (ticket, mailbox))?;
    Ok(())
}

/// The mailbox that a message came to.
pub fn mailbox_of(c: &Connection, message: i64) -> Result<Option<String>> {
    c.query_row("SELECT mailbox FROM spool WHERE message_id = ?1 ORDER BY id LIMIT 1", [message], |row| row.get(0))
        .maybe()
}
