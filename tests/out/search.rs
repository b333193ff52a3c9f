//! `ticket search`: what is found, what is not, and that no text is a fault.

use super::*;
use rusqlite::Connection;

fn found(desk: &Desk, query: &str) -> Vec<String> {
    numbers(&desk.json(&["ticket", "search", query]))
}

fn desk_with_two() -> (Desk, String, String) {
    let desk = Desk::new();
    let phish = filed(
        &desk,
        &mail(
            "Sébastien Café <sebastien@corp.example>",
            "Fausse facture reçue",
            "The page hxxps://login.evil[.]example/kit?id=1 asks for passwords.\n\
             Server 198.51.100.7, file d41d8cd98f00b204e9800998ecf8427e, sender billing@bad.example, CVE-2026-12345.",
            Some(("facture_novembre.pdf", "x")),
        ),
    );
    let scan = filed(&desk, &mail("bob@other.example", "Port scan", "From 198.51.100.77 all night long.", None));
    (desk, phish, scan)
}

#[test]
fn a_ticket_is_found_by_subject_text_people_files_and_number_without_accents_or_case() {
    let (desk, phish, scan) = desk_with_two();
    for query in [
        "facture",
        "FACTURE",
        "recue",
        "reçue",
        "\"fausse facture\"",
        "passwords",
        "pass*",
        "passw",
        "sebastien",
        "Sébastien Cafe",
        "from:sebastien",
        "from:corp.example",
        "facture_novembre.pdf",
        "novembre",
        phish.as_str(),
        "1",
        "facture -scan",
        "facture state:new",
        "state:new facture",
    ] {
        assert_eq!(found(&desk, query), std::slice::from_ref(&phish), "{query}");
    }
    for query in
        ["\"facture fausse\"", "facture -passwords", "facture state:closed", "from:evil.example", "facture night"]
    {
        assert_eq!(found(&desk, query), Vec::<String>::new(), "{query}");
    }
    assert_eq!(found(&desk, "state:new"), [scan.clone(), phish.clone()], "newest first");
    assert_eq!(found(&desk, "-facture"), std::slice::from_ref(&scan));
    assert_eq!(numbers(&desk.json(&["ticket", "search", "state:new", "--limit", "1"])), std::slice::from_ref(&scan));
    assert_eq!(numbers(&desk.json(&["ticket", "search", "state:new", "-facture"])), [scan]);
    desk.ok(&["ticket", "label", "1", "+Phishing"]);
    assert_eq!(found(&desk, "label:Phishing"), std::slice::from_ref(&phish));
    assert!(desk.ok(&["ticket", "search", "facture"]).contains(&phish));
}

#[test]
fn indicators_are_found_defanged_or_not_whole_and_by_their_end() {
    let (desk, phish, scan) = desk_with_two();
    for query in [
        "evil.example",
        "login.evil.example",
        "evil[.]example",
        "evil[dot]example",
        "hxxps://login[.]evil[.]example/kit",
        "https://login.evil.example/kit?id=1",
        "198.51.100.7",
        "198[.]51[.]100[.]7",
        "D41D8CD98F00B204E9800998ECF8427E",
        "d41d8cd98f*",
        "d41d8c",
        "billing@bad.example",
        "billing[at]bad[.]example",
        "bad.example",
        "CVE-2026-12345",
        "cve-2026*",
    ] {
        assert_eq!(found(&desk, query), std::slice::from_ref(&phish), "{query}");
    }
    assert_eq!(found(&desk, "198.51.100.77"), std::slice::from_ref(&scan));
    assert_eq!(found(&desk, "198.51.100*"), [scan, phish]);
    assert_eq!(found(&desk, "vil.example"), Vec::<String>::new());
}

