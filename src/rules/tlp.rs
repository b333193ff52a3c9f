//! Traffic Light Protocol marks of the originator (P11; FIRST TLP 2.0, ISTLP 1.1; A11).
//!
//! Grammar, in any case and width, hidden characters set aside. A mark is one of
//! 1. `TLP` (or `Traffic Light Protocol`), an optional word such as `level`, an optional one of
//!    `: = - _ | ; >`, and a colour, with blanks, a line end, quotes or emphasis between: `TLP:AMBER+STRICT`,
//!    `TLP-RED`, `tlp amber strict`, `**TLP:** RED`, `"tlp": "red"`, `| TLP | RED |`. Further colours behind `/ | , &` count too. It may stand anywhere.
//! 2. A colour alone in brackets (ISTLP tag): anywhere in the subject; in the body on a line of
//!    its own, since log lines say `[GREEN] passed`.
//! 3. A word that is no colour, taken for RED: `TLP:PURPLE` in capitals without a blank, or
//!    `[TLP: purple]`, or `TLP: purple` alone on its line. Prose such as `tlp: see below` is none,
//!    and neither are words that say that there is no mark (`TLP: none`).
//!
//! WHITE is CLEAR; French names of the colours are read. The strictest of all marks stands, so a
//! footer that explains every colour makes a mail RED: too strict, never too lax.
//!
//! Hostile data: subjects and bodies. Failure: none. Known gap: marks beyond the first MiB of a
//! body are not seen.

use super::fold::{fold, head};
use super::ticket::words;
use regex::Regex;
use std::sync::LazyLock;

words! {
    /// A mark of the originator. Ordered from the laxest to the strictest.
    Mark {
        Clear = "CLEAR",
        Green = "GREEN",
        Amber = "AMBER",
        AmberStrict = "AMBER+STRICT",
        Red = "RED",
    }
}

const LONGEST_BODY: usize = 1024 * 1024;

/// The strictest mark in subject and body; None where nothing is marked.
pub fn read(subject: &str, body: &str) -> Option<Mark> {
    // `_` joins words in a regex, but not in file names and emphasis.
    let plain = |text| fold(head(text, LONGEST_BODY)).replace('_', " ");
    let (subject, body) = (plain(subject), plain(body));
    let tags = [(&TAG, &subject), (&TAG_LINE, &body)];
    let tagged = tags.into_iter().flat_map(|(tag, text)| tag.captures_iter(text)).map(|found| colour(&found[1]));
    let labelled = [&subject, &body].into_iter().flat_map(|text| labels(text));
    tagged.chain(labelled).max()
}

/// The mark that a person types: its colour, with or without `TLP:`.
pub fn parse(text: &str) -> Option<Mark> {
    let plain = fold(text).replace('_', " ");
    let bare = plain.trim().to_uppercase();
    let bare = bare.strip_prefix("TLP").unwrap_or(&bare).trim_start_matches([':', '-', ' ', '=']);
    COLOUR.find(bare).filter(|found| found.len() == bare.trim_end().len()).map(|found| colour(found.as_str()))
}

fn labels(text: &str) -> impl Iterator<Item = Mark> {
    let known = LABEL.captures_iter(text).flat_map(|found| {
        let (_, [colours]) = found.extract();
        COLOUR.find_iter(colours).map(|c| colour(c.as_str()))
    });
    let unknown = UNKNOWN.captures_iter(text).filter_map(|found| {
        let word = found.iter().skip(1).flatten().next()?.as_str().to_lowercase();
        (!NO_MARK.contains(&word.as_str())).then(|| colour(&word))
    });
    known.chain(unknown)
}

/// The mark that a colour's name means; what is no colour is RED (A11.4).
fn colour(name: &str) -> Mark {
    let name = name.to_uppercase();
    match name.trim() {
        "CLEAR" | "WHITE" | "BLANC" | "BLANCHE" => Mark::Clear,
        "GREEN" | "VERT" | "VERTE" => Mark::Green,
        "AMBER" | "AMBRE" | "ORANGE" => Mark::Amber,
        strict if strict.ends_with("STRICT") => Mark::AmberStrict,
        _ => Mark::Red,
    }
}

