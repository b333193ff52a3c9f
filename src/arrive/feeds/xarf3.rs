//! XARF 1 to 3: what a report must hold, by its class and type.
//!
//! Hostile data: a JSON document, read already. Failure: `None`. The published schemas are followed
//! as far as a table of fields can say it; types that they do not know are judged by the common
//! fields alone, so that a feed with a type of its own is still a feed.

use super::fields::cut;
use super::xarf_json::{Object, instant, text};
use crate::rules::feed::{FeedReport, Format};
use serde_json::Value;
use std::net::IpAddr;

/// What a field must be where it stands.
enum Is {
    Text,
    Flag,
    Count,
    Date,
    Ip,
    Port,
    /// One or several.
    Ports,
    Asn,
    Email,
    Host,
    Word(&'static [&'static str]),
    Check(fn(&Value) -> bool),
}

const REPORT: [(&str, Is); 47] = [
    ("ReportClass", Is::Word(&["Content", "Activity", "Vulnerability"])),
    ("ReportType", Is::Text),
    ("ReportSubType", Is::Text),
    ("ReporterCaseID", Is::Text),
    ("ReporterSeverity", Is::Word(&["low", "medium", "high"])),
    ("ReporterNotes", Is::Text),
    ("Custom", Is::Check(is_custom)),
    ("Date", Is::Date),
    ("FirstSeen", Is::Date),
    ("SourceIp", Is::Ip),
    ("SourcePort", Is::Port),
    ("SourceUrl", Is::Check(is_url)),
    ("ASN", Is::Asn),
    ("DestinationIp", Is::Ip),
    ("DestinationPort", Is::Ports),
    ("AttackerIp", Is::Ip),
    ("AttackerPort", Is::Ports),
    ("ByteCount", Is::Count),
    ("PacketCount", Is::Count),
    ("SmtpMailFromAddress", Is::Email),
    ("SmtpRcptToAddress", Is::Email),
    ("ServiceName", Is::Text),
    ("ServiceVersion", Is::Text),
    ("TransportProtocol", Is::Word(&["tcp", "udp"])),
    ("Ongoing", Is::Flag),
    ("ThreatActor", Is::Text),
    ("Samples", Is::Check(are_samples)),
    ("FileName", Is::Text),
    ("FileSize", Is::Count),
    ("FileHash", Is::Check(is_hash)),
    ("BotnetName", Is::Text),
    ("MalwareName", Is::Text),
    ("InfringedMaterial", Is::Text),
    ("MaterialType", Is::Text),
    ("SharingProtocol", Is::Text),
    ("CourtOrder", Is::Text),
    ("TrademarkedMaterial", Is::Text),
    ("RegistrationOffice", Is::Text),
    ("RegistrationNumber", Is::Text),
    ("RpzDomain", Is::Host),
    ("Harasser", Is::Text),
    ("HarassmentDescription", Is::Text),
    ("CVE", Is::Check(is_cve)),
    ("CVSS", Is::Check(is_cvss)),
    ("Account", Is::Check(is_account)),
    ("PasswordHash", Is::Check(is_hash)),
    ("Description", Is::Text),
];

/// What a party must and may hold behind its prefix (`Reporter`, `Complainant`).
const PARTY: [(&str, Is, bool); 7] = [
    ("Org", Is::Text, true),
    ("OrgDomain", Is::Host, true),
    ("OrgEmail", Is::Email, true),
    ("OrgAddress", Is::Text, false),
    ("ContactEmail", Is::Email, false),
    ("ContactName", Is::Text, false),
    ("ContactPhone", Is::Text, false),
];

/// By what a type names its source.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Ip,
    IpOrUrl,
    Account,
}

