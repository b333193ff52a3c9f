//! Mail that pretends, lies, floods or bursts.

use super::*;
use crate::support::desk::{plain, text};
use std::time::Instant;

fn attached(name: &str, kind: &str, content: &str) -> Vec<u8> {
    let part =
        format!("Content-Type: {kind}; name={name}\nContent-Disposition: attachment; filename={name}\n\n{content}");
    let body = parts("mixed", &["Content-Type: text/plain\n\nLook.\n", &part]);
    mail(
        "From: x@evil.example\nReturn-Path: <x@evil.example>\nTo: csirt@example.org\nSubject: Report\nX-XARF: PLAIN",
        &body,
    )
}

#[test]
fn xml_json_and_yaml_bombs_are_ordinary_tickets_within_a_second_each() {
    let entities: String =
        (1..12).map(|n| format!("<!ENTITY a{n} \"{}\">", format!("&a{};", n - 1).repeat(10))).collect();
    let laughs = format!(
        "<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY a0 \"ha\">{entities}]><IODEF-Document version=\"2.00\" xmlns=\"urn:ietf:params:xml:ns:iodef-2.0\">&a11;</IODEF-Document>"
    );
    let external = "<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><IODEF-Document>&e;</IODEF-Document>";
    let deep = format!("<IODEF-Document xmlns=\"urn:ietf:params:xml:ns:iodef-2.0\">{}", "<a>".repeat(500_000));
    let json = format!("{{\"xarf_version\":\"4.0.0\",\"x\":{}", "[".repeat(500_000));
    let yaml = format!(
        "---\na: &a [x,x]\nb: &b [*a,*a]\nReported-From: x@evil.example\nReport-Type: *b\nCategory: abuse\nSource-Type: ipv4\nSource: 192.0.2.1\nDate: {}\n",
        "x".repeat(50_000)
    );
    let cases = [
        ("i.xml", "text/xml", laughs.as_str()),
        ("i.xml", "text/xml", external),
        ("i.xml", "application/iodef+xml", &deep),
        ("x.json", "application/json", &json),
        ("report.txt", "text/plain", &yaml),
    ];
    let desk = desk();
    for (name, kind, content) in cases {
        // Lines of a sane length, as a mail server has them.
        let content = content.replace('>', ">\n").replace("[[[[[[[[[[", "[[[[[[[[[[\n");
        let began = Instant::now();
        let ticket = desk.ticket_of(&attached(name, kind, &content), FRIDAY);
        assert!(began.elapsed().as_secs() < 10, "{kind} took {:?}", began.elapsed());
        assert_eq!(ticket["automatic"], false, "{kind}");
        assert!(!ticket.to_string().contains("root:"), "nothing of our files is in it");
    }
}

#[test]
fn a_report_with_ten_thousand_parts_is_read_to_its_limit() {
    let many = "Content-Type: message/feedback-report\n\nFeedback-Type: abuse\n".to_owned();
    let all: Vec<&str> = std::iter::repeat_n(many.as_str(), 10_000).collect();
    let octets = mail(
        "From: x@evil.example\nReturn-Path: <x@evil.example>\nTo: csirt@example.org\nSubject: Parts",
        &parts("report; report-type=feedback-report", &all),
    );
    let desk = desk();
    let ticket = desk.ticket_of(&octets, FRIDAY);
    assert_eq!(ticket["automatic"], false, "none of the parts is a report");
    assert!(ticket["messages"][0]["problems"].to_string().contains("too_many_parts"));
    let good = arf("noc@isp.example", "192.0.2.1", "");
    let padded = text(&good).replacen(
        "--b\r\nContent-Type: message/rfc822",
        &format!("{}--b\r\nContent-Type: message/rfc822", "--b\r\n\r\nx\r\n".repeat(10_000)),
        1,
    );
    assert_eq!(report(&desk.ticket_of(padded.as_bytes(), FRIDAY))["format"], "arf");
}

