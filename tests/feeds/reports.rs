//! P10: machine reports are read, grouped, never answered, and wake nobody.

use super::*;

fn with_report(name: &str, content_type: &str, content: &str, head: &str) -> Vec<u8> {
    let part = format!(
        "Content-Type: {content_type}; name={name}\nContent-Disposition: attachment; filename={name}\n\n{content}"
    );
    let body = parts("mixed", &["Content-Type: text/plain\n\nSee the report.\n", &part]);
    mail(
        &format!(
            "From: noc@isp.example\nReturn-Path: <noc@isp.example>\nTo: csirt@example.org\nSubject: Report\n{head}"
        ),
        &body,
    )
}

const XARF_TEXT: &str = "---\nReported-From: noc@isp.example\nCategory: abuse\nReport-Type: login-attack\nService: ssh\nVersion: 0.2\n\
    User-Agent: x\nDate: Fri, 27 Nov 2026 17:00:00 +0100\nSource-Type: ipv4\nSource: 192.0.2.9\nReport-ID: 1@isp.example\n\
    Attachment: none\nSchema-URL: http://schema.example/\n";

const XARF_3: &str = r#"{"Version":"3","Disclosure":true,"ReporterInfo":{"ReporterOrg":"ISP","ReporterOrgDomain":"isp.example",
"ReporterOrgEmail":"noc@isp.example"},"Report":{"ReportClass":"Activity","ReportType":"PortScan","Date":"2026-11-27T16:00:00Z",
"SourceIp":"192.0.2.9","SourcePort":4000}}"#;

const XARF_4: &str = r#"{"xarf_version":"4.0.0","report_id":"0e0e64ae-7e0b-4d3c-9a0e-7f1f5f1f0c11","timestamp":"2026-11-27T16:00:00Z",
"reporter":{"org":"ISP","contact":"noc@isp.example","domain":"isp.example"},"sender":{"org":"ISP","contact":"noc@isp.example",
"domain":"isp.example"},"source_identifier":"192.0.2.9","category":"connection","type":"port_scan"}"#;

const IODEF_1: &str = r#"<?xml version="1.0"?><IODEF-Document version="1.00" xmlns="urn:ietf:params:xml:ns:iodef-1.0"><Incident purpose="reporting">
<IncidentID name="isp.example">1</IncidentID><ReportTime>2026-11-27T16:00:00Z</ReportTime><Assessment><Impact type="recon"/></Assessment>
<Contact role="creator" type="organization"><Email>noc@isp.example</Email></Contact><EventData><Flow><System category="source"><Node>
<Address category="ipv4-addr">192.0.2.9</Address></Node></System></Flow></EventData></Incident></IODEF-Document>"#;

const IODEF_2: &str = r#"<IODEF-Document version="2.00" xml:lang="en" xmlns="urn:ietf:params:xml:ns:iodef-2.0"><Incident purpose="reporting" restriction="green">
<IncidentID name="isp.example">1</IncidentID><GenerationTime>2026-11-27T16:00:00Z</GenerationTime><Contact role="creator" type="organization">
<ContactName>NOC</ContactName></Contact><EventData><Flow><System category="source"><Node><Address category="ipv4-addr">192.0.2.9</Address></Node>
</System></Flow></EventData></Incident></IODEF-Document>"#;

#[test]
fn p10_every_form_is_read_into_fields_and_wakes_nobody() {
    let cases = [
        ("arf", "1", "abuse", arf("noc@isp.example", "192.0.2.9", "Arrival-Date: Fri, 27 Nov 2026 17:00:00 +0100\n")),
        ("x-arf", "0.2", "login-attack", with_report("report.txt", "text/plain", XARF_TEXT, "X-XARF: PLAIN\n")),
        ("x-arf", "3", "PortScan", with_report("xarf.json", "application/json", XARF_3, "X-XARF: PLAIN\n")),
        ("x-arf", "4.0.0", "port_scan", with_report("xarf.json", "application/json", XARF_4, "")),
        ("iodef", "1.00", "reporting", with_report("incident.xml", "text/xml", IODEF_1, "")),
        ("iodef", "2.00", "reporting", with_report("incident.xml", "application/iodef+xml", IODEF_2, "")),
    ];
    for (format, version, kind, octets) in cases {
        let desk = desk();
        let ticket = desk.ticket_of(&octets, FRIDAY);
        let said = report(&ticket);
        assert_eq!(said["format"], format, "{ticket}");
        assert_eq!(said["version"], version);
        assert_eq!(said["type"], kind);
        assert_eq!(said["source_ip"], "192.0.2.9", "{said}");
        assert_eq!(said["source"], "192.0.2.9");
        assert_eq!(said["arrival_date"], "2026-11-27T17:00:00+01:00", "{said}");
        assert_eq!(said["incidents"], 1);
        assert!(!said["fields"].as_array().unwrap().is_empty());
        assert_eq!(ticket["subject"], "Feed: noc@isp.example, 192.0.2.9, 2026-11-27");
        assert_eq!(ticket["feed"]["reports"], 1);
        once(&desk, FRIDAY);
        is_silent(&desk, &desk.show("1"));
    }
}

