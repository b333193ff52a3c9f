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
use serde::{Deserialize, Serialize};

/// The keys and certificates that opening a mail may use.
pub struct Ring<'a> {
    pub keys: &'a dyn PrivateKeys,
    /// Certificates that hold a key with one of these handles (fingerprints or key IDs, capital hex).
    pub find: &'a dyn Fn(&[String]) -> Vec<KnownCertificate>,
    /// Fingerprints of those whose certifications the team trusts.
    pub introducers: &'a [String],
}

/// A certificate that the store keeps.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KnownCertificate {
    /// Of the primary key, capital hex.
    pub fingerprint: String,
    /// Binary.
    #[serde(with = "serde_bytes")]
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
    /// What is signed: the digest over content and hashed fields, lower-case hex. None where it was not computed.
    pub digest: Option<String>,
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
            digest: None,
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
        digest: signature.computed_digest().map(|octets| octets.iter().map(|b| format!("{b:02x}")).collect()),
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
    let mut claims: Option<SignatureFact> = None;
    for known in known_certificates(&issuers, ring, now) {
        let Ok(cert) = Cert::from_bytes(&known.bytes) else { continue };
        for key in cert.keys().key_handles(issuers.iter()) {
            fact.signer = Some(cert.fingerprint().to_hex());
            if signature.verify_document(key.key()).is_ok() {
                (fact.state, fact.problem) = assess(signature, &cert, &key, &known, ring, now);
                // Whoever claims a key of somebody else must not speak in front of its owner.
                if fact.problem == Some(SignatureProblem::WrongFlags) {
                    claims.get_or_insert(fact.clone());
                    continue;
                }
                if fact.state == Signature::Good {
                    fact.certified = certified(&known, ring, now);
                    fact.addresses = known.addresses;
                    fact.confirmed = known.confirmed;
                }
                return fact;
            }
            let meant = issuers.contains(&KeyHandle::Fingerprint(key.key().fingerprint()));
            if meant || !known.candidate {
                (fact.state, fact.problem) = (Signature::Bad, None);
            }
        }
    }
    claims.unwrap_or(fact)
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

#[cfg(test)]
mod tests {
    use super::super::fixtures::*;
    use super::super::open::verify_detached;
    use super::*;
    use openpgp::cert::{CertBuilder, CertRevocationBuilder, CipherSuite};
    use openpgp::crypto::KeyPair;
    use openpgp::packet::Packet;
    use openpgp::packet::signature::SignatureBuilder;
    use openpgp::packet::signature::subpacket::NotationDataFlags;
    use openpgp::serialize::MarshalInto;
    use openpgp::types::{KeyFlags, ReasonForRevocation};
    use std::time::Duration;

    const TEXT: &[u8] = b"text";

    fn first_fact(world: &World, signature: &[u8]) -> SignatureFact {
        world.with_ring(|ring| verify_detached(TEXT, signature, ring, now()).remove(0))
    }

    fn finding(world: &World, signature: &[u8]) -> Finding {
        let fact = first_fact(world, signature);
        (fact.state, fact.problem)
    }

    fn knowing(cert: &Cert) -> World {
        World { known: vec![known(cert, false)], ..World::new() }
    }

    fn pair(cert: &Cert, at: usize) -> KeyPair {
        cert.keys().secret().nth(at).unwrap().key().clone().into_keypair().unwrap()
    }

    fn builder(hash: HashAlgorithm, at: Timestamp) -> SignatureBuilder {
        SignatureBuilder::new(SignatureType::Binary)
            .set_hash_algo(hash)
            .set_signature_creation_time(system_time(at))
            .unwrap()
    }

    fn signed(builder: SignatureBuilder, mut pair: KeyPair) -> Vec<u8> {
        Packet::from(builder.sign_message(&mut pair, TEXT).unwrap()).to_vec().unwrap()
    }

    #[test]
    fn a_good_signature_names_its_certificate_and_addresses() {
        let world = World::new();
        let fact = first_fact(&world, &detached(&world.reporter, TEXT, now()));
        assert_eq!((fact.state, fact.problem, fact.confirmed), (Signature::Good, None, false));
        assert_eq!(fact.signer, Some(world.reporter.fingerprint().to_hex()));
        assert_eq!(fact.addresses, [Address::parse("a@corp.example").unwrap()]);
        let own = first_fact(&world, &detached(&world.team, TEXT, now()));
        assert!(own.state == Signature::Good && own.confirmed, "the team's own signature");
    }

    #[test]
    fn a_candidate_and_a_stranger_are_unknown() {
        let mut world = World::new();
        world.known = vec![known(&world.reporter, true)];
        let fact = first_fact(&world, &detached(&world.reporter, TEXT, now()));
        assert_eq!((fact.state, fact.addresses.len()), (Signature::UnknownKey, 0));
        assert_eq!(fact.signer, Some(world.reporter.fingerprint().to_hex()));
        let stranger = first_fact(&world, &detached(&world.stranger, TEXT, now()));
        assert_eq!((stranger.state, stranger.problem), (Signature::UnknownKey, None));
        assert!(stranger.signer.is_some());
    }

