//! What a machine says of a mail of ours goes to that mail's ticket; that one to the reporter came
//! back is told, so that somebody can telephone.
//!
//! Hostile data: none reaches a text here but a status code's digits. Failure: the store's.

use super::file::{self, Filing};
use super::raise;
use crate::rules::intent::OutKind;
use crate::rules::receipt::{self, OurMail, Receipt};
use crate::rules::ticket::Direction;
use crate::store::{Result, Tx, history, tickets, unreachable};

/// Keeps the mail in the ticket and does what follows from it; gives the message.
pub(super) fn keep(tx: &Tx, filing: &Filing, receipt: Receipt, ours: &OurMail) -> Result<i64> {
    let now = filing.now;
    let message = file::keep_message(tx, filing, ours.ticket, Direction::In, None)?;
    let status = filing.report.feed.as_ref().and_then(|feed| feed.field("Status")).and_then(receipt::status);
    let status = status.map_or(String::new(), |status| format!(" ({status})"));
    let kind = ours.kind;
    let which = ours.out.map_or_else(|| kind.to_string(), |id| format!("{kind} {id}"));
    let what = match receipt {
        Receipt::Failed => format!("{which} came back undelivered{status}, message {message}"),
        Receipt::Delayed => format!("{which} is delayed{status}, message {message}"),
        Receipt::Delivered => format!("{which} was delivered, says a machine, message {message}"),
        Receipt::Disposed => format!("{which} was received, says a receipt, message {message}"),
        Receipt::Away => format!("automatic reply to {which}, message {message}"),
    };
    history::add(tx, Some(ours.ticket), now, history::VIGIE, &what)?;
    if receipt == Receipt::Failed {
        came_back(tx, filing, ours)?;
    }
    Ok(message)
}

fn came_back(tx: &Tx, filing: &Filing, ours: &OurMail) -> Result<()> {
    let Filing { settings, mail, now, .. } = *filing;
    let Some(ticket) = tickets::get(tx, ours.ticket)? else { return Ok(()) };
    if !matches!(ours.kind, OutKind::Answer | OutKind::Acknowledgement) {
        let words = "A mail to an analyst came back undelivered: nobody may have been told. See `vigie ticket show` for its ticket.";
        let slot = ours.out.unwrap_or_default().to_string();
        return raise::notice(tx, settings, Some(ticket.id), "undelivered-alert", &slot, words, now);
    }
    let Some(to) = ours.to.clone().or_else(|| ticket.reporter.clone()) else { return Ok(()) };
    if unreachable::note(tx, ticket.id, &to, mail.received_at)? {
        let who = if is_reporter(&ticket, &to) { "reporter" } else { "correspondent" };
        history::add(tx, Some(ticket.id), now, history::VIGIE, &format!("{who} unreachable"))?;
    }
    if mail.history || !ticket.state.is_live() {
        return Ok(());
    }
    raise::unreachable(tx, settings, &ticket, ours.out, now)
}

fn is_reporter(ticket: &tickets::Ticket, to: &str) -> bool {
    ticket.reporter.as_deref().is_some_and(|reporter| reporter.eq_ignore_ascii_case(to))
}
