//! Certificates: what they say, cut down to what their owner bound to them.
//!
//! Hostile data: keys that came with mails, keyrings of operators. Failure: an error in words for
//! the operator; nothing of a certificate is believed that its own key did not sign. Limits (T40):
//! 1 MiB a certificate once it is thinned out (`thin`), 50 user IDs, 50 subkeys, 200 certificates at once.
//! Known gaps: revocations by a designated revoker are not read; a certificate flooded with forgeries
//! in its owner's own name is refused above 1 MiB.

use super::{Lenient, armor, system_time, thin, timestamp};
use crate::rules::address::Address;
use crate::rules::untrusted::Untrusted;
use jiff::Timestamp;
use openpgp::cert::amalgamation::{ValidAmalgamation, ValidateAmalgamation};
use openpgp::cert::{Cert, CertBuilder, CipherSuite, ValidCert};
use openpgp::packet::Signature;
use openpgp::parse::Parse;
use openpgp::policy::StandardPolicy;
use openpgp::serialize::{MarshalInto, SerializeInto};
use openpgp::types::{Features, KeyFlags, RevocationStatus};
use openpgp::{Packet, Profile};
use sequoia_openpgp as openpgp;
use std::collections::BTreeSet;
use std::time::SystemTime;

const BYTES: usize = 1 << 20;
const USER_IDS: usize = 50;
const SUBKEYS: usize = 50;
const CERTIFICATES: usize = 200;
/// Of one user ID, in the name of introducers, the newest first.
const CERTIFICATIONS: usize = 50;

/// What one certificate says, at a given time.
#[derive(Debug, Clone)]
pub struct CertificateFacts {
    /// Of the primary key, capital hex.
    pub fingerprint: String,
    pub user_ids: Vec<Untrusted>,
    /// Addresses in user IDs that are bound by a valid self-signature and not revoked.
    pub addresses: Vec<Address>,
    /// Capital hex, fingerprints and 64-bit key IDs of the primary key and all subkeys: hints for
    /// a search, never proof (T39).
    pub handles: Vec<String>,
    /// The octets held secret parts too.
    pub secret: bool,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    /// From then on it can no longer be encrypted to, or no longer sign, though it can now: the
    /// primary key or the last such subkey expires.
    pub usable_until: Option<Timestamp>,
    pub revoked: bool,
    /// Now: bound, alive, not revoked, of a strong enough algorithm.
    pub usable_for_encryption: bool,
    pub usable_for_signing: bool,
    /// In words for the operator.
    pub problems: Vec<String>,
    /// The public certificate, binary, cut to what is bound: this is what the store keeps.
    pub bytes: Vec<u8>,
}

/// Reads certificates, armoured or binary, one or many. Signatures of third parties are dropped.
pub fn describe(octets: &[u8], now: Timestamp) -> Result<Vec<CertificateFacts>, String> {
    describe_keeping(octets, &[], now)
}

/// As `describe`, and keeps the certifications by these introducers (fingerprints).
pub fn describe_keeping(
    octets: &[u8],
    introducers: &[String],
    now: Timestamp,
) -> Result<Vec<CertificateFacts>, String> {
    let mut found = Vec::new();
    let mut trouble = None;
    for one in split(octets) {
        if found.len() >= CERTIFICATES {
            return Err(format!("more than {CERTIFICATES} certificates at once; give them in several files"));
        }
        let one = thin::thin(&one, introducers);
        if one.len() > BYTES {
            trouble = Some(
                "a certificate is larger than 1 MiB even without foreign signatures; ask its owner for a smaller one"
                    .into(),
            );
            continue;
        }
        match Cert::from_bytes(&one) {
            Ok(cert) => found.push(facts(&cert, introducers, now)?),
            Err(_) => {
                trouble = Some("a certificate cannot be read; it may be version 3, damaged or not supported".into())
            }
        }
    }
    match (found.is_empty(), trouble) {
        (false, _) => Ok(found),
        (true, Some(trouble)) => Err(trouble),
        (true, None) => Err("no OpenPGP certificate in it; expected a PGP PUBLIC KEY BLOCK".to_owned()),
    }
}

