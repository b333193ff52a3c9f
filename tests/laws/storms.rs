//! Storms, caps and loops: many mails wake nobody for nothing, and no machine is answered for ever.

use super::*;
use crate::support::desk::{header, plain};

/// A time on that Friday evening.
fn at(minute: u32, second: u32) -> String {
    format!("2026-11-27T18:{minute:02}:{second:02}+01:00")
}

fn subjects(desk: &Desk, word: &str) -> Vec<String> {
    let sent = desk.sent().into_iter().filter(|(to, _)| to.contains("@example.org"));
    sent.filter_map(|(_, mail)| header(&mail, "Subject")).filter(|subject| subject.contains(word)).collect()
}

#[test]
fn t69_thirty_urgent_mails_in_a_minute_are_five_pages_and_one_of_25_more() {
    let desk = Desk::new();
    once(&desk, FRIDAY);
    // All at once, as after a night without network.
    for nth in 0..30 {
        let mail = plain(&format!("r{nth}@sender{nth}.example"), "[URGENT] Help", "help");
        desk.deliver(&format!("{nth:02}"), &mail, &at(1, 30));
    }
    once(&desk, &at(1, 30));
    assert_eq!(desk.json(&["ticket", "list"]).as_array().map(Vec::len), Some(30));
    assert_eq!(subjects(&desk, "PAGE").len(), 5, "the first ones by themselves, at once");
    once(&desk, &at(4, 59));
    assert_eq!(subjects(&desk, "PAGE").len(), 5);
    once(&desk, &at(5, 0));
    let pages = subjects(&desk, "PAGE");
    assert_eq!(pages.last().map(String::as_str), Some("PAGE: 25 more urgent reports"), "{pages:?}");
    assert_eq!(pages.len(), 6);
    let shown = desk.json(&["duty", "show"]);
    assert_eq!(shown["pages"].as_array().map(Vec::len), Some(6), "{shown}");
    // None is dropped: each ticket's history says how it was told.
    for number in 1..=30 {
        let told = told(&desk, &number.to_string());
        assert_eq!(told.iter().filter(|line| line.contains("page ")).count(), 1, "{number}: {told:?}");
    }
    // A group wants an acknowledgement as any page does.
    desk.ok(&["--as", "bob", "duty", "ack", "6"]);
    once(&desk, &at(19, 0));
    let second = subjects(&desk, "PAGE").len();
    assert_eq!(second, 6 + 5, "the five climb to the next in line, the acknowledged group does not");
}

#[test]
fn t69_thirty_plain_reports_are_ten_alerts_and_one_of_20_more() {
    let desk = Desk::new();
    once(&desk, FRIDAY);
    for nth in 0..30 {
        let mail = plain(&format!("r{nth}@sender{nth}.example"), "Report", "report");
        desk.deliver(&format!("{nth:02}"), &mail, &at(1, 30));
    }
    once(&desk, &at(1, 30));
    assert_eq!(subjects(&desk, "New report").len(), 10);
    once(&desk, &at(5, 0));
    assert_eq!(subjects(&desk, "more reports"), ["20 more reports"]);
    // The next window has its own count, and an hour later each is told by itself again.
    desk.ingest(&plain("late@sender.example", "Report", "late"), &at(6, 0));
    once(&desk, &at(10, 0));
    assert_eq!(subjects(&desk, " more report"), ["20 more reports", "1 more report"]);
    desk.ingest(&plain("later@sender.example", "Report", "later"), "2026-11-27T19:02:00+01:00");
    once(&desk, "2026-11-27T19:02:00+01:00");
    assert_eq!(subjects(&desk, "New report").len(), 11);
}

#[test]
fn t69_an_urgent_ticket_that_paged_already_pages_no_second_time_in_a_storm() {
    let desk = Desk::new();
    desk.ingest(&plain("r0@corp.example", "[URGENT] First", "first"), FRIDAY);
    once(&desk, FRIDAY);
    let ours = header(&desk.sent_to("r0@corp.example")[0], "Message-ID").unwrap();
    for nth in 1..5 {
        desk.ingest(&plain(&format!("r{nth}@corp.example"), "[URGENT] More", "more"), FRIDAY);
    }
    let reply = with_fields(&plain("r0@corp.example", "Re: [URGENT] First", "?"), &format!("In-Reply-To: {ours}\r\n"));
    assert_eq!(desk.ingest(&reply, &at(2, 0))["outcome"], "joined");
    once(&desk, &at(10, 0));
    assert_eq!(subjects(&desk, "PAGE").len(), 5);
}

