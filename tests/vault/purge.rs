//! P14: what is kept no longer than needed is gone from every file, and the history stays whole.

use super::*;
use crate::support::desk::header;

const CLOSED: &str = "2026-11-28T10:00:00+01:00";
const YEARS_LATER: &str = "2029-12-03T10:00:00+01:00";
/// No acknowledgement waits behind a cap.
const RETENTION: &str = "[retention]\nclosed_after = \"3 years\"\n[acknowledge]\nper_address = \"1000/hour\"\n\
                         per_domain = \"1000/hour\"\ntotal = \"1000/hour\"\n";
const CANARIES: [&str; 5] = ["Zanzibar", "Quokka", "Narwhal", "walrus@corp.example", "platypus"];

fn canaried(nth: u32) -> Vec<u8> {
    let mail = String::from_utf8(with_attachment("Quokka <walrus@corp.example>", &format!("Zanzibar{nth}"))).unwrap();
    mail.replace("see 198", &"Narwhal, see 198".repeat(500)).into_bytes()
}

/// (file, word) for each canary in a file of the store.
fn traces(desk: &Desk) -> Vec<(String, &'static str)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(desk.folder()).unwrap().flatten().filter(|e| e.file_type().unwrap().is_file()) {
        let octets = std::fs::read(entry.path()).unwrap();
        for word in CANARIES {
            let folded = octets.to_ascii_lowercase();
            if folded.windows(word.len()).any(|window| window == word.to_lowercase().as_bytes()) {
                found.push((entry.file_name().into_string().unwrap(), word));
            }
        }
    }
    found
}

fn close(desk: &Desk, number: &str) {
    desk.ok(&["--now", CLOSED, "--as", "alice", "ticket", "state", number, "closed", "--reason", "done"]);
}

#[test]
fn p14_what_is_purged_leaves_no_trace_in_any_file_and_the_history_whole() {
    for through_daemon in [false, true] {
        let desk = Desk::with(with(RETENTION));
        for nth in 0..20 {
            desk.ingest(&canaried(nth), FRIDAY);
        }
        desk.once(FRIDAY);
        for nth in 1..=20 {
            close(&desk, &nth.to_string());
        }
        desk.ingest(&plain("b@corp.example", "Stays", "stays"), CLOSED);
        assert!(traces(&desk).len() >= CANARIES.len(), "the search is blind: {:?}", traces(&desk));
        let rows = verify(&desk, &[]).0["rows"].as_i64().unwrap();
        let dry = desk.ok(&["--now", YEARS_LATER, "purge", "--dry-run"]);
        assert!(dry.contains("EX-2026-000020 would be purged") && !dry.contains("000021"), "{dry}");
        assert!(traces(&desk).len() >= CANARIES.len(), "a dry run changes nothing");
        let daemon = through_daemon.then(|| desk.daemon_with(&["--now", CLOSED]));
        let purged = desk.json(&["--now", YEARS_LATER, "--as", "alice", "purge"]);
        if !through_daemon {
            assert_eq!(purged["tickets"].as_array().unwrap().len(), 20, "{purged}");
        }
        assert_eq!(traces(&desk), [], "through the daemon: {through_daemon}");
        if let Some(daemon) = daemon {
            daemon.stop();
            assert_eq!(traces(&desk), []);
        }
        // What stays: number, dates, state, history; and the other ticket.
        let ticket = desk.show("EX-2026-000001");
        assert_eq!(
            (&ticket["number"], &ticket["state"], &ticket["subject"]),
            (&"EX-2026-000001".into(), &"closed".into(), &"".into())
        );
        assert!(ticket["received_at"].is_string() && ticket["history"].as_array().unwrap().len() > 3, "{ticket}");
        assert!(ticket["history"].to_string().contains("purged"));
        assert_eq!((&ticket["attachments"], ticket["indicators"].as_array().map(Vec::len)), (&Value::Null, Some(0)));
        assert_eq!(desk.show("EX-2026-000021")["messages"][0]["text"].as_str().map(str::trim), Some("stays"));
        assert_eq!(desk.json(&["ticket", "search", "zanzibar1"]).as_array().map(Vec::len), Some(0));
        let (view, code) = verify(&desk, &[]);
        assert_eq!((code, view["rows"].as_i64() > Some(rows)), (0, true), "{view}");
        // Again, and once more by the loop: nothing is left to do.
        assert_eq!(desk.json(&["purge"])["tickets"], serde_json::json!([]));
    }
}

#[test]
fn p14_only_what_was_put_away_long_enough_ago_goes() {
    let desk = Desk::with(with(RETENTION));
    for nth in 0..4 {
        desk.ingest(&canaried(nth), FRIDAY);
    }
    desk.once(FRIDAY);
    close(&desk, "1");
    close(&desk, "2");
    desk.ok(&["--now", "2027-06-01T10:00:00+02:00", "--as", "alice", "ticket", "state", "EX-2026-000003", "rejected"]);
    let noted = desk.feed(
        &["--now", "2028-01-10T10:00:00+01:00", "--as", "alice", "ticket", "note", "EX-2026-000002"],
        b"once more\n",
    );
    assert_eq!(code(&noted), 0, "{}", text(&noted.stderr));
    let purge = |now: &str| desk.json(&["--now", now, "purge"])["tickets"].clone();
    assert_eq!(purge("2029-11-28T09:59:00+01:00"), serde_json::json!([]), "not a minute early");
    assert_eq!(purge("2029-11-28T10:01:00+01:00"), serde_json::json!(["EX-2026-000001"]));
    assert_eq!(purge("2030-12-01T10:00:00+01:00"), serde_json::json!(["EX-2026-000003"]));
    assert_eq!(purge("2031-12-01T10:00:00+01:00"), serde_json::json!(["EX-2026-000002"]), "a later word counts");
    assert_eq!(desk.show("EX-2026-000004")["subject"], "Zanzibar3", "an open ticket is never purged");
}

