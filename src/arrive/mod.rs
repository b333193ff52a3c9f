//! Act 1: from the mailbox to a readable report.

pub mod addresses;
pub mod candidates;
pub mod entity;
pub mod header;
pub mod html;
pub mod indicators;
pub mod intake;
pub mod open;
pub mod params;
pub mod read;
mod decode;
mod envelope;
mod multipart;
mod outer;
mod refang;
