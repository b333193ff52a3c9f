//! Opening a mail: decryption, verification, the header fields that count, and the verdict.
//!
//! Hostile data: everything. Failure: none; what could not be opened is in the verdict, what is odd
//! in the problems (law 4). The verdict says no more than was proven (law 6).

use super::entity::{Body, Part, parse};
use super::envelope::Layers;
use super::header::{self, note};
use super::outer;
use crate::edge::openpgp::open::{Ring, SignatureFact};
use crate::rules::address::Address;
use crate::rules::report::{MailedCertificate, Outer, Problem};
use crate::rules::untrusted::Untrusted;
use crate::rules::verdict::{Authenticated, Covers, Signature, SignatureProblem, Verdict};
use jiff::{SignedDuration, Timestamp};

/// A mail after decryption and verification.
#[derive(Debug, Clone, Default)]
pub struct Opened {
    pub verdict: Verdict,
    pub outer: Outer,
    /// The tree whose text and attachments count: the decrypted one where there is one.
    pub tree: Part,
    /// The header fields that count: the protected ones where there are such.
    pub headers: Vec<(String, String)>,
    pub outer_headers: Vec<(String, String)>,
    pub subject: String,
    pub from: Option<Address>,
    pub from_name: Untrusted,
    pub from_disputed: bool,
    /// See `Report::headers_protected`.
    pub headers_protected: bool,
    /// See `Report::signatures`.
    pub signatures: Vec<String>,
    pub certificates: Vec<MailedCertificate>,
    pub problems: Vec<Problem>,
}

/// A signature older than this at receipt, or this far from the date of the mail, may be a replay (A5.9).
const FRESH: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Opens a mail. `own` are the team's addresses, `received_at` is when the mail came.
pub fn open(raw: &[u8], ring: &Ring, own: &[Address], now: Timestamp, received_at: Timestamp) -> Opened {
    let parsed = parse(raw);
    let outer = outer::outer(&parsed.root, ring);
    let outer_headers = parsed.root.headers.clone();
    let mut certificates = outer::certificates(&parsed.root, true, ring, own, now);
    let mut layers = Layers::new(ring, now);
    parsed.problems.iter().for_each(|problem| note(&mut layers.problems, *problem));
    let mut tree = layers.peel(raw, parsed.root);
    if layers.deciphered {
        for inner in outer::certificates(&tree, false, ring, own, now) {
            if !certificates.iter().any(|known| known.bytes == inner.bytes) {
                certificates.push(inner);
            }
        }
    }
    // A whole mail wrapped for its header fields (RFC 8551, 3.1), as some old clients do.
    let is_wrapped = tree.media_type == "message/rfc822"
        && tree.param("forwarded").is_some_and(|value| value.eq_ignore_ascii_case("no"));
    if let (true, Body::Message { mail, .. }) = (is_wrapped, &mut tree.body) {
        tree = std::mem::take(mail);
    }
    let is_proven = layers.deciphered || layers.whole.iter().any(|fact| fact.state == Signature::Good);
    let protection = match is_proven {
        true if is_wrapped => Protection::Subject,
        true => protection(&tree, layers.deciphered),
        false => Protection::None,
    };
    let headers = match protection {
        Protection::Whole => protected_fields(&tree, &outer_headers),
        _ => outer_headers.clone(),
    };
    if protection == Protection::Whole && differ(&tree, &outer_headers, layers.deciphered) {
        note(&mut layers.problems, Problem::OuterHeadersChanged);
    }
    let protected_subject = tree.header("Subject").filter(|_| protection != Protection::None);
    let subject = protected_subject.or(first(&outer_headers, "Subject")).unwrap_or("").to_owned();
    let sender = sender(&headers, &outer, protection, &layers.whole);
    if sender.disputed {
        note(&mut layers.problems, Problem::FromDisputed);
    }
    if sender.address.is_none() {
        note(&mut layers.problems, Problem::NoFrom);
    }
    let subject_protected = protected_subject.is_some();
    let date = first(&headers, "Date").and_then(header::date);
    let verdict = Verdict { subject_protected, ..verdict(&layers, sender.address.as_ref(), received_at, date) };
    drop_legacy_display(&mut tree);
    Opened {
        verdict,
        outer,
        tree,
        headers,
        outer_headers,
        subject,
        from: sender.address,
        from_name: sender.name,
        from_disputed: sender.disputed,
        headers_protected: protection == Protection::Whole,
        signatures: layers.whole.iter().filter_map(|fact| fact.digest.clone()).collect(),
        certificates,
        problems: layers.problems,
    }
}

