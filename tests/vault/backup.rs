//! P14: a backup while mail arrives, and what a restore does not do twice.

use super::*;
use crate::support::desk::{header, until};
use crate::support::site::{CSIRT, SOON, Site, outbox};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

fn path(desk: &Desk, name: &str) -> String {
    desk.path(name).to_str().expect("a path").to_owned()
}

#[test]
fn p14_a_backup_is_whole_for_its_owner_alone_and_takes_no_other_files_place() {
    let desk = keyed();
    fill(&desk);
    let file = path(&desk, "backup.db");
    for through_daemon in [false, true] {
        let daemon = through_daemon.then(|| desk.daemon());
        let said = desk.ok(&["backup", &file]);
        assert!(said.contains("whole"), "{said}");
        let octets = std::fs::read(&file).unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!octets.starts_with(b"SQLite format 3"), "encrypted as the store is");
        let again = desk.run(&["backup", &file]);
        assert_eq!(code(&again), 1);
        assert!(text(&again.stderr).contains("nothing is ever overwritten"), "{}", text(&again.stderr));
        assert!(std::fs::read(&file).unwrap() == octets, "nothing is overwritten");
        drop(daemon);
        std::fs::remove_file(&file).unwrap();
        let names = std::fs::read_dir(desk.folder()).unwrap().flatten().map(|e| e.file_name().into_string().unwrap());
        assert!(!names.into_iter().any(|name| name.starts_with("backup")), "nothing is left beside it");
    }
}

#[test]
fn p14_a_restore_brings_all_of_it_back_and_gives_no_number_twice() {
    let desk = keyed();
    fill(&desk);
    let (ticket, listed) = (desk.show("EX-2026-000001"), desk.json(&["ticket", "list", "--all"]));
    desk.ok(&["backup", &path(&desk, "backup.db")]);
    let later = desk.ingest(&plain("c@corp.example", "Later", "later"), MONDAY);
    assert_eq!(later["ticket"], "EX-2026-000005");
    // Not over a store that is there, and not beside a daemon.
    let refused = desk.run(&["restore", &path(&desk, "backup.db")]);
    assert_eq!(code(&refused), 1);
    assert!(text(&refused.stderr).contains("--replace"), "{}", text(&refused.stderr));
    let daemon = desk.daemon();
    let refused = desk.run(&["restore", "--replace", &path(&desk, "backup.db")]);
    assert_eq!((code(&refused), text(&refused.stderr).contains("daemon")), (1, true), "{}", text(&refused.stderr));
    daemon.stop();
    let said = desk.ok(&["--now", MONDAY, "--as", "alice", "restore", "--replace", &path(&desk, "backup.db")]);
    assert!(said.contains("4 tickets"), "{said}");
    assert_eq!(desk.json(&["ticket", "list", "--all"]), listed);
    assert_eq!(desk.show("EX-2026-000001"), ticket);
    assert_eq!(verify(&desk, &[]).1, 0);
    let next = desk.ingest(&plain("d@corp.example", "Next", "next"), "2026-11-30T09:00:00+01:00");
    let number: u32 = next["ticket"].as_str().unwrap()[8..].parse().unwrap();
    assert!(number > 1005, "{next}");
    let aside: Vec<_> =
        std::fs::read_dir(desk.folder()).unwrap().flatten().map(|e| e.file_name().into_string().unwrap()).collect();
    assert_eq!(aside.iter().filter(|name| name.contains("before-restore")).count(), 1, "{aside:?}");
    // Into an empty place.
    std::fs::remove_file(desk.path("vigie.db")).unwrap();
    desk.ok(&["restore", &path(&desk, "backup.db")]);
    assert_eq!(desk.json(&["ticket", "list", "--all"]), listed);
}

