//! P21: several correspondents on one ticket, each with their own thread, key and clock.

use super::*;

const A: &str = "a@corp.example";
const ISP: &str = "abuse@isp.example";

/// A report that is answered, and a letter to the provider.
fn with_provider() -> Desk {
    let desk = Desk::new();
    desk.ingest(&plain(A, "Phishing of our customers", "See the page."), FRIDAY);
    once(&desk, FRIDAY);
    write(&desk, "2026-11-27T19:00:00+01:00", &["write", "1", "--to", ISP], "Please take 192.0.2.7 down.\n");
    once(&desk, "2026-11-27T19:00:00+01:00");
    desk
}

#[test]
fn p21_a_letter_to_another_party_starts_no_clock_and_their_reply_does() {
    let desk = with_provider();
    let ticket = desk.show("1");
    assert_eq!(ticket["participants"], serde_json::json!([A, ISP]));
    assert_eq!(with(&ticket, A)["role"], "reporter");
    assert_eq!((&with(&ticket, ISP)["role"], &with(&ticket, ISP)["clock"]), (&"other".into(), &Value::Null));
    assert!(with(&ticket, ISP)["answered_at"].is_string());
    assert!(ticket["answered_at"].is_null() && with(&ticket, A)["clock"].is_object(), "the reporter still waits");
    assert_eq!(ticket["state"], "open");

    let mail = reply(ISP, "Re: x", "Which customer?", &last_id(&desk, ISP));
    let line = desk.ingest(&mail, "2026-11-30T09:00:00+01:00");
    assert_eq!((&line["outcome"], &line["ticket"]), (&"joined".into(), &"EX-2026-000001".into()));
    let ticket = desk.show("1");
    assert_eq!(with(&ticket, ISP)["clock"]["due_at"], "2026-12-02T09:00:00+01:00");
    assert_eq!(with(&ticket, A)["clock"]["due_at"], "2026-12-01T18:01:00+01:00");
    assert_eq!(ticket["due_at"], "2026-12-01T18:01:00+01:00", "the earliest running clock");

    write(&desk, "2026-11-30T10:00:00+01:00", &["answer", "1"], "We are on it.\n");
    once(&desk, "2026-11-30T10:00:00+01:00");
    let ticket = desk.show("1");
    assert!(ticket["answered_at"].is_string() && with(&ticket, A)["clock"].is_null());
    assert_eq!(ticket["due_at"], "2026-12-02T09:00:00+01:00", "an answer to one stops nobody else's clock");
    assert_eq!(ticket["state"], "open", "something is owed still");
    let unanswered = desk.json(&["ticket", "list", "--unanswered"]);
    assert_eq!(unanswered.as_array().map(Vec::len), Some(1));

    write(&desk, "2026-11-30T11:00:00+01:00", &["write", "1", "--to", ISP], "Customer 7.\n");
    once(&desk, "2026-11-30T11:00:00+01:00");
    let ticket = desk.show("1");
    assert!(ticket["clock_from"].is_null());
    assert_eq!(ticket["state"], "waiting");
}

#[test]
fn p21_each_correspondent_has_a_thread_of_their_own_and_nothing_of_anothers_is_in_it() {
    let desk = with_provider();
    let report = desk.show("1")["messages"][0]["message_id"].as_str().unwrap().to_owned();
    let letter = desk.sent_to(ISP).pop().unwrap();
    for secret in ["Phishing", "customers", A, "corp.example", &report, &last_id(&desk, A)] {
        assert!(!letter.contains(secret), "{secret}: {letter}");
    }
    assert_eq!((header(&letter, "In-Reply-To"), header(&letter, "References")), (None, None));
    let first = last_id(&desk, ISP);
    let theirs = reply(ISP, "Re: their own words", "Which one?", &first);
    desk.ingest(&theirs, "2026-11-30T09:00:00+01:00");
    write(&desk, "2026-11-30T10:00:00+01:00", &["answer", "1"], "To the reporter.\n");
    write(&desk, "2026-11-30T10:00:00+01:00", &["write", "1", "--to", ISP], "This one.\n");
    once(&desk, "2026-11-30T10:00:00+01:00");
    let second = desk.sent_to(ISP).pop().unwrap();
    assert_eq!(header(&second, "In-Reply-To").as_deref(), Some(id_of(&theirs).as_str()));
    assert_eq!(header(&second, "References"), Some(format!("{first} {}", id_of(&theirs))));
    let to_reporter = desk.sent_to(A).pop().unwrap();
    assert_eq!(header(&to_reporter, "In-Reply-To").as_deref(), Some(report.as_str()));
    assert!(
        !to_reporter.contains(&first)
            && !to_reporter.contains("their own words")
            && !to_reporter.contains("isp.example")
    );
}

