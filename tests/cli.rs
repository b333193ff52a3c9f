//! The commands, driven as a person or a script drives them: names, exit codes, JSON, words.

mod support;

use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output, Stdio};
use support::desk::{Desk, Setup, pgp_mime, plain, protected, text};

/// Friday 27 November 2026, 18:01 in Paris.
const FRIDAY: &str = "2026-11-27T18:01:00+01:00";

fn code(output: &Output) -> i32 {
    output.status.code().expect("an exit code")
}

/// The command must end with this code; gives what it said on stderr.
fn refused(desk: &Desk, expected: i32, arguments: &[&str]) -> String {
    let output = desk.run(arguments);
    let words = text(&output.stderr);
    assert_eq!(code(&output), expected, "vigie {arguments:?}: {words}");
    assert!(!words.trim().is_empty(), "vigie {arguments:?} fails without a word");
    words
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

/// Whether every one of these keys is there.
fn has_keys(value: &Value, expected: &str) {
    for key in expected.split_whitespace() {
        assert!(keys(value).contains(&key), "{key} lacks in {:?}", keys(value));
    }
}

fn history(desk: &Desk, number: &str) -> Vec<(String, String)> {
    let ticket = desk.show(number);
    let line = |event: &Value| (event["who"].as_str().unwrap().to_owned(), event["what"].as_str().unwrap().to_owned());
    ticket["history"].as_array().unwrap().iter().map(line).collect()
}

fn desk_with_report() -> Desk {
    let desk = Desk::new();
    desk.ingest(&plain("a@corp.example", "Phishing", "See https://evil.example/x"), FRIDAY);
    desk
}

/// A desk whose one ticket came encrypted and signed, from a sender of whom no certificate is imported.
fn desk_with_encrypted_report(subject: &str) -> Desk {
    let desk = Desk::new();
    let inner = protected("a@corp.example", subject, "Everything is locked.");
    let mail = pgp_mime("a@corp.example", "...", &desk.gpg.seal(&[&desk.team], None, inner.as_bytes()));
    desk.ingest(&mail, FRIDAY);
    assert_eq!(desk.show("1")["messages"][0]["verdict"]["encryption"], "decrypted");
    desk
}

#[test]
fn wrong_usage_exits_2_and_help_exits_0() {
    let desk = desk_with_report();
    for wrong in [
        &["nonsense"][..],
        &["ticket"],
        &["ticket", "show"],
        &["ticket", "show", "not-a-number"],
        &["ticket", "list", "--state", "bogus"],
        &["ticket", "state", "1", "bogus"],
        &["ticket", "priority", "1", "high"],
        &["ticket", "label", "1", "x"],
        &["ticket", "assign", "1", "zoe"],
        &["ticket", "answer", "1", "--allow-clear"],
        &["key", "trust", &"A".repeat(40)],
        &["key", "show", "ABCD1234"],
        &["outbox", "drop", "1"],
        &["--as", "vigie", "ticket", "label", "1", "+x"],
        &["duty", "override", "--analyst", "alice", "--from", "noon", "--to", "2026-12-01T10:00"],
        &["duty", "override", "--analyst", "alice", "--from", "2026-12-02T10:00", "--to", "2026-12-01T10:00"],
    ] {
        refused(&desk, 2, wrong);
    }
    for right in [&["--help"][..], &["ticket", "--help"], &["ticket", "answer", "--help"], &["--version"]] {
        assert_eq!(code(&desk.run(right)), 0, "{right:?}");
    }
}

#[test]
fn what_is_not_there_exits_1_and_says_so() {
    let desk = desk_with_report();
    let words = refused(&desk, 1, &["ticket", "show", "99"]);
    assert!(words.contains("EX-2026-000099"), "{words}");
    refused(&desk, 1, &["ticket", "raw", "1", "--message", "99"]);
    refused(&desk, 1, &["key", "show", &"A".repeat(40)]);
    refused(&desk, 1, &["duty", "ack", "99"]);
    refused(&desk, 1, &["outbox", "retry", "99"]);
    refused(&desk, 1, &["quarantine", "show", "99"]);
}

#[test]
fn a_bad_config_exits_78_but_an_mta_must_keep_its_mail() {
    let desk = desk_with_report();
    std::fs::write(desk.path("vigie.toml"), "[team]\nnaem = \"x\"\n").unwrap();
    let words = refused(&desk, 78, &["ticket", "list"]);
    assert!(words.contains("naem"), "{words}");
    let output = desk.feed(&["ingest", "--mailbox", "csirt"], b"Subject: x\n\nx\n");
    assert_eq!(code(&output), 75);
}

#[test]
fn list_and_show_have_the_fields_of_the_contract() {
    let desk = desk_with_report();
    let list = desk.json(&["ticket", "list"]);
    let line = &list[0];
    let fields = "number state subject mailbox received_via kind priority reported_urgent tlp labels classification \
                  severity assignee consent language automatic reply_suppressed reporter participants received_at \
                  acknowledged_at answered_at remind_at due_at escalate_at escalated_at links";
    has_keys(line, fields);
    for left_out in ["messages", "indicators", "history"] {
        assert!(!keys(line).contains(&left_out), "{left_out}");
    }
    let ticket = desk.show("EX-2026-000001");
    has_keys(&ticket, fields);
    has_keys(&ticket, "messages indicators history");
    has_keys(&ticket["reporter"], "address name constituent");
    let message = &ticket["messages"][0];
    has_keys(
        message,
        "id direction message_id from to cc date received_at subject text raw_sha256 raw_size problems verdict headers \
         attachments",
    );
    has_keys(
        &message["verdict"],
        "encryption encryption_problem signature signature_problem signer signed_by_sender authenticated covers \
         subject_protected summary",
    );
    assert!(message["headers"].as_array().unwrap().iter().any(|field| field[0] == "From"));
    has_keys(&ticket["indicators"][0], "kind value message");
    has_keys(&ticket["history"][0], "at who what");
    assert_eq!(ticket["received_at"], FRIDAY);
    assert_eq!(ticket["due_at"], "2026-12-01T18:01:00+01:00");
    assert_eq!(ticket["received_via"], json!(["csirt"]));
}

#[test]
fn lists_are_arrays_also_when_they_are_empty() {
    let desk = Desk::new();
    for list in [&["ticket", "list"][..], &["outbox", "list"], &["quarantine", "list"]] {
        assert_eq!(desk.json(list), json!([]), "{list:?}");
    }
    has_keys(&desk.json(&["duty", "show"]), "on_duty until next pages gaps");
    desk.ingest(&plain("a@corp.example", "Hello", "x"), FRIDAY);
    let outbox = desk.json(&["outbox", "list"]);
    has_keys(&outbox[0], "id kind ticket to state attempts next_try_at last_error");
    let team = &desk.json(&["key", "list"])[0];
    has_keys(
        team,
        "fingerprint user_ids addresses secret authenticated candidate created_at expires_at revoked problems",
    );
    assert_eq!((&team["secret"], &team["authenticated"]), (&json!(true), &json!("full")));
    assert_eq!(team["fingerprint"], desk.team.as_str());
}

#[test]
fn closed_tickets_are_listed_on_request_only() {
    let desk = desk_with_report();
    desk.ingest(&plain("b@corp.example", "Second", "x"), FRIDAY);
    desk.ok(&["ticket", "state", "1", "rejected"]);
    let numbers = |arguments: &[&str]| {
        let list = desk.json(arguments);
        list.as_array().unwrap().iter().map(|t| t["number"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(numbers(&["ticket", "list"]), ["EX-2026-000002"]);
    assert_eq!(numbers(&["ticket", "list", "--all"]).len(), 2);
    assert_eq!(numbers(&["ticket", "list", "--all", "--limit", "1"]).len(), 1);
    assert_eq!(numbers(&["ticket", "list", "--state", "rejected"]), ["EX-2026-000001"]);
    assert_eq!(numbers(&["ticket", "list", "--unanswered"]), ["EX-2026-000002"]);
}

#[test]
fn an_answer_waits_for_a_daemon_and_says_so() {
    let desk = desk_with_report();
    let output = desk.feed(&["--as", "alice", "ticket", "answer", "1"], b"We look into it.\n");
    let said = text(&output.stdout) + &text(&output.stderr);
    assert_eq!(code(&output), 0, "{said}");
    assert!(said.contains("queued; no daemon is running"), "{said}");
    let ticket = desk.show("1");
    assert_eq!(ticket["state"], "open");
    assert_eq!(ticket["assignee"], "alice");
    assert_eq!(ticket["answered_at"], Value::Null, "the clock runs until the mail server has it");
    let answer = &ticket["messages"][1];
    assert_eq!((&answer["direction"], &answer["author"]), (&json!("out"), &json!("alice")));
    let queued = desk.json(&["outbox", "list"]);
    let queued = queued.as_array().unwrap().iter().find(|row| row["kind"] == "answer").expect("an answer");
    assert_eq!((&queued["state"], &queued["to"]), (&json!("queued"), &json!("a@corp.example")));
    assert!(history(&desk, "1").iter().any(|(who, what)| who == "alice" && what.starts_with("answer written")));

    desk.once(FRIDAY);
    let ticket = desk.show("1");
    assert_eq!((&ticket["state"], &ticket["answered_at"]), (&json!("waiting"), &json!(FRIDAY)));
}

#[test]
fn an_answer_without_text_or_to_a_stranger_is_refused() {
    let desk = desk_with_report();
    assert_eq!(code(&desk.feed(&["ticket", "answer", "1"], b" \n")), 2);
    let output = desk.feed(&["ticket", "answer", "1", "--to", "x@elsewhere.example"], b"hello\n");
    assert_eq!(code(&output), 1);
    assert!(text(&output.stderr).contains("participant"), "{}", text(&output.stderr));
    assert_eq!(desk.show("1")["messages"].as_array().unwrap().len(), 1, "nothing was kept");
}

#[test]
fn p13_an_answer_in_clear_to_an_encrypted_report_is_refused() {
    let desk = desk_with_encrypted_report("Ransomware");
    let output = desk.feed(&["ticket", "answer", "1"], b"secret\n");
    let words = text(&output.stderr);
    assert_eq!(code(&output), 1, "{words}");
    assert!(words.contains("in clear") && words.contains("came encrypted"), "{words}");
    assert_eq!(desk.show("1")["messages"].as_array().unwrap().len(), 1, "nothing was kept");

    let reason = "the reporter lost the key";
    let allowed = ["--as", "bob", "ticket", "answer", "1", "--allow-clear", "--reason", reason];
    assert_eq!(code(&desk.feed(&allowed, b"call us\n")), 0);
    assert!(history(&desk, "1").iter().any(|(who, what)| who == "bob" && what.contains(reason)));
}

#[test]
fn p13_an_answer_to_an_encrypted_report_is_taken_once_the_certificate_is_imported() {
    let desk = desk_with_encrypted_report("Ransomware");
    desk.befriend("A <a@corp.example>");
    assert_eq!(code(&desk.feed(&["ticket", "answer", "1"], b"secret\n")), 0);
    desk.once(FRIDAY);
    let sent = desk.sent_to("a@corp.example");
    let answer = sent.last().expect("an answer");
    assert!(answer.contains("multipart/encrypted") && !answer.contains("secret"), "{answer}");
}

#[test]
fn p11_red_leaves_in_clear_only_with_a_reason_that_the_history_keeps() {
    let desk = Desk::new();
    desk.ingest(&plain("a@corp.example", "[TLP:RED] names", "x"), FRIDAY);
    assert_eq!(desk.show("1")["tlp"], "RED");
    let output = desk.feed(&["ticket", "answer", "1"], b"x\n");
    assert_eq!(code(&output), 1);
    assert!(text(&output.stderr).contains("RED"), "{}", text(&output.stderr));
    let reason = ["--as", "alice", "ticket", "answer", "1", "--allow-clear", "--reason", "the author agreed"];
    assert_eq!(code(&desk.feed(&reason, b"x\n")), 0);
    assert!(history(&desk, "1").iter().any(|(who, what)| who == "alice" && what.contains("the author agreed")));
}

#[test]
fn a_ticket_that_waits_for_an_answer_is_closed_with_a_reason_only() {
    let desk = desk_with_report();
    let words = refused(&desk, 1, &["ticket", "state", "1", "closed"]);
    assert!(words.contains("--reason"), "{words}");
    desk.ok(&["--as", "alice", "ticket", "state", "1", "closed", "--reason", "answered by phone"]);
    assert_eq!(desk.json(&["ticket", "list", "--all", "--unanswered"]), json!([]), "its clock has ended");
    let last = history(&desk, "1").pop().unwrap();
    assert_eq!(last.0, "alice");
    assert!(last.1.contains("closed") && last.1.contains("answered by phone"), "{last:?}");
    for by_hand_never in ["new", "merged"] {
        refused(&desk, 1, &["ticket", "state", "1", by_hand_never]);
    }
    desk.ok(&["ticket", "state", "1", "open"]);
}

#[test]
fn p4_priority_is_the_teams_and_is_written_down() {
    let desk = desk_with_report();
    desk.ok(&["--as", "bob", "ticket", "priority", "1", "emergency"]);
    let ticket = desk.show("1");
    assert_eq!((&ticket["priority"], &ticket["reported_urgent"]), (&json!("emergency"), &json!(false)));
    assert!(history(&desk, "1").contains(&("bob".to_owned(), "priority normal -> emergency".to_owned())));
    desk.ok(&["ticket", "priority", "1", "normal"]);
    assert_eq!(desk.show("1")["priority"], "normal");
}

#[test]
fn labels_are_added_and_removed_wherever_the_options_stand() {
    let desk = desk_with_report();
    desk.ok(&["ticket", "label", "1", "+x", "+y"]);
    let all = desk.run(&["ticket", "label", "1", "+z", "-y", "--as", "alice", "--json"]);
    assert_eq!(code(&all), 0, "{}", text(&all.stderr));
    assert_eq!(desk.show("1")["labels"], json!(["x", "z"]));
    assert!(history(&desk, "1").contains(&("alice".to_owned(), "labels +z -y".to_owned())));
    refused(&desk, 2, &["ticket", "label", "1", "+a b"]);
}

#[test]
fn several_tickets_change_together_or_not_at_all() {
    let desk = desk_with_report();
    desk.ingest(&plain("b@corp.example", "Second", "x"), FRIDAY);
    refused(&desk, 1, &["ticket", "assign", "1,2,99", "alice"]);
    assert_eq!(desk.show("1")["assignee"], Value::Null);
    desk.ok(&["ticket", "assign", "1,EX-2026-000002", "alice"]);
    for number in ["1", "2"] {
        assert_eq!(desk.show(number)["assignee"], "alice");
        assert_eq!(desk.show(number)["state"], "open");
    }
    desk.ok(&["ticket", "assign", "2", "none"]);
    assert_eq!(desk.show("2")["assignee"], Value::Null);
}

#[test]
fn a_note_stays_inside() {
    let desk = desk_with_report();
    assert_eq!(code(&desk.feed(&["--as", "alice", "ticket", "note", "1"], b"known actor\n")), 0);
    let ticket = desk.show("1");
    let note = &ticket["messages"][1];
    assert_eq!((&note["direction"], &note["text"], &note["to"]), (&json!("note"), &json!("known actor\n"), &json!([])));
    desk.once(FRIDAY);
    assert!(!desk.sent().iter().any(|(_, mail)| mail.contains("known actor")));
}

#[test]
fn t11_attachments_are_saved_under_names_of_ours() {
    let desk = Desk::new();
    let mail = "From: a@corp.example\r\nTo: csirt@example.org\r\nSubject: files\r\nMessage-ID: <f@corp.example>\r\n\
        Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nfiles\r\n\
        --b\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=\"../../evil.sh\"\r\n\
        Content-Transfer-Encoding: base64\r\n\r\nAAEC/w==\r\n--b--\r\n";
    desk.ingest(mail.as_bytes(), FRIDAY);
    let listed = desk.json(&["ticket", "attachments", "1"]);
    assert_eq!(listed.as_array().map(Vec::len), Some(1), "{listed}");
    has_keys(&listed[0], "id name content_type size sha256");
    let folder = desk.path("evidence");
    let save = ["ticket", "attachments", "1", "--save", folder.to_str().unwrap()];
    desk.ok(&save);
    let files: Vec<_> = std::fs::read_dir(&folder).unwrap().flatten().map(|entry| entry.path()).collect();
    assert_eq!(files.len(), 1);
    let name = files[0].file_name().unwrap().to_str().unwrap();
    assert!(name.ends_with("-evil.sh") && !name.contains('/'), "{name}");
    assert_eq!(std::fs::read(&files[0]).unwrap(), b"\x00\x01\x02\xff");
    assert_eq!(std::fs::metadata(&files[0]).unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::write(&files[0], "mine").unwrap();
    refused(&desk, 1, &save);
    assert_eq!(std::fs::read(&files[0]).unwrap(), b"mine", "nothing is overwritten");
}

#[test]
fn t73_nothing_that_a_mail_says_moves_the_cursor() {
    let desk = Desk::new();
    let hostile = "=?utf-8?B?G10wO3B3bmVkBxtbMkpnb29kIOKArmdwai5leGU=?=";
    desk.ingest(&plain("a@corp.example", hostile, "body \u{1b}[2J\u{9b}31m \u{202e}end"), FRIDAY);
    for shown in [&["ticket", "list"][..], &["ticket", "show", "1"], &["--color", "always", "ticket", "list"]] {
        let screen = desk.ok(shown);
        assert!(screen.contains("good"), "{screen:?}");
        for moving in ["\u{1b}]", "\u{1b}[2J", "\u{7}", "\u{9b}", "\u{202e}"] {
            assert!(!screen.contains(moving), "{moving:?} in {screen:?}");
        }
    }
}

#[test]
fn a_simulated_clock_is_told_with_every_listing_and_is_not_for_real_stores() {
    let desk = desk_with_report();
    assert!(desk.ok(&["ticket", "list"]).contains(&format!("simulated clock: {FRIDAY}")));
    let json = desk.run(&["ticket", "list", "--json"]);
    assert!(text(&json.stderr).contains("simulated clock:"));
    assert!(serde_json::from_slice::<Value>(&json.stdout).is_ok());
    // It goes on from where it stands.
    desk.ok(&["--now", "2026-11-30T09:00:00+01:00", "ticket", "list"]);
    assert!(desk.ok(&["ticket", "list"]).contains("2026-11-30T09:00:00+01:00"));

    let real = Desk::with(Setup { simulated: false, ..Setup::default() });
    refused(&real, 2, &["--now", FRIDAY, "ticket", "list"]);
    assert_eq!(code(&real.feed(&["--now", FRIDAY, "ingest", "--mailbox", "csirt"], b"x")), 75);
    assert!(!real.ok(&["ticket", "list"]).contains("simulated"));
}

#[test]
fn ingest_gives_one_line_a_message_and_75_for_what_is_not_safe() {
    let desk = Desk::new();
    for (name, subject) in [("1.eml", "One"), ("2.eml", "Two")] {
        std::fs::write(desk.path(name), plain("a@corp.example", subject, "x")).unwrap();
    }
    let (one, two, none) = (desk.path("1.eml"), desk.path("2.eml"), desk.path("none.eml"));
    let (one, two, none) = (one.to_str().unwrap(), two.to_str().unwrap(), none.to_str().unwrap());
    let output = desk.run(&["--now", FRIDAY, "ingest", "--mailbox", "csirt", one, none, two, one]);
    assert_eq!(code(&output), 75);
    assert!(text(&output.stderr).contains("none.eml"));
    let lines: Vec<Value> = text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3, "what could be read is filed all the same");
    let outcomes: Vec<&str> = lines.iter().map(|line| line["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["filed", "filed", "duplicate"]);
    assert_eq!(keys(&lines[0]), ["message", "outcome", "ticket"]);
    assert_eq!(lines[2]["ticket"], lines[0]["ticket"]);
    let message = lines[0]["message"].to_string();
    let raw = desk.run(&["ticket", "raw", lines[0]["ticket"].as_str().unwrap(), "--message", &message]);
    assert_eq!(raw.stdout, std::fs::read(one).unwrap());

    assert_eq!(code(&desk.run(&["ingest", "--mailbox", "nowhere", one])), 75);
    assert_eq!(code(&desk.run(&["ingest", one])), 75, "even wrong usage must not lose mail");
}

#[test]
fn a_message_over_the_limit_is_filed_in_part_and_kept_by_the_mta() {
    let desk = Desk::with(Setup { more: "[limits]\nmessage_bytes = \"2 MiB\"\n".to_owned(), ..Setup::default() });
    let mut mail = plain("a@corp.example", "Large", "x");
    mail.resize(3 << 20, b'x');
    let output = desk.feed(&["--now", FRIDAY, "ingest", "--mailbox", "csirt", "-"], &mail);
    assert_eq!(code(&output), 75);
    let line: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(line["outcome"], "filed");
    assert_eq!(desk.show("1")["messages"][0]["raw_size"], 1 << 20);
}

#[test]
fn commands_at_the_same_time_wait_for_each_other() {
    let desk = Desk::new();
    let start = |n: usize| {
        let file = desk.path(&format!("{n}.eml"));
        std::fs::write(&file, plain("a@corp.example", &format!("Report {n}"), "x")).unwrap();
        let arguments = ["--now", FRIDAY, "ingest", "--mailbox", "csirt", file.to_str().unwrap()];
        desk.command(&arguments).stdout(Stdio::null()).spawn().unwrap()
    };
    let running: Vec<_> = (0..6).map(start).collect();
    for mut child in running {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(desk.json(&["ticket", "list"]).as_array().map(Vec::len), Some(6));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let desk = desk_with_report();
    let mut child =
        desk.command(&["ticket", "show", "1"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(code(&output), 0);
    assert!(!text(&output.stderr).contains("panicked"), "{}", text(&output.stderr));
}

#[test]
fn a_daemon_answers_the_same_commands() {
    let desk = desk_with_report();
    let daemon = desk.daemon();
    assert_eq!(std::fs::metadata(desk.path("vigie.sock")).unwrap().permissions().mode() & 0o777, 0o660);
    assert_eq!(desk.json(&["ticket", "list"]).as_array().map(Vec::len), Some(1));
    desk.ok(&["--as", "alice", "ticket", "label", "1", "+seen"]);
    assert!(history(&desk, "1").contains(&("alice".to_owned(), "labels +seen".to_owned())));
    refused(&desk, 1, &["ticket", "show", "99"]);
    refused(&desk, 2, &["ticket", "assign", "1", "zoe"]);
    let line = desk.feed(&["ingest", "--mailbox", "csirt", "-"], &plain("b@corp.example", "By socket", "x"));
    assert_eq!(code(&line), 0, "{}", text(&line.stderr));
    assert_eq!(serde_json::from_slice::<Value>(&line.stdout).unwrap()["ticket"], "EX-2026-000002");
    let raw = desk.run(&["ticket", "raw", "2"]);
    assert_eq!(raw.stdout, plain("b@corp.example", "By socket", "x"));
    let said = desk.feed(&["ticket", "answer", "2"], b"hello\n");
    assert!(!text(&said.stdout).contains("no daemon"), "{}", text(&said.stdout));
    support::desk::until("the answer leaves", std::time::Duration::from_secs(10), || {
        desk.show("2")["answered_at"].is_string()
    });
    assert_eq!(desk.json(&["status"])["daemon_running"], true);
    assert!(refused(&desk, 1, &["run"]).contains("another daemon runs"));
    daemon.stop();
    assert!(!desk.path("vigie.sock").exists());
    desk.ok(&["ticket", "list"]);
}

#[test]
fn a_stale_socket_is_replaced() {
    let desk = Desk::new();
    desk.daemon().kill();
    assert!(desk.path("vigie.sock").exists());
    desk.ok(&["ticket", "list"]);
    let daemon = desk.daemon();
    desk.ok(&["ticket", "list"]);
    drop(daemon);
}

#[test]
fn certificates_are_imported_confirmed_and_removed() {
    let desk = Desk::new();
    let other = desk.gpg.generate(support::gnupg::Kind::Curve25519, "A <a@corp.example>");
    let file = desk.path("a.asc");
    std::fs::write(&file, desk.gpg.export(&other)).unwrap();
    let standing = || {
        let key = desk.json(&["key", "show", &other]);
        (key["authenticated"].as_str().unwrap().to_owned(), key["candidate"].as_bool().unwrap())
    };
    desk.ok(&["--now", FRIDAY, "key", "import", file.to_str().unwrap()]);
    assert_eq!(standing(), ("marginal".to_owned(), false));
    desk.ok(&["--as", "bob", "key", "trust", &other, "--method", "call-back", "--note", "switchboard"]);
    assert_eq!(standing(), ("full".to_owned(), false));
    let spaced = format!("{} {}", &other[..4], &other[4..].to_lowercase());
    let key = desk.json(&["key", "show", &spaced]);
    assert_eq!(key["origin"]["confirmed_by"], "bob");
    assert_eq!(key["addresses"], json!(["a@corp.example"]));
    let armour = desk.ok(&["key", "export", &other]);
    assert!(armour.starts_with("-----BEGIN PGP PUBLIC KEY BLOCK-----"), "{armour}");
    assert!(!desk.ok(&["key", "export", &desk.team]).contains("PRIVATE"), "the team's secret never leaves");
    desk.ok(&["key", "remove", &other]);
    refused(&desk, 1, &["key", "show", &other]);
    refused(&desk, 1, &["key", "remove", &desk.team]);
    std::fs::write(&file, "no certificate").unwrap();
    refused(&desk, 1, &["key", "import", file.to_str().unwrap()]);
}

#[test]
fn a_generated_key_lies_beside_the_config_and_nothing_is_overwritten() {
    let desk = Desk::new();
    let made = desk.json(&["--now", FRIDAY, "key", "generate"]);
    let file = std::path::PathBuf::from(made["file"].as_str().unwrap());
    assert_eq!(file.parent(), Some(desk.folder()));
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let line = made["config_line"].as_str().unwrap();
    assert!(line.starts_with("secret_keys = [") && line.contains("team.asc"), "{line}");
    let config = std::fs::read_to_string(desk.path("vigie.toml")).unwrap();
    std::fs::write(desk.path("vigie.toml"), config.replace("secret_keys = [\"team.asc\"]", line)).unwrap();
    let keys = desk.json(&["key", "list"]);
    let ours = keys.as_array().unwrap().iter().filter(|key| key["secret"] == true).count();
    assert_eq!(ours, 2, "{keys}");
}

#[test]
fn p9_a_page_is_raised_acknowledged_once_and_somebody_stands_in() {
    let desk = Desk::new();
    let shown = desk.json(&["--now", FRIDAY, "duty", "show"]);
    let other = if shown["on_duty"] == "alice" { "bob" } else { "alice" };
    let (from, to) = ("2026-11-27T18:00", "2026-11-28T18:00:00+01:00");
    desk.ok(&["duty", "override", "--analyst", other, "--from", from, "--to", to]);
    let coming = &desk.json(&["duty", "show"])["overrides"][0];
    assert_eq!((&coming["analyst"], &coming["to"]), (&json!(other), &json!(to)));
    assert!(desk.ok(&["duty", "show"]).contains("stands in"));
    let shown = desk.json(&["duty", "show"]);
    assert_eq!((&shown["on_duty"], &shown["until"]), (&json!(other), &json!("2026-11-28T18:00:00+01:00")));
    desk.ok(&["duty", "test"]);
    let page = desk.json(&["duty", "show"])["pages"][0].clone();
    has_keys(&page, "id ticket raised_at analyst acknowledged_at");
    assert_eq!((&page["analyst"], &page["acknowledged_at"]), (&json!(other), &Value::Null));
    assert_eq!(code(&desk.run(&["status"])), 1, "a page that nobody acknowledged needs a person");
    let id = page["id"].to_string();
    desk.ok(&["--as", other, "duty", "ack", &id]);
    let words = refused(&desk, 1, &["duty", "ack", &id]);
    assert!(words.contains(other), "{words}");
    assert_eq!(desk.json(&["duty", "show"])["pages"][0]["acknowledged_at"], FRIDAY);
    assert_eq!(code(&desk.run(&["status"])), 0);
}

#[test]
fn what_is_owed_can_be_dropped_with_a_reason() {
    let desk = desk_with_report();
    let owed = desk.json(&["outbox", "list"]);
    let alert = owed.as_array().unwrap().iter().find(|row| row["kind"] == "alert").unwrap()["id"].to_string();
    desk.ok(&["--as", "lead", "outbox", "drop", &alert, "--reason", "told by phone"]);
    refused(&desk, 1, &["outbox", "drop", &alert, "--reason", "again"]);
    refused(&desk, 1, &["outbox", "retry", &alert]);
    desk.ok(&["outbox", "retry", "--all"]);
    assert!(history(&desk, "1").iter().any(|(who, what)| who == "lead" && what.contains("told by phone")));
    desk.once(FRIDAY);
    assert!(!desk.sent().iter().any(|(to, _)| to.contains("alice")), "a dropped alert does not leave");
}

#[test]
fn init_makes_what_a_team_needs_and_overwrites_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let vigie = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_vigie")).args(arguments).env_remove("VIGIE_CONFIG").output().unwrap()
    };
    let dir = folder.path().join("etc/vigie");
    let (dir, config) = (dir.to_str().unwrap().to_owned(), dir.join("config.toml"));
    let output = vigie(&["init", &dir]);
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("vigie --config"), "it says what to do next");
    for (name, mode) in [("config.toml", 0o600), ("store.key", 0o600), ("team.asc", 0o600), ("certs", 0o700)] {
        let path = std::path::Path::new(&dir).join(name);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, mode, "{name}");
    }
    let digits = std::fs::read_to_string(format!("{dir}/store.key")).unwrap();
    assert!(digits.trim().len() == 64 && digits.trim().bytes().all(|b| b.is_ascii_hexdigit()));
    let again = vigie(&["init", &dir]);
    assert_eq!(code(&again), 1);
    assert_eq!(std::fs::read_to_string(format!("{dir}/store.key")).unwrap(), digits);

    let config = config.to_str().unwrap();
    let listed = vigie(&["--config", config, "ticket", "list", "--json"]);
    assert_eq!(code(&listed), 0, "{}", text(&listed.stderr));
    let head = std::fs::read(format!("{dir}/vigie.db")).unwrap();
    assert!(!head.starts_with(b"SQLite format 3"), "the store is encrypted at rest");
    std::fs::write(format!("{dir}/store.key"), "0".repeat(64)).unwrap();
    assert_eq!(code(&vigie(&["--config", config, "ticket", "list"])), 78, "a wrong key is a bad config");
    std::fs::remove_file(format!("{dir}/store.key")).unwrap();
    assert_eq!(code(&vigie(&["--config", config, "ticket", "list"])), 78, "so is a missing one");

    let plain = folder.path().join("plain");
    assert_eq!(code(&vigie(&["init", plain.to_str().unwrap(), "--plain-store"])), 0);
    assert!(!plain.join("store.key").exists());
    let own = folder.path().join("own");
    let key = plain.join("team.asc");
    let arguments = ["init", own.to_str().unwrap(), "--secret-key", key.to_str().unwrap()];
    assert_eq!(code(&vigie(&arguments)), 0);
    assert_eq!(std::fs::read(own.join("team.asc")).unwrap(), std::fs::read(&key).unwrap());
}

#[test]
fn a_ticket_that_is_reopened_unanswered_has_its_promise_back() {
    let desk = desk_with_report();
    let promised = desk.show("1")["due_at"].clone();
    for (away, options) in [("rejected", &[][..]), ("closed", &["--reason", "a mistake"][..])] {
        desk.ok(&[&["ticket", "state", "1", away][..], options].concat());
        assert_eq!(desk.show("1")["clock_from"], Value::Null);
        desk.ok(&["--now", "2026-11-30T09:00:00+01:00", "ticket", "state", "1", "open"]);
        let ticket = desk.show("1");
        assert_eq!((&ticket["clock_from"], &ticket["due_at"]), (&json!(FRIDAY), &promised), "after {away}");
        assert!(history(&desk, "1").pop().unwrap().1.contains("clock runs again"));
    }
    // An answer keeps the promise for good.
    assert_eq!(code(&desk.feed(&["ticket", "answer", "1"], b"hello\n")), 0);
    desk.once("2026-11-30T09:00:00+01:00");
    desk.ok(&["ticket", "state", "1", "closed"]);
    desk.ok(&["ticket", "state", "1", "open"]);
    assert_eq!(desk.show("1")["clock_from"], Value::Null);
}

#[test]
fn a_daemon_that_is_gone_needs_a_person_after_ten_minutes() {
    let desk = desk_with_report();
    let gone = |now: &str| {
        let status = desk.run(&["--json", "--now", now, "status"]);
        text(&status.stdout).contains("the daemon is not running")
    };
    assert!(!gone("2026-11-27T18:10:00+01:00"), "an alert and an acknowledgement wait, for nine minutes");
    assert!(gone("2026-11-27T18:12:00+01:00"));
    desk.once("2026-11-27T18:12:00+01:00");
    assert!(!gone("2026-11-27T18:13:00+01:00"), "all is sent");
    assert!(gone("2026-11-27T18:23:00+01:00"), "nothing waits, but no loop has turned");
}

#[test]
fn with_a_broken_config_a_running_daemon_can_still_be_asked() {
    let desk = desk_with_report();
    let daemon = desk.daemon();
    let config = std::fs::read_to_string(desk.path("vigie.toml")).unwrap();
    std::fs::write(desk.path("vigie.toml"), config.replace("ticket_prefix", "ticket_perfix")).unwrap();
    let list = desk.run(&["--json", "ticket", "list"]);
    assert_eq!(code(&list), 0, "{}", text(&list.stderr));
    assert!(text(&list.stderr).contains("ticket_prefix"), "{}", text(&list.stderr));
    assert_eq!(code(&desk.feed(&["ticket", "note", "1"], b"x\n")), 0);
    for refused_all_the_same in [&["check"][..], &["run"], &["run", "--once"], &["key", "generate"]] {
        refused(&desk, 78, refused_all_the_same);
    }
    assert_eq!(code(&desk.feed(&["ingest", "--mailbox", "csirt"], b"x")), 75);
    daemon.signal("HUP");
    let refused_reload =
        || text(&desk.run(&["--json", "status"]).stdout).contains("the last reload of the config was refused");
    support::desk::until("status tells", std::time::Duration::from_secs(10), refused_reload);
    std::fs::write(desk.path("vigie.toml"), config).unwrap();
    daemon.signal("HUP");
    support::desk::until("status is well", std::time::Duration::from_secs(10), || !refused_reload());
    daemon.stop();
    std::fs::write(desk.path("vigie.toml"), "[team\n").unwrap();
    let words = refused(&desk, 78, &["ticket", "list"]);
    let own: Vec<&str> = words.lines().filter(|line| line.starts_with("vigie: ")).collect();
    assert!(matches!(own[..], [count] if count.contains("fault")), "fault lines begin with file and line: {words}");
}

#[test]
fn names_of_files_move_no_cursor() {
    let desk = Desk::new();
    let evil = desk.path("x\u{1b}[2J.eml");
    for arguments in [&["ingest", "--mailbox", "csirt"][..], &["key", "import"], &["ticket", "show", "1"]] {
        let output = desk.run(&[arguments, &[evil.to_str().unwrap()]].concat());
        assert_ne!(code(&output), 0);
        assert!(!text(&output.stderr).contains('\u{1b}'), "{arguments:?}: {:?}", text(&output.stderr));
    }
    let words = refused(&desk, 75, &["ingest", "--mailbox", "csirt", evil.to_str().unwrap()]);
    assert!(words.contains("<U+001B>"), "{words}");
    std::fs::write(&evil, "no certificate").unwrap();
    let output = desk.run(&["key", "import", evil.to_str().unwrap()]);
    assert!(!(text(&output.stderr) + &text(&output.stdout)).contains('\u{1b}'));
}

#[test]
fn init_refuses_a_key_without_its_secret_part() {
    let desk = Desk::new();
    let public = desk.path("public.asc");
    std::fs::write(&public, desk.gpg.export(&desk.team)).unwrap();
    let dir = desk.path("house");
    let words = refused(&desk, 1, &["init", dir.to_str().unwrap(), "--secret-key", public.to_str().unwrap()]);
    assert!(words.contains("no secret part"), "{words}");
    assert!(!dir.join("config.toml").exists());
}

#[test]
fn a_wrong_store_key_is_told_in_one_line() {
    let desk = Desk::new();
    let config = std::fs::read_to_string(desk.path("vigie.toml")).unwrap();
    std::fs::write(desk.path("vigie.toml"), config.replace("[store]\n", "[store]\nkey_file = \"store.key\"\n"))
        .unwrap();
    std::fs::write(desk.path("store.key"), "1".repeat(64)).unwrap();
    desk.ok(&["ticket", "list"]);
    std::fs::write(desk.path("store.key"), "2".repeat(64)).unwrap();
    let words = refused(&desk, 78, &["ticket", "list"]);
    let words: Vec<&str> = words.lines().filter(|line| !line.contains("that others may read")).collect();
    assert_eq!(words.len(), 1, "{words:?}");
    for file in ["vigie.db", "vigie.lock"] {
        assert_eq!(std::fs::metadata(desk.path(file)).unwrap().permissions().mode() & 0o777, 0o600, "{file}");
    }
}

#[test]
fn what_root_makes_in_the_daemons_folder_is_the_daemons() {
    use std::os::unix::fs::{MetadataExt, chown};
    let desk = Desk::new();
    if std::fs::metadata(desk.path("vigie.toml")).unwrap().uid() != 0 {
        return;
    }
    let folder = desk.path("state");
    std::fs::create_dir(&folder).unwrap();
    chown(&folder, Some(4242), Some(4243)).unwrap();
    let config = std::fs::read_to_string(desk.path("vigie.toml")).unwrap();
    std::fs::write(desk.path("vigie.toml"), config.replace("\"vigie.db\"", "\"state/vigie.db\"")).unwrap();
    desk.run(&["check", "--connect"]);
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0, "check makes nothing");
    desk.ok(&["ticket", "list"]);
    for file in std::fs::read_dir(&folder).unwrap().flatten() {
        let owner = file.metadata().unwrap();
        assert_eq!((owner.uid(), owner.gid()), (4242, 4243), "{:?}", file.path());
    }
}
