//! Clocks that fire: rungs of the promises, follow-up dates, and pages that nobody acknowledged.
//!
//! Due times are rows: downtime only delays, and after it one rung of each ticket fires, not a burst;
//! of many tickets each analyst gets one mail (P7, P8).
//! Running it twice changes nothing: rungs and steps are counted in the transaction that owes them.

use crate::decide::raise::{self, Fired};
use crate::rules::ladder::{self, Rung};
use crate::rules::settings::Settings;
use crate::store::correspondents::{self, Clock, Correspondent};
use crate::store::{Result, Store, Tx, duty, tickets};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// Fires everything that is due; gives how many rungs and steps fired.
pub fn turn(store: &Store, settings: &Settings, now: Timestamp) -> Result<usize> {
    Ok(rungs(store, settings, now)? + follow_ups(store, settings, now)? + pages(store, settings, now)?)
}

/// When something fires next.
pub fn next(store: &Store) -> Result<Option<Timestamp>> {
    store.read(|c| {
        let next = [correspondents::next_rung(c)?, tickets::next_follow_up(c)?, duty::next_page_step(c)?];
        Ok(next.into_iter().flatten().min())
    })
}

/// So many clocks fire in one transaction.
const BATCH: usize = 1000;

/// More than so many reminders and escalations to one analyst in one turn are one mail.
const SINGLY: usize = 3;

fn rungs(store: &Store, settings: &Settings, now: Timestamp) -> Result<usize> {
    let mut fired = 0;
    loop {
        let some = store.write(|tx| {
            let due = correspondents::rungs_due(tx, now, BATCH)?;
            let mut rungs: BTreeMap<i64, Fired> = BTreeMap::new();
            for correspondent in &due {
                if let Some(rung) = fire(tx, settings, correspondent, now)? {
                    // Of several clocks of one ticket the gravest rung is told, once.
                    let known = rungs.get(&rung.ticket.id).is_some_and(|known| known.rung >= rung.rung);
                    if !known {
                        rungs.insert(rung.ticket.id, rung);
                    }
                }
            }
            let rungs: Vec<Fired> = rungs.into_values().collect();
            tell(tx, settings, &rungs, now)?;
            Ok(due.len())
        })?;
        fired += some;
        if some == 0 {
            return Ok(fired);
        }
    }
}

/// Counts a rung as fired; gives it. None: the calendar has changed since, and it is not due yet.
fn fire(tx: &Tx, settings: &Settings, correspondent: &Correspondent, now: Timestamp) -> Result<Option<Fired>> {
    let (Some(clock), Some(ticket)) = (&correspondent.clock, tickets::get(tx, correspondent.ticket_id)?) else {
        return Ok(None);
    };
    let Some(step) = ladder::due(&settings.sla, clock.from, clock.rung, now) else {
        // Look again when it says.
        let next_rung_at = ladder::rung_at(&settings.sla, clock.from, clock.rung).1;
        correspondents::set_clock(tx, correspondent.id, &Clock { next_rung_at, ..clock.clone() })?;
        return Ok(None);
    };
    if matches!(step.rung, Rung::Escalate(_)) {
        correspondents::set_escalated(tx, correspondent.id, now)?;
    }
    let after = Clock { rung: step.fired, next_rung_at: step.next_at, ..clock.clone() };
    correspondents::set_clock(tx, correspondent.id, &after)?;
    let analysts = raise::told_of_rung(tx, settings, &ticket, step.rung, now)?;
    Ok(Some(Fired { ticket, correspondent: correspondent.clone(), rung: step.rung, count: step.fired, analysts }))
}

/// Tells each analyst of the rungs that concern them: singly, or many in one mail.
fn tell(tx: &Tx, settings: &Settings, rungs: &[Fired], now: Timestamp) -> Result<()> {
    let mut concerned: BTreeMap<&str, usize> = BTreeMap::new();
    for name in rungs.iter().flat_map(|rung| &rung.analysts) {
        *concerned.entry(name).or_default() += 1;
    }
    let many: Vec<String> =
        concerned.into_iter().filter(|(_, count)| *count > SINGLY).map(|(name, _)| name.to_owned()).collect();
    for rung in rungs {
        raise::rung(tx, settings, rung, &many, now)?;
    }
    for analyst in &many {
        raise::catch_up(tx, settings, rungs, analyst, now)?;
    }
    Ok(())
}

fn follow_ups(store: &Store, settings: &Settings, now: Timestamp) -> Result<usize> {
    store.write(|tx| {
        let due = tickets::follow_ups_due(tx, now, BATCH)?;
        for ticket in &due {
            tickets::set_follow_up_told(tx, ticket.id)?;
            raise::follow_up(tx, settings, ticket, now)?;
        }
        Ok(due.len())
    })
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
