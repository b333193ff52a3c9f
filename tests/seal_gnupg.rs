//! What we sign and encrypt, GnuPG verifies and opens.

mod support;

use jiff::Timestamp;
use mail_parser::{MessageParser, MimeHeaders};
use support::gnupg::{Gnupg, Kind};
use vigie::edge::mime::{Attach, Disposition, Outgoing, Protection, compose};
use vigie::edge::openpgp::seam::{MemoryKeys, PrivateKeys};
use vigie::rules::address::Address;
use vigie::rules::settings::Language;

const NOW: &str = "2026-02-01T12:00:00Z";
const KINDS: [Kind; 3] = [Kind::Rsa4096, Kind::Rsa3072, Kind::Curve25519];

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn mail(attachments: Vec<Attach>) -> Outgoing {
    Outgoing {
        from_name: "CSIRT-EXAMPLE".to_owned(),
        from: Address::parse("csirt@example.org").unwrap(),
        to: vec![Address::parse("alice@corp.example").unwrap()],
        subject: "[EX-2026-000001] Votre message est bien arrivé".to_owned(),
        message_id: "<1.abc@example.org>".to_owned(),
        in_reply_to: Some("<report@corp.example>".to_owned()),
        references: vec!["<report@corp.example>".to_owned()],
        date: now().to_zoned(jiff::tz::TimeZone::get("Europe/Paris").unwrap()),
        auto_submitted: Some("auto-replied"),
        suppress_auto_response: true,
        text: "Bonjour,\n\nFrom here on: blanks at the end   \n.\n-- \nCSIRT é\n".to_owned(),
        language: Language::Fr,
        attachments,
    }
}

fn key_file(bytes: Vec<u8>) -> Attach {
    Attach {
        name: "csirt.asc".to_owned(),
        content_type: "application/pgp-keys".to_owned(),
        bytes,
        disposition: Disposition::Attachment,
    }
}

/// A home with one key of that kind for the team and the same key loaded by us.
fn team(kind: Kind) -> (Gnupg, MemoryKeys) {
    let gnupg = Gnupg::at("20260201T120000");
    let fingerprint = gnupg.generate(kind, "CSIRT-EXAMPLE <csirt@example.org>");
    let secret = gnupg.export_secret(&fingerprint);
    let keys = MemoryKeys::load(&[("team.asc".to_owned(), secret)], None);
    assert!(keys.troubles().is_empty(), "{:?}", keys.troubles());
    assert_eq!(keys.team()[0].fingerprint, fingerprint);
    (gnupg, keys)
}

/// The octets of the two parts of a multipart, as another implementation cuts them.
fn two_parts(raw: &[u8], media_type: &str) -> [Vec<u8>; 2] {
    let parsed = MessageParser::default().parse(raw).unwrap();
    let root = &parsed.parts[0];
    let content_type = root.content_type().unwrap();
    assert_eq!(format!("{}/{}", content_type.ctype(), content_type.subtype().unwrap()), media_type);
    let children = root.sub_parts().unwrap();
    assert_eq!(children.len(), 2);
    let cut = |i: usize| {
        let part = &parsed.parts[children[i] as usize];
        raw[part.offset_header as usize..part.offset_end as usize].to_vec()
    };
    [cut(0), cut(1)]
}

fn body(part: &[u8]) -> Vec<u8> {
    let at = part.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
    part[at + 4..].to_vec()
}

#[test]
fn gnupg_verifies_what_we_sign() {
    for kind in KINDS {
        let (gnupg, keys) = team(kind);
        for attachments in [vec![], vec![key_file(keys.team()[0].certificate.clone())]] {
            let raw = compose(&mail(attachments), Protection::Signed, &keys, now()).unwrap();
            let [content, signature] = two_parts(&raw, "multipart/signed");
            let (content_file, signature_file) = (gnupg.home().join("content"), gnupg.home().join("signature"));
            std::fs::write(&signature_file, body(&signature)).unwrap();
            let verify = |content: &[u8]| {
                std::fs::write(&content_file, content).unwrap();
                gnupg.run(&["--verify", signature_file.to_str().unwrap(), content_file.to_str().unwrap()], b"")
            };
            let ran = verify(&content);
            let made_at = format!("VALIDSIG {} 2026-02-01 {} 0 4 0", keys.team()[0].fingerprint, now().as_second());
            assert!(ran.success && ran.says("GOODSIG") && ran.says(&made_at), "{kind:?} {:?}", ran.status);
            // SHA-512 over octets, as `micalg` says.
            assert!(ran.status.iter().any(|l| l.starts_with("VALIDSIG") && l.contains(" 10 00 ")), "{:?}", ran.status);
            let mut changed = content.clone();
            *changed.last_mut().unwrap() ^= 1;
            assert!(verify(&changed).says("BADSIG"), "{kind:?}");
            assert!(raw.is_ascii());
        }
    }
}

#[test]
fn gnupg_opens_what_we_encrypt_and_so_do_we() {
    for kind in KINDS {
        let (gnupg, keys) = team(kind);
        let reporter = Gnupg::at("20260201T120000");
        let alice = reporter.generate(kind, "Alice <alice@corp.example>");
        reporter.run(&["--import"], &gnupg.export(&keys.team()[0].fingerprint));
        let recipients = [reporter.export(&alice)];
        let raw =
            compose(&mail(vec![key_file(vec![0; 9])]), Protection::Encrypted { recipients: &recipients }, &keys, now())
                .unwrap();
        let [version, ciphertext] = two_parts(&raw, "multipart/encrypted");
        assert_eq!(version, b"Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n");

        let ran = reporter.run(&["--decrypt"], &body(&ciphertext));
        assert!(ran.success && ran.says("DECRYPTION_OKAY") && ran.says("GOODSIG"), "{kind:?} {:?}", ran.status);
        // Modification detection, AES-256, nothing compressed.
        assert!(ran.says("DECRYPTION_INFO 2 9"), "{:?}", ran.status);
        let own = gnupg.run(&["--decrypt"], &body(&ciphertext));
        assert!(own.says("DECRYPTION_OKAY") && own.out == ran.out, "{kind:?} {:?}", own.status);

        let inner = MessageParser::default().parse(&ran.out).unwrap();
        assert_eq!(inner.subject(), Some("[EX-2026-000001] Votre message est bien arrivé"));
        assert_eq!(inner.content_type().unwrap().attribute("hp"), Some("cipher"));
        let outer = String::from_utf8(raw).unwrap();
        assert!(outer.contains("\r\nSubject: [...]\r\n") && !outer.contains("EX-2026"), "{outer}");
    }
}
