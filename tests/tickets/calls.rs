//! Tickets for phone calls, and follow-up dates.

use super::*;

const CALL: &[&str] = &["open", "--from", "a@corp.example", "--mailbox", "csirt", "--subject", "Ransomware"];

#[test]
fn a_phone_call_is_a_ticket_whose_clock_runs_and_of_which_nobody_is_told_unasked() {
    let desk = Desk::new();
    let done = write(&desk, FRIDAY, CALL, "Everything is locked.\n");
    assert_eq!(done["tickets"], serde_json::json!(["EX-2026-000001"]));
    once(&desk, FRIDAY);
    let ticket = desk.show("1");
    assert_eq!(
        (&ticket["subject"], &ticket["state"], &ticket["kind"]),
        (&"Ransomware".into(), &"open".into(), &"incident".into())
    );
    assert_eq!(ticket["reporter"]["address"], "a@corp.example");
    assert_eq!(ticket["reporter"]["constituent"], "Example Corp");
    assert_eq!(ticket["due_at"], "2026-12-01T18:01:00+01:00");
    let message = &ticket["messages"][0];
    assert_eq!(
        (&message["direction"], &message["author"], &message["verdict"]),
        (&"in".into(), &"alice".into(), &Value::Null)
    );
    assert_eq!(message["text"], "Everything is locked.\n");
    assert!(desk.sent().is_empty() && desk.json(&["duty", "show"])["pages"].as_array().unwrap().is_empty());
    write(&desk, FRIDAY, &["answer", "1"], "As said on the phone.\n");
    once(&desk, FRIDAY);
    let answer = desk.sent_to("a@corp.example").pop().unwrap();
    assert!(!answer.contains("Ransomware"), "in clear the subject holds fixed words");
    assert_eq!(
        desk.ingest(&reply("a@corp.example", "Re", "Thanks", &last_id(&desk, "a@corp")), FRIDAY)["outcome"],
        "joined"
    );
}

#[test]
fn a_call_is_acknowledged_and_pages_where_that_is_said() {
    let desk = Desk::new();
    write(&desk, FRIDAY, &[CALL, &["--acknowledge", "--urgent"]].concat(), "Now.\n");
    once(&desk, FRIDAY);
    let ticket = desk.show("1");
    assert_eq!((&ticket["reported_urgent"], &ticket["priority"]), (&true.into(), &"normal".into()));
    assert!(ticket["acknowledged_at"].is_string());
    let acknowledgement = desk.sent_to("a@corp.example").pop().unwrap();
    assert!(acknowledgement.contains("EX-2026-000001") && !acknowledgement.contains("Ransomware"));
    assert_eq!(desk.json(&["duty", "show"])["pages"][0]["ticket"], "EX-2026-000001");
}

#[test]
fn a_call_without_text_or_from_nobody_or_for_no_mailbox_is_refused() {
    let desk = Desk::new();
    assert_eq!(try_write(&desk, FRIDAY, CALL, " \n").status.code(), Some(2));
    refused(&desk, 2, &["open", "--from", "nobody", "--mailbox", "csirt"]);
    let words = refused(&desk, 2, &["open", "--from", "a@corp.example", "--mailbox", "sirt"]);
    assert!(words.contains("csirt"), "{words}");
    refused(&desk, 1, &["open", "--from", "csirt@example.org", "--mailbox", "csirt"]);
    refused(&desk, 2, &["open", "--from", "a@corp.example", "--mailbox", "csirt", "--subject", "a\nb"]);
    assert_eq!(desk.json(&["ticket", "list"]), serde_json::json!([]), "and no number is lost");
    write(&desk, FRIDAY, CALL, "Words.\n");
    assert_eq!(desk.show("1")["number"], "EX-2026-000001");
}

#[test]
fn a_follow_up_date_is_told_on_its_day_once_to_whoever_has_the_ticket() {
    let desk = Desk::new();
    desk.ingest(&plain("a@corp.example", "Report", "words"), FRIDAY);
    write(&desk, FRIDAY, &["answer", "1"], "On it.\n");
    once(&desk, FRIDAY);
    alice(&desk, FRIDAY, &["assign", "1", "bob"]);
    alice(&desk, FRIDAY, &["follow-up", "1", "2026-12-02"]);
    assert_eq!(desk.show("1")["follow_up_at"], "2026-12-02T09:00:00+01:00");
    assert!(
        desk.ok(&["ticket", "list"]).contains("follow-up") && desk.ok(&["ticket", "show", "1"]).contains("Follow-up")
    );
    let before = desk.sent().len();
    once(&desk, "2026-12-02T08:59:59+01:00");
    assert_eq!(desk.sent().len(), before);
    once(&desk, "2026-12-02T09:00:00+01:00");
    let mail = desk.sent_to("bob@example.org").pop().unwrap();
    assert_eq!(header(&mail, "Subject").as_deref(), Some("[EX-2026-000001] Follow-up"));
    once(&desk, "2026-12-03T09:00:00+01:00");
    assert_eq!(desk.sent().len(), before + 1, "once");
    // Set anew it is told anew, to the one on duty where nobody has the ticket.
    alice(&desk, "2026-12-03T10:00:00+01:00", &["assign", "1", "none"]);
    alice(&desk, "2026-12-03T10:00:00+01:00", &["follow-up", "1", "2026-12-04T14:30"]);
    once(&desk, "2026-12-04T14:30:00+01:00");
    assert_eq!(desk.sent().len(), before + 2);
    alice(&desk, "2026-12-04T15:00:00+01:00", &["follow-up", "1", "2026-12-07"]);
    alice(&desk, "2026-12-04T15:00:00+01:00", &["follow-up", "1", "none"]);
    once(&desk, "2026-12-07T10:00:00+01:00");
    assert_eq!(desk.sent().len(), before + 2);
    assert!(desk.show("1")["follow_up_at"].is_null());
    let words = refused(&desk, 2, &["follow-up", "1", "2026-12-01"]);
    assert!(words.contains("passed"), "{words}");
    refused(&desk, 2, &["follow-up", "1", "soon"]);
    refused(&desk, 1, &["follow-up", "1,99", "2026-12-30"]);
    assert!(desk.show("1")["follow_up_at"].is_null(), "one of them is not there: nothing is done");
}
