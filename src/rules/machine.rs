//! Whether a mail is a machine report: filed, never answered, nobody told (P10, A9).
//!
//! Read from the outer mail alone where it holds ciphertext (T26). A lost alert is worse than a
//! needless one, so what is not plainly a machine's is a human's: `Auto-Submitted: auto-generated`
//! alone is no proof, since ticket systems and web forms of partners send people's words that way.
//! Such mail is not answered (`manners`), but somebody is told.
//!
//! A form counts where the mail keeps to its schema (`arrive/feeds`); what breaks it is an ordinary
//! mail. A multipart/report is answered by nobody all the same (`manners`).
//!
//! Hostile data: headers, part types, what was read of a report. Failure: none.
//! Known gap: DMARC aggregate reports are told by no header; list their senders as feeds.

use super::address::Address;
use super::authres::{self, Authentication};
use super::feed::{FeedReport, Format};
use super::report::Report;
use super::settings::{Mailbox, Settings};
use super::ticket::{Kind, words};
use super::urgent::asks_urgent;

words! {
    /// Why a mail counts as a machine report.
    Machine {
        FeedMailbox = "feed_mailbox",
        FeedSender = "feed_sender",
        /// Our own alert or answer, come back to us.
        OwnMail = "own_mail",
        /// Abuse Reporting Format (RFC 5965).
        Arf = "arf",
        /// X-ARF 0.1 and 0.2 by their header, XARF 3 and 4 by their JSON.
        Xarf = "x-arf",
        /// RFC 7970 and its forerunner RFC 5070.
        Iodef = "iodef",
        /// Delivery status (RFC 3464), and bounces in no standard form.
        Dsn = "dsn",
        /// Disposition notification (RFC 8098).
        Mdn = "mdn",
        /// Another multipart/report (RFC 6522), such as TLS reports.
        Report = "report",
        /// A vacation responder's or another automaton's answer.
        AutoReplied = "auto_replied",
    }
}

/// A mail at our door, with what is known from outside it.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    pub report: &'a Report,
    /// The envelope sender where intake was told; `Some(None)` is the null sender.
    pub envelope_sender: Option<Option<&'a Address>>,
    pub mailbox: &'a Mailbox,
    pub settings: &'a Settings,
}

impl<'a> Arrival<'a> {
    /// Whom the mail claims to be from, for every decision about replies: the outer From where
    /// there is ciphertext (T26).
    pub fn sender(&self) -> Option<&'a Address> {
        let report = self.report;
        if report.outer.has_ciphertext { report.outer.from.as_ref() } else { report.from.as_ref() }
    }

    /// Whether bounces of this mail go nowhere: a null envelope sender, told or in Return-Path.
    pub fn has_null_sender(&self) -> bool {
        match self.envelope_sender {
            Some(sender) => sender.is_none(),
            None => self.report.fields("Return-Path").next().is_some_and(is_null_path),
        }
    }
}

fn is_null_path(path: &str) -> bool {
    path.split_whitespace().collect::<String>() == "<>"
}

/// The tokens of all Auto-Submitted fields (RFC 3834 5), in lower case, without comments and
/// parameters.
pub fn auto_submitted(report: &Report) -> Vec<String> {
    let token = |value: &str| value.split([';', '(', ' ', '\t']).next().unwrap_or_default().to_lowercase();
    report.fields("Auto-Submitted").map(token).collect()
}

/// Why the mail is a machine report; None: a human may have written it.
pub fn machine_report(arrival: &Arrival) -> Option<Machine> {
    let from = arrival.sender();
    if arrival.mailbox.kind == Kind::Feed {
        return Some(Machine::FeedMailbox);
    }
    if from.is_some_and(|from| is_feed(arrival, from)) {
        return Some(Machine::FeedSender);
    }
    if from.is_some_and(|from| arrival.settings.own_addresses().any(|own| own == from))
        && says_automatic(arrival.report)
    {
        return Some(Machine::OwnMail);
    }
    by_form(arrival)
}

