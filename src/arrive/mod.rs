//! Act 1: from the mailbox to a readable report.

pub mod entity;
