//! How this team wants its front door run: what the config file says, checked.
//!
//! `config.rs` makes it from TOML; every value here is usable as it stands.

use super::address::Address;
use super::calendar::Calendar;
use super::caps::Cap;
use super::rota::Rota;
use super::ticket::Kind;
use jiff::SignedDuration;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use std::path::PathBuf;

/// The whole of it. Paths are absolute: relative ones were taken from the config file's folder.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The config file itself.
    pub file: PathBuf,
    /// The folder it stands in.
    pub folder: PathBuf,
    pub team: Team,
    pub store: StoreSettings,
    pub pgp: Pgp,
    pub triage: TriageSettings,
    pub acknowledge: Caps,
    pub mailboxes: Vec<Mailbox>,
    pub smtp: Transport,
    pub sla: Sla,
    pub duty: Duty,
    pub constituents: Vec<Constituent>,
    pub indicators: Indicators,
    pub socket: PathBuf,
    /// Where metrics listen; None: nowhere.
    pub metrics_listen: Option<String>,
    /// Largest mail read whole, octets.
    pub message_bytes: u64,
    /// Mail is read, and private keys live, in processes of their own.
    pub separate_processes: bool,
    /// When the content of tickets that are put away is removed; None: never.
    pub retention_closed_after: Option<jiff::Span>,
    /// When the signed head of the history is mailed.
    pub audit_head: Digest,
    /// What may stay in the file but should be known: one line each, for the operator.
    pub warnings: Vec<String>,
}

#[derive(Debug, Clone)]
pub struct Team {
    pub name: String,
    pub address: Address,
    /// Envelope sender of answers.
    pub bounce_address: Address,
    /// Whether `bounce_address` was set, so that machine mail uses it too instead of `<>`.
    pub bounce_for_all: bool,
    pub phone: Option<String>,
    pub ticket_prefix: String,
    pub time_zone: TimeZone,
    pub languages: Vec<Language>,
}

/// Languages that we have texts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    En,
    Fr,
}

impl Language {
    /// `en`, `fr`.
    pub fn word(self) -> &'static str {
        match self {
            Language::En => "en",
            Language::Fr => "fr",
        }
    }
}

#[derive(Debug, Clone)]
pub struct StoreSettings {
    pub path: PathBuf,
    pub key_file: Option<PathBuf>,
    pub simulated_clock: bool,
}

#[derive(Debug, Clone)]
pub struct Pgp {
    pub secret_keys: Vec<PathBuf>,
    /// The socket of the gpg-agent that holds what is secret of keys whose files do not.
    pub agent_socket: Option<PathBuf>,
    pub passphrase_file: Option<PathBuf>,
    /// Where a keeper of the keys listens that somebody else has started; None: we start our own.
    pub keeper_socket: Option<PathBuf>,
    pub certs: Option<PathBuf>,
    /// Full fingerprints, capital hex.
    pub introducers: Vec<String>,
}

#[derive(Debug, Clone)]
pub struct TriageSettings {
    pub authserv_id: Option<String>,
    /// Header name and value that the border sets on spam.
    pub spam_header: Option<(String, String)>,
    /// Senders whose mail is a machine report.
    pub feeds: Vec<Address>,
}

/// How many acknowledgements may leave in a span.
#[derive(Debug, Clone)]
pub struct Caps {
    pub per_address: Vec<Cap>,
    pub per_domain: Vec<Cap>,
    pub total: Vec<Cap>,
}

#[derive(Debug, Clone)]
pub struct Mailbox {
    pub name: String,
    pub addresses: Vec<Address>,
    pub kind: Kind,
    pub source: Source,
    pub existing: Existing,
}

#[derive(Debug, Clone)]
pub enum Source {
    Imap(Imap),
    Maildir { path: PathBuf, filed_folder: String },
}

#[derive(Debug, Clone)]
pub struct Imap {
    pub server: Server,
    pub folder: String,
    /// Empty: filed mail stays.
    pub filed_folder: String,
    /// Empty: not watched.
    pub sent_folder: String,
    pub poll: SignedDuration,
}

