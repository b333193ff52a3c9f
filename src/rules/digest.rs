//! When the digest of the analyst on duty is due.
//!
//! Hostile data: none. Failure: none; without a day for it in the last weeks there is no hour.

use super::calendar::{Calendar, instant_of};
use super::settings::Digest;
use jiff::{Timestamp, ToSpan};

/// So many days are looked back: longer than any team closes.
const DAYS_BACK: i32 = 60;

/// The last hours of the daily digest that are not after `now`, the latest first, in the team's zone.
pub fn hours(digest: Digest, calendar: &Calendar, now: Timestamp) -> impl Iterator<Item = Timestamp> {
    let today = calendar.zone.to_datetime(now).date();
    let days = (0..DAYS_BACK).filter_map(move |back| today.checked_sub(back.days()).ok());
    days.filter_map(move |date| match digest {
        Digest::Never => None,
        Digest::At { weekdays, time } => {
            let is_day = match weekdays {
                Some(days) => days[usize::from(date.weekday().to_monday_zero_offset().unsigned_abs())],
                None => calendar.is_business_day(date),
            };
            is_day.then(|| instant_of(&calendar.zone, date.to_datetime(time)))
        }
    })
    .filter(move |&hour| hour <= now)
}

#[cfg(test)]
mod tests {
    use super::{Calendar, hours};
    use crate::rules::calendar::Holidays;
    use crate::rules::settings::Digest;
    use crate::rules::testing::settings;
    use jiff::Timestamp;
    use jiff::civil::time;

    fn last_two(digest: Digest, now: &str) -> Vec<String> {
        let now: Timestamp = now.parse().unwrap();
        let zone = jiff::tz::TimeZone::get("Europe/Paris").unwrap();
        let calendar = Calendar { zone, holidays: Holidays::Fr, ..settings().sla.calendar };
        hours(digest, &calendar, now)
            .take(2)
            .map(|at| at.to_zoned(calendar.zone.clone()).datetime().to_string())
            .collect()
    }

    #[test]
    fn the_hour_of_the_digest_is_civil_and_leaves_free_days_out() {
        let daily = Digest::At { weekdays: None, time: time(8, 30, 0, 0) };
        let friday =
            Digest::At { weekdays: Some([false, false, false, false, true, false, false]), time: time(17, 0, 0, 0) };
        for (digest, now, last) in [
            (daily, "2026-11-27T08:30:00+01:00", ["2026-11-27T08:30:00", "2026-11-26T08:30:00"]),
            (daily, "2026-11-27T08:29:59+01:00", ["2026-11-26T08:30:00", "2026-11-25T08:30:00"]),
            (daily, "2026-11-30T08:30:00+01:00", ["2026-11-30T08:30:00", "2026-11-27T08:30:00"]),
            // Easter Monday.
            (daily, "2026-04-06T12:00:00+02:00", ["2026-04-03T08:30:00", "2026-04-02T08:30:00"]),
            // The clocks change in the night to Sunday 29 March.
            (daily, "2026-03-30T08:30:00+02:00", ["2026-03-30T08:30:00", "2026-03-27T08:30:00"]),
            (friday, "2026-11-29T12:00:00+01:00", ["2026-11-27T17:00:00", "2026-11-20T17:00:00"]),
        ] {
            assert_eq!(last_two(digest, now), last, "{now}");
        }
        assert_eq!(last_two(Digest::Never, "2026-11-27T08:30:00+01:00"), [""; 0]);
    }
}
