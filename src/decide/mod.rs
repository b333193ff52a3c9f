//! Act 2: what it means.

pub mod file;
pub mod keys;
pub mod known;
pub mod raise;
pub mod sent;
pub mod triage;
