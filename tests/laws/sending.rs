//! Laws 5, 7 and 9: what is sent, again and once; what the gate stops; what time it is.

use super::*;
use crate::support::desk::{header, pgp_mime, plain};

/// The octets that were sealed for one kind of mail, and how the row stands: (octets, state, attempts, next try).
fn row(desk: &Desk, kind: &str) -> (Vec<u8>, String, i64, i64) {
    let sql = "SELECT coalesce(sealed, ''), state, attempts, next_try_at FROM outbox WHERE kind = ?1";
    let get = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
    store(desk).query_row(sql, [kind], get).expect("one row")
}

#[test]
fn law_5_what_cannot_be_sent_is_tried_again_with_the_same_octets_and_message_id() {
    let desk = Desk::new();
    std::fs::remove_dir(desk.path("out")).unwrap();
    std::fs::write(desk.path("out"), "a file in the way").unwrap();
    desk.ingest(&plain("a@corp.example", "Report", "report"), FRIDAY);
    let failed = desk.once(FRIDAY);
    assert_eq!(code(&failed), 75, "{}", text(&failed.stderr));
    assert!(text(&failed.stderr).contains("2 messages could not be sent yet"), "{}", text(&failed.stderr));
    let (octets, state, attempts, next) = row(&desk, "acknowledgement");
    assert_eq!((state.as_str(), attempts), ("sealed", 1));
    let shown = desk.json(&["outbox", "list"]);
    assert!(shown[0]["last_error"].as_str().unwrap().contains("cannot write mail"), "{shown}");
    // Not before its time, and then with a longer pause.
    let first = jiff::Timestamp::from_microsecond(next).unwrap();
    assert!(first > FRIDAY.parse().unwrap());
    desk.once(FRIDAY);
    assert_eq!(row(&desk, "acknowledgement").2, 1);
    let mut now = first;
    for attempt in 2..=6 {
        desk.once(&now.to_string());
        let (again, _, attempts, next) = row(&desk, "acknowledgement");
        assert_eq!((attempts, &again), (attempt, &octets), "sealed once, whatever the time");
        let next = jiff::Timestamp::from_microsecond(next).unwrap();
        assert!(next > now && next.duration_since(now) <= jiff::SignedDuration::from_mins(20), "a pause with a cap");
        now = next;
    }
    // Long after that the pause is still short, and the first words leave unchanged.
    std::fs::remove_file(desk.path("out")).unwrap();
    once(&desk, "2026-11-28T18:00:00+01:00");
    let sent = desk.sent_to("a@corp.example");
    assert_eq!(sent.len(), 1);
    assert!(sent[0].ends_with(&text(&octets)), "{}", sent[0]);
    let sealed_id = header(&text(&octets), "Message-ID");
    assert_eq!((header(&sent[0], "Message-ID"), sealed_id.is_some()), (sealed_id, true));
    assert_eq!(desk.show("1")["acknowledged_at"], "2026-11-28T18:00:00+01:00", "when it was accepted");
    once(&desk, "2026-11-28T19:00:00+01:00");
    assert_eq!(desk.sent_to("a@corp.example").len(), 1);
}

#[test]
fn law_5_what_a_dead_process_was_sending_is_unsure_and_tried_once_more_with_the_same_octets() {
    let desk = Desk::new();
    desk.ingest(&plain("a@corp.example", "Report", "report"), FRIDAY);
    once(&desk, FRIDAY);
    let sent = desk.sent();
    // As if the process had died after the end of data: the row says `sending`, the mail is out.
    store(&desk).execute_batch("UPDATE outbox SET state = 'sending', done_at = NULL").unwrap();
    store(&desk).execute_batch("UPDATE ticket SET acknowledged_at = NULL").unwrap();
    std::fs::remove_dir_all(desk.path("out")).unwrap();
    std::fs::write(desk.path("out"), "a file in the way").unwrap();
    assert_eq!(code(&desk.once(FRIDAY)), 75);
    let (octets, state, attempts, _) = row(&desk, "acknowledgement");
    assert_eq!((state.as_str(), attempts), ("unsure", 2), "it is not known, and said so");
    let status = desk.run(&["status"]);
    assert!(code(&status) == 1 && text(&status.stdout).contains("unsure"), "{}", text(&status.stdout));
    std::fs::remove_file(desk.path("out")).unwrap();
    once(&desk, "2026-11-27T19:00:00+01:00");
    assert_eq!(desk.sent(), sent, "the same octets and Message-IDs, so that a reader tells copies apart");
    assert!(desk.sent_to("a@corp.example")[0].ends_with(&text(&octets)));
}

