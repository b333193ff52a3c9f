//! What of a ticket may leave, as plain data: the four formats are written from this alone.
//!
//! Internal notes, acknowledgements and header fields never stand in it. Anonymised, every text has gone
//! through `rules::anonymise`, and an indicator that holds a person, an own host or an internal address is
//! left out and counted. Hostile data: all texts. Failure: the store's.

use super::AppError;
use super::mark;
use crate::app::App;
use crate::app::views::When;
use crate::rules::address::Address;
use crate::rules::anonymise::{Anonymiser, Person, Secrets};
use crate::rules::report::IndicatorKind;
use crate::rules::ticket::Direction;
use crate::rules::tlp::Mark;
use crate::store::Connection;
use crate::store::attachments;
use crate::store::messages::{self, Message};
use crate::store::tickets::{self, Ticket};
use jiff::Timestamp;
use regex::Regex;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// One ticket, ready to leave.
pub(super) struct Parcel {
    pub ticket: Ticket,
    pub subject: String,
    /// What the receiver must honour.
    pub mark: Mark,
    /// Whether the originator marked it.
    pub marked: bool,
    pub letters: Vec<Letter>,
    pub indicators: Vec<Found>,
    pub received_at: When,
    /// When the last of its mails came or went.
    pub changed_at: Timestamp,
    /// Null: in full.
    pub review: Option<Review>,
}

/// A mail of the reporter's or an answer.
#[derive(Serialize)]
pub(super) struct Letter {
    pub direction: Direction,
    /// Placeholders where it is anonymised.
    pub from: Option<String>,
    pub to: Vec<String>,
    pub received_at: When,
    pub subject: String,
    pub text: String,
    pub attachments: Vec<File>,
}

/// An attachment: its octets do not leave.
#[derive(Serialize)]
pub(super) struct File {
    pub name: String,
    pub content_type: String,
    pub size: u64,
    pub sha256: String,
}

/// An indicator and when it came.
#[derive(Serialize)]
pub(super) struct Found {
    pub kind: IndicatorKind,
    pub value: String,
    #[serde(skip)]
    pub at: Timestamp,
}

/// For the person who reads it before it leaves. Holds none of what was replaced.
#[derive(Serialize)]
pub(super) struct Review {
    /// Placeholder -> how often it stands in the export.
    pub replaced: BTreeMap<String, usize>,
    /// Indicators left out since they name a person, an own host or an internal address.
    pub indicators_left_out: usize,
    pub notes: &'static [&'static str],
}

const NOTES: &[&str] = &[
    "Internal notes, acknowledgements and header fields are left out.",
    "Not found by rule: people that no address field names, nicknames, encoded texts. Read it before it leaves.",
];

pub(super) fn gather(app: &App, c: &Connection, ticket: &Ticket, full: bool) -> Result<Parcel, AppError> {
    let zone = &app.settings.team.time_zone;
    let mut messages = messages::of_ticket(c, ticket.id)?;
    let secrets = secrets(app, c, ticket, &messages)?;
    let mut anonymiser = (!full).then(|| Anonymiser::new(&secrets));
    let mut line = |text: &str| match &mut anonymiser {
        Some(anonymiser) => anonymiser.line(text),
        None => text.to_owned(),
    };
    let subject = line(&ticket.subject);
    messages.retain(|message| matches!(message.direction, Direction::In | Direction::Out));
    let changed_at = messages.iter().map(|m| m.received_at).max().unwrap_or(ticket.received_at);
    let mut files = attachments::of_ticket(c, ticket.id)?;
    let mut letters = Vec::new();
    for message in &messages {
        let (own, others) = files.into_iter().partition(|file| file.message_id == message.id);
        files = others;
        let own: Vec<attachments::AttachmentRow> = own;
        let mut line = |text: &str| match &mut anonymiser {
            Some(anonymiser) => anonymiser.line(text),
            None => text.to_owned(),
        };
        let mut letter = Letter {
            direction: message.direction,
            from: message.from.as_deref().map(&mut line),
            to: message.to.iter().map(|to| line(to)).collect(),
            received_at: When::new(message.received_at, zone),
            subject: line(&message.subject),
            text: String::new(),
            attachments: Vec::new(),
        };
        for file in own {
            let (name, content_type) = (line(&file.name), line(&file.content_type));
            letter.attachments.push(File { name, content_type, size: file.size, sha256: file.sha256 });
        }
        letter.text = match &mut anonymiser {
            Some(anonymiser) => anonymiser.text(&message.text),
            None => message.text.clone(),
        };
        letters.push(letter);
    }
    let (indicators, indicators_left_out) = indicators(app, c, ticket, &messages, anonymiser.as_ref())?;
    Ok(Parcel {
        ticket: ticket.clone(),
        subject,
        mark: mark(ticket).unwrap_or(Mark::Amber),
        marked: ticket.tlp.is_some(),
        letters,
        indicators,
        received_at: When::new(ticket.received_at, zone),
        changed_at,
        review: anonymiser.map(|anonymiser| Review {
            replaced: anonymiser.counts().clone(),
            indicators_left_out,
            notes: NOTES,
        }),
    })
}

