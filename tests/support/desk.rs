//! A team's desk: a folder with config, store and keys, and the built `vigie` to drive it.

use super::gnupg::{Gnupg, Kind};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A folder that `vigie` can be run in. Gone when dropped.
pub struct Desk {
    folder: tempfile::TempDir,
    /// The team's and everybody's keys, in GnuPG: mail for tests is made by it, not by us.
    pub gpg: Gnupg,
    /// Of the team's key.
    pub team: String,
    simulated: bool,
}

/// What a desk's config differs in.
pub struct Setup {
    pub mailboxes: String,
    pub smtp: String,
    pub more: String,
    pub simulated: bool,
    pub team_key: Kind,
    /// More of `[pgp]`.
    pub pgp: String,
    /// Promises, analysts and constituents.
    pub duty: String,
}

impl Default for Setup {
    fn default() -> Self {
        Setup {
            mailboxes: r#"
[[mailbox]]
name = "csirt"
addresses = ["csirt@example.org"]
kind = "incident"
source = "maildir"
path = "Maildir"
"#
            .to_owned(),
            smtp: "[smtp]\ntransport = \"folder\"\npath = \"out\"\n".to_owned(),
            more: String::new(),
            simulated: true,
            team_key: Kind::Curve25519,
            pgp: String::new(),
            duty: DUTY.to_owned(),
        }
    }
}

/// The duty table of every desk.
const DUTY: &str = r#"
[audit]
head = "none"
[sla]
escalate_to = ["lead", "boss"]

[duty]
rotation = ["alice", "bob"]
handover = "Mon 09:00"
start = 2026-01-05
digest = "none"
[[duty.analyst]]
name = "alice"
address = "alice@example.org"
[[duty.analyst]]
name = "bob"
address = "bob@example.org"
[[duty.analyst]]
name = "lead"
address = "lead@example.org"
[[duty.analyst]]
name = "boss"
address = "boss@example.org"

[[constituent]]
name = "Example Corp"
domains = ["corp.example"]
"#;

impl Desk {
    /// A desk with the usual config: one Maildir, mail out into a folder, a simulated clock.
    pub fn new() -> Desk {
        Desk::with(Setup::default())
    }

    /// A desk with another config.
    pub fn with(setup: Setup) -> Desk {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let gpg = Gnupg::at("20260101T000000");
        if !setup.simulated {
            gpg.turn_to_now();
        }
        let team = gpg.generate(setup.team_key, "CSIRT-EXAMPLE <csirt@example.org>");
        std::fs::write(folder.path().join("team.asc"), gpg.export_secret(&team)).expect("the team's key");
        for sub in ["Maildir/new", "Maildir/cur", "Maildir/tmp", "certs", "out"] {
            std::fs::create_dir_all(folder.path().join(sub)).expect("a folder");
        }
        let desk = Desk { folder, gpg, team, simulated: setup.simulated };
        // What is signed from here on is signed when the tests take place.
        desk.turn_to("20261127T165500");
        desk.configure(&setup);
        desk
    }

    /// Writes the config anew.
    pub fn configure(&self, setup: &Setup) {
        let simulated = if setup.simulated { "simulated_clock = true" } else { "" };
        let config = format!(
            "[team]\nname = \"CSIRT-EXAMPLE\"\naddress = \"csirt@example.org\"\nphone = \"+33 1 23 45 67 89\"\nticket_prefix = \"EX\"\n\
             [store]\npath = \"vigie.db\"\n{simulated}\n[pgp]\nsecret_keys = [\"team.asc\"]\ncerts = \"certs\"\n{}\n{}\n{}\n{}\n{}",
            setup.pgp, setup.mailboxes, setup.smtp, setup.duty, setup.more
        );
        std::fs::write(self.path("vigie.toml"), config).expect("the config");
    }

