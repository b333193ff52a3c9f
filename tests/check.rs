//! `vigie check`: each thing that can be wrong is said in one line, and decides the exit code.

mod support;

use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;
use support::desk::{Desk, Setup, plain, text, until};
use support::dovecot::{Dovecot, PASSWORD};
use support::smtp::{Fault, Recorder, Step};

const NOW: &str = "2026-11-27T18:00:00+01:00";

/// Exit code and lines: `ok`, `warn` or `fail`, the check, its words.
struct Checked {
    code: i32,
    lines: Vec<(String, String, String)>,
}

impl Checked {
    #[track_caller]
    fn says(&self, result: &str, check: &str, words: &str) -> &Checked {
        let said = |line: &&(String, String, String)| line.0 == result && line.1 == check && line.2.contains(words);
        assert!(self.lines.iter().any(|line| said(&line)), "no {result} {check} {words:?} in {:#?}", self.lines);
        self
    }

    #[track_caller]
    fn exits(&self, code: i32) -> &Checked {
        assert_eq!(self.code, code, "{:#?}", self.lines);
        self
    }

    fn of(&self, result: &str) -> Vec<&(String, String, String)> {
        self.lines.iter().filter(|line| line.0 == result).collect()
    }
}

fn check(desk: &Desk, arguments: &[&str]) -> Checked {
    let simulated = std::fs::read_to_string(desk.path("vigie.toml")).unwrap().contains("simulated_clock");
    let now: &[&str] = if simulated { &["--now", NOW] } else { &[] };
    let ran = desk.run(&[now, &["--json", "check"], arguments].concat());
    let lines: Vec<Value> = serde_json::from_slice(&ran.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}{}", text(&ran.stdout), text(&ran.stderr)));
    let word = |line: &Value, key: &str| line[key].as_str().unwrap().to_owned();
    let lines = lines.iter().map(|line| (word(line, "result"), word(line, "check"), word(line, "words"))).collect();
    Checked { code: ran.status.code().unwrap(), lines }
}

/// Changes the config: each first text is replaced by its second.
fn edit(desk: &Desk, changes: &[(&str, &str)]) {
    desk.configure(&Setup::default());
    let mut config = std::fs::read_to_string(desk.path("vigie.toml")).unwrap();
    for (old, new) in changes {
        assert!(config.contains(old), "{old:?} is not in the config");
        config = config.replacen(old, new, 1);
    }
    std::fs::write(desk.path("vigie.toml"), config).unwrap();
}

fn secret(desk: &Desk, name: &str, content: &str, mode: u32) {
    std::fs::write(desk.path(name), content).unwrap();
    std::fs::set_permissions(desk.path(name), PermissionsExt::from_mode(mode)).unwrap();
}

#[test]
fn check_with_connect_makes_neither_store_nor_folder() {
    let desk = Desk::new();
    std::fs::remove_dir(desk.path("out")).unwrap();
    let checked = check(&desk, &["--connect"]);
    checked.says("ok", "store", "not there yet; the daemon makes it").says("ok", "sending", "nothing leaves");
    for made in ["vigie.db", "vigie.lock", "out"] {
        assert!(!desk.path(made).exists(), "{made}");
    }
}

#[test]
fn of_a_key_that_cannot_be_used_nothing_good_is_said() {
    let desk = Desk::new();
    secret(&desk, "public.asc", &text(&desk.gpg.run(&["--armor", "--export", &desk.team], b"").out), 0o644);
    edit(&desk, &[("\"team.asc\"", "\"public.asc\"")]);
    let checked = check(&desk, &[]);
    checked.exits(1).says("fail", "team key", "without its secret part");
    for (result, name, words) in &checked.lines {
        let good = result == "ok" && (name == "team key" || words.contains("public.asc"));
        assert!(!good, "{name}: {words}");
    }
}

