//! Laws 1 to 3: nothing that arrives is lost, nothing is done twice, and no mail blocks another.

use super::*;
use crate::support::desk::{pgp_mime, plain, protected};

#[test]
fn law_1_ingest_exits_75_whenever_a_mail_is_not_safely_stored() {
    let desk = Desk::new();
    let mail = plain("a@corp.example", "Kept", "kept");
    let good = std::fs::read_to_string(desk.path("vigie.toml")).unwrap();
    std::fs::write(desk.path("a-file"), "").unwrap();
    std::fs::write(desk.path("short.key"), "abcd\n").unwrap();
    let keyed =
        |file: &str| good.replace("path = \"vigie.db\"", &format!("path = \"vigie.db\"\nkey_file = \"{file}\""));
    desk.ok(&["ticket", "list"]);
    std::fs::write(desk.path("other.key"), "ab".repeat(32)).unwrap();
    for (what, config) in [
        ("no config", None),
        ("a config that is no TOML", Some("[team\n".to_owned())),
        ("an unknown config key", Some(good.replace("[store]", "[store]\nnonsense = 1"))),
        ("no folder for the store", Some(good.replace("vigie.db", "nowhere/vigie.db"))),
        ("a store folder that is a file", Some(good.replace("vigie.db", "a-file/vigie.db"))),
        ("a store that is a folder", Some(good.replace("vigie.db", "certs"))),
        ("a key file that is not there", Some(keyed("absent.key"))),
        ("a key file without a key", Some(keyed("short.key"))),
        ("another store's key", Some(keyed("other.key"))),
    ] {
        match config {
            Some(config) => std::fs::write(desk.path("vigie.toml"), config).unwrap(),
            None => std::fs::remove_file(desk.path("vigie.toml")).unwrap(),
        }
        let output = desk.feed(&["ingest", "--mailbox", "csirt", "-"], &mail);
        assert_eq!(code(&output), 75, "{what}: {}", text(&output.stderr));
        assert!(output.stdout.is_empty(), "{what}: {}", text(&output.stdout));
        assert!(text(&output.stderr).contains("vigie: "), "{what}: {}", text(&output.stderr));
        std::fs::write(desk.path("vigie.toml"), &good).unwrap();
    }
    for (what, arguments) in [
        ("an unknown mailbox", &["ingest", "--mailbox", "nobody", "-"][..]),
        ("no mailbox", &["ingest", "-"]),
        ("an unknown option", &["ingest", "--mailbox", "csirt", "--nonsense"]),
        ("a file that is not there", &["ingest", "--mailbox", "csirt", "absent.eml"]),
        ("a folder", &["ingest", "--mailbox", "csirt", desk.folder().to_str().unwrap()]),
        ("a time that is none", &["--now", "noon", "ingest", "--mailbox", "csirt", "-"]),
    ] {
        let output = desk.feed(arguments, &mail);
        assert_eq!(code(&output), 75, "{what}: {}", text(&output.stderr));
    }
    // The MTA has kept it, and gives it again.
    assert_eq!(desk.json(&["ticket", "list"]), json!([]));
    assert_eq!(desk.ingest(&mail, FRIDAY)["outcome"], "filed");
    assert_eq!(desk.json(&["ticket", "list"]).as_array().map(Vec::len), Some(1));
}

#[test]
fn law_1_a_store_in_use_makes_an_mta_wait_and_a_daemon_takes_the_mail() {
    let desk = Desk::new();
    let lock = std::fs::File::options().create(true).truncate(false).write(true).open(desk.path("vigie.lock")).unwrap();
    lock.lock().unwrap();
    let output = desk.feed(&["ingest", "--mailbox", "csirt", "-"], &plain("a@corp.example", "x", "x"));
    assert_eq!(code(&output), 75, "{}", text(&output.stderr));
    drop(lock);
    let daemon = desk.daemon();
    let line = desk.ingest(&plain("a@corp.example", "x", "x"), FRIDAY);
    assert_eq!(line["ticket"], "EX-2026-000001", "{line}");
    daemon.kill();
    assert_eq!(desk.show("1")["messages"][0]["subject"], "x");
}

