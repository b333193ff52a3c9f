//! Servers that fail: what waits, who is told, and that nothing is lost, doubled or sent in clear.

mod support;

use support::cable::Cable;
use support::certs::Authority;
use support::desk::{Desk, Setup, header, plain, text, unquoted, until};
use support::dovecot::Dovecot;
use support::site::{
    CSIRT, SOON, Site, await_loop_error, await_loop_well, await_state, out_row, outbox, setup, smtp_in_clear, status,
    tries,
};
use support::smtp::{Fault, Privacy, Recorder, Step};
use vigie::rules::settings::Tls;

#[test]
fn a_server_of_another_authority_is_refused_and_status_says_so() {
    let (dovecot, recorder) = (Dovecot::start(), Recorder::start());
    let tables = dovecot.mailbox("csirt", Tls::Implicit, "") + &dovecot.mailbox("report", Tls::StartTls, "");
    let ours = dovecot.folder.path().join("ca.pem").display().to_string();
    let setup = |ca: &str| setup(&tables.replace(&ours, ca), recorder.port);
    let desk = Desk::with(setup("other.pem"));
    std::fs::write(desk.path("other.pem"), Authority::new().pem()).unwrap();
    dovecot.deliver(CSIRT, &plain("a@corp.example", "Hello", "Hello"));
    let daemon = desk.daemon();
    for name in ["csirt/INBOX", "report/INBOX"] {
        await_loop_error(&desk, name, "certificate");
    }
    let (shown, code) = status(&desk);
    assert_eq!((code, &shown["needs_person"]), (Some(1), &true.into()));
    let reasons = shown["reasons"].to_string();
    assert!(reasons.contains("csirt/INBOX") && reasons.contains("ca_file"), "{reasons}");
    assert!(recorder.mails().is_empty());
    assert!(
        !std::fs::read_to_string(dovecot.folder.path().join("log")).unwrap().contains("Login:"),
        "no password left us"
    );

    // The right authority, taken by a running daemon.
    desk.configure(&setup(&ours));
    daemon.signal("HUP");
    until("the report is acknowledged", SOON, || recorder.mails_to("a@corp.example").len() == 1);
    until("status is content", SOON, || status(&desk).1 == Some(0));
}

#[test]
fn mail_waits_where_the_smtp_server_is_of_another_authority_or_offers_no_starttls() {
    let authority = Authority::new();
    for (privacy, word) in
        [(Privacy::StartTls(authority.issue("localhost")), "certificate"), (Privacy::Clear, "offers no STARTTLS")]
    {
        let (dovecot, recorder) = (Dovecot::start(), Recorder::start_with(privacy, None, &[]));
        let mut setup = setup(&dovecot.mailbox("csirt", Tls::None, ""), 0);
        setup.smtp = format!(
            "[smtp]\nhost = \"localhost\"\nport = {}\ntls = \"starttls\"\nca_file = \"other.pem\"\n",
            recorder.port
        );
        let site = Site { dovecot, recorder, desk: Desk::with(setup) };
        std::fs::write(site.desk.path("other.pem"), Authority::new().pem()).unwrap();
        let _daemon = site.desk.daemon();
        site.deliver(&plain("a@corp.example", "Hello", "Hello"));
        let row = await_state(&site.desk, "acknowledgement", "sealed");
        until("the row says why", SOON, || {
            out_row(&site.desk, "acknowledgement")["last_error"].as_str().is_some_and(|error| error.contains(word))
        });
        assert_eq!(row["ticket"], "EX-2026-000001");
        await_loop_error(&site.desk, "post", word);
        assert!(site.recorder.everything().is_empty(), "nothing left in clear");
    }
}