/// As `describe_keeping`, for a file that an operator gives: a whole document with key blocks in its
/// prose will do, and armour that was copied out of a page is mended (T44). The fingerprint is to be
/// compared before anything is believed.
pub fn describe_document(
    octets: &[u8],
    introducers: &[String],
    now: Timestamp,
) -> Result<Vec<CertificateFacts>, String> {
    let strict = describe_keeping(octets, introducers, now);
    if octets.first().is_some_and(|first| first & 0x80 != 0) && strict.is_ok() {
        return strict;
    }
    let mended = describe_keeping(armor::repair(&text_of(octets)).as_bytes(), introducers, now);
    match (strict, mended) {
        (Ok(mut found), Ok(mended)) => {
            for facts in mended {
                if !found.iter().any(|known| known.fingerprint == facts.fingerprint) {
                    found.push(facts);
                }
            }
            Ok(found)
        }
        (Ok(found), Err(_)) | (Err(_), Ok(found)) => Ok(found),
        (Err(why), Err(_)) => Err(why),
    }
}

/// A document as text: UTF-8, else windows-1252 as far as its dashes go.
fn text_of(octets: &[u8]) -> String {
    match std::str::from_utf8(octets) {
        Ok(text) => text.to_owned(),
        Err(_) => {
            let letter = |octet: &u8| match octet {
                0x96 => '\u{2013}',
                0x97 => '\u{2014}',
                octet => char::from(*octet),
            };
            octets.iter().map(letter).collect()
        }
    }
}

/// Cuts octets into those of single certificates.
fn split(octets: &[u8]) -> Vec<Vec<u8>> {
    let text;
    let binary = if octets.first().is_some_and(|first| first & 0x80 != 0) && octets.first() != Some(&0xEF) {
        vec![octets.to_vec()]
    } else {
        text = String::from_utf8_lossy(octets);
        let keys = |kind| matches!(kind, armor::Kind::PublicKey | armor::Kind::PrivateKey);
        let blocks = armor::find(&text).into_iter().filter(|block| keys(block.kind));
        blocks.filter_map(|block| armor::decode(text.get(block.span)?)).collect()
    };
    let mut certs: Vec<Vec<u8>> = Vec::new();
    for stream in binary {
        let mut open = false;
        for packet in armor::packets(&stream) {
            // 5 and 6: a secret or public primary key begins the next certificate.
            let starts = matches!(packet.tag, 5 | 6);
            open |= starts;
            if starts {
                certs.push(Vec::new());
            }
            if let (true, Some(last), Some(whole)) = (open, certs.last_mut(), stream.get(packet.span)) {
                last.extend_from_slice(whole);
            }
        }
    }
    certs
}

fn facts(cert: &Cert, introducers: &[String], now: Timestamp) -> Result<CertificateFacts, String> {
    let at = system_time(now);
    let strict = StandardPolicy::at(at);
    let (strong, valid) = match (cert.with_policy(&strict, at), cert.with_policy(&Lenient, at)) {
        (Ok(valid), _) => (true, valid),
        (Err(_), Ok(valid)) => (false, valid),
        (Err(_), Err(_)) => return bare(cert),
    };
    let revoked = matches!(cert.revocation_status(&Lenient, at), RevocationStatus::Revoked(_));
    let expires_at = valid.primary_key().key_expiration_time().map(timestamp);
    let usable = strong && !revoked && valid.alive().is_ok();
    let keys = || valid.keys().alive().revoked(false).supported();
    let mut facts = CertificateFacts {
        user_ids: valid
            .userids()
            .take(USER_IDS)
            .map(|id| Untrusted::new(String::from_utf8_lossy(id.userid().value())))
            .collect(),
        addresses: if strong { addresses(&valid) } else { Vec::new() },
        expires_at,
        usable_until: usable_until(&valid),
        revoked,
        usable_for_encryption: usable && keys().for_transport_encryption().next().is_some(),
        usable_for_signing: usable && keys().for_signing().next().is_some(),
        bytes: canonical(cert, introducers)?,
        ..bare(cert)?
    };
    facts.problems = problems(&facts, strong, now);
    Ok(facts)
}