/// A desk whose one ticket came encrypted from a@corp.example, and the file of that person's certificate.
fn encrypted_report() -> (Desk, String, String) {
    let desk = Desk::new();
    let key = desk.befriend("A <a@corp.example>");
    // Not from the folder, which would bring it back at each start.
    let file = desk.path("a.asc");
    std::fs::rename(desk.path("certs").join(format!("{key}.pgp")), &file).unwrap();
    let file = file.to_str().unwrap().to_owned();
    desk.ok(&["--as", "alice", "key", "import", &file]);
    let sealed = desk.gpg.seal(&[&desk.team], None, b"Content-Type: text/plain\r\n\r\nsecret\r\n");
    desk.ingest(&pgp_mime("a@corp.example", "...", &sealed), FRIDAY);
    once(&desk, FRIDAY);
    (desk, key, file)
}

#[test]
fn law_7_an_answer_that_loses_its_certificate_before_it_is_sealed_is_blocked_and_told() {
    let (desk, key, file) = encrypted_report();
    let answered = desk.feed(&["--as", "alice", "ticket", "answer", "1"], b"The quokka is safe.\n");
    assert_eq!(code(&answered), 0, "{}", text(&answered.stderr));
    desk.ok(&["--as", "alice", "key", "remove", &key]);
    let before = desk.sent_to("a@corp.example").len();
    once(&desk, FRIDAY);
    assert_eq!(desk.sent_to("a@corp.example").len(), before, "nothing went out");
    let row = owed(&desk, "answer")[0].clone();
    assert_eq!(row["state"], "blocked");
    assert!(row["last_error"].as_str().unwrap().contains("encrypted"), "{row}");
    let notices = owed(&desk, "notice");
    let to: Vec<&str> = notices.iter().map(|row| row["to"].as_str().unwrap()).collect();
    assert_eq!(to, ["lead@example.org", "boss@example.org"], "those who take escalations are told");
    let mail = &desk.sent_to("lead@example.org")[0];
    assert!(mail.contains("blocked") && !mail.contains("quokka"), "{mail}");
    assert_eq!(desk.show("1")["answered_at"], Value::Null, "the clock runs on");
    assert!(told(&desk, "1").iter().any(|line| line.contains("blocked")), "{:?}", told(&desk, "1"));
    // The gate is asked again at a retry.
    let id = row["id"].to_string();
    desk.ok(&["--as", "alice", "outbox", "retry", &id]);
    once(&desk, "2026-11-27T18:02:00+01:00");
    assert_eq!(owed(&desk, "answer")[0]["state"], "blocked");
    desk.ok(&["--as", "alice", "key", "import", &file]);
    desk.ok(&["--as", "alice", "outbox", "retry", &id]);
    once(&desk, "2026-11-27T18:03:00+01:00");
    let answer = desk.sent_to("a@corp.example").pop().unwrap();
    assert!(answer.contains("multipart/encrypted") && !answer.contains("quokka"), "{answer}");
    assert_eq!(desk.show("1")["state"], "waiting");
    assert_eq!(owed(&desk, "notice").len(), 2, "one blocked answer is told once");
}

