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
use jiff::Timestamp;

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

/// Starts a correspondent's clock at a receipt, unless it runs already; gives the due time.
pub fn start(tx: &Tx, settings: &Settings, ticket: i64, address: &str, from: Timestamp) -> Result<Timestamp> {
    let correspondent = correspondents::ensure(tx, ticket, address)?;
    if let Some(clock) = correspondent.clock {
        return Ok(clock.due_at);
    }
    let clock = clock_from(settings, from);
    correspondents::set_clock(tx, correspondent.id, &clock)?;
    Ok(clock.due_at)
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
        let Some(clock) = correspondent.clock else { continue };
        match correspondents::first_received_after(tx, ticket, address, at)? {
            None => {
                correspondents::stop_clock(tx, correspondent.id)?;
                ended = true;
            }
            Some(since) if since > clock.from => {
                correspondents::set_clock(tx, correspondent.id, &clock_from(settings, since))?;
            }
            Some(_) => {}
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

/// Lets the clock of a correspondent run again who was promised an answer once and has had none;
/// gives since when.
pub fn run_again(tx: &Tx, settings: &Settings, correspondent: &Correspondent) -> Result<Option<Timestamp>> {
    // A clock that ended leaves its deadlines behind: without them none ever ran.
    if correspondent.clock.is_some() || correspondent.due_at.is_none() {
        return Ok(None);
    }
    let answered = correspondent.answered_at.unwrap_or(Timestamp::UNIX_EPOCH);
    let ticket = correspondent.ticket_id;
    let since = correspondents::first_received_after(tx, ticket, &correspondent.address, answered)?;
    if let Some(since) = since {
        correspondents::set_clock(tx, correspondent.id, &clock_from(settings, since))?;
    }
    Ok(since)
}

/// Computes a running clock anew from its receipt. What has been fired stays fired.
pub fn recompute(tx: &Tx, settings: &Settings, correspondent: &Correspondent) -> Result<()> {
    let Some(clock) = &correspondent.clock else { return Ok(()) };
    let fresh = clock_from(settings, clock.from);
    let next_rung_at = ladder::rung_at(&settings.sla, clock.from, clock.rung).1;
    correspondents::set_clock(tx, correspondent.id, &Clock { rung: clock.rung, next_rung_at, ..fresh })
}
