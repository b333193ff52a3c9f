//! Certificates, shown on the built binary with keys that GnuPG and sq made: who may confirm, change,
//! introduce or revoke them, who is told, and what becomes of mail that is filed already.

mod support;

use base64::Engine;
use serde_json::{Value, json};
use std::process::Command;
use support::desk::{Desk, Setup, header, pgp_mime, plain, protected, text, until};
use support::gnupg::{Gnupg, Kind};

/// Friday 27 November 2026, 18:01 in Paris.
const FRIDAY: &str = "2026-11-27T18:01:00+01:00";
const LATER: &str = "2026-11-27T18:05:00+01:00";

const ADDRESS: &str = "r@else.example";

/// A key that the team does not know yet.
fn stranger(desk: &Desk, user_id: &str) -> String {
    desk.gpg.turn_to("20260101T000000");
    let key = desk.gpg.generate(Kind::Curve25519, user_id);
    desk.gpg.turn_to("20261127T165500");
    key
}

/// A mail encrypted to the team and signed.
fn signed(desk: &Desk, signer: &str, from: &str, subject: &str) -> Vec<u8> {
    let inner = protected(from, subject, "What we saw.");
    pgp_mime(from, "...", &desk.gpg.seal(&[&desk.team], Some(signer), inner.as_bytes()))
}

/// A plain mail with a certificate in the header, as mail clients with Autocrypt send.
fn with_autocrypt(mail: &[u8], from: &str, certificate: &[u8]) -> Vec<u8> {
    let keydata = base64::engine::general_purpose::STANDARD.encode(certificate);
    let field = format!("Autocrypt: addr={from}; keydata={keydata}\r\nMIME-Version");
    text(mail).replacen("MIME-Version", &field, 1).into_bytes()
}

/// Imports a certificate by a file.
fn import(desk: &Desk, certificate: &[u8]) -> String {
    let file = desk.path("certificate.pgp");
    std::fs::write(&file, certificate).unwrap();
    desk.ok(&["--as", "alice", "key", "import", file.to_str().unwrap()])
}

fn first_message(desk: &Desk, number: &str) -> Value {
    desk.show(number)["messages"][0].clone()
}

fn key_of(desk: &Desk, fingerprint: &str) -> Value {
    desk.json(&["key", "show", fingerprint])
}

/// Notices to the lead that are about something.
fn notices(desk: &Desk, about: &str) -> Vec<String> {
    let subject = format!("Vigie needs a person: {about}");
    let is_about = |mail: &String| header(mail, "Subject").is_some_and(|found| found.ends_with(&subject));
    desk.sent_to("lead@example.org").into_iter().filter(is_about).collect()
}

fn history(desk: &Desk, number: &str) -> String {
    desk.show(number)["history"].to_string()
}

#[test]
fn the_verdict_at_arrival_is_kept_and_a_later_one_stands_beside_it() {
    let desk = Desk::new();
    let key = stranger(&desk, "R <r@else.example>");
    desk.ingest(&signed(&desk, &key, ADDRESS, "Phishing"), FRIDAY);
    let arrival = first_message(&desk, "1");
    assert_eq!(arrival["verdict"]["signature"], "unknown_key");
    assert_eq!(arrival["rechecked"], Value::Null, "never checked again");

    import(&desk, &desk.gpg.export(&key));
    let message = first_message(&desk, "1");
    assert_eq!(message["verdict"], arrival["verdict"], "as at arrival");
    let rechecked = &message["rechecked"]["verdict"];
    assert_eq!((&rechecked["signature"], &rechecked["authenticated"]), (&json!("good"), &json!("marginal")));
    assert_eq!((&rechecked["signer"], &rechecked["signed_by_sender"]), (&json!(key), &json!(true)));
    assert_eq!(message["rechecked"]["at"], FRIDAY);
    assert_eq!(message["text"], arrival["text"]);

    desk.ok(&["--now", LATER, "--as", "alice", "key", "trust", &key, "--method", "call-back"]);
    let message = first_message(&desk, "1");
    assert_eq!(message["verdict"], arrival["verdict"]);
    assert_eq!(message["rechecked"]["verdict"]["authenticated"], "full");
    assert_eq!(message["rechecked"]["at"], LATER);
    let page = desk.ok(&["ticket", "show", "1"]);
    for sentence in [&arrival["verdict"]["summary"], &message["rechecked"]["verdict"]["summary"]] {
        assert!(page.contains(sentence.as_str().unwrap()), "{sentence} is not in {page}");
    }
    let told = history(&desk, "1");
    assert!(told.contains("message 1 checked again: signature unknown_key (none) -> good (marginal)"), "{told}");
    assert!(told.contains("good (marginal) -> good (full)"), "{told}");

    desk.ok(&["--as", "alice", "key", "remove", &key]);
    let message = first_message(&desk, "1");
    assert_eq!(message["verdict"], arrival["verdict"]);
    assert_eq!(message["rechecked"]["verdict"]["signature"], "unknown_key");
    // Removed, it is a stranger's again: nothing is known of it.
    assert_eq!(desk.run(&["key", "show", &key]).status.code(), Some(1));
}

