//! What the store knows about a mail before triage: the tickets it names, and with what proof.

use super::triage::{self, Bound, Known, NamedTicket};
use crate::rules::address::Address;
use crate::rules::belonging::REOPENING_SPAN;
use crate::rules::intent::{Intent, OutKind};
use crate::rules::receipt::OurMail;
use crate::rules::reply::Purpose;
use crate::rules::report::Report;
use crate::rules::settings::{Mailbox, Settings};
use crate::rules::ticket::{Direction, Number, State};
use crate::rules::untrusted::Untrusted;
use crate::rules::verdict::{Encryption, Verdict};
use crate::rules::{message_id, reply_code, subject};
use crate::store::messages::{self, Message};
use crate::store::outbox::{self, Out};
use crate::store::spool::{self, Role, Spooled};
use crate::store::tickets::{self};
use crate::store::{Connection, Result, correspondents, duty, history, signatures};
use jiff::Timestamp;

/// At most so many references and tags are looked up: a mail names few tickets, or none.
const POINTERS: usize = 200;

/// Looks up everything that triage asks for. `id_key`: the key under our Message-IDs.
pub fn known<'a>(
    c: &Connection,
    settings: &'a Settings,
    mailbox: &'a Mailbox,
    mail: &Spooled,
    report: &Report,
    id_key: &[u8; 32],
) -> Result<Known<'a>> {
    // What lies in the Sent folder is ours; its copy in the inbox bears the same signature.
    let replay = mail.role == Role::Inbox && signatures::seen_elsewhere(c, &report.signatures, &mail.content_key)?;
    let inside = Pointers::inside(report);
    let proven_analyst = triage::is_of_analyst(report, settings) && !replay;
    let sealed = report.outer.has_ciphertext && !proven_analyst;
    let (named, claims_inside) = match sealed {
        true => {
            let claims = named(c, settings, &inside, id_key)?.iter().map(|ticket| ticket.id).collect();
            (named(c, settings, &Pointers::outside(report), id_key)?, claims)
        }
        false => (named(c, settings, &inside, id_key)?, Vec::new()),
    };
    let (reply, mut named) = match bound(c, report, proven_analyst, id_key)? {
        Some((ticket, bound)) => (Some(bound), vec![ticket]),
        None => (None, named),
    };
    count_reopenings(c, &mut named, mail.received_at)?;
    Ok(Known {
        answers_alert: answers_alert(c, report)?,
        reply,
        echo: is_echo(c, report, &named)?,
        ours: ours(c, report, id_key)?,
        settings,
        mailbox,
        received_at: mail.received_at,
        envelope_sender: envelope_sender(mail),
        named,
        claims_inside,
        replay,
        page: page(c, settings, report)?,
        page_answered: page_answered(c, report)?,
        history: mail.history,
    })
}

/// The mail of ours that a machine's mail speaks of: the one it gives back, else the one that it
/// refers to. A number proves nothing; two of our tickets prove nothing either.
fn ours(c: &Connection, report: &Report, id_key: &[u8; 32]) -> Result<Option<OurMail>> {
    let outer = &report.outer;
    let returned: &[String] = if outer.has_ciphertext { &[] } else { &report.returned };
    let referred = outer.in_reply_to.iter().chain(&outer.references);
    let by_return = our_mails(c, returned.iter(), id_key)?;
    let found = if by_return.is_empty() { our_mails(c, referred, id_key)? } else { by_return };
    let one_ticket = found.windows(2).all(|pair| pair[0].ticket == pair[1].ticket);
    Ok(found.into_iter().next().filter(|_| one_ticket))
}

