//! P11, P12, P13, P16: the originator's marks and consent, and a RED report that leaves nowhere.

use super::*;

const MARKED: [&str; 2] = ["Subject: Report\nX-TLP: AMBER\n", "Subject: Report\nX-Classification: TLP:AMBER\n"];

#[test]
fn p11_marks_of_subject_body_names_and_own_fields_are_read_the_strictest_wins_and_parts_keep_theirs() {
    let desk = Desk::new();
    let body = "Content-Type: text/plain\n\nHello [not a mark]".to_owned();
    let file = |name: &str, text: &str| {
        format!(
            "Content-Type: text/plain; name=\"{name}\"\nContent-Disposition: attachment; filename=\"{name}\"\n\n{text}"
        )
    };
    for fields in MARKED {
        let ticket = desk.ticket_of(&mixed(fields, std::slice::from_ref(&body)), FRIDAY);
        assert_eq!((&ticket["tlp"], &ticket["messages"][0]["tlp"]), (&json!("AMBER"), &json!("AMBER")), "{fields}");
        assert_eq!(ticket["messages"][0]["marks"], json!([{"part": "HEADER", "tlp": "AMBER"}]));
    }
    let parts = [
        "Content-Type: text/plain\n\nTLP:GREEN\nHello".to_owned(),
        file("list_TLP_RED.txt", "nothing"),
        file("notes.txt", "tlp: amber+strict\nwords"),
        file("plain.txt", "words"),
    ];
    let ticket = desk.ticket_of(&mixed("Subject: [TLP:AMBER] Report\n", &parts), FRIDAY);
    assert_eq!(ticket["tlp"], "RED");
    let message = &ticket["messages"][0];
    assert_eq!(message["tlp"], "RED");
    let marks: Vec<(&str, &str)> = message["marks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|mark| (mark["part"].as_str().unwrap(), mark["tlp"].as_str().unwrap()))
        .collect();
    assert_eq!(marks, [("1", "GREEN"), ("2", "RED"), ("3", "AMBER+STRICT"), ("HEADER", "AMBER")]);
    let of_files: Vec<&Value> = message["attachments"].as_array().unwrap().iter().map(|file| &file["tlp"]).collect();
    assert_eq!(of_files, [&json!("RED"), &json!("AMBER+STRICT"), &Value::Null]);
    let shown = desk.ok(&["ticket", "show", "3"]);
    assert!(shown.contains("TLP:AMBER+STRICT"), "{shown}");
    for (subject, mark) in [("TLP:WHITE x", "CLEAR"), ("[GREEN] x", "GREEN"), ("tlp amber strict", "AMBER+STRICT")] {
        assert_eq!(desk.ticket_of(&plain("a@corp.example", subject, "Hello"), FRIDAY)["tlp"], mark, "{subject}");
    }
    let html = "Content-Type: multipart/alternative; boundary=\"c\"\n\n--c\nContent-Type: text/plain\n\nHello\n--c\n\
                Content-Type: text/html\n\n<p><b>TLP:</b> <span>RED</span></p>\n--c--";
    let ticket = desk.ticket_of(&mixed("Subject: Other form\n", &[html.to_owned()]), FRIDAY);
    assert_eq!(ticket["tlp"], "RED", "a mark in the form that is not shown counts");
}

#[test]
fn p11_p17_files_that_are_text_are_read_whatever_type_their_mail_client_gave_them() {
    let desk = Desk::new();
    let body = "Content-Type: text/plain\n\nList attached".to_owned();
    for (kind, name, content, mark) in [
        (
            "application/json",
            "a.json",
            "{\"Tag\":[{\"name\":\"tlp:amber+strict\"}],\"v\":\"evil.net\"}",
            json!("AMBER+STRICT"),
        ),
        ("application/vnd.ms-excel", "a.csv", "\"TLP\";\"AMBER\"\nevil.net", json!("AMBER")),
        ("application/octet-stream", "a.log", "evil.net", Value::Null),
        ("application/xml", "a.xml", "<a><tlp>RED</tlp><b>evil.net</b></a>", json!("RED")),
    ] {
        let file =
            format!("Content-Type: {kind}; name={name}\nContent-Disposition: attachment; filename={name}\n\n{content}");
        let ticket = desk.ticket_of(&mixed("Subject: List\n", &[body.clone(), file]), FRIDAY);
        assert_eq!(ticket["tlp"], mark, "{kind}");
        let found = ticket["indicators"]
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one["value"] == "evil.net" && one["context"] == "attachment");
        assert!(found, "{kind}: {}", ticket["indicators"]);
    }
    let octets = "Content-Type: application/octet-stream; name=a.bin\n\n\u{1}TLP:RED evil.net".to_owned();
    let ticket = desk.ticket_of(&mixed("Subject: List\n", &[body, octets]), FRIDAY);
    assert_eq!((&ticket["tlp"], &ticket["indicators"]), (&Value::Null, &json!([])), "octets are no text");
}

