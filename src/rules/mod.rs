//! The pure room: nouns and rules. No I/O, no async, no clock, no randomness.

pub mod address;
pub mod calendar;
pub mod caps;
pub mod holidays;
pub mod intent;
pub mod report;
pub mod rota;
pub mod settings;
pub mod ticket;
pub mod trouble;
pub mod untrusted;
pub mod verdict;
