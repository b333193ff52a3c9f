//! The table "What happens to a mail", cell by cell, and the laws that hold for every mail.

use super::*;
use crate::rules::feed::{FeedReport, Format};
use crate::rules::testing::{ALICE, address, mail, settings};
use crate::rules::ticket::Number;
use crate::rules::untrusted::Untrusted;
use crate::rules::verdict::{Covers, EncryptionProblem, Verdict};
use proptest::prelude::*;

const PASS: (&str, &str) = ("Authentication-Results", "mx.example.org; dmarc=pass header.from=corp.example");
const OUR_PASS: (&str, &str) = ("Authentication-Results", "mx.example.org; dmarc=pass header.from=example.org");

fn known<'a>(settings: &'a Settings, mailbox: &str) -> Known<'a> {
    Known {
        settings,
        mailbox: settings.mailbox(mailbox).unwrap(),
        received_at: Timestamp::UNIX_EPOCH,
        envelope_sender: None,
        named: vec![],
        claims_inside: vec![],
        replay: false,
        page: None,
        page_answered: false,
        history: false,
        echo: false,
        ours: None,
        reply: None,
        answers_alert: false,
    }
}

fn named(id: i64, proven_by_reference: bool) -> NamedTicket {
    NamedTicket {
        id,
        number: Number::new("EX", 2026, id as u32),
        participants: vec![address("a@corp.example")],
        reporter: Some(address("a@corp.example")),
        proven_by_reference,
        pointer_protected: true,
        reopened_lately: None,
    }
}

fn decide(report: &Report, mailbox: &str) -> Decision {
    let settings = settings();
    triage(report, &known(&settings, mailbox))
}

fn subject(mut report: Report, subject: &str) -> Report {
    (report.subject, report.outer.subject) = (subject.into(), subject.into());
    report
}

fn sealed(mut report: Report) -> Report {
    report.outer.has_ciphertext = true;
    report.outer.clear_text = Untrusted::default();
    report
}

/// A mail that could not be opened.
fn unopened(report: Report) -> Report {
    let mut report = sealed(report);
    report.verdict.encryption = Encryption::Failed;
    report.verdict.encryption_problem = Some(EncryptionProblem::NoKey);
    report.text = Untrusted::default();
    report
}

fn signed_by(mut report: Report, fingerprint: &str) -> Report {
    report.verdict = Verdict {
        signature: Signature::Good,
        covers: Covers::Whole,
        signed_by_sender: true,
        authenticated: Authenticated::Marginal,
        signer: Some(fingerprint.to_owned()),
        ..report.verdict
    };
    report
}

fn opened(report: Report) -> Report {
    let mut report = sealed(report);
    report.verdict.encryption = Encryption::Decrypted;
    report
}

fn spam(mut report: Report) -> Report {
    report.headers.push(("X-Spam-Flag".into(), "YES".into()));
    report
}

fn bulk(mut report: Report) -> Report {
    report.headers.push(("Precedence".into(), "bulk".into()));
    report
}

fn vacation(mut report: Report) -> Report {
    report.headers.push(("Auto-Submitted".into(), "auto-replied".into()));
    report
}

/// Acknowledged, alert, page if plain, page if `[URGENT]`, clock.
type Row = (bool, bool, bool, bool, bool);

