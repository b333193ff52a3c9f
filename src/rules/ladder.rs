//! The rungs of the promises: reminder, due, escalation after escalation (P7, P8).
//!
//! The rungs of a clock stand in one row, in order of time; the store keeps how many have been
//! fired. All is computed from the receipt that the clock runs from, so that a change of config,
//! holidays or zone data moves what is still to come. Hostile data: none. Failure: none.
//! Known gap: if the config changes the order of the rungs under a running clock, the count that
//! the store keeps is read against the new order.

use super::settings::Sla;
use jiff::Timestamp;

/// One step of the ladder, from the least to the gravest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rung {
    /// The analyst is reminded.
    Remind,
    /// The promised answer is due: the analyst is reminded again.
    Due,
    /// The nth escalation, from 1.
    Escalate(u32),
}

/// What a ticket shows of its clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    pub remind_at: Timestamp,
    /// What the acknowledgement promises.
    pub due_at: Timestamp,
    /// The first escalation.
    pub escalate_at: Timestamp,
}

/// What is to be done now, and what the store must keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// The gravest of the rungs that have come due: one of them is fired, not each.
    pub rung: Rung,
    /// How many rungs count as fired from now on.
    pub fired: u32,
    /// When the next one comes due.
    pub next_at: Timestamp,
}

/// The deadlines of a clock that runs from `clock_from`.
pub fn deadlines(sla: &Sla, clock_from: Timestamp) -> Deadlines {
    let after = |days| sla.calendar.after(clock_from, days);
    Deadlines {
        remind_at: after(sla.remind_after),
        due_at: after(sla.answer_within),
        escalate_at: after(sla.escalate_after),
    }
}

/// The rung number `index`, from 0, in order of time; at the same time the lesser comes first.
pub fn rung_at(sla: &Sla, clock_from: Timestamp, index: u32) -> (Rung, Timestamp) {
    let rung = rung(sla, index);
    (rung, sla.calendar.after(clock_from, days_of(sla, rung)))
}

/// What has come due at `now` since `fired` rungs were fired. None: nothing yet; then the next
/// is `rung_at(sla, clock_from, fired)`.
///
/// After a host was off, one rung catches up for all that came due meanwhile: the gravest.
/// Escalations left out count as fired.
pub fn due(sla: &Sla, clock_from: Timestamp, fired: u32, now: Timestamp) -> Option<Due> {
    let reached = reached(sla, sla.calendar.elapsed(clock_from, now));
    let last = reached.checked_sub(1).filter(|last| *last >= fired)?;
    // Of the last three rungs one is an escalation if any is due at all.
    let rung = (fired.max(last.saturating_sub(2))..=last).map(|index| rung(sla, index)).max()?;
    Some(Due { rung, fired: reached, next_at: rung_at(sla, clock_from, reached).1 })
}

/// To whom the nth escalation goes, from 1: the nth of the order; after the last, all of them.
pub fn escalation_recipients(n: u32, escalate_to: &[String]) -> Vec<String> {
    match escalate_to.get(n.saturating_sub(1) as usize) {
        Some(name) => vec![name.clone()],
        None => escalate_to.to_vec(),
    }
}

/// How the calendar brings a rung about, line by line, for `ticket why`.
pub fn explain(sla: &Sla, clock_from: Timestamp, rung: Rung) -> Vec<String> {
    sla.calendar.explain(clock_from, days_of(sla, rung))
}

/// After how many business days a rung comes due.
fn days_of(sla: &Sla, rung: Rung) -> u32 {
    match rung {
        Rung::Remind => sla.remind_after,
        Rung::Due => sla.answer_within,
        Rung::Escalate(n) => {
            let repeats = n.saturating_sub(1).saturating_mul(sla.repeat_every.max(1));
            sla.escalate_after.saturating_add(repeats)
        }
    }
}

/// The rung number `index`. Reminder and due date have their places; the escalations fill the others.
fn rung(sla: &Sla, index: u32) -> Rung {
    // Escalations before a rung of so many days, then the reminder before the due date.
    let remind_first = u32::from(sla.remind_after <= sla.answer_within);
    let remind = escalations_until(sla, sla.remind_after.checked_sub(1)).saturating_add(1 - remind_first);
    let due = escalations_until(sla, sla.answer_within.checked_sub(1)).saturating_add(remind_first);
    if index == remind {
        Rung::Remind
    } else if index == due {
        Rung::Due
    } else {
        let others = u32::from(remind < index) + u32::from(due < index);
        Rung::Escalate((index - others).saturating_add(1))
    }
}

