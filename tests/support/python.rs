//! Python with what tests/requirements.txt names: what others make of our files.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs a script with `input` on its standard input; it must succeed. Gives what it printed.
pub fn python(script: &str, input: &[u8]) -> String {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder").join("python/bin/python");
    assert!(home.exists(), "{} is missing: run `make python`", home.display());
    let mut child = Command::new(home)
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("python starts");
    child.stdin.take().expect("stdin").write_all(input).expect("input");
    let output = child.wait_with_output().expect("python ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}
