//! Business days: when a promise falls due (P7, P8).
//!
//! A business day is a weekday that is no public holiday and no own closing day, in the team's
//! zone. The clock runs only during business days, around the clock and in civil time: *n*
//! business days are over at the first instant at which *n* such days have run. Hostile data:
//! none; receipt is an instant of ours. Failure: none; what never ends is `NEVER`. Known gap: a
//! civil day that a zone left out altogether (Apia, 30 December 2011) counts as run.

pub use super::holidays::Holidays;

use super::holidays::holiday_name;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use std::collections::BTreeSet;

/// The deadline of a promise that cannot fall due: a calendar without business days, or one
/// more than a hundred years ahead. It can still be shown in every zone.
pub const NEVER: Timestamp = Timestamp::MAX;

/// A hundred years of days: how far a deadline is looked for.
const HORIZON_DAYS: usize = 36_525;

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

impl Calendar {
    /// Whether the clock runs on that day.
    pub fn is_business_day(&self, date: Date) -> bool {
        self.day_off(date).is_none()
    }

    /// The first instant at which `days` business days have run since `received`; at once for 0 days.
    ///
    /// Received on a business day: the nth following business day, same time. Received on another
    /// day: 24:00 of the nth business day, which is 00:00 of the day after.
    pub fn after(&self, received: Timestamp, days: u32) -> Timestamp {
        match days.checked_sub(1) {
            None => received,
            Some(more) => self.ends(received).nth(more as usize).map_or(NEVER, |end| instant_of(&self.zone, end)),
        }
    }

    /// How many whole business days have run from `received` to `now`: the largest n whose
    /// `after(received, n)` is not after `now`.
    pub fn elapsed(&self, received: Timestamp, now: Timestamp) -> u32 {
        let over = self.ends(received).take_while(|end| instant_of(&self.zone, *end) <= now).count();
        u32::try_from(over).unwrap_or(u32::MAX)
    }

    /// The first instant of a day: 00:00, or the end of the gap where the clock leaps over midnight.
    pub fn first_instant_of(&self, date: Date) -> Timestamp {
        instant_of(&self.zone, date.at(0, 0, 0, 0))
    }

    /// How the deadline of `after` comes about, for a person: a line for the start, one for each
    /// day on which the clock did not run and why, one for the end. For at most some months.
    pub fn explain(&self, received: Timestamp, days: u32) -> Vec<String> {
        let shown = |at: DateTime| at.strftime("%a %-d %b %Y %H:%M").to_string();
        let zone = self.zone.iana_name().unwrap_or("the team's zone");
        let local = self.zone.to_datetime(received);
        let mut lines = vec![format!("received {} ({zone})", shown(local))];
        let end = self.after(received, days);
        if end == NEVER {
            lines.push("there are not enough business days to come: it never falls due".to_owned());
            return lines;
        }
        if self.is_business_day(local.date()) && self.starts_late(local) {
            let cut_off = self.cut_off.unwrap_or_default().strftime("%H:%M");
            lines.push(format!("after the cut-off at {cut_off}: counts from the next business day"));
        }
        let last = self.zone.to_datetime(end);
        for date in days_from(local.date()).take_while(|date| date.at(0, 0, 0, 0) < last).take(200) {
            if let Some(why) = self.day_off(date) {
                lines.push(format!("{} does not count: {why}", date.strftime("%a %-d %b %Y")));
            }
        }
        let plural = if days == 1 { "" } else { "s" };
        lines.push(format!("{days} business day{plural} over on {}", shown(last)));
        lines
    }

    /// Whether business is done on that day of the week.
    pub fn is_weekday(&self, date: Date) -> bool {
        self.weekdays[date.weekday().to_monday_zero_offset() as usize]
    }

