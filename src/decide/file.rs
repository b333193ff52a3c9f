//! HAND-OVER 2: a decision becomes a ticket, its history, its intents and its deadlines, and the
//! spooled mail is done, in one transaction.
//!
//! Running it twice for one mail changes nothing: only a waiting mail is filed.
//! Failure: the store's; then nothing of it has happened.

use super::clocks::{self, Answer, answered};
use super::keys::{self, Certificate, Event};
use super::triage::{AnalystAct, Decision, Placement};
use super::{again, identity, quarantine, raise, receipts};
use crate::rules::address::Address;
use crate::rules::caps::{self, Cap};
use crate::rules::feed::Group;
use crate::rules::intent::{Intent, OutKind};
use crate::rules::reply::Purpose;
use crate::rules::report::{Brings, Candidate, Problem, Report};
use crate::rules::settings::Settings;
use crate::rules::subject;
use crate::rules::suggest;
use crate::rules::ticket::{Direction, LinkKind, State};
use crate::rules::tlp::Mark;
use crate::rules::verdict::{Authenticated, Encryption};
use crate::store::certs::NewCert;
use crate::store::messages::{self, Message};
use crate::store::orders::MailOrder;
use crate::store::spool::{SpoolState, Spooled};
use crate::store::tickets::Ticket;
use crate::store::{
    Result, Tx, certs, content, correspondents, duty, feeds, history, orders, outbox, rechecks, settings as values,
    signatures, spool, tickets, unreachable,
};
use jiff::{SignedDuration, Timestamp};

/// All that filing one mail needs.
pub struct Filing<'a> {
    pub settings: &'a Settings,
    pub mail: &'a Spooled,
    pub report: &'a Report,
    pub decision: &'a Decision,
    pub candidates: &'a [Candidate],
    /// A fresh single-use code, should the mail page somebody.
    pub code: &'a str,
    pub now: Timestamp,
}

/// Files one mail; gives its spool row as it is afterwards.
pub fn file(tx: &Tx, filing: &Filing) -> Result<Spooled> {
    let id = filing.mail.id;
    let Some(mail) = spool::get(tx, id)? else { return Ok(filing.mail.clone()) };
    if mail.state != SpoolState::New {
        return Ok(mail);
    }
    match (spool::twin(tx, &mail)?, &filing.decision.placement) {
        (Some((ticket, message)), _) => again::second_copy(tx, filing, ticket, message)?,
        (None, Placement::Analyst { name, ticket: None, act: AnalystAct::AcknowledgePage { page } })
            if duty::page(tx, *page)?.is_some_and(|page| page.ticket_id.is_none()) =>
        {
            // The page of a group, or a test: there is no ticket that the mail could be kept in.
            acknowledge_page(tx, *page, name, filing.now)?;
            let reason = format!("acknowledged page {page}");
            spool::settle(tx, id, SpoolState::Ignored, None, None, Some(&reason))?;
        }
        (None, _) => {
            let (state, ticket, message) = place(tx, filing)?;
            keep_candidates(tx, filing, ticket)?;
            identity::came_back(tx, filing, ticket)?;
            spool::settle(tx, id, state, Some(ticket), Some(message), None)?;
        }
    }
    signatures::note(tx, &filing.report.signatures, &mail.content_key)?;
    let filed = spool::get(tx, id)?.unwrap_or_else(|| mail.clone());
    quarantine::replace_stub(tx, &mail, &filed, filing.now)?;
    Ok(filed)
}

