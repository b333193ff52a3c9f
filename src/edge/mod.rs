//! The outside world, one file a protocol.

pub mod secret;
