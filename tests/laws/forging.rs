//! What a stranger learns, and what a stranger can pretend: nothing.

use super::*;
use crate::support::desk::{header, pgp_mime, plain, protected};

/// Armour over other octets: `change` gets the decoded packets.
fn changed(desk: &Desk, armored: &str, change: impl Fn(&mut Vec<u8>)) -> String {
    let ran = desk.gpg.run(&["--dearmor"], armored.as_bytes());
    assert!(ran.success, "{:?}", ran.status);
    let mut octets = ran.out;
    change(&mut octets);
    let ran = desk.gpg.run(&["--enarmor"], &octets);
    text(&ran.out).replace("ARMORED FILE", "MESSAGE").replace("Comment: Use \"gpg --dearmor\" for unpacking\n", "")
}

/// An acknowledgement with everything masked that differs from mail to mail.
fn masked(mail: &str) -> String {
    let mut kept = String::new();
    let mut in_signature = false;
    for line in mail.replace("=\r\n", "").lines() {
        in_signature = (in_signature || line.starts_with("-----BEGIN PGP SIGNATURE")) && !line.starts_with("-----END");
        let dropped =
            in_signature || ["Message-ID:", "Date:", "X-Envelope-To:"].iter().any(|name| line.starts_with(name));
        if !dropped {
            kept += line;
            kept.push('\n');
        }
    }
    // Boundaries are random; numbers count up.
    let boundaries: Vec<String> = mail
        .split("boundary=\"")
        .skip(1)
        .filter_map(|rest| rest.split_once('"').map(|(boundary, _)| boundary.to_owned()))
        .collect();
    let kept = boundaries.iter().fold(kept, |kept, boundary| kept.replace(boundary.as_str(), "BOUNDARY"));
    let at = kept.find("EX-2026-").expect("a number");
    kept.replace(&kept[at..at + 14].to_owned(), "NUMBER")
}

