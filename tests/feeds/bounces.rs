//! What machines say of our own mail: bounces, delays, receipts, absence notes.

use super::*;
use crate::support::certs::Authority;
use crate::support::desk::{header, plain, text, until};
use crate::support::dovecot::Dovecot;
use crate::support::postfix::Postfix;
use crate::support::site::{CSIRT, SOON, await_loop_well, setup};
use crate::support::smtp::{Fault, Recorder, Step};
use vigie::rules::settings::Tls;

const REPORTER: &str = "a@corp.example";

/// A desk with a ticket that was acknowledged and answered; the Message-IDs of the two.
fn answered() -> (Desk, String, String) {
    let desk = desk();
    desk.ingest(&plain(REPORTER, "Phishing", "Please look."), FRIDAY);
    once(&desk, FRIDAY);
    let acknowledgement = header(&desk.sent_to(REPORTER)[0], "Message-ID").unwrap();
    let output = desk.feed(&["--now", FRIDAY, "--as", "alice", "ticket", "answer", "1"], b"We look.\n");
    assert!(output.status.success(), "{}", text(&output.stderr));
    once(&desk, FRIDAY);
    let answer = header(&desk.sent_to(REPORTER)[1], "Message-ID").unwrap();
    assert_eq!(desk.show("1")["state"], "waiting");
    (desk, acknowledgement, answer)
}

/// A bounce as RFC 3464 has it, of the mail with that Message-ID.
fn dsn(id: &str, action: &str, status: &str) -> Vec<u8> {
    let delivery = format!(
        "Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx.corp.example\n\nFinal-Recipient: rfc822; {REPORTER}\n\
         Action: {action}\nStatus: {status}\nDiagnostic-Code: smtp; 550 no such user\n"
    );
    let returned = format!("Content-Type: text/rfc822-headers\n\nFrom: csirt@example.org\nMessage-ID: {id}\n");
    let body =
        parts("report; report-type=delivery-status", &["Content-Type: text/plain\n\nSorry.\n", &delivery, &returned]);
    mail(
        "Return-Path: <>\nFrom: MAILER-DAEMON@mx.corp.example\nTo: csirt@example.org\nSubject: Undelivered Mail",
        &body,
    )
}

const LATER: &str = "2026-11-27T18:10:00+01:00";

fn alerts(desk: &Desk) -> Vec<String> {
    let to_us = desk.sent().into_iter().filter(|(to, _)| to.ends_with("@example.org") || to.contains("@example.org"));
    to_us.filter_map(|(_, mail)| header(&mail, "Subject")).filter(|subject| subject.contains("unreachable")).collect()
}

#[test]
fn a_bounce_of_an_answer_lands_on_its_ticket_and_alerts_once() {
    let (desk, _, answer) = answered();
    let line = desk.ingest(&dsn(&answer, "failed", "5.1.1"), LATER);
    assert_eq!((&line["ticket"], &line["outcome"]), (&"EX-2026-000001".into(), &"joined".into()));
    once(&desk, LATER);
    let ticket = desk.show("1");
    assert_eq!(ticket["reporter"]["unreachable_at"], "2026-11-27T18:10:00+01:00");
    assert_eq!(ticket["correspondents"][0]["unreachable_at"], "2026-11-27T18:10:00+01:00");
    assert_eq!(ticket["automatic"], false, "the ticket is a human's still");
    assert_eq!(report(&ticket)["format"], "dsn");
    assert_eq!(report(&ticket)["type"], "failed");
    assert!(told(&ticket).contains("came back undelivered (5.1.1)"), "{}", told(&ticket));
    assert!(told(&ticket).contains("reporter unreachable"));
    assert_eq!(alerts(&desk).len(), 1);
    assert_eq!(desk.json(&["ticket", "list", "--all"]).as_array().unwrap().len(), 1, "no ticket of its own");
    // Another copy, worded otherwise, tells nobody again.
    desk.ingest(&dsn(&answer, "failed", "5.0.0"), LATER);
    once(&desk, LATER);
    assert_eq!(alerts(&desk).len(), 1);
    // The assignee has it, not the duty: a further answer that comes back is told to them.
    desk.ok(&["--now", LATER, "--as", "bob", "ticket", "assign", "1", "bob"]);
    let output = desk.feed(&["--now", LATER, "--as", "bob", "ticket", "answer", "1"], b"Hello?\n");
    assert!(output.status.success());
    once(&desk, LATER);
    let second = header(desk.sent_to(REPORTER).last().unwrap(), "Message-ID").unwrap();
    desk.ingest(&dsn(&second, "failed", "5.1.1"), LATER);
    once(&desk, LATER);
    let bobs = desk.sent_to("bob@example.org");
    assert!(bobs.iter().any(|mail| header(mail, "Subject").unwrap().contains("Reporter unreachable")), "{bobs:?}");
    // A human mail of the reporter clears it.
    let reply = text(&plain(REPORTER, "Re: Phishing", "I am here.")).replacen(
        "MIME-",
        &format!("In-Reply-To: {answer}\r\nMIME-"),
        1,
    );
    assert_eq!(desk.ingest(reply.as_bytes(), "2026-11-27T19:00:00+01:00")["outcome"], "joined");
    let ticket = desk.show("1");
    assert!(ticket["reporter"]["unreachable_at"].is_null(), "{ticket}");
    assert!(told(&ticket).contains("can be reached again"));
    assert_eq!(ticket["state"], "open");
}