fn place(tx: &Tx, filing: &Filing) -> Result<(SpoolState, i64, i64)> {
    match &filing.decision.placement {
        Placement::New { claims } => {
            let (ticket, message) = open_ticket(tx, filing)?;
            for claimed in claims {
                tickets::add_link(tx, ticket, *claimed, LinkKind::Claims)?;
                let number = tickets::get(tx, *claimed)?.map_or_else(String::new, |claimed| claimed.number);
                history::add(tx, Some(ticket), filing.now, history::VIGIE, &format!("claims to belong to {number}"))?;
            }
            owe(tx, filing, ticket, message)?;
            Ok((SpoolState::Filed, ticket, message))
        }
        Placement::Join { ticket } => Ok((SpoolState::Joined, *ticket, join(tx, filing, *ticket)?)),
        Placement::Feed(group) => group_report(tx, filing, group),
        Placement::Receipt { receipt, ours } => {
            Ok((SpoolState::Joined, ours.ticket, receipts::keep(tx, filing, *receipt, ours)?))
        }
        Placement::Analyst { name, ticket, act } => analyst_mail(tx, filing, name, *ticket, act),
    }
}

/// A machine report joins the ticket of its group, or opens it. Nobody is told.
fn group_report(tx: &Tx, filing: &Filing, group: &Group) -> Result<(SpoolState, i64, i64)> {
    let incidents = filing.report.feed.as_ref().map_or(1, |feed| feed.incidents);
    let found = feeds::ticket_of(tx, group)?;
    let placed = match found {
        Some(ticket) => {
            let ticket = tickets::living(tx, ticket)?;
            (SpoolState::Joined, ticket, join(tx, filing, ticket)?)
        }
        None => {
            let (ticket, message) = open_ticket(tx, filing)?;
            (SpoolState::Filed, ticket, message)
        }
    };
    feeds::count(tx, group, placed.1, incidents)?;
    Ok(placed)
}

/// What a ticket is called: a group's name is ours.
fn subject(filing: &Filing) -> String {
    match &filing.decision.placement {
        Placement::Feed(group) => group.subject(),
        _ => subject::without_tags(filing.report.subject.raw(), &filing.settings.team.ticket_prefix),
    }
}

/// A ticket of its own.
pub(super) fn open_ticket(tx: &Tx, filing: &Filing) -> Result<(i64, i64)> {
    let Filing { settings, mail, report, decision, now, .. } = *filing;
    let year = mail.received_at.to_zoned(settings.team.time_zone.clone()).year();
    let number = tickets::next_number(tx, &settings.team.ticket_prefix, year)?;
    let ticket = tickets::insert(
        tx,
        &Ticket {
            // What an older time left behind asks nothing of anybody, until its reporter writes again.
            state: if mail.history && !decision.alert { State::Closed } else { State::New },
            subject: subject(filing),
            reported_urgent: decision.reported_urgent,
            urgent_unprotected: decision.urgent_unprotected,
            tlp: decision.tlp.clone(),
            language: decision.read_language.word().to_owned(),
            automatic: decision.automatic,
            suspected_spam: decision.suspected_spam,
            reply_suppressed: decision.reply_suppressed.clone(),
            reporter: report.from.as_ref().map(|a| a.as_str().to_owned()),
            reporter_name: report.from_name.raw().to_owned(),
            constituent: decision.constituent.clone(),
            received_encrypted: came_encrypted(report),
            ..Ticket::new(number.to_string(), mail.mailbox.clone(), decision.kind, mail.received_at)
        },
    )?;
    if let Some(sender) = report.outer.from.as_ref().filter(|_| report.outer.has_ciphertext) {
        // Whoever is named inside: what this sender writes next must not show it (T26).
        tickets::add_participant(tx, ticket, sender.as_str())?;
    }
    if decision.suspected_spam {
        tickets::add_label(tx, ticket, "suspected-spam")?;
    }
    let message = keep_message(tx, filing, ticket, Direction::In, None)?;
    suggest(tx, ticket, report)?;
    let reporter = report.from.as_ref().map_or("", |from| from.key());
    correspondents::set_author(tx, message, reporter)?;
    history::add(
        tx,
        Some(ticket),
        now,
        history::VIGIE,
        &format!("opened from mailbox {}, message {message}", mail.mailbox),
    )?;
    Ok((ticket, message))
}

