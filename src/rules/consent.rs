//! Whether the originator lets us pass a report on (P16).

use super::ticket::words;

words! {
    /// What the originator allows. Nothing recorded is the same as `no`.
    Consent {
        Yes = "yes",
        No = "no",
        /// To some, or in part: the history says to whom.
        Limited = "limited",
    }
}
