//! Seeing tickets.
//!
//! Hostile data: everything that a mail said, kept `Untrusted`. Failure: no such ticket, message
//! or attachment; a number of one ticket never shows what belongs to another.

use super::views::*;
use super::{App, AppError, content};
use crate::edge::openpgp::seal::usable_for_encryption;
use crate::rules::address::Address;
use crate::rules::feed::FeedReport;
use crate::rules::sentence;
use crate::rules::settings::Language;
use crate::rules::ticket::{Direction, Number, State};
use crate::rules::untrusted::Untrusted;
use crate::rules::verdict::{FileVerdict, Verdict};
use crate::store::Connection;
use crate::store::correspondents::Correspondent;
use crate::store::messages::{self, Message};
use crate::store::tickets::{self, Filter, Ticket};
use crate::store::{
    attachments, certs, content as store_content, correspondents, feeds, history, identities, spool, unreachable,
};
use jiff::Timestamp;
use jiff::tz::TimeZone;

pub(super) fn list(
    app: &App,
    now: Timestamp,
    all: bool,
    state: Option<State>,
    unanswered: bool,
    limit: Option<usize>,
) -> Result<Answer, AppError> {
    let filter = Filter { all, state, unanswered, limit };
    let views =
        app.store.read(|c| tickets::list(c, &filter)?.iter().map(|ticket| line(app, c, ticket, now)).collect())?;
    Ok(if unanswered { Answer::Unanswered(views) } else { Answer::Tickets(views) })
}

pub(super) fn show(app: &App, now: Timestamp, number: &str) -> Result<Answer, AppError> {
    let view = app.store.read(|c| Ok(find(app, c, now, number).and_then(|ticket| full(app, c, &ticket, now))))??;
    Ok(Answer::Ticket(Box::new(view)))
}

/// Everything of a ticket.
pub(super) fn full(app: &App, c: &Connection, ticket: &Ticket, now: Timestamp) -> Result<TicketView, AppError> {
    let mut view = line(app, c, ticket, now)?;
    let messages = messages(app, c, ticket)?;
    let indicators = content::indicators(app, c, ticket)?;
    content::complete(&mut view.content, ticket, &messages, &indicators);
    view.messages = Some(messages);
    view.indicators = Some(indicators);
    view.history = Some(events(app, c, ticket)?);
    Ok(view)
}

/// The octets of one message; of the only mail that came where none is named.
pub(super) fn raw(app: &App, now: Timestamp, number: &str, message: Option<i64>) -> Result<Answer, AppError> {
    let octets = app.store.read(|c| {
        Ok(find(app, c, now, number).and_then(|ticket| {
            let mut kept = messages::of_ticket(c, ticket.id)?;
            kept.retain(|kept| kept.raw_id.is_some() && message.is_none_or(|id| id == kept.id));
            if message.is_none() {
                kept.retain(|kept| kept.direction == Direction::In);
            }
            match kept.as_slice() {
                [one] => Ok(spool::raw(c, one.raw_id.unwrap_or_default())?),
                [] => Err(AppError::not_found(match message {
                    Some(id) => format!("{} has no message {id} with raw octets", ticket.number),
                    None => format!("{} holds no mail that came in", ticket.number),
                })),
                several => {
                    let ids: Vec<String> = several.iter().map(|kept| kept.id.to_string()).collect();
                    Err(AppError::invalid("message", format!("name one of {} with --message ID", ids.join(", "))))
                }
            }
        }))
    })??;
    Ok(Answer::Octets(Octets(octets)))
}

pub(super) fn attachments(app: &App, now: Timestamp, number: &str) -> Result<Answer, AppError> {
    let views = app.store.read(|c| Ok(find(app, c, now, number).and_then(|ticket| Ok(files(app, c, &ticket)?))))??;
    Ok(Answer::Attachments(views))
}

