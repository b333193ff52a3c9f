//! A mail that is here already: its second copy, what a key that came later opens, and its re-check.
//!
//! Both change a ticket that stands; nothing is owed twice. Failure: the store's.

use super::file::{self, Filing};
use super::raise;
use super::triage::Placement;
use crate::rules::report::Report;
use crate::rules::subject;
use crate::rules::ticket::Direction;
use crate::rules::verdict::Verdict;
use crate::store::spool::SpoolState;
use crate::store::tickets::Ticket;
use crate::store::{
    Result, Tx, attachments, content, correspondents, feeds, history, messages, rechecks, signatures, spool, tickets,
};
use jiff::Timestamp;

/// The same mail once more (law 1): one ticket, both raws kept, urgency is the OR, kind the
/// strictest. What the stricter mailbox owes and the laxer one did not, is owed now.
pub(super) fn second_copy(tx: &Tx, filing: &Filing, ticket: i64, message: i64) -> Result<()> {
    let Filing { settings, mail, decision, now, .. } = *filing;
    let ticket = tickets::living(tx, ticket)?;
    let Some(before) = tickets::get(tx, ticket)? else { return Ok(()) };
    tickets::add_received_via(tx, ticket, &mail.mailbox)?;
    spool::settle(tx, mail.id, SpoolState::Duplicate, Some(ticket), Some(message), None)?;
    if spool::was_renumbered(tx, mail)? {
        return Ok(());
    }
    let what = format!("the same mail again, from mailbox {}", mail.mailbox);
    history::add(tx, Some(ticket), now, history::VIGIE, &what)?;
    // An analyst's own mail raises nothing at its first copy either, nor does a machine's about ours.
    if matches!(decision.placement, Placement::Analyst { .. } | Placement::Receipt { .. }) {
        return Ok(());
    }
    file::raise_ticket(tx, filing, &before)?;
    let stricter = decision.kind > before.kind;
    if stricter {
        owe_the_rest(tx, filing, &before, message)?;
    }
    if decision.page && (stricter || !before.reported_urgent) {
        raise::page(tx, settings, ticket, now, filing.code)?;
    }
    Ok(())
}

fn owe_the_rest(tx: &Tx, filing: &Filing, before: &Ticket, message: i64) -> Result<()> {
    let Filing { settings, decision, now, .. } = *filing;
    let first = matches!(decision.placement, Placement::New { .. });
    if first && before.automatic && !decision.automatic {
        tickets::set_automatic(tx, before.id, false)?;
    }
    let author = correspondents::author(tx, message)?.unwrap_or_default();
    let correspondent = correspondents::ensure(tx, before.id, &author)?;
    let unanswered = correspondent.answered_at.is_none_or(|at| at < filing.mail.received_at);
    let due_at = match &correspondent.clock {
        Some(clock) => Some(clock.due_at),
        None if decision.clock && unanswered => Some(file::start_clock(tx, filing, before.id, message)?),
        None => None,
    };
    if let Some(to) = decision.acknowledge.as_ref().filter(|_| first) {
        file::acknowledge(tx, filing, before.id, to, due_at)?;
    }
    if decision.alert {
        raise::alert(tx, settings, before.id, message, !first, now)?;
    }
    Ok(())
}

/// A mail that could not be opened when it came, and now can: the message says what it says, and
/// what was urgent all along pages now. Receipt and clock stay as they were.
pub fn reopened(tx: &Tx, filing: &Filing, message: i64) -> Result<()> {
    let Filing { settings, report, decision, now, .. } = *filing;
    let Some(before) = messages::get(tx, message)? else { return Ok(()) };
    rechecks::set_opened(tx, message, report.subject.raw(), report.text.raw(), &file::problems(filing))?;
    signatures::note(tx, &report.signatures, &filing.mail.content_key)?;
    set_rechecked(tx, message, report, now)?;
    file::keep_content(tx, message, before.direction, report)?;
    if let Some(feed) = &report.feed {
        feeds::keep(tx, message, feed)?;
    }
    file::keep_candidates(tx, filing, before.ticket_id)?;
    let Some(row) = tickets::get(tx, before.ticket_id)? else { return Ok(()) };
    if before.direction == Direction::Note {
        // Too late to answer or to acknowledge a page: what it was filed as, it stays.
        let what = format!("note, message {message}, opened with a key that came later; nothing is done by it now");
        return history::add(tx, Some(row.id), now, history::VIGIE, &what);
    }
    if row.subject == subject::without_tags(&before.subject, &settings.team.ticket_prefix) {
        tickets::set_subject(tx, row.id, &subject::without_tags(report.subject.raw(), &settings.team.ticket_prefix))?;
    }
    if messages::of_ticket(tx, row.id)?.first().is_some_and(|first| first.id == message) {
        tickets::set_language(tx, row.id, decision.read_language.word())?;
    }
    if content::suggested(tx, row.id)?.classification.is_none() {
        file::suggest(tx, row.id, report)?;
    }
    let what = format!("message {message} opened with a key that came later");
    history::add(tx, Some(row.id), now, history::VIGIE, &what)?;
    file::raise_ticket(tx, filing, &row)?;
    if decision.page && row.state.is_live() {
        raise::page(tx, settings, row.id, now, filing.code)?;
    }
    Ok(())
}

/// A mail whose signature may be worth something else by now was checked again. The verdict at
/// arrival stays, and so does everything that was decided by it.
pub fn rechecked(tx: &Tx, report: &Report, message: i64, now: Timestamp) -> Result<()> {
    rechecks::forget(tx, message)?;
    let Some(row) = messages::get(tx, message)? else { return Ok(()) };
    set_rechecked(tx, message, report, now)?;
    files(tx, report, message, now)?;
    let before: Verdict = row.latest_verdict().and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
    let after = &report.verdict;
    let standing = |verdict: &Verdict| format!("{} ({})", verdict.signature, verdict.authenticated);
    if standing(&before) != standing(after) {
        let what = format!("message {message} checked again: signature {} -> {}", standing(&before), standing(after));
        history::add(tx, Some(row.ticket_id), now, history::VIGIE, &what)?;
    }
    Ok(())
}

/// Files of a mail that were looked at again: a key came that opens them, or a certificate that signed
/// them has changed. Whether some were opened.
pub fn files(tx: &Tx, report: &Report, message: i64, now: Timestamp) -> Result<bool> {
    let Some(row) = messages::get(tx, message)? else { return Ok(false) };
    let (opened, changed) = attachments::recheck(tx, message, &report.attachments, now)?;
    if opened > 0 {
        if row.direction == Direction::In {
            messages::insert_indicators(tx, message, &report.indicators)?;
        }
        let what = format!("message {message}: {opened} attached file(s) opened with a key that came later");
        history::add(tx, Some(row.ticket_id), now, history::VIGIE, &what)?;
    } else if changed > 0 {
        let what = format!("message {message}: {changed} attached file(s) checked again, with another outcome");
        history::add(tx, Some(row.ticket_id), now, history::VIGIE, &what)?;
    }
    rechecks::set_asked(tx, message, &report.asked)?;
    Ok(opened > 0)
}

fn set_rechecked(tx: &Tx, message: i64, report: &Report, now: Timestamp) -> Result<()> {
    let verdict = serde_json::to_string(&report.verdict).unwrap_or_default();
    rechecks::set_asked(tx, message, &report.asked)?;
    rechecks::set_rechecked(tx, message, &verdict, now)
}
