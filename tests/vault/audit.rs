//! Law 12 and P18: nobody alters or cuts the history, or a mail, unseen.

use super::*;
use crate::support::desk::{header, unquoted};
use rusqlite::types::Value as Sql;

fn audited() -> Desk {
    let mut setup = with("");
    setup.duty = setup.duty.replace("head = \"none\"", "head = \"08:00\"");
    let desk = Desk::with(setup);
    fill(&desk);
    desk
}

#[test]
fn law_12_a_whole_history_is_proven_whole() {
    let desk = audited();
    let (view, code) = verify(&desk, &[]);
    assert_eq!((code, &view["whole"], &view["faults"]), (0, &Value::Bool(true), &serde_json::json!([])), "{view}");
    assert!(view["rows"].as_i64() > Some(12) && view["mails"].as_i64() >= Some(4), "{view}");
    assert_eq!(view["attachments"], 1);
    assert_eq!(view["head"].as_str().map(str::len), Some(64));
    // The same over the socket.
    let _daemon = desk.daemon();
    let (served, code) = verify(&desk, &[]);
    assert_eq!((code, &served["whole"]), (0, &Value::Bool(true)));
    assert!(desk.ok(&["audit", "verify"]).contains("The history is whole."));
}

#[test]
fn law_12_one_changed_value_anywhere_in_the_history_is_found() {
    let desk = audited();
    let store = store(&desk);
    store
        .execute_batch(
            "PRAGMA foreign_keys = off; DROP TRIGGER history_is_append_only_1; DROP TRIGGER history_is_append_only_2",
        )
        .unwrap();
    store.execute_batch("CREATE TABLE untouched AS SELECT * FROM history").unwrap();
    let ids: Vec<i64> = {
        let mut rows = store.prepare("SELECT id FROM history ORDER BY id").unwrap();
        rows.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    };
    let mut tried = 0;
    // The pure check, in this process: a hundred processes would take long.
    let opened = |desk: &Desk| vigie::store::Store::open(&desk.path("vigie.db"), None).unwrap();
    for id in &ids {
        for (column, change) in [
            ("id", "id + 1000"),
            ("ticket_id", "CASE WHEN ticket_id IS NULL THEN 0 ELSE ticket_id + 1 END"),
            ("ticket_id", "CASE WHEN ticket_id IS NULL THEN 1 ELSE NULL END"),
            ("at", "at + 1"),
            ("who", "who || ' '"),
            ("what", "replace(what, substr(what, 1, 1), 'X')"),
            ("chain", "'0' || substr(chain, 2)"),
            ("chain", "upper(chain)"),
        ] {
            let before: Sql =
                store.query_row(&format!("SELECT {column} FROM history WHERE id = ?1"), [id], |r| r.get(0)).unwrap();
            store.execute(&format!("UPDATE history SET {column} = {change} WHERE id = ?1"), [id]).unwrap();
            let changed: i64 = store
                .query_row("SELECT count(*) FROM (SELECT * FROM history EXCEPT SELECT * FROM untouched)", [], |r| {
                    r.get(0)
                })
                .unwrap();
            if changed > 0 {
                let found = opened(&desk).read(vigie::store::audit::verify).unwrap();
                assert!(!found.faults.is_empty(), "{column} of line {id} was changed unseen from {before:?}");
                tried += 1;
            }
            store.execute_batch("DELETE FROM history; INSERT INTO history SELECT * FROM untouched").unwrap();
        }
    }
    assert!(tried > ids.len() * 6, "{tried}");
    // A line that is taken out, at any place, the last one too.
    for id in &ids {
        store.execute("DELETE FROM history WHERE id = ?1", [id]).unwrap();
        let found = opened(&desk).read(vigie::store::audit::verify).unwrap();
        assert!(!found.faults.is_empty(), "line {id} was taken out unseen");
        store.execute_batch("DELETE FROM history; INSERT INTO history SELECT * FROM untouched").unwrap();
    }
    let (view, code) = verify(&desk, &[]);
    assert_eq!(code, 0, "{view}");
    store.execute("UPDATE history SET who = 'bob' WHERE id = 5", []).unwrap();
    drop(store);
    let (view, code) = verify(&desk, &[]);
    assert_eq!((code, places(&view)), (1, vec!["history 5".to_owned()]), "it says which line");
    let output = desk.run(&["audit", "verify"]);
    assert!(text(&output.stdout).contains("NOT whole") && text(&output.stdout).contains("history 5"));
}

