//! How many acknowledgements may leave (A1.8).
//!
//! Beyond a cap nothing is lost: the acknowledgement waits until there is room. Hostile data:
//! none; a flood makes `sent` long and nothing else. Failure: a cap that cannot be read is told
//! in words for the operator. Known gap: none.

use jiff::{SignedDuration, Timestamp};

/// At most `count` within a sliding span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cap {
    pub count: u32,
    pub within: SignedDuration,
}

/// Reads caps as the config writes them: `3/hour, 10/day`; the spans are minute, hour, day and
/// week. Several hold together. Errors: a sentence for the operator.
pub fn parse(text: &str) -> Result<Vec<Cap>, String> {
    text.split(',').map(|part| parse_one(part.trim())).collect()
}

fn parse_one(text: &str) -> Result<Cap, String> {
    let wrong = || format!("{text:?} is not a cap; write a count of at least 1 and a span, such as \"3/hour, 10/day\"");
    let (count, span) = text.split_once('/').ok_or_else(wrong)?;
    let count = count.trim().parse().ok().filter(|count| *count > 0).ok_or_else(wrong)?;
    let hours = match span.trim() {
        "minute" => return Ok(Cap { count, within: SignedDuration::from_mins(1) }),
        "hour" => 1,
        "day" => 24,
        "week" => 7 * 24,
        _ => return Err(format!("{text:?}: the span of a cap is minute, hour, day or week")),
    };
    Ok(Cap { count, within: SignedDuration::from_hours(hours) })
}

/// How far back `room_at` looks: only what was sent later than `now` less this matters.
pub fn reach(caps: &[Cap]) -> SignedDuration {
    caps.iter().map(|cap| cap.within).max().unwrap_or_default()
}

/// The first instant, not before `now`, at which one more may leave under all caps together.
///
/// `sent` holds when others left, in order; such as are promised for later may stand in it too.
/// A window is half open: what left at t counts until just before t + `within`.
pub fn room_at(caps: &[Cap], sent: &[Timestamp], now: Timestamp) -> Timestamp {
    let free_at = |cap: &Cap| {
        // The last but `count - 1` has to leave the window first.
        let in_the_way = sent.len().checked_sub(cap.count.max(1) as usize).and_then(|index| sent.get(index))?;
        Some(in_the_way.checked_add(cap.within).unwrap_or(Timestamp::MAX))
    };
    caps.iter().filter_map(free_at).fold(now, Timestamp::max)
}

#[cfg(test)]
mod tests {
    use super::{Cap, parse, reach, room_at};
    use jiff::{SignedDuration, Timestamp};
    use proptest::prelude::*;

    fn at(minute: i64) -> Timestamp {
        "2026-11-27T10:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minute)
    }

    #[test]
    fn caps_are_read_as_the_config_writes_them() {
        let cap = |count, hours| Cap { count, within: SignedDuration::from_hours(hours) };
        assert_eq!(parse("3/hour, 10/day"), Ok(vec![cap(3, 1), cap(10, 24)]));
        assert_eq!(parse(" 20 / hour "), Ok(vec![cap(20, 1)]));
        assert_eq!(parse("1/week").unwrap(), [cap(1, 168)]);
        assert_eq!(parse("2/minute").unwrap(), [Cap { count: 2, within: SignedDuration::from_mins(1) }]);
        for wrong in ["", "3", "0/hour", "-1/hour", "3/fortnight", "3/hour,", "3/hour 10/day", "99999999999/day", "3/"]
        {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        assert_eq!(reach(&parse("3/hour, 10/day").unwrap()), SignedDuration::from_hours(24));
    }

    #[test]
    fn three_an_hour_and_ten_a_day_for_one_address() {
        let caps = parse("3/hour, 10/day").unwrap();
        let room = |sent: &[i64], now| room_at(&caps, &sent.iter().map(|m| at(*m)).collect::<Vec<_>>(), at(now));
        assert_eq!(room(&[], 0), at(0));
        assert_eq!(room(&[0, 1], 2), at(2));
        // The fourth of the hour waits for the first to be an hour old.
        assert_eq!(room(&[0, 1, 2], 3), at(60));
        assert_eq!(room(&[0, 1, 2], 60), at(60));
        assert_eq!(room(&[0, 1, 2], 200), at(200));
        // One that already waits is in the row.
        assert_eq!(room(&[0, 1, 2, 60], 3), at(61));
        // The eleventh of the day waits for tomorrow.
        assert_eq!(room(&[0, 60, 120, 180, 240, 300, 360, 420, 480, 540], 600), at(24 * 60));
        assert_eq!(room_at(&[], &[at(0); 100], at(0)), at(0));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

        #[test]
        fn no_window_ever_holds_more_than_its_cap_and_nobody_waits_longer_than_needed(
            counts in prop::collection::vec((1_u32..6, 1_i64..100), 1..4),
            mut asked in prop::collection::vec(0_i64..300, 1..60),
        ) {
            asked.sort_unstable();
            let caps: Vec<Cap> =
                counts.iter().map(|&(count, m)| Cap { count, within: SignedDuration::from_mins(m) }).collect();
            let fits = |sent: &[Timestamp]| {
                caps.iter().all(|cap| sent.iter().all(|&end| {
                    sent.iter().filter(|&&t| t <= end && end < t + cap.within).count() <= cap.count as usize
                }))
            };
            let mut sent: Vec<Timestamp> = Vec::new();
            for minute in asked {
                let room = room_at(&caps, &sent, at(minute));
                prop_assert!(room >= at(minute));
                // A minute earlier there would have been no room, or nobody had asked.
                if room > at(minute) {
                    let mut early = sent.clone();
                    early.push(room - SignedDuration::from_mins(1));
                    early.sort_unstable();
                    prop_assert!(!fits(&early));
                }
                sent.push(room);
                sent.sort_unstable();
                prop_assert!(fits(&sent));
            }
        }
    }
}
