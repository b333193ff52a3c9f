//! What a mail means: whose ticket, how urgent, who is told, who is answered.
//!
//! Pure: everything that the store knows about the mail comes in as `Known`.

use crate::rules::address::Address;
use crate::rules::report::Report;
use crate::rules::settings::{Language, Mailbox, Settings};
use crate::rules::ticket::{Kind, Number};
use jiff::Timestamp;

/// What is known about a mail besides its own content.
#[derive(Debug, Clone)]
pub struct Known<'a> {
    pub settings: &'a Settings,
    pub mailbox: &'a Mailbox,
    /// Receipt, as DESIGN has it: never the sender's Date.
    pub received_at: Timestamp,
    /// The envelope sender where intake was told; `Some(None)` is the null sender `<>`.
    pub envelope_sender: Option<Option<Address>>,
    /// The tickets that the mail names, one entry a ticket.
    pub named: Vec<NamedTicket>,
    /// The page whose single-use code stands in the mail.
    pub page: Option<i64>,
    /// Found at first sight of a mailbox that is history: filed, silent, no clock.
    pub history: bool,
}

/// A ticket that a mail names by a reference or by its number in the real subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedTicket {
    pub id: i64,
    pub number: Number,
    pub participants: Vec<Address>,
    /// The reporter, where mail can be sent to them.
    pub reporter: Option<Address>,
    /// The strongest proof among the references: our Message-ID with a good keyed hash, an answer
    /// found in our Sent folder, or a mail that this same sender sent into the ticket to us alone.
    pub proven_by_reference: bool,
}

/// What triage decided. `file` carries it out in one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    pub placement: Placement,
    pub kind: Kind,
    /// The reporter's word (P4).
    pub reported_urgent: bool,
    /// `[URGENT]` stood in an unprotected outer subject only.
    pub urgent_unprotected: bool,
    /// A machine report.
    pub automatic: bool,
    /// Why a human's mail gets no acknowledgement; a fixed word of `rules::manners`.
    pub reply_suppressed: Option<String>,
    pub suspected_spam: bool,
    /// `RED`, `AMBER+STRICT`, `AMBER`, `GREEN`, `CLEAR`; None: nothing is marked.
    pub tlp: Option<String>,
    pub language: Language,
    pub constituent: Option<String>,
    /// To whom the acknowledgement goes; None: nobody.
    pub acknowledge: Option<Address>,
    /// Whether the analyst on duty gets an alert.
    pub alert: bool,
    /// Whether the analyst on duty is paged.
    pub page: bool,
    /// Whether the clock of the promises runs.
    pub clock: bool,
}

/// Where the mail goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placement {
    /// A ticket of its own, linked to those it claims to belong to.
    New { claims: Vec<i64> },
    /// A participant's further mail, proven.
    Join { ticket: i64 },
    /// An analyst's own mail.
    Analyst { name: String, ticket: Option<i64>, act: AnalystAct },
}

/// What an analyst's own mail is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnalystAct {
    /// It went to the reporter, proven: it stops the clock.
    Answer,
    /// Encrypted to the team, proven, to us alone, with a page's code.
    AcknowledgePage { page: i64 },
    /// An internal note, proven.
    Note,
    /// Without proof.
    UnverifiedNote,
}

/// Decides. Total.
pub fn triage(report: &Report, known: &Known) -> Decision {
    let _ = (report, known);
    todo!()
}
