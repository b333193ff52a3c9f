//! What a machine-readable report says, and which of them share a ticket (P10).
//!
//! Reports of one sender about one reported source on one day, in the team's zone, join one ticket:
//! a feed that sends a thousand mails in a night opens one ticket a source, not a thousand. A report
//! that names no source, and one that came encrypted (T26), is a ticket of its own.
//!
//! Hostile data: every text. Failure: none; what has no key is not grouped.
//! Known gap: From names the sender, proven or not. Who forges it reaches a ticket that is as silent
//! as their own would be; each message keeps its own verdict.

use super::address::Address;
use super::ticket::words;
use super::untrusted::Untrusted;
use core::net::IpAddr;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// Octets of the longest source that is a key.
const SOURCE: usize = 255;

words! {
    /// How a machine-readable report is written.
    Format {
        /// RFC 5965, with RFC 6591 and 6692.
        Arf = "arf",
        /// X-ARF 0.1 and 0.2 (text), 1 to 4 (JSON).
        Xarf = "x-arf",
        /// RFC 5070 and 7970.
        Iodef = "iodef",
        /// RFC 3464.
        Dsn = "dsn",
        /// RFC 8098.
        Mdn = "mdn",
    }
}

/// A report that fits the schema of its format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedReport {
    pub format: Format,
    /// As the report says; empty where its format has none.
    pub version: Untrusted,
    /// Feedback-Type, Report-Type, purpose, action of a delivery, disposition.
    #[serde(rename = "type")]
    pub kind: Untrusted,
    /// X-ARF's category or class, the impact of IODEF; empty where the format has none.
    pub category: Untrusted,
    /// Whom or what is reported, as written: an address, a name, a URL.
    pub source: Option<Untrusted>,
    /// The same, where it is one IP address.
    pub source_ip: Option<IpAddr>,
    pub reported_domain: Option<Untrusted>,
    /// When what is reported came, by the reporter's word.
    pub arrival_date: Option<Timestamp>,
    /// How many incidents the report counts.
    pub incidents: u64,
    /// Everything else that it says, in order, as far as the limits of its reader go.
    pub fields: Vec<(String, Untrusted)>,
    /// Its part stood where the standard does not put it: it proves no machine by itself.
    #[serde(default)]
    pub misplaced: bool,
}

impl FeedReport {
    /// An empty report of that format.
    pub fn new(format: Format) -> FeedReport {
        FeedReport {
            format,
            version: Untrusted::default(),
            kind: Untrusted::default(),
            category: Untrusted::default(),
            source: None,
            source_ip: None,
            reported_domain: None,
            arrival_date: None,
            incidents: 1,
            fields: Vec::new(),
            misplaced: false,
        }
    }

    /// Takes over what is reported, whatever it turns out to be.
    pub fn set_source(&mut self, text: &str) {
        let text = text.trim();
        if !text.is_empty() {
            self.source_ip = ip(text);
            self.source = Some(text.into());
        }
    }

    /// The first field of that name (any case).
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.raw())
    }

    /// What groups are made by: the IP address, else the name of a host, else nothing.
    fn reported(&self) -> Option<String> {
        if let Some(ip) = self.source_ip {
            return Some(ip.to_string());
        }
        let written = self.source.iter().chain(&self.reported_domain).map(Untrusted::raw);
        written.filter_map(host).next()
    }
}

/// An IP address, in brackets or not, mapped addresses as the IPv4 that they are.
pub fn ip(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let text = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
    let text = text.get(..5).filter(|start| start.eq_ignore_ascii_case("ipv6:")).map_or(text, |_| &text[5..]);
    text.parse::<IpAddr>().ok().map(|ip| ip.to_canonical())
}

/// The host that a name, a URL or an address names, in lower case.
fn host(text: &str) -> Option<String> {
    let text = text.trim();
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let name = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if let Some(ip) = ip(name) {
        return Some(ip.to_string());
    }
    let name = match name.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => name,
    };
    if let Some(ip) = ip(name) {
        return Some(ip.to_string());
    }
    let name = name.trim_end_matches('.').to_lowercase();
    let is_name = name.contains('.')
        && name.len() <= SOURCE
        && name.split('.').all(|label| {
            !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_' || c == '*')
        });
    is_name.then_some(name)
}

