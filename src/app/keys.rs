//! The team's own keys and everybody else's certificates.
//!
//! Hostile data: certificates; `edge/openpgp/certs` cuts them down before they come here. A
//! certificate is named by its full fingerprint only: shorter forms can be forged (T39).
//! Failure: words for the person who asked; a file in which one certificate is bad keeps the rest.

use super::views::{Answer, Done, KeyOrigin, KeyView, When};
use super::work::checked_reason;
use super::{Actor, App, AppError, KeyFile};
use crate::decide::keys::{self, Certificate, Event};
use crate::edge::openpgp::certs::{self as pgp, CertificateFacts};
use crate::edge::openpgp::seam::TeamKey;
use crate::rules::address::Address;
use crate::rules::expiry;
use crate::rules::settings::Settings;
use crate::rules::ticket::words;
use crate::rules::untrusted::Untrusted;
use crate::rules::verdict::Authenticated;
use crate::store::certs::{self, Cert, NewCert};
use crate::store::{Tx, history};
use jiff::Timestamp;

words! {
    /// How a person made sure that a fingerprint is the right one.
    TrustMethod {
        CallBack = "call-back",
        MailBack = "mail-back",
        InPerson = "in-person",
        Document = "document",
    }
}

pub(super) fn list(app: &App, now: Timestamp) -> Result<Answer, AppError> {
    let known = app.store.read(certs::all)?;
    let introducers = introducers(app, &known);
    let team = app.team.iter().map(|key| team_view(app, key, now));
    let others = known.iter().filter(|cert| team_key(app, &cert.fingerprint).is_none());
    Ok(Answer::Keys(team.chain(others.map(|cert| cert_view(app, cert, &introducers, now))).collect()))
}

pub(super) fn show(app: &App, now: Timestamp, fingerprint: &str) -> Result<Answer, AppError> {
    let fingerprint = full(fingerprint)?;
    if let Some(key) = team_key(app, &fingerprint) {
        let origin = KeyOrigin {
            source: "config".to_owned(),
            added_at: None,
            confirmed_at: None,
            confirmed_by: None,
            method: None,
            note: None,
        };
        return Ok(Answer::Key(Box::new(KeyView { origin: Some(origin), ..team_view(app, key, now) })));
    }
    let known = app.store.read(certs::all)?;
    let cert = known.iter().find(|cert| cert.fingerprint == fingerprint).ok_or_else(|| unknown(&fingerprint))?;
    let when = |at: Timestamp| When::new(at, &app.settings.team.time_zone);
    let origin = KeyOrigin {
        source: cert.source.clone(),
        added_at: Some(when(cert.added_at)),
        confirmed_at: cert.confirmed_at.map(when),
        confirmed_by: cert.confirmed_by.clone(),
        method: cert.method.clone(),
        note: cert.note.clone(),
    };
    let view = cert_view(app, cert, &introducers(app, &known), now);
    Ok(Answer::Key(Box::new(KeyView { origin: Some(origin), ..view })))
}

/// Keeps every certificate of the files. Import makes no key `full`: that is `trust`.
pub(super) fn import(app: &App, actor: &Actor, now: Timestamp, files: &[KeyFile]) -> Result<Answer, AppError> {
    let mut found = Vec::new();
    for file in files {
        found.extend(read_file(app, file, now)?);
    }
    app.store.change(|tx| {
        let mut words = Vec::new();
        for facts in &found {
            words.push(keep(app, tx, facts, actor, now)?);
        }
        Ok(Answer::Done(Done { words, ..Done::default() }))
    })
}

/// The certificates of one file; armour that was copied out of a page or document is mended (T44).
fn read_file(app: &App, file: &KeyFile, now: Timestamp) -> Result<Vec<CertificateFacts>, AppError> {
    let found = pgp::describe_document(&file.octets.0, &app.settings.pgp.introducers, now);
    found.map_err(|why| AppError::not_allowed(format!("{}: {why}; nothing was imported", file.name)))
}

fn keep(app: &App, tx: &Tx, facts: &CertificateFacts, actor: &Actor, now: Timestamp) -> Result<String, AppError> {
    let fingerprint = &facts.fingerprint;
    if team_key(app, fingerprint).is_some() {
        return Ok(format!("{fingerprint} is a key of the team; left alone"));
    }
    let what = match keep_certificate(tx, facts, app.settings, "import", &actor.name, now)? {
        Kept::New => "imported",
        Kept::Updated => "updated",
        Kept::Same => "is known already",
    };
    let confirmed = certs::get(tx, fingerprint)?.is_some_and(|cert| cert.confirmed_at.is_some());
    let advice = if confirmed { "" } else { "; not confirmed: compare the fingerprint, then `vigie key trust`" };
    let others = others(tx, facts)?;
    let secret = if facts.secret { "; the secret part was left out" } else { "" };
    let problems = if facts.problems.is_empty() { String::new() } else { format!(" ({})", facts.problems.join("; ")) };
    Ok(format!("{fingerprint} {what}{secret}{others}{advice}{problems}"))
}

