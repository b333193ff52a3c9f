//! Machine reports (P10), and what machines say of our own mail, on the built binary.

mod support;

#[path = "feeds/attacks.rs"]
mod attacks;
#[path = "feeds/bounces.rs"]
mod bounces;
#[path = "feeds/reports.rs"]
mod reports;

use serde_json::Value;
use support::desk::{Desk, Setup};

/// Friday 27 November 2026, 18:01 in Paris. Alice is on duty.
const FRIDAY: &str = "2026-11-27T18:01:00+01:00";

/// A desk with a listed feed, a border that is believed, and mailboxes `csirt` and `feeds`.
fn desk() -> Desk {
    let mailbox = |name: &str, kind: &str| {
        format!(
            "[[mailbox]]\nname = \"{name}\"\naddresses = [\"{name}@example.org\"]\nkind = \"{kind}\"\nsource = \"maildir\"\npath = \"{name}\"\nexisting = \"work\"\n"
        )
    };
    let more = "[triage]\nfeeds = [\"feed@shadow.example\"]\nauthserv_id = \"mx.example.org\"\n".to_owned();
    let mailboxes = mailbox("csirt", "incident") + &mailbox("feeds", "feed");
    let desk = Desk::with(Setup { mailboxes, more, ..Setup::default() });
    for folder in ["csirt", "feeds"] {
        for sub in ["new", "cur", "tmp"] {
            std::fs::create_dir_all(desk.path(folder).join(sub)).unwrap();
        }
    }
    desk
}

/// `run --once`, which must find nothing to complain about.
fn once(desk: &Desk, now: &str) {
    let output = desk.once(now);
    assert!(output.status.success(), "{}", support::desk::text(&output.stderr));
}

/// A mail of these header lines and this body, with CRLF.
fn mail(head: &str, body: &str) -> Vec<u8> {
    let head = head.trim_end();
    format!("{head}\nDate: Fri, 27 Nov 2026 18:00:00 +0100\nMIME-Version: 1.0\n{body}")
        .replace('\n', "\r\n")
        .into_bytes()
}

/// A body of several parts, each given with its own header.
fn parts(kind: &str, parts: &[&str]) -> String {
    let body: String = parts.iter().map(|part| format!("--b\n{part}\n")).collect();
    format!("Content-Type: multipart/{kind}; boundary=b\n\n{body}--b--\n")
}

/// An ARF report from `from` about `ip`; `more` are further fields of the report.
fn arf(from: &str, ip: &str, more: &str) -> Vec<u8> {
    let fields = format!("Feedback-Type: abuse\nUser-Agent: Loop/1\nVersion: 1\nSource-IP: {ip}\n{more}");
    feedback(from, &fields)
}

/// A multipart/report with that feedback-report part.
fn feedback(from: &str, fields: &str) -> Vec<u8> {
    let spam = "Content-Type: message/rfc822\n\nFrom: spammer@spam.example\nSubject: Buy\n\nbuy now\n";
    let report = format!("Content-Type: message/feedback-report\n\n{fields}");
    let body = parts(
        "report; report-type=feedback-report",
        &["Content-Type: text/plain\n\nThis is a report.\n", &report, spam],
    );
    mail(&format!("Return-Path: <{from}>\nFrom: {from}\nTo: csirt@example.org\nSubject: Complaint"), &body)
}

/// How many rows of the outbox are of a kind, those that are done too.
fn owed(desk: &Desk, kind: &str) -> usize {
    desk.json(&["outbox", "list", "--all"]).as_array().unwrap().iter().filter(|row| row["kind"] == kind).count()
}

/// What a ticket's history says.
fn told(ticket: &Value) -> String {
    let lines = ticket["history"].as_array().unwrap().iter();
    lines.map(|event| format!("{}: {}\n", event["who"].as_str().unwrap(), event["what"].as_str().unwrap())).collect()
}

/// The report that the last message of a ticket holds.
fn report(ticket: &Value) -> &Value {
    &ticket["messages"].as_array().unwrap().last().unwrap()["report"]
}

/// Nothing was sent, owed or promised for it.
fn is_silent(desk: &Desk, ticket: &Value) {
    assert_eq!(ticket["automatic"], true, "{ticket}");
    assert!(ticket["due_at"].is_null() && ticket["clock_from"].is_null(), "{ticket}");
    assert_eq!(desk.json(&["outbox", "list", "--all"]), serde_json::json!([]));
}
