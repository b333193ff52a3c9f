//! P17: everything that a report should hold is extracted, whatever it is wrapped in.

use super::*;
use crate::support::desk::{pgp_mime, protected, unquoted};

const REPORT: &str = "Bonjour,\nle site hxxps://login[.]evil[.]com/a nous imite; il pointe sur 198[.]51[.]100[.]7 (198.51.100.0/24).\n\
    Voir www.corp.example et https://www.w3.org/TR/. Fichier facture.pdf.exe, md5 44d88612fea8a8f36de82e1278abb02f.\n\
    2026-11-27 18:00:00 +0100 GET /a 200 198.51.100.7\n2026-11-27 18:00:05 +0100 GET /b 200 198.51.100.7\n\
    Rançon : 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa\n\nCordialement,\nÉlise Martin\nSOC, Example SA\n5 rue de la Paix, 75002 Paris\n\
    Tél. : +33 1 23 45 67 89\n";

#[test]
fn p17_indicators_say_where_they_stood_and_own_names_are_set_aside_not_lost() {
    let setup = Setup { more: "[indicators]\nown = [\"corp.example\"]\n".to_owned(), ..Setup::default() };
    let desk = Desk::with(setup);
    let ticket = desk.ticket_of(&plain("a@corp.example", "evil[.]net", REPORT), FRIDAY);
    let found = |value: &str| {
        let all = ticket["indicators"].as_array().unwrap();
        all.iter().find(|i| i["value"] == value).unwrap_or_else(|| panic!("no {value} in {all:#?}")).clone()
    };
    let body = ticket["messages"][0]["text"].as_str().unwrap();
    for (value, written) in [
        ("https://login.evil.com/a", "hxxps://login[.]evil"),
        ("login.evil.com", "login[.]evil"),
        ("198.51.100.7", "198[.]51"),
        ("198.51.100.0/24", "198.51.100.0/24"),
        ("facture.pdf.exe", "facture"),
        ("44d88612fea8a8f36de82e1278abb02f", "44d8"),
        ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "1A1zP1"),
        ("www.corp.example", "www.corp"),
    ] {
        let indicator = found(value);
        let offset = usize::try_from(indicator["offset"].as_u64().unwrap()).unwrap();
        assert!(body[offset..].starts_with(written), "{value}: {:?}", &body[offset..offset + 20]);
        assert_eq!(
            (&indicator["part"], &indicator["context"], &indicator["encrypted"]),
            (&json!("1"), &json!("text"), &json!(false)),
            "{value}"
        );
    }
    assert_eq!((&found("evil.net")["part"], &found("evil.net")["context"]), (&json!("HEADER"), &json!("subject")));
    for (value, aside) in
        [("www.corp.example", true), ("www.w3.org", true), ("login.evil.com", false), ("198.51.100.7", false)]
    {
        assert_eq!(found(value)["set_aside"], aside, "{value}");
    }
    let shown = desk.ok(&["ticket", "show", "1"]);
    assert!(shown.contains("Set aside"), "{shown}");
    for alive in ["https://login", "login.evil.com", "198.51.100.7", "evil.net"] {
        assert!(!shown.contains(alive), "{alive} is shown alive: {shown}");
    }
    assert!(!desk.ok(&["ticket", "list"]).contains("evil.net"));
}

