//! Figures of a span of time (P23): how much came, from whom, how soon a human answered, and which promises
//! were kept.
//!
//! Counted are tickets by their receipt, but for merged, rejected and suspected spam. A promise counts once
//! it is answered or due; what ended without an answer (closed with a reason) counts as neither. Deadlines
//! are those of the calendar that is given. For publication (`for_publication`) a count of 1 to 4 is hidden,
//! and with it as many others of its table as it takes so that nobody can compute it from the total.
//!
//! Hostile data: none. Failure: none.

use super::calendar::Calendar;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is counted of one ticket.
#[derive(Debug, Clone)]
pub struct Counted {
    pub received_at: Timestamp,
    pub class: Option<String>,
    pub constituent: Option<String>,
    /// An answer was promised.
    pub promised: bool,
    /// The promise still runs.
    pub waiting: bool,
    pub acknowledged_at: Option<Timestamp>,
    /// A human's first message to the reporter.
    pub answered_at: Option<Timestamp>,
}

/// The promises, in business days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promises {
    pub answer_within: u32,
    pub escalate_after: u32,
}

/// The figures of a span.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    pub anonymised: bool,
    /// Null, here and below: hidden.
    pub total: Option<u64>,
    /// `2026-11`, every month of the span.
    pub months: Vec<Count>,
    /// Class by month; left out for publication.
    pub classes_by_month: Option<BTreeMap<String, BTreeMap<String, u64>>>,
    pub classes: Vec<Count>,
    /// Constituents, and `others`; without names for publication.
    pub constituents: Vec<Count>,
    pub promises: Promises,
    /// First answers by whole business days that had run: 0, 1, 2 ... and `8+`.
    pub answered_after_days: Vec<Count>,
    pub answers: Option<u64>,
    /// Promises that still run.
    pub waiting: Option<u64>,
    /// Whole percents, rounded down; null where fewer than 5 promises were made, or none.
    pub answered_within_promise_percent: Option<u64>,
    pub answered_before_escalation_percent: Option<u64>,
    pub acknowledged: Option<u64>,
    /// Seconds from receipt to the SMTP server's yes; null where there are too few.
    pub acknowledged_median_seconds: Option<u64>,
    pub acknowledged_p90_seconds: Option<u64>,
}

/// One line of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    pub name: String,
    pub count: Option<u64>,
}

/// Counts below this are hidden for publication.
pub const SMALL: u64 = 5;
/// From here on business days are one line.
const LAST_DAY: u32 = 8;

/// Counts. `months`: every month of the span, in order. `now` decides which promises are due.
pub fn figures(
    tickets: &[Counted],
    months: &[String],
    calendar: &Calendar,
    promises: Promises,
    now: Timestamp,
) -> Figures {
    let (mut by_month, mut by_class, mut by_constituent) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    let mut cross: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    let mut by_days: BTreeMap<u32, u64> = (0..=LAST_DAY).map(|days| (days, 0)).collect();
    let mut seconds = Vec::new();
    let (mut answers, mut waiting) = (0, 0);
    let mut kept = [Kept::default(); 2];
    for ticket in tickets {
        let month = calendar.zone.to_datetime(ticket.received_at).strftime("%Y-%m").to_string();
        let class = ticket.class.clone().unwrap_or_else(|| "not classified".to_owned());
        *by_month.entry(month.clone()).or_insert(0) += 1;
        *by_class.entry(class.clone()).or_insert(0) += 1;
        *by_constituent.entry(ticket.constituent.clone().unwrap_or_else(|| "others".to_owned())).or_insert(0) += 1;
        *cross.entry(month).or_default().entry(class).or_insert(0) += 1;
        if let Some(at) = ticket.acknowledged_at {
            seconds.push(u64::try_from(at.duration_since(ticket.received_at).as_secs()).unwrap_or_default());
        }
        waiting += u64::from(ticket.waiting);
        if let Some(at) = ticket.answered_at.filter(|_| ticket.promised) {
            answers += 1;
            let days = calendar.elapsed(ticket.received_at, at.max(ticket.received_at)).min(LAST_DAY);
            *by_days.entry(days).or_insert(0) += 1;
        }
        for (kept, days) in kept.iter_mut().zip([promises.answer_within, promises.escalate_after]) {
            kept.count(ticket, calendar.after(ticket.received_at, days), now);
        }
    }
    seconds.sort_unstable();
    let month = |name: &String| Count { name: name.clone(), count: Some(by_month.get(name).copied().unwrap_or(0)) };
    let days = by_days.into_iter().map(|(days, count)| {
        let name = if days == LAST_DAY { format!("{days}+") } else { days.to_string() };
        Count { name, count: Some(count) }
    });
    Figures {
        anonymised: false,
        total: Some(tickets.len() as u64),
        months: months.iter().map(month).collect(),
        classes_by_month: Some(cross),
        classes: largest_first(by_class),
        constituents: largest_first(by_constituent),
        promises,
        answered_after_days: days.collect(),
        answers: Some(answers),
        waiting: Some(waiting),
        answered_within_promise_percent: kept[0].percent(1),
        answered_before_escalation_percent: kept[1].percent(1),
        acknowledged: Some(seconds.len() as u64),
        acknowledged_median_seconds: share(&seconds, 50),
        acknowledged_p90_seconds: share(&seconds, 90),
    }
}

