//! The ticket: its number, its states, and the words for what happens to it.

use std::fmt;

/// `EX-2026-000042`: the prefix of the team, the year of receipt in the team's zone, and a
/// count that starts at 1 each year.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Number {
    prefix: String,
    year: i16,
    count: u32,
}

impl Number {
    /// A number from its parts. `prefix` is checked by the config.
    pub fn new(prefix: &str, year: i16, count: u32) -> Number {
        Number { prefix: prefix.to_owned(), year, count }
    }

    /// Reads a whole number (`EX-2026-000042`).
    pub fn parse(text: &str) -> Option<Number> {
        let (rest, count) = text.rsplit_once('-')?;
        let (prefix, year) = rest.rsplit_once('-')?;
        let prefix_ok = is_prefix(prefix);
        let digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
        if !prefix_ok || year.len() != 4 || !digits(year) || !(6..=9).contains(&count.len()) || !digits(count) {
            return None;
        }
        Some(Number { prefix: prefix.to_owned(), year: year.parse().ok()?, count: count.parse().ok()? })
    }

    /// Reads what a person types: a whole number, or its last digits with this year implied.
    pub fn parse_short(text: &str, prefix: &str, this_year: i16) -> Option<Number> {
        let text = text.trim();
        if let Some(number) = Number::parse(&text.to_uppercase()) {
            return Some(number);
        }
        let digits = !text.is_empty() && text.len() <= 9 && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse().ok()).flatten().map(|count| Number::new(prefix, this_year, count))
    }

    /// The year of receipt.
    pub fn year(&self) -> i16 {
        self.year
    }

    /// The count within the year.
    pub fn count(&self) -> u32 {
        self.count
    }
}

/// Whether a text can stand before the year in a ticket number: 1 to 16 capitals or digits
/// with inner hyphens, first a capital.
pub fn is_prefix(text: &str) -> bool {
    (1..=16).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_uppercase())
        && !text.ends_with('-')
        && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-')
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:04}-{:06}", self.prefix, self.year, self.count)
    }
}
impl TryFrom<String> for Number {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Number::parse(&text).ok_or_else(|| format!("not a ticket number: {text:?}"))
    }
}
impl From<Number> for String {
    fn from(number: Number) -> String {
        number.to_string()
    }
}

/// Writes an enum whose values are fixed words: to text, from text, and the list for errors.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$vmeta])* #[serde(rename = $word)] $variant),+ }

        impl $name {
            /// Every value, in order.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];
            /// The word that JSON, the database and the command line use.
            pub fn word(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }
            /// Reads the word.
            pub fn from_word(word: &str) -> Option<$name> {
                match word { $($word => Some($name::$variant),)+ _ => None }
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str(self.word()) }
        }
    };
}
pub(crate) use words;

words! {
    /// Where a ticket stands.
    State {
        /// No human has touched it yet.
        New = "new",
        /// A human has it, or the reporter wrote again.
        Open = "open",
        /// Answered; waiting for the reporter.
        Waiting = "waiting",
        /// Solved, not yet closed.
        Resolved = "resolved",
        /// Done.
        Closed = "closed",
        /// Spam, or not ours.
        Rejected = "rejected",
        /// Its mail lives in another ticket now.
        Merged = "merged",
    }
}

impl State {
    /// Whether a ticket in this state still asks something of the team.
    pub fn is_live(self) -> bool {
        !matches!(self, State::Closed | State::Rejected | State::Merged)
    }

    /// Whether an analyst may set `to` by hand. `new` and `merged` are never set by hand;
    /// a merged ticket is left by unmerging only.
    pub fn allows(self, to: State) -> bool {
        self != State::Merged && !matches!(to, State::New | State::Merged)
    }
}

words! {
    /// The team's own decision (P4): set and reset by analysts alone.
    Priority { Normal = "normal", Emergency = "emergency" }
}

words! {
    /// What a mailbox is for. Ordered from the laxest to the strictest, for mail that
    /// arrives in two mailboxes (law 1).
    Kind {
        /// Machine reports only: filed silently.
        Feed = "feed",
        /// What is no incident: answered, nobody alerted.
        Contact = "contact",
        /// Reports of incidents.
        Incident = "incident",
    }
}

words! {
    /// Which way a message of a ticket went.
    Direction { In = "in", Out = "out", Ack = "ack", Note = "note" }
}

words! {
    /// How one ticket relates to another.
    LinkKind { Claims = "claims", Duplicate = "duplicate", Related = "related", Merged = "merged" }
}

impl LinkKind {
    /// Those that an analyst sets; a merge is no mere link.
    pub const BY_HAND: &'static [LinkKind] = &[LinkKind::Claims, LinkKind::Duplicate, LinkKind::Related];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_back_and_short_forms_mean_this_year() {
        let number = Number::new("EX", 2026, 42);
        assert_eq!(number.to_string(), "EX-2026-000042");
        assert_eq!(Number::parse("EX-2026-000042"), Some(number.clone()));
        assert_eq!(Number::parse_short("42", "EX", 2026), Some(number.clone()));
        assert_eq!(Number::parse_short("000042", "EX", 2026), Some(number.clone()));
        assert_eq!(Number::parse_short("ex-2026-000042", "EX", 2030), Some(number));
        assert_eq!(Number::parse("CSIRT-X-2026-1000000").map(|n| n.count()), Some(1_000_000));
        for bad in ["", "42x", "EX-26-000042", "EX-2026-42", "-2026-000042", "EX-2026-", "1234567890"] {
            assert_eq!(Number::parse_short(bad, "EX", 2026), None, "{bad}");
        }
    }

    #[test]
    fn merged_tickets_are_left_by_unmerging_only() {
        for &to in State::ALL {
            assert!(!State::Merged.allows(to));
        }
        assert!(State::New.allows(State::Rejected) && !State::Open.allows(State::New));
    }
}
