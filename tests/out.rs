//! What is found in the store, and what leaves the house: search, exports, figures, on the built binary.

mod support;

#[path = "out/exports.rs"]
mod exports;
#[path = "out/figures.rs"]
mod figures;
#[path = "out/search.rs"]
mod search;

use serde_json::Value;
use support::desk::{Desk, text};

/// Friday 27 November 2026, 18:01 in Paris.
const FRIDAY: &str = "2026-11-27T18:01:00+01:00";

/// A mail with an address and a name in From, a subject, a text, and an attachment.
fn mail(from: &str, subject: &str, body: &str, file: Option<(&str, &str)>) -> Vec<u8> {
    let id: u64 = format!("{from}{subject}{body}").bytes().fold(7, |h, b| h.wrapping_mul(31).wrapping_add(b.into()));
    let address = from.rsplit(['<', '>']).find(|part| part.contains('@')).expect("an address");
    let head = format!(
        "Return-Path: <{address}>\r\nFrom: {from}\r\nTo: csirt@example.org\r\nSubject: {subject}\r\n\
         Date: Fri, 27 Nov 2026 18:00:00 +0100\r\nMessage-ID: <{id:x}@mail.example>\r\nMIME-Version: 1.0\r\n"
    );
    let text = format!("Content-Type: text/plain; charset=utf-8\r\n\r\n{}\r\n", body.replace('\n', "\r\n"));
    match file {
        None => format!("{head}{text}"),
        Some((name, content)) => format!(
            "{head}Content-Type: multipart/mixed; boundary=\"b1\"\r\n\r\n--b1\r\n{text}--b1\r\n\
             Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=\"{name}\"\r\n\r\n\
             {content}\r\n--b1--\r\n"
        ),
    }
    .into_bytes()
}

/// Files one mail; gives the number of its ticket.
fn filed(desk: &Desk, mail: &[u8]) -> String {
    desk.ingest(mail, FRIDAY)["ticket"].as_str().expect("a ticket").to_owned()
}

/// What a refused command says, and its exit code.
fn refused(desk: &Desk, arguments: &[&str]) -> (String, Option<i32>) {
    let output = desk.run(arguments);
    assert!(!output.status.success(), "{arguments:?} was not refused: {}", text(&output.stdout));
    (text(&output.stderr), output.status.code())
}

/// The numbers of a list of tickets.
fn numbers(list: &Value) -> Vec<String> {
    let rows = list.as_array().expect("a list");
    rows.iter().map(|row| row["number"].as_str().expect("a number").to_owned()).collect()
}
