//! What a person needs before they write: to whom it goes, by when, whether it leaves encrypted, and
//! what was written last.
//!
//! Hostile data: the reporter's words, as `Untrusted`. Failure: `AppError`.

use super::tickets::find;
use super::views::{Answer, DraftView, When};
use super::{App, AppError, work};
use crate::rules::untrusted::Untrusted;
use crate::store::{Connection, tickets};
use jiff::Timestamp;

pub(super) fn draft(app: &App, now: Timestamp, number: &str, to: Option<&str>) -> Result<Answer, AppError> {
    app.store.read(|c| Ok(of(app, c, now, number, to)))?.map(|draft| Answer::Draft(Box::new(draft)))
}

fn of(app: &App, c: &Connection, now: Timestamp, number: &str, to: Option<&str>) -> Result<DraftView, AppError> {
    let ticket = find(app, c, now, number)?;
    let to = work::addressee(c, &ticket, to).ok();
    let encrypted = match &to {
        Some(to) => work::will_be_encrypted(app, c, to, now)?,
        None => false,
    };
    let refusal = match (&to, work::may_leave(&ticket, encrypted, false)) {
        (Some(_), Err(refusal)) => Some(refusal.to_string()),
        _ => None,
    };
    let last = tickets::last_received(c, ticket.id, None)?;
    let zone = &app.settings.team.time_zone;
    Ok(DraftView {
        number: ticket.number.clone(),
        language: ticket.language.clone(),
        to: to.map(|to| Untrusted::from(to.as_str())),
        reporter_name: Untrusted::new(&ticket.reporter_name),
        subject: Untrusted::from(ticket.subject.as_str()),
        tlp: ticket.tlp.clone(),
        received_at: When::new(last.as_ref().map_or(ticket.received_at, |last| last.received_at), zone),
        due_at: ticket.clock.as_ref().map(|clock| When::new(clock.due_at, zone)),
        encrypted,
        refusal,
        last: last.map(|last| Untrusted::new(last.text)).unwrap_or_default(),
    })
}
