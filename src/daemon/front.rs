//! What the socket leads to: requests and mail handed in, each on a blocking thread.

use super::Ground;
use crate::api::{Delivery, Front};
use crate::app::views::{Answer, IngestLine, Outcome};
use crate::app::{self, Actor, App, AppError, Request};
use crate::house::House;
use crate::journey;
use crate::store::spool::{self, Arrival, Place, Role, SpoolState, Spooled};
use crate::store::{StoreError, tickets};
use jiff::Timestamp;

/// The front of the house, for `api::serve`.
pub(super) fn front(ground: &Ground) -> Front {
    let (asked, given, limited) = (ground.clone(), ground.clone(), ground.clone());
    Front {
        handle: Box::new(move |actor, now, request| handle(&asked, actor, now, request)),
        ingest: Box::new(move |delivery, octets| {
            let house = given.house();
            let now = at(&house, delivery.now)?;
            let line = take_in(&house, delivery, octets, now);
            given.bells.ring_all();
            line
        }),
        message_bytes: Box::new(move || limited.house().settings.message_bytes),
    }
}

fn handle(
    ground: &Ground,
    actor: &Actor,
    asked_now: Option<Timestamp>,
    request: Request,
) -> Result<(Answer, Timestamp), AppError> {
    let house = ground.house();
    let now = at(&house, asked_now)?;
    let changes = request.changes();
    let app = App {
        store: &house.store,
        settings: &house.settings,
        team: house.keys.team(),
        keys: house.keys.as_ref(),
        key_troubles: &|| house.keys.troubles(),
        daemon_running: true,
    };
    let answer = app::handle(&app, actor, now, request);
    if changes {
        ground.bells.ring_all();
    }
    answer.map(|answer| (answer, now))
}

/// The time of one request. A simulated clock that is asked to go on remembers that.
fn at(house: &House, asked_now: Option<Timestamp>) -> Result<Timestamp, AppError> {
    match asked_now {
        Some(asked) => {
            let now = house.clock.run_on_to(asked);
            house.remember_clock()?;
            Ok(now)
        }
        None => Ok(house.now()),
    }
}

/// Spools a mail that somebody hands in, and files it. Once it is spooled it is safe: what goes
/// wrong afterwards is tried again by the loops.
pub fn take_in(house: &House, delivery: Delivery, octets: Vec<u8>, now: Timestamp) -> Result<IngestLine, AppError> {
    if house.settings.mailbox(&delivery.mailbox).is_none() {
        let words = "there is no such mailbox in the config".to_owned();
        return Err(AppError::Invalid { field: "mailbox".to_owned(), words });
    }
    let arrival = Arrival {
        mailbox: delivery.mailbox,
        role: Role::Inbox,
        folder: String::new(),
        place: Place::Nowhere,
        full_size: delivery.full_size.unwrap_or(0).max(octets.len() as u64),
        bytes: octets,
        received_at: now,
        envelope_sender: delivery.sender,
        history: false,
    };
    let stored = IngestLine { ticket: None, message: None, outcome: Outcome::Stored };
    let Some(id) = house.store.write(|tx| spool::insert(tx, &arrival, now))? else { return Ok(stored) };
    let filed = journey::travel(house, id, now).and_then(|mail| Ok(mail.map(|mail| line(house, &mail)).transpose()?));
    if let Err(error) = journey::obey(house, now) {
        tracing::error!(%error, "analysts' replies wait");
    }
    match filed {
        Ok(line) => Ok(line.unwrap_or(stored)),
        Err(error) => {
            tracing::error!(spool = id, %error, "a mail is stored but not filed yet");
            Ok(stored)
        }
    }
}

fn line(house: &House, mail: &Spooled) -> Result<IngestLine, StoreError> {
    let ticket = match mail.ticket_id {
        Some(id) => house.store.read(|c| tickets::get(c, id))?,
        None => None,
    };
    let outcome = match mail.state {
        SpoolState::Filed => Outcome::Filed,
        SpoolState::Joined => Outcome::Joined,
        SpoolState::Duplicate => Outcome::Duplicate,
        SpoolState::Held => Outcome::Held,
        SpoolState::New | SpoolState::Ignored | SpoolState::Dropped => Outcome::Stored,
    };
    Ok(IngestLine { ticket: ticket.map(|ticket| ticket.number), message: mail.message_id, outcome })
}
