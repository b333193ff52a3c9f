//! Act 1: from the mailbox to a readable report.

pub mod addresses;
pub mod again;
pub mod candidates;
mod decode;
pub mod defang;
pub mod entity;
mod envelope;
pub mod feeds;
pub mod forwarded;
pub mod glance;
pub mod header;
pub mod html;
pub mod indicators;
pub mod intake;
mod multipart;
pub mod open;
mod outer;
pub mod params;
pub mod read;
pub mod reader;
mod refang;
mod sealed;
