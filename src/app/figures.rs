//! Figures for the team lead, and for publication (P23).
//!
//! Hostile data: none but names of constituents and classes, which are the team's. Failure: a span that ends
//! before it begins, or is longer than twenty years.

use super::views::{Answer, FiguresView, When};
use super::{App, AppError};
use crate::rules::figures::{self, Promises};
use crate::store::figures::received;
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};

pub(super) fn stats(
    app: &App,
    now: Timestamp,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    anonymised: bool,
) -> Result<Answer, AppError> {
    let zone = &app.settings.team.time_zone;
    let to = to.unwrap_or(now);
    let last = zone.to_datetime(to).date();
    let first = last.first_of_month().checked_sub(11.months()).unwrap_or(last);
    let calendar = &app.settings.sla.calendar;
    let from = from.unwrap_or_else(|| calendar.first_instant_of(first));
    if from >= to {
        return Err(AppError::invalid("from", "the span ends before it begins"));
    }
    let months = months(zone.to_datetime(from).date(), last);
    if months.len() > 240 {
        return Err(AppError::invalid("from", "longer than twenty years"));
    }
    let sla = &app.settings.sla;
    let promises = Promises { answer_within: sla.answer_within, escalate_after: sla.escalate_after };
    let tickets = app.store.read(|c| received(c, from, to))?;
    let figures = figures::figures(&tickets, &months, calendar, promises, now);
    Ok(Answer::Figures(Box::new(FiguresView {
        team: app.settings.team.name.clone(),
        from: When::new(from, zone),
        to: When::new(to, zone),
        figures: if anonymised { figures.for_publication() } else { figures },
    })))
}

fn months(first: Date, last: Date) -> Vec<String> {
    let months = first.first_of_month().series(1.month()).take_while(|month| *month <= last).take(241);
    months.map(|month| month.strftime("%Y-%m").to_string()).collect()
}
