//! How analysts answer from where they already work: by replying to an alert, in their editor, from
//! the Sent folder; what proves who a reporter is; and what colleagues see in their mail client.

mod support;

#[path = "answers/by_reply.rs"]
mod by_reply;

#[path = "answers/editor.rs"]
mod editor;

#[path = "answers/identity.rs"]
mod identity;

use serde_json::{Value, json};
use support::desk::{Desk, Setup, header, pgp_mime, plain, text, unquoted};

/// Friday 27 November 2026, 18:01 in Paris. Alice is on duty.
const FRIDAY: &str = "2026-11-27T18:01:00+01:00";
/// Ten minutes later.
const LATER: &str = "2026-11-27T18:11:00+01:00";

/// A desk that knows alice's and bob's keys; gives both fingerprints.
fn keyed() -> (Desk, String, String) {
    let desk = Desk::with(Setup::default());
    let alice = desk.befriend("Alice <alice@example.org>");
    let bob = desk.befriend("Bob <bob@example.org>");
    for (name, key) in [("alice", &alice), ("bob", &bob)] {
        let named = format!("address = \"{name}@example.org\"\n");
        let config = std::fs::read_to_string(desk.path("vigie.toml")).unwrap();
        let with_key = config.replace(&named, &format!("{named}fingerprint = \"{key}\"\n"));
        std::fs::write(desk.path("vigie.toml"), with_key).unwrap();
    }
    (desk, alice, bob)
}

/// `run --once`, which must find nothing to complain about.
fn once(desk: &Desk, now: &str) {
    let output = desk.once(now);
    assert!(output.status.success(), "{}", text(&output.stderr));
}

/// What GnuPG reads in an encrypted mail, its MIME entity, as a mail client shows it.
fn opened(desk: &Desk, mail: &str) -> String {
    let from = mail.find("-----BEGIN PGP MESSAGE-----").unwrap_or_else(|| panic!("not encrypted: {mail}"));
    let ran = desk.gpg.run(&["--decrypt"], &mail.as_bytes()[from..]);
    assert!(ran.success, "{:?}", ran.status);
    unquoted(&text(&ran.out)).replace("\r\n", "\n")
}

/// The text of an opened mail, each line behind the sign of a quote.
fn quoted(opened: &str) -> String {
    let body = opened.split_once("\n\n").expect("a body").1;
    let lines: String = body.lines().map(|line| format!("> {line}\r\n")).collect();
    format!("On Friday, CSIRT-EXAMPLE wrote:\r\n{lines}")
}

/// What a ticket's history says, one line an event: `who: what`.
fn told(desk: &Desk, number: &str) -> Vec<String> {
    let ticket = desk.show(number);
    let line = |event: &Value| format!("{}: {}", event["who"].as_str().unwrap(), event["what"].as_str().unwrap());
    ticket["history"].as_array().unwrap().iter().map(line).collect()
}

/// Rows of the outbox, also those that are done, of one kind.
fn owed(desk: &Desk, kind: &str) -> Vec<Value> {
    let rows = desk.json(&["outbox", "list", "--all"]);
    rows.as_array().unwrap().iter().filter(|row| row["kind"] == kind).cloned().collect()
}