#[test]
fn law_7_a_mark_that_comes_between_queueing_and_sealing_is_obeyed() {
    let desk = Desk::new();
    desk.ingest(&plain("a@corp.example", "Report", "report"), FRIDAY);
    once(&desk, FRIDAY);
    let ours = header(&desk.sent_to("a@corp.example")[0], "Message-ID").unwrap();
    let answered = desk.feed(&["--as", "alice", "ticket", "answer", "1"], b"Thank you.\n");
    assert_eq!(code(&answered), 0, "an unmarked clear report may be answered in clear");
    let reply = with_fields(&plain("a@corp.example", "Re: TLP:RED", "more"), &format!("In-Reply-To: {ours}\r\n"));
    assert_eq!(desk.ingest(&reply, FRIDAY)["outcome"], "joined");
    once(&desk, FRIDAY);
    assert_eq!(owed(&desk, "answer")[0]["state"], "blocked");
    assert_eq!(desk.sent_to("a@corp.example").len(), 1, "the acknowledgement alone");
}

#[test]
fn law_7_an_expired_certificate_encrypts_nothing() {
    let (desk, key, file) = encrypted_report();
    desk.ok(&["--as", "alice", "key", "trust", &key, "--method", "call-back"]);
    desk.gpg.turn_to("20261127T165700");
    let ran = desk.gpg.run(&["--quick-set-expire", &key, "1m"], b"");
    assert!(ran.success, "{:?}", ran.status);
    std::fs::write(&file, desk.gpg.export(&key)).unwrap();
    desk.ok(&["--as", "alice", "key", "import", &file]);
    let far = "2027-02-01T10:00:00+01:00";
    let refused = desk.feed(&["--now", far, "--as", "alice", "ticket", "answer", "EX-2026-000001"], b"Thank you.\n");
    assert_eq!(code(&refused), 1, "{}", text(&refused.stderr));
    assert!(text(&refused.stderr).contains("would leave in clear"), "{}", text(&refused.stderr));
}

#[test]
fn law_9_the_simulated_clock_never_runs_backwards_and_goes_on_without_now() {
    let desk = Desk::new();
    desk.ingest(&plain("a@corp.example", "Report", "report"), FRIDAY);
    once(&desk, "2026-11-28T10:00:00+01:00");
    let earlier = desk.feed(&["--now", FRIDAY, "--as", "alice", "ticket", "note", "1"], b"earlier\n");
    assert_eq!(code(&earlier), 0);
    assert!(text(&earlier.stderr).contains("never runs backwards"), "{}", text(&earlier.stderr));
    desk.feed(&["--as", "alice", "ticket", "note", "1"], b"no time\n");
    let ticket = desk.show("1");
    let times: Vec<&str> =
        ticket["history"].as_array().unwrap().iter().map(|event| event["at"].as_str().unwrap()).collect();
    assert_eq!(times.last(), Some(&"2026-11-28T10:00:00+01:00"), "{times:?}");
    assert!(times.is_sorted(), "{times:?}");
    let line = desk.feed(&["ingest", "--mailbox", "csirt", "-"], &plain("b@corp.example", "Later", "later"));
    assert_eq!(code(&line), 0);
    assert_eq!(desk.show("2")["received_at"], "2026-11-28T10:00:00+01:00");
    // A daemon goes on from there too, and what it has lived through stays.
    let daemon = desk.daemon();
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let asked = desk.json(&["--now", "2026-11-28T12:00:00+01:00", "duty", "show"]);
    assert!(asked.is_object());
    daemon.stop();
    desk.feed(&["--as", "alice", "ticket", "note", "1"], b"after the daemon\n");
    let last = desk.show("1")["history"].as_array().unwrap().last().unwrap()["at"].as_str().unwrap().to_owned();
    assert!(last.as_str() >= "2026-11-28T12:00:00", "{last}");
}

#[test]
fn law_9_now_is_refused_on_a_real_store() {
    let desk = Desk::with(Setup { simulated: false, ..Setup::default() });
    for arguments in [&["ticket", "list"][..], &["run", "--once"], &["status"], &["key", "list"]] {
        let all = [&["--now", FRIDAY], arguments].concat();
        let output = desk.run(&all);
        assert_eq!(code(&output), 2, "{arguments:?}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains("simulated_clock"), "{}", text(&output.stderr));
    }
    let output = desk.feed(&["--now", FRIDAY, "ingest", "--mailbox", "csirt", "-"], b"x");
    assert_eq!(code(&output), 75, "an MTA keeps its mail");
    assert_eq!(desk.json(&["ticket", "list", "--all"]), json!([]));
}
