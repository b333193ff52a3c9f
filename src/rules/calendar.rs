//! Business days: when a promise falls due.

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use std::collections::BTreeSet;

/// The team's business days.
#[derive(Debug, Clone)]
pub struct Calendar {
    pub zone: TimeZone,
    /// Monday first.
    pub weekdays: [bool; 7],
    pub holidays: Holidays,
    /// Own closing days.
    pub closed: BTreeSet<Date>,
    /// A report after this time of a business day counts from the next one, 00:00.
    pub cut_off: Option<Time>,
}

/// Which public holidays are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holidays {
    /// Metropolitan France.
    Fr,
    /// Alsace-Moselle: also Good Friday and 26 December.
    FrAlsaceMoselle,
    None,
    /// From a file.
    Dates(BTreeSet<Date>),
}

impl Calendar {
    /// The first instant at which `days` business days have run since `received`.
    pub fn after(&self, received: Timestamp, days: u32) -> Timestamp {
        let _ = (received, days);
        todo!()
    }
}
