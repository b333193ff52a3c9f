//! Who is told, and in which rows: alerts, pages, reminders, escalations and notices become
//! intents here, inside the transaction that made them necessary.
//!
//! Failure: none of its own. Where nobody can be told, the history says so and `status` shows it.

use crate::rules::intent::{Intent, OutKind};
use crate::rules::ladder::{self, Rung};
use crate::rules::paging::{self, Storm};
use crate::rules::settings::Settings;
use crate::store::correspondents::Correspondent;
use crate::store::duty::NewPage;
use crate::store::tickets::Ticket;
use crate::store::{Result, Tx, duty, history, outbox};
use jiff::{SignedDuration, Timestamp};

/// The analysts who can be reached now, the one on duty first.
pub fn line(tx: &Tx, settings: &Settings, now: Timestamp) -> Result<Vec<String>> {
    let stand_ins = duty::stand_ins(tx, now)?;
    let known = |name: &String| settings.analyst(name).is_some();
    Ok(settings.duty.rota.line(now, &stand_ins).into_iter().filter(known).collect())
}

/// Whom an alert goes to: the analyst on duty; where nobody is, those who take escalations.
fn on_duty(tx: &Tx, settings: &Settings, now: Timestamp) -> Result<Vec<String>> {
    Ok(paging::step(0, &line(tx, settings, now)?, &settings.sla.escalate_to))
}

/// One thing to tell, and to whom.
struct Telling<'a> {
    ticket: Option<i64>,
    /// What makes it one and the same; the analyst's name is added.
    slot: &'a str,
    analysts: &'a [String],
    not_before: Timestamp,
}

/// Owes one mail to each of these analysts; gives whether that is new.
fn owe_each(
    tx: &Tx,
    settings: &Settings,
    telling: &Telling,
    now: Timestamp,
    intent: impl Fn(String) -> Intent,
) -> Result<bool> {
    let Telling { ticket, slot, analysts, not_before } = *telling;
    let mut is_new = false;
    for analyst in analysts.iter().filter_map(|name| settings.analyst(name)) {
        let intent = intent(analyst.name.clone());
        is_new |= outbox::owe(
            tx,
            ticket,
            &format!("{slot}-{}", analyst.name),
            analyst.address.as_str(),
            &intent,
            not_before,
            now,
        )?;
    }
    if analysts.is_empty() {
        history::add(
            tx,
            ticket,
            now,
            history::VIGIE,
            "nobody is on duty and nobody takes escalations: nobody was told",
        )?;
    }
    Ok(is_new)
}

/// Tells the analyst on duty of a new ticket or of a reporter's further mail. In a storm, one
/// mail a window says "N more" (T69).
pub fn alert(tx: &Tx, settings: &Settings, ticket: i64, message: i64, follow_up: bool, now: Timestamp) -> Result<()> {
    let analysts = on_duty(tx, settings, now)?;
    let recent = outbox::alerts_since(tx, now - SignedDuration::from_hours(1))?;
    let analysts = &analysts;
    match paging::storm(&recent, now, paging::ALERTS_SINGLY) {
        Storm::Single => {
            let slot = format!("alert-{message}");
            let telling = Telling { ticket: Some(ticket), slot: &slot, analysts, not_before: now };
            owe_each(tx, settings, &telling, now, |analyst| Intent::Alert { message, follow_up, analyst })?;
        }
        Storm::Grouped { mut window_start, mut send_at } => {
            // A group mail that has left, or is on its way, cannot tell of one more: the next one does.
            while !outbox::is_unsealed(tx, OutKind::Alert, &alerts_slot(window_start))? {
                (window_start, send_at) = (window_start + paging::GROUP_EVERY, send_at + paging::GROUP_EVERY);
            }
            let since = window_start;
            let slot = alerts_slot(since);
            let telling = Telling { ticket: None, slot: &slot, analysts, not_before: send_at };
            history::add(tx, Some(ticket), now, history::VIGIE, &alerted_with_others(since))?;
            owe_each(tx, settings, &telling, now, |analyst| Intent::AlertGroup { since, analyst })?;
        }
    }
    Ok(())
}

fn alerts_slot(window_start: Timestamp) -> String {
    format!("alerts-{}", window_start.as_second())
}

