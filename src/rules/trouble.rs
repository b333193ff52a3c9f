//! The one vocabulary of failure at the edges, and how long to wait after it.
//!
//! Trouble with the content of a mail is data in the report (`report::Problem`), never
//! one of these.

use jiff::SignedDuration;

/// What a failed dealing with the outside means for the work that asked for it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// Nothing happened; try again.
    #[error("{0}")]
    Later(String),
    /// Refused for good; a person must look.
    #[error("{0}")]
    Never(String),
    /// It may have happened: the link broke after the end of data.
    #[error("{0}")]
    Unsure(String),
}

impl Trouble {
    /// The words for the operator: what happened, to what. Never holds mail content.
    pub fn words(&self) -> &str {
        match self {
            Trouble::Later(words) | Trouble::Never(words) | Trouble::Unsure(words) => words,
        }
    }
}

/// The pause before try number `attempts + 1`: 5 s, doubling, at most 15 minutes, less up to
/// a quarter. `jitter` is a random octet.
pub fn backoff(attempts: u32, jitter: u8) -> SignedDuration {
    let whole = 5_000_i64.saturating_mul(1 << attempts.saturating_sub(1).min(20)).min(15 * 60 * 1000);
    SignedDuration::from_millis(whole - whole * i64::from(jitter) / (4 * 255))
}

#[cfg(test)]
mod tests {
    use super::backoff;

    #[test]
    fn the_pause_doubles_and_has_a_cap() {
        let seconds = |attempts| backoff(attempts, 0).as_secs();
        assert_eq!((1..=10).map(seconds).collect::<Vec<_>>(), [5, 10, 20, 40, 80, 160, 320, 640, 900, 900]);
        assert_eq!(seconds(u32::MAX), 900);
        assert_eq!(backoff(9, 255).as_secs(), 675);
    }
}
