//! Where mails and body parts begin and end.
//!
//! Hostile data: the octets of mail, line ends LF or CRLF. Failure: none; `Split` tells what is odd.
//! Linear time.

use std::ops::Range;

/// How many octets precede the header: blank lines and an mbox `From ` line.
pub fn length_of_preface(lines: &[u8]) -> usize {
    let is_preface =
        |line: &&[u8]| line.trim_ascii().is_empty() || line.starts_with(b"From ") || line.starts_with(b">From ");
    lines.split_inclusive(|&b| b == b'\n').take_while(is_preface).map(<[u8]>::len).sum()
}

/// Where the body parts of a multipart lie.
#[derive(Default)]
pub struct Split {
    pub spans: Vec<Range<usize>>,
    /// A closing delimiter came.
    pub closed: bool,
    /// And parts behind it.
    pub reopened: bool,
}

/// Finds the body parts (RFC 2046 5.1.1): a delimiter is a whole line, blanks at its end allowed, and
/// the line end before it belongs to it. Stops after `limit` parts.
pub fn split_at(lines: &[u8], body: &Range<usize>, boundary: &[u8], limit: usize) -> Split {
    let mut split = Split::default();
    let mut open: Option<usize> = None;
    let mut at = body.start;
    for line in lines[body.clone()].split_inclusive(|&b| b == b'\n') {
        let next = at + line.len();
        let rest = line.strip_prefix(b"--").and_then(|rest| rest.strip_prefix(boundary)).map(<[u8]>::trim_ascii_end);
        if let Some(rest @ (b"" | b"--")) = rest {
            if let Some(start) = open.take() {
                split.spans.push(start..end_before(lines, start, at));
            }
            if split.spans.len() >= limit {
                split.closed = true;
                return split;
            }
            split.reopened |= split.closed && rest.is_empty();
            split.closed |= rest == b"--";
            open = rest.is_empty().then_some(next);
        }
        at = next;
    }
    if let Some(start) = open {
        split.spans.push(start..body.end);
        split.closed = false;
    }
    split
}

/// The end of a part whose delimiter begins at `at`.
fn end_before(lines: &[u8], start: usize, at: usize) -> usize {
    let part = &lines[start..at];
    let part = part.strip_suffix(b"\n").unwrap_or(part);
    start + part.strip_suffix(b"\r").unwrap_or(part).len()
}
