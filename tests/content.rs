//! What a mail holds and what the team makes of it, on the built binary: marks, consent, class, indicators,
//! forwarded mails. Each test is named for the promise that it holds to.

mod support;

#[path = "content/judged.rs"]
mod judged;
#[path = "content/marks.rs"]
mod marks;
#[path = "content/read.rs"]
mod read;
#[path = "content/texts.rs"]
mod texts;

use serde_json::{Value, json};
use std::process::Output;
use support::desk::{Desk, Setup, plain, text};

/// Friday 27 November 2026, 18:01 in Paris. Alice is on duty.
const FRIDAY: &str = "2026-11-27T18:01:00+01:00";

/// Runs `vigie --as alice ticket ...`.
fn alice(desk: &Desk, arguments: &[&str]) -> Output {
    desk.run(&[&["--as", "alice", "ticket"], arguments].concat())
}

/// The same, which must be refused (exit 1); gives why.
fn refused(desk: &Desk, arguments: &[&str]) -> String {
    let output = alice(desk, arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stderr)
}

/// The same, which must be done.
fn done(desk: &Desk, arguments: &[&str]) {
    let output = alice(desk, arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", text(&output.stderr));
}

/// What a ticket's history says.
fn told(desk: &Desk, number: &str) -> Vec<String> {
    let ticket = desk.show(number);
    let line = |event: &Value| format!("{}: {}", event["who"].as_str().unwrap(), event["what"].as_str().unwrap());
    ticket["history"].as_array().unwrap().iter().map(line).collect()
}

/// Values of one kind among a ticket's indicators.
fn values(ticket: &Value, kind: &str) -> Vec<String> {
    let all = ticket["indicators"].as_array().unwrap();
    all.iter().filter(|i| i["kind"] == kind).map(|i| i["value"].as_str().unwrap().to_owned()).collect()
}

/// A mail of several parts, each with its header fields and a blank line on top.
fn mixed(fields: &str, parts: &[String]) -> Vec<u8> {
    let parts: String = parts.iter().map(|part| format!("--b1\r\n{}\r\n", part.replace('\n', "\r\n"))).collect();
    format!(
        "Return-Path: <a@corp.example>\r\nFrom: A <a@corp.example>\r\nTo: csirt@example.org\r\nMessage-ID: <{}@corp.example>\r\n\
         {}MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"b1\"\r\n\r\n{parts}--b1--\r\n",
        fields.len() + parts.len(),
        fields.replace('\n', "\r\n")
    )
    .into_bytes()
}
