//! P19, P20: class, severity, extent, constituents; a suggestion stays one until a person decides.

use super::*;

#[test]
fn p19_a_suggestion_stands_apart_until_an_analyst_decides() {
    let desk = Desk::new();
    let ticket = desk.ticket_of(&plain("a@corp.example", "Hameçonnage", "Une fausse page de connexion"), FRIDAY);
    assert_eq!((&ticket["classification"], &ticket["severity"]), (&Value::Null, &Value::Null));
    assert_eq!(
        ticket["suggested_classification"],
        json!({"value": "fraud/phishing", "reason": "the subject says \"hameconnage\""})
    );
    assert_eq!(ticket["suggested_severity"]["value"], "medium");
    let shown = desk.ok(&["ticket", "show", "1"]);
    assert!(shown.contains("suggested: fraud/phishing") && shown.contains("not confirmed"), "{shown}");
    done(&desk, &["classify", "1", "Fraud", "Phishing"]);
    done(&desk, &["severity", "1", "high"]);
    done(&desk, &["extent", "1", "many"]);
    let ticket = desk.show("1");
    assert_eq!(
        (&ticket["classification"], &ticket["severity"], &ticket["extent"]),
        (&json!("fraud/phishing"), &json!("high"), &json!("many"))
    );
    assert!(ticket["suggested_classification"].is_null() && ticket["suggested_severity"].is_null());
    let told = told(&desk, "1");
    for line in [
        "alice: classification none -> fraud/phishing, as suggested",
        "alice: severity none -> high",
        "alice: extent none -> many",
    ] {
        assert!(told.contains(&line.to_owned()), "{line}: {told:?}");
    }
    assert!(
        desk.ticket_of(&plain("a@corp.example", "Hello", "Nothing of note"), FRIDAY)["suggested_classification"]
            .is_null()
    );
}

#[test]
fn p19_the_taxonomy_is_listed_and_a_wrong_word_gets_the_nearest() {
    let desk = Desk::new();
    desk.ingest(&plain("a@corp.example", "Report", "Hello"), FRIDAY);
    let classes = desk.json(&["ticket", "classes"]);
    let words: Vec<&str> = classes.as_array().unwrap().iter().map(|class| class["class"].as_str().unwrap()).collect();
    assert_eq!((words.len(), words[0], words[10]), (11, "abusive-content", "test"));
    assert!(desk.ok(&["ticket", "classes"]).contains("ddos-amplifier"));
    let wrong = |arguments: &[&str]| {
        let output = alice(&desk, arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        text(&output.stderr)
    };
    assert!(wrong(&["classify", "1", "fruad"]).contains("did you mean fraud?"));
    assert!(wrong(&["classify", "1", "fraud", "fishing"]).contains("did you mean phishing?"));
    assert!(wrong(&["classify", "1", "fraud", "ddos"]).contains("a type of availability"));
    assert_eq!(alice(&desk, &["severity", "1", "huge"]).status.code(), Some(2));
    assert_eq!(alice(&desk, &["extent", "1", "7"]).status.code(), Some(2));
    assert!(desk.show("1")["classification"].is_null());
}

#[test]
fn p19_constituents_are_known_by_the_longest_domain_below_it_too_and_in_any_script() {
    let more = "[[constituent]]\nname = \"Its laboratory\"\ndomains = [\"lab.corp.example\"]\n\
                [[constituent]]\nname = \"Bücher\"\ndomains = [\"bücher.example\"]\n";
    let desk = Desk::with(Setup { more: more.to_owned(), ..Setup::default() });
    for (from, name) in [
        ("a@corp.example", json!("Example Corp")),
        ("a@soc.corp.example", json!("Example Corp")),
        ("a@x.lab.corp.example", json!("Its laboratory")),
        ("a@xn--bcher-kva.example", json!("Bücher")),
        ("a@notcorp.example", Value::Null),
        ("a@corp.example.evil.example", Value::Null),
    ] {
        let ticket = desk.ticket_of(&plain(from, "Report", from), FRIDAY);
        assert_eq!(ticket["reporter"]["constituent"], name, "{from}");
    }
}

#[test]
fn p20_a_reporter_who_is_no_constituent_is_told_so_and_the_fitting_text_named() {
    let desk = Desk::new();
    let stranger = desk.ticket_of(&plain("someone@elsewhere.example", "My PC is slow", "please help"), FRIDAY);
    assert!(stranger["reporter"]["constituent"].is_null());
    assert_eq!(stranger["suggested_template"], "non-constituent");
    assert!(desk.ok(&["ticket", "show", "1"]).contains("no constituent"));
    let known = desk.ticket_of(&plain("a@corp.example", "Report", "Hello"), FRIDAY);
    assert!(known["suggested_template"].is_null());
}
