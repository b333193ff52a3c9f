//! The Abuse Reporting Format (RFC 5965), with authentication failures (RFC 6591) and as RFC 6650
//! and 6692 have it used.
//!
//! Hostile data: the message/feedback-report part. Failure: `None` where it breaks the schema:
//! Feedback-Type, User-Agent and Version stand there exactly once, an authentication failure names
//! what failed. Limits: those of `fields`.

use super::fields::{cut, fields, first, values};
use crate::arrive::header;
use crate::rules::feed::{FeedReport, Format, ip};

/// Reads the text of the part.
pub(super) fn read(text: &str) -> Option<FeedReport> {
    let fields = fields(text);
    let once = |name| {
        let mut all = values(&fields, name);
        all.next().map(without_comment).filter(|value| !value.is_empty() && all.next().is_none())
    };
    let kind = once("Feedback-Type")?.to_ascii_lowercase();
    let version = once("Version")?;
    once("User-Agent")?;
    // RFC 6591 3.1 wants both; large reporters leave one out, and with neither nothing is reported.
    let says_what = ["Auth-Failure", "Authentication-Results"].iter().any(|name| first(&fields, name).is_some());
    if kind == "auth-failure" && !says_what {
        return None;
    }
    let is_word = kind.len() <= 64 && kind.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    let is_version = version.starts_with(|c: char| c.is_ascii_digit());
    if !is_word || !is_version {
        return None;
    }
    let mut report = FeedReport::new(Format::Arf);
    report.version = cut(version, 20).into();
    report.kind = kind.into();
    // RFC 6692 3 adds a port behind the address to none of these; blanks and brackets occur.
    let source = first(&fields, "Source-IP").or_else(|| first(&fields, "Source"));
    if let Some(source) = source {
        report.set_source(source.split_whitespace().next().unwrap_or_default());
    }
    if report.source_ip.is_none() {
        report.source_ip = values(&fields, "Source-IP").find_map(ip);
    }
    report.reported_domain = first(&fields, "Reported-Domain").map(|domain| cut(domain, 255).into());
    let date = first(&fields, "Arrival-Date").or_else(|| first(&fields, "Received-Date"));
    report.arrival_date = date.and_then(header::date);
    report.incidents = first(&fields, "Incidents").and_then(|count| count.parse().ok()).unwrap_or(1).clamp(1, 1 << 32);
    report.fields = fields;
    Some(report)
}

/// `abuse (as told by a user)`: RFC 5965 3.1 allows comments around the values that it names.
fn without_comment(value: &str) -> &str {
    let value = value.strip_prefix('(').and_then(|rest| rest.split_once(')')).map_or(value, |(_, rest)| rest);
    value.split_once(" (").filter(|(_, comment)| comment.ends_with(')')).map_or(value, |(value, _)| value).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "Feedback-Type: abuse\r\nUser-Agent: Some/1\r\nVersion: 1\r\n";

    #[test]
    fn a_report_is_read_into_its_fields() {
        let text = format!(
            "{GOOD}Source-IP: 192.0.2.1\r\nReported-Domain: spam.example\r\n\
             Arrival-Date: Fri, 27 Nov 2026 18:01:00 +0100\r\nIncidents: 7\r\nReported-URI: http://spam.example/\r\n"
        );
        let report = read(&text).unwrap();
        assert_eq!((report.kind.raw(), report.version.raw(), report.incidents), ("abuse", "1", 7));
        assert_eq!(report.source_ip.map(|ip| ip.to_string()).as_deref(), Some("192.0.2.1"));
        assert_eq!(report.reported_domain.as_ref().map(|d| d.raw()), Some("spam.example"));
        assert_eq!(report.arrival_date.unwrap().to_string(), "2026-11-27T17:01:00Z");
        assert_eq!(report.field("reported-uri"), Some("http://spam.example/"));
    }

    #[test]
    fn what_breaks_the_schema_is_no_report() {
        assert!(read(GOOD).is_some());
        for (text, good) in [
            (GOOD.replace("Feedback-Type", "X"), false),
            (GOOD.replace("User-Agent", "X"), false),
            (GOOD.replace("Version", "X"), false),
            (format!("{GOOD}Version: 1\r\n"), false),
            (format!("{GOOD}feedback-type: fraud\r\n"), false),
            (GOOD.replace("Version: 1", "Version:"), false),
            (GOOD.replace("Version: 1", "Version: one"), false),
            (GOOD.replace("abuse", "abuse of me"), false),
            (GOOD.replace("abuse", "abuse (of me)").replace("1\r\nV", "1 (x)\r\nV"), true),
            (GOOD.replace("abuse", "(of me) abuse").replace("Version: 1", "Version: 1 (old)"), true),
            (GOOD.replace("abuse", "(of me)"), false),
            (GOOD.replace("abuse", "Not-Spam"), true),
            (GOOD.replace("abuse", "x-future"), true),
            (GOOD.replace("abuse", "auth-failure"), false),
            (format!("{}Auth-Failure: dmarc\r\n", GOOD.replace("abuse", "auth-failure")), true),
            (format!("{GOOD}Incidents: many\r\nSource-IP: nowhere\r\nArrival-Date: never\r\n"), true),
            (String::new(), false),
        ] {
            assert_eq!(read(&text).is_some(), good, "{text}");
        }
    }
}
