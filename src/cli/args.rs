//! The command line, as clap reads it: names and help. What a command does stands elsewhere.

use crate::app::{Format, TrustMethod, VouchMethod};
use crate::house::KeyFiles;
use crate::rules::consent::Consent;
use crate::rules::ticket::{LinkKind, Priority, State};
use crate::rules::tlp::{self, Mark};
use crate::rules::weight::{Extent, Severity};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::str::FromStr;

const AFTER: &str = "\
Examples:
  vigie demo                          the whole product in a temporary folder, no server needed
  vigie init /etc/vigie               a config to fill in, a store key, a team key
  vigie check --connect               is all of it right?
  vigie run                           the daemon
  vigie ticket list --unanswered      what is owed, oldest promise first
  vigie ticket answer 42 < answer.txt

Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 75 temporary failure, 78 bad config.";

/// The front door of a CSIRT: mail in, tickets, acknowledgements, alerts, promises kept.
#[derive(Debug, Parser)]
#[command(name = "vigie", version, after_help = AFTER, arg_required_else_help = true, subcommand_required = true)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// What every command understands.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// The config file
    #[arg(long, global = true, env = "VIGIE_CONFIG", default_value = "/etc/vigie/config.toml", value_name = "FILE")]
    pub config: PathBuf,
    /// One JSON document on stdout instead of tables
    #[arg(long, global = true)]
    pub json: bool,
    /// Act as if it were TIME (RFC 3339); only for stores with simulated_clock = true
    #[arg(long, global = true, value_name = "TIME")]
    pub now: Option<String>,
    /// Who acts; else the login name. A daemon accepts it from root and its own user only
    #[arg(long = "as", global = true, value_name = "NAME")]
    pub as_name: Option<String>,
    /// Say more on stderr; twice: everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Colours and bold in tables
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub color: Color,
}

/// When tables are coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the whole product in a temporary folder, with no server
    Demo {
        /// Do not pause between the steps
        #[arg(long)]
        exit: bool,
    },
    /// Write a commented config, folders, a store key and a team key into DIR
    #[command(after_help = "Examples:\n  vigie init /etc/vigie\n  vigie init trial --plain-store\n  \
                            vigie init /etc/vigie --secret-key csirt-secret.asc\n\nNothing is ever overwritten.")]
    Init(InitArgs),
    /// Tell in plain words what is wrong with config, keys, servers and rota
    #[command(after_help = "Exit 78 if the config is wrong, 1 if any check fails.")]
    Check {
        /// Log in to every server, decrypt and sign a probe, open the store
        #[arg(long)]
        connect: bool,
    },
    /// Show how the loops are, what waits and what needs a person
    #[command(after_help = "Exit 1 if something needs a person: fit for a monitoring probe.")]
    Status,
    /// Figures: how much came, how soon it was answered, promises kept
    #[command(after_help = "Examples:\n  vigie stats --from 2026-01-01 --to 2026-07-01\n  \
        vigie stats --html figures.html\n  vigie stats --anonymised --html for-the-web-site.html\n\n\
        The last twelve months unless a span is given.")]
    Stats {
        /// From when: 2026-01-01, or with a time
        #[arg(long, value_name = "T")]
        from: Option<String>,
        /// Until when, not included
        #[arg(long, value_name = "T")]
        to: Option<String>,
        /// A page with plots into this new file, readable without network and without script
        #[arg(long, value_name = "FILE")]
        html: Option<PathBuf>,
        /// For publication: without counts below 5, what tells them, and names of constituents
        #[arg(long)]
        anonymised: bool,
    },
    /// Run the daemon
    Run {
        /// Take what is there, fire what is due, send what is due, and exit (75: something is left)
        #[arg(long)]
        once: bool,
    },
    /// File messages given as files or on stdin
    #[command(after_help = "Examples:\n  vigie ingest --mailbox csirt mail/*.eml\n  \
        vigie ingest --mailbox csirt --sender \"$SENDER\" -     (from an MTA's pipe)\n\n\
        Prints one line of JSON a message: {\"ticket\",\"message\",\"outcome\"}.\n\
        Exits 75 whenever a message is not safely stored, so that an MTA keeps it.")]
    Ingest(IngestArgs),
    /// See and work on tickets
    #[command(subcommand)]
    Ticket(TicketCommand),
    /// The team's keys and everybody else's certificates
    #[command(subcommand)]
    Key(KeyCommand),
    /// Who is on duty; acknowledge pages
    #[command(subcommand)]
    Duty(DutyCommand),
    /// What is still to be sent
    #[command(subcommand)]
    Outbox(OutboxCommand),
    /// Mail that could not be processed, kept whole
    #[command(subcommand)]
    Quarantine(QuarantineCommand),
    /// Prove that the history was neither altered nor cut
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Write a copy of the store into a new file, while mail arrives
    #[command(after_help = "Example:\n  vigie backup /var/backups/vigie-$(date +%F).db\n\n\
        A running daemon writes it. It is proven after it was written, encrypted with the key of the store, and\n\
        never takes the place of another file. Keep a copy of the key elsewhere.")]
    Backup {
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Put a backup in the place of the store
    #[command(after_help = "Examples:\n  vigie restore /var/backups/vigie-2026-11-27.db\n  \
        vigie restore --replace /var/backups/vigie-2026-11-27.db\n\n\
        Refused while a daemon runs. Mail that was received and filed since the backup is found again at the next\n\
        run. Ticket numbers go on 1000 higher for each day since the backup; acknowledgements for mail received\n\
        before the restore, and all that was still to be sent, are held until `vigie outbox retry`.")]
    Restore {
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Keep the store that is there aside
        #[arg(long)]
        replace: bool,
    },
    /// The store itself
    #[command(subcommand)]
    Store(StoreCommand),
    /// Remove the content of tickets that were put away longer ago than [retention] closed_after
    #[command(
        after_help = "Examples:\n  vigie purge --dry-run     which tickets would be concerned\n  vigie purge\n\n\
        Mails, texts, attachments, indicators, addresses and what was sent are removed for good; number, dates,\n\
        class, state and history stay. The daemon does it daily where closed_after is set."
    )]
    Purge {
        /// Only name the tickets
        #[arg(long)]
        dry_run: bool,
    },
    /// Hold the team's private keys and answer for them; started by the daemon or by systemd
    #[command(hide = true)]
    Keeper(KeyFiles),
    /// Open and read mail; started by the daemon
    #[command(hide = true)]
    Reader {
        /// How much address space it may use, octets
        memory: u64,
    },
}

