//! An export for people: text, and the same as JSON.
//!
//! Hostile data: texts of the ticket; text goes through the encoder for terminals. Failure: none.

use super::parcel::Parcel;
use crate::rules::untrusted::Untrusted;
use serde_json::json;
use std::fmt::Write;

/// The export as JSON.
pub(super) fn json(parcel: &Parcel) -> Vec<u8> {
    let ticket = &parcel.ticket;
    let document = json!({
        "anonymised": parcel.review.is_some(),
        "tlp": parcel.mark,
        "tlp_marked_by_originator": parcel.marked,
        "ticket": {
            "number": ticket.number,
            "subject": parcel.subject,
            "state": ticket.state,
            "priority": ticket.priority,
            "classification": ticket.classification,
            "severity": ticket.severity,
            "received_at": parcel.received_at,
            "reporter": parcel.review.is_none().then(|| json!({
                "address": ticket.reporter, "name": ticket.reporter_name, "constituent": ticket.constituent,
            })),
            "messages": parcel.letters,
            "indicators": parcel.indicators,
        },
        "review": parcel.review,
    });
    pretty(&document)
}

/// A JSON document as it leaves: a line end behind it.
pub(super) fn pretty(document: &serde_json::Value) -> Vec<u8> {
    format!("{document:#}\n").into_bytes()
}

/// The export as text.
pub(super) fn text(parcel: &Parcel) -> Vec<u8> {
    let ticket = &parcel.ticket;
    let mut out = String::new();
    let mut say = |line: String| writeln!(out, "{line}").unwrap_or_default();
    say(format!("TLP:{}{}", parcel.mark, if parcel.marked { "" } else { " (the originator marked nothing)" }));
    say(String::new());
    say(format!("Ticket    {}", ticket.number));
    say(format!("Subject   {}", parcel.subject));
    say(format!("Received  {}", parcel.received_at));
    for (name, value) in [("Class", &ticket.classification), ("Severity", &ticket.severity)] {
        if let Some(value) = value {
            say(format!("{name:<9} {value}"));
        }
    }
    if parcel.review.is_none() {
        say(format!("Reporter  {} <{}>", ticket.reporter_name, ticket.reporter.as_deref().unwrap_or_default()));
    }
    for letter in &parcel.letters {
        say(format!("\n---- {} {}, {}", letter.direction, letter.received_at, letter.from.as_deref().unwrap_or("-")));
        say(format!("Subject: {}\n", letter.subject));
        say(letter.text.trim_end().to_owned());
        for file in &letter.attachments {
            say(format!(
                "\nAttachment: {} ({}, {} octets)\nSHA-256 {}",
                file.name, file.content_type, file.size, file.sha256
            ));
        }
    }
    if !parcel.indicators.is_empty() {
        say("\n---- Indicators".to_owned());
        for found in &parcel.indicators {
            say(format!("{:<7} {}", found.kind, defanged(&found.value)));
        }
    }
    if let Some(review) = &parcel.review {
        say("\n---- For review: what was replaced, and how often".to_owned());
        for (placeholder, times) in &review.replaced {
            say(format!("{placeholder} {times}"));
        }
        say(format!("Indicators left out: {}", review.indicators_left_out));
        for note in review.notes {
            say((*note).to_owned());
        }
    }
    Untrusted::from(out).terminal().into_bytes()
}

/// So that nobody clicks it (T75).
fn defanged(value: &str) -> String {
    value.replacen("http", "hxxp", usize::from(value.starts_with("http"))).replace('.', "[.]")
}
