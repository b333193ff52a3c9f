//! Every mail of a folder is filed by the built binary, and nothing of it is lost.
//!
//! The folder is `VIGIE_CORPUS`, laid out as `<kind>/<set>/...`; without it the few mails of
//! `testdata/mail` are taken. A set that holds secret keys is filed by a team that has them.
//! Prints, for each set, how many mails gave text, attachments, a verdict, and how many gave
//! only a reason why not; each such reason is listed.

mod support;

use rusqlite::{Connection, OpenFlags};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};
use support::desk::{Desk, text};

const NOW: &str = "2026-11-27T18:01:00+01:00";

/// So many mails are given to one process.
const AT_ONCE: usize = 500;

/// Mails that one team files.
struct Group {
    name: String,
    /// Files that may hold secret keys of the team.
    keys: Vec<PathBuf>,
    /// (set, file)
    mails: Vec<(String, PathBuf)>,
}

/// What became of the mails of one set.
#[derive(Default)]
struct Tally {
    mails: usize,
    tickets: usize,
    with_text: usize,
    with_attachments: usize,
    decrypted: usize,
    verified: usize,
    reasons: BTreeMap<String, Vec<String>>,
    took: Duration,
}

#[test]
fn every_mail_of_the_corpus_has_a_ticket_and_keeps_its_octets() {
    let (root, groups) = match std::env::var_os("VIGIE_CORPUS").map(PathBuf::from) {
        Some(corpus) => (corpus.clone(), groups(&corpus)),
        None => {
            println!("VIGIE_CORPUS is not set: only testdata/mail is filed");
            let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/mail");
            let mails = files(&root).into_iter().map(|file| ("testdata".to_owned(), file)).collect();
            (root, vec![Group { name: "testdata".to_owned(), keys: Vec::new(), mails }])
        }
    };
    assert!(groups.iter().map(|group| group.mails.len()).sum::<usize>() > 10, "hardly a mail in {}", root.display());
    let (queue, tallies) = (Mutex::new(groups), Mutex::new(BTreeMap::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(group) = { queue.lock().unwrap().pop() } {
                    let done = file_group(&group, &root);
                    tallies.lock().unwrap().extend(done);
                }
            });
        }
    });
    print(&tallies.into_inner().unwrap());
}

/// Sets with keys of their own, and all the others together.
fn groups(corpus: &Path) -> Vec<Group> {
    let mut rest = Group { name: "all others".to_owned(), keys: Vec::new(), mails: Vec::new() };
    let mut groups = Vec::new();
    for kind in ["attacks", "mime", "openpgp", "reports"] {
        for set in folders(&corpus.join(kind)) {
            let name = set.strip_prefix(corpus).unwrap().display().to_string();
            let all = files(&set);
            let keys: Vec<PathBuf> =
                all.iter().filter(|file| kind == "openpgp" && is_secret_key(file)).cloned().collect();
            let mails = all.into_iter().filter(|file| is_mail(file)).map(|file| (name.clone(), file)).collect();
            match keys.is_empty() {
                true => rest.mails.extend::<Vec<_>>(mails),
                false => groups.push(Group { name, keys, mails }),
            }
        }
    }
    groups.push(rest);
    groups
}

