//! The team's keys in a real gpg-agent and nowhere else: mail opens and is answered; an agent that is
//! gone, locked or no agent at all costs nothing but time.

mod support;

use sequoia_openpgp::crypto::mpi::{Ciphertext, MPI, PublicKey};
use sequoia_openpgp::parse::Parse;
use sequoia_openpgp::serialize::MarshalInto;
use sequoia_openpgp::{Cert, types::HashAlgorithm};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::{Duration, Instant};
use support::desk::{Desk, Setup, header, pgp_mime, plain, protected, text, until};
use support::gnupg::{Gnupg, Kind};
use vigie::edge::openpgp::agent::{AgentKeys, keygrip};
use vigie::edge::openpgp::open::{self, Ring};
use vigie::edge::openpgp::seal;
use vigie::edge::openpgp::seam::{KeyTrouble, MemoryKeys, PrivateKeys};
use vigie::rules::verdict::Signature;

const FRIDAY: &str = "2026-11-27T18:00:00+01:00";
const REPORTER: &str = "Alice <alice@corp.example>";

/// A desk whose key file holds the public certificate alone, and whose config names this socket.
fn desk_at(setup: Setup, socket: &Path) -> Desk {
    let desk = Desk::with(setup);
    keep_in_agent(&desk, &desk.team, socket);
    desk
}

/// A desk with its key in the agent of its GnuPG.
fn desk(kind: Kind) -> Desk {
    let desk = Desk::with(Setup { team_key: kind, ..Setup::default() });
    keep_in_agent(&desk, &desk.team, &desk.gpg.agent_socket());
    desk
}

fn keep_in_agent(desk: &Desk, key: &str, socket: &Path) {
    let public = desk.gpg.run(&["--armor", "--export", key], b"").out;
    assert!(text(&public).contains("PUBLIC KEY BLOCK") && !text(&public).contains("PRIVATE"));
    std::fs::write(desk.path("team.asc"), public).unwrap();
    let config = std::fs::read_to_string(desk.path("vigie.toml")).unwrap();
    let [before, after] = ["secret_keys = [\"team.asc\"]\n", "agent_socket = "].map(|key| config.find(key));
    assert!(before.is_some() && after.is_none(), "{config}");
    let named = format!("secret_keys = [\"team.asc\"]\nagent_socket = {socket:?}\n");
    std::fs::write(desk.path("vigie.toml"), config.replace("secret_keys = [\"team.asc\"]\n", &named)).unwrap();
}

/// A report that the reporter signed and encrypted to the team.
fn report(desk: &Desk, reporter: &str, subject: &str) -> Vec<u8> {
    let inner = protected("alice@corp.example", subject, "the body of it");
    pgp_mime("alice@corp.example", "...", &desk.gpg.seal(&[&desk.team], Some(reporter), inner.as_bytes()))
}

fn verdict(desk: &Desk, ticket: &str) -> Value {
    desk.show(ticket)["messages"][0]["verdict"].clone()
}

/// What a later look found; the verdict stays as at arrival.
#[track_caller]
fn later_verdict(desk: &Desk, ticket: &str) -> Value {
    let message = desk.show(ticket)["messages"][0].clone();
    assert_eq!(message["verdict"]["encryption_problem"], "key_unavailable", "as at arrival");
    message["rechecked"]["verdict"].clone()
}

/// The last acknowledgement is encrypted to the reporter, signed by the team, and GnuPG says so.
#[track_caller]
fn gnupg_verifies_the_acknowledgement(desk: &Desk) {
    let mails = desk.sent_to("alice@corp.example");
    let mail = mails.last().expect("an acknowledgement");
    assert_eq!(header(mail, "Subject").as_deref(), Some("[...]"));
    desk.gpg.turn_to("20261127T180000");
    let ran = desk.gpg.run(&["--decrypt"], &mail.as_bytes()[mail.find("-----BEGIN PGP MESSAGE-----").unwrap()..]);
    desk.gpg.turn_to("20261127T165500");
    assert!(ran.success && ran.says("GOODSIG"), "{:?}", ran.status);
    assert!(ran.says(&format!("VALIDSIG {}", desk.team)) || ran.status.iter().any(|l| l.ends_with(&desk.team)));
}

