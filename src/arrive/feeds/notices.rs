//! Delivery status notifications (RFC 3464, with RFC 3461's envelope ID) and disposition
//! notifications (RFC 8098); and which mail of ours a machine's mail gives back, in whatever form.
//!
//! Hostile data: the parts. Failure: `None` or nothing found. What is found is a claim: the keyed
//! hash of a Message-ID decides later whether it is ours.
//! Limits: those of `fields`; 256 KiB of each text, 50 IDs.

use super::fields::{cut, fields, first, values};
use crate::arrive::entity::{Body, Part};
use crate::arrive::header;
use crate::rules::feed::{FeedReport, Format};
use crate::rules::untrusted::Untrusted;

const TEXT: usize = 256 << 10;
const IDS: usize = 50;

/// Reads a message/delivery-status: somebody's delivery has an action or a status.
pub(super) fn delivery(text: &str) -> Option<FeedReport> {
    let fields = fields(text);
    let recipient = first(&fields, "Final-Recipient").or_else(|| first(&fields, "Original-Recipient"));
    let action = first(&fields, "Action");
    if action.is_none() && first(&fields, "Status").is_none() {
        return None;
    }
    let mut report = FeedReport::new(Format::Dsn);
    report.kind = cut(action.unwrap_or_default(), 100).to_ascii_lowercase().into();
    report.incidents = (values(&fields, "Final-Recipient").count() as u64).max(1);
    report.source = recipient.map(|recipient| address(recipient).into());
    let date = first(&fields, "Arrival-Date").or_else(|| first(&fields, "Last-Attempt-Date"));
    report.arrival_date = date.and_then(header::date);
    report.fields = fields;
    Some(report)
}

/// Reads a message/disposition-notification: it has a disposition.
pub(super) fn disposition(text: &str) -> Option<FeedReport> {
    let fields = fields(text);
    let disposition = first(&fields, "Disposition")?;
    let mut report = FeedReport::new(Format::Mdn);
    let kind = disposition.rsplit(';').next().unwrap_or_default().split('/').next().unwrap_or_default();
    report.kind = cut(kind.trim(), 100).to_ascii_lowercase().into();
    report.source = first(&fields, "Final-Recipient").map(|recipient| address(recipient).into());
    report.fields = fields;
    Some(report)
}

/// An address without its type (`rfc822; a@b.example`).
fn address(recipient: &str) -> &str {
    cut(recipient.split_once(';').map_or(recipient, |(_, address)| address).trim(), 320)
}

/// Message-IDs of the mail that is given back: in a mail or its header inside, in the fields of the
/// notification, in a block of text as older systems quote it.
pub(super) fn returned(root: &Part) -> Vec<String> {
    let mut ids = Vec::new();
    let mut parts = vec![(root, true)];
    while let Some((part, is_root)) = parts.pop() {
        match &part.body {
            Body::Multi(children) => parts.extend(children.iter().rev().map(|child| (child, false))),
            Body::Message { mail, .. } if !is_root => note(&mut ids, mail.header("Message-ID").unwrap_or_default()),
            Body::Message { .. } => {}
            Body::Leaf { text: Some(text), .. } => in_text(&mut ids, &part.media_type, cut(text, TEXT)),
            Body::Leaf { bytes, text: None } if part.media_type == "application/octet-stream" => {
                let top = String::from_utf8_lossy(&bytes[..bytes.len().min(TEXT)]);
                in_text(&mut ids, &part.media_type, &top);
            }
            Body::Leaf { .. } => {}
        }
    }
    ids
}

fn note(ids: &mut Vec<String>, field: &str) {
    for id in header::message_ids(field) {
        if ids.len() < IDS && !ids.contains(&id) {
            ids.push(id);
        }
    }
}

