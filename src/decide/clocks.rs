//! The clocks of what was promised, one for each correspondent of a ticket (P7, P8, P21).
//!
//! A clock runs from the receipt of a correspondent's first mail that no human message to that
//! correspondent has followed. Failure: the store's.

use crate::rules::address::Address;
use crate::rules::ladder;
use crate::rules::settings::Settings;
use crate::rules::ticket::State;
use crate::store::correspondents::{self, Clock, Correspondent};
use crate::store::tickets::{self, Ticket};
use crate::store::{Connection, Result, Tx, history};
use jiff::{SignedDuration, Timestamp};

/// A fresh clock: what DESIGN's "Business days" promises for a receipt.
pub fn clock_from(settings: &Settings, from: Timestamp) -> Clock {
    let deadlines = ladder::deadlines(&settings.sla, from);
    Clock {
        from,
        remind_at: deadlines.remind_at,
        due_at: deadlines.due_at,
        escalate_at: deadlines.escalate_at,
        rung: 0,
        next_rung_at: ladder::rung_at(&settings.sla, from, 0).1,
    }
}

/// An answer to a correspondent's mail is promised: their clock runs from its receipt, unless an older
/// one waits; gives the due time.
pub fn start(
    tx: &Tx,
    settings: &Settings,
    ticket: i64,
    address: &str,
    (message, received_at): (i64, Timestamp),
) -> Result<Timestamp> {
    let correspondent = correspondents::ensure(tx, ticket, address)?;
    if correspondent.clock.is_none() {
        // What was put away unanswered does not come back with a further mail.
        correspondents::settle(tx, ticket, address, received_at - SignedDuration::from_micros(1))?;
    }
    correspondents::set_owed(tx, message)?;
    refresh(tx, settings, &correspondent)?;
    let due_at = correspondents::ensure(tx, ticket, address)?.clock.map(|clock| clock.due_at);
    Ok(due_at.unwrap_or_else(|| clock_from(settings, received_at).due_at))
}

/// Lets a correspondent's clock run from their first mail to which an answer is owed, or end. What has
/// been fired for it stays fired; gives whether it runs.
pub fn refresh(tx: &Tx, settings: &Settings, correspondent: &Correspondent) -> Result<bool> {
    let Correspondent { id, ticket_id, address, clock, .. } = correspondent;
    match (correspondents::first_owed(tx, *ticket_id, address)?, clock) {
        (None, None) => return Ok(false),
        (None, Some(_)) => {
            correspondents::stop_clock(tx, *id)?;
            return Ok(false);
        }
        (Some(from), Some(clock)) if from == clock.from => {}
        (Some(from), Some(clock)) if from < clock.from => {
            let next_rung_at = ladder::rung_at(&settings.sla, from, clock.rung).1;
            correspondents::set_clock(
                tx,
                *id,
                &Clock { rung: clock.rung, next_rung_at, ..clock_from(settings, from) },
            )?;
        }
        (Some(from), _) => correspondents::set_clock(tx, *id, &clock_from(settings, from))?,
    }
    Ok(true)
}

/// A human's message to correspondents.
pub struct Answer<'a> {
    pub who: &'a str,
    /// To whom, in lower case.
    pub to: &'a [String],
    /// When it reached them.
    pub at: Timestamp,
    /// For the history.
    pub what: &'a str,
}

/// A human's message reached these correspondents: their clocks end, nobody else's. The ticket waits
/// once nothing is owed to anybody. What one of them wrote after that instant is unanswered still, and
/// their clock starts from it.
pub fn answered(tx: &Tx, settings: &Settings, ticket: i64, answer: &Answer, now: Timestamp) -> Result<()> {
    let Some(row) = tickets::get(tx, ticket)? else { return Ok(()) };
    let Answer { who, to, at, what } = *answer;
    history::add(tx, Some(ticket), now, who, what)?;
    let mut ended = to.contains(&row.reporter_key());
    for address in to {
        let correspondent = correspondents::ensure(tx, ticket, address)?;
        let latest = correspondent.answered_at.map_or(at, |before| before.max(at));
        correspondents::set_answered(tx, correspondent.id, Some(latest))?;
        correspondents::settle(tx, ticket, address, at)?;
        if correspondent.clock.is_some() && !refresh(tx, settings, &correspondent)? {
            ended = true;
        }
    }
    let owed = tickets::get(tx, ticket)?.is_some_and(|row| row.clock.is_some());
    if ended && !owed && matches!(row.state, State::New | State::Open) {
        tickets::set_state(tx, ticket, State::Waiting)?;
        history::add(tx, Some(ticket), now, who, &format!("state {} -> waiting", row.state))?;
    }
    Ok(())
}

/// Of some addresses those that correspond in the ticket: the reporter and the participants, in lower case.
pub fn correspondents_among<'a>(
    c: &Connection,
    ticket: &Ticket,
    addresses: impl Iterator<Item = &'a Address>,
) -> Result<Vec<String>> {
    let reporter = ticket.reporter_key();
    let participants = tickets::participants(c, ticket.id)?;
    let mut found: Vec<String> = addresses.map(|address| address.key().to_owned()).collect();
    found.retain(|key| *key == reporter || participants.contains(key));
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// Lets the clock of a correspondent run again to whom an answer is owed still; gives since when.
pub fn run_again(tx: &Tx, settings: &Settings, correspondent: &Correspondent) -> Result<Option<Timestamp>> {
    if correspondent.clock.is_some() || !refresh(tx, settings, correspondent)? {
        return Ok(None);
    }
    correspondents::first_owed(tx, correspondent.ticket_id, &correspondent.address)
}

/// Computes a running clock anew from its receipt. What has been fired stays fired.
pub fn recompute(tx: &Tx, settings: &Settings, correspondent: &Correspondent) -> Result<()> {
    let Some(clock) = &correspondent.clock else { return Ok(()) };
    let fresh = clock_from(settings, clock.from);
    let next_rung_at = ladder::rung_at(&settings.sla, clock.from, clock.rung).1;
    correspondents::set_clock(tx, correspondent.id, &Clock { rung: clock.rung, next_rung_at, ..fresh })
}