/// Keeps what the words of the report suggest, until an analyst decides (P19).
pub(super) fn suggest(tx: &Tx, ticket: i64, report: &Report) -> Result<()> {
    if let Some((class, severity)) = suggest::suggest(report.subject.raw(), report.text.raw()) {
        content::suggest(tx, ticket, content::Of::Classification, Some(&class))?;
        content::suggest(tx, ticket, content::Of::Severity, Some(&severity))?;
    }
    Ok(())
}

/// What a new ticket makes us owe.
fn owe(tx: &Tx, filing: &Filing, ticket: i64, message: i64) -> Result<()> {
    let Filing { settings, decision, now, .. } = *filing;
    let due_at = if decision.clock { Some(start_clock(tx, filing, ticket, message)?) } else { None };
    if let Some(to) = &decision.acknowledge {
        acknowledge(tx, filing, ticket, to, due_at)?;
    }
    if decision.alert && !filing.mail.found_again {
        raise::alert(tx, settings, ticket, message, false, now)?;
    }
    if decision.page && !filing.mail.found_again {
        raise::page(tx, settings, ticket, now, filing.code)?;
    }
    Ok(())
}

/// Starts the clock of whoever wrote this mail at its receipt; gives the due time.
pub(super) fn start_clock(tx: &Tx, filing: &Filing, ticket: i64, message: i64) -> Result<Timestamp> {
    let author = correspondents::author(tx, message)?.unwrap_or_default();
    clocks::start(tx, filing.settings, ticket, &author, (message, filing.mail.received_at))
}

/// Owes the acknowledgement, once a ticket. Over a cap it waits; the ticket does not (A1.8).
pub(super) fn acknowledge(
    tx: &Tx,
    filing: &Filing,
    ticket: i64,
    to: &Address,
    due_at: Option<Timestamp>,
) -> Result<()> {
    let Filing { settings, mail, report, decision, now, .. } = *filing;
    // What an acknowledgement refers to follows from the outer mail alone (T26).
    let outer_id = report.fields("Message-ID").next().map(|value| value.trim().to_owned());
    let not_before = room_for_acknowledgement(tx, settings, to, now)?;
    let outer = &report.outer;
    let intent = Intent::Acknowledgement {
        language: decision.language,
        received_at: mail.received_at,
        due_at,
        in_reply_to: outer_id.filter(|id| is_message_id(id)),
        references: if outer.references.is_empty() { outer.in_reply_to.clone() } else { outer.references.clone() },
        wrong_key: outer.has_ciphertext && !outer.recipients.is_empty() && !outer.names_our_key,
    };
    let slot = format!("ticket-{ticket}");
    outbox::owe(tx, Some(ticket), &slot, to.as_str(), &intent, not_before, now)?;
    // It may have left already, before a restore that knows nothing of it. Servers date mail by the whole
    // second: what came in the second of the restore came after it, since no daemon ran meanwhile.
    let is_before = |at: Timestamp| mail.received_at.as_second() < at.as_second();
    if mail.found_again || values::restored_at(tx)?.is_some_and(is_before) {
        outbox::hold(tx, OutKind::Acknowledgement, &slot, "held after restore: received before it")?;
        history::add(tx, Some(ticket), now, history::VIGIE, "acknowledgement held after a restore")?;
    }
    if not_before > now {
        history::add(tx, Some(ticket), now, history::VIGIE, "acknowledgement waits: too many went out lately")?;
        let slot = now.strftime("%Y-%m-%d").to_string();
        let words = "More mail arrives than the caps on acknowledgements allow. Tickets are opened all the same; the acknowledgements wait.";
        raise::notice(tx, settings, None, "caps", &slot, words, now)?;
    }
    Ok(())
}

/// One msg-id (RFC 5322 3.6.4) of plain characters.
fn is_message_id(text: &str) -> bool {
    let inside = text.strip_prefix('<').and_then(|t| t.strip_suffix('>'));
    inside.is_some_and(|t| {
        t.len() <= 250 && t.contains('@') && t.bytes().all(|b| b.is_ascii_graphic() && b != b'<' && b != b'>')
    })
}

