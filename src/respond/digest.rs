//! The digest: what lies before the analyst on duty, at each handover and once a day.
//!
//! It is owed only if there is something in it. In clear it holds numbers, urgency, ages and fixed
//! words; encrypted it shows subjects too, but never that of a ticket marked RED or AMBER+STRICT
//! (T111). Hostile data: subjects, shown through an encoder. Failure: the store's only.

use super::wording::{self, Urgency, Words};
use crate::decide::raise;
use crate::rules::digest;
use crate::rules::settings::{Digest, Language, Settings};
use crate::rules::ticket::State;
use crate::rules::tlp::Mark;
use crate::rules::untrusted::Untrusted;
use crate::store::outbox::{self, OutState};
use crate::store::tickets::{self, Filter, Ticket};
use crate::store::{Connection, Result, Store, Tx, duty, settings as values, spool};
use jiff::{SignedDuration, Timestamp};

/// So many tickets are listed under one heading; the rest is counted.
const MOST_LISTED: usize = 50;

/// Owes the digests whose hour has come, and one to whom has come on duty; gives how many.
pub fn turn(store: &Store, settings: &Settings, now: Timestamp) -> Result<usize> {
    if settings.duty.digest == Digest::Never {
        return Ok(0);
    }
    match store.read(values::digests_until)? {
        None => store.write(|tx| values::set_digests_until(tx, now))?,
        Some(until) if until < now => return store.write(|tx| since(tx, settings, until, now)),
        Some(_) => {}
    }
    Ok(0)
}

fn since(tx: &Tx, settings: &Settings, until: Timestamp, now: Timestamp) -> Result<usize> {
    let rota = &settings.duty.rota;
    let (before, spans) = (duty::stand_ins(tx, until)?, duty::stand_ins(tx, now)?);
    let on_duty = rota.on_duty(now, &spans).filter(|name| settings.analyst(name).is_some());
    let came = on_duty.filter(|_| rota.on_duty(until, &before) != on_duty);
    let mut hours = digest::hours(settings.duty.digest, &settings.sla.calendar, now);
    let (last, previous) = (hours.next(), hours.next());
    let hour = last.filter(|hour| *hour > until);
    if came.is_none() && hour.is_none() && now.duration_since(until) < SignedDuration::from_hours(12) {
        return Ok(0);
    }
    values::set_digests_until(tx, now)?;
    // What came since the daily digest before this one has been told to nobody else.
    let told = if hour.is_some() { previous } else { last }.unwrap_or(until);
    if (came.is_none() && hour.is_none()) || Contents::read(tx, settings, told, now)?.is_empty() {
        return Ok(0);
    }
    let owed = match (came, hour) {
        // Who has just come on duty gets one, not two.
        (Some(analyst), _) => raise::digest(tx, settings, Some(analyst), now, told, now)?,
        (None, Some(hour)) => raise::digest(tx, settings, None, hour, told, now)?,
        (None, None) => false,
    };
    Ok(usize::from(owed))
}

/// What a digest tells of.
#[derive(Default)]
struct Contents {
    broken: Vec<Ticket>,
    /// An answer is due within a business day.
    due: Vec<Ticket>,
    open: Vec<Ticket>,
    spam: Vec<Ticket>,
    pages: usize,
    held: usize,
    /// Failed, blocked or unsure.
    unsent: u64,
}

impl Contents {
    fn read(c: &Connection, settings: &Settings, since: Timestamp, now: Timestamp) -> Result<Contents> {
        let mut contents = Contents {
            pages: duty::open_pages(c)?.len(),
            held: spool::held(c)?.len(),
            unsent: outbox::depth(c)?.into_iter().filter(|(state, _)| wants_a_person(*state)).map(|(_, n)| n).sum(),
            ..Contents::default()
        };
        let soon = settings.sla.calendar.after(now, 1);
        let mut live = tickets::list(c, &Filter::default())?;
        live.sort_by_key(|ticket| (ticket.clock.as_ref().map_or(Timestamp::MAX, |clock| clock.due_at), ticket.id));
        for ticket in live {
            let due_at = ticket.clock.as_ref().map(|clock| clock.due_at);
            let list = match due_at {
                _ if ticket.suspected_spam && ticket.received_at > since => &mut contents.spam,
                _ if ticket.suspected_spam || ticket.automatic => continue,
                Some(due) if due <= now => &mut contents.broken,
                Some(due) if due <= soon => &mut contents.due,
                _ if matches!(ticket.state, State::New | State::Open) => &mut contents.open,
                _ => continue,
            };
            list.push(ticket);
        }
        Ok(contents)
    }

