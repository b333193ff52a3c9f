//! The cryptographic layers of a mail (RFC 3156, RFC 9787).
//!
//! The Cryptographic Envelope is the row of layers from the top of the mail down to its first part
//! that is none. Its layers alone are opened by themselves and say something of the whole mail; what
//! lies deeper is shown for what it is and raises nothing (A6.10, T23, T28-T30).
//! Text blocks (inline PGP) are opened where they stand; they speak for themselves alone (A4.6, T31).
//! Hostile data: everything. Failure: none; facts and problems. Limits: 8 layers, 8 blocks.
//! Known gap: armour in HTML beside other text stays closed.

use super::entity::{Body, Part, parse_entity};
use super::header::note;
use super::{decode, html, sealed};
use crate::edge::openpgp::armor;
use crate::edge::openpgp::open::{self, Decryption, Ring, SignatureFact};
use crate::rules::report::Problem;
use crate::rules::verdict::{Encryption, EncryptionProblem, FileVerdict, Signature};
use jiff::Timestamp;
use std::borrow::Cow;

const LAYERS: usize = 8;
const BLOCKS: usize = 8;

/// What was learnt while the layers came off.
pub(super) struct Layers<'a> {
    ring: &'a Ring<'a>,
    now: Timestamp,
    pub problems: Vec<Problem>,
    pub encryption: Encryption,
    pub encryption_problem: Option<EncryptionProblem>,
    /// Of signatures over the whole of the payload.
    pub whole: Vec<SignatureFact>,
    /// Of signatures that cover less: a text block, or a ciphertext of which nobody knows who wrote
    /// what is in it, as anyone can sign a ciphertext that he cannot read.
    /// One row for each part: none of them may speak for another.
    pub parts: Vec<Vec<SignatureFact>>,
    /// The payload came out of an encrypted layer of the Envelope.
    pub deciphered: bool,
    layers: usize,
    opened_blocks: usize,
    opened_files: usize,
    /// Octets that came out of files.
    unsealed: usize,
}

/// What a part is, as a layer.
pub(super) enum Layer {
    /// PGP/MIME: the ciphertext is child number `cipher`.
    Encrypted {
        cipher: usize,
        repaired: bool,
    },
    /// PGP/MIME: child 0 is signed, child 1 the signature.
    Signed,
    /// S/MIME, signed in the open: child 0 is signed; not verified here.
    SmimeSigned,
    /// S/MIME, enveloped.
    SmimeEncrypted,
    /// S/MIME, signed and wrapped.
    SmimeWrapped,
    /// Says it is encrypted or signed, and is not built like it.
    Broken,
    None,
}

/// What kind of layer a part is, by its structure alone.
pub(super) fn layer(part: &Part) -> Layer {
    let kinds: Vec<&str> = children(part).iter().map(|child| child.media_type.as_str()).collect();
    let protocol = part.param("protocol").unwrap_or("").to_ascii_lowercase();
    match (part.media_type.as_str(), kinds.as_slice()) {
        ("multipart/encrypted", ["application/pgp-encrypted", _]) if states_version(&children(part)[0]) => {
            Layer::Encrypted { cipher: 1, repaired: false }
        }
        ("multipart/encrypted", _) => Layer::Broken,
        ("multipart/mixed", _) => {
            mixed_up(part).map_or(Layer::None, |cipher| Layer::Encrypted { cipher, repaired: true })
        }
        ("multipart/signed", [_, "application/pgp-signature"])
            if matches!(protocol.as_str(), "" | "application/pgp-signature") =>
        {
            Layer::Signed
        }
        ("multipart/signed", [_, "application/pkcs7-signature" | "application/x-pkcs7-signature"]) => {
            Layer::SmimeSigned
        }
        ("multipart/signed", _) => Layer::Broken,
        ("application/pkcs7-mime" | "application/x-pkcs7-mime", _) => pkcs7(part),
        _ => Layer::None,
    }
}

