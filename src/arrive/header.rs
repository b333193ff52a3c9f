//! Header fields: splitting a block, encoded words, message ids, dates.
//!
//! Hostile data: everything above the blank line. Failure: none; a line that is no field is set
//! aside, limits cut and are named. Limits: 256 KiB a block, 1,000 fields, 64 KiB a field. All of it
//! runs in linear time.

use super::decode;
use crate::rules::report::Problem;
use jiff::Timestamp;
use jiff::civil;
use jiff::tz::Offset;

const BLOCK_LIMIT: usize = 256 << 10;
const FIELD_LIMIT: usize = 64 << 10;
const FIELD_COUNT: usize = 1_000;
/// After so many openings of an encoded word in a field that open none, the rest stays as it is.
const VAIN_WORDS: usize = 100;

/// A header block, and where the body behind it begins.
#[derive(Debug, Default)]
pub struct Block {
    pub fields: Vec<Field>,
    pub body: usize,
    pub problems: Vec<Problem>,
}

/// One header field, unfolded, not yet decoded.
#[derive(Debug, Clone)]
pub struct Field {
    pub name: String,
    pub octets: Vec<u8>,
}

/// Splits the header block at the start of `bytes`; line ends are LF or CRLF.
pub fn split(bytes: &[u8]) -> Block {
    let mut block = Block { body: bytes.len(), ..Block::default() };
    let mut at = 0;
    let mut keep = false;
    while at < bytes.len() {
        let line = line_at(bytes, at);
        let text = without_end(line);
        if text.is_empty() {
            block.body = at + line.len();
            return block;
        }
        let next = at + line.len();
        if matches!(text[0], b' ' | b'\t') && at > 0 {
            // A folded line belongs to its field, also to one that was dropped.
            if let Some(field) = block.fields.last_mut().filter(|_| keep) {
                field.octets.extend_from_slice(text);
            }
        } else if let Some((name, value)) = field_line(text) {
            keep = block.fields.len() < FIELD_COUNT && at < BLOCK_LIMIT;
            if keep {
                block.fields.push(Field { name: String::from_utf8_lossy(name).into_owned(), octets: value.to_vec() });
            } else {
                note(&mut block.problems, Problem::TooManyHeaders);
            }
        } else {
            keep = false;
            note(&mut block.problems, Problem::BadStructure);
            // A stray line among fields is passed over; a delimiter, or where no field follows, is the body.
            let following = without_end(line_at(bytes, next));
            let is_body = field_line(following).is_none_or(|(name, _)| block.fields.is_empty() && !is_usual(name));
            if is_body || text.starts_with(b"--") {
                block.body = at;
                return block;
            }
        }
        if let Some(field) = block.fields.last_mut().filter(|field| field.octets.len() > FIELD_LIMIT) {
            field.octets.truncate(FIELD_LIMIT);
            note(&mut block.problems, Problem::HeaderTooLong);
        }
        at = next;
    }
    block
}

/// The line that begins at `at`, with its end.
fn line_at(bytes: &[u8], at: usize) -> &[u8] {
    let rest = bytes.get(at..).unwrap_or_default();
    rest.iter().position(|&b| b == b'\n').map_or(rest, |end| &rest[..=end])
}

fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// `Name: value`; blanks before the colon are allowed (RFC 5322 4.5.3).
fn field_line(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = text.iter().take(256).position(|&b| b == b':')?;
    let name = text[..colon].trim_ascii_end();
    let good = !name.is_empty() && name.iter().all(|b| (33..127).contains(b));
    good.then(|| (name, text[colon + 1..].trim_ascii()))
}

/// Whether mail usually has a field of that name: tells a header block from a text with colons.
pub fn is_usual(name: &[u8]) -> bool {
    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
    ["content-", "x-", "list-", "resent-", "arc-", "dkim-"].iter().any(|start| name.starts_with(start))
        || [
            "from",
            "to",
            "cc",
            "bcc",
            "subject",
            "date",
            "sender",
            "reply-to",
            "received",
            "return-path",
            "delivered-to",
            "message-id",
            "mime-version",
            "in-reply-to",
            "references",
            "authentication-results",
            "autocrypt",
            "auto-submitted",
            "precedence",
            "status",
        ]
        .contains(&name.as_str())
}

/// Adds a problem once.
pub fn note(problems: &mut Vec<Problem>, problem: Problem) {
    if !problems.contains(&problem) {
        problems.push(problem);
    }
}

/// Fields that hold addresses: their decoded words must not turn into syntax.
fn holds_addresses(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let name = name.strip_prefix("resent-").unwrap_or(&name);
    ["from", "sender", "reply-to", "to", "cc", "bcc", "disposition-notification-to", "errors-to", "apparently-to"]
        .contains(&name)
}

