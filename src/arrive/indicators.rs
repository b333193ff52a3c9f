//! Indicators in texts: addresses, networks, names, URLs, hashes, files, CVE and AS numbers, Bitcoin.
//!
//! Hostile data: the text and headers of mails. Failure: none. Every octet is looked at a bounded
//! number of times (T21; `Found::work` counts them); more than 10,000 indicators are cut and said so.
//! Nothing is filtered here: own and well-known names are set aside by `rules::set_aside`.
//!
//! What is a choice:
//! - A name counts if its suffix is on the public suffix list, or reserved for examples, and
//!   something stands before it.
//! - `report.zip`, `setup.py` end like domains. A name of two labels whose last is a usual file ending
//!   counts only if it was defanged or stands in a URL or an e-mail address; else it is a file. What
//!   follows a `/` or `\` is a path. `end.The` is the end of a sentence.
//! - A URL ends at blanks, quotes and `<>{}|^`; outside its query also at a comma (lists with commas);
//!   trailing punctuation and unbalanced brackets are no part of it. URLs inside URLs count as well,
//!   up to eight in one.
//! - A name with a path but no scheme is a URL without scheme.
//! - `version 1.2.3.4` is no address. Of a network its base address counts too.
//! - 32 or 40 hexadecimal digits that the words before call something else (an import hash, an OpenPGP
//!   fingerprint) are no hash of a file.

mod tokens;
mod urls;
mod versions;
mod words;

use super::refang::{Refanged, refang};
use crate::rules::report::{Context, Indicator, IndicatorKind, Place};
use regex::Regex;
use std::collections::HashSet;
use urls::Stretch;

/// How many indicators of one mail are kept.
pub const LIMIT: usize = 10_000;

/// A text and where it stands in the mail.
#[derive(Debug, Clone, Copy, Default)]
pub struct Source<'a> {
    pub text: &'a str,
    /// As in `Place`.
    pub part: &'a str,
    pub context: Context,
    pub encrypted: bool,
    /// Where in the text of the part it begins, octets.
    pub begins: usize,
}

impl<'a> From<&'a str> for Source<'a> {
    fn from(text: &'a str) -> Self {
        Source { text, ..Source::default() }
    }
}

/// All indicators of some texts, in order, each once; `true`: there were more than `LIMIT`.
pub fn extract(sources: &[Source]) -> (Vec<Indicator>, bool) {
    let found = search(sources);
    (found.list, found.full)
}

fn search(sources: &[Source]) -> Found {
    let mut found = Found::default();
    for source in sources {
        let refanged = refang(source.text);
        found.work += source.text.len();
        let from = found.list.len();
        let stretches = urls::urls(&refanged.text, &mut found);
        words::words(&refanged, &stretches, &mut found);
        tokens::numbers(&refanged.text, &mut found);
        found.settle(from, source, &refanged);
        if found.full {
            break;
        }
    }
    found
}

/// What was found, in order.
#[derive(Default)]
struct Found {
    list: Vec<Indicator>,
    known: HashSet<(IndicatorKind, String)>,
    full: bool,
    /// Octets looked at.
    work: usize,
}

impl Found {
    /// Adds what stands at `at` in the refanged text.
    fn add(&mut self, kind: IndicatorKind, value: String, at: usize) {
        self.work += value.len();
        if self.full || self.known.contains(&(kind, value.clone())) {
            return;
        }
        if self.list.len() >= LIMIT {
            self.full = true;
            return;
        }
        let place = Place { offset: at, ..Place::default() };
        self.list.push(Indicator { kind, value: value.clone().into(), place });
        self.known.insert((kind, value));
    }

    /// Says of the indicators from `from` on where they stand in the text as it was.
    fn settle(&mut self, from: usize, source: &Source, refanged: &Refanged) {
        for indicator in &mut self.list[from..] {
            let offset = source.begins + refanged.original(indicator.place.offset);
            let (part, context, encrypted) = (source.part.to_owned(), source.context, source.encrypted);
            indicator.place = Place { part, offset, encrypted, context };
        }
    }
}

/// Whether a word is a name or an IPv4 address by itself.
pub fn is_address(word: &str) -> bool {
    words::is_bare_address(word)
}

/// A regex from a literal of these files.
fn regex(text: &str) -> Regex {
    // Literals only, and every one is compiled by the tests.
    #[allow(clippy::expect_used)]
    Regex::new(text).expect("a literal that the tests compile")
}

#[cfg(test)]
#[path = "indicators_tests.rs"]
mod tests;
