//! P14: what comes in is stored securely. A store with a key tells nothing to whoever has its files.

mod support;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use support::desk::{Desk, pgp_mime, plain, protected, text};

const FRIDAY: &str = "2026-11-27T18:01:00+01:00";

/// Words of the mails below, as they stand in them and as base64 has them at each of the three offsets.
const CANARIES: [&str; 5] = ["Zanzibar", "Quokka", "Narwhal", "walrus@corp.example", "platypus.bin"];

/// A desk whose store has a key.
fn keyed() -> Desk {
    let desk = Desk::new();
    let config = std::fs::read_to_string(desk.path("vigie.toml")).unwrap();
    let keyed = config.replace("path = \"vigie.db\"", "path = \"vigie.db\"\nkey_file = \"store.key\"");
    std::fs::write(desk.path("vigie.toml"), keyed).unwrap();
    write_secret(&desk.path("store.key"), &"0badc0de".repeat(8));
    desk
}

fn write_secret(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("an exit code")
}

/// A command whose folder for temporary files is the desk's own.
fn command(desk: &Desk, arguments: &[&str]) -> Command {
    std::fs::create_dir_all(desk.path("tmp")).unwrap();
    let mut command = desk.command(arguments);
    command.env("TMPDIR", desk.path("tmp")).current_dir(desk.folder());
    command
}

/// Files two mails, one of them encrypted, both full of canaries, and large enough for many pages.
fn fill(desk: &Desk) {
    let long = "Narwhal seen at 198.51.100.7.\n".repeat(20_000);
    let inner = protected("walrus@corp.example", "Zanzibar platypus.bin", &long);
    let sealed = desk.gpg.seal(&[&desk.team], None, inner.as_bytes());
    for mail in [
        plain("Quokka <walrus@corp.example>", "Zanzibar platypus.bin", &long),
        pgp_mime("walrus@corp.example", "...", &sealed),
    ] {
        std::fs::write(desk.gpg.home().join("mail"), mail).unwrap();
        let file = desk.gpg.home().join("mail");
        let output = command(desk, &["ingest", "--mailbox", "csirt", file.to_str().unwrap()]).output().unwrap();
        assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    }
    let noted = desk.feed(&["--as", "alice", "ticket", "note", "1"], b"Quokka, says the Narwhal\n");
    assert_eq!(code(&noted), 0);
}

/// All files below a folder, with their octets; sockets left out.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        if kind.is_dir() {
            found.extend(files(&path));
        } else if kind.is_file() {
            found.push((path.display().to_string(), std::fs::read(path).unwrap()));
        }
    }
    found
}

fn holds(octets: &[u8], word: &str) -> bool {
    octets.windows(word.len()).any(|window| window == word.as_bytes())
}

/// (file, word) for each canary that stands in a file of the desk.
fn leaks(desk: &Desk) -> Vec<(String, &'static str)> {
    let mut found = Vec::new();
    for (name, octets) in files(desk.folder()) {
        // The acknowledgement's own recipient stands on what leaves.
        let outgoing = name.contains("/out/");
        let searched = CANARIES.iter().filter(|word| !outgoing || !word.contains('@'));
        found.extend(searched.filter(|word| holds(&octets, word)).map(|word| (name.clone(), *word)));
    }
    found
}

