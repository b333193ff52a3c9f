//! Whom a page reaches, step after step, and what becomes of pages in a storm (P9, T69).
//!
//! Hostile data: none in here, but a sender chooses how often `[URGENT]` comes: beyond a few an
//! hour they are told in groups, and none is dropped. Failure: none. Known gap: muting a single
//! sender is not here.

use jiff::{SignedDuration, Timestamp};

/// So many pages within an hour are sent one by one.
pub const PAGES_SINGLY: usize = 5;

/// So many plain alerts within an hour are sent one by one.
pub const ALERTS_SINGLY: usize = 10;

/// Grouped ones go out this often.
pub const GROUP_EVERY: SignedDuration = SignedDuration::from_mins(5);

/// Whom step number `page_step` of a page reaches: 0 the analyst on duty, 1 the next in the
/// rotation, 2 everyone in `escalate_to`; a step with nobody in it is left out, so nobody waits
/// for it. Empty: there is no such step, the page climbs no further.
///
/// `line` is `Rota::line` at the instant at which the page was raised: a handover while it
/// climbs must not page the same person twice.
pub fn step(page_step: u32, line: &[String], escalate_to: &[String]) -> Vec<String> {
    let steps = [line.get(..1), line.get(1..2), Some(escalate_to)].into_iter().flatten();
    let mut reached: Vec<String> = Vec::new();
    for name in steps.skip(usize::try_from(page_step).unwrap_or(usize::MAX)).take(1).flatten() {
        if !reached.contains(name) {
            reached.push(name.clone());
        }
    }
    reached
}

/// How one more page, or alert, is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storm {
    /// By itself, at once.
    Single,
    /// Counted in one message ("N more") for all of its window. `window_start` is the same for all
    /// of them, and so makes the key of that message.
    Grouped { window_start: Timestamp, send_at: Timestamp },
}

/// Whether one more goes by itself. `recent` holds when the earlier ones came, singly sent or
/// grouped, of the last hour at least; `singly` is `PAGES_SINGLY` or `ALERTS_SINGLY`.
pub fn storm(recent: &[Timestamp], now: Timestamp, singly: usize) -> Storm {
    let hour = SignedDuration::from_hours(1);
    let earlier = recent.iter().filter(|&&at| at <= now && now.duration_since(at) < hour).count();
    if earlier < singly {
        return Storm::Single;
    }
    let window = GROUP_EVERY.as_secs();
    let second = now.as_second();
    let start = second - second.rem_euclid(window);
    let at = |second| Timestamp::from_second(second).unwrap_or(now);
    Storm::Grouped { window_start: at(start), send_at: at(start + window) }
}

#[cfg(test)]
mod tests {
    use super::{ALERTS_SINGLY, GROUP_EVERY, PAGES_SINGLY, Storm, step, storm};
    use jiff::{SignedDuration, Timestamp};
    use std::collections::BTreeMap;

    fn names(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn a_page_climbs_from_the_analyst_on_duty_to_the_next_to_everyone() {
        for (line, escalate_to, reached) in [
            ("alice bob carol", "lead chief", ["alice", "bob", "lead chief", ""]),
            ("alice", "lead", ["alice", "lead", "", ""]),
            // Nobody on duty: nobody waits for nobody.
            ("", "lead chief", ["lead chief", "", "", ""]),
            ("alice bob", "", ["alice", "bob", "", ""]),
            ("alice bob", "lead lead", ["alice", "bob", "lead", ""]),
            ("", "", ["", "", "", ""]),
        ] {
            for (number, wanted) in (0..).zip(reached) {
                let found = step(number, &names(line), &names(escalate_to));
                assert_eq!(found, names(wanted), "step {number} of {line:?}, {escalate_to:?}");
            }
        }
        assert_eq!(step(u32::MAX, &names("alice bob"), &names("lead")), [""; 0]);
    }

    fn at(second: i64) -> Timestamp {
        "2026-11-27T10:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_secs(second)
    }

    #[test]
    fn five_pages_an_hour_are_single_and_the_sixth_is_grouped() {
        let minutes: Vec<Timestamp> = (0..5).map(|minute| at(60 * minute)).collect();
        assert_eq!(storm(&[], at(0), PAGES_SINGLY), Storm::Single);
        assert_eq!(storm(&minutes[..4], at(270), PAGES_SINGLY), Storm::Single);
        let grouped = Storm::Grouped { window_start: at(0), send_at: at(300) };
        assert_eq!(storm(&minutes, at(270), PAGES_SINGLY), grouped);
        assert_eq!(storm(&minutes, at(299), PAGES_SINGLY), grouped);
        let next = Storm::Grouped { window_start: at(300), send_at: at(600) };
        assert_eq!(storm(&minutes, at(300), PAGES_SINGLY), next);
        // An hour after the first there is room for a single one again.
        assert_eq!(storm(&minutes, at(3600), PAGES_SINGLY), Storm::Single);
        assert_eq!(storm(&minutes, at(270), ALERTS_SINGLY), Storm::Single);
    }

    #[test]
    fn a_thousand_urgent_mails_in_an_hour_are_five_pages_and_a_group_each_five_minutes() {
        let mut recent = Vec::new();
        let (mut single, mut groups) = (0, BTreeMap::<Timestamp, usize>::new());
        for number in 0..1000 {
            let now = at(number * 3600 / 1000);
            match storm(&recent, now, PAGES_SINGLY) {
                Storm::Single => single += 1,
                Storm::Grouped { window_start, send_at } => {
                    assert!(window_start <= now && now < send_at && send_at - GROUP_EVERY == window_start);
                    *groups.entry(window_start).or_default() += 1;
                }
            }
            recent.push(now);
        }
        assert_eq!((single, groups.len(), groups.values().sum::<usize>()), (5, 12, 995));
    }

    #[test]
    fn the_edge_of_time_is_no_trouble() {
        for edge in [Timestamp::MIN, Timestamp::MAX] {
            assert!(matches!(storm(&[], edge, 0), Storm::Grouped { .. }));
        }
    }
}
