//! Times as people write and read them.

use super::Failure;
use crate::app::views::When;
use crate::rules::calendar::Calendar;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// Reads a time: RFC 3339 with an offset, or a date and time of the team's zone.
pub(super) fn read(option: &str, text: &str, zone: &TimeZone) -> Result<Timestamp, Failure> {
    let civil = || text.parse::<DateTime>().ok().and_then(|civil| zone.to_timestamp(civil).ok());
    text.parse::<Timestamp>().ok().or_else(civil).ok_or_else(|| {
        Failure::new(2, format!("{option}: {text:?} is no time; write 2026-12-24T09:00:00+01:00 or 2026-12-24T09:00"))
    })
}

/// Reads a day, which stands for 09:00 of the team's, or a time as `read` does.
pub(super) fn read_date(option: &str, text: &str, zone: &TimeZone) -> Result<Timestamp, Failure> {
    let day = text.parse::<Date>().ok().filter(|_| text.len() == "2026-12-24".len());
    match day.and_then(|day| zone.to_timestamp(day.at(9, 0, 0, 0)).ok()) {
        Some(at) => Ok(at),
        None => read(option, text, zone).map_err(|_| {
            Failure::new(2, format!("{option}: {text:?} is no date; write 2026-12-24, 2026-12-24T14:00 or none"))
        }),
    }
}

/// What is left until a promise is broken: `2 h 10 min left`; or since when it is.
pub(super) fn left(due: When, now: Timestamp, zone: &TimeZone) -> String {
    let minutes = due.at().duration_since(now).as_secs().div_euclid(60);
    let span = |minutes: i64| match minutes / 60 {
        0..48 => hours(minutes),
        hours => format!("{} days {} h", hours / 24, hours % 24),
    };
    match due.at() <= now {
        true => format!("broken since {} ({})", deadline(due, now, zone), span(-minutes)),
        false => format!("{} left", span(minutes)),
    }
}

/// `Tue 1 Dec 18:01`, with the year where it is not that of `now`.
pub(super) fn day(at: When, now: Timestamp, zone: &TimeZone) -> String {
    let (then, today) = (zone.to_datetime(at.at()), zone.to_datetime(now));
    let format = if then.year() == today.year() { "%a %-d %b %H:%M" } else { "%a %-d %b %Y %H:%M" };
    then.strftime(format).to_string()
}

/// As `day`, for the end of a span: midnight is 24:00 of the day before.
pub(super) fn deadline(at: When, now: Timestamp, zone: &TimeZone) -> String {
    let then = zone.to_datetime(at.at());
    if then.time() != jiff::civil::Time::midnight() {
        return day(at, now, zone);
    }
    let before = then.checked_sub(1.day()).unwrap_or(then);
    let format = if before.year() == zone.to_datetime(now).year() { "%a %-d %b 24:00" } else { "%a %-d %b %Y 24:00" };
    before.strftime(format).to_string()
}

/// How long until a deadline, to the nearest business day: right after a promise of two it is two.
pub(super) fn until(now: Timestamp, due: Timestamp, calendar: &Calendar) -> String {
    match calendar.elapsed(now, due) {
        0 => distance(now, due, calendar),
        _ => distance(now, due.saturating_add(12.hours()).unwrap_or(due), calendar),
    }
}

/// How long since a deadline: in whole business days, or in hours where it is less than one.
pub(super) fn distance(from: Timestamp, to: Timestamp, calendar: &Calendar) -> String {
    match calendar.elapsed(from, to) {
        0 => hours(to.duration_since(from).as_mins()),
        1 => "1 business day".to_owned(),
        days => format!("{days} business days"),
    }
}

fn hours(minutes: i64) -> String {
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::calendar::Holidays;
    use std::collections::BTreeSet;

    fn paris() -> TimeZone {
        TimeZone::get("Europe/Paris").unwrap()
    }

    fn at(text: &str) -> Timestamp {
        read("--now", text, &paris()).unwrap()
    }

    #[test]
    fn a_time_is_read_with_offset_or_as_the_teams() {
        assert_eq!(at("2026-12-24T09:00:00+01:00"), at("2026-12-24T08:00:00Z"));
        assert_eq!(at("2026-12-24T09:00"), at("2026-12-24T08:00:00Z"));
        assert_eq!(at("2026-07-24 09:00"), at("2026-07-24T07:00:00Z"));
        for bad in ["", "tomorrow", "09:00", "2026-13-01T00:00"] {
            assert!(read("--now", bad, &paris()).is_err(), "{bad}");
        }
    }

    #[test]
    fn deadlines_are_told_in_business_days_and_midnight_is_the_day_before() {
        let zone = paris();
        let calendar = Calendar {
            zone: zone.clone(),
            weekdays: [true, true, true, true, true, false, false],
            holidays: Holidays::Fr,
            closed: BTreeSet::new(),
            cut_off: None,
        };
        let now = at("2026-11-27T18:01");
        for (due, shown, far) in [
            ("2026-12-01T18:01", "Tue 1 Dec 18:01", "2 business days"),
            ("2026-12-02T00:00", "Tue 1 Dec 24:00", "2 business days"),
            ("2026-11-27T23:31", "Fri 27 Nov 23:31", "5 h 30 min"),
            ("2027-01-05T16:00", "Tue 5 Jan 2027 16:00", "24 business days"),
        ] {
            let due = at(due);
            assert_eq!(deadline(When::new(due, &zone), now, &zone), shown);
            assert_eq!(distance(now, due, &calendar), far, "{shown}");
        }
        let due = at("2026-12-01T18:01");
        assert_eq!(until(at("2026-11-27T18:05"), due, &calendar), "2 business days", "right after a promise of two");
        assert_eq!(until(at("2026-11-30T17:00"), due, &calendar), "1 business day");
    }
}
