//! Who is on duty (P9).
//!
//! A weekly rotation in the team's civil time, and spans in which somebody stands in. The
//! rotation has neither beginning nor end: before `start` it is continued backwards, so there is
//! no week without anybody. Hostile data: none; names come from the config and from analysts.
//! Failure: none; without anybody on duty the answer is `None`. Known gap: one person a week.

use super::calendar::instant_of;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

/// A weekly rotation.
#[derive(Debug, Clone)]
pub struct Rota {
    /// Names of analysts, in the order of the weeks.
    pub rotation: Vec<String>,
    pub handover_day: Weekday,
    pub handover_time: Time,
    /// The first handover, to the first of the rotation, is the one on or before this day.
    pub start: Date,
    pub zone: TimeZone,
}

/// A span in which somebody else stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    pub analyst: String,
    pub from: Timestamp,
    /// The first instant after it.
    pub to: Timestamp,
}

/// A span in which nobody can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    pub from: Timestamp,
    /// The first instant after it, or the end of what was looked at.
    pub to: Timestamp,
}

impl Rota {
    /// The analyst on duty. `overrides` stand in the order in which they were set: of those that
    /// hold at `now` the latest wins. None: the rotation is empty and nobody stands in.
    pub fn on_duty<'a>(&'a self, now: Timestamp, overrides: &'a [Override]) -> Option<&'a str> {
        match overrides.iter().rev().find(|o| holds(o, now)) {
            Some(stand_in) => Some(&stand_in.analyst),
            None => self.rotation.get(self.turn(now)?).map(String::as_str),
        }
    }

    /// Who is called, in this order: the analyst on duty, then the rotation from the next week on,
    /// then whoever else has a span now or later, each once. Whose week it is comes after the other
    /// weeks where somebody stands in. Empty: nobody is on duty.
    pub fn line(&self, now: Timestamp, overrides: &[Override]) -> Vec<String> {
        let turn = self.turn(now).unwrap_or(0);
        let count = self.rotation.len();
        let weeks = (1..=count).filter_map(|ahead| self.rotation.get((turn + ahead) % count));
        let Some(on_duty) = self.on_duty(now, overrides) else { return Vec::new() };
        let mut line = vec![on_duty.to_owned()];
        // Where a rota file says who is on duty, there may be no rotation: then those who share the
        // shift, and those who come next.
        let mut coming: Vec<&Override> = overrides.iter().filter(|o| now < o.to).collect();
        coming.sort_by_key(|o| o.from);
        for name in weeks.chain(coming.into_iter().map(|o| &o.analyst)) {
            if !line.contains(name) {
                line.push(name.clone());
            }
        }
        line
    }

    /// When another than now will be on duty. None: never, as things stand.
    pub fn until(&self, now: Timestamp, overrides: &[Override]) -> Option<Timestamp> {
        let current = self.on_duty(now, overrides);
        self.edges(now, overrides).find(|edge| self.on_duty(*edge, overrides) != current)
    }

    /// Who is on duty after that. None: no change is to come, or nobody.
    pub fn next<'a>(&'a self, now: Timestamp, overrides: &'a [Override]) -> Option<&'a str> {
        self.on_duty(self.until(now, overrides)?, overrides)
    }

    /// The spans from `now` to `now + horizon` with nobody on duty, or with somebody whom
    /// `is_known` denies (an override that names an analyst who has left the config).
    pub fn gaps(
        &self,
        now: Timestamp,
        horizon: SignedDuration,
        overrides: &[Override],
        is_known: impl Fn(&str) -> bool,
    ) -> Vec<Gap> {
        let end = now.checked_add(horizon).unwrap_or(Timestamp::MAX);
        let edges = self.edges(now, overrides).take_while(|edge| *edge < end);
        let starts: Vec<Timestamp> = std::iter::once(now).chain(edges).collect();
        let ends = starts.iter().skip(1).copied().chain([end]);
        let mut gaps: Vec<Gap> = Vec::new();
        for (from, to) in starts.iter().copied().zip(ends) {
            if self.on_duty(from, overrides).is_some_and(&is_known) {
                continue;
            }
            match gaps.last_mut() {
                Some(last) if last.to == from => last.to = to,
                _ => gaps.push(Gap { from, to }),
            }
        }
        gaps
    }

