//! How tickets stand to each other and to people: merge and unmerge, split, link, participants.
//!
//! Hostile data: none; addresses are typed by analysts. Failure: a refusal leaves everything as it was.

use super::tickets::{find, number_of};
use super::views::Answer;
use super::work::{checked_reason, done, each, refuse_merged};
use super::{Actor, App, AppError};
use crate::decide::merge;
use crate::rules::address::Address;
use crate::rules::manners::is_same_mailbox;
use crate::rules::settings::Settings;
use crate::rules::ticket::{Direction, LinkKind};
use crate::store::merges;
use crate::store::tickets::{self, Ticket};
use crate::store::{Tx, correspondents, history, messages};
use jiff::Timestamp;

/// Merges tickets into another one.
pub(super) fn merge_into(
    app: &App,
    actor: &Actor,
    now: Timestamp,
    numbers: &[String],
    into: &str,
) -> Result<Answer, AppError> {
    each(app, now, numbers, |tx, ticket| {
        refuse_merged(tx, ticket)?;
        let into = find(app, tx, now, into)?;
        refuse_merged(tx, &into)?;
        if into.id == ticket.id {
            return Err(AppError::conflict(format!("{} cannot be merged into itself", ticket.number)));
        }
        merge::merge(tx, ticket, &into, &actor.name, now)?;
        Ok(format!("{} is merged into {}; `vigie ticket unmerge {0}` undoes it", ticket.number, into.number))
    })
}

/// Undoes a merge.
pub(super) fn unmerge(app: &App, actor: &Actor, now: Timestamp, numbers: &[String]) -> Result<Answer, AppError> {
    each(app, now, numbers, |tx, ticket| {
        let number = &ticket.number;
        let Some(standing) = merges::of_ticket(tx, ticket.id)? else {
            return Err(AppError::conflict(format!("{number} was not merged into another ticket by an analyst")));
        };
        let into = number_of(tx, Some(standing.into_id))?.unwrap_or_default();
        let living = tickets::living(tx, standing.into_id)?;
        if living != standing.into_id {
            let living = number_of(tx, Some(living))?.unwrap_or_default();
            let words = format!("{number} was merged into {into}, and that into {living} since: unmerge {into} first");
            return Err(AppError::conflict(words));
        }
        if let Some(later) = merge::stands_in_the_way(tx, &standing)? {
            let later = number_of(tx, Some(later))?.unwrap_or_default();
            let words = format!(
                "{later} was merged into {into} after {number} and has the same correspondent: unmerge it first"
            );
            return Err(AppError::conflict(words));
        }
        merge::unmerge(tx, app.settings, &standing, &actor.name, now)?;
        Ok(format!("{number} is a ticket of its own again"))
    })
}

/// Gives a mail a ticket of its own.
pub(super) fn split(app: &App, actor: &Actor, now: Timestamp, number: &str, message: i64) -> Result<Answer, AppError> {
    app.store.change(|tx| {
        let ticket = find(app, tx, now, number)?;
        refuse_merged(tx, &ticket)?;
        let number = &ticket.number;
        let messages = messages::of_ticket(tx, ticket.id)?;
        let mails: Vec<_> = messages.iter().filter(|message| message.direction == Direction::In).collect();
        let Some(mail) = mails.iter().find(|mail| mail.id == message) else {
            let words = match messages.iter().any(|kept| kept.id == message) {
                true => format!("message {message} did not come in from outside: only a mail gets a ticket of its own"),
                false => format!("{number} has no message {message}"),
            };
            return Err(AppError::not_found(words));
        };
        if mails.len() == 1 {
            return Err(AppError::conflict(format!(
                "message {message} is the only mail of {number}: nothing would be left"
            )));
        }
        let new = merge::split(tx, app.settings, &ticket, mail, &actor.name, now)?;
        let new = number_of(tx, Some(new))?.unwrap_or_default();
        let words = vec![format!("message {message} of {number} is {new} now")];
        Ok(done(vec![new, ticket.number], Some(message), words))
    })
}

/// Links tickets to another one, or takes the link away.
pub(super) fn link(
    app: &App,
    actor: &Actor,
    now: Timestamp,
    numbers: &[String],
    (other, kind, remove): (&str, LinkKind, bool),
) -> Result<Answer, AppError> {
    if kind == LinkKind::Merged {
        return Err(AppError::invalid("kind", "use `vigie ticket merge` and `vigie ticket unmerge`"));
    }
    each(app, now, numbers, |tx, ticket| {
        let other = find(app, tx, now, other)?;
        refuse_merged(tx, ticket)?;
        refuse_merged(tx, &other)?;
        if other.id == ticket.id {
            return Err(AppError::conflict(format!("{} cannot be linked to itself", ticket.number)));
        }
        // To be related goes both ways.
        let mut ways = vec![(ticket, &other)];
        if kind == LinkKind::Related {
            ways.push((&other, ticket));
        }
        let mut changed = false;
        for (from, to) in ways {
            let known = merges::links(tx, from.id)?.contains(&(to.id, kind));
            if known == remove {
                changed = true;
                let what = if remove { "no longer linked as" } else { "linked as" };
                match remove {
                    true => drop(merges::remove_link(tx, from.id, to.id, kind)?),
                    false => tickets::add_link(tx, from.id, to.id, kind)?,
                }
                history::add(tx, Some(from.id), now, &actor.name, &format!("{what} {kind}: {}", to.number))?;
            }
        }
        let (number, other) = (&ticket.number, &other.number);
        Ok(match (changed, remove) {
            (true, false) => format!("{number} is linked to {other} ({kind})"),
            (false, false) => format!("{number} is linked to {other} ({kind}) already"),
            (true, true) => format!("{number} is no longer linked to {other} ({kind})"),
            (false, true) => format!("{number} is not linked to {other} ({kind})"),
        })
    })
}

