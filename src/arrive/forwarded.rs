//! Mails inside a mail: attached whole, or quoted in its text by the clients that people forward with.
//!
//! Hostile data: all of it; what is found is the claim of whoever forwarded it. Failure: none. Reads
//! each line once (T21). In a text, what counts is a run of lines `Label: value` in English or French,
//! with or without marks of quotation or emphasis, that holds a sender and a date or a subject, or a
//! Received field: what Outlook, Gmail,
//! Thunderbird and Apple Mail write, and header fields pasted by hand. Known gaps: other languages; at
//! most 20 mails and 100 hops of each are kept.

use super::header;
use crate::rules::report::{Context, Forwarded, Hop};
use crate::rules::untrusted::Untrusted;
use core::net::IpAddr;
use std::ops::Range;

/// Mails kept of one mail.
pub const MOST: usize = 20;
const HOPS: usize = 100;
/// Octets of a value that is kept.
const VALUE: usize = 1_000;

/// What the head of an attached mail says.
pub fn of_head(part: &str, headers: &[(String, String)]) -> Forwarded {
    let mut mail = Forwarded { part: part.to_owned(), ..Forwarded::default() };
    for (name, value) in headers {
        take(&mut mail, &name.to_lowercase(), value.trim());
    }
    mail
}

/// Mails quoted in a text, and which stretches of it speak of them.
pub fn in_text(part: &str, text: &str) -> (Vec<Forwarded>, Vec<(Range<usize>, Context)>) {
    let (mut mails, mut places) = (Vec::new(), Vec::new());
    let mut block: Option<Block> = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let range = at..at + line.len();
        at = range.end;
        let bare = unquoted(line);
        let field = label(bare);
        block = match (block, field) {
            (Some(mut open), Some((name, value))) => {
                open.add(name, value, range);
                Some(open)
            }
            (Some(mut open), None) if open.continues(line, bare) => {
                open.extend(bare.trim(), range);
                Some(open)
            }
            (Some(open), None) => {
                open.close(part, &mut mails, &mut places);
                None
            }
            (None, Some((name, value))) if BEGINS.contains(&name) => {
                let mut open = Block::default();
                open.add(name, value, range);
                Some(open)
            }
            (None, _) => None,
        };
        if mails.len() >= MOST {
            break;
        }
    }
    if let Some(open) = block {
        open.close(part, &mut mails, &mut places);
    }
    // What stands behind a forwarded head is the forwarded mail.
    if let Some(first) = places.first().map(|(range, _)| range.start) {
        places.push((first..text.len(), Context::Forwarded));
    }
    (mails, places)
}

const BEGINS: [&str; 7] =
    ["from", "subject", "date", "received", "return-path", "delivered-to", "authentication-results"];

/// Lines of a head, not yet known to be one.
#[derive(Default)]
struct Block {
    fields: Vec<(&'static str, String, Range<usize>)>,
}

impl Block {
    fn add(&mut self, name: &'static str, value: &str, range: Range<usize>) {
        self.fields.push((name, cut(value).to_owned(), range));
    }

    /// A folded line: blanks before it, or the rest of a Received field whose blanks were lost.
    fn continues(&self, line: &str, bare: &str) -> bool {
        let Some((name, value, _)) = self.fields.last() else { return false };
        if bare.trim().is_empty() || value.len() > VALUE {
            return false;
        }
        let is_folded = line.trim_start_matches(['>', '|']).starts_with([' ', '\t']);
        let rest = ["by ", "for ", "with ", "via ", "id ", "(", ";"];
        (is_folded && !bare.trim_start().starts_with('-'))
            || (*name == "received" && rest.iter().any(|word| bare.trim_start().starts_with(word)))
    }

    fn extend(&mut self, more: &str, range: Range<usize>) {
        if let Some((_, value, lines)) = self.fields.last_mut() {
            value.push(' ');
            value.push_str(cut(more));
            lines.end = range.end;
        }
    }

