//! An analyst replies to an alert from their own mail client (P5, P9, T62).

use super::*;

/// A reply as mail clients send it, of which only the content is encrypted and signed: the header
/// fields that say where it belongs stand outside.
struct Reply<'a> {
    desk: &'a Desk,
    from: &'a str,
    to: &'a str,
    /// The alert that it answers.
    alert: &'a str,
    content_type: &'a str,
}

impl Reply<'_> {
    fn entity(&self, body: &str) -> String {
        format!("Content-Type: {}\r\n\r\n{}\r\n", self.content_type, body.replace("\r\n", "\n").replace('\n', "\r\n"))
    }

    fn addressed(&self, mail: Vec<u8>) -> Vec<u8> {
        let id = header(self.alert, "Message-ID").unwrap();
        let fields = format!("In-Reply-To: {id}\r\nReferences: {id}\r\nMIME-Version:");
        let mail = text(&mail).replacen("MIME-Version:", &fields, 1);
        mail.replace("To: csirt@example.org", &format!("To: {}", self.to)).into_bytes()
    }

    fn sealed(&self, signer: Option<&str>, body: &str) -> Vec<u8> {
        let armored = self.desk.gpg.seal(&[&self.desk.team], signer, self.entity(body).as_bytes());
        self.addressed(pgp_mime(self.from, "Re: [...]", &armored))
    }

    fn signed(&self, signer: &str, body: &str) -> Vec<u8> {
        let part = self.entity(body);
        let ran = self.desk.gpg.run(
            &["--armor", "--detach-sign", "--digest-algo", "SHA512", "--local-user", signer],
            part.trim_end_matches("\r\n").as_bytes(),
        );
        let head = text(&plain(self.from, "Re: [...]", body)).split("MIME-Version").next().unwrap().to_owned();
        let signature = text(&ran.out).replace('\n', "\r\n");
        let mail = format!(
            "{head}MIME-Version: 1.0\r\nContent-Type: multipart/signed; protocol=\"application/pgp-signature\"; micalg=pgp-sha512; boundary=\"s\"\r\n\r\n\
             --s\r\n{}\r\n--s\r\nContent-Type: application/pgp-signature\r\n\r\n{signature}\r\n--s--\r\n",
            part.trim_end_matches("\r\n")
        );
        self.addressed(mail.into_bytes())
    }
}

/// A desk with one ticket that alice was alerted of; gives her key, bob's, and the alert.
fn alerted(mail: &[u8]) -> (Desk, String, String, String) {
    let (desk, alice, bob) = keyed();
    desk.ingest(mail, FRIDAY);
    once(&desk, FRIDAY);
    let alert = desk.sent_to("alice@example.org").remove(0);
    (desk, alice, bob, alert)
}

fn to_alert<'a>(desk: &'a Desk, alert: &'a str) -> Reply<'a> {
    Reply { desk, from: "alice@example.org", to: "csirt@example.org", alert, content_type: "text/plain; charset=utf-8" }
}

fn report() -> Vec<u8> {
    plain("a@corp.example", "Phishing", "We see phishing.")
}

/// Mails to the reporter after the acknowledgement.
fn answers(desk: &Desk) -> Vec<String> {
    desk.sent_to("a@corp.example").into_iter().filter(|mail| header(mail, "Auto-Submitted").is_none()).collect()
}

/// Notices to alice.
fn notices(desk: &Desk) -> Vec<String> {
    let to_alice = desk.sent_to("alice@example.org");
    let opened = to_alice.iter().map(|mail| opened(desk, mail));
    opened.filter(|mail| mail.contains("Vigie needs a person")).collect()
}

