//! Whom a shift of a rota file names (P9).
//!
//! On-call tools write the analyst into the title of an event, or invite them. Hostile data: the
//! texts of a file that another program exports; they are only compared. Failure: none; a shift
//! that names nobody of the team counts for nobody. Known gap: nicknames are not understood.

use super::settings::Analyst;
use jiff::Timestamp;

/// One event of a rota file, an occurrence of it where it recurs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shift {
    /// SUMMARY (RFC 5545 3.8.1.12).
    pub summary: String,
    /// ATTENDEE: addresses without `mailto:`, and common names.
    pub attendees: Vec<String>,
    pub from: Timestamp,
    /// The first instant after it.
    pub to: Timestamp,
}

/// The analysts whom a shift names: by the address of an attendee, by a name that stands as a word
/// or words in title or attendee. In the order of the config.
pub fn named<'a>(shift: &Shift, analysts: &'a [Analyst]) -> Vec<&'a str> {
    let texts = || std::iter::once(&shift.summary).chain(&shift.attendees);
    let names = |analyst: &Analyst| {
        texts().any(|text| holds(text, &analyst.name)) || texts().any(|text| holds(text, analyst.address.as_str()))
    };
    analysts.iter().filter(|analyst| names(analyst)).map(|analyst| analyst.name.as_str()).collect()
}

/// Whether `text` holds `words`, whatever the case, and not as a part of longer ones.
fn holds(text: &str, words: &str) -> bool {
    let (text, words) = (text.to_lowercase(), words.to_lowercase());
    let is_edge = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric() && !"._-+@".contains(c));
    text.match_indices(&words).any(|(at, found)| {
        let after = text[at + found.len()..].trim_start_matches(['.', '-', '_']);
        is_edge(text[..at].chars().next_back()) && is_edge(after.chars().next())
    })
}

#[cfg(test)]
mod tests {
    use super::{Shift, named};
    use crate::rules::testing::settings;
    use jiff::Timestamp;

    #[test]
    fn a_shift_names_its_analyst_by_title_or_invitation() {
        let analysts = settings().duty.analysts;
        let shift = |summary: &str, attendees: &[&str]| Shift {
            summary: summary.to_owned(),
            attendees: attendees.iter().map(|&text| text.to_owned()).collect(),
            from: Timestamp::UNIX_EPOCH,
            to: Timestamp::MAX,
        };
        for (summary, attendees, whom) in [
            ("alice", &[][..], &["alice"][..]),
            ("On call: Alice", &[], &["alice"]),
            ("On Call - alice - CSIRT primary", &[], &["alice"]),
            ("alice@example.org", &[], &["alice"]),
            ("Duty", &["ALICE@example.org"], &["alice"]),
            ("Duty", &["x@else.example", "Alice"], &["alice"]),
            ("bob, for alice", &[], &["alice", "bob"]),
            ("Bob.", &[], &["bob"]),
            ("malice", &[], &[]),
            ("alice.b@else.example", &[], &[]),
            ("x.alice@example.org", &[], &[]),
            ("", &[], &[]),
        ] {
            assert_eq!(named(&shift(summary, attendees), &analysts), whom, "{summary:?} {attendees:?}");
        }
    }
}
