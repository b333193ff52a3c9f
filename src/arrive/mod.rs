//! Act 1: from the mailbox to a readable report.

pub mod addresses;
mod decode;
pub mod entity;
pub mod header;
mod multipart;
pub mod open;
pub mod params;
