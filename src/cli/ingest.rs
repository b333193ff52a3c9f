//! `vigie ingest`: messages from files or an MTA's pipe.
//!
//! Hostile data: the mails, octets only here. Failure: exit 75 whenever a message is not safely
//! stored, whatever the cause, so that an MTA keeps it; every message that is stored has its line.
//! Of a message above `[limits] message_bytes` the first MiB is filed and the command fails all the
//! same: nobody but the caller holds the rest.

use super::args::{Global, IngestArgs};
use super::reach::Session;
use super::{Failure, TEMPORARY, settings};
use crate::api::Delivery;
use crate::app::views::IngestLine;
use crate::rules::settings::Settings;
use indicatif::{ProgressBar, ProgressStyle};
use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::path::Path;

/// What is kept of a message that is too large.
const KEPT: u64 = 1 << 20;

pub(super) fn run(global: &Global, args: &IngestArgs) -> Result<u8, Failure> {
    file_all(global, args).map_err(Failure::temporary)
}

fn file_all(global: &Global, args: &IngestArgs) -> Result<u8, Failure> {
    let session = Session::open(global, settings(global)?)?;
    check_mailbox(&session.settings, &args.mailbox)?;
    let stdin = [Path::new("-").to_owned()];
    let files = if args.files.is_empty() { &stdin[..] } else { &args.files };
    let bar = progress(files.len());
    let mut all_safe = true;
    for path in files {
        match read(path, session.settings.message_bytes) {
            Ok(mail) => {
                let whole = mail.full_size == mail.octets.len() as u64;
                let line = hand_over(&session, args, mail)?;
                bar.suspend(|| show(&line));
                if !whole {
                    bar.suspend(|| complain(path, "larger than [limits] message_bytes; only its beginning is stored"));
                    all_safe = false;
                }
            }
            Err(e) => {
                bar.suspend(|| complain(path, &e.to_string()));
                all_safe = false;
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(if all_safe { 0 } else { TEMPORARY })
}

fn check_mailbox(settings: &Settings, name: &str) -> Result<(), Failure> {
    if settings.mailbox(name).is_some() {
        return Ok(());
    }
    let known: Vec<&str> = settings.mailboxes.iter().map(|mailbox| mailbox.name.as_str()).collect();
    Err(Failure::new(TEMPORARY, format!("no mailbox {name:?} in the config; known: {}", known.join(", "))))
}

/// The message is safe by now: a stdout that is closed loses nothing.
fn show(line: &IngestLine) {
    let json = serde_json::to_string(line).unwrap_or_default();
    let mut stdout = io::stdout().lock();
    let _ = writeln!(stdout, "{json}").and_then(|()| stdout.flush());
}

fn complain(path: &Path, words: &str) {
    super::complain(&format!("{}: {words}", path.display()));
}

/// A bar for more than one file, on a terminal only.
fn progress(files: usize) -> ProgressBar {
    if files < 2 || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(files as u64);
    match ProgressStyle::with_template("{bar:30} {pos}/{len} messages, {eta} left") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// Octets as far as they are kept, and how many there were.
struct Mail {
    octets: Vec<u8>,
    full_size: u64,
}

fn read(path: &Path, most: u64) -> io::Result<Mail> {
    if path == Path::new("-") { read_from(io::stdin().lock(), most) } else { read_from(File::open(path)?, most) }
}

fn read_from(mut from: impl Read, most: u64) -> io::Result<Mail> {
    let mut octets = Vec::new();
    let read = from.by_ref().take(most.saturating_add(1)).read_to_end(&mut octets)? as u64;
    if read <= most {
        return Ok(Mail { octets, full_size: read });
    }
    let full_size = read + io::copy(&mut from, &mut io::sink())?;
    octets.truncate(usize::try_from(KEPT.min(most)).unwrap_or(usize::MAX));
    Ok(Mail { octets, full_size })
}

fn hand_over(session: &Session, args: &IngestArgs, mail: Mail) -> Result<IngestLine, Failure> {
    let delivery = Delivery {
        mailbox: args.mailbox.clone(),
        sender: args.sender.as_deref().map(envelope_sender),
        full_size: Some(mail.full_size),
        now: None,
    };
    session.deliver(delivery, mail.octets)
}

/// The null sender as MTAs write it: nothing, `<>`, or Postfix's pipe(8) `MAILER-DAEMON`.
fn envelope_sender(given: &str) -> String {
    let bare = given.trim().trim_start_matches('<').trim_end_matches('>');
    if bare.eq_ignore_ascii_case("MAILER-DAEMON") { String::new() } else { bare.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_null_sender_has_several_spellings() {
        for null in ["", "<>", "MAILER-DAEMON", " <> "] {
            assert_eq!(envelope_sender(null), "", "{null:?}");
        }
        assert_eq!(envelope_sender("<a@b.example>"), "a@b.example");
    }

    #[test]
    fn a_message_that_is_too_large_is_cut_and_counted() {
        let octets = vec![b'x'; 3 << 20];
        let mail = read_from(&octets[..], 2 << 20).unwrap();
        assert_eq!((mail.octets.len(), mail.full_size), (1 << 20, 3 << 20));
        let mail = read_from(&octets[..], 3 << 20).unwrap();
        assert_eq!((mail.octets.len() as u64, mail.full_size), (3 << 20, 3 << 20));
        assert_eq!(read_from(&b""[..], 10).unwrap().full_size, 0);
    }
}
