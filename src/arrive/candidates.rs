//! Certificates that came with a mail, described as candidates: they prove nothing (T54).
//!
//! Of a certificate that the team keeps, only its owner's revocations are taken from a mail: they
//! are signed by the key itself and take trust away, never add any (T40). New user IDs, subkeys and
//! expiry dates of it wait for `key import`. A candidate gains whatever its own key signed.
//!
//! Hostile data: the certificates. Failure: one that cannot be read is left out.
//! Known gap: what a mail adds to a certificate that the team keeps is not shown anywhere.

use crate::edge::openpgp::certs as pgp;
use crate::rules::report::{Brings, Candidate, MailedCertificate};
use crate::store::certs::{self, Cert};
use crate::store::{Connection, Result};
use jiff::Timestamp;

/// A mail brings at most so many.
const MOST: usize = 10;

/// Describes the certificates of a mail, each once.
pub fn describe(certificates: &[MailedCertificate], now: Timestamp) -> Vec<Candidate> {
    let mut found: Vec<Candidate> = Vec::new();
    for mailed in certificates.iter().take(MOST) {
        for facts in pgp::describe(&mailed.bytes, now).unwrap_or_default() {
            if let Some(known) = found.iter_mut().find(|known| known.fingerprint == facts.fingerprint) {
                known.clear |= mailed.clear;
            } else if found.len() < MOST {
                found.push(candidate(facts, mailed.clear, Brings::Candidate));
            }
        }
    }
    found
}

fn candidate(facts: pgp::CertificateFacts, clear: bool, brings: Brings) -> Candidate {
    Candidate {
        fingerprint: facts.fingerprint,
        bytes: facts.bytes,
        handles: facts.handles,
        addresses: facts.addresses.iter().map(|a| a.key().to_owned()).collect(),
        clear,
        brings,
    }
}

/// What they bring beside what the store keeps by now; the rest is left out. In the transaction
/// that keeps them, so that nothing is overwritten. `introducers`: whose certifications stay.
pub fn news(c: &Connection, found: &[Candidate], introducers: &[String], now: Timestamp) -> Result<Vec<Candidate>> {
    let mut news = Vec::new();
    for candidate in found {
        match certs::get(c, &candidate.fingerprint)? {
            None => news.push(candidate.clone()),
            Some(known) if known.candidate => news.extend(more(&known, candidate, now)),
            Some(known) => news.extend(revocation(&known, candidate, introducers, now)),
        }
    }
    Ok(news)
}

/// A candidate that is known already, with what this copy adds.
fn more(known: &Cert, copy: &Candidate, now: Timestamp) -> Option<Candidate> {
    let merged = pgp::merge(&known.bytes, &copy.bytes).ok()?;
    let facts = pgp::describe(&merged, now).ok()?.pop()?;
    let is_news = facts.bytes != known.bytes || (copy.clear && !known.clear);
    is_news.then(|| candidate(facts, copy.clear, Brings::Candidate))
}

/// A certificate that the team keeps, with the revocations of this copy.
fn revocation(known: &Cert, copy: &Candidate, introducers: &[String], now: Timestamp) -> Option<Candidate> {
    let was_revoked = pgp::describe(&known.bytes, now).ok()?.pop()?.revoked;
    let merged = pgp::with_revocations(&known.bytes, &copy.bytes).ok()??;
    let facts = pgp::describe_keeping(&merged, introducers, now).ok()?.pop()?;
    let brings = if facts.revoked && !was_revoked { Brings::Revocation } else { Brings::PartRevocation };
    Some(candidate(facts, false, brings))
}
