//! The daemon as a process: killed, stopped, reloaded, watched by systemd, spoken to by commands.

mod support;

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};
use support::desk::{Desk, header, pgp_mime, plain, protected, text, until};
use support::dovecot::Dovecot;
use support::site::{CSIRT, SOON, Site, await_loop_well, await_state, outbox, setup, status, tries};
use support::smtp::{Fault, Mail, Recorder, Step};
use vigie::rules::settings::Tls;

/// Mails by recipient, then by Message-ID: how often each was accepted.
fn accepted(mails: &[Mail]) -> BTreeMap<String, BTreeMap<String, Vec<Vec<u8>>>> {
    let mut all: BTreeMap<String, BTreeMap<String, Vec<Vec<u8>>>> = BTreeMap::new();
    for mail in mails {
        let id = header(&mail.text(), "Message-ID").expect("a Message-ID");
        all.entry(mail.to[0].clone()).or_default().entry(id).or_default().push(mail.data.clone());
    }
    all
}

#[test]
fn two_hundred_mails_survive_kills_none_lost_none_twice() {
    const COUNT: usize = 200;
    let site = Site::with("sent_folder = \"\"\nexisting = \"work\"");
    let mut mails = Vec::new();
    for n in 0..COUNT {
        let from = format!("a{n}@corp{n}.example");
        mails.push(match n % 10 {
            0 => {
                let inner = protected(&from, &format!("Sealed {n}"), "Everything is locked.");
                pgp_mime(&from, "...", &site.desk.gpg.seal(&[&site.desk.team], None, inner.as_bytes()))
            }
            _ => plain(&from, &format!("Report {n}"), "Look."),
        });
    }
    let acknowledged = || site.recorder.mails().iter().filter(|m| m.to[0].contains("@corp")).count();
    let began = Instant::now();
    let mut kills = 0;
    std::thread::scope(|scope| {
        let (dovecot, mails) = (&site.dovecot, &mails);
        scope.spawn(move || {
            for mail in mails {
                dovecot.deliver(CSIRT, mail);
                std::thread::sleep(Duration::from_millis(15));
            }
        });
        for next in [1, 20, 45, 75, 110, 150] {
            let daemon = site.desk.daemon();
            until(&format!("{next} acknowledgements"), Duration::from_secs(90), || acknowledged() >= next);
            daemon.kill();
            kills += 1;
        }
    });
    let daemon = site.desk.daemon();
    until("all are acknowledged", Duration::from_secs(90), || {
        let all = accepted(&site.recorder.mails());
        (0..COUNT).all(|n| {
            all.contains_key(&format!("<a{n}@corp{n}.example> NOTIFY=NEVER"))
                || all.contains_key(&format!("<a{n}@corp{n}.example>"))
        })
    });
    site.await_files("Vigie/Filed", COUNT);
    site.await_files("INBOX", 0);
    eprintln!("{kills} kills; all acknowledged after {:?}", began.elapsed());
    daemon.stop();

    let mut reporters: Vec<String> =
        site.tickets().iter().map(|t| t["reporter"]["address"].as_str().unwrap().to_owned()).collect();
    assert_eq!(reporters.len(), COUNT);
    reporters.sort_unstable();
    reporters.dedup();
    assert_eq!(reporters.len(), COUNT, "one ticket a reporter");
    let mut doubled = 0;
    for (to, by_id) in accepted(&site.recorder.mails()) {
        for (id, copies) in &by_id {
            assert!(copies.len() <= 2, "{to} {id}: {} times", copies.len());
            assert!(copies.iter().all(|copy| *copy == copies[0]), "{id}: other octets");
            doubled += copies.len() - 1;
        }
        if to.contains("@corp") {
            assert_eq!(by_id.len(), 1, "{to}: one acknowledgement: {:?}", by_id.keys());
        }
    }
    eprintln!("{doubled} mails were accepted twice, killed in mid-dialogue");
    assert!(doubled <= 4 * kills, "no more than were under way");
}

