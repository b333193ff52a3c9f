//! A ticket as a STIX 2.1 bundle (OASIS standard, 10 June 2021).
//!
//! A grouping of indicators, marked by TLP 2.0 (the OASIS extension for markings, with its standard ids),
//! with the class as label. The same ticket gives the same ids. Hostile data: values of indicators, quoted
//! in patterns as STIX patterning 9.3 asks. Failure: none.

use super::misp::named;
use super::parcel::{Found, Parcel};
use super::plain::pretty;
use crate::app::App;
use crate::rules::report::IndicatorKind;
use crate::rules::taxonomy::machine_tag;
use crate::rules::tlp::Mark;
use jiff::Timestamp;
use serde_json::{Value, json};

/// The extension that defines TLP 2.0 markings, as OASIS registered it.
const TLP_2: &str = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d";

/// The bundle.
pub(super) fn bundle(app: &App, parcel: &Parcel) -> Vec<u8> {
    let ticket = &parcel.ticket;
    let domain = app.settings.team.address.domain();
    let team = format!("identity--{}", named(app, &["stix-identity"]));
    let (marking, marked) = (tlp(parcel.mark), json!([tlp(parcel.mark)["id"]]));
    let made = moment(ticket.received_at);
    let labels: Vec<String> = ticket.classification.as_deref().map(machine_tag).into_iter().collect();
    let mut objects = vec![
        json!({
            "type": "identity", "spec_version": "2.1", "id": team, "created": TLP_2_MADE, "modified": TLP_2_MADE,
            "name": app.settings.team.name, "identity_class": "organization",
            "contact_information": app.settings.team.address.as_str(),
            "external_references": [{"source_name": domain, "external_id": app.settings.team.name}],
        }),
        marking,
    ];
    let mut refs = vec![json!(team)];
    for found in &parcel.indicators {
        let seen = moment(found.at);
        let mut object = json!({
            "spec_version": "2.1", "created_by_ref": team, "created": seen, "modified": seen,
            "object_marking_refs": marked,
        });
        let about = match pattern(found) {
            Some(pattern) => json!({
                "type": "indicator", "pattern_type": "stix", "pattern": pattern, "valid_from": seen,
                "indicator_types": ["unknown"],
            }),
            None => json!({
                "type": "vulnerability", "name": found.value,
                "external_references": [{"source_name": "cve", "external_id": found.value}],
            }),
        };
        merge(&mut object, about);
        let kind = object["type"].as_str().unwrap_or_default();
        let id = format!("{kind}--{}", named(app, &["stix", &ticket.number, found.kind.word(), &found.value]));
        object["id"] = json!(id);
        if !labels.is_empty() {
            object["labels"] = json!(labels);
        }
        refs.push(json!(id));
        objects.push(object);
    }
    let mut grouping = json!({
        "type": "grouping", "spec_version": "2.1", "id": format!("grouping--{}", named(app, &["stix-grouping", &ticket.number])),
        "created_by_ref": team, "created": made, "modified": moment(parcel.changed_at.max(ticket.received_at)),
        "name": match parcel.review {
            Some(_) => ticket.number.clone(),
            None => format!("{}: {}", ticket.number, parcel.subject),
        },
        "context": "suspicious-activity", "object_refs": refs, "object_marking_refs": marked,
    });
    if !labels.is_empty() {
        grouping["labels"] = json!(labels);
    }
    objects.push(grouping);
    let bundle = format!("bundle--{}", named(app, &["stix-bundle", &ticket.number]));
    pretty(&json!({"type": "bundle", "id": bundle, "objects": objects}))
}

fn merge(object: &mut Value, more: Value) {
    if let (Value::Object(object), Value::Object(more)) = (object, more) {
        object.extend(more);
    }
}

const TLP_2_MADE: &str = "2022-10-01T00:00:00.000Z";

/// The marking definition of a colour.
fn tlp(mark: Mark) -> Value {
    let id = match mark {
        Mark::Clear => "94868c89-83c2-464b-929b-a1a8aa3c8487",
        Mark::Green => "bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
        Mark::Amber => "55d920b0-5e8b-4f79-9ee9-91f868d9b421",
        Mark::AmberStrict => "939a9414-2ddd-4d32-a0cd-375ea402b003",
        Mark::Red => "e828b379-4e03-4974-9ac4-e53a884c97c1",
    };
    json!({
        "type": "marking-definition", "spec_version": "2.1", "id": format!("marking-definition--{id}"),
        "created": TLP_2_MADE, "name": format!("TLP:{mark}"),
        "extensions": {TLP_2: {"extension_type": "property-extension", "tlp_2_0": mark.word().to_lowercase()}},
    })
}

/// Milliseconds and `Z`, as STIX writes time.
fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// The pattern that finds it; None: it is a vulnerability.
fn pattern(found: &Found) -> Option<String> {
    let path = match found.kind {
        IndicatorKind::Ipv4 => "ipv4-addr:value",
        IndicatorKind::Ipv6 => "ipv6-addr:value",
        IndicatorKind::Domain => "domain-name:value",
        IndicatorKind::Url => "url:value",
        IndicatorKind::Email => "email-addr:value",
        IndicatorKind::Md5 => "file:hashes.MD5",
        IndicatorKind::Sha1 => "file:hashes.'SHA-1'",
        IndicatorKind::Sha256 => "file:hashes.'SHA-256'",
        IndicatorKind::Sha512 => "file:hashes.'SHA-512'",
        IndicatorKind::Asn => {
            let number: u32 = found.value.trim_start_matches("AS").parse().unwrap_or_default();
            return Some(format!("[autonomous-system:number = {number}]"));
        }
        IndicatorKind::Network if found.value.contains(':') => "ipv6-addr:value",
        IndicatorKind::Network => "ipv4-addr:value",
        IndicatorKind::File => "file:name",
        // STIX has no object for it: its own, as the standard lets one name one's own.
        IndicatorKind::Bitcoin => "x-bitcoin-address:value",
        IndicatorKind::Cve => return None,
    };
    Some(format!("[{path} = '{}']", found.value.replace('\\', "\\\\").replace('\'', "\\'")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_ends_its_quotes_in_a_pattern() {
        let pattern = |value: &str| {
            let at = Timestamp::UNIX_EPOCH;
            super::pattern(&Found { kind: IndicatorKind::Url, value: value.to_owned(), at }).unwrap()
        };
        assert_eq!(pattern("http://e.example/"), "[url:value = 'http://e.example/']");
        assert_eq!(pattern("http://e.example/'] OR [a:b = '"), r"[url:value = 'http://e.example/\'] OR [a:b = \'']");
        assert_eq!(pattern(r"http://e.example/\"), r"[url:value = 'http://e.example/\\']");
        assert_eq!(pattern(r"a\'"), r"[url:value = 'a\\\'']");
    }
}