/// As `machine_report`, by what the mail is alone: whatever its mailbox and its sender are.
pub fn by_form(arrival: &Arrival) -> Option<Machine> {
    standard_report(arrival)
        .or_else(|| bounce(arrival))
        .or_else(|| auto_reply(arrival))
        .or_else(|| document(arrival))
        .or_else(|| other_report(arrival))
}

/// Whether the config lists the sender as a feed, and nothing says that it is a person at that
/// address, who answers a mail, or somebody else in its name, as the border found.
fn is_feed(arrival: &Arrival, from: &Address) -> bool {
    let report = arrival.report;
    let border = authres::read(&report.headers, arrival.settings.triage.authserv_id.as_deref());
    let is_answer = !report.outer.in_reply_to.is_empty();
    arrival.settings.triage.feeds.contains(from) && border != Authentication::Failed && !is_answer
}

fn says_automatic(report: &Report) -> bool {
    auto_submitted(report).iter().any(|token| token != "no")
}

/// What the mail says as a machine-readable report; of a mail with ciphertext nothing (T26).
fn feed<'a>(arrival: &Arrival<'a>) -> Option<&'a FeedReport> {
    arrival.report.feed.as_ref().filter(|_| !arrival.report.outer.has_ciphertext)
}

/// Reports in a form of their own. A report inside another mail is an attachment somebody sent us.
/// What claims a form and breaks its schema is judged as if it claimed nothing.
fn standard_report(arrival: &Arrival) -> Option<Machine> {
    let report = arrival.report;
    let outer = &report.outer;
    let feed = feed(arrival);
    let says_xarf = report.fields("X-XARF").chain(report.fields("X-ARF")).any(is_xarf_header);
    if says_xarf && (outer.has_ciphertext || feed.is_some_and(|feed| feed.format == Format::Xarf)) {
        return Some(Machine::Xarf);
    }
    // A human forwards a bounce too: parts out of their place alone tell nothing.
    let unattended = is_unsent(arrival) || says_automatic(report);
    let found = feed.filter(|feed| !feed.misplaced || unattended).and_then(|feed| match feed.format {
        Format::Arf => Some(Machine::Arf),
        Format::Dsn => Some(Machine::Dsn),
        Format::Mdn => Some(Machine::Mdn),
        Format::Xarf | Format::Iodef => None,
    });
    found.or_else(|| by_name(arrival, unattended))
}

/// A delivery or disposition that names itself and breaks its schema: nobody's machine, unless it came
/// as machines' mail does.
fn by_name(arrival: &Arrival, unattended: bool) -> Option<Machine> {
    let has = |part: &str| arrival.report.outer.part_types.iter().any(|t| t == part);
    let machine = match arrival.report.outer.report_type.as_deref() {
        Some("delivery-status") => Machine::Dsn,
        Some("disposition-notification") => Machine::Mdn,
        _ if has("message/disposition-notification") => Machine::Mdn,
        _ if has("message/delivery-status") => Machine::Dsn,
        _ => return None,
    };
    unattended.then_some(machine)
}

/// A multipart/report (RFC 6522) in a form that we do not read.
fn other_report(arrival: &Arrival) -> Option<Machine> {
    let outer = &arrival.report.outer;
    let is_read = ["feedback-report", "delivery-status", "disposition-notification"].iter().any(|kind| {
        outer.report_type.as_deref() == Some(kind) || outer.part_types.contains(&format!("message/{kind}"))
    });
    (outer.media_type == "multipart/report" && !is_read).then_some(Machine::Report)
}

fn is_xarf_header(value: &str) -> bool {
    ["plain", "secure", "bulk", "yes"].iter().any(|word| value.eq_ignore_ascii_case(word))
}

