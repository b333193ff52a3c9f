//! Files that were encrypted or signed one by one and attached (`log.txt.gpg`, `report.asc`, `log.txt.sig`).
//!
//! What such a file holds stands beside it as a further attachment and is nothing else: it joins no
//! text, and it says nothing of the mail around it (T23, T29). The file itself is kept. What was proven
//! stands on the file alone, in a verdict of its own: of a detached signature, on the file that it signs.
//! Hostile data: everything. Failure: none; a file that does not open stays as it came, and its verdict
//! says why. Nothing is given out whose integrity was not shown. Limits: 20 files a mail, 100 MiB together.

use super::entity::{Body, Part};
use super::envelope::ascii;
use crate::edge::openpgp::armor;
use crate::edge::openpgp::open::{self, Decryption, Ring, SignatureFact};
use crate::rules::verdict::{Authenticated, FileVerdict, Signature};
use jiff::Timestamp;
use std::borrow::Cow;

pub(super) const FILES: usize = 20;
pub(super) const OCTETS: usize = 100 << 20;

const ENDINGS: [&str; 3] = [".pgp", ".gpg", ".asc"];
/// Of signatures that stand beside what they sign.
const BESIDE: [&str; 5] = [".sig", ".asc", ".sign", ".gpg", ".pgp"];
const CLEARTEXT: &[u8] = b"-----BEGIN PGP SIGNED MESSAGE-----";

/// Whether an attachment is an OpenPGP message, by its packets. What is only signed counts where the
/// name says so too: many a picture begins like a packet.
pub(super) fn is_sealed(part: &Part) -> bool {
    let Body::Leaf { bytes, .. } = &part.body else { return false };
    let is_text = part.media_type.starts_with("text/");
    let typed = matches!(part.media_type.as_str(), "application/octet-stream" | "application/pgp-encrypted");
    let named = part.name.as_deref().is_some_and(|name| stem(name, &ENDINGS).is_some());
    if !(named || typed) || (is_text && part.disposition != "attachment") {
        return false;
    }
    let start = bytes.trim_ascii_start();
    let is_armoured = start.starts_with(b"-----BEGIN PGP MESSAGE-----");
    let is_binary = bytes.first().is_some_and(|first| first & 0x80 != 0);
    (named && start.starts_with(CLEARTEXT))
        || (is_armoured || is_binary) && (open::recipients(bytes).is_some() || named && open::is_in_the_clear(bytes))
}

/// The file inside, and how it came out.
pub(super) fn unseal(part: &Part, ring: &Ring, now: Timestamp) -> (Option<Part>, Decryption) {
    let Body::Leaf { bytes, .. } = &part.body else { return (None, Decryption::default()) };
    let mut opened = match bytes.trim_ascii_start().starts_with(CLEARTEXT) {
        true => cleartext(bytes, ring, now),
        false => open::decrypt(bytes, ring, now),
    };
    let verdict = verdict(&opened);
    let inside = opened.plaintext.take().map(|bytes| Part {
        // What it is, only its reader can tell.
        media_type: "application/octet-stream".to_owned(),
        disposition: "attachment".to_owned(),
        name: Some(inner_name(part.name.as_deref().unwrap_or(""))),
        body: Body::Leaf { bytes, text: None },
        verdict: Some(verdict),
        ..Part::default()
    });
    (inside, opened)
}

/// A cleartext-signed file: the whole of it, or nothing is said to be signed (T31).
fn cleartext(bytes: &[u8], ring: &Ring, now: Timestamp) -> Decryption {
    let text = ascii(bytes);
    let is_blank = |text: Option<&str>| text.is_some_and(|text| text.trim().is_empty());
    let block = armor::find(&text).into_iter().next().filter(|block| {
        block.complete && is_blank(text.get(..block.span.start)) && is_blank(text.get(block.span.end..))
    });
    let octets = block.and_then(|block| bytes.get(block.span));
    match octets.and_then(|octets| open::verify_cleartext(octets, ring, now)) {
        Some((content, signatures)) => Decryption { plaintext: Some(content), signatures, ..Decryption::default() },
        None => Decryption { signatures: vec![SignatureFact::malformed()], ..Decryption::default() },
    }
}

/// What opening a file proved about it.
pub(super) fn verdict(opened: &Decryption) -> FileVerdict {
    FileVerdict {
        encryption: opened.encryption,
        encryption_problem: opened.problem,
        ..of_signatures(&opened.signatures)
    }
}

fn of_signatures(facts: &[SignatureFact]) -> FileVerdict {
    let rung = |fact: &SignatureFact| match fact.state {
        Signature::Good if fact.confirmed || !fact.certified.is_empty() => Authenticated::Full,
        Signature::Good => Authenticated::Marginal,
        _ => Authenticated::None,
    };
    let Some(fact) = facts.iter().max_by_key(|fact| (fact.state.weight(), rung(fact))) else {
        return FileVerdict::default();
    };
    // An introducer speaks for the addresses that it certified, and for no other.
    let introduced = !fact.confirmed && !fact.certified.is_empty();
    let addresses = if introduced { &fact.certified } else { &fact.addresses };
    FileVerdict {
        signature: fact.state,
        signature_problem: fact.problem,
        signer: fact.signer.clone(),
        signer_addresses: addresses.iter().map(|address| address.as_str().to_owned()).collect(),
        authenticated: rung(fact),
        ..FileVerdict::default()
    }
}

