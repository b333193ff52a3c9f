//! The subject of a mail that cannot be read, for the one question whether it asks to be urgent.
//!
//! Hostile data: a mail that broke its reader. Failure: an empty subject. Apart from the reader on
//! purpose: it looks at the first 64 KiB, splits lines, and where the decoding of encoded words
//! breaks too, the raw words stand.

use super::header;
use std::panic::catch_unwind;

const HEAD: usize = 64 << 10;
const SUBJECT: usize = 1_000;

/// The first outer Subject, unfolded and decoded, at most 1,000 octets before decoding.
pub fn subject(raw: &[u8]) -> String {
    let mut found: Option<Vec<u8>> = None;
    for line in raw[..raw.len().min(HEAD)].split(|&b| b == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let is_folded = line.starts_with(b" ") || line.starts_with(b"\t");
        match &mut found {
            Some(subject) if is_folded && subject.len() < SUBJECT => subject.extend_from_slice(line),
            Some(_) => break,
            None if line.is_empty() => break,
            None if line.len() >= 8 && line[..8].eq_ignore_ascii_case(b"subject:") => found = Some(line[8..].to_vec()),
            None => {}
        }
    }
    let mut subject = found.unwrap_or_default();
    subject.truncate(SUBJECT);
    let text = String::from_utf8_lossy(&subject).trim().to_owned();
    catch_unwind(|| header::words(&text, false)).unwrap_or(text).replace(['\r', '\n', '\0'], "\u{FFFD}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_subject_is_found_and_nothing_below_the_header() {
        for (raw, wanted) in [
            ("From: a\r\nSubject: [URGENT]\r\n down\r\nTo: b\r\n\r\nx", "[URGENT] down"),
            ("SUBJECT:=?utf-8?q?=5BURGENT=5D?=\nSubject: two\n\n", "[URGENT]"),
            ("From: a\n\nSubject: body", ""),
            ("", ""),
            ("\nSubject: x", ""),
            ("Subject:", ""),
        ] {
            assert_eq!(subject(raw.as_bytes()), wanted);
        }
        assert_eq!(subject(&[b"Subject: ".as_slice(), &[0xFF; 1 << 20]].concat()).chars().count(), SUBJECT - 1);
    }
}
