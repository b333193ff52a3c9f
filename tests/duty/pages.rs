//! Pages: codes, the next in line, and who may acknowledge.

use super::*;
use serde_json::json;
use support::desk::{header, plain, text};

fn urgent(desk: &Desk) {
    desk.ingest(&plain("a@corp.example", "[URGENT] Report", "report"), FRIDAY);
    once(desk, FRIDAY);
}

fn page(desk: &Desk, now: &str) -> Value {
    shown(desk, now)["pages"][0].clone()
}

/// The code in the page that went to an address.
fn code(desk: &Desk, to: &str) -> String {
    let mail = support::desk::unquoted(&mails(desk, to, "PAGE")[0]);
    let line = mail.lines().find(|line| line.starts_with("Code:")).expect("a code");
    line["Code:".len()..].trim().to_owned()
}

/// How many pages went to each.
fn paged(desk: &Desk) -> [usize; 4] {
    ["bob@", "alice@", "lead@", "boss@"].map(|to| mails(desk, to, "PAGE").len())
}

#[test]
fn p9_a_page_goes_to_the_analyst_on_duty_then_the_next_then_all_who_take_escalations() {
    let desk = Desk::new();
    urgent(&desk);
    for (now, reached) in [
        ("2026-11-27T18:15:59+01:00", [0, 1, 0, 0]),
        ("2026-11-27T18:16:00+01:00", [1, 1, 0, 0]),
        ("2026-11-27T18:30:59+01:00", [1, 1, 0, 0]),
        ("2026-11-27T18:31:00+01:00", [1, 1, 1, 1]),
        ("2026-11-27T19:31:00+01:00", [1, 1, 1, 1]),
    ] {
        once(&desk, now);
        assert_eq!(paged(&desk), reached, "{now}");
    }
    assert_eq!(page(&desk, "2026-11-27T19:31:00+01:00")["acknowledged_at"], Value::Null);
    assert!(desk.run(&["status"]).status.code() == Some(1), "an open page wants a person");
}

#[test]
fn p9_a_code_serves_once_and_a_guessed_one_never() {
    let desk = Desk::new();
    urgent(&desk);
    let code = code(&desk, "alice@");
    for guess in ["ABCDEFGHJK", "", "0", "99", &code[..9], &format!("{code}A")] {
        let refused = desk.run(&["--as", "mallory", "duty", "ack", guess]);
        assert_eq!(refused.status.code(), Some(1), "{guess:?}: {}", text(&refused.stderr));
    }
    assert_eq!(page(&desk, FRIDAY)["acknowledged_at"], Value::Null);
    desk.ok(&["--as", "alice", "duty", "ack", &code.to_lowercase()]);
    let again = desk.run(&["--as", "bob", "duty", "ack", &code]);
    assert_eq!(again.status.code(), Some(1));
    let page = page(&desk, FRIDAY);
    assert_eq!(page["acknowledged_by"], "alice");
    once(&desk, "2026-11-27T19:31:00+01:00");
    assert_eq!(paged(&desk), [0, 1, 0, 0], "it climbs no further");
}

#[test]
fn p9_strangers_and_analysts_without_proof_acknowledge_nothing_by_mail() {
    let desk = Desk::new();
    urgent(&desk);
    let reply = format!("> Code:        {}", code(&desk, "alice@"));
    for (nth, (from, body)) in [
        ("mallory@evil.example", reply.as_str()),
        ("a@corp.example", reply.as_str()),
        // The addresses of analysts can be written by anybody.
        ("alice@example.org", reply.as_str()),
        ("bob@example.org", reply.as_str()),
        ("lead@example.org", "Code: ABCDEFGHJK"),
    ]
    .into_iter()
    .enumerate()
    {
        let mail = plain(from, &format!("Re: [EX-2026-000001] PAGE {nth}"), body);
        desk.ingest(&mail, "2026-11-27T18:05:00+01:00");
        assert_eq!(page(&desk, "2026-11-27T18:05:00+01:00")["acknowledged_at"], Value::Null, "{from}");
    }
    once(&desk, "2026-11-27T18:16:00+01:00");
    assert_eq!(paged(&desk)[0], 1, "it climbs on");
}

/// A reply as mail clients make it: to the page that was sent to that address.
fn reply_to_page(desk: &Desk, from: &str, code: &str) -> Vec<u8> {
    let page = desk.sent_to("alice@").into_iter().find(|mail| mail.contains("PAGE")).expect("a page");
    let id = header(&page, "Message-ID").unwrap();
    format!(
        "From: {from}\r\nTo: csirt@example.org\r\nSubject: Re: PAGE\r\nMessage-ID: <r-{from}>\r\n\
         In-Reply-To: {id}\r\nDate: Fri, 27 Nov 2026 17:05:00 +0000\r\n\r\nI come.\r\n> Code:        {code}\r\n"
    )
    .into_bytes()
}