#[test]
fn p12_to_tighten_a_mark_is_free_to_loosen_it_takes_consent_and_a_reason_and_is_audited() {
    let desk = Desk::new();
    desk.ingest(&plain("a@corp.example", "[TLP:AMBER] Report", "Hello"), FRIDAY);
    let why = refused(&desk, &["tlp", "1", "GREEN"]);
    assert!(why.contains("originator") && why.contains("--consent") && why.contains("AMBER"), "{why}");
    refused(&desk, &["tlp", "1", "GREEN", "--reason", "we think so"]);
    assert_eq!(alice(&desk, &["tlp", "1", "GREEN", "--consent"]).status.code(), Some(2), "consent without a reason");
    assert_eq!(desk.show("1")["tlp"], "AMBER");
    done(&desk, &["tlp", "1", "red"]);
    done(&desk, &["tlp", "1", "TLP:GREEN", "--consent", "--reason", "A agreed by phone"]);
    let ticket = desk.show("1");
    assert_eq!(
        (&ticket["tlp"], &ticket["messages"][0]["tlp"]),
        (&json!("GREEN"), &json!("AMBER")),
        "the mail keeps its own"
    );
    let told = told(&desk, "1");
    assert!(told.contains(&"alice: TLP AMBER -> RED".to_owned()), "{told:?}");
    let loosened = "alice: TLP RED -> GREEN, loosened with the originator's consent: A agreed by phone".to_owned();
    assert!(told.contains(&loosened), "{told:?}");
    // What is not marked is handled as AMBER: to call it laxer is to loosen it.
    desk.ingest(&plain("a@corp.example", "Other", "Hello"), FRIDAY);
    assert!(desk.show("2")["tlp"].is_null());
    assert!(refused(&desk, &["tlp", "2", "CLEAR"]).contains("handled as AMBER"));
    done(&desk, &["tlp", "2", "AMBER"]);
    assert_eq!(alice(&desk, &["tlp", "2", "purple"]).status.code(), Some(2));
    // A reporter's further mail tightens by itself, and never loosens.
    let history: Vec<String> = super::told(&desk, "2");
    assert!(history.contains(&"alice: TLP none -> AMBER".to_owned()));
}

#[test]
fn p11_red_and_amber_never_leave_in_clear_but_for_an_allowed_mail() {
    let desk = Desk::new();
    for mark in ["AMBER", "AMBER+STRICT", "RED"] {
        let line = desk.ingest(&plain("a@corp.example", &format!("[TLP:{mark}] Report"), mark), FRIDAY);
        let number = line["ticket"].as_str().unwrap().to_owned();
        let answer = |more: &[&str]| {
            desk.feed(&[&["--as", "alice", "ticket", "answer", &number], more].concat(), b"Zanzibar answer\n")
        };
        let output = answer(&[]);
        assert_eq!(output.status.code(), Some(1), "{mark}");
        assert!(text(&output.stderr).contains(mark));
        assert_eq!(answer(&["--allow-clear", "--reason", "they asked for it"]).status.code(), Some(0), "{mark}");
        // Marked after it was written: the gate asks again when it is sealed.
    }
    let line = desk.ingest(&plain("b@corp.example", "Report", "Hello"), FRIDAY);
    let number = line["ticket"].as_str().unwrap();
    assert!(desk.feed(&["--as", "alice", "ticket", "answer", number], b"Quokka answer\n").status.success());
    done(&desk, &["tlp", number, "RED"]);
    desk.once(FRIDAY);
    let rows = desk.json(&["outbox", "list", "--all"]);
    let blocked =
        rows.as_array().unwrap().iter().filter(|row| row["kind"] == "answer" && row["state"] == "blocked").count();
    assert_eq!(blocked, 1, "{rows}");
    assert!(desk.sent().iter().all(|(_, mail)| !mail.contains("Quokka")));
}

#[test]
fn p16_consent_is_recorded_with_its_reason() {
    let desk = Desk::new();
    desk.ingest(&plain("a@corp.example", "Report", "Hello"), FRIDAY);
    assert!(desk.show("1")["consent"].is_null());
    assert_eq!(alice(&desk, &["consent", "1", "yes"]).status.code(), Some(2), "a reason is wanted");
    assert_eq!(alice(&desk, &["consent", "1", "perhaps", "--reason", "x"]).status.code(), Some(2));
    done(&desk, &["consent", "1", "limited", "--reason", "to national teams, without names"]);
    assert_eq!(desk.show("1")["consent"], "limited");
    done(&desk, &["consent", "1", "no", "--reason", "withdrawn by phone"]);
    let told = told(&desk, "1");
    assert!(told.contains(&"alice: consent limited -> no: withdrawn by phone".to_owned()), "{told:?}");
    assert_eq!(desk.show("1")["consent"], "no");
}