#[test]
fn a_bounce_of_an_acknowledgement_sets_unreachable_and_alerts() {
    let (desk, acknowledgement, _) = answered();
    desk.ingest_into("feeds", &dsn(&acknowledgement, "failed", "5.2.1"), LATER);
    once(&desk, LATER);
    assert!(desk.show("1")["reporter"]["unreachable_at"].is_string(), "whatever the mailbox");
    assert_eq!(alerts(&desk).len(), 1);
}

#[test]
fn a_delay_is_only_noted() {
    let (desk, _, answer) = answered();
    desk.ingest(&dsn(&answer, "delayed", "4.4.1"), LATER);
    once(&desk, LATER);
    let ticket = desk.show("1");
    assert!(ticket["reporter"]["unreachable_at"].is_null());
    assert!(told(&ticket).contains("is delayed (4.4.1)"), "{}", told(&ticket));
    assert_eq!((alerts(&desk).len(), &ticket["state"]), (0, &"waiting".into()));
}

#[test]
fn a_forged_bounce_is_a_silent_ticket_of_its_own() {
    let (desk, _, answer) = answered();
    let before = owed(&desk, "alert");
    let forged = answer.replacen(".", ".0", 1);
    for id in [forged.as_str(), "<EX-2026-000001@example.org>", "<x@y.example>"] {
        let bounce = text(&dsn(id, "failed", "5.1.1"))
            .replace("Undelivered Mail", &format!("[EX-2026-000001] Undelivered {}", id.len()));
        let line = desk.ingest(bounce.as_bytes(), LATER);
        assert_eq!(line["outcome"], "filed", "{id}");
        let ticket = desk.show(line["ticket"].as_str().unwrap());
        assert_eq!(ticket["automatic"], true);
        assert!(ticket["due_at"].is_null());
        assert_eq!(ticket["links"][0]["kind"], "claims");
    }
    once(&desk, LATER);
    assert!(desk.show("1")["reporter"]["unreachable_at"].is_null());
    assert_eq!((owed(&desk, "alert"), alerts(&desk).len()), (before, 0));
}

#[test]
fn a_bounce_that_bears_the_number_of_another_ticket_lands_by_its_hash() {
    let (desk, _, answer) = answered();
    desk.ingest(&plain("b@corp.example", "Another", "Other."), FRIDAY);
    once(&desk, FRIDAY);
    let bounce = text(&dsn(&answer, "failed", "5.1.1")).replace("Undelivered Mail", "[EX-2026-000002] Undelivered");
    assert_eq!(desk.ingest(bounce.as_bytes(), LATER)["ticket"], "EX-2026-000001");
    assert!(desk.show("2")["reporter"]["unreachable_at"].is_null());
    // One that gives back mail of two tickets says nothing of either.
    let other = header(&desk.sent_to("b@corp.example")[0], "Message-ID").unwrap();
    let both = text(&dsn(&answer, "failed", "5.1.2")).replace("Sorry.", &format!("Message-ID: {other}"));
    let line = desk.ingest(both.as_bytes(), LATER);
    assert_eq!((&line["outcome"], &line["ticket"]), (&"filed".into(), &"EX-2026-000003".into()));
    assert!(desk.show("2")["reporter"]["unreachable_at"].is_null());
}