pub(super) fn children(part: &Part) -> &[Part] {
    match &part.body {
        Body::Multi(children) => children,
        _ => &[],
    }
}

fn bytes(part: &Part) -> &[u8] {
    match &part.body {
        Body::Leaf { bytes, .. } => bytes,
        _ => &[],
    }
}

/// `Version: 1` (RFC 3156, 4).
fn states_version(part: &Part) -> bool {
    String::from_utf8_lossy(bytes(part)).lines().any(|line| {
        line.split_once(':')
            .is_some_and(|(name, value)| name.trim().eq_ignore_ascii_case("version") && value.trim() == "1")
    })
}

/// What Exchange makes of multipart/encrypted: multipart/mixed with an empty text in front
/// (draft-dkg-openpgp-pgpmime-message-mangling). Gives the place of the ciphertext.
fn mixed_up(part: &Part) -> Option<usize> {
    let full =
        |child: &&(usize, &Part)| !(child.1.media_type == "text/plain" && bytes(child.1).trim_ascii().is_empty());
    let all: Vec<(usize, &Part)> = children(part).iter().enumerate().collect();
    let kept: Vec<&(usize, &Part)> = all.iter().filter(full).collect();
    match kept.as_slice() {
        [(_, version), (cipher, data)] => (version.media_type == "application/pgp-encrypted"
            && states_version(version)
            && data.media_type == "application/octet-stream")
            .then_some(*cipher),
        _ => None,
    }
}

/// RFC 8551 3.2.2: what `smime-type` says, else the content type inside the CMS structure.
fn pkcs7(part: &Part) -> Layer {
    let enveloped = |mark: u8| {
        let object = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, mark];
        bytes(part).get(..64).unwrap_or(bytes(part)).windows(object.len()).any(|window| window == object)
    };
    match part.param("smime-type").unwrap_or("").to_ascii_lowercase().as_str() {
        "signed-data" | "certs-only" => Layer::SmimeWrapped,
        "enveloped-data" | "authenveloped-data" => Layer::SmimeEncrypted,
        _ if enveloped(2) => Layer::SmimeWrapped,
        _ => Layer::SmimeEncrypted,
    }
}

