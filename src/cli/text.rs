//! The text of an answer or a note: from stdin, from a template, or from the person's editor.
//!
//! The editor's file holds the text on top, and below a line with scissors what a human needs: to
//! whom, by when, whether it leaves encrypted, and the mail that it answers. All below the scissors
//! is left out; where that line is gone nothing is taken, since the mail could be part of the text.
//! The file is readable by its owner alone and removed, whatever happens. A text that is refused
//! afterwards is kept in a file.
//!
//! Hostile data: the reporter's words, shown in the editor with what terminals obey taken out.
//! Failure: nothing is done. Known gap: a draft stays behind where the command itself is killed
//! (SIGKILL, SIGTERM) while the editor is open.

use super::args::Global;
use super::reach::Session;
use super::{FAILED, Failure, ask_at, complain, known, templates};
use crate::api::Reply;
use crate::app::Request;
use crate::app::views::{Answer, DraftView};
use crate::rules::settings::Settings;
use std::fs::File;
use std::io::{IsTerminal, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// What is read at most, octets; `app` refuses more than 1 MiB anyway.
const MOST: u64 = (1 << 20) + 1;

/// The line that parts the text from what is left out, as `git commit --verbose` has it.
const SCISSORS: &str = "# ------------------------ >8 ------------------------";

/// The sign before each line of the mail that is answered.
const THEIRS: &str = "# > ";

/// What is to be written.
pub(super) struct Wanted<'a> {
    pub what: &'a str,
    pub number: &'a str,
    /// A participant; None: the reporter.
    pub to: Option<&'a str>,
    /// It goes to somebody.
    pub leaves: bool,
    pub template: Option<&'a str>,
    /// The template as it is, without an editor.
    pub send: bool,
}

/// Gets the text and asks for what is made of it.
pub(super) fn write(global: &Global, wanted: &Wanted, request: impl FnOnce(String) -> Request) -> Result<u8, Failure> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() && wanted.template.is_none() {
        return ask_at(global, known(global)?, request(text_of(stdin)?));
    }
    let editor = editor();
    if !wanted.send && !stdin.is_terminal() {
        return Err(Failure::new(2, "--template opens an editor, and there is no terminal; --send sends it as it is"));
    }
    if !wanted.send && editor.is_none() {
        return Err(no_editor());
    }
    // The store is let go before the editor opens: a person writes for longer than others may wait.
    let session = Session::open(global, known(global)?)?;
    let (number, to) = (wanted.number.to_owned(), wanted.to.map(str::to_owned));
    let reply = session.ask(Request::TicketDraft { number, to })?;
    let Reply { answer: Answer::Draft(draft), .. } = reply else {
        return Err(Failure::new(FAILED, "the daemon answered something else; is it of another version?"));
    };
    let settings = session.settings.clone();
    let by = session.who();
    drop(session);
    let begun = match wanted.template {
        Some(name) => templates::fill(&settings, name, &draft, &by)?,
        None => String::new(),
    };
    if wanted.send {
        return ask_at(global, known(global)?, request(begun));
    }
    let text = edit(&editor.unwrap_or_default(), &begun, &comments(wanted, &draft), &settings)?;
    if text.trim() == begun.trim() {
        let empty = if begun.is_empty() { "the text is empty" } else { "the template is unchanged (--send sends it)" };
        return Err(Failure::new(FAILED, format!("{empty}; nothing was done")));
    }
    let asked = known(global).and_then(|known| ask_at(global, known, request(text.clone())));
    if asked.is_err() {
        keep(&text, &draft.number, &settings);
    }
    asked
}

/// Gets a text that belongs to no ticket yet.
pub(super) fn read(about: &str, settings: &Settings) -> Result<String, Failure> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return text_of(stdin);
    }
    let editor = editor().ok_or_else(no_editor)?;
    edit(&editor, "", &format!("# {about}\n"), settings)
}

fn editor() -> Option<String> {
    ["VISUAL", "EDITOR"].into_iter().find_map(|name| std::env::var(name).ok().filter(|e| !e.is_empty()))
}

fn no_editor() -> Failure {
    Failure::new(2, "set $VISUAL or $EDITOR to the editor to write in, or give the text on standard input")
}

fn text_of(from: impl Read) -> Result<String, Failure> {
    let mut octets = Vec::new();
    from.take(MOST).read_to_end(&mut octets).map_err(|e| Failure::new(FAILED, format!("cannot read the text: {e}")))?;
    String::from_utf8(octets).map_err(|_| Failure::new(2, "the text is not UTF-8"))
}