    fn close(self, part: &str, mails: &mut Vec<Forwarded>, places: &mut Vec<(Range<usize>, Context)>) {
        let has = |wanted: &str| self.fields.iter().any(|(name, ..)| *name == wanted);
        if !(has("received") || (has("from") && (has("date") || has("subject")))) {
            return;
        }
        let mut mail = Forwarded { part: part.to_owned(), ..Forwarded::default() };
        for (name, value, range) in self.fields {
            take(&mut mail, name, &value);
            places.push((range, if name == "received" { Context::Received } else { Context::Forwarded }));
        }
        mails.push(mail);
    }
}

fn take(mail: &mut Forwarded, name: &str, value: &str) {
    let value = cut(value);
    let fill = |slot: &mut Option<Untrusted>| *slot = slot.take().or(Some(value.into()));
    match name {
        "from" => fill(&mut mail.from),
        "subject" => fill(&mut mail.subject),
        "date" => fill(&mut mail.date),
        "message-id" => fill(&mut mail.message_id),
        "received" if mail.hops.len() < HOPS => mail.hops.push(received(value)),
        _ => {}
    }
}

fn cut(value: &str) -> &str {
    &value[..value.floor_char_boundary(VALUE)]
}

/// A line without marks of quotation.
fn unquoted(line: &str) -> &str {
    line.trim_start_matches(['>', '|', ' ', '\t']).trim_end()
}

/// `Label: value`, with the label's plain name; emphasis (`*From:*`) is set aside.
fn label(line: &str) -> Option<(&'static str, &str)> {
    let (written, value) = line.split_once(':').filter(|(written, _)| written.len() <= 40)?;
    let written = written.trim_matches(['*', '_', ' ', '\u{A0}', '\u{202F}']).to_lowercase();
    let name = match written.as_str() {
        "from" | "de" | "expéditeur" | "von" => "from",
        "date" | "sent" | "envoyé" | "envoyé le" | "date d'envoi" | "date d’envoi" => "date",
        "subject" | "objet" | "sujet" => "subject",
        "message-id" => "message-id",
        "received" => "received",
        "return-path" => "return-path",
        "delivered-to" => "delivered-to",
        "authentication-results" => "authentication-results",
        "to" | "à" | "a" | "cc" | "copie" | "bcc" | "cci" | "destinataire" | "reply-to" | "répondre à" | "pour"
        | "importance" | "attachments" | "pièces jointes" => "other",
        other if is_field(other) => "other",
        _ => return None,
    };
    Some((name, value.trim_matches(['*', ' ', '\t', '\u{A0}'])))
}

/// The names of fields that servers and clients write.
fn is_field(name: &str) -> bool {
    name.starts_with("x-")
        || name.starts_with("arc-")
        || matches!(
            name,
            "dkim-signature"
                | "received-spf"
                | "mime-version"
                | "content-type"
                | "content-transfer-encoding"
                | "in-reply-to"
                | "references"
                | "user-agent"
                | "list-unsubscribe"
                | "list-id"
                | "sender"
                | "thread-topic"
                | "thread-index"
                | "accept-language"
                | "content-language"
                | "content-disposition"
                | "precedence"
        )
}

/// One Received field: `from helo (name [ip]) by host with ESMTP id x; date` (RFC 5321 4.4), and as Exim,
/// qmail and Exchange write it.
pub fn received(value: &str) -> Hop {
    let (trace, date) = value.rsplit_once(';').map_or((value, None), |(trace, date)| (trace, header::date(date)));
    let words: Vec<&str> = trace.split_whitespace().take(60).collect();
    let at = |wanted: &str| words.iter().position(|word| word.eq_ignore_ascii_case(wanted));
    let by = at("by");
    let behind = |at: usize| words.get(at + 1).map(|word| word.trim_matches(|c: char| "()[];,".contains(c)));
    let sender = at("from").filter(|&from| by.is_none_or(|by| from < by));
    let said = &words[sender.unwrap_or(0)..by.unwrap_or(words.len())];
    let pieces =
        || said.iter().flat_map(|word| word.split(['(', ')', '[', ']', ','])).map(|w| w.trim_start_matches("IPv6:"));
    let mut seen = pieces().filter_map(|word| word.parse::<IpAddr>().ok());
    // The first name is the sender's own word; what the receiver saw stands behind it.
    let ip = if sender.is_some() { seen.next_back() } else { None };
    Hop {
        from: sender.and_then(behind).filter(|name| !name.is_empty()).map(Untrusted::from),
        ip: ip.map(|ip| ip.to_string()),
        by: by.and_then(behind).filter(|name| !name.is_empty()).map(Untrusted::from),
        date,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn received_fields_of_many_servers_are_read() {
        for (value, from, ip, by, dated) in [
            (
                "from mail.evil.example (unknown [198.51.100.9]) by mx.corp.example (Postfix) with ESMTP id 4A; Tue, 1 Dec 2026 10:00:00 +0000",
                Some("mail.evil.example"),
                Some("198.51.100.9"),
                Some("mx.corp.example"),
                true,
            ),
            (
                "from [198.51.100.9] (helo=evil) by mx.example with esmtp (Exim 4.96) id 1x-2",
                Some("198.51.100.9"),
                Some("198.51.100.9"),
                Some("mx.example"),
                false,
            ),
            (
                "from unknown (HELO x) (198.51.100.9) by 0 with SMTP; 1 Dec 2026 10:00:00 -0000",
                Some("unknown"),
                Some("198.51.100.9"),
                Some("0"),
                true,
            ),
            (
                "from A.prod.outlook.example (2603:10a6:20b::10) by B.prod.outlook.example (2603:10a6::1) with Microsoft SMTP Server",
                Some("A.prod.outlook.example"),
                Some("2603:10a6:20b::10"),
                Some("B.prod.outlook.example"),
                false,
            ),
            ("from x (x.example [IPv6:2001:db8::7]) by y", Some("x"), Some("2001:db8::7"), Some("y"), false),
            (
                "by 2002:a17:90a:1::2 with SMTP id z; Tue, 1 Dec 2026 02:00:00 -0800 (PST)",
                None,
                None,
                Some("2002:a17:90a:1::2"),
                true,
            ),
            ("from 203.0.113.5 ([198.51.100.9]) by z", Some("203.0.113.5"), Some("198.51.100.9"), Some("z"), false),
            ("", None, None, None, false),
            ("nonsense;;;", None, None, None, false),
        ] {
            let hop = received(value);
            assert_eq!(hop.from.as_ref().map(Untrusted::raw), from, "{value}");
            assert_eq!((hop.ip.as_deref(), hop.by.as_ref().map(Untrusted::raw)), (ip, by), "{value}");
            assert_eq!(hop.date.is_some(), dated, "{value}");
        }
    }

    #[test]
    fn forwarded_blocks_of_the_usual_clients_are_found() {
        let outlook = "Bonjour\n\n-----Message d'origine-----\nDe : Banque <alerte@evil.example>\nEnvoyé : mardi 1 décembre 2026 10:00\nÀ : moi\nObjet : Votre compte\n\nCliquez\n";
        let gmail = "FYI\n---------- Forwarded message ---------\nFrom: *Bank* <alert@evil.example>\nDate: Tue, Dec 1, 2026 at 10:00 AM\nSubject: Your account\nTo: <me@corp.example>\n\nClick";
        let thunderbird = "-------- Message transféré --------\nSujet : Votre compte\nDate : Tue, 1 Dec 2026 10:00:00 +0100\nDe : Banque <alerte@evil.example>\nPour : moi\n";
        let bold = "________\n*From:* Bank <alert@evil.example>\n*Sent:* Tuesday\n*To:* me\n*Subject:* Your account\n";
        let pasted = "> Return-Path: <x@evil.example>\n> Received: from evil (evil.example [198.51.100.9])\n> by mx.corp.example; Tue, 1 Dec 2026 10:00:00 +0000\n> Message-ID: <a@evil.example>\n> From: x@evil.example\n> Subject: hi\n";
        for (text, from, hops) in
            [(outlook, true, 0), (gmail, true, 0), (thunderbird, true, 0), (bold, true, 0), (pasted, true, 1)]
        {
            let (mails, places) = in_text("1", text);
            assert_eq!(mails.len(), 1, "{text}");
            assert_eq!((mails[0].from.is_some(), mails[0].hops.len()), (from, hops), "{text}");
            assert!(mails[0].subject.is_some() && !places.is_empty());
        }
        assert_eq!(in_text("1", pasted).0[0].hops[0].ip.as_deref(), Some("198.51.100.9"));
        assert!(in_text("1", "From: the beginning\nI said: no\n\nDate: x").0.is_empty());
        assert!(in_text("1", "From: where\n\nSubject: x").0.is_empty());
    }

    #[test]
    fn floods_end_at_the_limits() {
        let (mails, _) = in_text("1", &"From: a\nDate: b\n\n".repeat(10_000));
        assert_eq!(mails.len(), MOST);
        let (mails, _) = in_text("1", &"Received: from a by b\n".repeat(10_000));
        assert_eq!(mails[0].hops.len(), HOPS);
        received(&"[".repeat(100_000));
    }

    proptest::proptest! {
        #[test]
        fn no_text_breaks_it(text in "((From|De|Received|Date)? ?: ?|\\n|[> *é\u{A0};\\[\\]().]|by |198\\.51\\.100\\.9|\\PC){0,60}") {
            let (_, places) = in_text("1", &text);
            for (range, _) in places {
                proptest::prop_assert!(text.get(range).is_some());
            }
        }
    }
}
