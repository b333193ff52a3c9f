//! Text brought to the one form in which tags and marks are looked for.
//!
//! Hostile data: subjects and bodies. Failure: none. Compatibility forms expand (up to 18
//! characters for one), so callers bound what they give.

use super::untrusted::is_hidden;
use unicode_normalization::UnicodeNormalization;

/// Full-width and other compatibility forms become plain ones (NFKC), hidden characters are
/// gone, every dash is `-`, and every blank but a line end is a space. Case stays.
pub fn fold(text: &str) -> String {
    // Most text is plain already; normalising costs.
    if text.bytes().all(|b| matches!(b, b' '..=b'~' | b'\n')) {
        return text.to_owned();
    }
    text.nfkc().filter_map(plain).collect()
}

fn plain(c: char) -> Option<char> {
    match c {
        '\n' => Some('\n'),
        '\u{2010}'..='\u{2015}' | '\u{2212}' => Some('-'),
        c if c.is_whitespace() => Some(' '),
        c if c.is_control() || is_hidden(c) => None,
        c => Some(c),
    }
}

/// The longest beginning of `text` that has at most `octets` octets.
pub fn head(text: &str, octets: usize) -> &str {
    &text[..text.floor_char_boundary(octets)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_the_same_is_the_same() {
        for (text, folded) in [
            ("plain [A]\n", "plain [A]\n"),
            ("［ＵＲＧＥＮＴ］", "[URGENT]"),
            ("U\u{200B}R\u{AD}G\u{2060}\u{FEFF}E\u{200D}NT", "URGENT"),
            ("a\u{A0}b\tc\u{2003}d", "a b c d"),
            ("EX\u{2011}2026\u{2013}1", "EX-2026-1"),
            ("TLP：RED…", "TLP:RED..."),
            ("a\0b\u{1B}c\u{3164}d\u{E0101}", "abcd"),
        ] {
            assert_eq!(fold(text), folded, "{text:?}");
        }
    }

    #[test]
    fn a_head_never_splits_a_character() {
        assert_eq!(head("aé", 2), "a");
        assert_eq!(head("aé", 3), "aé");
        assert_eq!(head("", 10), "");
    }
}
