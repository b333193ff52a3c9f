//! Hashes, numbers, Bitcoin addresses, files and networks.

use super::{Found, regex, words};
use crate::rules::report::IndicatorKind;
use regex::Regex;
use std::net::IpAddr;
use std::sync::LazyLock;

static CVE: LazyLock<Regex> = LazyLock::new(|| regex(r"(?i)\bcve[-–‑_ ]([12][0-9]{3})[-–‑_]([0-9]{4,10})\b"));
static ASN: LazyLock<Regex> =
    LazyLock::new(|| regex(r#"(?:\b(?i:asn?)([0-9]{1,10})|\b(?:AS[ -]|(?i:asn)["']?[ :=-]{1,3})([0-9]{1,10}))\b"#));

/// Hashes by their length, in a word that begins at `start`; the pieces of a file name count too.
pub fn hash(text: &str, start: usize, word: &str, found: &mut Found) {
    let mut at = start;
    for piece in word.split(['-', '_', '.']) {
        let (before, here) = (&text[..at], at);
        at += piece.len() + 1;
        let kind = match piece.len() {
            32 => IndicatorKind::Md5,
            40 => IndicatorKind::Sha1,
            64 => IndicatorKind::Sha256,
            128 => IndicatorKind::Sha512,
            _ => continue,
        };
        let is_hex = piece.bytes().all(|b| b.is_ascii_hexdigit());
        let is_number = piece.bytes().all(|b| b.is_ascii_digit());
        if is_hex && !is_number && !names_another_hash(before) {
            found.add(kind, piece.to_ascii_lowercase(), here);
        }
    }
}

/// Octets in pairs with colons between, as fingerprints of certificates and host keys are written.
pub fn colon_hash(text: &str, start: usize, word: &str, found: &mut Found) -> bool {
    let is_pair = |piece: &str| piece.len() == 2 && piece.bytes().all(|b| b.is_ascii_hexdigit());
    let bare = word.trim_end_matches([':', '.', '-']);
    // `MD5:16:27:...`
    let begins = bare.split_once(':').filter(|(first, _)| !is_pair(first)).map_or(0, |(first, _)| first.len() + 1);
    let pairs = &bare[begins..];
    let kind = match pairs.len() {
        47 => IndicatorKind::Md5,
        59 => IndicatorKind::Sha1,
        95 => IndicatorKind::Sha256,
        191 => IndicatorKind::Sha512,
        _ => return false,
    };
    if !pairs.split(':').all(is_pair) {
        return false;
    }
    found.work += FIELD;
    let before = &text[..start + begins];
    let near = before[before.ceil_char_boundary(before.len().saturating_sub(FIELD))..].to_lowercase();
    let line = near.rsplit('\n').next().unwrap_or("");
    // Without such a word it may be any octets.
    let is_hash = ["fingerprint", "thumbprint", "empreinte", "sha", "md5"].iter().any(|word| line.contains(word));
    if is_hash && !names_another_hash(before) {
        found.add(kind, pairs.replace(':', "").to_ascii_lowercase(), start + begins);
    }
    true
}

/// Octets that are looked back for the words of a line.
const FIELD: usize = 200;

/// Whether the words before call it a hash of something else than the file, or a key.
fn names_another_hash(before: &str) -> bool {
    let near: String =
        before.chars().rev().take(40).collect::<Vec<_>>().into_iter().rev().collect::<String>().to_lowercase();
    let close = near.trim_end_matches(|c: char| !c.is_alphanumeric());
    if ["imphash", "import hash", "authentihash", "rich hash", "icon hash", "ja3", "ja3s", "hassh", "uuid", "guid"]
        .iter()
        .any(|word| close.ends_with(word))
    {
        return true;
    }
    // `SHA1 fingerprint` is one of a certificate, and looked up as such.
    let line = near.rsplit('\n').next().unwrap_or("");
    let names_key = ["pgp", "gpg", "openpgp", "key id", "keyid", "0x"].iter().any(|word| line.contains(word));
    let names_print = ["fingerprint", "empreinte"].iter().any(|word| line.contains(word));
    (names_key || names_print) && !line.contains("sha") && !line.contains("md5")
}

/// A Bitcoin address, its checksum proven (base58check; BIP 173 and 350).
pub fn bitcoin(word: &str, at: usize, found: &mut Found) {
    let is_one = match word.get(..3) {
        Some(start) if start.eq_ignore_ascii_case("bc1") => {
            // Capitals are as good, and usual in QR codes (BIP 173).
            (14..=90).contains(&word.len())
                && bech32::segwit::decode(word).is_ok_and(|(hrp, _, _)| hrp.as_str().eq_ignore_ascii_case("bc"))
        }
        Some(start) if start.starts_with(['1', '3']) && (25..=36).contains(&word.len()) => {
            let decoded = bs58::decode(word).with_check(None).into_vec();
            decoded.is_ok_and(|octets| octets.len() == 21 && matches!(octets[0], 0 | 5))
        }
        _ => false,
    };
    if is_one {
        let value = if word.starts_with(['1', '3']) { word.to_owned() } else { word.to_ascii_lowercase() };
        found.add(IndicatorKind::Bitcoin, value, at);
    }
}

/// The name of a file by its ending, of a word that is no name.
pub fn file(text: &str, at: usize, word: &str, found: &mut Found) {
    let Some((stem, ending)) = word.rsplit_once('.').filter(|(stem, _)| !stem.is_empty()) else { return };
    let is_known = ending.len() <= 7 && ENDINGS.contains(&ending.to_ascii_lowercase().as_str());
    let is_known = is_known || (words::is_file_name(word) && !words::is_sentence_end(word));
    let is_call = text[at + word.len()..].starts_with('(');
    if is_known && !is_call && stem.chars().any(char::is_alphanumeric) {
        found.add(IndicatorKind::File, word.to_owned(), at);
    }
}

/// Endings of files that are attached, dropped and named in reports.
const ENDINGS: [&str; 88] = [
    "7z", "ace", "apk", "appx", "asp", "aspx", "bat", "bin", "bz2", "cab", "chm", "cmd", "com", "conf", "cpl", "csv",
    "dat", "db", "deb", "dll", "dmg", "doc", "docm", "docx", "dot", "dotm", "drv", "elf", "eml", "evtx", "exe", "gif",
    "gz", "hta", "htm", "html", "img", "inf", "ini", "iso", "jar", "jpeg", "jpg", "js", "jse", "json", "jsp", "lnk",
    "log", "lzh", "msi", "msg", "ocx", "one", "pcap", "pcapng", "pdf", "php", "pif", "png", "ppt", "pptm", "pptx",
    "ps1", "py", "rar", "reg", "rpm", "rtf", "scr", "sh", "so", "svg", "sys", "tar", "tgz", "tmp", "txt", "vbe", "vbs",
    "vhd", "wsf", "xls", "xlsb", "xlsm", "xlsx", "xml", "zip",
];

/// `198.51.100.0/24`, `2001:db8::/32`: `base` is written before `behind`.
pub fn network(base: &str, behind: &str, at: usize, found: &mut Found) {
    let Some(rest) = behind.strip_prefix('/') else { return };
    let digits = rest.bytes().take(4).take_while(u8::is_ascii_digit).count();
    let after = rest[digits..].chars().next();
    let ends = after.is_none_or(|c| !c.is_alphanumeric() && c != '/' && c != '-') && !rest[digits..].starts_with(".0");
    let most = match base.parse::<IpAddr>() {
        Ok(IpAddr::V4(_)) => 32,
        Ok(IpAddr::V6(_)) => 128,
        Err(_) => return,
    };
    if ends && rest[..digits].parse::<u32>().is_ok_and(|bits| bits <= most) {
        found.add(IndicatorKind::Network, format!("{base}/{}", &rest[..digits]), at);
    }
}

/// CVE and AS numbers.
pub fn numbers(text: &str, found: &mut Found) {
    found.work += 2 * text.len();
    for cve in CVE.captures_iter(text) {
        let at = cve.get(0).map_or(0, |whole| whole.start());
        found.add(IndicatorKind::Cve, format!("CVE-{}-{}", &cve[1], &cve[2]), at);
    }
    for asn in ASN.captures_iter(text) {
        let (Some(whole), Some(digits)) = (asn.get(0), asn.get(1).or(asn.get(2))) else { continue };
        let mut behind = text[whole.end()..].chars();
        let glued = match behind.next() {
            Some('-' | '_') => true,
            Some('.') => behind.next().is_some_and(char::is_alphanumeric),
            _ => false,
        };
        let joined = text[..whole.start()].ends_with(['-', '.', '_', '/', '=', '%']);
        if let (false, false, Ok(number @ 1..)) = (glued, joined, digits.as_str().parse::<u32>()) {
            found.add(IndicatorKind::Asn, format!("AS{number}"), whole.start());
        }
    }
}
