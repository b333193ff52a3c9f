//! From an opened mail to a report: headers, text, attachments, indicators.
//!
//! Hostile data: all of it. Failure: none; trouble is in `Report::problems`. Nothing in a mail is
//! fetched, unpacked or run (T16 to T18). Attachments are the octets that the sender attached.
//! Known gaps: TNEF is listed, not opened; the parts of a forwarded mail stay inside it.

use super::addresses::addresses;
use super::entity::{self, Body, Part};
use super::indicators::Source;
use super::open::Opened;
use super::{decode, feeds, forwarded, header, html, indicators};
use crate::rules::address::Address;
use crate::rules::report::{Attachment, Context, Forwarded, PartMark, Problem, Report};
use crate::rules::tlp::{self, Mark};
use crate::rules::untrusted::Untrusted;
use crate::rules::verdict::{Encryption, FileVerdict};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::ops::Range;

/// The number of a head.
const HEADER: &str = "HEADER";
/// Mails in files in mails ...
const MAILS_IN_FILES: usize = 5;

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
    content.take(opened.tree, Where::Root, "");
    let text = content.joined();
    if text.trim().is_empty() && content.attachments.is_empty() {
        header::note(&mut problems, Problem::Empty);
    }
    let encrypted = opened.verdict.encryption == Encryption::Decrypted;
    let header = Source { text: &opened.subject, part: HEADER, context: Context::Subject, encrypted, begins: 0 };
    let pieces = content.texts.iter().chain(&content.sources);
    let sources: Vec<Source> =
        std::iter::once(header).chain(pieces.flat_map(|piece| piece.sources(encrypted))).collect();
    let (indicators, truncated) = indicators::extract(&sources);
    if truncated {
        header::note(&mut problems, Problem::TooManyIndicators);
    }
    let marks = marks(&mut content, &opened.subject, [headers, &opened.outer_headers]);
    content.forwarded.truncate(forwarded::MOST);
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
        marks,
        forwarded: content.forwarded,
        problems,
        candidates: Vec::new(),
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

/// A text, and where it stands.
struct Piece {
    part: String,
    text: String,
    context: Context,
    /// Stretches that are known to speak of a forwarded mail, ascending.
    places: Vec<(Range<usize>, Context)>,
    /// Of a file that was encrypted by itself.
    encrypted: bool,
}

impl Piece {
    fn new(part: &str, text: String, context: Context) -> Piece {
        Piece { part: part.to_owned(), text, context, places: Vec::new(), encrypted: false }
    }

    /// The text, cut where its context changes.
    fn sources(&self, encrypted: bool) -> Vec<Source<'_>> {
        let source = |range: Range<usize>, context| Source {
            text: self.text.get(range.clone()).unwrap_or(""),
            part: &self.part,
            context,
            encrypted: encrypted || self.encrypted,
            begins: range.start,
        };
        let mut sources = Vec::new();
        let mut at = 0;
        let mut between = self.context;
        for (range, context) in &self.places {
            if range.start > at {
                sources.push(source(at..range.start, between));
            }
            sources.push(source(range.start.max(at)..range.end.max(at), *context));
            at = range.end.max(at);
            between = Context::Forwarded;
        }
        sources.push(source(at..self.text.len(), between));
        sources
    }
}

/// What has been gathered from the tree.
#[derive(Default)]
struct Content {
    /// What a human reads, part by part.
    texts: Vec<Piece>,
    /// One of them was written as plain text.
    is_plain: bool,
    attachments: Vec<Attachment>,
    /// Further texts for indicators: the other alternatives, attached texts, forwarded mails.
    sources: Vec<Piece>,
    forwarded: Vec<Forwarded>,
    problems: Vec<Problem>,
    /// How many attached files were read as mails around this.
    depth: usize,
}