/// How many rungs have come due when `elapsed` business days have run.
fn reached(sla: &Sla, elapsed: u32) -> u32 {
    let others = u32::from(sla.remind_after <= elapsed) + u32::from(sla.answer_within <= elapsed);
    escalations_until(sla, Some(elapsed)).saturating_add(others)
}

/// How many escalations have come due when so many business days have run.
fn escalations_until(sla: &Sla, days: Option<u32>) -> u32 {
    let over = days.and_then(|days| days.checked_sub(sla.escalate_after));
    over.map_or(0, |over| (over / sla.repeat_every.max(1)).saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::{Due, Rung, deadlines, due, escalation_recipients, explain, reached, rung, rung_at};
    use crate::rules::calendar::{Calendar, Holidays, NEVER};
    use crate::rules::settings::Sla;
    use jiff::tz::TimeZone;
    use jiff::{SignedDuration, Timestamp};
    use proptest::prelude::*;

    fn sla() -> Sla {
        Sla {
            calendar: Calendar {
                zone: TimeZone::get("Europe/Paris").unwrap(),
                weekdays: [true, true, true, true, true, false, false],
                holidays: Holidays::Fr,
                closed: [].into(),
                cut_off: None,
            },
            remind_after: 1,
            answer_within: 2,
            escalate_after: 4,
            escalate_to: ["lead", "chief"].map(str::to_owned).into(),
            repeat_every: 1,
        }
    }

    fn at(text: &str) -> Timestamp {
        super::super::calendar::instant_of(&sla().calendar.zone, text.parse().unwrap())
    }

    /// Received on Friday 27 November 2026 at 18:01.
    const RUNGS: [(Rung, &str); 6] = [
        (Rung::Remind, "2026-11-30 18:01"),
        (Rung::Due, "2026-12-01 18:01"),
        (Rung::Escalate(1), "2026-12-03 18:01"),
        (Rung::Escalate(2), "2026-12-04 18:01"),
        (Rung::Escalate(3), "2026-12-07 18:01"),
        (Rung::Escalate(4), "2026-12-08 18:01"),
    ];

    #[test]
    fn reminder_after_one_answer_within_two_escalation_after_four_then_each_business_day() {
        let from = at("2026-11-27 18:01");
        for (index, (rung, time)) in (0..).zip(RUNGS) {
            assert_eq!(rung_at(&sla(), from, index), (rung, at(time)), "{index}");
        }
        let shown = deadlines(&sla(), from);
        assert_eq!(shown.remind_at, at(RUNGS[0].1));
        assert_eq!(shown.due_at, at(RUNGS[1].1));
        assert_eq!(shown.escalate_at, at(RUNGS[2].1));
    }

    #[test]
    fn each_rung_is_fired_at_its_time_and_not_before() {
        let from = at("2026-11-27 18:01");
        for (index, pair) in (0..).zip(RUNGS.windows(2)) {
            let (rung, next_at) = (pair[0].0, at(pair[1].1));
            let time = at(pair[0].1);
            assert_eq!(due(&sla(), from, index, time - SignedDuration::from_nanos(1)), None, "{rung:?}");
            assert_eq!(due(&sla(), from, index, time), Some(Due { rung, fired: index + 1, next_at }));
            assert_eq!(due(&sla(), from, index + 1, time), None, "fired once only");
        }
    }

    #[test]
    fn a_host_that_was_off_catches_up_with_one_rung() {
        let from = at("2026-11-27 18:01");
        for (fired, now, rung, count, next) in [
            // Off over the reminder and the due date: one reminder, that it is due.
            (0, "2026-12-02 08:00", Rung::Due, 2, "2026-12-03 18:01"),
            // Off for three days: one escalation, not a reminder and an escalation.
            (1, "2026-12-03 20:00", Rung::Escalate(1), 3, "2026-12-04 18:01"),
            // Off over three escalations: the third, to whom the third goes.
            (2, "2026-12-07 20:00", Rung::Escalate(3), 5, "2026-12-08 18:01"),
            (0, "2026-12-08 20:00", Rung::Escalate(4), 6, "2026-12-09 18:01"),
        ] {
            let found = due(&sla(), from, fired, at(now));
            assert_eq!(found, Some(Due { rung, fired: count, next_at: at(next) }), "{now}");
        }
    }

    #[test]
    fn an_escalation_is_not_swallowed_by_a_later_reminder() {
        let strict = Sla { escalate_after: 1, repeat_every: 5, remind_after: 2, answer_within: 3, ..sla() };
        let from = at("2026-11-30 10:00");
        let found = due(&strict, from, 0, at("2026-12-03 12:00")).unwrap();
        assert_eq!((found.rung, found.fired), (Rung::Escalate(1), 3));
        // Fired before, it does not come back.
        assert_eq!(due(&strict, from, 1, at("2026-12-03 12:00")).unwrap().rung, Rung::Due);
    }

    #[test]
    fn a_repeated_escalation_goes_to_the_next_and_after_the_last_to_all() {
        let order = sla().escalate_to;
        let to = |n| escalation_recipients(n, &order).join(" ");
        assert_eq!([1, 2, 3, 4, u32::MAX].map(to), ["lead", "chief", "lead chief", "lead chief", "lead chief"]);
        assert_eq!(escalation_recipients(1, &[]), [""; 0]);
    }

    #[test]
    fn a_clock_without_business_days_never_fires() {
        let mut none = sla();
        none.calendar.weekdays = [false; 7];
        assert_eq!(due(&none, at("2026-11-27 18:01"), 0, NEVER), None);
        assert_eq!(rung_at(&none, at("2026-11-27 18:01"), 0), (Rung::Remind, NEVER));
        // A hundred years late is one rung as well.
        assert_eq!(
            due(&sla(), at("2026-11-27 18:01"), 0, at("2126-01-01 00:00")).map(|d| d.fired > 24_000),
            Some(true)
        );
        assert!(
            explain(&sla(), at("2026-11-27 18:01"), Rung::Escalate(1)).last().unwrap().contains("Thu 3 Dec 2026 18:01")
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

        /// The oracle writes all rungs down and sorts them.
        #[test]
        fn the_row_of_rungs_agrees_with_sorting_them(
            remind_after in 0_u32..12, answer_within in 0_u32..12, escalate_after in 0_u32..12, repeat_every in 0_u32..5,
            elapsed in 0_u32..40, fired in 0_u32..60,
        ) {
            let sla = Sla { remind_after, answer_within, escalate_after, repeat_every, ..sla() };
            let mut row = vec![(remind_after, Rung::Remind), (answer_within, Rung::Due)];
            row.extend((1..=60).map(|n| (escalate_after + (n - 1) * repeat_every.max(1), Rung::Escalate(n))));
            row.sort();
            let ours: Vec<Rung> = (0..50).map(|index| rung(&sla, index)).collect();
            prop_assert_eq!(&ours, &row.iter().take(50).map(|(_, rung)| *rung).collect::<Vec<_>>());
            let over: Vec<Rung> = row.iter().filter(|(days, _)| *days <= elapsed).map(|(_, rung)| *rung).collect();
            prop_assert_eq!(reached(&sla, elapsed) as usize, over.len());
            let from = at("2026-11-27 18:01");
            let found = due(&sla, from, fired, sla.calendar.after(from, elapsed));
            prop_assert_eq!(found.map(|d| d.rung), over.iter().skip(fired as usize).max().copied());
            prop_assert!(found.is_none_or(|d| d.next_at > sla.calendar.after(from, elapsed)));
        }

        #[test]
        fn no_setting_and_no_count_breaks_it(
            remind_after: u32, answer_within: u32, escalate_after: u32, repeat_every: u32, index: u32, elapsed: u32,
        ) {
            let sla = Sla { remind_after, answer_within, escalate_after, repeat_every, ..sla() };
            let (a, b) = (rung(&sla, index), rung(&sla, index.saturating_add(1)));
            prop_assert!(index == u32::MAX || a != b);
            reached(&sla, elapsed);
        }
    }
}