    /// A path in the desk's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The folder itself.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A command of `vigie` on this desk, not yet run.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vigie"));
        command.arg("--config").arg(self.path("vigie.toml")).args(arguments);
        command.env_remove("VIGIE_CONFIG").env("NO_COLOR", "1").stdin(Stdio::null());
        command
    }

    /// Makes a reporter's key and lets the team import it.
    pub fn befriend(&self, user_id: &str) -> String {
        self.turn_to("20260101T000000");
        let key = self.gpg.generate(Kind::Curve25519, user_id);
        self.turn_to("20261127T165500");
        std::fs::write(self.path("certs").join(format!("{key}.pgp")), self.gpg.export(&key)).expect("a certificate");
        key
    }

    /// Lets GnuPG act at a time, unless the desk lives in the real one.
    fn turn_to(&self, time: &str) {
        if self.simulated {
            self.gpg.turn_to(time);
        }
    }

    /// Runs `vigie`.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("vigie runs")
    }

    /// Runs `vigie` with something on its standard input.
    pub fn feed(&self, arguments: &[&str], input: &[u8]) -> Output {
        use std::io::Write;
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("vigie runs");
        child.stdin.take().expect("stdin").write_all(input).expect("input");
        child.wait_with_output().expect("vigie ends")
    }

    /// Runs `vigie`, which must succeed; gives its standard output.
    pub fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "vigie {arguments:?}: {}\n{}", output.status, text(&output.stderr));
        text(&output.stdout)
    }

    /// Runs `vigie ... --json`, which must succeed; gives the document.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let mut all = vec!["--json"];
        all.extend_from_slice(arguments);
        let out = self.ok(&all);
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("vigie {arguments:?}: {error}: {out}"))
    }

    /// Files one mail by `ingest`; gives its line.
    pub fn ingest(&self, mail: &[u8], now: &str) -> Value {
        self.ingest_into("csirt", mail, now)
    }

    /// Files one mail by `ingest` into a mailbox; gives its line.
    pub fn ingest_into(&self, mailbox: &str, mail: &[u8], now: &str) -> Value {
        let output = self.feed(&["--now", now, "ingest", "--mailbox", mailbox, "-"], mail);
        assert!(output.status.success(), "{}\n{}", output.status, text(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("one JSON line")
    }

    /// Files one mail and shows its ticket.
    pub fn ticket_of(&self, mail: &[u8], now: &str) -> Value {
        let line = self.ingest(mail, now);
        self.show(line["ticket"].as_str().unwrap_or_else(|| panic!("no ticket: {line}")))
    }

    /// One ticket.
    pub fn show(&self, number: &str) -> Value {
        self.json(&["ticket", "show", number])
    }

    /// Puts a mail into the Maildir, as if it had been delivered at `at`.
    pub fn deliver(&self, name: &str, mail: &[u8], at: &str) {
        let file = self.path("Maildir/tmp").join(name);
        std::fs::write(&file, mail).expect("a mail");
        let at: jiff::Timestamp = at.parse().expect("a time");
        let file = std::fs::File::options().write(true).open(file).expect("a mail");
        file.set_modified(at.into()).expect("a time of the file");
        std::fs::rename(self.path("Maildir/tmp").join(name), self.path("Maildir/new").join(name)).expect("a mail");
    }

    /// Does what is due at a time, and leaves.
    pub fn once(&self, now: &str) -> Output {
        self.run(&["--now", now, "run", "--once"])
    }

    /// Mails in the out folder, oldest first: (recipient, octets).
    pub fn sent(&self) -> Vec<(String, String)> {
        let mut files: Vec<PathBuf> =
            std::fs::read_dir(self.path("out")).expect("out").flatten().map(|entry| entry.path()).collect();
        files.sort();
        let read = |path: &PathBuf| {
            let mail = text(&std::fs::read(path).expect("a mail"));
            let to = header(&mail, "X-Envelope-To").unwrap_or_default();
            (to, mail)
        };
        files.iter().filter(|path| path.extension().is_some_and(|e| e == "eml")).map(read).collect()
    }

    /// Mails in the out folder to one address.
    pub fn sent_to(&self, address: &str) -> Vec<String> {
        self.sent().into_iter().filter(|(to, _)| to.contains(address)).map(|(_, mail)| mail).collect()
    }

    /// Starts the daemon and waits until its socket answers.
    pub fn daemon(&self) -> Daemon {
        self.daemon_with(&[])
    }

    /// Starts the daemon with more arguments in front.
    pub fn daemon_with(&self, arguments: &[&str]) -> Daemon {
        self.daemon_in(arguments, &[])
    }

    /// Starts the daemon with more arguments in front and more in its environment.
    pub fn daemon_in(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Daemon {
        let log = std::fs::File::options().create(true).append(true).open(self.path("daemon.log")).expect("a log");
        let mut all: Vec<&str> = arguments.to_vec();
        all.extend(["-v", "run"]);
        let mut command = self.command(&all);
        command.env_remove("NOTIFY_SOCKET").envs(environment.iter().copied());
        let child = command.stdout(Stdio::null()).stderr(log).spawn().expect("the daemon starts");
        let daemon = Daemon { child: Some(child) };
        let socket = self.path("vigie.sock");
        until("the daemon listens", Duration::from_secs(20), || {
            std::os::unix::net::UnixStream::connect(&socket).is_ok()
        });
        daemon
    }

    /// What the daemon has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path("daemon.log")).unwrap_or_default()
    }
}

/// A running daemon; killed when dropped.
pub struct Daemon {
    child: Option<Child>,
}

impl Daemon {
    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }

    /// Sends a signal by name, such as `HUP`.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.id().to_string()).status().expect("kill");
        assert!(status.success());
    }

    /// SIGTERM; gives how long it took and how it ended.
    pub fn stop(mut self) -> (Duration, std::process::ExitStatus) {
        let began = Instant::now();
        self.signal("TERM");
        let status = self.child.take().expect("a daemon").wait().expect("the daemon ends");
        (began.elapsed(), status)
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        let mut child = self.child.take().expect("a daemon");
        child.kill().expect("kill");
        child.wait().expect("the daemon ends");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Waits for something that another process does; fails after `within`.
pub fn until(what: &str, within: Duration, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < within, "waited {within:?} in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Octets as text.
pub fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

/// The value of a header field of a mail, unfolded.
pub fn header(mail: &str, name: &str) -> Option<String> {
    let head = mail.split("\r\n\r\n").next()?.split("\n\n").next()?;
    let mut lines = head.lines();
    let prefix = format!("{}:", name.to_lowercase());
    let mut value = lines.find(|line| line.to_lowercase().starts_with(&prefix))?[prefix.len()..].trim().to_owned();
    for line in lines.take_while(|line| line.starts_with([' ', '\t'])) {
        value.push(' ');
        value.push_str(line.trim());
    }
    Some(value)
}

/// A mail with its quoted-printable undone, wherever that may stand: to look for words in.
pub fn unquoted(mail: &str) -> String {
    let mail = mail.replace("=\r\n", "").replace("=\n", "");
    let mut parts = mail.split('=');
    let mut octets = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        match part.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(octet) => {
                octets.push(octet);
                octets.extend(&part.as_bytes()[2..]);
            }
            None => octets.extend(format!("={part}").bytes()),
        }
    }
    text(&octets)
}

