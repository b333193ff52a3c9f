//! The analyst's verbs on tickets: each checked, written and written down in one transaction.
//!
//! Hostile data: none; what analysts write is theirs. Failure: a refusal leaves everything as it
//! was, also where several tickets are named and one of them refuses.

use super::relations::{admit, outside_address};
use super::tickets::{certificate, find, short};
use super::views::{Answer, Done, When};
use super::{Actor, Answering, App, AppError};
use crate::decide::clocks;
use crate::rules::address::Address;
use crate::rules::gate;
use crate::rules::intent::{Intent, OutKind};
use crate::rules::ticket::{Direction, Priority, State};
use crate::rules::tlp::Mark;
use crate::store::Connection;
use crate::store::messages::{self, Message};
use crate::store::tickets::{self, Ticket};
use crate::store::{Tx, correspondents, history, outbox};
use jiff::Timestamp;

/// A human's text is never longer than this, octets.
const TEXT_MOST: usize = 1 << 20;

pub(super) fn answer(app: &App, actor: &Actor, now: Timestamp, asked: Answering) -> Result<Answer, AppError> {
    app.store.change(|tx| answer_within(app, tx, actor, now, &asked))
}

/// The same within a transaction.
pub(super) fn answer_within(
    app: &App,
    tx: &Tx,
    actor: &Actor,
    now: Timestamp,
    asked: &Answering,
) -> Result<Answer, AppError> {
    let ticket = find(app, tx, now, &asked.number)?;
    if let (Err(refusal), Some(reporter)) = (refuse_merged(tx, &ticket), ticket.reporter.as_deref()) {
        // The reporter of the ticket that lives may be somebody else.
        let words = format!("{refusal} with --to {}", asked.to.as_deref().unwrap_or(reporter));
        return Err(AppError::conflict(words));
    }
    refuse_merged(tx, &ticket)?;
    let to = addressee(tx, &ticket, asked.to.as_deref())?;
    letter(app, tx, actor, now, (asked, &ticket, &to))
}

/// To another party, who becomes a participant: their reply joins.
pub(super) fn write(app: &App, actor: &Actor, now: Timestamp, asked: Answering) -> Result<Answer, AppError> {
    let to = outside_address(app.settings, "to", asked.to.as_deref().unwrap_or_default())?;
    app.store.change(|tx| {
        let ticket = find(app, tx, now, &asked.number)?;
        refuse_merged(tx, &ticket)?;
        admit(tx, &ticket, &to, actor, now)?;
        letter(app, tx, actor, now, (&asked, &ticket, &to))
    })
}

/// A human's message in a ticket to one address.
fn letter(
    app: &App,
    tx: &Tx,
    actor: &Actor,
    now: Timestamp,
    (asked, ticket, to): (&Answering, &Ticket, &Address),
) -> Result<Answer, AppError> {
    let text = checked_text(&asked.text)?;
    let reason = asked.allow_clear.as_deref().map(|reason| checked_reason("allow-clear", reason)).transpose()?;
    let encrypted = will_be_encrypted(app, tx, to, now)?;
    may_leave(ticket, encrypted, reason.is_some())?;
    let message = insert(app, tx, ticket, Direction::Out, (actor, now), (Some(to), text))?;
    let intent = Intent::Answer { message, allow_clear: reason.is_some() };
    outbox::owe(tx, Some(ticket.id), &format!("answer-{message}"), to.as_str(), &intent, now, now)?;
    let clear = match reason {
        Some(reason) if !encrypted => format!(", to leave in clear: {reason}"),
        _ => String::new(),
    };
    let what = if to.key() == ticket.reporter_key() { "answer" } else { "letter to another party" };
    history::add(tx, Some(ticket.id), now, &actor.name, &format!("{what} written (message {message}){clear}"))?;
    let mut words = vec![format!("{}: {}", ticket.number, queued(app))];
    if ticket.assignee.is_none() && app.settings.analyst(&actor.name).is_some() {
        set_assignee(tx, ticket, Some(&actor.name), actor, now)?;
        words.push(format!("{} is assigned to {}", ticket.number, actor.name));
    }
    open(tx, ticket, actor, now)?;
    Ok(done(vec![ticket.number.clone()], Some(message), words))
}

