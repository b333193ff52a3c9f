//! Act 1: from the mailbox to a readable report.

pub mod addresses;
mod decode;
pub mod entity;
pub mod header;
pub mod html;
pub mod indicators;
mod multipart;
pub mod open;
pub mod params;
pub mod read;
mod refang;
