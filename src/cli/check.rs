//! `vigie check`: what is wrong with config, keys, people, store and servers, in plain words.
//!
//! One line a check: `ok`, `warn` or `FAIL`. Nothing is made: whoever runs it, root even, leaves the
//! first files to the daemon's user. Without `--connect` no server is spoken to; a store that is
//! there is looked into. Hostile data: the words of servers,
//! encoded. Failure: exit 78 where the config is wrong, 1 where any check fails.

mod keys;
mod people;
mod servers;

use super::args::Global;
use super::output::{json, styled, write};
use super::reach::Session;
use super::{CONFIG, FAILED, Failure, bad_config, reach};
use crate::api::Reply;
use crate::app::Request;
use crate::app::views::{Answer, DutyView};
use crate::config;
use crate::edge::walls::Walls;
use crate::edge::{clock, secret};
use crate::house;
use crate::respond::wording::Texts;
use crate::rules::settings::{Settings, Source, Transport, WebhookUrl};
use crate::rules::untrusted::Untrusted;
use jiff::Timestamp;
use serde::Serialize;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// How one check ended. Ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    Ok,
    Warn,
    Fail,
}

/// One check.
#[derive(Debug, Clone, Serialize)]
struct Line {
    check: &'static str,
    result: Outcome,
    words: String,
}

/// All checks so far. For people each is shown as it comes: a server may take its time.
pub(super) struct Findings {
    lines: Vec<Line>,
    shown: bool,
    styled: bool,
}

impl Findings {
    fn ok(&mut self, check: &'static str, words: impl Into<String>) -> Result<(), Failure> {
        self.add(check, Outcome::Ok, words.into())
    }

    fn warn(&mut self, check: &'static str, words: impl Into<String>) -> Result<(), Failure> {
        self.add(check, Outcome::Warn, words.into())
    }

    fn fail(&mut self, check: &'static str, words: impl Into<String>) -> Result<(), Failure> {
        self.add(check, Outcome::Fail, words.into())
    }

    fn add(&mut self, check: &'static str, result: Outcome, words: String) -> Result<(), Failure> {
        if self.shown {
            let (word, style) = match result {
                Outcome::Ok => ("ok", "32"),
                Outcome::Warn => ("warn", "33"),
                Outcome::Fail => ("FAIL", "1;31"),
            };
            let word = format!("{word:4}");
            let word = if self.styled { format!("\u{1b}[{style}m{word}\u{1b}[0m") } else { word };
            write(format!("{word}  {check:12}  {}\n", Untrusted::from(words.as_str()).line()).as_bytes())?;
        }
        self.lines.push(Line { check, result, words });
        Ok(())
    }

    fn worst(&self) -> Outcome {
        self.lines.iter().map(|line| line.result).max().unwrap_or(Outcome::Ok)
    }
}

pub(super) fn run(global: &Global, connect: bool) -> Result<u8, Failure> {
    let mut findings =
        Findings { lines: Vec::new(), shown: !global.json, styled: styled(global.color, &std::io::stdout()) };
    let settings = match config::load(&global.config) {
        Ok(settings) => settings,
        Err(faults) => {
            findings.shown = false;
            for fault in &faults.list {
                findings.fail("config", fault.in_file(&faults.file))?;
            }
            if global.json {
                json(&findings.lines)?;
            }
            return Err(bad_config(&faults));
        }
    };
    let unusable = all(global, &settings, connect, &mut findings)?;
    if global.json {
        json(&findings.lines)?;
    }
    Ok(match findings.worst() {
        _ if unusable => CONFIG,
        Outcome::Fail => FAILED,
        _ => 0,
    })
}

