//! Transfer encodings and charsets: octets to octets, octets to text.
//!
//! Hostile data: the bodies and header words of mails. Failure: none; what is not well-formed is
//! decoded as far as it goes and reported by the second value. UTF-7 is never decoded (T7): it hides
//! markup from every reader but one. The only file that touches mail-parser, for its tables; the tree
//! itself is ours, because its limits and its doubts (`Part::ambiguous`) must come from the same eyes
//! that split it.

use crate::rules::report::Problem;
use mail_parser::decoders::{base64::base64_decode, charsets::map::charset_decoder, html::add_html_token};
use std::borrow::Cow;

/// Undoes a Content-Transfer-Encoding (RFC 2045 6, and the old uuencode). `false`: something in
/// `bytes` was not of that encoding, or the encoding is not known and the octets are as they came.
pub fn transfer<'a>(bytes: &'a [u8], encoding: &str) -> (Cow<'a, [u8]>, bool) {
    match encoding {
        "" | "7bit" | "8bit" | "binary" => (Cow::Borrowed(bytes), true),
        "base64" => base64(bytes),
        "quoted-printable" => quoted_printable(bytes),
        "x-uuencode" | "uuencode" | "x-uue" | "uue" => uuencode(bytes),
        _ => (Cow::Borrowed(bytes), false),
    }
}

/// Base64 with whatever stands between its letters. Text behind it (the footers of mailing lists) is
/// no data: the first foreign line, if no full line of letters follows.
pub fn base64(bytes: &[u8]) -> (Cow<'_, [u8]>, bool) {
    let is_letter = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=');
    if let Some(decoded) = base64_decode(bytes) {
        let letters = bytes.iter().filter(|b| is_letter(b) && **b != b'=').count();
        return (Cow::Owned(decoded), letters % 4 != 1);
    }
    let mut footer = None;
    let mut at = 0;
    for line in bytes.split_inclusive(|&b| b == b'\n') {
        let text = line.trim_ascii();
        match text.iter().all(is_letter) {
            true if text.len() >= 60 => footer = None,
            false if at > 0 && footer.is_none() => footer = Some(at),
            _ => {}
        }
        at += line.len();
    }
    let data = &bytes[..footer.unwrap_or(bytes.len())];
    let letters: Vec<u8> = data.iter().copied().filter(is_letter).collect();
    (Cow::Owned(base64_decode(&letters).unwrap_or_default()), false)
}

/// Quoted-printable; an `=` that stands for nothing stays as it is.
fn quoted_printable(bytes: &[u8]) -> (Cow<'_, [u8]>, bool) {
    let mut out = Vec::with_capacity(bytes.len());
    let mut good = true;
    for line in bytes.split_inclusive(|&b| b == b'\n') {
        let text = line.trim_ascii_end();
        let end: &[u8] = match line {
            [.., b'\r', b'\n'] => b"\r\n",
            [.., b'\n'] => b"\n",
            _ => b"",
        };
        let (text, end) = match text.strip_suffix(b"=") {
            Some(text) => (text, &b""[..]),
            None => (text, end),
        };
        good &= unescape(text, b'=', &mut out);
        out.extend_from_slice(end);
    }
    (Cow::Owned(out), good)
}

/// Replaces `=41` (or `%41`) by its octet.
pub fn unescape(text: &[u8], escape: u8, out: &mut Vec<u8>) -> bool {
    let hex = |b: Option<&u8>| b.and_then(|b| (*b as char).to_digit(16));
    let mut good = true;
    let mut at = 0;
    while at < text.len() {
        match (text[at] == escape, hex(text.get(at + 1)), hex(text.get(at + 2))) {
            (true, Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 3;
            }
            (escaped, ..) => {
                good &= !escaped;
                out.push(text[at]);
                at += 1;
            }
        }
    }
    good
}

fn uuencode(bytes: &[u8]) -> (Cow<'_, [u8]>, bool) {
    let mut out = Vec::with_capacity(bytes.len());
    let mut open = false;
    for line in bytes.split(|&b| b == b'\n').map(|line| line.trim_ascii_end()) {
        if !open {
            open = line.starts_with(b"begin");
            continue;
        }
        if line == b"end" {
            return (Cow::Owned(out), true);
        }
        let value = |at: usize| line.get(at).map_or(0, |b| b.wrapping_sub(32) & 63);
        let wanted = out.len() + usize::from(value(0)) * usize::from(!line.is_empty());
        for at in (1..line.len()).step_by(4) {
            let [a, b, c, d] = [value(at), value(at + 1), value(at + 2), value(at + 3)];
            out.extend_from_slice(&[a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d]);
        }
        out.truncate(wanted);
    }
    if open { (Cow::Owned(out), false) } else { (Cow::Borrowed(bytes), false) }
}

/// Text in UTF-8. Without a charset, or with US-ASCII, UTF-8 is taken where it fits, else
/// Windows-1252. A charset that we do not know gives replacement characters and `UnknownCharset`.
pub fn charset(bytes: &[u8], label: &str) -> (String, Option<Problem>) {
    let label = label.trim().trim_matches(['"', '\'']).to_ascii_lowercase();
    let word = label.split([' ', ';', ',']).next().unwrap_or("");
    let is_utf8 = matches!(word, "utf-8" | "utf8" | "utf_8" | "unicode-1-1-utf-8" | "x-utf-8");
    let is_plain = matches!(word, "" | "us-ascii" | "ascii" | "ansi_x3.4-1968" | "us_ascii" | "7bit" | "8bit");
    let is_utf7 = word.contains("utf") && word.contains('7');
    match std::str::from_utf8(bytes) {
        Ok(text) if is_utf8 || is_plain => return (text.to_owned(), None),
        Err(_) if is_utf8 => return (String::from_utf8_lossy(bytes).into_owned(), Some(Problem::BadEncoding)),
        _ => {}
    }
    let name = if is_plain { "windows-1252" } else { word };
    match charset_decoder(name.as_bytes()) {
        Some(decode) if !is_utf7 => (decode(bytes), is_plain.then_some(Problem::UnknownCharset)),
        _ => (String::from_utf8_lossy(bytes).into_owned(), Some(Problem::UnknownCharset)),
    }
}

