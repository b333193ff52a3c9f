//! The outside world, one file a protocol.

pub mod clock;
pub mod openpgp;
pub mod random;
pub mod secret;
pub mod smtp;
pub mod tls;
