//! Clocks that fire: rungs of the promises, and pages that nobody acknowledged.
//!
//! Due times are rows: downtime only delays, and after it one rung fires, not a burst (P7, P8).
//! Running it twice changes nothing: rungs and steps are counted in the transaction that owes them.

use crate::decide::raise;
use crate::rules::ladder::{self, Rung};
use crate::rules::settings::Settings;
use crate::store::correspondents::{self, Clock, Correspondent};
use crate::store::{Result, Store, Tx, duty, tickets};
use jiff::Timestamp;

/// Fires everything that is due; gives how many rungs and steps fired.
pub fn turn(store: &Store, settings: &Settings, now: Timestamp) -> Result<usize> {
    Ok(rungs(store, settings, now)? + pages(store, settings, now)?)
}

/// When something fires next.
pub fn next(store: &Store) -> Result<Option<Timestamp>> {
    store.read(|c| {
        let (rung, page) = (correspondents::next_rung(c)?, duty::next_page_step(c)?);
        Ok([rung, page].into_iter().flatten().min())
    })
}

fn rungs(store: &Store, settings: &Settings, now: Timestamp) -> Result<usize> {
    let mut fired = 0;
    loop {
        // Small transactions: a night's worth of rungs never keeps the journey waiting.
        let some = store.write(|tx| {
            let due = correspondents::rungs_due(tx, now, 50)?;
            for correspondent in &due {
                fire(tx, settings, correspondent, now)?;
            }
            Ok(due.len())
        })?;
        fired += some;
        if some == 0 {
            return Ok(fired);
        }
    }
}

fn fire(tx: &Tx, settings: &Settings, correspondent: &Correspondent, now: Timestamp) -> Result<()> {
    let (Some(clock), Some(ticket)) = (&correspondent.clock, tickets::get(tx, correspondent.ticket_id)?) else {
        return Ok(());
    };
    let Some(step) = ladder::due(&settings.sla, clock.from, clock.rung, now) else {
        // The calendar has changed since: look again when it says.
        let next_rung_at = ladder::rung_at(&settings.sla, clock.from, clock.rung).1;
        return correspondents::set_clock(tx, correspondent.id, &Clock { next_rung_at, ..clock.clone() });
    };
    match step.rung {
        Rung::Remind => raise::remind(tx, settings, &ticket, correspondent, (false, step.fired), now)?,
        Rung::Due => raise::remind(tx, settings, &ticket, correspondent, (true, step.fired), now)?,
        Rung::Escalate(nth) => {
            let to = ladder::escalation_recipients(nth, &settings.sla.escalate_to);
            raise::escalate(tx, settings, &ticket, correspondent, (nth, &to), now)?;
            correspondents::set_escalated(tx, correspondent.id, now)?;
        }
    }
    let after = Clock { rung: step.fired, next_rung_at: step.next_at, ..clock.clone() };
    correspondents::set_clock(tx, correspondent.id, &after)
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
