//! One message of a ticket: what it says, what was proven, what it carries.

use super::When;
use crate::rules::feed::Format;
use crate::rules::report::{Context, Forwarded, IndicatorKind, PartMark};
use crate::rules::ticket::Direction;
use crate::rules::untrusted::Untrusted;
use crate::rules::verdict::{FileVerdict, Verdict};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// One message of a ticket.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MessageView {
    pub id: i64,
    pub direction: Direction,
    pub message_id: Option<Untrusted>,
    /// Who wrote it, of an answer or a note.
    pub author: Option<String>,
    pub from: Option<Untrusted>,
    pub to: Vec<Untrusted>,
    pub cc: Vec<Untrusted>,
    /// The sender's claim.
    pub date: Option<When>,
    pub received_at: When,
    pub subject: Untrusted,
    pub text: Untrusted,
    pub raw_sha256: Option<String>,
    pub raw_size: Option<u64>,
    pub problems: Vec<String>,
    /// As at arrival: what was decided then was decided by it.
    pub verdict: Option<VerdictView>,
    /// Null: never.
    #[serde(default)]
    pub rechecked: Option<RecheckedView>,
    pub headers: Vec<(Untrusted, Untrusted)>,
    pub attachments: Vec<AttachmentView>,
    /// The strictest mark in it, as its originator wrote it.
    #[serde(default)]
    pub tlp: Option<String>,
    /// The strictest mark of each part that bears one.
    #[serde(default)]
    pub marks: Vec<PartMark>,
    /// Mails inside it: claims of whoever forwarded them.
    #[serde(default)]
    pub forwarded: Vec<Forwarded>,
    /// A machine wrote it.
    #[serde(default)]
    pub automatic: bool,
    /// What it says as a machine-readable report; null: it is none, or breaks its schema.
    #[serde(default)]
    pub report: Option<ReportView>,
}

/// A machine-readable report. All of it is its sender's word.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReportView {
    /// `arf`, `x-arf`, `iodef`, `dsn`, `mdn`.
    pub format: Format,
    pub version: Untrusted,
    #[serde(rename = "type")]
    pub kind: Untrusted,
    pub category: Untrusted,
    /// As written; `source_ip` where it is one.
    pub source: Option<Untrusted>,
    pub source_ip: Option<IpAddr>,
    pub reported_domain: Option<Untrusted>,
    pub arrival_date: Option<When>,
    pub incidents: u64,
    pub fields: Vec<(Untrusted, Untrusted)>,
}

/// What was proven, and the one sentence that says it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct VerdictView {
    #[serde(flatten)]
    pub verdict: Verdict,
    pub summary: String,
}

/// What a later look found: a key of the team came, or the signer's certificate changed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RecheckedView {
    pub at: When,
    pub verdict: VerdictView,
}

/// One attachment without its octets.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AttachmentView {
    pub id: i64,
    /// Shown only; files on disk are named by us.
    pub name: Untrusted,
    pub content_type: Untrusted,
    pub size: u64,
    pub sha256: String,
    /// The message that carried it.
    pub message: i64,
    /// Where it stood in the mail, numbered as in IMAP.
    #[serde(default)]
    pub part: String,
    /// The strictest mark in its name and its text.
    #[serde(default)]
    pub tlp: Option<String>,
    /// As at arrival; null: neither encrypted nor signed by itself.
    #[serde(default)]
    pub verdict: Option<FileVerdictView>,
    /// What a later look found, where that was something else.
    #[serde(default)]
    pub rechecked: Option<FileRecheckedView>,
}

/// What was proven about a file by itself, and the one sentence that says it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FileVerdictView {
    #[serde(flatten)]
    pub verdict: FileVerdict,
    pub summary: String,
}

/// What a later look at a file found.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FileRecheckedView {
    pub at: When,
    pub verdict: FileVerdictView,
}

/// Something that can be looked up or blocked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct IndicatorView {
    pub kind: IndicatorKind,
    pub value: Untrusted,
    pub message: i64,
    /// Where it stood first: the part of the mail, numbered as in IMAP, or `HEADER`.
    #[serde(default)]
    pub part: String,
    /// Octets into the text of that part.
    #[serde(default)]
    pub offset: usize,
    #[serde(default)]
    pub encrypted: bool,
    #[serde(default)]
    pub context: Context,
    /// One of our own names, or a host that stands in every mail.
    #[serde(default)]
    pub set_aside: bool,
}
