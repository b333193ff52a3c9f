//! Why a date is what it is, and why nobody was answered: in words, for `ticket why`.
//!
//! Hostile data: none. Failure: none; a word that is not known is said as it stands.

use super::calendar::{Calendar, NEVER};
use super::machine::Machine;
use super::manners::NoReply;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time, Weekday};

/// One day of a count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Day {
    pub date: Date,
    /// Why the clock did not run on it; None: it ran.
    pub why_not: Option<String>,
}

/// How a deadline comes about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// From the day of receipt to that of the deadline; of a span of years the first ones.
    pub days: Vec<Day>,
    /// The same for a person, a line each.
    pub lines: Vec<String>,
}

/// So many days are told one by one.
const TOLD: usize = 400;

/// Counts `business_days` from a receipt, day by day.
pub fn count(calendar: &Calendar, received: Timestamp, business_days: u32) -> Count {
    let local = calendar.zone.to_datetime(received);
    let end = calendar.after(received, business_days);
    if end == NEVER {
        let lines = vec!["there are not enough business days to come: it never falls due".to_owned()];
        return Count { days: Vec::new(), lines };
    }
    let ends: Vec<DateTime> =
        (1..=business_days).map(|n| calendar.zone.to_datetime(calendar.after(received, n))).collect();
    let last = ends.last().copied().unwrap_or(local);
    let (mut days, mut lines, mut over) = (Vec::new(), Vec::new(), 0);
    let dates = std::iter::successors(Some(local.date()), |date| date.tomorrow().ok());
    for date in dates.take_while(|date| date.at(0, 0, 0, 0) < last).take(TOLD) {
        let why_not = why_not(calendar, local, date);
        if let Some(why) = &why_not {
            lines.push(format!("{} does not count: {why}", date.strftime("%a %-d %b %Y")));
        }
        days.push(Day { date, why_not });
        while let Some(end) = ends.get(over).filter(|end| day_of(**end) == date) {
            over += 1;
            let plural = if over == 1 { "day is" } else { "days are" };
            lines.push(format!("{}: {over} business {plural} over", shown(*end)));
        }
    }
    Count { days, lines }
}

/// Why the clock does not run on a day, for a mail received at `local`.
fn why_not(calendar: &Calendar, local: DateTime, date: Date) -> Option<String> {
    if let Some(why) = calendar.day_off(date) {
        let weekend = matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday);
        return Some(if weekend && !calendar.is_weekday(date) { "weekend" } else { why }.to_owned());
    }
    let cut_off = calendar.cut_off.filter(|cut_off| date == local.date() && local.time() > *cut_off)?;
    Some(format!("received after the cut-off at {}", cut_off.strftime("%H:%M")))
}

/// The day that an end belongs to: midnight ends the day before.
fn day_of(end: DateTime) -> Date {
    if end.time() == Time::midnight() { end.date().yesterday().unwrap_or(end.date()) } else { end.date() }
}

/// `Tue 1 Dec 2026 18:01`; midnight is 24:00 of the day before.
pub fn shown(at: DateTime) -> String {
    match at.time() == Time::midnight() {
        true => format!("{} 24:00", day_of(at).strftime("%a %-d %b %Y")),
        false => at.strftime("%a %-d %b %Y %H:%M").to_string(),
    }
}

/// Why a human's mail got no acknowledgement.
pub fn no_reply(word: &str) -> String {
    let Some(why) = NoReply::from_word(word) else {
        return match word {
            "unreadable" => "the mail could not be read: to whom it could be said is not known".to_owned(),
            other => other.to_owned(),
        };
    };
    match why {
        NoReply::AmbiguousFrom => "the mail has several From fields",
        NoReply::NoAddress => "From is not one plain address that mail can be sent to",
        NoReply::FromDisputed => {
            "From inside the signed or encrypted part is another than outside, and nothing proves it"
        }
        NoReply::OwnAddress => "it says that it comes from an address of ours",
        NoReply::Analyst => "it comes from an analyst's own address",
        NoReply::NoReplyAddress => "nobody reads the address that it comes from, or a list does",
        NoReply::NullSender => "its envelope sender is empty: an answer is not wanted",
        NoReply::AutoSubmitted => "its Auto-Submitted field says that a machine sent it",
        NoReply::List => "it came through a mailing list",
        NoReply::Bulk => "its Precedence field says bulk, list or junk",
        NoReply::Report => "it is a report of a mail system (multipart/report)",
        NoReply::SuppressWish => "its X-Auto-Response-Suppress field asks for no automatic answer",
        NoReply::Loop => "machines seem to answer each other",
        NoReply::AuthenticationFailed => "the border says that its From is forged",
        NoReply::SenderMismatch => "its envelope sender is of another domain than From, and nothing vouches for From",
        NoReply::NotAddressed => "none of our addresses stands in To or Cc, and nothing vouches for From",
        NoReply::SuspectedSpam => "the border marked it as spam ([triage] spam_header)",
        NoReply::History => "it lay in a mailbox that was taken over as history",
    }
    .to_owned()
}

