//! Keys as teams and reporters have them, made by GnuPG: locked, retired, hidden, split into subkeys.

use super::{REPORTER, armored, file, mail, verdict};
use serde_json::{Value, json};
use support::desk::{Desk, Setup, pgp_mime, protected, text};
use support::gnupg::{Gnupg, Kind};

use super::support;

/// A desk in the time that it is, whose `[pgp]` names other files.
fn desk_with(files: &[(&str, Vec<u8>)], more: &str) -> Desk {
    let desk = Desk::with(Setup { simulated: false, ..Setup::default() });
    rename_keys(&desk, files, more);
    desk
}

fn rename_keys(desk: &Desk, files: &[(&str, Vec<u8>)], more: &str) {
    let mut names = Vec::new();
    for (name, octets) in files {
        std::fs::write(desk.path(name), octets).unwrap();
        names.push(format!("{name:?}"));
    }
    let config = std::fs::read_to_string(desk.path("vigie.toml")).unwrap();
    let wanted = format!("secret_keys = [{}]\n{more}", names.join(", "));
    std::fs::write(desk.path("vigie.toml"), config.replacen("secret_keys = [\"team.asc\"]", &wanted, 1)).unwrap();
}

/// A sealed report, in a mail of today.
fn sealed(gpg: &Gnupg, arguments: &[&str], signer: &str) -> Vec<u8> {
    let content = protected(REPORTER, "Beacon seen", "We saw 198.51.100.7.\n");
    let mut all = vec!["--armor", "--encrypt", "--sign", "--local-user", signer];
    all.extend_from_slice(arguments);
    let ran = gpg.run(&all, content.as_bytes());
    assert!(ran.success, "{:?}", ran.status);
    let whole = text(&pgp_mime(REPORTER, "...", &text(&ran.out)));
    mail("...", whole.split_once("MIME-Version: 1.0\r\n").unwrap().1)
}

fn is_proven(ticket: &Value) {
    let verdict = verdict(ticket);
    let told =
        ["encryption", "signature", "covers", "signed_by_sender", "subject_protected"].map(|fact| &verdict[fact]);
    assert_eq!(
        told,
        [&json!("decrypted"), &json!("good"), &json!("whole"), &json!(true), &json!(true)],
        "{ticket:.600}"
    );
    assert!(ticket["messages"][0]["text"].as_str().unwrap().contains("198.51.100.7"));
}

fn has_problem(ticket: &Value, problem: &str) -> bool {
    ticket["messages"][0]["problems"].as_array().unwrap().iter().any(|one| one == problem)
}

#[test]
fn a_key_behind_a_passphrase_opens_and_signs() {
    let gpg = Gnupg::at("20260101T000000");
    gpg.turn_to_now();
    let with = |arguments: &[&str]| {
        let ran = gpg.run(&[&["--pinentry-mode", "loopback", "--passphrase", "open sesame"], arguments].concat(), b"");
        assert!(ran.success, "{arguments:?}: {:?}", ran.status);
        ran
    };
    let made = with(&["--quick-generate-key", "CSIRT <csirt@example.org>", "ed25519", "sign,cert", "never"]);
    let team = made.status.iter().find_map(|line| line.strip_prefix("KEY_CREATED P ")).unwrap();
    let team = team.split(' ').next().unwrap();
    with(&["--quick-add-key", team, "cv25519", "encr", "never"]);
    let locked = with(&["--armor", "--export-secret-keys", team]).out;
    let desk = desk_with(&[("locked.asc", locked)], "passphrase_file = \"pass\"");
    std::fs::write(desk.path("pass"), "open sesame\n").unwrap();
    let reporter = desk.befriend(&format!("Tom <{REPORTER}>"));
    desk.gpg.run(&["--import"], &gpg.export(team));
    is_proven(&file(&desk, &sealed(&desk.gpg, &["--recipient", team], &reporter)));
    assert!(desk.run(&["run", "--once"]).status.success());
    let sent = desk.sent_to(REPORTER);
    let ran = desk.gpg.run(&["--decrypt"], armored(&sent[0]).as_bytes());
    assert!(ran.says(&format!("VALIDSIG {team}")), "{:?}", ran.status);
    // With the wrong one the mail waits, and nobody is told that it could not be read.
    std::fs::write(desk.path("pass"), "guess\n").unwrap();
    let waiting = file(&desk, &sealed(&desk.gpg, &["--recipient", team], &reporter));
    assert_eq!(verdict(&waiting)["encryption_problem"], "key_unavailable");
}

