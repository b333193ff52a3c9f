//! The daemon between real servers: Dovecot before it, Postfix or a recorder behind it, mail made
//! by GnuPG. What goes wrong with servers is in `servers_faults.rs`, with processes in
//! `servers_daemon.rs`.

mod support;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Instant;
use support::cable::Cable;
use support::certs::Authority;
use support::desk::{Desk, Setup, header, pgp_mime, plain, protected, text, until};
use support::dovecot::{Dovecot, PASSWORD};
use support::gnupg::Kind;
use support::postfix::Postfix;
use support::site::{CSIRT, SOON, Site, await_loop_error, await_loop_well, setup};
use support::smtp::{Privacy, Recorder};
use vigie::rules::settings::Tls;

/// Listens by IDLE as the daemon does; gives the moment of the next push.
fn next_push(dovecot: &Dovecot) -> std::thread::JoinHandle<Instant> {
    let mut link = BufReader::new(TcpStream::connect(("127.0.0.1", dovecot.port)).unwrap());
    let mut say = |text: &str, until: &str| {
        link.get_mut().write_all(format!("{text}\r\n").as_bytes()).unwrap();
        let mut line = String::new();
        while !line.starts_with(until) {
            line.clear();
            assert_ne!(link.read_line(&mut line).unwrap(), 0);
        }
    };
    let quoted = PASSWORD.replace('\\', "\\\\").replace('"', "\\\"");
    say(&format!("1 LOGIN {CSIRT} \"{quoted}\""), "1 OK");
    say("2 SELECT INBOX", "2 OK");
    say("3 IDLE", "+");
    std::thread::spawn(move || {
        let mut line = String::new();
        while !line.contains("EXISTS") {
            line.clear();
            assert_ne!(link.read_line(&mut line).unwrap(), 0);
        }
        Instant::now()
    })
}

/// An encrypted and signed report about something urgent.
fn sealed_report(desk: &Desk, reporter: &str, subject: &str) -> Vec<u8> {
    let inner = protected("a@corp.example", subject, "Everything is locked.");
    pgp_mime("a@corp.example", "...", &desk.gpg.seal(&[&desk.team], Some(reporter), inner.as_bytes()))
}

