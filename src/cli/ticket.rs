//! `vigie ticket`: what reads files or stdin, or writes them; the rest goes straight to `app`.

use super::args::{AddOrRemove, Global, TicketCommand};
use super::output::{json, write};
use super::reach::Session;
use super::text::{self, Wanted};
use super::{FAILED, Failure, ask, ask_at, complain, known, time};
use crate::api::Reply;
use crate::app::views::{Answer, AttachmentView};
use crate::app::{Answering, Format, Opening, Request};
use std::fs::{DirBuilder, File};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

pub(super) fn run(global: &Global, command: TicketCommand) -> Result<u8, Failure> {
    let request = match command {
        TicketCommand::List { all, state, unanswered, limit } => Request::TicketList { all, state, unanswered, limit },
        TicketCommand::Show { number } => Request::TicketShow { number },
        TicketCommand::Raw { number, message } => Request::TicketRaw { number, message },
        TicketCommand::Attachments { number, save: None } => Request::TicketAttachments { number },
        TicketCommand::Attachments { number, save: Some(folder) } => return save(global, number, &folder),
        TicketCommand::Answer { number, to, reason, allow_clear: _, template, send } => {
            let wanted = Wanted {
                what: "Answer to",
                number: &number,
                to: to.as_deref(),
                leaves: true,
                template: template.as_deref(),
                send,
            };
            return text::write(global, &wanted, |text| {
                Request::TicketAnswer(Answering { number: number.clone(), to: to.clone(), text, allow_clear: reason })
            });
        }
        TicketCommand::Write { number, to, reason, allow_clear: _ } => {
            let wanted = Wanted {
                what: &format!("Letter to {to} in ticket"),
                number: &number,
                to: Some(&to),
                leaves: true,
                template: None,
                send: false,
            };
            return text::write(global, &wanted, |text| {
                let (number, to) = (number.clone(), Some(to.clone()));
                Request::TicketWrite(Answering { number, to, text, allow_clear: reason })
            });
        }
        TicketCommand::Open { from, mailbox, subject, urgent, acknowledge } => {
            let known = known(global)?;
            let text = text::read(&format!("What {from} says"), &known.settings)?;
            let opening = Opening { from, mailbox, subject, text, urgent, acknowledge };
            return ask_at(global, known, Request::TicketOpen(opening));
        }
        TicketCommand::Why { number } => Request::TicketWhy { number },
        TicketCommand::Merge { numbers, into } => Request::TicketMerge { numbers: several(&numbers), into },
        TicketCommand::Unmerge { numbers } => Request::TicketUnmerge { numbers: several(&numbers) },
        TicketCommand::Split { number, message } => Request::TicketSplit { number, message },
        TicketCommand::Link { numbers, other, kind, remove } => {
            Request::TicketLink { numbers: several(&numbers), other, kind, remove }
        }
        TicketCommand::Participant { numbers, act: AddOrRemove::Add, address, .. } => {
            Request::TicketParticipantAdd { numbers: several(&numbers), address }
        }
        TicketCommand::Participant { numbers, act: AddOrRemove::Remove, address, reason } => {
            Request::TicketParticipantRemove { numbers: several(&numbers), address, reason }
        }
        TicketCommand::FollowUp { numbers, date } => {
            let known = known(global)?;
            let zone = &known.settings.team.time_zone;
            let at = if date == "none" { None } else { Some(time::read_date("DATE", &date, zone)?) };
            return ask_at(global, known, Request::TicketFollowUp { numbers: several(&numbers), at });
        }
        TicketCommand::Note { number } => {
            let wanted = Wanted {
                what: "Internal note to",
                number: &number,
                to: None,
                leaves: false,
                template: None,
                send: false,
            };
            return text::write(global, &wanted, |text| Request::TicketNote { number: number.clone(), text });
        }
        TicketCommand::Challenge { number, to } => Request::TicketChallenge { number, to },
        TicketCommand::Vouch { number, method, note, address } => {
            Request::TicketVouch { number, method, note, address }
        }
        TicketCommand::Assign { numbers, analyst } => {
            Request::TicketAssign { numbers: several(&numbers), analyst: Some(analyst).filter(|name| name != "none") }
        }
        TicketCommand::State { numbers, state, reason } => {
            Request::TicketState { numbers: several(&numbers), state, reason }
        }
        TicketCommand::Priority { numbers, priority } => {
            Request::TicketPriority { numbers: several(&numbers), priority }
        }
        TicketCommand::Tlp { numbers, mark, consent, reason } => {
            Request::TicketTlp { numbers: several(&numbers), mark, reason, consent }
        }
        TicketCommand::Consent { numbers, consent, reason } => {
            Request::TicketConsent { numbers: several(&numbers), consent, reason }
        }
        TicketCommand::Classify { numbers, class, kind } => {
            Request::TicketClassify { numbers: several(&numbers), class, kind }
        }
        TicketCommand::Classes => Request::TicketClasses,
        TicketCommand::Severity { numbers, severity } => {
            Request::TicketSeverity { numbers: several(&numbers), severity }
        }
        TicketCommand::Extent { numbers, extent } => Request::TicketExtent { numbers: several(&numbers), extent },
        TicketCommand::Label { numbers, labels } => {
            let (add, remove) = plus_and_minus(&labels)?;
            Request::TicketLabel { numbers: several(&numbers), add, remove }
        }
        TicketCommand::Export { number, format, full, reason, output } => {
            let request = Request::TicketExport { number, format, full, reason };
            return export(global, request, format, output.as_deref());
        }
        TicketCommand::Search { query, limit } => {
            // `+-x` is how `-x` comes here.
            let words: Vec<&str> =
                query.iter().map(|w| w.strip_prefix('+').filter(|w| w.starts_with('-')).unwrap_or(w)).collect();
            Request::TicketSearch { query: words.join(" "), limit: Some(limit) }
        }
    };
    ask(global, request)
}