#[test]
fn what_happens_to_a_mail_is_as_the_table_says() {
    let stranger = || mail("x@other.example", &[]);
    let constituent = || mail("a@corp.example", &[]);
    let analyst = || mail("alice@example.org", &[]);
    let rows: Vec<(&str, Report, &str, Row)> = vec![
        // it is                          it went to   ack    alert  page   urgent clock
        ("a report", stranger(), "csirt", (true, true, false, true, true)),
        ("a constituent's report", constituent(), "csirt", (true, true, false, true, true)),
        ("to contact", stranger(), "contact", (true, false, false, true, true)),
        ("to a feed mailbox", stranger(), "feeds", (false, false, false, false, false)),
        ("a feed's", mail("feed@shadow.example", &[]), "csirt", (false, false, false, false, false)),
        ("a vacation note", vacation(stranger()), "csirt", (false, false, false, false, false)),
        ("a bounce", mail("mailer-daemon@other.example", &[]), "csirt", (false, false, false, false, false)),
        ("human, in bulk", bulk(stranger()), "csirt", (false, true, false, true, true)),
        ("human, in bulk, to contact", bulk(stranger()), "contact", (false, false, false, true, true)),
        (
            "human, null sender",
            mail("x@other.example", &[("Return-Path", "<>")]),
            "csirt",
            (false, true, false, true, true),
        ),
        (
            "human, from a list",
            mail("x@other.example", &[("List-Id", "<l>")]),
            "csirt",
            (false, true, false, true, true),
        ),
        ("not to be opened", unopened(stranger()), "csirt", (true, true, false, true, true)),
        ("a constituent's, not to be opened", unopened(constituent()), "csirt", (true, true, true, true, true)),
        ("not to be opened, to contact", unopened(stranger()), "contact", (true, true, false, true, true)),
        ("not to be opened, in bulk", unopened(bulk(stranger())), "csirt", (false, true, false, true, true)),
        ("suspected spam", spam(stranger()), "csirt", (false, false, false, false, false)),
        (
            "suspected spam, not to be opened",
            spam(unopened(constituent())),
            "csirt",
            (false, false, false, false, false),
        ),
        ("from an analyst", analyst(), "csirt", (false, false, false, false, false)),
        ("from an analyst, to contact", analyst(), "contact", (false, false, false, false, false)),
        ("from an analyst, marked as spam", spam(analyst()), "csirt", (false, false, false, false, false)),
    ];
    for (what, report, mailbox, (acknowledged, alert, page, urgent_page, clock)) in rows {
        for (text, page) in [("Phishing", page), ("Re: [ urgent ] Phishing", urgent_page)] {
            let decision = decide(&subject(report.clone(), text), mailbox);
            let acknowledge = acknowledged.then(|| report.outer.from.clone()).flatten();
            assert_eq!(decision.acknowledge, acknowledge, "{what}, {text}: acknowledged");
            assert_eq!(decision.alert, alert, "{what}, {text}: alert");
            assert_eq!(decision.page, page, "{what}, {text}: page");
            assert_eq!(decision.clock, clock, "{what}, {text}: clock");
            assert_eq!(decision.placement, Placement::New { claims: vec![] }, "{what}");
            let explained = decision.automatic || decision.reply_suppressed.is_some();
            assert_eq!(explained, !acknowledged, "{what}: why nobody is answered");
        }
    }
}

#[test]
fn a_mailbox_that_is_history_is_silent() {
    let settings = settings();
    let history = Known { history: true, ..known(&settings, "csirt") };
    for report in
        [mail("a@corp.example", &[]), unopened(mail("a@corp.example", &[])), vacation(mail("a@corp.example", &[]))]
    {
        let decision = triage(&subject(report, "[URGENT] x"), &history);
        assert!(!decision.alert && !decision.page && !decision.clock && decision.acknowledge.is_none());
        assert!(decision.automatic || decision.reply_suppressed.as_deref() == Some("history"));
    }
}

#[test]
fn t63_an_echo_is_a_ticket_with_alert_and_clock_and_nobody_is_answered() {
    let settings = settings();
    let decision = triage(&mail("a@corp.example", &[]), &Known { echo: true, ..known(&settings, "csirt") });
    assert_eq!((decision.acknowledge, decision.reply_suppressed.as_deref()), (None, Some("loop")));
    assert!(decision.alert && decision.clock);
}

#[test]
fn machine_reports_and_refusals_are_told_apart() {
    let machine = decide(&vacation(mail("a@corp.example", &[])), "csirt");
    assert!(machine.automatic && machine.reply_suppressed.is_none());
    let human = decide(&bulk(mail("a@corp.example", &[])), "csirt");
    assert!(!human.automatic && human.reply_suppressed.as_deref() == Some("bulk"));
    let flagged = decide(&spam(mail("a@corp.example", &[])), "csirt");
    assert!(flagged.suspected_spam && flagged.reply_suppressed.as_deref() == Some("suspected_spam"));
    for (value, is_spam) in [("yes", true), ("YES, score=9", true), ("yesterday", false), ("NO", false), ("", false)] {
        assert_eq!(
            decide(&mail("a@corp.example", &[("x-spam-flag", value)]), "csirt").suspected_spam,
            is_spam,
            "{value}"
        );
    }
}