/// Text of HTML with its character references decoded; what is none stays as it is. A name without
/// its `;` is a reference only where every reader takes it for one.
pub fn entities(html: &str) -> Cow<'_, str> {
    if !html.contains('&') {
        return Cow::Borrowed(html);
    }
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let length = reference(rest, &mut out);
        if length == 0 {
            out.push('&');
        }
        rest = &rest[length.max(1)..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Decodes the reference that starts `rest`; gives its length, 0 if there is none.
fn reference(rest: &str, out: &mut String) -> usize {
    let is_word = |b: &u8| b.is_ascii_alphanumeric() || *b == b'#';
    let end = 1 + rest.bytes().skip(1).take(32).take_while(is_word).count();
    let is_closed = rest.as_bytes().get(end) == Some(&b';');
    let length = end + usize::from(is_closed);
    let word = &rest[1..end];
    if let Some(number) = word.strip_prefix('#') {
        let hex = number.strip_prefix(['x', 'X']);
        let code = hex.map_or_else(|| number.parse().ok(), |digits| u32::from_str_radix(digits, 16).ok());
        let Some(code) = code else { return 0 };
        match code {
            // Named by their place in Windows-1252 (HTML, 13.2.5.80).
            0x80..=0x9F => out.push_str(&charset(&[code as u8], "windows-1252").0),
            0 => out.push('\u{FFFD}'),
            code => out.push(char::from_u32(code).unwrap_or('\u{FFFD}')),
        }
        return length;
    }
    if !is_closed && !matches!(word, "amp" | "lt" | "gt" | "quot" | "nbsp") {
        return 0;
    }
    let token = format!("&{word};");
    let before = out.len();
    add_html_token(out, token.as_bytes(), false);
    if out[before..] == token {
        out.truncate(before);
        return 0;
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transfer_encodings_are_undone_as_far_as_they_go() {
        for (encoding, text, wanted, good) in [
            ("base64", "aGVs\r\nbG8=\r\n", "hello", true),
            ("base64", "aGVsbG8", "hello", true),
            ("base64", "aGVsbG8=\r\n____\r\nA list footer", "hello", false),
            ("base64", "aGVsbG8h\n____\nA list footer", "hello!", false),
            ("base64", "aG!Vs*bG8", "hello", false),
            ("base64", "a", "", false),
            ("quoted-printable", "a=3Db=\r\nc  \r\nd", "a=bc\r\nd", true),
            ("quoted-printable", "100=% =4", "100=% =4", false),
            ("quoted-printable", "end=", "end", true),
            ("x-uuencode", "begin 644 a.txt\n%:&5L;&\\\n`\nend\n", "hello", true),
            ("x-uuencode", "no data", "no data", false),
            ("7bit", "a=3D", "a=3D", true),
            ("rot13", "a", "a", false),
        ] {
            let (bytes, was_good) = transfer(text.as_bytes(), encoding);
            assert_eq!((String::from_utf8_lossy(&bytes).as_ref(), was_good), (wanted, good), "{encoding} {text:?}");
        }
    }

    #[test]
    fn references_are_decoded_and_everything_else_stays() {
        for (html, wanted) in [
            ("a &amp; b &lt;c&gt; &eacute;&#233;&#xE9;&#146;", "a & b <c> \u{E9}\u{E9}\u{E9}\u{2019}"),
            ("&amp &#65 &#x42", "& A B"),
            ("?a=1&copy=2&b;&;&#;&#x;&", "?a=1&copy=2&b;&;&#;&#x;&"),
            ("&#0;&#xD800;&#99999999;&#99999999999999;", "\u{FFFD}\u{FFFD}\u{FFFD}&#99999999999999;"),
        ] {
            assert_eq!(entities(html), wanted);
        }
        assert_eq!(entities(&"&".repeat(1 << 20)).len(), 1 << 20);
    }

    #[test]
    fn text_is_always_utf8_and_never_utf7() {
        for (label, bytes, wanted, problem) in [
            ("utf-8", &b"caf\xc3\xa9"[..], "café", None),
            ("US-ASCII", b"caf\xc3\xa9", "café", None),
            ("", b"caf\xe9", "café", Some(Problem::UnknownCharset)),
            ("iso-8859-1", b"caf\xe9", "café", None),
            ("\"ISO-8859-15\"", b"\xa4", "€", None),
            ("koi8-r", b"\xf0\xd2\xc9", "При", None),
            ("utf-8", b"\xc0\xaf", "\u{FFFD}\u{FFFD}", Some(Problem::BadEncoding)),
            ("utf-7", b"+ADw-script+AD4-", "+ADw-script+AD4-", Some(Problem::UnknownCharset)),
            ("csUTF7", b"+ADw-", "+ADw-", Some(Problem::UnknownCharset)),
            ("uft-8", b"caf\xc3\xa9", "café", Some(Problem::UnknownCharset)),
            ("x-none", b"\xff", "\u{FFFD}", Some(Problem::UnknownCharset)),
        ] {
            assert_eq!(charset(bytes, label), (wanted.to_owned(), problem), "{label}");
        }
    }
}
