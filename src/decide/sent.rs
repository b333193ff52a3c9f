//! Which mail in the team's Sent folder is a human's answer to a ticket.
//!
//! It references a mail of the ticket, is addressed to its reporter or a participant, is dated after
//! that mail, and is not ours by Message-ID, nor automatic, nor resent (DESIGN, "Belonging").

use super::clocks;
use crate::rules::report::Report;
use crate::rules::ticket::Direction;
use crate::store::{Connection, Result, messages, outbox, tickets};
use jiff::Timestamp;

/// The ticket that this sent mail answers.
pub fn answers(
    c: &Connection,
    report: &Report,
    installed_at: Timestamp,
    received_at: Timestamp,
) -> Result<Option<i64>> {
    let has = |name: &str| report.headers.iter().any(|(field, _)| field.eq_ignore_ascii_case(name));
    let automatic = report.headers.iter().any(|(field, value)| {
        field.eq_ignore_ascii_case("auto-submitted") && !value.raw().trim().eq_ignore_ascii_case("no")
    });
    let ours = match &report.message_id {
        Some(id) => outbox::is_ours(c, id)?,
        None => false,
    };
    // Dates of mail have whole seconds.
    let dated = report.date.unwrap_or(received_at).as_second();
    if automatic || ours || has("resent-from") || has("resent-date") {
        return Ok(None);
    }
    if dated < installed_at.as_second() {
        return Ok(None);
    }
    for id in report.references.iter().chain(&report.in_reply_to).take(200) {
        let ours = outbox::ticket_of_message_id(c, id)?.map(|ticket| (ticket, Timestamp::UNIX_EPOCH));
        // Message-IDs are their senders' words: several mails may bear one, and only whom we wrote to tells.
        let mails = messages::with_id(c, id)?.into_iter().filter(|mail| mail.direction != Direction::Note);
        for (ticket, mail_received) in ours.into_iter().chain(mails.map(|mail| (mail.ticket_id, mail.received_at))) {
            let ticket = tickets::living(c, ticket)?;
            let Some(row) = tickets::get(c, ticket)? else { continue };
            let to = clocks::correspondents_among(c, &row, report.to.iter().chain(&report.cc))?;
            if !to.is_empty() && dated >= mail_received.as_second() {
                return Ok(Some(ticket));
            }
        }
    }
    Ok(None)
}
