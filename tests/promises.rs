//! The promises that a team makes, each shown on the built binary: mail in, ticket, what leaves.
//! Mail is made by GnuPG, not by our own sealing code.

mod support;

use support::desk::{Desk, Setup, header, pgp_mime, plain, protected, text};
use support::gnupg::Kind;

/// Friday 27 November 2026, 18:01 in Paris.
const FRIDAY: &str = "2026-11-27T18:01:00+01:00";

#[test]
fn p1_a_report_opens_a_ticket_and_alerts_the_analyst_on_duty() {
    let desk = Desk::new();
    desk.deliver(
        "1",
        &plain("a@corp.example", "Scans from 198.51.100.7", "See 198.51.100.7 and hxxp://evil[.]example/x"),
        FRIDAY,
    );
    assert!(desk.once(FRIDAY).status.success());
    let list = desk.json(&["ticket", "list"]);
    assert_eq!(list.as_array().map(Vec::len), Some(1), "{list}");
    let ticket = desk.show("1");
    assert_eq!(ticket["number"], "EX-2026-000001");
    assert_eq!(ticket["state"], "new");
    assert_eq!(ticket["subject"], "Scans from 198.51.100.7");
    assert_eq!(ticket["kind"], "incident");
    assert_eq!(ticket["reporter"]["address"], "a@corp.example");
    assert_eq!(ticket["reporter"]["constituent"], "Example Corp");
    assert_eq!(ticket["received_via"], serde_json::json!(["csirt"]));
    let kinds: Vec<&str> =
        ticket["indicators"].as_array().unwrap().iter().map(|i| i["kind"].as_str().unwrap()).collect();
    assert!(kinds.contains(&"ipv4") && kinds.contains(&"url"), "{kinds:?}");
    // 27 November 2026 lies in the week of bob or alice: whoever it is, one alert and no page.
    let on_duty = desk.json(&["--now", FRIDAY, "duty", "show"])["on_duty"].as_str().unwrap().to_owned();
    let alerts = desk.sent_to(&format!("{on_duty}@example.org"));
    assert_eq!(alerts.len(), 1);
    assert!(alerts[0].contains("EX-2026-000001") && !alerts[0].contains("198.51.100.7"), "{}", alerts[0]);
    assert_eq!(header(&alerts[0], "Auto-Submitted").as_deref(), Some("auto-generated"));
    // The mail lies in the folder for filed mail, the original octets are kept.
    assert_eq!(std::fs::read_dir(desk.path("Maildir/.Vigie.Filed/cur")).unwrap().count(), 1);
}

#[test]
fn p1_raw_mail_is_given_back_octet_for_octet() {
    let desk = Desk::new();
    let mut mail = plain("a@corp.example", "octets", "a line");
    mail.extend(b"\x00\x01\xff bare\rcr bare\nlf \r\n.\r\n");
    let ticket = desk.ticket_of(&mail, FRIDAY);
    let id = ticket["messages"][0]["id"].to_string();
    let raw = desk.run(&["ticket", "raw", "1", "--message", &id]);
    assert_eq!(raw.stdout, mail);
    assert_eq!(ticket["messages"][0]["raw_size"], mail.len());
}

#[test]
fn p2_contact_is_filed_and_answered_without_incident_or_alert() {
    let mailboxes = Setup::default().mailboxes.replace("\"incident\"", "\"contact\"");
    let desk = Desk::with(Setup { mailboxes, ..Setup::default() });
    desk.ingest(&plain("a@corp.example", "A question", "When are you open?"), FRIDAY);
    desk.once(FRIDAY);
    let ticket = desk.show("1");
    assert_eq!(ticket["kind"], "contact");
    assert_eq!(desk.sent_to("a@corp.example").len(), 1);
    assert_eq!(desk.sent().len(), 1, "nobody is alerted");
    assert!(ticket["due_at"].is_string());
}