/// What the history of a ticket says when its alert is one of the "N more" of a window.
pub fn alerted_with_others(window_start: Timestamp) -> String {
    format!("alert together with others since {window_start}")
}

/// What the history of a ticket says when it is one of the "N more" of a page.
pub fn paged_with_others(page: i64) -> String {
    format!("page {page} together with others")
}

/// Pages the analyst on duty for an urgent ticket: once until the ticket has come to rest, grouped in a storm.
pub fn page(tx: &Tx, settings: &Settings, ticket: i64, now: Timestamp, code: &str) -> Result<()> {
    let own_slot = match duty::last_page(tx, ticket)? {
        None => format!("ticket-{ticket}"),
        // Who has acknowledged it knows. What burns again after it was put away is news.
        Some(page) if page.acknowledged_at.is_some() && history::rested_since(tx, ticket, page.raised_at)? => {
            format!("ticket-{ticket}-{}", page.id)
        }
        Some(_) => return Ok(()),
    };
    let recent = duty::raised_since(tx, now - SignedDuration::from_hours(1))?;
    match paging::storm(&recent, now, paging::PAGES_SINGLY) {
        Storm::Single => {
            let wish = Wish { ticket: Some(ticket), slot: own_slot, what: "urgent", send_at: now, code };
            raise_page(tx, settings, &wish, now)?;
        }
        Storm::Grouped { mut window_start, mut send_at } => {
            let mut slot = group_slot(window_start);
            let mut group = duty::page_of_slot(tx, &slot)?;
            while group.map_or(Ok(false), |page| is_closed(tx, page))? {
                (window_start, send_at) = (window_start + paging::GROUP_EVERY, send_at + paging::GROUP_EVERY);
                slot = group_slot(window_start);
                group = duty::page_of_slot(tx, &slot)?;
            }
            let group = match group {
                Some(group) => Some(group),
                None => raise_page(tx, settings, &Wish { ticket: None, slot, what: "group", send_at, code }, now)?,
            };
            let told = group.map(paged_with_others);
            if let Some(what) = told {
                let tells = history::of_ticket(tx, ticket)?.iter().any(|event| event.what == what);
                if !tells {
                    history::add(tx, Some(ticket), now, history::VIGIE, &what)?;
                }
            }
        }
    }
    Ok(())
}

fn group_slot(window_start: Timestamp) -> String {
    format!("group-{}", window_start.as_second())
}

/// Whether a group page can tell of no further ticket: somebody acknowledged it, or it has left or is
/// on its way.
fn is_closed(tx: &Tx, page: i64) -> Result<bool> {
    let acknowledged = duty::page(tx, page)?.is_some_and(|page| page.acknowledged_at.is_some());
    Ok(acknowledged || !outbox::is_unsealed(tx, OutKind::Page, &format!("page-{page}-0"))?)
}

/// Raises a page that tries the way to the analyst on duty; gives its id. None: nobody can be reached.
pub fn test_page(tx: &Tx, settings: &Settings, now: Timestamp, code: &str) -> Result<Option<i64>> {
    if on_duty(tx, settings, now)?.is_empty() {
        return Ok(None);
    }
    raise_page(
        tx,
        settings,
        &Wish { ticket: None, slot: format!("test-{code}"), what: "test", send_at: now, code },
        now,
    )
}

/// A page that is wanted.
struct Wish<'a> {
    ticket: Option<i64>,
    slot: String,
    what: &'a str,
    send_at: Timestamp,
    code: &'a str,
}

fn raise_page(tx: &Tx, settings: &Settings, wish: &Wish, now: Timestamp) -> Result<Option<i64>> {
    let analysts = on_duty(tx, settings, now)?;
    let new = NewPage {
        ticket: wish.ticket,
        slot: &wish.slot,
        what: wish.what,
        code: wish.code,
        analysts: &analysts,
        next_at: Some(wish.send_at + settings.duty.page_ack_within),
    };
    let Some(page) = duty::raise(tx, &new, now)? else { return Ok(None) };
    history::add(
        tx,
        wish.ticket,
        now,
        history::VIGIE,
        &format!("page {page} ({}) to {}", wish.what, names(&analysts)),
    )?;
    let telling =
        Telling { ticket: wish.ticket, slot: &format!("page-{page}-0"), analysts: &analysts, not_before: wish.send_at };
    owe_page(tx, settings, (page, 0), &telling, now)?;
    Ok(Some(page))
}

