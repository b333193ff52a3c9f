//! The walls of the house: who may import whom, where SQL lives, what the pure room is free of,
//! and that ARCHITECTURE.md speaks of files that exist.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The room a file belongs to: the first component below `src`.
fn room(path: &Path) -> String {
    let inside = path.strip_prefix(root().join("src")).unwrap();
    inside.components().next().unwrap().as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned()
}

/// The code of a file without comments and without its unit tests.
fn code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let text = text.split("\n#[cfg(test)]\nmod ").next().unwrap();
    text.lines().map(|line| line.split("//").next().unwrap()).collect::<Vec<_>>().join("\n")
}

/// The table in the head of lib.rs.
fn allowed() -> BTreeMap<String, BTreeSet<String>> {
    let text = std::fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let rows = text.lines().filter_map(|line| line.strip_prefix("//! ")?.split_once("->"));
    rows.filter(|(from, _)| !from.trim().contains(' '))
        .map(|(from, to)| (from.trim().to_owned(), to.split_whitespace().map(str::to_owned).collect()))
        .collect()
}

#[test]
fn rooms_import_only_what_the_table_in_lib_rs_allows() {
    let allowed = allowed();
    assert!(allowed.len() >= 12, "the table in lib.rs was not found: {allowed:?}");
    let mut faults = Vec::new();
    for path in sources(&root().join("src")) {
        let from = room(&path);
        if from == "lib" {
            continue;
        }
        let may = allowed.get(&from).unwrap_or_else(|| panic!("{from} stands in no row of the table"));
        let code = code(&path).replace("vigie::", "crate::");
        for rest in code.split("crate::").skip(1) {
            let to: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if !to.is_empty() && to != from && allowed.contains_key(&to) && !may.contains(&to) {
                faults.push(format!("{} imports {to}", path.display()));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn only_the_store_knows_the_database() {
    for path in sources(&root().join("src")) {
        if room(&path) != "store" {
            assert!(!code(&path).contains("rusqlite"), "{} speaks to the database", path.display());
        }
    }
}

#[test]
fn the_pure_room_does_no_io_waits_for_nothing_and_asks_no_clock() {
    let banned = [
        "tokio",
        "async fn",
        ".await",
        "std::fs",
        "std::net",
        "std::process",
        "std::env",
        "Instant::",
        "SystemTime",
        "getrandom",
        "tracing::",
        "println!",
    ];
    for path in sources(&root().join("src/rules")) {
        let code = code(&path);
        for word in banned {
            assert!(!code.contains(word), "{}: {word}", path.display());
        }
    }
    let triage = code(&root().join("src/decide/triage.rs"));
    assert!(!triage.contains("crate::store"), "triage is pure");
}

#[test]
fn a_transaction_cannot_wait() {
    // `Store::write` takes a plain closure: no future can be driven inside, and the store has none.
    for path in sources(&root().join("src/store")) {
        let code = code(&path);
        assert!(!code.contains("async ") && !code.contains(".await"), "{}", path.display());
    }
    for path in sources(&root().join("src")) {
        assert!(
            !code(&path).contains("block_on(") || room(&path) == "cli",
            "{}: waits while it blocks",
            path.display()
        );
    }
}

#[test]
fn every_file_opens_with_a_head_and_every_room_stands_in_the_map() {
    for path in sources(&root().join("src")) {
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("//! "), "{} has no head", path.display());
    }
}

#[test]
fn architecture_speaks_of_files_and_tests_that_exist() {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let named = text.split('`').skip(1).step_by(2);
    let mut seen = 0;
    for name in named {
        let path = name.split("::").next().unwrap();
        let looks_like_path = path.contains('/') || path.ends_with(".rs") || path.ends_with(".md");
        if !looks_like_path || path.contains(' ') || path.contains('<') || path.starts_with("Vigie/") {
            continue;
        }
        let found = [root().join(path), root().join("src").join(path)].into_iter().find(|p| p.exists());
        let found = found.unwrap_or_else(|| panic!("ARCHITECTURE.md names {path}, which does not exist"));
        if let Some((_, function)) = name.split_once("::") {
            let text = std::fs::read_to_string(&found).unwrap();
            assert!(text.contains(&format!("fn {function}")), "{path} has no function {function}");
        }
        seen += 1;
    }
    assert!(seen > 20, "only {seen} paths were found");
}