#[test]
fn a_refused_password_is_tried_once_and_people_are_told() {
    let site = Site::new();
    let right = site.dovecot.folder.path().join("imap.pass");
    let setup = |file: &str| {
        let table = site.dovecot.mailbox("csirt", Tls::Implicit, "");
        setup(&table.replace(&right.display().to_string(), file), site.recorder.port)
    };
    std::fs::write(site.desk.path("wrong.pass"), "guess\n").unwrap();
    site.desk.configure(&setup("wrong.pass"));
    let daemon = site.desk.daemon();
    for name in ["csirt/INBOX", "csirt/Sent"] {
        await_loop_error(&site.desk, name, "refuses the login");
    }
    assert_eq!(status(&site.desk).1, Some(1));
    let log = || std::fs::read_to_string(site.dovecot.folder.path().join("log")).unwrap();
    until("Dovecot logs the refusal", SOON, || log().contains("auth failed"));
    assert_eq!(log().matches("auth failed").count(), 1, "one try for both folders: {}", log());
    let told = site.await_mail("lead@example.org", 1);
    assert!(unquoted(&told[0].text()).contains("csirt/INBOX"), "{}", told[0].text());
    assert!(!site.desk.log().contains("guess"));

    site.deliver(&plain("a@corp.example", "Hello", "Hello"));
    site.desk.configure(&setup(right.to_str().unwrap()));
    daemon.signal("HUP");
    site.await_mail("a@corp.example", 1);
    assert_eq!(site.recorder.mails_to("lead@example.org").len(), 1);
}

#[test]
fn a_server_that_is_down_at_the_start_or_goes_away_is_found_again() {
    let (dovecot, recorder) = (Dovecot::start(), Recorder::start());
    let cable = Cable::cut_to(dovecot.port);
    let table = dovecot.mailbox("csirt", Tls::None, "");
    let table = table.replace(&format!("port = {}", dovecot.port), &format!("port = {}", cable.port));
    let site = Site { desk: Desk::with(setup(&table, recorder.port)), dovecot, recorder };
    site.deliver(&plain("a@corp.example", "Early", "early"));
    let _daemon = site.desk.daemon();
    await_loop_error(&site.desk, "csirt/INBOX", "no greeting");
    assert_eq!(status(&site.desk).1, Some(1), "never read yet");
    cable.mend();
    site.await_mail("a@corp.example", 1);
    await_loop_well(&site.desk, "csirt/INBOX");
    assert_eq!(status(&site.desk).1, Some(0));

    cable.cut();
    site.deliver(&plain("b@corp.example", "Meanwhile", "meanwhile"));
    await_loop_error(&site.desk, "csirt/INBOX", "closed the connection");
    cable.mend();
    site.await_mail("b@corp.example", 1);
    assert_eq!(site.tickets().len(), 2);
}

/// A site whose inbox holds old mails at the first start.
fn old_mailbox(count: usize) -> Site {
    let site = Site::new();
    for n in 0..count {
        let urgent = if n == 3 { "[URGENT] " } else { "" };
        site.deliver(&plain(&format!("a{n}@corp.example"), &format!("{urgent}Old {n}"), "old"));
    }
    site
}

fn decide(site: &Site, existing: &str) {
    let table = site.dovecot.mailbox("csirt", Tls::Implicit, &format!("existing = \"{existing}\""));
    site.desk.configure(&setup(&table, site.recorder.port));
}