fn queued(app: &App) -> &'static str {
    if app.daemon_running { "the answer is queued" } else { "the answer is queued; no daemon is running" }
}

/// The reporter, or the participant that is named.
pub(super) fn addressee(c: &Connection, ticket: &Ticket, to: Option<&str>) -> Result<Address, AppError> {
    let Some(to) = to else {
        return ticket.reporter.as_deref().and_then(Address::parse).ok_or_else(|| {
            AppError::not_allowed(format!(
                "{} has no reporter to whom mail can be sent; name a participant with --to",
                ticket.number
            ))
        });
    };
    let to = Address::parse(to)
        .ok_or_else(|| AppError::invalid("to", "write one plain e-mail address like name@example.org"))?;
    if tickets::participants(c, ticket.id)?.iter().any(|known| known == to.key()) {
        return Ok(to);
    }
    Err(AppError::not_allowed(format!("{to} is no participant of {}", ticket.number)))
}

/// Whether a mail to that address can be encrypted: candidates never count (T54).
pub(super) fn will_be_encrypted(app: &App, c: &Connection, to: &Address, now: Timestamp) -> Result<bool, AppError> {
    Ok(certificate(app, c, to, now)?.is_some())
}

/// The gate, asked while the analyst is there to hear why not; it is asked again when the answer
/// is sealed.
pub(super) fn may_leave(ticket: &Ticket, encrypted: bool, allow_clear: bool) -> Result<(), AppError> {
    let tlp = ticket.tlp.as_deref().and_then(Mark::from_word);
    gate::may_leave(OutKind::Answer, tlp, ticket.received_encrypted, encrypted, allow_clear).map_err(|refusal| {
        AppError::not_allowed(format!(
            "{}: refused: {refusal} (`vigie key import FILE`, `--allow-clear --reason TEXT`)",
            ticket.number
        ))
    })
}

pub(super) fn note(app: &App, actor: &Actor, now: Timestamp, number: &str, text: String) -> Result<Answer, AppError> {
    let text = checked_text(&text)?;
    app.store.change(|tx| {
        let ticket = find(app, tx, now, number)?;
        refuse_merged(tx, &ticket)?;
        let message = insert(app, tx, &ticket, Direction::Note, (actor, now), (None, text))?;
        history::add(tx, Some(ticket.id), now, &actor.name, &format!("note written (message {message})"))?;
        let words = vec![format!("{}: note kept", ticket.number)];
        Ok(done(vec![ticket.number], Some(message), words))
    })
}

/// Inserts what a human wrote.
fn insert(
    app: &App,
    tx: &Tx,
    ticket: &Ticket,
    direction: Direction,
    (actor, now): (&Actor, Timestamp),
    (to, text): (Option<&Address>, &str),
) -> Result<i64, AppError> {
    let message = Message {
        from: to.map(|_| app.settings.team.address.as_str().to_owned()),
        to: to.iter().map(|to| to.as_str().to_owned()).collect(),
        // To others than the reporter nothing of the reporter's goes.
        subject: to.filter(|to| to.key() == ticket.reporter_key()).map(|_| ticket.subject.clone()).unwrap_or_default(),
        text: text.to_owned(),
        author: Some(actor.name.clone()),
        ..Message::new(ticket.id, direction, now)
    };
    Ok(messages::insert(tx, &message)?)
}

pub(super) fn assign(
    app: &App,
    actor: &Actor,
    now: Timestamp,
    numbers: &[String],
    analyst: Option<&str>,
) -> Result<Answer, AppError> {
    each(app, now, numbers, |tx, ticket| assign_one(app, tx, actor, now, ticket, analyst))
}

