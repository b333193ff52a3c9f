//! URLs: with a scheme, percent-encoded inside others, and names with a path.

use super::{Found, regex};
use crate::rules::report::IndicatorKind;
use regex::Regex;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;
use std::sync::LazyLock;

/// Octets of the longest URL that is kept.
const URL_LIMIT: usize = 4_096;
/// URLs that are looked for inside one.
const INSIDE: usize = 8;

static ENCODED_URL: LazyLock<Regex> = LazyLock::new(|| regex(r#"(?i)\b[a-z]{3,6}%3A(?:%2F|/){2}[^\s<>"'&]+"#));

/// Where a URL lies.
pub struct Stretch {
    pub authority: Range<usize>,
    /// Of what can be one URL.
    pub end: usize,
}

/// Finds `scheme://...` and gives back where they lie, ascending.
pub fn urls(text: &str, found: &mut Found) -> Vec<Stretch> {
    let mut stretches: Vec<Stretch> = Vec::new();
    let (mut token_end, mut inside) = (0, 0);
    for (colon, _) in text.match_indices("://") {
        let Some((start, mut scheme)) = scheme_before(text, colon) else { continue };
        let mut host_start = colon + 3;
        // `hxxp:// evil.example`: only who defangs puts a blank there.
        let is_defanged = scheme != text[start..colon].to_ascii_lowercase();
        host_start += usize::from(is_defanged && text[host_start..].starts_with(' '));
        if colon < token_end {
            inside += 1;
            if inside > INSIDE {
                continue;
            }
            // Inside a URL whatever stands before the inner scheme is glued to it.
            scheme = ["https", "http", "ftp"]
                .into_iter()
                .find(|known| scheme.ends_with(known))
                .map_or(scheme, str::to_owned);
        }
        if host_start > token_end {
            token_end = end_of_token(text, host_start);
            found.work += token_end - host_start;
            inside = 0;
        }
        let end = token_end.min(end_of_wrapped(text, start, host_start, token_end));
        let host_end = end_of_authority(text, host_start, end);
        if stretches.last().is_none_or(|last| last.authority.end <= host_start) {
            stretches.push(Stretch { authority: host_start..host_end, end: token_end });
        }
        found.work += (host_end - host_start) + (token_end - host_start).min(URL_LIMIT);
        if let Some(value) = url(&scheme, text, host_start, host_end, end) {
            found.add(IndicatorKind::Url, value, start);
        } else if let Some((value, name)) = comma_for_dot(&scheme, text, host_start, end) {
            found.add(IndicatorKind::Url, value, start);
            super::words::name(&name, true, host_start, found);
        }
        if found.full {
            return stretches;
        }
    }
    encoded(text, found);
    stretches
}

/// `http%3A%2F%2Fevil.example`, as redirectors carry it.
fn encoded(text: &str, found: &mut Found) {
    found.work += text.len();
    for encoded in ENCODED_URL.find_iter(text) {
        let mut octets = Vec::new();
        crate::arrive::decode::unescape(
            &encoded.as_str().as_bytes()[..encoded.len().min(URL_LIMIT)],
            b'%',
            &mut octets,
        );
        let decoded = String::from_utf8_lossy(&octets);
        let Some((scheme, rest)) = decoded.split_once("://") else { continue };
        let end = end_of_token(rest, 0);
        let host_end = end_of_authority(rest, 0, end);
        if let Some(value) = url(&scheme.to_ascii_lowercase(), rest, 0, host_end, end) {
            found.add(IndicatorKind::Url, value, encoded.start());
            super::words::name(&rest[..host_end], true, encoded.start(), found);
        }
    }
}

/// `http://evil,example/`: a comma for a dot, where what stands before it is no host by itself.
fn comma_for_dot(scheme: &str, text: &str, start: usize, end: usize) -> Option<(String, String)> {
    let token = &text[start..end];
    let authority = &token[..token.find(['/', '?', '#']).unwrap_or(token.len())];
    let bare = authority.trim_end_matches(',');
    let first = bare.split(',').next().unwrap_or("");
    if !bare.contains(',') || bare.len() > 253 || is_full_host(first) {
        return None;
    }
    let host = bare.replace(',', ".");
    let tail = if bare.len() == authority.len() { without_trailing(&token[authority.len()..]) } else { "" };
    let usable = is_full_host(&host) && tail.len() <= URL_LIMIT;
    usable.then(|| (format!("{scheme}://{}{tail}", host.to_lowercase()), host))
}

fn is_full_host(host: &str) -> bool {
    host.parse::<Ipv4Addr>().is_ok() || super::words::is_domain(host)
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

/// Where a URL that begins at `start` ends if it is wrapped in `__`, as rewriters of links do.
fn end_of_wrapped(text: &str, start: usize, host_start: usize, token_end: usize) -> usize {
    let wrapped = text[..start].ends_with("__").then(|| text[host_start..token_end].find("__"));
    wrapped.flatten().map_or(token_end, |at| host_start + at)
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
    if !is_host(host)
        || token_end - start > URL_LIMIT
        || (text[host_end..].starts_with(',') && !is_full_host(host) && !host.contains(':'))
    {
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

/// A name or IPv4 address followed by a path, without scheme. Gives its end.
pub fn bare_url(text: &str, start: usize, host_end: usize, found: &mut Found) -> Option<usize> {
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
    found.work += 2 * (end - start);
    if let Some(value) = url("", text, start, slash, end) {
        found.add(IndicatorKind::Url, value.trim_start_matches("://").to_owned(), start);
    }
    Some(end)
}
