//! Act 2: what it means.

pub mod triage;
