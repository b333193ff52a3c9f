//! What reading found in mails beside their texts, and what is made of a ticket.

use super::{Result, Tx};
use crate::rules::consent::Consent;
use crate::rules::report::{Forwarded, PartMark};
use crate::rules::suggest::Suggestion;
use crate::rules::ticket::words;
use crate::rules::tlp::Mark;
use crate::rules::weight::{Extent, Severity};
use rusqlite::Connection;
use std::collections::BTreeMap;

/// What a message holds beside its text and attachments.
#[derive(Debug, Clone, Default)]
pub struct Content {
    /// The strictest mark.
    pub tlp: Option<String>,
    pub marks: Vec<PartMark>,
    pub forwarded: Vec<Forwarded>,
}

/// What rules suggest for a ticket and nobody has confirmed.
#[derive(Debug, Clone, Default)]
pub struct Suggested {
    pub classification: Option<Suggestion>,
    pub severity: Option<Suggestion>,
}

words! {
    /// Which suggestion.
    Of { Classification = "suggested_classification", Severity = "suggested_severity" }
}

/// Keeps the marks and forwarded mails of a message.
pub fn keep(tx: &Tx, message: i64, marks: &[PartMark], forwarded: &[Forwarded]) -> Result<()> {
    let json = |value: serde_json::Result<String>| value.unwrap_or_else(|_| "[]".to_owned());
    let strictest = marks.iter().map(|mark| mark.tlp).max();
    tx.prepare_cached("UPDATE message SET tlp = ?2, marks = ?3, forwarded = ?4 WHERE id = ?1")?.execute((
        message,
        strictest.map(Mark::word),
        json(serde_json::to_string(marks)),
        json(serde_json::to_string(forwarded)),
    ))?;
    Ok(())
}

/// What the messages of a ticket hold, by message.
pub fn of_ticket(c: &Connection, ticket: i64) -> Result<BTreeMap<i64, Content>> {
    let mut rows = c.prepare_cached("SELECT id, tlp, marks, forwarded FROM message WHERE ticket_id = ?1")?;
    let found = rows.query_map([ticket], |row| {
        let (marks, forwarded): (String, String) = (row.get(2)?, row.get(3)?);
        let content = Content {
            tlp: row.get(1)?,
            marks: serde_json::from_str(&marks).unwrap_or_default(),
            forwarded: serde_json::from_str(&forwarded).unwrap_or_default(),
        };
        Ok((row.get(0)?, content))
    })?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// Keeps what a rule suggests; None: nothing.
pub fn suggest(tx: &Tx, ticket: i64, of: Of, suggestion: Option<&Suggestion>) -> Result<()> {
    let json = suggestion.and_then(|suggestion| serde_json::to_string(suggestion).ok());
    tx.execute(&format!("UPDATE ticket SET {of} = ?2 WHERE id = ?1"), (ticket, json))?;
    Ok(())
}

/// What rules suggest for a ticket.
pub fn suggested(c: &Connection, ticket: i64) -> Result<Suggested> {
    let read = |json: Option<String>| json.and_then(|json| serde_json::from_str(&json).ok());
    let row = c
        .prepare_cached("SELECT suggested_classification, suggested_severity FROM ticket WHERE id = ?1")?
        .query_row([ticket], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(Suggested { classification: read(row.0), severity: read(row.1) })
}

/// How many are concerned.
pub fn extent(c: &Connection, ticket: i64) -> Result<Option<Extent>> {
    let word: Option<String> =
        c.prepare_cached("SELECT extent FROM ticket WHERE id = ?1")?.query_row([ticket], |row| row.get(0))?;
    Ok(word.as_deref().and_then(Extent::from_word))
}

/// Sets how many are concerned.
pub fn set_extent(tx: &Tx, ticket: i64, extent: Extent) -> Result<()> {
    tx.execute("UPDATE ticket SET extent = ?2 WHERE id = ?1", (ticket, extent.word()))?;
    Ok(())
}

/// Sets how bad it is.
pub fn set_severity(tx: &Tx, ticket: i64, severity: Severity) -> Result<()> {
    tx.execute("UPDATE ticket SET severity = ?2 WHERE id = ?1", (ticket, severity.word()))?;
    Ok(())
}

/// Sets what it is: a class of the taxonomy, or `class/type`.
pub fn set_classification(tx: &Tx, ticket: i64, classification: &str) -> Result<()> {
    tx.execute("UPDATE ticket SET classification = ?2 WHERE id = ?1", (ticket, classification))?;
    Ok(())
}

/// Sets what the originator allows.
pub fn set_consent(tx: &Tx, ticket: i64, consent: Consent) -> Result<()> {
    tx.execute("UPDATE ticket SET consent = ?2 WHERE id = ?1", (ticket, consent.word()))?;
    Ok(())
}
