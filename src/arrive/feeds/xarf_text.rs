//! X-ARF 0.1 and 0.2: a text part of `Key: value` lines, called YAML by its authors.
//!
//! Hostile data: the part. Only plain scalars are read: anchors, aliases, tags, nested maps and lists
//! are refused where a required key has them, and kept as text where another has (T78).
//! Failure: `None` where it breaks the schema. Limits: those of `fields`, 64 KiB.

use super::fields::{cut, fields, first};
use crate::arrive::header;
use crate::rules::feed::{FeedReport, Format};
use crate::rules::untrusted::Untrusted;

const TEXT: usize = 64 << 10;

/// Whether a text part may be such a report: it says who reports what, at the start of lines.
pub(super) fn looks_so(text: &str) -> bool {
    let has = |name: &str| cut(text, TEXT).lines().any(|line| line.starts_with(name));
    has("Reported-From:") && has("Report-Type:")
}

/// Reads the text of the part.
pub(super) fn read(text: &str) -> Option<FeedReport> {
    if text.len() > TEXT {
        return None;
    }
    let fields: Vec<(String, Untrusted)> =
        fields(text).into_iter().map(|(name, value)| (name, scalar(value.raw()).into())).collect();
    let required = |name| first(&fields, name).filter(|value| !is_structure(value));
    let category = required("Category")?;
    let kind = required("Report-Type")?;
    let source = required("Source")?;
    let source_type = required("Source-Type")?.to_ascii_lowercase();
    required("Reported-From").filter(|from| from.contains('@'))?;
    let date = required("Date")?;
    if !fits(source, &source_type) {
        return None;
    }
    let mut report = FeedReport::new(Format::Xarf);
    report.version = cut(first(&fields, "Version").unwrap_or_default(), 20).into();
    report.kind = kind.to_ascii_lowercase().into();
    report.category = category.to_ascii_lowercase().into();
    report.set_source(cut(source, 2_000));
    report.reported_domain = first(&fields, "Domain").map(|domain| cut(domain, 255).into());
    report.arrival_date = header::date(date).or_else(|| date.parse().ok());
    let count = first(&fields, "Occurrences").or_else(|| first(&fields, "Count"));
    report.incidents = count.and_then(|count| count.parse().ok()).unwrap_or(1).clamp(1, 1 << 32);
    report.fields = fields;
    Some(report)
}

/// A plain scalar without its quotes.
fn scalar(value: &str) -> &str {
    let quoted = |quote| value.strip_prefix(quote).and_then(|rest: &str| rest.strip_suffix(quote));
    quoted('"').or_else(|| quoted('\'')).unwrap_or(value).trim()
}

fn is_structure(value: &str) -> bool {
    value.starts_with(['&', '*', '!', '{', '[', '|', '>'])
}

/// Whether the source is what its type says. Reporters hide digits of an address behind `x`.
fn fits(source: &str, kind: &str) -> bool {
    let octet =
        |part: &str| (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit() || b"xX*".contains(&b));
    let masked = source.split('.').count() == 4 && source.split('.').all(octet);
    match kind {
        "ipv4" | "ipv6" | "ip" | "ip-address" | "ip address" => masked || source.parse::<std::net::IpAddr>().is_ok(),
        "uri" | "url" => source.contains("://"),
        "email" | "email-address" => source.contains('@'),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "---\nReported-From: abuse@isp.example\nCategory: abuse\nReport-Type: login-attack\n\
        Service: ssh\nVersion: 0.2\nUser-Agent: x\nDate: Fri, 27 Nov 2026 18:01:00 +0100\n\
        Source-Type: ipv4\nSource: 192.0.2.1\nPort: 22\nReport-ID: 1@isp.example\nAttachment: text/plain\n\
        Schema-URL: http://schema.example/abuse.json\n";

    #[test]
    fn a_report_is_read_into_its_fields() {
        let report = read(GOOD).unwrap();
        assert_eq!((report.kind.raw(), report.category.raw(), report.version.raw()), ("login-attack", "abuse", "0.2"));
        assert_eq!(report.source_ip.map(|ip| ip.to_string()).as_deref(), Some("192.0.2.1"));
        assert_eq!(report.arrival_date.unwrap().to_string(), "2026-11-27T17:01:00Z");
        assert_eq!(report.field("service"), Some("ssh"));
        let quoted = read(&GOOD.replace("192.0.2.1", "'192.0.2.1'")).unwrap();
        assert!(quoted.source_ip.is_some());
    }

    #[test]
    fn schema_lies_and_structures_are_no_report() {
        for (from, to, good) in [
            ("", "", true),
            ("Category: abuse\n", "", false),
            ("Report-Type: login-attack\n", "", false),
            ("Reported-From: abuse@isp.example", "Reported-From: nobody", false),
            ("Source: 192.0.2.1\n", "", false),
            ("Source: 192.0.2.1", "Source: evil.example", false),
            ("Source: 192.0.2.1", "Source: 192.0.2.xxx", true),
            ("Source: 192.0.2.1", "Source: *anchor", false),
            ("Category: abuse", "Category: &a abuse", false),
            ("Report-Type: login-attack", "Report-Type: !!python/object:os.system", false),
            ("Source-Type: ipv4", "Source-Type: uri", false),
            ("Source-Type: ipv4\nSource: 192.0.2.1", "Source-Type: uri\nSource: http://a.example/", true),
            ("Date: Fri, 27 Nov 2026 18:01:00 +0100\n", "", false),
            ("Service: ssh", "Service: [a, b]", true),
        ] {
            assert_eq!(read(&GOOD.replace(from, to)).is_some(), good, "{to}");
        }
        assert!(read(&format!("{GOOD}{}", "x".repeat(TEXT))).is_none());
    }
}
