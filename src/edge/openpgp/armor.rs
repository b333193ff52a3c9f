//! ASCII armour, the cleartext signature framework, and the outline of a packet stream
//! (RFC 9580: 6, 7, 4.2).
//!
//! Hostile data: texts and parts of mails. Failure: `None` or a block that is marked incomplete;
//! nothing panics. The checksum of armour says nothing of authorship and is not looked at.
//! Damage is never repaired here, but for blanks; `repair` is for keys that an operator imports.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use std::ops::Range;

/// What an armoured block says it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Message,
    /// A cleartext-signed text with its signature.
    Cleartext,
    Signature,
    PublicKey,
    PrivateKey,
}

/// One block in a text: `span` runs from the line that begins it past the line that ends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    pub kind: Kind,
    pub span: Range<usize>,
    /// The line that ends it is there.
    pub complete: bool,
}

const BEGIN: &str = "-----BEGIN PGP ";
const END: &str = "-----END PGP ";

/// The blocks that stand in a text, in order, at most 100. Blanks before and after the lines that
/// begin and end a block are overlooked, as quoted-printable and HTML leave them there.
pub fn find(text: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut open: Option<(Kind, usize)> = None;
    for (at, line) in lines(text) {
        let end = at + line.len();
        let line = line.trim();
        match open {
            Some((Kind::Cleartext, _)) if begins(line) == Some(Kind::Signature) => {}
            _ => match (begins(line), open) {
                (Some(kind), unfinished) => {
                    if let Some((kind, start)) = unfinished {
                        blocks.push(Block { kind, span: start..at, complete: false });
                    }
                    open = Some((kind, at));
                }
                (None, Some((kind, start))) if line.starts_with(END) => {
                    blocks.push(Block { kind, span: start..end, complete: true });
                    open = None;
                }
                _ => {}
            },
        }
        if blocks.len() >= 100 {
            return blocks;
        }
    }
    if let Some((kind, start)) = open {
        blocks.push(Block { kind, span: start..text.len(), complete: false });
    }
    blocks
}

/// The lines of a text with the place where each starts; the line end belongs to the line.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split_inclusive('\n').map(move |line| {
        at += line.len();
        (at - line.len(), line)
    })
}

fn begins(line: &str) -> Option<Kind> {
    match line.strip_prefix(BEGIN)?.strip_suffix("-----")? {
        "MESSAGE" => Some(Kind::Message),
        "SIGNED MESSAGE" => Some(Kind::Cleartext),
        "SIGNATURE" => Some(Kind::Signature),
        "PUBLIC KEY BLOCK" => Some(Kind::PublicKey),
        "PRIVATE KEY BLOCK" => Some(Kind::PrivateKey),
        _ => None,
    }
}

/// The octets of an armoured block. Headers, checksum and blanks are skipped; `None` if what is
/// left is not base64.
pub fn decode(block: &str) -> Option<Vec<u8>> {
    let mut body = String::with_capacity(block.len());
    let (mut in_headers, mut is_cut) = (true, true);
    for line in block.lines().skip(1) {
        let line = line.trim();
        if line.starts_with("-----") {
            is_cut = false;
            break;
        }
        if in_headers {
            // Keys and values; a writer that leaves out the blank line starts with base64 at once.
            in_headers = line.contains(": ") || line.ends_with(':');
            if in_headers || line.is_empty() {
                continue;
            }
        }
        // Padding or checksum: the end. Where a line was taken for quoted-printable, the checksum
        // stands behind the data on one line.
        let (data, ends) = line.split_once('=').map_or((line, false), |(data, _)| (data, true));
        body.extend(data.chars().filter(|c| !c.is_whitespace()));
        if ends {
            is_cut = false;
            break;
        }
    }
    // Cut in the middle of an octet: the packets will tell that the end is missing.
    if is_cut && body.len() % 4 == 1 && body.ends_with(|c: char| c.is_ascii_alphanumeric() || "+/".contains(c)) {
        body.pop();
    }
    let config = GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(&STANDARD, config).decode(body).ok().filter(|octets| !octets.is_empty())
}