/// Verifies the detached signatures among files that lie side by side: `log.txt.sig` over `log.txt`.
/// At most `most` files; gives how many there were.
pub(super) fn verify_beside(files: &mut [Part], ring: &Ring, now: Timestamp, most: usize) -> usize {
    let signatures: Vec<(String, Vec<u8>)> = files.iter().filter_map(signature_file).collect();
    let mut verified = 0;
    for file in files.iter_mut() {
        let Some(name) = &file.name else { continue };
        let is_of = |(of, _): &&(String, Vec<u8>)| of.eq_ignore_ascii_case(name);
        let Some(content) = content(file) else { continue };
        let facts: Vec<SignatureFact> = signatures
            .iter()
            .filter(is_of)
            .take(most.saturating_sub(verified))
            .inspect(|_| verified += 1)
            .flat_map(|(_, signature)| verify_file(file, content, signature, ring, now))
            .collect();
        if !facts.is_empty() {
            file.verdict = Some(of_signatures(&facts));
        }
    }
    verified
}

/// A file that is a detached signature: the name of the file that it signs, and its octets.
fn signature_file(part: &Part) -> Option<(String, Vec<u8>)> {
    let name = stem(part.name.as_deref()?, &BESIDE).filter(|name| !name.is_empty())?;
    let bytes = content(part).filter(|bytes| open::is_detached_signature(bytes))?;
    Some((name.to_owned(), bytes.to_vec()))
}

fn content(part: &Part) -> Option<&[u8]> {
    match &part.body {
        Body::Leaf { bytes, .. } => Some(bytes),
        Body::Message { raw, .. } => Some(raw),
        Body::Multi(_) => None,
    }
}

/// Over the octets of the file; a text was perhaps signed with other line ends than those of mail.
fn verify_file(part: &Part, content: &[u8], signature: &[u8], ring: &Ring, now: Timestamp) -> Vec<SignatureFact> {
    let facts = open::verify_detached(content, signature, ring, now);
    let is_text = part.media_type.starts_with("text/");
    if !is_text || facts.iter().any(|fact| fact.state != Signature::Bad) {
        return facts;
    }
    let as_written = open::verify_detached(&line_feeds(content), signature, ring, now);
    if as_written.iter().any(|fact| fact.state != Signature::Bad) { as_written } else { facts }
}

fn line_feeds(content: &[u8]) -> Cow<'_, [u8]> {
    if !content.windows(2).any(|pair| pair == b"\r\n") {
        return Cow::Borrowed(content);
    }
    let mut out = Vec::with_capacity(content.len());
    for (at, octet) in content.iter().enumerate() {
        if *octet != b'\r' || content.get(at + 1) != Some(&b'\n') {
            out.push(*octet);
        }
    }
    Cow::Owned(out)
}

/// The name without the ending that the tools add.
fn stem<'n>(name: &'n str, endings: &[&str]) -> Option<&'n str> {
    let (stem, ending) = (name.get(..name.rfind('.')?)?, name.get(name.rfind('.')?..)?);
    endings.iter().any(|known| ending.eq_ignore_ascii_case(known)).then_some(stem)
}

