//! What `certs` promises, on certificates made here.

use super::*;
use openpgp::cert::{CertRevocationBuilder, Preferences};
use openpgp::packet::UserID;
use openpgp::packet::signature::SignatureBuilder;
use openpgp::types::{HashAlgorithm, ReasonForRevocation, SignatureType};
use std::time::Duration;

fn now() -> Timestamp {
    "2026-11-20T10:00:00Z".parse().unwrap()
}

fn person(user_id: &str) -> Cert {
    let builder = CertBuilder::general_purpose(Some(user_id)).set_cipher_suite(CipherSuite::Cv25519);
    builder.set_creation_time(system_time(now()) - Duration::from_secs(86_400)).generate().unwrap().0
}

fn octets(cert: &Cert) -> Vec<u8> {
    SerializeInto::to_vec(cert).unwrap()
}

fn one(octets: &[u8]) -> CertificateFacts {
    let mut found = describe(octets, now()).unwrap();
    assert_eq!(found.len(), 1);
    found.remove(0)
}

fn revoke(cert: &Cert, reason: ReasonForRevocation) -> Cert {
    let mut pair = cert.primary_key().key().clone().parts_into_secret().unwrap().into_keypair().unwrap();
    let builder = CertRevocationBuilder::new().set_reason_for_revocation(reason, b"").unwrap();
    let builder = builder.set_signature_creation_time(system_time(now())).unwrap();
    cert.clone().insert_packets(builder.build(&mut pair, cert, HashAlgorithm::SHA512).unwrap()).unwrap().0
}

fn certify(cert: &Cert, by: &Cert, hash: HashAlgorithm) -> Cert {
    let mut signer = by.primary_key().key().clone().parts_into_secret().unwrap().into_keypair().unwrap();
    let id = cert.userids().next().unwrap().userid();
    let builder = SignatureBuilder::new(SignatureType::GenericCertification).set_hash_algo(hash);
    let builder = builder.set_signature_creation_time(system_time(now())).unwrap();
    let signature = builder.sign_userid_binding(&mut signer, cert.primary_key().key(), id).unwrap();
    cert.clone().insert_packets(vec![Packet::from(id.clone()), signature.into()]).unwrap().0
}

#[test]
fn the_generated_key_signs_decrypts_and_promises_seipd_v1_alone() {
    let (armoured, fingerprint) = generate("CSIRT-EXAMPLE <csirt@example.org>", now()).unwrap();
    assert!(armoured.starts_with("-----BEGIN PGP PRIVATE KEY BLOCK-----"));
    let facts = one(armoured.as_bytes());
    assert_eq!((facts.fingerprint.as_str(), facts.secret), (fingerprint.as_str(), true));
    assert!(facts.usable_for_encryption && facts.usable_for_signing && !facts.revoked);
    assert_eq!(facts.addresses, [Address::parse("csirt@example.org").unwrap()]);
    assert_eq!((facts.handles.len(), facts.problems.len(), facts.expires_at), (4, 0, None));
    let cert = Cert::from_bytes(armoured.as_bytes()).unwrap();
    assert_eq!(cert.primary_key().key().version(), 4);
    let policy = StandardPolicy::at(system_time(now()));
    let valid = cert.with_policy(&policy, system_time(now())).unwrap();
    assert_eq!(valid.features(), Some(Features::empty().set_seipdv1()));
    assert!(valid.primary_key().for_signing() && !valid.primary_key().for_transport_encryption());
    assert!(!Cert::from_bytes(&facts.bytes).unwrap().is_tsk(), "what the store keeps holds no secret");
    assert!(export_armored(armoured.as_bytes()).unwrap().starts_with("-----BEGIN PGP PUBLIC KEY BLOCK-----"));
}

#[test]
fn many_certificates_come_out_of_one_file_armoured_or_not() {
    let (a, b) = (person("a <a@corp.example>"), person("b <b@corp.example>"));
    let binary = [octets(&a), octets(&b)].concat();
    assert_eq!(describe(&binary, now()).unwrap().len(), 2);
    let text = format!("{}\nwords\n{}", export_armored(&octets(&a)).unwrap(), export_armored(&octets(&b)).unwrap());
    assert_eq!(describe(text.as_bytes(), now()).unwrap().len(), 2);
    assert!(describe(b"no key", now()).unwrap_err().contains("PUBLIC KEY BLOCK"));
    assert!(describe(&[], now()).is_err());
}