    fn is_empty(&self) -> bool {
        let tickets = [&self.broken, &self.due, &self.open, &self.spam].iter().all(|list| list.is_empty());
        tickets && self.pages + self.held == 0 && self.unsent == 0
    }
}

fn wants_a_person(state: OutState) -> bool {
    matches!(state, OutState::Failed | OutState::Blocked | OutState::Unsure)
}

/// The words of a digest. `encrypted`: whether the mail will be, so that subjects may stand in it.
pub fn words(
    c: &Connection,
    settings: &Settings,
    handover: bool,
    since: Timestamp,
    encrypted: bool,
    now: Timestamp,
) -> Result<Words> {
    let contents = Contents::read(c, settings, since, now)?;
    let Contents { broken, due, open, spam, pages, held, unsent } = &contents;
    let counts: Vec<String> = [("broken", broken), ("due", due), ("open", open), ("suspected spam", spam)]
        .iter()
        .filter(|(_, list)| !list.is_empty())
        .map(|(word, list)| format!("{} {word}", list.len()))
        .collect();
    let mut subject = if handover { "You are on duty" } else { "Digest" }.to_owned();
    if !counts.is_empty() {
        subject = format!("{subject}: {}", counts.join(", "));
    }
    let lead = if handover { "You are on duty now. This lies before you." } else { "This lies before you." };
    let mut body = format!("{lead}\n");
    for (heading, list) in [
        ("Promises broken: an answer was due", broken),
        ("Due within a business day", due),
        ("Open", open),
        ("Suspected spam since the last digest", spam),
    ] {
        section(&mut body, heading, list, settings, encrypted, now);
    }
    for (heading, count, list) in [
        ("Pages that nobody has acknowledged", *pages as u64, "vigie duty show"),
        ("Mails in quarantine", *held as u64, "vigie quarantine list"),
        ("Outgoing mails that failed, are blocked or unsure", *unsent, "vigie outbox list"),
    ] {
        if count > 0 {
            body.push_str(&format!("\n{heading}: {count}   ({list})\n"));
        }
    }
    body.push_str("\nList them:  vigie ticket list\n");
    Ok(Words { subject, body })
}

fn section(body: &mut String, heading: &str, list: &[Ticket], settings: &Settings, encrypted: bool, now: Timestamp) {
    if list.is_empty() {
        return;
    }
    body.push_str(&format!("\n{heading}: {}\n", list.len()));
    for ticket in list.iter().take(MOST_LISTED) {
        let mut line = format!("  {}  {} old", ticket.number, wording::age(ticket.received_at, now));
        let urgency = Urgency::of(ticket);
        if urgency != Urgency::Normal {
            line.push_str(&format!(", {}", urgency.words()));
        }
        if let Some(clock) = &ticket.clock {
            line.push_str(&format!(
                ", due {}",
                wording::long_time(clock.due_at, &settings.team.time_zone, Language::En)
            ));
        }
        body.push_str(&line);
        body.push('\n');
        if encrypted && !is_strict(ticket) && !ticket.subject.is_empty() {
            body.push_str(&format!("      {}\n", Untrusted::from(ticket.subject.as_str()).line()));
        }
    }
    if list.len() > MOST_LISTED {
        body.push_str(&format!("  and {} more\n", list.len() - MOST_LISTED));
    }
}

/// Marked RED or AMBER+STRICT: nothing but its number leaves the store by itself.
fn is_strict(ticket: &Ticket) -> bool {
    ticket.tlp.as_deref().and_then(Mark::from_word) >= Some(Mark::AmberStrict)
}