#[test]
fn an_old_mailbox_is_not_read_before_the_config_says_what_it_is() {
    let site = old_mailbox(11);
    let daemon = site.desk.daemon();
    await_loop_error(&site.desk, "csirt/INBOX", "existing = \"history\"");
    assert_eq!(status(&site.desk).1, Some(1));
    for name in ["lead", "boss"] {
        let told = unquoted(&site.await_mail(&format!("{name}@example.org"), 1)[0].text());
        assert!(told.contains("11 messages"), "{told}");
    }
    assert!(site.desk.log().contains("ERROR"), "{}", site.desk.log());
    assert!(site.tickets().is_empty());
    assert_eq!(site.dovecot.files(CSIRT, "INBOX").len(), 11);

    // As history: filed in silence, and what comes afterwards is work.
    decide(&site, "history");
    daemon.signal("HUP");
    site.await_files("Vigie/Filed", 11);
    site.deliver(&plain("new@corp.example", "New", "new"));
    site.await_mail("new@corp.example", 1);
    let tickets = site.tickets();
    assert_eq!(tickets.len(), 12);
    for ticket in tickets.iter().filter(|t| t["reporter"]["address"] != "new@corp.example") {
        assert!(ticket["clock_from"].is_null() && ticket["acknowledged_at"].is_null(), "{ticket}");
    }
    until("the alert about the new one", SOON, || site.recorder.mails().len() >= 4);
    assert_eq!(site.recorder.mails().len(), 4, "two notices, an acknowledgement, an alert");
    assert!(site.desk.json(&["duty", "show"])["pages"].as_array().unwrap().is_empty());

    // The server numbers its mails anew: history stays history.
    daemon.stop();
    site.dovecot.doveadm(&["copy", "-u", CSIRT, "INBOX", "mailbox", "Vigie.Filed", "all"]);
    site.dovecot.doveadm(&["mailbox", "update", "-u", CSIRT, "--uid-validity", "3000000001", "INBOX"]);
    let _daemon = site.desk.daemon();
    site.await_files("Vigie/Filed", 24);
    assert_eq!((site.tickets().len(), site.recorder.mails().len()), (12, 4));
}

#[test]
fn an_old_mailbox_that_is_work_becomes_tickets_with_all_that_is_promised() {
    let site = old_mailbox(11);
    decide(&site, "work");
    let _daemon = site.desk.daemon();
    site.await_files("Vigie/Filed", 11);
    until("all are acknowledged", SOON, || {
        (0..11).all(|n| site.recorder.mails_to(&format!("a{n}@corp.example")).len() == 1)
    });
    assert!(site.tickets().iter().all(|ticket| ticket["clock_from"].is_string()));
    assert_eq!(site.desk.json(&["duty", "show"])["pages"].as_array().unwrap().len(), 1);
}

#[test]
fn a_mailbox_with_ten_mails_is_read_without_a_word_in_the_config() {
    let site = old_mailbox(10);
    let _daemon = site.desk.daemon();
    site.await_files("Vigie/Filed", 10);
    assert_eq!(site.tickets().len(), 10);
}

#[test]
fn uids_that_a_restored_server_uses_again_hide_no_mail() {
    let site = Site::new();
    let daemon = site.desk.daemon();
    for n in 0..4 {
        site.deliver(&plain(&format!("a{n}@corp.example"), &format!("Before {n}"), "before"));
    }
    site.await_files("Vigie/Filed", 4);
    daemon.stop();
    // A backup of the server's index from before all that: same UIDVALIDITY, the UIDs begin at 1.
    let maildir = site.dovecot.folder.path().join("mail").join(CSIRT);
    let list = std::fs::read_to_string(maildir.join("dovecot-uidlist")).unwrap();
    let next = list.lines().next().unwrap().split(' ').find(|word| word.starts_with('N')).unwrap().to_owned();
    let restored = list.lines().next().unwrap().replace(&next, "N1") + "\n";
    assert_ne!(next, "N1");
    std::fs::write(maildir.join("dovecot-uidlist"), restored).unwrap();
    for file in std::fs::read_dir(&maildir).unwrap().flatten() {
        if file.file_name().to_string_lossy().starts_with("dovecot.index") {
            std::fs::remove_file(file.path()).unwrap();
        }
    }
    site.deliver(&plain("b@corp.example", "After", "after"));
    let _daemon = site.desk.daemon();
    site.await_mail("b@corp.example", 1);
    site.await_files("Vigie/Filed", 5);
    assert_eq!(site.tickets().len(), 5);
}