#[test]
fn what_the_owner_did_not_bind_is_dropped() {
    let (cert, stranger) = (person("a <a@corp.example>"), person("x <x@evil.example>"));
    let signed = certify(&cert, &stranger, HashAlgorithm::SHA512);
    let forged: Vec<Packet> = signed
        .clone()
        .into_packets()
        .chain([
            Packet::from(UserID::from("boss <boss@corp.example>")),
            Packet::from(stranger.primary_key().key().clone().role_into_subordinate()),
        ])
        .collect();
    let mut raw = Vec::new();
    for packet in &forged {
        raw.extend(MarshalInto::to_vec(packet).unwrap());
    }
    let facts = one(&raw);
    assert_eq!(facts.addresses, [Address::parse("a@corp.example").unwrap()]);
    let kept = Cert::from_bytes(&facts.bytes).unwrap();
    assert_eq!((kept.userids().count(), kept.keys().count()), (1, cert.keys().count()));
    assert_eq!(kept.userids().next().unwrap().certifications().count(), 0);
    let kept = describe_keeping(&raw, &[stranger.fingerprint().to_hex()], now()).unwrap().remove(0);
    assert_eq!(Cert::from_bytes(&kept.bytes).unwrap().userids().next().unwrap().certifications().count(), 1);
}

#[test]
fn an_introducer_certifies_one_address_and_only_while_its_own_key_is_good() {
    let (cert, first, other) = (person("a <a@corp.example>"), person("first"), person("other"));
    let address = Address::parse("A@corp.example").unwrap();
    let signed = octets(&certify(&cert, &first, HashAlgorithm::SHA512));
    let later = now() + jiff::SignedDuration::from_secs(60);
    let by = |cert: &[u8], introducer: &Cert| certified_by(cert, &address, &[octets(introducer)], later);
    assert!(by(&signed, &first));
    assert!(!by(&signed, &other), "another introducer");
    assert!(!by(&octets(&cert), &first), "no certification");
    assert!(!certified_by(&signed, &Address::parse("b@corp.example").unwrap(), &[octets(&first)], later));
    assert!(!by(&octets(&cert), &cert), "a self-signature certifies nobody");
    let weak = octets(&certify(&cert, &first, HashAlgorithm::SHA1));
    assert!(!by(&weak, &first), "a SHA-1 certification");
    let revoked = revoke(&first, ReasonForRevocation::KeyCompromised);
    assert!(!by(&signed, &revoked), "a revoked introducer");
}

#[test]
fn expiry_revocation_and_weakness_are_told_in_words() {
    let builder = CertBuilder::general_purpose(Some("a <a@corp.example>")).set_cipher_suite(CipherSuite::Cv25519);
    let short = builder
        .set_creation_time(system_time(now()) - Duration::from_secs(900))
        .set_validity_period(Duration::from_secs(600));
    let expired = one(&octets(&short.generate().unwrap().0));
    assert!(!expired.usable_for_encryption && !expired.usable_for_signing);
    assert_eq!(expired.problems, ["expired on 2026-11-20"]);
    assert_eq!(expired.addresses.len(), 1, "it still says whose it was");
    let cert = person("a <a@corp.example>");
    let revoked = revoke(&cert, ReasonForRevocation::KeyRetired);
    let facts = one(&octets(&revoked));
    assert!(facts.revoked && !facts.usable_for_encryption);
    assert_eq!(facts.problems, ["revoked by its owner"]);
    let nameless = one(&octets(&person("CSIRT without address")));
    assert_eq!(nameless.problems, ["no user ID holds an e-mail address"]);
    assert!(nameless.usable_for_encryption);
}

#[test]
fn merging_adds_and_never_replaces() {
    let cert = person("a <a@corp.example>");
    let mut pair = cert.primary_key().key().clone().parts_into_secret().unwrap().into_keypair().unwrap();
    let id = UserID::from("a <a@new.example>");
    let builder = SignatureBuilder::new(SignatureType::PositiveCertification)
        .set_signature_creation_time(system_time(now()))
        .unwrap();
    let binding = id.bind(&mut pair, &cert, builder).unwrap();
    let more = cert.clone().insert_packets(vec![Packet::from(id), binding.into()]).unwrap().0;
    let merged = merge(&one(&octets(&cert)).bytes, &one(&octets(&more)).bytes).unwrap();
    let back = merge(&merged, &one(&octets(&cert)).bytes).unwrap();
    for both in [merged, back] {
        let later = now() + jiff::SignedDuration::from_secs(60);
        assert_eq!(describe(&both, later).unwrap()[0].addresses.len(), 2);
    }
    assert!(merge(&octets(&cert), &octets(&person("b"))).is_err());
}