/// What stands below the scissors.
fn comments(wanted: &Wanted, draft: &DraftView) -> String {
    let mut lines = vec![
        "Everything from the line above on is left out; leave that line in place.".to_owned(),
        "An empty text: nothing is done.".to_owned(),
        String::new(),
    ];
    let name = draft.name.line();
    let name = if name.is_empty() { name } else { format!(" ({name})") };
    let whom = match &draft.to {
        Some(to) if wanted.leaves => format!(", to {}{name}", to.line()),
        _ => String::new(),
    };
    lines.push(format!("{} {}{whom}", wanted.what, draft.number));
    lines.push(format!("Subject:  {}", draft.subject.line()));
    lines.push(format!("Received: {}", draft.received_at));
    lines.extend(draft.due_at.as_ref().map(|due| format!("Due:      {due}")));
    lines.extend(draft.tlp.as_ref().map(|mark| format!("TLP:      {mark}")));
    if wanted.leaves {
        lines.push(match (&draft.refusal, draft.encrypted) {
            (Some(refusal), _) => format!("It will be REFUSED as it stands: {refusal}"),
            (None, true) => "It will leave encrypted.".to_owned(),
            (None, false) => "It will leave IN CLEAR: no certificate of theirs can be used.".to_owned(),
        });
    } else {
        lines.push("It stays here.".to_owned());
    }
    let mut text: String = lines.iter().map(|line| format!("# {line}").trim_end().to_owned() + "\n").collect();
    if !draft.last.is_blank() {
        text.push_str("#\n");
        text.extend(draft.last.terminal().lines().map(|line| format!("{THEIRS}{line}\n")));
    }
    text
}

/// The text above the scissors.
fn above(edited: &str) -> Result<String, &'static str> {
    let Some((text, _)) = edited.split_once(SCISSORS) else {
        return Err("the line with >8 is gone, so that nobody knows where the text ends");
    };
    if text.lines().any(|line| line.starts_with(THEIRS.trim_end())) {
        return Err("lines of the mail that it answers stand above the line with >8");
    }
    let text = text.trim_matches('\n').trim_end();
    Ok(if text.is_empty() { String::new() } else { format!("{text}\n") })
}

/// A file that nobody else can read, removed whatever happens.
struct Draft(PathBuf);

impl Drop for Draft {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Where a draft may lie, best first: in memory and of this user, beside the store, anywhere.
fn folders(settings: &Settings) -> Vec<PathBuf> {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").filter(|set| !set.is_empty()).map(PathBuf::from);
    let beside = settings.store.path.parent().map(Path::to_owned);
    runtime.into_iter().chain(beside).chain([std::env::temp_dir()]).collect()
}

/// Makes the file in the first folder that takes it.
fn begin(folders: &[PathBuf], name: &str) -> std::io::Result<(PathBuf, File)> {
    let mut outcome = Err(std::io::ErrorKind::NotFound.into());
    for folder in folders {
        let path = folder.join(name);
        outcome = File::options().write(true).create_new(true).mode(0o600).open(&path).map(|file| (path, file));
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

/// Keeps what was written and refused: nobody writes it twice.
fn keep(text: &str, number: &str, settings: &Settings) {
    let name = format!("vigie-{number}-{}.txt", crate::edge::random::code());
    let kept =
        begin(&folders(settings), &name).and_then(|(path, mut file)| file.write_all(text.as_bytes()).map(|()| path));
    match kept {
        Ok(path) => complain(&format!("your text is kept in {}", path.display())),
        Err(e) => complain(&format!("your text could not be kept: {e}")),
    }
}

/// Ctrl-C in the editor goes to both of us: the editor decides what it means, and we live to
/// remove the draft. So it is when the terminal goes away.
fn outlive_the_editor() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let _within = runtime.enter();
    // The handlers stay, though nobody listens.
    signal(SignalKind::interrupt()).and(signal(SignalKind::hangup())).map(drop)
}

fn edit(editor: &str, begun: &str, comments: &str, settings: &Settings) -> Result<String, Failure> {
    let failed = |e: std::io::Error| Failure::new(FAILED, format!("cannot open {editor}: {e}"));
    outlive_the_editor().map_err(failed)?;
    let name = format!("vigie-{}.txt", crate::edge::random::code());
    let (path, mut file) = begin(&folders(settings), &name).map_err(failed)?;
    let draft = Draft(path);
    file.write_all(format!("{begun}\n{SCISSORS}\n{comments}").as_bytes()).map_err(failed)?;
    drop(file);
    // As git does: the variable may hold arguments.
    let command = format!("{editor} \"$1\"");
    let status =
        std::process::Command::new("sh").args(["-c", &command, "sh"]).arg(&draft.0).status().map_err(failed)?;
    if !status.success() {
        return Err(Failure::new(FAILED, format!("{editor} ended with a failure; nothing was done")));
    }
    let edited = read_file(&draft.0)?;
    above(&edited).map_err(|fault| {
        keep(edited.split(SCISSORS).next().unwrap_or_default(), "draft", settings);
        Failure::new(FAILED, format!("{fault}; nothing was done"))
    })
}

fn read_file(path: &Path) -> Result<String, Failure> {
    text_of(File::open(path).map_err(|e| Failure::new(FAILED, format!("cannot read {}: {e}", path.display())))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_above_the_scissors_is_taken() {
        for (edited, text) in [
            (format!("One.\n\n# a heading\n\n{SCISSORS}\n# > theirs\n"), "One.\n\n# a heading\n"),
            (format!("\n{SCISSORS}\n# x"), ""),
            (format!("One.\n{SCISSORS}\nbelow"), "One.\n"),
        ] {
            assert_eq!(above(&edited), Ok(text.to_owned()), "{edited:?}");
        }
        assert!(above("One.\n# > theirs\n").is_err());
        assert!(above(&format!("One.\n# > theirs\n{SCISSORS}\n")).is_err());
    }
}
