//! An older store is brought up to date with all that is in it, or stays as it was.

use super::*;
use rusqlite::Connection;

const FIRST: &str = include_str!("../../src/store/schema/0001_first.sql");
const AT: i64 = 1_795_798_860_000_000;

/// A store as the first schema had it, with tickets in it.
fn first_store(desk: &Desk) {
    let old = Connection::open(desk.path("vigie.db")).unwrap();
    old.pragma_update(None, "journal_mode", "WAL").unwrap();
    old.execute_batch(FIRST).unwrap();
    let mut chain = String::new();
    for nth in 1..=40i64 {
        let mail = plain("a@corp.example", &format!("Old {nth}"), "Narwhal seen at 198.51.100.7");
        let hash: String = <sha2::Sha256 as sha2::Digest>::digest(&mail).iter().map(|b| format!("{b:02x}")).collect();
        old.execute("INSERT INTO raw (sha256, size, bytes) VALUES (?1, ?2, ?3)", (&hash, mail.len() as i64, &mail))
            .unwrap();
        old.execute(
            "INSERT INTO ticket (number, state, subject, mailbox, kind, language, reporter, reporter_name, received_at, clock_from, \
             remind_at, due_at, escalate_at, next_rung_at) VALUES (?1, 'open', ?2, 'csirt', 'incident', 'en', 'a@corp.example', 'A', \
             ?3, ?3, ?3 + 86400000000, ?3 + 172800000000, ?3 + 345600000000, ?3 + 86400000000)",
            (format!("EX-2026-{nth:06}"), format!("Old {nth}"), AT),
        )
        .unwrap();
        old.execute("INSERT INTO participant (ticket_id, address) VALUES (?1, 'a@corp.example')", [nth]).unwrap();
        old.execute(
            "INSERT INTO message (ticket_id, direction, from_addr, received_at, subject, text, raw_id) \
             VALUES (?1, 'in', 'a@corp.example', ?2, ?3, 'Narwhal seen', ?1)",
            (nth, AT, format!("Old {nth}")),
        )
        .unwrap();
        old.execute("INSERT INTO indicator (message_id, kind, value) VALUES (?1, 'ipv4', '198.51.100.7')", [nth])
            .unwrap();
        let mut link = <sha2::Sha256 as sha2::Digest>::new();
        for field in [chain.as_str(), &nth.to_string(), &AT.to_string(), "vigie", "opened"] {
            sha2::Digest::update(&mut link, (field.len() as u64).to_be_bytes());
            sha2::Digest::update(&mut link, field.as_bytes());
        }
        chain = sha2::Digest::finalize(link).iter().map(|b| format!("{b:02x}")).collect();
        old.execute(
            "INSERT INTO history (ticket_id, at, who, what, chain) VALUES (?1, ?2, 'vigie', 'opened', ?3)",
            (nth, AT, &chain),
        )
        .unwrap();
    }
    old.execute("INSERT INTO counter (year, last) VALUES (2026, 40)", []).unwrap();
    old.pragma_update(None, "user_version", 1).unwrap();
}

fn check_all(desk: &Desk, what: &str) {
    assert_eq!(desk.json(&["ticket", "list", "--all"]).as_array().unwrap().len(), 40, "{what}");
    for number in ["EX-2026-000001", "EX-2026-000040"] {
        let ticket = desk.show(number);
        assert!(
            ticket["subject"].as_str().unwrap().starts_with("Old ") && ticket["due_at"].is_string(),
            "{what}: {ticket}"
        );
        assert_eq!(ticket["messages"][0]["text"], "Narwhal seen", "{what}");
        assert_eq!(ticket["indicators"][0]["value"], "198.51.100.7", "{what}");
        assert_eq!(ticket["history"][0]["what"], "opened", "{what}");
        assert_eq!(code(&desk.run(&["ticket", "raw", number])), 0, "{what}");
    }
    assert_eq!(desk.json(&["ticket", "search", "narwhal"]).as_array().unwrap().len(), 40, "{what}");
    let (view, code) = verify(desk, &[]);
    assert_eq!(code, 0, "{what}: {view}");
    let next = desk.ingest(&plain("b@corp.example", "New", "new"), FRIDAY);
    assert_eq!(next["ticket"], "EX-2026-000041", "{what}");
}

#[test]
fn a_store_of_the_first_schema_is_shown_whole_by_this_program() {
    let desk = Desk::new();
    first_store(&desk);
    check_all(&desk, "migrated");
}

#[test]
fn a_migration_that_is_killed_at_any_step_goes_on_where_it_was() {
    let last = vigie::store::schema();
    for step in 2..=last {
        let desk = Desk::new();
        first_store(&desk);
        let point = format!("migrate.{step}");
        let killed = desk.command(&["ticket", "list"]).env("VIGIE_CRASH", &point).output().unwrap();
        assert_eq!(killed.status.code(), None, "{point}");
        let version: u32 = store(&desk).query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
        assert_eq!(version as usize, step - 1, "{point}: all of a step, or nothing");
        check_all(&desk, &point);
    }
}

#[test]
fn a_store_of_a_newer_program_is_refused_and_left_as_it_is() {
    let desk = Desk::new();
    fill(&desk);
    store(&desk).pragma_update(None, "user_version", 999).unwrap();
    for arguments in [&["ticket", "list"][..], &["run", "--once"], &["store", "rekey"], &["backup", "/tmp/never.db"]] {
        let output = desk.run(arguments);
        assert_eq!(code(&output), 1, "{arguments:?}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains("newer"), "{arguments:?}: {}", text(&output.stderr));
    }
    let version: i64 = store(&desk).query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    assert_eq!(version, 999);
}

#[test]
fn a_backup_of_an_older_schema_is_restored_and_brought_up_to_date() {
    let old = Desk::new();
    first_store(&old);
    let desk = Desk::new();
    desk.ok(&["restore", old.path("vigie.db").to_str().unwrap()]);
    assert_eq!(desk.json(&["ticket", "list", "--all"]).as_array().unwrap().len(), 40);
    assert_eq!(desk.show("EX-2026-000040")["subject"], "Old 40");
    assert_eq!(verify(&desk, &[]).1, 0);
}