    /// Whose week it is, as a place in the rotation. None: the rotation is empty.
    fn turn(&self, now: Timestamp) -> Option<usize> {
        let count = i64::try_from(self.rotation.len()).ok().filter(|count| *count > 0)?;
        let first = self.handover_on_or_before(self.start);
        let weeks = self.last_handover(now).duration_since(first).as_hours() / (7 * 24);
        usize::try_from(weeks.rem_euclid(count)).ok()
    }

    /// The day of the handover that the week of `now` began with.
    fn last_handover(&self, now: Timestamp) -> Date {
        let day = self.handover_on_or_before(self.zone.to_datetime(now).date());
        if self.handover(day) <= now { day } else { day.checked_sub(1.week()).unwrap_or(day) }
    }

    fn handover_on_or_before(&self, date: Date) -> Date {
        let back = date.weekday().since(self.handover_day);
        date.checked_sub(i64::from(back).days()).unwrap_or(date)
    }

    fn handover(&self, day: Date) -> Timestamp {
        instant_of(&self.zone, day.to_datetime(self.handover_time))
    }

    /// The instants after `now` at which somebody else may come on duty, in order. Endless where
    /// the rotation has two names, and else as many as the overrides have ends.
    fn edges(&self, now: Timestamp, overrides: &[Override]) -> impl Iterator<Item = Timestamp> {
        let turns = self.rotation.iter().any(|name| *name != self.rotation[0]);
        std::iter::successors(Some(now), move |&at| {
            // A handover under an override changes nothing, and an override may last for years.
            let handover =
                (turns && !overrides.iter().any(|o| holds(o, at))).then(|| self.handover_after(at)).flatten();
            let ends = overrides.iter().flat_map(|o| [o.from, o.to]).filter(|&end| end > at);
            ends.chain(handover).min()
        })
        .skip(1)
    }

    fn handover_after(&self, at: Timestamp) -> Option<Timestamp> {
        let day = self.last_handover(at).checked_add(1.week()).ok()?;
        Some(self.handover(day)).filter(|&handover| handover > at)
    }
}

fn holds(o: &Override, now: Timestamp) -> bool {
    o.from <= now && now < o.to
}

#[cfg(test)]
mod tests {
    use super::{Gap, Override, Rota};
    use jiff::civil::{Weekday, date, time};
    use jiff::tz::TimeZone;
    use jiff::{SignedDuration, Timestamp, ToSpan};
    use proptest::prelude::*;

    fn rota(rotation: &[&str]) -> Rota {
        Rota {
            rotation: rotation.iter().map(|name| (*name).to_owned()).collect(),
            handover_day: Weekday::Monday,
            handover_time: time(9, 0, 0, 0),
            start: date(2026, 1, 5),
            zone: TimeZone::get("Europe/Paris").unwrap(),
        }
    }

    /// In Paris.
    fn at(text: &str) -> Timestamp {
        super::instant_of(&rota(&[]).zone, text.parse().unwrap())
    }

    fn stands_in(analyst: &str, from: &str, to: &str) -> Override {
        Override { analyst: analyst.to_owned(), from: at(from), to: at(to) }
    }

    #[test]
    fn each_week_has_its_analyst_and_changes_on_monday_at_nine() {
        let rota = rota(&["alice", "bob", "carol"]);
        for (now, who) in [
            ("2026-01-05 09:00", "alice"),
            ("2026-01-12 08:59:59.999", "alice"),
            ("2026-01-12 09:00", "bob"),
            ("2026-01-19 09:00", "carol"),
            ("2026-01-26 09:00", "alice"),
            // Before the start the rotation runs backwards: there is no gap.
            ("2026-01-05 08:59", "carol"),
            ("2025-12-29 08:59", "bob"),
            ("2025-12-15 10:00", "alice"),
        ] {
            assert_eq!(rota.on_duty(at(now), &[]), Some(who), "{now}");
        }
    }

