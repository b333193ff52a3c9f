//! Which mails to check again, and what came of it beside the verdict at arrival.
//!
//! Which certificates were asked for is kept with each mail. Whatever changes a certificate marks,
//! in the same transaction, the mails that asked for it; the journey takes the marks away.

use super::{Result, Tx, micros};
use jiff::Timestamp;
use rusqlite::Connection;

/// A mail asks for so many at most: signers of its signatures, and introducers.
const ASKED: usize = 200;

/// Notes which certificates were asked for, by fingerprint or key ID, to judge a message.
pub fn set_asked(tx: &Tx, message: i64, handles: &[String]) -> Result<()> {
    tx.execute("DELETE FROM asked WHERE message_id = ?1", [message])?;
    let mut row = tx.prepare_cached("INSERT OR IGNORE INTO asked (handle, message_id) VALUES (?1, ?2)")?;
    for handle in handles.iter().take(ASKED) {
        row.execute((handle, message))?;
    }
    Ok(())
}

const MARK: &str = "ON CONFLICT (message_id) DO UPDATE SET needs_key = 0";

/// Marks the messages that asked for a certificate of the store.
pub fn mark_certificate(tx: &Tx, fingerprint: &str) -> Result<()> {
    tx.prepare_cached(&format!(
        "INSERT INTO recheck (message_id) SELECT DISTINCT message_id FROM asked WHERE handle IN \
         (SELECT handle FROM cert_handle WHERE fingerprint = ?1) {MARK}"
    ))?
    .execute([fingerprint])?;
    Ok(())
}

/// Marks what depends on the keys of the team: messages that asked for one of them, those that were
/// signed for somebody else, and those that waited for a key.
pub fn mark_team(tx: &Tx, handles: &[String]) -> Result<()> {
    for handle in handles {
        let sql =
            format!("INSERT INTO recheck (message_id) SELECT DISTINCT message_id FROM asked WHERE handle = ?1 {MARK}");
        tx.prepare_cached(&sql)?.execute([handle])?;
    }
    tx.execute(
        &format!(
            "INSERT INTO recheck (message_id) SELECT id FROM message \
             WHERE json_extract(coalesce(rechecked, verdict), '$.signature_problem') = 'not_for_us' {MARK}"
        ),
        [],
    )?;
    tx.execute("UPDATE recheck SET needs_key = 0", [])?;
    Ok(())
}

/// Marks every message with a good signature: whose word introduces a signer has changed.
pub fn mark_good(tx: &Tx) -> Result<()> {
    tx.execute(
        &format!(
            "INSERT INTO recheck (message_id) SELECT id FROM message \
             WHERE json_extract(coalesce(rechecked, verdict), '$.signature') = 'good' {MARK}"
        ),
        [],
    )?;
    Ok(())
}

/// Marked messages, oldest first, but for those that wait for a key.
pub fn waiting(c: &Connection, limit: usize) -> Result<Vec<i64>> {
    let mut rows =
        c.prepare_cached("SELECT message_id FROM recheck WHERE NOT needs_key ORDER BY message_id LIMIT ?1")?;
    let ids = rows.query_map([limit as i64], |row| row.get(0))?;
    Ok(ids.collect::<rusqlite::Result<_>>()?)
}

/// Puts what was found beside the verdict at arrival. `verdict`: its JSON.
pub fn set_rechecked(tx: &Tx, message: i64, verdict: &str, now: Timestamp) -> Result<()> {
    tx.execute("UPDATE message SET rechecked_at = ?2, rechecked = ?3 WHERE id = ?1", (message, micros(now), verdict))?;
    Ok(())
}

/// Takes the mark away.
pub fn forget(tx: &Tx, message: i64) -> Result<()> {
    tx.execute("DELETE FROM recheck WHERE message_id = ?1", [message])?;
    Ok(())
}

/// Lets the mark wait until the team's keys change.
pub fn wait_for_key(tx: &Tx, message: i64) -> Result<()> {
    tx.execute("UPDATE recheck SET needs_key = 1 WHERE message_id = ?1", [message])?;
    Ok(())
}

/// Replaces what a message says, once it could be opened. The verdict at arrival stays.
pub fn set_opened(tx: &Tx, id: i64, subject: &str, text: &str, problems: &[String]) -> Result<()> {
    let problems = serde_json::to_string(problems).unwrap_or_default();
    tx.execute(
        "UPDATE message SET subject = ?2, text = ?3, problems = ?4 WHERE id = ?1",
        (id, subject, text, problems),
    )?;
    tx.execute("DELETE FROM attachment WHERE message_id = ?1", [id])?;
    tx.execute("DELETE FROM indicator WHERE message_id = ?1", [id])?;
    Ok(())
}
