//! Four numbers that are a version, not an address.
//!
//! Hostile data: the text. Failure: none; in doubt it is an address: one too many is seen at a glance,
//! one too few is not. A version is what a word before or behind calls so, what follows a version and
//! begins with the same number, the version field of a CEF or LEEF line, and what begins with 0, where
//! no host lies (RFC 1122 3.2.1.3).

use super::Found;
use std::net::Ipv4Addr;

/// Octets that are looked at before and behind.
const NEAR: usize = 200;

/// Whether `word`, at `at` in the text, is one. `last`: where a version before ends.
pub fn is_version(text: &str, at: usize, word: &str, last: Option<usize>, found: &mut Found) -> bool {
    if word.parse::<Ipv4Addr>().is_err() {
        return false;
    }
    found.work += NEAR;
    let before = &text[text.ceil_char_boundary(at.saturating_sub(NEAR))..at];
    let behind = &text[at + word.len()..];
    let follows = || {
        let end = last.filter(|&end| end < at && at - end <= 12)?;
        let before = text[..end].rsplit(|c: char| !c.is_ascii_digit() && c != '.').next()?;
        let same = before.split('.').next() == word.split('.').next();
        Some(same && joins(&text[end..at]))
    };
    (word.starts_with("0.") && word != "0.0.0.0")
        || is_named(before)
        || follows().unwrap_or(false)
        || is_of_platform(behind)
        || is_field(before)
}

fn is_named(before: &str) -> bool {
    let before = before.trim_end_matches([' ', ':', '=', '(', '\u{A0}', '#', '"', '\'']);
    let word = before.rsplit(|c: char| !c.is_alphanumeric()).next().unwrap_or("");
    let named = [
        "version",
        "versions",
        "ver",
        "v",
        "release",
        "build",
        "firmware",
        "rev",
        "revision",
        "révision",
        "section",
        "chapter",
        "chapitre",
        "article",
        "paragraph",
        "paragraphe",
        "annexe",
    ];
    word.len() <= 10 && named.contains(&word.to_lowercase().as_str())
}

/// `, `, ` and `, ` to `: what stands between two versions of one thing.
fn joins(between: &str) -> bool {
    let word = between.trim_matches([' ', ',', ';', '/', '&', '-', '–', '\u{A0}']).to_lowercase();
    ["", "and", "or", "to", "et", "ou", "à"].contains(&word.as_str())
}

/// `1.2.3.4 (64-bit)`.
fn is_of_platform(behind: &str) -> bool {
    let behind = behind.trim_start_matches([' ', '(']);
    let bits = behind.strip_prefix("64").or_else(|| behind.strip_prefix("32"));
    bits.is_some_and(|rest| rest.trim_start_matches([' ', '-']).starts_with("bit"))
        || ["x64", "x86"].iter().any(|platform| behind.starts_with(platform))
}

/// `CEF:0|Vendor|Product|1.2.3.4|`: the fourth field of the head.
fn is_field(before: &str) -> bool {
    let line = before.rsplit('\n').next().unwrap_or("");
    let head = line.rfind("CEF:").or_else(|| line.rfind("LEEF:"));
    line.ends_with('|') && head.is_some_and(|head| line[head..].matches('|').count() == 3)
}