#[test]
fn p3_urgent_in_the_encrypted_subject_pages_at_once() {
    let desk = Desk::with(Setup { team_key: Kind::Rsa4096, ..Setup::default() });
    let reporter = desk.befriend("A <a@corp.example>");
    let inner = protected("a@corp.example", "[URGENT] Ransomware", "Everything is locked.");
    let mail = pgp_mime("a@corp.example", "...", &desk.gpg.seal(&[&desk.team], Some(&reporter), inner.as_bytes()));
    desk.ingest(&mail, FRIDAY);
    desk.once(FRIDAY);
    let ticket = desk.show("1");
    let verdict = &ticket["messages"][0]["verdict"];
    assert_eq!(ticket["subject"], "[URGENT] Ransomware");
    assert_eq!(ticket["reported_urgent"], true);
    assert_eq!(ticket["priority"], "normal", "P4: only the team decides");
    assert_eq!(verdict["encryption"], "decrypted", "{verdict}");
    assert_eq!(verdict["signature"], "good", "{verdict}");
    assert_eq!(verdict["signer"], reporter.as_str());
    assert_eq!(verdict["signed_by_sender"], true);
    assert_eq!(verdict["authenticated"], "marginal");
    assert_eq!(verdict["covers"], "whole");
    assert_eq!(verdict["subject_protected"], true);
    let pages = desk.json(&["--now", FRIDAY, "duty", "show"])["pages"].clone();
    assert_eq!(pages.as_array().map(Vec::len), Some(1), "{pages}");
    assert_eq!(pages[0]["ticket"], "EX-2026-000001");
    let sent = desk.sent();
    let page = sent.iter().find(|(_, mail)| mail.contains("PAGE")).expect("a page by mail");
    for word in ["Ransomware", "locked", "corp.example"] {
        assert!(!page.1.contains(word), "a page in clear says {word}");
    }
}

#[test]
fn p4_emergency_is_the_teams_own_word() {
    let desk = Desk::new();
    desk.ingest(&plain("a@corp.example", "[URGENT] EMERGENCY", "emergency!"), FRIDAY);
    assert_eq!(desk.show("1")["priority"], "normal");
    desk.ok(&["--as", "alice", "ticket", "priority", "1", "emergency"]);
    let ticket = desk.show("1");
    assert_eq!(ticket["priority"], "emergency");
    let history = ticket["history"].to_string();
    assert!(history.contains("alice") && history.contains("emergency"), "{history}");
}

#[test]
fn p5_an_unopenable_mail_is_a_ticket_all_the_same_with_the_reason() {
    let desk = Desk::new();
    let stranger = desk.gpg.generate(Kind::Curve25519, "S <stranger@else.example>");
    let sealed = desk.gpg.seal(&[&stranger], None, b"Content-Type: text/plain\r\n\r\nsecret\r\n");
    desk.ingest(&pgp_mime("a@corp.example", "...", &sealed), FRIDAY);
    desk.once(FRIDAY);
    let ticket = desk.show("1");
    assert_eq!(ticket["messages"][0]["verdict"]["encryption"], "failed");
    assert_eq!(ticket["messages"][0]["verdict"]["encryption_problem"], "no_key");
    let acknowledgement = desk.sent_to("a@corp.example");
    assert_eq!(acknowledgement.len(), 1);
    // A constituent's mail that cannot be opened pages: it may be urgent.
    assert_eq!(desk.json(&["--now", FRIDAY, "duty", "show"])["pages"].as_array().map(Vec::len), Some(1));
}

#[test]
fn p7_p8_reminder_due_and_escalation_come_when_the_promise_says_and_end_with_the_answer() {
    let desk = Desk::new();
    desk.ingest(&plain("a@corp.example", "Phishing", "Look."), FRIDAY);
    desk.once(FRIDAY);
    let ticket = desk.show("1");
    assert_eq!(ticket["due_at"], "2026-12-01T18:01:00+01:00");
    assert_eq!(ticket["escalate_at"], "2026-12-03T18:01:00+01:00");
    let kinds = |desk: &Desk| -> Vec<String> {
        let subjects = desk.sent().into_iter().filter_map(|(_, mail)| header(&mail, "Subject"));
        subjects.filter(|s| !s.contains("New report") && !s.contains("received")).collect()
    };
    assert!(kinds(&desk).is_empty());
    desk.once("2026-11-30T18:00:59+01:00");
    assert!(kinds(&desk).is_empty(), "not before one business day");
    desk.once("2026-11-30T18:01:00+01:00");
    assert_eq!(kinds(&desk).len(), 1);
    desk.once("2026-12-01T18:01:00+01:00");
    assert_eq!(kinds(&desk).len(), 2);
    desk.once("2026-12-03T18:01:00+01:00");
    assert_eq!(desk.sent_to("lead@example.org").len(), 1);
    assert!(desk.show("1")["escalated_at"].is_string());
    desk.once("2026-12-04T18:01:00+01:00");
    assert_eq!(desk.sent_to("boss@example.org").len(), 1, "the next in order");
    desk.once("2026-12-07T18:01:00+01:00");
    assert_eq!(desk.sent_to("lead@example.org").len(), 2, "after the last, all of them");
    assert_eq!(desk.sent_to("boss@example.org").len(), 2);
    desk.feed(&["--as", "alice", "--now", "2026-12-08T10:00:00+01:00", "ticket", "answer", "1"], b"We are on it.\n");
    desk.once("2026-12-08T10:00:00+01:00");
    let ticket = desk.show("1");
    assert_eq!(ticket["state"], "waiting");
    assert!(ticket["answered_at"].is_string());
    let before = desk.sent().len();
    desk.once("2026-12-20T10:00:00+01:00");
    assert_eq!(desk.sent().len(), before, "an answered ticket is silent");
}