#[test]
fn a_running_daemon_checks_again_by_itself_and_leaves_others_alone() {
    let desk = Desk::new();
    let (key, other) = (stranger(&desk, "R <r@else.example>"), stranger(&desk, "O <o@other.example>"));
    desk.ingest(&signed(&desk, &key, ADDRESS, "one"), FRIDAY);
    desk.ingest(&signed(&desk, &other, "o@other.example", "two"), FRIDAY);
    desk.ingest(&plain("p@plain.example", "three", "unsigned"), FRIDAY);
    let daemon = desk.daemon();
    import(&desk, &desk.gpg.export(&key));
    until("the mail is checked again", std::time::Duration::from_secs(20), || {
        first_message(&desk, "1")["rechecked"]["verdict"]["signature"] == "good"
    });
    assert_eq!(first_message(&desk, "2")["rechecked"], Value::Null);
    assert_eq!(first_message(&desk, "3")["rechecked"], Value::Null);
    daemon.stop();
}

#[test]
fn a_certificate_in_the_folder_has_mail_checked_again_once() {
    let desk = Desk::new();
    let key = stranger(&desk, "R <r@else.example>");
    desk.ingest(&signed(&desk, &key, ADDRESS, "one"), FRIDAY);
    std::fs::write(desk.path("certs/r.pgp"), desk.gpg.export(&key)).unwrap();
    desk.once(LATER);
    let message = first_message(&desk, "1");
    assert_eq!(message["rechecked"]["verdict"]["signature"], "good", "{message}");
    assert_eq!(message["rechecked"]["at"], LATER);
    desk.once("2026-11-27T18:30:00+01:00");
    assert_eq!(first_message(&desk, "1")["rechecked"]["at"], LATER, "nothing has changed since");
}

#[test]
fn a_key_of_the_team_that_comes_later_has_what_it_signed_checked_again() {
    let desk = Desk::new();
    let secret = std::fs::read(desk.path("team.asc")).unwrap();
    std::fs::remove_file(desk.path("team.asc")).unwrap();
    let ran = desk.gpg.run(&["--clearsign", "--local-user", &desk.team], b"We said so.\n");
    desk.ingest(&plain("csirt@example.org", "quoted", &text(&ran.out)), FRIDAY);
    assert_eq!(first_message(&desk, "1")["verdict"]["signature"], "unknown_key");
    std::fs::write(desk.path("team.asc"), secret).unwrap();
    desk.once(LATER);
    let message = first_message(&desk, "1");
    assert_eq!(message["verdict"]["signature"], "unknown_key");
    assert_eq!(message["rechecked"]["verdict"]["signature"], "good", "{message}");
    assert_eq!(message["rechecked"]["verdict"]["authenticated"], "full");
}

#[test]
fn what_was_opened_is_not_said_to_have_failed_while_the_teams_key_is_away() {
    let desk = Desk::new();
    let key = stranger(&desk, "R <r@else.example>");
    desk.ingest(&signed(&desk, &key, ADDRESS, "one"), FRIDAY);
    desk.once(FRIDAY);
    let secret = std::fs::read(desk.path("team.asc")).unwrap();
    std::fs::remove_file(desk.path("team.asc")).unwrap();
    import(&desk, &desk.gpg.export(&key));
    desk.once(LATER);
    assert_eq!(first_message(&desk, "1")["rechecked"], Value::Null);
    std::fs::write(desk.path("team.asc"), secret).unwrap();
    desk.once("2026-11-27T18:10:00+01:00");
    let message = first_message(&desk, "1");
    assert_eq!(message["rechecked"]["verdict"]["encryption"], "decrypted");
    assert_eq!(message["rechecked"]["verdict"]["signature"], "good");
}

