//! The Reference Security Incident Taxonomy (RSIT, version 1003), as data (P19, A12).
//!
//! A ticket's classification is written `class/type` in the words of its machine tags
//! (`fraud/phishing`), or `class` alone, since the type is optional.
//! Hostile data: none. Failure: an unknown word, with the nearest known ones.

/// One class and its types: (machine word, name).
pub struct Class {
    pub word: &'static str,
    pub name: &'static str,
    pub types: &'static [(&'static str, &'static str)],
}

/// All classes, in the order of the taxonomy.
pub const CLASSES: &[Class] = &[
    Class {
        word: "abusive-content",
        name: "Abusive Content",
        types: &[
            ("spam", "Spam"),
            ("harmful-speech", "Harmful Speech"),
            ("violence", "(Child) Sexual Exploitation/Sexual/Violent Content"),
        ],
    },
    Class {
        word: "malicious-code",
        name: "Malicious Code",
        types: &[
            ("infected-system", "Infected System"),
            ("c2-server", "C2 Server"),
            ("malware-distribution", "Malware Distribution"),
            ("malware-configuration", "Malware Configuration"),
        ],
    },
    Class {
        word: "information-gathering",
        name: "Information Gathering",
        types: &[("scanner", "Scanning"), ("sniffing", "Sniffing"), ("social-engineering", "Social Engineering")],
    },
    Class {
        word: "intrusion-attempts",
        name: "Intrusion Attempts",
        types: &[
            ("ids-alert", "Exploitation of known Vulnerabilities"),
            ("brute-force", "Login attempts"),
            ("exploit", "New attack signature"),
        ],
    },
    Class {
        word: "intrusions",
        name: "Intrusions",
        types: &[
            ("privileged-account-compromise", "Privileged Account Compromise"),
            ("unprivileged-account-compromise", "Unprivileged Account Compromise"),
            ("application-compromise", "Application Compromise"),
            ("system-compromise", "System Compromise"),
            ("burglary", "Burglary"),
        ],
    },
    Class {
        word: "availability",
        name: "Availability",
        types: &[
            ("dos", "Denial of Service"),
            ("ddos", "Distributed Denial of Service"),
            ("misconfiguration", "Misconfiguration"),
            ("sabotage", "Sabotage"),
            ("outage", "Outage"),
        ],
    },
    Class {
        word: "information-content-security",
        name: "Information Content Security",
        types: &[
            ("unauthorised-information-access", "Unauthorised access to information"),
            ("unauthorised-information-modification", "Unauthorised modification of information"),
            ("data-loss", "Data Loss"),
            ("data-leak", "Leak of confidential information"),
        ],
    },
    Class {
        word: "fraud",
        name: "Fraud",
        types: &[
            ("unauthorised-use-of-resources", "Unauthorised use of resources"),
            ("copyright", "Copyright"),
            ("masquerade", "Masquerade"),
            ("phishing", "Phishing"),
        ],
    },
    Class {
        word: "vulnerable",
        name: "Vulnerable",
        types: &[
            ("weak-crypto", "Weak crypto"),
            ("ddos-amplifier", "DDoS amplifier"),
            ("potentially-unwanted-accessible", "Potentially unwanted accessible services"),
            ("information-disclosure", "Information disclosure"),
            ("vulnerable-system", "Vulnerable system"),
        ],
    },
    Class { word: "other", name: "Other", types: &[("other", "Uncategorised"), ("undetermined", "Undetermined")] },
    Class { word: "test", name: "Test", types: &[("test", "Test")] },
];