#[test]
fn a_poisoned_certificate_is_cut_to_what_is_bound_and_quickly() {
    let (cert, stranger) = (person("a <a@corp.example>"), person("x <x@evil.example>"));
    let foreign = certify(&cert, &stranger, HashAlgorithm::SHA512);
    let foreign = foreign.userids().next().unwrap().certifications().next().unwrap().clone();
    let packet = |packet: &Packet| MarshalInto::to_vec(packet).unwrap();
    let mut raw = Vec::new();
    for own in cert.clone().into_packets() {
        raw.extend(packet(&own));
        if matches!(own, Packet::UserID(_)) {
            // Behind the user ID, before its own signature.
            let flood = packet(&foreign.clone().into());
            (0..20_000).for_each(|_| raw.extend_from_slice(&flood));
        }
    }
    // A picture of 2 MiB in one user attribute, and user IDs that nobody bound.
    raw.extend([0xD1, 0xFF]);
    raw.extend((2u32 << 20).to_be_bytes());
    raw.extend(vec![1; 2 << 20]);
    for n in 0..20_000 {
        raw.extend(packet(&UserID::from(format!("{n} <{n}@evil.example>")).into()));
    }
    assert!(raw.len() > 4 << 20, "{}", raw.len());
    let began = std::time::Instant::now();
    let facts = one(&raw);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(facts.bytes, one(&octets(&cert)).bytes, "as if nothing had been hung on it");
    assert!(facts.usable_for_encryption && facts.usable_for_signing);
}

#[test]
fn thinning_takes_nothing_of_an_honest_certificate() {
    let first = person("first");
    let cert = certify(&person("a <a@corp.example>"), &first, HashAlgorithm::SHA512);
    let revoked = revoke(&cert, ReasonForRevocation::KeyRetired);
    for cert in [cert, revoked] {
        let whole = octets(&cert);
        assert_eq!(thin::thin(&whole, &[first.fingerprint().to_hex()]), whole);
    }
    for junk in [&b""[..], b"no certificate", &[0xD1, 1, 1], &[0x99]] {
        assert_eq!(thin::thin(junk, &[]), junk);
    }
}

#[test]
fn a_mailed_copy_revokes_and_adds_nothing_else() {
    let cert = person("a <a@corp.example>");
    let mut pair = cert.primary_key().key().clone().parts_into_secret().unwrap().into_keypair().unwrap();
    let id = UserID::from("a <a@new.example>");
    let builder = SignatureBuilder::new(SignatureType::PositiveCertification)
        .set_signature_creation_time(system_time(now()))
        .unwrap();
    let binding = id.bind(&mut pair, &cert, builder).unwrap();
    let more = cert.clone().insert_packets(vec![Packet::from(id), binding.into()]).unwrap().0;
    let known = one(&octets(&cert)).bytes;
    let copy = |cert: &Cert| one(&octets(cert)).bytes;
    assert_eq!(with_revocations(&known, &copy(&cert)).unwrap(), None);
    assert_eq!(with_revocations(&known, &copy(&more)).unwrap(), None, "a user ID waits for an import");
    let revoked = revoke(&more, ReasonForRevocation::KeyCompromised);
    let merged = with_revocations(&known, &copy(&revoked)).unwrap().expect("a revocation");
    let later = now() + jiff::SignedDuration::from_secs(60);
    let facts = describe(&merged, later).unwrap().remove(0);
    assert!(facts.revoked);
    assert_eq!(facts.addresses, [Address::parse("a@corp.example").unwrap()], "the new user ID is not taken");
    assert_eq!(with_revocations(&facts.bytes, &copy(&revoked)).unwrap(), None, "it is news once");
    // A revocation by somebody else revokes nothing.
    let stranger = person("x <x@evil.example>");
    let mut foreign = stranger.primary_key().key().clone().parts_into_secret().unwrap().into_keypair().unwrap();
    let builder = CertRevocationBuilder::new().set_reason_for_revocation(ReasonForRevocation::KeyRetired, b"");
    let builder = builder.unwrap().set_signature_creation_time(system_time(now())).unwrap();
    let forged = builder.build(&mut foreign, &cert, HashAlgorithm::SHA512).unwrap();
    let forged = cert.clone().insert_packets(forged).unwrap().0;
    assert_eq!(with_revocations(&known, &copy(&forged)).unwrap(), None);
}

