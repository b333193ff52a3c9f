//! The folder in which the demo plays: config, keys, a Maildir, a folder that mail leaves into, and
//! the commands, run as a person runs them.
//!
//! Hostile data: none. Failure: words that name the command or the file. The folder stays, whatever
//! happens; only its owner can read it.

use super::people::Person;
use crate::arrive::{open, read};
use crate::cli::generate::write_secret;
use crate::cli::{FAILED, Failure};
use crate::edge::openpgp::open::{KnownCertificate, Ring};
use crate::edge::openpgp::seam::{MemoryKeys, PrivateKeys};
use crate::edge::{maildir, random};
use crate::rules::report::Report;
use jiff::{Timestamp, Zoned};
use serde_json::Value;
use std::fs::{self, DirBuilder, File};
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The name of the config in the folder.
const CONFIG: &str = "vigie.toml";

/// The folder and who appears in it.
pub(super) struct Stage {
    pub dir: PathBuf,
    exe: PathBuf,
    pub team: Person,
    /// The analyst on duty, whose key the team has.
    pub alice: Person,
    /// A reporter whose key the team imports and confirms.
    pub camille: Person,
    /// A reporter whose key lies in the folder of certificates.
    pub noor: Person,
    /// A reporter with a key that the team has never seen.
    pub tom: Person,
    /// Whose key Tom takes for the team's.
    pub stranger: Person,
}