fn mail_to_acknowledgement_and_alert(kind: Kind) {
    let (dovecot, recorder, authority) = (Dovecot::start(), Recorder::start(), Authority::new());
    let postfix = Postfix::start(&authority.issue("localhost"), recorder.port, "");
    let mut setup = setup(&dovecot.mailbox("csirt", Tls::Implicit, ""), 0);
    setup.smtp = format!(
        "[smtp]\ntransport = \"smtp\"\nhost = \"localhost\"\nport = {}\ntls = \"starttls\"\nca_file = \"smtp-ca.pem\"\n",
        postfix.port
    );
    setup.team_key = kind;
    let desk = Desk::with(setup);
    std::fs::write(desk.path("smtp-ca.pem"), authority.pem()).unwrap();
    let reporter = desk.befriend("A <a@corp.example>");
    let daemon = desk.daemon();
    await_loop_well(&desk, "csirt/INBOX");
    let mail = sealed_report(&desk, &reporter, "Leak of 198.51.100.7");

    let push = next_push(&dovecot);
    let delivered = Instant::now();
    dovecot.deliver(CSIRT, &mail);
    let pushed = push.join().unwrap();
    until(&format!("acknowledgement and alert\n{}", desk.log()), SOON, || recorder.mails().len() >= 2);
    let last = recorder.mails().iter().filter_map(|mail| mail.at).max().unwrap();
    eprintln!(
        "{kind:?}: push {:?} after delivery; acknowledgement and alert through Postfix {:?} after the push",
        pushed - delivered,
        last.saturating_duration_since(pushed)
    );
    assert!((last - delivered).as_secs() < 5, "{:?}", last - delivered);

    let ticket = desk.show("1");
    assert_eq!(ticket["subject"], "Leak of 198.51.100.7");
    let verdict = &ticket["messages"][0]["verdict"];
    assert_eq!((&verdict["encryption"], &verdict["signature"]), (&"decrypted".into(), &"good".into()), "{verdict}");
    assert_eq!(verdict["signer"], reporter.as_str());
    assert!(ticket["acknowledged_at"].is_string());
    let acknowledgement = &recorder.mails_to("a@corp.example")[0];
    assert_eq!(acknowledgement.from.split(' ').next(), Some("<>"));
    assert_eq!(header(&acknowledgement.text(), "Subject").as_deref(), Some("[...]"), "encrypted to the reporter");
    assert!(postfix.log().contains("starttls=1"), "{}", postfix.log());

    until("the mail lies in Vigie/Filed", SOON, || dovecot.files(CSIRT, "Vigie/Filed").len() == 1);
    assert_eq!(dovecot.files(CSIRT, "INBOX").len(), 0);
    assert_eq!(dovecot.messages(CSIRT, "Vigie/Filed")[0], mail);
    let file = dovecot.files(CSIRT, "Vigie/Filed")[0].clone();
    let flags = file.to_str().unwrap().rsplit_once(":2,").map_or("", |(_, flags)| flags);
    assert!(!flags.contains('S'), "unseen as it was: {}", file.display());

    // Stop and start do nothing twice.
    let (_, ended) = daemon.stop();
    assert!(ended.success());
    let before = still(desk.show("1"));
    let daemon = desk.daemon();
    // What comes next is handled after whatever a second start would do again.
    dovecot.deliver(CSIRT, &plain("b@corp.example", "next", "next"));
    until("the next acknowledgement", SOON, || recorder.mails_to("b@corp.example").len() == 1);
    until("the next alert", SOON, || recorder.mails().len() >= 4);
    until("the next move", SOON, || dovecot.files(CSIRT, "Vigie/Filed").len() == 2);
    assert_eq!(recorder.mails().len(), 4, "two for each report");
    assert_eq!(desk.json(&["ticket", "list", "--all"]).as_array().unwrap().len(), 2);
    assert_eq!(still(desk.show("1")), before);
    assert!(daemon.stop().1.success());
}

/// A ticket without the time that is left, which runs.
fn still(mut ticket: serde_json::Value) -> serde_json::Value {
    ticket["due_in_seconds"].take();
    for correspondent in ticket["correspondents"].as_array_mut().unwrap() {
        correspondent["clock"]["due_in_seconds"].take();
    }
    ticket
}

#[test]
fn p1_a_mail_is_a_ticket_acknowledged_and_alerted_at_once_with_a_curve25519_key() {
    mail_to_acknowledgement_and_alert(Kind::Curve25519);
}

#[test]
fn p1_a_mail_is_a_ticket_acknowledged_and_alerted_at_once_with_an_rsa_4096_key() {
    mail_to_acknowledgement_and_alert(Kind::Rsa4096);
}

#[test]
fn tls_is_spoken_by_starttls_and_from_the_first_octet_with_both_servers() {
    for (tls, privacy, word) in [
        (Tls::StartTls, Privacy::StartTls as fn(_) -> _, "starttls"),
        (Tls::Implicit, Privacy::Implicit as fn(_) -> _, "implicit"),
    ] {
        let (dovecot, authority) = (Dovecot::start(), Authority::new());
        let recorder = Recorder::start_with(privacy(authority.issue("localhost")), Some(("vigie", PASSWORD)), &[]);
        let mut setup = setup(&dovecot.mailbox("csirt", tls, ""), 0);
        setup.smtp = format!(
            "[smtp]\nhost = \"localhost\"\nport = {}\ntls = \"{word}\"\nca_file = \"smtp-ca.pem\"\nuser = \"vigie\"\n\
             password_file = \"smtp.pass\"\n",
            recorder.port
        );
        let desk = Desk::with(setup);
        std::fs::write(desk.path("smtp-ca.pem"), authority.pem()).unwrap();
        std::fs::write(desk.path("smtp.pass"), format!("{PASSWORD}\n")).unwrap();
        let site = Site { dovecot, recorder, desk };
        let _daemon = site.desk.daemon();
        site.deliver(&plain("a@corp.example", "Hello", "Hello"));
        let mail = &site.await_mail("a@corp.example", 1)[0];
        assert!(mail.tls);
        assert_eq!(mail.user.as_deref(), Some("vigie"));
        site.await_files("Vigie/Filed", 1);
    }
}

