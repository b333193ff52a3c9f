//! Replies of analysts that are to be obeyed, one outcome each.
//!
//! Failure: the store's.

use super::{Result, Tx, micros};
use jiff::Timestamp;
use rusqlite::{Connection, Row};

/// One reply.
#[derive(Debug, Clone)]
pub struct MailOrder {
    /// The mail itself, kept as a note.
    pub message_id: i64,
    pub ticket_id: i64,
    pub analyst: String,
    /// The correspondent to whom its words would go, in lower case.
    pub to: String,
    /// Words without a command go to the reporter.
    pub answers: bool,
    /// The page whose code it bears.
    pub page_id: Option<i64>,
}

fn read_row(row: &Row) -> rusqlite::Result<MailOrder> {
    let purpose: String = row.get(4)?;
    Ok(MailOrder {
        message_id: row.get(0)?,
        ticket_id: row.get(1)?,
        analyst: row.get(2)?,
        to: row.get(3)?,
        answers: purpose == "answer",
        page_id: row.get(5)?,
    })
}

/// Keeps one, once a message.
pub fn add(tx: &Tx, order: &MailOrder, now: Timestamp) -> Result<()> {
    let purpose = if order.answers { "answer" } else { "note" };
    tx.execute(
        "INSERT OR IGNORE INTO mail_order (message_id, ticket_id, analyst, to_addr, purpose, page_id, at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        (order.message_id, order.ticket_id, &order.analyst, &order.to, purpose, order.page_id, micros(now)),
    )?;
    Ok(())
}

/// Those that wait, oldest first.
pub fn waiting(c: &Connection) -> Result<Vec<MailOrder>> {
    let mut rows = c.prepare_cached(
        "SELECT message_id, ticket_id, analyst, to_addr, purpose, page_id FROM mail_order WHERE state = 'new' ORDER BY message_id",
    )?;
    let found = rows.query_map([], read_row)?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// The one outcome; gives whether it is that.
pub fn settle(tx: &Tx, message: i64, obeyed: bool) -> Result<bool> {
    let state = if obeyed { "obeyed" } else { "refused" };
    Ok(tx.execute("UPDATE mail_order SET state = ?2 WHERE message_id = ?1 AND state = 'new'", (message, state))? == 1)
}
