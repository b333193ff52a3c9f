//! Law 12: the history is append-only, whole, and chained.

use super::*;
use crate::support::desk::{header, pgp_mime, plain, protected};
use sha2::{Digest, Sha256};

/// A ticket without its history and times of sending, and how many events it has.
fn state(desk: &Desk, number: &str) -> (Value, usize) {
    let mut ticket = desk.show(number);
    let events = ticket["history"].as_array().unwrap().len();
    ticket.as_object_mut().unwrap().remove("history");
    (ticket, events)
}

#[test]
fn law_12_each_change_of_a_ticket_is_a_row_with_who_when_and_what() {
    let desk = Desk::new();
    let mail = plain("a@corp.example", "Report", "report");
    desk.ingest(&mail, FRIDAY);
    once(&desk, FRIDAY);
    let ours = header(&desk.sent_to("a@corp.example")[0], "Message-ID").unwrap();
    let reply =
        |subject: &str| with_fields(&plain("a@corp.example", subject, "more"), &format!("In-Reply-To: {ours}\r\n"));
    let (urgent, red) = (reply("[URGENT] Re: Report"), reply("Re: TLP:RED Report"));
    let relayed = [b"Received: by relay\r\n".as_slice(), &mail].concat();
    let acts: Vec<(&str, Box<dyn Fn(&str)>)> = vec![
        ("vigie: further mail from mailbox csirt", Box::new(|now| drop(desk.ingest(&reply("Re: Report"), now)))),
        ("vigie: reported urgent", Box::new(|now| drop(desk.ingest(&urgent, now)))),
        ("vigie: TLP none -> RED", Box::new(|now| drop(desk.ingest(&red, now)))),
        ("vigie: the same mail again, from mailbox csirt", Box::new(|now| drop(desk.ingest(&relayed, now)))),
        (
            "alice: state new -> open",
            Box::new(|now| drop(desk.ok(&["--now", now, "--as", "alice", "ticket", "state", "1", "open"]))),
        ),
        (
            "alice: assigned to bob",
            Box::new(|now| drop(desk.ok(&["--now", now, "--as", "alice", "ticket", "assign", "1", "bob"]))),
        ),
        (
            "alice: priority normal -> emergency",
            Box::new(|now| drop(desk.ok(&["--now", now, "--as", "alice", "ticket", "priority", "1", "emergency"]))),
        ),
        (
            "alice: label",
            Box::new(|now| drop(desk.ok(&["--now", now, "--as", "alice", "ticket", "label", "1", "+phishing"]))),
        ),
        (
            "alice: note written",
            Box::new(|now| drop(desk.feed(&["--now", now, "--as", "alice", "ticket", "note", "1"], b"note\n"))),
        ),
        (
            "alice: answer written",
            Box::new(|now| {
                let arguments =
                    ["--now", now, "--as", "alice", "ticket", "answer", "1", "--allow-clear", "--reason", "asked for"];
                assert_eq!(code(&desk.feed(&arguments, b"answer\n")), 0);
            }),
        ),
        ("alice: answer accepted by the mail server", Box::new(|now| once(&desk, now))),
        ("vigie: state waiting -> open", Box::new(|now| drop(desk.ingest(&reply("Re: Re: Report"), now)))),
        ("vigie: reminder to", Box::new(|_| once(&desk, "2026-12-03T10:00:00+01:00"))),
        ("vigie: escalation 1 to lead", Box::new(|_| once(&desk, "2026-12-03T19:00:00+01:00"))),
        (
            "alice: state open -> closed",
            Box::new(|_| drop(desk.ok(&["--as", "alice", "ticket", "state", "1", "closed", "--reason", "by phone"]))),
        ),
    ];
    let mut before = state(&desk, "1");
    for (minute, (what, act)) in acts.iter().enumerate() {
        act(&format!("2026-11-27T18:{:02}:00+01:00", minute + 10));
        let after = state(&desk, "1");
        let told = told(&desk, "1");
        assert!(told[before.1..].iter().any(|line| line.starts_with(what)), "{what} lacks in {:?}", &told[before.1..]);
        before = after;
    }
    // Each row has its time, and they stand in order.
    let ticket = desk.show("1");
    let times: Vec<&str> =
        ticket["history"].as_array().unwrap().iter().map(|event| event["at"].as_str().unwrap()).collect();
    assert!(times.is_sorted() && times[0] == FRIDAY, "{times:?}");
    // No word of the mails stands in it.
    assert!(!ticket["history"].to_string().contains("Report"), "{}", ticket["history"]);
}