#[test]
fn a1_the_fourth_mail_of_an_address_within_the_hour_has_its_ticket_at_once_and_its_acknowledgement_later() {
    let desk = Desk::new();
    for nth in 0..5 {
        let line = desk.ingest(&plain("a@corp.example", "Report", &format!("report {nth}")), &at(10 + nth, 0));
        assert_eq!(line["outcome"], "filed");
    }
    once(&desk, &at(20, 0));
    assert_eq!(desk.json(&["ticket", "list"]).as_array().map(Vec::len), Some(5));
    assert_eq!(desk.sent_to("a@corp.example").len(), 3);
    assert_eq!(owed(&desk, "alert").len(), 5, "people are told of all of them");
    let waiting: Vec<Value> =
        owed(&desk, "acknowledgement").into_iter().filter(|row| row["state"] == "queued").collect();
    let times: Vec<&str> = waiting.iter().map(|row| row["next_try_at"].as_str().unwrap()).collect();
    assert_eq!(times, ["2026-11-27T19:10:00+01:00", "2026-11-27T19:11:00+01:00"]);
    // The operators hear of it once.
    assert_eq!(desk.sent_to("lead@example.org").len(), 1);
    assert!(desk.sent_to("lead@example.org")[0].contains("caps"));
    once(&desk, "2026-11-27T19:10:00+01:00");
    assert_eq!(desk.sent_to("a@corp.example").len(), 4);
    once(&desk, "2026-11-27T19:11:00+01:00");
    let sent = desk.sent_to("a@corp.example");
    assert_eq!(sent.len(), 5, "late, and never dropped");
    let last = sent[4].replace("=\r\n", "");
    assert!(last.contains("27 November 2026 18:14"), "with the true time of receipt: {last}");
}

#[test]
fn a1_caps_hold_for_a_domain_too_and_other_domains_are_not_kept_waiting() {
    let desk = Desk::with(Setup { more: "[acknowledge]\nper_domain = \"4/hour\"\n".to_owned(), ..Setup::default() });
    for nth in 0..6 {
        desk.ingest(&plain(&format!("r{nth}@flood.example"), "Report", "report"), FRIDAY);
    }
    desk.ingest(&plain("a@else.example", "Report", "report"), FRIDAY);
    once(&desk, FRIDAY);
    assert_eq!(desk.sent_to("@flood.example").len(), 4);
    assert_eq!(desk.sent_to("a@else.example").len(), 1);
    once(&desk, "2026-11-27T19:01:00+01:00");
    assert_eq!(desk.sent_to("@flood.example").len(), 6);
}

/// What a responder makes of a mail of ours.
fn responder(mail: &str, fields: &str, nth: usize) -> Vec<u8> {
    let subject = header(mail, "Subject").unwrap();
    let reply = plain("a@corp.example", &format!("Re: {subject}"), &format!("I am away. ({nth})"));
    with_fields(&reply, fields)
}

/// Lets a responder answer every mail that it gets, twenty minutes later; gives how many mails it got.
fn ping_pong(desk: &Desk, fields: impl Fn(&str) -> String) -> usize {
    let mut now: jiff::Timestamp = FRIDAY.parse().unwrap();
    desk.ingest(&plain("a@corp.example", "Report", "report"), FRIDAY);
    let mut answered = 0;
    for turn in 0..15 {
        once(desk, &now.to_string());
        now += jiff::SignedDuration::from_mins(20);
        for mail in &desk.sent_to("a@corp.example")[answered..] {
            answered += 1;
            desk.ingest(&responder(mail, &fields(mail), turn), &now.to_string());
        }
    }
    assert_eq!(desk.sent_to("a@corp.example").len(), answered, "the talk has ended");
    answered
}

#[test]
fn t63_a_responder_that_sets_no_headers_gets_three_mails_and_no_more() {
    let desk = Desk::new();
    assert_eq!(ping_pong(&desk, |_| String::new()), 3);
    // Not a word of it is lost: every turn is a ticket, with an alert.
    let tickets = desk.json(&["ticket", "list"]);
    assert_eq!(tickets.as_array().map(Vec::len), Some(4), "{tickets}");
    assert_eq!(tickets[0]["reply_suppressed"], "loop");
    assert!(tickets[0]["due_at"].is_string());
    assert_eq!(owed(&desk, "alert").len(), 4);
}

#[test]
fn t63_a_responder_that_names_our_mail_joins_its_ticket_and_gets_one() {
    let desk = Desk::new();
    let names = |mail: &str| format!("In-Reply-To: {}\r\n", header(mail, "Message-ID").unwrap());
    assert_eq!(ping_pong(&desk, names), 1);
    assert_eq!(desk.json(&["ticket", "list"]).as_array().map(Vec::len), Some(1));
}

#[test]
fn t63_an_absence_note_that_says_so_gets_one_and_wakes_nobody() {
    for fields in ["Auto-Submitted: auto-replied\r\n", "X-Autoreply: yes\r\n", "Precedence: auto_reply\r\n"] {
        let desk = Desk::new();
        assert_eq!(ping_pong(&desk, |_| fields.to_owned()), 1, "{fields}");
        assert_eq!(owed(&desk, "alert").len(), 1, "{fields}: the report's own");
        let note = desk.show("2");
        assert_eq!((&note["automatic"], &note["due_at"]), (&json!(true), &Value::Null), "{fields}");
    }
}

