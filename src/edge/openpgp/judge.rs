//! What one signature is worth.
//!
//! The arithmetic comes first, over every key that the signature may mean: key IDs are hints, and
//! two keys may share one (T39). Only a signature that verifies is asked further: is its key bound,
//! alive, strong, allowed to sign, was it made now, for us (A5.8, A5.9, T37, T38).
//! Hostile data: signatures and certificates. Failure: a `SignatureFact` that is not good.

use super::seam::PrivateKeys;
use super::{Lenient, certs, system_time, timestamp};
use crate::rules::address::Address;
use crate::rules::verdict::{Signature, SignatureProblem};
use jiff::{SignedDuration, Timestamp};
use openpgp::cert::amalgamation::key::ErasedKeyAmalgamation;
use openpgp::cert::amalgamation::{ValidAmalgamation, ValidateAmalgamation};
use openpgp::crypto::mpi;
use openpgp::packet::key::PublicParts;
use openpgp::parse::Parse;
use openpgp::policy::{HashAlgoSecurity, Policy, StandardPolicy};
use openpgp::types::{HashAlgorithm, RevocationStatus, RevocationType, SignatureType};
use openpgp::{Cert, KeyHandle, packet};
use sequoia_openpgp as openpgp;

/// The keys and certificates that opening a mail may use.
pub struct Ring<'a> {
    pub keys: &'a dyn PrivateKeys,
    /// Certificates that hold a key with one of these handles (fingerprints or key IDs, capital hex).
    pub find: &'a dyn Fn(&[String]) -> Vec<KnownCertificate>,
    /// Fingerprints of those whose certifications the team trusts.
    pub introducers: &'a [String],
}

/// A certificate that the store keeps.
#[derive(Debug, Clone)]
pub struct KnownCertificate {
    /// Of the primary key, capital hex.
    pub fingerprint: String,
    /// Binary.
    pub bytes: Vec<u8>,
    /// It came with a mail: it proves nothing.
    pub candidate: bool,
    /// A person compared the fingerprint.
    pub confirmed: bool,
    /// The addresses whose owner it speaks for: of its bound user IDs, and those that the team recorded.
    pub addresses: Vec<Address>,
}

/// One signature, judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureFact {
    pub state: Signature,
    pub problem: Option<SignatureProblem>,
    /// Fingerprint of the primary key where the certificate is known, else what the signature claims.
    pub signer: Option<String>,
    /// What the signature says of its time.
    pub made_at: Option<Timestamp>,
    /// Of a good signature: the addresses of its certificate.
    pub addresses: Vec<Address>,
    /// Of a good signature: its certificate's fingerprint was compared by a person.
    pub confirmed: bool,
    /// Of a good signature: the addresses that an introducer certified.
    pub certified: Vec<Address>,
}

impl SignatureFact {
    pub(super) fn failed(state: Signature, problem: Option<SignatureProblem>) -> SignatureFact {
        SignatureFact {
            state,
            problem,
            signer: None,
            made_at: None,
            addresses: Vec::new(),
            confirmed: false,
            certified: Vec::new(),
        }
    }

    /// A signature that cannot be read as one.
    pub fn malformed() -> SignatureFact {
        SignatureFact::failed(Signature::Bad, Some(SignatureProblem::Malformed))
    }
}

