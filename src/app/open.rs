//! A ticket for what was not mailed: a phone call, a visit.
//!
//! The text is the analyst's; the caller is whom they say they are, as far as the analyst could tell.
//! Failure: a refusal, and nothing is kept.

use super::relations::outside_address;
use super::views::Answer;
use super::work::{checked_text, done};
use super::{Actor, App, AppError, Opening};
use crate::decide::{clocks, raise};
use crate::edge::random;
use crate::rules::intent::Intent;
use crate::rules::settings::Language;
use crate::rules::ticket::{Direction, Kind, State};
use crate::rules::tlp;
use crate::store::messages::{self, Message};
use crate::store::tickets::{self, Ticket};
use crate::store::{correspondents, history, outbox};
use jiff::Timestamp;

/// Opens it. Who takes a call has it in hand: nobody is alerted, and only what is urgent pages.
pub(super) fn open(app: &App, actor: &Actor, now: Timestamp, asked: &Opening) -> Result<Answer, AppError> {
    let settings = app.settings;
    let text = checked_text(&asked.text)?;
    let from = outside_address(settings, "from", &asked.from)?;
    let subject = asked.subject.as_deref().unwrap_or("Phone call").trim();
    if subject.is_empty() || subject.chars().count() > 200 || subject.chars().any(char::is_control) {
        return Err(AppError::invalid("subject", "one line of 1 to 200 characters"));
    }
    let Some(mailbox) = settings.mailbox(&asked.mailbox) else {
        let known: Vec<&str> = settings.mailboxes.iter().map(|mailbox| mailbox.name.as_str()).collect();
        return Err(AppError::invalid("mailbox", format!("there is none of that name; known: {}", known.join(", "))));
    };
    if mailbox.kind == Kind::Feed {
        let words = format!("{} takes machine reports, of which nobody is told; name another mailbox", mailbox.name);
        return Err(AppError::not_allowed(words));
    }
    let constituent = settings.constituent(&from);
    let language =
        constituent.and_then(|c| c.language).or(settings.team.languages.first().copied()).unwrap_or(Language::En);
    app.store.change(|tx| {
        let year = now.to_zoned(settings.team.time_zone.clone()).year();
        let number = tickets::next_number(tx, &settings.team.ticket_prefix, year)?.to_string();
        let ticket = tickets::insert(
            tx,
            &Ticket {
                state: State::Open,
                subject: subject.to_owned(),
                reported_urgent: asked.urgent,
                tlp: tlp::read(subject, text).map(|mark| mark.word().to_owned()),
                language: if language == Language::Fr { "fr" } else { "en" }.to_owned(),
                reporter: Some(from.as_str().to_owned()),
                constituent: constituent.map(|c| c.name.clone()),
                ..Ticket::new(number.clone(), mailbox.name.clone(), mailbox.kind, now)
            },
        )?;
        let message = messages::insert(
            tx,
            &Message {
                from: Some(from.as_str().to_owned()),
                subject: subject.to_owned(),
                text: text.to_owned(),
                author: Some(actor.name.clone()),
                ..Message::new(ticket, Direction::In, now)
            },
        )?;
        correspondents::set_author(tx, message, from.key())?;
        let what = format!("opened by hand for mailbox {}, message {message}", mailbox.name);
        history::add(tx, Some(ticket), now, &actor.name, &what)?;
        let due_at = clocks::start(tx, settings, ticket, from.key(), (message, now))?;
        let mut words = vec![format!("{number} is opened")];
        if asked.acknowledge {
            let intent = Intent::Acknowledgement {
                language,
                received_at: now,
                due_at: Some(due_at),
                in_reply_to: None,
                references: Vec::new(),
                wrong_key: false,
            };
            outbox::owe(tx, Some(ticket), &format!("ticket-{ticket}"), from.as_str(), &intent, now, now)?;
            words.push(format!("the acknowledgement to {from} is queued"));
        }
        if asked.urgent {
            raise::page(tx, settings, ticket, now, &random::code())?;
            words.push("the analyst on duty is paged".to_owned());
        }
        Ok(done(vec![number], Some(message), words))
    })
}