#[test]
fn p14_no_word_of_a_mail_is_found_in_any_file_of_a_store_with_a_key() {
    let desk = keyed();
    fill(&desk);
    assert_eq!(desk.show("1")["subject"], "Zanzibar platypus.bin", "the store itself knows it");
    assert_eq!(desk.show("2")["messages"][0]["verdict"]["encryption"], "decrypted");
    desk.ok(&["--now", FRIDAY, "run", "--once"]);
    assert_eq!(leaks(&desk), []);
    // While a daemon works, and after it was killed in the midst: the log of writes stays behind.
    let daemon = desk.daemon_with(&["-v", "-v"]);
    let mail = plain("Quokka <walrus@corp.example>", "Zanzibar again", &"Narwhal\n".repeat(30_000));
    let line = desk.feed(&["ingest", "--mailbox", "csirt", "-"], &mail);
    assert_eq!(code(&line), 0, "{}", text(&line.stderr));
    assert!(std::fs::metadata(desk.path("vigie.db-wal")).unwrap().len() > 200_000, "the write is in the log");
    assert_eq!(leaks(&desk), []);
    let mode = |name: &str| std::fs::metadata(desk.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(["vigie.db", "vigie.db-wal", "vigie.db-shm", "vigie.lock"].map(mode), [0o600; 4]);
    assert_eq!(mode("vigie.sock"), 0o660);
    daemon.kill();
    assert!(desk.path("vigie.db-wal").exists());
    assert_eq!(leaks(&desk), []);
    assert_eq!(files(&desk.path("tmp")), [], "no temporary files");
    for name in ["vigie.db", "vigie.db-wal"] {
        let octets = std::fs::read(desk.path(name)).unwrap();
        assert!(!holds(&octets, "SQLite format 3") && !holds(&octets, "CREATE TABLE"), "{name} is readable as SQLite");
    }
    let opened = rusqlite::Connection::open(desk.path("vigie.db")).unwrap();
    let read = opened.query_row("SELECT count(*) FROM ticket", [], |row| row.get::<_, i64>(0));
    assert!(read.is_err(), "it opens without a key");
    // Nothing lies about that nobody knows of.
    let mut names: Vec<String> =
        std::fs::read_dir(desk.folder()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| {
        !["Maildir", "certs", "out", "tmp", "team.asc", "store.key", "vigie.toml", "daemon.log"]
            .contains(&name.as_str())
    });
    names.sort();
    assert_eq!(names, ["vigie.db", "vigie.db-shm", "vigie.db-wal", "vigie.lock", "vigie.sock"]);
    // And nothing is lost.
    assert_eq!(desk.show("3")["subject"], "Zanzibar again");
}

/// The process and all that it has started, and so on.
fn family(first: u32) -> Vec<u32> {
    let parent = |pid: u32| -> Option<u32> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
    };
    let names = std::fs::read_dir("/proc").unwrap().flatten().filter_map(|e| e.file_name().to_str()?.parse().ok());
    let all: Vec<(u32, Option<u32>)> = names.map(|pid| (pid, parent(pid))).collect();
    let mut found = vec![first];
    let mut at = 0;
    while at < found.len() {
        let of = Some(found[at]);
        found.extend(all.iter().filter(|(_, parent)| *parent == of).map(|(pid, _)| *pid));
        at += 1;
    }
    found
}

#[test]
fn p14_no_process_shows_a_mail_or_the_key_in_its_arguments_or_environment_or_leaves_a_core() {
    let desk = keyed();
    let daemon = desk.daemon();
    fill(&desk);
    let pids = family(daemon.id());
    assert!(pids.len() >= 2, "a keeper of the keys at least: {pids:?}");
    for pid in pids {
        for file in ["cmdline", "environ"] {
            let octets = std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
            for word in CANARIES.iter().chain(&["0badc0de"]) {
                assert!(!holds(&octets, word), "{word} in {file} of {pid}");
            }
        }
        let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        assert_eq!(core.split_whitespace().nth(4), Some("0"), "{pid}: {core}");
        assert_eq!(core.split_whitespace().nth(5), Some("0"), "{pid}: {core}");
    }
}

#[test]
fn p14_the_search_finds_what_a_plain_store_shows() {
    let desk = Desk::new();
    fill(&desk);
    let words: Vec<&str> = leaks(&desk).into_iter().map(|(_, word)| word).collect();
    for word in CANARIES {
        assert!(words.contains(&word), "{word} is not found in a plain store: the search is blind");
    }
    let octets = std::fs::read(desk.path("vigie.db")).unwrap();
    assert!(octets.starts_with(b"SQLite format 3"));
    let mode = std::fs::metadata(desk.path("vigie.db")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "a plain one is for its owner alone all the same");
}