#[test]
fn a_server_without_idle_and_move_is_polled_and_filed_away_all_the_same() {
    let dovecot = Dovecot::with("imap_capability = IMAP4rev1 UIDPLUS");
    let recorder = Recorder::start();
    let desk = Desk::with(setup(&dovecot.mailbox("csirt", Tls::Implicit, "poll_seconds = 1"), recorder.port));
    let site = Site { dovecot, recorder, desk };
    let _daemon = site.desk.daemon();
    await_loop_well(&site.desk, "csirt/INBOX");
    let mail = plain("a@corp.example", "Hello", "Hello");
    site.deliver(&mail);
    site.await_mail("a@corp.example", 1);
    site.await_files("Vigie/Filed", 1);
    site.await_files("INBOX", 0);
    assert_eq!(site.dovecot.messages(CSIRT, "Vigie/Filed")[0], mail);
}

#[test]
fn run_once_takes_what_is_there_sends_what_is_due_and_says_what_stays_undone() {
    let (dovecot, recorder) = (Dovecot::start(), Recorder::start());
    let (to_imap, to_smtp) = (Cable::cut_to(dovecot.port), Cable::cut_to(recorder.port));
    let table = dovecot.mailbox("csirt", Tls::None, "");
    let table = table.replace(&format!("port = {}", dovecot.port), &format!("port = {}", to_imap.port));
    let site = Site { desk: Desk::with(setup(&table, to_smtp.port)), dovecot, recorder };
    site.deliver(&plain("a@corp.example", "Hello", "Hello"));
    let once = || {
        let output = site.desk.run(&["run", "--once"]);
        (output.status.code(), text(&output.stderr))
    };
    let (code, words) = once();
    assert!(code == Some(75) && words.contains("no greeting"), "{code:?} {words}");
    assert!(site.tickets().is_empty());
    to_imap.mend();
    let (code, words) = once();
    assert!(code == Some(75) && words.contains("stay in the outbox"), "{code:?} {words}");
    assert_eq!(site.dovecot.files(CSIRT, "Vigie/Filed").len(), 1);
    to_smtp.mend();
    site.desk.ok(&["outbox", "retry", "--all"]);
    assert_eq!(once().0, Some(0));
    assert_eq!((site.recorder.mails().len(), site.tickets().len()), (2, 1));
    assert_eq!(once().0, Some(0));
    assert_eq!(site.recorder.mails().len(), 2, "nothing twice");
}

/// What relays and mailboxes write on top of a mail.
fn delivered_to(address: &str, mail: &[u8]) -> Vec<u8> {
    let trace = format!(
        "Return-Path: <a@corp.example>\r\nDelivered-To: {address}\r\nReceived: from mx by {address};\r\n\tnow\r\n"
    );
    let mail = text(mail);
    let below = mail.split_once("\r\n").unwrap().1;
    format!("{trace}{below}").into_bytes()
}

