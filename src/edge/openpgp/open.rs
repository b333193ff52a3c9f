//! Decryption and verification of OpenPGP data.
//!
//! Hostile data: everything given. Failure: a `Decryption` that says why; plaintext leaves this file
//! only after the last octet was read and its integrity was checked (A5.3, T24, T25).
//! Limits (T27, T42): 100 MiB out, 100:1 after the first MiB, 8 layers, 100 recipients, 20 signatures,
//! 5 of our keys tried for a hidden recipient. Passwords are never tried (T41).
//! Everything that comes out of a compressed packet counts against them, also what is skipped (`measure`).

use super::callbacks::Callbacks;
use super::measure;
use super::{Lenient, armor, system_time};
use crate::rules::verdict::{Encryption, EncryptionProblem};
use jiff::Timestamp;
use openpgp::Cert;
use openpgp::parse::Parse;
use openpgp::parse::stream::{DecryptorBuilder, DetachedVerifierBuilder};
use sequoia_openpgp as openpgp;
use std::io::Read;

pub use super::judge::{KnownCertificate, Ring, SignatureFact};

const OUTPUT: usize = 100 << 20;
const RATIO: usize = 100;
const FREE: usize = 1 << 20;
/// For the headers of packets around a content.
const FRAMING: usize = 64 << 10;
pub(super) const LAYERS: isize = 8;
pub(super) const RECIPIENTS: usize = 100;
pub(super) const SIGNATURES: usize = 20;
pub(super) const PACKETS: usize = 1_000;
pub(super) const HIDDEN_TRIES: usize = 5;

/// What became of one OpenPGP message.
#[derive(Debug, Clone)]
pub struct Decryption {
    /// Only of a message that is whole in every respect.
    pub plaintext: Option<Vec<u8>>,
    pub encryption: Encryption,
    pub problem: Option<EncryptionProblem>,
    /// Handles that the ciphertext names: capital hex, zeros where hidden.
    pub recipients: Vec<String>,
    /// One of them is ours, or hidden.
    pub names_our_key: bool,
    /// It opened with a key of ours that is not the current one.
    pub old_key: bool,
    /// It can be opened with a password too.
    pub mixed: bool,
    /// The signatures inside, none of which covers more than `plaintext`.
    pub signatures: Vec<SignatureFact>,
}

impl Default for Decryption {
    fn default() -> Self {
        Decryption {
            plaintext: None,
            encryption: Encryption::None,
            problem: None,
            recipients: Vec::new(),
            names_our_key: false,
            old_key: false,
            mixed: false,
            signatures: Vec::new(),
        }
    }
}

impl Decryption {
    fn failed(problem: EncryptionProblem) -> Decryption {
        Decryption { encryption: Encryption::Failed, problem: Some(problem), ..Decryption::default() }
    }
}

/// Opens one OpenPGP message, armoured or binary. `encryption` tells what was found, not what was
/// claimed: a message that is only signed comes out as `none`, with its content (T46).
pub fn decrypt(message: &[u8], ring: &Ring, now: Timestamp) -> Decryption {
    let Some(octets) = armor::octets_of(message) else {
        return Decryption::failed(EncryptionProblem::Malformed);
    };
    let team = team(ring);
    let outline = outline(&octets);
    let names_our_key = outline.recipients.iter().any(|recipient| is_ours(recipient, &team));
    let about = Decryption {
        names_our_key,
        mixed: outline.passwords > 0 && names_our_key,
        recipients: outline.recipients.clone(),
        ..Decryption::default()
    };
    if let Some(problem) = refused(&outline, names_our_key, ring) {
        return Decryption { encryption: Encryption::Failed, problem: Some(problem), ..about };
    }
    let fits = |sessions: &[measure::Session]| measure::fits(&octets, sessions, room(&octets) + FRAMING);
    if !fits(&[]) {
        return Decryption { encryption: Encryption::Failed, problem: Some(EncryptionProblem::TooLarge), ..about };
    }
    let callbacks = Callbacks::new(ring, team, now, &fits);
    match read(&octets, callbacks) {
        Ok((plaintext, callbacks)) => Decryption {
            plaintext: Some(plaintext),
            encryption: if callbacks.encrypted { Encryption::Decrypted } else { Encryption::None },
            problem: None,
            old_key: callbacks.old_key,
            signatures: callbacks.signatures,
            names_our_key: about.names_our_key || callbacks.encrypted,
            ..about
        },
        Err(problem) => Decryption { encryption: Encryption::Failed, problem: Some(problem), ..about },
    }
}