#[derive(Debug, Clone, Args)]
pub struct InitArgs {
    /// The folder; made where it is missing
    pub dir: PathBuf,
    /// No store key: the database is not encrypted
    #[arg(long)]
    pub plain_store: bool,
    /// Take this secret key instead of making one
    #[arg(long, value_name = "FILE")]
    pub secret_key: Option<PathBuf>,
}

#[derive(Debug, Clone, Args)]
pub struct IngestArgs {
    /// The mailbox of the config that they came to
    #[arg(long, value_name = "NAME")]
    pub mailbox: String,
    /// The envelope sender; "" or "<>" is the null sender. Else Return-Path, else From
    #[arg(long, value_name = "ADDR", allow_hyphen_values = true)]
    pub sender: Option<String>,
    /// Messages; - or none: one from stdin
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

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

#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// List the team's keys and all certificates
    List,
    /// Import certificates
    #[command(after_help = "An imported certificate is used to encrypt and to verify; it counts as confirmed\n\
        only after `vigie key trust`.")]
    Import {
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
    },
    /// Show one certificate
    Show {
        #[arg(value_name = "FPR")]
        fingerprint: String,
    },
    /// Confirm a fingerprint that you compared with its owner
    #[command(after_help = "Example:\n  vigie key trust 0123456789ABCDEF0123456789ABCDEF01234567 --method call-back \
        --note \"called the switchboard\"")]
    Trust {
        #[arg(value_name = "FPR")]
        fingerprint: String,
        /// How you made sure
        #[arg(long, value_parser = word(TrustMethod::ALL, TrustMethod::word, TrustMethod::from_word))]
        method: TrustMethod,
        #[arg(long, value_name = "TEXT")]
        note: Option<String>,
    },
    /// Make a new team key beside the config, and say how to use it
    Generate,
    /// Write a certificate, armoured, to stdout
    Export {
        #[arg(value_name = "FPR")]
        fingerprint: String,
    },
    /// Forget a certificate
    Remove {
        #[arg(value_name = "FPR")]
        fingerprint: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum DutyCommand {
    /// Show who is on duty, until when, pages, and gaps in the rota
    Show,
    /// Acknowledge a page
    Ack {
        /// Its number, or the code in it
        page: String,
    },
    /// Let somebody stand in
    #[command(
        after_help = "Example:\n  vigie duty override --analyst bob --from 2026-12-24T09:00 --to 2026-12-26T09:00\n\n\
        A time without offset is the team's."
    )]
    Override {
        /// Who stands in: a name from [[duty.analyst]]
        #[arg(long, value_name = "NAME")]
        analyst: String,
        /// From when: 2026-12-24T09:00, or with an offset
        #[arg(long, value_name = "T")]
        from: String,
        /// Until when, written alike
        #[arg(long, value_name = "T")]
        to: String,
    },
    /// Page the analyst on duty as a test
    Test,
}

