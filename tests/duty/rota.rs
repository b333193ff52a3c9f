//! The rota: weeks, overrides, the rota file, gaps.

use super::*;
use serde_json::json;

/// A calendar with these events in it.
fn calendar(events: &[&str]) -> String {
    let zone = "BEGIN:VTIMEZONE\r\nTZID:Office\r\nX-LIC-LOCATION:Europe/Paris\r\nBEGIN:DAYLIGHT\r\nTZOFFSETFROM:+0100\r\n\
        TZOFFSETTO:+0200\r\nTZNAME:CEST\r\nDTSTART:19700329T020000\r\nRRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU\r\n\
        END:DAYLIGHT\r\nBEGIN:STANDARD\r\nTZOFFSETFROM:+0200\r\nTZOFFSETTO:+0100\r\nTZNAME:CET\r\n\
        DTSTART:19701025T030000\r\nRRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n";
    let events: String = events
        .iter()
        .map(|event| {
            format!("BEGIN:VEVENT\r\nDTSTAMP:20260101T000000Z\r\n{}\r\nEND:VEVENT\r\n", event.replace('\n', "\r\n"))
        })
        .collect();
    format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//on call//EN\r\n{zone}{events}END:VCALENDAR\r\n")
}

/// A desk whose rota is this file, and nothing else.
fn by_file(file: &str) -> Desk {
    let desk = Desk::new();
    std::fs::write(desk.path("rota.ics"), file).unwrap();
    reconfigure(&desk, "rotation = [\"alice\", \"bob\"]", "calendar = \"rota.ics\"");
    desk
}

/// Two weeks each, handed over on Monday 09:00 in Paris, as an on-call tool exports it.
fn weekly() -> String {
    calendar(&[
        "UID:a@tool\nSUMMARY:On Call - Alice - CSIRT\nDTSTART;TZID=Office:20260105T090000\nDTEND;TZID=Office:20260112T090000\nRRULE:FREQ=WEEKLY;INTERVAL=2",
        "UID:b@tool\nSUMMARY:Duty\nATTENDEE;CN=\"B. Builder\":mailto:bob@example.org\nDTSTART;TZID=Europe/Paris:20260112T090000\n\
         DTEND;TZID=Europe/Paris:20260119T090000\nRRULE:FREQ=WEEKLY;INTERVAL=2",
    ])
}

fn on_duty(desk: &Desk, now: &str) -> Value {
    shown(desk, now)["on_duty"].clone()
}

#[test]
fn p9_the_rotation_hands_over_on_monday_at_nine_in_civil_time_across_clock_changes() {
    for (now, who) in [
        ("2026-03-30T08:59:59+02:00", "bob"),
        ("2026-03-30T09:00:00+02:00", "alice"),
        ("2026-10-26T08:59:59+01:00", "bob"),
        ("2026-10-26T09:00:00+01:00", "alice"),
        ("2026-11-30T08:59:59+01:00", "alice"),
        ("2026-11-30T09:00:00+01:00", "bob"),
    ] {
        let desk = Desk::new();
        assert_eq!(on_duty(&desk, now), who, "{now}");
    }
}

#[test]
fn p9_a_rota_file_says_who_is_on_duty_without_a_hole_when_the_clocks_change() {
    let desk = by_file(&weekly());
    for (now, who, until) in [
        ("2026-03-28T12:00:00+01:00", "bob", "2026-03-30T09:00:00+02:00"),
        ("2026-03-30T09:00:00+02:00", "alice", "2026-04-06T09:00:00+02:00"),
        ("2026-10-25T02:30:00+01:00", "bob", "2026-10-26T09:00:00+01:00"),
        ("2026-10-26T09:00:00+01:00", "alice", "2026-11-02T09:00:00+01:00"),
        ("2026-11-27T18:01:00+01:00", "alice", "2026-11-30T09:00:00+01:00"),
    ] {
        let duty = shown(&desk, now);
        assert_eq!((&duty["on_duty"], &duty["until"]), (&json!(who), &json!(until)), "{now}");
        assert_eq!(duty["gaps"], json!([]), "{now}");
    }
    let check = desk.ok(&["check"]);
    assert!(check.contains("no gap in the next 8 weeks") && check.contains("rota.ics"), "{check}");
}