/// The octets of a part that should hold OpenPGP data, armoured or not.
pub fn octets_of(part: &[u8]) -> Option<Vec<u8>> {
    if part.first().is_some_and(|first| first & 0x80 != 0) && !part.starts_with(&[0xEF, 0xBB, 0xBF]) {
        return Some(part.to_vec());
    }
    let text = String::from_utf8_lossy(part);
    let block = find(&text).into_iter().find(|block| block.kind != Kind::Cleartext)?;
    decode(text.get(block.span)?)
}

/// A cleartext-signed block, taken apart (RFC 9580, 7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cleartext {
    /// The text without dash-escapes, line ends CRLF, trailing blanks cut, no last line end: what
    /// is shown and, octet by octet, what the signature must cover.
    pub signed: Vec<u8>,
    /// The signature packets.
    pub signature: Vec<u8>,
}

/// Takes a cleartext-signed block apart. `None` if it keeps not strictly to the framework: then
/// readers could disagree on what is signed (T31).
pub fn cleartext(block: &[u8]) -> Option<Cleartext> {
    let mut lines = block.split(|b| *b == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    if lines.next()?.trim_ascii() != b"-----BEGIN PGP SIGNED MESSAGE-----" {
        return None;
    }
    loop {
        let line = lines.next()?;
        if line.is_empty() {
            break;
        }
        let algorithms = line.strip_prefix(b"Hash: ")?;
        if !algorithms.iter().all(|b| b.is_ascii_alphanumeric() || b", -/".contains(b)) {
            return None;
        }
    }
    let mut signed: Vec<u8> = Vec::with_capacity(block.len());
    let mut first = true;
    for line in lines.by_ref() {
        if line.trim_ascii() == b"-----BEGIN PGP SIGNATURE-----" {
            let rest: Vec<&[u8]> = lines.collect();
            let armour = [&b"-----BEGIN PGP SIGNATURE-----\n"[..], &rest.join(&b'\n')].concat();
            let signature = decode(std::str::from_utf8(&armour).ok()?)?;
            return Some(Cleartext { signed, signature });
        }
        let line = match line.strip_prefix(b"- ") {
            Some(escaped) => escaped,
            None if line.starts_with(b"-") => return None,
            None => line,
        };
        let kept = line.iter().rposition(|b| !b" \t\r".contains(b)).map_or(0, |last| last + 1);
        if !first {
            signed.extend_from_slice(b"\r\n");
        }
        first = false;
        signed.extend_from_slice(line.get(..kept)?);
    }
    None
}

/// Mends what web pages and word processors do to an armoured public key: dashes for hyphens,
/// no-break spaces, doubled line ends, quote marks, soft line breaks (T44). For keys that an
/// operator imports and whose fingerprint is compared, never for messages or signatures.
pub fn repair(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut in_block = false;
    for line in text.lines() {
        let line = line.trim_matches(|c: char| c.is_whitespace() || c == '>' || c == '\u{FEFF}' || c == '|');
        let plain: String = line.chars().map(|c| if is_dash(c) { '-' } else { c }).collect();
        let words = plain.trim_matches('-').trim();
        let dashed = plain.starts_with('-') && plain.ends_with('-');
        match words.strip_prefix("BEGIN PGP ").or_else(|| words.strip_prefix("END PGP ")) {
            Some(kind) if dashed && kind.ends_with("BLOCK") => {
                in_block = words.starts_with("BEGIN");
                let blank = if in_block { "\n" } else { "" };
                out.push_str(&format!("-----{words}-----\n{blank}"));
            }
            _ if in_block && line.contains(": ") => {}
            _ if in_block => {
                let line = line.replace("=3D", "=");
                let crc = line.starts_with('=') && line.len() == 5;
                let line = if crc { line.as_str() } else { line.strip_suffix('=').unwrap_or(&line) };
                let line: String = line.chars().filter(char::is_ascii_graphic).collect();
                if !line.is_empty() {
                    out.push_str(&line);
                    out.push('\n');
                }
            }
            _ => {}
        }
    }
    out
}

fn is_dash(c: char) -> bool {
    matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{FE58}' | '\u{FE63}' | '\u{FF0D}')
}

/// One packet of a stream, by its header alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    pub tag: u8,
    /// Header and body, up to the end of the data if it is cut.
    pub span: Range<usize>,
    /// Its body as far as its first chunk goes.
    pub body: Range<usize>,
    /// The data goes on to its announced end.
    pub complete: bool,
}

