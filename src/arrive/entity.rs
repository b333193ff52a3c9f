//! The MIME tree of a mail: the only file that knows the parser.
//!
//! Hostile data: the raw octets of mail. Failure: none; whatever cannot be read is named in
//! `Parsed::problems` and what could be read is kept. Limits: reference section B.

use crate::rules::report::Problem;
use std::ops::Range;

/// A mail or a decrypted entity, taken apart.
#[derive(Debug, Clone, Default)]
pub struct Parsed {
    pub root: Part,
    pub problems: Vec<Problem>,
}

/// One node of the MIME tree, owning its decoded content.
#[derive(Debug, Clone, Default)]
pub struct Part {
    /// Header fields in order: name as written, value unfolded and RFC 2047-decoded.
    pub headers: Vec<(String, String)>,
    /// Lower case, without parameters; `text/plain` where nothing is stated.
    pub media_type: String,
    /// Parameters of Content-Type, names in lower case, RFC 2231 decoded; first one wins.
    pub params: Vec<(String, String)>,
    /// `attachment`, `inline` or empty.
    pub disposition: String,
    /// File name of Content-Disposition or Content-Type, decoded, as written.
    pub name: Option<String>,
    /// Where this part (its headers and body, RFC 2046 body part) lies in the octets given to
    /// `parse`; for the content of a transfer-encoded message/rfc822, where its carrier lies.
    pub span: Range<usize>,
    /// Where the body alone, still transfer-encoded, lies.
    pub body_span: Range<usize>,
    pub body: Body,
    /// Two Content-Type fields, two boundary parameters, a boundary that is empty, missing or never
    /// closed: crypto must not claim that this part is signed (T4, T5).
    pub ambiguous: bool,
}

/// What a part holds.
#[derive(Debug, Clone)]
pub enum Body {
    /// Decoded octets of a leaf. For `text/*`, `text` is the same in UTF-8.
    Leaf { bytes: Vec<u8>, text: Option<String> },
    /// Children of a multipart.
    Multi(Vec<Part>),
    /// A message/rfc822: the mail inside, its raw octets beside it.
    Message { raw: Vec<u8>, mail: Box<Part> },
}

impl Default for Body {
    fn default() -> Self {
        Body::Leaf { bytes: Vec::new(), text: None }
    }
}

impl Part {
    /// The first header field of that name (any case), decoded.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    /// The Content-Type parameter of that name.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}