#[test]
fn a_good_house_is_ok_in_every_line_and_check_alone_makes_no_store() {
    let desk = Desk::new();
    secret(&desk, "team.asc", &std::fs::read_to_string(desk.path("team.asc")).unwrap(), 0o600);
    let checked = check(&desk, &[]);
    assert!(checked.of("warn").is_empty() && checked.of("fail").is_empty(), "{:#?}", checked.lines);
    checked.exits(0).says("ok", "store", "not there yet");
    checked.says("ok", "team key", &desk.team).says("ok", "duty", "is on duty until").says("ok", "duty", "no gap");
    checked.says("ok", "holidays", "next free weekday is Fri 25 Dec 2026").says(
        "ok",
        "constituents",
        "1, with 1 domains",
    );
    assert!(!desk.path("vigie.db").exists());

    let ran = desk.run(&["--now", NOW, "check"]);
    let shown = text(&ran.stdout);
    assert!(shown.lines().all(|line| line.starts_with("ok    ")), "{shown}");

    let checked = check(&desk, &["--connect"]);
    checked.exits(0).says("ok", "store", "not there yet");
    checked.says("ok", "probe", "decrypted a probe").says("ok", "probe", "signed a probe, and the signature is good");
    checked.says("ok", "mailbox", "holds 0 messages").says("ok", "sending", "nothing leaves");
    assert!(std::fs::read_dir(desk.path("out")).unwrap().next().is_none(), "the probe of the folder is gone");
    desk.ok(&["--now", NOW, "ticket", "list"]);
    check(&desk, &["--connect"]).exits(0).says("ok", "store", "opens and is whole; no daemon is running");
    check(&desk, &[]).exits(0).says("ok", "store", "opens; no daemon is running");
}

#[test]
fn a_wrong_config_is_78_with_every_fault() {
    let desk = Desk::new();
    edit(
        &desk,
        &[
            ("ticket_prefix = \"EX\"", "ticket_prefix = \"ex\""),
            ("kind = \"incident\"", "kind = \"incidents\"\nknid = 1"),
        ],
    );
    let ran = desk.run(&["check"]);
    let said = text(&ran.stderr);
    assert_eq!(ran.status.code(), Some(78));
    for fault in ["team.ticket_prefix", "mailbox[1].kind", "knid", "3 faults"] {
        assert!(said.contains(fault), "{fault}: {said}");
    }
    let ran = desk.run(&["--json", "check", "--connect"]);
    let lines: Vec<Value> = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!((ran.status.code(), lines.len()), (Some(78), 3));
    assert!(!desk.path("vigie.db").exists());
}

#[test]
fn each_trouble_is_one_line_and_decides_the_exit_code() {
    let desk = Desk::new();
    secret(&desk, "team.asc", &std::fs::read_to_string(desk.path("team.asc")).unwrap(), 0o600);
    secret(&desk, "open.pass", "secret\n", 0o644);
    secret(&desk, "wrong.key", "not hex\n", 0o600);
    secret(&desk, "none.asc", "no key\n", 0o600);
    secret(&desk, "public.asc", &text(&desk.gpg.run(&["--armor", "--export", &desk.team], b"").out), 0o600);
    std::fs::write(desk.path("old.dates"), "2020-01-01\n").unwrap();
    let smtp = "[smtp]\ntransport = \"folder\"\npath = \"out\"";
    let server = |password: &str| format!("[smtp]\nhost = \"127.0.0.1\"\nuser = \"u\"\npassword_file = \"{password}\"");
    let alice = "address = \"alice@example.org\"";
    let nobody = "0123456789ABCDEF0123456789ABCDEF01234567";
    for (changes, code, result, name, words) in [
        (vec![(smtp, server("no.pass"))], 1, "fail", "secret", "no.pass"),
        (vec![(smtp, server("open.pass"))], 0, "warn", "secret", "chmod 600"),
        (vec![(smtp, format!("{}\nca_file = \"no.pem\"", server("open.pass")))], 1, "fail", "secret", "no.pem"),
        (vec![("\"team.asc\"", "\"no.asc\"".to_owned())], 1, "fail", "team key", "no.asc"),
        (vec![("\"team.asc\"", "\"none.asc\"".to_owned())], 1, "fail", "team key", "holds no OpenPGP key"),
        (vec![("\"team.asc\"", "\"public.asc\"".to_owned())], 1, "fail", "team key", "without its secret part"),
        (
            vec![("path = \"vigie.db\"", "path = \"vigie.db\"\nkey_file = \"no.key\"".to_owned())],
            78,
            "fail",
            "store",
            "no.key",
        ),
        (
            vec![("path = \"vigie.db\"", "path = \"vigie.db\"\nkey_file = \"wrong.key\"".to_owned())],
            78,
            "fail",
            "store",
            "64 hex digits",
        ),
        (vec![("certs = \"certs\"", "certs = \"nowhere\"".to_owned())], 1, "fail", "certificates", "nowhere"),
        (vec![(alice, format!("{alice}\nfingerprint = \"{nobody}\""))], 0, "warn", "analyst", "vigie key import"),
        (vec![(alice, format!("{alice}\ncommand = [\"/no/such/pager\"]"))], 1, "fail", "pager", "is not there"),
        (vec![(alice, format!("{alice}\ncommand = [\"sh\", \"-c\", \"true\"]"))], 0, "ok", "pager", "can be run"),
        (vec![("rotation = [\"alice\", \"bob\"]", "rotation = []".to_owned())], 0, "warn", "duty", "nobody is on duty"),
        (
            vec![
                ("rotation = [\"alice\", \"bob\"]", "rotation = []".to_owned()),
                ("[\"lead\", \"boss\"]", "[]".to_owned()),
            ],
            1,
            "fail",
            "duty",
            "nobody is ever told",
        ),
        (
            vec![("escalate_to", "holidays = \"old.dates\"\nescalate_to".to_owned())],
            0,
            "warn",
            "holidays",
            "out of date",
        ),
        (vec![("escalate_to", "holidays = \"none\"\nescalate_to".to_owned())], 0, "ok", "holidays", "none"),
        (
            vec![("addresses = [\"csirt@example.org\"]", "addresses = [\"report@example.org\"]".to_owned())],
            0,
            "warn",
            "config",
            "no mailbox receives for it",
        ),
    ] {
        let changes: Vec<(&str, &str)> = changes.iter().map(|(old, new)| (*old, new.as_str())).collect();
        edit(&desk, &changes);
        let checked = check(&desk, &[]);
        checked.says(result, name, words).exits(code);
        assert_eq!(checked.of("fail").is_empty(), code == 0, "{:#?}", checked.lines);
    }
    assert!(!desk.path("vigie.db").exists(), "check alone makes no store");

    edit(&desk, &[]);
    std::fs::create_dir(desk.path("texts")).unwrap();
    std::fs::write(desk.path("texts/acknowledgement.en.txt"), "no number\n").unwrap();
    check(&desk, &[]).exits(78).says("fail", "texts", "must hold {number}");
    std::fs::write(desk.path("texts/acknowledgement.en.txt"), "{number}\n").unwrap();
    std::fs::write(desk.path("certs/junk.asc"), "hello\n").unwrap();
    check(&desk, &[]).exits(0).says("ok", "texts", "texts").says("warn", "certificates", "junk.asc");
}