/// Verifies detached signatures, armoured or binary, over the exact octets given.
pub fn verify_detached(content: &[u8], signature: &[u8], ring: &Ring, now: Timestamp) -> Vec<SignatureFact> {
    let malformed = || vec![SignatureFact::malformed()];
    let Some(octets) = armor::octets_of(signature) else { return malformed() };
    let mut count = 0;
    let mut end = 0;
    for packet in armor::packets(&octets) {
        count += usize::from(packet.tag == 2);
        end = packet.span.end;
        // Signatures and markers, nothing else, all of them whole.
        if !matches!(packet.tag, 2 | 10) || !packet.complete {
            return malformed();
        }
    }
    if count == 0 || count > SIGNATURES || end != octets.len() {
        return malformed();
    }
    let callbacks = Callbacks::new(ring, Vec::new(), now, &|_| true);
    let verified = DetachedVerifierBuilder::from_bytes(&octets)
        .and_then(|builder| builder.with_policy(&Lenient, system_time(now), callbacks))
        .and_then(|mut verifier| verifier.verify_bytes(content).map(|()| verifier.into_helper().signatures));
    verified.ok().filter(|facts| !facts.is_empty()).unwrap_or_else(malformed)
}

/// Verifies a cleartext-signed block. Gives the text that is covered and shown, with the facts.
pub fn verify_cleartext(block: &[u8], ring: &Ring, now: Timestamp) -> Option<(Vec<u8>, Vec<SignatureFact>)> {
    let parts = armor::cleartext(block)?;
    let facts = verify_detached(&parts.signed, &parts.signature, ring, now);
    Some((parts.signed, facts))
}

/// Whether data looks like an encrypted message, by its packets alone, and whom it names.
pub fn recipients(message: &[u8]) -> Option<Vec<String>> {
    let outline = outline(&armor::octets_of(message)?);
    outline.container.map(|_| outline.recipients)
}

/// Whether data looks like a message that is signed, compressed or bare, and not encrypted, by its
/// packets alone. Keys and detached signatures do not.
pub fn is_in_the_clear(message: &[u8]) -> bool {
    let Some(octets) = armor::octets_of(message) else { return false };
    let first = armor::packets(&octets).find(|packet| !matches!(packet.tag, 10 | 21));
    first.is_some_and(|packet| matches!(packet.tag, 4 | 8 | 11))
}

/// Whether data is detached signatures and nothing else, by its packets alone.
pub fn is_detached_signature(data: &[u8]) -> bool {
    const ARMOUR: &[u8] = b"-----BEGIN PGP SIGNATURE-----";
    let is_binary = data.first().is_some_and(|first| first & 0x80 != 0);
    if !is_binary && !data.trim_ascii_start().starts_with(ARMOUR) {
        return false;
    }
    let Some(octets) = armor::octets_of(data) else { return false };
    let mut packets = armor::packets(&octets).peekable();
    packets.peek().is_some() && packets.all(|packet| packet.tag == 2)
}

/// Whether one of these handles is a key of ours, also a retired one, or is hidden.
pub fn names_our_key(recipients: &[String], ring: &Ring) -> bool {
    let team = team(ring);
    recipients.iter().any(|recipient| is_ours(recipient, &team))
}

fn team(ring: &Ring) -> Vec<Cert> {
    ring.keys.team().iter().filter_map(|own| Cert::from_bytes(&own.certificate).ok()).collect()
}

/// What the packet headers of a message tell.
#[derive(Default)]
struct Outline {
    recipients: Vec<String>,
    passwords: usize,
    /// The encryption container, if that is what comes first: tag, version, whole.
    container: Option<(u8, u8, bool)>,
    /// Some other content comes first.
    plain: bool,
}