/// Words of the RED report that must stand nowhere in clear.
const CANARIES: [&str; 5] = ["zanzibar", "quokka", "narwhal", "198.51.100.77", "axolotl"];

fn holds_no_canary(what: &str, words: &str) {
    let lower = words.to_lowercase();
    for canary in CANARIES {
        assert!(!lower.contains(canary), "{what} says {canary}");
    }
}

#[test]
fn t111_a_red_reports_words_leave_in_no_mail_log_or_other_ticket_whatever_verb_is_used() {
    let desk = Desk::new();
    let forwarded =
        "Content-Type: message/rfc822\n\nFrom: Quokka <q@axolotl.example>\nSubject: Zanzibar\n\nNarwhal".to_owned();
    let body = "Content-Type: text/plain\n\nNarwhal phishing at 198.51.100.77, hxxp://axolotl[.]example/x".to_owned();
    desk.ingest(&mixed("Subject: [URGENT] TLP:RED Zanzibar\n", &[body, forwarded]), FRIDAY);
    desk.ingest(&plain("b@corp.example", "Other", "Hello, phishing at 203.0.113.5"), FRIDAY);
    let mut log = String::new();
    let mut say = |arguments: &[&str], input: &[u8]| {
        log += &text(&desk.feed(&[&["-v", "-v", "--as", "alice"], arguments].concat(), input).stderr);
    };
    for arguments in [
        &["ticket", "show", "1"][..],
        &["ticket", "classify", "1", "fraud", "phishing"],
        &["ticket", "severity", "1", "high"],
        &["ticket", "extent", "1", "many"],
        &["ticket", "consent", "1", "no", "--reason", "nobody asked"],
        &["ticket", "tlp", "1", "GREEN"],
        &["ticket", "tlp", "1", "AMBER+STRICT", "--reason", "no"],
        &["ticket", "label", "1", "+phishing"],
        &["ticket", "assign", "1", "alice"],
        &["ticket", "priority", "1", "emergency"],
        &["ticket", "state", "1", "open"],
        &["ticket", "participant", "1", "add", "third@party.example"],
        &["ticket", "follow-up", "1", "2026-12-02"],
        &["ticket", "link", "2", "1", "--kind", "related"],
        &["ticket", "search", "Zanzibar"],
        &["ticket", "answer", "2"],
        &["duty", "show"],
        &["outbox", "list", "--all"],
        &["quarantine", "list"],
        &["status"],
    ] {
        say(arguments, b"A harmless word.\n");
    }
    say(&["ticket", "answer", "1"], b"Zanzibar, said the Quokka\n");
    say(&["ticket", "answer", "1", "--to", "third@party.example"], b"Zanzibar, said the Quokka\n");
    say(&["ticket", "write", "1", "--to", "third@party.example"], b"Narwhal at 198.51.100.77\n");
    say(&["ticket", "note", "1"], b"Narwhal\n");
    assert_eq!(desk.show("1")["tlp"], "RED");
    for day in ["2026-11-27", "2026-11-28", "2026-11-30", "2026-12-01", "2026-12-03", "2026-12-04", "2026-12-07"] {
        log += &text(&desk.once(&format!("{day}T18:40:00+01:00")).stderr);
    }
    holds_no_canary("a log", &log);
    let sent = desk.sent();
    assert!(sent.len() > 6, "{} mails", sent.len());
    for (to, mail) in &sent {
        let parsed = mail_parser::MessageParser::default().parse(mail.as_bytes()).expect("a mail of ours");
        let parts: String = parsed.parts.iter().map(|part| text(part.contents())).collect();
        holds_no_canary(&format!("a mail to {to}"), &format!("{mail}{parts}{}", parsed.subject().unwrap_or_default()));
    }
    // Another ticket, and what else there is to list, says nothing of it.
    holds_no_canary("another ticket", &desk.json(&["ticket", "show", "2"]).to_string());
    for arguments in
        [&["outbox", "list", "--all"][..], &["duty", "show"], &["status"], &["quarantine", "list"], &["key", "list"]]
    {
        holds_no_canary(&format!("{arguments:?}"), &text(&desk.run(arguments).stdout));
    }
    // The history, which outlives a purge, neither.
    holds_no_canary("the history", &told(&desk, "1").join("\n"));
    assert_eq!(
        desk.json(&["ticket", "show", "1"])["messages"][0]["forwarded"][0]["subject"],
        "Zanzibar",
        "it was read"
    );
}
