//! The messages of tickets: what was received and what was written, with what was read in them.
//!
//! Hostile data: texts of mails, bound as parameters only. Failure: the store's.

use super::{Maybe, Result, Tx, attachments, instant, micros};
use crate::rules::report::{Attachment, Context, Indicator, IndicatorKind, Place};
use crate::rules::ticket::Direction;
use jiff::Timestamp;
use rusqlite::{Connection, Row};

/// One message of a ticket.
#[derive(Debug, Clone)]
pub struct Message {
    pub id: i64,
    pub ticket_id: i64,
    pub direction: Direction,
    pub message_id: Option<String>,
    pub from: Option<String>,
    pub to: Vec<String>,
    pub cc: Vec<String>,
    pub date: Option<Timestamp>,
    pub received_at: Timestamp,
    pub subject: String,
    pub text: String,
    pub raw_id: Option<i64>,
    /// JSON of the verdict at arrival.
    pub verdict: Option<String>,
    /// When it was last checked again, and the JSON of that verdict.
    pub rechecked: Option<(Timestamp, String)>,
    pub headers: Vec<(String, String)>,
    pub problems: Vec<String>,
    pub author: Option<String>,
}

const COLUMNS: &str = "id, ticket_id, direction, message_id, from_addr, to_addrs, cc_addrs, date, received_at, subject, \
    text, raw_id, verdict, headers, problems, author, rechecked_at, rechecked";

fn read_row(row: &Row) -> rusqlite::Result<Message> {
    let direction: String = row.get(2)?;
    let json = |index: usize| row.get::<_, String>(index);
    Ok(Message {
        id: row.get(0)?,
        ticket_id: row.get(1)?,
        direction: Direction::from_word(&direction).unwrap_or(Direction::Note),
        message_id: row.get(3)?,
        from: row.get(4)?,
        to: serde_json::from_str(&json(5)?).unwrap_or_default(),
        cc: serde_json::from_str(&json(6)?).unwrap_or_default(),
        date: row.get::<_, Option<i64>>(7)?.map(instant),
        received_at: instant(row.get(8)?),
        subject: row.get(9)?,
        text: row.get(10)?,
        raw_id: row.get(11)?,
        verdict: row.get(12)?,
        headers: serde_json::from_str(&json(13)?).unwrap_or_default(),
        problems: serde_json::from_str(&json(14)?).unwrap_or_default(),
        author: row.get(15)?,
        rechecked: row.get::<_, Option<i64>>(16)?.map(instant).zip(row.get(17)?),
    })
}

/// Inserts a message (its `id` is ignored); gives its row.
pub fn insert(tx: &Tx, message: &Message) -> Result<i64> {
    let json = |value: &[String]| serde_json::to_string(value).unwrap_or_default();
    tx.prepare_cached(
        "INSERT INTO message (ticket_id, direction, message_id, from_addr, to_addrs, cc_addrs, date, received_at, subject, text, \
         raw_id, verdict, headers, problems, author) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
    )?
    .execute(rusqlite::params![
        message.ticket_id,
        message.direction.word(),
        message.message_id,
        message.from,
        json(&message.to),
        json(&message.cc),
        message.date.map(micros),
        micros(message.received_at),
        message.subject,
        message.text,
        message.raw_id,
        message.verdict,
        serde_json::to_string(&message.headers).unwrap_or_default(),
        json(&message.problems),
        message.author,
    ])?;
    Ok(tx.last_insert_rowid())
}

/// Messages of a ticket, oldest first.
pub fn of_ticket(c: &Connection, ticket: i64) -> Result<Vec<Message>> {
    let mut rows = c.prepare_cached(&format!("SELECT {COLUMNS} FROM message WHERE ticket_id = ?1 ORDER BY id"))?;
    let found = rows.query_map([ticket], read_row)?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// Notes that a machine wrote a message, and by which mark that was seen.
pub fn set_automatic(tx: &Tx, id: i64, mark: &str) -> Result<()> {
    tx.execute("UPDATE message SET automatic = 1, machine = ?2 WHERE id = ?1", (id, mark))?;
    Ok(())
}

/// By which mark a message was taken for a machine's.
pub fn machine_mark(c: &Connection, id: i64) -> Result<Option<String>> {
    Ok(c.query_row("SELECT machine FROM message WHERE id = ?1", [id], |row| row.get(0)).maybe()?.flatten())
}

/// The first mail of the ticket.
pub fn first_received(c: &Connection, ticket: i64) -> Result<Option<Message>> {
    c.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM message WHERE ticket_id = ?1 AND direction = 'in' ORDER BY id LIMIT 1"
    ))?
    .query_row([ticket], read_row)
    .maybe()
}

