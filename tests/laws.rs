//! The laws of DESIGN.md, and what follows from them, on the built binary. Each test is named for
//! the sentence that it holds to; the file it lies in, for what is at stake.

mod support;

#[path = "laws/forging.rs"]
mod forging;
#[path = "laws/history.rs"]
mod history;
#[path = "laws/keeping.rs"]
mod keeping;
#[path = "laws/people.rs"]
mod people;
#[path = "laws/quiet.rs"]
mod quiet;
#[path = "laws/sending.rs"]
mod sending;
#[path = "laws/storms.rs"]
mod storms;

use rusqlite::Connection;
use serde_json::{Value, json};
use std::process::Output;
use support::desk::{Desk, Setup, text};

/// Friday 27 November 2026, 18:01 in Paris. Alice is on duty.
const FRIDAY: &str = "2026-11-27T18:01:00+01:00";

/// The exit code.
fn code(output: &Output) -> i32 {
    output.status.code().expect("an exit code")
}

/// The store itself, which is not encrypted on these desks.
fn store(desk: &Desk) -> Connection {
    Connection::open(desk.path("vigie.db")).expect("the store")
}

/// One number out of the store.
fn count(desk: &Desk, sql: &str) -> i64 {
    store(desk).query_row(sql, [], |row| row.get(0)).expect("a number")
}

/// All that lists and tickets show.
fn everything(desk: &Desk) -> Value {
    let tickets = desk.json(&["ticket", "list", "--all"]);
    let numbers = tickets.as_array().unwrap().iter().map(|ticket| ticket["number"].as_str().unwrap());
    let shown: Vec<Value> = numbers.map(|number| desk.show(number)).collect();
    json!({
        "tickets": shown,
        "outbox": desk.json(&["outbox", "list", "--all"]),
        "quarantine": desk.json(&["quarantine", "list"]),
        "duty": desk.json(&["duty", "show"]),
        "keys": desk.json(&["key", "list"]),
    })
}

/// Rows of the outbox, also those that are done, of one kind.
fn owed(desk: &Desk, kind: &str) -> Vec<Value> {
    let rows = desk.json(&["outbox", "list", "--all"]);
    rows.as_array().unwrap().iter().filter(|row| row["kind"] == kind).cloned().collect()
}

/// What a ticket's history says, one line an event: `who: what`.
fn told(desk: &Desk, number: &str) -> Vec<String> {
    let ticket = desk.show(number);
    let line = |event: &Value| format!("{}: {}", event["who"].as_str().unwrap(), event["what"].as_str().unwrap());
    ticket["history"].as_array().unwrap().iter().map(line).collect()
}

/// A desk with a mailbox of each kind: `contact`, `csirt`, `feed`.
fn three_mailboxes() -> Desk {
    let mailbox = |name: &str, kind: &str| {
        format!(
            "[[mailbox]]\nname = \"{name}\"\naddresses = [\"{name}@example.org\"]\nkind = \"{kind}\"\nsource = \"maildir\"\npath = \"{name}\"\n"
        )
    };
    let mailboxes = mailbox("csirt", "incident") + &mailbox("contact", "contact") + &mailbox("feed", "feed");
    let desk = Desk::with(Setup { mailboxes, ..Setup::default() });
    for name in ["csirt", "contact", "feed"] {
        for sub in ["new", "cur", "tmp"] {
            std::fs::create_dir_all(desk.path(name).join(sub)).unwrap();
        }
    }
    desk
}

/// `run --once`, which must find nothing to complain about.
fn once(desk: &Desk, now: &str) {
    let output = desk.once(now);
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
}

/// Changes words of the config.
fn reconfigure(desk: &Desk, from: &str, to: &str) {
    let config = std::fs::read_to_string(desk.path("vigie.toml")).unwrap();
    assert!(config.contains(from), "{from:?} is not in the config");
    std::fs::write(desk.path("vigie.toml"), config.replacen(from, to, 1)).unwrap();
}

/// A mail with more header fields before its MIME-Version.
fn with_fields(mail: &[u8], fields: &str) -> Vec<u8> {
    text(mail).replacen("MIME-Version:", &format!("{fields}MIME-Version:"), 1).into_bytes()
}
