//! Text that somebody outside wrote.
//!
//! It has no `Display` and its `Debug` shows a length only, so it cannot reach a
//! screen, a log or a header by accident. Each place has its own encoder here.
//! Hostile data: everything. Failure: none, every text has an encoding.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Text from a mail, shown only through an encoder for its place.
///
/// In JSON it is the plain string: JSON escapes control characters itself.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Untrusted(String);

impl Untrusted {
    /// Marks a text as foreign.
    pub fn new(text: impl Into<String>) -> Self {
        Untrusted(text.into())
    }

    /// The text itself: to compare, to parse and to store, never to show.
    pub fn raw(&self) -> &str {
        &self.0
    }

    /// Whether there is nothing in it but blanks.
    pub fn is_blank(&self) -> bool {
        self.0.trim().is_empty()
    }

    /// For a terminal or a pipe, over several lines: tab and newline stay, every other
    /// control or direction-changing character is shown as `<U+202E>` (T12, T73).
    pub fn terminal(&self) -> String {
        escape(&self.0, |c| c == '\n' || c == '\t')
    }

    /// For one line on a terminal or in a table: nothing that moves the cursor stays.
    pub fn line(&self) -> String {
        escape(&self.0, |_| false)
    }

    /// For a cell of a CSV file: as `line`, quoted, and never read as a formula (T75).
    pub fn csv(&self) -> String {
        let line = self.line();
        let guard = if line.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
        format!("\"{guard}{}\"", line.replace('"', "\"\""))
    }

    /// For the value of a mail header that we write: one line without control characters,
    /// at most 200 characters (T70). Encoding to ASCII is the header writer's.
    pub fn header(&self) -> String {
        self.0.chars().map(|c| if c.is_control() || is_hidden(c) { ' ' } else { c }).take(200).collect()
    }
}

impl fmt::Debug for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Untrusted({} bytes)", self.0.len())
    }
}

impl From<&str> for Untrusted {
    fn from(text: &str) -> Self {
        Untrusted(text.to_owned())
    }
}

impl From<String> for Untrusted {
    fn from(text: String) -> Self {
        Untrusted(text)
    }
}

/// Characters that change how their neighbours look without being seen themselves: Unicode's
/// Default_Ignorable_Code_Point, with line separators, bidi controls and annotations.
pub(crate) fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
        | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
        | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}'
        | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

fn escape(text: &str, stays: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if stays(c) || !(c.is_control() || is_hidden(c)) {
            out.push(c);
        } else {
            out.push_str(&format!("<U+{:04X}>", c as u32));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::Untrusted;

    #[test]
    fn no_control_or_bidi_character_survives_any_encoder() {
        for code in 0..=0x10FFFFu32 {
            let Some(c) = char::from_u32(code) else { continue };
            let text = Untrusted::new(format!("a{c}b"));
            for shown in [text.line(), text.csv(), text.header()] {
                assert!(!shown.chars().any(char::is_control), "U+{code:04X}");
            }
            let shown = text.terminal();
            assert!(!shown.chars().any(|c| c.is_control() && c != '\n' && c != '\t'), "U+{code:04X}");
        }
        assert_eq!(Untrusted::from("gpj\u{202E}exe").line(), "gpj<U+202E>exe");
        assert_eq!(Untrusted::from("=1+1").csv(), "\"'=1+1\"");
        assert_eq!(format!("{:?}", Untrusted::from("secret")), "Untrusted(6 bytes)");
    }
}