#[test]
fn p17_contact_and_checklist_are_for_the_analyst_alone() {
    let desk = Desk::new();
    let ticket = desk.ticket_of(&plain("a@corp.example", "Report", REPORT), FRIDAY);
    let contact = &ticket["contact"];
    assert_eq!((&contact["claimed"], &contact["name"]), (&json!(true), &json!("Élise Martin")));
    assert_eq!(
        (&contact["organisation"], &contact["phones"]),
        (&json!("SOC, Example SA"), &json!(["+33 1 23 45 67 89"]))
    );
    let missing = |ticket: &Value| -> Vec<String> {
        let all = ticket["checklist"].as_array().unwrap();
        all.iter()
            .filter(|check| check["seen"] == false)
            .map(|check| check["item"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(missing(&ticket), ["forwarded mail with its headers"]);
    assert!(desk.ok(&["ticket", "show", "1"]).contains("Lacks"));
    let bare = desk.ticket_of(&plain("b@corp.example", "Help", "We were hacked"), FRIDAY);
    assert!(missing(&bare).len() >= 8, "{:?}", missing(&bare));
    desk.once(FRIDAY);
    for (_, mail) in desk.sent() {
        assert!(!mail.contains("Lacks") && !mail.contains("Martin"), "what lacks is told to nobody");
    }
}

#[test]
fn p17_what_was_encrypted_is_marked_so() {
    let desk = Desk::new();
    let sealed = desk.gpg.seal(&[&desk.team], None, protected("a@corp.example", "Real", "see evil[.]com").as_bytes());
    let ticket = desk.ticket_of(&pgp_mime("a@corp.example", "...", &sealed), FRIDAY);
    let evil = ticket["indicators"].as_array().unwrap().iter().find(|i| i["value"] == "evil.com").unwrap().clone();
    assert_eq!(evil["encrypted"], true);
}

/// A mail that somebody received, with the way it came.
const RECEIVED: &str = "Return-Path: <x@evil.com>\nReceived: from mail.evil.com (unknown [203.0.113.9])\n by mx.corp.example \
    (Postfix) with ESMTP id 4A for <a@corp.example>; Fri, 27 Nov 2026 10:00:00 +0100\nReceived: from [10.1.2.3] by mail.evil.com; \
    Fri, 27 Nov 2026 09:59:58 +0100\nFrom: Bank <x@evil.com>\nSubject: Your account\nDate: Fri, 27 Nov 2026 09:59:00 +0100\n\
    Message-ID: <1@evil.com>\nContent-Type: text/plain\n\nClick http://click.evil.com/x\n";

#[test]
fn p17_a_forwarded_mail_is_opened_however_it_is_attached_and_kept_octet_for_octet() {
    let desk = Desk::new();
    let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, RECEIVED);
    let nested = format!(
        "Content-Type: message/rfc822\n\nFrom: C <c@corp.example>\nSubject: Fwd\nContent-Type: multipart/mixed; boundary=\"n\"\n\n--n\nContent-Type: message/rfc822\n\n{RECEIVED}\n--n--"
    );
    for (part, name, depth) in [
        (
            format!("Content-Type: message/rfc822\nContent-Disposition: attachment; filename=\"a.eml\"\n\n{RECEIVED}"),
            "a.eml",
            1,
        ),
        (
            format!(
                "Content-Type: application/octet-stream; name=\"b.eml\"\nContent-Transfer-Encoding: base64\nContent-Disposition: attachment; filename=\"b.eml\"\n\n{encoded}"
            ),
            "b.eml",
            1,
        ),
        (nested, "", 2),
    ] {
        let text = "Content-Type: text/plain\n\nPlease see.".to_owned();
        let ticket = desk.ticket_of(&mixed(&format!("Subject: {name}\n"), &[text, part]), FRIDAY);
        let mails = ticket["messages"][0]["forwarded"].as_array().unwrap().clone();
        assert_eq!(mails.len(), depth, "{mails:#?}");
        let mail = &mails[depth - 1];
        assert_eq!((&mail["from"], &mail["subject"]), (&json!("Bank <x@evil.com>"), &json!("Your account")));
        assert_eq!(mail["message_id"], "<1@evil.com>");
        let hops: Vec<&Value> = mail["hops"].as_array().unwrap().iter().map(|hop| &hop["ip"]).collect();
        assert_eq!(hops, [&json!("203.0.113.9"), &json!("10.1.2.3")]);
        assert_eq!(mail["hops"][0]["by"], "mx.corp.example");
        assert!(mail["hops"][0]["date"].is_string());
        let all = ticket["indicators"].as_array().unwrap();
        let context = |value: &str| all.iter().find(|i| i["value"] == value).map(|i| i["context"].clone());
        assert_eq!(context("203.0.113.9"), Some(json!("received")), "{all:#?}");
        assert_eq!(context("http://click.evil.com/x"), Some(json!("forwarded")));
        assert!(!values(&ticket, "email").contains(&"1@evil.com".to_owned()), "a Message-ID is no address");
        let number = ticket["number"].as_str().unwrap().to_owned();
        let folder = desk.path(&format!("saved-{number}"));
        desk.ok(&["ticket", "attachments", &number, "--save", folder.to_str().unwrap()]);
        let file = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
        let saved = text_of(&file).replace("\r\n", "\n");
        assert!(saved.trim_end().ends_with("Click http://click.evil.com/x") || depth == 2, "{saved}");
    }
}

fn text_of(file: &std::path::Path) -> String {
    String::from_utf8(std::fs::read(file).unwrap()).unwrap()
}

#[test]
fn p17_a_mail_quoted_in_the_text_is_read_as_a_forwarded_one() {
    let desk = Desk::new();
    let outlook = "Bonjour, voici.\n\n-----Message d'origine-----\nDe : Banque <x@evil.com>\nEnvoyé : vendredi 27 novembre 2026 09:59\n\
                   À : A\nObjet : Votre compte\n\nCliquez sur http://click.evil.com/x\n";
    let pasted = "Headers:\n\nReceived: from mail.evil.com (unknown [203.0.113.9])\n\tby mx.corp.example; Fri, 27 Nov 2026 10:00:00 +0100\n\
                  From: x@evil.com\nSubject: Your account\n\nClick\n";
    let ticket = desk.ticket_of(&plain("a@corp.example", "Outlook", outlook), FRIDAY);
    let mails = &ticket["messages"][0]["forwarded"];
    assert_eq!((&mails[0]["from"], &mails[0]["subject"]), (&json!("Banque <x@evil.com>"), &json!("Votre compte")));
    let url = ticket["indicators"].as_array().unwrap().iter().find(|i| i["kind"] == "url").unwrap().clone();
    assert_eq!(url["context"], "forwarded");
    let ticket = desk.ticket_of(&plain("a@corp.example", "Pasted", pasted), FRIDAY);
    assert_eq!(ticket["messages"][0]["forwarded"][0]["hops"][0]["ip"], "203.0.113.9");
    assert_eq!(ticket["checklist"].as_array().unwrap().last().unwrap()["seen"], true);
}

#[test]
fn t21_five_mebibytes_of_hostile_text_are_filed() {
    let desk = Desk::new();
    let flood: String =
        (0..).map(|n| format!("http://a{n}.com/?u=http%3A%2F%2Fb@c.d [.](dot) ::1 ")).take(120_000).collect();
    let ticket = desk.ticket_of(&plain("a@corp.example", "Flood", &flood[..5 << 20]), FRIDAY);
    assert_eq!(ticket["indicators"].as_array().unwrap().len(), 10_000);
    assert!(ticket["messages"][0]["problems"].as_array().unwrap().contains(&json!("too_many_indicators")));
}

#[test]
fn p17_a_file_that_is_text_is_read_whatever_its_type_says_and_also_out_of_an_encrypted_file() {
    let desk = Desk::new();
    let sealed = desk.gpg.seal(&[&desk.team], None, b"GET http://sealed.evil.com/x 203.0.113.77\n");
    let file = |kind: &str, name: &str, content: &str| {
        format!("--f\nContent-Type: {kind}; name=\"{name}\"\nContent-Disposition: attachment\n\n{content}\n")
    };
    let parts = [
        file("application/octet-stream", "b.log", "x http://log.evil.com/a"),
        file("application/json", "c.json", "{\"host\": \"json.evil.com\"}"),
        file("application/xml", "d.xml", "<host>xml.evil.com</host>"),
        file("application/octet-stream", "e.bin", "bin.evil.com\0"),
        file("application/octet-stream", "trace.log.gpg", &sealed),
    ];
    let mail = text(&plain("a@corp.example", "Files", "BODY")).replace("\r\n", "\n");
    let (head, _) = mail.split_once("\n\n").unwrap();
    let head: Vec<&str> = head.lines().filter(|line| !line.to_lowercase().starts_with("content-")).collect();
    let mail = format!(
        "{}\nContent-Type: multipart/mixed; boundary=\"f\"\n\n--f\n\nsee files\n{}--f--\n",
        head.join("\n"),
        parts.concat()
    );
    let ticket = desk.ticket_of(mail.as_bytes(), FRIDAY);
    let encrypted = |value: &str| {
        let all = ticket["indicators"].as_array().unwrap();
        all.iter().find(|i| i["value"] == value).map(|i| i["encrypted"].as_bool().unwrap())
    };
    for (value, wanted) in [
        ("log.evil.com", Some(false)),
        ("json.evil.com", Some(false)),
        ("xml.evil.com", Some(false)),
        ("bin.evil.com", None),
        ("sealed.evil.com", Some(true)),
        ("203.0.113.77", Some(true)),
    ] {
        assert_eq!(encrypted(value), wanted, "{value}");
    }
    assert_eq!(desk.json(&["ticket", "search", "sealed.evil.com"]).as_array().unwrap().len(), 1);
}

#[test]
fn a_ticket_speaks_the_language_of_what_was_encrypted_and_its_acknowledgement_that_of_the_outside() {
    let desk = Desk::new();
    let words = "Bonjour, nous avons reçu un courriel d'hameçonnage. Merci de votre aide.";
    let sealed = desk.gpg.seal(&[&desk.team], None, protected("a@corp.example", "Signalement", words).as_bytes());
    let ticket = desk.ticket_of(&pgp_mime("a@corp.example", "...", &sealed), FRIDAY);
    assert_eq!(ticket["language"], "fr");
    desk.once(FRIDAY);
    assert!(desk.sent_to("a@corp.example").iter().all(|mail| !unquoted(mail).contains("Bonjour")));
}