#[test]
fn p18_one_changed_octet_of_a_mail_or_an_attachment_is_found() {
    for (change, place) in [
        ("UPDATE raw SET bytes = cast(replace(cast(bytes AS TEXT), 'report 1', 'report 7') AS BLOB)", "raw "),
        ("UPDATE raw SET sha256 = '00' || substr(sha256, 3) WHERE id = 1", "raw 1"),
        ("UPDATE raw SET size = size + 1 WHERE id = 1", "raw 1"),
        ("UPDATE attachment SET bytes = x'00'", "attachment 1"),
        ("UPDATE attachment SET sha256 = 'x'", "attachment 1"),
        ("UPDATE message SET raw_id = NULL WHERE id = 1", "message 1"),
        ("UPDATE message SET raw_id = 2 WHERE id = 1; DELETE FROM unproven", "message 1"),
        ("DELETE FROM raw_salt WHERE raw_id = 1", "message 1"),
    ] {
        let desk = Desk::new();
        fill(&desk);
        store(&desk).execute_batch(change).unwrap();
        let (view, code) = verify(&desk, &[]);
        assert_eq!(code, 1, "{change}: {view}");
        assert!(places(&view).iter().any(|found| found.starts_with(place)), "{change}: {view}");
    }
}

#[test]
fn p18_octets_exchanged_together_with_their_own_hash_are_found_by_the_history() {
    let desk = Desk::new();
    fill(&desk);
    let other = plain("a@corp.example", "[URGENT] Report", "nothing happened");
    let hash: String = <sha2::Sha256 as sha2::Digest>::digest(&other).iter().map(|b| format!("{b:02x}")).collect();
    store(&desk)
        .execute("UPDATE raw SET bytes = ?1, size = ?2, sha256 = ?3 WHERE id = 1", (&other, other.len() as i64, hash))
        .unwrap();
    let (view, code) = verify(&desk, &[]);
    assert_eq!((code, places(&view)), (1, vec!["message 1".to_owned()]), "{view}");
    // The hash in the history is salted: whoever has the octets cannot tell it without the salt.
    let told = desk.show("1")["history"].to_string();
    let plain_hash = desk.show("1")["messages"][0]["raw_sha256"].as_str().unwrap().to_owned();
    assert!(told.contains("salted SHA-256") && !told.contains(&plain_hash), "{told}");
}