#[test]
fn p9_an_analyst_without_a_key_acknowledges_by_a_reply_to_the_page_with_its_code() {
    let desk = Desk::new();
    urgent(&desk);
    let code = code(&desk, "alice@");
    for (from, code) in [("bob@example.org", code.as_str()), ("alice@example.org", "ABCDEFGHJK")] {
        desk.ingest(&reply_to_page(&desk, from, code), "2026-11-27T18:05:00+01:00");
        assert_eq!(page(&desk, "2026-11-27T18:05:00+01:00")["acknowledged_at"], Value::Null, "{from}");
    }
    let mail = text(&reply_to_page(&desk, "alice@example.org", &code)).replace("<r-", "<s-");
    desk.ingest(mail.as_bytes(), "2026-11-27T18:06:00+01:00");
    assert_eq!(page(&desk, "2026-11-27T18:06:00+01:00")["acknowledged_at"], "2026-11-27T18:06:00+01:00");
    once(&desk, "2026-11-27T18:30:00+01:00");
    assert_eq!(paged(&desk), [0, 1, 0, 0], "nobody else is woken");
    assert_eq!(desk.json(&["ticket", "list", "--all"]).as_array().map(Vec::len), Some(1), "no ticket of its own");
}

#[test]
fn p9_with_one_person_in_the_rotation_the_next_step_is_everyone() {
    let desk = Desk::new();
    reconfigure(&desk, "rotation = [\"alice\", \"bob\"]", "rotation = [\"alice\"]");
    urgent(&desk);
    once(&desk, "2026-11-27T18:16:00+01:00");
    assert_eq!(paged(&desk), [0, 1, 1, 1]);
    once(&desk, "2026-11-27T18:31:00+01:00");
    assert_eq!(paged(&desk), [0, 1, 1, 1], "nobody twice");
}

#[test]
fn p9_who_comes_on_duty_while_a_page_climbs_is_next_and_nobody_is_paged_twice() {
    let desk = Desk::new();
    urgent(&desk);
    let stand_in = |who: &str, from: &str| {
        let to = "2026-11-29T00:00:00+01:00";
        desk.ok(&["--now", from, "--as", "alice", "duty", "override", "--analyst", who, "--from", from, "--to", to]);
    };
    stand_in("boss", "2026-11-27T18:10:00+01:00");
    once(&desk, "2026-11-27T18:16:00+01:00");
    assert_eq!(paged(&desk), [0, 1, 0, 1], "the stand-in, not the next in the rotation");
    once(&desk, "2026-11-27T18:31:00+01:00");
    assert_eq!(paged(&desk)[..3], [0, 1, 1]);

    let desk = Desk::new();
    let monday = "2026-11-30T08:50:00+01:00";
    desk.ingest(&plain("a@corp.example", "[URGENT] Report", "report"), monday);
    once(&desk, monday);
    assert_eq!(paged(&desk), [0, 1, 0, 0]);
    // The handover was at nine: bob is on duty now, and the next in line as well.
    for now in ["2026-11-30T09:05:00+01:00", "2026-11-30T09:20:00+01:00", "2026-11-30T09:35:00+01:00"] {
        once(&desk, now);
    }
    assert_eq!(paged(&desk), [1, 1, 1, 1]);
}

#[test]
fn p9_a_page_in_the_night_of_the_clock_change_climbs_by_time_that_has_passed() {
    let desk = Desk::new();
    // 02:50 summer time; fifteen minutes later the clocks show 02:05.
    let raised = "2026-10-25T00:50:00Z";
    desk.ingest(&plain("a@corp.example", "[URGENT] Report", "report"), raised);
    once(&desk, raised);
    let first = paged(&desk);
    once(&desk, "2026-10-25T01:04:59Z");
    assert_eq!(paged(&desk), first);
    once(&desk, "2026-10-25T01:05:00Z");
    assert_eq!(paged(&desk).iter().sum::<usize>(), 2);
}

#[test]
fn p9_without_anybody_on_duty_a_page_goes_to_all_who_take_escalations_though_somebody_comes_on_duty_later() {
    let desk = Desk::new();
    reconfigure(&desk, "rotation = [\"alice\", \"bob\"]", "rotation = []");
    let (from, to) = ("2026-11-28T09:00:00+01:00", "2026-11-29T09:00:00+01:00");
    desk.ok(&["--now", FRIDAY, "--as", "alice", "duty", "override", "--analyst", "bob", "--from", from, "--to", to]);
    urgent(&desk);
    assert_eq!(paged(&desk), [0, 0, 1, 1]);
    assert_eq!(mails(&desk, "lead@", "nobody on duty").len(), 2, "now, and again from the 29th");
    assert_eq!(shown(&desk, FRIDAY)["on_duty"], json!(null));
}

#[test]
fn p9_duty_test_goes_every_way_and_wants_an_acknowledgement() {
    let desk = Desk::new();
    let command = format!("command = [\"/bin/sh\", \"-c\", \"cat > {}\"]", desk.path("paged").display());
    let address = "address = \"alice@example.org\"\n";
    reconfigure(&desk, address, &format!("{address}{command}\n"));
    desk.ok(&["--now", FRIDAY, "--as", "alice", "duty", "test"]);
    once(&desk, FRIDAY);
    let said: Value = serde_json::from_slice(&std::fs::read(desk.path("paged")).unwrap()).unwrap();
    assert_eq!((&said["what"], &said["urgency"], &said["ticket"]), (&json!("test"), &json!("test"), &Value::Null));
    assert_eq!(paged(&desk), [0, 1, 0, 0]);
    once(&desk, "2026-11-27T18:16:00+01:00");
    assert_eq!(paged(&desk)[0], 1, "a test climbs as well");
}