fn in_text(ids: &mut Vec<String>, media_type: &str, text: &str) {
    if matches!(media_type, "message/delivery-status" | "message/disposition-notification") {
        let fields: Vec<(String, Untrusted)> = fields(text);
        for name in ["Original-Envelope-Id", "Original-Message-ID", "X-Original-Message-ID"] {
            values(&fields, name).for_each(|value| note(ids, &unescaped(value)));
        }
        return;
    }
    // `Message-ID:` at the start of a line, quoted or not; the ID may stand on the next line.
    let lower = text.to_ascii_lowercase();
    for (at, found) in lower.match_indices("message-id:") {
        let before = lower[..at].rsplit(['\n', '\r']).next().unwrap_or_default();
        let starts_line = before.chars().all(|c| c.is_whitespace() || matches!(c, '>' | '|' | '-'));
        if starts_line {
            let behind = cut(text[at + found.len()..].trim_start(), 1_000);
            let id = behind.strip_prefix('<').and_then(|rest| rest.split_once('>')).map(|(id, _)| format!("<{id}>"));
            note(ids, id.as_deref().unwrap_or_default());
        }
    }
}

/// xtext (RFC 3461 4): `+3C` is `<`.
fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('+') {
        out.push_str(before);
        match behind.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok()).filter(u8::is_ascii_graphic) {
            Some(octet) => {
                out.push(char::from(octet));
                rest = &behind[2..];
            }
            None => {
                out.push('+');
                rest = behind;
            }
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arrive::entity::parse;

    #[test]
    fn deliveries_and_dispositions_are_read_into_their_fields() {
        let text = "Reporting-MTA: dns; mx.isp.example\r\nArrival-Date: Fri, 27 Nov 2026 18:01:00 +0100\r\n\r\n\
            Final-Recipient: rfc822; a@corp.example\r\nAction: Failed\r\nStatus: 5.1.1\r\n\r\n\
            Final-Recipient: rfc822; b@corp.example\r\nAction: delayed\r\nStatus: 4.2.2\r\n";
        let report = delivery(text).unwrap();
        assert_eq!((report.kind.raw(), report.incidents), ("failed", 2));
        assert_eq!(report.source.as_ref().map(|s| s.raw()), Some("a@corp.example"));
        assert_eq!(report.field("Status"), Some("5.1.1"));
        assert!(delivery("Reporting-MTA: dns; x\r\n").is_none() && delivery("").is_none());
        let text =
            "Final-Recipient: rfc822;a@corp.example\r\nDisposition: manual-action/MDN-sent-manually; displayed\r\n";
        assert_eq!(disposition(text).unwrap().kind.raw(), "displayed");
        assert_eq!(disposition("Disposition: automatic-action/x; deleted/error").unwrap().kind.raw(), "deleted");
        assert!(disposition("Final-Recipient: x").is_none());
    }

    fn found(mail: &str) -> Vec<String> {
        returned(&parse(mail.replace('\n', "\r\n").as_bytes()).root)
    }

    #[test]
    fn the_mail_given_back_is_found_in_every_form() {
        let multi = |kind: &str, part: &str| {
            format!("From: <>\nContent-Type: multipart/{kind}; boundary=b\n\n--b\n\ntext\n--b\n{part}\n--b--\n")
        };
        let id = ["<1@example.org>".to_owned()];
        for mail in [
            multi("report", "Content-Type: message/rfc822\n\nFrom: a\nMessage-ID: <1@example.org>\n\nbody"),
            multi("report", "Content-Type: text/rfc822-headers\n\nFrom: a\nMessage-ID: <1@example.org>\n"),
            multi("report", "Content-Type: message/delivery-status\n\nOriginal-Envelope-Id: +3C1+40example.org+3E\n"),
            multi("report", "Content-Type: message/disposition-notification\n\nOriginal-Message-ID: <1@example.org>\n"),
            multi("mixed", "Content-Type: text/plain; name=headers.txt\n\nMessage-Id:\n\t<1@example.org>\n"),
            multi("mixed", "Content-Type: application/octet-stream\n\nFrom: a\nMESSAGE-ID: <1@example.org>\n"),
            "From: <>\n\nHi. This is the program.\n\n--- Below\n\nReturn-Path: <x>\nMessage-ID: <1@example.org>\n\nx"
                .to_owned(),
            "From: <>\n\n> From: a\n> Message-ID: <1@example.org>\n".to_owned(),
        ] {
            assert_eq!(found(&mail), id, "{mail}");
        }
        assert_eq!(found("From: a\nMessage-ID: <2@example.org>\n\nthe message-id: <1@example.org> is ours"), [""; 0]);
        let many: String = (0..1_000).map(|n| format!("Message-ID: <{n}@example.org>\n")).collect();
        assert_eq!(found(&format!("From: a\n\n{many}")).len(), IDS);
    }
}
