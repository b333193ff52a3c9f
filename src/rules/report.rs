//! What one mail turned out to be: the product of opening and reading.
//!
//! Plain, serialisable data: it crosses from the disposable reader to the daemon (law 8).
//! Hostile data: all of it; texts are `Untrusted`. Failure: none, trouble is in `problems`.

use super::address::Address;
use super::feed::FeedReport;
use super::ticket::words;
use super::tlp::Mark;
use super::untrusted::Untrusted;
use super::verdict::{FileVerdict, Verdict};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A mail as we understood it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Report {
    pub verdict: Verdict,
    /// Facts of the outer, unencrypted mail: all that a reply to a mail with ciphertext may depend on (T26).
    pub outer: Outer,
    /// The person that the From field names: the protected one where a good signature is bound to
    /// it, else the outer one. None where it is not exactly one plain address.
    pub from: Option<Address>,
    /// The display name beside it.
    pub from_name: Untrusted,
    pub to: Vec<Address>,
    pub cc: Vec<Address>,
    /// The sender's claim; never a clock's start.
    pub date: Option<Timestamp>,
    /// The real subject: the protected one if there is one, else the outer one.
    pub subject: Untrusted,
    /// With angle brackets.
    pub message_id: Option<String>,
    pub in_reply_to: Vec<String>,
    pub references: Vec<String>,
    /// All header fields in order, outer ones, decoded (RFC 2047).
    pub headers: Vec<(String, Untrusted)>,
    /// What a human reads: the text parts, or the HTML turned to text.
    pub text: Untrusted,
    pub attachments: Vec<Attachment>,
    pub indicators: Vec<Indicator>,
    /// Each part that bears marks, with its strictest.
    pub marks: Vec<PartMark>,
    /// Mails inside this one.
    pub forwarded: Vec<Forwarded>,
    pub problems: Vec<Problem>,
    /// Certificates that came with the mail (attached, Autocrypt): candidates only.
    pub candidates: Vec<Candidate>,
    /// The protected From differs from the outer one and no signature is bound to it.
    pub from_disputed: bool,
    /// Every header field read here stood inside the cryptographic layer (RFC 9788 `hp`), not only
    /// the subject as `Verdict::subject_protected` says.
    pub headers_protected: bool,
    /// What the signatures over the whole sign, good or not: digests in lower-case hex (T36).
    pub signatures: Vec<String>,
    /// Certificates that were asked for to judge its signatures, by fingerprint or key ID.
    pub asked: Vec<String>,
    /// What it says as a machine-readable report, where it fits the schema of one. With ciphertext
    /// in the mail it is shown and decides nothing (T26).
    #[serde(default)]
    pub feed: Option<FeedReport>,
    /// Message-IDs of the mail that it gives back, in whatever form: claims, until a hash is good.
    #[serde(default)]
    pub returned: Vec<String>,
}

impl Report {
    /// The values of every outer header field of that name (any case), without outer blanks.
    pub fn fields<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(n, _)| n.trim().eq_ignore_ascii_case(name)).map(|(_, v)| v.raw().trim())
    }
}

/// What the outer mail says, before anything is opened.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Outer {
    pub subject: Untrusted,
    pub from: Option<Address>,
    pub from_name: Untrusted,
    pub to: Vec<Address>,
    pub cc: Vec<Address>,
    pub in_reply_to: Vec<String>,
    pub references: Vec<String>,
    /// More than one From, Subject, Date, Message-ID ... (A8.1).
    pub ambiguous: Vec<String>,
    /// Top-level media type in lower case, without parameters.
    pub media_type: String,
    /// `report-type` of a top-level multipart/report, in lower case.
    pub report_type: Option<String>,
    /// Media types of all unencrypted parts, lower case.
    pub part_types: Vec<String>,
    /// The mail holds something that looks like OpenPGP or S/MIME ciphertext, opened or not.
    pub has_ciphertext: bool,
    /// Recipients that the ciphertext names: key IDs or fingerprints, capital hex; zeros: hidden.
    pub recipients: Vec<String>,
    /// Some recipient is a key of ours (also a retired one), or is hidden.
    pub names_our_key: bool,
    /// The unencrypted text of the mail, to guess a language by; empty if there is ciphertext.
    pub clear_text: Untrusted,
}

/// One attachment, byte for byte.
#[derive(Clone, Serialize, Deserialize)]
pub struct Attachment {
    /// The last component, shown only; files on disk are named by us (T11).
    pub name: Untrusted,
    pub content_type: String,
    #[serde(with = "serde_bytes")]
    pub bytes: Vec<u8>,
    /// Lower-case hex over `bytes`.
    pub sha256: String,
    /// None where the file is neither encrypted nor signed.
    #[serde(default)]
    pub verdict: Option<FileVerdict>,
    /// Its place in the tree, numbered as in IMAP: `2`, `1.3`.
    pub part: String,
    /// The strictest mark in its name and its text.
    pub tlp: Option<Mark>,
}

impl std::fmt::Debug for Attachment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Attachment({} bytes)", self.bytes.len())
    }
}