    /// Why the clock does not run on that day. None: it runs.
    pub fn day_off(&self, date: Date) -> Option<&'static str> {
        if !self.is_weekday(date) {
            Some("no working weekday")
        } else if self.closed.contains(&date) {
            Some("closing day of the team")
        } else {
            holiday_name(date, &self.holidays)
        }
    }

    fn starts_late(&self, local: DateTime) -> bool {
        self.cut_off.is_some_and(|cut_off| local.time() > cut_off)
    }

    /// The civil times at which the first, second, third ... business day since `received` is over.
    fn ends(&self, received: Timestamp) -> impl Iterator<Item = DateTime> {
        let local = self.zone.to_datetime(received);
        let today = local.date();
        let runs_today = self.is_business_day(today) && !self.starts_late(local);
        // A day that is begun is over at the same time of the next business day; at its very start,
        // or when the clock starts on a later day, whole days run, each over at 24:00.
        let split = runs_today && local.time() != Time::midnight();
        let first = if split || !runs_today { today.tomorrow().ok() } else { Some(today) };
        first.into_iter().flat_map(days_from).filter(|date| self.is_business_day(*date)).filter_map(move |date| {
            if split { Some(date.to_datetime(local.time())) } else { Some(date.tomorrow().ok()?.at(0, 0, 0, 0)) }
        })
    }
}

/// The days from `date` on, a hundred years of them.
fn days_from(date: Date) -> impl Iterator<Item = Date> {
    std::iter::successors(Some(date), |date| date.tomorrow().ok()).take(HORIZON_DAYS)
}

/// The first instant at which clocks in `zone` have reached `civil`: the earlier one where a time
/// comes twice, the end of the gap where it does not exist.
pub(super) fn instant_of(zone: &TimeZone, civil: DateTime) -> Timestamp {
    let instant = match zone.to_ambiguous_timestamp(civil).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(civil),
        AmbiguousOffset::Fold { before, .. } => before.to_timestamp(civil),
        AmbiguousOffset::Gap { before, .. } => before.to_timestamp(civil).map(|inside| {
            // As if the clock had not leapt yet: at or after the leap, and before any other.
            let just_after = inside.checked_add(jiff::SignedDuration::from_nanos(1)).unwrap_or(inside);
            zone.preceding(just_after).next().map_or(inside, |leap| leap.timestamp())
        }),
    };
    // Only the last and first day that jiff knows have times without an instant.
    instant.unwrap_or(if civil.year() > 0 { NEVER } else { Timestamp::MIN })
}

#[cfg(test)]
mod tests {
    use super::{Calendar, Holidays, NEVER, instant_of};
    use jiff::civil::{Date, DateTime, date, time};
    use jiff::tz::TimeZone;
    use jiff::{SignedDuration, Timestamp, ToSpan};
    use proptest::prelude::*;

    fn paris(holidays: Holidays) -> Calendar {
        Calendar {
            zone: TimeZone::get("Europe/Paris").unwrap(),
            weekdays: [true, true, true, true, true, false, false],
            holidays,
            closed: [].into(),
            cut_off: None,
        }
    }

    /// `2026-12-01 24:00` in the calendar's zone.
    fn at(calendar: &Calendar, text: &str) -> Timestamp {
        match text.strip_suffix(" 24:00") {
            Some(day) => calendar.first_instant_of(day.parse::<Date>().unwrap().tomorrow().unwrap()),
            None => instant_of(&calendar.zone, text.parse().unwrap()),
        }
    }

    /// Every example of DESIGN "Business days" and of reference A14.5.
    #[test]
    fn two_and_four_business_days_are_over_when_the_design_says() {
        let calendar = paris(Holidays::Fr);
        for (received, two, four) in [
            ("2026-11-27 18:01", "2026-12-01 18:01", "2026-12-03 18:01"),
            ("2026-11-28 10:00", "2026-12-01 24:00", "2026-12-03 24:00"),
            ("2026-03-27 18:01", "2026-03-31 18:01", "2026-04-02 18:01"),
            ("2026-10-23 18:01", "2026-10-27 18:01", "2026-10-29 18:01"),
            ("2026-04-30 10:00", "2026-05-05 10:00", "2026-05-07 10:00"),
            // A holiday. The short formula "the nth following business day" would say Mon 11 May.
            ("2026-05-01 09:00", "2026-05-05 24:00", "2026-05-07 24:00"),
            ("2026-05-07 15:00", "2026-05-12 15:00", "2026-05-15 15:00"),
            ("2026-12-31 16:00", "2027-01-05 16:00", "2027-01-07 16:00"),
            ("2026-07-13 08:00", "2026-07-16 08:00", "2026-07-20 08:00"),
            ("2027-03-26 18:01", "2027-03-31 18:01", "2027-04-02 18:01"),
        ] {
            let from = at(&calendar, received);
            assert_eq!(calendar.after(from, 2), at(&calendar, two), "two days from {received}");
            assert_eq!(calendar.after(from, 4), at(&calendar, four), "four days from {received}");
            assert_eq!(calendar.after(from, 0), from);
        }
    }

