//! The outside world, one file a protocol.
pub mod imap;
pub mod maildir;

pub mod clock;
pub mod random;
pub mod smtp;
pub mod tls;
pub mod openpgp;
