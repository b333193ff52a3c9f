//! Who a reporter is, by mail-back and by an analyst's word (P6).

use super::*;

fn challenged() -> (Desk, String) {
    let desk = Desk::new();
    desk.ingest(&plain("a@corp.example", "Phishing of secrets", "We see phishing."), FRIDAY);
    desk.ok(&["--as", "alice", "--now", FRIDAY, "ticket", "challenge", "1"]);
    once(&desk, FRIDAY);
    let sent = desk.sent_to("a@corp.example");
    let mail = sent.into_iter().find(|mail| mail.contains("confirm your address")).expect("a mail-back");
    (desk, unquoted(&mail))
}

fn reply(mail: &str, from: &str, body: &str) -> Vec<u8> {
    let id = header(mail, "Message-ID").unwrap();
    let fields = format!("In-Reply-To: {id}\r\nReferences: {id}\r\nMIME-Version:");
    text(&plain(from, "Re: [EX-2026-000001] Please confirm your address", body))
        .replacen("MIME-Version:", &fields, 1)
        .into_bytes()
}

fn code(mail: &str) -> String {
    mail.lines().find(|line| line.starts_with("mail-back:")).expect("a code").trim().to_owned()
}

fn identity(desk: &Desk) -> Value {
    desk.show("1")["reporter"]["identity"].clone()
}

#[test]
fn p6_the_reply_to_a_mail_back_proves_who_reads_the_address_once() {
    let (desk, mail) = challenged();
    assert!(!mail.contains("secrets") && !mail.contains("We see"), "fixed words and the number: {mail}");
    let body = format!("Yes.\n> {}", code(&mail));
    desk.ingest(&reply(&mail, "a@corp.example", &body), LATER);
    let found = identity(&desk);
    assert_eq!(found.as_array().map(Vec::len), Some(1), "{:?}", told(&desk, "1"));
    assert_eq!(
        (&found[0]["method"], &found[0]["by"], &found[0]["address"], &found[0]["signer"]),
        (&json!("mail-back"), &json!("alice"), &json!("a@corp.example"), &json!(null))
    );
    assert!(desk.ok(&["ticket", "show", "1"]).contains("mail-back"));
    desk.ingest(&reply(&mail, "a@corp.example", &format!("{body}\nAgain.")), LATER);
    assert_eq!(identity(&desk).as_array().map(Vec::len), Some(1));
    assert!(told(&desk, "1").iter().any(|line| line.contains("it was used before")));
    // Of the code there is nothing left but a hash.
    let rows = desk.json(&["outbox", "list", "--all"]).to_string();
    assert!(!rows.contains(&code(&mail)));
    let store = rusqlite::Connection::open(desk.path("vigie.db")).unwrap();
    let kept: i64 = store
        .query_row("SELECT count(*) FROM outbox WHERE instr(intent, ?1) OR instr(sealed, ?1)", [code(&mail)], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(kept, 0);
}

#[test]
fn t60_a_wrong_late_foreign_or_automatic_reply_proves_nothing_and_leaves_a_row() {
    type Make = fn(&str, &str) -> Vec<u8>;
    let cases: [(&str, Make, &str, &str); 4] = [
        (
            "a wrong code",
            |mail, _| reply(mail, "a@corp.example", "mail-back:ABCDEFGHABCDEFGHABCDEFGHABCDEFGH"),
            LATER,
            "never sent",
        ),
        ("too late", |mail, code| reply(mail, "a@corp.example", code), "2026-12-04T18:02:00+01:00", "seven days"),
        ("another address", |mail, code| reply(mail, "x@evil.example", code), LATER, "another address"),
        (
            "a machine",
            |mail, code| {
                text(&reply(mail, "a@corp.example", code))
                    .replacen("MIME-Version:", "Auto-Submitted: auto-replied\r\nMIME-Version:", 1)
                    .into_bytes()
            },
            LATER,
            "a machine answered",
        ),
    ];
    for (what, make, at, word) in cases {
        let (desk, mail) = challenged();
        desk.ingest(&make(&mail, &code(&mail)), at);
        assert_eq!(identity(&desk), json!([]), "{what}");
        assert!(told(&desk, "1").iter().any(|line| line.contains(word)), "{what}: {:?}", told(&desk, "1"));
    }
}

#[test]
fn p6_an_analyst_vouches_with_who_when_and_how() {
    let desk = Desk::new();
    desk.ingest(&plain("a@corp.example", "Phishing", "We see phishing."), FRIDAY);
    let said =
        ["--as", "bob", "--now", LATER, "ticket", "vouch", "1", "--method", "call-back", "--note", "switchboard"];
    desk.ok(&said);
    let found = &identity(&desk)[0];
    assert_eq!(
        (&found["method"], &found["by"], &found["note"], &found["at"]),
        (&json!("call-back"), &json!("bob"), &json!("switchboard"), &json!(LATER))
    );
    assert!(told(&desk, "1").iter().any(|line| line == "bob: identity: vouched for by call-back"));
    assert!(!desk.run(&["ticket", "vouch", "1", "--method", "call-back"]).status.success(), "a note is asked for");
    assert!(!desk.run(&["ticket", "challenge", "1", "--to", "x@evil.example"]).status.success(), "no participant");
}

#[test]
fn t61_after_a_merge_a_mail_back_says_the_number_that_its_recipient_knows() {
    let desk = Desk::new();
    desk.ingest(&plain("a@corp.example", "Phishing", "We see phishing."), FRIDAY);
    desk.ingest(&plain("b@corp.example", "Phishing too", "So do we."), FRIDAY);
    once(&desk, FRIDAY);
    desk.ok(&["--as", "alice", "--now", FRIDAY, "ticket", "merge", "2", "1"]);
    let merged = desk.run(&["--as", "alice", "--now", FRIDAY, "ticket", "challenge", "2"]);
    assert!(text(&merged.stderr).contains("was merged into EX-2026-000001"), "{}", text(&merged.stderr));
    desk.ok(&["--as", "alice", "--now", FRIDAY, "ticket", "challenge", "1", "--to", "b@corp.example"]);
    once(&desk, FRIDAY);
    let mail = unquoted(&desk.sent_to("b@corp.example").pop().unwrap());
    assert!(mail.contains("[EX-2026-000002] Please confirm") && !mail.contains("EX-2026-000001"), "{mail}");
    assert_eq!(desk.ingest(&reply(&mail, "b@corp.example", &code(&mail)), LATER)["ticket"], "EX-2026-000001");
    assert!(told(&desk, "1").iter().any(|line| line.contains("came back from its address")), "{:?}", told(&desk, "1"));
}