#[test]
fn a_team_key_of_another_address_is_told() {
    let desk = Desk::new();
    edit(&desk, &[("address = \"csirt@example.org\"", "address = \"soc@example.org\"")]);
    check(&desk, &[]).says("warn", "team key", "does not bear soc@example.org");
}

#[test]
fn keys_that_end_soon_are_told_before_they_have_ended() {
    let desk = Desk::new();
    let analyst = desk.befriend("Alice <alice@example.org>");
    let turns = std::cell::Cell::new(1);
    let expire = |key: &str, day: &str| {
        // GnuPG makes no two self-signatures in one second.
        turns.set(turns.get() + 1);
        desk.gpg.turn_to(&format!("202601{:02}T000000", turns.get()));
        for of in [&[key, day][..], &[key, day, "*"]] {
            assert!(desk.gpg.run(&[&["--quick-set-expire"], of].concat(), b"").success);
        }
    };
    for (day, code, result, words) in [
        ("2026-12-01", 0, "warn", "within 7 days"),
        ("2026-12-20", 0, "warn", "within 30 days"),
        ("2027-02-01", 0, "warn", "within 90 days"),
        ("2027-06-01", 0, "ok", "expires on 2027-06-01"),
        ("2026-11-01", 1, "fail", "expired on 2026-11-01"),
    ] {
        expire(&desk.team, day);
        std::fs::write(desk.path("team.asc"), desk.gpg.export_secret(&desk.team)).unwrap();
        check(&desk, &[]).exits(code).says(result, "team key", words);
    }
    // An expired key is not probed; the first one must sign.
    check(&desk, &["--connect"]).exits(1).says("fail", "probe", "could not be signed");

    expire(&desk.team, "2027-06-01");
    std::fs::write(desk.path("team.asc"), desk.gpg.export_secret(&desk.team)).unwrap();
    let alice = "address = \"alice@example.org\"";
    edit(&desk, &[(alice, &format!("{alice}\nfingerprint = \"{analyst}\""))]);
    check(&desk, &[]).exits(0).says("ok", "analyst", "alerts are encrypted to");
    expire(&analyst, "2026-11-01");
    std::fs::write(desk.path("certs").join(format!("{analyst}.pgp")), desk.gpg.export(&analyst)).unwrap();
    check(&desk, &[]).exits(1).says("fail", "analyst", "expired on 2026-11-01");
}