#[test]
fn an_introducer_takes_its_word_back() {
    let (cert, first) = (person("a <a@corp.example>"), person("first"));
    let signed = certify(&cert, &first, HashAlgorithm::SHA512);
    let mut signer = first.primary_key().key().clone().parts_into_secret().unwrap().into_keypair().unwrap();
    let id = signed.userids().next().unwrap().userid().clone();
    let at = system_time(now()) + Duration::from_secs(10);
    let builder = SignatureBuilder::new(SignatureType::CertificationRevocation).set_hash_algo(HashAlgorithm::SHA512);
    let builder = builder.set_signature_creation_time(at).unwrap();
    let builder = builder.set_reason_for_revocation(ReasonForRevocation::UIDRetired, b"").unwrap();
    let withdrawn = builder.sign_userid_binding(&mut signer, signed.primary_key().key(), &id).unwrap();
    let withdrawn = signed.clone().insert_packets(vec![Packet::from(id), withdrawn.into()]).unwrap().0;
    let introducers = [first.fingerprint().to_hex()];
    let later = now() + jiff::SignedDuration::from_secs(60);
    let address = Address::parse("a@corp.example").unwrap();
    let kept = |cert: &Cert| describe_keeping(&octets(cert), &introducers, later).unwrap().remove(0).bytes;
    let is_certified = |octets: &[u8]| certified_by(octets, &address, &[self::octets(&first)], later);
    assert!(is_certified(&kept(&signed)));
    assert!(!is_certified(&kept(&withdrawn)));
    assert!(!is_certified(&merge(&kept(&signed), &kept(&withdrawn)).unwrap()));
}

#[test]
fn the_end_is_that_of_the_primary_key_or_of_the_last_subkey() {
    let day = Duration::from_secs(86_400);
    let days = |days: u64| Some(now() + jiff::SignedDuration::from_hours(24 * (days as i64 - 1)));
    let made = |primary: Option<u64>, signing: &[Option<u64>], encrypting: &[Option<u64>]| {
        let mut builder = CertBuilder::new().set_cipher_suite(CipherSuite::Cv25519).add_userid("a <a@corp.example>");
        builder = builder.set_creation_time(system_time(now()) - day);
        builder = builder.set_validity_period(primary.map(|days| day * days as u32));
        for (flags, ends) in
            [(KeyFlags::empty().set_signing(), signing), (KeyFlags::empty().set_transport_encryption(), encrypting)]
        {
            for end in ends {
                builder = builder.add_subkey(flags.clone(), end.map(|days| day * days as u32), None);
            }
        }
        one(&octets(&builder.generate().unwrap().0)).usable_until
    };
    assert_eq!(made(None, &[None], &[None]), None);
    assert_eq!(made(Some(100), &[None], &[None]), days(100));
    assert_eq!(made(None, &[Some(50)], &[None]), days(50));
    assert_eq!(made(Some(100), &[None], &[Some(20), Some(60)]), days(60), "the last one counts");
    assert_eq!(made(Some(100), &[None], &[Some(20), None]), days(100));
}

#[test]
fn a_document_is_read_for_its_key_blocks_mangled_or_not() {
    let (a, b) = (person("a <a@corp.example>"), person("b <b@corp.example>"));
    let armoured = |cert: &Cert| export_armored(&octets(cert)).unwrap();
    let mangled = armoured(&a).replace("-----", "\u{2014}\u{2013}");
    let one_byte = |text: &str| -> Vec<u8> {
        text.chars()
            .map(|c| match c {
                '\u{2013}' => 0x96,
                '\u{2014}' => 0x97,
                c => c as u8,
            })
            .collect()
    };
    let fingerprints = |octets: &[u8]| -> Vec<String> {
        let found = describe_document(octets, &[], now()).unwrap_or_default();
        found.into_iter().map(|facts| facts.fingerprint).collect()
    };
    let of = |cert: &Cert| cert.fingerprint().to_hex();
    let prose = format!("RFC 2350\n\n2.8 Our key:\n\n{mangled}\n3. Charter\n");
    assert_eq!(fingerprints(prose.as_bytes()), [of(&a)]);
    assert_eq!(fingerprints(mangled.as_bytes()), [of(&a)], "nothing before it");
    assert_eq!(fingerprints(&one_byte(&prose)), [of(&a)], "windows-1252");
    let both = format!("{}\n{prose}", armoured(&b));
    assert_eq!(fingerprints(both.as_bytes()), [of(&b), of(&a)], "an intact one does not hide a mangled one");
    assert_eq!(fingerprints(&octets(&a)), [of(&a)], "binary");
    assert!(describe_document(b"nothing", &[], now()).is_err());
}
