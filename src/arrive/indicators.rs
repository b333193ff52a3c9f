//! Indicators in a text: addresses, names, URLs, hashes, CVE and AS numbers.
//!
//! Hostile data: the text and headers of mails. Failure: none. Every octet is looked at a bounded
//! number of times (T21); more than 10,000 indicators are cut and said so. Private, own and well-known
//! hosts are not filtered here.
//!
//! What is a choice:
//! - A name counts if its suffix is on the public suffix list, or reserved for examples, and
//!   something stands before it.
//! - `report.zip`, `setup.py` end like domains. A name of two labels whose last is a usual file ending
//!   counts only if it was defanged or stands in a URL or an e-mail address. What follows a `/` or `\`
//!   is a path. `end.The` is the end of a sentence.
//! - A URL ends at blanks, quotes and `<>{}|^`; outside its query also at a comma (lists with commas);
//!   trailing punctuation and unbalanced brackets are no part of it. URLs inside URLs count as well.
//! - A name with a path but no scheme is a URL without scheme.
//! - 32 hexadecimal digits named as an import hash are no MD5.

use super::refang::{Refanged, refang};
use crate::rules::address::Address;
use crate::rules::report::{Indicator, IndicatorKind};
use regex::Regex;
use std::collections::HashSet;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;
use std::sync::LazyLock;

/// How many indicators of one mail are kept.
pub const LIMIT: usize = 10_000;
/// Octets of the longest URL that is kept.
const URL_LIMIT: usize = 4_096;

static CVE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?i)\bcve[-–‑_ ]([12][0-9]{3})[-–‑_]([0-9]{4,10})\b").ok());
static ASN: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?:\b(?i:asn?)([0-9]{1,10})|\b(?:(?i:asn)|AS)[ -]([0-9]{1,10}))\b").ok());
static ENCODED_URL: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"(?i)\b[a-z]{3,6}%3A(?:%2F|/){2}[^\s<>"'&]+"#).ok());

/// All indicators of some texts, in order, each once; `true`: there were more than `LIMIT`.
pub fn extract(texts: &[&str]) -> (Vec<Indicator>, bool) {
    let mut found = Found::default();
    for text in texts {
        let refanged = refang(text);
        let urls = urls(&refanged.text, &mut found);
        words(&refanged, &urls, &mut found);
        numbers(&refanged.text, &mut found);
        if found.full {
            break;
        }
    }
    (found.list, found.full)
}

/// What was found, in order.
#[derive(Default)]
struct Found {
    list: Vec<Indicator>,
    known: HashSet<(IndicatorKind, String)>,
    full: bool,
}

impl Found {
    fn add(&mut self, kind: IndicatorKind, value: String) {
        if self.full || self.known.contains(&(kind, value.clone())) {
            return;
        }
        if self.list.len() >= LIMIT {
            self.full = true;
            return;
        }
        self.list.push(Indicator { kind, value: value.clone().into() });
        self.known.insert((kind, value));
    }
}

/// Finds `scheme://...` and gives back where the authorities lie, ascending.
fn urls(text: &str, found: &mut Found) -> Vec<Range<usize>> {
    let mut authorities: Vec<Range<usize>> = Vec::new();
    let mut token_end = 0;
    for (colon, _) in text.match_indices("://") {
        let Some((start, mut scheme)) = scheme_before(text, colon) else { continue };
        let mut host_start = colon + 3;
        // `hxxp:// evil.example`: only who defangs puts a blank there.
        let is_defanged = scheme != text[start..colon].to_ascii_lowercase();
        host_start += usize::from(is_defanged && text[host_start..].starts_with(' '));
        if colon < token_end {
            // Inside a URL whatever stands before the inner scheme is glued to it.
            scheme = ["https", "http", "ftp"]
                .into_iter()
                .find(|known| scheme.ends_with(known))
                .map_or(scheme, str::to_owned);
        }
        if host_start > token_end {
            token_end = end_of_token(text, host_start);
        }
        let host_end = end_of_authority(text, host_start, token_end);
        if authorities.last().is_none_or(|last| last.end <= host_start) {
            authorities.push(host_start..host_end);
        }
        if let Some(value) = url(&scheme, text, host_start, host_end, token_end) {
            found.add(IndicatorKind::Url, value);
        }
        if found.full {
            return authorities;
        }
    }
    for encoded in ENCODED_URL.iter().flat_map(|regex| regex.find_iter(text)) {
        let mut octets = Vec::new();
        super::decode::unescape(&encoded.as_str().as_bytes()[..encoded.len().min(URL_LIMIT)], b'%', &mut octets);
        let decoded = String::from_utf8_lossy(&octets);
        let Some((scheme, rest)) = decoded.split_once("://") else { continue };
        let end = end_of_token(rest, 0);
        let host_end = end_of_authority(rest, 0, end);
        if let Some(value) = url(&scheme.to_ascii_lowercase(), rest, 0, host_end, end) {
            found.add(IndicatorKind::Url, value);
            name(&rest[..host_end], true, found);
        }
    }
    authorities
}

