//! In which language a mail is acknowledged, and answered by a human.
//!
//! What the config says of the constituent, else a count of the commonest words in what the
//! outer mail shows in clear. A mail with ciphertext has no clear text, so its language follows
//! from its outer subject alone (T26).
//!
//! Hostile data: subjects and texts. Failure: none; in doubt the team's first language.
//! Limit: the first 64 KiB are counted. Quoted lines are passed over: they are our own words.

use super::fold::head;
use super::report::Outer;
use super::settings::Language;

const LONGEST: usize = 64 * 1024;

/// Words that are common in one of the two languages and no words of the other.
const FRENCH: &[&str] = &[
    "le",
    "la",
    "les",
    "des",
    "du",
    "une",
    "un",
    "et",
    "est",
    "sont",
    "vous",
    "nous",
    "votre",
    "notre",
    "vos",
    "nos",
    "que",
    "qui",
    "pour",
    "dans",
    "avec",
    "sur",
    "pas",
    "ce",
    "cette",
    "ces",
    "ci",
    "joint",
    "aux",
    "au",
    "par",
    "été",
    "être",
    "avons",
    "avez",
    "je",
    "il",
    "bonjour",
    "bonsoir",
    "merci",
    "cordialement",
    "madame",
    "monsieur",
    "signalement",
    "hameçonnage",
    "courriel",
    "messagerie",
    "vulnérabilité",
    "faille",
    "depuis",
];
const ENGLISH: &[&str] = &[
    "the",
    "and",
    "is",
    "are",
    "of",
    "to",
    "you",
    "your",
    "we",
    "our",
    "that",
    "this",
    "these",
    "for",
    "in",
    "with",
    "not",
    "have",
    "has",
    "been",
    "was",
    "were",
    "from",
    "by",
    "an",
    "it",
    "at",
    "be",
    "hello",
    "hi",
    "dear",
    "thanks",
    "thank",
    "regards",
    "please",
    "attached",
    "found",
    "vulnerability",
    "abuse",
    "below",
    "which",
];

/// The language that more of its commonest words speak for; `default` where neither has more.
pub fn guess(text: &str, default: Language) -> Language {
    let (mut french, mut english) = (0u32, 0u32);
    for line in head(text, LONGEST).lines().filter(|line| !line.trim_start().starts_with('>')) {
        for word in line.split(|c: char| !c.is_alphabetic()).filter(|word| (2..=16).contains(&word.len())) {
            let word = word.to_lowercase();
            french += u32::from(FRENCH.contains(&word.as_str()));
            english += u32::from(ENGLISH.contains(&word.as_str()));
        }
    }
    match french.cmp(&english) {
        std::cmp::Ordering::Greater => Language::Fr,
        std::cmp::Ordering::Less => Language::En,
        std::cmp::Ordering::Equal => default,
    }
}

/// The language for a mail: the constituent's if the config names one, else a guess from the
/// outer facts alone, among the team's `languages`, of which the first is the default.
pub fn for_mail(constituent: Option<Language>, outer: &Outer, languages: &[Language]) -> Language {
    let text = format!("{}\n{}", outer.subject.raw(), outer.clear_text.raw());
    for_text(constituent, &text, languages)
}

/// The same by a text, whatever it came out of: for what is not sent without a human.
pub fn for_text(constituent: Option<Language>, text: &str, languages: &[Language]) -> Language {
    let default = languages.first().copied().unwrap_or(Language::En);
    if let Some(language) = constituent {
        return language;
    }
    let guess = guess(text, default);
    if languages.contains(&guess) { guess } else { default }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Language::*;

    #[test]
    fn everyday_mail_is_told_apart() {
        for (text, language) in [
            ("Bonjour,\n\nNous avons reçu un courriel d'hameçonnage. Merci de votre aide.\nCordialement", Fr),
            ("Hello,\nwe have found a phishing page on your server, please see the attached log.\nRegards", En),
            ("Signalement d'une vulnérabilité sur votre site", Fr),
            ("Vulnerability in your web shop", En),
            ("BONJOUR A TOUS", Fr),
            ("Merci\n> The quick answer is that we have your mail and you are to wait", Fr),
        ] {
            for default in [En, Fr] {
                assert_eq!(guess(text, default), language, "{text:?}");
            }
        }
    }

    #[test]
    fn in_doubt_it_is_the_default() {
        for text in
            ["", "...", "[URGENT]", "198.51.100.7", "Ransomware", "Guten Tag, wir brauchen Hilfe", "merci hello"]
        {
            for default in [En, Fr] {
                assert_eq!(guess(text, default), default, "{text:?}");
            }
        }
    }

    #[test]
    fn the_constituent_comes_first_and_the_guess_is_among_the_teams_languages() {
        let outer = Outer { clear_text: "Bonjour, merci pour votre aide".into(), ..Outer::default() };
        assert_eq!(for_mail(None, &outer, &[En, Fr]), Fr);
        assert_eq!(for_mail(None, &outer, &[En]), En);
        assert_eq!(for_mail(Some(En), &outer, &[Fr, En]), En);
        assert_eq!(for_mail(None, &Outer::default(), &[Fr, En]), Fr);
        let subject = Outer { subject: "Signalement pour vous".into(), ..Outer::default() };
        assert_eq!(for_mail(None, &subject, &[En, Fr]), Fr);
    }

    #[test]
    fn no_word_speaks_for_both() {
        assert!(FRENCH.iter().all(|word| !ENGLISH.contains(word)));
        for word in FRENCH.iter().chain(ENGLISH) {
            assert!(word.chars().all(char::is_alphabetic) && *word == word.to_lowercase(), "{word} is never counted");
        }
    }
}
