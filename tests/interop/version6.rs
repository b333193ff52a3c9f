//! Keys and mail of RFC 9580, which neither GnuPG nor Debian's `sq` makes: by the library itself.

use super::support;
use super::{REPORTER, armored, file, mail, verdict};
use sequoia_openpgp as openpgp;

use openpgp::cert::{CertBuilder, CipherSuite, Preferences};
use openpgp::crypto::SessionKey;
use openpgp::packet::{PKESK, SKESK};
use openpgp::parse::Parse;
use openpgp::parse::stream::{DecryptionHelper, DecryptorBuilder, MessageLayer, MessageStructure, VerificationHelper};
use openpgp::policy::StandardPolicy;
use openpgp::serialize::stream::{Armorer, Encryptor, LiteralWriter, Message, Signer};
use openpgp::serialize::{Serialize, SerializeInto};
use openpgp::types::SymmetricAlgorithm;
use openpgp::{Cert, KeyHandle, Packet, PacketPile, Profile};
use serde_json::json;
use std::io::{Read, Write};
use support::desk::{Desk, Setup, header, pgp_mime, protected, text};

const POLICY: &StandardPolicy = &StandardPolicy::new();

fn generate(user_id: &str, profile: Profile, suite: CipherSuite) -> Cert {
    let builder = CertBuilder::general_purpose(Some(user_id)).set_profile(profile).unwrap();
    builder.set_cipher_suite(suite).generate().unwrap().0
}

/// Signed by `from`, encrypted to `to`, as the library writes it.
fn sealed(from: &Cert, to: &Cert, content: &str) -> String {
    let mut out = Vec::new();
    let recipients = to.keys().with_policy(POLICY, None).for_transport_encryption();
    let pair = from.keys().with_policy(POLICY, None).secret().for_signing().next().unwrap();
    let pair = pair.key().clone().into_keypair().unwrap();
    let message = Armorer::new(Message::new(&mut out)).build().unwrap();
    let message = Encryptor::for_recipients(message, recipients).build().unwrap();
    let message = Signer::new(message, pair).unwrap().build().unwrap();
    let mut message = LiteralWriter::new(message).build().unwrap();
    message.write_all(content.as_bytes()).unwrap();
    message.finalize().unwrap();
    String::from_utf8(out).unwrap()
}

/// Reads as any other program of that library would.
struct Reader<'a> {
    own: &'a Cert,
    peer: &'a Cert,
    good: usize,
}

impl VerificationHelper for Reader<'_> {
    fn get_certs(&mut self, _: &[KeyHandle]) -> openpgp::Result<Vec<Cert>> {
        Ok(vec![self.peer.clone()])
    }
    fn check(&mut self, structure: MessageStructure) -> openpgp::Result<()> {
        for layer in structure {
            if let MessageLayer::SignatureGroup { results } = layer {
                self.good += results.iter().filter(|result| result.is_ok()).count();
            }
        }
        Ok(())
    }
}

impl DecryptionHelper for Reader<'_> {
    fn decrypt(
        &mut self,
        pkesks: &[PKESK],
        _: &[SKESK],
        algorithm: Option<SymmetricAlgorithm>,
        open: &mut dyn FnMut(Option<SymmetricAlgorithm>, &SessionKey) -> bool,
    ) -> openpgp::Result<Option<Cert>> {
        for key in self.own.keys().unencrypted_secret().filter(|key| key.key().pk_algo().for_encryption()) {
            let mut pair = key.key().clone().into_keypair()?;
            for pkesk in pkesks {
                let opened = pkesk.decrypt(&mut pair, algorithm).is_some_and(|(algo, key)| open(algo, &key));
                if opened {
                    return Ok(None);
                }
            }
        }
        Err(openpgp::Error::InvalidSessionKey("none fits".into()).into())
    }
}

/// What the owner says that his programs read.
fn reads_version_2(cert: &Cert) -> bool {
    let features = cert.with_policy(POLICY, None).unwrap().features().unwrap();
    features.supports_seipdv2()
}

/// Of the packets that name recipients, and of the container.
fn versions(armored: &str) -> (Vec<u8>, Vec<u8>) {
    let pile = PacketPile::from_bytes(armored.as_bytes()).unwrap();
    let (mut keys, mut containers) = (Vec::new(), Vec::new());
    for packet in pile.children() {
        match packet {
            Packet::PKESK(pkesk) => keys.push(pkesk.version()),
            Packet::SEIP(seip) => containers.push(seip.version()),
            _ => {}
        }
    }
    (keys, containers)
}

#[test]
fn version_6_keys_serve_both_sides_and_meet_version_4() {
    use CipherSuite::{Cv448, Cv25519};
    let (v4, v6) = (Profile::RFC4880, Profile::RFC9580);
    for (team, reporter, suite) in [(v6, v6, Cv25519), (v6, v4, Cv25519), (v4, v6, Cv25519), (v6, v6, Cv448)] {
        let what = format!("team {team:?}, reporter {reporter:?}, {suite:?}");
        let team = generate("CSIRT-EXAMPLE <csirt@example.org>", team, suite);
        let reporter = generate(&format!("Tom <{REPORTER}>"), reporter, suite);
        let desk = Desk::with(Setup { simulated: false, ..Setup::default() });
        std::fs::write(desk.path("team.asc"), team.as_tsk().armored().to_vec().unwrap()).unwrap();
        let mut certificate = Vec::new();
        reporter.serialize(&mut certificate).unwrap();
        std::fs::write(desk.path("certs/tom.pgp"), certificate).unwrap();

        let cipher = sealed(&reporter, &team, &protected(REPORTER, "Beacon seen", "We saw 198.51.100.7.\n"));
        let both_new = if reads_version_2(&team) { (vec![6], vec![2]) } else { (vec![3], vec![1]) };
        assert_eq!(versions(&cipher), both_new, "{what}");
        let whole = text(&pgp_mime(REPORTER, "...", &cipher));
        let ticket = file(&desk, &mail("...", whole.split_once("MIME-Version: 1.0\r\n").unwrap().1));
        let told = verdict(&ticket);
        assert_eq!(
            [
                &told["encryption"],
                &told["signature"],
                &told["covers"],
                &told["signed_by_sender"],
                &told["subject_protected"]
            ],
            [&json!("decrypted"), &json!("good"), &json!("whole"), &json!(true), &json!(true)],
            "{what}: {told}"
        );
        assert_eq!(ticket["messages"][0]["verdict"]["signer"], json!(reporter.fingerprint().to_hex()), "{what}");

        assert!(desk.run(&["run", "--once"]).status.success(), "{what}");
        let sent = desk.sent_to(REPORTER);
        let acknowledgement = armored(&sent[0]);
        let reader = Reader { own: &reporter, peer: &team, good: 0 };
        let mut decryptor = DecryptorBuilder::from_bytes(acknowledgement.as_bytes())
            .unwrap()
            .with_policy(POLICY, None, reader)
            .unwrap();
        let mut inside = String::new();
        decryptor.read_to_string(&mut inside).unwrap();
        assert_eq!(decryptor.into_helper().good, 1, "{what}");
        assert!(header(&inside, "Subject").unwrap().contains("EX-2"), "{what}: {inside}");
        let container = if reads_version_2(&reporter) { 2 } else { 1 };
        assert_eq!(versions(acknowledgement).1, [container], "{what}");
    }
}