/// The scheme that ends at `colon`, where it begins and what it means: `hxxp`, `h**ps` are `http(s)`.
fn scheme_before(text: &str, colon: usize) -> Option<(usize, String)> {
    let is_part = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'*' | b'#');
    let length = text.as_bytes()[..colon].iter().rev().take(17).take_while(|b| is_part(b)).count();
    let written = text[colon - length..colon].to_ascii_lowercase();
    let masked = |word: &str| (4..=5).contains(&word.len()) && word.starts_with('h') && word.ends_with('p');
    let scheme = match written.strip_suffix('s').unwrap_or(&written) {
        word if masked(word) => format!("http{}", if written.ends_with('s') { "s" } else { "" }),
        "fxp" | "f*p" | "fxtp" => "ftp".to_owned(),
        _ => written,
    };
    let good = (2..=16).contains(&scheme.len())
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && !scheme.contains(['*', '#']);
    good.then_some((colon - length, scheme))
}

/// The end of what can be one URL.
fn end_of_token(text: &str, start: usize) -> usize {
    let ends = |c: char| c.is_whitespace() || c.is_control() || "<>\"'`{}|^\\“”«»‘’".contains(c);
    text[start..].find(ends).map_or(text.len(), |at| start + at)
}

fn end_of_authority(text: &str, start: usize, end: usize) -> usize {
    text[start..end].find(['/', '?', '#', ',']).map_or(end, |at| start + at)
}

/// A URL in its normal form; None where its host is none or it is too long.
fn url(scheme: &str, text: &str, start: usize, host_end: usize, token_end: usize) -> Option<String> {
    let authority = without_trailing(&text[start..host_end]);
    let (user, host) = authority.rsplit_once('@').map_or(("", authority), |(user, host)| (user, host));
    let host = host.strip_prefix('[').filter(|rest| !rest.contains(':')).unwrap_or(host);
    let host = if host.contains('[') { host } else { host.trim_end_matches(']') };
    if !is_host(host) || token_end - start > URL_LIMIT {
        return None;
    }
    // A host that loses its last character has no path.
    let tail = if start + authority.len() == host_end { &text[host_end..token_end] } else { "" };
    let before_query = tail.find('?').unwrap_or(tail.len());
    let tail = tail[..before_query].find(',').map_or(tail, |comma| &tail[..comma]);
    let whole = without_trailing(&text[start..host_end + tail.len()]);
    let tail = whole.get(host_end - start..).unwrap_or("");
    let at = if user.is_empty() { "" } else { "@" };
    Some(format!("{scheme}://{user}{at}{}{tail}", host.to_lowercase()))
}

/// Whether this can be the host of a URL that has a scheme, with or without port.
fn is_host(text: &str) -> bool {
    if text.parse::<Ipv6Addr>().is_ok() {
        return true;
    }
    if let Some((literal, port)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return literal.parse::<Ipv6Addr>().is_ok() && (port.is_empty() || is_port(port));
    }
    let (host, port) = text.find(':').map_or((text, ""), |at| text.split_at(at));
    let name_ok = host.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'));
    name_ok && host.chars().any(char::is_alphanumeric) && host.len() <= 253 && (port.is_empty() || is_port(port))
}

fn is_port(text: &str) -> bool {
    text.strip_prefix(':').is_some_and(|digits| digits.is_empty() || digits.parse::<u16>().is_ok())
}