#[test]
fn retired_keys_open_what_comes_late_and_hidden_recipients_are_found() {
    let (old, new) = (Gnupg::at("20240101T000000"), Gnupg::at("20240101T000000"));
    let retired = old.generate(Kind::Rsa3072, "CSIRT <csirt@example.org>");
    let second = new.generate(Kind::Curve25519, "CSIRT <csirt@example.org>");
    let desk = desk_with(&[], "");
    let current = std::fs::read(desk.path("team.asc")).unwrap();
    let config = std::fs::read_to_string(desk.path("vigie.toml")).unwrap();
    std::fs::write(desk.path("vigie.toml"), config.replacen("secret_keys = []", "secret_keys = [\"team.asc\"]", 1))
        .unwrap();
    let files =
        [("team.asc", current), ("second.asc", new.export_secret(&second)), ("old.asc", old.export_secret(&retired))];
    rename_keys(&desk, &files, "");
    let reporter = desk.befriend(&format!("Tom <{REPORTER}>"));
    let stranger = desk.gpg.generate(Kind::Curve25519, "Stranger <s@evil.example>");
    for (gpg, key) in [(&old, &retired), (&new, &second)] {
        desk.gpg.run(&["--import"], &gpg.export(key));
    }
    for (arguments, is_old) in [
        (vec!["--recipient", &desk.team], false),
        (vec!["--recipient", &retired], true),
        (vec!["--recipient", &second], true),
        (vec!["--recipient", &stranger, "--recipient", &retired], true),
        (vec!["--hidden-recipient", &desk.team], false),
        (vec!["--hidden-recipient", &stranger, "--hidden-recipient", &desk.team], false),
        (vec!["--hidden-recipient", &retired], true),
        (vec!["--throw-keyids", "--recipient", &stranger, "--recipient", &second], true),
    ] {
        let raw = sealed(&desk.gpg, &arguments, &reporter);
        let ticket = file(&desk, &raw);
        is_proven(&ticket);
        assert_eq!(has_problem(&ticket, "old_key"), is_old, "{arguments:?}");
    }
    // A blind copy: no field names the team, and keys are not chosen by fields.
    let copy = text(&sealed(&desk.gpg, &["--recipient", &stranger, "--hidden-recipient", &desk.team], &reporter));
    let copy = copy.replacen("To: csirt@example.org", "To: <s@evil.example>", 1);
    is_proven(&file(&desk, copy.as_bytes()));
    let lost = sealed(&desk.gpg, &["--hidden-recipient", &stranger], &reporter);
    assert_eq!(verdict(&file(&desk, &lost))["encryption_problem"], "no_key");
}

/// A key whose primary part certifies alone, with one subkey that signs and one that encrypts.
fn split_key(gpg: &Gnupg, user_id: &str) -> String {
    let with = |arguments: &[&str]| {
        let ran = gpg.run(&[&["--pinentry-mode", "loopback", "--passphrase", ""], arguments].concat(), b"");
        assert!(ran.success, "{arguments:?}: {:?}", ran.status);
        ran
    };
    let made = with(&["--quick-generate-key", user_id, "ed25519", "cert", "never"]);
    let made = made.status.iter().find_map(|line| line.strip_prefix("KEY_CREATED P ")).unwrap().to_owned();
    let fingerprint = made.split(' ').next().unwrap().to_owned();
    with(&["--quick-add-key", &fingerprint, "ed25519", "sign", "never"]);
    with(&["--quick-add-key", &fingerprint, "cv25519", "encr", "never"]);
    with(&["--quick-add-key", &fingerprint, "rsa3072", "encr", "never"]);
    fingerprint
}

#[test]
fn subkeys_for_one_purpose_serve_both_sides() {
    let desk = desk_with(&[("team.asc", Vec::new())], "");
    let team = split_key(&desk.gpg, "CSIRT split <csirt-split@example.org>");
    let reporter = split_key(&desk.gpg, &format!("Tom <{REPORTER}>"));
    std::fs::write(desk.path("certs/tom.pgp"), desk.gpg.export(&reporter)).unwrap();
    // As a careful team has it: the secret primary key is not on this machine.
    let arguments = ["--armor", "--pinentry-mode", "loopback", "--passphrase", "", "--export-secret-subkeys", &team];
    std::fs::write(desk.path("team.asc"), desk.gpg.run(&arguments, b"").out).unwrap();
    let ticket = file(&desk, &sealed(&desk.gpg, &["--recipient", &team], &reporter));
    is_proven(&ticket);
    assert_eq!(ticket["messages"][0]["verdict"]["signer"], json!(reporter), "the primary key is named");
    assert!(!has_problem(&ticket, "old_key"));
    // Both encryption subkeys are meant.
    let listing = text(&desk.gpg.run(&["--with-colons", "--list-keys", &team], b"").out);
    let subkeys =
        listing.lines().filter(|line| line.starts_with("sub:")).map(|line| line.split(':').collect::<Vec<_>>());
    let encrypting: Vec<String> =
        subkeys.filter(|sub| sub[11].contains('e')).map(|sub| format!("{}!", sub[4])).collect();
    assert_eq!(encrypting.len(), 2, "{listing}");
    for subkey in &encrypting {
        is_proven(&file(&desk, &sealed(&desk.gpg, &["--recipient", subkey], &reporter)));
    }
    assert!(desk.run(&["run", "--once"]).status.success());
    let sent = desk.sent_to(REPORTER);
    assert!(!sent.is_empty());
    for mail in &sent {
        let ran = desk.gpg.run(&["--decrypt"], armored(mail).as_bytes());
        let by_primary = ran.status.iter().any(|line| line.starts_with("VALIDSIG ") && line.ends_with(&team));
        assert!(ran.says("DECRYPTION_OKAY") && ran.says("GOODSIG") && by_primary, "{:?}", ran.status);
    }
}
