//! `ticket export`: what leaves, by whose leave, and what others make of it.

use super::*;
use crate::support::python::python;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

/// A report full of what must not be seen outside.
fn canary() -> Vec<u8> {
    mail(
        "\"Zoé Quillfeather\" <zoe.quillfeather@corp.example>",
        "[TLP:AMBER] Quillfeather: phishing at corp.example",
        "Hello, ZOE QUILLFEATHER here (zoe.quillfeather[at]corp[.]example, +33 6 12 34 56 78).\n\
         Our host mail7.corp.example (10.1.2.3, C:\\Users\\zquillfeather) fetched hxxp://kit.evil[.]test/login?id=1\n\
         from 203.0.113.9; file 44d88612fea8a8f36de82e1278abb02f; CVE-2026-12345; AS64500.\n\
         The sender was billing@evil.test, a colleague is tom@sub.corp.example.\n\
         > On Monday Zoe Quillfeather <zoe.quillfeather@corp.example> wrote:\n\
         > see <CAF123@mail7.corp.example>\n\
         -- \nZoé Q.\nExample Corp, 12 rue des Lilas",
        Some(("quillfeather-mailbox.txt", "x")),
    )
}

const SECRETS: &[&str] = &[
    "quillfeather",
    "zoe",
    "zoé",
    "corp.example",
    "corp[.]example",
    "10.1.2.3",
    "6 12 34",
    "lilas",
    "example corp",
    "tom@",
    "mail7",
];

fn with_canary() -> Desk {
    let desk = Desk::new();
    filed(&desk, &canary());
    desk
}

fn export(desk: &Desk, format: &str, more: &[&str]) -> String {
    desk.ok(&[&["ticket", "export", "1", "--format", format], more].concat())
}

fn document(desk: &Desk, format: &str, more: &[&str]) -> Value {
    serde_json::from_str(&export(desk, format, more)).expect("JSON")
}

fn history(desk: &Desk) -> String {
    desk.show("1")["history"].to_string()
}

#[test]
fn p15_information_is_passed_on_anonymised() {
    let desk = with_canary();
    for format in ["text", "json", "misp", "stix"] {
        let left = export(&desk, format, &[]);
        let lower = left.to_lowercase();
        for secret in SECRETS {
            assert!(!lower.contains(secret), "{secret:?} left as {format}:\n{left}");
        }
        assert!(left.contains("evil"), "the attacker is still named");
    }
    let left = document(&desk, "json", &[]);
    assert_eq!((&left["anonymised"], &left["tlp"]), (&json!(true), &json!("AMBER")));
    let text = left["ticket"]["messages"][0]["text"].as_str().unwrap();
    for shown in ["[reporter]", "[phone-1]", "[host-2]", "[internal-ip-1]", "203.0.113.9", "[signature]"] {
        assert!(text.contains(shown), "{shown}: {text}");
    }
    assert_eq!(left["ticket"]["messages"][0]["attachments"][0]["name"], "[reporter]-mailbox.txt");
    let replaced = left["review"]["replaced"].as_object().unwrap();
    assert!(replaced["[reporter]"].as_u64().unwrap() >= 6 && replaced["[host-1]"].as_u64() >= Some(1), "{replaced:?}");
    assert!(left["review"]["indicators_left_out"].as_u64().unwrap() >= 4, "{}", left["review"]);
    assert!(history(&desk).contains("exported as json, anonymised (SHA-256 "));
}

