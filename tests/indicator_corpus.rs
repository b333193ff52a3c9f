//! Indicators against texts with known contents: the folder `ioc` below `VIGIE_CORPUS`.
//!
//! Prints recall and precision for each kind; fails where they fall below what was once reached.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv6Addr;
use std::path::PathBuf;
use vigie::arrive::indicators::extract;

/// Kind and value of each indicator in a text.
fn seen(text: &str) -> BTreeSet<(String, String)> {
    extract(&[text.into()]).0.into_iter().map(|one| (one.kind.word().to_owned(), one.value.raw().to_owned())).collect()
}

fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("VIGIE_CORPUS").map(|corpus| PathBuf::from(corpus).join("ioc"));
    if folder.is_none() {
        println!("VIGIE_CORPUS is not set: nothing was compared");
    }
    folder
}

fn cases(path: PathBuf) -> Vec<serde_json::Value> {
    serde_json::from_slice(&std::fs::read(path).expect("the corpus has its cases")).expect("cases are JSON")
}

/// Where the stated truth is plainly wrong, or speaks of what Vigie does not look for: the class, or None.
/// `docs/indicators.md` says why of each.
fn apart(kind: &str, value: &str, text: &str, stated: &serde_json::Value) -> Option<&'static str> {
    let lower = text.to_lowercase();
    let file_endings = [".py", ".zip", ".pdf", ".jpg"];
    let behind_slash =
        lower.match_indices(value).all(|(at, _)| lower[..at].ends_with(['/', '\\']) && !lower[..at].ends_with("//"));
    let xmpp = stated["xmpp_addresses"].as_array().into_iter().flatten().any(|address| address == value);
    let inside = text.matches("%3A%2F%2F").count() + text.matches("://").count() > 1;
    match kind {
        "domain" if behind_slash && file_endings.iter().any(|ending| value.ends_with(ending)) => {
            Some("a file is no name")
        }
        "domain" if behind_slash => Some("a piece of a path is no name"),
        "domain" if lower.contains(&format!("%{value}")) => {
            Some("the digits of a percent escape are no part of a name")
        }
        "domain" if lower.contains(&format!("%2f{value}")) => {
            Some("the digits of a percent escape are no part of a name")
        }
        "email" if xmpp || lower.contains("xmpp") || lower.contains("jabber") => {
            Some("an XMPP address is listed as e-mail")
        }
        "url" if inside && !lower.starts_with(value) => Some("a URL inside a URL counts too"),
        "url"
            if !value.contains("://")
                || lower.contains(&format!("@{}", value.split('@').next_back().unwrap_or(""))) =>
        {
            Some("user and password belong to a URL")
        }
        _ => None,
    }
}

/// Hits, misses and extras of a kind.
type Tally = BTreeMap<String, [usize; 3]>;