/// Several numbers, separated by commas.
fn several(numbers: &str) -> Vec<String> {
    numbers.split(',').map(|number| number.trim().to_owned()).filter(|number| !number.is_empty()).collect()
}

/// `+x` adds; `+-y` is how `-y` comes here.
fn plus_and_minus(labels: &[String]) -> Result<(Vec<String>, Vec<String>), Failure> {
    let (mut add, mut remove) = (Vec::new(), Vec::new());
    for label in labels {
        match (label.strip_prefix("+-"), label.strip_prefix('+')) {
            (Some(label), _) => remove.push(label.to_owned()),
            (None, Some(label)) => add.push(label.to_owned()),
            (None, None) => {
                let words = format!("{label:?}: write +{label} to add the label, -{label} to remove it");
                return Err(Failure::new(2, words));
            }
        }
    }
    Ok((add, remove))
}

/// The file is made before anything is asked: what cannot be kept is not exported.
fn export(global: &Global, request: Request, format: Format, output: Option<&Path>) -> Result<u8, Failure> {
    if format == Format::Evidence && output.is_none() {
        return Err(Failure::new(2, "--output: evidence is an archive; name a new file for it"));
    }
    let session = Session::open(global, known(global)?)?;
    let shown = output.map(|path| path.display().to_string()).unwrap_or_default();
    let failed = |e: std::io::Error| Failure::new(FAILED, format!("{shown} is not written: {e}"));
    let file = output.map(new_file).transpose().map_err(failed)?;
    let exported = session.ask(request).and_then(|reply| match reply.answer {
        Answer::Export(export) => Ok(export),
        _ => Err(unexpected()),
    });
    let written = exported.and_then(|export| {
        match file {
            Some(mut file) => file.write_all(&export.octets.0).and_then(|()| file.sync_all()).map_err(failed)?,
            None => write(&export.octets.0)?,
        }
        Ok(export.words)
    });
    if let (Err(_), Some(path)) = (&written, output) {
        let _ = std::fs::remove_file(path);
    }
    for line in written? {
        complain(&line);
    }
    Ok(0)
}

