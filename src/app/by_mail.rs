//! What analysts say by replying to alerts from their own mail client (T62), done as if they had
//! typed it: the same rules, the same history.
//!
//! That the mail is theirs was proven when it was filed; what is to be done stands in a row, so that
//! a reply is carried out once, however often this runs. All of one reply is one transaction.
//! Hostile data: none. Failure: a refusal, which the analyst is told by mail, sealed; then nothing of
//! the reply was done. Where the store is in trouble the row waits.

use super::work;
use super::{Actor, Answering, App, AppError};
use crate::decide::raise;
use crate::rules::reply::{self, Order, Purpose, Said};
use crate::rules::ticket::State;
use crate::store::messages::{self, Message};
use crate::store::orders::{self, MailOrder};
use crate::store::tickets::{self, Ticket};
use crate::store::{StoreError, Tx, attachments, history};
use jiff::Timestamp;

/// Carries out every reply that waits, each once; gives how many.
pub fn obey(app: &App, now: Timestamp) -> Result<usize, StoreError> {
    let waiting = app.store.read(orders::waiting)?;
    for order in &waiting {
        match app.store.change(|tx| carry_out(app, tx, order, now)) {
            Ok(()) => {}
            Err(AppError::Internal { words }) => {
                tracing::error!(message = order.message_id, words, "an analyst's reply waits");
            }
            Err(refusal) => app.store.write(|tx| refuse(app, tx, order, &refusal.to_string(), now))?,
        }
    }
    Ok(waiting.len())
}

fn carry_out(app: &App, tx: &Tx, order: &MailOrder, now: Timestamp) -> Result<(), AppError> {
    let gone = || AppError::not_found("the ticket is no longer in the store");
    let ticket = tickets::get(tx, tickets::living(tx, order.ticket_id)?)?.ok_or_else(gone)?;
    let mail = messages::get(tx, order.message_id)?.ok_or_else(gone)?;
    let actor = Actor::named(&order.analyst)?;
    let said = said(order, &mail)?;
    let answers = match said.purpose {
        Some(purpose) => purpose == Purpose::Answer,
        None => order.answers,
    };
    let answers = answers && !said.words.is_empty();
    if answers {
        may_be_answered(&ticket, &said)?;
        refuse_attachments(tx, &ticket, &mail)?;
    }
    for asked in &said.orders {
        obey_one(app, tx, &actor, now, asked, ticket.id)?;
    }
    if answers {
        let number = ticket.number.clone();
        let to_reporter = order.to == ticket.reporter_key();
        let to = Some(order.to.clone()).filter(|_| !to_reporter);
        let answering = Answering { number, to, text: format!("{}\n", said.words), allow_clear: None };
        work::answer_within(app, tx, &actor, now, &answering)?;
    } else if !said.words.is_empty() {
        history::add(tx, Some(ticket.id), now, &actor.name, &format!("note by mail, message {}", mail.id))?;
    }
    orders::settle(tx, order.message_id, true)?;
    Ok(())
}

/// Reads the reply; one that says nothing is refused, unless it acknowledges a page.
fn said(order: &MailOrder, mail: &Message) -> Result<Said, AppError> {
    let mut said = reply::read(&mail.text).map_err(|fault| AppError::not_allowed(fault.to_string()))?;
    if order.page_id.is_some() && is_code(&said.words) {
        said.words = String::new();
    }
    let acknowledges = order.page_id.is_some() || said.acknowledge;
    if said.words.is_empty() && (said.purpose.is_some() || (said.orders.is_empty() && !acknowledges)) {
        return Err(AppError::not_allowed("there are no words above the quote"));
    }
    Ok(said)
}

/// The code of a page and nothing else.
fn is_code(words: &str) -> bool {
    let words = words.trim().trim_start_matches("Code:").trim();
    words.len() == 10 && words.bytes().all(|octet| octet.is_ascii_alphanumeric())
}

/// What was put away while the analyst wrote is not answered by accident.
fn may_be_answered(ticket: &Ticket, said: &Said) -> Result<(), AppError> {
    let decided = said.orders.iter().any(|order| matches!(order, Order::State(..)));
    match ticket.state {
        State::Closed | State::Rejected if !decided => Err(AppError::conflict(format!(
            "{} is {} by now; to answer it all the same put a line above your words: #state open",
            ticket.number, ticket.state
        ))),
        _ => Ok(()),
    }
}

/// Answers carry words alone: what is attached would be lost without anybody's noticing.
fn refuse_attachments(tx: &Tx, ticket: &Ticket, mail: &Message) -> Result<(), AppError> {
    // Mail clients attach keys and signatures by themselves.
    let of_client = |kind: &str| kind.starts_with("application/pgp-");
    let attached = attachments::of_ticket(tx, ticket.id)?
        .into_iter()
        .any(|attachment| attachment.message_id == mail.id && !of_client(&attachment.content_type));
    match attached {
        true => Err(AppError::not_allowed("files are attached, and an answer by reply carries words alone")),
        false => Ok(()),
    }
}

fn obey_one(app: &App, tx: &Tx, actor: &Actor, now: Timestamp, order: &Order, ticket: i64) -> Result<(), AppError> {
    // As the order before has left it.
    let Some(ticket) = tickets::get(tx, ticket)? else { return Ok(()) };
    let done = match order {
        Order::Assign(name) => {
            let name = match name.as_str() {
                "me" => Some(actor.name.as_str()),
                "none" => None,
                name => Some(name),
            };
            work::assign_one(app, tx, actor, now, &ticket, name)
        }
        Order::State(state, reason) => {
            work::set_state_of_one(app, tx, actor, now, &ticket, (*state, reason.as_deref()))
        }
        Order::Priority(priority) => work::set_priority_of_one(tx, actor, now, &ticket, *priority),
    };
    done.map(drop)
}

/// Nothing of it was done, and the analyst is told why. The reason may name what they typed: it is said
/// only where the mail leaves encrypted.
fn refuse(app: &App, tx: &Tx, order: &MailOrder, reason: &str, now: Timestamp) -> Result<(), StoreError> {
    if !orders::settle(tx, order.message_id, false)? {
        return Ok(());
    }
    let what = format!("reply by mail of {} refused, message {}", order.analyst, order.message_id);
    history::add(tx, Some(order.ticket_id), now, history::VIGIE, &what)?;
    let details = format!("Why: {reason}.");
    let notice = raise::Notice {
        about: "reply refused",
        slot: &order.message_id.to_string(),
        words: "Your reply about this ticket was refused: nothing of it was done, and nothing was sent.",
        details: Some(&details),
    };
    raise::notice_to(tx, app.settings, order.ticket_id, &order.analyst, &notice, now)
}