#[test]
fn t26_whatever_becomes_of_a_ciphertext_the_acknowledgement_is_the_same() {
    let caps = "[acknowledge]\nper_address = \"100/hour\"\nper_domain = \"100/hour\"\n";
    let desk = Desk::with(Setup { more: caps.to_owned(), ..Setup::default() });
    let from = "a@else.example";
    let stranger = desk.gpg.generate(crate::support::gnupg::Kind::Curve25519, "A <a@else.example>");
    let seal = |inner: &str| desk.gpg.seal(&[&desk.team], None, inner.as_bytes());
    let whole = seal(&protected(from, "Report", "report"));
    let key = text(&desk.gpg.run(&["--armor", "--export", &stranger], b"").out);
    let with_key = format!(
        "Content-Type: multipart/mixed; boundary=k\r\n\r\n--k\r\n\r\nmy key\r\n--k\r\nContent-Type: application/pgp-keys\r\n\r\n{key}\r\n--k--\r\n"
    );
    let automatic = protected(from, "Out of office", "away")
        .replace("To: csirt", "Auto-Submitted: auto-replied\r\nPrecedence: list\r\nTo: csirt");
    let french =
        protected(from, "Signalement", "Bonjour, nous avons reçu un courriel d'hameçonnage et nous vous le signalons.");
    let cases = [
        ("opened", whole.clone()),
        ("opened, urgent", seal(&protected(from, "[URGENT] Report", "report"))),
        ("opened, marked", seal(&protected(from, "TLP:RED Report", "report"))),
        ("opened, from another", seal(&protected("b@other.example", "Report", "report"))),
        ("opened, from ourselves", seal(&protected("csirt@example.org", "Report", "report"))),
        ("opened, from an analyst", seal(&protected("alice@example.org", "Report", "report"))),
        ("opened, automatic inside", seal(&automatic)),
        ("opened, in French", seal(&french)),
        ("opened, with a key inside", seal(&with_key)),
        ("opened, signed", desk.gpg.seal(&[&desk.team], Some(&stranger), b"Content-Type: text/plain\r\n\r\nx\r\n")),
        ("opened, not MIME", seal("\0\0\0")),
        ("opened, empty", seal("")),
        ("tampered", changed(&desk, &whole, |octets| *octets.last_mut().unwrap() ^= 1)),
        ("tampered in the middle", changed(&desk, &whole, |octets| octets[200] ^= 0x40)),
        ("tampered session key", changed(&desk, &whole, |octets| octets[60] ^= 1)),
        ("truncated", changed(&desk, &whole, |octets| octets.truncate(octets.len() - 30))),
        ("session key alone", changed(&desk, &whole, |octets| octets.truncate(96))),
        ("armour cut", whole[..whole.len() * 2 / 3].to_owned()),
        ("malformed", changed(&desk, &whole, |octets| octets.iter_mut().skip(100).for_each(|octet| *octet = 0xFF))),
    ];
    let mut first: Option<String> = None;
    for (what, armored) in &cases {
        let line = desk.ingest(&pgp_mime(from, "...", armored), FRIDAY);
        assert_eq!(line["outcome"], "filed", "{what}: {line}");
        once(&desk, FRIDAY);
        let sent = desk.sent_to(from);
        let ticket = desk.show(line["ticket"].as_str().unwrap());
        let verdict = ticket["messages"][0]["verdict"]["encryption"].as_str().unwrap();
        assert_eq!(verdict == "decrypted", what.starts_with("opened"), "{what}: {ticket:.300}");
        let acknowledged = sent.iter().filter(|mail| mail.contains(line["ticket"].as_str().unwrap())).count();
        assert_eq!((acknowledged, &ticket["acknowledged_at"]), (1, &json!(FRIDAY)), "{what}");
        // Of one Message-ID all, so that even the references agree.
        let own = header(&text(&pgp_mime(from, "...", armored)), "Message-ID").unwrap();
        let mask = masked(&sent.last().unwrap().replace(&own, "<REFERENCE>"));
        assert!(mask.contains("<REFERENCE>") && mask.contains("NUMBER"), "{mask}");
        assert_eq!(first.get_or_insert_with(|| mask.clone()), &mask, "{what}");
    }
    assert_eq!(desk.sent_to("a@else.example").len(), cases.len());
    for nobody in ["b@other.example", "csirt@example.org"] {
        assert!(desk.sent_to(nobody).is_empty(), "{nobody} is named inside only");
    }
}

#[test]
fn t43_only_what_the_outside_tells_is_told_that_the_key_is_not_ours() {
    let desk = Desk::new();
    let stranger = desk.gpg.generate(crate::support::gnupg::Kind::Curve25519, "S <s@else.example>");
    let sealed = desk.gpg.seal(&[&stranger], None, b"Content-Type: text/plain\r\n\r\nx\r\n");
    desk.ingest(&pgp_mime("a@else.example", "...", &sealed), FRIDAY);
    once(&desk, FRIDAY);
    let mail = desk.sent_to("a@else.example")[0].replace("=\r\n", "");
    assert!(mail.contains("encrypted to a key that we do not have"), "{mail}");
    let ours = desk.gpg.seal(&[&desk.team], None, b"Content-Type: text/plain\r\n\r\nx\r\n");
    desk.ingest(&pgp_mime("b@else.example", "...", &ours), FRIDAY);
    once(&desk, FRIDAY);
    assert!(!desk.sent_to("b@else.example")[0].contains("encrypted to a key that we do not"));
}