    #[test]
    fn a_deadline_keeps_its_time_of_day_when_the_clocks_change() {
        let calendar = paris(Holidays::Fr);
        let utc = |text: &str| text.parse::<Timestamp>().unwrap();
        assert_eq!(calendar.after(utc("2026-03-27T17:01:00Z"), 2), utc("2026-03-31T16:01:00Z"));
        assert_eq!(calendar.after(utc("2026-10-23T16:01:00Z"), 2), utc("2026-10-27T17:01:00Z"));
    }

    #[test]
    fn a_report_after_the_cut_off_counts_from_the_next_business_day() {
        let calendar = Calendar { cut_off: Some(time(18, 0, 0, 0)), ..paris(Holidays::Fr) };
        for (received, two, four) in [
            ("2026-11-27 18:01", "2026-12-01 24:00", "2026-12-03 24:00"),
            ("2026-11-27 18:00", "2026-12-01 18:00", "2026-12-03 18:00"),
            ("2026-11-28 18:01", "2026-12-01 24:00", "2026-12-03 24:00"),
        ] {
            let from = at(&calendar, received);
            assert_eq!(calendar.after(from, 2), at(&calendar, two), "{received}");
            assert_eq!(calendar.after(from, 4), at(&calendar, four), "{received}");
        }
    }

    #[test]
    fn alsace_moselle_and_closing_days_push_a_deadline_back() {
        let from = at(&paris(Holidays::Fr), "2026-04-02 10:00");
        assert_eq!(paris(Holidays::Fr).after(from, 1), at(&paris(Holidays::Fr), "2026-04-03 10:00"));
        // Good Friday, Saturday, Sunday, Easter Monday.
        assert_eq!(paris(Holidays::FrAlsaceMoselle).after(from, 1), at(&paris(Holidays::Fr), "2026-04-07 10:00"));
        let bridge = Calendar { closed: [date(2026, 5, 15)].into(), ..paris(Holidays::Fr) };
        let from = at(&bridge, "2026-05-13 15:00");
        assert_eq!(bridge.after(from, 1), at(&bridge, "2026-05-18 15:00"));
    }

    #[test]
    fn received_at_the_stroke_of_midnight_that_day_counts_whole() {
        let calendar = paris(Holidays::Fr);
        // Thursday 00:00; Friday 1 May is a holiday, and yet one day is over when Thursday is.
        assert_eq!(calendar.after(at(&calendar, "2026-04-30 00:00"), 1), at(&calendar, "2026-04-30 24:00"));
        assert_eq!(calendar.after(at(&calendar, "2026-04-30 00:01"), 1), at(&calendar, "2026-05-04 00:01"));
    }

    #[test]
    fn local_times_that_do_not_exist_or_come_twice() {
        let calendar = Calendar { weekdays: [true; 7], ..paris(Holidays::None) };
        // Sun 29 March 2026: 02:00 leaps to 03:00. Sun 25 October 2026: 02:00 to 03:00 comes twice.
        let after = |text: &str| calendar.after(text.parse().unwrap(), 1).to_string();
        assert_eq!(after("2026-03-28T01:30:00Z"), "2026-03-29T01:00:00Z");
        assert_eq!(after("2026-03-28T01:00:00Z"), "2026-03-29T01:00:00Z");
        assert_eq!(after("2026-10-24T00:30:00Z"), "2026-10-25T00:30:00Z");
        // Received in either of the two 02:30: the next day at 02:30.
        assert_eq!(after("2026-10-25T00:30:00Z"), "2026-10-26T01:30:00Z");
        assert_eq!(after("2026-10-25T01:30:00Z"), "2026-10-26T01:30:00Z");
    }

