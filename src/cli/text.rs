//! The text of an answer or a note: from stdin, or from the person's editor.
//!
//! Failure: nothing is written, nothing is asked. Known gap: a draft stays behind where the command
//! itself is killed (SIGKILL, SIGTERM) while the editor is open; it is readable by its owner alone.

use super::{FAILED, Failure, complain};
use crate::rules::settings::Settings;
use std::fs::File;
use std::io::{IsTerminal, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// What is read at most, octets; `app` refuses more than 1 MiB anyway.
const MOST: u64 = (1 << 20) + 1;

/// Reads the text. On a terminal `$VISUAL` or `$EDITOR` opens, with `about` as a comment.
pub(super) fn read(about: &str, settings: &Settings) -> Result<String, Failure> {
    let stdin = std::io::stdin();
    let editor = ["VISUAL", "EDITOR"].into_iter().find_map(|name| std::env::var(name).ok().filter(|e| !e.is_empty()));
    match editor {
        Some(editor) if stdin.is_terminal() => edit(&editor, about, settings),
        _ => {
            if stdin.is_terminal() {
                complain(&format!("{about}: write the text, end with Ctrl-D ($EDITOR is not set)"));
            }
            text_of(stdin)
        }
    }
}

fn text_of(from: impl Read) -> Result<String, Failure> {
    let mut octets = Vec::new();
    from.take(MOST).read_to_end(&mut octets).map_err(|e| Failure::new(FAILED, format!("cannot read the text: {e}")))?;
    String::from_utf8(octets).map_err(|_| Failure::new(2, "the text is not UTF-8"))
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

/// Makes the draft in the first folder that takes it.
fn begin(folders: &[PathBuf]) -> std::io::Result<(Draft, File)> {
    let name = format!("vigie-{}.txt", crate::edge::random::code());
    let mut outcome = Err(std::io::ErrorKind::NotFound.into());
    for folder in folders {
        let path = folder.join(&name);
        outcome = File::options().write(true).create_new(true).mode(0o600).open(&path).map(|file| (Draft(path), file));
        if outcome.is_ok() {
            break;
        }
    }
    outcome
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

fn edit(editor: &str, about: &str, settings: &Settings) -> Result<String, Failure> {
    let failed = |e: std::io::Error| Failure::new(FAILED, format!("cannot open {editor}: {e}"));
    outlive_the_editor().map_err(failed)?;
    let (draft, mut file) = begin(&folders(settings)).map_err(failed)?;
    file.write_all(
        format!("\n# {about}\n# Lines that start with # are left out. An empty text: nothing is done.\n").as_bytes(),
    )
    .map_err(failed)?;
    drop(file);
    // As git does: the variable may hold arguments.
    let command = format!("{editor} \"$1\"");
    let status =
        std::process::Command::new("sh").args(["-c", &command, "sh"]).arg(&draft.0).status().map_err(failed)?;
    if !status.success() {
        return Err(Failure::new(FAILED, format!("{editor} ended with a failure; nothing was done")));
    }
    let text = read_file(&draft.0)?;
    Ok(text.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n").trim().to_owned() + "\n")
}

fn read_file(path: &Path) -> Result<String, Failure> {
    text_of(File::open(path).map_err(|e| Failure::new(FAILED, format!("cannot read {}: {e}", path.display())))?)
}
