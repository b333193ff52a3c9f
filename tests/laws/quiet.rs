//! Laws 7 and 11: nothing of a report leaves in clear, nor stands in a log.

use super::*;
use crate::support::desk::{header, pgp_mime};
use std::os::unix::fs::PermissionsExt;

/// Words that stand in the canary mails and must stand nowhere else in clear.
const CANARIES: [&str; 6] = ["Zanzibar", "Quokka", "Narwhal", "Axolotl", "Pangolin", "platypus.bin"];

/// A mail whose every part holds a canary. The sender's address is `local`@corp.example.
fn canary(local: &str) -> String {
    format!(
        "From: \"Quokka Smith\" <{local}@corp.example>\r\nTo: csirt@example.org\r\nSubject: [URGENT] TLP:RED Zanzibar\r\n\
         Content-Type: multipart/mixed; boundary=\"canary\"; hp=\"cipher\"\r\n\r\n\
         --canary\r\nContent-Type: text/plain\r\n\r\nNarwhal at 198.51.100.77, see https://axolotl.example/Axolotl\r\n\
         --canary\r\nContent-Type: application/octet-stream; name=\"platypus.bin\"\r\n\
         Content-Disposition: attachment; filename=\"platypus.bin\"\r\n\r\nPangolin\r\n--canary--\r\n"
    )
}

fn plain_canary(local: &str) -> Vec<u8> {
    format!(
        "Return-Path: <{local}@corp.example>\r\nMessage-ID: <c-{local}@corp.example>\r\nMIME-Version: 1.0\r\n{}",
        canary(local).replace("; hp=\"cipher\"", "")
    )
    .into_bytes()
}

/// The ciphertext's outer From bears a canary too.
fn sealed_canary(desk: &Desk, local: &str) -> Vec<u8> {
    let sealed = desk.gpg.seal(&[&desk.team], None, canary(local).as_bytes());
    let mail = text(&pgp_mime(&format!("{local}@corp.example"), "...", &sealed));
    mail.replacen(&format!("From: {local}@corp.example"), &format!("From: Quokka Smith <{local}@corp.example>"), 1)
        .into()
}

/// Gives an analyst a pager command that keeps what it is told.
fn give_pager(desk: &Desk, name: &str) {
    let script = desk.path(&format!("pager-{name}"));
    let words = format!("#!/bin/sh\n/bin/cat >> {}\n", desk.path("pages.json").display());
    std::fs::write(&script, words).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let named = format!("[[duty.analyst]]\nname = \"{name}\"\n");
    reconfigure(desk, &named, &format!("{named}command = [{:?}]\n", script.to_str().unwrap()));
}

/// All that a mail says in clear: its octets, and its texts and attachments decoded.
fn in_clear(mail: &str) -> String {
    let parsed = mail_parser::MessageParser::default().parse(mail.as_bytes()).expect("a mail of ours");
    let parts = parsed.parts.iter().map(|part| text(part.contents()));
    let subject = parsed.subject().unwrap_or_default().to_owned();
    [mail.to_owned(), subject].into_iter().chain(parts).collect::<Vec<_>>().join("\n")
}

fn holds_no_canary(what: &str, words: &str) {
    let lower = words.to_lowercase();
    for canary in CANARIES.iter().copied().chain(["198.51.100.77", "axolotl.example"]) {
        assert!(!lower.contains(&canary.to_lowercase()), "{what} says {canary}");
    }
}