#[test]
fn another_key_for_a_known_address_raises_an_alert_and_replaces_nothing() {
    let desk = Desk::new();
    let old = desk.befriend("A <a@corp.example>");
    desk.ingest(&plain("a@corp.example", "Earlier", "an earlier report"), FRIDAY);
    let new = stranger(&desk, "A <a@corp.example>");
    let mail = with_autocrypt(&plain("a@corp.example", "Use this key", "x"), "a@corp.example", &desk.gpg.export(&new));
    desk.ingest(&mail, FRIDAY);
    desk.once(FRIDAY);
    let told = notices(&desk, "key change");
    assert_eq!(told.len(), 1, "to each who takes escalations, once");
    assert_eq!(desk.sent_to("boss@example.org").len(), 1);
    assert!(told[0].contains("Nothing shows that the holder"), "{}", told[0]);
    for word in ["corp.example", old.as_str(), new.as_str(), "Use this"] {
        assert!(!told[0].contains(word), "in clear it says {word}");
    }
    // On the ticket whose mail brought it, and on what the reporter has open.
    for number in ["1", "2"] {
        let told = history(&desk, number);
        assert!(told.contains(&format!("certificate {new} came as a candidate")), "{told}");
    }
    let key = key_of(&desk, &new);
    assert_eq!((&key["candidate"], &key["authenticated"]), (&json!(true), &json!("none")));
    assert_eq!(key_of(&desk, &old)["candidate"], false);
    // The acknowledgement is encrypted to the one that the team knows.
    let acknowledgement = desk.sent_to("a@corp.example").pop().unwrap();
    let armored = &acknowledgement[acknowledgement.find("-----BEGIN PGP MESSAGE-----").expect("ciphertext")..];
    let ran = desk.gpg.run(&["--list-only", "--list-packets"], armored.as_bytes());
    let subkey = |key: &str| {
        let listed = text(&desk.gpg.ok(&["--with-colons", "--list-keys", key]));
        listed
            .lines()
            .find_map(|line| line.strip_prefix("sub:").map(|l| l.split(':').nth(3).unwrap().to_owned()))
            .unwrap()
    };
    let recipients: Vec<&String> = ran.status.iter().filter(|line| line.starts_with("ENC_TO")).collect();
    assert!(recipients.iter().any(|line| line.contains(&subkey(&old))), "{recipients:?}");
    assert!(!recipients.iter().any(|line| line.contains(&subkey(&new))), "{recipients:?}");
    // It is told once, and the same mail again tells nothing new.
    desk.ingest(
        &with_autocrypt(&plain("a@corp.example", "Again", "y"), "a@corp.example", &desk.gpg.export(&new)),
        FRIDAY,
    );
    desk.once(LATER);
    assert_eq!(notices(&desk, "key change").len(), 1);
}

#[test]
fn a_key_change_signed_with_the_old_key_is_a_suggestion_that_a_person_confirms() {
    let desk = Desk::new();
    let old = desk.befriend("A <a@corp.example>");
    let lead = desk.befriend("Lead <lead@example.org>");
    let new = stranger(&desk, "A <a@corp.example>");
    let armour = text(&desk.gpg.ok(&["--armor", "--export", &new]));
    let inner = protected("a@corp.example", "New key", &armour);
    let mail = pgp_mime("a@corp.example", "...", &desk.gpg.seal(&[&desk.team], Some(&old), inner.as_bytes()));
    desk.ingest(&mail, FRIDAY);
    desk.once(FRIDAY);
    assert_eq!(first_message(&desk, "1")["verdict"]["signature"], "good");
    assert_eq!(key_of(&desk, &new)["candidate"], true, "confirmed by hand or not at all");
    assert!(history(&desk, "1").contains("in a mail signed with that one"));
    // The lead has a certificate: encrypted, the notice may name whom it is about.
    assert!(!lead.is_empty());
    let sent = desk.sent_to("lead@example.org");
    let opened: Vec<String> = sent
        .iter()
        .filter_map(|mail| Some(&mail[mail.find("-----BEGIN PGP MESSAGE-----")?..]))
        .map(|armored| text(&desk.gpg.run(&["--decrypt"], armored.as_bytes()).out))
        .collect();
    let notice = opened.iter().find(|mail| mail.contains("key change")).expect("a notice");
    for word in ["suggests a planned change", new.as_str(), "a@corp.example"] {
        assert!(notice.replace("=\r\n", "").replace("\r\n", " ").contains(word), "{word} is not in {notice}");
    }
    desk.ok(&["--as", "alice", "key", "trust", &new, "--method", "call-back", "--note", "rang their desk"]);
    let key = key_of(&desk, &new);
    assert_eq!((&key["candidate"], &key["authenticated"]), (&json!(false), &json!("full")));
    assert_eq!(key["origin"]["confirmed_by"], "alice");
    assert_eq!(key["origin"]["method"], "call-back");
    assert!(key["origin"]["confirmed_at"].is_string());
}

