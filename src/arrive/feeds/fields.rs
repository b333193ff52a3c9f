//! `Name: value` lines of machine-readable parts (RFC 5965 3, RFC 3464 2.1, RFC 8098 3.1), X-ARF's among them.
//!
//! Hostile data: the part. Failure: none; lines that are no field are passed over. Blank lines, which
//! set the recipients of a delivery apart, are too: order is enough.
//! Limits: 256 KiB of text, 500 fields, 2,000 octets a value.

use crate::rules::untrusted::Untrusted;

const TEXT: usize = 256 << 10;
const COUNT: usize = 500;
const VALUE: usize = 2_000;

/// The fields of a text, in order, folded lines joined.
pub(super) fn fields(text: &str) -> Vec<(String, Untrusted)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for line in cut(text, TEXT).split(['\n', '\r']).map(str::trim_end).filter(|line| !line.is_empty()) {
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = found.last_mut().filter(|(_, value)| value.len() < VALUE) {
                value.push(' ');
                value.push_str(cut(line.trim_start(), VALUE));
            }
            continue;
        }
        let Some((name, value)) = line.split_once(':') else { continue };
        let name = name.trim_end();
        let is_name = !name.is_empty() && name.len() <= 100 && name.bytes().all(|b| b.is_ascii_graphic());
        if is_name && found.len() < COUNT {
            found.push((name.to_owned(), cut(value.trim(), VALUE).to_owned()));
        }
    }
    found.into_iter().map(|(name, value)| (name, value.into())).collect()
}

/// The values of all fields of that name (any case).
pub(super) fn values<'a>(fields: &'a [(String, Untrusted)], wanted: &'a str) -> impl Iterator<Item = &'a str> {
    fields.iter().filter(move |(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.raw())
}

/// The first value of that name that says something.
pub(super) fn first<'a>(fields: &'a [(String, Untrusted)], wanted: &'a str) -> Option<&'a str> {
    values(fields, wanted).find(|value| !value.is_empty())
}

/// At most so many octets, on a character's edge.
pub(super) fn cut(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain(text: &str) -> Vec<(String, String)> {
        fields(text).into_iter().map(|(name, value)| (name, value.raw().to_owned())).collect()
    }

    #[test]
    fn fields_are_read_whatever_the_line_ends_and_folds() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        for text in ["A: 1\r\nB: 2\r\n 3\r\n\r\nA: 4\r\n", "A: 1\nB : 2\n\t3\n\nA:4", "A: 1\rB: 2\r 3\r\rA: 4"] {
            assert_eq!(plain(text), [pair("A", "1"), pair("B", "2 3"), pair("A", "4")], "{text:?}");
        }
        assert_eq!(plain(" folded first\nno field\n: no name\nA: x"), [pair("A", "x")]);
    }

    #[test]
    fn the_limits_hold() {
        let many: String = (0..10_000).map(|n| format!("F{n}: x\n")).collect();
        assert_eq!(fields(&many).len(), COUNT);
        let long = format!("A: {}\n{}", "é".repeat(5_000), " more\n".repeat(10_000));
        assert!(plain(&long)[0].1.len() <= VALUE + 10);
        let folded = format!("A: x\n{}", format!(" {}\n", "y".repeat(1_500)).repeat(100));
        assert!(plain(&folded)[0].1.len() <= 2 * VALUE + 10);
    }

    proptest! {
        #[test]
        fn no_text_stops_the_reader(text in "(\\PC|[\r\n\t :]){0,200}") {
            prop_assert!(fields(&text).len() <= COUNT);
        }
    }
}
