//! When a ticket is to be looked at again.
//!
//! Hostile data: none. Failure: a date that has passed.

use super::views::{Answer, When};
use super::work::{each, refuse_merged};
use super::{Actor, App, AppError};
use crate::store::{history, tickets};
use jiff::Timestamp;

/// Sets or takes away the follow-up date of tickets.
pub(super) fn set(
    app: &App,
    actor: &Actor,
    now: Timestamp,
    numbers: &[String],
    at: Option<Timestamp>,
) -> Result<Answer, AppError> {
    let shown = at.map(|at| When::new(at, &app.settings.team.time_zone).to_string());
    if at.is_some_and(|at| at <= now) {
        let words = format!("{} has passed already", shown.unwrap_or_default());
        return Err(AppError::invalid("date", words));
    }
    each(app, now, numbers, |tx, ticket| {
        refuse_merged(tx, ticket)?;
        tickets::set_follow_up(tx, ticket.id, at)?;
        let (what, words) = match &shown {
            Some(shown) => (format!("follow-up at {shown}"), format!("{}: follow-up at {shown}", ticket.number)),
            None => ("no follow-up".to_owned(), format!("{}: no follow-up", ticket.number)),
        };
        history::add(tx, Some(ticket.id), now, &actor.name, &what)?;
        Ok(words)
    })
}
