//! The end of the demo: where the folder is, what to try, and how to list every claim again, by
//! Vigie's own commands and by GnuPG. The same lines stand as scripts in the folder.
//!
//! Hostile data: none. Failure: a file that cannot be written.

use super::stage::{Stage, quoted};
use super::tell::Teller;
use crate::cli::Failure;
use serde_json::Value;
use std::path::Path;

/// Tells all of it.
pub(super) fn tell(stage: &Stage, tell: &Teller) -> Result<(), Failure> {
    let dir = stage.dir.display();
    tell.heading("What is left")?;
    tell.line(&format!("   {dir}"))?;
    tell.line("   Config, store, keys, mail in (Maildir), mail out (out), pages. Delete it when you like.")?;
    tell.line("   The keys in people/ were made for this demo and belong to nobody.")?;

    script(stage, tell, "Every claim again", "again.sh", &again(stage))?;
    let gnupg = gnupg(stage)?;
    script(stage, tell, "The mail that left, opened by GnuPG", "gnupg.sh", &gnupg)?;

    tell.heading("What to try next")?;
    for (about, arguments) in [
        ("a note of your own, and who did what when", &["ticket", "note", "3"][..]),
        ("the analyst's decision: an emergency or not", &["ticket", "priority", "3", "emergency"]),
        ("what a monitoring probe asks", &["status"]),
        ("the daemon itself; stop it with Ctrl-C", &["run"]),
    ] {
        tell.line(&format!("   # {about}\n   {}", stage.typed(arguments)))?;
    }
    tell.line("   # a house of your own\n   vigie init DIR")
}

/// Prints a heading and lines, and keeps the lines as a script.
fn script(stage: &Stage, tell: &Teller, heading: &str, name: &str, lines: &[String]) -> Result<(), Failure> {
    tell.heading(&format!("{heading} (also: sh {})", quoted(&stage.dir.join(name).display().to_string())))?;
    lines.iter().try_for_each(|line| tell.line(&format!("   {line}")))?;
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    stage.write(name, &format!("#!/bin/sh\nset -e\n{text}"))
}

fn again(stage: &Stage) -> Vec<String> {
    let list: [(&str, &[&str]); 10] = [
        ("five mails, five tickets; the closed one too", &["ticket", "list", "--all"]),
        ("1: opened, verified, answered", &["ticket", "show", "1"]),
        ("2: urgent in the encrypted subject, paged, acknowledged", &["ticket", "show", "2"]),
        ("3: forwarded phishing, its indicators, reminded, escalated", &["ticket", "show", "3"]),
        ("   and its files with their hashes", &["ticket", "attachments", "3"]),
        ("4: a machine's report, filed silently", &["ticket", "show", "4"]),
        ("5: not to be opened, and why", &["ticket", "show", "5"]),
        ("every mail and page that left, to whom", &["outbox", "list", "--all"]),
        ("whose keys, and how far they are believed", &["key", "list"]),
        ("who is on duty, and the page that was acknowledged", &["duty", "show"]),
    ];
    let line = |(about, arguments): (&str, &[&str])| [format!("# {about}"), stage.typed(arguments)];
    let mut lines: Vec<String> = list.into_iter().flat_map(line).collect();
    lines.push("# all of a ticket as JSON: verdict, headers, deadlines, history".to_owned());
    lines.push(stage.typed(&["--json", "ticket", "show", "1"]));
    lines
}

/// How GnuPG, which shares no code with us, opens and verifies what left.
fn gnupg(stage: &Stage) -> Result<Vec<String>, Failure> {
    let gpg = "gpg --batch --homedir \"$PWD/gnupg\"";
    let mail = |row: &Value| -> Result<String, Failure> {
        let name = stage.left(row)?.file_name().map(|name| name.to_string_lossy().into_owned());
        Ok(format!("out/{}", name.unwrap_or_default()))
    };
    let mut lines = vec![
        format!("cd {}", path(&stage.dir)),
        "# the team's public key, and the demo's test keys of those who got mail".to_owned(),
        format!("{gpg} --import people/team.asc people/*-secret.asc"),
    ];
    let one = stage.ticket("1")?;
    for (about, kind) in
        [("the acknowledgement that Camille got", "acknowledgement"), ("Alice's answer to her", "answer")]
    {
        let row = stage.owed(kind, &one)?.first().cloned().unwrap_or(Value::Null);
        let mail = mail(&row)?;
        lines.push(format!("# {about}: decrypt, and verify the signature inside"));
        lines.push(format!(
            "sed -n '/^-----BEGIN PGP MESSAGE-----/,/^-----END PGP MESSAGE-----/p' {mail} | tr -d '\\r' | {gpg} --decrypt"
        ));
    }
    let row = stage.owed("escalation", &stage.ticket("3")?)?.first().cloned().unwrap_or(Value::Null);
    let mail = mail(&row)?;
    lines.push("# the escalation, in clear: the signed part without its last line end, and the signature".to_owned());
    lines.push(format!("awk '/^--=_/ {{n++; next}} n == 1' {mail} | head -c -2 > part"));
    lines.push(format!("awk '/^--=_/ {{n++; next}} n == 2' {mail} | sed -n '/^-----BEGIN/,/^-----END/p' > part.asc"));
    lines.push(format!("{gpg} --verify part.asc part"));
    lines.push("# its agent, which it started by itself".to_owned());
    lines.push("gpgconf --homedir \"$PWD/gnupg\" --kill all".to_owned());
    Ok(lines)
}

fn path(path: &Path) -> String {
    quoted(&path.display().to_string())
}