    #[test]
    fn time_digest_and_critical_demands_are_looked_at() {
        let world = World::new();
        let with = |builder: SignatureBuilder| finding(&world, &signed(builder, signing_pair(&world.reporter)));
        let minutes = |minutes| now() + SignedDuration::from_mins(minutes);
        let sha512 = |at| builder(HashAlgorithm::SHA512, at);
        assert_eq!(with(sha512(minutes(4))), (Signature::Good, None));
        assert_eq!(with(sha512(minutes(6))), (Signature::Bad, Some(SignatureProblem::Future)));
        assert_eq!(with(builder(HashAlgorithm::SHA1, now())), (Signature::Weak, None));
        let short = sha512(minutes(-10)).set_signature_validity_period(Duration::from_secs(60)).unwrap();
        assert_eq!(with(short), (Signature::Bad, Some(SignatureProblem::Old)));
        let odd = sha512(now()).set_notation("x@example.org", b"1", NotationDataFlags::empty(), true).unwrap();
        assert_eq!(with(odd), (Signature::Bad, Some(SignatureProblem::Unsupported)));
        let before = sha512(now() - SignedDuration::from_hours(24 * 60));
        assert_eq!(with(before).0, Signature::Bad, "made before its key");
        let alone = SignatureBuilder::new(SignatureType::Standalone)
            .set_signature_creation_time(system_time(now()))
            .and_then(|builder| builder.sign_standalone(&mut signing_pair(&world.reporter)))
            .unwrap();
        let alone = finding(&world, &Packet::from(alone).to_vec().unwrap());
        assert_eq!(alone, (Signature::Bad, Some(SignatureProblem::Malformed)), "not over a document");
    }

    #[test]
    fn intended_recipients_must_include_us() {
        let world = World::new();
        let for_whom = |who: &[&Cert]| {
            let builder = builder(HashAlgorithm::SHA512, now())
                .set_intended_recipients(who.iter().map(|cert| cert.fingerprint()).collect::<Vec<_>>())
                .unwrap();
            finding(&world, &signed(builder, signing_pair(&world.reporter)))
        };
        assert_eq!(for_whom(&[&world.stranger, &world.team]), (Signature::Good, None));
        assert_eq!(for_whom(&[&world.stranger]), (Signature::Bad, Some(SignatureProblem::NotForUs)));
    }

    #[test]
    fn a_key_that_may_not_sign_does_not() {
        let no_sign = build("A <a@corp.example>", |builder| builder);
        assert!(!no_sign.primary_key().key().pk_algo().for_encryption());
        let world = knowing(&no_sign);
        // The primary key of this certificate certifies, its subkey signs.
        let by_primary = signed(builder(HashAlgorithm::SHA512, now()), pair(&no_sign, 0));
        assert_eq!(finding(&world, &by_primary), (Signature::Bad, Some(SignatureProblem::WrongFlags)));
    }

    #[test]
    fn a_subkey_that_never_agreed_signs_for_nobody() {
        let (thief, victim) = (person("Thief <t@evil.example>"), person("V <v@corp.example>"));
        let stolen = victim.keys().subkeys().find(|key| key.key().pk_algo().for_signing()).unwrap();
        let mut primary = pair(&thief, 0);
        let flags = KeyFlags::empty().set_signing();
        let binding = SignatureBuilder::new(SignatureType::SubkeyBinding)
            .set_signature_creation_time(system_time(now() - SignedDuration::from_hours(48)))
            .and_then(|builder| builder.set_key_flags(flags))
            .unwrap()
            .sign_subkey_binding(&mut primary, thief.primary_key().key(), stolen.key())
            .unwrap();
        // As octets: Sequoia writes no binding that it does not believe.
        let mut forged = secret(&thief);
        for packet in [Packet::from(stolen.key().clone()), binding.into()] {
            forged.extend(packet.to_vec().unwrap());
        }
        let facts = certs::describe(&forged, now()).unwrap().remove(0);
        let cut = KnownCertificate { bytes: facts.bytes, addresses: facts.addresses, ..known(&thief, false) };
        // As the store would keep it, and as it came.
        let victims = known(&victim, false);
        let raw = KnownCertificate { bytes: forged, ..cut.clone() };
        for known in [cut, raw] {
            let world = World { known: vec![known], ..World::new() };
            let fact = first_fact(&world, &detached(&victim, TEXT, now()));
            assert_eq!((fact.state, fact.problem), (Signature::Bad, Some(SignatureProblem::WrongFlags)));
            assert_eq!(fact.signer, Some(thief.fingerprint().to_hex()), "who claims the key");
            assert!(fact.addresses.is_empty());
            for both in [[world.known[0].clone(), victims.clone()], [victims.clone(), world.known[0].clone()]] {
                let fact = first_fact(&World { known: both.to_vec(), ..World::new() }, &detached(&victim, TEXT, now()));
                assert_eq!((fact.state, fact.problem), (Signature::Good, None), "its owner is heard");
                assert_eq!(fact.signer, Some(victim.fingerprint().to_hex()));
            }
        }
    }