/// Mails that say nothing, too much, or nonsense.
fn garbage() -> Vec<(&'static str, Vec<u8>)> {
    let nested = (0..3000).fold(b"Subject: innermost\r\n\r\nhello\r\n".to_vec(), |inner, _| {
        [b"Content-Type: message/rfc822\r\n\r\n".as_slice(), &inner].concat()
    });
    let megabyte = (0..30).fold(vec![b'x'; 1 << 20], |inner, nth| {
        let head = format!("From: a@corp.example\r\nSubject: {nth}\r\nContent-Type: message/rfc822\r\n\r\n");
        [head.as_bytes(), &inner].concat()
    });
    let parts = (0..5000).fold(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n".to_vec(), |mut mail, _| {
        mail.extend(b"--b\r\n\r\n");
        mail
    });
    let noise: Vec<u8> = (0_u32..40_000).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    vec![
        ("empty", Vec::new()),
        ("nul", vec![0; 5000]),
        ("noise", noise),
        ("newlines", b"\n\n\n\n".to_vec()),
        ("mbox-line", b"From a@corp.example Fri Nov 27 18:00:00 2026\n\x00".to_vec()),
        ("one-long-line", vec![b'a'; 300_000]),
        ("header-without-end", [b"Subject: ".as_slice(), &vec![b'y'; 300_000]].concat()),
        ("many-headers", b"X-A: b\r\n".repeat(20_000)),
        ("no-boundary", b"From: a@corp.example\r\nContent-Type: multipart/mixed\r\n\r\n--\r\n".to_vec()),
        ("parts", parts),
        ("nested", nested),
        ("megabyte", megabyte),
        ("bare-cr", b"From: a@corp.example\rSubject: s\r\rtext\r".to_vec()),
        ("escapes", b"From: a@corp.example\r\nSubject: \x1b]0;x\x07\x1b[2J\r\n\r\n\x1b[31m\r\n".to_vec()),
        ("half-armor", b"From: a@corp.example\r\n\r\n-----BEGIN PGP MESSAGE-----\r\n\r\nhQEMA".to_vec()),
        ("bad-base64", b"Content-Transfer-Encoding: base64\r\n\r\n%%%===\0".to_vec()),
        ("poison-number", b"Subject: [EX-9999-999999999] [EX-0000-000000]\r\n\r\n".to_vec()),
    ]
}

#[test]
fn law_1_content_never_steers_the_cursor() {
    let desk = Desk::new();
    once(&desk, FRIDAY);
    let (garbage, last) = (garbage(), plain("a@corp.example", "After all that", "hello"));
    for (name, mail) in garbage.iter().map(|(name, mail)| (*name, mail)).chain([("zz-last", &last)]) {
        desk.deliver(name, mail, FRIDAY);
    }
    once(&desk, FRIDAY);
    let tickets = desk.json(&["ticket", "list", "--all"]);
    assert_eq!(tickets.as_array().map(Vec::len), Some(garbage.len() + 1));
    assert_eq!(count(&desk, "SELECT count(*) FROM spool WHERE state = 'filed'"), garbage.len() as i64 + 1);
    for (name, mail) in &garbage {
        let kept: i64 = store(&desk)
            .query_row("SELECT count(*) FROM raw JOIN spool ON raw_id = raw.id WHERE bytes = ?1", [mail], |row| {
                row.get(0)
            })
            .unwrap();
        assert_eq!(kept, 1, "{name}");
    }
    assert_eq!(std::fs::read_dir(desk.path("Maildir/new")).unwrap().count(), 0);
    let filed = std::fs::read_dir(desk.path("Maildir/.Vigie.Filed/cur")).unwrap().count();
    assert_eq!(filed, garbage.len() + 1, "moved, never deleted");
}

/// The same mail as another relay hands it on.
fn relayed(mail: &[u8]) -> Vec<u8> {
    let trace = "Return-Path: <bounce-7@corp.example>\r\nDelivered-To: other@example.org\r\nReceived: from x by y;\r\n\tFri, 27 Nov 2026 18:00:30 +0100\r\n\
                 Authentication-Results: mx.example.org; spf=none\r\nDKIM-Signature: v=1; a=rsa-sha256;\r\n b=AAAA\r\nARC-Seal: i=1\r\n";
    [trace.as_bytes(), mail].concat()
}

