//! Certificates that change: who is told, and where it is written down (T54, T55).
//!
//! A notice in clear holds fixed words; whose certificate it is stands in encrypted ones and in the
//! history. Each event is told once. Failure: the store's.

use super::raise::{self, Notice};
use crate::rules::expiry::Stage;
use crate::rules::settings::Settings;
use crate::store::{Result, Tx, history, tickets};
use jiff::Timestamp;

/// What happened to a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A candidate came for an address that has another certificate. `rollover`: the mail that
    /// brought it is signed with that one.
    Changed { rollover: bool },
    /// Its owner revoked it.
    Revoked,
    /// Its owner revoked a user ID or subkey.
    PartRevoked,
    /// It can soon be used no more, or cannot any longer.
    Ends(Stage),
    /// The same of the key that the team signs with.
    TeamEnds(Stage),
}

/// The certificate that it happened to.
pub struct Certificate<'a> {
    pub fingerprint: &'a str,
    /// Those concerned, in lower case.
    pub addresses: &'a [String],
    pub ends_at: Option<Timestamp>,
}

/// A reporter with more live tickets than this reads it in the first ones.
const TICKETS: usize = 100;

/// Tells those who take escalations, once; writes it into the history of `ticket`, whose mail
/// brought it, and of the live tickets of the address that is concerned. Gives whether it is new.
pub fn tell(
    tx: &Tx,
    settings: &Settings,
    certificate: &Certificate,
    event: Event,
    ticket: Option<i64>,
    now: Timestamp,
) -> Result<bool> {
    let Certificate { fingerprint, addresses, .. } = *certificate;
    let details = format!("Certificate:  {fingerprint}\nAddresses:    {}", addresses.join(", "));
    let (about, words) = words(event);
    let slot = slot(certificate, event, settings, now);
    let notice = Notice { about, slot: &slot, words: &words, details: Some(&details) };
    let is_new = raise::notice_with(tx, settings, ticket, &notice, now)?;
    let mut concerned: Vec<i64> = ticket.into_iter().collect();
    if is_new {
        for address in addresses {
            let theirs = tickets::live_of_reporter(tx, address)?.into_iter().take(TICKETS);
            concerned.extend(theirs.filter(|id| Some(*id) != ticket));
        }
    }
    for id in concerned {
        history::add(tx, Some(id), now, history::VIGIE, &line(fingerprint, event))?;
    }
    Ok(is_new)
}

/// What makes the telling one and the same. Of changes one a day and address: whoever sends many
/// keys in the name of somebody shall not drown the rest.
fn slot(certificate: &Certificate, event: Event, settings: &Settings, now: Timestamp) -> String {
    let day = |at: Timestamp| at.to_zoned(settings.team.time_zone.clone()).strftime("%Y-%m-%d").to_string();
    let fingerprint = certificate.fingerprint;
    match event {
        Event::Changed { rollover } => {
            let address = certificate.addresses.first().map_or(fingerprint, String::as_str);
            format!("{address}-{rollover}-{}", day(now))
        }
        Event::Revoked => fingerprint.to_owned(),
        Event::PartRevoked => format!("{fingerprint}-{}", day(now)),
        Event::Ends(stage) | Event::TeamEnds(stage) => {
            // An owner who extends it begins anew.
            format!("{fingerprint}-{}-{}", stage_word(stage), certificate.ends_at.map(day).unwrap_or_default())
        }
    }
}

fn stage_word(stage: Stage) -> String {
    match stage {
        Stage::Within(days) => days.to_string(),
        Stage::Over => "over".to_owned(),
    }
}

/// What it is about, and the sentence that may leave in clear.
fn words(event: Event) -> (&'static str, String) {
    match event {
        Event::Changed { rollover } => {
            let signed = match rollover {
                true => {
                    "The mail is signed with the certificate known so far, which suggests a planned change; \
                     confirm it by hand all the same."
                }
                false => "Nothing shows that the holder of the certificate known so far sent it.",
            };
            let words = format!(
                "A mail brought a certificate for an address that has another one. It stays a candidate: nothing but \
                 acknowledgements is ever encrypted to it and it verifies nothing, until somebody has compared its \
                 fingerprint and says `vigie key trust`. {signed}"
            );
            ("key change", words)
        }
        Event::Revoked => (
            "key revoked",
            "The owner of a certificate that the team keeps has revoked it. Nothing more is encrypted to it and its \
             signatures do not count. Ask the owner for another one; `vigie key list` shows which it is."
                .to_owned(),
        ),
        Event::PartRevoked => (
            "key revoked",
            "The owner of a certificate that the team keeps has revoked a part of it: a user ID or a subkey. Ask the \
             owner for the certificate as it is now, and import it."
                .to_owned(),
        ),
        Event::Ends(stage) => {
            let when = when(stage);
            let words = format!(
                "A certificate that the team keeps {when}. Ask its owner for the extended one and import it; \
                 `vigie key list` shows which it is."
            );
            ("key expiry", words)
        }
        Event::TeamEnds(stage) => {
            let when = when(stage);
            let words = format!(
                "The team's own key {when}. Extend it (gpg --quick-set-expire), put it into its file under [pgp] \
                 secret_keys, reload, and publish the certificate."
            );
            ("team key expiry", words)
        }
    }
}

fn when(stage: Stage) -> String {
    match stage {
        Stage::Within(days) => format!("expires within {days} days"),
        Stage::Over => "has expired".to_owned(),
    }
}

/// The line of the history.
fn line(fingerprint: &str, event: Event) -> String {
    match event {
        Event::Changed { rollover } => {
            let signed = if rollover { ", in a mail signed with that one" } else { "" };
            format!("certificate {fingerprint} came as a candidate for an address that has another one{signed}")
        }
        Event::Revoked => format!("certificate {fingerprint} was revoked by its owner"),
        Event::PartRevoked => format!("a user ID or subkey of certificate {fingerprint} was revoked by its owner"),
        Event::Ends(stage) | Event::TeamEnds(stage) => format!("certificate {fingerprint} {}", when(stage)),
    }
}