#[test]
fn p9_a_rota_file_is_read_with_exceptions_replacements_whole_days_and_overlaps() {
    let desk = by_file(&calendar(&[
        "UID:1\nSUMMARY:alice\nDTSTART;TZID=Europe/Paris:20261123T090000\nDTEND;TZID=Europe/Paris:20261124T090000\n\
         RRULE:FREQ=DAILY;UNTIL=20261204T080000Z\nEXDATE;TZID=Europe/Paris:20261128T090000\nEXDATE:20261130T080000Z",
        // One day of it is bob's, and ends later.
        "UID:1\nSEQUENCE:4\nSUMMARY:bob\nRECURRENCE-ID;TZID=Europe/Paris:20261126T090000\n\
         DTSTART;TZID=Europe/Paris:20261126T090000\nDTEND;TZID=Europe/Paris:20261126T180000",
        // Within alice's shift, and so stronger.
        "UID:2\nSUMMARY:lead\nDTSTART:20261125T110000Z\nDURATION:PT2H",
        "UID:3\nSUMMARY:boss\nDTSTART;VALUE=DATE:20261129",
        "UID:4\nSUMMARY:boss\nSTATUS:CANCELLED\nDTSTART:20261123T090000Z\nDTEND:20261220T090000Z",
    ]));
    for (now, who) in [
        ("2026-11-25T11:59:59+01:00", json!("alice")),
        ("2026-11-25T12:00:00+01:00", json!("lead")),
        ("2026-11-25T14:00:00+01:00", json!("alice")),
        ("2026-11-26T09:00:00+01:00", json!("bob")),
        ("2026-11-26T18:00:00+01:00", Value::Null),
        ("2026-11-27T09:00:00+01:00", json!("alice")),
        ("2026-11-28T09:00:00+01:00", Value::Null),
        ("2026-11-29T00:00:00+01:00", json!("boss")),
        ("2026-11-29T09:00:00+01:00", json!("alice")),
        ("2026-11-30T00:00:00+01:00", json!("alice")),
        ("2026-11-30T09:00:00+01:00", Value::Null),
        ("2026-12-04T09:00:00+01:00", json!("alice")),
        ("2026-12-05T09:00:00+01:00", Value::Null),
    ] {
        assert_eq!(on_duty(&desk, now), who, "{now}");
    }
}

#[test]
fn p9_an_override_goes_over_the_rota_file_and_the_file_over_the_rotation() {
    let desk = Desk::new();
    let event = "UID:1\nSUMMARY:boss\nDTSTART:20261127T170000Z\nDTEND:20261127T180000Z";
    std::fs::write(desk.path("rota.ics"), calendar(&[event])).unwrap();
    reconfigure(&desk, "handover = ", "calendar = \"rota.ics\"\nhandover = ");
    assert_eq!(on_duty(&desk, "2026-11-27T17:59:00+01:00"), "alice");
    assert_eq!(on_duty(&desk, "2026-11-27T18:00:00+01:00"), "boss");
    let (from, to) = ("2026-11-27T18:10:00+01:00", "2026-11-27T18:20:00+01:00");
    desk.ok(&["--as", "alice", "duty", "override", "--analyst", "lead", "--from", from, "--to", to]);
    assert_eq!(on_duty(&desk, from), "lead");
    assert_eq!(shown(&desk, from)["overrides"].as_array().map(Vec::len), Some(1), "the file is no override");
    assert_eq!(on_duty(&desk, to), "boss");
    assert_eq!(on_duty(&desk, "2026-11-27T19:00:00+01:00"), "alice");
}

