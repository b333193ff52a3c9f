//! Each mail of `testdata/mail` is read as a person would read it.

#[path = "support/plainly.rs"]
mod plain;

use std::path::Path;
use vigie::arrive::read::read;
use vigie::rules::report::{Problem, Report};

fn report(name: &str) -> Report {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/mail").join(name);
    read(plain::plainly(&std::fs::read(&path).unwrap_or_else(|error| panic!("{name}: {error}"))))
}

fn values(report: &Report) -> Vec<&str> {
    report.indicators.iter().map(|one| one.value.raw()).collect()
}

/// File, subject, text, attachments as `name:octets`, problems.
type Row = (&'static str, &'static str, &'static str, &'static [&'static str], &'static [Problem]);

const MAILS: &[Row] = &[
    ("outlook-winmail-dat.eml", "Phishing", "Voilà le message.", &["winmail.dat:6"], &[Problem::Tnef]),
    ("webserver-mixed-line-ends.eml", "Log", "first\nsecond\nthird 198.51.100.7", &[], &[]),
    ("applemail-inline-text-file.eml", "Two texts", "See below.", &["access.log:20", "notes.txt:17"], &[]),
    ("classicmac-bare-cr.eml", "Old line ends", "Seen 198.51.100.7\ntoday.", &[], &[]),
    ("mbox-from-line.eml", "From a folder", "body", &[], &[]),
    (
        "script-no-blank-line.eml",
        "Alert",
        "Disk seen at evil[.]example[.]com\nsecond line",
        &[],
        &[Problem::BadStructure],
    ),
    ("gateway-utf7-body.eml", "+ADw-b+AD4-", "+ADw-script+AD4-", &[], &[Problem::UnknownCharset]),
    ("webmail-unclosed-boundary.eml", "Cut", "begun", &["half.bin:4"], &[Problem::BadStructure]),
    ("rfc9788-legacy-display.eml", "[URGENT] real subject", "The message itself.", &[], &[]),
    ("enigmail-protected-headers-part.eml", "...", "The message itself.", &[], &[]),
    ("thunderbird-forward-as-attachment.eml", "Fwd: Verify", "Got this.", &["Verify.eml:278"], &[]),
    (
        "newsletter-html-only.eml",
        "HTML only",
        "Café at [this place][1]\n\n[1]: https://evil.example.com/a?b=c",
        &[],
        &[],
    ),
    ("oldclient-raw-8bit-header.eml", "Incident signalé", "déjà vu", &[], &[]),
    ("phisher-two-from-fields.eml", "one", "which?", &[], &[Problem::AmbiguousHeader]),
    (
        "attacker-hostile-file-names.eml",
        "Names",
        "",
        &["x:1", "con:1", "gpj\u{202E}exe.txt:1", ":1", "200 octets:1", "a\0b:1"],
        &[],
    ),
    ("mailman-footer-behind-base64.eml", "[list] text", "Le texte est entier : éàü.", &[], &[Problem::BadEncoding]),
    (
        "mta-body-only.eml",
        "",
        "Dear team: we saw 198.51.100.7\nand no header at all.",
        &[],
        &[Problem::NoHeaders, Problem::NoFrom],
    ),
    ("zero-octets.eml", "", "", &[], &[Problem::Empty, Problem::NoFrom]),
    ("outlook-alternative-with-related.eml", "Three ways", "plain words", &["logo.png:8"], &[]),
];

#[test]
fn every_mail_is_read_as_a_person_would() {
    for &(name, subject, text, attachments, problems) in MAILS {
        let report = report(name);
        let seen: Vec<String> = report
            .attachments
            .iter()
            .map(|one| match one.name.raw() {
                long if long.len() == 200 => format!("200 octets:{}", one.bytes.len()),
                short => format!("{short}:{}", one.bytes.len()),
            })
            .collect();
        assert_eq!((report.subject.raw(), report.text.raw()), (subject, text), "{name}");
        assert_eq!(seen, attachments, "{name}");
        assert_eq!(report.problems, problems, "{name}");
    }
}

#[test]
fn no_mail_of_the_folder_is_left_out() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/mail");
    for entry in std::fs::read_dir(folder).expect("the folder is part of the repository") {
        let name = entry.expect("readable").file_name().into_string().expect("plain names");
        assert!(MAILS.iter().any(|(listed, ..)| *listed == name), "{name} is in no row");
    }
}

#[test]
fn indicators_come_from_all_that_was_said() {
    for (name, wanted) in [
        (
            "thunderbird-forward-as-attachment.eml",
            &["203.0.113.9", "mx.bad.example.net", "bank@bad.example.net", "http://login.bad.example.com/x"][..],
        ),
        ("outlook-alternative-with-related.eml", &["http://only-in-html.example.com/"]),
        ("applemail-inline-text-file.eml", &["198.51.100.8"]),
        ("script-no-blank-line.eml", &["evil.example.com"]),
    ] {
        let report = report(name);
        for value in wanted {
            assert!(values(&report).contains(value), "{name} lacks {value}: {:?}", values(&report));
        }
    }
}

#[test]
fn the_head_is_read() {
    let report = report("mbox-from-line.eml");
    assert_eq!(report.from.map(|address| address.to_string()).as_deref(), Some("ann@reporter.example"));
    assert_eq!((report.from_name.raw(), report.to.len(), report.cc.len()), ("Ann Reporter", 1, 0));
    assert_eq!(report.message_id.as_deref(), Some("<mbox@reporter.example>"));
    assert_eq!(report.date.map(|date| date.to_string()).as_deref(), Some("2026-11-27T17:01:02Z"));
    assert_eq!(report.headers.first().map(|(name, _)| name.as_str()), Some("From"));
    let digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let raw = b"From: a@x.example\nContent-Type: image/png\n\n";
    assert_eq!(read(plain::plainly(raw)).attachments[0].sha256, digest);
}
