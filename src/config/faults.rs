//! What is wrong with a config file: every fault at once, in words for the operator.

use std::fmt;
use std::path::{Path, PathBuf};

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// Counted from 1; None where it lies in no one line.
    pub line: Option<usize>,
    /// Counted from 1, in characters; for syntax only.
    pub column: Option<usize>,
    /// Path of the key, `mailbox[2].port` for the second `[[mailbox]]`; empty where there is none.
    pub key: String,
    /// What is wrong, and the right word if there is one near.
    pub words: String,
}

/// All faults of one file, in the order of its lines. Shown one a line, then their count.
#[derive(Debug, Clone)]
pub struct Faults {
    /// The config file.
    pub file: PathBuf,
    pub list: Vec<Fault>,
}

impl Faults {
    /// A file with one fault that lies in no line: it cannot be read, say.
    pub(super) fn of_file(file: &Path, words: String) -> Faults {
        Faults { file: file.to_owned(), list: vec![Fault { line: None, column: None, key: String::new(), words }] }
    }
}

impl Fault {
    /// The fault as one line that names the file, as compilers write it.
    pub fn in_file(&self, file: &Path) -> String {
        let mut out = file.display().to_string();
        for place in [self.line, self.column].into_iter().flatten() {
            out.push_str(&format!(":{place}"));
        }
        let key = if self.key.is_empty() { String::new() } else { format!(" {}:", self.key) };
        format!("{out}:{key} {}", self.words)
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for fault in &self.list {
            writeln!(f, "{}", fault.in_file(&self.file))?;
        }
        let faults = if self.list.len() == 1 { "1 fault".to_owned() } else { format!("{} faults", self.list.len()) };
        write!(f, "{faults} in {}", self.file.display())
    }
}

impl std::error::Error for Faults {}