#[test]
fn p9_a_page_climbs_until_somebody_acknowledges_it() {
    let desk = Desk::new();
    desk.ingest(&plain("a@corp.example", "[URGENT] now", "now"), FRIDAY);
    desk.once(FRIDAY);
    let first = desk.json(&["duty", "show"])["pages"][0]["analyst"].as_str().unwrap().to_owned();
    let second = if first == "alice" { "bob" } else { "alice" };
    let pages = |name: &str| desk.sent_to(&format!("{name}@example.org")).iter().filter(|m| m.contains("PAGE")).count();
    assert_eq!((pages(&first), pages(second)), (1, 0));
    desk.once("2026-11-27T18:15:59+01:00");
    assert_eq!(pages(second), 0);
    desk.once("2026-11-27T18:16:01+01:00");
    assert_eq!(pages(second), 1);
    desk.once("2026-11-27T18:31:02+01:00");
    assert_eq!((pages("lead"), pages("boss")), (1, 1));
    let page = desk.json(&["duty", "show"])["pages"][0]["id"].to_string();
    desk.ok(&["--as", second, "duty", "ack", &page]);
    let shown = desk.json(&["duty", "show"]);
    assert!(shown["pages"].as_array().unwrap().iter().all(|p| p["acknowledged_at"].is_string()), "{shown}");
}

#[test]
fn p9_an_acknowledged_page_does_not_climb() {
    let desk = Desk::new();
    desk.ingest(&plain("a@corp.example", "[URGENT] now", "now"), FRIDAY);
    desk.once(FRIDAY);
    desk.ok(&["--as", "bob", "duty", "ack", "1"]);
    let before = desk.sent().len();
    desk.once("2026-11-27T20:00:00+01:00");
    assert_eq!(desk.sent().len(), before);
}

#[test]
fn p10_machine_reports_are_filed_in_silence() {
    let desk = Desk::new();
    let arf = "Return-Path: <feed@isp.example>\r\nFrom: feed@isp.example\r\nTo: csirt@example.org\r\nSubject: [URGENT] abuse report\r\n\
        Message-ID: <f1@isp.example>\r\nMIME-Version: 1.0\r\n\
        Content-Type: multipart/report; report-type=feedback-report; boundary=\"b\"\r\n\r\n\
        --b\r\nContent-Type: text/plain\r\n\r\nspam from 203.0.113.9\r\n\
        --b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\nUser-Agent: x/1\r\nVersion: 1\r\n\r\n\
        --b\r\nContent-Type: message/rfc822\r\n\r\nFrom: x@y.example\r\nSubject: buy\r\n\r\nbuy\r\n--b--\r\n";
    desk.ingest(arf.as_bytes(), FRIDAY);
    desk.once(FRIDAY);
    let ticket = desk.show("1");
    assert_eq!(ticket["automatic"], true);
    assert!(ticket["due_at"].is_null(), "no clock");
    assert!(desk.sent().is_empty(), "no word to anybody");
}

