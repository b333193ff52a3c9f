//! Public holidays.
//!
//! The French sets follow the Code du travail L3133-1 (eleven days) and L3134-13 (Alsace-Moselle)
//! as they stand today, for every year; Easter by the Gregorian computus. Hostile data: none.
//! Failure: none. Known gap: overseas departments and other countries come by file.

use jiff::civil::Date;
use std::collections::BTreeSet;

/// Which public holidays are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holidays {
    /// Metropolitan France: 11 days.
    Fr,
    /// Alsace-Moselle: also Good Friday and 26 December.
    FrAlsaceMoselle,
    None,
    /// From a file.
    Dates(BTreeSet<Date>),
}

/// Whether `date` is a public holiday of the set.
pub fn is_holiday(date: Date, holidays: &Holidays) -> bool {
    holiday_name(date, holidays).is_some()
}

/// The English name of the holiday that `date` is in the set.
pub fn holiday_name(date: Date, holidays: &Holidays) -> Option<&'static str> {
    match holidays {
        Holidays::None => None,
        Holidays::Dates(dates) => dates.contains(&date).then_some("public holiday"),
        Holidays::Fr => france(date),
        Holidays::FrAlsaceMoselle => france(date).or_else(|| alsace_moselle(date)),
    }
}

impl Holidays {
    /// As the config names it.
    pub fn name(&self) -> &'static str {
        match self {
            Holidays::Fr => "FR",
            Holidays::FrAlsaceMoselle => "FR-57",
            Holidays::None => "none",
            Holidays::Dates(_) => "a file of dates",
        }
    }

    /// The last day that a file of dates speaks of: it should lie well ahead. None: the set has no end.
    pub fn known_until(&self) -> Option<Date> {
        match self {
            Holidays::Dates(dates) => Some(dates.last().copied().unwrap_or(Date::MIN)),
            Holidays::Fr | Holidays::FrAlsaceMoselle | Holidays::None => None,
        }
    }
}

fn france(date: Date) -> Option<&'static str> {
    match (date.month(), date.day(), days_after_easter(date)) {
        (1, 1, _) => Some("New Year's Day"),
        (5, 1, _) => Some("Labour Day"),
        (5, 8, _) => Some("Victory Day"),
        (7, 14, _) => Some("Bastille Day"),
        (8, 15, _) => Some("Assumption Day"),
        (11, 1, _) => Some("All Saints' Day"),
        (11, 11, _) => Some("Armistice Day"),
        (12, 25, _) => Some("Christmas Day"),
        (_, _, 1) => Some("Easter Monday"),
        (_, _, 39) => Some("Ascension Day"),
        (_, _, 50) => Some("Whit Monday"),
        _ => None,
    }
}

fn alsace_moselle(date: Date) -> Option<&'static str> {
    match (date.month(), date.day(), days_after_easter(date)) {
        (12, 26, _) => Some("Saint Stephen's Day"),
        (_, _, -2) => Some("Good Friday"),
        _ => None,
    }
}

/// How many days `date` lies after Easter Sunday of its own year.
fn days_after_easter(date: Date) -> i32 {
    let march_1 = if date.in_leap_year() { 61 } else { 60 };
    i32::from(date.day_of_year()) - march_1 - easter_after_march_1(i32::from(date.year()))
}

/// Easter Sunday as days after 1 March: the anonymous Gregorian algorithm (Nature, 20 April 1876;
/// Meeus, Astronomical Algorithms, chapter 8), with Euclidean division so that it holds for any year.
fn easter_after_march_1(year: i32) -> i32 {
    let golden = year.rem_euclid(19);
    let (century, of_century) = (year.div_euclid(100), year.rem_euclid(100));
    let moon_shift = (century - (century + 8).div_euclid(25) + 1).div_euclid(3);
    let epact = (19 * golden + century - century.div_euclid(4) - moon_shift + 15).rem_euclid(30);
    let weekday = (32 + 2 * century.rem_euclid(4) + 2 * (of_century / 4) - epact - of_century % 4).rem_euclid(7);
    let late_moon = (golden + 11 * epact + 22 * weekday) / 451;
    epact + weekday - 7 * late_moon + 21
}