fn folders(path: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

fn files(path: &Path) -> Vec<PathBuf> {
    let mut list: Vec<PathBuf> = folders(path).iter().flat_map(|folder| files(folder)).collect();
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    list.extend(entries.map(|entry| entry.path()).filter(|path| path.is_file()));
    list.sort();
    list
}

fn is_secret_key(file: &Path) -> bool {
    let octets = std::fs::read(file).unwrap();
    // Binary ones begin with a secret key packet.
    let armored = text(&octets).lines().next().is_some_and(|line| line.contains("BEGIN PGP PRIVATE KEY BLOCK"));
    armored || matches!(octets.first(), Some(0x94 | 0x95 | 0xC5))
}

/// Mail by its name, or by a header that begins as one does.
fn is_mail(file: &Path) -> bool {
    let extension = file.extension().and_then(|e| e.to_str()).unwrap_or_default();
    if extension == "eml" {
        return true;
    }
    if matches!(extension, "json" | "xml" | "out" | "tree" | "golden" | "reply" | "html" | "env" | "md" | "csv") {
        return false;
    }
    let octets = std::fs::read(file).unwrap();
    let head = text(&octets[..octets.len().min(64 << 10)]).replace('\r', "\n");
    let known =
        ["from", "to", "subject", "date", "received", "message-id", "mime-version", "content-type", "return-path"];
    let head =
        head.trim_start().lines().skip_while(|line| line.starts_with("From ")).take_while(|line| !line.is_empty());
    let mut fields = head.filter(|line| !line.starts_with([' ', '\t'])).take(3);
    fields.any(|line| line.split_once(':').is_some_and(|(name, _)| known.contains(&name.to_lowercase().as_str())))
}

/// Files the mails of a group and looks at what became of them.
fn file_group(group: &Group, root: &Path) -> BTreeMap<String, Tally> {
    let desk = Desk::new();
    if !group.keys.is_empty() {
        let list: Vec<String> = group.keys.iter().map(|key| format!("{:?}", key.to_str().unwrap())).collect();
        let config = std::fs::read_to_string(desk.path("vigie.toml")).unwrap();
        let config = config.replace("[\"team.asc\"]", &format!("[\"team.asc\", {}]", list.join(", ")));
        std::fs::write(desk.path("vigie.toml"), config).unwrap();
    }
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    let mut filed: Vec<(&String, &PathBuf, i64)> = Vec::new();
    let mut by_set: Vec<&[(String, PathBuf)]> = Vec::new();
    by_set.extend(group.mails.chunk_by(|a, b| a.0 == b.0).flat_map(|set| set.chunks(AT_ONCE)));
    for chunk in by_set {
        let mut arguments = vec!["--now", NOW, "ingest", "--mailbox", "csirt"];
        arguments.extend(chunk.iter().map(|(_, file)| file.to_str().unwrap()));
        let begun = Instant::now();
        let output = desk.run(&arguments);
        let tally = tallies.entry(chunk[0].0.clone()).or_default();
        tally.took += begun.elapsed();
        tally.mails += chunk.len();
        assert!(output.status.success(), "{}: {}\n{}", group.name, output.status, text(&output.stderr));
        assert!(!text(&output.stderr).contains("panicked"), "{}: {}", group.name, text(&output.stderr));
        let lines = text(&output.stdout);
        assert_eq!(lines.lines().count(), chunk.len(), "{}: one line a mail", group.name);
        for (line, (set, file)) in lines.lines().zip(chunk) {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            assert!(line["ticket"].is_string() && line["outcome"] != "held", "{}: {line}", file.display());
            filed.push((set, file, line["message"].as_i64().unwrap()));
        }
    }
    // The store is sound, and serves.
    assert_eq!(desk.run(&["ticket", "list", "--all", "--limit", "1"]).status.code(), Some(0));
    let store = Connection::open_with_flags(desk.path("vigie.db"), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let sound: String = store.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
    for (nth, (set, file, message)) in filed.iter().enumerate() {
        let octets = std::fs::read(file).unwrap();
        let tally = tallies.get_mut(*set).unwrap();
        look(&store, tally, &file.strip_prefix(root).unwrap().display().to_string(), &octets, *message);
        if nth % 100 == 0 {
            shown_as_received(&desk, &store, &octets, *message);
        }
    }
    tallies
}

fn hash(octets: &[u8]) -> String {
    Sha256::digest(octets).iter().map(|octet| format!("{octet:02x}")).collect()
}

/// One mail in the store: octet for octet, and with something to show for it.
fn look(store: &Connection, tally: &mut Tally, name: &str, octets: &[u8], message: i64) {
    let kept: Option<Vec<u8>> =
        store.query_row("SELECT bytes FROM raw WHERE sha256 = ?1", [hash(octets)], |row| row.get(0)).ok();
    assert!(kept.as_deref() == Some(octets), "{name}: its octets are not in the store");
    let (body, problems, verdict): (String, String, String) = store
        .query_row("SELECT text, problems, verdict FROM message WHERE id = ?1", [message], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .unwrap();
    let attachments: i64 =
        store.query_row("SELECT count(*) FROM attachment WHERE message_id = ?1", [message], |row| row.get(0)).unwrap();
    let first: bool = store
        .query_row(
            "SELECT min(message.id) = ?1 FROM message WHERE ticket_id = (SELECT ticket_id FROM message WHERE id = ?1)",
            [message],
            |row| row.get(0),
        )
        .unwrap();
    let verdict: serde_json::Value = serde_json::from_str(&verdict).unwrap();
    tally.tickets += usize::from(first);
    tally.with_text += usize::from(!body.trim().is_empty());
    tally.with_attachments += usize::from(attachments > 0);
    tally.decrypted += usize::from(verdict["encryption"] == "decrypted");
    tally.verified += usize::from(verdict["signature"] != "none");
    if let Some(problem) = verdict["encryption_problem"].as_str() {
        tally.reasons.entry(format!("not opened: {problem}")).or_default().push(name.to_owned());
    } else if body.trim().is_empty() && attachments == 0 {
        let reason = problems.trim_matches(['[', ']']).replace('"', "");
        assert!(!reason.is_empty(), "{name}: nothing to show and no reason why");
        tally.reasons.entry(reason).or_default().push(name.to_owned());
    }
}

/// What `ticket show` says of the octets, on the outside.
fn shown_as_received(desk: &Desk, store: &Connection, octets: &[u8], message: i64) {
    let number: String = store
        .query_row(
            "SELECT number FROM ticket WHERE id = (SELECT ticket_id FROM message WHERE id = ?1)",
            [message],
            |row| row.get(0),
        )
        .unwrap();
    let ticket = desk.show(&number);
    let shown = ticket["messages"].as_array().unwrap().iter().find(|shown| shown["id"] == message).unwrap();
    if shown["raw_sha256"] == hash(octets) {
        assert_eq!(shown["raw_size"], octets.len());
        assert_eq!(desk.run(&["ticket", "raw", &number, "--message", &message.to_string()]).stdout, octets);
    } else {
        // Of a mail received twice the first copy is shown; both are kept.
        assert!(ticket["history"].to_string().contains("the same mail again"), "{number}");
    }
}

fn print(tallies: &BTreeMap<String, Tally>) {
    println!(
        "{:34} {:>5} {:>5} {:>5} {:>6} {:>6} {:>5} {:>6} {:>6}",
        "set", "mails", "ticks", "text", "attach", "opened", "sigs", "reason", "ms/m"
    );
    let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut sum = [0; 7];
    for (set, tally) in tallies {
        let bare: usize = tally.reasons.values().map(Vec::len).sum();
        let counts = [
            tally.mails,
            tally.tickets,
            tally.with_text,
            tally.with_attachments,
            tally.decrypted,
            tally.verified,
            bare,
        ];
        let [mails, tickets, texts, attachments, opened, signed, bare] = counts;
        let pace = tally.took.as_millis() as f64 / mails.max(1) as f64;
        println!(
            "{set:34} {mails:>5} {tickets:>5} {texts:>5} {attachments:>6} {opened:>6} {signed:>5} {bare:>6} {pace:>6.1}"
        );
        sum.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        for (reason, files) in &tally.reasons {
            reasons.entry(reason).or_default().extend(files.iter().map(String::as_str));
        }
    }
    println!(
        "all: {} mails, {} tickets, {} with text, {} with attachments, {} opened, {} with a signature, {} with a reason only",
        sum[0], sum[1], sum[2], sum[3], sum[4], sum[5], sum[6]
    );
    for (reason, files) in &reasons {
        println!("{:5} {reason}", files.len());
        files.iter().for_each(|file| println!("      {file}"));
    }
    // Nothing to show is rare, whatever the reasons.
    assert!(sum[6] * 20 <= sum[0].max(100), "{} of {} mails gave nothing but a reason", sum[6], sum[0]);
}
