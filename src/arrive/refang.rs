//! Undoing what people do to addresses so that nobody clicks them: `hxxp://evil[.]example`.
//!
//! Hostile data: the text of mails. Failure: none; what is no defanged mark stays as it is. Reads each
//! octet a bounded number of times (T21). Rules, not lists:
//! - a `.`, `@`, `:`, `/`, `//` or `://` between brackets of any kind, or `dot` or `at` between two
//!   brackets, with one blank inside or beside the brackets;
//! - a half bracket or backslashes at a `.` between two letters or digits;
//! - `\/`, as JSON writes it; ideographic dots and full-width characters; invisible ones are left out;
//! - `evil dot example`, where the last word is a top-level domain and the first no article, and
//!   `user at evil dot example`; `[point]` and `[arobase]` in French;
//! - `http[s]`, `h[tt]p` and `h[xx]p` before what can be a scheme's end.
//!
//! The scheme (`hxxp`) is the business of `indicators`.

use crate::rules::untrusted::is_hidden;

/// A text in which addresses can be read.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Refanged {
    pub text: String,
    /// Where in `text` a mark was mended, ascending: whoever defanged a name meant a name.
    pub mended: Vec<usize>,
    /// Where text and original part: octets of the text, of the original, both from here on.
    shifts: Vec<(usize, usize)>,
}

impl Refanged {
    /// Where an octet of the text stands in the original.
    pub fn original(&self, at: usize) -> usize {
        match self.shifts.partition_point(|(text, _)| *text <= at).checked_sub(1).map(|index| self.shifts[index]) {
            Some((text, original)) => original + (at - text),
            None => at,
        }
    }
}

/// How many brackets or backslashes in a row belong to one mark.
const RUN: usize = 8;

/// Undoes all marks in a text.
pub fn refang(text: &str) -> Refanged {
    let mut out = Refanged { text: String::with_capacity(text.len()), mended: Vec::new(), shifts: Vec::new() };
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut copied = 0;
    while at < bytes.len() {
        let (length, replacement) = match bytes[at] {
            b'[' | b'(' | b'{' | b'\\' | b'.' | b'@' => match mark(bytes, at) {
                Some(mark) => {
                    out.text.push_str(&text[copied..at]);
                    mend(&mut out, &mark);
                    at += mark.length + usize::from(mark.joins && glues(bytes, at + mark.length));
                    copied = at;
                    out.shifts.push((out.text.len(), at));
                    continue;
                }
                None => (1, None),
            },
            b' ' => match spoken(text, at) {
                Some((length, core)) => {
                    out.text.push_str(&text[copied..at]);
                    out.mended.push(out.text.len());
                    out.text.push_str(core);
                    at += length;
                    copied = at;
                    out.shifts.push((out.text.len(), at));
                    continue;
                }
                None => (1, None),
            },
            b if b < 0x80 => (1, None),
            _ => {
                let c = text[at..].chars().next().unwrap_or(' ');
                (c.len_utf8(), unusual(c))
            }
        };
        if let Some(replacement) = replacement {
            out.text.push_str(&text[copied..at]);
            out.text.extend(replacement);
            copied = at + length;
            out.shifts.push((out.text.len(), copied));
        }
        at += length;
    }
    out.text.push_str(&text[copied..]);
    out
}

/// What stands for a character that looks like another, or like none.
fn unusual(c: char) -> Option<Option<char>> {
    match c {
        '\u{3002}' | '\u{FF61}' | '\u{2024}' => Some(Some('.')),
        '\u{FF01}'..='\u{FF5E}' => Some(char::from_u32(u32::from(c) - 0xFEE0)),
        c if is_hidden(c) => Some(None),
        _ => None,
    }
}

/// ` dot ` and ` at ` between words, as people read addresses out.
fn spoken(text: &str, at: usize) -> Option<(usize, &'static str)> {
    let rest = &text[at..];
    let word = |text: &str| text.find(|c: char| !(c.is_alphanumeric() || c == '-')).unwrap_or(text.len());
    let says = |text: &str, what: &str| text.get(..what.len()).is_some_and(|start| start.eq_ignore_ascii_case(what));
    let before = text[..at].bytes().rev().take(64).take_while(|b| is_word(*b) || *b == b'-').count();
    let first = text.get(at - before..at)?;
    if first.is_empty() {
        return None;
    }
    if says(rest, " at ") {
        let name = &rest[4..];
        let end = word(name);
        return (end > 0 && spoken(text, at + 4 + end).is_some_and(|(_, core)| core == ".")).then_some((4, "@"));
    }
    if !says(rest, " dot ")
        || ["the", "a", "an", "this", "each", "le", "un", "les", "one"].contains(&first.to_lowercase().as_str())
    {
        return None;
    }
    let mut last = &rest[5..];
    for _ in 0..10 {
        let end = word(last);
        if end == 0 || end > 63 {
            return None;
        }
        let behind = &last[end..];
        if !says(behind, " dot ") {
            let top = format!("a.{}", last[..end].to_lowercase());
            let is_top = ["a.example", "a.test", "a.invalid"].contains(&top.as_str())
                || psl::suffix(top.as_bytes())
                    .is_some_and(|suffix| suffix.is_known() && suffix.as_bytes().len() < top.len());
            return is_top.then_some((5, "."));
        }
        last = &behind[5..];
    }
    None
}

/// A mark found in the text.
struct Mark {
    core: &'static str,
    length: usize,
    /// Stands for a dot or an at, so blanks beside it go.
    joins: bool,
    /// Written with brackets.
    bracketed: bool,
}

