//! Certificates that came with a mail, described as candidates: they prove nothing (T54).
//!
//! Hostile data: the certificates. Failure: one that cannot be read is left out.

use crate::edge::openpgp::certs;
use crate::rules::report::{Candidate, Report};
use jiff::Timestamp;

/// A mail brings at most so many.
const MOST: usize = 10;

/// Describes the certificates of a mail, each once.
pub fn describe(report: &Report, now: Timestamp) -> Vec<Candidate> {
    let mut found: Vec<Candidate> = Vec::new();
    for mailed in report.certificates.iter().take(MOST) {
        for facts in certs::describe(&mailed.bytes, now).unwrap_or_default() {
            if let Some(known) = found.iter_mut().find(|known| known.fingerprint == facts.fingerprint) {
                known.clear |= mailed.clear;
            } else if found.len() < MOST {
                found.push(Candidate {
                    fingerprint: facts.fingerprint,
                    bytes: facts.bytes,
                    handles: facts.handles,
                    addresses: facts.addresses.iter().map(|a| a.key().to_owned()).collect(),
                    clear: mailed.clear,
                });
            }
        }
    }
    found
}
