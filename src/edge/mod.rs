//! The outside world, one file a protocol.

pub mod tls;
