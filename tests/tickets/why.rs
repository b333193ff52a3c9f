//! What is owed, in order, and why by then.

use super::*;
use serde_json::json;

#[test]
fn p7_what_is_unanswered_is_listed_oldest_promise_first_with_the_time_that_is_left() {
    let desk = Desk::new();
    desk.ingest(&plain("a@corp.example", "First", "one"), FRIDAY);
    desk.ingest(&plain("b@else.example", "Second", "two"), "2026-11-27T19:00:00+01:00");
    desk.ingest(&plain("c@else.example", "Third", "three"), "2026-11-27T20:00:00+01:00");
    write(&desk, "2026-11-27T20:00:00+01:00", &["answer", "3"], "Done.\n");
    once(&desk, "2026-11-27T20:00:00+01:00");
    let at = |now: &str| desk.json(&["--now", now, "ticket", "list", "--unanswered"]);
    let list = at("2026-12-01T16:50:00+01:00");
    let numbers: Vec<&Value> = list.as_array().unwrap().iter().map(|ticket| &ticket["number"]).collect();
    assert_eq!(numbers, ["EX-2026-000001", "EX-2026-000002"]);
    assert_eq!((&list[0]["due_in_seconds"], &list[1]["due_in_seconds"]), (&json!(4260), &json!(7800)));
    let shown = desk.ok(&["--now", "2026-12-01T16:50:00+01:00", "ticket", "list", "--unanswered"]);
    assert!(shown.contains("1 h 11 min left") && shown.contains("2 h 10 min left"), "{shown}");
    assert!(shown.contains("a@corp.example") && shown.find("First") < shown.find("Second"), "{shown}");
    let list = at("2026-12-01T18:31:00+01:00");
    assert_eq!((&list[0]["due_in_seconds"], &list[1]["due_in_seconds"]), (&json!(-1800), &json!(1740)));
    let shown = desk.ok(&["ticket", "list", "--unanswered"]);
    assert!(shown.contains("broken since Tue 1 Dec 18:01 (30 min)"), "{shown}");
    assert!(desk.show("3")["due_in_seconds"].is_null());
}

#[test]
fn p7_p8_why_counts_the_days_one_by_one_and_names_those_that_do_not_count() {
    let desk = Desk::new();
    let config = std::fs::read_to_string(desk.path("vigie.toml")).unwrap();
    std::fs::write(
        desk.path("vigie.toml"),
        config.replace("[sla]\n", "[sla]\nclosed = [2026-12-28]\ncut_off = \"18:00\"\n"),
    )
    .unwrap();
    desk.ingest(&plain("a@corp.example", "Christmas", "words"), "2026-12-23T18:30:00+01:00");
    let why = desk.json(&["ticket", "why", "1"]);
    let row = &why["correspondents"][0];
    assert_eq!(
        (&row["address"], &row["role"], &row["message"]),
        (&json!("a@corp.example"), &json!("reporter"), &json!(1))
    );
    assert_eq!(row["received_at"], "2026-12-23T18:30:00+01:00");
    assert!(row["words"][0].as_str().unwrap().contains("vigie ingest"), "{row}");
    let due = &row["deadlines"][1];
    assert_eq!(
        (&due["name"], &due["at"], &due["business_days"]),
        (&json!("due_at"), &json!("2026-12-30T00:00:00+01:00"), &json!(2))
    );
    assert_eq!(due["at"], desk.show("1")["due_at"]);
    let days: Vec<(&str, Value)> =
        due["days"].as_array().unwrap().iter().map(|day| (day["date"].as_str().unwrap(), day["why"].clone())).collect();
    assert_eq!(
        days,
        [
            ("2026-12-23", json!("received after the cut-off at 18:00")),
            ("2026-12-24", Value::Null),
            ("2026-12-25", json!("Christmas Day")),
            ("2026-12-26", json!("weekend")),
            ("2026-12-27", json!("weekend")),
            ("2026-12-28", json!("closing day of the team")),
            ("2026-12-29", Value::Null),
        ]
    );
    let config: Vec<&Value> =
        why["config"].as_array().unwrap().iter().filter(|line| line["name"] == "cut_off").collect();
    assert_eq!(config[0]["value"], "18:00");
    let page = desk.ok(&["ticket", "why", "1"]);
    for words in [
        "Fri 25 Dec 2026 does not count: Christmas Day",
        "Tue 29 Dec 2026 24:00: 2 business days are over",
        "answer_within",
        "Europe/Paris",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
}

#[test]
fn why_says_where_the_receipt_comes_from_and_why_nobody_was_answered() {
    let desk = Desk::new();
    let config = std::fs::read_to_string(desk.path("vigie.toml")).unwrap();
    std::fs::write(
        desk.path("vigie.toml"),
        config + "[triage]\nspam_header = \"X-Spam-Flag: YES\"\nfeeds = [\"feed@isp.example\"]\n",
    )
    .unwrap();
    let with = |mail: Vec<u8>, field: &str| {
        text(&mail).replacen("MIME-Version:", &format!("{field}\r\nMIME-Version:"), 1).into_bytes()
    };
    desk.deliver("1", &plain("a@corp.example", "By Maildir", "words"), "2026-11-27T17:00:00Z");
    once(&desk, FRIDAY);
    desk.ingest(&with(plain("b@else.example", "List", "words"), "List-Id: <x.example>"), FRIDAY);
    desk.ingest(&with(plain("c@else.example", "Spam", "words"), "X-Spam-Flag: YES"), FRIDAY);
    desk.ingest(&plain("feed@isp.example", "Feed", "words"), FRIDAY);
    write(&desk, FRIDAY, &["open", "--from", "d@corp.example", "--mailbox", "csirt"], "By phone.\n");
    write(&desk, FRIDAY, &["answer", "5"], "As said.\n");
    once(&desk, FRIDAY);
    for (number, words) in [
        (
            "1",
            &[
                "the time of the file in the Maildir",
                "acknowledgement: accepted by the mail server on Fri 27 Nov 2026 18:01",
            ][..],
        ),
        ("2", &["none (list): it came through a mailing list", "the clock runs"]),
        ("3", &["suspected spam: the border marked it", "no clock"]),
        (
            "4",
            &[
                "machine report: its sender is listed in [triage] feeds",
                "a machine report is never answered",
                "no clock",
            ],
        ),
        ("5", &["written down by hand", "a human message reached them on Fri 27 Nov 2026 18:01", "--acknowledge"]),
    ] {
        let page = desk.ok(&["ticket", "why", number]);
        for words in words {
            assert!(page.contains(words), "{number}: {words}: {page}");
        }
    }
    refused(&desk, 1, &["why", "99"]);
}

#[test]
fn why_explains_the_clock_of_every_correspondent() {
    let desk = Desk::new();
    desk.ingest(&plain("a@corp.example", "Report", "words"), FRIDAY);
    write(&desk, FRIDAY, &["write", "1", "--to", "abuse@isp.example"], "Please.\n");
    once(&desk, FRIDAY);
    let why = desk.json(&["ticket", "why", "1"]);
    assert_eq!(why["correspondents"].as_array().map(Vec::len), Some(2));
    desk.ingest(&reply("abuse@isp.example", "Re", "Which?", &last_id(&desk, "abuse@isp")), "2026-11-30T09:00:00+01:00");
    let why = desk.json(&["ticket", "why", "1"]);
    assert_eq!(why["correspondents"][1]["deadlines"][1]["at"], "2026-12-02T09:00:00+01:00");
    assert_eq!(why["correspondents"][1]["role"], "other");
}