/// The first instant at which the caps leave room; constituents and confirmed keys stand outside `total`.
fn room_for_acknowledgement(tx: &Tx, settings: &Settings, to: &Address, now: Timestamp) -> Result<Timestamp> {
    let limits = &settings.acknowledge;
    let literal = |text: &str| text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    let room = |caps: &[Cap], like: &str| -> Result<Timestamp> {
        let since = now.saturating_sub(caps::reach(caps)).unwrap_or(now);
        Ok(caps::room_at(caps, &outbox::acknowledgements_since(tx, since, like)?, now))
    };
    let of_address = room(&limits.per_address, &literal(to.key()))?;
    let of_domain = room(&limits.per_domain, &format!("%@{}", literal(to.domain())))?;
    let confirmed = certs::of_address(tx, to.key())?.iter().any(|cert| cert.confirmed_at.is_some());
    if settings.constituent(to).is_some() || confirmed {
        return Ok(of_address.max(of_domain));
    }
    Ok(of_address.max(of_domain).max(room(&limits.total, "%")?))
}

/// A participant's further mail.
fn join(tx: &Tx, filing: &Filing, ticket: i64) -> Result<i64> {
    let Filing { settings, decision, now, .. } = *filing;
    let message = keep_message(tx, filing, ticket, Direction::In, None)?;
    correspondents::set_author(tx, message, &author_of(tx, filing, ticket)?)?;
    tickets::add_received_via(tx, ticket, &filing.mail.mailbox)?;
    let Some(row) = tickets::get(tx, ticket)? else { return Ok(message) };
    let what = format!("further mail from mailbox {}, message {message}", filing.mail.mailbox);
    history::add(tx, Some(ticket), now, history::VIGIE, &what)?;
    raise_ticket(tx, filing, &row)?;
    if let Some(from) = filing.report.from.as_ref().filter(|_| !decision.automatic)
        && unreachable::clear(tx, ticket, from.key())?
    {
        history::add(tx, Some(ticket), now, history::VIGIE, "can be reached again: wrote since")?;
    }
    // A reporter's word wakes a ticket that waited or was put away; an untouched one stays new, and
    // an absence note wakes nothing.
    if !decision.automatic && !matches!(row.state, State::New | State::Open) {
        tickets::set_state(tx, ticket, State::Open)?;
        history::add(tx, Some(ticket), now, history::VIGIE, &format!("state {} -> open", row.state))?;
    }
    // A further mail before the answer does not push the promise back; one after it starts a new one.
    if decision.clock {
        start_clock(tx, filing, ticket, message)?;
    }
    if decision.alert && !filing.mail.found_again {
        raise::alert(tx, settings, ticket, message, true, now)?;
    }
    if decision.page && !filing.mail.found_again {
        raise::page(tx, settings, ticket, now, filing.code)?;
    }
    Ok(message)
}

/// Which correspondent wrote a further mail. Who is named inside a ciphertext counts where that is
/// the sender outside too, or proven; else the sender outside, for whom the mail was let in.
fn author_of(tx: &Tx, filing: &Filing, ticket: i64) -> Result<String> {
    let report = filing.report;
    let Some(row) = tickets::get(tx, ticket)? else { return Ok(String::new()) };
    let inside = report.from.as_ref().filter(|from| {
        !report.outer.has_ciphertext
            || report.outer.from.as_ref() == Some(*from)
            || report.verdict.proves_sender(Authenticated::Marginal)
    });
    for address in inside.into_iter().chain(&report.outer.from) {
        if let Some(known) = clocks::correspondents_among(tx, &row, std::iter::once(address))?.pop() {
            return Ok(known);
        }
    }
    Ok(row.reporter_key())
}