#[test]
fn law_1_received_twice_is_one_ticket_with_the_strictest_kind_and_both_raws() {
    let desk = three_mailboxes();
    let mail = plain("a@corp.example", "Report", "report");
    assert_eq!(desk.ingest_into("contact", &mail, FRIDAY)["outcome"], "filed");
    once(&desk, FRIDAY);
    assert_eq!((owed(&desk, "acknowledgement").len(), owed(&desk, "alert").len()), (1, 0));
    let due = desk.show("1")["due_at"].clone();
    let later = "2026-11-27T18:05:00+01:00";
    let line = desk.ingest_into("csirt", &relayed(&mail), later);
    assert_eq!((&line["outcome"], &line["ticket"]), (&json!("duplicate"), &json!("EX-2026-000001")), "{line}");
    once(&desk, later);
    let ticket = desk.show("1");
    assert_eq!((&ticket["kind"], &ticket["due_at"]), (&json!("incident"), &due), "the promise stands as it was given");
    assert_eq!(ticket["received_via"], json!(["contact", "csirt"]));
    // What an incident owes and a contact does not, is owed now, and nothing twice.
    assert_eq!((owed(&desk, "acknowledgement").len(), owed(&desk, "alert").len()), (1, 1));
    assert_eq!((desk.sent_to("a@corp.example").len(), desk.sent().len()), (1, 2));
    assert_eq!(count(&desk, "SELECT count(DISTINCT raw_id) FROM spool"), 2, "both raws are kept");
    // A third copy by the laxest way changes nothing more.
    assert_eq!(desk.ingest_into("feed", &mail, later)["outcome"], "duplicate");
    once(&desk, later);
    let ticket = desk.show("1");
    assert_eq!((&ticket["kind"], &ticket["automatic"]), (&json!("incident"), &json!(false)));
    assert_eq!(desk.sent().len(), 2);
}

#[test]
fn law_1_a_feed_copy_first_takes_nothing_from_the_incident_copy() {
    let desk = three_mailboxes();
    let mail = plain("a@corp.example", "[URGENT] Report", "report");
    desk.ingest_into("feed", &mail, FRIDAY);
    once(&desk, FRIDAY);
    let ticket = desk.show("1");
    assert_eq!((&ticket["automatic"], &ticket["due_at"]), (&json!(true), &Value::Null));
    assert!(desk.sent().is_empty());
    assert_eq!(desk.ingest_into("csirt", &relayed(&mail), FRIDAY)["outcome"], "duplicate");
    once(&desk, FRIDAY);
    let ticket = desk.show("1");
    assert_eq!((&ticket["automatic"], &ticket["kind"]), (&json!(false), &json!("incident")));
    assert_eq!(ticket["reported_urgent"], true);
    assert_eq!(ticket["due_at"], "2026-12-01T18:01:00+01:00");
    for kind in ["acknowledgement", "alert", "page"] {
        assert_eq!(owed(&desk, kind).len(), 1, "{kind}");
    }
}

#[test]
fn law_1_a_further_mail_that_comes_twice_is_told_as_the_stricter_mailbox_wants() {
    let desk = three_mailboxes();
    desk.ingest_into("contact", &plain("a@corp.example", "Question", "?"), FRIDAY);
    once(&desk, FRIDAY);
    let ours = crate::support::desk::header(&desk.sent_to("a@corp.example")[0], "Message-ID").unwrap();
    let reply = with_fields(&plain("a@corp.example", "Re: Question", "!"), &format!("In-Reply-To: {ours}\r\n"));
    assert_eq!(desk.ingest_into("contact", &reply, FRIDAY)["outcome"], "joined");
    assert_eq!(owed(&desk, "alert").len(), 0);
    assert_eq!(desk.ingest_into("csirt", &relayed(&reply), FRIDAY)["outcome"], "duplicate");
    assert_eq!(owed(&desk, "alert").len(), 1);
    assert_eq!(owed(&desk, "acknowledgement").len(), 1);
    assert_eq!(desk.show("1")["kind"], "incident");
}

