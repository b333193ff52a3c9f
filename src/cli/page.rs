//! One ticket on a page that answers in one look: who says this, is that proven, what is it
//! about, how long do I have.
//!
//! Hostile data: all that the mail says; `line` or `terminal` for every bit of it (T12, T73).
//! Indicators are defanged (P17), so that no terminal makes a link of them.

use super::judged;
use super::output::Output;
use super::tables::{facts, from, urgency};
use super::time;
use crate::app::views::*;
use crate::arrive::defang::defang;
use crate::rules::ticket::Direction;
use crate::rules::untrusted::Untrusted;
use crate::rules::verdict::FileVerdict;
use jiff::Timestamp;

/// The whole page.
pub(super) fn ticket(out: &Output, ticket: &TicketView, now: Timestamp) -> String {
    let mut page = head(out, ticket);
    page.push_str(&facts(&summary(out, ticket, now)));
    for message in ticket.messages.iter().flatten() {
        page.push('\n');
        page.push_str(&message_block(out, ticket, message, now));
    }
    page.push_str(&judged::indicators(out, ticket.indicators.as_deref().unwrap_or_default()));
    let history = ticket.history.as_deref().unwrap_or_default();
    if !history.is_empty() {
        page.push_str(&format!("\n{}\n", out.bold("History")));
        page.extend(history.iter().map(|event| {
            let (who, what) = (Untrusted::from(event.who.as_str()), Untrusted::from(event.what.as_str()));
            format!("  {}  {}: {}\n", day(out, event.at, now), who.line(), what.line())
        }));
    }
    page
}

fn day(out: &Output, at: When, now: Timestamp) -> String {
    time::day(at, now, &out.settings.team.time_zone)
}

fn head(out: &Output, ticket: &TicketView) -> String {
    let mut head = format!("{}  {}  {}", out.bold(&ticket.number), ticket.state, ticket.kind);
    let urgency = match urgency(ticket) {
        "URGENT" => "URGENT, says the reporter",
        "URGENT?" => "URGENT, says an unprotected subject",
        other => other,
    };
    if !urgency.is_empty() {
        head.push_str(&format!("  {}", out.loud(urgency)));
    }
    for (is, word) in [(ticket.automatic, "machine report"), (ticket.suspected_spam, "suspected spam")] {
        if is {
            head.push_str(&format!("  {word}"));
        }
    }
    head + "\n"
}

fn summary(out: &Output, ticket: &TicketView, now: Timestamp) -> Vec<(&'static str, String)> {
    let constituent = ticket.reporter.constituent.as_deref().map(|name| format!(", {name}")).unwrap_or_default();
    let mut lines = vec![
        ("Subject", out.bold(&defang(&ticket.subject.line()))),
        ("From", format!("{}{constituent}", from(&ticket.reporter))),
    ];
    if let Some(at) = ticket.reporter.unreachable_at {
        lines.push(("Unreachable", out.loud(&format!("mail to the reporter comes back since {}", day(out, at, now)))));
    }
    if let Some(feed) = &ticket.feed {
        lines.push(("Feed", format!("{} reports, {} incidents", feed.reports, feed.incidents)));
    }
    lines.extend(reported(ticket).map(|message| proven(out, message, now)).unwrap_or_default());
    lines.push(("Answer", promise(out, ticket, now)));
    let also: Vec<&str> =
        ticket.received_via.iter().map(String::as_str).filter(|name| *name != ticket.mailbox).collect();
    let also = if also.is_empty() { String::new() } else { format!(", also {}", also.join(", ")) };
    lines.push(("Received", format!("{} at {}{also}", day(out, ticket.received_at, now), ticket.mailbox)));
    lines.push(("Acknowledged", acknowledged(out, ticket, now)));
    lines.push(("TLP", ticket.tlp.clone().unwrap_or_else(|| "not marked".to_owned())));
    lines.extend(judged::weight(ticket));
    lines.extend(judged::reporter(&ticket.content));
    lines.extend(ticket.reporter.identity.iter().map(|identity| ("Identity", known_by(out, identity, now))));
    lines.push(("Assignee", ticket.assignee.clone().unwrap_or_else(|| "nobody".to_owned())));
    if !ticket.labels.is_empty() {
        lines.push(("Labels", ticket.labels.join(", ")));
    }
    lines.extend(ticket.follow_up_at.map(|at| ("Follow-up", day(out, at, now))));
    if ticket.correspondents.len() > 1 {
        lines.extend(ticket.correspondents.iter().map(|row| ("With", correspondent(out, row, now))));
    }
    lines.extend(ticket.links.iter().map(|link| ("Link", format!("{} {}", link.kind, link.to))));
    lines
}