/// How to reach an IMAP or SMTP server.
#[derive(Debug, Clone)]
pub struct Server {
    pub host: String,
    pub port: u16,
    pub tls: Tls,
    pub ca_file: Option<PathBuf>,
    pub user: Option<String>,
    pub password_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    Implicit,
    StartTls,
    /// Loopback only; the config refuses it elsewhere.
    None,
}

/// What to do with mail found when a mailbox is seen for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Not said: up to 10 messages are work; more, and the mailbox is not read.
    Unset,
    Work,
    History,
}

#[derive(Debug, Clone)]
pub enum Transport {
    Smtp(Server),
    Folder(PathBuf),
}

#[derive(Debug, Clone)]
pub struct Sla {
    pub calendar: Calendar,
    /// Business days after which the analyst is reminded.
    pub remind_after: u32,
    /// Business days within which the acknowledgement promises an answer.
    pub answer_within: u32,
    /// Business days after which the escalation starts.
    pub escalate_after: u32,
    /// Names of analysts, in order.
    pub escalate_to: Vec<String>,
    /// Business days between repeated escalations.
    pub repeat_every: u32,
}

#[derive(Debug, Clone)]
pub struct Duty {
    pub rota: Rota,
    /// An iCalendar file that says who is on duty, over the rotation.
    pub calendar: Option<PathBuf>,
    pub digest: Digest,
    pub page_ack_within: SignedDuration,
    pub analysts: Vec<Analyst>,
}

/// When the analyst on duty gets a digest, besides the one at each handover.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Digest {
    /// None at all, not at a handover either.
    Never,
    /// At this time in the team's zone, on these weekdays (Monday first); None: on business days.
    At { weekdays: Option<[bool; 7]>, time: Time },
}

/// Where pages of an analyst go by HTTP.
#[derive(Debug, Clone)]
pub struct Webhook {
    pub url: WebhookUrl,
    /// Under the signature; None: unsigned.
    pub key_file: Option<PathBuf>,
    pub format: WebhookFormat,
    pub ca_file: Option<PathBuf>,
}

/// Chat services put a secret into the address: then it stands in a file of its own.
#[derive(Debug, Clone)]
pub enum WebhookUrl {
    Given(String),
    File(PathBuf),
}

/// Whose JSON a webhook takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookFormat {
    /// Our own, signed.
    Generic,
    Ntfy,
    Mattermost,
    Slack,
}

#[derive(Debug, Clone)]
pub struct Analyst {
    pub name: String,
    pub address: Address,
    /// Full fingerprint, capital hex.
    pub fingerprint: Option<String>,
    pub command: Option<Vec<String>>,
    pub webhook: Option<Webhook>,
}

#[derive(Debug, Clone)]
pub struct Constituent {
    pub name: String,
    pub domains: Vec<String>,
    pub language: Option<Language>,
}

/// Names, addresses and networks whose indicators are set aside: listed, and marked.
#[derive(Debug, Clone)]
pub struct Indicators {
    pub own: Vec<String>,
    pub well_known: Vec<String>,
}

impl Settings {
    /// The analyst of that name.
    pub fn analyst(&self, name: &str) -> Option<&Analyst> {
        self.duty.analysts.iter().find(|a| a.name == name)
    }

    /// The constituent whose domains hold the address; of several the one with the longest name, so
    /// that a part of an organisation can be a constituent of its own.
    pub fn constituent(&self, address: &Address) -> Option<&Constituent> {
        let holding = |c: &Constituent| c.domains.iter().filter(|d| address.is_within(d)).map(String::len).max();
        let found = self.constituents.iter().filter_map(|c| Some((holding(c)?, c)));
        found.max_by_key(|(length, _)| *length).map(|(_, constituent)| constituent)
    }

    /// The mailbox of that name.
    pub fn mailbox(&self, name: &str) -> Option<&Mailbox> {
        self.mailboxes.iter().find(|m| m.name == name)
    }

    /// Every address that mail to us is addressed to, the team's own included.
    pub fn own_addresses(&self) -> impl Iterator<Item = &Address> {
        self.mailboxes.iter().flat_map(|m| &m.addresses).chain([&self.team.address, &self.team.bounce_address])
    }
}