#[test]
fn several_mailboxes_are_watched_at_once_and_a_dead_server_delays_only_its_own() {
    // One server accepts connections and never says a word; another is not there at all.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let dovecot = Dovecot::start();
    let dead = |name: &str, port: u16| {
        let table = dovecot.mailbox(name, Tls::None, "");
        table.replace(&format!("port = {}", dovecot.port), &format!("port = {port}"))
    };
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let tables = [
        dead("silent", silent.local_addr().unwrap().port()),
        dead("closed", closed),
        dovecot.mailbox("csirt", Tls::Implicit, ""),
        dovecot.mailbox("report", Tls::StartTls, ""),
        dovecot.mailbox("contact", Tls::None, ""),
    ];
    let recorder = Recorder::start();
    let desk = Desk::with(setup(&tables.concat(), recorder.port));
    let site = Site { dovecot, recorder, desk };
    let _daemon = site.desk.daemon();

    let mail = plain("a@corp.example", "To both", "both");
    site.dovecot.deliver(CSIRT, &delivered_to(CSIRT, &mail));
    site.dovecot.deliver("report@example.org", &delivered_to("report@example.org", &mail));
    site.dovecot.deliver("contact@example.org", &plain("b@corp.example", "When are you open?", "?"));
    for user in [CSIRT, "report@example.org", "contact@example.org"] {
        until(&format!("{user} is filed"), SOON, || site.dovecot.files(user, "Vigie/Filed").len() == 1);
    }
    site.await_mail("a@corp.example", 1);
    site.await_mail("b@corp.example", 1);
    until("the alert", SOON, || site.recorder.mails().len() == 3);

    let tickets = site.tickets();
    assert_eq!(tickets.len(), 2, "{tickets:?}");
    let of = |address: &str| tickets.iter().find(|t| t["reporter"]["address"] == address).unwrap();
    let mut via: Vec<&str> =
        of("a@corp.example")["received_via"].as_array().unwrap().iter().filter_map(|v| v.as_str()).collect();
    via.sort_unstable();
    assert_eq!(via, ["csirt", "report"]);
    assert_eq!(of("b@corp.example")["kind"], "contact");
    assert_eq!(of("b@corp.example")["received_via"], serde_json::json!(["contact"]));
    await_loop_error(&site.desk, "closed/INBOX", "no connection");
}

#[test]
fn new_uids_for_old_mails_make_no_tickets_no_acknowledgements_no_alerts() {
    // Filed mail stays in the inbox here, so that it is met again under its new UIDs.
    let site = Site::with("filed_folder = \"\"");
    let daemon = site.desk.daemon();
    for n in 0..5 {
        site.deliver(&plain(&format!("a{n}@corp.example"), &format!("Old {n}"), "old"));
    }
    until("all are answered and alerted", SOON, || site.recorder.mails().len() == 10);
    let renumber = |uidvalidity: &str| {
        site.dovecot.doveadm(&["mailbox", "update", "-u", CSIRT, "--uid-validity", uidvalidity, "INBOX"]);
    };
    // Under the running daemon, and while it is away. What comes next shows that all was read.
    renumber("3000000001");
    site.deliver(&plain("b@corp.example", "New 1", "new"));
    until("the new one", SOON, || site.recorder.mails().len() >= 12);
    daemon.stop();
    renumber("3000000007");
    // Gone while nobody looked.
    let gone = site.dovecot.files(CSIRT, "INBOX")[0].clone();
    std::fs::remove_file(gone).unwrap();
    site.deliver(&plain("c@corp.example", "New 2", "new"));
    let daemon = site.desk.daemon();
    until("the newer one", SOON, || site.recorder.mails().len() >= 14);
    daemon.stop();
    assert_eq!(site.recorder.mails().len(), 14);
    let tickets = site.tickets();
    assert_eq!(tickets.len(), 7);
    let again: Vec<String> =
        tickets.iter().map(|t| site.desk.show(t["number"].as_str().unwrap())["history"].to_string()).collect();
    assert!(
        !again.iter().any(|history| history.contains("the same mail again")),
        "a server that numbers anew fills no history"
    );
    assert_eq!(site.dovecot.files(CSIRT, "INBOX").len(), 6, "nothing was deleted");
}

#[test]
fn restored_copies_of_filed_mail_are_put_away_in_silence() {
    let site = Site::new();
    let _daemon = site.desk.daemon();
    for n in 0..5 {
        site.deliver(&plain(&format!("a{n}@corp.example"), &format!("Old {n}"), "old"));
    }
    site.await_files("Vigie/Filed", 5);
    until("all are answered and alerted", SOON, || site.recorder.mails().len() == 10);
    site.dovecot.doveadm(&["copy", "-u", CSIRT, "INBOX", "mailbox", "Vigie.Filed", "all"]);
    site.await_files("Vigie/Filed", 10);
    site.await_files("INBOX", 0);
    site.deliver(&plain("b@corp.example", "New", "new"));
    until("the new one", SOON, || site.recorder.mails().len() >= 12);
    assert_eq!(site.recorder.mails().len(), 12);
    assert_eq!(site.tickets().len(), 6);
}

