//! The team's keys and the folder of certificates.
//!
//! Hostile data: certificates. Failure: words; a key that cannot be used is a failed check.

use super::{Findings, Reached, private};
use crate::cli::Failure;
use crate::edge::openpgp::certs::{self, CertificateFacts};
use crate::edge::openpgp::open::{self, KnownCertificate, Ring};
use crate::edge::openpgp::seal;
use crate::edge::openpgp::seam::{KeyTrouble, PrivateKeys, TeamKey};
use crate::edge::{random, secret};
use crate::house;
use crate::rules::settings::Settings;
use crate::rules::verdict::{Encryption, Signature};
use jiff::{SignedDuration, Timestamp};
use sequoia_openpgp::types::HashAlgorithm;
use std::sync::Arc;
use zeroize::Zeroizing;

/// So many days ahead, the nearest that applies is said.
const AHEAD: [i64; 3] = [7, 30, 90];

/// The team's keys, loaded; None where there is none.
pub(super) fn team(
    settings: &Settings,
    store: Option<&Reached>,
    now: Timestamp,
    findings: &mut Findings,
) -> Result<Option<Arc<dyn PrivateKeys>>, Failure> {
    for file in settings.pgp.secret_keys.iter().filter(|file| file.exists()) {
        match secret::read_octets(file) {
            // Without an agent the key is of no use: its line below says so.
            Ok(octets) if secret::is_public(&octets) => {
                if settings.pgp.agent_socket.is_some() {
                    findings.ok("secret", format!("{} holds public certificates alone", file.display()))?;
                }
            }
            Ok(_) => private(file, findings)?,
            // So does it where the file cannot be read.
            Err(_) => {}
        }
    }
    let keys: Arc<dyn PrivateKeys> = match store.and_then(|store| store.session.house()) {
        Some(house) => house.keys.clone(),
        None => house::load_keys(settings),
    };
    let troubles = keys.troubles();
    for trouble in &troubles {
        findings.fail("team key", trouble)?;
    }
    // Of what an agent holds, the trouble may not name the key.
    let by_agent = settings.pgp.agent_socket.is_some() && !troubles.is_empty();
    let is_troubled =
        |key: &TeamKey| by_agent || troubles.iter().any(|trouble| trouble.contains(key.fingerprint.as_str()));
    if keys.team().is_empty() {
        findings.fail("team key", "no key of the team could be loaded: nothing can be decrypted or signed")?;
        return Ok(None);
    }
    for (place, key) in keys.team().iter().enumerate() {
        match facts(key, now) {
            // That it works is not said of a key of which it was just denied.
            Some(_) if place > 0 && is_troubled(key) => {}
            Some(facts) => one((place, is_troubled(key)), &facts, key, settings, now, findings)?,
            None => findings.fail("team key", format!("{} cannot be read", key.fingerprint))?,
        }
    }
    Ok(Some(keys))
}

fn facts(key: &TeamKey, now: Timestamp) -> Option<CertificateFacts> {
    certs::describe(&key.certificate, now).ok()?.into_iter().next()
}

/// One key of the team. The first must sign and be encrypted to; of others it is enough that they decrypt.
fn one(
    (place, is_troubled): (usize, bool),
    facts: &CertificateFacts,
    key: &TeamKey,
    settings: &Settings,
    now: Timestamp,
    findings: &mut Findings,
) -> Result<(), Failure> {
    let name = &key.fingerprint;
    if place > 0 {
        let words = if facts.problems.is_empty() { String::new() } else { format!(" ({})", facts.problems.join("; ")) };
        return findings.ok("team key", format!("{name} opens older mail{words}"));
    }
    if !facts.usable_for_signing || !facts.usable_for_encryption {
        let lacks = if facts.usable_for_signing { "mail cannot be encrypted to it" } else { "it cannot sign" };
        let why = if facts.problems.is_empty() { "a subkey has expired".to_owned() } else { facts.problems.join("; ") };
        return findings.fail("team key", format!("{name}: {lacks}: {why}"));
    }
    let team = &settings.team.address;
    if !facts.addresses.iter().any(|address| address.key() == team.key()) {
        let words = format!(
            "{name} does not bear {}, the team's address: readers will not take its signatures for the team's. Add it as a \
             user ID (gpg --quick-add-uid) and publish the key anew, or name another key first in [pgp] secret_keys",
            team.as_str()
        );
        findings.warn("team key", words)?;
    }
    let expires = facts.expires_at.map(|at| at.strftime("%Y-%m-%d").to_string());
    match ends_within(key, now) {
        Some(days) => {
            let what =
                expires.map_or("a subkey expires".to_owned(), |day| format!("it expires on {day}, or a subkey before"));
            findings.warn("team key", format!("{name} ends within {days} days ({what}): extend it and publish it anew"))
        }
        None if is_troubled => Ok(()),
        None => {
            let until = expires.map_or("never expires".to_owned(), |day| format!("expires on {day}"));
            findings.ok("team key", format!("{name} signs and decrypts; {until}"))
        }
    }
}