/// How far ahead the clock of a signer may run.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// Judges a signature over a document. The digest must have been computed by the parser.
pub(super) fn judge(signature: &packet::Signature, ring: &Ring, now: Timestamp) -> SignatureFact {
    let issuers = signature.get_issuers();
    let claimed = issuers.iter().find(|issuer| matches!(issuer, KeyHandle::Fingerprint(_))).map(KeyHandle::to_hex);
    let mut fact = SignatureFact {
        signer: claimed,
        made_at: signature.signature_creation_time().map(timestamp),
        ..SignatureFact::failed(Signature::UnknownKey, None)
    };
    if !matches!(signature.typ(), SignatureType::Binary | SignatureType::Text) || fact.made_at.is_none() {
        return SignatureFact { signer: fact.signer, ..SignatureFact::malformed() };
    }
    if signature.computed_digest().is_none() || !signature.pk_algo().is_supported() {
        let weak = is_weak(signature.hash_algo());
        (fact.state, fact.problem) =
            if weak { (Signature::Weak, None) } else { (Signature::Bad, Some(SignatureProblem::Unsupported)) };
        return fact;
    }
    for known in known_certificates(&issuers, ring, now) {
        let Ok(cert) = Cert::from_bytes(&known.bytes) else { continue };
        for key in cert.keys().key_handles(issuers.iter()) {
            fact.signer = Some(cert.fingerprint().to_hex());
            if signature.verify_document(key.key()).is_ok() {
                (fact.state, fact.problem) = assess(signature, &cert, &key, &known, ring, now);
                if fact.state == Signature::Good {
                    fact.certified = certified(&known, ring, now);
                    fact.addresses = known.addresses;
                    fact.confirmed = known.confirmed;
                }
                return fact;
            }
            let meant = issuers.contains(&KeyHandle::Fingerprint(key.key().fingerprint()));
            if meant || !known.candidate {
                fact.state = Signature::Bad;
            }
        }
    }
    fact
}

/// What the store knows for these handles, and the team's own certificates.
fn known_certificates(issuers: &[KeyHandle], ring: &Ring, now: Timestamp) -> Vec<KnownCertificate> {
    let handles: Vec<String> = issuers.iter().map(KeyHandle::to_hex).collect();
    let mut known = (ring.find)(&handles);
    for own in ring.keys.team() {
        let Ok(facts) = certs::describe(&own.certificate, now) else { continue };
        known.extend(facts.into_iter().filter(|facts| facts.handles.iter().any(|h| handles.contains(h))).map(
            |facts| KnownCertificate {
                fingerprint: facts.fingerprint,
                bytes: facts.bytes,
                candidate: false,
                confirmed: true,
                addresses: facts.addresses,
            },
        ));
    }
    // What the team imported is asked before what came with a mail.
    known.sort_by_key(|known| known.candidate);
    known
}

fn is_weak(hash: HashAlgorithm) -> bool {
    matches!(hash, HashAlgorithm::MD5 | HashAlgorithm::SHA1 | HashAlgorithm::RipeMD)
}

type Finding = (Signature, Option<SignatureProblem>);

/// What a signature is worth whose arithmetic is right.
fn assess(
    signature: &packet::Signature,
    cert: &Cert,
    key: &ErasedKeyAmalgamation<PublicParts>,
    known: &KnownCertificate,
    ring: &Ring,
    now: Timestamp,
) -> Finding {
    if known.candidate {
        return (Signature::UnknownKey, None);
    }
    let made_at = signature.signature_creation_time().unwrap_or(std::time::UNIX_EPOCH);
    let strict = StandardPolicy::at(system_time(now));
    revocation(cert, key, now)
        .or_else(|| weakness(signature, key))
        .or_else(|| binding(key, &strict, made_at, now))
        .or_else(|| timing(signature, now))
        .or_else(|| {
            let unknown_critical = strict.signature(signature, HashAlgoSecurity::CollisionResistance).is_err();
            unknown_critical.then_some((Signature::Bad, Some(SignatureProblem::Unsupported)))
        })
        .or_else(|| {
            let mut intended = signature.intended_recipients().map(|recipient| recipient.to_hex()).peekable();
            let elsewhere = intended.peek().is_some()
                && !intended.any(|recipient| ring.keys.team().iter().any(|own| own.fingerprint == recipient));
            elsewhere.then_some((Signature::Bad, Some(SignatureProblem::NotForUs)))
        })
        .unwrap_or((Signature::Good, None))
}

