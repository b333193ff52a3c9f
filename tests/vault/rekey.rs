//! P14: a new key of the store, safe against a kill at any point.

use super::*;
use std::os::unix::fs::PermissionsExt;

fn key(desk: &Desk) -> String {
    std::fs::read_to_string(desk.path("store.key")).unwrap().trim().to_owned()
}

#[test]
fn p14_a_rekeyed_store_opens_with_the_new_key_alone() {
    for given in [false, true] {
        let desk = keyed();
        fill(&desk);
        let (before, old) = (desk.json(&["ticket", "list", "--all"]), key(&desk));
        let file = desk.path("new.key");
        let mut arguments = vec!["store", "rekey"];
        if given {
            std::fs::write(&file, "0123abcd".repeat(8)).unwrap();
            arguments.extend(["--key-file", file.to_str().unwrap()]);
        }
        let said = desk.ok(&arguments);
        assert!(said.contains("new key") && !said.contains(&key(&desk)[..16]), "{said}");
        assert_ne!(key(&desk), old);
        assert!(!given || key(&desk) == "0123abcd".repeat(8));
        for name in ["store.key", "vigie.db"] {
            let mode = std::fs::metadata(desk.path(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
        assert_eq!(desk.json(&["ticket", "list", "--all"]), before);
        assert_eq!(verify(&desk, &[]).1, 0);
        assert_eq!(
            desk.json(&["ticket", "search", "report"]).as_array().map(Vec::len),
            Some(3),
            "the index of words too"
        );
        let next = desk.ingest(&plain("n@corp.example", "Next", "x"), FRIDAY);
        assert_eq!(next["ticket"], "EX-2026-000005", "ids and numbers go on");
        let new = key(&desk);
        std::fs::write(desk.path("store.key"), old).unwrap();
        assert_eq!(code(&desk.run(&["ticket", "list"])), 78, "the old key opens nothing any more");
        std::fs::write(desk.path("store.key"), new).unwrap();
        assert!(!desk.path("store.key.new").exists() && !desk.path("vigie.db.rekey").exists());
    }
}

#[test]
fn p14_a_kill_at_any_point_of_a_rekey_leaves_a_pair_that_opens() {
    for point in ["rekey.staged", "rekey.written", "rekey.swapped", "rekey.done"] {
        let desk = keyed();
        fill(&desk);
        let (before, old) = (desk.json(&["ticket", "list", "--all"]), key(&desk));
        let killed = desk.command(&["store", "rekey"]).env("VIGIE_CRASH", point).output().unwrap();
        assert_eq!(killed.status.code(), None, "{point}: {}", text(&killed.stderr));
        assert_eq!(desk.json(&["ticket", "list", "--all"]), before, "{point}: opens at once");
        let done = ["rekey.swapped", "rekey.done"].contains(&point);
        assert_eq!(key(&desk) != old, done, "{point}");
        desk.ok(&["store", "rekey"]);
        assert_eq!(desk.json(&["ticket", "list", "--all"]), before, "{point}: and again");
        assert!(!desk.path("store.key.new").exists() && !desk.path("vigie.db.rekey").exists(), "{point}");
    }
}

#[test]
fn p14_a_plain_store_is_encrypted_with_either_order_of_config_and_command() {
    for config_first in [false, true] {
        let desk = Desk::new();
        fill(&desk);
        let before = desk.json(&["ticket", "list", "--all"]);
        assert!(std::fs::read(desk.path("vigie.db")).unwrap().starts_with(b"SQLite format 3"));
        let config = std::fs::read_to_string(desk.path("vigie.toml")).unwrap();
        let keyed = config.replace("path = \"vigie.db\"", "path = \"vigie.db\"\nkey_file = \"store.key\"");
        if config_first {
            std::fs::write(desk.path("vigie.toml"), &keyed).unwrap();
        }
        let said = desk.ok(&["store", "rekey"]);
        assert_eq!(said.contains("key_file ="), !config_first, "{said}");
        std::fs::write(desk.path("vigie.toml"), &keyed).unwrap();
        let octets = std::fs::read(desk.path("vigie.db")).unwrap();
        assert!(!octets.starts_with(b"SQLite format 3") && !octets.windows(12).any(|w| w == b"corp.example"));
        assert!(!desk.path("vigie.db-wal").exists(), "no log in clear is left");
        assert_eq!(desk.json(&["ticket", "list", "--all"]), before);
    }
}

#[test]
fn p14_a_rekey_beside_a_daemon_or_with_a_useless_key_is_refused() {
    let desk = keyed();
    fill(&desk);
    let before = key(&desk);
    let daemon = desk.daemon();
    let refused = desk.run(&["store", "rekey"]);
    assert_eq!((code(&refused), text(&refused.stderr).contains("daemon")), (1, true), "{}", text(&refused.stderr));
    daemon.stop();
    std::fs::write(desk.path("bad.key"), "0123").unwrap();
    let refused = desk.run(&["store", "rekey", "--key-file", desk.path("bad.key").to_str().unwrap()]);
    assert_eq!((code(&refused), text(&refused.stderr).contains("64 hex")), (1, true), "{}", text(&refused.stderr));
    assert_eq!(key(&desk), before);
    desk.show("EX-2026-000001");
}
