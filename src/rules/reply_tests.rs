//! The promise of `rules/reply.rs`: what of a reply goes to a reporter, and what never does.

use super::*;
use proptest::prelude::*;

const QUOTE: &str = "On Fri, 27 Nov 2026, CSIRT-EXAMPLE wrote:\n\n> A new report has arrived.\n>\n> Ticket:   EX-2026-000001\n> From:     a@corp.example\n";

fn words(text: &str) -> String {
    read(text).unwrap().words
}

#[test]
fn the_words_above_the_quote_are_the_answer() {
    for (text, expected) in [
        ("We look into it.", "We look into it."),
        ("\n\nOne.\n\nTwo.\n\n", "One.\n\nTwo."),
        ("Thanks.\n-- \nAlice\nCSIRT-EXAMPLE\n", "Thanks."),
        ("Thanks.\n--\nAlice\n> quoted\n", "Thanks."),
        ("Thanks.\n> quoted", "Thanks."),
        ("Thanks.\nOn Friday, CSIRT wrote:\n> quoted", "Thanks."),
        (
            "Thanks.\n\nOn Friday 27 November 2026 18:00\nCSIRT-EXAMPLE <csirt@example.org>\nwrote:\n\n> quoted",
            "Thanks.",
        ),
        ("Merci.\n\nLe 27/11/2026 à 18:00, CSIRT-EXAMPLE a écrit :\n> cité", "Merci."),
        ("See the following:\n> quoted", "See the following:"),
        ("Thanks.\n\n-----Original Message-----\nFrom: x\nall of it\n", "Thanks."),
        ("Merci.\n\n-----Message d'origine-----\nDe : x\n", "Merci."),
        ("Thanks.\n________________________________\nFrom: CSIRT\nSent: Friday\nTo: Alice\n", "Thanks."),
        ("Thanks.\n\nFrom: CSIRT <csirt@example.org>\nSent: Friday\nTo: Alice\nSubject: x\n\nA new report", "Thanks."),
        ("Merci.\n\nDe : CSIRT\nEnvoyé : vendredi\nÀ : Alice\nObjet : x\n\nA new report", "Merci."),
        ("From: the logs we see nothing.", "From: the logs we see nothing."),
        ("1. --option\n2. a > b", "1. --option\n2. a > b"),
        ("Thanks.\r\n> quoted\r\n", "Thanks."),
        ("", ""),
        (QUOTE, ""),
    ] {
        assert_eq!(words(text), expected, "{text:?}");
    }
}

#[test]
fn who_writes_below_or_inside_the_quote_is_told_to_write_above() {
    for text in [
        format!("{QUOTE}\nWe look into it."),
        format!("{QUOTE}\nWe look into it.\n-- \nAlice"),
        "> one\nYes.\n> two\nNo.".to_owned(),
        "Thanks.\n> one\nAnd more.".to_owned(),
    ] {
        assert_eq!(read(&text), Err(Fault::Below), "{text:?}");
    }
    assert_eq!(words(&format!("Thanks.\n{QUOTE}\n-- \nAlice")), "Thanks.");
}

#[test]
fn an_alert_that_no_sign_of_a_quote_precedes_is_never_part_of_an_answer() {
    for text in [
        "Thanks.\n\nA new report has arrived.\n\nTicket:   EX-2026-000001\nUrgency:  normal",
        "Thanks.\n| Ticket:   EX-2026-000001",
        "Thanks.\n\nRead it:  vigie ticket show EX-2026-000001",
        "Reply code: EX-2026-000001:0123456789ABCDEF",
    ] {
        assert_eq!(read(text), Err(Fault::AlertLeft), "{text:?}");
    }
}

#[test]
fn commands_stand_on_top_one_a_line() {
    let said =
        read("#assign me\n#State open it burns\n\n#emergency\n#answer\n\nWe come.\n#note inside\n> quoted").unwrap();
    assert_eq!(
        said.orders,
        [
            Order::Assign("me".into()),
            Order::State(State::Open, Some("it burns".into())),
            Order::Priority(Priority::Emergency)
        ]
    );
    assert_eq!((said.purpose, said.words.as_str()), (Some(Purpose::Answer), "We come.\n#note inside"));
    assert!(read("#ack").unwrap().acknowledge);
    assert_eq!(read("#note\nx").unwrap().purpose, Some(Purpose::Note));
    for (text, line) in [
        ("#resolve", 1),
        ("#ack\n#state", 2),
        ("#state gone", 1),
        ("#assign", 1),
        ("#answer now", 1),
        ("# Heading", 1),
        ("#", 1),
    ] {
        assert_eq!(read(text), Err(Fault::Unknown(line)), "{text:?}");
    }
    assert_eq!(read("#note\n#answer\nx"), Err(Fault::Torn));
}

proptest! {
    #[test]
    fn no_text_stops_the_reader_and_no_quoted_line_is_kept(text in "(> |#|answer|note|On |wrote:|-- |\\n|From: |To: |a|\\PC){0,40}") {
        if let Ok(said) = read(&text) {
            prop_assert!(said.words.lines().all(|line| !line.trim_start().starts_with('>')));
        }
    }

    #[test]
    fn an_alert_quoted_by_sign_never_reaches_the_words(words in "[a-z ]{1,40}", depth in 1usize..4) {
        let sign = "> ".repeat(depth);
        let quoted: String = QUOTE.lines().map(|line| format!("{sign}{line}\n")).collect();
        let said = read(&format!("{words}\n{quoted}")).unwrap();
        prop_assert_eq!(said.words, words.trim_end());
    }
}
