//! P9: the team is reached 24 hours, 7 days: rota, pages, channels, digest. The real binary.

mod support;

#[path = "duty/digest.rs"]
mod digest;
#[path = "duty/pages.rs"]
mod pages;
#[path = "duty/rota.rs"]
mod rota;
#[path = "duty/webhook.rs"]
mod webhook;

use serde_json::Value;
use support::desk::{Desk, text};

/// Friday, 27 November 2026: alice's week.
const FRIDAY: &str = "2026-11-27T18:01:00+01:00";

/// Changes the config.
fn reconfigure(desk: &Desk, from: &str, to: &str) {
    let config = std::fs::read_to_string(desk.path("vigie.toml")).expect("a config");
    assert!(config.contains(from), "{from:?} is not in the config");
    std::fs::write(desk.path("vigie.toml"), config.replace(from, to)).expect("a config");
}

/// Does what is due at a time; it must succeed.
fn once(desk: &Desk, now: &str) {
    let output = desk.once(now);
    assert!(output.status.success(), "{now}: {}\n{}", output.status, text(&output.stderr));
}

/// `duty show` at a time.
fn shown(desk: &Desk, now: &str) -> Value {
    desk.json(&["--now", now, "duty", "show"])
}

/// The rows of the outbox of one kind, those that were sent too.
fn owed(desk: &Desk, kind: &str) -> Vec<Value> {
    let rows = desk.json(&["outbox", "list", "--all"]);
    rows.as_array().expect("rows").iter().filter(|row| row["kind"] == kind).cloned().collect()
}

/// The mails to one address whose subject holds these words.
fn mails(desk: &Desk, to: &str, subject: &str) -> Vec<String> {
    let subject_of = |mail: &String| support::desk::header(mail, "Subject").unwrap_or_default();
    desk.sent_to(to).into_iter().filter(|mail| subject_of(mail).contains(subject)).collect()
}
