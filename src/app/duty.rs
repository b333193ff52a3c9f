//! Who is on duty, and pages.
//!
//! Hostile data: none. Failure: words for the person who asked.

use super::tickets::{number_of, short};
use super::views::{Answer, Done, DutyView, GapView, OverrideView, PageView, When};
use super::{Actor, App, AppError};
use crate::decide::raise;
use crate::edge::random;
use crate::store::Connection;
use crate::store::duty::{self, Page};
use crate::store::history;
use jiff::{SignedDuration, Timestamp};

/// How far back pages are shown once they are acknowledged.
const PAGES_SHOWN: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How far ahead gaps in the rota are looked for.
const GAPS_SOUGHT: SignedDuration = SignedDuration::from_hours(60 * 24);

pub(super) fn show(app: &App, now: Timestamp) -> Result<Answer, AppError> {
    let rota = &app.settings.duty.rota;
    let when = |at: Timestamp| When::new(at, &rota.zone);
    let (spans, overrides, pages) = app.store.read(|c| {
        let since = now.checked_sub(PAGES_SHOWN).unwrap_or(Timestamp::MIN);
        let pages = duty::pages_since(c, since)?.into_iter().map(|page| view(app, c, page));
        let pages = pages.collect::<crate::store::Result<Vec<_>>>()?;
        Ok((duty::stand_ins(c, now)?, duty::overrides(c, now)?, pages))
    })?;
    let known = |name: &str| app.settings.analyst(name).is_some();
    let gaps = rota.gaps(now, GAPS_SOUGHT, &spans, known);
    Ok(Answer::Duty(DutyView {
        // Who has left the config cannot be told of anything.
        on_duty: rota.on_duty(now, &spans).filter(|name| known(name)).map(str::to_owned),
        until: rota.until(now, &spans).map(when),
        next: rota.next(now, &spans).map(str::to_owned),
        pages,
        overrides: overrides
            .iter()
            .map(|stand_in| OverrideView {
                analyst: stand_in.analyst.clone(),
                from: when(stand_in.from),
                to: when(stand_in.to),
            })
            .collect(),
        gaps: gaps.into_iter().map(|gap| GapView { from: when(gap.from), to: when(gap.to) }).collect(),
    }))
}

fn view(app: &App, c: &Connection, page: Page) -> crate::store::Result<PageView> {
    let when = |at: Timestamp| When::new(at, &app.settings.team.time_zone);
    Ok(PageView {
        id: page.id,
        ticket: number_of(c, page.ticket_id)?,
        what: page.what,
        raised_at: when(page.raised_at),
        analyst: page.analyst,
        acknowledged_at: page.acknowledged_at.map(when),
        acknowledged_by: page.acknowledged_by,
    })
}

pub(super) fn acknowledge(app: &App, actor: &Actor, now: Timestamp, which: &str) -> Result<Answer, AppError> {
    let which = which.trim();
    app.store.change(|tx| {
        let found = match which.parse() {
            Ok(id) => duty::page(tx, id)?,
            Err(_) => duty::page_of_code(tx, &which.to_uppercase())?,
        };
        let page = found.ok_or_else(|| {
            AppError::not_found(format!("there is no page {:?} to acknowledge; see `vigie duty show`", short(which)))
        })?;
        if !duty::acknowledge(tx, page.id, &actor.name, now)? {
            let by = page.acknowledged_by.as_deref().unwrap_or("somebody");
            let at = page.acknowledged_at.map(|at| When::new(at, &app.settings.team.time_zone).to_string());
            let at = at.unwrap_or_default();
            return Err(AppError::conflict(format!("page {} was acknowledged by {by} at {at} already", page.id)));
        }
        history::add(tx, page.ticket_id, now, &actor.name, &format!("page {} acknowledged", page.id))?;
        let ticket = number_of(tx, page.ticket_id)?;
        let words = match &ticket {
            Some(number) => format!("page {} is acknowledged; it is about {number}", page.id),
            None => format!("page {} is acknowledged", page.id),
        };
        Ok(done(ticket.into_iter().collect(), page.id, words))
    })
}

pub(super) fn stand_in(
    app: &App,
    actor: &Actor,
    now: Timestamp,
    analyst: &str,
    from: Timestamp,
    to: Timestamp,
) -> Result<Answer, AppError> {
    if app.settings.analyst(analyst).is_none() {
        let known: Vec<&str> = app.settings.duty.analysts.iter().map(|analyst| analyst.name.as_str()).collect();
        let words = format!("{:?} is no analyst in the config; known: {}", short(analyst), known.join(", "));
        return Err(AppError::invalid("analyst", words));
    }
    if from >= to || to <= now {
        return Err(AppError::invalid("to", "must lie after --from, and in the future"));
    }
    let zone = &app.settings.team.time_zone;
    let span = format!("from {} to {}", When::new(from, zone), When::new(to, zone));
    app.store.change(|tx| {
        duty::stand_in(tx, analyst, from, to, &actor.name, now)?;
        history::add(tx, None, now, &actor.name, &format!("{analyst} stands in {span}"))?;
        let words = vec![format!("{analyst} is on duty {span}")];
        Ok(Answer::Done(Done { words, ..Done::default() }))
    })
}

/// Raises a page that is a test: it reaches the analyst on duty and wants an acknowledgement as
/// any other.
pub(super) fn test(app: &App, actor: &Actor, now: Timestamp) -> Result<Answer, AppError> {
    app.store.change(|tx| {
        let id = raise::test_page(tx, app.settings, now, &random::code())?.ok_or_else(|| {
            AppError::not_allowed("nobody is on duty and [sla] escalate_to is empty: a page would reach nobody")
        })?;
        history::add(tx, None, now, &actor.name, &format!("page {id} raised as a test"))?;
        let reached = duty::page(tx, id)?.map(|page| page.analyst).unwrap_or_default();
        let later = if app.daemon_running { "" } else { "; queued, no daemon is running" };
        Ok(done(
            Vec::new(),
            id,
            format!("page {id} goes to {reached}{later}; acknowledge it with `vigie duty ack {id}`"),
        ))
    })
}

fn done(tickets: Vec<String>, page: i64, words: String) -> Answer {
    Answer::Done(Done { tickets, message: None, page: Some(page), words: vec![words] })
}
