//! The outside world, one file a protocol.

pub mod clock;
pub mod random;
pub mod smtp;
pub mod tls;
pub mod openpgp;