/// Cuts punctuation and brackets that were never opened.
fn without_trailing(text: &str) -> &str {
    let count = |c: char| text.matches(c).count();
    let mut open = [count('(') as isize - count(')') as isize, count('[') as isize - count(']') as isize];
    let mut end = text.len();
    for (at, c) in text.char_indices().rev() {
        match c {
            '.' | ',' | ';' | ':' | '!' | '?' | '*' | '…' | '(' | '[' => {}
            ')' if open[0] < 0 => open[0] += 1,
            ']' if open[1] < 0 => open[1] += 1,
            _ => break,
        }
        end = at;
    }
    &text[..end]
}

/// Goes through the words of a text: runs of letters, digits, `-`, `_`, `.`, and of `:` for IPv6.
fn words(refanged: &Refanged, authorities: &[Range<usize>], found: &mut Found) {
    let text = refanged.text.as_str();
    let mut mended = refanged.mended.iter().copied().peekable();
    let mut authorities = authorities.iter().peekable();
    let mut path_end = 0;
    let mut at = 0;
    while let Some(start) = text[at..].find(is_run).map(|offset| at + offset) {
        let end = text[start..].find(|c| !is_run(c)).map_or(text.len(), |offset| start + offset);
        at = end;
        while mended.peek().is_some_and(|&mark| mark < start) {
            mended.next();
        }
        while authorities.peek().is_some_and(|range| range.end <= start) {
            authorities.next();
        }
        let in_authority = authorities.peek().is_some_and(|range| range.contains(&start));
        let explicit = in_authority || mended.peek().is_some_and(|&mark| mark < end);
        let run = Run { text, range: start..end, in_authority, explicit };
        run.take(&mut path_end, found);
        if found.full {
            return;
        }
    }
}

fn is_run(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ':')
}

/// One word and where it stands.
struct Run<'a> {
    text: &'a str,
    range: Range<usize>,
    in_authority: bool,
    explicit: bool,
}

impl Run<'_> {
    fn take(&self, path_end: &mut usize, found: &mut Found) {
        let word = &self.text[self.range.clone()];
        if word.bytes().filter(|b| *b == b':').take(2).count() == 2 && ipv6(word, found) {
            return;
        }
        let mut start = self.range.start;
        for piece in word.split(':') {
            self.piece(start, piece, path_end, found);
            start += piece.len() + 1;
        }
    }

    /// A word without colons that begins at `start`.
    fn piece(&self, start: usize, piece: &str, path_end: &mut usize, found: &mut Found) {
        let end = start + piece.len();
        let (before, after) = (&self.text[..start], &self.text[end..]);
        let piece = escaped_start(before, piece);
        let trimmed = piece.trim_matches(['.', '-']);
        if trimmed.len() < 4 {
            return;
        }
        hash(self.text, start + (end - start - piece.len()), piece, found);
        if before.ends_with('@') && !self.in_authority && email(before, trimmed, found) {
            name(trimmed, true, found);
            return;
        }
        // A path segment; `a/1.2.3.4` is a product and its version.
        let in_path = before.ends_with(['/', '\\']) && !before.ends_with("//");
        if in_path || (after.starts_with('@') && !self.in_authority) || after.starts_with("()") {
            return;
        }
        if name(trimmed, self.explicit, found) && !self.in_authority && end > *path_end && piece.ends_with(trimmed) {
            *path_end = bare_url(self.text, end - trimmed.len(), end, found).unwrap_or(*path_end);
        }
    }
}

/// `%2Fevil.example`: the word without the digits of a percent escape.
fn escaped_start<'a>(before: &str, piece: &'a str) -> &'a str {
    let escaped = before.ends_with('%') && piece.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2;
    if escaped { piece.get(2..).unwrap_or(piece) } else { piece }
}

