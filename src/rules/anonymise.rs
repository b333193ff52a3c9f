//! Takes people, their organisations and their machines out of a text, and puts in placeholders that stay
//! the same throughout one export (P15).
//!
//! What is replaced: the reporter and whoever stands in an address field (names, parts of names of three
//! letters or more, addresses, the part before the `@`); every other e-mail address but the team's own;
//! telephone numbers; constituents by name; hosts below the domains of constituents and of the reporter,
//! and that domain's own word; internal IP addresses; what stands below a signature mark or a closing
//! formula. Case, accents, hidden characters, full-width forms, IDN forms and defanging make no difference.
//!
//! Better too much than too little: a part of a name of five letters is replaced within other words too.
//! Hostile data: texts of mails. Failure: none. Known gaps, for the person who reviews it: people whom no
//! address field names, nicknames, what is encoded (base64, percent signs), what stands in pictures and
//! within attachments (those leave in an evidence bundle only).

use super::fold::fold;
use core::net::{Ipv4Addr, Ipv6Addr};
use regex::Regex;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::LazyLock;
use unicode_normalization::UnicodeNormalization;

/// Who stands in a mail.
#[derive(Debug, Clone, Default)]
pub struct Person {
    pub names: Vec<String>,
    pub address: Option<String>,
}

/// What must not be seen outside.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    pub reporter: Person,
    pub people: Vec<Person>,
    /// Names of constituents.
    pub organisations: Vec<String>,
    /// Domains whose hosts are not shown.
    pub domains: Vec<String>,
    /// The team's own addresses: they stay.
    pub own: Vec<String>,
}

/// Replaces; counts what it has replaced.
pub struct Anonymiser {
    /// Folded text to look for -> what it stands for.
    needles: Vec<(String, Reach, Who)>,
    /// In Unicode, lower case.
    domains: BTreeSet<String>,
    own: BTreeSet<String>,
    addresses: HashMap<String, Who>,
    shown: HashMap<Who, String>,
    last: HashMap<&'static str, usize>,
    counts: BTreeMap<String, usize>,
}

/// Where a needle counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// Between characters that are no letters, or at a hump (`AnnaPC`).
    Word,
    /// Everywhere.
    Anywhere,
}

/// For whom or what a placeholder stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Who {
    Reporter,
    Person(usize),
    Address(String),
    Organisation(usize),
    Host(String),
    Ip(String),
    Phone(String),
    Signature,
}

impl Who {
    fn kind(&self) -> &'static str {
        match self {
            Who::Reporter => "reporter",
            Who::Person(_) | Who::Address(_) => "person",
            Who::Organisation(_) => "organisation",
            Who::Host(_) => "host",
            Who::Ip(_) => "internal-ip",
            Who::Phone(_) => "phone",
            Who::Signature => "signature",
        }
    }
}

/// Words in names and addresses that name a function or a kind of firm, not a person.
const COMMON: &[&str] = &[
    "abuse",
    "admin",
    "administrator",
    "alert",
    "alerts",
    "and",
    "cert",
    "computer",
    "contact",
    "csirt",
    "department",
    "desk",
    "for",
    "group",
    "help",
    "helpdesk",
    "hostmaster",
    "incident",
    "info",
    "mail",
    "mailer",
    "network",
    "noc",
    "noreply",
    "office",
    "operations",
    "postmaster",
    "reply",
    "report",
    "response",
    "root",
    "security",
    "service",
    "services",
    "soc",
    "support",
    "system",
    "team",
    "the",
    "user",
    "via",
    "webmaster",
];

macro_rules! dot {
    () => {
        r"(?:\.|\\\.| ?[\[({<] ?(?:\.|dot|point) ?[\])}>] ?)"
    };
}
macro_rules! at {
    () => {
        r"(?:@|%40|&#64;| ?[\[({<] ?(?:@|at|arobase) ?[\])}>] ?)"
    };
}

/// A regex from a literal of this file.
fn regex(text: &str) -> Regex {
    // Literals only, and every one is compiled by the tests.
    #[allow(clippy::expect_used)]
    Regex::new(text).expect("a literal that the tests compile")
}

static EMAIL: LazyLock<Regex> = LazyLock::new(|| {
    let local = r"[\p{L}\p{N}\p{M}._+'=#$&*/!?^`{|}~-]+";
    regex(&[r"(?i)", local, at!(), r"(?:[\p{L}\p{N}\p{M}_-]+", dot!(), r")*[\p{L}\p{N}\p{M}_-]+"].concat())
});
static HOST: LazyLock<Regex> =
    LazyLock::new(|| regex(&[r"(?i)(?:[\p{L}\p{N}\p{M}_-]+", dot!(), r")+[\p{L}\p{N}\p{M}_-]+"].concat()));