impl<'a> Layers<'a> {
    pub fn new(ring: &'a Ring<'a>, now: Timestamp) -> Layers<'a> {
        Layers {
            ring,
            now,
            problems: Vec::new(),
            encryption: Encryption::None,
            encryption_problem: None,
            whole: Vec::new(),
            parts: Vec::new(),
            deciphered: false,
            layers: 0,
            opened_blocks: 0,
            opened_files: 0,
            unsealed: 0,
        }
    }

    /// Takes the Envelope off, then looks at what lies below. Gives the payload.
    pub fn peel(&mut self, raw: &[u8], root: Part) -> Part {
        let (source, mut part) = self.take_off(Cow::Borrowed(raw), root);
        let beside = Beside { source: &source, readable: is_wrapping(&part), enveloped: self.layers > 0 };
        self.below(&mut part, &beside, 0);
        part
    }

    /// Takes off layer after layer, with the octets in which the part lies.
    fn take_off<'s>(&mut self, source: Cow<'s, [u8]>, root: Part) -> (Cow<'s, [u8]>, Part) {
        let (mut source, mut part) = (source, root);
        loop {
            let layer = layer(&part);
            if !matches!(layer, Layer::None) {
                self.layers += 1;
            }
            if self.layers > LAYERS {
                note(&mut self.problems, Problem::TooDeep);
                self.fail(EncryptionProblem::TooLarge);
                break;
            }
            match layer {
                Layer::Encrypted { cipher, repaired } => {
                    if repaired {
                        note(&mut self.problems, Problem::Repaired);
                    }
                    let around = std::mem::take(&mut self.whole);
                    self.note_part(around);
                    let opened = open::decrypt(children(&part).get(cipher).map_or(&[], bytes), self.ring, self.now);
                    let Some((plaintext, facts)) = self.settle(opened) else { break };
                    self.whole.extend(facts);
                    self.deciphered |= self.encryption == Encryption::Decrypted;
                    let inner = parse_entity(&plaintext);
                    inner.problems.iter().for_each(|problem| note(&mut self.problems, *problem));
                    part = inner.root;
                    source = Cow::Owned(plaintext);
                }
                Layer::Signed if is_doubtful(&part) => break,
                Layer::Signed => {
                    let facts = self.verify(&source, &part);
                    self.whole.extend(facts);
                    part = first_child(part);
                }
                Layer::SmimeSigned => {
                    note(&mut self.problems, Problem::Smime);
                    part = first_child(part);
                }
                Layer::SmimeEncrypted => {
                    note(&mut self.problems, Problem::Smime);
                    self.fail(EncryptionProblem::Unsupported);
                    break;
                }
                Layer::SmimeWrapped => {
                    note(&mut self.problems, Problem::Smime);
                    break;
                }
                Layer::Broken => {
                    note(&mut self.problems, Problem::BadStructure);
                    if part.media_type == "multipart/encrypted" {
                        self.fail(EncryptionProblem::Malformed);
                    }
                    break;
                }
                Layer::None => break,
            }
        }
        (source, part)
    }

    /// Reads a layer that stands beside plain texts and files, as list software and some clients leave
    /// it. It says nothing of the mail: what was signed is a part (T29).
    fn take_off_part(&mut self, source: &[u8], part: Part) -> Part {
        let (whole, deciphered) = (std::mem::take(&mut self.whole), self.deciphered);
        let (_, part) = self.take_off(Cow::Borrowed(source), part);
        let facts = std::mem::replace(&mut self.whole, whole);
        self.note_part(facts);
        self.deciphered = deciphered;
        part
    }

    /// Notes what became of a ciphertext; gives the plaintext if there is any.
    fn settle(&mut self, opened: Decryption) -> Option<(Vec<u8>, Vec<SignatureFact>)> {
        if opened.old_key {
            note(&mut self.problems, Problem::OldKey);
        }
        if opened.mixed {
            note(&mut self.problems, Problem::MixedRecipients);
        }
        match opened.plaintext {
            Some(plaintext) => {
                if opened.encryption == Encryption::Decrypted && self.encryption != Encryption::Failed {
                    self.encryption = Encryption::Decrypted;
                }
                Some((plaintext, opened.signatures))
            }
            None => {
                self.fail(opened.problem.unwrap_or(EncryptionProblem::Malformed));
                None
            }
        }
    }

    fn note_part(&mut self, facts: Vec<SignatureFact>) {
        if !facts.is_empty() {
            self.parts.push(facts);
        }
    }

    fn fail(&mut self, problem: EncryptionProblem) {
        self.encryption = Encryption::Failed;
        self.encryption_problem.get_or_insert(problem);
    }

    /// The signatures of a multipart/signed, over the octets as they were received.
    fn verify(&self, source: &[u8], part: &Part) -> Vec<SignatureFact> {
        let [signed, signature] = children(part) else { return Vec::new() };
        let octets = source.get(signed.span.clone()).unwrap_or_default();
        open::verify_detached(&canonical(octets), bytes(signature), self.ring, self.now)
    }

    /// Looks below the Envelope: layers there are noted, signed ones give way to what they hold, text
    /// blocks are opened. Encrypted ones stay closed, unless nothing beside them could lead it out (T23).
    fn below(&mut self, part: &mut Part, beside: &Beside, depth: usize) {
        // The parser goes no deeper; a limit of our own costs nothing.
        if depth > 32 {
            return;
        }
        match layer(part) {
            Layer::None => {}
            Layer::Signed | Layer::Encrypted { .. }
                if depth > 0
                    && beside.readable
                    && !is_doubtful(part)
                    && (!beside.enveloped || matches!(layer(part), Layer::Signed)) =>
            {
                note(&mut self.problems, Problem::InnerLayer);
                *part = self.take_off_part(beside.source, std::mem::take(part));
                // What it holds lies in other octets.
                return self.below(part, &Beside { source: &[], readable: false, enveloped: true }, depth + 1);
            }
            Layer::Signed | Layer::SmimeSigned if depth > 0 && !is_doubtful(part) => {
                note(&mut self.problems, Problem::InnerLayer);
                *part = first_child(std::mem::take(part));
                return self.below(part, beside, depth + 1);
            }
            Layer::SmimeEncrypted | Layer::SmimeWrapped => note(&mut self.problems, Problem::Smime),
            Layer::Encrypted { .. } if depth > 0 => {
                note(&mut self.problems, Problem::InnerLayer);
                if self.encryption == Encryption::None {
                    self.fail(EncryptionProblem::Malformed);
                }
            }
            _ if depth > 0 => note(&mut self.problems, Problem::InnerLayer),
            _ => {}
        }
        if is_mark(part) && self.encryption == Encryption::None {
            note(&mut self.problems, Problem::InnerLayer);
            self.fail(EncryptionProblem::Malformed);
        }
        if depth == 0 && sealed::is_sealed(part) {
            let media_type = std::mem::replace(&mut part.media_type, "multipart/mixed".to_owned());
            let body = std::mem::take(&mut part.body);
            let (disposition, name) = (part.disposition.clone(), part.name.clone());
            part.body = Body::Multi(vec![Part { media_type, disposition, name, body, ..Part::default() }]);
        }
        let is_closed = part.media_type == "multipart/encrypted";
        match &mut part.body {
            Body::Multi(children) => {
                let is_closed = is_closed || children.iter().any(is_mark);
                let most = if is_closed { 0 } else { sealed::FILES.saturating_sub(self.opened_files) };
                self.opened_files += sealed::verify_beside(children, self.ring, self.now, most);
                for mut child in std::mem::take(children) {
                    let file = if is_closed { None } else { self.open_file(&mut child) };
                    self.below(&mut child, beside, depth + 1);
                    children.push(child);
                    children.extend(file);
                }
            }
            Body::Message { mail, .. } if holds_layer(mail, 0) => note(&mut self.problems, Problem::InnerLayer),
            Body::Message { .. } => {}
            Body::Leaf { .. } => self.open_blocks(part),
        }
    }

    /// The file inside an encrypted or signed attachment. The verdict of the mail hears nothing of it.
    fn open_file(&mut self, part: &mut Part) -> Option<Part> {
        if !sealed::is_sealed(part) {
            return None;
        }
        note(&mut self.problems, Problem::InnerLayer);
        if self.opened_files >= sealed::FILES || self.unsealed >= sealed::OCTETS {
            note(&mut self.problems, Problem::TooLarge);
            part.verdict = Some(FileVerdict {
                encryption: Encryption::Failed,
                encryption_problem: Some(EncryptionProblem::TooLarge),
                ..FileVerdict::default()
            });
            return None;
        }
        self.opened_files += 1;
        let (file, opened) = sealed::unseal(part, self.ring, self.now);
        if opened.old_key {
            note(&mut self.problems, Problem::OldKey);
        }
        if opened.mixed {
            note(&mut self.problems, Problem::MixedRecipients);
        }
        self.unsealed += file.as_ref().map_or(0, |file| bytes(file).len());
        // A signature beside it is over the file as it came; one inside over what it holds.
        let beside = part.verdict.take().filter(|verdict| verdict.signature != Signature::None);
        let inside = sealed::verdict(&opened);
        part.verdict = Some(match beside {
            Some(beside) => {
                FileVerdict { encryption: inside.encryption, encryption_problem: inside.encryption_problem, ..beside }
            }
            None => inside,
        });
        file
    }

    /// Opens the blocks in a text part, and puts in their place what they hold.
    fn open_blocks(&mut self, part: &mut Part) {
        let Body::Leaf { bytes, text: Some(_) } = &part.body else { return };
        if part.disposition == "attachment" {
            return;
        }
        if part.media_type == "text/html" {
            return self.open_html(part);
        }
        if part.media_type != "text/plain" {
            return;
        }
        let charset = part.param("charset").unwrap_or("").to_owned();
        let (mut shown, mut at, mut changed) = (String::new(), 0, false);
        for block in armor::find(&ascii(bytes)) {
            let is_ours = matches!(block.kind, armor::Kind::Message | armor::Kind::Cleartext);
            if !is_ours || self.opened_blocks >= BLOCKS {
                continue;
            }
            self.opened_blocks += 1;
            let octets = bytes.get(block.span.clone()).unwrap_or_default();
            if let Some(content) = self.open_block(octets, block.kind) {
                shown.push_str(&decode::charset(bytes.get(at..block.span.start).unwrap_or_default(), &charset).0);
                let is_utf8 = std::str::from_utf8(&content).is_ok();
                shown.push_str(&decode::charset(&content, if is_utf8 { "utf-8" } else { &charset }).0);
                if !shown.ends_with('\n') {
                    shown.push('\n');
                }
                at = block.span.end;
                changed = true;
            }
        }
        if changed {
            shown.push_str(&decode::charset(bytes.get(at..).unwrap_or_default(), &charset).0);
            part.body = Body::Leaf { bytes: shown.clone().into_bytes(), text: Some(shown) };
        }
    }

    /// Opens a text in HTML that is one encrypted block and nothing else; it becomes plain text.
    fn open_html(&mut self, part: &mut Part) {
        let Body::Leaf { text: Some(text), .. } = &part.body else { return };
        if !text.contains("-----BEGIN PGP MESSAGE-----") || self.opened_blocks >= BLOCKS {
            return;
        }
        let plain = html::text(text);
        let found = armor::find(&plain);
        let around = |block: &armor::Block| [plain.get(..block.span.start), plain.get(block.span.end..)];
        let is_alone =
            |block: &armor::Block| around(block).iter().all(|text| text.is_some_and(|text| text.trim().is_empty()));
        let Some(block) = found.first().filter(|block| is_alone(block)) else {
            // Text around a block may hide it or be hidden by it (T30).
            let from_there = plain.find("-----BEGIN PGP MESSAGE-----").and_then(|at| plain.get(at..));
            // HTML that was not meant as such has all of it on one line.
            if from_there.is_some_and(|text| text.split_whitespace().any(|word| holds_armour(word.as_bytes()))) {
                note(&mut self.problems, Problem::InnerLayer);
            }
            return;
        };
        self.opened_blocks += 1;
        let octets = plain.get(block.span.clone()).unwrap_or_default().as_bytes();
        if let Some(content) = self.open_block(octets, block.kind) {
            let shown = decode::charset(&content, part.param("charset").unwrap_or("")).0;
            part.media_type = "text/plain".to_owned();
            part.body = Body::Leaf { bytes: shown.clone().into_bytes(), text: Some(shown) };
        }
    }

    fn open_block(&mut self, octets: &[u8], kind: armor::Kind) -> Option<Vec<u8>> {
        if kind == armor::Kind::Cleartext {
            let Some((content, facts)) = open::verify_cleartext(octets, self.ring, self.now) else {
                self.note_part(vec![SignatureFact::malformed()]);
                return None;
            };
            self.note_part(facts);
            return Some(content);
        }
        if !holds_armour(octets) {
            return None;
        }
        // Ciphertext inside an Envelope is not opened by itself (T23, T47).
        if self.layers > 0 {
            note(&mut self.problems, Problem::InnerLayer);
            return None;
        }
        let opened = open::decrypt(octets, self.ring, self.now);
        let (plaintext, facts) = self.settle(opened)?;
        self.note_part(facts);
        Some(plaintext)
    }
}