    #[test]
    fn a_day_without_midnight_starts_when_the_leap_is_over() {
        let in_zone = |name: &str| Calendar { zone: TimeZone::get(name).unwrap(), ..paris(Holidays::None) };
        for (zone, day, first) in [
            ("Europe/Paris", date(2026, 3, 29), "2026-03-28T23:00:00Z"),
            // 00:00 leapt to 01:00.
            ("America/Sao_Paulo", date(2018, 11, 4), "2018-11-04T03:00:00Z"),
            // 24:00 of the day before leapt back to 23:00: the day starts once only.
            ("America/Sao_Paulo", date(2018, 2, 18), "2018-02-18T03:00:00Z"),
            // 24:00 leapt back, and 00:00 came twice: 00:59:59 to 00:00.
            ("America/Havana", date(2025, 11, 2), "2025-11-02T04:00:00Z"),
            // The whole of 30 December 2011 was left out.
            ("Pacific/Apia", date(2011, 12, 30), "2011-12-30T10:00:00Z"),
            ("Pacific/Apia", date(2011, 12, 31), "2011-12-30T10:00:00Z"),
        ] {
            assert_eq!(in_zone(zone).first_instant_of(day).to_string(), first, "{zone} {day}");
        }
    }

    #[test]
    fn what_can_never_fall_due_is_never_due() {
        let none = Calendar { weekdays: [false; 7], ..paris(Holidays::Fr) };
        let now: Timestamp = "2026-11-27T17:01:00Z".parse().unwrap();
        assert_eq!(none.after(now, 1), NEVER);
        assert_eq!(none.elapsed(now, NEVER), 0);
        assert_eq!(paris(Holidays::Fr).after(now, u32::MAX), NEVER);
        for edge in [Timestamp::MAX, Timestamp::MIN] {
            assert!(paris(Holidays::Fr).after(edge, 4) >= edge);
            assert!(paris(Holidays::FrAlsaceMoselle).first_instant_of(none.zone.to_datetime(edge).date()) <= edge);
        }
    }

    #[test]
    fn a_deadline_is_explained_day_by_day() {
        let calendar = Calendar { closed: [date(2026, 5, 4)].into(), ..paris(Holidays::Fr) };
        assert_eq!(
            calendar.explain(at(&calendar, "2026-04-30 10:00"), 2),
            [
                "received Thu 30 Apr 2026 10:00 (Europe/Paris)",
                "Fri 1 May 2026 does not count: Labour Day",
                "Sat 2 May 2026 does not count: no working weekday",
                "Sun 3 May 2026 does not count: no working weekday",
                "Mon 4 May 2026 does not count: closing day of the team",
                "2 business days over on Wed 6 May 2026 10:00",
            ]
        );
        let strict = Calendar { cut_off: Some(time(18, 0, 0, 0)), ..calendar };
        assert_eq!(
            strict.explain(at(&strict, "2026-05-05 18:01"), 1)[1..],
            [
                "after the cut-off at 18:00: counts from the next business day",
                "1 business day over on Thu 7 May 2026 00:00"
            ]
        );
        let none = Calendar { weekdays: [false; 7], ..strict };
        assert!(none.explain(at(&none, "2026-05-05 18:01"), 1)[1].contains("never falls due"));
    }

    /// The slow oracle: quarter hours of civil time are added up while a business day lasts, and
    /// the instant is found by walking UTC until the clock on the wall has got there.
    fn oracle(calendar: &Calendar, received: Timestamp, days: u32) -> Timestamp {
        let quarter = 15.minutes();
        let mut civil = calendar.zone.to_datetime(received);
        let mut to_run = days * 24 * 4;
        while to_run > 0 {
            if calendar.is_business_day(civil.date()) {
                to_run -= 1;
            }
            civil += quarter;
        }
        let mut instant = TimeZone::UTC.to_timestamp(civil).unwrap() - SignedDuration::from_hours(15);
        while calendar.zone.to_datetime(instant) < civil {
            instant += SignedDuration::from_mins(15);
        }
        instant
    }