/// The first of: the primary key expires, the last key that can be encrypted to does, the last that signs.
fn usable_until(valid: &ValidCert) -> Option<Timestamp> {
    let keys = || valid.keys().revoked(false).supported();
    let encrypting: Vec<_> = keys().for_transport_encryption().map(|key| key.key_expiration_time()).collect();
    let signing: Vec<_> = keys().for_signing().map(|key| key.key_expiration_time()).collect();
    let last = |ends: &[Option<SystemTime>]| match ends.iter().any(Option::is_none) {
        true => None,
        false => ends.iter().flatten().max().copied(),
    };
    let ends = [valid.primary_key().key_expiration_time(), last(&encrypting), last(&signing)];
    ends.into_iter().flatten().min().map(timestamp)
}

/// The facts of a certificate that binds nothing.
fn bare(cert: &Cert) -> Result<CertificateFacts, String> {
    let handles: BTreeSet<String> = cert
        .keys()
        .take(SUBKEYS + 1)
        .flat_map(|key| [key.key().fingerprint().to_hex(), key.key().keyid().to_hex()])
        .collect();
    Ok(CertificateFacts {
        fingerprint: cert.fingerprint().to_hex(),
        user_ids: Vec::new(),
        addresses: Vec::new(),
        handles: handles.into_iter().collect(),
        secret: cert.is_tsk(),
        created_at: timestamp(cert.primary_key().key().creation_time()),
        expires_at: None,
        usable_until: None,
        revoked: false,
        usable_for_encryption: false,
        usable_for_signing: false,
        problems: vec!["nothing in it is signed by its own key".into()],
        bytes: canonical(cert, &[])?,
    })
}

/// Words for the operator about what makes the certificate less useful.
fn problems(facts: &CertificateFacts, strong: bool, now: Timestamp) -> Vec<String> {
    let mut words = Vec::new();
    if !strong {
        words.push("bound by weak signatures (SHA-1 or MD5) or a short key; ask its owner to renew it".to_owned());
    }
    if facts.revoked {
        words.push("revoked by its owner".to_owned());
    }
    match facts.expires_at {
        Some(end) if end <= now => words.push(format!("expired on {}", end.strftime("%Y-%m-%d"))),
        _ if !strong || facts.revoked => {}
        _ => {
            if !facts.usable_for_encryption {
                words.push("has no key that can be encrypted to".to_owned());
            }
            if !facts.usable_for_signing {
                words.push("has no key that can sign".to_owned());
            }
        }
    }
    if facts.addresses.is_empty() && strong {
        words.push("no user ID holds an e-mail address".to_owned());
    }
    words
}

/// The addresses that a certificate binds, without repeats.
fn addresses(valid: &ValidCert) -> Vec<Address> {
    let mut found: Vec<Address> = Vec::new();
    for id in valid.userids().revoked(false).take(USER_IDS) {
        let address = id.userid().email().ok().flatten().and_then(Address::parse);
        found.extend(address.filter(|address| !found.contains(address)));
    }
    found
}

/// The public certificate with what its key signed, and nothing else but the certifications of
/// user IDs by the introducers.
fn canonical(cert: &Cert, introducers: &[String]) -> Result<Vec<u8>, String> {
    let failed = |_| "the certificate cannot be written again".to_owned();
    let mut out = Vec::new();
    let mut add = |packet: Packet| -> Result<(), String> {
        out.extend(MarshalInto::to_vec(&packet).map_err(failed)?);
        Ok(())
    };
    let primary = cert.primary_key();
    add(primary.key().clone().into())?;
    for signature in primary.self_signatures().chain(primary.self_revocations()) {
        add(signature.clone().into())?;
    }
    let bound_ids =
        cert.userids().filter(|id| id.self_signatures().next().is_some() && id.userid().value().len() <= 2048);
    for id in bound_ids.take(USER_IDS) {
        add(id.userid().clone().into())?;
        // Not verified here: that needs the introducer's key, and `certified_by` does it.
        let by_introducer = |signature: &&Signature| thin::issued_by(signature, introducers);
        let certifications = id.certifications().filter(by_introducer).take(CERTIFICATIONS);
        let withdrawn = id.other_revocations().filter(by_introducer).take(CERTIFICATIONS);
        for signature in id.self_signatures().chain(id.self_revocations()).chain(certifications).chain(withdrawn) {
            add(signature.clone().into())?;
        }
    }
    let (bound, claimed): (Vec<_>, Vec<_>) =
        cert.keys().subkeys().partition(|key| key.self_signatures().next().is_some());
    let mut room = SUBKEYS;
    for key in bound.into_iter().take(SUBKEYS) {
        room -= 1;
        add(key.key().clone().into())?;
        for signature in key.self_signatures().chain(key.self_revocations()) {
            add(signature.clone().into())?;
        }
    }
    // Kept so that what such a key signs can be told from what an unknown one does (T37): it binds nothing.
    for key in claimed.into_iter().take(room) {
        let binding = cert.bad_signatures().find(|signature| is_one_sided(signature, cert, key.key()));
        if let Some(binding) = binding {
            add(key.key().clone().into())?;
            add(binding.clone().into())?;
        }
    }
    if out.len() > BYTES {
        return Err("the certificate is larger than 1 MiB even without foreign signatures".to_owned());
    }
    Ok(out)
}