    #[test]
    fn the_start_may_be_any_day_of_the_first_week() {
        for day in 5..12 {
            let rota = Rota { start: date(2026, 1, day), ..rota(&["alice", "bob"]) };
            assert_eq!(rota.on_duty(at("2026-01-05 09:00"), &[]), Some("alice"), "{day}");
            assert_eq!(rota.on_duty(at("2026-01-12 09:00"), &[]), Some("bob"), "{day}");
        }
    }

    #[test]
    fn nine_o_clock_stays_nine_o_clock_when_the_clocks_change() {
        let rota = rota(&["alice", "bob"]);
        // Sunday 29 March and Sunday 25 October 2026.
        assert_eq!(rota.until(at("2026-03-28 12:00"), &[]), Some("2026-03-30T07:00:00Z".parse().unwrap()));
        assert_eq!(rota.until(at("2026-10-24 12:00"), &[]), Some("2026-10-26T08:00:00Z".parse().unwrap()));
        // A handover in the hour that is left out, and in the one that comes twice.
        let night = Rota { handover_day: Weekday::Sunday, handover_time: time(2, 30, 0, 0), ..rota };
        assert_eq!(night.until(at("2026-03-28 12:00"), &[]), Some("2026-03-29T01:00:00Z".parse().unwrap()));
        assert_eq!(night.until(at("2026-10-24 12:00"), &[]), Some("2026-10-25T00:30:00Z".parse().unwrap()));
        let twice = |text: &str| night.on_duty(text.parse().unwrap(), &[]).unwrap().to_owned();
        assert_ne!(twice("2026-10-25T00:29:59Z"), twice("2026-10-25T00:30:00Z"));
        assert_eq!(twice("2026-10-25T00:30:00Z"), twice("2026-10-25T01:15:00Z"));
    }

    #[test]
    fn the_override_set_last_wins_until_it_ends() {
        let rota = rota(&["alice", "bob"]);
        let overrides = [
            stands_in("carol", "2026-01-06 00:00", "2026-01-10 00:00"),
            stands_in("dave", "2026-01-07 00:00", "2026-01-08 00:00"),
        ];
        for (now, who, until, next) in [
            ("2026-01-05 12:00", "alice", "2026-01-06 00:00", "carol"),
            ("2026-01-06 00:00", "carol", "2026-01-07 00:00", "dave"),
            ("2026-01-07 12:00", "dave", "2026-01-08 00:00", "carol"),
            ("2026-01-08 00:00", "carol", "2026-01-10 00:00", "alice"),
            ("2026-01-10 00:00", "alice", "2026-01-12 09:00", "bob"),
        ] {
            assert_eq!(rota.on_duty(at(now), &overrides), Some(who), "{now}");
            assert_eq!(rota.until(at(now), &overrides), Some(at(until)), "{now}");
            assert_eq!(rota.next(at(now), &overrides), Some(next), "{now}");
        }
    }

    #[test]
    fn an_override_by_the_one_on_duty_changes_nothing() {
        let rota = rota(&["alice", "bob"]);
        // Bob's override starts in Alice's week and ends in his own.
        let overrides = [stands_in("bob", "2026-01-10 00:00", "2026-01-14 00:00")];
        assert_eq!(rota.until(at("2026-01-11 00:00"), &overrides), Some(at("2026-01-19 09:00")));
        assert_eq!(rota.next(at("2026-01-11 00:00"), &overrides), Some("alice"));
        let alone = super::tests::rota(&["alice", "alice"]);
        assert_eq!(alone.until(at("2026-01-11 00:00"), &[]), None);
        assert_eq!(alone.next(at("2026-01-11 00:00"), &[]), None);
    }