/// Lets an address write into tickets.
pub(super) fn add_participant(
    app: &App,
    actor: &Actor,
    now: Timestamp,
    numbers: &[String],
    address: &str,
) -> Result<Answer, AppError> {
    let address = outside_address(app.settings, "address", address)?;
    each(app, now, numbers, |tx, ticket| {
        refuse_merged(tx, ticket)?;
        match admit(tx, ticket, &address, actor, now)? {
            true => Ok(format!("{address} is a participant of {}", ticket.number)),
            false => Ok(format!("{address} is a participant of {} already", ticket.number)),
        }
    })
}

/// Makes a participant; gives whether that is new. The history names the correspondent's row, not the
/// address: it outlives the purge.
pub(super) fn admit(
    tx: &Tx,
    ticket: &Ticket,
    address: &Address,
    actor: &Actor,
    now: Timestamp,
) -> Result<bool, AppError> {
    let is_new = tickets::add_participant(tx, ticket.id, address.as_str())?;
    if is_new {
        let row = correspondents::ensure(tx, ticket.id, address.key())?;
        history::add(tx, Some(ticket.id), now, &actor.name, &format!("participant added (correspondent {})", row.id))?;
    }
    Ok(is_new)
}

/// Takes an address the leave to write into tickets. A promise to it is not broken in silence.
pub(super) fn remove_participant(
    app: &App,
    actor: &Actor,
    now: Timestamp,
    numbers: &[String],
    (address, reason): (&str, Option<&str>),
) -> Result<Answer, AppError> {
    let reason = reason.map(|reason| checked_reason("reason", reason)).transpose()?;
    let address = Address::parse(address).ok_or_else(|| no_address("address"))?;
    each(app, now, numbers, |tx, ticket| {
        refuse_merged(tx, ticket)?;
        let number = &ticket.number;
        if !tickets::participants(tx, ticket.id)?.iter().any(|known| known == address.key()) {
            return Err(AppError::conflict(format!("{address} is no participant of {number}")));
        }
        let row = correspondents::ensure(tx, ticket.id, address.key())?;
        if row.clock.is_some() && reason.is_none() {
            return Err(AppError::not_allowed(format!(
                "{number}: {address} still waits for an answer; answer them, or say --reason TEXT"
            )));
        }
        tickets::remove_participant(tx, ticket.id, address.key())?;
        let mut what = format!("participant removed (correspondent {})", row.id);
        if row.clock.is_some() {
            correspondents::stop_clock(tx, row.id)?;
            what.push_str(", clock ended");
        }
        if let Some(reason) = reason {
            what.push_str(&format!(": {reason}"));
        }
        history::add(tx, Some(ticket.id), now, &actor.name, &what)?;
        let mut words =
            format!("{address} is no participant of {number} any more: what they write opens a ticket of its own");
        if address.key() == ticket.reporter_key() {
            words.push_str("; they stay its reporter, to whom you can answer");
        }
        Ok(words)
    })
}

fn no_address(field: &str) -> AppError {
    AppError::invalid(field, "write one plain e-mail address like name@example.org")
}

/// An address with which a ticket can correspond: nobody of ours, whose mail would go in circles or be
/// taken for a note, and no feed, whose mail tells nobody.
pub(super) fn outside_address(settings: &Settings, field: &str, text: &str) -> Result<Address, AppError> {
    let address = Address::parse(text).ok_or_else(|| no_address(field))?;
    if settings.own_addresses().any(|own| is_same_mailbox(&address, own)) {
        return Err(AppError::not_allowed(format!("{address} is an address of ours: the mail would come back to us")));
    }
    if let Some(analyst) = settings.duty.analysts.iter().find(|analyst| is_same_mailbox(&address, &analyst.address)) {
        let words = format!(
            "{address} is an analyst's: what {0} writes is a note, an answer or a command; use `vigie ticket assign` or `note`",
            analyst.name
        );
        return Err(AppError::not_allowed(words));
    }
    if settings.triage.feeds.contains(&address) {
        let words =
            format!("{address} is a feed ([triage] feeds): what comes from it is a machine report and tells nobody");
        return Err(AppError::not_allowed(words));
    }
    Ok(address)
}