/// One proof of who a correspondent is.
fn known_by(out: &Output, identity: &IdentityView, now: Timestamp) -> String {
    let note =
        identity.note.as_ref().map_or(String::new(), |note| format!(": {}", Untrusted::from(note.as_str()).line()));
    let signer =
        identity.signer.as_ref().map_or(String::new(), |key| format!("; signed by {key}, not confirmed by that"));
    let (address, method) = (identity.address.line(), &identity.method);
    format!("{address} by {method} on {}, {}{note}{signer}", day(out, identity.at, now), identity.by)
}

/// One of several with whom the ticket corresponds.
fn correspondent(out: &Output, row: &CorrespondentView, now: Timestamp) -> String {
    let who = row.address.as_ref().map_or("nobody who can be written to".to_owned(), Untrusted::line);
    let role = if row.role == Role::Reporter { " (reporter)" } else { "" };
    let clock = match (&row.clock, row.answered_at) {
        (Some(clock), _) => time::left(clock.due_at, now, &out.settings.team.time_zone),
        (None, Some(at)) => format!("written to {}", day(out, at, now)),
        (None, None) => "not written to yet".to_owned(),
    };
    let key = if row.certificate.is_some() { "encrypted" } else { "in clear: no certificate" };
    format!("{who}{role}: {clock}; {key}")
}

/// The reporter's last mail; where machines alone wrote, the last of theirs.
fn reported(ticket: &TicketView) -> Option<&MessageView> {
    let mut received = ticket.messages.iter().flatten().rev().filter(|message| message.direction == Direction::In);
    let last = received.clone().next();
    received.find(|message| !message.automatic).or(last)
}

/// A machine-readable report in one line.
fn machine_report(report: &ReportView) -> String {
    let said = [&report.kind, &report.category].into_iter().map(Untrusted::line);
    let about = report.source.iter().chain(&report.reported_domain).map(|text| defang(&text.line()));
    let mut words = vec![format!("{} {}", report.format, report.version.line())];
    words.extend(said.chain(about).filter(|text| !text.trim().is_empty()));
    words.join(", ")
}

/// What a mail proved when it came, and what a later look found.
fn proven(out: &Output, message: &MessageView, now: Timestamp) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    lines.extend(message.verdict.as_ref().map(|verdict| ("Proven", verdict.summary.clone())));
    if let Some(rechecked) = &message.rechecked {
        lines.push(("Rechecked", format!("{} ({})", rechecked.verdict.summary, day(out, rechecked.at, now))));
    }
    lines
}

/// The same of an attached file by itself.
fn proven_of(out: &Output, file: &AttachmentView, now: Timestamp) -> Vec<(&'static str, String)> {
    let signer = |verdict: &FileVerdict| verdict.signer.as_ref().map(|signer| ("  Signer", signer.clone()));
    let mut lines: Vec<(&str, String)> = Vec::new();
    lines.extend(file.verdict.as_ref().map(|verdict| ("  Proven", verdict.summary.clone())));
    if let Some(rechecked) = &file.rechecked {
        lines.push(("  Rechecked", format!("{} ({})", rechecked.verdict.summary, day(out, rechecked.at, now))));
    }
    let latest = file.rechecked.as_ref().map(|rechecked| &rechecked.verdict).or(file.verdict.as_ref());
    lines.extend(latest.and_then(|latest| signer(&latest.verdict)));
    lines
}

