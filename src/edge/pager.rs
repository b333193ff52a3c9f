//! Runs an analyst's page command: a program, not a shell, with JSON on its standard input.
//!
//! Exit code 0 means that the page is on its way; everything else is Later. What the program
//! prints is thrown away, since it may repeat the page. Hostile data: none.
//! Known gap: what the program started itself is not stopped with it.

use crate::rules::trouble::Trouble;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// How long a page command may take.
pub const LIMIT: Duration = Duration::from_secs(30);

/// Where programs are looked for; the daemon's own environment may hold secrets and is not passed on.
pub const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Runs `command` (program and arguments) with `json` on its standard input, for at most `limit`.
pub async fn page(command: &[String], json: &[u8], limit: Duration) -> Result<(), Trouble> {
    let Some((program, arguments)) = command.split_first() else {
        return Err(Trouble::Never("the page command is empty".to_owned()));
    };
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .env("PATH", PATH)
        .env("LANG", "C.UTF-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| Trouble::Later(format!("page command {program} cannot be started: {}", error.kind())))?;
    match timeout(limit, feed(&mut child, json)).await {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(Trouble::Later(match status.code() {
            Some(code) => format!("page command {program} failed with exit code {code}"),
            None => format!("page command {program} was killed by a signal"),
        })),
        Ok(Err(error)) => Err(Trouble::Later(format!("page command {program} was lost: {}", error.kind()))),
        Err(_) => {
            let _ = child.kill().await;
            Err(Trouble::Later(format!("page command {program} took longer than {} s and was killed", limit.as_secs())))
        }
    }
}

async fn feed(child: &mut Child, json: &[u8]) -> std::io::Result<std::process::ExitStatus> {
    if let Some(mut stdin) = child.stdin.take() {
        // A program that does not read all of it is free to do so: its exit code counts.
        let _ = stdin.write_all(json).await;
        let _ = stdin.shutdown().await;
    }
    child.wait().await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(script: &str, json: &[u8], limit: Duration) -> Result<(), Trouble> {
        let command = ["/bin/sh", "-c", script].map(str::to_owned);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(page(&command, json, limit))
    }

    #[test]
    fn the_exit_code_decides() {
        assert_eq!(run("exit 0", b"{}", LIMIT), Ok(()));
        for (script, words) in [
            ("exit 3", "page command /bin/sh failed with exit code 3"),
            ("kill -9 $$", "page command /bin/sh was killed by a signal"),
            ("exec /nonexistent", "page command /bin/sh failed with exit code 127"),
        ] {
            assert_eq!(run(script, b"{}", LIMIT), Err(Trouble::Later(words.to_owned())), "{script}");
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let missing = runtime.block_on(page(&["/nonexistent/pager".to_owned()], b"{}", LIMIT));
        assert!(matches!(missing, Err(Trouble::Later(_))), "{missing:?}");
    }

    #[test]
    fn the_page_is_on_standard_input_and_the_environment_is_clean() {
        let place = tempfile::tempdir().unwrap();
        let (page, env) = (place.path().join("page"), place.path().join("env"));
        let script = format!("cat > {}; /usr/bin/env > {}", page.display(), env.display());
        let json = format!("{{\"ticket\":\"{}\"}}", "x".repeat(300_000));
        run(&script, json.as_bytes(), LIMIT).unwrap();
        assert_eq!(std::fs::read_to_string(page).unwrap(), json);
        let env = std::fs::read_to_string(env).unwrap();
        let mut names: Vec<&str> = env.lines().filter_map(|line| line.split('=').next()).collect();
        names.retain(|name| !["PWD", "SHLVL", "_"].contains(name));
        names.sort();
        assert_eq!(names, ["LANG", "PATH"]);
    }

    #[test]
    fn a_program_that_reads_nothing_may_still_succeed() {
        assert_eq!(run("exit 0", &vec![b' '; 1_000_000], LIMIT), Ok(()));
    }

    #[test]
    fn a_program_that_hangs_is_killed() {
        let place = tempfile::tempdir().unwrap();
        let pid_file = place.path().join("pid");
        let script = format!("echo $$ > {}; exec sleep 60", pid_file.display());
        let outcome = run(&script, b"{}", Duration::from_millis(500));
        assert!(matches!(&outcome, Err(Trouble::Later(words)) if words.contains("killed")), "{outcome:?}");
        let pid = std::fs::read_to_string(pid_file).unwrap();
        assert!(!std::path::Path::new("/proc").join(pid.trim()).exists(), "the program lives on");
    }
}