/// Where a part below the Envelope lies.
struct Beside<'s> {
    /// The octets.
    source: &'s [u8],
    /// Nothing but plain texts, files and layers stands around it.
    readable: bool,
    /// The mail has an Envelope.
    enveloped: bool,
}

/// Whether a part holds layers beside plain texts and files, and nothing else: a list's footer, a file
/// that was added. HTML around a ciphertext is how stolen ones are made to leak (T23), and what is
/// around a signed text may hide it (T30).
fn is_wrapping(part: &Part) -> bool {
    part.media_type == "multipart/mixed" && !part.ambiguous && children(part).iter().all(is_beside)
}

fn is_beside(part: &Part) -> bool {
    let is_file = part.disposition == "attachment" && part.media_type != "text/html";
    match &part.body {
        Body::Leaf { .. } => !is_mark(part) && (is_file || part.media_type == "text/plain"),
        Body::Multi(_) => matches!(layer(part), Layer::Signed | Layer::Encrypted { .. }) || is_wrapping(part),
        Body::Message { .. } => false,
    }
}

/// The mark of PGP/MIME beside a ciphertext, in whatever structure.
fn is_mark(part: &Part) -> bool {
    part.media_type == "application/pgp-encrypted" && states_version(part)
}

fn first_child(part: Part) -> Part {
    match part.body {
        Body::Multi(children) => children.into_iter().next().unwrap_or_default(),
        _ => part,
    }
}

