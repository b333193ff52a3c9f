//! Words: names, addresses, e-mail addresses, and what else one run of characters can be.

use super::urls::bare_url;
use super::{Found, Refanged, Stretch, regex, tokens, versions};
use crate::rules::address::Address;
use crate::rules::report::IndicatorKind;
use regex::Regex;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;
use std::sync::LazyLock;

/// A field of Message-IDs with its value: IDs in angle brackets, on folded lines too, or one word.
static ID_FIELD: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r#"(?i)(?:message[-_]?id|msgid|in-reply-to|references|content-id)["']?[ \t]{0,4}[:=][ \t]{0,4}["']?(?:(?:(?:\r?\n)?[ \t,]*<[^<>\s]+>)+|[^<>\s]+)"#,
    )
});

/// Goes through the words of a text: runs of letters, digits, `-`, `_`, `.`, and of `:` for IPv6.
pub fn words(refanged: &Refanged, stretches: &[Stretch], found: &mut Found) {
    let text = refanged.text.as_str();
    let mut mended = refanged.mended.iter().copied().peekable();
    let mut stretches = stretches.iter().peekable();
    found.work += 2 * text.len();
    let mut ids = ID_FIELD.find_iter(text).map(|field| field.range()).peekable();
    let (mut seen, mut url_end) = (Seen::default(), 0);
    let mut at = 0;
    while let Some(start) = text[at..].find(is_run).map(|offset| at + offset) {
        let end = text[start..].find(|c| !is_run(c)).map_or(text.len(), |offset| start + offset);
        at = end;
        while mended.peek().is_some_and(|&mark| mark < start) {
            mended.next();
        }
        while stretches.peek().is_some_and(|stretch| stretch.authority.end <= start) {
            url_end = stretches.next().map_or(url_end, |stretch| url_end.max(stretch.end));
        }
        while ids.peek().is_some_and(|field| field.end <= start) {
            ids.next();
        }
        let in_ids = ids.peek().is_some_and(|field| field.contains(&start));
        let in_authority = stretches.peek().is_some_and(|stretch| stretch.authority.contains(&start));
        let in_url = in_authority || start < url_end;
        found.work += 4 * (end - start);
        let explicit = in_authority || mended.peek().is_some_and(|&mark| mark < end);
        let run = Run { text, range: start..end, in_authority, in_url, in_ids, explicit };
        run.take(&mut seen, found);
        if found.full {
            return;
        }
    }
}

fn is_run(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ':')
}

/// What the words before lead to.
#[derive(Default)]
struct Seen {
    /// Where a URL without scheme ends.
    path_end: usize,
    /// Where a version ends.
    version_end: Option<usize>,
}

/// One word and where it stands.
struct Run<'a> {
    text: &'a str,
    range: Range<usize>,
    in_authority: bool,
    in_url: bool,
    /// In a field of Message-IDs.
    in_ids: bool,
    explicit: bool,
}

impl Run<'_> {
    fn take(&self, seen: &mut Seen, found: &mut Found) {
        let word = &self.text[self.range.clone()];
        if tokens::colon_hash(self.text, self.range.start, word, found) {
            return;
        }
        if word.bytes().filter(|b| *b == b':').take(2).count() == 2 && self.ipv6(word, found) {
            return;
        }
        let mut start = self.range.start;
        for piece in word.split(':') {
            self.piece(start, piece, seen, found);
            start += piece.len() + 1;
        }
    }

    /// A word without colons that begins at `start`.
    fn piece(&self, start: usize, piece: &str, seen: &mut Seen, found: &mut Found) {
        let end = start + piece.len();
        let (before, after) = (&self.text[..start], &self.text[end..]);
        let piece = escaped_start(before, piece);
        let trimmed = piece.trim_matches(['.', '-']);
        if trimmed.len() < 4 {
            return;
        }
        let piece_at = end - piece.len();
        let at = piece_at + piece.find(trimmed).unwrap_or(0);
        tokens::hash(self.text, piece_at, piece, found);
        if before.ends_with('@') && !self.in_authority && self.email(before, trimmed, start, found) {
            name(trimmed, true, at, found);
            return;
        }
        if before.ends_with("@[") && literal(before, trimmed, start, found) {
            return;
        }
        tokens::bitcoin(trimmed, at, found);
        if (after.starts_with('@') && !self.in_authority) || after.starts_with("()") {
            return;
        }
        if !self.explicit && !self.in_authority && versions::is_version(self.text, at, trimmed, seen.version_end, found)
        {
            seen.version_end = Some(end);
            return;
        }
        // A path segment; `a/1.2.3.4` is a product and its version.
        let in_path = before.ends_with(['/', '\\']) && !before.ends_with("//");
        let is_name = !in_path && name(trimmed, self.explicit, at, found);
        if is_name && !self.in_authority && end > seen.path_end && piece.ends_with(trimmed) {
            seen.path_end = bare_url(self.text, end - trimmed.len(), end, found).unwrap_or(seen.path_end);
            tokens::network(trimmed, after, at, found);
        } else if !is_name && !self.in_url && !self.explicit && seen.path_end <= start {
            tokens::file(self.text, at, trimmed, found);
        }
    }

    /// The e-mail address whose `@` ends `before` and whose domain is `domain`.
    fn email(&self, before: &str, domain: &str, at: usize, found: &mut Found) -> bool {
        let before = &before[..before.len() - 1];
        let is_local = |c: char| c.is_alphanumeric() || "!#$%&*+-/=?^_{|}~.".contains(c);
        let length: usize = before.chars().rev().take(65).take_while(|&c| is_local(c)).map(char::len_utf8).sum();
        let (outside, local) = before.split_at(before.len() - length);
        let local = local.trim_start_matches(|c: char| !c.is_alphanumeric() && c != '_');
        // `key=a@b.example`, `<a|b@c.example>`: what stands before is no part of it; `<x=y@b.example>` is a whole.
        let is_whole = outside.ends_with('<') && self.text[at + domain.len()..].starts_with('>');
        let cuts: &[char] = if is_whole { &['|', '/', '&', '?'] } else { &['=', '|', '/', '&', '?'] };
        let local = local.rsplit(cuts).next().unwrap_or(local);
        if !is_domain(domain) {
            return false;
        }
        if self.in_ids {
            return true;
        }
        Address::parse(&format!("{local}@{domain}")).is_some_and(|address| {
            found.add(IndicatorKind::Email, address.key().to_owned(), at - 1 - local.len());
            true
        })
    }

    /// IPv6 in its shortest form (RFC 5952).
    fn ipv6(&self, word: &str, found: &mut Found) -> bool {
        let bare = word.trim_matches(['.', '-', '_']);
        let bare = if bare.ends_with("::") { bare } else { bare.trim_end_matches(':') };
        // `dead::beef` is an address, `std::add` and `Foo::Bar` are not worth the doubt.
        if bare.len() > 45 || !bare.bytes().any(|b| b.is_ascii_digit()) {
            return false;
        }
        let at = self.range.start + word.find(bare).unwrap_or(0);
        let behind = &self.text[at + bare.len()..];
        bare.parse::<Ipv6Addr>().is_ok_and(|address| {
            let value = address.to_string();
            tokens::network(&value, behind, at, found);
            found.add(IndicatorKind::Ipv6, value, at);
            true
        })
    }
}

