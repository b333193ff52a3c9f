//! Who is on duty.

use jiff::Timestamp;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;

/// A weekly rotation.
#[derive(Debug, Clone)]
pub struct Rota {
    /// Names of analysts, in the order of the weeks.
    pub rotation: Vec<String>,
    pub handover_day: Weekday,
    pub handover_time: Time,
    /// The first handover is the one on or before this day.
    pub start: Date,
    pub zone: TimeZone,
}

/// A span in which somebody else stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    pub analyst: String,
    pub from: Timestamp,
    pub to: Timestamp,
}