/// The same for one ticket, within a transaction.
pub(super) fn assign_one(
    app: &App,
    tx: &Tx,
    actor: &Actor,
    now: Timestamp,
    ticket: &Ticket,
    analyst: Option<&str>,
) -> Result<String, AppError> {
    if let Some(name) = analyst.filter(|name| app.settings.analyst(name).is_none()) {
        let known: Vec<&str> = app.settings.duty.analysts.iter().map(|analyst| analyst.name.as_str()).collect();
        let words = format!("{:?} is no analyst in the config; known: {}, or none", short(name), known.join(", "));
        return Err(AppError::invalid("analyst", words));
    }
    refuse_merged(tx, ticket)?;
    if ticket.assignee.as_deref() == analyst {
        return Ok(format!("{} is assigned to {} already", ticket.number, analyst.unwrap_or("nobody")));
    }
    set_assignee(tx, ticket, analyst, actor, now)?;
    if analyst.is_some() {
        open(tx, ticket, actor, now)?;
    }
    Ok(format!("{} is assigned to {}", ticket.number, analyst.unwrap_or("nobody")))
}

fn set_assignee(
    tx: &Tx,
    ticket: &Ticket,
    analyst: Option<&str>,
    actor: &Actor,
    now: Timestamp,
) -> Result<(), AppError> {
    tickets::set_assignee(tx, ticket.id, analyst)?;
    let what = format!("assigned to {}", analyst.unwrap_or("nobody"));
    Ok(history::add(tx, Some(ticket.id), now, &actor.name, &what)?)
}

/// A new ticket that a human has taken is open.
fn open(tx: &Tx, ticket: &Ticket, actor: &Actor, now: Timestamp) -> Result<(), AppError> {
    if ticket.state == State::New {
        tickets::set_state(tx, ticket.id, State::Open)?;
        history::add(tx, Some(ticket.id), now, &actor.name, "state new -> open")?;
    }
    Ok(())
}

pub(super) fn set_state(
    app: &App,
    actor: &Actor,
    now: Timestamp,
    numbers: &[String],
    state: State,
    reason: Option<&str>,
) -> Result<Answer, AppError> {
    each(app, now, numbers, |tx, ticket| set_state_of_one(app, tx, actor, now, ticket, (state, reason)))
}

/// The same for one ticket, within a transaction.
pub(super) fn set_state_of_one(
    app: &App,
    tx: &Tx,
    actor: &Actor,
    now: Timestamp,
    ticket: &Ticket,
    (state, reason): (State, Option<&str>),
) -> Result<String, AppError> {
    let reason = reason.map(|reason| checked_reason("reason", reason)).transpose()?;
    refuse_merged(tx, ticket)?;
    if !ticket.state.allows(state) {
        return Err(AppError::not_allowed(format!(
            "{} is {}: nobody sets the state {state} by hand",
            ticket.number, ticket.state
        )));
    }
    if ticket.state == state {
        return Ok(format!("{} is {state} already", ticket.number));
    }
    if state == State::Closed && ticket.clock.is_some() && reason.is_none() {
        return Err(AppError::not_allowed(format!(
            "{} still waits for an answer; answer it, or close it with --reason TEXT",
            ticket.number
        )));
    }
    let mut what = format!("state {} -> {state}", ticket.state);
    tickets::set_state(tx, ticket.id, state)?;
    if matches!(state, State::Closed | State::Rejected) && ticket.clock.is_some() {
        correspondents::stop_clocks(tx, ticket.id)?;
        what.push_str(", clock ended");
    }
    if comes_back(ticket.state, state) {
        for correspondent in correspondents::of_ticket(tx, ticket.id)? {
            if let Some(since) = clocks::run_again(tx, app.settings, &correspondent)? {
                let since = When::new(since, &app.settings.team.time_zone);
                what.push_str(&format!(", clock runs again from the receipt at {since}"));
            }
        }
    }
    if let Some(reason) = reason {
        what.push_str(&format!(": {reason}"));
    }
    history::add(tx, Some(ticket.id), now, &actor.name, &what)?;
    Ok(format!("{} is {state}", ticket.number))
}

/// Whether a ticket that was put away comes back to life.
fn comes_back(from: State, to: State) -> bool {
    matches!(from, State::Closed | State::Rejected | State::Resolved) && matches!(to, State::Open | State::Waiting)
}

pub(super) fn set_priority(
    app: &App,
    actor: &Actor,
    now: Timestamp,
    numbers: &[String],
    priority: Priority,
) -> Result<Answer, AppError> {
    each(app, now, numbers, |tx, ticket| set_priority_of_one(tx, actor, now, ticket, priority))
}