#[test]
fn p13_the_acknowledgement_holds_a_number_and_dates_and_never_a_word_of_the_report() {
    let desk = Desk::new();
    desk.ingest(&plain("a@corp.example", "Zanzibar leak", "The quokka database was copied."), FRIDAY);
    desk.once(FRIDAY);
    let sent = desk.sent_to("a@corp.example");
    assert_eq!(sent.len(), 1);
    let mail = &sent[0];
    for word in ["Zanzibar", "quokka", "leak"] {
        assert!(!mail.contains(word), "{word}");
    }
    assert_eq!(header(mail, "Subject").as_deref(), Some("[EX-2026-000001] Report received"));
    assert_eq!(header(mail, "Auto-Submitted").as_deref(), Some("auto-replied"));
    assert_eq!(header(mail, "X-Envelope-From").as_deref(), Some("<>"));
    assert!(header(mail, "In-Reply-To").is_some());
    assert!(mail.contains("multipart/signed"));
    assert!(mail.contains("application/pgp-keys"));
    let whole = mail.replace("=\r\n", "").replace("=\n", "");
    for fact in
        ["EX-2026-000001", "27 November 2026 18:01", "1 December 2026 18:01", "+33 1 23 45 67 89", "4 business days"]
    {
        assert!(whole.contains(fact), "{fact} is missing in {whole}");
    }
    // Once a ticket, however often the loops run.
    desk.once(FRIDAY);
    desk.once("2026-11-27T19:00:00+01:00");
    assert_eq!(desk.sent_to("a@corp.example").len(), 1);
    assert!(desk.show("1")["acknowledged_at"].is_string());
}

#[test]
fn p13_a_known_certificate_gets_an_encrypted_acknowledgement_that_gnupg_opens() {
    let desk = Desk::new();
    let reporter = desk.befriend("A <a@corp.example>");
    desk.ingest(&plain("a@corp.example", "Hello", "Hello"), FRIDAY);
    desk.once(FRIDAY);
    let mail = &desk.sent_to("a@corp.example")[0];
    assert_eq!(header(mail, "Subject").as_deref(), Some("[...]"));
    let armored = &mail[mail.find("-----BEGIN PGP MESSAGE-----").expect("ciphertext")..];
    desk.gpg.turn_to("20261127T170200");
    let ran = desk.gpg.run(&["--decrypt"], armored.as_bytes());
    assert!(ran.success, "{:?}", ran.status);
    let inside = text(&ran.out);
    assert!(inside.contains("[EX-2026-000001] Report received"), "{inside}");
    assert!(ran.says("GOODSIG"), "{:?}", ran.status);
    assert!(ran.says(&format!("VALIDSIG {}", desk.team)), "{:?}", ran.status);
    assert!(!reporter.is_empty());
}

#[test]
fn p13_an_answer_to_an_encrypted_report_is_refused_in_clear() {
    let desk = Desk::new();
    let sealed = desk.gpg.seal(&[&desk.team], None, b"Content-Type: text/plain\r\n\r\nsecret\r\n");
    desk.ingest(&pgp_mime("a@corp.example", "...", &sealed), FRIDAY);
    desk.once(FRIDAY);
    let refused = desk.feed(&["--as", "alice", "ticket", "answer", "1"], b"Thank you.\n");
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("encrypted"), "{}", text(&refused.stderr));
    let allowed = desk.feed(
        &["--as", "alice", "ticket", "answer", "1", "--allow-clear", "--reason", "the reporter asked for it"],
        b"Thank you.\n",
    );
    assert!(allowed.status.success(), "{}", text(&allowed.stderr));
    desk.once(FRIDAY);
    assert_eq!(desk.show("1")["state"], "waiting");
}

#[test]
fn a_reply_joins_only_with_a_participant_and_a_proof() {
    let desk = Desk::new();
    desk.ingest(&plain("a@corp.example", "First", "first"), FRIDAY);
    desk.once(FRIDAY);
    let ours = header(&desk.sent_to("a@corp.example")[0], "Message-ID").unwrap();
    let reply = |from: &str, extra: &str, subject: &str, body: &str| {
        let mail = text(&plain(from, subject, body));
        mail.replacen("MIME-Version", &format!("{extra}MIME-Version"), 1).into_bytes()
    };
    // The participant, with a reference to our own Message-ID.
    let line = desk.ingest(&reply("a@corp.example", &format!("In-Reply-To: {ours}\r\n"), "Re: First", "more"), FRIDAY);
    assert_eq!(line["outcome"], "joined", "{line}");
    // A stranger with the same reference; the participant with the number alone.
    let line = desk.ingest(&reply("x@else.example", &format!("In-Reply-To: {ours}\r\n"), "Re: First", "mine"), FRIDAY);
    assert_eq!((line["outcome"].as_str(), line["ticket"].as_str()), (Some("filed"), Some("EX-2026-000002")));
    let line = desk.ingest(&reply("a@corp.example", "", "[EX-2026-000001] spoofed", "who knows"), FRIDAY);
    assert_eq!(line["ticket"], "EX-2026-000003");
    assert_eq!(desk.show("3")["links"], serde_json::json!([{"to": "EX-2026-000001", "kind": "claims"}]));
    // A forged hash is no proof.
    let forged = ours.replace('<', "<x");
    let line = desk.ingest(&reply("a@corp.example", &format!("References: {forged}\r\n"), "hm", "hm"), FRIDAY);
    assert_eq!(line["ticket"], "EX-2026-000004");
}