/// The last mail of the ticket that a human wrote, else the last one; before a message if one is named.
pub fn last_received(c: &Connection, ticket: i64, before: Option<i64>) -> Result<Option<Message>> {
    c.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM message WHERE ticket_id = ?1 AND direction = 'in' AND (?2 IS NULL OR id < ?2) \
         ORDER BY automatic, id DESC LIMIT 1"
    ))?
    .query_row((ticket, before), read_row)
    .maybe()
}

/// One message.
pub fn get(c: &Connection, id: i64) -> Result<Option<Message>> {
    c.prepare_cached(&format!("SELECT {COLUMNS} FROM message WHERE id = ?1"))?.query_row([id], read_row).maybe()
}

/// Messages that could not be opened for want of a key, or that hold a file that could not.
pub fn without_key(c: &Connection) -> Result<Vec<Message>> {
    let mut rows = c.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM message WHERE direction IN ('in', 'note') \
         AND (json_extract(coalesce(rechecked, verdict), '$.encryption_problem') IN ('no_key', 'key_unavailable') \
         OR EXISTS (SELECT 1 FROM attachment WHERE message_id = message.id AND \
         json_extract(coalesce(attachment.rechecked, attachment.verdict), '$.encryption_problem') \
         IN ('no_key', 'key_unavailable'))) ORDER BY id"
    ))?;
    let found = rows.query_map([], read_row)?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

impl Message {
    /// A new one of a ticket, of which nothing else is known yet. `at`: when it was received or written.
    pub fn new(ticket_id: i64, direction: Direction, at: Timestamp) -> Message {
        Message {
            id: 0,
            ticket_id,
            direction,
            message_id: None,
            from: None,
            to: Vec::new(),
            cc: Vec::new(),
            date: None,
            received_at: at,
            subject: String::new(),
            text: String::new(),
            raw_id: None,
            verdict: None,
            rechecked: None,
            headers: Vec::new(),
            problems: Vec::new(),
            author: None,
        }
    }

    /// JSON of what is known to be proven by now.
    pub fn latest_verdict(&self) -> Option<&str> {
        self.rechecked.as_ref().map(|(_, verdict)| verdict.as_str()).or(self.verdict.as_deref())
    }
}

/// Notes the Message-ID and the octets under which a human's message left.
pub fn set_sent(tx: &Tx, id: i64, message_id: &str, raw_id: i64) -> Result<()> {
    tx.execute("UPDATE message SET message_id = ?2, raw_id = ?3 WHERE id = ?1", (id, message_id, raw_id))?;
    Ok(())
}

/// Messages with this Message-ID, by tickets.
pub fn with_id(c: &Connection, message_id: &str) -> Result<Vec<Message>> {
    let mut rows = c.prepare_cached(&format!("SELECT {COLUMNS} FROM message WHERE message_id = ?1 ORDER BY id"))?;
    let found = rows.query_map([message_id], read_row)?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// Adds what a message holds.
pub fn insert_content(tx: &Tx, message: i64, files: &[Attachment], indicators: &[Indicator]) -> Result<()> {
    attachments::insert(tx, message, files)?;
    insert_indicators(tx, message, indicators)
}

/// Keeps indicators of a message; those that it has already stay.
pub fn insert_indicators(tx: &Tx, message: i64, indicators: &[Indicator]) -> Result<()> {
    let mut indicator_row = tx.prepare_cached(
        "INSERT OR IGNORE INTO indicator (message_id, kind, value, part, at, encrypted, context) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for Indicator { kind, value, place } in indicators {
        indicator_row.execute((
            message,
            kind.word(),
            value.raw(),
            &place.part,
            place.offset as i64,
            place.encrypted,
            place.context.word(),
        ))?;
    }
    Ok(())
}

/// Indicators of a ticket in order, each with its message.
pub fn indicators(c: &Connection, ticket: i64) -> Result<Vec<(Indicator, i64)>> {
    let mut rows = c.prepare_cached(
        "SELECT indicator.kind, value, part, at, encrypted, context, indicator.message_id FROM indicator \
         JOIN message ON message.id = indicator.message_id WHERE message.ticket_id = ?1 ORDER BY indicator.id",
    )?;
    let found = rows.query_map([ticket], |row| {
        let (kind, value, context): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(5)?);
        let place = Place {
            part: row.get(2)?,
            offset: row.get::<_, i64>(3)?.unsigned_abs() as usize,
            encrypted: row.get(4)?,
            context: Context::from_word(&context).unwrap_or_default(),
        };
        let kind = IndicatorKind::from_word(&kind);
        Ok(kind.map(|kind| Indicator { kind, value: value.into(), place }).zip(Some(row.get(6)?)))
    })?;
    Ok(found.flat_map(rusqlite::Result::transpose).collect::<rusqlite::Result<_>>()?)
}