#[test]
fn mail_that_an_analyst_takes_away_meanwhile_stops_nothing() {
    let site = Site::new();
    let _daemon = site.desk.daemon();
    await_loop_well(&site.desk, "csirt/INBOX");
    for n in 0..60 {
        site.deliver(&plain(&format!("a{n}@corp.example"), &format!("Busy {n}"), "busy"));
        // Every third is removed at some moment before, while or after it is read.
        if n % 3 == 2 {
            for file in site.dovecot.files(CSIRT, "INBOX").iter().take(1) {
                let _ = std::fs::remove_file(file);
            }
        }
    }
    site.deliver(&plain("last@corp.example", "Last", "last"));
    site.await_mail("last@corp.example", 1);
    site.await_files("INBOX", 0);
    let tickets = site.tickets();
    assert!((41..=61).contains(&tickets.len()), "{}", tickets.len());
    for ticket in tickets {
        assert_eq!(ticket["received_via"], serde_json::json!(["csirt"]));
    }
}

/// A mail as the team's own client writes it, now.
fn written(to: &str, in_reply_to: &str, more: &str) -> Vec<u8> {
    let now = vigie::edge::clock::system_now().strftime("%a, %d %b %Y %H:%M:%S +0000");
    format!(
        "From: Alice <csirt@example.org>\r\nTo: {to}\r\nSubject: Re: your report\r\nDate: {now}\r\n\
         Message-ID: <{}@client.example.org>\r\nIn-Reply-To: {in_reply_to}\r\n{more}MIME-Version: 1.0\r\n\
         Content-Type: text/plain\r\n\r\nWe are on it.\r\n",
        more.len() + to.len()
    )
    .into_bytes()
}

#[test]
fn p7_an_answer_found_in_the_sent_folder_stops_the_clock() {
    // There is no Sent folder yet: the first answer makes it.
    let site = Site::with("poll_seconds = 1");
    let _daemon = site.desk.daemon();
    let report = plain("a@corp.example", "Phishing", "Look.");
    let reports_id = header(&text(&report), "Message-ID").unwrap();
    site.deliver(&report);
    let acknowledgement = site.await_mail("a@corp.example", 1)[0].text();
    let acknowledgements_id = header(&acknowledgement, "Message-ID").unwrap();
    await_loop_well(&site.desk, "csirt/Sent");
    assert!(site.desk.show("1")["clock_from"].is_string());

    site.dovecot.save(CSIRT, "Sent", &written("A <a@corp.example>", &reports_id, ""));
    until("the answer is found", SOON, || site.desk.show("1")["state"] == "waiting");
    let ticket = site.desk.show("1");
    assert!(ticket["answered_at"].is_string() && ticket["clock_from"].is_null(), "{ticket}");
    let out: Vec<_> = ticket["messages"].as_array().unwrap().iter().filter(|m| m["direction"] == "out").collect();
    assert_eq!(out.len(), 1);
    assert!(out[0]["text"].as_str().unwrap().contains("We are on it."));
    assert_eq!(site.dovecot.files(CSIRT, "Sent").len(), 1, "it stays where it is");

    // An answer to our own acknowledgement's Message-ID counts as well.
    let second = plain("b@corp.example", "Malware", "Look.");
    site.deliver(&second);
    let theirs = header(&site.await_mail("b@corp.example", 1)[0].text(), "Message-ID").unwrap();
    site.dovecot.save(CSIRT, "Sent", &written("b@corp.example", &theirs, ""));
    until("the second answer is found", SOON, || site.desk.show("2")["state"] == "waiting");
    assert_ne!(acknowledgements_id, theirs);

    // Another's earlier mail with the same Message-ID hides nobody's.
    let borrowed = "<borrowed@corp.example>";
    for (nth, from) in ["x@evil.example", "c@corp.example"].into_iter().enumerate() {
        let mail = plain(from, "Same", "Look.");
        let id = header(&text(&mail), "Message-ID").unwrap();
        site.deliver(text(&mail).replace(&id, borrowed).as_bytes());
        site.await_mail(from, 1);
        assert_eq!(site.desk.show(&(nth + 3).to_string())["reporter"]["address"], from);
    }
    site.dovecot.save(CSIRT, "Sent", &written("c@corp.example", borrowed, "X-Third: yes\r\n"));
    until("the third answer is found", SOON, || site.desk.show("4")["state"] == "waiting");
    assert_eq!(site.desk.show("3")["state"], "new");
}

