//! Undoing what people do to addresses so that nobody clicks them: `hxxp://evil[.]example`.
//!
//! Hostile data: the text of mails. Failure: none; what is no defanged mark stays as it is. Reads each
//! octet a bounded number of times (T21). Rules, not lists:
//! - a `.`, `@`, `:`, `/`, `//` or `://` between brackets of any kind, or `dot` or `at` between two
//!   brackets, with one blank inside or beside the brackets;
//! - a half bracket or backslashes at a `.` between two letters or digits;
//! - `\/`, as JSON writes it; ideographic and full-width dots; invisible characters are left out.
//!
//! The scheme (`hxxp`) is the business of `indicators`.

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
            b if b < 0x80 => (1, None),
            _ => {
                let c = text[at..].chars().next().unwrap_or(' ');
                (c.len_utf8(), unusual(c))
            }
        };
        if let Some(replacement) = replacement {
            out.text.push_str(&text[copied..at]);
            out.text.push_str(replacement);
            copied = at + length;
            out.shifts.push((out.text.len(), copied));
        }
        at += length;
    }
    out.text.push_str(&text[copied..]);
    out
}

fn unusual(c: char) -> Option<&'static str> {
    match c {
        '\u{3002}' | '\u{FF0E}' | '\u{FF61}' => Some("."),
        '\u{00AD}' | '\u{200B}'..='\u{200D}' | '\u{2060}' | '\u{FEFF}' => Some(""),
        _ => None,
    }
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
        _ => whole,
    };
    let joins = whole && matches!(core, "." | "@");
    good.then_some(Mark { core, length: end - at, joins, bracketed: opened > 0 })
}

fn core(bytes: &[u8]) -> Option<(&'static str, usize)> {
    let cores =
        [("://", "://"), ("//", "//"), (".", "."), ("@", "@"), (":", ":"), ("/", "/"), ("dot", "."), ("at", "@")];
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
