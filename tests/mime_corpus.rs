//! Every mail of the folders `mime`, `reports`, `openpgp` and `attacks` below `VIGIE_CORPUS` is taken apart and read.
//!
//! No expected results: none may crash, hang or vanish. Prints what came out, and the parts that
//! another parser sees in the same mail.

#[path = "support/plainly.rs"]
mod plain;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use vigie::arrive::entity::{Body, Part};
use vigie::arrive::read::read;

fn files(folder: &Path, list: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { files(&path, list) } else { list.push(path) }
    }
}

#[test]
fn every_mail_is_read() {
    let Some(corpus) = std::env::var_os("VIGIE_CORPUS").map(PathBuf::from) else {
        println!("VIGIE_CORPUS is not set: no mail was read");
        return;
    };
    let mut list = Vec::new();
    ["mime", "reports", "openpgp", "attacks"].iter().for_each(|folder| files(&corpus.join(folder), &mut list));
    assert!(list.len() > 3_000, "the corpus is not whole: {} files", list.len());
    let (mut with_text, mut with_attachments, mut with_problems_only, mut indicators) = (0, 0, 0, 0);
    let mut problems: BTreeMap<&str, usize> = BTreeMap::new();
    let mut slowest = (Duration::ZERO, PathBuf::new());
    for path in &list {
        let raw = std::fs::read(path).expect("the corpus is readable");
        let begun = Instant::now();
        let report = read(plain::plainly(&raw));
        let took = begun.elapsed();
        if took > slowest.0 {
            slowest = (took, path.clone());
        }
        with_text += usize::from(!report.text.is_blank());
        with_attachments += usize::from(!report.attachments.is_empty());
        indicators += report.indicators.len();
        let is_bare = report.text.is_blank() && report.attachments.is_empty();
        with_problems_only += usize::from(is_bare);
        assert!(!is_bare || !report.problems.is_empty(), "{} vanished", path.display());
        for problem in report.problems {
            *problems.entry(problem.word()).or_default() += 1;
        }
    }
    println!(
        "{} files: {with_text} with text, {with_attachments} with attachments, {with_problems_only} with problems only",
        list.len()
    );
    println!("{indicators} indicators; slowest {:?} {}", slowest.0, slowest.1.display());
    problems.iter().for_each(|(problem, count)| println!("{count:6} {problem}"));
    assert!(slowest.0 < Duration::from_secs(20));
}

/// Decoded octets of all leaves, forwarded mails opened.
fn leaves(part: &Part) -> usize {
    match &part.body {
        Body::Multi(children) => children.iter().map(leaves).sum(),
        Body::Message { mail, .. } => leaves(mail),
        Body::Leaf { .. } => 1,
    }
}

fn their_leaves(mail: &mail_parser::Message<'_>) -> usize {
    mail.parts
        .iter()
        .map(|part| match &part.body {
            mail_parser::PartType::Multipart(_) => 0,
            mail_parser::PartType::Message(mail) => their_leaves(mail),
            _ => 1,
        })
        .sum()
}

/// They know no CR as line end and nothing before the head.
fn as_they_like_it(raw: &[u8]) -> Vec<u8> {
    let has_feed = raw.contains(&b'\n');
    let lines: Vec<u8> = raw.iter().map(|&b| if b == b'\r' && !has_feed { b'\n' } else { b }).collect();
    let is_preface = |line: &&[u8]| line.trim_ascii().is_empty() || line.starts_with(b"From ");
    let skipped: usize = lines.split_inclusive(|&b| b == b'\n').take_while(is_preface).map(<[u8]>::len).sum();
    lines[skipped..].to_vec()
}

#[test]
fn another_parser_sees_the_same_parts() {
    let Some(corpus) = std::env::var_os("VIGIE_CORPUS").map(PathBuf::from) else { return };
    let mut list = Vec::new();
    ["mime", "reports", "openpgp", "attacks"].iter().for_each(|folder| files(&corpus.join(folder), &mut list));
    let (mut same, mut other) = (0, 0);
    for path in list.iter().filter(|path| path.extension().is_some_and(|end| end == "eml")) {
        let raw = std::fs::read(path).expect("the corpus is readable");
        let ours = vigie::arrive::entity::parse(&raw);
        let theirs =
            mail_parser::MessageParser::default().parse(&as_they_like_it(&raw)).map_or(0, |mail| their_leaves(&mail));
        if leaves(&ours.root) == theirs {
            same += 1;
        } else {
            other += 1;
            println!("{} ours {} theirs {theirs} {:?}", path.display(), leaves(&ours.root), ours.problems);
        }
    }
    println!("{same} mails with the same number of parts, {other} with another");
    assert!(same > 20 * other);
}
