//! What may not be seen outside, in the forms that mails write it in.

use super::*;
use proptest::prelude::*;

fn secrets() -> Secrets {
    Secrets {
        reporter: Person {
            names: vec!["Sébastien Dupont-Aignant".into()],
            address: Some("sebastien.dupont@Corp.example".into()),
        },
        people: vec![Person { names: vec!["Li, Anna".into()], address: Some("al@bücher.example".into()) }],
        organisations: vec!["Example Corporation".into()],
        domains: vec!["corp.example".into(), "xn--bcher-kva.example".into()],
        own: vec!["csirt@team.example".into()],
    }
}

fn anonymised(text: &str) -> String {
    Anonymiser::new(&secrets()).text(text)
}

#[test]
fn people_hosts_and_numbers_become_placeholders_that_stay_the_same() {
    for (text, shown) in [
        ("I am Sébastien Dupont-Aignant.", "I am [reporter]."),
        ("SEBASTIEN wrote, dupont too", "[reporter] wrote, [reporter] too"),
        ("Se\u{301}bastien, Ｄｕｐｏｎｔ, Du\u{200B}pont", "[reporter], [reporter], [reporter]"),
        ("sdupont and sebastiend on PC SebastienDupont", "[reporter] and [reporter] on PC [reporter]"),
        ("write to sebastien.dupont@corp.example", "write to [reporter]"),
        ("<SEBASTIEN.DUPONT@CORP.EXAMPLE>", "<[reporter]>"),
        ("sebastien.dupont[at]corp[.]example, sebastien.dupont%40corp.example", "[reporter], [reporter]"),
        ("C:\\Users\\dupont\\x and /home/anna/y", "C:\\Users\\[reporter]\\x and /home/[person-1]/y"),
        ("al@bücher.example = al@xn--bcher-kva.example", "[person-1] = [person-1]"),
        ("eve@other.example, eve@other.example, mallory@x.example", "[person-1], [person-1], [person-2]"),
        ("srv1.corp.example srv2.CORP.example srv1[.]corp[.]example", "[host-1] [host-2] [host-1]"),
        ("https://intra.corp.example:8443/x", "https://[host-1]:8443/x"),
        ("www.xn--bcher-kva.example and www.bücher.example", "[host-1] and [host-1]"),
        ("notcorp.example and evil.example stay", "notcorp.example and evil.example stay"),
        (
            "10.0.0.7 to 198.51.100.7 by 192[.]168[.]1[.]1, 10.0.0.7",
            "[internal-ip-1] to 198.51.100.7 by [internal-ip-2], [internal-ip-1]",
        ),
        ("fe80::1 fd00::12:3 2001:db8::1 ::1", "[internal-ip-1] [internal-ip-2] 2001:db8::1 [internal-ip-3]"),
        ("call +33 6 12 34 56 78 or 06.12.34.56.78", "call [phone-1] or [phone-2]"),
        ("Example Corporation's", "[organisation-1]'s"),
        ("mail csirt@team.example", "mail csirt@team.example"),
        (
            "2026-11-27T18:00:00+01:00 d41d8cd98f00b204e9800998ecf8427e",
            "2026-11-27T18:00:00+01:00 d41d8cd98f00b204e9800998ecf8427e",
        ),
        ("xn--sbastien-pc-bbb.other.example", "[host-1]"),
    ] {
        assert_eq!(anonymised(text), shown, "{text}");
    }
}

#[test]
fn signatures_are_cut_quoted_ones_too() {
    assert_eq!(anonymised("Hello\n-- \nJim\nDirector"), "Hello\n[signature]");
    assert_eq!(
        anonymised("Hello\nBest regards,\nJim\n\nDirector\n> old\n> -- \n> Joe\n"),
        "Hello\n[signature]\n> old\n> [signature]\n"
    );
    assert_eq!(anonymised("Cordialement,\r\nJim"), "[signature]");
    assert_eq!(anonymised("a -- b\nregards the server"), "a -- b\nregards the server");
}

#[test]
fn what_was_replaced_is_counted_and_what_is_clean_is_told() {
    let mut one = Anonymiser::new(&secrets());
    one.text("Dupont, Dupont, x@y.example");
    let counts: Vec<(&str, usize)> = one.counts().iter().map(|(k, v)| (k.as_str(), *v)).collect();
    assert_eq!(counts, [("[person-1]", 1), ("[reporter]", 2)]);
    assert!(one.is_clean("evil.example") && one.is_clean("https://evil.example/kit?id=1"));
    assert!(!one.is_clean("https://evil.example/?to=dupont") && !one.is_clean("10.1.2.3"));
}

#[test]
fn a_reporter_without_a_name_of_their_own_takes_no_common_word_away() {
    let soc = Person { names: vec!["Security Team".into(), "IT".into()], address: Some("soc@corp.example".into()) };
    let mut one = Anonymiser::new(&Secrets { reporter: soc, ..secrets() });
    assert_eq!(one.text("our security team and the SOC did it"), "our security team and the SOC did it");
    assert_eq!(one.text("soc@corp.example"), "[reporter]");
}

proptest! {
    #[test]
    fn no_secret_is_left_whatever_stands_around(before in "\\PC{0,12}", after in "\\PC{0,12}", upper in any::<bool>()) {
        for secret in ["sebastien.dupont@corp.example", "Dupont", "srv9.corp.example", "Sebastien"] {
            let secret = if upper { secret.to_uppercase() } else { secret.to_owned() };
            let shown = anonymised(&format!("{before}{secret}{after}"));
            let plain = folded(&shown).0;
            prop_assert!(!plain.contains("dupont") && !plain.contains("sebastien"), "{shown:?}");
        }
    }

    #[test]
    fn no_text_stops_it(text in "(@|\\.|\\[dot\\]|::|-- \n|>|1|a|\\+33|xn--|é|\\PC){0,60}") {
        anonymised(&text);
    }
}