static IPV4: LazyLock<Regex> = LazyLock::new(|| regex(&[r"(?i)\b[0-9]{1,3}(?:", dot!(), r"[0-9]{1,3}){3}\b"].concat()));
static IPV6: LazyLock<Regex> = LazyLock::new(|| regex(r"(?i)[0-9a-f]*:[0-9a-f:.]*[0-9a-f:]"));
static PHONE: LazyLock<Regex> = LazyLock::new(|| {
    regex(concat!(
        r"(?:\+|\b00)[1-9][0-9 .()/-]{6,20}[0-9]\b",
        r"|\b0[1-9](?:[ .-]?[0-9]{2}){4}\b",
        r"|\(?\b[0-9]{3}\)?[ .-][0-9]{3}[ .-][0-9]{4}\b",
        r"|(?i:\b(?:tel|tél|tele|télé|phone|mobile|mob|portable|fax|gsm|cell)\w{0,9}\.? ?:? ?)[+(]?[0-9][0-9 .()/-]{4,20}[0-9]\b"
    ))
});
static CLOSING: LazyLock<Regex> = LazyLock::new(|| {
    regex(concat!(
        r"(?i)^[> ]*(?:(?:best|kind|warm|many|with (?:best|kind)) (?:regards|wishes)|regards|sincerely|yours \w+|cheers",
        r"|(?:bien |très )?cordialement|bien à vous|cdlt|salutations|mit freundlichen grüßen|mfg|viele grüße)[ ,.!]*$"
    ))
});

/// Lines below a closing formula that are taken for a signature.
const SIGNATURE_LINES: usize = 12;

impl Anonymiser {
    /// Prepares for one export.
    pub fn new(secrets: &Secrets) -> Anonymiser {
        let mut made = Anonymiser {
            needles: Vec::new(),
            domains: secrets.domains.iter().map(|domain| plain_domain(domain)).collect(),
            own: secrets.own.iter().map(|address| plain_address(address)).collect(),
            addresses: HashMap::new(),
            shown: HashMap::new(),
            last: HashMap::new(),
            counts: BTreeMap::new(),
        };
        made.add_person(&secrets.reporter, &Who::Reporter);
        if let Some((_, domain)) = secrets.reporter.address.as_deref().and_then(|address| address.split_once('@')) {
            let domain = plain_domain(domain);
            made.domains.insert(psl::domain_str(&domain).unwrap_or(&domain).to_owned());
        }
        for (at, person) in secrets.people.iter().enumerate() {
            made.add_person(person, &Who::Person(at));
        }
        for (at, name) in secrets.organisations.iter().enumerate() {
            made.add_needle(name, Reach::Word, &Who::Organisation(at));
        }
        for (at, domain) in made.domains.clone().iter().enumerate() {
            let own_word = psl::domain_str(domain).unwrap_or(domain).split('.').next().unwrap_or_default().to_owned();
            if own_word.chars().count() > 2 {
                made.add_needle(&own_word, Reach::Word, &Who::Organisation(secrets.organisations.len() + at));
            }
        }
        // The longest first: a whole name is one placeholder.
        made.needles.sort_by_key(|(needle, _, _)| std::cmp::Reverse(needle.len()));
        made
    }

    fn add_person(&mut self, person: &Person, who: &Who) {
        let mut parts = Vec::new();
        for name in &person.names {
            self.add_name(name, who, &mut parts);
        }
        let Some(address) = &person.address else { return };
        let address = plain_address(address);
        if self.own.contains(&address) {
            return;
        }
        if let Some((local, _)) = address.split_once('@') {
            self.add_name(local, who, &mut parts);
        }
        self.addresses.entry(address).or_insert_with(|| who.clone());
    }

    /// The name as it is, its parts, and the parts as accounts and files join them.
    fn add_name(&mut self, name: &str, who: &Who, seen: &mut Vec<String>) {
        let folded = folded(&fold(name)).0;
        let parts: Vec<String> = folded
            .split(|c: char| !c.is_alphabetic())
            .filter(|part| !part.is_empty() && !COMMON.contains(part))
            .map(str::to_owned)
            .collect();
        if parts.is_empty() {
            return;
        }
        if parts.len() > 1 {
            self.add_needle(name, Reach::Word, who);
        }
        for part in &parts {
            if !seen.contains(part) {
                seen.push(part.clone());
                let reach = if part.chars().count() >= 5 { Reach::Anywhere } else { Reach::Word };
                self.add_needle(part, reach, who);
            }
        }
        let initial = |part: &str| part.chars().take(1).collect::<String>();
        for (first, second) in parts.iter().zip(parts.iter().skip(1)) {
            for joined in [format!("{first}{second}"), format!("{second}{first}")] {
                self.add_needle(&joined, Reach::Anywhere, who);
            }
            self.add_needle(&format!("{}{second}", initial(first)), Reach::Word, who);
            self.add_needle(&format!("{first}{}", initial(second)), Reach::Word, who);
        }
    }

