//! Signs and encrypts what leaves (reference A5.7): SHA-512 by the team's first key, AES-256,
//! never compressed; with integrity protection of version 2 where every recipient has it, else
//! version 1.
//!
//! Hostile data: certificates of recipients, which came from outside. Failure: a `SealTrouble`
//! that tells our own key's trouble from a recipient's, since on the latter the caller may
//! fall back to a mail that is only signed (T48).

use super::seam::{KeyTrouble, PrivateKeys, RemoteKey};
use super::system_time;
use crate::rules::trouble::Trouble;
use jiff::Timestamp;
use openpgp::Cert;
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

/// `text` in the cleartext signature framework (RFC 9580 7), signed at `now`.
pub fn sign_cleartext(text: &str, keys: &dyn PrivateKeys, now: Timestamp) -> Result<String, SealTrouble> {
    let signed = with_signer(keys, now, |key| {
        let mut out = Vec::new();
        let signer = Signer::new(Message::new(&mut out), RemoteKey::new(keys, key))?.cleartext();
        let mut message = signer.hash_algo(HASH)?.creation_time(system_time(now)).build()?;
        message.write_all(text.as_bytes())?;
        message.finalize()?;
        Ok(out)
    })?;
    self::text(signed)
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

impl From<SealTrouble> for Trouble {
    /// Our own key can be mended and waits; a recipient's cannot be mended by us.
    fn from(trouble: SealTrouble) -> Trouble {
        let words = trouble.to_string();
        match trouble {
            SealTrouble::OwnKey(_) | SealTrouble::Library(_) => Trouble::Later(words),
            SealTrouble::Recipient { .. } => Trouble::Never(words),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::seam::MemoryKeys;
    use super::*;
    use openpgp::cert::{CertBuilder, CertRevocationBuilder, CipherSuite};
    use openpgp::packet::signature::subpacket::{SubpacketTag, SubpacketValue};
    use openpgp::parse::{PacketParser, PacketParserResult};
    use openpgp::serialize::MarshalInto;
    use openpgp::types::{Features, ReasonForRevocation};
    use openpgp::{Packet, Profile};
    use std::time::Duration;

    const NOW: &str = "2026-11-27T17:01:00Z";

    fn now() -> Timestamp {
        NOW.parse().unwrap()
    }

    fn born() -> std::time::SystemTime {
        system_time("2026-01-01T00:00:00Z".parse().unwrap())
    }

    fn builder(name: &str) -> CertBuilder<'_> {
        CertBuilder::general_purpose(Some(name)).set_cipher_suite(CipherSuite::Cv25519).set_creation_time(born())
    }

    fn made(builder: CertBuilder<'_>) -> Cert {
        builder.generate().unwrap().0
    }

    fn public(cert: &Cert) -> Vec<u8> {
        cert.to_vec().unwrap()
    }

    fn team(cert: &Cert, passphrase: Option<&str>) -> MemoryKeys {
        MemoryKeys::load(&[("team.asc".to_owned(), cert.as_tsk().to_vec().unwrap())], passphrase)
    }

    /// The packets of a message, decrypted with the secrets of `cert`.
    fn packets(armored: &str, cert: &Cert) -> Vec<Packet> {
        let mut found = Vec::new();
        let mut result = PacketParser::from_bytes(armored).unwrap();
        let mut pkesks = Vec::new();
        while let PacketParserResult::Some(mut parser) = result {
            match &parser.packet {
                Packet::PKESK(pkesk) => pkesks.push(pkesk.clone()),
                Packet::SEIP(_) => {
                    for key in cert.keys().secret() {
                        let mut pair = key.key().clone().into_keypair().unwrap();
                        let algo = matches!(&parser.packet, Packet::SEIP(openpgp::packet::SEIP::V1(_)))
                            .then_some(SymmetricAlgorithm::AES256);
                        for (algo, session_key) in pkesks.iter().filter_map(|p| p.decrypt(&mut pair, algo)) {
                            let _ = parser.decrypt(algo, &session_key);
                        }
                    }
                }
                _ => {}
            }
            let (packet, next) = parser.recurse().unwrap();
            found.push(packet);
            result = next;
        }
        found
    }

    #[test]
    fn a_sealed_mail_names_signer_and_receivers_and_is_not_compressed() {
        let (own, alice, bob) = (made(builder("team")), made(builder("alice")), made(builder("bob")));
        let keys = team(&own, None);
        let recipients = [public(&alice), public(&bob), public(&alice)];
        let armored = encrypt(b"the content", &recipients, &keys, true, now()).unwrap();
        assert!(!armored.contains("content"));
        for reader in [&own, &alice, &bob] {
            let packets = packets(&armored, reader);
            let kinds: Vec<String> = packets.iter().map(|p| p.tag().to_string()).collect();
            assert_eq!(packets.iter().filter(|p| matches!(p, Packet::PKESK(_))).count(), 3, "{kinds:?}");
            assert!(!packets.iter().any(|p| matches!(p, Packet::CompressedData(_))), "{kinds:?}");
            let Some(Packet::Signature(signature)) = packets.iter().find(|p| matches!(p, Packet::Signature(_))) else {
                panic!("{kinds:?}")
            };
            assert_eq!(signature.hash_algo(), HASH);
            assert_eq!(signature.signature_creation_time(), Some(system_time(now())));
            let fingerprints: Vec<_> = signature.intended_recipients().cloned().collect();
            assert_eq!(fingerprints, [alice.fingerprint(), bob.fingerprint(), own.fingerprint()]);
            let issuer = signature.issuer_fingerprints().next().unwrap();
            assert!(own.keys().any(|key| key.key().fingerprint() == *issuer));
            assert!(
                signature
                    .subpacket(SubpacketTag::IssuerFingerprint)
                    .is_some_and(|s| matches!(s.value(), SubpacketValue::IssuerFingerprint(_)))
            );
        }
    }

    #[test]
    fn the_newer_integrity_protection_is_used_only_if_all_have_it() {
        let new = |name| made(builder(name).set_features(Features::empty().set_seipdv1().set_seipdv2()).unwrap());
        let old = |name| made(builder(name).set_features(Features::empty().set_seipdv1()).unwrap());
        let six = made(builder("v6").set_profile(Profile::RFC9580).unwrap());
        let table = [
            (new("team"), new("a"), 2),
            (new("team"), old("a"), 1),
            (old("team"), new("a"), 1),
            (new("team"), six.clone(), 2),
            (six, new("a"), 2),
        ];
        for (own, recipient, expected) in table {
            let armored = encrypt(b"x", &[public(&recipient)], &team(&own, None), true, now()).unwrap();
            let packets = packets(&armored, &recipient);
            let version = packets.iter().find_map(|p| match p {
                Packet::SEIP(seip) => Some(seip.version()),
                _ => None,
            });
            assert_eq!(version, Some(expected));
            assert!(packets.iter().any(|p| matches!(p, Packet::Literal(_))), "opens");
        }
    }

    #[test]
    fn nothing_is_encrypted_to_a_key_that_cannot_be_used_now() {
        let day = Duration::from_secs(86_400);
        let expired = made(builder("expired").set_validity_period(day));
        let subkey_expired = made(
            CertBuilder::new()
                .add_userid("subkey")
                .set_creation_time(born())
                .set_validity_period(None)
                .add_signing_subkey()
                .add_subkey(KeyFlags::empty().set_transport_encryption(), day, None),
        );
        let sign_only = made(CertBuilder::new().add_userid("s").set_creation_time(born()).add_signing_subkey());
        let (live, revocation) = builder("revoked").generate().unwrap();
        let revoked = live.clone().insert_packets(revocation).unwrap().0;
        let mut signer = live.primary_key().key().clone().parts_into_secret().unwrap().into_keypair().unwrap();
        let retired = CertRevocationBuilder::new()
            .set_signature_creation_time(born() + day)
            .unwrap()
            .set_reason_for_revocation(ReasonForRevocation::KeyRetired, b"")
            .unwrap()
            .build(&mut signer, &live, None)
            .unwrap();
        let retired = live.clone().insert_packets(retired).unwrap().0;
        let future = made(builder("future").set_creation_time(system_time(now()) + day));
        let keys = team(&made(builder("team")), None);
        for (what, octets) in [
            ("expired", public(&expired)),
            ("expired subkey", public(&subkey_expired)),
            ("no encryption key", public(&sign_only)),
            ("revoked", public(&revoked)),
            ("retired", public(&retired)),
            ("not yet valid", public(&future)),
            ("no certificate", b"hello".to_vec()),
            ("empty", Vec::new()),
        ] {
            assert!(!usable_for_encryption(&octets, now()), "{what}");
            let good = public(&made(builder("good")));
            let outcome = encrypt(b"x", &[good, octets], &keys, true, now());
            assert!(matches!(outcome, Err(SealTrouble::Recipient { .. })), "{what}: {outcome:?}");
        }
        assert!(usable_for_encryption(&public(&live), now()));
        assert!(usable_for_encryption(&public(&expired), "2026-01-01T12:00:00Z".parse().unwrap()));
    }

    #[test]
    fn trouble_with_our_own_key_is_told_from_a_recipients() {
        let recipient = [public(&made(builder("good")))];
        let locked = made(builder("team").set_password(Some("sesame".into())));
        let sign_only = made(CertBuilder::new().add_userid("s").set_creation_time(born()).add_signing_subkey());
        let expired = made(builder("old").set_validity_period(Duration::from_secs(60)));
        for (what, keys, signs) in [
            ("none", MemoryKeys::default(), false),
            ("locked", team(&locked, None), false),
            ("expired", team(&expired, None), false),
            ("cannot be encrypted to", team(&sign_only, None), true),
        ] {
            let outcome = encrypt(b"x", &recipient, &keys, true, now());
            assert!(matches!(outcome, Err(SealTrouble::OwnKey(_))), "{what}: {outcome:?}");
            assert!(matches!(Trouble::from(outcome.unwrap_err()), Trouble::Later(_)));
            assert_eq!(sign_detached(b"x", &keys, now()).is_ok(), signs, "{what}");
        }
        let outcome = sign_detached(b"x", &team(&locked, None), now());
        assert!(matches!(&outcome, Err(SealTrouble::OwnKey(words)) if words.contains("passphrase")), "{outcome:?}");
        assert!(sign_detached(b"x", &team(&locked, Some("sesame")), now()).is_ok());
    }
}