fn a_report_is_opened_and_answered(kind: Kind) {
    let desk = desk(kind);
    let reporter = desk.befriend(REPORTER);
    let line = desk.ingest(&report(&desk, &reporter, "inside"), FRIDAY);
    assert_eq!(line["outcome"], "filed");
    let verdict = verdict(&desk, "1");
    assert_eq!((verdict["encryption"].as_str(), verdict["signature"].as_str()), (Some("decrypted"), Some("good")));
    assert_eq!(desk.show("1")["subject"], "inside");
    assert!(desk.once(FRIDAY).status.success());
    gnupg_verifies_the_acknowledgement(&desk);

    let checked = desk.run(&["--now", FRIDAY, "--json", "check", "--connect"]);
    let lines: Vec<Value> = serde_json::from_slice(&checked.stdout).unwrap();
    for words in ["decrypted a probe", "signed a probe, and the signature is good", "signs and decrypts"] {
        let said = |line: &Value| line["result"] == "ok" && line["words"].as_str().unwrap().contains(words);
        assert!(lines.iter().any(said), "{words}: {lines:#?}");
    }
    assert!(!lines.iter().any(|line| line["result"] == "fail"), "{lines:#?}");
}

#[test]
fn rsa_3072_opens_and_signs_in_the_agent() {
    a_report_is_opened_and_answered(Kind::Rsa3072);
}

#[test]
fn rsa_4096_opens_and_signs_in_the_agent() {
    a_report_is_opened_and_answered(Kind::Rsa4096);
}

#[test]
fn curve_25519_opens_and_signs_in_the_agent() {
    a_report_is_opened_and_answered(Kind::Curve25519);
}

/// What `status` says of the keys. While there is something it is a reason why a person is needed.
#[track_caller]
fn troubles(desk: &Desk) -> Vec<String> {
    let ran = desk.run(&["--json", "status"]);
    let view: Value = serde_json::from_slice(&ran.stdout).unwrap();
    let words = |key: &str| -> Vec<String> {
        view[key].as_array().unwrap().iter().map(|words| words.as_str().unwrap().to_owned()).collect()
    };
    let troubles = words("key_troubles");
    assert!(troubles.iter().all(|trouble| words("reasons").contains(trouble)), "{view}");
    assert!(troubles.is_empty() || ran.status.code() == Some(1), "{view}");
    troubles
}

#[test]
fn what_came_while_the_agent_was_gone_is_opened_when_it_is_back() {
    let desk = desk(Kind::Curve25519);
    let reporter = desk.befriend(REPORTER);
    let mails = ["first", "second"].map(|subject| report(&desk, &reporter, subject));
    // All was well once, and is again before anybody has looked.
    desk.once("2026-11-27T17:50:00+01:00");
    assert_eq!(troubles(&desk), [] as [&str; 0]);
    desk.gpg.kill_agent();
    desk.ingest(&mails[0], FRIDAY);
    assert_eq!(verdict(&desk, "1")["encryption_problem"], "key_unavailable");
    let said = troubles(&desk);
    assert!(said.len() == 1 && said[0].contains("gpg-agent at") && said[0].contains("start it"), "{said:?}");
    desk.gpg.start_agent();
    desk.once("2026-11-27T18:05:00+01:00");
    assert_eq!(
        (later_verdict(&desk, "1")["encryption"].as_str(), desk.show("1")["subject"].as_str()),
        (Some("decrypted"), Some("first"))
    );
    gnupg_verifies_the_acknowledgement(&desk);
    assert_eq!(desk.sent_to("alice@corp.example").len(), 1);

    // Gone for a whole turn: the acknowledgement waits for a key to sign with.
    desk.gpg.kill_agent();
    desk.ingest(&mails[1], "2026-11-27T18:10:00+01:00");
    let ran = desk.once("2026-11-27T18:11:00+01:00");
    assert!(text(&ran.stderr).contains("gpg-agent"), "{}", text(&ran.stderr));
    assert_eq!(desk.sent_to("alice@corp.example").len(), 1, "nothing leaves unsigned");
    desk.gpg.start_agent();
    desk.once("2026-11-27T18:12:00+01:00");
    assert_eq!(later_verdict(&desk, "2")["encryption"], "decrypted");
    assert_eq!(desk.sent_to("alice@corp.example").len(), 2);
    gnupg_verifies_the_acknowledgement(&desk);
    assert_eq!(troubles(&desk), [] as [&str; 0]);
}