const NO_MARK: [&str; 12] = [
    "none",
    "unmarked",
    "unset",
    "unclassified",
    "unlabelled",
    "unlabeled",
    "nothing",
    "aucun",
    "aucune",
    "néant",
    "null",
    "nil",
];

macro_rules! colours {
    () => {
        r"(?:(?:AMBER|AMBRE)(?:[ +-]{0,3}|\+\s{0,3})STRICT|AMBER|AMBRE|ORANGE|RED|ROUGE|GREEN|VERTE?|WHITE|CLEAR|BLANC(?:HE)?)"
    };
}
macro_rules! tlp {
    () => {
        r"(?:TLP|T\.L\.P\.?|Traffic[ -]Light[ -]Protocol)(?: (?:level|marking|mark|label|classification|colou?r|niveau|couleur))?"
    };
}

/// A regex from a literal of this file.
fn regex(text: &str) -> Regex {
    // Literals only, and every one is compiled by the tests.
    #[allow(clippy::expect_used)]
    Regex::new(text).expect("a literal that the tests compile")
}

static COLOUR: LazyLock<Regex> = LazyLock::new(|| regex(concat!(r"(?i)", colours!())));
static LABEL: LazyLock<Regex> = LazyLock::new(|| {
    regex(concat!(
        r"(?i)\b",
        tlp!(),
        r#"(?:["'*`\s]{0,6}[:=|;>-]?["'*`|\s]{0,6}|["']?,["']?)("#,
        colours!(),
        r"\b(?: ?[/|,&] ?",
        colours!(),
        r"\b)*)"
    ))
});
static TAG: LazyLock<Regex> = LazyLock::new(|| regex(concat!(r"(?i)\[ ?(", colours!(), r") ?\]")));
static TAG_LINE: LazyLock<Regex> = LazyLock::new(|| regex(concat!(r"(?im)^[ >]*\[ ?(", colours!(), r") ?\] *$")));
static UNKNOWN: LazyLock<Regex> = LazyLock::new(|| {
    regex(concat!(
        r"\bTLP:(\p{Lu}{3,20})\b",
        r"|(?i:\[ ?TLP ?[:=] ?(\p{L}{3,20}) ?\])",
        r"|(?im:^[ >*]*",
        tlp!(),
        r" ?[:=] ?(\p{L}{3,20})[ .*]*$)"
    ))
});

#[cfg(test)]
mod tests {
    use super::*;
    use Mark::*;
    use proptest::prelude::*;

    #[test]
    fn marks_are_read_leniently() {
        for (text, mark) in [
            ("TLP:RED", Red),
            ("[TLP:RED] x", Red),
            ("tlp: amber", Amber),
            ("TLP: Amber", Amber),
            ("TLP:AMBER+STRICT", AmberStrict),
            ("TLP:AMBER STRICT", AmberStrict),
            ("TLP: amber-strict", AmberStrict),
            ("TLP:AMBER + STRICT", AmberStrict),
            ("TLP-RED", Red),
            ("TLP_GREEN", Green),
            ("TLP RED", Red),
            ("TLP : GREEN", Green),
            ("TLP=clear", Clear),
            ("TLP:WHITE", Clear),
            ("TLP\u{A0}:\u{A0}RED", Red),
            ("ＴＬＰ：ＡＭＢＥＲ", Amber),
            ("TLP：RED", Red),
            ("T\u{200B}LP:R\u{AD}ED", Red),
            ("TLP – RED", Red),
            ("(TLP:GREEN)", Green),
            ("TLP:\nAMBER", Amber),
            ("> TLP:RED", Red),
            ("*TLP:AMBER*", Amber),
            ("TLP level: GREEN", Green),
            ("Traffic Light Protocol: AMBER", Amber),
            ("TLP : ROUGE", Red),
            ("**TLP:** **RED**", Red),
            ("**TLP**: RED", Red),
            ("| TLP | AMBER |", Amber),
            ("\"tlp\": \"red\"", Red),
            ("\"TLP\";\"AMBER\"", Amber),
            ("TLP,GREEN", Green),
            ("<tlp>RED</tlp>", Red),
            ("T.L.P. : RED", Red),
            ("TLP:AMBER+\nSTRICT", AmberStrict),
            ("TLP:AMBER\nStrict rules hold", Amber),
            ("TLP: vert", Green),
            ("TLP:GREEN/AMBER", Amber),
            ("TLP:RED, do not pass on", Red),
            ("This is TLP:AMBER.", Amber),
        ] {
            assert_eq!(read(text, ""), Some(mark), "subject {text:?}");
            assert_eq!(read("", &format!("Hello,\n{text}\nbye")), Some(mark), "body {text:?}");
        }
    }

