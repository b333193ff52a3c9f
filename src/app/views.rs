//! What a person sees, as plain data. The field names are the JSON of the outside: a rename here
//! breaks scripts. Everything that a mail says is `Untrusted`, so a screen must encode it.

mod content;
mod messages;

use super::audit::{AuditView, HeadView};
use crate::rules::ticket::{Kind, LinkKind, Priority, State};
use crate::rules::untrusted::Untrusted;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
pub use content::*;
use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
pub use messages::*;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a request gives back.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "answer", content = "view", rename_all = "snake_case")]
pub enum Answer {
    Tickets(Vec<TicketView>),
    /// Those whose clock runs, oldest promise first.
    Unanswered(Vec<TicketView>),
    Ticket(Box<TicketView>),
    Why(Box<WhyView>),
    Octets(Octets),
    Attachments(Vec<AttachmentView>),
    Keys(Vec<KeyView>),
    Key(Box<KeyView>),
    /// Armour, ready to be written out.
    Armour(String),
    Duty(DutyView),
    Outbox(Vec<OutView>),
    Quarantine(Vec<HeldView>),
    Held(Box<HeldView>),
    Status(Box<StatusView>),
    Figures(Box<FiguresView>),
    /// A file for others.
    Export(Export),
    Draft(Box<DraftView>),
    /// The taxonomy.
    Classes(Vec<ClassView>),
    /// Whether the history is whole.
    Audit(Box<AuditView>),
    /// A signed head of it.
    Head(HeadView),
    /// A change was made.
    Done(Done),
}

/// Figures of a span of time.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FiguresView {
    pub team: String,
    pub from: When,
    /// The first instant after it.
    pub to: When,
    #[serde(flatten)]
    pub figures: crate::rules::figures::Figures,
}

/// A ticket as a file for others.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Export {
    pub octets: Octets,
    /// How it may be handled, one line each, for the person.
    pub words: Vec<String>,
}

/// What a change did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// Numbers of the tickets that it concerned.
    pub tickets: Vec<String>,
    /// The message that was written, where one was.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub message: Option<i64>,
    /// The page that was raised, where one was.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub page: Option<i64>,
    /// One line each, for a person.
    pub words: Vec<String>,
}

/// What a person needs who writes to somebody, or a note.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DraftView {
    pub number: String,
    /// The number by which they know it: after a merge their own.
    pub known_as: String,
    /// Theirs: `en`, `fr`.
    pub language: String,
    /// Null: there is nobody to whom mail can be sent.
    pub to: Option<Untrusted>,
    /// Theirs; empty: not known.
    pub name: Untrusted,
    pub subject: Untrusted,
    pub tlp: Option<String>,
    /// Receipt of their last mail, else of the ticket's.
    pub received_at: When,
    pub due_at: Option<When>,
    /// Whether it will leave encrypted.
    pub encrypted: bool,
    /// Why it would not leave at all.
    pub refusal: Option<String>,
    /// The text of that mail.
    pub last: Untrusted,
}

/// An instant, shown as RFC 3339 with the team's offset, in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct When {
    at: Timestamp,
    offset: Offset,
}

impl When {
    /// The instant as the team's clocks show it.
    pub fn new(at: Timestamp, zone: &TimeZone) -> When {
        When { at, offset: zone.to_offset(at) }
    }

    /// The instant itself.
    pub fn at(&self) -> Timestamp {
        self.at
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.offset.to_datetime(self.at).strftime("%Y-%m-%dT%H:%M:%S"))?;
        let seconds = self.offset.seconds();
        let sign = if seconds < 0 { '-' } else { '+' };
        let minutes = seconds.unsigned_abs() / 60;
        write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
    }
}

impl From<When> for String {
    fn from(when: When) -> String {
        when.to_string()
    }
}

impl TryFrom<String> for When {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let pieces = jiff::fmt::temporal::Pieces::parse(&text).map_err(|e| e.to_string())?;
        let at: Timestamp = text.parse().map_err(|e: jiff::Error| e.to_string())?;
        Ok(When { at, offset: pieces.to_numeric_offset().unwrap_or(Offset::UTC) })
    }
}

/// Octets, base64 in JSON.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Octets(pub Vec<u8>);

impl fmt::Debug for Octets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Octets({})", self.0.len())
    }
}

impl From<Octets> for String {
    fn from(octets: Octets) -> String {
        STANDARD.encode(octets.0)
    }
}

impl TryFrom<String> for Octets {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        STANDARD.decode(text).map(Octets).map_err(|e| e.to_string())
    }
}

