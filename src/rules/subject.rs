//! What a subject says besides words: our ticket numbers, or nothing at all.
//!
//! Hostile data: subjects. Failure: none. Numbers are no secret and open nothing; what one is
//! worth is `belonging`'s.

use super::fold::fold;
use super::ticket::Number;
use std::ops::Range;

/// More numbers than this in one subject are not read: two already mean that it names none.
const MOST_NUMBERS: usize = 16;

/// Whether the subject stands for a hidden one: `[...]` (RFC 9788) or `...` (older clients),
/// also behind `Re:` and the like (A6.8).
pub fn is_placeholder(subject: &str) -> bool {
    let folded = fold(subject);
    let mut rest = folded.trim();
    while let Some((word, after)) = rest.split_once(':') {
        if !(1..=4).contains(&word.trim().len()) || !word.trim().bytes().all(|b| b.is_ascii_alphabetic()) {
            break;
        }
        rest = after.trim();
    }
    let bare: String = rest.chars().filter(|c| !c.is_whitespace()).collect();
    matches!(bare.as_str(), "..." | "[...]")
}

/// The ticket numbers with our prefix that the subject holds, in brackets or bare, in any case
/// or width; each once, in order, at most 16. Another team's longer prefix is not ours; a
/// placeholder holds none.
pub fn ticket_tags(subject: &str, prefix: &str) -> Vec<Number> {
    let mut numbers = Vec::new();
    for (_, number) in find(&fold(subject), prefix) {
        if !numbers.contains(&number) && numbers.len() < MOST_NUMBERS {
            numbers.push(number);
        }
    }
    numbers
}

/// The subject without our bracketed ticket numbers; all else are the reporter's words and
/// stays, a number without brackets too.
pub fn without_tags(subject: &str, prefix: &str) -> String {
    let mut kept = String::with_capacity(subject.len());
    let mut from = 0;
    for tag in find(subject, prefix).into_iter().filter_map(|(span, _)| bracketed(subject, span)) {
        append(&mut kept, &subject[from..tag.start]);
        from = tag.end;
    }
    append(&mut kept, &subject[from..]);
    kept.trim().to_owned()
}

/// Adds a piece so that no two blanks meet at the seam.
fn append(kept: &mut String, piece: &str) {
    let seam = kept.is_empty() || kept.ends_with(char::is_whitespace);
    kept.push_str(if seam { piece.trim_start() } else { piece });
}

/// The span of a number with the brackets around it; None where it has none.
fn bracketed(text: &str, number: Range<usize>) -> Option<Range<usize>> {
    let before = text[..number.start].trim_end();
    let after = text[number.end..].trim_start();
    (before.ends_with('[') && after.starts_with(']')).then(|| before.len() - 1..text.len() - after.len() + 1)
}

/// Where numbers of ours stand, in any case.
fn find(text: &str, prefix: &str) -> Vec<(Range<usize>, Number)> {
    // ASCII case folding keeps every octet where it is.
    let upper = text.to_ascii_uppercase();
    let lead = format!("{prefix}-");
    upper.match_indices(&lead).filter_map(|(start, _)| number_at(&upper, start, &lead)).collect()
}

