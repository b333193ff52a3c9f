//! Analysts' own mail, and each row of CONTRACT.md's table "What happens to a mail".

use super::*;
use crate::support::desk::{header, pgp_mime, plain};

/// A desk that knows alice's and bob's keys, with one open ticket; gives both fingerprints.
fn keyed(more: &str) -> (Desk, String, String) {
    let desk = Desk::with(Setup { more: more.to_owned(), ..Setup::default() });
    let alice = desk.befriend("Alice <alice@example.org>");
    let bob = desk.befriend("Bob <bob@example.org>");
    for (name, key) in [("alice", &alice), ("bob", &bob)] {
        let named = format!("address = \"{name}@example.org\"\n");
        reconfigure(&desk, &named, &format!("{named}fingerprint = \"{key}\"\n"));
    }
    desk.ingest(&plain("a@corp.example", "[URGENT] Report", "report"), FRIDAY);
    once(&desk, FRIDAY);
    (desk, alice, bob)
}

/// A mail of alice's about the ticket, to `to`.
fn written(to: &str, body: &str) -> String {
    let mail = text(&plain("alice@example.org", "Re: [EX-2026-000001] Report", body));
    mail.replace("To: csirt@example.org", &format!("To: {to}"))
}

/// The header fields that a signature covers (RFC 9788).
fn protected_fields(to: &str) -> String {
    format!("From: alice@example.org\r\nTo: {to}\r\nSubject: Re: [EX-2026-000001] Report\r\n")
}

/// The same, encrypted to the team and signed.
fn sealed(desk: &Desk, signer: &str, to: &str, body: &str) -> Vec<u8> {
    let fields = protected_fields(to);
    let inner = format!("{fields}Content-Type: text/plain; charset=utf-8; hp=\"cipher\"\r\n\r\n{body}\r\n");
    let armored = desk.gpg.seal(&[&desk.team], Some(signer), inner.as_bytes());
    let mail = text(&pgp_mime("alice@example.org", "Re: [EX-2026-000001] Report", &armored));
    mail.replace("To: csirt@example.org", &format!("To: {to}")).into_bytes()
}

/// The same, signed in clear (PGP/MIME).
fn signed(desk: &Desk, signer: &str, to: &str, body: &str) -> Vec<u8> {
    let fields = protected_fields(to);
    let part = format!("{fields}Content-Type: text/plain; charset=utf-8; hp=\"clear\"\r\n\r\n{body}");
    let ran =
        desk.gpg.run(&["--armor", "--detach-sign", "--digest-algo", "SHA512", "--local-user", signer], part.as_bytes());
    assert!(ran.success, "{:?}", ran.status);
    let head = written(to, body).split("MIME-Version").next().unwrap().to_owned();
    let signature = text(&ran.out).replace('\n', "\r\n");
    format!(
        "{head}MIME-Version: 1.0\r\nContent-Type: multipart/signed; protocol=\"application/pgp-signature\"; micalg=pgp-sha512; boundary=\"s\"\r\n\r\n\
         --s\r\n{part}\r\n--s\r\nContent-Type: application/pgp-signature\r\n\r\n{signature}\r\n--s--\r\n"
    )
    .into_bytes()
}

const TO_BOTH: &str = "a@corp.example, csirt@example.org";

/// The last message of a ticket: (direction, author), and whether the ticket waits for the reporter.
fn last(desk: &Desk) -> (String, Value, bool) {
    let ticket = desk.show("1");
    let message = ticket["messages"].as_array().unwrap().last().unwrap().clone();
    (message["direction"].as_str().unwrap().to_owned(), message["author"].clone(), ticket["answered_at"].is_string())
}

