//! What is owed to whom, and why by then: for people.
//!
//! Hostile data: addresses and subjects, through `Untrusted::line`. Failure: none.

use super::output::Output;
use super::tables::{finish, loud, none, shortened, table, urgency, whole};
use super::time;
use crate::app::views::*;
use jiff::Timestamp;

/// Every running clock, oldest promise first.
pub(super) fn unanswered(out: &Output, tickets: &[TicketView], now: Timestamp) -> String {
    let zone = &out.settings.team.time_zone;
    let mut rows: Vec<(&TicketView, &CorrespondentView, &ClockView)> = tickets
        .iter()
        .flat_map(|ticket| ticket.correspondents.iter().filter_map(move |row| Some((ticket, row, row.clock.as_ref()?))))
        .collect();
    rows.sort_by_key(|(_, _, clock)| clock.due_at.at());
    if rows.is_empty() {
        return none("tickets");
    }
    let mut table = table(out, &["ticket", "", "promise", "to", "subject", "assignee"]);
    for (ticket, row, clock) in rows {
        let urgent = urgency(ticket);
        let to = row.address.as_ref().map_or("nobody who can be written to".to_owned(), |address| address.line());
        table.add_row([
            loud(ticket.number.clone(), false),
            loud(urgent.to_owned(), !urgent.is_empty()),
            loud(time::left(clock.due_at, now, zone), clock.due_in_seconds <= 0),
            loud(shortened(&to, 40), false),
            loud(shortened(&ticket.subject.line(), 60), false),
            loud(ticket.assignee.clone().unwrap_or_else(|| "-".to_owned()), false),
        ]);
    }
    for fixed in 0..3 {
        whole(&mut table, fixed);
    }
    finish(&table)
}

/// Why the dates of a ticket are what they are.
pub(super) fn why(out: &Output, why: &WhyView) -> String {
    let mut page = format!("{}  {}\n", out.bold(&why.number), why.state);
    for row in &why.correspondents {
        let who = row.address.as_ref().map_or("nobody who can be written to".to_owned(), |address| address.line());
        let role = if row.role == Role::Reporter { "reporter" } else { "other party" };
        page.push_str(&format!("\n{}\n", out.bold(&format!("{role}: {who}"))));
        if let Some(received) = row.received_at {
            page.push_str(&format!("  received {}\n", shown(out, received)));
        }
        page.extend(row.words.iter().map(|line| format!("  {line}\n")));
        for deadline in &row.deadlines {
            let what = match deadline.name.as_str() {
                "remind_at" => "reminder",
                "due_at" => "answer promised",
                _ => "escalation",
            };
            let plural = if deadline.business_days == 1 { "" } else { "s" };
            let (at, days) = (shown(out, deadline.at), deadline.business_days);
            page.push_str(&format!("  {what}: {at}, {days} business day{plural} after that\n"));
            page.extend(deadline.words.iter().map(|line| format!("    {line}\n")));
        }
    }
    page.push_str(&format!("\nacknowledgement: {}\n", why.acknowledgement));
    for (what, words) in [("machine report", &why.automatic), ("suspected spam", &why.spam)] {
        page.extend(words.iter().map(|words| format!("{what}: {words}\n")));
    }
    page.push_str(&format!("\n{}\n", out.bold("[sla] and [team]")));
    page.extend(why.config.iter().map(|line| {
        let value = if line.value.is_empty() { "none" } else { &line.value };
        format!("  {:14}  {value}\n", line.name)
    }));
    page
}

fn shown(out: &Output, at: When) -> String {
    let zone = &out.settings.team.time_zone;
    let local = zone.to_datetime(at.at());
    format!("{} ({})", crate::rules::why::shown(local), zone.iana_name().unwrap_or("UTC"))
}