#[test]
fn full_sets_of_indicators_are_found() {
    let Some(folder) = folder() else { return };
    let kinds: BTreeMap<&str, &str> = [
        ("asns", "asn"),
        ("domains", "domain"),
        ("urls", "url"),
        ("email_addresses", "email"),
        ("ipv4s", "ipv4"),
        ("ipv6s", "ipv6"),
        ("md5s", "md5"),
        ("sha1s", "sha1"),
        ("sha256s", "sha256"),
        ("sha512s", "sha512"),
        ("cves", "cve"),
        ("ipv4_cidrs", "network"),
        ("bitcoin_addresses", "bitcoin"),
    ]
    .into();
    let mut tally = Tally::new();
    let mut classes: BTreeMap<&str, usize> = BTreeMap::new();
    for case in cases(folder.join("ioc-finder/cases.json")) {
        // Cases with options ask for another program's switches.
        if case["options"].as_object().is_some_and(|options| !options.is_empty()) {
            continue;
        }
        let text = case["text"].as_str().unwrap_or("");
        let mut wanted = BTreeSet::new();
        for (theirs, ours) in &kinds {
            for value in case["expected"][theirs].as_array().into_iter().flatten().filter_map(|value| value.as_str()) {
                let value = match *ours {
                    "asn" => value.replace("ASN", "AS"),
                    "ipv6" => value.parse::<Ipv6Addr>().map_or(value.to_owned(), |address| address.to_string()),
                    _ => value.to_owned(),
                };
                wanted.insert(((*ours).to_owned(), value));
            }
        }
        // Files are stated as paths, and not in every text.
        let found = seen(text).into_iter().filter(|(kind, _)| kind != "file").collect();
        let found: BTreeSet<(String, String)> = found;
        for (index, set) in [(0, &found & &wanted), (1, &wanted - &found), (2, &found - &wanted)] {
            for (kind, value) in set {
                if let Some(class) = apart(&kind, &value, text, &case["expected"]).filter(|_| index > 0) {
                    *classes.entry(class).or_default() += 1;
                    continue;
                }
                tally.entry(kind.clone()).or_default()[index] += 1;
                if index > 0 {
                    println!("{} {}: {kind} {value}", case["id"], ["", "missed", "extra"][index]);
                }
            }
        }
    }
    let [mut hits, mut misses, mut extras] = [0; 3];
    for (kind, [hit, miss, extra]) in &tally {
        println!("{kind:8} found {hit}, missed {miss}, extra {extra}");
        hits += hit;
        misses += miss;
        extras += extra;
    }
    let [recall, precision] = [hits * 1000 / (hits + misses), hits * 1000 / (hits + extras)];
    println!("recall {recall} per mille, precision {precision} per mille");
    let set_apart: usize = classes.values().sum();
    println!("counted apart: {classes:#?}");
    assert!(hits > 80 && recall >= 980 && precision >= 980 && set_apart <= 16, "{set_apart} are counted apart");
}

/// As an analyst would refang it by eye.
fn by_eye(text: &str) -> String {
    let text =
        text.replace("[dot]", ".").replace("[.]", ".").replace("(.)", ".").replace("[.com", ".com").replace("[/]", "/");
    text.replace("[example", "example").replace("hxxp", "http").trim_end_matches('/').to_owned()
}

#[test]
fn defanged_styles_are_understood() {
    let Some(folder) = folder() else { return };
    let read =
        |name: &str| std::fs::read_to_string(folder.join("iocextract").join(name)).expect("the corpus has its texts");
    let values: BTreeSet<String> =
        seen(&read("input.txt")).into_iter().map(|(_, value)| value.trim_end_matches('/').to_owned()).collect();
    let valid = read("valid.txt");
    let missed: Vec<_> = valid.lines().filter(|line| !values.contains(&by_eye(line))).collect();
    let wrong: Vec<_> = read("invalid.txt").lines().filter(|line| values.contains(*line)).map(str::to_owned).collect();
    println!("missed {missed:#?} of {}, found in error {wrong:#?}", valid.lines().count());
    assert!(missed.len() * 10 <= valid.lines().count() && wrong.is_empty());
}

#[test]
fn single_statements_hold() {
    let Some(folder) = folder() else { return };
    let (mut good, mut bad) = (0, 0);
    for case in cases(folder.join("iocextract/cases.json")) {
        let extractor = case["extractor"].as_str().unwrap_or("");
        let ours = ["urls", "ips", "hashes", "iocs", "encoded"].iter().any(|kind| extractor.contains(kind));
        let (true, Some(wanted), Some(text)) = (ours, case["expected"].as_str(), case["text"].as_str()) else {
            continue;
        };
        let wanted = by_eye(wanted);
        // Stated as written; ours are in their normal form.
        let wanted = wanted.parse::<Ipv6Addr>().map_or(wanted, |address| address.to_string());
        let wanted = wanted.replace("%3A", ":").replace("%2F", "/").replace("%2E", ".").replace("h00p", "http");
        // Rules of scanners and base64 are not looked into.
        if wanted.starts_with("rule ") || wanted.contains("$web") {
            continue;
        }
        if seen(text).iter().any(|(_, value)| value.trim_end_matches('/') == wanted) {
            good += 1;
        } else {
            bad += 1;
            println!("missed {wanted:?} in {text:?}: {:?}", seen(text));
        }
    }
    println!("{good} of {}", good + bad);
    assert!(good > 30 && good * 100 >= (good + bad) * 98);
}