/// What a person's words mean: a class, a class and one of its types, or a type alone, which implies
/// its class. Words or names, in any case, with blanks or hyphens; also `class/type` and
/// `rsit:class="type"`. The error is one line for that person.
pub fn find(class: &str, kind: Option<&str>) -> Result<String, String> {
    let unquoted = class.trim().trim_start_matches("rsit:").replace('"', "");
    let (class, kind) = match (unquoted.split_once(['/', '=']), kind) {
        (Some((class, kind)), None) => (class, Some(kind)),
        _ => (unquoted.as_str(), kind),
    };
    let (wanted, wanted_kind) = (plain(class), kind.map(plain));
    if let Some(class) = CLASSES.iter().find(|c| wanted == c.word || wanted == plain(c.name)) {
        let Some(kind) = wanted_kind else { return Ok(class.word.to_owned()) };
        let found = class.types.iter().find(|(word, name)| kind == *word || kind == plain(name));
        return found.map(|(word, _)| format!("{}/{word}", class.word)).ok_or_else(|| {
            let known: Vec<&str> = class.types.iter().map(|(word, _)| *word).collect();
            let elsewhere = CLASSES.iter().find(|c| c.types.iter().any(|(word, _)| *word == kind));
            match elsewhere {
                Some(other) => format!("{kind} is a type of {}, not of {}", other.word, class.word),
                None => {
                    format!("{kind:?} is no type of {}{}; known: {}", class.word, near(&kind, &known), known.join(", "))
                }
            }
        });
    }
    let of = |c: &'static Class| c.types.iter().map(move |(word, name)| (c, *word, *name));
    let implied = CLASSES.iter().flat_map(of).find(|(_, word, name)| wanted == *word || wanted == plain(name));
    if let (Some((class, word, _)), None) = (implied, &wanted_kind) {
        return Ok(format!("{}/{word}", class.word));
    }
    let known: Vec<&str> =
        CLASSES.iter().flat_map(|c| std::iter::once(c.word).chain(c.types.iter().map(|(word, _)| *word))).collect();
    Err(format!("{class:?} is no class{}; see `vigie ticket classes`", near(&wanted, &known)))
}

/// The machine tag of a classification: `rsit:fraud="phishing"`.
pub fn machine_tag(classification: &str) -> String {
    match classification.split_once('/') {
        Some((class, kind)) => format!("rsit:{class}=\"{kind}\""),
        None => format!("rsit:{classification}"),
    }
}

/// Lower case, words joined by hyphens.
fn plain(text: &str) -> String {
    text.to_lowercase().split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).collect::<Vec<_>>().join("-")
}

fn near(word: &str, known: &[&str]) -> String {
    let best = known.iter().map(|known| (strsim::damerau_levenshtein(word, known), *known)).min();
    match best {
        Some((distance, known)) if distance <= 1 + known.len() / 4 => format!("; did you mean {known}?"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_that_of_version_1003() {
        assert_eq!((CLASSES.len(), CLASSES.iter().map(|c| c.types.len()).sum::<usize>()), (11, 39));
        let mut words: Vec<&str> = CLASSES.iter().flat_map(|c| c.types).map(|(word, _)| *word).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), 39, "a type names its class");
    }

    #[test]
    fn people_write_classes_in_many_ways() {
        for (class, kind, wanted) in [
            ("fraud", Some("phishing"), "fraud/phishing"),
            ("Fraud", None, "fraud"),
            ("phishing", None, "fraud/phishing"),
            ("Malicious Code", Some("C2 Server"), "malicious-code/c2-server"),
            ("rsit:intrusion-attempts=\"brute-force\"", None, "intrusion-attempts/brute-force"),
            ("availability/ddos", None, "availability/ddos"),
            ("Login attempts", None, "intrusion-attempts/brute-force"),
            ("other", None, "other"),
        ] {
            assert_eq!(find(class, kind).as_deref(), Ok(wanted), "{class}");
        }
        for (class, kind, said) in [
            ("fruad", None, "did you mean fraud?"),
            ("phising", None, "did you mean phishing?"),
            ("fraud", Some("fishing"), "did you mean phishing?"),
            ("fraud", Some("ddos"), "a type of availability"),
            ("something", None, "vigie ticket classes"),
            ("", None, "no class"),
        ] {
            let words = find(class, kind).unwrap_err();
            assert!(words.contains(said), "{words}");
        }
        assert_eq!(machine_tag("fraud/phishing"), "rsit:fraud=\"phishing\"");
    }
}