#[test]
fn law_12_the_head_is_signed_and_mailed_to_the_lead_on_business_days_and_shows_a_cut() {
    let desk = audited();
    let heads = |desk: &Desk| -> Vec<String> {
        let sent = desk.sent_to("lead@example.org");
        sent.into_iter()
            .filter(|mail| header(mail, "Subject").is_some_and(|s| s.contains("head of the history")))
            .collect()
    };
    assert_eq!(heads(&desk).len(), 0);
    for now in ["2026-11-28T09:00:00+01:00", "2026-11-30T07:59:00+01:00"] {
        desk.once(now);
        assert_eq!(heads(&desk).len(), 0, "{now}: no business day, or too early");
    }
    for now in [MONDAY, MONDAY, "2026-11-30T20:00:00+01:00"] {
        desk.once(now);
        assert_eq!(heads(&desk).len(), 1, "{now}: once a day");
    }
    desk.ingest(&plain("a@corp.example", "One more", "more"), "2026-11-30T21:00:00+01:00");
    desk.once("2026-12-01T09:00:00+01:00");
    assert_eq!(heads(&desk).len(), 2);
    let mail = heads(&desk).remove(1);
    assert!(header(&mail, "Auto-Submitted").is_some_and(|value| value == "auto-generated"));
    // GnuPG finds the team's signature good.
    let body = unquoted(&mail);
    let start = body.find("-----BEGIN PGP SIGNED MESSAGE-----").expect("a signed text");
    let end = body[start..].find("-----END PGP SIGNATURE-----").expect("its end") + start;
    let block = format!("{}-----END PGP SIGNATURE-----\n", &body[start..end]).replace("\r\n", "\n");
    std::fs::write(desk.path("head.txt"), &block).unwrap();
    desk.gpg.turn_to("20261202T090000");
    desk.gpg.ok(&["--verify", desk.path("head.txt").to_str().unwrap()]);
    // The saved mail and the text alone both serve.
    std::fs::write(desk.path("head.eml"), &mail).unwrap();
    for file in ["head.eml", "head.txt"] {
        let (view, code) = verify(&desk, &["--head", desk.path(file).to_str().unwrap()]);
        assert_eq!((code, view["signed_heads"].as_i64()), (0, Some(2)), "{file}: {view}");
        assert!(view["given"]["rows"].as_i64().is_some_and(|rows| rows > 10 && rows < view["rows"].as_i64().unwrap()));
    }
    // A text that was changed, or that somebody else signed, proves nothing.
    let rows = view_rows(&block);
    std::fs::write(desk.path("forged.txt"), block.replace(&rows, "rows: 3")).unwrap();
    let (view, code) = verify(&desk, &["--head", desk.path("forged.txt").to_str().unwrap()]);
    assert_eq!((code, places(&view)), (1, vec!["given head".to_owned()]));
    let output = desk.run(&["audit", "verify", "--head", desk.path("vigie.toml").to_str().unwrap()]);
    assert_eq!(code_of_words(&output, "no signed head"), 2);
    // Whoever cuts the tail, the store's own heads with it and every count: the lead's mail shows it.
    let store = store(&desk);
    store.execute_batch("DROP TRIGGER history_is_append_only_2; DELETE FROM signed_head; DELETE FROM history WHERE id > 9; UPDATE sqlite_sequence SET seq = 9 WHERE name = 'history'").unwrap();
    drop(store);
    let (view, code) = verify(&desk, &[]);
    assert_eq!((code, places(&view)), (0, vec![]), "the store alone cannot tell: {view}");
    let (view, code) = verify(&desk, &["--head", desk.path("head.eml").to_str().unwrap()]);
    assert_eq!((code, places(&view)), (1, vec!["given head".to_owned()]));
    assert!(view["faults"][0]["words"].as_str().unwrap().contains("cut off"), "{view}");
}

fn view_rows(block: &str) -> String {
    block.lines().find(|line| line.starts_with("rows: ")).expect("rows").to_owned()
}

fn code_of_words(output: &Output, words: &str) -> i32 {
    assert!(text(&output.stderr).contains(words), "{}", text(&output.stderr));
    code(output)
}

#[test]
fn law_12_the_head_can_be_had_at_any_time_and_a_rewritten_history_does_not_run_through_it() {
    let desk = audited();
    let head = desk.ok(&["audit", "head"]);
    assert!(head.starts_with("-----BEGIN PGP SIGNED MESSAGE-----"), "{head}");
    let shown = desk.json(&["audit", "head"]);
    assert!(shown["signed"].as_str().is_some_and(|signed| signed.contains(shown["head"].as_str().unwrap())));
    std::fs::write(desk.path("head.txt"), head).unwrap();
    // Every line from 3 on is computed anew: the chain holds, and the head does not lie on it.
    let store = store(&desk);
    store.execute_batch("DROP TRIGGER history_is_append_only_1").unwrap();
    let lines: Vec<(i64, Option<i64>, i64, String, String)> = {
        let mut rows = store.prepare("SELECT id, ticket_id, at, who, what FROM history ORDER BY id").unwrap();
        let rows = rows.query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?))).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    };
    let mut before = String::new();
    for (id, ticket, at, who, what) in lines {
        let who = if id == 3 { "mallory".to_owned() } else { who };
        let mut hash = <sha2::Sha256 as sha2::Digest>::new();
        for field in [&before, &ticket.unwrap_or(0).to_string(), &at.to_string(), &who, &what] {
            sha2::Digest::update(&mut hash, (field.len() as u64).to_be_bytes());
            sha2::Digest::update(&mut hash, field.as_bytes());
        }
        before = sha2::Digest::finalize(hash).iter().map(|b| format!("{b:02x}")).collect();
        store.execute("UPDATE history SET who = ?2, chain = ?3 WHERE id = ?1", (id, who, &before)).unwrap();
    }
    drop(store);
    assert_eq!(verify(&desk, &[]).1, 0, "the chain alone cannot tell");
    let (view, code) = verify(&desk, &["--head", desk.path("head.txt").to_str().unwrap()]);
    assert_eq!((code, places(&view)), (1, vec!["given head".to_owned()]), "{view}");
}
