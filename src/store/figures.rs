//! What figures are made from.

use super::{Result, instant, micros};
use crate::rules::figures::Counted;
use jiff::Timestamp;
use rusqlite::Connection;

/// Tickets received in a span, the end not included; none that was merged, rejected or taken for spam.
///
/// The first answer is a message of ours to the reporter: when the SMTP server took it, or when it was found
/// among what the team's own mail client has sent.
pub fn received(c: &Connection, from: Timestamp, to: Timestamp) -> Result<Vec<Counted>> {
    let mut rows = c.prepare_cached(
        "SELECT ticket.received_at, classification, constituent, correspondent.due_at IS NOT NULL, \
         correspondent.next_rung_at IS NOT NULL, acknowledged_at, \
         (SELECT min(CASE WHEN outbox.id IS NULL THEN message.received_at WHEN outbox.state = 'sent' THEN outbox.done_at END) \
          FROM message LEFT JOIN outbox ON outbox.kind = 'answer' AND outbox.slot = 'answer-' || message.id \
          WHERE message.ticket_id = ticket.id AND message.direction = 'out' \
          AND EXISTS (SELECT 1 FROM json_each(message.to_addrs) WHERE lower(value) = lower(ticket.reporter))) \
         FROM ticket LEFT JOIN correspondent ON correspondent.ticket_id = ticket.id AND address = lower(coalesce(reporter, '')) \
         WHERE ticket.received_at >= ?1 AND ticket.received_at < ?2 AND state NOT IN ('merged', 'rejected') \
         AND NOT suspected_spam ORDER BY ticket.id",
    )?;
    let found = rows.query_map((micros(from), micros(to)), |row| {
        let at = |index: usize| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(index)?.map(instant));
        Ok(Counted {
            received_at: instant(row.get(0)?),
            class: row.get(1)?,
            constituent: row.get(2)?,
            promised: row.get(3)?,
            waiting: row.get(4)?,
            acknowledged_at: at(5)?,
            answered_at: at(6)?,
        })
    })?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}