#[test]
fn urgency_is_read_in_the_real_subject_and_in_the_outer_one() {
    let with = |real: &str, outer: &str, protected: bool| {
        let mut report = opened(mail("x@other.example", &[]));
        (report.subject, report.outer.subject) = (real.into(), outer.into());
        report.verdict.subject_protected = protected;
        let decision = decide(&report, "csirt");
        (decision.reported_urgent, decision.page, decision.urgent_unprotected)
    };
    assert_eq!(with("[URGENT] x", "[...]", true), (true, true, false));
    assert_eq!(with("[URGENT] x", "[URGENT] x", true), (true, true, false));
    assert_eq!(with("x", "[URGENT] x", true), (true, true, true));
    assert_eq!(with("[URGENT] x", "[URGENT] x", false), (true, true, true));
    assert_eq!(with("x", "[...]", true), (false, false, false));
    let mut forged = mail("x@other.example", &[]);
    (forged.subject, forged.verdict.subject_protected) = ("[URGENT] x".into(), true);
    forged.verdict.signature = Signature::Bad;
    assert!(decide(&forged, "csirt").urgent_unprotected, "a bad signature protects no subject");
    let mut body_only = mail("x@other.example", &[]);
    body_only.text = "[URGENT]".into();
    assert!(!decide(&body_only, "csirt").reported_urgent, "only a subject is asked");
}

#[test]
fn marks_language_and_constituent_come_along() {
    let mut report = mail("a@corp.example", &[]);
    report.text = "TLP:GREEN".into();
    report.outer.subject = "[TLP:AMBER] x".into();
    let decision = decide(&report, "csirt");
    assert_eq!(decision.tlp.as_deref(), Some("AMBER"));
    assert_eq!(decision.language, Language::Fr);
    assert_eq!(decision.constituent.as_deref(), Some("Example Corp"));
    assert_eq!(decision.kind, Kind::Incident);
    let decision = decide(&mail("x@other.example", &[]), "contact");
    assert_eq!((decision.tlp, decision.language, decision.constituent), (None, Language::En, None));
    assert_eq!(decision.kind, Kind::Contact);
}

#[test]
fn a_reporters_further_mail_joins_alerts_and_is_not_acknowledged_again() {
    let settings = settings();
    for (proof, report, by_reference) in [
        ("reference", mail("a@corp.example", &[]), true),
        ("dmarc", mail("a@corp.example", &[PASS]), false),
        ("signature", signed_by(mail("a@corp.example", &[]), "F"), false),
    ] {
        let known = Known { named: vec![named(7, by_reference)], ..known(&settings, "csirt") };
        let decision = triage(&report, &known);
        assert_eq!(decision.placement, Placement::Join { ticket: 7 }, "{proof}");
        assert!(decision.alert && !decision.page && decision.clock && decision.acknowledge.is_none(), "{proof}");
        assert!(triage(&subject(report, "[URGENT]"), &known).page, "{proof}");
    }
}

#[test]
fn t50_to_t53_without_proof_it_is_a_ticket_of_its_own_with_its_own_acknowledgement() {
    let settings = settings();
    let known = Known { named: vec![named(7, false)], ..known(&settings, "csirt") };
    let mut other_from = signed_by(opened(mail("x@other.example", &[])), "F");
    other_from.from = Some(address("a@corp.example"));
    let mut own_key = signed_by(opened(mail("a@corp.example", &[])), "F");
    own_key.from = Some(address("x@other.example"));
    let mut unbound = signed_by(mail("a@corp.example", &[]), "F");
    unbound.verdict.signed_by_sender = false;
    for (what, report) in [
        ("no proof", mail("a@corp.example", &[])),
        ("a stranger", signed_by(mail("x@other.example", &[]), "F")),
        ("a stranger's mail around a participant's", other_from),
        ("a participant's outer From around a stranger's signed mail", own_key),
        ("a key that is not the sender's", unbound),
    ] {
        let decision = triage(&report, &known);
        assert_eq!(decision.placement, Placement::New { claims: vec![7] }, "{what}");
        assert!(decision.alert && decision.clock && decision.acknowledge == report.outer.from, "{what}");
    }
    let signed = signed_by(mail("a@corp.example", &[]), "F");
    let replayed = Known { replay: true, ..known.clone() };
    let outside = Known { named: vec![NamedTicket { pointer_protected: false, ..named(7, false) }], ..known };
    for (what, known) in [("a signature seen before", replayed), ("a pointer outside of the signature", outside)] {
        assert_eq!(triage(&signed, &known).placement, Placement::New { claims: vec![7] }, "{what}");
    }
}