/// What the reports that share a ticket have in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Group {
    /// Address of the sender, in lower case.
    pub sender: String,
    /// IP address or name of the host, in lower case.
    pub source: String,
    /// Day of receipt in the team's zone.
    pub day: Date,
}

impl Group {
    /// The group of a report; None: it stands alone. Delivery reports and receipts are never grouped.
    pub fn of(report: &FeedReport, sender: &Address, received_at: Timestamp, zone: &TimeZone) -> Option<Group> {
        if matches!(report.format, Format::Dsn | Format::Mdn) {
            return None;
        }
        let day = received_at.to_zoned(zone.clone()).date();
        Some(Group { sender: sender.key().to_owned(), source: report.reported()?, day })
    }

    /// The subject of the ticket: ours, not the sender's.
    pub fn subject(&self) -> String {
        format!("Feed: {}, {}, {}", self.sender, self.source, self.day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::address;

    fn about(source: &str, domain: Option<&str>) -> FeedReport {
        let mut report = FeedReport::new(Format::Arf);
        report.set_source(source);
        report.reported_domain = domain.map(Untrusted::from);
        report
    }

    fn group(report: &FeedReport, from: &str, at: &str) -> Option<Group> {
        let paris = TimeZone::get("Europe/Paris").unwrap();
        Group::of(report, &address(from), at.parse().unwrap(), &paris)
    }

    #[test]
    fn one_sender_one_source_one_day_of_the_teams_zone_is_one_group() {
        let noon = "2026-11-27T12:00:00Z";
        let one = group(&about("192.0.2.1", None), "feed@isp.example", noon).unwrap();
        assert_eq!(one.subject(), "Feed: feed@isp.example, 192.0.2.1, 2026-11-27");
        for (source, from, at, same) in [
            ("192.0.2.1", "FEED@isp.example", "2026-11-27T22:59:59Z", true),
            ("[192.0.2.1]", "feed@isp.example", noon, true),
            ("::ffff:192.0.2.1", "feed@isp.example", noon, true),
            ("http://192.0.2.1:8080/x?y", "feed@isp.example", noon, true),
            ("192.0.2.1", "feed@isp.example", "2026-11-27T23:00:00Z", false),
            ("192.0.2.2", "feed@isp.example", noon, false),
            ("192.0.2.1", "other@isp.example", noon, false),
        ] {
            assert_eq!(group(&about(source, None), from, at).as_ref() == Some(&one), same, "{source} {from} {at}");
        }
    }

    #[test]
    fn a_source_is_an_address_or_the_name_of_a_host() {
        for (source, domain, wanted) in [
            ("2001:DB8::1", None, Some("2001:db8::1")),
            ("IPv6:2001:db8::1", None, Some("2001:db8::1")),
            ("https://user:pw@Phish.Example.:443/login#x", None, Some("phish.example")),
            ("", Some("Phish.Example"), Some("phish.example")),
            ("not a host", Some("phish.example"), Some("phish.example")),
            ("spammer@phish.example", None, Some("phish.example")),
            ("", None, None),
            ("localhost", None, None),
            ("a..b", None, None),
            ("evil\r\nhost.example", None, None),
            ("\u{202E}a.example", None, None),
        ] {
            let found = group(&about(source, domain), "f@isp.example", "2026-11-27T12:00:00Z").map(|g| g.source);
            assert_eq!(found.as_deref(), wanted, "{source:?}");
        }
        let long = format!("{}.example", "a".repeat(300));
        assert_eq!(group(&about(&long, None), "f@isp.example", "2026-11-27T12:00:00Z"), None);
        let mut bounce = about("192.0.2.1", None);
        bounce.format = Format::Dsn;
        assert_eq!(group(&bounce, "f@isp.example", "2026-11-27T12:00:00Z"), None);
    }
}
