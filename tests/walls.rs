//! The processes that mail is read in and keys live in (law 8): what they cannot do, and that a mail
//! which breaks its reader costs that mail a reason, and nothing else.

mod support;

use serde_json::json;
use std::path::PathBuf;
use std::time::Duration;
use support::desk::{Desk, Setup, pgp_mime};
use support::gnupg::{Gnupg, Kind};
use vigie::arrive::reader::{Job, Readers, memory_for};
use vigie::edge::openpgp::keeper::{Keeper, KeeperKeys};
use vigie::edge::openpgp::open::KnownCertificate;
use vigie::edge::openpgp::seam::{KeyTrouble, MemoryKeys, PrivateKeys};

const FRIDAY: &str = "2026-11-27T18:01:00+01:00";
const VIGIE: &str = env!("CARGO_BIN_EXE_vigie");

fn job(raw: Vec<u8>) -> Job {
    let now = FRIDAY.parse().unwrap();
    Job { full_size: raw.len() as u64, raw, own: vec![], introducers: vec![], received_at: now, now }
}

fn plain(subject: &str) -> Vec<u8> {
    format!("From: A <a@corp.example>\r\nSubject: {subject}\r\nMessage-ID: <{subject}@corp.example>\r\n\r\nwords\r\n")
        .into()
}

/// Signed by somebody whose certificate the reader has to ask for.
fn signed() -> Vec<u8> {
    let gpg = Gnupg::at(FRIDAY);
    let key = gpg.generate(Kind::Curve25519, "A <a@corp.example>");
    let inline = gpg.run(&["--local-user", &key, "--clear-sign"], b"words\n").out;
    [b"From: A <a@corp.example>\r\nSubject: signed\r\n\r\n".as_slice(), &inline].concat()
}

/// The children of a process whose command line has that word.
fn children(of: u32, word: &str) -> Vec<u32> {
    let all = std::fs::read_dir("/proc").unwrap().flatten().filter_map(|e| e.file_name().to_str()?.parse::<u32>().ok());
    let parent = |pid: u32| -> Option<u32> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
    };
    let says = |pid: u32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.split(|octet| *octet == 0).any(|argument| argument == word.as_bytes())
    };
    all.filter(|pid| parent(*pid) == Some(of) && says(*pid)).collect()
}

fn status(pid: u32, field: &str) -> String {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.unwrap_or_default().trim().to_owned()
}

/// What a process has open beside standard output and sockets, and beside what whoever runs the tests
/// leaves open in every process.
fn files_beside_the_wire(pid: u32) -> Vec<PathBuf> {
    let open = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
    let number = |entry: &std::fs::DirEntry| entry.file_name().to_str().unwrap().parse::<u32>().unwrap();
    let ours = |number: u32| std::fs::read_link(format!("/proc/self/fd/{number}")).ok();
    open.filter(|entry| number(entry) > 2)
        .map(|entry| (number(&entry), std::fs::read_link(entry.path()).unwrap()))
        .filter(|(number, target)| {
            !target.to_str().unwrap().starts_with("socket:") && ours(*number).as_ref() != Some(target)
        })
        .map(|(_, target)| target)
        .collect()
}

#[test]
fn law_8_a_reader_has_no_key_no_file_no_network_and_bounded_memory_and_time() {
    let readers = Readers::new(VIGIE.into(), memory_for(50 << 20));
    let report = readers.read(job(plain("hello")), &MemoryKeys::default(), &|_| Vec::new()).unwrap();
    assert_eq!(report.subject.raw(), "hello");
    let [reader] = children(std::process::id(), "reader")[..] else { panic!("no reader is idle") };
    assert_eq!((status(reader, "Seccomp").as_str(), status(reader, "NoNewPrivs").as_str()), ("2", "1"));
    assert_eq!(status(reader, "Threads"), "1");
    assert_eq!(files_beside_the_wire(reader), Vec::<PathBuf>::new());
    assert_eq!(std::fs::read(format!("/proc/{reader}/environ")).unwrap(), b"", "nothing is told by the environment");
    let limits = std::fs::read_to_string(format!("/proc/{reader}/limits")).unwrap();
    for (limit, most) in [("Max core file size", "0"), ("Max file size", "0"), ("Max cpu time", "60")] {
        let line = limits.lines().find(|line| line.starts_with(limit)).unwrap();
        assert_eq!(line.strip_prefix(limit).unwrap().split_whitespace().next(), Some(most), "{line}");
    }
    assert!(limits.contains(&memory_for(50 << 20).to_string()), "{limits}");
    let walls = readers.walls().unwrap();
    println!("walls here: {walls:?}");
    assert!(walls.seccomp);
    readers.rest();
    assert_eq!(children(std::process::id(), "reader"), Vec::<u32>::new(), "an idle reader goes when there is no mail");
}

#[test]
fn law_8_a_mail_that_eats_its_reader_s_memory_costs_that_mail_alone() {
    let readers = Readers::new(VIGIE.into(), 400 << 20);
    let mut huge = plain("huge");
    huge.resize(300 << 20, b'a');
    let trouble = readers.read(job(huge), &MemoryKeys::default(), &|_| Vec::new()).unwrap_err();
    assert_eq!(trouble.to_string(), "the reader of the mail ran out of memory, or gave up");
    let report = readers.read(job(plain("next")), &MemoryKeys::default(), &|_| Vec::new()).unwrap();
    assert_eq!(report.subject.raw(), "next");
}

