//! Lists for people. Everything foreign goes through `Untrusted::line`.

use super::output::Output;
use super::time;
use crate::app::views::*;
use crate::arrive::defang::defang;
use crate::rules::ticket::Priority;
use crate::rules::untrusted::Untrusted;
use comfy_table::{Attribute, Cell, Color, ColumnConstraint, ContentArrangement, Table, presets};
use jiff::Timestamp;

/// A table without lines: one row a line where the terminal is wide enough.
pub(super) fn table(out: &Output, headers: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    if out.styled {
        table.enforce_styling();
    } else {
        // The terminal's width counts without colours too.
        let width = table.width();
        table.force_no_tty();
        width.map(|width| table.set_width(width));
    }
    table.set_header(headers.iter().map(|header| Cell::new(header).add_attribute(Attribute::Bold)));
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
}

pub(super) fn finish(table: &Table) -> String {
    // Trailing blanks would wrap on a narrow terminal.
    table.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

pub(super) fn loud(text: String, is_loud: bool) -> Cell {
    let cell = Cell::new(text);
    if is_loud { cell.fg(Color::Red).add_attribute(Attribute::Bold) } else { cell }
}

fn or_dash(text: Option<&str>) -> &str {
    text.filter(|text| !text.is_empty()).unwrap_or("-")
}

/// Nothing to show is said, not left blank.
pub(super) fn none(what: &str) -> String {
    format!("no {what}\n")
}

/// What a subject keeps at least of a line, with its padding: words cut in pieces help nobody.
const SUBJECT_LEAST: usize = 26;

pub(super) fn tickets(out: &Output, tickets: &[TicketView], now: Timestamp) -> String {
    if tickets.is_empty() {
        return none("tickets");
    }
    let headers = ["ticket", "state", "", "due", "subject", "from", "assignee"];
    let mut table = table(out, &headers);
    let mut widths = headers.map(str::len);
    for ticket in tickets {
        let urgent = urgency(ticket);
        let (due, broken) = due_in_short(out, ticket, now);
        let words = [
            ticket.number.clone(),
            ticket.state.word().to_owned(),
            urgent.to_owned(),
            due,
            shortened(&defang(&ticket.subject.line()), 80),
            shortened(&from(&ticket.reporter), 40),
            or_dash(ticket.assignee.as_deref()).to_owned(),
        ];
        for (width, words) in widths.iter_mut().zip(&words) {
            *width = (*width).max(words.chars().count());
        }
        let is_loud = |place| (place == 2 && !urgent.is_empty()) || (place == 3 && broken);
        table.add_row(words.into_iter().enumerate().map(|(place, words)| loud(words, is_loud(place))));
    }
    for fixed in 0..4 {
        whole(&mut table, fixed);
    }
    let hidden = table.width().map_or(&[][..], |width| too_many(&widths, width.into()));
    for left_out in hidden {
        if let Some(column) = table.column_mut(*left_out) {
            column.set_constraint(ColumnConstraint::Hidden);
        }
    }
    let mut text = finish(&table);
    if !hidden.is_empty() {
        let names: Vec<&str> = hidden.iter().map(|place| headers[*place]).collect();
        let columns = if names.len() == 1 { "column" } else { "columns" };
        text.push_str(&format!("({columns} {} hidden: widen the terminal or use --json)\n", names.join(", ")));
    }
    text
}

/// Which columns of a list of tickets do not fit: who reports goes first, then whose it is.
fn too_many(widths: &[usize; 7], terminal: usize) -> &'static [usize] {
    let padded = |place: usize| widths[place] + 2;
    let least = (0..4).map(padded).sum::<usize>() + SUBJECT_LEAST;
    if least + padded(5) + padded(6) <= terminal {
        &[]
    } else if least + padded(6) <= terminal {
        &[5]
    } else {
        &[5, 6]
    }
}

