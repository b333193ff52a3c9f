//! How many acknowledgements may leave (A1.8).

use jiff::SignedDuration;

/// At most `count` within a sliding span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cap {
    pub count: u32,
    pub within: SignedDuration,
}