fn our_mails<'a>(c: &Connection, ids: impl Iterator<Item = &'a String>, id_key: &[u8; 32]) -> Result<Vec<OurMail>> {
    let mut found = Vec::new();
    for id in ids.take(POINTERS) {
        if let Some(number) = message_id::verify(id_key, id) {
            let Some(ticket) = tickets::by_number(c, &number)? else { continue };
            let row = outbox::of_message_id(c, id)?;
            found.push(OurMail {
                ticket: tickets::living(c, ticket.id)?,
                kind: row.as_ref().map_or(OutKind::Answer, |row| row.kind),
                out: row.as_ref().map(|row| row.id),
                to: row.map(|row| row.to),
            });
            continue;
        }
        for message in messages::with_id(c, id)? {
            let from_sent = message.direction == Direction::Out
                && spool::of_message(c, message.id)?.is_some_and(|mail| mail.role == Role::Sent);
            if from_sent {
                let ticket = tickets::living(c, message.ticket_id)?;
                found.push(OurMail { ticket, out: None, kind: OutKind::Answer, to: None });
            }
        }
    }
    Ok(found)
}

/// The one ticket and correspondent that a proven analyst's sealed mail is bound to from inside its
/// encryption (T62): by the reply code of an alert, else by a protected reference to one. What stands
/// outside counts for nothing then. None where several are meant, or none.
fn bound(
    c: &Connection,
    report: &Report,
    proven_analyst: bool,
    id_key: &[u8; 32],
) -> Result<Option<(NamedTicket, Bound)>> {
    if !proven_analyst || report.verdict.encryption != Encryption::Decrypted {
        return Ok(None);
    }
    let mut found: Vec<(i64, Bound)> = Vec::new();
    for claimed in reply_code::find(report.text.raw()) {
        let Some(ticket) = tickets::by_number(c, &claimed.number)? else { continue };
        // After a merge their correspondents are the other one's.
        let living = tickets::living(c, ticket.id)?;
        let all = correspondents::of_ticket(c, living)?;
        let good = all.into_iter().find(|known| reply_code::is_for(id_key, &claimed, &known.address));
        found.extend(good.map(|known| (living, Bound { purpose: claimed.purpose, to: known.address })));
    }
    let by_reference = found.is_empty() && report.headers_protected;
    for id in report.in_reply_to.iter().filter(|_| by_reference).take(1) {
        if message_id::verify(id_key, id).is_some()
            && let Some(out) = outbox::of_message_id(c, id)?
            && let (Some(ticket), true) = (out.ticket_id, is_alert(out.kind))
            && let Some(to) = replies_go_to(c, &out)?
        {
            found.push((tickets::living(c, ticket)?, Bound { purpose: purpose_of(out.kind), to }));
        }
    }
    let Some((ticket, mut bound)) = found.first().cloned() else { return Ok(None) };
    if found.iter().any(|(other, also)| *other != ticket || also.to != bound.to) {
        return Ok(None);
    }
    if found.iter().any(|(_, also)| also.purpose == Purpose::Note) {
        bound.purpose = Purpose::Note;
    }
    let named = describe(c, ticket)?;
    Ok(named.map(|it| (NamedTicket { proven_by_reference: true, pointer_protected: true, ..it }, bound)))
}

/// What a reply to such a mail of ours is unless it says otherwise. A page asks for somebody's
/// presence: "I come" is no answer to the reporter.
pub fn purpose_of(kind: OutKind) -> Purpose {
    if kind == OutKind::Page { Purpose::Note } else { Purpose::Answer }
}

/// The correspondent whom an alert is about, in lower case: the author of the mail, whom a mail that
/// came back went to, else the only one there is, or the only one to whom something is owed. None: a
/// reply could be meant for several.
pub fn replies_go_to(c: &Connection, out: &Out) -> Result<Option<String>> {
    let Some(ticket) = out.ticket_id.filter(|_| is_alert(out.kind)) else { return Ok(None) };
    let about = match out.intent {
        Intent::Alert { message, .. } => correspondents::author(c, message)?,
        Intent::Unreachable { mail: Some(mail), .. } => outbox::get(c, mail)?.map(|mail| mail.to.to_lowercase()),
        _ => None,
    };
    if about.is_some() {
        return Ok(about.filter(|address| !address.is_empty()));
    }
    let mut all = correspondents::of_ticket(c, tickets::living(c, ticket)?)?;
    all.retain(|known| !known.address.is_empty());
    if all.len() > 1 {
        all.retain(|known| known.clock.is_some());
    }
    Ok(all.pop().filter(|_| all.is_empty()).map(|known| known.address))
}

