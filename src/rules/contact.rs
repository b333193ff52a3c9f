//! What a report says of its writer: organisation, name, telephone, OpenPGP fingerprint.
//!
//! All of it is claimed, nothing is proven. Rules: a telephone number has 8 to 15 digits and is written
//! with a country code, in the French form, or behind a label; a fingerprint is written in groups of four
//! or behind a word that names a key; an organisation stands behind a label, or is a line of the
//! signature block with a word of such names; the name is the signature's first line.
//! Hostile data: bodies. Failure: none. Known gap: the first 256 KiB are read.

use super::fold::head;
use super::untrusted::Untrusted;
use regex::Regex;
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;

/// What somebody claims about themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    pub name: Option<Untrusted>,
    pub organisation: Option<Untrusted>,
    /// A line that looks like a postal address.
    pub address: Option<Untrusted>,
    /// As written, blanks made one.
    pub phones: Vec<Untrusted>,
    /// Capital hex without blanks.
    pub fingerprints: Vec<String>,
    /// Always true: a reminder for whoever reads it.
    pub claimed: bool,
}

const LONGEST: usize = 256 << 10;
const MOST: usize = 10;

/// Reads the contact block of a text.
pub fn read(text: &str) -> Contact {
    let text = head(text, LONGEST);
    let own: String = own_lines(text);
    let signature = signature(&own);
    Contact {
        name: signature.first().copied().filter(|line| is_name(line)).map(Untrusted::from),
        organisation: organisation(&own, &signature).map(Untrusted::from),
        address: POSTAL.find_iter(&own).next().map(|found| Untrusted::from(found.as_str().trim())),
        phones: phones(&own),
        fingerprints: fingerprints(&own),
        claimed: true,
    }
}

impl Contact {
    /// Takes what another text of the same person adds.
    pub fn add(&mut self, other: Contact) {
        self.name = self.name.take().or(other.name);
        self.organisation = self.organisation.take().or(other.organisation);
        self.address = self.address.take().or(other.address);
        for phone in other.phones {
            if !self.phones.contains(&phone) && self.phones.len() < MOST {
                self.phones.push(phone);
            }
        }
        for fingerprint in other.fingerprints {
            if !self.fingerprints.contains(&fingerprint) && self.fingerprints.len() < MOST {
                self.fingerprints.push(fingerprint);
            }
        }
        self.claimed = true;
    }
}

/// What is not quoted: that is somebody else's.
fn own_lines(text: &str) -> String {
    text.lines().filter(|line| !line.starts_with('>')).flat_map(|line| [line, "\n"]).collect()
}

fn phones(text: &str) -> Vec<Untrusted> {
    let mut found: Vec<Untrusted> = Vec::new();
    for phone in PHONE.captures_iter(text).filter_map(|found| found.iter().skip(1).flatten().next()) {
        let digits = phone.as_str().bytes().filter(u8::is_ascii_digit).count();
        let before = text[..phone.start()].chars().next_back();
        let after = text[phone.end()..].chars().next();
        let glued = before.is_some_and(|c| c.is_alphanumeric() || "./_-=".contains(c))
            || after.is_some_and(|c| c.is_alphanumeric());
        let written = phone.as_str().split_whitespace().collect::<Vec<_>>().join(" ").into();
        if (8..=15).contains(&digits) && !glued && !found.contains(&written) && found.len() < MOST {
            found.push(written);
        }
    }
    found
}

fn fingerprints(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for one in FINGERPRINT.captures_iter(text).filter_map(|found| found.iter().skip(1).flatten().next()) {
        let hex: String = one.as_str().chars().filter(char::is_ascii_hexdigit).collect::<String>().to_uppercase();
        if !found.contains(&hex) && found.len() < MOST {
            found.push(hex);
        }
    }
    found
}

