//! Certificates that come to their end: looked through once a day, and whenever one has changed.
//!
//! Hostile data: none but certificates, which were cut down when they were kept. Failure: the
//! store's. Running it twice changes nothing: each stage of each certificate is told once.

use crate::decide::keys::{self, Certificate, Event};
use crate::edge::openpgp::certs as pgp;
use crate::edge::openpgp::seam::TeamKey;
use crate::rules::expiry::{self, Stage};
use crate::rules::settings::Settings;
use crate::store::{Result, Store, certs, settings as values};
use jiff::Timestamp;

/// Tells of every certificate that the team keeps, and of the key that it signs with, whose end is
/// near; gives how many were told of.
pub fn turn(store: &Store, settings: &Settings, team: &[TeamKey], now: Timestamp) -> Result<usize> {
    let own = team.first();
    let day = now.to_zoned(settings.team.time_zone.clone()).strftime("%Y-%m-%d");
    let today = format!("{day} {}", own.map_or("", |key| key.fingerprint.as_str()));
    if store.read(values::certificates_seen)?.as_deref() == Some(&today) {
        return Ok(0);
    }
    // Read and described outside of the transaction: there may be hundreds.
    let kept = store.read(certs::all)?;
    let mut ending: Vec<Ending> =
        kept.iter().filter(|cert| !cert.candidate).filter_map(|c| of_others(c, now)).collect();
    ending.extend(own.and_then(|key| of_the_team(key, now)));
    store.write(|tx| {
        let mut told = 0;
        for Ending { fingerprint, addresses, ends_at, event } in &ending {
            let certificate = Certificate { fingerprint, addresses, ends_at: *ends_at };
            told += usize::from(keys::tell(tx, settings, &certificate, *event, None, now)?);
        }
        values::set_certificates_seen(tx, &today)?;
        Ok(told)
    })
}

struct Ending {
    fingerprint: String,
    addresses: Vec<String>,
    ends_at: Option<Timestamp>,
    event: Event,
}

fn of_others(cert: &certs::Cert, now: Timestamp) -> Option<Ending> {
    let facts = described(&cert.bytes, now)?;
    let stage = expiry::stage(facts.usable_until, &expiry::OF_OTHERS, now)?;
    // Whoever added it after its end was told so then. A revoked one has its own notice.
    let was_over = stage == Stage::Over && facts.usable_until.is_some_and(|end| end <= cert.added_at);
    (!was_over && !facts.revoked).then(|| ending(facts, Event::Ends(stage)))
}

fn of_the_team(key: &TeamKey, now: Timestamp) -> Option<Ending> {
    let facts = described(&key.certificate, now)?;
    let stage = expiry::stage(facts.usable_until, &expiry::OF_THE_TEAM, now)?;
    Some(Ending { addresses: Vec::new(), ..ending(facts, Event::TeamEnds(stage)) })
}

fn described(octets: &[u8], now: Timestamp) -> Option<pgp::CertificateFacts> {
    pgp::describe(octets, now).ok()?.pop()
}

fn ending(facts: pgp::CertificateFacts, event: Event) -> Ending {
    Ending {
        addresses: facts.addresses.iter().map(|address| address.key().to_owned()).collect(),
        fingerprint: facts.fingerprint,
        ends_at: facts.usable_until,
        event,
    }
}