/// Bounces in no standard form (A2.4): from a mail system's own name, or from whoever may be a human
/// at times (postmaster, an unnamed address) where the subject says in the mail system's words that
/// something came back. Their From often is no address: `MAILER-DAEMON <>` (Exim's kin), `<>`.
fn bounce(arrival: &Arrival) -> Option<Machine> {
    const NAMES: [&str; 5] =
        ["mailer-daemon", "mailer daemon", "mail delivery system", "mail delivery subsystem", "mail deliver system"];
    const ROLES: [&str; 6] =
        ["postmaster", "post_master", "mdaemon", "system administrator", "mail administrator", "delivery subsystem"];
    let from = arrival.report.fields("From").next().unwrap_or_default().to_lowercase();
    let local = arrival.sender().map(Address::local).unwrap_or_default();
    let local: String = local.chars().filter(|c| c.is_alphanumeric()).collect();
    let daemon = local == "mailerdaemon"
        || from.ends_with("<>")
        || NAMES.iter().any(|name| from.trim_start_matches(['"', '<', ' ']).starts_with(name));
    let unsent = is_unsent(arrival);
    let postmaster = matches!(local.as_str(), "postmaster" | "mdaemon") && unsent;
    let failed = arrival.report.fields("X-Failed-Recipients").next().is_some();
    let says_so = says_undelivered(arrival.report.outer.subject.raw())
        && (unsent || ROLES.iter().any(|role| from.contains(role)))
        && arrival.report.outer.in_reply_to.is_empty();
    (daemon || postmaster || failed || says_so).then_some(Machine::Dsn)
}

/// Whether nobody sent it: a null envelope sender, or the name that mail systems write for one.
fn is_unsent(arrival: &Arrival) -> bool {
    let is_daemon = |path: &str| {
        let path = path.trim_matches(['<', '>', ' ']).to_lowercase();
        path == "mailer-daemon" || path.starts_with("mailer-daemon@")
    };
    arrival.has_null_sender() || arrival.report.fields("Return-Path").next().is_some_and(is_daemon)
}

/// Whether a subject begins as those of mail systems do that give a mail back. A forwarded one does not.
fn says_undelivered(subject: &str) -> bool {
    const WORDS: [&str; 22] = [
        "undeliver",
        "non-deliver",
        "nondeliver",
        "delivery fail",
        "delivery status notification",
        "delivery notification",
        "delivery has failed",
        "delivery error",
        "mail delivery",
        "message delivery",
        "permanent delivery failure",
        "returned mail",
        "returned to sender",
        "failure notice",
        "failed mail",
        "mail could not be delivered",
        "message could not be delivered",
        "could not send message",
        "mail system error",
        "non remis",
        "échec de la remise",
        "unzustellbar",
    ];
    let subject = subject.trim().to_lowercase();
    WORDS.iter().any(|word| subject.starts_with(word))
}

/// Vacation responders by RFC 3834, and by the headers and subjects of those that are older or
/// know no better (Exchange says `auto-generated` of its absence notes).
fn auto_reply(arrival: &Arrival) -> Option<Machine> {
    const HEADERS: [&str; 4] = ["X-Autoreply", "X-Autorespond", "X-Auto-Reply-From", "X-Mail-Autoreply"];
    const SUBJECTS: [&str; 7] = [
        "automatic reply:",
        "auto reply:",
        "auto:",
        "autoreply:",
        "out of office",
        "réponse automatique",
        "absence du bureau",
    ];
    let report = arrival.report;
    let tokens = auto_submitted(report);
    let precedence = ["Precedence", "X-Precedence"].iter().flat_map(|name| report.fields(name));
    let subject = report.outer.subject.raw().trim().to_lowercase();
    let declared = tokens.iter().any(|token| token == "auto-replied")
        || precedence.into_iter().any(|value| value.eq_ignore_ascii_case("auto_reply"))
        || HEADERS.iter().flat_map(|name| report.fields(name)).any(|value| !value.eq_ignore_ascii_case("no"));
    let looks_so = (says_automatic(report) || arrival.has_null_sender())
        && SUBJECTS.iter().any(|prefix| subject.starts_with(prefix));
    (declared || looks_so).then_some(Machine::AutoReplied)
}