#[test]
fn an_analysts_mail_counts_as_what_it_proves() {
    let note = |author: &str| ("note".to_owned(), json!(author), false);
    let answer = ("out".to_owned(), json!("alice"), true);
    type Make = fn(&Desk, &str, &str) -> Vec<u8>;
    let cases: [(&str, Make, _, &str); 8] = [
        (
            "a signed note to us",
            |desk, alice, _| signed(desk, alice, "csirt@example.org", "note"),
            note("alice"),
            "alice: note by mail",
        ),
        (
            "a sealed note to us",
            |desk, alice, _| sealed(desk, alice, "csirt@example.org", "note"),
            note("alice"),
            "alice: note by mail",
        ),
        (
            "a note without proof",
            |_, _, _| written("csirt@example.org", "note").into_bytes(),
            note("alice"),
            "vigie: unverified note in the name of alice",
        ),
        (
            "an answer without proof",
            |_, _, _| written(TO_BOTH, "answer").into_bytes(),
            note("alice"),
            "vigie: unverified note",
        ),
        (
            "an answer signed by another",
            |desk, _, bob| signed(desk, bob, TO_BOTH, "answer"),
            note("alice"),
            "vigie: unverified note",
        ),
        (
            "an answer whose signature is broken",
            |desk, alice, _| {
                text(&signed(desk, alice, TO_BOTH, "answer")).replace("\r\n\r\nanswer", "\r\n\r\nanswers").into_bytes()
            },
            note("alice"),
            "vigie: unverified note",
        ),
        (
            "a signed answer",
            |desk, alice, _| signed(desk, alice, TO_BOTH, "answer"),
            answer.clone(),
            "alice: answered by mail",
        ),
        ("a sealed answer", |desk, alice, _| sealed(desk, alice, TO_BOTH, "answer"), answer, "alice: answered by mail"),
    ];
    for (what, make, expected, line) in cases {
        let (desk, alice, bob) = keyed("");
        let sent = desk.sent().len();
        let outcome = desk.ingest(&make(&desk, &alice, &bob), "2026-11-27T18:10:00+01:00");
        assert_eq!((&outcome["outcome"], &outcome["ticket"]), (&json!("joined"), &json!("EX-2026-000001")), "{what}");
        assert_eq!(last(&desk), expected, "{what}");
        assert!(
            told(&desk, "1").last().is_some_and(|last| last.starts_with(line))
                || told(&desk, "1").iter().any(|l| l.starts_with(line)),
            "{what}: {:?}",
            told(&desk, "1")
        );
        once(&desk, "2026-11-27T18:11:00+01:00");
        assert_eq!(desk.sent().len(), sent, "{what}: nobody is acknowledged, alerted or paged for it");
        let unanswered = desk.json(&["ticket", "list", "--unanswered"]).as_array().map(Vec::len);
        assert_eq!(unanswered, Some(usize::from(!expected.2)), "{what}: the clock stops with a proven answer alone");
    }
}

#[test]
fn an_old_signed_mail_of_an_analyst_proves_nothing_any_more() {
    let (desk, alice, _) = keyed("");
    desk.gpg.turn_to("20261101T120000");
    let old = signed(&desk, &alice, TO_BOTH, "answer");
    desk.ingest(&old, "2026-11-27T18:10:00+01:00");
    assert_eq!(last(&desk), ("note".to_owned(), json!("alice"), false));
}

#[test]
fn an_answer_that_the_border_vouches_for_stops_the_clock() {
    let passed = |domain: &str| {
        let field = format!("Authentication-Results: mx.example.org; dmarc=pass header.from={domain}\r\n");
        [field.as_bytes(), written(TO_BOTH, "answer").as_bytes()].concat()
    };
    let (desk, ..) = keyed("[triage]\nauthserv_id = \"mx.example.org\"\n");
    desk.ingest(&passed("else.example"), FRIDAY);
    assert!(!last(&desk).2, "another domain");
    let passed = passed("example.org");
    desk.ingest(&text(&passed).replace("\r\n\r\nanswer", "\r\n\r\nanother").into_bytes(), FRIDAY);
    assert_eq!(last(&desk), ("out".to_owned(), json!("alice"), true));
    let (desk, ..) = keyed("");
    desk.ingest(&passed, FRIDAY);
    assert!(!last(&desk).2, "nobody's word is taken unasked");
}

#[test]
fn an_analysts_mail_that_names_no_ticket_opens_one_without_a_clock_and_in_silence() {
    let desk = Desk::new();
    desk.ingest(&plain("alice@example.org", "[URGENT] Seen on the phone", "hello"), FRIDAY);
    once(&desk, FRIDAY);
    let ticket = desk.show("1");
    assert_eq!((&ticket["state"], &ticket["due_at"]), (&json!("new"), &Value::Null), "nothing was promised");
    assert!(desk.sent().is_empty());
}

