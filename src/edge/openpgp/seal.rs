//! Signs and encrypts what leaves (reference A5.7): SHA-512 by the team's first key, AES-256,
//! never compressed; with integrity protection of version 2 where every recipient has it, else
//! version 1.
//!
//! Hostile data: certificates of recipients, which came from outside. Failure: a `SealTrouble`
//! that tells our own key's trouble from a recipient's, since on the latter the caller may
//! fall back to a mail that is only signed (T48).

use super::seam::{KeyTrouble, PrivateKeys, RemoteKey};
use super::system_time;
use jiff::Timestamp;
use openpgp::Cert;
use openpgp::cert::amalgamation::ValidAmalgamation;
use openpgp::packet::Key;
use openpgp::packet::key::{PublicParts, UnspecifiedRole};
use openpgp::parse::Parse;
use openpgp::policy::StandardPolicy;
use openpgp::serialize::stream::{Armorer, Encryptor, LiteralWriter, Message, Recipient, Signer};
use openpgp::types::{HashAlgorithm, KeyFlags, RevocationStatus, SymmetricAlgorithm};
use sequoia_openpgp as openpgp;
use std::io::Write;

/// The `micalg` parameter that goes with our signatures (RFC 3156 5).
pub const MICALG: &str = "pgp-sha512";
const HASH: HashAlgorithm = HashAlgorithm::SHA512;

/// Why nothing was sealed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealTrouble {
    /// The team's own key cannot sign, or be encrypted to, at the moment; in words for the operator.
    #[error("{0}")]
    OwnKey(String),
    /// A recipient's certificate cannot be encrypted to.
    #[error("the certificate {fingerprint} cannot be encrypted to: {why}")]
    Recipient {
        /// Capital hex; empty where the octets are no certificate.
        fingerprint: String,
        why: &'static str,
    },
    /// The library failed; holds nothing of the content.
    #[error("OpenPGP failed: {0}")]
    Library(String),
}

/// A detached, armoured signature over `content`, made at `now`, and its `micalg`.
pub fn sign_detached(
    content: &[u8],
    keys: &dyn PrivateKeys,
    now: Timestamp,
) -> Result<(String, &'static str), SealTrouble> {
    let armored = with_signer(keys, now, |key| {
        let mut out = Vec::new();
        let message = Armorer::new(Message::new(&mut out)).kind(openpgp::armor::Kind::Signature).build()?;
        let signer = Signer::new(message, RemoteKey::new(keys, key))?.detached();
        let mut message = signer.hash_algo(HASH)?.creation_time(system_time(now)).build()?;
        message.write_all(content)?;
        message.finalize()?;
        Ok(out)
    })?;
    Ok((text(armored)?, MICALG))
}

/// An armoured OpenPGP message that holds `content`, signed inside where `sign` is set, for each
/// of `recipients` (certificates, binary) and for the team's own first key.
///
/// Each recipient must have a key to encrypt to that is usable at `now`; all such keys of a
/// certificate are used. The signature names the intended recipients (RFC 9580 5.2.3.36).
pub fn encrypt(
    content: &[u8],
    recipients: &[Vec<u8>],
    keys: &dyn PrivateKeys,
    sign: bool,
    now: Timestamp,
) -> Result<String, SealTrouble> {
    let own = &keys.team().first().ok_or_else(no_team_key)?.certificate;
    let mut certs = Vec::new();
    for octets in recipients {
        let cert = read(octets)?;
        if !certs.contains(&cert) {
            certs.push(cert);
        }
    }
    let own = read(own)?;
    encryption_keys(&own, now).map_err(|why| {
        SealTrouble::OwnKey(format!("the team key {} cannot be encrypted to: {why}", own.fingerprint().to_hex()))
    })?;
    if !certs.contains(&own) {
        certs.push(own);
    }
    for cert in &certs {
        encryption_keys(cert, now)
            .map_err(|why| SealTrouble::Recipient { fingerprint: cert.fingerprint().to_hex(), why })?;
    }
    let armored = if sign {
        with_signer(keys, now, |key| write_message(content, &certs, Some(RemoteKey::new(keys, key)), now))?
    } else {
        write_message(content, &certs, None, now).map_err(library)?
    };
    text(armored)
}

/// Whether mail can be encrypted to this certificate at `now`.
pub fn usable_for_encryption(certificate: &[u8], now: Timestamp) -> bool {
    why_unusable(certificate, now).is_none()
}

/// Why mail cannot be encrypted to this certificate at `now`; None: it can.
pub fn why_unusable(certificate: &[u8], now: Timestamp) -> Option<&'static str> {
    match Cert::from_bytes(certificate) {
        Ok(cert) => encryption_keys(&cert, now).err(),
        Err(_) => Some(UNREADABLE),
    }
}