#[test]
fn p21_a_letter_is_encrypted_to_the_partys_own_key_with_their_own_subject() {
    let desk = Desk::new();
    let isp = desk.befriend(&format!("ISP <{ISP}>"));
    let reporter = desk.befriend(&format!("A <{A}>"));
    let secret = support::desk::protected(A, "Secret of the reporter", "words");
    let sealed = desk.gpg.seal(&[&desk.team], Some(&reporter), secret.as_bytes());
    desk.ingest(&support::desk::pgp_mime(A, "...", &sealed), FRIDAY);
    let ticket = desk.show("1");
    assert_eq!(with(&ticket, A)["certificate"], reporter.as_str());
    write(&desk, FRIDAY, &["write", "1", "--to", ISP], "A question.\n");
    once(&desk, FRIDAY);
    let letter = desk.sent_to(ISP).pop().unwrap();
    let opened = desk.gpg.run(&["--decrypt"], letter.as_bytes());
    let opened = text(&opened.out);
    assert!(opened.contains("A question."), "{opened}");
    assert!(!opened.contains("Secret") && opened.contains("Message from CSIRT-EXAMPLE"), "{opened}");
    assert_eq!(with(&desk.show("1"), ISP)["certificate"], isp.as_str());
    let words = refused(&desk, 1, &["write", "1", "--to", "x@else.example"]);
    assert!(words.contains("in clear"), "{words}");
    assert_eq!(desk.show("1")["participants"], serde_json::json!([A, ISP]), "who is refused is no participant");
    write(&desk, FRIDAY, &["write", "1", "--to", "x@else.example", "--allow-clear", "--reason", "agreed"], "Hello.\n");
}

#[test]
fn nobody_corresponds_with_ourselves_an_analyst_or_a_feed() {
    let desk = with_provider();
    let config = std::fs::read_to_string(desk.path("vigie.toml")).unwrap();
    std::fs::write(desk.path("vigie.toml"), config + "[triage]\nfeeds = [\"feed@isp.example\"]\n").unwrap();
    for (address, why) in [
        ("csirt@example.org", "ours"),
        ("CSIRT+x@example.org", "ours"),
        ("bob@example.org", "analyst"),
        ("feed@isp.example", "feed"),
    ] {
        for verb in [&["write", "1", "--to", address][..], &["participant", "1", "add", address]] {
            let words = refused(&desk, 1, verb);
            assert!(words.contains(why), "{verb:?}: {words}");
        }
    }
    refused(&desk, 2, &["write", "1", "--to", "no address"]);
    assert_eq!(desk.show("1")["participants"], serde_json::json!([A, ISP]));
}