    /// As the oracle, for receipt at any nanosecond: what is left of each business day is added up.
    fn civil_oracle(calendar: &Calendar, received: Timestamp, days: u32) -> DateTime {
        const DAY: i128 = 24 * 3600 * 1_000_000_000;
        let mut civil = calendar.zone.to_datetime(received);
        let mut to_run = i128::from(days) * DAY;
        loop {
            let midnight = civil.date().tomorrow().unwrap().at(0, 0, 0, 0);
            let left = midnight.duration_since(civil).as_nanos();
            if calendar.is_business_day(civil.date()) {
                if to_run <= left {
                    return civil + SignedDuration::from_nanos(i64::try_from(to_run).unwrap());
                }
                to_run -= left;
            }
            civil = midnight;
        }
    }

    fn agrees(calendar: &Calendar, received: Timestamp, days: u32) {
        let (ours, slow) = (calendar.after(received, days), oracle(calendar, received, days));
        assert_eq!(ours, slow, "{days} days from {received} in {:?}", calendar.zone.iana_name());
    }

    /// Both clock changes of each year: the quarter hours of the day before and of the day itself.
    #[test]
    fn deadlines_around_every_clock_change_agree_with_the_oracle() {
        let mut calendars = vec![paris(Holidays::Fr), paris(Holidays::FrAlsaceMoselle)];
        calendars.push(Calendar { weekdays: [true; 7], ..paris(Holidays::FrAlsaceMoselle) });
        for (nth, calendar) in calendars.iter().enumerate() {
            let mut changes = 0;
            let start: Timestamp = "2000-01-01T00:00:00Z".parse().unwrap();
            for change in calendar.zone.following(start).take_while(|t| t.timestamp().as_second() < 4_102_444_800) {
                changes += 1;
                // Over the years every quarter hour comes up, with one to four days.
                for quarter in (0..2 * 96).skip((nth + changes) % 13).step_by(13) {
                    let received = change.timestamp() + SignedDuration::from_mins(15 * (quarter - 150));
                    agrees(calendar, received, 1 + (changes as u32 / 13) % 4);
                }
            }
            assert_eq!(changes, 200);
        }
    }

    fn zones() -> impl Strategy<Value = Calendar> {
        let names = ["Europe/Paris", "America/Sao_Paulo", "Australia/Lord_Howe", "America/Havana", "Asia/Kathmandu"];
        let holidays = [Holidays::Fr, Holidays::FrAlsaceMoselle, Holidays::None];
        (prop::sample::select(names.to_vec()), prop::sample::select(holidays.to_vec()), 1_u8..128).prop_map(
            |(name, holidays, weekdays)| Calendar {
                zone: TimeZone::get(name).unwrap(),
                weekdays: std::array::from_fn(|day| weekdays & (1 << day) != 0),
                ..paris(holidays)
            },
        )
    }

    // 2000 to 2100, in seconds.
    const CENTURY: std::ops::Range<i64> = 946_684_800..4_102_444_800;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

        #[test]
        fn every_quarter_hour_of_the_century_agrees_with_the_oracle(
            calendar in zones(), second in CENTURY, days in 0_u32..=10,
        ) {
            agrees(&calendar, Timestamp::from_second(second - second % 900).unwrap(), days);
        }

        #[test]
        fn every_instant_of_the_century_agrees_with_the_oracle(
            calendar in zones(), second in CENTURY, nanosecond in 0..1_000_000_000, days in 0_u32..=40,
        ) {
            let received = Timestamp::new(second, nanosecond).unwrap();
            let after = calendar.after(received, days);
            if days > 0 {
                prop_assert_eq!(after, instant_of(&calendar.zone, civil_oracle(&calendar, received, days)));
            }
            prop_assert_eq!(calendar.elapsed(received, after).max(days), calendar.elapsed(received, after));
            let before = after - SignedDuration::from_nanos(1);
            prop_assert!(days == 0 || calendar.elapsed(received, before) < days);
        }
    }
}