/// An attachment and the file that now holds it.
#[derive(serde::Serialize)]
struct Saved {
    #[serde(flatten)]
    attachment: AttachmentView,
    /// Null: it was not saved.
    file: Option<PathBuf>,
}

fn save(global: &Global, number: String, folder: &Path) -> Result<u8, Failure> {
    let session = Session::open(global, known(global)?)?;
    let listed = session.ask(Request::TicketAttachments { number: number.clone() })?;
    let Answer::Attachments(attachments) = listed.answer else { return Err(unexpected()) };
    let failed = |e: std::io::Error| Failure::new(FAILED, format!("cannot make {}: {e}", folder.display()));
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    let mut saved = Vec::new();
    for attachment in attachments {
        let file = folder.join(file_name(attachment.id, attachment.name.raw()));
        let request = Request::AttachmentOctets { number: number.clone(), attachment: attachment.id };
        let Reply { answer: Answer::Octets(octets), .. } = session.ask(request)? else { return Err(unexpected()) };
        let written = write_new(&file, &octets.0);
        if let Err(e) = &written {
            complain(&format!("{} is not written: {e}", file.display()));
        }
        saved.push(Saved { attachment, file: written.is_ok().then_some(file) });
    }
    let all = saved.iter().all(|saved| saved.file.is_some());
    if global.json {
        json(&saved)?;
    } else {
        let lines: String = saved.iter().filter_map(|s| Some(format!("{}\n", s.file.as_ref()?.display()))).collect();
        write(if saved.is_empty() { "no attachments\n" } else { &lines }.as_bytes())?;
    }
    Ok(if all { 0 } else { FAILED })
}

fn unexpected() -> Failure {
    Failure::new(FAILED, "the daemon answered something else; is it of another version?")
}

fn write_new(path: &Path, octets: &[u8]) -> std::io::Result<()> {
    new_file(path)?.write_all(octets)
}

pub(super) fn new_file(path: &Path) -> std::io::Result<File> {
    // create_new follows no link and overwrites nothing.
    File::options().write(true).create_new(true).mode(0o600).open(path)
}

/// A name of ours for a file of theirs (T11): the id first, then what is harmless of the last
/// component, at most 100 characters.
fn file_name(id: i64, name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let harmless = |c: char| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '_' };
    let name: String = last.chars().map(harmless).take(100).collect();
    let name = name.trim_matches('.');
    // File systems allow 255 octets.
    let mut end = name.len().min(200);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    match &name[..end] {
        "" => format!("{id}-attachment"),
        name => format!("{id}-{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attachments_are_named_by_us() {
        for (theirs, ours) in [
            ("trace.log", "7-trace.log"),
            ("../../etc/cron.d/x", "7-x"),
            ("C:\\Windows\\evil.exe", "7-evil.exe"),
            ("", "7-attachment"),
            ("..", "7-attachment"),
            (".bashrc", "7-bashrc"),
            ("a b\n\0\u{202E}c", "7-a_b___c"),
            ("é.txt", "7-é.txt"),
        ] {
            assert_eq!(file_name(7, theirs), ours, "{theirs:?}");
        }
        assert!(file_name(7, &"€".repeat(10_000)).len() <= 210);
    }

    #[test]
    fn labels_carry_their_sign() {
        let labels = |words: &[&str]| plus_and_minus(&words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>());
        assert_eq!(labels(&["+x", "+-y"]).unwrap(), (vec!["x".to_owned()], vec!["y".to_owned()]));
        assert!(labels(&["x"]).is_err());
    }

    #[test]
    fn nothing_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("1-a");
        write_new(&path, b"first").unwrap();
        assert!(write_new(&path, b"second").is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"first");
        std::os::unix::fs::symlink("/nonexistent/target", folder.path().join("2-b")).unwrap();
        assert!(write_new(&folder.path().join("2-b"), b"x").is_err());
    }
}