/// A name or IPv4 address followed by a path, without scheme. Gives its end.
fn bare_url(text: &str, start: usize, host_end: usize, found: &mut Found) -> Option<usize> {
    let rest = &text.as_bytes()[host_end..];
    let port = rest.iter().skip(1).take(5).take_while(|b| b.is_ascii_digit()).count();
    let slash = host_end + if rest.starts_with(b":") { 1 + port } else { 0 };
    if text.as_bytes().get(slash) != Some(&b'/') {
        return None;
    }
    let network = text[start..host_end].parse::<Ipv4Addr>().is_ok();
    let mask = text[slash + 1..].bytes().take_while(u8::is_ascii_digit).count();
    let behind = text[slash + 1 + mask..].chars().next();
    if network && (1..=2).contains(&mask) && behind.is_none_or(|c| !c.is_alphanumeric() && c != '/') {
        return None;
    }
    let end = end_of_token(text, slash);
    if let Some(value) = url("", text, start, slash, end) {
        found.add(IndicatorKind::Url, value.trim_start_matches("://").to_owned());
    }
    Some(end)
}

/// IPv6 in its shortest form (RFC 5952).
fn ipv6(word: &str, found: &mut Found) -> bool {
    let word = word.trim_matches(['.', '-', '_']);
    let word = if word.ends_with("::") { word } else { word.trim_end_matches(':') };
    // `dead::beef` is an address, `std::add` and `Foo::Bar` are not worth the doubt.
    if word.len() > 45 || !word.bytes().any(|b| b.is_ascii_digit()) {
        return false;
    }
    word.parse::<Ipv6Addr>().is_ok_and(|address| {
        found.add(IndicatorKind::Ipv6, address.to_string());
        true
    })
}

/// Takes a domain name or IPv4 address.
fn name(word: &str, explicit: bool, found: &mut Found) -> bool {
    if word.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b'-') {
        let addresses = word.split('-').filter_map(|part| part.parse::<Ipv4Addr>().ok());
        return addresses.map(|address| found.add(IndicatorKind::Ipv4, address.to_string())).count() > 0;
    }
    let good = is_domain(word) && (explicit || !(is_file_name(word) || is_sentence_end(word)));
    if good {
        found.add(IndicatorKind::Domain, word.to_lowercase());
    }
    good
}

/// A name below a public suffix.
fn is_domain(word: &str) -> bool {
    let label_ok =
        |label: &str| !label.is_empty() && label.len() <= 63 && !label.starts_with('-') && !label.ends_with('-');
    if word.len() > 253 || !word.contains('.') || !word.split('.').all(label_ok) {
        return false;
    }
    let lower = word.to_lowercase();
    let top_ok = lower.rsplit('.').next().is_some_and(|top| {
        top.chars().all(|c| c.is_alphanumeric() || c == '-') && !top.starts_with(|c: char| c.is_ascii_digit())
    });
    let has_letter = word.chars().any(char::is_alphabetic);
    // RFC 2606: exercises and documentation write with these.
    let reserved = [".example", ".test", ".invalid"].iter().any(|top| lower.ends_with(top));
    let listed = || {
        psl::suffix(lower.as_bytes()).is_some_and(|suffix| {
            let below = suffix.as_bytes().len() < lower.len();
            suffix.is_known() && (below || suffix.typ() == Some(psl::Type::Private))
        })
    };
    top_ok && has_letter && (reserved || listed())
}

/// Two labels, of which the last is more often the ending of a file than a domain.
fn is_file_name(word: &str) -> bool {
    const ENDINGS: [&str; 23] = [
        "ai", "app", "cab", "cc", "cpl", "csv", "ini", "md", "mo", "mov", "pl", "pm", "ps", "pub", "py", "rar", "rs",
        "sc", "sh", "so", "st", "tf", "zip",
    ];
    let mut labels = word.rsplit('.');
    let last = labels.next().unwrap_or("").to_ascii_lowercase();
    labels.count() == 1 && ENDINGS.contains(&last.as_str())
}

/// `it.The`: a capital behind the only dot, with small letters after it.
fn is_sentence_end(word: &str) -> bool {
    let Some((before, after)) = word.split_once('.') else { return false };
    let mut letters = after.chars();
    before.chars().all(char::is_alphabetic)
        && letters.next().is_some_and(char::is_uppercase)
        && letters.all(char::is_lowercase)
}