fn organisation<'a>(text: &'a str, signature: &[&'a str]) -> Option<&'a str> {
    let labelled = ORGANISATION.captures(text).and_then(|found| found.get(1)).map(|found| found.as_str().trim());
    let signed =
        || signature.iter().skip(1).copied().find(|line| ORGANISATION_WORD.is_match(line) && line.len() <= 100);
    labelled.filter(|name| !name.is_empty()).or_else(signed)
}

/// The lines behind `-- ` or behind a closing formula, at most 8, without blank ones.
fn signature(text: &str) -> Vec<&str> {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    let begins = |line: &&str| line.trim() == "--" || CLOSING.is_match(line.trim());
    let Some(at) = lines.iter().rposition(begins) else { return Vec::new() };
    let behind = lines[at + 1..].iter().map(|line| line.trim()).skip_while(|line| line.is_empty() || *line == "--");
    behind.filter(|line| !line.is_empty()).take(8).collect()
}

/// Two to four words that each begin with a capital.
fn is_name(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    (2..=4).contains(&words.len())
        && words.iter().all(|word| word.starts_with(char::is_uppercase))
        && line.chars().all(|c| c.is_alphabetic() || " .'’-".contains(c))
}

/// A regex from a literal of this file.
fn regex(text: &str) -> Regex {
    // Literals only, and every one is compiled by the tests.
    #[allow(clippy::expect_used)]
    Regex::new(text).expect("a literal that the tests compile")
}

static PHONE: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"(?i)(\+[0-9]{1,3}[ .\-/]{0,2}(?:\(0\)[ .-]?)?(?:\(?[0-9]{1,4}\)?[ .\-/]?){2,6}[0-9]{1,4})|(\b0[1-9](?:[ .\-][0-9]{2}){4}\b)|(?:\b(?:t[ée]l(?:[ée]phone)?|phone|mobile|mob|portable|gsm|cell|call|ligne directe|direct)\b\.? {0,2}[:.]? {0,2})(\(?[0-9](?:[ .\-/()]{0,2}[0-9]){7,14})",
    )
});
static FINGERPRINT: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"(?i)\b((?:[0-9A-F]{4}[ \u{A0}]{1,2}){9}[0-9A-F]{4})\b|(?:pgp|gpg|openpgp|fingerprint|empreinte|key id|cl[ée])[^\n]{0,40}?[\s:]\s{0,3}(?:0x)?([0-9A-F]{40}|[0-9A-F]{64})\b",
    )
});
static ORGANISATION: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"(?im)^[ \t*]*(?:organi[sz]ation(?: name)?|organisme|soci[ée]t[ée]|company|entreprise|employer|[ée]tablissement)[ \u{A0}*]*:[ \u{A0}*]*([^\n]{2,100}?)[*]*$",
    )
});
static ORGANISATION_WORD: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"\b(?:SA|SAS|SARL|SE|GmbH|AG|Ltd|Inc|LLC|BV|B\.V|Corp|Corporation|CSIRT|CERT|SOC|NOC|PSIRT)\b|(?i)\b(?:universit[yé]|ministry|minist[èe]re|mairie|agence|agency|bank|banque|h[ôo]pital|hospital|chu|institut[e]?|conseil|d[ée]partement|soci[ée]t[ée]|company|group|groupe|association|foundation|fondation|acad[ée]mie|rectorat|pr[ée]fecture|council)\b",
    )
});
static CLOSING: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"(?i)^(?:(?:kind|best|warm|with kind|with best)? ?regards|sincerely(?: yours)?|yours (?:sincerely|faithfully)|thanks(?: in advance)?|thank you|cheers|cordialement|bien cordialement|bien à vous|sinc[èe]res salutations|salutations(?: distingu[ée]es)?|merci(?: d'avance)?|respectueusement)[,.! ]*$",
    )
});
static POSTAL: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"(?im)^[^\n]{0,60}\b[0-9]{1,4}(?: ?(?:bis|ter))?,? (?:rue|avenue|av\.|boulevard|bd|place|all[ée]e|chemin|route|quai|cours|impasse|[\p{L}]{2,30} (?:street|road|lane|drive|avenue))\b[^\n]{0,100}$|^[^\n]{0,60}\b[0-9]{5} \p{Lu}[\p{L}-]{2,}[^\n]{0,40}$",
    )
});

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(values: &[Untrusted]) -> Vec<&str> {
        values.iter().map(Untrusted::raw).collect()
    }

    #[test]
    fn a_signature_block_is_read_in_both_languages() {
        let french = "Bonjour,\nun site nous imite.\n\nCordialement,\n\nÉlise Martin\nRSSI, CHU de Nantes\n5 allée de l'Île-Gloriette, 44093 Nantes\nTél. : 02 40 08 33 33 / +33 (0)6 12 34 56 78\nEmpreinte PGP : 0123 4567 89AB CDEF 0123  4567 89AB CDEF 0123 4567\n";
        let contact = read(french);
        assert_eq!(contact.name.as_ref().map(Untrusted::raw), Some("Élise Martin"));
        assert_eq!(contact.organisation.as_ref().map(Untrusted::raw), Some("RSSI, CHU de Nantes"));
        assert_eq!(raw(&contact.phones), ["02 40 08 33 33", "+33 (0)6 12 34 56 78"]);
        assert_eq!(contact.fingerprints, ["0123456789ABCDEF0123456789ABCDEF01234567"]);
        assert!(contact.address.is_some() && contact.claimed);
        let english = "Hello\nOrganisation: Example Corp\nCompany phone: +1 (555) 010-9999\n-- \nJane Doe\nSOC, Example Ltd\n12 Main Street\nGPG: 0123456789abcdef0123456789abcdef01234567";
        let contact = read(english);
        assert_eq!(contact.name.as_ref().map(Untrusted::raw), Some("Jane Doe"));
        assert_eq!(contact.organisation.as_ref().map(Untrusted::raw), Some("Example Corp"));
        assert_eq!(raw(&contact.phones), ["+1 (555) 010-9999"]);
        assert_eq!(contact.fingerprints.len(), 1);
    }

    #[test]
    fn numbers_that_are_no_telephone_are_left_alone() {
        for text in [
            "198.51.100.7",
            "2026-11-27 18:01:00 +0100",
            "id 1234567890123456789",
            "EX-2026-000042",
            "port 8080",
            "da39a3ee5e6b4b0d3255bfef95601890afd80709",
            "01/12/2026",
            "CVE-2021-44228",
            "1.2.3.4.5.6.7.8",
            "> Tel: 02 40 08 33 33",
        ] {
            assert_eq!(read(text).phones, [], "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_breaks_it(text in "(Tel: |\\+33|[0-9 .()-]|PGP|\\n|Regards,|-- |\\PC){0,60}") {
            read(&text);
        }
    }
}