pub(super) fn attachment_octets(app: &App, now: Timestamp, number: &str, id: i64) -> Result<Answer, AppError> {
    let octets = app.store.read(|c| {
        Ok(find(app, c, now, number).and_then(|ticket| {
            let missing = || AppError::not_found(format!("{} has no attachment {id}", ticket.number));
            let belongs = attachments::of_ticket(c, ticket.id)?.iter().any(|attachment| attachment.id == id);
            let octets = if belongs { attachments::bytes(c, id)? } else { None };
            octets.ok_or_else(missing)
        }))
    })??;
    Ok(Answer::Octets(Octets(octets)))
}

/// The ticket that a person means by a whole number, or by its last digits and this year.
pub(super) fn find(app: &App, c: &Connection, now: Timestamp, number: &str) -> Result<Ticket, AppError> {
    let team = &app.settings.team;
    let year = team.time_zone.to_datetime(now).year();
    let number = Number::parse_short(number, &team.ticket_prefix, year).ok_or_else(|| {
        let example = Number::new(&team.ticket_prefix, year, 42);
        AppError::invalid("ticket", format!("{:?} is no ticket number; write {example} or 42", short(number)))
    })?;
    tickets::by_number(c, &number)?
        .ok_or_else(|| AppError::not_found(format!("there is no ticket {number}; see `vigie ticket list --all`")))
}

/// A wrong word, short enough for one line.
pub(super) fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

/// The number of a ticket by its row.
pub(super) fn number_of(c: &Connection, ticket: Option<i64>) -> crate::store::Result<Option<String>> {
    Ok(match ticket {
        Some(id) => tickets::get(c, id)?.map(|ticket| ticket.number),
        None => None,
    })
}

/// A ticket as lists show it.
pub(super) fn line(app: &App, c: &Connection, ticket: &Ticket, now: Timestamp) -> crate::store::Result<TicketView> {
    let zone = &app.settings.team.time_zone;
    let when = |at: Option<Timestamp>| at.map(|at| When::new(at, zone));
    let links = tickets::links(c, ticket.id)?;
    let participants = tickets::participants(c, ticket.id)?;
    let unreachable = match &ticket.reporter {
        Some(reporter) => unreachable::since(c, ticket.id, reporter)?,
        None => None,
    };
    let feed = feeds::group_of(c, ticket.id)?;
    Ok(TicketView {
        number: ticket.number.clone(),
        state: ticket.state,
        subject: Untrusted::new(&ticket.subject),
        mailbox: ticket.mailbox.clone(),
        received_via: tickets::received_via(c, ticket.id)?,
        kind: ticket.kind,
        priority: ticket.priority,
        reported_urgent: ticket.reported_urgent,
        urgent_unprotected: ticket.urgent_unprotected,
        tlp: ticket.tlp.clone(),
        labels: tickets::labels(c, ticket.id)?,
        classification: ticket.classification.clone(),
        severity: ticket.severity.clone(),
        assignee: ticket.assignee.clone(),
        consent: ticket.consent.clone(),
        language: ticket.language.clone(),
        automatic: ticket.automatic,
        suspected_spam: ticket.suspected_spam,
        reply_suppressed: ticket.reply_suppressed.clone(),
        reporter: ReporterView {
            address: ticket.reporter.as_deref().map(Untrusted::from),
            name: Untrusted::new(&ticket.reporter_name),
            constituent: ticket.constituent.clone(),
            identity: identities::of_ticket(c, ticket.id)?
                .into_iter()
                .map(|identity| IdentityView {
                    method: identity.method,
                    at: When::new(identity.at, zone),
                    by: identity.who,
                    address: Untrusted::from(identity.address),
                    note: identity.note,
                    signer: identity.signer,
                })
                .collect(),
            unreachable_at: when(unreachable),
        },
        participants: participants.into_iter().map(Untrusted::from).collect(),
        received_at: When::new(ticket.received_at, zone),
        acknowledged_at: when(ticket.acknowledged_at),
        answered_at: when(ticket.answered_at),
        remind_at: when(ticket.remind_at),
        due_at: when(ticket.due_at),
        escalate_at: when(ticket.escalate_at),
        escalated_at: when(ticket.escalated_at),
        clock_from: when(ticket.clock.as_ref().map(|clock| clock.from)),
        due_in_seconds: ticket.clock.as_ref().map(|clock| seconds_until(clock.due_at, now)),
        follow_up_at: when(ticket.follow_up_at),
        correspondents: correspondents(app, c, ticket, now)?,
        messages: None,
        indicators: None,
        feed: feed.map(|(group, reports, incidents)| FeedView {
            sender: group.sender.into(),
            source: group.source.into(),
            day: group.day.to_string(),
            reports,
            incidents,
        }),
        links: links.into_iter().map(|(to, kind)| LinkView { to, kind }).collect(),
        history: None,
        content: content::of_line(app, c, ticket)?,
    })
}