/// Every check in turn. True: a file that the config stands on cannot be used (the key of the
/// store, a text), so that no command would run: 78.
fn all(global: &Global, settings: &Settings, connect: bool, findings: &mut Findings) -> Result<bool, Failure> {
    findings.ok("config", format!("{}: {}", settings.file.display(), contents(settings)))?;
    for warning in &settings.warnings {
        findings.warn("config", warning)?;
    }
    secrets(settings, findings)?;
    let bad_texts = texts(settings, findings)?;
    let (store, bad_key) = store(global, settings, connect, findings)?;
    let now = match &store {
        Some(store) => store.now,
        None => reach::asked_now(global, settings)?.unwrap_or_else(clock::system_now),
    };
    let team = keys::team(settings, store.as_ref(), now, findings)?;
    keys::certificates(settings, now, findings)?;
    processes(settings, findings)?;
    people::analysts(settings, store.as_ref(), now, findings)?;
    people::rota_file(settings, now, findings)?;
    people::rota(settings, store.as_ref(), now, findings)?;
    people::calendar(settings, now, findings)?;
    people::constituents(settings, findings)?;
    if connect {
        if let Some(keys) = &team {
            keys::probe(keys.as_ref(), now, findings)?;
        }
        servers::all(settings, store.as_ref(), findings)?;
    }
    Ok(bad_key || bad_texts)
}

fn contents(settings: &Settings) -> String {
    let mailboxes: Vec<String> = settings.mailboxes.iter().map(|m| format!("{} ({})", m.name, m.kind)).collect();
    let simulated = if settings.store.simulated_clock { "; the clock is simulated" } else { "" };
    format!("{}, mailboxes {}{simulated}", settings.team.name, mailboxes.join(", "))
}

/// Every file that holds a password: readable, and by nobody else. The key files are `keys::team`'s.
fn secrets(settings: &Settings, findings: &mut Findings) -> Result<(), Failure> {
    let imap = settings.mailboxes.iter().filter_map(|mailbox| match &mailbox.source {
        Source::Imap(imap) => Some(&imap.server),
        Source::Maildir { .. } => None,
    });
    let smtp = match &settings.smtp {
        Transport::Smtp(server) => Some(server),
        Transport::Folder(_) => None,
    };
    let webhooks = settings.duty.analysts.iter().filter_map(|analyst| analyst.webhook.as_ref());
    let webhooks = webhooks.flat_map(|webhook| {
        let address = match &webhook.url {
            WebhookUrl::File(file) => Some(file),
            WebhookUrl::Given(_) => None,
        };
        [webhook.key_file.as_ref(), address]
    });
    let passwords = imap.chain(smtp).filter_map(|server| server.password_file.as_ref());
    let passwords = passwords.chain(webhooks.flatten());
    let mut files: Vec<&Path> = passwords.chain(&settings.pgp.passphrase_file).map(|path| path.as_path()).collect();
    files.sort();
    files.dedup();
    for file in files {
        match secret::read(file) {
            Ok(_) => private(file, findings)?,
            Err(words) => findings.fail("secret", words)?,
        }
    }
    let authorities = imap_and_smtp_authorities(settings);
    for file in authorities {
        if let Err(error) = std::fs::read(file) {
            findings.fail("secret", format!("ca_file {}: {error}", file.display()))?;
        }
    }
    Ok(())
}

fn imap_and_smtp_authorities(settings: &Settings) -> Vec<&Path> {
    let mut files: Vec<&Path> = Vec::new();
    for mailbox in &settings.mailboxes {
        if let Source::Imap(imap) = &mailbox.source {
            files.extend(imap.server.ca_file.as_deref());
        }
    }
    if let Transport::Smtp(server) = &settings.smtp {
        files.extend(server.ca_file.as_deref());
    }
    files.sort();
    files.dedup();
    files
}

/// Whether others may read a secret.
fn private(file: &Path, findings: &mut Findings) -> Result<(), Failure> {
    let shown = file.display();
    // Not there: it is a systemd credential, which is private.
    match std::fs::metadata(file).map(|meta| meta.permissions().mode()) {
        Ok(mode) if mode & 0o077 != 0 => findings
            .warn("secret", format!("{shown} may be read by others (mode {:o}); run: chmod 600 {shown}", mode & 0o777)),
        _ => findings.ok("secret", format!("{shown} is readable")),
    }
}

