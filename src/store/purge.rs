//! Content removed for good: what mails said, who wrote them, and what was sent. Numbers, dates, classes,
//! states and the history stay, so that figures and the chain stay whole.
//!
//! Octets that another ticket holds too stay with it. Deleted pages are overwritten (secure_delete), the
//! index of words is merged in the same transaction, and `Store::shed_log` empties the log of writes.
//! Failure: the store's; then nothing of the batch is gone.
//! Known gaps: the disk below may keep what a file no longer holds; backups keep what they hold; lines of
//! the history name participants whom an analyst added.

use super::{Result, Tx, micros, search, tickets};
use jiff::Timestamp;
use rusqlite::Connection;
use std::collections::BTreeSet;

/// Tickets that are put away and of which nothing was said since `before`: row and number, oldest first.
/// A merged ticket goes with the one it lives in; one for which mail is still to leave, later.
pub fn due(c: &Connection, before: Timestamp) -> Result<Vec<(i64, String)>> {
    // What the history says of kept octets is no word on the ticket.
    let mut rows = c.prepare(
        "SELECT id, number, state FROM ticket WHERE purged_at IS NULL AND state IN ('closed', 'rejected', 'merged') \
         AND ?1 > coalesce((SELECT max(at) FROM history WHERE ticket_id = ticket.id \
                            AND what NOT LIKE 'message % is kept, salted SHA-256 %'), received_at) \
         AND NOT EXISTS (SELECT 1 FROM outbox WHERE ticket_id = ticket.id \
                         AND state IN ('queued', 'sealed', 'sending', 'unsure')) ORDER BY id",
    )?;
    let found = rows.query_map([micros(before)], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
    })?;
    let found: Vec<(i64, String, String)> = found.collect::<rusqlite::Result<_>>()?;
    let own: BTreeSet<i64> = found.iter().filter(|(_, _, state)| state != "merged").map(|(id, ..)| *id).collect();
    let mut due = Vec::new();
    for (id, number, state) in found {
        let goes = state != "merged" || {
            let living = tickets::living(c, id)?;
            living == id || own.contains(&living) || is_purged(c, living)?
        };
        if goes {
            due.push((id, number));
        }
    }
    Ok(due)
}

fn is_purged(c: &Connection, ticket: i64) -> Result<bool> {
    Ok(c.prepare_cached("SELECT 1 FROM ticket WHERE id = ?1 AND purged_at IS NOT NULL")?.exists([ticket])?)
}

/// When the content of a ticket was removed.
pub fn purged_at(c: &Connection, ticket: i64) -> Result<Option<Timestamp>> {
    let at: Option<i64> = c.query_row("SELECT purged_at FROM ticket WHERE id = ?1", [ticket], |row| row.get(0))?;
    Ok(at.map(super::instant))
}

/// What goes with a ticket, by `?1`. In this order: what names comes before what is named.
const GOES: &[&str] = &[
    "DELETE FROM signature WHERE content_key <> '' AND content_key IN (SELECT content_key FROM spool WHERE ticket_id = ?1) \
     AND content_key NOT IN (SELECT content_key FROM spool WHERE ticket_id IS NOT ?1)",
    "DELETE FROM outbox WHERE ticket_id = ?1",
    "DELETE FROM feed_report WHERE message_id IN (SELECT id FROM message WHERE ticket_id = ?1)",
    "DELETE FROM feed_group WHERE ticket_id = ?1",
    "DELETE FROM unreachable WHERE ticket_id = ?1",
    "DELETE FROM mail_order WHERE ticket_id = ?1 OR message_id IN (SELECT id FROM message WHERE ticket_id = ?1)",
    "DELETE FROM challenge WHERE ticket_id = ?1",
    "DELETE FROM identity WHERE ticket_id = ?1",
    "DELETE FROM merge WHERE ticket_id = ?1 OR into_id = ?1",
    "DELETE FROM label WHERE ticket_id = ?1",
    "DELETE FROM participant WHERE ticket_id = ?1",
    "DELETE FROM correspondent WHERE ticket_id = ?1 \
     AND address <> (SELECT lower(coalesce(reporter, '')) FROM ticket WHERE id = ?1)",
    "UPDATE correspondent SET address = '', next_rung_at = NULL WHERE ticket_id = ?1",
    "DELETE FROM attachment WHERE message_id IN (SELECT id FROM message WHERE ticket_id = ?1)",
    "DELETE FROM indicator WHERE message_id IN (SELECT id FROM message WHERE ticket_id = ?1)",
    "DELETE FROM asked WHERE message_id IN (SELECT id FROM message WHERE ticket_id = ?1)",
    "DELETE FROM recheck WHERE message_id IN (SELECT id FROM message WHERE ticket_id = ?1)",
    "UPDATE spool SET raw_id = NULL, message_id = NULL, content_key = '', envelope_sender = NULL, \
     state = CASE state WHEN 'held' THEN 'dropped' ELSE state END WHERE ticket_id = ?1 AND state <> 'new'",
    "UPDATE message SET message_id = NULL, from_addr = NULL, to_addrs = '[]', cc_addrs = '[]', date = NULL, subject = '', \
     text = '', raw_id = NULL, verdict = NULL, headers = '[]', problems = '[]', rechecked_at = NULL, rechecked = NULL, \
     correspondent = NULL, machine = NULL, tlp = NULL, marks = '[]', forwarded = '[]' WHERE ticket_id = ?1",
    "UPDATE ticket SET subject = '', reporter = NULL, reporter_name = '', consent = NULL, suggested_classification = NULL, \
     suggested_severity = NULL WHERE id = ?1",
];

