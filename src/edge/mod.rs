//! The outside world, one file a protocol.

pub mod clock;
pub mod imap;
pub mod maildir;
pub mod openpgp;
pub mod random;
pub mod smtp;
pub mod tls;