#[test]
fn t63_an_absence_note_on_a_ticket_neither_reopens_it_nor_starts_a_clock() {
    let desk = Desk::new();
    desk.ingest(&plain("a@corp.example", "Report", "report"), FRIDAY);
    desk.feed(&["--as", "alice", "ticket", "answer", "1"], b"Thank you.\n");
    once(&desk, FRIDAY);
    assert_eq!(desk.show("1")["state"], "waiting");
    let answer = desk.sent_to("a@corp.example").pop().unwrap();
    let names = format!("In-Reply-To: {}\r\nAuto-Submitted: auto-replied\r\n", header(&answer, "Message-ID").unwrap());
    let before = desk.sent().len();
    let line = desk.ingest(&responder(&answer, &names, 0), &at(30, 0));
    assert_eq!(line["outcome"], "joined", "{line}");
    once(&desk, &at(30, 0));
    let ticket = desk.show("1");
    assert_eq!((&ticket["state"], desk.sent().len()), (&json!("waiting"), before));
    assert_eq!(desk.json(&["ticket", "list", "--unanswered"]), json!([]));
}

/// A mail that one Vigie sent, as the other receives it.
fn delivered(mail: &str) -> Vec<u8> {
    mail.split_inclusive("\r\n").filter(|line| !line.starts_with("X-Envelope-")).collect::<String>().into_bytes()
}

#[test]
fn t63_two_vigies_do_not_talk_to_each_other() {
    for null_sender in [true, false] {
        let (ours, theirs) = (Desk::new(), Desk::new());
        let config = std::fs::read_to_string(theirs.path("vigie.toml")).unwrap();
        std::fs::write(theirs.path("vigie.toml"), config.replace("csirt@example.org", "cert@other.example")).unwrap();
        // A person writes to them with our address as the sender.
        let first = text(&plain("csirt@example.org", "Report", "report")).replace("To: csirt@", "To: cert@");
        theirs.ingest(first.replace("cert@example.org", "cert@other.example").as_bytes(), FRIDAY);
        let (mut heard_by_us, mut heard_by_them) = (0, 0);
        for minute in 2..12 {
            once(&theirs, &at(minute, 0));
            for mail in &theirs.sent_to("csirt@example.org")[heard_by_us..] {
                heard_by_us += 1;
                let sender = if null_sender { "<>" } else { "cert@other.example" };
                ours.feed(
                    &["--now", &at(minute, 30), "ingest", "--mailbox", "csirt", "--sender", sender],
                    &delivered(mail),
                );
            }
            once(&ours, &at(minute, 30));
            for mail in &ours.sent_to("cert@other.example")[heard_by_them..] {
                heard_by_them += 1;
                theirs.ingest(&delivered(mail), &at(minute, 40));
            }
        }
        assert_eq!((heard_by_us, heard_by_them), (1, 0), "null sender: {null_sender}");
        assert_eq!(ours.json(&["ticket", "list"])[0]["automatic"], true);
    }
}

#[test]
fn t63_our_own_mail_that_comes_back_is_filed_in_silence() {
    let desk = Desk::new();
    desk.ingest(&plain("a@corp.example", "[URGENT] Report", "report"), FRIDAY);
    once(&desk, FRIDAY);
    let sent = desk.sent();
    assert!(sent.len() >= 3, "acknowledgement, alert, page");
    for (_, mail) in &sent {
        desk.ingest(&delivered(mail), &at(5, 0));
    }
    once(&desk, &at(6, 0));
    assert_eq!(desk.sent().len(), sent.len(), "nobody is told of our own words");
    let pages = desk.json(&["duty", "show"])["pages"].clone();
    assert!(pages[0]["acknowledged_at"].is_null(), "our own page acknowledges nothing: {pages}");
    let unanswered = desk.json(&["ticket", "list", "--unanswered"]);
    assert_eq!(unanswered.as_array().map(Vec::len), Some(1), "{unanswered}");
}

#[test]
fn t69_an_urgent_mail_after_its_group_page_was_acknowledged_pages_again() {
    let desk = Desk::new();
    for nth in 0..6 {
        desk.ingest(&plain(&format!("r{nth}@corp.example"), "[URGENT] Help", "help"), &at(1, nth));
    }
    once(&desk, &at(2, 0));
    desk.ok(&["--as", "bob", "duty", "ack", "6"]);
    desk.ingest(&plain("late@corp.example", "[URGENT] Help", "help"), &at(4, 0));
    assert!(told(&desk, "7").iter().any(|line| line.contains("page 7 together with others")));
    once(&desk, &at(20, 0));
    // The acknowledged one never left; the late mail has a page of its own, which wants its own word.
    assert_eq!(subjects(&desk, "PAGE: 1 more").len(), 1, "{:?}", subjects(&desk, "PAGE"));
    let pages = desk.json(&["duty", "show"])["pages"].clone();
    let late = pages.as_array().unwrap().iter().find(|page| page["id"] == 7).unwrap();
    assert!(late["acknowledged_at"].is_null(), "{late}");
}