#[test]
fn a_running_daemon_notices_that_the_agent_is_gone_and_back() {
    let desk = desk(Kind::Curve25519);
    let reporter = desk.befriend(REPORTER);
    let mail = report(&desk, &reporter, "inside");
    desk.once(FRIDAY);
    let daemon = desk.daemon();
    desk.gpg.kill_agent();
    desk.ingest(&mail, FRIDAY);
    assert_eq!(verdict(&desk, "1")["encryption_problem"], "key_unavailable");
    assert!(troubles(&desk)[0].contains("gpg-agent at"));
    desk.gpg.start_agent();
    // Any bell makes it look; left alone it does within a minute.
    desk.ingest(&plain("bob@corp.example", "Hello", "hello"), "2026-11-27T18:01:00+01:00");
    until("it is opened", Duration::from_secs(20), || later_verdict(&desk, "1")["encryption"] == "decrypted");
    until("it is answered", Duration::from_secs(20), || desk.sent_to("alice@corp.example").len() == 1);
    gnupg_verifies_the_acknowledgement(&desk);
    let log = desk.log();
    assert!(!log.contains("inside") && !log.contains("the body"), "{log}");
    daemon.stop();
}

#[test]
fn a_key_whose_passphrase_nobody_gave_is_unavailable_at_once_until_it_is_given() {
    for kind in [Kind::Rsa3072, Kind::Curve25519] {
        let mut desk = Desk::with(Setup { team_key: kind, ..Setup::default() });
        desk.gpg.turn_to("20260101T000000");
        desk.team = desk.gpg.generate_locked(kind, "Locked Team <csirt@example.org>", "open sesame");
        desk.gpg.turn_to("20261127T165500");
        keep_in_agent(&desk, &desk.team, &desk.gpg.agent_socket());
        desk.gpg.kill_agent();
        desk.gpg.start_agent();
        let reporter = desk.befriend(REPORTER);
        let mail = report(&desk, &reporter, "inside");
        let began = Instant::now();
        desk.ingest(&mail, FRIDAY);
        assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
        assert_eq!(verdict(&desk, "1")["encryption_problem"], "key_unavailable");
        let said = troubles(&desk);
        assert!(said.len() == 2 && said.iter().all(|words| words.contains("passphrase or PIN")), "{said:?}");
        desk.once(FRIDAY);
        assert_eq!(desk.sent_to("alice@corp.example").len(), 0);
        // A person gives it to the agent, which remembers it for a while.
        let locked = ["--pinentry-mode", "loopback", "--passphrase", "open sesame"];
        let sealed = desk.gpg.seal(&[&desk.team], None, b"x");
        assert!(desk.gpg.run(&[&locked[..], &["--decrypt"]].concat(), sealed.as_bytes()).success);
        let by = ["--local-user", &desk.team, "--sign"];
        assert!(desk.gpg.run(&[&locked[..], &by].concat(), b"x").success);
        desk.once("2026-11-27T18:05:00+01:00");
        assert_eq!(later_verdict(&desk, "1")["encryption"], "decrypted");
        gnupg_verifies_the_acknowledgement(&desk);
        assert_eq!(troubles(&desk), [] as [&str; 0]);
    }
}

/// Something on a socket that is no agent; it says this to whoever connects, and then one line for each
/// line that it hears.
fn impostor(folder: &Path, greeting: &'static [u8], echo: &'static [u8]) -> std::path::PathBuf {
    let path = folder.join("S.impostor");
    let listener = UnixListener::bind(&path).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut writer = stream.try_clone().unwrap();
                let _ = writer.write_all(greeting);
                for _ in BufReader::new(stream).lines().map_while(Result::ok) {
                    let _ = writer.write_all(echo);
                }
            });
        }
    });
    path
}