/// The value as text: raw 8-bit octets as UTF-8 or Windows-1252, encoded words decoded (RFC 2047,
/// also where it forbids them), line ends and NUL made visible (T8). In address fields a decoded
/// word with special characters is written as a quoted string, so that the value can still be parsed.
pub fn value(field: &Field) -> String {
    let text = decode::charset(&field.octets, "").0;
    let text = if text.contains("=?") { words(text.trim(), holds_addresses(&field.name)) } else { text };
    text.trim().replace(['\r', '\n', '\0'], "\u{FFFD}")
}

/// Decodes the encoded words in a text.
pub fn words(text: &str, structured: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut place = Place::default();
    let mut rest = text;
    let mut run: Option<(String, Vec<u8>)> = None;
    let mut vain = 0;
    while !rest.is_empty() && vain < VAIN_WORDS {
        if let Some((charset, octets, behind)) = encoded_word(rest) {
            // Words of one charset are joined before decoding: senders cut characters in two.
            match &mut run {
                Some((open, sum)) if open.eq_ignore_ascii_case(charset) => sum.extend_from_slice(&octets),
                _ => {
                    flush(&mut run, structured.then_some(&place), &mut out);
                    run = Some((charset.to_owned(), octets));
                }
            }
            rest = behind;
            let next = rest.trim_start();
            if next.starts_with("=?") && encoded_word(next).is_some() {
                rest = next;
            }
            continue;
        }
        flush(&mut run, structured.then_some(&place), &mut out);
        vain += usize::from(rest.starts_with("=?"));
        // The first character is copied alone, then all up to the next candidate.
        let first = rest.chars().next().map_or(1, char::len_utf8);
        let end = rest[first..].find("=?").map_or(rest.len(), |at| at + first);
        rest[..end].chars().for_each(|c| place.step(c));
        out.push_str(&rest[..end]);
        rest = &rest[end..];
    }
    flush(&mut run, structured.then_some(&place), &mut out);
    out.push_str(rest);
    out
}

/// Where in an address field we are.
#[derive(Default)]
struct Place {
    quoted: bool,
    comments: usize,
    escaped: bool,
}

impl Place {
    fn step(&mut self, c: char) {
        match c {
            _ if self.escaped => self.escaped = false,
            '\\' => self.escaped = true,
            '"' if self.comments == 0 => self.quoted = !self.quoted,
            '(' if !self.quoted => self.comments += 1,
            ')' if !self.quoted => self.comments = self.comments.saturating_sub(1),
            _ => {}
        }
    }
}

fn flush(run: &mut Option<(String, Vec<u8>)>, place: Option<&Place>, out: &mut String) {
    let Some((charset, octets)) = run.take() else { return };
    let text = decode::charset(&octets, &charset).0.replace(['\r', '\n', '\0'], "\u{FFFD}");
    let inside = place.is_some_and(|place| place.quoted || place.comments > 0);
    let special = |c: char| "()<>[]:;@\\,.\"".contains(c);
    let quote = place.is_some() && !inside && text.contains(special);
    if quote {
        out.push('"');
    }
    for c in text.chars() {
        if (inside || quote) && "\"\\()".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    if quote {
        out.push('"');
    }
}

/// `=?charset?B?data?=` at the start of a text: charset, octets, what follows. At most 8 KiB long, so
/// that a flood of openings stays cheap.
fn encoded_word(text: &str) -> Option<(&str, Vec<u8>, &str)> {
    let inner = text.strip_prefix("=?")?;
    let cut = inner.as_bytes().iter().take(64).position(|&b| b == b'?')?;
    let (charset, inner) = (&inner[..cut], &inner[cut + 1..]);
    let encoding = *inner.as_bytes().first()?;
    let data = inner.get(1..)?.strip_prefix('?')?;
    let end = data.as_bytes()[..data.len().min(8 << 10)].windows(2).position(|pair| pair == b"?=")?;
    let (data, behind) = (&data[..end], &data[end + 2..]);
    let charset = charset.split('*').next().filter(|charset| !charset.is_empty() && !charset.contains(' '))?;
    let octets = match encoding {
        b'b' | b'B' => decode::base64(data.as_bytes()).0.into_owned(),
        b'q' | b'Q' => {
            let mut octets = Vec::with_capacity(data.len());
            decode::unescape(data.replace('_', " ").as_bytes(), b'=', &mut octets);
            octets
        }
        _ => return None,
    };
    Some((charset, octets, behind))
}

/// The message ids of a field, with angle brackets: at most 100, of a longer list the first and the
/// last 99. Anything that is no id is passed over; a lone `a@b` counts as one.
pub fn message_ids(field: &str) -> Vec<String> {
    let good = |id: &str| !id.is_empty() && id.len() <= 998 && !id.chars().any(|c| c.is_whitespace() || c.is_control());
    let mut ids = Vec::new();
    let mut rest = field;
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        let end = rest.find(['<', '>']).unwrap_or(rest.len());
        if rest[end..].starts_with('>') && good(&rest[..end]) {
            ids.push(format!("<{}>", &rest[..end]));
        }
        rest = &rest[end..];
    }
    let lone = field.trim();
    if ids.is_empty() && good(lone) && lone.contains('@') && !lone.contains(['<', '>']) {
        ids.push(format!("<{lone}>"));
    }
    if ids.len() > 100 {
        ids.drain(1..ids.len() - 99);
    }
    ids
}