#[test]
fn p5_a_sealed_reply_to_an_alert_is_the_answer_of_that_analyst_and_ends_the_clock() {
    let (desk, alice, _, alert) = alerted(&report());
    let shown = opened(&desk, &alert);
    assert!(shown.contains("Reply code: EX-2026-000001:A"), "{shown}");
    assert!(shown.contains("your words above the quote go to the reporter"), "{shown}");
    assert!(!alert.contains("Reply code"), "never in clear");
    let body = format!("We look into it.\n\nKeep the mails.\n\n{}-- \nAlice", quoted(&shown));
    let line = desk.ingest(&to_alert(&desk, &alert).sealed(Some(&alice), &body), LATER);
    assert_eq!((&line["ticket"], &line["outcome"]), (&json!("EX-2026-000001"), &json!("joined")));
    once(&desk, LATER);
    let sent = answers(&desk);
    assert_eq!(sent.len(), 1, "{:?}", told(&desk, "1"));
    let answer = unquoted(&sent[0]);
    assert!(answer.contains("We look into it.") && answer.contains("Keep the mails."), "{answer}");
    for cut in ["wrote:", "Ticket:", "Reply code", "Proven", "Alice", ">"] {
        let body = answer.split("\r\n\r\n").skip(1).collect::<String>();
        assert!(!body.contains(cut) || cut == ">", "{cut}: {answer}");
    }
    let ticket = desk.show("1");
    assert_eq!((&ticket["state"], &ticket["assignee"]), (&json!("waiting"), &json!("alice")));
    assert!(ticket["answered_at"].is_string());
    assert!(told(&desk, "1").iter().any(|line| line == "alice: answer accepted by the mail server"));
    let messages = ticket["messages"].as_array().unwrap();
    let out = messages.iter().find(|message| message["direction"] == "out").unwrap();
    assert_eq!(out["author"], "alice");
    assert_eq!(out["text"], "We look into it.\n\nKeep the mails.\n");
    // What was cut is kept.
    let note = messages.iter().find(|message| message["direction"] == "note").unwrap();
    assert!(note["text"].as_str().unwrap().contains("Reply code"));
    assert!(desk.json(&["ticket", "list", "--unanswered"]).as_array().unwrap().is_empty());
    assert!(notices(&desk).is_empty());
}

#[test]
fn what_an_analyst_quotes_is_no_finding() {
    let (desk, alice, _, alert) = alerted(&report());
    let quote =
        "> From: X <x@quoted.evil.com>\n> To: y@corp.example\n> Subject: z\n> Date: Fri, 27 Nov 2026 10:00:00 +0100\n";
    let body = format!("We look into it.\n\n{}{quote}", quoted(&opened(&desk, &alert)));
    desk.ingest(&to_alert(&desk, &alert).sealed(Some(&alice), &body), LATER);
    let ticket = desk.show("1");
    assert!(ticket["messages"].as_array().unwrap().len() > 1, "{ticket:#}");
    assert!(!ticket["indicators"].to_string().contains("quoted.evil.com"));
    for message in ticket["messages"].as_array().unwrap() {
        assert!(message["forwarded"].as_array().is_none_or(Vec::is_empty), "{message:#}");
    }
}

#[test]
fn t62_a_reply_that_proves_too_little_goes_to_nobody_and_the_analyst_is_told() {
    type Make = fn(&Reply, &str, &str, &str) -> Vec<u8>;
    let cases: [(&str, Make); 6] = [
        ("a stranger's, in alice's name", |reply, _, _, body| {
            reply.addressed(plain("alice@example.org", "Re: [EX-2026-000001] New report", body))
        }),
        ("signed, not encrypted", |reply, alice, _, body| reply.signed(alice, body)),
        ("encrypted, not signed", |reply, _, _, body| reply.sealed(None, body)),
        ("signed by another analyst", |reply, _, bob, body| reply.sealed(Some(bob), body)),
        ("without the code", |reply, alice, _, _| reply.sealed(Some(alice), "We look into it.")),
        ("with the code of another team", |reply, alice, _, body| {
            reply.sealed(Some(alice), &body.replace("000001:A", "000001:A0"))
        }),
    ];
    for (what, make) in cases {
        let (desk, alice, bob, alert) = alerted(&report());
        let body = format!("We look into it.\n{}", quoted(&opened(&desk, &alert)));
        let mail = make(&to_alert(&desk, &alert), &alice, &bob, &body);
        let line = desk.ingest(&mail, LATER);
        assert_eq!((&line["ticket"], &line["outcome"]), (&json!("EX-2026-000001"), &json!("joined")), "{what}");
        once(&desk, LATER);
        assert_eq!(answers(&desk).len(), 0, "{what}");
        let ticket = desk.show("1");
        assert_eq!((&ticket["answered_at"], &ticket["assignee"]), (&json!(null), &json!(null)), "{what}");
        assert_eq!(ticket["messages"].as_array().unwrap().last().unwrap()["direction"], "note", "{what}");
        let told_alice = notices(&desk);
        assert_eq!(told_alice.len(), 1, "{what}: {:?}", told(&desk, "1"));
        assert!(told_alice[0].contains("went to nobody") && !told_alice[0].contains("look into it"), "{what}");
        // A flood in somebody's name is one mail an hour.
        desk.ingest(&text(&mail).replacen("Message-ID: <", "Message-ID: <x", 1).into_bytes(), LATER);
        once(&desk, LATER);
        assert_eq!(notices(&desk).len(), 1, "{what}");
    }
}