/// The packets of a binary stream, as their headers tell. Ends early at what is no header.
pub fn packets(octets: &[u8]) -> impl Iterator<Item = Packet> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let packet = packet_at(octets, at)?;
        at = packet.span.end;
        Some(packet)
    })
}

fn packet_at(octets: &[u8], start: usize) -> Option<Packet> {
    let first = *octets.get(start)?;
    if first & 0x80 == 0 {
        return None;
    }
    let total = octets.len();
    if first & 0x40 == 0 {
        let tag = (first >> 2) & 0x0F;
        let width = match first & 3 {
            3 => return Some(Packet { tag, span: start..total, body: start + 1..total, complete: true }),
            width => 1 << width,
        };
        let length = octets.get(start + 1..start + 1 + width)?.iter().fold(0, |n, b| n << 8 | usize::from(*b));
        let body = start + 1 + width;
        return Some(whole(tag, start, body, length, total));
    }
    let tag = first & 0x3F;
    let mut at = start + 1;
    let mut first_chunk = None;
    loop {
        let Some((length, partial, header)) = new_length(octets, at) else {
            let body = first_chunk.unwrap_or(total..total);
            return Some(Packet { tag, span: start..total, body, complete: false });
        };
        let body = at + header;
        let packet = whole(tag, start, body, length, total);
        let chunk = first_chunk.get_or_insert(packet.body.clone()).clone();
        if !partial || !packet.complete {
            return Some(Packet { body: chunk, ..packet });
        }
        at = body + length;
    }
}

fn whole(tag: u8, start: usize, body: usize, length: usize, total: usize) -> Packet {
    let end = body.saturating_add(length);
    let cut = end.min(total);
    Packet { tag, span: start..cut, body: body.min(total)..cut, complete: end <= total }
}