#[test]
fn mail_outlasts_an_smtp_server_that_is_down_and_one_that_says_later() {
    let (dovecot, recorder) = (Dovecot::start(), Recorder::start());
    let cable = Cable::cut_to(recorder.port);
    let site =
        Site { desk: Desk::with(setup(&dovecot.mailbox("csirt", Tls::None, ""), cable.port)), dovecot, recorder };
    let daemon = site.desk.daemon();
    site.deliver(&plain("a@corp.example", "Hello", "Hello"));
    let why = |word: &str| {
        until(&format!("the row says {word}"), SOON, || {
            let row = outbox(&site.desk).into_iter().find(|(kind, _, _)| kind == "acknowledgement");
            row.is_some_and(|(_, state, row)| {
                state == "sealed" && row["last_error"].as_str().is_some_and(|error| error.contains(word))
            })
        });
    };
    why("does not greet us");
    assert!(site.desk.show("1")["acknowledged_at"].is_null());
    // A stop loses nothing, and a start tries again when the row says.
    daemon.stop();
    site.recorder.fail(Step::Rcpt, Fault::reply("450 4.2.0 <a@corp.example> greylisted"));
    cable.mend();
    let _daemon = site.desk.daemon();
    site.desk.ok(&["outbox", "retry", "--all"]);
    why("450 4.2.0 <address> greylisted");
    await_loop_error(&site.desk, "post", "450");
    site.recorder.heal();
    site.desk.ok(&["outbox", "retry", "--all"]);
    await_state(&site.desk, "acknowledgement", "sent");
    await_state(&site.desk, "alert", "sent");
    assert_eq!(site.recorder.mails_to("a@corp.example").len(), 1);
    assert!(site.desk.show("1")["acknowledged_at"].is_string());
    await_loop_well(&site.desk, "post");
}

#[test]
fn a_refusal_for_good_ends_a_mail_and_is_told_to_people() {
    let site = Site::new();
    site.recorder.fail_for("a@corp.example", Step::Rcpt, Fault::reply("550 5.1.1 no such user"));
    let _daemon = site.desk.daemon();
    site.deliver(&plain("a@corp.example", "Hello", "Hello"));
    let row = await_state(&site.desk, "acknowledgement", "failed");
    assert_eq!(row["attempts"], 1);
    assert!(row["last_error"].as_str().unwrap().contains("550 5.1.1"), "{row}");
    let told = unquoted(&site.await_mail("lead@example.org", 1)[0].text());
    assert!(told.contains("acknowledgement") && !told.contains("a@corp.example"), "{told}");
    assert_eq!(status(&site.desk).1, Some(1));
    assert!(site.desk.show("1")["acknowledged_at"].is_null());
    // Mended at the other end, a person sends it on: the same octets.
    site.recorder.heal();
    let id = row["id"].to_string();
    site.desk.ok(&["outbox", "retry", &id]);
    await_state(&site.desk, "acknowledgement", "sent");
    assert!(site.desk.show("1")["acknowledged_at"].is_string());
}

#[test]
fn an_ambiguous_end_is_tried_once_more_with_the_same_octets_and_then_a_persons() {
    let site = Site::new();
    site.recorder.fail_for("a@corp.example", Step::End, Fault::Drop);
    let _daemon = site.desk.daemon();
    site.deliver(&plain("a@corp.example", "Hello", "Hello"));
    let row = await_state(&site.desk, "acknowledgement", "unsure");
    assert!(row["last_error"].as_str().unwrap().contains("may have been delivered"), "{row}");
    assert!(site.desk.show("1")["acknowledged_at"].is_null(), "nobody says what nobody knows");
    assert_eq!(tries(&site.recorder, "a@corp.example").len(), 1);
    await_state(&site.desk, "acknowledgement", "failed");
    let twice = tries(&site.recorder, "a@corp.example");
    assert_eq!(twice.len(), 2);
    assert_eq!(twice[0], twice[1]);
    assert!(header(&text(&twice[0]), "Message-ID").is_some());
    site.await_mail("lead@example.org", 1);
    assert_eq!(status(&site.desk).1, Some(1));
}