/// A desk at which much has happened.
fn busy() -> Desk {
    let desk = Desk::new();
    let reporter = desk.befriend("A <a@corp.example>");
    let inner = protected("a@corp.example", "[URGENT] Inside", "body");
    let sealed = desk.gpg.seal(&[&desk.team], Some(&reporter), inner.as_bytes());
    desk.deliver("1", &pgp_mime("a@corp.example", "...", &sealed), FRIDAY);
    desk.deliver("2", &plain("b@else.example", "TLP:AMBER Plain", "198.51.100.7"), FRIDAY);
    desk.deliver("3", &plain("noreply@bulk.example", "[URGENT] Bulk", "buy"), FRIDAY);
    once(&desk, FRIDAY);
    desk.feed(&["--as", "alice", "ticket", "answer", "1"], b"Thank you.\n");
    desk.feed(&["--as", "alice", "ticket", "note", "2"], b"A note.\n");
    once(&desk, "2026-12-03T18:02:00+01:00");
    desk
}

#[test]
fn law_2_running_any_loop_twice_changes_nothing() {
    let desk = busy();
    let now = "2026-12-03T18:02:00+01:00";
    let (before, sent) = (everything(&desk), desk.sent());
    assert_eq!(before["tickets"].as_array().map(Vec::len), Some(3));
    assert!(sent.len() > 8, "{} mails were sent", sent.len());
    for _ in 0..3 {
        once(&desk, now);
    }
    assert_eq!(everything(&desk), before);
    assert_eq!(desk.sent(), sent);
    // A mail that was moved by us and put back by somebody was seen before.
    let mut filed = std::fs::read_dir(desk.path("Maildir/.Vigie.Filed/cur")).unwrap().flatten();
    let back = filed.next().unwrap().path();
    let name = back.file_name().unwrap().to_str().unwrap().split(':').next().unwrap().to_owned();
    std::fs::rename(&back, desk.path("Maildir/new").join(name)).unwrap();
    once(&desk, now);
    assert_eq!(everything(&desk), before);
    assert_eq!(desk.sent(), sent);
}

/// Makes the store refuse every message with this subject: a mail that cannot be filed.
fn poison(desk: &Desk, subject: &str) {
    let trigger = format!(
        "CREATE TRIGGER poison BEFORE INSERT ON message WHEN NEW.subject = '{subject}' BEGIN SELECT RAISE(ABORT, 'poison'); END"
    );
    store(desk).execute_batch(&trigger).unwrap();
}

#[test]
fn law_3_a_mail_that_cannot_be_filed_is_held_after_three_attempts_and_blocks_no_other() {
    let desk = Desk::new();
    desk.ok(&["ticket", "list"]);
    poison(&desk, "quokka poison");
    let mail = plain("a@corp.example", "quokka poison", "body");
    let line = desk.ingest(&mail, FRIDAY);
    assert_eq!(line, json!({"ticket": null, "message": null, "outcome": "stored"}));
    desk.deliver("2", &plain("b@corp.example", "Fine", "fine"), FRIDAY);
    assert_eq!(code(&desk.once(FRIDAY)), 75, "something could not be done");
    assert_eq!(desk.show("1")["subject"], "Fine", "the mail behind it is filed at once");
    assert_eq!(desk.json(&["quarantine", "list"]), json!([]));
    desk.once("2026-11-27T18:02:00+01:00");
    once(&desk, "2026-11-27T18:03:00+01:00");
    let held = desk.json(&["quarantine", "list"]);
    assert_eq!(held.as_array().map(Vec::len), Some(1), "{held}");
    assert_eq!(held[0]["ticket"], "EX-2026-000002");
    assert_eq!(held[0]["size"], mail.len());
    let stub = desk.show("2");
    assert_eq!((&stub["state"], &stub["messages"][0]["problems"]), (&json!("new"), &json!(["unreadable"])));
    assert_eq!(stub["due_at"], "2026-12-01T18:01:00+01:00", "somebody must look at it in time");
    let id = stub["messages"][0]["id"].to_string();
    assert_eq!(desk.run(&["ticket", "raw", "2", "--message", &id]).stdout, mail);
    let alerts = desk.sent_to("@example.org");
    let told = alerts.iter().filter(|mail| mail.contains("EX-2026-000002")).count();
    assert_eq!(told, 1, "the analyst on duty is told, once");
    assert!(!alerts.iter().any(|mail| mail.contains("quokka")));
    let shown = desk.ok(&["quarantine", "show", &held[0]["id"].to_string()]);
    assert!(shown.contains("quokka poison"), "{shown}");
    // Tried again in vain it comes back to the same stub, and is told no second time.
    desk.ok(&["--as", "alice", "quarantine", "retry", &held[0]["id"].to_string()]);
    for minute in 4..8 {
        desk.once(&format!("2026-11-27T18:0{minute}:00+01:00"));
    }
    assert_eq!(desk.json(&["quarantine", "list"])[0]["ticket"], "EX-2026-000002");
    assert_eq!(desk.json(&["ticket", "list", "--all"]).as_array().map(Vec::len), Some(2));
    assert_eq!(desk.sent_to("@example.org").len(), alerts.len());
}