#[test]
fn p7_sent_mail_that_is_no_humans_answer_to_the_reporter_stops_no_clock() {
    let site = Site::with("poll_seconds = 1");
    site.dovecot.save(CSIRT, "Sent", &written("old@corp.example", "<old@corp.example>", ""));
    let _daemon = site.desk.daemon();
    let report = plain("a@corp.example", "Phishing", "Look.");
    let id = header(&text(&report), "Message-ID").unwrap();
    site.deliver(&report);
    let acknowledgement = site.await_mail("a@corp.example", 1)[0].clone();
    let witness = plain("b@corp.example", "Witness", "Look.");
    site.deliver(&witness);
    site.await_mail("b@corp.example", 1);

    let to = "a@corp.example";
    site.dovecot.save(CSIRT, "Sent", &written(to, &id, "Auto-Submitted: auto-replied\r\n"));
    site.dovecot.save(
        CSIRT,
        "Sent",
        &written(to, &id, "Resent-From: csirt@example.org\r\nResent-To: x@else.example\r\n"),
    );
    site.dovecot.save(CSIRT, "Sent", &written("x@else.example", &id, ""));
    site.dovecot.save(CSIRT, "Sent", &written(to, "<something@else.example>", ""));
    site.dovecot.save(CSIRT, "Sent", &acknowledgement.data);
    // The witness is the last in the folder: once it is found the others have been read.
    let last = header(&text(&witness), "Message-ID").unwrap();
    site.dovecot.save(CSIRT, "Sent", &written("b@corp.example", &last, ""));
    until("the witness is answered", SOON, || site.desk.show("2")["state"] == "waiting");
    let ticket = site.desk.show("1");
    assert_eq!(ticket["state"], "new");
    assert!(ticket["answered_at"].is_null() && ticket["clock_from"].is_string());
    let out = ticket["messages"].as_array().unwrap().iter().filter(|m| m["direction"] == "out").count();
    assert_eq!(out, 0);
}

#[test]
fn a_mail_above_the_limit_is_a_ticket_with_its_head_and_stays_whole_on_the_server() {
    let (dovecot, recorder) = (Dovecot::start(), Recorder::start());
    let mut setup = setup(&dovecot.mailbox("csirt", Tls::Implicit, ""), recorder.port);
    setup.more += "[limits]\nmessage_bytes = \"64 KiB\"\n";
    let site = Site { dovecot, recorder, desk: Desk::with(setup) };
    let _daemon = site.desk.daemon();
    let mail = plain("a@corp.example", "A long log", &"0123456789abcdef 198.51.100.7\n".repeat(100_000));
    assert!(mail.len() > 2 << 20);
    site.deliver(&mail);
    site.await_mail("a@corp.example", 1);
    site.await_files("Vigie/Filed", 1);
    let ticket = site.desk.show("1");
    let message = &ticket["messages"][0];
    assert_eq!(ticket["subject"], "A long log");
    assert_eq!(message["raw_size"], 1 << 20);
    assert!(message["problems"].to_string().contains("oversized"), "{}", message["problems"]);
    assert!(message["text"].as_str().unwrap().contains("198.51.100.7"));
    assert!(ticket["due_at"].is_string());
    assert_eq!(site.dovecot.messages(CSIRT, "Vigie/Filed")[0], mail, "moved whole, nothing of it is lost");
    let raw = site.desk.run(&["ticket", "raw", "1", "--message", &message["id"].to_string()]);
    assert_eq!(raw.stdout, mail[..1 << 20]);
}

