//! How near the end of a certificate is. Pure.

use jiff::{SignedDuration, Timestamp};

/// Days ahead at which the end of somebody's certificate is told.
pub const OF_OTHERS: [u32; 2] = [30, 7];

/// Days ahead at which the end of the team's own key is told: it has to be published anew.
pub const OF_THE_TEAM: [u32; 3] = [90, 30, 7];

/// A stage on the way to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It ends within so many days.
    Within(u32),
    /// It has ended.
    Over,
}

/// The nearest stage that is reached. None: the end is far, or there is none.
pub fn stage(ends_at: Option<Timestamp>, days: &[u32], now: Timestamp) -> Option<Stage> {
    let left = ends_at?.duration_since(now);
    if left <= SignedDuration::ZERO {
        return Some(Stage::Over);
    }
    let reached = days.iter().filter(|days| left <= SignedDuration::from_hours(i64::from(**days) * 24));
    reached.min().map(|days| Stage::Within(*days))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_stage_is_told() {
        let now: Timestamp = "2026-11-27T12:00:00Z".parse().unwrap();
        for (ends_at, of_others, of_the_team) in [
            ("2027-12-01T00:00:00Z", None, None),
            ("2027-02-25T12:00:01Z", None, None),
            ("2027-02-25T12:00:00Z", None, Some(Stage::Within(90))),
            ("2026-12-27T12:00:01Z", None, Some(Stage::Within(90))),
            ("2026-12-27T12:00:00Z", Some(Stage::Within(30)), Some(Stage::Within(30))),
            ("2026-12-04T12:00:00Z", Some(Stage::Within(7)), Some(Stage::Within(7))),
            ("2026-11-27T12:00:01Z", Some(Stage::Within(7)), Some(Stage::Within(7))),
            ("2026-11-27T12:00:00Z", Some(Stage::Over), Some(Stage::Over)),
            ("2020-01-01T00:00:00Z", Some(Stage::Over), Some(Stage::Over)),
        ] {
            let ends_at = Some(ends_at.parse().unwrap());
            assert_eq!(stage(ends_at, &OF_OTHERS, now), of_others, "{ends_at:?}");
            assert_eq!(stage(ends_at, &OF_THE_TEAM, now), of_the_team, "{ends_at:?}");
        }
        assert_eq!(stage(None, &OF_OTHERS, now), None);
    }
}