/// The indicators of the mails, each once, without the team's own addresses; and how many were left out.
fn indicators(
    app: &App,
    c: &Connection,
    ticket: &Ticket,
    messages: &[Message],
    anonymiser: Option<&Anonymiser>,
) -> Result<(Vec<Found>, usize), AppError> {
    let own: Vec<&Address> = app.settings.own_addresses().collect();
    let mut found: BTreeMap<(IndicatorKind, String), Timestamp> = BTreeMap::new();
    let mut left_out = 0;
    for (indicator, message) in messages::indicators(c, ticket.id)? {
        let (kind, value) = (indicator.kind, indicator.value.raw().to_owned());
        let Some(message) = messages.iter().find(|known| known.id == message) else { continue };
        if own.iter().any(|own| own.key() == value || own.domain() == value)
            || found.contains_key(&(kind, value.clone()))
        {
            continue;
        }
        if anonymiser.is_some_and(|anonymiser| kind == IndicatorKind::Email || !anonymiser.is_clean(&value)) {
            left_out += 1;
            continue;
        }
        found.insert((kind, value), message.received_at);
    }
    Ok((found.into_iter().map(|((kind, value), at)| Found { kind, value, at }).collect(), left_out))
}

/// Everybody who stands in an address field, and whom we serve.
fn secrets(app: &App, c: &Connection, ticket: &Ticket, messages: &[Message]) -> Result<Secrets, AppError> {
    let own: Vec<String> = app.settings.own_addresses().map(|own| own.key().to_owned()).collect();
    let is_own = |address: &str| own.iter().any(|own| own == &address.to_lowercase());
    let mut people: BTreeMap<String, Person> = BTreeMap::new();
    let mut add = |name: &str, address: &str| {
        let key = address.trim().to_lowercase();
        if !is_own(&key) {
            let person = people.entry(key.clone()).or_default();
            person.address = Some(key);
            if !name.trim().is_empty() {
                person.names.push(name.trim().to_owned());
            }
        }
    };
    for address in tickets::participants(c, ticket.id)? {
        add("", &address);
    }
    for message in messages {
        for address in message.from.iter().chain(&message.to).chain(&message.cc) {
            add("", address);
        }
        for (name, value) in &message.headers {
            if ADDRESS_FIELDS.iter().any(|field| name.eq_ignore_ascii_case(field)) {
                for found in NAMED.captures_iter(value) {
                    let name = found.get(1).or(found.get(2)).map_or("", |name| name.as_str());
                    add(name, &found[3]);
                }
            }
        }
    }
    let mut reporter = Person::default();
    if let Some(address) = &ticket.reporter {
        reporter = people.remove(&address.to_lowercase()).unwrap_or_default();
        reporter.address = Some(address.clone());
    }
    reporter.names.push(ticket.reporter_name.clone());
    Ok(Secrets {
        reporter,
        people: people.into_values().collect(),
        organisations: app.settings.constituents.iter().map(|constituent| constituent.name.clone()).collect(),
        domains: app.settings.constituents.iter().flat_map(|constituent| constituent.domains.clone()).collect(),
        own,
    })
}

const ADDRESS_FIELDS: &[&str] =
    &["From", "To", "Cc", "Reply-To", "Sender", "Resent-From", "Resent-To", "Resent-Cc", "Return-Path", "Delivered-To"];

/// `"Name" <address>`, `Name <address>` or `<address>` (RFC 5322 3.4), wherever it stands in the field.
static NAMED: LazyLock<Regex> = LazyLock::new(|| {
    // A literal, and the tests of exports compile it.
    #[allow(clippy::expect_used)]
    Regex::new(r#"(?:"((?:[^"\\]|\\.)*)"|([^",;<>]*))\s*<([^<>@\s]+@[^<>\s]+)>"#).expect("a literal")
});
