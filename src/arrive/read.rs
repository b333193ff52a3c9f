//! From an opened mail to a report: headers, text, attachments, indicators.
//!
//! Hostile data: all of it. Failure: none; trouble is in `Report::problems`. Nothing in a mail is
//! fetched, unpacked or run (T16 to T18). Attachments are the octets that the sender attached.
//! Known gaps: TNEF is listed, not opened; the parts of a forwarded mail stay inside it.

use super::addresses::addresses;
use super::entity::{Body, Part};
use super::open::Opened;
use super::{feeds, header, html, indicators};
use crate::rules::address::Address;
use crate::rules::report::{Attachment, Problem, Report};
use crate::rules::untrusted::Untrusted;
use sha2::{Digest, Sha256};

/// Octets of the longest name that an attachment shows (T11).
const NAME_LIMIT: usize = 200;
/// Fields of a forwarded mail that tell where it came from.
const TRACES: [&str; 9] =
    ["received", "from", "sender", "reply-to", "return-path", "to", "subject", "x-originating-ip", "message-id"];

/// Reads an opened mail.
pub fn read(opened: Opened) -> Report {
    let headers = &opened.headers;
    let mut problems = opened.problems;
    let date = first(headers, "Date").and_then(header::date);
    if date.is_none() && first(headers, "Date").is_some() {
        header::note(&mut problems, Problem::BadDate);
    }
    if first(&opened.outer_headers, "From").is_none() {
        header::note(&mut problems, Problem::NoFrom);
    }
    let machine = feeds::read(&opened.tree);
    let mut content = Content::default();
    content.take(opened.tree, Where::Root);
    let text = content.joined();
    if text.trim().is_empty() && content.attachments.is_empty() {
        header::note(&mut problems, Problem::Empty);
    }
    let mut sources = vec![opened.subject.as_str(), text.as_str()];
    sources.extend(content.sources.iter().map(String::as_str));
    let (indicators, truncated) = indicators::extract(&sources);
    if truncated {
        header::note(&mut problems, Problem::TooManyIndicators);
    }
    content.problems.iter().for_each(|&problem| header::note(&mut problems, problem));
    let message_id = first(headers, "Message-ID").or_else(|| first(&opened.outer_headers, "Message-ID"));
    Report {
        verdict: opened.verdict,
        outer: opened.outer,
        from: opened.from,
        from_name: opened.from_name,
        to: all_addresses(headers, "To"),
        cc: all_addresses(headers, "Cc"),
        date,
        message_id: message_id.and_then(|field| header::message_ids(field).into_iter().next()),
        in_reply_to: ids(headers, "In-Reply-To"),
        references: ids(headers, "References"),
        headers: opened.outer_headers.into_iter().map(|(name, value)| (name, value.into())).collect(),
        subject: opened.subject.into(),
        text: text.into(),
        attachments: content.attachments,
        indicators,
        problems,
        certificates: opened.certificates,
        from_disputed: opened.from_disputed,
        headers_protected: opened.headers_protected,
        signatures: opened.signatures,
        asked: Vec::new(),
        feed: machine.feed,
        returned: machine.returned,
    }
}

fn first<'a>(headers: &'a [(String, String)], wanted: &str) -> Option<&'a str> {
    headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.as_str())
}

fn ids(headers: &[(String, String)], wanted: &str) -> Vec<String> {
    first(headers, wanted).map(header::message_ids).unwrap_or_default()
}

fn all_addresses(headers: &[(String, String)], wanted: &str) -> Vec<Address> {
    let fields = headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
    fields.flat_map(|(_, value)| addresses(value)).filter_map(|(_, address)| address).collect()
}

/// Where a part stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Where {
    Root,
    Inside,
    /// Behind the content of a multipart/signed.
    Signature,
}

/// What has been gathered from the tree.
#[derive(Default)]
struct Content {
    /// What a human reads, part by part.
    texts: Vec<String>,
    /// One of them was written as plain text.
    is_plain: bool,
    attachments: Vec<Attachment>,
    /// Further texts for indicators: the other alternatives, attached texts, forwarded mails.
    sources: Vec<String>,
    problems: Vec<Problem>,
}

