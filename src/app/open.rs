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
use crate::rules::ticket::{Direction, Kind, Priority, State};
use crate::rules::tlp;
use crate::store::tickets::{self, Message, Ticket};
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
                id: 0,
                number: number.clone(),
                state: State::Open,
                subject: subject.to_owned(),
                mailbox: mailbox.name.clone(),
                kind: mailbox.kind,
                priority: Priority::Normal,
                reported_urgent: asked.urgent,
                urgent_unprotected: false,
                tlp: tlp::read(subject, text).map(|mark| mark.word().to_owned()),
                classification: None,
                severity: None,
                assignee: None,
                consent: None,
                language: if language == Language::Fr { "fr" } else { "en" }.to_owned(),
                automatic: false,
                suspected_spam: false,
                reply_suppressed: None,
                reporter: Some(from.as_str().to_owned()),
                reporter_name: String::new(),
                constituent: constituent.map(|c| c.name.clone()),
                received_encrypted: false,
                received_at: now,
                acknowledged_at: None,
                answered_at: None,
                clock: None,
                remind_at: None,
                due_at: None,
                escalate_at: None,
                escalated_at: None,
                follow_up_at: None,
            },
        )?;
        let message = tickets::insert_message(
            tx,
            &Message {
                id: 0,
                ticket_id: ticket,
                direction: Direction::In,
                message_id: None,
                from: Some(from.as_str().to_owned()),
                to: Vec::new(),
                cc: Vec::new(),
                date: None,
                received_at: now,
                subject: subject.to_owned(),
                text: text.to_owned(),
                raw_id: None,
                verdict: None,
                rechecked: None,
                headers: Vec::new(),
                problems: Vec::new(),
                author: Some(actor.name.clone()),
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
