//! `vigie demo` tells its story, and what it says to try holds: its own commands list every claim
//! again, and GnuPG opens and verifies the mail that left.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Runs the demo in a folder of the test's own; gives what it printed and the folder it left.
fn demo(within: &Path) -> (String, PathBuf) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vigie"));
    command.args(["demo", "--exit"]).env("TMPDIR", within).env_remove("VIGIE_CONFIG").stdin(Stdio::null());
    let ran = command.output().unwrap();
    let told = String::from_utf8(ran.stdout.clone()).unwrap();
    assert!(ran.status.success(), "{told}\n{}", String::from_utf8_lossy(&ran.stderr));
    let left: Vec<PathBuf> = std::fs::read_dir(within).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(left.len(), 1, "one folder is left, and nothing beside it");
    (told, left[0].clone())
}

fn script(folder: &Path, name: &str) -> Output {
    Command::new("sh").arg(folder.join(name)).env("LC_ALL", "C.UTF-8").stdin(Stdio::null()).output().unwrap()
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

#[test]
fn the_demo_tells_five_mails_and_everything_it_says_holds() {
    let within = tempfile::tempdir().unwrap();
    let started = Instant::now();
    let (told, folder) = demo(within.path());
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());

    for mail in 1..=5 {
        assert!(told.contains(&format!(". Mail {mail}: ")), "{told}");
    }
    for step in ["The clock moves", "Four business days", "Every claim again", "opened by GnuPG", "What to try next"] {
        assert!(told.contains(step), "{step}: {told}");
    }
    assert!(told.contains(" claims, all of them held") && !told.contains('✗'), "{told}");
    assert!(told.matches('✓').count() >= 60, "{told}");
    assert!(!told.contains('\u{1b}'), "plain text where there is no terminal");
    assert!(told.contains(folder.to_str().unwrap()), "the folder is named");

    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&folder).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o700, "nobody else looks into it");
    // What is printed is what the scripts hold.
    for name in ["again.sh", "gnupg.sh"] {
        let script = std::fs::read_to_string(folder.join(name)).unwrap();
        for line in script.lines().skip(2) {
            assert!(told.contains(&format!("   {line}\n")), "{line}");
        }
    }

    let again = script(&folder, "again.sh");
    let listed = text(&again.stdout);
    assert!(again.status.success(), "{listed}\n{}", text(&again.stderr));
    for claim in [
        "EX-2025-000005  closed",
        "verified: signed by the sender, with a key that the team has confirmed",
        "[URGENT] Rançongiciel en cours",
        "hxxps[://]quota[.]example[.]net/login",
        "phishing.eml",
        "machine report",
        "Encrypted, but to none of the team's keys: it cannot be read.",
        "escalation 1 to lead",
        "command:alice",
        "\"subject_protected\": true",
    ] {
        assert!(listed.contains(claim), "{claim}: {listed}");
    }
}

#[test]
fn gnupg_opens_and_verifies_the_mail_that_the_demo_left() {
    let within = tempfile::tempdir_in("/tmp").unwrap();
    let (_, folder) = demo(within.path());
    let ran = script(&folder, "gnupg.sh");
    let (opened, said) = (text(&ran.stdout), text(&ran.stderr));
    assert!(ran.status.success(), "{opened}\n{said}");
    // The acknowledgement, the answer, the escalation.
    assert_eq!(said.matches("Good signature from \"CSIRT-EXAMPLE <csirt@example.org>\"").count(), 3, "{said}");
    assert!(!said.contains("BAD signature"), "{said}");
    for words in [
        "Subject: [EX-2025-000001] Report received",
        "A person of the team will answer you by Monday 5 May 2025 17:40",
        "Subject: [EX-2025-000001] Re: [TLP:GREEN] Panel open to all",
        "the panel is closed since 18:00",
    ] {
        assert!(opened.contains(words), "{words}: {opened}");
    }
    let part = std::fs::read_to_string(folder.join("part")).unwrap();
    assert!(part.contains("Subject: [EX-2025-000003] ESCALATION 1\r\n"), "{part}");
}