#[test]
fn p10_reports_of_one_sender_and_source_on_one_day_are_one_ticket() {
    let desk = desk();
    let outcome = |octets: &[u8], now: &str| {
        let line = desk.ingest_into("feeds", octets, now);
        (line["ticket"].as_str().unwrap().to_owned(), line["outcome"].as_str().unwrap().to_owned())
    };
    let ticket = |n: u32| format!("EX-2026-{n:06}");
    let of = |from: &str, ip: &str, n: u32| arf(from, ip, &format!("Incidents: 3\nX-Count: {n}\n"));
    assert_eq!(outcome(&of("a@isp.example", "192.0.2.1", 1), FRIDAY), (ticket(1), "filed".into()));
    for n in 2..=20 {
        assert_eq!(outcome(&of("a@isp.example", "192.0.2.1", n), FRIDAY), (ticket(1), "joined".into()));
    }
    assert_eq!(outcome(&of("a@isp.example", "192.0.2.2", 1), FRIDAY).0, ticket(2), "another source");
    assert_eq!(outcome(&of("b@isp.example", "192.0.2.1", 1), FRIDAY).0, ticket(3), "another sender");
    let evening = "2026-11-27T23:59:59+01:00";
    assert_eq!(outcome(&of("a@isp.example", "192.0.2.1", 21), evening).0, ticket(1));
    let next = "2026-11-28T00:00:00+01:00";
    assert_eq!(outcome(&of("a@isp.example", "192.0.2.1", 22), next).0, ticket(4), "another day of the team's zone");
    assert_eq!(outcome(&of("a@isp.example", "192.0.2.1", 22), next).1, "duplicate");
    let shown = desk.show("1");
    assert_eq!(
        shown["feed"],
        serde_json::json!({
            "sender": "a@isp.example", "source": "192.0.2.1", "day": "2026-11-27", "reports": 21, "incidents": 63
        })
    );
    assert_eq!(shown["messages"].as_array().unwrap().len(), 21);
    assert_eq!(shown["state"], "new");
    once(&desk, next);
    is_silent(&desk, &desk.show("1"));
}

#[test]
fn what_fails_its_schema_is_an_ordinary_ticket() {
    let broken = [
        (XARF_4.replace("category", "kategory"), "application/json"),
        (XARF_3.replace("192.0.2.9", "nowhere"), "application/json"),
        (XARF_TEXT.replace("Source: ", "Origin: "), "text/plain"),
        (IODEF_2.replace("GenerationTime", "SomeTime"), "application/iodef+xml"),
    ];
    for (content, kind) in broken {
        let desk = desk();
        let ticket = desk.ticket_of(&with_report("report.txt", kind, &content, "X-XARF: PLAIN\n"), FRIDAY);
        assert_eq!(ticket["automatic"], false, "{ticket}");
        assert!(report(&ticket).is_null());
        assert!(ticket["due_at"].is_string());
        once(&desk, FRIDAY);
        assert_eq!(desk.sent_to("noc@isp.example").len(), 1, "acknowledged");
        assert_eq!(desk.sent_to("alice@example.org").len(), 1, "alerted");
    }
    // A multipart/report of any kind is answered by nobody (A1.5); but somebody is told.
    let desk = desk();
    let ticket = desk.ticket_of(&feedback("noc@isp.example", "User-Agent: x\nVersion: 1\n"), FRIDAY);
    assert_eq!((&ticket["automatic"], &ticket["reply_suppressed"]), (&false.into(), &"report".into()));
    assert!(ticket["due_at"].is_string());
    once(&desk, FRIDAY);
    assert_eq!(desk.sent_to("noc@isp.example").len(), 0);
    assert_eq!(desk.sent_to("alice@example.org").len(), 1);
}

#[test]
fn a_human_at_a_role_address_is_acknowledged_and_alerted() {
    for from in ["abuse@isp.example", "cert@cert.example", "security@isp.example", "noc@isp.example"] {
        let desk = desk();
        let ticket = desk.ticket_of(&support::desk::plain(from, "Phishing on your network", "Please look."), FRIDAY);
        assert_eq!(ticket["automatic"], false);
        once(&desk, FRIDAY);
        assert_eq!((desk.sent_to(from).len(), desk.sent_to("alice@example.org").len()), (1, 1), "{from}");
    }
}

#[test]
fn a_listed_feed_and_a_feed_mailbox_are_silent_whatever_they_say() {
    let desk = desk();
    let listed = desk.ticket_of(&support::desk::plain("feed@shadow.example", "Daily report", "see csv"), FRIDAY);
    is_silent(&desk, &listed);
    let line = desk.ingest_into("feeds", &support::desk::plain("x@isp.example", "Daily report", "csv"), FRIDAY);
    is_silent(&desk, &desk.show(line["ticket"].as_str().unwrap()));
    // What names no source stands alone.
    let again = desk.ingest(&support::desk::plain("feed@shadow.example", "Daily report", "see other csv"), FRIDAY);
    assert_eq!(again["outcome"], "filed");
}
