//! The MIME tree of a mail (RFC 2045, 2046), with the place of each part in the octets.
//!
//! Hostile data: the raw octets of mail. Failure: none; whatever cannot be read is named in
//! `Parsed::problems` and what could be read is kept. Limits: headers as in `header`, depth 20, 500
//! parts, 200 MiB decoded. Line ends: LF and CRLF; a mail without any LF is read with CR as its line
//! end, octet for octet at the same place, so that every span is true of the octets given.
//! Known gap: text before the first and behind the last delimiter of a multipart is not shown.

use super::multipart::{length_of_preface, split_at};
use super::{decode, header, params};
use crate::rules::report::Problem;
use crate::rules::verdict::FileVerdict;
use std::borrow::Cow;
use std::ops::Range;

const DEPTH: usize = 20;
const PARTS: usize = 500;
const DECODED: usize = 200 << 20;

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
    /// What was proven about it as a file of its own; None where it is neither encrypted nor signed.
    pub verdict: Option<FileVerdict>,
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

/// Takes a mail apart. An mbox `From ` line or blank lines on top are passed over.
pub fn parse(raw: &[u8]) -> Parsed {
    let lines = with_line_feeds(raw);
    let mut reader = Reader::default();
    let (root, is_mail) = reader.mail(&Source { raw, lines: &lines, carrier: None }, 0..raw.len(), 0);
    if raw.trim_ascii().is_empty() {
        reader.note(Problem::Empty);
    } else if !is_mail {
        reader.note(Problem::NoHeaders);
    }
    if !doubled_fields(&root).is_empty() {
        reader.note(Problem::AmbiguousHeader);
    }
    Parsed { root, problems: reader.problems }
}

/// Takes a decrypted or signed entity apart: as `parse`, but it begins where it begins, so a blank
/// first line means that it has no headers.
pub fn parse_entity(raw: &[u8]) -> Parsed {
    let lines = with_line_feeds(raw);
    let mut reader = Reader::default();
    let root = reader.entity(&Source { raw, lines: &lines, carrier: None }, 0..raw.len(), 0, "text/plain");
    Parsed { root, problems: reader.problems }
}

/// The names of fields that may stand once and stand more often (A8.1), as first written.
pub fn doubled_fields(part: &Part) -> Vec<String> {
    const SINGLE: [&str; 10] =
        ["from", "sender", "reply-to", "to", "cc", "subject", "date", "message-id", "in-reply-to", "references"];
    let count = |single: &str| part.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(single)).count();
    let first = |single: &str| part.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(single));
    SINGLE.iter().filter(|name| count(name) > 1).filter_map(|name| first(name)).map(|(name, _)| name.clone()).collect()
}

/// The octets with LF as line end where there is none but CR (old Macintosh files); same length.
fn with_line_feeds(raw: &[u8]) -> Cow<'_, [u8]> {
    if raw.contains(&b'\n') || !raw.contains(&b'\r') {
        return Cow::Borrowed(raw);
    }
    Cow::Owned(raw.iter().map(|&b| if b == b'\r' { b'\n' } else { b }).collect())
}

/// Octets that are split into parts.
struct Source<'a> {
    raw: &'a [u8],
    /// `raw` as `with_line_feeds` gives it.
    lines: &'a [u8],
    /// Where the encoded message lies that these octets were decoded from.
    carrier: Option<Range<usize>>,
}

impl Source<'_> {
    fn place(&self, range: Range<usize>) -> Range<usize> {
        self.carrier.clone().unwrap_or(range)
    }
}

/// What has been spent of the limits. Calls itself at most `DEPTH` deep.
#[derive(Default)]
struct Reader {
    parts: usize,
    decoded: usize,
    problems: Vec<Problem>,
}

impl Reader {
    fn note(&mut self, problem: Problem) {
        header::note(&mut self.problems, problem);
    }

    /// Whether so many octets may still be decoded.
    fn afford(&mut self, octets: usize) -> bool {
        if self.decoded + octets > DECODED {
            self.note(Problem::TooLarge);
            return false;
        }
        self.decoded += octets;
        true
    }

    /// A whole mail, and whether it has any header. Text with a colon in its first line is text.
    fn mail(&mut self, source: &Source<'_>, span: Range<usize>, depth: usize) -> (Part, bool) {
        let start = span.start + length_of_preface(&source.lines[span.clone()]);
        let block = header::split(&source.lines[start..span.end]);
        if block.fields.iter().any(|field| header::is_usual(field.name.as_bytes())) {
            return (self.part(source, start..span.end, block, depth, "text/plain"), true);
        }
        (self.part(source, span, header::Block::default(), depth, "text/plain"), false)
    }