/// The e-mail address whose `@` ends `before` and whose domain is `domain`.
fn email(before: &str, domain: &str, found: &mut Found) -> bool {
    let before = &before[..before.len() - 1];
    let is_local = |c: char| c.is_alphanumeric() || "!#$%&*+-/=?^_{|}~.".contains(c);
    let length: usize = before.chars().rev().take(65).take_while(|&c| is_local(c)).map(char::len_utf8).sum();
    let local = before[before.len() - length..].trim_start_matches(|c: char| !c.is_alphanumeric() && c != '_');
    // `key=a@b.example`, `<a|b@c.example`: what stands before is no part of it.
    let local = local.rsplit(['=', '|', '/', '&', '?']).next().unwrap_or(local);
    if !is_domain(domain) {
        return false;
    }
    Address::parse(&format!("{local}@{domain}")).is_some_and(|address| {
        found.add(IndicatorKind::Email, address.key().to_owned());
        true
    })
}

/// Hashes by their length, in a word that begins at `start`; the pieces of a file name count too.
fn hash(text: &str, start: usize, word: &str, found: &mut Found) {
    let mut at = start;
    for piece in word.split(['-', '_', '.']) {
        let before = &text[..at];
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
            found.add(kind, piece.to_ascii_lowercase());
        }
    }
}

/// Whether the words before call it a hash of something else than the file.
fn names_another_hash(before: &str) -> bool {
    let near: String = before.chars().rev().take(28).collect::<Vec<_>>().into_iter().rev().collect();
    let near = near.trim_end_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    ["imphash", "import hash", "authentihash", "rich hash", "icon hash"].iter().any(|word| near.ends_with(word))
}