const UNREADABLE: &str = "it is no readable certificate";

fn read(octets: &[u8]) -> Result<Cert, SealTrouble> {
    Cert::from_bytes(octets).map_err(|_| SealTrouble::Recipient { fingerprint: String::new(), why: UNREADABLE })
}

/// How many keys of the certificate can be encrypted to, at least one, or why none can.
fn encryption_keys(cert: &Cert, now: Timestamp) -> Result<usize, &'static str> {
    let (policy, at) = (StandardPolicy::new(), system_time(now));
    let valid = cert.with_policy(&policy, at).map_err(|_| "its self-signatures are too weak or not yet valid")?;
    if matches!(valid.revocation_status(), RevocationStatus::Revoked(_)) {
        return Err("it is revoked");
    }
    if valid.alive().is_err() {
        return Err("it has expired or is not yet valid");
    }
    let flags = for_encryption();
    match valid.keys().supported().alive().revoked(false).key_flags(&flags).count() {
        0 if valid.keys().key_flags(&flags).next().is_some() => {
            Err("its keys for encryption have expired, are revoked or of an unknown kind")
        }
        0 => Err("it has no key for encryption"),
        count => Ok(count),
    }
}

fn for_encryption() -> KeyFlags {
    KeyFlags::empty().set_transport_encryption().set_storage_encryption()
}

fn write_message(
    content: &[u8],
    certs: &[Cert],
    signer: Option<RemoteKey<'_>>,
    now: Timestamp,
) -> openpgp::Result<Vec<u8>> {
    let (policy, at) = (StandardPolicy::new(), system_time(now));
    let flags = for_encryption();
    let mut recipients: Vec<Recipient<'_>> = Vec::new();
    for cert in certs {
        let valid = cert.with_policy(&policy, at)?;
        recipients.extend(valid.keys().supported().alive().revoked(false).key_flags(&flags).map(Recipient::from));
    }
    let mut out = Vec::new();
    let message = Armorer::new(Message::new(&mut out)).build()?;
    // Takes version 2 of the integrity protection if the features of every recipient allow it.
    let mut message =
        Encryptor::for_recipients(message, recipients).symmetric_algo(SymmetricAlgorithm::AES256).build()?;
    if let Some(key) = signer {
        let mut signer = Signer::new(message, key)?.hash_algo(HASH)?.creation_time(at);
        for cert in certs {
            signer = signer.add_intended_recipient(cert);
        }
        message = signer.build()?;
    }
    let mut message = LiteralWriter::new(message).build()?;
    message.write_all(content)?;
    message.finalize()?;
    Ok(out)
}

/// Runs `make` with the signing keys of the team's first certificate, newest first, until one answers.
fn with_signer<F>(keys: &dyn PrivateKeys, now: Timestamp, mut make: F) -> Result<Vec<u8>, SealTrouble>
where
    F: FnMut(Key<PublicParts, UnspecifiedRole>) -> openpgp::Result<Vec<u8>>,
{
    let team = keys.team().first().ok_or_else(no_team_key)?;
    let own = |why: &str| SealTrouble::OwnKey(format!("the team key {} cannot sign: {why}", team.fingerprint));
    let cert = Cert::from_bytes(&team.certificate).map_err(|_| own(UNREADABLE))?;
    let (policy, at) = (StandardPolicy::new(), system_time(now));
    let valid = cert.with_policy(&policy, at).map_err(|_| own("its self-signatures are too weak or not yet valid"))?;
    if valid.alive().is_err() || matches!(valid.revocation_status(), RevocationStatus::Revoked(_)) {
        return Err(own("it has expired, is revoked or is not yet valid"));
    }
    let mut candidates: Vec<_> = valid.keys().supported().alive().revoked(false).for_signing().collect();
    candidates.sort_by_key(|key| std::cmp::Reverse(key.key().creation_time()));
    let mut trouble = own("it has no key for signing that is valid now");
    for candidate in candidates {
        match make(candidate.key().clone().role_into_unspecified()) {
            Ok(made) => return Ok(made),
            Err(error) => match error.downcast_ref::<KeyTrouble>() {
                Some(why) => trouble = own(&why.to_string()),
                None => return Err(library(error)),
            },
        }
    }
    Err(trouble)
}

fn no_team_key() -> SealTrouble {
    SealTrouble::OwnKey("no team key is loaded; check [pgp] secret_keys".to_owned())
}

fn library(error: openpgp::anyhow::Error) -> SealTrouble {
    SealTrouble::Library(error.to_string())
}

fn text(armored: Vec<u8>) -> Result<String, SealTrouble> {
    String::from_utf8(armored).map_err(|_| SealTrouble::Library("armour is no text".to_owned()))
}