/// Lets a column never wrap.
pub(super) fn whole(table: &mut Table, column: usize) {
    if let Some(column) = table.column_mut(column) {
        column.set_constraint(ColumnConstraint::ContentWidth);
    }
}

/// The loudest word about urgency.
pub(super) fn urgency(ticket: &TicketView) -> &'static str {
    match (ticket.priority, ticket.reported_urgent, ticket.urgent_unprotected) {
        (Priority::Emergency, _, _) => "EMERGENCY",
        (_, true, false) => "URGENT",
        (_, true, true) => "URGENT?",
        _ => "",
    }
}

/// Who reports, as far as it is known.
pub(super) fn from(reporter: &ReporterView) -> String {
    let name = reporter.name.line();
    match &reporter.address {
        Some(address) if name.trim().is_empty() => address.line(),
        Some(address) => format!("{name} <{}>", address.line()),
        None if name.trim().is_empty() => "nobody can be written to".to_owned(),
        None => format!("{name} (cannot be written to)"),
    }
}

fn due_in_short(out: &Output, ticket: &TicketView, now: Timestamp) -> (String, bool) {
    let (due, broken) = promise_in_short(out, ticket, now);
    match ticket.follow_up_at {
        None => (due, broken),
        Some(at) => {
            let follow_up = format!("follow-up {}", time::day(at, now, &out.settings.team.time_zone));
            (if due == "-" { follow_up } else { format!("{due}; {follow_up}") }, broken)
        }
    }
}

fn promise_in_short(out: &Output, ticket: &TicketView, now: Timestamp) -> (String, bool) {
    let calendar = &out.settings.sla.calendar;
    match (ticket.clock_from, ticket.due_at) {
        (Some(_), Some(due)) if due.at() <= now => {
            (format!("BROKEN {}", time::distance(due.at(), now, calendar)), true)
        }
        (Some(_), Some(due)) => (time::deadline(due, now, &out.settings.team.time_zone), false),
        _ if ticket.answered_at.is_some() => ("answered".to_owned(), false),
        _ => ("-".to_owned(), false),
    }
}

pub(super) fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

pub(super) fn attachments(out: &Output, attachments: &[AttachmentView]) -> String {
    if attachments.is_empty() {
        return none("attachments");
    }
    let mut table = table(out, &["id", "message", "name", "type", "bytes", "sha256"]);
    for attachment in attachments {
        table.add_row([
            attachment.id.to_string(),
            attachment.message.to_string(),
            shortened(&attachment.name.line(), 60),
            shortened(&attachment.content_type.line(), 40),
            attachment.size.to_string(),
            attachment.sha256.clone(),
        ]);
    }
    finish(&table)
}

pub(super) fn keys(out: &Output, keys: &[KeyView]) -> String {
    if keys.is_empty() {
        return none("keys");
    }
    let mut table = table(out, &["fingerprint", "who", "authenticated", "notes"]);
    for key in keys {
        let who = key.user_ids.iter().map(Untrusted::line).collect::<Vec<_>>().join("; ");
        let is_loud = key.revoked || !key.problems.is_empty();
        table.add_row([
            Cell::new(&key.fingerprint),
            Cell::new(shortened(&who, 80)),
            Cell::new(standing(key)),
            loud(notes(key), is_loud),
        ]);
    }
    whole(&mut table, 0);
    finish(&table)
}

fn standing(key: &KeyView) -> &'static str {
    match (key.secret, key.candidate) {
        (true, _) => "ours",
        (_, true) => "candidate",
        _ => key.authenticated.word(),
    }
}

fn notes(key: &KeyView) -> String {
    let mut notes: Vec<&str> = Vec::new();
    if key.revoked {
        notes.push("REVOKED");
    }
    notes.extend(key.problems.iter().map(String::as_str));
    if notes.is_empty() { "-".to_owned() } else { notes.join("; ") }
}