/// A Date field (RFC 5322 3.3 and 4.3), read leniently: the weekday is ignored, unknown zones are UTC.
/// None where it is no date, lies outside 1970 to 2199, or has a zone beyond 14 hours (T20).
pub fn date(field: &str) -> Option<Timestamp> {
    let text = without_comments(field.get(..field.len().min(200)).unwrap_or(""));
    let text = text.replace([',', '-'], " ").replace('+', " +");
    let minus = field.contains(" -");
    let mut tokens = text.split_whitespace().skip_while(|token| !token.starts_with(|c: char| c.is_ascii_digit()));
    let day: i8 = tokens.next()?.parse().ok()?;
    let month = month(tokens.next()?)?;
    let year = match tokens.next()? {
        text if text.len() == 4 => text.parse::<i16>().ok()?,
        text if text.len() <= 3 => {
            text.parse::<i16>().ok().map(|year| if year < 50 { 2000 + year } else { 1900 + year })?
        }
        _ => return None,
    };
    let mut clock = tokens.next()?.splitn(3, [':', '.']);
    let hour: i8 = clock.next()?.parse().ok()?;
    let minute: i8 = clock.next()?.parse().ok()?;
    let second: i8 = clock.next().and_then(|text| text.get(..2)).map_or(Some(0), |text| text.parse().ok())?;
    let offset = zone(tokens.next().unwrap_or("UTC"), minus)?;
    let civil = civil::DateTime::new(year, month, day, hour, minute, second.min(59), 0).ok()?;
    let offset = Offset::from_seconds(offset).ok()?;
    ((1970..2200).contains(&year)).then(|| offset.to_timestamp(civil).ok()).flatten()
}

fn month(token: &str) -> Option<i8> {
    let names = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let token = token.to_ascii_lowercase();
    names.iter().zip(1..).find(|(name, _)| token.starts_with(**name)).map(|(_, number)| number)
}

/// Seconds east of UTC.
fn zone(token: &str, minus: bool) -> Option<i32> {
    let digits = token.trim_start_matches('+');
    if digits.starts_with(|c: char| c.is_ascii_digit()) {
        // Four digits at most: a larger number is no zone and must not be computed with.
        let number = digits.replace(':', "").parse::<u16>().ok().filter(|number| *number <= 1_400).map(i32::from)?;
        let seconds = (number / 100) * 3600 + (number % 100) * 60;
        let sign = if minus && !token.starts_with('+') { -1 } else { 1 };
        return (number % 100 < 60 && seconds <= 14 * 3600).then_some(sign * seconds);
    }
    let hours = match token.to_ascii_uppercase().as_str() {
        "EDT" => -4,
        "EST" | "CDT" => -5,
        "CST" | "MDT" => -6,
        "MST" | "PDT" => -7,
        "PST" => -8,
        "CET" | "MET" => 1,
        "CEST" | "MEST" => 2,
        _ => 0,
    };
    Some(hours * 3600)
}

