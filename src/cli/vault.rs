//! What guards the store: audit, backup, restore, purge, a new key.
//!
//! Hostile data: none but files that an operator names. Failure: words and an exit code.

use super::args::{AuditCommand, Global};
use super::generate::write_secret;
use super::output::{Output, json, write};
use super::{CONFIG, FAILED, Failure, TEMPORARY, ask, reach};
use crate::app::audit::AuditView;
use crate::app::views::{Done, Octets, When};
use crate::app::{KeyFile, Request};
use crate::edge::{clock, crash, random, secret};
use crate::house;
use crate::rules::settings::Settings;
use crate::store::StoreError;
use crate::store::copies::{self, Restore};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

pub(super) fn run_audit(global: &Global, command: AuditCommand) -> Result<u8, Failure> {
    let request = match command {
        AuditCommand::Verify { head } => Request::AuditVerify { head: head.as_deref().map(head_file).transpose()? },
        AuditCommand::Head => Request::AuditHead,
    };
    ask(global, request)
}

/// No mail with a head is longer.
const LONGEST_HEAD: u64 = 1 << 20;

fn head_file(path: &Path) -> Result<KeyFile, Failure> {
    let name = path.display().to_string();
    let failed = |words: &dyn std::fmt::Display| Failure::new(FAILED, format!("cannot read {name}: {words}"));
    let size = std::fs::metadata(path).map_err(|e| failed(&e))?.len();
    if size > LONGEST_HEAD {
        return Err(failed(&"it is too long for a mail with a head"));
    }
    let octets = std::fs::read(path).map_err(|e| failed(&e))?;
    Ok(KeyFile { name, octets: Octets(octets) })
}

/// `vigie backup FILE`.
pub(super) fn backup(global: &Global, file: &Path) -> Result<u8, Failure> {
    let file = absolute(file)?;
    ask(global, Request::Backup { file })
}

/// `vigie restore FILE`.
pub(super) fn restore(global: &Global, file: &Path, replace: bool) -> Result<u8, Failure> {
    let settings = super::settings(global)?;
    let now = reach::asked_now(global, &settings)?.unwrap_or_else(clock::system_now);
    refuse_beside_daemon(&settings)?;
    let key = match &settings.store.key_file {
        Some(key_file) => Some(secret::store_key(key_file).map_err(|words| Failure::new(CONFIG, words))?),
        None => None,
    };
    let who = reach::actor(global.as_name.as_deref())?;
    let asked = Restore {
        file,
        store: &settings.store.path,
        key,
        replace,
        who: &who.name,
        zone: &settings.team.time_zone,
        now,
    };
    let done = copies::restore(&asked, &crash::point).map_err(|error| match error {
        StoreError::File(path, e) if e.kind() == ErrorKind::AlreadyExists => Failure::new(
            FAILED,
            format!("refused: {} is there already; --replace keeps it aside and takes its place", path.display()),
        ),
        error => of_store(&error),
    })?;
    let mut words = vec![format!(
        "restored: {} tickets, {} lines of history, until {}",
        done.held.tickets,
        done.held.rows,
        When::new(done.held.until, &settings.team.time_zone)
    )];
    words.extend(done.aside.iter().map(|aside| format!("the store that was there is {}", aside.display())));
    words.push(format!("{} ticket numbers are left out, so that none is given twice", done.skipped));
    words.push(format!(
        "{} outgoing mails are held; see `vigie outbox list`, release with `vigie outbox retry`",
        done.blocked
    ));
    words.push("acknowledgements for mail received before now will be held too".to_owned());
    words.push("the next run looks through the folders of filed mail for what came after the backup".to_owned());
    say(global, words)
}

