//! One small team and plain mails, for the tests of the rules and of triage.

use super::address::Address;
use super::calendar::{Calendar, Holidays};
use super::report::{Outer, Report};
use super::rota::Rota;
use super::settings::*;
use super::ticket::Kind;
use super::untrusted::Untrusted;
use jiff::SignedDuration;
use jiff::civil::{Weekday, date, time};
use jiff::tz::TimeZone;

/// The fingerprint of alice's key.
pub const ALICE: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

pub fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

/// A mail from that address to csirt@example.org with these further header fields.
pub fn mail(from: &str, headers: &[(&str, &str)]) -> Report {
    let from = Some(address(from));
    let to = vec![address("csirt@example.org")];
    let part_types = vec!["text/plain".to_owned()];
    let outer = Outer {
        subject: "Phishing".into(),
        from: from.clone(),
        to: to.clone(),
        media_type: "text/plain".into(),
        part_types,
        clear_text: "Hello".into(),
        ..Outer::default()
    };
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), Untrusted::from(*value))).collect();
    Report { outer, from, to, subject: "Phishing".into(), text: "Hello".into(), headers, ..Report::default() }
}

/// The team's mailbox for incidents.
pub fn incident(settings: &Settings) -> &Mailbox {
    settings.mailbox("csirt").unwrap()
}

fn mailbox(name: &str, kind: Kind) -> Mailbox {
    let source = Source::Maildir { path: "Maildir".into(), filed_folder: String::new() };
    let addresses = vec![address(&format!("{name}@example.org"))];
    Mailbox { name: name.into(), addresses, kind, source, existing: Existing::Work }
}

fn analyst(name: &str, fingerprint: Option<&str>) -> Analyst {
    let fingerprint = fingerprint.map(str::to_owned);
    Analyst {
        name: name.into(),
        address: address(&format!("{name}@example.org")),
        fingerprint,
        command: None,
        webhook: None,
    }
}

/// The team: csirt (incident), contact, feeds; alice with a key and bob without; one French constituent.
pub fn settings() -> Settings {
    let zone = TimeZone::UTC;
    let calendar = Calendar {
        zone: zone.clone(),
        weekdays: [true, true, true, true, true, false, false],
        holidays: Holidays::None,
        closed: Default::default(),
        cut_off: None,
    };
    let rota = Rota {
        rotation: vec!["alice".into(), "bob".into()],
        handover_day: Weekday::Monday,
        handover_time: time(9, 0, 0, 0),
        start: date(2026, 1, 5),
        zone: zone.clone(),
    };
    Settings {
        file: "config.toml".into(),
        folder: ".".into(),
        team: Team {
            name: "CSIRT-EXAMPLE".into(),
            address: address("csirt@example.org"),
            bounce_address: address("csirt@example.org"),
            bounce_for_all: false,
            phone: None,
            ticket_prefix: "EX".into(),
            time_zone: zone,
            languages: vec![Language::En, Language::Fr],
        },
        store: StoreSettings { path: "vigie.db".into(), key_file: None, simulated_clock: true },
        pgp: Pgp {
            secret_keys: vec![],
            agent_socket: None,
            passphrase_file: None,
            keeper_socket: None,
            certs: None,
            introducers: vec![],
        },
        triage: TriageSettings {
            authserv_id: Some("mx.example.org".into()),
            spam_header: Some(("X-Spam-Flag".into(), "YES".into())),
            feeds: vec![address("feed@shadow.example")],
        },
        acknowledge: Caps { per_address: vec![], per_domain: vec![], total: vec![] },
        mailboxes: vec![
            mailbox("csirt", Kind::Incident),
            mailbox("contact", Kind::Contact),
            mailbox("feeds", Kind::Feed),
        ],
        smtp: Transport::Folder("out".into()),
        sla: Sla {
            calendar,
            remind_after: 1,
            answer_within: 2,
            escalate_after: 4,
            escalate_to: vec![],
            repeat_every: 1,
        },
        duty: Duty {
            calendar: None,
            digest: Digest::Never,
            rota,
            page_ack_within: SignedDuration::from_mins(15),
            analysts: vec![analyst("alice", Some(ALICE)), analyst("bob", None)],
        },
        constituents: vec![Constituent {
            name: "Example Corp".into(),
            domains: vec!["corp.example".into()],
            language: Some(Language::Fr),
        }],
        indicators: Indicators { own: vec![], well_known: super::set_aside::WELL_KNOWN.map(str::to_owned).to_vec() },
        socket: "vigie.sock".into(),
        metrics_listen: None,
        separate_processes: false,
        message_bytes: 1 << 20,
        retention_closed_after: None,
        audit_head: Digest::Never,
        warnings: vec![],
    }
}