    #[test]
    fn expiry_and_revocation_are_told_apart() {
        let days = |days: i64| system_time(now() - SignedDuration::from_hours(24 * days));
        let lived = |days_lived: u64| {
            build("A <a@corp.example>", |builder| builder.set_validity_period(Duration::from_secs(86_400 * days_lived)))
        };
        let by = |cert: &Cert, made: i64| {
            let mut pair = cert
                .keys()
                .secret()
                .find(|key| key.key().pk_algo().for_signing() && key.key().fingerprint() != cert.fingerprint())
                .map(|key| key.key().clone().into_keypair().unwrap());
            let builder = builder(HashAlgorithm::SHA512, now() - SignedDuration::from_hours(24 * made));
            finding(&knowing(cert), &signed(builder, pair.take().unwrap()))
        };
        // Made 30 days ago.
        assert_eq!(by(&lived(60), 2), (Signature::Good, None));
        assert_eq!(by(&lived(20), 2), (Signature::ExpiredKey, Some(SignatureProblem::ExpiredAtSigning)));
        assert_eq!(by(&lived(29), 3), (Signature::ExpiredKey, None));
        let revoked = |reason, at: i64| {
            let cert = lived(60);
            let builder = CertRevocationBuilder::new().set_reason_for_revocation(reason, b"").unwrap();
            let builder = builder.set_signature_creation_time(days(at)).unwrap();
            let revocation = builder.build(&mut pair(&cert, 0), &cert, HashAlgorithm::SHA512).unwrap();
            cert.insert_packets(revocation).unwrap().0
        };
        let soft = (Signature::RevokedKey, Some(SignatureProblem::RevokedSoft));
        let hard = (Signature::RevokedKey, Some(SignatureProblem::RevokedHard));
        for made in [1, 5] {
            assert_eq!(by(&revoked(ReasonForRevocation::KeyRetired, 3), made), soft, "made {made} days ago");
            assert_eq!(by(&revoked(ReasonForRevocation::KeyCompromised, 3), made), hard, "made {made} days ago");
            assert_eq!(by(&revoked(ReasonForRevocation::Unspecified, 3), made), hard, "made {made} days ago");
        }
    }

    #[test]
    fn an_introducer_lifts_the_address_that_it_certified() {
        let mut world = World::new();
        let introducer = person("Trusted Introducer");
        let id = world.reporter.userids().next().unwrap().userid().clone();
        let certification = SignatureBuilder::new(SignatureType::GenericCertification)
            .set_signature_creation_time(system_time(now() - SignedDuration::from_hours(1)))
            .unwrap()
            .sign_userid_binding(&mut pair(&introducer, 0), world.reporter.primary_key().key(), &id)
            .unwrap();
        let certified = world.reporter.clone().insert_packets(vec![Packet::from(id), certification.into()]).unwrap().0;
        let trusted = [introducer.fingerprint().to_hex()];
        let facts = certs::describe_keeping(&secret(&certified), &trusted, now()).unwrap().remove(0);
        world.known =
            vec![KnownCertificate { bytes: facts.bytes, ..known(&certified, false) }, known(&introducer, true)];
        let signature = detached(&world.reporter, TEXT, now());
        let lifted = |introducers: &[String]| {
            world.with_introducers(introducers, |ring| {
                verify_detached(TEXT, &signature, ring, now()).remove(0).certified
            })
        };
        assert_eq!(lifted(&trusted), [Address::parse("a@corp.example").unwrap()]);
        assert!(lifted(&[]).is_empty());
        assert!(lifted(&[world.stranger.fingerprint().to_hex()]).is_empty());
    }

    #[test]
    fn keys_bound_by_sha1_are_weak() {
        let weak = CertBuilder::new()
            .set_cipher_suite(CipherSuite::Cv25519)
            .set_creation_time(system_time(now() - SignedDuration::from_hours(48)))
            .set_primary_key_flags(KeyFlags::empty().set_certification().set_signing())
            .generate()
            .unwrap()
            .0;
        let id = openpgp::packet::UserID::from("A <a@corp.example>");
        let template = SignatureBuilder::new(SignatureType::PositiveCertification)
            .set_hash_algo(HashAlgorithm::SHA1)
            .set_signature_creation_time(system_time(now() - SignedDuration::from_hours(48)))
            .and_then(|builder| builder.set_key_flags(KeyFlags::empty().set_certification().set_signing()))
            .unwrap();
        let binding = template.sign_userid_binding(&mut pair(&weak, 0), weak.primary_key().key(), &id).unwrap();
        let key = Packet::from(weak.primary_key().key().clone());
        let only = Cert::from_packets(vec![key, id.into(), binding.into()].into_iter()).unwrap();
        let signature = signed(builder(HashAlgorithm::SHA512, now()), pair(&weak, 0));
        assert_eq!(finding(&knowing(&only), &signature), (Signature::Weak, None));
    }
}