fn mend(out: &mut Refanged, mark: &Mark) {
    let before = out.text.as_bytes();
    if mark.joins && before.ends_with(b" ") && before.len() > 1 && is_word(before[before.len() - 2]) {
        out.text.pop();
    }
    if mark.bracketed {
        out.mended.push(out.text.len());
    }
    out.text.push_str(mark.core);
}

/// Whether the blank behind a mark stands before a word.
fn glues(bytes: &[u8], at: usize) -> bool {
    bytes.get(at) == Some(&b' ') && bytes.get(at + 1).copied().is_some_and(is_word)
}

fn is_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b >= 0x80
}

/// The mark that begins at `at`.
fn mark(bytes: &[u8], at: usize) -> Option<Mark> {
    let count = |from: usize, set: &[u8]| bytes[from..].iter().take(RUN).take_while(|b| set.contains(b)).count();
    let slashes = count(at, b"\\");
    let opened = count(at + slashes, b"[({");
    let mut end = at + slashes + opened;
    end += usize::from(opened > 0 && bytes.get(end) == Some(&b' '));
    let (core, length) = core(&bytes[end..])?;
    end += length;
    let blank = usize::from(bytes.get(end) == Some(&b' ') && opened > 0);
    let closed = count(end + blank, b"])}");
    end += if closed > 0 { blank + closed } else { 0 };
    let before = at.checked_sub(1).map(|at| bytes[at]).is_some_and(is_word);
    let after = bytes.get(end).copied().is_some_and(is_word);
    let whole = opened > 0 && closed > 0;
    let good = match core {
        "." if length == 1 => whole || (slashes + opened + closed > 0 && before && after),
        "/" if slashes > 0 && opened + closed == 0 => true,
        "s" => {
            whole
                && bytes.get(at.wrapping_sub(1)).is_some_and(|b| b"pP".contains(b))
                && matches!(bytes.get(end), Some(b':' | b'['))
        }
        "tt" => {
            whole
                && bytes.get(at.wrapping_sub(1)).is_some_and(|b| b"hH".contains(b))
                && matches!(bytes.get(end), Some(b'p' | b'P'))
        }
        _ => whole,
    };
    let joins = whole && matches!(core, "." | "@");
    good.then_some(Mark { core, length: end - at, joins, bracketed: opened > 0 })
}

fn core(bytes: &[u8]) -> Option<(&'static str, usize)> {
    let cores = [
        ("://", "://"),
        ("//", "//"),
        (".", "."),
        ("@", "@"),
        (":", ":"),
        ("/", "/"),
        ("dot", "."),
        ("point", "."),
        ("at", "@"),
        ("arobase", "@"),
        ("tt", "tt"),
        ("xx", "tt"),
        ("s", "s"),
    ];
    cores
        .into_iter()
        .find(|(written, _)| bytes.get(..written.len()).is_some_and(|b| b.eq_ignore_ascii_case(written.as_bytes())))
        .map(|(written, meant)| (meant, written.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_undone_and_other_brackets_stay() {
        for (text, wanted) in [
            ("hxxp://evil[.]example/a[.]b", "hxxp://evil.example/a.b"),
            ("evil(.)example, evil{.}example", "evil.example, evil.example"),
            ("evil[dot]example evil (DOT) example", "evil.example evil.example"),
            ("csirt(at)corp.example csirt [at] corp [dot] example", "csirt@corp.example csirt@corp.example"),
            ("csirt[@]corp{.}example csirt{at}corp.example", "csirt@corp.example csirt@corp.example"),
            (
                "http[:]//evil.example http[://]evil.example http:[//]evil.example",
                "http://evil.example http://evil.example http://evil.example",
            ),
            ("evil.example[/]path", "evil.example/path"),
            ("192.0.2[.10 192.0.2.]]10 192\\.0\\\\.2[[[.]]]10", "192.0.2.10 192.0.2.10 192.0.2.10"),
            ("https:\\/\\/evil.example\\/a", "https://evil.example/a"),
            ("evil。example ev\u{200B}il．example", "evil.example evil.example"),
            ("evil [.] example", "evil.example"),
            ("evil dot example", "evil.example"),
            ("csirt at corp dot co dot uk", "csirt@corp.co.uk"),
            ("the dot com bubble, look at the dot", "the dot com bubble, look at the dot"),
            ("csirt[arobase]corp[point]fr", "csirt@corp.fr"),
            ("hxxp[s]://a.b h[tt]p://c.d item[s]: x", "hxxps://a.b http://c.d item[s]: x"),
            ("ｅｖｉｌ．ｃｏｍ ev\u{AD}il\u{2024}com", "evil.com evil.com"),
            ("(see this.) Then [a] (b) {c}", "(see this.) Then [a] (b) {c}"),
            ("C:\\Users\\a.b [data] (attic)", "C:\\Users\\a.b [data] (attic)"),
            ("end of it.) (at last)", "end of it.) (at last)"),
        ] {
            assert_eq!(refang(text).text, wanted);
        }
        assert_eq!(refang("a[.]b.c[.]d").mended, [1, 5]);
        assert_eq!(refang("a\\.b.c").mended, [0usize; 0]);
    }

    proptest::proptest! {
        #[test]
        fn no_text_breaks_it(text in "[a.@:/ \\[\\](){}\\\\dot\u{200B}é]{0,60}|\\PC{0,60}") {
            let out = refang(&text);
            proptest::prop_assert!(out.text.len() <= text.len());
            proptest::prop_assert!(out.mended.iter().all(|&at| out.text.is_char_boundary(at)));
            proptest::prop_assert!(out.mended.is_sorted());
        }
    }
}