#[test]
fn the_end_of_a_known_certificate_is_told_at_30_days_at_7_and_when_it_is_over() {
    let desk = Desk::new();
    desk.gpg.turn_to("20260101T000000");
    let key = desk.gpg.generate_until(Kind::Curve25519, "A <a@corp.example>", "20270115T120000");
    let candidate = desk.gpg.generate_until(Kind::Curve25519, "C <c@corp.example>", "20270115T120000");
    desk.gpg.turn_to("20261127T165500");
    import(&desk, &desk.gpg.export(&key));
    desk.ingest(
        &with_autocrypt(&plain("c@corp.example", "x", "x"), "c@corp.example", &desk.gpg.export(&candidate)),
        FRIDAY,
    );
    desk.ingest(&plain("a@corp.example", "Open", "an open report"), FRIDAY);
    let mut told = Vec::new();
    for day in [
        "2026-11-28",
        "2026-12-16",
        "2026-12-17",
        "2027-01-07",
        "2027-01-08",
        "2027-01-09",
        "2027-01-15",
        "2027-01-16",
        "2027-01-17",
    ] {
        desk.once(&format!("{day}T13:00:00+01:00"));
        desk.once(&format!("{day}T14:00:00+01:00"));
        told.push(notices(&desk, "key expiry").len());
    }
    assert_eq!(told, [0, 1, 1, 1, 2, 2, 3, 3, 3], "once a stage, and not of candidates");
    let last = notices(&desk, "key expiry").pop().unwrap();
    assert!(last.replace("=\r\n", "").contains("has expired") && !last.contains(&key), "{last}");
    let told = history(&desk, "EX-2026-000002");
    for line in ["expires within 30 days", "expires within 7 days", "has expired"] {
        assert!(told.contains(&format!("certificate {key} {line}")), "{told}");
    }
    // Its owner extends it: that begins anew, and is told again before the new end.
    desk.gpg.turn_to("20270114T120000");
    desk.gpg.ok(&["--quick-set-expire", &key, "20270214T120000"]);
    desk.gpg.ok(&["--quick-set-expire", &key, "20270214T120000", "*"]);
    import(&desk, &desk.gpg.export(&key));
    desk.once("2027-01-18T13:00:00+01:00");
    assert_eq!(notices(&desk, "key expiry").len(), 4);
    let shown = key_of(&desk, &key);
    assert!(shown["problems"].to_string().contains("expires on 2027-02-14"), "{shown}");
}

#[test]
fn a_certificate_that_was_over_when_it_was_imported_is_told_to_who_imports_it_alone() {
    let desk = Desk::new();
    desk.gpg.turn_to("20260101T000000");
    let key = desk.gpg.generate_until(Kind::Curve25519, "A <a@corp.example>", "20260601T120000");
    desk.gpg.turn_to("20261127T165500");
    desk.once(FRIDAY);
    assert!(import(&desk, &desk.gpg.export(&key)).contains("expired on 2026-06-01"));
    desk.once("2026-11-28T18:00:00+01:00");
    assert!(notices(&desk, "key expiry").is_empty());
}

#[test]
fn the_end_of_the_teams_own_key_is_told_at_90_30_and_7_days() {
    let desk = Desk::new();
    desk.gpg.ok(&["--quick-set-expire", &desk.team, "20270401T120000"]);
    std::fs::write(desk.path("team.asc"), desk.gpg.export_secret(&desk.team)).unwrap();
    let mut told = Vec::new();
    for day in ["2026-11-28", "2027-01-02", "2027-02-15", "2027-03-03", "2027-03-26", "2027-03-30"] {
        desk.once(&format!("{day}T13:00:00+01:00"));
        told.push(notices(&desk, "team key expiry").len());
    }
    assert_eq!(told, [0, 1, 1, 2, 3, 3]);
    assert!(desk.json(&["key", "list"])[0]["problems"].to_string().contains("expires on 2027-04-01"));
}