pub(super) fn key(out: &Output, key: &KeyView, now: Timestamp) -> String {
    let day = |at: Option<When>| at.map_or("-".to_owned(), |at| time::day(at, now, &out.settings.team.time_zone));
    let mut lines = vec![("fingerprint", out.bold(&key.fingerprint))];
    lines.extend(key.user_ids.iter().map(|id| ("user id", id.line())));
    lines.push(("authenticated", standing(key).to_owned()));
    lines.extend(key.certified.iter().map(|address| ("introduced", address.line())));
    lines.push(("created", day(key.created_at)));
    lines.push(("expires", key.expires_at.map_or("never".to_owned(), |at| day(Some(at)))));
    if key.revoked || !key.problems.is_empty() {
        lines.push(("problems", out.loud(&notes(key))));
    }
    if let Some(origin) = &key.origin {
        lines.push(("came by", format!("{} ({})", origin.source, day(origin.added_at))));
        if let (Some(by), Some(method)) = (&origin.confirmed_by, &origin.method) {
            lines.push(("confirmed", format!("{} by {by}, {method}", day(origin.confirmed_at))));
        }
        lines.extend(origin.note.iter().map(|note| ("note", Untrusted::from(note.as_str()).line())));
    }
    facts(&lines)
}

/// Names and values, one a line.
pub(super) fn facts(lines: &[(&str, String)]) -> String {
    let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    lines.iter().map(|(name, value)| format!("{name:width$}  {value}\n")).collect()
}

pub(super) fn duty(out: &Output, duty: &DutyView, now: Timestamp) -> String {
    let day = |at: When| time::day(at, now, &out.settings.team.time_zone);
    let on_duty = duty.on_duty.clone().unwrap_or_else(|| out.loud("nobody"));
    let mut lines = vec![("on duty", out.bold(&on_duty))];
    lines.extend(duty.until.map(|until| ("until", day(until))));
    lines.extend(duty.next.clone().map(|next| ("then", next)));
    lines.extend(
        duty.overrides.iter().map(|o| ("stands in", format!("{}, {} to {}", o.analyst, day(o.from), day(o.to)))),
    );
    lines.extend(duty.gaps.iter().map(|gap| ("GAP", out.loud(&format!("{} to {}", day(gap.from), day(gap.to))))));
    let mut text = facts(&lines);
    if !duty.pages.is_empty() {
        let mut table = table(out, &["page", "about", "raised", "reached", "acknowledged"]);
        for page in &duty.pages {
            let acknowledged = page
                .acknowledged_at
                .map(|at| format!("{} by {}", day(at), page.acknowledged_by.as_deref().unwrap_or("somebody")));
            table.add_row([
                Cell::new(page.id),
                Cell::new(page.ticket.as_deref().unwrap_or(&page.what)),
                Cell::new(day(page.raised_at)),
                Cell::new(&page.analyst),
                loud(acknowledged.clone().unwrap_or_else(|| "no".to_owned()), acknowledged.is_none()),
            ]);
        }
        text.push('\n');
        text.push_str(&finish(&table));
    }
    text
}

pub(super) fn outbox(out: &Output, rows: &[OutView], now: Timestamp) -> String {
    if rows.is_empty() {
        return none("mail to be sent");
    }
    let mut table = table(out, &["id", "kind", "ticket", "to", "state", "tries", "next try", "last error"]);
    for row in rows {
        let next = row.next_try_at.map(|at| time::day(at, now, &out.settings.team.time_zone));
        let error = row.last_error.as_ref().map(Untrusted::line);
        table.add_row([
            Cell::new(row.id),
            Cell::new(&row.kind),
            Cell::new(or_dash(row.ticket.as_deref())),
            Cell::new(row.to.line()),
            loud(row.state.clone(), ["failed", "blocked", "unsure"].contains(&row.state.as_str())),
            Cell::new(row.attempts),
            Cell::new(next.as_deref().unwrap_or("-")),
            Cell::new(shortened(error.as_deref().unwrap_or("-"), 100)),
        ]);
    }
    finish(&table)
}