#[test]
fn t26_what_was_decrypted_never_decides_whether_a_mail_joins() {
    let settings = settings();
    for (by_reference, expected) in
        [(false, Placement::New { claims: vec![7, 9] }), (true, Placement::Join { ticket: 7 })]
    {
        let known = Known { named: vec![named(7, by_reference)], claims_inside: vec![9], ..known(&settings, "csirt") };
        let opened = triage(&signed_by(opened(mail("a@corp.example", &[])), "F"), &known);
        let closed = triage(&unopened(mail("a@corp.example", &[])), &known);
        assert_eq!((&opened.placement, &opened.acknowledge), (&closed.placement, &closed.acknowledge));
        assert_eq!(opened.placement, expected);
        assert_eq!(opened.acknowledge.is_none(), by_reference, "owed if it opens a ticket");
    }
}

#[test]
fn t58_two_tickets_named_are_both_linked() {
    let settings = settings();
    let known = Known { named: vec![named(8, true), named(7, true)], ..known(&settings, "csirt") };
    let decision = triage(&mail("a@corp.example", &[PASS]), &known);
    assert_eq!(decision.placement, Placement::New { claims: vec![7, 8] });
}

#[test]
fn a_vacation_note_from_a_participant_joins_in_silence() {
    let settings = settings();
    let known = Known { named: vec![named(7, true)], ..known(&settings, "csirt") };
    let decision = triage(&vacation(mail("a@corp.example", &[])), &known);
    assert_eq!(decision.placement, Placement::Join { ticket: 7 });
    assert!(decision.automatic && !decision.alert && !decision.clock && decision.acknowledge.is_none());
}

fn act(report: &Report, tickets: &[i64], page: Option<i64>) -> Placement {
    let settings = settings();
    let named = tickets.iter().map(|&id| named(id, true)).collect();
    let decision = triage(report, &Known { named, page, ..known(&settings, "csirt") });
    assert!(decision.acknowledge.is_none() && !decision.alert && !decision.page);
    assert!(!decision.clock, "nothing was promised to an analyst");
    decision.placement
}

fn alice(ticket: Option<i64>, act: AnalystAct) -> Placement {
    Placement::Analyst { name: "alice".into(), ticket, act }
}

fn from_alice() -> Report {
    mail("alice@example.org", &[])
}

fn to_the_reporter(mut report: Report) -> Report {
    report.to.push(address("a@corp.example"));
    report.outer.to = report.to.clone();
    report.headers_protected = true;
    report
}

#[test]
fn an_analysts_proven_mail_is_an_answer_a_page_acknowledged_or_a_note() {
    let proven = |report| signed_by(report, ALICE);
    let passed = || mail("alice@example.org", &[OUR_PASS]);
    for (what, report, page, expected) in [
        ("to the reporter, signed", to_the_reporter(proven(from_alice())), None, AnalystAct::Answer),
        ("to the reporter, DMARC", to_the_reporter(passed()), None, AnalystAct::Answer),
        ("to us, signed", proven(from_alice()), None, AnalystAct::Note),
        ("to us, DMARC", passed(), None, AnalystAct::Note),
        ("with a code", proven(opened(from_alice())), Some(3), AnalystAct::AcknowledgePage { page: 3 }),
        ("with a code, DMARC", opened(passed()), Some(3), AnalystAct::AcknowledgePage { page: 3 }),
        ("with a code, in clear", proven(from_alice()), Some(3), AnalystAct::Note),
        ("with a code, to others too", to_the_reporter(proven(opened(from_alice()))), Some(3), AnalystAct::Answer),
        ("an absence note", to_the_reporter(vacation(proven(from_alice()))), None, AnalystAct::Note),
    ] {
        assert_eq!(act(&report, &[7], page), alice(Some(7), expected), "{what}");
    }
    let acknowledged = alice(None, AnalystAct::AcknowledgePage { page: 3 });
    assert_eq!(act(&proven(opened(from_alice())), &[], Some(3)), acknowledged);
    let mut elsewhere = proven(opened(from_alice()));
    elsewhere.cc.push(address("x@other.example"));
    assert_eq!(act(&elsewhere, &[7], Some(3)), alice(Some(7), AnalystAct::Note));
}