#[test]
fn law_8_a_reader_that_is_killed_at_work_costs_its_mail_alone() {
    let readers = Readers::new(VIGIE.into(), memory_for(1 << 20));
    let kill = |_: &[String]| -> Vec<KnownCertificate> {
        for reader in children(std::process::id(), "reader") {
            let pid = rustix::process::Pid::from_raw(reader.cast_signed()).unwrap();
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        }
        Vec::new()
    };
    let mail = signed();
    let trouble = readers.read(job(mail.clone()), &MemoryKeys::default(), &kill).unwrap_err();
    assert_eq!(trouble.to_string(), "the reader of the mail used a minute of processor time, or was killed");
    let report = readers.read(job(mail), &MemoryKeys::default(), &|_| Vec::new()).unwrap();
    assert_eq!(report.asked.len(), 2, "it asks for the signer, by fingerprint and key ID: {:?}", report.asked);
}

#[test]
fn law_8_a_mail_that_breaks_three_readers_is_held_with_the_reason_and_the_others_are_filed() {
    let desk = Desk::new();
    desk.deliver("1", &plain("first"), FRIDAY);
    for _ in 0..2 {
        let output =
            desk.command(&["--now", FRIDAY, "run", "--once"]).env("VIGIE_CRASH", "reader.opened").output().unwrap();
        assert!(output.status.code().is_some(), "the daemon itself lives: {output:?}");
    }
    let held = desk.json(&["quarantine", "list"]);
    assert_eq!(held.as_array().map(Vec::len), Some(1), "{held}");
    assert_eq!(held[0]["reason"], "three attempts: the reader of the mail ran out of memory, or gave up");
    assert_eq!(desk.show("1")["messages"][0]["problems"], json!(["unreadable"]));
    desk.ingest(&plain("second"), FRIDAY);
    assert_eq!(desk.show("2")["subject"], "second");
    desk.ok(&["quarantine", "retry", &held[0]["id"].to_string()]);
    desk.once(FRIDAY);
    assert_eq!(desk.show("3")["subject"], "first", "a sound reader reads it");
    assert_eq!(desk.show("1")["state"], "merged", "and the stub points to it");
}

#[test]
fn law_8_the_daemon_holds_no_private_key_and_the_keeper_no_file_and_no_network() {
    let desk = Desk::new();
    let daemon = desk.daemon();
    let pid = daemon.id();
    let [keeper] = children(pid, "keeper")[..] else { panic!("one keeper: {:?}", children(pid, "keeper")) };
    assert_eq!((status(keeper, "Seccomp").as_str(), status(keeper, "NoNewPrivs").as_str()), ("2", "1"));
    assert_eq!(files_beside_the_wire(keeper), Vec::<PathBuf>::new());
    drop(daemon);
    for _ in 0..200 {
        if !PathBuf::from(format!("/proc/{keeper}")).exists() {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("the keeper goes with the daemon");
}

#[test]
fn law_8_a_keeper_that_dies_is_started_again_and_answers_the_same_question() {
    let desk = Desk::new();
    let arguments = ["keeper", "--", desk.path("team.asc").to_str().unwrap()].map(Into::into).to_vec();
    let keys = KeeperKeys::open(Keeper::Ours(VIGIE.into(), arguments)).unwrap();
    assert_eq!(keys.team()[0].fingerprint, desk.team);
    assert_eq!(keys.troubles(), Vec::<String>::new());
    let sign = || keys.sign(&desk.team, sequoia_openpgp::types::HashAlgorithm::SHA256, &[7; 32]);
    let before = sign().unwrap();
    for keeper in children(std::process::id(), "keeper") {
        let pid = rustix::process::Pid::from_raw(keeper.cast_signed()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    }
    assert_eq!(sign().unwrap(), before, "Ed25519 signatures are deterministic");
    let nobody = keys.sign("00", sequoia_openpgp::types::HashAlgorithm::SHA256, &[7; 32]);
    assert_eq!(nobody, Err(KeyTrouble::NoKey));
}

#[test]
fn law_8_many_ask_the_keeper_at_once_and_each_gets_its_own_answer() {
    let desk = Desk::new();
    let arguments = ["keeper", "--", desk.path("team.asc").to_str().unwrap()].map(Into::into).to_vec();
    let keys = KeeperKeys::open(Keeper::Ours(VIGIE.into(), arguments)).unwrap();
    let sign = |octet: u8| keys.sign(&desk.team, sequoia_openpgp::types::HashAlgorithm::SHA256, &[octet; 32]).unwrap();
    let alone: Vec<_> = (0..16).map(sign).collect();
    std::thread::scope(|scope| {
        let asked: Vec<_> = (0..16).map(|octet| scope.spawn(move || sign(octet))).collect();
        let answers: Vec<_> = asked.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert_eq!(answers, alone);
    });
}

#[test]
fn law_8_a_keeper_of_another_user_is_asked_over_its_socket() {
    let keys = Desk::new();
    let socket = keys.path("keeper.sock");
    let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    // As systemd does for vigie-keeper.service.
    let mut keeper = std::process::Command::new(VIGIE)
        .args(["keeper", "--", keys.path("team.asc").to_str().unwrap()])
        .stdin(std::os::fd::OwnedFd::from(listener))
        .spawn()
        .unwrap();
    let desk = Desk::with(Setup { pgp: format!("keeper_socket = {socket:?}\n"), ..Setup::default() });
    std::fs::remove_file(desk.path("team.asc")).unwrap();
    let sealed = keys.gpg.seal(&[&keys.team], None, b"Content-Type: text/plain\r\n\r\nfor the keeper\r\n");
    desk.ingest(&pgp_mime("a@corp.example", "...", &sealed), FRIDAY);
    desk.once(FRIDAY);
    let shown = desk.show("1");
    assert_eq!(shown["messages"][0]["verdict"]["encryption"], "decrypted", "{shown}");
    assert!(desk.ok(&["key", "list"]).contains(&keys.team), "it is the team's key that the keeper holds");
    keeper.kill().unwrap();
    keeper.wait().unwrap();
}