#[test]
fn a_revocation_that_is_imported_is_told_and_counts_for_mail_that_is_filed() {
    let desk = Desk::new();
    let key = desk.befriend("A <a@corp.example>");
    desk.ingest(&signed(&desk, &key, "a@corp.example", "one"), FRIDAY);
    assert_eq!(first_message(&desk, "1")["verdict"]["signature"], "good");
    import(&desk, &desk.gpg.export_revoked(&key));
    desk.once(LATER);
    let message = first_message(&desk, "1");
    assert_eq!(message["verdict"]["signature"], "good", "as at arrival");
    assert_eq!(message["rechecked"]["verdict"]["signature"], "revoked_key");
    assert_eq!(notices(&desk, "key revoked").len(), 1);
    assert!(history(&desk, "1").contains(&format!("certificate {key} was revoked by its owner")));
    assert_eq!(key_of(&desk, &key)["revoked"], true);
}

#[test]
fn a_revocation_that_comes_by_mail_is_taken_and_nothing_else_of_that_copy() {
    let desk = Desk::new();
    let key = desk.befriend("A <a@corp.example>");
    desk.ingest(&signed(&desk, &key, "a@corp.example", "one"), FRIDAY);
    // A copy with one more user ID, from whomever: it waits for an import.
    desk.gpg.ok(&["--quick-add-uid", &key, "A <a@new.example>"]);
    let mail = with_autocrypt(&plain(ADDRESS, "x", "x"), ADDRESS, &desk.gpg.export(&key));
    desk.ingest(&mail, FRIDAY);
    assert_eq!(key_of(&desk, &key)["addresses"], json!(["a@corp.example"]));
    let revoked = desk.gpg.export_revoked(&key);
    desk.ingest(&with_autocrypt(&plain(ADDRESS, "y", "y"), ADDRESS, &revoked), LATER);
    desk.once(LATER);
    let shown = key_of(&desk, &key);
    assert_eq!(shown["revoked"], true, "{shown}");
    assert_eq!(shown["candidate"], false);
    assert_eq!(notices(&desk, "key revoked").len(), 1);
    assert!(notices(&desk, "key change").is_empty());
    assert_eq!(first_message(&desk, "1")["rechecked"]["verdict"]["signature"], "revoked_key");
    assert!(history(&desk, "3").contains(&format!("certificate {key} was revoked by its owner")));
    // The same once more is no news.
    desk.ingest(&with_autocrypt(&plain(ADDRESS, "z", "z"), ADDRESS, &revoked), LATER);
    assert!(!history(&desk, "4").contains("revoked"));
    // What is imported by hand is merged whole: the user ID comes with it.
    import(&desk, &revoked);
    let listed = text(&desk.gpg.ok(&["--with-colons", "--list-keys", &key]));
    assert!(listed.contains("a@new.example") && key_of(&desk, &key)["user_ids"].to_string().contains("a@new.example"));
}

