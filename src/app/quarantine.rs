//! Mail that could not be processed, kept whole, and what a person decides about it.
//!
//! Hostile data: the mails; shown as foreign text, never parsed here. Failure: words.

use super::tickets::number_of;
use super::views::{Answer, Done, HeldView, When};
use super::work::checked_reason;
use super::{Actor, App, AppError};
use crate::rules::untrusted::Untrusted;
use crate::store::Connection;
use crate::store::history;
use crate::store::spool::{self, SpoolState, Spooled};
use jiff::Timestamp;

/// How much of a held mail is shown, octets.
const HEAD: usize = 4096;

pub(super) fn list(app: &App) -> Result<Answer, AppError> {
    let views =
        app.store.read(|c| spool::held(c)?.iter().map(|mail| view(app, c, mail)).collect::<Result<Vec<_>, _>>())?;
    Ok(Answer::Quarantine(views))
}

pub(super) fn show(app: &App, id: i64) -> Result<Answer, AppError> {
    let view = app.store.read(|c| {
        Ok(held(c, id).and_then(|mail| {
            let mut view = view(app, c, &mail)?;
            if let Some(raw_id) = mail.raw_id {
                let octets = spool::raw(c, raw_id)?;
                let head = &octets[..octets.len().min(HEAD)];
                view.head = Some(Untrusted::new(String::from_utf8_lossy(head).replace("\r\n", "\n")));
            }
            Ok(view)
        }))
    })??;
    Ok(Answer::Held(Box::new(view)))
}

pub(super) fn retry(app: &App, actor: &Actor, now: Timestamp, id: i64) -> Result<Answer, AppError> {
    app.store.change(|tx| {
        let mail = held(tx, id)?;
        spool::retry(tx, id)?;
        history::add(tx, mail.ticket_id, now, &actor.name, &format!("quarantine {id} to be processed again"))?;
        let mut words = vec![format!("{id} is processed again")];
        if !app.daemon_running {
            words.push("no daemon is running; `vigie run --once` takes it up".to_owned());
        }
        let tickets = number_of(tx, mail.ticket_id)?.into_iter().collect();
        Ok(Answer::Done(Done { tickets, words, ..Done::default() }))
    })
}

pub(super) fn drop(app: &App, actor: &Actor, now: Timestamp, id: i64, reason: &str) -> Result<Answer, AppError> {
    let reason = checked_reason("reason", reason)?;
    app.store.change(|tx| {
        let mail = held(tx, id)?;
        spool::settle(tx, id, SpoolState::Dropped, mail.ticket_id, mail.message_id, Some(reason))?;
        history::add(tx, mail.ticket_id, now, &actor.name, &format!("quarantine {id} dropped: {reason}"))?;
        let tickets: Vec<String> = number_of(tx, mail.ticket_id)?.into_iter().collect();
        let stays = tickets.first().map(|number| format!("; its ticket {number} stays")).unwrap_or_default();
        let words = vec![format!("{id} is out of quarantine, its octets are kept{stays}")];
        Ok(Answer::Done(Done { tickets, words, ..Done::default() }))
    })
}

fn held(c: &Connection, id: i64) -> Result<Spooled, AppError> {
    spool::get(c, id)?
        .filter(|mail| mail.state == SpoolState::Held)
        .ok_or_else(|| AppError::not_found(format!("there is no mail {id} in quarantine; see `vigie quarantine list`")))
}

fn view(app: &App, c: &Connection, mail: &Spooled) -> crate::store::Result<HeldView> {
    let raw = mail.raw_id.map(|raw_id| spool::raw_facts(c, raw_id)).transpose()?;
    Ok(HeldView {
        id: mail.id,
        sha256: raw.map(|(sha256, _)| sha256),
        size: mail.full_size,
        mailbox: mail.mailbox.clone(),
        received_at: When::new(mail.received_at, &app.settings.team.time_zone),
        attempts: mail.attempts,
        reason: mail.reason.clone(),
        ticket: number_of(c, mail.ticket_id)?,
        head: None,
    })
}
