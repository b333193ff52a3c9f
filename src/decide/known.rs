//! What the store knows about a mail before triage: the tickets it names, and with what proof.

use super::triage::{Known, NamedTicket};
use crate::rules::address::Address;
use crate::rules::report::Report;
use crate::rules::settings::{Mailbox, Settings};
use crate::rules::ticket::{Direction, Number};
use crate::rules::{message_id, subject};
use crate::store::spool::Spooled;
use crate::store::tickets::{self, Message};
use crate::store::{Connection, Result, duty, outbox};

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
    let named = named(c, settings, report, id_key)?;
    Ok(Known {
        echo: is_echo(c, report, &named)?,
        settings,
        mailbox,
        received_at: mail.received_at,
        envelope_sender: envelope_sender(mail),
        named,
        page: page(c, settings, report)?,
        history: mail.history,
    })
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
            if row.reporter.as_deref().and_then(Address::parse).as_ref() != Some(sender) {
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

/// The tickets that a mail names by a reference or by a number in its real subject, each once.
pub fn named(c: &Connection, settings: &Settings, report: &Report, id_key: &[u8; 32]) -> Result<Vec<NamedTicket>> {
    let mut found: Vec<NamedTicket> = Vec::new();
    let mut note = |ticket: i64, proven: bool| -> Result<()> {
        let ticket = tickets::living(c, ticket)?;
        match found.iter_mut().find(|known| known.id == ticket) {
            Some(known) => known.proven_by_reference |= proven,
            None => found.extend(describe(c, ticket, proven)?),
        }
        Ok(())
    };
    for id in report.references.iter().chain(&report.in_reply_to).take(POINTERS) {
        if let Some(number) = message_id::verify(id_key, id)
            && let Some(ticket) = tickets::by_number(c, &number)?
        {
            note(ticket.id, true)?;
            continue;
        }
        // A mail of ours whose hash does not fit (forged, or from before a restored key) is a hint only.
        if let Some(ticket) = outbox::ticket_of_message_id(c, id)? {
            note(ticket, false)?;
        }
        for message in tickets::messages_with_id(c, id)? {
            note(message.ticket_id, proves(settings, &message, report))?;
        }
    }
    for number in subject::ticket_tags(report.subject.raw(), &settings.team.ticket_prefix).into_iter().take(POINTERS) {
        if let Some(ticket) = tickets::by_number(c, &number)? {
            note(ticket.id, false)?;
        }
    }
    Ok(found)
}

/// Whether a reference to this message proves that the sender took part: an answer found in our
/// Sent folder, or this same sender's own mail to nobody but us.
fn proves(settings: &Settings, message: &Message, report: &Report) -> bool {
    match message.direction {
        Direction::Out => true,
        Direction::In => {
            let same_sender = report.from.is_some() && message.from.as_deref().and_then(Address::parse) == report.from;
            let to_us =
                |text: &String| Address::parse(text).is_some_and(|a| settings.own_addresses().any(|own| *own == a));
            same_sender && !message.to.is_empty() && message.to.iter().chain(&message.cc).all(to_us)
        }
        Direction::Ack | Direction::Note => false,
    }
}

fn describe(c: &Connection, ticket: i64, proven: bool) -> Result<Option<NamedTicket>> {
    let Some(row) = tickets::get(c, ticket)? else { return Ok(None) };
    let Some(number) = Number::parse(&row.number) else { return Ok(None) };
    let participants = tickets::participants(c, ticket)?.iter().filter_map(|p| Address::parse(p)).collect();
    let reporter = row.reporter.as_deref().and_then(Address::parse);
    Ok(Some(NamedTicket { id: ticket, number, participants, reporter, proven_by_reference: proven }))
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
