//! Whether a mail is a machine report: filed, never answered, nobody told (P10, A9).
//!
//! Read from the outer mail alone where it holds ciphertext (T26). A lost alert is worse than a
//! needless one, so what is not plainly a machine's is a human's: `Auto-Submitted: auto-generated`
//! alone is no proof, since ticket systems and web forms of partners send people's words that way.
//! Such mail is not answered (`manners`), but somebody is told.
//!
//! Hostile data: headers, part types, attachments. Failure: none. Limits: 1 MiB of a JSON
//! attachment, 4 KiB of another.
//! Known gap: DMARC aggregate reports are told by no header; list their senders as feeds.

use super::address::Address;
use super::report::{Attachment, Report};
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
    let settings = arrival.settings;
    if arrival.mailbox.kind == Kind::Feed {
        return Some(Machine::FeedMailbox);
    }
    if from.is_some_and(|from| settings.triage.feeds.contains(from)) {
        return Some(Machine::FeedSender);
    }
    if from.is_some_and(|from| settings.own_addresses().any(|own| own == from)) && says_automatic(arrival.report) {
        return Some(Machine::OwnMail);
    }
    standard_report(arrival).or_else(|| bounce(arrival)).or_else(|| auto_reply(arrival)).or_else(|| document(arrival))
}

fn says_automatic(report: &Report) -> bool {
    auto_submitted(report).iter().any(|token| token != "no")
}

/// Reports in a form of their own. A report inside another mail is an attachment somebody sent us.
fn standard_report(arrival: &Arrival) -> Option<Machine> {
    let report = arrival.report;
    let outer = &report.outer;
    if report.fields("X-XARF").chain(report.fields("X-ARF")).any(is_xarf_header) {
        return Some(Machine::Xarf);
    }
    let has = |part: &str| outer.part_types.iter().any(|t| t == part);
    let by_parts = if has("message/feedback-report") {
        Some(Machine::Arf)
    } else if has("message/disposition-notification") {
        Some(Machine::Mdn)
    } else if has("message/delivery-status") {
        Some(Machine::Dsn)
    } else {
        None
    };
    if outer.media_type == "multipart/report" {
        let by_name = match outer.report_type.as_deref().unwrap_or_default() {
            "feedback-report" => Some(Machine::Arf),
            "delivery-status" => Some(Machine::Dsn),
            "disposition-notification" => Some(Machine::Mdn),
            _ => None,
        };
        return by_name.or(by_parts).or(Some(Machine::Report));
    }
    // A human forwards a bounce too: the parts alone tell nothing.
    by_parts.filter(|_| arrival.has_null_sender() || says_automatic(report))
}

fn is_xarf_header(value: &str) -> bool {
    ["plain", "secure", "bulk", "yes"].iter().any(|word| value.eq_ignore_ascii_case(word))
}

/// Bounces in no standard form (A2.4). Their From often is no address: `MAILER-DAEMON <>` (Exim's
/// kin), `MAILER-DAEMON`, `<>`.
fn bounce(arrival: &Arrival) -> Option<Machine> {
    const NAMES: [&str; 4] = ["mailer-daemon", "mailer daemon", "mail delivery system", "mail delivery subsystem"];
    let from = arrival.report.fields("From").next().unwrap_or_default().to_lowercase();
    let local = arrival.sender().map(Address::local).unwrap_or_default();
    let local: String = local.chars().filter(|c| c.is_alphanumeric()).collect();
    let daemon = local == "mailerdaemon"
        || from.ends_with("<>")
        || NAMES.iter().any(|name| from.trim_start_matches(['"', '<', ' ']).starts_with(name));
    let postmaster = matches!(local.as_str(), "postmaster" | "mdaemon") && arrival.has_null_sender();
    let failed = arrival.report.fields("X-Failed-Recipients").next().is_some();
    (daemon || postmaster || failed).then_some(Machine::Dsn)
}