#[test]
fn p9_a_rota_file_is_read_again_when_it_changes_and_a_bad_one_changes_nothing_but_is_told() {
    let desk = by_file(&weekly());
    let daemon = desk.daemon_with(&["--now", FRIDAY]);
    let who = || desk.json(&["duty", "show"])["on_duty"].clone();
    assert_eq!(who(), "alice");
    let week = |name: &str| format!("UID:1\nSUMMARY:{name}\nDTSTART:20261101T000000Z\nDTEND:20261231T000000Z");
    std::fs::write(desk.path("new.ics"), calendar(&[&week("boss")])).unwrap();
    std::fs::rename(desk.path("new.ics"), desk.path("rota.ics")).unwrap();
    // Any change by hand rings the clocks, as their timer does.
    let ring = || desk.ok(&["--as", "alice", "key", "import", desk.path("team.pub").to_str().unwrap()]);
    std::fs::write(desk.path("team.pub"), desk.gpg.export(&desk.team)).unwrap();
    ring();
    support::desk::until("the new file is read", support::site::SOON, || who() == "boss");
    std::fs::write(desk.path("rota.ics"), "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n").unwrap();
    ring();
    support::desk::until("it is told of", support::site::SOON, || !mails(&desk, "lead@", "rota").is_empty());
    assert_eq!(who(), "boss");
    daemon.stop();
    assert_eq!(who(), "boss", "also after a restart");
    let check = desk.run(&["check"]);
    assert_eq!(check.status.code(), Some(1));
    assert!(text(&check.stdout).contains("cut short"), "{}", text(&check.stdout));
    assert_eq!(mails(&desk, "lead@", "rota").len(), 1, "told once");
}

#[test]
fn p9_a_gap_is_told_once_ahead_and_once_when_it_begins_to_those_who_take_escalations() {
    let week = |name: &str, day: u8| {
        format!("UID:{day}\nSUMMARY:{name}\nDTSTART;TZID=Europe/Paris:202612{day:02}T090000\nDURATION:P7D")
    };
    let desk = by_file(&calendar(&[&week("alice", 1), &week("bob", 15)]));
    let told = || mails(&desk, "lead@", "nobody on duty").len();
    once(&desk, "2026-12-01T09:00:00+01:00");
    assert_eq!(told(), 1, "of the 8th; that of the 22nd is far off");
    let words = support::desk::unquoted(&mails(&desk, "lead@", "nobody on duty")[0]);
    assert!(words.contains("from Tuesday 8 December 2026 09:00"), "{words}");
    assert!(words.contains("until Tuesday 15 December 2026 09:00"), "{words}");
    assert!(!words.contains("alice") && !words.contains("bob"), "{words}");
    for (now, count) in [
        ("2026-12-02T09:00:00+01:00", 1),
        ("2026-12-07T09:00:00+01:00", 1),
        // It begins, and the next one, of the 22nd, comes near.
        ("2026-12-08T09:00:00+01:00", 3),
        ("2026-12-08T09:05:00+01:00", 3),
        ("2026-12-10T09:00:00+01:00", 3),
        ("2026-12-15T09:00:00+01:00", 3),
        ("2026-12-22T09:00:00+01:00", 4),
        ("2026-12-23T09:00:00+01:00", 4),
    ] {
        once(&desk, now);
        assert_eq!(told(), count, "{now}");
    }
    let gaps = shown(&desk, "2026-12-23T10:00:00+01:00")["gaps"].clone();
    assert_eq!(gaps.as_array().map(Vec::len), Some(1), "{gaps}");
    assert!(desk.ok(&["check"]).contains("nobody is on duty from"));
}

#[test]
fn p9_a_page_while_nobody_is_on_duty_goes_to_those_who_take_escalations() {
    let desk = by_file(&calendar(&["UID:1\nSUMMARY:alice\nDTSTART:20261101T000000Z\nDURATION:P7D"]));
    desk.ingest(&support::desk::plain("a@corp.example", "[URGENT] Report", "report"), FRIDAY);
    once(&desk, FRIDAY);
    assert_eq!(mails(&desk, "lead@", "PAGE").len(), 1);
    assert!(desk.sent_to("alice@").is_empty());
}