#[test]
fn law_3_an_urgent_mail_that_is_held_pages_all_the_same() {
    let desk = Desk::new();
    desk.ok(&["ticket", "list"]);
    desk.ingest(&plain("a@corp.example", "Fine", "fine"), FRIDAY);
    poison(&desk, "[URGENT] quokka");
    desk.ingest(&plain("b@corp.example", "[URGENT] quokka", "body"), FRIDAY);
    for minute in 1..5 {
        desk.once(&format!("2026-11-27T18:0{minute}:00+01:00"));
    }
    let stub = desk.show("2");
    assert_eq!(stub["messages"][0]["problems"], json!(["unreadable"]));
    assert_eq!(stub["reported_urgent"], true, "{stub}");
    let pages = desk.json(&["duty", "show"])["pages"].clone();
    assert_eq!(pages.as_array().map(Vec::len), Some(1), "{pages}");
    assert_eq!(pages[0]["ticket"], stub["number"]);
    assert!(!desk.sent_to("@example.org").iter().any(|mail| mail.contains("quokka")));
}

#[test]
fn law_3_a_mail_that_kills_the_process_when_a_new_key_opens_it_is_left_alone_after_three_attempts() {
    for (attempts, encryption) in [(5, "decrypted"), (6, "failed")] {
        let desk = Desk::new();
        let key = std::fs::read(desk.path("team.asc")).unwrap();
        std::fs::remove_file(desk.path("team.asc")).unwrap();
        let armored = desk.gpg.seal(&[&desk.team], None, b"Content-Type: text/plain\r\n\r\nquokka\r\n");
        desk.ingest(&pgp_mime("a@corp.example", "...", &armored), FRIDAY);
        std::fs::write(desk.path("team.asc"), key).unwrap();
        store(&desk).execute("UPDATE spool SET attempts = ?1", [attempts]).unwrap();
        desk.once(FRIDAY);
        desk.once(FRIDAY);
        let opened = desk.show("1")["messages"][0]["text"].as_str().is_some_and(|text| text.contains("quokka"));
        assert_eq!(opened, encryption == "decrypted", "after {attempts} attempts");
        let notes = told(&desk, "1").iter().filter(|what| what.contains("could not be opened again")).count();
        assert_eq!(notes, usize::from(!opened));
    }
}