/// What stands between a hostile mail and the rest of the machine.
fn processes(settings: &Settings, findings: &mut Findings) -> Result<(), Failure> {
    let Some(readers) = house::readers(settings) else {
        return findings.warn(
            "processes",
            "mail is read where the keys and the store are; take `separate_processes = false` out of [limits]",
        );
    };
    let missing = |wall: &str| format!("mail is read in a process of its own, but this machine gives it no {wall}");
    match readers.walls() {
        Ok(Walls { landlock: true, seccomp: true }) => findings
            .ok("processes", "mail is read in a process without keys, files and network (limits, landlock, seccomp)"),
        Ok(Walls { landlock: true, seccomp: false }) => findings.warn("processes", missing("seccomp")),
        // What landlock would forbid, seccomp does: no file can be opened.
        Ok(Walls { landlock: false, seccomp: true }) => findings.ok(
            "processes",
            "mail is read in a process without keys, files and network (limits, seccomp; the kernel has no landlock)",
        ),
        Ok(Walls { landlock: false, seccomp: false }) => findings.warn("processes", missing("landlock and no seccomp")),
        Err(error) => findings.fail("processes", error.to_string()),
    }
}

/// True: they cannot be used.
fn texts(settings: &Settings, findings: &mut Findings) -> Result<bool, Failure> {
    let folder = settings.folder.join("texts");
    let loaded = Texts::load(&folder);
    let bad = loaded.is_err();
    match loaded {
        Ok(_) if folder.is_dir() => findings.ok("texts", format!("acknowledgements as {} has them", folder.display())),
        Ok(_) => findings.ok("texts", "the built-in acknowledgements"),
        Err(words) => findings.fail("texts", words),
    }?;
    Ok(bad)
}

/// A store that could be reached, and what it says at once.
pub(super) struct Reached {
    session: Session,
    now: Timestamp,
    duty: Option<DutyView>,
}

/// Reaches the store, through a running daemon or by its lock, if it is there.
fn store(
    global: &Global,
    settings: &Settings,
    connect: bool,
    findings: &mut Findings,
) -> Result<(Option<Reached>, bool), Failure> {
    if let Some(file) = &settings.store.key_file {
        match secret::store_key(file) {
            Ok(_) => private(file, findings)?,
            Err(words) => {
                findings.fail("store", format!("{words}; see [store] key_file"))?;
                return Ok((None, true));
            }
        }
    }
    let path = settings.store.path.display();
    if !settings.store.path.exists() {
        findings.ok("store", format!("{path} is not there yet; the daemon makes it"))?;
        return Ok((None, false));
    }
    let reached =
        Session::open(global, settings.clone()).and_then(|session| Ok((session.ask(Request::DutyShow)?, session)));
    let (reply, session) = match reached {
        Ok(reached) => reached,
        // A --now that has no place is no finding.
        Err(failure) if failure.code == 2 => return Err(failure),
        Err(failure) => {
            findings.fail("store", failure.words)?;
            return Ok((None, failure.code == CONFIG));
        }
    };
    let Reply { answer, now } = reply;
    let duty = match answer {
        Answer::Duty(duty) => Some(duty),
        _ => None,
    };
    match session.house() {
        Some(house) => match house.store.quick_check() {
            _ if !connect => findings.ok("store", format!("{path} opens; no daemon is running"))?,
            Ok(()) => findings.ok("store", format!("{path} opens and is whole; no daemon is running"))?,
            Err(error) => findings.fail("store", error.to_string())?,
        },
        None => daemon(settings, &session, findings)?,
    }
    Ok((Some(Reached { session, now, duty }), false))
}

/// What a daemon that holds the store says.
fn daemon(settings: &Settings, session: &Session, findings: &mut Findings) -> Result<(), Failure> {
    let socket = settings.socket.display();
    match session.ask(Request::Status) {
        Ok(Reply { answer: Answer::Status(status), .. }) => {
            findings.ok("store", format!("a running daemon holds it and answers at {socket}"))?;
            status.reasons.iter().try_for_each(|reason| findings.warn("daemon", reason))
        }
        Ok(_) => {
            findings.fail("store", format!("the daemon at {socket} answers something else; is it of another version?"))
        }
        Err(failure) => findings.fail("store", failure.words),
    }
}