fn outline(octets: &[u8]) -> Outline {
    let mut outline = Outline::default();
    for packet in armor::packets(octets).take(PACKETS) {
        let body = octets.get(packet.body).unwrap_or_default();
        match packet.tag {
            1 => outline.recipients.push(recipient(body)),
            3 => outline.passwords += 1,
            9 | 18 | 20 => {
                // Cut before its version: the cut is what will be told.
                let version = body.first().copied().unwrap_or(1);
                outline.container = Some((packet.tag, version, packet.complete));
                return outline;
            }
            // Marker, padding, and what a reader is told to skip (RFC 9580, 4.3).
            10 | 21 | 40..=63 => {}
            _ => {
                outline.plain = true;
                return outline;
            }
        }
    }
    outline
}

const HIDDEN: &str = "0000000000000000";

/// The handle in the body of a PKESK packet (RFC 9580, 5.1).
fn recipient(body: &[u8]) -> String {
    let handle = match body {
        [2 | 3, rest @ ..] => rest.get(..8),
        [6, length, _, rest @ ..] if *length > 0 => rest.get(..usize::from(*length) - 1),
        _ => None,
    };
    handle.map_or(HIDDEN.to_owned(), |octets| octets.iter().map(|b| format!("{b:02X}")).collect())
}

fn is_hidden(recipient: &str) -> bool {
    recipient.bytes().all(|b| b == b'0')
}

fn is_ours(recipient: &str, team: &[Cert]) -> bool {
    let same = |key: &openpgp::packet::key::Key<_, _>| {
        key.fingerprint().to_hex() == recipient || key.keyid().to_hex() == recipient
    };
    is_hidden(recipient) || team.iter().any(|cert| cert.keys().any(|key| same(key.key())))
}

/// What the outline alone forbids, before any key is asked.
fn refused(outline: &Outline, names_our_key: bool, ring: &Ring) -> Option<EncryptionProblem> {
    let Some((tag, version, complete)) = outline.container else {
        let cut = !outline.plain && !outline.recipients.is_empty();
        return cut.then_some(EncryptionProblem::Truncated);
    };
    match (tag, version) {
        (9, _) => return Some(EncryptionProblem::NoIntegrity),
        (18, 1 | 2) => {}
        _ => return Some(EncryptionProblem::Unsupported),
    }
    match outline.recipients.len() {
        0 if outline.passwords > 0 => Some(EncryptionProblem::PasswordOnly),
        0 => Some(EncryptionProblem::Malformed),
        1..=RECIPIENTS if names_our_key && ring.keys.team().is_empty() => Some(no_key(ring)),
        1..=RECIPIENTS if names_our_key => (!complete).then_some(EncryptionProblem::Truncated),
        1..=RECIPIENTS => Some(no_key(ring)),
        _ => Some(EncryptionProblem::TooLarge),
    }
}

/// No key of ours is named, as far as we can tell: if some key could not even be read, it may be that one.
fn no_key(ring: &Ring) -> EncryptionProblem {
    if ring.keys.blind() { EncryptionProblem::KeyUnavailable } else { EncryptionProblem::NoKey }
}

/// How many octets may come out of a message.
fn room(octets: &[u8]) -> usize {
    FREE.max(octets.len().saturating_mul(RATIO)).min(OUTPUT)
}