    fn add_needle(&mut self, text: &str, reach: Reach, who: &Who) {
        let needle = folded(fold(text).trim()).0;
        // Two signs are a word of every language.
        if needle.chars().count() > 2 && !COMMON.contains(&needle.as_str()) {
            self.needles.push((needle, reach, who.clone()));
        }
    }

    /// A text without people: signatures are cut as well.
    pub fn text(&mut self, text: &str) -> String {
        let lines = self.without_signatures(&fold(text));
        self.replaced(&lines)
    }

    /// One line: a subject, a file name.
    pub fn line(&mut self, text: &str) -> String {
        self.replaced(&fold(text))
    }

    /// Whether a text holds nothing that would be replaced.
    pub fn is_clean(&self, text: &str) -> bool {
        self.spans(&fold(text)).is_empty()
    }

    /// How often each placeholder was put in.
    pub fn counts(&self) -> &BTreeMap<String, usize> {
        &self.counts
    }

    /// Placeholders and the number of things they stand for, by kind: `person` -> 3.
    pub fn kinds(&self) -> &HashMap<&'static str, usize> {
        &self.last
    }

    fn replaced(&mut self, text: &str) -> String {
        let mut spans = self.spans(text);
        // Of two that begin together the longer one; what overlaps is replaced to its end.
        spans.sort_by_key(|(start, end, _)| (*start, std::cmp::Reverse(*end)));
        let (mut out, mut at) = (String::with_capacity(text.len()), 0);
        for (start, end, who) in spans {
            if end <= at {
                continue;
            }
            out.push_str(&text[at..start.max(at)]);
            out.push_str(&self.placeholder(who));
            at = end;
        }
        out.push_str(&text[at..]);
        out
    }

    fn placeholder(&mut self, who: Who) -> String {
        let shown = match self.shown.get(&who) {
            Some(shown) => shown.clone(),
            None => {
                let kind = who.kind();
                let last = self.last.entry(kind).or_default();
                *last += 1;
                let shown = match who {
                    Who::Reporter | Who::Signature => format!("[{kind}]"),
                    _ => format!("[{kind}-{last}]"),
                };
                self.shown.insert(who, shown.clone());
                shown
            }
        };
        *self.counts.entry(shown.clone()).or_default() += 1;
        shown
    }

    /// Everything to be replaced: where, and what it stands for. May overlap.
    fn spans(&self, text: &str) -> Vec<(usize, usize, Who)> {
        let mut spans = self.names(text);
        for found in EMAIL.find_iter(text) {
            let address = plain_address(found.as_str());
            if !self.own.contains(&address) {
                let who = self.addresses.get(&address).cloned().unwrap_or(Who::Address(address));
                spans.push((found.start(), found.end(), who));
            }
        }
        for found in HOST.find_iter(text) {
            let host = plain_domain(found.as_str());
            let named = found.as_str().to_ascii_lowercase().contains("xn--") && !self.names(&host).is_empty();
            if self.is_hidden_host(&host) || named {
                spans.push((found.start(), found.end(), Who::Host(host)));
            }
        }
        for found in IPV4.find_iter(text) {
            let address = undotted(found.as_str());
            if address.parse().is_ok_and(is_internal_4) {
                spans.push((found.start(), found.end(), Who::Ip(address)));
            }
        }
        for found in IPV6.find_iter(text) {
            // `address:fe80::1` as well.
            let whole = found.as_str();
            let read =
                [whole, whole.trim_start_matches(':')].into_iter().find_map(|t| Some((t, t.parse::<Ipv6Addr>().ok()?)));
            if let Some((text, address)) = read.filter(|(_, address)| is_internal_6(address)) {
                spans.push((found.end() - text.len(), found.end(), Who::Ip(address.to_string())));
            }
        }
        for found in PHONE.find_iter(text) {
            let digits = found.as_str().chars().filter(char::is_ascii_digit).collect();
            spans.push((found.start(), found.end(), Who::Phone(digits)));
        }
        // An address of the team's own stays whole, whatever else is found in it.
        let own: Vec<_> = EMAIL.find_iter(text).filter(|f| self.own.contains(&plain_address(f.as_str()))).collect();
        spans.retain(|(start, end, _)| !own.iter().any(|own| own.start() <= *start && *end <= own.end()));
        spans
    }

    fn is_hidden_host(&self, host: &str) -> bool {
        self.domains
            .iter()
            .any(|domain| host.strip_suffix(domain.as_str()).is_some_and(|r| r.is_empty() || r.ends_with('.')))
    }

    fn names(&self, text: &str) -> Vec<(usize, usize, Who)> {
        let (folded, places) = folded(text);
        let mut spans = Vec::new();
        for (needle, reach, who) in &self.needles {
            for (start, _) in folded.match_indices(needle.as_str()) {
                let end = start + needle.len();
                let (from, to) = (places[start], places[end]);
                if *reach == Reach::Anywhere || (is_edge(text, from) && is_edge(text, to)) {
                    spans.push((from, to, who.clone()));
                }
            }
        }
        spans
    }

    /// Lines below `-- ` or a closing formula become one placeholder.
    fn without_signatures(&mut self, text: &str) -> String {
        let lines: Vec<&str> = text.split('\n').collect();
        let (mut out, mut at) = (Vec::new(), 0);
        while at < lines.len() {
            let line = lines[at];
            let bare = line.trim_start_matches(['>', ' ']);
            let depth = depth(line);
            let below = lines[at + 1..].iter().take_while(|next| self::depth(next) == depth).count();
            let marked = matches!(bare.trim_end_matches('\r'), "--" | "-- " | "__" | "___");
            let closing = CLOSING.is_match(line.trim_end()) && below <= SIGNATURE_LINES && below > 0;
            if (marked && below > 0) || closing {
                out.push(format!("{}{}", &line[..line.len() - bare.len()], self.placeholder(Who::Signature)));
                at += 1 + below;
            } else {
                out.push(line.to_owned());
                at += 1;
            }
        }
        out.join("\n")
    }
}