pub(super) fn quarantine(out: &Output, mails: &[HeldView], now: Timestamp) -> String {
    if mails.is_empty() {
        return none("mail in quarantine");
    }
    let mut table = table(out, &["id", "mailbox", "received", "bytes", "tries", "why", "ticket"]);
    for mail in mails {
        table.add_row([
            mail.id.to_string(),
            mail.mailbox.clone(),
            time::day(mail.received_at, now, &out.settings.team.time_zone),
            mail.size.to_string(),
            mail.attempts.to_string(),
            or_dash(mail.reason.as_deref()).to_owned(),
            or_dash(mail.ticket.as_deref()).to_owned(),
        ]);
    }
    finish(&table)
}

pub(super) fn held(out: &Output, mail: &HeldView, now: Timestamp) -> String {
    let mut text = facts(&[
        ("id", mail.id.to_string()),
        ("mailbox", mail.mailbox.clone()),
        ("received", time::day(mail.received_at, now, &out.settings.team.time_zone)),
        ("bytes", mail.size.to_string()),
        ("sha256", or_dash(mail.sha256.as_deref()).to_owned()),
        ("tries", mail.attempts.to_string()),
        ("why", or_dash(mail.reason.as_deref()).to_owned()),
        ("ticket", or_dash(mail.ticket.as_deref()).to_owned()),
    ]);
    if let Some(head) = &mail.head {
        text.push_str(&format!("\nit begins:\n{}\n", head.terminal()));
    }
    text
}

pub(super) fn status(out: &Output, status: &StatusView, now: Timestamp) -> String {
    let day = |at: When| time::day(at, now, &out.settings.team.time_zone);
    let waits: Vec<String> = status.outbox.iter().map(|(state, count)| format!("{count} {state}")).collect();
    let mut text = facts(&[
        ("daemon", if status.daemon_running { "running" } else { "not running" }.to_owned()),
        ("oldest unfiled mail", status.oldest_unfiled.map_or("none".to_owned(), day)),
        ("outbox", if waits.is_empty() { "empty".to_owned() } else { waits.join(", ") }),
        ("broken promises", status.broken_promises.to_string()),
        ("pages open", status.unacknowledged_pages.len().to_string()),
        ("quarantine", status.quarantine.to_string()),
    ]);
    if !status.loops.is_empty() {
        let mut table = table(out, &["loop", "last run", "last good", "error"]);
        for turn in &status.loops {
            let error = turn.last_error.as_deref().map(|error| Untrusted::from(error).line());
            table.add_row([
                Cell::new(&turn.name),
                Cell::new(day(turn.last_run)),
                Cell::new(turn.last_ok.map_or("never".to_owned(), day)),
                loud(error.clone().unwrap_or_else(|| "-".to_owned()), error.is_some()),
            ]);
        }
        text.push('\n');
        text.push_str(&finish(&table));
    }
    text.push('\n');
    for warning in &status.config_warnings {
        text.push_str(&format!("warning: {warning}\n"));
    }
    match status.needs_person {
        true => {
            text.push_str(&out.loud("needs a person:"));
            text.push('\n');
            text.extend(status.reasons.iter().map(|reason| format!("  {}\n", Untrusted::from(reason.as_str()).line())));
        }
        false => text.push_str("nothing needs a person\n"),
    }
    text
}

#[cfg(test)]
mod tests {
    use super::too_many;

    #[test]
    fn a_list_leaves_out_only_what_does_not_fit() {
        let widths = [14, 7, 6, 15, 40, 30, 8];
        assert_eq!(too_many(&widths, 118), &[] as &[usize]);
        assert_eq!(too_many(&widths, 100), &[5]);
        assert_eq!(too_many(&widths, 80), &[5, 6]);
    }
}
