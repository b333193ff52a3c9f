//! Keys and messages for the tests of this folder, made by Sequoia.

use super::judge::{KnownCertificate, Ring};
use super::seam::MemoryKeys;
use super::{certs, system_time};
use jiff::{SignedDuration, Timestamp};
use openpgp::cert::{CertBuilder, CipherSuite};
use openpgp::crypto::KeyPair;
use openpgp::packet::Literal;
use openpgp::policy::StandardPolicy;
use openpgp::serialize::Serialize;
use openpgp::serialize::stream::{Compressor, Encryptor, LiteralWriter, Message, Recipient, Signer};
use openpgp::types::{CompressionAlgorithm, DataFormat, Features};
use openpgp::{Cert, Profile};
use sequoia_openpgp as openpgp;
use std::io::Write;

pub fn now() -> Timestamp {
    "2026-11-20T10:00:00Z".parse().unwrap()
}

/// A certificate made a month ago.
pub fn person(user_id: &str) -> Cert {
    build(user_id, |builder| builder)
}

pub fn build(user_id: &str, change: impl FnOnce(CertBuilder) -> CertBuilder) -> Cert {
    let made = system_time(now() - SignedDuration::from_hours(30 * 24));
    let builder = CertBuilder::general_purpose(Some(user_id)).set_cipher_suite(CipherSuite::Cv25519);
    let builder = builder.set_profile(Profile::RFC4880).unwrap().set_creation_time(made);
    change(builder).generate().unwrap().0
}

pub fn secret(cert: &Cert) -> Vec<u8> {
    let mut octets = Vec::new();
    cert.as_tsk().serialize(&mut octets).unwrap();
    octets
}

pub fn signing_pair(cert: &Cert) -> KeyPair {
    let policy = StandardPolicy::at(system_time(now()));
    let key = cert.keys().with_policy(&policy, system_time(now())).secret().for_signing().next().unwrap();
    key.key().clone().into_keypair().unwrap()
}

pub fn recipients_of(cert: &Cert) -> impl Iterator<Item = Recipient<'_>> {
    named(1, false, cert)
}

/// For a SEIPD packet of this version; with key ID zero where hidden.
pub fn named(version: u8, hidden: bool, cert: &Cert) -> impl Iterator<Item = Recipient<'_>> {
    let features = Features::empty().set_seipdv1();
    let features = if version == 2 { features.set_seipdv2() } else { features };
    let keys = cert.keys().filter(|key| key.key().pk_algo().for_encryption());
    keys.map(move |key| {
        let handle = (!hidden).then(|| key.key().key_handle());
        Recipient::new(features.clone(), handle, key.key())
    })
}

pub fn detached(cert: &Cert, content: &[u8], at: Timestamp) -> Vec<u8> {
    let mut out = Vec::new();
    let signer = Signer::new(Message::new(&mut out), signing_pair(cert)).unwrap();
    let mut writer = signer.creation_time(system_time(at)).detached().build().unwrap();
    writer.write_all(content).unwrap();
    writer.finalize().unwrap();
    out
}

pub fn literal(text: &[u8]) -> Literal {
    let mut literal = Literal::new(DataFormat::Unicode);
    literal.set_body(text.to_vec());
    literal
}

/// What goes into a container.
pub enum Content<'a> {
    Literal(&'a [u8]),
    /// So many zeros, in so many layers of compression.
    Compressed(usize, usize),
    Raw(Vec<u8>),
}

pub fn encrypted(to: &Cert, content: &Content) -> Vec<u8> {
    encrypted_to(recipients_of(to).collect(), content)
}

pub fn encrypted_to(recipients: Vec<Recipient>, content: &Content) -> Vec<u8> {
    let mut out = Vec::new();
    let mut message = Encryptor::for_recipients(Message::new(&mut out), recipients).build().unwrap();
    match content {
        Content::Raw(octets) => {
            message.write_all(octets).unwrap();
            message.finalize().unwrap();
        }
        Content::Literal(text) => {
            let mut writer = LiteralWriter::new(message).build().unwrap();
            writer.write_all(text).unwrap();
            writer.finalize().unwrap();
        }
        Content::Compressed(zeros, layers) => {
            for _ in 0..*layers {
                message = Compressor::new(message).algo(CompressionAlgorithm::Zlib).build().unwrap();
            }
            let mut writer = LiteralWriter::new(message).build().unwrap();
            writer.write_all(&vec![0; *zeros]).unwrap();
            writer.finalize().unwrap();
        }
    }
    out
}

/// A team with a current and a retired key, a reporter whom it knows, a stranger.
pub struct World {
    pub team: Cert,
    pub retired: Cert,
    pub reporter: Cert,
    pub stranger: Cert,
    pub keys: MemoryKeys,
    pub known: Vec<KnownCertificate>,
}

impl World {
    pub fn new() -> World {
        let (team, retired) = (person("Team <team@example.org>"), person("Old <team@example.org>"));
        let reporter = person("A <a@corp.example>");
        let files = [("team".to_owned(), secret(&team)), ("retired".to_owned(), secret(&retired))];
        let known = vec![known(&reporter, false)];
        let stranger = person("X <x@evil.example>");
        World { keys: MemoryKeys::load(&files, None), team, retired, reporter, stranger, known }
    }

    /// The team key is there but locked.
    pub fn locked(mut self) -> World {
        self.team = build("Team <team@example.org>", |builder| builder.set_password(Some("x".into())));
        self.keys = MemoryKeys::load(&[("team".to_owned(), secret(&self.team))], None);
        self
    }

    /// The team key cannot be read.
    pub fn unreadable(mut self) -> World {
        self.keys = MemoryKeys::default().with_troubles(vec!["team.asc: no such file".to_owned()]);
        self
    }

    pub fn with_ring<T>(&self, ask: impl FnOnce(&Ring) -> T) -> T {
        self.with_introducers(&[], ask)
    }

    pub fn with_introducers<T>(&self, introducers: &[String], ask: impl FnOnce(&Ring) -> T) -> T {
        let find = |handles: &[String]| -> Vec<KnownCertificate> {
            let holds = |known: &&KnownCertificate| {
                let facts = certs::describe(&known.bytes, now()).unwrap();
                facts[0].handles.iter().any(|handle| handles.contains(handle))
            };
            self.known.iter().filter(holds).cloned().collect()
        };
        ask(&Ring { keys: &self.keys, find: &find, introducers })
    }

    /// From the reporter to the team, signed inside.
    pub fn sealed(&self, text: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let encryptor = Encryptor::for_recipients(Message::new(&mut out), recipients_of(&self.team)).build().unwrap();
        let signer = Signer::new(encryptor, signing_pair(&self.reporter)).unwrap();
        let mut writer = LiteralWriter::new(signer.creation_time(system_time(now())).build().unwrap()).build().unwrap();
        writer.write_all(text).unwrap();
        writer.finalize().unwrap();
        out
    }
}

pub fn known(cert: &Cert, candidate: bool) -> KnownCertificate {
    let facts = certs::describe(&secret(cert), now()).unwrap().remove(0);
    KnownCertificate {
        fingerprint: facts.fingerprint,
        bytes: facts.bytes,
        candidate,
        confirmed: false,
        addresses: facts.addresses,
    }
}