/// Vacation responders by RFC 3834, and by the headers and subjects of those that are older or
/// know no better (Exchange says `auto-generated` of its absence notes).
fn auto_reply(arrival: &Arrival) -> Option<Machine> {
    const HEADERS: [&str; 4] = ["X-Autoreply", "X-Autorespond", "X-Auto-Reply-From", "X-Mail-Autoreply"];
    const SUBJECTS: [&str; 6] =
        ["automatic reply:", "auto:", "autoreply:", "out of office", "réponse automatique", "absence du bureau"];
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
    let report = arrival.report;
    let outer = &report.outer;
    if !outer.in_reply_to.is_empty() || !outer.references.is_empty() || asks_urgent(outer.subject.raw()) {
        return None;
    }
    if outer.part_types.iter().any(|t| t == "application/iodef+xml") {
        return Some(Machine::Iodef);
    }
    if outer.has_ciphertext {
        return None;
    }
    let body = report.text.raw().trim_start();
    if body.starts_with('<') && is_iodef(body.as_bytes()) || report.attachments.iter().any(is_iodef_file) {
        return Some(Machine::Iodef);
    }
    report.attachments.iter().any(|file| is_xarf_json(file) || is_xarf_text(file)).then_some(Machine::Xarf)
}

fn is_iodef_file(file: &Attachment) -> bool {
    has_type(file, "xml") && is_iodef(&file.bytes)
}

/// The root element stands near the top; nothing is parsed, so no entity is expanded (A9.5).
fn is_iodef(bytes: &[u8]) -> bool {
    let top = String::from_utf8_lossy(&bytes[..bytes.len().min(4096)]);
    top.contains("<IODEF-Document") || top.contains("<iodef:IODEF-Document")
}

/// XARF 4 says `xarf_version`; XARF 3 has `Version`, `ReporterInfo` and `Report`.
fn is_xarf_json(file: &Attachment) -> bool {
    if !has_type(file, "json") || file.bytes.len() > 1024 * 1024 {
        return false;
    }
    let Ok(serde_json::Value::Object(fields)) = serde_json::from_slice(&file.bytes) else { return false };
    fields.contains_key("xarf_version")
        || ["Version", "ReporterInfo", "Report"].iter().all(|name| fields.contains_key(*name))
}

/// X-ARF 0.1 and 0.2: YAML in a text part; these two fields are required.
fn is_xarf_text(file: &Attachment) -> bool {
    let top = String::from_utf8_lossy(&file.bytes[..file.bytes.len().min(4096)]);
    let has = |name: &str| top.lines().any(|line| line.starts_with(name));
    (has_type(file, "plain") || has_type(file, "txt")) && has("Reported-From:") && has("Report-Type:")
}