#[test]
fn a_process_that_dies_twice_in_one_dialogue_sends_no_third_time() {
    let site = Site::new();
    site.recorder.fail_for("a@corp.example", Step::End, Fault::Hang);
    let daemon = site.desk.daemon();
    site.deliver(&plain("a@corp.example", "Hello", "Hello"));
    until("the first try hangs", SOON, || tries(&site.recorder, "a@corp.example").len() == 1);
    daemon.kill();
    let daemon = site.desk.daemon();
    until("the second try hangs", SOON, || tries(&site.recorder, "a@corp.example").len() == 2);
    assert_eq!(out_row(&site.desk, "acknowledgement")["state"], "sending");
    daemon.kill();
    let _daemon = site.desk.daemon();
    await_state(&site.desk, "acknowledgement", "failed");
    site.await_mail("lead@example.org", 1);
    let tries = tries(&site.recorder, "a@corp.example");
    assert_eq!(tries.len(), 2);
    assert_eq!(tries[0], tries[1]);
}

#[test]
fn a_page_leaves_at_once_while_the_smtp_server_hangs() {
    let site = Site::new();
    let alice_pages = site.desk.path("paged");
    let script = site.desk.path("page.sh");
    std::fs::write(&script, format!("#!/bin/sh\ncat > {}\n", alice_pages.display())).unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut setup = setup(&site.dovecot.mailbox("csirt", Tls::None, ""), site.recorder.port);
    let command = format!("command = [\"{}\"]\n[[duty.analyst]]\nname = \"bob\"", script.display());
    setup.duty =
        setup.duty.replace("[[duty.analyst]]\nname = \"bob\"", &command).replace("[\"alice\", \"bob\"]", "[\"alice\"]");
    site.desk.configure(&setup);
    site.recorder.fail(Step::Connect, Fault::Hang);
    let _daemon = site.desk.daemon();
    for n in 0..6 {
        site.deliver(&plain(&format!("a{n}@corp.example"), &format!("Report {n}"), "report"));
    }
    until("mails hang", SOON, || site.recorder.connections() >= 4);
    site.deliver(&plain("b@corp.example", "[URGENT] now", "now"));
    until("the page", SOON, || alice_pages.exists());
    assert!(site.recorder.mails().is_empty());
}

#[test]
fn p7_after_days_without_smtp_all_that_waited_leaves_with_its_true_times() {
    let recorder = Recorder::start();
    let cable = Cable::cut_to(recorder.port);
    let desk = Desk::with(Setup { smtp: smtp_in_clear(cable.port), ..Setup::default() });
    let once = |now: &str| desk.once(now).status.code();
    desk.ingest(&plain("a@corp.example", "Hello", "Hello"), "2026-11-27T18:01:00+01:00");
    assert_eq!(once("2026-11-27T18:01:00+01:00"), Some(75), "it stays in the outbox");
    for day in ["2026-11-28", "2026-11-29", "2026-11-30"] {
        assert_eq!(once(&format!("{day}T18:00:00+01:00")), Some(75));
    }
    let (shown, code) = status(&desk);
    assert_eq!(code, Some(1));
    assert!(shown["reasons"].to_string().contains("in the outbox for more than an hour"), "{shown}");
    cable.mend();
    assert_eq!(once("2026-12-01T10:00:00+01:00"), Some(0));
    let acknowledgement = recorder.mails_to("a@corp.example");
    assert_eq!(acknowledgement.len(), 1);
    let words = unquoted(&acknowledgement[0].text());
    assert!(words.contains("27 November 2026 18:01"), "the true time of receipt: {words}");
    let rows = outbox(&desk);
    assert!(rows.iter().all(|(_, state, _)| state == "sent"), "{rows:?}");
    assert_eq!(rows.iter().filter(|(kind, _, _)| kind == "reminder").count(), 1);
}
