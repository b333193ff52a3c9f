//! Attached files: their octets, and what was proven about each by itself.

use super::{Connection, Maybe, Result, Tx, instant, micros};
use crate::rules::report::Attachment;
use crate::rules::tlp::Mark;
use crate::rules::verdict::{Encryption, FileVerdict};
use jiff::Timestamp;
use rusqlite::Row;

/// Adds the files of a message.
pub fn insert(tx: &Tx, message: i64, attachments: &[Attachment]) -> Result<()> {
    let mut row = tx.prepare_cached(
        "INSERT INTO attachment (message_id, name, content_type, size, sha256, bytes, part, tlp, verdict) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    for attachment in attachments {
        row.execute((
            message,
            attachment.name.raw(),
            &attachment.content_type,
            attachment.bytes.len() as i64,
            &attachment.sha256,
            &attachment.bytes,
            &attachment.part,
            attachment.tlp.map(Mark::word),
            attachment.verdict.as_ref().map(json),
        ))?;
    }
    Ok(())
}

fn json(verdict: &FileVerdict) -> String {
    serde_json::to_string(verdict).unwrap_or_default()
}

/// An attachment without its octets.
#[derive(Debug, Clone)]
pub struct AttachmentRow {
    pub id: i64,
    pub message_id: i64,
    pub name: String,
    pub content_type: String,
    pub size: u64,
    pub sha256: String,
    /// Where it stood in the mail; empty: not known.
    pub part: String,
    /// The strictest mark in its name and its text.
    pub tlp: Option<String>,
    /// As at arrival; None: neither encrypted nor signed.
    pub verdict: Option<FileVerdict>,
    /// What a later check found, where that was something else.
    pub rechecked: Option<(Timestamp, FileVerdict)>,
}

impl AttachmentRow {
    fn latest(&self) -> Option<&FileVerdict> {
        self.rechecked.as_ref().map(|(_, verdict)| verdict).or(self.verdict.as_ref())
    }
}

const COLUMNS: &str = "attachment.id, attachment.message_id, attachment.name, attachment.content_type, attachment.size, \
    attachment.sha256, attachment.verdict, attachment.rechecked_at, attachment.rechecked, attachment.part, attachment.tlp";

fn read(row: &Row) -> rusqlite::Result<AttachmentRow> {
    let verdict = |json: Option<String>| json.and_then(|json| serde_json::from_str(&json).ok());
    let at: Option<i64> = row.get(7)?;
    Ok(AttachmentRow {
        id: row.get(0)?,
        message_id: row.get(1)?,
        name: row.get(2)?,
        content_type: row.get(3)?,
        size: row.get::<_, i64>(4)?.unsigned_abs(),
        sha256: row.get(5)?,
        part: row.get(9)?,
        tlp: row.get(10)?,
        verdict: verdict(row.get(6)?),
        rechecked: at.map(instant).zip(verdict(row.get(8)?)),
    })
}

/// Attachments of a ticket, in order.
pub fn of_ticket(c: &Connection, ticket: i64) -> Result<Vec<AttachmentRow>> {
    let mut rows = c.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM attachment JOIN message ON message.id = attachment.message_id \
         WHERE message.ticket_id = ?1 ORDER BY attachment.id"
    ))?;
    let found = rows.query_map([ticket], read)?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// An attachment's octets.
pub fn bytes(c: &Connection, id: i64) -> Result<Option<Vec<u8>>> {
    c.query_row("SELECT bytes FROM attachment WHERE id = ?1", [id], |row| row.get(0)).maybe()
}

/// Puts what a later check found beside what was found at arrival, and adds the files that came out
/// of others meanwhile. A file that was open stays so. Gives how many files were opened now, and
/// of how many something else is known.
pub fn recheck(tx: &Tx, message: i64, found: &[Attachment], now: Timestamp) -> Result<(usize, usize)> {
    let mut rows = {
        let mut rows = tx.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM attachment WHERE message_id = ?1 ORDER BY attachment.id"
        ))?;
        rows.query_map([message], read)?.collect::<rusqlite::Result<Vec<_>>>()?
    };
    let (mut opened, mut changed) = (0, 0);
    for file in found {
        let Some(verdict) = &file.verdict else { continue };
        let same = |row: &AttachmentRow| row.sha256 == file.sha256 && row.name == file.name.raw();
        let Some(at) = rows.iter().position(same) else {
            insert(tx, message, std::slice::from_ref(file))?;
            continue;
        };
        let row = rows.remove(at);
        let is_open = |verdict: &FileVerdict| verdict.encryption == Encryption::Decrypted;
        let was_open = row.latest().is_some_and(is_open);
        if row.latest() == Some(verdict) || (was_open && !is_open(verdict)) {
            continue;
        }
        tx.execute(
            "UPDATE attachment SET rechecked_at = ?2, rechecked = ?3 WHERE id = ?1",
            (row.id, micros(now), json(verdict)),
        )?;
        opened += usize::from(is_open(verdict) && !was_open);
        changed += 1;
    }
    Ok((opened, changed))
}