/// Types with their class, source and further required fields.
const TYPES: [(&str, &str, By, &[&str]); 18] = [
    ("Botnet", "Content", By::IpOrUrl, &[]),
    ("ChildAbuse", "Content", By::IpOrUrl, &[]),
    ("Copyright", "Content", By::IpOrUrl, &["InfringedMaterial"]),
    ("Malware", "Content", By::IpOrUrl, &[]),
    ("Phishing", "Content", By::IpOrUrl, &["SourceUrl"]),
    ("Trademark", "Content", By::IpOrUrl, &["TrademarkedMaterial"]),
    ("DOS", "Activity", By::Ip, &[]),
    ("Exploit", "Activity", By::Ip, &[]),
    ("Harassment", "Activity", By::IpOrUrl, &["Harasser", "HarassmentDescription"]),
    ("Harassed", "Activity", By::IpOrUrl, &["Harasser", "HarassmentDescription"]),
    ("LoginAttack", "Activity", By::Ip, &[]),
    ("Malware", "Activity", By::Ip, &["ReportSubType"]),
    ("PortScan", "Activity", By::Ip, &[]),
    ("PotentiallyCompromisedAccount", "Activity", By::Account, &["Account"]),
    ("Spam", "Activity", By::Ip, &[]),
    ("WebCrawler", "Activity", By::IpOrUrl, &[]),
    ("OpenService", "Vulnerability", By::IpOrUrl, &["ServiceName"]),
    ("OpenResolver", "Vulnerability", By::IpOrUrl, &[]),
];

/// Checks the document and takes the main fields out of it.
pub(super) fn read(document: &Object) -> Option<FeedReport> {
    let version = text(document, "Version")?;
    let is_known = ["1", "2", "3"].iter().any(|major| version.split('.').next() == Some(major));
    let disclosure = document.get("Disclosure").is_some_and(Value::is_boolean);
    let reporter = document.get("ReporterInfo")?.as_object()?;
    if !is_known || !disclosure || !is_party(reporter, "Reporter", true) {
        return None;
    }
    let of_others = match document.get("OnBehalfOf") {
        None => true,
        Some(Value::Object(party)) => is_party(party, "Complainant", false),
        Some(_) => false,
    };
    let internal = document.get("InternalProcessing").is_none_or(is_internal);
    let report = document.get("Report")?.as_object()?;
    if !of_others || !internal || !holds(report) {
        return None;
    }
    let mut found = FeedReport::new(Format::Xarf);
    found.version = cut(version, 20).into();
    found.kind = cut(text(report, "ReportType")?, 100).into();
    found.category = text(report, "ReportClass")?.into();
    found.set_source(cut(text(report, "SourceIp").or_else(|| text(report, "SourceUrl")).unwrap_or_default(), 2_000));
    found.reported_domain =
        text(report, "SourceDomain").or_else(|| text(report, "RpzDomain")).map(|d| cut(d, 255).into());
    found.arrival_date = text(report, "Date").and_then(instant);
    Some(found)
}

/// Whether the report itself keeps to its type.
fn holds(report: &Object) -> bool {
    let fits = REPORT.iter().all(|(name, is)| report.get(*name).is_none_or(|value| fits(is, value)));
    let (Some(class), Some(kind)) = (text(report, "ReportClass"), text(report, "ReportType")) else { return false };
    if !fits || text(report, "Date").is_none() {
        return false;
    }
    let (by_ip, by_url) = (report.contains_key("SourceIp"), report.contains_key("SourceUrl"));
    let known: Vec<_> = TYPES.iter().filter(|(name, ..)| *name == kind).collect();
    if known.is_empty() {
        return by_ip || by_url || report.contains_key("Account");
    }
    known.into_iter().any(|(_, of_class, by, required)| {
        let by = match by {
            By::Ip => by_ip,
            By::IpOrUrl => by_ip || by_url,
            By::Account => !by_ip && !by_url,
        };
        by && *of_class == class && required.iter().all(|name| report.contains_key(*name))
    })
}