#[test]
fn the_first_key_of_a_stranger_serves_the_acknowledgement_and_nothing_more() {
    let desk = Desk::new();
    let key = stranger(&desk, "R <r@else.example>");
    let second = stranger(&desk, "R <r@else.example>");
    let mail = with_autocrypt(&signed(&desk, &key, ADDRESS, "Zanzibar"), ADDRESS, &desk.gpg.export(&key));
    desk.ingest(&mail, FRIDAY);
    desk.once(FRIDAY);
    let message = first_message(&desk, "1");
    assert_eq!(message["verdict"]["signature"], "unknown_key", "a key that came along proves nothing");
    assert_eq!(message["verdict"]["authenticated"], "none");
    assert_eq!(key_of(&desk, &key)["candidate"], true);
    let open = |mail: &str| {
        let armored = mail[mail.find("-----BEGIN PGP MESSAGE-----").expect("ciphertext")..].to_owned();
        desk.gpg.turn_to("20261127T170200");
        desk.gpg.run(&["--decrypt"], armored.as_bytes())
    };
    let acknowledgement = desk.sent_to(ADDRESS).pop().expect("an acknowledgement");
    assert_eq!(header(&acknowledgement, "Subject").as_deref(), Some("[...]"));
    let ran = open(&acknowledgement);
    assert!(ran.success && text(&ran.out).contains("[EX-2026-000001] Report received"), "{:?}", ran.status);
    assert!(!text(&ran.out).contains("Zanzibar"), "content-free");
    // Nothing of the report is encrypted to it.
    let answer = |desk: &Desk| desk.feed(&["--as", "alice", "ticket", "answer", "1"], b"Thank you.\n");
    let refused = answer(&desk);
    assert_eq!(refused.status.code(), Some(1), "{}", text(&refused.stderr));
    // A later key displaces it nowhere: the acknowledgement of the next report goes to the first.
    let mail = with_autocrypt(&plain(ADDRESS, "More", "more"), ADDRESS, &desk.gpg.export(&second));
    desk.ingest(&mail, FRIDAY);
    desk.once(FRIDAY);
    let acknowledgement = desk.sent_to(ADDRESS).pop().unwrap();
    assert!(open(&acknowledgement).says("DECRYPTION_OKAY"));
    let listed = text(&desk.gpg.ok(&["--with-colons", "--list-keys", &key]));
    let subkey = listed.lines().find_map(|l| l.strip_prefix("sub:").map(|l| l.split(':').nth(3).unwrap())).unwrap();
    assert!(open(&acknowledgement).says(&format!("ENC_TO {subkey}")));
    // A person confirms the first one.
    desk.ok(&["--as", "alice", "key", "trust", &key, "--method", "in-person"]);
    assert_eq!(first_message(&desk, "1")["rechecked"]["verdict"]["authenticated"], "full");
    assert!(answer(&desk).status.success());
    desk.once(LATER);
    let answered = desk.sent_to(ADDRESS).pop().unwrap();
    let ran = open(&answered);
    assert!(ran.success && text(&ran.out).contains("Thank you."), "{:?}", ran.status);
    // Removed and mailed again it begins as a candidate, the confirmation forgotten.
    desk.ok(&["--as", "alice", "key", "remove", &key]);
    desk.ingest(&with_autocrypt(&plain(ADDRESS, "Last", "last"), ADDRESS, &desk.gpg.export(&key)), LATER);
    assert_eq!(key_of(&desk, &key)["candidate"], true);
}

/// A FIRST-like team's key, and a member whose first user ID it certified.
fn introduced(desk: &Desk) -> (String, String) {
    desk.gpg.turn_to("20260101T000000");
    let first = desk.gpg.generate(Kind::Rsa3072, "Forum <keys@forum.example>");
    let member = desk.gpg.generate(Kind::Curve25519, "M <m@member.example>");
    desk.gpg.ok(&["--quick-add-uid", &member, "M <m@private.example>"]);
    desk.gpg.turn_to("20260201T000000");
    desk.gpg.ok(&["--yes", "--default-key", &first, "--quick-sign-key", &member, "M <m@member.example>"]);
    desk.gpg.turn_to("20261127T165500");
    (first, member)
}

#[test]
fn an_introducer_speaks_for_the_user_id_that_it_certified_and_for_no_other() {
    let mut setup = Setup::default();
    let desk = Desk::new();
    let (first, member) = introduced(&desk);
    setup.pgp = format!("introducers = [\"{first}\"]");
    desk.configure(&setup);
    import(&desk, &desk.gpg.export(&member));
    desk.ingest(&signed(&desk, &member, "m@member.example", "one"), FRIDAY);
    desk.ingest(&signed(&desk, &member, "m@private.example", "two"), FRIDAY);
    let standing = |number: &str, which: &str| match which {
        "verdict" => first_message(&desk, number)["verdict"]["authenticated"].clone(),
        _ => first_message(&desk, number)["rechecked"]["verdict"]["authenticated"].clone(),
    };
    assert_eq!(standing("1", "verdict"), "marginal", "the introducer's own certificate is not here");
    // A mailed copy of it does not do.
    let mail = with_autocrypt(
        &plain("keys@forum.example", "Our key", "x"),
        "keys@forum.example",
        &desk.gpg.ok(&["--export-options", "export-minimal", "--export", &first]),
    );
    desk.ingest(&mail, FRIDAY);
    assert_eq!(key_of(&desk, &first)["candidate"], true);
    desk.ingest(&signed(&desk, &member, "m@member.example", "three"), FRIDAY);
    assert_eq!(standing("4", "verdict"), "marginal");
    import(&desk, &desk.gpg.export(&first));
    desk.once(LATER);
    assert_eq!(standing("1", "rechecked"), "full");
    assert_eq!(standing("2", "rechecked"), "marginal", "the other user ID is not certified");
    assert_eq!((standing("1", "verdict"), standing("2", "verdict")), (json!("marginal"), json!("marginal")));
    let shown = key_of(&desk, &member);
    assert_eq!(shown["certified"], json!(["m@member.example"]));
    assert_eq!(shown["authenticated"], "marginal", "not for the whole of it");
    // Whom the team trusts no longer introduces nobody.
    setup.pgp.clear();
    desk.configure(&setup);
    desk.once("2026-11-27T18:20:00+01:00");
    assert_eq!(standing("1", "rechecked"), "marginal");
}