#[test]
fn p15_in_full_needs_a_reason_and_p16_consent_that_was_refused_forbids_it() {
    let desk = with_canary();
    let (words, code) = refused(&desk, &["ticket", "export", "1", "--format", "json", "--full"]);
    assert!(words.contains("--reason") && code == Some(2), "{words}");
    let left = document(&desk, "json", &["--full", "--reason", "asked by their own CERT"]);
    assert_eq!(left["ticket"]["reporter"]["address"], "zoe.quillfeather@corp.example");
    assert!(left["review"].is_null() && left["anonymised"] == json!(false));
    assert!(history(&desk).contains("exported as json, in full, without recorded consent: asked by their own CERT"));
    let store = rusqlite::Connection::open(desk.path("vigie.db")).unwrap();
    store.execute("UPDATE ticket SET consent = 'no'", []).unwrap();
    drop(store);
    for format in ["text", "json", "misp", "stix"] {
        let (words, code) = refused(&desk, &["ticket", "export", "1", "--format", format, "--full", "--reason", "x"]);
        assert!(words.contains("consent") && code == Some(1), "{words}");
    }
    assert!(export(&desk, "text", &[]).contains("[reporter]"), "anonymised it may leave");
    let store = rusqlite::Connection::open(desk.path("vigie.db")).unwrap();
    store.execute("UPDATE ticket SET consent = 'yes'", []).unwrap();
    drop(store);
    export(&desk, "text", &["--full", "--reason", "agreed by mail"]);
    assert!(history(&desk).contains("in full, with consent: agreed by mail"));
}

#[test]
fn p11_red_leaves_in_full_with_a_reason_or_not_at_all_and_what_is_not_marked_is_amber() {
    let desk = Desk::new();
    filed(&desk, &mail("a@corp.example", "[TLP:RED] canaryword", "canaryword at http://evil.test/x", None));
    filed(&desk, &mail("a@corp.example", "No mark", "http://evil.test/x", None));
    filed(&desk, &mail("a@corp.example", "[TLP:AMBER+STRICT] x", "http://evil.test/x", None));
    for format in ["text", "json", "misp", "stix"] {
        let (words, code) = refused(&desk, &["ticket", "export", "1", "--format", format]);
        assert!(words.contains("RED") && !words.contains("canaryword") && code == Some(1), "{words}");
    }
    assert!(!desk.show("1")["history"].to_string().contains("exported"));
    let marked = |number: &str, more: &[&str]| {
        let of = |format: &str| desk.ok(&[&["ticket", "export", number, "--format", format], more].concat());
        let misp: Value = serde_json::from_str(&of("misp")).unwrap();
        let stix: Value = serde_json::from_str(&of("stix")).unwrap();
        let names: Vec<&Value> = stix["objects"].as_array().unwrap().iter().map(|o| &o["name"]).collect();
        (misp["Event"]["Tag"][0]["name"].clone(), names[1].clone(), of("text").lines().next().unwrap().to_owned())
    };
    assert_eq!(marked("1", &["--full", "--reason", "x"]), (json!("tlp:red"), json!("TLP:RED"), "TLP:RED".into()));
    assert_eq!(
        marked("2", &[]),
        (json!("tlp:amber"), json!("TLP:AMBER"), "TLP:AMBER (the originator marked nothing)".into())
    );
    assert_eq!(marked("3", &[]), (json!("tlp:amber+strict"), json!("TLP:AMBER+STRICT"), "TLP:AMBER+STRICT".into()));
}

