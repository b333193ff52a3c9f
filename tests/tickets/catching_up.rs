//! After a host was off, and after the config has changed: one catch-up, not a burst; nothing twice.

use super::*;
use std::time::Duration;
use support::desk::until;

fn subjects(desk: &Desk, to: &str) -> Vec<String> {
    desk.sent_to(to).iter().filter_map(|mail| header(mail, "Subject")).filter(|s| !s.contains("New report")).collect()
}

fn reconfigure(desk: &Desk, from: &str, to: &str) {
    let config = std::fs::read_to_string(desk.path("vigie.toml")).unwrap();
    assert!(config.contains(from));
    std::fs::write(desk.path("vigie.toml"), config.replacen(from, to, 1)).unwrap();
}

#[test]
fn p8_a_host_that_was_off_for_days_tells_of_one_ticket_once_with_the_gravest_rung() {
    let desk = Desk::new();
    desk.ingest(&plain("a@corp.example", "Report", "words"), FRIDAY);
    write(&desk, FRIDAY, &["write", "1", "--to", "abuse@isp.example"], "Please.\n");
    once(&desk, FRIDAY);
    desk.ingest(&reply("abuse@isp.example", "Re", "Which?", &last_id(&desk, "abuse@isp")), FRIDAY);
    once(&desk, FRIDAY);
    let before = desk.sent().len();
    once(&desk, "2026-12-03T20:00:00+01:00");
    assert_eq!(desk.sent().len(), before + 1, "two clocks, three rungs each: one mail");
    assert_eq!(subjects(&desk, "lead@example.org"), ["[EX-2026-000001] ESCALATION 1"]);
    assert!(unquoted(&desk, "lead@example.org").contains("BROKEN"));
    once(&desk, "2026-12-03T20:01:00+01:00");
    assert_eq!(desk.sent().len(), before + 1);
}

fn unquoted(desk: &Desk, to: &str) -> String {
    support::desk::unquoted(&desk.sent_to(to).pop().unwrap())
}

#[test]
fn p8_of_many_tickets_each_analyst_gets_one_mail() {
    let desk = Desk::new();
    for n in 1..=6 {
        desk.ingest(&plain(&format!("a{n}@corp.example"), "Report", &format!("words {n}")), FRIDAY);
    }
    once(&desk, FRIDAY);
    alice(&desk, FRIDAY, &["assign", "6", "alice"]);
    let before = desk.sent().len();
    once(&desk, "2026-12-01T20:00:00+01:00");
    let sent: Vec<_> = desk.sent().into_iter().skip(before).collect();
    assert_eq!(sent.len(), 2, "{:?}", sent.iter().map(|(to, _)| to).collect::<Vec<_>>());
    let of_many =
        sent.iter().find(|(_, mail)| header(mail, "Subject").unwrap().contains("5 reports wait")).expect("one of many");
    let body = support::desk::unquoted(&of_many.1);
    for n in 1..=5 {
        assert!(body.contains(&format!("EX-2026-00000{n}  BROKEN")), "{body}");
    }
    assert!(!body.contains("EX-2026-000006") && !body.contains("words") && !body.contains("corp.example"), "{body}");
    assert_eq!(subjects(&desk, "alice@example.org").last().map(String::as_str), Some("[EX-2026-000006] Answer is due"));
    for n in 1..=6 {
        assert!(told(&desk.show(&n.to_string())).iter().any(|what| what.starts_with("reminder to")), "{n}");
    }
    once(&desk, "2026-12-01T20:01:00+01:00");
    assert_eq!(desk.sent().len(), before + 2);
    // Two at a time are told singly.
    let before = desk.sent().len();
    for n in 1..=4 {
        alice(&desk, "2026-12-01T21:00:00+01:00", &["state", &n.to_string(), "rejected"]);
    }
    once(&desk, "2026-12-03T20:00:00+01:00");
    let leads: Vec<String> = subjects(&desk, "lead@example.org");
    assert_eq!(desk.sent().len(), before + 2);
    assert_eq!(leads, ["[EX-2026-000005] ESCALATION 1", "[EX-2026-000006] ESCALATION 1"]);
}

#[test]
fn a_change_of_the_promises_recomputes_running_clocks_and_fires_nothing_again() {
    let desk = Desk::new();
    desk.ingest(&plain("a@corp.example", "Report", "words"), FRIDAY);
    once(&desk, "2026-11-30T18:01:00+01:00");
    let before = desk.sent().len();
    reconfigure(&desk, "[sla]\n", "[sla]\nanswer_within = \"3 business days\"\nclosed = [2026-12-01]\n");
    once(&desk, "2026-11-30T18:02:00+01:00");
    let ticket = desk.show("1");
    assert_eq!(
        (&ticket["due_at"], &ticket["remind_at"]),
        (&"2026-12-03T18:01:00+01:00".into(), &"2026-11-30T18:01:00+01:00".into())
    );
    assert_eq!(desk.sent().len(), before, "the reminder was fired");
    once(&desk, "2026-12-03T18:01:00+01:00");
    assert_eq!(desk.sent().len(), before + 1);
    // Shorter than what has run by now: it is due at once, once.
    reconfigure(&desk, "escalate_to", "escalate_after = \"3 business days\"\nescalate_to");
    once(&desk, "2026-12-03T18:02:00+01:00");
    assert_eq!(subjects(&desk, "lead@example.org").len(), 1);
    once(&desk, "2026-12-03T18:03:00+01:00");
    assert_eq!(subjects(&desk, "lead@example.org").len(), 1);
}

#[test]
fn a_running_daemon_recomputes_the_clocks_when_it_reads_the_config_again() {
    let desk = Desk::new();
    desk.ingest(&plain("a@corp.example", "Report", "words"), FRIDAY);
    let daemon = desk.daemon();
    assert_eq!(desk.show("1")["due_at"], "2026-12-01T18:01:00+01:00");
    reconfigure(&desk, "[sla]\n", "[sla]\nanswer_within = \"3 business days\"\n");
    daemon.signal("HUP");
    until("the clocks are computed anew", Duration::from_secs(20), || {
        desk.show("1")["due_at"] == "2026-12-02T18:01:00+01:00"
    });
    reconfigure(
        &desk,
        "answer_within = \"3 business days\"",
        "holidays = \"none\"\nanswer_within = \"1 business day\"",
    );
    daemon.signal("HUP");
    until("and again", Duration::from_secs(20), || desk.show("1")["due_at"] == "2026-11-30T18:01:00+01:00");
    drop(daemon);
}

#[test]
fn promises_keep_their_time_of_day_over_the_nights_on_which_the_clocks_change() {
    for (received, due) in [
        ("2026-10-23T18:01:00+02:00", "2026-10-27T18:01:00+01:00"),
        ("2027-03-26T18:01:00+01:00", "2027-03-31T18:01:00+02:00"),
        // In the hour that comes twice, on a day without business.
        ("2026-10-25T02:30:00+01:00", "2026-10-28T00:00:00+01:00"),
    ] {
        let desk = Desk::new();
        desk.ingest(&plain("a@corp.example", "Report", "words"), received);
        assert_eq!(desk.show("1")["due_at"], due, "{received}");
        let due: jiff::Timestamp = due.parse().unwrap();
        let before = due - jiff::SignedDuration::from_secs(1);
        once(&desk, &before.to_string());
        let count = desk.sent().len();
        once(&desk, &due.to_string());
        assert_eq!(desk.sent().len(), count + 1, "{received}: told at the second");
    }
}
