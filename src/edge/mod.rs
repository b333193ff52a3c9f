//! The outside world, one file a protocol.

pub mod clock;
pub mod folder;
pub mod mime;
pub mod openpgp;
pub mod pager;
pub mod random;
pub mod smtp;
pub mod tls;