#[derive(Debug, Subcommand)]
pub enum StoreCommand {
    /// Encrypt the store with a new key
    #[command(after_help = "Examples:\n  vigie store rekey\n  vigie store rekey --key-file new.key\n\n\
        Refused while a daemon runs. The new key takes the place of the one in [store] key_file; a plain store is\n\
        encrypted, and key_file is to be set then. A kill at any point leaves a store that opens.")]
    Rekey {
        /// The new key, 64 hex digits; made where the file is missing
        #[arg(long, value_name = "NEW")]
        key_file: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Compute history, mails, attachments and signed heads anew, and say what is wrong
    #[command(after_help = "Examples:\n  vigie audit verify\n  vigie audit verify --head head-of-last-week.eml\n\n\
        Exit 1 where anything is not as it was written. Only a head that lies elsewhere shows that lines at the\n\
        end were cut off together with the store's own heads.")]
    Verify {
        /// A signed head that was kept elsewhere: the saved mail, or its text
        #[arg(long, value_name = "FILE")]
        head: Option<PathBuf>,
    },
    /// Print the head of the history as it is now, signed by the team's key
    #[command(after_help = "Example:\n  vigie audit head > /mnt/elsewhere/head-$(date +%F).txt")]
    Head,
}

#[derive(Debug, Subcommand)]
pub enum OutboxCommand {
    /// List what is not sent yet
    List {
        /// What was sent or dropped too
        #[arg(long)]
        all: bool,
    },
    /// Try again now
    Retry {
        #[arg(required_unless_present = "all", conflicts_with = "all", value_parser = number::<i64>)]
        id: Option<i64>,
        /// Everything that has failed
        #[arg(long)]
        all: bool,
    },
    /// Never send it
    Drop {
        #[arg(value_parser = number::<i64>)]
        id: i64,
        /// Why; kept in the history
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum QuarantineCommand {
    /// List held mail
    List,
    /// Show one, and how it begins
    Show {
        #[arg(value_parser = number::<i64>)]
        id: i64,
    },
    /// Process it again
    Retry {
        #[arg(value_parser = number::<i64>)]
        id: i64,
    },
    /// Take it out of quarantine; its octets are kept
    Drop {
        #[arg(value_parser = number::<i64>)]
        id: i64,
        /// Why; kept in the history
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

/// Reads a mark as leniently as in mails: `red`, `TLP:AMBER+STRICT`, `amber strict`, `WHITE`.
fn mark(text: &str) -> Result<Mark, String> {
    tlp::parse(text).ok_or_else(|| "write RED, AMBER+STRICT, AMBER, GREEN or CLEAR".to_owned())
}

/// Reads one of our fixed words, and lists them where it is none.
fn word<T: Copy + Send + Sync + 'static>(
    all: &'static [T],
    word: fn(T) -> &'static str,
    from_word: fn(&str) -> Option<T>,
) -> impl clap::builder::TypedValueParser<Value = T> {
    use clap::builder::{PossibleValuesParser, TypedValueParser};
    let words: Vec<&'static str> = all.iter().map(|value| word(*value)).collect();
    PossibleValuesParser::new(words).try_map(move |text| from_word(&text).ok_or("not one of these"))
}

/// A whole number.
fn number<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text} is no number"))
}

#[cfg(test)]
mod tests {
    use super::Cli;
    use clap::CommandFactory;

    #[test]
    fn the_tree_of_commands_is_sound() {
        Cli::command().debug_assert();
    }
}