fn is_party(party: &Object, prefix: &str, closed: bool) -> bool {
    let of = |suffix: &str| party.get(&format!("{prefix}{suffix}"));
    let kind = of("Type").map(|kind| kind.as_str().unwrap_or_default());
    let is_person = kind == Some("Person");
    let known = |name: &String| {
        let suffix = name.strip_prefix(prefix).unwrap_or_default();
        suffix == "Type" || PARTY.iter().any(|(known, ..)| *known == suffix)
    };
    kind.is_none_or(|kind| matches!(kind, "Org" | "Person"))
        && (!closed || party.keys().all(known))
        && PARTY.iter().all(|(suffix, is, required)| match of(suffix) {
            Some(value) => fits(is, value) && (*suffix != "Org" || value.as_str().is_some_and(|org| org.len() >= 2)),
            None => is_person || !required,
        })
}

fn fits(is: &Is, value: &Value) -> bool {
    let port = |value: &Value| value.as_u64().is_some_and(|port| port <= 65_535);
    let words = || value.as_str().map(str::trim).filter(|text| !text.is_empty());
    match is {
        Is::Text => value.is_string(),
        Is::Flag => value.is_boolean(),
        Is::Count => value.is_u64(),
        Is::Date => words().and_then(instant).is_some(),
        Is::Ip => words().is_some_and(|text| text.parse::<IpAddr>().is_ok()),
        Is::Port => port(value),
        Is::Ports => port(value) || value.as_array().is_some_and(|list| list.iter().all(port)),
        Is::Asn => value.as_u64().is_some_and(|number| (1..=4_199_999_999).contains(&number)),
        Is::Email => words().is_some_and(is_email),
        Is::Host => words().is_some_and(is_host),
        Is::Word(allowed) => words().is_some_and(|text| allowed.contains(&text)),
        Is::Check(check) => check(value),
    }
}

fn is_email(text: &str) -> bool {
    text.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && is_host(domain))
}

fn is_host(text: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty() && label.len() <= 63 && label.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_')
    };
    text.len() <= 255 && text.trim_end_matches('.').split('.').all(label)
}

/// A URL, or what reporters write for one; no blanks.
fn is_url(value: &Value) -> bool {
    value.as_str().is_some_and(|url| !url.is_empty() && !url.contains(char::is_whitespace))
}

fn is_custom(value: &Value) -> bool {
    value.as_object().is_some_and(|map| map.values().all(|value| value.is_string() || value.is_i64() || value.is_u64()))
}

fn are_samples(value: &Value) -> bool {
    let has = |sample: &Object, name: &str| sample.get(name).is_some_and(Value::is_string);
    let is_sample = |value: &Value| {
        let Some(sample) = value.as_object() else { return false };
        let texts = ["ContentType", "Description", "Payload", "FileName"];
        texts.iter().all(|name| sample.get(*name).is_none_or(Value::is_string))
            && sample.get("Base64Encoded").is_none_or(Value::is_boolean)
            && (has(sample, "FileName") || has(sample, "ContentType") && has(sample, "Payload"))
    };
    value.as_array().is_some_and(|list| !list.is_empty() && list.iter().all(is_sample))
}

/// Version 1 has a plain text here.
fn is_hash(value: &Value) -> bool {
    const ALGORITHMS: [&str; 10] =
        ["sha1", "sha2", "sha3", "sha256", "sha512", "md5", "argon2id", "scrypt", "bcrypt", "pbkdf2"];
    match value {
        Value::String(hash) => !hash.is_empty(),
        Value::Object(hash) => {
            text(hash, "HashValue").is_some()
                && text(hash, "HashAlgorithm").is_some_and(|name| ALGORITHMS.contains(&name))
        }
        _ => false,
    }
}

fn is_cve(value: &Value) -> bool {
    let digits = |text: &str, counts: std::ops::RangeInclusive<usize>| {
        counts.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
    };
    let rest = value.as_str().and_then(|text| text.strip_prefix("CVE-")).and_then(|rest| rest.split_once('-'));
    rest.is_some_and(|(year, number)| digits(year, 4..=4) && digits(number, 4..=7))
}

fn is_cvss(value: &Value) -> bool {
    let Some(cvss) = value.as_object() else { return false };
    let vector = text(cvss, "Vector").unwrap_or_default();
    match text(cvss, "Version") {
        Some("2") => vector.trim_start_matches('(').starts_with("AV:"),
        Some("3.0" | "3.1") => vector.starts_with("CVSS:3."),
        _ => false,
    }
}