/// Within how many days the key ceases to sign or to be encrypted to, its subkeys included.
fn ends_within(key: &TeamKey, now: Timestamp) -> Option<i64> {
    AHEAD.into_iter().find(|days| {
        let then = now.checked_add(SignedDuration::from_hours(days * 24)).unwrap_or(Timestamp::MAX);
        !facts(key, then).is_some_and(|facts| facts.usable_for_signing && facts.usable_for_encryption)
    })
}

/// The folder of certificates, file by file.
pub(super) fn certificates(settings: &Settings, now: Timestamp, findings: &mut Findings) -> Result<(), Failure> {
    let Some(folder) = &settings.pgp.certs else { return Ok(()) };
    let shown = folder.display();
    let files = match std::fs::read_dir(folder) {
        Ok(entries) => entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()),
        Err(error) => return findings.fail("certificates", format!("{shown} cannot be read: {error}")),
    };
    let mut count = 0;
    for file in files {
        let read = std::fs::read(&file).map_err(|e| e.to_string()).and_then(|octets| certs::describe(&octets, now));
        match read {
            Err(words) => findings.warn("certificates", format!("{}: {words}", file.display()))?,
            Ok(found) => {
                for facts in &found {
                    count += 1;
                    if !facts.usable_for_encryption {
                        let why = facts.problems.join("; ");
                        let words = format!("{}: {} cannot be encrypted to: {why}", file.display(), facts.fingerprint);
                        findings.warn("certificates", words)?;
                    }
                }
            }
        }
    }
    findings.ok("certificates", format!("{count} in {shown}"))
}

/// Encrypts random octets to each key and opens them again; signs and verifies with the first.
pub(super) fn probe(keys: &dyn PrivateKeys, now: Timestamp, findings: &mut Findings) -> Result<(), Failure> {
    for key in keys.team() {
        let name = &key.fingerprint;
        match decrypts(keys, key, now) {
            Ok(true) => findings.ok("probe", format!("{name} decrypted a probe"))?,
            Ok(false) => findings.ok("probe", format!("{name} is no longer encrypted to; not probed"))?,
            Err(words) => findings.fail("probe", format!("{name} did not decrypt a probe: {words}"))?,
        }
    }
    match signs(keys, now) {
        Ok(name) => findings.ok("probe", format!("{name} signed a probe, and the signature is good")),
        Err(words) => findings.fail("probe", format!("a probe could not be signed: {words}")),
    }
}

/// One key behind the seam, the others hidden: so that it is this one that answers.
struct Alone<'a> {
    keys: &'a dyn PrivateKeys,
    team: [TeamKey; 1],
}

impl PrivateKeys for Alone<'_> {
    fn team(&self) -> &[TeamKey] {
        &self.team
    }

    fn troubles(&self) -> Vec<String> {
        Vec::new()
    }

    fn session_key(
        &self,
        key: &str,
        ciphertext: &[u8],
        length: Option<usize>,
    ) -> Result<Zeroizing<Vec<u8>>, KeyTrouble> {
        self.keys.session_key(key, ciphertext, length)
    }

    fn sign(&self, key: &str, hash: HashAlgorithm, digest: &[u8]) -> Result<Vec<u8>, KeyTrouble> {
        self.keys.sign(key, hash, digest)
    }
}

fn decrypts(keys: &dyn PrivateKeys, key: &TeamKey, now: Timestamp) -> Result<bool, String> {
    if !seal::usable_for_encryption(&key.certificate, now) {
        return Ok(false);
    }
    let alone = Alone { keys, team: [key.clone()] };
    let probe = random::bytes::<32>();
    let message = seal::encrypt(&probe, &[], &alone, false, now).map_err(|trouble| trouble.to_string())?;
    let ring = Ring { keys: &alone, find: &|_| Vec::new(), introducers: &[] };
    let opened = open::decrypt(message.as_bytes(), &ring, now);
    match opened.problem {
        Some(problem) => Err(problem.word().replace('_', " ")),
        None if opened.encryption == Encryption::Decrypted && opened.plaintext.as_deref() == Some(&probe) => Ok(true),
        None => Err("something else came out".to_owned()),
    }
}

fn signs(keys: &dyn PrivateKeys, now: Timestamp) -> Result<String, String> {
    let probe = random::bytes::<32>();
    let (signature, _) = seal::sign_detached(&probe, keys, now).map_err(|trouble| trouble.to_string())?;
    let ring = Ring { keys, find: &|_| Vec::<KnownCertificate>::new(), introducers: &[] };
    match open::verify_detached(&probe, signature.as_bytes(), &ring, now).as_slice() {
        [fact] if fact.state == Signature::Good => Ok(fact.signer.clone().unwrap_or_default()),
        [fact, ..] => Err(format!("its signature is {}", fact.state)),
        [] => Err("it gave no signature".to_owned()),
    }
}