/// What the file inside is called; never as the one around it.
fn inner_name(name: &str) -> String {
    match stem(name, &ENDINGS).filter(|stem| !stem.is_empty()) {
        Some(stem) => stem.to_owned(),
        None => format!("{name}.opened"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::openpgp::fixtures::*;
    use crate::rules::verdict::{Encryption, EncryptionProblem};

    fn file(name: &str, media_type: &str, bytes: Vec<u8>) -> Part {
        Part {
            name: Some(name.to_owned()),
            media_type: media_type.to_owned(),
            disposition: "attachment".to_owned(),
            body: Body::Leaf { bytes, text: None },
            ..Part::default()
        }
    }

    #[test]
    fn the_ending_of_the_tool_goes_and_no_name_is_used_twice() {
        for (name, inner) in [
            ("a.txt.gpg", "a.txt"),
            ("a.PGP", "a"),
            ("a.asc", "a"),
            (".gpg", ".gpg.opened"),
            ("data.bin", "data.bin.opened"),
            ("é.gp", "é.gp.opened"),
            ("", ".opened"),
        ] {
            assert_eq!(inner_name(name), inner);
        }
    }

    #[test]
    fn a_file_is_sealed_by_its_packets_and_not_by_its_name() {
        let world = World::new();
        let cipher = encrypted(&world.team, &Content::Literal(b"text"));
        let octets = "application/octet-stream";
        assert!(is_sealed(&file("x", octets, cipher.clone())));
        assert!(is_sealed(&file("x.gpg", "application/x-whatever", cipher.clone())));
        assert!(!is_sealed(&file("x.png", "image/png", cipher.clone())));
        assert!(!is_sealed(&Part { disposition: String::new(), ..file("x.asc", "text/plain", cipher.clone()) }));
        for other in
            [b"text".to_vec(), b"\x89PNG\r\n\x1a\n".to_vec(), b"\xff\xd8\xff\xe0".to_vec(), secret(&world.team)]
        {
            assert!(!is_sealed(&file("x.gpg", octets, other)));
        }
        let detached = detached(&world.reporter, b"text", now());
        assert!(!is_sealed(&file("x.asc", octets, detached)), "a detached signature holds no file");
        let (inside, _) = world.with_ring(|ring| unseal(&file("x.gpg", octets, cipher.clone()), ring, now()));
        let Some(Part { name, body: Body::Leaf { bytes, text }, .. }) = inside else { panic!("not opened") };
        assert_eq!((name.as_deref(), bytes.as_slice(), text), (Some("x"), &b"text"[..], None));
        let mut changed = cipher;
        *changed.last_mut().unwrap() ^= 1;
        let (inside, opened) = world.with_ring(|ring| unseal(&file("x.gpg", octets, changed), ring, now()));
        assert!(inside.is_none() && opened.plaintext.is_none());
    }

    #[test]
    fn a_signature_beside_a_file_speaks_for_that_file_alone() {
        let world = World::new();
        let content = b"one\r\ntwo\r\n";
        let signature = |over: &[u8]| detached(&world.reporter, over, now());
        let octets = "application/octet-stream";
        let verified = |media_type: &str, name: &str, signature_name: &str, signature: Vec<u8>| {
            let mut files = vec![
                file(name, media_type, content.to_vec()),
                file(signature_name, octets, signature),
                file("other.bin", octets, content.to_vec()),
            ];
            world.with_ring(|ring| verify_beside(&mut files, ring, now(), FILES));
            assert!(files[1].verdict.is_none() && files[2].verdict.is_none());
            files.remove(0).verdict
        };
        let good = verified(octets, "a.bin", "a.bin.sig", signature(content)).unwrap();
        assert_eq!(
            (good.encryption, good.signature, good.signature_problem),
            (Encryption::None, Signature::Good, None)
        );
        assert_eq!(
            (good.signer, good.signer_addresses),
            (Some(world.reporter.fingerprint().to_hex()), vec!["a@corp.example".to_owned()])
        );
        assert_eq!(good.authenticated, Authenticated::Marginal);
        for name in ["a.bin.asc", "A.BIN.SIG", "a.bin.sign", "a.bin.gpg"] {
            let verdict = verified(octets, "a.bin", name, signature(content)).unwrap();
            assert_eq!(verdict.signature, Signature::Good, "{name}");
        }
        assert_eq!(verified(octets, "a.bin", "a.bin.sig", signature(b"x")).unwrap().signature, Signature::Bad);
        assert_eq!(verified(octets, "a.bin", "b.bin.sig", signature(content)), None);
        assert_eq!(verified(octets, "a.bin", "a.bin.sig", b"no signature".to_vec()), None);
        let stranger = verified(octets, "a.bin", "a.bin.sig", detached(&world.stranger, content, now())).unwrap();
        assert_eq!((stranger.signature, stranger.signer_addresses.len()), (Signature::UnknownKey, 0));
        // Mail has other line ends than the disk on which a text was signed; other files have none.
        let on_disk = || signature(b"one\ntwo\n");
        assert_eq!(verified("text/plain", "a.txt", "a.txt.sig", on_disk()).unwrap().signature, Signature::Good);
        assert_eq!(verified(octets, "a.bin", "a.bin.sig", on_disk()).unwrap().signature, Signature::Bad);
    }

    #[test]
    fn why_a_file_does_not_open_stands_on_the_file() {
        let world = World::new();
        let verdict_on = |octets: Vec<u8>| {
            let sealed = file("log.txt.gpg", "application/octet-stream", octets);
            assert!(is_sealed(&sealed));
            let (inside, opened) = world.with_ring(|ring| unseal(&sealed, ring, now()));
            let verdict = verdict(&opened);
            assert_eq!(inside.map(|part| part.verdict), opened_file(&verdict).then(|| Some(verdict.clone())));
            (verdict.encryption, verdict.encryption_problem, verdict.signature)
        };
        fn opened_file(verdict: &FileVerdict) -> bool {
            verdict.encryption != Encryption::Failed && verdict.signature_problem.is_none()
        }
        let failed = |problem| (Encryption::Failed, Some(problem), Signature::None);
        assert_eq!(verdict_on(world.sealed(b"x")), (Encryption::Decrypted, None, Signature::Good));
        let foreign = encrypted(&world.stranger, &Content::Literal(b"x"));
        assert_eq!(verdict_on(foreign), failed(EncryptionProblem::NoKey));
        let mut changed = world.sealed(b"x");
        *changed.last_mut().unwrap() ^= 1;
        assert_eq!(verdict_on(changed), failed(EncryptionProblem::Tampered));
        let broken = b"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\nx\n-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----\nmore\n";
        let (encryption, _, signature) = verdict_on(broken.to_vec());
        assert_eq!((encryption, signature), (Encryption::None, Signature::Bad));
    }
}
