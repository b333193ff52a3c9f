//! Why a ticket's dates are what they are, whose clock runs, and why nobody was answered.
//!
//! Hostile data: addresses, kept `Untrusted`. Failure: no such ticket.

use super::tickets::{find, role_of};
use super::views::{Answer, CountedDay, DeadlineView, Line, When, WhyCorrespondent, WhyView};
use super::{App, AppError};
use crate::rules::settings::Sla;
use crate::rules::ticket::Direction;
use crate::rules::untrusted::Untrusted;
use crate::rules::why;
use crate::store::Connection;
use crate::store::correspondents::{self, Correspondent};
use crate::store::messages::{self, Message};
use crate::store::spool::{self, Place};
use crate::store::tickets::{self, Ticket};
use jiff::{SignedDuration, Timestamp};

pub(super) fn why(app: &App, now: Timestamp, number: &str) -> Result<Answer, AppError> {
    let view =
        app.store.read(|c| Ok(find(app, c, now, number).and_then(|ticket| Ok(view(app, c, &ticket, now)?))))??;
    Ok(Answer::Why(Box::new(view)))
}

fn view(app: &App, c: &Connection, ticket: &Ticket, now: Timestamp) -> crate::store::Result<WhyView> {
    let messages = messages::of_ticket(c, ticket.id)?;
    let mut rows = correspondents::of_ticket(c, ticket.id)?;
    let reporter = ticket.reporter_key();
    let participants = tickets::participants(c, ticket.id)?;
    rows.retain(|row| row.address == reporter || row.due_at.is_some() || participants.contains(&row.address));
    rows.sort_by_key(|row| row.address != reporter);
    let correspondents =
        rows.iter().map(|row| correspondent(app, c, ticket, row, &messages, now)).collect::<Result<_, _>>()?;
    let first = messages.iter().find(|message| message.direction == Direction::In);
    let mark = match first {
        Some(message) => messages::machine_mark(c, message.id)?,
        None => None,
    };
    Ok(WhyView {
        number: ticket.number.clone(),
        state: ticket.state,
        correspondents,
        acknowledgement: acknowledgement(app, c, ticket, first, mark.as_deref())?,
        automatic: ticket
            .automatic
            .then(|| mark.as_deref().map_or("it bears the marks of one".to_owned(), why::machine)),
        spam: ticket.suspected_spam.then(|| why::no_reply("suspected_spam")),
        config: config(&app.settings.sla, app.settings.team.time_zone.iana_name()),
    })
}

