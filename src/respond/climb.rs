//! Clocks that fire: rungs of the promises, and pages that nobody acknowledged.
//!
//! Due times are rows: downtime only delays, and after it one rung fires, not a burst (P7, P8).
//! Running it twice changes nothing: rungs and steps are counted in the transaction that owes them.

use crate::decide::raise;
use crate::rules::ladder::{self, Rung};
use crate::rules::settings::Settings;
use crate::store::tickets::Clock;
use crate::store::{Result, Store, duty, tickets};
use jiff::Timestamp;

/// Fires everything that is due; gives how many rungs and steps fired.
pub fn turn(store: &Store, settings: &Settings, now: Timestamp) -> Result<usize> {
    Ok(rungs(store, settings, now)? + pages(store, settings, now)?)
}

/// When something fires next.
pub fn next(store: &Store) -> Result<Option<Timestamp>> {
    store.read(|c| {
        let (rung, page) = (tickets::next_rung(c)?, duty::next_page_step(c)?);
        Ok([rung, page].into_iter().flatten().min())
    })
}

fn rungs(store: &Store, settings: &Settings, now: Timestamp) -> Result<usize> {
    let mut fired = 0;
    loop {
        // Small transactions: a night's worth of rungs never keeps the journey waiting.
        let some = store.write(|tx| {
            let due = tickets::rungs_due(tx, now, 50)?;
            for ticket in &due {
                let Some(clock) = &ticket.clock else { continue };
                let Some(step) = ladder::due(&settings.sla, clock.from, clock.rung, now) else {
                    // The calendar has changed since: look again when it says.
                    let next_rung_at = ladder::rung_at(&settings.sla, clock.from, clock.rung).1;
                    tickets::set_clock(tx, ticket.id, &Clock { next_rung_at, ..clock.clone() })?;
                    continue;
                };
                match step.rung {
                    Rung::Remind => raise::remind(tx, settings, ticket, false, step.fired, now)?,
                    Rung::Due => raise::remind(tx, settings, ticket, true, step.fired, now)?,
                    Rung::Escalate(nth) => {
                        let to = ladder::escalation_recipients(nth, &settings.sla.escalate_to);
                        raise::escalate(tx, settings, ticket, nth, &to, now)?;
                        tickets::set_escalated(tx, ticket.id, now)?;
                    }
                }
                tickets::set_clock(
                    tx,
                    ticket.id,
                    &Clock { rung: step.fired, next_rung_at: step.next_at, ..clock.clone() },
                )?;
            }
            Ok(due.len())
        })?;
        fired += some;
        if some == 0 {
            return Ok(fired);
        }
    }
}

fn pages(store: &Store, settings: &Settings, now: Timestamp) -> Result<usize> {
    store.write(|tx| {
        let due = duty::pages_due(tx, now)?;
        for page in &due {
            raise::climb(tx, settings, page, now)?;
        }
        Ok(due.len())
    })
}