#[test]
fn p9_events_that_name_no_analyst_are_told_and_count_for_nobody() {
    let desk = by_file(&calendar(&["UID:1\nSUMMARY:Mallory\nDTSTART:20261101T000000Z\nDTEND:20261231T000000Z"]));
    once(&desk, FRIDAY);
    assert_eq!(on_duty(&desk, FRIDAY), Value::Null);
    let told = mails(&desk, "lead@", "rota");
    assert_eq!(told.len(), 1);
    assert!(!support::desk::unquoted(&told[0]).contains("Mallory"), "a file's words do not leave in clear");
    assert!(desk.ok(&["check"]).contains("1 coming event of the rota file names no analyst"));
}

#[test]
fn hostile_rota_files_are_refused_in_time_and_leave_the_last_one_in_force() {
    let desk = by_file(&weekly());
    assert_eq!(on_duty(&desk, FRIDAY), "alice");
    let rule = |rule: &str| {
        calendar(&[&format!("UID:1\nSUMMARY:alice\nDTSTART:19700101T000000Z\nDURATION:PT1H\nRRULE:{rule}")])
    };
    let many: Vec<String> =
        (0..100_000).map(|nth| format!("UID:{nth}\nSUMMARY:alice\nDTSTART:20261127T000000Z\nDURATION:PT1H")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for (what, file, words) in [
        ("100,000 events", calendar(&many), "larger than"),
        ("30,000 events", calendar(&many[..30_000]), "more than 20000"),
        ("seconds without end", rule("FREQ=SECONDLY"), "by the minute or second"),
        ("minutes without end", rule("FREQ=MINUTELY;INTERVAL=1"), "by the minute or second"),
        ("hours since 1970", rule("FREQ=HOURLY"), "recur more than"),
        ("hours, counted", rule("FREQ=HOURLY;COUNT=4000000000"), "recur more than"),
        (
            "a zone that is none",
            calendar(&["UID:1\nSUMMARY:alice\nDTSTART;TZID=Mars/Olympus:20261127T000000\nDURATION:PT1H"]),
            "Mars/Olympus",
        ),
        ("a day that is none", calendar(&["UID:1\nSUMMARY:alice\nDTSTART:20261332T000000Z\nDURATION:PT1H"]), ""),
        ("no calendar", "hello\r\n".to_owned(), ""),
        ("nothing", String::new(), ""),
        ("nested", "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n".repeat(50_000), ""),
    ] {
        std::fs::write(desk.path("rota.ics"), file).unwrap();
        let began = std::time::Instant::now();
        assert_eq!(on_duty(&desk, "2026-11-27T18:02:00+01:00"), "alice", "{what}");
        let check = desk.run(&["check"]);
        let out = text(&check.stdout);
        let line = out.lines().find(|line| line.contains(" rota ")).unwrap_or_default();
        assert!(line.contains("FAIL") && line.contains(words), "{what}: {out}");
        assert!(began.elapsed().as_secs() < 20, "{what}: {:?}", began.elapsed());
    }
    // A rule that never comes true is no hang.
    std::fs::write(desk.path("rota.ics"), rule("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30")).unwrap();
    assert_eq!(on_duty(&desk, "2026-11-27T18:03:00+01:00"), Value::Null);
}

#[test]
fn p9_a_stand_in_who_has_left_the_config_is_not_said_to_be_on_duty() {
    let desk = Desk::new();
    let now = "2026-11-27T18:01:00+01:00";
    let stands_in = ["duty", "override", "--analyst", "boss", "--from", "2026-11-27T18:00", "--to", "2026-12-07T20:00"];
    let mut all = vec!["--as", "alice", "--now", now];
    all.extend(stands_in);
    desk.ok(&all);
    assert_eq!(shown(&desk, now)["on_duty"], "boss");
    reconfigure(&desk, "[[duty.analyst]]\nname = \"boss\"\naddress = \"boss@example.org\"\n", "");
    reconfigure(&desk, "[\"lead\", \"boss\"]", "[\"lead\"]");
    let duty = shown(&desk, now);
    assert!(duty["on_duty"].is_null(), "{duty}");
    assert_eq!(duty["gaps"][0]["to"], "2026-12-07T20:00:00+01:00", "and the gap is shown");
    assert!(!desk.ok(&["check"]).contains("boss is on duty"));
}