/// One ticket. A list leaves out `messages`, `indicators` and `history`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TicketView {
    pub number: String,
    pub state: State,
    pub subject: Untrusted,
    pub mailbox: String,
    pub received_via: Vec<String>,
    pub kind: Kind,
    pub priority: Priority,
    pub reported_urgent: bool,
    /// `[URGENT]` stood in an unprotected outer subject only.
    pub urgent_unprotected: bool,
    pub tlp: Option<String>,
    pub labels: Vec<String>,
    pub classification: Option<String>,
    pub severity: Option<String>,
    pub assignee: Option<String>,
    pub consent: Option<String>,
    pub language: String,
    pub automatic: bool,
    pub suspected_spam: bool,
    pub reply_suppressed: Option<String>,
    pub reporter: ReporterView,
    pub participants: Vec<Untrusted>,
    pub received_at: When,
    pub acknowledged_at: Option<When>,
    pub answered_at: Option<When>,
    pub remind_at: Option<When>,
    pub due_at: Option<When>,
    pub escalate_at: Option<When>,
    pub escalated_at: Option<When>,
    /// Receipt of the mail whose clock the three above are of; null: no clock runs.
    pub clock_from: Option<When>,
    /// Until the promise is broken, seconds; negative: since when it is. Null: no clock runs.
    #[serde(default)]
    pub due_in_seconds: Option<i64>,
    /// When an analyst wants to look at it again.
    #[serde(default)]
    pub follow_up_at: Option<When>,
    /// The reporter and whoever else writes and is written to, each with their own clock.
    #[serde(default)]
    pub correspondents: Vec<CorrespondentView>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub messages: Option<Vec<MessageView>>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub indicators: Option<Vec<IndicatorView>>,
    pub links: Vec<LinkView>,
    /// Null: no group of machine reports.
    #[serde(default)]
    pub feed: Option<FeedView>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub history: Option<Vec<EventView>>,
    #[serde(flatten)]
    pub content: ContentView,
}

/// Who reported.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReporterView {
    /// Null: nobody can be written to.
    pub address: Option<Untrusted>,
    pub name: Untrusted,
    pub constituent: Option<String>,
    /// What proves who the correspondents of the ticket are, beside keys (P6).
    pub identity: Vec<IdentityView>,
    /// Since when mail to them comes back; null: nothing did, or they have written since.
    #[serde(default)]
    pub unreachable_at: Option<When>,
}

/// How a correspondent was found to be who they say.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct IdentityView {
    /// `mail-back`, `call-back`, `in-person`.
    pub method: String,
    pub at: When,
    /// Who asked, or vouches.
    pub by: String,
    pub address: Untrusted,
    pub note: Option<String>,
    /// The key that signed the reply of a mail-back: said, not trusted for that.
    pub signer: Option<String>,
}

/// The machine reports that share a ticket.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FeedView {
    pub sender: Untrusted,
    pub source: Untrusted,
    /// In the team's zone.
    pub day: String,
    pub reports: u64,
    pub incidents: u64,
}

/// Somebody with whom the ticket corresponds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CorrespondentView {
    /// Null: a reporter to whom nobody can write.
    pub address: Option<Untrusted>,
    pub role: Role,
    /// Last human message to them.
    pub answered_at: Option<When>,
    /// Null: no clock runs.
    pub clock: Option<ClockView>,
    /// Fingerprint of the certificate that mail to them is encrypted to; null: none.
    pub certificate: Option<String>,
    /// Since when mail to them comes back; null: nothing did, or they have written since.
    #[serde(default)]
    pub unreachable_at: Option<When>,
}

/// Who a correspondent is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Reporter,
    Other,
}

/// The running clock of a promise.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ClockView {
    /// Receipt of their first unanswered mail.
    pub from: When,
    pub remind_at: When,
    pub due_at: When,
    pub escalate_at: When,
    pub escalated_at: Option<When>,
    pub due_in_seconds: i64,
}

/// Why a ticket's dates are what they are.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WhyView {
    pub number: String,
    pub state: State,
    /// The reporter first.
    pub correspondents: Vec<WhyCorrespondent>,
    /// When it left, or why there is none.
    pub acknowledgement: String,
    /// Why it counts as a machine report; null: it does not.
    pub automatic: Option<String>,
    /// Why it is suspected spam; null: it is not.
    pub spam: Option<String>,
    /// The promises, as the config has them.
    pub config: Vec<Line>,
}

/// One correspondent's clock, explained.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WhyCorrespondent {
    pub address: Option<Untrusted>,
    pub role: Role,
    /// The mail from whose receipt it runs, or ran.
    pub message: Option<i64>,
    pub received_at: Option<When>,
    pub deadlines: Vec<DeadlineView>,
    /// Where the receipt comes from, and how the clock stands.
    pub words: Vec<String>,
}

/// One deadline, counted day by day.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeadlineView {
    /// `remind_at`, `due_at`, `escalate_at`.
    pub name: String,
    pub at: When,
    pub business_days: u32,
    pub days: Vec<CountedDay>,
    pub words: Vec<String>,
}

/// One day of a count.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CountedDay {
    /// `2026-11-28`, in the team's zone.
    pub date: String,
    pub counts: bool,
    pub why: Option<String>,
}

/// A name and what stands beside it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Line {
    pub name: String,
    pub value: String,
}

/// How this ticket relates to another.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LinkView {
    pub to: String,
    pub kind: LinkKind,
}

/// One line of the history.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EventView {
    pub at: When,
    pub who: String,
    pub what: String,
}

