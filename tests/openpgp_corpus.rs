//! OpenPGP mail that others collected, with what other readers make of it.
//!
//! The part of it that may be given on lies in `testdata/openpgp`, with what the verdict on each must
//! be. All of it lies outside the repository; `VIGIE_CORPUS` names its folder. Without it this runner
//! says so and looks at `testdata/` alone. What must hold there: no signature called good that GnuPG does
//! not call good, no plaintext where GnuPG finds none or none that is whole, no proof of a sender in
//! mail made to deceive, no panic, nothing slow. Other differences are counted and shown.

use sequoia_openpgp as openpgp;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use vigie::arrive::entity::{Body, Part, parse};
use vigie::arrive::open::{Opened, open};
use vigie::edge::clock::system_now;
use vigie::edge::openpgp::certs;
use vigie::edge::openpgp::open::{KnownCertificate, Ring};
use vigie::edge::openpgp::seam::MemoryKeys;
use vigie::rules::report::Problem;
use vigie::rules::verdict::{Authenticated, Covers, Encryption, EncryptionProblem, Signature};

fn corpus() -> Option<PathBuf> {
    let folder = std::env::var_os("VIGIE_CORPUS").map(PathBuf::from);
    if folder.is_none() {
        println!("VIGIE_CORPUS is not set: the corpus is not looked at");
    }
    folder
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// The keys of one set.
struct Keys {
    keys: MemoryKeys,
    known: Vec<(Vec<String>, KnownCertificate)>,
}

/// Passphrases of the keys in the corpus.
const PASSPHRASES: [&str; 8] =
    ["moon", "no.secret", "Secret", "abc", "test", "q", "alice-passphrase", "bob-passphrase"];

/// A key file with every key in it unlocked that one of the passphrases opens.
fn unlocked(octets: &[u8]) -> Option<Vec<u8>> {
    use openpgp::cert::CertParser;
    use openpgp::cert::amalgamation::key::PrimaryKey;
    use openpgp::parse::Parse;
    use openpgp::serialize::Serialize;
    let mut out = Vec::new();
    for cert in CertParser::from_bytes(octets).ok()?.flatten() {
        let locked = cert.keys().secret().filter(|key| key.key().secret().is_encrypted());
        let opened: Vec<openpgp::Packet> = locked
            .filter_map(|key| {
                let open = |passphrase: &&str| key.key().clone().decrypt_secret(&(**passphrase).into()).ok();
                let plain = PASSPHRASES.iter().find_map(open)?;
                let as_packet = |plain: openpgp::packet::Key<_, _>| -> openpgp::Packet {
                    if key.primary() { plain.role_into_primary().into() } else { plain.role_into_subordinate().into() }
                };
                Some(as_packet(plain))
            })
            .collect();
        let cert = cert.insert_packets(opened).ok()?.0;
        cert.as_tsk().serialize(&mut out).ok()?;
    }
    (!out.is_empty()).then_some(out)
}

impl Keys {
    /// From files that may hold keys; others are passed over.
    fn load(paths: &[PathBuf]) -> Keys {
        let mut secrets = Vec::new();
        let mut known: BTreeMap<String, (Vec<String>, KnownCertificate)> = BTreeMap::new();
        for path in paths {
            let Ok(octets) = std::fs::read(path) else { continue };
            let Ok(found) = certs::describe(&octets, system_now()) else { continue };
            if found.iter().any(|facts| facts.secret) {
                secrets.push((path.display().to_string(), unlocked(&octets).unwrap_or(octets)));
            }
            for facts in found {
                let bytes = match known.get(&facts.fingerprint) {
                    Some((_, old)) => certs::merge(&old.bytes, &facts.bytes).unwrap_or(facts.bytes),
                    None => facts.bytes,
                };
                let fingerprint = facts.fingerprint;
                let one = KnownCertificate {
                    fingerprint: fingerprint.clone(),
                    bytes,
                    candidate: false,
                    confirmed: false,
                    addresses: facts.addresses,
                };
                known.insert(fingerprint, (facts.handles, one));
            }
        }
        Keys { keys: MemoryKeys::load(&secrets, None), known: known.into_values().collect() }
    }

    fn open(&self, raw: &[u8]) -> Opened {
        self.open_at(raw, system_now())
    }

    fn open_at(&self, raw: &[u8], now: jiff::Timestamp) -> Opened {
        let find = |handles: &[String]| -> Vec<KnownCertificate> {
            let holds =
                |known: &&(Vec<String>, KnownCertificate)| known.0.iter().any(|handle| handles.contains(handle));
            self.known.iter().filter(holds).map(|(_, known)| known.clone()).collect()
        };
        let ring = Ring { keys: &self.keys, find: &find, introducers: &[] };
        // As if it had come when it says that it was sent, so that freshness means something.
        let date = parse(raw).root.header("Date").and_then(vigie::arrive::header::date);
        open(raw, &ring, &[], now, date.unwrap_or(now))
    }
}

fn set_of(relative: &str) -> &str {
    relative.split('/').next().unwrap_or("")
}

/// The sets of the corpus with their keys, loaded once each.
fn sets(root: &Path) -> BTreeMap<String, Keys> {
    let mut sets = BTreeMap::new();
    for entry in std::fs::read_dir(root).unwrap().flatten().filter(|entry| entry.path().is_dir()) {
        let name = entry.file_name().to_string_lossy().into_owned();
        sets.insert(name, Keys::load(&files(&entry.path())));
    }
    sets
}

/// What GnuPG says of one file, all its pieces together.
#[derive(Default)]
struct Outcome {
    opens: bool,
    encrypted: bool,
    without_integrity: bool,
    states: BTreeSet<String>,
}

fn outcomes(root: &Path) -> BTreeMap<String, Outcome> {
    let table = std::fs::read_to_string(root.join("gnupg-outcomes.tsv")).unwrap();
    let mut found: BTreeMap<String, Outcome> = BTreeMap::new();
    for line in table.lines().skip(1) {
        let columns: Vec<&str> = line.split('\t').collect();
        let [file, _, _, recipients, opens, signature, _, integrity, ..] = columns[..] else { continue };
        let outcome = found.entry(file.to_owned()).or_default();
        outcome.encrypted |= !recipients.is_empty();
        outcome.opens |= opens == "yes";
        outcome.without_integrity |= integrity == "no-mdc";
        outcome.states.extend(signature.split_whitespace().filter(|word| word.ends_with("SIG")).map(str::to_owned));
    }
    found
}

/// Sets that GnuPG 2.2 cannot read: version 6, AEAD, post-quantum.
fn is_beyond_gnupg(file: &str) -> bool {
    ["rpgp/rfc9580/", "rpgp/pqc/", "rpgp/unit-tests/aead", "rpgp/unit-tests/argon2", "rpgp/openpgpjs", "rpgp/gnupg/"]
        .iter()
        .any(|start| file.starts_with(start))
}

/// Why we say something else than GnuPG, one reason a class, as `docs/openpgp.md` explains them.
/// None where both say the same; an error where there is no reason: a fault.
fn disagreement(outcome: &Outcome, mail: &Opened, beyond: bool) -> Result<Option<&'static str>, &'static str> {
    use EncryptionProblem::{KeyUnavailable, Malformed, NoKey, Unsupported};
    const BELOW: &str = "below the Envelope: left closed, or opened as a file";
    const DOUBT: &str = "a structure in doubt";
    const NEWER: &str = "newer than GnuPG 2.2";
    let verdict = &mail.verdict;
    let said = |state: &str| outcome.states.contains(state);
    let below = mail.problems.contains(&Problem::InnerLayer);
    match (outcome.opens, verdict.encryption == Encryption::Decrypted, verdict.encryption_problem) {
        (false, true, _) if beyond => return Ok(Some(NEWER)),
        (false, true, _) => return Err("opened"),
        (true, false, Some(Unsupported)) => return Ok(Some("an algorithm that the library lacks")),
        (true, false, Some(KeyUnavailable)) => return Ok(Some("a key that stays locked here")),
        (true, false, Some(Malformed | NoKey) | None) if below => return Ok(Some(BELOW)),
        (true, false, Some(NoKey)) => return Ok(Some("inside a layer that does not open")),
        (true, false, Some(Malformed)) => return Ok(Some(DOUBT)),
        (true, false, _) => return Err("not opened"),
        _ => {}
    }
    Ok(Some(match verdict.signature {
        Signature::Good if said("GOODSIG") && said("BADSIG") => "several signatures: the good one over the payload",
        Signature::Good if said("GOODSIG") => return Ok(None),
        Signature::Good if beyond => NEWER,
        Signature::Weak if said("GOODSIG") => "an outdated digest or a short key",
        Signature::None if outcome.states.is_empty() => return Ok(None),
        Signature::None if below => BELOW,
        Signature::None => DOUBT,
        Signature::Bad if said("BADSIG") => return Ok(None),
        Signature::Bad => "a signature that GnuPG does not find or read",
        Signature::UnknownKey if said("ERRSIG") => return Ok(None),
        Signature::ExpiredKey if said("EXPKEYSIG") => return Ok(None),
        _ => return Err("signature"),
    }))
}

#[test]
fn we_call_good_and_open_nothing_that_gnupg_does_not() {
    let Some(corpus) = corpus() else { return };
    let root = corpus.join("openpgp");
    let sets = sets(&root);
    let mut classes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut faults, mut slowest) = (Vec::new(), Duration::ZERO);
    let outcomes = outcomes(&root);
    for (file, outcome) in &outcomes {
        let Ok(raw) = std::fs::read(root.join(file)) else { continue };
        let begun = Instant::now();
        let mail = sets[set_of(file)].open(&raw);
        slowest = slowest.max(begun.elapsed());
        let verdict = &mail.verdict;
        let good = outcome.states.contains("GOODSIG");
        let beyond = is_beyond_gnupg(file);
        if verdict.signature == Signature::Good && !good && !beyond {
            faults.push(format!("{file}: good, but GnuPG says {:?}", outcome.states));
        }
        if verdict.encryption == Encryption::Decrypted && (!outcome.opens || outcome.without_integrity) && !beyond {
            faults.push(format!("{file}: opened, but GnuPG did not"));
        }
        match disagreement(outcome, &mail, beyond) {
            Ok(reason) => *reasons.entry(reason.unwrap_or("the same")).or_default() += 1,
            Err(what) => faults.push(format!("{file}: {what}: {verdict:?}, GnuPG {:?}", outcome.states)),
        }
        let mine = format!(
            "{}{} {}{} covers {}",
            verdict.encryption,
            verdict.encryption_problem.map(|problem| format!(" ({problem})")).unwrap_or_default(),
            verdict.signature,
            verdict.signature_problem.map(|problem| format!(" ({problem})")).unwrap_or_default(),
            verdict.covers
        );
        let theirs = format!(
            "{} {}",
            match (outcome.encrypted, outcome.opens) {
                (false, false) => "none",
                (_, true) => "opens",
                (true, false) => "fails",
            },
            outcome.states.iter().cloned().collect::<Vec<_>>().join("+")
        );
        classes.entry(format!("GnuPG: {theirs:28} we: {mine}")).or_default().push(file.clone());
    }
    println!("{} files, slowest {slowest:?}", outcomes.len());
    reasons.iter().for_each(|(reason, count)| println!("{count:4}  {reason}"));
    for (class, files) in &classes {
        println!("{:4}  {class}", files.len());
        if std::env::var_os("VIGIE_CORPUS_FILES").is_some() {
            files.iter().for_each(|file| println!("            {file}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(slowest < Duration::from_secs(20), "{slowest:?}");
}

fn text_of(part: &Part) -> String {
    match &part.body {
        Body::Leaf { text, .. } => text.clone().unwrap_or_default(),
        Body::Multi(parts) => parts.iter().map(text_of).collect(),
        Body::Message { .. } => String::new(),
    }
}

#[test]
fn a_mail_client_sees_the_same_signs() {
    let Some(corpus) = corpus() else { return };
    let root = corpus.join("openpgp/thunderbird");
    let expected: serde_json::Value =
        serde_json::from_slice(&std::fs::read(root.join("expected.json")).unwrap()).unwrap();
    let all = files(&root.join("keys"));
    let strings = |value: &serde_json::Value| -> Vec<String> {
        value.as_array().into_iter().flatten().filter_map(|v| v.as_str().map(str::to_owned)).collect()
    };
    let (mut faults, mut differences, mut count) = (Vec::new(), Vec::new(), 0);
    for case in expected.as_array().unwrap() {
        let names = strings(&case["keys_loaded"]);
        let loaded: Vec<PathBuf> =
            all.iter().filter(|path| names.iter().any(|name| path.ends_with(name))).cloned().collect();
        let keys = Keys::load(&loaded);
        let checks = strings(&case["checks"]).join("\n");
        for eml in strings(&case["eml"]) {
            let Ok(raw) = std::fs::read(root.join("eml").join(&eml)) else { continue };
            count += 1;
            let mail = keys.open(&raw);
            let verdict = &mail.verdict;
            let has = |sign: &str| checks.contains(sign) && !checks.contains(&format!("!{sign}"));
            let mut note = |hard: bool, words: &str| {
                let line = format!("{eml}: {words}; we: {verdict:?}");
                if hard { faults.push(line) } else { differences.push(line) }
            };
            let mentions_one_view = !checks.contains("win2") && !checks.contains("mc2");
            let clean = verdict.covers == Covers::Whole && verdict.signature_problem.is_none();
            if checks.contains("hasNoSignedIconState()") && clean && mentions_one_view {
                note(true, "not signed");
            }
            let no_cipher =
                checks.contains("!hasEncryptedIconState(\"ok\")") || checks.contains("hasNoEncryptedIconState()");
            let both = checks.replace("!hasEncryptedIconState(\"ok\")", "").contains("hasEncryptedIconState(\"ok\")");
            if no_cipher && !both && verdict.encryption == Encryption::Decrypted && mentions_one_view {
                note(true, "not encrypted");
            }
            if has("hasEncryptedIconState(\"ok\")") && verdict.encryption != Encryption::Decrypted {
                note(false, "encrypted");
            }
            for state in ["verified", "ok", "unverified"] {
                if has(&format!("hasSignedIconState(\"{state}\")")) && verdict.signature != Signature::Good {
                    note(false, state);
                }
            }
            if has("hasSignedIconState(\"mismatch\")") && verdict.signed_by_sender {
                note(true, "signed by another than the sender");
            }
            let hidden = checks.contains("!getMsgBodyTxt(msgc).includes(\"Sundays are nothing without callaloo");
            if hidden && text_of(&mail.tree).contains("Sundays are nothing without callaloo") && mentions_one_view {
                note(true, "shows the text");
            }
        }
    }
    println!("{count} mails, {} differences", differences.len());
    differences.iter().for_each(|line| println!("  {line}"));
    assert!(count > 40, "{count} mails only");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn protected_subjects_are_those_that_another_reader_finds() {
    let Some(corpus) = corpus() else { return };
    let root = corpus.join("openpgp/notmuch");
    let keys = Keys::load(&files(&root));
    let table: serde_json::Value =
        serde_json::from_slice(&std::fs::read(root.join("protected-headers.expected.json")).unwrap()).unwrap();
    let (mut faults, mut count) = (Vec::new(), 0);
    for case in table.as_array().unwrap() {
        let file = case["file"].as_str().unwrap();
        let Ok(raw) = std::fs::read(root.join("protected-headers").join(file)) else { continue };
        count += 1;
        let mail = keys.open(&raw);
        let protected = case["protected"].as_bool();
        let subject = case["effective_subject"].as_str();
        println!(
            "{file}: {:?} protected {} ({:?}), {:?}",
            mail.subject, mail.verdict.subject_protected, case["protected"], mail.verdict.encryption
        );
        if mail.verdict.subject_protected && protected == Some(false) {
            faults.push(format!("{file}: the subject is not protected"));
        }
        if !mail.verdict.subject_protected && protected == Some(true) {
            faults.push(format!("{file}: the protected subject is not found"));
        }
        if mail.verdict.subject_protected && subject.is_some_and(|subject| subject != mail.subject) {
            faults.push(format!("{file}: the subject is another"));
        }
    }
    assert!(count > 10 && faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn mail_made_to_deceive_proves_nobody() {
    let Some(corpus) = corpus() else { return };
    let sets = sets(&corpus.join("openpgp"));
    let listed: serde_json::Value =
        serde_json::from_slice(&std::fs::read(corpus.join("attacks/elsewhere.json")).unwrap()).unwrap();
    let mut faults = Vec::new();
    for entry in listed.as_array().unwrap() {
        let file = entry["file"].as_str().unwrap();
        let Some(inside) = file.strip_prefix("openpgp/") else { continue };
        let mail = sets[set_of(inside)].open(&std::fs::read(corpus.join(file)).unwrap());
        let verdict = &mail.verdict;
        println!(
            "{file}: {} {} {:?} sender {}",
            verdict.encryption, verdict.signature, verdict.signature_problem, verdict.signed_by_sender
        );
        println!("    {}", entry["why"].as_str().unwrap_or(""));
        if verdict.proves_sender(Authenticated::Marginal) {
            faults.push(format!("{file}: {}", entry["why"]));
        }
    }
    let everything = &sets["thunderbird"];
    let others: Vec<PathBuf> = ["attacks", "mime", "reports"].iter().flat_map(|set| files(&corpus.join(set))).collect();
    let mut slowest = (Duration::ZERO, PathBuf::new());
    for path in &others {
        let Ok(raw) = std::fs::read(path) else { continue };
        let begun = Instant::now();
        let mail = everything.open(&raw);
        let verdict = &mail.verdict;
        if begun.elapsed() > slowest.0 {
            slowest = (begun.elapsed(), path.clone());
        }
        let opened_strangers = verdict.encryption == Encryption::Decrypted && !mail.outer.names_our_key;
        if verdict.signature == Signature::Good || opened_strangers {
            faults.push(format!("{}: {verdict:?}", path.display()));
        }
    }
    println!("{} other files, slowest {slowest:?}", others.len());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// What the verdict says, in the columns of `expected.tsv`.
fn columns(mail: &Opened) -> String {
    let verdict = &mail.verdict;
    let or_dash = |word: Option<String>| word.unwrap_or_else(|| "-".to_owned());
    let facts = [
        verdict.encryption.to_string(),
        or_dash(verdict.encryption_problem.map(|problem| problem.to_string())),
        verdict.signature.to_string(),
        or_dash(verdict.signature_problem.map(|problem| problem.to_string())),
        verdict.covers.to_string(),
        verdict.subject_protected.to_string(),
    ];
    facts.join("\t")
}

#[test]
fn the_mails_kept_here_are_judged_as_stated() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/openpgp");
    // Keys end some day; the verdict of today must not depend on the day of the test.
    let now: jiff::Timestamp = "2026-06-01T00:00:00Z".parse().unwrap();
    let sets = sets(&root);
    let table = std::fs::read_to_string(root.join("expected.tsv")).unwrap();
    let mut stated: BTreeMap<&str, &str> = table.lines().skip(1).filter_map(|line| line.split_once('\t')).collect();
    let mut faults = Vec::new();
    for path in files(&root) {
        let relative = path.strip_prefix(&root).unwrap().display().to_string();
        let raw = std::fs::read(&path).unwrap();
        let is_key = certs::describe(&raw, now).is_ok() && !relative.ends_with(".eml");
        if is_key || relative == "expected.tsv" {
            continue;
        }
        let ours = columns(&sets[set_of(&relative)].open_at(&raw, now));
        if stated.remove(relative.as_str()) != Some(ours.as_str()) {
            faults.push(format!("{relative}\t{ours}"));
        }
    }
    println!("{} mails and messages", table.lines().count() - 1);
    assert!(stated.is_empty(), "stated, and not there: {stated:?}");
    assert!(faults.is_empty(), "found otherwise:\n{}", faults.join("\n"));
}

#[test]
fn our_own_testdata_opens_without_harm() {
    let keys = Keys { keys: MemoryKeys::default(), known: Vec::new() };
    let all = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata"));
    for path in &all {
        let verdict = keys.open(&std::fs::read(path).unwrap()).verdict;
        assert_ne!(verdict.encryption, Encryption::Decrypted, "{}", path.display());
        assert_ne!(verdict.signature, Signature::Good, "{}", path.display());
    }
    println!("{} files", all.len());
}