/// Lets everything happen that makes Vigie write: acknowledgement, alert, page, reminder,
/// escalation, notice, and a blocked answer.
fn let_everything_happen(desk: &Desk) {
    once(desk, FRIDAY);
    for local in ["Walrus", "Ibex"] {
        desk.ingest(&if local == "Walrus" { plain_canary(local) } else { sealed_canary(desk, local) }, FRIDAY);
    }
    for minute in [1, 17, 33] {
        desk.once(&format!("2026-11-27T18:{minute:02}:00+01:00"));
    }
    desk.feed(&["--as", "alice", "ticket", "answer", "1", "--allow-clear", "--reason", "asked for"], b"Thank you.\n");
    // A row that the gate stops: the leave is taken back.
    store(desk)
        .execute_batch("UPDATE outbox SET intent = replace(intent, '\"allow_clear\":true', '\"allow_clear\":false') WHERE kind = 'answer'")
        .unwrap();
    for day in ["2026-11-30", "2026-12-01", "2026-12-03", "2026-12-04", "2026-12-07"] {
        desk.once(&format!("{day}T18:40:00+01:00"));
    }
}

#[test]
fn law_7_no_mail_or_page_in_clear_holds_a_word_of_the_report() {
    let desk = Desk::new();
    give_pager(&desk, "alice");
    give_pager(&desk, "bob");
    let_everything_happen(&desk);
    for number in ["1", "2"] {
        let ticket = desk.show(number);
        assert_eq!((&ticket["tlp"], &ticket["reported_urgent"]), (&json!("RED"), &json!(true)), "the canary was read");
        assert_eq!(ticket["messages"][0]["attachments"][0]["name"], "platypus.bin");
    }
    for kind in ["acknowledgement", "alert", "page", "reminder", "escalation", "notice"] {
        let rows = owed(&desk, kind);
        assert!(rows.iter().any(|row| row["state"] == "sent"), "{kind}: {rows:?}");
    }
    assert_eq!(owed(&desk, "answer")[0]["state"], "blocked");
    let sent = desk.sent();
    assert!(sent.len() > 20, "{} mails", sent.len());
    for (to, mail) in &sent {
        let subject = header(mail, "Subject").unwrap();
        holds_no_canary(&format!("{subject} to {to}"), &in_clear(mail));
        // Whom a ticket is from stands in the acknowledgement's own address only.
        if to.contains("example.org") {
            for name in ["Walrus", "Ibex", "corp.example"] {
                assert!(!in_clear(mail).contains(name), "{subject} to {to} says {name}");
            }
        }
    }
    let pages = std::fs::read_to_string(desk.path("pages.json")).unwrap();
    assert!(pages.contains("EX-2026-000001") && pages.contains("reported_urgent"), "{pages}");
    holds_no_canary("the pager command", &pages);
    assert!(!pages.contains("corp.example"), "{pages}");
}

#[test]
fn law_7_an_alert_names_sender_and_subject_only_under_encryption_and_red_not_even_there() {
    let desk = Desk::new();
    desk.befriend("Alice <alice@example.org>");
    desk.befriend("Bob <bob@example.org>");
    desk.ingest(&plain_canary("Walrus"), FRIDAY);
    let amber = text(&plain_canary("Ibex")).replace("TLP:RED", "TLP:AMBER");
    desk.ingest(amber.as_bytes(), FRIDAY);
    once(&desk, FRIDAY);
    let mut details = Vec::new();
    for mail in desk.sent_to("bob@example.org").into_iter().chain(desk.sent_to("alice@example.org")) {
        holds_no_canary("an alert, from outside,", &mail);
        assert_eq!(header(&mail, "Subject").as_deref(), Some("[...]"));
        let ran = desk.gpg.run(&["--decrypt"], &mail.as_bytes()[mail.find("-----BEGIN PGP MESSAGE").unwrap()..]);
        assert!(ran.success, "{:?}", ran.status);
        details.push(text(&ran.out));
    }
    assert_eq!(details.len(), 4, "alert and page of two tickets");
    for inside in &details {
        let is_amber = inside.contains("EX-2026-000002");
        assert_eq!(inside.contains("Zanzibar") && inside.contains("Ibex@corp.example"), is_amber, "{inside}");
        assert!(!inside.contains("Narwhal"), "never the body: {inside}");
    }
}

