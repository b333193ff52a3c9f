//! Tickets among themselves and the people they correspond with: who is owed what, what merging,
//! splitting and writing to others does, and that nothing of one reaches another. On the built binary.

mod support;

#[path = "tickets/calls.rs"]
mod calls;
#[path = "tickets/catching_up.rs"]
mod catching_up;
#[path = "tickets/merging.rs"]
mod merging;
#[path = "tickets/others.rs"]
mod others;
#[path = "tickets/why.rs"]
mod why;

use serde_json::Value;
use std::process::Output;
use support::desk::{Desk, header, plain, text};

/// Friday 27 November 2026, 18:01 in Paris. Alice is on duty.
const FRIDAY: &str = "2026-11-27T18:01:00+01:00";

fn once(desk: &Desk, now: &str) {
    let output = desk.once(now);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

/// A verb of alice's, which must succeed.
fn alice(desk: &Desk, now: &str, verb: &[&str]) -> Value {
    let mut all = vec!["--as", "alice", "--now", now, "ticket"];
    all.extend_from_slice(verb);
    desk.json(&all)
}

/// A verb of alice's with a text, which must succeed.
fn write(desk: &Desk, now: &str, verb: &[&str], words: &str) -> Value {
    let output = try_write(desk, now, verb, words);
    assert!(output.status.success(), "{verb:?}: {}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn try_write(desk: &Desk, now: &str, verb: &[&str], words: &str) -> Output {
    let mut all = vec!["--json", "--as", "alice", "--now", now, "ticket"];
    all.extend_from_slice(verb);
    desk.feed(&all, words.as_bytes())
}

/// A verb that is refused: the exit code and the words.
fn refused(desk: &Desk, code: i32, verb: &[&str]) -> String {
    let mut all = vec!["--as", "alice", "ticket"];
    all.extend_from_slice(verb);
    let output = desk.feed(&all, b"words\n");
    assert_eq!(output.status.code(), Some(code), "{verb:?}: {}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stderr)
}

/// The Message-ID of the last mail that left to an address.
fn last_id(desk: &Desk, to: &str) -> String {
    header(desk.sent_to(to).last().unwrap_or_else(|| panic!("nothing left to {to}")), "Message-ID").expect("an ID")
}

/// A mail that refers to others.
fn reply(from: &str, subject: &str, body: &str, references: &str) -> Vec<u8> {
    let mail = text(&plain(from, subject, body));
    let last = references.split(' ').next_back().unwrap_or_default();
    mail.replacen("MIME-Version:", &format!("In-Reply-To: {last}\r\nReferences: {references}\r\nMIME-Version:"), 1)
        .into_bytes()
}

/// The Message-ID of a mail of ours here.
fn id_of(mail: &[u8]) -> String {
    header(&text(mail), "Message-ID").expect("an ID")
}

/// One correspondent of a ticket.
fn with<'a>(ticket: &'a Value, address: &str) -> &'a Value {
    let rows = ticket["correspondents"].as_array().expect("correspondents");
    rows.iter().find(|row| row["address"] == address).unwrap_or_else(|| panic!("no {address}: {rows:?}"))
}

/// What a ticket's history says.
fn told(ticket: &Value) -> Vec<&str> {
    ticket["history"].as_array().unwrap().iter().map(|event| event["what"].as_str().unwrap()).collect()
}

/// Without what time alone changes.
fn still(mut ticket: Value) -> Value {
    let fields = ticket.as_object_mut().unwrap();
    fields.remove("history");
    ticket
}
