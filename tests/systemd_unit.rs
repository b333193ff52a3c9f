//! The unit files are such that systemd takes, and shut daemon and keeper in as tightly as documented.

use std::process::{Command, Output};

const UNIT: &str = include_str!("../systemd/vigie.service");

const KEEPER: &str = include_str!("../systemd/vigie-keeper.service");
const SOCKET: &str = include_str!("../systemd/vigie-keeper.socket");

/// Runs `systemd-analyze` on a unit, with the built binary in the place of the installed one.
fn analyze(arguments: &[&str], unit: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [("vigie.service", UNIT), ("vigie-keeper.service", KEEPER), ("vigie-keeper.socket", SOCKET)] {
        let text = text.replace("/usr/local/bin/vigie", env!("CARGO_BIN_EXE_vigie"));
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    Command::new("systemd-analyze")
        .args(arguments)
        .arg(folder.path().join(unit))
        .env("SYSTEMD_UNIT_PATH", format!("{}:", folder.path().display()))
        .output()
        .expect("systemd-analyze is needed: install the package systemd, as `make test` does")
}

#[test]
fn systemd_takes_every_line_of_the_units() {
    for unit in ["vigie.service", "vigie-keeper.service", "vigie-keeper.socket"] {
        let output = analyze(&["verify", "--man=no"], unit);
        let words = String::from_utf8_lossy(&output.stderr);
        // Of other units on the machine it may complain; of ours it must not.
        let ours: Vec<&str> = words.lines().filter(|line| line.contains("vigie")).collect();
        assert!(output.status.success() && ours.is_empty(), "{unit}: {words}");
    }
}

#[test]
fn the_exposure_of_the_units_is_at_most_1_5() {
    for unit in ["vigie.service", "vigie-keeper.service"] {
        let output = analyze(&["security", "--offline=true", "--no-pager", "--threshold=15"], unit);
        assert!(output.status.success(), "{unit}: {}", String::from_utf8_lossy(&output.stdout));
    }
}

#[test]
fn the_daemon_s_unit_holds_no_private_key_and_both_may_put_up_their_walls() {
    assert!(!UNIT.lines().any(|line| line.starts_with("LoadCredential=team")));
    assert!(KEEPER.lines().any(|line| line == "LoadCredential=team.asc:/etc/vigie/team.asc"));
    for unit in [UNIT, KEEPER] {
        let walls = "SystemCallFilter=seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self";
        assert!(unit.lines().any(|line| line == walls));
    }
    for line in ["PrivateNetwork=yes", "RestrictAddressFamilies=none", "User=vigie-keeper", "StandardInput=socket"] {
        assert!(KEEPER.lines().any(|found| found == line), "{line}");
    }
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
