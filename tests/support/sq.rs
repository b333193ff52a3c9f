//! Sequoia's `sq`, which keeps no state: keys are files.

use std::path::Path;
use std::process::{Command, Stdio};

/// Runs `sq` with something on its standard input; gives its output, if it succeeds.
pub fn sq(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut child = Command::new("sq")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("sq is installed");
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let feeder = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    let _ = feeder.join().unwrap();
    assert!(output.status.success(), "sq {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// A path as an argument.
pub fn arg(path: &Path) -> &str {
    path.to_str().unwrap()
}