#[test]
fn p14_what_is_no_backup_of_this_store_is_not_restored() {
    let desk = keyed();
    fill(&desk);
    let good = path(&desk, "good.db");
    desk.ok(&["backup", &good]);
    let octets = std::fs::read(&good).unwrap();
    let before = desk.json(&["ticket", "list", "--all"]);
    let foreign = keyed_with("feedface");
    fill(&foreign);
    let mut flipped = octets.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    foreign.ok(&["backup", &path(&foreign, "backup.db")]);
    for (what, octets) in [
        ("foreign", std::fs::read(foreign.path("backup.db")).unwrap()),
        ("cut", octets[..octets.len() / 2].to_vec()),
        ("cut in a page", octets[..octets.len() - 100].to_vec()),
        ("flipped", flipped),
        ("empty", Vec::new()),
        ("text", b"this is no store".repeat(1000)),
    ] {
        std::fs::write(desk.path("bad.db"), octets).unwrap();
        let refused = desk.run(&["restore", "--replace", &path(&desk, "bad.db")]);
        assert!([1, 78].contains(&code(&refused)), "{what}: {}", text(&refused.stderr));
        assert!(!text(&refused.stderr).contains("panicked"), "{what}: {}", text(&refused.stderr));
        assert_eq!(desk.json(&["ticket", "list", "--all"]), before, "{what}: the store is as it was");
        assert!(!desk.path("vigie.db.restore").exists(), "{what}");
    }
    assert_eq!(code(&desk.run(&["restore", "--replace", &path(&desk, "nowhere.db")])), 1);
}

#[test]
fn p14_a_kill_at_any_point_of_a_restore_leaves_a_store() {
    for point in ["restore.copied", "restore.marked", "restore.aside"] {
        let desk = keyed();
        fill(&desk);
        desk.ok(&["backup", &path(&desk, "backup.db")]);
        desk.ingest(&plain("c@corp.example", "Later", "later"), FRIDAY);
        let arguments = ["restore", "--replace", &path(&desk, "backup.db")];
        let killed = desk.command(&arguments).env("VIGIE_CRASH", point).output().unwrap();
        assert_eq!(killed.status.code(), None, "{point}");
        assert_eq!(desk.json(&["ticket", "list", "--all"]).as_array().unwrap().len(), 5, "{point}");
        desk.ok(&arguments);
        assert_eq!(desk.json(&["ticket", "list", "--all"]).as_array().unwrap().len(), 4, "{point}");
    }
}

#[test]
fn p14_a_backup_in_a_storm_that_is_killed_leaves_nothing_that_looks_like_one() {
    let desk = keyed();
    fill(&desk);
    for nth in 0..500 {
        desk.deliver(&format!("m{nth}"), &plain("s@corp.example", &format!("Storm {nth}"), "x"), FRIDAY);
    }
    let config = std::fs::read_to_string(desk.path("vigie.toml")).unwrap();
    std::fs::write(
        desk.path("vigie.toml"),
        config.replace("path = \"Maildir\"", "path = \"Maildir\"\nexisting = \"work\""),
    )
    .unwrap();
    let daemon = desk.daemon();
    let first = path(&desk, "first.db");
    desk.ok(&["backup", &first]);
    let second = path(&desk, "second.db");
    let mut asking = desk
        .command(&["backup", &second])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    until("the copy is begun or made", SOON, || {
        desk.path("second.db.part").exists() || desk.path("second.db").exists()
    });
    daemon.kill();
    asking.wait().unwrap();
    // What bears the name is whole.
    for file in [&first, &second] {
        if std::path::Path::new(file).exists() {
            desk.ok(&["restore", "--replace", file]);
            assert_eq!(verify(&desk, &[]).1, 0);
        }
    }
}