#[test]
fn t56_an_analysts_address_without_proof_is_an_unverified_note_and_no_more() {
    let signed = |change: fn(&mut Report)| {
        let mut report = to_the_reporter(signed_by(opened(from_alice()), ALICE));
        change(&mut report);
        report
    };
    for (what, report) in [
        ("nothing", to_the_reporter(from_alice())),
        ("encrypted only", to_the_reporter(opened(from_alice()))),
        ("another key", signed(|r| r.verdict.signer = Some("B".repeat(40)))),
        ("no fingerprint", signed(|r| r.verdict.signer = None)),
        ("a bad signature", signed(|r| r.verdict.signature = Signature::Bad)),
        ("a part", signed(|r| r.verdict.covers = Covers::Part)),
        ("not bound to From", signed(|r| r.verdict.signed_by_sender = false)),
        ("another From inside", signed(|r| r.from = Some(address("bob@example.org")))),
        ("another domain's DMARC", to_the_reporter(mail("alice@example.org", &[PASS]))),
    ] {
        assert_eq!(act(&report, &[7], Some(3)), alice(Some(7), AnalystAct::UnverifiedNote(Lack::Signature)), "{what}");
    }
    let bob = to_the_reporter(signed_by(mail("bob@example.org", &[]), ALICE));
    let expected =
        Placement::Analyst { name: "bob".into(), ticket: Some(7), act: AnalystAct::UnverifiedNote(Lack::Signature) };
    assert_eq!(act(&bob, &[7], None), expected);
}

#[test]
fn t36_an_analysts_signature_counts_once_and_for_what_it_covers() {
    let settings = settings();
    let full = Known { named: vec![named(7, true)], ..known(&settings, "csirt") };
    let good = to_the_reporter(signed_by(from_alice(), ALICE));
    let mut unaddressed = good.clone();
    unaddressed.headers_protected = false;
    let mut outside_only = good.clone();
    outside_only.to.clear();
    let unplaced = Known { named: vec![NamedTicket { pointer_protected: false, ..named(7, true) }], ..full.clone() };
    let replayed = Known { replay: true, ..full.clone() };
    for (report, known, lack) in [
        (&good, &unplaced, Lack::Fields),
        (&unaddressed, &full, Lack::Fields),
        (&outside_only, &full, Lack::Fields),
        (&good, &replayed, Lack::Fresh),
    ] {
        assert_eq!(triage(report, known).placement, alice(Some(7), AnalystAct::UnverifiedNote(lack)));
    }
    assert_eq!(triage(&good, &full).placement, alice(Some(7), AnalystAct::Answer));
}

#[test]
fn an_analysts_mail_that_names_no_ticket_or_two_opens_one_in_silence() {
    for report in [from_alice(), signed_by(from_alice(), ALICE), subject(from_alice(), "[URGENT] x")] {
        assert_eq!(act(&report, &[], None), Placement::New { claims: vec![] });
        assert_eq!(act(&report, &[8, 7], None), Placement::New { claims: vec![7, 8] });
    }
}

fn any_of<T: Copy + std::fmt::Debug + 'static>(values: &'static [T]) -> impl Strategy<Value = T> {
    prop::sample::select(values.to_vec())
}

prop_compose! {
    /// What opening may find inside, whatever the outside; every other time a proof.
    fn any_verdict()(
        encryption in any_of(Encryption::ALL),
        signature in any_of(Signature::ALL),
        covers in any_of(Covers::ALL),
        authenticated in any_of(Authenticated::ALL),
        signed_by_sender: bool,
        subject_protected: bool,
        proof: bool,
        signer in prop::option::of(Just(ALICE.to_owned())),
    ) -> Verdict {
        let verdict = Verdict {
            encryption, signature, covers, authenticated, signed_by_sender, subject_protected, signer,
            encryption_problem: None, signature_problem: None,
        };
        if !proof {
            return verdict;
        }
        Verdict {
            encryption: Encryption::Decrypted,
            signature: Signature::Good,
            covers: Covers::Whole,
            authenticated: Authenticated::Full,
            signed_by_sender: true,
            ..verdict
        }
    }
}

fn any_address() -> impl Strategy<Value = Option<Address>> {
    let some = [
        "a@corp.example",
        "alice@example.org",
        "x@other.example",
        "feed@shadow.example",
        "noreply@a.example",
        "csirt@example.org",
    ];
    let any = prop::option::of(prop::sample::select(some.map(address).to_vec()));
    prop_oneof![any, Just(Some(address("a@corp.example")))]
}

