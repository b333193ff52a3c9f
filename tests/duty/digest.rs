//! The digest: when it comes, to whom, and what it may say.

use super::*;
use support::desk::{Setup, plain, unquoted};
use support::gnupg::Kind;

/// A desk whose analysts get digests at the usual hour.
fn desk() -> Desk {
    let desk = Desk::new();
    reconfigure(&desk, "digest = \"none\"", "digest = \"08:30\"");
    once(&desk, "2026-11-26T12:00:00+01:00");
    desk
}

fn digests(desk: &Desk) -> Vec<(String, String)> {
    let is_digest = |mail: &str| {
        let subject = support::desk::header(mail, "Subject").unwrap_or_default();
        subject.contains("Digest") || subject.contains("You are on duty")
    };
    desk.sent().into_iter().filter(|(_, mail)| is_digest(mail)).map(|(to, mail)| (to, unquoted(&mail))).collect()
}

#[test]
fn a_day_with_nothing_to_tell_brings_no_digest() {
    let desk = desk();
    for now in ["2026-11-27T08:30:00+01:00", "2026-11-30T08:30:00+01:00", "2026-11-30T09:00:00+01:00"] {
        once(&desk, now);
    }
    assert_eq!(desk.sent(), []);
}

#[test]
fn the_digest_comes_on_business_days_and_at_the_handover_to_whom_is_on_duty_then() {
    let desk = desk();
    desk.ingest(&plain("a@corp.example", "Report", "report"), "2026-11-26T18:00:00+01:00");
    for (now, to) in [
        ("2026-11-27T08:29:00+01:00", None),
        ("2026-11-27T08:30:00+01:00", Some("alice@")),
        ("2026-11-27T08:31:00+01:00", None),
        ("2026-11-28T08:30:00+01:00", None),
        ("2026-11-29T08:30:00+01:00", None),
        ("2026-11-30T08:30:00+01:00", Some("alice@")),
        ("2026-11-30T08:59:00+01:00", None),
        ("2026-11-30T09:00:00+01:00", Some("bob@")),
        ("2026-11-30T09:01:00+01:00", None),
        ("2026-12-01T10:00:00+01:00", Some("bob@")),
        ("2026-12-01T12:00:00+01:00", None),
    ] {
        let before = digests(&desk).len();
        once(&desk, now);
        let came: Vec<String> = digests(&desk)[before..].iter().map(|(to, _)| to.clone()).collect();
        assert_eq!(came.len(), usize::from(to.is_some()), "{now}: {came:?}");
        assert!(to.is_none_or(|to| came[0].contains(to)), "{now}: {came:?}");
    }
    let subjects: Vec<String> =
        digests(&desk).iter().filter_map(|(_, mail)| support::desk::header(mail, "Subject")).collect();
    assert_eq!(subjects[0], "Digest: 1 open");
    assert_eq!(subjects[1], "Digest: 1 due");
    assert_eq!(subjects[2], "You are on duty: 1 due");
    assert_eq!(subjects[3], "Digest: 1 broken");
}

#[test]
fn a_stand_in_gets_the_digest_when_they_come_on_duty_and_not_two_at_once() {
    let desk = desk();
    desk.ingest(&plain("a@corp.example", "Report", "report"), "2026-11-26T18:00:00+01:00");
    let (from, to) = ("2026-11-27T08:30:00+01:00", "2026-11-27T20:00:00+01:00");
    desk.ok(&["--as", "alice", "duty", "override", "--analyst", "boss", "--from", from, "--to", to]);
    once(&desk, from);
    let came = digests(&desk);
    assert_eq!(came.len(), 1, "{came:?}");
    assert!(came[0].0.contains("boss@") && came[0].1.contains("You are on duty"));
    once(&desk, to);
    assert!(digests(&desk)[1].0.contains("alice@"));
}