#[test]
fn a_certification_by_nobody_in_particular_introduces_nobody() {
    let desk = Desk::new();
    let (first, member) = introduced(&desk);
    import(&desk, &desk.gpg.export(&first));
    import(&desk, &desk.gpg.export(&member));
    desk.ingest(&signed(&desk, &member, "m@member.example", "one"), FRIDAY);
    assert_eq!(first_message(&desk, "1")["verdict"]["authenticated"], "marginal");
    assert_eq!(key_of(&desk, &member)["certified"], json!([]));
}

#[test]
fn a_key_block_with_mangled_dashes_in_a_document_is_imported_and_then_confirmed() {
    let desk = Desk::new();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/keys/word-processor-dashes.txt");
    let fingerprint = "ECB2 DE94 A0F3 0EAA A102  CA91 E2D5 9BE9 E719 2DED";
    imports_a_document(&desk, file, fingerprint, "csirt@paper.example");
    // The folder takes such a document as well.
    let other = Desk::new();
    std::fs::copy(file, other.path("certs/rfc2350.txt")).unwrap();
    assert_eq!(key_of(&other, fingerprint)["authenticated"], "marginal");
}

fn imports_a_document(desk: &Desk, file: &str, fingerprint: &str, address: &str) {
    let said = desk.ok(&["--as", "alice", "key", "import", file]);
    assert!(said.contains(&fingerprint.replace(' ', "")) && said.contains("not confirmed"), "{said}");
    assert_eq!(key_of(desk, fingerprint)["authenticated"], "marginal");
    desk.ok(&["--as", "alice", "key", "trust", fingerprint, "--method", "document"]);
    let key = key_of(desk, fingerprint);
    assert_eq!((&key["authenticated"], &key["addresses"]), (&json!("full"), &json!([address])));
}

#[test]
fn the_key_block_of_a_real_document_is_imported_where_the_seeds_are_at_hand() {
    let Ok(seeds) = std::env::var("VIGIE_SEEDS") else {
        eprintln!("skipped: VIGIE_SEEDS names no folder with RFC 2350 documents");
        return;
    };
    let desk = Desk::new();
    let file = format!("{seeds}/rfc2350-csirt-iicrai.txt");
    let fingerprint = "50FC EBC5 5956 B8E4 3553 248C 7BFF 3F47 0CBA 01B2";
    imports_a_document(&desk, &file, fingerprint, "csirt@iicrai.org");
}