/// The code of the page that was sent last.
fn page_code(desk: &Desk) -> String {
    store(desk).query_row("SELECT code FROM page ORDER BY id DESC LIMIT 1", [], |row| row.get(0)).unwrap()
}

fn acknowledged_by(desk: &Desk) -> Value {
    let history = told(desk, "1");
    let by = history.iter().find(|line| line.contains("acknowledged page"));
    let shown = desk.json(&["duty", "show"]);
    assert_eq!(shown["pages"][0]["acknowledged_at"].is_string(), by.is_some(), "{shown}");
    by.map_or(Value::Null, |line| json!(line.split(':').next().unwrap()))
}

#[test]
fn a_page_is_acknowledged_by_mail_only_sealed_to_us_alone_by_the_analyst_with_its_code() {
    let (desk, alice, bob) = keyed("");
    let code = page_code(&desk);
    let page = &desk.sent_to("alice@example.org");
    assert!(
        !page.is_empty() && page.iter().all(|mail| !mail.contains(&code)),
        "pages are encrypted to those whose key is known, so the code is no secret of the wire"
    );
    let ours = "csirt@example.org";
    let quoted = format!("On it.\r\n> Code:        {code}");
    for (what, mail) in [
        ("a stranger", plain("x@evil.example", "[EX-2026-000001]", &quoted)),
        ("no proof", written(ours, &quoted).into_bytes()),
        ("signed, but readable on the way", signed(&desk, &alice, ours, &quoted)),
        ("sealed by another", sealed(&desk, &bob, ours, &quoted)),
        ("sealed, but to others too", sealed(&desk, &alice, "csirt@example.org, x@else.example", &quoted)),
        ("a wrong code", sealed(&desk, &alice, ours, "Code:        ABCDEFGHJK")),
        ("no code", sealed(&desk, &alice, ours, "On it.")),
    ] {
        desk.ingest(&mail, FRIDAY);
        assert_eq!(acknowledged_by(&desk), Value::Null, "{what}");
    }
    desk.ingest(&sealed(&desk, &alice, ours, &quoted), FRIDAY);
    assert_eq!(acknowledged_by(&desk), "alice");
    let before = desk.sent().len();
    once(&desk, "2026-11-27T18:40:00+01:00");
    assert!(!desk.sent()[before..].iter().any(|(to, _)| to.contains("lead@")), "it climbs no further");
}

/// What became of a mail: acknowledged, alerted, paged, on the clock.
fn outcome(desk: &Desk, number: &str, before: &[usize; 3]) -> ([bool; 4], [usize; 3]) {
    let after = ["acknowledgement", "alert", "page"].map(|kind| owed(desk, kind).len());
    let [acknowledged, alerted, paged] = [0, 1, 2].map(|kind| after[kind] > before[kind]);
    ([acknowledged, alerted, paged, desk.show(number)["due_at"].is_string()], after)
}

fn report(kind: &str, part_type: &str) -> Vec<u8> {
    let head = text(&plain("machine@isp.example", "[URGENT] Notification", kind))
        .split("MIME-Version")
        .next()
        .unwrap()
        .to_owned();
    let fields = match kind {
        "delivery-status" => {
            "Reporting-MTA: dns; mx.isp.example\r\n\r\nFinal-Recipient: rfc822; x@isp.example\r\nAction: failed\r\n\
             Status: 5.1.1"
        }
        "disposition-notification" => {
            "Final-Recipient: rfc822; x@isp.example\r\nDisposition: manual-action/MDN-sent-manually; displayed"
        }
        _ => "Feedback-Type: abuse\r\nUser-Agent: x/1\r\nVersion: 1",
    };
    format!(
        "{head}MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type={kind}; boundary=\"r\"\r\n\r\n\
         --r\r\nContent-Type: text/plain\r\n\r\nA notification.\r\n--r\r\nContent-Type: {part_type}\r\n\r\n\
         {fields}\r\n\r\n--r--\r\n"
    )
    .into_bytes()
}