#[test]
fn p14_octets_that_a_living_ticket_holds_too_stay() {
    let desk = Desk::with(with(RETENTION));
    desk.ingest(&canaried(1), FRIDAY);
    desk.ingest(&canaried(2), FRIDAY);
    desk.once(FRIDAY);
    // The same octets in both: as a message that was split off and filed again.
    let store = store(&desk);
    store.execute_batch("UPDATE message SET raw_id = (SELECT raw_id FROM message WHERE id = 1) WHERE id = 2").unwrap();
    drop(store);
    close(&desk, "1");
    desk.ok(&["--now", YEARS_LATER, "purge"]);
    let raw = desk.run(&["ticket", "raw", "EX-2026-000002"]);
    assert_eq!((code(&raw), raw.stdout == canaried(1)), (0, true), "{}", text(&raw.stderr));
}

#[test]
fn p14_the_daemon_purges_daily_where_it_is_configured_and_never_otherwise() {
    let desk = Desk::with(with(""));
    desk.ingest(&canaried(1), FRIDAY);
    desk.once(FRIDAY);
    close(&desk, "1");
    desk.once(YEARS_LATER);
    assert_eq!(desk.show("EX-2026-000001")["subject"], "Zanzibar1");
    let output = desk.run(&["purge"]);
    assert_eq!(code(&output), 1);
    assert!(text(&output.stderr).contains("closed_after"), "{}", text(&output.stderr));
    desk.configure(&with(RETENTION));
    desk.once(YEARS_LATER);
    assert_eq!(desk.show("EX-2026-000001")["subject"], "");
    assert_eq!(traces(&desk), []);
    // A reply to what is gone opens a ticket of its own.
    let reply = plain("walrus@corp.example", "Re: [EX-2026-000001] Zanzibar", "again");
    let line = desk.ingest(&reply, YEARS_LATER);
    assert_eq!((&line["outcome"], &line["ticket"]), (&"filed".into(), &"EX-2029-000001".into()), "{line}");
    assert!(
        header(&desk.sent().last().map_or(String::new(), |(_, mail)| mail.clone()), "Subject").is_none_or(|_| true)
    );
}

#[test]
fn p14_a_merged_ticket_goes_with_the_one_it_lives_in_and_a_linked_one_stays() {
    let desk = Desk::with(with(RETENTION));
    for nth in 0..3 {
        desk.ingest(&canaried(nth), FRIDAY);
    }
    desk.once(FRIDAY);
    desk.ok(&["--now", FRIDAY, "--as", "alice", "ticket", "merge", "1", "2"]);
    desk.ok(&["--now", FRIDAY, "--as", "alice", "ticket", "link", "2", "3", "--kind", "related"]);
    let purge = |now: &str| desk.json(&["--now", now, "purge"])["tickets"].clone();
    assert_eq!(purge("2029-12-01T10:00:00+01:00"), serde_json::json!([]), "the other one is open");
    desk.ok(&["--as", "alice", "ticket", "state", "EX-2026-000002", "closed", "--reason", "done"]);
    assert_eq!(purge("2032-12-05T10:00:00+01:00"), serde_json::json!(["EX-2026-000001", "EX-2026-000002"]));
    let linked = desk.show("EX-2026-000003");
    assert_eq!(
        (&linked["subject"], linked["links"].to_string().contains("EX-2026-000002")),
        (&"Zanzibar2".into(), true),
        "{linked}"
    );
    let undone = desk.run(&["--as", "alice", "ticket", "unmerge", "EX-2026-000001"]);
    assert_eq!(code(&undone), 1, "what is gone cannot be parted");
    assert_eq!(verify(&desk, &[]).1, 0);
}

#[test]
fn p14_a_ticket_for_which_mail_is_still_to_leave_is_purged_later() {
    let desk = Desk::with(with(RETENTION));
    desk.ingest(&canaried(1), FRIDAY);
    close(&desk, "1");
    assert_eq!(desk.json(&["--now", YEARS_LATER, "purge"])["tickets"], serde_json::json!([]));
    let owed = desk.json(&["outbox", "list"]);
    for row in owed.as_array().unwrap() {
        desk.ok(&["--as", "alice", "outbox", "drop", &row["id"].to_string(), "--reason", "too late"]);
    }
    let purged = desk.json(&["--now", "2032-12-10T10:00:00+01:00", "purge"]);
    assert_eq!(purged["tickets"], serde_json::json!(["EX-2026-000001"]));
    assert_eq!(traces(&desk), []);
}