#[test]
fn law_12_what_a_later_key_opens_is_written_down_with_all_that_rises() {
    let desk = Desk::new();
    let key = std::fs::read(desk.path("team.asc")).unwrap();
    std::fs::remove_file(desk.path("team.asc")).unwrap();
    let inner = protected("a@else.example", "[URGENT] TLP:AMBER inside", "body");
    let sealed = desk.gpg.seal(&[&desk.team], None, inner.as_bytes());
    desk.ingest(&pgp_mime("a@else.example", "...", &sealed), FRIDAY);
    std::fs::write(desk.path("team.asc"), key).unwrap();
    once(&desk, "2026-11-27T18:05:00+01:00");
    let told = told(&desk, "1");
    for what in ["opened with a key that came later", "reported urgent", "TLP none -> AMBER"] {
        assert!(told.iter().any(|line| line.contains(what)), "{what} lacks in {told:?}");
    }
    let ticket = desk.show("1");
    assert_eq!((&ticket["tlp"], &ticket["urgent_unprotected"]), (&json!("AMBER"), &json!(false)));
}

#[test]
fn urgency_counts_as_protected_once_a_protected_subject_has_said_it() {
    let desk = Desk::new();
    let reporter = desk.befriend("A <a@corp.example>");
    desk.ingest(&plain("a@corp.example", "[URGENT] Report", "report"), FRIDAY);
    once(&desk, FRIDAY);
    assert_eq!(desk.show("1")["urgent_unprotected"], true);
    let ours = desk.show("1")["messages"][1]["message_id"].as_str().unwrap().to_owned();
    let say = |subject: &str, body: &str| {
        let inner = protected("a@corp.example", subject, body);
        let sealed = desk.gpg.seal(&[&desk.team], Some(&reporter), inner.as_bytes());
        // Ciphertext belongs where its outer fields say.
        let mail = text(&pgp_mime("a@corp.example", "...", &sealed));
        desk.ingest(
            mail.replacen("MIME-Version", &format!("In-Reply-To: {ours}\r\nMIME-Version"), 1).as_bytes(),
            FRIDAY,
        )
    };
    assert_eq!(say("Re: [EX-2026-000001] Report", "no urgency here")["outcome"], "joined");
    assert_eq!(desk.show("1")["urgent_unprotected"], true);
    assert_eq!(say("Re: [URGENT] [EX-2026-000001] Report", "now it is proven")["outcome"], "joined");
    assert_eq!(desk.show("1")["urgent_unprotected"], false);
}

/// Every row of the history, as it is chained.
fn rows(desk: &Desk) -> Vec<(i64, Option<i64>, i64, String, String, String)> {
    let store = store(desk);
    let mut rows = store.prepare("SELECT id, ticket_id, at, who, what, chain FROM history ORDER BY id").unwrap();
    let found = rows.query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?, r.get(5)?))).unwrap();
    found.collect::<Result<_, _>>().unwrap()
}

/// The chain as DESIGN has it, computed without our code: SHA-256 over length-prefixed fields.
fn link(before: &str, ticket: Option<i64>, at: i64, who: &str, what: &str) -> String {
    let mut hash = Sha256::new();
    for field in [before, &ticket.unwrap_or(0).to_string(), &at.to_string(), who, what] {
        hash.update((field.len() as u64).to_be_bytes());
        hash.update(field.as_bytes());
    }
    hash.finalize().iter().map(|octet| format!("{octet:02x}")).collect()
}

/// The first row whose chain does not hold.
fn broken(desk: &Desk) -> Option<i64> {
    let mut before = String::new();
    for (id, ticket, at, who, what, chain) in rows(desk) {
        if chain != link(&before, ticket, at, &who, &what) {
            return Some(id);
        }
        before = chain;
    }
    None
}

#[test]
fn law_12_the_chain_holds_and_shows_every_tampering() {
    let desk = Desk::new();
    for nth in 0..3 {
        desk.ingest(&plain("a@corp.example", "[URGENT] Report", &format!("report {nth}")), FRIDAY);
    }
    once(&desk, "2026-12-04T10:00:00+01:00");
    assert!(rows(&desk).len() > 12, "{:?}", rows(&desk));
    assert_eq!(broken(&desk), None);
    let store = store(&desk);
    for refused in [
        "UPDATE history SET what = 'nothing happened' WHERE id = 2",
        "UPDATE history SET chain = '' WHERE id = 2",
        "DELETE FROM history WHERE id = 2",
        "DELETE FROM history",
    ] {
        let error = store.execute_batch(refused).unwrap_err().to_string();
        assert!(error.contains("append-only"), "{refused}: {error}");
    }
    assert_eq!(broken(&desk), None);
    // Whoever gets round the triggers breaks the chain.
    store.execute_batch("DROP TRIGGER history_is_append_only_1; DROP TRIGGER history_is_append_only_2").unwrap();
    store.execute_batch("UPDATE history SET who = 'alice' WHERE id = 3").unwrap();
    assert_eq!(broken(&desk), Some(3));
    store.execute_batch("UPDATE history SET who = 'vigie' WHERE id = 3; DELETE FROM history WHERE id = 5").unwrap();
    assert_eq!(broken(&desk), Some(6));
}