const XARF: &str = r#"{"Version":"3","Disclosure":true,"ReporterInfo":{"ReporterOrg":"ISP","ReporterOrgDomain":"isp.example",
"ReporterOrgEmail":"noc@isp.example"},"Report":{"ReportClass":"Activity","ReportType":"PortScan","Date":"2026-11-27T16:00:00Z",
"SourceIp":"192.0.2.9","SourcePort":4000}}"#;

const IODEF: &str = r#"<IODEF-Document version="2.00" xml:lang="en" xmlns="urn:ietf:params:xml:ns:iodef-2.0">
<Incident purpose="reporting"><IncidentID name="isp.example">1</IncidentID><GenerationTime>2026-11-27T16:00:00Z</GenerationTime>
<Contact role="creator" type="organization"><ContactName>NOC</ContactName></Contact><EventData><Flow><System category="source">
<Node><Address category="ipv4-addr">192.0.2.10</Address></Node></System></Flow></EventData></Incident></IODEF-Document>"#;

/// A machine report as an attached document.
fn attached(subject: &str, content_type: &str, document: &str) -> Vec<u8> {
    let marker = if content_type.ends_with("json") { "X-XARF: PLAIN\r\n" } else { "" };
    let head = text(&plain("noc@isp.example", subject, content_type)).split("MIME-Version").next().unwrap().to_owned();
    format!(
        "{marker}{head}MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"r\"\r\n\r\n\
         --r\r\nContent-Type: text/plain\r\n\r\nSee the report.\r\n--r\r\nContent-Type: {content_type}; name=report\r\n\
         Content-Disposition: attachment; filename=report\r\n\r\n{}\r\n--r--\r\n",
        document.replace('\n', "\r\n")
    )
    .into_bytes()
}