/// How far the header fields of the payload count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protection {
    None,
    /// `protected-headers="v1"`, or the mail was wrapped whole: the subject alone (A6.7).
    Subject,
    /// RFC 9788: every field that is not structural.
    Whole,
}

/// What the root of the payload claims, as far as what was really done to the mail bears it out.
fn protection(payload: &Part, deciphered: bool) -> Protection {
    match (payload.param("hp"), payload.param("protected-headers")) {
        (Some(hp), _) if hp.eq_ignore_ascii_case("clear") => Protection::Whole,
        (Some(hp), _) if hp.eq_ignore_ascii_case("cipher") && deciphered => Protection::Whole,
        (_, Some(version)) if version.eq_ignore_ascii_case("v1") => Protection::Subject,
        _ => Protection::None,
    }
}

/// The fields of the payload; of the outer ones none but those that no sender writes (RFC 9788, 4.3).
fn protected_fields(payload: &Part, outer: &[(String, String)]) -> Vec<(String, String)> {
    let trace = ["return-path", "delivered-to", "received", "authentication-results"];
    let is_trace = |name: &str| trace.contains(&name.to_ascii_lowercase().as_str());
    let kept = outer.iter().filter(|(name, _)| is_trace(name));
    let inner = payload.headers.iter().filter(|(name, _)| !is_trace(name) && !name.eq_ignore_ascii_case("HP-Outer"));
    kept.chain(inner).cloned().collect()
}

/// Whether the outer fields are not those that the sender put there (RFC 9788, 4.2).
fn differ(payload: &Part, outer: &[(String, String)], deciphered: bool) -> bool {
    const COMPARED: [&str; 9] =
        ["subject", "from", "to", "cc", "reply-to", "date", "message-id", "in-reply-to", "references"];
    let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let said: Vec<(&str, &str)> = if deciphered {
        let noted = payload.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("HP-Outer"));
        noted.filter_map(|(_, field)| field.split_once(':')).collect()
    } else {
        payload.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    };
    COMPARED.iter().any(|name| {
        let meant: Vec<String> = said
            .iter()
            .filter(|(said, _)| said.trim().eq_ignore_ascii_case(name))
            .map(|(_, value)| plain(value))
            .collect();
        let found: Vec<String> =
            outer.iter().filter(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| plain(value)).collect();
        meant != found
    })
}

fn first<'h>(headers: &'h [(String, String)], name: &str) -> Option<&'h str> {
    headers.iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

struct Sender {
    address: Option<Address>,
    name: Untrusted,
    disputed: bool,
}

/// Who the mail is from: the protected From where it is the outer one or a good signature is bound
/// to it, else the outer one (A6.5).
fn sender(headers: &[(String, String)], outer: &Outer, protection: Protection, facts: &[SignatureFact]) -> Sender {
    let as_outer = |disputed| Sender { address: outer.from.clone(), name: outer.from_name.clone(), disputed };
    if protection != Protection::Whole || first(headers, "From").is_none() {
        return as_outer(false);
    }
    let (name, address) = outer::from(headers);
    let is_bound = |address: &Address| facts.iter().any(|fact| fact.addresses.contains(address));
    if address == outer.from || address.as_ref().is_some_and(is_bound) {
        return Sender { address, name, disputed: false };
    }
    as_outer(true)
}

