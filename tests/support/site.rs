//! A desk between real servers: Dovecot before it, an SMTP server behind it, and the real time.

use super::desk::{Desk, Setup, until};
use super::dovecot::Dovecot;
use super::smtp::{Mail, Recorder};
use serde_json::Value;
use std::time::Duration;
use vigie::rules::settings::Tls;

/// How long a test waits for what takes well under a second on an idle machine.
pub const SOON: Duration = Duration::from_secs(30);

/// The user whose mailbox most tests watch.
pub const CSIRT: &str = "csirt@example.org";

/// Dovecot, a recorder that takes all mail, and a desk between them.
pub struct Site {
    pub dovecot: Dovecot,
    pub recorder: Recorder,
    pub desk: Desk,
}

/// The `[smtp]` table for a server on this machine that speaks in clear.
pub fn smtp_in_clear(port: u16) -> String {
    format!("[smtp]\ntransport = \"smtp\"\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"none\"\n")
}

/// A setup in real time, with caps on acknowledgements that no test reaches.
pub fn setup(mailboxes: &str, smtp_port: u16) -> Setup {
    Setup {
        mailboxes: mailboxes.to_owned(),
        smtp: smtp_in_clear(smtp_port),
        more: "[acknowledge]\nper_address = \"1000/hour\"\nper_domain = \"1000/hour\"\ntotal = \"1000/hour\"\n"
            .to_owned(),
        simulated: false,
        ..Setup::default()
    }
}

impl Site {
    /// One mailbox, csirt@, over implicit TLS.
    pub fn new() -> Site {
        Site::with("")
    }

    /// The same with more keys in the mailbox's table.
    pub fn with(more: &str) -> Site {
        let (dovecot, recorder) = (Dovecot::start(), Recorder::start());
        let desk = Desk::with(setup(&dovecot.mailbox("csirt", Tls::Implicit, more), recorder.port));
        Site { dovecot, recorder, desk }
    }

    /// Delivers to csirt@.
    pub fn deliver(&self, mail: &[u8]) {
        self.dovecot.deliver(CSIRT, mail);
    }

    /// Waits until so many mails have left to an address; gives them.
    pub fn await_mail(&self, to: &str, count: usize) -> Vec<Mail> {
        until(&format!("{count} mails to {to}\n{}", self.desk.log()), SOON, || {
            self.recorder.mails_to(to).len() >= count
        });
        self.recorder.mails_to(to)
    }

    /// Waits until so many mails lie in a folder of csirt@.
    pub fn await_files(&self, folder: &str, count: usize) {
        let what = || format!("{count} mails in {folder}");
        until(&what(), SOON, || self.dovecot.files(CSIRT, folder).len() == count);
    }

    /// All tickets.
    pub fn tickets(&self) -> Vec<Value> {
        self.desk.json(&["ticket", "list", "--all"]).as_array().cloned().unwrap_or_default()
    }
}

/// The rows of the outbox, those that were sent too: (kind, state, whole row).
pub fn outbox(desk: &Desk) -> Vec<(String, String, Value)> {
    let word = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    let rows = desk.json(&["outbox", "list", "--all"]);
    rows.as_array().unwrap().iter().map(|row| (word(row, "kind"), word(row, "state"), row.clone())).collect()
}

/// The one row of a kind.
pub fn out_row(desk: &Desk, kind: &str) -> Value {
    let rows: Vec<Value> = outbox(desk).into_iter().filter(|(of, _, _)| of == kind).map(|(_, _, row)| row).collect();
    assert_eq!(rows.len(), 1, "one {kind}: {rows:?}");
    rows[0].clone()
}

/// Waits until the one row of a kind is in a state; gives it.
pub fn await_state(desk: &Desk, kind: &str, state: &str) -> Value {
    let of_kind = |desk: &Desk| outbox(desk).into_iter().find(|(of, _, _)| of == kind);
    until(&format!("{kind} is {state}"), SOON, || of_kind(desk).is_some_and(|(_, is, _)| is == state));
    out_row(desk, kind)
}

/// `status` as JSON, and the exit code of the command.
pub fn status(desk: &Desk) -> (Value, Option<i32>) {
    let output = desk.run(&["--json", "status"]);
    let shown = serde_json::from_slice(&output.stdout);
    (shown.unwrap_or_else(|error| panic!("{error}: {}", super::desk::text(&output.stderr))), output.status.code())
}

/// The last error of a loop, as `status` shows it.
pub fn loop_error(desk: &Desk, name: &str) -> Option<String> {
    let (shown, _) = status(desk);
    let found = shown["loops"].as_array()?.iter().find(|turn| turn["name"] == name)?.clone();
    found["last_error"].as_str().map(str::to_owned)
}

/// Waits until the last error of a loop holds a word.
pub fn await_loop_error(desk: &Desk, name: &str, word: &str) {
    let what = format!("{name}: {word}");
    until(&what, SOON, || loop_error(desk, name).is_some_and(|error| error.contains(word)));
}

/// Waits until a loop has turned well.
pub fn await_loop_well(desk: &Desk, name: &str) {
    until(&format!("{name} turns well"), SOON, || {
        let (shown, _) = status(desk);
        let loops = shown["loops"].as_array().cloned().unwrap_or_default();
        loops.iter().any(|turn| turn["name"] == name && turn["last_error"].is_null() && !turn["last_ok"].is_null())
    });
}

/// The octets of all mails to one address that came to their end, accepted or not.
pub fn tries(recorder: &Recorder, to: &str) -> Vec<Vec<u8>> {
    let to_them = |mail: &Mail| mail.to.iter().any(|address| address.contains(to));
    recorder.everything().into_iter().filter(to_them).map(|mail| mail.data).collect()
}