#[test]
fn the_same_mail_twice_is_one_ticket_and_one_acknowledgement() {
    let desk = Desk::new();
    let mail = plain("a@corp.example", "Once", "once");
    assert_eq!(desk.ingest(&mail, FRIDAY)["outcome"], "filed");
    let relayed = [b"Received: from relay by mx; Fri, 27 Nov 2026 18:00:00 +0100\r\n".as_slice(), &mail].concat();
    let line = desk.ingest(&relayed, FRIDAY);
    assert_eq!((line["outcome"].as_str(), line["ticket"].as_str()), (Some("duplicate"), Some("EX-2026-000001")));
    desk.once(FRIDAY);
    assert_eq!(desk.sent_to("a@corp.example").len(), 1);
}

#[test]
fn mail_that_waited_for_a_key_is_opened_when_the_key_is_there() {
    let desk = Desk::new();
    let key = std::fs::read(desk.path("team.asc")).unwrap();
    std::fs::remove_file(desk.path("team.asc")).unwrap();
    let inner = protected("a@corp.example", "[URGENT] inside", "body");
    let sealed = desk.gpg.seal(&[&desk.team], None, inner.as_bytes());
    desk.ingest(&pgp_mime("a@else.example", "...", &sealed), FRIDAY);
    let verdict = desk.show("1")["messages"][0]["verdict"].clone();
    assert_eq!(verdict["encryption_problem"], "key_unavailable", "{verdict}");
    desk.once(FRIDAY);
    std::fs::write(desk.path("team.asc"), key).unwrap();
    desk.once("2026-11-27T18:05:00+01:00");
    let ticket = desk.show("1");
    let message = &ticket["messages"][0];
    assert_eq!(message["verdict"], verdict, "as at arrival");
    assert_eq!(message["rechecked"]["verdict"]["encryption"], "decrypted");
    assert_eq!(message["rechecked"]["at"], "2026-11-27T18:05:00+01:00");
    assert_eq!(message["subject"], "[URGENT] inside");
    assert_eq!(message["text"].as_str().map(str::trim_end), Some("body"));
    assert_eq!(ticket["subject"], "[URGENT] inside");
    assert_eq!(ticket["received_at"], FRIDAY, "receipt stays");
    assert_eq!(desk.json(&["duty", "show"])["pages"].as_array().map(Vec::len), Some(1), "it was urgent all along");
    // The acknowledgement waited for a key to sign with.
    assert_eq!(desk.sent_to("a@else.example").len(), 1);
}

#[test]
fn p7_what_the_reporter_wrote_after_the_answer_starts_the_clock_anew() {
    let desk = Desk::new();
    desk.ingest(&plain("a@corp.example", "First", "first"), FRIDAY);
    desk.once(FRIDAY);
    let ours = header(&desk.sent_to("a@corp.example")[0], "Message-ID").unwrap();
    let more = |body: &str| {
        let mail = text(&plain("a@corp.example", "Re: First", body));
        mail.replacen("MIME-Version", &format!("In-Reply-To: {ours}\r\nMIME-Version"), 1).into_bytes()
    };
    // A further mail before the answer does not push the promise back.
    desk.ingest(&more("before"), "2026-11-30T09:00:00+01:00");
    assert_eq!(desk.show("1")["due_at"], "2026-12-01T18:01:00+01:00");
    let answer = ["--as", "alice", "--now", "2026-11-30T10:00:00+01:00", "ticket", "answer", "1"];
    assert!(desk.feed(&answer, b"On it.\n").status.success());
    desk.once("2026-11-30T10:00:00+01:00");
    assert_eq!(desk.json(&["ticket", "list", "--unanswered"]), serde_json::json!([]));
    // One after it does.
    desk.ingest(&more("after"), "2026-11-30T11:00:00+01:00");
    let ticket = desk.show("1");
    assert_eq!(
        (ticket["state"].as_str(), ticket["due_at"].as_str()),
        (Some("open"), Some("2026-12-02T11:00:00+01:00"))
    );
    assert_eq!(ticket["messages"].as_array().unwrap().iter().filter(|m| m["direction"] == "ack").count(), 1);
}

