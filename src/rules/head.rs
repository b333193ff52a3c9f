//! The text of a head of the history: what is signed, mailed and kept elsewhere (law 12).
//!
//! Lines of plain ASCII, so that no mail system has to encode them. Hostile data: a text that somebody
//! hands in, read strictly after its signature was judged. Failure: None.

use jiff::Timestamp;

/// What a head says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadText {
    /// When it was signed, in whole seconds.
    pub at: Timestamp,
    /// How many lines the history had.
    pub rows: i64,
    /// The chain at the last of them: 64 hex digits; empty where there was none.
    pub chain: String,
}

const TITLE: &str = "Head of the history of";

/// The text for the team with this address.
pub fn write(address: &str, head: &HeadText) -> String {
    let HeadText { at, rows, chain } = head;
    let at = at.round(jiff::Unit::Second).unwrap_or(*at);
    format!("{TITLE} {address}\ndate: {at}\nrows: {rows}\nhead: {chain}\n")
}

/// Reads what `write` wrote, whatever the line ends.
pub fn read(text: &str) -> Option<HeadText> {
    let mut lines = text.lines().map(str::trim_end);
    lines.next()?.strip_prefix(TITLE)?;
    let mut value = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(':').map(str::trim);
    let (at, rows, chain) = (value("date")?.parse().ok()?, value("rows")?.parse().ok()?, value("head")?.to_owned());
    Some(HeadText { at, rows, chain })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_else() {
        let head = HeadText { at: "2026-11-30T07:00:00Z".parse().unwrap(), rows: 42, chain: "ab".repeat(32) };
        let text = write("csirt@example.org", &head);
        assert_eq!(read(&text), Some(head.clone()));
        assert_eq!(read(&text.replace('\n', "\r\n")), Some(head));
        for other in [text.replace("rows: 42", "rows: x"), text.replace("Head", "Foot"), String::new()] {
            assert_eq!(read(&other), None, "{other}");
        }
        assert!(text.is_ascii() && text.lines().all(|line| line.len() <= 78 && line.trim_end() == line));
    }
}