/// The number that starts at `start`, if it stands there as a word of its own.
fn number_at(upper: &str, start: usize, lead: &str) -> Option<(Range<usize>, Number)> {
    let in_word = |c: char| c.is_alphanumeric() || c == '_';
    if upper[..start].ends_with(|c| in_word(c) || c == '-') {
        return None;
    }
    let digits = start + lead.len();
    let length = upper[digits..].bytes().take_while(|b| b.is_ascii_digit() || *b == b'-').count();
    let text = upper[start..digits + length].trim_end_matches('-');
    let end = start + text.len();
    if upper[end..].starts_with(in_word) {
        return None;
    }
    Some((start..end, Number::parse(text)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tags(subject: &str) -> Vec<String> {
        ticket_tags(subject, "EX").iter().map(|n| n.to_string()).collect()
    }

    #[test]
    fn placeholders_are_known_in_every_form() {
        for subject in ["...", "[...]", " [...] ", "Re: [...]", "RE: AW: ...", "…", "[…]", "[ ... ]", "[.\u{200B}..]"]
        {
            assert!(is_placeholder(subject), "{subject:?}");
        }
        for subject in ["", "..", "....", "[..]", "x ...", "[...] x", "ticket: ...", "Re:", "[EX-2026-000042] [...]"] {
            assert!(!is_placeholder(subject), "{subject:?}");
        }
    }

    #[test]
    fn numbers_of_ours_are_found_with_and_without_brackets() {
        for subject in [
            "[EX-2026-000042] x",
            "Re: [EX-2026-000042] x",
            "EX-2026-000042",
            "about ex-2026-000042, again",
            "(EX-2026-000042)",
            "[ EX-2026-000042 ]",
            "x EX-2026-000042: EX-2026-000042",
            "EX\u{2011}2026\u{2013}000042",
            "ＥＸ－２０２６－００００４２",
            "EX-2026-0000\u{200B}42",
            "EX-2026-000042-logs",
            "EX-2026-000042- logs",
            "[#EX-2026-000042]",
        ] {
            assert_eq!(tags(subject), ["EX-2026-000042"], "{subject:?}");
        }
        assert_eq!(tags("EX-2026-000042 and [EX-2025-1000000]"), ["EX-2026-000042", "EX-2025-1000000"]);
    }

    #[test]
    fn what_only_resembles_a_number_is_none() {
        for subject in [
            "",
            "...",
            "[...]",
            "EX-2026-42",
            "EX-26-000042",
            "EX-2026-0000000042",
            "XEX-2026-000042",
            "CERT-EX-2026-000042",
            "my_EX-2026-000042",
            "EX-2026-000042a",
            "EX-2026-000042-7",
            "EX 2026 000042",
            "AB-2026-000042",
            "EX-2026-",
            "EX-",
        ] {
            assert_eq!(tags(subject), [""; 0], "{subject:?}");
        }
        let many: String = (0..1000).map(|n| format!("EX-2026-{n:06} ")).collect();
        assert_eq!(ticket_tags(&many, "EX").len(), MOST_NUMBERS);
        assert_eq!(ticket_tags("[CSIRT-X-2026-000001]", "CSIRT-X").len(), 1);
        assert_eq!(ticket_tags("[CSIRT-X-2026-000001]", "X").len(), 0);
    }

    #[test]
    fn the_reporters_words_stay() {
        for (subject, kept) in [
            ("[EX-2026-000042] Phishing", "Phishing"),
            ("Re: [EX-2026-000042] Phishing", "Re: Phishing"),
            ("Re: [ ex-2026-000042 ]Phishing", "Re: Phishing"),
            ("Phishing [EX-2026-000042]", "Phishing"),
            ("a [EX-2026-000042] b [EX-2026-000043] c", "a b c"),
            ("[EX-2026-000042][EX-2026-000043]", ""),
            ("[URGENT] x", "[URGENT] x"),
            ("about EX-2026-000042: logs", "about EX-2026-000042: logs"),
            ("[AB-2026-000042] x", "[AB-2026-000042] x"),
            ("[EX-2026-000042 logs] x", "[EX-2026-000042 logs] x"),
            ("é[EX-2026-000042]é", "éé"),
            ("", ""),
        ] {
            assert_eq!(without_tags(subject, "EX"), kept, "{subject:?}");
        }
    }

    proptest! {
        #[test]
        fn no_subject_stops_the_reader(subject in "(EX-|2026-|000042|\\[|\\]| |é|-|\\PC){0,20}") {
            let kept = without_tags(&subject, "EX");
            prop_assert!(kept.len() <= subject.len());
            prop_assert!(ticket_tags(&subject, "EX").len() <= MOST_NUMBERS);
        }

        #[test]
        fn every_number_reads_back(year in 1000i16..9999, count in 1u32..999_999_999) {
            let number = Number::new("EX", year, count);
            prop_assert_eq!(ticket_tags(&format!("Re: [{number}] x"), "EX"), vec![number]);
        }
    }
}