#[test]
fn a_human_who_quotes_or_forwards_a_report_is_a_human() {
    let desk = desk();
    let quoted = text(&arf("noc@isp.example", "192.0.2.1", "")).replace('\r', "");
    let inline = plain("c@corp.example", "What is this?", &format!("We got this:\n\n{quoted}"));
    let forwarded = mail(
        "From: c@corp.example\nReturn-Path: <c@corp.example>\nTo: csirt@example.org\nSubject: Fwd: Complaint",
        &parts(
            "mixed",
            &["Content-Type: text/plain\n\nWhat is this?\n", &format!("Content-Type: message/rfc822\n\n{quoted}")],
        ),
    );
    let loose = mail(
        "From: c@corp.example\nReturn-Path: <c@corp.example>\nTo: csirt@example.org\nSubject: What?",
        &parts(
            "mixed",
            &[
                "Content-Type: text/plain\n\nWhat?\n",
                "Content-Type: message/feedback-report\n\nFeedback-Type: abuse\nUser-Agent: x\nVersion: 1\n",
            ],
        ),
    );
    let yaml = plain(
        "c@corp.example",
        "X-ARF?",
        "They write:\n\nReported-From: x@isp.example\nReport-Type: ssh\nCategory: abuse\nSource-Type: ipv4\nSource: 192.0.2.1\nDate: Fri, 27 Nov 2026 17:00:00 +0100",
    );
    for octets in [inline, forwarded, loose, yaml] {
        let ticket = desk.ticket_of(&octets, FRIDAY);
        assert_eq!(ticket["automatic"], false, "{ticket}");
        assert!(ticket["due_at"].is_string());
        assert!(ticket["feed"].is_null());
    }
}

#[test]
fn who_forges_a_feed_or_answers_from_its_address_is_no_feed() {
    let desk = desk();
    let forged = text(&plain("feed@shadow.example", "[URGENT] We are breached", "help")).replacen(
        "From:",
        "Authentication-Results: mx.example.org; dmarc=fail header.from=shadow.example\r\nFrom:",
        1,
    );
    let ticket = desk.ticket_of(forged.as_bytes(), FRIDAY);
    assert_eq!((&ticket["automatic"], &ticket["reply_suppressed"]), (&false.into(), &"authentication_failed".into()));
    once(&desk, FRIDAY);
    assert_eq!(owed(&desk, "page"), 1, "somebody is told");
    let answer = text(&plain("feed@shadow.example", "Re: your question", "a person writes")).replacen(
        "MIME-",
        "In-Reply-To: <q@example.org>\r\nMIME-",
        1,
    );
    assert_eq!(desk.ticket_of(answer.as_bytes(), FRIDAY)["automatic"], false);
}

#[test]
fn five_thousand_reports_are_a_handful_of_tickets_and_no_alert() {
    let desk = desk();
    once(&desk, FRIDAY);
    for n in 0..5_000 {
        let octets = arf("loop@isp.example", &format!("192.0.2.{}", n % 5), &format!("X-Count: {n}\n"));
        std::fs::write(desk.path("feeds/new").join(format!("1.{n}")), octets).unwrap();
    }
    let began = Instant::now();
    once(&desk, FRIDAY);
    eprintln!("5,000 reports took {:?}", began.elapsed());
    let tickets = desk.json(&["ticket", "list", "--all"]);
    assert_eq!(tickets.as_array().unwrap().len(), 5);
    let counts: u64 =
        tickets.as_array().unwrap().iter().map(|ticket| ticket["feed"]["reports"].as_u64().unwrap()).sum();
    assert_eq!(counts, 5_000);
    assert_eq!(desk.json(&["outbox", "list", "--all"]), serde_json::json!([]));
}

#[test]
fn what_a_report_says_reaches_a_terminal_through_an_encoder_only() {
    let desk = desk();
    let octets = arf("noc@isp.example", "192.0.2.1", "Reported-Domain: \u{1b}]52;c;evil\u{7}\u{202e}.example\n");
    desk.ingest(&octets, FRIDAY);
    let shown = desk.ok(&["ticket", "show", "1"]);
    assert!(!shown.contains('\u{1b}') && !shown.contains('\u{202e}') && !shown.contains('\u{7}'), "{shown:?}");
    assert!(shown.contains("192[.]0[.]2[.]1"), "{shown}");
}
