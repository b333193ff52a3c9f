//! What a report seems to be about: a suggestion for the analyst, never more (A12).
//!
//! The rules are the table below. A phrase counts where a word begins with its first word; accents and
//! case are set aside. A phrase in the subject counts three, one in the text one, each once. The type
//! with the highest count is suggested; of equals the one that stands first. The severity follows from
//! the type. The reason is made of our phrases, not of the report.
//!
//! Hostile data: subjects and bodies. Failure: none. Known gap: the first 64 KiB of a body are read,
//! French and English only; a text that says what something is not is taken for what it names.

use super::fold::{fold, head};
use super::weight::Severity;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

/// What a rule suggests, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suggestion {
    pub value: String,
    /// Which rule, in words.
    pub reason: String,
}

const LONGEST_BODY: usize = 64 << 10;

/// Type, usual severity, phrases in lower case without accents.
type Rule = (&'static str, Severity, &'static [&'static str]);

const RULES: &[Rule] = &[
    (
        "information-content-security/unauthorised-information-modification",
        Severity::High,
        &[
            "ransomware",
            "rancongiciel",
            "ransom note",
            "demande de rancon",
            "files are encrypted",
            "fichiers chiffres",
            "deface",
            "defacement",
            "defigur",
            "page d'accueil modifiee",
        ],
    ),
    (
        "fraud/phishing",
        Severity::Medium,
        &[
            "phishing",
            "phish",
            "hameconnage",
            "filoutage",
            "fake login",
            "fausse page",
            "faux site",
            "credential harvest",
            "vol d'identifiants",
            "spearphishing",
            "smishing",
        ],
    ),
    (
        "intrusions/privileged-account-compromise",
        Severity::High,
        &[
            "admin account compromis",
            "administrator account compromis",
            "root compromis",
            "domain admin",
            "compte administrateur compromis",
            "golden ticket",
            "compte a privileges",
        ],
    ),
    (
        "intrusions/unprivileged-account-compromise",
        Severity::Medium,
        &[
            "account compromis",
            "compromised account",
            "hacked account",
            "compte compromis",
            "compte pirate",
            "account takeover",
            "boite mail piratee",
            "messagerie compromise",
            "compromised mailbox",
        ],
    ),
    (
        "intrusions/application-compromise",
        Severity::High,
        &[
            "web shell",
            "webshell",
            "sql injection succe",
            "injection sql reussie",
            "compromised website",
            "site compromis",
            "site pirate",
            "hacked website",
        ],
    ),
    (
        "intrusions/system-compromise",
        Severity::High,
        &[
            "server compromis",
            "system compromis",
            "compromised server",
            "compromised host",
            "serveur compromis",
            "systeme compromis",
            "machine compromis",
            "intrusion",
            "backdoor",
            "porte derobee",
            "rootkit",
            "lateral movement",
        ],
    ),
    (
        "malicious-code/c2-server",
        Severity::High,
        &[
            "command and control",
            "command-and-control",
            "c2 server",
            "c&c",
            "serveur c2",
            "serveur de commande",
            "beacon",
        ],
    ),
    (
        "malicious-code/malware-distribution",
        Severity::Medium,
        &[
            "malware distribution",
            "distributes malware",
            "hosting malware",
            "malicious attachment",
            "piece jointe malveillante",
            "malicious download",
            "heberge un malware",
            "payload url",
            "dropper",
        ],
    ),
    (
        "malicious-code/infected-system",
        Severity::Medium,
        &[
            "malware",
            "infected",
            "infection",
            "infecte",
            "trojan",
            "cheval de troie",
            "botnet",
            "virus",
            "maliciel",
            "logiciel malveillant",
            "sinkhole",
            "stealer",
        ],
    ),
    (
        "availability/ddos",
        Severity::High,
        &["ddos", "distributed denial of service", "deni de service distribue", "syn flood", "udp flood"],
    ),
    ("availability/dos", Severity::Medium, &["denial of service", "deni de service", "mail bomb"]),
    (
        "information-content-security/data-leak",
        Severity::High,
        &[
            "data leak",
            "data breach",
            "leaked",
            "fuite de donnees",
            "exfiltrat",
            "fuite d'information",
            "donnees divulguees",
            "pastebin",
            "dump of credentials",
        ],
    ),
    (
        "information-content-security/unauthorised-information-access",
        Severity::High,
        &["unauthorised access", "unauthorized access", "acces non autorise", "acces illegitime"],
    ),
    (
        "intrusion-attempts/brute-force",
        Severity::Low,
        &[
            "brute force",
            "brute-force",
            "bruteforce",
            "force brute",
            "login attempts",
            "failed password",
            "password spray",
            "tentatives de connexion",
            "credential stuffing",
        ],
    ),
    (
        "information-gathering/scanner",
        Severity::Low,
        &["port scan", "portscan", "scan de ports", "scanning", "scan de vulnerabilite", "network scan", "balayage"],
    ),
    (
        "intrusion-attempts/ids-alert",
        Severity::Low,
        &[
            "exploit attempt",
            "exploitation attempt",
            "tentative d'exploitation",
            "log4shell attempt",
            "ids alert",
            "alerte ids",
            "sql injection",
            "injection sql",
            "path traversal",
        ],
    ),
    (
        "information-gathering/social-engineering",
        Severity::Medium,
        &["social engineering", "ingenierie sociale", "fraude au president", "ceo fraud", "vishing"],
    ),
    (
        "fraud/masquerade",
        Severity::Medium,
        &[
            "impersonat",
            "usurpation",
            "typosquat",
            "lookalike domain",
            "spoofed",
            "se fait passer pour",
            "faux nom de domaine",
        ],
    ),
    ("fraud/copyright", Severity::Low, &["copyright", "dmca", "droit d'auteur", "contrefacon"]),
    (
        "vulnerable/ddos-amplifier",
        Severity::Low,
        &["open resolver", "amplification", "resolveur ouvert", "ntp monlist"],
    ),
    (
        "vulnerable/weak-crypto",
        Severity::Low,
        &["poodle", "weak cipher", "sslv3", "expired certificate", "certificat expire"],
    ),
    (
        "vulnerable/potentially-unwanted-accessible",
        Severity::Low,
        &[
            "exposed rdp",
            "rdp expose",
            "open telnet",
            "exposed service",
            "service expose",
            "accessible from the internet",
            "accessible depuis internet",
        ],
    ),
    (
        "vulnerable/information-disclosure",
        Severity::Medium,
        &["information disclosure", "directory listing", "divulgation d'information"],
    ),
    (
        "vulnerable/vulnerable-system",
        Severity::Medium,
        &["vulnerability", "vulnerabilite", "vulnerable", "unpatched", "xss", "cross-site scripting", "faille", "cve-"],
    ),
    ("abusive-content/spam", Severity::Low, &["spam", "pourriel", "unsolicited bulk", "courrier indesirable"]),
    ("abusive-content/harmful-speech", Severity::Medium, &["cyberstalking", "harassment", "harcelement", "racism"]),
];

/// Classification and severity that the words of a report suggest.
pub fn suggest(subject: &str, body: &str) -> Option<(Suggestion, Suggestion)> {
    let (subject, body) = (plain(subject), plain(head(body, LONGEST_BODY)));
    let mut best: Option<(usize, &Rule, &str, bool)> = None;
    for rule in RULES {
        let in_subject: Vec<&str> = rule.2.iter().copied().filter(|phrase| says(&subject, phrase)).collect();
        let in_body: Vec<&str> = rule.2.iter().copied().filter(|phrase| says(&body, phrase)).collect();
        let count = 3 * in_subject.len() + in_body.len();
        let first = in_subject.first().or(in_body.first());
        if let Some(first) = first
            && best.is_none_or(|(most, ..)| count > most)
        {
            best = Some((count, rule, first, !in_subject.is_empty()));
        }
    }
    let (_, (class, severity, _), phrase, in_subject) = best?;
    let place = if in_subject { "subject" } else { "text" };
    let classification = Suggestion { value: (*class).to_owned(), reason: format!("the {place} says \"{phrase}\"") };
    let kind = class.split('/').next_back().unwrap_or(class);
    let severity = Suggestion { value: severity.word().to_owned(), reason: format!("{kind} usually is {severity}") };
    Some((classification, severity))
}

/// Lower case, without accents, one blank between words.
fn plain(text: &str) -> String {
    let folded = fold(text).to_lowercase().replace('’', "'");
    let bare: String = folded.nfd().filter(|c| !unicode_normalization::char::is_combining_mark(*c)).collect();
    bare.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether the phrase stands at the beginning of a word.
fn says(text: &str, phrase: &str) -> bool {
    text.match_indices(phrase).any(|(at, _)| !text[..at].ends_with(char::is_alphanumeric))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::taxonomy;

    #[test]
    fn reports_in_both_languages_are_guessed_by_their_words() {
        for (subject, body, wanted) in [
            ("Phishing site", "see hxxp://evil[.]example", "fraud/phishing"),
            ("Campagne d’hameçonnage", "Bonjour, une fausse page de connexion", "fraud/phishing"),
            (
                "Aidez-nous",
                "Tous nos fichiers chiffrés, une demande de rançon",
                "information-content-security/unauthorised-information-modification",
            ),
            ("SSH brute-force from your network", "Failed password for root", "intrusion-attempts/brute-force"),
            ("Balayage", "scan de ports depuis 198.51.100.7", "information-gathering/scanner"),
            ("Attaque par déni de service distribué", "DDoS en cours", "availability/ddos"),
            ("Serveur compromis", "une porte dérobée", "intrusions/system-compromise"),
            ("Compte compromis", "le compte de messagerie", "intrusions/unprivileged-account-compromise"),
            ("Fuite de données", "", "information-content-security/data-leak"),
            ("Vulnérabilité XSS", "", "vulnerable/vulnerable-system"),
            ("Poste infecté", "un logiciel malveillant", "malicious-code/infected-system"),
            ("Spam", "viagra", "abusive-content/spam"),
        ] {
            let (class, _) = suggest(subject, body).unwrap();
            assert_eq!(class.value, wanted, "{subject}");
        }
        assert_eq!(suggest("Hello", "nothing of note"), None);
        assert_eq!(suggest("antivirus", ""), None, "a phrase begins where a word begins");
        let (class, severity) = suggest("", "there is ransomware here").unwrap();
        assert_eq!(class.reason, "the text says \"ransomware\"");
        assert_eq!((severity.value.as_str(), severity.reason.contains("usually is high")), ("high", true));
    }

    #[test]
    fn every_rule_names_a_type_of_the_taxonomy_and_can_be_met() {
        for (class, _, phrases) in RULES {
            assert_eq!(taxonomy::find(class, None).as_deref(), Ok(*class));
            for phrase in *phrases {
                assert_eq!(plain(phrase), *phrase, "phrases are written as texts are read");
                assert!(suggest(phrase, "").is_some());
            }
        }
    }
}