#[test]
fn t50_numbers_open_nothing_and_claims_are_links_in_the_history() {
    let desk = Desk::new();
    desk.ingest(&plain("a@corp.example", "First", "first"), FRIDAY);
    desk.ingest(&plain("b@else.example", "Second", "second"), FRIDAY);
    once(&desk, FRIDAY);
    let before = (desk.show("1"), desk.show("2"));
    let mails = [
        plain("x@evil.example", "Re: [EX-2026-000001] First", "mine"),
        plain("b@else.example", "Re: [EX-2026-000001] First", "another's"),
        plain("a@corp.example", "[EX-2026-000001] and [EX-2026-000002]", "both"),
    ];
    for mail in &mails {
        assert_eq!(desk.ingest(mail, FRIDAY)["outcome"], "filed");
    }
    assert_eq!((desk.show("1"), desk.show("2")), before, "not touched");
    assert_eq!(desk.show("5")["links"].as_array().map(Vec::len), Some(2));
    assert!(
        told(&desk, "3").contains(&"vigie: claims to belong to EX-2026-000001".to_owned()),
        "{:?}",
        told(&desk, "3")
    );
}

#[test]
fn t53_whoever_is_in_cc_is_no_participant_and_gets_no_mail() {
    let desk = Desk::new();
    let mail = text(&plain("a@corp.example", "Report", "report"));
    let mail = mail.replacen("Subject:", "Cc: evil@else.example\r\nReply-To: evil@else.example\r\nSubject:", 1);
    desk.ingest(mail.as_bytes(), FRIDAY);
    once(&desk, FRIDAY);
    assert_eq!(desk.show("1")["participants"], json!(["a@corp.example"]));
    assert!(desk.sent_to("evil@else.example").is_empty());
    let ours = header(&desk.sent_to("a@corp.example")[0], "Message-ID").unwrap();
    let reply = with_fields(&plain("evil@else.example", "Re: Report", "hello"), &format!("In-Reply-To: {ours}\r\n"));
    assert_eq!(desk.ingest(&reply, FRIDAY)["outcome"], "filed", "a ticket of its own");
}

#[test]
fn t54_a_key_that_came_with_a_mail_never_replaces_an_imported_one() {
    let desk = Desk::new();
    let known = desk.befriend("A <a@corp.example>");
    let other = desk.gpg.generate(crate::support::gnupg::Kind::Curve25519, "A <a@corp.example>");
    let key = text(&desk.gpg.run(&["--armor", "--export", &other], b"").out).replace('\n', "\r\n");
    let head = text(&plain("a@corp.example", "New key", "")).split("MIME-Version").next().unwrap().to_owned();
    let mail = format!(
        "{head}MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=k\r\n\r\n--k\r\n\r\nmy new key\r\n\
         --k\r\nContent-Type: application/pgp-keys\r\n\r\n{key}\r\n--k--\r\n"
    );
    desk.ingest(mail.as_bytes(), FRIDAY);
    once(&desk, FRIDAY);
    let keys = desk.json(&["key", "list"]);
    let row =
        |fingerprint: &str| keys.as_array().unwrap().iter().find(|key| key["fingerprint"] == fingerprint).cloned();
    assert_eq!(row(&other).expect("kept as a candidate")["candidate"], true);
    assert_eq!(row(&known).unwrap()["candidate"], false);
    let acknowledgement = &desk.sent_to("a@corp.example")[0];
    let armored = &acknowledgement[acknowledgement.find("-----BEGIN PGP MESSAGE").unwrap()..];
    let ran = desk.gpg.run(&["--list-only", "--decrypt"], armored.as_bytes());
    let recipients: Vec<&String> = ran.status.iter().filter(|line| line.starts_with("ENC_TO")).collect();
    assert_eq!(recipients.len(), 2, "the team and the imported key: {recipients:?}");
    let subkeys = text(&desk.gpg.run(&["--list-keys", "--with-colons", &other], b"").out);
    let handles: Vec<&str> =
        subkeys.lines().filter(|l| l.starts_with("sub:")).filter_map(|l| l.split(':').nth(4)).collect();
    assert!(handles.iter().all(|handle| !recipients.iter().any(|line| line.contains(handle))), "{recipients:?}");
}