#[test]
fn what_pymisp_reads_of_an_event_is_what_we_meant() {
    let desk = with_canary();
    let store = rusqlite::Connection::open(desk.path("vigie.db")).unwrap();
    store.execute("UPDATE ticket SET classification = 'fraud/phishing', severity = 'high'", []).unwrap();
    drop(store);
    let ours = export(&desk, "misp", &[]);
    assert_eq!(ours, export(&desk, "misp", &[]), "the same ticket, the same event");
    let theirs = python(
        "import sys, json\nfrom pymisp import MISPEvent\ne = MISPEvent()\ne.load(sys.stdin.read())\nprint(e.to_json())",
        ours.as_bytes(),
    );
    let theirs: Value = serde_json::from_str(&theirs).unwrap();
    let mut found: Vec<(&str, &str)> = theirs["Attribute"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| (a["type"].as_str().unwrap(), a["value"].as_str().unwrap()))
        .collect();
    found.sort_unstable();
    assert_eq!(
        found,
        [
            ("AS", "64500"),
            ("domain", "evil.test"),
            ("domain", "kit.evil.test"),
            ("ip-dst", "203.0.113.9"),
            ("md5", "44d88612fea8a8f36de82e1278abb02f"),
            ("url", "http://kit.evil.test/login?id=1"),
            ("vulnerability", "CVE-2026-12345"),
        ]
    );
    let tags: Vec<&Value> = theirs["Tag"].as_array().unwrap().iter().map(|tag| &tag["name"]).collect();
    assert_eq!(tags, [&json!("tlp:amber"), &json!("rsit:fraud=\"phishing\"")]);
    assert_eq!((&theirs["threat_level_id"], &theirs["date"]), (&json!("1"), &json!("2026-11-27")));
    assert_eq!(theirs["info"], "CSIRT-EXAMPLE EX-2026-000001", "no subject unless in full");
}

/// Reads a bundle strictly and checks each pattern by STIX's own grammar; prints the values of the patterns.
const READ_STIX: &str = "
import sys, json, stix2
from stix2patterns.validator import run_validator
bundle = stix2.parse(sys.stdin.read(), allow_custom=False)
ids = {o.id for o in bundle.objects}
for o in bundle.objects:
    for ref in list(getattr(o, 'object_refs', [])) + list(getattr(o, 'object_marking_refs', [])):
        assert ref in ids, ref
    if o.type == 'indicator':
        problems = run_validator(o.pattern, stix_version='2.1')
        assert not problems, (o.pattern, problems)
print(json.dumps(sorted(getattr(o, 'pattern', None) or o.get('name') for o in bundle.objects)))
";

#[test]
fn what_stix2_reads_of_a_bundle_is_what_we_meant() {
    let desk = with_canary();
    let ours = export(&desk, "stix", &[]);
    assert_eq!(ours, export(&desk, "stix", &[]), "the same ticket, the same bundle");
    let read: Value = serde_json::from_str(&python(READ_STIX, ours.as_bytes())).unwrap();
    assert_eq!(
        read,
        json!([
            "CSIRT-EXAMPLE",
            "CVE-2026-12345",
            "EX-2026-000001",
            "TLP:AMBER",
            "[autonomous-system:number = 64500]",
            "[domain-name:value = 'evil.test']",
            "[domain-name:value = 'kit.evil.test']",
            "[file:hashes.MD5 = '44d88612fea8a8f36de82e1278abb02f']",
            "[ipv4-addr:value = '203.0.113.9']",
            "[url:value = 'http://kit.evil.test/login?id=1']",
        ])
    );
    assert!(ours.contains("marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421"));
}