/// How deep a line is quoted.
fn depth(line: &str) -> usize {
    line.chars().take_while(|c| matches!(c, '>' | ' ')).filter(|c| *c == '>').count()
}

/// Whether a word may begin or end at `at`: one side is no letter, or a capital follows a small letter.
fn is_edge(text: &str, at: usize) -> bool {
    let (before, after) = (text[..at].chars().next_back(), text[at..].chars().next());
    match (before, after) {
        (Some(before), Some(after)) => {
            !before.is_alphabetic() || !after.is_alphabetic() || (before.is_lowercase() && after.is_uppercase())
        }
        _ => true,
    }
}

/// Lower case without accents, and for each octet of it (and its end) the place in `text` it comes from.
fn folded(text: &str) -> (String, Vec<usize>) {
    let (mut out, mut places) = (String::with_capacity(text.len()), Vec::with_capacity(text.len() + 1));
    for (at, c) in text.char_indices() {
        let plain = std::iter::once(c).nfd().filter(|c| !is_accent(*c)).flat_map(char::to_lowercase);
        for c in plain.flat_map(unligatured) {
            out.push(c);
            places.resize(out.len(), at);
        }
    }
    places.push(text.len());
    (out, places)
}

fn is_accent(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36F}')
}

/// Letters that stand for two, as people write them elsewhere.
fn unligatured(c: char) -> impl Iterator<Item = char> {
    let two: &[char] = match c {
        'ß' => &['s', 's'],
        'æ' => &['a', 'e'],
        'œ' => &['o', 'e'],
        'ø' => &['o'],
        'ł' => &['l'],
        _ => &[],
    };
    two.iter().copied().chain(two.is_empty().then_some(c))
}

/// A defanged name or address with plain dots and `@`.
fn undotted(text: &str) -> String {
    static MARK: LazyLock<(Regex, Regex)> =
        LazyLock::new(|| (regex(concat!("(?i)", dot!())), regex(concat!("(?i)", at!()))));
    let dots = MARK.0.replace_all(text, ".");
    MARK.1.replace_all(&dots, "@").into_owned()
}

/// A domain in Unicode and lower case.
fn plain_domain(text: &str) -> String {
    let domain = undotted(text).to_lowercase();
    let (unicode, _) = idna::domain_to_unicode(domain.trim_end_matches('.'));
    unicode
}

fn plain_address(text: &str) -> String {
    let address = undotted(text.trim()).to_lowercase();
    match address.rsplit_once('@') {
        Some((local, domain)) => format!("{local}@{}", plain_domain(domain)),
        None => address,
    }
}

fn is_internal_4(address: Ipv4Addr) -> bool {
    let shared = address.octets()[0] == 100 && (64..128).contains(&address.octets()[1]);
    address.is_private() || address.is_loopback() || address.is_link_local() || shared
}

fn is_internal_6(address: &Ipv6Addr) -> bool {
    address.is_loopback()
        || address.is_unique_local()
        || address.is_unicast_link_local()
        || address.to_ipv4_mapped().is_some_and(is_internal_4)
}

#[cfg(test)]
#[path = "anonymise_tests.rs"]
mod tests;