#[test]
fn p14_a_store_opens_with_its_own_key_only_and_says_so_in_words() {
    let desk = keyed();
    fill(&desk);
    let before = std::fs::read(desk.path("vigie.db")).unwrap();
    let key = std::fs::read_to_string(desk.path("store.key")).unwrap();
    let config = std::fs::read_to_string(desk.path("vigie.toml")).unwrap();
    let refused = |what: &str, expected: &[&str]| {
        for arguments in [&["ticket", "list"][..], &["run", "--once"], &["run"], &["status"]] {
            let output = desk.run(arguments);
            let words = text(&output.stderr);
            assert_eq!(code(&output), 78, "{what}, {arguments:?}: {words}");
            assert!(expected.iter().all(|word| words.contains(word)), "{what}: {words}");
            assert!(!words.contains(&key[..16]) && !words.contains("ffffffff"), "the key is told: {words}");
        }
        let output = desk.feed(&["ingest", "--mailbox", "csirt", "-"], b"x");
        assert_eq!(code(&output), 75, "{what}: an MTA keeps its mail");
        assert!(std::fs::read(desk.path("vigie.db")).unwrap() == before, "{what}: something is written");
        assert!(!desk.path("vigie.db-wal").exists(), "{what}: something is written");
    };
    write_secret(&desk.path("store.key"), &"f".repeat(64));
    refused("a wrong key", &["vigie.db", "key"]);
    write_secret(&desk.path("store.key"), "0badc0de");
    refused("half a key", &["store.key", "64 hex digits"]);
    std::fs::remove_file(desk.path("store.key")).unwrap();
    refused("a missing key file", &["store.key"]);
    std::fs::write(desk.path("vigie.toml"), config.replace("key_file = \"store.key\"", "")).unwrap();
    refused("no key configured", &["vigie.db", "key"]);
    std::fs::write(desk.path("vigie.toml"), &config).unwrap();
    write_secret(&desk.path("store.key"), &key.to_uppercase());
    assert_eq!(desk.show("1")["subject"], "Zanzibar platypus.bin", "hex digits have no case");
}

#[test]
fn p14_a_plain_store_is_not_taken_for_an_encrypted_one() {
    let desk = Desk::new();
    desk.ingest(&plain("a@corp.example", "Report", "report"), FRIDAY);
    let config = std::fs::read_to_string(desk.path("vigie.toml")).unwrap();
    let keyed = config.replace("path = \"vigie.db\"", "path = \"vigie.db\"\nkey_file = \"store.key\"");
    std::fs::write(desk.path("vigie.toml"), keyed).unwrap();
    write_secret(&desk.path("store.key"), &"0badc0de".repeat(8));
    let output = desk.run(&["ticket", "list"]);
    assert_eq!(code(&output), 78, "{}", text(&output.stderr));
    std::fs::write(desk.path("vigie.toml"), config).unwrap();
    assert_eq!(desk.show("1")["subject"], "Report", "and is left as it was");
}

#[test]
fn p14_init_encrypts_unless_it_is_told_not_to() {
    for (arguments, encrypted) in [(&[][..], true), (&["--plain-store"], false)] {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("vigie");
        let config = dir.join("config.toml");
        let vigie = |arguments: &[&str], input: &[u8]| {
            use std::io::Write;
            let mut command = Command::new(env!("CARGO_BIN_EXE_vigie"));
            command.args(arguments).env_remove("VIGIE_CONFIG").stdin(std::process::Stdio::piped());
            let mut child =
                command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
            child.stdin.take().unwrap().write_all(input).unwrap();
            let output = child.wait_with_output().unwrap();
            assert_eq!(code(&output), 0, "{arguments:?}: {}", text(&output.stderr));
        };
        vigie(&[&["init", dir.to_str().unwrap()], arguments].concat(), b"");
        let config = config.to_str().unwrap();
        vigie(&["--config", config, "ingest", "--mailbox", "csirt", "-"], &plain("a@corp.example", "Zanzibar", "x"));
        let octets = std::fs::read(dir.join("vigie.db")).unwrap();
        assert_eq!(octets.starts_with(b"SQLite format 3"), !encrypted);
        assert_eq!(holds(&octets, "Zanzibar"), !encrypted);
        assert_eq!(dir.join("store.key").exists(), encrypted);
    }
}