fn is_account(value: &Value) -> bool {
    let Some(account) = value.as_object().filter(|account| !account.is_empty()) else { return false };
    let is_name = |value: &Value| value.as_str().is_some_and(|name| !is_email(name));
    account.get("AccountIdentifier").is_none_or(is_name) && account.get("AccountEmail").is_none_or(Value::is_string)
}

fn is_internal(value: &Value) -> bool {
    let id = |name: &str| value.get(name).and_then(|part| part.get("ID")).is_none_or(Value::is_string);
    let tags =
        value.get("EventTags").is_none_or(|tags| tags.as_array().is_some_and(|t| t.iter().all(Value::is_string)));
    value.is_object() && id("SubscriberInformation") && id("ContractInformation") && tags
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn good() -> Value {
        json!({
            "Version": "3", "Disclosure": true,
            "ReporterInfo": {"ReporterOrg": "ISP", "ReporterOrgDomain": "isp.example", "ReporterOrgEmail": "abuse@isp.example"},
            "Report": {"ReportClass": "Activity", "ReportType": "Spam", "Date": "2026-11-27T17:01:00Z",
                       "SourceIp": "192.0.2.1", "SourcePort": 25, "SmtpMailFromAddress": "spam@spam.example"}
        })
    }

    fn reads(value: &Value) -> Option<FeedReport> {
        read(value.as_object().unwrap())
    }

    #[test]
    fn a_report_is_read_into_its_fields() {
        let report = reads(&good()).unwrap();
        assert_eq!((report.kind.raw(), report.category.raw(), report.version.raw()), ("Spam", "Activity", "3"));
        assert_eq!(report.source_ip.map(|ip| ip.to_string()).as_deref(), Some("192.0.2.1"));
        let person = json!({"ReporterType": "Person", "ReporterContactEmail": "a@isp.example"});
        for (name, value) in [("ReporterInfo", person), ("Version", json!("1"))] {
            let mut other = good();
            other[name] = value;
            assert!(reads(&other).is_some(), "{name}");
        }
    }

    #[test]
    fn schema_lies_are_no_report() {
        for (pointer, lie) in [
            ("/Version", json!(3)),
            ("/Version", json!("development")),
            ("/Disclosure", json!("yes")),
            ("/ReporterInfo", json!([])),
            ("/ReporterInfo/ReporterOrgEmail", json!("nobody")),
            ("/ReporterInfo/ReporterOrgDomain", json!("no host")),
            ("/Report/ReportClass", json!("Meh")),
            ("/Report/ReportClass", json!("Content")),
            ("/Report/ReportType", json!(4)),
            ("/Report/Date", json!("not a date")),
            ("/Report/SourceIp", json!("not an address")),
            ("/Report/SourcePort", json!(70_000)),
            ("/Report/SourcePort", json!("25")),
            ("/Report/SmtpMailFromAddress", json!("nobody")),
        ] {
            let mut lying = good();
            *lying.pointer_mut(pointer).unwrap() = lie;
            assert!(reads(&lying).is_none(), "{pointer}");
        }
        for (name, lie) in [
            ("ByteCount", json!(true)),
            ("DestinationPort", json!([25, "x"])),
            ("Samples", json!({})),
            ("Samples", json!([])),
            ("Samples", json!([{"ContentType": "text/plain"}])),
            ("Custom", json!({"a": [1]})),
            ("CVE", json!("CVE-NOW-1")),
            ("CVSS", json!({"Version": "2", "Vector": "CVSS:3.1/AV:N"})),
            ("ASN", json!(0)),
            ("TransportProtocol", json!("smoke")),
        ] {
            let mut lying = good();
            lying["Report"][name] = lie;
            assert!(reads(&lying).is_none(), "{name}");
        }
        for name in ["Version", "ReporterInfo", "Disclosure", "Report"] {
            let mut without = good();
            without.as_object_mut().unwrap().remove(name);
            assert!(reads(&without).is_none(), "{name}");
        }
    }
}
