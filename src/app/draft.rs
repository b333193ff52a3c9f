//! What a person needs before they write: to whom it goes, by when, whether it leaves encrypted, and
//! what was written last.
//!
//! Hostile data: the reporter's words, as `Untrusted`. Failure: `AppError`.

use super::tickets::find;
use super::views::{Answer, DraftView, When};
use super::{App, AppError, work};
use crate::rules::address::Address;
use crate::rules::untrusted::Untrusted;
use crate::store::messages::{self, Message};
use crate::store::tickets::Ticket;
use crate::store::{Connection, correspondents, tickets};
use jiff::Timestamp;

pub(super) fn draft(app: &App, now: Timestamp, number: &str, to: Option<&str>) -> Result<Answer, AppError> {
    app.store.read(|c| Ok(of(app, c, now, number, to)))?.map(|draft| Answer::Draft(Box::new(draft)))
}

fn of(app: &App, c: &Connection, now: Timestamp, number: &str, to: Option<&str>) -> Result<DraftView, AppError> {
    let ticket = find(app, c, now, number)?;
    // Of a letter to somebody new: they are no participant yet.
    let to = match to {
        Some(to) => Address::parse(to),
        None => work::addressee(c, &ticket, None).ok(),
    };
    let encrypted = match &to {
        Some(to) => work::will_be_encrypted(app, c, to, now)?,
        None => false,
    };
    let refusal = match (&to, work::may_leave(&ticket, encrypted, false)) {
        (Some(_), Err(refusal)) => Some(refusal.to_string()),
        _ => None,
    };
    let them = to.as_ref().map(|to| whom(app, c, &ticket, to)).transpose()?.unwrap_or_default();
    let last = match them.last {
        None => messages::last_received(c, ticket.id, None)?,
        theirs => theirs,
    };
    let zone = &app.settings.team.time_zone;
    Ok(DraftView {
        number: ticket.number.clone(),
        known_as: them.number.unwrap_or_else(|| ticket.number.clone()),
        language: them.language.unwrap_or_else(|| ticket.language.clone()),
        to: to.map(|to| Untrusted::from(to.as_str())),
        name: Untrusted::new(them.name),
        subject: Untrusted::from(ticket.subject.as_str()),
        tlp: ticket.tlp.clone(),
        received_at: When::new(last.as_ref().map_or(ticket.received_at, |last| last.received_at), zone),
        due_at: them.due_at.or(ticket.clock.as_ref().map(|clock| clock.due_at)).map(|due| When::new(due, zone)),
        encrypted,
        refusal,
        last: last.map(|last| Untrusted::new(last.text)).unwrap_or_default(),
    })
}

/// What is known of whom it goes to; nothing of anybody else's.
#[derive(Default)]
struct Them {
    /// By which they know the ticket: after a merge their own.
    number: Option<String>,
    name: String,
    language: Option<String>,
    due_at: Option<Timestamp>,
    last: Option<Message>,
}

fn whom(app: &App, c: &Connection, ticket: &Ticket, to: &Address) -> Result<Them, AppError> {
    let row = correspondents::get(c, ticket.id, to.key())?;
    let known_as = row.as_ref().map(|row| tickets::get(c, row.known_as)).transpose()?.flatten();
    let reported = known_as.as_ref().unwrap_or(ticket);
    let is_reporter = reported.reporter_key() == to.key();
    let constituent = app.settings.constituent(to).and_then(|constituent| constituent.language);
    let language =
        constituent.or(app.settings.team.languages.first().copied()).map(|language| language.word().to_owned());
    let thread = correspondents::thread(c, ticket.id, to.key(), i64::MAX)?;
    let theirs = thread.iter().rfind(|mail| mail.theirs);
    Ok(Them {
        number: Some(reported.number.clone()),
        name: if is_reporter { reported.reporter_name.clone() } else { String::new() },
        language: if is_reporter { Some(reported.language.clone()) } else { language },
        due_at: row.and_then(|row| row.clock).map(|clock| clock.due_at),
        last: theirs.map(|mail| messages::get(c, mail.message)).transpose()?.flatten(),
    })
}
