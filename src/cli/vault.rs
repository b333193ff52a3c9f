//! What guards the store: audit, backup, restore, purge, a new key.
//!
//! Hostile data: none but files that an operator names. Failure: words and an exit code.

use super::args::{AuditCommand, Global};
use super::output::Output;
use super::{FAILED, Failure, ask};
use crate::app::KeyFile;
use crate::app::Request;
use crate::app::audit::AuditView;
use crate::app::views::Octets;
use std::path::Path;

pub(super) fn run_audit(global: &Global, command: AuditCommand) -> Result<u8, Failure> {
    let request = match command {
        AuditCommand::Verify { head } => Request::AuditVerify { head: head.as_deref().map(head_file).transpose()? },
        AuditCommand::Head => Request::AuditHead,
    };
    ask(global, request)
}

/// No mail with a head is longer.
const LONGEST_HEAD: u64 = 1 << 20;

fn head_file(path: &Path) -> Result<KeyFile, Failure> {
    let name = path.display().to_string();
    let failed = |words: &dyn std::fmt::Display| Failure::new(FAILED, format!("cannot read {name}: {words}"));
    let size = std::fs::metadata(path).map_err(|e| failed(&e))?.len();
    if size > LONGEST_HEAD {
        return Err(failed(&"it is too long for a mail with a head"));
    }
    let octets = std::fs::read(path).map_err(|e| failed(&e))?;
    Ok(KeyFile { name, octets: Octets(octets) })
}

/// What `audit verify` found.
pub(super) fn audit(out: &Output, view: &AuditView) -> String {
    let mut text = match view.whole {
        true => "The history is whole.\n".to_owned(),
        false => format!("{}\n", out.loud("The history is NOT whole.")),
    };
    for fault in &view.faults {
        text.push_str(&format!("  {}: {}\n", fault.place, fault.words));
    }
    text.push_str(&format!("lines: {}   head: {}\n", view.rows, view.head));
    text.push_str(&format!("mails: {}   attachments: {}\n", view.mails, view.attachments));
    let last = view.last_signed_at.map_or(String::new(), |at| format!(", the last of {at}"));
    text.push_str(&format!("signed heads: {}{last}\n", view.signed_heads));
    match &view.given {
        Some(given) => text.push_str(&format!("given head: line {}, signed {}\n", given.rows, given.date)),
        None => text.push_str("Whether lines at the end were cut off shows a head kept elsewhere: --head FILE\n"),
    }
    text
}