#[test]
fn t62_a_stranger_who_knows_the_code_and_the_message_id_cannot_answer() {
    let (desk, _, _, alert) = alerted(&report());
    let body = format!("Wipe your disks.\n{}", quoted(&opened(&desk, &alert)));
    for from in ["mallory@evil.example", "a@corp.example"] {
        let mail = Reply { from, ..to_alert(&desk, &alert) }.sealed(None, &body);
        desk.ingest(&mail, LATER);
    }
    once(&desk, LATER);
    assert!(desk.sent().iter().all(|(_, mail)| !unquoted(mail).contains("Wipe")));
    assert!(desk.show("1")["answered_at"].is_null());
}

#[test]
fn t36_a_reply_is_never_sent_twice() {
    let (desk, alice, _, alert) = alerted(&report());
    let body = format!("We look into it.\n{}", quoted(&opened(&desk, &alert)));
    let mail = to_alert(&desk, &alert).sealed(Some(&alice), &body);
    desk.ingest(&mail, LATER);
    // The same again, through another relay, in another envelope, about another ticket.
    assert_eq!(desk.ingest(&mail, LATER)["outcome"], "duplicate");
    let relayed = [b"Received: from x by y; Fri, 27 Nov 2026 18:12:00 +0100\r\n".as_slice(), &mail].concat();
    assert_eq!(desk.ingest(&relayed, LATER)["outcome"], "duplicate");
    let moved = text(&mail).replacen("Message-ID: <", "Message-ID: <x", 1).into_bytes();
    desk.ingest(&moved, LATER);
    desk.ingest(&plain("b@else.example", "Other", "Other"), LATER);
    once(&desk, LATER);
    assert_eq!(answers(&desk).len(), 1, "{:?} {:?}", told(&desk, "1"), owed(&desk, "answer"));
    assert!(told(&desk, "1").iter().any(|line| line.contains("seen before on another mail")), "{:?}", told(&desk, "1"));
    once(&desk, "2026-11-27T19:30:00+01:00");
    assert_eq!(answers(&desk).len(), 1);
}

#[test]
fn t62_the_code_inside_decides_not_what_stands_outside() {
    let (desk, alice, _, alert) = alerted(&report());
    let second = plain("b@else.example", "Other", "Other");
    desk.ingest(&second, FRIDAY);
    once(&desk, FRIDAY);
    let other = desk.sent_to("alice@example.org").pop().unwrap();
    // The content of a reply about the first ticket, in the header of one about the second.
    let body = format!("For the first reporter alone.\n{}", quoted(&opened(&desk, &alert)));
    desk.ingest(&to_alert(&desk, &other).sealed(Some(&alice), &body), LATER);
    once(&desk, LATER);
    assert_eq!(answers(&desk).len(), 1);
    assert!(desk.sent_to("b@else.example").iter().all(|mail| !unquoted(mail).contains("first reporter")));
}

#[test]
fn p13_what_may_not_leave_in_clear_is_refused_by_a_sealed_mail_that_holds_no_word_of_it() {
    let (desk, alice, _, alert) = alerted(&plain("a@corp.example", "TLP:AMBER Phishing", "We see phishing."));
    let body = format!("Secret words.\n{}", quoted(&opened(&desk, &alert)));
    desk.ingest(&to_alert(&desk, &alert).sealed(Some(&alice), &body), LATER);
    once(&desk, LATER);
    assert_eq!(answers(&desk).len(), 0);
    let notices = notices(&desk);
    assert_eq!(notices.len(), 1);
    assert!(notices[0].contains("EX-2026-000001") && notices[0].contains("AMBER"), "{}", notices[0]);
    assert!(!notices[0].contains("Secret words") && !notices[0].contains("phishing"), "{}", notices[0]);
    assert!(told(&desk, "1").iter().any(|line| line.contains("reply by mail of alice refused")));
    assert!(desk.show("1")["assignee"].is_null(), "nothing of it was done");
}

