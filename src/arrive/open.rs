//! What opening a mail gives: the data that `read` takes.

use super::entity::Part;
use crate::rules::address::Address;
use crate::rules::report::{MailedCertificate, Outer, Problem};
use crate::rules::untrusted::Untrusted;
use crate::rules::verdict::Verdict;

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