prop_compose! {
    fn any_headers()(chosen in prop::sample::subsequence(vec![
        PASS, OUR_PASS, ("Precedence", "bulk"), ("Auto-Submitted", "auto-replied"), ("X-Spam-Flag", "YES"),
        ("Return-Path", "<x@other.example>"), ("List-Id", "<l>"), ("X-ARF", "yes"),
    ], 0..3)) -> Vec<(&'static str, &'static str)> { chosen }
}

prop_compose! {
    fn any_inside()(
        verdict in any_verdict(),
        from in any_address(),
        to in any_address(),
        subject in any_of(&["x", "[URGENT] x", "[EX-2026-000007] Re: vous", "[...]"]),
        text in any_of(&["", "Bonjour, merci pour votre aide", "TLP:RED", "<IODEF-Document>"]),
        from_disputed: bool,
        attached: bool,
    ) -> Report {
        let mut report = mail("x@other.example", &[]);
        (report.verdict, report.from, report.from_disputed) = (verdict, from, from_disputed);
        report.to = to.into_iter().collect();
        (report.subject, report.text) = (subject.into(), text.into());
        if attached {
            let mut feed = FeedReport::new(Format::Xarf);
            feed.set_source("192.0.2.1");
            report.feed = Some(feed);
            report.returned = vec!["<1@example.org>".into()];
        }
        report
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn t26_outer_facts_alone_decide_about_the_acknowledgement_of_a_mail_with_ciphertext(
        from in any_address(),
        headers in any_headers(),
        outer_subject in any_of(&["...", "[URGENT] x", "Signalement pour vous"]),
        inside in [any_inside(), any_inside()],
        by_reference in prop::option::of(any::<bool>()),
        mailbox in any_of(&["csirt", "contact", "feeds"]),
    ) {
        let settings = settings();
        let named: Vec<_> = by_reference.map(|proof| named(7, proof)).into_iter().collect();
        let known = Known { named, ..known(&settings, mailbox) };
        let outside = sealed(subject(mail("x@other.example", &headers), outer_subject));
        let [one, two] = inside.map(|inside| {
            let outer = crate::rules::report::Outer { from: from.clone(), ..outside.outer.clone() };
            triage(&Report { outer, headers: outside.headers.clone(), ..inside }, &known)
        });
        prop_assert_eq!(one.acknowledge, two.acknowledge);
        let is_analyst = |p: &Placement| matches!(p, Placement::Analyst { .. });
        prop_assert!(one.placement == two.placement || is_analyst(&one.placement) || is_analyst(&two.placement));
        prop_assert_eq!(one.reply_suppressed, two.reply_suppressed);
        prop_assert_eq!(one.language, two.language);
        prop_assert_eq!(one.automatic, two.automatic);
    }

    #[test]
    fn nothing_joins_without_a_participant_and_a_proof(
        inside in any_inside(), headers in any_headers(), outer_from in any_address(), by_reference: bool, has_ciphertext: bool,
    ) {
        let settings = settings();
        let known = Known { named: vec![named(7, by_reference)], ..known(&settings, "csirt") };
        let mut report = Report { headers: mail("x@other.example", &headers).headers, ..inside };
        (report.outer.from, report.outer.has_ciphertext) = (outer_from, has_ciphertext);
        if let Placement::Join { ticket } = triage(&report, &known).placement {
            prop_assert_eq!(ticket, 7);
            let participant = Some(address("a@corp.example"));
            prop_assert_eq!(if has_ciphertext { &report.outer.from } else { &report.from }, &participant);
            let signed = report.verdict.proves_sender(Authenticated::Marginal) && report.from == participant;
            prop_assert!(by_reference || headers.contains(&PASS) || signed);
        }
    }

    #[test]
    fn a_human_is_never_forgotten(inside in any_inside(), headers in any_headers(), urgent: bool) {
        let settings = settings();
        let mut report = Report { headers: mail("x@other.example", &headers).headers, ..inside };
        report.outer.from = report.from.clone();
        if urgent {
            report.outer.subject = "[URGENT] x".into();
        }
        let decision = triage(&report, &known(&settings, "csirt"));
        if !decision.automatic && !decision.suspected_spam && matches!(decision.placement, Placement::New { .. }) {
            let analyst = report.from == Some(address("alice@example.org"));
            prop_assert!(decision.clock != analyst);
            prop_assert!(analyst || decision.alert);
            prop_assert!(analyst || !decision.reported_urgent || decision.page);
        }
        if decision.acknowledge.is_some() {
            prop_assert!(!decision.automatic && decision.reply_suppressed.is_none());
        }
    }
}