fn acknowledged(out: &Output, ticket: &TicketView, now: Timestamp) -> String {
    match (ticket.acknowledged_at, &ticket.reply_suppressed) {
        (Some(at), _) => day(out, at, now),
        (None, Some(why)) => format!("no: {why}"),
        (None, None) => "no".to_owned(),
    }
}

/// How long do I have.
fn promise(out: &Output, ticket: &TicketView, now: Timestamp) -> String {
    let zone = &out.settings.team.time_zone;
    let calendar = &out.settings.sla.calendar;
    let (Some(_), Some(due)) = (ticket.clock_from, ticket.due_at) else {
        return match ticket.answered_at {
            Some(at) => format!("given {}", day(out, at, now)),
            None => "no clock runs".to_owned(),
        };
    };
    let shown = time::deadline(due, now, zone);
    if due.at() <= now {
        let late = time::distance(due.at(), now, calendar);
        let escalated = ticket.escalated_at.map(|at| format!(", escalated {}", day(out, at, now))).unwrap_or_default();
        return out.loud(&format!("BROKEN: was due {shown} ({late} ago){escalated}"));
    }
    let escalates = ticket.escalate_at.map(|at| format!(", escalates {}", time::deadline(at, now, zone)));
    format!("due {shown} (in {}){}", time::until(now, due.at(), calendar), escalates.unwrap_or_default())
}

fn message_block(out: &Output, ticket: &TicketView, message: &MessageView, now: Timestamp) -> String {
    let who = match message.direction {
        Direction::In => message.from.as_ref().map_or("unknown sender".to_owned(), Untrusted::line),
        Direction::Out => format!("answer by {}", author(message)),
        Direction::Note => format!("note by {}", author(message)),
        Direction::Ack => "acknowledgement".to_owned(),
    };
    let title = format!("-- {} {}  {}  {who}", message.id, message.direction, day(out, message.received_at, now));
    let mut block = format!("{}\n", out.bold(&title));
    let mut lines: Vec<(&str, String)> = Vec::new();
    if !message.subject.is_blank() && message.subject != ticket.subject {
        lines.push(("Subject", defang(&message.subject.line())));
    }
    for (name, people) in [("To", &message.to), ("Cc", &message.cc)] {
        if !people.is_empty() {
            lines.push((name, people.iter().map(Untrusted::line).collect::<Vec<_>>().join(", ")));
        }
    }
    lines.extend(proven(out, message, now));
    let latest = message.rechecked.as_ref().map(|rechecked| &rechecked.verdict).or(message.verdict.as_ref());
    lines.extend(latest.and_then(|latest| latest.verdict.signer.clone()).map(|signer| ("Signer", signer)));
    lines.extend(message.report.as_ref().map(|report| ("Report", machine_report(report))));
    if !message.problems.is_empty() {
        lines.push(("Problems", message.problems.join(", ")));
    }
    for file in &message.attachments {
        let mark = file.tlp.as_ref().map(|mark| format!(", TLP:{mark}")).unwrap_or_default();
        let facts = format!("{} bytes, {}, sha256 {}{mark}", file.size, file.content_type.line(), file.sha256);
        lines.push(("Attachment", format!("{} {} ({facts})", file.id, file.name.line())));
        lines.extend(proven_of(out, file, now));
    }
    lines.extend(judged::forwarded(&message.forwarded));
    block.push_str(&facts(&lines));
    if !message.text.is_blank() {
        block.push_str(&format!("\n{}\n", defang(message.text.terminal().trim_end())));
    }
    block
}

fn author(message: &MessageView) -> String {
    message.author.as_deref().map_or("somebody".to_owned(), |author| Untrusted::from(author).line())
}