/// Revoked, certificate or signing key. A soft revocation counts from the day it was made, whatever
/// day the signature claims (T37).
fn revocation(cert: &Cert, key: &ErasedKeyAmalgamation<PublicParts>, now: Timestamp) -> Option<Finding> {
    let at = system_time(now);
    let of_key = key.clone().with_policy(&Lenient, at).map(|valid| valid.revocation_status());
    for status in [Ok(cert.revocation_status(&Lenient, at)), of_key].into_iter().flatten() {
        if let RevocationStatus::Revoked(revocations) = status {
            let soft = revocations.iter().all(|revocation| {
                revocation
                    .reason_for_revocation()
                    .is_some_and(|(reason, _)| reason.revocation_type() == RevocationType::Soft)
            });
            let problem = if soft { SignatureProblem::RevokedSoft } else { SignatureProblem::RevokedHard };
            return Some((Signature::RevokedKey, Some(problem)));
        }
    }
    None
}

/// Broken digest, or a key too short (A5.1).
fn weakness(signature: &packet::Signature, key: &ErasedKeyAmalgamation<PublicParts>) -> Option<Finding> {
    let short = matches!(key.key().mpis(), mpi::PublicKey::RSA { .. } | mpi::PublicKey::DSA { .. })
        && key.key().mpis().bits().is_none_or(|bits| bits < 2048);
    (short || is_weak(signature.hash_algo())).then_some((Signature::Weak, None))
}

/// Bound to its certificate when it signed, allowed to sign, alive then and now.
fn binding(
    key: &ErasedKeyAmalgamation<PublicParts>,
    strict: &StandardPolicy,
    made_at: std::time::SystemTime,
    now: Timestamp,
) -> Option<Finding> {
    let at = system_time(now);
    let (then, today) = (key.clone().with_policy(strict, made_at), key.clone().with_policy(strict, at));
    let Ok(today) = today else {
        // What only a lenient reader accepts is bound by broken digests or by a key too short (T38).
        return Some(match key.clone().with_policy(&Lenient, at) {
            Ok(_) => (Signature::Weak, None),
            Err(_) => (Signature::Bad, Some(SignatureProblem::WrongFlags)),
        });
    };
    // GnuPG writes over the old binding when the owner extends the key: then only today's is left.
    let then = then.as_ref().unwrap_or(&today);
    if !then.for_signing() || !today.for_signing() {
        return Some((Signature::Bad, Some(SignatureProblem::WrongFlags)));
    }
    if then.alive().is_err() || then.valid_cert().alive().is_err() {
        return Some((Signature::ExpiredKey, Some(SignatureProblem::ExpiredAtSigning)));
    }
    let ended = today.alive().is_err() || today.valid_cert().alive().is_err();
    ended.then_some((Signature::ExpiredKey, None))
}

fn timing(signature: &packet::Signature, now: Timestamp) -> Option<Finding> {
    let made_at = signature.signature_creation_time().map(timestamp)?;
    if made_at > now.saturating_add(CLOCK_SKEW).unwrap_or(now) {
        return Some((Signature::Bad, Some(SignatureProblem::Future)));
    }
    let ends = signature.signature_expiration_time().map(timestamp);
    ends.filter(|end| *end <= now).map(|_| (Signature::Bad, Some(SignatureProblem::Old)))
}

/// The addresses of a certificate that an introducer certified.
fn certified(known: &KnownCertificate, ring: &Ring, now: Timestamp) -> Vec<Address> {
    if ring.introducers.is_empty() {
        return Vec::new();
    }
    let trusted = (ring.find)(ring.introducers);
    let introducers: Vec<Vec<u8>> = trusted
        .into_iter()
        .filter(|found| ring.introducers.contains(&found.fingerprint))
        .map(|found| found.bytes)
        .collect();
    let certified = |address: &&Address| certs::certified_by(&known.bytes, address, &introducers, now);
    known.addresses.iter().filter(certified).cloned().collect()
}