/// Other certificates for the same addresses, in words: they stay, and the person should know.
fn others(tx: &Tx, facts: &CertificateFacts) -> Result<String, AppError> {
    let mut others: Vec<String> = Vec::new();
    for address in &facts.addresses {
        for other in certs::of_address(tx, address.key())? {
            if other.fingerprint != facts.fingerprint && !others.contains(&other.fingerprint) {
                others.push(other.fingerprint);
            }
        }
    }
    let words = || format!("; its address also has {}, which stays (`vigie key remove`)", others.join(", "));
    Ok(if others.is_empty() { String::new() } else { words() })
}

/// What keeping a certificate changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    New,
    Updated,
    Same,
}

/// Keeps a certificate that the team imports, merged with what is known of it, and writes that
/// down if it changed. Where the new copy revokes it, the operators are told.
pub fn keep_certificate(
    tx: &Tx,
    facts: &CertificateFacts,
    settings: &Settings,
    source: &str,
    who: &str,
    now: Timestamp,
) -> Result<Kept, AppError> {
    let fingerprint = &facts.fingerprint;
    let introducers = &settings.pgp.introducers;
    let known = certs::get(tx, fingerprint)?;
    let (bytes, kept) = match &known {
        None => (facts.bytes.clone(), Kept::New),
        Some(known) => {
            let bytes = pgp::merge(&known.bytes, &facts.bytes)
                .map_err(|why| AppError::not_allowed(format!("{fingerprint}: {why}; nothing was imported")))?;
            if bytes == known.bytes && !known.candidate {
                return Ok(Kept::Same);
            }
            (bytes, Kept::Updated)
        }
    };
    // The merged one may hold addresses and keys that this copy lacks.
    let merged = pgp::describe_keeping(&bytes, introducers, now).ok().and_then(|mut all| all.pop());
    let facts = merged.as_ref().unwrap_or(facts);
    let addresses: Vec<String> = facts.addresses.iter().map(|address| address.key().to_owned()).collect();
    let cert = NewCert {
        fingerprint,
        bytes: &facts.bytes,
        handles: &facts.handles,
        addresses: &addresses,
        candidate: false,
        clear: false,
        source,
    };
    certs::keep(tx, &cert, now)?;
    let what = if known.is_some() { "updated" } else { "imported" };
    history::add(tx, None, now, who, &format!("certificate {fingerprint} {what}"))?;
    let was_revoked = known.and_then(|known| self::facts(&known.bytes, now)).is_none_or(|facts| facts.revoked);
    if facts.revoked && !was_revoked {
        let certificate = Certificate { fingerprint, addresses: &addresses, ends_at: None };
        keys::tell(tx, settings, &certificate, Event::Revoked, None, now)?;
    }
    Ok(kept)
}

pub(super) fn trust(
    app: &App,
    actor: &Actor,
    now: Timestamp,
    fingerprint: &str,
    method: TrustMethod,
    note: Option<&str>,
) -> Result<Answer, AppError> {
    let fingerprint = full(fingerprint)?;
    let note = note.map(|note| checked_reason("note", note)).transpose()?;
    if team_key(app, &fingerprint).is_some() {
        return Err(AppError::not_allowed(format!("{fingerprint} is a key of the team and is trusted as it is")));
    }
    app.store.change(|tx| {
        if !certs::confirm(tx, &fingerprint, &actor.name, method.word(), note, now)? {
            return Err(unknown(&fingerprint));
        }
        let note = note.map(|note| format!(": {note}")).unwrap_or_default();
        history::add(tx, None, now, &actor.name, &format!("certificate {fingerprint} confirmed by {method}{note}"))?;
        Ok(done(format!("{fingerprint} is confirmed by {method}")))
    })
}

pub(super) fn export(app: &App, fingerprint: &str) -> Result<Answer, AppError> {
    let fingerprint = full(fingerprint)?;
    let octets = match team_key(app, &fingerprint) {
        Some(key) => key.certificate.clone(),
        None => app.store.read(|c| certs::get(c, &fingerprint))?.ok_or_else(|| unknown(&fingerprint))?.bytes,
    };
    let armour = pgp::export_armored(&octets).map_err(|why| AppError::Internal { words: why })?;
    Ok(Answer::Armour(armour))
}

pub(super) fn remove(app: &App, actor: &Actor, now: Timestamp, fingerprint: &str) -> Result<Answer, AppError> {
    let fingerprint = full(fingerprint)?;
    if team_key(app, &fingerprint).is_some() {
        let words = format!("{fingerprint} is a key of the team; take its file out of [pgp] secret_keys instead");
        return Err(AppError::not_allowed(words));
    }
    app.store.change(|tx| {
        if !certs::remove(tx, &fingerprint)? {
            return Err(unknown(&fingerprint));
        }
        history::add(tx, None, now, &actor.name, &format!("certificate {fingerprint} removed"))?;
        Ok(done(format!("{fingerprint} is removed; if its file lies in [pgp] certs, remove it there too")))
    })
}