/// What only rises by itself: urgency, kind, marks, "came encrypted". Each rise is written down.
pub(super) fn raise_ticket(tx: &Tx, filing: &Filing, before: &Ticket) -> Result<()> {
    let Filing { report, decision, now, .. } = *filing;
    let encrypted = came_encrypted(report);
    let (urgent, unprotected) = (decision.reported_urgent, decision.urgent_unprotected);
    tickets::raise(tx, before.id, urgent, unprotected, decision.kind, encrypted)?;
    let mark = |word: &Option<String>| word.as_deref().and_then(Mark::from_word);
    let stricter = mark(&decision.tlp).filter(|has| Some(*has) > mark(&before.tlp));
    if let Some(mark) = stricter {
        tickets::set_tlp(tx, before.id, mark.word())?;
    }
    let Some(after) = tickets::get(tx, before.id)? else { return Ok(()) };
    let mut rises = Vec::new();
    if after.reported_urgent && !before.reported_urgent {
        rises.push("reported urgent".to_owned());
    }
    if after.kind != before.kind {
        rises.push(format!("kind {} -> {}", before.kind, after.kind));
    }
    if after.tlp != before.tlp {
        let word = |tlp: &Option<String>| tlp.clone().unwrap_or_else(|| "none".to_owned());
        rises.push(format!("TLP {} -> {}", word(&before.tlp), word(&after.tlp)));
    }
    for rise in rises {
        history::add(tx, Some(before.id), now, history::VIGIE, &rise)?;
    }
    Ok(())
}

/// An analyst's own mail: an answer, an acknowledgement of a page, a note, or a ticket of its own.
fn analyst_mail(
    tx: &Tx,
    filing: &Filing,
    name: &str,
    ticket: Option<i64>,
    act: &AnalystAct,
) -> Result<(SpoolState, i64, i64)> {
    let now = filing.now;
    let page = match act {
        AnalystAct::AcknowledgePage { page } | AnalystAct::Obey { page: Some(page), .. } => {
            acknowledge_page(tx, *page, name, now)?
        }
        _ => None,
    };
    let Some(ticket) = page.or(ticket) else {
        let (ticket, message) = open_ticket(tx, filing)?;
        return Ok((SpoolState::Filed, ticket, message));
    };
    let direction = if *act == AnalystAct::Answer { Direction::Out } else { Direction::Note };
    let message = keep_message(tx, filing, ticket, direction, Some(name))?;
    match act {
        AnalystAct::Answer => {
            let to = answered_by(tx, filing, ticket)?;
            let answer = Answer { who: name, to: &to, at: filing.mail.received_at, what: "answered by mail" };
            answered(tx, filing.settings, ticket, &answer, now)?;
        }
        AnalystAct::Note => history::add(tx, Some(ticket), now, name, &format!("note by mail, message {message}"))?,
        AnalystAct::UnverifiedNote(lack) => {
            let what = format!("unverified note in the name of {name}, message {message}: {lack}");
            history::add(tx, Some(ticket), now, history::VIGIE, &what)?;
        }
        AnalystAct::AcknowledgePage { .. } => {}
        AnalystAct::Obey { bound, page } => {
            history::add(tx, Some(ticket), now, name, &format!("reply by mail, message {message}"))?;
            let order = MailOrder {
                message_id: message,
                ticket_id: ticket,
                analyst: name.to_owned(),
                to: bound.to.clone(),
                answers: bound.purpose == Purpose::Answer,
                page_id: *page,
            };
            orders::add(tx, &order, now)?;
        }
    }
    if filing.decision.tell_analyst {
        tell_analyst(tx, filing, name, ticket, act)?;
    }
    Ok((SpoolState::Joined, ticket, message))
}

/// Tells an analyst that their reply to an alert is a note and nothing more. Anybody can write in their
/// name: at most one mail an hour for each ticket.
fn tell_analyst(tx: &Tx, filing: &Filing, name: &str, ticket: i64, act: &AnalystAct) -> Result<()> {
    let lack = match act {
        AnalystAct::UnverifiedNote(lack) => lack.word(),
        _ => "it is not encrypted to the team, or bears no reply code",
    };
    let slot = format!("note-{ticket}-{}", filing.now.as_second().div_euclid(3600));
    let words = format!(
        "A reply to an alert, written in your name, was kept as a note and went to nobody: {lack}. To answer from your \
         mail client, reply encrypted to the team and signed by your registered key, and leave the line with the reply \
         code in the quote. If you have not written it, somebody else did."
    );
    raise::notice_to(
        tx,
        filing.settings,
        ticket,
        name,
        &raise::Notice { about: "reply not sent", slot: &slot, words: &words, details: None },
        filing.now,
    )
}