    fn entity(&mut self, source: &Source<'_>, span: Range<usize>, depth: usize, default_type: &str) -> Part {
        let block = header::split(&source.lines[span.clone()]);
        self.part(source, span, block, depth, default_type)
    }

    fn part(
        &mut self,
        source: &Source<'_>,
        span: Range<usize>,
        block: header::Block,
        depth: usize,
        default_type: &str,
    ) -> Part {
        self.parts += 1;
        block.problems.iter().for_each(|&problem| self.note(problem));
        let body = span.start + block.body..span.end;
        let (mut part, encoding) = described(&block.fields, default_type);
        part.span = source.place(span);
        part.body_span = source.place(body.clone());
        let is_multi = part.media_type.starts_with("multipart/");
        let is_message = matches!(part.media_type.as_str(), "message/rfc822" | "message/global");
        if (is_multi || is_message) && depth >= DEPTH {
            self.note(Problem::TooDeep);
            part.ambiguous = true;
        } else if is_multi && let Some(children) = self.children(source, &body, &mut part, depth) {
            part.body = Body::Multi(children);
            return part;
        } else if is_message && let Some(message) = self.message(source, &body, &part, &encoding, depth) {
            part.body = message;
            return part;
        }
        part.body = self.leaf(source, &body, &part, &encoding);
        part
    }

    /// The parts of a multipart; None where there is nothing to split by.
    fn children(
        &mut self,
        source: &Source<'_>,
        body: &Range<usize>,
        part: &mut Part,
        depth: usize,
    ) -> Option<Vec<Part>> {
        let boundary = part.param("boundary").unwrap_or("").trim_end().to_owned();
        let left = PARTS - self.parts.min(PARTS);
        let split = split_at(source.lines, body, boundary.as_bytes(), left + 1);
        if boundary.is_empty() || !split.closed || split.reopened {
            self.note(Problem::BadStructure);
            part.ambiguous = true;
        }
        if boundary.is_empty() || split.spans.is_empty() {
            return None;
        }
        let default_type = if part.media_type == "multipart/digest" { "message/rfc822" } else { "text/plain" };
        let mut children = Vec::new();
        for span in split.spans {
            if self.parts >= PARTS {
                self.note(Problem::TooManyParts);
                part.ambiguous = true;
                break;
            }
            children.push(self.entity(source, span, depth + 1, default_type));
        }
        Some(children)
    }

    /// A mail within the mail; None where a limit forbids to open it.
    fn message(
        &mut self,
        source: &Source<'_>,
        body: &Range<usize>,
        part: &Part,
        encoding: &str,
        depth: usize,
    ) -> Option<Body> {
        if self.parts >= PARTS {
            self.note(Problem::TooManyParts);
            return None;
        }
        if is_identity(encoding) {
            if !self.afford(body.len()) {
                return None;
            }
            let (mail, _) = self.mail(source, body.clone(), depth + 1);
            return Some(Body::Message { raw: source.raw[body.clone()].to_vec(), mail: Box::new(mail) });
        }
        let (raw, good) = decode::transfer(&source.lines[body.clone()], encoding);
        if !good {
            self.note(Problem::BadEncoding);
        }
        if !self.afford(raw.len()) {
            return None;
        }
        let lines = with_line_feeds(&raw);
        let inner = Source { raw: &raw, lines: &lines, carrier: Some(part.span.clone()) };
        let (mail, _) = self.mail(&inner, 0..raw.len(), depth + 1);
        Some(Body::Message { raw: raw.to_vec(), mail: Box::new(mail) })
    }

    fn leaf(&mut self, source: &Source<'_>, body: &Range<usize>, part: &Part, encoding: &str) -> Body {
        let octets = if is_identity(encoding) { &source.raw[body.clone()] } else { &source.lines[body.clone()] };
        let (bytes, good) = decode::transfer(octets, encoding);
        if !good {
            self.note(Problem::BadEncoding);
        }
        let is_text = ["text/", "message/", "multipart/"].iter().any(|kind| part.media_type.starts_with(kind));
        let (text, problem) = match is_text {
            true => Some(decode::charset(&bytes, part.param("charset").unwrap_or(""))).unzip(),
            false => (None, None),
        };
        if !self.afford(bytes.len() + text.as_ref().map_or(0, String::len)) {
            return Body::default();
        }
        if let Some(problem) = problem.flatten() {
            self.note(problem);
        }
        Body::Leaf { bytes: bytes.into_owned(), text }
    }
}

