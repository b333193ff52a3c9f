//! Machine-readable reports: one parser a format, and which mail of ours a machine gives back.
//!
//! Hostile data: every part. Failure: none; what breaks the schema of its format is no report, and
//! the mail is what it would be without. A report inside a forwarded mail is an attachment that
//! somebody sent us and is not looked at.
//! Limits: those of `entity` for the tree, and those in the head of each parser.

mod arf;
mod fields;
mod iodef;
mod notices;
mod xarf3;
mod xarf_json;
mod xarf_text;

use super::entity::{Body, Part};
use crate::rules::feed::FeedReport;

/// So many parts are tried as JSON, XML or X-ARF text: a mail carries one report.
const TRIES: usize = 20;

/// What a mail says as a machine.
#[derive(Debug, Default)]
pub struct Found {
    pub feed: Option<FeedReport>,
    /// See `Report::returned`.
    pub returned: Vec<String>,
}

/// Reads the tree of a mail. Total.
pub fn read(root: &Part) -> Found {
    let parts = leaves(root);
    let standard = || parts.iter().find_map(|part| standard(root, part));
    let documents = || parts.iter().filter(|part| may_be_document(part)).take(TRIES).find_map(|part| document(part));
    Found { feed: standard().or_else(documents), returned: notices::returned(root) }
}

/// The parts of the mail itself in order, not those of mails inside.
fn leaves(root: &Part) -> Vec<&Part> {
    let (mut found, mut next) = (Vec::new(), vec![root]);
    while let Some(part) = next.pop() {
        match &part.body {
            Body::Multi(children) => next.extend(children.iter().rev()),
            _ => found.push(part),
        }
    }
    found
}

/// The parts that standards give a media type of their own (RFC 5965, 3464, 8098).
fn standard(root: &Part, part: &Part) -> Option<FeedReport> {
    let text = || match &part.body {
        Body::Leaf { text: Some(text), .. } => text.clone(),
        Body::Leaf { bytes, .. } => String::from_utf8_lossy(bytes).into_owned(),
        // Some wrap the fields in a mail of their own.
        Body::Message { raw, .. } => String::from_utf8_lossy(raw).into_owned(),
        Body::Multi(_) => String::new(),
    };
    let report = match part.media_type.as_str() {
        "message/feedback-report" => arf::read(&text()),
        "message/delivery-status" | "message/global-delivery-status" => notices::delivery(&text()),
        "message/disposition-notification" | "message/global-disposition-notification" => notices::disposition(&text()),
        _ => None,
    };
    report.map(|report| FeedReport { misplaced: root.media_type != "multipart/report", ..report })
}

/// Whether a part may be a document by its type or name, or by how it begins.
fn may_be_document(part: &Part) -> bool {
    let Body::Leaf { bytes, text } = &part.body else { return false };
    has_type(part, "json")
        || iodef::looks_so(bytes)
        || text.as_deref().is_some_and(|text| xarf_text::looks_so(text) || text.trim_start().starts_with('{'))
}

fn document(part: &Part) -> Option<FeedReport> {
    let Body::Leaf { bytes, text } = &part.body else { return None };
    if iodef::looks_so(bytes) {
        return iodef::read(bytes);
    }
    let Some(text) = text.as_deref().filter(|text| xarf_text::looks_so(text)) else { return xarf_json::read(bytes) };
    // Among what a human reads, it may be a human who quotes it: lines are no whole document.
    let is_named = part.name.is_some() || part.disposition == "attachment" || part.media_type != "text/plain";
    xarf_text::read(text).map(|report| FeedReport { misplaced: !is_named, ..report })
}

fn has_type(part: &Part, kind: &str) -> bool {
    let name = part.name.as_deref().unwrap_or_default().to_lowercase();
    part.media_type.ends_with(kind) || name.ends_with(&format!(".{kind}"))
}
