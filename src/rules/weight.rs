//! How much a ticket weighs (P19): its severity and its extent, in words.
//!
//! Extent counts what is known or surely concerned, systems or persons, whichever are more.

use super::ticket::words;

words! {
    /// How bad it is. Ordered.
    Severity { Low = "low", Medium = "medium", High = "high" }
}

words! {
    /// How many systems or persons are concerned. Ordered.
    Extent {
        /// One.
        One = "one",
        /// 2 to 10.
        Few = "few",
        /// 11 to 100.
        Many = "many",
        /// More than 100, or a whole organisation.
        Mass = "mass",
    }
}