/// What a command gave.
pub(super) struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Stage {
    /// Makes the folder with everything in it.
    pub fn build(born: Timestamp) -> Result<Stage, Failure> {
        let person = |name, address| Person::new(name, address, born).map_err(failed);
        let exe = std::env::current_exe().map_err(|e| failed(format!("cannot find this program: {e}")))?;
        let dir = std::env::temp_dir().join(format!("vigie-demo-{}", random::code().to_lowercase()));
        let stage = Stage {
            dir,
            exe,
            team: person("CSIRT-EXAMPLE", "csirt@example.org")?,
            alice: person("Alice", "alice@example.org")?,
            camille: person("Camille", "camille@corp.example")?,
            noor: person("Noor", "noor@hospital.example")?,
            tom: person("Tom", "tom@partner.example")?,
            stranger: person("CSIRT-EXAMPLE", "csirt@example.org")?,
        };
        for folder in ["", "certs", "people", "pages", "out", "gnupg"] {
            let path = stage.dir.join(folder);
            let made = DirBuilder::new().mode(0o700).create(&path);
            made.map_err(|e| failed(format!("cannot make {}: {e}", path.display())))?;
        }
        maildir::make(&stage.dir.join("Maildir")).map_err(|e| failed(e.to_string()))?;
        let digits: String = random::bytes::<32>().iter().map(|octet| format!("{octet:02x}")).collect();
        stage.write("store.key", &format!("{digits}\n"))?;
        stage.write("team.asc", &stage.team.secret)?;
        stage.write("certs/alice.asc", &stage.alice.public)?;
        stage.write("certs/noor.asc", &stage.noor.public)?;
        stage.write("people/camille.asc", &stage.camille.public)?;
        for (name, person) in [("alice", &stage.alice), ("camille", &stage.camille), ("noor", &stage.noor)] {
            stage.write(&format!("people/{name}-secret.asc"), &person.secret)?;
        }
        stage.write("people/team.asc", &stage.team.public)?;
        stage.write(
            "people/README",
            "These keys were made for this demo. They have no passphrase and belong to nobody.\n",
        )?;
        stage.write("pager.sh", PAGER)?;
        stage.write(CONFIG, &stage.config())?;
        Ok(stage)
    }

    /// Writes a file into the folder, readable by its owner alone.
    pub fn write(&self, name: &str, text: &str) -> Result<(), Failure> {
        write_secret(&self.dir.join(name), text.as_bytes())
    }

    /// Brings a mail to the door at that time.
    pub fn deliver(&self, octets: &[u8], at: &Zoned) -> Result<(), Failure> {
        let maildir = self.dir.join("Maildir");
        let name = maildir::deliver(&maildir, octets, at.timestamp()).map_err(|e| failed(e.to_string()))?;
        // When a mail was received is when its file was written.
        let file = File::options().append(true).open(maildir.join("new").join(name));
        file.and_then(|file| file.set_modified(at.timestamp().into()))
            .map_err(|e| failed(format!("{}: {e}", maildir.display())))
    }

    /// How a person would type it, in the folder of the demo.
    pub fn typed(&self, arguments: &[&str]) -> String {
        let quoted: Vec<String> = arguments.iter().map(|word| quoted(word)).collect();
        format!("{} --config {} {}", quoted_path(&self.exe), quoted_path(&self.dir.join(CONFIG)), quoted.join(" "))
    }

    /// Runs a command of Vigie to its end.
    pub fn run(&self, arguments: &[&str], stdin: &str) -> Result<Ran, Failure> {
        let shown = || format!("vigie {}", arguments.join(" "));
        let broken = |e: std::io::Error| failed(format!("{} cannot be run: {e}", shown()));
        let mut command = Command::new(&self.exe);
        command.arg("--config").arg(self.dir.join(CONFIG)).args(arguments);
        for name in ["VIGIE_CONFIG", "CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET", "WATCHDOG_USEC"] {
            command.env_remove(name);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(broken)?;
        if let Some(mut pipe) = child.stdin.take() {
            // A command that does not read its input is free to do so: its exit code counts.
            let _ = pipe.write_all(stdin.as_bytes());
        }
        let ran = child.wait_with_output().map_err(broken)?;
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        Ok(Ran { code: ran.status.code(), out: text(&ran.stdout), err: text(&ran.stderr) })
    }

    /// As `run`, for a command that must succeed.
    pub fn done(&self, arguments: &[&str], stdin: &str) -> Result<Ran, Failure> {
        let ran = self.run(arguments, stdin)?;
        match ran.code {
            Some(0) => Ok(ran),
            _ => Err(failed(format!("vigie {} failed: {}", arguments.join(" "), ran.err.trim_end()))),
        }
    }

    /// The JSON of a command that must succeed.
    pub fn json(&self, arguments: &[&str]) -> Result<Value, Failure> {
        let ran = self.done(&[&["--json"], arguments].concat(), "")?;
        serde_json::from_str(&ran.out).map_err(|_| failed(format!("vigie {} gave no JSON", arguments.join(" "))))
    }

    /// Lets the daemon take what is there, fire what is due and send what is owed, at that time.
    pub fn turn(&self, at: &Zoned) -> Result<(), Failure> {
        self.done(&["--now", &at.timestamp().to_string(), "run", "--once"], "").map(drop)
    }

    /// The whole ticket.
    pub fn ticket(&self, number: &str) -> Result<Value, Failure> {
        self.json(&["ticket", "show", number])
    }

    /// The rows of the outbox of this kind about this ticket, oldest first.
    pub fn owed(&self, kind: &str, ticket: &Value) -> Result<Vec<Value>, Failure> {
        let all = self.json(&["outbox", "list", "--all"])?;
        let mut rows: Vec<Value> = all.as_array().cloned().unwrap_or_default();
        rows.retain(|row| row["kind"] == kind && row["ticket"] == ticket["number"]);
        rows.sort_by_key(|row| row["id"].as_i64());
        Ok(rows)
    }

    /// The file in which the mail of that row has left.
    pub fn left(&self, row: &Value) -> Result<PathBuf, Failure> {
        let start = format!("{:08}-", row["id"].as_i64().unwrap_or_default());
        let files = fs::read_dir(self.dir.join("out")).map_err(|e| failed(format!("out: {e}")))?;
        let found = files.flatten().find(|file| file.file_name().to_string_lossy().starts_with(&start));
        found.map(|file| file.path()).ok_or_else(|| failed(format!("no mail of outbox row {} has left", row["id"])))
    }

    /// Opens a mail of the team as its receiver's program would: with the receiver's keys, or none.
    pub fn open(&self, file: &Path, receiver: Option<&Person>, now: Timestamp) -> Result<Opened, Failure> {
        let octets = fs::read(file).map_err(|e| failed(format!("{}: {e}", file.display())))?;
        let none = MemoryKeys::default();
        let keys: &dyn PrivateKeys = receiver.map_or(&none, |person| &person.keys);
        let find = |_: &[String]| vec![self.known_team()];
        let ring = Ring { keys, find: &find, introducers: &[] };
        let own: Vec<_> = receiver.iter().map(|person| person.address.clone()).collect();
        let report = read::read(open::open(&octets, &ring, &own, now, now));
        Ok(Opened { report, whole: String::from_utf8_lossy(&octets).into_owned() })
    }

    /// What a reporter knows of the team: its certificate, with the fingerprint compared.
    fn known_team(&self) -> KnownCertificate {
        KnownCertificate {
            fingerprint: self.team.fingerprint.clone(),
            bytes: self.team.certificate.clone(),
            candidate: false,
            confirmed: true,
            addresses: vec![self.team.address.clone()],
        }
    }

    fn config(&self) -> String {
        let pager = self.dir.join("pager.sh");
        format!(
            r#"# Made by `vigie demo`. Everything stands in this folder; nothing leaves the machine.
[team]
name = "CSIRT-EXAMPLE"
address = "csirt@example.org"
phone = "+33 1 99 00 55 66"
ticket_prefix = "EX"
time_zone = "Europe/Paris"
languages = ["en", "fr"]

[store]
path = "vigie.db"
key_file = "store.key"              # the database is encrypted at rest
simulated_clock = true              # so that the story can move its clock

[pgp]
secret_keys = ["team.asc"]
certs = "certs"

[[mailbox]]
name = "csirt"
addresses = ["csirt@example.org", "report@example.org"]
kind = "incident"
source = "maildir"
path = "Maildir"

[smtp]
transport = "folder"                # one .eml a message
path = "out"

[sla]
business_days = "Mon-Fri"
holidays = "FR"
escalate_to = ["lead"]

[duty]
rotation = ["alice", "bob"]
handover = "Mon 09:00"
start = 2025-04-28
[[duty.analyst]]
name = "alice"
address = "alice@example.org"
fingerprint = "{}"
command = ["/bin/sh", {}]
[[duty.analyst]]
name = "bob"
address = "bob@example.org"
[[duty.analyst]]
name = "lead"
address = "lead@example.org"

[[constituent]]
name = "Example Corp"
domains = ["corp.example"]
[[constituent]]
name = "Example Hospital"
domains = ["hospital.example"]
language = "fr"
"#,
            self.alice.fingerprint,
            // A JSON string is a TOML string.
            Value::String(pager.display().to_string()),
        )
    }
}

/// A mail after opening, and as it lies in its file.
pub(super) struct Opened {
    pub report: Report,
    pub whole: String,
}

/// Stands for an SMS gateway: keeps the JSON it is given.
const PAGER: &str = "#!/bin/sh\n\
    # Vigie runs this for each page to alice, with JSON on standard input. Here it keeps it in a file.\n\
    umask 077\n\
    cat > \"$(dirname \"$0\")/pages/$(date +%s).$$.json\"\n";

/// A failure that ends the demo.
pub(super) fn failed(words: impl Into<String>) -> Failure {
    Failure::new(FAILED, words)
}

fn quoted_path(path: &Path) -> String {
    quoted(&path.display().to_string())
}

/// A word as a shell reads it back.
pub(super) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@+=,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn words_are_quoted_for_a_shell() {
        for (word, shown) in [("list", "list"), ("a b", "'a b'"), ("it's", r"'it'\''s'"), ("", "''"), ("$x", "'$x'")] {
            assert_eq!(quoted(word), shown);
        }
    }
}