/// A length of the new format: how long, whether more chunks follow, how long the length itself is.
fn new_length(octets: &[u8], at: usize) -> Option<(usize, bool, usize)> {
    let octet = |i: usize| octets.get(at + i).map(|b| usize::from(*b));
    match octet(0)? {
        short @ 0..=191 => Some((short, false, 1)),
        high @ 192..=223 => Some((((high - 192) << 8) + octet(1)? + 192, false, 2)),
        power @ 224..=254 => Some((1 << (power & 0x1F), true, 1)),
        _ => Some(((1..=4).try_fold(0, |n, i| Some(n << 8 | octet(i)?))?, false, 5)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn blocks_are_found_where_they_stand() {
        let text = "Hello\n  -----BEGIN PGP MESSAGE-----\u{A0}\n\nAA==\n-----END PGP MESSAGE-----\nbye\n\
                    -----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nx\n-----BEGIN PGP SIGNATURE-----\n\nAA==\n\
                    -----END PGP SIGNATURE-----\n-----BEGIN PGP PUBLIC KEY BLOCK-----\nAA";
        let found: Vec<_> = find(text).into_iter().map(|b| (b.kind, b.complete)).collect();
        assert_eq!(found, [(Kind::Message, true), (Kind::Cleartext, true), (Kind::PublicKey, false)]);
        assert!(find("> -----BEGIN PGP MESSAGE-----\n").is_empty(), "a quoted block is no block");
    }

    #[test]
    fn armour_is_decoded_whatever_its_headers_and_checksum() {
        for block in [
            "-----BEGIN PGP MESSAGE-----\nVersion: X\nComment: a: b\n\naGVs\nbG8=\n=AAAA\n-----END PGP MESSAGE-----",
            "-----BEGIN PGP MESSAGE-----\n\n  aGVsbG8=  \n-----END PGP MESSAGE-----",
            "-----BEGIN PGP MESSAGE-----\r\n\r\naGVsb\u{A0}G8\r\n",
            "-----BEGIN PGP MESSAGE-----\naGVsbG8\n=3DAAAA\n",
            "-----BEGIN PGP MESSAGE-----\n\naGVsbG8=AAAA\n-----END PGP MESSAGE-----",
        ] {
            assert_eq!(decode(block).as_deref(), Some(&b"hello"[..]), "{block}");
        }
        assert_eq!(decode("-----BEGIN PGP MESSAGE-----\n\nno base64!\n"), None);
        assert_eq!(octets_of(&[0xC1, 2]).as_deref(), Some(&[0xC1, 2][..]));
    }

    #[test]
    fn the_cleartext_framework_is_read_strictly() {
        let block = |middle: &str| {
            let text = format!(
                "-----BEGIN PGP SIGNED MESSAGE-----\n{middle}\n-----BEGIN PGP SIGNATURE-----\n\naGk=\n-----END PGP SIGNATURE-----\n"
            );
            cleartext(text.as_bytes())
        };
        let good = block("Hash: SHA256\n\none \t\n- - two\n\n").expect("well formed");
        assert_eq!((good.signed.as_slice(), good.signature.as_slice()), (&b"one\r\n- two\r\n\r\n"[..], &b"hi"[..]));
        assert_eq!(block("Hash: SHA256\n\none\n").unwrap().signed, b"one\r\n");
        for bad in ["Hash: SHA256\nText: x\n\none", "Hash: SHA256\u{1b}\n\none", "\n-one", "x", "Hash: SHA256\n \none"]
        {
            assert_eq!(block(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_key_copied_from_a_document_is_mended() {
        let broken = "text\n\u{2014}\u{2013}BEGIN PGP PUBLIC KEY BLOCK\u{2014}\u{2013}\nVersion: x\n\n> aGVs\r\n\r\nbG8=3D\n=\n=3Dqjcb\n\u{2014}--END PGP PUBLIC KEY BLOCK\u{2014}--\nrest";
        let mended = repair(broken);
        assert_eq!(find(&mended).len(), 1);
        assert_eq!(decode(&mended).as_deref(), Some(&b"hello"[..]), "{mended}");
    }

    #[test]
    fn packets_are_outlined_and_a_cut_is_seen() {
        let whole = [0xC1, 2, 3, 0, 0xD2, 0xE1, 1, 9, 1, 7];
        let outline: Vec<_> = packets(&whole).map(|p| (p.tag, p.complete)).collect();
        assert_eq!(outline, [(1, true), (18, true)]);
        let outline: Vec<_> = packets(&whole[..9]).map(|p| (p.tag, p.complete)).collect();
        assert_eq!(outline, [(1, true), (18, false)]);
        let old: Vec<_> = packets(&[0x84, 1, 3, 0xA7, 1, 2]).map(|p| (p.tag, p.complete)).collect();
        assert_eq!(old, [(1, true), (9, true)]);
    }

    proptest! {
        #[test]
        fn nothing_panics_and_spans_lie_inside(text in ".{0,300}", octets in prop::collection::vec(any::<u8>(), 0..300)) {
            let text = text.replace("a", "-----BEGIN PGP MESSAGE-----\n").replace("b", "\n-----END PGP MESSAGE-----\n");
            for block in find(&text) {
                prop_assert!(text.get(block.span.clone()).is_some());
                decode(&text[block.span]);
            }
            cleartext(text.as_bytes());
            repair(&text);
            octets_of(&octets);
            let mut end = 0;
            for packet in packets(&octets) {
                prop_assert!(packet.span.start == end && packet.span.end > end && packet.span.end <= octets.len());
                prop_assert!(octets.get(packet.body.clone()).is_some());
                end = packet.span.end;
            }
        }
    }
}