#[test]
fn a_stop_takes_less_than_five_seconds_whoever_hangs() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let dovecot = Dovecot::start();
    let table = dovecot.mailbox("silent", Tls::None, "");
    let port = silent.local_addr().unwrap().port();
    let tables = dovecot.mailbox("csirt", Tls::Implicit, "")
        + &table.replace(&format!("port = {}", dovecot.port), &format!("port = {port}"));
    let recorder = Recorder::start();
    let site = Site { desk: Desk::with(setup(&tables, recorder.port)), dovecot, recorder };

    let daemon = site.desk.daemon();
    await_loop_well(&site.desk, "csirt/INBOX");
    let (took, ended) = daemon.stop();
    eprintln!("stopped in {took:?} while an IMAP server hangs");
    assert!(ended.success());
    assert!(took < Duration::from_secs(8), "{took:?}");
    assert!(!site.desk.path("vigie.sock").exists());

    let hangs = |to: &str| outbox(&site.desk).iter().any(|(_, state, row)| state == "sending" && row["to"] == to);
    for (step, from) in [(Step::Connect, "a@corp.example"), (Step::End, "b@corp.example")] {
        site.recorder.heal();
        site.recorder.fail(step, Fault::Hang);
        let daemon = site.desk.daemon();
        site.deliver(&plain(from, "Hello", "Hello"));
        until("the acknowledgement hangs", SOON, || hangs(from));
        until("its end has come", SOON, || step != Step::End || !tries(&site.recorder, from).is_empty());
        let (took, ended) = daemon.stop();
        eprintln!("stopped in {took:?} while SMTP hangs at {step:?}");
        assert!(ended.success());
        assert!(took < Duration::from_secs(8), "{took:?}");
    }
    // Before the end of the mail nothing had happened; after it nobody knows.
    let rows = outbox(&site.desk);
    let of = |to: &str| rows.iter().find(|(_, _, row)| row["to"] == to).map(|(_, state, _)| state.as_str());
    assert_eq!(of("b@corp.example"), Some("unsure"), "{rows:?}");
    assert!(matches!(of("a@corp.example"), Some("sealed" | "unsure")), "{rows:?}");
    let tried = tries(&site.recorder, "b@corp.example");
    site.recorder.heal();
    let _daemon = site.desk.daemon();
    site.desk.ok(&["outbox", "retry", "--all"]);
    site.await_mail("a@corp.example", 1);
    assert_eq!(site.await_mail("b@corp.example", 1)[0].data, tried[0], "the same octets");
    until("all is sent", SOON, || status(&site.desk).0["outbox"].as_object().is_some_and(serde_json::Map::is_empty));
}

#[test]
fn a_reload_takes_the_new_config_or_keeps_the_old_and_says_why() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let (dovecot, recorder) = (Dovecot::start(), Recorder::start());
    let dead = dovecot.mailbox("silent", Tls::None, "");
    let dead =
        dead.replace(&format!("port = {}", dovecot.port), &format!("port = {}", silent.local_addr().unwrap().port()));
    let csirt = dovecot.mailbox("csirt", Tls::Implicit, "");
    let site = Site { desk: Desk::with(setup(&(csirt.clone() + &dead), recorder.port)), dovecot, recorder };
    let daemon = site.desk.daemon();
    await_loop_well(&site.desk, "csirt/INBOX");

    // A server that says nothing does not keep the others from the new config.
    let both = csirt + &dead + &site.dovecot.mailbox("report", Tls::StartTls, "");
    site.desk.configure(&setup(&both, site.recorder.port));
    daemon.signal("HUP");
    site.dovecot.deliver("report@example.org", &plain("a@corp.example", "Hello", "Hello"));
    until("the new mailbox is read", Duration::from_secs(15), || site.recorder.mails_to("a@corp.example").len() == 1);
    assert!(site.desk.log().contains("config reloaded"));

    let mut wrong = setup(&both, site.recorder.port);
    wrong.more += "[limits]\nmessage_byte = \"2 MiB\"\n";
    site.desk.configure(&wrong);
    daemon.signal("HUP");
    until("the log says why", SOON, || site.desk.log().contains("the old one stays in force"));
    let log = site.desk.log();
    assert!(log.contains("message_byte") && log.contains("message_bytes"), "key and nearest key: {log}");
    site.dovecot.deliver("report@example.org", &plain("b@corp.example", "Hello", "Hello"));
    until("the old config works on", SOON, || site.recorder.mails_to("b@corp.example").len() == 1);

    let mut elsewhere = setup(&both, site.recorder.port);
    elsewhere.simulated = true;
    site.desk.configure(&elsewhere);
    std::fs::write(
        site.desk.path("vigie.toml"),
        std::fs::read_to_string(site.desk.path("vigie.toml")).unwrap().replace("vigie.db", "other.db"),
    )
    .unwrap();
    daemon.signal("HUP");
    until("the log says that as well", SOON, || {
        site.desk.log().contains("[store] cannot change while the daemon runs")
    });
}