/// Whether there is armour between the lines that begin and end a block, or just words about it.
fn holds_armour(block: &[u8]) -> bool {
    let text = ascii(block);
    let is_data =
        |line: &str| line.len() >= 40 && line.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b));
    armor::decode(&text).is_some() || text.lines().any(|line| is_data(line.trim()))
}

/// Whether readers could disagree on how the part is built (T4, T5).
fn is_doubtful(part: &Part) -> bool {
    part.ambiguous || children(part).iter().any(is_doubtful)
}

/// Whether there is a layer in a forwarded mail.
fn holds_layer(part: &Part, depth: usize) -> bool {
    depth < 32
        && (!matches!(layer(part), Layer::None)
            || match &part.body {
                Body::Multi(children) => children.iter().any(|child| holds_layer(child, depth + 1)),
                Body::Message { mail, .. } => holds_layer(mail, depth + 1),
                Body::Leaf { text, .. } => {
                    sealed::is_sealed(part) || text.as_ref().is_some_and(|text| text.contains("-----BEGIN PGP "))
                }
            })
}

/// With CRLF as line end, as RFC 3156 5 has it signed. A lone CR is a line end only where there is
/// no other.
fn canonical(octets: &[u8]) -> Cow<'_, [u8]> {
    let is_canonical = |at: usize| match octets.get(at) {
        Some(b'\n') => at > 0 && octets.get(at - 1) == Some(&b'\r'),
        Some(b'\r') => octets.get(at + 1) == Some(&b'\n'),
        _ => true,
    };
    if (0..octets.len()).all(is_canonical) {
        return Cow::Borrowed(octets);
    }
    let only_returns = !octets.contains(&b'\n');
    let mut out = Vec::with_capacity(octets.len() + octets.len() / 32);
    for (at, octet) in octets.iter().enumerate() {
        match octet {
            b'\n' if !is_canonical(at) => out.extend_from_slice(b"\r\n"),
            b'\r' if only_returns => out.extend_from_slice(b"\r\n"),
            other => out.push(*other),
        }
    }
    Cow::Owned(out)
}

/// The octets as text of the same length; what is not ASCII is a blank.
pub(super) fn ascii(octets: &[u8]) -> String {
    octets.iter().map(|octet| if octet.is_ascii() { char::from(*octet) } else { ' ' }).collect()
}