/// A page goes by mail, and by the command and the webhook of each analyst who has one.
fn owe_page(tx: &Tx, settings: &Settings, (page, step): (i64, u32), telling: &Telling, now: Timestamp) -> Result<()> {
    let intent = |analyst| Intent::Page { page, step, analyst };
    owe_each(tx, settings, telling, now, intent)?;
    let Telling { ticket, slot, analysts, not_before } = *telling;
    for analyst in analysts.iter().filter_map(|name| settings.analyst(name)) {
        let name = &analyst.name;
        for (channel, has) in [("command", analyst.command.is_some()), ("webhook", analyst.webhook.is_some())] {
            if has {
                let (slot, to) = (format!("{slot}-{name}-{channel}"), format!("{channel}:{name}"));
                outbox::owe(tx, ticket, &slot, &to, &intent(name.clone()), not_before, now)?;
            }
        }
    }
    Ok(())
}

/// Lets an unacknowledged page climb to the next in line (P9).
pub fn climb(tx: &Tx, settings: &Settings, page: &duty::Page, now: Timestamp) -> Result<()> {
    let step = page.step + 1;
    let mut called = line(tx, settings, page.raised_at)?;
    // Who has come on duty meanwhile is next, before all others.
    if let (Some(first), Some(on_duty)) = (called.first().cloned(), line(tx, settings, now)?.into_iter().next())
        && on_duty != first
    {
        called.retain(|name| *name != on_duty);
        called.insert(1, on_duty);
    }
    let analysts = paging::step(step, &called, &settings.sla.escalate_to);
    let next_at = (!analysts.is_empty()).then(|| now + settings.duty.page_ack_within);
    duty::climb(tx, page.id, step, &analysts, next_at)?;
    if analysts.is_empty() {
        let what = format!("page {} was acknowledged by nobody and nobody is left in line", page.id);
        return history::add(tx, page.ticket_id, now, history::VIGIE, &what);
    }
    history::add(
        tx,
        page.ticket_id,
        now,
        history::VIGIE,
        &format!("page {} was not acknowledged; next in line: {}", page.id, names(&analysts)),
    )?;
    let slot = format!("page-{}-{step}", page.id);
    let telling = Telling { ticket: page.ticket_id, slot: &slot, analysts: &analysts, not_before: now };
    owe_page(tx, settings, (page.id, step), &telling, now)
}

/// A rung of a clock that has come due, and whom it concerns.
pub struct Fired {
    pub ticket: Ticket,
    pub correspondent: Correspondent,
    pub rung: Rung,
    /// How many rungs count as fired with it.
    pub count: u32,
    pub analysts: Vec<String>,
}

/// Whom a rung concerns: a reminder whoever has the ticket, else the one on duty; an escalation the next
/// of those who take them, where nobody is named the one on duty.
pub fn told_of_rung(tx: &Tx, settings: &Settings, ticket: &Ticket, rung: Rung, now: Timestamp) -> Result<Vec<String>> {
    let to = match rung {
        Rung::Escalate(nth) => ladder::escalation_recipients(nth, &settings.sla.escalate_to),
        Rung::Remind | Rung::Due => assigned(settings, ticket),
    };
    if to.is_empty() { on_duty(tx, settings, now) } else { Ok(to) }
}

/// Whoever has the ticket.
fn assigned(settings: &Settings, ticket: &Ticket) -> Vec<String> {
    ticket.assignee.iter().filter(|name| settings.analyst(name).is_some()).cloned().collect()
}

/// Tells of one rung, but for those who get many at once (`catch_up`).
pub fn rung(tx: &Tx, settings: &Settings, fired: &Fired, many: &[String], now: Timestamp) -> Result<()> {
    let slot = clock_slot(&fired.correspondent);
    let to = names(&fired.analysts);
    let (slot, what) = match fired.rung {
        Rung::Escalate(nth) => (format!("{slot}-e{nth}"), format!("escalation {nth} to {to}")),
        Rung::Remind | Rung::Due => (format!("{slot}-{}", fired.count), format!("reminder to {to}")),
    };
    history::add(tx, Some(fired.ticket.id), now, history::VIGIE, &what)?;
    let alone: Vec<String> = fired.analysts.iter().filter(|name| !many.contains(name)).cloned().collect();
    if alone.is_empty() && !fired.analysts.is_empty() {
        return Ok(());
    }
    let telling = Telling { ticket: Some(fired.ticket.id), slot: &slot, analysts: &alone, not_before: now };
    owe_each(tx, settings, &telling, now, |analyst| match fired.rung {
        Rung::Escalate(nth) => Intent::Escalation { nth, analyst },
        rung => Intent::Reminder { due: rung == Rung::Due, analyst },
    })
    .map(|_| ())
}

