//! Machine reports and bounces against mails with known contents: the folder `reports` below
//! `VIGIE_CORPUS`, and the selection in `testdata/feeds`, which always runs.
//!
//! Prints precision and recall of feedback types, of X-ARF's schema, of bounces, and of "automatic" as
//! such, with each mail that is missed; fails where they fall below what was once reached.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use vigie::arrive::open::open;
use vigie::arrive::read::read;
use vigie::edge::openpgp::open::Ring;
use vigie::edge::openpgp::seam::MemoryKeys;
use vigie::rules::feed::Format;
use vigie::rules::machine::{Arrival, Machine, by_form};
use vigie::rules::report::Report;
use vigie::rules::settings::Settings;

const CONFIG: &str = "[team]\nname = \"T\"\naddress = \"csirt@example.org\"\nticket_prefix = \"EX\"\n[store]\npath = \"v.db\"\n\
    [pgp]\nsecret_keys = [\"t.asc\"]\n[[mailbox]]\nname = \"csirt\"\naddresses = [\"csirt@example.org\"]\nkind = \"incident\"\n\
    source = \"maildir\"\npath = \"M\"\n[smtp]\ntransport = \"folder\"\npath = \"out\"\n[duty]\nrotation = [\"a\"]\nhandover = \"Mon 09:00\"\n\
    start = 2026-01-05\n[[duty.analyst]]\nname = \"a\"\naddress = \"a@example.org\"\n";

fn settings() -> Settings {
    vigie::config::parse(CONFIG, Path::new("/x/vigie.toml")).unwrap_or_else(|faults| panic!("{faults}"))
}

fn understand(raw: &[u8]) -> Report {
    let keys = MemoryKeys::load(&[], None);
    let ring = Ring { keys: &keys, find: &|_| Vec::new(), introducers: &[] };
    let now = "2026-11-27T17:01:00Z".parse().expect("a time");
    read(open(raw, &ring, &[], now, now))
}

/// What a mail is taken for, by its form alone, and what it reports.
fn taken_for(settings: &Settings, raw: &[u8]) -> (Option<Machine>, Report) {
    let report = understand(raw);
    let arrival = Arrival { report: &report, envelope_sender: None, mailbox: &settings.mailboxes[0], settings };
    (by_form(&arrival), report)
}

/// Hits, misses and false alarms of one question.
#[derive(Default)]
struct Tally {
    hit: usize,
    missed: Vec<String>,
    wrong: Vec<String>,
}

impl Tally {
    fn note(&mut self, name: &str, wanted: bool, found: bool) {
        match (wanted, found) {
            (true, true) => self.hit += 1,
            (true, false) => self.missed.push(name.to_owned()),
            (false, true) => self.wrong.push(name.to_owned()),
            (false, false) => {}
        }
    }

    /// Recall and precision, per mille.
    fn rates(&self) -> (usize, usize) {
        let of = |other: usize| (self.hit * 1000).checked_div(self.hit + other).unwrap_or(1000);
        (of(self.missed.len()), of(self.wrong.len()))
    }

    fn print(&self, what: &str) {
        let (recall, precision) = self.rates();
        println!(
            "{what:16} recall {recall} per mille ({} of {}), precision {precision} per mille ({} wrong)",
            self.hit,
            self.hit + self.missed.len(),
            self.wrong.len()
        );
        self.missed.iter().for_each(|name| println!("    missed  {name}"));
        self.wrong.iter().for_each(|name| println!("    wrong   {name}"));
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut list: Vec<PathBuf> = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
    list.sort();
    list.into_iter().filter(|path| path.is_file()).collect()
}

/// What is stated of a mail.
#[derive(Clone)]
enum Truth {
    Bounce,
    Away,
    Arf(Option<String>),
    Xarf,
    /// No bounce and no report.
    Neither,
}

/// Each mail of the corpus of which something is stated.
fn stated(root: &Path) -> BTreeMap<PathBuf, Truth> {
    let mut all = BTreeMap::new();
    let json = std::fs::read(root.join("sisimai/expected.json")).expect("the corpus has its expectations");
    let expected: BTreeMap<String, Vec<serde_json::Value>> = serde_json::from_slice(&json).expect("JSON");
    for (file, said) in expected {
        let Some(first) = said.first() else { continue };
        let truth = match first["reason"].as_str().unwrap_or_default() {
            "feedback" => Truth::Arf(first["feedback_type"].as_str().map(str::to_owned)),
            "vacation" => Truth::Away,
            _ => Truth::Bounce,
        };
        all.insert(root.join("sisimai").join(file), truth);
    }
    for (folder, truth) in [
        ("flufl-bounce", Truth::Bounce),
        ("schleuder-bounces/bounces", Truth::Bounce),
        ("schleuder-bounces/not_bounces", Truth::Neither),
        ("sisimai/maildir/not", Truth::Neither),
        ("flanker-reports/bounce", Truth::Bounce),
        ("flanker-reports/complaints", Truth::Arf(None)),
        ("abuseio/feedback-loop", Truth::Arf(None)),
        ("abuseio/blocklistde", Truth::Xarf),
        ("abuseio/cyscon", Truth::Xarf),
    ] {
        let mails = files(&root.join(folder))
            .into_iter()
            .filter(|path| !matches!(path.extension().and_then(|e| e.to_str()), Some("json" | "py")));
        all.extend(mails.map(|path| (path, truth.clone())));
    }
    all
}

fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("VIGIE_CORPUS").map(|corpus| PathBuf::from(corpus).join("reports"));
    if folder.is_none() {
        println!("VIGIE_CORPUS is not set: nothing was compared");
    }
    folder
}