fn is_identity(encoding: &str) -> bool {
    !matches!(encoding, "base64" | "quoted-printable" | "x-uuencode" | "uuencode" | "x-uue" | "uue")
}

/// What the header of a part says of it, and its transfer encoding. The first of doubled fields counts.
fn described(fields: &[header::Field], default_type: &str) -> (Part, String) {
    let named = |name: &str| {
        let mut all = fields.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
        (all.next().map(|field| params::parametrised(&field.octets)).unwrap_or_default(), all.next().is_some())
    };
    let (content, two_contents) = named("Content-Type");
    let (encoding, two_encodings) = named("Content-Transfer-Encoding");
    let (disposition, _) = named("Content-Disposition");
    let value_of = |from: &params::Parametrised, wanted: &str| {
        from.params.iter().find(|(name, value)| name == wanted && !value.is_empty()).map(|(_, value)| value.clone())
    };
    let part = Part {
        headers: fields.iter().map(|field| (field.name.clone(), header::value(field))).collect(),
        media_type: if is_media_type(&content.token) { content.token.clone() } else { default_type.to_owned() },
        disposition: match disposition.token.as_str() {
            "" | "inline" => disposition.token.clone(),
            // RFC 2183 2.8: unknown ones are treated as attachment.
            _ => "attachment".to_owned(),
        },
        name: value_of(&disposition, "filename").or_else(|| value_of(&content, "name")),
        ambiguous: two_contents || two_encodings || content.doubled.iter().any(|name| name != "name"),
        params: content.params,
        ..Part::default()
    };
    (part, encoding.token)
}