/// Which correspondents a human's mail went to.
fn answered_by(tx: &Tx, filing: &Filing, ticket: i64) -> Result<Vec<String>> {
    let Some(row) = tickets::get(tx, ticket)? else { return Ok(Vec::new()) };
    clocks::correspondents_among(tx, &row, filing.report.to.iter().chain(&filing.report.cc))
}

/// Gives the ticket of the page, if it has one.
fn acknowledge_page(tx: &Tx, page: i64, name: &str, now: Timestamp) -> Result<Option<i64>> {
    let acknowledged = duty::acknowledge(tx, page, name, now)?;
    let ticket = duty::page(tx, page)?.and_then(|page| page.ticket_id);
    if acknowledged {
        history::add(tx, ticket, now, name, &format!("acknowledged page {page} by mail"))?;
    }
    Ok(ticket)
}

/// An answer found in the Sent folder. Filed once, like any mail.
pub fn file_sent(tx: &Tx, filing: &Filing, ticket: Option<i64>, author: &str) -> Result<Spooled> {
    let id = filing.mail.id;
    let Some(mail) = spool::get(tx, id)? else { return Ok(filing.mail.clone()) };
    if mail.state != SpoolState::New {
        return Ok(mail);
    }
    signatures::note(tx, &filing.report.signatures, &mail.content_key)?;
    match (ticket, spool::twin(tx, &mail)?) {
        (_, Some((ticket, message))) => {
            spool::settle(tx, id, SpoolState::Duplicate, Some(ticket), Some(message), None)?;
        }
        (Some(ticket), None) => {
            let message = keep_message(tx, filing, ticket, Direction::Out, Some(author))?;
            // Dates of mail have whole seconds: the answer went out within that one.
            let dated =
                filing.report.date.map(|date| date.saturating_add(SignedDuration::from_millis(999)).unwrap_or(date));
            let at = dated.map_or(mail.received_at, |date| date.min(mail.received_at));
            let to = answered_by(tx, filing, ticket)?;
            let answer = Answer { who: author, to: &to, at, what: "answer found in the Sent folder" };
            answered(tx, filing.settings, ticket, &answer, filing.now)?;
            spool::settle(tx, id, SpoolState::Joined, Some(ticket), Some(message), None)?;
        }
        (None, None) => {
            spool::settle(tx, id, SpoolState::Ignored, None, None, Some("no answer to a ticket"))?;
            if let Some(raw) = mail.raw_id {
                spool::let_go(tx, id, raw)?;
            }
        }
    }
    Ok(spool::get(tx, id)?.unwrap_or(mail))
}

pub(super) fn keep_message(
    tx: &Tx,
    filing: &Filing,
    ticket: i64,
    direction: Direction,
    author: Option<&str>,
) -> Result<i64> {
    let Filing { mail, report, .. } = *filing;
    let addresses = |list: &[Address]| list.iter().map(|a| a.as_str().to_owned()).collect();
    let message = messages::insert(
        tx,
        &Message {
            message_id: report.message_id.clone(),
            from: report.from.as_ref().map(|a| a.as_str().to_owned()),
            to: addresses(&report.to),
            cc: addresses(&report.cc),
            date: report.date,
            subject: report.subject.raw().to_owned(),
            text: report.text.raw().to_owned(),
            raw_id: mail.raw_id,
            verdict: serde_json::to_string(&report.verdict).ok(),
            headers: report.headers.iter().map(|(name, value)| (name.clone(), value.raw().to_owned())).collect(),
            problems: problems(filing),
            author: author.map(str::to_owned),
            ..Message::new(ticket, direction, mail.received_at)
        },
    )?;
    if let Some(mark) = filing.decision.machine {
        messages::set_automatic(tx, message, mark.word())?;
    }
    keep_content(tx, message, direction, report)?;
    rechecks::set_asked(tx, message, &report.asked)?;
    if let Some(feed) = &report.feed {
        feeds::keep(tx, message, feed)?;
    }
    Ok(message)
}