#[test]
fn gaps_in_the_rota_are_told() {
    let desk = Desk::new();
    let away = ["--from", "2026-12-24T09:00", "--to", "2026-12-26T09:00"];
    desk.ok(&[&["--now", NOW, "duty", "override", "--analyst", "boss"], &away[..]].concat());
    // Boss leaves the team, but not the rota.
    edit(
        &desk,
        &[
            ("\"lead\", \"boss\"", "\"lead\""),
            ("name = \"boss\"\naddress = \"boss@", "name = \"chief\"\naddress = \"chief@"),
        ],
    );
    check(&desk, &[]).exits(0).says("warn", "duty", "nobody is on duty from Thu 24 Dec 09:00 to Sat 26 Dec 09:00");
}

#[test]
fn a_mailbox_full_of_mail_at_first_sight_is_told_with_the_line_to_add() {
    let desk = Desk::new();
    for count in 0..11 {
        desk.deliver(&format!("m{count}"), &plain("a@corp.example", &format!("mail {count}"), "Hello\n"), NOW);
    }
    let path = "path = \"Maildir\"";
    check(&desk, &["--connect"])
        .exits(1)
        .says("fail", "mailbox", "existing = \"work\"")
        .says("ok", "mailbox", "holds 11");
    edit(&desk, &[(path, "path = \"Maildir\"\nexisting = \"work\"")]);
    check(&desk, &["--connect"]).exits(0);
    edit(&desk, &[(path, "path = \"Nowhere\"")]);
    check(&desk, &["--connect"]).exits(1).says("fail", "mailbox", "no Maildir");
}

#[test]
fn a_running_daemon_is_asked_through_its_socket() {
    let desk = Desk::new();
    let daemon = desk.daemon();
    let checked = check(&desk, &["--connect"]);
    checked.exits(0).says("ok", "store", "a running daemon holds it and answers").says(
        "ok",
        "duty",
        "is on duty until",
    );
    checked.says("ok", "probe", "signed a probe");
    daemon.stop();
}

#[test]
fn servers_are_logged_in_to_and_told_in_words() {
    let dovecot = Dovecot::start();
    let user = "csirt@example.org";
    dovecot.deliver(user, &plain("a@corp.example", "one", "Hello\n"));
    until("the mail lies there", Duration::from_secs(5), || !dovecot.files(user, "INBOX").is_empty());
    let recorder = Recorder::start();
    let setup = |password: &str, port: u16| Setup {
        mailboxes: format!(
            "[[mailbox]]\nname = \"csirt\"\naddresses = [\"{user}\"]\nsource = \"imap\"\nhost = \"127.0.0.1\"\nport = {port}\n\
             tls = \"none\"\nuser = \"{user}\"\npassword_file = \"{password}\"\n"
        ),
        smtp: format!("[smtp]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\n", recorder.port),
        ..Setup::default()
    };
    let desk = Desk::with(setup("imap.pass", dovecot.port));
    secret(&desk, "imap.pass", &format!("{PASSWORD}\n"), 0o600);
    secret(&desk, "wrong.pass", "wrong\n", 0o600);

    let checked = check(&desk, &["--connect"]);
    checked.exits(0).says("ok", "mailbox", "INBOX holds 1 messages");
    checked.says("ok", "mailbox", "Vigie/Filed is not there, it is made when the first mail is filed");
    checked.says("ok", "mailbox", "tells of new mail at once (IDLE) and moves mail in one step (MOVE)");
    checked.says("ok", "sending", "lets us in");
    assert_eq!(recorder.mails().len(), 0, "nothing was sent");
    assert_eq!(dovecot.files(user, "INBOX").len(), 1, "nothing was moved");

    recorder.fail(Step::Connect, Fault::reply("554 go away"));
    check(&desk, &["--connect"]).exits(1).says("fail", "sending", "554").says("ok", "mailbox", "lets us in");
    recorder.heal();
    desk.configure(&setup("wrong.pass", dovecot.port));
    check(&desk, &["--connect"]).exits(1).says("fail", "mailbox", "csirt: ").says("ok", "sending", "lets us in");
    desk.configure(&setup("imap.pass", 1));
    check(&desk, &["--connect"]).exits(1).says("fail", "mailbox", "127.0.0.1:1");
}