/// Why a mail was taken for a machine report.
pub fn machine(word: &str) -> String {
    let Some(mark) = Machine::from_word(word) else { return word.to_owned() };
    match mark {
        Machine::FeedMailbox => "it came to a mailbox of kind feed",
        Machine::FeedSender => "its sender is listed in [triage] feeds",
        Machine::OwnMail => "it is a mail of ours that came back",
        Machine::Arf => "it is an abuse report in ARF (RFC 5965)",
        Machine::Xarf => "it is an X-ARF report",
        Machine::Iodef => "it is an IODEF document (RFC 7970)",
        Machine::Dsn => "it says that a mail was not delivered (RFC 3464)",
        Machine::Mdn => "it is a receipt for a mail that was read (RFC 8098)",
        Machine::Report => "it is a multipart/report (RFC 6522)",
        Machine::AutoReplied => "it is an automatic answer, such as an absence note",
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::calendar::Holidays;
    use jiff::civil::{date, time};
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    fn paris() -> Calendar {
        Calendar {
            zone: TimeZone::get("Europe/Paris").unwrap(),
            weekdays: [true, true, true, true, true, false, false],
            holidays: Holidays::Fr,
            closed: [].into(),
            cut_off: None,
        }
    }

    fn lines(calendar: &Calendar, received: &str, days: u32) -> Vec<String> {
        let received = calendar.zone.to_timestamp(received.parse().unwrap()).unwrap();
        count(calendar, received, days).lines
    }

    #[test]
    fn days_are_counted_one_by_one_and_those_left_out_say_why() {
        let closing = Calendar { closed: [date(2026, 5, 4)].into(), ..paris() };
        assert_eq!(
            lines(&closing, "2026-04-30 10:00", 2),
            [
                "Fri 1 May 2026 does not count: Labour Day",
                "Sat 2 May 2026 does not count: weekend",
                "Sun 3 May 2026 does not count: weekend",
                "Mon 4 May 2026 does not count: closing day of the team",
                "Tue 5 May 2026 10:00: 1 business day is over",
                "Wed 6 May 2026 10:00: 2 business days are over",
            ]
        );
        assert_eq!(
            lines(&paris(), "2026-11-28 10:00", 2)[2..],
            ["Mon 30 Nov 2026 24:00: 1 business day is over", "Tue 1 Dec 2026 24:00: 2 business days are over"]
        );
        let strict = Calendar { cut_off: Some(time(18, 0, 0, 0)), ..paris() };
        assert_eq!(
            lines(&strict, "2026-11-26 18:01", 1),
            [
                "Thu 26 Nov 2026 does not count: received after the cut-off at 18:00",
                "Fri 27 Nov 2026 24:00: 1 business day is over",
            ]
        );
        let never = Calendar { weekdays: [false; 7], ..paris() };
        assert!(lines(&never, "2026-11-26 18:01", 1)[0].contains("never"));
    }

    #[test]
    fn each_reason_has_words() {
        for why in NoReply::ALL {
            assert!(no_reply(why.word()).contains(' '), "{why}");
        }
        for mark in Machine::ALL {
            assert!(machine(mark.word()).contains(' '), "{mark}");
        }
    }

    proptest! {
        #[test]
        fn the_count_ends_where_the_calendar_says(minutes in 0i64..(3 * 365 * 24 * 60), days in 1u32..12, late: bool) {
            let calendar = Calendar { cut_off: late.then(|| time(18, 0, 0, 0)), ..paris() };
            let received = Timestamp::from_second(1_767_222_000 + minutes * 60).unwrap();
            let count = count(&calendar, received, days);
            let end = shown(calendar.zone.to_datetime(calendar.after(received, days)));
            prop_assert!(count.lines.last().unwrap().starts_with(&end));
            let over = count.lines.iter().filter(|line| line.contains(" over")).count();
            prop_assert_eq!(over, days as usize);
        }
    }
}
