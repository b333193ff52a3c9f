//! Every mailbox and the mail server, spoken to as the daemon does.
//!
//! Hostile data: the servers' words, sanitised by the edge. Failure: words; each server is a check
//! of its own and waits for no other longer than its limit.

use super::{Findings, Reached};
use crate::arrive::intake::FEW;
use crate::cli::{FAILED, Failure};
use crate::edge::imap::{ImapTrouble, Session, Timeouts};
use crate::edge::{maildir, smtp};
use crate::respond::post;
use crate::rules::settings::{Existing, Imap, Mailbox, Server, Settings, Source, Transport};
use crate::store::spool;
use std::fs::File;
use std::path::Path;
use std::time::Duration;

/// A person waits.
const CONNECT: Duration = Duration::from_secs(15);
const COMMAND: Duration = Duration::from_secs(30);

/// All of them.
pub(super) fn all(settings: &Settings, store: Option<&Reached>, findings: &mut Findings) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| Failure::new(FAILED, format!("cannot start: {e}")))?;
    for mailbox in &settings.mailboxes {
        match &mailbox.source {
            Source::Imap(imap) => match runtime.block_on(look(imap)) {
                Ok(seen) => by_imap(mailbox, imap, &seen, store, findings)?,
                Err(trouble) => findings.fail("mailbox", format!("{}: {trouble}", mailbox.name))?,
            },
            Source::Maildir { path, filed_folder } => by_maildir(mailbox, path, filed_folder, store, findings)?,
        }
    }
    match &settings.smtp {
        Transport::Folder(path) => match writable(path) {
            Ok(()) => findings.ok("sending", format!("mail is put into the folder {}; nothing leaves", path.display())),
            Err(error) => {
                findings.fail("sending", format!("the folder {} cannot be written to: {error}", path.display()))
            }
        },
        Transport::Smtp(server) => {
            let place = format!("{}:{}", server.host, server.port);
            match runtime.block_on(knock(server, settings.team.address.domain())) {
                Ok(()) => findings.ok("sending", format!("{place} lets us in")),
                Err(words) => findings.fail("sending", words),
            }
        }
    }
}

/// What an IMAP server shows to somebody who only reads.
struct Seen {
    exists: u32,
    /// Messages in it; None: there is no such folder. Outer None: not asked for.
    filed: Option<Option<u32>>,
    sent: Option<Option<u32>>,
    /// IDLE, MOVE, UIDPLUS.
    can: [bool; 3],
    alerts: Vec<String>,
}

async fn look(imap: &Imap) -> Result<Seen, ImapTrouble> {
    let password = post::password(&imap.server).map_err(ImapTrouble::Later)?.unwrap_or_default();
    let tls = post::client_config(&imap.server).map_err(ImapTrouble::Cannot)?;
    let timeouts = Timeouts { connect: CONNECT, command: COMMAND };
    let mut session = Session::connect(&imap.server, &password, tls, timeouts).await?;
    let filed = count(&mut session, &imap.filed_folder).await?;
    let sent = count(&mut session, &imap.sent_folder).await?;
    let inbox = session.examine(&imap.folder).await?;
    let can = [session.can.idle, session.can.moves, session.can.uidplus];
    let alerts = session.take_alerts();
    session.logout().await;
    Ok(Seen { exists: inbox.exists, filed, sent, can, alerts })
}

async fn count(session: &mut Session, folder: &str) -> Result<Option<Option<u32>>, ImapTrouble> {
    if folder.is_empty() {
        return Ok(None);
    }
    match session.examine(folder).await {
        Ok(selected) => Ok(Some(Some(selected.exists))),
        Err(ImapTrouble::NoFolder(_)) => Ok(Some(None)),
        Err(trouble) => Err(trouble),
    }
}