/// `vigie store rekey`.
pub(super) fn rekey(global: &Global, given: Option<&Path>) -> Result<u8, Failure> {
    let settings = super::settings(global)?;
    refuse_beside_daemon(&settings)?;
    let store = &settings.store;
    let config_file = store.key_file.clone();
    let old = house::store_key(&settings).ok().flatten();
    if !store.path.exists() {
        return Err(Failure::new(
            FAILED,
            format!("{} does not exist; there is nothing to rekey", store.path.display()),
        ));
    }
    let old = match old {
        Some(key) if copies::opens(&store.path, Some(&key)) => Some(key),
        // A plain store that is to be encrypted.
        _ if copies::opens(&store.path, None) => None,
        _ => {
            let words = format!("{} does not open with this key; check [store] key_file", store.path.display());
            return Err(Failure::new(CONFIG, words));
        }
    };
    let given = given.map(absolute).transpose()?;
    let new = match given.as_deref().filter(|file| file.exists()) {
        Some(file) => secret::store_key(file).map_err(|words| Failure::new(FAILED, words))?,
        None => Zeroizing::new(random::bytes::<32>().iter().map(|octet| format!("{octet:02x}")).collect::<String>()),
    };
    let key_file = config_file.clone().or(given.clone()).unwrap_or_else(|| settings.folder.join("store.key"));
    if config_file.is_some() && !key_file.exists() && old.is_some() {
        let words = format!(
            "{} is no file that can be replaced (a systemd credential?): take the new key there by hand",
            key_file.display()
        );
        return Err(Failure::new(FAILED, words));
    }
    if config_file.is_none() && given.is_none() && key_file.exists() {
        let words = format!("{} is there already and is not overwritten; name it with --key-file", key_file.display());
        return Err(Failure::new(FAILED, words));
    }
    // The new key lies beside the old one before anything needs it, and takes its place after the store has
    // taken its own. Whoever finds the store open with the staged key alone finishes the last step.
    let staged = house::staged_key(&key_file);
    let _ = std::fs::remove_file(&staged);
    let line = Zeroizing::new(format!("{}\n", new.as_str()));
    write_secret(&staged, line.as_bytes())?;
    let owner = key_file.metadata().or_else(|_| settings.folder.metadata());
    if let Ok(owner) = owner {
        let _ = std::os::unix::fs::chown(&staged, Some(owner.uid()), Some(owner.gid()));
    }
    crash::point("rekey.staged");
    let fresh = copies::under_key(&store.path, &old, &new).map_err(|error| {
        let _ = std::fs::remove_file(&staged);
        of_store(&error)
    })?;
    crash::point("rekey.written");
    let swapped = fresh.swap().map_err(|error| of_store(&error))?;
    crash::point("rekey.swapped");
    house::take_staged_key(&key_file).map_err(|words| Failure::new(FAILED, words))?;
    crash::point("rekey.done");
    drop(swapped);
    if let Some(file) = given.filter(|file| *file != key_file && !file.exists()) {
        write_secret(&file, line.as_bytes())?;
    }
    let mut words = vec![format!("{} has a new key: {}", store.path.display(), key_file.display())];
    if config_file.is_none() {
        words.push(format!("say so in the config, under [store]:  key_file = {:?}", key_file.display().to_string()));
    }
    words.push("backups made before open with the old key only: keep it with them".to_owned());
    say(global, words)
}

fn refuse_beside_daemon(settings: &Settings) -> Result<(), Failure> {
    if UnixStream::connect(&settings.socket).is_err() {
        return Ok(());
    }
    let socket = settings.socket.display();
    Err(Failure::new(
        FAILED,
        format!("refused: a daemon runs and listens at {socket}; stop it first (systemctl stop vigie)"),
    ))
}

fn of_store(error: &StoreError) -> Failure {
    match error {
        StoreError::InUse(path) => {
            let words = format!("refused: {} is in use by a daemon or another command; stop it first", path.display());
            Failure::new(FAILED, words)
        }
        StoreError::Key(_) => Failure::new(CONFIG, error.to_string()),
        StoreError::Full => Failure::new(TEMPORARY, error.to_string()),
        error => Failure::new(FAILED, error.to_string()),
    }
}

fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|e| Failure::new(FAILED, format!("{}: {e}", path.display())))
}

fn say(global: &Global, words: Vec<String>) -> Result<u8, Failure> {
    match global.json {
        true => json(&Done { words, ..Done::default() })?,
        false => write((words.join("\n") + "\n").as_bytes())?,
    }
    Ok(0)
}

/// What `audit verify` found.
pub(super) fn audit(out: &Output, view: &AuditView) -> String {
    let mut text = match view.whole {
        true => "The history is whole.\n".to_owned(),
        false => format!("{}\n", out.loud("The history is NOT whole.")),
    };
    for fault in &view.faults {
        text.push_str(&format!("  {}: {}\n", fault.place, fault.words));
    }
    text.push_str(&format!("lines: {}   head: {}\n", view.rows, view.head));
    text.push_str(&format!("mails: {}   attachments: {}\n", view.mails, view.attachments));
    let last = view.last_signed_at.map_or(String::new(), |at| format!(", the last of {at}"));
    text.push_str(&format!("signed heads: {}{last}\n", view.signed_heads));
    match &view.given {
        Some(given) => text.push_str(&format!("given head: line {}, signed {}\n", given.rows, given.date)),
        None => text.push_str("Whether lines at the end were cut off shows a head kept elsewhere: --head FILE\n"),
    }
    text
}
