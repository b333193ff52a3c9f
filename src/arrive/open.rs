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
    let mut tree = layers.unwrap(raw, parsed.root);
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
    let (facts, covers) = match layers.whole.as_slice() {
        [] => (layers.parts.as_slice(), Covers::Part),
        whole => (whole, Covers::Whole),
    };
    let mut verdict =
        Verdict { encryption: layers.encryption, encryption_problem: layers.encryption_problem, ..Verdict::default() };
    let bound = |fact: &SignatureFact| from.is_some_and(|from| fact.addresses.contains(from));
    let Some(fact) = facts.iter().max_by_key(|fact| (weight(fact.state), bound(fact), rung(fact, from))) else {
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

/// Which of several signatures is told first: a good one names its own signer only, whatever stands
/// beside it (T33); of the others the one that says most.
fn weight(state: Signature) -> u8 {
    match state {
        Signature::Good => 6,
        Signature::RevokedKey => 5,
        Signature::ExpiredKey => 4,
        Signature::Weak => 3,
        Signature::Bad => 2,
        Signature::UnknownKey => 1,
        Signature::None => 0,
    }
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