#[test]
fn on_days_of_ones_own_and_never() {
    let desk = desk();
    reconfigure(&desk, "digest = \"08:30\"", "digest = \"Sat 17:00\"");
    desk.ingest(&plain("a@corp.example", "Report", "report"), "2026-11-26T18:00:00+01:00");
    once(&desk, "2026-11-27T09:00:00+01:00");
    assert_eq!(digests(&desk).len(), 0);
    once(&desk, "2026-11-28T17:00:00+01:00");
    assert_eq!(digests(&desk).len(), 1);
    reconfigure(&desk, "digest = \"Sat 17:00\"", "digest = \"none\"");
    once(&desk, "2026-12-05T17:00:00+01:00");
    assert_eq!(digests(&desk).len(), 1);
}

#[test]
fn the_digest_tells_of_spam_quarantine_pages_and_what_could_not_be_sent() {
    let desk =
        Desk::with(Setup { more: "[triage]\nspam_header = \"X-Spam-Flag: YES\"\n".to_owned(), ..Setup::default() });
    reconfigure(&desk, "digest = \"none\"", "digest = \"08:30\"");
    once(&desk, "2026-11-26T12:00:00+01:00");
    let spam = text(&plain("s@else.example", "Buy", "buy")).replace("MIME-Version", "X-Spam-Flag: YES\r\nMIME-Version");
    desk.ingest(spam.as_bytes(), "2026-11-26T18:00:00+01:00");
    desk.ingest(&plain("a@corp.example", "[URGENT] Report", "report"), "2026-11-26T18:00:00+01:00");
    once(&desk, "2026-11-27T08:30:00+01:00");
    let (_, words) = &digests(&desk)[0];
    for line in [
        "Digest: 1 open, 1 suspected spam",
        "Open: 1\r\n  EX-2026-000002  14 h 30 min old, reported URGENT (in an unprotected subject), due Monday 30 November 2026 18:00",
        "Suspected spam since the last digest: 1\r\n  EX-2026-000001  14 h 30 min old",
        "Pages that nobody has acknowledged: 1",
    ] {
        assert!(words.contains(line), "{line}: {words}");
    }
    once(&desk, "2026-11-30T08:30:00+01:00");
    let (_, words) = digests(&desk).last().cloned().unwrap();
    assert!(!words.contains("spam"), "told once: {words}");
}

#[test]
fn t111_in_clear_the_digest_holds_no_word_of_a_report_and_sealed_nothing_of_what_is_red() {
    let desk = desk();
    let bob = desk.gpg.generate(Kind::Curve25519, "Alice <alice@example.org>");
    for (nth, subject) in
        ["kanarienvogel [TLP:RED]", "zeisig [TLP:AMBER+STRICT]", "buchfink [TLP:GREEN]"].iter().enumerate()
    {
        desk.ingest(&plain(&format!("amsel{nth}@corp.example"), subject, "drossel"), "2026-11-26T18:00:00+01:00");
    }
    once(&desk, "2026-11-27T08:30:00+01:00");
    let (to, words) = &digests(&desk)[0];
    assert!(to.contains("alice@") && words.contains("EX-2026-000003"), "{words}");
    for bird in ["kanarienvogel", "zeisig", "buchfink", "amsel", "drossel", "TLP", "RED"] {
        assert!(!words.contains(bird), "{bird}: {words}");
    }

    std::fs::write(desk.path("certs/alice.pgp"), desk.gpg.export(&bob)).unwrap();
    let before = desk.sent_to("alice@").len();
    once(&desk, "2026-11-30T08:30:00+01:00");
    let sealed = desk.sent_to("alice@").split_off(before);
    let digest = sealed.last().expect("a digest");
    assert_eq!(support::desk::header(digest, "Subject").as_deref(), Some("[...]"));
    let opened = sealed.iter().map(|mail| open(&desk, mail)).find(|mail| mail.contains("Digest")).expect("the digest");
    assert!(opened.contains("buchfink") && opened.contains("EX-2026-000001"), "{opened}");
    for bird in ["kanarienvogel", "zeisig", "amsel", "drossel"] {
        assert!(!opened.contains(bird), "{bird}: {opened}");
    }
}

/// What GnuPG makes of an encrypted mail.
fn open(desk: &Desk, mail: &str) -> String {
    let begin = mail.find("-----BEGIN PGP MESSAGE").expect("a ciphertext");
    let opened = desk.gpg.run(&["--decrypt"], &mail.as_bytes()[begin..]);
    unquoted(&text(&opened.out))
}