/// Removes what these tickets hold.
pub fn purge(tx: &Tx, tickets: &[i64], now: Timestamp) -> Result<()> {
    for ticket in tickets {
        for sql in GOES {
            tx.prepare_cached(sql)?.execute([ticket])?;
        }
        tx.execute("UPDATE ticket SET purged_at = ?2 WHERE id = ?1", (ticket, micros(now)))?;
        search::forget(tx, *ticket)?;
    }
    tx.execute(
        "DELETE FROM raw WHERE id NOT IN (SELECT raw_id FROM message WHERE raw_id IS NOT NULL) \
         AND id NOT IN (SELECT raw_id FROM spool WHERE raw_id IS NOT NULL)",
        [],
    )?;
    Ok(())
}

/// Removes what belongs to no ticket and was done with before an instant: octets that were sent, and
/// certificates that came with a mail of people who stand in no ticket any more.
pub fn purge_the_rest(tx: &Tx, before: Timestamp) -> Result<()> {
    tx.execute("UPDATE outbox SET sealed = NULL WHERE ticket_id IS NULL AND done_at < ?1", [micros(before)])?;
    tx.execute(
        "DELETE FROM cert WHERE candidate AND source = 'mail' AND added_at < ?1 AND fingerprint NOT IN ( \
         SELECT fingerprint FROM cert_address WHERE address IN (SELECT lower(reporter) FROM ticket WHERE reporter IS NOT NULL \
         UNION SELECT address FROM participant UNION SELECT address FROM correspondent))",
        [micros(before)],
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::store::Store;

    /// Every table is either emptied of a purged ticket's content above, or holds none.
    #[test]
    fn p14_a_purge_has_thought_of_every_table() {
        let goes = [
            "asked",
            "attachment",
            "cert",
            "cert_address",
            "cert_handle",
            "challenge",
            "correspondent",
            "feed_group",
            "feed_report",
            "unreachable",
            "identity",
            "indicator",
            "label",
            "mail_order",
            "merge",
            "message",
            "outbox",
            "participant",
            "raw",
            "raw_salt",
            "recheck",
            "search",
            "signature",
            "spool",
            "ticket",
        ];
        let holds_none = [
            "counter",
            "cursor",
            "history",
            "link",
            "look_again",
            "loop_status",
            "page",
            "received_via",
            "refused",
            "rota_span",
            "search_stale",
            "setting",
            "signed_head",
            "stand_in",
            "told_gap",
            "unproven",
        ];
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("vigie.db"), None).unwrap();
        let tables: Vec<String> = store
            .read(|c| {
                let mut rows = c.prepare(
                    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' \
                     AND name NOT LIKE 'search\\_%' ESCAPE '\\' OR name = 'search_stale'",
                )?;
                let names = rows.query_map([], |row| row.get(0))?;
                Ok(names.collect::<rusqlite::Result<_>>()?)
            })
            .unwrap();
        for table in tables {
            assert!(
                goes.contains(&table.as_str()) || holds_none.contains(&table.as_str()),
                "store/purge.rs: does the table {table} hold content of a mail? Remove it in GOES, and name it here"
            );
        }
    }
}