#[test]
fn whatever_else_answers_on_the_socket_mail_is_filed_in_time() {
    for (greeting, echo) in [
        (&b""[..], &b""[..]),
        (b"OK\n", b""),
        (b"OK\n", b"OK\n"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", b""),
        (b"OK\n", b"D (5:value9:abc)\nOK\n"),
        (b"OK\n", b"D (5:value40:\x02aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa)\nOK\n"),
        (b"OK\n", b"INQUIRE CIPHERTEXT\n"),
        (b"OK\n", b"ERR 4294967295\n"),
        (b"OK\n", b"S KEYINFO \nS\nS  \nOK\n"),
        (b"\xff\xfe\n", b"\0\n"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let desk = desk_at(Setup::default(), &impostor(folder.path(), greeting, echo));
        let reporter = desk.befriend(REPORTER);
        let mail = report(&desk, &reporter, "inside");
        let began = Instant::now();
        let line = desk.ingest(&mail, FRIDAY);
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
        assert_eq!(line["outcome"], "filed", "{}", text(echo));
        assert_eq!(verdict(&desk, "1")["encryption"], "failed", "{}", text(echo));
        let began = Instant::now();
        desk.once(FRIDAY);
        assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
        assert_eq!(desk.sent_to("alice@corp.example").len(), 0, "nothing leaves unsigned");
    }
}

/// A key of GnuPG's by its own names of algorithms, primary and subkey; gives its fingerprint.
fn by_names(gpg: &Gnupg, sign: &str, encrypt: &str) -> String {
    let quiet = ["--pinentry-mode", "loopback", "--passphrase", ""];
    let user = format!("{sign} <{sign}@example.org>");
    let made = gpg.run(&[&quiet[..], &["--quick-generate-key", &user, sign, "sign", "never"]].concat(), b"");
    let made = made.status.iter().find_map(|line| line.strip_prefix("KEY_CREATED P ").map(str::to_owned)).unwrap();
    assert!(gpg.run(&[&quiet[..], &["--quick-add-key", &made, encrypt, "encrypt", "never"]].concat(), b"").success);
    made
}

fn agent_keys(gpg: &Gnupg, key: &str) -> AgentKeys {
    AgentKeys::beside(MemoryKeys::load(&[("team".to_owned(), gpg.export(key))], None), &gpg.agent_socket())
}

#[test]
fn every_curve_has_gnupgs_keygrip_opens_and_signs() {
    let gpg = Gnupg::at("20260101T000000");
    let now = "2026-11-27T17:00:00Z".parse().unwrap();
    for (sign, encrypt) in [
        ("ed25519", "cv25519"),
        ("nistp256", "nistp256"),
        ("nistp384", "nistp384"),
        ("nistp521", "nistp521"),
        ("brainpoolP256r1", "brainpoolP384r1"),
        ("brainpoolP512r1", "brainpoolP512r1"),
        ("rsa2048", "rsa3072"),
    ] {
        let key = by_names(&gpg, sign, encrypt);
        let listed = text(&gpg.run(&["--with-colons", "--with-keygrip", "--list-keys", &key], b"").out);
        let grips: BTreeSet<String> = listed
            .lines()
            .filter_map(|line| line.strip_prefix("grp:"))
            .map(|line| line.trim_matches(':').to_owned())
            .collect();
        let cert = Cert::from_bytes(&gpg.export(&key)).unwrap();
        let ours: BTreeSet<String> = cert.keys().map(|key| keygrip(key.key().mpis()).unwrap()).collect();
        assert_eq!((ours, grips.len()), (grips.clone(), 2), "{sign} {encrypt}");

        let keys = agent_keys(&gpg, &key);
        assert_eq!(keys.troubles(), [] as [&str; 0]);
        let ring = Ring { keys: &keys, find: &|_| Vec::new(), introducers: &[] };
        for _ in 0..4 {
            let message = seal::encrypt(b"some text", &[], &keys, true, now);
            let message = message.unwrap_or_else(|error| panic!("{sign} {encrypt}: {error}"));
            let opened = open::decrypt(message.as_bytes(), &ring, now);
            assert_eq!(opened.plaintext.as_deref(), Some(&b"some text"[..]), "{sign} {encrypt} {:?}", opened.problem);
            assert_eq!(opened.signatures[0].state, Signature::Good, "{sign} {encrypt}");
        }
        let sealed = gpg.seal(&[&key], Some(&key), b"from gpg");
        let opened = open::decrypt(sealed.as_bytes(), &ring, now);
        assert_eq!(opened.plaintext.as_deref(), Some(&b"from gpg"[..]), "{sign} {encrypt} {:?}", opened.problem);
    }
}

#[test]
fn numbers_that_make_no_sense_are_refused_and_blame_no_key() {
    let gpg = Gnupg::at("20260101T000000");
    for (sign, encrypt) in [("ed25519", "cv25519"), ("nistp256", "nistp256"), ("rsa2048", "rsa2048")] {
        let key = by_names(&gpg, sign, encrypt);
        let keys = agent_keys(&gpg, &key);
        let cert = Cert::from_bytes(&gpg.export(&key)).unwrap();
        let subkey = cert.keys().subkeys().next().unwrap();
        let name = subkey.key().fingerprint().to_hex();
        let ecdh = |e: Vec<u8>, size: usize| Ciphertext::ECDH { e: MPI::new(&e), key: vec![7; size].into() };
        let bad = match subkey.key().mpis() {
            PublicKey::RSA { n, .. } => vec![
                Ciphertext::RSA { c: MPI::new(&[]) },
                Ciphertext::RSA { c: MPI::new(&[1]) },
                Ciphertext::RSA { c: MPI::new(n.value()) },
                Ciphertext::RSA { c: MPI::new(&[0xff; 256]) },
                Ciphertext::RSA { c: MPI::new(&[0x7f; 255]) },
            ],
            PublicKey::ECDH { q, .. } => vec![
                ecdh(vec![], 40),
                ecdh(vec![0x40; 33], 40),
                ecdh([&[0x40][..], &[0; 32]].concat(), 40),
                ecdh([&[0x04][..], &[9; 64]].concat(), 40),
                ecdh([&[0x04][..], &[0; 64]].concat(), 40),
                ecdh(vec![0xff; 500], 40),
                ecdh(q.value().to_vec(), 0),
                ecdh(q.value().to_vec(), 1),
                ecdh(q.value().to_vec(), 255),
            ],
            _ => panic!(),
        };
        for ciphertext in bad {
            let octets = ciphertext.to_vec().unwrap();
            let answer = keys.session_key(&name, &octets, None).map(|_| ());
            assert_eq!(answer, Err(KeyTrouble::Refused), "{encrypt} {ciphertext:?}");
        }
        assert_eq!(keys.session_key(&name, b"\xff", None).map(|_| ()), Err(KeyTrouble::Refused));
        assert_eq!(keys.sign("00", HashAlgorithm::SHA512, &[0; 64]), Err(KeyTrouble::NoKey));
        // A digest of the wrong length, and a key that has left the agent.
        assert!(keys.sign(&key, HashAlgorithm::SHA512, &[0; 5]).is_err());
        std::fs::remove_file(
            gpg.home().join(format!("private-keys-v1.d/{}.key", keygrip(subkey.key().mpis()).unwrap())),
        )
        .unwrap();
        let Err(KeyTrouble::Unavailable(words)) = keys.session_key(&name, &gpg_ciphertext(subkey.key().mpis()), None)
        else {
            panic!("{encrypt}")
        };
        assert!(words.contains("does not hold the secret part") && words.contains(&name), "{words}");
        assert_eq!(keys.troubles(), [] as [&str; 0], "what is left may be all that is meant to be there");
    }
}

fn gpg_ciphertext(key: &PublicKey) -> Vec<u8> {
    let ciphertext = match key {
        PublicKey::ECDH { q, .. } => Ciphertext::ECDH { e: MPI::new(q.value()), key: vec![7; 40].into() },
        _ => Ciphertext::RSA { c: MPI::new(&[0x7f; 255]) },
    };
    ciphertext.to_vec().unwrap()
}

#[test]
fn a_primary_key_in_a_safe_is_no_trouble_and_a_key_that_is_nowhere_is() {
    let gpg = Gnupg::at("20260101T000000");
    let quiet = ["--pinentry-mode", "loopback", "--passphrase", ""];
    let ran = gpg.run(
        &[&quiet[..], &["--quick-generate-key", "Safe <s@example.org>", "ed25519", "cert", "never"]].concat(),
        b"",
    );
    let key = ran.status.iter().find_map(|line| line.strip_prefix("KEY_CREATED P ").map(str::to_owned)).unwrap();
    for subkey in [
        ["--quick-add-key", &key, "ed25519", "sign", "never"],
        ["--quick-add-key", &key, "cv25519", "encrypt", "never"],
    ] {
        assert!(gpg.run(&[&quiet[..], &subkey].concat(), b"").success);
    }
    let cert = Cert::from_bytes(&gpg.export(&key)).unwrap();
    let grip = keygrip(cert.primary_key().key().mpis()).unwrap();
    std::fs::remove_file(gpg.home().join(format!("private-keys-v1.d/{grip}.key"))).unwrap();
    let keys = agent_keys(&gpg, &key);
    assert_eq!(keys.troubles(), [] as [&str; 0]);
    assert_eq!(keys.team()[0].fingerprint, key);
    assert!(seal::encrypt(b"x", &[], &keys, true, "2026-11-27T17:00:00Z".parse().unwrap()).is_ok());
    for entry in std::fs::read_dir(gpg.home().join("private-keys-v1.d")).unwrap().flatten() {
        std::fs::remove_file(entry.path()).unwrap();
    }
    let troubles = keys.troubles();
    assert!(troubles.len() == 1 && troubles[0].contains("neither in a file nor in gpg-agent"), "{troubles:?}");
    // With the secret part in a file nobody asks an agent.
    let gpg = Gnupg::at("20260101T000000");
    let key = gpg.generate(Kind::Curve25519, "Team <csirt@example.org>");
    let files = MemoryKeys::load(&[("team".to_owned(), gpg.export_secret(&key))], None);
    let keys = AgentKeys::beside(files, Path::new("/nonexistent/S.gpg-agent"));
    assert_eq!(keys.troubles(), [] as [&str; 0]);
    assert!(keys.sign(&key, HashAlgorithm::SHA512, &[0; 64]).is_ok());
}