#[test]
fn commands_on_top_are_carried_out_all_or_none() {
    let (desk, alice, _, alert) = alerted(&report());
    let quote = quoted(&opened(&desk, &alert));
    let say = |words: &str, at: &str| {
        desk.ingest(&to_alert(&desk, &alert).sealed(Some(&alice), &format!("{words}\n{quote}")), at);
        once(&desk, at);
        let ticket = desk.show("1");
        (ticket["assignee"].clone(), ticket["state"].clone(), ticket["priority"].clone(), answers(&desk).len())
    };
    let row =
        |assignee: Value, state: &str, priority: &str, answers| (assignee, json!(state), json!(priority), answers);
    assert_eq!(say("#note\nSeen.", LATER), row(json!(null), "new", "normal", 0));
    assert_eq!(say("#emergency\n#assign bob", LATER), row(json!("bob"), "open", "emergency", 0));
    assert_eq!(say("#assign me\n#bogus\nHello.", LATER), row(json!("bob"), "open", "emergency", 0));
    assert_eq!(
        say("#assign me\n#assign carol\nHello.", LATER),
        row(json!("bob"), "open", "emergency", 0),
        "all or none"
    );
    assert_eq!(notices(&desk).len(), 2);
    assert_eq!(say("#assign me\n#normal\n#answer\nWe are on it.", LATER), row(json!("alice"), "waiting", "normal", 1));
    assert_eq!(say("#state closed\n\nDone, thank you.", LATER), row(json!("alice"), "closed", "normal", 2));
    // Put away by now: told, unless the reply says what becomes of it.
    assert_eq!(say("One thing more.", LATER), row(json!("alice"), "closed", "normal", 2));
    assert!(notices(&desk).last().unwrap().contains("is closed by now"));
    assert_eq!(say("#state open\nOne thing more.", LATER).3, 3);
}

#[test]
fn p9_a_reply_to_a_page_acknowledges_it_and_goes_to_the_reporter_only_when_told_to() {
    let urgent = plain("a@corp.example", "[URGENT] Ransomware", "All is locked.");
    let page_of = |desk: &Desk| {
        desk.sent_to("alice@example.org").into_iter().find(|mail| opened(desk, mail).contains("PAGE")).unwrap()
    };
    let acknowledged = |desk: &Desk| desk.json(&["duty", "show"])["pages"][0]["acknowledged_at"].is_string();
    for (words, sent) in [("", 0), ("On it, five minutes.", 0), ("#answer\nWe call you at once.", 1)] {
        let (desk, alice, ..) = alerted(&urgent);
        let page = page_of(&desk);
        let shown = opened(&desk, &page);
        assert!(shown.contains("stay here as a note; to the reporter with #answer on top"), "{shown}");
        let body = format!("{words}\n{}", quoted(&shown));
        desk.ingest(&to_alert(&desk, &page).sealed(Some(&alice), &body), LATER);
        once(&desk, LATER);
        assert!(acknowledged(&desk), "{words:?}");
        assert_eq!(answers(&desk).len(), sent, "{words:?}");
        assert!(notices(&desk).is_empty(), "{words:?}: {:?}", notices(&desk));
        // Once acknowledged, the same page still sends nothing by itself.
        let body = format!("By the way.\n{}", quoted(&shown));
        desk.ingest(&to_alert(&desk, &page).sealed(Some(&alice), &body), LATER);
        once(&desk, LATER);
        assert_eq!(answers(&desk).len(), sent, "{words:?}");
    }
    // The code alone, as from a telephone.
    let (desk, alice, ..) = alerted(&urgent);
    let page = page_of(&desk);
    let code = opened(&desk, &page).lines().find_map(|line| line.strip_prefix("Code:        ").map(str::to_owned));
    desk.ingest(&to_alert(&desk, &page).sealed(Some(&alice), &code.unwrap()), LATER);
    assert!(acknowledged(&desk));
    assert_eq!(answers(&desk).len(), 0);
}