#[test]
fn t53_a_participant_is_added_and_removed_by_analysts_alone_and_a_promise_is_not_broken_in_silence() {
    let desk = with_provider();
    let ours = last_id(&desk, A);
    let cc = "colleague@corp.example";
    let mail = text(&reply(A, "More", "words", &ours)).replace("To: csirt", &format!("Cc: {cc}\r\nTo: csirt"));
    assert_eq!(desk.ingest(mail.as_bytes(), FRIDAY)["outcome"], "joined");
    assert_eq!(
        desk.ingest(&reply(cc, "Me too", "words", &ours), FRIDAY)["outcome"],
        "filed",
        "Cc makes no participant"
    );
    alice(&desk, FRIDAY, &["participant", "1", "add", cc]);
    assert_eq!(desk.ingest(&reply(cc, "Again", "words", &ours), FRIDAY)["outcome"], "joined");
    let words = refused(&desk, 1, &["participant", "1", "remove", cc]);
    assert!(words.contains("waits for an answer"), "{words}");
    alice(&desk, FRIDAY, &["participant", "1", "remove", cc, "--reason", "left the company"]);
    let ticket = desk.show("1");
    assert_eq!(ticket["participants"], serde_json::json!([A, ISP]));
    assert!(ticket["correspondents"].as_array().unwrap().iter().all(|row| row["address"] != cc));
    assert_eq!(desk.ingest(&reply(cc, "Once more", "words", &ours), FRIDAY)["outcome"], "filed");
    refused(&desk, 1, &["participant", "1", "remove", cc]);
    // The reporter may be put out too; they stay whom the answer goes to, and whom it is owed.
    refused(&desk, 1, &["participant", "1", "remove", A]);
    write(&desk, FRIDAY, &["answer", "1"], "Words.\n");
    once(&desk, FRIDAY);
    alice(&desk, FRIDAY, &["participant", "1", "remove", A]);
    assert_eq!(desk.ingest(&reply(A, "And now", "words", &ours), FRIDAY)["outcome"], "filed");
    write(&desk, FRIDAY, &["answer", "1"], "More words.\n");
}

#[test]
fn a_reply_of_another_party_reminds_and_escalates_as_a_reporters_does() {
    let desk = with_provider();
    write(&desk, "2026-11-27T19:00:00+01:00", &["answer", "1"], "On it.\n");
    once(&desk, "2026-11-27T19:00:00+01:00");
    desk.ingest(&reply(ISP, "Re", "Which?", &last_id(&desk, ISP)), "2026-11-30T09:00:00+01:00");
    once(&desk, "2026-12-04T09:00:00+01:00");
    let ticket = desk.show("1");
    assert!(with(&ticket, ISP)["clock"]["escalated_at"].is_string());
    let mail = desk.sent_to("lead@example.org").pop().unwrap();
    assert!(header(&mail, "Subject").unwrap().contains("ESCALATION"), "{mail}");
    let listed = desk.ok(&["ticket", "list", "--unanswered"]);
    assert!(listed.contains("broken since") && listed.contains(ISP), "{listed}");
}

#[test]
fn t59_a_participants_proven_mail_reopens_a_closed_ticket_three_times_a_day_and_no_more() {
    let desk = with_provider();
    let ours = last_id(&desk, A);
    write(&desk, "2026-11-27T19:01:00+01:00", &["answer", "1"], "Done.\n");
    once(&desk, "2026-11-27T19:01:00+01:00");
    for round in 1..=4 {
        let now = format!("2026-11-27T20:0{round}:00+01:00");
        alice(&desk, &now, &["state", "1", "closed", "--reason", "done"]);
        let stranger = desk.ingest(&reply("x@evil.example", "Re", &format!("me {round}"), &ours), &now);
        assert_eq!(stranger["outcome"], "filed");
        let unproven = desk.ingest(&plain(A, "[EX-2026-000001] Re", &format!("round {round}")), &now);
        assert_eq!(unproven["outcome"], "filed", "T51");
        assert_eq!(desk.show("1")["state"], "closed");
        let line = desk.ingest(&reply(A, "Re", &format!("but {round}"), &ours), &now);
        if round < 4 {
            assert_eq!((&line["outcome"], &desk.show("1")["state"]), (&"joined".into(), &"open".into()), "{round}");
        } else {
            assert_eq!((&line["outcome"], &desk.show("1")["state"]), (&"filed".into(), &"closed".into()));
            let own = desk.show(line["ticket"].as_str().unwrap());
            assert_eq!(own["links"], serde_json::json!([{"to": "EX-2026-000001", "kind": "claims"}]));
            assert!(own["due_at"].is_string(), "it is not lost: it has a clock of its own");
        }
    }
    alice(&desk, "2026-11-28T21:00:00+01:00", &["state", "1", "open"]);
    assert_eq!(desk.show("1")["state"], "open");
}