#[test]
fn law_3_a_held_mail_that_can_be_filed_later_takes_the_place_of_its_stub() {
    let desk = Desk::new();
    desk.ok(&["ticket", "list"]);
    poison(&desk, "poison");
    desk.ingest(&plain("a@corp.example", "poison", "body"), FRIDAY);
    for minute in 1..5 {
        desk.once(&format!("2026-11-27T18:0{minute}:00+01:00"));
    }
    let id = desk.json(&["quarantine", "list"])[0]["id"].to_string();
    store(&desk).execute_batch("DROP TRIGGER poison").unwrap();
    desk.ok(&["--as", "alice", "quarantine", "retry", &id]);
    once(&desk, "2026-11-27T19:00:00+01:00");
    assert_eq!(desk.json(&["quarantine", "list"]), json!([]));
    let ticket = desk.show("2");
    assert_eq!((&ticket["subject"], &ticket["state"]), (&json!("poison"), &json!("new")));
    assert_eq!(ticket["due_at"], "2026-12-01T18:01:00+01:00", "the promise counts from receipt");
    assert_eq!(desk.sent_to("a@corp.example").len(), 1, "acknowledged now");
    // One mail, one clock: the stub points to the ticket and waits for nothing.
    let stub = desk.show("1");
    assert_eq!(stub["state"], "merged", "{stub}");
    assert_eq!(stub["links"], json!([{"to": "EX-2026-000002", "kind": "merged"}]));
    assert_eq!(desk.json(&["ticket", "list", "--unanswered"]).as_array().map(Vec::len), Some(1));
}

#[test]
fn law_3_a_mail_that_is_dropped_from_quarantine_keeps_its_ticket_and_its_octets() {
    let desk = three_mailboxes();
    desk.ok(&["ticket", "list"]);
    poison(&desk, "no body");
    let mail = plain("a@corp.example", "no body", "body");
    desk.ingest_into("contact", &mail, FRIDAY);
    store(&desk).execute_batch("DROP TRIGGER poison").unwrap();
    // Three processes have died over it: a fourth does not even look.
    store(&desk).execute_batch("UPDATE spool SET attempts = 3").unwrap();
    once(&desk, FRIDAY);
    let held = desk.json(&["quarantine", "list"])[0].clone();
    assert_eq!((&held["mailbox"], &held["attempts"]), (&json!("contact"), &json!(4)), "{held}");
    let refused = desk.run(&["--as", "alice", "quarantine", "drop", &held["id"].to_string()]);
    assert_eq!(code(&refused), 2, "a reason is asked for");
    desk.ok(&["--as", "alice", "quarantine", "drop", &held["id"].to_string(), "--reason", "nothing in it"]);
    assert_eq!(desk.json(&["quarantine", "list"]), json!([]));
    assert!(told(&desk, "1").contains(&format!("alice: quarantine {} dropped: nothing in it", held["id"])));
    let id = desk.show("1")["messages"][0]["id"].to_string();
    assert_eq!(desk.run(&["ticket", "raw", "1", "--message", &id]).stdout, mail);
}

#[test]
fn law_3_mail_of_a_mailbox_that_left_the_config_is_held_and_filed_when_it_is_back() {
    let desk = three_mailboxes();
    desk.ok(&["ticket", "list"]);
    poison(&desk, "orphan");
    desk.ingest_into("contact", &plain("a@corp.example", "orphan", "body"), FRIDAY);
    store(&desk).execute_batch("DROP TRIGGER poison").unwrap();
    reconfigure(&desk, "name = \"contact\"", "name = \"other\"");
    once(&desk, FRIDAY);
    let held = desk.json(&["quarantine", "list"])[0].clone();
    assert!(held["reason"].as_str().unwrap().contains("no longer in the config"), "{held}");
    reconfigure(&desk, "name = \"other\"", "name = \"contact\"");
    desk.ok(&["--as", "alice", "quarantine", "retry", &held["id"].to_string()]);
    once(&desk, FRIDAY);
    assert_eq!(desk.show("2")["mailbox"], "contact");
    assert_eq!(desk.json(&["quarantine", "list"]), json!([]));
}

#[test]
fn law_1_mails_of_which_nothing_is_left_to_compare_are_no_copies_of_each_other() {
    let desk = Desk::new();
    for mail in [&b"Received: from a\r\n\r\n"[..], b"Received: from b\r\n\r\n"] {
        assert_eq!(desk.ingest(mail, FRIDAY)["outcome"], "filed");
    }
}

#[test]
fn law_1_a_file_name_that_is_used_again_hides_no_mail() {
    let desk = Desk::new();
    for nth in 1..=2 {
        desk.deliver("same", &plain("a@corp.example", "Report", &format!("report {nth}")), FRIDAY);
        once(&desk, FRIDAY);
        assert_eq!(desk.json(&["ticket", "list"]).as_array().map(Vec::len), Some(nth));
    }
}