#[cfg(test)]
mod tests {
    use super::{Holidays, days_after_easter, easter_after_march_1, holiday_name, is_holiday};
    use jiff::ToSpan;
    use jiff::civil::{Date, Weekday, date};

    fn easter(year: i16) -> Date {
        date(year, 3, 1) + i64::from(easter_after_march_1(i32::from(year))).days()
    }

    fn kept(year: i16, holidays: &Holidays) -> Vec<Date> {
        date(year, 1, 1).series(1.day()).take_while(|d| d.year() == year).filter(|d| is_holiday(*d, holidays)).collect()
    }

    #[test]
    fn easter_is_when_it_was_and_will_be() {
        for known in [
            date(1818, 3, 22),
            date(1943, 4, 25),
            date(1954, 4, 18),
            date(1981, 4, 19),
            date(2000, 4, 23),
            date(2008, 3, 23),
            date(2019, 4, 21),
            date(2024, 3, 31),
            date(2025, 4, 20),
            date(2026, 4, 5),
            date(2027, 3, 28),
            date(2038, 4, 25),
            date(2049, 4, 18),
            date(2100, 3, 28),
        ] {
            assert_eq!(easter(known.year()), known);
            assert_eq!(days_after_easter(known), 0);
        }
    }

    /// Easter from its definition: the Sunday after the fourteenth day of the paschal moon, that
    /// moon from the golden number and the two century corrections of 1582 (Clavius).
    fn easter_by_definition(year: i16) -> Date {
        let (golden, century) = (i64::from(year % 19), i64::from(year / 100) + 1);
        let sun = 3 * century / 4 - 12;
        let moon = (8 * century + 5) / 25 - 5;
        let mut epact = (11 * (golden + 1) + 20 + moon - sun).rem_euclid(30);
        if epact == 24 || (epact == 25 && golden + 1 > 11) {
            epact += 1;
        }
        let mut full_moon = 44 - epact;
        if full_moon < 21 {
            full_moon += 30;
        }
        let mut day = date(year, 3, 1) + full_moon.days();
        while day.weekday() != Weekday::Sunday {
            day = day.tomorrow().unwrap();
        }
        day
    }

    #[test]
    fn easter_agrees_with_its_definition_in_every_year() {
        for year in 1583..=9999 {
            assert_eq!(easter(year), easter_by_definition(year), "{year}");
        }
    }

    #[test]
    fn france_keeps_eleven_days() {
        let days = [(1, 1), (4, 6), (5, 1), (5, 8), (5, 14), (5, 25), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25)];
        let wanted: Vec<Date> = days.map(|(month, day)| date(2026, month, day)).into();
        assert_eq!(kept(2026, &Holidays::Fr), wanted);
        // 2008: Ascension fell on Labour Day.
        assert_eq!(kept(2008, &Holidays::Fr).len(), 10);
        assert_eq!(kept(2026, &Holidays::None), []);
    }

    #[test]
    fn alsace_moselle_keeps_two_more() {
        let more: Vec<Date> =
            kept(2026, &Holidays::FrAlsaceMoselle).into_iter().filter(|d| !is_holiday(*d, &Holidays::Fr)).collect();
        assert_eq!(more, [date(2026, 4, 3), date(2026, 12, 26)]);
        assert_eq!(kept(2026, &Holidays::FrAlsaceMoselle).len(), 13);
        assert_eq!(holiday_name(date(2026, 4, 3), &Holidays::FrAlsaceMoselle), Some("Good Friday"));
    }

    #[test]
    fn a_file_of_dates_is_kept_to_the_letter_and_ends() {
        let file = Holidays::Dates([date(2026, 6, 10), date(2026, 5, 22)].into());
        assert_eq!(kept(2026, &file), [date(2026, 5, 22), date(2026, 6, 10)]);
        assert_eq!(file.known_until(), Some(date(2026, 6, 10)));
        assert_eq!(Holidays::Fr.known_until(), None);
        assert_eq!(Holidays::Dates([].into()).known_until(), Some(Date::MIN));
    }
}
