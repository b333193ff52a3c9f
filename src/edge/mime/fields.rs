//! Header fields: one line each as others see it, ASCII, folded, whatever is put in (T70).
//!
//! Hostile data: subjects, names and Message-IDs that reporters wrote. Failure: none; a
//! character that is no text becomes a blank, an ID that is none is left out.

use crate::rules::address::Address;
use crate::rules::untrusted::Untrusted;
use email_encoding::headers::writer::EmailWriter;
use email_encoding::headers::{quoted_string, rfc2047, rfc2231};
use std::fmt::Write;

/// Most octets of a References field (reference A8.3).
const MOST_REFERENCES: usize = 4096;
/// IDs kept beside the first one.
const LAST_REFERENCES: usize = 20;

/// A header field, encoded and folded, without the final CRLF.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    pub name: &'static str,
    pub value: String,
}

impl Field {
    /// Free text (RFC 5322 3.6.5), encoded where it is not plain ASCII.
    pub fn text(name: &'static str, text: &str) -> Field {
        let text = one_line(text);
        let value =
            written(name, |w| if is_plain(&text) { w.folding().write_str(&text) } else { rfc2047::encode(&text, w) });
        Field { name, value }
    }

    /// Fixed words of ours, ASCII and short.
    pub fn fixed(name: &'static str, words: &'static str) -> Field {
        Field { name, value: words.to_owned() }
    }

    /// One address with its display name.
    pub fn mailbox(name: &'static str, display: &str, address: &Address) -> Field {
        let display = one_line(display);
        if display.is_empty() {
            return Field::addresses(name, std::slice::from_ref(address));
        }
        let mut value = written(name, |w| {
            if is_plain(&display) { quoted_string::encode(&display, w) } else { rfc2047::encode(&display, w) }
        });
        let last = value.rsplit("\r\n").next().unwrap_or_default().len();
        value.push_str(if last + address.as_str().len() > 60 { "\r\n <" } else { " <" });
        value.push_str(address.as_str());
        value.push('>');
        Field { name, value }
    }

    /// Addresses without names, one a line.
    pub fn addresses(name: &'static str, addresses: &[Address]) -> Field {
        let value = addresses.iter().map(Address::as_str).collect::<Vec<_>>().join(",\r\n ");
        Field { name, value }
    }

    /// Message-IDs, one a line; None if there is none. Keeps the first and the last 20, within 4 KiB.
    pub fn ids(name: &'static str, ids: &[String]) -> Option<Field> {
        let mut ids: Vec<&str> = ids.iter().map(String::as_str).filter(|id| is_id(id)).collect();
        while ids.len() > 1 + LAST_REFERENCES
            || ids.len() > 1 && ids.iter().map(|id| id.len() + 3).sum::<usize>() > MOST_REFERENCES
        {
            ids.remove(1);
        }
        (!ids.is_empty()).then(|| Field { name, value: ids.join("\r\n ") })
    }

    /// `HP-Outer`: what this field looks like outside (RFC 9788 2.2).
    pub fn outer(&self) -> Field {
        Field { name: "HP-Outer", value: format!("{}: {}", self.name, self.value) }
    }
}

impl std::fmt::Display for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}\r\n", self.name, self.value)
    }
}

/// `; key="value"` for a Content-Disposition or Content-Type, by RFC 2231 where it must be.
pub fn parameter(key: &str, value: &str) -> String {
    let value = one_line(value);
    let mut out = ";\r\n ".to_owned();
    // Writing into a String does not fail.
    let _ = rfc2231::encode(key, &value, &mut EmailWriter::new(&mut out, 1, 0, false));
    // A long value starts a line of its own; two line ends in a row would end the header.
    out.replace(";\r\n \r\n", ";\r\n")
}

/// A media type `type/subtype` that we may declare for octets of unknown origin.
pub fn media_type(wanted: &str) -> &str {
    let token = |t: &str| {
        !t.is_empty() && t.len() <= 60 && t.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&b))
    };
    match wanted.split_once('/') {
        // These two may not be base64 (RFC 2046 5.1, 5.2), and would be taken for a part of our own mail.
        Some((kind, _)) if ["multipart", "message"].iter().any(|k| kind.eq_ignore_ascii_case(k)) => GENERIC,
        Some((kind, subtype)) if token(kind) && token(subtype) => wanted,
        _ => GENERIC,
    }
}

const GENERIC: &str = "application/octet-stream";

/// Whether this is a Message-ID in its plain form: `<`, printable ASCII, `>`.
pub fn is_id(id: &str) -> bool {
    let inner = id.strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
    inner.is_some_and(|inner| {
        (1..=500).contains(&inner.len()) && inner.bytes().all(|b| b.is_ascii_graphic() && b != b'<' && b != b'>')
    })
}

/// Whether the text can stand in a header as it is: ASCII that folds and is no encoded word.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|b| (b' '..=b'~').contains(&b))
        && !text.contains("=?")
        && text.split(' ').all(|word| word.len() <= 50)
}