fn has_type(file: &Attachment, kind: &str) -> bool {
    let name = file.name.raw().to_lowercase();
    file.content_type.to_lowercase().ends_with(kind) || name.ends_with(&format!(".{kind}"))
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

    fn shaped(media_type: &str, report_type: Option<&str>, parts: &[&str]) -> Report {
        let mut report = with(&[]);
        report.outer.media_type = media_type.into();
        report.outer.report_type = report_type.map(str::to_owned);
        report.outer.part_types = parts.iter().map(|p| (*p).to_owned()).collect();
        report
    }

    fn carrying(name: &str, content_type: &str, bytes: &str) -> Report {
        let mut report = with(&[]);
        report.attachments.push(Attachment {
            name: name.into(),
            content_type: content_type.into(),
            bytes: bytes.as_bytes().to_vec(),
            sha256: String::new(),
            verdict: None,
            part: "2".to_owned(),
            tlp: None,
        });
        report
    }

    #[test]
    fn every_form_of_machine_report_is_known() {
        let (report, mixed) = ("multipart/report", "multipart/mixed");
        for (mail, machine) in [
            (shaped(report, Some("feedback-report"), &["text/plain", "message/feedback-report"]), Machine::Arf),
            (shaped(report, None, &["text/plain", "message/feedback-report"]), Machine::Arf),
            (shaped(report, Some("delivery-status"), &["message/delivery-status"]), Machine::Dsn),
            (shaped(report, None, &["message/delivery-status", "message/rfc822"]), Machine::Dsn),
            (shaped(report, Some("disposition-notification"), &[]), Machine::Mdn),
            (shaped(report, Some("tlsrpt"), &["application/tlsrpt+gzip"]), Machine::Report),
            (with(&[("X-XARF", "PLAIN")]), Machine::Xarf),
            (with(&[("X-Xarf", "secure")]), Machine::Xarf),
            (with(&[("X-XARF", "BULK")]), Machine::Xarf),
            (with(&[("X-ARF", "YES")]), Machine::Xarf),
            (with(&[("X-Arf", " yes ")]), Machine::Xarf),
            (carrying("xarf.json", "application/json", r#"{"xarf_version":"4.0.0"}"#), Machine::Xarf),
            (carrying("x", "application/json", r#"{"Version":"3","ReporterInfo":{},"Report":{}}"#), Machine::Xarf),
            (carrying("x.json", "application/octet-stream", r#"{"xarf_version":"4.1.0"}"#), Machine::Xarf),
            (carrying("report.txt", "text/plain", "---\nReported-From: x\nReport-Type: ssh\n"), Machine::Xarf),
            (carrying("i.xml", "text/xml", r#"<?xml version="1.0"?><IODEF-Document version="2.00">"#), Machine::Iodef),
            (shaped(mixed, None, &["text/plain", "application/iodef+xml"]), Machine::Iodef),
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
            (mail("feed@shadow.example", &[]), Machine::FeedSender),
            (mail("csirt@example.org", &[("Auto-Submitted", "auto-generated")]), Machine::OwnMail),
        ] {
            assert_eq!(found(&mail), Some(machine));
        }
        let mut iodef = with(&[]);
        iodef.text = "\n<?xml version='1.0'?>\n<IODEF-Document>".into();
        assert_eq!(found(&iodef), Some(Machine::Iodef));
        let mut broken_arf = shaped(mixed, None, &["message/feedback-report"]);
        broken_arf.headers.push(("Return-Path".into(), "<>".into()));
        assert_eq!(found(&broken_arf), Some(Machine::Arf));
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
            mail("csirt@example.org", &[]),
            shaped("multipart/mixed", None, &["text/plain", "message/rfc822", "message/delivery-status"]),
            shaped("multipart/mixed", None, &["text/plain", "message/feedback-report"]),
            carrying("x.json", "application/json", r#"{"Version":"3"}"#),
            carrying("x.json", "application/json", "[[[[["),
            carrying("x.xml", "text/xml", "<a>about IODEF-Document</a>"),
            carrying("x.txt", "text/plain", r#"{"xarf_version":"4.0.0"}"#),
            carrying("x.txt", "text/plain", "we sent Reported-From: x and Report-Type: y"),
            with(&[("From", "A Mailer-Daemon Expert <a@corp.example>")]),
        ] {
            assert_eq!(found(&mail), None);
        }
        let mut answer = carrying("xarf.json", "application/json", r#"{"xarf_version":"4.0.0"}"#);
        answer.outer.in_reply_to = vec!["<1@example.org>".into()];
        assert_eq!(found(&answer), None);
        let mut urgent = carrying("xarf.json", "application/json", r#"{"xarf_version":"4.0.0"}"#);
        urgent.outer.subject = "[URGENT] see file".into();
        assert_eq!(found(&urgent), None);
    }

    #[test]
    fn t26_what_was_decrypted_makes_no_machine_report() {
        let mut report = carrying("xarf.json", "application/json", r#"{"xarf_version":"4.0.0"}"#);
        report.outer.has_ciphertext = true;
        report.text = "<IODEF-Document>".into();
        report.from = Address::parse("feed@shadow.example");
        assert_eq!(found(&report), None);
    }
}
