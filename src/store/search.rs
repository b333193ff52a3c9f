//! Finds tickets by words, and keeps the index of words in step with the tickets.
//!
//! Triggers note which tickets have changed; before a transaction is committed their rows of the index are
//! made anew, so index and tickets never differ. The index holds no copy of the texts, and what is taken
//! out of the store for good is merged out of it in the same transaction.

use super::{Result, Tx};
use crate::rules::query::{self, Query};
use rusqlite::Connection;

/// Brings the index up to date with what this transaction has changed.
pub(super) fn refresh(tx: &Tx) -> Result<()> {
    let stale = tx
        .prepare_cached("SELECT count(*), coalesce(max(gone), 0) FROM search_stale")?
        .query_row([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, bool>(1)?)))?;
    let (count, gone) = stale;
    if count == 0 {
        return Ok(());
    }
    tx.prepare_cached("DELETE FROM search WHERE rowid IN (SELECT ticket_id FROM search_stale)")?.execute([])?;
    tx.prepare_cached(
        "INSERT INTO search (rowid, number, subject, text, indicators, people, files) \
         SELECT * FROM search_source WHERE ticket_id IN (SELECT ticket_id FROM search_stale)",
    )?
    .execute([])?;
    tx.prepare_cached("DELETE FROM search_stale")?.execute([])?;
    if gone {
        // Words of deleted rows stay in the index until it is merged.
        tx.execute("INSERT INTO search (search) VALUES ('optimize')", [])?;
    }
    Ok(())
}

/// The words of a ticket are to leave no trace: merged out of the index before the transaction ends.
pub(super) fn forget(tx: &Tx, ticket: i64) -> Result<()> {
    tx.prepare_cached("INSERT OR REPLACE INTO search_stale (ticket_id, gone) VALUES (?1, 1)")?.execute([ticket])?;
    Ok(())
}

/// Rows of the tickets that a query means, newest first; merged ones too. At most `limit`.
pub fn find(c: &Connection, query: &Query, limit: usize) -> Result<Vec<i64>> {
    let (words, not) = (query::expression(&query.wanted, " AND "), query::expression(&query.unwanted, " OR "));
    let labels = serde_json::to_string(&query.labels).unwrap_or_default();
    let chosen = "(?2 IS NULL OR state = ?2) \
         AND NOT EXISTS (SELECT 1 FROM json_each(?3) WHERE value NOT IN (SELECT label FROM label WHERE ticket_id = ticket.id))";
    // The index gives its rows in order, and is read no further than needed.
    let (sql, words) = match (words, not) {
        (Some(words), not) => (
            format!(
                "SELECT ticket.id FROM search CROSS JOIN ticket ON ticket.id = search.rowid \
                 WHERE search MATCH ?1 AND {chosen} ORDER BY search.rowid DESC LIMIT ?4"
            ),
            Some(not.map_or(words.clone(), |not| format!("({words}) NOT ({not})"))),
        ),
        (None, Some(not)) => (
            format!(
                "SELECT id FROM ticket WHERE id NOT IN (SELECT rowid FROM search WHERE search MATCH ?1) AND {chosen} \
                 ORDER BY id DESC LIMIT ?4"
            ),
            Some(not),
        ),
        (None, None) => {
            (format!("SELECT id FROM ticket WHERE ?1 IS NULL AND {chosen} ORDER BY id DESC LIMIT ?4"), None)
        }
    };
    let mut rows = c.prepare_cached(&sql)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let found = rows.query_map((words, &query.state, labels, limit), |row| row.get(0))?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}