/// Whether the primary key claims a subkey that never agreed: the binding is right, but for the
/// signature of the subkey itself that it lacks (RFC 9580, 5.2.1.8).
fn is_one_sided(
    signature: &Signature,
    cert: &Cert,
    subkey: &openpgp::packet::Key<openpgp::packet::key::PublicParts, openpgp::packet::key::SubordinateRole>,
) -> bool {
    let primary = cert.primary_key().key();
    let hashed = || {
        let mut hash = signature.hash_algo().context()?.for_signature(signature.version());
        signature.hash_subkey_binding(&mut hash, primary, subkey)?;
        hash.into_digest()
    };
    signature.typ() == openpgp::types::SignatureType::SubkeyBinding
        && hashed().is_ok_and(|digest| signature.verify_digest(primary, digest).is_ok())
}

/// Joins what two copies of one certificate say. Both are to be `bytes` of `describe`: a copy
/// from outside adds what its key signed, and takes nothing away.
pub fn merge(old: &[u8], new: &[u8]) -> Result<Vec<u8>, String> {
    let read = |octets| Cert::from_bytes(octets).map_err(|_| "the certificate cannot be read".to_owned());
    let (old, new) = (read(old)?, read(new)?);
    if old.fingerprint() != new.fingerprint() {
        return Err("these are two different certificates".to_owned());
    }
    let both = old
        .strip_secret_key_material()
        .merge_public(new)
        .map_err(|_| "the certificates cannot be merged".to_owned())?;
    let octets = SerializeInto::to_vec(&both).map_err(|_| "the certificate cannot be written again".to_owned())?;
    if octets.len() > BYTES { Err("the certificate would be larger than 1 MiB".to_owned()) } else { Ok(octets) }
}

/// The known certificate with the revocations that a copy from outside brings, of itself, its user IDs
/// and its subkeys; None where it brings none that is new. This only ever takes trust away, and its
/// owner signed it: unlike the rest of such a copy it needs nobody's consent (T40, T54).
pub fn with_revocations(known: &[u8], copy: &[u8]) -> Result<Option<Vec<u8>>, String> {
    let read = |octets| Cert::from_bytes(octets).map_err(|_| "the certificate cannot be read".to_owned());
    let (ours, theirs) = (read(known)?, read(copy)?);
    let mut packets: Vec<Packet> = vec![theirs.primary_key().key().clone().into()];
    let before = packets.len();
    packets.extend(theirs.primary_key().self_revocations().cloned().map(Packet::from));
    let mut brings = packets.len() > before;
    for id in theirs.userids().filter(|id| ours.userids().any(|known| known.userid() == id.userid())) {
        let revocations: Vec<Packet> = id.self_revocations().cloned().map(Packet::from).collect();
        if !revocations.is_empty() {
            brings = true;
            packets.push(id.userid().clone().into());
            packets.extend(revocations);
        }
    }
    for key in theirs.keys().subkeys() {
        let fingerprint = key.key().fingerprint();
        let is_known = ours.keys().subkeys().any(|known| known.key().fingerprint() == fingerprint);
        let revocations: Vec<Packet> = key.self_revocations().cloned().map(Packet::from).collect();
        if is_known && !revocations.is_empty() {
            brings = true;
            packets.push(key.key().clone().into());
            packets.extend(revocations);
        }
    }
    if !brings {
        return Ok(None);
    }
    let mut octets = Vec::new();
    for packet in &packets {
        octets.extend(MarshalInto::to_vec(packet).map_err(|_| "the revocation cannot be written again".to_owned())?);
    }
    let both = merge(known, &octets)?;
    // As it would come out unchanged: only what differs then is news.
    Ok((both != merge(known, known)?).then_some(both))
}