#[test]
fn p14_mail_filed_between_backup_and_restore_is_found_again_and_nobody_is_told_twice() {
    let desk = Desk::new();
    desk.deliver("before", &plain("a@corp.example", "Before", "before"), FRIDAY);
    assert_eq!(code(&desk.once(FRIDAY)), 0);
    desk.ok(&["backup", &path(&desk, "backup.db")]);
    let (sat, mon) = ("2026-11-28T10:00:00+01:00", "2026-11-30T10:00:00+01:00");
    desk.deliver("between", &plain("b@corp.example", "[URGENT] Between", "between"), sat);
    assert_eq!(code(&desk.once(sat)), 0);
    let sent = desk.sent().len();
    assert!(desk.sent_to("b@corp.example").len() == 1 && sent > 3);
    desk.ok(&["--now", mon, "restore", "--replace", &path(&desk, "backup.db")]);
    desk.deliver("after", &plain("c@corp.example", "After", "after"), "2026-11-30T10:05:00+01:00");
    desk.once("2026-11-30T10:06:00+01:00");
    let tickets = desk.json(&["ticket", "list", "--all"]);
    let subjects: Vec<&str> = tickets.as_array().unwrap().iter().map(|t| t["subject"].as_str().unwrap()).collect();
    assert_eq!(subjects.iter().filter(|s| s.contains("Between")).count(), 1, "{subjects:?}");
    assert_eq!(tickets.as_array().unwrap().len(), 3, "{subjects:?}");
    // Its acknowledgement is held, nobody is paged or alerted again, its clock runs.
    assert_eq!(desk.sent_to("b@corp.example").len(), 1);
    let held: Vec<Value> =
        outbox(&desk).into_iter().filter(|(_, state, _)| state == "blocked").map(|(.., row)| row).collect();
    assert_eq!(held.len(), 1, "{held:?}");
    assert!(held[0]["last_error"].as_str().unwrap().contains("held after restore"));
    let number = held[0]["ticket"].as_str().unwrap();
    let found = desk.show(number);
    assert!(found["due_at"].is_string() && found["received_at"] == sat, "{found}");
    let about = |mail: &(String, String)| header(&mail.1, "Subject").is_some_and(|s| s.contains(number));
    assert!(!desk.sent().iter().any(about), "nobody is told of it again");
    assert_eq!(desk.sent_to("c@corp.example").len(), 1, "what comes after the restore is acknowledged as ever");
    // Until an operator releases it.
    desk.ok(&["--as", "alice", "outbox", "retry", "--all"]);
    desk.once("2026-11-30T10:10:00+01:00");
    assert_eq!(desk.sent_to("b@corp.example").len(), 2);
    // Once looked through, the folder is left alone.
    desk.once("2026-11-30T10:20:00+01:00");
    assert_eq!(desk.json(&["ticket", "list", "--all"]).as_array().unwrap().len(), 3);
}

#[test]
fn p14_filed_mail_is_found_again_in_dovecots_folder_after_a_restore() {
    let site = Site::new();
    let desk = &site.desk;
    let daemon = desk.daemon();
    site.deliver(&plain("a@corp.example", "Before", "before"));
    site.await_files("Vigie/Filed", 1);
    site.await_mail("a@corp.example", 1);
    desk.ok(&["backup", &path(desk, "backup.db")]);
    site.deliver(&plain("b@corp.example", "Between", "between"));
    site.await_files("Vigie/Filed", 2);
    site.await_mail("b@corp.example", 1);
    daemon.stop();
    desk.ok(&["restore", "--replace", &path(desk, "backup.db")]);
    let daemon = desk.daemon();
    until("found again", SOON, || site.tickets().iter().any(|ticket| ticket["subject"] == "Between"));
    site.deliver(&plain("c@corp.example", "After", "after"));
    site.await_mail("c@corp.example", 1);
    assert_eq!(site.tickets().len(), 3);
    assert_eq!(site.recorder.mails_to("b@corp.example").len(), 1, "held");
    assert_eq!(site.dovecot.files(CSIRT, "Vigie/Filed").len(), 3, "nothing is moved about");
    let (took, status) = daemon.stop();
    assert!(status.success() && took < Duration::from_secs(10));
}