/// Tells an analyst of all their rungs in one mail; which tickets it names stands in their histories.
pub fn catch_up(tx: &Tx, settings: &Settings, rungs: &[Fired], analyst: &String, now: Timestamp) -> Result<()> {
    let theirs = || rungs.iter().filter(|fired| fired.analysts.contains(analyst));
    let escalation = theirs().any(|fired| matches!(fired.rung, Rung::Escalate(_)));
    let kind = if escalation { OutKind::Escalation } else { OutKind::Reminder };
    let slot = |batch: u32| format!("catch-up-{}-{batch}", now.as_microsecond());
    let mut batch = 0;
    // One that has left, or is on its way, cannot tell of more.
    while outbox::is_owed(tx, kind, &format!("{}-{analyst}", slot(batch)))? {
        batch += 1;
    }
    for fired in theirs() {
        let what = told_with_others(escalation, batch, analyst);
        history::add(tx, Some(fired.ticket.id), now, history::VIGIE, &what)?;
    }
    let (slot, analysts) = (slot(batch), std::slice::from_ref(analyst));
    let telling = Telling { ticket: None, slot: &slot, analysts, not_before: now };
    let intent = |analyst| Intent::CatchUp { since: now, batch, escalation, analyst };
    owe_each(tx, settings, &telling, now, intent).map(|_| ())
}

/// What the history of a ticket says when an analyst is told of it in one mail with others.
pub fn told_with_others(escalation: bool, batch: u32, analyst: &str) -> String {
    let what = if escalation { "escalation" } else { "reminder" };
    let which = if batch == 0 { String::new() } else { format!(", in mail {} of that moment", batch + 1) };
    format!("{what}: told to {analyst} in one mail with others{which}")
}

/// The follow-up date has come: tells whoever has the ticket, else the one on duty.
pub fn follow_up(tx: &Tx, settings: &Settings, ticket: &Ticket, now: Timestamp) -> Result<()> {
    let analysts = match assigned(settings, ticket) {
        nobody if nobody.is_empty() => on_duty(tx, settings, now)?,
        assigned => assigned,
    };
    let what = format!("follow-up: told to {}", names(&analysts));
    history::add(tx, Some(ticket.id), now, history::VIGIE, &what)?;
    let at = ticket.follow_up_at.map_or(0, |at| at.as_microsecond());
    let slot = format!("follow-up-{}-{at}-{}", ticket.id, now.as_microsecond());
    let telling = Telling { ticket: Some(ticket.id), slot: &slot, analysts: &analysts, not_before: now };
    owe_each(tx, settings, &telling, now, |analyst| Intent::FollowUp { analyst }).map(|_| ())
}

/// Tells whoever has the ticket, else the analyst on duty, that somebody cannot be reached by mail.
/// `mail`: which row of the outbox came back; None: what an analyst's own mail client sent.
pub fn unreachable(tx: &Tx, settings: &Settings, ticket: &Ticket, mail: Option<i64>, now: Timestamp) -> Result<()> {
    let analysts = match assigned(settings, ticket) {
        nobody if nobody.is_empty() => on_duty(tx, settings, now)?,
        assigned => assigned,
    };
    let slot = mail.map_or_else(|| format!("unreachable-ticket-{}", ticket.id), |id| format!("unreachable-{id}"));
    let telling = Telling { ticket: Some(ticket.id), slot: &slot, analysts: &analysts, not_before: now };
    if owe_each(tx, settings, &telling, now, |analyst| Intent::Unreachable { mail, analyst })? {
        history::add(tx, Some(ticket.id), now, history::VIGIE, &format!("told {}", names(&analysts)))?;
    }
    Ok(())
}