/// Promises kept and broken.
#[derive(Debug, Clone, Copy, Default)]
struct Kept {
    kept: u64,
    all: u64,
}

impl Kept {
    fn count(&mut self, ticket: &Counted, due: Timestamp, now: Timestamp) {
        match ticket.answered_at {
            _ if !ticket.promised => {}
            Some(at) => {
                self.all += 1;
                self.kept += u64::from(at <= due);
            }
            None if ticket.waiting && due <= now => self.all += 1,
            None => {}
        }
    }

    fn percent(self, least: u64) -> Option<u64> {
        (self.all >= least).then(|| self.kept * 100 / self.all.max(1))
    }
}

/// The smallest value that so many percent do not exceed.
fn share(sorted: &[u64], percent: usize) -> Option<u64> {
    let rank = (sorted.len() * percent).div_ceil(100).checked_sub(1)?;
    sorted.get(rank).copied()
}

fn largest_first(counts: BTreeMap<String, u64>) -> Vec<Count> {
    let mut list: Vec<Count> = counts.into_iter().map(|(name, count)| Count { name, count: Some(count) }).collect();
    list.sort_by_key(|line| std::cmp::Reverse(line.count));
    list
}

impl Figures {
    /// Without small counts, names of constituents and the table of class by month.
    pub fn for_publication(mut self) -> Figures {
        let (total, answers, acknowledged) = (self.total, self.answers, self.acknowledged);
        for table in [&mut self.months, &mut self.classes, &mut self.constituents, &mut self.answered_after_days] {
            hide_small(table);
        }
        let mut at = 0;
        for line in self.constituents.iter_mut().filter(|line| line.name != "others") {
            at += 1;
            line.name = format!("constituent {at}");
        }
        let enough = |count: Option<u64>| count.filter(|count| *count >= SMALL || *count == 0);
        let many = |count: Option<u64>| count.is_some_and(|count| count >= SMALL);
        let promised = many(answers);
        Figures {
            anonymised: true,
            total: enough(total),
            classes_by_month: None,
            answers: enough(answers),
            waiting: enough(self.waiting),
            answered_within_promise_percent: self.answered_within_promise_percent.filter(|_| promised),
            answered_before_escalation_percent: self.answered_before_escalation_percent.filter(|_| promised),
            acknowledged: enough(acknowledged),
            acknowledged_median_seconds: self.acknowledged_median_seconds.filter(|_| many(acknowledged)),
            acknowledged_p90_seconds: self.acknowledged_p90_seconds.filter(|_| many(acknowledged)),
            ..self
        }
    }
}