#[test]
fn p18_evidence_is_whole_signed_and_checked_with_the_tools_of_others() {
    let desk = Desk::new();
    let mails = [
        canary(),
        mail("zoe.quillfeather@corp.example", "x\u{1b}[31m", "\u{1b}]0;x\u{7}", Some(("../../etc/cron.d/x", "y"))),
    ];
    filed(&desk, &mails[0]);
    filed(&desk, &mails[1]);
    let (words, code) = refused(&desk, &["ticket", "export", "1", "--format", "evidence"]);
    assert!(words.contains("--output") && code == Some(2), "{words}");
    for number in ["1", "2"] {
        let file = desk.path(&format!("{number}.tar"));
        let path = file.to_str().unwrap();
        desk.ok(&[
            "ticket",
            "export",
            number,
            "--format",
            "evidence",
            "--output",
            path,
            "--reason",
            "file 12/26 of the court",
        ]);
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let (words, _) = refused(&desk, &["ticket", "export", number, "--format", "evidence", "--output", path]);
        assert!(words.contains("not written"), "never overwritten: {words}");
        let into = desk.path(&format!("court-{number}"));
        std::fs::create_dir(&into).unwrap();
        let folder = into.join(format!("EX-2026-00000{number}"));
        let run = |program: &str, arguments: &[&str], within: &std::path::Path| {
            let output = Command::new(program).args(arguments).current_dir(within).output().expect(program);
            assert!(output.status.success(), "{program} {arguments:?}: {}", text(&output.stderr));
            text(&output.stdout)
        };
        let names = run("tar", &["-tf", path], &into);
        assert!(names.lines().all(|name| name.starts_with("EX-2026-") && !name.contains("..")), "{names}");
        run("tar", &["-xf", path], &into);
        run("sha256sum", &["--check", "--strict", "SHA256SUMS"], &folder);
        let (sums, signature) = (folder.join("SHA256SUMS"), folder.join("SHA256SUMS.asc"));
        let verified = desk.gpg.run(&["--verify", signature.to_str().unwrap(), sums.to_str().unwrap()], b"");
        assert!(verified.success && verified.says("VALIDSIG"), "{:?}", verified.status);
        let raw = &mails[number.parse::<usize>().unwrap() - 1];
        assert!(
            names.lines().any(|name| { name.ends_with(".eml") && std::fs::read(into.join(name)).unwrap() == *raw }),
            "the octets as received"
        );
        let history: Value = serde_json::from_slice(&std::fs::read(folder.join("history.json")).unwrap()).unwrap();
        for row in history.as_array().unwrap() {
            assert_eq!(chained(row), row["chain"].as_str().unwrap(), "{row}");
        }
        let manifest: Value = serde_json::from_slice(&std::fs::read(folder.join("manifest.json")).unwrap()).unwrap();
        assert_eq!(manifest["messages"][0]["verdict_at_arrival"]["encryption"], "none");
        assert!(manifest["attachments"][0]["sha256"].is_string());
    }
    assert!(history(&desk).contains("exported as evidence, in full: file 12/26 of the court (SHA-256 "));
}

/// The hash of a history row, as the docs say that it is made.
fn chained(row: &Value) -> String {
    let word = |key: &str| row[key].as_str().map_or_else(|| row[key].to_string(), str::to_owned);
    let mut hash = Sha256::new();
    for key in ["before", "ticket_id", "at_microseconds", "who", "what"] {
        hash.update((word(key).len() as u64).to_be_bytes());
        hash.update(word(key));
    }
    hash.finalize().iter().map(|b| format!("{b:02x}")).collect()
}

#[test]
fn a_file_is_for_its_owner_alone_and_what_is_refused_leaves_none() {
    let desk = with_canary();
    let file = desk.path("1.json");
    let path = file.to_str().unwrap();
    refused(&desk, &["ticket", "export", "99", "--format", "json", "--output", path]);
    assert!(!file.exists());
    export(&desk, "json", &["--output", path]);
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let before = std::fs::read(&file).unwrap();
    refused(&desk, &["ticket", "export", "1", "--format", "text", "--output", path]);
    assert_eq!(std::fs::read(&file).unwrap(), before);
}

#[test]
fn hostile_texts_move_no_terminal_and_break_no_document() {
    let desk = Desk::new();
    filed(
        &desk,
        &mail(
            "Eve <eve@corp.example>",
            "=?utf-8?q?=1B[31m\"}],=E2=80=AE</x>?=",
            "\u{1b}]0;owned\u{7} \u{9b}31m \u{202e}cod http://evil.test/a'b\\c\"d%00]OR[x:y='z'",
            Some(("a\\\"};<script>.txt", "x")),
        ),
    );
    for more in [&[][..], &["--full", "--reason", "x"]] {
        let shown = export(&desk, "text", more);
        assert!(!shown.chars().any(|c| (c.is_control() && c != '\n' && c != '\t') || c == '\u{202e}'), "{shown:?}");
        for format in ["json", "misp", "stix"] {
            document(&desk, format, more);
        }
        python(READ_STIX, export(&desk, "stix", more).as_bytes());
    }
}