#[test]
fn a_second_daemon_on_the_same_store_is_refused_in_clear_words() {
    let site = Site::new();
    let _daemon = site.desk.daemon();
    let second = site.desk.run(&["run"]);
    let words = text(&second.stderr);
    assert!(!second.status.success());
    assert!(words.contains("vigie.db") && words.contains("another daemon runs"), "{words}");
    let once = site.desk.run(&["run", "--once"]);
    assert!(!once.status.success());
    // The first one never noticed.
    site.deliver(&plain("a@corp.example", "Hello", "Hello"));
    site.await_mail("a@corp.example", 1);
}

#[test]
fn commands_reach_a_running_daemon_and_name_who_acts() {
    let site = Site::new();
    let _daemon = site.desk.daemon();
    site.deliver(&plain("a@corp.example", "[URGENT] Ransomware", "Everything is locked."));
    site.await_mail("a@corp.example", 1);
    let desk = &site.desk;
    assert_eq!(desk.json(&["ticket", "list"]).as_array().unwrap().len(), 1);
    desk.ok(&["--as", "alice", "ticket", "label", "1", "+ransomware"]);
    assert_eq!(desk.show("1")["labels"], serde_json::json!(["ransomware"]));
    desk.ok(&["--as", "bob", "duty", "ack", "1"]);
    assert!(desk.json(&["duty", "show"])["pages"][0]["acknowledged_at"].is_string());
    let answered = desk.feed(&["--as", "alice", "ticket", "answer", "1"], b"We are on it.\n");
    assert!(answered.status.success(), "{}", text(&answered.stderr));
    assert!(!text(&answered.stderr).contains("no daemon"), "{}", text(&answered.stderr));
    // Nobody waits for a timer: the answer leaves at once, and the clock ends.
    let answer = &site.await_mail("a@corp.example", 2)[1];
    assert!(answer.text().contains("We are on it."));
    assert!(answer.from.starts_with("<csirt@example.org>"), "an answer's bounce reaches people: {}", answer.from);
    await_state(desk, "answer", "sent");
    let ticket = desk.show("1");
    assert_eq!(ticket["state"], "waiting");
    let history = ticket["history"].to_string();
    for who in ["\"alice\"", "\"bob\""] {
        assert!(history.contains(who), "{history}");
    }
    // Who names nobody is named by the kernel.
    assert!(desk.feed(&["ticket", "note", "1"], b"called them\n").status.success());
    let last = desk.show("1")["history"].as_array().unwrap().last().unwrap()["who"].clone();
    assert!(last != "alice" && last != "bob" && last != "vigie", "{last}");
}

#[test]
fn systemd_is_told_of_readiness_life_reload_and_stop() {
    let site = Site::new();
    let path = site.desk.path("notify");
    let systemd = UnixDatagram::bind(&path).unwrap();
    systemd.set_read_timeout(Some(SOON)).unwrap();
    let hear = || {
        let mut octets = [0; 4096];
        let count = systemd.recv(&mut octets).expect("word of the daemon");
        text(&octets[..count])
    };
    let hear_until = |word: &str| {
        let mut heard = Vec::new();
        while !heard.last().is_some_and(|said: &String| said.lines().any(|line| line.starts_with(word))) {
            heard.push(hear());
        }
        heard
    };
    let environment = [("NOTIFY_SOCKET", path.to_str().unwrap()), ("WATCHDOG_USEC", "400000")];
    let daemon = site.desk.daemon_in(&[], &environment);
    assert_eq!(hear_until("READY=1").len(), 1, "the first word");
    for _ in 0..3 {
        hear_until("WATCHDOG=1");
    }
    daemon.signal("HUP");
    hear_until("RELOADING=1");
    hear_until("READY=1");
    hear_until("WATCHDOG=1");
    let stopping = std::thread::scope(|scope| {
        let stop = scope.spawn(|| daemon.stop());
        hear_until("STOPPING=1");
        stop.join().unwrap()
    });
    assert!(stopping.1.success());
}