fn one_line(text: &str) -> String {
    Untrusted::from(text).header().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn written(name: &str, write: impl FnOnce(&mut EmailWriter<'_>) -> std::fmt::Result) -> String {
    let mut value = String::new();
    // Writing into a String does not fail. HP-Outer puts its own name before ours.
    let _ = write(&mut EmailWriter::new(&mut value, name.len() + "HP-Outer: : ".len(), 0, false));
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a field back as a receiver does.
    fn read_back(field: &Field) -> String {
        let mail = format!("{field}\r\n");
        let lines: Vec<&str> = mail.split("\r\n").collect();
        assert!(mail.is_ascii() && !mail.replace("\r\n", "").contains(['\r', '\n', '\0']), "{mail:?}");
        assert!(lines.iter().all(|line| line.len() <= 78), "{mail:?}");
        assert!(
            lines[1..lines.len() - 2].iter().all(|line| line.starts_with(' ') && !line.trim().is_empty()),
            "{mail:?}"
        );
        let parsed = mail_parser::MessageParser::default().parse(mail.as_bytes()).unwrap();
        assert_eq!(parsed.headers().len(), 1, "{mail:?}");
        match field.name {
            "Subject" => parsed.subject().unwrap_or_default().to_owned(),
            _ => {
                let from = parsed.from().unwrap().first().unwrap();
                assert_eq!(from.address(), Some("csirt@example.org"), "{mail:?}");
                from.name().unwrap_or_default().to_owned()
            }
        }
    }

    #[test]
    fn no_character_of_unicode_breaks_out_of_its_field() {
        let team = Address::parse("csirt@example.org").unwrap();
        let all: Vec<char> = (0..=0x10FFFF).filter_map(char::from_u32).collect();
        // Those that are special somewhere stand alone, the rest in company.
        let (special, rest) = all.split_at(0x300);
        for chars in special.chunks(1).chain(rest.chunks(61)) {
            let text: String = format!("a{}b", chars.iter().collect::<String>());
            let expected = one_line(&text);
            assert_eq!(read_back(&Field::text("Subject", &text)), expected);
            assert_eq!(read_back(&Field::mailbox("From", &text, &team)), expected);
        }
    }

    #[test]
    fn any_text_reads_back() {
        use proptest::prelude::*;
        let team = Address::parse("csirt@example.org").unwrap();
        let text =
            prop_oneof!["\\PC{0,300}", "[ -~]{0,300}", "(=\\?|\\?=|utf-8|[a ,<>@\"\\\\()\r\n]){0,60}", "a{60,200}"];
        proptest!(|(text in text)| {
            let expected = one_line(&text);
            prop_assert_eq!(read_back(&Field::text("Subject", &text)), expected.clone());
            prop_assert_eq!(read_back(&Field::mailbox("From", &text, &team)), expected);
        });
    }

    #[test]
    fn references_keep_the_first_and_the_last() {
        let many: Vec<String> = (0..100).map(|i| format!("<{i}@example.org>")).collect();
        let value = Field::ids("References", &many).unwrap().value;
        let kept: Vec<&str> = value.split("\r\n ").collect();
        assert_eq!(
            (kept.len(), kept[0], kept[1], kept[20]),
            (21, "<0@example.org>", "<80@example.org>", "<99@example.org>")
        );

        let long: Vec<String> = (0..30).map(|i| format!("<{i}{}@example.org>", "x".repeat(400))).collect();
        let value = Field::ids("References", &long).unwrap().value;
        assert!(value.len() <= 4096 && value.starts_with("<0x") && value.contains("<29x"));

        let hostile = ["<a@b>\r\nBcc: c@d", "<a b@c>", "a@b", "<>", "<é@b>", "<a<b@c>", "<a@b>\0"].map(str::to_owned);
        assert_eq!(Field::ids("References", &hostile), None);
    }

    #[test]
    fn file_names_read_back() {
        for (name, expected) in [
            ("key.asc", "key.asc"),
            ("a \"b\" \\ c.txt", "a \"b\" \\ c.txt"),
            ("faktúra.pdf", "faktúra.pdf"),
            ("x\"\r\nBcc: y.txt", "x\" Bcc: y.txt"),
            ("gpj\u{202E}exe", "gpj exe"),
        ] {
            let mail = format!(
                "Content-Type: text/plain\r\nContent-Disposition: attachment{}\r\n\r\nx",
                parameter("filename", name)
            );
            let parsed = mail_parser::MessageParser::default().parse(mail.as_bytes()).unwrap();
            use mail_parser::MimeHeaders;
            assert_eq!(parsed.parts[0].attachment_name(), Some(expected), "{mail:?}");
            assert_eq!(parsed.headers().len(), 2, "{mail:?}");
        }
        let long = parameter("filename", &"é".repeat(200));
        assert!(long.split("\r\n").all(|line| line.len() <= 78) && !long.contains("\r\n\r\n"), "{long}");
    }

    #[test]
    fn media_types_of_strangers_stay_leaves() {
        for (wanted, given) in [
            ("text/x-log", "text/x-log"),
            ("application/pgp-keys", "application/pgp-keys"),
            ("message/rfc822", GENERIC),
            ("Multipart/mixed", GENERIC),
            ("text/plain\r\nBcc: x", GENERIC),
            ("text/plain; hp=cipher", GENERIC),
            ("text", GENERIC),
            ("", GENERIC),
        ] {
            assert_eq!(media_type(wanted), given, "{wanted:?}");
        }
    }
}
