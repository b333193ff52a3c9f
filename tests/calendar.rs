//! P7 and P8: business days, against counting, and public holidays, against two published tables.

use jiff::civil::{Date, date, time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use vigie::rules::calendar::{Calendar, Holidays};
use vigie::rules::holidays::is_holiday;

const QUARTER: i64 = 900;

fn paris(holidays: Holidays) -> Calendar {
    Calendar {
        zone: TimeZone::get("Europe/Paris").expect("a zone"),
        weekdays: [true, true, true, true, true, false, false],
        holidays,
        closed: [].into(),
        cut_off: None,
    }
}

/// Seconds between UTC and the clocks of Paris: an hour, two from the last Sunday of March to that of
/// October, 01:00 UTC each (Directive 2000/84/EC). Nothing of the code under test is asked.
struct Wall {
    /// Summer time of each year: its first and its last second.
    summers: BTreeMap<i16, (i64, i64)>,
}

impl Wall {
    fn new() -> Wall {
        let last_sunday = |year: i16, month: i8| {
            let last = date(year, month, 31);
            let sunday = last.checked_sub(i64::from(last.weekday().to_sunday_zero_offset()).days()).expect("a day");
            days(sunday) * 86_400 + 3_600
        };
        Wall { summers: (1999..=2102).map(|year| (year, (last_sunday(year, 3), last_sunday(year, 10)))).collect() }
    }

    /// What the clocks show, in quarter hours since 1970 began there.
    fn quarter(&self, second: i64, year: i16) -> i64 {
        let (from, to) = self.summers[&year];
        let offset = if from <= second && second < to { 7_200 } else { 3_600 };
        (second + offset).div_euclid(QUARTER)
    }
}

/// Days since 1970.
fn days(date: Date) -> i64 {
    i64::from(date.since(jiff::civil::date(1970, 1, 1)).expect("days").get_days())
}

/// Counts quarter hours of civil time, one after another: after each that lies in a business day it
/// writes down what the clocks show then, and for each quarter the instant at which they first show it.
struct Counting {
    first: i64,
    /// How many quarters of business days lie before each quarter.
    before: Vec<u32>,
    /// What the clocks show when so many have run.
    over: Vec<u32>,
    /// The first second at which the clocks show a quarter or a later one.
    shown: Vec<i64>,
}

impl Counting {
    fn new(is_business_day: impl Fn(Date) -> bool) -> Counting {
        let wall = Wall::new();
        let (start, end) = (date(1999, 12, 31), date(2101, 3, 1));
        let first = days(start) * 96;
        let (mut before, mut over) = (Vec::new(), vec![0]);
        let mut day = start;
        while day < end {
            let runs = is_business_day(day);
            for _ in 0..96 {
                before.push(over.len() as u32 - 1);
                if runs {
                    over.push(before.len() as u32);
                }
            }
            day = day.tomorrow().expect("a day");
        }
        let mut shown = Vec::with_capacity(before.len());
        let mut second = days(start) * 86_400 - 86_400;
        while shown.len() < before.len() {
            let year = jiff::civil::date(1970, 1, 1).year() + (second / 31_556_952) as i16;
            // The year of the clock, not of our estimate, where the two differ on New Year's night.
            let quarter = wall.quarter(second, year);
            while (first + shown.len() as i64) <= quarter && shown.len() < before.len() {
                shown.push(second);
            }
            second += QUARTER;
        }
        Counting { first, before, over, shown }
    }

    /// The second at which `n` business days have run since a second, by counting.
    fn after(&self, wall_quarter: i64, n: u32) -> i64 {
        let from = self.before[(wall_quarter - self.first) as usize];
        self.shown[self.over[(from + n * 96) as usize] as usize]
    }
}

/// An instant every `step` seconds of these years, with these numbers of business days in turn: over the days
/// each quarter hour meets each of them.
fn agrees(holidays: Holidays, years: std::ops::Range<i16>, step: i64, ns: &[u32]) {
    let table = holidays.clone();
    let counting =
        Counting::new(|day| !matches!(day.weekday().to_monday_zero_offset(), 5 | 6) && !is_holiday(day, &table));
    let (calendar, wall) = (paris(holidays), Wall::new());
    let mut compared = 0;
    for year in years.clone() {
        let (from, to) = (days(date(year, 1, 1)) * 86_400, days(date(year + 1, 1, 1)) * 86_400);
        for second in (from..to).step_by(step as usize) {
            let received = Timestamp::from_second(second).expect("an instant");
            let n = ns[((second / step + second / 86_400) as usize) % ns.len()];
            let ours = calendar.after(received, n).as_second();
            let counted = counting.after(wall.quarter(second, year), n);
            assert_eq!(ours, counted, "{n} business days from {received}");
            compared += 1;
        }
    }
    assert!(compared >= 365 * 86_400 / step * years.len() as i64);
}

macro_rules! decades {
    ($($name:ident: $from:literal $to:literal;)*) => {
        $(#[test]
        fn $name() {
            agrees(Holidays::Fr, $from..$to, QUARTER, &[1, 2, 4]);
            agrees(Holidays::FrAlsaceMoselle, $from..$to, 4 * QUARTER, &[1, 2, 4]);
        })*
    };
}

// Every quarter hour of 2000 to 2100, 3.5 million, each with 1, 2 or 4 business days; every hour for
// Alsace-Moselle.
decades! {
    p7_p8_every_quarter_hour_agrees_with_counting_2000_2009: 2000 2010;
    p7_p8_every_quarter_hour_agrees_with_counting_2010_2019: 2010 2020;
    p7_p8_every_quarter_hour_agrees_with_counting_2020_2029: 2020 2030;
    p7_p8_every_quarter_hour_agrees_with_counting_2030_2039: 2030 2040;
    p7_p8_every_quarter_hour_agrees_with_counting_2040_2049: 2040 2050;
    p7_p8_every_quarter_hour_agrees_with_counting_2050_2059: 2050 2060;
    p7_p8_every_quarter_hour_agrees_with_counting_2060_2069: 2060 2070;
    p7_p8_every_quarter_hour_agrees_with_counting_2070_2079: 2070 2080;
    p7_p8_every_quarter_hour_agrees_with_counting_2080_2089: 2080 2090;
    p7_p8_every_quarter_hour_agrees_with_counting_2090_2100: 2090 2101;
}

#[test]
fn p7_a_report_in_the_night_of_a_clock_change_is_due_at_the_same_time_of_the_clock() {
    let calendar = paris(Holidays::Fr);
    let utc = |text: &str| text.parse::<Timestamp>().expect("an instant");
    for (received, two) in [
        // Friday before the Sunday on which 02:00 becomes 03:00, in summer time after it.
        ("2026-03-27T17:01:00Z", "2026-03-31T16:01:00Z"),
        // Within that night, a Sunday: the clock starts on Monday 00:00.
        ("2026-03-29T00:59:00Z", "2026-03-31T22:00:00Z"),
        ("2026-03-29T01:00:00Z", "2026-03-31T22:00:00Z"),
        ("2026-10-23T16:01:00Z", "2026-10-27T17:01:00Z"),
        // The two half past two of the Sunday on which 03:00 becomes 02:00.
        ("2026-10-25T00:30:00Z", "2026-10-27T23:00:00Z"),
        ("2026-10-25T01:30:00Z", "2026-10-27T23:00:00Z"),
    ] {
        assert_eq!(calendar.after(utc(received), 2), utc(two), "{received}");
    }
    let after_six = Calendar { cut_off: Some(time(18, 0, 0, 0)), ..paris(Holidays::Fr) };
    assert_eq!(after_six.after(utc("2026-03-27T17:01:00Z"), 2), utc("2026-03-31T22:00:00Z"));
    let closed = Calendar { closed: [date(2026, 3, 30)].into(), ..paris(Holidays::Fr) };
    assert_eq!(closed.after(utc("2026-03-27T17:01:00Z"), 2), utc("2026-04-01T16:01:00Z"));
}

/// What a package says of 2000 to 2100, one date a line.
fn published(program: &str) -> BTreeSet<Date> {
    let usual = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/python/bin/python");
    let python = std::env::var_os("VIGIE_PYTHON").map_or(usual, Into::into);
    let output = Command::new(&python).args(["-c", program]).output();
    let output = output.unwrap_or_else(|error| {
        panic!("{} cannot be run ({error}): `make python` installs the tables of holidays", python.display())
    });
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{} lacks a package; run `make python`: {said}", python.display());
    let lines = String::from_utf8(output.stdout).expect("text");
    lines.lines().map(|line| line.trim().parse().expect("a date")).collect()
}

fn ours(holidays: &Holidays) -> BTreeSet<Date> {
    let days = std::iter::successors(Some(date(2000, 1, 1)), |day| day.tomorrow().ok());
    days.take_while(|day| day.year() <= 2100).filter(|day| is_holiday(*day, holidays)).collect()
}

#[test]
fn p7_the_public_holidays_are_those_of_workalendar() {
    for (set, class) in [(Holidays::Fr, "France"), (Holidays::FrAlsaceMoselle, "FranceAlsaceMoselle")] {
        let program = format!(
            "from workalendar.europe import {class}\nfor y in range(2000, 2101):\n  for d, _ in {class}().holidays(y): print(d)"
        );
        assert_eq!(ours(&set), published(&program), "{class}");
    }
}

#[test]
fn p7_the_public_holidays_are_those_of_holidays_but_for_the_three_days_of_solidarity() {
    // From 2005 to 2007 Whit Monday was a public holiday on which people worked (loi 2004-626); the
    // package leaves it out, the law's list of holidays does not.
    let worked: BTreeSet<Date> = [date(2005, 5, 16), date(2006, 6, 5), date(2007, 5, 28)].into();
    for (set, part) in [(Holidays::Fr, "None"), (Holidays::FrAlsaceMoselle, "'57'")] {
        let program = format!(
            "import holidays\nfor d in holidays.country_holidays('FR', subdiv={part}, years=range(2000, 2101)): print(d)"
        );
        let (ours, theirs) = (ours(&set), published(&program));
        assert_eq!(ours.difference(&theirs).copied().collect::<BTreeSet<_>>(), worked, "{part}");
        assert_eq!(theirs.difference(&ours).count(), 0, "{part}");
    }
}
