//! What guards the store: audit, purge, backup, restore, a new key (P14, P18, law 12).

mod support;

#[path = "vault/audit.rs"]
mod audit;
#[path = "vault/backup.rs"]
mod backup;
#[path = "vault/migrations.rs"]
mod migrations;
#[path = "vault/purge.rs"]
mod purge;
#[path = "vault/rekey.rs"]
mod rekey;

use serde_json::Value;
use std::process::Output;
use support::desk::{Desk, Setup, plain, text};

const FRIDAY: &str = "2026-11-27T18:01:00+01:00";
const MONDAY: &str = "2026-11-30T08:05:00+01:00";

fn code(output: &Output) -> i32 {
    output.status.code().expect("an exit code")
}

/// The desk's store, opened behind the program's back.
fn store(desk: &Desk) -> rusqlite::Connection {
    rusqlite::Connection::open(desk.path("vigie.db")).expect("the store")
}

/// A setup with more lines of config; the head of the history is mailed where they say so.
fn with(more: &str) -> Setup {
    Setup { more: more.to_owned(), ..Setup::default() }
}

/// A desk whose store has a key.
fn keyed() -> Desk {
    keyed_with("0badc0de")
}

/// The same with a key of these eight digits again and again.
fn keyed_with(digits: &str) -> Desk {
    let desk = Desk::new();
    let config = std::fs::read_to_string(desk.path("vigie.toml")).unwrap();
    let keyed = config.replace("path = \"vigie.db\"", "path = \"vigie.db\"\nkey_file = \"store.key\"");
    std::fs::write(desk.path("vigie.toml"), keyed).unwrap();
    std::fs::write(desk.path("store.key"), digits.repeat(8)).unwrap();
    std::fs::set_permissions(desk.path("store.key"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    desk
}

/// `audit verify --json`: what it says, and its exit code.
fn verify(desk: &Desk, more: &[&str]) -> (Value, i32) {
    let output = desk.run(&[&["--json", "audit", "verify"], more].concat());
    let view = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}{}", text(&output.stdout), text(&output.stderr)));
    (view, code(&output))
}

/// The places of the faults.
fn places(view: &Value) -> Vec<String> {
    let faults = view["faults"].as_array().expect("faults");
    faults.iter().map(|fault| fault["place"].as_str().expect("a place").to_owned()).collect()
}

/// Files some mails, one with an attachment, and lets the acknowledgements leave.
fn fill(desk: &Desk) {
    for nth in 0..3 {
        desk.ingest(&plain("a@corp.example", "[URGENT] Report", &format!("report {nth}")), FRIDAY);
    }
    desk.ingest(&with_attachment("b@corp.example", "Log"), FRIDAY);
    let noted = desk.feed(&["--as", "alice", "ticket", "note", "1"], b"seen\n");
    assert_eq!(code(&noted), 0);
    assert_eq!(code(&desk.once(FRIDAY)), 0);
}

fn with_attachment(from: &str, subject: &str) -> Vec<u8> {
    format!(
        "From: {from}\r\nTo: csirt@example.org\r\nSubject: {subject}\r\nDate: Fri, 27 Nov 2026 18:00:00 +0100\r\n\
         Message-ID: <{subject}@corp.example>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
         --b\r\nContent-Type: text/plain\r\n\r\nsee 198.51.100.7\r\n\
         --b\r\nContent-Type: text/plain\r\nContent-Disposition: attachment; filename=platypus.log\r\n\r\nNarwhal log\r\n--b--\r\n"
    )
    .into_bytes()
}