/// Whether a user ID with this address carries a certification, valid now, by one of the
/// introducers (their certificates, binary).
pub fn certified_by(cert: &[u8], address: &Address, introducers: &[Vec<u8>], now: Timestamp) -> bool {
    let Ok(cert) = Cert::from_bytes(cert) else { return false };
    let at = system_time(now);
    let policy = StandardPolicy::at(at);
    let introducers: Vec<Cert> = introducers.iter().filter_map(|octets| Cert::from_bytes(octets).ok()).collect();
    if cert.with_policy(&policy, at).is_err() {
        return false;
    }
    let introducers = introducers.iter().filter(|introducer| {
        introducer.fingerprint() != cert.fingerprint()
            && introducer.with_policy(&policy, at).is_ok_and(|valid| {
                let revoked = matches!(valid.revocation_status(), RevocationStatus::Revoked(_));
                valid.alive().is_ok() && !revoked && valid.primary_key().for_certification()
            })
    });
    let keys: Vec<_> = introducers.map(|introducer| introducer.primary_key().key().role_as_unspecified()).collect();
    cert.userids().take(USER_IDS).any(|id| {
        let bound = id
            .clone()
            .with_policy(&policy, at)
            .is_ok_and(|valid| !matches!(valid.revocation_status(), RevocationStatus::Revoked(_)));
        bound
            && id.userid().email().ok().flatten().and_then(Address::parse).as_ref() == Some(address)
            && keys.iter().any(|key| {
                let made = id.active_certifications_by_key(&policy, at, *key).next();
                // The word that was given last counts.
                let taken_back = id.valid_third_party_revocations_by_key(&policy, at, *key).next();
                let time = |signature: &Signature| signature.signature_creation_time();
                made.is_some_and(|made| taken_back.is_none_or(|taken_back| time(taken_back) < time(made)))
            })
    })
}

/// A certificate as text to send: armoured, public parts only.
pub fn export_armored(octets: &[u8]) -> Result<String, String> {
    let cert = Cert::from_bytes(octets).map_err(|_| "the certificate cannot be read".to_owned())?;
    let armoured = SerializeInto::to_vec(&cert.strip_secret_key_material().armored());
    let armoured = armoured.map_err(|_| "the certificate cannot be written".to_owned())?;
    String::from_utf8(armoured).map_err(|_| "the certificate cannot be written".to_owned())
}

/// A new team key: version 4, Curve25519, a primary key that signs and a subkey that decrypts.
/// It advertises SEIPDv1 alone, so that no sender picks a packet that GnuPG 2.2 cannot read, nor
/// one that Sequoia cannot (LibrePGP AEAD). Gives the armoured secret key and the fingerprint.
pub fn generate(user_id: &str, now: Timestamp) -> Result<(String, String), String> {
    let failed = |_| "the key could not be generated".to_owned();
    let (cert, _) = CertBuilder::new()
        .set_cipher_suite(CipherSuite::Cv25519)
        .set_profile(Profile::RFC4880)
        .and_then(|builder| builder.set_features(Features::empty().set_seipdv1()))
        .map_err(failed)?
        .set_creation_time(system_time(now))
        .set_primary_key_flags(KeyFlags::empty().set_certification().set_signing())
        .add_userid(user_id)
        .add_subkey(KeyFlags::empty().set_transport_encryption().set_storage_encryption(), None, None)
        .generate()
        .map_err(failed)?;
    let armoured = SerializeInto::to_vec(&cert.as_tsk().armored()).map_err(failed)?;
    let armoured = String::from_utf8(armoured).map_err(|_| "the key could not be written".to_owned())?;
    Ok((armoured, cert.fingerprint().to_hex()))
}

#[cfg(test)]
#[path = "certs_tests.rs"]
mod tests;