/// Reads a message to its end. Nothing read before that leaves this function.
fn read<'a>(octets: &[u8], callbacks: Callbacks<'a>) -> Result<(Vec<u8>, Callbacks<'a>), EncryptionProblem> {
    let notes = callbacks.notes.clone();
    let made = DecryptorBuilder::from_bytes(octets)
        .map(|builder| builder.buffer_size(FREE))
        .and_then(|builder| builder.with_policy(&Lenient, system_time(callbacks.now), callbacks));
    let mut decryptor = match made {
        Ok(decryptor) => decryptor,
        Err(error) => return Err(notes.problem(error.downcast_ref())),
    };
    let mut plaintext = Vec::new();
    let mut chunk = vec![0; 64 << 10];
    loop {
        match decryptor.read(&mut chunk) {
            Ok(0) => break,
            Ok(length) => plaintext.extend_from_slice(chunk.get(..length).unwrap_or_default()),
            Err(_) => return Err(notes.problem(None)),
        }
        if plaintext.len() > room(octets) {
            return Err(EncryptionProblem::TooLarge);
        }
    }
    let processed = decryptor.message_processed();
    let callbacks = decryptor.into_helper();
    if processed && callbacks.checked { Ok((plaintext, callbacks)) } else { Err(notes.problem(None)) }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::*;
    use super::*;
    use crate::rules::verdict::Signature;
    use openpgp::Packet;
    use openpgp::serialize::stream::{Compressor, Encryptor, LiteralWriter, Message, Signer};
    use openpgp::serialize::{Marshal, MarshalInto};
    use openpgp::types::CompressionAlgorithm;
    use std::io::Write;

    fn outcome(message: &[u8], world: &World) -> (Option<Vec<u8>>, Encryption, Option<EncryptionProblem>) {
        let opened = world.with_ring(|ring| decrypt(message, ring, now()));
        (opened.plaintext, opened.encryption, opened.problem)
    }

    fn failed(problem: EncryptionProblem) -> (Option<Vec<u8>>, Encryption, Option<EncryptionProblem>) {
        (None, Encryption::Failed, Some(problem))
    }

    #[test]
    fn a_signed_and_encrypted_message_opens_with_its_signature() {
        let world = World::new();
        let message = world.sealed(b"hello");
        let opened = world.with_ring(|ring| decrypt(&message, ring, now()));
        assert_eq!(opened.plaintext.as_deref(), Some(&b"hello"[..]));
        assert_eq!((opened.encryption, opened.problem, opened.old_key), (Encryption::Decrypted, None, false));
        assert!(opened.names_our_key && opened.recipients.len() == 1);
        let fact = &opened.signatures[0];
        assert_eq!((fact.state, fact.problem), (Signature::Good, None));
        assert_eq!(fact.signer.as_deref(), Some(world.reporter.fingerprint().to_hex().as_str()));
        assert_eq!(recipients(&message), Some(opened.recipients));
    }

    #[test]
    fn not_one_changed_bit_lets_plaintext_out() {
        let world = World::new();
        for version in [1, 2] {
            let message = encrypted_to(named(version, false, &world.team).collect(), &Content::Literal(b"some text"));
            let container = armor::packets(&message).find(|packet| packet.tag == 18).expect("a container").body;
            assert_eq!(message[container.start], version);
            for at in container {
                let mut changed = message.clone();
                changed[at] ^= 1;
                let (plaintext, encryption, problem) = outcome(&changed, &world);
                assert_eq!((plaintext, encryption), (None, Encryption::Failed), "octet {at}");
                assert!(problem.is_some(), "octet {at}");
            }
            let mut changed = message.clone();
            *changed.last_mut().unwrap() ^= 1;
            assert_eq!(outcome(&changed, &world), failed(EncryptionProblem::Tampered), "version {version}");
        }
    }

    #[test]
    fn not_one_octet_may_be_missing() {
        let world = World::new();
        for version in [1, 2] {
            let message = encrypted_to(named(version, false, &world.team).collect(), &Content::Literal(b"some text"));
            for end in 0..message.len() {
                let (plaintext, encryption, problem) = outcome(&message[..end], &world);
                assert_eq!((plaintext, encryption), (None, Encryption::Failed), "cut at {end}");
                let expected = [Some(EncryptionProblem::Truncated), Some(EncryptionProblem::Malformed)];
                assert!(expected.contains(&problem), "cut at {end}: {problem:?}");
            }
            assert_eq!(outcome(&message[..message.len() - 1], &world), failed(EncryptionProblem::Truncated));
        }
    }

    #[test]
    fn what_cannot_be_opened_says_why() {
        let world = World::new();
        let text = Content::Literal(b"x");
        assert_eq!(outcome(&encrypted(&world.reporter, &text), &world), failed(EncryptionProblem::NoKey));
        let password = |with_us: bool| {
            let mut out = Vec::new();
            let encryptor = Encryptor::with_passwords(Message::new(&mut out), Some("secret"));
            let encryptor = if with_us { encryptor.add_recipients(recipients_of(&world.team)) } else { encryptor };
            let mut writer = LiteralWriter::new(encryptor.build().unwrap()).build().unwrap();
            writer.write_all(b"x").unwrap();
            writer.finalize().unwrap();
            out
        };
        assert_eq!(outcome(&password(false), &world), failed(EncryptionProblem::PasswordOnly));
        let mixed = world.with_ring(|ring| decrypt(&password(true), ring, now()));
        assert!(mixed.mixed && mixed.plaintext.is_some());
        let whole = encrypted(&world.team, &text);
        let container = armor::packets(&whole).find(|packet| packet.tag == 18).unwrap();
        let renamed = |tag: u8| {
            let mut octets = whole.clone();
            octets[container.span.start] = 0xC0 | tag;
            octets
        };
        assert_eq!(outcome(&renamed(9), &world), failed(EncryptionProblem::NoIntegrity));
        assert_eq!(outcome(&renamed(20), &world), failed(EncryptionProblem::Unsupported));
        let mut version = whole.clone();
        version[container.body.start] = 9;
        assert_eq!(outcome(&version, &world), failed(EncryptionProblem::Unsupported));
        for junk in [&b""[..], b"hello", &[0xC1], &[0xD2, 1, 1], &[0xFF; 40]] {
            let (plaintext, encryption, problem) = outcome(junk, &world);
            assert!(plaintext.is_none() && encryption == Encryption::Failed && problem.is_some(), "{junk:?}");
        }
    }

    #[test]
    fn a_locked_or_unreadable_key_is_told_from_a_strangers() {
        let world = World::new().locked();
        assert_eq!(
            outcome(&encrypted(&world.team, &Content::Literal(b"x")), &world),
            failed(EncryptionProblem::KeyUnavailable)
        );
        assert_eq!(
            outcome(&encrypted(&world.reporter, &Content::Literal(b"x")), &world),
            failed(EncryptionProblem::NoKey)
        );
        let blind = World::new().unreadable();
        assert_eq!(
            outcome(&encrypted(&blind.team, &Content::Literal(b"x")), &blind),
            failed(EncryptionProblem::KeyUnavailable)
        );
    }

    #[test]
    fn hidden_recipients_and_retired_keys_open() {
        let world = World::new();
        let both = recipients_of(&world.reporter).chain(named(1, true, &world.retired)).collect();
        let message = encrypted_to(both, &Content::Literal(b"x"));
        let opened = world.with_ring(|ring| decrypt(&message, ring, now()));
        assert_eq!(opened.plaintext.as_deref(), Some(&b"x"[..]));
        assert!(opened.old_key && opened.names_our_key);
        assert_eq!(opened.recipients[1], HIDDEN);
        let strangers = encrypted_to(named(1, true, &world.stranger).collect(), &Content::Literal(b"x"));
        assert_eq!(outcome(&strangers, &world), failed(EncryptionProblem::NoKey));
    }

    #[test]
    fn a_message_that_is_only_signed_is_not_called_encrypted() {
        let world = World::new();
        let mut out = Vec::new();
        let signer = Signer::new(Message::new(&mut out), signing_pair(&world.reporter)).unwrap();
        let mut writer = LiteralWriter::new(signer.creation_time(system_time(now())).build().unwrap()).build().unwrap();
        writer.write_all(b"x").unwrap();
        writer.finalize().unwrap();
        let opened = world.with_ring(|ring| decrypt(&out, ring, now()));
        assert_eq!((opened.encryption, opened.plaintext.as_deref()), (Encryption::None, Some(&b"x"[..])));
        assert_eq!(opened.signatures[0].state, Signature::Good);
        // A second literal behind the signed one (T32).
        let more = [out.clone(), Packet::from(literal(b"y")).to_vec().unwrap()].concat();
        assert_eq!(outcome(&more, &world).0, None);
        let before = [Packet::from(literal(b"y")).to_vec().unwrap(), out].concat();
        assert_eq!(outcome(&before, &world).0, None);
    }

    #[test]
    fn limits_hold_for_bombs_and_layers() {
        let world = World::new();
        let bomb = encrypted(&world.team, &Content::Compressed(4 << 20, 1));
        assert!(bomb.len() < 40_000);
        assert_eq!(outcome(&bomb, &world), failed(EncryptionProblem::TooLarge));
        let large = encrypted(&world.team, &Content::Compressed(1 << 20, 1));
        assert!(outcome(&large, &world).0.is_some(), "the first MiB is free");
        assert!(outcome(&encrypted(&world.team, &Content::Compressed(10, 7)), &world).0.is_some());
        assert_eq!(
            outcome(&encrypted(&world.team, &Content::Compressed(10, 8)), &world),
            failed(EncryptionProblem::TooLarge)
        );
        let many: Vec<_> = (0..101).flat_map(|_| recipients_of(&world.team)).collect();
        let message = encrypted_to(many, &Content::Literal(b"x"));
        assert_eq!(outcome(&message, &world), failed(EncryptionProblem::TooLarge));
    }

    #[test]
    fn what_is_skipped_between_layers_counts_too() {
        let world = World::new();
        let packet = |tag: u8, body: &[u8]| {
            [&[0xC0 | tag, 0xFF][..], &u32::try_from(body.len()).unwrap().to_be_bytes(), body].concat()
        };
        let zlib = |octets: &[u8]| {
            let mut out = Vec::new();
            let mut writer = Compressor::new(Message::new(&mut out)).algo(CompressionAlgorithm::Zlib).build().unwrap();
            writer.write_all(octets).unwrap();
            writer.finalize().unwrap();
            out
        };
        let text = Packet::from(literal(b"x")).to_vec().unwrap();
        // Private packet, padding, marker: a reader passes over them.
        for tag in [60, 21, 10] {
            let skipped = [packet(tag, &vec![0; 64 << 20]), text.clone()].concat();
            let once = zlib(&skipped);
            let twice = zlib(&once);
            for bomb in [once, twice] {
                assert!(bomb.len() < 200_000);
                assert_eq!(outcome(&bomb, &world), failed(EncryptionProblem::TooLarge), "tag {tag}");
                let sealed = encrypted(&world.team, &Content::Raw(bomb));
                assert_eq!(outcome(&sealed, &world), failed(EncryptionProblem::TooLarge), "tag {tag}");
            }
        }
        let tame = zlib(&zlib(&[packet(60, &[0; 1_000]), text].concat()));
        assert_eq!(outcome(&tame, &world).0.as_deref(), Some(&b"x"[..]));
        assert_eq!(outcome(&encrypted(&world.team, &Content::Raw(tame)), &world).0.as_deref(), Some(&b"x"[..]));
    }

    #[test]
    fn two_literals_or_data_behind_the_message_are_no_message() {
        let world = World::new();
        for content in [
            Content::Raw([literal(b"a"), literal(b"b")].map(|l| Packet::from(l).to_vec().unwrap()).concat()),
            Content::Raw(vec![]),
        ] {
            assert_eq!(outcome(&encrypted(&world.team, &content), &world), failed(EncryptionProblem::Tampered));
        }
        let mut trailing = encrypted(&world.team, &Content::Literal(b"x"));
        Packet::from(literal(b"y")).serialize(&mut trailing).unwrap();
        assert_eq!(outcome(&trailing, &world).0, None);
    }

    #[test]
    fn detached_and_cleartext_signatures_cover_exactly_what_is_given() {
        let world = World::new();
        let signature = detached(&world.reporter, b"text", now());
        let states = |content: &[u8], signature: &[u8]| {
            world.with_ring(|ring| {
                verify_detached(content, signature, ring, now()).iter().map(|f| f.state).collect::<Vec<_>>()
            })
        };
        assert_eq!(states(b"text", &signature), [Signature::Good]);
        assert_eq!(states(b"text ", &signature), [Signature::Bad]);
        let stranger = detached(&world.stranger, b"text", now());
        let both = [signature.clone(), stranger].concat();
        assert_eq!(states(b"text", &both), [Signature::Good, Signature::UnknownKey]);
        for junk in [&b""[..], b"junk", &signature[..signature.len() - 1], &[signature.as_slice(), b"x"].concat()] {
            assert_eq!(states(b"text", junk), [Signature::Bad]);
        }
        assert_eq!(states(b"text", &signature.repeat(21)), [Signature::Bad]);
        let armoured = |octets: &[u8]| {
            use base64::Engine;
            base64::engine::general_purpose::STANDARD.encode(octets)
        };
        let block = |text: &str| {
            format!(
                "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n{text}\n-----BEGIN PGP SIGNATURE-----\n\n{}\n-----END PGP SIGNATURE-----\n",
                armoured(&signature)
            )
        };
        let clear = |text: &str| {
            world
                .with_ring(|ring| verify_cleartext(block(text).as_bytes(), ring, now()))
                .map(|(text, facts)| (text, facts[0].state))
        };
        assert_eq!(clear("text  "), Some((b"text".to_vec(), Signature::Good)));
        assert_eq!(clear("texts"), Some((b"texts".to_vec(), Signature::Bad)));
        assert_eq!(clear("text\n-not escaped"), None);
    }
}
