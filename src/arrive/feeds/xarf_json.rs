//! XARF in JSON: versions 1 to 3 (`Version`, `ReporterInfo`, `Report`) and 4 (`xarf_version`).
//!
//! Hostile data: a JSON part. Failure: `None` where it breaks the schema. `_internal` is dropped:
//! what a sender keeps for itself is no business of ours (XARF 4).
//! Limits: 1 MiB, nesting as serde_json has it (128), 500 fields shown, 2,000 octets a value.

use super::fields::cut;
use super::xarf3;
use crate::arrive::header;
use crate::rules::feed::{FeedReport, Format};
use crate::rules::untrusted::Untrusted;
use jiff::Timestamp;
use serde_json::{Map, Value};

const SIZE: usize = 1 << 20;
const SHOWN: usize = 500;
const VALUE: usize = 2_000;
const CATEGORIES: [&str; 7] =
    ["messaging", "connection", "content", "infrastructure", "copyright", "vulnerability", "reputation"];

pub(super) type Object = Map<String, Value>;

/// Reads the octets of the part.
pub(super) fn read(bytes: &[u8]) -> Option<FeedReport> {
    if bytes.len() > SIZE {
        return None;
    }
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let Ok(Value::Object(mut document)) = serde_json::from_slice(bytes) else { return None };
    document.remove("_internal");
    let mut report = match document.contains_key("xarf_version") {
        true => version_4(&document)?,
        false => xarf3::read(&document)?,
    };
    flatten("", &Value::Object(document), &mut report.fields);
    Some(report)
}

/// Version 4: what every report must have, whatever its type.
fn version_4(document: &Object) -> Option<FeedReport> {
    let version = text(document, "xarf_version")?;
    let parts: Vec<&str> = version.split('.').collect();
    let numbers = parts.iter().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
    if parts.len() != 3 || parts[0] != "4" || !numbers {
        return None;
    }
    text(document, "report_id")?;
    let at = instant(text(document, "timestamp")?)?;
    for party in ["reporter", "sender"] {
        let party = document.get(party)?.as_object()?;
        text(party, "org")?;
        text(party, "contact").filter(|contact| contact.contains('@'))?;
        if party.contains_key("domain") {
            text(party, "domain")?;
        }
    }
    let source = text(document, "source_identifier")?;
    // Drafts of version 4 say `class`.
    let category = text(document, "category").or_else(|| text(document, "class"))?;
    if !CATEGORIES.contains(&category) {
        return None;
    }
    if let Some(port) = document.get("source_port") {
        port.as_u64().filter(|port| *port <= 65_535)?;
    }
    if let Some(evidence) = document.get("evidence") {
        evidence.as_array()?;
    }
    let mut report = FeedReport::new(Format::Xarf);
    report.version = cut(version, 20).into();
    report.kind = cut(text(document, "type")?, 100).into();
    report.category = category.into();
    report.set_source(cut(source, VALUE));
    report.reported_domain = text(document, "domain").map(|domain| cut(domain, 255).into());
    report.arrival_date = Some(at);
    Some(report)
}

/// A string that says something.
pub(super) fn text<'a>(object: &'a Object, name: &str) -> Option<&'a str> {
    object.get(name)?.as_str().filter(|text| !text.trim().is_empty())
}

/// An instant (RFC 3339), or a date as mail has it.
pub(super) fn instant(text: &str) -> Option<Timestamp> {
    text.trim().parse().ok().or_else(|| header::date(text))
}

/// All scalars with the way to them, in order.
fn flatten(way: &str, value: &Value, into: &mut Vec<(String, Untrusted)>) {
    if into.len() >= SHOWN {
        return;
    }
    let below = |name: &str| if way.is_empty() { name.to_owned() } else { format!("{way}.{name}") };
    match value {
        // serde_json goes 128 deep at most, and so does this.
        Value::Object(map) => map.iter().for_each(|(name, value)| flatten(&below(cut(name, 100)), value, into)),
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(index, value)| flatten(&below(&index.to_string()), value, into));
        }
        Value::String(text) => into.push((way.to_owned(), cut(text, VALUE).into())),
        Value::Null => {}
        scalar => into.push((way.to_owned(), scalar.to_string().into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn good() -> Value {
        json!({
            "xarf_version": "4.2.0", "report_id": "0e0e64ae-7e0b-4d3c-9a0e-7f1f5f1f0c11",
            "timestamp": "2026-11-27T17:01:00Z",
            "reporter": {"org": "ISP", "contact": "abuse@isp.example", "domain": "isp.example"},
            "sender": {"org": "ISP", "contact": "abuse@isp.example", "domain": "isp.example"},
            "source_identifier": "192.0.2.1", "source_port": 22, "category": "connection", "type": "login_attack",
            "evidence": [{"content_type": "text/plain", "payload": "eA=="}], "_internal": {"ticket": "secret"}
        })
    }

    fn read_value(value: &Value) -> Option<FeedReport> {
        read(value.to_string().as_bytes())
    }

    #[test]
    fn version_4_is_read_into_its_fields_without_what_is_internal() {
        let report = read_value(&good()).unwrap();
        assert_eq!(
            (report.kind.raw(), report.category.raw(), report.version.raw()),
            ("login_attack", "connection", "4.2.0")
        );
        assert_eq!(report.source_ip.map(|ip| ip.to_string()).as_deref(), Some("192.0.2.1"));
        assert_eq!(report.arrival_date.unwrap().to_string(), "2026-11-27T17:01:00Z");
        assert_eq!(report.field("evidence.0.content_type"), Some("text/plain"));
        assert!(report.fields.iter().all(|(name, value)| !name.contains("_internal") && value.raw() != "secret"));
        assert!(read(&[b"\xEF\xBB\xBF", good().to_string().as_bytes()].concat()).is_some());
    }

    #[test]
    fn version_4_without_what_it_requires_is_no_report() {
        for name in
            ["xarf_version", "report_id", "timestamp", "reporter", "sender", "source_identifier", "category", "type"]
        {
            let mut without = good();
            without.as_object_mut().unwrap().remove(name);
            assert!(read_value(&without).is_none(), "{name}");
        }
        for (name, lie) in [
            ("xarf_version", json!("5.0.0")),
            ("xarf_version", json!("4")),
            ("xarf_version", json!("4.x.0")),
            ("xarf_version", json!(4)),
            ("timestamp", json!("yesterday")),
            ("reporter", json!("ISP")),
            ("reporter", json!({"org": "ISP"})),
            ("sender", json!({"org": "ISP", "contact": "nobody"})),
            ("source_identifier", json!(1)),
            ("source_identifier", json!(" ")),
            ("source_port", json!(70_000)),
            ("category", json!("everything")),
            ("type", json!([])),
            ("evidence", json!({})),
        ] {
            let mut lying = good();
            lying[name] = lie;
            assert!(read_value(&lying).is_none(), "{name}: {}", lying[name]);
        }
    }

    #[test]
    fn bombs_are_no_reports_and_cost_nothing() {
        let deep = format!("{{\"xarf_version\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(read(deep.as_bytes()).is_none());
        assert!(read(&vec![b'['; SIZE + 1]).is_none());
        let mut wide = good();
        wide["evidence"] = Value::Array(vec![json!({"a": 1}); 20_000]);
        assert_eq!(read_value(&wide).unwrap().fields.len(), SHOWN);
    }
}