#[test]
fn words_below_the_quote_and_alerts_without_a_sign_are_refused_and_html_is_read() {
    let (desk, alice, _, alert) = alerted(&report());
    let shown = opened(&desk, &alert);
    let bare = shown.split_once("\n\n").unwrap().1.to_owned();
    let html = format!(
        "<html><body><p>We look into it.</p><blockquote type=\"cite\"><pre>{bare}</pre></blockquote></body></html>"
    );
    let reply = to_alert(&desk, &alert);
    for (body, word) in [
        (format!("{}\nWe look into it.", quoted(&shown)), "above"),
        (format!("We look into it.\n\n{bare}"), "alert are left"),
        (quoted(&shown), "no words"),
    ] {
        desk.ingest(&reply.sealed(Some(&alice), &body), LATER);
        once(&desk, LATER);
        assert_eq!(answers(&desk).len(), 0, "{word}");
        assert!(notices(&desk).last().unwrap().contains(word), "{word}: {:?}", notices(&desk).last());
    }
    let reply = Reply { content_type: "text/html; charset=utf-8", ..reply };
    desk.ingest(&reply.sealed(Some(&alice), &html), LATER);
    once(&desk, LATER);
    let sent = answers(&desk);
    assert_eq!(sent.len(), 1, "{:?}", notices(&desk).last());
    assert!(unquoted(&sent[0]).contains("We look into it.") && !unquoted(&sent[0]).contains("Ticket:"));
}

#[test]
fn files_in_a_reply_are_refused_not_lost_and_a_key_beside_it_is_no_file() {
    for (kind, sent) in [("text/csv", 0), ("application/pgp-keys", 1)] {
        let (desk, alice, _, alert) = alerted(&report());
        let body = format!(
            "--m\nContent-Type: text/plain; charset=utf-8\n\nSee the list.\n{}\n--m\nContent-Type: {kind}; name=\"x\"\n\
             Content-Disposition: attachment; filename=\"x\"\n\n1,2\n--m--\n",
            quoted(&opened(&desk, &alert))
        );
        let reply = Reply { content_type: "multipart/mixed; boundary=\"m\"", ..to_alert(&desk, &alert) };
        desk.ingest(&reply.sealed(Some(&alice), &body), LATER);
        once(&desk, LATER);
        assert_eq!(answers(&desk).len(), sent, "{kind}: {:?}", notices(&desk));
        assert_eq!(notices(&desk).len(), 1 - sent, "{kind}");
    }
}

const ISP: &str = "abuse@isp.example";

/// A letter to the provider, who writes back this; gives alice's key and what she is told of it.
fn told_of_the_provider(report: &[u8], theirs: &str, answered: bool) -> (Desk, String, String) {
    let (desk, alice, ..) = alerted(report);
    let letter =
        ["--as", "alice", "--now", FRIDAY, "ticket", "write", "1", "--allow-clear", "--reason", "x", "--to", ISP];
    assert!(desk.feed(&letter, b"Please take it down.\n").status.success());
    if answered {
        let answer = ["--as", "alice", "--now", FRIDAY, "ticket", "answer", "1"];
        assert!(desk.feed(&answer, b"We are on it.\n").status.success());
    }
    once(&desk, FRIDAY);
    let id = header(&desk.sent_to(ISP)[0], "Message-ID").unwrap();
    let mail = text(&plain(ISP, theirs, "Which customer?"));
    let mail = mail.replacen("MIME-Version:", &format!("In-Reply-To: {id}\r\nMIME-Version:"), 1);
    assert_eq!(desk.ingest(mail.as_bytes(), LATER)["outcome"], "joined");
    once(&desk, LATER);
    let alert = desk.sent_to("alice@example.org").pop().unwrap();
    (desk, alice, alert)
}