/// A certificate, or a key of the team.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KeyView {
    /// Capital hex.
    pub fingerprint: String,
    pub user_ids: Vec<Untrusted>,
    pub addresses: Vec<Untrusted>,
    /// One of the team's own keys.
    pub secret: bool,
    pub authenticated: crate::rules::verdict::Authenticated,
    /// Addresses that an introducer certified: `full` for these, whatever stands beside.
    #[serde(default)]
    pub certified: Vec<Untrusted>,
    /// It came with a mail and proves nothing.
    pub candidate: bool,
    pub created_at: Option<When>,
    pub expires_at: Option<When>,
    pub revoked: bool,
    pub problems: Vec<String>,
    /// Of `show`: where it came from, and who confirmed it, when and how.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub origin: Option<KeyOrigin>,
}

/// Where a certificate came from and how it was confirmed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KeyOrigin {
    /// `import`, `folder`, `mail`, `config`.
    pub source: String,
    pub added_at: Option<When>,
    pub confirmed_at: Option<When>,
    pub confirmed_by: Option<String>,
    pub method: Option<String>,
    pub note: Option<String>,
}

/// Who is on duty, and what waits for an acknowledgement.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DutyView {
    /// Null: nobody.
    pub on_duty: Option<String>,
    pub until: Option<When>,
    pub next: Option<String>,
    /// Those of the last seven days and all without acknowledgement, newest first.
    pub pages: Vec<PageView>,
    /// Who stands in, now and later, in the order in which it was set: the last one counts.
    #[serde(default)]
    pub overrides: Vec<OverrideView>,
    /// Spans of the next 60 days in which nobody is on duty.
    pub gaps: Vec<GapView>,
}

/// A span in which somebody stands in.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OverrideView {
    pub analyst: String,
    pub from: When,
    /// The first instant after it.
    pub to: When,
}

/// One page.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PageView {
    pub id: i64,
    pub ticket: Option<String>,
    /// `urgent`, `group`, `test`, `trouble`.
    pub what: String,
    pub raised_at: When,
    pub analyst: String,
    pub acknowledged_at: Option<When>,
    pub acknowledged_by: Option<String>,
}

/// A span in which nobody is on duty.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GapView {
    pub from: When,
    pub to: When,
}

/// One row of the outbox.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OutView {
    pub id: i64,
    pub kind: String,
    pub ticket: Option<String>,
    /// An address, or `command:NAME`.
    pub to: Untrusted,
    pub state: String,
    pub attempts: u32,
    /// Null: nothing more will be tried by itself.
    pub next_try_at: Option<When>,
    pub last_error: Option<Untrusted>,
}

/// A mail in quarantine.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HeldView {
    pub id: i64,
    pub sha256: Option<String>,
    pub size: u64,
    pub mailbox: String,
    pub received_at: When,
    pub attempts: u32,
    pub reason: Option<String>,
    pub ticket: Option<String>,
    /// Of `show`: how the mail begins.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub head: Option<Untrusted>,
}

/// How the house is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StatusView {
    pub daemon_running: bool,
    pub loops: Vec<LoopView>,
    /// Since when the oldest mail without a ticket waits.
    pub oldest_unfiled: Option<When>,
    /// How many rows by state, of those not yet sent.
    pub outbox: std::collections::BTreeMap<String, u64>,
    pub broken_promises: u64,
    pub unacknowledged_pages: Vec<i64>,
    pub quarantine: u64,
    pub key_troubles: Vec<String>,
    pub config_warnings: Vec<String>,
    pub needs_person: bool,
    /// Why, one line each.
    pub reasons: Vec<String>,
}

/// One loop's last turn.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LoopView {
    pub name: String,
    pub last_run: When,
    pub last_ok: Option<When>,
    pub last_error: Option<String>,
}

/// What became of one mail given to `ingest`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IngestLine {
    pub ticket: Option<String>,
    /// The message's row, as `ticket raw --message` takes it.
    pub message: Option<i64>,
    pub outcome: Outcome,
}

/// What became of a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Filed,
    Joined,
    Duplicate,
    Held,
    /// Safe; a running daemon files it.
    Stored,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_shown_with_the_teams_offset_and_read_back() {
        let paris = TimeZone::get("Europe/Paris").unwrap();
        for (utc, shown) in [
            ("2026-11-27T17:01:00Z", "2026-11-27T18:01:00+01:00"),
            ("2026-03-31T16:01:02.9Z", "2026-03-31T18:01:02+02:00"),
        ] {
            let when = When::new(utc.parse().unwrap(), &paris);
            assert_eq!(when.to_string(), shown);
            let json = serde_json::to_string(&when).unwrap();
            let back: When = serde_json::from_str(&json).unwrap();
            assert_eq!(back.to_string(), shown);
        }
        let west = TimeZone::get("America/St_Johns").unwrap();
        assert_eq!(When::new("2026-01-05T00:00:00Z".parse().unwrap(), &west).to_string(), "2026-01-04T20:30:00-03:30");
    }

    #[test]
    fn octets_travel_unchanged() {
        let octets = Octets((0..=255).collect());
        let json = serde_json::to_string(&octets).unwrap();
        assert_eq!(serde_json::from_str::<Octets>(&json).unwrap(), octets);
    }
}
