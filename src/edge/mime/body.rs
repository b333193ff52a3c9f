//! Transfer encodings that survive every relay: 7-bit, short lines, nothing that a relay
//! likes to change (RFC 3156 3).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt::Write;

const LINE: usize = 76;

/// Quoted-printable (RFC 2045 6.7) of text with any line ends; ends with CRLF.
///
/// Beside what must be, it encodes blanks at the end of a line, `From ` and dots at its
/// start, and dashes there, so that no line can look like a boundary or like armour.
pub fn quoted_printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    for line in text.strip_suffix('\n').unwrap_or(&text).split('\n') {
        let mut width = 0;
        for (at, octet) in line.bytes().enumerate() {
            let last = at + 1 == line.len();
            let plain = match octet {
                b'=' => false,
                b' ' | b'\t' => !last,
                b'.' | b'-' => width > 0,
                b'F' => width > 0 || !line[at..].starts_with("From "),
                _ => octet.is_ascii_graphic(),
            };
            let needs = if plain { 1 } else { 3 };
            // One octet is kept for the `=` of a soft line break.
            if width + needs > LINE - usize::from(!last) {
                out.push_str("=\r\n");
                width = 0;
                // The first octet of a continued line is encoded: it may look like anything.
            }
            if plain && !(width == 0 && at > 0) {
                out.push(char::from(octet));
                width += 1;
            } else {
                // Writing into a String does not fail.
                let _ = write!(out, "={octet:02X}");
                width += 3;
            }
        }
        out.push_str("\r\n");
    }
    out
}

/// Base64 in lines of 76; ends with CRLF unless it is empty.
pub fn base64(octets: &[u8]) -> String {
    let whole = STANDARD.encode(octets);
    let mut out = String::with_capacity(whole.len() + whole.len() / LINE * 2 + 2);
    let mut rest = whole.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(LINE));
        out.push_str(line);
        out.push_str("\r\n");
        rest = more;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read_back(transfer: &str, encoded: &str) -> Vec<u8> {
        let mail = format!("Content-Type: application/x\r\nContent-Transfer-Encoding: {transfer}\r\n\r\n{encoded}");
        let parsed = mail_parser::MessageParser::default().parse(mail.as_bytes()).unwrap();
        parsed.parts[0].contents().to_vec()
    }

    #[test]
    fn what_relays_like_to_change_is_encoded() {
        for (text, encoded) in [
            ("", "\r\n"),
            ("a", "a\r\n"),
            ("a\n", "a\r\n"),
            ("a\n\n", "a\r\n\r\n"),
            ("a\r\nb\rc\n", "a\r\nb\r\nc\r\n"),
            ("blank \ntab\t", "blank=20\r\ntab=09\r\n"),
            ("From me\nFromage", "=46rom me\r\nFromage\r\n"),
            (".\n..", "=2E\r\n=2E.\r\n"),
            ("-- \n--x", "=2D-=20\r\n=2D-x\r\n"),
            ("é=\0", "=C3=A9=3D=00\r\n"),
        ] {
            assert_eq!(quoted_printable(text), encoded, "{text:?}");
        }
    }

    #[test]
    fn any_text_survives_in_short_lines_of_ascii() {
        let text =
            prop_oneof!["\\PC{0,300}", "(?s).{0,200}", "[-. From=é\t]{0,300}", "a{70,80}", "a{70,80} ", "é{20,30}\n"];
        proptest!(|(text in text)| {
            let encoded = quoted_printable(&text);
            prop_assert!(encoded.ends_with("\r\n") && encoded.is_ascii());
            for line in encoded.split("\r\n") {
                prop_assert!(line.len() <= 76 && !line.contains(['\r', '\n']) && !line.ends_with([' ', '\t']));
                prop_assert!(!line.starts_with(['.', '-']) && !line.starts_with("From "));
            }
            let unix = text.replace("\r\n", "\n").replace('\r', "\n");
            let expected = format!("{}\n", unix.strip_suffix('\n').unwrap_or(&unix)).replace('\n', "\r\n");
            prop_assert_eq!(String::from_utf8(read_back("quoted-printable", &encoded)).unwrap(), expected);
        });
    }

    #[test]
    fn any_octets_survive_base64() {
        proptest!(|(octets in proptest::collection::vec(any::<u8>(), 0..400))| {
            let encoded = base64(&octets);
            prop_assert!(encoded.split("\r\n").all(|line| line.len() <= 76));
            prop_assert_eq!(read_back("base64", &encoded), octets);
        });
    }
}