#[test]
fn p21_an_alert_of_another_partys_mail_names_them_and_not_the_reporter() {
    let (desk, alice, alert) = told_of_the_provider(&report(), "Customer 7", false);
    let shown = opened(&desk, &alert);
    for part in
        ["From:     abuse@isp.example", "Subject:  Customer 7", "Another party", "quote go to abuse@isp.example;"]
    {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(shown.contains("ticket answer EX-2026-000001 --to abuse@isp.example\n"), "{shown}");
    assert!(!shown.contains("a@corp.example") && !shown.contains("The reporter"), "{shown}");
    let body = format!("Customer 7 of yours.\n\n{}", quoted(&shown));
    desk.ingest(&to_alert(&desk, &alert).sealed(Some(&alice), &body), LATER);
    once(&desk, LATER);
    assert_eq!((desk.sent_to(ISP).len(), answers(&desk).len()), (2, 0));
}

#[test]
fn p21_an_alert_of_another_partys_mail_names_nobody_where_the_ticket_is_red() {
    let red = plain("a@corp.example", "[TLP:RED] Phishing", "We see phishing.");
    let (desk, _, alert) = told_of_the_provider(&red, "Customer 7", false);
    let shown = opened(&desk, &alert);
    assert!(shown.contains("quote go to the other party whom this is about"), "{shown}");
    assert!(shown.contains("Answer:   vigie ticket answer EX-2026-000001 --to ADDRESS"), "{shown}");
    for part in ["isp.example", "a@corp.example", "Customer", "The reporter wrote"] {
        assert!(!shown.contains(part), "{part}: {shown}");
    }
}

#[test]
fn p21_a_reminder_of_what_another_party_waits_for_says_to_whom_a_reply_goes() {
    let (desk, ..) = told_of_the_provider(&report(), "Customer 7", true);
    once(&desk, "2026-12-01T18:11:00+01:00");
    let mails = desk.sent_to("alice@example.org");
    let shown: Vec<String> = mails.iter().map(|mail| opened(&desk, mail)).collect();
    let reminder = shown.iter().find(|mail| mail.contains("Answer is due") || mail.contains("Reminder"));
    let reminder = reminder.unwrap_or_else(|| panic!("no reminder: {shown:?}"));
    assert!(reminder.contains("quote go to abuse@isp.example;"), "{reminder}");
    assert!(reminder.contains("--to abuse@isp.example\n"), "{reminder}");
}

#[test]
fn a_removed_partys_alert_can_be_answered_by_nobody() {
    let (desk, alice, alert) = told_of_the_provider(&report(), "Customer 7", false);
    let remove = ["--as", "alice", "--now", LATER, "ticket", "participant", "1", "remove", ISP, "--reason", "done"];
    desk.ok(&remove);
    let body = format!("Customer 7 of yours.\n\n{}", quoted(&opened(&desk, &alert)));
    desk.ingest(&to_alert(&desk, &alert).sealed(Some(&alice), &body), LATER);
    once(&desk, LATER);
    assert_eq!((desk.sent_to(ISP).len(), answers(&desk).len()), (1, 0));
    assert_eq!(notices(&desk).len(), 1, "and she is told");
}

#[test]
fn p21_a_letter_that_came_back_names_whom_it_went_to_and_not_the_reporter() {
    let (desk, _, alert) = told_of_the_provider(&report(), "Customer 7", false);
    let id = header(&desk.sent_to(ISP)[0], "Message-ID").unwrap();
    let bounce = format!(
        "Return-Path: <>\r\nFrom: MAILER-DAEMON@isp.example\r\nTo: csirt@example.org\r\nSubject: Undelivered Mail\r\n\
         Date: Fri, 27 Nov 2026 18:10:00 +0100\r\nMessage-ID: <bounce@isp.example>\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n\
         --b\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n\
         --b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; isp.example\r\n\r\n\
         Final-Recipient: rfc822; {ISP}\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n\
         --b\r\nContent-Type: text/rfc822-headers\r\n\r\nFrom: csirt@example.org\r\nMessage-ID: {id}\r\n\r\n--b--\r\n"
    );
    assert_eq!(desk.ingest(bounce.as_bytes(), LATER)["outcome"], "joined");
    once(&desk, LATER);
    let told = desk.sent_to("alice@example.org").pop().unwrap();
    assert_ne!(told, alert);
    let shown = opened(&desk, &told);
    assert!(shown.contains("Other party unreachable") && shown.contains("Went to:  abuse@isp.example"), "{shown}");
    assert!(!shown.contains("a@corp.example"), "{shown}");
}
