//! The outside world, one file a protocol.
pub mod imap;
pub mod maildir;