/// Machine-readable reports that no header announces. Somebody who answers a mail of ours, or
/// asks for the emergency treatment, is a human with an attachment.
fn document(arrival: &Arrival) -> Option<Machine> {
    let outer = &arrival.report.outer;
    if !outer.in_reply_to.is_empty() || !outer.references.is_empty() || asks_urgent(outer.subject.raw()) {
        return None;
    }
    match feed(arrival).filter(|feed| !feed.misplaced)?.format {
        Format::Iodef => Some(Machine::Iodef),
        Format::Xarf => Some(Machine::Xarf),
        Format::Arf | Format::Dsn | Format::Mdn => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{incident, mail, settings};

    fn found(report: &Report) -> Option<Machine> {
        let settings = settings();
        let arrival = Arrival { report, envelope_sender: None, mailbox: incident(&settings), settings: &settings };
        machine_report(&arrival)
    }

    fn with(headers: &[(&str, &str)]) -> Report {
        mail("a@corp.example", headers)
    }

    fn subject(mut mail: Report, subject: &str) -> Report {
        mail.outer.subject = subject.into();
        mail
    }

    fn shaped(media_type: &str, report_type: Option<&str>, parts: &[&str]) -> Report {
        let mut report = with(&[]);
        report.outer.media_type = media_type.into();
        report.outer.report_type = report_type.map(str::to_owned);
        report.outer.part_types = parts.iter().map(|p| (*p).to_owned()).collect();
        report
    }

    fn answering(mut mail: Report) -> Report {
        mail.outer.in_reply_to = vec!["<1@example.org>".into()];
        mail
    }

    /// A mail that was read as such a report.
    fn saying(format: Format, mut mail: Report) -> Report {
        mail.feed = Some(FeedReport::new(format));
        mail
    }

    fn misplaced(format: Format, mail: Report) -> Report {
        let mut mail = saying(format, mail);
        mail.feed.iter_mut().for_each(|feed| feed.misplaced = true);
        mail
    }

    #[test]
    fn every_form_of_machine_report_is_known() {
        let report = "multipart/report";
        let null = || with(&[("Return-Path", "<>")]);
        let typed = |kind: Option<&str>, part: &str| {
            let mut mail = shaped(report, kind, &["text/plain", part]);
            mail.headers.push(("Return-Path".into(), "<>".into()));
            mail
        };
        for (mail, machine) in [
            (saying(Format::Arf, with(&[])), Machine::Arf),
            (saying(Format::Dsn, with(&[])), Machine::Dsn),
            (saying(Format::Mdn, with(&[])), Machine::Mdn),
            (misplaced(Format::Arf, null()), Machine::Arf),
            (misplaced(Format::Dsn, with(&[("Auto-Submitted", "auto-generated")])), Machine::Dsn),
            (typed(Some("delivery-status"), "text/plain"), Machine::Dsn),
            (typed(Some("disposition-notification"), "text/plain"), Machine::Mdn),
            (typed(None, "message/delivery-status"), Machine::Dsn),
            (shaped(report, Some("tlsrpt"), &["application/tlsrpt+gzip"]), Machine::Report),
            (saying(Format::Xarf, with(&[])), Machine::Xarf),
            (saying(Format::Iodef, with(&[])), Machine::Iodef),
            (misplaced(Format::Xarf, with(&[("X-XARF", "PLAIN")])), Machine::Xarf),
            (misplaced(Format::Xarf, with(&[("X-Arf", " yes ")])), Machine::Xarf),
            (with(&[("Auto-Submitted", "auto-replied")]), Machine::AutoReplied),
            (with(&[("Auto-Submitted", "Auto-Replied (vacation); owner=x")]), Machine::AutoReplied),
            (with(&[("Precedence", "auto_reply")]), Machine::AutoReplied),
            (with(&[("X-Autoreply", "yes")]), Machine::AutoReplied),
            (with(&[("X-Failed-Recipients", "b@corp.example")]), Machine::Dsn),
            (mail("MAILER-DAEMON@corp.example", &[]), Machine::Dsn),
            (mail("postmaster@corp.example", &[("Return-Path", "<>")]), Machine::Dsn),
            (with(&[("From", "MAILER-DAEMON <>")]), Machine::Dsn),
            (with(&[("From", "<>")]), Machine::Dsn),
            (with(&[("From", "\"Mail Delivery Subsystem\" <x@corp.example>")]), Machine::Dsn),
            (subject(with(&[("Return-Path", "<>")]), "Undeliverable Message"), Machine::Dsn),
            (subject(with(&[("Return-Path", "<MAILER-DAEMON>")]), "Delivery failure"), Machine::Dsn),
            (subject(mail("postmaster@corp.example", &[("From", "Postmaster <x>")]), "Undeliverable: x"), Machine::Dsn),
            (subject(with(&[("From", "System Administrator <it@corp.example>")]), "Returned mail: x"), Machine::Dsn),
            (mail("feed@shadow.example", &[]), Machine::FeedSender),
            (mail("csirt@example.org", &[("Auto-Submitted", "auto-generated")]), Machine::OwnMail),
        ] {
            assert_eq!(found(&mail), Some(machine));
        }
        let mut absent = with(&[("Return-Path", "<>")]);
        absent.outer.subject = "Réponse automatique : vacances".into();
        assert_eq!(found(&absent), Some(Machine::AutoReplied));
    }

    #[test]
    fn everything_in_a_feed_mailbox_is_a_machine_report() {
        let settings = settings();
        let mailbox = settings.mailbox("feeds").unwrap();
        let report = with(&[]);
        let arrival = Arrival { report: &report, envelope_sender: None, mailbox, settings: &settings };
        assert_eq!(machine_report(&arrival), Some(Machine::FeedMailbox));
    }

    #[test]
    fn a_human_with_a_strange_mail_is_still_a_human() {
        for mail in [
            with(&[]),
            with(&[("Auto-Submitted", "no")]),
            with(&[("Auto-Submitted", "auto-generated")]),
            with(&[("Precedence", "bulk")]),
            with(&[("X-ARF", "no")]),
            with(&[("Return-Path", "<>")]),
            mail("postmaster@corp.example", &[]),
            subject(mail("postmaster@corp.example", &[]), "Fwd: Undeliverable: x"),
            subject(mail("postmaster@corp.example", &[]), "Your mail is undeliverable"),
            subject(with(&[]), "Undeliverable: x"),
            subject(with(&[("Return-Path", "<>")]), "Phishing: mail delivery"),
            mail("csirt@example.org", &[]),
            shaped("multipart/mixed", None, &["text/plain", "message/rfc822", "message/delivery-status"]),
            shaped("multipart/report", Some("feedback-report"), &["text/plain", "message/feedback-report"]),
            shaped("multipart/report", Some("delivery-status"), &["text/plain", "message/delivery-status"]),
            shaped("multipart/report", Some("disposition-notification"), &["text/plain"]),
            misplaced(Format::Arf, with(&[])),
            misplaced(Format::Dsn, with(&[])),
            misplaced(Format::Xarf, with(&[])),
            with(&[("X-XARF", "PLAIN")]),
            answering(saying(Format::Iodef, with(&[]))),
            answering(mail("feed@shadow.example", &[])),
            mail(
                "feed@shadow.example",
                &[("Authentication-Results", "mx.example.org; dmarc=fail header.from=shadow.example")],
            ),
            with(&[("From", "A Mailer-Daemon Expert <a@corp.example>")]),
        ] {
            assert_eq!(found(&mail), None);
        }
        let mut urgent = saying(Format::Xarf, with(&[]));
        urgent.outer.subject = "[URGENT] see file".into();
        assert_eq!(found(&urgent), None);
    }

    #[test]
    fn t26_what_was_decrypted_makes_no_machine_report() {
        let mut report = saying(Format::Xarf, with(&[]));
        report.outer.has_ciphertext = true;
        report.from = Address::parse("feed@shadow.example");
        assert_eq!(found(&report), None);
    }
}
