//! What a machine says of a mail of ours: it did not arrive, it is late, it was read, nobody is there.
//!
//! Such a mail is believed only where it names a Message-ID of ours with a good keyed hash, or an
//! answer from our Sent folder; a number alone opens nothing. It then lies with its ticket, whatever
//! mailbox it came to: it stops no clock and wakes no ticket. That a mail to the reporter failed is
//! told once, so that somebody can telephone.
//!
//! Hostile data: header fields, the delivery's own words. Failure: none; without proof it is a
//! machine's mail like any other.

use super::feed::Format;
use super::intent::OutKind;
use super::machine::{Arrival, Machine};
use super::ticket::words;

words! {
    /// What became of a mail of ours.
    Receipt {
        /// It will not arrive.
        Failed = "failed",
        /// It is still being tried.
        Delayed = "delayed",
        /// It arrived, or was handed on.
        Delivered = "delivered",
        /// A disposition notification (RFC 8098): displayed, deleted ...
        Disposed = "disposed",
        /// A vacation responder answers.
        Away = "auto_reply",
    }
}

/// A mail of ours that a machine speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OurMail {
    /// Where its ticket's mail lives now.
    pub ticket: i64,
    /// Its row of the outbox; None where an analyst's own mail client sent it, or the row is gone.
    pub out: Option<i64>,
    pub kind: OutKind,
    /// To whom it went.
    pub to: Option<String>,
}

/// What the mail says became of ours; None: it is no such mail. `machine` as `machine_report` has it.
/// A null sender with a returned mail of ours in it is a bounce too, whatever form it has.
pub fn receipt(arrival: &Arrival, machine: Option<Machine>) -> Option<Receipt> {
    match machine {
        Some(Machine::Dsn) => Some(delivery(arrival)),
        Some(Machine::Mdn) => Some(Receipt::Disposed),
        Some(Machine::AutoReplied) => Some(Receipt::Away),
        Some(_) => None,
        None => (arrival.has_null_sender() && !arrival.report.returned.is_empty()).then(|| delivery(arrival)),
    }
}

/// The standard's own word where there is one (RFC 3464 2.3.3), the worst of several; else the subject.
fn delivery(arrival: &Arrival) -> Receipt {
    const LATE: [&str; 5] = ["delay", "warning", "retard", "not yet been delivered", "still being"];
    let report = arrival.report;
    let actions = report.feed.as_ref().filter(|feed| feed.format == Format::Dsn).into_iter().flat_map(|feed| {
        feed.fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case("Action")).map(|(_, value)| value.raw())
    });
    let worst = actions.filter_map(action).min();
    let subject = report.outer.subject.raw().to_lowercase();
    worst.unwrap_or_else(|| {
        let is_late = LATE.iter().any(|word| subject.contains(word));
        if is_late && report.fields("X-Failed-Recipients").next().is_none() {
            Receipt::Delayed
        } else {
            Receipt::Failed
        }
    })
}

/// Read leniently: comments and what stands behind the word are passed over.
fn action(text: &str) -> Option<Receipt> {
    let word = text.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default().to_lowercase();
    match word.as_str() {
        "failed" | "failure" | "fail" => Some(Receipt::Failed),
        "delayed" | "delay" => Some(Receipt::Delayed),
        "delivered" | "relayed" | "expanded" => Some(Receipt::Delivered),
        _ => None,
    }
}

/// A status code (RFC 3463) in a text, as the history may say it: digits and dots alone.
pub fn status(text: &str) -> Option<String> {
    let code = text.split(|c: char| !c.is_ascii_digit() && c != '.').next().unwrap_or_default();
    let parts: Vec<&str> = code.split('.').collect();
    let good = parts.len() == 3
        && matches!(parts[0], "2" | "4" | "5")
        && parts[1..].iter().all(|part| (1..=3).contains(&part.len()));
    good.then(|| code.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::feed::FeedReport;
    use crate::rules::report::Report;
    use crate::rules::testing::{incident, mail, settings};

    fn of(report: &Report, machine: Option<Machine>) -> Option<Receipt> {
        let settings = settings();
        let mailbox = incident(&settings);
        receipt(&Arrival { report, envelope_sender: None, mailbox, settings: &settings }, machine)
    }

    fn dsn(actions: &[&str]) -> Report {
        let mut report = mail("mailer-daemon@corp.example", &[]);
        let mut feed = FeedReport::new(Format::Dsn);
        feed.fields = actions.iter().map(|action| ("Action".to_owned(), (*action).into())).collect();
        report.feed = Some(feed);
        report
    }

    #[test]
    fn the_worst_word_of_a_delivery_counts() {
        for (actions, wanted) in [
            (&["failed"][..], Receipt::Failed),
            (&["Failed (mailbox gone)"], Receipt::Failed),
            (&["delayed"], Receipt::Delayed),
            (&["delivered"], Receipt::Delivered),
            (&["delivered", "failed"], Receipt::Failed),
            (&["relayed", "delayed"], Receipt::Delayed),
            (&["expanded"], Receipt::Delivered),
            (&["nonsense"], Receipt::Failed),
        ] {
            assert_eq!(of(&dsn(actions), Some(Machine::Dsn)), Some(wanted), "{actions:?}");
        }
    }

    #[test]
    fn without_the_standards_word_the_subject_tells_what_is_only_late() {
        for (subject, failed, wanted) in [
            ("Undelivered Mail Returned to Sender", false, Receipt::Failed),
            ("failure notice", false, Receipt::Failed),
            ("Warning: message delayed 24 hours", false, Receipt::Delayed),
            ("Delivery Status Notification (Delay)", false, Receipt::Delayed),
            ("Mail retardé", false, Receipt::Delayed),
            ("Warning: message delayed", true, Receipt::Failed),
        ] {
            let mut report = mail("mailer-daemon@corp.example", &[("X-Failed-Recipients", "a@b.example")]);
            report.outer.subject = subject.into();
            if !failed {
                report.headers.clear();
            }
            assert_eq!(of(&report, Some(Machine::Dsn)), Some(wanted), "{subject}");
        }
    }

    #[test]
    fn a_bounce_in_no_known_form_has_a_null_sender_and_a_mail_of_ours_in_it() {
        let mut bounce = mail("helpdesk@corp.example", &[("Return-Path", "<>")]);
        assert_eq!(of(&bounce, None), None);
        bounce.returned.push("<x@example.org>".into());
        assert_eq!(of(&bounce, None), Some(Receipt::Failed));
        let mut human = mail("a@corp.example", &[]);
        human.returned.push("<x@example.org>".into());
        assert_eq!(of(&human, None), None);
        assert_eq!(of(&human, Some(Machine::AutoReplied)), Some(Receipt::Away));
        assert_eq!(of(&human, Some(Machine::Mdn)), Some(Receipt::Disposed));
        assert_eq!(of(&human, Some(Machine::Arf)), None);
    }

    #[test]
    fn a_status_is_three_numbers_and_nothing_else() {
        for (text, wanted) in [
            ("5.1.1", Some("5.1.1")),
            ("5.1.1 (bad mailbox)", Some("5.1.1")),
            ("4.4.7", Some("4.4.7")),
            ("2.6.0", Some("2.6.0")),
            ("5.7.606", Some("5.7.606")),
            ("", None),
            ("5.1", None),
            ("5..1", None),
            ("3.1.1", None),
            ("5.1.1.1", None),
            ("5.1.12345", None),
            ("evil 5.1.1", None),
        ] {
            assert_eq!(status(text).as_deref(), wanted, "{text}");
        }
    }
}
