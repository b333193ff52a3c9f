//! What we owe: the intents in the outbox, as plain data.
//!
//! An intent holds references and decisions, never words: these are made when it is sealed.

use super::settings::Language;
use super::ticket::words;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

words! {
    /// What kind of mail leaves.
    OutKind {
        Acknowledgement = "acknowledgement",
        Alert = "alert",
        Page = "page",
        Reminder = "reminder",
        Escalation = "escalation",
        /// From a human to the reporter.
        Answer = "answer",
        /// Asks a correspondent to prove that they read their address.
        MailBack = "mail-back",
        /// From the daemon to the operators: something needs a person.
        Notice = "notice",
        /// What lies before the analyst on duty.
        Digest = "digest",
    }
}

/// What the words of one outgoing mail are made from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "intent", rename_all = "snake_case")]
pub enum Intent {
    Acknowledgement {
        language: Language,
        received_at: Timestamp,
        /// By when a human answers; None where no clock runs.
        due_at: Option<Timestamp>,
        in_reply_to: Option<String>,
        references: Vec<String>,
        /// The mail holds ciphertext of which no key of ours is a recipient: the text names the
        /// right fingerprint (T43).
        wrong_key: bool,
    },
    /// A new ticket, or a reporter's further mail (`message`).
    Alert {
        message: i64,
        follow_up: bool,
        analyst: String,
    },
    /// "N more" in a storm: everything since `since`.
    AlertGroup {
        since: Timestamp,
        analyst: String,
    },
    /// Mail of ours to a correspondent came back.
    Unreachable {
        /// Its row of the outbox; None: an analyst's own mail client sent it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mail: Option<i64>,
        analyst: String,
    },
    Page {
        page: i64,
        step: u32,
        analyst: String,
    },
    Reminder {
        due: bool,
        analyst: String,
    },
    Escalation {
        nth: u32,
        analyst: String,
    },
    /// The day has come on which an analyst wanted to look at the ticket again.
    FollowUp {
        analyst: String,
    },
    /// Many reminders and escalations at once: after a host was off, or where many promises fall due
    /// together. `since`: the turn in which they were fired.
    CatchUp {
        since: Timestamp,
        batch: u32,
        escalation: bool,
        analyst: String,
    },
    /// The row of the message that a human wrote.
    Answer {
        message: i64,
        allow_clear: bool,
    },
    /// The code stands here until the mail was accepted, and nowhere else in clear.
    MailBack {
        code: String,
        language: Language,
    },
    /// Words of ours for the operators; `about` is a fixed word (`blocked`, `quarantine`, ...).
    Notice {
        about: String,
        words: String,
        /// Whom or what it concerns by name: said only where the mail is encrypted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        details: Option<String>,
        analyst: String,
    },
    /// The signed head of the history (its row), for whoever keeps it elsewhere.
    Head {
        head: i64,
        analyst: String,
    },
    /// What is open, due or broken; `handover`: to whom has just come on duty, else the daily one.
    Digest {
        handover: bool,
        /// Spam is told of since then.
        since: Timestamp,
        analyst: String,
    },
}

impl Intent {
    /// The kind that lists show.
    pub fn kind(&self) -> OutKind {
        match self {
            Intent::Acknowledgement { .. } => OutKind::Acknowledgement,
            Intent::Alert { .. } | Intent::AlertGroup { .. } | Intent::FollowUp { .. } | Intent::Unreachable { .. } => {
                OutKind::Alert
            }
            Intent::Page { .. } => OutKind::Page,
            Intent::CatchUp { escalation: true, .. } => OutKind::Escalation,
            Intent::Reminder { .. } | Intent::CatchUp { .. } => OutKind::Reminder,
            Intent::Escalation { .. } => OutKind::Escalation,
            Intent::Answer { .. } => OutKind::Answer,
            Intent::MailBack { .. } => OutKind::MailBack,
            Intent::Notice { .. } | Intent::Head { .. } => OutKind::Notice,
            Intent::Digest { .. } => OutKind::Digest,
        }
    }
}