/// Runs commands one by one with every word of the log, and gives all that they said on stderr.
fn talk(desk: &Desk) -> String {
    let mut log = String::new();
    let mut say = |arguments: &[&str], input: &[u8]| {
        let all = [&["-v", "-v", "-v"], arguments].concat();
        log += &text(&desk.feed(&all, input).stderr);
    };
    say(&["ingest", "--mailbox", "csirt", "-"], &plain_canary("Walrus"));
    say(&["ingest", "--mailbox", "csirt", "-"], &sealed_canary(desk, "Ibex"));
    say(&["ingest", "--mailbox", "csirt", "-"], &plain_canary("Ibex"));
    let mut broken = sealed_canary(desk, "Yak");
    let at = broken.len() / 2;
    broken[at] ^= 1;
    say(&["ingest", "--mailbox", "csirt", "-"], &broken);
    let folder = desk.path("Maildir/new");
    std::fs::write(folder.join("canary"), [b"X-Zanzibar: Quokka\r\n".as_slice(), &plain_canary("Walrus")].concat())
        .unwrap();
    for arguments in [
        &["run", "--once"][..],
        &["ticket", "list"],
        &["ticket", "show", "1"],
        &["ticket", "attachments", "1"],
        &["ticket", "raw", "1"],
        &["--as", "alice", "ticket", "assign", "1", "alice"],
        &["outbox", "list"],
        &["quarantine", "list"],
        &["key", "list"],
        &["duty", "show"],
        &["status"],
        &["run", "--once"],
    ] {
        say(arguments, b"");
    }
    say(&["--as", "alice", "ticket", "note", "1"], b"Narwhal, said the Quokka\n");
    say(&["--as", "alice", "ticket", "answer", "1"], b"Narwhal, said the Quokka\n");
    say(&["run", "--once"], b"");
    log
}

#[test]
fn law_11_nothing_of_a_message_and_no_secret_is_in_a_log() {
    let password = "correct-horse-battery";
    let smtp = "[smtp]\ntransport = \"smtp\"\nhost = \"127.0.0.1\"\nport = 1\ntls = \"none\"\nuser = \"vigie-login\"\npassword_file = \"smtp.pass\"\n";
    let desk = Desk::with(Setup { smtp: smtp.to_owned(), ..Setup::default() });
    let store_key = "0badc0de".repeat(8);
    for (file, secret) in [("smtp.pass", password), ("store.key", store_key.as_str())] {
        std::fs::write(desk.path(file), secret).unwrap();
        std::fs::set_permissions(desk.path(file), std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    reconfigure(&desk, "path = \"vigie.db\"", "path = \"vigie.db\"\nkey_file = \"store.key\"");
    let mut log = talk(&desk);
    let daemon = desk.daemon_with(&["-v", "-v", "-v"]);
    log += &talk(&desk);
    crate::support::desk::until("the daemon tries to send", std::time::Duration::from_secs(20), || {
        text(&desk.run(&["outbox", "list", "--json"]).stdout).contains("last_error")
    });
    daemon.signal("HUP");
    crate::support::desk::until("the config is read again", std::time::Duration::from_secs(20), || {
        desk.log().contains("config reloaded")
    });
    daemon.stop();
    log += &desk.log();
    assert!(
        log.contains("vigie is watching") && log.contains("config reloaded"),
        "the daemon's log is looked at: {log}"
    );
    assert!(log.lines().count() > 20, "{log}");
    holds_no_canary("a log", &log);
    for name in ["Walrus", "Ibex", "corp.example", password, &store_key, "BEGIN PGP"] {
        assert!(!log.contains(name), "a log says {name}");
    }
    let sensitive = std::fs::read_to_string(desk.path("team.asc")).unwrap();
    for line in sensitive.lines().filter(|line| line.len() > 40) {
        assert!(!log.contains(line), "a log holds the team's key");
    }
}
