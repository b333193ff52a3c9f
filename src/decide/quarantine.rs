//! Mail that could not be filed: held with a stub ticket and an alert (law 3), and what becomes of
//! the stub when the mail can be filed after all.
//!
//! Hostile data: none, the mail is not read; whether a glance at its subject finds it urgent is told.
//! Failure: the store's.

use super::file::{Filing, open_ticket, start_clock};
use super::raise;
use super::triage::{Decision, Placement};
use crate::rules::report::{Problem, Report};
use crate::rules::settings::{Language, Settings};
use crate::rules::ticket::{Kind, LinkKind, State};
use crate::store::spool::{SpoolState, Spooled};
use crate::store::{Result, Tx, correspondents, history, spool, tickets};
use jiff::Timestamp;

/// Why a mail is held, and what a glance at it tells.
pub struct Held<'a> {
    pub reason: &'a str,
    /// The outer subject asks for it; the words themselves stay out of the stub, they may be what broke.
    pub urgent: bool,
    /// Fresh, for the page that an urgent mail raises.
    pub code: &'a str,
}

/// Holds a mail: a stub ticket, an alert, a page if its subject asks for one, the raw mail kept. Tried
/// again in vain it keeps its stub.
pub fn hold(tx: &Tx, settings: &Settings, mail: &Spooled, held: &Held, now: Timestamp) -> Result<Spooled> {
    let reason = held.reason;
    let Some(row) = spool::get(tx, mail.id)? else { return Ok(mail.clone()) };
    if row.state != SpoolState::New {
        return Ok(row);
    }
    let (ticket, message) = match (row.ticket_id, row.message_id) {
        (Some(ticket), Some(message)) => (ticket, message),
        _ => open_stub(tx, settings, &row, held, now)?,
    };
    history::add(tx, Some(ticket), now, history::VIGIE, &format!("held in quarantine: {reason}"))?;
    spool::settle(tx, row.id, SpoolState::Held, Some(ticket), Some(message), Some(reason))?;
    Ok(spool::get(tx, row.id)?.unwrap_or(row))
}

fn open_stub(tx: &Tx, settings: &Settings, mail: &Spooled, held: &Held, now: Timestamp) -> Result<(i64, i64)> {
    let report = Report { problems: vec![Problem::Unreadable], ..Report::default() };
    let urgent = held.urgent && !mail.history;
    let decision = Decision {
        placement: Placement::New { claims: Vec::new() },
        kind: settings.mailbox(&mail.mailbox).map_or(Kind::Incident, |m| m.kind),
        reported_urgent: urgent,
        urgent_unprotected: urgent,
        automatic: false,
        machine: None,
        reply_suppressed: Some("unreadable".to_owned()),
        suspected_spam: false,
        tlp: None,
        language: settings.team.languages.first().copied().unwrap_or(Language::En),
        read_language: settings.team.languages.first().copied().unwrap_or(Language::En),
        constituent: None,
        acknowledge: None,
        alert: true,
        page: urgent,
        clock: !mail.history,
        replay: false,
        tell_analyst: false,
    };
    let filing = Filing { settings, mail, report: &report, decision: &decision, candidates: &[], code: held.code, now };
    let (ticket, message) = open_ticket(tx, &filing)?;
    if decision.clock {
        start_clock(tx, &filing, ticket, message)?;
    }
    raise::alert(tx, settings, ticket, message, false, now)?;
    if decision.page {
        raise::page(tx, settings, ticket, now, held.code)?;
    }
    Ok((ticket, message))
}

/// A held mail was filed after all: its stub is merged into the ticket and waits for nothing.
/// `before` and `after` are the mail's spool row.
pub(super) fn replace_stub(tx: &Tx, before: &Spooled, after: &Spooled, now: Timestamp) -> Result<()> {
    let (Some(stub), Some(ticket)) = (before.ticket_id, after.ticket_id) else { return Ok(()) };
    let (Some(stub), Some(ticket)) = (tickets::get(tx, stub)?, tickets::get(tx, ticket)?) else { return Ok(()) };
    if stub.id == ticket.id || stub.state == State::Merged {
        return Ok(());
    }
    correspondents::stop_clocks(tx, stub.id)?;
    tickets::set_state(tx, stub.id, State::Merged)?;
    tickets::add_link(tx, stub.id, ticket.id, LinkKind::Merged)?;
    let what = format!("its mail could be filed: merged into {}", ticket.number);
    history::add(tx, Some(stub.id), now, history::VIGIE, &what)?;
    let what = format!("takes the place of {}, which was in quarantine", stub.number);
    history::add(tx, Some(ticket.id), now, history::VIGIE, &what)
}
