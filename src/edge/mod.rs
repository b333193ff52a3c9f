//! The outside world, one file a protocol.

pub mod smtp;
pub mod tls;
pub mod openpgp;
