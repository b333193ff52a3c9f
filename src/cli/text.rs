//! The text of an answer or a note: from stdin, or from the person's editor.
//!
//! Failure: nothing is written, nothing is asked.

use super::{FAILED, Failure};
use std::fs::File;
use std::io::{IsTerminal, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// What is read at most, octets; `app` refuses more than 1 MiB anyway.
const MOST: u64 = (1 << 20) + 1;

/// Reads the text. On a terminal `$VISUAL` or `$EDITOR` opens, with `about` as a comment.
pub(super) fn read(about: &str) -> Result<String, Failure> {
    let stdin = std::io::stdin();
    let editor = ["VISUAL", "EDITOR"].into_iter().find_map(|name| std::env::var(name).ok().filter(|e| !e.is_empty()));
    match editor {
        Some(editor) if stdin.is_terminal() => edit(&editor, about),
        _ => {
            if stdin.is_terminal() {
                eprintln!("{about}: write the text, end with Ctrl-D ($EDITOR is not set)");
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

fn edit(editor: &str, about: &str) -> Result<String, Failure> {
    let failed = |e: std::io::Error| Failure::new(FAILED, format!("cannot open {editor}: {e}"));
    let folder = std::env::var_os("XDG_RUNTIME_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
    let name: String = crate::edge::random::code();
    let draft = Draft(folder.join(format!("vigie-{name}.txt")));
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(&draft.0).map_err(failed)?;
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