#[test]
fn bounces_and_reports_are_told_from_other_mail() {
    let Some(root) = folder() else { return };
    let settings = settings();
    let stated = stated(&root);
    assert!(stated.len() > 700, "the corpus is not whole: {} mails", stated.len());
    let [mut bounces, mut arfs, mut kinds, mut automatic] = [(); 4].map(|()| Tally::default());
    for (path, truth) in &stated {
        let name = path.strip_prefix(&root).unwrap_or(path).display().to_string();
        let (machine, report) = taken_for(&settings, &std::fs::read(path).expect("the corpus is readable"));
        let is_bounce = matches!(truth, Truth::Bounce);
        bounces.note(&name, is_bounce, machine == Some(Machine::Dsn));
        automatic.note(&name, !matches!(truth, Truth::Neither), machine.is_some());
        let found = report.feed.as_ref().filter(|feed| feed.format == Format::Arf && machine == Some(Machine::Arf));
        arfs.note(&name, matches!(truth, Truth::Arf(_)), found.is_some());
        if let Truth::Arf(Some(kind)) = truth {
            kinds.note(&name, true, found.is_some_and(|feed| feed.kind.raw() == kind));
        }
    }
    let tallies = [("bounces", &bounces), ("ARF", &arfs), ("feedback types", &kinds), ("automatic", &automatic)];
    for (what, tally) in tallies {
        tally.print(what);
    }
    // Every miss of the middle two is a complaint without an ARF part.
    for ((what, tally), least) in tallies.into_iter().zip([960, 880, 720, 960]) {
        let (recall, precision) = tally.rates();
        assert!(recall >= least && precision >= 990, "{what}: {recall} {precision}");
    }
}

/// A JSON report as a mail carries it.
fn carrying(json: &[u8]) -> Vec<u8> {
    let head = "From: a@isp.example\r\nTo: csirt@example.org\r\nSubject: x\r\nMIME-Version: 1.0\r\nX-XARF: PLAIN\r\n\
        Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b\r\nContent-Type: application/json; name=xarf.json\r\n\r\n";
    [head.as_bytes(), json, b"\r\n--b--\r\n"].concat()
}

#[test]
fn xarf_that_keeps_to_its_schema_is_told_from_what_does_not() {
    let Some(root) = folder() else { return };
    let settings = settings();
    let mut tally = Tally::default();
    for version in ["1", "3"] {
        for (folder, wanted) in [("positive", true), ("negative", false)] {
            for path in files(&root.join("abusix-xarf/samples").join(folder).join(version)) {
                let json = std::fs::read(&path).expect("the corpus is readable");
                let (machine, _) = taken_for(&settings, &carrying(&json));
                let name = path.strip_prefix(&root).unwrap_or(&path).display().to_string();
                tally.note(&name, wanted, machine == Some(Machine::Xarf));
            }
        }
    }
    tally.print("X-ARF schema");
    let (recall, precision) = tally.rates();
    assert!(tally.hit > 30 && recall >= 1000 && precision >= 970);
}

#[test]
fn the_kept_selection_is_read_as_its_table_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/feeds");
    let table = std::fs::read_to_string(root.join("expected.tsv")).expect("testdata/feeds has its table");
    let settings = settings();
    let mut named = BTreeSet::new();
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        if line.is_empty() {
            continue;
        }
        let [file, machine, format, kind, source] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("five columns: {line}");
        };
        let raw = std::fs::read(root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        let raw = if file.ends_with(".json") { carrying(&raw) } else { raw };
        let (found, report) = taken_for(&settings, &raw);
        assert_eq!(found.map_or("-", Machine::word), machine, "{file}");
        let feed = report.feed.as_ref().filter(|_| found.is_some());
        assert_eq!(feed.map_or("-", |feed| feed.format.word()), format, "{file}");
        assert_eq!(feed.map_or("-", |feed| feed.kind.raw()), kind, "{file}");
        let ip = feed.and_then(|feed| feed.source_ip).map_or("-".to_owned(), |ip| ip.to_string());
        assert_eq!(ip, source, "{file}");
        named.insert(root.join(file));
    }
    let mut kept = BTreeSet::new();
    for folder in std::fs::read_dir(&root).expect("testdata/feeds").flatten().filter(|entry| entry.path().is_dir()) {
        kept.extend(files(&folder.path()).into_iter().filter(|path| !path.ends_with("LICENSE")));
    }
    assert!(kept.len() > 30 && kept == named, "{:?}", kept.symmetric_difference(&named));
}