#[test]
fn p9_a_page_is_acknowledged_by_a_signed_and_encrypted_reply_with_its_code() {
    let site = Site::new();
    let alice = site.desk.befriend("Alice <alice@example.org>");
    let mut setup = setup(&site.dovecot.mailbox("csirt", Tls::Implicit, ""), site.recorder.port);
    setup.duty = Setup::default()
        .duty
        .replace(
            "address = \"alice@example.org\"",
            &format!("address = \"alice@example.org\"\nfingerprint = \"{alice}\""),
        )
        .replace("[\"alice\", \"bob\"]", "[\"alice\"]");
    site.desk.configure(&setup);
    let _daemon = site.desk.daemon();
    site.deliver(&plain("a@corp.example", "[URGENT] Ransomware", "Everything is locked."));
    let page = || {
        let is_page = |mail: &&support::smtp::Mail| {
            header(&opened(&site.desk, &mail.text()), "Subject").is_some_and(|s| s.contains("PAGE"))
        };
        site.recorder.mails_to("alice@example.org").iter().find(is_page).cloned()
    };
    until("the page", SOON, || page().is_some());
    let page = page().unwrap().text();
    let inside = opened(&site.desk, &page);
    let code = inside
        .lines()
        .find_map(|line| line.strip_prefix("Code:"))
        .expect("a code")
        .trim()
        .trim_end_matches("=0D")
        .to_owned();
    assert_eq!(code.len(), 10, "{inside}");
    assert!(!page.contains(&code), "the code travels encrypted");
    let page_id = header(&page, "Message-ID").unwrap();
    let is_acknowledged = || site.desk.json(&["duty", "show"])["pages"][0]["acknowledged_at"].is_string();

    let refer = |mail: &str| mail.replacen("Content-Type", &format!("In-Reply-To: {page_id}\r\nContent-Type"), 1);
    // In clear, from the right address, with the right code: everybody can write that.
    let in_clear = plain("alice@example.org", &format!("Re: PAGE {code}"), &code);
    site.deliver(refer(&text(&in_clear)).as_bytes());
    // Encrypted, but signed by nobody.
    let inner = refer(&protected("alice@example.org", "Re: page", &code));
    let reply = |signer| {
        let sealed = site.desk.gpg.seal(&[&site.desk.team], signer, inner.as_bytes());
        refer(&text(&pgp_mime("alice@example.org", "...", &sealed))).into_bytes()
    };
    site.deliver(&reply(None));
    site.await_files("Vigie/Filed", 3);
    assert!(!is_acknowledged());

    site.deliver(&reply(Some(&alice)));
    until("the page is acknowledged", SOON, is_acknowledged);
    assert_eq!(site.desk.json(&["duty", "show"])["pages"][0]["analyst"], "alice");
    assert_eq!(site.tickets().len(), 1, "no ticket of its own");
    let from_us: Vec<_> = site
        .recorder
        .mails()
        .iter()
        .filter(|m| header(&m.text(), "Auto-Submitted").as_deref() == Some("auto-replied"))
        .map(|m| m.to.clone())
        .collect();
    assert_eq!(from_us.len(), 1, "an analyst is never acknowledged: {from_us:?}");
}

/// What GnuPG finds inside a mail of ours, or the mail itself where it is not encrypted.
fn opened(desk: &Desk, mail: &str) -> String {
    let Some(start) = mail.find("-----BEGIN PGP MESSAGE-----") else { return mail.to_owned() };
    let ran = desk.gpg.run(&["--decrypt"], &mail.as_bytes()[start..]);
    assert!(ran.success, "{:?}", ran.status);
    text(&ran.out).replace("\r\n", "\n")
}