impl Content {
    /// Takes over a part. Trees are at most as deep as `entity` allows. `path`: its number, as in IMAP;
    /// empty for the root.
    fn take(&mut self, mut part: Part, place: Where, path: &str) {
        self.flag(&part);
        let own = if path.is_empty() { "1" } else { path };
        match std::mem::take(&mut part.body) {
            Body::Multi(children) if part.media_type == "multipart/alternative" => self.alternatives(children, path),
            Body::Multi(children) => {
                let is_signed = part.media_type == "multipart/signed";
                for (index, child) in children.into_iter().enumerate() {
                    let place = if is_signed && index > 0 { Where::Signature } else { Where::Inside };
                    self.take(child, place, &below(path, index));
                }
            }
            Body::Message { raw, mail } => {
                self.mail_inside(*mail, own);
                let name = part.name.unwrap_or_default();
                self.attach(&name, part.media_type, raw, own, None);
            }
            Body::Leaf { bytes, text } => self.leaf(&part, bytes, text, place, own),
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
    fn alternatives(&mut self, children: Vec<Part>, path: &str) {
        let mut choices: Vec<Content> = Vec::new();
        for (index, child) in children.into_iter().enumerate() {
            let mut one = Content { depth: self.depth, ..Content::default() };
            one.take(child, Where::Inside, &below(path, index));
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
                self.forwarded.append(&mut one.forwarded);
            } else {
                let other = |piece| Piece { context: Context::Alternative, places: Vec::new(), ..piece };
                self.sources.extend(one.texts.into_iter().map(other));
                // Both forms quote the same mail; what is attached in one of them stands there alone.
                one.forwarded.retain(|mail| mail.part != below(path, index));
                self.forwarded.append(&mut one.forwarded);
            }
        }
    }

    /// What a mail inside says goes to the indicators, its head included.
    fn mail_inside(&mut self, mail: Part, path: &str) {
        let head = format!("{path}.{HEADER}");
        for (name, value) in &mail.headers {
            let name = name.to_ascii_lowercase();
            if TRACES.contains(&name.as_str()) {
                let context = if name == "received" { Context::Received } else { Context::Forwarded };
                self.sources.push(Piece::new(&head, format!("{name}: {value}\n"), context));
            }
        }
        self.forwarded.push(forwarded::of_head(path, &mail.headers));
        let mut inside = Content { depth: self.depth, ..Content::default() };
        let inner = if matches!(mail.body, Body::Multi(_)) { path.to_owned() } else { below(path, 0) };
        inside.take(mail, Where::Root, &inner);
        for piece in inside.texts.into_iter().chain(inside.sources) {
            let context = if piece.context == Context::Received { piece.context } else { Context::Forwarded };
            self.sources.push(Piece { context, ..piece });
        }
        self.forwarded.append(&mut inside.forwarded);
        self.problems.append(&mut inside.problems);
    }

    /// A mail that was attached as a file: many clients do, and name it `.eml`.
    fn file_of_mail(&mut self, part: &Part, bytes: &[u8], path: &str) -> bool {
        let name = part.name.as_deref().unwrap_or("").to_ascii_lowercase();
        if !name.ends_with(".eml") || self.depth >= MAILS_IN_FILES {
            return false;
        }
        let parsed = entity::parse(bytes);
        if parsed.problems.contains(&Problem::NoHeaders) {
            return false;
        }
        self.depth += 1;
        self.mail_inside(parsed.root, path);
        self.depth -= 1;
        true
    }

    fn leaf(&mut self, part: &Part, bytes: Vec<u8>, text: Option<String>, place: Where, path: &str) {
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
        let is_mail = is_attached && self.file_of_mail(part, &bytes, path);
        let text = if is_mail { None } else { text.or_else(|| written(part, &bytes)) };
        let Some(text) = text.filter(|text| !(is_body && text.is_empty() && !is_attached)) else {
            if !is_body || is_attached {
                let verdict = part.verdict.clone();
                self.attach(part.name.as_deref().unwrap_or(""), part.media_type.clone(), bytes, path, verdict);
            }
            return;
        };
        // A named text that is all there is, is shown and attached.
        let is_shown = is_body && part.disposition != "attachment" && (!is_attached || self.texts.is_empty());
        if is_shown {
            self.is_plain |= part.media_type == "text/plain";
            self.quoting(Piece::new(path, body_text(part, &text), Context::Text), true);
        } else {
            let text = if part.media_type == "text/html" { html::text(&text) } else { text };
            let encrypted = part.verdict.as_ref().is_some_and(|verdict| verdict.encryption == Encryption::Decrypted);
            self.quoting(Piece { encrypted, ..Piece::new(path, text, Context::Attachment) }, false);
        }
        if is_attached || !is_body {
            self.attach(part.name.as_deref().unwrap_or(""), part.media_type.clone(), bytes, path, part.verdict.clone());
        }
    }

    /// Takes a text, and the mails quoted in it.
    fn quoting(&mut self, mut piece: Piece, is_shown: bool) {
        let (mut mails, places) = forwarded::in_text(&piece.part, &piece.text);
        self.forwarded.append(&mut mails);
        piece.places = places;
        if is_shown { self.texts.push(piece) } else { self.sources.push(piece) }
    }

    fn attach(&mut self, name: &str, content_type: String, bytes: Vec<u8>, path: &str, verdict: Option<FileVerdict>) {
        let sha256 = Sha256::digest(&bytes).iter().map(|octet| format!("{octet:02x}")).collect();
        let (name, part) = (display_name(name), path.to_owned());
        self.attachments.push(Attachment { name, content_type, bytes, sha256, part, tlp: None, verdict });
    }

    fn joined(&self) -> String {
        let texts: Vec<&str> = self.texts.iter().map(|piece| piece.text.trim_end_matches('\n')).collect();
        texts.join("\n\n")
    }
}

/// The text of a file that has another type than text: `application/json`, and logs and lists that mail
/// clients send as `application/octet-stream` or as a spreadsheet's. Armored OpenPGP is none.
fn written(part: &Part, bytes: &[u8]) -> Option<String> {
    let is_binary = |c: char| c.is_control() && !c.is_whitespace();
    let wide = bytes.starts_with(b"\xFF\xFE") || bytes.starts_with(b"\xFE\xFF");
    // A look at the start spares most binary files the rest.
    let starts_so = || bytes[..bytes.len().min(4096)].iter().all(|&b| b >= 0x80 || !is_binary(char::from(b)));
    if !(wide || starts_so()) {
        return None;
    }
    let named = if wide { "utf-16" } else { part.param("charset").unwrap_or("") };
    let (text, _) = decode::charset(bytes, named);
    let good = !text.contains(|c| is_binary(c) || c == '\u{FFFD}') && !text.trim_start().starts_with("-----BEGIN ");
    good.then_some(text)
}

/// The number of a child.
fn below(path: &str, index: usize) -> String {
    if path.is_empty() { (index + 1).to_string() } else { format!("{path}.{}", index + 1) }
}

/// The marks of all parts (P11): subject and fields of the head, texts, names of attachments. An attachment
/// bears what its name, its text and all inside it say.
fn marks(content: &mut Content, subject: &str, heads: [&[(String, String)]; 2]) -> Vec<PartMark> {
    let subjects = heads.into_iter().flat_map(|head| first(head, "Subject")).chain([subject]);
    let head =
        subjects.filter_map(|subject| tlp::read(subject, "")).chain(heads.into_iter().flatten().filter_map(field_mark));
    let mut marks: Vec<(String, Mark)> = head.map(|mark| (HEADER.to_owned(), mark)).collect();
    for piece in content.texts.iter().chain(&content.sources) {
        marks.extend(tlp::read("", &piece.text).map(|mark| (piece.part.clone(), mark)));
    }
    for mail in &content.forwarded {
        let subject = mail.subject.as_ref().and_then(|subject| tlp::read(subject.raw(), ""));
        marks.extend(subject.map(|mark| (mail.part.clone(), mark)));
    }
    for attachment in &mut content.attachments {
        marks.extend(tlp::read(attachment.name.raw(), "").map(|mark| (attachment.part.clone(), mark)));
        let inside = |part: &str| {
            part.strip_prefix(attachment.part.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        attachment.tlp = marks.iter().filter(|(part, _)| inside(part)).map(|(_, mark)| *mark).max();
    }
    let mut strictest: BTreeMap<String, Mark> = BTreeMap::new();
    for (part, mark) in marks {
        strictest.entry(part).and_modify(|has| *has = mark.max(*has)).or_insert(mark);
    }
    strictest.into_iter().map(|(part, tlp)| PartMark { part, tlp }).collect()
}

/// The mark in a field of one's own making: `X-TLP: RED`, `X-Classification: TLP:AMBER`.
fn field_mark((name, value): &(String, String)) -> Option<Mark> {
    let name = name.to_ascii_lowercase();
    if name.contains("tlp") {
        return tlp::read(value, "").max(tlp::read("", &format!("TLP: {}", value.trim())));
    }
    if name.starts_with("x-") || name == "keywords" || name == "sensitivity" { tlp::read("", value) } else { None }
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
            content.take(tree, Where::Root, "");
            assert_eq!((content.joined().trim(), content.sources.len()), (text, sources));
        }
    }
}