/// `%2Fevil.example`: the word without the digits of a percent escape.
fn escaped_start<'a>(before: &str, piece: &'a str) -> &'a str {
    let escaped = before.ends_with('%') && piece.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2;
    if escaped { piece.get(2..).unwrap_or(piece) } else { piece }
}

/// Takes a domain name or IPv4 address.
pub fn name(word: &str, explicit: bool, at: usize, found: &mut Found) -> bool {
    if word.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b'-') {
        let addresses = word.split('-').filter_map(|part| part.parse::<Ipv4Addr>().ok());
        return addresses.map(|address| found.add(IndicatorKind::Ipv4, address.to_string(), at)).count() > 0;
    }
    let good = is_domain(word) && (explicit || !(is_file_name(word) || is_sentence_end(word) || is_code(word)));
    if good {
        found.add(IndicatorKind::Domain, word.to_lowercase(), at);
    }
    good
}

/// A name below a public suffix.
pub fn is_domain(word: &str) -> bool {
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

/// What `name` takes without further signs that a name is meant.
pub fn is_bare_address(word: &str) -> bool {
    word.parse::<Ipv4Addr>().is_ok()
        || (is_domain(word) && !is_file_name(word) && !is_sentence_end(word) && !is_code(word))
}

/// Two labels, of which the last is more often the ending of a file than a domain.
pub fn is_file_name(word: &str) -> bool {
    const ENDINGS: [&str; 24] = [
        "ai", "app", "cab", "cc", "cpl", "csv", "ini", "md", "mo", "mov", "one", "pl", "pm", "ps", "pub", "py", "rar",
        "rs", "sc", "sh", "so", "st", "tf", "zip",
    ];
    let mut labels = word.rsplit('.');
    let last = labels.next().unwrap_or("").to_ascii_lowercase();
    labels.count() == 1 && ENDINGS.contains(&last.as_str())
}

/// `com.evil.app` is the name of a package, `self.id` a field.
fn is_code(word: &str) -> bool {
    let labels: Vec<&str> = word.split('.').take(3).collect();
    match labels.as_slice() {
        [first, _, _] => ["com", "org", "net", "io", "java", "javax"].contains(first),
        [first, _] => ["self", "this", "window", "document", "console", "request", "response", "event", "req", "res"]
            .contains(first),
        _ => false,
    }
}

/// `it.The`: a capital behind the only dot, with small letters after it.
pub fn is_sentence_end(word: &str) -> bool {
    let Some((before, after)) = word.split_once('.') else { return false };
    let mut letters = after.chars();
    before.chars().all(char::is_alphabetic)
        && letters.next().is_some_and(char::is_uppercase)
        && letters.all(char::is_lowercase)
}

/// `user@[198.51.100.7]` (RFC 5321 4.1.3).
fn literal(before: &str, address: &str, at: usize, found: &mut Found) -> bool {
    let before = &before[..before.len() - 2];
    let length =
        before.bytes().rev().take(64).take_while(|&b| b.is_ascii_alphanumeric() || b"._+-".contains(&b)).count();
    let local = before[before.len() - length..].trim_matches('.');
    let Some(address) = address.parse::<Ipv4Addr>().ok().filter(|_| !local.is_empty()) else { return false };
    found.add(IndicatorKind::Email, format!("{}@[{address}]", local.to_lowercase()), at - 2 - local.len());
    found.add(IndicatorKind::Ipv4, address.to_string(), at);
    true
}