    #[test]
    fn people_type_marks_as_they_write_them() {
        for (typed, mark) in [
            ("red", Red),
            ("TLP:AMBER+STRICT", AmberStrict),
            ("amber strict", AmberStrict),
            ("white", Clear),
            ("Vert", Green),
        ] {
            assert_eq!(parse(typed), Some(mark), "{typed}");
        }
        for typed in ["", "purple", "TLP:", "redder", "none", "red green"] {
            assert_eq!(parse(typed), None, "{typed}");
        }
    }

    #[test]
    fn bracket_tags_count_in_subjects_and_alone_on_a_line() {
        assert_eq!(read("[AMBER] x", ""), Some(Amber));
        assert_eq!(read("Re: [ red ]", ""), Some(Red));
        assert_eq!(read("", "Hello\n  [AMBER+STRICT]\nx"), Some(AmberStrict));
        assert_eq!(read("", "> [GREEN]\r\nx"), Some(Green));
        assert_eq!(read("", "12:00 [GREEN] self-test passed"), None);
        assert_eq!(read("", "[GREEN] self-test passed"), None);
        assert_eq!(read("[REDACTED] x", "[RED team]"), None);
    }

    #[test]
    fn the_strictest_stands_wherever_it_stands() {
        assert_eq!(read("TLP:GREEN", "x\nTLP:RED\nTLP:AMBER"), Some(Red));
        assert_eq!(read("[TLP:AMBER+STRICT]", "TLP:AMBER"), Some(AmberStrict));
        assert_eq!(read("TLP:CLEAR", ""), Some(Clear));
        assert_eq!(read("", "TLP:GREEN TLP:AMBER"), Some(Amber));
        assert_eq!(read("", "TLP:AMBER/REDACTED TLP:GREEN"), Some(Amber));
        assert_eq!(read("", "see report_TLP_RED_v2.pdf"), Some(Red));
        assert!(Clear < Green && Green < Amber && Amber < AmberStrict && AmberStrict < Red);
    }

    #[test]
    fn an_unknown_colour_is_red_and_prose_is_no_mark() {
        for unknown in
            ["TLP:PURPLE", "x TLP:PURPLE, y", "[TLP: mauve] x", "TLP: purple", "> TLP: Purple", "TLP:REDACTED"]
        {
            assert_eq!(read("", unknown), Some(Red), "{unknown:?}");
        }
        for prose in [
            "",
            "tlp: see below",
            "TLP: see the end of this mail",
            "tlp:see below",
            "TLP: SEE BELOW",
            "What is TLP?",
            "https://www.first.org/tlp/",
            "TLP 2.0",
            "TLP:2.0",
            "Please mark your mail with a TLP, redness is bad",
            "TLP reduced",
            "on TLP, green is one colour",
            "our TLP: reduced",
            "the httlp: red",
            "TLP: none",
            "TLP: aucun",
            "[TLP: none]",
            "TLP",
            "TLP:",
            "red, amber, green",
        ] {
            assert_eq!(read("", prose), None, "{prose:?}");
        }
    }

    #[test]
    fn a_large_body_takes_no_long_time_and_is_read_up_to_its_limit() {
        let body = "TLP: ".repeat(LONGEST_BODY / 5 - 10) + "TLP:RED";
        assert_eq!(read("", &body), Some(Red));
        assert_eq!(read("", &("x".repeat(LONGEST_BODY) + " TLP:RED")), None);
    }

    proptest! {
        #[test]
        fn no_text_stops_the_reader(text in "(TLP|:|RED|\\[|\\]| |\n|\\PC){0,20}") {
            read(&text, &text);
        }

        #[test]
        fn a_further_mark_never_loosens(text in "(TLP:|GREEN|AMBER| |x|\n){0,8}", at in 0usize..5) {
            let mark = Mark::ALL[at];
            let marked = read("", &format!("{text}\nTLP:{mark}\n"));
            prop_assert!(marked >= Some(mark) && marked >= read("", &text));
        }
    }
}