fn is_media_type(token: &str) -> bool {
    let word = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?=".contains(&b))
    };
    token.split_once('/').is_some_and(|(kind, subtype)| word(kind) && word(subtype))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SIGNED: &str = "From: a@x.example\r\nContent-Type: multipart/signed; boundary=\"sig\"\r\n\r\npreamble\r\n--sig\r\n\
        Content-Type: multipart/mixed; boundary=sig1\r\n\r\n--sig1\r\n\r\nhello \r\n\r\n--sig1\r\n\
        Content-Disposition: attachment; filename=\"a b.txt\"\r\nContent-Transfer-Encoding: base64\r\n\r\naGk=\r\n--sig1--\r\n\
        --sig  \r\nContent-Type: application/pgp-signature\r\n\r\nXX\r\n--sig--\r\nfooter";

    fn children(part: &Part) -> &[Part] {
        match &part.body {
            Body::Multi(children) => children,
            _ => &[],
        }
    }

    fn text(part: &Part) -> &str {
        match &part.body {
            Body::Leaf { text: Some(text), .. } => text,
            _ => "",
        }
    }

    #[test]
    fn spans_are_the_body_parts_byte_for_byte() {
        for raw in [SIGNED.to_owned(), SIGNED.replace("\r\n", "\n"), SIGNED.replace("\r\n", "\r")] {
            let parsed = parse(raw.as_bytes());
            assert_eq!(parsed.problems, []);
            let [signed, signature] = children(&parsed.root) else { panic!("{:?}", parsed.root) };
            let end = if raw.contains("\r\n") { "\r\n" } else { &raw[17..18] };
            let wanted = format!("--sig{end}").len() + raw.find(&format!("--sig{end}")).unwrap();
            assert_eq!(signed.span, wanted..raw.find(&format!("{end}--sig  ")).unwrap());
            assert_eq!(&raw[signature.body_span.clone()], "XX");
            let [body, file] = children(signed) else { panic!("{signed:?}") };
            assert_eq!(text(body), format!("hello {end}"));
            assert_eq!(file.name.as_deref(), Some("a b.txt"));
            assert!(matches!(&file.body, Body::Leaf { bytes, text: Some(_) } if bytes == b"hi"));
            assert!(!signed.ambiguous && !parsed.root.ambiguous);
        }
    }

    #[test]
    fn doubts_about_the_structure_are_named() {
        let mail = |header: &str, body: &str| format!("From: a@x.example\r\n{header}\r\n\r\n{body}");
        for (header, body, parts) in [
            ("Content-Type: multipart/mixed; boundary=a", "--a\r\n\r\nx\r\n", 1),
            ("Content-Type: multipart/mixed; boundary=a", "no delimiter", 0),
            ("Content-Type: multipart/mixed; boundary=\"\"", "--\r\n\r\nx\r\n----\r\n", 0),
            ("Content-Type: multipart/mixed", "--a\r\n\r\nx\r\n--a--\r\n", 0),
            ("Content-Type: multipart/mixed; boundary=a; boundary=b", "--a\r\n\r\nx\r\n--a--\r\n", 1),
            ("Content-Type: multipart/mixed; boundary=a; boundary*=b", "--a\r\n\r\nx\r\n--a--\r\n", 1),
            ("Content-Type: multipart/mixed; boundary=a\r\nContent-Type: text/plain", "--a\r\n\r\nx\r\n--a--", 1),
            ("Content-Type: multipart/mixed; boundary=a", "--a\r\n\r\nx\r\n--a--\r\n--a\r\n\r\ny\r\n--a--", 2),
        ] {
            let parsed = parse(mail(header, body).as_bytes());
            assert!(parsed.root.ambiguous, "{header} {body}");
            assert_eq!(children(&parsed.root).len(), parts, "{header} {body}");
            assert!(parts > 0 || !text(&parsed.root).is_empty(), "the text is lost: {body}");
        }
    }

    #[test]
    fn mails_without_a_head_or_a_body_are_mails() {
        for (raw, wanted, problem) in [
            (&b""[..], "", Some(Problem::Empty)),
            (b" \r\n\r\n", " \r\n\r\n", Some(Problem::Empty)),
            (b"just text\r\nmore: text", "just text\r\nmore: text", Some(Problem::NoHeaders)),
            (b"Note: text\r\n\r\nmore", "Note: text\r\n\r\nmore", Some(Problem::NoHeaders)),
            (b"From: a@x.example", "", None),
            (b"From a@x Mon Jan 1\nFrom: a@x.example\n\nhi", "hi", None),
            (b"\r\n\r\nFrom: a@x.example\r\n\r\nhi", "hi", None),
            (b"From: a@x.example\r\nno header at all\r\nhi", "no header at all\r\nhi", Some(Problem::BadStructure)),
            (b"From: a@x.example\r\nstray\r\nTo: b@x.example\r\n\r\nhi", "hi", Some(Problem::BadStructure)),
            (b"From: a@x.example\0\r\n\r\nh\0i", "h\0i", None),
        ] {
            let parsed = parse(raw);
            assert_eq!(text(&parsed.root), wanted);
            assert_eq!(parsed.problems, problem.into_iter().collect::<Vec<_>>(), "{:?}", String::from_utf8_lossy(raw));
        }
        assert_eq!(text(&parse_entity(b"\r\nFrom: a@x.example").root), "From: a@x.example");
    }

    #[test]
    fn forwarded_mails_are_opened_also_when_encoded() {
        let inner = "From: b@y.example\r\nSubject: inner\r\n\r\nhi";
        let encoded = "RnJvbTogYkB5LmV4YW1wbGUNClN1YmplY3Q6IGlubmVyDQoNCmhp";
        for (encoding, body) in [("7bit", inner), ("base64", encoded)] {
            let raw = format!(
                "From: a@x.example\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n{body}"
            );
            let parsed = parse(raw.as_bytes());
            let Body::Message { raw: octets, mail } = &parsed.root.body else { panic!("{:?}", parsed.root) };
            assert_eq!((octets.as_slice(), mail.header("subject")), (inner.as_bytes(), Some("inner")));
            let place = if encoding == "base64" { 0..raw.len() } else { raw.find("From: b").unwrap()..raw.len() };
            assert_eq!(mail.span, place);
        }
        let digest =
            "From: a@x.example\nContent-Type: multipart/digest; boundary=d\n\n--d\n\nSubject: one\n\nx\n--d--\n";
        assert!(matches!(children(&parse(digest.as_bytes()).root)[0].body, Body::Message { .. }));
    }

    /// Every part and the deepest level of a tree.
    fn measure(part: &Part) -> (usize, usize) {
        let below = match &part.body {
            Body::Multi(children) => children.iter().map(measure).collect(),
            Body::Message { mail, .. } => vec![measure(mail)],
            Body::Leaf { .. } => vec![],
        };
        (1 + below.iter().map(|b| b.0).sum::<usize>(), 1 + below.iter().map(|b| b.1).max().unwrap_or(0))
    }

    #[test]
    fn depth_and_parts_stop_at_their_limits() {
        let nested = |levels: usize| {
            let open: String =
                (0..levels).map(|n| format!("Content-Type: multipart/mixed; boundary=b{n}x\n\n--b{n}x\n")).collect();
            let close: String = (0..levels).rev().map(|n| format!("\n--b{n}x--")).collect();
            format!("{open}\nhi{close}")
        };
        let at_limit = parse(nested(20).as_bytes());
        assert_eq!((measure(&at_limit.root), at_limit.problems), ((21, 21), vec![]));
        let over = parse(nested(21).as_bytes());
        assert_eq!((measure(&over.root), over.problems), ((21, 21), vec![Problem::TooDeep]));
        assert_eq!(measure(&parse(nested(1_000).as_bytes()).root).1, 21);

        let wide =
            |parts: usize| format!("Content-Type: multipart/mixed; boundary=b\n\n{}--b--", "--b\n\nx\n".repeat(parts));
        let at_limit = parse(wide(499).as_bytes());
        assert_eq!((measure(&at_limit.root).0, at_limit.problems), (500, vec![]));
        let over = parse(wide(500).as_bytes());
        assert_eq!((measure(&over.root).0, over.problems), (500, vec![Problem::TooManyParts]));
        assert_eq!(measure(&parse(wide(100_000).as_bytes()).root).0, 500);
        // 50,000 mails in mails are 1.3 MB; one level more than the limit is not opened.
        let russian = "Content-Type: message/rfc822\n\n".repeat(50_000);
        let over = parse(russian.as_bytes());
        assert_eq!((measure(&over.root).1, over.problems), (21, vec![Problem::TooDeep]));
    }

    #[test]
    fn long_headers_are_cut_and_named() {
        for (raw, problem) in [
            (format!("From: a@x.example\r\nSubject: {}\r\n\r\nhi", "x".repeat(64 << 10)), None),
            (
                format!("From: a@x.example\r\nSubject: {}\r\n\r\nhi", "x".repeat((64 << 10) + 1)),
                Some(Problem::HeaderTooLong),
            ),
            (
                format!("From: a@x.example\r\nSubject: {}\r\n\r\nhi", "x\r\n ".repeat(1 << 20)),
                Some(Problem::HeaderTooLong),
            ),
            (format!("From: a@x.example\r\n{}\r\nhi", "X-A: b\r\n".repeat(999)), None),
            (format!("From: a@x.example\r\n{}\r\nhi", "X-A: b\r\n".repeat(1_000)), Some(Problem::TooManyHeaders)),
            (format!("From: a@x.example\r\n{}\r\nhi", "X-A: b\r\n".repeat(1_000_000)), Some(Problem::TooManyHeaders)),
        ] {
            let parsed = parse(raw.as_bytes());
            assert_eq!((parsed.problems.first().copied(), text(&parsed.root)), (problem, "hi"));
            assert!(parsed.root.headers.len() <= 1_000);
        }
    }

    proptest! {
        #[test]
        fn any_octets_give_a_tree_with_true_spans(raw in octets()) {
            for parsed in [parse(&raw), parse_entity(&raw)] {
                check(&parsed.root, raw.len())?;
            }
        }

        #[test]
        fn a_damaged_mail_gives_a_tree(at in 0..SIGNED.len(), with in any::<Vec<u8>>(), cut in 0usize..40) {
            let mut raw = SIGNED.as_bytes().to_vec();
            let end = (at + cut).min(raw.len());
            raw.splice(at..end, with);
            check(&parse(&raw).root, raw.len())?;
        }
    }

    fn octets() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop::sample::select(vec![
            "Content-Type: multipart/mixed; boundary=b\n",
            "Content-Type: message/rfc822\n",
            "--b\n",
            "--b--\n",
            "\r\n",
            "\r",
            "\n",
            "\n",
            "Content-Transfer-Encoding: base64\n",
            "Content-Transfer-Encoding: quoted-printable\n",
            "From: ",
            "=?utf-8?q?",
            "=3D=",
            "?=",
            ";",
            "\"",
            "(",
            "name*0*=utf-7''",
            "%41",
            "aGk=",
            "\0",
            " ",
            "begin 644 a\n",
            "charset=",
            "x",
        ]);
        prop_oneof![
            any::<Vec<u8>>(),
            prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat().into_bytes()),
        ]
    }

    fn check(part: &Part, len: usize) -> Result<(), TestCaseError> {
        prop_assert!(part.span.end <= len && part.span.start <= part.body_span.start);
        prop_assert!(part.body_span.start <= part.body_span.end && part.body_span.end <= part.span.end);
        match &part.body {
            Body::Multi(children) => children.iter().try_for_each(|child| {
                prop_assert!(part.body_span.start <= child.span.start && child.span.end <= part.body_span.end);
                check(child, len)
            }),
            Body::Message { mail, .. } => check(mail, len),
            Body::Leaf { .. } => Ok(()),
        }
    }
}