/// One run of a correspondent's clock: what makes its rungs unique.
fn clock_slot(correspondent: &Correspondent) -> String {
    let from = correspondent.clock.as_ref().map_or(0, |clock| clock.from.as_microsecond());
    format!("clock-{}-{from}", correspondent.id)
}

/// Tells the operators that something needs a person: once per slot. Goes to those who take
/// escalations, else to the analyst on duty.
pub fn notice(
    tx: &Tx,
    settings: &Settings,
    ticket: Option<i64>,
    about: &str,
    slot: &str,
    words: &str,
    now: Timestamp,
) -> Result<()> {
    notice_with(tx, settings, ticket, &Notice { about, slot, words, details: None }, now).map(|_| ())
}

/// Something that needs a person.
pub struct Notice<'a> {
    /// A fixed word or two.
    pub about: &'a str,
    /// What makes it one and the same.
    pub slot: &'a str,
    /// Fixed words: they leave in clear too.
    pub words: &'a str,
    /// Whom or what it concerns by name: said only where the mail is encrypted (law 7).
    pub details: Option<&'a str>,
}

/// As `notice`; gives whether it is new.
pub fn notice_with(tx: &Tx, settings: &Settings, ticket: Option<i64>, notice: &Notice, now: Timestamp) -> Result<bool> {
    let Notice { about, slot, words, details } = *notice;
    let analysts = match settings.sla.escalate_to.is_empty() {
        true => line(tx, settings, now)?.into_iter().take(1).collect(),
        false => settings.sla.escalate_to.clone(),
    };
    let slot = format!("{about}-{slot}");
    let telling = Telling { ticket, slot: &slot, analysts: &analysts, not_before: now };
    owe_each(tx, settings, &telling, now, |analyst| Intent::Notice {
        about: about.to_owned(),
        words: words.to_owned(),
        details: details.map(str::to_owned),
        analyst,
    })
}

/// Owes the signed head of the history to the first who takes escalations, else to the analyst on duty.
pub fn head(tx: &Tx, settings: &Settings, head: i64, rows: i64, now: Timestamp) -> Result<()> {
    let first = settings.sla.escalate_to.iter().find(|name| settings.analyst(name).is_some());
    let analysts = first.map_or_else(|| on_duty(tx, settings, now), |name| Ok(vec![name.clone()]))?;
    history::add(tx, None, now, history::VIGIE, &format!("head of the history signed at line {rows}"))?;
    let slot = format!("head-{head}");
    let telling = Telling { ticket: None, slot: &slot, analysts: &analysts, not_before: now };
    owe_each(tx, settings, &telling, now, |analyst| Intent::Head { head, analyst }).map(|_| ())
}

/// Owes the digest of the instant `at`, once: to the analyst who has come on duty, else to the one
/// who is. Spam is told of since `since`. Gives whether it is new.
pub fn digest(
    tx: &Tx,
    settings: &Settings,
    came: Option<&str>,
    at: Timestamp,
    since: Timestamp,
    now: Timestamp,
) -> Result<bool> {
    let handover = came.is_some();
    let analysts = came.map_or_else(|| on_duty(tx, settings, now), |name| Ok(vec![name.to_owned()]))?;
    let slot = format!("{}-{}", if handover { "handover" } else { "daily" }, at.as_second());
    let telling = Telling { ticket: None, slot: &slot, analysts: &analysts, not_before: now };
    owe_each(tx, settings, &telling, now, |analyst| Intent::Digest { handover, since, analyst })
}

/// As `notice`, to one analyst alone.
pub fn notice_to(
    tx: &Tx,
    settings: &Settings,
    ticket: i64,
    analyst: &str,
    notice: &Notice,
    now: Timestamp,
) -> Result<()> {
    let Notice { about, slot, words, details } = *notice;
    let slot = format!("{about}-{slot}");
    let telling = Telling { ticket: Some(ticket), slot: &slot, analysts: &[analyst.to_owned()], not_before: now };
    let intent = |analyst| Intent::Notice {
        about: about.to_owned(),
        words: words.to_owned(),
        details: details.map(str::to_owned),
        analyst,
    };
    owe_each(tx, settings, &telling, now, intent).map(|_| ())
}

fn names(analysts: &[String]) -> String {
    if analysts.is_empty() { "nobody".to_owned() } else { analysts.join(", ") }
}