/// Keeps what was read in a mail. An analyst's own quotes what is known: nothing in it is a finding.
pub(super) fn keep_content(tx: &Tx, message: i64, direction: Direction, report: &Report) -> Result<()> {
    let (indicators, forwarded) = match direction {
        Direction::In => (&report.indicators[..], &report.forwarded[..]),
        _ => (&[][..], &[][..]),
    };
    messages::insert_content(tx, message, &report.attachments, indicators)?;
    content::keep(tx, message, &report.marks, forwarded)
}

/// The trouble with the mail, in words of `Problem`.
pub(super) fn problems(filing: &Filing) -> Vec<String> {
    let replay = filing.decision.replay.then_some(&Problem::Replay);
    filing.report.problems.iter().chain(replay).map(|problem| problem.word().to_owned()).collect()
}

/// Certificates that came with the mail become candidates; of one that the team keeps, its owner's
/// revocation alone is taken. Both are told.
pub(super) fn keep_candidates(tx: &Tx, filing: &Filing, ticket: i64) -> Result<()> {
    let Filing { settings, now, .. } = *filing;
    for candidate in filing.candidates {
        let is_candidate = candidate.brings == Brings::Candidate;
        let is_first_copy = certs::get(tx, &candidate.fingerprint)?.is_none();
        let cert = NewCert {
            fingerprint: &candidate.fingerprint,
            bytes: &candidate.bytes,
            handles: &candidate.handles,
            addresses: &candidate.addresses,
            candidate: is_candidate,
            clear: candidate.clear,
            source: "mail",
        };
        certs::keep(tx, &cert, now)?;
        let certificate =
            Certificate { fingerprint: &candidate.fingerprint, addresses: &candidate.addresses, ends_at: None };
        match candidate.brings {
            Brings::Candidate if is_first_copy => change(tx, filing, candidate, ticket)?,
            Brings::Candidate => {}
            Brings::Revocation => {
                keys::tell(tx, settings, &certificate, Event::Revoked, Some(ticket), now)?;
            }
            Brings::PartRevocation => {
                keys::tell(tx, settings, &certificate, Event::PartRevoked, Some(ticket), now)?;
            }
        }
    }
    Ok(())
}

/// A candidate for an address that has another certificate is told of (T54); one that is signed
/// with the certificate known so far looks like a planned change (T55).
fn change(tx: &Tx, filing: &Filing, candidate: &Candidate, ticket: i64) -> Result<()> {
    let Filing { settings, report, now, .. } = *filing;
    let (mut addresses, mut others) = (Vec::new(), Vec::new());
    for address in &candidate.addresses {
        let known =
            certs::of_address(tx, address)?.into_iter().filter(|cert| cert.fingerprint != candidate.fingerprint);
        let before = others.len();
        others.extend(known);
        if others.len() > before || settings.own_addresses().any(|own| own.key() == address) {
            addresses.push(address.clone());
        }
    }
    if addresses.is_empty() {
        return Ok(());
    }
    let verdict = &report.verdict;
    let rollover = verdict.proves_sender(Authenticated::Marginal)
        && others.iter().any(|cert| !cert.candidate && verdict.signer.as_ref() == Some(&cert.fingerprint));
    let certificate = Certificate { fingerprint: &candidate.fingerprint, addresses: &addresses, ends_at: None };
    keys::tell(tx, settings, &certificate, Event::Changed { rollover }, Some(ticket), now).map(|_| ())
}

pub(super) fn came_encrypted(report: &Report) -> bool {
    report.verdict.encryption != Encryption::None || report.outer.has_ciphertext
}
