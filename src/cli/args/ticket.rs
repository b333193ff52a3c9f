//! The verbs on tickets, as clap reads them.

use super::{number, word};
use crate::app::{Format, VouchMethod};
use crate::rules::consent::Consent;
use crate::rules::ticket::{LinkKind, Priority, State};
use crate::rules::tlp::{self, Mark};
use crate::rules::weight::{Extent, Severity};
use clap::{Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub enum TicketCommand {
    /// List tickets: all but closed, rejected and merged ones
    #[command(after_help = "Examples:\n  vigie ticket list --unanswered\n  vigie ticket list --state new --json")]
    List {
        /// Closed, rejected and merged ones too
        #[arg(long)]
        all: bool,
        /// Only those in this state
        #[arg(long, value_parser = word(State::ALL, State::word, State::from_word))]
        state: Option<State>,
        /// Only those whose clock runs, oldest promise first
        #[arg(long)]
        unanswered: bool,
        /// At most so many
        #[arg(long, value_name = "N", value_parser = number::<usize>)]
        limit: Option<usize>,
    },
    /// Show all of a ticket
    #[command(after_help = "N is a whole number (EX-2026-000042) or its last digits (42, this year).")]
    Show {
        #[arg(value_name = "N")]
        number: String,
    },
    /// Write the exact octets of a message, as received, to stdout
    #[command(after_help = "Example:\n  vigie ticket raw 42 --message 7 > mail.eml")]
    Raw {
        #[arg(value_name = "N")]
        number: String,
        /// The message's id, from `ticket show`; not needed where there is only one
        #[arg(long, value_name = "ID", value_parser = number::<i64>)]
        message: Option<i64>,
    },
    /// List attachments, or save them
    #[command(after_help = "Example:\n  vigie ticket attachments 42 --save evidence\n\n\
        Files are named by us (ID-NAME), readable by you alone; none is overwritten.")]
    Attachments {
        #[arg(value_name = "N")]
        number: String,
        /// Write them into this folder
        #[arg(long, value_name = "DIR")]
        save: Option<PathBuf>,
    },
    /// Answer the reporter; text from stdin or $EDITOR
    #[command(
        after_help = "Examples:\n  vigie ticket answer 42 < answer.txt\n  vigie ticket answer 42 --to soc@corp.example\n  \
        vigie ticket answer 42 --template received-need-more\n  \
        vigie ticket answer 42 --template non-constituent --send\n\n\
        Refused if it would leave in clear although the report came encrypted or is marked AMBER or above."
    )]
    Answer {
        #[arg(value_name = "N")]
        number: String,
        /// To this participant instead of the reporter
        #[arg(long, value_name = "ADDR")]
        to: Option<String>,
        /// Let it leave in clear if it cannot be encrypted
        #[arg(long, requires = "reason")]
        allow_clear: bool,
        /// Why; kept in the history
        #[arg(long, value_name = "TEXT", requires = "allow_clear")]
        reason: Option<String>,
        /// Begin with this text: received-need-more, non-constituent, closed, or one of your own from
        /// the folder templates/ beside the config
        #[arg(long, value_name = "NAME")]
        template: Option<String>,
        /// Take the template as it is, without an editor
        #[arg(long, requires = "template")]
        send: bool,
    },
    /// Write to another party, who becomes a participant; text from stdin or $EDITOR
    #[command(after_help = "Example:\n  vigie ticket write 42 --to abuse@isp.example < letter.txt\n\n\
        They get a thread of their own: nothing of the reporter's mail is in it. What they reply joins the ticket and\n\
        has a clock of its own. Refused as an answer is.")]
    Write {
        #[arg(value_name = "N")]
        number: String,
        /// To whom
        #[arg(long, value_name = "ADDR")]
        to: String,
        /// Let it leave in clear if it cannot be encrypted
        #[arg(long, requires = "reason")]
        allow_clear: bool,
        /// Why; kept in the history
        #[arg(long, value_name = "TEXT", requires = "allow_clear")]
        reason: Option<String>,
    },
    /// Open a ticket for a phone call; text from stdin or $EDITOR
    #[command(
        after_help = "Example:\n  vigie ticket open --from a@corp.example --mailbox csirt --subject \"Ransomware\" --urgent < call.txt\n\n\
        The clock runs as for a mail. Nobody is alerted: who takes the call knows."
    )]
    Open {
        /// Who called; to whom answers go
        #[arg(long, value_name = "ADDR")]
        from: String,
        /// The mailbox of the config that a mail would have come to
        #[arg(long, value_name = "NAME")]
        mailbox: String,
        /// One line
        #[arg(long, value_name = "TEXT")]
        subject: Option<String>,
        /// The caller says that it is urgent: page
        #[arg(long)]
        urgent: bool,
        /// Send the acknowledgement that a mail would have got
        #[arg(long)]
        acknowledge: bool,
    },
    /// Say why a ticket's dates are what they are, and why nobody was answered
    Why {
        #[arg(value_name = "N")]
        number: String,
    },
    /// Merge tickets into another one: their mail, participants and clocks move there
    #[command(after_help = "Examples:\n  vigie ticket merge 43 42\n  vigie ticket merge 43,44 42\n\n\
        Mail to the merged number goes to the other ticket. Reporters keep the number that they know.\n\
        `vigie ticket unmerge 43` undoes it.")]
    Merge {
        #[arg(value_name = "N[,N]")]
        numbers: String,
        #[arg(value_name = "INTO")]
        into: String,
    },
    /// Undo a merge: mail, participants, clocks, links and state go back
    Unmerge {
        #[arg(value_name = "N[,N]")]
        numbers: String,
    },
    /// Give one mail a ticket of its own, linked, with its own clock if it is unanswered
    #[command(after_help = "Example:\n  vigie ticket split 42 --message 7")]
    Split {
        #[arg(value_name = "N")]
        number: String,
        /// The mail's id, from `ticket show`
        #[arg(long, value_name = "ID", value_parser = number::<i64>)]
        message: i64,
    },
    /// Link tickets to another one
    #[command(
        after_help = "Examples:\n  vigie ticket link 43 42 --kind duplicate\n  vigie ticket link 43 42 --kind related --remove"
    )]
    Link {
        #[arg(value_name = "N[,N]")]
        numbers: String,
        #[arg(value_name = "OTHER")]
        other: String,
        /// What the first is to the other
        #[arg(long, value_parser = word(LinkKind::BY_HAND, LinkKind::word, LinkKind::from_word))]
        kind: LinkKind,
        /// Take the link away
        #[arg(long)]
        remove: bool,
    },
    /// Let an address write into tickets, or no longer
    #[command(after_help = "Examples:\n  vigie ticket participant 42 add soc@corp.example\n  \
        vigie ticket participant 42 remove soc@corp.example")]
    Participant {
        #[arg(value_name = "N[,N]")]
        numbers: String,
        #[arg(value_enum, value_name = "add|remove")]
        act: AddOrRemove,
        #[arg(value_name = "ADDR")]
        address: String,
        /// Why one is removed who still waits for an answer; kept in the history
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Set when tickets are to be looked at again: that day an alert comes, once
    #[command(after_help = "Examples:\n  vigie ticket follow-up 42 2026-12-01          (at 09:00)\n  \
        vigie ticket follow-up 42 2026-12-01T14:00\n  vigie ticket follow-up 42 none")]
    FollowUp {
        #[arg(value_name = "N[,N]")]
        numbers: String,
        #[arg(value_name = "DATE|none")]
        date: String,
    },
    /// Keep an internal note; text from stdin or $EDITOR
    Note {
        #[arg(value_name = "N")]
        number: String,
    },
    /// Mail a code to an address: who replies with it reads that address
    #[command(after_help = "Example:\n  vigie ticket challenge 42\n\nThe code is good once, for seven days.")]
    Challenge {
        #[arg(value_name = "N")]
        number: String,
        /// This participant instead of the reporter
        #[arg(long, value_name = "ADDR")]
        to: Option<String>,
    },
    /// Write down that you made sure who somebody is
    #[command(after_help = "Example:\n  vigie ticket vouch 42 --method call-back --note \"called the switchboard\"")]
    Vouch {
        #[arg(value_name = "N")]
        number: String,
        /// How you made sure
        #[arg(long, value_parser = word(VouchMethod::ALL, VouchMethod::word, VouchMethod::from_word))]
        method: VouchMethod,
        /// What you did
        #[arg(long, value_name = "TEXT")]
        note: String,
        /// This participant instead of the reporter
        #[arg(long, value_name = "ADDR")]
        address: Option<String>,
    },
    /// Give tickets to an analyst, or to nobody
    #[command(after_help = "Examples:\n  vigie ticket assign 42 alice\n  vigie ticket assign 41,42 none")]
    Assign {
        #[arg(value_name = "N[,N]")]
        numbers: String,
        #[arg(value_name = "NAME|none")]
        analyst: String,
    },
    /// Set the state of tickets: open, waiting, resolved, closed, rejected
    #[command(after_help = "Examples:\n  vigie ticket state 42 resolved\n  vigie ticket state 43,44 rejected\n  \
        vigie ticket state 42 closed --reason \"answered by phone\"\n\n\
        To close a ticket that waits for an answer needs --reason.")]
    State {
        #[arg(value_name = "N[,N]")]
        numbers: String,
        #[arg(value_parser = word(State::ALL, State::word, State::from_word))]
        state: State,
        /// Why; kept in the history
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Set the priority: the team's own decision
    Priority {
        #[arg(value_name = "N[,N]")]
        numbers: String,
        #[arg(value_parser = word(Priority::ALL, Priority::word, Priority::from_word))]
        priority: Priority,
    },
    /// Set the TLP mark: tightening is free, loosening needs the originator's consent
    #[command(after_help = "Examples:\n  vigie ticket tlp 42 red\n  \
        vigie ticket tlp 42 green --consent --reason \"Ms Martin agreed by phone\"\n\n\
        MARK is RED, AMBER+STRICT, AMBER, GREEN or CLEAR. A ticket without mark is handled as AMBER.")]
    Tlp {
        #[arg(value_name = "N[,N]")]
        numbers: String,
        #[arg(value_name = "MARK", value_parser = mark)]
        mark: Mark,
        /// The originator agreed
        #[arg(long, requires = "reason")]
        consent: bool,
        /// Why, and who agreed; kept in the history
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Record whether the originator lets us pass the report on
    #[command(
        after_help = "Example:\n  vigie ticket consent 42 limited --reason \"to national CSIRTs, without names\""
    )]
    Consent {
        #[arg(value_name = "N[,N]")]
        numbers: String,
        #[arg(value_parser = word(Consent::ALL, Consent::word, Consent::from_word))]
        consent: Consent,
        /// Who said so, when, and within which limits; kept in the history
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Set the class of the incident, and its type (RSIT)
    #[command(after_help = "Examples:\n  vigie ticket classify 42 fraud phishing\n  vigie ticket classify 42 ddos\n  \
        vigie ticket classes                the whole list\n\n\
        A type alone implies its class. What is suggested counts only once it is set.")]
    Classify {
        #[arg(value_name = "N[,N]")]
        numbers: String,
        #[arg(value_name = "CLASS")]
        class: String,
        #[arg(value_name = "TYPE")]
        kind: Option<String>,
    },
    /// List the classes and types of incidents (RSIT)
    Classes,
    /// Set the severity: low, medium, high
    Severity {
        #[arg(value_name = "N[,N]")]
        numbers: String,
        #[arg(value_parser = word(Severity::ALL, Severity::word, Severity::from_word))]
        severity: Severity,
    },
    /// Set how many systems or persons are concerned: one, few, many, mass
    #[command(after_help = "one: one; few: 2 to 10; many: 11 to 100; mass: more, or a whole organisation.")]
    Extent {
        #[arg(value_name = "N[,N]")]
        numbers: String,
        #[arg(value_parser = word(Extent::ALL, Extent::word, Extent::from_word))]
        extent: Extent,
    },
    /// Add (+x) and remove (-y) labels
    #[command(after_help = "Example:\n  vigie ticket label 42 +phishing -unclear")]
    Label {
        #[arg(value_name = "N[,N]")]
        numbers: String,
        #[arg(value_name = "+x|-y", required = true)]
        labels: Vec<String>,
    },
    /// Write a ticket as a file for others: anonymised unless --full
    #[command(
        after_help = "Examples:\n  vigie ticket export 42 --format text              read it before it leaves\n  \
        vigie ticket export 42 --format misp --output 42.json\n  \
        vigie ticket export 42 --format json --full --reason \"court order 12/26\"\n  \
        vigie ticket export 42 --format evidence --output 42.tar\n\n\
        In full it is refused where the reporter's consent is `no`; anonymised where TLP is RED. Evidence holds\n\
        everything, signed: check it with tar, sha256sum -c SHA256SUMS and gpg --verify SHA256SUMS.asc SHA256SUMS.\n\
        Each export stands in the history of the ticket. Files are readable by you alone; none is overwritten."
    )]
    Export {
        #[arg(value_name = "N")]
        number: String,
        /// text and json for people to review, misp, stix (2.1), or evidence (a signed tar archive)
        #[arg(long, value_parser = word(Format::ALL, Format::word, Format::from_word))]
        format: Format,
        /// With people, hosts and subject as they are
        #[arg(long, requires = "reason")]
        full: bool,
        /// Why; kept in the history
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        /// Into this new file instead of stdout; needed for evidence
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Find tickets by words in subject, texts, indicators, names of people and files
    #[command(after_help = "Examples:\n  vigie ticket search 'fake invoice'\n  \
        vigie ticket search '\"fake invoice\" -newsletter from:alice state:open label:phishing'\n  \
        vigie ticket search 'evil[.]example'      (or 198.51.100.7, a hash, an address; defanged or not)\n\n\
        All words must be there; the last word, and one with a trailing *, finds what begins so.\n\
        -word: must not be there. Newest first.")]
    Search {
        /// Words, "phrases", -word, from:, state:, label:
        #[arg(required = true)]
        query: Vec<String>,
        /// At most so many
        #[arg(long, value_name = "N", default_value_t = 50, value_parser = number::<usize>)]
        limit: usize,
    },
}

/// What becomes of a participant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AddOrRemove {
    Add,
    Remove,
}

/// Reads a mark as leniently as in mails: `red`, `TLP:AMBER+STRICT`, `amber strict`, `WHITE`.
fn mark(text: &str) -> Result<Mark, String> {
    tlp::parse(text).ok_or_else(|| "write RED, AMBER+STRICT, AMBER, GREEN or CLEAR".to_owned())
}
