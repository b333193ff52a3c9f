//! The outside world, one file a protocol.

pub mod clock;
pub mod crash;
pub mod folder;
pub mod ical;
pub mod imap;
pub mod maildir;
pub mod mime;
pub mod openpgp;
pub mod pager;
pub mod random;
pub mod secret;
pub mod smtp;
pub mod tls;
pub mod walls;
pub mod webhook;
pub mod wire;
