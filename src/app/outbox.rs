//! What is still to be sent, and what a person decides about it.
//!
//! Hostile data: answers of SMTP servers in `last_error`, shown as foreign text. Failure: words.

use super::tickets::number_of;
use super::views::{Answer, Done, OutView, When};
use super::work::checked_reason;
use super::{Actor, App, AppError};
use crate::rules::untrusted::Untrusted;
use crate::store::Connection;
use crate::store::outbox::{self, Out, OutState};
use crate::store::{Tx, history};
use jiff::Timestamp;

pub(super) fn list(app: &App, all: bool) -> Result<Answer, AppError> {
    let rows =
        app.store.read(|c| outbox::list(c, all)?.into_iter().map(|out| view(app, c, out)).collect::<Result<_, _>>())?;
    Ok(Answer::Outbox(rows))
}

fn view(app: &App, c: &Connection, out: Out) -> crate::store::Result<OutView> {
    let waits = matches!(out.state, OutState::Queued | OutState::Sealed | OutState::Sending | OutState::Unsure);
    Ok(OutView {
        id: out.id,
        kind: out.kind.word().to_owned(),
        ticket: number_of(c, out.ticket_id)?,
        to: Untrusted::from(out.to),
        state: out.state.word().to_owned(),
        attempts: out.attempts,
        next_try_at: waits.then(|| When::new(out.next_try_at, &app.settings.team.time_zone)),
        last_error: out.last_error.map(Untrusted::from),
    })
}

pub(super) fn retry(app: &App, actor: &Actor, now: Timestamp, id: Option<i64>) -> Result<Answer, AppError> {
    app.store.change(|tx| {
        let rows = match id {
            Some(id) => vec![known(tx, id)?],
            // What only waits for its time, or behind a cap, is left to wait.
            None => outbox::list(tx, false)?.into_iter().filter(has_failed).collect(),
        };
        let mut words = Vec::new();
        for out in rows {
            if outbox::retry(tx, out.id, now)? {
                let what = format!("outbox {} to be tried again (was {})", out.id, out.state);
                history::add(tx, out.ticket_id, now, &actor.name, &what)?;
                words.push(format!("{} is tried again", out.id));
            } else if id.is_some() {
                let words = format!("outbox {} is {} and is not tried again", out.id, out.state);
                return Err(AppError::conflict(words));
            }
        }
        if words.is_empty() {
            words.push("nothing has failed".to_owned());
        } else if !app.daemon_running {
            words.push("no daemon is running".to_owned());
        }
        Ok(Answer::Done(Done { words, ..Done::default() }))
    })
}

fn has_failed(out: &Out) -> bool {
    out.attempts > 0 || matches!(out.state, OutState::Failed | OutState::Blocked | OutState::Unsure)
}

pub(super) fn drop(app: &App, actor: &Actor, now: Timestamp, id: i64, reason: &str) -> Result<Answer, AppError> {
    let reason = checked_reason("reason", reason)?;
    app.store.change(|tx| {
        let out = known(tx, id)?;
        if matches!(out.state, OutState::Sent | OutState::Dropped | OutState::Sending) {
            return Err(AppError::conflict(format!("outbox {id} is {} and cannot be dropped", out.state)));
        }
        outbox::settle(tx, id, OutState::Dropped, now, out.last_error.as_deref(), now)?;
        let what = format!("outbox {id} ({}) dropped: {reason}", out.kind);
        history::add(tx, out.ticket_id, now, &actor.name, &what)?;
        let tickets = number_of(tx, out.ticket_id)?.into_iter().collect();
        Ok(Answer::Done(Done { tickets, words: vec![format!("{id} is dropped")], ..Done::default() }))
    })
}

fn known(tx: &Tx, id: i64) -> Result<Out, AppError> {
    outbox::get(tx, id)?
        .ok_or_else(|| AppError::not_found(format!("there is no row {id} in the outbox; see `vigie outbox list`")))
}