/// What the signatures and layers amount to. `date` is what the mail says of when it was written.
fn verdict(layers: &Layers, from: Option<&Address>, received_at: Timestamp, date: Option<Timestamp>) -> Verdict {
    let telling = |facts: &Vec<SignatureFact>| facts.iter().map(|fact| fact.state.weight()).max();
    let (facts, covers) = match layers.whole.as_slice() {
        // Of several parts the one that proves least: a good one must not hide that another is forged.
        [] => (layers.parts.iter().min_by_key(|part| telling(part)).map_or(&[][..], Vec::as_slice), Covers::Part),
        whole => (whole, Covers::Whole),
    };
    let mut verdict =
        Verdict { encryption: layers.encryption, encryption_problem: layers.encryption_problem, ..Verdict::default() };
    let bound = |fact: &SignatureFact| from.is_some_and(|from| fact.addresses.contains(from));
    let Some(fact) = facts.iter().max_by_key(|fact| (fact.state.weight(), bound(fact), rung(fact, from))) else {
        return verdict;
    };
    verdict.signature = fact.state;
    verdict.signature_problem = fact.problem;
    verdict.signer = fact.signer.clone();
    if fact.state != Signature::Good {
        return verdict;
    }
    verdict.covers = covers;
    verdict.authenticated = rung(fact, from);
    verdict.signed_by_sender = covers == Covers::Whole && bound(fact);
    let is_old = fact.made_at.is_some_and(|made_at| {
        received_at.duration_since(made_at) > FRESH
            || date.is_some_and(|date| date.duration_since(made_at).abs() > FRESH)
    });
    verdict.signature_problem = match (covers, is_old) {
        (_, true) => Some(SignatureProblem::Old),
        (Covers::Part, false) => Some(SignatureProblem::Partial),
        _ => None,
    };
    verdict
}

fn rung(fact: &SignatureFact, from: Option<&Address>) -> Authenticated {
    let certified = from.is_some_and(|from| fact.certified.contains(from));
    match fact.state {
        Signature::Good if fact.confirmed || certified => Authenticated::Full,
        Signature::Good => Authenticated::Marginal,
        _ => Authenticated::None,
    }
}

/// Takes away what stands in the text only to show protected fields to old readers: the legacy part
/// of `protected-headers="v1"`, and the block at the head of a text with `hp-legacy-display="1"`
/// (RFC 9788, 5.2). The fields themselves are kept, and the raw mail is.
fn drop_legacy_display(payload: &mut Part) {
    let is_protected = payload.param("protected-headers").is_some();
    if let Body::Multi(parts) = &mut payload.body
        && is_protected
        && parts.len() > 1
    {
        let is_legacy = parts.first().is_some_and(|part| {
            part.media_type == "text/rfc822-headers"
                || (part.media_type == "text/plain" && part.param("protected-headers").is_some())
        });
        if is_legacy {
            parts.remove(0);
        }
    }
    drop_legacy_block(payload, 0);
}