/// Whole seconds until an instant; negative once it has passed.
fn seconds_until(at: Timestamp, now: Timestamp) -> i64 {
    at.as_second() - now.as_second()
}

fn correspondents(
    app: &App,
    c: &Connection,
    ticket: &Ticket,
    now: Timestamp,
) -> crate::store::Result<Vec<CorrespondentView>> {
    let when = |at: Timestamp| When::new(at, &app.settings.team.time_zone);
    let reporter = ticket.reporter_key();
    let participants = tickets::participants(c, ticket.id)?;
    let mut rows = correspondents::of_ticket(c, ticket.id)?;
    rows.retain(|row| row.address == reporter || row.clock.is_some() || participants.contains(&row.address));
    rows.sort_by_key(|row| row.address != reporter);
    let mut views = Vec::new();
    for row in rows {
        let is_reporter = row.address == reporter;
        let written = ticket.reporter.as_deref().filter(|_| is_reporter).unwrap_or(&row.address);
        let certificate = match Address::parse(&row.address) {
            Some(address) => certificate(app, c, &address, now)?,
            None => None,
        };
        views.push(CorrespondentView {
            address: (!row.address.is_empty()).then(|| Untrusted::from(written)),
            role: role_of(ticket, &row),
            answered_at: row.answered_at.map(when),
            clock: row.clock.as_ref().map(|clock| ClockView {
                from: when(clock.from),
                remind_at: when(clock.remind_at),
                due_at: when(clock.due_at),
                escalate_at: when(clock.escalate_at),
                escalated_at: row.escalated_at.map(when),
                due_in_seconds: seconds_until(clock.due_at, now),
            }),
            certificate,
            unreachable_at: unreachable::since(c, ticket.id, &row.address)?.map(when),
        });
    }
    Ok(views)
}

/// Who a correspondent is in a ticket.
pub(super) fn role_of(ticket: &Ticket, row: &Correspondent) -> Role {
    if row.address == ticket.reporter_key() { Role::Reporter } else { Role::Other }
}

/// The certificate that a human's message to an address is encrypted to: candidates never count (T54).
pub(super) fn certificate(
    app: &App,
    c: &Connection,
    to: &Address,
    now: Timestamp,
) -> crate::store::Result<Option<String>> {
    let mut known = certs::of_address(c, to.key())?;
    known.retain(|cert| !cert.candidate && !app.team.is_empty() && usable_for_encryption(&cert.bytes, now));
    certs::by_preference(&mut known);
    Ok(known.into_iter().next().map(|cert| cert.fingerprint))
}

fn messages(app: &App, c: &Connection, ticket: &Ticket) -> Result<Vec<MessageView>, AppError> {
    let mut attachments = files(app, c, ticket)?;
    let language = language(app);
    let zone = &app.settings.team.time_zone;
    let mut reports = feeds::of_ticket(c, ticket.id)?;
    let automatic = feeds::automatic_messages(c, ticket.id)?;
    let mut held = store_content::of_ticket(c, ticket.id)?;
    let mut views = Vec::new();
    for message in messages::of_ticket(c, ticket.id)? {
        let held = held.remove(&message.id).unwrap_or_default();
        let raw = message.raw_id.map(|raw_id| spool::raw_facts(c, raw_id)).transpose()?;
        let (own, others) = attachments.into_iter().partition(|attachment| attachment.message == message.id);
        attachments = others;
        let report = reports.remove(&message.id).map(|report| report_view(report, zone));
        let automatic = automatic.contains(&message.id);
        let view = message_view(message, raw, own, zone, language);
        let (tlp, marks, forwarded) = (held.tlp, held.marks, held.forwarded);
        views.push(MessageView { automatic, report, tlp, marks, forwarded, ..view });
    }
    Ok(views)
}