/// The promises, as the config has them.
fn config(sla: &Sla, zone: Option<&str>) -> Vec<Line> {
    let calendar = &sla.calendar;
    let days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let business: Vec<&str> = days.iter().zip(calendar.weekdays).filter(|(_, is)| *is).map(|(day, _)| *day).collect();
    let line = |name: &str, value: String| Line { name: name.to_owned(), value };
    let days = |n: u32| format!("{n} business day{}", if n == 1 { "" } else { "s" });
    vec![
        line("time_zone", zone.unwrap_or("UTC").to_owned()),
        line("business_days", business.join(", ")),
        line("holidays", calendar.holidays.name().to_owned()),
        line("closed", calendar.closed.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
        line("cut_off", calendar.cut_off.map_or(String::new(), |at| at.strftime("%H:%M").to_string())),
        line("remind_after", days(sla.remind_after)),
        line("answer_within", days(sla.answer_within)),
        line("escalate_after", days(sla.escalate_after)),
        line("repeat_every", days(sla.repeat_every)),
    ]
}

fn correspondent(
    app: &App,
    c: &Connection,
    ticket: &Ticket,
    row: &Correspondent,
    messages: &[Message],
    now: Timestamp,
) -> crate::store::Result<WhyCorrespondent> {
    let sla = &app.settings.sla;
    let zone = &app.settings.team.time_zone;
    let from = row.clock_from;
    let mut words = Vec::new();
    let mut deadlines = Vec::new();
    let mut mail = None;
    if let Some(from) = from {
        for message in messages.iter().filter(|message| message.received_at == from) {
            if correspondents::author(c, message.id)?.as_deref() == Some(&row.address) {
                mail = Some(message);
                break;
            }
        }
        words.push(match mail {
            Some(mail) => format!("from message {}: {}", mail.id, receipt(c, mail)?),
            None => "from a mail that is no longer in this ticket".to_owned(),
        });
        for (name, days) in
            [("remind_at", sla.remind_after), ("due_at", sla.answer_within), ("escalate_at", sla.escalate_after)]
        {
            let count = why::count(&sla.calendar, from, days);
            deadlines.push(DeadlineView {
                name: name.to_owned(),
                at: When::new(sla.calendar.after(from, days), zone),
                business_days: days,
                days: count
                    .days
                    .into_iter()
                    .map(|day| CountedDay {
                        date: day.date.to_string(),
                        counts: day.why_not.is_none(),
                        why: day.why_not,
                    })
                    .collect(),
                words: count.lines,
            });
        }
    }
    let shown = |at: Timestamp| why::shown(zone.to_datetime(at));
    words.push(match (&row.clock, row.answered_at, from) {
        (Some(clock), ..) if clock.due_at <= now => {
            format!("the clock runs; the promise is broken since {}", shown(clock.due_at))
        }
        (Some(_), ..) => "the clock runs: no human message has gone to them after that mail".to_owned(),
        (None, Some(at), _) => format!("no clock runs: a human message reached them on {}", shown(at)),
        (None, None, Some(_)) => format!("no clock runs any more: see the history (the ticket is {})", ticket.state),
        (None, None, None) if ticket.automatic => {
            "no clock: nobody is promised an answer to a machine report".to_owned()
        }
        (None, None, None) if ticket.suspected_spam => "no clock: suspected spam waits for nobody".to_owned(),
        (None, None, None) if row.address == ticket.reporter_key() => {
            "no clock: no mail of theirs asked for one".to_owned()
        }
        (None, None, None) => "no clock: they have not written".to_owned(),
    });
    Ok(WhyCorrespondent {
        address: (!row.address.is_empty()).then(|| Untrusted::from(row.address.as_str())),
        role: role_of(ticket, row),
        message: mail.map(|mail| mail.id),
        received_at: from.map(|at| When::new(at, zone)),
        deadlines,
        words,
    })
}

/// Where the time of a receipt comes from.
fn receipt(c: &Connection, message: &Message) -> crate::store::Result<String> {
    let Some(mail) = spool::of_message(c, message.id)? else {
        return Ok("written down by hand: the time at which the ticket was opened".to_owned());
    };
    let first_sight = spool::spooled_at(c, mail.id)?.is_some_and(|at| {
        let apart = at.duration_since(mail.received_at).abs();
        apart < SignedDuration::from_millis(1)
    });
    Ok(match (mail.place, first_sight) {
        (Place::Imap { .. }, false) => "the time at which the mail server received it (INTERNALDATE)",
        (Place::Imap { .. }, true) => {
            "the time of first sight: the server's own (INTERNALDATE) was missing, to come, or more than 30 days before"
        }
        (Place::Maildir { .. }, false) => "the time of the file in the Maildir",
        (Place::Maildir { .. }, true) => {
            "the time of first sight: the file's own was to come, or more than 30 days before"
        }
        (Place::Nowhere, _) => "the time at which it was given to `vigie ingest`",
    }
    .to_owned())
}

fn acknowledgement(
    app: &App,
    c: &Connection,
    ticket: &Ticket,
    first: Option<&Message>,
    mark: Option<&str>,
) -> crate::store::Result<String> {
    let zone = &app.settings.team.time_zone;
    let by_hand = match first {
        Some(message) => spool::of_message(c, message.id)?.is_none(),
        None => false,
    };
    Ok(match (ticket.acknowledged_at, &ticket.reply_suppressed) {
        (Some(at), _) => format!("accepted by the mail server on {}", why::shown(zone.to_datetime(at))),
        (None, Some(word)) => format!("none ({word}): {}", why::no_reply(word)),
        (None, None) if ticket.automatic => {
            format!(
                "none: a machine report is never answered ({})",
                mark.map_or("it bears the marks of one".to_owned(), why::machine)
            )
        }
        (None, None) if by_hand => {
            "none yet: a ticket that is opened by hand is acknowledged with --acknowledge alone".to_owned()
        }
        (None, None) => {
            "none yet: see `vigie outbox list`, and whether the mail belonged to another ticket before".to_owned()
        }
    })
}