impl Content {
    /// Takes over a part. Trees are at most as deep as `entity` allows.
    fn take(&mut self, mut part: Part, place: Where) {
        self.flag(&part);
        match std::mem::take(&mut part.body) {
            Body::Multi(children) if part.media_type == "multipart/alternative" => self.alternatives(children),
            Body::Multi(children) => {
                let is_signed = part.media_type == "multipart/signed";
                for (index, child) in children.into_iter().enumerate() {
                    self.take(child, if is_signed && index > 0 { Where::Signature } else { Where::Inside });
                }
            }
            Body::Message { raw, mail } => {
                self.forwarded(*mail);
                let name = part.name.unwrap_or_default();
                self.attach(&name, part.media_type, raw);
            }
            Body::Leaf { bytes, text } => self.leaf(&part, bytes, text, place),
        }
    }

    fn flag(&mut self, part: &Part) {
        let name = part.name.as_deref().unwrap_or("");
        match part.media_type.as_str() {
            "application/ms-tnef" | "application/vnd.ms-tnef" => self.problems.push(Problem::Tnef),
            _ if name.eq_ignore_ascii_case("winmail.dat") => self.problems.push(Problem::Tnef),
            kind if kind.contains("pkcs7-") => self.problems.push(Problem::Smime),
            _ => {}
        }
    }

    /// The plain alternative is shown, else the last that has text.
    fn alternatives(&mut self, children: Vec<Part>) {
        let mut choices: Vec<Content> = Vec::new();
        for child in children {
            let mut one = Content::default();
            one.take(child, Where::Inside);
            self.attachments.append(&mut one.attachments);
            self.sources.append(&mut one.sources);
            self.problems.append(&mut one.problems);
            choices.push(one);
        }
        let has_text = |one: &Content| !one.joined().trim().is_empty();
        let chosen =
            choices.iter().position(|one| one.is_plain && has_text(one)).or(choices.iter().rposition(has_text));
        for (index, mut one) in choices.into_iter().enumerate() {
            if Some(index) == chosen {
                self.is_plain |= one.is_plain;
                self.texts.append(&mut one.texts);
            } else {
                self.sources.append(&mut one.texts);
            }
        }
    }

    /// What a mail inside says goes to the indicators, its head included.
    fn forwarded(&mut self, mail: Part) {
        let traces = mail.headers.iter().filter(|(name, _)| TRACES.contains(&name.to_ascii_lowercase().as_str()));
        self.sources.push(traces.map(|(name, value)| format!("{name}: {value}\n")).collect());
        let mut inside = Content::default();
        inside.take(mail, Where::Root);
        self.sources.append(&mut inside.texts);
        self.sources.append(&mut inside.sources);
        self.problems.append(&mut inside.problems);
    }

    fn leaf(&mut self, part: &Part, bytes: Vec<u8>, text: Option<String>, place: Where) {
        if place == Where::Signature && part.media_type == "application/pgp-signature" {
            return;
        }
        // The copy of the protected fields that older writers add for older readers (A6.7).
        if part.media_type == "text/rfc822-headers" && part.param("protected-headers").is_some() {
            return;
        }
        let is_broken = part.media_type.starts_with("multipart/");
        let is_body = matches!(part.media_type.as_str(), "text/plain" | "text/html") || is_broken;
        let is_attached = part.disposition == "attachment" || (part.name.is_some() && place != Where::Root);
        let Some(text) = text.filter(|text| !(is_body && text.is_empty() && !is_attached)) else {
            if !is_body || is_attached {
                self.attach(part.name.as_deref().unwrap_or(""), part.media_type.clone(), bytes);
            }
            return;
        };
        // A named text that is all there is, is shown and attached.
        let is_shown = is_body && part.disposition != "attachment" && (!is_attached || self.texts.is_empty());
        if is_shown {
            self.is_plain |= part.media_type == "text/plain";
            self.texts.push(body_text(part, &text));
        } else {
            self.sources.push(if part.media_type == "text/html" { html::text(&text) } else { text });
        }
        if is_attached || !is_body {
            self.attach(part.name.as_deref().unwrap_or(""), part.media_type.clone(), bytes);
        }
    }