fn without_comments(text: &str) -> String {
    let mut depth = 0usize;
    text.chars()
        .filter(|&c| {
            let was = depth;
            match c {
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                _ => {}
            }
            was == 0 && depth == 0
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(name: &str, octets: &[u8]) -> String {
        value(&Field { name: name.to_owned(), octets: octets.to_vec() })
    }

    #[test]
    fn encoded_words_are_decoded_as_people_write_them() {
        for (raw, wanted) in [
            (&b"plain"[..], "plain"),
            (b"=?utf-8?Q?caf=C3=A9_cr=C3=A8me?=", "café crème"),
            (b"=?ISO-8859-1*fr?q?caf=E9?= and =?utf-8?B?w6k=?=", "café and é"),
            (b"=?utf-8?q?a?= \t =?UTF-8?q?b?=", "ab"),
            (b"=?utf-8?q?=C3?= =?utf-8?q?=A9?=", "é"),
            (b"[=?utf-8?q?URGENT?=]", "[URGENT]"),
            (b"=?utf-8?q?with space?=", "with space"),
            (b"=?utf-8?x?y?= =?utf-8?q?open", "=?utf-8?x?y?= =?utf-8?q?open"),
            (b"=?utf-8?b?DQpCY2M6IGFAYi5jAA==?=", "\u{FFFD}\u{FFFD}Bcc: a@b.c\u{FFFD}"),
            (b"=?utf-7?q?+ADw-?=", "+ADw-"),
            (b"caf\xe9", "café"),
            (b"caf\xc3\xa9", "café"),
        ] {
            assert_eq!(decoded("Subject", raw), wanted, "{:?}", String::from_utf8_lossy(raw));
        }
    }

    #[test]
    fn decoded_words_never_become_address_syntax() {
        let only = |field: &[u8]| {
            crate::arrive::addresses::only_address(&decoded("From", field)).map(|(n, a)| (n, a.to_string()))
        };
        let evil = "e@x.example".to_owned();
        for (field, name) in [
            (&b"=?utf-8?q?Doe=2C_John?= <e@x.example>"[..], "Doe, John"),
            (b"=?utf-8?q?boss=40corp.example=3E=2C?= <e@x.example>", "boss@corp.example>,"),
            (b"\"=?utf-8?q?=22_=3Cboss=40corp.example=3E=2C?=\" <e@x.example>", "\" <boss@corp.example>,"),
            (b"x (=?utf-8?q?=29_=3Cboss=40corp.example=3E_=28?=) <e@x.example>", "x"),
        ] {
            assert_eq!(only(field), Some((name.to_owned(), evil.clone())));
        }
    }

    #[test]
    fn ids_are_found_among_junk_and_capped() {
        assert_eq!(message_ids("<a@b> junk <c@d>\t<>< e@f><g>"), ["<a@b>", "<c@d>", "<g>"]);
        assert_eq!(message_ids("a@b"), ["<a@b>"]);
        assert_eq!(message_ids("Message of Monday"), [""; 0]);
        let many: String = (0..5_000).map(|n| format!("<{n}@x>")).collect();
        let ids = message_ids(&many);
        assert_eq!((ids.len(), ids[0].as_str(), ids[99].as_str()), (100, "<0@x>", "<4999@x>"));
        message_ids(&"<".repeat(1_000_000));
    }

    #[test]
    fn dates_are_read_leniently_and_nonsense_is_no_date() {
        for (field, wanted) in [
            ("Fri, 27 Nov 2026 18:01:02 +0100", "2026-11-27T17:01:02Z"),
            ("Wed, 18 June 2019 10:00 +0200 (CEST)", "2019-06-18T08:00:00Z"),
            ("18 Jun 19 10:00:00 EST", "2019-06-18T15:00:00Z"),
            ("Tue, 1 Jul 2003 10:52:37 -0130", "2003-07-01T12:22:37Z"),
            ("1 Jan 2026 00:00:00 GMT", "2026-01-01T00:00:00Z"),
            ("1 Jan 2026 00:00:60", "2026-01-01T00:00:59Z"),
            ("Mon (a (b)), 2 Feb 2026 3:04:05 Z", "2026-02-02T03:04:05Z"),
        ] {
            assert_eq!(date(field).map(|t| t.to_string()).as_deref(), Some(wanted), "{field}");
        }
        let deep = "(".repeat(100_000);
        for field in [
            "",
            "yesterday",
            "31 Feb 2026 10:00:00 +0000",
            "1 Jan 9999 00:00:00 +0000",
            "1 Jan 1900 00:00:00 Z",
            "1 Jan 2026 00:00:00 +9999",
            "1 Jan 2026 00:00:00 +2147483647",
            "1 Jan 2026 00:00:00 -2147483648",
            "1 Jan 2026 00:00:00 99999999999999999999",
            "127 Jan -128 127:127:127 +1400",
            "1 Jan 2026 25:00:00 Z",
            "1 Xyz 2026 00:00:00 Z",
            "é 1 Jan",
            &deep,
        ] {
            assert_eq!(date(field), None, "{field:.20}");
        }
    }

    #[test]
    fn openings_that_open_nothing_are_tried_so_often_and_no_more() {
        let word = "=?utf-8?q?=C3=A9?=";
        for (vain, wanted) in [(99, "é"), (100, word)] {
            let flood = "=?a?x?b?= ".repeat(vain);
            assert_eq!(words(&format!("{flood}{word}"), false), format!("{flood}{wanted}"));
        }
    }

    #[test]
    fn floods_are_cheap() {
        for flood in ["=?utf-8?q?", "=?a?b?", "=?a?q?b?= ", "=?", "=?utf-8?b?!!!", "?="] {
            words(&flood.repeat(64 * 1024 / flood.len()), true);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_octets_break_it(octets in proptest::prelude::any::<Vec<u8>>(), text in "[-=?a1<>@:,+ ()*;\"]{0,80}|\\PC{0,80}") {
            decoded("From", &octets);
            decoded("From", text.as_bytes());
            message_ids(&text);
            date(&text);
        }
    }
}