#[test]
fn a_poisoned_certificate_is_cut_to_what_is_bound_and_quickly() {
    let desk = Desk::new();
    let (first, member) = introduced(&desk);
    let octets = desk.gpg.export(&member);
    let mut flood = Vec::new();
    for packet in vigie::edge::openpgp::armor::packets(&octets) {
        let whole = &octets[packet.span];
        flood.extend_from_slice(whole);
        if packet.tag == 13 {
            // The forum's certification, 30 000 times: it is no introducer here.
            let by = desk.gpg.ok(&["--export", &first]);
            let foreign = vigie::edge::openpgp::armor::packets(&by).find(|packet| packet.tag == 2).unwrap();
            (0..30_000).for_each(|_| flood.extend_from_slice(&by[foreign.span.clone()]));
        }
    }
    // A user attribute of 3 MiB, and 30 000 user IDs that nobody bound.
    flood.extend([0xD1, 0xFF]);
    flood.extend((3u32 << 20).to_be_bytes());
    flood.extend(vec![1; 3 << 20]);
    for n in 0..30_000 {
        let id = format!("{n} <{n}@evil.example>");
        flood.extend([0xCD, id.len() as u8]);
        flood.extend(id.as_bytes());
    }
    assert!(flood.len() > 10 << 20, "{}", flood.len());
    let began = std::time::Instant::now();
    import(&desk, &flood);
    assert!(began.elapsed() < std::time::Duration::from_secs(20), "{:?}", began.elapsed());
    let key = key_of(&desk, &member);
    assert_eq!(key["addresses"].as_array().map(Vec::len), Some(2), "{key}");
    assert!(key["problems"].as_array().unwrap().is_empty(), "{key}");
    let kept = desk.ok(&["key", "export", &member]);
    assert!(kept.len() < 4096, "{} octets are left", kept.len());
    desk.ingest(&signed(&desk, &member, "m@member.example", "one"), FRIDAY);
    assert_eq!(first_message(&desk, "1")["verdict"]["signature"], "good");
}

fn sq(arguments: &[&str]) -> String {
    let ran = Command::new("sq").args(arguments).output().expect("sq runs");
    assert!(ran.status.success(), "sq {arguments:?}: {}", text(&ran.stderr));
    text(&ran.stdout)
}

#[test]
fn certificates_go_out_to_gnupg_and_sq_and_come_in_from_both() {
    let desk = Desk::with(Setup { simulated: false, ..Setup::default() });
    let path = |name: &str| desk.path(name).to_str().unwrap().to_owned();
    // In, by the folder: one from each.
    let of_gpg = desk.gpg.generate(Kind::Rsa3072, "G <g@corp.example>");
    std::fs::write(desk.path("certs/g.asc"), desk.gpg.ok(&["--armor", "--export", &of_gpg])).unwrap();
    sq(&["key", "generate", "--userid", "S <s@corp.example>", "--export", &path("s.key")]);
    sq(&["key", "extract-cert", "--output", &path("certs/s.pgp"), &path("s.key")]);
    let known = desk.json(&["key", "list"]);
    let of_address = |address: &str| {
        let found = known.as_array().unwrap().iter().find(|key| key["addresses"] == json!([address]));
        found.unwrap_or_else(|| panic!("{address} is not in {known}"))["fingerprint"].as_str().unwrap().to_owned()
    };
    assert_eq!(of_address("g@corp.example"), of_gpg);
    let of_sq = of_address("s@corp.example");
    // Out: each tool takes what the other made, and the team's own.
    let elsewhere = Gnupg::at("20260101T000000");
    elsewhere.turn_to_now();
    for fingerprint in [&of_gpg, &of_sq, &desk.team] {
        let armour = desk.ok(&["key", "export", fingerprint]);
        assert!(armour.starts_with("-----BEGIN PGP PUBLIC KEY BLOCK-----") && !armour.contains("PRIVATE"));
        let ran = elsewhere.run(&["--import"], armour.as_bytes());
        assert!(ran.says("IMPORT_OK 1 ") && ran.says(&format!("IMPORT_OK 1 {fingerprint}")), "{:?}", ran.status);
        std::fs::write(path("out.asc"), armour).unwrap();
        assert!(sq(&["inspect", &path("out.asc")]).contains(fingerprint.as_str()));
    }
    // What sq encrypts to the exported certificate and signs with its key is opened and verified.
    std::fs::write(path("team.pgp"), desk.ok(&["key", "export", &desk.team])).unwrap();
    std::fs::write(path("mail"), protected("s@corp.example", "By sq", "Hello.")).unwrap();
    let (team, key, mail) = (path("team.pgp"), path("s.key"), path("mail"));
    let sealed = sq(&["encrypt", "--recipient-cert", &team, "--signer-key", &key, &mail]);
    let now = vigie::edge::clock::system_now().to_string();
    let line = desk.feed(&["ingest", "--mailbox", "csirt", "-"], &pgp_mime("s@corp.example", "...", &sealed));
    assert!(line.status.success(), "{now}: {}", text(&line.stderr));
    let verdict = &first_message(&desk, "1")["verdict"];
    assert_eq!((&verdict["encryption"], &verdict["signature"]), (&json!("decrypted"), &json!("good")), "{verdict}");
    assert_eq!(verdict["signer"], json!(of_sq));
}