/// CVE and AS numbers.
fn numbers(text: &str, found: &mut Found) {
    for cve in CVE.iter().flat_map(|regex| regex.captures_iter(text)) {
        found.add(IndicatorKind::Cve, format!("CVE-{}-{}", &cve[1], &cve[2]));
    }
    for asn in ASN.iter().flat_map(|regex| regex.captures_iter(text)) {
        let (Some(whole), Some(digits)) = (asn.get(0), asn.get(1).or(asn.get(2))) else { continue };
        let mut behind = text[whole.end()..].chars();
        let glued = match behind.next() {
            Some('-' | '_') => true,
            Some('.') => behind.next().is_some_and(char::is_alphanumeric),
            _ => false,
        };
        let joined = text[..whole.start()].ends_with(['-', '.', '_', '/', '=', '%']);
        if let (false, false, Ok(number @ 1..)) = (glued, joined, digits.as_str().parse::<u32>()) {
            found.add(IndicatorKind::Asn, format!("AS{number}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(text: &str) -> Vec<String> {
        extract(&[text]).0.iter().map(|one| format!("{} {}", one.kind, one.value.raw())).collect()
    }

    #[test]
    fn indicators_are_found_refanged_and_normalised() {
        for (text, wanted) in [
            (
                "Seen 198.51.100.7, then 198.51.100.8-198.51.100.9.",
                vec!["ipv4 198.51.100.7", "ipv4 198.51.100.8", "ipv4 198.51.100.9"],
            ),
            ("198[.]51[.]100[.]7:443 and 198.51.100.0/24", vec!["ipv4 198.51.100.7", "ipv4 198.51.100.0"]),
            (
                "[2001:DB8::0:1]:80 and 2001:db8::/32, fe80::1%eth0",
                vec!["ipv6 2001:db8::1", "ipv6 2001:db8::", "ipv6 fe80::1"],
            ),
            (
                "hxxps://Evil[.]Example[.]com/A(b).",
                vec!["url https://evil.example.com/A(b)", "domain evil.example.com"],
            ),
            (
                "h**p://evil.com, (http://evil.com/x?a=1,2).",
                vec!["url http://evil.com", "url http://evil.com/x?a=1,2", "domain evil.com"],
            ),
            ("http://u:p@evil.com:8080/", vec!["url http://u:p@evil.com:8080/", "domain evil.com"]),
            ("http://[2001:db8::1]:80/a", vec!["url http://[2001:db8::1]:80/a", "ipv6 2001:db8::1"]),
            ("evil.com/payload.exe", vec!["domain evil.com", "url evil.com/payload.exe"]),
            (
                "https://a.com/?u=http%3A%2F%2Fb.com%2Fx&v=1",
                vec![
                    "url https://a.com/?u=http%3A%2F%2Fb.com%2Fx&v=1",
                    "url http://b.com/x",
                    "domain b.com",
                    "domain a.com",
                ],
            ),
            ("https:\\/\\/a.com\\/b", vec!["url https://a.com/b", "domain a.com"]),
            (
                "Csirt(at)Corp[dot]com mailto:a.b@corp.com",
                vec!["email csirt@corp.com", "domain corp.com", "email a.b@corp.com"],
            ),
            ("bücher.de xn--bcher-kva.de", vec!["domain bücher.de", "domain xn--bcher-kva.de"]),
            (
                "evil[.]zip http://evil.sh/ a.evil.py",
                vec!["url http://evil.sh/", "domain evil.zip", "domain evil.sh", "domain a.evil.py"],
            ),
            ("md5 D41D8CD98F00B204E9800998ECF8427E", vec!["md5 d41d8cd98f00b204e9800998ecf8427e"]),
            ("da39a3ee5e6b4b0d3255bfef95601890afd80709.bin", vec!["sha1 da39a3ee5e6b4b0d3255bfef95601890afd80709"]),
            ("cve-2021-44228, CVE 2014-0160", vec!["cve CVE-2021-44228", "cve CVE-2014-0160"]),
            ("AS64496 asn 64497 AS 64498.", vec!["asn AS64496", "asn AS64497", "asn AS64498"]),
        ] {
            assert_eq!(seen(text), wanted, "{text}");
        }
    }

    #[test]
    fn what_only_looks_like_one_is_left_alone() {
        for text in [
            "report.zip setup.py README.md end.The e.g. i.e. v1.2.3.4 Chrome/17.0.63.56",
            "/usr/lib/x.so C:\\tmp\\evil.com os.name() 12:34:56 AA:BB:CC:DD:EE:FF std::add 1.2.3 256.1.1.1 1.2.3.4.5",
            "imphash: d41d8cd98f00b204e9800998ecf8427e 123e4567-e89b-12d3-a456-426614174000",
            "as 2014 AS1234foobar HUBCAS1234 cve-1 localhost a@b user@host co.uk ..... @@@@ ://",
            "00000000000000000000000000000000 12345678901234567890123456789012",
        ] {
            assert_eq!(seen(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn hostile_floods_end_soon_and_are_cut_at_the_limit() {
        // What takes a step for every pair of octets does not come back from half a million.
        const SIZE: usize = 512 << 10;
        assert_eq!(extract(&[&".".repeat(5 << 20)]), (vec![], false));
        for (flood, full) in [
            (".", false),
            ("@", false),
            ("a.", false),
            ("a@", false),
            (":", false),
            ("::1:", false),
            ("[", false),
            ("[.", false),
            ("\\", false),
            ("://", false),
            ("aa://-", false),
            ("a.com/=", false),
            ("a.com/ ", false),
            ("http%3A%2F%2F", false),
            ("(", false),
            ("f", false),
            ("http://a.com/x?http://", false),
            ("a@b.com=", false),
            ("%2F", false),
            ("1.", false),
            ("-", false),
            ("é.", false),
        ] {
            let (list, cut) = extract(&[&flood.repeat(SIZE / flood.len())]);
            assert!(list.len() <= LIMIT && cut == full, "{flood}: {}", list.len());
        }
        let many: String = (0..1_000_000).map(|n| format!("http://a{n}.com/ ")).collect();
        let (list, cut) = extract(&[&many]);
        assert!(list.len() == LIMIT && cut);
        let few: String = (0..LIMIT).map(|n| format!("AS{} ", n + 1)).collect();
        assert_eq!(
            (extract(&[&few]).0.len(), extract(&[&few]).1, extract(&[&few, "AS4200000000"]).1),
            (LIMIT, false, true)
        );
    }

    proptest::proptest! {
        #[test]
        fn no_text_breaks_it(text in "([a-c.@:/ \\[\\](){}%2F,?é\u{a0}-]|a\\.com|::1|1\\.2\\.3\\.4|://|%3A%2F){0,40}|\\PC{0,80}") {
            let (list, _) = extract(&[&text, "http://", &format!("http://{text}")]);
            for one in list {
                proptest::prop_assert!(!one.value.raw().chars().any(|c| c.is_whitespace() || c.is_control()));
            }
        }
    }
}
