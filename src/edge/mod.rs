//! The outside world, one file a protocol.

pub mod openpgp;
pub mod smtp;
pub mod tls;