#[test]
fn bounces_in_no_standard_form_are_known_by_what_they_give_back() {
    let forms = |id: &str| {
        let quoted =
            format!("Received: from x\nFrom: csirt@example.org\nMessage-ID: {id}\nSubject: [EX-2026-000001]\n");
        let attached = format!("Content-Type: message/rfc822\n\n{quoted}\nhello\n");
        [
            // A block of text behind a line, as qmail has it.
            mail(
                "Return-Path: <>\nFrom: MAILER-DAEMON@corp.example\nTo: csirt@example.org\nSubject: failure notice",
                &format!(
                    "\nHi. I could not deliver your message.\n\n<{REPORTER}>: no such user\n\n--- Below this line is a copy.\n\n{quoted}"
                ),
            ),
            // A returned mail in multipart/mixed from somebody's post room, without any daemon's name.
            mail(
                "Return-Path: <>\nFrom: Service courrier <postroom@corp.example>\nTo: csirt@example.org\nSubject: Non remis",
                &parts("mixed", &["Content-Type: text/plain\n\nVotre message est revenu.\n", &attached]),
            ),
            // References alone, as webmail providers set them.
            mail(
                &format!(
                    "Return-Path: <>\nFrom: Mail Delivery Subsystem <mailer-daemon@corp.example>\nTo: csirt@example.org\nIn-Reply-To: {id}\nReferences: {id}\nX-Failed-Recipients: {REPORTER}\nSubject: Delivery Status Notification (Failure)"
                ),
                "\nAddress not found.\n",
            ),
        ]
    };
    for form in 0..3 {
        let (desk, _, answer) = answered();
        let bounce = &forms(&answer)[form];
        assert_eq!(desk.ingest(bounce, LATER)["outcome"], "joined", "{}", text(bounce));
        once(&desk, LATER);
        assert!(desk.show("1")["reporter"]["unreachable_at"].is_string(), "{form}");
        assert_eq!(alerts(&desk).len(), 1);
    }
}

#[test]
fn a_human_who_sends_our_mail_back_is_no_bounce() {
    let (desk, _, answer) = answered();
    let forwarded =
        format!("Content-Type: message/rfc822\n\nFrom: csirt@example.org\nMessage-ID: {answer}\nSubject: x\n\nhello\n");
    let octets = mail(
        "Return-Path: <c@corp.example>\nFrom: c@corp.example\nTo: csirt@example.org\nSubject: Is this from you?",
        &parts("mixed", &["Content-Type: text/plain\n\nI got this.\n", &forwarded]),
    );
    let line = desk.ingest(&octets, LATER);
    assert_eq!(line["outcome"], "filed");
    let ticket = desk.show(line["ticket"].as_str().unwrap());
    assert_eq!(ticket["automatic"], false);
    assert!(desk.show("1")["reporter"]["unreachable_at"].is_null());
}