fn drop_legacy_block(part: &mut Part, depth: usize) {
    let is_marked = part.param("hp-legacy-display") == Some("1") && part.media_type == "text/plain";
    match &mut part.body {
        Body::Multi(parts) if depth < 32 => parts.iter_mut().for_each(|part| drop_legacy_block(part, depth + 1)),
        Body::Leaf { text: Some(text), .. } if is_marked => {
            let mut at = 0;
            for line in text.split_inclusive('\n') {
                at += line.len();
                if line.trim().is_empty() {
                    *text = text.get(at..).unwrap_or_default().to_owned();
                    return;
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::openpgp::fixtures::*;
    use crate::rules::verdict::{Encryption, EncryptionProblem};
    use base64::Engine;
    use proptest::prelude::*;

    fn opened_by(world: &World, raw: &str) -> Opened {
        world.with_ring(|ring| open(raw.as_bytes(), ring, &[], now(), now()))
    }

    fn opened(raw: &str) -> Opened {
        opened_by(&World::new(), raw)
    }

    fn armoured(octets: &[u8]) -> String {
        let text = base64::engine::general_purpose::STANDARD.encode(octets);
        let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        format!("-----BEGIN PGP MESSAGE-----\r\n\r\n{}\r\n-----END PGP MESSAGE-----\r\n", lines.join("\r\n"))
    }

    fn encrypted_entity(octets: &[u8]) -> String {
        format!(
            "Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=e\r\n\r\n--e\r\n\
             Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n\r\n--e\r\n\
             Content-Type: application/octet-stream\r\n\r\n{}\r\n--e--\r\n",
            armoured(octets)
        )
    }

    fn signed_entity(world: &World, content: &str, extra: &str) -> String {
        let signature = armoured(&detached(&world.reporter, content.as_bytes(), now())).replace("MESSAGE", "SIGNATURE");
        format!(
            "Content-Type: multipart/signed; protocol=\"application/pgp-signature\"; boundary=s{extra}\r\n\r\n--s\r\n\
             {content}\r\n--s\r\nContent-Type: application/pgp-signature\r\n\r\n{signature}\r\n--s--\r\n"
        )
    }

    fn text(part: &Part) -> String {
        match &part.body {
            Body::Leaf { text, .. } => text.clone().unwrap_or_default(),
            Body::Multi(parts) => parts.iter().map(text).collect(),
            Body::Message { .. } => String::new(),
        }
    }

    const HEAD: &str = "From: A <a@corp.example>\r\nTo: team@example.org, b@x.example\r\nCc: (c) c@x.example\r\n\
        Subject: hello\r\nIn-Reply-To: <1@x.example>\r\nReferences: <0@x.example> <1@x.example>\r\n";

    #[test]
    fn a_plain_mail_proves_nothing_and_shows_its_outside() {
        let mail = opened(&format!(
            "{HEAD}Content-Type: multipart/report; report-type=Delivery-Status; boundary=b\r\n\r\n--b\r\n\r\nhi\r\n--b--\r\n"
        ));
        assert_eq!(mail.verdict, Verdict::default());
        let outer = &mail.outer;
        assert_eq!((outer.subject.raw(), mail.subject.as_str()), ("hello", "hello"));
        assert_eq!((outer.from.clone(), mail.from_name.raw()), (Address::parse("a@corp.example"), "A"));
        assert_eq!((outer.to.len(), outer.cc.len(), outer.in_reply_to.len(), outer.references.len()), (2, 1, 1, 2));
        assert_eq!(
            (outer.media_type.as_str(), outer.report_type.as_deref()),
            ("multipart/report", Some("delivery-status"))
        );
        assert_eq!(outer.part_types, ["multipart/report", "text/plain"]);
        assert_eq!((outer.has_ciphertext, outer.names_our_key, outer.clear_text.raw().trim()), (false, false, "hi"));
        assert!(mail.problems.is_empty(), "{:?}", mail.problems);
        assert_eq!(opened("").verdict, Verdict::default());
        assert!(opened("").problems.contains(&Problem::Empty));
    }

    #[test]
    fn two_from_fields_are_nobody_s() {
        let world = World::new();
        let content = "Content-Type: text/plain\r\n\r\nhi";
        let once = format!("{HEAD}{}", signed_entity(&world, content, ""));
        assert!(opened_by(&world, &once).verdict.signed_by_sender);
        for doubled in [format!("From: x@evil.example\r\n{once}"), once.replace("From: A", "From: x@evil.example, A")] {
            let mail = opened_by(&world, &doubled);
            assert_eq!((mail.from, mail.verdict.signature), (None, Signature::Good));
            assert!(!mail.verdict.signed_by_sender && mail.problems.contains(&Problem::NoFrom));
        }
    }

    #[test]
    fn a_structure_in_doubt_is_not_signed() {
        let world = World::new();
        let content = "Content-Type: text/plain\r\n\r\nhi";
        let good = format!("{HEAD}{}", signed_entity(&world, content, ""));
        let nested = "Content-Type: multipart/mixed; boundary=n\r\n\r\n--n\r\n\r\nhi";
        for raw in [
            format!("{HEAD}{}", signed_entity(&world, content, "; boundary=t")),
            format!("Content-Type: text/plain\r\n{good}"),
            good.replace("--s--", ""),
            format!("{HEAD}{}", signed_entity(&world, nested, "")),
            good.replace("application/pgp-signature\"", "application/other\""),
            good.replacen("--s\r\n", "--s\r\n\r\nmore\r\n--s\r\n", 1),
        ] {
            let mail = opened_by(&world, &raw);
            assert_eq!((mail.verdict.signature, mail.verdict.covers), (Signature::None, Covers::None), "{raw}");
            assert!(text(&mail.tree).contains("hi") || mail.tree.media_type == "text/plain", "{raw}");
        }
    }

    #[test]
    fn a_signature_too_old_for_the_mail_is_said_to_be_old() {
        let world = World::new();
        let raw = format!("{HEAD}{}", signed_entity(&world, "Content-Type: text/plain\r\n\r\nhi", ""));
        let at = |raw: &str, received_at: Timestamp| {
            let verdict = world.with_ring(|ring| open(raw.as_bytes(), ring, &[], received_at, received_at).verdict);
            (verdict.signature, verdict.signature_problem)
        };
        let days = |days: i64| now() + SignedDuration::from_hours(24 * days);
        assert_eq!(at(&raw, days(7)), (Signature::Good, None));
        assert_eq!(at(&raw, days(8)), (Signature::Good, Some(SignatureProblem::Old)));
        let redated = format!("Date: Fri, 25 Dec 2026 10:00:00 +0000\r\n{raw}");
        assert_eq!(at(&redated, days(1)), (Signature::Good, Some(SignatureProblem::Old)));
    }

    #[test]
    fn a_good_signature_speaks_for_its_own_signer_whatever_stands_beside_it() {
        let fact = |state, who: &str| SignatureFact {
            state,
            signer: Some(who.to_owned()),
            addresses: if state == Signature::Good { Address::parse(who).into_iter().collect() } else { Vec::new() },
            ..SignatureFact::malformed()
        };
        let fact = |state, who: &str| SignatureFact { problem: None, ..fact(state, who) };
        let world = World::new();
        let told = |facts: Vec<SignatureFact>, from: &str| {
            world.with_ring(|ring| {
                let mut layers = Layers::new(ring, now());
                layers.whole = facts;
                let verdict = verdict(&layers, Address::parse(from).as_ref(), now(), None);
                (verdict.signature, verdict.signer.unwrap_or_default(), verdict.signed_by_sender)
            })
        };
        let (x, y) = ("x@x.example", "y@y.example");
        let three = vec![
            fact(Signature::Bad, "z"),
            fact(Signature::Good, x),
            fact(Signature::Good, y),
            fact(Signature::UnknownKey, "u"),
        ];
        assert_eq!(told(three.clone(), x), (Signature::Good, x.to_owned(), true));
        assert_eq!(told(three.clone(), y), (Signature::Good, y.to_owned(), true));
        assert!(!told(three, "z@z.example").2);
        let two = vec![fact(Signature::UnknownKey, "u"), fact(Signature::Bad, x)];
        assert_eq!(told(two, x), (Signature::Bad, x.to_owned(), false));
    }

    #[test]
    fn smime_is_named_and_not_read() {
        let mail = |header: &str, body: &str| opened(&format!("{HEAD}{header}\r\n\r\n{body}"));
        let enveloped = mail(
            "Content-Type: application/pkcs7-mime; smime-type=enveloped-data\r\nContent-Transfer-Encoding: base64",
            "MIAG",
        );
        assert_eq!(enveloped.verdict.encryption_problem, Some(EncryptionProblem::Unsupported));
        assert!(enveloped.outer.has_ciphertext && enveloped.problems.contains(&Problem::Smime));
        let wrapped = mail("Content-Type: application/pkcs7-mime; smime-type=signed-data", "x");
        assert_eq!((wrapped.verdict.encryption, wrapped.outer.has_ciphertext), (Encryption::None, false));
        let signed = mail(
            "Content-Type: multipart/signed; protocol=\"application/pkcs7-signature\"; boundary=b",
            "--b\r\n\r\nhi\r\n--b\r\nContent-Type: application/pkcs7-signature\r\n\r\nx\r\n--b--\r\n",
        );
        assert_eq!((signed.verdict.signature, text(&signed.tree).as_str()), (Signature::None, "hi"));
        assert!(signed.problems.contains(&Problem::Smime));
    }

    #[test]
    fn a_sealed_file_stands_beside_itself_and_says_nothing_of_the_mail() {
        let world = World::new();
        let content = b"-----BEGIN PGP PUBLIC KEY BLOCK-----\r\n\r\nsecret words";
        let sealed = world.sealed(content);
        let mut tampered = sealed.clone();
        *tampered.last_mut().unwrap() ^= 1;
        let foreign = encrypted(&world.stranger, &Content::Literal(content));
        let attach = |octets: &[u8], name: &str| {
            format!(
                "--m\r\nContent-Type: application/octet-stream; name={name}\r\nContent-Disposition: attachment\r\n\r\n{}\r\n",
                armoured(octets)
            )
        };
        let mail = |parts: &str| {
            let raw =
                format!("{HEAD}Content-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\n\r\nhi\r\n{parts}--m--\r\n");
            opened_by(&world, &raw)
        };
        let names = |mail: &Opened| -> Vec<(String, bool)> {
            let Body::Multi(parts) = &mail.tree.body else { return Vec::new() };
            let holds = |part: &Part| matches!(&part.body, Body::Leaf { bytes, .. } if bytes == content);
            parts.iter().filter_map(|part| Some((part.name.clone()?, holds(part)))).collect()
        };
        let shown = mail(&attach(&sealed, "log.txt.gpg"));
        assert_eq!(names(&shown), [("log.txt.gpg".to_owned(), false), ("log.txt".to_owned(), true)]);
        assert_eq!((shown.verdict.clone(), text(&shown.tree).trim()), (Verdict::default(), "hi"));
        assert!(shown.problems.contains(&Problem::InnerLayer) && shown.certificates.is_empty());
        for (octets, named) in [(&tampered, true), (&foreign, false)] {
            let closed = mail(&attach(octets, "log.txt.gpg"));
            assert_eq!(names(&closed), [("log.txt.gpg".to_owned(), false)]);
            assert_eq!((closed.verdict.clone(), closed.outer.names_our_key), (Verdict::default(), named));
            // What a reply may depend on is the same whether it opened or not.
            assert_eq!((closed.outer.has_ciphertext, closed.outer.clear_text.raw()), (true, ""));
            assert!(shown.outer.has_ciphertext && shown.outer.names_our_key && shown.outer.clear_text.is_blank());
        }
        let many: String = (0..25).map(|nth| attach(&sealed, &format!("{nth}.gpg"))).collect();
        let many = mail(&many);
        assert_eq!(names(&many).iter().filter(|(_, holds)| *holds).count(), 20);
        assert!(many.problems.contains(&Problem::TooLarge));
        let root = opened_by(
            &world,
            &format!("{HEAD}Content-Type: application/octet-stream; name=a.pgp\r\n\r\n{}", armoured(&sealed)),
        );
        assert_eq!(names(&root), [("a.pgp".to_owned(), false), ("a".to_owned(), true)]);
        assert_eq!(root.verdict, Verdict::default());
    }

    #[test]
    fn pgp_mime_out_of_place_is_no_file_and_forwarded_layers_stay_closed() {
        let world = World::new();
        let inner = encrypted_entity(&world.sealed(b"Content-Type: text/plain\r\n\r\nsecret words"));
        let file = format!(
            "Content-Type: multipart/mixed; boundary=f\r\n\r\n--f\r\nContent-Type: application/octet-stream; name=a.gpg\r\n\r\n{}\r\n--f--\r\n",
            armoured(&world.sealed(b"secret words"))
        );
        let holds =
            |part: &Part| format!("{part:?}").contains(&format!("{:?}", b"secret words").replace(['[', ']'], ""));
        for (part, failed) in [
            (inner.clone(), true),
            (format!("Content-Type: message/rfc822\r\n\r\n{HEAD}{inner}"), false),
            (format!("Content-Type: message/rfc822\r\n\r\n{HEAD}{file}"), false),
            (format!("Content-Type: text/html\r\n\r\nbefore\r\n{}", armoured(&world.sealed(b"secret words"))), false),
            (
                inner.replace("multipart/encrypted", "multipart/mixed").replacen(
                    "--e\r\n",
                    "--e\r\n\r\nhi\r\n--e\r\n",
                    1,
                ),
                true,
            ),
        ] {
            let raw = format!(
                "{HEAD}Content-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\nContent-Type: text/html\r\n\r\nhi\r\n\
                 --m\r\n{part}\r\n--m--\r\n"
            );
            let mail = opened_by(&world, &raw);
            assert!(!holds(&mail.tree), "{raw}");
            assert_ne!(mail.verdict.encryption, Encryption::Decrypted);
            assert_eq!(
                (mail.verdict.encryption == Encryption::Failed, mail.verdict.signature),
                (failed, Signature::None)
            );
            assert!(mail.problems.contains(&Problem::InnerLayer), "{raw}");
        }
        // The search would find it.
        let raw = format!("{HEAD}{file}");
        assert!(holds(&opened_by(&world, &raw).tree));
    }

    #[test]
    fn layers_without_end_are_cut() {
        let world = World::new();
        let mut entity = "Content-Type: text/plain\r\n\r\ndeep".to_owned();
        for layer in 1..=9 {
            entity = encrypted_entity(&encrypted(&world.team, &Content::Literal(entity.as_bytes())));
            let mail = opened_by(&world, &format!("{HEAD}{entity}"));
            let expected = if layer <= 8 { Encryption::Decrypted } else { Encryption::Failed };
            assert_eq!(mail.verdict.encryption, expected, "{layer} layers");
            assert_eq!(text(&mail.tree).contains("deep"), layer <= 8, "{layer} layers");
        }
    }

    #[test]
    fn the_text_for_old_readers_is_taken_away() {
        let world = World::new();
        let seen = |entity: &str| {
            let octets = encrypted(&world.team, &Content::Literal(entity.as_bytes()));
            text(&opened_by(&world, &format!("{HEAD}{}", encrypted_entity(&octets))).tree)
        };
        let marked = "Subject: s\r\nContent-Type: text/plain; hp=\"cipher\"; hp-legacy-display=\"1\"\r\n\r\nSubject: s\r\n\r\nbody";
        assert_eq!(seen(marked), "body");
        assert_eq!(seen(&marked.replace("; hp-legacy-display=\"1\"", "")), "Subject: s\r\n\r\nbody");
        let old = "Subject: s\r\nContent-Type: multipart/mixed; protected-headers=\"v1\"; boundary=p\r\n\r\n--p\r\n\
                   Content-Type: text/rfc822-headers; protected-headers=\"v1\"\r\n\r\nSubject: s\r\n--p\r\n\r\nbody\r\n--p--\r\n";
        assert_eq!(seen(old), "body");
    }

    /// Pieces that mails of this kind are made of.
    fn piece() -> impl Strategy<Value = String> {
        let fixed = [
            "Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=b\r\n",
            "Content-Type: multipart/signed; protocol=\"application/pgp-signature\"; boundary=b\r\n",
            "Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n",
            "Content-Type: text/plain; hp=\"cipher\"; protected-headers=\"v1\"\r\n",
            "Content-Type: text/html\r\n\r\n",
            "Content-Type: message/rfc822; forwarded=no\r\n\r\n",
            "Content-Type: application/pkcs7-mime\r\n",
            "Autocrypt: addr=a@corp.example; keydata=AAAA\r\n",
            "HP-Outer: Subject: x\r\n",
            "From: a@corp.example\r\n",
            "\r\n",
            "--b\r\n",
            "--b--\r\n",
            "-----BEGIN PGP MESSAGE-----\r\n\r\nwQAA\r\n-----END PGP MESSAGE-----\r\n",
            "-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: SHA256\r\n\r\nx\r\n",
            "-----BEGIN PGP SIGNATURE-----\r\n\r\nwsAA\r\n-----END PGP SIGNATURE-----\r\n",
            "-----BEGIN PGP PUBLIC KEY BLOCK-----\r\n\r\nxjMEZ\r\n",
        ];
        prop_oneof![4 => prop::sample::select(fixed.to_vec()).prop_map(str::to_owned), 1 => ".{0,40}"]
    }

    proptest! {
        #[test]
        fn whatever_comes_is_opened_without_harm(pieces in prop::collection::vec(piece(), 0..24)) {
            thread_local!(static WORLD: World = World::new());
            let mail = WORLD.with(|world| opened_by(world, &pieces.concat()));
            prop_assert_ne!(mail.verdict.signature, Signature::Good);
            prop_assert_ne!(mail.verdict.encryption, Encryption::Decrypted);
            prop_assert!(!mail.verdict.subject_protected && !mail.verdict.signed_by_sender);
        }
    }
}