/// What analysts are told about one ticket, and answer by a reply.
fn is_alert(kind: OutKind) -> bool {
    matches!(kind, OutKind::Alert | OutKind::Page | OutKind::Reminder | OutKind::Escalation)
}

fn answers_alert(c: &Connection, report: &Report) -> Result<bool> {
    let outer = &report.outer;
    for id in report.in_reply_to.iter().chain(&outer.in_reply_to).chain(&outer.references).take(POINTERS) {
        if outbox::of_message_id(c, id)?.is_some_and(|out| is_alert(out.kind)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Which of the tickets are put away, and how often mail has reopened them within a day of this one (T59).
fn count_reopenings(c: &Connection, named: &mut [NamedTicket], received_at: Timestamp) -> Result<()> {
    for ticket in named {
        let state = tickets::get(c, ticket.id)?.map(|row| row.state);
        if matches!(state, Some(State::Closed | State::Rejected | State::Resolved)) {
            ticket.reopened_lately = Some(history::reopened_since(c, ticket.id, received_at - REOPENING_SPAN)?);
        }
    }
    Ok(())
}

/// So many tickets of one sender, each claiming to belong to the one before, are no person's doing.
const ECHOES: usize = 3;

/// Whether the mail goes on where such a row of tickets has led. Never for a mail with ciphertext:
/// which tickets that one names may be known from what was decrypted (T26).
fn is_echo(c: &Connection, report: &Report, named: &[NamedTicket]) -> Result<bool> {
    let Some(sender) = report.outer.from.as_ref().filter(|_| !report.outer.has_ciphertext) else { return Ok(false) };
    for ticket in named {
        let (mut next, mut length) = (Some(ticket.id), 0);
        while let Some(row) = next.map(|id| tickets::get(c, id)).transpose()?.flatten() {
            let of_sender = row.reporter.as_deref().and_then(Address::parse).as_ref() == Some(sender);
            // Who its reporter is, and what it claims, may have been inside (T26).
            if !of_sender || row.received_encrypted {
                break;
            }
            length += 1;
            if length == ECHOES {
                return Ok(true);
            }
            next = tickets::claimed(c, row.id)?;
        }
    }
    Ok(false)
}

/// The envelope sender that intake was told; `Some(None)` is `<>`. A Return-Path is read by `rules::manners`.
fn envelope_sender(mail: &Spooled) -> Option<Option<Address>> {
    match mail.envelope_sender.as_deref().map(str::trim) {
        Some("" | "<>") => Some(None),
        Some(told) => Address::parse(told).map(Some),
        None => None,
    }
}

/// By what a mail points at tickets, and who says so.
struct Pointers<'r> {
    references: Vec<&'r String>,
    subject: &'r Untrusted,
    sender: Option<&'r Address>,
    /// Whether they stand inside the signature, if there is one.
    references_protected: bool,
    subject_protected: bool,
}

impl<'r> Pointers<'r> {
    /// As the opened mail says; of a mail without ciphertext that is the mail.
    fn inside(report: &'r Report) -> Pointers<'r> {
        Pointers {
            references: report.references.iter().chain(&report.in_reply_to).collect(),
            subject: &report.subject,
            sender: report.from.as_ref(),
            references_protected: report.headers_protected,
            subject_protected: report.verdict.subject_protected,
        }
    }

    /// As the outer fields say.
    fn outside(report: &'r Report) -> Pointers<'r> {
        let outer = &report.outer;
        Pointers {
            references: outer.references.iter().chain(&outer.in_reply_to).collect(),
            subject: &outer.subject,
            sender: outer.from.as_ref(),
            references_protected: false,
            subject_protected: false,
        }
    }
}

/// The tickets that a mail names by a reference or by a number in its subject, each once.
fn named(c: &Connection, settings: &Settings, by: &Pointers, id_key: &[u8; 32]) -> Result<Vec<NamedTicket>> {
    let mut found: Vec<NamedTicket> = Vec::new();
    let mut note = |ticket: i64, proven: bool, protected: bool| -> Result<()> {
        let ticket = tickets::living(c, ticket)?;
        if !found.iter().any(|known| known.id == ticket) {
            found.extend(describe(c, ticket)?);
        }
        if let Some(known) = found.iter_mut().find(|known| known.id == ticket) {
            known.proven_by_reference |= proven;
            known.pointer_protected |= protected;
        }
        Ok(())
    };
    for id in by.references.iter().copied().take(POINTERS) {
        if let Some(number) = message_id::verify(id_key, id)
            && let Some(ticket) = tickets::by_number(c, &number)?
        {
            note(ticket.id, true, by.references_protected)?;
            continue;
        }
        // A mail of ours whose hash does not fit (forged, or from before a restored key) is a hint only.
        if let Some(ticket) = outbox::ticket_of_message_id(c, id)? {
            note(ticket, false, by.references_protected)?;
        }
        for message in messages::with_id(c, id)? {
            let proven = proves(c, settings, &message, by.sender)?;
            note(message.ticket_id, proven, by.references_protected)?;
        }
    }
    for number in subject::ticket_tags(by.subject.raw(), &settings.team.ticket_prefix).into_iter().take(POINTERS) {
        if let Some(ticket) = tickets::by_number(c, &number)? {
            note(ticket.id, false, by.subject_protected)?;
        }
    }
    Ok(found)
}

/// Whether a reference to this message proves that the sender took part: an answer found in our
/// Sent folder, or this same sender's own mail to nobody but us. Not one that came encrypted: from
/// whom and to whom it was may have been inside (T26).
fn proves(c: &Connection, settings: &Settings, message: &Message, sender: Option<&Address>) -> Result<bool> {
    Ok(match message.direction {
        // An answer that came to us as mail may have come from anybody who had it.
        Direction::Out => spool::of_message(c, message.id)?.is_some_and(|mail| mail.role == Role::Sent),
        Direction::In => {
            let same_sender = sender.is_some() && message.from.as_deref().and_then(Address::parse).as_ref() == sender;
            let verdict = message.verdict.as_deref().and_then(|json| serde_json::from_str::<Verdict>(json).ok());
            let in_clear = verdict.is_some_and(|verdict| verdict.encryption == Encryption::None);
            let to_us =
                |text: &String| Address::parse(text).is_some_and(|a| settings.own_addresses().any(|own| *own == a));
            same_sender && in_clear && !message.to.is_empty() && message.to.iter().chain(&message.cc).all(to_us)
        }
        Direction::Ack | Direction::Note => false,
    })
}

fn describe(c: &Connection, ticket: i64) -> Result<Option<NamedTicket>> {
    let Some(row) = tickets::get(c, ticket)? else { return Ok(None) };
    let Some(number) = Number::parse(&row.number) else { return Ok(None) };
    let participants = tickets::participants(c, ticket)?.iter().filter_map(|p| Address::parse(p)).collect();
    let reporter = row.reporter.as_deref().and_then(Address::parse);
    Ok(Some(NamedTicket {
        id: ticket,
        number,
        participants,
        reporter,
        proven_by_reference: false,
        pointer_protected: false,
        reopened_lately: None,
    }))
}

/// Whether the mail is a reply to a page that was sent to its very sender.
fn page_answered(c: &Connection, report: &Report) -> Result<bool> {
    let Some(from) = &report.from else { return Ok(false) };
    for id in report.in_reply_to.iter().chain(&report.references).take(POINTERS) {
        let sent = outbox::of_message_id(c, id)?;
        if sent.is_some_and(|out| out.kind == OutKind::Page && Address::parse(&out.to).as_ref() == Some(from)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The page whose code stands in an analyst's mail.
fn page(c: &Connection, settings: &Settings, report: &Report) -> Result<Option<i64>> {
    let from_analyst =
        report.from.as_ref().is_some_and(|from| settings.duty.analysts.iter().any(|a| a.address == *from));
    if !from_analyst {
        return Ok(None);
    }
    let words = [report.subject.raw(), report.text.raw()];
    let codes =
        words.iter().flat_map(|text| text.split(|c: char| !c.is_ascii_alphanumeric())).filter(|w| w.len() == 10);
    for code in codes.take(POINTERS) {
        if let Some(page) = duty::page_of_code(c, &code.to_ascii_uppercase())? {
            return Ok(Some(page.id));
        }
    }
    Ok(None)
}
