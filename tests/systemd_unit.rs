//! The unit file is one that systemd takes, and shuts the daemon in as tightly as documented.

use std::process::{Command, Output};

const UNIT: &str = include_str!("../systemd/vigie.service");

/// Runs `systemd-analyze` on the unit, with the built binary in the place of the installed one.
fn analyze(arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let unit = folder.path().join("vigie.service");
    let text = UNIT.replace("/usr/local/bin/vigie", env!("CARGO_BIN_EXE_vigie"));
    std::fs::write(&unit, text).unwrap();
    Command::new("systemd-analyze")
        .args(arguments)
        .arg(&unit)
        .output()
        .expect("systemd-analyze is needed: install the package systemd, as `make test` does")
}

#[test]
fn systemd_takes_every_line_of_the_unit() {
    let output = analyze(&["verify", "--man=no"]);
    let words = String::from_utf8_lossy(&output.stderr);
    // Of other units on the machine it may complain; of ours it must not.
    let ours: Vec<&str> = words.lines().filter(|line| line.contains("vigie.service")).collect();
    assert!(output.status.success() && ours.is_empty(), "{words}");
}

#[test]
fn the_exposure_of_the_unit_is_at_most_1_5() {
    let output = analyze(&["security", "--offline=true", "--no-pager", "--threshold=15"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn a_wrong_config_does_not_start_again_and_a_lost_server_does() {
    for line in ["Type=notify", "WatchdogSec=60", "Restart=on-failure", "RestartPreventExitStatus=78"] {
        assert!(UNIT.lines().any(|found| found == line), "{line}");
    }
    // It would show every caller on the socket as nobody.
    assert!(!UNIT.lines().any(|line| line.starts_with("PrivateUsers=")));
    // A start that is not counted is a start that is never refused.
    assert!(UNIT.contains("\nStartLimitIntervalSec=0\n"));
}
