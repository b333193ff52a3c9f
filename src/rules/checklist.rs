//! What an emergency report should hold, as the acknowledgement asks for it: seen, or missing.
//!
//! For the analyst alone: to tell a reporter what lacks would disclose what was decrypted. Judged by
//! rules of thumb; `seen` means that something of the kind stands there, not that it is right.
//! Hostile data: bodies. Failure: none. Known gap: the first 256 KiB of each body are read.

use super::contact::Contact;
use super::fold::head;
use super::report::{Forwarded, IndicatorKind};
use super::ticket::words;
use regex::Regex;
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;

words! {
    /// One thing that a report should hold.
    Item {
        Name = "name",
        Organisation = "organisation",
        Address = "address",
        Email = "e-mail",
        Telephone = "telephone",
        Ip = "IP addresses",
        Host = "host names",
        Logs = "logs",
        TimeZone = "time zone of the logs",
        /// With the fields of its way here.
        Forwarded = "forwarded mail with its headers",
    }
}

/// Whether it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    pub item: Item,
    pub seen: bool,
}

/// What is known of a ticket's report.
pub struct Facts<'a> {
    pub contact: &'a Contact,
    /// Somebody can be written to.
    pub has_address: bool,
    /// The reporter's display name.
    pub name: &'a str,
    /// Those that are not set aside.
    pub kinds: &'a [IndicatorKind],
    pub texts: &'a [&'a str],
    pub attachments: &'a [&'a str],
    pub forwarded: &'a [Forwarded],
}

const LONGEST: usize = 256 << 10;

/// The whole list, in the order of the acknowledgement.
pub fn check(facts: &Facts) -> Vec<Check> {
    let has = |wanted: &[IndicatorKind]| facts.kinds.iter().any(|kind| wanted.contains(kind));
    let log_lines = facts.texts.iter().flat_map(|text| LOG_LINE.find_iter(head(text, LONGEST)).take(2)).count();
    let is_log = |name: &&str| LOG_NAMES.iter().any(|ending| name.to_lowercase().ends_with(ending));
    let seen = |item: Item| match item {
        Item::Name => facts.contact.name.is_some() || !facts.name.trim().is_empty(),
        Item::Organisation => facts.contact.organisation.is_some(),
        Item::Address => facts.contact.address.is_some(),
        Item::Email => facts.has_address,
        Item::Telephone => !facts.contact.phones.is_empty(),
        Item::Ip => has(&[IndicatorKind::Ipv4, IndicatorKind::Ipv6, IndicatorKind::Network]),
        Item::Host => has(&[IndicatorKind::Domain, IndicatorKind::Url]),
        Item::Logs => log_lines >= 2 || facts.attachments.iter().any(is_log),
        Item::TimeZone => facts.texts.iter().any(|text| ZONE.is_match(head(text, LONGEST))),
        Item::Forwarded => facts.forwarded.iter().any(|mail| !mail.hops.is_empty()),
    };
    Item::ALL.iter().map(|&item| Check { item, seen: seen(item) }).collect()
}

const LOG_NAMES: [&str; 14] = [
    ".log", ".csv", ".pcap", ".pcapng", ".evtx", ".json", ".jsonl", ".log.gz", ".log.zip", ".nmap", ".xml", ".har",
    ".syslog", ".tsv",
];

/// A regex from a literal of this file.
fn regex(text: &str) -> Regex {
    // Literals only, and every one is compiled by the tests.
    #[allow(clippy::expect_used)]
    Regex::new(text).expect("a literal that the tests compile")
}

static LOG_LINE: LazyLock<Regex> = LazyLock::new(|| regex(r"(?m)^[^\n]{0,80}[0-9]{2}:[0-9]{2}:[0-9]{2}[^\n]{10,}$"));
static ZONE: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"[0-9]{2}:[0-9]{2}(?::[0-9]{2})?(?:[.,][0-9]+)? ?(?:Z|[+-][0-9]{2}:?[0-9]{2})\b|\b(?:UTC|GMT|CET|CEST|EST|EDT|PST|PDT|Europe/Paris)\b|(?i:time ?zone|fuseau horaire|heure de paris|heure locale|local time)",
    )
});

#[cfg(test)]
mod tests {
    use super::*;

    fn missing(
        texts: &[&str],
        contact: &Contact,
        kinds: &[IndicatorKind],
        forwarded: &[Forwarded],
    ) -> Vec<&'static str> {
        let facts = Facts { contact, has_address: true, name: "", kinds, texts, attachments: &[], forwarded };
        check(&facts).into_iter().filter(|check| !check.seen).map(|check| check.item.word()).collect()
    }

    #[test]
    fn what_lacks_is_told_and_nothing_else() {
        let nobody = Contact::default();
        assert_eq!(missing(&[""], &nobody, &[], &[]).len(), 9);
        let log = "2026-11-27 18:01:00 +0100 sshd: Failed password\n2026-11-27 18:01:01 +0100 sshd: Failed password\n";
        let lacks = missing(&[log], &nobody, &[IndicatorKind::Ipv4], &[]);
        assert!(
            !lacks.contains(&"logs") && !lacks.contains(&"time zone of the logs") && !lacks.contains(&"IP addresses")
        );
        let lacks = missing(
            &["27/11/2026 18:01:00 connection refused\n27/11/2026 18:01:01 connection refused"],
            &nobody,
            &[],
            &[],
        );
        assert!(lacks.contains(&"time zone of the logs") && !lacks.contains(&"logs"));
        let bare = Forwarded::default();
        let whole = Forwarded { hops: vec![Default::default()], ..Forwarded::default() };
        assert!(missing(&[""], &nobody, &[], std::slice::from_ref(&bare)).contains(&"forwarded mail with its headers"));
        assert!(!missing(&[""], &nobody, &[], &[bare, whole]).contains(&"forwarded mail with its headers"));
    }
}