fn by_imap(
    mailbox: &Mailbox,
    imap: &Imap,
    seen: &Seen,
    store: Option<&Reached>,
    findings: &mut Findings,
) -> Result<(), Failure> {
    let name = &mailbox.name;
    let folder = |folder: &str, count: Option<Option<u32>>, missing: &str| match count {
        None => String::new(),
        Some(Some(count)) => format!("; {folder} holds {count}"),
        Some(None) => format!("; {folder} is not there, {missing}"),
    };
    findings.ok(
        "mailbox",
        format!(
            "{name}: {} lets us in; {} holds {} messages{}{}",
            imap.server.host,
            imap.folder,
            seen.exists,
            folder(&imap.filed_folder, seen.filed, "it is made when the first mail is filed"),
            folder(&imap.sent_folder, seen.sent, "so no answer sent from a mail client is found yet"),
        ),
    )?;
    let [idle, moves, uidplus] = seen.can;
    let wakes = match idle {
        true => "the server tells of new mail at once (IDLE)".to_owned(),
        false => format!("the server has no IDLE: it is asked every {} s", imap.poll.as_secs()),
    };
    match (moves, uidplus) {
        _ if imap.filed_folder.is_empty() => {
            findings.ok("mailbox", format!("{name}: {wakes}; filed mail stays where it is"))?
        }
        (true, _) => findings.ok("mailbox", format!("{name}: {wakes} and moves mail in one step (MOVE)"))?,
        (false, true) => {
            findings.ok("mailbox", format!("{name}: {wakes} and moves mail by copy and delete (UIDPLUS)"))?
        }
        (false, false) => {
            let words =
                "the server has neither MOVE nor UIDPLUS, so filed mail stays where it is; set filed_folder = \"\"";
            findings.fail("mailbox", format!("{name}: {words}"))?
        }
    }
    for alert in &seen.alerts {
        findings.warn("mailbox", format!("{name}: the server wants a person to read this: {alert}"))?;
    }
    first_sight(mailbox, &imap.folder, seen.exists as usize, store, findings)
}

fn by_maildir(
    mailbox: &Mailbox,
    path: &Path,
    filed_folder: &str,
    store: Option<&Reached>,
    findings: &mut Findings,
) -> Result<(), Failure> {
    let (name, shown) = (&mailbox.name, path.display());
    let waiting = match maildir::list_new(path) {
        Ok(entries) => entries.len(),
        Err(trouble) => return findings.fail("mailbox", format!("{name}: {trouble}")),
    };
    let filed = path.join(format!(".{}", filed_folder.replace('/', ".")));
    let filed = match maildir::list_new(&filed) {
        Ok(entries) if !filed_folder.is_empty() => format!("; {} were filed", entries.len()),
        _ => String::new(),
    };
    if let Err(error) = filed_folder.is_empty().then_some(()).map_or_else(|| writable(path), Ok) {
        findings
            .fail("mailbox", format!("{name}: {shown} cannot be written to, so filed mail cannot be moved: {error}"))?;
    }
    findings.ok("mailbox", format!("{name}: the Maildir {shown} holds {waiting} messages{filed}"))?;
    first_sight(mailbox, "", waiting, store, findings)
}

/// A mailbox with many messages is not read before the config says what they are.
fn first_sight(
    mailbox: &Mailbox,
    folder: &str,
    count: usize,
    store: Option<&Reached>,
    findings: &mut Findings,
) -> Result<(), Failure> {
    if mailbox.existing != Existing::Unset || count <= FEW || was_seen(mailbox, folder, store) {
        return Ok(());
    }
    findings.fail(
        "mailbox",
        format!(
            "{}: its {count} messages are not read until the config says what they are; add to this [[mailbox]] \
             existing = \"work\" (each becomes a ticket, with acknowledgement and clock) or existing = \"history\" \
             (filed silently)",
            mailbox.name
        ),
    )
}

/// Whether the daemon has read this folder before.
fn was_seen(mailbox: &Mailbox, folder: &str, store: Option<&Reached>) -> bool {
    let Some(store) = store else { return false };
    match store.session.house() {
        Some(house) => {
            house.store.read(|c| spool::cursor(c, &mailbox.name, folder)).is_ok_and(|cursor| cursor.is_some())
        }
        // What a running daemon does not read, it has told already.
        None => true,
    }
}

async fn knock(server: &Server, hello: &str) -> Result<(), String> {
    let password = post::password(server)?;
    let tls = post::client_config(server)?;
    let timeouts = smtp::Timeouts { connect: CONNECT, command: COMMAND, data: COMMAND };
    let password = password.as_ref().map(|password| password.as_str());
    smtp::probe(&smtp::Access { server, password, tls, hello, timeouts }).await.map_err(|trouble| trouble.to_string())
}

/// Whether files can be made in the folder, or where it is missing, it itself.
fn writable(folder: &Path) -> std::io::Result<()> {
    let there = folder.ancestors().find(|folder| folder.exists()).unwrap_or(folder);
    let probe = there.join(format!(".vigie-check-{}", std::process::id()));
    File::create(&probe)?;
    std::fs::remove_file(&probe)
}
