//! What can be asked, as plain data: one variant a command, the same over the socket.

use super::export::Format;
use super::identity::VouchMethod;
use super::keys::TrustMethod;
use super::views::Octets;
use crate::rules::consent::Consent;
use crate::rules::ticket::{LinkKind, Priority, State};
use crate::rules::tlp::Mark;
use crate::rules::weight::{Extent, Severity};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One request. `number` is what a person types: a whole ticket number or its last digits.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case")]
pub enum Request {
    TicketList {
        /// Closed, rejected and merged ones too.
        all: bool,
        state: Option<State>,
        /// Only those whose clock runs, oldest promise first.
        unanswered: bool,
        limit: Option<usize>,
    },
    TicketShow {
        number: String,
    },
    /// The exact octets of a message; of the only one where none is named.
    TicketRaw {
        number: String,
        message: Option<i64>,
    },
    TicketAttachments {
        number: String,
    },
    /// The octets of one attachment of that ticket.
    AttachmentOctets {
        number: String,
        attachment: i64,
    },
    /// Asks a correspondent to prove that they read their address.
    TicketChallenge {
        number: String,
        /// A participant; None: the reporter.
        to: Option<String>,
    },
    /// An analyst made sure who a correspondent is.
    TicketVouch {
        number: String,
        method: VouchMethod,
        note: String,
        /// A participant; None: the reporter.
        address: Option<String>,
    },
    /// What a person needs before they write.
    TicketDraft {
        number: String,
        /// A participant; None: the reporter.
        to: Option<String>,
    },
    TicketAnswer(Answering),
    /// To another party, who becomes a participant.
    TicketWrite(Answering),
    TicketOpen(Opening),
    TicketWhy {
        number: String,
    },
    TicketMerge {
        numbers: Vec<String>,
        into: String,
    },
    TicketUnmerge {
        numbers: Vec<String>,
    },
    TicketSplit {
        number: String,
        message: i64,
    },
    TicketLink {
        numbers: Vec<String>,
        other: String,
        kind: LinkKind,
        remove: bool,
    },
    TicketParticipantAdd {
        numbers: Vec<String>,
        address: String,
    },
    TicketParticipantRemove {
        numbers: Vec<String>,
        address: String,
        reason: Option<String>,
    },
    TicketFollowUp {
        numbers: Vec<String>,
        /// None: none.
        at: Option<Timestamp>,
    },
    /// An internal note: nobody outside sees it.
    TicketNote {
        number: String,
        text: String,
    },
    TicketAssign {
        numbers: Vec<String>,
        /// None: nobody.
        analyst: Option<String>,
    },
    TicketState {
        numbers: Vec<String>,
        state: State,
        reason: Option<String>,
    },
    TicketPriority {
        numbers: Vec<String>,
        priority: Priority,
    },
    TicketLabel {
        numbers: Vec<String>,
        add: Vec<String>,
        remove: Vec<String>,
    },
    TicketTlp {
        numbers: Vec<String>,
        mark: Mark,
        reason: Option<String>,
        /// The originator agreed.
        consent: bool,
    },
    TicketConsent {
        numbers: Vec<String>,
        consent: Consent,
        reason: String,
    },
    TicketClassify {
        numbers: Vec<String>,
        /// As a person writes it.
        class: String,
        kind: Option<String>,
    },
    TicketSeverity {
        numbers: Vec<String>,
        severity: Severity,
    },
    TicketExtent {
        numbers: Vec<String>,
        extent: Extent,
    },
    /// The taxonomy.
    TicketClasses,
    /// Tickets that hold words, newest first.
    TicketSearch {
        query: String,
        limit: Option<usize>,
    },
    /// A ticket as a file for others; anonymised unless in full.
    TicketExport {
        number: String,
        format: Format,
        full: bool,
        reason: Option<String>,
    },
    KeyList,
    KeyImport {
        files: Vec<KeyFile>,
    },
    KeyShow {
        fingerprint: String,
    },
    KeyTrust {
        fingerprint: String,
        method: TrustMethod,
        note: Option<String>,
    },
    KeyExport {
        fingerprint: String,
    },
    KeyRemove {
        fingerprint: String,
    },
    DutyShow,
    /// By the page's number or its code.
    DutyAck {
        page: String,
    },
    DutyOverride {
        analyst: String,
        from: Timestamp,
        to: Timestamp,
    },
    DutyTest,
    OutboxList {
        /// What was sent or dropped too.
        all: bool,
    },
    /// None: everything that wants a person.
    OutboxRetry {
        id: Option<i64>,
    },
    OutboxDrop {
        id: i64,
        reason: String,
    },
    QuarantineList,
    QuarantineShow {
        id: i64,
    },
    QuarantineRetry {
        id: i64,
    },
    QuarantineDrop {
        id: i64,
        reason: String,
    },
    /// Figures of a span; the last twelve months where none is given.
    Stats {
        from: Option<Timestamp>,
        to: Option<Timestamp>,
        /// Without small counts and names.
        anonymised: bool,
    },
    /// Whether the history is whole; `head`: a saved mail or text with a head that was signed before.
    AuditVerify {
        head: Option<KeyFile>,
    },
    /// Writes a copy of the store into a new file; an absolute path where the store is.
    Backup {
        file: std::path::PathBuf,
    },
    /// Removes the content of tickets that were put away long ago; `dry_run`: only names them.
    Purge {
        dry_run: bool,
    },
    /// The head as it is now, signed.
    AuditHead,
    Status,
}

impl Request {
    /// Whether it writes: the loops are rung afterwards.
    pub fn changes(&self) -> bool {
        !matches!(
            self,
            Request::TicketList { .. }
                | Request::TicketShow { .. }
                | Request::TicketWhy { .. }
                | Request::TicketRaw { .. }
                | Request::TicketDraft { .. }
                | Request::TicketAttachments { .. }
                | Request::AttachmentOctets { .. }
                | Request::TicketClasses
                | Request::TicketSearch { .. }
                | Request::KeyList
                | Request::KeyShow { .. }
                | Request::KeyExport { .. }
                | Request::DutyShow
                | Request::OutboxList { .. }
                | Request::QuarantineList
                | Request::QuarantineShow { .. }
                | Request::Stats { .. }
                | Request::AuditVerify { .. }
                | Request::AuditHead
                | Request::Status
        )
    }
}

/// A human's message to a reporter.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Answering {
    pub number: String,
    /// A participant; None: the reporter.
    pub to: Option<String>,
    pub text: String,
    /// Why it may leave in clear where it otherwise may not.
    pub allow_clear: Option<String>,
}

/// A ticket for what was not mailed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Opening {
    /// Who called.
    pub from: String,
    pub mailbox: String,
    pub subject: Option<String>,
    pub text: String,
    /// The caller says that it is; pages.
    pub urgent: bool,
    pub acknowledge: bool,
}

/// A file with certificates or a signed head, read where the command runs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KeyFile {
    /// Shown in messages.
    pub name: String,
    pub octets: Octets,
}