    #[test]
    fn the_line_names_each_once_and_spares_whom_somebody_stands_in_for() {
        let rota = rota(&["alice", "bob", "alice", "carol"]);
        let stand_in = |who: &str| [stands_in(who, "2026-01-05 09:00", "2026-01-12 09:00")];
        let week = at("2026-01-06 12:00");
        assert_eq!(rota.line(week, &[]), ["alice", "bob", "carol"]);
        assert_eq!(rota.line(at("2026-01-27 12:00"), &[]), ["carol", "alice", "bob"]);
        assert_eq!(rota.line(week, &stand_in("dave")), ["dave", "bob", "alice", "carol"]);
        let three = super::tests::rota(&["alice", "bob", "carol"]);
        assert_eq!(three.line(week, &stand_in("carol")), ["carol", "bob", "alice"]);
        let nobody = super::tests::rota(&[]);
        assert_eq!(nobody.line(week, &[]), [""; 0]);
        assert_eq!(nobody.line(week, &stand_in("dave")), ["dave"]);
    }

    #[test]
    fn gaps_are_where_nobody_can_be_reached() {
        let (now, week) = (at("2026-01-05 12:00"), SignedDuration::from_hours(7 * 24));
        let known = |name: &str| name != "gone";
        let gap = |from, to| Gap { from, to };
        let full = rota(&["alice", "bob"]);
        let empty = rota(&[]);
        let carol = [stands_in("carol", "2026-01-06 00:00", "2026-01-07 00:00")];
        let gone = [
            stands_in("gone", "2026-01-06 00:00", "2026-01-07 00:00"),
            stands_in("gone", "2026-01-07 00:00", "2026-01-08 00:00"),
        ];
        assert_eq!(full.gaps(now, week, &carol, known), []);
        assert_eq!(full.gaps(now, week, &gone, known), [gap(at("2026-01-06 00:00"), at("2026-01-08 00:00"))]);
        assert_eq!(empty.gaps(now, week, &[], known), [gap(now, at("2026-01-12 12:00"))]);
        assert_eq!(
            empty.gaps(now, week, &carol, known),
            [gap(now, at("2026-01-06 00:00")), gap(at("2026-01-07 00:00"), at("2026-01-12 12:00"))]
        );
        assert_eq!(empty.until(now, &carol), Some(at("2026-01-06 00:00")));
    }

    #[test]
    fn an_override_without_end_is_no_work() {
        let rota = rota(&["alice", "bob"]);
        let forever = [Override { analyst: "carol".to_owned(), from: Timestamp::MIN, to: Timestamp::MAX }];
        assert_eq!(rota.until(at("2026-01-05 12:00"), &forever), Some(Timestamp::MAX));
        for edge in [Timestamp::MIN, Timestamp::MAX] {
            assert!(rota.on_duty(edge, &[]).is_some());
            assert_eq!(rota.line(edge, &[]).len(), 2);
        }
        assert_eq!(rota.until(Timestamp::MAX, &[]), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

        /// The oracle hands over week by week from the start, in civil time, and tries each hour.
        #[test]
        fn the_week_and_its_end_agree_with_counting_from_the_start(
            hour in 0_i64..52 * 7 * 24, spans in prop::collection::vec((0_i64..9000, 1_i64..500, 0_usize..4), 0..4),
        ) {
            let names = ["alice", "bob", "carol", "dave"];
            let rota = rota(&names[..3]);
            let zero = at("2026-01-05 09:00");
            let after = |hours| zero + SignedDuration::from_hours(hours);
            let overrides: Vec<Override> = spans
                .iter()
                .map(|&(from, length, who)| Override {
                    analyst: names[who].to_owned(), from: after(from), to: after(from + length),
                })
                .collect();
            let who = |now: Timestamp| {
                let mut day = date(2026, 1, 5);
                let mut turn = 0;
                while super::instant_of(&rota.zone, (day + 1.week()).at(9, 0, 0, 0)) <= now {
                    day += 1.week();
                    turn = (turn + 1) % 3;
                }
                let mut who = names[turn];
                for (o, (_, _, name)) in overrides.iter().zip(&spans) {
                    if o.from <= now && now < o.to {
                        who = names[*name];
                    }
                }
                who
            };
            prop_assert_eq!(rota.on_duty(after(hour), &overrides), Some(who(after(hour))));
            let change = (hour..).find(|h| who(after(*h)) != who(after(hour))).unwrap();
            prop_assert_eq!(rota.until(after(hour), &overrides), Some(after(change)));
            prop_assert_eq!(rota.next(after(hour), &overrides), Some(who(after(change))));
        }
    }
}