/// A certificate that travelled with a mail.
#[derive(Clone, Debug)]
pub struct MailedCertificate {
    pub bytes: Vec<u8>,
    pub clear: bool,
}

/// A certificate that came with a mail, cut to what is bound and described: a candidate.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Candidate {
    /// Capital hex.
    pub fingerprint: String,
    #[serde(with = "serde_bytes")]
    pub bytes: Vec<u8>,
    /// Fingerprints and key IDs of its keys.
    pub handles: Vec<String>,
    /// Addresses of its bound user IDs, in lower case.
    pub addresses: Vec<String>,
    /// It stood in an outer header or an unencrypted part, and names the From address of that mail.
    pub clear: bool,
    pub brings: Brings,
}

/// What a certificate that came with a mail adds to what is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Brings {
    /// A new candidate, or more of one.
    Candidate,
    /// Its owner's revocation of a certificate that the team keeps; nothing else of the copy is taken.
    Revocation,
    /// The owner's revocation of a user ID or subkey of such a certificate.
    PartRevocation,
}

words! {
    /// What an indicator is.
    IndicatorKind {
        Ipv4 = "ipv4", Ipv6 = "ipv6", Domain = "domain", Url = "url", Email = "email",
        Md5 = "md5", Sha1 = "sha1", Sha256 = "sha256", Sha512 = "sha512", Cve = "cve", Asn = "asn",
        /// `198.51.100.0/24`, `2001:db8::/32`.
        Network = "network",
        /// A Bitcoin address whose checksum is right.
        Bitcoin = "bitcoin",
        /// The name of a file, without its folder.
        File = "file",
    }
}

words! {
    /// In what an indicator stood.
    #[derive(Default)]
    Context {
        Subject = "subject",
        /// What is shown as the text of the mail.
        #[default]
        Text = "text",
        /// The other form of the text, such as HTML beside plain text.
        Alternative = "alternative",
        Attachment = "attachment",
        /// A mail forwarded inside.
        Forwarded = "forwarded",
        /// A Received field of a mail forwarded inside.
        Received = "received",
    }
}

/// Where an indicator stood first.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// The part of the mail, numbered as in IMAP: `1`, `1.2`; `HEADER` for its head.
    pub part: String,
    /// Octets from the beginning of the part's text; of HTML, once it has become text.
    pub offset: usize,
    /// The mail was encrypted.
    pub encrypted: bool,
    pub context: Context,
}

/// Something that can be looked up or blocked; `value` is refanged and normalised.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Indicator {
    pub kind: IndicatorKind,
    pub value: Untrusted,
    #[serde(default)]
    pub place: Place,
}

/// A mark of the originator on one part of a mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartMark {
    /// As in `Place`.
    pub part: String,
    pub tlp: Mark,
}

/// A mail that was forwarded inside another: as an attachment, or quoted in its text. All of it is
/// the claim of whoever forwarded it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forwarded {
    /// The part that holds it, as in `Place`.
    pub part: String,
    /// As written, with the display name.
    pub from: Option<Untrusted>,
    pub subject: Option<Untrusted>,
    /// As written: clients write dates in the reader's language.
    pub date: Option<Untrusted>,
    pub message_id: Option<Untrusted>,
    /// Newest first, as the fields stand.
    pub hops: Vec<Hop>,
}

/// One Received field (RFC 5321 4.4).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hop {
    /// The name that the sending host gave.
    pub from: Option<Untrusted>,
    /// Its address, as the receiving host saw it.
    pub ip: Option<String>,
    /// Who received it.
    pub by: Option<Untrusted>,
    pub date: Option<Timestamp>,
}

words! {
    /// Trouble with the content of a mail: data, never an error (law 4).
    Problem {
        Empty = "empty",
        NoHeaders = "no_headers",
        NoFrom = "no_from",
        AmbiguousHeader = "ambiguous_header",
        HeaderTooLong = "header_too_long",
        TooManyHeaders = "too_many_headers",
        TooDeep = "too_deep",
        TooManyParts = "too_many_parts",
        TooLarge = "too_large",
        BadEncoding = "bad_encoding",
        UnknownCharset = "unknown_charset",
        BadStructure = "bad_structure",
        BadDate = "bad_date",
        /// Read only in part: the rest is on the server.
        Oversized = "oversized",
        /// A broken PGP/MIME structure was put right on a copy (A4.5).
        Repaired = "repaired",
        /// Signed or encrypted parts inside, which say nothing of the whole mail.
        InnerLayer = "inner_layer",
        OuterHeadersChanged = "outer_headers_changed",
        FromDisputed = "from_disputed",
        Smime = "smime",
        Tnef = "tnef",
        TooManyIndicators = "too_many_indicators",
        /// The reader died or took too long; only the raw mail is kept.
        Unreadable = "unreadable",
        /// The mail was encrypted to a retired key of ours.
        OldKey = "old_key",
        /// Only password recipients beside ours, or a mix: noted.
        MixedRecipients = "mixed_recipients",
        /// A signature seen before on another mail (T36).
        Replay = "replay",
    }
}