/// A plain mail.
pub fn plain(from: &str, subject: &str, body: &str) -> Vec<u8> {
    let id = format!("<{:016x}@corp.example>", fnv(&format!("{from}{subject}{body}")));
    format!(
        "Return-Path: <{from}>\r\nFrom: {from}\r\nTo: csirt@example.org\r\nSubject: {subject}\r\nDate: Fri, 27 Nov 2026 18:00:00 +0100\r\n\
         Message-ID: {id}\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{}\r\n",
        body.replace('\n', "\r\n")
    )
    .into_bytes()
}

fn fnv(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, octet| (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3))
}

/// Wraps GnuPG's ciphertext as PGP/MIME (RFC 3156 section 4).
pub fn pgp_mime(from: &str, outer_subject: &str, armored: &str) -> Vec<u8> {
    let id = format!("<{:016x}@corp.example>", fnv(armored));
    format!(
        "Return-Path: <{from}>\r\nFrom: {from}\r\nTo: csirt@example.org\r\nSubject: {outer_subject}\r\nDate: Fri, 27 Nov 2026 18:00:00 +0100\r\n\
         Message-ID: {id}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=\"b1\"\r\n\r\n\
         --b1\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n\r\n\
         --b1\r\nContent-Type: application/octet-stream\r\n\r\n{}\r\n--b1--\r\n",
        armored.replace("\r\n", "\n").replace('\n', "\r\n")
    )
    .into_bytes()
}

/// A MIME entity with its real subject inside (RFC 9788 `hp="cipher"`).
pub fn protected(from: &str, subject: &str, body: &str) -> String {
    format!(
        "From: {from}\r\nTo: csirt@example.org\r\nSubject: {subject}\r\nContent-Type: text/plain; charset=utf-8; hp=\"cipher\"\r\n\r\n{}\r\n",
        body.replace('\n', "\r\n")
    )
}
