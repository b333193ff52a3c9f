//! A ticket as a MISP event (the JSON that MISP imports; MISP standard core format).
//!
//! Indicators, class, dates and TLP; in full, the subject as well. The same ticket gives the same UUIDs, so
//! a second import changes the first one. Nothing is meant for automatic blocking (`to_ids` is false): no
//! analyst has vetted what a mail says. Hostile data: values of indicators; JSON escapes. Failure: none.

use super::parcel::{Found, Parcel};
use super::plain::pretty;
use crate::app::App;
use crate::rules::report::IndicatorKind;
use crate::rules::taxonomy::machine_tag;
use crate::rules::ticket::State;
use serde_json::json;
use uuid::Uuid;

/// The event.
pub(super) fn event(app: &App, parcel: &Parcel) -> Vec<u8> {
    let ticket = &parcel.ticket;
    let attributes: Vec<_> = parcel
        .indicators
        .iter()
        .map(|found| {
            let (kind, category) = kind(found.kind);
            json!({
                "uuid": named(app, &["misp-attribute", &ticket.number, found.kind.word(), &found.value]),
                "type": kind,
                "category": category,
                "value": value(found),
                "to_ids": false,
                "distribution": "5",
                "timestamp": found.at.as_second().to_string(),
            })
        })
        .collect();
    let info = match parcel.review {
        Some(_) => format!("{} {}", app.settings.team.name, ticket.number),
        None => format!("{} {}: {}", app.settings.team.name, ticket.number, parcel.subject),
    };
    let mut tags = vec![json!({"name": format!("tlp:{}", parcel.mark.word().to_lowercase())})];
    tags.extend(ticket.classification.as_deref().map(|class| json!({"name": machine_tag(class)})));
    pretty(&json!({"Event": {
        "uuid": named(app, &["misp-event", &ticket.number]),
        "info": info,
        "date": app.settings.team.time_zone.to_datetime(ticket.received_at).date().to_string(),
        "timestamp": parcel.changed_at.as_second().to_string(),
        "threat_level_id": match ticket.severity.as_deref() {
            Some("high") => "1",
            Some("medium") => "2",
            Some("low") => "3",
            _ => "4",
        },
        "analysis": match ticket.state {
            State::New => "0",
            State::Resolved | State::Closed => "2",
            _ => "1",
        },
        "distribution": "0",
        "published": false,
        "Tag": tags,
        "Attribute": attributes,
    }}))
}

/// MISP's type and category.
fn kind(kind: IndicatorKind) -> (&'static str, &'static str) {
    match kind {
        // A network is written with its mask.
        IndicatorKind::Ipv4 | IndicatorKind::Ipv6 | IndicatorKind::Network => ("ip-dst", "Network activity"),
        IndicatorKind::Domain => ("domain", "Network activity"),
        IndicatorKind::Url => ("url", "Network activity"),
        IndicatorKind::Email => ("email-src", "Payload delivery"),
        IndicatorKind::Md5 => ("md5", "Payload delivery"),
        IndicatorKind::Sha1 => ("sha1", "Payload delivery"),
        IndicatorKind::Sha256 => ("sha256", "Payload delivery"),
        IndicatorKind::Sha512 => ("sha512", "Payload delivery"),
        IndicatorKind::Cve => ("vulnerability", "External analysis"),
        IndicatorKind::Asn => ("AS", "Network activity"),
        IndicatorKind::Bitcoin => ("btc", "Financial fraud"),
        IndicatorKind::File => ("filename", "Payload delivery"),
    }
}

fn value(found: &Found) -> &str {
    match found.kind {
        IndicatorKind::Asn => found.value.trim_start_matches("AS"),
        _ => &found.value,
    }
}

/// The UUID (version 5) of something of this team's.
pub(super) fn named(app: &App, parts: &[&str]) -> String {
    let team = Uuid::new_v5(&Uuid::NAMESPACE_DNS, app.settings.team.address.domain().as_bytes());
    // No part holds this character, so that no two lists give the same name.
    Uuid::new_v5(&team, parts.join("\u{1F}").as_bytes()).to_string()
}
