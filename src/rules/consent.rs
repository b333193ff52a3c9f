//! Whether the originator lets us pass a report on (P16).

use super::ticket::words;

words! {
    /// What the originator allows. Where nothing is recorded nobody has asked: what leaves in full then needs a
    /// reason, and the history says so.
    Consent {
        Yes = "yes",
        No = "no",
        /// To some, or in part: the history says to whom.
        Limited = "limited",
    }
}