/// The same for one ticket, within a transaction.
pub(super) fn set_priority_of_one(
    tx: &Tx,
    actor: &Actor,
    now: Timestamp,
    ticket: &Ticket,
    priority: Priority,
) -> Result<String, AppError> {
    refuse_merged(tx, ticket)?;
    if ticket.priority == priority {
        return Ok(format!("{} has priority {priority} already", ticket.number));
    }
    tickets::set_priority(tx, ticket.id, priority)?;
    let what = format!("priority {} -> {priority}", ticket.priority);
    history::add(tx, Some(ticket.id), now, &actor.name, &what)?;
    Ok(format!("{} has priority {priority}", ticket.number))
}

pub(super) fn label(
    app: &App,
    actor: &Actor,
    now: Timestamp,
    numbers: &[String],
    add: &[String],
    remove: &[String],
) -> Result<Answer, AppError> {
    let well_formed = |label: &String| {
        (1..=40).contains(&label.chars().count())
            && label.chars().all(|c| c.is_alphanumeric() || "-_.:/".contains(c))
            && !label.starts_with('-')
    };
    if let Some(bad) = add.iter().chain(remove).find(|label| !well_formed(label)) {
        let words = format!("{:?} is no label; 1 to 40 letters, digits and -_.:/", short(bad));
        return Err(AppError::invalid("label", words));
    }
    each(app, now, numbers, |tx, ticket| {
        refuse_merged(tx, ticket)?;
        let before = tickets::labels(tx, ticket.id)?;
        let mut changes = Vec::new();
        for label in add.iter().filter(|label| !before.contains(label)) {
            tickets::add_label(tx, ticket.id, label)?;
            changes.push(format!("+{label}"));
        }
        for label in remove.iter().filter(|label| before.contains(label)) {
            tickets::remove_label(tx, ticket.id, label)?;
            changes.push(format!("-{label}"));
        }
        if !changes.is_empty() {
            history::add(tx, Some(ticket.id), now, &actor.name, &format!("labels {}", changes.join(" ")))?;
        }
        let after = tickets::labels(tx, ticket.id)?;
        let shown = if after.is_empty() { "no label".to_owned() } else { after.join(", ") };
        Ok(format!("{}: {shown}", ticket.number))
    })
}

/// Does the same to several tickets in one transaction, each once; gives one line for each.
pub(super) fn each(
    app: &App,
    now: Timestamp,
    numbers: &[String],
    work: impl Fn(&Tx, &Ticket) -> Result<String, AppError>,
) -> Result<Answer, AppError> {
    if numbers.is_empty() {
        return Err(AppError::invalid("ticket", "name at least one"));
    }
    app.store.change(|tx| {
        let (mut found, mut words) = (Vec::new(), Vec::new());
        for number in numbers {
            let ticket = find(app, tx, now, number)?;
            if !found.contains(&ticket.number) {
                words.push(work(tx, &ticket)?);
                found.push(ticket.number);
            }
        }
        Ok(done(found, None, words))
    })
}

pub(super) fn refuse_merged(c: &Connection, ticket: &Ticket) -> Result<(), AppError> {
    if ticket.state != State::Merged {
        return Ok(());
    }
    let into = super::tickets::number_of(c, Some(tickets::living(c, ticket.id)?))?.unwrap_or_default();
    Err(AppError::conflict(format!("{} was merged into {into}; use that number", ticket.number)))
}

pub(super) fn checked_text(text: &str) -> Result<&str, AppError> {
    if text.trim().is_empty() {
        return Err(AppError::invalid("text", "there is none; nothing was done"));
    }
    if text.len() > TEXT_MOST {
        return Err(AppError::invalid("text", "longer than 1 MiB"));
    }
    Ok(text)
}

/// A reason that the history will hold: one line.
pub(super) fn checked_reason<'a>(field: &str, reason: &'a str) -> Result<&'a str, AppError> {
    let reason = reason.trim();
    if reason.is_empty() || reason.chars().count() > 500 || reason.chars().any(char::is_control) {
        return Err(AppError::invalid(field, "a reason is one line of 1 to 500 characters"));
    }
    Ok(reason)
}

pub(super) fn done(tickets: Vec<String>, message: Option<i64>, words: Vec<String>) -> Answer {
    Answer::Done(Done { tickets, message, page: None, words })
}