#[test]
fn absence_notes_and_receipts_are_noted_and_wake_nothing() {
    let (desk, _, answer) = answered();
    let away = mail(
        &format!(
            "Return-Path: <>\nFrom: {REPORTER}\nTo: csirt@example.org\nAuto-Submitted: auto-replied\nIn-Reply-To: {answer}\nSubject: Out of office"
        ),
        "\nI am away.\n",
    );
    assert_eq!(desk.ingest(&away, LATER)["outcome"], "joined");
    // From an address that is nobody's in the ticket: the reference is ours all the same.
    let other =
        text(&away).replace(&format!("From: {REPORTER}"), "From: autoreply@corp.example").replace("I am away", "Gone");
    assert_eq!(desk.ingest(other.as_bytes(), LATER)["ticket"], "EX-2026-000001");
    let disposition = format!(
        "Content-Type: message/disposition-notification\n\nFinal-Recipient: rfc822;{REPORTER}\nOriginal-Message-ID: {answer}\nDisposition: manual-action/MDN-sent-manually; displayed\n"
    );
    let receipt = mail(
        &format!("Return-Path: <>\nFrom: {REPORTER}\nTo: csirt@example.org\nSubject: Read"),
        &parts("report; report-type=disposition-notification", &["Content-Type: text/plain\n\nRead.\n", &disposition]),
    );
    assert_eq!(desk.ingest(&receipt, LATER)["outcome"], "joined");
    once(&desk, LATER);
    let ticket = desk.show("1");
    assert_eq!(ticket["state"], "waiting");
    assert!(ticket["clock_from"].is_null() && ticket["answered_at"].is_string());
    assert_eq!(told(&ticket).matches("automatic reply to answer").count(), 2, "{}", told(&ticket));
    assert!(told(&ticket).contains("was received, says a receipt"));
    assert_eq!(alerts(&desk).len(), 0);
    assert_eq!(desk.json(&["ticket", "list", "--all"]).as_array().unwrap().len(), 1);
    // Before the answer, an absence note stops no clock.
    let desk = self::desk();
    desk.ingest(&plain(REPORTER, "Phishing", "Please look."), FRIDAY);
    once(&desk, FRIDAY);
    let ours = header(&desk.sent_to(REPORTER)[0], "Message-ID").unwrap();
    desk.ingest(text(&away).replace(&answer, &ours).as_bytes(), LATER);
    let ticket = desk.show("1");
    assert_eq!((&ticket["state"], ticket["clock_from"].is_string()), (&"new".into(), true));
}

#[test]
fn a_real_postfix_sends_our_answer_back_to_its_ticket() {
    let (dovecot, recorder, authority) = (Dovecot::start(), Recorder::start(), Authority::new());
    let postfix = Postfix::start(&authority.issue("localhost"), recorder.port, "");
    let mut setup = setup(&dovecot.mailbox("csirt", Tls::Implicit, ""), 0);
    setup.smtp = format!(
        "[smtp]\ntransport = \"smtp\"\nhost = \"localhost\"\nport = {}\ntls = \"starttls\"\nca_file = \"smtp-ca.pem\"\n",
        postfix.port
    );
    let desk = Desk::with(setup);
    std::fs::write(desk.path("smtp-ca.pem"), authority.pem()).unwrap();
    let _daemon = desk.daemon();
    await_loop_well(&desk, "csirt/INBOX");
    dovecot.deliver(CSIRT, &plain(REPORTER, "Phishing", "Please look."));
    until("the acknowledgement", SOON, || !recorder.mails_to(REPORTER).is_empty());
    recorder.fail_for(REPORTER, Step::Rcpt, Fault::reply("550 5.1.1 no such user here\r\n"));
    let output = desk.feed(&["--as", "alice", "ticket", "answer", "1"], b"We look.\n");
    assert!(output.status.success(), "{}", text(&output.stderr));
    until(&format!("the bounce\n{}", postfix.log()), SOON, || !recorder.mails_to(CSIRT).is_empty());
    let bounce = recorder.mails_to(CSIRT).remove(0);
    assert!(bounce.from.starts_with("<>"), "{}", bounce.from);
    dovecot.deliver(CSIRT, &[b"Return-Path: <>\r\n", &bounce.data[..]].concat());
    until("the ticket says so", SOON, || desk.show("1")["reporter"]["unreachable_at"].is_string());
    let ticket = desk.show("1");
    assert!(told(&ticket).contains("came back undelivered (5.1.1)"), "{}", told(&ticket));
    assert_eq!(report(&ticket)["format"], "dsn");
    until("alice is told", SOON, || {
        let mails = recorder.mails_to("alice@example.org");
        mails
            .iter()
            .any(|mail| header(&mail.text(), "Subject").is_some_and(|subject| subject.contains("Reporter unreachable")))
    });
    assert_eq!(desk.json(&["ticket", "list", "--all"]).as_array().unwrap().len(), 1);
}