    fn attach(&mut self, name: &str, content_type: String, bytes: Vec<u8>) {
        let sha256 = Sha256::digest(&bytes).iter().map(|octet| format!("{octet:02x}")).collect();
        self.attachments.push(Attachment { name: display_name(name), content_type, bytes, sha256 });
    }

    fn joined(&self) -> String {
        let texts: Vec<&str> = self.texts.iter().map(|text| text.trim_end_matches('\n')).collect();
        texts.join("\n\n")
    }
}

/// What a text part says, with LF as line end and without the block that repeats protected fields.
fn body_text(part: &Part, text: &str) -> String {
    let has_legacy = part.param("hp-legacy-display") == Some("1");
    let text = match part.media_type.as_str() {
        "text/html" if has_legacy => html::text(&html::without_legacy_display(text)),
        "text/html" => html::text(text),
        _ => with_line_feeds(text),
    };
    match text.split_once("\n\n") {
        // RFC 9788 5.2.2: the block ends at the first empty line.
        Some((_, rest)) if has_legacy && part.media_type == "text/plain" => rest.to_owned(),
        _ => text,
    }
}

fn with_line_feeds(text: &str) -> String {
    if text.contains('\n') { text.replace("\r\n", "\n") } else { text.replace('\r', "\n") }
}

/// The last component of a file name, as long as a screen can bear.
fn display_name(name: &str) -> Untrusted {
    let last = name.rsplit(['/', '\\']).next().unwrap_or("").trim();
    let mut end = last.len().min(NAME_LIMIT);
    while !last.is_char_boundary(end) {
        end -= 1;
    }
    last[..end].into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_show_their_last_component_only() {
        for (name, wanted) in [
            ("a.txt", "a.txt"),
            ("../../etc/cron.d/x", "x"),
            ("C:\\temp\\con", "con"),
            ("/", ""),
            ("", ""),
            ("a\r\nb", "a\r\nb"),
            (&"é".repeat(150), &"é".repeat(100)),
            (&"a".repeat(201), &"a".repeat(200)),
        ] {
            assert_eq!(display_name(name).raw(), wanted);
        }
    }

    #[test]
    fn the_block_for_old_readers_is_no_text() {
        let part = |kind: &str, legacy: &str| Part {
            media_type: kind.to_owned(),
            params: vec![("hp-legacy-display".to_owned(), legacy.to_owned())],
            ..Part::default()
        };
        let (plain, block) = ("text/plain", "Subject: s\r\n\r\nwords\r\n\r\nmore");
        assert_eq!(body_text(&part(plain, "1"), block), "words\n\nmore");
        assert_eq!(body_text(&part(plain, "0"), block), "Subject: s\n\nwords\n\nmore");
        assert_eq!(body_text(&part(plain, "1"), "words alone"), "words alone");
        let html = "<div class=\"header-protection-legacy-display\">Subject: s</div><p>words</p>";
        assert_eq!(body_text(&part("text/html", "1"), html).trim(), "words");
    }

    #[test]
    fn the_plain_alternative_is_shown_and_the_other_searched() {
        let leaf = |kind: &str, text: &str| Part {
            media_type: kind.to_owned(),
            body: Body::Leaf { bytes: text.as_bytes().to_vec(), text: Some(text.to_owned()) },
            ..Part::default()
        };
        for (children, text, sources) in [
            (vec![leaf("text/plain", "a"), leaf("text/html", "<p>b")], "a", 1),
            (vec![leaf("text/html", "<p>b"), leaf("text/plain", "a")], "a", 1),
            (vec![leaf("text/plain", " "), leaf("text/html", "<p>b")], "b", 1),
            (vec![leaf("text/plain", "a"), leaf("text/calendar", "c")], "a", 1),
        ] {
            let tree =
                Part { media_type: "multipart/alternative".to_owned(), body: Body::Multi(children), ..Part::default() };
            let mut content = Content::default();
            content.take(tree, Where::Root);
            assert_eq!((content.joined().trim(), content.sources.len()), (text, sources));
        }
    }
}