/// Hides every count of 1 to 4 of a table whose total is known, then the next smallest ones, until what is
/// hidden is at least two counts, together not small, that their sum does not tell. A table in which
/// nothing is left for that loses all its lines.
fn hide_small(table: &mut Vec<Count>) {
    let mut hidden: Vec<u64> = Vec::new();
    for line in table.iter_mut().filter(|line| line.count.is_some_and(|count| (1..SMALL).contains(&count))) {
        hidden.extend(line.count.take());
    }
    let tells = |hidden: &[u64]| {
        let (lines, sum) = (hidden.len() as u64, hidden.iter().sum::<u64>());
        lines == 1 || (lines > 1 && (sum < 2 * SMALL || sum < 2 * lines))
    };
    while tells(&hidden) {
        let next =
            table.iter_mut().filter(|line| line.count.is_some_and(|count| count > 0)).min_by_key(|line| line.count);
        match next {
            Some(line) => hidden.extend(line.count.take()),
            None => return table.clear(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::settings;
    use proptest::prelude::*;

    fn ticket(received: &str, answered: Option<&str>) -> Counted {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        Counted {
            received_at: at(received),
            class: None,
            constituent: None,
            promised: true,
            waiting: answered.is_none(),
            acknowledged_at: Some(at(received).saturating_add(jiff::SignedDuration::from_secs(7)).unwrap()),
            answered_at: answered.map(at),
        }
    }

    fn counted(tickets: &[Counted]) -> Figures {
        let promises = Promises { answer_within: 2, escalate_after: 4 };
        let now = "2026-12-31T00:00:00Z".parse().unwrap();
        figures(tickets, &["2026-11".into(), "2026-12".into()], &settings().sla.calendar, promises, now)
    }

    #[test]
    fn promises_are_kept_by_business_days() {
        let figures = counted(&[
            ticket("2026-11-27T17:01:00Z", Some("2026-11-27T18:00:00Z")),
            ticket("2026-11-27T17:01:00Z", Some("2026-12-01T17:01:00Z")),
            ticket("2026-11-27T17:01:00Z", Some("2026-12-01T17:02:00Z")),
            ticket("2026-11-27T17:01:00Z", None),
            ticket("2026-12-30T17:01:00Z", None),
        ]);
        assert_eq!((figures.total, figures.answers, figures.waiting), (Some(5), Some(3), Some(2)));
        assert_eq!(figures.answered_within_promise_percent, Some(50), "two of four: the last is not due yet");
        assert_eq!(figures.answered_before_escalation_percent, Some(75));
        let days: Vec<u64> = figures.answered_after_days.iter().filter_map(|day| day.count).collect();
        assert_eq!(days, [1, 0, 2, 0, 0, 0, 0, 0, 0]);
        assert_eq!(
            figures.months,
            [("2026-11", 4), ("2026-12", 1)].map(|(name, n)| Count { name: name.into(), count: Some(n) })
        );
        assert_eq!((figures.acknowledged_median_seconds, figures.acknowledged_p90_seconds), (Some(7), Some(7)));
        assert_eq!(counted(&[]).answered_within_promise_percent, None);
    }

    #[test]
    fn for_publication_small_counts_names_and_the_cross_table_are_gone() {
        let mut tickets = vec![ticket("2026-11-27T17:01:00Z", Some("2026-11-27T18:00:00Z")); 12];
        tickets.extend(vec![ticket("2026-12-01T17:01:00Z", None); 3]);
        tickets[0].constituent = Some("Example Corp".into());
        let shown = serde_json::to_string(&counted(&tickets).for_publication()).unwrap();
        assert!(!shown.contains("Example Corp") && !shown.contains(":3,") && !shown.contains(":1,"), "{shown}");
        let few = counted(&tickets[..3]).for_publication();
        assert_eq!(
            (few.total, few.answered_within_promise_percent, few.acknowledged_median_seconds),
            (None, None, None)
        );
    }

    proptest! {
        #[test]
        fn no_small_count_is_shown_or_follows_from_the_total(counts in proptest::collection::vec(0u64..12, 1..12)) {
            let name = |(at, count): (usize, u64)| Count { name: at.to_string(), count: Some(count) };
            let mut table: Vec<Count> = counts.iter().copied().enumerate().map(name).collect();
            hide_small(&mut table);
            let shown: Vec<u64> = table.iter().filter_map(|line| line.count).collect();
            prop_assert!(shown.iter().all(|count| *count == 0 || *count >= SMALL));
            prop_assert!(table.iter().all(|line| line.count != Some(0) || counts[line.name.parse::<usize>().unwrap()] == 0));
            let small = counts.iter().any(|count| (1..SMALL).contains(count));
            let hidden: u64 = counts.iter().sum::<u64>() - shown.iter().sum::<u64>();
            let lines = (table.len() - shown.len()) as u64;
            prop_assert!(table.is_empty() || (lines > 0) == small);
            // One hidden line, or lines that are all one, would be told by the sum.
            prop_assert!(lines == 0 || (lines >= 2 && hidden >= 2 * SMALL && hidden >= 2 * lines));
        }
    }
}