#[test]
fn what_happens_to_a_mail() {
    let desk = three_mailboxes();
    let config = std::fs::read_to_string(desk.path("vigie.toml")).unwrap();
    let triage = "[triage]\nspam_header = \"X-Spam-Flag: YES\"\nfeeds = [\"feed@isp.example\"]\n";
    std::fs::write(desk.path("vigie.toml"), config + triage).unwrap();
    let stranger = desk.gpg.generate(crate::support::gnupg::Kind::Curve25519, "S <s@else.example>");
    let unopenable = |from: &str, subject: &str| {
        let armored = desk.gpg.seal(
            &[&stranger],
            None,
            format!("Content-Type: text/plain\r\n\r\n{subject}{from}\r\n").as_bytes(),
        );
        pgp_mime(from, subject, &armored)
    };
    let human = |from: &str, subject: &str| plain(from, subject, "words");
    let field = |fields: &str, subject: &str| with_fields(&plain("a@else.example", subject, fields), fields);
    let null = |subject: &str| {
        text(&human("a@null.example", subject)).replace("Return-Path: <a@null.example>", "Return-Path: <>").into_bytes()
    };
    let (yes, no) = (true, false);
    // mail, mailbox, acknowledged, alert, page, clock
    let rows: Vec<(&str, Vec<u8>, &str, [bool; 4])> = vec![
        ("a report", human("a@one.example", "Report"), "csirt", [yes, yes, no, yes]),
        ("an urgent report", human("a@two.example", "[URGENT] Report"), "csirt", [yes, yes, yes, yes]),
        ("to contact", human("a@three.example", "Question"), "contact", [yes, no, no, yes]),
        ("to contact, urgent", human("a@four.example", "[URGENT] Question"), "contact", [yes, no, yes, yes]),
        ("to a feed", human("a@five.example", "[URGENT] Feed"), "feed", [no; 4]),
        ("of a listed feed", human("feed@isp.example", "[URGENT] Feed"), "csirt", [no; 4]),
        ("ARF", report("feedback-report", "message/feedback-report"), "csirt", [no; 4]),
        ("DSN", report("delivery-status", "message/delivery-status"), "csirt", [no; 4]),
        ("MDN", report("disposition-notification", "message/disposition-notification"), "csirt", [no; 4]),
        ("X-ARF", attached("[URGENT] X-ARF", "application/json", XARF), "csirt", [no; 4]),
        ("IODEF", attached("[x] Document", "application/iodef+xml", IODEF), "csirt", [no; 4]),
        ("vacation", field("Auto-Submitted: auto-replied\r\n", "[URGENT] Away"), "csirt", [no; 4]),
        ("bulk", field("Precedence: bulk\r\n", "Bulk"), "csirt", [no, yes, no, yes]),
        ("bulk, urgent", field("Precedence: bulk\r\n", "[URGENT] Bulk"), "csirt", [no, yes, yes, yes]),
        ("list", field("List-Id: <x.example>\r\n", "List"), "csirt", [no, yes, no, yes]),
        ("null sender", null("Words"), "csirt", [no, yes, no, yes]),
        ("no-reply", human("no-reply@six.example", "Words"), "csirt", [no, yes, no, yes]),
        ("our own address", human("csirt+x@example.org", "Words"), "csirt", [no, yes, no, yes]),
        ("a wish", field("X-Auto-Response-Suppress: All\r\n", "Wish"), "csirt", [no, yes, no, yes]),
        (
            "auto-generated, but a human's words",
            field("Auto-Submitted: auto-generated\r\n", "Form"),
            "csirt",
            [no, yes, no, yes],
        ),
        ("two senders", field("From: b@else.example\r\n", "Two"), "csirt", [no, yes, no, yes]),
        ("not to be opened", unopenable("a@seven.example", "..."), "csirt", [yes, yes, no, yes]),
        (
            "not to be opened, urgent outside",
            unopenable("a@eight.example", "[URGENT] x"),
            "csirt",
            [yes, yes, yes, yes],
        ),
        ("not to be opened, of a constituent", unopenable("a@corp.example", "..."), "csirt", [yes, yes, yes, yes]),
        ("not to be opened, to contact", unopenable("a@nine.example", "..."), "contact", [yes, yes, no, yes]),
        ("spam", field("X-Spam-Flag: YES\r\n", "[URGENT] Spam"), "csirt", [no; 4]),
        ("an analyst's report", human("alice@example.org", "[URGENT] Words"), "csirt", [no; 4]),
    ];
    let mut before = [0; 3];
    let mut now: jiff::Timestamp = "2026-11-20T09:00:00+01:00".parse().unwrap();
    for (what, mail, mailbox, expected) in rows {
        // Far enough apart that nothing is grouped.
        now += jiff::SignedDuration::from_hours(2);
        let line = desk.ingest_into(mailbox, &mail, &now.to_string());
        assert_eq!(line["outcome"], "filed", "{what}: {line}");
        let number = line["ticket"].as_str().unwrap();
        let (found, after) = outcome(&desk, number, &before);
        let ticket = desk.show(number);
        assert_eq!(found, expected, "{what}: acknowledged, alert, page, clock; {}", ticket["reply_suppressed"]);
        let why_not = ticket["automatic"] == true || ticket["reply_suppressed"].is_string();
        assert_eq!(why_not, !expected[0], "{what}: says why nobody is answered");
        before = after;
    }
    let spam = desk.json(&["ticket", "list", "--all"]);
    let spam = spam.as_array().unwrap().iter().find(|ticket| ticket["suspected_spam"] == true).unwrap();
    assert_eq!(spam["labels"], json!(["suspected-spam"]), "{spam}");
}

#[test]
fn mail_that_waits_for_a_key_pages_as_one_that_cannot_be_opened() {
    let desk = Desk::new();
    std::fs::remove_file(desk.path("team.asc")).unwrap();
    let armored = desk.gpg.seal(&[&desk.team], None, b"Content-Type: text/plain\r\n\r\nx\r\n");
    desk.ingest(&pgp_mime("a@corp.example", "...", &armored), FRIDAY);
    assert_eq!(owed(&desk, "page").len(), 1, "a constituent's");
    assert_eq!(code(&desk.once(FRIDAY)), 75, "the acknowledgement waits for a key to sign with");
    let alert = &desk.sent_to("alice@example.org")[0];
    assert!(header(alert, "Subject").is_some_and(|subject| subject.contains("EX-2026-000001")));
    assert!(!alert.contains("multipart/signed"), "what wakes people leaves unsigned rather than not");
    let status = desk.run(&["status"]);
    assert!(code(&status) == 1 && text(&status.stdout).contains("team.asc"), "{}", text(&status.stdout));
}
