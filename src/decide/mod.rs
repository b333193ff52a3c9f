//! Act 2: what it means.

pub mod again;
pub mod clocks;
pub mod file;
mod identity;
pub mod keys;
pub mod known;
pub mod merge;
pub mod quarantine;
pub mod raise;
mod receipts;
pub mod retention;
pub mod sent;
pub mod triage;

#[cfg(test)]
mod model_tests;