fn message_view(
    message: Message,
    raw: Option<(String, u64)>,
    attachments: Vec<AttachmentView>,
    zone: &TimeZone,
    language: Language,
) -> MessageView {
    let foreign = |texts: Vec<String>| texts.into_iter().map(Untrusted::from).collect();
    let (raw_sha256, raw_size) = raw.unzip();
    MessageView {
        id: message.id,
        direction: message.direction,
        message_id: message.message_id.map(Untrusted::from),
        author: message.author,
        from: message.from.map(Untrusted::from),
        to: foreign(message.to),
        cc: foreign(message.cc),
        date: message.date.map(|at| When::new(at, zone)),
        received_at: When::new(message.received_at, zone),
        subject: Untrusted::from(message.subject),
        text: Untrusted::from(message.text),
        raw_sha256,
        raw_size,
        problems: message.problems,
        verdict: message.verdict.and_then(|json| verdict(&json, language)),
        rechecked: message
            .rechecked
            .and_then(|(at, json)| Some(RecheckedView { at: When::new(at, zone), verdict: verdict(&json, language)? })),
        headers: message.headers.into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
        attachments,
        tlp: None,
        marks: Vec::new(),
        forwarded: Vec::new(),
        automatic: false,
        report: None,
    }
}

fn report_view(report: FeedReport, zone: &TimeZone) -> ReportView {
    ReportView {
        format: report.format,
        version: report.version,
        kind: report.kind,
        category: report.category,
        source: report.source,
        source_ip: report.source_ip,
        reported_domain: report.reported_domain,
        arrival_date: report.arrival_date.map(|at| When::new(at, zone)),
        incidents: report.incidents,
        fields: report.fields.into_iter().map(|(name, value)| (name.into(), value)).collect(),
    }
}

fn verdict(json: &str, language: Language) -> Option<VerdictView> {
    let verdict: Verdict = serde_json::from_str(json).ok()?;
    let summary = sentence::summary(&verdict, language);
    Some(VerdictView { verdict, summary })
}

/// The language in which analysts are told what was proven.
fn language(app: &App) -> Language {
    app.settings.team.languages.first().copied().unwrap_or(Language::En)
}

fn files(app: &App, c: &Connection, ticket: &Ticket) -> crate::store::Result<Vec<AttachmentView>> {
    let (zone, language) = (&app.settings.team.time_zone, language(app));
    Ok(attachments::of_ticket(c, ticket.id)?.into_iter().map(|row| attachment(row, zone, language)).collect())
}

fn attachment(row: attachments::AttachmentRow, zone: &TimeZone, language: Language) -> AttachmentView {
    let shown = |verdict: FileVerdict| {
        let summary = sentence::file_summary(&verdict, language);
        FileVerdictView { verdict, summary }
    };
    AttachmentView {
        id: row.id,
        name: Untrusted::from(row.name),
        content_type: Untrusted::from(row.content_type),
        size: row.size,
        sha256: row.sha256,
        message: row.message_id,
        verdict: row.verdict.map(shown),
        rechecked: row
            .rechecked
            .map(|(at, verdict)| FileRecheckedView { at: When::new(at, zone), verdict: shown(verdict) }),
        part: row.part,
        tlp: row.tlp,
    }
}

fn events(app: &App, c: &Connection, ticket: &Ticket) -> Result<Vec<EventView>, AppError> {
    let zone = &app.settings.team.time_zone;
    let rows = history::of_ticket(c, ticket.id)?;
    Ok(rows.into_iter().map(|row| EventView { at: When::new(row.at, zone), who: row.who, what: row.what }).collect())
}