/// A full fingerprint as people write it: blanks, colons and a leading 0x set aside.
fn full(text: &str) -> Result<String, AppError> {
    let digits: String = text.chars().filter(|c| !c.is_whitespace() && *c != ':').collect();
    let digits = digits.strip_prefix("0x").or(digits.strip_prefix("0X")).unwrap_or(&digits).to_uppercase();
    if matches!(digits.len(), 40 | 64) && digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(digits);
    }
    Err(AppError::invalid("fingerprint", "write the full fingerprint, 40 or 64 hex digits; shorter ones can be forged"))
}

fn unknown(fingerprint: &str) -> AppError {
    AppError::not_found(format!("no certificate {fingerprint} is known; see `vigie key list`"))
}

fn done(words: String) -> Answer {
    Answer::Done(Done { words: vec![words], ..Done::default() })
}

fn team_key<'a>(app: &'a App, fingerprint: &str) -> Option<&'a TeamKey> {
    app.team.iter().find(|key| key.fingerprint == fingerprint)
}

/// The certificates of the introducers, as far as the team has imported them.
fn introducers(app: &App, known: &[Cert]) -> Vec<Vec<u8>> {
    let named = |cert: &&Cert| !cert.candidate && app.settings.pgp.introducers.contains(&cert.fingerprint);
    known.iter().filter(named).map(|cert| cert.bytes.clone()).collect()
}

fn team_view(app: &App, key: &TeamKey, now: Timestamp) -> KeyView {
    let facts = facts(&key.certificate, now);
    let mut view = view(app, &key.fingerprint, facts.as_ref(), Authenticated::Full);
    view.secret = true;
    note_end(&mut view, facts.as_ref(), &expiry::OF_THE_TEAM, now);
    view
}

fn cert_view(app: &App, cert: &Cert, introducers: &[Vec<u8>], now: Timestamp) -> KeyView {
    let facts = facts(&cert.bytes, now);
    let addresses = facts.as_ref().map_or(&[][..], |facts| facts.addresses.as_slice());
    let is_certified = |address: &&Address| pgp::certified_by(&cert.bytes, address, introducers, now);
    let certified: Vec<&Address> = match cert.candidate {
        true => Vec::new(),
        false => addresses.iter().filter(is_certified).collect(),
    };
    // An introducer speaks for a user ID: for the whole only where it speaks for every one.
    let all_certified = !certified.is_empty() && certified.len() == addresses.len();
    let authenticated = match (cert.candidate, cert.confirmed_at) {
        (true, _) => Authenticated::None,
        (false, Some(_)) => Authenticated::Full,
        (false, None) if all_certified => Authenticated::Full,
        (false, None) => Authenticated::Marginal,
    };
    let mut view = view(app, &cert.fingerprint, facts.as_ref(), authenticated);
    view.candidate = cert.candidate;
    view.certified = certified.iter().map(|address| Untrusted::from(address.as_str())).collect();
    note_end(&mut view, facts.as_ref(), &expiry::OF_OTHERS, now);
    view
}

/// A coming end is told beside what is wrong already.
fn note_end(view: &mut KeyView, facts: Option<&CertificateFacts>, days: &[u32], now: Timestamp) {
    let end = facts.filter(|facts| !facts.revoked).and_then(|facts| facts.usable_until);
    if let (Some(at), Some(expiry::Stage::Within(_))) = (end, expiry::stage(end, days, now)) {
        view.problems.push(format!("expires on {}", at.strftime("%Y-%m-%d")));
    }
}

fn facts(octets: &[u8], now: Timestamp) -> Option<CertificateFacts> {
    pgp::describe(octets, now).ok().and_then(|mut all| all.pop())
}

fn view(app: &App, fingerprint: &str, facts: Option<&CertificateFacts>, authenticated: Authenticated) -> KeyView {
    let when = |at: Timestamp| When::new(at, &app.settings.team.time_zone);
    let mut view = KeyView {
        fingerprint: fingerprint.to_owned(),
        user_ids: Vec::new(),
        addresses: Vec::new(),
        secret: false,
        authenticated,
        certified: Vec::new(),
        candidate: false,
        created_at: None,
        expires_at: None,
        revoked: false,
        problems: vec!["the certificate cannot be read".to_owned()],
        origin: None,
    };
    if let Some(facts) = facts {
        view.user_ids = facts.user_ids.clone();
        view.addresses = facts.addresses.iter().map(|address| Untrusted::from(address.as_str())).collect();
        view.created_at = Some(when(facts.created_at));
        view.expires_at = facts.expires_at.map(when);
        view.revoked = facts.revoked;
        view.problems = facts.problems.clone();
    }
    view
}

#[cfg(test)]
mod tests {
    use super::full;

    #[test]
    fn a_key_is_named_by_its_full_fingerprint_only() {
        let whole = "0123456789ABCDEF0123456789ABCDEF01234567";
        for good in
            [whole, "0x0123456789abcdef0123456789abcdef01234567", "0123 4567 89AB CDEF 0123  4567 89AB CDEF 0123 4567"]
        {
            assert_eq!(full(good).unwrap(), whole, "{good}");
        }
        for bad in ["", "01234567", "0123456789ABCDEF", &whole[1..], &whole.replace('0', "G")] {
            assert!(full(bad).is_err(), "{bad}");
        }
    }
}