#[test]
fn no_query_is_a_fault_or_reaches_the_database_as_anything_but_words() {
    let (desk, _, _) = desk_with_two();
    for query in [
        "\"",
        "\"\"",
        "*",
        "-",
        "--",
        "a\"b",
        "' OR 1=1 --",
        "NEAR(a b, 2)",
        "a AND",
        "OR",
        "NOT x",
        "subject:x",
        "{text}:x",
        "^x",
        "a+b",
        "(((",
        "x*y*",
        "text : facture",
        "\\",
        "state:",
        "label:\"",
        "from:",
        "%",
        "_",
        "\u{202E}",
        "é\u{301}",
        "-facture -scan",
        "; DELETE FROM search",
        "search",
        "rank",
        "rowid",
    ] {
        desk.json(&["ticket", "search", "--", query]);
    }
    for query in ["state:bogus", "state:x' OR '1'='1"] {
        let (words, code) = refused(&desk, &["ticket", "search", query]);
        assert!(words.contains("is no state") && words.contains("rejected") && code == Some(2), "{words}");
    }
    let many = "a ".repeat(499);
    desk.json(&["ticket", "search", &many]);
    let long = "x".repeat(100_000);
    let (words, code) = refused(&desk, &["ticket", "search", &long]);
    assert!(words.contains("longer than") && code == Some(2), "{words}");
    assert_eq!(found(&desk, "facture").len(), 1, "nothing was lost");
}

#[test]
fn what_joins_later_is_found_and_notes_and_answers_too() {
    let (desk, phish, _) = desk_with_two();
    assert_eq!(found(&desk, "volatility"), Vec::<String>::new());
    assert!(desk.feed(&["ticket", "note", "1"], b"Memory read with volatility.\n").status.success());
    assert_eq!(found(&desk, "volatility passwords"), std::slice::from_ref(&phish), "words of different mails");
    assert!(desk.feed(&["ticket", "answer", "1"], b"We asked the host to act.\n").status.success());
    assert_eq!(found(&desk, "\"host to act\""), [phish]);
}

#[test]
fn a_store_of_an_older_version_is_indexed_by_the_migration() {
    let (desk, phish, _) = desk_with_two();
    {
        let old = Connection::open(desk.path("vigie.db")).unwrap();
        let names = "SELECT type || ' ' || name FROM sqlite_master WHERE name LIKE 'search\\_%' ESCAPE '\\' AND type IN ('trigger', 'view')";
        let names: Vec<String> =
            old.prepare(names).unwrap().query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
        assert!(names.len() > 8, "{names:?}");
        for name in names {
            old.execute_batch(&format!("DROP {name}")).unwrap();
        }
        old.execute_batch("DROP TABLE search; DROP TABLE search_stale").unwrap();
        old.execute_batch(include_str!("../../src/store/schema/0007_search.sql")).unwrap();
    }
    assert_eq!(found(&desk, "facture"), [phish]);
}

#[test]
fn t115_what_is_deleted_leaves_no_word_in_the_index_or_in_the_file() {
    let desk = Desk::new();
    filed(&desk, &mail("a@corp.example", "Hello", "zyzzogeton zyzzogeton quokkafrob", None));
    filed(&desk, &mail("b@corp.example", "Other", "platypus stays", None));
    assert_eq!(found(&desk, "quokkafrob").len(), 1);
    {
        // As a purge does it.
        let store = Connection::open(desk.path("vigie.db")).unwrap();
        store
            .execute_batch(
                "PRAGMA secure_delete = on; PRAGMA foreign_keys = off; BEGIN; \
                 DELETE FROM spool WHERE ticket_id = 1; DELETE FROM outbox WHERE ticket_id = 1; \
                 DELETE FROM received_via WHERE ticket_id = 1; DELETE FROM participant WHERE ticket_id = 1; \
                 DELETE FROM message WHERE ticket_id = 1; DELETE FROM ticket WHERE id = 1; \
                 DELETE FROM raw WHERE id NOT IN (SELECT raw_id FROM message WHERE raw_id IS NOT NULL); COMMIT",
            )
            .unwrap();
    }
    // The next write of ours brings the index up to date, before anything else may be seen.
    desk.ok(&["ticket", "label", "2", "+x"]);
    assert_eq!(found(&desk, "quokkafrob"), Vec::<String>::new());
    assert_eq!(found(&desk, "platypus").len(), 1);
    let octets = std::fs::read(desk.path("vigie.db")).unwrap();
    for word in ["quokkafrob", "zyzzogeton"] {
        let stem = &word.as_bytes()[..8];
        assert!(!octets.windows(stem.len()).any(|window| window == stem), "{word} is still in the file");
    }
}