#[test]
fn p13_the_texts_of_acknowledgements_can_be_replaced_and_a_bad_one_is_refused() {
    let desk = Desk::new();
    std::fs::create_dir(desk.path("texts")).unwrap();
    std::fs::write(desk.path("texts/acknowledgement.en.txt"), "Our own words for {number}, {nothing}.\n").unwrap();
    let refused = desk.run(&["ticket", "list"]);
    assert_eq!(refused.status.code(), Some(78));
    assert!(text(&refused.stderr).contains("{nothing}"), "{}", text(&refused.stderr));
    std::fs::write(desk.path("texts/acknowledgement.en.txt"), "Our own words for {number}.\n").unwrap();
    desk.ingest(&plain("a@corp.example", "Hello", "Hello"), FRIDAY);
    desk.once(FRIDAY);
    assert!(desk.sent_to("a@corp.example")[0].contains("Our own words for EX-2026-000001."));
}

/// A reply to our own acknowledgement of ticket 1.
fn reply(desk: &Desk, extra: &str, subject: &str, body: &str) -> Vec<u8> {
    let ours = header(&desk.sent_to("a@corp.example")[0], "Message-ID").unwrap();
    let mail = text(&plain("a@corp.example", subject, body));
    mail.replacen("MIME-Version", &format!("In-Reply-To: {ours}\r\n{extra}MIME-Version"), 1).into_bytes()
}

#[test]
fn p9_a_page_that_was_acknowledged_before_it_left_wakes_nobody() {
    let desk = Desk::new();
    // No mail can leave: the folder is a file.
    std::fs::remove_dir(desk.path("out")).unwrap();
    std::fs::write(desk.path("out"), "").unwrap();
    desk.ingest(&plain("a@corp.example", "[URGENT] now", "now"), FRIDAY);
    assert_eq!(desk.once(FRIDAY).status.code(), Some(75));
    desk.ok(&["--as", "bob", "duty", "ack", "1"]);
    std::fs::remove_file(desk.path("out")).unwrap();
    std::fs::create_dir(desk.path("out")).unwrap();
    desk.once("2026-11-27T20:00:00+01:00");
    assert!(!desk.sent().is_empty());
    assert!(desk.sent().iter().all(|(_, mail)| !mail.contains("PAGE")), "a page left");
    let dropped = desk.json(&["outbox", "list", "--all"]);
    let page = dropped.as_array().unwrap().iter().find(|row| row["kind"] == "page").unwrap();
    assert_eq!(page["state"], "dropped", "{page}");
}

#[test]
fn p9_what_burns_again_after_it_came_to_rest_pages_again() {
    let desk = Desk::new();
    desk.ingest(&plain("a@corp.example", "[URGENT] now", "now"), FRIDAY);
    desk.once(FRIDAY);
    let pages = || desk.json(&["duty", "show"])["pages"].as_array().unwrap().len();
    // While somebody works on it, a further word is an alert and no page.
    desk.ok(&["--as", "alice", "duty", "ack", "1"]);
    desk.ingest(&reply(&desk, "", "[URGENT] hurry", "hurry"), "2026-11-27T18:30:00+01:00");
    assert_eq!(pages(), 1);
    let answer = ["--as", "alice", "--now", "2026-11-27T19:00:00+01:00", "ticket", "answer", "1"];
    assert!(desk.feed(&answer, b"Done.\n").status.success());
    desk.once("2026-11-27T19:00:00+01:00");
    desk.ingest(&reply(&desk, "", "[URGENT] it is back", "all is on fire"), "2026-11-28T03:00:00+01:00");
    let open = desk.json(&["duty", "show"])["pages"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|p| p["acknowledged_at"].is_null())
        .count();
    assert_eq!(open, 1);
}

#[test]
fn p7_an_absence_note_starts_no_clock() {
    let desk = Desk::new();
    desk.ingest(&plain("a@corp.example", "First", "first"), FRIDAY);
    desk.once(FRIDAY);
    let answer = ["--as", "alice", "--now", "2026-11-27T19:00:00+01:00", "ticket", "answer", "1"];
    assert!(desk.feed(&answer, b"Done.\n").status.success());
    desk.once("2026-11-27T19:00:00+01:00");
    let note = reply(&desk, "Auto-Submitted: auto-replied\r\n", "Absence", "I am away.");
    desk.ingest(&note, "2026-11-27T19:01:00+01:00");
    let ticket = desk.show("1");
    assert_eq!(ticket["state"], "waiting");
    assert_eq!(desk.json(&["ticket", "list", "--unanswered"]), serde_json::json!([]));
}
